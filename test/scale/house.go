package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"takhojd/archive"
	"takhojd/moderation"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

// channels are ten pages of one authority.
var channels = func() (all []platforms.Channel) {
	for i := range 10 {
		all = append(all, platforms.Channel{ID: fmt.Sprintf("rs-%d", i), Platform: platforms.Facebook, Account: fmt.Sprint(100 + i),
			Name: fmt.Sprintf("Region Stockholm %d", i), ResponseTarget: 4 * time.Hour, HideQuota: 1 << 30})
	}
	return all
}()

// house is the program on one set of books, with platforms that do as they are told.
type house struct {
	db      *store.DB
	archive *archive.Archive
	desk    *moderation.Moderator
	// there is what the platforms hold: platforms.Comment by platforms.Ref.
	there sync.Map
}

// books is the database's file within its folder; or a file says where they are, on PostgreSQL.
const books, elsewhere, keyFile = "takhojd.db", "address", "log.key"

// place is what the store opens.
func place(folder string) string {
	if address, err := os.ReadFile(filepath.Join(folder, elsewhere)); err == nil {
		return string(address)
	}
	return filepath.Join(folder, books)
}

// enter opens the books in a folder as `serve` does.
func enter(ctx context.Context, folder string) (*house, error) {
	db, err := store.Open(ctx, place(folder))
	if err != nil {
		return nil, err
	}
	h := &house{db: db}
	if err := h.furnish(filepath.Join(folder, keyFile)); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return h, nil
}

func (h *house) furnish(keyFile string) error {
	key, err := archive.OpenKey(keyFile, "takhojd.scale")
	if err != nil {
		return err
	}
	if h.archive, err = archive.New(h.db, key); err != nil {
		return err
	}
	policy, err := rules.Default()
	if err != nil {
		return err
	}
	adapters := map[string]moderation.Adapter{}
	for _, c := range channels {
		adapters[c.ID] = obedient{channel: c.ID, there: &h.there}
	}
	h.desk, err = moderation.New(moderation.Config{DB: h.db, Archive: h.archive, Policy: policy, Log: zap.NewNop(), Channels: channels, Adapters: adapters})
	return err
}

// work runs the path while do does something, and until all is judged and done on the platforms.
func (h *house) work(ctx context.Context, do func() error) error {
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- h.desk.Run(running) }()
	err := do()
	for err == nil {
		var n moderation.Counts
		if n, err = h.desk.Counts(ctx); n.Waiting == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	stop()
	return errors.Join(err, <-ended)
}

// said is a comment of the corpus.
type said struct {
	Text string `json:"text"`
}

// corpus reads the project's own made-up comments: they are all different.
func corpus() (texts []string, err error) {
	files, err := filepath.Glob(filepath.Join("rules", "learn", "comments", "*.jsonl"))
	if err != nil || len(files) == 0 {
		return nil, errors.Join(err, errors.New("no comments under rules/learn/comments: run this from the repository's root"))
	}
	for _, name := range files {
		whole, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(whole)) {
			var s said
			if err := json.Unmarshal([]byte(line), &s); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			texts = append(texts, s.Text)
		}
	}
	return texts, nil
}

// Of a hundred comments so many are flagged and hidden, and so many are the authority's own answers; the rest is let stand.
const flaggedOf100, hiddenOf100, ownOf100 = 12, 10, 2

// mixed picks n comments of which the policy flags, hides and allows the shares that life has.
func mixed(policy *rules.Policy, n int) ([]string, error) {
	texts, err := corpus()
	if err != nil {
		return nil, err
	}
	by := map[rules.Action][]string{}
	for _, text := range texts {
		action := policy.Judge(platforms.Comment{Text: text}, rules.Facts{}).Action
		by[action] = append(by[action], text)
	}
	picked := make([]string, n)
	for i := range picked {
		action := rules.Allow
		switch place := i * 37 % 100; { // 37 has no divisor in common with 100: every hundred has its share, spread over it
		case place < flaggedOf100:
			action = rules.Flag
		case place < flaggedOf100+hiddenOf100:
			action = rules.Hide
		}
		if len(by[action]) == 0 {
			return nil, fmt.Errorf("the corpus has too few comments that the policy means to %s for %d comments", action, n)
		}
		picked[i], by[action] = by[action][0], append(by[action][1:], by[action][0])
	}
	return picked, nil
}

// commentName and postName are what the platform calls them. The numbers have one length, so that names sort as they were given.
func commentName(i int) string { return fmt.Sprintf("7_%d", firstName+i) }
func postName(i int) string    { return fmt.Sprintf("1_%d", firstName+i) }

const firstName = 1_000_000_000

// perPost is how many comments a post has, perAuthor how many an author wrote.
const perPost, perAuthor = 100, 20

// event is the i-th comment as a webhook tells it. Every fourth answers the one before it under the post.
func event(i int, text string, at time.Time) platforms.Event {
	post := i / perPost
	c := platforms.Comment{Ref: platforms.Ref{Platform: platforms.Facebook, Channel: channels[post%len(channels)].ID, Comment: commentName(i)},
		Post: postName(post), Text: text, Posted: at.Add(-2 * time.Second), Permalink: "https://www.facebook.com/" + postName(post) + "?comment_id=" + commentName(i)}
	author := i * 7919 % max(1, i/perAuthor+1)
	c.Author = platforms.Author{ID: fmt.Sprint(firstName + author), Name: fmt.Sprintf("Kim Besökare %d", author)}
	if i%4 == 3 {
		c.Parent = commentName(i - 1)
	}
	if i%100 >= 100-ownOf100 {
		c.Own, c.Author = true, platforms.Author{ID: "100", Name: "Region Stockholm"}
	}
	c.Raw, _ = json.Marshal(map[string]any{"field": "feed", "value": map[string]any{"item": "comment", "verb": "add", "comment_id": c.Ref.Comment, "post_id": c.Post,
		"parent_id": c.Parent, "created_time": c.Posted.Unix(), "message": text, "from": map[string]string{"id": c.Author.ID, "name": c.Author.Name}}}) // strings and numbers: cannot fail
	return platforms.Event{Kind: platforms.Added, Comment: c, At: at, Via: "webhook"}
}

// deliver hands in comments from one number on, a hundred at a time, and waits until they are done with.
func (h *house) deliver(ctx context.Context, from int, texts []string) error {
	return h.work(ctx, func() error {
		for i := 0; i < len(texts); i += 100 {
			var events []platforms.Event
			for j := i; j < min(i+100, len(texts)); j++ {
				e := event(from+j, texts[j], time.Now())
				h.there.Store(e.Comment.Ref, e.Comment)
				events = append(events, e)
			}
			if err := h.desk.Receive(ctx, events); err != nil {
				return err
			}
		}
		return nil
	})
}

// review lets a person decide all that was flagged, and see four of five that the bot hid.
func (h *house) review(ctx context.Context) error {
	return h.work(ctx, func() error {
		const all = 1 << 20
		flagged, err := h.desk.Queue(ctx, moderation.Filter{Limit: all})
		if err != nil {
			return err
		}
		hidden, err := h.desk.BotHidden(ctx, all)
		if err != nil {
			return err
		}
		for i, item := range append(flagged, hidden...) {
			k, err := h.desk.Case(ctx, item.Comment)
			if err != nil {
				return err
			}
			r := moderation.Resolution{Comment: k.ID, Revision: k.Revision, Flag: item.Flag, Action: moderation.Allow, By: "anna"}
			switch {
			case item.Flag == 0 && i%5 == 0:
				continue
			case item.Flag == 0 || i%10 == 0:
				r.Action, r.Reason = moderation.Hide, "Personangrepp."
			}
			if _, err := h.desk.Resolve(ctx, r); err != nil {
				return fmt.Errorf("resolve %d: %w", item.Comment, err)
			}
		}
		return nil
	})
}

// obedient is a platform on which everything goes well.
type obedient struct {
	channel string
	there   *sync.Map
}

// Fetch finds a comment as it was delivered: nothing is ever edited there.
func (o obedient) Fetch(_ context.Context, ref platforms.Ref) (platforms.Comment, error) {
	c, ok := o.there.Load(ref)
	if !ok {
		return platforms.Comment{}, platforms.ErrGone
	}
	return c.(platforms.Comment), nil
}

// FetchPost finds a post like any other.
func (o obedient) FetchPost(_ context.Context, id string) (platforms.Post, error) {
	return platforms.Post{Platform: platforms.Facebook, Channel: o.channel, ID: id, Text: "Så påverkas trafiken av snön i veckan. Res i god tid.", Posted: time.Now()}, nil
}

// CatchUp has nothing that was not told.
func (o obedient) CatchUp(context.Context, time.Time, func(context.Context, []platforms.Event) error) error {
	return nil
}

// Capabilities are those of a Facebook page.
func (o obedient) Capabilities() platforms.Capabilities {
	return platforms.Capabilities{Hide: true, Delete: true, Reply: true, PrivateReply: true, Block: true}
}

func (o obedient) Hide(context.Context, archive.Receipt) error                  { return nil }
func (o obedient) Delete(context.Context, archive.Receipt) error                { return nil }
func (o obedient) Unhide(context.Context, platforms.Ref) error                  { return nil }
func (o obedient) Reply(context.Context, platforms.Ref, string) (string, error) { return "", nil }
func (o obedient) PrivateReply(context.Context, platforms.Ref, string) error    { return nil }
func (o obedient) Block(context.Context, platforms.Author) error                { return nil }
