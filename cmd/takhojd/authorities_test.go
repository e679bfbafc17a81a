package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"takhojd/archive"
	"takhojd/moderation/console"
	"takhojd/moderation/store/storetest"
	"takhojd/platforms"
	"takhojd/platforms/platformtest"
)

// authority is one of several on a machine: a service with books, a signing key, people and platforms of its own. All have the same channels,
// accounts and ids, so that only what keeps them apart keeps them apart.
type authority struct {
	t        *testing.T
	name     string
	platform *platformtest.Server
	service  *service
	secret   string
}

const authorityPassword = "ett långt lösenord"

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, name: name, secret: name + "-app-secret"}
	verify := name + "-verify"
	var err error
	if a.platform, err = platformtest.Start(context.Background(), platformtest.Options{AppSecret: a.secret, VerifyToken: verify}); err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	cfg, err := demoConfig(demoOptions{addr: "127.0.0.1:0", data: data, logLevel: "error"}, a.platform, a.secret, verify)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Authority, cfg.Origin, cfg.Console.Address = "Region "+name, name+".takhojd.test", "127.0.0.1:0"
	if storetest.OnPostgreSQL() { // one database, a schema each
		cfg.Database.File = filepath.Join(data, "database.secret")
		if err := os.WriteFile(cfg.Database.File, []byte(storetest.Where(t, data)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if a.service, err = newService(context.Background(), cfg, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	run, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.service.run(run) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, a.service.close(), a.platform.Close()); err != nil {
			t.Error(err)
		}
	})
	a.platform.SetWebhookURL("http://" + a.service.address("webhooks") + "/webhooks/{platform}")
	return a
}

// word stands in everything that is this authority's alone.
func (a *authority) word() string { return "hemort" + a.name }

// live lets citizens write: what is hidden, what waits for a person, with pictures, and an account of each role.
func (a *authority) live() {
	a.t.Helper()
	accounts := console.NewAccounts(a.service.db)
	for name, role := range map[string]console.Role{"anna": console.Admin, "mats": console.Moderator, "rut": console.Archivist} {
		if err := accounts.Add(context.Background(), name, strings.ToUpper(name[:1])+name[1:]+" "+a.word(), role, authorityPassword+" "+a.name); err != nil {
			a.t.Fatal(err)
		}
	}
	for _, account := range a.platform.Accounts() {
		post, err := a.platform.AddPost(platformtest.Post{Account: account.ID, Text: "Nytt från " + a.word()})
		if err != nil {
			a.t.Fatal(err)
		}
		for i, text := range []string{"Du är en jävla idiot och en fitta, %s", "Håller inte med om %s, men tack", "Jag ska döda dig, %s"} {
			c := platformtest.Comment{Post: post.ID, AuthorID: fmt.Sprint(9000 + i), Author: "Medborgare " + a.word(), Text: fmt.Sprintf(text, a.word())}
			if i == 0 && account.Platform != platforms.X {
				c.Photos = 1
			}
			if _, err := a.platform.AddComment(c); err != nil {
				a.t.Fatal(err)
			}
		}
	}
	deadline := time.After(time.Minute)
	for {
		found, err := a.service.books.archive.Count(context.Background(), archive.Query{Words: a.word()})
		counts, err2 := a.service.moderator.Counts(context.Background())
		if err := errors.Join(err, err2); err != nil {
			a.t.Fatal(err)
		}
		if found >= 3 && counts.Flags >= 3 && counts.Waiting == 0 {
			return
		}
		select {
		case <-deadline:
			a.t.Fatalf("%s: %d records, %+v", a.name, found, counts)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// enter logs a browser in.
func (a *authority) enter(account string) *http.Client {
	a.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		a.t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: 20 * time.Second}
	response, err := client.PostForm(a.url("/login"), url.Values{"name": {account}, "password": {authorityPassword + " " + a.name}})
	if err != nil {
		a.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || strings.HasPrefix(response.Request.URL.Path, "/login") {
		a.t.Fatalf("%s cannot log in at %s: %d", account, a.name, response.StatusCode)
	}
	return client
}

func (a *authority) url(path string) string { return "http://" + a.service.address("console") + path }

// get returns what a path answers, and its status after redirects.
func (a *authority) get(client *http.Client, path string) (status int, header http.Header, body string) {
	a.t.Helper()
	response, err := client.Get(a.url(path))
	if err != nil {
		a.t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	if strings.HasPrefix(response.Request.URL.Path, "/login") {
		return http.StatusUnauthorized, response.Header, string(b)
	}
	return response.StatusCode, response.Header, string(b)
}

var ownLink = regexp.MustCompile(`(?:href|src|action)="(/[^"#]*)`)

// crawl reads every page that is reached from the first, and each export, and returns them by path.
func (a *authority) crawl(client *http.Client) map[string]string {
	a.t.Helper()
	pages := map[string]string{}
	ways := []string{"/", "/help", "/archive", "/archive?words=" + a.word(), "/archive/export?format=csv", "/archive/export?format=jsonl", "/archive/verify", "/queue", "/bot-hidden",
		"/questions", "/figures", "/rules", "/channels", "/accounts", "/templates"}
	for len(ways) > 0 && len(pages) < 400 {
		path := strings.ReplaceAll(ways[0], "&amp;", "&")
		ways = ways[1:]
		if _, read := pages[path]; read || strings.HasPrefix(path, "/login") {
			continue
		}
		status, header, body := a.get(client, path)
		pages[path] = body
		if status >= 500 {
			a.t.Errorf("%s: %s: %d", a.name, path, status)
		}
		if strings.HasPrefix(header.Get("Content-Type"), "text/html") {
			for _, m := range ownLink.FindAllStringSubmatch(body, -1) {
				ways = append(ways, m[1])
			}
		}
	}
	return pages
}

// TestAuthoritiesDoNotMeet serves two authorities on one machine – and, on PostgreSQL, in one database – and looks for the one in everything
// that the other shows, finds, exports and lets in.
func TestAuthoritiesDoNotMeet(t *testing.T) {
	all := []*authority{newAuthority(t, "nord"), newAuthority(t, "syd")}
	for _, a := range all {
		a.live()
	}
	for i, a := range all {
		other := all[1-i]
		client := a.enter("anna")
		pages := a.crawl(client)
		own := 0
		for path, body := range pages {
			if strings.Contains(body, a.word()) {
				own++
			}
			for _, bad := range []string{other.word(), other.service.cfg.Origin, other.secret, "Region " + other.name} {
				if strings.Contains(body, bad) {
					t.Errorf("%s: %s shows %q", a.name, path, bad)
				}
			}
		}
		if len(pages) < 60 || own < 20 {
			t.Errorf("%s: of %d pages %d were its own: the test does not see what it should", a.name, len(pages), own)
		}
		a.knowsNothingOf(client, other, other.crawl(other.enter("rut")))
	}
}

// knowsNothingOf asks for what is the other's by its own names: its records, its pictures, its words, its people.
func (a *authority) knowsNothingOf(client *http.Client, other *authority, theirs map[string]string) {
	t := a.t
	asked := 0
	for path := range theirs {
		if strings.HasPrefix(path, "/archive/record/") {
			asked++
			// The numbers of records begin anew for each: it is our own of that number, or none.
			if status, _, body := a.get(client, path); status != http.StatusNotFound && !strings.Contains(body, a.word()) || strings.Contains(body, other.word()) {
				t.Errorf("%s: the other's %s: %d", a.name, path, status)
			}
		}
	}
	if asked < 3 {
		t.Errorf("%s: only %d of the other's records were asked for", a.name, asked)
	}
	for by, search := range map[string]archive.Query{"words": {Words: other.word()}, "author": {Author: other.word()}} {
		if found, err := a.service.books.archive.Count(context.Background(), search); err != nil || found != 0 {
			t.Errorf("%s: a search by %s for the other's word finds %d: %v", a.name, by, found, err)
		}
	}
	response, err := http.PostForm(a.url("/login"), url.Values{"name": {"anna"}, "password": {authorityPassword + " " + other.name}})
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("%s: the other's password: %d", a.name, response.StatusCode)
	}
	// Cookies know no ports: a browser shows the one's session to the other.
	if status, _, _ := a.get(other.enter("anna"), "/archive"); status != http.StatusUnauthorized {
		t.Errorf("%s: the other's session: %d", a.name, status)
	}
	link, err := other.service.console.LoginLink(context.Background(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	if response, err = (&http.Client{Timeout: 20 * time.Second}).Post(a.url(link), "", nil); err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("%s: the other's login link: %d", a.name, response.StatusCode)
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+a.service.address("webhooks")+"/webhooks/facebook", strings.NewReader(`{"object":"page","entry":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Hub-Signature-256", hubSignature(other.secret, `{"object":"page","entry":[]}`))
	if response, err = http.DefaultClient.Do(request); err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("%s: what is signed for the other: %d", a.name, response.StatusCode)
	}
	checkpoint, err := other.service.books.archive.Checkpoint(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if report, err := a.service.books.archive.VerifyAgainst(context.Background(), checkpoint, nil); err == nil && report.OK() {
		t.Errorf("%s: the other's checkpoint is taken for its own", a.name)
	}
}
