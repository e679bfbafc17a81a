package store_test

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"takhojd/archive"
	"takhojd/moderation"
	"takhojd/moderation/console"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

// bounded are the steps of a plan that go through all of something small: what is open, waits or is dead (partial indexes), rules, nodes,
// accounts, what a query made itself; and r, the
// archive's records, in the order in which they are shown, up to a page.
var bounded = regexp.MustCompile(`USING (COVERING )?INDEX (flags_open|flags_queue|outbox_(waiting|later|dead)|inbox_(waiting|dead|channel)|alerts_open|comment_media_unseen)` +
	`|^SCAN (rule_records|r|nodes|n|leases|l|accounts|templates|channels|cursors|schema_versions|figure_cursor|disposal_proposals|sets|found|arms|kinds|k|counted|before|after|arm\d+|h|q|CONSTANT ROW|\d+ CONSTANT ROWS?|\(.*\))( |$)|VIRTUAL TABLE|^SCAN log_checkpoints( USING INDEX|$)`)

// large are the tables that grow with every comment.
var large = regexp.MustCompile(`(?i)\b(comments|revisions|history|decisions|flags|outbox|hide_rules|unseen|posts|archive_\w+|log_\w+|comment_media|picture_\w+)\b`)

// TestNoPageReadsAllOfATable asks for every page, and looks how SQLite answers each query that was asked.
func TestNoPageReadsAllOfATable(t *testing.T) {
	ctx := context.Background()
	folder := t.TempDir()
	db, err := store.Open(ctx, filepath.Join(folder, "takhojd.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	visitPages(t, db, filepath.Join(folder, "log.key"))
	queries := 0
	for _, query := range db.Statements() {
		if !strings.HasPrefix(query, "SELECT") && !strings.HasPrefix(query, "WITH") || !large.MatchString(query) {
			continue
		}
		queries++
		for _, step := range planOf(t, db, query) {
			if strings.HasPrefix(step, "SCAN") && !bounded.MatchString(step) {
				t.Errorf("%s\nin the plan of\n%s", step, query)
			}
		}
	}
	if queries < 30 {
		t.Errorf("only %d queries were looked at: the test does not see what it should", queries)
	}
}

// planOf explains a query.
func planOf(t *testing.T, db *store.DB, query string) (steps []string) {
	t.Helper()
	places := 0
	for _, m := range regexp.MustCompile(`\$(\d+)`).FindAllStringSubmatch(query, -1) {
		n, _ := strconv.Atoi(m[1]) // digits
		places = max(places, n)
	}
	err := db.View(context.Background(), func(tx *store.Tx) error {
		rows, err := tx.Query("EXPLAIN QUERY PLAN "+query, make([]any, places)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				return err
			}
			steps = append(steps, step)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	return steps
}

// visitPages asks for each page of the console, on books with a comment that was let stand, one that was flagged, and one that was hidden.
func visitPages(t *testing.T, db *store.DB, keyFile string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	key, err := archive.OpenKey(keyFile, "takhojd.test")
	if err != nil {
		t.Fatal(err)
	}
	a, err := archive.New(db, key)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := rules.Default()
	if err != nil {
		t.Fatal(err)
	}
	ch := platforms.Channel{ID: "fb", Platform: platforms.Facebook, Name: "Regionen", HideQuota: 9, ResponseTarget: time.Hour}
	m, err := moderation.New(moderation.Config{DB: db, Archive: a, Policy: policy, Channels: []platforms.Channel{ch}})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	var events []platforms.Event
	for name, text := range map[string]string{"c1": "Tack för svaret.", "c2": "Du är en jävla idiot", "c3": "När öppnar vårdcentralen på måndag?"} {
		events = append(events, platforms.Event{Kind: platforms.Added, At: time.Now(), Via: "webhook", Comment: platforms.Comment{Text: text, Post: "p1",
			Ref: platforms.Ref{Platform: platforms.Facebook, Channel: "fb", Comment: name}, Author: platforms.Author{ID: "7", Name: "Kim"}, Posted: time.Now()}})
	}
	if err := m.Receive(ctx, events); err != nil {
		t.Fatal(err)
	}
	disposer := moderation.Disposer{DB: db, Archive: a, Policy: policy, Announce: func(archive.Disposal) error { return nil }}
	id, err := disposer.Propose(ctx, "rut", moderation.RetentionClasses(policy), time.Now())
	if err == nil {
		err = disposer.List(ctx, id)
	}
	if err != nil {
		t.Fatal(err)
	}
	pages, err := console.New(console.Config{DB: db, Desk: m, Records: a, Disposal: disposer, Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer pages.Close()
	server := httptest.NewServer(pages.Handler())
	defer server.Close()
	if err := console.NewAccounts(db).Add(ctx, "anna", "Anna Lind", console.Admin, ""); err != nil {
		t.Fatal(err)
	}
	link, err := pages.LoginLink(ctx, "anna")
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	if response, err := browser.PostForm(server.URL+link, url.Values{}); err != nil || response.Body.Close() != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/queue", "/bot-hidden", "/questions", "/case/1", "/case/2", "/case/3", "/author?platform=facebook&id=7", "/figures", "/rules", "/channels",
		"/accounts", "/templates", "/archive", "/archive?words=idiot", "/archive?category=insult", "/archive?author=Kim", "/archive?channel=fb&from=2020-01-01&to=2030-01-01",
		"/archive?before=1", "/archive?words=idiot&author=Kim&before=1", "/archive/verify", "/archive/disposal", "/archive/disposal/1", "/help"} {
		response, err := browser.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("%s: %s, %v", path, response.Status, err)
		}
	}
}
