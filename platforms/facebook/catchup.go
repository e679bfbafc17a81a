package facebook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	fb "github.com/huandu/facebook/v2"

	"takhojd/platforms"
)

// pageSize is how many posts or comments are asked for at a time: the most that the platform gives.
const pageSize = 100

// CatchUp reads every comment that was posted at or after since, on posts of any age, and again those of the day before that,
// and hands them to sink as Added events in batches of at most 100. What moderation knows already it drops by itself; what
// differs is an edit or a hide that was missed. A removal shows only as a comment that is not among them.
//
// Posts of the last 30 days are read first and every time: a call for each, and one for each hundred. Older ones are read, at a call
// for each, the first time that it is called, whenever since goes back further than before, and else once a day, fifty at each call; what a
// webhook missed there is found within the day or so that this takes. Old posts give way to what decisions ask for: they wait when more than 60
// percent of a quota are spent, and if they may not wait, CatchUp ends with a platforms.RetryAfterError.
//
// A user's token gets empty lists from the platform, not errors; CatchUp then fails with platforms.ErrTokenDead rather than
// report that nothing was said. The first error of the platform or of sink ends it; calling again with the same since loses
// nothing.
func (p *Page) CatchUp(ctx context.Context, since time.Time, sink func(context.Context, []platforms.Event) error) error {
	if err := p.belongs(ctx); err != nil {
		return err
	}
	return p.history.read(ctx, p.client, since, p.listed, func(ctx context.Context, post string, horizon time.Time) error {
		return p.catchUpPost(ctx, post, horizon, sink)
	})
}

// catchUpPost hands on a post's comments, newest first, until they are older than horizon.
func (p *Page) catchUpPost(ctx context.Context, post string, horizon time.Time, sink func(context.Context, []platforms.Event) error) error {
	params := fb.Params{"fields": commentFields, "filter": "stream", "order": "reverse_chronological", "limit": pageSize}
	return p.list(ctx, "comments", post+"/comments", params, func(items []json.RawMessage) (bool, error) {
		older := false
		events := make([]platforms.Event, 0, len(items))
		for _, raw := range items {
			c, err := p.readComment(raw, post)
			if err != nil {
				return false, err
			}
			if !c.Posted.IsZero() && c.Posted.Before(horizon) {
				older = true
				continue
			}
			events = append(events, platforms.Event{Kind: platforms.Added, Comment: c, Via: "backfill", Raw: raw,
				At:         firstTime(c.Posted, p.cfg.Now()),
				Incomplete: c.Author.ID == "" || c.Text == "" && len(c.Attachments) == 0})
		}
		if len(events) == 0 {
			return !older, nil
		}
		return !older, sink(ctx, events)
	})
}

// Posts lists what the page published at or after since, newest first.
func (p *Page) Posts(ctx context.Context, since time.Time) ([]platforms.Post, error) {
	var posts []platforms.Post
	err := p.posts(ctx, since, func(post platforms.Post, _ time.Time) { posts = append(posts, post) })
	return posts, err
}

// listed lists posts as [history] wants them.
func (p *Page) listed(ctx context.Context, since time.Time) ([]listed, error) {
	var posts []listed
	err := p.posts(ctx, since, func(post platforms.Post, active time.Time) {
		posts = append(posts, listed{id: post.ID, posted: post.Posted, active: active})
	})
	return posts, err
}

// posts shows each of what the page published at or after since, and when something last happened under it.
func (p *Page) posts(ctx context.Context, since time.Time, each func(post platforms.Post, active time.Time)) error {
	n, err := p.edge(ctx, "feed", since, each)
	if err != nil || n > 0 {
		return err
	}
	// A page without a single post is rare. What it has published is to be had with fewer permissions than its feed.
	published, err := p.edge(ctx, "published_posts", since, func(platforms.Post, time.Time) {})
	if err != nil {
		return err
	}
	if published > 0 {
		return fmt.Errorf("facebook: feed: it is empty although %d posts are published, so the token lacks a permission: %w",
			published, platforms.ErrTokenDead)
	}
	return nil
}

// edge shows each post of a list, and returns how many posts the list held, older ones included.
func (p *Page) edge(ctx context.Context, edge string, since time.Time, each func(platforms.Post, time.Time)) (n int, err error) {
	params := fb.Params{"fields": postFields + ",updated_time", "limit": pageSize}
	err = p.list(ctx, edge, p.cfg.Channel.Account+"/"+edge, params, func(items []json.RawMessage) (bool, error) {
		older := false
		n += len(items)
		for _, raw := range items {
			post, active, err := p.readPost(raw)
			if err != nil {
				return false, err
			}
			if !post.Posted.IsZero() && post.Posted.Before(since) {
				older = true
				continue
			}
			each(post, active)
		}
		return !older, nil
	})
	return n, err
}

// FetchPost reads a post, to be shown beside a comment.
func (p *Page) FetchPost(ctx context.Context, postID string) (platforms.Post, error) {
	if err := checkID(postID); err != nil {
		return platforms.Post{}, fmt.Errorf("facebook: the post's id: %w", err)
	}
	body, err := p.get(ctx, "fetch post", postID, fb.Params{"fields": postFields})
	if err != nil {
		return platforms.Post{}, err
	}
	post, _, err := p.readPost(body)
	return post, err
}

// readPost reads a post, and when something last happened under it.
func (p *Page) readPost(raw []byte) (post platforms.Post, active time.Time, err error) {
	var g struct {
		ID          scalar `json:"id"`
		Message     string `json:"message"`
		CreatedTime scalar `json:"created_time"`
		UpdatedTime scalar `json:"updated_time"`
		Permalink   scalar `json:"permalink_url"`
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		return post, active, fmt.Errorf("facebook: read a post: %w", err)
	}
	if checkID(string(g.ID)) != nil {
		return post, active, errors.New("facebook: read a post: it has no id that can be used")
	}
	return platforms.Post{Platform: p.cfg.Channel.Platform, Channel: p.cfg.Channel.ID, ID: string(g.ID),
		Text: clean(g.Message), Posted: g.CreatedTime.time(), Permalink: string(g.Permalink)}, g.UpdatedTime.time(), nil
}

// belongs makes sure that the token is the page's own.
func (p *Page) belongs(ctx context.Context) error {
	id, err := p.me(ctx)
	if err == nil && id != p.cfg.Channel.Account {
		return fmt.Errorf("facebook: the token belongs to %s, not to page %s: with it, lists would be empty: %w",
			id, p.cfg.Channel.Account, platforms.ErrTokenDead)
	}
	return err
}

func (p *Page) me(ctx context.Context) (string, error) {
	body, err := p.get(ctx, "me", "me", fb.Params{"fields": "id"})
	if err != nil {
		return "", err
	}
	var g struct {
		ID scalar `json:"id"`
	}
	if err := json.Unmarshal(body, &g); err != nil || checkID(string(g.ID)) != nil {
		return "", errors.New("facebook: me: the answer has no id")
	}
	return string(g.ID), nil
}
