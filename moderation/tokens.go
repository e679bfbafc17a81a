package moderation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"takhojd/moderation/store"
	"takhojd/platforms"
)

// That a platform refuses a channel's token is learnt by whichever node calls it, and told people by the one that keeps watch. So it stands in
// the database. It is written down by a goroutine of its own: calls learn of it in the middle of transactions.

// tokenNews is what was learnt and is not written down yet. If we die before it is, the next call learns it again.
type tokenNews struct {
	wake    chan struct{}
	learned map[string]bool // by channel: whether the platform accepts its token; guarded by health.mu
}

// heard takes note that a platform accepts a channel's token, or refuses it.
func (h *health) heard(channel string, accepted bool) {
	h.mu.Lock()
	h.tokens.learned[channel] = accepted
	h.mu.Unlock()
	select {
	case h.tokens.wake <- struct{}{}:
	default:
	}
}

// refusedToken takes note of what a call says of a channel's token: that it is dead, or, when the call went well, that it is not.
func (m *Moderator) refusedToken(channel string, err error) {
	if err == nil || errors.Is(err, platforms.ErrTokenDead) {
		m.health.heard(channel, err == nil)
	}
}

// keepTokens writes down what is learnt of tokens, until ctx is cancelled.
func (m *Moderator) keepTokens(ctx context.Context) {
	for {
		var again <-chan time.Time
		if err := m.writeTokens(ctx); err != nil && ctx.Err() == nil {
			m.log.Warn("what is known of tokens is not written down yet", zap.Error(err))
			again = time.After(m.cfg.AlertEvery)
		}
		select {
		case <-m.health.tokens.wake:
		case <-again:
		case <-ctx.Done():
			return
		}
	}
}

// writeTokens writes down what was learnt, where it differs from what stands there.
func (m *Moderator) writeTokens(ctx context.Context) error {
	m.health.mu.Lock()
	learned := m.health.tokens.learned
	m.health.tokens.learned = map[string]bool{}
	m.health.mu.Unlock()
	if len(learned) == 0 {
		return nil
	}
	refused, err := m.refusedTokens(ctx)
	changed := false
	for channel, accepted := range learned {
		if _, known := refused[channel]; err != nil || known != accepted {
			continue // it stands there as it was learnt
		}
		changed = true
		err = m.db.Update(ctx, func(tx *store.Tx) (err error) {
			if accepted {
				_, err = tx.Exec(`DELETE FROM refused_tokens WHERE channel = $1`, channel)
			} else {
				_, err = tx.Exec(`INSERT INTO refused_tokens (channel, since) VALUES ($1, $2) ON CONFLICT (channel) DO NOTHING`, channel, m.now())
			}
			tx.Notify("change")
			return err
		})
	}
	if err != nil {
		m.relearn(learned)
		return fmt.Errorf("moderation: tokens: %w", err)
	}
	if changed {
		m.alerts.wakeUp()
	}
	return nil
}

// relearn puts back what could not be written, except for what was learnt anew meanwhile.
func (m *Moderator) relearn(learned map[string]bool) {
	m.health.mu.Lock()
	defer m.health.mu.Unlock()
	for channel, accepted := range learned {
		if _, newer := m.health.tokens.learned[channel]; !newer {
			m.health.tokens.learned[channel] = accepted
		}
	}
}

// refusedTokens says of each channel whose token is refused since when it is.
func (m *Moderator) refusedTokens(ctx context.Context) (since map[string]time.Time, err error) {
	since = map[string]time.Time{}
	err = m.db.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(`SELECT channel, since FROM refused_tokens`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var channel string
			var at int64
			if err := rows.Scan(&channel, &at); err != nil {
				return err
			}
			if _, ours := m.channels[channel]; ours { // it may have been taken out of the configuration since
				since[channel] = store.FromTime(at)
			}
		}
		return rows.Err()
	})
	return since, err
}
