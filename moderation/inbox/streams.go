package inbox

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
	"go.uber.org/zap"
)

// What stands in Redis, and what does not.
//
// Each channel has a stream, takhojd:{authority/channel}:inbox, with one group of consumers. A channel is with one node at a time by its
// lease, and that node reads its stream: the shard is the channel, because then no node is given what it may not work on, a storm on one
// channel fills no other's stream, and whoever takes over a channel takes over its stream, by XAUTOCLAIM of all that the last node was given
// and did not finish. The hash tag spreads the channels over a Redis Cluster; no command needs two of them.
//
// An entry of a stream names a row of the table inbox and holds nothing of what is in it. So Redis holds nobody's words, nothing in it
// has to be disposed of or disclosed, and nobody who gets at it can tell us what was never said. It may lose everything, at any moment:
// what it would have named stands in the table, and the sweep finds it within two rounds ([StreamsConfig.Sweep]). It may name an event twice, or
// one of another database: the table knows what stands, and [Entry.Done] lets nobody finish it twice.
//
// What several workers must know in common is not here either. Near-duplicates and strikes are counted in the database, within the
// transaction that decides by them: a window in Redis could be lost or lag behind, and a comment be judged otherwise for it. A platform's
// budget is one channel's, and in the hand of the one node that has the channel.

const (
	group = "takhojd"
	// streamLength bounds a stream: some 50 bytes an entry. Past it the oldest are dropped, and swept.
	streamLength = 100_000
	// streamAge is how long a stream stays that nobody adds to: that of a channel that is gone, or of an authority.
	streamAge = 24 * time.Hour
	// block is how long a read waits for something to come. A channel that is lost is read from at most so long.
	block = 500 * time.Millisecond
	// claimEvery is how often a node looks for what was given to somebody and not finished, and after how long it is his no longer.
	claimEvery = 10 * time.Second
	// queueLength is how many deliveries may wait to be told of before the next are left to the sweep.
	queueLength = 4096
)

// StreamsConfig says where Redis is, and who asks. Redis must be 6.2 or newer.
type StreamsConfig struct {
	// Address is redis://user:password@host:port/database, rediss:// for TLS; of a cluster any node's, and others' as ?addr=host:port.
	Address string
	// Cluster is true where Redis is a cluster.
	Cluster bool
	// Authority names whose streams these are; Node who reads them.
	Authority, Node string
	// Channels is how many channels there are: each that is with this node takes a connection.
	Channels int
	// Timeout bounds each call. Default 1 s.
	Timeout time.Duration
	// Sweep is how often the table is swept. Default 2 s.
	Sweep time.Duration
	Log   *zap.Logger
	// Metrics may be nil.
	Metrics prometheus.Registerer
}

// Streams tell the nodes of an authority what has come for them. All methods may be called from any goroutine; none waits for Redis, but for
// Check and Close.
type Streams struct {
	cfg     StreamsConfig
	client  redis.UniversalClient
	metrics *streamMetrics
	queue   chan told
	quit    context.CancelFunc
	feeding sync.WaitGroup

	mu      sync.Mutex
	trouble map[string]bool // what does not work: adding, or reading a channel
}

// told is something to tell Redis of a channel: rows that have come, or entries that are done.
type told struct {
	channel string
	rows    []int64
	entries []string
}

// reference is an entry of a stream.
type reference struct {
	channel string
	entry   string
	row     int64
}

// adding names the adding among what may be in trouble; no channel has this name.
const adding = ""

// OpenStreams makes Streams. It makes no call: Redis may be away.
func OpenStreams(cfg StreamsConfig) (*Streams, error) {
	if cfg.Timeout <= 0 {
		cfg.Timeout = time.Second
	}
	if cfg.Sweep <= 0 {
		cfg.Sweep = 2 * time.Second
	}
	client, err := connect(cfg)
	if err != nil {
		return nil, err
	}
	s := &Streams{cfg: cfg, client: client, metrics: newStreamMetrics(cfg.Metrics), queue: make(chan told, queueLength), trouble: map[string]bool{}}
	ctx, quit := context.WithCancel(context.Background())
	s.quit = quit
	s.feeding.Go(func() { s.feed(ctx) })
	return s, nil
}

// connect makes a client that gives up soon and tries nothing twice: the sweep does.
func connect(cfg StreamsConfig) (redis.UniversalClient, error) {
	logging.Disable() // what it would print, its errors say
	silent := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if cfg.Cluster {
		o, err := redis.ParseClusterURL(cfg.Address)
		if err != nil {
			return nil, errAddress
		}
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = cfg.Timeout, cfg.Timeout, cfg.Timeout, cfg.Timeout
		o.PoolSize, o.ContextTimeoutEnabled, o.DisableIdentity, o.DialerRetries, o.MaintNotificationsConfig = cfg.Channels+8, true, true, 1, silent
		return redis.NewClusterClient(o), nil
	}
	o, err := redis.ParseURL(cfg.Address)
	if err != nil {
		return nil, errAddress
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = cfg.Timeout, cfg.Timeout, cfg.Timeout, cfg.Timeout
	o.PoolSize, o.ContextTimeoutEnabled, o.DisableIdentity, o.DialerRetries, o.MaintNotificationsConfig = cfg.Channels+8, true, true, 1, silent
	o.MaxRetries = -1
	return redis.NewClient(o), nil
}

// errAddress does not quote the address: it may hold the password.
var errAddress = errors.New("redis: the address cannot be read: it is like redis://user:password@host:6379/0")

// Close ends the calls that are under way. What was not told is swept.
func (s *Streams) Close() error {
	s.quit()
	s.feeding.Wait()
	return s.client.Close()
}

// Check asks Redis for its version, and whether it takes what is written.
func (s *Streams) Check(ctx context.Context) (version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	info, err := s.client.Info(ctx, "server").Result()
	if err == nil {
		err = s.probe(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("redis: %w", err)
	}
	if m := redisVersion.FindStringSubmatch(info); m != nil {
		version = m[1]
	}
	return version, nil
}

var redisVersion = regexp.MustCompile(`redis_version:(\S+)`)

// probe writes something: that a Redis answers does not say that it has room.
func (s *Streams) probe(ctx context.Context) error {
	return s.client.Set(ctx, s.key("")+":probe", 1, time.Minute).Err()
}

// key is the key of a channel's stream. Only what stands in braces decides where in a cluster it is.
func (s *Streams) key(channel string) string {
	return "takhojd:{" + url.PathEscape(s.cfg.Authority) + "/" + url.PathEscape(channel) + "}:inbox"
}

// Well tells whether everything has worked lately, as far as this process knows.
func (s *Streams) Well() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.trouble) == 0
}

// works and fails keep account of trouble, and say when it begins and when it is over.
func (s *Streams) works(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.trouble[what] {
		return
	}
	if delete(s.trouble, what); len(s.trouble) == 0 {
		s.metrics.up.Set(1)
		s.cfg.Log.Info("redis: is there again")
	}
}

func (s *Streams) fails(what string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.trouble) == 0 {
		s.metrics.up.Set(0)
		s.cfg.Log.Warn("redis: does not work; the table is looked into instead", zap.Error(err))
	}
	s.trouble[what] = true
}

func (s *Streams) inTrouble(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trouble[what]
}

// add tells whom a channel is with that events have come.
func (s *Streams) add(channel string, rows []int64) {
	s.tell(told{channel: channel, rows: rows})
}

// done tells that entries are finished.
func (s *Streams) done(refs []reference) {
	entries := map[string][]string{}
	for _, r := range refs {
		entries[r.channel] = append(entries[r.channel], r.entry)
	}
	for channel, entries := range entries {
		s.tell(told{channel: channel, entries: entries})
	}
}

func (s *Streams) tell(t told) {
	select {
	case s.queue <- t:
	default: // Redis is slow: what has come is swept, what is done is claimed once more and found done
		s.metrics.missed.Add(float64(len(t.rows)))
	}
}

// feed tells Redis what there is to tell, until ctx is cancelled.
func (s *Streams) feed(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		var batch []told
		select {
		case t := <-s.queue:
			batch = append(batch, t)
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	gather:
		for len(batch) > 0 && len(batch) < 256 {
			select {
			case t := <-s.queue:
				batch = append(batch, t)
			default:
				break gather
			}
		}
		call, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
		if err := s.send(call, batch); err != nil && ctx.Err() == nil {
			s.fails(adding, err)
		}
		cancel()
	}
}

// send makes one round trip of what there is to tell. While adding is in trouble nothing is added, and each second it is tried whether it
// is over; what is done is told nevertheless: a full Redis gets room by it.
func (s *Streams) send(ctx context.Context, batch []told) error {
	if len(batch) == 0 {
		if !s.inTrouble(adding) {
			return nil
		}
		err := s.probe(ctx)
		if err == nil {
			s.works(adding)
		}
		return err
	}
	pipe := s.client.Pipeline()
	rows, trouble := 0, s.inTrouble(adding)
	for _, t := range batch {
		key := s.key(t.channel)
		if len(t.entries) > 0 {
			pipe.XAck(ctx, key, group, t.entries...)
			pipe.XDel(ctx, key, t.entries...)
			continue
		}
		if trouble {
			s.metrics.missed.Add(float64(len(t.rows)))
			continue
		}
		for _, row := range t.rows {
			pipe.XAdd(ctx, &redis.XAddArgs{Stream: key, MaxLen: streamLength, Approx: true, Values: []any{"row", row}})
		}
		pipe.Expire(ctx, key, streamAge)
		rows += len(t.rows)
	}
	if pipe.Len() == 0 {
		return nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		s.metrics.missed.Add(float64(rows))
		return err
	}
	s.metrics.added.Add(float64(rows))
	return nil
}

// readers read the streams of the channels that are with this node.
type readers struct {
	s     *Streams
	ctx   context.Context
	stop  context.CancelFunc
	going sync.WaitGroup
	out   chan []reference
	held  map[string]context.CancelFunc
}

func (s *Streams) newReaders(ctx context.Context) *readers {
	r := &readers{s: s, out: make(chan []reference), held: map[string]context.CancelFunc{}}
	r.ctx, r.stop = context.WithCancel(ctx)
	return r
}

// keep reads these channels from now on, and no others.
func (r *readers) keep(channels []string) {
	wanted := map[string]bool{}
	for _, channel := range channels {
		wanted[channel] = true
		if r.held[channel] == nil {
			ctx, cancel := context.WithCancel(r.ctx)
			r.held[channel] = cancel
			r.going.Go(func() { r.read(ctx, channel) })
		}
	}
	for channel, cancel := range r.held {
		if !wanted[channel] {
			cancel()
			delete(r.held, channel)
		}
	}
}

// more adds to references what else is there at this moment.
func (r *readers) more(refs []reference) []reference {
	for len(refs) < batch {
		select {
		case others := <-r.out:
			refs = append(refs, others...)
		default:
			return refs
		}
	}
	return refs
}

func (r *readers) end() {
	r.stop()
	r.going.Wait()
}

// read reads a channel's stream until ctx is cancelled: first what others were given and did not finish, then what comes. What is read and not
// handed on because the channel is lost stays given to us, until whom it is with claims it.
func (r *readers) read(ctx context.Context, channel string) {
	s := r.s
	var claimed time.Time
	idle := time.Duration(0)
	for ctx.Err() == nil {
		var err error
		if time.Since(claimed) >= claimEvery {
			if err = r.claim(ctx, channel, idle); err == nil {
				claimed, idle = time.Now(), claimEvery
			}
		}
		if err == nil {
			err = r.next(ctx, channel)
		}
		if gone(err) { // never made, or lost with all of Redis
			err = s.make(ctx, channel)
		}
		if err == nil {
			s.works(channel)
			continue
		}
		if ctx.Err() != nil {
			break
		}
		s.fails(channel, err)
		select {
		case <-time.After(s.cfg.Timeout / 2):
		case <-ctx.Done():
		}
	}
	s.works(channel) // no longer ours to worry about
	s.metrics.forget(channel)
}

// gone tells whether there is no such stream, or no group.
func gone(err error) bool {
	return err != nil && (strings.HasPrefix(err.Error(), "NOGROUP") || strings.HasPrefix(err.Error(), "UNBLOCKED") || strings.Contains(err.Error(), "no such key"))
}

// make makes the stream with its group, which is given all that stands in it.
func (s *Streams) make(ctx context.Context, channel string) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	err := s.client.XGroupCreateMkStream(ctx, s.key(channel), group, "0").Err()
	if err != nil && strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return nil
	}
	return err
}

// next waits for what comes.
func (r *readers) next(ctx context.Context, channel string) error {
	call, cancel := context.WithTimeout(ctx, block+r.s.cfg.Timeout)
	defer cancel()
	found, err := r.s.client.XReadGroup(call, &redis.XReadGroupArgs{Group: group, Consumer: r.s.cfg.Node, Streams: []string{r.s.key(channel), ">"},
		Count: batch, Block: block}).Result()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, stream := range found {
		r.pass(ctx, channel, stream.Messages)
	}
	return nil
}

// claim takes over what was given to somebody at least idle ago and is not finished, and forgets those who have nothing left.
func (r *readers) claim(ctx context.Context, channel string, idle time.Duration) error {
	s, key := r.s, r.s.key(channel)
	for start := "0-0"; ; {
		call, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
		found, next, err := s.client.XAutoClaim(call, &redis.XAutoClaimArgs{Stream: key, Group: group, Consumer: s.cfg.Node, MinIdle: idle, Start: start,
			Count: batch}).Result()
		cancel()
		if err != nil {
			return err
		}
		s.metrics.claimed.Add(float64(len(found)))
		r.pass(ctx, channel, found)
		if start = next; start == "0-0" || ctx.Err() != nil {
			break
		}
	}
	call, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	consumers, err := s.client.XInfoConsumers(call, key, group).Result()
	if err != nil {
		return err
	}
	for _, c := range consumers {
		if c.Name != s.cfg.Node && c.Pending == 0 {
			if err := s.client.XGroupDelConsumer(call, key, group, c.Name).Err(); err != nil {
				return err
			}
		}
	}
	return s.measure(call, channel)
}

// pass hands references on to the worker. What names no row is taken away.
func (r *readers) pass(ctx context.Context, channel string, messages []redis.XMessage) {
	var refs []reference
	var empty []reference
	for _, m := range messages {
		text, _ := m.Values["row"].(string)
		row, err := strconv.ParseInt(text, 10, 64)
		if ref := (reference{channel, m.ID, row}); err != nil {
			empty = append(empty, ref)
		} else {
			refs = append(refs, ref)
		}
	}
	r.s.done(empty)
	if len(refs) == 0 {
		return
	}
	select {
	case r.out <- refs:
	case <-ctx.Done():
	}
}

// measure notes how long a channel's stream is, and how much of it is not given to anybody, or not finished.
func (s *Streams) measure(ctx context.Context, channel string) error {
	length, err := s.client.XLen(ctx, s.key(channel)).Result()
	if err != nil {
		return err
	}
	groups, err := s.client.XInfoGroups(ctx, s.key(channel)).Result()
	if err != nil {
		return err
	}
	s.metrics.length.WithLabelValues(channel).Set(float64(length))
	for _, g := range groups {
		if g.Name == group {
			s.metrics.lag.WithLabelValues(channel).Set(float64(g.Lag))
			s.metrics.pending.WithLabelValues(channel).Set(float64(g.Pending))
		}
	}
	return nil
}

// streamMetrics counts what the streams do.
type streamMetrics struct {
	up                            prometheus.Gauge
	length, lag, pending          *prometheus.GaugeVec
	added, missed, claimed, swept prometheus.Counter
}

func newStreamMetrics(reg prometheus.Registerer) *streamMetrics {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "takhojd", Name: name, Help: help}, []string{"channel"})
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "takhojd", Name: name, Help: help})
	}
	m := &streamMetrics{
		up:      prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "takhojd", Name: "redis_up", Help: "1 while Redis works for this process, 0 while the table is looked into instead."}),
		length:  gauge("stream_length", "Entries of a channel's stream, as its node saw them within 10 s."),
		lag:     gauge("stream_lag", "Entries of a channel's stream that are not given to anybody yet; -1 when Redis does not know."),
		pending: gauge("stream_pending", "Entries of a channel's stream that are given to a node and not finished."),
		added:   counter("stream_added_total", "Events told of by a stream."),
		missed:  counter("stream_missed_total", "Events that Redis could not be told of; they are swept."),
		claimed: counter("stream_claimed_total", "Entries taken over from a node that did not finish them."),
		swept:   counter("stream_swept_total", "Events found in the table that no stream had brought in time."),
	}
	m.up.Set(1)
	if reg != nil {
		reg.MustRegister(m.up, m.length, m.lag, m.pending, m.added, m.missed, m.claimed, m.swept)
	}
	return m
}

func (m *streamMetrics) forget(channel string) {
	for _, g := range []*prometheus.GaugeVec{m.length, m.lag, m.pending} {
		g.DeleteLabelValues(channel)
	}
}
