package platformtest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"takhojd/archive"
	"takhojd/moderation/store"
	"takhojd/platforms"
)

// Adapter is what [Conform] needs of an adapter: what moderation does. An adapter that can also listen, mute, report, close a post or
// check itself has the methods of moderation's Listener, Muter, Reporter, Closer or Checker; Conform finds them.
type Adapter interface {
	Fetch(context.Context, platforms.Ref) (platforms.Comment, error)
	FetchPost(context.Context, string) (platforms.Post, error)
	CatchUp(context.Context, time.Time, func(context.Context, []platforms.Event) error) error
	Capabilities() platforms.Capabilities
	Hide(context.Context, archive.Receipt) error
	Delete(context.Context, archive.Receipt) error
	Unhide(context.Context, platforms.Ref) error
	Reply(context.Context, platforms.Ref, string) (string, error)
	PrivateReply(context.Context, platforms.Ref, string) error
	Block(context.Context, platforms.Author) error
}

type (
	listener interface {
		Listen(context.Context, func(context.Context, []platforms.Event) error) error
	}
	muter interface {
		Mute(context.Context, platforms.Author) error
	}
	reporter interface {
		Report(ctx context.Context, ref platforms.Ref, reason, text string) error
	}
	closer interface {
		CloseComments(ctx context.Context, post string, closed bool) error
	}
	checker interface {
		Check(context.Context) []platforms.Check
	}
)

// Subject is an adapter to be proven, and what the suite must know of its platform. Where an adapter hears in two ways, as by webhook and
// by stream, it is two subjects.
type Subject struct {
	// Options is the simulated platform, with at least Account and Stranger among its accounts. Faults and the webhook's address are the
	// suite's to set.
	Options Options
	// Account is the account that the adapter acts for. Stranger is another on the same platform.
	Account, Stranger Account
	// Citizen writes the comments. The id has the platform's shape; "" is 1001, Anna Andersson.
	Citizen platforms.Author
	// New makes an adapter for the channel, whose Account is Account's id, with the tokens of account. These are not always valid ones.
	New func(t testing.TB, s *Server, channel platforms.Channel, account Account) Adapter
	// Webhook makes the handler that the platform delivers to; nil where the adapter listens, or only catches up.
	Webhook func(t testing.TB, s *Server, channel platforms.Channel, sink func(context.Context, []platforms.Event) error) http.Handler
	// Pushes are the kinds of event that the adapter hears of by itself, by webhook or by listening. The others it must find when it
	// catches up; a removal, when it fetches.
	Pushes []platforms.EventKind
	// Final is true where nobody can edit a comment. NoPictures is true where a comment holds only text.
	Final, NoPictures bool
	// HidesUnseen is true where the platform takes the hide of a comment that was removed a moment before.
	HidesUnseen bool
}

// conformChannel is the channel that every subject is.
const conformChannel = "conformance"

// patience is how long anything may take to come about.
const patience = 20 * time.Second

// Conform proves an adapter on the simulated platform: that it hears everything once, acts on the right comment and no other, is
// refused in the words of package platforms, and loses nothing to faults. What the platform cannot do, as Capabilities says, must be
// refused with platforms.ErrUnsupported and without a call.
func Conform(t *testing.T, subject Subject) {
	if subject.Citizen.ID == "" {
		subject.Citizen = platforms.Author{ID: "1001", Name: "Anna Andersson"}
	}
	for _, group := range []struct {
		name  string
		tests []conformTest
	}{{"in", conformIn}, {"out", conformOut}, {"faults", conformFaults}} {
		t.Run(group.name, func(t *testing.T) {
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) { test.run(newSite(t, subject)) })
			}
		})
	}
}

type conformTest struct {
	name string
	run  func(*site)
}

// site is one simulated platform, with one post of the account's and the adapter under test.
type site struct {
	*testing.T
	*Server
	subject Subject
	channel platforms.Channel
	adapter Adapter
	post    Post
	heard   *heard
	start   time.Time
	// db and books hold the records that receipts are for; nil until one is asked for.
	db    *store.DB
	books *archive.Archive
}

func newSite(t *testing.T, subject Subject) *site {
	opts := subject.Options
	opts.Faults, opts.WebhookURL = Faults{}, ""
	server, err := Start(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	s := &site{T: t, Server: server, subject: subject, start: time.Now(),
		channel: platforms.Channel{ID: conformChannel, Platform: subject.Account.Platform, Account: subject.Account.ID, Name: subject.Account.Name},
		heard:   newHeard()}
	s.adapter = s.another(subject.Account)
	s.post = s.publish("Budget 2027", time.Time{})
	return s
}

// another makes one more adapter for the channel, with account's tokens.
func (s *site) another(account Account) Adapter {
	s.Helper()
	return s.subject.New(s, s.Server, s.channel, account)
}

func (s *site) publish(text string, at time.Time) Post {
	s.Helper()
	post, err := s.AddPost(Post{Account: s.subject.Account.ID, Text: text, Posted: at})
	if err != nil {
		s.Fatal(err)
	}
	return post
}

// write lets the citizen write under the post.
func (s *site) write(c Comment) Comment {
	s.Helper()
	if c.Post == "" {
		c.Post = s.post.ID
	}
	if c.AuthorID == "" {
		c.AuthorID, c.Author = s.subject.Citizen.ID, s.subject.Citizen.Name
	}
	made, err := s.AddComment(c)
	if err != nil {
		s.Fatal(err)
	}
	return made
}

func (s *site) say(text string) Comment { s.Helper(); return s.write(Comment{Text: text}) }

// must fails the test on an error.
func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *site) faults(f Faults) { s.Helper(); s.must(s.SetFaults(f)) }

// there is how the platform holds a comment.
func (s *site) there(id string) CommentState {
	s.Helper()
	c, ok := s.State().Comment(id)
	if !ok {
		s.Fatalf("the platform has no comment %s", id)
	}
	return c
}

// calls is how many calls the platform has received.
func (s *site) calls() int { return len(s.State().Calls) }

func (s *site) ref(comment string) platforms.Ref {
	return platforms.Ref{Platform: s.channel.Platform, Channel: s.channel.ID, Comment: comment}
}

// soon ends before the test's patience does.
func (s *site) soon() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s.Cleanup(cancel)
	return ctx
}

// receipt keeps a record of the comment, and gives the archive's receipt for it.
func (s *site) receipt(ref platforms.Ref) archive.Receipt {
	s.Helper()
	ctx := s.soon()
	if s.books == nil {
		db, err := store.Open(ctx, filepath.Join(s.TempDir(), "takhojd.db"))
		s.must(err)
		s.Cleanup(func() { _ = db.Close() })
		key, err := archive.NewKey("takhojd.test")
		s.must(err)
		s.db = db
		s.books, err = archive.New(db, key)
		s.must(err)
	}
	var id string
	s.must(s.db.Update(ctx, func(tx *store.Tx) (err error) {
		id, err = s.books.Append(tx, archive.Record{Ref: ref, Revision: platforms.Comment{}.Revision(), Posted: s.start, Received: s.start,
			Raw: []byte("{}"), Decision: archive.Decision{ID: 1, Action: "hide", By: "bot", At: s.start}})
		return err
	}))
	receipt, err := s.books.Receipt(ctx, id)
	s.must(err)
	return receipt
}

// discreet checks that an error can be logged: no secret, no comment's text, no address.
func (s *site) discreet(err error) {
	s.Helper()
	if err == nil {
		return
	}
	secrets := []string{s.subject.Account.Token, s.Server.opts.AppSecret, s.subject.Citizen.Name, "http://", conformSecret}
	for _, c := range s.State().Comments {
		if len(c.Text) > 3 {
			secrets = append(secrets, c.Text)
		}
	}
	for _, secret := range secrets {
		if secret != "" && strings.Contains(err.Error(), secret) {
			s.Errorf("an error tells what it must not: %q", err)
		}
	}
}

// conformSecret is what replies say: a text that must stand in no error.
const conformSecret = "Ett svar som ingen logg får se."

// hook lets the platform deliver to the adapter's webhook, if it has one, and lets the adapter listen, if it does.
func (s *site) hook() {
	s.Helper()
	if s.subject.Webhook != nil {
		s.deliverTo(s.take)
		if err := s.Handshake(s.soon(), s.channel.Platform); err != nil {
			s.Fatal(err)
		}
	}
	if l, ok := s.adapter.(listener); ok {
		s.listen(l)
	}
}

// deliverTo lets the platform deliver to the adapter's webhook, and that to sink.
func (s *site) deliverTo(sink func(context.Context, []platforms.Event) error) {
	s.Helper()
	server := httptest.NewServer(s.subject.Webhook(s, s.Server, s.channel, sink))
	s.Cleanup(server.Close)
	s.SetWebhookURL(server.URL)
}

// listen lets the adapter listen until the test ends. Where nothing else tells of comments it waits until one is heard.
func (s *site) listen(l listener) {
	s.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Listen(ctx, s.take) }()
	s.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil && !errors.Is(err, context.Canceled) {
				s.Errorf("listening ended with %v", err)
			}
		case <-time.After(patience):
			s.Error("listening did not end when it was told to")
		}
	})
	for deadline := time.Now().Add(patience); s.subject.Webhook == nil && s.pushes(platforms.Added); {
		c := s.say("Hörs det här?")
		if s.heard.within(time.Second, func() bool { return s.heard.knows(c.ID) }) {
			return
		}
		if time.Now().After(deadline) {
			s.Fatal("nothing is heard by listening")
		}
	}
}

func (s *site) pushes(kind platforms.EventKind) bool { return slices.Contains(s.subject.Pushes, kind) }

// delivers tells whether the webhook alone tells of such things.
func (s *site) delivers(kind platforms.EventKind) bool {
	_, listens := s.adapter.(listener)
	return s.pushes(kind) && s.subject.Webhook != nil && (!listens || kind == platforms.Added)
}

// take is the sink: it checks what holds for every event, and notes it as moderation would.
func (s *site) take(ctx context.Context, events []platforms.Event) error {
	if len(events) == 0 {
		s.Error("the sink was called with nothing")
	}
	for _, e := range events {
		s.sound(e)
		if e.Incomplete {
			c, err := s.adapter.Fetch(ctx, e.Comment.Ref)
			if err != nil && !errors.Is(err, platforms.ErrGone) {
				return err
			}
			if err == nil {
				e.Comment = c
			}
		}
		s.heard.take(e, false)
	}
	return nil
}

// sound checks what must hold for every event.
func (s *site) sound(e platforms.Event) {
	c := e.Comment
	switch {
	case !e.Kind.Valid():
		s.Errorf("an event of kind %q", e.Kind)
	case c.Ref != s.ref(c.Ref.Comment) || c.Ref.Comment == "":
		s.Errorf("an event about %s", c.Ref)
	case e.At.IsZero() || e.Via == "" || len(e.Raw) == 0:
		s.Errorf("%s: %s at %v via %q with %d bytes of raw: something is missing", c.Ref, e.Kind, e.At, e.Via, len(e.Raw))
	case !utf8.ValidString(c.Text) || strings.ContainsRune(c.Text, 0):
		s.Errorf("%s: a text that no database takes", c.Ref)
	}
	if (e.Kind == platforms.Added || e.Kind == platforms.Edited) && !e.Incomplete {
		if c.Author.ID == "" || c.Text == "" && len(c.Attachments) == 0 || c.Post == "" || c.Posted.IsZero() && e.Kind == platforms.Added {
			s.Errorf("%s: %s passes for complete but lacks author, words, post or time", c.Ref, e.Kind)
		}
		if own := c.Author.ID == s.channel.Account; c.Own != own {
			s.Errorf("%s: own is %v", c.Ref, c.Own)
		}
	}
}

// catchUp reads what was said since, and notes it as how things stand. It returns how often each comment came.
func (s *site) catchUp(since time.Time) map[string]int {
	s.Helper()
	times := map[string]int{}
	err := s.adapter.CatchUp(s.soon(), since, func(_ context.Context, events []platforms.Event) error {
		if len(events) == 0 {
			s.Error("the sink was called with nothing")
		}
		for _, e := range events {
			s.sound(e)
			times[e.Comment.Ref.Comment]++
			s.heard.take(e, true)
		}
		return nil
	})
	s.must(err)
	return times
}

// glimpse lets an adapter that both listens and has a webhook look at how things stand, before they change.
func (s *site) glimpse() {
	if _, listens := s.adapter.(listener); !listens || s.subject.Webhook == nil {
		return
	}
	for calls, late := s.calls(), time.Now().Add(time.Second); s.calls() < calls+6 && time.Now().Before(late); {
		time.Sleep(5 * time.Millisecond)
	}
}

// learn waits until what was heard of a comment is as want says: by itself where the adapter is told of such things, else once it has
// caught up.
func (s *site) learn(kind platforms.EventKind, comment string, want func(known) bool) known {
	s.Helper()
	ok := func() bool { k, known := s.heard.of(comment); return known && want(k) }
	if s.pushes(kind) {
		if s.subject.Webhook != nil {
			s.must(s.Settled(s.soon()))
		}
		if !s.heard.within(patience, ok) {
			k, _ := s.heard.of(comment)
			s.Fatalf("%s was not told of %s; what is known is %+v", kind, comment, k)
		}
	} else {
		s.catchUp(s.start.Add(-time.Hour))
		if !ok() {
			k, _ := s.heard.of(comment)
			s.Fatalf("%s was not found on %s; what is known is %+v", kind, comment, k)
		}
	}
	k, _ := s.heard.of(comment)
	return k
}

// heard is what an adapter told, noted as moderation does it: by comment and revision, whatever comes twice or late.
type heard struct {
	mu       sync.Mutex
	comments map[string]*known
	moved    chan struct{} // closed and made anew at every event
}

// known is what is known of one comment.
type known struct {
	comment         platforms.Comment
	at              time.Time
	revisions       []string
	hidden, removed bool
	events          int
}

func newHeard() *heard { return &heard{comments: map[string]*known{}, moved: make(chan struct{})} }

// take notes an event. whole says that it comes of a reading that shows how things stand.
func (h *heard) take(e platforms.Event, whole bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k, ok := h.comments[e.Comment.Ref.Comment]
	if !ok {
		k = &known{}
		h.comments[e.Comment.Ref.Comment] = k
	}
	k.events++
	switch e.Kind {
	case platforms.Added, platforms.Edited:
		if r := e.Comment.Revision(); !slices.Contains(k.revisions, r) {
			k.revisions = append(k.revisions, r)
		}
		// As in moderation: clocks have seconds, and within one an edit comes after what was added.
		before, told := k.at.Truncate(time.Second), e.At.Truncate(time.Second)
		if whole || !ok || told.After(before) || told.Equal(before) && e.Kind == platforms.Edited {
			k.comment, k.at = e.Comment, e.At
		}
		if whole {
			k.hidden = e.Comment.Hidden
		}
	case platforms.Removed:
		k.removed = true
	case platforms.Hidden:
		k.hidden = true
	case platforms.Restored:
		k.hidden = false
	}
	close(h.moved)
	h.moved = make(chan struct{})
}

func (h *heard) of(comment string) (known, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k, ok := h.comments[comment]
	if !ok {
		return known{}, false
	}
	return *k, true
}

func (h *heard) knows(comment string) bool { _, ok := h.of(comment); return ok }

// within waits until ok, and tells whether it came about in time.
func (h *heard) within(d time.Duration, ok func() bool) bool {
	late := time.After(d)
	for {
		h.mu.Lock()
		moved := h.moved
		h.mu.Unlock()
		if ok() {
			return true
		}
		select {
		case <-moved:
		case <-late:
			return ok()
		}
	}
}
