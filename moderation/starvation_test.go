package moderation_test

import (
	"fmt"
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
