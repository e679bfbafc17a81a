package moderation

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"takhojd/moderation/store"
)

// What the bot hid and nobody has looked at since, and questions that nobody has answered, wait without a flag. They are few among all that
// is kept, so they stand in a table of their own (unseen), which each transaction that changes a comment, or a decision on it, brings up to
// date.

// The joins are CROSS so that SQLite begins with the few comments that it is asked about.
const fromBotHidden = `FROM comments c CROSS JOIN decisions d WHERE d.comment = c.id AND d.revision = c.revision AND d.by_kind = 'bot' AND d.action = 'hide'
	AND c.state = 'hidden' AND c.disposed_revision <> c.revision AND NOT EXISTS (SELECT 1 FROM decisions p WHERE p.comment = c.id AND p.by_kind <> 'bot' AND p.undone_at = 0 AND p.id > d.id
		AND p.action NOT IN ` + besides + `)`

const fromRouted = `FROM comments c CROSS JOIN decisions d WHERE d.comment = c.id AND d.revision = c.revision AND d.by_kind = 'bot' AND d.route <> ''
	AND c.state = 'standing' AND c.disposed_revision <> c.revision AND NOT EXISTS (SELECT 1 FROM decisions p WHERE p.comment = c.id AND p.by_kind = 'person' AND p.undone_at = 0 AND p.id > d.id)
		AND NOT EXISTS (SELECT 1 FROM comments a WHERE a.platform = c.platform AND a.channel = c.channel AND a.own = 1 AND a.parent_id = c.comment_id)`

// lookAt finds out whether comments are in one of the lists, as their rows and their decisions stand in this transaction.
func (w *walk) lookAt(comments []int64) {
	these := w.tx.AmongNumbers(`c.id`, `$1`)
	w.tx.Do(`DELETE FROM unseen WHERE `+w.tx.AmongNumbers(`comment`, `$1`), comments)
	w.tx.Do(`INSERT INTO unseen (comment, list, decision, at) SELECT c.id, 'hidden', d.id, c.state_at `+fromBotHidden+` AND `+these+`
		UNION ALL SELECT c.id, 'question', d.id, d.decided_at `+fromRouted+` AND `+these, comments)
}

// answeredByOwn takes the comment that one of the authority's own answers out of the questions.
func (w *walk) answeredByOwn(own *comment) {
	if own.parent == "" {
		return
	}
	w.tx.Do(`DELETE FROM unseen WHERE list = 'question' AND comment = (SELECT id FROM comments WHERE platform = $1 AND channel = $2
		AND comment_id = $3)`, string(own.ref.Platform), own.ref.Channel, own.parent)
}

// unseenItems reads items of the lists: the rest of the query says which, and in what order. The joins are CROSS so that SQLite begins with
// the list.
var unseenItems = `SELECT 0, c.id, c.channel, CASE WHEN u.list = 'hidden' THEN coalesce((SELECT CASE WHEN count(*) FILTER (WHERE r.mode <> 'hide') > 0 THEN 'fallen'
		WHEN min(r.reviewed) < ` + strconv.Itoa(trialReviews) + ` THEN 'trial' END FROM hide_rules h JOIN rule_records r ON r.rule = h.rule WHERE h.decision = d.id), '') ELSE '' END,
	CASE WHEN u.list = 'hidden' THEN d.category ELSE '' END, c.text, c.author_name, d.decided_at, 0, 0, '', 0, c.attachments, c.state
	FROM unseen u CROSS JOIN comments c CROSS JOIN decisions d WHERE c.id = u.comment AND d.id = u.decision`

// BotHidden lists what the bot hid and no person has looked at since: first what was hidden by a rule that is on trial or has fallen
// back (see [Item.Why]), then the rest, each newest first.
func (m *Moderator) BotHidden(ctx context.Context, limit int) ([]Item, error) {
	leading, err := m.distrusted(ctx, limit)
	if err != nil || len(leading) == limit {
		return leading, err
	}
	newest, err := m.items(ctx, unseenItems+` AND u.list = 'hidden' ORDER BY u.at DESC, u.comment DESC LIMIT `+strconv.Itoa(limit))
	if err != nil {
		return nil, err
	}
	seen := map[int64]bool{}
	for _, it := range leading {
		seen[it.Comment] = true
	}
	for _, it := range newest {
		if !seen[it.Comment] && len(leading) < limit {
			leading = append(leading, it)
		}
	}
	return leading, nil
}

// distrusted lists the newest of what rules hid that are on trial or have fallen back, and nobody has looked at.
func (m *Moderator) distrusted(ctx context.Context, limit int) (found []Item, err error) {
	err = m.db.View(ctx, func(tx *store.Tx) error {
		suspects, err := ruleRecords(tx, ` WHERE reviewed < $1 OR mode <> 'hide'`, trialReviews)
		if err != nil {
			return err
		}
		var newest []int64 // their decisions, the newest first
		for _, r := range suspects {
			if newest, err = newestUnseen(tx, r.rule, newest, limit); err != nil {
				return err
			}
		}
		for _, decision := range newest {
			it, err := m.scanItem(tx.QueryRow(unseenItems+` AND u.list = 'hidden' AND u.decision = $1`, decision).Scan)
			if err != nil {
				return err
			}
			found = append(found, it)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("moderation: list: %w", err)
	}
	return found, nil
}

// newestUnseen puts a rule's unseen hides among those of others, of which the newest are kept: it reads no further than these reach.
func newestUnseen(tx *store.Tx, rule string, newest []int64, limit int) ([]int64, error) {
	rows, err := tx.Query(`SELECT h.decision FROM hide_rules h CROSS JOIN unseen u WHERE h.rule = $1 AND h.outcome = ''
		AND u.decision = h.decision AND u.list = 'hidden' ORDER BY h.decision DESC`, rule)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var decision int64
		if err := rows.Scan(&decision); err != nil {
			return nil, err
		}
		place, known := slices.BinarySearchFunc(newest, decision, func(a, b int64) int { return int(b - a) })
		if place == limit {
			return newest, nil
		}
		if !known {
			newest = slices.Insert(newest, place, decision)[:min(len(newest)+1, limit)]
		}
	}
	return newest, rows.Err()
}

// Routed lists the questions that the policy would refer elsewhere and that nobody has answered, newest first.
func (m *Moderator) Routed(ctx context.Context, limit int) ([]Item, error) {
	return m.items(ctx, unseenItems+` AND u.list = 'question' ORDER BY u.at DESC, u.comment DESC LIMIT `+strconv.Itoa(limit))
}

// mostCounted is how far a list is counted: past that the bar says so, and the page shows the newest. It stands in the SQL as it is.
const mostCounted = "1000"

// Counts counts what waits.
func (m *Moderator) Counts(ctx context.Context) (Counts, error) {
	var n Counts
	var oldest *int64
	err := m.db.View(ctx, func(tx *store.Tx) error {
		if err := tx.QueryRow(`SELECT count(*), min(opened_at) FROM flags WHERE closed_at = 0`).Scan(&n.Flags, &oldest); err != nil {
			return err
		}
		const listed = `(SELECT count(*) FROM (SELECT 1 FROM unseen WHERE list = `
		if err := tx.QueryRow(`SELECT `+listed+`'hidden' LIMIT `+mostCounted+`) AS h), `+listed+`'question' LIMIT `+mostCounted+`) AS q)`).Scan(&n.BotHidden, &n.Routed); err != nil {
			return err
		}
		return tx.QueryRow(`SELECT (SELECT count(*) FROM outbox WHERE state = 'dead') + (SELECT count(*) FROM inbox WHERE dead = 1),
			(SELECT count(*) FROM outbox WHERE state = 'waiting') + (SELECT count(*) FROM inbox WHERE dead = 0)`).Scan(&n.Dead, &n.Waiting)
	})
	if err != nil {
		return n, fmt.Errorf("moderation: counts: %w", err)
	}
	if oldest != nil {
		n.Oldest = store.FromTime(*oldest)
	}
	return n, nil
}
