package inbox

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
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
// Each authority has a stream for each of its [Shards], takhojd:{authority/shard}:inbox, with one group of consumers. A channel's shard is a hash
// of its name, the same for all nodes and versions. The hash tag holds all keys of a shard in one slot of a Redis Cluster, and spreads the shards
// over its nodes; no command needs two of them.
//
// All channels of a shard are with one node at a time: their leases are taken and given back together (moderation/leases.go), and that node
// reads the shard's stream. So no node is given what it may not work on, whoever takes over a shard takes over its stream, by XAUTOCLAIM of all that
// the last node was given and did not finish, and however many channels there are, there are no more streams and blocked connections than shards.
// What shares a shard shares a stream's length and a node; a storm on one channel is thus felt by one in a hundred others.
//
// A comment's events stay in order by three things: one node reads its stream; that node has one worker; and what the worker hands over is not what
// the stream names but all that stands in the table of the comments that it names, by the order in which it was put there. While a lease
// moves two nodes may have the same events in hand: [Entry.Done] lets the second of them leave nothing, and it reads the table anew.
//
// An entry of a stream names a row of the table inbox and holds nothing of what is in it. So the streams hold nobody's words, nothing in them
// has to be disposed of or disclosed, and nobody who gets at them can tell us what was never said. Redis may lose everything, at any moment:
// what it would have named stands in the table, and the sweep finds it within two rounds ([StreamsConfig.Sweep]). It may name an event twice, or
// one of another channel: the table knows what stands where, and nobody finishes it twice.

// Near-duplicates, floods and strikes are not in Redis either, but in the database that all nodes share – and in the memory of the node that has the
// channel, which knows what the database knows as long as it has it (moderation/lately.go). They are counted within the transaction that decides by
// them: a window in Redis could be lost, lag behind or be forged, and a comment be judged otherwise for it. What is in Redis beside the streams
// decides only when a platform is called: package budget.

// Shards is how many streams an authority has. It is a constant: nodes that counted differently would read each other's streams in vain, and every
// event would wait for the sweep. Of thirty channels one in five shares its shard; a node has at most so many connections that wait.
const Shards = 128

// ShardOf is the shard of a channel, from 0.
func ShardOf(channel string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(channel))
	return int(h.Sum32() % Shards)
}

const (
	group  = "takhojd"
	stream = "inbox" // what its key ends with
	// streamLength bounds a stream: 20 bytes an entry (Redis 7.0), thus a megabyte a shard. Past it the oldest are dropped, and swept.
	streamLength = 50_000
	// streamAge is how long a stream stays that nobody adds to: that of channels that are gone, or of an authority.
	streamAge = 24 * time.Hour
	// block is how long a read waits for something to come. A shard that is lost is read from at most so long.
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
	trouble map[int]bool // what does not work: adding, or reading a shard's stream
}

// told is something to tell Redis of a shard: rows that have come, or entries that are done.
type told struct {
	shard   int
	rows    []int64
	entries []string
}

// reference is an entry of a stream.
type reference struct {
	shard int
	entry string
	row   int64
}

// adding names the adding among what may be in trouble; no shard has this number.
const adding = -1

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
	s := &Streams{cfg: cfg, client: client, metrics: newStreamMetrics(cfg.Metrics), queue: make(chan told, queueLength), trouble: map[int]bool{}}
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
		o.PoolSize, o.ContextTimeoutEnabled, o.DisableIdentity, o.DialerRetries, o.MaintNotificationsConfig = Shards+8, true, true, 1, silent
		return redis.NewClusterClient(o), nil
	}
	o, err := redis.ParseURL(cfg.Address)
	if err != nil {
		return nil, errAddress
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = cfg.Timeout, cfg.Timeout, cfg.Timeout, cfg.Timeout
	o.PoolSize, o.ContextTimeoutEnabled, o.DisableIdentity, o.DialerRetries, o.MaintNotificationsConfig = Shards+8, true, true, 1, silent
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
	return s.client.Set(ctx, s.key(adding, "probe"), 1, time.Minute).Err()
}

// key is a key of a shard. Only what stands in braces decides where in a cluster it is.
func (s *Streams) key(shard int, name string) string {
	return fmt.Sprintf("takhojd:{%s/%d}:%s", url.PathEscape(s.cfg.Authority), shard, name)
}

// Key is a key of a channel, in the slot of its shard, for what others than the inbox keep in the same Redis. It may go at any moment.
func (s *Streams) Key(channel, name string) string { return s.key(ShardOf(channel), name) }

// Ask lets others make a call to the same Redis, within the time that is given to one. Where Redis is known not to work, it fails at once.
func (s *Streams) Ask(ctx context.Context, call func(context.Context, redis.UniversalClient) error) error {
	if !s.Well() {
		return errAway
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	if err := call(ctx, s.client); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	return nil
}

var errAway = errors.New("redis: does not work at the moment")

// Well tells whether everything has worked lately, as far as this process knows.
func (s *Streams) Well() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.trouble) == 0
}

// works and fails keep account of trouble, and say when it begins and when it is over.
func (s *Streams) works(what int) {
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

func (s *Streams) fails(what int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.trouble) == 0 {
		s.metrics.up.Set(0)
		s.cfg.Log.Warn("redis: does not work; the table is looked into instead", zap.Error(err))
	}
	s.trouble[what] = true
}

func (s *Streams) inTrouble(what int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trouble[what]
}

// add tells whom a shard is with that events have come.
func (s *Streams) add(shard int, rows []int64) {
	s.tell(told{shard: shard, rows: rows})
}

// done tells that entries are finished.
func (s *Streams) done(refs []reference) {
	entries := map[int][]string{}
	for _, r := range refs {
		entries[r.shard] = append(entries[r.shard], r.entry)
	}
	for shard, entries := range entries {
		s.tell(told{shard: shard, entries: entries})
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
		key := s.key(t.shard, stream)
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

// readers read the streams of the shards that are with this node.
type readers struct {
	s     *Streams
	ctx   context.Context
	stop  context.CancelFunc
	going sync.WaitGroup
	out   chan []reference
	held  map[int]context.CancelFunc
}

func (s *Streams) newReaders(ctx context.Context) *readers {
	r := &readers{s: s, out: make(chan []reference), held: map[int]context.CancelFunc{}}
	r.ctx, r.stop = context.WithCancel(ctx)
	return r
}

// keep reads the streams of these channels' shards from now on, and no others.
func (r *readers) keep(channels []string) {
	wanted := map[int]bool{}
	for _, channel := range channels {
		shard := ShardOf(channel)
		wanted[shard] = true
		if r.held[shard] == nil {
			ctx, cancel := context.WithCancel(r.ctx)
			r.held[shard] = cancel
			r.going.Go(func() { r.read(ctx, shard) })
		}
	}
	for shard, cancel := range r.held {
		if !wanted[shard] {
			cancel()
			delete(r.held, shard)
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

// read reads a shard's stream until ctx is cancelled: first what others were given and did not finish, then what comes. What is read and not
// handed on because the shard is lost stays given to us, until whom it is with claims it.
func (r *readers) read(ctx context.Context, shard int) {
	s := r.s
	var claimed time.Time
	idle := time.Duration(0)
	for ctx.Err() == nil {
		var err error
		if time.Since(claimed) >= claimEvery {
			if err = r.claim(ctx, shard, idle); err == nil {
				claimed, idle = time.Now(), claimEvery
			}
		}
		if err == nil {
			err = r.next(ctx, shard)
		}
		if gone(err) { // never made, or lost with all of Redis
			err = s.make(ctx, shard)
		}
		if err == nil {
			s.works(shard)
			continue
		}
		if ctx.Err() != nil {
			break
		}
		s.fails(shard, err)
		select {
		case <-time.After(s.cfg.Timeout / 2):
		case <-ctx.Done():
		}
	}
	s.works(shard) // no longer ours to worry about
	s.metrics.forget(shard)
}

// gone tells whether there is no such stream, or no group.
func gone(err error) bool {
	return err != nil && (strings.HasPrefix(err.Error(), "NOGROUP") || strings.HasPrefix(err.Error(), "UNBLOCKED") || strings.Contains(err.Error(), "no such key"))
}

// make makes the stream with its group, which is given all that stands in it.
func (s *Streams) make(ctx context.Context, shard int) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	err := s.client.XGroupCreateMkStream(ctx, s.key(shard, stream), group, "0").Err()
	if err != nil && strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return nil
	}
	return err
}

// next waits for what comes.
func (r *readers) next(ctx context.Context, shard int) error {
	call, cancel := context.WithTimeout(ctx, block+r.s.cfg.Timeout)
	defer cancel()
	found, err := r.s.client.XReadGroup(call, &redis.XReadGroupArgs{Group: group, Consumer: r.s.cfg.Node, Streams: []string{r.s.key(shard, stream), ">"},
		Count: batch, Block: block}).Result()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, one := range found {
		r.pass(ctx, shard, one.Messages)
	}
	return nil
}

// claim takes over what was given to somebody at least idle ago and is not finished, and forgets those who have nothing left.
func (r *readers) claim(ctx context.Context, shard int, idle time.Duration) error {
	s, key := r.s, r.s.key(shard, stream)
	for start := "0-0"; ; {
		call, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
		found, next, err := s.client.XAutoClaim(call, &redis.XAutoClaimArgs{Stream: key, Group: group, Consumer: s.cfg.Node, MinIdle: idle, Start: start,
			Count: batch}).Result()
		cancel()
		if err != nil {
			return err
		}
		s.metrics.claimed.Add(float64(len(found)))
		r.pass(ctx, shard, found)
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
	return s.measure(call, shard)
}

// pass hands references on to the worker. What names no row is taken away.
func (r *readers) pass(ctx context.Context, shard int, messages []redis.XMessage) {
	var refs []reference
	var empty []reference
	for _, m := range messages {
		text, _ := m.Values["row"].(string)
		row, err := strconv.ParseInt(text, 10, 64)
		if ref := (reference{shard, m.ID, row}); err != nil {
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

// measure notes how long a shard's stream is, and how much of it is not given to anybody, or not finished.
func (s *Streams) measure(ctx context.Context, shard int) error {
	length, err := s.client.XLen(ctx, s.key(shard, stream)).Result()
	if err != nil {
		return err
	}
	groups, err := s.client.XInfoGroups(ctx, s.key(shard, stream)).Result()
	if err != nil {
		return err
	}
	s.metrics.length.WithLabelValues(strconv.Itoa(shard)).Set(float64(length))
	for _, g := range groups {
		if g.Name == group {
			s.metrics.lag.WithLabelValues(strconv.Itoa(shard)).Set(float64(g.Lag))
			s.metrics.pending.WithLabelValues(strconv.Itoa(shard)).Set(float64(g.Pending))
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
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "takhojd", Name: name, Help: help}, []string{"shard"})
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "takhojd", Name: name, Help: help})
	}
	m := &streamMetrics{
		up:      prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "takhojd", Name: "redis_up", Help: "1 while Redis works for this process, 0 while the table is looked into instead."}),
		length:  gauge("stream_length", "Entries of a shard's stream, as its node saw them within 10 s."),
		lag:     gauge("stream_lag", "Entries of a shard's stream that are not given to anybody yet; -1 when Redis does not know."),
		pending: gauge("stream_pending", "Entries of a shard's stream that are given to a node and not finished."),
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

func (m *streamMetrics) forget(shard int) {
	for _, g := range []*prometheus.GaugeVec{m.length, m.lag, m.pending} {
		g.DeleteLabelValues(strconv.Itoa(shard))
	}
}
