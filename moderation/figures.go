package moderation

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"time"

	"takhojd/moderation/store"
	"takhojd/rules"
)

// Figures counts what happened from the day of from up to the day before to's, or with to's where to is later than its midnight. Days are the
// authority's own. It reads sums that are kept for each day; see Uncounted.
func (m *Moderator) Figures(ctx context.Context, from, to time.Time) (Figures, error) {
	f := Figures{From: m.midnight(from), To: m.midnight(to)}
	if f.To.Before(to) {
		f.To = m.midnight(f.To.Add(36 * time.Hour))
	}
	err := m.db.View(ctx, func(tx *store.Tx) error {
		s, rest, err := m.sumsBetween(tx, f.From.Format(time.DateOnly), f.To.Format(time.DateOnly))
		if err != nil {
			return err
		}
		f.Uncounted = int(rest)
		if err := m.removals(tx, f, s); err != nil {
			return err
		}
		if err := f.fill(s); err != nil {
			return err
		}
		var late int // those that are open and late are counted when they are asked for: it takes no event to make them so
		err = tx.QueryRow(`SELECT count(*) FROM flags WHERE closed_at = 0 AND opened_at >= $1 AND opened_at < $2 AND due_at < $3`, f.From, f.To, m.now()).Scan(&late)
		f.FlagsLate += late
		return err
	})
	if err != nil {
		return f, fmt.Errorf("moderation: figures: %w", err)
	}
	return f, nil
}

// sumRemoved are the comments that their authors took away, by day and channel. They are few, have an index, and may come back: no sum is kept.
const sumRemoved = "removed"

func (m *Moderator) removals(tx *store.Tx, f Figures, s sums) error {
	var channel string
	var at, n int64
	return eachRow(tx, `SELECT channel, state_at / `+quarter+`, count(*) FROM comments WHERE state = 'removed' AND state_at >= $1 AND state_at < $2 GROUP BY 1, 2`,
		[]any{f.From, f.To}, func() { s.add(sumRemoved, m.dayOf(at*15*60e6), channel, n) }, &channel, &at, &n)
}

// fill writes sums into the figures.
func (f *Figures) fill(s sums) error {
	days, categories := map[sumOf]DayFigures{}, map[rules.Category]CategoryFigures{}
	times := map[string][]length{}
	for k, n := range s {
		at := sumOf{day: k.day, name: k.name}
		d := days[at]
		d.Day, d.Channel = k.day, k.name
		switch k.kind {
		case sumChannel:
			d.Comments, d.Allowed, d.Flagged, d.Hidden = int(n[0]), int(n[1]), int(n[2]), int(n[3])
			days[at] = d
		case sumRemoved:
			d.Removed = int(n[0])
			days[at] = d
		case sumCategory:
			category := rules.Category(k.name)
			categories[category] = CategoryFigures{category, int(n[0]), int(n[1]), int(n[2]), int(n[3])}
		case sumFlag:
			f.Flags, f.FlagsClosed, f.FlagsLate = int(n[0]), int(n[1]), int(n[2])
		default:
			took, err := lengthNamed(k.name)
			if err != nil {
				return err
			}
			times[k.kind] = append(times[k.kind], length{took, n[0]})
		}
	}
	for _, d := range days {
		f.Days = append(f.Days, d)
	}
	slices.SortFunc(f.Days, func(a, b DayFigures) int { return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Channel, b.Channel)) })
	for _, category := range rules.Categories() {
		if c, ok := categories[category]; ok {
			f.Categories = append(f.Categories, c)
		}
	}
	f.HideMedian, f.HideP99, f.ReviewMedian = share(times[sumHide], 50), share(times[sumHide], 99), share(times[sumReview], 50)
	return nil
}

// length is how often something took so long.
type length struct {
	took time.Duration
	n    int64
}

// share is the length that p percent do not exceed; zero of none.
func share(all []length, p int64) time.Duration {
	slices.SortFunc(all, func(a, b length) int { return cmp.Compare(a.took, b.took) })
	var total, n int64
	for _, l := range all {
		total += l.n
	}
	for _, l := range all {
		if n += l.n; n >= (total*p+99)/100 {
			return l.took
		}
	}
	return 0
}

func (m *Moderator) midnight(t time.Time) time.Time {
	y, month, d := t.In(m.cfg.Location).Date()
	return time.Date(y, month, d, 0, 0, 0, 0, m.cfg.Location)
}

// HideTimes returns the median and the 99th percentile of the time from a platform's event received to its answer to the bot's hide. It reads
// every hide that there is.
func HideTimes(tx *store.Tx, from, to time.Time) (median, p99 time.Duration, err error) {
	var times []time.Duration
	var us int64
	err = eachRow(tx, `SELECT o.settled_at - o.since FROM outbox o JOIN decisions d ON d.id = o.decision WHERE o.action = 'hide' AND o.state = 'done'
		AND o.result IN ('done', 'already') AND d.by_kind = 'bot' AND o.since > 0 AND o.settled_at >= $1 AND o.settled_at < $2`, []any{from, to}, func() {
		times = append(times, time.Duration(us)*time.Microsecond)
	}, &us)
	if err != nil {
		return 0, 0, err
	}
	return percentile(times, 50), percentile(times, 99), nil
}

// percentile is the value that p percent of the values do not exceed; zero of none.
func percentile(values []time.Duration, p int) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sort.Slice(values, func(i, j int) bool { return values[i] < values[j] })
	return values[min(len(values)-1, max(0, (len(values)*p+99)/100-1))]
}
