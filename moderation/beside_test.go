package moderation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"takhojd/archive"
	"takhojd/moderation"
	"takhojd/platforms"
)

func (p *platform) Mute(_ context.Context, a platforms.Author) error {
	return p.aside("mute " + a.ID)
}

func (p *platform) Report(_ context.Context, r platforms.Ref, reason, text string) error {
	return p.aside("report " + r.Comment + " " + reason + " " + text)
}

func (p *platform) CloseComments(_ context.Context, post string, closed bool) error {
	return p.aside(fmt.Sprintf("closed %s %v", post, closed))
}

// aside is a call that changes no comment.
func (p *platform) aside(call string) error {
	p.mu.Lock()
	before := p.before
	p.mu.Unlock()
	if before != nil {
		if err := before(strings.Fields(call)[0], ""); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, call)
	return nil
}

func able(c *moderation.Config) {
	p := c.Adapters[channel.ID].(*platform)
	p.can.Mute, p.can.Report, p.can.CloseComments = true, true, true
}

func (d *desk) act(id string, action moderation.Action) error {
	d.t.Helper()
	k := d.of(id)
	_, err := d.Resolve(context.Background(), moderation.Resolution{Comment: k.ID, Revision: k.Revision, Action: action, By: "anna", Reason: "grovt hot"})
	return err
}

func TestMuteAndReport(t *testing.T) {
	d := sit(t, able)
	d.tell(d.write("c1", "Bo", threat), d.write("c2", "Bo", fine))
	before := d.of("c1")
	for _, action := range []moderation.Action{moderation.Mute, moderation.Report} {
		if err := d.act("c1", action); err != nil {
			t.Fatal(err)
		}
	}
	if n := d.platform.count("mute id-Bo") + d.platform.count("report c1 threat grovt hot"); n != 0 {
		t.Fatal("what can't be undone did not wait")
	}
	d.clock.move(undo)
	d.settle()
	if d.platform.count("mute id-Bo") != 1 || d.platform.count("report c1 threat grovt hot") != 1 {
		t.Errorf("the platform was told %v", d.platform.calls)
	}
	k := d.of("c1")
	if !k.Muted || k.Blocked || !k.Reported || k.State != before.State || k.Flag == nil || k.Decision.Action != before.Decision.Action {
		t.Errorf("muted %v, reported %v, %s, flag %v, decision %+v", k.Muted, k.Reported, k.State, k.Flag, k.Decision)
	}
	if other := d.of("c2"); !other.Muted || other.Reported {
		t.Error("the author is muted, the other comment is not reported")
	}
	what := ""
	for _, h := range k.History {
		what += " " + h.What
	}
	for _, want := range []string{"decided:mute", "decided:report", "platform:mute", "platform:report"} {
		if !strings.Contains(what, want) {
			t.Errorf("the history lacks %s:%s", want, what)
		}
	}
	full, err := d.archive.Show(context.Background(), k.Record)
	if err != nil {
		t.Fatal(err)
	}
	entries := ""
	for _, e := range full.Entries {
		entries += string(e.Body)
	}
	if !strings.Contains(entries, `"action":"report","at"`) || !strings.Contains(entries, `"person:anna"`) {
		t.Errorf("the record lacks the report: %s", entries)
	}
	for _, action := range []moderation.Action{moderation.Mute, moderation.Report} {
		if err := d.act("c1", action); !errors.Is(err, moderation.ErrInvalid) {
			t.Errorf("%s a second time: %v", action, err)
		}
	}
	d.verify()
}

// unable is an adapter whose capabilities promise what it has no methods for.
type unable struct{ moderation.Adapter }

// What a platform can't do is refused before the outbox, whoever asks.
func TestWhatThePlatformCannotDoIsNeverTried(t *testing.T) {
	ctx := context.Background()
	for name, change := range map[string]func(*moderation.Config){
		"says that it can't": func(*moderation.Config) {},
		"has no methods":     func(c *moderation.Config) { able(c); c.Adapters[channel.ID] = unable{c.Adapters[channel.ID]} },
	} {
		t.Run(name, func(t *testing.T) {
			d := sit(t, change)
			d.tell(d.write("c1", "Bo", threat))
			k := d.of("c1")
			if k.Capabilities.Mute || k.Capabilities.Report || k.Capabilities.CloseComments {
				t.Errorf("offered: %+v", k.Capabilities)
			}
			for _, action := range []moderation.Action{moderation.Mute, moderation.Report} {
				if err := d.act("c1", action); !errors.Is(err, moderation.ErrInvalid) {
					t.Errorf("%s: %v", action, err)
				}
			}
			if err := d.CloseComments(ctx, k.ID, moderation.Close, "anna", "storm"); !errors.Is(err, moderation.ErrInvalid) {
				t.Errorf("close: %v", err)
			}
			if n := d.counts().Waiting; n != 0 {
				t.Errorf("%d in the outbox", n)
			}
		})
	}
}

func TestCloseAndOpenAPost(t *testing.T) {
	ctx, d := context.Background(), sit(t, able)
	d.tell(d.write("c1", "Bo", linked))
	id := d.of("c1").ID
	if err := d.CloseComments(ctx, id, moderation.Close, "anna", "för många hot"); err != nil {
		t.Fatal(err)
	}
	d.settle()
	k := d.of("c1")
	if d.platform.count("closed p1 true") != 1 || k.Closed.IsZero() || k.Closing || len(k.PostDecisions) != 1 {
		t.Fatalf("%v %+v", d.platform.calls, k.PostDecisions)
	}
	x := k.PostDecisions[0]
	full, err := d.archive.Show(ctx, x.Record)
	if err != nil || x.By != "anna" || x.Reason != "för många hot" || full.Record.Decision.Action != "close" || full.Record.Decision.By != "person:anna" ||
		full.Record.Post.ID != "p1" || len(outcomesOf(full)) != 1 {
		t.Errorf("%+v %+v %v", x, full.Record, err)
	}
	if _, err := d.archive.Receipt(ctx, x.Record); !errors.Is(err, archive.ErrNoReceipt) {
		t.Errorf("the record of a post opens for a removal: %v", err)
	}
	if err := d.CloseComments(ctx, id, moderation.Open, "mats", ""); err != nil {
		t.Fatal(err)
	}
	d.settle()
	if k = d.of("c1"); d.platform.count("closed p1 false") != 1 || !k.Closed.IsZero() || len(k.PostDecisions) != 2 {
		t.Errorf("%v, closed %v", d.platform.calls, k.Closed)
	}
	for name, bad := range map[string]error{
		"by nobody": d.CloseComments(ctx, id, moderation.Close, "", ""),
		"neither":   d.CloseComments(ctx, id, moderation.Hide, "anna", ""),
		"at length": d.CloseComments(ctx, id, moderation.Close, "anna", strings.Repeat("a", 2001)),
	} {
		if !errors.Is(bad, moderation.ErrInvalid) {
			t.Errorf("%s: %v", name, bad)
		}
	}
	d.verify()
}

// What was decided last is what holds, however the platform delays what was decided first.
func TestThePostIsAsWasDecidedLast(t *testing.T) {
	ctx, d := context.Background(), sit(t, able)
	d.tell(d.write("c1", "Bo", linked))
	id := d.of("c1").ID
	asked, answer := make(chan struct{}), make(chan error)
	first := true
	d.platform.hook(func(call, _ string) error {
		if call == "closed" && first {
			first = false
			asked <- struct{}{}
			return <-answer
		}
		return nil
	}, nil)
	if err := d.CloseComments(ctx, id, moderation.Close, "anna", ""); err != nil {
		t.Fatal(err)
	}
	<-asked
	if err := d.CloseComments(ctx, id, moderation.Open, "mats", ""); err != nil {
		t.Fatal(err)
	}
	answer <- nil
	d.settle()
	d.platform.mu.Lock()
	calls := slices.DeleteFunc(slices.Clone(d.platform.calls), func(c string) bool { return !strings.HasPrefix(c, "closed") })
	d.platform.mu.Unlock()
	if !slices.Equal(calls, []string{"closed p1 true", "closed p1 false"}) {
		t.Errorf("%v", calls)
	}
	if k := d.of("c1"); !k.Closed.IsZero() || k.Closing {
		t.Errorf("closed %v", k.Closed)
	}
}

func TestAStormIsSeen(t *testing.T) {
	d := sit(t)
	var events []platforms.Event
	for i := range 9 {
		events = append(events, d.write(fmt.Sprint("c", i), fmt.Sprint("Bo", i), fmt.Sprintf("%s/%d", linked, i)))
	}
	d.tell(events...)
	if k := d.of("c0"); k.Storm != nil {
		t.Errorf("nine are a storm: %+v", k.Storm)
	}
	d.tell(d.write("c9", "Eva", linked))
	if k := d.of("c0"); k.Storm == nil || k.Storm.Hour != 10 {
		t.Errorf("ten in an hour on a quiet channel are none: %+v", k.Storm)
	}
	d.clock.move(2 * time.Hour)
	if k := d.of("c0"); k.Storm != nil {
		t.Error("a storm that is over")
	}
}

// On a channel where it always blows, it takes more.
func TestNoStormWhereItIsAsUsual(t *testing.T) {
	d := sit(t)
	var events []platforms.Event
	for i := range 60 {
		e := d.write(fmt.Sprint("o", i), fmt.Sprint("Bo", i), fmt.Sprintf("%s/%d", linked, i))
		e.Comment.Post = "p2"
		events = append(events, d.put(e.Comment, platforms.Added))
	}
	d.receive(events...)
	d.settle()
	d.clock.move(2 * time.Hour)
	events = nil
	for i := range 10 {
		events = append(events, d.write(fmt.Sprint("c", i), fmt.Sprint("Eva", i), fmt.Sprintf("%s/x%d", linked, i)))
	}
	d.receive(events...)
	d.settle()
	if k := d.of("c0"); k.Storm != nil {
		t.Errorf("%+v", k.Storm)
	}
}
