package moderation_test

import (
	"context"
	"testing"
	"time"

	"takhojd/moderation"
	"takhojd/platforms"
)

// A colleague in the platform's own tools may change what we did, and change it back, within minutes.
func TestAColleagueHidesAgainWhatWeHid(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Bo", insult))
	say := func(kind platforms.EventKind) {
		d.clock.move(time.Minute)
		d.tell(platforms.Event{Kind: kind, Comment: platforms.Comment{Ref: ref("c1")}, At: d.clock.now(), Via: "webhook"})
	}
	say(platforms.Restored)
	if got := d.of("c1").State; got != moderation.Standing {
		t.Fatalf("restored by a colleague: %s", got)
	}
	say(platforms.Hidden)
	if got := d.of("c1").State; got != moderation.Hidden {
		t.Errorf("hidden again by a colleague: %s", got)
	}
}

// An author who removes a comment that waits to be deleted has removed it, also when the deletion is taken back.
func TestRemovedWhileADeletionCanBeUndone(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Bo", linked))
	made := d.decide(d.of("c1"), moderation.Delete)
	d.receive(d.remove("c1"))
	d.eventually("the removal is taken", func() bool { return d.counts().Waiting == 1 })
	if err := d.Undo(context.Background(), made.ID, "anna"); err != nil {
		t.Fatal(err)
	}
	d.settle()
	if got := d.of("c1").State; got != moderation.Removed || len(d.queue()) != 0 {
		t.Errorf("%s, queue %v", got, d.queue())
	}
}

// What can't be said to a comment that is gone is settled, and stands in nobody's way.
func TestNoAnswerToWhatIsGone(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Bo", linked))
	k := d.of("c1")
	_, err := d.Resolve(context.Background(), moderation.Resolution{Comment: k.ID, Revision: k.Revision, Flag: k.Flag.Flag, Action: moderation.Route,
		By: "anna", Route: "medical", Reply: "Ring 1177."})
	if err != nil {
		t.Fatal(err)
	}
	d.remove("c1")
	d.clock.move(11 * time.Second)
	d.settle()
	if n := d.counts(); n.Dead != 0 || n.Flags != 0 {
		t.Errorf("%d dead letters, %d flags", n.Dead, n.Flags)
	}
}

// A flag that an undone decision opened, or made graver, is as it was before.
func TestUndoneEscalation(t *testing.T) {
	ctx, d := context.Background(), sit(t)
	d.tell(d.write("c1", "Bo", linked), d.write("c2", "Eva", fine))
	for id, want := range map[string]string{"c1": "doubt", "c2": ""} {
		made := d.resolve(id, moderation.Escalate)
		if k := d.of(id); k.Flag == nil || k.Flag.Why != moderation.Escalation {
			t.Fatalf("%s: %+v", id, k.Flag)
		}
		if err := d.Undo(ctx, made.ID, "anna"); err != nil {
			t.Fatal(err)
		}
		why := ""
		if k := d.of(id); k.Flag != nil {
			why = string(k.Flag.Why)
		}
		if why != want {
			t.Errorf("%s: flagged for %q, want %q", id, why, want)
		}
	}
}
