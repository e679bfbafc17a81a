package moderation

import (
	"context"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"

	"takhojd/moderation/store"
)

// The sums that the page of figures shows are kept a row a day (schema 0018). The path of a comment does not know of them: rows of decisions, of
// history and of flags are numbered in the order in which they are committed, so a cursor over each tells what is counted already, and what
// came after it is counted a step at a time by whoever keeps the watch. What is not counted yet is counted by the page itself, in the same
// snapshot, so that it is never behind. Only what people change later – a decision taken back, a flag closed or opened again – is
// corrected in the transaction that changes it.

// sumOf names a row of sums: its kind, its day, and its name within the day.
type sumOf struct{ kind, day, name string }

// The kinds of sums.
const (
	sumChannel  = "channel"
	sumCategory = "category"
	sumFlag     = "flag"
	sumHide     = "hide"
	sumReview   = "review"
)

// sums are rows of sums, or what is to be added to them.
type sums map[sumOf][4]int64

func (s sums) add(kind, day, name string, n ...int64) {
	k := sumOf{kind, day, name}
	row := s[k]
	for i := range n {
		row[i] += n[i]
	}
	if s[k] = row; row == [4]int64{} {
		delete(s, k)
	}
}

// minus takes other away from s.
func (s sums) minus(other sums) {
	for k, n := range other {
		s.add(k.kind, k.day, k.name, -n[0], -n[1], -n[2], -n[3])
	}
}

// summedTo is how far the sums have come: the last decision, line of history and flag that is in them, and how often what is in them changed.
type summedTo struct{ decisions, history, flags, changes int64 }

func readCounted(tx *store.Tx) (c summedTo, err error) {
	if err = tx.QueryRow(`SELECT decisions, history, flags, changes FROM figure_cursor`).Scan(&c.decisions, &c.history, &c.flags, &c.changes); err != nil {
		return c, fmt.Errorf("how far the figures are counted: %w", err)
	}
	return c, nil
}

// latest is how far there is something to count.
func (c summedTo) latest(tx *store.Tx) (summedTo, error) {
	err := tx.QueryRow(`SELECT coalesce((SELECT max(id) FROM decisions), 0), coalesce((SELECT max(id) FROM history), 0), coalesce((SELECT max(id) FROM flags), 0)`).
		Scan(&c.decisions, &c.history, &c.flags)
	return c, err
}

// within is c, or as much of the way to it from another as may be made in a step of n rows each.
func (c summedTo) within(from summedTo, n int64) summedTo {
	c.decisions, c.history, c.flags = min(c.decisions, from.decisions+n), min(c.history, from.history+n), min(c.flags, from.flags+n)
	return c
}

// behind is how many rows a cursor lacks to another.
func (c summedTo) behind(other summedTo) int64 {
	return max(other.decisions-c.decisions, other.history-c.history, other.flags-c.flags)
}

// quarter is by what times are put together before their day is looked up: every zone's midnight is at a whole quarter of an hour of UTC.
const quarter = "900000000"

func (m *Moderator) dayOf(us int64) string {
	return store.FromTime(us).In(m.cfg.Location).Format(time.DateOnly)
}

// tally counts what came after from, up to and with to.
func (m *Moderator) tally(tx *store.Tx, from, to summedTo) (sums, error) {
	s := sums{}
	for _, count := range []func(*store.Tx, sums, summedTo, summedTo) error{m.tallyDecisions, m.tallyCategories, m.tallyReviews, m.tallyHides, m.tallyFlags} {
		if err := count(tx, s, from, to); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// eachRow scans every row of a query into the targets, and calls do.
func eachRow(tx *store.Tx, query string, args []any, do func(), targets ...any) error {
	return tx.ForEach(query, args, func(scan func(...any) error) error {
		if err := scan(targets...); err != nil {
			return err
		}
		do()
		return nil
	})
}

func (m *Moderator) tallyDecisions(tx *store.Tx, s sums, from, to summedTo) error {
	var channel string
	var at, bot, allowed, flagged, hidden int64
	return eachRow(tx, `SELECT channel, decided_at / `+quarter+`, count(*) FILTER (WHERE by_kind = 'bot'), count(*) FILTER (WHERE by_kind = 'bot' AND action = 'allow'),
		count(*) FILTER (WHERE by_kind = 'bot' AND action = 'flag'), count(*) FILTER (WHERE action = 'hide' AND undone_at = 0)
		FROM decisions WHERE id > $1 AND id <= $2 GROUP BY 1, 2`, []any{from.decisions, to.decisions}, func() {
		s.add(sumChannel, m.dayOf(at*15*60e6), channel, bot, allowed, flagged, hidden)
	}, &channel, &at, &bot, &allowed, &flagged, &hidden)
}

// lastLook is what a person last made of the revision that the bot decided b, of the decisions up to a number; nothing when nobody looked.
func lastLook(number string) string {
	return `coalesce((SELECT q.action FROM decisions q WHERE q.comment = b.comment AND q.revision = b.revision AND q.by_kind = 'person' AND q.undone_at = 0
		AND q.action NOT IN ('opinion', 'escalate') AND q.action NOT IN ` + besides + ` AND q.id <= ` + number + ` ORDER BY q.id DESC LIMIT 1), '')`
}

// severe tells which of the bot's decisions are counted by category.
const severe = `b.by_kind = 'bot' AND b.category <> '' AND b.action <> 'allow'`

// reviewSums is what a person's look adds to a category's sums: a hide that they let be seen again is overturned; a flag never is.
func reviewSums(bot, person string) (reviewed, overturned int64) {
	if person == "" {
		return 0, 0
	}
	if bot == string(Hide) && (person == string(Restore) || person == string(Allow) || person == string(Route)) {
		overturned = 1
	}
	return 1, overturned
}

// tallyCategories counts the bot's new flags and hides, with what people have made of them already.
func (m *Moderator) tallyCategories(tx *store.Tx, s sums, from, to summedTo) error {
	var category, action, person string
	var at int64
	return eachRow(tx, `SELECT b.category, b.action, b.decided_at, `+lastLook("$3")+` FROM decisions b WHERE b.id > $1 AND b.id <= $2 AND `+severe,
		[]any{from.decisions, to.decisions, to.decisions}, func() {
			var n [4]int64
			switch action {
			case string(Flag):
				n[0] = 1
			case string(Hide):
				n[1] = 1
			}
			n[2], n[3] = reviewSums(action, person)
			s.add(sumCategory, m.dayOf(at), category, n[:]...)
		}, &category, &action, &at, &person)
}

// tallyReviews counts what people have newly made of what is counted already.
func (m *Moderator) tallyReviews(tx *store.Tx, s sums, from, to summedTo) error {
	var id, at int64
	var category, action, before, now string
	return eachRow(tx, `SELECT DISTINCT b.id, b.category, b.action, b.decided_at, `+lastLook("$3")+`, `+lastLook("$4")+` FROM decisions p
		JOIN decisions b ON b.comment = p.comment AND b.revision = p.revision WHERE p.id > $1 AND p.id <= $2 AND p.by_kind = 'person' AND `+severe+` AND b.id <= $5`,
		[]any{from.decisions, to.decisions, from.decisions, to.decisions, from.decisions}, func() {
			was, overturned := reviewSums(action, before)
			is, overturns := reviewSums(action, now)
			s.add(sumCategory, m.dayOf(at), category, 0, 0, is-was, overturns-overturned)
		}, &id, &category, &action, &at, &before, &now)
}

// tallyHides counts how long the bot's hides took. Each that the platform answered has a line in the comment's history, of the same moment.
func (m *Moderator) tallyHides(tx *store.Tx, s sums, from, to summedTo) error {
	var id, at, took int64
	return eachRow(tx, `SELECT DISTINCT o.id, o.settled_at, o.settled_at - o.since FROM history h JOIN outbox o ON o.comment = h.comment
		JOIN decisions d ON d.id = o.decision WHERE h.id > $1 AND h.id <= $2 AND h.what = 'platform:hide' AND o.action = 'hide' AND o.settled_at = h.at
		AND o.state = 'done' AND o.result IN ('done', 'already') AND o.since > 0 AND d.by_kind = 'bot'`, []any{from.history, to.history}, func() {
		s.add(sumHide, m.dayOf(at), lengthName(took), 1)
	}, &id, &at, &took)
}

func (m *Moderator) tallyFlags(tx *store.Tx, s sums, from, to summedTo) error {
	var f flagTimes
	return eachRow(tx, `SELECT opened_at, due_at, closed_at, closed_by FROM flags WHERE id > $1 AND id <= $2`, []any{from.flags, to.flags}, func() {
		s.add(sumFlag, m.dayOf(f.opened), "", 1)
		m.addClosed(s, f)
	}, &f.opened, &f.due, &f.closed, &f.by)
}

// flagTimes is what the figures count of a flag.
type flagTimes struct {
	opened, due, closed int64
	by                  string
}

// nobody lists who closes flags and is no person.
var nobody = []string{"bot", "platform", "takhojd", "disposal"}

// addClosed adds that a flag was closed, if it was.
func (m *Moderator) addClosed(s sums, f flagTimes) {
	if f.closed == 0 {
		return
	}
	var late int64
	if f.closed > f.due {
		late = 1
	}
	s.add(sumFlag, m.dayOf(f.opened), "", 0, 1, late)
	if !slices.Contains(nobody, f.by) {
		s.add(sumReview, m.dayOf(f.closed), lengthName(f.closed-f.opened), 1)
	}
}

// A length of time is counted by its first six binary digits: so the sums of a day are few, and a length is told to a 64th of itself.
const lengthDigits = 6

// lengthName names what is counted together with a length in microseconds.
func lengthName(us int64) string {
	us = max(us, 0)
	rest := max(0, bits.Len64(uint64(us))-lengthDigits)
	return strconv.FormatInt(us>>rest<<rest, 10)
}

// lengthNamed is the middle of the lengths of that name.
func lengthNamed(name string) (time.Duration, error) {
	us, err := strconv.ParseInt(name, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("a length in the figures: %w", err)
	}
	return time.Duration(us+int64(1)<<max(0, bits.Len64(uint64(us))-lengthDigits)/2) * time.Microsecond, nil
}

var sumsTable = store.NewTable("figure_sums", "kind day name n1 n2 n3 n4").Adding("kind day name")

// addSums adds to the rows that are kept, and notes how far they have come by that. It waits for no answer: whoever has the writer's turn is waited for.
func addSums(tx *store.Tx, s sums, to summedTo) {
	for k, n := range s {
		tx.Insert(sumsTable, k.kind, k.day, k.name, n[0], n[1], n[2], n[3])
	}
	tx.Do(`UPDATE figure_cursor SET decisions = $1, history = $2, flags = $3, changes = $4`, to.decisions, to.history, to.flags, to.changes)
}

// corrected does something that changes rows which may be counted already. what tells what these rows amount to, of those counted; it is asked
// before and after. If we die before the commit, neither has happened.
func (w *walk) corrected(change func() error, what func(at summedTo) (sums, error)) error {
	at, err := readCounted(w.tx)
	if err != nil {
		return err
	}
	before, err := what(at)
	if err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	after, err := what(at)
	if err != nil {
		return err
	}
	after.minus(before)
	at.changes++ // a step that is being made has perhaps seen it as it was
	addSums(w.tx, after, at)
	return nil
}

// sumsOf is what a person's decision amounts to: a hide, and what is made of the bot's decision.
func (w *walk) sumsOf(decision int64) func(summedTo) (sums, error) {
	return func(at summedTo) (sums, error) {
		s := sums{}
		if decision > at.decisions {
			return s, nil
		}
		if err := w.m.tallyDecisions(w.tx, s, summedTo{decisions: decision - 1}, summedTo{decisions: decision}); err != nil {
			return nil, err
		}
		var category, action, person string
		var decided int64
		err := eachRow(w.tx, `SELECT b.category, b.action, b.decided_at, `+lastLook("$2")+` FROM decisions p JOIN decisions b ON b.comment = p.comment AND b.revision = p.revision
			WHERE p.id = $1 AND `+severe+` AND b.id <= $3`, []any{decision, at.decisions, at.decisions}, func() {
			reviewed, overturned := reviewSums(action, person)
			s.add(sumCategory, w.m.dayOf(decided), category, 0, 0, reviewed, overturned)
		}, &category, &action, &decided, &person)
		return s, err
	}
}

// closedSums is what it amounts to that a flag is closed.
func (w *walk) closedSums(flag int64) func(summedTo) (sums, error) {
	return func(at summedTo) (sums, error) {
		s := sums{}
		if flag > at.flags {
			return s, nil
		}
		var f flagTimes
		err := eachRow(w.tx, `SELECT opened_at, due_at, closed_at, closed_by FROM flags WHERE id = $1`, []any{flag}, func() { w.m.addClosed(s, f) },
			&f.opened, &f.due, &f.closed, &f.by)
		return s, err
	}
}

// justClosed adds to the sums that flags which are counted already have been closed in this transaction.
func (w *walk) justClosed(flags map[int64]flagTimes) error {
	if len(flags) == 0 {
		return nil
	}
	at, err := readCounted(w.tx)
	if err != nil {
		return err
	}
	s := sums{}
	for id, f := range flags {
		if id <= at.flags {
			w.m.addClosed(s, f)
		}
	}
	at.changes++
	addSums(w.tx, s, at)
	return nil
}

// countAnew throws the sums away: the next steps make them from the beginning.
func countAnew(tx *store.Tx) error {
	if _, err := tx.Exec(`DELETE FROM figure_sums`); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE figure_cursor SET decisions = 0, history = 0, flags = 0, changes = changes + 1`)
	return err
}

const (
	// sumStep is how many rows of each kind are counted at a time: some hundredths of a second, in which nobody waits – but for a processor and the disk.
	sumStep = 2000
	// nearStep is how many where the sums are near to what there is: in a storm whoever comes meanwhile waits a millisecond or two, not ten.
	nearStep = 200
	// nearRest is how many times as long as a step took there is none after it where they are near: what comes meanwhile finds a processor.
	nearRest = 10
	// sumEvery is how often it is looked whether there is something to count.
	sumEvery = 5 * time.Second
)

// countStep counts the next rows, up to n of each kind and less where few are left, and tells how many there are beyond. It reads beside the writer, whose turn is
// only for the sums themselves.
func (m *Moderator) countStep(ctx context.Context, n int64) (left int64, err error) {
	var at, to, all summedTo
	var s sums
	err = m.db.View(ctx, func(tx *store.Tx) error {
		if at, err = readCounted(tx); err != nil {
			return err
		}
		if all, err = at.latest(tx); err != nil || all == at {
			return err
		}
		if at.behind(all) <= mostUncounted {
			n = min(n, nearStep)
		}
		to = all.within(at, n)
		s, err = m.tally(tx, at, to)
		return err
	})
	if err != nil || all == at {
		return 0, err
	}
	err = m.db.Attempt(ctx, func(tx *store.Tx) error {
		left = to.behind(all)
		if tx.Guess() {
			tx.Expect(`SELECT count(*) FROM figure_cursor WHERE (decisions, history, flags, changes) <> ($1, $2, $3, $4)`, at.decisions, at.history, at.flags, at.changes)
		} else if now, err := readCounted(tx); err != nil {
			return err
		} else if now != at { // somebody else counted, or something changed meanwhile: once more
			left = at.behind(all)
			return nil
		}
		addSums(tx, s, to)
		return nil
	})
	return left, err
}

// keepCounting keeps the sums near to what there is until ctx is cancelled.
func (m *Moderator) keepCounting(ctx context.Context) {
	tick := time.NewTicker(sumEvery)
	defer tick.Stop()
	for {
		began := time.Now()
		left, err := m.countStep(ctx, sumStep)
		if err != nil && ctx.Err() == nil {
			m.log.Warn("the figures cannot be counted", zap.Error(err))
		}
		var rest <-chan time.Time = tick.C
		switch took := time.Since(began); {
		case err != nil || left == 0:
		case left <= mostUncounted:
			rest = time.After(nearRest * took)
		default:
			rest = time.After(took)
		}
		select {
		case <-rest:
		case <-ctx.Done():
			return
		}
	}
}

// mostUncounted is how many rows the page itself counts of what the sums do not have yet. They are more only after an upgrade, in which the
// sums are made of all that is kept, and in the middle of a storm.
const mostUncounted = 20_000

// sumsBetween reads the sums of the days from the one up to, and without, the other, and adds what is not in them yet; how many rows there
// are beyond that is returned.
func (m *Moderator) sumsBetween(tx *store.Tx, from, to string) (sums, int64, error) {
	s := sums{}
	var kind, day, name string
	var n [4]int64
	add := func() { s.add(kind, day, name, n[:]...) }
	if err := eachRow(tx, `SELECT kind, day, name, n1, n2, n3, n4 FROM figure_sums WHERE kind = 'channel' AND day >= $1 AND day < $2`, []any{from, to}, add,
		&kind, &day, &name, &n[0], &n[1], &n[2], &n[3]); err != nil {
		return nil, 0, err
	}
	day = ""
	for _, kind = range []string{sumCategory, sumFlag, sumHide, sumReview} {
		if err := eachRow(tx, `SELECT name, CAST(sum(n1) AS BIGINT), CAST(sum(n2) AS BIGINT), CAST(sum(n3) AS BIGINT), CAST(sum(n4) AS BIGINT)
			FROM figure_sums WHERE kind = $1 AND day >= $2 AND day < $3 GROUP BY name`, []any{kind, from, to}, add, &name, &n[0], &n[1], &n[2], &n[3]); err != nil {
			return nil, 0, err
		}
	}
	at, err := readCounted(tx)
	if err != nil {
		return nil, 0, err
	}
	all, err := at.latest(tx)
	if err != nil {
		return nil, 0, err
	}
	end := all.within(at, mostUncounted)
	fresh, err := m.tally(tx, at, end)
	if err != nil {
		return nil, 0, err
	}
	maps.DeleteFunc(fresh, func(k sumOf, _ [4]int64) bool { return k.day < from || k.day >= to })
	for k, n := range fresh {
		if k.kind != sumChannel {
			k.day = ""
		}
		s.add(k.kind, k.day, k.name, n[:]...)
	}
	return s, end.behind(all), nil
}
