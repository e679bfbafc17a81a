package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"takhojd/moderation/store"
)

var (
	children = store.NewTable("revisions", "comment revision text attachments raw at received_at via superseded", parents)
	parents  = store.NewTable("comments", "id platform channel comment_id received_at own")
)

func parent(tx *store.Tx, id int) {
	tx.Insert(parents, id, "facebook", "c", fmt.Sprint("c", id), time.UnixMicro(7), id%2 == 0)
}

func child(tx *store.Tx, of int, text string, raw []byte) {
	tx.Insert(children, int64(of), "r", text, "[]", raw, time.Time{}, time.UnixMicro(8), "test", false)
}

func howMany(t *testing.T, db *store.DB, query string) (n int) {
	t.Helper()
	if err := db.View(context.Background(), func(tx *store.Tx) error { return tx.QueryRow(query).Scan(&n) }); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestFlushTells: whoever flushes in a transaction that others share hears at once whether what was added can be written, before anybody else has
// a turn there; whoever has it alone hears it at the latest when it ends.
func TestFlushTells(t *testing.T) {
	ctx, db := context.Background(), open(t)
	var coming, wg sync.WaitGroup
	var heards atomic.Int64
	coming.Add(90)
	wg.Go(func() { // while this one is at it the others gather
		if err := db.Update(ctx, func(*store.Tx) error { coming.Wait(); return nil }); err != nil {
			t.Error(err)
		}
	})
	for i := 1; i <= 90; i++ {
		wg.Go(func() {
			twice := i%3 == 0
			coming.Done()
			err := db.Update(ctx, func(tx *store.Tx) error {
				if parent(tx, i); twice {
					parent(tx, i)
				}
				if err := tx.Flush(); err != nil {
					heards.Add(1)
				}
				return nil
			})
			if (err != nil) != twice {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if n := heards.Load(); n == 0 || n > 30 || n < 30 && !db.PostgreSQL() {
		t.Errorf("%d of 30 heard that their rows cannot be written", n)
	}
	if n := howMany(t, db, `SELECT count(*) FROM comments`); n != 60 {
		t.Errorf("%d rows", n)
	}
}

func TestInsertedRowsAreThere(t *testing.T) {
	ctx, db := context.Background(), open(t)
	text := "första"
	err := db.Update(ctx, func(tx *store.Tx) error {
		child(tx, 1, "the child before its parent", []byte{0, 255, '\''})
		parent(tx, 1)
		parent(tx, 2)
		tx.InsertLater(children, func() []any {
			return []any{2, "r", text, "[]", []byte(nil), time.Time{}, time.Time{}, "test", true}
		})
		text = "sist sagt"
		var n int // what is asked sees what was added
		if err := tx.QueryRow(`SELECT count(*) FROM comments c JOIN revisions r ON r.comment = c.id WHERE r.text IN ('the child before its parent', 'sist sagt')
			AND c.received_at = 7 AND own = 1 - c.id % 2`).Scan(&n); err != nil || n != 2 {
			t.Errorf("%d rows, %v", n, err)
		}
		text = "too late"
		for i := 3; i < 1000; i++ {
			parent(tx, i)
			child(tx, i, fmt.Sprint("n", i), nil)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := howMany(t, db, `SELECT count(*) FROM comments c JOIN revisions r ON r.comment = c.id WHERE c.id < 3 OR r.text = 'n' || c.id`); n != 999 {
		t.Errorf("%d rows, want 999", n)
	}
	var raw []byte
	if err := db.View(ctx, func(tx *store.Tx) error { return tx.QueryRow(`SELECT raw FROM revisions WHERE comment = 1`).Scan(&raw) }); err != nil || !bytes.Equal(raw, []byte{0, 255, '\''}) {
		t.Errorf("%x, %v", raw, err)
	}
}

// TestSumsAreAddedTo: a row whose key is there already is added to, by one row or by many, and one that is not is there then.
func TestSumsAreAddedTo(t *testing.T) {
	sums := store.NewTable("figure_sums", "kind day name n1 n2 n3 n4").Adding("kind day name")
	ctx, db := context.Background(), open(t)
	for _, days := range [][]int{{1}, {1, 2, 3}, {2}, {3, 1}} {
		if err := db.Update(ctx, func(tx *store.Tx) error {
			for _, day := range days {
				tx.Insert(sums, "hide", fmt.Sprint(day), "", 1, 10*day, 0, 0)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for day, want := range map[int]int{1: 3, 2: 2, 3: 2} {
		if n := howMany(t, db, fmt.Sprintf(`SELECT CAST(n1 * 1000 + n2 AS BIGINT) FROM figure_sums WHERE day = '%d'`, day)); n != want*1000+want*10*day {
			t.Errorf("day %d: %d, want %d times", day, n, want)
		}
	}
}

// TestAnInsertThatFailsTakesItsOwnAlong: the row that cannot be written is found when it is written; whoever added it is told, whatever it
// made of the errors of what it asked afterwards, and nobody else loses anything.
func TestAnInsertThatFailsTakesItsOwnAlong(t *testing.T) {
	ctx, db := context.Background(), open(t)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			err := db.Update(ctx, func(tx *store.Tx) error {
				parent(tx, i+1)
				child(tx, i+1, "x", nil)
				switch i % 4 {
				case 1:
					parent(tx, i+1) // twice
				case 2:
					child(tx, 100_000, "of nobody", nil)
					var n int
					if err := tx.QueryRow(`SELECT 1`).Scan(&n); err == nil {
						t.Error("what is asked after it succeeds")
					}
				case 3:
					tx.Insert(parents, 1000+i, "too few")
				}
				return nil
			})
			if (err == nil) != (i%4 == 0) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if n := howMany(t, db, `SELECT count(*) FROM comments c JOIN revisions r ON r.comment = c.id WHERE (c.id - 1) % 4 = 0`); n != 50 {
		t.Errorf("%d rows, want 50", n)
	}
	if n := howMany(t, db, `SELECT count(*) FROM comments`); n != 50 {
		t.Errorf("%d rows in all, want 50", n)
	}
}

func TestWhatIsKeptGoesWithWhatIsTakenBack(t *testing.T) {
	ctx, db := context.Background(), open(t)
	type key struct{}
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			_ = db.Update(ctx, func(tx *store.Tx) error {
				var n int
				if err := tx.QueryRow(`SELECT count(*) FROM comments`).Scan(&n); err != nil {
					return err
				}
				kept := store.Kept[int](tx, key{})
				if *kept != 0 && *kept != n {
					t.Errorf("%d kept, %d there", *kept, n)
				}
				parent(tx, i+1)
				if *kept = n + 1; i%3 == 0 {
					return errors.New("taken back")
				}
				return nil
			})
		})
	}
	wg.Wait()
}

func TestAViewInsertsNothing(t *testing.T) {
	db := open(t)
	for range 20 { // of every session
		_ = db.View(context.Background(), func(tx *store.Tx) error { parent(tx, 1); return nil })
	}
	if n := howMany(t, db, `SELECT count(*) FROM comments`); n != 0 {
		t.Errorf("%d rows", n)
	}
}

func TestALookIsOneQuestion(t *testing.T) {
	ctx, db := context.Background(), open(t)
	for i := range 20 { // of every session
		err := db.Look(ctx, func(tx *store.Tx) error {
			parent(tx, 1)
			var n int
			if err := tx.QueryRow(`SELECT count(*) FROM comments`).Scan(&n); err != nil || n != 0 {
				t.Errorf("%d rows, %v", n, err)
			}
			return tx.QueryRow(`SELECT count(*) FROM comments`).Scan(&n)
		})
		if err == nil {
			t.Error("a second question is answered")
		}
		if err := db.Look(ctx, func(tx *store.Tx) error { return insert(tx, fmt.Sprint("looking", i)) }); err == nil {
			t.Error("a look wrote", i)
		}
	}
	if n := count(t, db); n != 0 {
		t.Errorf("%d rows", n)
	}
}

func TestEachOfAList(t *testing.T) {
	db := open(t)
	err := db.Update(context.Background(), func(tx *store.Tx) error {
		for i := range 10 {
			parent(tx, i)
		}
		var texts, numbers int
		if err := tx.QueryRow(`SELECT count(*) FROM comments WHERE platform = $1 AND `+tx.AmongTexts(`comment_id`, `$2`), "facebook",
			[]string{"c1", "c7", `"c8`, "", "å\x00<&>"}).Scan(&texts); err != nil {
			return err
		}
		if err := tx.QueryRow(`SELECT count(*) FROM comments WHERE `+tx.AmongNumbers(`id`, `$1`), []int64{2, 3, 99}).Scan(&numbers); err != nil {
			return err
		}
		if texts != 2 || numbers != 2 {
			t.Errorf("%d by texts, %d by numbers, want 2 and 2", texts, numbers)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
