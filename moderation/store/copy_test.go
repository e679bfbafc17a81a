package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"takhojd/moderation/store"
	"takhojd/moderation/store/storetest"
)

// TestACopyHoldsWhatWasThere: every value comes over as it was – also bytes that are missing or no text – and comes back so.
func TestACopyHoldsWhatWasThere(t *testing.T) {
	ctx := context.Background()
	kept := store.NewTable("archive_entries", "leaf record_id kind commitment body salt")
	disposed := store.NewTable("archive_entries", "leaf record_id kind commitment disposal")
	begun := func(where string) *store.DB {
		db, err := store.Open(ctx, where)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	from := begun(filepath.Join(t.TempDir(), "from.db"))
	if err := from.Update(ctx, func(tx *store.Tx) error {
		for i := 1; i <= 2500; i++ {
			tx.Insert(parents, i, "facebook", "c", fmt.Sprint("c", i), time.UnixMicro(7), i%2 == 0)
			raw := [][]byte{nil, {0, 255}, []byte(`{"message": "Hej på dig"}`)}[i%3]
			if i%2 == 0 {
				tx.Insert(kept, i, "r", "comment", []byte{1}, []byte("{}"), []byte{2})
			} else {
				tx.Insert(disposed, i, "r", "comment", []byte{1}, 7)
			}
			tx.Insert(children, i, "r", fmt.Sprint("Tåget är sent ", i, " 🙂"), "[]", raw, time.Time{}, time.UnixMicro(8), "test", false)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	told := map[string]int64{}
	dbs := []*store.DB{from, begun(storetest.Where(t, t.TempDir())), begun(filepath.Join(t.TempDir(), "back.db"))}
	for i := range 2 {
		if err := store.Copy(ctx, dbs[i], dbs[i+1], func(table string, rows int64) { told[table] = rows }); err != nil {
			t.Fatal(err)
		}
		if told["comments"] != 2500 || told["revisions"] != 2500 {
			t.Errorf("told of %d and %d rows, want 2500", told["comments"], told["revisions"])
		}
	}
	type row struct {
		id, received, own int64
		text, raw         string
		missing           bool
	}
	all := func(db *store.DB) (rows []row) {
		if err := db.View(ctx, func(tx *store.Tx) error {
			return tx.ForEach(`SELECT c.id, c.received_at, c.own, r.text, r.raw, CASE WHEN r.raw IS NULL THEN 1 ELSE 0 END FROM comments c JOIN revisions r ON r.comment = c.id ORDER BY c.id`, nil,
				func(scan func(...any) error) error {
					var r row
					var raw []byte
					err := scan(&r.id, &r.received, &r.own, &r.text, &raw, &r.missing)
					r.raw = string(raw)
					rows = append(rows, r)
					return err
				})
		}); err != nil {
			t.Fatal(err)
		}
		return rows
	}
	for i, db := range dbs {
		if n := howMany(t, db, `SELECT CAST(sum(CASE WHEN disposal IS NULL THEN 1 ELSE 10000 END * CASE WHEN body IS NULL THEN 1 ELSE 100000000 END) AS BIGINT) FROM archive_entries`); n != 1250*10000+1250*100000000 {
			t.Errorf("copy %d: of 2500 entries half are disposed of, and have no body: %d", i, n)
		}
	}
	want := all(from)
	for i, db := range dbs[1:] {
		got := all(db)
		if len(got) != len(want) {
			t.Fatalf("copy %d holds %d rows, want %d", i+1, len(got), len(want))
		}
		for n := range want {
			if got[n] != want[n] {
				t.Fatalf("copy %d: %+v, want %+v", i+1, got[n], want[n])
			}
		}
	}
}
