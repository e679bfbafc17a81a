package bluesky

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"

	"takhojd/platforms"
)

const (
	// noticesAtOnce is how many notifications are asked for at a time: the most that the network gives.
	noticesAtOnce = 100
	// mostNotices bounds what one question leads to, in calls.
	mostNotices = 50
	// begins is how far back listening begins, by the network's clock: what is older is CatchUp's to find.
	begins = 5 * time.Minute
	// overtaken is how far back notifications are looked at again: the network may list one after another that is younger.
	overtaken = 2 * time.Minute
	// firstPause doubles up to lastPause while the network cannot be asked.
	firstPause = time.Second
	lastPause  = 30 * time.Second
)

// notice is one notification that somebody wrote something.
type notice struct {
	URI    word `json:"uri"`
	CID    word `json:"cid"`
	Reason word `json:"reason"`
	At     word `json:"indexedAt"`
	Record struct {
		Reply *reply `json:"reply"`
	} `json:"record"`
}

// heardOf are the reasons that bring comments: a reply within five steps above which one of our posts stands, a mention, and a quote.
var heardOf = map[word]bool{"reply": true, "mention": true, "quote": true}

// notices reads the notifications of comments, newest first, until one is older than horizon. The network orders them by when they were
// published, as their authors say: one that claims to be old is not found here.
func (a *Account) notices(ctx context.Context, action string, horizon time.Time) ([]notice, error) {
	var found []notice
	query := url.Values{"limit": {strconv.Itoa(noticesAtOnce)}, "reasons": {"reply", "mention", "quote"}, "priority": {"false"}}
	for range mostNotices {
		body, err := a.query(ctx, action, "app.bsky.notification.listNotifications", query)
		if err != nil {
			return nil, err
		}
		var answer struct {
			Notifications []json.RawMessage `json:"notifications"`
			Cursor        word              `json:"cursor"`
		}
		if err := json.Unmarshal(body, &answer); err != nil || answer.Notifications == nil {
			return nil, fmt.Errorf("bluesky: %s: the answer is no list of notifications", action)
		}
		for _, raw := range answer.Notifications {
			n, ok := a.readNotice(raw)
			if !ok {
				continue
			}
			if at := n.At.time(); !at.IsZero() && at.Before(horizon) {
				return found, nil
			}
			found = append(found, n)
		}
		if answer.Cursor == "" || string(answer.Cursor) == query.Get("cursor") {
			return found, nil
		}
		query.Set("cursor", string(answer.Cursor))
	}
	a.cfg.Log.Warn("bluesky: more notifications than are read at once; threads are read instead", zap.String("channel", a.cfg.Channel.ID))
	return found, nil
}

// readNotice reads a notification; ok is false for what is none of a comment.
func (a *Account) readNotice(raw []byte) (n notice, ok bool) {
	err := json.Unmarshal(raw, &n)
	if err != nil && !typeOnly(err) || !heardOf[n.Reason] {
		return notice{}, false
	}
	if _, err := parsePost(string(n.URI)); err != nil {
		a.skip()
		return notice{}, false
	}
	return n, true
}

// listening is how far one Listen has come.
type listening struct {
	newest time.Time            // of the notifications handed over, by the network's clock
	done   map[string]time.Time // those of the last minutes, by address and revision
	told   int                  // comments handed over
}

// Listen asks for the account's notifications every few seconds and hands over what is new: replies, mentions and quotes, each as it stands when
// it is read. It hears nothing of removals and hides, and nothing of muted authors: CatchUp finds these.
func (a *Account) Listen(ctx context.Context, sink func(context.Context, []platforms.Event) error) error {
	l := &listening{done: map[string]time.Time{}}
	failures := 0
	for {
		told := l.told
		err := a.listenOnce(ctx, l, sink)
		if l.told > told {
			failures = 0
		}
		pause := a.cfg.ListenEvery
		var wait *platforms.RetryAfterError
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, platforms.ErrTokenDead):
			return err
		case errors.As(err, &wait):
			pause = max(pause, wait.At.Sub(a.cfg.Now()))
		case err != nil:
			pause = max(pause, min(firstPause<<min(failures, 10), lastPause))
			if failures++; failures == 1 {
				a.cfg.Log.Warn("bluesky: notifications cannot be read; asking again", zap.String("channel", a.cfg.Channel.ID), zap.Error(err))
			}
		default:
			failures = 0
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// listenOnce hands over what is new since the last time. If we die before the sink has taken it, the next start finds it by catching up.
func (a *Account) listenOnce(ctx context.Context, l *listening, sink func(context.Context, []platforms.Event) error) error {
	horizon := l.newest.Add(-overtaken)
	if l.newest.IsZero() {
		if _, err := a.signIn(ctx, nil); err != nil { // and so learn what the time is there
			return err
		}
		horizon = a.clock().Add(-begins)
	}
	notices, err := a.notices(ctx, "listen", horizon)
	if err != nil {
		return err
	}
	var fresh []notice
	asked := map[string]bool{}
	for _, n := range slices.Backward(notices) { // the oldest first, so that what is done is done whatever becomes of the rest
		if _, done := l.done[n.key()]; !done && !asked[string(n.URI)] {
			asked[string(n.URI)] = true
			fresh = append(fresh, n)
		}
	}
	for some := range slices.Chunk(fresh, mostViews) {
		if err := a.tell(ctx, l, some, sink); err != nil {
			return err
		}
	}
	for key, t := range l.done {
		if t.Before(l.newest.Add(-2 * overtaken)) {
			delete(l.done, key)
		}
	}
	return nil
}

// tell reads what notifications tell of and hands it over. What the network does not show is left out, and asked for again the next time.
func (a *Account) tell(ctx context.Context, l *listening, notices []notice, sink func(context.Context, []platforms.Event) error) error {
	at := map[string]notice{}
	var addresses []string
	for _, n := range notices {
		at[string(n.URI)] = n
		addresses = append(addresses, string(n.URI))
	}
	views, err := a.views(ctx, "listen", addresses)
	if err != nil {
		return err
	}
	events := make([]platforms.Event, 0, len(views))
	for _, v := range views {
		events = append(events, a.told(v, "poll"))
	}
	if err := a.hand(ctx, events, sink); err != nil {
		return err
	}
	l.told += len(views)
	for _, v := range views {
		a.remember(v)
		n := at[string(v.URI)]
		l.done[n.key()] = n.At.time()
		if t := n.At.time(); t.After(l.newest) {
			l.newest = t
		}
	}
	return nil
}

func (n notice) key() string { return string(n.URI) + " " + string(n.CID) }

// told is the event that a comment was said – or rewritten, where it is known to have said something else.
func (a *Account) told(v view, via string) platforms.Event {
	c := a.comment(v)
	e := platforms.Event{Kind: platforms.Added, Comment: c, At: c.Posted, Via: via, Raw: v.raw}
	if a.seen.rewritten(c.Post, c.Ref.Comment, string(v.CID)) {
		e.Kind, e.At = platforms.Edited, a.cfg.Now()
	}
	if e.At.IsZero() {
		e.At = a.cfg.Now()
	}
	// A post may be empty of words and pictures: a bare quote. That is all there is to it, and no more can be asked for.
	return e
}

// remember notes a comment that the sink has taken.
func (a *Account) remember(v view) {
	c := a.comment(v)
	a.seen.heard(c.Post, c.Ref.Comment, string(v.CID))
}

// mostEvents is how many events the sink is given at once.
const mostEvents = 100

// hand gives events to the sink, in batches.
func (a *Account) hand(ctx context.Context, events []platforms.Event, sink func(context.Context, []platforms.Event) error) error {
	for len(events) > 0 {
		n := min(len(events), mostEvents)
		for _, e := range events[:n] {
			a.cfg.Metrics.events.WithLabelValues(a.cfg.Channel.ID, string(e.Kind), e.Via).Inc()
		}
		if err := sink(ctx, events[:n]); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}
