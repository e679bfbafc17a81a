package twitter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"
	"time"

	"go.uber.org/zap"

	"takhojd/platforms"
)

// How long to stay away from a stream that broke, as X asks for it: at once, then by what was wrong.
const (
	networkStep  = 250 * time.Millisecond // more each time
	networkMost  = 16 * time.Second
	refusedFirst = 5 * time.Second // doubled each time
	refusedMost  = 320 * time.Second
	limitedFirst = time.Minute // doubled each time
	limitedMost  = window
)

// The streams that an app may have.
const (
	activityStream = "activity"
	filteredStream = "filtered"
)

// Listen keeps a stream open and hands over what it brings, for all channels of [Config.Stream], until ctx is cancelled: the Activity API's,
// or the filtered stream where the app may not have that one. It makes the subscriptions or rules that are missing, and reconnects by
// itself. It returns an error only when a person must act: platforms.ErrTokenDead, or platforms.ErrNotPermitted when the app may have
// neither stream. Without a bearer token, or without channels, there is nothing to listen to, and it waits.
//
// What the sink refuses, and what is said while no stream is open, is found by catching up.
func (a *Account) Listen(ctx context.Context, sink func(context.Context, []platforms.Event) error) error {
	if len(a.cfg.Stream) == 0 || a.app == nil {
		<-ctx.Done()
		return nil
	}
	which := activityStream
	var pace pace
	for {
		heard, err := a.follow(ctx, which, sink)
		if ctx.Err() != nil {
			return nil
		}
		a.cfg.Metrics.streams.WithLabelValues(which, why(err)).Inc()
		switch {
		case errors.Is(err, platforms.ErrTokenDead):
			return err
		case errors.Is(err, platforms.ErrNotPermitted) && which == activityStream:
			a.cfg.Log.Info("twitter: the app may not have the activity stream; trying the filtered one", zap.Error(err))
			which = filteredStream
			continue
		case errors.Is(err, platforms.ErrNotPermitted):
			return err
		}
		wait := pace.next(heard, err, a.cfg.Now())
		a.cfg.Log.Info("twitter: a stream ended", zap.String("stream", which), zap.Duration("again_in", wait), zap.Error(err))
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil
		}
	}
}

// pace says how long to wait before a stream is opened again.
type pace struct {
	network, refused, limited time.Duration
}

// next is the wait after a stream that ended with err. Whatever was heard on it sets all back: the first time after that is at once.
func (p *pace) next(heard bool, err error, now time.Time) time.Duration {
	if heard {
		*p = pace{}
	}
	var limit *platforms.RetryAfterError
	var refusal *APIError
	switch {
	case errors.As(err, &limit):
		p.limited = min(max(2*p.limited, limitedFirst), limitedMost)
		return max(p.limited, limit.At.Sub(now))
	case errors.As(err, &refusal), errors.Is(err, errNotKept):
		p.refused = min(max(2*p.refused, refusedFirst), refusedMost)
		return p.refused
	case heard:
		return 0
	}
	p.network = min(p.network+networkStep, networkMost)
	return p.network
}

// why is an end as a metric's label.
func why(err error) string {
	switch {
	case errors.Is(err, errSilent):
		return "silent"
	case errors.Is(err, errEnded):
		return "ended"
	case errors.Is(err, errNotKept):
		return "not kept"
	}
	return platforms.Outcome(err)
}

// errNotKept wraps the sink's error.
var errNotKept = errors.New("what the stream brought could not be kept")

// follow keeps one connection of a stream until it ends.
func (a *Account) follow(ctx context.Context, which string, sink func(context.Context, []platforms.Event) error) (heard bool, err error) {
	path := "/2/activity/stream"
	if which == activityStream {
		for _, account := range a.listensFor() {
			if err := a.subscribe(ctx, account, ""); err != nil {
				return false, err
			}
		}
	} else {
		if err := a.makeRules(ctx); err != nil {
			return false, err
		}
		path = "/2/tweets/search/stream?" + fields().Encode()
	}
	return a.connect(ctx, path, func(raw []byte) error {
		events, err := a.heardOn(which, raw)
		if err != nil || len(events) == 0 {
			return err
		}
		for _, e := range events {
			a.cfg.Metrics.events.WithLabelValues(e.Comment.Ref.Channel, string(e.Kind), e.Via).Inc()
		}
		if err := sink(ctx, events); err != nil {
			return fmt.Errorf("%w: %w", errNotKept, err)
		}
		return nil
	})
}

// heardOn turns a stream's message into events. Its error ends the connection.
func (a *Account) heardOn(which string, raw []byte) (events []platforms.Event, err error) {
	at := place{channels: a.cfg.Stream, site: siteOf(a.cfg.BaseURL), via: "stream", now: a.cfg.Now()}
	if err := judge(http.StatusOK, nil, raw, at.now); err != nil {
		var e *APIError
		if errors.As(err, &e) {
			return nil, err // the platform says why it is about to hang up
		}
		tellSkipped(a.cfg.Metrics, a.cfg.Log, &skipped{"shape", "no JSON object"})
		return nil, nil
	}
	var skip *skipped
	if which == activityStream {
		var ev *platforms.Event
		if ev, skip, err = parseActivity(raw, at); ev != nil {
			events = append(events, *ev)
		}
	} else {
		events, skip, err = parseFiltered(raw, at)
	}
	if err != nil {
		skip = &skipped{"shape", "a message that cannot be read"}
	}
	if skip != nil {
		tellSkipped(a.cfg.Metrics, a.cfg.Log, skip)
	}
	return events, nil
}

func (a *Account) listensFor() []string {
	accounts := make([]string, 0, len(a.cfg.Stream))
	for account := range a.cfg.Stream {
		accounts = append(accounts, account)
	}
	sort.Strings(accounts)
	return accounts
}

// subscription is a wish of the app's to be told of something.
type subscription struct {
	ID        word `json:"subscription_id"`
	EventType word `json:"event_type"`
	Webhook   word `json:"webhook_id"`
	Filter    struct {
		UserID word `json:"user_id"`
	} `json:"filter"`
}

// subscriptions lists what the app subscribes to about an account.
func (a *Account) subscriptions(ctx context.Context, account string) ([]subscription, error) {
	var list []subscription
	err := a.list(ctx, call{action: "subscriptions", path: "/2/activity/subscriptions", query: url.Values{}, app: true}, "pagination_token",
		func(items []json.RawMessage, _ includes) error {
			for _, raw := range items {
				var s subscription
				if lenient(raw, &s) == nil && string(s.Filter.UserID) == account {
					list = append(list, s)
				}
			}
			return nil
		})
	return list, err
}

// subscribe makes the subscriptions to an account that are missing, delivered to a webhook or, where that is "", by stream. One that is
// there already is left as it is, wherever it is delivered.
func (a *Account) subscribe(ctx context.Context, account, webhook string) error {
	there, err := a.subscriptions(ctx, account)
	if err != nil {
		return err
	}
	for _, kind := range eventTypes {
		if slices.ContainsFunc(there, func(s subscription) bool {
			return string(s.EventType) == kind && (webhook == "" || string(s.Webhook) == webhook)
		}) {
			continue
		}
		body := map[string]any{"event_type": kind, "filter": map[string]string{"user_id": account}, "tag": ruleTag + account}
		if webhook != "" {
			body["webhook_id"] = webhook
		}
		if _, err := a.call(ctx, call{action: "subscribe", method: http.MethodPost, path: "/2/activity/subscriptions", body: body, app: true}); err != nil {
			return err
		}
	}
	return nil
}

// hook is where the platform delivers.
type hook struct {
	ID    word   `json:"id"`
	URL   string `json:"url"`
	Valid bool   `json:"valid"`
}

func (a *Account) hooks(ctx context.Context) ([]hook, error) {
	body, err := a.call(ctx, call{action: "webhooks", method: http.MethodGet, path: "/2/webhooks", app: true})
	if err != nil {
		return nil, err
	}
	var got struct {
		Data []hook `json:"data"`
	}
	if err := lenient(body, &got); err != nil {
		return nil, fmt.Errorf("twitter: webhooks: %w", err)
	}
	return got.Data, nil
}

// Subscribe asks the platform to deliver what is said to the account to a webhook, at an address that the whole world reaches by https. The
// platform asks the webhook at once to prove itself, so it must be running. Where webhook is "" it is delivered by stream. What is there
// already is left as it is. It takes [Config.Bearer].
func (a *Account) Subscribe(ctx context.Context, webhook string) error {
	if a.app == nil {
		return errors.New("twitter: subscribe: it takes the app's bearer token")
	}
	if webhook == "" {
		return a.subscribe(ctx, a.cfg.Channel.Account, "")
	}
	hooks, err := a.hooks(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(hooks, func(h hook) bool { return h.URL == webhook })
	if i < 0 {
		body, err := a.call(ctx, call{action: "make webhook", method: http.MethodPost, path: "/2/webhooks", body: map[string]string{"url": webhook}, app: true})
		if err != nil {
			return err
		}
		// The API's description has the webhook bare; its guide has it in data.
		var made struct {
			hook
			Data hook `json:"data"`
		}
		if lenient(body, &made) != nil || made.ID == "" && made.Data.ID == "" {
			return errors.New("twitter: make webhook: the platform answered without an id")
		}
		if made.ID == "" {
			made.hook = made.Data
		}
		hooks, i = append(hooks, made.hook), len(hooks)
	}
	if checkID(string(hooks[i].ID)) != nil {
		return errors.New("twitter: webhooks: one of them has no id that can be used")
	}
	return a.subscribe(ctx, a.cfg.Channel.Account, string(hooks[i].ID))
}

// rule is what the filtered stream lets through.
type rule struct {
	ID    word   `json:"id"`
	Value string `json:"value"`
	Tag   string `json:"tag"`
}

// makeRules sees to it that the filtered stream brings what is said to our accounts. Rules of others are left alone; of ours those that are
// out of date are taken away.
func (a *Account) makeRules(ctx context.Context) error {
	const path = "/2/tweets/search/stream/rules"
	want := map[string]string{} // by tag
	for _, account := range a.listensFor() {
		name, err := a.username(ctx, account)
		if err != nil {
			return err
		}
		want[ruleTag+account] = fmt.Sprintf("(to:%s OR @%s) -is:retweet", name, name)
	}
	var stale []word
	err := a.list(ctx, call{action: "rules", path: path, query: url.Values{"max_results": {"1000"}}, app: true}, "pagination_token",
		func(items []json.RawMessage, _ includes) error {
			for _, raw := range items {
				var r rule
				if lenient(raw, &r) != nil || !strings.HasPrefix(r.Tag, ruleTag) {
					continue
				}
				if r.Value == want[r.Tag] {
					delete(want, r.Tag)
				} else if checkID(string(r.ID)) == nil {
					stale = append(stale, r.ID)
				}
			}
			return nil
		})
	if err != nil {
		return err
	}
	change := func(body any) error {
		_, err := a.call(ctx, call{action: "change rules", method: http.MethodPost, path: path, body: body, app: true})
		return err
	}
	if len(stale) > 0 {
		if err := change(map[string]any{"delete": map[string]any{"ids": stale}}); err != nil {
			return err
		}
	}
	var add []map[string]string
	for _, account := range a.listensFor() {
		if value, missing := want[ruleTag+account]; missing {
			add = append(add, map[string]string{"value": value, "tag": ruleTag + account})
		}
	}
	if len(add) == 0 {
		return nil
	}
	return change(map[string]any{"add": add})
}
