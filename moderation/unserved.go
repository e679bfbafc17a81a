package moderation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"takhojd/moderation/store"
	"takhojd/platforms"
)

// unservedRounds is for how many lease times on end nobody may have had a channel before what waits for it is given to people: four times as
// long as it takes to miss a node, so that a node that is started anew with another configuration comes in time.
const unservedRounds = 4

// watchUnserved sees to it that nothing waits in vain where there are several nodes, until ctx is cancelled. A channel that is in no working node's
// configuration is with nobody, and what waits for it – an event that a node with another configuration took, something to be done on a
// channel that was taken out – would wait for ever, and unseen. It becomes a dead letter: nothing is dropped, people are told of it,
// and whoever tries it again once the channel is served finds it whole.
func (m *Moderator) watchUnserved(ctx context.Context) {
	if m.leases.alone() {
		return // it takes everything itself
	}
	tick := time.NewTicker(m.cfg.LeaseTime)
	defer tick.Stop()
	rounds := map[string]int{}
	for {
		channels, err := m.unserved(ctx)
		if err == nil {
			rounds = counted(rounds, channels)
			for _, channel := range channels {
				if err == nil && rounds[channel] >= unservedRounds {
					err = m.giveUp(ctx, channel)
				}
			}
		}
		if err != nil && ctx.Err() == nil {
			m.log.Warn("cannot see what waits for channels that are with nobody", zap.Error(err))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// counted counts on for those that were found again, and forgets the others.
func counted(rounds map[string]int, found []string) map[string]int {
	now := make(map[string]int, len(found))
	for _, channel := range found {
		now[channel] = rounds[channel] + 1
	}
	return now
}

// unserved lists channels for which something waits, and which no node has. Those that this node could have itself it will have soon.
func (m *Moderator) unserved(ctx context.Context) (channels []string, err error) {
	err = m.db.View(ctx, func(tx *store.Tx) error {
		now, err := tx.Clock(m.now())
		if err != nil {
			return err
		}
		rows, err := tx.Query(`SELECT channel FROM inbox WHERE dead = 0 AND NOT EXISTS (SELECT 1 FROM leases WHERE name = channel AND until >= $1)
			UNION SELECT channel FROM outbox WHERE state = 'waiting' AND NOT EXISTS (SELECT 1 FROM leases WHERE name = channel AND until >= $1)`, now)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var channel string
			if err := rows.Scan(&channel); err != nil {
				return err
			}
			if _, ours := m.channels[channel]; !ours {
				channels = append(channels, channel)
			}
		}
		return rows.Err()
	})
	slices.Sort(channels)
	return channels, err
}

// giveUp makes dead letters of all that waits for a channel. If we die in between, the rest is found again.
func (m *Moderator) giveUp(ctx context.Context, channel string) error {
	cause := fmt.Errorf("%w: no node serves the channel %s", platforms.ErrNotPermitted, channel)
	var events int64
	var jobs []job
	err := m.db.Update(ctx, func(tx *store.Tx) error {
		r, err := tx.Exec(`UPDATE inbox SET dead = 1, error = $2 WHERE dead = 0 AND channel = $1`, channel, cause.Error())
		if err != nil {
			return err
		}
		if events, err = r.RowsAffected(); err != nil {
			return err
		}
		jobs, err = waitingFor(tx, channel)
		return err
	})
	if err != nil {
		return err
	}
	for _, j := range jobs {
		m.settle(j, outcome{err: cause})
	}
	m.log.Error("a channel is with nobody: what waited for it waits for a person now", zap.String("channel", channel),
		zap.Int64("events", events), zap.Int("jobs", len(jobs)))
	m.alerts.wakeUp()
	return nil
}

// waitingFor lists what waits to be done on a channel.
func waitingFor(tx *store.Tx, channel string) (jobs []job, err error) {
	rows, err := tx.Query(`SELECT id, comment, action, decision, record_id, revision, argument, attempts FROM outbox
		WHERE state = 'waiting' AND channel = $1 ORDER BY id`, channel)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		j := job{channel: channel}
		if err := rows.Scan(&j.id, &j.comment, &j.action, &j.decision, &j.record, &j.revision, &j.argument, &j.attempts); err != nil {
			return nil, err
		}
		jobs = append(jobs, j)
	}
	return jobs, rows.Err()
}
