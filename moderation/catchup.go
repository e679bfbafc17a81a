package moderation

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"takhojd/moderation/inbox"
	"takhojd/moderation/store"
	"takhojd/platforms"
)

// viaBackfill marks events that come from reading a channel in full: what they say is how things stand.
const viaBackfill = "backfill"

// viaReread marks what was found when something was to be done.
const viaReread = "reread"

const (
	// longestYield bounds how long one page of a full reading waits for what is to be hidden or shown: what comes by it is to be judged, too, and a
	// platform may be slow to hide.
	longestYield = 5 * time.Second
	// turnEvery is how often it is seen whether a page may be read.
	turnEvery = 50 * time.Millisecond
)

// overlap is how far each reading goes back before the last: platforms show a comment in their lists some time after it was posted.
const overlap = 15 * time.Minute

// catchUp reads a channel in full, at the start and then now and then, until ctx is cancelled. It finds what webhooks missed: a bot that was
// down for a day finds the day's comments.
func (m *Moderator) catchUp(ctx context.Context, channel platforms.Channel, adapter Adapter) {
	failures := 0
	for ctx.Err() == nil {
		pause := m.cfg.PollEvery - m.cfg.PollEvery/10 + rand.N(m.cfg.PollEvery/5+1)
		err := m.readChannel(ctx, channel, adapter, m.turn)
		m.refusedToken(channel.ID, err)
		if err != nil && ctx.Err() == nil {
			m.metrics.polls.WithLabelValues(channel.ID, reason(err)).Inc()
			m.log.Warn("a channel could not be read in full", zap.String("channel", channel.ID), zap.Error(err))
			pause = min(pause, m.cfg.Backoff<<min(failures, 10)) // so that a passing fault does not cost a whole round
			var wait *platforms.RetryAfterError
			if errors.As(err, &wait) { // whoever has the channel after us need not ask, either
				m.outbox.pause(Pause{Channel: channel.ID, Call: callCatchUp, Until: wait.At, Why: WaitThrottled})
			}
			failures++
		} else {
			failures = 0
			m.metrics.polls.WithLabelValues(channel.ID, "ok").Inc()
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// turn waits until a channel may be read on. What a platform takes is one budget: a reading makes no call that the platform wants left alone,
// whichever node it told, nor one while a comment waits that could be hidden or shown now.
func (m *Moderator) turn(ctx context.Context, channel string) error {
	tick := time.NewTicker(turnEvery)
	defer tick.Stop()
	for yielded := time.Duration(0); ; {
		if !m.now().Before(m.outbox.heldUntil(channel, callCatchUp)) {
			first, err := m.goesFirst(ctx, channel)
			if err != nil || !first || yielded >= longestYield {
				return err
			}
			yielded += turnEvery
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// goesFirst tells whether something that could be hidden, shown or deleted on a channel now waits for that.
func (m *Moderator) goesFirst(ctx context.Context, channel string) (first bool, err error) {
	if m.now().Before(m.outbox.heldUntil(channel, callHide)) {
		return false, nil
	}
	err = m.db.View(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM outbox WHERE state = 'waiting' AND channel = $1 AND action IN ('hide', 'restore', 'delete') AND not_before <= $2)`,
			channel, m.now()).Scan(&first)
	})
	return first, err
}

// readChannel reads what was posted since the last full reading, each page when it is its turn. The cursor moves only when everything was received:
// if we die before, the next reading begins where this one did.
func (m *Moderator) readChannel(ctx context.Context, channel platforms.Channel, adapter Adapter, turn func(ctx context.Context, channel string) error) error {
	if err := turn(ctx, channel.ID); err != nil {
		return err
	}
	started := m.now()
	var last int64
	err := m.db.View(ctx, func(tx *store.Tx) error {
		err := tx.QueryRow(`SELECT caught_up_at FROM cursors WHERE channel = $1`, channel.ID).Scan(&last)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	since := started.Add(-m.cfg.Backfill)
	if last > 0 {
		since = store.FromTime(last).Add(-overlap)
	}
	untold := adapter.Capabilities().HidesUntold
	came := map[string]bool{}
	err = adapter.CatchUp(ctx, since, func(ctx context.Context, events []platforms.Event) error {
		fresh, err := m.unknown(ctx, events, untold)
		if err != nil {
			return err
		}
		for i := range fresh {
			fresh[i].At, fresh[i].Via = started, viaBackfill
		}
		for _, e := range events {
			came[e.Comment.Ref.Comment] = true
		}
		if err := m.Receive(ctx, fresh); err != nil {
			return err
		}
		return turn(ctx, channel.ID) // for the next page
	})
	if err != nil {
		return err
	}
	if err := m.vanished(ctx, channel, adapter, since, came, turn); err != nil {
		return err
	}
	return m.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`INSERT INTO cursors (channel, caught_up_at) VALUES ($1, $2) ON CONFLICT (channel) DO UPDATE SET caught_up_at = excluded.caught_up_at`,
			channel.ID, started)
		return err
	})
}

// unknown leaves out what we know already, so that reading a quiet channel in full writes nothing. Where the platform does not tell what is
// hidden, untold, that it does not say so is nothing to know.
func (m *Moderator) unknown(ctx context.Context, events []platforms.Event, untold bool) ([]platforms.Event, error) {
	var fresh []platforms.Event
	err := m.db.View(ctx, func(tx *store.Tx) error {
		for _, e := range events {
			var revision, state string
			err := tx.QueryRow(`SELECT revision, state FROM comments WHERE platform = $1 AND channel = $2 AND comment_id = $3`,
				string(e.Comment.Ref.Platform), e.Comment.Ref.Channel, e.Comment.Ref.Comment).Scan(&revision, &state)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
			if revision == e.Comment.Revision() && (untold || e.Comment.Hidden == (State(state) == Hidden)) && (e.Kind == platforms.Added || e.Kind == platforms.Edited) {
				continue
			}
			if errors.Is(err, sql.ErrNoRows) {
				// It waits to be judged, or could not be and lies before a person: each reading would add to the pile.
				if held, err := inbox.Holds(tx, e.Comment.Ref); err != nil {
					return err
				} else if held {
					continue
				}
			}
			fresh = append(fresh, e)
		}
		return nil
	})
	return fresh, err
}
