package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"takhojd/moderation"
	"takhojd/platforms"
	"takhojd/platforms/bluesky"
	"takhojd/platforms/facebook"
	"takhojd/platforms/twitter"
)

// wiring holds the adapter of each channel, as the configuration wants them, and makes the webhooks that feed them.
type wiring struct {
	cfg      Config
	quota    int
	log      *zap.Logger
	channels []platforms.Channel
	adapters map[string]moderation.Adapter // by channel id
	facebook *facebook.Metrics
	x        *twitter.Metrics
	bluesky  *bluesky.Metrics
	ledger   twitter.Ledger
}

// newWiring makes an adapter for each channel. It makes no call. registry may be nil, and ledger where no other process acts on the channels.
func newWiring(cfg Config, quota int, log *zap.Logger, registry prometheus.Registerer, ledger twitter.Ledger) (*wiring, error) {
	w := &wiring{cfg: cfg, quota: quota, log: log, adapters: map[string]moderation.Adapter{}, facebook: facebook.NewMetrics(registry),
		x: twitter.NewMetrics(registry), bluesky: bluesky.NewMetrics(registry), ledger: ledger}
	for _, c := range cfg.Channels {
		channel := c.channel(quota)
		adapter, err := w.adapter(c, channel)
		if err != nil {
			return nil, fmt.Errorf("channel %s: %w", c.ID, err)
		}
		w.channels = append(w.channels, channel)
		w.adapters[c.ID] = adapter
	}
	return w, nil
}

// adapter makes the adapter of one channel.
func (w *wiring) adapter(c ChannelConfig, channel platforms.Channel) (moderation.Adapter, error) {
	token, err := c.Token.Read()
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	switch channel.Platform {
	case platforms.Facebook, platforms.Instagram:
		return w.meta(channel, token)
	case platforms.X:
		return w.xAccount(c, channel, token)
	case platforms.Bluesky:
		return bluesky.NewAccount(bluesky.Config{Service: w.cfg.Bluesky.Service, AppPassword: token, Channel: channel, Log: w.log, Metrics: w.bluesky})
	}
	return nil, fmt.Errorf("platform: %q has no adapter yet", channel.Platform)
}

// meta makes the adapter of a Facebook page or an Instagram account.
func (w *wiring) meta(channel platforms.Channel, token string) (moderation.Adapter, error) {
	secret, verify, err := w.cfg.Facebook.secrets()
	if err != nil {
		return nil, err
	}
	cfg := facebook.Config{BaseURL: w.cfg.Facebook.BaseURL, Version: w.cfg.Facebook.Version, AppID: w.cfg.Facebook.AppID,
		AppSecret: secret, VerifyToken: verify, PageToken: token, Channel: channel, Log: w.log, Metrics: w.facebook,
		ListenEvery: time.Duration(w.cfg.Facebook.InstagramEvery)}
	if channel.Platform == platforms.Instagram {
		return facebook.NewInstagram(cfg)
	}
	return facebook.NewPage(cfg)
}

// secrets reads the app's secrets.
func (c FacebookConfig) secrets() (app, verify string, err error) {
	if app, err = c.AppSecret.Read(); err != nil {
		return "", "", fmt.Errorf("facebook: app_secret: %w", err)
	}
	if verify, err = c.VerifyToken.Read(); err != nil {
		return "", "", fmt.Errorf("facebook: verify_token: %w", err)
	}
	return app, verify, nil
}

// xAccount makes the adapter of an account on X. The platform allows an app one stream: the first account in the configuration keeps it, for
// all of them.
func (w *wiring) xAccount(c ChannelConfig, channel platforms.Channel, token string) (moderation.Adapter, error) {
	key, secret, err := w.cfg.X.secrets()
	if err != nil {
		return nil, err
	}
	bearer, err := w.cfg.X.Bearer.Read()
	if err != nil {
		return nil, fmt.Errorf("x: bearer: %w", err)
	}
	half, err := c.TokenSecret.Read()
	if err != nil {
		return nil, fmt.Errorf("token_secret: %w", err)
	}
	if half == "" {
		return nil, errors.New("token_secret: an account on X has a second half of its token")
	}
	cfg := twitter.Config{BaseURL: w.cfg.X.BaseURL, ConsumerKey: key, ConsumerSecret: secret, Bearer: bearer, AccessToken: token, AccessSecret: half,
		Channel: channel, Ledger: w.ledger, Log: w.log, Metrics: w.x}
	if len(w.on(platforms.X)) == 0 {
		cfg.Stream = map[string]platforms.Channel{}
		for _, other := range w.cfg.Channels {
			if platforms.Platform(other.Platform) == platforms.X {
				cfg.Stream[other.Account] = other.channel(w.quota)
			}
		}
	}
	return twitter.NewAccount(cfg)
}

// secrets reads the app's secrets.
func (c XConfig) secrets() (key, secret string, err error) {
	if key, err = c.ConsumerKey.Read(); err != nil {
		return "", "", fmt.Errorf("x: consumer_key: %w", err)
	}
	if secret, err = c.ConsumerSecret.Read(); err != nil {
		return "", "", fmt.Errorf("x: consumer_secret: %w", err)
	}
	return key, secret, nil
}

// on lists the channels of a platform by their account.
func (w *wiring) on(p platforms.Platform) map[string]platforms.Channel {
	found := map[string]platforms.Channel{}
	for _, c := range w.channels {
		if c.Platform == p {
			found[c.Account] = c
		}
	}
	return found
}

// telling is sink, and what it took is told to those adapters that follow what they are told of.
func (w *wiring) telling(sink func(context.Context, []platforms.Event) error) func(context.Context, []platforms.Event) error {
	return func(ctx context.Context, events []platforms.Event) error {
		if err := sink(ctx, events); err != nil {
			return err
		}
		for _, adapter := range w.adapters {
			if instagram, ok := adapter.(*facebook.Instagram); ok {
				instagram.Told(events)
			}
		}
		return nil
	}
}

// webhooks is what the platforms deliver to: each at /webhooks/ and its name. sink returns nil when the events are durable.
func (w *wiring) webhooks(sink func(context.Context, []platforms.Event) error) (http.Handler, error) {
	mux := http.NewServeMux()
	pages := w.on(platforms.Facebook)
	maps.Copy(pages, w.on(platforms.Instagram)) // one app, one secret: either address takes both
	if len(pages) > 0 {
		secret, verify, err := w.cfg.Facebook.secrets()
		if err != nil {
			return nil, err
		}
		hook, err := facebook.NewWebhook(facebook.WebhookConfig{AppSecret: secret, VerifyToken: verify, Channels: pages, Sink: w.telling(sink), Log: w.log,
			Metrics: w.facebook})
		if err != nil {
			return nil, err
		}
		mux.Handle("/webhooks/facebook", hook)
		mux.Handle("/webhooks/instagram", hook)
	}
	if accounts := w.on(platforms.X); len(accounts) > 0 {
		_, secret, err := w.cfg.X.secrets()
		if err != nil {
			return nil, err
		}
		hook, err := twitter.NewWebhook(twitter.WebhookConfig{ConsumerSecret: secret, BaseURL: w.cfg.X.BaseURL, Channels: accounts, Sink: sink, Log: w.log,
			Metrics: w.x})
		if err != nil {
			return nil, err
		}
		mux.Handle("/webhooks/x", hook)
	}
	return mux, nil
}
