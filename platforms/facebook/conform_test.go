package facebook_test

import (
	"context"
	"net/http"
	"testing"

	"takhojd/platforms"
	"takhojd/platforms/facebook"
	"takhojd/platforms/platformtest"
)

func TestPageConforms(t *testing.T) {
	accounts := []platformtest.Account{
		{Platform: platforms.Facebook, ID: pageID, Name: "Region Stockholm", Token: "simulated-token-of-the-page"},
		{Platform: platforms.Facebook, ID: "410100000000009", Name: "Någon annan", Token: "simulated-token-of-another"},
	}
	platformtest.Conform(t, platformtest.Subject{
		Options: platformtest.Options{AppSecret: secret, VerifyToken: verify, Accounts: accounts},
		Account: accounts[0], Stranger: accounts[1],
		New: func(t testing.TB, s *platformtest.Server, channel platforms.Channel, account platformtest.Account) platformtest.Adapter {
			return newPage(t, s.URL(), func(cfg *facebook.Config) { cfg.Channel, cfg.PageToken = channel, account.Token })
		},
		Webhook: newConformHook,
		Pushes:  []platforms.EventKind{platforms.Added, platforms.Edited, platforms.Removed, platforms.Hidden, platforms.Restored},
	})
}

// newConformHook is the webhook of the one channel.
func newConformHook(t testing.TB, _ *platformtest.Server, channel platforms.Channel, sink func(context.Context, []platforms.Event) error) http.Handler {
	hook, err := facebook.NewWebhook(facebook.WebhookConfig{AppSecret: secret, VerifyToken: verify, Sink: sink,
		Channels: map[string]platforms.Channel{channel.Account: channel}})
	if err != nil {
		t.Fatal(err)
	}
	return hook
}
