//go:build unix

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestBooksAreTheirOwnersAlone: nobody else on the machine reads what the program keeps, in a folder that everybody may look into.
func TestBooksAreTheirOwnersAlone(t *testing.T) {
	mask := syscall.Umask(0)
	defer syscall.Umask(mask)
	dir := t.TempDir()
	config := filepath.Join(dir, "takhojd.yaml")
	if err := os.WriteFile(config, []byte("data: data\norigin: takhojd.test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o777); err != nil { // as a service manager may make it
		t.Fatal(err)
	}
	if code, _, errs := do(t, "", "user", "add", "anna", "--role", "admin", "--config", config); code != 0 {
		t.Fatal(errs)
	}
	if code, out, errs := do(t, "", "backup", "--config", config, "--to", filepath.Join(dir, "copy")); code != 0 {
		t.Fatal(out, errs)
	}
	if code, _, errs := do(t, "", "archive", "export", "--config", config, "--out", filepath.Join(dir, "export.jsonl")); code != 0 {
		t.Fatal(errs)
	}
	files := 0
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %s", path, info.Mode())
		}
		files++
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if files < 6 {
		t.Errorf("only %d files", files)
	}
}
