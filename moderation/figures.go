package moderation

import (
	"context"
	"fmt"
	"sort"
	"time"

	"takhojd/moderation/store"
	"takhojd/rules"
)

// Figures counts what happened from From up to, and not including, To. Days are the authority's own, midnight to midnight.
func (m *Moderator) Figures(ctx context.Context, from, to time.Time) (Figures, error) {
	f := Figures{From: from, To: to}
	err := m.db.View(ctx, func(tx *store.Tx) error {
		if err := m.days(tx, &f); err != nil {
			return err
		}
		if err := m.byCategory(tx, &f); err != nil {
			return err
		}
		if err := hideTimes(tx, &f); err != nil {
			return err
		}
		return m.reviewTimes(tx, &f)
	})
	if err != nil {
		return f, fmt.Errorf("moderation: figures: %w", err)
	}
	return f, nil
}

func (m *Moderator) days(tx *store.Tx, f *Figures) error {
	for day := m.midnight(f.From); day.Before(f.To); day = m.midnight(day.Add(36 * time.Hour)) {
		begin, end := maxTime(day, f.From), minTime(m.midnight(day.Add(36*time.Hour)), f.To)
		rows, err := tx.Query(`SELECT channel, count(*) FILTER (WHERE by_kind = 'bot'), count(*) FILTER (WHERE by_kind = 'bot' AND action = 'allow'),
			count(*) FILTER (WHERE by_kind = 'bot' AND action = 'flag'), count(*) FILTER (WHERE action = 'hide' AND undone_at = 0), 0 FROM decisions WHERE decided_at >= $1 AND decided_at < $2 GROUP BY channel ORDER BY channel`, begin, end)
		if err != nil {
			return err
		}
		for rows.Next() {
			d := DayFigures{Day: day.In(m.cfg.Location).Format(time.DateOnly)}
			if err := rows.Scan(&d.Channel, &d.Comments, &d.Allowed, &d.Flagged, &d.Hidden, &d.Removed); err != nil {
				_ = rows.Close()
				return err
			}
			f.Days = append(f.Days, d)
		}
		if err := rows.Close(); err != nil {
			return err
		}
		if err := removals(tx, f, begin, end, day.In(m.cfg.Location).Format(time.DateOnly)); err != nil {
			return err
		}
	}
	return nil
}

// removals adds how many comments were taken away by their authors on one day.
func removals(tx *store.Tx, f *Figures, begin, end time.Time, day string) error {
	rows, err := tx.Query(`SELECT channel, count(*) FROM comments WHERE state = 'removed' AND state_at >= $1 AND state_at < $2 GROUP BY channel`, begin, end)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var channel string
		var n int
		if err := rows.Scan(&channel, &n); err != nil {
			return err
		}
		found := false
		for i := range f.Days {
			if f.Days[i].Day == day && f.Days[i].Channel == channel {
				f.Days[i].Removed, found = n, true
			}
		}
		if !found {
			f.Days = append(f.Days, DayFigures{Day: day, Channel: channel, Removed: n})
		}
	}
	return rows.Err()
}

func (m *Moderator) midnight(t time.Time) time.Time {
	y, month, d := t.In(m.cfg.Location).Date()
	return time.Date(y, month, d, 0, 0, 0, 0, m.cfg.Location)
}

// byCategory counts the bot's flags and hides by their gravest category, and what people then made of them. A hide that a person let
// be seen again is overturned; a flag never is.
func (m *Moderator) byCategory(tx *store.Tx, f *Figures) error {
	rows, err := tx.Query(`SELECT d.category, count(*) FILTER (WHERE d.action = 'flag'), count(*) FILTER (WHERE d.action = 'hide'),
		count(p.id), count(*) FILTER (WHERE d.action = 'hide' AND coalesce(p.action, '') IN ('restore', 'allow', 'route')) FROM decisions d
		LEFT JOIN decisions p ON p.id = (SELECT max(q.id) FROM decisions q WHERE q.comment = d.comment AND q.revision = d.revision
			AND q.by_kind = 'person' AND q.undone_at = 0 AND q.action NOT IN ('opinion', 'escalate') AND q.action NOT IN `+besides+`)
		WHERE d.by_kind = 'bot' AND d.category <> '' AND d.action <> 'allow' AND d.decided_at >= $1 AND d.decided_at < $2 GROUP BY d.category`, f.From, f.To)
	if err != nil {
		return err
	}
	defer rows.Close()
	found := map[rules.Category]CategoryFigures{}
	for rows.Next() {
		var c CategoryFigures
		var category string
		if err := rows.Scan(&category, &c.Flagged, &c.Hidden, &c.Reviewed, &c.Overturned); err != nil {
			return err
		}
		c.Category = rules.Category(category)
		found[c.Category] = c
	}
	for _, category := range rules.Categories() {
		if c, ok := found[category]; ok {
			f.Categories = append(f.Categories, c)
		}
	}
	return rows.Err()
}

// hideTimes takes the median and the 99th percentile of the time from the platform's event to the platform's answer.
func hideTimes(tx *store.Tx, f *Figures) error {
	median, p99, err := HideTimes(tx, f.From, f.To)
	f.HideMedian, f.HideP99 = median, p99
	return err
}

// HideTimes returns the median and the 99th percentile of the time from a platform's event received to its answer to the bot's hide.
func HideTimes(tx *store.Tx, from, to time.Time) (median, p99 time.Duration, err error) {
	times, err := durations(tx, `SELECT o.settled_at - o.since FROM outbox o JOIN decisions d ON d.id = o.decision WHERE o.action = 'hide'
		AND o.state = 'done' AND o.result IN ('done', 'already') AND d.by_kind = 'bot' AND o.since > 0 AND o.settled_at >= $1 AND o.settled_at < $2`, from, to)
	if err != nil {
		return 0, 0, err
	}
	return percentile(times, 50), percentile(times, 99), nil
}

func (m *Moderator) reviewTimes(tx *store.Tx, f *Figures) error {
	times, err := durations(tx, `SELECT closed_at - opened_at FROM flags WHERE closed_at > 0 AND closed_by NOT IN ('bot', 'platform')
		AND closed_at >= CAST($1 AS BIGINT) AND closed_at < CAST($2 AS BIGINT)`, f.From, f.To)
	if err != nil {
		return err
	}
	f.ReviewMedian = percentile(times, 50)
	return tx.QueryRow(`SELECT count(*), count(*) FILTER (WHERE closed_at > 0), count(*) FILTER (WHERE CASE WHEN closed_at > 0 THEN closed_at ELSE $3 END > due_at)
		FROM flags WHERE opened_at >= $1 AND opened_at < $2`, f.From, f.To, store.Time(m.now())).Scan(&f.Flags, &f.FlagsClosed, &f.FlagsLate)
}

func durations(tx *store.Tx, query string, args ...any) ([]time.Duration, error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []time.Duration
	for rows.Next() {
		var us int64
		if err := rows.Scan(&us); err != nil {
			return nil, err
		}
		found = append(found, time.Duration(us)*time.Microsecond)
	}
	return found, rows.Err()
}

// percentile is the value that p percent of the values do not exceed; zero of none.
func percentile(values []time.Duration, p int) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sort.Slice(values, func(i, j int) bool { return values[i] < values[j] })
	return values[min(len(values)-1, max(0, (len(values)*p+99)/100-1))]
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
