package moderation

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"takhojd/moderation/picture"
	"takhojd/moderation/store"
)

// TestWhatIsNearIsFoundWithoutALookAtEverything: SQLite begins with the slots, and never goes through a table.
func TestWhatIsNearIsFoundWithoutALookAtEverything(t *testing.T) {
	ctx := context.Background()
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "takhojd.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var plan []string
	err = db.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(`EXPLAIN QUERY PLAN `+removedWith, append([]any{"", 1}, slices.Repeat([]any{-1}, picture.ProbeCount)...)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				return err
			}
			plan = append(plan, step)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	whole := strings.Join(plan, "\n")
	if strings.Contains(whole, "SCAN ") || strings.Contains(whole, "comments_hidden") || !strings.Contains(whole, "picture_slots") {
		t.Errorf("the plan is\n%s", whole)
	}
}
