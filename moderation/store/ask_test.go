package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"takhojd/moderation/store"
)

// TestWhatIsAskedTogetherIsAnsweredInOrder: each question sees what was written before it and nothing of what was written after it, whoever asked
// for the answer first.
func TestWhatIsAskedTogetherIsAnsweredInOrder(t *testing.T) {
	db := open(t)
	ids := []int64{1, 2}
	var seen []string
	ask := func(tx *store.Tx, ids []int64) {
		tx.Ask(`SELECT id, text, own FROM comments WHERE `+tx.AmongNumbers("id", "$1")+` ORDER BY id`, []any{ids}, func(scan func(...any) error) error {
			var id int
			var text string
			var own bool
			err := scan(&id, &text, &own)
			seen = append(seen, fmt.Sprint(id, text, own))
			return err
		})
	}
	err := db.Update(context.Background(), func(tx *store.Tx) error {
		ask(tx, ids)
		parent(tx, 1)
		parent(tx, 2)
		ask(tx, ids)
		tx.Do(`UPDATE comments SET text = 'nytt' WHERE `+tx.AmongNumbers("id", "$1"), ids)
		ids[0] = 7 // a list may be used again: what was asked with it stands
		r, err := tx.Exec(`UPDATE comments SET own = 1 - own WHERE text = $1`, "nytt")
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n != 2 {
			t.Errorf("%d rows changed, %v", n, err)
		}
		ask(tx, []int64{1, 2})
		return tx.Answers()
	})
	if want := []string{"1false", "2true", "1nytttrue", "2nyttfalse"}; err != nil || !slices.Equal(seen, want) {
		t.Errorf("%q, %v, want %q", seen, err, want)
	}
}

// TestWhatFailsUnheardTakesItsOwnAlong: of many in one commit those fail that ran something of which they did not hear that it failed, and those
// that gave up, before anything of theirs was sent or after. The others lose nothing.
func TestWhatFailsUnheardTakesItsOwnAlong(t *testing.T) {
	db := open(t)
	var wg sync.WaitGroup
	gaveUp := errors.New("gave up")
	for i := range 240 {
		wg.Go(func() {
			err := db.Update(context.Background(), func(tx *store.Tx) error {
				parent(tx, i+1)
				switch i % 6 {
				case 1:
					tx.Do(`UPDATE comments SET id = NULL WHERE id = $1`, i+1)
				case 2:
					tx.Do(`SELECT nothing FROM nowhere`)
					parent(tx, 1000+i)
				case 3:
					return gaveUp
				case 4:
					if err := tx.Answers(); err != nil {
						t.Error(err)
					}
					return gaveUp
				case 5:
					tx.Ask(`SELECT text FROM comments WHERE id = $1`, []any{i + 1}, func(scan func(...any) error) error { return gaveUp })
				}
				return nil
			})
			if (err == nil) != (i%6 == 0) || i%6 > 2 && !errors.Is(err, gaveUp) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if n, all := howMany(t, db, `SELECT count(*) FROM comments WHERE (id - 1) % 6 = 0`), howMany(t, db, `SELECT count(*) FROM comments`); n != 40 || all != 40 {
		t.Errorf("%d rows and %d in all, want 40", n, all)
	}
}

// TestAFailureThatNobodyHeedsIsNoCommit: PostgreSQL ends a transaction in which something failed by taking it back, and calls COMMIT done all the
// same. Whoever let the failure pass must not be told that all is on disk.
func TestAFailureThatNobodyHeedsIsNoCommit(t *testing.T) {
	db := open(t)
	err := db.Update(context.Background(), func(tx *store.Tx) error {
		parent(tx, 1)
		_, _ = tx.Exec(`INSERT INTO comments (id, platform, channel, comment_id, received_at) VALUES (1, 'twice', '', '', 0)`)
		return nil
	})
	if n := howMany(t, db, `SELECT count(*) FROM comments`); (err == nil) != (n == 1) {
		t.Errorf("%d rows, and was told %v", n, err)
	}
}

// TestWhatIsBegunIsTakenBackWithTheRest: the database begins with some of what a function writes before the rest is known; all of it is there, or
// nothing.
func TestWhatIsBegunIsTakenBackWithTheRest(t *testing.T) {
	db := open(t)
	ctx := context.Background()
	parts := func(tx *store.Tx, from int) error {
		parent(tx, from)
		if err := tx.Begin(); err != nil {
			return err
		}
		parent(tx, from+1)
		tx.Do(`UPDATE comments SET text = 'nytt' WHERE id >= $1`, from)
		return tx.Begin()
	}
	for i, turn := range []func(context.Context, func(*store.Tx) error) error{db.Update, db.Attempt, db.Attempt} {
		from := 10 * (i + 1)
		if err := turn(ctx, func(tx *store.Tx) error { return parts(tx, from) }); err != nil {
			t.Fatal(err)
		}
		if n := howMany(t, db, `SELECT count(*) FROM comments WHERE text = 'nytt'`); n != 2*(i+1) {
			t.Errorf("%d rows, want %d", n, 2*(i+1))
		}
		changed := errors.New("changed its mind")
		err := turn(ctx, func(tx *store.Tx) error {
			if err := parts(tx, 100); err != nil {
				return err
			}
			return changed
		})
		if !errors.Is(err, changed) {
			t.Errorf("%v, want the function's own error", err)
		}
		err = turn(ctx, func(tx *store.Tx) error {
			_ = parts(tx, 200)
			return parts(tx, from) // is there
		})
		if n := howMany(t, db, `SELECT count(*) FROM comments`); err == nil || n != 2*(i+1) {
			t.Errorf("%d rows and %v after what failed, want %d", n, err, 2*(i+1))
		}
	}
}
