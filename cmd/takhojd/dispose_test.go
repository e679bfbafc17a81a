package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"takhojd/moderation/store/storetest"
)

// saying are books in which one comment that was recorded says "kanelbull", and another, that stands, "seml".
func saying(t *testing.T) (data, config string) {
	t.Helper()
	data = judgedBooks(t, "Tack för svaret, Kanelbulle!", "Tack för bussarna, Semla!")
	keepRecord(t, data, "Tack för svaret, Kanelbulle!")
	return data, writeConfig(t, data, "")
}

// disposeOf disposes of the classes as far as anything is old enough.
func disposeOf(t *testing.T, config, classes string) string {
	t.Helper()
	args := []string{"archive", "dispose", "--config", config, "--decision", "HSN 2026-0123", "--by", "rut", "--class", classes,
		"--before", time.Now().UTC().Format(time.RFC3339Nano)}
	code, said := takhojd(t, args...)
	if code != 0 || !strings.Contains(said, ": 1 comments") || !strings.Contains(said, "Nothing is done") {
		t.Fatalf("what would go: %d %s", code, said)
	}
	if code, said := takhojd(t, append(args, "--confirm", "7")...); code != 1 || !strings.Contains(said, "nothing is done") {
		t.Fatalf("another number than there is: %d %s", code, said)
	}
	if code, said = takhojd(t, append(args, "--confirm", "1")...); code != 0 || !strings.Contains(said, "Disposed of 1 comments") {
		t.Fatalf("dispose: %d %s", code, said)
	}
	return said
}

// holds tells whether any file below a folder has a word in it, in letters of either case.
func holds(t *testing.T, folder, word string) (in []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(bytes.ToLower(text), []byte(word)) {
			in = append(in, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// gone tells that a word is nowhere in books, that another still is, and that the log verifies and says why.
func gone(t *testing.T, config, word, stays string) {
	t.Helper()
	folder := filepath.Dir(config)
	if code, said := takhojd(t, "archive", "verify", "--config", config); code != 0 || !strings.Contains(said, "disposed of under decision HSN 2026-0123") {
		t.Errorf("verify: %d %s", code, said)
	}
	if in := holds(t, folder, word); len(in) > 0 {
		t.Errorf("%q stands in %v", word, in)
	}
	if in := holds(t, folder, stays); !storetest.OnPostgreSQL() && len(in) == 0 {
		t.Errorf("%q went with it", stays)
	}
}

func TestWhatWasDisposedOfStaysAway(t *testing.T) {
	data, config := saying(t)
	backups := t.TempDir()
	backup := func(name string) string {
		folder := filepath.Join(backups, name)
		if code, said := takhojd(t, "backup", "--config", config, "--to", folder); code != 0 {
			t.Fatal(said)
		}
		return folder
	}
	before := backup("before")
	if len(holds(t, data, "kanelbull")) == 0 {
		t.Fatal("the test sees nothing")
	}
	disposeOf(t, config, "removed")
	gone(t, config, "kanelbull", "seml")
	after := backup("after")
	if in := holds(t, after, "kanelbull"); len(in) > 0 {
		t.Errorf("a backup made after it has it in %v", in)
	}
	restore := func(from string, args ...string) (config string, code int, said string) {
		fresh, database := t.TempDir(), ""
		if storetest.OnPostgreSQL() {
			database = storetest.Where(t, fresh)
		}
		config = writeConfig(t, fresh, database)
		code, said = takhojd(t, append([]string{"restore", "--config", config, "--from", from}, args...)...)
		return config, code, said
	}
	again, code, said := restore(before)
	if code != 0 || !strings.Contains(said, "1 comments that were disposed of since are removed again") {
		t.Fatalf("restore: %d %s", code, said)
	}
	gone(t, again, "kanelbull", "seml")
	again, code, said = restore(after)
	if code != 0 || strings.Contains(said, "removed again") {
		t.Fatalf("restore: %d %s", code, said)
	}
	gone(t, again, "kanelbull", "seml")

	// The list is lost, or changed: then nothing is restored by mistake.
	list := filepath.Join(backups, disposalsName)
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, bytes.Replace(text, []byte("HSN"), []byte("HSM"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, code, said := restore(before); code != 1 || !strings.Contains(said, "did not sign") {
		t.Errorf("a changed list: %d %s", code, said)
	}
	if err := os.Remove(list); err != nil {
		t.Fatal(err)
	}
	if _, code, said := restore(before); code != 1 || !strings.Contains(said, "--disposals") {
		t.Errorf("no list: %d %s", code, said)
	}
	backup("third") // writes the list anew, from the log
	if again, code, said := restore(before); code != 0 {
		t.Errorf("the list from the log: %d %s", code, said)
	} else {
		gone(t, again, "kanelbull", "seml")
	}
}

// A process that dies between the list and the commit leaves a list that says more than was done: whoever opens the books next does it.
func TestDisposalThatDiedIsFinished(t *testing.T) {
	data, config := saying(t)
	before := t.TempDir()
	if err := os.CopyFS(before, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	disposeOf(t, config, "standing")
	list, err := os.ReadFile(filepath.Join(data, disposalsName))
	if err != nil {
		t.Fatal(err)
	}
	// A second part was being written.
	if err := os.WriteFile(filepath.Join(before, disposalsName), append(list, `{"id":"`...), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, said := takhojd(t, "archive", "disposals", "--config", filepath.Join(before, filepath.Base(config))); code != 0 || !strings.Contains(said, "HSN 2026-0123") {
		t.Fatalf("%d %s", code, said)
	}
	gone(t, filepath.Join(before, filepath.Base(config)), "seml", "kanelbull")
}

func TestDisposalIsWrittenWhereBackupsLie(t *testing.T) {
	_, config := saying(t)
	backups := filepath.Join(t.TempDir(), "mounted")
	if code, said := takhojd(t, "backup", "--config", config, "--to", filepath.Join(backups, "first")); code != 0 {
		t.Fatal(said)
	}
	if err := os.Rename(backups, backups+"-elsewhere"); err != nil {
		t.Fatal(err)
	}
	code, said := takhojd(t, "archive", "dispose", "--config", config, "--decision", "HSN 2026-0123", "--by", "rut", "--class", "removed",
		"--before", time.Now().UTC().Format(time.RFC3339Nano), "--confirm", "1")
	if code != 1 || !strings.Contains(said, "cannot be reached") {
		t.Errorf("without the backups: %d %s", code, said)
	}
	if _, err := disposalLists(place{folder: t.TempDir(), server: "postgres://x"}, nil); err == nil || !strings.Contains(err.Error(), "--backups") {
		t.Errorf("a server's backups: %v", err)
	}
}

func TestHeldRecordIsKept(t *testing.T) {
	_, config := saying(t)
	code, said := takhojd(t, "archive", "list", "--config", config, "--json")
	_, rest, _ := strings.Cut(said, `"id":"`)
	record, _, _ := strings.Cut(rest, `"`)
	if code != 0 || record == "" {
		t.Fatalf("%d %s", code, said)
	}
	if code, said := takhojd(t, "archive", "hold", record, "--config", config, "--reason", "begäran 2026/7", "--by", "rut"); code != 0 {
		t.Fatal(said)
	}
	preview := []string{"archive", "dispose", "--config", config, "--decision", "HSN 2026-0123", "--by", "rut", "--class", "removed",
		"--before", time.Now().UTC().Format(time.RFC3339Nano)}
	if code, said := takhojd(t, preview...); code != 0 || !strings.Contains(said, ": 0 comments") || !strings.Contains(said, "1 more are held") {
		t.Errorf("held: %d %s", code, said)
	}
	if code, said := takhojd(t, "archive", "release", record, "--config", config, "--reason", "utlämnad", "--by", "rut"); code != 0 {
		t.Fatal(said)
	}
	if code, said := takhojd(t, preview...); code != 0 || !strings.Contains(said, ": 1 comments") {
		t.Errorf("released: %d %s", code, said)
	}
	if code, said := takhojd(t, "archive", "hold", "2026-999999", "--config", config, "--reason", "x", "--by", "rut"); code != 1 || !strings.Contains(said, "no such record") {
		t.Errorf("no record: %d %s", code, said)
	}
}
