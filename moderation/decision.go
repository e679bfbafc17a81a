package moderation

import (
	"context"
	"errors"
	"time"

	"takhojd/archive"
	"takhojd/platforms"
	"takhojd/rules"
)

// Action is what a decision does with a comment. The bot only allows, flags and hides; the rest are people's.
type Action string

// The actions of a decision.
const (
	Allow    Action = "allow"    // let it stand (låt stå)
	Flag     Action = "flag"     // a person must look (flagga)
	Hide     Action = "hide"     // hide it on the platform (dölj)
	Delete   Action = "delete"   // delete it on the platform (ta bort)
	Restore  Action = "restore"  // show it again (visa igen)
	Block    Action = "block"    // hide it and block its author (blockera)
	Escalate Action = "escalate" // keep it as evidence and lead the queue with it (eskalera)
	Route    Action = "route"    // let it stand and refer its author to where the question belongs (hänvisa)
	Opinion  Action = "opinion"  // ask for a second opinion (en till bedömning)
)

// The actions beside: they are decided, recorded and done like the others, and leave how the comment stands, and its flag, as they are.
const (
	Reply  Action = "reply"  // answer the comment or its author (svara)
	Mute   Action = "mute"   // stop seeing its author; everybody else still does (tysta)
	Report Action = "report" // report it to the platform's own moderators (anmäl)
)

// The actions on a post. See [Moderator.CloseComments].
const (
	Close Action = "close" // close a post for new comments (stäng kommentarerna)
	Open  Action = "open"  // open it again (öppna kommentarerna)
)

// Valid tells whether a is an action.
func (a Action) Valid() bool {
	switch a {
	case Allow, Flag, Hide, Delete, Restore, Block, Escalate, Route, Opinion:
		return true
	}
	return a.beside()
}

// beside tells whether a leaves how the comment stands as it is.
func (a Action) beside() bool { return a == Reply || a == Mute || a == Report }

// besides lists the actions beside, for SQL.
const besides = `('reply', 'mute', 'report')`

// removes tells whether a takes the comment from the public's sight, and so needs a record first.
func (a Action) removes() bool { return a == Hide || a == Delete || a == Block }

// State is how a comment stands on its platform, as far as we know.
type State string

// The states of a comment.
const (
	Standing State = "standing"
	Hidden   State = "hidden"
	Deleted  State = "deleted"
	Removed  State = "removed" // gone from the platform, and not by us: mostly its author's own doing
)

// Valid tells whether s is a state.
func (s State) Valid() bool { return s == Standing || s == Hidden || s == Deleted || s == Removed }

// Why says what put a comment into the flag queue.
type Why string

// The reasons for a flag.
const (
	Doubt      Why = "doubt"      // the policy says that a person must look
	Escalation Why = "escalation" // a serious threat or incitement: to the platform and the police
	Quota      Why = "quota"      // the bot has hidden as many as it may today
	EditedWhy  Why = "edited"     // hidden, then edited into something that the policy allows
	BlockWhy   Why = "block"      // the author's third violation within the policy's window: a block is suggested
	Failed     Why = "failed"     // the platform would not do what was decided
	OpinionWhy Why = "opinion"    // a colleague asked for a second opinion
	PictureWhy Why = "picture"    // its picture, or one that looks the same, was removed before
)

// The reasons for a person to look at what the bot has hidden. They stand in [Moderator.BotHidden] only, and open no flag.
const (
	Trial  Why = "trial"  // hidden by a rule that people have reviewed too few hides of
	Fallen Why = "fallen" // hidden by a rule that people have overturned too often since
)

// Valid tells whether w is a reason for a flag.
func (w Why) Valid() bool {
	switch w {
	case Doubt, Escalation, Quota, EditedWhy, BlockWhy, Failed, OpinionWhy, PictureWhy:
		return true
	}
	return false
}

// What a person may be told instead of "done".
var (
	// ErrClaimed says that a colleague holds the comment.
	ErrClaimed = errors.New("a colleague is deciding this comment")
	// ErrStale says that the comment was edited, or decided, after the person saw it.
	ErrStale = errors.New("the comment has changed since it was shown")
	// ErrTooLate says that a decision can no longer be undone.
	ErrTooLate = errors.New("the decision can no longer be undone")
	// ErrNotFound says that there is no such comment, flag or decision.
	ErrNotFound = errors.New("not found")
	// ErrInvalid says that what was asked for cannot be: the rest of the message says why.
	ErrInvalid = errors.New("this cannot be done")
)

// Resolution is a person's decision on one comment, as the console sends it.
type Resolution struct {
	// Comment is [Case.ID].
	Comment int64
	// Revision is what the person saw; the decision is refused with [ErrStale] when the comment says something else by now.
	Revision string
	// Flag is [Case.Flag]'s id when the decision answers a flag, else 0.
	Flag   int64
	Action Action
	// By is the person's account name.
	By string
	// Reason is the person's own words, kept in the record. It may be empty for Allow.
	Reason string
	// Route is for Action Route: where to.
	Route rules.Route
	// Reply is what to say to the comment's author, under the comment or, when Private, to nobody else; empty: nothing is said. It may go
	// with Hide, Delete, Block, Route and Reply. Template names what it was made from ("tack/3"), if anything.
	Reply    string
	Private  bool
	Template string
}

// Decision is what was decided on one revision of a comment: by the bot, by a person, or by a colleague in the platform's own
// tools.
type Decision struct {
	ID       int64
	Comment  int64
	Revision string
	Action   Action
	ByKind   string // "bot", "person" or "platform"
	By       string
	Reason   string
	Verdict  rules.Verdict
	Route    rules.Route
	Record   string
	At       time.Time
	Undone   time.Time
}

// Reader reads a platform. Both methods may be called from any goroutine.
type Reader interface {
	// Fetch reads a comment as it stands at this moment; platforms.ErrGone when it is no more.
	Fetch(context.Context, platforms.Ref) (platforms.Comment, error)
	// FetchPost reads one of the authority's own posts.
	FetchPost(context.Context, string) (platforms.Post, error)
	// CatchUp hands over every comment posted at or after a time, and what changed on recently active posts, in any order.
	CatchUp(context.Context, time.Time, func(context.Context, []platforms.Event) error) error
	// Capabilities says what the platform lets us do.
	Capabilities() platforms.Capabilities
}

// Remover takes a comment from sight. Both methods take a receipt, refuse the zero one, and act on the comment that the receipt
// names and no other. Repeating a call changes nothing.
type Remover interface {
	Hide(context.Context, archive.Receipt) error
	Delete(context.Context, archive.Receipt) error
}

// Responder answers, restores and blocks.
type Responder interface {
	Unhide(context.Context, platforms.Ref) error
	Reply(context.Context, platforms.Ref, string) (string, error)
	PrivateReply(context.Context, platforms.Ref, string) error
	Block(context.Context, platforms.Author) error
}

// Adapter is what moderation needs of a platform. The errors are those of package platforms.
type Adapter interface {
	Reader
	Remover
	Responder
}

// What follows are abilities that only some adapters have. Where one is missing, [platforms.Capabilities] says so, nothing is offered, and
// nothing is tried.

// Listener hears of comments by itself: by a stream that it keeps open, or by asking more often than CatchUp.
type Listener interface {
	// Listen hands over what happens, until ctx is cancelled. It reconnects by itself as the platform wants it, and returns an error only
	// when a person must act (platforms.ErrTokenDead); then it is begun again later. It may hand over anything twice and in any order, and
	// may miss what happened while it was not connected: CatchUp finds that.
	Listen(context.Context, func(context.Context, []platforms.Event) error) error
}

// Rereader is an adapter whose CatchUp hands over again, on the posts that it reads, all that stands from some time before the asked-for
// one. What stands there in the books and does not come is most likely gone.
type Rereader interface {
	Reread() time.Duration
}

// Muter stops us from seeing an author; everybody else still does.
type Muter interface {
	Mute(context.Context, platforms.Author) error
}

// Recaller finds what we said. Where it is missing, Reply itself must find that the account has said the same to the comment before, or a
// process that dies between the platform's answer and its own commit says it twice.
type Recaller interface {
	// Said returns the platform's id of our public answer to a comment that says text; "" where the platform shows none. It is asked only when
	// nobody knows whether an answer arrived.
	Said(ctx context.Context, ref platforms.Ref, text string) (id string, err error)
}

// Reporter reports a comment to the platform's own moderators. reason is a category of the policy; text is what a person wrote for them.
type Reporter interface {
	Report(ctx context.Context, ref platforms.Ref, reason, text string) error
}

// Closer closes a post for new comments, and opens it again. What stands there stays.
type Closer interface {
	CloseComments(ctx context.Context, post string, closed bool) error
}

// Checker looks at all that can be wrong between us and the platform, and changes nothing.
type Checker interface {
	Check(context.Context) []platforms.Check
}
