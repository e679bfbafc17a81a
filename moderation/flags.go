package moderation

import (
	"fmt"

	"takhojd/rules"
)

// escalated is the severity from which nothing but another escalation comes before.
const escalated = 1000

// inPublicSight is added for personal data that anyone can still read: each minute does harm that can't be undone.
const inPublicSight = 500

// openFlag puts the comment before a person. A comment has one open flag at most: what comes on top makes it graver, never
// less.
func (w *walk) openFlag(d *decision, policy *rules.Policy) error {
	c := d.comment
	_, gravest := w.categories(d.verdict)
	severity := policy.Bullet(gravest).Severity
	if gravest == "" {
		severity = 0
	}
	if d.why == Escalation {
		severity += escalated
	}
	if c.state == Standing && d.action == Flag {
		for _, category := range d.verdict.Categories() {
			if category == rules.PersonalData {
				severity += inPublicSight
				break
			}
		}
	}
	due := w.now.Add(w.m.channels[c.ref.Channel].ResponseTarget)
	w.failed = nil // it may be one more
	id, err := w.next(ofFlags)
	if err != nil {
		return err
	}
	if c.fresh { // it has none yet
		w.changes = append(w.changes, Change{Kind: "flag", Flag: id, Comment: c.id})
		w.tx.Insert(flagsTable, id, c.id, d.id, c.ref.Channel, string(d.why), string(gravest), severity, w.now, due)
		return nil
	}
	err = w.tx.QueryRow(`INSERT INTO flags (id, comment, decision, channel, why, category, severity, opened_at, due_at)
		VALUES ($9, $1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (comment) WHERE closed_at = 0 DO UPDATE SET
		decision = excluded.decision, category = excluded.category,
		why = CASE WHEN flags.severity > excluded.severity THEN flags.why ELSE excluded.why END,
		severity = CASE WHEN flags.severity > excluded.severity THEN flags.severity ELSE excluded.severity END RETURNING id`,
		c.id, d.id, c.ref.Channel, string(d.why), string(gravest), severity, w.now, due, id).Scan(&id)
	if err != nil {
		return fmt.Errorf("open flag: %w", err)
	}
	w.changes = append(w.changes, Change{Kind: "flag", Flag: id, Comment: c.id})
	return nil
}

// closeFlags closes what is open on the comment.
func (w *walk) closeFlags(c *comment, by string) error { return w.closeFlagsExcept(c, "", by) }

// closeFlagsExcept closes what is open on the comment, unless it waits for that reason.
func (w *walk) closeFlagsExcept(c *comment, why Why, by string) error {
	var id int64
	var f flagTimes
	closed := map[int64]flagTimes{}
	err := eachRow(w.tx, `UPDATE flags SET closed_at = $2, closed_by = $3, claimed_by = '', claimed_until = 0
		WHERE comment = $1 AND closed_at = 0 AND why <> $4 RETURNING id, opened_at, due_at, closed_at, closed_by`, []any{c.id, w.now, by, string(why)}, func() {
		closed[id] = f
		w.changes = append(w.changes, Change{Kind: "closed", Flag: id, Comment: c.id})
	}, &id, &f.opened, &f.due, &f.closed, &f.by)
	if err == nil {
		err = w.justClosed(closed)
	}
	if err != nil {
		return fmt.Errorf("close flags: %w", err)
	}
	return nil
}
