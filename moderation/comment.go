package moderation

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"takhojd/archive"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

// comment is the one row that says how a comment stands now.
type comment struct {
	id          int64
	ref         platforms.Ref
	post        string
	parent      string
	author      platforms.Author
	own         bool
	text        string
	attachments []platforms.Attachment
	permalink   string
	posted      time.Time
	received    time.Time
	// revision is empty while we know of the comment only that it was removed or hidden.
	revision    string
	revisedAt   time.Time
	state       State
	stateAt     time.Time
	stateBy     string
	record      string
	violationAt time.Time
	// fresh is true when its row was made in this transaction: nothing else in the books can speak of it yet.
	fresh bool
	// pending is true while the row was not written yet: what changes until then is in it. raw is what its platform sent, while fresh.
	pending bool
	raw     []byte
	// repeated is what the row says of who else has said the same, while pending.
	repeated int64
}

const commentColumns = `id, platform, channel, comment_id, post_id, parent_id, author_id, author_name, own, text, attachments, permalink,
	posted_at, received_at, revision, revised_at, state, state_at, state_by, record_id, violation_at`

// scanComment reads a row of commentColumns.
func scanComment(scan func(...any) error) (*comment, error) {
	var c comment
	var platform, attachments, state string
	var posted, received, revised, stateAt, violation int64
	if err := scan(&c.id, &platform, &c.ref.Channel, &c.ref.Comment, &c.post, &c.parent, &c.author.ID, &c.author.Name, &c.own, &c.text,
		&attachments, &c.permalink, &posted, &received, &c.revision, &revised, &state, &stateAt, &c.stateBy, &c.record, &violation); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(attachments), &c.attachments); err != nil {
		return nil, fmt.Errorf("attachments of comment %d: %w", c.id, err)
	}
	c.ref.Platform, c.state = platforms.Platform(platform), State(state)
	c.posted, c.received, c.revisedAt = store.FromTime(posted), store.FromTime(received), store.FromTime(revised)
	c.stateAt, c.violationAt = store.FromTime(stateAt), store.FromTime(violation)
	return &c, nil
}

// load returns the comment of that name; one that is not known yet has no id.
func (w *walk) load(ref platforms.Ref) (*comment, error) {
	if c, asked := w.fetched[ref]; asked {
		delete(w.fetched, ref)
		if c == nil {
			c = &comment{ref: ref, state: Standing}
		}
		return c, nil
	}
	c, err := scanComment(w.tx.QueryRow(`SELECT `+commentColumns+` FROM comments WHERE platform = $1 AND channel = $2 AND comment_id = $3`,
		string(ref.Platform), ref.Channel, ref.Comment).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return &comment{ref: ref, state: Standing}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	return c, nil
}

// loadID returns the comment with that number, as this walk has left it.
func (w *walk) loadID(id int64) (*comment, error) {
	if c := w.byID[id]; c != nil {
		delete(w.byID, id) // what the walk makes of it stands in the database
		return c, nil
	}
	return loadID(w.tx, id)
}

// loadID returns the comment with that number.
func loadID(tx *store.Tx, id int64) (*comment, error) {
	c, err := scanComment(tx.QueryRow(`SELECT `+commentColumns+` FROM comments WHERE id = $1`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("moderation: load comment %d: %w", id, err)
	}
	return c, nil
}

// begin makes the row of a comment whose words come for the first time; its removal or hiding may have come before them.
func (w *walk) begin(c *comment, e platforms.Event, received time.Time) error {
	c.say(e)
	if c.id != 0 {
		return w.save(c)
	}
	if e.Comment.Hidden {
		c.state, c.stateAt, c.stateBy = Hidden, e.At, "platform"
	}
	return w.insert(c, received)
}

// say takes over what an event tells of the comment.
func (c *comment) say(e platforms.Event) {
	from := e.Comment
	c.text, c.attachments, c.revision, c.revisedAt = from.Text, from.Attachments, from.Revision(), e.At
	c.own = c.own || from.Own
	take := func(to *string, value string) {
		if value != "" {
			*to = value
		}
	}
	take(&c.post, from.Post)
	take(&c.parent, from.Parent)
	take(&c.author.ID, from.Author.ID)
	take(&c.author.Name, from.Author.Name)
	take(&c.permalink, from.Permalink)
	if c.posted.IsZero() {
		c.posted = from.Posted
	}
}

func (w *walk) insert(c *comment, received time.Time) error {
	c.received = received
	attachments, err := c.encodedAttachments()
	if err != nil {
		return err
	}
	if c.id, err = w.next(ofComments); err != nil {
		return err
	}
	c.fresh, c.pending = true, true
	w.tx.InsertLater(commentsTable, func() []any {
		c.pending = false
		return []any{c.id, string(c.ref.Platform), c.ref.Channel, c.ref.Comment, received, c.post, c.parent, c.author.ID, c.author.Name, c.own, c.text,
			attachments, c.permalink, c.posted, c.revision, c.revisedAt, string(c.state), c.stateAt, c.stateBy, c.record, c.violationAt,
			c.repeated}
	})
	return nil
}

// encodedAttachments is how the attachments stand in the database.
func (c *comment) encodedAttachments() (string, error) {
	if c.attachments == nil {
		return "[]", nil
	}
	b, err := json.Marshal(c.attachments)
	if err != nil {
		return "", fmt.Errorf("encode attachments: %w", err)
	}
	return string(b), nil
}

func (w *walk) save(c *comment) error {
	if c.pending {
		if c.state != Standing {
			w.looks = append(w.looks, c.id)
		}
		return nil
	}
	if !c.fresh {
		w.struck = nil // what was counted may have changed
	}
	attachments, err := c.encodedAttachments()
	if err != nil {
		return err
	}
	w.tx.Do(`UPDATE comments SET post_id = $2, parent_id = $3, author_id = $4, author_name = $5, own = $6, text = $7,
		attachments = $8, permalink = $9, posted_at = $10, revision = $11, revised_at = $12, state = $13, state_at = $14, state_by = $15,
		record_id = $16, violation_at = $17 WHERE id = $1`,
		c.id, c.post, c.parent, c.author.ID, c.author.Name, c.own, c.text, attachments, c.permalink, c.posted, c.revision, c.revisedAt,
		string(c.state), c.stateAt, c.stateBy, c.record, c.violationAt)
	if c.fresh && c.state == Standing {
		return nil // what was just said is in no list but by its decision
	}
	w.looks = append(w.looks, c.id)
	return nil
}

// addRevision keeps what the comment said, with the platform's own bytes. What it has said before is kept already.
func (w *walk) addRevision(c *comment, e platforms.Event, received time.Time, superseded bool) error {
	attachments, err := json.Marshal(e.Comment.Attachments)
	if err != nil {
		return fmt.Errorf("encode attachments: %w", err)
	}
	raw := e.Comment.Raw
	if raw == nil {
		raw = e.Raw
	}
	if c.fresh {
		c.raw = raw
		w.tx.Insert(revisionsTable, c.id, e.Comment.Revision(), e.Comment.Text, string(attachments), []byte(raw), e.At, received, e.Via, superseded)
		return nil
	}
	w.tx.Do(`INSERT INTO revisions (comment, revision, text, attachments, raw, at, received_at, via, superseded)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (comment, revision) DO NOTHING`,
		c.id, e.Comment.Revision(), e.Comment.Text, string(attachments), []byte(raw), e.At, received, e.Via, superseded)
	return nil
}

// note adds a line to the comment's history.
func (w *walk) note(c *comment, at time.Time, what, by, detail string) {
	w.tx.Insert(historyTable, c.id, at, what, by, detail)
	w.tx.Notify("change")
}

// knowPost makes sure that we know, or will soon know, the post that the comment stands under.
func (w *walk) knowPost(c *comment) error {
	key := postKey(c.ref.Channel, c.post)
	if c.post == "" || w.posts[key] != nil {
		return nil
	}
	if _, known := w.knownPosts()[key]; known {
		return nil
	}
	r, err := w.tx.Exec(`INSERT INTO posts (platform, channel, post_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		string(c.ref.Platform), c.ref.Channel, c.post)
	if err != nil {
		return fmt.Errorf("know post: %w", err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		return err
	}
	if n == 0 {
		w.knownPosts()[key] = nil
		return nil
	}
	p := &knownPost{}
	if w.posts == nil {
		w.posts = map[string]*knownPost{}
	}
	w.posts[key], w.knownPosts()[key] = p, p
	w.outbox = true
	_, err = w.tx.Exec(`INSERT INTO outbox (channel, action, argument, created_at) VALUES ($1, 'post', $2, $3)`, c.ref.Channel, c.post, w.now)
	return err
}

// mostKnown is how many posts are remembered: those that are written under now are few.
const mostKnown = 1024

type knownPostsKey struct{}

// knownPosts are some of the posts that have a row, by postKey, until somebody writes to one; nil: of which nothing else is known.
func (w *walk) knownPosts() map[string]*knownPost {
	known := store.Kept[map[string]*knownPost](w.tx, knownPostsKey{}, "posts")
	if *known == nil || len(*known) >= mostKnown {
		*known = map[string]*knownPost{}
	}
	return *known
}

// surroundings fills in what stood around the comment: its post, what it answered, and the platform's own bytes.
func (w *walk) surroundings(c *comment, r *archive.Record) error {
	optional := func(err error) error {
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	}
	key := postKey(c.ref.Channel, c.post)
	if p := cmp.Or(w.posts[key], w.knownPosts()[key]); p != nil {
		r.Post.Text = p.text
	} else if err := optional(w.tx.QueryRow(`SELECT text FROM posts WHERE platform = $1 AND channel = $2 AND post_id = $3`,
		string(c.ref.Platform), c.ref.Channel, c.post).Scan(&r.Post.Text)); err != nil {
		return fmt.Errorf("the comment's post: %w", err)
	}
	if c.parent != "" {
		if err := optional(w.tx.QueryRow(`SELECT text FROM comments WHERE platform = $1 AND channel = $2 AND comment_id = $3`,
			string(c.ref.Platform), c.ref.Channel, c.parent).Scan(&r.ParentText)); err != nil {
			return fmt.Errorf("what the comment answers: %w", err)
		}
	}
	if c.fresh && c.raw != nil {
		r.Raw = c.raw
		return nil
	}
	if err := optional(w.tx.QueryRow(`SELECT raw FROM revisions WHERE comment = $1 AND revision = $2`, c.id, c.revision).Scan(&r.Raw)); err != nil {
		return fmt.Errorf("the comment's bytes: %w", err)
	}
	return nil
}

// decisionOn returns the latest decision on what is to become of what the comment says now; an empty one where there is none.
func (w *walk) decisionOn(c *comment) (*decision, error) {
	d := &decision{comment: c, received: c.received}
	var verdict, action string
	var received int64
	err := w.tx.QueryRow(`SELECT id, action, by_kind, by_whom, reason, verdict, policy, route, escalate, record_id, received_at FROM decisions
		WHERE comment = $1 AND revision = $2 AND undone_at = 0 AND action NOT IN `+besides+` ORDER BY id DESC LIMIT 1`, c.id, c.revision).
		Scan(&d.id, &action, &d.byKind, &d.by, &d.reason, &verdict, &d.policy, (*string)(&d.route), &d.escalate, &d.record, &received)
	if errors.Is(err, sql.ErrNoRows) {
		return d, nil
	}
	if err != nil {
		return nil, fmt.Errorf("decision on %d: %w", c.id, err)
	}
	d.action, d.received = Action(action), store.FromTime(received)
	if verdict != "" {
		if err := json.Unmarshal([]byte(verdict), &d.verdict); err != nil {
			return nil, fmt.Errorf("verdict of decision %d: %w", d.id, err)
		}
	}
	return d, nil
}

// asPlatform is the comment as the policy wants it.
func (c *comment) asPlatform(m *Moderator) platforms.Comment {
	return platforms.Comment{Ref: c.ref, Post: c.post, Parent: c.parent, Author: c.author, Own: c.own, Text: c.text,
		Attachments: c.attachments, Posted: c.posted, Permalink: c.permalink, Hidden: c.state == Hidden}
}

// categories returns a verdict's categories as they stand in the database, and the gravest of those that decided it: a hidden insult
// with a link in it is an insult.
func (w *walk) categories(v rules.Verdict) (all string, gravest rules.Category) {
	found := v.Categories()
	if len(found) == 0 {
		return "", ""
	}
	words := make([]string, len(found))
	for i, c := range found {
		words[i] = string(c)
	}
	policy := w.m.Policy()
	rank := -1
	for _, f := range v.Findings {
		r := policy.Bullet(f.Category).Severity
		if f.Action == v.Action {
			r += escalated
		}
		if r > rank {
			rank, gravest = r, f.Category
		}
	}
	return " " + strings.Join(words, " ") + " ", gravest
}
