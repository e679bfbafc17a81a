package moderation_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"takhojd/archive"
	"takhojd/moderation"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

const undo = 11 * time.Second

// say answers a comment as it stands.
func (d *desk) say(id string, change func(*moderation.Resolution)) (moderation.Decision, error) {
	d.t.Helper()
	k := d.of(id)
	r := moderation.Resolution{Comment: k.ID, Revision: k.Revision, Action: moderation.Reply, By: "anna", Reason: "svar", Reply: "Hej! Tack."}
	change(&r)
	return d.Resolve(context.Background(), r)
}

// messages returns the authority's own records.
func (d *desk) messages() (found []archive.Full) {
	d.t.Helper()
	all, err := d.archive.List(context.Background(), archive.Query{})
	if err != nil {
		d.t.Fatal(err)
	}
	for _, s := range all {
		full, err := d.archive.Show(context.Background(), s.ID)
		if err != nil {
			d.t.Fatal(err)
		}
		if full.Record.Message != nil {
			found = append(found, full)
		}
	}
	return found
}

func outcomesOf(full archive.Full) (found []string) {
	for _, e := range full.Entries {
		if e.Kind == archive.KindOutcome {
			found = append(found, string(e.Body))
		}
	}
	return found
}

func TestAnAnswerIsTheAuthoritysOwnRecord(t *testing.T) {
	ctx, d := context.Background(), sit(t)
	d.tell(d.write("c1", "Bo", insult))
	k := d.of("c1")
	if k.Public || !k.Private || k.Language != "sv" {
		t.Fatalf("a hidden comment: public %v, private %v, in %q", k.Public, k.Private, k.Language)
	}
	why := k.Suggested[slices.IndexFunc(k.Suggested, func(s moderation.Suggestion) bool { return s.Use == moderation.UseRemoved })]
	if !strings.Contains(why.Text.SV, "kränkningar") || !strings.Contains(why.Text.SV, "dolt") || !strings.Contains(why.Deleted.EN, "removed") ||
		strings.ContainsAny(why.Text.SV+why.Text.EN, "{}") {
		t.Fatalf("suggested: %+v", why)
	}
	if _, err := d.say("c1", func(r *moderation.Resolution) { r.Reply, r.Private, r.Template = why.Text.SV, true, why.ID() }); err != nil {
		t.Fatal(err)
	}
	d.eventually("the answer waits", func() bool { return d.counts().Waiting == 1 })
	if n := len(d.messages()); n != 0 || len(d.platform.words()) != 0 {
		t.Fatalf("%d records, said %v while it may be taken back", n, d.platform.words())
	}
	d.clock.move(undo)
	d.settle()
	if said := d.platform.words(); len(said) != 1 || said[0] != why.Text.SV {
		t.Fatalf("said %q", said)
	}
	sent := d.messages()
	if len(sent) != 1 {
		t.Fatalf("%d records of answers", len(sent))
	}
	r := sent[0].Record
	if r.Text != why.Text.SV || !r.Message.Private || r.Message.Template != "dold/1" || r.Message.Answers != k.Record || r.Parent != "c1" || r.ParentText != "" ||
		r.Author.Name != channel.Name || r.Decision.By != "person:anna" || r.Decision.Action != "private-reply" || r.Ref.Comment != "" {
		t.Errorf("the record: %+v %+v", r, r.Message)
	}
	if o := outcomesOf(sent[0]); len(o) != 1 || !strings.Contains(o[0], `"done"`) {
		t.Errorf("the platform's answer: %v", o)
	}
	if _, err := d.archive.Receipt(ctx, r.ID); !errors.Is(err, archive.ErrNoReceipt) {
		t.Errorf("the record of an answer opens for a removal: %v", err)
	}
	if n, err := d.archive.Count(ctx, archive.Query{Words: "välkommen"}); n != 1 || err != nil {
		t.Errorf("found %d by its words: %v", n, err)
	}
	var csv bytes.Buffer
	if err := d.archive.Export(ctx, archive.Query{Words: "välkommen"}, "csv", &csv); err != nil || !strings.Contains(csv.String(), "private-reply: done") {
		t.Errorf("exported %v: %s", err, csv.String())
	}
	if k = d.of("c1"); k.Private || k.NoPrivate != moderation.NotAgain || k.Sent[0].Record != r.ID || k.Decision.Action != moderation.Hide || d.counts().BotHidden != 1 {
		t.Errorf("afterwards: %+v, private %v, decision %+v", k.Sent, k.Private, k.Decision)
	}
	d.verify()
}

// Who has made a serious threat is not bidden to write again.
func TestNoTemplateForAThreat(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Bo", threat))
	k := d.of("c1")
	if slices.ContainsFunc(k.Suggested, func(s moderation.Suggestion) bool { return s.Use == moderation.UseRemoved }) || !k.Private {
		t.Errorf("suggested %+v", k.Suggested)
	}
}

func TestAPublicAnswerSaysWhereItStands(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Bo", linked))
	if _, err := d.say("c1", func(*moderation.Resolution) {}); err != nil {
		t.Fatal(err)
	}
	d.clock.move(undo)
	d.settle()
	sent := d.messages()
	var csv bytes.Buffer
	if err := d.archive.Export(context.Background(), archive.Query{}, "csv", &csv); err != nil || !strings.Contains(csv.String(), " r1,") {
		t.Errorf("exported %v: %s", err, csv.String())
	}
	if len(sent) != 1 || !strings.Contains(outcomesOf(sent[0])[0], `"comment":"r1"`) || sent[0].Record.ParentText != linked {
		t.Errorf("%+v", sent)
	}
	if k := d.of("c1"); k.Flag == nil || k.State != moderation.Standing {
		t.Error("an answer closed the flag")
	}
	d.verify()
}

// A draft that was taken back was never a record.
func TestAnAnswerTakenBack(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Bo", linked))
	made, err := d.say("c1", func(*moderation.Resolution) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Undo(context.Background(), made.ID, "anna"); err != nil {
		t.Fatal(err)
	}
	d.clock.move(undo)
	d.settle()
	if len(d.platform.words()) != 0 || len(d.messages()) != 0 || d.of("c1").Flag == nil {
		t.Errorf("said %v, records %d", d.platform.words(), len(d.messages()))
	}
}

// What the answer tells of must be so when it is sent.
func TestAnAnswerThatIsNoLongerTrue(t *testing.T) {
	for name, test := range map[string]struct {
		before func(*desk)
		then   func(*desk)
	}{
		"shown again meanwhile": {func(d *desk) {}, func(d *desk) { d.resolve("c1", moderation.Restore) }},
		"never hidden": {func(d *desk) {
			d.platform.hook(func(call, _ string) error {
				if call == "hide" {
					return platforms.ErrNotPermitted
				}
				return nil
			}, nil)
		}, func(d *desk) {}},
		"gone meanwhile": {func(d *desk) {}, func(d *desk) {
			d.receive(d.remove("c1"))
			d.eventually("gone", func() bool { return d.of("c1").State == moderation.Removed })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := sit(t)
			d.tell(d.write("c1", "Bo", linked))
			test.before(d)
			if _, err := d.say("c1", func(r *moderation.Resolution) { r.Action, r.Private = moderation.Hide, true }); err != nil {
				t.Fatal(err)
			}
			d.eventually("the hide is settled", func() bool { return d.counts().Waiting == 1 })
			test.then(d)
			d.clock.move(undo)
			d.settle()
			if said := d.platform.words(); len(said) != 0 {
				t.Errorf("said %v", said)
			}
		})
	}
}

// An author is told of a deletion before it, and a message that the platform refuses holds no deletion up.
func TestToldBeforeTheDeletion(t *testing.T) {
	for name, refusal := range map[string]error{"told": nil, "refused": platforms.ErrNotPermitted, "a fault": errors.New("fault")} {
		t.Run(name, func(t *testing.T) {
			d := sit(t)
			d.tell(d.write("c1", "Bo", linked))
			d.platform.hook(func(call, _ string) error {
				if call == "private-reply" {
					return refusal
				}
				return nil
			}, nil)
			if _, err := d.say("c1", func(r *moderation.Resolution) { r.Action, r.Private = moderation.Delete, true }); err != nil {
				t.Fatal(err)
			}
			d.clock.move(undo)
			d.eventually("deleted", func() bool { return d.of("c1").State == moderation.Deleted })
			d.settle()
			if said := len(d.platform.words()); (said == 1) != (refusal == nil) {
				t.Errorf("said %d times", said)
			}
			sent := d.messages()
			if len(sent) != 1 || len(outcomesOf(sent[0])) != 1 {
				t.Fatalf("%d records", len(sent))
			}
			if o := outcomesOf(sent[0])[0]; strings.Contains(o, `"done"`) != (refusal == nil) {
				t.Errorf("the record says %s", o)
			}
			d.verify()
		})
	}
}

// An answer whose outcome was lost is said once: what we have read of our own account since tells that it arrived.
func TestAnAnswerWhoseOutcomeWasLost(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Bo", linked))
	lost := make(chan struct{}, 1)
	d.platform.hook(nil, func(call, _ string) error {
		if call != "reply" {
			return nil
		}
		// The platform's own webhook tells of our answer before the next attempt.
		own := platforms.Comment{Ref: ref("r1"), Post: "p1", Parent: "c1", Own: true, Text: "Hej! Tack.", Posted: d.clock.now()}
		if err := d.Receive(context.Background(), []platforms.Event{{Kind: platforms.Added, Comment: own, At: d.clock.now(), Via: "webhook"}}); err != nil {
			t.Error(err)
		}
		deadline := time.Now().Add(10 * time.Second)
		for heard := 0; heard == 0 && time.Now().Before(deadline); {
			if err := d.db.View(context.Background(), func(tx *store.Tx) error {
				return tx.QueryRow(`SELECT count(*) FROM comments WHERE comment_id = 'r1' AND own = 1`).Scan(&heard)
			}); err != nil {
				t.Error(err)
			}
		}
		select {
		case lost <- struct{}{}:
		default:
		}
		return errors.New("the answer was lost on its way")
	})
	if _, err := d.say("c1", func(*moderation.Resolution) {}); err != nil {
		t.Fatal(err)
	}
	d.clock.move(undo)
	<-lost
	d.settle()
	if n := d.platform.count("reply c1"); n != 1 {
		t.Errorf("said %d times", n)
	}
	sent := d.messages()
	if len(sent) != 1 || !strings.Contains(outcomesOf(sent[0])[0], `"already"`) || !strings.Contains(outcomesOf(sent[0])[0], `"comment":"r1"`) {
		t.Errorf("%d records, %v", len(sent), outcomesOf(sent[0]))
	}
}

// recalling is a platform that shows what we said.
type recalling struct{ *platform }

func (p recalling) Said(_ context.Context, ref platforms.Ref, text string) (id string, err error) {
	err = p.call("said", ref.Comment, func(*platforms.Comment) error {
		if slices.Contains(p.said, text) {
			id = "r1"
		}
		return nil
	})
	return id, err
}

// The answer arrived, and ours to it was lost; then the platform could not say whether it had. What nobody knows is still not known.
func TestAnAnswerWhoseOutcomeStaysUnknown(t *testing.T) {
	d := sit(t)
	d.stop()
	d.cfg.Adapters = map[string]moderation.Adapter{channel.ID: recalling{d.platform}}
	d.start()
	d.tell(d.write("c1", "Bo", linked))
	asked := make(chan struct{})
	var once sync.Once
	until := d.clock.now().Add(time.Hour)
	d.platform.hook(func(call, _ string) error {
		if call == "said" && d.clock.now().Before(until) {
			once.Do(func() { close(asked) })
			return &platforms.RetryAfterError{At: until, Err: errors.New("throttled")}
		}
		return nil
	}, func(call, _ string) error {
		if call == "reply" {
			return errors.New("the answer was lost on its way")
		}
		return nil
	})
	if _, err := d.say("c1", func(*moderation.Resolution) {}); err != nil {
		t.Fatal(err)
	}
	d.clock.move(undo)
	d.eventually("the platform is asked what became of the answer", func() bool {
		select {
		case <-asked:
			return true
		default:
			return false
		}
	})
	d.clock.move(2 * time.Hour)
	d.settle()
	if n := d.platform.count("reply c1"); n != 1 {
		t.Errorf("said %d times", n)
	}
	sent := d.messages()
	if len(sent) != 1 || !strings.Contains(outcomesOf(sent[0])[0], `"already"`) {
		t.Errorf("%d records, %v", len(sent), outcomesOf(sent[0]))
	}
}

func TestWhatCannotBeSaid(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Bo", linked), d.write("c2", "Eva", insult), d.write("c3", "Cia", fine))
	for name, test := range map[string]struct {
		comment string
		change  func(*moderation.Resolution)
	}{
		"nothing":                         {"c1", func(r *moderation.Resolution) { r.Reply = "" }},
		"in public under what is hidden":  {"c2", func(r *moderation.Resolution) {}},
		"in public of what is hidden now": {"c1", func(r *moderation.Resolution) { r.Action = moderation.Hide }},
		"with letting it stand":           {"c1", func(r *moderation.Resolution) { r.Action = moderation.Allow }},
		"from no template":                {"c1", func(r *moderation.Resolution) { r.Template = "tack/9" }},
		"from what is no template":        {"c1", func(r *moderation.Resolution) { r.Template = "tack" }},
		"at great length":                 {"c1", func(r *moderation.Resolution) { r.Reply = strings.Repeat("å", 2001) }},
		"what is no text":                 {"c1", func(r *moderation.Resolution) { r.Reply = "\xff" }},
		"where the platform has no private answers": {"c1", func(r *moderation.Resolution) {
			d.platform.can.PrivateReply = false
			r.Private = true
		}},
		"where the platform has no answers": {"c3", func(r *moderation.Resolution) { d.platform.can.Reply = false }},
	} {
		d.platform.can.Reply, d.platform.can.PrivateReply = true, true
		if _, err := d.say(test.comment, test.change); !errors.Is(err, moderation.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := d.counts().Waiting; n != 0 {
		t.Errorf("%d in the outbox", n)
	}
}

func TestPrivateAnswersOnceWithinAWeek(t *testing.T) {
	d := sit(t)
	old := d.write("c2", "Eva", linked)
	old.Comment.Posted = d.clock.now().Add(-8 * 24 * time.Hour)
	d.tell(d.write("c1", "Bo", linked), d.put(old.Comment, platforms.Added))
	private := func(r *moderation.Resolution) { r.Private = true }
	if _, err := d.say("c1", private); err != nil {
		t.Fatal(err)
	}
	if _, err := d.say("c1", private); !errors.Is(err, moderation.ErrInvalid) {
		t.Errorf("twice: %v", err)
	}
	if k := d.of("c2"); k.Private || k.NoPrivate != moderation.NotLate {
		t.Errorf("after a week: %v %q", k.Private, k.NoPrivate)
	}
	if _, err := d.say("c2", private); !errors.Is(err, moderation.ErrInvalid) {
		t.Errorf("after a week: %v", err)
	}
}

func TestTemplatesAreStrictAndKept(t *testing.T) {
	ctx, d := context.Background(), sit(t)
	good := moderation.Template{Name: "vantetid", Use: moderation.UseAny, Title: rules.Words{SV: "Väntetid", EN: "Waiting"},
		Text: rules.Words{SV: "Hej från {kanal}.", EN: "Hello from {kanal}."}}
	first, err := d.SaveTemplate(ctx, good, "anna")
	if err != nil || first.Version != 1 || first.By != "anna" {
		t.Fatalf("%+v %v", first, err)
	}
	if _, err := d.SaveTemplate(ctx, good, "mats"); !errors.Is(err, moderation.ErrStale) {
		t.Errorf("a colleague's version was overwritten: %v", err)
	}
	next := first
	next.Text.SV = "Hej igen från {kanal}."
	if next, err = d.SaveTemplate(ctx, next, "mats"); err != nil || next.Version != 2 {
		t.Fatalf("%+v %v", next, err)
	}
	all, err := d.TemplateVersions(ctx, "vantetid")
	if err != nil || len(all) != 2 || all[1].Text.SV != "Hej från {kanal}." || all[0].By != "mats" {
		t.Errorf("%+v %v", all, err)
	}
	for text, want := range map[string]moderation.PlaceholderError{
		"Å {reggel} finns inte": {Language: "sv", At: 3, Name: "reggel"},
		"{}":                    {Language: "sv", At: 1},
		"slut {regel":           {Language: "sv", At: 6},
		"}":                     {Language: "sv", At: 1},
		"{{regel}}":             {Language: "sv", At: 1},
		"{regel} och {Regel}":   {Language: "sv", At: 13, Name: "Regel"},
	} {
		bad := good
		bad.Name, bad.Text.SV = "felaktig", text
		_, err := d.SaveTemplate(ctx, bad, "anna")
		var wrong *moderation.PlaceholderError
		if !errors.As(err, &wrong) || wrong.Language != want.Language || wrong.At != want.At || text != "{}" && wrong.Name != want.Name || !errors.Is(err, moderation.ErrInvalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for name, change := range map[string]func(*moderation.Template){
		"no name":    func(x *moderation.Template) { x.Name = "Väntetid" },
		"no use":     func(x *moderation.Template) { x.Use = "sometimes" },
		"no English": func(x *moderation.Template) { x.Text.EN = " " },
		"too long":   func(x *moderation.Template) { x.Text.SV = strings.Repeat("a", 2001) },
	} {
		bad := good
		bad.Name = "annan"
		change(&bad)
		if _, err := d.SaveTemplate(ctx, bad, "anna"); !errors.Is(err, moderation.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every template that comes with the program can be sent as it is, within the shortest platform's limit save for the private one.
func TestTheTemplatesThatComeAlong(t *testing.T) {
	d := sit(t)
	all, err := d.Templates(context.Background())
	if err != nil || len(all) < 6 {
		t.Fatalf("%d templates: %v", len(all), err)
	}
	for _, x := range all {
		words, err := d.Preview(x)
		if err != nil || words.SV == "" || words.EN == "" || strings.Contains(words.SV, "!") && !strings.HasPrefix(words.SV, "Hej!") {
			t.Errorf("%s: %+v %v", x.ID(), words, err)
		}
		if n := len([]rune(words.SV)); x.Use != moderation.UseRemoved && n > 280 {
			t.Errorf("%s has %d characters", x.ID(), n)
		}
	}
}

func TestTheLanguageToAnswerIn(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Bo", "Why is the ticket so expensive? Please explain this to me."), d.write("c2", "Eva", "Varför är biljetten så dyr?"), d.write("c3", "Cia", "😡"))
	for id, want := range map[string]string{"c1": "en", "c2": "sv", "c3": "sv"} {
		if got := d.of(id).Language; got != want {
			t.Errorf("%s: %s", id, got)
		}
	}
}
