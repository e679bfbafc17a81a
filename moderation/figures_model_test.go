package moderation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"takhojd/archive"
	"takhojd/moderation/store"
	"takhojd/rules"
)

// TestModelOfTheFigures: whatever happens to comments, however far the sums have come, and whoever dies on the way, the figures are what counting
// all that is kept says.
func TestModelOfTheFigures(t *testing.T) {
	modelDefaults(t, "15")
	ctx := context.Background()
	db, records := modelBooks(ctx, t)
	policies := modelPolicies(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		w := newWorld(rt, fmt.Sprintf("f%d", n), db, records, policies)
		rt.Repeat(map[string]func(*rapid.T){
			"":        func(*rapid.T) { w.figures() },
			"write":   func(*rapid.T) { w.write() },
			"edit":    func(*rapid.T) { w.edit() },
			"remove":  func(*rapid.T) { w.remove() },
			"deliver": func(*rapid.T) { w.deliver() },
			"judge":   func(*rapid.T) { w.inbox() },
			"act":     func(*rapid.T) { w.outbox() },
			"decide":  func(*rapid.T) { w.decide() },
			"undo":    func(*rapid.T) { w.undo() },
			"wait":    func(*rapid.T) { w.wait() },
			"crash":   func(*rapid.T) { w.fuse = w.pick("fuse", 9) },
			"node":    func(*rapid.T) { w.restart() },
			"come":    func(*rapid.T) { w.write(); w.deliver(); w.inbox(); w.outbox() },
			"count":   func(*rapid.T) { w.countSome() },
			"rethink": func(*rapid.T) { w.decide(); w.countSome(); w.undo() },
			"race":    func(*rapid.T) { w.countBeside() },
			"dispose": func(*rapid.T) { w.disposeOf() },
		})
		w.restart()
		for range 20 {
			w.deliver()
			w.inbox()
			w.outbox()
		}
		w.figures()
	})
}

// countSome lets the sums come as far as a few rows, or all the way.
func (w *world) countSome() {
	for range 1 + w.pick("steps", 2) {
		_, err := w.m.countStep(context.Background(), int64(1+w.pick("rows", 30)))
		w.must(err, "count")
	}
}

// countBeside lets several count at once: each row is counted once.
func (w *world) countBeside() {
	if w.dead || w.fuse >= 0 {
		return
	}
	var together sync.WaitGroup
	var failed [3]error
	for i := range failed {
		together.Go(func() {
			for left := int64(1); left > 0 && failed[i] == nil; {
				left, failed[i] = w.m.countStep(context.Background(), 20)
			}
		})
	}
	together.Wait()
	w.must(errors.Join(failed[:]...), "count beside")
}

// disposeOf disposes of what happened before an hour ago.
func (w *world) disposeOf() {
	d := Disposer{DB: w.db, Archive: w.archive, Policy: w.policies[0], Announce: func(archive.Disposal) error { return nil }, Now: func() time.Time { return w.clock }}
	_, err := d.Dispose(context.Background(), DisposalDecision{Reference: "1", By: "rut", Classes: RetentionClasses(w.policies[0]), Before: w.clock.Add(-time.Hour)})
	w.must(err, "dispose")
}

// figures compares the figures of several stretches of days with what counting says.
func (w *world) figures() {
	if w.dead {
		return
	}
	today := time.Date(w.clock.Year(), w.clock.Month(), w.clock.Day(), 0, 0, 0, 0, time.UTC)
	clock := w.clock
	calm := &Moderator{cfg: w.m.cfg, db: w.m.db, archive: w.archive} // its clock burns no fuse
	calm.cfg.Now, calm.now = func() time.Time { return clock }, func() time.Time { return clock }
	for _, days := range [][2]int{{-400, 400}, {0, 1}, {-1, 0}} {
		from, to := today.AddDate(0, 0, days[0]), today.AddDate(0, 0, days[1])
		got, err := calm.Figures(context.Background(), from, to)
		if err != nil {
			w.t.Fatalf("figures: %v", err)
		}
		want, err := countAll(w.db, from, to, clock)
		if err != nil {
			w.t.Fatalf("count: %v", err)
		}
		if !reflect.DeepEqual(got, want) {
			w.t.Fatalf("the figures from day %d to %d are\n%+v\ncounted are\n%+v", days[0], days[1], got, want)
		}
	}
}

// countAll counts the figures from nothing but the rows themselves.
func countAll(db *store.DB, from, to, now time.Time) (Figures, error) {
	c := counting{from: store.Time(from), to: store.Time(to), now: store.Time(now), f: Figures{From: from, To: to}, days: map[[2]string]*DayFigures{}, categories: map[string]*CategoryFigures{}}
	err := db.View(context.Background(), func(tx *store.Tx) error {
		for _, count := range []func(*store.Tx) error{c.decisions, c.comments, c.flags, c.hides} {
			if err := count(tx); err != nil {
				return err
			}
		}
		return nil
	})
	for _, d := range c.days {
		if *d != (DayFigures{Day: d.Day, Channel: d.Channel}) {
			c.f.Days = append(c.f.Days, *d)
		}
	}
	slices.SortFunc(c.f.Days, func(a, b DayFigures) int { return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Channel, b.Channel)) })
	for _, category := range rules.Categories() {
		if found := c.categories[string(category)]; found != nil {
			c.f.Categories = append(c.f.Categories, *found)
		}
	}
	return c.f, err
}

// counting counts one stretch of time.
type counting struct {
	from, to, now int64
	f             Figures
	days          map[[2]string]*DayFigures
	categories    map[string]*CategoryFigures
}

func (c *counting) in(at int64) bool { return at >= c.from && at < c.to }

func (c *counting) day(at int64, channel string) *DayFigures {
	k := [2]string{store.FromTime(at).Format(time.DateOnly), channel}
	if c.days[k] == nil {
		c.days[k] = &DayFigures{Day: k[0], Channel: channel}
	}
	return c.days[k]
}

func (c *counting) decisions(tx *store.Tx) error {
	type made struct {
		comment, at                         int64
		revision, channel, action, category string
	}
	var bots []made
	looks := map[string]string{} // by comment and revision: what a person last made of it
	var d made
	var kind string
	var undone int64
	err := eachRow(tx, `SELECT comment, revision, channel, action, by_kind, category, decided_at, undone_at FROM decisions ORDER BY id`, nil, func() {
		if kind == "bot" {
			bots = append(bots, d)
		} else if kind == "person" && undone == 0 && !slices.Contains([]string{"opinion", "escalate", "reply", "mute", "report"}, d.action) {
			looks[fmt.Sprint(d.comment, d.revision)] = d.action
		}
		if d.action == "hide" && undone == 0 && c.in(d.at) {
			c.day(d.at, d.channel).Hidden++
		}
	}, &d.comment, &d.revision, &d.channel, &d.action, &kind, &d.category, &d.at, &undone)
	for _, b := range bots {
		if !c.in(b.at) {
			continue
		}
		day := c.day(b.at, b.channel)
		if day.Comments++; b.action == "allow" {
			day.Allowed++
		}
		if b.action == "flag" {
			day.Flagged++
		}
		if b.category == "" || b.action == "allow" {
			continue
		}
		if c.categories[b.category] == nil {
			c.categories[b.category] = &CategoryFigures{Category: rules.Category(b.category)}
		}
		category, look := c.categories[b.category], looks[fmt.Sprint(b.comment, b.revision)]
		if b.action == "flag" {
			category.Flagged++
		} else {
			category.Hidden++
		}
		if look != "" {
			category.Reviewed++
		}
		if b.action == "hide" && (look == "restore" || look == "allow" || look == "route") {
			category.Overturned++
		}
	}
	return err
}

func (c *counting) comments(tx *store.Tx) error {
	var channel string
	var at int64
	return eachRow(tx, `SELECT channel, state_at FROM comments WHERE state = 'removed'`, nil, func() {
		if c.in(at) {
			c.day(at, channel).Removed++
		}
	}, &channel, &at)
}

func (c *counting) flags(tx *store.Tx) error {
	var opened, due, closed int64
	var by string
	var review []int64
	err := eachRow(tx, `SELECT opened_at, due_at, closed_at, closed_by FROM flags`, nil, func() {
		if c.in(opened) {
			c.f.Flags++
			end := c.now
			if closed > 0 {
				c.f.FlagsClosed++
				end = closed
			}
			if end > due {
				c.f.FlagsLate++
			}
		}
		if closed > 0 && c.in(closed) && !slices.Contains([]string{"bot", "platform", "takhojd", "disposal"}, by) {
			review = append(review, closed-opened)
		}
	}, &opened, &due, &closed, &by)
	c.f.ReviewMedian = ranked(review, 50)
	return err
}

func (c *counting) hides(tx *store.Tx) error {
	var took []int64
	var since, settled int64
	err := eachRow(tx, `SELECT o.since, o.settled_at FROM outbox o JOIN decisions d ON d.id = o.decision WHERE o.action = 'hide' AND o.state = 'done'
		AND o.result IN ('done', 'already') AND d.by_kind = 'bot' AND o.since > 0`, nil, func() {
		if c.in(settled) {
			took = append(took, settled-since)
		}
	}, &since, &settled)
	c.f.HideMedian, c.f.HideP99 = ranked(took, 50), ranked(took, 99)
	return err
}

// ranked is the value that p percent do not exceed, as exactly as the figures tell it.
func ranked(values []int64, p int) time.Duration {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	d, _ := lengthNamed(lengthName(values[(len(values)*p+99)/100-1])) // its own words
	return d
}

// A length that is counted with others like it is told to a 64th of itself.
func TestLengthsAreToldToA64th(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		us := rapid.Int64Range(0, 1<<50).Draw(t, "microseconds")
		told, err := lengthNamed(lengthName(us))
		if off := told.Microseconds() - us; err != nil || off > us/64+1 || -off > us/64+1 {
			t.Errorf("%d µs are told as %d, %v", us, told.Microseconds(), err)
		}
	})
}
