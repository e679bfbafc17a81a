package bluesky

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"takhojd/platforms"
)

const (
	// threadAge is how old a post may be for its thread to be read whole: after that, what is said under it is told by notifications alone.
	threadAge = 30 * 24 * time.Hour
	// reread is how far back before the asked-for time comments are handed over again, so that rewritings and hides are seen.
	reread = 24 * time.Hour
	// deepest is how far down a thread is asked for: the most that the network takes.
	deepest = 1000
	// mostBranches bounds how many parts of a thread are asked for anew where the network broke off.
	mostBranches = 500
)

// Reread is how far before the asked-for time CatchUp hands over again what stands in the threads of recent posts.
func (a *Account) Reread() time.Duration { return reread }

// CatchUp reads the account's notifications since a day before since, and the whole threads of all its posts of the last 30 days and of every post
// that a notification names. It hands over every comment posted at or after that, as Added events in batches of at most 100; and of
// older ones those that it had not seen before, and those that read otherwise or are hidden otherwise than when it last looked. What it has seen
// before and the network no longer has is handed over as Removed.
//
// It costs two calls for each hundred posts, one for each hundred threadgates, and at least one for each post. The first error of the network or
// of sink ends it; calling again with the same since loses nothing.
func (a *Account) CatchUp(ctx context.Context, since time.Time, sink func(context.Context, []platforms.Event) error) error {
	horizon := since.Add(-reread)
	notices, err := a.notices(ctx, "notifications", horizon)
	if err != nil {
		return err
	}
	posts, err := a.posts(ctx, a.cfg.Now().Add(-threadAge))
	if err != nil {
		return err
	}
	posts = a.withNoticed(posts, notices)
	gates, err := a.allGates(ctx, oldest(posts))
	if err != nil {
		return err
	}
	var failed error
	read, keep := map[string]bool{}, map[string]bool{}
	for _, p := range posts {
		keep[p.String()] = true
		t := &thread{account: a, post: p, horizon: horizon, gate: gates[p.key], read: read}
		if err := t.catchUp(ctx, sink); odd(err) {
			failed = errors.Join(failed, err)
		} else if err != nil {
			return err
		}
	}
	a.seen.keep(keep)
	return errors.Join(failed, a.catchUpNotices(ctx, notices, read, gates, sink))
}

// odd tells whether the network refused one thing that others would not be refused for: then the rest is read all the same, and the whole is tried
// again the next time.
func odd(err error) bool {
	var refusal *XRPCError
	var wait *platforms.RetryAfterError
	return errors.Is(err, errView) || errors.As(err, &refusal) && refusal.Status < http.StatusInternalServerError && !errors.As(err, &wait) &&
		!errors.Is(err, platforms.ErrTokenDead)
}

// withNoticed adds the posts of ours that notifications name and that are not among posts.
func (a *Account) withNoticed(posts []post, notices []notice) []post {
	known := map[post]bool{}
	for _, p := range posts {
		known[p] = true
	}
	for _, n := range notices {
		if n.Record.Reply == nil {
			continue
		}
		if root, err := parsePost(string(n.Record.Reply.Root.URI)); err == nil && root.did == a.cfg.Channel.Account && !known[root] {
			known[root] = true
			posts = append(posts, root)
		}
	}
	return posts
}

// oldest is the smallest key among posts: keys grow with time.
func oldest(posts []post) string {
	key := ""
	for _, p := range posts {
		if key == "" || p.key < key {
			key = p.key
		}
	}
	return key
}

// catchUpNotices hands over what notifications tell of and no thread showed: mentions, quotes, and answers to what is gone.
func (a *Account) catchUpNotices(ctx context.Context, notices []notice, read map[string]bool, gates map[string]gate,
	sink func(context.Context, []platforms.Event) error) error {
	var addresses []string
	for _, n := range notices {
		if !read[string(n.URI)] {
			read[string(n.URI)] = true
			addresses = append(addresses, string(n.URI))
		}
	}
	views, err := a.views(ctx, "notified", addresses)
	if err != nil {
		return err
	}
	events := make([]platforms.Event, 0, len(views))
	for _, v := range views {
		e := a.told(v, "backfill")
		if root := v.root(); root.did == a.cfg.Channel.Account {
			e.Comment.Hidden = gates[root.key].hides(e.Comment.Ref.Comment)
		}
		events = append(events, e)
	}
	if err := a.hand(ctx, events, sink); err != nil {
		return err
	}
	for _, v := range views {
		a.remember(v)
	}
	return nil
}

// posts lists the account's own posts since, answers and reposts left out, newest first.
func (a *Account) posts(ctx context.Context, since time.Time) ([]post, error) {
	var found []post
	query := url.Values{"actor": {a.cfg.Channel.Account}, "filter": {"posts_no_replies"}, "limit": {"100"}}
	for {
		body, err := a.query(ctx, "posts", "app.bsky.feed.getAuthorFeed", query)
		if err != nil {
			return nil, err
		}
		var answer struct {
			Feed []struct {
				Post   json.RawMessage `json:"post"`
				Reason json.RawMessage `json:"reason"`
			} `json:"feed"`
			Cursor word `json:"cursor"`
		}
		if err := json.Unmarshal(body, &answer); err != nil || answer.Feed == nil {
			return nil, errors.New("bluesky: posts: the answer is no list of posts")
		}
		for _, item := range answer.Feed {
			v, err := readView(item.Post)
			if err != nil {
				a.skip()
				continue
			}
			if v.address().did != a.cfg.Channel.Account || v.isReply() || len(item.Reason) > 0 {
				continue // a repost, by whom it is; or pinned, and listed a second time
			}
			if v.latest().Before(since) {
				return found, nil
			}
			found = append(found, v.address())
		}
		if answer.Cursor == "" || string(answer.Cursor) == query.Get("cursor") {
			return found, nil
		}
		query.Set("cursor", string(answer.Cursor))
	}
}

// allGates reads the account's threadgates from its own server, newest first, down to that of the post with the key from.
func (a *Account) allGates(ctx context.Context, from string) (map[string]gate, error) {
	found := map[string]gate{}
	if from == "" {
		return found, nil
	}
	query := url.Values{"repo": {a.cfg.Channel.Account}, "collection": {gateRecord}, "limit": {"100"}}
	for {
		body, err := a.query(ctx, "threadgates", "com.atproto.repo.listRecords", query)
		if err != nil {
			return nil, err
		}
		var answer struct {
			Records []struct {
				URI   word            `json:"uri"`
				CID   word            `json:"cid"`
				Value json.RawMessage `json:"value"`
			} `json:"records"`
			Cursor word `json:"cursor"`
		}
		if err := json.Unmarshal(body, &answer); err != nil || answer.Records == nil {
			return nil, errors.New("bluesky: threadgates: the answer is no list of records")
		}
		key := ""
		for _, r := range answer.Records {
			key = string(r.URI[strings.LastIndexByte(string(r.URI), '/')+1:])
			if found[key], err = parseGate(string(r.CID), r.Value); err != nil {
				return nil, fmt.Errorf("bluesky: threadgates: %w", err)
			}
		}
		if answer.Cursor == "" || string(answer.Cursor) == query.Get("cursor") || key < from {
			return found, nil
		}
		query.Set("cursor", string(answer.Cursor))
	}
}

// thread is one post of ours while what stands under it is read.
type thread struct {
	account *Account
	post    post
	horizon time.Time
	gate    gate
	read    map[string]bool // what has been shown, in all threads

	fresh    bool // the post is younger than horizon, and so is all that stands under it
	events   []platforms.Event
	before   map[string]mark
	known    bool // the thread has been read before
	now      map[string]mark
	branches []string // parts that are to be asked for
}

// node is one entry of a thread: a post, or that one is not shown.
type node struct {
	Post json.RawMessage `json:"post"`
	// Replies is nil where the network broke off, and empty where there are none.
	Replies []node `json:"replies"`
	// Of what is not shown.
	URI     word `json:"uri"`
	Blocked bool `json:"blocked"`
}

// catchUp reads the whole thread and hands over what there is to tell of it.
func (t *thread) catchUp(ctx context.Context, sink func(context.Context, []platforms.Event) error) error {
	t.before, t.known = t.account.seen.thread(t.post.String())
	t.now = map[string]mark{}
	t.branches = []string{t.post.String()}
	asked := map[string]bool{}
	for len(t.branches) > 0 && len(asked) < mostBranches {
		branch := t.branches[0]
		t.branches = t.branches[1:]
		if asked[branch] {
			continue
		}
		asked[branch] = true
		root, err := t.account.thread(ctx, branch, deepest)
		if errors.Is(err, platforms.ErrGone) {
			if branch == t.post.String() {
				return nil // deleted while we read: what stood under it stands nowhere now
			}
			continue
		}
		if err != nil {
			return err
		}
		if err := t.walk(root, branch == t.post.String()); err != nil {
			return err
		}
	}
	if err := t.missing(ctx); err != nil {
		return err
	}
	if err := t.account.hand(ctx, t.events, sink); err != nil {
		return err
	}
	t.account.seen.read(t.post.String(), t.before, t.now)
	return nil
}

// thread asks for what stands under a post, down to a depth.
func (a *Account) thread(ctx context.Context, address string, depth int) (node, error) {
	body, err := a.query(ctx, "comments", "app.bsky.feed.getPostThread",
		url.Values{"uri": {address}, "depth": {fmt.Sprint(depth)}, "parentHeight": {"0"}})
	if err != nil {
		return node{}, err
	}
	var answer struct {
		Thread node `json:"thread"`
	}
	if err := json.Unmarshal(body, &answer); err != nil && !typeOnly(err) {
		return node{}, errors.New("bluesky: comments: the answer is no thread")
	}
	if len(answer.Thread.Post) == 0 {
		return node{}, errors.New("bluesky: comments: the answer shows no post")
	}
	return answer.Thread, nil
}

// walk takes in what the network showed, from the top down.
func (t *thread) walk(root node, whole bool) error {
	type place struct {
		node
		top bool
	}
	stack := []place{{root, true}}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if len(n.Post) == 0 {
			if p, err := parsePost(string(n.URI)); err == nil && n.Blocked { // between us and them there is a block: it is there, and others see it
				if m, ok := t.before[p.String()]; ok {
					t.now[p.String()] = m
				}
			}
			continue
		}
		v, err := readView(n.Post)
		if err != nil {
			if n.top {
				return fmt.Errorf("bluesky: comments: %w", err)
			}
			t.account.skip()
			continue
		}
		switch {
		case n.top && whole:
			posted := v.posted()
			t.fresh = !posted.IsZero() && !posted.Before(t.horizon)
		case !n.top:
			t.take(v)
		}
		if n.Replies == nil && v.ReplyCount > 0 && !n.top {
			t.branches = append(t.branches, v.address().String()) // too deep for one answer
		}
		for _, r := range slices.Backward(n.Replies) {
			stack = append(stack, place{r, false})
		}
	}
	return nil
}

// take notes a reply, and makes it an event if there is anything to tell.
func (t *thread) take(v view) {
	a := t.account
	c := a.comment(v)
	id := c.Ref.Comment
	if c.Post != t.post.String() || t.read[id] {
		return
	}
	t.read[id] = true
	c.Hidden = t.gate.hides(id)
	is := mark{string(v.CID), c.Hidden}
	was, seen := t.before[id]
	t.now[id] = is
	if !t.fresh && v.latest().Before(t.horizon) && !(t.known && (!seen || was != is)) {
		return
	}
	e := platforms.Event{Kind: platforms.Added, Comment: c, At: c.Posted, Via: "backfill", Raw: v.raw}
	if e.At.IsZero() {
		e.At = a.cfg.Now()
	}
	t.events = append(t.events, e)
}

// missing tells of what was seen before, is not in the thread any more, and is nowhere else either. The thread also leaves out what answers
// something that is gone, and what the network thinks little of: that it is not shown says nothing.
func (t *thread) missing(ctx context.Context) error {
	for id, was := range t.before {
		if _, there := t.now[id]; there {
			continue
		}
		p, err := parsePost(id)
		if err != nil {
			continue
		}
		_, err = t.account.record(ctx, "missing", p.did, postRecord, p.key)
		var refusal *XRPCError
		gone := errors.Is(err, platforms.ErrGone) && errors.As(err, &refusal)
		switch {
		case !gone && (err == nil || odd(err)):
			t.now[id] = was
			continue
		case !gone:
			return err
		}
		t.events = append(t.events, platforms.Event{Kind: platforms.Removed, At: t.account.cfg.Now(), Via: "backfill", Raw: refusal.body,
			Comment: platforms.Comment{Ref: platforms.Ref{Platform: platforms.Bluesky, Channel: t.account.cfg.Channel.ID, Comment: id}, Post: t.post.String()}})
	}
	return nil
}
