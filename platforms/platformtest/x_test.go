package platformtest_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"takhojd/platforms"
	"takhojd/platforms/platformtest"
)

var xAccounts = []platformtest.Account{
	{Platform: platforms.X, ID: "1400000000000000001", Name: "Region Stockholm", Token: "one"},
	{Platform: platforms.X, ID: "1400000000000000002", Name: "En annan region", Token: "two"},
}

// askX makes a call with a bearer token.
func askX(t *testing.T, s *platformtest.Server, token, method, path, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func startX(t *testing.T, now func() time.Time) (*platformtest.Server, platformtest.Post) {
	t.Helper()
	s, err := platformtest.Start(t.Context(), platformtest.Options{Accounts: xAccounts, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	post, err := s.AddPost(platformtest.Post{Account: xAccounts[0].ID, Text: "Budget"})
	if err != nil {
		t.Fatal(err)
	}
	return s, post
}

// TestXLimits: fifty hides in a window and account, told of in headers; another's conversation, another's token and a stranger's are refused.
func TestXLimits(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	s, post := startX(t, func() time.Time { return now })
	c, err := s.AddComment(platformtest.Comment{Post: post.ID, AuthorID: "7", Text: "Fy"})
	if err != nil {
		t.Fatal(err)
	}
	hide := func(token string) *http.Response {
		return askX(t, s, token, http.MethodPut, "/2/tweets/"+c.ID+"/hidden", `{"hidden":true}`)
	}
	for i := range 51 {
		res := hide("one")
		want, left := http.StatusOK, fmt.Sprint(max(49-i, 0))
		if i == 50 {
			want = http.StatusTooManyRequests
		}
		if res.StatusCode != want || res.Header.Get("x-rate-limit-remaining") != left || res.Header.Get("x-rate-limit-reset") != fmt.Sprint(now.Add(15*time.Minute).Unix()) {
			t.Fatalf("hide %d: HTTP %d, %s left until %s", i+1, res.StatusCode, res.Header.Get("x-rate-limit-remaining"), res.Header.Get("x-rate-limit-reset"))
		}
	}
	for token, want := range map[string]int{"two": http.StatusForbidden, "app-one": http.StatusForbidden, "nobody": http.StatusUnauthorized} {
		if res := hide(token); res.StatusCode != want {
			t.Errorf("with token %s: HTTP %d, want %d", token, res.StatusCode, want)
		}
	}
	now = now.Add(15 * time.Minute)
	if res := hide("one"); res.StatusCode != http.StatusOK {
		t.Errorf("in the next window: HTTP %d", res.StatusCode)
	}
}

// TestXStream: one connection of a kind, which can go silent without ending.
func TestXStream(t *testing.T) {
	s, post := startX(t, time.Now)
	say := func(text string) {
		t.Helper()
		if _, err := s.AddComment(platformtest.Comment{Post: post.ID, AuthorID: "7", Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	res := askX(t, s, "app-one", http.MethodPost, "/2/activity/subscriptions", `{"event_type":"post.reply.create","filter":{"user_id":"1400000000000000001"}}`)
	if b, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK {
		t.Fatalf("subscribe: HTTP %d, %s", res.StatusCode, b)
	}
	stream := askX(t, s, "app-one", http.MethodGet, "/2/activity/stream", "")
	lines := bufio.NewReader(stream.Body)
	if line, err := lines.ReadString('\n'); err != nil || line != "\r\n" {
		t.Fatalf("it began with %q, %v", line, err)
	}
	if res := askX(t, s, "app-two", http.MethodGet, "/2/activity/stream", ""); res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a second connection: HTTP %d", res.StatusCode)
	}
	say("Hörs")
	if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, "Hörs") {
		t.Fatalf("heard %q, %v", line, err)
	}
	if err := s.SetFaults(platformtest.Faults{StreamSilent: true}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan string, 1)
	go func() { line, _ := lines.ReadString('\n'); ended <- line }()
	say("Tyst")
	select {
	case line := <-ended:
		t.Errorf("a silent stream said %q", line)
	case <-time.After(100 * time.Millisecond): // a stream that speaks would have spoken at once
	}
}
