package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"takhojd/moderation"
)

// How an event stream breathes: changes are gathered for a moment, so that a storm of comments is a few messages a second; and
// a beat now and then keeps proxies from closing it, and looks whether the session still holds.
const (
	gatherFor = 250 * time.Millisecond
	beatEvery = 15 * time.Second
	sendLimit = 10 * time.Second
)

// update is what a page hears: how many wait, and which flags came or went since the last update. No text, no names.
type update struct {
	Flags     int     `json:"flags"`
	BotHidden int     `json:"botHidden"`
	Routed    int     `json:"routed"`
	Dead      int     `json:"dead"`
	Opened    []int64 `json:"opened,omitempty"`
	Closed    []int64 `json:"closed,omitempty"`
}

// events is a stream of server-sent events. It neither renews the session nor outlives it: a page that nobody looks at does not
// keep anyone logged in.
func (v *visit) events() error {
	changes, end := v.s.desk.Subscribe()
	defer end()
	v.s.metrics.streams.Inc()
	defer v.s.metrics.streams.Dec()
	v.w.Header().Set("Content-Type", "text/event-stream")
	v.w.Header().Set("X-Accel-Buffering", "no") // nginx would keep it to itself until it has a bufferful
	v.w.WriteHeader(http.StatusOK)
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	if v.send(update{}) != nil {
		return nil
	}
	var next update
	var gather <-chan time.Time
	for {
		select {
		case change, open := <-changes:
			if !open {
				return nil
			}
			next.add(change)
			if gather == nil {
				gather = time.After(gatherFor)
			}
		case <-gather:
			if v.send(next) != nil {
				return nil // the reader is gone; it comes again by itself
			}
			next, gather = update{}, nil
		case <-beat.C:
			if !v.stillIn() {
				_ = v.write("event: end\ndata: {}\n\n")
				return nil
			}
			if v.write(": beat\n\n") != nil {
				return nil
			}
		case <-v.r.Context().Done():
			return nil
		case <-v.s.ctx.Done():
			return nil
		}
	}
}

func (u *update) add(c moderation.Change) {
	switch {
	case c.Flag == 0:
	case c.Kind == "flag":
		u.Opened = append(u.Opened, c.Flag)
	case c.Kind == "closed":
		u.Closed = append(u.Closed, c.Flag)
	}
}

// send writes the counts as they are now, with what came and went.
func (v *visit) send(u update) error {
	counts, err := v.s.desk.Counts(v.r.Context())
	if err != nil {
		return err
	}
	u.Flags, u.BotHidden, u.Routed, u.Dead = counts.Flags, counts.BotHidden, counts.Routed, counts.Dead
	data, err := json.Marshal(u)
	if err != nil {
		return err
	}
	return v.write(fmt.Sprintf("event: update\ndata: %s\n\n", data))
}

// write sends a piece within a bounded time, whatever the server's own limits for ordinary pages are.
func (v *visit) write(text string) error {
	control := http.NewResponseController(v.w)
	_ = control.SetWriteDeadline(time.Now().Add(sendLimit)) // not every ResponseWriter has deadlines: then there is none to keep
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
	if _, err := v.w.Write([]byte(text)); err != nil {
		return err
	}
	return control.Flush()
}

// stillIn reads the session anew, from the store.
func (v *visit) stillIn() bool {
	fresh, err := v.s.sessions.Load(v.s.ctx, v.s.token(v.r))
	if err != nil {
		return false
	}
	account, err := v.s.identify(fresh)
	return err == nil && account.Name == v.account.Name && account.Role == v.account.Role
}
