package twitter_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"takhojd/platforms"
	"takhojd/platforms/twitter"
)

// subject of the platform's own samples.
var sampled = platforms.Channel{ID: "x", Platform: platforms.X, Account: "1111111111111111111"}

func signed(body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return "sha256=" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// deliver posts a body to a webhook, and returns the status and what the sink was given.
func deliver(t testing.TB, body, signature string, sinkErr error) (int, []platforms.Event) {
	t.Helper()
	var got []platforms.Event
	hook, err := twitter.NewWebhook(twitter.WebhookConfig{ConsumerSecret: secret, Channels: map[string]platforms.Channel{sampled.Account: sampled},
		Sink: func(ctx context.Context, e []platforms.Event) error {
			if _, bounded := ctx.Deadline(); !bounded {
				t.Error("the sink may take longer than the platform waits")
			}
			got = append(got, e...)
			return sinkErr
		}})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/webhooks/x", strings.NewReader(body))
	r.Header.Set("x-twitter-webhooks-signature", signature)
	w := httptest.NewRecorder()
	hook.ServeHTTP(w, r)
	return w.Code, got
}

// sample is one of X's own payloads, where they lie beside the repository.
func sample(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../../../shared/contracts/samples/" + name)
	if err != nil {
		t.Skip("X's own samples are not beside the repository: ", name)
	}
	return string(b)
}

// TestSamples reads X's own payloads.
func TestSamples(t *testing.T) {
	for name, want := range map[string]struct {
		kind                          platforms.EventKind
		comment, post, parent, author string
		name, text                    string
		own, incomplete               bool
	}{
		"x-activity-post.reply.create.json": {platforms.Added, "2090000000000000001", "2080761390344937796", "", "2222222222222222222", "",
			"@ExampleUser Great post — thanks for sharing!", false, true},
		"x-activity-post.mention.create.json": {platforms.Added, "2080765813578191303", "2080765813578191303", "", "2222222222222222222", "OtherUser",
			"hey @ExampleUser", false, false},
		"x-activity-post.delete.json": {platforms.Removed, "2080761269309813134", "", "", "1111111111111111111", "", "", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			body := sample(t, name)
			status, events := deliver(t, body, signed(body), nil)
			if status != http.StatusOK || len(events) != 1 {
				t.Fatalf("HTTP %d, %d events", status, len(events))
			}
			e, c := events[0], events[0].Comment
			if e.Kind != want.kind || c.Ref.Comment != want.comment || c.Post != want.post || c.Parent != want.parent || c.Author.ID != want.author ||
				c.Author.Name != want.name || c.Text != want.text || c.Own != want.own || e.Incomplete != want.incomplete || string(e.Raw) != body || e.At.IsZero() {
				t.Errorf("read as %+v", e)
			}
		})
	}
}

// TestDeliveries holds each kind of delivery against its answer.
func TestDeliveries(t *testing.T) {
	event := func(kind, user, payload string) string {
		return `{"data":{"event_type":"` + kind + `","filter":{"user_id":"` + user + `"},"payload":` + payload + `}}`
	}
	const post = `{"id":"9","text":"Hej","author_id":"7","conversation_id":"5","created_at":"2026-11-22T10:00:00.000Z"}`
	good := event("post.reply.create", sampled.Account, post)
	for name, c := range map[string]struct {
		body, signature string
		sink            error
		status, events  int
	}{
		"a reply":                 {good, signed(good), nil, 200, 1},
		"no signature":            {good, "", nil, 401, 0},
		"another's signature":     {good, "sha256=" + base64.StdEncoding.EncodeToString(make([]byte, 32)), nil, 401, 0},
		"a signature in hex":      {good, "sha256=" + strings.Repeat("ab", 32), nil, 401, 0},
		"the sink is full":        {good, signed(good), errors.New("full"), 503, 1},
		"no JSON":                 {"{", signed("{"), nil, 400, 0},
		"another's account":       {event("post.reply.create", "5", post), "", nil, 200, 0},
		"another event":           {event("follow.follow", sampled.Account, "{}"), "", nil, 200, 0},
		"a repost":                {event("post.mention.create", sampled.Account, `{"id":"9","author_id":"7","referenced_tweets":[{"type":"retweeted","id":"5"}]}`), "", nil, 200, 0},
		"an id that is a number":  {event("post.reply.create", sampled.Account, `{"id":1899999999999999999,"text":"Hej"}`), "", nil, 200, 0},
		"a field of another type": {event("post.reply.create", sampled.Account, `{"id":"9","text":"Hej","author_id":"7","conversation_id":"5","entities":7}`), "", nil, 200, 1},
		"too large":               {good + strings.Repeat(" ", 5<<20), "", nil, 413, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if c.signature == "" && name != "no signature" {
				c.signature = signed(c.body)
			}
			status, events := deliver(t, c.body, c.signature, c.sink)
			if status != c.status || len(events) != c.events {
				t.Errorf("HTTP %d and %d events, want %d and %d", status, len(events), c.status, c.events)
			}
		})
	}
}

// TestChallenge: the platform's challenge is answered, and nobody gets a delivery signed by passing it off as one.
func TestChallenge(t *testing.T) {
	hook, err := twitter.NewWebhook(twitter.WebhookConfig{ConsumerSecret: secret, Sink: func(context.Context, []platforms.Event) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(token string) (int, string) {
		w := httptest.NewRecorder()
		hook.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/webhooks/x?"+url.Values{"crc_token": {token}}.Encode(), nil))
		b, _ := io.ReadAll(w.Body)
		return w.Code, string(b)
	}
	var got struct {
		Token string `json:"response_token"`
	}
	if status, body := ask("MTIzNDU2"); status != 200 || json.Unmarshal([]byte(body), &got) != nil || got.Token != signed("MTIzNDU2") {
		t.Errorf("HTTP %d, %s", status, body)
	}
	for _, token := range []string{"", `{"data":{}}`, strings.Repeat("x", 5000)} {
		if status, body := ask(token); status != 400 || strings.Contains(body, "sha256=") {
			t.Errorf("%.20q was answered HTTP %d, %s", token, status, body)
		}
	}
}

// FuzzDelivery takes any signed body: nothing panics, and what comes out can be kept.
func FuzzDelivery(f *testing.F) {
	f.Add(`{"data":{"event_type":"post.reply.create","filter":{"user_id":"1111111111111111111"},"payload":{"id":"9","text":"Hej","author_id":"7","conversation_id":"5","created_at":"2026-11-22T10:00:00.000Z","edit_history_tweet_ids":["8","9"]},"includes":{"users":[{"data":{}}]}}}`)
	f.Add(`{"data":{"event_type":"post.delete","filter":{"user_id":"1111111111111111111"},"payload":{"id":"9"}}}`)
	f.Add(`{"data":[]}`)
	f.Fuzz(func(t *testing.T, body string) {
		status, events := deliver(t, body, signed(body), nil)
		if status != 200 && status != 400 {
			t.Errorf("HTTP %d", status)
		}
		for _, e := range events {
			storable(t, e.Comment)
			if !e.Kind.Valid() || e.Comment.Ref.Comment == "" || e.At.IsZero() {
				t.Errorf("%+v", e)
			}
		}
	})
}
