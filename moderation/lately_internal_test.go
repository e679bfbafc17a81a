package moderation

import (
	"context"
	"testing"
	"time"

	"takhojd/moderation/store"
	"takhojd/moderation/store/storetest"
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
			h, err := l.on(tx, "c", now.Add(-time.Hour))
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
