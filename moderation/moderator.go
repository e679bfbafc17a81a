// Package moderation is the path of a comment: from what a platform tells to what is done about it.
//
// The guided tour:
//
//  1. [Moderator.Receive] takes events. When it returns nil they are durable, and the platform may have its 200.
//  2. In one transaction (path.go) a worker drops what is known already, stores what the comment says now, gathers facts (facts.go), asks
//     the policy, and writes the decision with all that follows from it: the archive record with its leaf, the flag, the outbox row.
//     Most often that is the transaction which makes the events durable (express.go). Where it can't be – several nodes, a comment that must be
//     read first, a fault – they stand in the inbox until then, and are taken off in the transaction that decides.
//  3. The outbox (outbox.go) does what was decided: reads the comment once more, keeps its pictures (media.go), asks the
//     archive for the receipt, calls the adapter, and writes down what the platform answered. Pictures that were kept are then compared with
//     what was removed before (recognise.go).
//  4. People decide by [Moderator.Resolve] (people.go): the same decisions, the same transaction, the same outbox.
//  5. What people must be told of – a threat that waits, a token that ends – is watched for (alerts.go), and so is how the channels are
//     (health.go).
//  6. [Moderator.Run] also reads each channel in full now and then (catchup.go), for what its webhooks missed.
//
// Any of it may die at any line: what is not committed never happened, and what is committed is done again or found done.
//
// A doubt, a limit or a fault degrades hide to flag, never to silence and never to deletion.
package moderation

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"takhojd/archive"
	"takhojd/moderation/inbox"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

// Config is what a Moderator stands on. DB, Archive, Policy and Channels are needed; the rest has defaults.
type Config struct {
	DB      *store.DB
	Archive *archive.Archive
	Policy  *rules.Policy
	// Channels lists the channels; Adapters holds one for each channel's ID. A channel without an adapter is only shown.
	Channels []platforms.Channel
	Adapters map[string]Adapter
	Log      *zap.Logger
	Metrics  *Metrics
	// Location is whose midnight ends the day of the hide quota. Default Europe/Stockholm.
	Location *time.Location
	// MediaClient fetches pictures, within MediaLimit bytes each (default 20 MiB). Default: a client that refuses private addresses.
	MediaClient *http.Client
	MediaLimit  int64
	// MediaWait bounds how long a hide waits for its pictures. Default 10 s.
	MediaWait time.Duration
	// PollEvery is the pause between two full readings of a channel; default 5 min. Backfill is how far back the first
	// reading goes; default 7 days, the time within which a citizen may still expect an answer.
	PollEvery, Backfill time.Duration
	// Backoff is the first pause after a failed attempt, doubling up to BackoffMax; defaults 1 s and 15 min.
	Backoff, BackoffMax time.Duration
	// Attempts is after how many tries a thing becomes a dead letter. Default 25: some four hours with the default pauses.
	Attempts int
	// CheckEvery is the pause between two looks at every channel's health; default 1 h.
	CheckEvery time.Duration
	// AlertEvery is the longest that something may be as it is before people are told; default 30 s. Notifier tells them outside of the
	// console; nil: nobody does.
	AlertEvery time.Duration
	Notifier   Notifier
	// UndoWindow is how long a person can take a decision back. Default 10 s. What can't be undone on the platform waits that long.
	UndoWindow time.Duration
	// Node names this process among several that work on the same database (see leases.go). Empty: it is the only one.
	Node string
	// Roles is what this process does, for the list of nodes: "all", "ingest", "work" or "console". Default "all".
	Roles string
	// LeaseTime is how long a channel stays with a node that no longer says that it lives. Default 15 s.
	LeaseTime time.Duration
	// Streams tell the nodes what has come, where several share a database; nil: the database does.
	Streams *inbox.Streams
	// Budgets let the nodes know in common what the platforms want left alone; nil: each learns it from the platforms.
	Budgets Budgets
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Moderator runs the path of a comment on one database. All methods may be called from any goroutine.
type Moderator struct {
	cfg     Config
	db      *store.DB
	archive *archive.Archive
	log     *zap.Logger
	metrics *Metrics
	now     func() time.Time
	policy  atomic.Pointer[rules.Policy]
	// modes is what autonomy last made of the rules' records.
	modes    atomic.Pointer[map[string]rules.Mode]
	channels map[string]platforms.Channel
	order    []platforms.Channel
	inbox    *inbox.Inbox
	outbox   *dispatcher
	kept     chan struct{} // wakes who looks at pictures
	leases   *leases
	changes  broadcaster
	asked    sync.Map // by platforms.Ref: when a comment that did not come with its channel was asked for
	health   *health
	alerts   *alerts
	lately   lately
	// told are the comments that platforms told of lately, struck the authors who broke the rules lately, by authorKey.
	told     *familiar[platforms.Ref]
	struck   *familiar[string]
	express  *express
	settling *settling
}

// New makes a Moderator. It does nothing until Run.
func New(cfg Config) (*Moderator, error) {
	if cfg.DB == nil || cfg.Archive == nil || cfg.Policy == nil {
		return nil, errors.New("moderation: a database, an archive and a policy are needed")
	}
	if cfg.Location == nil {
		location, err := time.LoadLocation("Europe/Stockholm")
		if err != nil {
			return nil, fmt.Errorf("moderation: %w", err)
		}
		cfg.Location = location
	}
	orDefault(&cfg.Log, zap.NewNop())
	orDefault(&cfg.MediaLimit, 20<<20)
	orDefault(&cfg.MediaWait, 10*time.Second)
	orDefault(&cfg.PollEvery, 5*time.Minute)
	orDefault(&cfg.Backfill, 7*24*time.Hour)
	orDefault(&cfg.Backoff, time.Second)
	orDefault(&cfg.BackoffMax, 15*time.Minute)
	orDefault(&cfg.Attempts, 25)
	orDefault(&cfg.UndoWindow, 10*time.Second)
	orDefault(&cfg.CheckEvery, time.Hour)
	orDefault(&cfg.AlertEvery, 30*time.Second)
	orDefault(&cfg.LeaseTime, 15*time.Second)
	orDefault(&cfg.Roles, "all")
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	if cfg.MediaClient == nil {
		cfg.MediaClient = PublicClient()
	}
	if cfg.Streams != nil && cfg.Node == "" {
		return nil, errors.New("moderation: streams are for several nodes, each with a name")
	}
	m := &Moderator{cfg: cfg, db: cfg.DB, archive: cfg.Archive, log: cfg.Log, metrics: cfg.Metrics, now: cfg.Now,
		channels: map[string]platforms.Channel{}, order: cfg.Channels, health: newHealth(), alerts: newAlerts(),
		kept: make(chan struct{}, 1)}
	m.policy.Store(cfg.Policy)
	for _, c := range cfg.Channels {
		if c.ID == "" || !c.Platform.Valid() {
			return nil, fmt.Errorf("moderation: channel %q on %q: a channel needs an id and a known platform", c.ID, c.Platform)
		}
		if _, twice := m.channels[c.ID]; twice {
			return nil, fmt.Errorf("moderation: two channels have the id %q", c.ID)
		}
		m.channels[c.ID] = c
	}
	m.inbox = inbox.New(cfg.DB, inbox.Config{Backoff: cfg.Backoff, BackoffMax: cfg.BackoffMax, Attempts: cfg.Attempts,
		Now: cfg.Now, Log: cfg.Log, Mine: func() []string { return m.leases.channels() }, Streams: cfg.Streams})
	m.outbox = newDispatcher(m)
	m.leases = newLeases(m)
	m.express = newExpress(m)
	m.told, m.struck = newFamiliar[platforms.Ref](), newFamiliar[string]()
	m.settling = &settling{m: m}
	return m, nil
}

func orDefault[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

// Run works until ctx is cancelled; then it finishes what is under way and returns. What was not begun is found at the next start.
func (m *Moderator) Run(ctx context.Context) error {
	for id := range m.cfg.Adapters {
		if _, known := m.channels[id]; !known {
			return fmt.Errorf("moderation: an adapter for %q, which is no channel", id)
		}
	}
	var names []string
	for _, c := range m.order {
		names = append(names, c.ID)
	}
	names = append(names, watchLease)
	// The channels are kept until what is under way on them is finished.
	keep, release := context.WithCancel(context.WithoutCancel(ctx))
	var working, keeping sync.WaitGroup
	keeping.Go(func() {
		m.leases.run(keep, names, func(held context.Context, name string) {
			served, end := context.WithCancel(held)
			defer end()
			m.lately.forget(name) // others may have judged here since it was last with us
			defer m.lately.forget(name)
			defer context.AfterFunc(ctx, end)()
			if name == watchLease {
				m.keepWatch(served)
				return
			}
			if err := m.lately.prepare(served, m.db, name, m.leases.term(name), m.now().Add(-m.Policy().RepeatWindow())); err != nil && served.Err() == nil {
				m.log.Warn("a channel is read when its next comment is judged", zap.String("channel", name), zap.Error(err))
			}
			m.inbox.Wake()
			m.outbox.wakeUp()
			if adapter, ok := m.cfg.Adapters[name]; ok {
				m.serve(served, m.channels[name], adapter)
			}
		})
	})
	working.Go(func() { m.express.run(ctx) })
	working.Go(func() { m.inbox.Run(ctx, m.work) })
	working.Go(func() { m.outbox.run(ctx) })
	working.Go(func() { m.keepTokens(ctx) })
	working.Wait()
	release()
	keeping.Wait()
	return nil
}

// Hear takes notice of what other processes on the database tell, until ctx is cancelled: that there is something to judge, to do, or to
// show anew. Without it they are noticed within a second or two.
func (m *Moderator) Hear(ctx context.Context) {
	m.db.Listen(ctx, func(word string) {
		if word == "" || word == "inbox" {
			m.inbox.Wake()
		}
		if word == "" || word == "outbox" {
			m.outbox.wakeUp()
		}
		if word == "" || word == "change" {
			m.changes.tell(Change{Kind: "elsewhere"})
		}
	})
}

// Receive takes events from an adapter. When it returns nil they are on stable storage and will be worked on, whatever happens; when it
// returns an error none of them is, and the platform must deliver again. store.ErrFull says that the disk is full.
func (m *Moderator) Receive(ctx context.Context, events []platforms.Event) error {
	if len(events) == 0 {
		return nil
	}
	received := m.now()
	err := m.express.take(events, received)
	if err != nil {
		err = m.inbox.Put(ctx, events, received)
	}
	if err != nil {
		m.metrics.refused.Inc()
		m.noticed(err)
		return fmt.Errorf("moderation: receive: %w", err)
	}
	for _, e := range events {
		m.metrics.received.WithLabelValues(e.Comment.Ref.Channel, e.Via).Inc()
	}
	return nil
}

// SetPolicy makes p judge from the next comment on. Rules keep the records that they earned under earlier policies; what p's targets
// make of these is weighed at once, and again before each judgement.
func (m *Moderator) SetPolicy(p *rules.Policy) {
	m.policy.Store(p)
	err := m.update(context.Background(), func(w *walk) error { _, err := w.autonomy(m.Policy()); return err })
	if err != nil {
		m.log.Warn("the rules' records are not weighed yet", zap.String("policy", p.Version()), zap.Error(err))
	}
}

// Policy is the policy that judges now.
func (m *Moderator) Policy() *rules.Policy { return m.policy.Load() }

// Channels lists the channels in the order of the configuration.
func (m *Moderator) Channels() []platforms.Channel { return m.order }

// Capabilities says what can be done on a channel: nothing where there is no adapter, and nothing that its adapter has no method for.
func (m *Moderator) Capabilities(channel string) platforms.Capabilities {
	a, ok := m.cfg.Adapters[channel]
	if !ok {
		return platforms.Capabilities{}
	}
	can := a.Capabilities()
	_, mutes := a.(Muter)
	_, reports := a.(Reporter)
	_, closes := a.(Closer)
	can.Mute, can.Report, can.CloseComments = can.Mute && mutes, can.Report && reports, can.CloseComments && closes
	return can
}

// Media returns a kept picture or film by its SHA-256.
func (m *Moderator) Media(ctx context.Context, sha256 string) (string, []byte, error) {
	mediaType, bytes, err := m.archive.Media(ctx, sha256)
	if errors.Is(err, archive.ErrNotFound) {
		return "", nil, ErrNotFound
	}
	return mediaType, bytes, err
}

// Subscribe returns a channel of changes, and what ends it. A reader that is too slow misses changes, never blocks the path:
// a change says only that it is worth looking again.
func (m *Moderator) Subscribe() (<-chan Change, func()) { return m.changes.subscribe() }

// broadcaster tells many listeners of changes.
type broadcaster struct {
	mu        sync.Mutex
	listeners map[chan Change]struct{}
}

func (b *broadcaster) subscribe() (<-chan Change, func()) {
	c := make(chan Change, 64)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listeners == nil {
		b.listeners = map[chan Change]struct{}{}
	}
	b.listeners[c] = struct{}{}
	return c, sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.listeners, c)
		close(c)
	})
}

func (b *broadcaster) tell(changes ...Change) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.listeners {
		for _, change := range changes {
			select {
			case c <- change:
			default:
			}
		}
	}
}
