package twitter_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"takhojd/archive"
	"takhojd/platforms"
	"takhojd/platforms/platformtest"
	"takhojd/platforms/twitter"
)

var ours = platforms.Channel{ID: "x", Platform: platforms.X, Account: accounts[0].ID, Name: "X"}

// scene is a simulated X with one post, and an account on it.
type scene struct {
	*testing.T
	x       *platformtest.Server
	account *twitter.Account
	post    platformtest.Post
	clock   clock
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{T: t}
	var err error
	if s.x, err = platformtest.Start(t.Context(), platformtest.Options{AppSecret: secret, Accounts: accounts, Now: s.clock.now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.x.Close() })
	s.account = newAccount(t, s.x, ours, accounts[0], func(cfg *twitter.Config) { cfg.Now = s.clock.now })
	if s.post, err = s.x.AddPost(platformtest.Post{Account: accounts[0].ID, Text: "Budget"}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *scene) write(c platformtest.Comment) platforms.Ref {
	s.Helper()
	c.Post = s.post.ID
	if c.AuthorID == "" {
		c.AuthorID, c.Author = "1001", "Anna Andersson"
	}
	made, err := s.x.AddComment(c)
	if err != nil {
		s.Fatal(err)
	}
	return platforms.Ref{Platform: platforms.X, Channel: "x", Comment: made.ID}
}

func (s *scene) calls(action string) (n int) {
	for _, c := range s.x.State().Calls {
		if c.Action == action {
			n++
		}
	}
	return n
}

func waits(err error) *platforms.RetryAfterError {
	var w *platforms.RetryAfterError
	errors.As(err, &w)
	return w
}

// TestFiftyHides: the fifty-first is refused here, without a call, until the window is over; and it stops nothing else.
func TestFiftyHides(t *testing.T) {
	s := newScene(t)
	ref := s.write(platformtest.Comment{Text: "Fy."})
	receipt := receiptFor(t, ref)
	first := s.clock.now()
	for i := range 50 {
		if err := s.account.Hide(t.Context(), receipt); err != nil {
			t.Fatalf("hide %d: %v", i+1, err)
		}
	}
	before := len(s.x.State().Calls)
	for _, act := range []func() error{
		func() error { return s.account.Hide(t.Context(), receipt) },
		func() error { return s.account.Unhide(t.Context(), ref) },
	} {
		w := waits(act())
		if w == nil || w.At.Sub(first).Round(time.Minute) != 15*time.Minute {
			t.Errorf("the fifty-first: %v, want to wait 15 minutes", w)
		}
	}
	if n := len(s.x.State().Calls) - before; n != 0 {
		t.Errorf("%d calls were made for it", n)
	}
	if _, err := s.account.Fetch(t.Context(), ref); err != nil {
		t.Errorf("reading waits, too: %v", err)
	}
	s.clock.move(15*time.Minute + time.Second)
	if err := s.account.Hide(t.Context(), receipt); err != nil {
		t.Errorf("in the next window: %v", err)
	}
}

// TestAnotherProcessSpentTheHides: the platform's headers count, where our own count knows nothing.
func TestAnotherProcessSpentTheHides(t *testing.T) {
	s := newScene(t)
	receipt := receiptFor(t, s.write(platformtest.Comment{Text: "Fy."}))
	for range 49 {
		if err := s.account.Hide(t.Context(), receipt); err != nil {
			t.Fatal(err)
		}
	}
	restarted := newAccount(t, s.x, ours, accounts[0], func(cfg *twitter.Config) { cfg.Now = s.clock.now })
	if err := restarted.Hide(t.Context(), receipt); err != nil {
		t.Fatalf("the fiftieth: %v", err)
	}
	before := s.calls("hide")
	if w := waits(restarted.Hide(t.Context(), receipt)); w == nil || s.calls("hide") != before {
		t.Errorf("the fifty-first after a restart: %v, %d calls", w, s.calls("hide")-before)
	}
}

// ledger remembers for several processes, until it forgets or fails.
type ledger struct {
	spent []time.Time
	away  bool
}

func (l *ledger) Share(_ context.Context, channel, call string, made []time.Time, _ time.Duration) ([]time.Time, error) {
	if l.away {
		return nil, errors.New("away")
	}
	for _, at := range made {
		if !slices.ContainsFunc(l.spent, at.Equal) {
			l.spent = append(l.spent, time.Unix(0, at.UnixNano())) // as it comes back from elsewhere
		}
	}
	return slices.Clone(l.spent), nil
}

// TestTheNextProcessKnowsOfTheHides: of three processes that have the account in turn, each knows what those before it spent, beside headers that say
// nothing; and a ledger that forgets everything, or is away for a while, is told again.
func TestTheNextProcessKnowsOfTheHides(t *testing.T) {
	s := newScene(t)
	known := &ledger{}
	coarse := func() time.Time { return s.clock.now().Truncate(time.Second) } // several calls at what it says is one time
	process := func() *twitter.Account {
		return newAccount(t, s.x, ours, accounts[0], func(cfg *twitter.Config) {
			cfg.Now, cfg.Ledger, cfg.HTTPClient = coarse, known, &http.Client{Transport: withoutLimits{}}
		})
	}
	receipt := receiptFor(t, s.write(platformtest.Comment{Text: "Fy."}))
	hide := func(a *twitter.Account, times int) {
		t.Helper()
		for i := range times {
			if err := a.Hide(t.Context(), receipt); err != nil {
				t.Fatalf("hide %d: %v", i+1, err)
			}
		}
	}
	first := process()
	hide(first, 20)
	known.spent = nil // flushed
	known.away = true
	hide(first, 5)
	known.away = false
	hide(first, 5)
	second := process()
	hide(second, 10)
	s.clock.move(5 * time.Minute)
	hide(second, 10)
	third := process()
	before := s.calls("hide")
	if w := waits(third.Hide(t.Context(), receipt)); w == nil || s.calls("hide") != before || w.At.Sub(s.clock.now()).Round(time.Minute) != 10*time.Minute {
		t.Errorf("the fifty-first: %v, %d calls, want to wait 10 minutes", w, s.calls("hide")-before)
	}
	s.clock.move(10*time.Minute + 2*time.Second)
	hide(third, 40) // ten of the last quarter of an hour are the second's
	if w := waits(third.Hide(t.Context(), receipt)); w == nil {
		t.Error("the fifty-first in the next quarter of an hour was made")
	}
	known.spent = nil
	for i := range 60 { // what is said of the future, or of long ago
		known.spent = append(known.spent, s.clock.now().Add(10*time.Minute+time.Duration(i)), s.clock.now().Add(-time.Hour-time.Duration(i)))
	}
	hide(process(), 1)
}

// withoutLimits takes away what an answer says of limits.
type withoutLimits struct{}

func (withoutLimits) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		for _, name := range []string{"x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset"} {
			res.Header.Del(name)
		}
	}
	return res, err
}

// TestSpentReadingHoldsNoHideBack: mentions that are spent keep CatchUp back, and nothing else.
func TestSpentReadingHoldsNoHideBack(t *testing.T) {
	s := newScene(t)
	receipt := receiptFor(t, s.write(platformtest.Comment{Text: "Fy."}))
	if err := s.x.SetFaults(platformtest.Faults{Errors: []platformtest.Refusal{{Kind: platformtest.Throttled, Action: "mentions", RegainMinutes: 9}}}); err != nil {
		t.Fatal(err)
	}
	err := s.account.CatchUp(t.Context(), s.clock.now().Add(-time.Hour), func(context.Context, []platforms.Event) error { return nil })
	if w := waits(err); w == nil || w.At.Sub(s.clock.now()) < 8*time.Minute {
		t.Errorf("catching up: %v, want to wait 9 minutes", err)
	}
	if err := s.account.Hide(t.Context(), receipt); err != nil {
		t.Errorf("hide: %v", err)
	}
}

// TestNoHideIsWasted: none of the fifty is spent on what is gone, or another's.
func TestNoHideIsWasted(t *testing.T) {
	s := newScene(t)
	gone, foreign := s.write(platformtest.Comment{Text: "Borta"}), s.write(platformtest.Comment{Text: "Hos andra", CannotHide: true})
	if err := s.x.Remove(gone.Comment); err != nil {
		t.Fatal(err)
	}
	if err := s.account.Hide(t.Context(), receiptFor(t, gone)); !errors.Is(err, platforms.ErrGone) {
		t.Errorf("what is gone: %v", err)
	}
	if err := s.account.Hide(t.Context(), receiptFor(t, foreign)); !errors.Is(err, platforms.ErrNotPermitted) {
		t.Errorf("in another's conversation: %v", err)
	}
	if n := s.calls("hide"); n != 0 {
		t.Errorf("%d hides were spent", n)
	}
	if err := s.account.Hide(t.Context(), archive.Receipt{}); !errors.Is(err, archive.ErrNoReceipt) {
		t.Errorf("without a receipt: %v", err)
	}
}

// TestEdited: a comment keeps the id of its first version; it is read, found and hidden as its newest.
func TestEdited(t *testing.T) {
	s := newScene(t)
	ref := s.write(platformtest.Comment{Text: "Före"})
	s.clock.move(time.Minute)
	if err := s.x.Edit(ref.Comment, "Efter"); err != nil {
		t.Fatal(err)
	}
	posted, err := s.account.Fetch(t.Context(), ref)
	if err != nil || posted.Text != "Efter" || posted.Ref != ref || posted.Posted.After(s.clock.now().Add(-30*time.Second)) {
		t.Errorf("fetched %+v, %v", posted, err)
	}
	var found []platforms.Event
	err = s.account.CatchUp(t.Context(), s.clock.now().Add(-10*time.Second), func(_ context.Context, e []platforms.Event) error { found = append(found, e...); return nil })
	if err != nil || len(found) != 1 || found[0].Kind != platforms.Edited || found[0].Comment.Ref != ref || found[0].Comment.Revision() != posted.Revision() {
		t.Errorf("found %+v, %v: the edit is younger than the comment", found, err)
	}
	if err := s.account.Hide(t.Context(), receiptFor(t, ref)); err != nil {
		t.Fatal(err)
	}
	if c, _ := s.x.State().Comment(ref.Comment); !c.Hidden {
		t.Error("the newest version is not hidden")
	}
}

// TestNestedAnswers: an answer to an answer, which mentions nobody of ours, is found by searching the conversation; and what links and
// pictures a text has reads as people see it.
func TestNestedAnswers(t *testing.T) {
	s := newScene(t)
	one := s.write(platformtest.Comment{Text: "Ett"})
	two := s.write(platformtest.Comment{Text: "Två", Parent: one.Comment})
	three := s.write(platformtest.Comment{Text: "Se https://example.org/a?b=1&c=2 & kom", Parent: two.Comment, Photos: 2})
	found := map[string]platforms.Event{}
	err := s.account.CatchUp(t.Context(), s.clock.now().Add(-time.Hour), func(_ context.Context, events []platforms.Event) error {
		for _, e := range events {
			if _, twice := found[e.Comment.Ref.Comment]; twice {
				t.Errorf("%s was told twice", e.Comment.Ref)
			}
			found[e.Comment.Ref.Comment] = e
		}
		return nil
	})
	if err != nil || len(found) != 3 {
		t.Fatalf("%d found, %v", len(found), err)
	}
	c := found[three.Comment].Comment
	if c.Text != "Se https://example.org/a?b=1&c=2 & kom" || c.Parent != two.Comment || c.Post != s.post.ID || len(c.Attachments) != 2 || found[three.Comment].Incomplete {
		t.Errorf("found %+v", c)
	}
}

// TestCatchUpLongAgo asks for more than search reaches back, which the platform would refuse.
func TestCatchUpLongAgo(t *testing.T) {
	s := newScene(t)
	s.write(platformtest.Comment{Text: "Hej"})
	n := 0
	err := s.account.CatchUp(t.Context(), s.clock.now().AddDate(0, -2, 0), func(_ context.Context, e []platforms.Event) error { n += len(e); return nil })
	if err != nil || n != 1 {
		t.Errorf("%d found, %v", n, err)
	}
}

// TestCircle: a platform whose lists never end is not read for ever.
func TestCircle(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/me") {
			_, _ = fmt.Fprintf(w, `{"data":{"id":%q}}`, ours.Account)
			return
		}
		_, _ = io.WriteString(w, `{"data":[],"meta":{"next_token":"again"}}`)
	}))
	t.Cleanup(server.Close)
	a, err := twitter.NewAccount(twitter.Config{BaseURL: server.URL, AccessToken: "t", Channel: ours})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.CatchUp(t.Context(), time.Now(), nil); err == nil || !strings.Contains(err.Error(), "circle") {
		t.Errorf("%v, want a word about a circle", err)
	}
}

// TestErrors holds X's refusals against what they mean.
func TestErrors(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	reset := strconv.FormatInt(now.Add(4*time.Minute).Unix(), 10)
	const problem = `{"title":"%s","detail":"Anna skrev: fy","type":"https://api.twitter.com/2/problems/%s","status":%d}`
	for name, c := range map[string]struct {
		status int
		header map[string]string
		body   string
		want   error
		wait   time.Duration
	}{
		"gone, with HTTP 200":       {200, nil, `{"errors":[{"title":"Not Found Error","type":"https://api.twitter.com/2/problems/resource-not-found","detail":"Anna"}]}`, platforms.ErrGone, 0},
		"protected, with HTTP 200":  {200, nil, `{"errors":[{"title":"Authorization Error","type":"https://api.twitter.com/2/problems/not-authorized-for-resource"}]}`, platforms.ErrNotPermitted, 0},
		"token":                     {401, nil, fmt.Sprintf(problem, "Unauthorized", "about:blank", 401), platforms.ErrTokenDead, 0},
		"token, in the old shape":   {401, nil, `{"errors":[{"code":89,"message":"Invalid or expired token."}]}`, platforms.ErrTokenDead, 0},
		"forbidden":                 {403, nil, fmt.Sprintf(problem, "Forbidden", "client-forbidden", 403), platforms.ErrNotPermitted, 0},
		"throttled, told how long":  {429, map[string]string{"x-rate-limit-remaining": "0", "x-rate-limit-reset": reset}, fmt.Sprintf(problem, "Too Many Requests", "x", 429), nil, 4 * time.Minute},
		"throttled, told nothing":   {429, nil, "", nil, time.Minute},
		"throttled, told nonsense":  {429, map[string]string{"x-rate-limit-remaining": "0", "x-rate-limit-reset": "99999999999"}, "{}", nil, time.Minute},
		"a day's calls are spent":   {429, map[string]string{"x-rate-limit-remaining": "7", "x-app-limit-24hour-remaining": "0", "x-app-limit-24hour-reset": reset}, "{}", nil, 4 * time.Minute},
		"nobody has paid":           {402, nil, fmt.Sprintf(problem, "CreditsDepleted", "x", 402), nil, 15 * time.Minute},
		"the month's cap":           {429, nil, fmt.Sprintf(problem, "UsageCapExceeded", "usage-capped", 429), nil, 15 * time.Minute},
		"no JSON":                   {200, nil, "<html>", nil, 0},
		"an empty answer":           {200, nil, "", nil, 0},
		"a page of the wrong place": {404, nil, "<html>", nil, 0},
		"a fault":                   {503, nil, fmt.Sprintf(problem, "Service Unavailable", "x", 503), nil, 0},
		"a redirect":                {302, map[string]string{"Location": "https://elsewhere.example/"}, "", nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for k, v := range c.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			t.Cleanup(server.Close)
			a, err := twitter.NewAccount(twitter.Config{BaseURL: server.URL, AccessToken: "t", Channel: ours, Now: func() time.Time { return now }})
			if err != nil {
				t.Fatal(err)
			}
			_, err = a.Fetch(t.Context(), platforms.Ref{Platform: platforms.X, Channel: "x", Comment: "1"})
			switch w := waits(err); {
			case err == nil:
				t.Fatal("no error")
			case c.want != nil && !errors.Is(err, c.want):
				t.Errorf("%v, want %v", err, c.want)
			case c.wait != 0 && (w == nil || w.At.Sub(now) != c.wait):
				t.Errorf("%v, want to wait %v", err, c.wait)
			case c.want == nil && c.wait == 0 && (w != nil || errors.Is(err, platforms.ErrGone) || errors.Is(err, platforms.ErrTokenDead) || errors.Is(err, platforms.ErrNotPermitted)):
				t.Errorf("%v, want a fault that passes", err)
			}
			if strings.Contains(err.Error(), "Anna") || strings.Contains(err.Error(), server.URL) {
				t.Errorf("the error tells too much: %v", err)
			}
		})
	}
}

// TestSubscribe: the webhook is made known once, and proves itself.
func TestSubscribe(t *testing.T) {
	s := newScene(t)
	hook, err := twitter.NewWebhook(twitter.WebhookConfig{ConsumerSecret: secret, Sink: func(context.Context, []platforms.Event) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(hook)
	t.Cleanup(server.Close)
	for range 2 {
		if err := s.account.Subscribe(t.Context(), server.URL); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.calls("make_webhook"); n != 1 {
		t.Errorf("the webhook was made %d times", n)
	}
	if err := newScene(t).account.Subscribe(t.Context(), "http://127.0.0.1:1/"); err == nil {
		t.Error("a webhook that nobody answers at was made")
	}
}

// TestConfig refuses what cannot work.
func TestConfig(t *testing.T) {
	good := twitter.Config{AccessToken: "t", Channel: ours}
	for name, change := range map[string]func(*twitter.Config){
		"no channel":          func(c *twitter.Config) { c.Channel.ID = "" },
		"another platform":    func(c *twitter.Config) { c.Channel.Platform = platforms.Facebook },
		"a name, no id":       func(c *twitter.Config) { c.Channel.Account = "regionstockholm" },
		"no token":            func(c *twitter.Config) { c.AccessToken = "" },
		"nothing to sign by":  func(c *twitter.Config) { c.AccessSecret = "s" },
		"a base with a query": func(c *twitter.Config) { c.BaseURL = "https://api.x.com/?a=b" },
		"a stream mislisted":  func(c *twitter.Config) { c.Stream = map[string]platforms.Channel{"5": ours} },
	} {
		cfg := good
		change(&cfg)
		if _, err := twitter.NewAccount(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := twitter.NewAccount(good); err != nil {
		t.Error(err)
	}
}

// FuzzAnswer reads any bytes as a post: nothing panics, and what comes out can be stored and encoded.
func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"data":{"id":"1","text":"Hej &amp; hå","author_id":"2","conversation_id":"1","created_at":"2026-11-22T10:00:00.000Z","edit_history_tweet_ids":["1"]},"includes":{"users":[{"id":"2","name":"Anna"}]}}`)
	f.Add(200, `{"data":{"id":"1","note_tweet":{"text":"Långt","entities":{"urls":[{"url":"t","expanded_url":"u"}]}},"attachments":{"media_keys":["3_1"]}},"includes":{"media":[{"media_key":"3_1","type":"video","variants":[{"bit_rate":1,"content_type":"video/mp4","url":"v"}]}]}}`)
	f.Add(200, `{"errors":[{"type":"https://api.twitter.com/2/problems/resource-not-found"}]}`)
	f.Add(429, `{"title":"Too Many Requests"}`)
	var status int
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	f.Cleanup(server.Close)
	f.Fuzz(func(t *testing.T, s int, b string) {
		if s < 200 || s > 599 || s == 204 || s == 304 {
			return
		}
		status, body = s, b
		a, err := twitter.NewAccount(twitter.Config{BaseURL: server.URL, AccessToken: "t", Channel: ours})
		if err != nil {
			t.Fatal(err)
		}
		c, err := a.Fetch(t.Context(), platforms.Ref{Platform: platforms.X, Channel: "x", Comment: "1"})
		if err == nil {
			storable(t, c)
		}
	})
}

// storable checks that a comment can be kept.
func storable(t *testing.T, c platforms.Comment) {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil || strings.Contains(string(b), `\u0000`) {
		t.Errorf("%+v cannot be kept: %v", c, err)
	}
	if _, err := url.Parse(c.Permalink); err != nil {
		t.Error(err)
	}
}
