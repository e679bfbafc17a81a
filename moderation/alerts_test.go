package moderation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"takhojd/moderation"
	"takhojd/moderation/store"
	"takhojd/moderation/store/storetest"
	"takhojd/platforms"
)

// looker is a platform whose health can be looked at.
type looker struct {
	*platform
	mu     sync.Mutex
	checks []platforms.Check
	looks  int
	fault  bool
	hold   chan struct{}
}

func (l *looker) Check(context.Context) []platforms.Check {
	l.mu.Lock()
	hold := l.hold
	l.looks++
	fault := l.fault
	checks := l.checks
	l.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if fault {
		panic("a bug")
	}
	return checks
}

func (l *looker) find(checks ...platforms.Check) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.checks = checks
}

// told is a notifier that remembers.
type told struct {
	mu     sync.Mutex
	alerts []moderation.Alert
	err    error
}

func (n *told) Notify(_ context.Context, all []moderation.Alert) ([]moderation.Alert, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err != nil {
		return nil, n.err
	}
	n.alerts = append(n.alerts, all...)
	return all, nil
}

func (n *told) count(kind moderation.AlertKind) (count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range n.alerts {
		if a.Kind == kind {
			count++
		}
	}
	return count
}

func (n *told) refuse(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.err = err
}

// watched is a desk whose alerts are looked for all the time.
func watched(t *testing.T, checks ...platforms.Check) (*desk, *looker, *told) {
	n, l := &told{}, &looker{checks: checks}
	d := sit(t, func(c *moderation.Config) {
		l.platform = c.Adapters[channel.ID].(*platform)
		c.Adapters[channel.ID] = l
		c.Notifier, c.AlertEvery = n, 5*time.Millisecond
	})
	return d, l, n
}

func (d *desk) alerts() (kinds string) {
	d.t.Helper()
	all, err := d.Alerts(context.Background())
	if err != nil {
		d.t.Fatal(err)
	}
	for _, a := range all {
		kinds += " " + string(a.Kind)
	}
	return strings.TrimSpace(kinds)
}

func (d *desk) alerted(want string) {
	d.t.Helper()
	d.eventually("alerts: "+want, func() bool { return d.alerts() == want })
}

func TestAThreatIsAnAlertUntilItIsDecided(t *testing.T) {
	d, _, n := watched(t)
	d.tell(d.write("c1", "Förnamn Efternamn", threat))
	d.alerted("escalation")
	d.eventually("somebody is told", func() bool { return n.count(moderation.AlertEscalation) == 1 })
	all, err := d.Alerts(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	a := all[0]
	if a.Path != fmt.Sprintf("/queue/%d", d.of("c1").ID) || a.Words.SV == "" || a.Words.EN == "" {
		t.Errorf("%+v", a)
	}
	if whole := fmt.Sprintf("%+v %+v", a, n.alerts); strings.Contains(whole, "döda") || strings.Contains(whole, "Förnamn") {
		t.Errorf("an alert holds what a citizen wrote: %s", whole)
	}
	d.decide(d.of("c1"), moderation.Hide)
	d.alerted("")
	if got := n.count(moderation.AlertEscalation); got != 1 {
		t.Errorf("told %d times", got)
	}
}

// A restart tells nobody again of what lasts; what nobody could be told of is told when somebody can.
func TestAlertsOutliveUs(t *testing.T) {
	d, _, n := watched(t)
	n.refuse(errors.New("the mail is down"))
	d.tell(d.write("c1", "Bo", threat))
	d.alerted("escalation")
	d.stop()
	n.refuse(nil)
	d.start()
	d.eventually("told after a restart", func() bool { return n.count(moderation.AlertEscalation) == 1 })
	d.tell(d.write("c2", "Eva", threat+" i morgon"))
	d.eventually("told of the second", func() bool { return n.count(moderation.AlertEscalation) == 2 })
	d.stop()
	d.start()
	d.tell(d.write("c3", "Eva", threat+" i kväll"))
	d.eventually("told of the third", func() bool { return n.count(moderation.AlertEscalation) >= 3 })
	if got := n.count(moderation.AlertEscalation); got != 3 {
		t.Errorf("told %d times of three", got)
	}
}

// Of several processes on one database one tells, and another does when that one has gone.
func TestOneOfSeveralTells(t *testing.T) {
	first, second := &told{}, &told{}
	d := sit(t, func(c *moderation.Config) { c.Node, c.Notifier, c.AlertEvery = "first", first, 5*time.Millisecond })
	d.tell(d.write("c1", "Bo", threat))
	d.eventually("told", func() bool { return first.count(moderation.AlertEscalation) == 1 })
	e := &desk{t: t, platform: d.platform, archive: d.archive, db: d.db, clock: d.clock, cfg: d.cfg}
	e.cfg.Node, e.cfg.Notifier = "second", second
	e.start()
	d.tell(d.write("c2", "Eva", threat+" i morgon"))
	d.eventually("told by the same", func() bool { return first.count(moderation.AlertEscalation) == 2 })
	d.stop()
	e.receive(e.write("c3", "Bo", threat+" nu"))
	e.eventually("told by the other", func() bool { return second.count(moderation.AlertEscalation) == 1 })
}

// stuck is a Notifier that does not come back until it is let go.
type stuck struct{ in, out chan struct{} }

func (s stuck) Notify(ctx context.Context, all []moderation.Alert) ([]moderation.Alert, error) {
	select {
	case s.in <- struct{}{}:
	default:
	}
	select {
	case <-s.out:
		return all, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Telling people that takes long holds up neither the console's alerts nor a stop.
func TestNothingWaitsForTelling(t *testing.T) {
	s := stuck{make(chan struct{}, 1), make(chan struct{})}
	d := sit(t, func(c *moderation.Config) { c.Notifier, c.AlertEvery = s, 5*time.Millisecond })
	d.tell(d.write("c1", "Bo", threat))
	<-s.in
	d.tell(d.write("c2", "Eva", threat+" i morgon"))
	d.alerted("escalation escalation")
	d.decide(d.of("c1"), moderation.Hide)
	d.alerted("escalation")
	d.stop()
}

func TestATokenThatIsDeadOrEnds(t *testing.T) {
	well := platforms.Check{Name: "token", OK: true, SV: "Gäller.", EN: "Holds."}
	d, l, n := watched(t, well)
	look := func(checks ...platforms.Check) {
		l.find(checks...)
		d.CheckNow()
		d.eventually("looked", func() bool { return !d.Health()[0].Running })
	}
	soon := well
	soon.Expires = d.clock.now().Add(13 * 24 * time.Hour)
	look(soon)
	d.alerted("expiring")
	later := well
	later.Expires = d.clock.now().Add(15 * 24 * time.Hour)
	look(later)
	d.alerted("")
	look(platforms.Check{Name: "token", SV: "Godtas inte.", EN: "Refused."})
	d.alerted("token")
	d.eventually("told", func() bool { return n.count(moderation.AlertToken) == 1 && n.count(moderation.AlertExpiring) == 1 })
	look(well)
	d.alerted("")
	// What a call learns is known before the next look.
	d.platform.hook(func(string, string) error { return platforms.ErrTokenDead }, nil)
	d.receive(d.write("c1", "Bo", insult))
	d.alerted("token")
}

func TestDeadLettersAndLateFlags(t *testing.T) {
	d, _, n := watched(t)
	d.platform.hook(refuses("hide", platforms.ErrNotPermitted), nil)
	d.tell(d.write("c1", "Bo", insult))
	d.alerted("dead")
	d.clock.move(2 * time.Hour)
	d.alerted("dead late")
	d.eventually("told", func() bool { return n.count(moderation.AlertDead) == 1 && n.count(moderation.AlertLate) == 1 })
	d.platform.hook(nil, nil)
	letters, err := d.DeadLetters(context.Background())
	if err != nil || len(letters) != 1 {
		t.Fatalf("%v %v", letters, err)
	}
	if err := d.Retry(context.Background(), "outbox", letters[0].ID, "anna"); err != nil {
		t.Fatal(err)
	}
	d.settle()
	d.decide(d.of("c1"), moderation.Hide)
	d.alerted("")
}

// A full disk is told of although it can't be written down, and is over when there has been room for a while.
func TestAFullDisk(t *testing.T) {
	if storetest.OnPostgreSQL() {
		t.Skip("it takes SQLite to say how large the database may be")
	}
	d, _, n := watched(t)
	limit := func(pages string) {
		err := d.db.Update(context.Background(), func(tx *store.Tx) error { _, err := tx.Exec("PRAGMA max_page_count = " + pages); return err })
		if err != nil {
			t.Fatal(err)
		}
	}
	limit("1") // no more than it has
	large := d.write("c1", "Bo", strings.Repeat(fine, 20000))
	if err := d.Receive(context.Background(), []platforms.Event{large}); !errors.Is(err, store.ErrFull) {
		t.Fatalf("received: %v", err)
	}
	d.alerted("full")
	d.eventually("told", func() bool { return n.count(moderation.AlertFull) == 1 })
	looks := 0
	d.eventually("it is looked for again", func() bool { looks++; return looks > 50 })
	limit("1000000")
	d.clock.move(2 * time.Minute)
	d.alerted("")
	if got := n.count(moderation.AlertFull); got != 1 {
		t.Errorf("told %d times", got)
	}
}

func TestTheChannelsAreLookedAt(t *testing.T) {
	d, l, _ := watched(t, platforms.Check{Name: "webhook", SV: "Ingen prenumeration.", EN: "No subscription."})
	d.eventually("looked at the start", func() bool { return !d.Health()[0].At.IsZero() })
	h := d.Health()[0]
	if !h.Checkable || h.Running || len(h.Checks) != 1 || h.Checks[0].OK || !h.Capabilities.Hide {
		t.Errorf("%+v", h)
	}
	hold := make(chan struct{})
	l.mu.Lock()
	l.hold = hold
	l.mu.Unlock()
	d.CheckNow()
	if h := d.Health()[0]; !h.Running {
		t.Error("nobody sees that it is being looked at")
	}
	close(hold)
	d.eventually("looked", func() bool { return !d.Health()[0].Running })
	l.mu.Lock()
	l.fault = true
	l.mu.Unlock()
	d.CheckNow()
	d.eventually("a checker that panics is a red line", func() bool {
		h := d.Health()[0]
		return !h.Running && len(h.Checks) == 1 && h.Checks[0].Name == "check"
	})
	if plain := sit(t); plain.Health()[0].Checkable {
		t.Error("an adapter without a checker is said to have one")
	}
}
