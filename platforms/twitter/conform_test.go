package twitter_test

import (
	"context"
	"net/http"
	"testing"

	"takhojd/platforms"
	"takhojd/platforms/platformtest"
	"takhojd/platforms/twitter"
)

const secret = "the-app's-consumer-secret"

var accounts = []platformtest.Account{
	{Platform: platforms.X, ID: "1400000000000000001", Name: "Region Stockholm", Token: "1400000000000000001-token"},
	{Platform: platforms.X, ID: "1400000000000000002", Name: "En annan region", Token: "1400000000000000002-token"},
}

// newAccount makes an adapter for an account of a simulated X.
func newAccount(t testing.TB, s *platformtest.Server, channel platforms.Channel, account platformtest.Account, change func(*twitter.Config)) *twitter.Account {
	t.Helper()
	keys := platformtest.KeysForX(account, secret)
	cfg := twitter.Config{BaseURL: s.URL(), ConsumerKey: keys.ConsumerKey, ConsumerSecret: keys.ConsumerSecret, AccessToken: keys.AccessToken,
		AccessSecret: keys.AccessSecret, Bearer: keys.Bearer, Channel: channel}
	if change != nil {
		change(&cfg)
	}
	a, err := twitter.NewAccount(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// silent is an account that is not asked to listen: it hears by webhook.
type silent struct {
	platformtest.Adapter
	muter
}

type muter interface {
	Mute(context.Context, platforms.Author) error
	Check(context.Context) []platforms.Check
	Said(context.Context, platforms.Ref, string) (string, error)
}

func subject() platformtest.Subject {
	return platformtest.Subject{Options: platformtest.Options{AppSecret: secret, Accounts: accounts}, Account: accounts[0], Stranger: accounts[1],
		Pushes: []platforms.EventKind{platforms.Added, platforms.Edited}}
}

func TestConformByWebhook(t *testing.T) {
	s := subject()
	s.New = func(t testing.TB, s *platformtest.Server, channel platforms.Channel, account platformtest.Account) platformtest.Adapter {
		a := newAccount(t, s, channel, account, nil)
		return silent{a, a}
	}
	s.Webhook = func(t testing.TB, s *platformtest.Server, channel platforms.Channel, sink func(context.Context, []platforms.Event) error) http.Handler {
		hook, err := twitter.NewWebhook(twitter.WebhookConfig{ConsumerSecret: secret, BaseURL: s.URL(), Sink: sink,
			Channels: map[string]platforms.Channel{channel.Account: channel}})
		if err != nil {
			t.Fatal(err)
		}
		return hook
	}
	platformtest.Conform(t, s)
}

func TestConformByStream(t *testing.T) {
	s := subject()
	s.New = func(t testing.TB, s *platformtest.Server, channel platforms.Channel, account platformtest.Account) platformtest.Adapter {
		return newAccount(t, s, channel, account, func(cfg *twitter.Config) {
			cfg.Stream = map[string]platforms.Channel{channel.Account: channel}
		})
	}
	platformtest.Conform(t, s)
}
