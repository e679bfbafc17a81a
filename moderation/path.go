package moderation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"takhojd/archive"
	"takhojd/moderation/inbox"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

// work takes a batch of events through the path, in one transaction; those that must be read on their platform first in another, so that
// nobody waits for a platform that does not answer. Which of two events of one comment comes first makes no difference (see said).
//
// If we die before it commits, the inbox still holds every event of the batch and the next start takes them again. If we die
// right after, the events are gone from the inbox and everything that follows from them – records, flags, outbox – is there.
func (m *Moderator) work(ctx context.Context, entries []inbox.Entry) error {
	var whole, incomplete []inbox.Entry
	for _, e := range entries {
		if _, ok := m.cfg.Adapters[e.Event.Comment.Ref.Channel]; ok && e.Event.Incomplete {
			incomplete = append(incomplete, e)
		} else {
			whole = append(whole, e)
		}
	}
	if len(whole) > 0 {
		if err := m.take(ctx, whole, nil); err != nil {
			return err
		}
	}
	if len(incomplete) == 0 {
		return nil
	}
	read, left := m.completeAll(ctx, incomplete)
	if len(read) > 0 {
		if err := m.take(ctx, read, nil); err != nil {
			for _, e := range read {
				left[e.ID] = err
			}
		}
	}
	if len(left) > 0 {
		return left
	}
	return nil
}

// take works events in one transaction. ahead is what was foreseen of each that comes by express; nil: they come from the inbox.
func (m *Moderator) take(ctx context.Context, entries []inbox.Entry, ahead []*foreseen) error {
	tell, err := m.takeUntold(ctx, entries, ahead)
	if err == nil {
		tell()
	}
	return err
}

// takeUntold is take for callers who have somebody to answer first: nobody should wait for the log. tell is to be called once it returns no error.
func (m *Moderator) takeUntold(ctx context.Context, entries []inbox.Entry, ahead []*foreseen) (tell func(), err error) {
	var w walk
	err = m.db.Attempt(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		w = walk{m: m, tx: tx, now: m.now()}
		tx.IfTakenBack(func() { w.unremember() })
		err := w.takeAll(entries, ahead)
		if err == nil {
			err = tx.Flush()
		}
		return err
	})
	if err != nil {
		m.unheard(entries) // it may have been committed all the same
		m.noticed(err)
		return nil, err
	}
	return w.tell, nil
}

// unheard forgets what was remembered of comments of which nobody knows whether they were kept.
func (m *Moderator) unheard(entries []inbox.Entry) {
	for _, e := range entries {
		m.lately.forget(e.Event.Comment.Ref.Channel)
	}
}

func (w *walk) takeAll(entries []inbox.Entry, ahead []*foreseen) error {
	express := ahead != nil
	conditions := []func() error{w.fence(entries)}
	if express {
		conditions = append(conditions, w.first(entries))
	}
	w.ask(entries, ahead)
	if err := w.tx.Wait(); err != nil {
		return fmt.Errorf("moderation: %w", err)
	}
	for _, holds := range conditions {
		if err := holds(); err != nil {
			return err
		}
	}
	if w.weighing {
		if _, err := w.autonomy(w.m.Policy()); err != nil {
			return err
		}
	}
	for i, e := range entries {
		if express {
			w.ahead = ahead[i]
		}
		if i > 0 && i%atOnce == 0 {
			if err := w.tx.Begin(); err != nil {
				return err
			}
		}
		if err := w.take(e.Event, e.Received); err != nil {
			return fmt.Errorf("moderation: %s: %w", e.Event.Comment.Ref, err)
		}
	}
	w.sum()
	if express { // it stands in no inbox
		return nil
	}
	return inbox.Done(w.tx, entries)
}

// atOnce is after how many events the database begins to write what came of them, while those after them are judged.
const atOnce = 32

const (
	// completeTime is how long all incomplete events of a batch may take to be read: so long does the next batch wait at most.
	completeTime = 10 * time.Second
	// completeAtOnce is how many of them are read at a time.
	completeAtOnce = 8
)

// completeAll reads the comments of which the platform told us too little, several at a time. left says which could not be read.
func (m *Moderator) completeAll(ctx context.Context, entries []inbox.Entry) (read []inbox.Entry, left inbox.Left) {
	ctx, cancel := context.WithTimeout(ctx, completeTime)
	defer cancel()
	errs := make([]error, len(entries))
	places := make(chan struct{}, completeAtOnce)
	var wg sync.WaitGroup
	for i := range entries {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			entries[i], errs[i] = m.complete(ctx, entries[i])
		})
	}
	wg.Wait()
	left = inbox.Left{}
	for i, e := range entries {
		if errs[i] != nil {
			left[e.ID] = errs[i]
		} else {
			read = append(read, e)
		}
	}
	return read, left
}

// complete reads a comment of which the platform told us too little to judge. A comment that is gone by then is taken as it was told; so is one
// that we may no longer read, if we were told who wrote it, and what.
func (m *Moderator) complete(ctx context.Context, e inbox.Entry) (inbox.Entry, error) {
	c, err := m.cfg.Adapters[e.Event.Comment.Ref.Channel].Fetch(ctx, e.Event.Comment.Ref)
	told := e.Event.Comment.Author.ID != "" && e.Event.Comment.Text != ""
	if errors.Is(err, platforms.ErrGone) || errors.Is(err, platforms.ErrNotPermitted) && told {
		return e, nil
	}
	if err != nil {
		return e, fmt.Errorf("moderation: complete %s: %w", e.Event.Comment.Ref, err)
	}
	if c.Raw == nil {
		c.Raw = e.Event.Comment.Raw
	}
	e.Event.Comment = c
	return e, nil
}

// walk is one transaction's way along the path, and what is to be told once it is committed.
type walk struct {
	m       *Moderator
	tx      *store.Tx
	now     time.Time
	changes []Change
	logs    []func()
	outbox  bool
	inbox   bool
	// modes is what autonomy found by the policy modesBy; nil when it must look again.
	modes   map[string]rules.Mode
	modesBy *rules.Policy
	// weighed are the records that autonomy asked for, weighing is true from when it asked until it took them.
	weighed  []ruleRecord
	weighing bool
	together
	// ahead is what was foreseen of the event that is being taken; nil: nothing.
	ahead *foreseen
	remembered
}

// tell does what may only be done after the commit: logs, metrics, listeners, waking the outbox.
func (w *walk) tell() {
	for _, log := range w.logs {
		log()
	}
	if w.modes != nil {
		modes := w.modes // of the rest of the walk nothing need be kept
		w.m.modes.Store(&modes)
	}
	w.m.changes.tell(w.changes...)
	if w.outbox {
		w.m.outbox.wakeUp()
	}
	if w.inbox {
		w.m.inbox.Wake()
	}
}

// take works one event.
func (w *walk) take(e platforms.Event, received time.Time) error {
	ref := e.Comment.Ref
	if _, known := w.m.channels[ref.Channel]; !known || ref.Comment == "" || !e.Kind.Valid() {
		w.logs = append(w.logs, func() {
			w.m.log.Warn("an event for no channel or comment of ours was set aside", zap.Stringer("comment", ref), zap.String("kind", string(e.Kind)))
		})
		return nil
	}
	c, err := w.load(ref)
	if err != nil {
		return err
	}
	w.m.told.note(ref)
	switch e.Kind {
	case platforms.Added, platforms.Edited:
		return w.said(c, e, received)
	case platforms.Removed:
		return w.gone(c, e, received)
	default:
		return w.shown(c, e, received)
	}
}

// said takes what a comment says now, or said once.
func (w *walk) said(c *comment, e platforms.Event, received time.Time) error {
	revision := e.Comment.Revision()
	first := c.revision == ""
	switch {
	case first:
		if err := w.begin(c, e, received); err != nil {
			return err
		}
	case revision == c.revision:
		return w.reconcile(c, e, received)
	case olderThanKnown(c, e):
		if err := w.addRevision(c, e, received, true); err != nil {
			return err
		}
		w.note(c, e.At, "superseded", "", "")
		return nil
	default:
		if again, err := w.toldAgain(c, e); err != nil || again {
			return err
		}
		c.say(e)
		if err := w.save(c); err != nil {
			return err
		}
	}
	if err := w.addRevision(c, e, received, false); err != nil {
		return err
	}
	switch {
	case !first:
		w.note(c, e.At, "edited", "", e.Via)
	case !c.fresh:
		w.note(c, e.At, "added", "", e.Via)
	default:
		w.tx.Notify("change") // that it came its first revision says: see gatherer.history
	}
	if err := w.knowPost(c); err != nil {
		return err
	}
	if c.own {
		w.answeredByOwn(c) // the authority's own words are kept for the thread, and never moderated
		return nil
	}
	if err := w.judge(c, e, received); err != nil || !first {
		return err
	}
	return w.takenBefore(c, received)
}

// takenBefore keeps the record of a comment that was hidden or gone before we ever heard its words: told in another order than it
// happened, or found so by a full reading.
func (w *walk) takenBefore(c *comment, received time.Time) error {
	switch c.state {
	case Hidden:
		if kept, err := w.kept(c); err != nil || kept {
			return err
		}
		if n, err := howMany(w.tx, `SELECT count(*) FROM outbox WHERE comment = $1 AND state = 'waiting' AND action = 'restore'`, c.id); err != nil || n > 0 {
			return err // a person has let it be seen again, before its words came: that a colleague hid it is no longer what holds
		}
		d := &decision{comment: c, byKind: "platform", action: Hide, received: received}
		if err := w.number(d); err != nil {
			return err
		}
		if err := w.record(d); err != nil {
			return err
		}
		if err := w.write(d); err != nil {
			return err
		}
		if err := w.closeFlagsExcept(c, Escalation, "platform"); err != nil { // a colleague has decided
			return err
		}
	case Removed:
		if err := w.lastWords(c); err != nil {
			return err
		}
	default:
		return nil
	}
	return w.save(c)
}

// lastWords keeps what a comment said when it was taken from its platform, unless a record of these very words stands already.
func (w *walk) lastWords(c *comment) error {
	if c.revision == "" || c.own {
		return nil
	}
	if kept, err := w.kept(c); err != nil || kept {
		return err
	}
	if disposed, err := howMany(w.tx, `SELECT count(*) FROM comments WHERE id = $1 AND disposed_revision = revision`, c.id); err != nil || disposed > 0 {
		return err // there are none to keep any more
	}
	d, err := w.decisionOn(c)
	if err != nil {
		return err
	}
	d.action, d.byKind, d.by, d.reason = "removed", "platform", "", ""
	return w.record(d)
}

// olderThanKnown tells whether an event speaks of a state that was edited away before what we know. Platforms' clocks
// have seconds: within one second an edit comes after what was added, and of two edits the later told is taken; if that
// was wrong, the next full reading of the channel mends it.
func olderThanKnown(c *comment, e platforms.Event) bool {
	known, told := c.revisedAt.Truncate(time.Second), e.At.Truncate(time.Second)
	return told.Before(known) || told.Equal(known) && e.Kind == platforms.Added
}

// toldAgain tells whether an event is the very one that first told of its words, delivered once more when other words of the same second are
// known already: whoever edits twice in a second and is told of twice has not edited four times.
func (w *walk) toldAgain(c *comment, e platforms.Event) (bool, error) {
	if e.Via == viaBackfill || e.Via == viaReread || !e.At.Truncate(time.Second).Equal(c.revisedAt.Truncate(time.Second)) {
		return false, nil
	}
	n, err := howMany(w.tx, `SELECT count(*) FROM revisions WHERE comment = $1 AND revision = $2 AND at = $3`, c.id, e.Comment.Revision(), e.At)
	return n > 0, err
}

// reconcile takes a comment told again. A full reading also tells whether it is hidden, which webhooks may have missed.
func (w *walk) reconcile(c *comment, e platforms.Event, received time.Time) error {
	w.logs = append(w.logs, w.m.metrics.duplicates.Inc)
	if e.At.After(c.revisedAt) {
		c.revisedAt = e.At // edited away and back: what it said in between may be told later, and is known to be older
		if err := w.save(c); err != nil {
			return err
		}
	}
	if e.Via != viaBackfill || c.state == Deleted || c.state == Removed || e.Comment.Hidden == (c.state == Hidden) ||
		w.m.Capabilities(c.ref.Channel).HidesUntold {
		return nil
	}
	if !c.stateAt.Before(e.At) {
		return nil // the reading began before what we did was done: it saw how things stood then
	}
	kind, state := platforms.Restored, Standing
	if e.Comment.Hidden {
		kind, state = platforms.Hidden, Hidden
	}
	if ours, err := w.underWay(c); err != nil || ours {
		return err
	}
	if ours, err := w.cameThrough(c, state, time.Time{}); err != nil || ours {
		return err
	}
	return w.elsewhere(c, platforms.Event{Kind: kind, Comment: e.Comment, At: e.At, Via: e.Via}, received)
}

// judge asks the policy and writes what follows.
func (w *walk) judge(c *comment, e platforms.Event, received time.Time) error {
	if !c.fresh {
		var decided int
		if err := w.tx.QueryRow(`SELECT count(*) FROM decisions WHERE comment = $1 AND revision = $2 AND by_kind = 'bot'`,
			c.id, c.revision).Scan(&decided); err != nil {
			return err
		}
		if decided > 0 {
			if _, err := w.facts(c, w.m.Policy()); err != nil { // others are compared with what it says now
				return err
			}
			return w.cameBack(c)
		}
	}
	policy := w.m.Policy()
	facts, err := w.facts(c, policy)
	if err != nil {
		return err
	}
	if facts.Modes, err = w.autonomy(policy); err != nil {
		return err
	}
	d := &decision{comment: c, byKind: "bot", received: received}
	if w.ahead.holds(c, policy, facts) {
		d.verdict, d.encoded = w.ahead.verdict, w.ahead.encoded
	} else {
		d.verdict = w.m.verdict(policy, c.asPlatform(w.m), facts)
	}
	return w.decide(d, policy, w.m.heldBack(policy, c, facts, d.verdict), e.Via)
}

// verdict asks the policy. A fault in a rule is a doubt: the comment goes to a person, and is not lost.
func (m *Moderator) verdict(policy *rules.Policy, c platforms.Comment, facts rules.Facts) (v rules.Verdict) {
	defer func() {
		if r := recover(); r != nil {
			m.log.Error("judging failed; the comment is flagged", zap.Stringer("comment", c.Ref), zap.String("fault", fmt.Sprintf("%T", r)))
			m.metrics.faults.Inc()
			v = rules.Verdict{Action: rules.Flag, Policy: policy.Version()}
		}
	}()
	return policy.Judge(c, facts)
}

// decide turns the bot's verdict into a decision with all that follows from it. held names the rules that would have hidden the comment,
// had they not fallen back.
func (w *walk) decide(d *decision, policy *rules.Policy, held []string, via string) error {
	c, v := d.comment, d.verdict
	d.policy, d.route, d.escalate, d.action, d.why = v.Policy, v.Route, v.Escalate, Action(v.Action), Doubt
	if v.Escalate {
		d.why = Escalation
	}
	if err := w.limit(d); err != nil {
		return err
	}
	if err := w.number(d); err != nil {
		return err
	}
	if d.action == Hide || v.Escalate {
		if err := w.record(d); err != nil {
			return err
		}
	}
	if err := w.write(d); err != nil {
		return err
	}
	w.noteHides(d, held)
	if err := w.follow(d, policy); err != nil {
		return err
	}
	w.logs = append(w.logs, func() {
		w.m.metrics.decided.WithLabelValues(c.ref.Channel, string(d.action)).Inc()
		w.m.log.Info("comment", zap.Stringer("comment", c.ref), zap.String("revision", c.revision), zap.String("action", string(d.action)),
			zap.String("why", string(d.why)), zap.Bool("escalate", d.escalate), zap.Any("categories", v.Categories()),
			zap.Strings("rules", ruleIDs(v)), zap.String("policy", v.Policy), zap.String("via", via), zap.String("record", d.record),
			zap.Duration("after", w.now.Sub(d.received)))
	})
	return nil
}

// limit lets a hide fall back to a flag where the bot may not hide.
func (w *walk) limit(d *decision) error {
	if d.action != Hide {
		return nil
	}
	channel := w.m.channels[d.comment.ref.Channel]
	if !w.m.Capabilities(channel.ID).Hide {
		d.action = Flag
		return nil
	}
	hides, err := w.today(channel.ID)
	if err != nil {
		return err
	}
	if hides > channel.HideQuota {
		d.action = Flag
		if d.why == Doubt {
			d.why = Quota
		}
	}
	return nil
}

// follow writes what a bot's decision leads to: what waits for a person, what the outbox has to do.
func (w *walk) follow(d *decision, policy *rules.Policy) error {
	c := d.comment
	there := c.state == Standing || c.state == Hidden
	switch {
	case d.action == Hide && there:
		c.violationAt = w.now
		w.enqueue(d, "hide", "", 0)
	case d.action == Allow && c.state == Hidden:
		d.why = EditedWhy // it was hidden for what it said before: a person decides whether it may be seen again
	case d.action == Flag && there && len(c.attachments) > 0:
		w.enqueue(d, "capture", "", 0)
	}
	limit, window := policy.Strikes()
	if d.action == Hide && d.why == Doubt && limit > 0 && c.author.ID != "" {
		strikes, err := w.strikes(c, window)
		if err != nil {
			return err
		}
		if strikes+1 >= limit {
			d.why = BlockWhy
		}
	}
	if author := authorKey(c.ref.Platform, c.author.ID); d.action == Hide && there {
		w.m.struck.note(author)
		if n, counted := w.struck[author]; counted {
			w.struck[author] = n + 1
		}
	}
	if err := w.save(c); err != nil {
		return err
	}
	if !c.fresh && d.action != Flag && d.why != Escalation {
		// What was doubtful in words that it no longer says is not what is asked now, however grave it was.
		if _, err := w.tx.Exec(`UPDATE flags SET severity = 0 WHERE comment = $1 AND closed_at = 0 AND why IN ('doubt', 'quota')`, c.id); err != nil {
			return err
		}
	}
	switch {
	case d.why == Escalation, there && (d.action == Flag || d.why == EditedWhy || d.why == BlockWhy):
		return w.openFlag(d, policy)
	case d.action != Flag && !c.fresh:
		// Edited into something that needs nobody: what waited for a person waits no longer.
		return w.closeFlagsExcept(c, Escalation, "bot")
	}
	return nil
}

// cameBack handles a comment that was edited back to what was decided before: the earlier decision holds. Where it asked for a person
// and nobody has answered, or where the comment stands otherwise than it says, a person looks; else what was asked of people about
// the words in between waits no longer.
func (w *walk) cameBack(c *comment) error {
	if c.state == Deleted || c.state == Removed {
		return nil
	}
	d, err := w.decisionOn(c)
	if err != nil {
		return err
	}
	if d.why, err = w.asks(d); err != nil {
		return err
	}
	if d.why == "" {
		return w.closeFlagsExcept(c, Escalation, "bot")
	}
	return w.openFlag(d, w.m.Policy())
}

// asks tells what a decision that holds asks a person, or how the comment stands otherwise than it says; nothing where all is as decided.
func (w *walk) asks(d *decision) (Why, error) {
	removing, err := w.removing(d.comment)
	if err != nil {
		return "", err
	}
	switch hidden := d.comment.state == Hidden; {
	case d.escalate, d.action == Escalate:
		return Escalation, nil
	case d.action == Opinion:
		return OpinionWhy, nil
	case d.action == Flag, d.action.removes() && (!hidden || d.action == Delete) && !removing:
		return Doubt, nil
	case !d.action.removes() && (hidden || removing): // a hide that was given back may still be on its way
		return EditedWhy, nil
	}
	return "", nil
}

// removing tells whether the outbox is about to take away what the comment says now.
func (w *walk) removing(c *comment) (bool, error) {
	var n int
	err := w.tx.QueryRow(`SELECT count(*) FROM outbox WHERE comment = $1 AND revision = $2 AND state = 'waiting' AND action IN ('hide', 'delete')`,
		c.id, c.revision).Scan(&n)
	return n > 0, err
}

// gone takes note that a comment is no longer on its platform. Its last words are kept as a record: ours is now the only copy.
func (w *walk) gone(c *comment, e platforms.Event, received time.Time) error {
	if c.state == Deleted || c.state == Removed {
		return nil
	}
	if deleting, err := w.acted(c, "delete", e.At); err != nil || deleting {
		return err // the echo of our own deletion
	}
	c.state, c.stateAt, c.stateBy = Removed, e.At, "platform"
	if c.id == 0 {
		if err := w.insert(c, received); err != nil {
			return err
		}
	}
	if c.record != "" {
		if err := w.m.archive.Add(w.tx, c.record, archive.KindOutcome, archive.Outcome{Action: "removed", Result: "gone", At: e.At}); err != nil {
			return err
		}
	}
	if err := w.lastWords(c); err != nil {
		return err
	}
	if err := w.save(c); err != nil {
		return err
	}
	if err := w.closeFlagsExcept(c, Escalation, "platform"); err != nil {
		return err
	}
	w.changes = append(w.changes, Change{Kind: "settled", Comment: c.id})
	w.note(c, e.At, "removed", "", e.Via)
	return nil
}

// shown takes note that a comment was hidden or shown again: the echo of what we did, or a colleague's doing in the platform's own
// tools.
func (w *walk) shown(c *comment, e platforms.Event, received time.Time) error {
	if c.id == 0 {
		c.stateAt, c.stateBy = e.At, "platform"
		if e.Kind == platforms.Hidden {
			c.state = Hidden
		}
		if err := w.insert(c, received); err != nil {
			return err
		}
		w.note(c, e.At, "platform:"+string(e.Kind), "", e.Via)
		return nil
	}
	action, want := "hide", Hidden
	if e.Kind == platforms.Restored {
		action, want = "restore", Standing
	}
	if c.state == want {
		if !e.At.After(c.stateAt) {
			return nil
		}
		c.stateAt = e.At // what is told later, and was before this, is known to be late
		return w.save(c)
	}
	if ours, err := w.acted(c, action, e.At); err != nil || ours {
		return err
	}
	if e.At.Truncate(time.Second).Before(c.stateAt.Truncate(time.Second)) {
		return nil // told late: something else has happened since
	}
	if ours, err := w.cameThrough(c, want, e.At.Add(-clocks)); err != nil || ours {
		return err
	}
	return w.elsewhere(c, e, received)
}

// elsewhere writes a colleague's decision, made in the platform's own tools. A hide is a removal by the authority like any other, and is
// kept as one.
func (w *walk) elsewhere(c *comment, e platforms.Event, received time.Time) error {
	want := Standing
	if e.Kind == platforms.Hidden {
		want = Hidden
	}
	if c.state == want || c.state == Deleted || c.state == Removed || c.own {
		return nil
	}
	c.state, c.stateAt, c.stateBy = want, e.At, "platform"
	ofTheseWords := !e.At.Truncate(time.Second).Before(c.revisedAt.Truncate(time.Second))
	late := false
	if want == Hidden {
		var err error
		if late, err = w.calledOff(c, e); err != nil {
			return err
		}
	}
	// What it says now nobody has let stand; or it was a hide of ours that came late, as likely as a colleague's.
	if want == Standing && !ofTheseWords || late {
		if err := w.save(c); err != nil {
			return err
		}
		w.note(c, e.At, "platform:"+string(e.Kind), "", e.Via)
		return w.cameBack(c)
	}
	d := &decision{comment: c, byKind: "platform", action: Restore, received: received}
	if err := w.number(d); err != nil {
		return err
	}
	if want == Hidden {
		d.action = Hide
		if c.revision != "" {
			if err := w.record(d); err != nil {
				return err
			}
		}
	} else {
		c.violationAt = time.Time{}
	}
	if ofTheseWords {
		if err := w.overrule(c, d); err != nil {
			return err
		}
	}
	if err := w.write(d); err != nil {
		return err
	}
	if err := w.learn(d.id); err != nil {
		return err
	}
	if want == Standing && c.record != "" {
		if err := w.m.archive.Add(w.tx, c.record, archive.KindDecision, d.forArchive(w.now)); err != nil {
			return err
		}
	}
	if err := w.save(c); err != nil {
		return err
	}
	if err := w.closeFlags(c, "platform"); err != nil {
		return err
	}
	w.changes = append(w.changes, Change{Kind: "decided", Comment: c.id})
	w.note(c, e.At, "platform:"+string(e.Kind), "", e.Via)
	return nil
}

// clocks is how far the platform's clock and ours may be apart: what we did longer ago than that before an event is not what it tells of.
const clocks = 10 * time.Second

// acted tells whether we did, or are about to do, what the platform now tells of, and says happened at a time.
func (w *walk) acted(c *comment, action string, at time.Time) (bool, error) {
	if c.id == 0 {
		return false, nil
	}
	since := w.now.Add(-time.Hour)
	if c.stateBy == "platform" && c.stateAt.After(since) {
		since = c.stateAt // a colleague has changed it after us: this is not what we did before that
	}
	if at = at.Add(-clocks); at.After(since) {
		since = at
	}
	var n int
	// What a person called off while it was being done counts too, until its outcome is written. What nobody has tried yet, and
	// must wait until it can no longer be taken back, can't be what the platform tells of.
	err := w.tx.QueryRow(`SELECT count(*) FROM outbox WHERE comment = $1 AND action = $2 AND (state = 'waiting' AND (attempts > 0 OR not_before <= $5)
		OR state = 'done' AND result IN ('done', 'already') AND settled_at >= $3 OR state = 'cancelled' AND settled_at >= $3 AND $4 = 1)`,
		c.id, action, since, w.m.outbox.working(c.id), w.now).Scan(&n)
	return n > 0, err
}

// calledOff tells whether people have let the comment stand while a hide of ours waited or was under way, whose answer may have been lost with
// the process that waited for it. The platform may tell of it late, but says when it was; a reading says only that it was.
func (w *walk) calledOff(c *comment, e platforms.Event) (bool, error) {
	var since time.Time
	if e.Via != viaBackfill {
		since = e.At.Add(-time.Hour)
	}
	n, err := howMany(w.tx, `SELECT count(*) FROM outbox WHERE comment = $1 AND revision = $2 AND action = 'hide' AND state = 'cancelled' AND settled_at >= $3`,
		c.id, c.revision, since)
	if err != nil || n == 0 {
		return false, err
	}
	d, err := w.decisionOn(c)
	return err == nil && d.id != 0 && !d.action.removes(), err
}

// underWay tells whether the outbox is about to change how the comment stands.
func (w *walk) underWay(c *comment) (bool, error) {
	var n int
	err := w.tx.QueryRow(`SELECT count(*) FROM outbox WHERE comment = $1 AND state = 'waiting'
		AND action IN ('hide', 'restore', 'delete')`, c.id).Scan(&n)
	return n > 0, err
}

// decision is a Decision while it is being made.
type decision struct {
	id       int64
	comment  *comment
	action   Action
	byKind   string
	by       string
	reason   string
	verdict  rules.Verdict
	encoded  []byte // verdict as it is kept; nil: not yet
	policy   string
	route    rules.Route
	escalate bool
	why      Why
	flag     int64
	record   string
	received time.Time
}

// maker is who decided, as the record says it.
func (d *decision) maker() string {
	if d.byKind == "person" {
		return "person:" + d.by
	}
	return d.byKind
}

func (d *decision) forArchive(at time.Time) archive.Decision {
	return archive.Decision{ID: d.id, Action: string(d.action), By: d.maker(), Reason: d.reason, At: at.UTC().Truncate(time.Microsecond)}
}

// write inserts the decision.
func (w *walk) write(d *decision) error {
	verdict, err := d.encode()
	if err != nil {
		return err
	}
	categories, gravest := w.categories(d.verdict)
	w.tx.Insert(decisionsTable, d.id, d.comment.id, d.comment.ref.Channel, d.comment.revision, string(d.action), d.byKind, d.by, d.reason, string(verdict), d.policy,
		categories, string(gravest), string(d.route), d.escalate, d.flag, d.record, d.received, w.now)
	if c := d.comment; !c.fresh || c.state != Standing || d.byKind != "bot" || d.route != rules.NoRoute {
		w.looks = append(w.looks, c.id)
	}
	if d.byKind == "bot" && d.action == Allow {
		return nil // of what stands untouched the comment's own row says enough
	}
	w.note(d.comment, w.now, "decided:"+string(d.action), d.maker(), d.reason)
	return nil
}

// encode is the verdict as it is kept.
func (d *decision) encode() ([]byte, error) {
	if d.encoded == nil {
		b, err := json.Marshal(d.verdict)
		if err != nil {
			return nil, fmt.Errorf("encode verdict: %w", err)
		}
		d.encoded = b
	}
	return d.encoded, nil
}

// number gives the decision its number before it is written, so that its record can name it.
func (w *walk) number(d *decision) (err error) {
	d.id, err = w.next(ofDecisions)
	return err
}

// record keeps the comment in the archive as it stands now.
func (w *walk) record(d *decision) error {
	c := d.comment
	verdict, err := d.encode()
	if err != nil {
		return err
	}
	r := archive.Record{Ref: c.ref, Revision: c.revision, Post: archive.Post{ID: c.post}, Parent: c.parent, Author: c.author, Text: c.text,
		Attachments: c.attachments, Permalink: c.permalink, Posted: c.posted.UTC(), Received: c.received.UTC(), Policy: d.policy, Verdict: verdict,
		Decision: d.forArchive(w.now)}
	for _, category := range d.verdict.Categories() {
		r.Categories = append(r.Categories, string(category))
	}
	if err := w.surroundings(c, &r); err != nil {
		return err
	}
	if d.record, err = w.m.archive.Append(w.tx, r); err != nil {
		return err
	}
	c.record = d.record
	return nil
}

func ruleIDs(v rules.Verdict) []string {
	ids := make([]string, 0, len(v.Findings))
	for _, f := range v.Findings {
		ids = append(ids, f.Rule)
	}
	return ids
}
