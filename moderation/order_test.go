package moderation_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"takhojd/moderation"
	"takhojd/platforms"
)

// What the model of the decision path found (model_test.go), each told plainly.

// shown is what the platform tells of a comment that was hidden or shown at a time.
func (d *desk) shown(id string, kind platforms.EventKind) platforms.Event {
	d.clock.move(2 * time.Second)
	d.platform.mu.Lock()
	defer d.platform.mu.Unlock()
	c := d.platform.comments[id]
	c.Hidden = kind == platforms.Hidden
	d.platform.comments[id] = c
	return platforms.Event{Kind: kind, Comment: platforms.Comment{Ref: ref(id)}, At: d.clock.now(), Via: "webhook"}
}

// A colleague hides a comment and shows it again, and the platform tells of it the other way round.
func TestHiddenAndShownToldTheOtherWayRound(t *testing.T) {
	t.Run("of a comment that we know", func(t *testing.T) {
		d := sit(t)
		d.tell(d.write("c1", "Anna", fine))
		hidden, restored := d.shown("c1", platforms.Hidden), d.shown("c1", platforms.Restored)
		d.tell(restored, hidden)
		if got := d.of("c1").State; got != moderation.Standing {
			t.Errorf("it stands on the platform, and is %s in the books", got)
		}
	})
	t.Run("before we ever heard of it", func(t *testing.T) {
		d := sit(t)
		added := d.write("c1", "Anna", fine)
		hidden, restored := d.shown("c1", platforms.Hidden), d.shown("c1", platforms.Restored)
		d.tell(restored, hidden, added)
		if got := d.of("c1").State; got != moderation.Standing {
			t.Errorf("it stands on the platform, and is %s in the books", got)
		}
	})
}

// Words that were edited away and came back are the latest, also when what was said in between is told after them.
func TestEditedAwayAndBackToldTheOtherWayRound(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Anna", fine))
	d.clock.move(time.Second)
	away := d.edit("c1", linked)
	back := d.edit("c1", fine)
	d.tell(back, away)
	if k := d.of("c1"); k.Comment.Text != fine || k.Flag != nil {
		t.Errorf("the books say %q, flag %v", k.Comment.Text, k.Flag)
	}
}

// Of two edits within a second one is delivered twice: the comment says what was told last for the first time.
func TestAnEditIsDeliveredTwiceAroundAnother(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Anna", fine))
	d.clock.move(2 * time.Second)
	one, two := d.edit("c1", linked), d.edit("c1", insult2)
	at := d.clock.now().Truncate(time.Second)
	one.At, two.At = at, at
	d.receive(one, two, one)
	d.settle()
	if k := d.of("c1"); k.Comment.Text != insult2 || k.State != moderation.Hidden {
		t.Errorf("it says %q in the books, and is %s", k.Comment.Text, k.State)
	}
	edits := d.number(`SELECT count(*) FROM history WHERE what = 'edited'`)
	if edits != 2 {
		t.Errorf("%d edits", edits)
	}
}

// A colleague hid a comment and showed it again; told of the first alone, we hide what it says since. What is then told of the second is late.
func TestShownBeforeWeHidItAndToldOfAfterwards(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Anna", fine))
	d.tell(d.shown("c1", platforms.Hidden))
	d.platform.hook(throttled("fetch", d.clock.now().Add(time.Hour)), nil)
	d.receive(d.edit("c1", insult))
	d.eventually("the hide waits", func() bool { return len(d.waiting()) == 1 })
	shown := d.shown("c1", platforms.Restored)
	d.platform.hook(nil, nil)
	d.clock.move(2 * time.Hour)
	d.settle()
	d.tell(shown)
	if k := d.of("c1"); k.State != moderation.Hidden || !d.platform.hidden("c1") {
		t.Errorf("hidden on the platform %v, and %s in the books", d.platform.hidden("c1"), k.State)
	}
}

// What to do with the author of words that were to be hidden is asked no more when the words are gone, and what stands instead is seen.
func TestNobodyAsksAboutTheAuthorOfWordsThatAreGone(t *testing.T) {
	d := sit(t)
	for i := range 3 {
		d.tell(d.write(fmt.Sprint("before-", i), "Bo", insult))
	}
	asked := len(d.queue())
	added := d.write("c1", "Bo", insult2)
	d.tell(d.shown("c1", platforms.Hidden))
	d.platform.hook(throttled("fetch", d.clock.now().Add(time.Hour)), nil)
	d.resolve("c1", moderation.Restore)
	added.At = d.clock.now()
	d.receive(added)
	d.eventually("it is judged, and its author asked about", func() bool { return len(d.queue()) == asked+1 })
	d.clock.move(2 * time.Second)
	d.receive(d.edit("c1", fine))
	d.eventually("the edit is taken", func() bool { return d.of("c1").Comment.Text == fine })
	d.platform.hook(nil, nil)
	d.clock.move(2 * time.Hour)
	d.settle()
	if k := d.of("c1"); k.State != moderation.Standing || k.Flag != nil {
		t.Errorf("%s, and asked about: %+v", k.State, k.Flag)
	}
}

// A hide of ours that came to nothing is not what the platform tells of when a colleague hides.
func TestAColleagueHidesAfterAHideThatWasStale(t *testing.T) {
	d := sit(t)
	d.platform.hook(nil, nil)
	added := d.write("c1", "Bo", insult)
	edited := d.edit("c1", fine)
	d.tell(added)
	d.tell(edited)
	if n := d.platform.count("hide c1"); n != 0 {
		t.Fatalf("hidden %d times for words that it no longer says", n)
	}
	d.tell(d.shown("c1", platforms.Hidden))
	if got := d.of("c1").State; got != moderation.Hidden {
		t.Errorf("hidden by a colleague, and %s in the books", got)
	}
}

// What a colleague has shown again is not hidden by what was decided before that.
func TestAColleagueShowsWhatWaitsToBeHidden(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Bo", insult))
	d.clock.move(time.Minute)
	d.platform.hook(throttled("fetch", d.clock.now().Add(time.Hour)), nil)
	d.receive(d.edit("c1", insult2))
	d.eventually("the second hide waits", func() bool {
		w, err := d.Waiting(context.Background(), 10)
		return err == nil && len(w) == 1 && w[0].Error != ""
	})
	d.receive(d.shown("c1", platforms.Restored))
	d.eventually("the colleague's decision is taken", func() bool { return d.of("c1").State == moderation.Standing })
	d.platform.hook(nil, nil)
	d.clock.move(2 * time.Hour)
	d.settle()
	if d.platform.hidden("c1") {
		t.Error("hidden after a colleague had shown it")
	}
}

// Of what a colleague hid before we heard its words nobody need decide again.
func TestHiddenByAColleagueBeforeWeHeardOfIt(t *testing.T) {
	d := sit(t)
	added := d.write("c1", "Anna", linked)
	d.tell(d.shown("c1", platforms.Hidden), added)
	if q := d.queue(); len(q) != 0 || d.records() != 1 {
		t.Errorf("queue %v, %d records", q, d.records())
	}
}

// Whoever is referred elsewhere is let stand: also when the bot had hidden the comment.
func TestReferredElsewhereAndShownAgain(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Bo", insult))
	k := d.of("c1")
	if _, err := d.Resolve(context.Background(), moderation.Resolution{Comment: k.ID, Revision: k.Revision, Action: moderation.Route, Route: "medical", By: "anna"}); err != nil {
		t.Fatal(err)
	}
	d.settle()
	if d.platform.hidden("c1") || d.of("c1").State != moderation.Standing {
		t.Error("referred elsewhere, and hidden")
	}
}

// Nobody need say whether an edited comment may be seen again once it is.
func TestEditedWhileItIsShownAgain(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Bo", insult))
	begun, goOn := d.held("unhide")
	d.resolve("c1", moderation.Restore)
	<-begun
	d.receive(d.edit("c1", fine))
	d.eventually("the edit is taken", func() bool { return d.of("c1").Comment.Text == fine })
	goOn()
	d.settle()
	if q := d.queue(); len(q) != 0 || d.of("c1").State != moderation.Standing {
		t.Errorf("%s, queue %v", d.of("c1").State, q)
	}
}

// A colleague hides what we hid and a person showed again, within the hour: that is no echo of ours.
func TestAColleagueHidesWhatWasShownAgain(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Bo", insult))
	d.resolve("c1", moderation.Restore)
	d.settle()
	d.clock.move(time.Minute)
	d.tell(d.shown("c1", platforms.Hidden))
	if got := d.of("c1").State; got != moderation.Hidden {
		t.Errorf("hidden by a colleague, and %s in the books", got)
	}
}

// A hide whose answer was lost, and then an edit: the comment is hidden, and the books know it.
func TestHiddenWithoutAnAnswerAndEdited(t *testing.T) {
	d := sit(t)
	added := d.write("c1", "Bo", insult)
	var edited platforms.Event
	d.platform.hook(nil, func(call, _ string) error {
		if call != "hide" || edited.Kind != "" {
			return nil
		}
		c := d.platform.comments["c1"]
		c.Text = fine
		d.platform.comments["c1"] = c
		edited = platforms.Event{Kind: platforms.Edited, Comment: c, At: d.clock.now().Add(time.Second), Via: "webhook"}
		return context.DeadlineExceeded
	})
	d.tell(added)
	if k := d.of("c1"); k.State != moderation.Hidden || k.Flag == nil || k.Flag.Why != moderation.EditedWhy {
		t.Errorf("%s, flag %v", k.State, k.Flag)
	}
}

// What a colleague showed again before it was edited into a threat still waits for a person, and is still hidden.
func TestShownBeforeItBecameAThreat(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Bo", insult))
	d.clock.move(time.Minute)
	restored := d.shown("c1", platforms.Restored)
	d.clock.move(time.Minute)
	begun, goOn := d.held("fetch")
	d.receive(d.edit("c1", threat))
	<-begun
	d.receive(restored)
	d.eventually("the colleague's doing is taken", func() bool { return d.of("c1").State == moderation.Standing })
	goOn()
	d.settle()
	if k := d.of("c1"); !d.platform.hidden("c1") || k.Flag == nil || k.Flag.Why != moderation.Escalation {
		t.Errorf("hidden %v, flag %v", d.platform.hidden("c1"), k.Flag)
	}
}

// A restore that the platform refused is no longer to be tried again once a colleague has hidden the comment anew.
func TestAColleagueHidesWhatCouldNotBeShown(t *testing.T) {
	ctx, d := context.Background(), sit(t)
	d.tell(d.write("c1", "Bo", insult))
	d.platform.hook(func(call, _ string) error {
		if call == "unhide" {
			return platforms.ErrNotPermitted
		}
		return nil
	}, nil)
	d.resolve("c1", moderation.Restore)
	d.settle()
	d.platform.hook(nil, nil)
	d.clock.move(time.Minute)
	d.tell(d.shown("c1", platforms.Restored))
	d.clock.move(time.Minute)
	d.tell(d.shown("c1", platforms.Hidden))
	dead, err := d.DeadLetters(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, letter := range dead {
		if err := d.Retry(ctx, letter.Box, letter.ID, "bea"); err != nil {
			t.Fatal(err)
		}
	}
	d.settle()
	if !d.platform.hidden("c1") {
		t.Error("shown by a restore that a colleague had overruled since")
	}
}
