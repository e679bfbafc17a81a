// Package platforms says what a comment is, whatever the platform: the events that adapters bring in, the
// references by which moderation acts on them, and the errors by which a platform's answer is understood.
//
// An adapter (platforms/facebook, platforms/twitter, …) turns what its platform says – by webhook, stream or poll –
// into an [Event], and acts when moderation tells it to. It decides nothing and remembers nothing: the same event may
// come any number of times and in any order, and what came before is moderation's to know.
package platforms

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"
)

// Platform names a platform. The same string stands in code, configuration, database and API.
type Platform string

// The platforms that an adapter exists or is planned for.
const (
	Facebook  Platform = "facebook"
	Instagram Platform = "instagram"
	X         Platform = "x"
	Bluesky   Platform = "bluesky"
)

// Valid tells whether p is a platform that Takhöjd knows.
func (p Platform) Valid() bool {
	switch p {
	case Facebook, Instagram, X, Bluesky:
		return true
	}
	return false
}

// Channel is one account of the authority on one platform, as its configuration states it.
//
// Purpose, Owner, ResponseTarget and Reviewed are what Region Stockholm's guidelines for digital communication demand of
// every channel (principles 1–4).
type Channel struct {
	// ID names the channel in every record. It is chosen once and never changed: records outlive names.
	ID string
	// Platform is where the channel is.
	Platform Platform
	// Account is the platform's own id of the page or account.
	Account string
	// Name is what people call it, shown to reviewers.
	Name string
	// Purpose says what the channel is for (principle 1).
	Purpose string
	// Owner answers for content, development and upkeep (principle 2).
	Owner string
	// ResponseTarget is how soon a citizen should have an answer, and a flagged comment a decision (principle 3).
	ResponseTarget time.Duration
	// Reviewed is the day when the channel was last reviewed against law and directives (principle 4).
	Reviewed time.Time
	// HideQuota is how many comments the bot may hide here in a day (local midnight to midnight) before it only flags.
	// Zero means that the bot hides nothing by itself here.
	HideQuota int
}

// Ref names one comment on one channel: the natural key of all that is known about it, save for the revision.
type Ref struct {
	Platform Platform `json:"platform"`
	// Channel is the [Channel.ID], not the platform's account id.
	Channel string `json:"channel"`
	// Comment is the platform's own id of the comment: a string always, even where it looks like a number.
	Comment string `json:"comment"`
}

// String is platform/channel/comment, for logs and messages.
func (r Ref) String() string { return string(r.Platform) + "/" + r.Channel + "/" + r.Comment }

// Zero tells whether r names nothing.
func (r Ref) Zero() bool { return r == Ref{} }

// Author is the person or page behind a comment, as the platform showed them.
type Author struct {
	// ID is the platform's id, often scoped to the page or app. Empty where the platform withholds it.
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// Attachment is a picture, film or sticker that came with a comment.
type Attachment struct {
	// Kind is "photo", "video", "sticker", "animation", "link" or the platform's own word.
	Kind string `json:"kind"`
	// URL is where the bytes are to be had; platforms let such addresses lapse within hours or days.
	URL string `json:"url,omitempty"`
}

// Comment is what a citizen wrote, as it stood when the platform told of it.
type Comment struct {
	Ref Ref `json:"ref"`
	// Post is the platform's id of the post that the comment stands under.
	Post string `json:"post"`
	// Parent is the comment that it answers; empty when it answers the post itself.
	Parent string `json:"parent,omitempty"`
	Author Author `json:"author"`
	// Own is true for what the authority's own account wrote: it is kept for the thread, and never moderated.
	Own         bool         `json:"own,omitempty"`
	Text        string       `json:"text"`
	Attachments []Attachment `json:"attachments,omitempty"`
	// Posted is when the platform says that the comment was first published.
	Posted    time.Time `json:"posted"`
	Permalink string    `json:"permalink,omitempty"`
	// Hidden is true when the platform says that the comment is hidden at this moment.
	Hidden bool `json:"hidden,omitempty"`
	// CannotHide is true when the platform says that the account may not hide this comment.
	CannotHide bool `json:"-"`
	// Raw is what the platform sent, byte for byte.
	Raw []byte `json:"-"`
}

// Revision identifies what the comment said: the first 128 bits of a SHA-256 over text and attachments, in hexadecimal.
// Platforms repeat, reorder and leave out version numbers, so the content itself is the version. Addresses of pictures
// are signed anew at every reading; of an attachment only its kind and its place in the row count.
func (c Comment) Revision() string {
	h := sha256.New()
	h.Write([]byte(strconv.Itoa(len(c.Text)) + ":" + c.Text))
	for _, a := range c.Attachments {
		h.Write([]byte("\x00" + a.Kind))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// EventKind says what happened to a comment.
type EventKind string

// What can happen to a comment.
const (
	Added    EventKind = "added"
	Edited   EventKind = "edited"
	Removed  EventKind = "removed"  // no longer on the platform, and not by us: mostly its author's own doing
	Hidden   EventKind = "hidden"   // hidden, by us or by a colleague in the platform's own tools
	Restored EventKind = "restored" // shown again, likewise
)

// Valid tells whether k is a kind of event.
func (k EventKind) Valid() bool {
	switch k {
	case Added, Edited, Removed, Hidden, Restored:
		return true
	}
	return false
}

// Event is one thing that a platform told of one comment.
type Event struct {
	Kind EventKind `json:"kind"`
	// Comment holds at least the Ref. For Added and Edited it holds the whole comment, for the others what was told.
	Comment Comment `json:"comment"`
	// At is when it happened, by the platform's clock; when the platform does not say, when the adapter asked or heard.
	At time.Time `json:"at"`
	// Via is how it came: "webhook", "stream", "poll" or "backfill".
	Via string `json:"via"`
	// Incomplete is true when the platform left out what is needed for judging (author or text): moderation
	// reads the comment itself before it judges.
	Incomplete bool `json:"incomplete,omitempty"`
	// Raw is what the platform sent for this event, byte for byte.
	Raw json.RawMessage `json:"raw,omitempty"`
}

// Post is what the authority published and citizens comment on.
type Post struct {
	Platform  Platform  `json:"platform"`
	Channel   string    `json:"channel"`
	ID        string    `json:"id"`
	Text      string    `json:"text"`
	Posted    time.Time `json:"posted"`
	Permalink string    `json:"permalink,omitempty"`
}

// Capabilities says what a platform lets an authority do with others' comments. What is false is never offered, never tried.
type Capabilities struct {
	Hide         bool `json:"hide"`
	Delete       bool `json:"delete"`
	Reply        bool `json:"reply"`
	PrivateReply bool `json:"private_reply"`
	// ReplyLength is how long an answer may be, in characters: what the platform takes, or less where it takes more than anybody reads.
	// It is there where Reply or PrivateReply is.
	ReplyLength int `json:"reply_length,omitempty"`
	// PrivateReplyWindow is how long after it was posted a comment can be answered in private; zero: as long as it stands.
	PrivateReplyWindow time.Duration `json:"private_reply_window,omitempty"`
	Block              bool          `json:"block"`
	// Mute is where an author can be muted: we no longer see them, everybody else does.
	Mute bool `json:"mute,omitempty"`
	// Report is where a comment can be reported to the platform's own moderators by its API.
	Report bool `json:"report,omitempty"`
	// CloseComments is where a post can be closed for new comments, and opened again.
	CloseComments bool `json:"close_comments,omitempty"`
	// HidesUntold is where the platform does not tell whether a comment is hidden: that [Comment.Hidden] is false means nothing.
	HidesUntold bool `json:"hides_untold,omitempty"`
	// HideEffectSV and HideEffectEN say what a hide really does, in words for the reviewer's button.
	HideEffectSV string `json:"hide_effect_sv"`
	HideEffectEN string `json:"hide_effect_en"`
}

// Check is one thing that was looked at between us and a platform, and what it means, in words for a person. It holds no secret.
type Check struct {
	// Name is "token", "permissions", "webhook", "polling", "clock", "capabilities" or an adapter's own word.
	Name string
	OK   bool
	// SV and EN say what was found and, where it is not well, what to do.
	SV, EN string
	// Expires is when what was looked at ends: a token. Zero where it does not, or where nobody says.
	Expires time.Time
}
