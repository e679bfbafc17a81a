package moderation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"takhojd/moderation/store"
	"takhojd/platforms"
)

// WaitWhy says why something waits.
type WaitWhy string

// The reasons to wait.
const (
	WaitTurn      WaitWhy = "turn"      // it is done next, or as soon as what goes before is done
	WaitUndo      WaitWhy = "undo"      // whoever decided it may still take it back
	WaitThrottled WaitWhy = "throttled" // the platform asked us to wait
	WaitToken     WaitWhy = "token"     // the platform does not accept the access token
	WaitFault     WaitWhy = "fault"     // it failed, and is tried again
)

// Pause says that a channel, or one kind of call to it, rests.
type Pause struct {
	Channel string
	// Call is "hide" (hides and restores: platforms count them together), "read", "catch-up" (reading a channel in full, which platforms count
	// by itself), or an action of the outbox that has a call of its own; empty: all calls.
	Call  string
	Until time.Time
	Why   WaitWhy
}

// Budgets tell the node that takes a channel over which calls its platform wants left alone: else it would ask until it is refused itself.
// They may forget everything at any time. Both methods may be called from any goroutine.
type Budgets interface {
	// Rest tells of a pause that a platform asked for. It does not wait for anything.
	Rest(Pause)
	// Rests lists what any node has told of some channels, also what is over; nothing when that can't be known within a second or so.
	Rests(ctx context.Context, channels []string) []Pause
}

// mostBelieved bounds for how long a call rests on the word of another node. Then the platform itself is asked, and says how much longer.
const mostBelieved = 15 * time.Minute

// line is what is paused by itself. A platform limits each of its calls by itself: hides that must wait a quarter of an hour are no
// reason not to answer.
type line struct{ channel, call string }

const (
	callAll  = ""
	callRead = "read"
	callHide = "hide"
	// callCatchUp rests for itself, and with all reading: lists have limits of their own, and that they are spent is no reason not to hide.
	callCatchUp = "catch-up"
)

// callOf is the call by which an action is done.
func callOf(action string) string {
	switch action {
	case "hide", "restore":
		return callHide
	case "capture", "post", "reread":
		return callRead
	}
	return action
}

// reads tells whether the platform is read before, or by, an action.
func reads(action string) bool {
	switch action {
	case "hide", "restore", "delete", "capture", "post", "reread", callCatchUp:
		return true
	}
	return false
}

// heldUntil is until when an action must wait on a channel; in the past where it need not.
func (d *dispatcher) heldUntil(channel, action string) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.held(channel, action).Until
}

// pause lets a channel, or a call to it, rest. What the platform asked for is told to whoever has the channel after us.
func (d *dispatcher) pause(p Pause) {
	if d.rest(p) && p.Why == WaitThrottled && d.m.cfg.Budgets != nil {
		d.m.cfg.Budgets.Rest(p)
	}
}

// rest is pause, and tells nobody. It returns whether the pause is longer than what was known.
func (d *dispatcher) rest(p Pause) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := line{p.Channel, p.Call}
	if !p.Until.After(d.paused[at].Until) {
		return false
	}
	d.paused[at] = p
	return true
}

// recall lets rest, of channels that this node takes over, what a platform asked another node to leave alone.
func (d *dispatcher) recall(ctx context.Context, channels []string) {
	if d.m.cfg.Budgets == nil || len(channels) == 0 {
		return
	}
	latest := d.m.now().Add(mostBelieved)
	for _, p := range d.m.cfg.Budgets.Rests(ctx, channels) {
		if p.Until.After(latest) {
			p.Until = latest
		}
		if p.Why == WaitThrottled && p.Until.After(d.m.now()) {
			d.rest(p)
		}
	}
}

// held is the pause that ends last of those that an action must wait for. The caller holds mu.
func (d *dispatcher) held(channel, action string) Pause {
	last := d.paused[line{channel, callAll}]
	calls := []string{callOf(action)}
	if reads(action) {
		calls = append(calls, callRead)
	}
	for _, call := range calls {
		if p := d.paused[line{channel, call}]; p.Until.After(last.Until) {
			last = p
		}
	}
	return last
}

// Waiting lists what is still to be done on platforms, the gravest first.
func (m *Moderator) Waiting(ctx context.Context, limit int) ([]Waiting, error) {
	var found []Waiting
	err := m.db.View(ctx, func(tx *store.Tx) (err error) {
		found, err = m.waiting(tx, `ORDER BY priority DESC, id LIMIT $1`, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("moderation: waiting: %w", err)
	}
	return found, nil
}

// waiting reads rows of the outbox that wait: the rest of the query says which, and in what order.
func (m *Moderator) waiting(tx *store.Tx, rest string, args ...any) ([]Waiting, error) {
	rows, err := tx.Query(`SELECT id, comment, channel, action, attempts, not_before, created_at, error FROM outbox WHERE state = 'waiting' `+rest, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []Waiting
	for rows.Next() {
		var x Waiting
		var notBefore, since int64
		if err := rows.Scan(&x.ID, &x.Comment, &x.Channel, &x.Action, &x.Attempts, &notBefore, &since, &x.Error); err != nil {
			return nil, err
		}
		x.NotBefore, x.Since = store.FromTime(notBefore), store.FromTime(since)
		m.outbox.explain(&x)
		found = append(found, x)
	}
	return found, rows.Err()
}

// explain says until when x waits, and why.
func (d *dispatcher) explain(x *Waiting) {
	d.mu.Lock()
	held := d.held(x.Channel, x.Action)
	d.mu.Unlock()
	now := d.m.now()
	switch {
	case held.Until.After(now) && !x.NotBefore.After(held.Until):
		x.NotBefore, x.Why = held.Until, held.Why
	case !x.NotBefore.After(now):
		x.NotBefore, x.Why = time.Time{}, WaitTurn
	case x.Error == "":
		x.Why = WaitUndo
	case strings.Contains(x.Error, throttledError):
		x.Why = WaitThrottled
	case strings.Contains(x.Error, platforms.ErrTokenDead.Error()):
		x.Why = WaitToken
	default:
		x.Why = WaitFault
	}
}

// throttledError is how a platforms.RetryAfterError begins, after the name of the call, as it stands in the outbox.
const throttledError = "the platform asks us to wait"

// Line is one channel's row before the platform.
type Line struct {
	Channel platforms.Channel
	Waiting int
	// Oldest is since when the oldest of them waits.
	Oldest time.Time
	Pauses []Pause
}

// Lines tells for each channel how much waits, and which calls rest until when. Channels for which nothing waits and nothing rests are left
// out.
func (m *Moderator) Lines(ctx context.Context) ([]Line, error) {
	waiting := map[string]Line{}
	err := m.db.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(`SELECT channel, count(*), min(created_at) FROM outbox WHERE state = 'waiting' GROUP BY channel`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			var l Line
			var oldest int64
			if err := rows.Scan(&id, &l.Waiting, &oldest); err != nil {
				return err
			}
			l.Oldest = store.FromTime(oldest)
			waiting[id] = l
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("moderation: lines: %w", err)
	}
	for _, p := range m.outbox.pauses() {
		l := waiting[p.Channel]
		l.Pauses = append(l.Pauses, p)
		waiting[p.Channel] = l
	}
	var found []Line
	for id, l := range waiting {
		l.Channel = m.channel(id)
		found = append(found, l)
	}
	slices.SortFunc(found, func(a, b Line) int { return strings.Compare(a.Channel.ID, b.Channel.ID) })
	return found, nil
}

// pauses lists what rests at this moment.
func (d *dispatcher) pauses() (found []Pause) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.paused {
		if p.Until.After(d.m.now()) {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b Pause) int { return strings.Compare(a.Channel+" "+a.Call, b.Channel+" "+b.Call) })
	return found
}
