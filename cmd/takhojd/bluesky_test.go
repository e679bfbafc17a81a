package main

import (
	"context"
	"strings"
	"testing"

	"go.uber.org/zap"

	"takhojd/moderation"
	"takhojd/platforms"
	"takhojd/platforms/bluesky"
	"takhojd/platforms/platformtest"
)

// What moderation looks for in the adapter.
var _ interface {
	moderation.Adapter
	moderation.Listener
	moderation.Muter
	moderation.Reporter
	moderation.Closer
	moderation.Checker
} = (*bluesky.Account)(nil)

// A Bluesky channel of the configuration reaches its account, with its app password, on the configured server.
func TestBlueskyIsWired(t *testing.T) {
	account := platformtest.Account{Platform: platforms.Bluesky, ID: "did:plc:regionstockholm234567abc", Name: "Region Stockholm", Token: "abcd-efgh-ijkl-mnop"}
	network, err := platformtest.Start(t.Context(), platformtest.Options{Accounts: []platformtest.Account{account}})
	if err != nil {
		t.Fatal(err)
	}
	defer network.Close()
	post, err := network.AddPost(platformtest.Post{Account: account.ID, Text: "Budget 2027"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Bluesky: BlueskyConfig{Service: network.URL()},
		Channels: []ChannelConfig{{ID: "rs-bluesky", Platform: "bluesky", Account: account.ID, Token: Secret{Env: "BLUESKY_APP_PASSWORD"}}}}
	if _, err := newWiring(cfg, 1, zap.NewNop(), nil, nil); err == nil || !strings.Contains(err.Error(), "rs-bluesky") {
		t.Errorf("without a password: %v", err)
	}
	t.Setenv("BLUESKY_APP_PASSWORD", account.Token)
	wires, err := newWiring(cfg, 1, zap.NewNop(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	read, err := wires.adapters["rs-bluesky"].FetchPost(context.Background(), post.ID)
	if err != nil || read.Text != "Budget 2027" {
		t.Errorf("read %+v, %v", read, err)
	}
}
