package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"takhojd/moderation/store"
	"takhojd/moderation/store/storetest"
)

// TestTheLogIsFoldedInWhileItIsWritten: what is written without a pause does not make the write-ahead log grow without end, and all of it is there.
func TestTheLogIsFoldedInWhileItIsWritten(t *testing.T) {
	if storetest.OnPostgreSQL() {
		t.Skip("PostgreSQL keeps its own log")
	}
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "db")
	db, err := store.Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	const many, size = 480, 1 << 19
	for i := range many {
		err := db.Update(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(`INSERT INTO archive_media (sha256, type, bytes) VALUES ($1, 'image/png', $2)`, fmt.Sprint(i), make([]byte, size))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if log.Size() > many*size*3/4 {
		t.Errorf("the log is %d MB after %d MB", log.Size()>>20, many*size>>20)
	}
	if n := howMany(t, db, `SELECT count(*) FROM archive_media WHERE length(bytes) = 524288`); n != many {
		t.Errorf("%d of %d", n, many)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.Stat(path + "-wal"); err == nil && left.Size() > 0 {
		t.Errorf("%d bytes are left in the log after the end", left.Size())
	}
}
