package facebook_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"takhojd/platforms"
	"takhojd/platforms/facebook"
	"takhojd/platforms/platformtest"
)

// archiveOf is a page with a long history: so many recent posts and so many old ones, and a clock that stands still.
type archiveOf struct {
	*site
	recent, old []platformtest.Post
	clock       time.Time
}

func newArchive(t *testing.T, recent, old int) *archiveOf {
	t.Helper()
	a := &archiveOf{clock: time.Now()}
	a.site = newSite(t, platformtest.Options{}, func(cfg *facebook.Config) { cfg.Now = func() time.Time { return a.clock } })
	for i := range recent - 1 { // newSite made one
		a.recent = append(a.recent, a.publish(t, time.Duration(i+1)*time.Hour))
	}
	for i := range old {
		a.old = append(a.old, a.publish(t, 100*24*time.Hour+time.Duration(i)*time.Hour))
	}
	return a
}

func (a *archiveOf) publish(t *testing.T, age time.Duration) platformtest.Post {
	t.Helper()
	post, err := a.AddPost(platformtest.Post{Account: pageID, Text: "inlägg", Posted: a.clock.Add(-age)})
	if err != nil {
		t.Fatal(err)
	}
	return post
}

// catchUp reads what was said since, and returns which posts were asked for their comments, what was found, and how it ended.
func (a *archiveOf) catchUp(t *testing.T, since time.Time) (asked []string, found map[string]bool, err error) {
	t.Helper()
	before := len(a.State().Calls)
	found = map[string]bool{}
	err = a.page.CatchUp(soon(t), since, func(_ context.Context, events []platforms.Event) error {
		for _, e := range events {
			found[e.Comment.Ref.Comment] = true
		}
		return nil
	})
	for _, c := range a.State().Calls[before:] {
		if c.Action == "comments" {
			asked = append(asked, c.Comment)
		}
	}
	return asked, found, err
}

func TestALongHistoryIsReadAsItIsOwed(t *testing.T) {
	a := newArchive(t, 5, 120)
	since := a.clock.Add(-time.Hour)
	lively := a.write(t, platformtest.Comment{Post: a.old[100].ID, Text: "sent om sidor"})
	asked, found, err := a.catchUp(t, since)
	if err != nil || len(asked) != 125 || !found[lively.ID] {
		t.Fatalf("the first reading asked for %d posts, found the late comment: %v; %v", len(asked), found[lively.ID], err)
	}
	if asked[5] != a.old[100].ID {
		t.Errorf("after the recent posts came %s, not the old one where somebody had just written", asked[5])
	}
	missed := a.write(t, platformtest.Comment{Post: a.old[7].ID, Text: "utan webhook"})
	if asked, found, err = a.catchUp(t, since); err != nil || len(asked) != 5 || found[missed.ID] {
		t.Errorf("the next asked for %d posts, want the 5 recent ones; %v", len(asked), err)
	}
	a.clock = a.clock.Add(25 * time.Hour)
	total := 0
	for round := range 3 { // a day later: fifty old ones at a time
		asked, found, err = a.catchUp(t, a.clock.Add(-time.Hour))
		if err != nil || len(asked) > 55 {
			t.Errorf("round %d asked for %d posts; %v", round, len(asked), err)
		}
		total += len(asked) - 5
		if round == 0 && !found[missed.ID] {
			t.Error("what was said under an old post was not found first")
		}
	}
	if total != 120 {
		t.Errorf("the day's reading asked for %d old posts, want 120", total)
	}
	if asked, _, err = a.catchUp(t, a.clock.Add(-time.Hour)); err != nil || len(asked) != 5 {
		t.Errorf("when it is done %d posts are asked for, want 5; %v", len(asked), err)
	}
	if asked, _, err = a.catchUp(t, a.clock.Add(-72*time.Hour)); err != nil || len(asked) != 125 {
		t.Errorf("asked to go further back, it asked for %d posts, want all; %v", len(asked), err)
	}
}

func TestALongHistoryGoesOnWhereItEnded(t *testing.T) {
	a := newArchive(t, 2, 30)
	since := a.clock.Add(-time.Hour)
	if err := a.SetFaults(platformtest.Faults{Errors: []platformtest.Refusal{{Code: 2, Action: "comments", FirstCall: 14}}}); err != nil {
		t.Fatal(err)
	}
	first, _, err := a.catchUp(t, since)
	if err == nil || len(first) < 5 || len(first) > 20 {
		t.Fatalf("%d posts were asked for; %v", len(first), err)
	}
	if err := a.SetFaults(platformtest.Faults{}); err != nil {
		t.Fatal(err)
	}
	rest, _, err := a.catchUp(t, since)
	if err != nil {
		t.Fatal(err)
	}
	// The recent ones are read again, and the one that failed.
	if want := 30 - (len(first) - 2 - 1) + 2; len(rest) != want {
		t.Errorf("the second time %d posts were asked for, want %d", len(rest), want)
	}
}

// TestOldPostsGiveWay lets two thirds of the quota be spent.
func TestOldPostsGiveWay(t *testing.T) {
	a := newArchive(t, 3, 20)
	if err := a.SetFaults(platformtest.Faults{UsagePercent: 66}); err != nil {
		t.Fatal(err)
	}
	asked, _, err := a.catchUp(t, a.clock.Add(-time.Hour))
	var wait *platforms.RetryAfterError
	if !errors.As(err, &wait) || !wait.At.After(a.clock) || len(asked) != 4 {
		t.Errorf("%d posts were asked for, want the recent ones and one more; %v", len(asked), err)
	}
	c := a.write(t, platformtest.Comment{Text: "fy"})
	if err := a.page.Hide(soon(t), receipt(t, ref(c.ID))); err != nil {
		t.Errorf("a decision must not wait: %v", err)
	}
	if err := a.SetFaults(platformtest.Faults{}); err != nil {
		t.Fatal(err)
	}
	a.clock = a.clock.Add(5 * time.Minute)
	if asked, _, err = a.catchUp(t, a.clock.Add(-time.Hour)); err != nil || len(asked) != 22 {
		t.Errorf("with room again %d posts were asked for, want 22; %v", len(asked), err)
	}
	// What is not owed is no reason to fail.
	a.clock = a.clock.Add(25 * time.Hour)
	if err := a.SetFaults(platformtest.Faults{UsagePercent: 66}); err != nil {
		t.Fatal(err)
	}
	if asked, _, err = a.catchUp(t, a.clock.Add(-time.Hour)); err != nil || len(asked) > 4 {
		t.Errorf("a day later %d posts were asked for; %v", len(asked), err)
	}
}

// TestQuietOldMediaCostNothing is the same on Instagram, where the list says how many have commented.
func TestQuietOldMediaCostNothing(t *testing.T) {
	g := newGram(t, nil)
	var lively platformtest.Post
	for i := range 40 {
		lively = g.publish(t, time.Now().AddDate(0, 0, -60-i))
	}
	c := g.write(t, platformtest.Comment{Post: lively.ID, Text: "sent"})
	found := map[string]bool{}
	err := g.account.CatchUp(soon(t), time.Now().Add(-time.Hour), func(_ context.Context, events []platforms.Event) error {
		for _, e := range events {
			found[e.Comment.Ref.Comment] = true
		}
		return nil
	})
	if err != nil || !found[c.ID] || count(g.Server, "comments") != 2 {
		t.Errorf("%d media were asked for, found %v; %v", count(g.Server, "comments"), fmt.Sprint(found), err)
	}
}
