package moderation_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"takhojd/moderation"
	"takhojd/platforms"
)

// refuses makes the platform refuse a call.
func refuses(call string, err error) func(string, string) error {
	return func(name, _ string) error {
		if name == call {
			return err
		}
		return nil
	}
}

// throttled makes the platform refuse a call, as one does that wants to be left in peace for a while.
func throttled(call string, until time.Time) func(string, string) error {
	return refuses(call, &platforms.RetryAfterError{At: until, Err: errors.New("throttled")})
}

// resolve makes anna's decision on a comment, whether it has a flag or not.
func (d *desk) resolve(id string, action moderation.Action) moderation.Decision {
	d.t.Helper()
	k := d.of(id)
	made, err := d.Resolve(context.Background(), moderation.Resolution{Comment: k.ID, Revision: k.Revision, Action: action, By: "anna"})
	if err != nil {
		d.t.Fatal(err)
	}
	return made
}

// held lets the platform hold a call until it is told to go on: begun is closed when the call is there.
func (d *desk) held(call string) (begun chan struct{}, goOn func()) {
	begun, free := make(chan struct{}), make(chan struct{})
	first := true
	d.platform.hook(func(name, _ string) error {
		if name == call && first {
			first = false
			close(begun)
			<-free
		}
		return nil
	}, nil)
	return begun, func() { close(free) }
}

func (d *desk) receive(events ...platforms.Event) {
	d.t.Helper()
	if err := d.Receive(context.Background(), events); err != nil {
		d.t.Fatal(err)
	}
}

func TestWhatAPersonLetsStandIsNotHiddenLater(t *testing.T) {
	ctx := context.Background()
	throttle := func(d *desk) {
		d.platform.hook(throttled("hide", d.clock.now().Add(time.Hour)), nil)
		d.receive(d.write("c1", "Bo", insult))
		d.eventually("the hide waits", func() bool {
			w, err := d.Waiting(ctx, 10)
			return err == nil && len(w) == 1 && w[0].Action == "hide" && w[0].Error != ""
		})
	}
	later := func(d *desk) {
		d.platform.hook(nil, nil)
		d.clock.move(2 * time.Hour)
		d.settle()
	}
	t.Run("while the hide waits", func(t *testing.T) {
		d := sit(t)
		throttle(d)
		d.resolve("c1", moderation.Allow)
		later(d)
		if d.platform.hidden("c1") || d.of("c1").State != moderation.Standing {
			t.Error("hidden after a person had let it stand")
		}
	})
	t.Run("and hidden after all when that is undone", func(t *testing.T) {
		d := sit(t)
		throttle(d)
		made := d.resolve("c1", moderation.Allow)
		if err := d.Undo(ctx, made.ID, "anna"); err != nil {
			t.Fatal(err)
		}
		later(d)
		if !d.platform.hidden("c1") {
			t.Error("the bot's hide got lost")
		}
	})
	t.Run("while it is being hidden", func(t *testing.T) {
		d := sit(t)
		begun, goOn := d.held("hide")
		d.receive(d.write("c1", "Bo", insult))
		<-begun
		d.resolve("c1", moderation.Allow)
		goOn()
		d.eventually("shown again", func() bool { return d.platform.count("unhide c1") == 1 })
		d.settle()
		if d.platform.hidden("c1") || d.of("c1").State != moderation.Standing {
			t.Error("hidden after a person had let it stand")
		}
		d.verify()
	})
	t.Run("when the hide was a dead letter", func(t *testing.T) {
		d := sit(t)
		d.platform.hook(refuses("hide", platforms.ErrNotPermitted), nil)
		d.tell(d.write("c1", "Bo", insult))
		d.decide(d.of("c1"), moderation.Allow)
		d.platform.hook(nil, nil)
		dead, err := d.DeadLetters(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, letter := range dead {
			_ = d.Retry(ctx, letter.Box, letter.ID, "bea")
		}
		d.settle()
		if d.platform.hidden("c1") {
			t.Error("hidden by a dead letter after a person had let it stand")
		}
	})
	t.Run("nor shown when a person has hidden it", func(t *testing.T) {
		d := sit(t)
		d.tell(d.write("c1", "Bo", insult))
		d.platform.hook(throttled("unhide", d.clock.now().Add(time.Hour)), nil)
		d.resolve("c1", moderation.Restore)
		d.resolve("c1", moderation.Hide)
		later(d)
		if !d.platform.hidden("c1") {
			t.Error("shown by a restore that was overruled")
		}
	})
}

// What the platform told of while a hide of ours waited was taken for that hide. Called off, the hide never tells how the comment stands.
func TestACalledOffHideLeavesTheCommentToBeRead(t *testing.T) {
	d := sit(t)
	begun, fail := make(chan struct{}), make(chan struct{})
	var once sync.Once
	d.platform.hook(func(call, _ string) (err error) {
		if call == "fetch" {
			once.Do(func() { close(begun); <-fail; err = errors.New("fault") })
		}
		return err
	}, nil)
	e := d.write("c1", "Bo", insult)
	d.receive(e)
	<-begun
	e.Comment.Hidden = true // by a colleague, in the platform's own tools
	d.platform.mu.Lock()
	d.platform.comments["c1"] = e.Comment
	d.platform.mu.Unlock()
	d.receive(platforms.Event{Kind: platforms.Hidden, Comment: platforms.Comment{Ref: ref("c1")}, At: d.clock.now(), Via: "webhook"})
	d.resolve("c1", moderation.Allow)
	close(fail)
	d.settle()
	if k := d.of("c1"); k.State != moderation.Hidden || k.Flag == nil {
		t.Errorf("hidden on the platform, and in the books %s, with a flag %v", k.State, k.Flag != nil)
	}
}

// A hide that is given back to words let stand is asked of people, also when it is still on its way and the words are edited away and back.
func TestAHideOnItsWayToWordsLetStandIsAskedOf(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Bo", insult))
	d.tell(d.edit("c1", fine))
	made := d.decide(d.of("c1"), moderation.Restore)
	d.settle()
	d.platform.hook(throttled("fetch", d.clock.now().Add(time.Hour)), nil)
	if err := d.Undo(t.Context(), made.ID, "anna"); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{linked, fine} {
		d.receive(d.edit("c1", text))
		d.eventually("the edit is taken", func() bool { return d.of("c1").Comment.Text == text })
	}
	d.platform.hook(nil, nil)
	d.clock.move(2 * time.Hour)
	d.settle()
	if k := d.of("c1"); k.State != moderation.Hidden || k.Flag == nil {
		t.Errorf("%s for words that were let stand, with a flag %v", k.State, k.Flag != nil)
	}
}

// A hide that people called off was carried out, its answer lost, and the platform tells of it hours later: it is not taken for a
// colleague's, so that a comment that was let stand stays hidden with nobody asked.
func TestACalledOffHideThatIsToldOfLate(t *testing.T) {
	d := sit(t)
	begun, goOn := make(chan struct{}), make(chan struct{})
	d.platform.hook(func(call, _ string) error {
		if call == "hide" {
			close(begun)
			<-goOn
		}
		return nil
	}, func(call, _ string) error {
		if call == "hide" {
			return errors.New("the connection broke off")
		}
		return nil
	})
	d.receive(d.write("c1", "Bo", insult))
	<-begun
	told := d.clock.now()
	d.resolve("c1", moderation.Allow)
	d.platform.hook(throttled("fetch", d.clock.now().Add(3*time.Hour)), nil)
	close(goOn)
	d.eventually("the comment waits to be read", func() bool {
		return d.number(`SELECT count(*) FROM outbox WHERE action = 'reread' AND error <> ''`) == 1
	})
	d.clock.move(2 * time.Hour)
	d.receive(platforms.Event{Kind: platforms.Hidden, Comment: platforms.Comment{Ref: ref("c1")}, At: told, Via: "webhook"})
	d.eventually("it is taken", func() bool { return d.of("c1").State == moderation.Hidden })
	if k := d.of("c1"); k.Flag == nil || k.Decision.Action != moderation.Allow {
		t.Errorf("let stand, and hidden: %s holds, with a flag %v", k.Decision.Action, k.Flag != nil)
	}
}

// What the platform told of while a job of ours was tried was taken for that job's doing. Where it is then given up, it never tells how the
// comment stands: the platform is asked.
func TestAJobThatIsGivenUpLeavesTheCommentToBeRead(t *testing.T) {
	for name, c := range map[string]struct {
		call   string
		action moderation.Action
		told   platforms.EventKind
		want   moderation.State
	}{
		"a hide":    {"hide", moderation.Hide, platforms.Hidden, moderation.Hidden},
		"a restore": {"unhide", moderation.Restore, platforms.Restored, moderation.Standing},
	} {
		t.Run(name, func(t *testing.T) {
			d := sit(t)
			d.tell(d.write("c1", "Bo", linked))
			if c.want == moderation.Standing {
				d.resolve("c1", moderation.Hide)
				d.settle()
			}
			lost, refuse := make(chan struct{}), make(chan struct{})
			refused := false
			d.platform.hook(func(call, _ string) error {
				select {
				case <-lost:
				default:
					return nil
				}
				<-refuse
				if !refused && call == "fetch" {
					refused = true
					return platforms.ErrNotPermitted
				}
				return nil
			}, func(call, _ string) error {
				if call == c.call {
					close(lost)
					return errors.New("the connection broke off")
				}
				return nil
			})
			d.resolve("c1", c.action)
			<-lost
			d.receive(d.shown("c1", c.told))
			d.eventually("the echo is taken", func() bool { return d.number(`SELECT count(*) FROM inbox`) == 0 })
			close(refuse)
			d.settle()
			if k := d.of("c1"); k.State != c.want || d.platform.hidden("c1") != (c.want == moderation.Hidden) {
				t.Errorf("in the books %s, and hidden on the platform %v", k.State, d.platform.hidden("c1"))
			} else if k.StateBy != "takhojd" || k.Flag != nil {
				t.Errorf("it is as was decided: by %s, with a flag %v", k.StateBy, k.Flag != nil)
			}
			if dead, err := d.DeadLetters(t.Context()); err != nil || len(dead) > 0 {
				t.Errorf("%v, %d dead letters", err, len(dead))
			}
			d.verify()
		})
	}
}

// So is what the platform tells of a hide that was carried out when we have given it up; what a colleague does later is the colleague's.
func TestAHideIsToldOfWhenItIsGivenUp(t *testing.T) {
	for name, later := range map[string]time.Duration{"at once": 0, "by a colleague, a minute later": time.Minute} {
		t.Run(name, func(t *testing.T) {
			d := sit(t)
			d.platform.hook(refuses("fetch", platforms.ErrNotPermitted), nil)
			d.tell(d.write("c1", "Bo", insult))
			d.clock.move(later)
			d.tell(d.shown("c1", platforms.Hidden))
			want := map[bool]string{true: "takhojd", false: "platform"}[later == 0]
			if k := d.of("c1"); k.State != moderation.Hidden || k.StateBy != want || k.Flag != nil {
				t.Errorf("%s by %s, with a flag %v", k.State, k.StateBy, k.Flag != nil)
			}
		})
	}
}

func TestUndoneWhileItIsDone(t *testing.T) {
	ctx := context.Background()
	t.Run("a restore", func(t *testing.T) {
		d := sit(t)
		d.tell(d.write("c1", "Bo", insult))
		begun, goOn := d.held("unhide")
		made := d.resolve("c1", moderation.Restore)
		<-begun
		if err := d.Undo(ctx, made.ID, "anna"); err != nil {
			t.Fatal(err)
		}
		goOn()
		d.eventually("hidden again", func() bool { return d.platform.count("hide c1") == 2 })
		d.settle()
		if !d.platform.hidden("c1") || d.of("c1").State != moderation.Hidden {
			t.Error("shown although the restore was undone")
		}
		d.verify()
	})
	t.Run("a hide, and the platform tells of it at once", func(t *testing.T) {
		d := sit(t)
		d.tell(d.write("c1", "Bo", linked))
		begun, goOn := d.held("hide")
		made := d.decide(d.of("c1"), moderation.Hide)
		<-begun
		if err := d.Undo(ctx, made.ID, "anna"); err != nil {
			t.Fatal(err)
		}
		d.receive(platforms.Event{Kind: platforms.Hidden, Comment: platforms.Comment{Ref: ref("c1")}, At: d.clock.now(), Via: "webhook"})
		d.eventually("the echo is taken", func() bool { return d.counts().Waiting == 1 }) // it is read again when the hide has ended
		goOn()
		d.eventually("shown again", func() bool { return d.platform.count("unhide c1") == 1 })
		d.settle()
		if d.platform.hidden("c1") || len(d.queue()) != 1 {
			t.Errorf("hidden %v, queue %v", d.platform.hidden("c1"), d.queue())
		}
	})
	t.Run("to hide again needs a record of these words", func(t *testing.T) {
		d := sit(t)
		d.tell(d.write("c1", "Bo", insult))
		d.tell(d.edit("c1", fine))
		made := d.resolve("c1", moderation.Restore)
		d.settle()
		records := d.records()
		if err := d.Undo(ctx, made.ID, "anna"); err != nil {
			t.Fatal(err)
		}
		d.settle()
		if !d.platform.hidden("c1") || d.records() != records+1 {
			t.Errorf("hidden %v with %d records, had %d", d.platform.hidden("c1"), d.records(), records)
		}
		d.verify()
	})
}

func TestAnUndoneDecisionGivesItsFlagBack(t *testing.T) {
	ctx, d := context.Background(), sit(t)
	d.tell(d.write("c1", "Bo", linked))
	made := d.resolve("c1", moderation.Allow) // by the comment's own page: no flag is named
	if len(d.queue()) != 0 {
		t.Fatal("still queued")
	}
	if err := d.Undo(ctx, made.ID, "anna"); err != nil {
		t.Fatal(err)
	}
	if len(d.queue()) != 1 {
		t.Error("undecided, and in no queue")
	}
}

// What failed while the comment stood in the queue for another reason is asked when that reason is taken back.
func TestAnUndoneDecisionLeavesWhatFailed(t *testing.T) {
	ctx, d := context.Background(), sit(t)
	begun, goOn := d.held("fetch")
	d.receive(d.write("c1", "Bo", insult))
	<-begun
	made := d.resolve("c1", moderation.Escalate)
	d.platform.hook(func(string, string) error { return platforms.ErrNotPermitted }, nil)
	goOn()
	d.settle()
	if err := d.Undo(ctx, made.ID, "anna"); err != nil {
		t.Fatal(err)
	}
	if k := d.of("c1"); k.Flag == nil || k.Flag.Why != moderation.Failed {
		t.Errorf("could not be hidden, and its flag: %+v", k.Flag)
	}
}
