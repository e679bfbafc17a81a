package platformtest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"takhojd/platforms"
	"takhojd/platforms/platformtest"
)

// told writes n comments on a platform with these faults, waits until all is delivered, and returns what arrived.
func told(t *testing.T, f platformtest.Faults, seed int64, n int) (*platformtest.Server, []platforms.Event) {
	t.Helper()
	in := &inbox{}
	s := start(t, platformtest.Options{WebhookURL: listen(t, in).URL, Faults: f, Seed: seed})
	post := addPost(t, s)
	for i := range n {
		addComment(t, s, platformtest.Comment{Post: post.ID, AuthorID: "1", Author: "Anna", Text: fmt.Sprint(i)})
	}
	if err := s.Settled(deadline(t)); err != nil {
		t.Fatal(err)
	}
	return s, in.all()
}

func addPost(t *testing.T, s *platformtest.Server) platformtest.Post {
	t.Helper()
	p, err := s.AddPost(platformtest.Post{Account: s.Accounts()[0].ID, Text: "Budget 2027"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func addComment(t *testing.T, s *platformtest.Server, c platformtest.Comment) platformtest.Comment {
	t.Helper()
	c, err := s.AddComment(c)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func texts(events []platforms.Event) []string {
	var list []string
	for _, e := range events {
		list = append(list, e.Comment.Text)
	}
	slices.Sort(list)
	return list
}

func TestDeliveryFaults(t *testing.T) {
	const n = 40
	once := make([]string, n)
	for i := range once {
		once[i] = fmt.Sprint(i)
	}
	slices.Sort(once)
	twice := slices.Sorted(slices.Values(append(slices.Clone(once), once...)))

	t.Run("duplicate", func(t *testing.T) {
		if _, got := told(t, platformtest.Faults{WebhookDuplicate: 1}, 1, n); !slices.Equal(texts(got), twice) {
			t.Errorf("%d events, want each twice", len(got))
		}
	})
	t.Run("drop", func(t *testing.T) {
		s, got := told(t, platformtest.Faults{WebhookDrop: 0.5}, 1, n)
		dropped := s.State().Webhooks.Dropped
		if dropped == 0 || dropped == n || len(got) != n-dropped {
			t.Errorf("%d arrived, %d dropped", len(got), dropped)
		}
	})
	t.Run("forged", func(t *testing.T) {
		s, got := told(t, platformtest.Faults{WebhookWrongSignature: 1}, 1, n)
		if w := s.State().Webhooks; w.Forged != n || w.ForgedAccepted != 0 || w.Accepted != n {
			t.Errorf("%+v", w)
		}
		if !slices.Equal(texts(got), once) {
			t.Errorf("%d events, want each once", len(got))
		}
	})
	t.Run("late and reordered", func(t *testing.T) {
		_, got := told(t, platformtest.Faults{WebhookLate: 0.3, WebhookLateMS: 20, WebhookReorder: 0.3}, 1, n)
		if !slices.Equal(texts(got), once) {
			t.Errorf("%d events, want each once", len(got))
		}
	})
}

func TestACommentsDeliveriesKeepTheirOrder(t *testing.T) {
	in := &inbox{fail: 7}
	s := start(t, platformtest.Options{WebhookURL: listen(t, in).URL})
	post := addPost(t, s)
	for range 5 {
		c := addComment(t, s, platformtest.Comment{Post: post.ID, AuthorID: "1", Text: "0"})
		for i := range 4 {
			if err := s.Edit(c.ID, fmt.Sprint(i+1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Settled(deadline(t)); err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, e := range in.all() {
		seen[e.Comment.Ref.Comment] += e.Comment.Text
	}
	for id, order := range seen {
		if order != "01234" {
			t.Errorf("%s was told as %s", id, order)
		}
	}
}

func TestBatchesHoldManyChanges(t *testing.T) {
	in := &inbox{fail: 1000}
	s := start(t, platformtest.Options{WebhookURL: listen(t, in).URL, Batch: 50})
	post := addPost(t, s)
	for i := range 200 {
		addComment(t, s, platformtest.Comment{Post: post.ID, AuthorID: "1", Text: fmt.Sprint(i)})
	}
	in.mu.Lock()
	in.fail = 0
	in.mu.Unlock()
	if err := s.Settled(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if got := in.all(); len(got) != 200 {
		t.Errorf("%d events, want 200", len(got))
	}
	if in.largest < 2 {
		t.Errorf("the largest delivery held %d changes", in.largest)
	}
}

// TestTheSameSeedMeetsTheSameFaults runs twice, and once with another seed.
func TestTheSameSeedMeetsTheSameFaults(t *testing.T) {
	run := func(seed int64) string {
		s := start(t, platformtest.Options{Seed: seed, Faults: platformtest.Faults{HTTP500: 0.3, HTTP429: 0.2,
			Errors: []platformtest.Refusal{{Code: 4, Share: 0.2}}}})
		post := addPost(t, s)
		id := addComment(t, s, platformtest.Comment{Post: post.ID, AuthorID: "1", Text: "hej"}).ID
		for range 40 {
			get(t, s, "/"+id, pageToken(s))
		}
		var results []string
		for _, c := range s.State().Calls {
			results = append(results, c.Result)
		}
		return strings.Join(results, ",")
	}
	first := run(1)
	if again := run(1); again != first {
		t.Errorf("the same seed:\n%s\n%s", first, again)
	}
	if other := run(2); other == first {
		t.Error("another seed met the same faults")
	}
	for _, want := range []string{"ok", "http 500", "http 429", "error 4/0"} {
		if !strings.Contains(first, want) {
			t.Errorf("%q never happened in %s", want, first)
		}
	}
}

func TestAWindowOfCallsWithADeadToken(t *testing.T) {
	s := start(t, platformtest.Options{Faults: platformtest.Faults{Errors: []platformtest.Refusal{{Code: 190, FirstCall: 2, LastCall: 3}}}})
	var codes []int
	for range 5 {
		status, _ := get(t, s, "/me", pageToken(s))
		codes = append(codes, status)
	}
	if want := []int{200, 400, 400, 200, 200}; !slices.Equal(codes, want) {
		t.Errorf("%v, want %v", codes, want)
	}
}

func TestTimeoutsCloseTheConnection(t *testing.T) {
	s := start(t, platformtest.Options{Faults: platformtest.Faults{Timeout: 1, HangMS: 1}})
	if res, err := http.Get(s.URL() + "/me?access_token=" + pageToken(s)); err == nil {
		res.Body.Close()
		t.Errorf("HTTP %d, want a broken connection", res.StatusCode)
	}
	if calls := s.State().Calls; len(calls) == 0 || calls[0].Result != "timeout" || calls[0].Done {
		t.Errorf("the log: %+v", calls)
	}
}

func TestLoadFaults(t *testing.T) {
	f, err := platformtest.LoadFaults(strings.NewReader(`{"http_500":0.1,"errors":[{"code":80001,"share":0.5,"regain_minutes":3}],"webhook_late":1,"webhook_late_ms":5}`))
	if err != nil || f.HTTP500 != 0.1 || len(f.Errors) != 1 || f.Errors[0].RegainMinutes != 3 || f.WebhookLateMS != 5 {
		t.Errorf("%+v, %v", f, err)
	}
	for _, bad := range []string{``, `[]`, `{"http_5OO":1}`, `{"http_500":1.1}`, `{"webhook_drop":-0.1}`, `{"errors":[{"code":4,"share":2}]}`, `{"timeout":"often"}`} {
		if _, err := platformtest.LoadFaults(strings.NewReader(bad)); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func TestClosingDoesNotWaitForADeadWebhook(t *testing.T) {
	s := start(t, platformtest.Options{WebhookURL: "http://127.0.0.1:1"})
	post := addPost(t, s)
	addComment(t, s, platformtest.Comment{Post: post.ID, AuthorID: "1", Text: "hej"})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Settled(deadline(t)); err == nil {
		t.Error("settled, though nothing was accepted")
	}
	if got := s.State(); len(got.Comments) != 1 || got.Webhooks.Pending != 1 {
		t.Errorf("after closing: %+v", got.Webhooks)
	}
}

func TestAWebhookThatComesLaterGetsEverything(t *testing.T) {
	s := start(t, platformtest.Options{WebhookURL: "http://127.0.0.1:1"})
	post := addPost(t, s)
	addComment(t, s, platformtest.Comment{Post: post.ID, AuthorID: "1", Text: "hej"})
	in := &inbox{}
	s.SetWebhookURL(listen(t, in).URL)
	if err := s.Settled(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if len(in.all()) != 1 {
		t.Errorf("%d events", len(in.all()))
	}
	if err := s.Handshake(deadline(t), platforms.Facebook); err != nil {
		t.Error(err)
	}
	s.SetWebhookURL("http://127.0.0.1:1")
	if err := s.Handshake(deadline(t), platforms.Facebook); err == nil {
		t.Error("a handshake with nobody")
	}
}

func TestOnCallHoldsACallUp(t *testing.T) {
	var removed string
	var s *platformtest.Server
	s = start(t, platformtest.Options{OnCall: func(c platformtest.Call) {
		if c.Action == "hide" && c.N == 1 {
			removed = c.Comment
			if err := s.Remove(c.Comment); err != nil {
				t.Error(err)
			}
		}
	}})
	post := addPost(t, s)
	id := addComment(t, s, platformtest.Comment{Post: post.ID, AuthorID: "1", Text: "hej", Posted: time.Now()}).ID
	if status, body := postForm(t, s, "/"+id, pageToken(s), "is_hidden", "true"); status != 400 || !strings.Contains(body, `"error_subcode":33`) {
		t.Errorf("HTTP %d %s", status, body)
	}
	if removed != id {
		t.Errorf("the hook saw %q", removed)
	}
}
