package moderation

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"takhojd/archive"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

// What the team says goes the same road as what it does: a decision, a row in the outbox that waits as long as it may be taken back,
// and the adapter. Right before the platform is called, what is to be said becomes a record of its own: a draft that was taken back is
// no record, and nothing that may have been read lacks one.

// Whether and how a comment can be answered, and why not in private where one might expect it.
type answerable struct {
	public, private bool
	why             NoPrivate
}

// NoPrivate says why a comment's author can't be answered in private on a platform that has private answers.
type NoPrivate string

// The reasons why not.
const (
	NotAgain NoPrivate = "again" // it was done, or is about to be; the platform takes one for each comment
	NotLate  NoPrivate = "late"  // the platform's window has passed
)

// answerable tells how the comment can be answered as it stands. In public only what is in public sight is answered.
func (m *Moderator) answerable(tx *store.Tx, c *comment) (answerable, error) {
	can := m.Capabilities(c.ref.Channel)
	there := c.state == Standing || c.state == Hidden
	if c.own || !there {
		return answerable{}, nil
	}
	a := answerable{public: can.Reply && c.state == Standing, private: can.PrivateReply}
	if !a.private {
		return a, nil
	}
	var said int
	if err := tx.QueryRow(`SELECT count(*) FROM outbox WHERE comment = $1 AND action = 'private-reply' AND state IN ('waiting', 'done')`, c.id).Scan(&said); err != nil {
		return a, err
	}
	switch {
	case said > 0:
		a.private, a.why = false, NotAgain
	case can.PrivateReplyWindow > 0 && m.now().Sub(c.posted) > can.PrivateReplyWindow:
		a.private, a.why = false, NotLate
	}
	return a, nil
}

// mayReply refuses what can't be said to the comment.
func (w *walk) mayReply(c *comment, r Resolution) error {
	if r.Reply == "" {
		if r.Action == Reply {
			return fmt.Errorf("%w: an answer needs words", ErrInvalid)
		}
		return nil
	}
	switch r.Action {
	case Hide, Block, Delete, Route, Reply:
	default:
		return fmt.Errorf("%w: %s is not said anything with", ErrInvalid, r.Action)
	}
	if longest := w.m.Capabilities(c.ref.Channel).ReplyLength; !utf8.ValidString(r.Reply) || utf8.RuneCountInString(r.Reply) > longest {
		return fmt.Errorf("%w: an answer may have %d characters here", ErrInvalid, longest)
	}
	can, err := w.m.answerable(w.tx, c)
	if err != nil {
		return err
	}
	switch {
	case r.Private && can.why == NotAgain:
		return fmt.Errorf("%w: the author has had a private answer", ErrInvalid)
	case r.Private && can.why == NotLate:
		return fmt.Errorf("%w: the platform takes no private answers to what is that old", ErrInvalid)
	case r.Private && !can.private:
		return fmt.Errorf("%w: the platform takes no private answers here", ErrInvalid)
	case !r.Private && (!can.public || r.Action.removes()):
		return fmt.Errorf("%w: the comment can't be answered in public", ErrInvalid)
	}
	if r.Template == "" {
		return nil
	}
	if known, err := templateExists(w.tx, r.Template); err != nil || !known || !templateID.MatchString(r.Template) {
		return errors.Join(err, fmt.Errorf("%w: there is no such template", ErrInvalid))
	}
	return nil
}

// enqueueReply adds what is to be said. It has no record yet: that is made when it is sent.
func (w *walk) enqueueReply(d *decision, r Resolution) error {
	action := "reply"
	if r.Private {
		action = "private-reply"
	}
	if r.Reply == "" {
		return nil
	}
	unsent := *d
	unsent.record = ""
	w.enqueue(&unsent, action, r.Reply, w.m.cfg.UndoWindow)
	_, err := w.tx.Exec(`UPDATE outbox SET template = $2 WHERE id = (SELECT max(id) FROM outbox WHERE decision = $1)`, d.id, r.Template)
	return err
}

// say sends an answer, once. Where an earlier attempt's outcome is not known, what we have read of our own account since tells whether
// it arrived, and else the platform does ([Recaller]). An answer in private no platform shows; the one that takes them takes one for each comment.
func (m *Moderator) say(ctx context.Context, adapter Adapter, j job, c *comment) outcome {
	if moot, err := m.moot(ctx, j, c); err != nil || moot != "" {
		return outcome{result: moot, err: err}
	}
	if j.begun && j.action == "reply" {
		id, err := m.alreadySaid(ctx, j, c)
		if recaller, ok := adapter.(Recaller); ok && err == nil && id == "" {
			id, err = recaller.Said(ctx, c.ref, j.argument)
		}
		if err != nil || id != "" {
			return unlessGone(outcome{result: "already", reply: id, record: j.record, read: true, err: err})
		}
	}
	record, err := m.beginReply(ctx, j, c)
	if err != nil {
		return outcome{err: err}
	}
	o := outcome{result: "done", record: record}
	if j.action == "private-reply" {
		o.err = adapter.PrivateReply(ctx, c.ref, j.argument)
	} else {
		o.reply, o.err = adapter.Reply(ctx, c.ref, j.argument)
	}
	o.err = unknown(o.err)
	return unlessGone(o)
}

// moot tells what settles an answer that should no longer be sent: the comment is gone, it was never hidden as the answer says, or it
// is no longer in public sight.
func (m *Moderator) moot(ctx context.Context, j job, c *comment) (result string, err error) {
	if c.state == Removed || c.state == Deleted {
		return "gone", nil
	}
	var action string
	err = m.db.View(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT action FROM decisions WHERE id = $1`, j.decision).Scan(&action)
	})
	if err != nil {
		return "", err
	}
	hides := Action(action) == Hide || Action(action) == Block
	if hides && c.state != Hidden || j.action == "reply" && c.state != Standing {
		return "stale", nil
	}
	return "", nil
}

// alreadySaid looks among our own comments for the answer.
func (m *Moderator) alreadySaid(ctx context.Context, j job, c *comment) (id string, err error) {
	err = m.db.View(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT a.comment_id FROM comments a JOIN outbox o ON o.id = $4 WHERE a.platform = $1 AND a.channel = $2 AND a.parent_id = $3
			AND a.own = 1 AND a.text = o.argument AND a.received_at >= o.created_at`, string(c.ref.Platform), c.ref.Channel, c.ref.Comment, j.id).Scan(&id)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// beginReply makes the answer a record and marks it as begun, in one transaction, before the platform is called. If we die right after,
// the next attempt finds both.
func (m *Moderator) beginReply(ctx context.Context, j job, c *comment) (record string, err error) {
	err = m.db.Update(ctx, func(tx *store.Tx) error {
		w := walk{m: m, tx: tx, now: m.now()}
		if record = j.record; record == "" {
			if record, err = w.recordReply(j, c); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`UPDATE outbox SET error = $2, record_id = $3 WHERE id = $1`, j.id, unknownOutcome, record)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("record of the answer: %w", err)
	}
	return record, nil
}

// recordReply keeps what is sent as the authority's own record.
func (w *walk) recordReply(j job, c *comment) (string, error) {
	r := archive.Record{Ref: platforms.Ref{Platform: c.ref.Platform, Channel: c.ref.Channel}, Revision: platforms.Comment{Text: j.argument}.Revision(),
		Post: archive.Post{ID: c.post}, Parent: c.ref.Comment, Text: j.argument, Permalink: c.permalink, Posted: w.now.UTC().Truncate(time.Microsecond),
		Received: w.now.UTC().Truncate(time.Microsecond), Message: &archive.Message{Private: j.action == "private-reply", Answers: c.record}}
	channel := w.m.channel(c.ref.Channel)
	r.Author = platforms.Author{ID: channel.Account, Name: channel.Name}
	if c.record == "" {
		r.ParentText = c.text // else its own record says it
	}
	var at int64
	r.Decision = archive.Decision{ID: j.decision, Action: j.action}
	err := w.tx.QueryRow(`SELECT d.by_whom, d.reason, d.policy, d.decided_at, o.template FROM outbox o JOIN decisions d ON d.id = o.decision WHERE o.id = $1`, j.id).
		Scan(&r.Decision.By, &r.Decision.Reason, &r.Policy, &at, &r.Message.Template)
	if err != nil {
		return "", err
	}
	r.Decision.By, r.Decision.At = "person:"+r.Decision.By, store.FromTime(at)
	if err := w.tx.QueryRow(`SELECT coalesce(max(text), '') FROM posts WHERE platform = $1 AND channel = $2 AND post_id = $3`,
		string(c.ref.Platform), c.ref.Channel, c.post).Scan(&r.Post.Text); err != nil {
		return "", err
	}
	return w.m.archive.Append(w.tx, r)
}

// undone writes into the record of what we said, or did to a post, that the platform would not.
func (w *walk) undone(j job, cause error) error {
	record := j.record
	if err := w.tx.QueryRow(`SELECT record_id FROM outbox WHERE id = $1`, j.id).Scan(&record); err != nil || record == "" {
		return err
	}
	return w.m.archive.Add(w.tx, record, archive.KindOutcome, archive.Outcome{Action: j.action, Result: "failed", At: w.now.UTC().Truncate(time.Microsecond),
		Error: reason(cause)})
}

// Suggestion is a template filled in for one comment.
type Suggestion struct {
	Template
	// Text is what would be sent, before anybody has changed it; Deleted what would be sent when the comment is deleted rather than hidden.
	Text, Deleted rules.Words
}

// Sent is an answer to a comment, sent or about to be.
type Sent struct {
	Text    string
	Private bool
	By      string
	At      time.Time
	// State is the outbox row's: "waiting", "done", "dead" or "cancelled"; Result is what came of it.
	State, Result string
	// Error is why it could not be sent, or not yet.
	Error    string
	Template string
	Record   string
}

// replies gathers what was said, and what could be.
func (g gatherer) replies() error {
	can, err := g.m.answerable(g.tx, g.c)
	if err != nil {
		return err
	}
	g.k.Public, g.k.Private, g.k.NoPrivate, g.k.Language = can.public, can.private, can.why, languageOf(g.c.text)
	if err := g.sent(); err != nil || !can.public && !can.private {
		return err
	}
	w := walk{m: g.m, tx: g.tx}
	_, broken := w.categories(g.k.Verdict)
	templates, err := currentTemplates(g.tx)
	if err != nil {
		return err
	}
	for _, t := range templates {
		hidden, missing, err := t.render(g.m.Policy(), g.k.Channel, broken, Hide)
		if err != nil {
			return fmt.Errorf("template %s: %w", t.ID(), err)
		}
		// Who has made a serious threat is the police's, and is not bidden to write again.
		if t.Retired || missing != "" || t.Use == UseRemoved && (broken == "" || g.k.Verdict.Escalate) {
			continue
		}
		deleted, _, err := t.render(g.m.Policy(), g.k.Channel, broken, Delete)
		if err != nil {
			return fmt.Errorf("template %s: %w", t.ID(), err)
		}
		g.k.Suggested = append(g.k.Suggested, Suggestion{Template: t, Text: hidden, Deleted: deleted})
	}
	return nil
}

func (g gatherer) sent() error {
	rows, err := g.tx.Query(`SELECT o.argument, o.action, d.by_whom, o.created_at, o.state, o.result, o.error, o.template, o.record_id FROM outbox o
		JOIN decisions d ON d.id = o.decision WHERE o.comment = $1 AND o.action IN ('reply', 'private-reply') ORDER BY o.id`, g.c.id)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var s Sent
		var action string
		var at int64
		if err := rows.Scan(&s.Text, &action, &s.By, &at, &s.State, &s.Result, &s.Error, &s.Template, &s.Record); err != nil {
			return err
		}
		s.Private, s.At = action == "private-reply", store.FromTime(at)
		g.k.Sent = append(g.k.Sent, s)
	}
	return rows.Err()
}
