package twitter_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"takhojd/archive"
	"takhojd/moderation"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/platforms/platformtest"
	"takhojd/platforms/twitter"
	"takhojd/rules"
)

// clock is real time, moved.
type clock struct {
	mu     sync.Mutex
	offset time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("never: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// TestStorm: 120 comments that must go, on a platform that takes fifty hides in fifteen minutes. Fifty are hidden at once, the gravest first;
// the rest wait for the next window, and the one after; none is lost, and the platform never has to refuse.
func TestStorm(t *testing.T) {
	var (
		clock   clock
		release = make(chan struct{}) // closed when all is judged: hides are held until then
		worlds  = []string{"Fy fan vad dåligt, jävla skit, nummer %d", "Du är en jävla idiot, nummer %d", "Jag ska döda dig, nummer %d"}
		numbers = []int{50, 50, 20}
	)
	x, err := platformtest.Start(t.Context(), platformtest.Options{AppSecret: secret, Accounts: accounts, Now: clock.now,
		OnCall: func(c platformtest.Call) {
			if c.Action == "hide" {
				<-release
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Close() })
	post, err := x.AddPost(platformtest.Post{Account: accounts[0].ID, Text: "Budget"})
	if err != nil {
		t.Fatal(err)
	}
	for grade, n := range numbers { // the gravest come last
		for i := range n {
			author := fmt.Sprint(2000 + 100*grade + i)
			if _, err := x.AddComment(platformtest.Comment{Post: post.ID, AuthorID: author, Author: "Person " + author, Text: fmt.Sprintf(worlds[grade], i)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	channel := platforms.Channel{ID: "rs-x", Platform: platforms.X, Account: accounts[0].ID, Name: "X", ResponseTarget: time.Hour, HideQuota: 1000}
	moderator := startModerator(t, channel, newAccount(t, x, channel, accounts[0], func(cfg *twitter.Config) { cfg.Now = clock.now }), clock.now)
	counts := func() moderation.Counts {
		c, err := moderator.Counts(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	hides := func() (list []platformtest.Call) {
		for _, c := range x.State().Calls {
			if c.Action == "hide" && c.Status != 0 {
				list = append(list, c)
			}
		}
		return list
	}
	eventually(t, "all is judged", func() bool { return decided(t, moderator) == 120 })
	close(release)
	grade := func(comment string) int {
		c, _ := x.State().Comment(comment)
		return slices.IndexFunc(worlds, func(w string) bool { return strings.HasPrefix(c.Text, w[:12]) })
	}
	hidden := 0
	for window, want := range []struct {
		hides  int
		grades []int // how many of each, at least
	}{{50, []int{0, 26, 20}}, {50, []int{26, 16, 0}}, {20, []int{16, 0, 0}}} {
		hidden += want.hides
		eventually(t, fmt.Sprintf("%d are hidden", hidden), func() bool { return len(hides()) == hidden })
		got := make([]int, 3)
		for _, c := range hides()[hidden-want.hides:] {
			if c.Status != http.StatusOK {
				t.Fatalf("window %d: hide was answered %d", window+1, c.Status)
			}
			got[grade(c.Comment)]++
		}
		for g, least := range want.grades {
			if got[g] < least {
				t.Errorf("window %d: hidden are %v by gravity, want at least %v", window+1, got, want.grades)
				break
			}
		}
		if c := counts(); c.Waiting < 120-hidden {
			t.Errorf("window %d: %d things wait, want the %d hides that are left", window+1, c.Waiting, 120-hidden)
		}
		clock.move(15 * time.Minute)
	}
	for _, c := range x.State().Comments {
		if !c.Hidden {
			t.Errorf("%q is not hidden", c.Text)
		}
	}
}

// decided is how many comments the bot has decided on.
func decided(t *testing.T, m *moderator) (n int) {
	t.Helper()
	err := m.db.View(context.Background(), func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT count(*) FROM decisions WHERE by_kind = 'bot' AND action = 'hide'`).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

type moderator struct {
	*moderation.Moderator
	db *store.DB
}

// startModerator runs a moderator with the built-in policy on books of its own.
func startModerator(t *testing.T, channel platforms.Channel, adapter moderation.Adapter, now func() time.Time) *moderator {
	t.Helper()
	db, err := store.Open(context.Background(), filepath.Join(t.TempDir(), "takhojd.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	key, err := archive.NewKey("takhojd.test")
	if err != nil {
		t.Fatal(err)
	}
	books, err := archive.New(db, key)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := rules.Default()
	if err != nil {
		t.Fatal(err)
	}
	m, err := moderation.New(moderation.Config{DB: db, Archive: books, Policy: policy, Channels: []platforms.Channel{channel},
		Adapters: map[string]moderation.Adapter{channel.ID: adapter}, Log: zap.NewNop(), Now: now, PollEvery: time.Hour, MediaClient: moderation.LocalClient()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := m.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return &moderator{m, db}
}

// receiptFor keeps a record of a comment, and gives the archive's receipt for it.
func receiptFor(t *testing.T, ref platforms.Ref) archive.Receipt {
	t.Helper()
	ctx := context.Background()
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "receipts.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	key, err := archive.NewKey("takhojd.test")
	if err != nil {
		t.Fatal(err)
	}
	books, err := archive.New(db, key)
	if err != nil {
		t.Fatal(err)
	}
	var id string
	err = db.Update(ctx, func(tx *store.Tx) (err error) {
		id, err = books.Append(tx, archive.Record{Ref: ref, Revision: platforms.Comment{}.Revision(), Posted: time.Now(), Received: time.Now(),
			Raw: []byte("{}"), Decision: archive.Decision{ID: 1, Action: "hide", By: "bot", At: time.Now()}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := books.Receipt(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}
