package store_test

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"takhojd/moderation/store"
	"takhojd/moderation/store/storetest"
)

// TestWhatIsKeptIsNeverBehind: what a transaction keeps is there for the next, unless anything happened by which it may not be true.
func TestWhatIsKeptIsNeverBehind(t *testing.T) {
	ctx, where := context.Background(), storetest.Where(t, t.TempDir())
	db, err := store.Open(ctx, where)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	other, err := store.Open(ctx, where)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	type own struct{}
	type ofPosts struct{}
	keep := func(tx *store.Tx) error {
		*store.Kept[string](tx, own{}), *store.Kept[string](tx, ofPosts{}, "posts") = "kept", "kept"
		return nil
	}
	const post = `INSERT INTO posts (platform, channel, post_id) VALUES ('facebook', 'page', $1)`
	exec := func(query string, args ...any) func(*store.Tx) error {
		return func(tx *store.Tx) error { _, err := tx.Exec(query, args...); return err }
	}
	again := func(tx *store.Tx) error { return errors.New("taken back") }
	for _, c := range []struct {
		name         string
		db           *store.DB
		fn           func(*store.Tx) error
		own, ofPosts bool // is it still there
	}{
		{"nothing", db, func(*store.Tx) error { return nil }, true, true},
		{"another table is written", db, exec(`INSERT INTO cursors (channel, caught_up_at) VALUES ('page', 1)`), true, true},
		{"another table is read", db, exec(`SELECT 1 FROM cursors`), true, true},
		{"the table is read", db, exec(`SELECT 1 FROM posts`), true, true},
		{"a row is added", db, exec(post, "1"), true, false},
		{"a row is added in other words", db, exec("insert  into\n\tposts(platform, channel, post_id) VALUES ('facebook', 'page', '2')"), true, false},
		{"a row is changed", db, exec(`UPDATE posts SET text = 'x'`), true, false},
		{"a row is added with a question", db, func(tx *store.Tx) error {
			var id string
			return tx.QueryRow(post+` RETURNING post_id`, "3").Scan(&id)
		}, true, false},
		{"rows are deleted", db, exec(`DELETE FROM posts`), true, false},
		{"it is taken back", db, again, false, false},
		{"somebody else writes", other, exec(post, "4"), false, false},
	} {
		if err := db.Update(ctx, keep); err != nil {
			t.Fatal(err)
		}
		_ = c.db.Update(ctx, c.fn)
		if err := db.Update(ctx, func(tx *store.Tx) error {
			if kept := *store.Kept[string](tx, own{}) == "kept"; kept != c.own {
				t.Errorf("%s: is it kept? %v", c.name, kept)
			}
			if kept := *store.Kept[string](tx, ofPosts{}, "posts") == "kept"; kept != c.ofPosts {
				t.Errorf("%s: is what was read of posts kept? %v", c.name, kept)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.View(ctx, func(tx *store.Tx) error {
		if *store.Kept[string](tx, own{}) != "" {
			t.Error("a View has what the writer kept")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// TestAnAttemptIsRunAgainWhereItErred: what is taken for granted most often holds, and where it does not, nothing comes of it.
func TestAnAttemptIsRunAgainWhereItErred(t *testing.T) {
	ctx, where := context.Background(), storetest.Where(t, t.TempDir())
	var dbs [2]*store.DB
	for i := range dbs {
		db, err := store.Open(ctx, where)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		dbs[i] = db
	}
	db, other := dbs[0], dbs[1]
	type count struct{}
	add := func(tx *store.Tx, channel string) {
		tx.Do(`INSERT INTO cursors (channel, caught_up_at) VALUES ($1, 1)`, channel)
	}
	runs, takenBack := 0, 0
	// next adds the row with the next number, and asks for the highest only where it does not remember it.
	next := func(guess bool) func(*store.Tx) error {
		return func(tx *store.Tx) error {
			runs++
			tx.IfTakenBack(func() { takenBack++ })
			n := store.Kept[int](tx, count{})
			if *n == 0 && !(guess && tx.Guess()) {
				if err := tx.QueryRow(`SELECT count(*) FROM cursors`).Scan(n); err != nil {
					return err
				}
			}
			*n++
			add(tx, strconv.Itoa(*n))
			return nil
		}
	}
	rows := 0
	attempt := func(db *store.DB, what string, fn func(*store.Tx) error, wantRuns int) {
		t.Helper()
		runs, takenBack = 0, 0
		if err := db.Attempt(ctx, fn); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		rows++
		if !storetest.OnPostgreSQL() {
			wantRuns = 1 // there is nobody else, and nothing is guessed
		}
		if runs != wantRuns || takenBack != runs-1 {
			t.Errorf("%s: run %d times, taken back %d times; want %d and one less", what, runs, takenBack, wantRuns)
		}
		if n := howMany(t, db, `SELECT count(*) FROM cursors`); n != rows {
			t.Fatalf("%s: %d rows, want %d", what, n, rows)
		}
	}
	attempt(db, "the first", next(false), 1)
	attempt(db, "the second", next(false), 1)
	attempt(db, "the third", next(false), 1)
	attempt(other, "another's first", next(false), 1)
	attempt(db, "after another's", next(false), 2)
	attempt(db, "after that", next(false), 1)
	attempt(db, "once more", next(false), 1)
	if err := db.Update(ctx, func(*store.Tx) error { return errors.New("so that nothing is kept") }); err == nil {
		t.Error("no error")
	}
	attempt(db, "the failure's next", func(tx *store.Tx) error { runs++; add(tx, "x"); return nil }, 1)
	if err := db.Update(ctx, func(tx *store.Tx) error { _, err := tx.Exec(`DELETE FROM cursors WHERE channel = 'x'`); return err }); err != nil {
		t.Fatal(err)
	}
	rows--
	attempt(db, "a wrong guess", next(true), 2)
	attempt(db, "after it", next(true), 1)

	expecting := func(tx *store.Tx) error {
		runs++
		tx.IfTakenBack(func() { takenBack++ })
		if tx.Guess() {
			tx.Expect(`SELECT count(*) FROM cursors WHERE channel = $1`, "1")
		}
		add(tx, "expecting")
		return nil
	}
	attempt(db, "what is not as expected", expecting, 2)
	if err := db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`DELETE FROM cursors WHERE channel = 'expecting'`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	rows--
	attempt(db, "a wrong guess, since nothing is remembered", next(true), 2)
	enough := errors.New("enough")
	for _, c := range []struct {
		what string
		err  error
		runs int
	}{{"any error", enough, 2}, {"a final one", store.Final(enough), 1}} {
		attempt(db, "before "+c.what, next(true), 1)
		if runs = 0; !storetest.OnPostgreSQL() {
			c.runs = 1
		}
		if err := db.Attempt(ctx, func(*store.Tx) error { runs++; return c.err }); !errors.Is(err, enough) || runs != c.runs {
			t.Errorf("%s: %v after %d runs, want %d", c.what, err, runs, c.runs)
		}
	}
	attempt(db, "a guess after that, of what is remembered no more", next(true), 2)
}
