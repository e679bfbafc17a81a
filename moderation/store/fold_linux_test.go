package store

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// TestTheFileIsWrittenInParts: the log is folded in by a connection that pauses between parts, and the file is whole afterwards.
func TestTheFileIsWrittenInParts(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "db")
	db, err := Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	add := func(i int) {
		err := db.Update(ctx, func(tx *Tx) error {
			_, err := tx.Exec(`INSERT INTO archive_media (sha256, type, bytes) VALUES ($1, 'image/png', $2)`, fmt.Sprint(i), make([]byte, 1<<20))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	before, many := folding.written.Load(), 0
	for deadline := time.Now().Add(time.Minute); folding.written.Load() < before+foldEvery; many++ {
		if time.Now().After(deadline) {
			t.Fatalf("%d pages were folded in in parts after %d MB", folding.written.Load()-before, many)
		}
		add(many)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = Open(ctx, path); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(ctx, func(tx *Tx) error {
		var said string
		var n int
		if err := tx.QueryRow(`PRAGMA integrity_check`).Scan(&said); err != nil || said != "ok" {
			return fmt.Errorf("integrity_check: %q, %w", said, err)
		}
		if err := tx.QueryRow(`SELECT count(*) FROM archive_media WHERE length(bytes) = 1048576`).Scan(&n); err != nil || n != many {
			return fmt.Errorf("%d of %d, %w", n, many, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
