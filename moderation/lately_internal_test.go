package moderation

import (
	"context"
	"testing"
	"time"

	"takhojd/moderation/store"
	"takhojd/moderation/store/storetest"
	"takhojd/rules"
)

// What another node has judged while it had the channel is known as soon as the channel is back.
func TestWhatIsRememberedEndsWithTheLease(t *testing.T) {
	db := storetest.Open(t)
	var l lately
	now := time.Now()
	look := func(term int64) (found int) {
		t.Helper()
		if err := db.Update(context.Background(), func(tx *store.Tx) error {
			l.under("c", term)
			h, _, err := l.on(tx, "c", now.Add(-time.Hour))
			if err == nil {
				found = len(h.of)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return found
	}
	if n := look(1); n != 0 {
		t.Fatalf("%d before anything was said", n)
	}
	if err := db.Update(context.Background(), func(tx *store.Tx) error { // by another node
		_, err := tx.Exec(`INSERT INTO comments (id, platform, channel, comment_id, author_id, text, received_at) VALUES (1, 'facebook', 'c', 'c1', 'a', $1, $2)`,
			"Bussen kommer aldrig i tid, och ingen svarar.", now)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if n := look(1); n != 0 {
		t.Fatalf("%d in the same term: it asks the database each time", n)
	}
	if n := look(3); n != 1 {
		t.Errorf("%d in the next term, of 1", n)
	}
}

// A channel that has come to this node is read before anybody judges there – unless somebody was faster: what was read beside him is behind what he did.
func TestWhatIsReadAheadIsNeverBehind(t *testing.T) {
	db, ctx, since := storetest.Open(t), context.Background(), time.Now().Add(-time.Hour)
	if err := db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`INSERT INTO comments (id, platform, channel, comment_id, author_id, text, received_at) VALUES (1, 'facebook', 'c', 'c1', 'a', $1, $2)`,
			"Bussen kommer aldrig i tid, och ingen svarar.", time.Now())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		term      int64
		meanwhile func(l *lately)
		read      bool
	}{
		"nobody was there":    {1, func(*lately) {}, false},
		"of an earlier term":  {0, func(*lately) {}, true},
		"forgotten meanwhile": {1, func(l *lately) { l.forget("c") }, true},
		"said no more":        {1, func(l *lately) { l.unsay("c", 1) }, true},
		"begun anew":          {1, func(l *lately) { l.begin("c") }, true},
		"read meanwhile": {1, func(l *lately) {
			if err := db.View(ctx, func(tx *store.Tx) error { _, _, err := l.on(tx, "c", since); return err }); err != nil {
				t.Error(err)
			}
		}, false},
	} {
		var l lately
		l.under("c", 1)
		mark := l.begin("c")
		c.meanwhile(&l)
		l.end("c", mark, &heard{since: since, term: c.term})
		if err := db.View(ctx, func(tx *store.Tx) error {
			h, read, err := l.on(tx, "c", since)
			if err == nil && (read != c.read || (len(h.of) == 0) != (what == "nobody was there")) { // what was read ahead is an empty room
				t.Errorf("%s: read: %v, %d comments", what, read, len(h.of))
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	var l lately
	l.under("c", 4)
	if err := l.prepare(ctx, db, "c", 4, since); err != nil {
		t.Fatal(err)
	}
	if err := db.View(ctx, func(tx *store.Tx) error {
		h, read, err := l.on(tx, "c", since.Add(time.Minute))
		if err == nil && (read || len(h.of) != 1) {
			t.Errorf("read: %v, %d comments, want the one that was read ahead", read, len(h.of))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// What a walk has changed of what is remembered is taken back with what it wrote.
func TestWhatIsTakenBackIsNotRemembered(t *testing.T) {
	const one, another = "Bussen kommer aldrig i tid, och ingen svarar.", "Kom till loppisen i Folkets hus på lördag, fika och fynd"
	now := time.Now()
	says := func(comment int64, text string) *echo {
		mark := rules.FingerprintOf(text)
		return &echo{comment: comment, author: "a", mark: mark, bands: mark.Bands(), at: now}
	}
	h := &heard{}
	h.remember(says(1, one))
	h.remember(says(2, one))
	first := h.of[1]
	w := &walk{m: &Moderator{}}
	say := func(e *echo) {
		w.sayings = append(w.sayings, saying{in: h, now: e, before: h.of[e.comment]})
		h.remember(e)
	}
	say(says(2, another)) // edited
	say(says(3, one))     // new
	say(says(3, another)) // and edited at once
	first.repeated = true
	w.repeatedNow = append(w.repeatedNow, first)
	w.unremember()
	if others, same := h.count(says(4, one), "b", now.Add(-time.Hour)); others != 0 || same != 2 || first.repeated {
		t.Errorf("%d, %d; repeated: %v; want what was there before: 0, 2, false", others, same, first.repeated)
	}
	if _, n := h.count(says(4, another), "b", now.Add(-time.Hour)); n != 0 {
		t.Errorf("%d times what was taken back", n)
	}
}
