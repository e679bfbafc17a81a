package facebook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
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
	"takhojd/platforms/facebook"
	"takhojd/platforms/platformtest"
)

// site is a page on a simulated platform, with one post.
type site struct {
	*platformtest.Server
	page *facebook.Page
	post platformtest.Post
}

func newSite(t testing.TB, opts platformtest.Options, change func(*facebook.Config)) *site {
	t.Helper()
	opts.AppSecret, opts.VerifyToken = secret, verify
	server, err := platformtest.Start(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	post, err := server.AddPost(platformtest.Post{Account: pageID, Text: "Budget 2027"})
	if err != nil {
		t.Fatal(err)
	}
	return &site{server, newPage(t, server.URL(), change), post}
}

func newPage(t testing.TB, address string, change func(*facebook.Config)) *facebook.Page {
	t.Helper()
	cfg := facebook.Config{BaseURL: address, AppID: "310000000000001", AppSecret: secret, Channel: channel(),
		PageToken: platformtest.DefaultAccounts()[0].Token}
	if change != nil {
		change(&cfg)
	}
	page, err := facebook.NewPage(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// write lets a citizen write under the post and returns the comment.
func (s *site) write(t testing.TB, c platformtest.Comment) platformtest.Comment {
	t.Helper()
	if c.Post == "" {
		c.Post = s.post.ID
	}
	if c.AuthorID == "" {
		c.AuthorID, c.Author = "1001", "Anna Andersson"
	}
	made, err := s.AddComment(c)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (s *site) comment(t testing.TB, id string) platformtest.CommentState {
	t.Helper()
	c, ok := s.State().Comment(id)
	if !ok {
		t.Fatalf("no comment %s", id)
	}
	return c
}

func (s *site) actions() []string {
	var actions []string
	for _, c := range s.State().Calls {
		actions = append(actions, c.Action)
	}
	return actions
}

// receipt keeps a record of the comment, and gives the archive's receipt for it.
func receipt(t testing.TB, ref platforms.Ref) archive.Receipt {
	t.Helper()
	ctx, dir := context.Background(), t.TempDir()
	db, err := store.Open(ctx, filepath.Join(dir, "takhojd.db"))
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
	var id string
	if err := db.Update(ctx, func(tx *store.Tx) (err error) {
		id, err = a.Append(tx, archive.Record{Ref: ref, Revision: platforms.Comment{}.Revision(), Posted: noon, Received: noon,
			Raw: []byte("{}"), Decision: archive.Decision{ID: 1, Action: "hide", By: "bot", At: noon}})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	r, err := a.Receipt(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestFetchReadsAsItStandsNow(t *testing.T) {
	s := newSite(t, platformtest.Options{}, nil)
	long := strings.Repeat("ö", 60_000)
	first := s.write(t, platformtest.Comment{Text: "före"})
	reply := s.write(t, platformtest.Comment{Parent: first.ID, Text: "Ελληνικά עברית العربية 中文 👩🏽‍⚕️ \u0000"})
	photo := s.write(t, platformtest.Comment{Photos: 1})
	own := s.write(t, platformtest.Comment{AuthorID: pageID, Author: "Region Stockholm", Text: "Tack"})
	if err := s.Edit(first.ID, long); err != nil {
		t.Fatal(err)
	}
	fetch := func(id string) platforms.Comment {
		t.Helper()
		c, err := s.page.Fetch(soon(t), ref(id))
		if err != nil {
			t.Fatal(err)
		}
		if c.Ref != ref(id) || c.Post != s.post.ID || c.Posted.IsZero() || c.Permalink == "" || len(c.Raw) == 0 {
			t.Errorf("%s: %+v", id, c.Ref)
		}
		return c
	}
	if c := fetch(first.ID); c.Text != long || c.Author.ID != "1001" || c.Author.Name != "Anna Andersson" || c.Parent != "" || c.Own {
		t.Errorf("the edited comment: %d characters by %s", len(c.Text), c.Author.ID)
	}
	if c := fetch(reply.ID); c.Parent != first.ID || c.Text != "Ελληνικά עברית العربية 中文 👩🏽‍⚕️ \uFFFD" {
		t.Errorf("the reply: %q under %q", c.Text, c.Parent)
	}
	if c := fetch(photo.ID); c.Text != "" || len(c.Attachments) != 1 || c.Attachments[0].Kind != "photo" || c.Attachments[0].URL == "" {
		t.Errorf("the photo: %+v", c.Attachments)
	}
	if c := fetch(own.ID); !c.Own || !c.CannotHide {
		t.Error("our own comment was not known as our own")
	}
}

// TestBothRoadsGiveTheSameRevision keeps a comment from looking edited because it was read another way.
func TestBothRoadsGiveTheSameRevision(t *testing.T) {
	h := newHook(t, nil)
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s := newSite(t, platformtest.Options{WebhookURL: server.URL}, nil)
	s.write(t, platformtest.Comment{Text: "hej"})
	s.write(t, platformtest.Comment{Text: "se här", Photos: 1})
	s.write(t, platformtest.Comment{Photos: 1})
	s.write(t, platformtest.Comment{Text: "a\x00b\xffc"})
	if err := s.Settled(soon(t)); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(h.events) != 4 {
		t.Fatalf("%d events, want 4", len(h.events))
	}
	for _, e := range h.events {
		c, err := s.page.Fetch(soon(t), e.Comment.Ref)
		if err != nil {
			t.Fatal(err)
		}
		if c.Revision() != e.Comment.Revision() || c.Posted != e.Comment.Posted || c.Author != e.Comment.Author || c.Post != e.Comment.Post {
			t.Errorf("delivered %q, fetched %q", e.Comment.Text, c.Text)
		}
	}
}

func TestHideAndUnhide(t *testing.T) {
	s := newSite(t, platformtest.Options{}, nil)
	c := s.write(t, platformtest.Comment{Text: "fy"})
	r := receipt(t, ref(c.ID))
	for _, step := range []struct {
		name string
		do   func() error
		want bool
	}{
		{"hide", func() error { return s.page.Hide(soon(t), r) }, true},
		{"hide again", func() error { return s.page.Hide(soon(t), r) }, true},
		{"unhide", func() error { return s.page.Unhide(soon(t), ref(c.ID)) }, false},
		{"unhide again", func() error { return s.page.Unhide(soon(t), ref(c.ID)) }, false},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := s.comment(t, c.ID); got.Hidden != step.want {
			t.Errorf("%s: hidden is %v", step.name, got.Hidden)
		}
		if got, err := s.page.Fetch(soon(t), ref(c.ID)); err != nil || got.Hidden != step.want || got.CannotHide {
			t.Errorf("%s: fetched hidden %v, cannot hide %v, %v", step.name, got.Hidden, got.CannotHide, err)
		}
	}
}

func TestNoRemovalWithoutAReceipt(t *testing.T) {
	s := newSite(t, platformtest.Options{}, nil)
	elsewhere := receipt(t, platforms.Ref{Platform: platforms.Facebook, Channel: "another", Comment: "1_1"})
	strange := receipt(t, ref("me/../../1?x=y"))
	for name, remove := range map[string]func(context.Context, archive.Receipt) error{"hide": s.page.Hide, "delete": s.page.Delete} {
		if err := remove(soon(t), archive.Receipt{}); !errors.Is(err, archive.ErrNoReceipt) {
			t.Errorf("%s without a receipt: %v", name, err)
		}
		if err := remove(soon(t), elsewhere); err == nil {
			t.Errorf("%s with another channel's receipt: no error", name)
		}
		if err := remove(soon(t), strange); err == nil {
			t.Errorf("%s of what is no id: no error", name)
		}
	}
	if calls := s.State().Calls; len(calls) != 0 {
		t.Errorf("the platform was called: %+v", calls)
	}
}

func TestDelete(t *testing.T) {
	s := newSite(t, platformtest.Options{}, nil)
	c := s.write(t, platformtest.Comment{Text: "fy"})
	r := receipt(t, ref(c.ID))
	if err := s.page.Delete(soon(t), r); err != nil {
		t.Fatal(err)
	}
	if got := s.comment(t, c.ID); !got.Deleted || got.RemovedByAuthor {
		t.Errorf("deleted %v, removed by its author %v", got.Deleted, got.RemovedByAuthor)
	}
	if err := s.page.Delete(soon(t), r); !errors.Is(err, platforms.ErrGone) {
		t.Errorf("deleted again: %v, want ErrGone", err)
	}
}

func TestGoneIsAResult(t *testing.T) {
	s := newSite(t, platformtest.Options{}, nil)
	c := s.write(t, platformtest.Comment{Text: "hej"})
	if err := s.Remove(c.ID); err != nil {
		t.Fatal(err)
	}
	_, fetchErr := s.page.Fetch(soon(t), ref(c.ID))
	_, replyErr := s.page.Reply(soon(t), ref(c.ID), "svar")
	for name, err := range map[string]error{"fetch": fetchErr, "hide": s.page.Hide(soon(t), receipt(t, ref(c.ID))),
		"unhide": s.page.Unhide(soon(t), ref(c.ID)), "reply": replyErr, "private reply": s.page.PrivateReply(soon(t), ref(c.ID), "svar")} {
		if !errors.Is(err, platforms.ErrGone) {
			t.Errorf("%s: %v, want ErrGone", name, err)
		}
	}
}

func TestWhatATokenMayNotSeeIsNotGone(t *testing.T) {
	s := newSite(t, platformtest.Options{Faults: platformtest.Faults{Errors: []platformtest.Refusal{{Code: 100, Subcode: 33, Action: "fetch"}}}},
		func(cfg *facebook.Config) { cfg.PageToken = platformtest.UserToken })
	c := s.write(t, platformtest.Comment{Text: "hej"})
	if _, err := s.page.Fetch(soon(t), ref(c.ID)); errors.Is(err, platforms.ErrGone) || !errors.Is(err, platforms.ErrTokenDead) {
		t.Errorf("%v, want ErrTokenDead", err)
	}
}

func TestTheAuthorIsFaster(t *testing.T) {
	s := newSite(t, platformtest.Options{Faults: platformtest.Faults{RemoveBeforeHide: 1}}, nil)
	c := s.write(t, platformtest.Comment{Text: "fy"})
	if err := s.page.Hide(soon(t), receipt(t, ref(c.ID))); !errors.Is(err, platforms.ErrGone) {
		t.Errorf("%v, want ErrGone", err)
	}
}

func TestRepliesAndBlocks(t *testing.T) {
	s := newSite(t, platformtest.Options{}, nil)
	c := s.write(t, platformtest.Comment{Text: "När öppnar ni?"})
	id, err := s.page.Reply(soon(t), ref(c.ID), "Klockan åtta.")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.comment(t, id); got.Parent != c.ID || got.AuthorID != pageID || got.Text != "Klockan åtta." {
		t.Errorf("the reply is %+v", got.Comment)
	}
	if err := s.page.PrivateReply(soon(t), ref(c.ID), "Din kommentar doldes."); err != nil {
		t.Fatal(err)
	}
	if got := s.comment(t, c.ID).PrivateReply; got != "Din kommentar doldes." {
		t.Errorf("the private reply is %q", got)
	}
	if err := s.page.PrivateReply(soon(t), ref(c.ID), "En gång till."); !errors.Is(err, platforms.ErrNotPermitted) {
		t.Errorf("a second private reply: %v, want ErrNotPermitted", err)
	}
	old := s.write(t, platformtest.Comment{Text: "gammal", Posted: time.Now().Add(-8 * 24 * time.Hour)})
	if err := s.page.PrivateReply(soon(t), ref(old.ID), "För sent."); !errors.Is(err, platforms.ErrNotPermitted) {
		t.Errorf("a private reply after eight days: %v, want ErrNotPermitted", err)
	}
	if err := s.page.Block(soon(t), platforms.Author{ID: "1001"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddComment(platformtest.Comment{Post: s.post.ID, AuthorID: "1001", Text: "åter"}); err == nil {
		t.Error("the blocked author could write")
	}
	if err := s.page.Block(soon(t), platforms.Author{}); err == nil {
		t.Error("nobody was blocked without an error")
	}
}

// TestALostPrivateReplyIsOurs tells an attempt of ours whose answer was lost from a colleague's.
func TestALostPrivateReplyIsOurs(t *testing.T) {
	s := newSite(t, platformtest.Options{}, nil)
	c := s.write(t, platformtest.Comment{Text: "När öppnar ni?"})
	if err := s.SetFaults(platformtest.Faults{HalfBody: 1}); err != nil {
		t.Fatal(err)
	}
	if err := s.page.PrivateReply(soon(t), ref(c.ID), "Klockan åtta."); err == nil {
		t.Fatal("the lost answer passed for a success")
	}
	if err := s.SetFaults(platformtest.Faults{}); err != nil {
		t.Fatal(err)
	}
	if err := s.page.PrivateReply(soon(t), ref(c.ID), "Klockan åtta."); err != nil {
		t.Errorf("again: %v", err)
	}
	if err := s.page.PrivateReply(soon(t), ref(c.ID), "En sak till."); !errors.Is(err, platforms.ErrNotPermitted) {
		t.Errorf("another: %v, want ErrNotPermitted", err)
	}
}

func TestCannotHide(t *testing.T) {
	s := newSite(t, platformtest.Options{}, nil)
	c := s.write(t, platformtest.Comment{Text: "fy", CannotHide: true})
	if err := s.page.Hide(soon(t), receipt(t, ref(c.ID))); !errors.Is(err, platforms.ErrNotPermitted) {
		t.Errorf("%v, want ErrNotPermitted", err)
	}
	if got, err := s.page.Fetch(soon(t), ref(c.ID)); err != nil || !got.CannotHide {
		t.Errorf("fetched cannot hide %v, %v", got.CannotHide, err)
	}
}

// TestARefusalWithoutAReasonIsLookedInto serves a platform that will not say why, and the comment as it stands.
func TestARefusalWithoutAReasonIsLookedInto(t *testing.T) {
	const unsaid, refused = `{"error":{"code":1,"message":"unknown"}}`, `{"error":{"code":200,"message":"no"}}`
	for name, c := range map[string]struct {
		answer, comment string
		ok, permitted   bool
	}{
		"it is hidden already":           {unsaid, `{"id":"77_1","is_hidden":true}`, true, true},
		"hidden already, not permitted":  {refused, `{"id":"77_1","is_hidden":true}`, true, true},
		"nothing was done, and why":      {`{"success":false}`, `{"id":"77_1","is_hidden":false,"can_hide":false}`, false, false},
		"refused, and why":               {unsaid, `{"id":"77_1","is_hidden":false,"can_hide":false}`, false, false},
		"nothing was done":               {`{"success":false}`, `{"id":"77_1","is_hidden":false,"can_hide":true}`, false, true},
		"nothing was said, but was done": {`{}`, `{"id":"77_1","is_hidden":true}`, true, true},
		"neither is said":                {unsaid, unsaid, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					_, _ = io.WriteString(w, c.answer)
					return
				}
				_, _ = io.WriteString(w, c.comment)
			}))
			t.Cleanup(server.Close)
			err := newPage(t, server.URL, nil).Hide(soon(t), receipt(t, ref("77_1")))
			if (err == nil) != c.ok || errors.Is(err, platforms.ErrNotPermitted) == c.permitted {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAnotherPagesCommentIsRefused(t *testing.T) {
	s := newSite(t, platformtest.Options{}, nil)
	other := platformtest.DefaultAccounts()[1].ID
	post, err := s.AddPost(platformtest.Post{Account: other, Text: "x"})
	if err != nil {
		t.Fatal(err)
	}
	c := s.write(t, platformtest.Comment{Post: post.ID, Text: "fy"})
	if err := s.page.Hide(soon(t), receipt(t, ref(c.ID))); !errors.Is(err, platforms.ErrNotPermitted) {
		t.Errorf("%v, want ErrNotPermitted", err)
	}
	if s.comment(t, c.ID).Hidden {
		t.Error("it was hidden")
	}
}

// TestWhatRefusalsMean meets every refusal once, at the seam that moderation sees.
func TestWhatRefusalsMean(t *testing.T) {
	const retry, dead, no, gone, fault = "retry", "dead", "no", "gone", "fault"
	for _, c := range []struct {
		code, subcode int
		want          string
	}{
		{4, 0, retry}, {17, 0, retry}, {32, 0, retry}, {613, 0, retry}, {80000, 0, retry}, {80001, 2446079, retry}, {80099, 0, retry},
		{190, 458, dead}, {190, 460, dead}, {190, 463, dead},
		{10, 0, no}, {200, 0, no}, {299, 0, no}, {100, 33, gone}, {10900, 0, no},
		{1, 0, fault}, {2, 0, fault}, {100, 0, fault}, {79999, 0, fault}, {80100, 0, fault}, {300, 0, fault}, {9, 0, fault},
	} {
		t.Run(fmt.Sprintf("%d/%d", c.code, c.subcode), func(t *testing.T) {
			s := newSite(t, platformtest.Options{}, nil)
			id := s.write(t, platformtest.Comment{Text: "hej"}).ID
			if err := s.SetFaults(platformtest.Faults{Errors: []platformtest.Refusal{{Code: c.code, Subcode: c.subcode, RegainMinutes: 7}}}); err != nil {
				t.Fatal(err)
			}
			before := time.Now()
			_, err := s.page.Fetch(soon(t), ref(id))
			var wait *platforms.RetryAfterError
			got := fault
			switch {
			case err == nil:
				t.Fatal("no error")
			case errors.As(err, &wait):
				got = retry
				if d := wait.At.Sub(before); d < 7*time.Minute || d > 7*time.Minute+10*time.Second {
					t.Errorf("told to wait %v, want 7 minutes", d)
				}
			case errors.Is(err, platforms.ErrTokenDead):
				got = dead
			case errors.Is(err, platforms.ErrNotPermitted):
				got = no
			case errors.Is(err, platforms.ErrGone):
				got = gone
			}
			if got != c.want {
				t.Errorf("%v is taken for %q, want %q", err, got, c.want)
			}
		})
	}
}

// TestAnswersThatAreNone serves what a broken platform, or a proxy in between, might.
func TestAnswersThatAreNone(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		header string
		body   string
		wait   bool
	}{
		"503 with an empty object": {503, "", "{}", false},
		"502 with a page":          {502, "", "<html>Bad gateway</html>", false},
		"200 with a page":          {200, "", "<html>Sign in</html>", false},
		"200 with nothing":         {200, "", "", false},
		"200 with half":            {200, "", `{"id":"77_1","mess`, false},
		"200 with null":            {200, "", "null", false},
		"302":                      {302, "", "{}", false},
		"404 with an empty object": {404, "", "{}", false},
		"an error in odd shape":    {200, "", `{"error":"no"}`, false},
		"an error with odd codes":  {200, "", `{"error":{"code":{},"is_transient":"maybe"}}`, false},
		"429":                      {429, "", "{}", true},
		"429 with an hour":         {429, "3600", "slow down", true},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				calls++
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			t.Cleanup(server.Close)
			page := newPage(t, server.URL, func(cfg *facebook.Config) { cfg.Now = func() time.Time { return noon } })
			_, err := page.Fetch(soon(t), ref("77_1"))
			var wait *platforms.RetryAfterError
			switch {
			case err == nil:
				t.Fatal("no error")
			case errors.Is(err, platforms.ErrGone), errors.Is(err, platforms.ErrNotPermitted), errors.Is(err, platforms.ErrTokenDead):
				t.Errorf("a fault is taken for a refusal: %v", err)
			case errors.As(err, &wait) != c.wait:
				t.Errorf("%v", err)
			}
			want := noon.Add(time.Minute)
			if c.header != "" {
				want = noon.Add(time.Hour)
			}
			if c.wait && !wait.At.Equal(want) {
				t.Errorf("told to wait until %v, want %v", wait.At, want)
			}
			if err := page.Block(soon(t), platforms.Author{ID: "1001"}); err == nil {
				t.Error("it passes for a block that was made")
			}
			if c.wait && calls != 1 {
				t.Errorf("%d calls, though told to wait", calls)
			}
		})
	}
}

// TestSamplesOfErrors reads what others have been refused with.
func TestSamplesOfErrors(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "contracts", "samples", "fb-errors.jsonl"))
	if err != nil {
		t.Skip("the reference folder ../shared is not beside the repository")
	}
	want := []string{"wait", "wait", "dead", "dead", "dead", "no", "gone"}
	for i, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			_, _ = io.WriteString(w, line)
		}))
		_, err := newPage(t, server.URL, nil).Fetch(soon(t), ref("77_1"))
		server.Close()
		var wait *platforms.RetryAfterError
		ok := map[string]bool{"wait": errors.As(err, &wait), "dead": errors.Is(err, platforms.ErrTokenDead),
			"no": errors.Is(err, platforms.ErrNotPermitted), "gone": errors.Is(err, platforms.ErrGone)}
		if i >= len(want) || !ok[want[i]] {
			t.Errorf("line %d: %v", i+1, err)
		}
	}
}

func TestNoSecretsInErrorsOrAddresses(t *testing.T) {
	token := platformtest.DefaultAccounts()[0].Token
	var addresses []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		addresses = append(addresses, r.URL.String())
		if got := r.Header.Get("Authorization"); got != "Bearer "+token {
			t.Errorf("Authorization is %q", got)
		}
		panic(http.ErrAbortHandler)
	}))
	page := newPage(t, server.URL, nil)
	_, closed := page.Fetch(soon(t), ref("77_1"))
	server.Close()
	_, refused := page.Reply(soon(t), ref("77_1"), "hemlig text")
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	_, stopped := page.Fetch(cancelled, ref("77_1"))
	if !errors.Is(stopped, context.Canceled) {
		t.Errorf("cancelled: %v", stopped)
	}
	for _, err := range []error{closed, refused, stopped} {
		if err == nil {
			t.Fatal("no error")
		}
		for _, bad := range []string{token, secret, "appsecret_proof", "hemlig", "http://"} {
			if strings.Contains(err.Error(), bad) {
				t.Errorf("%q is in %q", bad, err)
			}
		}
	}
	for _, a := range addresses {
		if strings.Contains(a, token) {
			t.Errorf("the token is in an address")
		}
	}
	if len(addresses) == 0 {
		t.Error("the server was never called")
	}
}

func TestTheQuotaIsRespected(t *testing.T) {
	clock := noon
	s := newSite(t, platformtest.Options{Faults: platformtest.Faults{UsagePercent: 96}}, func(cfg *facebook.Config) {
		cfg.Now = func() time.Time { return clock }
	})
	c := s.write(t, platformtest.Comment{Text: "hej"})
	if _, err := s.page.Fetch(soon(t), ref(c.ID)); err != nil {
		t.Fatal(err)
	}
	var wait *platforms.RetryAfterError
	if _, err := s.page.Fetch(soon(t), ref(c.ID)); !errors.As(err, &wait) || !wait.At.Equal(noon.Add(time.Minute)) {
		t.Fatalf("at 96 %%: %v, want to be told to wait a minute", err)
	}
	if n := len(s.State().Calls); n != 1 {
		t.Errorf("%d calls reached the platform, want 1", n)
	}
	clock = noon.Add(time.Minute)
	if err := s.SetFaults(platformtest.Faults{UsagePercent: 10}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := s.page.Fetch(soon(t), ref(c.ID)); err != nil {
			t.Fatalf("after the wait: %v", err)
		}
	}
	if err := s.SetFaults(platformtest.Faults{Errors: []platformtest.Refusal{{Code: 80001, RegainMinutes: 5}}}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := s.page.Fetch(soon(t), ref(c.ID)); !errors.As(err, &wait) || !wait.At.Equal(clock.Add(5*time.Minute)) {
			t.Fatalf("throttled: %v", err)
		}
	}
	if n := len(s.State().Calls); n != 4 {
		t.Errorf("%d calls reached the platform, want 4: a throttled page keeps quiet", n)
	}
}

// TestALostAnswerIsNoLostAct does what moderation does after a timeout: the same again.
func TestALostAnswerIsNoLostAct(t *testing.T) {
	for name, f := range map[string]platformtest.Faults{"timeout": {TimeoutAfter: 1, HangMS: 1}, "half the answer": {HalfBody: 1}} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, platformtest.Options{Faults: f}, nil)
			c := s.write(t, platformtest.Comment{Text: "fy"})
			r := receipt(t, ref(c.ID))
			if err := s.page.Hide(soon(t), r); err == nil {
				t.Fatal("the lost answer passed for a success")
			}
			if !s.comment(t, c.ID).Hidden {
				t.Fatal("the platform did not do it: this tests nothing")
			}
			if err := s.SetFaults(platformtest.Faults{}); err != nil {
				t.Fatal(err)
			}
			if err := s.page.Hide(soon(t), r); err != nil {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// collect gathers what CatchUp hands over.
func collect(t *testing.T, p *facebook.Page, since time.Time) []platforms.Event {
	t.Helper()
	var events []platforms.Event
	err := p.CatchUp(soon(t), since, func(_ context.Context, batch []platforms.Event) error {
		if len(batch) == 0 || len(batch) > 100 {
			t.Errorf("a batch of %d", len(batch))
		}
		events = append(events, batch...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestCatchUpAfterAnOutage(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	since := now.Add(-2 * time.Hour)
	s := newSite(t, platformtest.Options{}, nil)
	old, err := s.AddPost(platformtest.Post{Account: pageID, Text: "gammalt", Posted: now.AddDate(-1, 0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{} // id: text
	for i := range 250 {
		c := s.write(t, platformtest.Comment{Text: fmt.Sprint("ny ", i), Posted: now.Add(-time.Hour)})
		want[c.ID] = c.Text
	}
	var first platformtest.Comment
	for i := range 150 { // long before: on the old post, and not to be read again
		c := s.write(t, platformtest.Comment{Post: old.ID, Text: fmt.Sprint("gammal ", i), Posted: now.AddDate(0, -6, 0)})
		if i == 0 {
			first = c
		}
	}
	late := s.write(t, platformtest.Comment{Post: old.ID, Parent: first.ID, Text: "sent svar", Posted: since})
	want[late.ID] = late.Text
	edited := s.write(t, platformtest.Comment{Text: "snällt", Posted: since.Add(-3 * time.Hour)})
	if err := s.Edit(edited.ID, "elakt"); err != nil {
		t.Fatal(err)
	}
	want[edited.ID] = "elakt"
	hidden := s.write(t, platformtest.Comment{Text: "dold av en kollega", Posted: since.Add(-3 * time.Hour)})
	if err := s.SetHidden(hidden.ID, true); err != nil {
		t.Fatal(err)
	}
	want[hidden.ID] = hidden.Text
	gone := s.write(t, platformtest.Comment{Text: "borta", Posted: now})
	if err := s.Remove(gone.ID); err != nil {
		t.Fatal(err)
	}

	events := collect(t, s.page, since)
	got := map[string]string{}
	for _, e := range events {
		c := e.Comment
		if e.Kind != platforms.Added || e.Via != "backfill" || e.Incomplete || c.Ref != ref(c.Ref.Comment) || len(e.Raw) == 0 || e.At != c.Posted {
			t.Errorf("%s: %s via %s", c.Ref, e.Kind, e.Via)
		}
		if c.Hidden != (c.Ref.Comment == hidden.ID) {
			t.Errorf("%s: hidden is %v", c.Ref, c.Hidden)
		}
		if _, twice := got[c.Ref.Comment]; twice {
			t.Errorf("%s came twice", c.Ref)
		}
		got[c.Ref.Comment] = c.Text
	}
	if len(got) != len(want) {
		t.Errorf("%d comments, want %d", len(got), len(want))
	}
	for id, text := range want {
		if got[id] != text {
			t.Errorf("%s is %q, want %q", id, got[id], text)
		}
	}
	for _, e := range events {
		if e.Comment.Ref.Comment == late.ID && (e.Comment.Post != old.ID || e.Comment.Parent != first.ID) {
			t.Errorf("the late reply stands under %s, %s", e.Comment.Post, e.Comment.Parent)
		}
	}
}

// TestNextIsFollowedOnOurOwnHost lets the simulator's absolute next lead elsewhere.
func TestNextIsFollowedOnOurOwnHost(t *testing.T) {
	s := newSite(t, platformtest.Options{}, nil)
	for i := range 120 {
		s.write(t, platformtest.Comment{Text: fmt.Sprint(i)})
	}
	proxied := 0
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxied++
		if r.URL.Query().Has("access_token") {
			t.Error("the token that next carries was sent along in an address")
		}
		target := s.URL() + r.URL.RequestURI()
		req, err := http.NewRequestWithContext(r.Context(), r.Method, target, r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		req.Header = r.Header
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		defer res.Body.Close()
		_, _ = io.Copy(w, res.Body) // its next leads past this proxy, to the simulator
	}))
	t.Cleanup(proxy.Close)
	page := newPage(t, proxy.URL+"/", nil)
	if got := len(collect(t, page, time.Now().Add(-time.Hour))); got != 120 {
		t.Errorf("%d comments, want 120", got)
	}
	if calls := len(s.State().Calls); calls != proxied {
		t.Errorf("%d calls of %d went past the proxy", calls-proxied, calls)
	}
}

func TestAUsersTokenIsNoEmptyPage(t *testing.T) {
	s := newSite(t, platformtest.Options{}, func(cfg *facebook.Config) { cfg.PageToken = platformtest.UserToken })
	s.write(t, platformtest.Comment{Text: "hej"})
	err := s.page.CatchUp(soon(t), time.Now().Add(-time.Hour), func(context.Context, []platforms.Event) error {
		t.Error("the sink was called")
		return nil
	})
	if !errors.Is(err, platforms.ErrTokenDead) {
		t.Errorf("%v, want ErrTokenDead", err)
	}
}

func TestAnEmptyFeedWithPostsIsAnError(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/me"):
			_, _ = io.WriteString(w, `{"id":"`+pageID+`"}`)
		case strings.HasSuffix(r.URL.Path, "/published_posts"):
			_, _ = io.WriteString(w, `{"data":[{"id":"`+pageID+`_1"}]}`)
		default:
			_, _ = io.WriteString(w, `{"data":[]}`)
		}
	}))
	t.Cleanup(server.Close)
	err := newPage(t, server.URL, nil).CatchUp(soon(t), noon, nil)
	if !errors.Is(err, platforms.ErrTokenDead) {
		t.Errorf("%v, want ErrTokenDead", err)
	}
}

func TestPagingThatLeadsInACircleEnds(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"data":[{"id":"`+pageID+`_1"}],"paging":{"next":"https://elsewhere.example/x?after=`+url.QueryEscape("same")+`"}}`)
	}))
	t.Cleanup(server.Close)
	if _, err := newPage(t, server.URL, nil).Posts(soon(t), noon); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want an error of its own", err)
	}
}

func TestCatchUpEndsWithTheSinksError(t *testing.T) {
	s := newSite(t, platformtest.Options{}, nil)
	for range 150 {
		s.write(t, platformtest.Comment{Text: "hej"})
	}
	full, calls := errors.New("disk full"), 0
	err := s.page.CatchUp(soon(t), time.Now().Add(-time.Hour), func(context.Context, []platforms.Event) error { calls++; return full })
	if !errors.Is(err, full) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

func TestPostsSince(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	s := newSite(t, platformtest.Options{}, nil)
	for i := range 130 {
		if _, err := s.AddPost(platformtest.Post{Account: pageID, Text: fmt.Sprint(i), Posted: now.Add(-time.Duration(i) * time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	for since, want := range map[time.Time]int{{}: 131, now.Add(-10 * time.Hour): 12, now.Add(-110 * time.Hour): 112} {
		posts, err := s.page.Posts(soon(t), since)
		if err != nil || len(posts) != want {
			t.Errorf("since %v: %d posts, want %d; %v", since, len(posts), want, err)
		}
	}
	post, err := s.page.FetchPost(soon(t), s.post.ID)
	if err != nil || post.Text != "Budget 2027" || post.ID != s.post.ID || post.Channel != "rs-facebook" || post.Posted.IsZero() || post.Permalink == "" {
		t.Errorf("%+v, %v", post, err)
	}
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	failing := func(checks []platforms.Check) []string {
		var names []string
		for _, c := range checks {
			if c.SV == "" || c.EN == "" {
				t.Errorf("%s says nothing", c.Name)
			}
			if strings.Contains(c.EN, "simulated-") {
				t.Errorf("%s tells the token", c.Name)
			}
			if !c.OK {
				names = append(names, c.Name)
			}
		}
		return names
	}
	for name, c := range map[string]struct {
		change func(*facebook.Config)
		unsub  bool
		want   []string
	}{
		"all well":     {nil, false, nil},
		"no app":       {func(cfg *facebook.Config) { cfg.AppID, cfg.AppSecret = "", "" }, false, nil},
		"user's token": {func(cfg *facebook.Config) { cfg.PageToken = platformtest.UserToken }, false, []string{"token"}},
		"wrong token":  {func(cfg *facebook.Config) { cfg.PageToken = "simulated-nonsense" }, false, []string{"token"}},
		"unsubscribed": {nil, true, []string{"webhook"}},
		"clock":        {func(cfg *facebook.Config) { cfg.Now = func() time.Time { return time.Now().Add(time.Minute) } }, false, []string{"clock"}},
		"nobody there": {func(cfg *facebook.Config) { cfg.BaseURL = "http://127.0.0.1:1" }, false, []string{"token", "clock"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, platformtest.Options{}, c.change)
			if c.unsub {
				req, _ := http.NewRequest(http.MethodDelete, s.URL()+"/"+pageID+"/subscribed_apps?access_token="+platformtest.DefaultAccounts()[0].Token, nil)
				res, err := http.DefaultClient.Do(req)
				if err != nil || res.StatusCode != 200 {
					t.Fatal(res, err)
				}
				res.Body.Close()
			}
			if got := failing(s.page.Check(soon(t))); !slices.Equal(got, c.want) {
				t.Errorf("failing: %v, want %v", got, c.want)
			}
			if c.unsub {
				if err := s.page.Subscribe(soon(t)); err != nil {
					t.Fatal(err)
				}
				if got := failing(s.page.Check(soon(t))); len(got) != 0 {
					t.Errorf("after subscribing: %v", got)
				}
			}
		})
	}
}

// TestATokenThatEndsSoon is told before it is an outage.
func TestATokenThatEndsSoon(t *testing.T) {
	for name, c := range map[string]struct {
		token string
		ends  time.Time
		ok    bool
	}{
		"never":              {`"expires_at":0,"data_access_expires_at":0`, time.Time{}, true},
		"in two months":      {fmt.Sprintf(`"expires_at":%d`, noon.AddDate(0, 2, 0).Unix()), noon.AddDate(0, 2, 0), true},
		"in three days":      {fmt.Sprintf(`"expires_at":%d`, noon.AddDate(0, 0, 3).Unix()), noon.AddDate(0, 0, 3), false},
		"the consent lapses": {fmt.Sprintf(`"expires_at":0,"data_access_expires_at":%d`, noon.AddDate(0, 0, 2).Unix()), noon.AddDate(0, 0, 2), false},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case strings.HasSuffix(r.URL.Path, "/debug_token"):
					_, _ = io.WriteString(w, `{"data":{"type":"PAGE","is_valid":true,`+c.token+`,"scopes":[]}}`)
				case strings.HasSuffix(r.URL.Path, "/me"):
					_, _ = io.WriteString(w, `{"id":"`+pageID+`"}`)
				default:
					_, _ = io.WriteString(w, `{"data":[]}`)
				}
			}))
			t.Cleanup(server.Close)
			checks := newPage(t, server.URL, func(cfg *facebook.Config) { cfg.Now = func() time.Time { return noon } }).Check(soon(t))
			token := checks[0]
			if token.Name != "token" || token.OK != c.ok || !token.Expires.Equal(c.ends) || !strings.Contains(token.EN, "PAGE") {
				t.Errorf("%+v", token)
			}
		})
	}
}

func TestPageConfigIsChecked(t *testing.T) {
	good := facebook.Config{Channel: channel(), PageToken: "t"}
	for name, change := range map[string]func(*facebook.Config){
		"no channel":     func(c *facebook.Config) { c.Channel.ID = "" },
		"other platform": func(c *facebook.Config) { c.Channel.Platform = platforms.X },
		"no page":        func(c *facebook.Config) { c.Channel.Account = "" },
		"page as path":   func(c *facebook.Config) { c.Channel.Account = "a/b" },
		"no token":       func(c *facebook.Config) { c.PageToken = "" },
		"no host":        func(c *facebook.Config) { c.BaseURL = "graph" },
		"a query":        func(c *facebook.Config) { c.BaseURL = "https://h/?access_token=x" },
	} {
		cfg := good
		change(&cfg)
		if _, err := facebook.NewPage(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := facebook.NewPage(good); err != nil {
		t.Error(err)
	}
}

func TestCallsMayRunSideBySide(t *testing.T) {
	s := newSite(t, platformtest.Options{}, nil)
	c := s.write(t, platformtest.Comment{Text: "hej"})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, err := s.page.Fetch(soon(t), ref(c.ID)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := s.actions(); len(got) != 16 {
		t.Errorf("%d calls, want 16", len(got))
	}
}

// answers is a platform that answers everything with the same bytes.
type answers []byte

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(a)), Request: r}, nil
}

// FuzzAnswer reads whatever a platform may say.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"id":"77_1","message":"hej","from":{"id":1001},"attachment":{"type":"photo","media":{"image":{"src":"x"}}}}`))
	f.Add([]byte(`{"data":[{"id":"1_1","created_time":"2026-11-22T11:00:00+0000"},{}],"paging":{"next":"https://x/?after=a"}}`))
	f.Add([]byte(`{"error":{"code":"190","error_subcode":463,"is_transient":[]}}`))
	f.Add([]byte(`true`))
	f.Fuzz(func(t *testing.T, b []byte) {
		page := newPage(t, "http://platform.invalid", func(cfg *facebook.Config) { cfg.HTTPClient = &http.Client{Transport: answers(b)} })
		c, err := page.Fetch(context.Background(), ref("77_1"))
		if err == nil && (c.Ref != ref("77_1") || !utf8.ValidString(c.Text) || strings.ContainsRune(c.Text, 0) || c.Revision() == "") {
			t.Errorf("not a comment: %+v", c)
		}
		if err != nil && strings.Contains(err.Error(), "simulated-page-token") {
			t.Error("the error tells the token")
		}
		posts, err := page.Posts(context.Background(), noon)
		for _, p := range posts {
			if err == nil && (p.ID == "" || p.Channel == "") {
				t.Errorf("not a post: %+v", p)
			}
		}
	})
}
