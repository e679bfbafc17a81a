package moderation

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"takhojd/archive"
	"takhojd/moderation/store"
	"takhojd/platforms"
)

// perChannel is how many things are done on one channel at a time.
const perChannel = 4

// unasked is what no person is troubled with when it can't be done.
const unasked = `('capture', 'reread')`

// mostRead is how many jobs of a kind are read at a time: those beyond what a channel can begin are begun when it has a place again.
const mostRead = 4 * perChannel

// jobTimeout bounds one attempt, the wait for pictures included.
const jobTimeout = 90 * time.Second

// job is one row of the outbox: something to be done on a platform.
type job struct {
	id       int64
	comment  int64
	channel  string
	action   string
	decision int64
	record   string
	revision string
	argument string
	attempts int
	priority int
	// begun is true when an attempt was made whose outcome nobody knows.
	begun bool
	since time.Time
}

// outcome is what became of an attempt.
type outcome struct {
	// result settles the job: "done", "already", "gone", "stale". Empty means that it must be tried again, or never.
	result string
	// reread is the comment as it was found, asked for at a time, when it said something else than what was decided on, or was to be read.
	reread *platforms.Comment
	asked  time.Time
	// state is how the comment stands afterwards; empty: unchanged.
	state State
	// reply is the platform's id of what we wrote.
	reply string
	// record is the record that was made of it on the way; empty: the job's own.
	record string
	// read is true when it was the reading before the act that failed.
	read bool
	err  error
}

// enqueue adds what is to be done for a decision. after is how long it must wait, so that a person can still take it back.
func (w *walk) enqueue(d *decision, action, argument string, after time.Duration) {
	priority := 0
	if d.escalate {
		priority = escalated
	} else if _, gravest := w.categories(d.verdict); gravest != "" {
		priority = w.m.Policy().Bullet(gravest).Severity
	}
	c := d.comment
	var notBefore time.Time
	if after > 0 {
		notBefore = w.now.Add(after)
	}
	w.tx.Insert(outboxTable, c.id, c.ref.Channel, action, d.id, d.record, c.revision, argument, priority, notBefore, w.now, d.received)
	w.outbox = true
	w.tx.Notify("outbox")
}

// dispatcher hands jobs to the adapters: the gravest first, several at a time on each channel, one at a time for each comment.
type dispatcher struct {
	m    *Moderator
	wake chan struct{}
	// freed is told when a job has ended, and with it a place on its channel is free.
	freed chan struct{}

	mu     sync.Mutex
	busy   map[string]bool // what is being worked on: see job.key
	load   map[string]int  // jobs under way on each channel
	paused map[line]Pause  // what is held, and until when
}

func newDispatcher(m *Moderator) *dispatcher {
	return &dispatcher{m: m, wake: make(chan struct{}, 1), freed: make(chan struct{}, 1), busy: map[string]bool{}, load: map[string]int{}, paused: map[line]Pause{}}
}

func (d *dispatcher) wakeUp() { poke(d.wake) }

func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run does jobs until ctx is cancelled, and returns when those under way are settled.
func (d *dispatcher) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for ctx.Err() == nil {
		jobs, next, err := d.due(ctx)
		if err != nil && ctx.Err() == nil {
			d.m.log.Error("outbox: cannot read what waits", zap.Error(err))
		}
		jobs, _ = d.start(ctx, &wg, jobs)
		pause := time.Second
		if !next.IsZero() {
			pause = min(pause, max(next.Sub(d.m.now()), time.Millisecond))
		}
		for again := false; !again; {
			select {
			case <-d.wake:
				again = true
			case <-d.freed:
				var began bool
				jobs, began = d.start(ctx, &wg, jobs) // what was read before is begun as places come free; then it is read again
				again = !began
			case <-time.After(pause):
				again = true
			case <-ctx.Done():
				return
			}
		}
	}
}

// start begins what may be begun of jobs, and returns those for which there was no place yet.
func (d *dispatcher) start(ctx context.Context, wg *sync.WaitGroup, jobs []job) (rest []job, began bool) {
	for _, j := range jobs {
		switch begun, full := d.begin(j); {
		case begun:
			began = true
			wg.Go(func() {
				defer d.end(j)
				d.do(context.WithoutCancel(ctx), j)
			})
		case full:
			rest = append(rest, j)
		}
	}
	return rest, began
}

// due returns the jobs that may be begun now, the gravest first, and when the next will be. Of several for one comment only the oldest
// may: a restore never overtakes its hide, nor the answer that tells of it. What is beside the comment's fate – an answer, a report –
// and must be tried again holds nothing else up. Of each kind a channel gets as many as it could begin, beside those that it is busy with:
// however much waits for a channel or a call that is throttled or slow, it takes no place from the others.
func (d *dispatcher) due(ctx context.Context) (jobs []job, next time.Time, err error) {
	now := d.m.now()
	kinds, next, err := d.kinds(ctx, now)
	if err != nil {
		return nil, next, err
	}
	for _, kind := range kinds {
		if !d.may(kind.channel, kind.action) {
			continue
		}
		err := d.m.db.Look(ctx, func(tx *store.Tx) (err error) {
			jobs, err = gravest(tx, jobs, kind.channel, kind.action, now)
			return err
		})
		if err != nil {
			return nil, next, err
		}
	}
	slices.SortStableFunc(jobs, func(a, b job) int { return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(a.id, b.id)) })
	return jobs, next, nil
}

// kinds returns of what kinds jobs wait, going from one to the next however many there are of each, and when the next of those that wait for a time may
// be begun. It is asked twice for each hide, before it and after: so it is one question.
func (d *dispatcher) kinds(ctx context.Context, now time.Time) (kinds []job, next time.Time, err error) {
	err = d.m.db.Look(ctx, func(tx *store.Tx) error {
		var kind job
		var at int64
		return eachRow(tx, `WITH RECURSIVE kinds (channel, action) AS (
			SELECT (SELECT channel FROM outbox WHERE state = 'waiting' ORDER BY channel, action LIMIT 1),
				(SELECT action FROM outbox WHERE state = 'waiting' ORDER BY channel, action LIMIT 1)
			UNION ALL
			SELECT (SELECT o.channel FROM outbox o WHERE o.state = 'waiting' AND (o.channel, o.action) > (k.channel, k.action) ORDER BY o.channel, o.action LIMIT 1),
				(SELECT o.action FROM outbox o WHERE o.state = 'waiting' AND (o.channel, o.action) > (k.channel, k.action) ORDER BY o.channel, o.action LIMIT 1)
			FROM kinds k WHERE k.channel IS NOT NULL)
			SELECT channel, action, 0 FROM kinds WHERE channel IS NOT NULL
			UNION ALL SELECT '', '', coalesce(min(not_before), 0) FROM outbox WHERE state = 'waiting' AND not_before > 0 AND not_before > $1`, []any{now}, func() {
			if kind.action == "" {
				next = store.FromTime(at)
			} else {
				kinds = append(kinds, kind)
			}
		}, &kind.channel, &kind.action, &at)
	})
	return kinds, next, err
}

// gravest adds the gravest jobs of a kind that may be begun.
func gravest(tx *store.Tx, jobs []job, channel, action string, now time.Time) ([]job, error) {
	rows, err := tx.Query(`SELECT id, comment, decision, record_id, revision, argument, attempts, error LIKE $4 || '%', since, priority FROM outbox o
		WHERE state = 'waiting' AND channel = $1 AND action = $2 AND not_before <= $3 AND (comment = 0 OR NOT EXISTS (SELECT 1 FROM outbox e
		WHERE e.comment = o.comment AND e.id < o.id AND e.state = 'waiting' AND e.action NOT IN ('reply', 'private-reply', 'mute', 'report', 'reread')))
		ORDER BY priority DESC, id LIMIT `+strconv.Itoa(mostRead), channel, action, now, unknownOutcome)
	if err != nil {
		return jobs, err
	}
	defer rows.Close()
	for rows.Next() {
		j := job{channel: channel, action: action}
		var since int64
		if err := rows.Scan(&j.id, &j.comment, &j.decision, &j.record, &j.revision, &j.argument, &j.attempts, &j.begun, &since, &j.priority); err != nil {
			return jobs, err
		}
		j.since = store.FromTime(since)
		jobs = append(jobs, j)
	}
	return jobs, rows.Err()
}

// says tells whether the job is to send an answer.
func (j job) says() bool { return j.action == "reply" || j.action == "private-reply" }

// key names what the job works on: two jobs of one key are never under way at once.
func (j job) key() string {
	if j.comment == 0 {
		return j.channel + " " + j.argument // a post
	}
	return commentKey(j.comment)
}

func commentKey(id int64) string { return strconv.FormatInt(id, 10) }

// may tells whether something of a kind could be begun on a channel.
func (d *dispatcher) may(channel, action string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mayNow(channel, action)
}

func (d *dispatcher) mayNow(channel, action string) bool {
	return d.load[channel] < perChannel && !d.m.now().Before(d.held(channel, action).Until) && d.m.leases.holds(context.Background(), channel) != nil
}

// begin reserves a job, unless its comment is being worked on, its channel is full, or the channel wants no calls.
func (d *dispatcher) begin(j job) (begun, full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy[j.key()] || !d.mayNow(j.channel, j.action) {
		return false, !d.busy[j.key()] && d.load[j.channel] >= perChannel
	}
	d.busy[j.key()] = true
	d.load[j.channel]++
	return true, false
}

func (d *dispatcher) end(j job) {
	d.mu.Lock()
	delete(d.busy, j.key())
	d.load[j.channel]--
	d.mu.Unlock()
	poke(d.freed)
}

// working tells whether something is being done with a comment at this moment.
func (d *dispatcher) working(comment int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.busy[commentKey(comment)]
}

// do makes one attempt at a job and writes down what came of it.
//
// If we die before the platform was called, the job still waits. If we die after the call and before the outcome is written, it still
// waits too, and the next attempt finds on the platform that it was done.
func (d *dispatcher) do(ctx context.Context, j job) {
	m := d.m
	current, err := m.stillWaiting(ctx, j)
	if err != nil {
		m.log.Error("outbox: cannot read a job", zap.Int64("job", j.id), zap.Error(err))
		return
	}
	if !current {
		return
	}
	held := m.leases.holds(ctx, j.channel)
	if held == nil {
		return // the channel is with another node by now
	}
	attempt, cancel := context.WithTimeout(held, jobTimeout)
	defer cancel()
	o := m.attempt(attempt, j)
	if o.err != nil && held.Err() != nil {
		m.cutOff(j)
		return
	}
	if o.err != nil && j.begun {
		o.err = stillUnknown(o.err)
	}
	m.settle(j, o)
}

// cutOff leaves a job that it was too late for to whoever has the channel now: who takes it up again asks the platform first. Where it was
// called off or done by another meanwhile, what we told the platform may have come last: then the comment is read again.
//
// If we die before that is written, the next full reading finds what we did.
func (m *Moderator) cutOff(j job) {
	if !removesOrShows(j.action) {
		return
	}
	err := m.update(context.Background(), func(w *walk) error {
		was := askStates(w.tx, []int64{j.id})
		if err := w.tx.Answers(); err != nil || was[j.id] == "waiting" {
			return err
		}
		return w.readAgain(j.comment, j.channel)
	})
	if err != nil {
		m.log.Error("outbox: cannot ask for a comment to be read again", zap.Int64("job", j.id), zap.Error(err))
	}
}

// removesOrShows tells whether an action changes how a comment stands on its platform.
func removesOrShows(action string) bool {
	return action == "hide" || action == "restore" || action == "delete"
}

// readAgain lets a comment be read on its platform, and what is true there be written down.
func (w *walk) readAgain(comment int64, channel string) error {
	n, err := howMany(w.tx, `SELECT count(*) FROM outbox WHERE comment = $1 AND state = 'waiting' AND action = 'reread'`, comment)
	if err != nil || n > 0 {
		return err
	}
	w.tx.Insert(outboxTable, comment, channel, "reread", 0, "", "", "", 0, time.Time{}, w.now, w.now)
	w.outbox = true
	w.tx.Notify("outbox")
	return nil
}

// stillWaiting tells whether the job is still to be done: a person may have taken it back since it was listed.
//
// What can't be undone takes the writer's turn to ask. Whoever takes it back in time has then done so before us; whoever comes after us
// is told that it is too late. A snapshot could be older than an undo that is being committed.
func (m *Moderator) stillWaiting(ctx context.Context, j job) (bool, error) {
	look := m.db.Look
	switch j.action {
	case "delete", "block", "reply", "private-reply", "mute", "report":
		look = m.db.Update
	}
	var n int
	err := look(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT count(*) FROM outbox WHERE id = $1 AND state = 'waiting' AND not_before <= $2`, j.id, m.now()).Scan(&n)
	})
	return n == 1, err
}

// unknownOutcome stands in the row of a deletion or an answer from before the platform is called until its answer is written. Who finds it there, and
// the comment gone, knows whose doing that most likely was.
const unknownOutcome = "begun, and the outcome is not known"

// deleting calls the platform's deletion, and sees to it that one whose answer was lost is known as ours afterwards.
func (m *Moderator) deleting(ctx context.Context, adapter Adapter, j job, receipt archive.Receipt) error {
	err := m.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE outbox SET error = $2 WHERE id = $1`, j.id, unknownOutcome)
		return err
	})
	if err != nil {
		return err
	}
	return unknown(adapter.Delete(ctx, receipt))
}

// stillUnknown marks whatever has failed since an attempt whose outcome nobody knows: a platform that could not be asked what became of that
// has not told.
func stillUnknown(err error) error {
	if strings.HasPrefix(err.Error(), unknownOutcome) {
		return err
	}
	return fmt.Errorf("%s: %w", unknownOutcome, err)
}

// unknown marks an error after which nobody knows whether the platform did what it was told.
func unknown(err error) error {
	if err != nil && (reason(err) == "fault" || reason(err) == "timeout") {
		return fmt.Errorf("%s: %w", unknownOutcome, err)
	}
	return err
}

// attempt does the job. It is the one place from which a platform is told to remove anything.
func (m *Moderator) attempt(ctx context.Context, j job) outcome {
	adapter, ok := m.cfg.Adapters[j.channel]
	if !ok {
		return outcome{err: fmt.Errorf("%w: no adapter for channel %s", platforms.ErrNotPermitted, j.channel)}
	}
	switch j.action {
	case "post":
		return m.readPost(ctx, adapter, j)
	case "close", "open":
		return closePost(ctx, adapter, j)
	}
	var c *comment
	err := m.db.Look(ctx, func(tx *store.Tx) (err error) { c, err = loadID(tx, j.comment); return err })
	if err != nil {
		return outcome{err: err}
	}
	switch j.action {
	case "block":
		return unlessGone(outcome{result: "done", err: adapter.Block(ctx, c.author)})
	case "reply", "private-reply":
		return m.say(ctx, adapter, j, c)
	case "mute":
		return unlessGone(outcome{result: "done", err: mute(ctx, adapter, c.author)})
	case "report":
		return unlessGone(outcome{result: "done", err: m.report(ctx, adapter, j, c)})
	}
	asked := m.now()
	now, err := adapter.Fetch(ctx, c.ref)
	if errors.Is(err, platforms.ErrGone) {
		if j.action == "delete" && j.begun {
			return outcome{result: "already", state: Deleted} // by an attempt of ours whose answer was lost
		}
		return outcome{result: "gone", state: Removed}
	}
	if err != nil {
		return outcome{err: err, read: true}
	}
	if j.action == "reread" {
		return outcome{result: "done", reread: &now, asked: asked}
	}
	if j.action == "restore" {
		o := unlessGone(outcome{result: "done", state: Standing, err: adapter.Unhide(ctx, c.ref)})
		if o.result == "gone" {
			o.state = Removed
		}
		return o
	}
	if now.Revision() != j.revision {
		o := outcome{result: "stale", reread: &now, asked: asked}
		if now.Hidden { // by a colleague, or by an attempt of ours whose answer was lost
			o.state = Hidden
		}
		return o
	}
	if err := m.keepMedia(ctx, c, j, now); err != nil {
		return outcome{err: err}
	}
	if j.action == "capture" {
		return outcome{result: "done"}
	}
	return m.remove(ctx, adapter, j, now)
}

// unlessGone settles what was meant for something that is no longer there: to try again would keep everything after it waiting for
// hours, and then trouble a person with it.
func unlessGone(o outcome) outcome {
	if errors.Is(o.err, platforms.ErrGone) {
		return outcome{result: "gone", record: o.record}
	}
	return o
}

// remove takes the comment from sight, with the receipt of its record in hand.
func (m *Moderator) remove(ctx context.Context, adapter Adapter, j job, now platforms.Comment) outcome {
	receipt, err := m.archive.Receipt(ctx, j.record)
	if err != nil {
		return outcome{err: err}
	}
	if j.action == "delete" {
		err := m.deleting(ctx, adapter, j, receipt)
		if errors.Is(err, platforms.ErrGone) {
			return outcome{result: "gone", state: Removed}
		}
		return outcome{result: "done", state: Deleted, err: err}
	}
	switch {
	case now.Hidden:
		return outcome{result: "already", state: Hidden}
	case now.CannotHide:
		return outcome{err: fmt.Errorf("%w: the comment may not be hidden", platforms.ErrNotPermitted)}
	}
	err = adapter.Hide(ctx, receipt)
	if errors.Is(err, platforms.ErrGone) {
		return outcome{result: "gone", state: Removed}
	}
	return outcome{result: "done", state: Hidden, err: err}
}

// mute asks an adapter that can to mute an author.
func mute(ctx context.Context, adapter Adapter, author platforms.Author) error {
	if muter, ok := adapter.(Muter); ok {
		return muter.Mute(ctx, author)
	}
	return platforms.ErrUnsupported
}

// report reports a comment, by the gravest category of what was decided, where the adapter can.
func (m *Moderator) report(ctx context.Context, adapter Adapter, j job, c *comment) error {
	reporter, ok := adapter.(Reporter)
	if !ok {
		return platforms.ErrUnsupported
	}
	var category string
	if err := m.db.View(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT category FROM decisions WHERE id = $1`, j.decision).Scan(&category)
	}); err != nil {
		return err
	}
	return reporter.Report(ctx, c.ref, category, j.argument)
}

// readPost reads a post that citizens comment on, so that reviewers see it.
func (m *Moderator) readPost(ctx context.Context, adapter Adapter, j job) outcome {
	post, err := adapter.FetchPost(ctx, j.argument)
	if errors.Is(err, platforms.ErrGone) {
		return outcome{result: "gone"}
	}
	if err != nil {
		return outcome{err: err}
	}
	err = m.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE posts SET text = $4, permalink = $5, posted_at = $6, read_at = $7 WHERE platform = $1 AND channel = $2 AND post_id = $3`,
			string(m.channels[j.channel].Platform), j.channel, j.argument, post.Text, post.Permalink, post.Posted, m.now())
		return err
	})
	return outcome{result: "done", err: err}
}

// finish writes what follows from a job that came to an end, and stood in a state before.
func (w *walk) finish(j job, o outcome, was string) error {
	if o.record != "" {
		j.record = o.record
	}
	w.logs = append(w.logs, func() {
		w.m.metrics.settled.WithLabelValues(j.channel, j.action, o.result).Inc()
		if j.action == "hide" && (o.result == "done" || o.result == "already") && !j.since.IsZero() {
			w.m.metrics.hideLatency.Observe(w.now.Sub(j.since).Seconds())
		}
		w.m.log.Info("outbox", zap.Int64("job", j.id), zap.String("channel", j.channel), zap.String("action", j.action),
			zap.String("result", o.result), zap.String("record", j.record), zap.Duration("after", w.now.Sub(j.since)))
	})
	if j.comment == 0 {
		return w.postAnswered(j, o)
	}
	w.changes = append(w.changes, Change{Kind: "settled", Comment: j.comment})
	c, err := w.loadID(j.comment)
	if err != nil {
		return err
	}
	if err := w.answered(c, j, o); err != nil {
		return err
	}
	if was != "waiting" { // called off meanwhile, or done by another node
		if err := w.turnBack(c, j, o, was); err != nil {
			return err
		}
	} else if o.state == Standing {
		if err := w.seenAgain(c); err != nil {
			return err
		}
	}
	if err := w.mended(c); err != nil {
		return err
	}
	if o.reread != nil {
		if o.state == Hidden && o.reread.Revision() == c.revision { // judged already, and that as if it stood
			if err := w.cameBack(c); err != nil {
				return err
			}
		}
		e := platforms.Event{Kind: platforms.Edited, Comment: *o.reread, At: w.now, Via: viaReread}
		if j.action == "reread" {
			e.At, e.Via = o.asked, viaBackfill // it says whether the comment is hidden, too
		}
		w.inbox = true
		return w.m.inbox.PutWithin(w.tx, e, w.now)
	}
	return nil
}

// answered writes what the platform answered into the comment's row, its history and its record.
func (w *walk) answered(c *comment, j job, o outcome) error {
	if o.state != "" && o.state == c.state {
		c.stateAt = w.now // what is told later, and was before this, is known to be late
		if err := w.save(c); err != nil {
			return err
		}
	}
	if o.state != "" && c.state != o.state && c.state != Deleted {
		c.state, c.stateAt, c.stateBy = o.state, w.now, "takhojd"
		if o.state == Removed {
			c.stateBy = "platform"
			if err := w.lastWords(c); err != nil {
				return err
			}
		}
		if err := w.save(c); err != nil {
			return err
		}
		if o.state == Removed || o.state == Deleted { // also what was asked of other words, told of in between
			if err := w.closeFlagsExcept(c, Escalation, c.stateBy); err != nil {
				return err
			}
		}
	}
	if j.action == "capture" || j.action == "reread" {
		return nil
	}
	w.note(c, w.now, "platform:"+j.action, "", o.result)
	if j.record == "" {
		return nil
	}
	return w.m.archive.Add(w.tx, j.record, archive.KindOutcome, archive.Outcome{Action: j.action, Result: o.result,
		At: w.now.UTC().Truncate(time.Microsecond), Comment: o.reply, Effect: w.effect(j, o)})
}

// seenAgain closes the question whether a comment that was edited while it was hidden may be seen again: it is seen, and what it says now is
// allowed. What was doubtful in words that it no longer says is asked no more, nor what to do with their author.
func (w *walk) seenAgain(c *comment) error {
	d, err := w.decisionOn(c)
	if err == nil && d.action.removes() { // edited back, before it was seen, to what was to be hidden
		return w.cameBack(c)
	}
	if err != nil || d.action != Allow && d.action != Restore && d.action != Route {
		return err
	}
	var why string
	err = w.tx.QueryRow(`SELECT why FROM flags WHERE comment = $1 AND closed_at = 0`, c.id).Scan(&why)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !slices.Contains([]Why{EditedWhy, Doubt, Quota, BlockWhy}, Why(why)) {
		return nil
	}
	if err != nil {
		return err
	}
	return w.closeFlags(c, "takhojd")
}

// mended takes back the question what to do about what failed, once nothing of the comment is a dead letter any more. What else is asked about
// it is asked on.
func (w *walk) mended(c *comment) error {
	if w.failed != nil && !w.failed[c.id] {
		return nil
	}
	n, err := howMany(w.tx, `SELECT count(*) FROM flags WHERE comment = $1 AND closed_at = 0 AND why = 'failed'
		AND NOT EXISTS (SELECT 1 FROM outbox WHERE comment = $1 AND state = 'dead' AND action NOT IN `+unasked+`)`, c.id)
	if err != nil || n == 0 {
		return err
	}
	d, err := w.decisionOn(c)
	if err != nil {
		return err
	}
	if d.why, err = w.asks(d); err != nil {
		return err
	}
	if limit, window := w.m.Policy().Strikes(); d.why == "" && d.byKind == "bot" && d.action == Hide && limit > 0 {
		strikes, err := w.strikes(c, window)
		if err != nil {
			return err
		}
		if strikes+1 >= limit && c.author.ID != "" {
			d.why = BlockWhy
		}
	}
	if d.why == "" || c.state == Deleted || c.state == Removed {
		return w.closeFlagsExcept(c, Escalation, "takhojd")
	}
	_, err = w.tx.Exec(`UPDATE flags SET why = $2 WHERE comment = $1 AND closed_at = 0`, c.id, string(d.why))
	return err
}

// cameThrough settles what was given up, and turns out to be as it was to be: an attempt was carried out, and its answer was lost with the process
// that waited for it, or on its way. A colleague may have done it instead, where the platform told nobody; for that there is no sign. What was given up
// before a time is not it; the zero time: whenever it was.
func (w *walk) cameThrough(c *comment, state State, since time.Time) (bool, error) {
	action := "hide"
	if state == Standing {
		action = "restore"
	}
	var given []job
	j := job{comment: c.id, channel: c.ref.Channel, action: action}
	err := eachRow(w.tx, `UPDATE outbox SET state = 'done', result = 'already', settled_at = $4 WHERE comment = $1 AND action = $2 AND state = 'dead'
		AND (action = 'restore' OR revision = $3) AND settled_at >= $5 RETURNING id, record_id`, []any{c.id, action, c.revision, w.now, since}, func() { given = append(given, j) }, &j.id, &j.record)
	if err != nil || len(given) == 0 {
		return false, err
	}
	for _, j := range given {
		if err := w.answered(c, j, outcome{result: "already", state: state}); err != nil {
			return false, err
		}
	}
	if state == Standing {
		if err := w.seenAgain(c); err != nil {
			return false, err
		}
	}
	w.changes = append(w.changes, Change{Kind: "settled", Comment: c.id})
	return true, w.mended(c)
}

// effect says truthfully what the platform does with a hidden comment.
func (w *walk) effect(j job, o outcome) string {
	if j.action == "hide" && (o.result == "done" || o.result == "already") {
		return w.m.Capabilities(j.channel).HideEffectEN
	}
	return ""
}

// turnBack handles a job that a person called off while the platform was doing it, or that another node did after this one was stopped: what was done is undone. A deletion can't be; the
// books say what happened. was is the job's state: "done" by another, else called off.
func (w *walk) turnBack(c *comment, j job, o outcome, was string) error {
	d, err := w.decisionOn(c)
	if err != nil {
		return err
	}
	switch {
	case j.action == "hide" && o.state == Hidden && !d.action.removes():
		w.showAgain(c, d)
	case j.action == "restore" && o.state == Standing && (d.action.removes() || was != "done" && !d.lets()):
		if err = w.hideAgain(c, d); err == nil {
			err = w.save(c)
		}
	}
	return err
}

// postpone lets a job wait after a failure, as long as the failure says; a job that can't be done becomes a dead letter, and its
// comment comes before a person.
func (w *walk) postpone(j job, o outcome) error {
	cause := o.err
	at, counts, dead := w.m.retry(j, o)
	state := "waiting"
	if dead {
		state = "dead"
	}
	var ended time.Time
	if dead {
		ended = w.now
	}
	r, err := w.tx.Exec(`UPDATE outbox SET state = $2, attempts = attempts + $3, not_before = $4, error = $5, settled_at = $6 WHERE id = $1 AND state = 'waiting'`,
		j.id, state, counts, at, cause.Error(), ended)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return err // called off meanwhile, and not done: all is as it should be
	}
	w.logs = append(w.logs, func() {
		w.m.metrics.failed.WithLabelValues(j.channel, j.action, reason(cause)).Inc()
		w.m.log.Warn("outbox: not done", zap.Int64("job", j.id), zap.String("channel", j.channel), zap.String("action", j.action),
			zap.Int("attempts", j.attempts+counts), zap.Bool("dead_letter", dead), zap.Time("again", at), zap.Error(cause))
	})
	if dead && (j.says() || j.action == "close" || j.action == "open") {
		if err := w.undone(j, cause); err != nil {
			return err
		}
	}
	if !dead || j.comment == 0 || j.action == "capture" || j.action == "reread" {
		return nil
	}
	c, err := w.loadID(j.comment)
	if err != nil {
		return err
	}
	w.note(c, w.now, "failed:"+j.action, "", cause.Error())
	// What the platform told of while it waited was taken for this job's doing (acted); an earlier attempt may have done it, and its answer was
	// lost. Nobody will say so any more but the platform.
	if _, served := w.m.cfg.Adapters[j.channel]; served && removesOrShows(j.action) {
		if err := w.readAgain(c.id, j.channel); err != nil {
			return err
		}
	}
	d, err := w.decisionOn(c)
	if err != nil {
		return err
	}
	d.why = Failed
	return w.openFlag(d, w.m.Policy())
}

// retry says when a job may be tried again after a failure, whether the attempt counts, and whether it was the last.
func (m *Moderator) retry(j job, o outcome) (at time.Time, counts int, dead bool) {
	now, cause := m.now(), o.err
	var wait *platforms.RetryAfterError
	switch {
	case errors.As(cause, &wait):
		// The platform says when, and of which call. The attempt does not count: throttling is no fault of the job's.
		call := callOf(j.action)
		if o.read {
			call = callRead
		}
		m.outbox.pause(Pause{Channel: j.channel, Call: call, Until: wait.At, Why: WaitThrottled})
		return wait.At, 0, false
	case errors.Is(cause, platforms.ErrTokenDead):
		// Nothing works until a person renews the token; meanwhile everything waits, and nothing is given up.
		again := now.Add(min(time.Minute, m.cfg.BackoffMax))
		m.outbox.pause(Pause{Channel: j.channel, Until: again, Why: WaitToken})
		m.health.heard(j.channel, false)
		return again, 0, false
	case errors.Is(cause, platforms.ErrNotPermitted), errors.Is(cause, platforms.ErrUnsupported), errors.Is(cause, archive.ErrNoReceipt):
		return time.Time{}, 1, true
	case errors.Is(cause, store.ErrFull):
		return now.Add(m.cfg.Backoff), 0, false
	}
	pause := m.cfg.Backoff << min(j.attempts, 20)
	if pause <= 0 || pause > m.cfg.BackoffMax {
		pause = m.cfg.BackoffMax
	}
	return now.Add(pause/2 + rand.N(pause)), 1, j.attempts+1 >= m.cfg.Attempts
}

// reason is a failure's kind, for the metrics.
func reason(err error) string {
	var wait *platforms.RetryAfterError
	switch {
	case errors.As(err, &wait):
		return "throttled"
	case errors.Is(err, platforms.ErrTokenDead):
		return "token"
	case errors.Is(err, platforms.ErrNotPermitted), errors.Is(err, platforms.ErrUnsupported):
		return "not-permitted"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return "fault"
}
