package moderation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"takhojd/moderation/picture"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

// A picture is judged when its bytes are here, and so after its comment was: judging is pure and fetches nothing. What follows from that
// stands apart from the policy's verdict. Recognising a picture opens a flag of its own kind or makes an open one graver; it hides nothing,
// and it holds nothing up: a hide does not wait for it.

// cameAgain is added to the severity of a picture that nobody has looked at when one like it was removed before.
const cameAgain = 15

// mostEarlier is how many removed comments with the same picture a case names, the latest first.
const mostEarlier = 20

// recognise looks at each picture once it is kept, until ctx is cancelled.
//
// If we die anywhere, the rows of comment_media say which pictures have not been looked at; so do those of pictures that were kept before
// this was known to the program.
func (m *Moderator) recognise(ctx context.Context) {
	for ctx.Err() == nil {
		more, err := m.recogniseSome(ctx)
		if err == nil && more {
			continue
		}
		if err != nil && ctx.Err() == nil {
			m.log.Error("pictures are not looked at", zap.Error(err))
		}
		select {
		case <-m.kept:
		case <-time.After(time.Minute):
		case <-ctx.Done():
		}
	}
}

// sighting is a picture or film of a comment.
type sighting struct {
	comment  int64
	revision string
	place    int
	sha256   string
	kind     string
}

// recogniseSome looks at the next pictures, and tells whether there may be more.
func (m *Moderator) recogniseSome(ctx context.Context) (more bool, err error) {
	var found []sighting
	err = m.db.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(`SELECT comment, revision, place, sha256, type FROM comment_media WHERE looked_at = 0 AND sha256 <> '' ORDER BY at LIMIT 16`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var s sighting
			if err := rows.Scan(&s.comment, &s.revision, &s.place, &s.sha256, &s.kind); err != nil {
				return err
			}
			found = append(found, s)
		}
		return rows.Err()
	})
	for _, s := range found {
		if err == nil {
			err = m.recogniseOne(ctx, s)
		}
	}
	return len(found) > 0, err
}

// recogniseOne keeps a picture's prints and compares them with what was removed before.
func (m *Moderator) recogniseOne(ctx context.Context, s sighting) error {
	prints, known, err := m.prints(ctx, s)
	if err != nil {
		return fmt.Errorf("the prints of picture %d of comment %d: %w", s.place, s.comment, err)
	}
	return m.update(ctx, func(w *walk) error {
		if !known {
			if err := w.keepPrints(s.sha256, prints); err != nil {
				return err
			}
		}
		if _, err := w.tx.Exec(`UPDATE comment_media SET looked_at = $4 WHERE comment = $1 AND revision = $2 AND place = $3`,
			s.comment, s.revision, s.place, w.now); err != nil {
			return err
		}
		return w.flagKnown(s, prints)
	})
}

// prints returns what a picture looks like: as it was found before (known), or by looking. A film, what can't be drawn, and what has been
// disposed of have none; such a file is known again only byte for byte.
func (m *Moderator) prints(ctx context.Context, s sighting) (prints picture.Prints, known bool, err error) {
	err = m.db.View(ctx, func(tx *store.Tx) (err error) { prints, known, err = keptPrints(tx, s.sha256); return err })
	if err != nil || known || !picture.Drawable(s.kind) {
		return prints, known, err
	}
	_, content, err := m.Media(ctx, s.sha256)
	if errors.Is(err, ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	prints, err = picture.Of(ctx, content)
	if errors.Is(err, picture.ErrNotDrawn) {
		err = nil
	}
	return prints, false, err
}

func keptPrints(tx *store.Tx, sha256 string) (prints picture.Prints, known bool, err error) {
	rows, err := tx.Query(`SELECT prints FROM picture_prints WHERE sha256 = $1`, sha256)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	for rows.Next() {
		var kept []byte
		if err := rows.Scan(&kept); err != nil {
			return nil, false, err
		}
		known = true
		if prints, err = picture.From(kept); err != nil {
			return nil, false, err
		}
	}
	return prints, known, rows.Err()
}

// keepPrints keeps what a picture looks like, as long as the picture itself is kept.
func (w *walk) keepPrints(sha256 string, prints picture.Prints) error {
	rows, err := w.tx.Query(`INSERT INTO picture_prints (sha256, prints, at) SELECT sha256, $2, $3 FROM archive_media WHERE sha256 = $1
		ON CONFLICT (sha256) DO NOTHING RETURNING id`, sha256, prints.Bytes(), w.now)
	if err != nil {
		return fmt.Errorf("keep prints: %w", err)
	}
	defer rows.Close()
	var id int64
	for rows.Next() {
		if err := rows.Scan(&id); err != nil {
			return fmt.Errorf("keep prints: %w", err)
		}
	}
	if err := rows.Err(); err != nil || id == 0 {
		return err
	}
	rows.Close()
	for _, slot := range prints.Slots() {
		if _, err := w.tx.Exec(`INSERT INTO picture_slots (slot, print) VALUES ($1, $2)`, slot, id); err != nil {
			return fmt.Errorf("keep prints: %w", err)
		}
	}
	return nil
}

// flagKnown brings a comment before a person whose picture was removed before. What a person has decided on already, or the bot hides, is
// left alone: the case tells the picture's history in any event.
func (w *walk) flagKnown(s sighting, prints picture.Prints) error {
	c, err := loadID(w.tx, s.comment)
	if err != nil || c.own || c.state != Standing || c.revision != s.revision {
		return err
	}
	d, err := w.decisionOn(c)
	if err != nil || d.byKind != "bot" || d.action.removes() {
		return err
	}
	earlier, err := removedBefore(w.tx, w.m, s, prints)
	if err != nil || len(earlier) == 0 {
		return err
	}
	w.note(c, w.now, "recognised", "", "")
	w.logs = append(w.logs, func() {
		w.m.log.Info("a removed picture came again", zap.Stringer("comment", c.ref), zap.Int("place", s.place), zap.Int64("earlier", earlier[0].Comment),
			zap.Int("bits", earlier[0].Distance))
	})
	severity := w.m.Policy().Bullet(rules.UnreviewedMedia).Severity + cameAgain
	due := w.now.Add(w.m.channels[c.ref.Channel].ResponseTarget)
	id, err := w.next(ofFlags)
	if err != nil {
		return err
	}
	if err := w.tx.QueryRow(`INSERT INTO flags (id, comment, decision, channel, why, category, severity, opened_at, due_at)
		VALUES ($9, $1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (comment) WHERE closed_at = 0 DO UPDATE SET
		why = CASE WHEN flags.severity > excluded.severity THEN flags.why ELSE excluded.why END,
		category = CASE WHEN flags.severity > excluded.severity THEN flags.category ELSE excluded.category END,
		severity = CASE WHEN flags.severity > excluded.severity THEN flags.severity ELSE excluded.severity END RETURNING id`,
		c.id, d.id, c.ref.Channel, string(PictureWhy), string(rules.UnreviewedMedia), severity, w.now, due, id).Scan(&id); err != nil {
		return fmt.Errorf("flag a picture: %w", err)
	}
	w.changes = append(w.changes, Change{Kind: "flag", Flag: id, Comment: c.id})
	return nil
}

// Earlier is a comment that was hidden or deleted, and still is, with a picture like one of the comment at hand.
type Earlier struct {
	// Place is which picture of the comment at hand it is, from 0.
	Place   int
	Comment int64
	Channel platforms.Channel
	// SHA256 names the picture that was removed. Distance is in how many bits of 256 the two look different (picture.Near); Same is
	// true where they are one file.
	SHA256   string
	Distance int
	Same     bool
	// Decision is the latest one that removed the comment; Verdict and Revision are not filled in. Category is the gravest of what it broke.
	Decision Decision
	Category rules.Category
}

// removedWith finds what was removed together with a picture: $1 is the picture, $2 the comment at hand, the rest its probes.
var removedWith = func() string {
	probes := make([]string, picture.ProbeCount)
	for i := range probes {
		probes[i] = "$" + strconv.Itoa(3+i)
	}
	// The joins are CROSS so that SQLite begins with the few that may be near, and not with all that was ever hidden.
	return `SELECT m.comment, m.sha256, near.prints, c.channel, d.id, d.action, d.by_kind, d.by_whom, d.reason, d.record_id, d.decided_at,
		coalesce(nullif(d.category, ''), (SELECT b.category FROM decisions b WHERE b.comment = m.comment AND b.revision = m.revision AND b.by_kind = 'bot'), '')
		FROM (SELECT p.sha256, p.prints FROM picture_prints p WHERE p.sha256 = $1 UNION ALL SELECT q.sha256, q.prints FROM picture_prints q
			WHERE q.id IN (SELECT s.print FROM picture_slots s WHERE s.slot IN (` + strings.Join(probes, ", ") + `))) AS near
		CROSS JOIN comment_media m CROSS JOIN comments c CROSS JOIN decisions d
		WHERE m.sha256 = near.sha256 AND m.comment <> $2 AND c.id = m.comment
		AND (c.state IN ('hidden', 'deleted') OR c.state = 'removed' AND c.violation_at > 0)
		AND d.id = (SELECT max(e.id) FROM decisions e WHERE e.comment = m.comment AND e.revision = m.revision AND e.undone_at = 0
			AND e.action IN ('hide', 'delete', 'block')) ORDER BY d.id DESC`
}()

// removedBefore returns the comments with the same picture, or nearly the same, that were removed and are not shown again: the latest first.
func removedBefore(tx *store.Tx, m *Moderator, s sighting, prints picture.Prints) ([]Earlier, error) {
	args := []any{s.sha256, s.comment}
	if len(prints) == 0 {
		args = append(args, slices.Repeat([]any{-1}, picture.ProbeCount)...) // no slot is negative
	} else {
		for _, probe := range prints[0].Probes() {
			args = append(args, probe)
		}
	}
	rows, err := tx.Query(removedWith, args...)
	if err != nil {
		return nil, fmt.Errorf("what was removed before: %w", err)
	}
	defer rows.Close()
	var found []Earlier
	for rows.Next() && len(found) < mostEarlier {
		e := Earlier{Place: s.place, Decision: Decision{}}
		var kept []byte
		var channel, action, category string
		var at int64
		if err := rows.Scan(&e.Comment, &e.SHA256, &kept, &channel, &e.Decision.ID, &action, &e.Decision.ByKind, &e.Decision.By, &e.Decision.Reason,
			&e.Decision.Record, &at, &category); err != nil {
			return nil, fmt.Errorf("what was removed before: %w", err)
		}
		e.Channel, e.Category, e.Same = m.channel(channel), rules.Category(category), e.SHA256 == s.sha256
		e.Decision.Comment, e.Decision.Action, e.Decision.At = e.Comment, Action(action), store.FromTime(at)
		if !e.Same {
			theirs, err := picture.From(kept)
			if err != nil {
				return nil, err
			}
			var near bool
			if e.Distance, near = theirs.Known(prints[0]); !near {
				continue
			}
		}
		if !slices.ContainsFunc(found, func(f Earlier) bool { return f.Comment == e.Comment }) {
			found = append(found, e)
		}
	}
	return found, rows.Err()
}

// earlier tells the history of the comment's pictures.
func (g gatherer) earlier() error {
	for _, x := range g.k.Media {
		if x.SHA256 == "" || g.c.own {
			continue
		}
		prints, _, err := keptPrints(g.tx, x.SHA256)
		if err != nil {
			return err
		}
		found, err := removedBefore(g.tx, g.m, sighting{comment: g.c.id, place: x.Place, sha256: x.SHA256}, prints)
		if err != nil {
			return err
		}
		g.k.Earlier = append(g.k.Earlier, found...)
	}
	return nil
}
