package console

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"takhojd/moderation"
)

// browser is a visitor: it keeps cookies, and follows no redirect unless asked.
type browser struct {
	t    testing.TB
	base string
	http *http.Client
}

func (h *house) open(t testing.TB) *browser {
	t.Helper()
	server := httptest.NewServer(h.Handler())
	t.Cleanup(server.Close)
	t.Cleanup(h.Close) // before the server is closed: its event streams end
	return visitor(t, server.URL)
}

func visitor(t testing.TB, base string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, base: base, http: &http.Client{Jar: jar, Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// as logs a new visitor in by link.
func (h *house) as(t testing.TB, base, name string) *browser {
	t.Helper()
	link, err := h.LoginLink(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	b := visitor(t, base)
	if got := b.post(link, nil); got.status != http.StatusSeeOther {
		t.Fatalf("login link: %d", got.status)
	}
	return b
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) location() string { return a.header.Get("Location") }

func (b *browser) do(r *http.Request) answer {
	b.t.Helper()
	response, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

func (b *browser) get(path string) answer {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.base+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(r)
}

func (b *browser) post(path string, form url.Values) answer {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodPost, b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(r)
}

// follow goes where an answer leads, to the end.
func (b *browser) follow(a answer) answer {
	b.t.Helper()
	for range 5 {
		if a.status != http.StatusSeeOther {
			return a
		}
		a = b.get(a.location())
	}
	b.t.Fatal("it leads round in circles")
	return a
}

// request fills a route's pattern in, so that it can be asked for.
func request(h *house, pattern, record string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	version, _ := staticVersion()
	media := ""
	for name := range h.desk.media {
		media = name
	}
	path = strings.NewReplacer("{$}", "", "{version}", version, "{file}", "console.css", "{token}", "spent", "{sha256}", media, "{id}", record,
		"{name}", "tack", "{decision}", "1", "{flag}", "1002", "{proposal}", "1", "{comment}/decide", "2/decide", "{comment}", "2").Replace(path)
	switch path {
	case "/author":
		path += "?platform=facebook&id=fb-Kenta+Norrort"
	case "/archive/export":
		path += "?format=csv"
	}
	return method, path
}

// TestRoutesByRole asks for every route as everybody. What is expected is written out, so that a new route, or a widened one, must be
// thought about here.
func TestRoutesByRole(t *testing.T) {
	const (
		everybody = "-mra" // nobody logged in, moderator, archivist, admin
		loggedIn  = "mra"
		reviewers = "ma"
		keepers   = "ra"
		admins    = "a"
	)
	want := map[string]string{
		"GET /static/{version}/{file}": everybody, "GET /login": everybody, "POST /login": everybody, "GET /login/{token}": everybody, "POST /login/{token}": everybody, "POST /language": everybody,
		"GET /{$}": loggedIn, "POST /logout": loggedIn, "POST /logout/everywhere": loggedIn, "POST /keys": loggedIn, "GET /help": loggedIn,
		"GET /events": loggedIn, "GET /rules": loggedIn, "GET /figures": loggedIn, "GET /media/{sha256}": loggedIn,
		"GET /media/{sha256}/large": loggedIn, "GET /media/{sha256}/play": loggedIn, "GET /archive/media/{sha256}": keepers,
		"GET /case/{comment}": loggedIn, "GET /case/{comment}/bundle.zip": loggedIn,
		"GET /queue": reviewers, "GET /queue/{comment}": reviewers, "GET /bot-hidden": reviewers, "GET /bot-hidden/{comment}": reviewers,
		"GET /questions": reviewers, "GET /questions/{comment}": reviewers, "POST /case/{comment}/decide": reviewers, "POST /undo/{decision}": reviewers,
		"POST /claim/{flag}": reviewers, "GET /author": reviewers, "GET /case/{comment}/reply": reviewers,
		"GET /templates": reviewers, "GET /templates/{name}": reviewers, "POST /templates/{name}": reviewers,
		"GET /archive": keepers, "GET /archive/export": keepers, "GET /archive/record/{id}": keepers, "GET /archive/record/{id}/json": keepers,
		"GET /archive/verify": keepers, "POST /archive/verify": keepers,
		"GET /archive/holds": keepers, "POST /archive/holds": keepers, "POST /archive/record/{id}/hold": keepers, "POST /archive/record/{id}/release": keepers,
		"GET /channels": reviewers, "GET /nodes": reviewers, "POST /channels/retry": reviewers, "POST /channels/check": reviewers, "GET /accounts": admins,
		"POST /case/{comment}/post": reviewers,
		"GET /archive/disposal":     keepers, "POST /archive/disposal": keepers, "GET /archive/disposal/{proposal}": keepers, "GET /archive/disposal/{proposal}/list.csv": keepers,
		"GET /archive/disposal/{proposal}/signed": keepers, "POST /archive/disposal/{proposal}/approve": keepers, "POST /archive/disposal/{proposal}/withdraw": keepers,
		"POST /archive/disposal/{proposal}/continue": keepers,
	}
	d := morning(t)
	h := newHouse(t, d)
	h.log = zaptest.NewLogger(t)
	record := h.record(t, d.cases[7])
	base := h.open(t).base
	for _, route := range h.routes() {
		may, known := want[route.pattern]
		if !known {
			t.Errorf("%s: nobody has said who may use it", route.pattern)
			continue
		}
		delete(want, route.pattern)
		for who, name := range map[string]string{"-": "", "m": "mats", "r": "rut", "a": "anna"} {
			b := visitor(t, base)
			if name != "" {
				b = h.as(t, base, name)
			}
			method, path := request(h, route.pattern, record)
			got := h.try(b, method, path)
			checkAccess(t, route.pattern, name, strings.Contains(may, who), got)
		}
	}
	for pattern := range want {
		t.Errorf("%s is expected, but not there", pattern)
	}
}

// try asks for a path; of an event stream only the beginning.
func (h *house) try(b *browser, method, path string) answer {
	if method == http.MethodPost {
		return b.post(path, url.Values{"name": {"nobody"}, "password": {password}})
	}
	if path != "/events" {
		return b.get(path)
	}
	response, err := b.http.Get(b.base + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	return answer{response.StatusCode, response.Header, ""}
}

func checkAccess(t *testing.T, pattern, name string, may bool, got answer) {
	t.Helper()
	toLogin := got.status == http.StatusSeeOther && strings.HasPrefix(got.location(), "/login?")
	refused := got.status == http.StatusForbidden || toLogin || got.status == http.StatusUnauthorized && strings.Contains(got.body, "utloggad") ||
		got.status == http.StatusUnauthorized && pattern == "GET /events"
	switch {
	case may && refused:
		t.Errorf("%s as %q: refused with %d, should be let in", pattern, name, got.status)
	case !may && !refused:
		t.Errorf("%s as %q: %d, should be refused", pattern, name, got.status)
	case !may && name != "" && got.status != http.StatusForbidden:
		t.Errorf("%s as %q: %d, want 403", pattern, name, got.status)
	case got.status >= 500:
		t.Errorf("%s as %q: %d", pattern, name, got.status)
	}
}

func TestHeadersOnEveryAnswer(t *testing.T) {
	h := newHouse(t, morning(t))
	base := h.open(t).base
	anna := h.as(t, base, "anna")
	for _, path := range []string{"/queue/2", "/login", "/nowhere", "/archive", "/static/x/console.js", "/channels"} {
		got := anna.get(path)
		csp := got.header.Get("Content-Security-Policy")
		for _, need := range []string{"default-src 'none'", "style-src 'self'", "script-src 'self'", "img-src 'self'", "connect-src 'self'",
			"form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(csp, need) {
				t.Errorf("%s: CSP %q lacks %s", path, csp, need)
			}
		}
		if strings.Contains(csp, "unsafe") {
			t.Errorf("%s: CSP %q", path, csp)
		}
		if got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Referrer-Policy") == "" {
			t.Errorf("%s: headers are missing: %v", path, got.header)
		}
		if cache := got.header.Get("Cache-Control"); !strings.HasPrefix(path, "/static/") && !strings.Contains(cache, "no-store") {
			t.Errorf("%s: Cache-Control %q", path, cache)
		}
		for _, inline := range []string{"<style", " style=", "<script>", " onclick=", " onload=", "javascript:"} {
			if strings.Contains(got.body, inline) {
				t.Errorf("%s: has %q inline", path, inline)
			}
		}
	}
}

func TestAnotherSiteCannotDecide(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	mats := h.as(t, h.open(t).base, "mats")
	r, err := http.NewRequest(http.MethodPost, mats.base+"/case/2/decide", strings.NewReader("action=hide&revision=rev-2"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Origin", "https://ond.example")
	if got := mats.do(r); got.status != http.StatusForbidden || !strings.Contains(got.body, "annan webbplats") {
		t.Errorf("from another site: %d", got.status)
	}
	if len(d.resolved) != 0 {
		t.Errorf("resolved %v", d.resolved)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(*fakeDesk)
		path    string
		form    url.Values
		status  int
		says    string
	}{
		"missing page": {path: "/nowhere", status: 404, says: "Sidan finns inte"},
		"missing case": {path: "/case/999", status: 404, says: "Sidan finns inte"},
		"odd case":     {path: "/case/1e9", status: 404, says: "Sidan finns inte"},
		"stale":        {path: "/case/2/decide", form: url.Values{"action": {"hide"}, "revision": {"older"}}, status: 409, says: "Läs den igen"},
		"claimed": {prepare: func(d *fakeDesk) {
			d.cases[2].Flag.ClaimedBy, d.cases[2].Flag.ClaimedUntil = "mats", time.Now().Add(time.Minute)
		}, path: "/case/2/decide", form: url.Values{"action": {"hide"}, "revision": {"rev-2"}, "flag": {"1002"}}, status: 409, says: "Tagen av mats"},
		"too late": {prepare: func(d *fakeDesk) { d.before[50], d.undone[50] = moderation.Case{}, true }, path: "/undo/50", form: url.Values{}, status: 409,
			says: "Det går inte att ångra längre"},
		"not offered": {path: "/case/2/decide", form: url.Values{"action": {"restore"}, "revision": {"rev-2"}}, status: 409, says: "ändrats"},
		"no action":   {path: "/case/2/decide", form: url.Values{"action": {"explode"}, "revision": {"rev-2"}}, status: 409, says: "ändrats"},
		"huge form":   {path: "/case/2/decide", form: url.Values{"reason": {strings.Repeat("x", maxForm)}}, status: 413, says: "för långt"},
		"long reason": {path: "/case/2/decide", form: url.Values{"action": {"hide"}, "revision": {"rev-2"}, "reason": {strings.Repeat("å", maxReason+1)}}, status: 422, says: "för långt"},
		"invalid":     {prepare: func(d *fakeDesk) { d.fail["Resolve"] = moderation.ErrInvalid }, path: "/case/2/decide", form: url.Values{"action": {"hide"}, "revision": {"rev-2"}}, status: 422, says: "Det gick inte att göra"},
		"desk down":   {prepare: func(d *fakeDesk) { d.fail["Counts"] = context.DeadlineExceeded }, path: "/figures", status: 503, says: "Försök igen"},
		"desk broken": {prepare: func(d *fakeDesk) { d.fail["Case"] = io.ErrUnexpectedEOF }, path: "/case/2", status: 500, says: "Något gick fel hos oss"},
	} {
		t.Run(name, func(t *testing.T) {
			d := morning(t)
			if test.prepare != nil {
				test.prepare(d)
			}
			h := newHouse(t, d)
			anna := h.as(t, h.open(t).base, "anna")
			var got answer
			if test.form != nil {
				got = anna.post(test.path, test.form)
			} else {
				got = anna.get(test.path)
			}
			if got.status != test.status || !strings.Contains(got.body, test.says) {
				t.Errorf("%d, want %d with %q in:\n%s", got.status, test.status, test.says, got.body)
			}
			if len(d.resolved) != 0 {
				t.Errorf("something was decided: %v", d.resolved)
			}
		})
	}
}
