package platformtest_test

import (
	"bytes"
	"context"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"takhojd/platforms"
	"takhojd/platforms/facebook"
	"takhojd/platforms/platformtest"
)

const secret, verify = "app-secret", "verify-token"

// inbox is a webhook whose sink keeps everything in memory.
type inbox struct {
	mu     sync.Mutex
	events []platforms.Event
	fail   int // how many deliveries to refuse first
	// largest is how many events came at once, at most.
	largest int
}

func (in *inbox) sink(_ context.Context, events []platforms.Event) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.fail > 0 {
		in.fail--
		return context.DeadlineExceeded
	}
	in.events = append(in.events, events...)
	in.largest = max(in.largest, len(events))
	return nil
}

func (in *inbox) all() []platforms.Event {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]platforms.Event(nil), in.events...)
}

// pages are three Facebook pages that play the three channels of the demonstration's thread.
var pages = []platformtest.Account{
	{ID: "410100000000001", Name: "Region Stockholm", Token: "simulated-page-token-1", Plays: platforms.Facebook},
	{ID: "410100000000002", Name: "Region Stockholm (bilder)", Token: "simulated-page-token-2", Plays: platforms.Instagram},
	{ID: "410100000000003", Name: "Region Stockholm (korta nyheter)", Token: "simulated-page-token-3", Plays: platforms.X},
}

// listen starts a webhook for the pages.
func listen(t *testing.T, in *inbox) *httptest.Server {
	t.Helper()
	channels := map[string]platforms.Channel{}
	for _, p := range pages {
		channels[p.ID] = platforms.Channel{ID: "page-" + p.ID, Platform: platforms.Facebook, Account: p.ID}
	}
	hook, err := facebook.NewWebhook(facebook.WebhookConfig{AppSecret: secret, VerifyToken: verify, Channels: channels, Sink: in.sink})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(hook)
	t.Cleanup(server.Close)
	return server
}

func start(t *testing.T, opts platformtest.Options) *platformtest.Server {
	t.Helper()
	opts.AppSecret, opts.VerifyToken = secret, verify
	if opts.Accounts == nil {
		opts.Accounts = pages
	}
	s, err := platformtest.Start(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestTheDemoThreadIsDeliveredWhole(t *testing.T) {
	in := &inbox{fail: 5}
	s := start(t, platformtest.Options{WebhookURL: listen(t, in).URL})
	thread, err := platformtest.DemoThread()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Play(deadline(t), thread, platformtest.PlayOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Settled(deadline(t)); err != nil {
		t.Fatal(err)
	}
	kinds := map[platforms.EventKind]int{}
	for _, e := range in.all() {
		kinds[e.Kind]++
	}
	if kinds[platforms.Added] != 255 || kinds[platforms.Edited] != 5 || kinds[platforms.Removed] != 3 {
		t.Errorf("delivered %v, want 255 added, 5 edited, 3 removed", kinds)
	}
	state := s.State()
	if !state.Played || len(state.Comments) != 255 || len(state.Posts) != 8 {
		t.Errorf("the state has %d comments, %d posts, played %v", len(state.Comments), len(state.Posts), state.Played)
	}
	if c, ok := state.Comment("c013"); !ok || c.RevisionCount != 2 {
		t.Errorf("c013 has %d revisions, want 2", c.RevisionCount)
	}
	if c, _ := state.Comment("c048"); !c.RemovedByAuthor {
		t.Error("c048 was not removed by its author")
	}
	if got := state.Webhooks; got.Accepted != 263 || got.Attempts != 268 || got.Pending != 0 {
		t.Errorf("webhooks: %+v, want 263 accepted in 268 attempts", got)
	}
}

func TestAPhotoIsAPictureOfItsOwn(t *testing.T) {
	s := start(t, platformtest.Options{})
	post := addPost(t, s)
	picture := func(name string) string {
		t.Helper()
		res, err := http.Get(s.URL() + "/photo/" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != http.StatusOK {
			return ""
		}
		if _, err := png.Decode(bytes.NewReader(b)); err != nil || res.Header.Get("Content-Type") != "image/png" {
			t.Errorf("%s: %s, %v", name, res.Header.Get("Content-Type"), err)
		}
		return string(b)
	}
	a := addComment(t, s, platformtest.Comment{Post: post.ID, AuthorID: "1", Photos: 2}).ID
	b := addComment(t, s, platformtest.Comment{Post: post.ID, AuthorID: "1", Photos: 1}).ID
	seen := map[string]bool{picture(a + "-1.png"): true, picture(a + "-2.png"): true, picture(b + "-1.png"): true}
	if len(seen) != 3 || seen[""] {
		t.Errorf("%d different pictures, want 3", len(seen))
	}
	if !seen[picture(a+"-1.png")] {
		t.Error("a picture changed")
	}
	for _, none := range []string{a + "-3.png", a + "-0.png", a + "-1.jpg", "x-1.png", a} {
		if picture(none) != "" {
			t.Errorf("%s is a picture", none)
		}
	}
	if err := s.Remove(b); err != nil {
		t.Fatal(err)
	}
	if picture(b+"-1.png") != "" {
		t.Error("a removed comment's picture is still there")
	}
}
