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

// overlap is how far each reading goes back before the last: platforms show a comment in their lists some time after it was posted.
const overlap = 15 * time.Minute

// catchUp reads a channel in full, at the start and then now and then, until ctx is cancelled. It finds what webhooks missed: a bot that was
// down for a day finds the day's comments.
func (m *Moderator) catchUp(ctx context.Context, channel platforms.Channel, adapter Adapter) {
	failures := 0
	for ctx.Err() == nil {
		pause := m.cfg.PollEvery - m.cfg.PollEvery/10 + rand.N(m.cfg.PollEvery/5+1)
		err := m.readChannel(ctx, channel, adapter)
		m.refusedToken(channel.ID, err)
		if err != nil && ctx.Err() == nil {
			m.metrics.polls.WithLabelValues(channel.ID, reason(err)).Inc()
			m.log.Warn("a channel could not be read in full", zap.String("channel", channel.ID), zap.Error(err))
			pause = min(pause, m.cfg.Backoff<<min(failures, 10)) // so that a passing fault does not cost a whole round
			var wait *platforms.RetryAfterError
			if errors.As(err, &wait) {
				pause = max(pause, wait.At.Sub(m.now()))
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

// readChannel reads what was posted since the last full reading. The cursor moves only when everything was received: if we die
// before, the next reading begins where this one did.
func (m *Moderator) readChannel(ctx context.Context, channel platforms.Channel, adapter Adapter) error {
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
		return m.Receive(ctx, fresh)
	})
	if err != nil {
		return err
	}
	if err := m.vanished(ctx, channel, adapter, since, came); err != nil {
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
