package moderation

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"takhojd/moderation/store"
	"takhojd/platforms"
)

// Processes that share the books: one has the channel, until it dies or is stopped for so long that another takes the channel. A stopped
// process that is woken goes on in the middle of what it did.

// process begins a process on the books, and lets it have the channel, as if what another had of it had run out.
func (w *world) process() *Moderator {
	w.processes++
	cfg := Config{DB: w.db, Archive: w.archive, Policy: w.policies[0], Channels: []platforms.Channel{w.channel}, Adapters: map[string]Adapter{w.channel.ID: w},
		Log: zap.NewNop(), Now: w.now, Backoff: 1, BackoffMax: 1, Attempts: 4, Location: time.UTC, LeaseTime: time.Hour}
	if !w.alone {
		cfg.Node = fmt.Sprintf("%s-%d", w.name, w.processes)
	}
	m, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.alone {
		return m
	}
	ctx := context.Background()
	err = w.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(`UPDATE leases SET until = 0`); err != nil {
			return err
		}
		_, err := tx.Exec(`DELETE FROM nodes`)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	got, err := m.leases.renew(ctx, []string{w.channel.ID})
	w.must(err, "lease")
	for _, name := range got {
		m.leases.begin(ctx, name)
	}
	return m
}

// mayStop draws whether the process is stopped here.
func (w *world) mayStop() bool {
	return !w.alone && !w.quiet && w.depth == 1 && w.pick("stop", 6) == 5
}

// stop stops the process that works for so long that its channel is with another, which does a thing or two there. It tells whether it did. The
// caller goes on with the one that was stopped, which is woken before or after it looks at its leases.
func (w *world) stop() bool {
	if w.alone {
		return false
	}
	stopped := w.m
	w.calm = false
	stopped.leases.mu.Lock()
	if h := stopped.leases.held[w.channel.ID]; h != nil {
		h.renewed = time.Time{}
	}
	stopped.leases.mu.Unlock()
	w.m = w.process()
	for range w.pick("others", 4) {
		switch w.pick("other", 6) {
		case 0, 1:
			w.outbox()
		case 2:
			w.deliver()
		case 3:
			w.inbox()
		case 4:
			w.decide()
		case 5:
			w.undo()
		}
	}
	if w.pick("noticed", 2) == 1 {
		stopped.leases.drop()
	}
	return true
}

// tooLate lets a process that was stopped go on with what it had not begun: it must find that the channel is no longer its own.
func (w *world) tooLate(do func() error) error {
	decided := func() int { return w.number(`SELECT count(*) FROM decisions WHERE channel = $1`, w.channel.ID) }
	calls, decisions := w.calls, decided()
	err := do()
	if w.calls != calls {
		w.t.Fatal("the platform was called for a channel that is with another process")
	}
	if decided() != decisions {
		w.t.Fatal("a channel that is with another process was judged")
	}
	return err
}
