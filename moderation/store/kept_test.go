package store_test

import (
	"context"
	"errors"
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
		if storetest.OnPostgreSQL() {
			c.own, c.ofPosts = false, false // others write between any two
		}
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
