package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"takhojd/archive"
	"takhojd/moderation/store"
	"takhojd/moderation/store/storetest"
)

func takhojd(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	var out bytes.Buffer
	code = run(context.Background(), args, nil, &out, &out)
	return code, out.String()
}

func writeConfig(t *testing.T, folder, database string) string {
	t.Helper()
	path := filepath.Join(folder, "takhojd.yaml")
	text := "data: .\norigin: " + demoOrigin + "\n"
	if database != "" {
		secret := filepath.Join(folder, "database.secret")
		if err := os.WriteFile(secret, []byte(database), 0o600); err != nil {
			t.Fatal(err)
		}
		text += "database: {file: database.secret}\n"
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What was backed up while comments were written comes back whole in a fresh place, with what waited then set aside.
func TestBackupAndRestore(t *testing.T) {
	ctx := context.Background()
	data := judgedBooks(t, "Du är en jävla idiot.", "Tack för bussarna!")
	keepRecord(t, data, "Du är en jävla idiot.")
	config := writeConfig(t, data, "")
	b, err := openBooks(ctx, place{folder: data, origin: demoOrigin})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`INSERT INTO outbox (comment, channel, action, created_at) VALUES (1, 'rs-facebook', 'reply', 1), (1, 'rs-facebook', 'post', 1)`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	writing, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { // someone goes on writing
		defer close(done)
		for i := 0; writing.Err() == nil; i++ {
			if err := b.db.Update(ctx, func(tx *store.Tx) error {
				_, err := tx.Exec(`INSERT INTO cursors (channel, caught_up_at) VALUES ($1, 1)`, fmt.Sprint(i))
				return err
			}); err != nil {
				t.Error(err)
			}
		}
	}()
	folder := filepath.Join(t.TempDir(), "backup")
	code, said := takhojd(t, "backup", "--config", config, "--to", folder)
	stop()
	<-done
	if code != 0 || !strings.Contains(said, "1 records") {
		t.Fatalf("backup: %d %s", code, said)
	}
	if err := b.db.Close(); err != nil {
		t.Fatal(err)
	}
	if code, said := takhojd(t, "backup", "--config", config, "--to", folder); code != 1 || !strings.Contains(said, "never written over") {
		t.Errorf("onto a backup: %d %s", code, said)
	}

	database := ""
	if storetest.OnPostgreSQL() {
		database = storetest.Where(t, t.TempDir())
	}
	fresh := t.TempDir()
	again := writeConfig(t, fresh, database)
	if code, said := takhojd(t, "restore", "--config", again, "--from", folder); code != 0 || !strings.Contains(said, "1 things") {
		t.Fatalf("restore: %d %s", code, said)
	}
	at := place{folder: fresh, origin: demoOrigin, server: database}
	want, got := rowsOf(t, filepath.Join(data, databaseName)), rowsOf(t, at.database())
	if !maps.Equal(want, got) {
		t.Errorf("restored %v, want %v", got, want)
	}
	r, err := openBooks(ctx, at)
	if err != nil {
		t.Fatal(err)
	}
	defer r.db.Close()
	if found, err := r.archive.List(ctx, archive.Query{Words: "idiot"}); err != nil || len(found) != 1 {
		t.Errorf("the record is not found again: %v %v", found, err)
	}
	if code, said := takhojd(t, "restore", "--config", again, "--from", folder); code != 1 || !strings.Contains(said, "there already") {
		t.Errorf("onto other books: %d %s", code, said)
	}
}

func TestBackupsThatAreNotWhole(t *testing.T) {
	data := judgedBooks(t, "Hej!")
	config, folder := writeConfig(t, data, ""), filepath.Join(t.TempDir(), "backup")
	if code, said := takhojd(t, "backup", "--config", config, "--to", folder); code != 0 {
		t.Fatal(said)
	}
	restore := func() string {
		code, said := takhojd(t, "restore", "--config", writeConfig(t, t.TempDir(), ""), "--from", folder)
		if code != 1 {
			t.Errorf("restored: %s", said)
		}
		return said
	}
	path := filepath.Join(folder, databaseName)
	bytes, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bytes[len(bytes)/2] ^= 1
	if err := os.WriteFile(path, bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	if said := restore(); !strings.Contains(said, "not the file that was backed up") {
		t.Errorf("one bit changed: %s", said)
	}
	if err := os.Remove(filepath.Join(folder, manifestName)); err != nil {
		t.Fatal(err)
	}
	if said := restore(); !strings.Contains(said, "no finished backup") {
		t.Errorf("not finished: %s", said)
	}
}
