package moderation

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"takhojd/moderation/store"
	"takhojd/platforms"
)

// What must hold: after every step, and when all has come to rest.

// none fails when a query finds anything.
func (w *world) none(what, query string, args ...any) {
	if n := w.number(`SELECT count(*) FROM (`+query+`) AS found`, args...); n > 0 {
		w.t.Fatal(what)
	}
}

// always is what holds at every moment. Where the Moderator has not asked what time it is, it has written nothing.
func (w *world) always() {
	w.tick(time.Millisecond)
	if asked := w.asked.Load(); asked != w.looked {
		w.looked = asked
		w.bounds()
		w.judged()
		w.grows()
	}
}

// bounds holds the books against what no order of events may lead to.
func (w *world) bounds() {
	ch := w.channel.ID
	w.none("decided twice by the bot", `SELECT comment, revision FROM decisions WHERE channel = $1 AND by_kind = 'bot' GROUP BY comment, revision HAVING count(*) > 1`, ch)
	w.none("more is hidden in a day than the quota", `SELECT 1 FROM decisions WHERE channel = $1 AND by_kind = 'bot' AND action = 'hide'
		GROUP BY decided_at / 86400000000 HAVING count(*) > $2`, ch, w.channel.HideQuota)
	w.none("told to do once, and written twice", `SELECT decision, action FROM outbox WHERE channel = $1 AND action IN ('delete', 'block', 'reply', 'private-reply', 'mute', 'report')
		GROUP BY decision, action HAVING count(*) > 1`, ch)
	w.none("the bot decided what only people do, or a removal was decided without a record", `SELECT 1 FROM decisions d WHERE channel = $1 AND (by_kind = 'bot' AND action NOT IN ('allow', 'flag', 'hide')
		OR by_kind <> 'platform' AND action IN ('hide', 'delete', 'block') AND revision <> ''
		AND NOT EXISTS (SELECT 1 FROM archive_records r WHERE r.record_id = d.record_id AND r.revision = d.revision))`, ch)
	lawful, args := "", []any{ch}
	for _, x := range modelWords {
		if x.lawful && w.said[x.text] < 3 { // said again and again it is spam, and the policy says so
			args = append(args, platforms.Comment{Text: x.text}.Revision())
			lawful += fmt.Sprintf(", $%d", len(args))
		}
	}
	w.none("a lawful comment is hidden by the bot", `SELECT 1 FROM decisions d WHERE d.channel = $1 AND by_kind = 'bot' AND action = 'hide' AND revision IN (''`+lawful+`)`, args...)
	// What waits without a flag stands in a table that is kept up to date: it is what one would find by looking at everything.
	const kept = `SELECT u.comment, u.list, u.decision, u.at FROM unseen u JOIN comments c ON c.id = u.comment WHERE c.channel = $1`
	const looked = `SELECT c.id, 'hidden', d.id, c.state_at ` + fromBotHidden + ` AND c.channel = $1 UNION ALL SELECT c.id, 'question', d.id, d.decided_at ` + fromRouted + ` AND c.channel = $1`
	w.none("a list has what it should not, or lacks what it should have", `SELECT 1 FROM (SELECT * FROM (`+kept+`) AS k EXCEPT SELECT * FROM (`+looked+`) AS l) AS more
		UNION ALL SELECT 1 FROM (SELECT * FROM (`+looked+`) AS l EXCEPT SELECT * FROM (`+kept+`) AS k) AS fewer`, ch)
}

// grows holds the log against what it was: it has all that it had, in the same places.
func (w *world) grows() {
	var fresh [][]byte
	first := 0
	if w.first < 0 {
		w.first = w.number(`SELECT count(*) FROM archive_entries`)
	}
	from := w.first + max(len(w.leaves)-3, 0)
	err := w.db.View(context.Background(), func(tx *store.Tx) error {
		rows, err := tx.Query(`SELECT leaf, commitment FROM archive_entries WHERE leaf >= $1 ORDER BY leaf`, from)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var leaf int
			var c []byte
			if err := rows.Scan(&leaf, &c); err != nil {
				return err
			}
			if leaf != from+first {
				w.t.Fatal("a leaf stands in another's place")
			}
			first++
			fresh = append(fresh, c)
		}
		return rows.Err()
	})
	if err != nil {
		w.t.Fatal(err)
	}
	known := w.leaves[from-w.first:]
	if len(fresh) < len(known) {
		w.t.Fatalf("the log has lost %d leaves", len(known)-len(fresh))
	}
	for i := range known {
		if !bytes.Equal(known[i], fresh[i]) {
			w.t.Fatal("a leaf of the log was changed")
		}
	}
	w.leaves = append(w.leaves, fresh[len(known):]...)
}

// rest lets everything be told, judged and done, in fair weather, and looks how things stand then.
func (w *world) rest() {
	w.weather, w.fuse = 0, -1
	w.quiet = true
	defer func() { w.quiet = false }()
	w.drain()
	w.agree(false)
	for range 3 {
		w.tick(20 * time.Second)
		w.read()
		w.drain()
	}
	w.agree(true)
	w.decided()
	for _, c := range w.citizens {
		c.lost = false
	}
}

// drain goes on until nothing waits.
func (w *world) drain() {
	for round := 0; ; round++ {
		if round > 500 {
			for _, id := range w.names {
				w.t.Log(id)
				w.tell(id)
			}
			w.t.Fatal("it never comes to rest")
		}
		for len(w.pending) > 0 {
			w.deliver()
		}
		w.inbox()
		acted := w.outbox()
		if w.number(`SELECT count(*) FROM inbox WHERE channel = $1 AND dead = 1`, w.channel.ID) > 0 {
			w.retryDead()
			acted = true
		}
		waiting := w.number(`SELECT (SELECT count(*) FROM inbox WHERE channel = $1) + (SELECT count(*) FROM outbox WHERE channel = $1 AND state = 'waiting')`, w.channel.ID)
		if len(w.pending) == 0 && waiting == 0 {
			return
		}
		if !acted {
			w.tick(11 * time.Second)
		}
	}
}

// agree holds the books against the platform, comment by comment. Before a full reading what the platform did not tell, and the order of
// what its clock does not tell apart, can't be known.
func (w *world) agree(read bool) {
	rows := map[string]row{}
	for _, r := range w.rows() {
		rows[r.name] = r
	}
	for _, id := range w.names {
		c := w.citizens[id]
		r, known := rows[id]
		fail := func(format string, args ...any) { w.tell(id); w.t.Fatalf(format, args...) }
		switch {
		case !read && (c.lost || c.unsure[0] || c.unsure[1] || w.refusedToSay(id)):
		case c.gone && !known:
		case !known:
			fail("%s: not in the books", id)
		case c.gone:
			if r.state != Deleted && r.state != Removed {
				fail("%s: gone, and %s in the books", id, r.state)
			}
			if c.byUs != (r.state == Deleted) && !c.Own {
				w.t.Logf("%s: by us %v, %s", id, c.byUs, r.state)
			}
		case r.text != c.Text:
			fail("%s: says %q, and %q in the books", id, c.Text, r.text)
		case c.Own:
		case r.state == Deleted, r.state == Removed, c.Hidden != (r.state == Hidden):
			fail("%s: hidden %v, and %s in the books (read %v)", id, c.Hidden, r.state, read)
		}
		if read && r.state == Hidden && known && !c.gone {
			if n := w.number(`SELECT count(*) FROM archive_records WHERE channel = $1 AND comment_id = $2`, w.channel.ID, id); n == 0 {
				fail("%s: hidden without a record", id)
			}
		}
	}
}

// refusedToSay tells whether a comment was to be read again, and the platform would not show it.
func (w *world) refusedToSay(id string) bool {
	return w.number(`SELECT count(*) FROM outbox o JOIN comments c ON c.id = o.comment WHERE c.channel = $1 AND c.comment_id = $2 AND o.action = 'reread' AND o.state = 'dead'`,
		w.channel.ID, id) > 0
}

// settled is what was last decided on what a comment says, and its flag.
type settled struct {
	id               int64
	action           Action
	by               string
	escalate         bool
	flag, dead       int
	why              Why
	earlierEscalated int
}

func (w *world) settled(r row) (s settled) {
	err := w.db.View(context.Background(), func(tx *store.Tx) error {
		_ = tx.QueryRow(`SELECT id, action, by_kind, escalate FROM decisions WHERE comment = $1 AND revision = $2 AND undone_at = 0
			AND action NOT IN ('reply', 'mute', 'report') ORDER BY id DESC LIMIT 1`, r.id, r.revision).Scan(&s.id, (*string)(&s.action), &s.by, &s.escalate)
		_ = tx.QueryRow(`SELECT id, why FROM flags WHERE comment = $1 AND closed_at = 0`, r.id).Scan(&s.flag, (*string)(&s.why))
		if err := tx.QueryRow(`SELECT count(*) FROM decisions WHERE comment = $1 AND (escalate = 1 OR action = 'escalate')`, r.id).Scan(&s.earlierEscalated); err != nil {
			return err
		}
		return tx.QueryRow(`SELECT count(*) FROM outbox WHERE comment = $1 AND state = 'dead' AND action NOT IN ('capture', 'reread')`, r.id).Scan(&s.dead)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// decided holds the queue and the platform against what was decided: nothing undecided is in no queue, nothing decided lingers in one, and
// what stands or is hidden does so by a decision, or before a person's eyes.
func (w *world) decided() {
	for _, r := range w.rows() {
		c := w.citizens[r.name]
		if r.own || c == nil {
			continue
		}
		s := w.settled(r)
		open := s.flag != 0
		fail := func(what string) {
			w.tell(r.name)
			w.t.Fatalf("%s: %s: %s by %q (escalated %v), %s in the books, flagged %v for %q, %d dead letters", r.name, what, s.action, s.by, s.escalate, r.state, open, s.why, s.dead)
		}
		if c.gone {
			if open && s.why != Escalation && s.why != Failed && s.why != OpinionWhy {
				fail("gone, and in the queue")
			}
			continue
		}
		asks := s.action == Flag || s.action == Escalate || s.action == Opinion || s.by == "bot" && s.escalate
		mismatch := s.action == Delete || c.Hidden && (s.action == Allow || s.action == Restore || s.action == Route) ||
			!c.Hidden && (s.action == Hide || s.action == Block)
		switch {
		case s.by == "platform" && s.action == Hide && !c.byColleague && !c.unsure[1]:
			fail("taken for a colleague's hide")
		case r.revision != "" && s.id == 0 && !c.Hidden:
			fail("undecided")
		case asks && !open:
			fail("waits for a person, and is in no queue")
		case mismatch && !open:
			fail("stands otherwise than decided, and is in no queue")
		case open && s.why != Failed && s.why != EditedWhy && !asks && !mismatch && s.dead == 0 && s.by != "bot" && (s.why != Escalation || s.earlierEscalated == 0):
			fail("decided, and still in the queue") // save what an undone answer gave back: it may have been answered elsewhere meanwhile
		case open && s.why != Failed && s.why != OpinionWhy && !asks && !mismatch && s.dead == 0 && s.action == Allow && s.earlierEscalated == 0:
			fail("allowed, and still in the queue")
		case open && s.why != Failed && !asks && !mismatch && s.dead == 0 && s.action == Hide && s.why != BlockWhy && s.earlierEscalated == 0:
			fail("hidden, and still in the queue")
		}
	}
}

// tell writes down what the books know of a comment, for whoever must find out why.
func (w *world) tell(name string) {
	_ = w.db.View(context.Background(), func(tx *store.Tx) error {
		for _, query := range []string{
			`SELECT 'history', h.at, h.what, h.by_whom, h.detail FROM history h JOIN comments c ON c.id = h.comment WHERE c.channel = $1 AND c.comment_id = $2 ORDER BY h.id`,
			`SELECT 'decision', d.decided_at, d.action || ' on ' || substr(d.revision, 1, 4), d.by_kind, 'undone ' || d.undone_at FROM decisions d JOIN comments c ON c.id = d.comment WHERE c.channel = $1 AND c.comment_id = $2 ORDER BY d.id`,
			`SELECT 'outbox', o.created_at, o.action || ' on ' || substr(o.revision, 1, 4), o.state || ' ' || o.result, o.error || ' settled ' || o.settled_at FROM outbox o JOIN comments c ON c.id = o.comment WHERE c.channel = $1 AND c.comment_id = $2 ORDER BY o.id`,
			`SELECT 'comment', c.state_at, c.state, c.state_by, c.revision FROM comments c WHERE c.channel = $1 AND c.comment_id = $2`,
			`SELECT 'inbox', i.received_at, 'dead ' || i.dead, 'attempts ' || i.attempts, i.error FROM inbox i WHERE i.channel = $1 AND i.comment_id = $2`,
			`SELECT 'flag', f.opened_at, f.why, 'closed ' || f.closed_at, f.closed_by FROM flags f JOIN comments c ON c.id = f.comment WHERE c.channel = $1 AND c.comment_id = $2 ORDER BY f.id`,
		} {
			rows, err := tx.Query(query, w.channel.ID, name)
			if err != nil {
				return err
			}
			for rows.Next() {
				var kind, what, by, detail string
				var at int64
				if err := rows.Scan(&kind, &at, &what, &by, &detail); err == nil {
					w.t.Logf("%s %s: %s | %s | %s", kind, store.FromTime(at).Format("02 15:04:05.000"), what, by, detail)
				}
			}
			_ = rows.Close()
		}
		return nil
	})
}
