package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"takhojd/archive"
	"takhojd/moderation/store"
	"takhojd/moderation/store/storetest"
	"takhojd/platforms"
)

// Books that were moved hold the same, are found by the same words, and go on where the old ones ended. Without PostgreSQL they move from
// SQLite to SQLite; `make test-postgres` moves them there and back.
func TestMigrateMovesEverything(t *testing.T) {
	ctx := context.Background()
	data := judgedBooks(t, "Du är en jävla idiot.", "Tack för bussarna!", "Jag vet var du bor.", "Ni är skit allihop, åäö 👩‍👩‍👧")
	keepRecord(t, data, "Du är en jävla idiot.")
	config := filepath.Join(data, "takhojd.yaml")
	if err := os.WriteFile(config, []byte("data: .\norigin: "+demoOrigin+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	there := storetest.Where(t, t.TempDir())
	moved := func(args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(ctx, append([]string{"migrate", "--config", config}, args...), nil, &out, &errs); code != 0 {
			t.Fatalf("migrate %v: %d\n%s%s", args, code, &out, &errs)
		}
		return out.String()
	}
	if out := moved("--to", there); !strings.Contains(out, "moved and verified") {
		t.Errorf("it says %q", out)
	}
	back := filepath.Join(t.TempDir(), "back.db")
	moved("--from", there, "--to", "sqlite:"+back)
	old := filepath.Join(data, databaseName)
	want := rowsOf(t, old)
	for _, where := range []string{there, back} {
		for table, n := range rowsOf(t, where) {
			if n != want[table] {
				t.Errorf("%s: %d rows, want %d", table, n, want[table])
			}
		}
	}
	if want["comments"] != 4 || want["archive_records"] == 0 || want["archive_words"] == 0 {
		t.Fatalf("there was little to move: %v", want)
	}

	b, err := openBooks(ctx, place{folder: data, origin: demoOrigin, server: there})
	if err != nil {
		t.Fatal(err)
	}
	defer b.db.Close()
	found, err := b.archive.List(ctx, archive.Query{Words: "idioten"})
	if err != nil || len(found) != 1 {
		t.Errorf("found %d records by a word, %v", len(found), err)
	}
	if err := b.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`INSERT INTO history (comment, at, what) VALUES (1, 1, 'moved')`)
		return err
	}); err != nil {
		t.Errorf("numbers do not go on: %v", err)
	}

	var out, errs bytes.Buffer
	if code := run(ctx, []string{"migrate", "--config", config, "--to", there}, nil, &out, &errs); code != 1 || !strings.Contains(errs.String(), "not empty") {
		t.Errorf("onto other books: %d %s", code, &errs)
	}
}

// keepRecord archives a comment.
func keepRecord(t *testing.T, data, text string) {
	t.Helper()
	b, err := openBooks(context.Background(), place{folder: data, origin: demoOrigin})
	if err != nil {
		t.Fatal(err)
	}
	defer b.db.Close()
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	if err := b.db.Update(context.Background(), func(tx *store.Tx) error {
		_, err := b.archive.Append(tx, archive.Record{Ref: platforms.Ref{Platform: platforms.Facebook, Channel: "rs-facebook", Comment: "a"},
			Text: text, Posted: at, Received: at, Categories: []string{"insult"}, Decision: archive.Decision{ID: 1, Action: "hide", By: "bot", At: at}})
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// rowsOf counts the rows of the tables that matter most.
func rowsOf(t *testing.T, where string) map[string]int {
	t.Helper()
	db, err := store.Open(context.Background(), where)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows := map[string]int{}
	for _, table := range []string{"comments", "revisions", "decisions", "flags", "outbox", "history", "archive_entries", "archive_records",
		"archive_words", "log_hashes", "log_checkpoints", "templates"} {
		var n int
		if err := db.View(context.Background(), func(tx *store.Tx) error {
			return tx.QueryRow(fmt.Sprintf(`SELECT count(*) FROM %s`, table)).Scan(&n)
		}); err != nil {
			t.Fatal(err)
		}
		rows[table] = n
	}
	return rows
}
