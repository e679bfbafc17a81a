package archive

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"takhojd/moderation/store"
	"takhojd/platforms"
)

// Hold stops the disposal of a record (gallringsstopp), or lets it go again: while a request, an appeal or a police report is open. What was entered
// last of a record is what holds.
type Hold struct {
	On     bool   `json:"on"`
	Reason string `json:"reason"`
	// Reference is the number of the case or the decision in the diary (diarienummer); empty: none was given.
	Reference string    `json:"reference,omitempty"`
	By        string    `json:"by"`
	At        time.Time `json:"at"`
}

// Hold enters a hold, or its end, among the record's entries.
func (a *Archive) Hold(ctx context.Context, record string, h Hold) error {
	_, err := a.hold(ctx, []string{record}, h, true)
	return err
}

// HoldAll is Hold for those of some records that do not stand so already, and tells how many they were. All are entered in one transaction, or none.
func (a *Archive) HoldAll(ctx context.Context, records []string, h Hold) (entered int, err error) {
	return a.hold(ctx, records, h, false)
}

func (a *Archive) hold(ctx context.Context, records []string, h Hold, again bool) (entered int, err error) {
	h.At = a.now().UTC().Truncate(time.Microsecond)
	var record string
	err = a.db.Update(ctx, func(tx *store.Tx) error {
		entered = 0
		for _, record = range records {
			var n int
			if err := tx.QueryRow(`SELECT count(*) FROM archive_records WHERE record_id = $1`, record).Scan(&n); err != nil {
				return err
			}
			if n == 0 {
				return ErrNotFound
			}
			held, err := a.Held(tx, record)
			if err != nil {
				return err
			}
			if held == h.On && !again {
				continue
			}
			if err := a.Add(tx, record, KindHold, h); err != nil {
				return err
			}
			entered++
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("archive: hold %s: %w", record, err)
	}
	return entered, nil
}

// Held tells whether a record must not be disposed of.
func (a *Archive) Held(tx *store.Tx, record string) (bool, error) {
	rows, err := tx.Query(`SELECT body FROM archive_entries WHERE record_id = $1 AND kind = $2 ORDER BY leaf DESC LIMIT 1`, record, string(KindHold))
	if err != nil {
		return false, fmt.Errorf("archive: holds of %s: %w", record, err)
	}
	defer rows.Close()
	var h Hold
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return false, fmt.Errorf("archive: holds of %s: %w", record, err)
		}
		h = readHold(body)
	}
	return h.On, rows.Err()
}

// readHold reads an entry. What cannot be read may be a hold; verify says what is wrong with it.
func readHold(body []byte) (h Hold) {
	if json.Unmarshal(body, &h) != nil {
		return Hold{On: true}
	}
	return h
}

// HeldRecord is a record that must not be disposed of, and what holds it.
type HeldRecord struct {
	Hold
	Record string
	Ref    platforms.Ref
	// Leaf is the hold's own.
	Leaf int64
}

// Holds lists the records that must not be disposed of, the latest held first: at most limit of them, held before the leaf before; 0: from the latest.
func (a *Archive) Holds(ctx context.Context, before int64, limit int) (found []HeldRecord, err error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	err = a.db.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(`SELECT e.leaf, e.record_id, e.body, r.platform, r.channel, r.comment_id FROM archive_entries e JOIN archive_records r ON r.record_id = e.record_id
			WHERE e.kind = 'hold' AND e.leaf < $1 AND NOT EXISTS (SELECT 1 FROM archive_entries later WHERE later.record_id = e.record_id AND later.kind = 'hold'
			AND later.leaf > e.leaf) ORDER BY e.leaf DESC`, before)
		if err != nil {
			return err
		}
		defer rows.Close()
		for len(found) < limit && rows.Next() {
			var r HeldRecord
			var body []byte
			if err := rows.Scan(&r.Leaf, &r.Record, &body, (*string)(&r.Ref.Platform), &r.Ref.Channel, &r.Ref.Comment); err != nil {
				return err
			}
			if r.Hold = readHold(body); r.On {
				found = append(found, r)
			}
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("archive: holds: %w", err)
	}
	return found, nil
}
