package bluesky_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"takhojd/archive"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/platforms/bluesky"
	"takhojd/platforms/platformtest"
)

var channel = platforms.Channel{ID: "rs-bluesky", Platform: platforms.Bluesky, Account: region.ID}

// stage is a simulated network with one post of the region's.
type stage struct {
	*platformtest.Server
	t       *testing.T
	account *bluesky.Account
	post    platformtest.Post
	clock   atomic.Int64 // added to the time, in nanoseconds
	hold    atomic.Pointer[func(platformtest.Call)]
}

func set(t *testing.T, change ...func(*bluesky.Config)) *stage {
	t.Helper()
	s := &stage{t: t}
	server, err := platformtest.Start(context.Background(), platformtest.Options{Accounts: []platformtest.Account{region, other}, Now: s.now,
		OnCall: func(c platformtest.Call) {
			if hold := s.hold.Load(); hold != nil {
				(*hold)(c)
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	s.Server = server
	s.account = s.another(change...)
	s.post, err = s.AddPost(platformtest.Post{Account: region.ID, Text: "Budget 2027"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stage) now() time.Time { return time.Now().Add(time.Duration(s.clock.Load())) }

// another makes one more adapter for the account, as another process would.
func (s *stage) another(change ...func(*bluesky.Config)) *bluesky.Account {
	s.t.Helper()
	cfg := bluesky.Config{Service: s.URL(), AppPassword: region.Token, Channel: channel, ListenEvery: 10 * time.Millisecond, Now: s.now}
	for _, c := range change {
		c(&cfg)
	}
	a, err := bluesky.NewAccount(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (s *stage) say(c platformtest.Comment) platformtest.Comment {
	s.t.Helper()
	if c.Post == "" {
		c.Post = s.post.ID
	}
	if c.AuthorID == "" {
		c.AuthorID, c.Author = anna.ID, anna.Name
	}
	made, err := s.AddComment(c)
	if err != nil {
		s.t.Fatal(err)
	}
	return made
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func ref(comment string) platforms.Ref {
	return platforms.Ref{Platform: platforms.Bluesky, Channel: channel.ID, Comment: comment}
}

// receipt keeps a record of a comment and gives the archive's receipt for it.
func receipt(t *testing.T, comment string) archive.Receipt {
	t.Helper()
	ctx, now := context.Background(), time.Now()
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "takhojd.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	key, err := archive.NewKey("takhojd.test")
	if err != nil {
		t.Fatal(err)
	}
	books, err := archive.New(db, key)
	if err != nil {
		t.Fatal(err)
	}
	var id string
	err = db.Update(ctx, func(tx *store.Tx) (err error) {
		id, err = books.Append(tx, archive.Record{Ref: ref(comment), Revision: platforms.Comment{}.Revision(), Posted: now, Received: now, Raw: []byte("{}"),
			Decision: archive.Decision{ID: 1, Action: "hide", By: "bot", At: now}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := books.Receipt(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// actions are what the network was asked since call number n.
func (s *stage) actions(n int) (asked []string) {
	for _, c := range s.State().Calls[n:] {
		asked = append(asked, c.Action)
	}
	return asked
}

// read catches up and returns the events by comment.
func (s *stage) read(since time.Time) map[string]platforms.Event {
	s.t.Helper()
	found := map[string]platforms.Event{}
	s.must(s.account.CatchUp(context.Background(), since, func(_ context.Context, events []platforms.Event) error {
		for _, e := range events {
			found[e.Comment.Ref.Comment] = e
		}
		return nil
	}))
	return found
}

func TestConfigIsChecked(t *testing.T) {
	good := bluesky.Config{AppPassword: "x", Channel: channel}
	if _, err := bluesky.NewAccount(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*bluesky.Config){
		"no channel":            func(c *bluesky.Config) { c.Channel.ID = "" },
		"another platform":      func(c *bluesky.Config) { c.Channel.Platform = platforms.X },
		"a handle":              func(c *bluesky.Config) { c.Channel.Account = "region.bsky.social" },
		"no password":           func(c *bluesky.Config) { c.AppPassword = "" },
		"a service with path":   func(c *bluesky.Config) { c.Service = "https://bsky.social/xrpc" },
		"a service with user":   func(c *bluesky.Config) { c.Service = "https://a:hemligt@bsky.social" },
		"a service over ftp":    func(c *bluesky.Config) { c.Service = "ftp://bsky.social" },
		"a service of no shape": func(c *bluesky.Config) { c.Service = "bsky.social" },
	} {
		cfg := good
		change(&cfg)
		if _, err := bluesky.NewAccount(cfg); err == nil || strings.Contains(err.Error(), "hemligt") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSessionIsRenewedOnce(t *testing.T) {
	s := set(t)
	c := s.say(platformtest.Comment{Text: "Hej."})
	ctx := context.Background()
	fetch := func() []string {
		t.Helper()
		n := len(s.State().Calls)
		if _, err := s.account.Fetch(ctx, ref(c.ID)); err != nil {
			t.Fatal(err)
		}
		return s.actions(n)
	}
	if got, want := fetch(), []string{"sign_in", "fetch", "record"}; !slices.Equal(got, want) {
		t.Errorf("at first the network was asked %v, want %v", got, want)
	}
	if got, want := fetch(), []string{"fetch", "record"}; !slices.Equal(got, want) {
		t.Errorf("with a session the network was asked %v, want %v", got, want)
	}
	s.clock.Store(int64(3 * time.Hour))
	if got, want := fetch(), []string{"fetch", "renew", "fetch", "record"}; !slices.Equal(got, want) {
		t.Errorf("with an expired session the network was asked %v, want %v", got, want)
	}
	// Many at once find one new session, not one each.
	s.clock.Store(int64(6 * time.Hour))
	n := len(s.State().Calls)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := s.account.Fetch(ctx, ref(c.ID)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	renewed := 0
	for _, a := range s.actions(n) {
		if a == "renew" || a == "sign_in" {
			renewed++
		}
	}
	if renewed != 1 {
		t.Errorf("the session was renewed %d times", renewed)
	}
	// A refresh token that is spent is no reason to give up: there is the password.
	s.clock.Store(int64(9 * time.Hour))
	s.must(s.SetFaults(platformtest.Faults{Errors: []platformtest.Refusal{{Kind: platformtest.TokenDead, Action: "renew"}}}))
	if got, want := fetch(), []string{"fetch", "renew", "sign_in", "fetch", "record"}; !slices.Equal(got, want) {
		t.Errorf("without a refresh token the network was asked %v, want %v", got, want)
	}
}

// A password that nobody accepts is not shown for ever: the network takes 300 sign-ins a day.
func TestRefusedPasswordIsKeptBack(t *testing.T) {
	s := set(t, func(c *bluesky.Config) { c.AppPassword = "fel" })
	for range 20 {
		if _, err := s.account.FetchPost(context.Background(), s.post.ID); !errors.Is(err, platforms.ErrTokenDead) {
			t.Fatal(err)
		}
	}
	if n := len(s.State().Calls); n != 3 {
		t.Errorf("the password was shown %d times", n)
	}
	s.clock.Store(int64(6 * time.Minute))
	_, _ = s.account.FetchPost(context.Background(), s.post.ID)
	if n := len(s.State().Calls); n != 4 {
		t.Errorf("after a while the password was shown %d times in all", n)
	}
}

// doc is a network of one script: it answers by the method's name.
func script(t *testing.T, answers map[string]func(r *http.Request) (int, string)) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[strings.TrimPrefix(r.URL.Path, "/xrpc/")]
		if !ok {
			t.Errorf("an unexpected call of %s", r.URL.Path)
			w.WriteHeader(http.StatusNotImplemented)
			return
		}
		status, body := answer(r)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server
}

func signIn(extra string) func(*http.Request) (int, string) {
	return func(*http.Request) (int, string) {
		return 200, `{"accessJwt":"a.b.c","refreshJwt":"d.e.f","did":"` + region.ID + `"` + extra + `}`
	}
}

func scripted(t *testing.T, service string) *bluesky.Account {
	t.Helper()
	a, err := bluesky.NewAccount(bluesky.Config{Service: service, AppPassword: "hemligt", Channel: channel})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The account's document says where its data is; there, and there alone, the session's token goes.
func TestTheAccountsOwnServer(t *testing.T) {
	asked := 0
	own := script(t, map[string]func(*http.Request) (int, string){
		"app.bsky.feed.getPosts": func(r *http.Request) (int, string) {
			asked++
			if got := r.Header.Get("Authorization"); got != "Bearer a.b.c" {
				t.Errorf("the token is %q", got)
			}
			return 200, `{"posts":[` + view("inlägg") + `]}`
		}})
	doc := func(id, endpoint string) string {
		return `,"didDoc":{"id":"` + id + `","service":[{"id":"#other","type":"X","serviceEndpoint":"http://127.0.0.1:1"},
			{"id":"#atproto_pds","type":"AtprotoPersonalDataServer","serviceEndpoint":"` + endpoint + `"}]}`
	}
	entry := script(t, map[string]func(*http.Request) (int, string){"com.atproto.server.createSession": signIn(doc(region.ID, own.URL+"/"))})
	post, err := scripted(t, entry.URL).FetchPost(context.Background(), mine)
	if err != nil || post.Text != "inlägg" || asked != 1 {
		t.Errorf("%+v, %v; the account's own server was asked %d times", post, err, asked)
	}
	// A document of somebody else's, or an address that no token may go to, leads nowhere.
	for _, extra := range []string{doc("did:plc:another", own.URL), doc(region.ID, "http://user:x@127.0.0.1:1"), doc(region.ID, "javascript:1"), `,"didDoc":7`} {
		stays := 0
		entry := script(t, map[string]func(*http.Request) (int, string){"com.atproto.server.createSession": signIn(extra),
			"app.bsky.feed.getPosts": func(*http.Request) (int, string) { stays++; return 200, `{"posts":[` + view("x") + `]}` }})
		if _, err := scripted(t, entry.URL).FetchPost(context.Background(), mine); err != nil || stays != 1 {
			t.Errorf("%s: %v, %d calls", extra, err, stays)
		}
	}
}

const mine = "at://did:plc:regionstockholm234567abc/app.bsky.feed.post/3kaaaaaaaaaaa"

// view is the region's own post as the network shows it.
func view(text string) string {
	encoded, _ := json.Marshal(text)
	return `{"uri":"` + mine + `","cid":"c","author":{"did":"` + region.ID + `","handle":"r.test"},"record":{"$type":"app.bsky.feed.post","text":` +
		string(encoded) + `,"createdAt":"2026-11-22T08:00:00.000Z"},"indexedAt":"2026-11-22T08:00:01.000Z"}`
}

func TestSignInThatCannotBeUsed(t *testing.T) {
	for name, want := range map[string]error{
		`{"accessJwt":"a","refreshJwt":"b","did":"did:plc:another"}`:                                         platforms.ErrTokenDead,
		`{"accessJwt":"a","refreshJwt":"b","did":"` + region.ID + `","active":false,"status":"deactivated"}`: platforms.ErrTokenDead,
		`{"accessJwt":"a b","refreshJwt":"b","did":"` + region.ID + `"}`:                                     nil,
		`{"accessJwt":"a\r\nX: y","refreshJwt":"b","did":"` + region.ID + `"}`:                               nil,
		`{}`: nil,
		`[]`: nil,
	} {
		server := script(t, map[string]func(*http.Request) (int, string){"com.atproto.server.createSession": func(*http.Request) (int, string) { return 200, name }})
		_, err := scripted(t, server.URL).FetchPost(context.Background(), mine)
		if err == nil || want != nil && !errors.Is(err, want) || want == nil && errors.Is(err, platforms.ErrTokenDead) || strings.Contains(err.Error(), "hemligt") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Redirects lead nowhere: one would carry the password along.
	elsewhere := script(t, nil)
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	if _, err := scripted(t, server.URL).FetchPost(context.Background(), mine); err == nil {
		t.Error("a redirect was followed")
	}
}

// When writes are spent for the hour, the account still hears and reads.
func TestWritesSpentDoNotDeafen(t *testing.T) {
	s := set(t)
	c := s.say(platformtest.Comment{Text: "Fy."})
	ctx := context.Background()
	s.must(s.SetFaults(platformtest.Faults{Errors: []platformtest.Refusal{{Kind: platformtest.Throttled, Action: "hide", RegainMinutes: 50}}}))
	var wait *platforms.RetryAfterError
	if err := s.account.Hide(ctx, receipt(t, c.ID)); !errors.As(err, &wait) || time.Until(wait.At) < 49*time.Minute {
		t.Fatalf("%v, want to wait 50 minutes", err)
	}
	n := len(s.State().Calls)
	if err := s.account.Mute(ctx, anna); !errors.As(err, &wait) || len(s.State().Calls) != n {
		t.Errorf("another write: %v, %d calls", err, len(s.State().Calls)-n)
	}
	if _, err := s.account.Fetch(ctx, ref(c.ID)); err != nil {
		t.Errorf("fetch: %v", err)
	}
	if got := s.read(time.Now().Add(-time.Hour)); len(got) != 1 {
		t.Errorf("%d comments", len(got))
	}
}

// A colleague's app writes the threadgate right before us: their hide stays, and ours is done.
func TestThreadgateWrittenMeanwhile(t *testing.T) {
	s := set(t)
	theirs, ours := s.say(platformtest.Comment{Text: "Ett."}), s.say(platformtest.Comment{Text: "Två."})
	times := 0
	hold := func(c platformtest.Call) {
		if c.Action == "hide" && times < 3 {
			times++
			s.must(s.SetHidden(theirs.ID, times%2 == 1))
		}
	}
	s.hold.Store(&hold)
	s.must(s.account.Hide(context.Background(), receipt(t, ours.ID)))
	for _, c := range []platformtest.Comment{theirs, ours} {
		if now, _ := s.State().Comment(c.ID); !now.Hidden {
			t.Errorf("%q is not hidden", c.Text)
		}
	}
	if times != 3 {
		t.Errorf("the threadgate was written over %d times", times)
	}
	// Somebody who never stops makes it a fault, to be tried again later, and nothing is lost.
	again := s.say(platformtest.Comment{Text: "Tre."})
	always := func(c platformtest.Call) {
		if c.Action == "hide" {
			times++
			s.must(s.SetHidden(theirs.ID, times%2 == 1))
		}
	}
	s.hold.Store(&always)
	err := s.account.Hide(context.Background(), receipt(t, again.ID))
	var wait *platforms.RetryAfterError
	if err == nil || errors.As(err, &wait) || errors.Is(err, platforms.ErrNotPermitted) || errors.Is(err, platforms.ErrGone) {
		t.Errorf("%v, want a fault", err)
	}
}

func TestThreadgateOfUnknownShapeIsNotWrittenOver(t *testing.T) {
	reply := `{"uri":"at://` + anna.ID + `/app.bsky.feed.post/3kbbbbbbbbbbb","cid":"c","author":{"did":"` + anna.ID + `"},"record":{"text":"Fy.",
		"reply":{"root":{"uri":"` + mine + `","cid":"c"},"parent":{"uri":"` + mine + `","cid":"c"}}}}`
	for _, gate := range []string{`{"hiddenReplies":"alla"}`, `{"hiddenReplies":[1]}`, `[]`, `null`} {
		server := script(t, map[string]func(*http.Request) (int, string){
			"com.atproto.server.createSession": signIn(""),
			"app.bsky.feed.getPosts":           func(*http.Request) (int, string) { return 200, `{"posts":[` + reply + `]}` },
			"com.atproto.repo.getRecord":       func(*http.Request) (int, string) { return 200, `{"uri":"x","cid":"c","value":` + gate + `}` },
		}) // a putRecord would be unexpected
		if err := scripted(t, server.URL).Hide(context.Background(), receipt(t, "at://"+anna.ID+"/app.bsky.feed.post/3kbbbbbbbbbbb")); err == nil {
			t.Errorf("%s: no error", gate)
		}
	}
}

func TestThreadgateIsFull(t *testing.T) {
	s := set(t)
	for i := range 300 {
		c := s.say(platformtest.Comment{Text: fmt.Sprint("Nummer ", i)})
		s.must(s.SetHidden(c.ID, true))
	}
	last := s.say(platformtest.Comment{Text: "Den 301:a."})
	err := s.account.Hide(context.Background(), receipt(t, last.ID))
	if !errors.Is(err, platforms.ErrNotPermitted) || !strings.Contains(err.Error(), "300") {
		t.Errorf("%v, want ErrNotPermitted in words", err)
	}
	if err := s.account.Unhide(context.Background(), ref(s.State().Comments[0].ID)); err != nil {
		t.Error(err)
	}
	if err := s.account.Hide(context.Background(), receipt(t, last.ID)); err != nil {
		t.Errorf("when there is room again: %v", err)
	}
}

func TestOwnWordsAreNotHidden(t *testing.T) {
	s := set(t)
	ours := s.say(platformtest.Comment{AuthorID: region.ID, Author: region.Name, Text: "Vårt eget svar."})
	if err := s.account.Hide(context.Background(), receipt(t, ours.ID)); !errors.Is(err, platforms.ErrNotPermitted) {
		t.Errorf("%v, want ErrNotPermitted", err)
	}
	if err := s.account.Block(context.Background(), platforms.Author{ID: region.ID}); !errors.Is(err, platforms.ErrNotPermitted) {
		t.Errorf("block of ourselves: %v, want ErrNotPermitted", err)
	}
}

// What a blocked author wrote is out of our own sight, and in everybody else's.
func TestBlockedIsNotGone(t *testing.T) {
	s := set(t)
	c := s.say(platformtest.Comment{Text: "Fy."})
	s.read(time.Now().Add(-time.Hour))
	s.must(s.account.Block(context.Background(), anna))
	got, err := s.account.Fetch(context.Background(), ref(c.ID))
	if err != nil || got.Text != "Fy." || got.Author.ID != anna.ID || got.Post != s.post.ID {
		t.Errorf("%+v, %v", got, err)
	}
	s.must(s.account.Hide(context.Background(), receipt(t, c.ID)))
	n := len(s.State().Calls)
	for range 2 {
		if e, told := s.read(time.Now().Add(-time.Hour))[c.ID]; told && e.Kind == platforms.Removed {
			t.Fatal("it was taken for removed")
		}
	}
	if asked := s.actions(n); slices.Contains(asked, "fetch") {
		t.Errorf("the network was asked %v: that it is there was told", asked)
	}
}

func TestRemovalsAreFound(t *testing.T) {
	s := set(t)
	since := time.Now().Add(-time.Hour)
	seen, stays := s.say(platformtest.Comment{Text: "Ångrad."}), s.say(platformtest.Comment{Text: "Kvar."})
	answer := s.say(platformtest.Comment{Text: "Svar på det ångrade.", Parent: seen.ID})
	s.read(since)
	s.must(s.Remove(seen.ID))
	got := s.read(since)
	if e := got[seen.ID]; e.Kind != platforms.Removed || len(e.Raw) == 0 || e.At.IsZero() {
		t.Errorf("the removal is told as %+v", e)
	}
	for _, c := range []platformtest.Comment{stays, answer} {
		if e, told := got[c.ID]; told && e.Kind == platforms.Removed {
			t.Errorf("%q was told as removed", c.Text)
		}
	}
	if e, told := s.read(since)[seen.ID]; told {
		t.Errorf("told again: %+v", e)
	}
	// While the network fails nothing is taken for removed.
	s.must(s.Remove(stays.ID))
	s.must(s.SetFaults(platformtest.Faults{Errors: []platformtest.Refusal{{Kind: platformtest.Broken, Action: "fetch"}}}))
	err := s.account.CatchUp(context.Background(), since, func(context.Context, []platforms.Event) error { return nil })
	if err == nil {
		t.Error("a network that fails was read in full")
	}
	s.must(s.SetFaults(platformtest.Faults{}))
	if e := s.read(since)[stays.ID]; e.Kind != platforms.Removed {
		t.Errorf("when the network is well again: %+v", e)
	}
}

// CatchUp hands over what is young, what it had not seen, and what has changed; not what was said long before.
func TestHorizon(t *testing.T) {
	s := set(t)
	week := s.now().Add(-7 * 24 * time.Hour)
	old, err := s.AddPost(platformtest.Post{Account: region.ID, Text: "Förra månaden", Posted: s.now().Add(-20 * 24 * time.Hour)})
	s.must(err)
	ancient, err := s.AddPost(platformtest.Post{Account: region.ID, Text: "Förra året", Posted: s.now().Add(-400 * 24 * time.Hour)})
	s.must(err)
	before := s.say(platformtest.Comment{Post: old.ID, Text: "För länge sedan.", Posted: s.now().Add(-19 * 24 * time.Hour)})
	today := s.say(platformtest.Comment{Post: old.ID, Text: "I dag."})
	late := s.say(platformtest.Comment{Post: ancient.ID, Text: "I dag, under ett gammalt inlägg."})
	s.must(s.account.Mute(context.Background(), platforms.Author{ID: "did:plc:tyst"})) // no notification tells of what the muted say
	muted := s.say(platformtest.Comment{Post: ancient.ID, Text: "Av en tystad.", AuthorID: "did:plc:tyst"})
	got := s.read(week)
	for id, want := range map[string]bool{before.ID: false, today.ID: true, late.ID: true, muted.ID: true} {
		if _, told := got[id]; told != want {
			t.Errorf("%s: told %v", id, told)
		}
	}
	// One that claims to be old appears while we look on: its time is made up.
	backdated := s.say(platformtest.Comment{Post: old.ID, Text: "Påstår sig vara gammal.", Posted: s.now().Add(-18 * 24 * time.Hour)})
	s.must(s.SetHidden(before.ID, true))
	got = s.read(week)
	if _, told := got[backdated.ID]; !told {
		t.Error("a new comment with an old date was passed by")
	}
	if e := got[before.ID]; !e.Comment.Hidden {
		t.Errorf("what a colleague hid is told as %+v", e)
	}
	if _, told := s.read(week)[before.ID]; told {
		t.Error("it was told again")
	}
}

// The network breaks deep threads off; what is further down is asked for.
func TestDeepThreads(t *testing.T) {
	const depth = 7
	id := func(n int) string { return fmt.Sprintf("at://%s/app.bsky.feed.post/3kdeep%07d", anna.ID, n) }
	reply := func(n int) string {
		return fmt.Sprintf(`{"uri":%q,"cid":"c","author":{"did":%q},"replyCount":%d,"indexedAt":"2026-11-22T08:00:01Z","record":{"text":"Nummer %d","createdAt":"2026-11-22T08:00:00Z",
			"reply":{"root":{"uri":%q,"cid":"c"},"parent":{"uri":%q,"cid":"c"}}}}`, id(n), anna.ID, min(1, depth-1-n), n, mine, mine)
	}
	server := script(t, map[string]func(*http.Request) (int, string){
		"com.atproto.server.createSession":        signIn(""),
		"app.bsky.notification.listNotifications": func(*http.Request) (int, string) { return 200, `{"notifications":[]}` },
		"app.bsky.feed.getAuthorFeed":             func(*http.Request) (int, string) { return 200, `{"feed":[{"post":` + view("x") + `}]}` },
		"com.atproto.repo.listRecords":            func(*http.Request) (int, string) { return 200, `{"records":[]}` },
		"app.bsky.feed.getPostThread": func(r *http.Request) (int, string) {
			from := -1
			post := view("x")
			if uri := r.URL.Query().Get("uri"); uri != mine {
				_, _ = fmt.Sscanf(uri[strings.LastIndex(uri, "3kdeep")+6:], "%d", &from)
				post = reply(from)
			}
			// Two levels at a time; at the last one the network leaves out whether there is more.
			inner := `{"post":` + reply(from+2) + `}`
			if from+2 >= depth {
				inner = ""
			}
			node := `{"post":` + reply(from+1) + `,"replies":[` + inner + `]}`
			if from+1 >= depth {
				node = ""
			}
			return 200, `{"thread":{"post":` + post + `,"replies":[` + node + `]}}`
		}})
	a, err := bluesky.NewAccount(bluesky.Config{Service: server.URL, AppPassword: "x", Channel: channel,
		Now: func() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) }})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	err = a.CatchUp(context.Background(), time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC), func(_ context.Context, events []platforms.Event) error {
		for _, e := range events {
			found[e.Comment.Ref.Comment]++
		}
		return nil
	})
	if err != nil || len(found) != depth {
		t.Errorf("%d of %d comments were found; %v", len(found), depth, err)
	}
}

// One post that the network refuses or that cannot be read costs no other post its comments, and is not passed by in silence.
func TestOneOddThreadCostsNoOther(t *testing.T) {
	second := strings.Replace(mine, "3kaaaaaaaaaaa", "3kzzzzzzzzzzz", 1)
	reply := `{"post":{"uri":"at://` + anna.ID + `/app.bsky.feed.post/3kb","cid":"c","author":{"did":"` + anna.ID + `"},"indexedAt":"2026-11-22T08:00:01Z","record":{"text":"Hej.",
		"reply":{"root":{"uri":"` + mine + `","cid":"c"},"parent":{"uri":"` + mine + `","cid":"c"}}},"replyCount":0},"replies":[]}`
	for name, odd := range map[string]func() (int, string){
		"refused": func() (int, string) { return 400, `{"error":"InvalidRequest","message":"Something new"}` },
		"unread":  func() (int, string) { return 200, `{"thread":{"post":{"uri":"at://x"}}}` },
	} {
		server := script(t, map[string]func(*http.Request) (int, string){
			"com.atproto.server.createSession":        signIn(""),
			"app.bsky.notification.listNotifications": func(*http.Request) (int, string) { return 200, `{"notifications":[7,{"reason":"reply","uri":"x"}]}` },
			"app.bsky.feed.getAuthorFeed": func(*http.Request) (int, string) {
				return 200, `{"feed":[{"post":7},{"post":` + strings.ReplaceAll(view("y"), mine, second) + `},{"post":` + view("x") + `}]}`
			},
			"com.atproto.repo.listRecords": func(*http.Request) (int, string) { return 200, `{"records":[]}` },
			"app.bsky.feed.getPostThread": func(r *http.Request) (int, string) {
				if r.URL.Query().Get("uri") == second {
					return odd()
				}
				return 200, `{"thread":{"post":` + view("x") + `,"replies":[{"post":{"uri":7}},` + reply + `]}}`
			}})
		a, err := bluesky.NewAccount(bluesky.Config{Service: server.URL, AppPassword: "x", Channel: channel,
			Now: func() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) }})
		if err != nil {
			t.Fatal(err)
		}
		heard := 0
		err = a.CatchUp(context.Background(), time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC), func(_ context.Context, events []platforms.Event) error {
			heard += len(events)
			return nil
		})
		if err == nil || heard != 1 {
			t.Errorf("%s: %d comments were heard; %v", name, heard, err)
		}
	}
}

func TestListenTellsOfRewritingAndSurvivesFaults(t *testing.T) {
	s := set(t)
	s.read(time.Now().Add(-time.Hour)) // the thread is known
	heard := make(chan platforms.Event, 100)
	var full atomic.Bool
	refused := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- s.account.Listen(ctx, func(_ context.Context, events []platforms.Event) error {
			if full.Load() {
				select {
				case refused <- struct{}{}:
				default:
				}
				return errors.New("the disk is full")
			}
			for _, e := range events {
				heard <- e
			}
			return nil
		})
	}()
	next := func(text string) platforms.Event {
		t.Helper()
		for {
			select {
			case e := <-heard:
				if e.Comment.Text == text {
					return e
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("%q was not heard", text)
			}
		}
	}
	c := s.say(platformtest.Comment{Text: "Före."})
	if e := next("Före."); e.Kind != platforms.Added || e.Via != "poll" {
		t.Errorf("%+v", e)
	}
	s.must(s.Edit(c.ID, "Efter."))
	if e := next("Efter."); e.Kind != platforms.Edited || e.At.Before(c.Posted) {
		t.Errorf("%s at %v", e.Kind, e.At)
	}
	full.Store(true)
	s.say(platformtest.Comment{Text: "När disken var full."})
	<-refused
	s.must(s.SetFaults(platformtest.Faults{HTTP500: 0.1, HalfBody: 0.05}))
	for i := range 120 { // more than a page of notifications
		s.say(platformtest.Comment{Text: fmt.Sprint("Nummer ", i)})
	}
	full.Store(false)
	missing := map[string]bool{"När disken var full.": true}
	for i := range 120 {
		missing[fmt.Sprint("Nummer ", i)] = true
	}
	for deadline := time.After(60 * time.Second); len(missing) > 0; {
		select {
		case e := <-heard:
			delete(missing, e.Comment.Text)
		case <-deadline:
			t.Fatalf("%d were not heard", len(missing))
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestReplyMakesLinksWork(t *testing.T) {
	var sent struct {
		Record struct {
			Text   string `json:"text"`
			Facets []struct {
				Index    struct{ ByteStart, ByteEnd int }
				Features []struct{ URI string }
			} `json:"facets"`
		} `json:"record"`
	}
	server := script(t, map[string]func(*http.Request) (int, string){
		"com.atproto.server.createSession": signIn(""),
		"app.bsky.feed.getPosts":           func(*http.Request) (int, string) { return 200, `{"posts":[` + view("x") + `]}` },
		"com.atproto.repo.createRecord": func(r *http.Request) (int, string) {
			if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
				t.Error(err)
			}
			return 200, `{"uri":"at://x","cid":"c"}`
		}})
	text := "Åk till (https://www.1177.se/sok?q=å) eller http://sl.se."
	if _, err := scripted(t, server.URL).Reply(context.Background(), ref(mine), text); err != nil {
		t.Fatal(err)
	}
	var links []string
	for _, f := range sent.Record.Facets {
		link := text[f.Index.ByteStart:f.Index.ByteEnd]
		if link != f.Features[0].URI {
			t.Errorf("%q leads to %q", link, f.Features[0].URI)
		}
		links = append(links, link)
	}
	if want := []string{"https://www.1177.se/sok?q=å", "http://sl.se"}; !slices.Equal(links, want) {
		t.Errorf("links are %q, want %q", links, want)
	}
}

func TestReportsInTheNetworksWords(t *testing.T) {
	var sent struct {
		ReasonType string `json:"reasonType"`
		Reason     string `json:"reason"`
		Subject    struct{ URI, CID string }
	}
	server := script(t, map[string]func(*http.Request) (int, string){
		"com.atproto.server.createSession": signIn(""),
		"app.bsky.feed.getPosts":           func(*http.Request) (int, string) { return 200, `{"posts":[` + view("x") + `]}` },
		"com.atproto.moderation.createReport": func(r *http.Request) (int, string) {
			if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
				t.Error(err)
			}
			return 200, `{}`
		}})
	a := scripted(t, server.URL)
	for category, want := range map[string]string{"spam": "reasonSpam", "threat": "reasonViolation", "insult": "reasonRude", "disinformation": "reasonMisleading",
		"": "reasonOther", "något nytt": "reasonOther"} {
		if err := a.Report(context.Background(), ref(mine), category, strings.Repeat("å", 5000)); err != nil {
			t.Fatal(err)
		}
		if sent.ReasonType != "com.atproto.moderation.defs#"+want || len([]rune(sent.Reason)) != 2000 || sent.Subject.URI != mine || sent.Subject.CID != "c" {
			t.Errorf("%q is reported as %s, %d characters, about %+v", category, sent.ReasonType, len([]rune(sent.Reason)), sent.Subject)
		}
	}
}
