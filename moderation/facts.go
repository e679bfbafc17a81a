package moderation

import (
	"fmt"
	"strconv"
	"time"

	"takhojd/rules"
)

// facts gathers what the policy may weigh beside the comment's own words, and notes the comment's fingerprint for those who
// come after.
func (w *walk) facts(c *comment, policy *rules.Policy) (rules.Facts, error) {
	f := rules.Facts{Own: c.own}
	print := rules.FingerprintOf(c.text)
	if print == (rules.Fingerprint{}) {
		return f, nil
	}
	var err error
	f.SameByAuthor, f.SameByOthers, err = w.repeated(c, print, w.now.Add(-policy.RepeatWindow()))
	if err != nil {
		return f, err
	}
	bands := print.Bands()
	_, err = w.tx.Exec(`INSERT INTO fingerprints (comment, channel, author, exact, sim, shingles, band0, band1, band2, band3, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (comment) DO UPDATE SET exact = excluded.exact, sim = excluded.sim,
		shingles = excluded.shingles, band0 = excluded.band0, band1 = excluded.band1, band2 = excluded.band2, band3 = excluded.band3`,
		c.id, c.ref.Channel, c.author.ID, int64(print.Exact), int64(print.Sim), int(print.Shingles),
		int(bands[0]), int(bands[1]), int(bands[2]), int(bands[3]), w.now)
	if err != nil {
		return f, fmt.Errorf("fingerprint: %w", err)
	}
	return f, nil
}

// mostCandidates bounds how many earlier comments one comment is compared with: in a flood a few dozen tell enough, and the flood must
// not slow down what judges it. It stands in the SQL as it is: SQLite parses a statement anew whenever a bound LIMIT is set.
const mostCandidates = 64

// repeated counts the comments on the channel since a time that say the same or nearly the same.
func (w *walk) repeated(c *comment, print rules.Fingerprint, since time.Time) (byAuthor, byOthers int, err error) {
	bands := print.Bands()
	rows, err := w.tx.Query(`SELECT author, exact, sim, shingles FROM fingerprints WHERE comment IN (
		SELECT comment FROM fingerprints WHERE channel = $1 AND exact = $2 AND at >= $3 UNION
		SELECT comment FROM fingerprints WHERE channel = $1 AND band0 = $4 AND at >= $3 UNION
		SELECT comment FROM fingerprints WHERE channel = $1 AND band1 = $5 AND at >= $3 UNION
		SELECT comment FROM fingerprints WHERE channel = $1 AND band2 = $6 AND at >= $3 UNION
		SELECT comment FROM fingerprints WHERE channel = $1 AND band3 = $7 AND at >= $3 ORDER BY comment LIMIT `+strconv.Itoa(mostCandidates)+`) AND comment <> $8`,
		c.ref.Channel, int64(print.Exact), since, int(bands[0]), int(bands[1]), int(bands[2]), int(bands[3]), c.id)
	if err != nil {
		return 0, 0, fmt.Errorf("repetition: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var author string
		var exact, sim int64
		var shingles int
		if err := rows.Scan(&author, &exact, &sim, &shingles); err != nil {
			return 0, 0, fmt.Errorf("repetition: %w", err)
		}
		other := rules.Fingerprint{Exact: uint64(exact), Sim: uint64(sim), Shingles: uint16(shingles)}
		if !print.Near(other) {
			continue
		}
		if author != "" && author == c.author.ID {
			byAuthor++
		} else {
			byOthers++
		}
	}
	return byAuthor, byOthers, rows.Err()
}

// strikes counts the author's other comments that count as violations within the window. The cast keeps SQLite from holding
// the parameter against the index's own condition, for which it would parse the statement anew each time.
func (w *walk) strikes(c *comment, window time.Duration) (int, error) {
	if c.author.ID == "" {
		return 0, nil
	}
	var n int
	err := w.tx.QueryRow(`SELECT count(*) FROM comments WHERE platform = $1 AND author_id = $2 AND violation_at > 0 AND violation_at > CAST($3 AS BIGINT)
		AND id <> $4`, string(c.ref.Platform), c.author.ID, w.now.Add(-window), c.id).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("strikes: %w", err)
	}
	return n, nil
}
