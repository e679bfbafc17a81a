package twitter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"takhojd/platforms"
)

const (
	// pageSize is how many posts are asked for at a time: the most that the platform gives.
	pageSize = 100
	// searchReach is how far back recent search goes, less a minute for clocks that differ: what begins earlier is refused.
	searchReach = 7*24*time.Hour - time.Minute
	// conversationAge and maxConversations bound the posts whose conversations are searched. What is said under older ones is found only
	// where it mentions the account, as an answer to the post itself does.
	conversationAge  = 30 * 24 * time.Hour
	maxConversations = 200
	// maxQuery is the longest query that every plan may ask.
	maxQuery = 512
)

// CatchUp reads what was said to the account at or after since, and hands it to sink as Added or Edited events in batches of at most 100:
// its mentions, which answers to its posts are (the platform lists the newest 800), and the conversations of its posts of the last thirty
// days, where answers to answers need not mention it (the platform searches seven days). An edit has an id of its own time, and so is
// found. A removal shows only as a comment that is not among them, and a hide not at all.
//
// It costs a call for each hundred mentions, one for each hundred posts of thirty days, and one for each 13 conversations and hundred
// answers in them. The first error of the platform or of sink ends it; calling again with the same since loses nothing.
func (a *Account) CatchUp(ctx context.Context, since time.Time, sink func(context.Context, []platforms.Event) error) error {
	if err := a.belongs(ctx); err != nil {
		return err
	}
	told := map[word]bool{}
	each := func(items []json.RawMessage, inc includes) error {
		events, err := a.events(items, inc, told)
		if err != nil || len(events) == 0 {
			return err
		}
		return sink(ctx, events)
	}
	account := a.cfg.Channel.Account
	query := fields()
	query.Set("since_id", idBefore(since))
	if err := a.list(ctx, call{action: "mentions", path: "/2/users/" + account + "/mentions", query: query}, "pagination_token", each); err != nil {
		return err
	}
	queries, err := a.conversations(ctx)
	if err != nil {
		return err
	}
	if oldest := a.cfg.Now().Add(-searchReach); since.Before(oldest) {
		since = oldest
	}
	for _, q := range queries {
		query := fields()
		query.Set("query", q)
		query.Set("since_id", idBefore(since))
		if err := a.list(ctx, call{action: "search", path: "/2/tweets/search/recent", query: query}, "next_token", each); err != nil {
			return err
		}
	}
	return nil
}

// events are the comments among items that were not told before in this reading.
func (a *Account) events(items []json.RawMessage, inc includes, told map[word]bool) ([]platforms.Event, error) {
	var events []platforms.Event
	at := place{site: siteOf(a.cfg.BaseURL), via: "backfill", now: a.cfg.Now()}
	for _, raw := range items {
		var t tweet
		if err := lenient(raw, &t); err != nil {
			return nil, fmt.Errorf("twitter: read a post: %w", err)
		}
		if told[t.ID] {
			continue
		}
		told[t.ID] = true
		if t.newest() != t.ID {
			continue // an older version: the newest has an id of its own, later, and is in the list too
		}
		ev, skip := eventOf(t, inc, a.cfg.Channel, at, raw)
		if skip != nil {
			tellSkipped(a.cfg.Metrics, a.cfg.Log, skip)
			continue
		}
		events = append(events, *ev)
	}
	return events, nil
}

// conversations are queries for what is said under the account's posts of late.
func (a *Account) conversations(ctx context.Context) ([]string, error) {
	var queries []string
	n := 0
	query := url.Values{"exclude": {"replies,retweets"}, "start_time": {a.cfg.Now().Add(-conversationAge).UTC().Format(time.RFC3339)},
		"tweet.fields": {"conversation_id"}}
	err := a.list(ctx, call{action: "posts", path: "/2/users/" + a.cfg.Channel.Account + "/tweets", query: query}, "pagination_token",
		func(items []json.RawMessage, _ includes) error {
			for _, raw := range items {
				var t tweet
				if err := lenient(raw, &t); err != nil || checkID(string(t.ID)) != nil {
					return errors.New("twitter: posts: one of them has no id that can be used")
				}
				if n++; n > maxConversations {
					return errEnough
				}
				term := "conversation_id:" + string(t.ID)
				if last := len(queries) - 1; last >= 0 && len(queries[last])+len(" OR ")+len(term) <= maxQuery {
					queries[last] += " OR " + term
				} else {
					queries = append(queries, term)
				}
			}
			return nil
		})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return queries, err
}

var errEnough = errors.New("enough is read")

// list reads a list to its end, which is where meta has no next_token.
func (a *Account) list(ctx context.Context, c call, cursor string, each func([]json.RawMessage, includes) error) error {
	c.method = http.MethodGet
	if !c.query.Has("max_results") {
		c.query.Set("max_results", strconv.Itoa(pageSize))
	}
	seen := map[string]bool{}
	for {
		body, err := a.call(ctx, c)
		if err != nil {
			return err
		}
		var page struct {
			Data     []json.RawMessage `json:"data"`
			Includes includes          `json:"includes"`
			Meta     *struct {
				Next string `json:"next_token"`
			} `json:"meta"`
		}
		if err := lenient(body, &page); err != nil {
			return fmt.Errorf("twitter: %s: read the list: %w", c.action, err)
		}
		if page.Data == nil && page.Meta == nil {
			return fmt.Errorf("twitter: %s: the answer is no list", c.action)
		}
		if err := each(page.Data, page.Includes); err != nil {
			return err
		}
		if page.Meta == nil || page.Meta.Next == "" {
			return nil
		}
		next := page.Meta.Next
		if seen[next] {
			return fmt.Errorf("twitter: %s: next_token leads in a circle", c.action)
		}
		seen[next] = true
		c.query.Set(cursor, next)
	}
}

// belongs makes sure that the token is the account's own: with another's, all would be read, and nothing could be hidden.
func (a *Account) belongs(ctx context.Context) error {
	_, err := a.me(ctx, nil)
	return err
}

// profile is who a token belongs to.
type profile struct {
	ID      word `json:"id"`
	Metrics struct {
		Posts int `json:"tweet_count"`
	} `json:"public_metrics"`
}

func (a *Account) me(ctx context.Context, header *http.Header) (profile, error) {
	body, err := a.call(ctx, call{action: "me", method: http.MethodGet, path: "/2/users/me", query: url.Values{"user.fields": {"public_metrics"}}, header: header})
	if err != nil {
		return profile{}, err
	}
	var got struct {
		Data profile `json:"data"`
	}
	if lenient(body, &got) != nil || checkID(string(got.Data.ID)) != nil {
		return profile{}, errors.New("twitter: me: the answer has no id")
	}
	if string(got.Data.ID) != a.cfg.Channel.Account {
		return profile{}, fmt.Errorf("twitter: the token belongs to account %s, not to %s: %w", got.Data.ID, a.cfg.Channel.Account, platforms.ErrTokenDead)
	}
	return got.Data, nil
}

// username is the account's name without @, for queries that take no id.
func (a *Account) username(ctx context.Context, account string) (string, error) {
	body, err := a.call(ctx, call{action: "user", method: http.MethodGet, path: "/2/users/" + account, query: url.Values{}, app: true})
	if err != nil {
		return "", err
	}
	var got struct {
		Data struct {
			Username string `json:"username"`
		} `json:"data"`
	}
	if lenient(body, &got) != nil || got.Data.Username == "" || strings.Trim(strings.ToLower(got.Data.Username), "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return "", errors.New("twitter: user: the answer has no name that can be used")
	}
	return got.Data.Username, nil
}
