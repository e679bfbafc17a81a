package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"takhojd/archive"
	"takhojd/moderation"
	"takhojd/moderation/budget"
	"takhojd/moderation/console"
	"takhojd/moderation/inbox"
	"takhojd/moderation/store"
	"takhojd/platforms/twitter"
	"takhojd/rules"
)

// databaseName and keyName are the files in the data folder.
const (
	databaseName = "takhojd.db"
	keyName      = "log.key"
)

// drainTime bounds how long a server waits for its last requests when it is told to stop.
const drainTime = 20 * time.Second

// books is what is kept: the database and the archive in it.
type books struct {
	db      *store.DB
	archive *archive.Archive
}

// place is where books are: the folder of the key, and the database, which is a file in that folder unless it is said to be elsewhere.
type place struct {
	folder, origin string
	// server is a PostgreSQL address, or empty.
	server string
}

// place is where the configuration wants the books.
func (c Config) place() (place, error) {
	server, err := c.Database.Read()
	if err != nil {
		return place{}, fmt.Errorf("database: %w", err)
	}
	// Anything else would be taken for a file's name: the books would be begun anew in it, and the password would stand in the folder for all to see.
	if c.Database != (Secret{}) && !strings.HasPrefix(server, "postgres://") && !strings.HasPrefix(server, "postgresql://") {
		return place{}, errors.New("database: what is written there is no address that begins with postgres:// (an address as key=value does not do)")
	}
	return place{folder: c.Data, origin: c.Origin, server: server}, nil
}

// database is what store.Open is told.
func (p place) database() string {
	if p.server != "" {
		return p.server
	}
	return filepath.Join(p.folder, databaseName)
}

// missing tells whether there are no books yet; a server's are made when they are opened.
func (p place) missing() bool {
	_, err := os.Stat(filepath.Join(p.folder, keyName))
	if p.server == "" && err == nil {
		_, err = os.Stat(p.database())
	}
	return errors.Is(err, os.ErrNotExist)
}

// openBooks opens the database and the log with its key, and makes what is missing.
func openBooks(ctx context.Context, at place) (_ *books, err error) {
	if err := os.MkdirAll(at.folder, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	keyFile := filepath.Join(at.folder, keyName)
	_, noKey := os.Stat(keyFile)
	if errors.Is(noKey, os.ErrNotExist) && at.server == "" {
		if _, err := os.Stat(at.database()); err == nil {
			return nil, keyGone(at)
		}
	}
	db, err := store.Open(ctx, at.database())
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	if errors.Is(noKey, os.ErrNotExist) {
		if begun, err := archive.Begun(ctx, db); err != nil {
			return nil, err
		} else if begun {
			return nil, keyGone(at)
		}
	}
	key, err := archive.OpenKey(keyFile, at.origin)
	if err != nil {
		return nil, err
	}
	a, err := archive.New(db, key)
	if err != nil {
		return nil, err
	}
	b := &books{db: db, archive: a}
	if _, err := settleDisposals(ctx, b, at.folder, key); err != nil {
		return nil, err
	}
	return b, nil
}

// keyGone: a new key would sign from here on, and all that the old one signed would no longer verify.
func keyGone(at place) error {
	return fmt.Errorf("%s does not hold %s, which signed the log of these books: put the key back from the backup", at.folder, keyName)
}

// service is the bot with its console: all of it that runs.
type service struct {
	*books
	cfg       Config
	log       *zap.Logger
	registry  *prometheus.Registry
	policy    *rules.Policy
	moderator *moderation.Moderator
	console   *console.Server
	webhooks  http.Handler
	listeners []listener
	lock      *os.File
	streams   *inbox.Streams
	budget    *budget.Budget // nil without streams
	role      role
}

type listener struct {
	name    string
	net     net.Listener
	handler http.Handler
}

// server is the HTTP server of a listener. It waits for nobody for long: a stranger who sends, or reads, a byte now and then holds a
// connection for a minute or two. What takes longer to be read, as an export may, moves its own limit on with every piece.
func (l listener) server(log *zap.Logger) *http.Server {
	return &http.Server{Handler: l.handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: 2 * time.Minute,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: zap.NewStdLog(log.Named(l.name))}
}

// newService opens and checks everything that can fail, before anything runs.
func newService(ctx context.Context, cfg Config, log *zap.Logger) (_ *service, err error) {
	s := &service{cfg: cfg, log: log, registry: prometheus.NewRegistry()}
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if s.policy, err = loadPolicy(cfg.Policy); err != nil {
		return nil, err
	}
	at, err := cfg.place()
	if err != nil {
		return nil, err
	}
	if s.books, err = openBooks(ctx, at); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.role, err = cfg.role(at); err != nil {
		return nil, err
	}
	if !s.role.shared {
		if s.lock, err = lockBooks(cfg.Data); err != nil {
			return nil, err
		}
	}
	if cfg.Redis.used() {
		if s.streams, err = cfg.streams(s.role.node, log, s.registry); err != nil {
			return nil, err
		}
		s.budget = budget.New(s.streams, log)
	}
	if err := s.connect(); err != nil {
		return nil, err
	}
	s.gauges()
	s.console, err = console.New(console.Config{DB: s.db, Desk: s.moderator, Records: s.books.archive, Disposal: s.disposer(at), Log: log, Metrics: s.registry,
		Secure: strings.HasPrefix(cfg.Console.PublicURL, "https://"), PublicURL: cfg.Console.PublicURL})
	if err != nil {
		return nil, err
	}
	return s, s.listen()
}

// disposer disposes of what two people have agreed on in the console, and writes it down where the command line does.
func (s *service) disposer(at place) moderation.Disposer {
	return moderation.Disposer{DB: s.db, Archive: s.books.archive, Policy: s.policy, Announce: func(part archive.Disposal) error {
		lists, err := disposalLists(at, nil)
		if err != nil {
			return err
		}
		return announce(s.books.archive, lists, part)
	}}
}

// streams are what tells the processes on one PostgreSQL what has come. No call is made.
func (c Config) streams(node string, log *zap.Logger, registry prometheus.Registerer) (*inbox.Streams, error) {
	address, err := c.Redis.Address.Read()
	if err != nil {
		return nil, fmt.Errorf("redis: address: %w", err)
	}
	return inbox.OpenStreams(inbox.StreamsConfig{Address: address, Cluster: c.Redis.Cluster, Authority: c.Origin, Node: node,
		Timeout: time.Duration(c.Redis.Timeout), Log: log, Metrics: registry})
}

// loadPolicy loads a policy file, and refuses one that fails its own examples. "" is the built-in one.
func loadPolicy(path string) (*rules.Policy, error) {
	if path == "" {
		return rules.Default()
	}
	p, err := rules.LoadFile(path)
	if err != nil {
		return nil, err
	}
	if failures := p.Test(); len(failures) > 0 {
		return nil, fmt.Errorf("policy %s: %d of its own examples fail; `takhojd policy test %s` lists them", path, len(failures), path)
	}
	return p, nil
}

// connect makes the adapters, the moderator and the webhooks.
func (s *service) connect() error {
	cfg := s.cfg
	var ledger twitter.Ledger
	var budgets moderation.Budgets
	if s.budget != nil {
		ledger, budgets = s.budget, s.budget
	}
	wires, err := newWiring(cfg, s.policy.HideQuota(), s.log, s.registry, ledger)
	if err != nil {
		return err
	}
	media := moderation.PublicClient()
	if cfg.Moderation.MediaFromPrivateAddresses {
		media = moderation.LocalClient()
	}
	people, err := cfg.notifier(s.registry)
	if err != nil {
		return err
	}
	var notifier moderation.Notifier
	if people != nil {
		notifier = people
	}
	s.moderator, err = moderation.New(moderation.Config{Notifier: notifier, DB: s.db, Archive: s.books.archive, Policy: s.policy, Channels: wires.channels, Adapters: wires.adapters,
		Log: s.log, Metrics: moderation.NewMetrics(s.registry), Node: s.role.node, Roles: s.role.name, MediaClient: media, MediaWait: time.Duration(cfg.Moderation.MediaWait),
		PollEvery: time.Duration(cfg.Moderation.PollEvery), Backfill: time.Duration(cfg.Moderation.Backfill),
		Backoff: time.Duration(cfg.Moderation.Backoff), BackoffMax: time.Duration(cfg.Moderation.BackoffMax), LeaseTime: time.Duration(cfg.Moderation.LeaseTime),
		Streams: s.streams, Budgets: budgets})
	if err != nil || cfg.Webhooks.Address == "" {
		return err
	}
	s.webhooks, err = wires.webhooks(s.moderator.Receive)
	return err
}

// gauges shows what waits.
func (s *service) gauges() {
	gauge := func(name, help string, value func(moderation.Counts) float64) {
		s.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "takhojd", Name: name, Help: help}, func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			counts, err := s.moderator.Counts(ctx)
			if err != nil {
				s.log.Warn("metrics: cannot count what waits", zap.Error(err))
				return -1
			}
			return value(counts)
		}))
	}
	gauge("flags_open", "Comments that wait for a person.", func(c moderation.Counts) float64 { return float64(c.Flags) })
	gauge("flag_oldest_seconds", "How long the oldest open flag has waited.", func(c moderation.Counts) float64 {
		if c.Oldest.IsZero() {
			return 0
		}
		return time.Since(c.Oldest).Seconds()
	})
	gauge("waiting", "Events to be judged and things to be done on platforms.", func(c moderation.Counts) float64 { return float64(c.Waiting) })
	gauge("dead_letters", "Things that could not be done and wait for a person.", func(c moderation.Counts) float64 { return float64(c.Dead) })
	s.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "takhojd", Name: "inbox_oldest_seconds",
		Help: "How long the oldest event has waited to be judged."}, s.inboxAge))
	version := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "takhojd", Name: "policy_info", Help: "The policy that judges."}, []string{"version"})
	version.WithLabelValues(s.policy.Version()).Set(1)
	s.registry.MustRegister(version)
}

// inboxAge is for how many seconds the oldest event that is not judged has waited; -1 when that cannot be told.
func (s *service) inboxAge() float64 {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var since int64
	err := s.db.View(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT received_at FROM inbox WHERE dead = 0 ORDER BY id LIMIT 1`).Scan(&since)
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0
	case err != nil:
		s.log.Warn("metrics: cannot see what waits to be judged", zap.Error(err))
		return -1
	}
	return time.Since(store.FromTime(since)).Seconds()
}

// listen binds every address, so that an address that is taken is an error now.
func (s *service) listen() error {
	bind := func(name, address string, handler http.Handler) error {
		if address == "" {
			return nil
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		s.listeners = append(s.listeners, listener{name, l, handler})
		return nil
	}
	err := bind("operations", s.cfg.Operations.Address, s.operations())
	if s.role.does("console") {
		err = errors.Join(err, bind("console", s.cfg.Console.Address, s.console.Handler()))
	}
	if s.role.does("ingest") {
		err = errors.Join(err, bind("webhooks", s.cfg.Webhooks.Address, s.webhooks))
	}
	return err
}

// address is where one of the servers listens.
func (s *service) address(name string) string {
	for _, l := range s.listeners {
		if l.name == name {
			return l.net.Addr().String()
		}
	}
	return ""
}

// operations answers those who watch the process.
func (s *service) operations() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		// A write that changes nothing: it waits for the writer's turn, and fails when the disk is full.
		if err := s.db.Update(ctx, func(*store.Tx) error { return nil }); err != nil {
			http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	return mux
}

// run serves until ctx is cancelled, then drains: first nothing more is let in, then what was begun is finished.
func (s *service) run(ctx context.Context) error {
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	var working, serving sync.WaitGroup
	failed := make(chan error, len(s.listeners)+1)
	working.Go(func() {
		if !s.role.does("work") {
			s.moderator.Present(work)
		} else if err := s.moderator.Run(work); err != nil {
			failed <- err
		}
	})
	if s.role.shared {
		working.Go(func() { s.moderator.Hear(work) })
	}
	if s.role.name == "console" {
		working.Go(func() { s.moderator.CheckChannels(work) })
	}
	working.Go(func() { s.watchPolicy(work) })
	var servers []*http.Server
	for _, l := range s.listeners {
		server := l.server(s.log)
		servers = append(servers, server)
		serving.Go(func() {
			if err := server.Serve(l.net); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("%s: %w", l.name, err)
			}
		})
		s.log.Info("listening", zap.String("server", l.name), zap.String("address", l.net.Addr().String()))
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.log.Info("draining")
	s.console.Close() // ends the pages' event streams, which would never end by themselves
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	for _, server := range servers {
		err = errors.Join(err, server.Shutdown(drain))
	}
	serving.Wait()
	stopWork()
	working.Wait()
	return err
}

// watchPolicy looks every other second whether the policy file has changed. A new one is loaded whole and must pass its own examples before
// it judges; a broken one leaves the running one in place, and says so.
func (s *service) watchPolicy(ctx context.Context) {
	if s.cfg.Policy == "" {
		return
	}
	seen := s.policy.Version()
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	last := folderStamp(s.cfg.Policy)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		stamp := folderStamp(s.cfg.Policy)
		if stamp == last {
			continue
		}
		last = stamp
		p, err := loadPolicy(s.cfg.Policy)
		if err != nil {
			s.log.Error("the changed policy is not taken; the running one goes on", zap.String("running", seen), zap.Error(err))
			continue
		}
		if p.Version() != seen {
			s.moderator.SetPolicy(p)
			s.log.Info("a new policy judges", zap.String("was", seen), zap.String("is", p.Version()))
			seen = p.Version()
		}
	}
}

// folderStamp changes when a file in the policy's folder, or in one below it, does.
func folderStamp(policy string) string {
	var b strings.Builder
	_ = filepath.WalkDir(filepath.Dir(policy), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // what can't be read now will be seen when it can
		}
		if info, err := d.Info(); err == nil {
			fmt.Fprintf(&b, "%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
		}
		return nil
	})
	return b.String()
}

// close closes what newService opened.
func (s *service) close() error {
	var err error
	for _, l := range s.listeners {
		_ = l.net.Close() // closed already when it has served
	}
	if s.streams != nil {
		s.budget.Close()
		err = s.streams.Close()
	}
	if s.books != nil {
		err = errors.Join(err, s.db.Close())
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}
