package moderation

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"

	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

// threadAround is how many comments of a thread are shown around the one that is judged.
const threadAround = 60

// Case gathers what a person needs to judge a comment.
func (m *Moderator) Case(ctx context.Context, id int64) (Case, error) {
	var k Case
	err := m.db.View(ctx, func(tx *store.Tx) error {
		c, err := loadID(tx, id)
		if err != nil {
			return err
		}
		k = Case{ID: c.id, Ref: c.ref, Channel: m.channel(c.ref.Channel), Comment: c.asPlatform(m), Revision: c.revision, State: c.state,
			StateAt: c.stateAt, StateBy: c.stateBy, Received: c.received, Record: c.record, Capabilities: m.Capabilities(c.ref.Channel),
			Post: platforms.Post{Platform: c.ref.Platform, Channel: c.ref.Channel, ID: c.post}}
		g := gatherer{m: m, tx: tx, c: c, k: &k}
		for _, step := range []func() error{g.post, g.flag, g.decisions, g.thread, g.media, g.earlier, g.history, g.repetition, g.strikes, g.replies, g.postDecisions, g.storm, g.waiting} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Case{}, fmt.Errorf("moderation: case %d: %w", id, err)
	}
	return k, nil
}

// gatherer fills in a case from one snapshot.
type gatherer struct {
	m  *Moderator
	tx *store.Tx
	c  *comment
	k  *Case
}

func (g gatherer) post() error {
	var posted int64
	var closed int64
	err := g.tx.QueryRow(`SELECT text, permalink, posted_at, closed_at FROM posts WHERE platform = $1 AND channel = $2 AND post_id = $3`,
		string(g.c.ref.Platform), g.c.ref.Channel, g.c.post).Scan(&g.k.Post.Text, &g.k.Post.Permalink, &posted, &closed)
	g.k.Post.Posted, g.k.Closed = store.FromTime(posted), store.FromTime(closed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// waiting gathers what is decided of the comment itself, and not yet done. What is said to its author waits in Sent, its post in Closing.
func (g gatherer) waiting() (err error) {
	g.k.Waiting, err = g.m.waiting(g.tx, `AND comment = $1 AND action IN ('hide', 'restore', 'delete', 'block', 'mute', 'report') ORDER BY id`, g.c.id)
	return err
}

func (g gatherer) flag() error {
	it, err := g.m.scanItem(g.tx.QueryRow(`SELECT `+itemColumns+` FROM flags f JOIN comments c ON c.id = f.comment
		WHERE f.comment = $1 AND f.closed_at = 0`, g.c.id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	g.k.Flag = &it
	return nil
}

func (g gatherer) decisions() error {
	rows, err := g.tx.Query(`SELECT id, revision, action, by_kind, by_whom, reason, verdict, route, record_id, decided_at, undone_at FROM decisions
		WHERE comment = $1 ORDER BY id`, g.c.id)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		d := Decision{Comment: g.c.id}
		var action, verdict, route string
		var at, undone int64
		if err := rows.Scan(&d.ID, &d.Revision, &action, &d.ByKind, &d.By, &d.Reason, &verdict, &route, &d.Record, &at, &undone); err != nil {
			return err
		}
		d.Action, d.Route, d.At, d.Undone = Action(action), rules.Route(route), store.FromTime(at), store.FromTime(undone)
		if verdict != "" {
			if err := json.Unmarshal([]byte(verdict), &d.Verdict); err != nil {
				return fmt.Errorf("verdict of decision %d: %w", d.ID, err)
			}
		}
		g.k.Decisions = append(g.k.Decisions, d)
		if d.Revision != g.c.revision {
			continue
		}
		if d.ByKind == "bot" {
			g.k.Verdict = d.Verdict
		}
		if d.Undone.IsZero() && !d.Action.beside() {
			latest := d
			g.k.Decision = &latest
		}
	}
	return rows.Err()
}

// thread gathers the comments under the same post that stand nearest: what this one answers, its answers, and what was said around it.
func (g gatherer) thread() error {
	const columns = `id, comment_id, parent_id, author_name, own, text, posted_at, state`
	rows, err := g.tx.Query(`SELECT * FROM (SELECT `+columns+` FROM comments WHERE platform = $1 AND channel = $2 AND post_id = $3 AND posted_at <= $4
			ORDER BY posted_at DESC, id DESC LIMIT $5) AS before
		UNION SELECT * FROM (SELECT `+columns+` FROM comments WHERE platform = $1 AND channel = $2 AND post_id = $3 AND posted_at > $4 ORDER BY posted_at, id LIMIT $5) AS after
		UNION SELECT `+columns+` FROM comments WHERE platform = $1 AND channel = $2 AND comment_id IN ($6, $7)`,
		string(g.c.ref.Platform), g.c.ref.Channel, g.c.post, store.Time(g.c.posted), threadAround/2, g.c.parent, g.c.ref.Comment)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		t := ThreadComment{Ref: platforms.Ref{Platform: g.c.ref.Platform, Channel: g.c.ref.Channel}}
		var posted int64
		var state string
		if err := rows.Scan(&t.ID, &t.Ref.Comment, &t.Parent, &t.Author, &t.Own, &t.Text, &posted, &state); err != nil {
			return err
		}
		t.Posted, t.State, t.This = store.FromTime(posted), State(state), t.ID == g.c.id
		g.k.Thread = append(g.k.Thread, t)
	}
	sort.SliceStable(g.k.Thread, func(i, j int) bool {
		a, b := g.k.Thread[i], g.k.Thread[j]
		return a.Posted.Before(b.Posted) || a.Posted.Equal(b.Posted) && a.ID < b.ID
	})
	return rows.Err()
}

func (g gatherer) media() error {
	rows, err := g.tx.Query(`SELECT place, sha256, type, error FROM comment_media WHERE comment = $1 AND revision = $2 ORDER BY place`, g.c.id, g.c.revision)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var x Media
		if err := rows.Scan(&x.Place, &x.SHA256, &x.Type, &x.Error); err != nil {
			return err
		}
		g.k.Media = append(g.k.Media, x)
	}
	if len(g.k.Media) == 0 {
		for i := range g.c.attachments {
			g.k.Media = append(g.k.Media, Media{Place: i})
		}
	}
	return rows.Err()
}

func (g gatherer) history() error {
	// That it came is said by its first revision, where there is no line of its own for that.
	rows, err := g.tx.Query(`SELECT id, at, what, by_whom, detail FROM history WHERE comment = $1 UNION ALL SELECT 0, at, 'added', '', via FROM revisions
		WHERE comment = $1 AND revision = (SELECT r.revision FROM revisions r WHERE r.comment = $1 ORDER BY r.superseded, r.received_at, r.at LIMIT 1)
		AND NOT EXISTS (SELECT 1 FROM history h WHERE h.comment = $1 AND h.what = 'added') ORDER BY id`, g.c.id)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var h HistoryEntry
		var id, at int64
		if err := rows.Scan(&id, &at, &h.What, &h.By, &h.Detail); err != nil {
			return err
		}
		h.At = store.FromTime(at)
		g.k.History = append(g.k.History, h)
	}
	return rows.Err()
}

// mostRepeated is how many comments that say the same are counted, the latest: of "tack" there are tens of thousands. It stands in the SQL as it is.
const mostRepeated = "1000"

// repetition counts the comments that say the same, and how many of them are hidden.
func (g gatherer) repetition() error {
	return g.tx.QueryRow(`SELECT count(*), count(*) FILTER (WHERE state IN ('hidden', 'deleted')) FROM (SELECT state FROM comments
		WHERE channel = $1 AND repeated <> 0 AND repeated = (SELECT repeated FROM comments WHERE id = $2) AND id <> $2 ORDER BY id DESC LIMIT `+mostRepeated+`) AS found`,
		g.c.ref.Channel, g.c.id).Scan(&g.k.SimilarTotal, &g.k.SimilarHid)
}

func (g gatherer) strikes() error {
	limit, window := g.m.Policy().Strikes()
	w := walk{m: g.m, tx: g.tx, now: g.m.now()}
	var err error
	if g.k.Muted, g.k.Blocked, g.k.Reported, err = doneBefore(g.tx, g.c); err != nil {
		return err
	}
	n, err := w.strikes(g.c, window)
	if !g.c.violationAt.IsZero() {
		n++
	}
	g.k.Strikes, g.k.StrikeLimit = n, limit
	return err
}

// Revisions lists what a comment has said, the oldest first.
func (m *Moderator) Revisions(ctx context.Context, id int64) ([]Revision, error) {
	var found []Revision
	err := m.db.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(`SELECT revision, text, at, received_at, via, superseded FROM revisions WHERE comment = $1 ORDER BY at, received_at`, id)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var r Revision
			var at, received int64
			if err := rows.Scan(&r.Revision, &r.Text, &at, &received, &r.Via, &r.Superseded); err != nil {
				return err
			}
			r.At, r.Received = store.FromTime(at), store.FromTime(received)
			found = append(found, r)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("moderation: revisions of %d: %w", id, err)
	}
	return found, nil
}

// AuthorHistory gathers what we know of an author on one platform.
func (m *Moderator) AuthorHistory(ctx context.Context, platform platforms.Platform, authorID string) (AuthorView, error) {
	v := AuthorView{Platform: platform, ID: authorID}
	limit, window := m.Policy().Strikes()
	v.Limit = limit
	err := m.db.View(ctx, func(tx *store.Tx) error {
		var first *int64
		if err := tx.QueryRow(`SELECT count(*), count(*) FILTER (WHERE state IN ('hidden', 'deleted')), min(posted_at),
			count(*) FILTER (WHERE violation_at > $3) FROM comments WHERE platform = $1 AND author_id = $2`,
			string(platform), authorID, store.Time(m.now().Add(-window))).Scan(&v.Comments, &v.Hidden, &first, &v.Strikes); err != nil {
			return err
		}
		if v.Comments == 0 || authorID == "" {
			return ErrNotFound
		}
		v.First = store.FromTime(*first)
		if err := tx.QueryRow(`SELECT count(*) FILTER (WHERE o.action = 'block') > 0, count(*) FILTER (WHERE o.action = 'mute') > 0 FROM outbox o JOIN comments c ON c.id = o.comment
			WHERE c.platform = $1 AND c.author_id = $2 AND o.action IN ('block', 'mute') AND o.state = 'done'`, string(platform), authorID).
			Scan(&v.Blocked, &v.Muted); err != nil {
			return err
		}
		return m.recent(tx, &v)
	})
	if err != nil {
		return AuthorView{}, fmt.Errorf("moderation: author: %w", err)
	}
	return v, nil
}

func (m *Moderator) recent(tx *store.Tx, v *AuthorView) error {
	rows, err := tx.Query(`SELECT c.id, c.channel, c.author_name, c.text, c.posted_at, c.state, coalesce((SELECT d.category FROM decisions d
		WHERE d.comment = c.id AND d.revision = c.revision AND d.by_kind = 'bot'), '') FROM comments c
		WHERE c.platform = $1 AND c.author_id = $2 ORDER BY c.posted_at DESC, c.id DESC LIMIT 100`, string(v.Platform), v.ID)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var a AuthorComment
		var name, state, category string
		var posted int64
		if err := rows.Scan(&a.ID, &a.Channel, &name, &a.Text, &posted, &state, &category); err != nil {
			return err
		}
		if v.Name == "" {
			v.Name = name
		}
		a.Posted, a.State, a.Category = store.FromTime(posted), State(state), rules.Category(category)
		v.Recent = append(v.Recent, a)
	}
	return rows.Err()
}

func excerpt(text string) string {
	if utf8.RuneCountInString(text) <= excerptLength {
		return text
	}
	n := 0
	for i := range text {
		if n == excerptLength {
			return strings.TrimSpace(text[:i]) + "…"
		}
		n++
	}
	return text
}

func countAttachments(encoded string) int {
	var a []json.RawMessage
	if json.Unmarshal([]byte(encoded), &a) != nil {
		return 0
	}
	return len(a)
}
