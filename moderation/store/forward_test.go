package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"takhojd/moderation/store"
	"takhojd/moderation/store/storetest"
)

// TestOlderBooksMoveForward: books that were begun before schema 21 keep what they hold, go on with their numbers, and hold the bot to one decision
// on a revision as before.
func TestOlderBooksMoveForward(t *testing.T) {
	if storetest.OnPostgreSQL() {
		t.Skip("the file is SQLite's")
	}
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "takhojd.db")
	older(t, path, 20, `INSERT INTO comments (id, platform, channel, comment_id, received_at) VALUES (1, 'facebook', 'page', 'c', 1)`,
		decided(5, "bot"), decided(6, "person"), decided(7, "person"),
		`INSERT INTO history (comment, at, what) VALUES (1, 1, 'added')`, `INSERT INTO outbox (comment, channel, action, created_at) VALUES (1, 'page', 'hide', 1)`,
		`INSERT INTO log_checkpoints (size, note) VALUES (2, 'two'), (11, 'eleven')`)
	db, err := store.Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for want, query := range map[string]string{
		"ok":             `SELECT integrity_check FROM pragma_integrity_check`,
		"5 6 7":          `SELECT group_concat(id, ' ') FROM (SELECT id FROM decisions WHERE comment = 1 AND revision = 'r' ORDER BY id)`,
		"two eleven":     `SELECT group_concat(note, ' ') FROM (SELECT note FROM log_checkpoints ORDER BY size)`,
		"inbox":          `SELECT group_concat(name, ' ') FROM (SELECT DISTINCT name FROM sqlite_sequence UNION SELECT 'inbox')`,
		"1 history rows": `SELECT count(*) || ' history rows' FROM history`,
	} {
		var is string
		if err := db.View(ctx, func(tx *store.Tx) error { return tx.QueryRow(query).Scan(&is) }); err != nil || is != want {
			t.Errorf("%s\n%q, %v; want %q", query, is, err, want)
		}
	}
	write := func(query string) error {
		return db.Update(ctx, func(tx *store.Tx) error { _, err := tx.Exec(query); return err })
	}
	if err := write(decided(8, "bot")); err == nil {
		t.Error("the bot has decided a revision twice")
	}
	if err := write(decided(8, "person")); err != nil {
		t.Errorf("a person may decide again: %v", err)
	}
	if err := write(`INSERT INTO history (comment, at, what) VALUES (1, 2, 'edited')`); err != nil {
		t.Error(err)
	}
	if n := howMany(t, db, `SELECT max(id) FROM history`); n != 2 {
		t.Errorf("the next line of the history is number %d", n)
	}
	if n := howMany(t, db, `SELECT count(*) FROM sqlite_sequence WHERE name = 'history'`); n != 0 {
		t.Error("numbers given are still written down")
	}
}

func decided(id int, by string) string {
	return fmt.Sprintf(`INSERT INTO decisions (id, comment, channel, revision, action, by_kind, decided_at) VALUES (%d, 1, 'page', 'r', 'hide', '%s', %d)`, id, by, id)
}

// older makes books as they were when the schema had come as far as a version.
func older(t *testing.T, path string, version int, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	exec := func(statement string) {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%.80s: %v", statement, err)
		}
	}
	exec("CREATE TABLE schema_versions (version INTEGER PRIMARY KEY, applied_at BIGINT NOT NULL)")
	for _, file := range store.SchemaUpTo(t, version) {
		exec(file.Text)
		exec(fmt.Sprintf("INSERT INTO schema_versions (version, applied_at) VALUES (%d, 1)", file.Version))
	}
	exec(strings.Join(statements, "; "))
}
