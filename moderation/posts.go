package moderation

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"takhojd/archive"
	"takhojd/moderation/store"
	"takhojd/platforms"
)

// PostDecision is what was decided of a post: that it takes no new comments, or takes them again.
type PostDecision struct {
	Action Action // Close or Open
	By     string
	Reason string
	At     time.Time
	// State is the outbox row's: "waiting", "done", "dead" or "cancelled".
	State  string
	Record string
}

// CloseComments decides, through one of its comments, that a post takes no new comments (Close), or takes them again (Open). It goes the road
// of every decision: a record with who and why, and a row in the outbox, in one transaction. What was decided of the post before and is not
// done yet is called off. What stands under the post stays.
func (m *Moderator) CloseComments(ctx context.Context, comment int64, action Action, by, reason string) error {
	if action != Close && action != Open || by == "" || !utf8.ValidString(reason) || utf8.RuneCountInString(reason) > longestReason {
		return fmt.Errorf("%w: a post is closed or opened, by somebody, for a reason of at most %d characters", ErrInvalid, longestReason)
	}
	return m.update(ctx, func(w *walk) error {
		c, err := loadID(w.tx, comment)
		if err != nil {
			return err
		}
		if !m.Capabilities(c.ref.Channel).CloseComments || c.post == "" {
			return fmt.Errorf("%w: the platform can't close comments", ErrInvalid)
		}
		if _, err := w.tx.Exec(`UPDATE outbox SET state = 'cancelled', settled_at = $3 WHERE channel = $1 AND argument = $2 AND comment = 0
			AND action IN ('close', 'open') AND state IN ('waiting', 'dead')`, c.ref.Channel, c.post, w.now); err != nil {
			return err
		}
		return w.closePost(c, action, by, reason)
	})
}

// closePost writes the decision, its record and its row in the outbox.
func (w *walk) closePost(c *comment, action Action, by, reason string) error {
	var id int64
	if err := w.tx.QueryRow(`INSERT INTO post_decisions (platform, channel, post_id, action, by_whom, reason, record_id, outbox, decided_at)
		VALUES ($1, $2, $3, $4, $5, $6, '', 0, $7) RETURNING id`, string(c.ref.Platform), c.ref.Channel, c.post, string(action), by, reason, w.now).Scan(&id); err != nil {
		return fmt.Errorf("decide post: %w", err)
	}
	channel, now := w.m.channel(c.ref.Channel), w.now.UTC().Truncate(time.Microsecond)
	r := archive.Record{Ref: platforms.Ref{Platform: c.ref.Platform, Channel: c.ref.Channel}, Post: archive.Post{ID: c.post}, Author: platforms.Author{ID: channel.Account,
		Name: channel.Name}, Posted: now, Received: now, Policy: w.m.Policy().Version(),
		Decision: archive.Decision{ID: id, Action: string(action), By: "person:" + by, Reason: reason, At: now}}
	if err := w.tx.QueryRow(`SELECT text, permalink FROM posts WHERE platform = $1 AND channel = $2 AND post_id = $3`,
		string(c.ref.Platform), c.ref.Channel, c.post).Scan(&r.Post.Text, &r.Permalink); err != nil {
		return fmt.Errorf("the post: %w", err)
	}
	record, err := w.m.archive.Append(w.tx, r)
	if err != nil {
		return err
	}
	var row int64
	if err := w.tx.QueryRow(`INSERT INTO outbox (channel, action, record_id, argument, priority, created_at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`,
		c.ref.Channel, string(action), record, c.post, escalated, w.now).Scan(&row); err != nil {
		return fmt.Errorf("enqueue %s: %w", action, err)
	}
	w.outbox = true
	w.logs = append(w.logs, func() {
		w.m.log.Info("post decision", zap.String("channel", c.ref.Channel), zap.String("post", c.post), zap.String("action", string(action)),
			zap.String("by", by), zap.String("record", record))
	})
	_, err = w.tx.Exec(`UPDATE post_decisions SET record_id = $2, outbox = $3 WHERE id = $1`, id, record, row)
	return err
}

// closePost asks an adapter that can to close a post, or to open it.
func closePost(ctx context.Context, adapter Adapter, j job) outcome {
	closer, ok := adapter.(Closer)
	if !ok {
		return outcome{err: platforms.ErrUnsupported}
	}
	err := closer.CloseComments(ctx, j.argument, Action(j.action) == Close)
	if errors.Is(err, platforms.ErrGone) {
		return outcome{result: "gone"}
	}
	return outcome{result: "done", err: err}
}

// postAnswered writes what the platform did with a post.
func (w *walk) postAnswered(j job, o outcome) error {
	if j.action != "close" && j.action != "open" {
		return nil
	}
	var closed time.Time
	var by string
	if j.action == "close" && o.result == "done" {
		closed = w.now
		if err := w.tx.QueryRow(`SELECT by_whom FROM post_decisions WHERE outbox = $1`, j.id).Scan(&by); err != nil {
			return err
		}
	}
	if _, err := w.tx.Exec(`UPDATE posts SET closed_at = $3, closed_by = $4 WHERE channel = $1 AND post_id = $2`, j.channel, j.argument, closed, by); err != nil {
		return err
	}
	return w.m.archive.Add(w.tx, j.record, archive.KindOutcome, archive.Outcome{Action: j.action, Result: o.result, At: w.now.UTC().Truncate(time.Microsecond)})
}

// postDecisions gathers who closed and opened the post.
func (g gatherer) postDecisions() error {
	rows, err := g.tx.Query(`SELECT p.action, p.by_whom, p.reason, p.decided_at, p.record_id, o.state FROM post_decisions p JOIN outbox o ON o.id = p.outbox
		WHERE p.platform = $1 AND p.channel = $2 AND p.post_id = $3 ORDER BY p.id`, string(g.c.ref.Platform), g.c.ref.Channel, g.c.post)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var d PostDecision
		var at int64
		if err := rows.Scan((*string)(&d.Action), &d.By, &d.Reason, &at, &d.Record, &d.State); err != nil {
			return err
		}
		d.At = store.FromTime(at)
		g.k.PostDecisions = append(g.k.PostDecisions, d)
		g.k.Closing = d.State == "waiting"
	}
	return rows.Err()
}

// Storm is a post that draws far more flagged and hidden comments than usual.
type Storm struct {
	// Hour is how many in the last hour, Usual how many the whole channel has in an hour of the last seven days.
	Hour  int
	Usual float64
}

// A storm is at least stormLeast in an hour, and stormTimes what the whole channel usually has. Both are our own judgement: a quiet page is
// not in a storm for three insults, and a lively one not for an ordinary evening.
const (
	stormLeast = 10
	stormTimes = 5
	stormWeek  = 7 * 24 * time.Hour
)

// storm compares the post's last hour with the channel's usual one.
func (g gatherer) storm() error {
	const flagged = `d.by_kind = 'bot' AND d.action IN ('flag', 'hide') AND d.channel = $1 AND d.decided_at >= $2`
	now := g.m.now()
	var s Storm
	// CROSS so that SQLite begins with the hour, and not with all that stands under the post.
	if err := g.tx.QueryRow(`SELECT count(DISTINCT c.id) FROM decisions d CROSS JOIN comments c WHERE c.id = d.comment AND c.post_id = $3 AND `+flagged, g.c.ref.Channel,
		now.Add(-time.Hour), g.c.post).Scan(&s.Hour); err != nil || s.Hour < stormLeast || g.c.post == "" {
		return err
	}
	var all int
	var first *int64
	if err := g.tx.QueryRow(`SELECT count(DISTINCT d.comment), min(d.decided_at) FROM decisions d WHERE `+flagged, g.c.ref.Channel, now.Add(-stormWeek)).
		Scan(&all, &first); err != nil || first == nil {
		return err
	}
	hours := max(now.Sub(store.FromTime(*first)).Hours(), 24) // of a channel that is new we know a day at most
	s.Usual = float64(all-s.Hour) / hours
	if float64(s.Hour) >= stormTimes*s.Usual {
		g.k.Storm = &s
	}
	return nil
}
