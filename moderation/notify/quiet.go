package notify

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Quiet is when a place is not to be disturbed: between two times of day, and on whole days. The zero value is never.
type Quiet struct {
	from, to int // minutes after midnight; the same: no hours
	days     []time.Weekday
}

var weekdays = map[string]time.Weekday{"mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday, "thu": time.Thursday, "fri": time.Friday,
	"sat": time.Saturday, "sun": time.Sunday}

// ParseQuiet reads hours such as "18:00-07:00", which may pass midnight, and days such as "sat".
func ParseQuiet(hours string, days []string) (Quiet, error) {
	var q Quiet
	if hours != "" {
		from, to, ok := strings.Cut(hours, "-")
		begin, err1 := time.Parse("15:04", strings.TrimSpace(from))
		end, err2 := time.Parse("15:04", strings.TrimSpace(to))
		if !ok || err1 != nil || err2 != nil || begin.Equal(end) {
			return q, fmt.Errorf("%q is no span of a day: write 18:00-07:00", hours)
		}
		q.from, q.to = begin.Hour()*60+begin.Minute(), end.Hour()*60+end.Minute()
	}
	for _, d := range days {
		day, ok := weekdays[d]
		if !ok {
			return q, fmt.Errorf("%q is no day: write mon, tue, wed, thu, fri, sat or sun", d)
		}
		q.days = append(q.days, day)
	}
	return q, nil
}

// at tells whether a moment is quiet, by the clock on the wall that t has.
func (q Quiet) at(t time.Time) bool {
	if slices.Contains(q.days, t.Weekday()) {
		return true
	}
	m := t.Hour()*60 + t.Minute()
	if q.from <= q.to {
		return q.from <= m && m < q.to
	}
	return m >= q.from || m < q.to
}
