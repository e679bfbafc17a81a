package console

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"takhojd/moderation"
	"takhojd/moderation/store"
)

const foreign = "ond.example"

// behindTLS is the house's console as it stands behind a proxy that ends TLS.
func (h *house) behindTLS(t testing.TB) *house {
	t.Helper()
	s, err := New(Config{DB: h.db, Desk: h.desk, Records: h.archive, Disposal: h.disposal, Log: zap.NewNop(), Secure: true, PublicURL: "https://konsol.example"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return &house{Server: s, desk: h.desk, db: h.db, archive: h.archive, accounts: h.accounts}
}

// TestRoutesAreInTheTable: what the table of routes does not list, the tests that walk it do not see.
func TestRoutesAreInTheTable(t *testing.T) {
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if f, ok := call.Fun.(*ast.SelectorExpr); ok && (f.Sel.Name == "Handle" || f.Sel.Name == "HandleFunc") {
					found++
				}
			}
			return true
		})
	}
	if want := 4; found != want { // the two muxes, their fallback, and the session around it: all in Handler
		t.Errorf("%d places put something into a mux, want the %d in Handler", found, want)
	}
}

// asked is one request of a table, and how the test calls it.
type asked struct {
	name string
	by   *browser
	r    *http.Request
}

// everything asks for every route, as nobody and as an admin, and for what is no route, in ways that are answered with an error.
func (h *house) everything(t *testing.T, base string) (all []asked) {
	t.Helper()
	nobody, anna := visitor(t, base), h.as(t, base, "anna")
	add := func(who string, by *browser, method, path string, header http.Header, body string) {
		r, err := http.NewRequest(method, base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		maps.Copy(r.Header, header)
		all = append(all, asked{fmt.Sprintf("%s %s as %s", method, path, who), by, r})
	}
	same := http.Header{"Sec-Fetch-Site": {"same-origin"}}
	record := h.record(t, h.desk.cases[7])
	for _, route := range h.routes() {
		method, path := request(h, route.pattern, record)
		if path == "/events" || strings.HasPrefix(path, "/logout") { // a stream is asked for apart, and anna is needed to the end
			continue
		}
		add("nobody", nobody, method, path, same, "")
		add("anna", anna, method, path, same, "")
		add("anna", anna, http.MethodHead, path, nil, "")
		add("anna from elsewhere", anna, http.MethodPost, path, http.Header{"Sec-Fetch-Site": {"cross-site"}}, "")
		add("anna", anna, http.MethodDelete, path, same, "")
	}
	for _, path := range []string{"/nowhere", "//" + foreign + "/..", "/static/x/../../console.go", "/static/x/nothing.css", "/login/", "/case/999", "/media/x", "/archive/export?format=exe"} {
		add("anna", anna, http.MethodGet, path, nil, "")
	}
	add("anna", anna, http.MethodPost, "/case/2/decide", same, "reason="+strings.Repeat("x", maxForm))
	add("nobody", nobody, http.MethodPost, "/login", same, "name=mats&password=fel")
	return all
}

// TestEveryAnswerIsGuarded looks at the headers of every answer there is.
func TestEveryAnswerIsGuarded(t *testing.T) {
	for _, secure := range []bool{false, true} {
		h := newHouse(t, morning(t))
		if secure {
			h = h.behindTLS(t)
		}
		base := h.open(t).base
		statuses := map[int]bool{}
		for _, a := range h.everything(t, base) {
			got := a.by.do(a.r)
			statuses[got.status] = true
			guarded(t, a.name, got, secure)
		}
		guarded(t, "GET /events as nobody", h.try(visitor(t, base), http.MethodGet, "/events"), secure)
		guarded(t, "GET /events as anna", h.try(h.as(t, base, "anna"), http.MethodGet, "/events"), secure)
		for _, status := range []int{200, 303, 401, 403, 404, 409, 413, 422} {
			if !statuses[status] && !secure {
				t.Errorf("no answer was a %d: the test does not see what it should", status)
			}
		}
	}
}

func guarded(t *testing.T, name string, got answer, secure bool) {
	t.Helper()
	csp := got.header.Get("Content-Security-Policy")
	needs := []string{"default-src 'none'", "frame-ancestors 'none'"}
	if strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
		needs = append(needs, "style-src 'self'", "script-src 'self'", "img-src 'self'", "connect-src 'self'", "form-action 'self'", "base-uri 'none'")
	}
	for _, need := range needs {
		if !slices.Contains(strings.Split(csp, "; "), need) {
			t.Errorf("%s: %d: CSP %q lacks %s", name, got.status, csp, need)
		}
	}
	for _, bad := range []string{"unsafe", "*", "data:", "http"} {
		if strings.Contains(csp, bad) {
			t.Errorf("%s: %d: CSP %q has %s", name, got.status, csp, bad)
		}
	}
	for header, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin"} {
		if got.header.Get(header) != want {
			t.Errorf("%s: %d: %s is %q, want %q", name, got.status, header, got.header.Get(header), want)
		}
	}
	if hsts := got.header.Get("Strict-Transport-Security"); strings.HasPrefix(hsts, "max-age=63072000") != secure {
		t.Errorf("%s: %d: HSTS is %q", name, got.status, hsts)
	}
	cache, still := got.header.Get("Cache-Control"), strings.Contains(name, " /static/") && got.status == http.StatusOK
	if !strings.Contains(cache, "no-store") && !still {
		t.Errorf("%s: %d: Cache-Control %q", name, got.status, cache)
	}
	for _, inline := range []string{"<style", " style=", "<script>", " onclick=", " onload=", " onerror=", "javascript:", ` src="http`, `action="http`} {
		if strings.HasPrefix(got.header.Get("Content-Type"), "text/html") && strings.Contains(got.body, inline) {
			t.Errorf("%s: %d: the page has %q", name, got.status, inline)
		}
	}
	for _, cookie := range (&http.Response{Header: got.header}).Cookies() {
		if !cookie.HttpOnly || cookie.Secure != secure || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" {
			t.Errorf("%s: %d: a cookie without its guards: %s", name, got.status, cookie.Name)
		}
	}
}

// TestHostIsNotBelieved: whatever host a request says that it is for, nothing of it comes back, and nothing leads there.
func TestHostIsNotBelieved(t *testing.T) {
	h := newHouse(t, morning(t))
	for _, a := range h.everything(t, h.open(t).base) {
		a.r.Host = foreign
		a.r.Header.Set("X-Forwarded-Host", foreign)
		got := a.by.do(a.r)
		where := strings.ReplaceAll(got.location()+got.body, url.QueryEscape("//"+foreign+"/"), "")
		if strings.Contains(where, foreign) && !strings.Contains(a.name, foreign) {
			t.Errorf("%s: %d: the answer names the host", a.name, got.status)
		}
	}
}

// TestNothingIsDoneForAnotherSite posts to every route as another site's page would, in all the ways in which browsers say so.
func TestNothingIsDoneForAnotherSite(t *testing.T) {
	ways := map[string]http.Header{
		"another site":       {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://" + foreign}},
		"a neighbour":        {"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://annat.konsol.example"}},
		"an older browser":   {"Origin": {"https://" + foreign}},
		"no origin":          {"Origin": {"null"}},
		"another port":       {"Origin": {"http://127.0.0.1:1"}},
		"without saying who": {"Sec-Fetch-Site": {"cross-site"}},
	}
	d := morning(t)
	h := newHouse(t, d)
	base := h.open(t).base
	anna := h.as(t, base, "anna")
	before := anna.http.Jar.Cookies(mustParse(base))
	posts := 0
	for _, route := range h.routes() {
		method, path := request(h, route.pattern, "x")
		if method != http.MethodPost {
			continue
		}
		posts++
		for way, header := range ways {
			for _, kind := range []string{"application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"} {
				r, err := http.NewRequest(method, base+path, strings.NewReader(decision(d.cases[2], moderation.Hide).Encode()))
				if err != nil {
					t.Fatal(err)
				}
				r.Header = header.Clone()
				r.Header.Set("Content-Type", kind)
				got := anna.do(r)
				if got.status != http.StatusForbidden || !strings.Contains(got.body, "annan webbplats") || got.header.Get("Set-Cookie") != "" {
					t.Errorf("%s from %s as %s: %d", path, way, kind, got.status)
				}
			}
		}
	}
	if posts < 10 || len(d.resolved) != 0 || len(d.undone) != 0 || d.checking {
		t.Errorf("%d posts; something was done: %v", posts, d.resolved)
	}
	if after := anna.http.Jar.Cookies(mustParse(base)); fmt.Sprint(after) != fmt.Sprint(before) || anna.get("/help").status != http.StatusOK {
		t.Error("the session did not stay as it was")
	}
}

func mustParse(address string) *url.URL {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	return u
}

// sessionOf is the session's cookie as the browser holds it.
func (b *browser) sessionOf() string {
	for _, c := range b.http.Jar.Cookies(mustParse(b.base)) {
		if c.Name == "takhojd" {
			return c.Value
		}
	}
	return ""
}

func TestASessionIsNobodyElses(t *testing.T) {
	ctx := context.Background()
	h := newHouse(t, morning(t))
	base := h.open(t).base
	if err := h.accounts.SetPassword(ctx, "mats", password); err != nil {
		t.Fatal(err)
	}
	planted := h.as(t, base, "rut")
	known := planted.sessionOf()

	// rut has laid her own session into the browser that mats is to use. She also has something to be said on the next page.
	victim := visitor(t, base)
	victim.http.Jar.SetCookies(mustParse(base), []*http.Cookie{{Name: "takhojd", Value: known, Path: "/"}})
	held := `{"deadline":"` + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `","values":{"account":"rut","epoch":"1","held":"1002","flash":"{\"author\":\"Ruts hemlighet\",\"action\":\"hide\"}"}}`
	h.exec(t, `UPDATE sessions SET data = $1`, []byte(held))
	if got := victim.post("/login", url.Values{"name": {"mats"}, "password": {password}}); got.status != http.StatusSeeOther {
		t.Fatalf("login: %d", got.status)
	}
	if victim.sessionOf() == known {
		t.Error("the session has the token that it had before the login")
	}
	if got := victim.get("/queue/2"); got.status != http.StatusOK || strings.Contains(got.body, "Ruts hemlighet") {
		t.Errorf("%d; or what the other account was to be told is shown", got.status)
	}
	if got := planted.get("/help"); got.status != http.StatusSeeOther {
		t.Errorf("the planted token still opens the console: %d", got.status)
	}

	// One that was made up is not taken over either.
	madeUp := strings.Repeat("a", 43)
	stranger := visitor(t, base)
	stranger.http.Jar.SetCookies(mustParse(base), []*http.Cookie{{Name: "takhojd", Value: madeUp, Path: "/"}})
	stranger.post("/login", url.Values{"name": {"mats"}, "password": {password}})
	if token := stranger.sessionOf(); token == madeUp || token == "" {
		t.Errorf("the session's token is %q", token)
	}
}

// TestBooksHoldNothingThatOpens: who reads the database can log in with nothing of it.
func TestBooksHoldNothingThatOpens(t *testing.T) {
	ctx := context.Background()
	h := newHouse(t, newFakeDesk(t))
	if err := h.accounts.SetPassword(ctx, "mats", password); err != nil {
		t.Fatal(err)
	}
	link, err := h.LoginLink(ctx, "rut")
	if err != nil {
		t.Fatal(err)
	}
	session := h.as(t, h.open(t).base, "anna").sessionOf()
	var all string
	for _, query := range []string{`SELECT token || data FROM sessions`, `SELECT token || account FROM login_links`, `SELECT password || name FROM accounts`} {
		if err := h.db.View(ctx, func(tx *store.Tx) error {
			rows, err := tx.Query(query)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var text string
				if err := rows.Scan(&text); err != nil {
					return err
				}
				all += text + "\n"
			}
			return rows.Err()
		}); err != nil {
			t.Fatal(err)
		}
	}
	for what, secret := range map[string]string{"session": session, "link": strings.TrimPrefix(link, "/login/"), "password": password} {
		if secret == "" || !strings.Contains(all, "mats") || strings.Contains(all, secret) {
			t.Errorf("the %s stands in the database", what)
		}
	}
}

// TestSessionsEndWithTheDay: a session that is used all the time lives ten hours from its login, and not longer.
func TestSessionsEndWithTheDay(t *testing.T) {
	h := newHouse(t, morning(t))
	mats := h.as(t, h.open(t).base, "mats")
	expires := func() (at int64) {
		if err := h.db.View(context.Background(), func(tx *store.Tx) error {
			return tx.QueryRow(`SELECT max(expires_at) FROM sessions`).Scan(&at)
		}); err != nil {
			t.Fatal(err)
		}
		return at
	}
	if left := time.Until(store.FromTime(expires())); left > sessionIdle || left < sessionIdle-time.Minute {
		t.Errorf("a fresh session ends in %s, want half an hour", left)
	}
	evening := time.Now().Add(10 * time.Minute).UTC().Truncate(time.Second)
	h.exec(t, `UPDATE sessions SET expires_at = $1, data = $2`, time.Now().Add(time.Minute),
		[]byte(`{"deadline":"`+evening.Format(time.RFC3339)+`","values":{"account":"mats","epoch":"1"}}`))
	if got := mats.get("/help"); got.status != http.StatusOK {
		t.Fatalf("before the end: %d", got.status)
	}
	if at := store.FromTime(expires()); !at.Equal(evening) {
		t.Errorf("the session was renewed until %s, past the day's end at %s", at, evening)
	}
}

// TestLoginTellsNothing: who does not know the password does not learn who has an account, neither by words nor by what it costs to say no.
func TestLoginTellsNothing(t *testing.T) {
	ctx := context.Background()
	h := newHouse(t, newFakeDesk(t))
	for _, name := range []string{"mats", "rut"} {
		if err := h.accounts.SetPassword(ctx, name, password); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.accounts.Disable(ctx, "rut"); err != nil {
		t.Fatal(err)
	}
	b := h.open(t)
	tries := map[string][2]string{"wrong password": {"mats", "fel lösenord här"}, "no such account": {"vera", password}, "closed account": {"rut", password},
		"an account by link only": {"anna", password}, "no name at all": {"", password}, "no account's name": {"M A T S", password},
		"a huge password": {"mats", strings.Repeat("x", 5000)}}
	plain := func(got answer, name string) string {
		return strings.ReplaceAll(got.body, `value="`+name+`"`, `value=""`)
	}
	var first string
	for what, try := range tries {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := b.post("/login", url.Values{"name": {try[0]}, "password": {try[1]}})
		runtime.ReadMemStats(&after)
		if spent := after.TotalAlloc - before.TotalAlloc; spent < argonMemory<<10 {
			t.Errorf("%s: no password was computed: only %d bytes were used", what, spent)
		}
		if got.status != http.StatusUnauthorized || got.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d", what, got.status)
		}
		if first == "" {
			first = plain(got, try[0])
		} else if plain(got, try[0]) != first {
			t.Errorf("%s: other words than for the others", what)
		}
	}
	var slow []string // what is said when there were too many
	for _, name := range []string{"mats", "vera"} {
		for {
			got := b.post("/login", url.Values{"name": {name}, "password": {"fel fel fel fel"}})
			if got.status == http.StatusTooManyRequests {
				slow = append(slow, plain(got, name))
				break
			}
			if len(slow) > attemptsAccount {
				t.Fatal("never throttled")
			}
		}
	}
	if slow[0] != slow[1] {
		t.Error("it is told of an account that there is none by how it is throttled")
	}
}

// TestAttemptsAreCountedByNetwork: an IPv6 household has as many addresses as it wants, and one count.
func TestAttemptsAreCountedByNetwork(t *testing.T) {
	ctx := context.Background()
	h := newHouse(t, newFakeDesk(t)).behindTLS(t)
	from := func(address string) string {
		return h.address(&http.Request{RemoteAddr: "10.0.0.7:1", Header: http.Header{"X-Forwarded-For": {address}}})
	}
	for i := range attemptsAddress {
		if err := h.accounts.attempt(ctx, fmt.Sprint("user", i), from(fmt.Sprintf("2a00:1450:400f:80d::%x", i+1))); err != nil {
			t.Fatalf("attempt %d: %v", i, err)
		}
	}
	if err := h.accounts.attempt(ctx, "another", from("2a00:1450:400f:80d:ffff::1")); err == nil {
		t.Error("another address of the same network is let through")
	}
	if err := h.accounts.attempt(ctx, "another", from("2a00:1450:400f:80e::1")); err != nil {
		t.Errorf("another network: %v", err)
	}
}

// TestLinksEndWithTheSessions: what ends an account's sessions ends what would open new ones.
func TestLinksEndWithTheSessions(t *testing.T) {
	ctx := context.Background()
	for name, end := range map[string]func(*house, *browser) error{
		"new password":      func(h *house, _ *browser) error { return h.accounts.SetPassword(ctx, "mats", password) },
		"account closed":    func(h *house, _ *browser) error { return h.accounts.Disable(ctx, "mats") },
		"closed and opened": func(h *house, _ *browser) error { return reopen(ctx, h) },
		"logout everywhere": func(h *house, b *browser) error { b.post("/logout/everywhere", nil); return nil },
	} {
		h := newHouse(t, morning(t))
		base := h.open(t).base
		mats := h.as(t, base, "mats")
		link, err := h.LoginLink(ctx, "mats")
		if err != nil {
			t.Fatal(err)
		}
		if err := end(h, mats); err != nil {
			t.Fatal(err)
		}
		if got := visitor(t, base).post(link, nil); got.status != http.StatusUnauthorized {
			t.Errorf("%s: the link still opens: %d", name, got.status)
		}
	}
}

func reopen(ctx context.Context, h *house) error {
	if err := h.accounts.Disable(ctx, "mats"); err != nil {
		return err
	}
	return h.accounts.Add(ctx, "mats", "Mats", Moderator, "")
}

func TestLookingAtALinkDoesNotSpendIt(t *testing.T) {
	h := newHouse(t, morning(t))
	base := h.open(t).base
	link, err := h.LoginLink(context.Background(), "mats")
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		r, err := http.NewRequest(method, base+link, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := visitor(t, base).do(r); got.status != http.StatusOK || got.header.Get("Set-Cookie") != "" {
			t.Errorf("looked at by %s: %d", method, got.status)
		}
	}
	if got := visitor(t, base).post(link, nil); got.status != http.StatusSeeOther || got.location() != "/" {
		t.Errorf("then used: %d to %q", got.status, got.location())
	}
}

// elsewhere are addresses that some browser or other takes for another site's.
var elsewhere = []string{"https://" + foreign + "/", "//" + foreign, "///" + foreign, `/\` + foreign, `\/` + foreign, `\\` + foreign, "/\t/" + foreign, "\t//" + foreign,
	"/\n/" + foreign, "/\r\n/" + foreign, " //" + foreign, "javascript:alert(1)", "https:" + foreign, "http:/" + foreign, "@" + foreign, "/\x00/" + foreign, "//konsol.example@" + foreign,
	"/queue\r\nSet-Cookie: a=b", "data:text/html,x", foreign}

// TestNothingLeadsElsewhere asks in all places that take an address to go on to.
func TestNothingLeadsElsewhere(t *testing.T) {
	ctx := context.Background()
	h := newHouse(t, morning(t))
	if err := h.accounts.SetPassword(ctx, "mats", password); err != nil {
		t.Fatal(err)
	}
	base := h.open(t).base
	in := h.as(t, base, "anna")
	for _, to := range elsewhere {
		h.exec(t, `DELETE FROM login_attempts`)
		for where, got := range map[string]answer{
			"login":           visitor(t, base).post("/login", url.Values{"name": {"mats"}, "password": {password}, "next": {to}}),
			"already in":      in.get("/login?next=" + url.QueryEscape(to)),
			"language":        in.post("/language", url.Values{"language": {"sv"}, "next": {to}}),
			"keys":            in.post("/keys", url.Values{"keys": {"on"}, "next": {to}}),
			"a wrong attempt": visitor(t, base).post("/login", url.Values{"name": {"mats"}, "password": {"fel"}, "next": {to}}),
		} {
			led := mustParse("https://konsol.example/").ResolveReference(mustParse(got.location()))
			if led.Host != "konsol.example" || led.Scheme != "https" || strings.Contains(got.body, foreign) || got.header.Get("Set-Cookie") == "a=b" {
				t.Errorf("%s: %q leads to %q", where, to, got.location())
			}
		}
	}
	if got := visitor(t, base).get("//" + foreign + "/queue"); strings.Contains(got.location(), foreign) && local(mustParse(got.location()).Query().Get("next")) != "/" {
		t.Errorf("an address that begins with two slashes leads to %q", got.location())
	}
}

// FuzzLocal reads what local lets through as browsers do: they skip tabs and line ends, and take \ for /.
func FuzzLocal(f *testing.F) {
	for _, to := range append(elsewhere, "/queue/2?channel=fb", "/") {
		f.Add(to)
	}
	f.Fuzz(func(t *testing.T, to string) {
		recorder := httptest.NewRecorder()
		http.Redirect(recorder, httptest.NewRequest(http.MethodGet, "/login", nil), local(to), http.StatusSeeOther)
		seen := strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(recorder.Header().Get("Location"))
		if !strings.HasPrefix(seen, "/") || strings.HasPrefix(seen, "//") {
			t.Errorf("%q leads to %q", to, seen)
		}
	})
}

// TestNoFileButOurs asks for files by addresses that climb.
func TestNoFileButOurs(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	base := h.open(t).base
	anna := h.as(t, base, "anna")
	version, _ := staticVersion()
	climbs := []string{"..%2fconsole.go", "%2e%2e%2fconsole.go", "..%5cconsole.go", "%2fetc%2fpasswd", "console.css%00.js", "....//console.go", "..%252fconsole.go", ".", "..", "%2e%2e", "console.css%2f..%2f..%2fgo.mod"}
	for _, climb := range climbs {
		for _, path := range []string{"/static/" + version + "/", "/static/../", "/media/", "/archive/media/", "/archive/record/", "/templates/", "/login/", "/case/2/"} {
			r, err := http.NewRequest(http.MethodGet, base, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.URL.Opaque = "//" + r.URL.Host + path + climb // as it stands, not cleaned
			got := anna.do(r)
			for _, bad := range []string{"package console", "root:", "module takhojd", "SQLite format"} {
				if strings.Contains(got.body, bad) {
					t.Errorf("%s: %d: a file of ours", path+climb, got.status)
				}
			}
			if got.status == http.StatusOK && !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") || got.status >= 500 {
				t.Errorf("%s: %d %s", path+climb, got.status, got.header.Get("Content-Type"))
			}
		}
	}
}

// TestOddQuestions fills every field of the searches with what is no word, and what is SQL.
func TestOddQuestions(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	record := h.record(t, d.cases[7])
	anna := h.as(t, h.open(t).base, "anna")
	for _, odd := range []string{`'`, `"`, `*`, `a*b"`, `' OR 1=1 --`, `'; DROP TABLE accounts; --`, `NEAR(a b)`, `a AND`, `NOT`, `text:a`, `{a b}:c`, `^a`, `%`, `_`, `\`, "\x00", "\xff\xfe",
		`$1`, `?`, `(((((`, `&|!`, `:*`, strings.Repeat("a ", 5000), strings.Repeat("(", 2000), "9223372036854775808", "-1", "2026-13-45", "0000-00-00"} {
		q := url.Values{}
		for _, field := range []string{"words", "author", "channel", "category"} {
			one := url.Values{field: {odd}}
			if got := anna.get("/archive?" + one.Encode()); got.status != http.StatusOK || strings.Contains(got.body, record) {
				t.Errorf("%s=%.40q: %d", field, odd, got.status)
			}
			q.Set(field, odd)
		}
		for _, field := range []string{"from", "to", "before", "platform", "id", "days", "period", "list"} {
			q.Set(field, odd)
		}
		for _, path := range []string{"/archive?", "/archive/export?format=csv&", "/queue?", "/figures?", "/author?", "/channels?", "/rules?", "/templates?"} {
			if got := anna.get(path + q.Encode()); got.status >= 500 {
				t.Errorf("%s with %.40q: %d", path, odd, got.status)
			}
		}
	}
	if accounts, err := h.accounts.List(context.Background()); err != nil || len(accounts) != 3 {
		t.Errorf("%d accounts are left: %v", len(accounts), err)
	}
}

// patient is a connection that counts how often its limit is moved on.
type patient struct {
	*httptest.ResponseRecorder
	limits int
	broken bool
}

func (p *patient) SetWriteDeadline(at time.Time) error {
	if left := time.Until(at); left > 0 && left <= pieceTime {
		p.limits++
	}
	return nil
}

func (p *patient) Write(b []byte) (int, error) {
	if p.broken && p.limits > 2 {
		return 0, http.ErrHandlerTimeout
	}
	return p.ResponseRecorder.Write(b)
}

// TestLargeAnswersWaitForSlowReadersOnly: the limit moves with each piece, and an answer whose reader is gone ends.
func TestLargeAnswersWaitForSlowReadersOnly(t *testing.T) {
	large := []byte(strings.Repeat("å", 3*pieceSize))
	p := &patient{ResponseRecorder: httptest.NewRecorder()}
	n, err := steady{&visit{w: &statusWriter{ResponseWriter: p}}}.Write(large)
	if n != len(large) || err != nil || p.limits != 6 || p.Body.String() != string(large) {
		t.Errorf("wrote %d of %d in %d pieces: %v", n, len(large), p.limits, err)
	}
	p = &patient{ResponseRecorder: httptest.NewRecorder(), broken: true}
	if n, err := (steady{&visit{w: p}}).Write(large); n != 2*pieceSize || err == nil || p.limits != 3 {
		t.Errorf("wrote %d to nobody in %d pieces: %v", n, p.limits, err)
	}
}

// TestLargeAnswersAreSteady asks for everything that may be large through a connection that tells whether its limit was moved on.
func TestLargeAnswersAreSteady(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	h.record(t, d.cases[7])
	b := h.as(t, h.open(t).base, "anna")
	handler := h.Handler()
	sum := d.keep("image/png", aPicture())
	for _, path := range []string{"/archive/export?format=csv", "/archive/export?format=jsonl", "/archive/media/" + sum, "/media/" + sum, "/case/2/bundle.zip"} {
		p := &patient{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.AddCookie(&http.Cookie{Name: "takhojd", Value: b.sessionOf()})
		handler.ServeHTTP(p, r)
		if p.Code != http.StatusOK || p.limits == 0 {
			t.Errorf("%s: %d, written without a limit that moves on", path, p.Code)
		}
	}
}
