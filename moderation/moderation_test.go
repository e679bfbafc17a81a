package moderation_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"takhojd/archive"
	"takhojd/moderation"
	"takhojd/moderation/store"
	"takhojd/moderation/store/storetest"
	"takhojd/platforms"
	"takhojd/rules"
)

// Comments whose verdicts no policy should ever change.
const (
	fine     = "Tack för ett tydligt svar, det var bra förklarat."
	insult   = "Du är en jävla idiot"
	insult2  = "Ditt äckliga svin, du är en jävla idiot"
	linked   = "Läs mer på https://www.dn.se/sthlm/en-artikel"
	identity = "Kan ni ringa min mamma, hennes personnummer är 470612-9824"
	threat   = "Jag ska döda dig"
)

// platform is a fake platform: what it holds, what it was told, and hooks for what goes wrong.
type platform struct {
	mu       sync.Mutex
	comments map[string]platforms.Comment
	calls    []string
	blocked  []string
	said     []string
	unlisted map[string]bool // there, and not in any list
	can      platforms.Capabilities
	// before is asked before every call; an error is the platform's answer. after is asked when the call is done: an error is an answer
	// that was lost on its way.
	before, after func(call, comment string) error
}

func newPlatform() *platform {
	return &platform{comments: map[string]platforms.Comment{}, can: platforms.Capabilities{ReplyLength: 2000, PrivateReplyWindow: 7 * 24 * time.Hour, Hide: true, Delete: true, Reply: true, PrivateReply: true,
		Block: true, HideEffectSV: "Döljs", HideEffectEN: "Hidden"}}
}

func (p *platform) call(name, comment string, do func(c *platforms.Comment) error) error {
	p.mu.Lock()
	before, after := p.before, p.after
	p.mu.Unlock()
	if before != nil {
		if err := before(name, comment); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, name+" "+comment)
	c, ok := p.comments[comment]
	if !ok {
		return platforms.ErrGone
	}
	if err := do(&c); err != nil {
		return err
	}
	if c.Ref.Comment == "" {
		delete(p.comments, comment)
	} else {
		p.comments[comment] = c
	}
	if after != nil {
		return after(name, comment)
	}
	return nil
}

func (p *platform) Fetch(_ context.Context, ref platforms.Ref) (found platforms.Comment, err error) {
	err = p.call("fetch", ref.Comment, func(c *platforms.Comment) error { found = *c; return nil })
	return found, err
}

func (p *platform) FetchPost(_ context.Context, id string) (platforms.Post, error) {
	return platforms.Post{ID: id, Text: "Priset på SL-kortet höjs."}, nil
}

func (p *platform) CatchUp(ctx context.Context, since time.Time, sink func(context.Context, []platforms.Event) error) error {
	p.mu.Lock()
	var events []platforms.Event
	for id, c := range p.comments {
		if !c.Posted.Before(since) && !p.unlisted[id] {
			events = append(events, platforms.Event{Kind: platforms.Added, Comment: c, At: c.Posted, Via: "backfill"})
		}
	}
	p.mu.Unlock()
	return sink(ctx, events)
}

func (p *platform) Capabilities() platforms.Capabilities { return p.can }

func (p *platform) Hide(_ context.Context, r archive.Receipt) error {
	if !r.Valid() {
		return archive.ErrNoReceipt
	}
	return p.call("hide", r.Ref().Comment, func(c *platforms.Comment) error { c.Hidden = true; return nil })
}

func (p *platform) Delete(_ context.Context, r archive.Receipt) error {
	if !r.Valid() {
		return archive.ErrNoReceipt
	}
	return p.call("delete", r.Ref().Comment, func(c *platforms.Comment) error { c.Ref.Comment = ""; return nil })
}

func (p *platform) Unhide(_ context.Context, ref platforms.Ref) error {
	return p.call("unhide", ref.Comment, func(c *platforms.Comment) error { c.Hidden = false; return nil })
}

func (p *platform) Reply(_ context.Context, ref platforms.Ref, text string) (string, error) {
	return "r1", p.call("reply", ref.Comment, func(*platforms.Comment) error { p.said = append(p.said, text); return nil })
}

func (p *platform) PrivateReply(_ context.Context, ref platforms.Ref, text string) error {
	return p.call("private-reply", ref.Comment, func(*platforms.Comment) error { p.said = append(p.said, text); return nil })
}

// words returns what was said, in public and in private.
func (p *platform) words() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.said)
}

func (p *platform) Block(_ context.Context, a platforms.Author) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blocked = append(p.blocked, a.ID)
	return nil
}

// unlist lets a comment stand and be shown in no list.
func (p *platform) unlist(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unlisted = map[string]bool{id: true}
}

func (p *platform) hidden(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.comments[id].Hidden
}

func (p *platform) count(call string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.calls {
		if c == call {
			n++
		}
	}
	return n
}

func (p *platform) hook(before, after func(call, comment string) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before, p.after = before, after
}

// desk is a moderator at work on a fake platform.
type desk struct {
	*moderation.Moderator
	t        *testing.T
	platform *platform
	archive  *archive.Archive
	db       *store.DB
	clock    *clock
	stop     func()
	cfg      moderation.Config
}

// clock is real time, moved.
type clock struct {
	mu     sync.Mutex
	offset time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

var channel = platforms.Channel{ID: "rs-facebook", Platform: platforms.Facebook, Account: "1", Name: "Region Stockholm", ResponseTarget: time.Hour,
	HideQuota: 100}

// policy is the built-in policy: a moderator never changes it, so one serves all.
var policy = sync.OnceValues(rules.Default)

// sit starts a moderator on a database of its own.
func sit(t *testing.T, change ...func(*moderation.Config)) *desk {
	t.Helper()
	dir := t.TempDir()
	db, err := store.Open(context.Background(), storetest.Where(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	key, err := archive.NewKey("takhojd.test")
	if err != nil {
		t.Fatal(err)
	}
	a, err := archive.New(db, key)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := policy()
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, platform: newPlatform(), archive: a, db: db, clock: &clock{}}
	d.cfg = moderation.Config{DB: db, Archive: a, Policy: policy, Channels: []platforms.Channel{channel},
		Adapters: map[string]moderation.Adapter{channel.ID: d.platform}, Log: zap.NewNop(), Now: d.clock.now, PollEvery: time.Hour,
		Backoff: time.Millisecond, BackoffMax: 5 * time.Millisecond, Attempts: 4, MediaClient: moderation.LocalClient()}
	for _, f := range change {
		f(&d.cfg)
	}
	d.start()
	return d
}

// start runs a moderator, as a process that comes up on these books does.
func (d *desk) start() {
	d.t.Helper()
	m, err := moderation.New(d.cfg)
	if err != nil {
		d.t.Fatal(err)
	}
	d.Moderator = m
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := m.Run(ctx); err != nil {
			d.t.Error(err)
		}
	}()
	d.stop = sync.OnceFunc(func() { cancel(); <-done })
	d.t.Cleanup(func() { d.stop() })
}

func ref(id string) platforms.Ref {
	return platforms.Ref{Platform: platforms.Facebook, Channel: channel.ID, Comment: id}
}

// write lets a citizen write, and returns what the platform would tell of it.
func (d *desk) write(id, author, text string) platforms.Event {
	c := platforms.Comment{Ref: ref(id), Post: "p1", Author: platforms.Author{ID: "id-" + author, Name: author}, Text: text, Posted: d.clock.now(),
		Raw: []byte(`{"raw":"` + id + `"}`)}
	return d.put(c, platforms.Added)
}

func (d *desk) put(c platforms.Comment, kind platforms.EventKind) platforms.Event {
	d.platform.mu.Lock()
	defer d.platform.mu.Unlock()
	c.Hidden = d.platform.comments[c.Ref.Comment].Hidden
	d.platform.comments[c.Ref.Comment] = c
	return platforms.Event{Kind: kind, Comment: c, At: d.clock.now(), Via: "webhook"}
}

// edit lets a citizen edit; the platform tells of it a second later.
func (d *desk) edit(id, text string) platforms.Event {
	d.clock.move(time.Second)
	d.platform.mu.Lock()
	c := d.platform.comments[id]
	d.platform.mu.Unlock()
	c.Text = text
	return d.put(c, platforms.Edited)
}

func (d *desk) remove(id string) platforms.Event {
	d.platform.mu.Lock()
	defer d.platform.mu.Unlock()
	delete(d.platform.comments, id)
	return platforms.Event{Kind: platforms.Removed, Comment: platforms.Comment{Ref: ref(id)}, At: d.clock.now(), Via: "webhook"}
}

func (d *desk) tell(events ...platforms.Event) {
	d.t.Helper()
	for _, e := range events {
		if err := d.Receive(context.Background(), []platforms.Event{e}); err != nil {
			d.t.Fatal(err)
		}
	}
	d.settle()
}

// eventually waits until a condition holds.
func (d *desk) eventually(what string, holds func() bool) {
	d.t.Helper()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-deadline:
			d.t.Fatalf("never: %s", what)
		case <-time.After(time.Millisecond):
		}
	}
}

func (d *desk) counts() moderation.Counts {
	d.t.Helper()
	n, err := d.Counts(context.Background())
	if err != nil {
		d.t.Fatal(err)
	}
	return n
}

func (d *desk) settle() {
	d.t.Helper()
	d.eventually("all settled", func() bool { return d.counts().Waiting == 0 })
}

// of returns the case of a comment.
func (d *desk) of(id string) moderation.Case {
	d.t.Helper()
	var n int64
	err := d.db.View(context.Background(), func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT id FROM comments WHERE comment_id = $1`, id).Scan(&n)
	})
	if err != nil {
		d.t.Fatalf("comment %s: %v", id, err)
	}
	k, err := d.Case(context.Background(), n)
	if err != nil {
		d.t.Fatal(err)
	}
	return k
}

func (d *desk) queue() (whys []string) {
	d.t.Helper()
	items, err := d.Queue(context.Background(), moderation.Filter{})
	if err != nil {
		d.t.Fatal(err)
	}
	for _, it := range items {
		whys = append(whys, string(it.Why))
	}
	return whys
}

func (d *desk) decide(k moderation.Case, action moderation.Action) moderation.Decision {
	d.t.Helper()
	r := moderation.Resolution{Comment: k.ID, Revision: k.Revision, Action: action, By: "anna", Reason: "prövning"}
	if k.Flag != nil {
		r.Flag = k.Flag.Flag
	}
	made, err := d.Resolve(context.Background(), r)
	if err != nil {
		d.t.Fatalf("%s: %v", action, err)
	}
	return made
}

func (d *desk) records() int {
	d.t.Helper()
	n, err := d.archive.Count(context.Background(), archive.Query{})
	if err != nil {
		d.t.Fatal(err)
	}
	return n
}

func (d *desk) verify() {
	d.t.Helper()
	r, err := d.archive.Verify(context.Background(), nil)
	if err != nil || !r.OK() {
		d.t.Errorf("the archive does not verify: %v %v", err, r.Problems)
	}
}

func TestTheThreeWays(t *testing.T) {
	d := sit(t)
	d.platform.hook(func(call, comment string) error {
		if call == "hide" && d.records() == 0 {
			t.Error("hidden before it was archived")
		}
		return nil
	}, nil)
	d.tell(d.write("c1", "Anna", fine), d.write("c2", "Bo", insult), d.write("c3", "Cia", linked))
	for id, want := range map[string]struct {
		action moderation.Action
		state  moderation.State
		flag   bool
	}{"c1": {moderation.Allow, moderation.Standing, false}, "c2": {moderation.Hide, moderation.Hidden, false}, "c3": {moderation.Flag, moderation.Standing, true}} {
		k := d.of(id)
		if k.Decision == nil || k.Decision.Action != want.action || k.State != want.state || (k.Flag != nil) != want.flag {
			t.Errorf("%s: %+v, state %s, flag %v", id, k.Decision, k.State, k.Flag)
		}
		if d.platform.hidden(id) != (want.state == moderation.Hidden) {
			t.Errorf("%s: hidden on the platform: %v", id, d.platform.hidden(id))
		}
	}
	full, err := d.archive.Show(context.Background(), d.of("c2").Record)
	if err != nil {
		t.Fatal(err)
	}
	r := full.Record
	if r.Text != insult || r.Author.Name != "Bo" || string(r.Raw) != `{"raw":"c2"}` || r.Decision.By != "bot" || len(full.Entries) != 2 ||
		!slices.Contains(r.Categories, "insult") || r.Policy != d.Policy().Version() {
		t.Errorf("record %+v with %d entries", r, len(full.Entries))
	}
	if k := d.of("c3"); k.Post.Text == "" || len(k.Thread) != 3 {
		t.Errorf("the post was not read, or the thread is not whole: %+v", k.Thread)
	}
	d.verify()
}

func TestOnceOnly(t *testing.T) {
	d := sit(t)
	add := d.write("c1", "Bo", insult)
	d.tell(add, add)
	d.stop()
	d.start()
	d.tell(add, platforms.Event{Kind: platforms.Edited, Comment: add.Comment, At: add.At, Via: "webhook"}, add)
	if n := d.platform.count("hide c1"); n != 1 {
		t.Errorf("hidden %d times", n)
	}
	if k := d.of("c1"); len(k.Decisions) != 1 || d.records() != 1 {
		t.Errorf("%d decisions, %d records", len(k.Decisions), d.records())
	}
}

func TestEdits(t *testing.T) {
	t.Run("into a violation", func(t *testing.T) {
		d := sit(t)
		d.tell(d.write("c1", "Bo", fine))
		d.tell(d.edit("c1", insult))
		if !d.platform.hidden("c1") || len(d.of("c1").Decisions) != 2 {
			t.Errorf("%+v", d.of("c1").Decisions)
		}
	})
	t.Run("told before what was edited", func(t *testing.T) {
		d := sit(t)
		add := d.write("c1", "Bo", insult)
		edit := d.edit("c1", fine)
		d.tell(edit, add)
		k := d.of("c1")
		if d.platform.hidden("c1") || k.Comment.Text != fine || len(k.Decisions) != 1 {
			t.Errorf("%q, %d decisions", k.Comment.Text, len(k.Decisions))
		}
		revisions, err := d.Revisions(context.Background(), k.ID)
		if err != nil || len(revisions) != 2 {
			t.Errorf("what it said first was lost: %v %v", revisions, err)
		}
	})
	t.Run("of a hidden comment into something fine", func(t *testing.T) {
		d := sit(t)
		d.tell(d.write("c1", "Bo", insult))
		d.tell(d.edit("c1", fine))
		if q := d.queue(); !slices.Equal(q, []string{"edited"}) || !d.platform.hidden("c1") {
			t.Errorf("queue %v, hidden %v", q, d.platform.hidden("c1"))
		}
	})
	t.Run("of a flagged comment into something fine", func(t *testing.T) {
		d := sit(t)
		d.tell(d.write("c1", "Bo", linked))
		d.tell(d.edit("c1", fine))
		if q := d.queue(); len(q) != 0 {
			t.Errorf("it still waits for a person: %v", q)
		}
	})
	t.Run("of a threat into something fine", func(t *testing.T) {
		d := sit(t)
		d.tell(d.write("c1", "Bo", threat))
		d.tell(d.edit("c1", fine))
		if q := d.queue(); !slices.Equal(q, []string{"escalation"}) {
			t.Errorf("the escalation was lost: %v", q)
		}
	})
	t.Run("between judging and hiding", func(t *testing.T) {
		d := sit(t)
		add := d.write("c1", "Bo", insult)
		d.edit("c1", fine) // and the platform has not told yet
		d.tell(add)
		k := d.of("c1")
		if d.platform.count("hide c1") != 0 || k.Comment.Text != fine || k.State != moderation.Standing {
			t.Errorf("%q is %s", k.Comment.Text, k.State)
		}
	})
	t.Run("back to what was decided", func(t *testing.T) {
		d := sit(t)
		d.tell(d.write("c1", "Bo", insult))
		d.tell(d.edit("c1", insult2))
		d.tell(d.edit("c1", insult))
		if k := d.of("c1"); k.Comment.Text != insult || k.State != moderation.Hidden || len(k.Decisions) != 2 {
			t.Errorf("%+v", k.Decisions)
		}
	})
}

func TestTheAuthorRemoves(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Bo", fine), d.write("c2", "Bo", linked), d.write("c3", "Bo", threat))
	d.tell(d.remove("c1"), d.remove("c2"), d.remove("c3"))
	for _, id := range []string{"c1", "c2", "c3"} {
		if k := d.of(id); k.State != moderation.Removed || k.Record == "" {
			t.Errorf("%s: %s, record %q", id, k.State, k.Record)
		}
	}
	if q := d.queue(); !slices.Equal(q, []string{"escalation"}) {
		t.Errorf("queue %v: only the threat still needs somebody", q)
	}
	// The removal may be told before the comment.
	add := d.write("c4", "Bo", insult)
	d.tell(d.remove("c4"), add)
	if k := d.of("c4"); k.State != moderation.Removed || k.Comment.Text != insult || d.platform.count("hide c4") != 0 {
		t.Errorf("%+v", k)
	}
	d.verify()
}

func TestHiddenElsewhere(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Bo", linked))
	hide := platforms.Event{Kind: platforms.Hidden, Comment: platforms.Comment{Ref: ref("c1")}, At: d.clock.now(), Via: "webhook"}
	d.tell(hide, hide)
	k := d.of("c1")
	if k.State != moderation.Hidden || k.Record == "" || k.Flag != nil || k.Decision.ByKind != "platform" || len(k.Decisions) != 2 {
		t.Errorf("%+v", k)
	}
	// What we hid ourselves comes back as an echo, and is no colleague's decision.
	d.tell(d.write("c2", "Bo", insult))
	hide.Comment.Ref = ref("c2")
	d.tell(hide)
	if k := d.of("c2"); len(k.Decisions) != 1 {
		t.Errorf("%+v", k.Decisions)
	}
}

func TestOwnCommentsAreLeftAlone(t *testing.T) {
	d := sit(t)
	c := platforms.Comment{Ref: ref("c1"), Post: "p1", Author: platforms.Author{ID: "1", Name: "Region Stockholm"}, Own: true, Text: insult, Posted: d.clock.now()}
	d.tell(d.put(c, platforms.Added))
	if k := d.of("c1"); k.Decision != nil || d.platform.count("hide c1") != 0 {
		t.Errorf("%+v", k.Decision)
	}
}

func TestThirdViolationSuggestsABlock(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Bo", insult), d.write("c2", "Bo", insult2))
	if q := d.queue(); len(q) != 0 {
		t.Fatalf("after two: %v", q)
	}
	d.tell(d.write("c3", "Bo", "Håll käften, ditt jävla pucko"))
	if q := d.queue(); !slices.Equal(q, []string{"block"}) {
		t.Fatalf("after three: %v", q)
	}
	k := d.of("c3")
	if k.Strikes != 3 {
		t.Errorf("%d strikes", k.Strikes)
	}
	made := d.decide(k, moderation.Block)
	d.clock.move(11 * time.Second)
	d.settle()
	if !slices.Equal(d.platform.blocked, []string{"id-Bo"}) || made.Record == "" {
		t.Errorf("blocked %v", d.platform.blocked)
	}
	if k.Blocked || !d.of("c1").Blocked {
		t.Error("the author's other comments do not tell that the account is blocked")
	}
	// Violations that were overturned, or are too old, count no more.
	d.tell(d.write("e1", "Eva", insult), d.write("e2", "Eva", insult2))
	d.decide(d.of("e1"), moderation.Restore)
	d.settle()
	d.tell(d.write("e3", "Eva", "Håll käften, ditt jävla pucko"))
	if q := d.queue(); len(q) != 0 {
		t.Errorf("an overturned violation counts: %v", q)
	}
}

func TestEscalationLeadsTheQueue(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Bo", linked), d.write("c2", "Cia", threat), d.write("c3", "Dan", linked))
	if q := d.queue(); !slices.Equal(q, []string{"escalation", "doubt", "doubt"}) {
		t.Fatalf("queue %v", q)
	}
	k := d.of("c2")
	if k.State != moderation.Hidden || !k.Verdict.Escalate {
		t.Errorf("%+v", k.Verdict)
	}
	var b bytes.Buffer
	if err := d.Bundle(context.Background(), k.ID, &b); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	for _, want := range []string{"anmalan.html", "plattformens-original.json", "handling.json", "bevis.json", "SHA256SUMS.txt"} {
		if !slices.Contains(names, want) {
			t.Errorf("the bundle lacks %s: %v", want, names)
		}
	}
	if err := d.Bundle(context.Background(), d.of("c1").ID, &b); !errors.Is(err, moderation.ErrInvalid) {
		t.Errorf("a bundle without a record: %v", err)
	}
}

func TestHideQuota(t *testing.T) {
	d := sit(t, func(c *moderation.Config) { c.Channels = []platforms.Channel{channel}; c.Channels[0].HideQuota = 2 })
	for i, text := range []string{insult, "Håll käften, ditt jävla pucko", "Ni är ett gäng jävla as"} {
		d.tell(d.write(fmt.Sprint("c", i), fmt.Sprint("författare", i), text))
	}
	if q := d.queue(); !slices.Equal(q, []string{"quota"}) || d.platform.hidden("c2") {
		t.Fatalf("queue %v", q)
	}
	d.clock.move(24 * time.Hour)
	d.tell(d.write("c9", "Eva", insult2))
	if !d.platform.hidden("c9") {
		t.Error("the next day has a quota of its own")
	}
}

func TestWhatThePlatformAnswers(t *testing.T) {
	fault := errors.New("HTTP 500")
	once := func(call string, err error) func(string, string) error {
		var mu sync.Mutex
		done := false
		return func(c, _ string) error {
			mu.Lock()
			defer mu.Unlock()
			if c == call && !done {
				done = true
				return err
			}
			return nil
		}
	}
	t.Run("a fault is tried again", func(t *testing.T) {
		d := sit(t)
		d.platform.hook(once("hide", fault), nil)
		d.tell(d.write("c1", "Bo", insult))
		if d.of("c1").State != moderation.Hidden {
			t.Error("not hidden")
		}
	})
	t.Run("done, but the answer is lost", func(t *testing.T) {
		d := sit(t)
		d.platform.hook(nil, once("hide", fault))
		d.tell(d.write("c1", "Bo", insult))
		if k := d.of("c1"); k.State != moderation.Hidden || d.platform.count("hide c1") != 1 {
			t.Errorf("%s after %d hides", k.State, d.platform.count("hide c1"))
		}
	})
	t.Run("throttled", func(t *testing.T) {
		d := sit(t)
		at := d.clock.now().Add(time.Hour)
		d.platform.hook(once("hide", &platforms.RetryAfterError{At: at, Err: fault}), nil)
		if err := d.Receive(context.Background(), []platforms.Event{d.write("c1", "Bo", insult)}); err != nil {
			t.Fatal(err)
		}
		d.eventually("it waits until then", func() bool {
			w, err := d.Waiting(context.Background(), 10)
			return err == nil && len(w) == 1 && w[0].NotBefore.Sub(at).Abs() < time.Second
		})
		d.clock.move(time.Hour + time.Second)
		d.settle()
		if d.of("c1").State != moderation.Hidden {
			t.Error("not hidden when the time had come")
		}
	})
	t.Run("the token is dead, and renewed", func(t *testing.T) {
		d := sit(t)
		var mu sync.Mutex
		dead, asked := true, 0
		d.platform.hook(func(call, _ string) error {
			mu.Lock()
			defer mu.Unlock()
			if dead && call != "catchup" {
				asked++
				return platforms.ErrTokenDead
			}
			return nil
		}, nil)
		if err := d.Receive(context.Background(), []platforms.Event{d.write("c1", "Bo", insult)}); err != nil {
			t.Fatal(err)
		}
		d.eventually("asked more often than a fault would be borne", func() bool { mu.Lock(); defer mu.Unlock(); return asked > 2*d.cfg.Attempts })
		if n := d.counts(); n.Dead != 0 {
			t.Errorf("%d dead letters", n.Dead)
		}
		mu.Lock()
		dead = false
		mu.Unlock()
		d.settle()
		if d.of("c1").State != moderation.Hidden {
			t.Error("not hidden with the new token")
		}
	})
	t.Run("not permitted", func(t *testing.T) {
		d := sit(t)
		d.platform.hook(once("hide", platforms.ErrNotPermitted), nil)
		d.tell(d.write("c1", "Bo", insult))
		letters, err := d.DeadLetters(context.Background())
		if err != nil || len(letters) != 1 || letters[0].Action != "hide" || !slices.Equal(d.queue(), []string{"failed"}) {
			t.Fatalf("%v %+v, queue %v", err, letters, d.queue())
		}
		if err := d.Retry(context.Background(), "outbox", letters[0].ID, "anna"); err != nil {
			t.Fatal(err)
		}
		d.settle()
		if d.of("c1").State != moderation.Hidden {
			t.Error("not hidden when tried again")
		}
		if q := d.queue(); len(q) != 0 {
			t.Errorf("done, and still in the queue: %v", q)
		}
	})
	t.Run("not permitted, and something else to be asked", func(t *testing.T) {
		d := sit(t)
		d.tell(d.write("c1", "Bo", insult), d.write("c2", "Bo", insult2))
		d.platform.hook(once("hide", platforms.ErrNotPermitted), nil)
		d.tell(d.write("c3", "Bo", "Håll käften, din jävla idiot"))
		letters, err := d.DeadLetters(context.Background())
		if err != nil || len(letters) != 1 || !slices.Equal(d.queue(), []string{"failed"}) {
			t.Fatalf("%v %+v, queue %v", err, letters, d.queue())
		}
		if err := d.Retry(context.Background(), "outbox", letters[0].ID, "anna"); err != nil {
			t.Fatal(err)
		}
		d.settle()
		if q := d.queue(); !slices.Equal(q, []string{"block"}) {
			t.Errorf("the question whether to block is lost: %v", q)
		}
	})
	t.Run("a fault that stays", func(t *testing.T) {
		d := sit(t)
		d.platform.hook(func(call, _ string) error {
			if call == "hide" {
				return fault
			}
			return nil
		}, nil)
		d.tell(d.write("c1", "Bo", insult))
		if n := d.counts(); n.Dead != 1 || !slices.Equal(d.queue(), []string{"failed"}) {
			t.Errorf("%+v, queue %v", n, d.queue())
		}
	})
	t.Run("gone", func(t *testing.T) {
		d := sit(t)
		add := d.write("c1", "Bo", insult)
		d.remove("c1")
		d.tell(add)
		if k := d.of("c1"); k.State != moderation.Removed || k.Record == "" || d.counts().Dead != 0 {
			t.Errorf("%+v", k)
		}
	})
}

func TestPicturesAreKeptBeforeTheHide(t *testing.T) {
	png := []byte("\x89PNG\r\n\x1a\nnot much of a picture")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/there" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(png)
	}))
	defer server.Close()
	d := sit(t)
	var kept int
	d.platform.hook(func(call, _ string) error {
		if call == "hide" {
			r, err := d.archive.Verify(context.Background(), nil)
			kept = int(r.Media)
			return err
		}
		return nil
	}, nil)
	e := d.write("c1", "Bo", insult)
	e.Comment.Attachments = []platforms.Attachment{{Kind: "photo", URL: server.URL + "/there"}, {Kind: "photo", URL: server.URL + "/lost"}}
	d.put(e.Comment, platforms.Added)
	d.tell(e)
	if kept != 1 {
		t.Errorf("%d pictures were kept before the hide", kept)
	}
	k := d.of("c1")
	if len(k.Media) != 2 || k.Media[0].Type != "image/png" || k.Media[1].Error == "" {
		t.Fatalf("%+v", k.Media)
	}
	if _, content, err := d.Media(context.Background(), k.Media[0].SHA256); err != nil || !bytes.Equal(content, png) {
		t.Errorf("%v", err)
	}
	full, err := d.archive.Show(context.Background(), k.Record)
	if err != nil || full.Entries[1].Kind != archive.KindMedia || !strings.Contains(string(full.Entries[1].Body), "404") {
		t.Errorf("the record does not say what could not be had: %v", err)
	}
	d.verify()
}

func TestPeopleDecide(t *testing.T) {
	ctx := context.Background()
	t.Run("hide, and undo", func(t *testing.T) {
		d := sit(t)
		d.tell(d.write("c1", "Bo", linked))
		made := d.decide(d.of("c1"), moderation.Hide)
		d.settle()
		if !d.platform.hidden("c1") || len(d.queue()) != 0 || made.Record == "" {
			t.Fatal("not hidden")
		}
		if err := d.Undo(ctx, made.ID, "bea"); !errors.Is(err, moderation.ErrTooLate) {
			t.Errorf("somebody else's decision: %v", err)
		}
		if err := d.Undo(ctx, made.ID, "anna"); err != nil {
			t.Fatal(err)
		}
		d.settle()
		if d.platform.hidden("c1") || len(d.queue()) != 1 || d.of("c1").Flag.ClaimedBy != "anna" {
			t.Errorf("not undone: %v", d.queue())
		}
		d.verify()
	})
	t.Run("delete waits as long as it can be undone", func(t *testing.T) {
		d := sit(t)
		d.tell(d.write("c1", "Bo", linked))
		made := d.decide(d.of("c1"), moderation.Delete)
		if err := d.Undo(ctx, made.ID, "anna"); err != nil {
			t.Fatal(err)
		}
		d.clock.move(time.Minute)
		d.settle()
		if d.platform.count("delete c1") != 0 {
			t.Error("deleted though undone")
		}
		made = d.decide(d.of("c1"), moderation.Delete)
		d.clock.move(11 * time.Second)
		d.settle()
		if d.platform.count("delete c1") != 1 || d.of("c1").State != moderation.Deleted {
			t.Error("not deleted")
		}
		if err := d.Undo(ctx, made.ID, "anna"); !errors.Is(err, moderation.ErrTooLate) {
			t.Errorf("undo after the window: %v", err)
		}
		// The platform's own word of our deletion changes nothing.
		d.tell(platforms.Event{Kind: platforms.Removed, Comment: platforms.Comment{Ref: ref("c1")}, At: d.clock.now(), Via: "webhook"})
		if d.of("c1").State != moderation.Deleted {
			t.Errorf("%s", d.of("c1").State)
		}
	})
	t.Run("restore what the bot hid", func(t *testing.T) {
		d := sit(t)
		d.tell(d.write("c1", "Bo", insult))
		hidden, err := d.BotHidden(ctx, 10)
		if err != nil || len(hidden) != 1 {
			t.Fatalf("%v %v", hidden, err)
		}
		d.decide(d.of("c1"), moderation.Restore)
		d.settle()
		if hidden, _ = d.BotHidden(ctx, 10); d.platform.hidden("c1") || len(hidden) != 0 {
			t.Error("not restored")
		}
	})
	t.Run("uphold what the bot hid", func(t *testing.T) {
		d := sit(t)
		d.tell(d.write("c1", "Bo", insult))
		d.decide(d.of("c1"), moderation.Hide)
		d.settle()
		hidden, err := d.BotHidden(ctx, 10)
		if err != nil || len(hidden) != 0 || d.platform.count("hide c1") != 1 || d.records() != 1 {
			t.Errorf("%v %v: %d hides, %d records", hidden, err, d.platform.count("hide c1"), d.records())
		}
	})
	t.Run("escalate keeps it as evidence", func(t *testing.T) {
		d := sit(t)
		d.tell(d.write("c1", "Bo", linked), d.write("c2", "Bo", "https://www.aftonbladet.se/en-annan-artikel"))
		d.decide(d.of("c1"), moderation.Escalate)
		if k := d.of("c1"); k.Record == "" || k.Flag == nil || k.Flag.Why != moderation.Escalation || d.queue()[0] != "escalation" {
			t.Errorf("%+v", k.Flag)
		}
	})
	t.Run("a second opinion leaves it to a colleague", func(t *testing.T) {
		d := sit(t)
		d.tell(d.write("c1", "Bo", linked))
		k := d.of("c1")
		if err := d.Claim(ctx, k.Flag.Flag, "anna"); err != nil {
			t.Fatal(err)
		}
		d.decide(k, moderation.Opinion)
		if k = d.of("c1"); k.Flag == nil || k.Flag.Why != moderation.OpinionWhy || k.Flag.ClaimedBy != "" || k.State != moderation.Standing {
			t.Fatalf("%+v", k.Flag)
		}
		d.letStand(k, "bea")
		if len(d.queue()) != 0 {
			t.Error("still queued")
		}
	})
	t.Run("refer, with an answer", func(t *testing.T) {
		d := sit(t)
		d.tell(d.write("c1", "Bo", linked))
		k := d.of("c1")
		_, err := d.Resolve(ctx, moderation.Resolution{Comment: k.ID, Revision: k.Revision, Flag: k.Flag.Flag, Action: moderation.Route, By: "anna",
			Route: rules.Medical, Reply: "Ring 1177."})
		if err != nil {
			t.Fatal(err)
		}
		d.clock.move(11 * time.Second)
		d.settle()
		if d.platform.count("reply c1") != 1 || len(d.queue()) != 0 {
			t.Error("not answered")
		}
	})
	t.Run("what can't be", func(t *testing.T) {
		d := sit(t)
		d.tell(d.write("c1", "Bo", linked))
		k := d.of("c1")
		for name, c := range map[string]struct {
			r    moderation.Resolution
			want error
		}{
			"no such comment":   {moderation.Resolution{Comment: 99, Action: moderation.Hide, By: "anna"}, moderation.ErrNotFound},
			"nobody":            {moderation.Resolution{Comment: k.ID, Revision: k.Revision, Action: moderation.Hide}, moderation.ErrInvalid},
			"flag is the bot's": {moderation.Resolution{Comment: k.ID, Revision: k.Revision, Action: moderation.Flag, By: "anna"}, moderation.ErrInvalid},
			"not hidden":        {moderation.Resolution{Comment: k.ID, Revision: k.Revision, Action: moderation.Restore, By: "anna"}, moderation.ErrInvalid},
			"it says otherwise": {moderation.Resolution{Comment: k.ID, Revision: "0", Action: moderation.Hide, By: "anna"}, moderation.ErrStale},
			"another flag":      {moderation.Resolution{Comment: k.ID, Revision: k.Revision, Action: moderation.Route, By: "anna"}, moderation.ErrInvalid},
			"a long reason": {moderation.Resolution{Comment: k.ID, Revision: k.Revision, Action: moderation.Hide, By: "anna",
				Reason: strings.Repeat("å", 2001)}, moderation.ErrInvalid},
		} {
			if _, err := d.Resolve(ctx, c.r); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
	})
}

func TestTwoPeopleNeverDecideTheSame(t *testing.T) {
	ctx, d := context.Background(), sit(t)
	d.tell(d.write("c1", "Bo", linked))
	k := d.of("c1")
	if err := errors.Join(d.Claim(ctx, k.Flag.Flag, "anna"), d.Claim(ctx, k.Flag.Flag, "anna")); err != nil {
		t.Fatal(err)
	}
	var claimed *moderation.ClaimedError
	if err := d.Claim(ctx, k.Flag.Flag, "bea"); !errors.As(err, &claimed) || claimed.By != "anna" {
		t.Errorf("claim: %v", err)
	}
	r := moderation.Resolution{Comment: k.ID, Revision: k.Revision, Flag: k.Flag.Flag, Action: moderation.Allow, By: "bea"}
	if _, err := d.Resolve(ctx, r); !errors.Is(err, moderation.ErrClaimed) {
		t.Errorf("resolve: %v", err)
	}
	r.Flag = 0 // by another door
	if _, err := d.Resolve(ctx, r); !errors.Is(err, moderation.ErrClaimed) {
		t.Errorf("resolve without naming the flag: %v", err)
	}
	d.clock.move(3 * time.Minute)
	if err := d.Claim(ctx, k.Flag.Flag, "bea"); err != nil {
		t.Errorf("after it lapsed: %v", err)
	}
	d.letStand(k, "bea")
	r.Flag, r.By = k.Flag.Flag, "anna"
	if _, err := d.Resolve(ctx, r); !errors.Is(err, moderation.ErrStale) {
		t.Errorf("after a colleague decided: %v", err)
	}
}

func (d *desk) letStand(k moderation.Case, by string) {
	d.t.Helper()
	if _, err := d.Resolve(context.Background(), moderation.Resolution{Comment: k.ID, Revision: k.Revision, Flag: k.Flag.Flag, Action: moderation.Allow,
		By: by}); err != nil {
		d.t.Fatal(err)
	}
}

func TestADayDown(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Anna", fine))
	d.stop()
	d.write("c2", "Bo", insult)
	d.write("c3", "Cia", "När öppnar vårdcentralen i morgon?")
	d.edit("c1", insult2)
	d.clock.move(24 * time.Hour)
	d.start()
	d.eventually("what was missed is hidden", func() bool { return d.platform.hidden("c2") && d.platform.hidden("c1") })
	d.settle()
	if k := d.of("c3"); k.Decision == nil || k.Decision.Action != moderation.Allow {
		t.Errorf("%+v", k.Decision)
	}
}

// What its author removed while nobody told us is found by reading the channel; what only did not come is not taken for gone.
func TestRemovedWhileDown(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Anna", linked))
	d.tell(d.write("c2", "Bo", fine))
	d.tell(d.write("c3", "Cia", fine))
	d.stop()
	d.remove("c1")
	d.platform.unlist("c3")
	d.start()
	d.eventually("the removal is seen", func() bool { return d.of("c1").State == moderation.Removed })
	d.settle()
	if k := d.of("c1"); k.Flag != nil || k.StateBy != "platform" {
		t.Errorf("%+v", k)
	}
	for _, id := range []string{"c2", "c3"} {
		if k := d.of(id); k.State != moderation.Standing {
			t.Errorf("%s: %s", id, k.State)
		}
	}
}

func TestRepetition(t *testing.T) {
	d := sit(t)
	const text = "Stoppa nedskärningarna i vården, skriv under nu, vi är många som kräver det"
	for i := range 4 {
		d.tell(d.write(fmt.Sprint("c", i), "Bo", text))
	}
	if d.platform.hidden("c0") || !d.platform.hidden("c3") {
		t.Errorf("first hidden: %v, fourth hidden: %v", d.platform.hidden("c0"), d.platform.hidden("c3"))
	}
	similar := func(of string, want int) {
		t.Helper()
		if k := d.of(of); k.SimilarTotal != want {
			t.Errorf("%d comments say the same as %s, want %d", k.SimilarTotal, of, want)
		}
	}
	similar("c0", 3)
	similar("c3", 3)
	d.tell(d.edit("c1", "Tack för ett tydligt svar, det var bra förklarat."))
	similar("c1", 0)
	similar("c2", 2)
	d.tell(d.edit("c1", text)) // and back
	similar("c2", 3)
	d.tell(d.edit("c1", "Tack"))
	d.stop()
	d.start() // what was said is read anew
	d.tell(d.write("c4", "Cia", text), d.write("c5", "Cia", "Tack för ett tydligt svar, det var bra förklarat."))
	similar("c4", 3)
	similar("c5", 0)
}

func TestIncompleteEventsAreRead(t *testing.T) {
	d := sit(t)
	e := d.write("c1", "Bo", insult)
	e.Comment.Author, e.Comment.Text, e.Incomplete = platforms.Author{}, "", true
	d.tell(e)
	if k := d.of("c1"); k.Comment.Author.Name != "Bo" || k.State != moderation.Hidden {
		t.Errorf("%+v", k.Comment)
	}
}

func TestStrangeInput(t *testing.T) {
	d := sit(t)
	for i, text := range []string{"", "\x00", strings.Repeat("å", 60000), strings.Repeat("du är en idiot ", 4000), "\ufffd\u202e\u200b", "' OR 1=1 --",
		"😀😀😀", string([]byte{0xff, 0xfe})} {
		d.tell(d.write(fmt.Sprint("c", i), "Bo", text))
		if k := d.of(fmt.Sprint("c", i)); k.Decision == nil {
			t.Errorf("%d was not decided", i)
		}
	}
	d.tell(platforms.Event{}, platforms.Event{Kind: "strange", Comment: platforms.Comment{Ref: ref("x")}},
		platforms.Event{Kind: platforms.Added, Comment: platforms.Comment{Ref: platforms.Ref{Platform: "facebook", Channel: "nobody's", Comment: "1"}}})
	if n := d.counts(); n.Dead != 0 {
		t.Errorf("%d dead letters", n.Dead)
	}
	d.verify()
}

func TestFigures(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Anna", fine), d.write("c2", "Bo", insult), d.write("c3", "Cia", linked), d.write("c4", "Dan", "nakenbilder på min sida, länk i bio"))
	d.decide(d.of("c2"), moderation.Restore)
	d.decide(d.of("c3"), moderation.Hide)
	d.settle()
	now := d.clock.now()
	f, err := d.Figures(context.Background(), now.Add(-48*time.Hour), now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	var sum moderation.DayFigures
	for _, day := range f.Days {
		sum.Comments += day.Comments
		sum.Allowed += day.Allowed
		sum.Flagged += day.Flagged
		sum.Hidden += day.Hidden
	}
	if sum.Comments != 4 || sum.Allowed != 1 || sum.Flagged != 1 || sum.Hidden != 3 || f.Flags != 1 || f.FlagsClosed != 1 {
		t.Errorf("%+v %+v", sum, f)
	}
	overturned := 0
	for _, c := range f.Categories {
		overturned += c.Overturned
	}
	if overturned != 1 || f.HideMedian <= 0 {
		t.Errorf("%d overturned, median %s", overturned, f.HideMedian)
	}
}
