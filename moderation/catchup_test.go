package moderation_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"takhojd/moderation"
	"takhojd/platforms"
)

// reading is a platform that is read in full in a way of its own.
type reading struct {
	*platform
	read func(ctx context.Context, sink func(context.Context, []platforms.Event) error) error
}

func (r reading) CatchUp(ctx context.Context, _ time.Time, sink func(context.Context, []platforms.Event) error) error {
	return r.read(ctx, sink)
}

// A channel is not read on while a comment waits that could be hidden.
func TestWhatIsToBeHiddenComesBeforeReadingOn(t *testing.T) {
	entered, goOn, freed := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var hidden atomic.Bool
	var pages atomic.Int64
	d := sit(t, func(c *moderation.Config) {
		p := c.Adapters[channel.ID].(*platform)
		c.Adapters[channel.ID] = reading{p, func(ctx context.Context, sink func(context.Context, []platforms.Event) error) error {
			close(entered)
			select {
			case <-goOn:
			case <-ctx.Done():
				return ctx.Err()
			}
			if err := sink(ctx, nil); err != nil {
				return err
			}
			hidden.Store(p.hidden("c1"))
			pages.Add(1)
			return nil
		}}
	})
	<-entered
	begun := make(chan struct{})
	d.platform.hook(func(call, _ string) error {
		if call == "hide" {
			close(begun)
			<-freed
		}
		return nil
	}, nil)
	d.receive(d.write("c1", "Bo", insult))
	<-begun
	close(goOn)
	d.receive(d.write("c2", "Anna", fine)) // something is done meanwhile
	d.eventually("another is judged", func() bool { return d.decided("c2") == 1 })
	close(freed)
	d.eventually("the channel is read on", func() bool { return pages.Load() == 1 })
	if !hidden.Load() {
		t.Error("read on before it was hidden")
	}
}

// Hides that the platform wants left alone are not waited for; nor are they held up by a list that is spent.
func TestAReadingAndHidesRestEachByItself(t *testing.T) {
	d := sit(t)
	d.throttle("hide", d.clock.now().Add(time.Hour))
	d.receive(d.write("c1", "Bo", insult))
	d.eventually("the hide waits", func() bool { w := d.waiting(); return len(w) == 1 && w[0].Why == moderation.WaitThrottled })
	d.stop()
	until := d.clock.now().Add(10 * time.Minute)
	var asked atomic.Int64
	d.cfg.Adapters[channel.ID] = reading{d.platform, func(ctx context.Context, sink func(context.Context, []platforms.Event) error) error {
		asked.Add(1)
		if err := sink(ctx, nil); err != nil || !d.clock.now().Before(until) {
			return err
		}
		return &platforms.RetryAfterError{At: until, Err: errors.New("the list is spent")}
	}}
	d.start()
	rests := func() bool {
		lines, err := d.Lines(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			for _, p := range l.Pauses {
				if p.Call == "catch-up" && p.Until.Equal(until) {
					return true
				}
			}
		}
		return false
	}
	d.eventually("the reading rests", rests)
	d.platform.hook(nil, nil)
	d.exec(`UPDATE outbox SET not_before = 0`)
	d.receive(d.write("c2", "Eva", insult2))
	d.eventually("the other is hidden", func() bool { return d.platform.hidden("c2") })
	if asked.Load() != 1 {
		t.Errorf("read %d times", asked.Load())
	}
	d.clock.move(11 * time.Minute)
	d.eventually("read again", func() bool { return asked.Load() > 1 })
}

// What one worker's reading of a channel was told of the platform's budget, the worker keeps to that has the channel next. What it may hide it hides.
func TestWorkersReadOnOneBudget(t *testing.T) {
	known := &rests{}
	c := gatherTold(t, nil, 1, "a")
	c.stops["a"]()
	until := c.clock.now().Add(10 * time.Minute)
	var asked atomic.Int64
	c.cfg.Budgets = known
	c.cfg.Adapters[c.names[0]] = reading{c.platform, func(ctx context.Context, sink func(context.Context, []platforms.Event) error) error {
		asked.Add(1)
		if c.clock.now().Before(until) {
			return &platforms.RetryAfterError{At: until, Err: errors.New("the list is spent")}
		}
		return sink(ctx, nil)
	}}
	c.join("b", c.clock.now)
	c.eventually("it is told", func() bool { return len(known.Rests(t.Context(), c.names)) == 1 })
	c.stops["b"]()
	before := asked.Load()
	c.join("d", c.clock.now)
	c.eventually("the channel is with the next worker", func() bool { return c.share()["d"] == 1 })
	comment := platforms.Comment{Ref: platforms.Ref{Platform: platforms.Facebook, Channel: c.names[0], Comment: "c1"}, Post: "p1",
		Author: platforms.Author{ID: "1"}, Text: insult, Posted: c.clock.now()}
	c.receive(c.put(comment, platforms.Added))
	c.eventually("it is hidden", func() bool { return c.platform.hidden("c1") })
	if n := asked.Load() - before; n != 0 {
		t.Errorf("the next worker asked %d times for what is spent", n)
	}
	c.clock.move(11 * time.Minute)
	c.eventually("the channel is read", func() bool { return asked.Load() > before })
}
