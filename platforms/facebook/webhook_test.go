package facebook_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"takhojd/platforms"
	"takhojd/platforms/facebook"
)

const (
	secret = "an app secret"
	verify = "a verify token"
	pageID = "410100000000001"
)

var noon = time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC)

func channel() platforms.Channel {
	return platforms.Channel{ID: "rs-facebook", Platform: platforms.Facebook, Account: pageID, Name: "Region Stockholm"}
}

func ref(comment string) platforms.Ref {
	return platforms.Ref{Platform: platforms.Facebook, Channel: "rs-facebook", Comment: comment}
}

// hook is a webhook whose events and log lines are kept.
type hook struct {
	*facebook.Webhook
	events []platforms.Event
	calls  int
	err    error
	logs   *observer.ObservedLogs
}

func newHook(t testing.TB, change func(*facebook.WebhookConfig)) *hook {
	t.Helper()
	h := &hook{}
	core, logs := observer.New(zap.DebugLevel)
	h.logs = logs
	cfg := facebook.WebhookConfig{AppSecret: secret, VerifyToken: verify, Channels: map[string]platforms.Channel{pageID: channel(), instagramChannel().Account: instagramChannel()},
		Sink: func(_ context.Context, events []platforms.Event) error {
			h.calls++
			h.events = append(h.events, events...)
			return h.err
		},
		Now: func() time.Time { return noon }, Log: zap.New(core)}
	if change != nil {
		change(&cfg)
	}
	var err error
	if h.Webhook, err = facebook.NewWebhook(cfg); err != nil {
		t.Fatal(err)
	}
	return h
}

func signature(body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// post delivers body, signed.
func (h *hook) post(body []byte) *httptest.ResponseRecorder {
	return h.postSigned(body, signature(body))
}

func (h *hook) postSigned(body []byte, signature string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/webhook", bytes.NewReader(body))
	if signature != "" {
		r.Header.Set("X-Hub-Signature-256", signature)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// body wraps changes' values as a delivery of the page.
func body(values ...string) []byte {
	changes := make([]string, len(values))
	for i, v := range values {
		changes[i] = `{"field":"feed","value":` + v + `}`
	}
	return []byte(`{"object":"page","entry":[{"id":"` + pageID + `","time":1795345000,"changes":[` + strings.Join(changes, ",") + `]}]}`)
}

// said is the value of a comment that says message, as the platform sends it.
func said(number int, message string) string {
	text, _ := json.Marshal(message)
	return fmt.Sprintf(`{"item":"comment","verb":"add","comment_id":"77_%d","post_id":"%s_77","parent_id":"%s_77",`+
		`"from":{"id":"1001","name":"Anna Andersson"},"created_time":1795344990,"message":%s}`, number, pageID, pageID, text)
}

func TestHandshake(t *testing.T) {
	for name, c := range map[string]struct {
		query  string
		status int
		body   string
	}{
		"right":       {"hub.mode=subscribe&hub.verify_token=a+verify+token&hub.challenge=4711", 200, "4711"},
		"wrong token": {"hub.mode=subscribe&hub.verify_token=guess&hub.challenge=4711", 403, ""},
		"no token":    {"hub.mode=subscribe&hub.challenge=4711", 403, ""},
		"wrong mode":  {"hub.mode=unsubscribe&hub.verify_token=a+verify+token&hub.challenge=4711", 403, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			newHook(t, nil).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/webhook?"+c.query, nil))
			if w.Code != c.status || c.body != "" && w.Body.String() != c.body {
				t.Errorf("HTTP %d %q, want %d %q", w.Code, w.Body, c.status, c.body)
			}
			if c.status != 200 && strings.Contains(w.Body.String(), "4711") {
				t.Error("the challenge was echoed to a stranger")
			}
		})
	}
}

func TestOnlyWhatThePlatformSignedIsTaken(t *testing.T) {
	b := body(said(1, "hej"))
	right := signature(b)
	for name, sig := range map[string]string{
		"none": "", "empty": "sha256=", "no hex": "sha256=zz", "another body's": signature([]byte("x")),
		"cut": right[:len(right)-2], "sha1": "sha1=" + strings.TrimPrefix(right, "sha256="), "longer": right + "00",
	} {
		t.Run(name, func(t *testing.T) {
			h := newHook(t, nil)
			if w := h.postSigned(b, sig); w.Code != http.StatusUnauthorized || h.calls != 0 {
				t.Errorf("HTTP %d and %d calls of the sink, want 401 and none", w.Code, h.calls)
			}
		})
	}
	h := newHook(t, nil)
	if w := h.postSigned(b, right); w.Code != 200 || len(h.events) != 1 {
		t.Errorf("the platform's own signature: HTTP %d and %d events, want 200 and 1", w.Code, len(h.events))
	}
}

func TestDeliveriesThatAreNotAccepted(t *testing.T) {
	small := func(cfg *facebook.WebhookConfig) { cfg.MaxBody = 100 }
	for name, c := range map[string]struct {
		change func(*facebook.WebhookConfig)
		body   string
		err    error
		status int
	}{
		"too large":         {small, string(body(said(1, "hej"))), nil, http.StatusRequestEntityTooLarge},
		"broken JSON":       {nil, `{"object":"page","entry":[`, nil, http.StatusBadRequest},
		"no JSON":           {nil, `hello`, nil, http.StatusBadRequest},
		"empty":             {nil, ``, nil, http.StatusBadRequest},
		"a list":            {nil, `[]`, nil, http.StatusBadRequest},
		"NUL outside texts": {nil, "{\"object\":\"page\",\x00\"entry\":[]}", nil, http.StatusBadRequest},
		"sink fails":        {nil, string(body(said(1, "hej"))), errors.New("disk full"), http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHook(t, c.change)
			h.err = c.err
			w := h.post([]byte(c.body))
			if w.Code != c.status {
				t.Errorf("HTTP %d, want %d", w.Code, c.status)
			}
			if c.status == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			if c.err == nil && h.calls != 0 {
				t.Error("the sink was called")
			}
		})
	}
}

func TestShapes(t *testing.T) {
	const post = pageID + "_77"
	sent := time.Unix(1795345000, 0).UTC()
	created := time.Unix(1795344990, 0).UTC()
	anna := platforms.Author{ID: "1001", Name: "Anna Andersson"}
	for name, c := range map[string]struct {
		value string
		want  platforms.Event
	}{
		"add": {said(1, "hej"), platforms.Event{Kind: platforms.Added, At: created,
			Comment: platforms.Comment{Ref: ref("77_1"), Post: post, Author: anna, Text: "hej", Posted: created}}},
		"reply": {`{"item":"comment","verb":"add","comment_id":"77_2","post_id":"` + post + `","parent_id":"77_1","from":{"id":"1001","name":"Anna Andersson"},"created_time":1795344990,"message":"svar"}`,
			platforms.Event{Kind: platforms.Added, At: created,
				Comment: platforms.Comment{Ref: ref("77_2"), Post: post, Parent: "77_1", Author: anna, Text: "svar", Posted: created}}},
		"our own": {`{"item":"comment","verb":"add","comment_id":"77_3","post_id":"` + post + `","parent_id":"` + post + `","from":{"id":"` + pageID + `","name":"Region Stockholm"},"created_time":1795344990,"message":"Tack"}`,
			platforms.Event{Kind: platforms.Added, At: created,
				Comment: platforms.Comment{Ref: ref("77_3"), Post: post, Own: true, Author: platforms.Author{ID: pageID, Name: "Region Stockholm"}, Text: "Tack", Posted: created}}},
		"ids as numbers, the sender of old": {`{"item":"comment","verb":"add","comment_id":77004,"post_id":410100000000001077,"parent_id":410100000000001077,"sender_id":9007199254740993,"sender_name":"Bo","created_time":"1795344990","message":"hej"}`,
			platforms.Event{Kind: platforms.Added, At: created,
				Comment: platforms.Comment{Ref: ref("77004"), Post: "410100000000001077", Author: platforms.Author{ID: "9007199254740993", Name: "Bo"}, Text: "hej", Posted: created}}},
		"photo without text": {`{"item":"comment","verb":"add","comment_id":"77_5","post_id":"` + post + `","parent_id":"` + post + `","from":{"id":"1001","name":"Anna Andersson"},"created_time":1795344990,"photo":"https://cdn.example/a.jpg"}`,
			platforms.Event{Kind: platforms.Added, At: created,
				Comment: platforms.Comment{Ref: ref("77_5"), Post: post, Author: anna, Posted: created, Attachments: []platforms.Attachment{{Kind: "photo", URL: "https://cdn.example/a.jpg"}}}}},
		"video": {`{"item":"comment","verb":"add","comment_id":"77_6","post_id":"` + post + `","parent_id":"` + post + `","from":{"id":"1001","name":"Anna Andersson"},"created_time":1795344990,"message":"se","video":"https://cdn.example/a.mp4"}`,
			platforms.Event{Kind: platforms.Added, At: created,
				Comment: platforms.Comment{Ref: ref("77_6"), Post: post, Author: anna, Text: "se", Posted: created, Attachments: []platforms.Attachment{{Kind: "video", URL: "https://cdn.example/a.mp4"}}}}},
		"no sender": {`{"item":"comment","verb":"add","comment_id":"77_7","post_id":"` + post + `","parent_id":"` + post + `","created_time":1795344990,"message":"hej"}`,
			platforms.Event{Kind: platforms.Added, At: created, Incomplete: true,
				Comment: platforms.Comment{Ref: ref("77_7"), Post: post, Text: "hej", Posted: created}}},
		"neither text nor picture": {`{"item":"comment","verb":"add","comment_id":"77_8","post_id":"` + post + `","parent_id":"` + post + `","from":{"id":"1001","name":"Anna Andersson"},"created_time":1795344990}`,
			platforms.Event{Kind: platforms.Added, At: created, Incomplete: true,
				Comment: platforms.Comment{Ref: ref("77_8"), Post: post, Author: anna, Posted: created}}},
		"a text that is none": {`{"item":"comment","verb":"add","comment_id":"77_9","post_id":"` + post + `","parent_id":"` + post + `","from":{"id":"1001","name":"Anna Andersson"},"created_time":1795344990,"message":{"text":"hej"},"photo":"https://cdn.example/a.jpg"}`,
			platforms.Event{Kind: platforms.Added, At: created, Incomplete: true,
				Comment: platforms.Comment{Ref: ref("77_9"), Post: post, Author: anna, Posted: created, Attachments: []platforms.Attachment{{Kind: "photo", URL: "https://cdn.example/a.jpg"}}}}},
		"edited": {`{"item":"comment","verb":"edited","comment_id":"77_1","post_id":"` + post + `","parent_id":"` + post + `","from":{"id":"1001","name":"Anna Andersson"},"created_time":1795344990,"message":"hej då"}`,
			platforms.Event{Kind: platforms.Edited, At: sent,
				Comment: platforms.Comment{Ref: ref("77_1"), Post: post, Author: anna, Text: "hej då"}}},
		"removed": {`{"item":"comment","verb":"remove","comment_id":"77_1","post_id":"` + post + `","parent_id":"` + post + `","from":{"id":"` + pageID + `","name":"Region Stockholm"}}`,
			platforms.Event{Kind: platforms.Removed, At: sent, Comment: platforms.Comment{Ref: ref("77_1"), Post: post}}},
		"hidden": {`{"item":"comment","verb":"hide","comment_id":"77_1","post_id":"` + post + `","parent_id":"` + post + `","sender_id":` + pageID + `,"created_time":1795344990,"message":"hej"}`,
			platforms.Event{Kind: platforms.Hidden, At: sent, Comment: platforms.Comment{Ref: ref("77_1"), Post: post, Text: "hej", Hidden: true}}},
		"shown": {`{"item":"comment","verb":"unhide","comment_id":"77_1","post_id":"` + post + `","parent_id":"` + post + `","created_time":1795344990,"message":"hej"}`,
			platforms.Event{Kind: platforms.Restored, At: sent, Comment: platforms.Comment{Ref: ref("77_1"), Post: post, Text: "hej"}}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHook(t, nil)
			if w := h.post(body(c.value)); w.Code != 200 {
				t.Fatalf("HTTP %d: %s", w.Code, w.Body)
			}
			if len(h.events) != 1 {
				t.Fatalf("%d events, want 1", len(h.events))
			}
			if raw := `{"field":"feed","value":` + c.value + `}`; string(h.events[0].Raw) != raw || string(h.events[0].Comment.Raw) != raw {
				t.Errorf("raw is %s", h.events[0].Raw)
			}
			got := h.events[0]
			got.Raw, got.Comment.Raw, c.want.Via = nil, nil, "webhook"
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", c.want) {
				t.Errorf("got\n%+v\nwant\n%+v", got, c.want)
			}
		})
	}
}

func TestOddPartsTakeNothingElseWithThem(t *testing.T) {
	odd := []string{
		`{"item":"reaction","verb":"add","reaction_type":"like","post_id":"1_2"}`,
		`{"item":"post","verb":"add","message":"hemligt","photos":["x"]}`,
		`{"item":"comment","verb":"conceal","comment_id":"77_9","from":{"id":"1","name":"Hemlig Person"},"message":"hemligt"}`,
		`{"item":"comment","verb":"add","message":"hemligt"}`,
		`{"verb":"add","message":"hemligt"}`,
		`"hemligt"`, `null`, `[]`, `{}`, `17`,
		`{"item":{"comment":true},"verb":"add","comment_id":[1],"message":"hemligt"}`,
	}
	for _, value := range odd {
		t.Run(value, func(t *testing.T) {
			h := newHook(t, nil)
			if w := h.post(body(said(1, "före"), value, said(2, "efter"))); w.Code != 200 {
				t.Fatalf("HTTP %d: %s", w.Code, w.Body)
			}
			if len(h.events) != 2 || h.events[0].Comment.Text != "före" || h.events[1].Comment.Text != "efter" {
				t.Errorf("%d events, want the two around the odd one", len(h.events))
			}
			for _, line := range h.logs.All() {
				if s := fmt.Sprint(line.Message, line.ContextMap()); strings.Contains(strings.ToLower(s), "hemlig") {
					t.Errorf("the log tells what was written: %s", s)
				}
			}
		})
	}
	t.Run("entries", func(t *testing.T) {
		good := strings.TrimSuffix(strings.TrimPrefix(string(body(said(1, "hej"))), `{"object":"page","entry":[`), `]}`)
		h := newHook(t, nil)
		b := `{"object":"page","entry":[5,{"id":"` + pageID + `","changes":"none"},{"id":"999","time":1,"changes":[{"field":"feed","value":` +
			said(3, "annan sida") + `}]},{"id":"` + pageID + `","messaging":[{}]},` + good + `]}`
		if w := h.post([]byte(b)); w.Code != 200 || len(h.events) != 1 || h.events[0].Comment.Text != "hej" {
			t.Errorf("HTTP %d and %d events, want 200 and the one of our page", w.Code, len(h.events))
		}
		if n := h.logs.FilterField(zap.String("reason", "page")).Len(); n != 1 {
			t.Errorf("%d log lines about a page that is not ours, want 1", n)
		}
	})
}

func TestTextsArriveAsWritten(t *testing.T) {
	long := strings.Repeat("å", 60_000)
	for name, c := range map[string]struct{ json, want string }{
		"long":          {`"` + long + `"`, long},
		"scripts":       {`"Ελληνικά עברית العربية हिन्दी 中文 한국어 ไทย 👩🏽‍⚕️ z̷a̷l̷g̷o"`, "Ελληνικά עברית العربية हिन्दी 中文 한국어 ไทย 👩🏽‍⚕️ z̷a̷l̷g̷o"},
		"escapes":       {`"rad\n\u00e5 \ud83d\ude00 \"\\"`, "rad\nå 😀 \"\\"},
		"invalid UTF-8": {"\"a\xff\xfeb\"", "a\uFFFD\uFFFDb"},
		"half a pair":   {`"a\ud83db"`, "a\uFFFDb"},
		"escaped NUL":   {`"a\u0000b"`, "a\uFFFDb"},
		"bare NUL":      {"\"a\x00b\"", "a\uFFFDb"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHook(t, nil)
			value := strings.Replace(said(1, "§"), `"§"`, c.json, 1)
			if w := h.post(body(said(7, "före"), value)); w.Code != 200 || len(h.events) != 2 {
				t.Fatalf("HTTP %d and %d events: %s", w.Code, len(h.events), w.Body)
			}
			e := h.events[1]
			if e.Comment.Text != c.want {
				t.Errorf("text is %.80q, want %.80q", e.Comment.Text, c.want)
			}
			if string(e.Raw) != `{"field":"feed","value":`+value+`}` {
				t.Errorf("raw is not what was sent, byte for byte: %.200q", e.Raw)
			}
			if e.Incomplete {
				t.Error("it is told to be incomplete")
			}
		})
	}
}

func TestTenThousandChangesInOneBody(t *testing.T) {
	values := make([]string, 10_000)
	for i := range values {
		values[i] = said(i, "hej")
	}
	h := newHook(t, nil)
	if w := h.post(body(values...)); w.Code != 200 || len(h.events) != len(values) || h.calls != 1 {
		t.Errorf("HTTP %d, %d events in %d calls of the sink; want 200, 10000 in 1", w.Code, len(h.events), h.calls)
	}
	if last := h.events[len(h.events)-1].Comment.Ref.Comment; last != "77_9999" {
		t.Errorf("the last is %s", last)
	}
}

func TestWebhookNeedsItsSecrets(t *testing.T) {
	sink := func(context.Context, []platforms.Event) error { return nil }
	for name, cfg := range map[string]facebook.WebhookConfig{
		"no secret":    {VerifyToken: verify, Sink: sink},
		"no token":     {AppSecret: secret, Sink: sink},
		"no sink":      {AppSecret: secret, VerifyToken: verify},
		"wrong page":   {AppSecret: secret, VerifyToken: verify, Sink: sink, Channels: map[string]platforms.Channel{"1": channel()}},
		"negative max": {AppSecret: secret, VerifyToken: verify, Sink: sink, MaxBody: -1},
	} {
		if _, err := facebook.NewWebhook(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestSamples reads what others have received from the platform.
func TestSamples(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "contracts", "samples")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the reference folder ../shared is not beside the repository")
	}
	for file, want := range map[string]struct {
		page, text string
		kind       platforms.EventKind
		own, reply bool
	}{
		"fb-feed-comment-add-2023.json":         {"370873143344730", "hej", platforms.Added, false, false},
		"fb-feed-reply-add-2025.json":           {"448242228374517", "svar", platforms.Added, true, true},
		"fb-restfb-feed-comment-add-25.json":    {"1234567890321", "and the next one", platforms.Added, true, false},
		"fb-restfb-feed-comment-edited-25.json": {"1234567890321", "Let's see the Webhooks in action :D", platforms.Edited, true, false},
		"fb-restfb-feed-comment-hide.json":      {"1234567890321", "and the next one", platforms.Hidden, false, false},
	} {
		t.Run(file, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			h := newHook(t, func(cfg *facebook.WebhookConfig) {
				cfg.Channels = map[string]platforms.Channel{want.page: {ID: "sample", Platform: platforms.Facebook, Account: want.page}}
			})
			if w := h.post(b); w.Code != 200 || len(h.events) != 1 {
				t.Fatalf("HTTP %d and %d events", w.Code, len(h.events))
			}
			e := h.events[0]
			if e.Kind != want.kind || e.Comment.Text != want.text || e.Comment.Own != want.own || (e.Comment.Parent != "") != want.reply || e.Incomplete || e.At.IsZero() {
				t.Errorf("got %+v", e)
			}
		})
	}
	value, err := os.ReadFile(filepath.Join(dir, "fb-feed-photo-comment-value-2023.json"))
	if err != nil {
		t.Fatal(err)
	}
	h := newHook(t, nil)
	if h.post(body(string(value))); len(h.events) != 1 || len(h.events[0].Comment.Attachments) != 1 || h.events[0].Incomplete {
		t.Errorf("the photo comment gave %+v", h.events)
	}
}

func FuzzDelivery(f *testing.F) {
	f.Add(body(said(1, "hej"), said(2, "å\x00")))
	f.Add(body(`{"item":"comment","verb":"remove","comment_id":1e9,"post_id":null}`))
	f.Add([]byte(`{"object":"page","entry":[{"id":` + pageID + `,"time":"x","changes":[null,[],{"field":"feed"}]}]}`))
	f.Add([]byte("{\"object\":\"page\",\"entry\":[{\"id\":\"" + pageID + "\",\"changes\":[{\"field\":\"feed\",\"value\":{\"item\":\"comment\",\"verb\":\"edited\",\"comment_id\":\"1\",\"message\":\"\xff\x00\"}}]}]}"))
	f.Add(instagramBody(`{"id":"179","text":"hej","from":{"id":"1","username":"a"},"media":{"id":"180"}}`))
	f.Add(instagramBody(`{"id":179,"text":[],"from":null,"media":[],"parent_id":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		h := newHook(t, nil)
		w := h.post(b)
		if w.Code != 200 && w.Code != 400 && w.Code != 413 {
			t.Fatalf("HTTP %d", w.Code)
		}
		for _, e := range h.events {
			c := e.Comment
			if !e.Kind.Valid() || c.Ref.Comment == "" || c.Ref.Channel == "" || e.At.IsZero() || e.Via != "webhook" {
				t.Errorf("not an event: %+v", e)
			}
			if !bytes.Contains(b, e.Raw) || len(e.Raw) == 0 {
				t.Errorf("raw was not in the body: %q", e.Raw)
			}
			for _, s := range []string{c.Text, c.Author.Name, c.Author.ID, c.Post, c.Parent, c.Ref.Comment} {
				if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
					t.Errorf("not storable: %q", s)
				}
			}
		}
	})
}

// BenchmarkDelivery measures from a signed body to events, for each event.
func BenchmarkDelivery(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprintf("changes=%d", n), func(b *testing.B) {
			values := make([]string, n)
			for i := range values {
				values[i] = said(i, "Höjt igen? Var ska det sluta, undrar jag som åker varje dag mellan Nynäshamn och stan.")
			}
			bod := body(values...)
			sig := signature(bod)
			events := 0
			h, err := facebook.NewWebhook(facebook.WebhookConfig{AppSecret: secret, VerifyToken: verify,
				Channels: map[string]platforms.Channel{pageID: channel()},
				Sink:     func(_ context.Context, e []platforms.Event) error { events += len(e); return nil }})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(bod))
				r.Header.Set("X-Hub-Signature-256", sig)
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
		})
	}
}

// A moment that JSON cannot hold must not keep the delivery that it came in from being stored.
func TestMomentsBeyondTheCalendar(t *testing.T) {
	for _, moment := range []string{`253402300800000`, `9223372036854775807`, `"9999-12-31T23:59:59-0700"`, `"0000-01-01T00:00:00+0500"`} {
		h := newHook(t, nil)
		value := strings.Replace(said(1, "hej"), `"created_time":`, `"created_time":`+moment+`,"was":`, 1)
		if !strings.Contains(value, moment) {
			t.Fatal("the test's change has no created_time")
		}
		if w := h.post(body(value)); w.Code != http.StatusOK || len(h.events) != 1 {
			t.Fatalf("%s: %d, %d events", moment, w.Code, len(h.events))
		}
		if _, err := json.Marshal(h.events[0]); err != nil {
			t.Errorf("%s: the event cannot be stored: %v", moment, err)
		}
	}
}
