package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/platforms/platformtest"
)

// mark stands in every secret, every comment, every author's name and every password of TestNothingPrivateIsEverWritten, in letters that every
// platform takes.
const mark = "kvittblixt"

// echo stands between the bot and the platforms. When it is told to be rude it answers every third call with an error that quotes all that it
// was sent, in all the fields in which platforms say in words what is wrong.
type echo struct {
	*httptest.Server
	rude   atomic.Bool
	calls  atomic.Int64
	quoted atomic.Int64
}

func newEcho(t *testing.T, platform string) *echo {
	e := &echo{}
	target, err := url.Parse(platform)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // X's signatures are over it
	}, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := e.calls.Add(1); !e.rude.Load() || n%3 != 0 {
			proxy.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		said := fmt.Sprintf("%s %s %s %s", r.Header.Get("Authorization"), r.URL, body, mark)
		n := e.quoted.Add(1)
		answer := map[string]any{"error": map[string]any{"message": said, "error_user_msg": said, "error_user_title": said, "error_data": said, "code": 1, "type": "OAuthException"},
			"title": "Invalid Request", "detail": said, "reason": "client-not-enrolled", "errors": []any{map[string]any{"message": said, "detail": said, "value": said, "parameters": said}}}
		if strings.HasPrefix(r.URL.Path, "/xrpc/") {
			answer = map[string]any{"error": "InvalidRequest", "message": said}
		}
		text, _ := json.Marshal(answer)
		status := []int{500, 400, 307, 403, 502, 302, 200, 404}[n%8] // who follows a redirect says the host's name
		if n%7 == 0 {
			text = []byte(`{"data": "` + mark + `", "` + mark + `": ` + said) // no JSON
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Location", "http://"+mark+".invalid/"+mark)
		w.WriteHeader(status)
		_, _ = w.Write(text)
	}))
	t.Cleanup(e.Close)
	return e
}

// bugged is a bot of all platforms at debug level, all whose secrets are marked.
type bugged struct {
	t                            *testing.T
	platform                     *platformtest.Server
	echo                         *echo
	config, data                 string
	console, webhook, operations string
	said                         strings.Builder // what any command has written
	secret                       string
}

func newBugged(t *testing.T) *bugged {
	dir := t.TempDir()
	b := &bugged{t: t, config: filepath.Join(dir, "takhojd.yaml"), data: filepath.Join(dir, "data"), secret: "app-" + mark,
		console: freePort(t), webhook: freePort(t), operations: freePort(t)}
	accounts := []platformtest.Account{
		{ID: "410100000000001", Name: "Region Stockholm", Token: "page-" + mark},
		{Platform: platforms.Instagram, ID: "17841400000000002", Name: "Region Stockholm", Token: "insta-" + mark},
		{Platform: platforms.X, ID: "1400000000000000003", Name: "Region Stockholm", Token: "1400000000000000003-" + mark},
		{Platform: platforms.Bluesky, ID: "did:plc:regionstockholm234567abc", Name: "Region Stockholm", Token: "abcd-efgh-" + mark}}
	var err error
	b.platform, err = platformtest.Start(context.Background(), platformtest.Options{AppSecret: b.secret, VerifyToken: "verify-" + mark, Accounts: accounts})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.platform.Close() })
	b.echo = newEcho(t, b.platform.URL())
	for _, a := range accounts {
		b.connect(a)
	}
	text, err := os.ReadFile(b.config)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer("127.0.0.1:8080", b.console, "127.0.0.1:8081", b.webhook, "127.0.0.1:9090", b.operations).Replace(string(text)) +
		"\nlog_level: debug\nmoderation:\n  poll_every: 1s\n  backoff: 50ms\n  backoff_max: 500ms\n  media_wait: 1s\n  media_from_private_addresses: true\nnotify:\n"
	for name, address := range map[string]string{"chatt": "generic+" + b.echo.URL + "/hook/" + mark + "?template=json", "brev": "smtp://u:" + mark + "@127.0.0.1:1/?from=a@b.se&to=" + mark + "@b.se",
		"flow": "workflow+" + b.echo.URL + "/" + mark + "?sig=" + mark, "ingen": "slack://hook:" + strings.Repeat("A", 9) + "-BBBBBBBBB-" + strings.Repeat("C", 24) + "@" + mark} {
		changed += "  - name: " + name + "\n    url: {file: " + b.keep(name+".secret", address) + "}\n    every: 1s\n"
		_ = b.keep(name+".secret", address)
	}
	b.keep("takhojd.yaml", changed)
	return b
}

// keep writes a file beside the configuration, and returns its name.
func (b *bugged) keep(name, content string) string {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(filepath.Dir(b.config), name), []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return name
}

// run runs a command, and keeps what it says.
func (b *bugged) run(stdin string, args ...string) (code int) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var out, errs bytes.Buffer
	code = run(ctx, args, strings.NewReader(stdin), &out, &errs)
	fmt.Fprintf(&b.said, "\n$ takhojd %s (%d)\n%s%s", strings.Join(args, " "), code, &out, &errs)
	return code
}

func (b *bugged) connect(a platformtest.Account) {
	b.t.Helper()
	p := a.Platform
	if p == "" {
		p = platforms.Facebook
	}
	keys := platformtest.KeysForX(a, b.secret)
	answers := "authority=Region Stockholm\norigin=takhojd.test\naccount=" + a.ID + "\nname=Region Stockholm\npurpose=Svara\nowner=Anna\nresponse_target=4h\nreviewed=" + time.Now().Format(time.DateOnly) + "\n"
	switch p {
	case platforms.X:
		answers += "consumer_key=" + keys.ConsumerKey + "\nconsumer_secret=" + keys.ConsumerSecret + "\nbearer=" + keys.Bearer + "\ntoken=" + keys.AccessToken + "\ntoken_secret=" + keys.AccessSecret + "\n"
	case platforms.Bluesky:
		answers += "token=" + a.Token + "\n"
	default:
		answers += "app_id=310000000000001\napp_secret=" + b.secret + "\nverify_token=verify-" + mark + "\ntoken=" + a.Token + "\n"
	}
	if code := b.run(strings.Replace(answers, "token="+keys.AccessToken, "token=wrong-"+mark, 1), "connect", string(p), "--config", b.config, "--base-url", b.echo.URL, "--stdin"); code == 0 {
		b.t.Errorf("connect %s with a wrong token: it is well pleased", p)
	}
	if code := b.run(answers, "connect", string(p), "--config", b.config, "--base-url", b.echo.URL, "--stdin"); code != 0 {
		b.t.Fatalf("connect %s: %s", p, b.said.String())
	}
}

// write lets citizens write on every platform, and take some of it back.
func (b *bugged) write(round string) {
	b.t.Helper()
	for _, a := range b.platform.Accounts() {
		post, err := b.platform.AddPost(platformtest.Post{Account: a.ID, Text: "Inlägg " + mark + round})
		if err != nil {
			b.t.Fatal(err)
		}
		for i, text := range []string{"Du är en jävla idiot och en fitta, %s", "Jag ska döda dig, %s", "Tack %s", "Köp billigt på https://%s.example/spam nu", "Hej %s, ring 070-174 06 05"} {
			c, err := b.platform.AddComment(platformtest.Comment{Post: post.ID, AuthorID: fmt.Sprint("12", len(round), i), Author: "Namn " + mark, Text: fmt.Sprintf(text, mark) + round})
			if err != nil {
				b.t.Fatal(err)
			}
			if i == 2 && a.Platform != platforms.Bluesky {
				err = b.platform.Edit(c.ID, "Du är en jävla idiot, "+mark)
			}
			if i == 3 {
				err = b.platform.Remove(c.ID)
			}
			if err != nil {
				b.t.Fatal(err)
			}
		}
	}
}

// awaitDecisions waits until so many comments are decided.
func (b *bugged) awaitDecisions(n int) {
	b.t.Helper()
	deadline := time.After(time.Minute)
	for {
		db, err := store.Open(context.Background(), filepath.Join(b.data, databaseName))
		if err != nil {
			b.t.Fatal(err)
		}
		var decided, hidden int
		err = db.View(context.Background(), func(tx *store.Tx) error {
			return tx.QueryRow(`SELECT count(DISTINCT comment), count(*) FILTER (WHERE action = 'hide') FROM decisions`).Scan(&decided, &hidden)
		})
		if err := errors.Join(err, db.Close()); err != nil {
			b.t.Fatal(err)
		}
		if decided >= n && hidden > 0 {
			return
		}
		select {
		case <-deadline:
			b.t.Fatalf("only %d of %d comments are decided", decided, n)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// deliver posts what no platform would, signed and not.
func (b *bugged) deliver() {
	b.t.Helper()
	comment := `{"item":"comment","verb":"add","comment_id":"77_1","post_id":"410100000000001_77","from":{"id":"1","name":"` + mark + `"},"message":"` + mark + `"}`
	entry := func(value string) string {
		return `{"object":"page","entry":[{"id":"410100000000001","time":1,"changes":[{"field":"feed","value":` + value + `}]}]}`
	}
	for _, body := range []string{mark, `"` + mark + `"`, `{"object":"okant"}`, `{"object":"page","entry":"` + mark + `"}`, entry(`"` + mark + `"`), entry(comment)[:90], entry(comment) + mark,
		entry(strings.Replace(comment, `"comment"`, `"okant"`, 1)), entry(strings.Replace(comment, `"add"`, `"okant"`, 1)), entry(strings.Replace(comment, `"77_1"`, `"77_1/../"`, 1)),
		entry(strings.Replace(comment, `{"id":"1","name":"`+mark+`"}`, `"`+mark+`"`, 1)), entry(strings.Replace(comment, `"message":"`, `"created_time":"`+mark+`","message":"`, 1)),
		strings.Replace(entry(comment), `"feed"`, `"okant"`, 1), strings.Replace(entry(comment), "410100000000001", "410100000000009", 1),
		`{"for_user_id":"` + mark + `","tweet_create_events":[{"text":"` + mark + `"}]}`, `{"data":{"event_type":"` + mark + `","payload":"` + mark + `"}}`, `{"data":{"event_type":"post.reply.create","payload":{"id":"` + mark + `","text":"` + mark + `"}}}`} {
		for _, path := range []string{"/webhooks/facebook", "/webhooks/instagram", "/webhooks/x"} {
			mac := hmac.New(sha256.New, []byte(b.secret))
			mac.Write([]byte(body))
			for _, signed := range []bool{true, false} {
				r, err := http.NewRequest(http.MethodPost, "http://"+b.webhook+path+"?"+mark, strings.NewReader(body))
				if err != nil {
					b.t.Fatal(err)
				}
				r.Header.Set("X-Hub-Signature-256", "sha256="+mark)
				if signed {
					r.Header.Set("X-Hub-Signature-256", hubSignature(b.secret, body))
					r.Header.Set("x-twitter-webhooks-signature", "sha256="+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
				}
				b.do(http.DefaultClient, r)
			}
		}
	}
	for _, query := range []string{"hub.mode=subscribe&hub.challenge=" + mark + "&hub.verify_token=wrong" + mark, "crc_token=%7B%22" + mark + "%22%7D", mark} {
		for _, path := range []string{"/webhooks/facebook", "/webhooks/x", "/" + mark} {
			r, err := http.NewRequest(http.MethodGet, "http://"+b.webhook+path+"?"+query, nil)
			if err != nil {
				b.t.Fatal(err)
			}
			b.do(http.DefaultClient, r)
		}
	}
}

func (b *bugged) do(client *http.Client, r *http.Request) (status int, body string) {
	b.t.Helper()
	response, err := client.Do(r)
	if err != nil {
		return 0, "" // it may hang up on what is too large
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(text)
}

// visit does in the console what people do, and what they should not.
func (b *bugged) visit() {
	b.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: 20 * time.Second}
	ask := func(method, path string, form url.Values) (int, string) {
		r, err := http.NewRequest(method, "http://"+b.console+path, strings.NewReader(form.Encode()))
		if err != nil {
			b.t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("User-Agent", mark)
		r.Header.Set("Referer", "http://"+b.console+"/archive?words="+mark)
		return b.do(client, r)
	}
	ask(http.MethodPost, "/login", url.Values{"name": {mark}, "password": {mark}})
	ask(http.MethodPost, "/login", url.Values{"name": {"losenord i fel ruta " + mark}, "password": {mark}, "next": {"/" + mark}})
	ask(http.MethodGet, "/login/"+mark, nil)
	ask(http.MethodPost, "/login/"+mark, nil)
	if status, _ := ask(http.MethodPost, "/login", url.Values{"name": {"anna"}, "password": {"losenord " + mark}}); status != http.StatusOK {
		b.t.Fatalf("login: %d", status)
	}
	for _, path := range []string{"/queue", "/bot-hidden", "/archive?words=" + mark + "&author=" + mark, "/archive/export?format=csv&words=" + mark, "/archive/export?format=" + mark, "/author?platform=facebook&id=" + mark,
		"/archive/record/" + mark, "/media/" + mark, "/templates/" + mark, "/channels", "/" + mark, "/queue?channel=" + mark, "/case/1/bundle.zip"} {
		ask(http.MethodGet, path, nil)
	}
	decided := 0
	for id := 1; id <= 20; id++ {
		status, page := ask(http.MethodGet, fmt.Sprint("/case/", id), nil)
		revision := between(page, `name="revision" value="`, `"`)
		if status != http.StatusOK || !strings.Contains(page, mark) {
			continue
		}
		_, page = ask(http.MethodGet, fmt.Sprint("/queue/", id), nil)
		if r := between(page, `name="revision" value="`, `"`); r != "" {
			revision = r
		}
		action := []string{"hide", "allow", "delete", "reply", "escalate", "block", "restore"}[id%7]
		if status, _ := ask(http.MethodPost, fmt.Sprintf("/case/%d/decide", id), url.Values{"revision": {revision}, "action": {action}, "confirmed": {"yes"}, "reason": {"skäl " + mark},
			"reply": {"svar " + mark}, "how": {"public"}, "flag": {between(page, `name="flag" value="`, `"`)}}); status == http.StatusOK {
			decided++
		}
		ask(http.MethodPost, fmt.Sprintf("/case/%d/decide", id), url.Values{"revision": {mark}, "action": {mark}, "reason": {mark}})
	}
	if decided == 0 {
		b.t.Error("nothing could be decided in the console: the test does not see what it should")
	}
	ask(http.MethodPost, "/templates/tack", url.Values{"sv": {mark}, "en": {mark}, "text": {mark}})
	ask(http.MethodPost, "/channels/check", nil)
	ask(http.MethodPost, "/channels/retry", url.Values{"box": {mark}, "id": {mark}})
	ask(http.MethodPost, "/archive/verify", nil)
}

func between(text, before, after string) string {
	_, rest, _ := strings.Cut(text, before)
	found, _, _ := strings.Cut(rest, after)
	return found
}

// spoil runs every command on configurations that people get wrong, with secrets in the places where they do not belong.
func (b *bugged) spoil() {
	b.t.Helper()
	good, err := os.ReadFile(b.config)
	if err != nil {
		b.t.Fatal(err)
	}
	plain := "data: " + b.t.TempDir() + "\norigin: takhojd.test\n"
	bad := map[string]string{
		"a secret in the configuration":    plain + "facebook:\n  app_secret: " + mark + "\n",
		"a token in the configuration":     string(good) + "\nchannels:\n  - token: " + mark + "\n",
		"an address in the configuration":  plain + "database: postgres://u:" + mark + "@h/d\n",
		"a secret under a wrong name":      plain + "facebook:\n  app_secret: {value: " + mark + "}\n",
		"a secret as a name of a variable": plain + "facebook:\n  app_secret: {env: [" + mark + "]}\n",
		"no YAML":                          plain + "facebook: {app_secret: \"" + mark + "\n",
	}
	for i, address := range []string{"postgres://u:%s@127.0.0.1:1/d?search_path=a", "postgres://u:%s@127.0.0.1:1/d?search_path=A;x", "postgres://u:%s@127.0.0.1:port/d", "postgres://u:%s@[::1/d", "postgresql://u:%s@127.0.0.1:1/d?sslmode=%s",
		"host=127.0.0.1 port=1 password=%s dbname=d", "user=u password='%s' host=/nowhere", "postgres:/u:%s@h/d", "mysql://u:%s@h/d", "postgres://u:%s%%zz@h/d", "redis://:%s@127.0.0.1:1"} {
		bad[address] = plain + "database: {file: " + b.keep(fmt.Sprint("bad-", i, ".secret"), strings.ReplaceAll(address, "%s", mark)) + "}\n"
	}
	for i, address := range []string{"slack://%s", "smtp://u:%s@", "%s", "workflow+ftp://%s", "generic://%s:%s", "https://%s", "telegram://%s@telegram"} {
		bad["notify "+address] = plain + "notify:\n  - {name: a, url: {file: " + b.keep(fmt.Sprint("told-", i, ".secret"), strings.ReplaceAll(address, "%s", mark)) + "}}\n"
	}
	for i, address := range []string{"redis://:%s@127.0.0.1:1/0", "redis://u:%s@[::1", "redis://u:%s@h:port", "%s", "http://u:%s@h", "rediss://u:%s@h/no?addr=%s"} {
		c := Config{Redis: RedisConfig{Address: Secret{File: filepath.Join(filepath.Dir(b.config), b.keep(fmt.Sprint("redis-", i, ".secret"), strings.ReplaceAll(address, "%s", mark)))}}}
		_, err := c.streams("node", zap.NewNop(), prometheus.NewRegistry())
		fmt.Fprintf(&b.said, "\n# redis %d: %v", i, err)
	}
	commands := [][]string{{"serve", "--role", "console"}, {"doctor", "--offline"}, {"notify", "test"}}
	onBooks := [][]string{{"user", "list"}, {"archive", "verify"}, {"backup", "--to", filepath.Join(b.t.TempDir(), "copy")}}
	for what, text := range bad {
		path := filepath.Join(filepath.Dir(b.config), b.keep("bad.yaml", text))
		fmt.Fprintf(&b.said, "\n# %s", strings.ReplaceAll(what, mark, "…"))
		these := commands
		if strings.Contains(text, "database:") {
			these = append(these[:1:1], onBooks...)
		}
		for _, args := range these {
			if code := b.run("", append(args, "--config", path)...); code == 0 && args[0] == "serve" {
				b.t.Errorf("%s: it serves", what)
			}
		}
	}
}

// TestNothingPrivateIsEverWritten connects, runs, fails and examines a bot of all four platforms, at debug level, and reads every word that it
// has written: no secret, no comment, no author's name and nothing that anybody typed.
func TestNothingPrivateIsEverWritten(t *testing.T) {
	t.Parallel() // beside TestKillAtAnyMoment: both wait for processes
	b := newBugged(t)
	if code, _, errs := do(t, "losenord "+mark+"\n", "user", "add", "anna", "--role", "admin", "--config", b.config, "--password-stdin"); code != 0 {
		t.Fatal(errs)
	}
	p, _ := startProcess(t, `"listening"`, "serve", "--config", b.config)
	b.platform.SetWebhookURL("http://" + b.webhook + "/webhooks/{platform}")
	b.write("")
	b.awaitDecisions(12)
	b.echo.rude.Store(true)
	b.deliver()
	b.write(" igen")
	b.visit()
	b.awaitDecisions(20)
	deadline := time.After(time.Minute)
	for b.echo.quoted.Load() < 40 {
		select {
		case <-deadline:
			t.Fatalf("only %d rude answers", b.echo.quoted.Load())
		case <-time.After(50 * time.Millisecond):
		}
	}
	_, metrics := b.do(http.DefaultClient, httptestGet(t, "http://"+b.operations+"/metrics"))
	if !strings.Contains(metrics, "takhojd_") {
		t.Error("there are no metrics to read")
	}
	b.said.WriteString(metrics)
	for _, args := range [][]string{{"doctor"}, {"doctor", "--json"}, {"notify", "test"}, {"nodes"}, {"user", "list"}, {"archive", "verify"}, {"backup", "--to", filepath.Join(t.TempDir(), "copy")}} {
		b.run("", append(args, "--config", b.config)...)
	}
	if err := p.terminate(); err != nil {
		t.Error(err)
	}
	b.spoil()
	said := b.said.String() + p.log.String()
	for _, need := range []string{`"level":"warn"`, "bad signature", "became no event", `"outbox"`, "POST /case/{comment}/decide", "$ takhojd doctor", "$ takhojd connect x"} {
		if !strings.Contains(said, need) {
			t.Errorf("nothing was said of %s: the test does not see what it should", need)
		}
	}
	lower := strings.ToLower(said)
	for what, word := range map[string]string{"the mark": mark, "the mark in base64": base64.StdEncoding.EncodeToString([]byte(mark))[:12], "a header": "bearer ey", "a signature": "oauth_signature=", "a token": "access_token=",
		"X's key": platformtest.KeysForX(platformtest.Account{}, "").ConsumerKey, "a hash": "$argon2id"} {
		for _, line := range strings.Split(lower, "\n") {
			if strings.Contains(line, strings.ToLower(word)) {
				t.Errorf("%s stands in: %.600s", what, line)
			}
		}
	}
}

func httptestGet(t *testing.T, address string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
