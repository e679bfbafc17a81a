package moderation

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"takhojd/moderation/inbox"
	"takhojd/moderation/store"
	"takhojd/platforms"
)

// Where several processes work on one database, each channel is with one of them at a time: it reads the channel, judges what comes there, and
// does what was decided there. That keeps a comment's events in order, the platform's limits in one hand, and every deed once. Where streams
// tell what has come, channels that share a stream are taken and given back together, so that one node reads it.
//
// A node that dies is missed when its leases run out, and others take its channels. A node that is stopped and woken finds its leases run
// out by its own monotonic clock before it does anything, and begins anew; what it had under way on a platform is cut off with the
// context it ran in. If a call went out in that very moment, its outcome is held against what was decided since (see turnBack).

// leases is what this node holds. Without a node's name it is the only one, and holds everything.
type leases struct {
	m    *Moderator
	node string
	time time.Duration

	mu   sync.Mutex
	held map[string]*lease
}

// lease is one channel that is with this node.
type lease struct {
	term    int64
	renewed time.Time // by the monotonic clock
	ctx     context.Context
	end     context.CancelFunc
}

func newLeases(m *Moderator) *leases {
	return &leases{m: m, node: m.cfg.Node, time: m.cfg.LeaseTime, held: map[string]*lease{}}
}

// alone tells whether there is nobody to share with.
func (l *leases) alone() bool { return l.node == "" }

// trusted is how long a lease is relied on after it was renewed. It ends well before others may take the channel.
func (l *leases) trusted() time.Duration { return l.time * 2 / 3 }

// holds returns the context in which this node may act on a channel; nil when the channel is not with it.
func (l *leases) holds(ctx context.Context, channel string) context.Context {
	if l.alone() {
		return ctx
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	h, ok := l.held[channel]
	if !ok || time.Since(h.renewed) > l.trusted() {
		return nil
	}
	return h.ctx
}

// term is that under which a channel is with this node; 0: it is not, or there is nobody to share with.
func (l *leases) term(channel string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h := l.held[channel]; h != nil {
		return h.term
	}
	return 0
}

// channels lists the channels that are with this node; nil means all.
func (l *leases) channels() []string {
	if l.alone() {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	names := []string{}
	for name, h := range l.held {
		if time.Since(h.renewed) <= l.trusted() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// run takes, keeps and gives back channels until ctx is cancelled; then it gives all back. serve is run for a channel as long as the
// channel is with this node.
func (l *leases) run(ctx context.Context, names []string, serve func(ctx context.Context, channel string)) {
	var wg sync.WaitGroup
	defer wg.Wait()
	if l.alone() {
		for _, name := range names {
			wg.Go(func() { serve(ctx, name) })
		}
		return
	}
	defer l.release()
	tick := time.NewTicker(l.time / 4)
	defer tick.Stop()
	for {
		got, err := l.renew(ctx, names)
		if err != nil && ctx.Err() == nil {
			l.m.log.Warn("leases: not renewed", zap.String("node", l.node), zap.Error(err))
		}
		l.m.outbox.recall(ctx, got) // before anything is done there
		for _, name := range got {
			if held := l.begin(ctx, name); held != nil {
				wg.Go(func() { serve(held, name) })
			}
		}
		l.drop()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// renew says that this node lives, keeps what it has, gives back what is more than its share, and takes what is free. It returns
// what it took.
func (l *leases) renew(ctx context.Context, names []string) (got []string, err error) {
	l.drop()
	mine := l.channels()
	asked := time.Now()
	var d division
	err = l.m.db.Update(ctx, func(tx *store.Tx) error {
		now, err := tx.Clock(l.m.now())
		if err != nil {
			return err
		}
		share, err := l.share(tx, now, len(names))
		if err != nil {
			return err
		}
		d, err = l.divide(tx, now, ordered(names, mine), mine, share)
		return err
	})
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range d.kept {
		if h := l.held[name]; h != nil && h.term == d.terms[name] {
			h.renewed = asked
		} else { // it was with another in between
			l.end(name)
			d.got = append(d.got, name)
		}
	}
	for _, name := range d.given {
		l.end(name) // it runs out by itself, when what is under way has ended
	}
	for _, name := range d.got {
		l.held[name] = &lease{term: d.terms[name], renewed: asked}
	}
	return d.got, nil
}

// division is what a round of leases came to: the channels that this node took, kept and gives back.
type division struct {
	got, kept, given []string
	terms            map[string]int64
}

// divide takes and keeps channels until this node has its share, and gives back the rest.
func (l *leases) divide(tx *store.Tx, now time.Time, names, mine []string, share int) (division, error) {
	d := division{terms: map[string]int64{}}
	for _, shard := range l.shards(names) {
		full := len(d.terms) >= share
		for _, name := range shard {
			had := slices.Contains(mine, name)
			if full {
				if had {
					d.given = append(d.given, name)
				}
				continue
			}
			term, err := l.take(tx, name, now)
			if errors.Is(err, sql.ErrNoRows) {
				continue // with another
			}
			if err != nil {
				return d, err
			}
			d.terms[name] = term
			if had {
				d.kept = append(d.kept, name)
			} else {
				d.got = append(d.got, name)
			}
		}
	}
	return d, nil
}

// take takes or keeps a lease, and returns its term; sql.ErrNoRows says that another has it.
func (l *leases) take(tx *store.Tx, name string, now time.Time) (term int64, err error) {
	err = tx.QueryRow(`INSERT INTO leases (name, holder, term, until) VALUES ($1, $2, 1, $3) ON CONFLICT (name) DO UPDATE SET
		holder = excluded.holder, term = CASE WHEN leases.holder = excluded.holder THEN leases.term ELSE leases.term + 1 END, until = excluded.until
		WHERE leases.holder = excluded.holder OR leases.until < $4 RETURNING term`, name, l.node, now.Add(l.time), now).Scan(&term)
	return term, err
}

// shards puts together what is taken and given back together, in the order of the first of each. A node may have more than its share by the
// rest of a shard; what is left for the others is never more than theirs.
func (l *leases) shards(names []string) (together [][]string) {
	if l.m.cfg.Streams == nil {
		return slices.Collect(slices.Chunk(names, 1))
	}
	place := map[int]int{}
	for _, name := range names {
		if name == watchLease {
			together = append(together, []string{name})
			continue
		}
		shard := inbox.ShardOf(name)
		i, ok := place[shard]
		if !ok {
			i = len(together)
			place[shard], together = i, append(together, nil)
		}
		together[i] = append(together[i], name)
	}
	return together
}

// ordered puts what this node has before what it may take.
func ordered(names, mine []string) []string {
	all := slices.Clone(mine)
	for _, name := range names {
		if !slices.Contains(mine, name) {
			all = append(all, name)
		}
	}
	return all
}

// share enters this node among those that live, and says how many channels are its share.
func (l *leases) share(tx *store.Tx, now time.Time, channels int) (int, error) {
	if err := l.m.present(tx, now); err != nil {
		return 0, err
	}
	var nodes int
	err := tx.QueryRow(`SELECT count(*) FROM nodes WHERE seen >= $1 AND roles IN ('all', 'work')`, now.Add(-l.time)).Scan(&nodes)
	nodes = max(nodes, 1)
	return (channels + nodes - 1) / nodes, err
}

// begin opens the context in which a channel that was just taken is served; nil when it was lost already.
func (l *leases) begin(ctx context.Context, name string) context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.held[name]
	if h == nil {
		return nil
	}
	h.ctx, h.end = context.WithCancel(ctx)
	l.m.log.Info("a channel is with this node", zap.String("channel", name), zap.String("node", l.node), zap.Int64("term", h.term))
	return h.ctx
}

// end ends what runs for a channel. The caller holds mu.
func (l *leases) end(name string) {
	if h := l.held[name]; h != nil {
		if h.end != nil {
			h.end()
		}
		delete(l.held, name)
	}
}

// fence makes sure, within the transaction that judges, that the channels are still with this node. All judge in turn, and so does whoever takes a
// channel over: a node that was stopped in the middle of it and is woken commits nothing more there, and what it remembers of the channel is never
// behind. It is one question for each channel of a batch, where there are several nodes; what it returns is called when they are answered.
func (w *walk) fence(entries []inbox.Entry) (ours func() error) {
	l := w.m.leases
	if l.alone() {
		return func() error { return nil }
	}
	kept := store.Kept[map[string]int64](w.tx, termsKey{}, "leases") // those that were found to be ours
	terms := map[string]int64{}                                      // from 1; 0: another's
	for _, e := range entries {
		name := e.Event.Comment.Ref.Channel
		if _, asked := terms[name]; asked || w.m.channels[name].ID == "" {
			continue
		}
		if terms[name] = (*kept)[name]; terms[name] != 0 {
			continue
		}
		w.tx.Ask(`SELECT term FROM leases WHERE name = $1 AND holder = $2`, []any{name, l.node}, func(scan func(...any) error) error {
			var term int64
			err := scan(&term)
			terms[name] = term
			return err
		})
	}
	return func() error {
		for name, term := range terms {
			if term == 0 {
				l.mu.Lock()
				l.end(name)
				l.mu.Unlock()
				return inbox.ErrElsewhere
			}
			w.m.lately.under(name, term)
			if *kept == nil {
				*kept = map[string]int64{}
			}
			(*kept)[name] = term
		}
		return nil
	}
}

// termsKey is the key under which the terms of this node's leases are kept, for as long as nobody has written to a lease.
type termsKey struct{}

// drop ends what could not be renewed in time.
func (l *leases) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, h := range l.held {
		if time.Since(h.renewed) > l.trusted() {
			l.end(name)
			l.m.log.Warn("a channel is no longer with this node", zap.String("channel", name), zap.String("node", l.node))
		}
	}
}

// release gives everything back at the end, so that nobody waits for it.
func (l *leases) release() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := l.m.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(`UPDATE leases SET until = 0 WHERE holder = $1`, l.node); err != nil {
			return err
		}
		_, err := tx.Exec(`DELETE FROM nodes WHERE node = $1`, l.node)
		tx.Notify("lease")
		return err
	})
	if err != nil {
		l.m.log.Warn("leases: not given back; they run out", zap.Error(err))
	}
}

// Node is a process that works on the database.
type Node struct {
	Name, Roles string
	// Policy is the version of the policy that it judges by.
	Policy        string
	Started, Seen time.Time
	// Channels are with it.
	Channels []string
}

// present enters this process among those that live.
func (m *Moderator) present(tx *store.Tx, now time.Time) error {
	_, err := tx.Exec(`INSERT INTO nodes (node, roles, policy, started, seen) VALUES ($1, $2, $3, $4, $4) ON CONFLICT (node) DO UPDATE SET
		roles = excluded.roles, policy = excluded.policy, seen = excluded.seen`, m.cfg.Node, m.cfg.Roles, m.Policy().Version(), now)
	return err
}

// Present says again and again that a process lives that does not work on channels, until ctx is cancelled.
func (m *Moderator) Present(ctx context.Context) {
	tick := time.NewTicker(m.cfg.LeaseTime / 3)
	defer tick.Stop()
	for {
		err := m.db.Update(ctx, func(tx *store.Tx) error {
			now, err := tx.Clock(m.now())
			if err != nil {
				return err
			}
			return m.present(tx, now)
		})
		if err != nil && ctx.Err() == nil {
			m.log.Warn("this node is not seen", zap.Error(err))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			m.leases.release()
			return
		}
	}
}

// Nodes lists the processes that were seen on a database within a minute, and what is with each. Where only one may serve it there are none.
func Nodes(ctx context.Context, db *store.DB) (nodes []Node, err error) {
	err = db.View(ctx, func(tx *store.Tx) error {
		now, err := tx.Clock(time.Now())
		if err != nil {
			return err
		}
		rows, err := tx.Query(`SELECT n.node, n.roles, n.policy, n.started, n.seen, coalesce(l.name, '') FROM nodes n
			LEFT JOIN leases l ON l.holder = n.node AND l.until >= $1 WHERE n.seen >= $2 ORDER BY n.node, l.name`, now, now.Add(-time.Minute))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var n Node
			var started, seen int64
			var channel string
			if err := rows.Scan(&n.Name, &n.Roles, &n.Policy, &started, &seen, &channel); err != nil {
				return err
			}
			if len(nodes) == 0 || nodes[len(nodes)-1].Name != n.Name {
				n.Started, n.Seen = store.FromTime(started), store.FromTime(seen)
				nodes = append(nodes, n)
			}
			if channel != "" && channel != watchLease {
				last := &nodes[len(nodes)-1]
				last.Channels = append(last.Channels, channel)
			}
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("moderation: nodes: %w", err)
	}
	return nodes, nil
}

// Nodes lists the processes that were seen within a minute. See [Nodes].
func (m *Moderator) Nodes(ctx context.Context) ([]Node, error) { return Nodes(ctx, m.db) }

// watchLease is with the one node that looks at pictures, at every channel's health and for what waits in vain, and tells people of what is
// serious. No channel
// can have its name.
const watchLease = "/watch"

// keepWatch does what is done once for all channels, until ctx is cancelled.
func (m *Moderator) keepWatch(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { m.recognise(ctx) })
	wg.Go(func() { m.CheckChannels(ctx) })
	wg.Go(func() { m.watch(ctx) })
	wg.Go(func() { m.watchUnserved(ctx) })
	wg.Go(func() { m.keepCounting(ctx) })
	wg.Wait()
}

// serve keeps a channel read and listened to until ctx is cancelled.
func (m *Moderator) serve(ctx context.Context, channel platforms.Channel, adapter Adapter) {
	var wg sync.WaitGroup
	wg.Go(func() { m.catchUp(ctx, channel, adapter) })
	if listener, ok := adapter.(Listener); ok {
		wg.Go(func() { m.listen(ctx, channel, listener) })
	}
	wg.Wait()
}
