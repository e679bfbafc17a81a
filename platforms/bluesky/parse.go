package bluesky

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"takhojd/platforms"
)

// word is a JSON string. Anything else reads as nothing, without an error: one value of an unforeseen type must not cost us the comment.
type word string

func (w *word) UnmarshalJSON(b []byte) error {
	*w = ""
	if len(b) > 0 && b[0] == '"' {
		var text string
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
		*w = word(clean(text))
	}
	return nil
}

// time reads a moment; the zero time for what cannot be read, and for what JSON cannot hold.
func (w word) time() time.Time {
	t, err := time.Parse(time.RFC3339Nano, string(w))
	if y := t.UTC().Year(); err != nil || y < 1 || y > 9999 {
		return time.Time{}
	}
	return t.UTC()
}

// short is one of the network's words for a log line, whatever was sent.
func short[T ~string](word T) string { return strconv.Quote(string(word[:min(len(word), 40)])) }

// clean makes text storable everywhere: valid UTF-8 (decoding has seen to that) and without NUL, which PostgreSQL refuses.
func clean(text string) string { return strings.ReplaceAll(text, "\x00", "\uFFFD") }

// view is a post as the network shows it.
type view struct {
	URI    word `json:"uri"`
	CID    word `json:"cid"`
	Author struct {
		DID         word `json:"did"`
		Handle      word `json:"handle"`
		DisplayName word `json:"displayName"`
		Viewer      struct {
			Blocking word `json:"blocking"`
		} `json:"viewer"`
	} `json:"author"`
	Record     json.RawMessage `json:"record"`
	Embed      json.RawMessage `json:"embed"`
	IndexedAt  word            `json:"indexedAt"`
	ReplyCount int             `json:"replyCount"`

	raw     []byte
	content content
}

// content is what the author wrote: a record of the type app.bsky.feed.post.
type content struct {
	Text      word   `json:"text"`
	CreatedAt word   `json:"createdAt"`
	Reply     *reply `json:"reply"`
	Facets    []struct {
		Features []struct {
			Type word `json:"$type"`
			URI  word `json:"uri"`
		} `json:"features"`
	} `json:"facets"`
	Embed json.RawMessage `json:"embed"`
}

type reply struct {
	Root   strongRef `json:"root"`
	Parent strongRef `json:"parent"`
}

// strongRef names one revision of a record.
type strongRef struct {
	URI word `json:"uri"`
	CID word `json:"cid"`
}

var errView = errors.New("a post has no address, author or content that can be used")

// readView reads a post as the network shows it. A value of an unforeseen type is left out; what has no address is an error.
func readView(raw []byte) (view, error) {
	v := view{raw: raw}
	if err := json.Unmarshal(raw, &v); err != nil && !typeOnly(err) {
		return view{}, errView
	}
	return v, v.check()
}

// check reads the record within, and looks whether what everything else stands on is there.
func (v *view) check() error {
	p, err := parsePost(string(v.URI))
	if err != nil || checkDID(string(v.Author.DID)) != nil || p.did != string(v.Author.DID) {
		return errView
	}
	if b := bytes.TrimSpace(v.Record); len(b) == 0 || b[0] != '{' {
		return errView
	}
	if err := json.Unmarshal(v.Record, &v.content); err != nil && !typeOnly(err) {
		return errView
	}
	return nil
}

// typeOnly tells whether decoding met a value of the wrong type and has read everything else.
func typeOnly(err error) bool {
	var shape *json.UnmarshalTypeError
	return errors.As(err, &shape)
}

// address is the post's own.
func (v *view) address() post { p, _ := parsePost(string(v.URI)); return p }

// isReply tells whether the post stands in a thread that another post began.
func (v *view) isReply() bool {
	if v.content.Reply == nil {
		return false
	}
	_, err := parsePost(string(v.content.Reply.Root.URI))
	return err == nil
}

// root is the post that began the thread: itself, where it answers nothing.
func (v *view) root() post {
	if v.isReply() {
		p, _ := parsePost(string(v.content.Reply.Root.URI))
		return p
	}
	return v.address()
}

// posted is when the post was first published: when its author says, but not after the network saw it.
func (v *view) posted() time.Time {
	said, seen := v.content.CreatedAt.time(), v.IndexedAt.time()
	if said.IsZero() || !seen.IsZero() && seen.Before(said) {
		return seen
	}
	return said
}

// latest is the later of when its author says that it was published and when the network says that it saw it. Either may be made up.
func (v *view) latest() time.Time {
	said, seen := v.content.CreatedAt.time(), v.IndexedAt.time()
	if seen.Before(said) {
		return said
	}
	return seen
}

// comment is the post as a comment. Whether it is hidden the view does not say.
func (a *Account) comment(v view) platforms.Comment {
	p := v.address()
	own := a.cfg.Channel.Account
	c := platforms.Comment{
		Ref:       platforms.Ref{Platform: a.cfg.Channel.Platform, Channel: a.cfg.Channel.ID, Comment: p.String()},
		Post:      v.root().String(),
		Author:    platforms.Author{ID: p.did, Name: name(v)},
		Own:       p.did == own,
		Text:      string(v.content.Text),
		Posted:    v.posted(),
		Permalink: p.permalink(),
		Raw:       v.raw,
	}
	if v.isReply() {
		if parent, err := parsePost(string(v.content.Reply.Parent.URI)); err == nil && parent.String() != c.Post {
			c.Parent = parent.String()
		}
	} else if quoted := v.quotes(own); quoted != "" {
		c.Post = quoted
	}
	// Only what stands in a thread of ours can be hidden, and never our own words.
	c.CannotHide = c.Own || !v.isReply() || v.root().did != own
	c.Attachments = v.attachments(own)
	return c
}

// name is what people see above the post.
func name(v view) string {
	for _, n := range []word{v.Author.DisplayName, v.Author.Handle, v.Author.DID} {
		if s := strings.TrimSpace(string(n)); s != "" && s != "handle.invalid" {
			return s
		}
	}
	return ""
}

// embed is what hangs at a post, as the network shows it: any of its embeds' views, which have different fields.
type embed struct {
	Type   word `json:"$type"`
	Images []struct {
		Full word `json:"fullsize"`
	} `json:"images"`
	Items []struct {
		Full word `json:"fullsize"`
	} `json:"items"`
	Playlist word `json:"playlist"`
	External struct {
		URI word `json:"uri"`
	} `json:"external"`
	Record struct {
		URI    word `json:"uri"`
		Record struct {
			URI word `json:"uri"`
		} `json:"record"`
	} `json:"record"`
	Media json.RawMessage `json:"media"`
}

func readEmbed(raw json.RawMessage) embed {
	var e embed
	_ = json.Unmarshal(raw, &e) // what is missing is missing
	return e
}

// quoted is the post that the embed quotes, if any. With media beside it, it stands one level further down.
func (e embed) quoted() word {
	if e.Record.Record.URI != "" {
		return e.Record.Record.URI
	}
	return e.Record.URI
}

// quotes gives the address of the post by did that the post quotes; "" where it quotes none.
func (v *view) quotes(did string) string {
	for _, raw := range []json.RawMessage{v.content.Embed, v.Embed} {
		if p, err := parsePost(string(readEmbed(raw).quoted())); err == nil && p.did == did {
			return p.String()
		}
	}
	return ""
}

// attachments are the pictures and films of a post, what it quotes of others than did, and the links that its text does not show. A link whose
// host stands in the text is judged with the text; its preview is the network's making.
func (v *view) attachments(did string) []platforms.Attachment {
	e := readEmbed(v.Embed)
	found := v.media(e)
	if quoted, err := parsePost(string(e.quoted())); err == nil && quoted.did != did {
		found = append(found, platforms.Attachment{Kind: "link", URL: quoted.permalink()})
	}
	for _, f := range v.content.Facets {
		for _, feature := range f.Features {
			if feature.Type == "app.bsky.richtext.facet#link" {
				found = v.link(found, feature.URI)
			}
		}
	}
	return found
}

// media are the pictures, films and outside links of an embed.
func (v *view) media(e embed) []platforms.Attachment {
	var found []platforms.Attachment
	for _, list := range [][]struct {
		Full word `json:"fullsize"`
	}{e.Images, e.Items} {
		for _, i := range list {
			found = append(found, platforms.Attachment{Kind: "photo", URL: string(i.Full)})
		}
	}
	if e.Playlist != "" {
		found = append(found, platforms.Attachment{Kind: "video", URL: string(e.Playlist)})
	}
	if u, err := url.Parse(string(e.External.URI)); err == nil && strings.HasSuffix(strings.ToLower(u.Path), ".gif") {
		found = append(found, platforms.Attachment{Kind: "animation", URL: string(e.External.URI)})
	} else {
		found = v.link(found, e.External.URI)
	}
	if len(e.Media) > 0 {
		inner := readEmbed(e.Media)
		inner.Media = nil // the network nests media once
		found = append(found, v.media(inner)...)
	}
	return found
}

// link adds an outside link, unless it is there already or the text shows where it leads.
func (v *view) link(found []platforms.Attachment, address word) []platforms.Attachment {
	u, err := url.Parse(string(address))
	if address == "" || err == nil && u.Hostname() != "" &&
		strings.Contains(strings.ToLower(string(v.content.Text)), strings.TrimPrefix(strings.ToLower(u.Hostname()), "www.")) {
		return found
	}
	for _, a := range found {
		if a.URL == string(address) {
			return found
		}
	}
	return append(found, platforms.Attachment{Kind: "link", URL: string(address)})
}
