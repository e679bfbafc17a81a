package facebook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	fb "github.com/huandu/facebook/v2"

	"takhojd/platforms"
)

const (
	// pageSize is how many posts or comments are asked for at a time: the most that the platform gives.
	pageSize = 100
	// reread is how far back before the asked-for time comments are read again, so that edits and hides that no webhook told
	// of are seen.
	reread = 24 * time.Hour
)

// CatchUp reads every comment that was posted at or after since, on posts of any age, and again those of the day before that,
// and hands them to sink as Added events in batches of at most 100. What moderation knows already it drops by itself; what
// differs is an edit or a hide that was missed. A removal shows only as a comment that is not among them.
//
// It costs a call for each hundred posts of the page and at least one for each post.
//
// A user's token gets empty lists from the platform, not errors; CatchUp then fails with platforms.ErrTokenDead rather than
// report that nothing was said. The first error of the platform or of sink ends it; calling again with the same since loses
// nothing.
func (p *Page) CatchUp(ctx context.Context, since time.Time, sink func(context.Context, []platforms.Event) error) error {
	if err := p.belongs(ctx); err != nil {
		return err
	}
	posts, err := p.Posts(ctx, time.Time{})
	if err != nil {
		return err
	}
	for _, post := range posts {
		if err := p.catchUpPost(ctx, post.ID, since.Add(-reread), sink); err != nil {
			if errors.Is(err, platforms.ErrGone) { // deleted while we read: its comments went with it
				continue
			}
			return err
		}
	}
	return nil
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
	posts, err := p.posts(ctx, "feed", since)
	if err != nil || len(posts) > 0 || !since.IsZero() {
		return posts, err
	}
	// A page without a single post is rare. What it has published is to be had with fewer permissions than its feed.
	published, err := p.posts(ctx, "published_posts", since)
	if err != nil {
		return nil, err
	}
	if len(published) > 0 {
		return nil, fmt.Errorf("facebook: feed: it is empty although %d posts are published, so the token lacks a permission: %w",
			len(published), platforms.ErrTokenDead)
	}
	return nil, nil
}

func (p *Page) posts(ctx context.Context, edge string, since time.Time) ([]platforms.Post, error) {
	var posts []platforms.Post
	params := fb.Params{"fields": postFields, "limit": pageSize}
	err := p.list(ctx, edge, p.cfg.Channel.Account+"/"+edge, params, func(items []json.RawMessage) (bool, error) {
		older := false
		for _, raw := range items {
			post, err := p.readPost(raw)
			if err != nil {
				return false, err
			}
			if !post.Posted.IsZero() && post.Posted.Before(since) {
				older = true
				continue
			}
			posts = append(posts, post)
		}
		return !older, nil
	})
	return posts, err
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
	return p.readPost(body)
}

func (p *Page) readPost(raw []byte) (platforms.Post, error) {
	var g struct {
		ID          scalar `json:"id"`
		Message     string `json:"message"`
		CreatedTime scalar `json:"created_time"`
		Permalink   scalar `json:"permalink_url"`
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		return platforms.Post{}, fmt.Errorf("facebook: read a post: %w", err)
	}
	if checkID(string(g.ID)) != nil {
		return platforms.Post{}, errors.New("facebook: read a post: it has no id that can be used")
	}
	return platforms.Post{Platform: p.cfg.Channel.Platform, Channel: p.cfg.Channel.ID, ID: string(g.ID),
		Text: clean(g.Message), Posted: g.CreatedTime.time(), Permalink: string(g.Permalink)}, nil
}

// list reads an edge to its end, which is where paging has no next, or until each says that it has seen enough.
//
// Of the address in next only the query is used: its host is whatever the platform likes, and our calls, with our token, go
// to BaseURL alone.
func (p *Page) list(ctx context.Context, action, path string, params fb.Params, each func([]json.RawMessage) (more bool, err error)) error {
	seen := map[string]bool{}
	for {
		body, err := p.get(ctx, action, path, params)
		if err != nil {
			return err
		}
		var answer struct {
			Data   []json.RawMessage `json:"data"`
			Paging struct {
				Next string `json:"next"`
			} `json:"paging"`
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			return fmt.Errorf("facebook: %s: read the list: %w", action, err)
		}
		if answer.Data == nil {
			return fmt.Errorf("facebook: %s: the answer is no list", action)
		}
		more, err := each(answer.Data)
		if err != nil || !more || answer.Paging.Next == "" {
			return err
		}
		next, err := url.Parse(answer.Paging.Next)
		if err != nil {
			return fmt.Errorf("facebook: %s: paging.next is no address", action)
		}
		if seen[next.RawQuery] {
			return fmt.Errorf("facebook: %s: paging.next leads in a circle", action)
		}
		seen[next.RawQuery] = true
		params = fb.Params{}
		for k, v := range next.Query() {
			if k != "access_token" && k != "appsecret_proof" {
				params[k] = v[0]
			}
		}
	}
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
