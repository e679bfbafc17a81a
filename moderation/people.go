package moderation

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"takhojd/archive"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

// claimTime is how long a claim holds unless it is renewed.
const claimTime = 2 * time.Minute

// longestReason bounds what a person may give for a reason, in characters.
const longestReason = 2000

// ClaimedError says who holds a comment, and until when.
type ClaimedError struct {
	By    string
	Until time.Time
}

func (e *ClaimedError) Error() string { return ErrClaimed.Error() + ": " + e.By }

// Is makes errors.Is(err, ErrClaimed) true.
func (e *ClaimedError) Is(target error) bool { return target == ErrClaimed }

const itemColumns = `f.id, c.id, c.channel, f.why, f.category, c.text, c.author_name, f.opened_at, f.due_at, f.severity, f.claimed_by, f.claimed_until,
	c.attachments, c.state`

// excerptLength is how much of a comment a row of a list shows, in characters.
const excerptLength = 120

func (m *Moderator) scanItem(scan func(...any) error) (Item, error) {
	var it Item
	var channel, why, category, text, attachments, state string
	var opened, due, until int64
	if err := scan(&it.Flag, &it.Comment, &channel, &why, &category, &text, &it.Author, &opened, &due, &it.Severity, &it.ClaimedBy, &until,
		&attachments, &state); err != nil {
		return it, err
	}
	it.Channel, it.Why, it.Category, it.State = m.channel(channel), Why(why), rules.Category(category), State(state)
	it.Excerpt, it.Opened, it.Due, it.ClaimedUntil = excerpt(text), store.FromTime(opened), store.FromTime(due), store.FromTime(until)
	it.Attachments = countAttachments(attachments)
	if it.ClaimedUntil.Before(m.now()) {
		it.ClaimedBy, it.ClaimedUntil = "", time.Time{}
	}
	return it, nil
}

// channel returns a channel by its id; one that was taken out of the configuration keeps its id as its name.
func (m *Moderator) channel(id string) platforms.Channel {
	if c, ok := m.channels[id]; ok {
		return c
	}
	return platforms.Channel{ID: id, Name: id}
}

func (m *Moderator) items(ctx context.Context, query string, args ...any) ([]Item, error) {
	var found []Item
	err := m.db.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			it, err := m.scanItem(rows.Scan)
			if err != nil {
				return err
			}
			found = append(found, it)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("moderation: list: %w", err)
	}
	return found, nil
}

// Queue lists the open flags. Escalations come first; then each flag by its severity, growing with the part of the channel's response
// target that it has waited.
func (m *Moderator) Queue(ctx context.Context, f Filter) ([]Item, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	return m.items(ctx, `SELECT `+itemColumns+` FROM flags f JOIN comments c ON c.id = f.comment
		WHERE f.closed_at = 0 AND ($1 = '' OR f.channel = $1) AND ($2 = '' OR f.category = $2)
		ORDER BY f.severity >= $3 DESC, (f.severity + 1) * (1.0 + 1.0 * ($4 - f.opened_at) / CASE WHEN f.due_at - f.opened_at > 60000000 THEN f.due_at - f.opened_at ELSE 60000000 END) DESC, f.id LIMIT $5`,
		f.Channel, string(f.Category), escalated, store.Time(m.now()), limit)
}

// Claim reserves an open flag for a person, or renews the person's claim. A colleague's claim is a *ClaimedError.
func (m *Moderator) Claim(ctx context.Context, flag int64, by string) error {
	return m.update(ctx, func(w *walk) error {
		if err := w.free(flag, by); err != nil {
			return err
		}
		_, err := w.tx.Exec(`UPDATE flags SET claimed_by = $2, claimed_until = $3 WHERE id = $1`, flag, by, w.now.Add(claimTime))
		return err
	})
}

// Release ends a person's claim.
func (m *Moderator) Release(ctx context.Context, flag int64, by string) error {
	return m.update(ctx, func(w *walk) error {
		_, err := w.tx.Exec(`UPDATE flags SET claimed_by = '', claimed_until = 0 WHERE id = $1 AND claimed_by = $2`, flag, by)
		return err
	})
}

// update runs fn in a transaction, and tells of what changed once it is committed.
func (m *Moderator) update(ctx context.Context, fn func(*walk) error) error {
	return m.updateBy(m.db.Update, ctx, fn)
}

// updateBy is update by [store.DB.Update] or [store.DB.Attempt].
func (m *Moderator) updateBy(turn func(context.Context, func(*store.Tx) error) error, ctx context.Context, fn func(*walk) error) error {
	var w walk
	err := turn(ctx, func(tx *store.Tx) error {
		w = walk{m: m, tx: tx, now: m.now()}
		if err := fn(&w); err != nil {
			return err
		}
		w.sum()
		return nil
	})
	if err == nil {
		w.tell()
	}
	m.noticed(err)
	return err
}

// free tells whether a flag is open and no colleague holds it.
func (w *walk) free(flag int64, by string) error {
	var holder string
	var until, closed int64
	err := w.tx.QueryRow(`SELECT claimed_by, claimed_until, closed_at FROM flags WHERE id = $1`, flag).Scan(&holder, &until, &closed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ErrNotFound
	case err != nil:
		return err
	case closed != 0:
		return ErrStale
	case holder != "" && holder != by && store.FromTime(until).After(w.now):
		return &ClaimedError{By: holder, Until: store.FromTime(until)}
	}
	return nil
}

// Resolve makes a person's decision. It takes the same road as the bot's: the decision, its record, its leaf and its outbox row in one
// transaction.
func (m *Moderator) Resolve(ctx context.Context, r Resolution) (Decision, error) {
	if err := r.check(); err != nil {
		return Decision{}, err
	}
	var made Decision
	err := m.update(ctx, func(w *walk) error {
		c, err := loadID(w.tx, r.Comment)
		if err != nil {
			return err
		}
		open, err := w.mayResolve(c, r)
		if err != nil {
			return err
		}
		d := &decision{comment: c, action: r.Action, byKind: "person", by: r.By, reason: r.Reason, route: r.Route, flag: open, received: w.now}
		if r.Action.beside() {
			d.flag = 0 // it answers none
		}
		earlier, err := w.decisionOn(c)
		if err != nil {
			return err
		}
		d.verdict, d.policy, d.record = earlier.verdict, w.m.Policy().Version(), ""
		if c.state == Hidden && r.Action == Allow {
			d.action = Restore // to let a hidden comment stand is to show it again
		}
		if err := w.number(d); err != nil {
			return err
		}
		if err := w.apply(c, d, r); err != nil {
			return err
		}
		if err := w.write(d); err != nil {
			return err
		}
		if err := w.learn(d.id); err != nil {
			return err
		}
		if err := w.save(c); err != nil {
			return err
		}
		made = Decision{ID: d.id, Comment: c.id, Revision: c.revision, Action: d.action, ByKind: "person", By: r.By, Reason: r.Reason, Verdict: d.verdict,
			Route: r.Route, Record: d.record, At: w.now}
		w.changes = append(w.changes, Change{Kind: "decided", Flag: open, Comment: c.id})
		w.logs = append(w.logs, func() {
			m.log.Info("decision", zap.Stringer("comment", c.ref), zap.String("revision", c.revision), zap.String("action", string(d.action)),
				zap.String("by", r.By), zap.Int64("decision", d.id), zap.String("record", d.record))
		})
		return nil
	})
	return made, err
}

// check refuses what no comment could be resolved with.
func (r Resolution) check() error {
	switch {
	case !r.Action.Valid() || r.Action == Flag:
		return fmt.Errorf("%w: there is no decision %q", ErrInvalid, r.Action)
	case r.By == "":
		return fmt.Errorf("%w: a decision needs its maker", ErrInvalid)
	case !r.Route.Valid() || r.Action == Route && r.Route == rules.NoRoute:
		return fmt.Errorf("%w: refer to whom?", ErrInvalid)
	case utf8.RuneCountInString(r.Reason) > longestReason:
		return fmt.Errorf("%w: a reason may have %d characters", ErrInvalid, longestReason)
	}
	return nil
}

// mayResolve refuses a decision on what has changed, is held by a colleague, or can't be done. It returns the flag that the decision
// answers, whether the person came by it or not: an undone decision gives it back.
func (w *walk) mayResolve(c *comment, r Resolution) (open int64, err error) {
	if c.revision != r.Revision {
		return 0, ErrStale
	}
	err = w.tx.QueryRow(`SELECT id FROM flags WHERE comment = $1 AND closed_at = 0`, c.id).Scan(&open)
	switch {
	case errors.Is(err, sql.ErrNoRows) && r.Flag != 0:
		return 0, ErrStale // a colleague was first
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return 0, err
	case err == nil:
		if err := w.free(open, r.By); err != nil {
			return 0, err
		}
	}
	if err := w.possible(c, r); err != nil {
		return 0, err
	}
	return open, w.mayReply(c, r)
}

// possible refuses what can't be done with the comment as it stands.
func (w *walk) possible(c *comment, r Resolution) error {
	if c.own {
		return fmt.Errorf("%w: it is the authority's own comment", ErrInvalid)
	}
	gone := c.state == Deleted || c.state == Removed
	can := w.m.Capabilities(c.ref.Channel)
	refused := func(why string) error { return fmt.Errorf("%w: %s", ErrInvalid, why) }
	switch r.Action {
	case Hide, Block, Delete, Restore, Route, Reply, Report:
		if gone {
			return refused("the comment is no longer on the platform")
		}
	}
	switch {
	case r.Action == Hide && !can.Hide, r.Action == Restore && !can.Hide:
		return refused("the platform can't hide comments")
	case r.Action == Delete && !can.Delete:
		return refused("the platform can't delete others' comments")
	case r.Action == Block && !can.Block:
		return refused("the platform can't block")
	case r.Action == Block && c.author.ID == "":
		return refused("the platform did not say who the author is")
	case r.Action == Mute && !can.Mute:
		return refused("the platform can't mute")
	case r.Action == Mute && c.author.ID == "":
		return refused("the platform did not say who the author is")
	case r.Action == Report && !can.Report:
		return refused("the platform takes no reports")
	case r.Action == Restore && c.state != Hidden:
		return refused("the comment is not hidden")
	}
	muted, _, reported, err := doneBefore(w.tx, c)
	switch {
	case err != nil:
		return err
	case r.Action == Mute && muted:
		return refused("the author is muted")
	case r.Action == Report && reported:
		return refused("the comment is reported")
	}
	return nil
}

// doneBefore tells whether the comment's author was muted or blocked on the channel, and the comment reported, or is about to be.
func doneBefore(tx *store.Tx, c *comment) (muted, blocked, reported bool, err error) {
	const author = `$3 <> '' AND EXISTS (SELECT 1 FROM outbox o JOIN comments c ON c.id = o.comment WHERE c.platform = $2 AND c.author_id = $3
		AND o.channel = $4 AND o.state IN ('waiting', 'done') AND o.action = `
	err = tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM outbox WHERE comment = $1 AND action = 'report' AND state IN ('waiting', 'done')),
		`+author+`'mute'), `+author+`'block')`, c.id, string(c.ref.Platform), c.author.ID, c.ref.Channel).Scan(&reported, &muted, &blocked)
	return muted, blocked, reported, err
}

// apply does in our books what a person decided.
func (w *walk) apply(c *comment, d *decision, r Resolution) error {
	undo := w.m.cfg.UndoWindow
	if err := w.overrule(c, d); err != nil {
		return err
	}
	switch d.action {
	case Hide, Delete, Block:
		if err := w.keep(c, d); err != nil {
			return err
		}
		c.violationAt = w.now
		// An author who is told why a comment is deleted is told before it is: afterwards the platform knows of nobody to tell.
		if d.action == Delete {
			if err := w.enqueueReply(d, r); err != nil {
				return err
			}
		}
		// What can be undone on the platform is done at once; what can't, waits as long as its maker may take it back.
		switch {
		case d.action == Delete:
			w.enqueue(d, "delete", "", undo)
		case c.state == Standing:
			w.enqueue(d, "hide", "", 0)
		}
		if d.action == Block {
			w.enqueue(d, "block", "", undo)
		}
		if d.action != Delete {
			if err := w.enqueueReply(d, r); err != nil {
				return err
			}
		}
	case Restore:
		c.violationAt = time.Time{}
		if err := w.addDecision(c, d); err != nil {
			return err
		}
		w.enqueue(d, "restore", "", 0)
	case Allow, Route:
		c.violationAt = time.Time{}
		if err := w.addDecision(c, d); err != nil {
			return err
		}
		if c.state == Hidden { // who is referred elsewhere is let stand, too
			w.enqueue(d, "restore", "", 0)
		}
		if err := w.enqueueReply(d, r); err != nil {
			return err
		}
	case Reply:
		if err := w.addDecision(c, d); err != nil {
			return err
		}
		return w.enqueueReply(d, r)
	case Mute, Report:
		if err := w.keep(c, d); err != nil {
			return err
		}
		w.enqueue(d, string(d.action), r.Reason, undo)
		return nil
	case Escalate:
		d.escalate = true
		if err := w.keep(c, d); err != nil {
			return err
		}
		d.why = Escalation
		return w.openFlag(d, w.m.Policy())
	case Opinion:
		return w.askColleague(c, d)
	}
	return w.closeFlags(c, r.By)
}

// overrule calls off what was decided before and not done yet, where the new decision says otherwise: a hide that waits for a throttled
// platform must not take down what a person has let stand meanwhile, nor a restore show what a person has hidden, nor an
// answer be sent that told of how things stood before. Dead letters go with it, lest somebody tries them again. What is being done at this moment is turned back when it is done (turnBack).
func (w *walk) overrule(c *comment, d *decision) error {
	var against string
	switch d.action {
	case Allow, Route, Restore:
		against = `('hide', 'delete', 'block', 'reply', 'private-reply')`
	case Hide, Delete, Block:
		against = `('restore', 'reply')`
	default:
		return nil
	}
	return w.callOff(c, overruledBy(d.id), `action IN `+against)
}

// callOff cancels what waits or has failed, as far as a condition holds, with its arguments from $4 on. What a process may have told the
// platform that then died or was cut off, nobody will settle any more; and what the platform told of such a thing meanwhile was taken for
// ours. So the comment is read again.
func (w *walk) callOff(c *comment, result, condition string, args ...any) error {
	begun := false
	var action string
	var attempts int
	var notBefore int64
	err := eachRow(w.tx, `UPDATE outbox SET state = 'cancelled', settled_at = $2, result = $3 WHERE comment = $1 AND state IN ('waiting', 'dead')
		AND `+condition+` RETURNING action, attempts, not_before`, append([]any{c.id, w.now, result}, args...), func() {
		begun = begun || removesOrShows(action) && (attempts > 0 || notBefore <= store.Time(w.now))
	}, &action, &attempts, &notBefore)
	if err != nil || !begun {
		return err
	}
	return w.readAgain(c.id, c.ref.Channel)
}

// overruledBy marks outbox rows that a decision called off, so that they come back when it is undone.
func overruledBy(decision int64) string { return fmt.Sprintf("overruled:%d", decision) }

// keep makes sure that a record of what the comment says now is in the archive, and that the decision stands in it.
func (w *walk) keep(c *comment, d *decision) error {
	if kept, err := w.kept(c); err != nil {
		return err
	} else if !kept {
		return w.record(d)
	}
	return w.addDecision(c, d)
}

// kept tells whether the comment's record is of what it says now.
func (w *walk) kept(c *comment) (bool, error) {
	var n int
	err := w.tx.QueryRow(`SELECT count(*) FROM archive_records WHERE record_id = $1 AND revision = $2`, c.record, c.revision).Scan(&n)
	return n > 0, err
}

// addDecision adds a decision to the comment's record, where it has one.
func (w *walk) addDecision(c *comment, d *decision) error {
	d.record = c.record
	if c.record == "" {
		return nil
	}
	return w.m.archive.Add(w.tx, c.record, archive.KindDecision, d.forArchive(w.now))
}

// askColleague leaves the flag open for somebody else.
func (w *walk) askColleague(c *comment, d *decision) error {
	d.why = OpinionWhy
	if err := w.openFlag(d, w.m.Policy()); err != nil {
		return err
	}
	_, err := w.tx.Exec(`UPDATE flags SET why = CASE WHEN why = 'escalation' THEN why ELSE 'opinion' END, claimed_by = '', claimed_until = 0
		WHERE comment = $1 AND closed_at = 0`, c.id)
	return err
}

// Undo takes back a person's own decision, as long as Config.UndoWindow has not passed and nothing was decided since. What the platform
// was told is told back; what can't be is still waiting, and is cancelled.
func (m *Moderator) Undo(ctx context.Context, id int64, by string) error {
	return m.update(ctx, func(w *walk) error {
		var commentID, flag, decided, undone int64
		var maker, record, action string
		err := w.tx.QueryRow(`SELECT comment, flag, by_whom, record_id, action, decided_at, undone_at FROM decisions WHERE id = $1 AND by_kind = 'person'`, id).
			Scan(&commentID, &flag, &maker, &record, &action, &decided, &undone)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		var newer int
		if err := w.tx.QueryRow(`SELECT count(*) FROM decisions WHERE comment = $1 AND id > $2 AND undone_at = 0`, commentID, id).Scan(&newer); err != nil {
			return err
		}
		if maker != by || undone != 0 || newer > 0 || w.now.Sub(store.FromTime(decided)) >= m.cfg.UndoWindow {
			return ErrTooLate
		}
		c, err := loadID(w.tx, commentID)
		if err != nil {
			return err
		}
		if err := w.takeBack(c, id, Action(action), record); err != nil {
			return err
		}
		if err := w.learn(id); err != nil {
			return err
		}
		if err := w.reopen(c, flag, id, Action(action), by); err != nil || Action(action).beside() {
			return err
		}
		if err := w.leftHidden(c); err != nil {
			return err
		}
		return w.leftUndone(c)
	})
}

// leftUndone puts a comment before a person of which something failed while it stood in the queue for what is taken back now.
func (w *walk) leftUndone(c *comment) error {
	n, err := howMany(w.tx, `SELECT count(*) FROM outbox WHERE comment = $1 AND state = 'dead' AND action NOT IN `+unasked+`
		AND NOT EXISTS (SELECT 1 FROM flags WHERE comment = $1 AND closed_at = 0)`, c.id)
	if err != nil || n == 0 || c.state == Deleted || c.state == Removed {
		return err
	}
	d, err := w.decisionOn(c)
	if err != nil {
		return err
	}
	d.why = Failed
	return w.openFlag(d, w.m.Policy())
}

// leftHidden puts a comment before a person that stays hidden when a decision is taken back: it was hidden already when the decision came to
// it, by a colleague of whom nobody has told us or by an attempt whose answer was lost.
func (w *walk) leftHidden(c *comment) error {
	if c.state != Hidden {
		return nil
	}
	if ours, err := w.underWay(c); err != nil || ours {
		return err
	}
	d, err := w.decisionOn(c)
	if err != nil || d.id == 0 {
		return err
	}
	if d.why, err = w.asks(d); err != nil || d.why == "" {
		return err
	}
	return w.openFlag(d, w.m.Policy())
}

// takeBack cancels what still waits, and reverses what was done.
func (w *walk) takeBack(c *comment, id int64, action Action, record string) error {
	var done int
	if err := w.tx.QueryRow(`SELECT count(*) FROM outbox WHERE comment = $2 AND decision = $1 AND state = 'done' AND action IN ('delete', 'block', 'reply', 'private-reply', 'mute', 'report')`, id, c.id).
		Scan(&done); err != nil {
		return err
	}
	if done > 0 {
		return ErrTooLate
	}
	var reverse string
	err := w.tx.QueryRow(`SELECT action FROM outbox WHERE comment = $2 AND decision = $1 AND state = 'done' AND action IN ('hide', 'restore') AND result = 'done'`, id, c.id).Scan(&reverse)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if err := w.callOff(c, "", `decision = $4`, id); err != nil {
		return err
	}
	if _, err := w.tx.Exec(`UPDATE outbox SET state = 'waiting', settled_at = 0, result = '' WHERE comment = $1 AND state = 'cancelled' AND result = $2`,
		c.id, overruledBy(id)); err != nil {
		return err
	}
	w.outbox = true
	if err := w.corrected(func() error {
		_, err := w.tx.Exec(`UPDATE decisions SET undone_at = $2 WHERE id = $1`, id, w.now)
		return err
	}, w.sumsOf(id)); err != nil {
		return err
	}
	w.looks = append(w.looks, c.id)
	if action.beside() {
		return w.recordUndone(record, id, action)
	}
	before, err := w.decisionOn(c)
	if err != nil {
		return err
	}
	c.violationAt = time.Time{}
	if before.action == Hide || before.action == Delete || before.action == Block {
		c.violationAt = w.now
	}
	switch { // unless what was decided before says the same: two colleagues may have decided alike
	case reverse == "hide" && !before.action.removes():
		w.showAgain(c, before)
	case reverse == "restore" && !before.lets():
		err = w.hideAgain(c, before)
	}
	if err != nil {
		return err
	}
	if err := w.save(c); err != nil {
		return err
	}
	return w.recordUndone(record, id, action)
}

// recordUndone writes into the comment's record, where it has one, that a decision was taken back.
func (w *walk) recordUndone(record string, id int64, action Action) error {
	if record == "" {
		return nil
	}
	return w.m.archive.Add(w.tx, record, archive.KindDecision, archive.Decision{ID: id, Action: "undone:" + string(action), By: "person",
		At: w.now.UTC().Truncate(time.Microsecond)})
}

// lets tells whether people have said, here or in the platform's own tools, that the comment may be seen.
func (d *decision) lets() bool {
	return d.byKind != "bot" && (d.action == Allow || d.action == Restore || d.action == Route)
}

// showAgain takes back a hide that was done.
func (w *walk) showAgain(c *comment, d *decision) {
	d.record = c.record
	w.enqueue(d, "restore", "", 0)
}

// hideAgain takes back a restore that was done. What the comment says now may be other than what was once recorded: no record of these
// very words, no hide.
func (w *walk) hideAgain(c *comment, d *decision) error {
	kept, err := w.kept(c)
	if err != nil {
		return err
	}
	if !kept {
		if err := w.record(d); err != nil {
			return err
		}
	}
	d.record = c.record
	w.enqueue(d, "hide", "", 0)
	return nil
}

// lower takes back what an undone decision did to a flag that it left open: one that it opened is closed, one that it made graver is
// what the decision before says.
func (w *walk) lower(c *comment, flag, id int64, by string) error {
	if flag == 0 {
		return w.closeFlags(c, by)
	}
	before, err := w.decisionOn(c)
	if err != nil {
		return err
	}
	asked, err := w.asks(before)
	if err != nil {
		return err
	}
	if asked != Escalation && asked != OpinionWhy && (c.state == Removed || c.state == Deleted) {
		return w.closeFlags(c, by) // there is nothing left to decide of it
	}
	if _, err := w.tx.Exec(`UPDATE flags SET severity = 0, why = '', claimed_by = $2, claimed_until = $3 WHERE id = $1 AND closed_at = 0`,
		flag, by, w.now.Add(claimTime)); err != nil {
		return err
	}
	before.why = cmp.Or(asked, Doubt)
	if asked == "" && before.byKind == "bot" && before.action == Hide {
		before.why = BlockWhy // it stands as decided: what was asked was what to do with its author
	}
	return w.openFlag(before, w.m.Policy())
}

// reopen gives the flag that a decision closed back to the one who took the decision back.
func (w *walk) reopen(c *comment, flag, id int64, action Action, by string) error {
	switch {
	case action == Escalate || action == Opinion:
		if err := w.lower(c, flag, id, by); err != nil {
			return err
		}
	case flag != 0 && (c.state == Standing || c.state == Hidden):
		if err := w.corrected(func() error {
			_, err := w.tx.Exec(`UPDATE flags SET closed_at = 0, closed_by = '', claimed_by = $2, claimed_until = $3 WHERE id = $1 AND closed_at <> 0
				AND NOT EXISTS (SELECT 1 FROM flags o WHERE o.comment = flags.comment AND o.closed_at = 0)`, flag, by, w.now.Add(claimTime))
			return err
		}, w.closedSums(flag)); err != nil {
			return err
		}
		w.changes = append(w.changes, Change{Kind: "flag", Flag: flag, Comment: c.id})
	}
	w.logs = append(w.logs, func() { w.m.log.Info("decision undone", zap.Int64("decision", id), zap.String("by", by)) })
	w.note(c, w.now, "undone", "person:"+by, "")
	return nil
}

// DeadLetters lists what could not be done.
func (m *Moderator) DeadLetters(ctx context.Context) ([]DeadLetter, error) {
	var found []DeadLetter
	err := m.db.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(`SELECT 'outbox', id, comment, channel, action, attempts, created_at, error FROM outbox WHERE state = 'dead'
			UNION ALL SELECT 'inbox', id, 0, channel, 'judge', attempts, received_at, error FROM inbox WHERE dead = 1 ORDER BY 7 DESC LIMIT 500`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var d DeadLetter
			var since int64
			if err := rows.Scan(&d.Box, &d.ID, &d.Comment, &d.Channel, &d.Action, &d.Attempts, &since, &d.Error); err != nil {
				return err
			}
			d.Since = store.FromTime(since)
			found = append(found, d)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("moderation: dead letters: %w", err)
	}
	return found, nil
}

// Retry lets a dead letter be tried again.
func (m *Moderator) Retry(ctx context.Context, box string, id int64, by string) error {
	return m.update(ctx, func(w *walk) error {
		statement := `UPDATE outbox SET state = 'waiting', attempts = 0, not_before = 0, settled_at = 0 WHERE id = $1 AND state = 'dead'`
		switch box {
		case "outbox":
		case "inbox":
			statement = `UPDATE inbox SET dead = 0, attempts = 0, not_before = 0 WHERE id = $1 AND dead = 1`
		default:
			return fmt.Errorf("%w: there is no box %q", ErrInvalid, box)
		}
		r, err := w.tx.Exec(statement, id)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrNotFound)
		}
		w.inbox, w.outbox = true, true
		w.logs = append(w.logs, func() {
			m.log.Info("dead letter tried again", zap.String("box", box), zap.Int64("id", id), zap.String("by", by))
		})
		return nil
	})
}
