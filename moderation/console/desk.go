package console

import (
	"context"
	"io"
	"time"

	"takhojd/archive"
	"takhojd/moderation"
	"takhojd/platforms"
	"takhojd/rules"
)

// Desk is what the pages need of moderation. *moderation.Moderator is one. Every method may be called from any goroutine; what one
// writes is durable when it returns, and the next read sees it.
type Desk interface {
	Lists
	Cases
	Deciding
	Answering
	Operations
}

// Lists is what waits for a person.
type Lists interface {
	// Queue returns the open flags, most serious first.
	Queue(context.Context, moderation.Filter) ([]moderation.Item, error)
	// BotHidden returns what the bot hid and no person has seen, newest first.
	BotHidden(ctx context.Context, limit int) ([]moderation.Item, error)
	// Routed returns questions that belong elsewhere and that nobody has referred.
	Routed(ctx context.Context, limit int) ([]moderation.Item, error)
	Counts(context.Context) (moderation.Counts, error)
	// Subscribe returns a channel that tells of changes, and what ends it. A slow reader loses changes, never delays anyone.
	Subscribe() (<-chan moderation.Change, func())
}

// Cases is what is known of one comment and its author.
type Cases interface {
	Case(ctx context.Context, comment int64) (moderation.Case, error)
	Revisions(ctx context.Context, comment int64) ([]moderation.Revision, error)
	AuthorHistory(context.Context, platforms.Platform, string) (moderation.AuthorView, error)
	Media(ctx context.Context, sha256 string) (mediaType string, content []byte, err error)
	// Bundle writes the ZIP for a police report.
	Bundle(ctx context.Context, comment int64, w io.Writer) error
}

// Deciding is how a person decides. A claim lapses by itself; claiming one's own renews it.
type Deciding interface {
	Claim(ctx context.Context, flag int64, by string) error
	Release(ctx context.Context, flag int64, by string) error
	Resolve(context.Context, moderation.Resolution) (moderation.Decision, error)
	Undo(ctx context.Context, decision int64, by string) error
	// CloseComments closes the post of a comment for new ones (moderation.Close), or opens it again (moderation.Open).
	CloseComments(ctx context.Context, comment int64, action moderation.Action, by, reason string) error
}

// Answering is what the team keeps ready to say.
type Answering interface {
	// Templates returns the latest version of each, the retired ones too; TemplateVersions all of one, the newest first.
	Templates(context.Context) ([]moderation.Template, error)
	TemplateVersions(ctx context.Context, name string) ([]moderation.Template, error)
	// SaveTemplate keeps a next version: *moderation.PlaceholderError, moderation.ErrInvalid, or ErrStale when a colleague was quicker.
	SaveTemplate(ctx context.Context, t moderation.Template, by string) (moderation.Template, error)
	// Preview shows how a template reads when it is filled in.
	Preview(moderation.Template) (rules.Words, error)
}

// Operations is how it goes.
type Operations interface {
	Figures(ctx context.Context, from, to time.Time) (moderation.Figures, error)
	// RuleFigures returns how each rule of the policy stands with the people who review what it hides.
	RuleFigures(context.Context) ([]moderation.RuleFigure, error)
	DeadLetters(context.Context) ([]moderation.DeadLetter, error)
	Retry(ctx context.Context, box string, id int64, by string) error
	Waiting(ctx context.Context, limit int) ([]moderation.Waiting, error)
	// Lines tells for each channel how much waits, and what rests until when.
	Lines(context.Context) ([]moderation.Line, error)
	// Health tells how each channel was found when it was last looked at; CheckNow asks for a look, and does not wait for it.
	Health() []moderation.ChannelHealth
	CheckNow()
	// Nodes lists the processes that serve the books; none where only one may.
	Nodes(context.Context) ([]moderation.Node, error)
	// Alerts returns what people must be told of and that is not over.
	Alerts(context.Context) ([]moderation.Alert, error)
	Channels() []platforms.Channel
	Capabilities(channel string) platforms.Capabilities
	Policy() *rules.Policy
}

// Records is what the pages need of the archive. *archive.Archive is one.
type Records interface {
	List(context.Context, archive.Query) ([]archive.Summary, error)
	Count(context.Context, archive.Query) (int, error)
	Show(ctx context.Context, id string) (archive.Full, error)
	Export(ctx context.Context, q archive.Query, format string, w io.Writer) error
	Checkpoint(context.Context) (string, error)
	// HoldAll enters a hold, or its end, for those of some records that do not stand so already, and tells how many they were.
	HoldAll(ctx context.Context, records []string, h archive.Hold) (int, error)
	Holds(ctx context.Context, before int64, limit int) ([]archive.HeldRecord, error)
	Verify(ctx context.Context, progress func(done, total int64)) (archive.Report, error)
}
