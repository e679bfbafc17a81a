package twitter_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"takhojd/platforms"
	"takhojd/platforms/platformtest"
	"takhojd/platforms/twitter"
)

// description is X's own description of its API, where it lies beside the repository.
const description = "../../../shared/contracts/samples/x-openapi-2.159.json"

// witness keeps what Prism had to say.
type witness struct {
	mu         sync.Mutex
	departures []string
	seen       map[string]bool // method and path of what went through
}

func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[r.Method+" "+r.URL.Path] = true
	if bytes.Contains(body, []byte("stoplight.io/prism/errors")) {
		w.departures = append(w.departures, r.Method+" "+r.URL.Path+": "+string(body))
	}
	return res, nil
}

// take returns the departures since it was last asked.
func (w *witness) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.departures
	w.departures = nil
	return d
}

// TestContract lets Prism stand between the adapter and the simulated X, with X's own description of its API in hand, and drives every call
// that the adapter makes, but for streams, which Prism does not pass on. Neither may depart from the description. `make test-x-contract`
// installs Prism and says where it is.
func TestContract(t *testing.T) {
	prism := os.Getenv("TAKHOJD_PRISM")
	if prism == "" {
		t.Skip("TAKHOJD_PRISM does not say where Prism is: make test-x-contract does")
	}
	if _, err := os.Stat(description); err != nil {
		t.Skip("X's description of its API is not beside the repository: ", filepath.Base(description))
	}
	x, err := platformtest.Start(t.Context(), platformtest.Options{AppSecret: secret, Accounts: accounts})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Close() })
	channel := platforms.Channel{ID: "x", Platform: platforms.X, Account: accounts[0].ID}
	w := &witness{seen: map[string]bool{}}
	proxy := startPrism(t, prism, x.URL())
	// Prism knows bearer tokens only, so the account comes with an OAuth 2.0 token.
	a := newAccount(t, x, channel, accounts[0], func(cfg *twitter.Config) {
		cfg.BaseURL, cfg.AccessSecret, cfg.HTTPClient = proxy, "", &http.Client{Transport: w, Timeout: 20 * time.Second}
		cfg.Stream = map[string]platforms.Channel{channel.Account: channel}
	})
	agreed := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		for _, d := range w.take() {
			t.Errorf("%s departs: %s", what, d)
		}
	}
	ctx := t.Context()
	sink := func(context.Context, []platforms.Event) error { return nil }
	agreed("catch up where there is nothing", a.CatchUp(ctx, time.Now().Add(-time.Hour), sink))
	post, err := x.AddPost(platformtest.Post{Account: accounts[0].ID, Text: "Läs mer på https://www.regionstockholm.se/budget?a=1&b=2"})
	if err != nil {
		t.Fatal(err)
	}
	write := func(c platformtest.Comment) platforms.Ref {
		c.Post, c.AuthorID, c.Author = post.ID, "1001", "Anna Andersson"
		made, err := x.AddComment(c)
		if err != nil {
			t.Fatal(err)
		}
		return platforms.Ref{Platform: platforms.X, Channel: "x", Comment: made.ID}
	}
	plain, long := write(platformtest.Comment{Text: "Bra <3 & tack https://example.org/a"}), write(platformtest.Comment{Text: strings.Repeat("Långt. ", 100)})
	picture, foreign := write(platformtest.Comment{Photos: 2}), write(platformtest.Comment{Text: "Hos andra", CannotHide: true})
	answer := write(platformtest.Comment{Text: "Svar", Parent: plain.Comment})
	gone := write(platformtest.Comment{Text: "Borta"})
	if err := errors.Join(x.Edit(plain.Comment, "Ändrad"), x.Remove(gone.Comment)); err != nil {
		t.Fatal(err)
	}
	for range 110 { // more than a page
		write(platformtest.Comment{Text: "En till"})
	}
	agreed("catch up", a.CatchUp(ctx, time.Now().Add(-time.Hour), sink))
	for _, ref := range []platforms.Ref{plain, long, picture, foreign, answer} {
		_, err := a.Fetch(ctx, ref)
		agreed("fetch", err)
	}
	_, err = a.Fetch(ctx, gone)
	if !errors.Is(err, platforms.ErrGone) {
		t.Errorf("fetch what is gone: %v", err)
	}
	agreed("fetch what is gone", nil)
	_, err = a.FetchPost(ctx, post.ID)
	agreed("fetch a post", err)
	agreed("hide", a.Hide(ctx, receiptFor(t, long)))
	agreed("unhide", a.Unhide(ctx, long))
	_, err = a.Reply(ctx, long, "Tack för din synpunkt.")
	agreed("reply", err)
	agreed("mute", a.Mute(ctx, platforms.Author{ID: "1001"}))
	for _, check := range a.Check(ctx) {
		if !check.OK && check.Name != "webhook" {
			t.Errorf("check %s: %s", check.Name, check.EN)
		}
	}
	agreed("check", nil)

	hook, err := twitter.NewWebhook(twitter.WebhookConfig{ConsumerSecret: secret, Sink: sink})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(hook)
	t.Cleanup(server.Close)
	agreed("subscribe to what the platform delivers already", a.Subscribe(ctx, server.URL))

	// What X refuses must be in its words, too.
	for _, kind := range []string{platformtest.Throttled, platformtest.TokenDead, platformtest.NotPermitted, platformtest.Gone, platformtest.Broken} {
		if err := x.SetFaults(platformtest.Faults{Errors: []platformtest.Refusal{{Kind: kind}}}); err != nil {
			t.Fatal(err)
		}
		_, err := a.Fetch(ctx, answer)
		if err == nil {
			t.Errorf("%s: no error", kind)
		}
		agreed("a refusal, "+kind, nil)
	}
	if err := x.SetFaults(platformtest.Faults{}); err != nil {
		t.Fatal(err)
	}

	// The description of July 2026 does not know the events that X's guide of August 2026 has: this one departure is X's own.
	x.SetWebhookURL("")
	stream := newAccount(t, x, channel, accounts[0], func(cfg *twitter.Config) {
		cfg.BaseURL, cfg.AccessSecret, cfg.HTTPClient = proxy, "", &http.Client{Transport: w, Timeout: 20 * time.Second}
		cfg.Stream = map[string]platforms.Channel{channel.Account: channel}
	})
	listening, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- stream.Listen(listening, sink) }()
	var known []string
	eventually(t, "a subscription is asked for", func() bool { known = append(known, w.take()...); return len(known) > 0 })
	cancel()
	<-ended
	for _, d := range append(known, w.take()...) {
		if !strings.HasPrefix(d, "POST /2/activity/subscriptions:") || !strings.Contains(d, "event_type") || strings.Count(d, `"code"`) != 1 {
			t.Errorf("subscribe departs otherwise than by the event's name: %s", d)
		}
	}
	for _, call := range []string{"GET /2/users/me", "GET /2/users/" + channel.Account + "/mentions", "GET /2/users/" + channel.Account + "/tweets",
		"GET /2/tweets/search/recent", "GET /2/tweets/" + answer.Comment, "PUT /2/tweets/" + long.Comment + "/hidden", "POST /2/tweets",
		"POST /2/users/" + channel.Account + "/muting", "GET /2/activity/subscriptions", "POST /2/activity/subscriptions", "GET /2/webhooks", "POST /2/webhooks"} {
		if !w.seen[call] {
			t.Errorf("%s never went through", call)
		}
	}
}

// forPrism is the description as Prism can hold answers against it. Prism takes application/problem+json for application/json, of which the
// description has a shape of old, and holds every refusal against that; so where both stand, only the problem is left.
func forPrism(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(description)
	if err != nil {
		t.Fatal(err)
	}
	var api map[string]any
	if err := json.Unmarshal(b, &api); err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(v any) {
		m, _ := v.(map[string]any)
		if _, ok := m["application/problem+json"]; ok {
			delete(m, "application/json")
		}
		for _, v := range m {
			walk(v)
		}
	}
	walk(api["paths"])
	if b, err = json.Marshal(api); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// startPrism starts Prism before a server, and returns where it listens. It is ended with the test.
func startPrism(t *testing.T, prism, upstream string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	cmd := exec.Command(prism, "proxy", "--errors", "--host", host, "--port", port, forPrism(t), upstream)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		lines := bufio.NewScanner(out)
		for once := sync.OnceFunc(func() { close(ready) }); lines.Scan(); {
			if strings.Contains(lines.Text(), "listening") {
				once()
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-drained
		_ = cmd.Wait()
	})
	select {
	case <-ready:
	case <-drained:
		t.Fatal("Prism ended before it listened")
	case <-time.After(2 * time.Minute):
		t.Fatal("Prism never listened")
	}
	return "http://" + net.JoinHostPort(host, port)
}
