package twitter

import (
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"takhojd/platforms"
)

// fields asks for all that we want to know of a post, and for nothing else: what is expanded is paid for.
func fields() url.Values {
	return url.Values{
		"tweet.fields": {"attachments,author_id,conversation_id,created_at,edit_history_tweet_ids,entities,in_reply_to_user_id,note_tweet,referenced_tweets"},
		"expansions":   {"attachments.media_keys,author_id"},
		"user.fields":  {"name,username"},
		"media.fields": {"media_key,preview_image_url,type,url,variants"},
	}
}

// word is a JSON string. Anything else reads as nothing, without an error: an id that came as a number has lost its last digits already.
type word string

func (w *word) UnmarshalJSON(b []byte) error {
	*w = ""
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(w))
	}
	return nil
}

// tweet is a post as the API writes it, wherever it stands.
type tweet struct {
	ID              word     `json:"id"`
	Text            string   `json:"text"`
	AuthorID        word     `json:"author_id"`
	ConversationID  word     `json:"conversation_id"`
	CreatedAt       word     `json:"created_at"`
	InReplyToUserID word     `json:"in_reply_to_user_id"`
	InReplyToID     word     `json:"in_reply_to_tweet_id"` // only in the Activity API's events
	EditHistory     []word   `json:"edit_history_tweet_ids"`
	Entities        entities `json:"entities"`
	// Note is a post of more than 280 characters, whole; Text is then its beginning.
	Note struct {
		Text     string   `json:"text"`
		Entities entities `json:"entities"`
	} `json:"note_tweet"`
	Attachments struct {
		MediaKeys []word `json:"media_keys"`
	} `json:"attachments"`
	References []struct {
		Type word `json:"type"`
		ID   word `json:"id"`
	} `json:"referenced_tweets"`
}

// entities are the links that the platform made out of a text.
type entities struct {
	URLs []struct {
		URL      string `json:"url"`
		Expanded string `json:"expanded_url"`
		MediaKey word   `json:"media_key"`
	} `json:"urls"`
}

// includes are what a post refers to.
type includes struct {
	Users []struct {
		ID       word `json:"id"`
		Name     word `json:"name"`
		Username word `json:"username"`
	} `json:"users"`
	Media []media `json:"media"`
}

type media struct {
	Key      word `json:"media_key"`
	Type     word `json:"type"`
	URL      word `json:"url"`
	Preview  word `json:"preview_image_url"`
	Variants []struct {
		BitRate     int    `json:"bit_rate"`
		ContentType string `json:"content_type"`
		URL         word   `json:"url"`
	} `json:"variants"`
}

// answer is a post with what it refers to.
type answer struct {
	Data     tweet    `json:"data"`
	Includes includes `json:"includes"`
}

// newest is the id of the version that is shown now.
func (t tweet) newest() word {
	h := t.EditHistory
	if len(h) == 0 || checkID(string(h[len(h)-1])) != nil {
		return t.ID
	}
	return h[len(h)-1]
}

func (t tweet) reference(kind word) word {
	for _, r := range t.References {
		if r.Type == kind {
			return r.ID
		}
	}
	return ""
}

// replyTo is the post that t answers; empty where it answers none.
func (t tweet) replyTo() word {
	if id := t.reference("replied_to"); id != "" {
		return id
	}
	return t.InReplyToID
}

// original is the id that t is known by: that of its first version.
func (t tweet) original() word {
	if len(t.EditHistory) > 0 && checkID(string(t.EditHistory[0])) == nil {
		return t.EditHistory[0]
	}
	return t.ID
}

func (t tweet) edited() bool { return t.original() != t.ID }

// created is when this version was written.
func (t tweet) created() time.Time { return moment(string(t.CreatedAt)) }

// posted is when the first version was written. Of an edited post only its first id tells that.
func (t tweet) posted() time.Time {
	if t.edited() {
		if at := idTime(string(t.original())); !at.IsZero() && !at.After(t.created()) {
			return at
		}
	}
	return t.created()
}

// moment reads a time as the API writes it. The zero time stands for what cannot be read, and for what JSON cannot hold.
func moment(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if y := t.Year(); err != nil || y < 1 || y > 9999 {
		return time.Time{}
	}
	return t.UTC()
}

// An id of X's holds the moment when it was given, in milliseconds since 4 November 2010, above 22 bits that tell the machine and a number.
const (
	idEpoch = 1288834974657
	idShift = 22
)

func idTime(id string) time.Time {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n>>idShift == 0 {
		return time.Time{}
	}
	return time.UnixMilli(n>>idShift + idEpoch).UTC()
}

// idBefore is an id that is smaller than any that was given at t or later, and larger than all before.
func idBefore(t time.Time) string {
	return strconv.FormatInt(max((t.UnixMilli()-idEpoch)<<idShift-1, 1), 10)
}

// errPartial says that a comment was read, but that what is needed to judge it is missing.
var errPartial = errors.New("the author or a picture is missing")

// comment is what t tells of a comment on channel. With errPartial it is to be read once more.
func (t tweet) comment(channel platforms.Channel, inc includes, site string, raw []byte) (platforms.Comment, error) {
	if checkID(string(t.ID)) != nil {
		return platforms.Comment{}, errors.New("a post has no id that can be used")
	}
	id := string(t.original())
	c := platforms.Comment{
		Ref:       platforms.Ref{Platform: platforms.X, Channel: channel.ID, Comment: id},
		Post:      string(t.ConversationID),
		Author:    platforms.Author{ID: string(t.AuthorID), Name: inc.name(t.AuthorID)},
		Own:       string(t.AuthorID) == channel.Account,
		Text:      t.words(),
		Posted:    t.posted(),
		Permalink: permalink(site, id),
		Raw:       raw,
	}
	parent := t.replyTo()
	if quoted := t.reference("quoted"); quoted != "" && parent == "" {
		c.Post = string(quoted) // a quotation stands under what it quotes, for us as for its readers
	}
	if parent != t.ConversationID {
		c.Parent = string(parent)
	}
	var whole bool
	c.Attachments, whole = inc.attachments(t.Attachments.MediaKeys)
	if !whole || c.Author.ID == "" || c.Author.Name == "" || c.Post == "" || c.Posted.IsZero() || c.Text == "" && len(c.Attachments) == 0 {
		return c, errPartial
	}
	return c, nil
}

// permalink is where people see a post. The author's name, which may change, need not stand in it.
func permalink(site, id string) string { return site + "/i/web/status/" + id }

// siteOf is where people see what the API at base serves.
func siteOf(base string) string {
	if base == defaultBase {
		return "https://x.com"
	}
	return base
}

func (inc includes) name(author word) string {
	for _, u := range inc.Users {
		if u.ID == author && author != "" {
			if u.Name != "" {
				return clean(string(u.Name))
			}
			return clean(string(u.Username))
		}
	}
	return ""
}

// attachments lists what a post shows, in the post's own order, and tells whether all of it is known.
func (inc includes) attachments(keys []word) (list []platforms.Attachment, whole bool) {
	whole = true
	for _, key := range keys {
		found := false
		for _, m := range inc.Media {
			if m.Key == key && m.Type != "" {
				list, found = append(list, m.attachment()), true
				break
			}
		}
		whole = whole && found
	}
	return list, whole
}

func (m media) attachment() platforms.Attachment {
	kind := map[word]string{"photo": "photo", "video": "video", "animated_gif": "animation"}[m.Type]
	if kind == "" {
		kind = clean(string(m.Type))
	}
	address, rate := m.URL, -1
	for _, v := range m.Variants {
		if v.ContentType == "video/mp4" && v.BitRate > rate && v.URL != "" {
			address, rate = v.URL, v.BitRate
		}
	}
	if address == "" {
		address = m.Preview
	}
	return platforms.Attachment{Kind: kind, URL: string(address)}
}

// mediaLink is where the platform's own links to a post's pictures lead.
var mediaLink = regexp.MustCompile(`/status/[0-9]+/(photo|video)/[0-9]+$`)

// unescape undoes what the API does to three characters of every text.
var unescape = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">")

// words is what a person wrote and others read: whole where the post is long, with links as they were written rather than as X's own short
// ones, and without the link that X adds for a picture.
func (t tweet) words() string {
	text, links := t.Text, t.Entities
	if t.Note.Text != "" {
		text, links = t.Note.Text, t.Note.Entities
	}
	text = unescape.Replace(text)
	var pairs []string
	for _, u := range links.URLs {
		switch {
		case u.URL == "":
		case u.MediaKey != "" || mediaLink.MatchString(u.Expanded):
			if before, found := strings.CutSuffix(text, u.URL); found {
				text = strings.TrimSuffix(before, " ")
			}
		case u.Expanded != "":
			pairs = append(pairs, u.URL, u.Expanded)
		}
	}
	if len(pairs) > 0 {
		text = strings.NewReplacer(pairs...).Replace(text)
	}
	return clean(text)
}

// clean makes text storable everywhere: valid UTF-8 (decoding has seen to that) and without NUL, which PostgreSQL refuses.
func clean(text string) string {
	if strings.IndexByte(text, 0) < 0 {
		return text
	}
	return strings.ReplaceAll(text, "\x00", "\uFFFD")
}

// lenient decodes JSON and takes a value of an unforeseen type for none: one must not cost us the rest.
func lenient(b []byte, into any) error {
	err := json.Unmarshal(b, into)
	var shape *json.UnmarshalTypeError
	if errors.As(err, &shape) && shape.Field != "" {
		return nil
	}
	return err
}
