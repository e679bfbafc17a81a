package moderation

import (
	"time"

	"takhojd/platforms"
	"takhojd/rules"
)

// Item is one row of the flag queue.
type Item struct {
	Flag    int64
	Comment int64
	Channel platforms.Channel
	// Why is why a person should look; of what the bot has hidden, Trial, Fallen or nothing in particular.
	Why      Why
	Category rules.Category
	// Excerpt is the comment's first 120 characters.
	Excerpt string
	Author  string
	Opened  time.Time
	// Due is when the channel's response target is over.
	Due          time.Time
	Severity     int
	ClaimedBy    string
	ClaimedUntil time.Time
	Attachments  int
	State        State
}

// Filter narrows the flag queue. Its zero value is everything.
type Filter struct {
	Channel  string
	Category rules.Category
	// Limit is how many rows at most; 0 means 50.
	Limit int
}

// Counts is what the console's bar shows.
type Counts struct {
	Flags     int
	Oldest    time.Time // when the oldest open flag was opened; zero when there is none
	BotHidden int       // hidden by the bot, not yet looked at by a person
	Routed    int       // questions with a route that nobody has answered
	Dead      int       // dead letters: outbox and inbox
	Waiting   int       // outbox rows that wait
}

// Case is everything a reviewer needs to judge one comment.
type Case struct {
	ID       int64
	Ref      platforms.Ref
	Channel  platforms.Channel
	Post     platforms.Post
	Comment  platforms.Comment // as it is now; Raw is not filled in
	Revision string
	State    State
	StateAt  time.Time
	StateBy  string
	Received time.Time
	// Flag is the open flag, nil when there is none.
	Flag *Item
	// Decision is the latest one that stands, nil when there is none yet. Verdict is the bot's on this revision.
	Decision *Decision
	Verdict  rules.Verdict

	Thread []ThreadComment
	// Strikes is how many comments of this author count as violations in the policy's window.
	Strikes      int
	StrikeLimit  int
	SimilarTotal int // comments that say exactly the same, each within the policy's window of another
	SimilarHid   int // of which hidden or deleted
	Media        []Media
	// Earlier is what was removed before with the same pictures.
	Earlier      []Earlier
	Record       string
	Capabilities platforms.Capabilities
	// Public and Private tell how the comment can be answered as it stands; NoPrivate why not in private, where one might expect it.
	Public, Private bool
	NoPrivate       NoPrivate
	// Suggested are the team's templates, filled in for this comment. Language is the one to answer in: "sv" or "en".
	Suggested []Suggestion
	Language  string
	// Muted, Blocked and Reported tell that the author was muted or blocked, and the comment reported, or is about to be. What is done
	// with an account in the platform's own tools we do not hear of.
	Muted, Blocked, Reported bool
	// Closed is since when the post takes no new comments, by our doing; zero when it takes them. Closing is true while the platform has
	// not yet done what was last decided of it. PostDecisions lists who closed and opened it, the oldest first.
	Closed        time.Time
	Closing       bool
	PostDecisions []PostDecision
	// Storm is set when the post draws far more flagged and hidden comments than usual.
	Storm *Storm
	// Waiting is what was decided of the comment and its platform has not yet done, the oldest first.
	Waiting []Waiting
	// Sent is what was answered, the oldest first.
	Sent      []Sent
	History   []HistoryEntry
	Decisions []Decision
}

// ThreadComment is a comment as it is shown around another.
type ThreadComment struct {
	ID     int64
	Parent string // the platform's id
	Ref    platforms.Ref
	Author string
	Own    bool
	Text   string
	Posted time.Time
	State  State
	This   bool // the comment that the case is about
}

// Media is a picture or film of a comment.
type Media struct {
	Place int
	// SHA256 names the bytes, in hexadecimal; empty when they could not be had, or not yet.
	SHA256 string
	Type   string
	Error  string
}

// HistoryEntry is one thing that happened to a comment.
type HistoryEntry struct {
	At     time.Time
	What   string // "added", "edited", "removed", "hidden", "restored", "decided:hide", "platform:hidden", …
	By     string
	Detail string
}

// Revision is something that a comment has said.
type Revision struct {
	Revision   string
	Text       string
	At         time.Time
	Received   time.Time
	Via        string
	Superseded bool
}

// AuthorView is what we know of one author on one platform.
type AuthorView struct {
	Platform platforms.Platform
	ID       string
	Name     string
	First    time.Time
	Comments int
	Hidden   int
	Strikes  int
	Limit    int
	Blocked  bool
	Muted    bool
	Recent   []AuthorComment
}

// AuthorComment is a comment in an author's history.
type AuthorComment struct {
	ID       int64
	Channel  string
	Text     string
	Posted   time.Time
	State    State
	Category rules.Category
}

// DeadLetter is something that could not be done, and waits for a person.
type DeadLetter struct {
	// Box is "inbox" or "outbox".
	Box      string
	ID       int64
	Comment  int64
	Channel  string
	Action   string
	Attempts int
	Since    time.Time
	Error    string
}

// Waiting is something that is still to be done on a platform.
type Waiting struct {
	ID       int64
	Comment  int64
	Channel  string
	Action   string
	Attempts int
	// NotBefore is when it is tried next, at the earliest; Why is why not sooner.
	NotBefore time.Time
	Why       WaitWhy
	Since     time.Time
	Error     string
}

// DayFigures is one day of one channel, for the page of figures.
type DayFigures struct {
	Day      string // 2026-11-22
	Channel  string
	Comments int
	Allowed  int
	Flagged  int
	Hidden   int
	Removed  int // by their authors
}

// CategoryFigures is what one category led to.
type CategoryFigures struct {
	Category   rules.Category
	Flagged    int
	Hidden     int
	Reviewed   int // by a person afterwards
	Overturned int
}

// Figures is the page of figures.
type Figures struct {
	From, To   time.Time
	Days       []DayFigures
	Categories []CategoryFigures
	// HideMedian and HideP99 are from the platform's event received to the platform's answer to the hide, to within a 64th of them; so is
	// ReviewMedian.
	HideMedian, HideP99 time.Duration
	// ReviewMedian is from flag opened to flag closed by a person.
	ReviewMedian time.Duration
	Flags        int
	FlagsClosed  int
	FlagsLate    int // closed or still open after the channel's response target
	// Uncounted is how many of the latest rows of one kind are not in the figures yet: in the minutes after an upgrade, and in a storm.
	Uncounted int
}

// Change tells the console that something is new. It carries no text.
type Change struct {
	// Kind is "flag" (opened or changed), "closed", "decided", "settled"; "elsewhere" when another process changed something.
	Kind    string
	Flag    int64
	Comment int64
}
