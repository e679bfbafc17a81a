package moderation_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"takhojd/moderation"
	"takhojd/platforms"
)

// However much waits for a channel that is throttled, what another channel has to do is done.
func TestAThrottledChannelStopsNoOther(t *testing.T) {
	other := channel
	other.ID, other.Account = "sl-facebook", "2"
	second := newPlatform()
	d := sit(t, func(cfg *moderation.Config) {
		first := cfg.Channels[0]
		first.HideQuota = 1000
		cfg.Channels = []platforms.Channel{first, other}
		cfg.Adapters[other.ID] = second
	})
	d.platform.hook(throttled("fetch", d.clock.now().Add(time.Hour)), nil)
	var events []platforms.Event
	for i := range 400 {
		events = append(events, d.write(fmt.Sprint("c", i), fmt.Sprint("Bo", i), fmt.Sprintf("%s nummer %d", insult, i)))
	}
	d.receive(events...)
	d.eventually("hides wait", func() bool { return d.counts().Waiting >= 400 })
	c := platforms.Comment{Ref: platforms.Ref{Platform: platforms.Facebook, Channel: other.ID, Comment: "x1"}, Post: "p2",
		Author: platforms.Author{ID: "id-Eva", Name: "Eva"}, Text: insult, Posted: d.clock.now()}
	second.comments["x1"] = c
	d.receive(platforms.Event{Kind: platforms.Added, Comment: c, At: d.clock.now(), Via: "webhook"})
	d.eventually("hidden on the other channel", func() bool { return second.hidden("x1") })
}

// silent is a platform that never answers when it is asked for a comment.
type silent struct{ *platform }

func (silent) Fetch(ctx context.Context, _ platforms.Ref) (platforms.Comment, error) {
	<-ctx.Done()
	return platforms.Comment{}, ctx.Err()
}

func TestASilentPlatformHoldsUpNoOthersEvents(t *testing.T) {
	other := channel
	other.ID, other.Account = "sl-facebook", "2"
	d := sit(t, func(cfg *moderation.Config) {
		cfg.Channels = append(cfg.Channels, other)
		cfg.Adapters[other.ID] = silent{newPlatform()}
	})
	d.stop()
	var events []platforms.Event
	for i := range 3 {
		c := platforms.Comment{Ref: platforms.Ref{Platform: platforms.Facebook, Channel: other.ID, Comment: fmt.Sprint("x", i)}, Text: fine}
		events = append(events, platforms.Event{Kind: platforms.Added, Comment: c, Incomplete: true, At: d.clock.now(), Via: "webhook"})
	}
	d.receive(append(events, d.write("c1", "Bo", insult))...)
	d.start()
	d.eventually("hidden", func() bool { return d.platform.hidden("c1") })
}

// Throttling is no fault of an event's: it waits, however long that takes.
func TestAThrottledEventIsNotGivenUp(t *testing.T) {
	d := sit(t)
	var asked atomic.Int32
	d.platform.hook(func(name, _ string) error {
		if name == "fetch" {
			if asked.Add(1) < 100 { // Attempts is 4
				return &platforms.RetryAfterError{At: d.clock.now(), Err: errors.New("throttled")}
			}
		}
		return nil
	}, nil)
	e := d.write("c1", "Bo", insult)
	e.Comment.Author, e.Comment.Text, e.Incomplete = platforms.Author{}, "", true
	d.tell(e)
	if n := d.counts(); n.Dead != 0 || !d.platform.hidden("c1") {
		t.Errorf("%d dead letters", n.Dead)
	}
}
