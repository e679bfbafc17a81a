package twitter

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"takhojd/platforms"
)

// eventTypes are the Activity API's events that we subscribe to.
var eventTypes = []string{"post.reply.create", "post.mention.create", "post.quote.create"}

// skipped is a message that became no event: why, and the platform's own word for what it was.
type skipped struct {
	reason string // "type", "account", "repost" or "shape"
	detail string
}

// quiet tells whether the platform sends such messages as a matter of course.
func (s skipped) quiet() bool { return s.reason == "type" || s.reason == "repost" }

// quoted is one of the platform's words, short enough for a log line whatever was sent.
func quoted[T ~string](w T) string { return strconv.Quote(string(w[:min(len(w), 40)])) }

// activity is a message of the Activity API, by webhook or by stream.
type activity struct {
	Data struct {
		EventType word `json:"event_type"`
		Filter    struct {
			UserID word `json:"user_id"`
		} `json:"filter"`
		Payload  tweet    `json:"payload"`
		Includes includes `json:"includes"`
	} `json:"data"`
}

// place is where messages come to: which accounts are ours, by which road, and where people see what was said.
type place struct {
	channels map[string]platforms.Channel
	site     string
	via      string // "webhook", "stream" or "backfill"
	now      time.Time
}

// parseActivity turns a message into an event, or says why it is none. Its error says that the message cannot be read.
func parseActivity(body []byte, at place) (*platforms.Event, *skipped, error) {
	var m activity
	if err := lenient(body, &m); err != nil {
		return nil, nil, fmt.Errorf("twitter: read a message: %w", err)
	}
	kind := string(m.Data.EventType)
	if !strings.HasPrefix(kind, "post.") {
		return nil, &skipped{"type", quoted(kind)}, nil
	}
	channel, ours := at.channels[string(m.Data.Filter.UserID)]
	if !ours {
		return nil, &skipped{"account", "account " + quoted(m.Data.Filter.UserID)}, nil
	}
	switch kind {
	case "post.reply.create", "post.mention.create", "post.quote.create":
		ev, skip := eventOf(m.Data.Payload, m.Data.Includes, channel, at, body)
		return ev, skip, nil
	case "post.delete":
		ev, skip := removal(m.Data.Payload, channel, at, body)
		return ev, skip, nil
	}
	return nil, &skipped{"type", quoted(kind)}, nil
}

// eventOf is what a post that was written, or written anew, tells.
func eventOf(t tweet, inc includes, channel platforms.Channel, at place, raw []byte) (*platforms.Event, *skipped) {
	if t.reference("retweeted") != "" {
		return nil, &skipped{"repost", "a repost"}
	}
	c, err := t.comment(channel, inc, at.site, raw)
	if err != nil && !errors.Is(err, errPartial) {
		return nil, &skipped{"shape", err.Error()}
	}
	if c.Own && t.replyTo() == "" {
		return nil, &skipped{"type", "a post of our own"}
	}
	ev := &platforms.Event{Kind: platforms.Added, Comment: c, At: t.created(), Via: at.via, Raw: json.RawMessage(raw), Incomplete: err != nil}
	if t.edited() {
		ev.Kind = platforms.Edited
	}
	if ev.At.IsZero() {
		ev.At = at.now
	}
	return ev, nil
}

// removal is what a deleted post tells: nothing but its id. X tells so only of those who let the app listen to them, which in most cases
// is the authority alone.
func removal(t tweet, channel platforms.Channel, at place, raw []byte) (*platforms.Event, *skipped) {
	if checkID(string(t.ID)) != nil {
		return nil, &skipped{"shape", "a deletion without an id"}
	}
	return &platforms.Event{Kind: platforms.Removed, At: at.now, Via: at.via, Raw: json.RawMessage(raw), Comment: platforms.Comment{
		Ref:    platforms.Ref{Platform: platforms.X, Channel: channel.ID, Comment: string(t.original())},
		Author: platforms.Author{ID: string(t.AuthorID)}, Own: string(t.AuthorID) == channel.Account, Raw: raw}}, nil
}

// filtered is a message of the filtered stream.
type filtered struct {
	answer
	Rules []struct {
		Tag word `json:"tag"`
	} `json:"matching_rules"`
}

// ruleTag begins the tags of our rules; the account's id follows.
const ruleTag = "takhojd:"

// parseFiltered turns a message of the filtered stream into events: one for each of our accounts that it was said to.
func parseFiltered(body []byte, at place) ([]platforms.Event, *skipped, error) {
	var m filtered
	if err := lenient(body, &m); err != nil {
		return nil, nil, fmt.Errorf("twitter: read a message: %w", err)
	}
	var events []platforms.Event
	told := map[string]bool{}
	for _, rule := range m.Rules {
		account, tagged := strings.CutPrefix(string(rule.Tag), ruleTag)
		channel, ours := at.channels[account]
		if !tagged || !ours || told[account] {
			continue
		}
		told[account] = true
		ev, skip := eventOf(m.Data, m.Includes, channel, at, body)
		if skip != nil {
			return nil, skip, nil
		}
		events = append(events, *ev)
	}
	if len(events) == 0 {
		return nil, &skipped{"account", "no rule of ours"}, nil
	}
	return events, nil, nil
}
