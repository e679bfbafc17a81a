package bluesky

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"takhojd/platforms"
)

const (
	own     = "did:plc:regionstockholm234567abc"
	citizen = "did:plc:annaandersson2345677abcd"
	ownPost = "at://" + own + "/app.bsky.feed.post/3kaaaaaaaaaaa"
)

func testAccount(t testing.TB) *Account {
	t.Helper()
	a, err := NewAccount(Config{Service: "https://pds.test", AppPassword: "hemligt", Channel: platforms.Channel{ID: "rs", Platform: platforms.Bluesky, Account: own}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// reading makes a view of a citizen's post with these parts of its record and of its view.
func reading(t *testing.T, record, rest string) view {
	t.Helper()
	v, err := readView([]byte(`{"uri":"at://` + citizen + `/app.bsky.feed.post/3kbbbbbbbbbbb","cid":"c","author":{"did":"` + citizen + `","handle":"anna.test","displayName":"Anna"},
		"record":{"$type":"app.bsky.feed.post","createdAt":"2026-11-22T08:00:00Z"` + record + `},"indexedAt":"2026-11-22T08:00:05.123Z"` + rest + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const under = `,"reply":{"root":{"uri":"` + ownPost + `","cid":"c"},"parent":{"uri":"` + ownPost + `","cid":"c"}}`

func TestCommentOfAView(t *testing.T) {
	a := testAccount(t)
	c := a.comment(reading(t, `,"text":"Hej\u0000 \ud800 då"`+under, ""))
	want := platforms.Comment{Ref: platforms.Ref{Platform: platforms.Bluesky, Channel: "rs", Comment: "at://" + citizen + "/app.bsky.feed.post/3kbbbbbbbbbbb"},
		Post: ownPost, Author: platforms.Author{ID: citizen, Name: "Anna"}, Text: "Hej\uFFFD \uFFFD då", Posted: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC),
		Permalink: "https://bsky.app/profile/" + citizen + "/post/3kbbbbbbbbbbb"}
	c.Raw = nil
	if got, want := asJSON(c), asJSON(want); got != want || c.CannotHide {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if c := a.comment(reading(t, `,"text":"@region"`, "")); !c.CannotHide || c.Post != c.Ref.Comment || c.Parent != "" {
		t.Errorf("a mention is %+v", c)
	}
	quote := `,"text":"Se här","embed":{"$type":"app.bsky.embed.record","record":{"uri":"` + ownPost + `","cid":"c"}}`
	if c := a.comment(reading(t, quote, "")); !c.CannotHide || c.Post != ownPost || len(c.Attachments) != 0 {
		t.Errorf("a quote is %+v", c)
	}
	elsewhere := strings.ReplaceAll(under, own, citizen)
	if c := a.comment(reading(t, `,"text":"@region"`+elsewhere, "")); !c.CannotHide {
		t.Errorf("what stands in another's thread is %+v", c)
	}
	if c := a.comment(reading(t, `,"text":7,"createdAt":"i går"`+under, "")); c.Text != "" || c.Posted.IsZero() {
		t.Errorf("with values of other types it is %+v", c)
	}
}

func asJSON(v any) string { b, _ := json.Marshal(v); return string(b) }

func TestPostedIsNoLaterThanSeen(t *testing.T) {
	for said, want := range map[string]string{"2026-11-22T08:00:00Z": "2026-11-22T08:00:00Z", "2030-01-01T00:00:00Z": "2026-11-22T08:00:05.123Z",
		"2020-01-01T00:00:00+02:00": "2019-12-31T22:00:00Z", "nyss": "2026-11-22T08:00:05.123Z", "99999-01-01T00:00:00Z": "2026-11-22T08:00:05.123Z"} {
		v := reading(t, `,"createdAt":"`+said+`"`, "")
		if got := v.posted().Format(time.RFC3339Nano); got != want {
			t.Errorf("%s is taken for %s, want %s", said, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	for author, want := range map[string]string{`"displayName":" Anna "`: "Anna", `"displayName":"","handle":"anna.test"`: "anna.test",
		`"handle":"handle.invalid"`: citizen, `"displayName":"\u0000"`: "\uFFFD"} {
		v, err := readView([]byte(`{"uri":"at://` + citizen + `/app.bsky.feed.post/1","author":{"did":"` + citizen + `",` + author + `},"record":{}}`))
		if err != nil || name(v) != want {
			t.Errorf("%s: %q, %v", author, name(v), err)
		}
	}
}

func TestAttachments(t *testing.T) {
	a := testAccount(t)
	for name, c := range map[string]struct {
		record, view string
		want         []string
	}{
		"pictures": {view: `{"$type":"app.bsky.embed.images#view","images":[{"thumb":"https://cdn/t1","fullsize":"https://cdn/f1"},{"fullsize":"https://cdn/f2"}]}`,
			want: []string{"photo https://cdn/f1", "photo https://cdn/f2"}},
		"a gallery": {view: `{"$type":"app.bsky.embed.gallery#view","items":[{"$type":"app.bsky.embed.gallery#viewImage","fullsize":"https://cdn/f1"}]}`,
			want: []string{"photo https://cdn/f1"}},
		"a film": {view: `{"$type":"app.bsky.embed.video#view","playlist":"https://video/p.m3u8"}`, want: []string{"video https://video/p.m3u8"}},
		"a moving picture": {view: `{"$type":"app.bsky.embed.external#view","external":{"uri":"https://media.tenor.com/x/y.gif?hh=1"}}`,
			want: []string{"animation https://media.tenor.com/x/y.gif?hh=1"}},
		"a link that the text shows": {record: `,"text":"Läs www.Exempel.se/lång..."`, view: `{"external":{"uri":"https://exempel.se/lång/väg"}}`},
		"a link that the text does not show": {record: `,"text":"Läs det här"`, view: `{"external":{"uri":"https://exempel.se/x"}}`,
			want: []string{"link https://exempel.se/x"}},
		"a link behind a word": {record: `,"text":"Läs på 1177.se","facets":[{"features":[{"$type":"app.bsky.richtext.facet#link","uri":"https://bluff.example/1177"},
			{"$type":"app.bsky.richtext.facet#link","uri":"https://1177.se/x"},{"$type":"app.bsky.richtext.facet#tag","tag":"x"}]}]`,
			want: []string{"link https://bluff.example/1177"}},
		"another's post": {view: `{"$type":"app.bsky.embed.record#view","record":{"uri":"at://` + citizen + `/app.bsky.feed.post/3k"}}`,
			want: []string{"link https://bsky.app/profile/" + citizen + "/post/3k"}},
		"another's post with a picture": {view: `{"$type":"app.bsky.embed.recordWithMedia#view","record":{"record":{"uri":"at://` + citizen + `/app.bsky.feed.post/3k"}},
			"media":{"$type":"app.bsky.embed.images#view","images":[{"fullsize":"https://cdn/f1"}]}}`,
			want: []string{"photo https://cdn/f1", "link https://bsky.app/profile/" + citizen + "/post/3k"}},
		"something new": {view: `{"$type":"app.bsky.embed.smell#view","images":"many","external":[],"media":{"media":{}}}`},
	} {
		rest := ""
		if c.view != "" {
			rest = `,"embed":` + c.view
		}
		var got []string
		for _, at := range a.comment(reading(t, under+c.record, rest)).Attachments {
			got = append(got, at.Kind+" "+at.URL)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestAddressesAreChecked(t *testing.T) {
	if _, err := parsePost(ownPost); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "at://", own, "at://" + own, "at://region.bsky.social/app.bsky.feed.post/3k", "at://" + own + "/app.bsky.feed.like/3k",
		ownPost + "/x", ownPost + "?x=y", ownPost + "#x", "https://" + own + "/app.bsky.feed.post/3k", "at://" + own + "/app.bsky.feed.post/..",
		"at://" + own + "/app.bsky.feed.post/", "at://" + own + "/app.bsky.feed.post/a b", "at://did:plc:å/app.bsky.feed.post/3k", ownPost + "\n",
		"at://did:plc:" + strings.Repeat("a", 5000) + "/app.bsky.feed.post/3k"} {
		if _, err := parsePost(bad); err == nil {
			t.Errorf("%q passes for a post's address", bad)
		}
	}
}

func TestAnswersAreJudged(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	refusal := func(name string) string { return `{"error":"` + name + `","message":"hemligt"}` }
	for _, c := range []struct {
		status int
		body   string
		header http.Header
		want   error // nil: a fault
	}{
		{400, refusal("ExpiredToken"), nil, platforms.ErrTokenDead},
		{400, refusal("InvalidToken"), nil, platforms.ErrTokenDead},
		{401, refusal("AuthenticationRequired"), nil, platforms.ErrTokenDead},
		{401, `{}`, nil, platforms.ErrTokenDead},
		{401, refusal("AccountTakedown"), nil, platforms.ErrTokenDead},
		{400, refusal("RecordNotFound"), nil, platforms.ErrGone},
		{400, refusal("NotFound"), nil, platforms.ErrGone},
		{400, `{"error":"InvalidRequest","message":"Could not find repo: did:plc:x"}`, nil, platforms.ErrGone},
		{400, refusal("InvalidSwap"), nil, errSwap},
		{403, refusal("Forbidden"), nil, platforms.ErrNotPermitted},
		{400, refusal("InvalidRequest"), nil, nil},
		{404, "<html>", nil, nil},
		{500, refusal("InternalServerError"), nil, nil},
		{502, refusal("UpstreamFailure"), nil, nil},
		{200, "", nil, nil},
		{200, "null", nil, nil},
		{200, `{"a":`, nil, nil},
		{302, "", nil, nil},
	} {
		err := judge(http.MethodGet, c.status, c.header, []byte(c.body), now)
		if err == nil || c.want != nil && !errors.Is(err, c.want) || c.want == nil && outcome(err) != "fault" || strings.Contains(err.Error(), "hemligt") {
			t.Errorf("%d %s: %v, want %v", c.status, c.body, err, c.want)
		}
	}
	if err := judge(http.MethodPost, 400, nil, []byte(refusal("InvalidRequest")), now); !errors.Is(err, platforms.ErrNotPermitted) {
		t.Errorf("a write that the network cannot read: %v", err)
	}
	if err := judge(http.MethodPost, 200, nil, nil, now); err != nil {
		t.Errorf("a procedure that says nothing: %v", err)
	}
	for header, want := range map[string]time.Time{"Ratelimit-Reset 1795334700": time.Unix(1795334700, 0).UTC(), "Retry-After 30": now.Add(30 * time.Second),
		"Ratelimit-Reset 1": now.Add(pauseUntold), "X 1": now.Add(pauseUntold), "Ratelimit-Reset 99999999999999999": now.Add(pauseUntold)} {
		key, value, _ := strings.Cut(header, " ")
		var wait *platforms.RetryAfterError
		if err := judge(http.MethodGet, 429, http.Header{key: {value}}, nil, now); !errors.As(err, &wait) || !wait.At.Equal(want) {
			t.Errorf("%s: %v, want to wait until %v", header, err, want)
		}
	}
}

func TestClosingKeepsTheRules(t *testing.T) {
	for _, before := range []string{`{}`, `{"allow":[{"$type":"app.bsky.feed.threadgate#mentionRule"}],"later":1}`, `{"allow":[]}`} {
		g, err := parseGate("c", []byte(before))
		if err != nil {
			t.Fatal(err)
		}
		closedBefore := strings.Contains(before, "[]")
		if g.setClosed(true) == closedBefore || string(g.fields["allow"]) != "[]" || g.setClosed(true) {
			t.Errorf("%s: closed it is %s", before, asJSON(g.fields))
		}
		if !g.setClosed(false) || g.setClosed(false) {
			t.Errorf("%s: opened it is %s", before, asJSON(g.fields))
		}
		if want := strings.Replace(before, `{"allow":[]}`, `{}`, 1); asJSON(g.fields) != want {
			t.Errorf("%s: opened it is %s", before, asJSON(g.fields))
		}
	}
}

// sound checks what must hold for whatever the network sends.
func sound(t *testing.T, c platforms.Comment) {
	t.Helper()
	if _, err := parsePost(c.Ref.Comment); err != nil {
		t.Fatalf("a comment with the id %q", c.Ref.Comment)
	}
	if _, err := parsePost(c.Post); err != nil || !utf8.ValidString(c.Text) || strings.ContainsRune(c.Text, 0) || c.Author.Name == "" || c.Own && !c.CannotHide {
		t.Fatalf("%+v", c)
	}
	if _, err := json.Marshal(c); err != nil {
		t.Fatal(err)
	}
}

func FuzzView(f *testing.F) {
	f.Add([]byte(`{"uri":"` + ownPost + `","cid":"c","author":{"did":"` + own + `"},"record":{"text":"x"` + under + `},"embed":{"media":{"images":[{"fullsize":"x"}]}}}`))
	f.Add([]byte(`{"uri":"at://` + citizen + `/app.bsky.feed.post/3k","author":{"did":"` + citizen + `","displayName":7},"record":{"text":[],"facets":[{"features":[{"$type":"app.bsky.richtext.facet#link","uri":"://"}]}]},"indexedAt":"99999"}`))
	a := testAccount(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if v, err := readView(raw); err == nil {
			sound(t, a.comment(v))
		}
	})
}

func FuzzThread(f *testing.F) {
	f.Add([]byte(`{"post":{"uri":"` + ownPost + `","author":{"did":"` + own + `"},"record":{}},"replies":[{"post":{"uri":"at://` + citizen + `/app.bsky.feed.post/3k",
		"author":{"did":"` + citizen + `"},"record":{"text":"x"` + under + `},"replyCount":3}},{"uri":"` + ownPost + `","blocked":true},{"notFound":true},7]}`))
	a := testAccount(f)
	p, _ := parsePost(ownPost)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var n node
		if err := json.Unmarshal(raw, &n); err != nil && !typeOnly(err) || len(n.Post) == 0 {
			return
		}
		th := &thread{account: a, post: p, read: map[string]bool{}, now: map[string]mark{}, before: map[string]mark{ownPost: {}}}
		_ = th.walk(n, true)
		for _, e := range th.events {
			sound(t, e.Comment)
			if e.Comment.Post != ownPost || e.At.IsZero() {
				t.Fatalf("%+v", e)
			}
		}
	})
}

func FuzzNotice(f *testing.F) {
	f.Add([]byte(`{"uri":"` + ownPost + `","cid":"c","reason":"reply","indexedAt":"2026-11-22T08:00:00Z","record":{"reply":{"root":{"uri":"` + ownPost + `"}}}}`))
	f.Add([]byte(`{"uri":7,"reason":"quote","record":[]}`))
	a := testAccount(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		n, ok := a.readNotice(raw)
		if _, err := parsePost(string(n.URI)); ok && err != nil {
			t.Fatal(err)
		}
		for _, p := range a.withNoticed(nil, []notice{n}) {
			if p.did != own {
				t.Fatalf("%v is not ours", p)
			}
		}
	})
}

func FuzzGate(f *testing.F) {
	f.Add([]byte(`{"$type":"app.bsky.feed.threadgate","post":"x","allow":[],"hiddenReplies":["a","b"],"later":{"x":1}}`))
	f.Add([]byte(`{"hiddenReplies":null,"allow":7}`))
	p, _ := parsePost(ownPost)
	f.Fuzz(func(t *testing.T, raw []byte) {
		g, err := parseGate("c", raw)
		if err != nil {
			return
		}
		g.setClosed(true)
		g.setClosed(false)
		written, err := json.Marshal(g.record(p, time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseGate("c", written)
		if err != nil || !slices.Equal(again.hidden, g.hidden) && len(g.hidden) > 0 {
			t.Fatalf("%s is written as %s: %v", raw, written, err)
		}
		for k := range g.fields {
			if _, kept := again.fields[k]; !kept {
				t.Fatalf("%q is lost in %s", k, written)
			}
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add(400, []byte(`{"error":"ExpiredToken","message":"x"}`), "1795334700")
	f.Add(429, []byte(`{"error":7}`), "-1")
	f.Add(200, []byte(` {}`), "")
	f.Fuzz(func(t *testing.T, status int, body []byte, reset string) {
		now := time.Now()
		err := judge(http.MethodGet, status, http.Header{"Ratelimit-Reset": {reset}}, body, now)
		var wait *platforms.RetryAfterError
		if errors.As(err, &wait) && !wait.At.After(now) {
			t.Fatalf("told to wait until %v", wait.At)
		}
		if err == nil && (status < 200 || status > 299 || !json.Valid(body)) {
			t.Fatalf("HTTP %d %q passes for an answer", status, body)
		}
	})
}

func FuzzSession(f *testing.F) {
	f.Add([]byte(`{"accessJwt":"a","refreshJwt":"b","did":"` + own + `","didDoc":{"id":"` + own + `","service":[{"id":"#atproto_pds","type":"AtprotoPersonalDataServer","serviceEndpoint":"https://a.test"}]}}`))
	f.Add([]byte(`{"accessJwt":"a","refreshJwt":"b","did":"` + own + `","didDoc":{"id":"` + own + `","service":[{"id":"` + own + `#atproto_pds","type":"AtprotoPersonalDataServer","serviceEndpoint":"http://a.test"}]}}`))
	a := testAccount(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := a.readSession(body)
		if err != nil {
			return
		}
		if !strings.HasPrefix(s.server, "https://") {
			t.Fatalf("the token goes to %s", s.server)
		}
		r, err := request{method: http.MethodGet, server: s.server, name: "x.y", token: s.access}.http(t.Context())
		if err != nil || r.URL.User != nil || r.URL.Path != "/xrpc/x.y" {
			t.Fatalf("%v, %v", r, err)
		}
	})
}
