package bluesky_test

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

	"go.uber.org/zap/zaptest"

	"takhojd/archive"
	"takhojd/moderation"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/platforms/bluesky"
	"takhojd/rules"
)

const (
	channelID = "rs-bluesky"
	// insult is what the policy hides, lawful what it lets stand.
	insult = "Ni är jävla idioter hela bunten"
	lawful = "Beslutet är fel, och det kommer att kosta skattebetalarna stora pengar."
)

// region is the authority's account, with Takhöjd at work on it.
type region struct {
	*moderation.Moderator
	account *person
	channel platforms.Channel
	adapter *bluesky.Account
	archive *archive.Archive
	db      *store.DB
}

// adapterFor makes an adapter of its own for an account, with an app password of its own.
func adapterFor(t *testing.T, account *person) *bluesky.Account {
	t.Helper()
	a, err := bluesky.NewAccount(bluesky.Config{Service: account.n.PDS, AppPassword: account.appPassword(), ListenEvery: 500 * time.Millisecond,
		Channel: channelOf(account), Log: zaptest.NewLogger(t, zaptest.WrapOptions())})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func channelOf(account *person) platforms.Channel {
	return platforms.Channel{ID: channelID, Platform: platforms.Bluesky, Account: account.DID, Name: "Region Stockholm", ResponseTarget: time.Hour, HideQuota: 100}
}

// open gives the region an account, and starts Takhöjd on it. It reads all threads every pollEvery.
func open(t *testing.T, n network, pollEvery time.Duration) *region {
	t.Helper()
	account := n.join(t, "region")
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
	r := &region{account: account, channel: channelOf(account), adapter: adapterFor(t, account), archive: books, db: db}
	r.Moderator, err = moderation.New(moderation.Config{DB: db, Archive: books, Policy: policy, Channels: []platforms.Channel{r.channel},
		Adapters: map[string]moderation.Adapter{channelID: r.adapter}, PollEvery: pollEvery, MediaWait: time.Second, MediaClient: moderation.LocalClient(),
		UndoWindow: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

// look is what Takhöjd knows of a comment; ok is false while it knows nothing.
func (r *region) look(t *testing.T, c record) (k moderation.Case, ok bool) {
	t.Helper()
	ctx := context.Background()
	var id int64
	err := r.db.View(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT id FROM comments WHERE comment_id = $1`, c.URI).Scan(&id)
	})
	if err != nil {
		return moderation.Case{}, false
	}
	k, err = r.Case(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return k, true
}

// waits until a comment is known to stand so, decided on, and returns what is known.
func (r *region) until(t *testing.T, c record, state moderation.State) (k moderation.Case) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s is known as %s", c.URI, state), func() bool {
		var ok bool
		k, ok = r.look(t, c)
		return ok && k.State == state && k.Decision != nil
	})
	return k
}

// The path of a comment: a stranger replies, it is delivered, judged, archived, hidden, seen hidden, restored by a person, and seen again.
func TestTheWholePath(t *testing.T) {
	n := connect(t)
	r := open(t, n, 15*time.Second)
	stranger, public := n.join(t, "stranger"), n.join(t, "public")
	root := r.account.post("Priset på SL-kortet höjs den 1 januari.")

	bad, good := stranger.reply(root, root, insult), stranger.reply(root, root, lawful)
	began := time.Now()
	k := r.until(t, bad, moderation.Hidden)
	t.Logf("hidden %v after it was written", time.Since(began).Round(time.Millisecond))
	public.sees(root, bad, "hidden")
	public.sees(root, good, "shown")
	if k := r.until(t, good, moderation.Standing); k.Record != "" || k.Comment.Text != lawful || k.Comment.Author.Name != "Stranger" {
		t.Errorf("the lawful reply is known as %+v", k)
	}
	if k.Comment.Text != insult || k.Comment.Author.ID != stranger.DID || k.Comment.Post != root.URI || k.Comment.Parent != "" || k.Record == "" {
		t.Errorf("the hidden reply is known as %+v", k)
	}
	eventually(t, "the post is read", func() bool { k, _ := r.look(t, bad); return strings.HasPrefix(k.Post.Text, "Priset") })
	report, err := r.archive.Verify(context.Background(), nil)
	if err != nil || !report.OK() {
		t.Errorf("the archive: %v, %+v", err, report)
	}

	if _, err := r.Resolve(context.Background(), moderation.Resolution{Comment: k.ID, Revision: k.Revision, Action: moderation.Restore, By: "maria",
		Reason: "Fel av boten"}); err != nil {
		t.Fatal(err)
	}
	r.until(t, bad, moderation.Standing)
	public.sees(root, bad, "shown")
}

// Notifications bring replies by themselves, at any depth that they reach. The network may forget one of what it has just learnt to know: then
// another is written.
func TestListen(t *testing.T) {
	n := connect(t)
	account, stranger := n.join(t, "region"), n.join(t, "stranger")
	root := account.post("Vi svarar på frågor i dag.")
	heard := make(chan platforms.Event, 100)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	adapter := adapterFor(t, account)
	go func() {
		ended <- adapter.Listen(ctx, func(_ context.Context, events []platforms.Event) error {
			for _, e := range events {
				heard <- e
			}
			return nil
		})
	}()
	parent := root
	for depth := range 4 {
		var c record
		eventually(t, fmt.Sprintf("a reply at depth %d is heard", depth+1), func() bool {
			c = stranger.reply(root, parent, fmt.Sprint("Svar på djup ", depth+1))
			for patience := time.After(5 * time.Second); ; {
				select {
				case e := <-heard:
					if e.Comment.Ref == ref(c) {
						return e.Kind == platforms.Added && e.Via == "poll" && e.Comment.Post == root.URI && e.Comment.Author.ID == stranger.DID
					}
				case <-patience:
					return false
				}
			}
		})
		parent = c
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// What changes without us is found by reading the threads.
func TestWhatOthersDoIsFound(t *testing.T) {
	n := connect(t)
	r := open(t, n, 2*time.Second)
	stranger, public := n.join(t, "stranger"), n.join(t, "public")
	root := r.account.post("Så röstade fullmäktige.")

	removed, rewritten, colleague := stranger.reply(root, root, lawful), stranger.reply(root, root, "Bra beslut."), stranger.reply(root, root, "Tack för svaret.")
	nested := public.reply(root, removed, "Håller inte med.")
	for _, c := range []record{removed, rewritten, colleague, nested} {
		r.until(t, c, moderation.Standing)
	}
	if k, _ := r.look(t, nested); k.Comment.Parent != removed.URI || k.Comment.Post != root.URI {
		t.Errorf("the answer to an answer is known as %+v", k.Comment)
	}
	stranger.rewrite(rewritten, root, insult)
	public.sees(root, rewritten, "hidden")
	if k := r.until(t, rewritten, moderation.Hidden); k.Comment.Text != insult {
		t.Errorf("rewritten, it is known as %q", k.Comment.Text)
	}

	// A colleague hides in Bluesky's own app, and shows again. What Takhöjd hid is kept.
	other := adapterFor(t, r.account)
	if err := other.Hide(context.Background(), r.receipt(t, colleague)); err != nil {
		t.Fatal(err)
	}
	if k := r.until(t, colleague, moderation.Hidden); k.StateBy != "platform" || k.Record == "" {
		t.Errorf("hidden by a colleague, it is known as %+v", k)
	}
	if err := other.Unhide(context.Background(), ref(colleague)); err != nil {
		t.Fatal(err)
	}
	r.until(t, colleague, moderation.Standing)
	public.sees(root, rewritten, "hidden")

	stranger.remove(removed)
	if k := r.until(t, removed, moderation.Removed); k.Record == "" {
		t.Error("the last words of what its author removed are not kept")
	}
	if k := r.until(t, nested, moderation.Standing); k.State != moderation.Standing {
		t.Errorf("what answered it is %s", k.State)
	}
	_, err := r.adapter.Fetch(context.Background(), ref(removed))
	is(t, "fetch what is removed", err, platforms.ErrGone)
	is(t, "hide what is removed", r.adapter.Hide(context.Background(), r.receipt(t, removed)), platforms.ErrGone)
}

// receipt keeps a record of a comment and gives the archive's receipt for it.
func (r *region) receipt(t *testing.T, c record) archive.Receipt {
	t.Helper()
	ctx, now := context.Background(), time.Now()
	var id string
	err := r.db.Update(ctx, func(tx *store.Tx) (err error) {
		id, err = r.archive.Append(tx, archive.Record{Ref: ref(c), Revision: platforms.Comment{}.Revision(), Posted: now, Received: now, Raw: []byte("{}"),
			Decision: archive.Decision{ID: 1, Action: "hide", By: "bot", At: now}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := r.archive.Receipt(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

// The threadgate is written whole: whoever writes it must not undo what others wrote.
func TestTheThreadgate(t *testing.T) {
	n := connect(t)
	r := open(t, n, 15*time.Second)
	ctx := context.Background()
	stranger, public := n.join(t, "stranger"), n.join(t, "public")
	root := r.account.post("Öppet hus på söndag.")
	r.account.into(nil, http.MethodPost, n.PDS, "com.atproto.repo.putRecord", nil, object{"repo": r.account.DID, "collection": "app.bsky.feed.threadgate",
		"rkey": root.key(), "record": object{"$type": "app.bsky.feed.threadgate", "post": root.URI, "createdAt": time.Now().UTC().Format(time.RFC3339Nano),
			"allow": []object{{"$type": "app.bsky.feed.threadgate#followingRule"}, {"$type": "app.bsky.feed.threadgate#mentionRule"}}}})
	r.account.create("app.bsky.graph.follow", object{"subject": stranger.DID})
	eventually(t, "the network knows whom the region follows", func() bool { return stranger.viewOf(r.account).FollowedBy != "" })
	var replies []record
	var want []string
	for i := range 6 {
		replies = append(replies, stranger.reply(root, root, fmt.Sprint("Svar ", i)))
		want = append(want, replies[i].URI)
	}
	for _, c := range replies {
		public.sees(root, c, "shown")
	}

	// Two processes hide at the same time.
	second := adapterFor(t, r.account)
	var wg sync.WaitGroup
	for i, c := range replies {
		receipt := r.receipt(t, c)
		adapter := []*bluesky.Account{r.adapter, second}[i%2]
		wg.Go(func() {
			for range 2 { // twice is as good as once
				if err := adapter.Hide(ctx, receipt); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	g := r.account.threadgate(root)
	if !slices.Equal(sorted(g.Hidden), sorted(want)) {
		t.Errorf("hidden are %d of %d, or some twice: %v", len(g.Hidden), len(want), g.Hidden)
	}
	rulesKept := func() {
		t.Helper()
		if a := r.account.threadgate(root).Allow; a == nil || !strings.Contains(string(*a), "followingRule") || !strings.Contains(string(*a), "mentionRule") {
			t.Error("the rules for who may answer are not kept")
		}
	}
	rulesKept()
	for _, c := range replies {
		if now, err := r.adapter.Fetch(ctx, ref(c)); err != nil || !now.Hidden {
			t.Errorf("fetched at once: hidden is %v, %v", now.Hidden, err)
		}
		public.sees(root, c, "hidden")
	}

	if err := r.adapter.CloseComments(ctx, root.URI, true); err != nil {
		t.Fatal(err)
	}
	if a := r.account.threadgate(root).Allow; a == nil || string(*a) != "[]" {
		t.Error("the post is not closed")
	}
	eventually(t, "the network knows that the post is closed", func() bool {
		late := stranger.reply(root, root, "För sent")
		after := stranger.post("Ett eget inlägg")
		public.sees(after, stranger.reply(after, after, "Och ett svar"), "shown") // by then the network has taken in what was written before
		return public.seen(root, late.URI) == ""
	})
	if err := r.adapter.CloseComments(ctx, root.URI, false); err != nil {
		t.Fatal(err)
	}
	rulesKept()

	// 300 and no more.
	full := make([]string, 300)
	for i := range full {
		full[i] = fmt.Sprintf("at://%s/app.bsky.feed.post/3mfilled%05d", stranger.DID, i)
	}
	r.account.into(nil, http.MethodPost, n.PDS, "com.atproto.repo.putRecord", nil, object{"repo": r.account.DID, "collection": "app.bsky.feed.threadgate",
		"rkey": root.key(), "record": object{"$type": "app.bsky.feed.threadgate", "post": root.URI, "createdAt": time.Now().UTC().Format(time.RFC3339Nano),
			"hiddenReplies": full}})
	is(t, "the 301st", r.adapter.Hide(ctx, r.receipt(t, replies[0])), platforms.ErrNotPermitted)
}

// Everything else that the adapter does and hears.
func TestTheRest(t *testing.T) {
	n := connect(t)
	r := open(t, n, 15*time.Second)
	ctx := context.Background()
	stranger, public := n.join(t, "stranger"), n.join(t, "public")
	root := r.account.post("Nytt om vaccin.")
	question := stranger.reply(root, root, "När öppnar mottagningen?")
	r.until(t, question, moderation.Standing)

	t.Run("picture", func(t *testing.T) {
		picture := stranger.picture(root)
		k := r.until(t, picture, moderation.Standing)
		if a := k.Comment.Attachments; len(a) != 1 || a[0].Kind != "photo" || !strings.HasPrefix(a[0].URL, "http") {
			t.Errorf("the picture is known as %+v", a)
		}
	})
	t.Run("mention and quote", func(t *testing.T) {
		mention := stranger.create("app.bsky.feed.post", object{"text": "@region " + insult, "facets": []object{{"index": object{"byteStart": 0, "byteEnd": 7},
			"features": []object{{"$type": "app.bsky.richtext.facet#mention", "did": r.account.DID}}}}})
		quote := stranger.create("app.bsky.feed.post", object{"text": lawful, "embed": object{"$type": "app.bsky.embed.record", "record": root}})
		if k := r.until(t, quote, moderation.Standing); k.Comment.Post != root.URI {
			t.Errorf("the quote is known under %s", k.Comment.Post)
		}
		eventually(t, "what cannot be hidden is flagged", func() bool { k, ok := r.look(t, mention); return ok && k.Flag != nil && k.State == moderation.Standing })
	})
	t.Run("reply", func(t *testing.T) {
		id, err := r.adapter.Reply(ctx, ref(question), "Klockan åtta. Läs mer på https://www.1177.se/.")
		if err != nil {
			t.Fatal(err)
		}
		public.eventually("the answer is seen", func() bool { return public.seen(root, id) == "shown" })
		if c, err := r.adapter.Fetch(ctx, ref(record{URI: id})); err != nil || !c.Own || c.Parent != question.URI || len(c.Attachments) != 0 {
			t.Errorf("our answer is read as %+v, %v", c, err)
		}
		_, err = r.adapter.Reply(ctx, ref(question), strings.Repeat("å", 301))
		is(t, "301 characters", err, platforms.ErrNotPermitted)
	})
	t.Run("report", func(t *testing.T) {
		if err := r.adapter.Report(ctx, ref(question), "threat", "Hot mot en anställd."); err != nil {
			t.Error(err)
		}
	})
	t.Run("check", func(t *testing.T) {
		for _, c := range r.adapter.Check(ctx) {
			if !c.OK {
				t.Errorf("all is well, and %s says: %s", c.Name, c.EN)
			}
		}
		stranger.into(nil, http.MethodGet, n.PDS, "app.bsky.notification.getPreferences", nil, nil)
		r.account.into(nil, http.MethodPost, n.PDS, "app.bsky.notification.putPreferencesV2", nil,
			object{"reply": object{"include": "follows", "list": true, "push": true}})
		eventually(t, "the check sees that notifications are left out", func() bool {
			for _, c := range r.adapter.Check(ctx) {
				if c.Name == "stream" && !c.OK {
					return true
				}
			}
			return false
		})
	})
	t.Run("wrong password", func(t *testing.T) {
		wrong, err := bluesky.NewAccount(bluesky.Config{Service: n.PDS, AppPassword: "aaaa-bbbb-cccc-dddd", Channel: r.channel})
		if err != nil {
			t.Fatal(err)
		}
		_, err = wrong.Fetch(ctx, ref(question))
		is(t, "a wrong password", err, platforms.ErrTokenDead)
	})
	t.Run("another's thread", func(t *testing.T) {
		theirs := public.post("Mitt eget inlägg.")
		answer := stranger.reply(theirs, theirs, insult)
		public.sees(theirs, answer, "shown")
		is(t, "another's thread", r.adapter.Hide(ctx, r.receipt(t, answer)), platforms.ErrNotPermitted)
		is(t, "another's post", r.adapter.CloseComments(ctx, theirs.URI, true), platforms.ErrNotPermitted)
	})
	t.Run("mute", func(t *testing.T) {
		if err := r.adapter.Mute(ctx, platforms.Author{ID: public.DID}); err != nil {
			t.Error(err)
		}
	})
	t.Run("block", func(t *testing.T) {
		for range 2 {
			if err := r.adapter.Block(ctx, platforms.Author{ID: stranger.DID}); err != nil {
				t.Error(err)
			}
		}
		eventually(t, "the block is seen", func() bool {
			return stranger.viewOf(r.account).BlockedBy
		})
		// What the blocked wrote stands, and others see it. It is not to pass for gone.
		if c, err := r.adapter.Fetch(ctx, ref(question)); err != nil || c.Text != "När öppnar mottagningen?" || c.Author.ID != stranger.DID {
			t.Errorf("what a blocked author wrote is read as %+v, %v", c, err)
		}
	})
}
