package facebook_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"takhojd/platforms"
	"takhojd/platforms/facebook"
	"takhojd/platforms/platformtest"
)

// allKinds is everything that can happen to a comment.
var allKinds = []platforms.EventKind{platforms.Added, platforms.Edited, platforms.Removed, platforms.Hidden, platforms.Restored}

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
		Pushes:  allKinds,
	})
}

// instagramAccounts are ours and somebody else's.
var instagramAccounts = []platformtest.Account{
	{Platform: platforms.Instagram, ID: "17841400000000001", Name: "regionstockholm", Token: "simulated-token-of-instagram"},
	{Platform: platforms.Instagram, ID: "17841400000000009", Name: "någon annan", Token: "simulated-token-of-another"},
}

func TestInstagramConforms(t *testing.T) {
	platformtest.Conform(t, platformtest.Subject{
		Options: platformtest.Options{AppSecret: secret, VerifyToken: verify, Accounts: instagramAccounts},
		Account: instagramAccounts[0], Stranger: instagramAccounts[1],
		New: func(t testing.TB, s *platformtest.Server, channel platforms.Channel, account platformtest.Account) platformtest.Adapter {
			return newInstagram(t, s.URL(), func(cfg *facebook.Config) { cfg.Channel, cfg.PageToken = channel, account.Token })
		},
		Webhook:    newConformHook,
		Pushes:     allKinds, // new comments by webhook, the rest by listening
		NoPictures: true,
	})
}

func newInstagram(t testing.TB, address string, change func(*facebook.Config)) *facebook.Instagram {
	t.Helper()
	cfg := facebook.Config{BaseURL: address, AppID: "310000000000001", AppSecret: secret, PageToken: instagramAccounts[0].Token,
		Channel:     platforms.Channel{ID: "rs-instagram", Platform: platforms.Instagram, Account: instagramAccounts[0].ID},
		ListenEvery: 20 * time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	account, err := facebook.NewInstagram(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return account
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
