package console

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"takhojd/moderation"
	"takhojd/moderation/store"
	"takhojd/rules"
)

func TestAccounts(t *testing.T) {
	ctx := context.Background()
	h := newHouse(t, newFakeDesk(t))
	for name, test := range map[string]struct {
		account, display, password string
		role                       Role
		want                       error
	}{
		"good":           {"bo.ek", "Bo Ek", password, Moderator, nil},
		"taken":          {"anna", "Anna", password, Admin, ErrAccountExists},
		"capitals":       {" Cia ", "Cia", password, Archivist, nil},
		"no name":        {"", "Cia", password, Admin, ErrBadAccount},
		"odd name":       {"b o", "Bo", password, Admin, ErrBadAccount},
		"no display":     {"dag", " ", password, Admin, ErrBadAccount},
		"no such role":   {"dag", "Dag", password, "king", ErrBadAccount},
		"short password": {"dag", "Dag", "elva tecken", Admin, ErrBadAccount},
	} {
		if err := h.accounts.Add(ctx, test.account, test.display, test.role, test.password); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	if err := h.accounts.Disable(ctx, "nobody"); !errors.Is(err, ErrNoAccount) {
		t.Errorf("disable nobody: %v", err)
	}
	if err := h.accounts.Disable(ctx, "bo.ek"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.accounts.login(ctx, "bo.ek", password, "10.0.0.1"); !errors.Is(err, errWrongPassword) {
		t.Errorf("a closed account logs in: %v", err)
	}
	if err := h.accounts.Add(ctx, "bo.ek", "Bo Ek", Archivist, password); err != nil {
		t.Errorf("reopen: %v", err)
	}
	account, err := h.accounts.login(ctx, "BO.EK", password, "10.0.0.1")
	if err != nil || account.Role != Archivist {
		t.Errorf("reopened account: %+v, %v", account, err)
	}
	all, err := h.accounts.List(ctx)
	if err != nil || len(all) != 5 || all[0].Name != "anna" || all[1].LastLogin.IsZero() {
		t.Errorf("list: %+v, %v", all, err)
	}
}

func TestPasswords(t *testing.T) {
	first, err := hashPassword(password)
	if err != nil {
		t.Fatal(err)
	}
	second, err := hashPassword(password)
	if err != nil {
		t.Fatal(err)
	}
	if first == second || !strings.HasPrefix(first, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hashes %s and %s", first, second)
	}
	ctx := context.Background()
	for name, test := range map[string]struct {
		hash, password string
		want           bool
	}{
		"right":               {first, password, true},
		"typed in two pieces": {first, "korrekt ha\u0308st batteri", true},
		"wrong":               {first, password + "!", false},
		"empty":               {first, "", false},
		"no hash":             {"", password, false},
		"no hash, empty":      {"", "", false},
		"the dummy":           {"", string(make([]byte, 32)), false},
		"broken hash":         {"$argon2id$v=19$m=1,t=0,p=0$$", password, false},
		"huge":                {first, strings.Repeat("x", 1<<20), false},
	} {
		if got := checkPassword(ctx, test.hash, test.password); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestLogin(t *testing.T) {
	ctx := context.Background()
	h := newHouse(t, morning(t))
	if err := h.accounts.SetPassword(ctx, "mats", password); err != nil {
		t.Fatal(err)
	}
	b := h.open(t)
	if got := b.get("/queue/2"); got.location() != "/login?next=%2Fqueue%2F2" {
		t.Errorf("a stranger is led to %q", got.location())
	}
	if got := b.post("/login", url.Values{"name": {"mats"}, "password": {"fel fel fel fel"}}); got.status != http.StatusUnauthorized || !strings.Contains(got.body, "stämmer inte") {
		t.Errorf("wrong password: %d", got.status)
	}
	got := b.post("/login", url.Values{"name": {"mats"}, "password": {password}, "next": {"/queue/2"}})
	if got.location() != "/queue/2" {
		t.Fatalf("right password: %d to %q", got.status, got.location())
	}
	cookie := got.header.Get("Set-Cookie")
	if !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") {
		t.Errorf("the session's cookie is %q", cookie)
	}
	if got := b.get("/queue/2"); got.status != http.StatusOK {
		t.Errorf("after login: %d", got.status)
	}
	b.post("/logout", nil)
	if got := b.get("/queue/2"); got.status != http.StatusSeeOther {
		t.Errorf("after logout: %d", got.status)
	}
}

func TestLoginLeadsNowhereElse(t *testing.T) {
	for _, next := range []string{"https://ond.example/", "//ond.example", `/\ond.example`, "javascript:alert(1)", "/\t/ond.example", ""} {
		if got := local(next); got != "/" {
			t.Errorf("%q leads to %q", next, got)
		}
	}
}

func TestLoginLinkWorksOnceAndNotForLong(t *testing.T) {
	ctx := context.Background()
	h := newHouse(t, morning(t))
	base := h.open(t).base
	link, err := h.LoginLink(ctx, "anna")
	if err != nil {
		t.Fatal(err)
	}
	if got := visitor(t, base).post(link, nil); got.status != http.StatusSeeOther {
		t.Errorf("first use: %d", got.status)
	}
	if got := visitor(t, base).post(link, nil); got.status != http.StatusUnauthorized {
		t.Errorf("second use: %d", got.status)
	}
	late, err := h.LoginLink(ctx, "anna")
	if err != nil {
		t.Fatal(err)
	}
	h.Server.accounts.now = func() time.Time { return time.Now().Add(linkLife + time.Second) }
	if got := visitor(t, base).post(late, nil); got.status != http.StatusUnauthorized {
		t.Errorf("after its time: %d", got.status)
	}
	if _, err := h.LoginLink(ctx, "nobody"); !errors.Is(err, ErrNoAccount) {
		t.Errorf("a link for nobody: %v", err)
	}
}

func TestLoginIsThrottled(t *testing.T) {
	ctx := context.Background()
	h := newHouse(t, newFakeDesk(t))
	if err := h.accounts.SetPassword(ctx, "mats", password); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	h.accounts.now = func() time.Time { return now }
	for i := range attemptsAccount {
		if err := h.accounts.attempt(ctx, "mats", "10.0.0."+string(rune('a'+i))); err != nil {
			t.Fatalf("attempt %d: %v", i, err)
		}
	}
	if _, err := h.accounts.login(ctx, "mats", password, "10.0.1.1"); !errors.Is(err, errThrottled) {
		t.Errorf("one account from many addresses: %v", err)
	}
	now = now.Add(attemptWindow + time.Second)
	if _, err := h.accounts.login(ctx, "mats", password, "10.0.1.1"); err != nil {
		t.Errorf("after the window: %v", err)
	}
	for i := range attemptsAddress {
		if err := h.accounts.attempt(ctx, "user"+string(rune('a'+i)), "10.9.9.9"); err != nil {
			t.Fatalf("attempt %d: %v", i, err)
		}
	}
	if _, err := h.accounts.login(ctx, "mats", password, "10.9.9.9"); !errors.Is(err, errThrottled) {
		t.Errorf("many accounts from one address: %v", err)
	}
	if _, err := h.accounts.login(ctx, "mats", password, "10.1.1.1"); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	h.Server.accounts.now = h.accounts.now
	b := h.open(t)
	if got := b.post("/login", url.Values{"name": {"mats"}, "password": {password}}); got.status != http.StatusSeeOther {
		t.Errorf("over the wire: %d", got.status)
	}
}

func TestThrottledPageSaysWhen(t *testing.T) {
	h := newHouse(t, newFakeDesk(t))
	b := h.open(t)
	for range attemptsAccount {
		if err := h.accounts.attempt(context.Background(), "mats", "10.0.0.1"); err != nil {
			t.Fatal(err)
		}
	}
	got := b.post("/login", url.Values{"name": {"mats"}, "password": {password}})
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "900" || !strings.Contains(got.body, "Vänta en kvart") {
		t.Errorf("%d, Retry-After %q", got.status, got.header.Get("Retry-After"))
	}
}

func TestSessionsEnd(t *testing.T) {
	ctx := context.Background()
	for name, end := range map[string]func(*testing.T, *house, *browser){
		"logout everywhere": func(t *testing.T, h *house, _ *browser) {
			if err := h.accounts.endSessions(ctx, "mats"); err != nil {
				t.Fatal(err)
			}
		},
		"new password": func(t *testing.T, h *house, _ *browser) {
			if err := h.accounts.SetPassword(ctx, "mats", password); err != nil {
				t.Fatal(err)
			}
		},
		"account closed": func(t *testing.T, h *house, _ *browser) {
			if err := h.accounts.Disable(ctx, "mats"); err != nil {
				t.Fatal(err)
			}
		},
		"idle": func(t *testing.T, h *house, _ *browser) {
			h.exec(t, `UPDATE sessions SET expires_at = $1`, time.Now().Add(-time.Second))
		},
		"another browser logs out everywhere": func(t *testing.T, h *house, b *browser) {
			h.as(t, b.base, "mats").post("/logout/everywhere", nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, morning(t))
			mats := h.as(t, h.open(t).base, "mats")
			if got := mats.get("/queue/2"); got.status != http.StatusOK {
				t.Fatalf("before: %d", got.status)
			}
			end(t, h, mats)
			if got := mats.get("/queue/2"); got.status != http.StatusSeeOther {
				t.Errorf("after: %d", got.status)
			}
			if got := mats.post("/case/2/decide", decision(h.desk.cases[2], moderation.Hide)); got.status != http.StatusUnauthorized || len(h.desk.resolved) != 0 {
				t.Errorf("a decision after: %d", got.status)
			}
		})
	}
}

func (h *house) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	if err := h.db.Update(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestSessionLivesAndDies(t *testing.T) {
	ctx := context.Background()
	h := newHouse(t, newFakeDesk(t))
	sessions := sessionStore{h.db}
	now := time.Now()
	if err := sessions.CommitCtx(ctx, "a", []byte("data"), now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	expires := func() (us int64) {
		if err := h.db.View(ctx, func(tx *store.Tx) error {
			return tx.QueryRow(`SELECT expires_at FROM sessions WHERE token = 'a'`).Scan(&us)
		}); err != nil {
			t.Fatal(err)
		}
		return us
	}
	first := expires()
	if err := sessions.CommitCtx(ctx, "a", []byte("data"), now.Add(time.Hour+renewEvery/2)); err != nil || expires() != first {
		t.Errorf("an unchanged session is written within a minute: %v", err)
	}
	if err := sessions.CommitCtx(ctx, "a", []byte("data"), now.Add(time.Hour+renewEvery)); err != nil || expires() == first {
		t.Errorf("a session that lives on is not renewed: %v", err)
	}
	if err := sessions.CommitCtx(ctx, "a", []byte("other"), now.Add(time.Hour+renewEvery)); err != nil {
		t.Fatal(err)
	}
	if data, ok, err := sessions.FindCtx(ctx, "a"); err != nil || !ok || string(data) != "other" {
		t.Errorf("found %q, %v, %v", data, ok, err)
	}
	h.exec(t, `UPDATE sessions SET expires_at = $1`, now.Add(-time.Minute))
	if err := sessions.CommitCtx(ctx, "b", []byte("x"), now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := h.db.View(ctx, func(tx *store.Tx) error { return tx.QueryRow(`SELECT count(*) FROM sessions`).Scan(&n) }); err != nil || n != 1 {
		t.Errorf("%d sessions are kept, want the living one: %v", n, err)
	}
}

func TestWhereALoginComesFrom(t *testing.T) {
	for name, test := range map[string]struct {
		secure    bool
		forwarded []string
		want      string
	}{
		"direct":              {false, []string{"6.6.6.6"}, "10.0.0.7"},
		"behind a proxy":      {true, []string{"192.0.2.1"}, "192.0.2.1"},
		"client lies":         {true, []string{"6.6.6.6, 192.0.2.1"}, "192.0.2.1"},
		"client lies apart":   {true, []string{"6.6.6.6", "192.0.2.1"}, "192.0.2.1"},
		"nonsense":            {true, []string{"who knows"}, "10.0.0.7"},
		"proxy says nothing":  {true, nil, "10.0.0.7"},
		"v6 behind the proxy": {true, []string{"2001:db8::1"}, "2001:db8::/64"},
		"v4 written as v6":    {true, []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
	} {
		r := &http.Request{RemoteAddr: "10.0.0.7:4242", Header: http.Header{"X-Forwarded-For": test.forwarded}}
		if got := (&Server{secure: test.secure}).address(r); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// stream opens the event stream and returns its lines.
func (b *browser) stream(t *testing.T) <-chan string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := b.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if kind := response.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("the stream is %d %q", response.StatusCode, kind)
	}
	lines := make(chan string, 64)
	go func() {
		defer close(lines)
		defer response.Body.Close()
		for scanner := bufio.NewScanner(response.Body); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	return lines
}

func await(t *testing.T, lines <-chan string, part string) {
	t.Helper()
	for line := range lines {
		if strings.Contains(line, part) {
			return
		}
	}
	t.Fatalf("the stream ended without %q", part)
}

func TestEventsTellOfNewFlagsAndEndWithTheServer(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	mats := h.as(t, h.open(t).base, "mats")
	lines := mats.stream(t)
	await(t, lines, `"flags":6`)
	d.mu.Lock()
	d.flag(d.add(11, 0, "Ny", "Något nytt", "nytt", rules.Insult), moderation.Doubt, 10)
	d.tell(moderation.Change{Kind: "flag", Flag: 1011, Comment: 11})
	d.mu.Unlock()
	await(t, lines, `"flags":7,"botHidden":2,"routed":2,"dead":1,"opened":[1011]`)
	h.Close()
	deadline := time.After(5 * time.Second)
	for {
		select {
		case _, open := <-lines:
			if !open {
				return
			}
		case <-deadline:
			t.Fatal("the stream outlives the server")
		}
	}
}

func TestStreamsSessionIsReadAnew(t *testing.T) {
	h := newHouse(t, morning(t))
	mats := h.as(t, h.open(t).base, "mats")
	r, err := http.NewRequest(http.MethodGet, mats.base+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range mats.http.Jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	account, err := h.accounts.find(context.Background(), "mats")
	if err != nil {
		t.Fatal(err)
	}
	v := &visit{s: h.Server, r: r, account: account}
	if !v.stillIn() {
		t.Error("a living session is taken for dead")
	}
	if err := h.accounts.endSessions(context.Background(), "mats"); err != nil {
		t.Fatal(err)
	}
	if v.stillIn() {
		t.Error("a session that was ended goes on listening")
	}
}

// TestLogHoldsNoWordsOfOthers decides, fails and logs in, and reads the log: routes and accounts stand there, no comment and no name.
func TestLogHoldsNoWordsOfOthers(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	core, seen := observer.New(zap.DebugLevel)
	h.log = zap.New(core)
	mats := h.as(t, h.open(t).base, "mats")
	mats.get("/queue/3")
	mats.post("/case/3/decide", decision(d.cases[3], moderation.Hide, "reason", "hemligt skäl"))
	mats.post("/login", url.Values{"name": {"lösenord i fel fält"}, "password": {"hemligt ord"}})
	var kept int
	if err := h.db.View(context.Background(), func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT count(*) FROM login_attempts WHERE account <> '?'`).Scan(&kept)
	}); err != nil || kept != 0 {
		t.Errorf("what was typed into the wrong field is kept: %d, %v", kept, err)
	}
	d.fail["Counts"] = errors.New("the desk is broken")
	if got := mats.get("/help"); got.status != http.StatusInternalServerError {
		t.Fatalf("a broken desk: %d", got.status)
	}
	var log strings.Builder
	for _, entry := range seen.All() {
		log.WriteString(entry.Message)
		for key, value := range entry.ContextMap() {
			fmt.Fprintf(&log, " %s=%v", key, value)
		}
		log.WriteString("\n")
	}
	for _, need := range []string{"POST /case/{comment}/decide", "account=mats", "the desk is broken"} {
		if !strings.Contains(log.String(), need) {
			t.Errorf("the log lacks %q:\n%s", need, log.String())
		}
	}
	for _, bad := range []string{"Kenta", "1d10t", "hemligt", "fel fält"} {
		if strings.Contains(log.String(), bad) {
			t.Errorf("the log holds %q:\n%s", bad, log.String())
		}
	}
}
