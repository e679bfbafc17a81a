package moderation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"takhojd/moderation"
	"takhojd/platforms"
)

func (d *desk) waiting() (found []moderation.Waiting) {
	d.t.Helper()
	found, err := d.Waiting(context.Background(), 100)
	if err != nil {
		d.t.Fatal(err)
	}
	return found
}

// throttle lets a call be answered with "wait until at".
func (d *desk) throttle(call string, at time.Time) {
	d.platform.hook(func(c, _ string) error {
		if c == call && d.clock.now().Before(at) {
			return &platforms.RetryAfterError{At: at, Err: errors.New("limit")}
		}
		return nil
	}, nil)
}

// A limit on hides holds hides and restores, and nothing else; what waits is there to be seen, the gravest first.
func TestOnlyWhatThePlatformLimitedWaits(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c0", "Bo", linked))
	until := d.clock.now().Add(15 * time.Minute)
	d.throttle("hide", until)
	var events []platforms.Event
	for i := range 19 { // more than are taken at a time
		events = append(events, d.write(fmt.Sprint("c-", i), fmt.Sprint("Eva-", i), insult))
	}
	d.receive(events...)
	d.receive(d.write("c-threat", "Kalle", threat))
	d.eventually("hides wait", func() bool {
		w := d.waiting()
		return len(w) == 20 && !slices.ContainsFunc(w, func(x moderation.Waiting) bool { return x.Why != moderation.WaitThrottled })
	})
	if _, err := d.say("c0", func(r *moderation.Resolution) { r.Private = true }); err != nil {
		t.Fatal(err)
	}
	if w := d.waiting(); w[len(w)-1].Why != moderation.WaitUndo {
		t.Errorf("the answer waits for %q", w[len(w)-1].Why)
	}
	d.clock.move(undo)
	d.eventually("the answer is sent", func() bool { return len(d.platform.words()) == 1 && len(d.waiting()) == 20 })
	w := d.waiting()
	if len(w) != 20 || w[0].Comment != d.of("c-threat").ID || w[0].Why != moderation.WaitThrottled || w[0].NotBefore.Before(until.Add(-time.Second)) {
		t.Errorf("%d wait, first %+v", len(w), w[0])
	}
	if own := d.of("c-threat").Waiting; len(own) != 1 || own[0].Action != "hide" || own[0].Why != moderation.WaitThrottled {
		t.Errorf("the comment's own page tells of %+v", own)
	}
	if own := d.of("c0").Waiting; len(own) != 0 {
		t.Errorf("where an answer waits it tells of %+v", own)
	}
	lines, err := d.Lines(context.Background())
	if err != nil || len(lines) != 1 || lines[0].Waiting != 20 || len(lines[0].Pauses) != 1 || lines[0].Pauses[0].Call != "hide" {
		t.Errorf("%+v %v", lines, err)
	}
	d.clock.move(15 * time.Minute)
	d.settle()
	if !d.platform.hidden("c-threat") || !d.platform.hidden("c-18") {
		t.Error("what waited was dropped")
	}
}

// A limit on reading holds what must be read before it is done.
func TestALimitOnReading(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c0", "Bo", linked))
	d.throttle("fetch", d.clock.now().Add(15*time.Minute))
	d.receive(d.write("c1", "Eva", insult))
	d.eventually("the hide waits", func() bool { w := d.waiting(); return len(w) == 1 && w[0].Why == moderation.WaitThrottled })
	if _, err := d.say("c0", func(*moderation.Resolution) {}); err != nil {
		t.Fatal(err)
	}
	d.clock.move(undo)
	d.eventually("the answer is sent", func() bool { return len(d.platform.words()) == 1 && len(d.waiting()) == 1 })
	if lines, err := d.Lines(context.Background()); err != nil || lines[0].Pauses[0].Call != "read" {
		t.Errorf("%+v %v", lines, err)
	}
	d.clock.move(15 * time.Minute)
	d.settle()
}

// A dead token holds everything.
func TestADeadTokenHoldsAll(t *testing.T) {
	d := sit(t, func(c *moderation.Config) { c.BackoffMax = time.Hour })
	d.tell(d.write("c0", "Bo", linked))
	d.platform.hook(func(call, _ string) error { return platforms.ErrTokenDead }, nil)
	d.receive(d.write("c1", "Eva", insult))
	d.eventually("all waits", func() bool { w := d.waiting(); return len(w) == 1 && w[0].Why == moderation.WaitToken })
	if lines, err := d.Lines(context.Background()); err != nil || lines[0].Pauses[0].Call != "" || lines[0].Pauses[0].Why != moderation.WaitToken {
		t.Errorf("%+v %v", lines, err)
	}
}

// An answer that is throttled holds no deletion up.
func TestAThrottledAnswerHoldsNoDeletionUp(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Bo", linked))
	d.throttle("private-reply", d.clock.now().Add(time.Hour))
	if _, err := d.say("c1", func(r *moderation.Resolution) { r.Action, r.Private = moderation.Delete, true }); err != nil {
		t.Fatal(err)
	}
	d.clock.move(undo)
	d.eventually("deleted", func() bool { return d.of("c1").State == moderation.Deleted })
}
