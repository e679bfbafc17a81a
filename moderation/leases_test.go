package moderation_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"takhojd/moderation"
	"takhojd/moderation/inbox"
	"takhojd/moderation/store"
	"takhojd/platforms"
)

// leaseTime is short, so that a dead node is missed soon, and long enough for a slow machine to renew in time.
const leaseTime = 2 * time.Second

// cluster is several nodes on one database.
type cluster struct {
	*desk
	names []string
	nodes map[string]*moderation.Moderator
	stops map[string]func()
}

// gather begins a node of each name, on channels that are all on one fake platform.
func gather(t *testing.T, channels int, nodes ...string) *cluster {
	t.Helper()
	return gatherTold(t, nil, channels, nodes...)
}

// gatherTold is gather where streams tell what has come.
func gatherTold(t *testing.T, streams *inbox.Streams, channels int, nodes ...string) *cluster {
	t.Helper()
	c := &cluster{nodes: map[string]*moderation.Moderator{}, stops: map[string]func(){}}
	c.desk = sit(t, func(cfg *moderation.Config) {
		cfg.Channels, cfg.Adapters = nil, map[string]moderation.Adapter{}
		cfg.Node, cfg.LeaseTime, cfg.Streams = nodes[0], leaseTime, streams
		for i := range channels {
			own := channel
			own.ID = fmt.Sprintf("ch%d", i)
			c.names = append(c.names, own.ID)
			cfg.Channels = append(cfg.Channels, own)
		}
		// The first desk serves what it is given; each channel is the same platform.
		p := newPlatform()
		for _, name := range c.names {
			cfg.Adapters[name] = p
		}
	})
	c.platform = c.cfg.Adapters[c.names[0]].(*platform)
	c.nodes[nodes[0]], c.stops[nodes[0]] = c.Moderator, c.stop
	for _, name := range nodes[1:] {
		c.join(name, c.clock.now)
	}
	return c
}

// join begins another node, with a clock of its own.
func (c *cluster) join(name string, now func() time.Time) {
	c.t.Helper()
	c.cfg.Node, c.cfg.Now = name, now
	c.start()
	c.nodes[name], c.stops[name] = c.Moderator, c.stop
}

// holders says which node each channel is with by now, as any node tells it.
func (c *cluster) holders() map[string]string {
	held := map[string]string{}
	for _, n := range c.list() {
		for _, name := range n.Channels {
			held[name] = n.Name
		}
	}
	return held
}

func (c *cluster) list() []moderation.Node {
	c.t.Helper()
	nodes, err := moderation.Nodes(context.Background(), c.db)
	if err != nil {
		c.t.Fatal(err)
	}
	return nodes
}

// share counts the channels with each node.
func (c *cluster) share() map[string]int {
	n := map[string]int{}
	for _, holder := range c.holders() {
		n[holder]++
	}
	return n
}

func TestNodesShareTheChannels(t *testing.T) {
	c := gather(t, 4, "a")
	c.eventually("the only node has all", func() bool { return c.share()["a"] == 4 })
	c.join("b", c.clock.now)
	c.eventually("two nodes have two each", func() bool { n := c.share(); return n["a"] == 2 && n["b"] == 2 })
	var told []string
	for _, n := range c.list() {
		told = append(told, n.Name+" "+n.Roles+" "+n.Policy)
	}
	if want := []string{"a all " + c.Policy().Version(), "b all " + c.Policy().Version()}; !slices.Equal(told, want) {
		t.Errorf("the list of nodes says %v, want %v", told, want)
	}
	c.stops["b"]()
	c.eventually("what a node gave back at its end is taken", func() bool { n := c.share(); return n["a"] == 4 && n["b"] == 0 })
	if nodes := c.list(); len(nodes) != 1 || nodes[0].Name != "a" {
		t.Errorf("a node that has ended is still listed: %v", nodes)
	}
}

// Channels of one shard are always with one node, which reads their stream. That there is no Redis changes nothing of that.
func TestNodesShareTheChannelsByShards(t *testing.T) {
	streams, err := inbox.OpenStreams(inbox.StreamsConfig{Address: "redis://127.0.0.1:1/0", Authority: "a", Node: "a", Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer streams.Close()
	c := gatherTold(t, streams, 40, "a", "b")
	shards := map[int][]string{}
	for _, name := range c.names {
		shards[inbox.ShardOf(name)] = append(shards[inbox.ShardOf(name)], name)
	}
	if len(shards) > 38 {
		t.Fatalf("%d shards for 40 channels: the test tests nothing", len(shards))
	}
	apart := func() {
		t.Helper()
		held := c.holders()
		for _, names := range shards {
			for _, name := range names[1:] {
				if one, other := held[names[0]], held[name]; one != "" && other != "" && one != other {
					t.Fatalf("%s is with %s, and %s of the same shard with %s", names[0], one, name, other)
				}
			}
		}
	}
	c.eventually("two nodes have about half each", func() bool {
		apart()
		n := c.share()
		return n["a"]+n["b"] == 40 && min(n["a"], n["b"]) >= 15
	})
	c.stops["b"]()
	c.eventually("the one that is left has all", func() bool { apart(); return c.share()["a"] == 40 })
}

func TestWhatADeadNodeHadIsTakenWhenItsLeaseEnds(t *testing.T) {
	c := gather(t, 2, "a")
	c.eventually("the node has all", func() bool { return c.share()["a"] == 2 })
	c.stops["a"]()
	// As a node leaves it that died: leases that nobody renews, and its name among the living.
	now := time.Now()
	err := c.db.Update(context.Background(), func(tx *store.Tx) error {
		db, err := tx.Clock(now)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE leases SET holder = 'dead', until = $1`, db.Add(leaseTime)); err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO nodes (node, roles, policy, started, seen) VALUES ('dead', 'all', '', $1, $1)`, db)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c.join("b", c.clock.now)
	var early time.Duration
	c.eventually("the living node has all", func() bool {
		n := c.share()
		if n["b"] > 0 && early == 0 {
			early = time.Since(now)
		}
		return n["b"] == 2
	})
	if early < leaseTime {
		t.Errorf("taken after %s from a node that may have lived", early)
	}
}

// What waits for a channel that no node serves comes before people, whole, and is taken when a node serves it and they try it again.
func TestWhatIsForNobodyComesBeforePeople(t *testing.T) {
	c := gather(t, 1, "a")
	c.eventually("the node has its channel", func() bool { return c.share()["a"] == 1 })
	gone := platforms.Ref{Platform: platforms.Facebook, Channel: "gone", Comment: "c1"}
	e := c.put(platforms.Comment{Ref: gone, Post: "p1", Author: platforms.Author{ID: "1"}, Text: insult, Posted: c.clock.now()}, platforms.Added)
	c.receive(e)
	c.exec(`INSERT INTO outbox (channel, action, argument, created_at) VALUES ('gone', 'post', 'p1', 1)`)
	found := map[string]moderation.DeadLetter{}
	c.eventually("both are dead letters", func() bool {
		letters, err := c.DeadLetters(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range letters {
			found[l.Box] = l
		}
		return len(found) == 2
	})
	for box, l := range found {
		if l.Channel != "gone" || !strings.Contains(l.Error, "no node serves the channel gone") {
			t.Errorf("in the %s: %q of %q", box, l.Error, l.Channel)
		}
	}
	served := channel
	served.ID = "gone"
	c.cfg.Channels = append(c.cfg.Channels, served)
	c.cfg.Adapters = map[string]moderation.Adapter{c.names[0]: c.platform, "gone": c.platform}
	c.stops["a"]()
	c.join("b", c.clock.now)
	c.eventually("the channel is with a node", func() bool { return c.share()["b"] == 2 })
	if err := c.Retry(context.Background(), "inbox", found["inbox"].ID, "anna"); err != nil {
		t.Fatal(err)
	}
	c.eventually("it is judged, and hidden", func() bool { return c.platform.hidden("c1") })
}

// A node that was stopped in the middle of judging, and is woken when its channel is with another, judges nothing more there; whoever has the channel
// does.
func TestAWokenNodeJudgesNothingOfWhatItLost(t *testing.T) {
	c := gather(t, 1, "a")
	c.eventually("the node has the channel, and has read it", func() bool {
		return c.share()["a"] == 1 && c.number(`SELECT count(*) FROM cursors`) == 1
	})
	begun, goOn := c.held("fetch")
	comment := platforms.Comment{Ref: platforms.Ref{Platform: platforms.Facebook, Channel: c.names[0], Comment: "c1"}, Post: "p1",
		Author: platforms.Author{ID: "1"}, Text: insult, Posted: c.clock.now()}
	e := c.put(comment, platforms.Added)
	e.Incomplete = true
	c.receive(e)
	<-begun
	c.exec(`UPDATE leases SET holder = 'other', term = term + 1, until = until + 60000000`)
	goOn()
	c.stops["a"]() // when what it was doing has ended
	if c.number(`SELECT count(*) FROM inbox`) == 0 || c.number(`SELECT count(*) FROM decisions`) != 0 {
		t.Error("what waits for another was judged")
	}
	c.exec(`DELETE FROM leases`) // the other is gone, too
	c.join("b", c.clock.now)
	c.eventually("whoever has the channel judges it", func() bool { return c.platform.hidden("c1") })
	if n := c.number(`SELECT count(*) FROM decisions`); n != 1 {
		t.Errorf("%d decisions", n)
	}
}

// rests remembers for several nodes what platforms want left alone.
type rests struct {
	mu    sync.Mutex
	known []moderation.Pause
}

func (r *rests) Rest(p moderation.Pause) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = append(r.known, p)
}

func (r *rests) Rests(_ context.Context, channels []string) (found []moderation.Pause) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.known {
		if slices.Contains(channels, p.Channel) {
			found = append(found, p)
		}
	}
	return found
}

// A node that takes a channel over makes no call that the platform asked the node before it to leave alone; and asks the platform itself after a
// quarter of an hour, whatever others say.
func TestWhatAPlatformAskedIsKnownToTheNextNode(t *testing.T) {
	known := &rests{}
	c := gatherTold(t, nil, 1, "a")
	c.stops["a"]()
	c.cfg.Budgets = known
	c.join("b", c.clock.now)
	c.eventually("the node has the channel", func() bool { return c.share()["b"] == 1 })
	c.throttle("hide", c.clock.now().Add(10*time.Minute))
	comment := platforms.Comment{Ref: platforms.Ref{Platform: platforms.Facebook, Channel: c.names[0], Comment: "c1"}, Post: "p1",
		Author: platforms.Author{ID: "1"}, Text: insult, Posted: c.clock.now()}
	c.receive(c.put(comment, platforms.Added))
	c.eventually("the hide waits", func() bool { w := c.waiting(); return len(w) == 1 && w[0].Why == moderation.WaitThrottled })
	c.stops["b"]()
	if told := known.Rests(context.Background(), c.names); len(told) != 1 || told[0].Call != "hide" {
		t.Fatalf("told: %+v", told)
	}
	c.exec(`UPDATE outbox SET not_before = 0`) // as another hide would be, that was decided since
	known.Rest(moderation.Pause{Channel: c.names[0], Call: "fetch", Until: c.clock.now().Add(24 * time.Hour), Why: moderation.WaitThrottled})
	known.Rest(moderation.Pause{Channel: c.names[0], Call: "read", Until: c.clock.now().Add(24 * time.Hour), Why: moderation.WaitThrottled})
	var calls atomic.Int64
	c.platform.hook(func(string, string) error { calls.Add(1); return nil }, nil)
	c.join("d", c.clock.now)
	c.eventually("the channel is with the next node", func() bool { return c.share()["d"] == 1 })
	c.eventually("it knows", func() bool { w := c.waiting(); return len(w) == 1 && w[0].Why == moderation.WaitThrottled })
	c.clock.move(11 * time.Minute)
	if n := calls.Load(); n > 0 {
		t.Errorf("%d calls", n)
	}
	c.clock.move(5 * time.Minute)
	c.eventually("it is hidden", func() bool { return c.platform.hidden("c1") })
}

// A node whose clock is an hour wrong neither takes what is with another nor loses what it has. On SQLite, where all nodes are on one
// machine, there is only one clock.
func TestANodeWhoseClockJumps(t *testing.T) {
	c := gather(t, 2, "a", "b")
	fair := func() bool { n := c.share(); return n["a"] == 1 && n["b"] == 1 }
	c.eventually("one each", fair)
	if !c.db.PostgreSQL() {
		t.Skip("several nodes with clocks of their own take PostgreSQL")
	}
	before := c.holders()
	c.clock.move(time.Hour)
	deadline := time.Now().Add(2 * leaseTime)
	c.eventually("it goes on as it was", func() bool {
		for name, holder := range c.holders() {
			if before[name] != holder {
				t.Fatalf("%s went from %s to %s", name, before[name], holder)
			}
		}
		return time.Now().After(deadline)
	})
}

// A node that was stopped in the middle of a hide, and is woken when its channel is with another, settles nothing.
func TestAWokenNodeDoesNothingWithWhatItLost(t *testing.T) {
	c := gather(t, 1, "a")
	c.eventually("the node has the channel", func() bool { return c.share()["a"] == 1 })
	begun, goOn := c.held("hide")
	comment := platforms.Comment{Ref: platforms.Ref{Platform: platforms.Facebook, Channel: c.names[0], Comment: "c1"}, Post: "p1",
		Author: platforms.Author{ID: "1"}, Text: insult, Posted: c.clock.now()}
	c.receive(c.put(comment, platforms.Added))
	<-begun
	err := c.db.Update(context.Background(), func(tx *store.Tx) error { // it is with another by now
		now, err := tx.Clock(c.clock.now())
		if err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE leases SET holder = 'other', term = term + 1, until = $1`, now.Add(time.Minute))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c.eventually("the node has noticed", func() bool { return c.share()["a"] == 0 })
	c.resolve("c1", moderation.Allow) // a person, by the other node
	// The lease is trusted for two thirds of its time at most.
	waited := time.Now().Add(leaseTime)
	c.eventually("the lease has ended for the node itself", func() bool { return time.Now().After(waited) })
	goOn()
	c.stops["a"]()
	if err := c.db.Update(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Exec(`DELETE FROM leases`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	c.join("b", c.clock.now)
	c.eventually("the channel is with a living node", func() bool { return c.share()["b"] == 1 })
	c.settle()
	if c.platform.hidden("c1") || c.of("c1").State != moderation.Standing {
		t.Errorf("hidden on the platform: %v, in the books %s: a late hide outlived what a person decided", c.platform.hidden("c1"), c.of("c1").State)
	}
}

// TestATokenThatAnotherNodeFindsRefused: whichever node calls the platform learns of it, and the one that keeps watch tells people.
func TestATokenThatAnotherNodeFindsRefused(t *testing.T) {
	c := gather(t, 2, "first")
	c.stops["first"]()
	delete(c.nodes, "first")
	c.cfg.AlertEvery = 5 * time.Millisecond
	c.join("a", c.clock.now)
	c.join("b", c.clock.now)
	c.eventually("each has a channel", func() bool { n := c.share(); return n["a"] == 1 && n["b"] == 1 })
	c.platform.hook(func(call, _ string) error {
		if call == "hide" {
			return platforms.ErrTokenDead
		}
		return nil
	}, nil)
	for _, name := range c.names {
		e := c.write("c-"+name, "Bo", insult)
		e.Comment.Ref.Channel = name
		if err := c.nodes["a"].Receive(context.Background(), []platforms.Event{e}); err != nil {
			t.Fatal(err)
		}
	}
	c.eventually("both are told of", func() bool {
		alerts, err := c.nodes["a"].Alerts(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, a := range alerts {
			if a.Kind == moderation.AlertToken {
				n++
			}
		}
		return n == 2
	})
}
