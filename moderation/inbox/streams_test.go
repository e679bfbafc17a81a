package inbox_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"takhojd/moderation/inbox"
	"takhojd/moderation/store"
	"takhojd/moderation/store/storetest"
	"takhojd/platforms"
)

const plain, cluster = "TAKHOJD_TEST_REDIS", "TAKHOJD_TEST_REDIS_CLUSTER"

// member is one of several that serve an authority.
type member struct {
	in      *inbox.Inbox
	metrics *prometheus.Registry
	mu      sync.Mutex
	mine    []string
	stop    func()
}

// has says which channels are with the member from now on.
func (m *member) has(channels ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mine = slices.Clone(channels)
}

func (m *member) channels() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string{}, m.mine...)
}

// server is the address of a Redis; the test is skipped where there is none.
func server(t *testing.T, variable string) string {
	t.Helper()
	address := os.Getenv(variable)
	if address == "" {
		t.Skip("needs Redis: `make test-redis` runs it")
	}
	return address
}

// join makes a member of an authority that is told by Redis.
func join(t *testing.T, db *store.DB, authority, variable string, channels ...string) *member {
	t.Helper()
	return joinSweeping(t, db, authority, variable, 100*time.Millisecond, channels...)
}

func joinSweeping(t *testing.T, db *store.DB, authority, variable string, sweep time.Duration, channels ...string) *member {
	t.Helper()
	m := &member{metrics: prometheus.NewRegistry(), mine: channels}
	streams, err := inbox.OpenStreams(inbox.StreamsConfig{Address: server(t, variable), Cluster: variable == cluster, Authority: authority,
		Node: fmt.Sprintf("%p", m), Timeout: 200 * time.Millisecond, Sweep: sweep, Log: zap.NewNop(), Metrics: m.metrics})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = streams.Close() })
	c := config()
	c.Streams, c.Mine = streams, m.channels
	m.in = inbox.New(db, c)
	m.stop = func() {}
	return m
}

// counted is the value of one of a member's metrics.
func (m *member) counted(t *testing.T, name string) (sum float64) {
	t.Helper()
	families, err := m.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			if f.GetName() == "takhojd_"+name {
				sum += metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// ledger is what several members have done, in the order of the transactions.
type ledger struct {
	db   *store.DB
	mu   sync.Mutex
	done []string
}

func (l *ledger) work(_ context.Context, entries []inbox.Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var done []string
	err := l.db.Update(context.Background(), func(tx *store.Tx) error {
		for _, e := range entries {
			if err := inbox.Done(tx, []inbox.Entry{e}); err != nil {
				return err
			}
			done = append(done, name(e.Event))
		}
		return nil
	})
	if err == nil {
		l.done = append(l.done, done...)
	}
	return err
}

func (l *ledger) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.done)
}

// numbered is the nth event of a comment.
func numbered(channel, comment string, n int) platforms.Event {
	e := event(comment)
	e.Comment.Ref.Channel, e.Comment.Text = channel, fmt.Sprint(n)
	return e
}

func name(e platforms.Event) string { return e.Comment.Ref.Comment + "/" + e.Comment.Text }

// run lets a member work until the test ends, or stop is called.
func (m *member) run(t *testing.T, work inbox.Work) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.in.Run(ctx, work)
	}()
	m.stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(func() { m.stop() })
}

func put(t *testing.T, in *inbox.Inbox, events ...platforms.Event) {
	t.Helper()
	if err := in.Put(context.Background(), events, time.Now()); err != nil {
		t.Fatal(err)
	}
}

// await waits until a condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("never: %s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// once checks that n events of each of some comments were worked on, each once and in its comment's order.
func (l *ledger) once(t *testing.T, comments, n int) {
	t.Helper()
	await(t, "all is worked on", func() bool { return len(l.all()) >= comments*n })
	next := map[string]int{}
	for _, done := range l.all() {
		var comment string
		var i int
		if _, err := fmt.Sscanf(done, "%1s/%d", &comment, &i); err != nil {
			t.Fatal(err)
		}
		if i != next[comment] {
			t.Fatalf("%s was worked on where %d was next", done, next[comment])
		}
		next[comment]++
	}
	for comment, done := range next {
		if done != n {
			t.Errorf("%d of %s, of %d", done, comment, n)
		}
	}
	if len(next) != comments {
		t.Errorf("%d comments, of %d", len(next), comments)
	}
	var left int
	if err := l.db.View(context.Background(), func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT count(*) FROM inbox`).Scan(&left)
	}); err != nil || left > 0 {
		t.Errorf("%d left in the table: %v", left, err)
	}
}

// client speaks to a Redis beside the members.
func client(t *testing.T, variable string) redis.UniversalClient {
	t.Helper()
	o, err := redis.ParseURL(server(t, variable))
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{o.Addr}, IsClusterMode: variable == cluster})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// happens lets something happen to the Redis server.
func happens(t *testing.T, what string) {
	t.Helper()
	if out, err := exec.Command(os.Getenv("TAKHOJD_TEST_REDIS_CONTROL"), what).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", what, err, out)
	}
}

// flush lets a Redis forget everything.
func flush(t *testing.T, c redis.UniversalClient) {
	t.Helper()
	every := func(ctx context.Context, one *redis.Client) error { return one.FlushAll(ctx).Err() }
	if cluster, ok := c.(*redis.ClusterClient); ok {
		must(t, cluster.ForEachMaster(context.Background(), every))
	} else {
		must(t, c.FlushAll(context.Background()).Err())
	}
}

// streamOf is the key of a channel's stream, of the authority that has the test's name.
func streamOf(t *testing.T, channel string) string {
	return fmt.Sprintf("takhojd:{%s/%d}:inbox", url.PathEscape(t.Name()), inbox.ShardOf(channel))
}

// settled waits until nothing is left in a channel's stream.
func settled(t *testing.T, c redis.UniversalClient, key string) {
	t.Helper()
	await(t, "the stream is empty", func() bool {
		length, err := c.XLen(context.Background(), key).Result()
		if err != nil {
			return false
		}
		pending, err := c.XPending(context.Background(), key, "takhojd").Result()
		return err == nil && length == 0 && pending.Count == 0
	})
}

func TestStreamsBringWhatWasPut(t *testing.T) {
	for name, variable := range map[string]string{"plain": plain, "cluster": cluster} {
		t.Run(name, func(t *testing.T) {
			db := storetest.Open(t)
			ingest := joinSweeping(t, db, t.Name(), variable, time.Hour)
			worker := joinSweeping(t, db, t.Name(), variable, time.Hour, "c", "d")
			done := &ledger{db: db}
			worker.run(t, done.work)
			for i := range 100 {
				put(t, ingest.in, numbered("c", "x", i), numbered("d", "y", i))
			}
			done.once(t, 2, 100)
			await(t, "the streams told of all", func() bool { return ingest.counted(t, "stream_added_total") == 200 })
			if swept := worker.counted(t, "stream_swept_total"); swept != 0 {
				t.Errorf("%v swept", swept)
			}
			c := client(t, variable)
			settled(t, c, streamOf(t, "c"))
			settled(t, c, streamOf(t, "d"))
		})
	}
}

func TestAFlushedRedisLosesNothing(t *testing.T) {
	for name, variable := range map[string]string{"plain": plain, "cluster": cluster} {
		t.Run(name, func(t *testing.T) {
			db := storetest.Open(t)
			ingest, worker := join(t, db, t.Name(), variable), join(t, db, t.Name(), variable, "c", "d")
			c := client(t, variable)
			done := &ledger{db: db}
			worker.run(t, done.work)
			for i := range 200 {
				put(t, ingest.in, numbered("c", "x", i), numbered("d", "y", i))
				if i%20 == 19 {
					flush(t, c)
				}
			}
			done.once(t, 2, 200)
			before := ingest.counted(t, "stream_added_total")
			put(t, ingest.in, numbered("c", "x", 200), numbered("d", "y", 200))
			done.once(t, 2, 201)
			await(t, "the streams tell again", func() bool { return ingest.counted(t, "stream_added_total") > before })
			await(t, "the worker reads them", func() bool { return worker.counted(t, "redis_up") == 1 })
		})
	}
}

func TestARedisThatIsKilledLosesNothing(t *testing.T) {
	db := storetest.Open(t)
	ingest, worker := joinSweeping(t, db, t.Name(), plain, time.Hour), joinSweeping(t, db, t.Name(), plain, time.Hour, "c")
	done := &ledger{db: db}
	worker.run(t, done.work)
	n := 0
	some := func() {
		for range 50 {
			put(t, ingest.in, numbered("c", "x", n))
			n++
		}
	}
	some()
	happens(t, "kill")
	some()
	done.once(t, 1, n) // Redis is away
	if up := worker.counted(t, "redis_up"); up != 0 {
		t.Errorf("up: %v", up)
	}
	happens(t, "start")
	await(t, "all see that it is back", func() bool { return ingest.counted(t, "redis_up") == 1 && worker.counted(t, "redis_up") == 1 })
	before := ingest.counted(t, "stream_added_total")
	some()
	done.once(t, 1, n)
	await(t, "the streams tell again", func() bool { return ingest.counted(t, "stream_added_total") == before+50 })
}

// Of three servers of a cluster one dies and comes back empty: its shards, and for as long as the others miss it theirs too, come by the table.
func TestAClusterThatLosesAServerLosesNothing(t *testing.T) {
	db := storetest.Open(t)
	var channels []string
	for i := range 12 {
		channels = append(channels, fmt.Sprint("channel-", i))
	}
	ingest, worker := join(t, db, t.Name(), cluster), join(t, db, t.Name(), cluster, channels...)
	done := &ledger{db: db}
	worker.run(t, done.work)
	n := 0
	some := func() {
		for range 20 {
			for i, channel := range channels {
				put(t, ingest.in, numbered(channel, string(rune('a'+i)), n))
			}
			n++
		}
		done.once(t, len(channels), n)
	}
	servers := map[string]bool{}
	c := client(t, cluster).(*redis.ClusterClient)
	for _, channel := range channels {
		one, err := c.MasterForKey(context.Background(), streamOf(t, channel))
		must(t, err)
		servers[one.Options().Addr] = true
	}
	if len(servers) != 3 {
		t.Fatalf("the shards of %d channels are on %d servers", len(channels), len(servers))
	}
	some()
	happens(t, "kill-1")
	started := false
	start := func() {
		if !started {
			started = true
			happens(t, "start-1")
		}
	}
	defer start()
	some()
	await(t, "it is seen", func() bool { return ingest.counted(t, "redis_up") == 0 && worker.counted(t, "redis_up") == 0 })
	some()
	start()
	await(t, "all see that it is back", func() bool { return ingest.counted(t, "redis_up") == 1 && worker.counted(t, "redis_up") == 1 })
	before := ingest.counted(t, "stream_added_total")
	some()
	await(t, "the streams tell again", func() bool { return ingest.counted(t, "stream_added_total") == before+float64(20*len(channels)) })
}

func TestARedisThatStandsStillHoldsUpNobody(t *testing.T) {
	db := storetest.Open(t)
	ingest, worker := joinSweeping(t, db, t.Name(), plain, time.Hour), joinSweeping(t, db, t.Name(), plain, time.Hour, "c")
	done := &ledger{db: db}
	worker.run(t, done.work)
	put(t, ingest.in, numbered("c", "x", 0))
	done.once(t, 1, 1)
	happens(t, "pause")
	defer happens(t, "resume")
	for i := range 100 {
		put(t, ingest.in, numbered("c", "x", 1+i))
	}
	done.once(t, 1, 101)
	happens(t, "resume")
	await(t, "all see that it goes again", func() bool { return ingest.counted(t, "redis_up") == 1 && worker.counted(t, "redis_up") == 1 })
	put(t, ingest.in, numbered("c", "x", 101))
	done.once(t, 1, 102)
}

func TestAFullRedisHoldsUpNobody(t *testing.T) {
	db := storetest.Open(t)
	ingest, worker := join(t, db, t.Name(), plain), join(t, db, t.Name(), plain, "c")
	c := client(t, plain)
	done := &ledger{db: db}
	worker.run(t, done.work)
	must(t, c.ConfigSet(context.Background(), "maxmemory", "1").Err())
	defer func() { must(t, c.ConfigSet(context.Background(), "maxmemory", "0").Err()) }()
	for i := range 50 {
		put(t, ingest.in, numbered("c", "x", i))
	}
	done.once(t, 1, 50)
	await(t, "it is seen", func() bool { return ingest.counted(t, "redis_up") == 0 && ingest.counted(t, "stream_missed_total") > 0 })
}

func TestTheLivingClaimWhatTheDeadWereGiven(t *testing.T) {
	db := storetest.Open(t)
	ingest := joinSweeping(t, db, t.Name(), plain, time.Hour)
	dead, living := joinSweeping(t, db, t.Name(), plain, time.Hour, "c"), joinSweeping(t, db, t.Name(), plain, time.Hour)
	given := make(chan struct{})
	dying, die := context.WithCancel(context.Background())
	dead.run(t, func(context.Context, []inbox.Entry) error { // it gets the entries, and never answers for them
		close(given)
		<-dying.Done()
		return errors.New("dead")
	})
	t.Cleanup(die)
	done := &ledger{db: db}
	living.run(t, done.work)
	events := []platforms.Event{}
	for i := range 50 {
		events = append(events, numbered("c", "x", i))
	}
	put(t, ingest.in, events...)
	<-given
	dead.has()
	living.has("c")
	done.once(t, 1, 50)
	if claimed, swept := living.counted(t, "stream_claimed_total"), living.counted(t, "stream_swept_total"); claimed != 50 || swept != 0 {
		t.Errorf("%v claimed, %v swept", claimed, swept)
	}
	die() // what it does now comes too late: the rows are gone
	dead.stop()
	done.once(t, 1, 50)
	settled(t, client(t, plain), streamOf(t, "c"))
}

func TestALeaseThatMovesKeepsOrder(t *testing.T) {
	db := storetest.Open(t)
	ingest := join(t, db, t.Name(), plain)
	members := []*member{join(t, db, t.Name(), plain), join(t, db, t.Name(), plain)}
	done := &ledger{db: db}
	for _, m := range members {
		m.run(t, done.work)
	}
	for i := range 300 {
		if i%25 == 0 { // from one to the other, and for a while it is with nobody, or with both
			members[i/25%2].has("c")
			members[1-i/25%2].has([]string{"c"}[:i/25%3/2]...)
		}
		put(t, ingest.in, numbered("c", "x", i), numbered("c", "y", i))
	}
	members[0].has("c")
	members[1].has()
	done.once(t, 2, 300)
}

// Two channels of a shard may be with two nodes for a while: one was started with a channel more in its configuration. Each is given what is for
// the other, and leaves it to them.
func TestAShardThatIsWithTwo(t *testing.T) {
	other := ""
	for i := 0; other == ""; i++ {
		if name := fmt.Sprint("c", i); inbox.ShardOf(name) == inbox.ShardOf("c") {
			other = name
		}
	}
	db := storetest.Open(t)
	ingest := join(t, db, t.Name(), plain)
	one, two := join(t, db, t.Name(), plain, "c"), join(t, db, t.Name(), plain, other)
	done := &ledger{db: db}
	one.run(t, done.work)
	two.run(t, done.work)
	for i := range 100 {
		put(t, ingest.in, numbered("c", "x", i), numbered(other, "y", i))
	}
	done.once(t, 2, 100)
	one.has("c", other) // one is started anew, and the other ends
	two.stop()
	put(t, ingest.in, numbered("c", "x", 100), numbered(other, "y", 100))
	done.once(t, 2, 101)
}

// What stands in a stream is taken for a hint: it may name a row twice, in another order, of another channel, or none at all.
func TestAStreamIsNotBelieved(t *testing.T) {
	db := storetest.Open(t)
	worker := joinSweeping(t, db, t.Name(), plain, time.Hour, "c")
	c, key := client(t, plain), streamOf(t, "c")
	silent := inbox.New(db, config()) // tells no stream
	for i := range 150 {              // more than a batch
		put(t, silent, numbered("c", "x", i), numbered("other", "z", i))
	}
	rows := map[string][]int64{}
	must(t, db.View(context.Background(), func(tx *store.Tx) error {
		found, err := tx.Query(`SELECT id, channel FROM inbox ORDER BY id DESC`)
		if err != nil {
			return err
		}
		defer found.Close()
		for found.Next() {
			var id int64
			var channel string
			if err := found.Scan(&id, &channel); err != nil {
				return err
			}
			rows[channel] = append(rows[channel], id)
		}
		return found.Err()
	}))
	named := append(slices.Clone(rows["c"]), rows["c"]...) // twice, and the last first
	named = append(append(named, rows["other"]...), 1<<40, -1)
	for _, row := range named {
		must(t, c.XAdd(context.Background(), &redis.XAddArgs{Stream: key, Values: []any{"row", row}}).Err())
	}
	for _, strange := range []map[string]any{{"row": "x"}, {"text": "1"}} {
		must(t, c.XAdd(context.Background(), &redis.XAddArgs{Stream: key, Values: strange}).Err())
	}
	done := &ledger{db: db}
	worker.run(t, done.work)
	settled(t, c, key)
	got := done.all()
	var want []string
	for i := range 150 {
		want = append(want, fmt.Sprintf("x/%d", i))
	}
	if !slices.Equal(got, want) {
		t.Errorf("worked on: %v", got)
	}
	worker.has("c", "other")
	put(t, silent, numbered("other", "z", 150))
	worker.in.Wake()
	await(t, "the other channel's are still there", func() bool { return len(done.all()) == 301 })
}

func TestWhatIsDoneTwiceIsDoneOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB, in *inbox.Inbox) {
		put(t, in, event("1"), event("2"))
		effects := map[string]int{}
		var mu sync.Mutex
		stolen := false
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			in.Run(ctx, func(_ context.Context, entries []inbox.Entry) error {
				mu.Lock()
				defer mu.Unlock()
				if !stolen { // another node, which had the channel before, is faster with the first
					stolen = true
					if err := db.Update(context.Background(), func(tx *store.Tx) error { return inbox.Done(tx, entries[:1]) }); err != nil {
						t.Error(err)
					}
					effects[entries[0].Event.Comment.Ref.Comment]++
				}
				worked := map[string]int{}
				err := db.Update(context.Background(), func(tx *store.Tx) error {
					for _, e := range entries {
						worked[e.Event.Comment.Ref.Comment]++
						if err := inbox.Done(tx, []inbox.Entry{e}); err != nil {
							return err
						}
					}
					return nil
				})
				if err == nil {
					for comment, n := range worked {
						effects[comment] += n
					}
				}
				return err
			})
		}()
		await(t, "both are done", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return effects["1"] >= 1 && effects["2"] >= 1
		})
		cancel()
		<-ended
		if want := map[string]int{"1": 1, "2": 1}; !maps.Equal(effects, want) {
			t.Errorf("%v", effects)
		}
	})
}
