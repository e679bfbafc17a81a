package moderation

import (
	"context"
	"fmt"

	"takhojd/moderation/store"
)

// SetAside makes dead letters of what waits to be done on the platforms, for a person to look at, and says how many. It is for books that
// were restored from a backup: what waited then may have been done since, and a decision that was made since, to let a comment stand, is
// not in them. What only reads goes on waiting.
func SetAside(ctx context.Context, db *store.DB, why string) (n int64, err error) {
	err = db.Update(ctx, func(tx *store.Tx) error {
		r, err := tx.Exec(`UPDATE outbox SET state = 'dead', error = $1 WHERE state = 'waiting' AND action NOT IN ('capture', 'post', 'reread')`, why)
		if err != nil {
			return err
		}
		n, err = r.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("moderation: set aside: %w", err)
	}
	return n, nil
}
