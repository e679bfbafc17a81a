package facebook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"takhojd/platforms"
)

// skipped is a change that became no event. It names the place in the delivery and the platform's own words for what it was,
// never what anybody wrote.
type skipped struct {
	reason string // "item", "field", "object", "page", "verb" or "shape"
	entry  int
	change int
	detail string
}

// quoted is one of the platform's words, short enough for a log line whatever was sent.
func quoted[T ~string](word T) string { return strconv.Quote(string(word[:min(len(word), 40)])) }

// quiet tells whether the platform sends such changes as a matter of course.
func (s skipped) quiet() bool { return s.reason == "item" || s.reason == "field" }

// delivery is the body of one POST. Ids and times are taken as numbers or strings: the platform has sent both.
type delivery struct {
	Object string `json:"object"`
	Entry  []struct {
		ID      scalar            `json:"id"`
		Time    scalar            `json:"time"`
		Changes []json.RawMessage `json:"changes"`
	} `json:"entry"`
}

type change struct {
	Field string `json:"field"`
	Value struct {
		Item        scalar `json:"item"`
		Verb        scalar `json:"verb"`
		CommentID   scalar `json:"comment_id"`
		PostID      scalar `json:"post_id"`
		ParentID    scalar `json:"parent_id"`
		CreatedTime scalar `json:"created_time"`
		Message     string `json:"message"`
		Photo       scalar `json:"photo"`
		Video       scalar `json:"video"`
		From        *struct {
			ID   scalar `json:"id"`
			Name scalar `json:"name"`
		} `json:"from"`
		// The sender as deliveries before 2018 named them.
		SenderID   scalar `json:"sender_id"`
		SenderName scalar `json:"sender_name"`
	} `json:"value"`
}

// verbs are the platform's words for what happened to a comment.
var verbs = map[scalar]platforms.EventKind{
	"add":    platforms.Added,
	"edited": platforms.Edited,
	"remove": platforms.Removed,
	"hide":   platforms.Hidden,
	"unhide": platforms.Restored,
}

// objects are what deliveries are about, and how their changes are read.
var objects = map[string]struct {
	platform platforms.Platform
	change   func(raw []byte, channel platforms.Channel, told scalar, now time.Time) (platforms.Event, *skipped)
}{
	"page":      {platforms.Facebook, parseChange},
	"instagram": {platforms.Instagram, parseInstagram},
}

// parse turns the body of a delivery into events, in the body's order. Its error says that the body as a whole cannot be
// read; what is odd in a part of it is in skipped.
func parse(body []byte, channels map[string]platforms.Channel, now time.Time) ([]platforms.Event, []skipped, error) {
	readable := withoutNUL(body)
	var d delivery
	var skips []skipped
	if err := json.Unmarshal(readable, &d); err != nil {
		var shape *json.UnmarshalTypeError
		if !errors.As(err, &shape) || shape.Field == "" {
			return nil, nil, fmt.Errorf("facebook: read a delivery: %w", err)
		}
		// Everything else of the body has been read: encoding/json steps over a value of the wrong type.
		skips = append(skips, skipped{"shape", -1, -1, "a " + shape.Value + " at " + shape.Field})
	}
	read, known := objects[d.Object]
	if !known {
		return nil, append(skips, skipped{"object", -1, -1, "object " + quoted(d.Object)}), nil
	}
	var events []platforms.Event
	at := 0
	for i, e := range d.Entry {
		channel, ours := channels[string(e.ID)]
		for j, raw := range e.Changes {
			if len(readable) == len(body) && &readable[0] != &body[0] {
				at += bytes.Index(readable[at:], raw)
				raw, at = body[at:at+len(raw)], at+len(raw)
			}
			if !ours || channel.Platform != read.platform {
				skips = append(skips, skipped{"page", i, j, d.Object + " " + quoted(e.ID)})
				continue
			}
			ev, skip := read.change(raw, channel, e.Time, now)
			if skip != nil {
				skip.entry, skip.change = i, j
				skips = append(skips, *skip)
				continue
			}
			events = append(events, ev)
		}
	}
	return events, skips, nil
}

// withoutNUL makes JSON readable that holds bare NULs. It has no place for them, yet one must not cost us the comment. As 0xFF it is
// merely invalid UTF-8, which decoding turns into U+FFFD; what is kept as raw is cut from the body as it came.
func withoutNUL(b []byte) []byte {
	if bytes.IndexByte(b, 0) < 0 {
		return b
	}
	return bytes.ReplaceAll(b, []byte{0}, []byte{0xFF})
}

// parseChange reads one change of the page that channel is.
func parseChange(raw []byte, channel platforms.Channel, entryTime scalar, now time.Time) (platforms.Event, *skipped) {
	var c change
	err := json.Unmarshal(withoutNUL(raw), &c) // the syntax has been checked: an error is about a type
	kind, skip := c.kind()
	if skip != nil {
		return platforms.Event{}, skip
	}
	ev := platforms.Event{Kind: kind, Via: "webhook", Raw: raw, Comment: c.comment(kind, channel)}
	ev.Comment.Raw = raw
	created, told := c.Value.CreatedTime.time(), entryTime.time()
	if kind == platforms.Added {
		ev.Comment.Posted = created
		ev.At = firstTime(created, told, now)
	} else {
		ev.At = firstTime(told, created, now)
	}
	if kind == platforms.Added || kind == platforms.Edited {
		// A value of an unforeseen type has been left out; what the comment says is then to be asked for.
		ev.Incomplete = err != nil || ev.Comment.Author.ID == "" ||
			ev.Comment.Text == "" && len(ev.Comment.Attachments) == 0
	}
	return ev, nil
}

// kind says what happened to a comment, or why the change is none of ours.
func (c *change) kind() (platforms.EventKind, *skipped) {
	v := &c.Value
	switch {
	case c.Field != "feed":
		return "", &skipped{reason: "field", detail: quoted(c.Field)}
	case v.Item == "" && v.CommentID == "":
		return "", &skipped{reason: "shape", detail: "no item"}
	case v.Item != "comment":
		return "", &skipped{reason: "item", detail: quoted(v.Item)}
	case v.CommentID == "":
		return "", &skipped{reason: "shape", detail: "a comment without comment_id"}
	}
	kind, known := verbs[v.Verb]
	if !known {
		return "", &skipped{reason: "verb", detail: quoted(v.Verb)}
	}
	return kind, nil
}

// comment is what the change tells of the comment.
func (c *change) comment(kind platforms.EventKind, channel platforms.Channel) platforms.Comment {
	v := &c.Value
	k := platforms.Comment{
		Ref:    platforms.Ref{Platform: channel.Platform, Channel: channel.ID, Comment: string(v.CommentID)},
		Post:   string(v.PostID),
		Text:   clean(v.Message),
		Hidden: kind == platforms.Hidden,
	}
	if v.ParentID != v.PostID {
		k.Parent = string(v.ParentID)
	}
	if kind == platforms.Added || kind == platforms.Edited {
		// Of the other verbs the sender may be whoever hid or removed: taken for the author, a citizen's comment would
		// pass for our own.
		k.Author = platforms.Author{ID: string(v.SenderID), Name: string(v.SenderName)}
		if v.From != nil && v.From.ID != "" {
			k.Author = platforms.Author{ID: string(v.From.ID), Name: string(v.From.Name)}
		}
		k.Own = k.Author.ID == channel.Account
	}
	if v.Photo != "" {
		k.Attachments = append(k.Attachments, platforms.Attachment{Kind: "photo", URL: string(v.Photo)})
	}
	if v.Video != "" {
		k.Attachments = append(k.Attachments, platforms.Attachment{Kind: "video", URL: string(v.Video)})
	}
	return k
}

func firstTime(times ...time.Time) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// scalar is a JSON string or number as text. Anything else reads as nothing, without an error.
type scalar string

func (s *scalar) UnmarshalJSON(b []byte) error {
	*s = ""
	switch {
	case len(b) == 0:
	case b[0] == '"' && bytes.IndexByte(b, '\\') < 0 && utf8.Valid(b): // nothing to decode, as in all but strange names
		*s = scalar(b[1 : len(b)-1])
	case b[0] == '"':
		var text string
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
		*s = scalar(clean(text))
	case b[0] == '-' || b[0] >= '0' && b[0] <= '9':
		*s = scalar(b)
	}
	return nil
}

// time reads a moment as the platform writes them: seconds or milliseconds since 1970, or ISO 8601. The zero time stands for
// what cannot be read, and for what JSON cannot hold: one such moment would keep all of its delivery from being stored.
func (s scalar) time() time.Time {
	t := s.moment()
	if y := t.Year(); y < 1 || y > 9999 {
		return time.Time{}
	}
	return t
}

func (s scalar) moment() time.Time {
	if n, err := strconv.ParseInt(string(s), 10, 64); err == nil {
		switch {
		case n <= 0:
			return time.Time{}
		case n > 100_000_000_000: // as seconds, past the year 5000
			return time.UnixMilli(n).UTC()
		}
		return time.Unix(n, 0).UTC()
	}
	for _, layout := range []string{graphTime, time.RFC3339} {
		if t, err := time.Parse(layout, string(s)); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// graphTime is how the Graph API writes a moment.
const graphTime = "2006-01-02T15:04:05-0700"

// clean makes text storable everywhere: valid UTF-8 (decoding has seen to that) and without NUL, which PostgreSQL refuses.
func clean(text string) string {
	if strings.IndexByte(text, 0) < 0 {
		return text
	}
	return strings.ReplaceAll(text, "\x00", "\uFFFD")
}
