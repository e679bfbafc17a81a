package facebook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"takhojd/platforms"
	"takhojd/platforms/facebook"
	"takhojd/platforms/platformtest"
)

func instagramChannel() platforms.Channel {
	return platforms.Channel{ID: "rs-instagram", Platform: platforms.Instagram, Account: instagramAccounts[0].ID, Name: "regionstockholm"}
}

func instagramRef(comment string) platforms.Ref {
	return platforms.Ref{Platform: platforms.Instagram, Channel: "rs-instagram", Comment: comment}
}

// instagramBody wraps values as a delivery of comments on the account's media.
func instagramBody(values ...string) []byte {
	changes := make([]string, len(values))
	for i, v := range values {
		changes[i] = `{"field":"comments","value":` + v + `}`
	}
	return []byte(`{"object":"instagram","entry":[{"id":"` + instagramAccounts[0].ID + `","time":1795345000,"changes":[` + strings.Join(changes, ",") + `]}]}`)
}

// gram is an Instagram account on a simulated platform, with one medium.
type gram struct {
	*platformtest.Server
	account *facebook.Instagram
	post    platformtest.Post
}

func newGram(t testing.TB, change func(*facebook.Config)) *gram {
	t.Helper()
	s, err := platformtest.Start(context.Background(), platformtest.Options{AppSecret: secret, VerifyToken: verify, Accounts: instagramAccounts})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	g := &gram{Server: s, account: newInstagram(t, s.URL(), change)}
	g.post = g.publish(t, time.Time{})
	return g
}

func (g *gram) publish(t testing.TB, at time.Time) platformtest.Post {
	t.Helper()
	post, err := g.AddPost(platformtest.Post{Account: instagramAccounts[0].ID, Text: "Nya tåg", Posted: at})
	if err != nil {
		t.Fatal(err)
	}
	return post
}

func (g *gram) write(t testing.TB, c platformtest.Comment) platformtest.Comment {
	t.Helper()
	if c.Post == "" {
		c.Post = g.post.ID
	}
	if c.AuthorID == "" {
		c.AuthorID, c.Author = "1001", "Anna Andersson"
	}
	made, err := g.AddComment(c)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// count is how often the platform was asked for an action.
func count(s *platformtest.Server, action string) (n int) {
	for _, c := range s.State().Calls {
		if c.Action == action {
			n++
		}
	}
	return n
}

func TestInstagramDeliveries(t *testing.T) {
	h := newHook(t, nil)
	account := instagramAccounts[0].ID
	deliver := func(field, value string) []platforms.Event {
		t.Helper()
		h.events = nil
		body := strings.Replace(string(instagramBody(value)), `"comments"`, `"`+field+`"`, 1)
		if w := h.post([]byte(body)); w.Code != 200 {
			t.Fatalf("HTTP %d", w.Code)
		}
		return h.events
	}
	const whole = `{"id":"179","text":"hej","from":{"id":"1001","username":"anna"},"media":{"id":"180","media_product_type":"FEED"}}`
	for _, field := range []string{"comments", "live_comments"} {
		got := deliver(field, whole)
		if len(got) != 1 {
			t.Fatalf("%s: %d events", field, len(got))
		}
		e, c := got[0], got[0].Comment
		if e.Kind != platforms.Added || e.Incomplete || c.Ref != instagramRef("179") || c.Post != "180" || c.Parent != "" || c.Text != "hej" || c.Own ||
			c.Author != (platforms.Author{ID: "1001", Name: "anna"}) || !e.At.Equal(time.Unix(1795345000, 0)) || !c.Posted.Equal(e.At) {
			t.Errorf("%s: %+v", field, e)
		}
	}
	if got := deliver("comments", `{"id":"17","text":"Tack","from":{"id":"`+account+`"},"media":{"id":"180"},"parent_id":"179"}`); !got[0].Comment.Own || got[0].Comment.Parent != "179" {
		t.Errorf("our own answer: %+v", got[0].Comment)
	}
	for name, value := range map[string]string{"no text": `{"id":"1","from":{"id":"2"},"media":{"id":"3"}}`, "no author": `{"id":"1","text":"a","media":{"id":"3"}}`,
		"no medium": `{"id":"1","text":"a","from":{"id":"2"}}`, "an odd text": `{"id":"1","text":{"x":1},"from":{"id":"2"},"media":{"id":"3"}}`} {
		if got := deliver("comments", value); len(got) != 1 || !got[0].Incomplete {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := deliver("mentions", whole); len(got) != 0 {
		t.Errorf("a mention became %+v", got)
	}
	if n := h.logs.Len(); n != 0 {
		t.Errorf("%d lines in the log about what the platform sends as a matter of course", n)
	}
	h.events = nil
	for _, strange := range []string{`{"object":"instagram","entry":[{"id":"` + pageID + `","changes":[{"field":"comments","value":` + whole + `}]}]}`,
		`{"object":"page","entry":[{"id":"` + account + `","changes":[{"field":"feed","value":` + said(1, "hej") + `}]}]}`} {
		if w := h.post([]byte(strange)); w.Code != 200 || len(h.events) != 0 {
			t.Errorf("one platform's delivery about the other's account: HTTP %d, %d events", w.Code, len(h.events))
		}
	}
}

func TestSampleOfAnInstagramDelivery(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "contracts", "samples", "ig-comments-2025.json"))
	if err != nil {
		t.Skip("the reference folder ../shared is not beside the repository")
	}
	const account = "17841474524784050"
	h := newHook(t, func(cfg *facebook.WebhookConfig) {
		cfg.Channels = map[string]platforms.Channel{account: {ID: "ig", Platform: platforms.Instagram, Account: account}}
	})
	if w := h.post(b); w.Code != 200 || len(h.events) != 1 {
		t.Fatalf("HTTP %d, %d events", w.Code, len(h.events))
	}
	if c := h.events[0].Comment; !c.Own || c.Post != "18172143295349192" || c.Parent != "17870913679156914" || c.Text != "hej" || c.Author.Name == "" {
		t.Errorf("%+v", c)
	}
}

func TestAHiddenCommentIsNotAnswered(t *testing.T) {
	g := newGram(t, nil)
	c := g.write(t, platformtest.Comment{Text: "fy"})
	if err := g.SetHidden(c.ID, true); err != nil {
		t.Fatal(err)
	}
	if _, err := g.account.Reply(soon(t), instagramRef(c.ID), "svar"); !errors.Is(err, platforms.ErrNotPermitted) {
		t.Errorf("%v, want ErrNotPermitted", err)
	}
	if n := count(g.Server, "reply"); n != 0 {
		t.Error("it was tried")
	}
}

func TestOurOwnInstagramCommentsStayVisible(t *testing.T) {
	g := newGram(t, nil)
	c := g.write(t, platformtest.Comment{AuthorID: instagramAccounts[0].ID, Text: "Tack"})
	if got, err := g.account.Fetch(soon(t), instagramRef(c.ID)); err != nil || !got.Own || !got.CannotHide {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestAnAnswerIsGivenOnce loses the platform's word for an answer, and tries again as moderation does.
func TestAnAnswerIsGivenOnce(t *testing.T) {
	for name, account := range map[string]platformtest.Account{"page": {ID: pageID, Token: "t"}, "instagram": instagramAccounts[0]} {
		t.Run(name, func(t *testing.T) {
			var server *platformtest.Server
			var lose atomic.Bool // read by the server's calls
			lose.Store(true)
			server, err := platformtest.Start(context.Background(), platformtest.Options{AppSecret: secret, Accounts: []platformtest.Account{account},
				OnCall: func(c platformtest.Call) {
					if c.Action == "reply" && lose.Load() {
						_ = server.SetFaults(platformtest.Faults{HalfBody: 1})
					}
				}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = server.Close() })
			post, err := server.AddPost(platformtest.Post{Account: account.ID, Text: "Nytt"})
			if err != nil {
				t.Fatal(err)
			}
			c, err := server.AddComment(platformtest.Comment{Post: post.ID, AuthorID: "1001", Author: "Anna", Text: "När öppnar ni?"})
			if err != nil {
				t.Fatal(err)
			}
			const text = "Klockan åtta."
			// Somebody else says the same: that is not our answer.
			if _, err := server.AddComment(platformtest.Comment{Post: post.ID, Parent: c.ID, AuthorID: "7", Author: "Bo", Text: text}); err != nil {
				t.Fatal(err)
			}
			reply := newPage(t, server.URL(), func(cfg *facebook.Config) { cfg.PageToken = account.Token }).Reply
			to := ref(c.ID)
			if name == "instagram" {
				reply, to = newInstagram(t, server.URL(), nil).Reply, instagramRef(c.ID)
			}
			if _, err := reply(soon(t), to, text); err == nil {
				t.Fatal("the lost answer passed for a success")
			}
			lose.Store(false)
			if err := server.SetFaults(platformtest.Faults{}); err != nil {
				t.Fatal(err)
			}
			id, err := reply(soon(t), to, text)
			if err != nil {
				t.Fatal(err)
			}
			ours := 0
			for _, k := range server.State().Comments {
				if k.AuthorID == account.ID {
					ours++
					if k.ID != id || k.Text != text || k.Parent != c.ID {
						t.Errorf("the answer is %s, but %s was returned", k.ID, id)
					}
				}
			}
			if ours != 1 {
				t.Errorf("it stands there %d times", ours)
			}
			if other, err := reply(soon(t), to, "Klockan nio på lördagar."); err != nil || other == id {
				t.Errorf("another answer: %s, %v", other, err)
			}
		})
	}
}

// TestALongThreadIsReadToItsEnd has more answers than come with their comment, and keeps each record to its own words.
func TestALongThreadIsReadToItsEnd(t *testing.T) {
	g := newGram(t, nil)
	long, short := g.write(t, platformtest.Comment{Text: "lång tråd"}), g.write(t, platformtest.Comment{Text: "kort tråd"})
	for i := range 130 {
		g.write(t, platformtest.Comment{Parent: long.ID, Text: fmt.Sprint("svar ", i)})
	}
	answer := g.write(t, platformtest.Comment{Parent: short.ID, Text: "ett enda ord"})
	got := map[string]platforms.Comment{}
	if err := g.account.CatchUp(soon(t), time.Now().Add(-time.Hour), func(_ context.Context, events []platforms.Event) error {
		for _, e := range events {
			got[e.Comment.Ref.Comment] = e.Comment
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(got) != 133 {
		t.Errorf("%d comments, want 133", len(got))
	}
	for id, c := range got {
		if want, _ := g.State().Comment(id); c.Parent != want.Parent || c.Text != want.Text {
			t.Errorf("%s: %q under %q", id, c.Text, c.Parent)
		}
	}
	if raw := string(got[short.ID].Raw); strings.Contains(raw, "ett enda ord") || !strings.Contains(raw, "kort tråd") {
		t.Errorf("%s holds another's words, or not its own: %s", short.ID, raw)
	}
	if !strings.Contains(string(got[answer.ID].Raw), "ett enda ord") {
		t.Error("an answer's raw does not hold its words")
	}
}

func TestAnInstagramTokenThatReadsNothing(t *testing.T) {
	for name, answers := range map[string]map[string]string{
		"no such account": {"": `{"error":{"code":100,"error_subcode":33}}`},
		"not permitted":   {"": `{"error":{"code":10}}`},
		"an empty list":   {"": `{"id":"` + instagramAccounts[0].ID + `","media_count":3}`, "media": `{"data":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/media") {
					_, _ = io.WriteString(w, answers["media"])
					return
				}
				_, _ = io.WriteString(w, answers[""])
			}))
			t.Cleanup(server.Close)
			account := newInstagram(t, server.URL, nil)
			if err := account.CatchUp(soon(t), noon, nil); !errors.Is(err, platforms.ErrTokenDead) {
				t.Errorf("%v, want ErrTokenDead", err)
			}
			if name == "an empty list" {
				return
			}
			if _, err := account.Fetch(soon(t), instagramRef("179")); errors.Is(err, platforms.ErrGone) {
				t.Errorf("what the token may not see passes for gone: %v", err)
			}
			if err := account.Listen(soon(t), nil); !errors.Is(err, platforms.ErrTokenDead) {
				t.Errorf("listening: %v, want ErrTokenDead", err)
			}
		})
	}
}

// ear hears what Listen hands over.
type ear struct {
	mu     sync.Mutex
	events []platforms.Event
	refuse int // so many times the sink fails first
}

func (e *ear) sink(_ context.Context, events []platforms.Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refuse > 0 {
		e.refuse--
		return errors.New("the disk is full")
	}
	e.events = append(e.events, events...)
	return nil
}

// hears waits until something of the kind was heard about the comment.
func (e *ear) hears(t *testing.T, kind platforms.EventKind, comment string) platforms.Event {
	t.Helper()
	for late := time.Now().Add(20 * time.Second); time.Now().Before(late); time.Sleep(2 * time.Millisecond) {
		e.mu.Lock()
		i := slices.IndexFunc(e.events, func(ev platforms.Event) bool { return ev.Kind == kind && ev.Comment.Ref.Comment == comment })
		if i >= 0 {
			defer e.mu.Unlock()
			return e.events[i]
		}
		e.mu.Unlock()
	}
	t.Fatalf("%s of %s was not heard", kind, comment)
	return platforms.Event{}
}

func (e *ear) listen(t *testing.T, account *facebook.Instagram) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- account.Listen(ctx, e.sink) }()
	t.Cleanup(func() { cancel(); <-ended })
}

func TestWhatIsRegrettedWithinTheMinute(t *testing.T) {
	g, heard := newGram(t, nil), &ear{refuse: 2}
	said := func(c platformtest.Comment) platforms.Event {
		return platforms.Event{Kind: platforms.Added, At: time.Now(), Comment: platforms.Comment{Ref: instagramRef(c.ID), Post: c.Post, Text: c.Text,
			Author: platforms.Author{ID: c.AuthorID}}}
	}
	removed, edited, stays := g.write(t, platformtest.Comment{Text: "ångrad"}), g.write(t, platformtest.Comment{Text: "snäll"}), g.write(t, platformtest.Comment{Text: "kvar"})
	g.account.Told([]platforms.Event{said(removed), said(edited), said(stays)})
	if err := errors.Join(g.Remove(removed.ID), g.Edit(edited.ID, "elak")); err != nil {
		t.Fatal(err)
	}
	heard.listen(t, g.account) // it has never seen them as they were
	heard.hears(t, platforms.Removed, removed.ID)
	if e := heard.hears(t, platforms.Edited, edited.ID); e.Comment.Text != "elak" {
		t.Errorf("edited into %q", e.Comment.Text)
	}
	last := g.write(t, platformtest.Comment{Text: "den sista"})
	heard.hears(t, platforms.Edited, last.ID) // it has looked once more by now
	heard.mu.Lock()
	defer heard.mu.Unlock()
	times := map[string]int{}
	for _, e := range heard.events {
		times[e.Comment.Ref.Comment]++
	}
	if times[stays.ID] != 0 || times[removed.ID] != 1 || times[edited.ID] != 1 {
		t.Errorf("of what stays %d events, of what was removed %d, of what was edited %d", times[stays.ID], times[removed.ID], times[edited.ID])
	}
}

// TestALeftOutCommentIsNotGone serves a list that forgets a comment which is still there.
func TestALeftOutCommentIsNotGone(t *testing.T) {
	const whole = `{"id":"179","text":"hej","from":{"id":"1"},"timestamp":"2026-11-22T11:00:00+0000","media":{"id":"180"}}`
	var mu sync.Mutex
	lists, looks := []string{whole, "", `{"id":"178","text":"ny","from":{"id":"1"},"timestamp":"2026-11-22T11:00:00+0000"}`}, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case strings.HasSuffix(r.URL.Path, "/media"):
			_, _ = io.WriteString(w, `{"data":[{"id":"180","timestamp":"2026-11-22T10:00:00+0000"}]}`)
		case strings.HasSuffix(r.URL.Path, "/comments"):
			_, _ = io.WriteString(w, `{"data":[`+lists[min(looks, len(lists)-1)]+`]}`)
			looks++
		case strings.HasSuffix(r.URL.Path, "/179"):
			_, _ = io.WriteString(w, whole)
		default:
			_, _ = io.WriteString(w, `{"id":"`+instagramAccounts[0].ID+`"}`)
		}
	}))
	t.Cleanup(server.Close)
	heard := &ear{}
	heard.listen(t, newInstagram(t, server.URL, func(cfg *facebook.Config) { cfg.Now = func() time.Time { return noon } }))
	heard.hears(t, platforms.Edited, "178")
	heard.mu.Lock()
	defer heard.mu.Unlock()
	for _, e := range heard.events {
		if e.Kind == platforms.Removed {
			t.Errorf("%s was told as removed", e.Comment.Ref)
		}
	}
}

func TestInstagramCheckFindsWhatIsWrong(t *testing.T) {
	g := newGram(t, nil)
	failing := func() (names []string) {
		for _, c := range g.account.Check(soon(t)) {
			if !c.OK {
				names = append(names, c.Name)
			}
		}
		return names
	}
	if got := failing(); len(got) != 0 {
		t.Errorf("all is well, and failing: %v", got)
	}
	req, _ := http.NewRequest(http.MethodDelete, g.URL()+"/"+instagramAccounts[0].ID+"/subscribed_apps?access_token="+instagramAccounts[0].Token, nil)
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != 200 {
		t.Fatal(res, err)
	}
	res.Body.Close()
	if got := failing(); !slices.Equal(got, []string{"webhook"}) {
		t.Errorf("unsubscribed, and failing: %v", got)
	}
	if err := g.account.Subscribe(soon(t)); err != nil || len(failing()) != 0 {
		t.Errorf("subscribed: %v, failing: %v", err, failing())
	}
}

// TestASubscriptionThatNobodyShows is an account that is reached through its page.
func TestASubscriptionThatNobodyShows(t *testing.T) {
	g := newGram(t, nil)
	for code, ok := range map[int]bool{100: true, 10: true, 32: false} {
		if err := g.SetFaults(platformtest.Faults{Errors: []platformtest.Refusal{{Code: code, Action: "subscriptions"}}}); err != nil {
			t.Fatal(err)
		}
		account := newInstagram(t, g.URL(), nil)
		checks := account.Check(soon(t))
		i := slices.IndexFunc(checks, func(c platforms.Check) bool { return c.Name == "webhook" })
		if i < 0 || checks[i].OK != ok {
			t.Errorf("code %d: %+v", code, checks)
		}
	}
}

// ours is a platform that knows the account, and else answers as it likes.
type ours struct{ answers }

func (o ours) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/"+instagramAccounts[0].ID) {
		return answers(`{"id":"` + instagramAccounts[0].ID + `"}`).RoundTrip(r)
	}
	return o.answers.RoundTrip(r)
}

// FuzzInstagramAnswer reads whatever a platform may say.
func FuzzInstagramAnswer(f *testing.F) {
	f.Add([]byte(`{"id":"179","text":"hej","from":{"id":1001},"media":{"id":180},"hidden":"no","timestamp":7}`))
	f.Add([]byte(`{"data":[{"id":"1","timestamp":"2026-11-22T11:00:00+0000","replies":{"data":[{"id":"2","text":"a"},{}],"paging":{"next":"x"}}}],"paging":{"next":"https://x/?after=a"}}`))
	f.Add([]byte(`{"data":[{"id":"1","comments_count":null},null]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		account := newInstagram(t, "http://platform.invalid", func(cfg *facebook.Config) { cfg.HTTPClient = &http.Client{Transport: ours{answers(b)}} })
		check := func(c platforms.Comment) {
			if c.Ref.Comment == "" || c.Ref.Channel == "" || !utf8.ValidString(c.Text) || strings.ContainsRune(c.Text, 0) {
				t.Errorf("not a comment: %+v", c)
			}
		}
		if c, err := account.Fetch(context.Background(), instagramRef("179")); err == nil {
			check(c)
		}
		_ = account.CatchUp(context.Background(), noon, func(_ context.Context, events []platforms.Event) error {
			for _, e := range events {
				check(e.Comment)
			}
			return nil
		})
		if _, err := account.FetchPost(context.Background(), "180"); err != nil && strings.Contains(err.Error(), "simulated-token") {
			t.Error("the error tells the token")
		}
	})
}

// TestListeningGivesWay lets two thirds of the quota be spent.
func TestListeningGivesWay(t *testing.T) {
	g := newGram(t, nil)
	for range 5 {
		g.publish(t, time.Now().Add(-time.Hour))
	}
	if err := g.SetFaults(platformtest.Faults{UsagePercent: 66}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	if err := g.account.Listen(ctx, (&ear{}).sink); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it ended with %v", err)
	}
	if n := count(g.Server, "comments"); n > 2 {
		t.Errorf("%d media were asked for", n)
	}
}
