package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
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

// TestOlderBooksTellWhatWasRepeated: books that were begun before schema 22 know of the last week's comments which said what another said.
func TestOlderBooksTellWhatWasRepeated(t *testing.T) {
	ctx := context.Background()
	where := storetest.Where(t, t.TempDir())
	const day = 24 * 60 * 60 * 1_000_000
	statements := []string{}
	for id, x := range [][3]int64{{7, 1, 0}, {7, 1, 1}, {7, 1, 20}, {8, 1, 20}, {9, 1, 21}, {7, 2, 21}, {-9, 1, 22}, {9, 1, 22}} { // exact, channel, day
		statements = append(statements, fmt.Sprintf(`INSERT INTO comments (id, platform, channel, comment_id, received_at) VALUES (%d, 'facebook', '%d', 'c%[1]d', %[3]d)`, id+1, x[1], x[2]*day),
			fmt.Sprintf(`INSERT INTO fingerprints (comment, channel, author, exact, sim, shingles, band0, band1, band2, band3, at) VALUES (%d, '%d', 'a', %d, 1, 2, 3, 4, 5, 6, %d)`, id+1, x[1], x[0], x[2]*day))
	}
	older(t, where, 21, statements...)
	db, err := store.Open(ctx, where)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for id, want := range []int{0, 0, 0, 0, 9, 0, 0, 9} {
		if is := howMany(t, db, fmt.Sprintf(`SELECT repeated FROM comments WHERE id = %d`, id+1)); is != want {
			t.Errorf("comment %d: %d, want %d", id+1, is, want)
		}
	}
}

func decided(id int, by string) string {
	return fmt.Sprintf(`INSERT INTO decisions (id, comment, channel, revision, action, by_kind, decided_at) VALUES (%d, 1, 'page', 'r', 'hide', '%s', %d)`, id, by, id)
}

// older makes books as they were when the schema had come as far as a version.
func older(t *testing.T, path string, version int, statements ...string) {
	t.Helper()
	driver := "sqlite"
	if storetest.OnPostgreSQL() {
		driver = "pgx"
	}
	db, err := sql.Open(driver, path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	exec := func(statement string) {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%.80s: %v", statement, err)
		}
	}
	if address, err := url.Parse(path); storetest.OnPostgreSQL() && err == nil {
		exec("CREATE SCHEMA " + address.Query().Get("search_path"))
	}
	exec("CREATE TABLE schema_versions (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)")
	for _, file := range store.SchemaUpTo(t, path, version) {
		exec(file.Text)
		exec(fmt.Sprintf("INSERT INTO schema_versions (version, applied_at) VALUES (%d, 1)", file.Version))
	}
	exec(strings.Join(statements, "; "))
}
