package moderation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"takhojd/archive"
	"takhojd/moderation/store"
	"takhojd/platforms"
)

// What the world does, and the platform that the Moderator sees of it.

func (w *world) ref(id string) platforms.Ref {
	return platforms.Ref{Platform: platforms.Facebook, Channel: w.channel.ID, Comment: id}
}

// happened notes a change, and what the platform has to tell of it: it may forget to, save for removals, which nothing else would show.
func (w *world) happened(c *citizen, kind platforms.EventKind, incomplete bool) {
	at := w.clock.Truncate(time.Second)
	what := 0
	if kind != platforms.Added && kind != platforms.Edited {
		what = 1
	}
	c.unsure[what] = c.changed[what].Equal(at) || what == 1 && at.Sub(c.changed[what]) <= clocks+time.Second
	c.changed[what] = at
	if kind != platforms.Removed && !w.quiet && w.pick("told", 8) == 7 {
		c.lost = true
		return
	}
	e := platforms.Event{Kind: kind, Comment: platforms.Comment{Ref: c.Ref}, At: at, Via: "webhook"}
	if kind == platforms.Added || kind == platforms.Edited {
		e.Comment = c.Comment
		if e.Incomplete = incomplete; incomplete {
			e.Comment.Author, e.Comment.Text = platforms.Author{}, ""
		}
	}
	w.pending = append(w.pending, e)
}

func (w *world) write() {
	w.serial++
	id := fmt.Sprintf("k%d", w.serial)
	author := fmt.Sprintf("%s-a%d", w.name, w.pick("author", 2))
	c := &citizen{Comment: platforms.Comment{Ref: w.ref(id), Post: "p-" + w.name, Author: platforms.Author{ID: author, Name: "N"}, Text: w.words(), Posted: w.clock}}
	w.citizens[id] = c
	w.names = append(w.names, id)
	w.happened(c, platforms.Added, w.pick("incomplete", 4) == 3)
}

func (w *world) words() string {
	text := modelWords[max(0, w.pick("words", len(modelWords)+4)-4)].text // mostly the first
	w.said[text]++
	return text
}

// one draws a citizen's comment that is there.
func (w *world) one() *citizen {
	var there []*citizen
	for _, id := range w.names {
		if c := w.citizens[id]; !c.gone && !c.Own {
			there = append(there, c)
		}
	}
	if len(there) == 0 {
		return nil
	}
	return there[w.pick("comment", len(there))]
}

func (w *world) edit() {
	c := w.one()
	if c == nil {
		return
	}
	if text := w.words(); text != c.Text {
		c.Text = text
		w.happened(c, platforms.Edited, false)
	}
}

// back lets an author say something else, and the same as before again; the platform tells of each at once, and twice in one breath.
func (w *world) back() {
	c := w.one()
	if c == nil {
		return
	}
	was, other := c.Text, w.words()
	if was == other {
		return
	}
	for _, text := range []string{other, was} {
		w.tick(2 * time.Second)
		c.Text = text
		w.said[text]++
		n := len(w.pending)
		if w.happened(c, platforms.Edited, false); len(w.pending) == n {
			continue
		}
		e := w.pending[n]
		w.run(func() {
			err := w.receive([]platforms.Event{e, e})
			w.must(err, "receive")
			if err == nil && !w.burn() {
				w.pending = w.pending[:n]
				w.told = append(w.told, e)
			}
		})
	}
}

func (w *world) remove() {
	if c := w.one(); c != nil {
		c.gone = true
		w.happened(c, platforms.Removed, false)
	}
}

// colleague hides or shows a comment in the platform's own tools.
func (w *world) colleague() {
	c := w.one()
	if c == nil {
		return
	}
	c.Hidden = !c.Hidden
	kind := platforms.Restored
	if c.Hidden {
		kind, c.byColleague = platforms.Hidden, true
	}
	w.happened(c, kind, false)
}

// deliver lets the platform tell something: one thing or several at once, in any order, twice in one breath, and perhaps again.
func (w *world) deliver() {
	if len(w.told) > 0 && !w.quiet && w.pick("again", 4) == 3 {
		e := w.told[w.pick("event", len(w.told))]
		w.run(func() { w.must(w.receive([]platforms.Event{e}), "receive") })
		return
	}
	if len(w.pending) == 0 {
		return
	}
	var events []platforms.Event
	rest := slices.Clone(w.pending)
	for range 1 + w.pick("more", min(3, len(rest))) {
		i := w.pick("event", len(rest))
		events = append(events, rest[i])
		rest = slices.Delete(rest, i, i+1)
	}
	delivery := events
	if w.pick("twice", 8) == 7 {
		delivery = append(slices.Clone(events), events[0])
	}
	w.run(func() {
		err := w.receive(delivery)
		w.must(err, "receive")
		if err != nil || w.burn() || !w.quiet && w.pick("answer", 8) == 7 {
			return // the platform had no 200, and delivers again
		}
		w.pending = rest
		w.told = append(w.told, events...)
	})
}

// receive hands a delivery to the process that works, by express unless that has too much to do.
func (w *world) receive(events []platforms.Event) error {
	x := w.m.express
	express := w.pick("road", 4) < 3
	if express {
		x.mu.Lock()
		x.running = true // before run says so: the delivery may be there first
		x.mu.Unlock()
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			x.run(ctx)
		}()
		defer func() { stop(); <-ended }()
	}
	waits, all := w.inInbox()
	edited := func() int {
		return w.number(`SELECT count(*) FROM history h JOIN comments c ON c.id = h.comment WHERE c.channel = $1 AND h.what = 'edited'`, w.channel.ID)
	}
	before := edited()
	err := x.m.Receive(context.Background(), events)
	if n := edited() - before; n > distinct(events) {
		w.t.Fatalf("%d edits were taken of a delivery of %d events", n, distinct(events))
	}
	_, now := w.inInbox()
	if err == nil && waits > 0 && now != all+len(events) {
		w.t.Fatal("what was delivered overtook what waits in the inbox")
	}
	incomplete := slices.ContainsFunc(events, func(e platforms.Event) bool { return e.Incomplete })
	if err == nil && express && !w.dead && !incomplete && waits == 0 && now != all {
		w.t.Fatal("what express could take failed there, and went by the inbox")
	}
	return err
}

// distinct counts events without those that are told again in the same breath.
func distinct(events []platforms.Event) int {
	if last := len(events) - 1; last > 0 && events[last].Comment.Ref == events[0].Comment.Ref && events[last].Kind == events[0].Kind &&
		events[last].Comment.Text == events[0].Comment.Text && events[last].At.Equal(events[0].At) {
		return last
	}
	return len(events)
}

// inInbox counts what waits in the inbox and could be judged now, and all that is there.
func (w *world) inInbox() (waits, all int) {
	err := w.db.View(context.Background(), func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT coalesce(sum(CASE WHEN dead = 0 AND not_before <= $2 THEN 1 ELSE 0 END), 0), count(*) FROM inbox WHERE channel = $1`,
			w.channel.ID, w.clock).Scan(&waits, &all)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return waits, all
}

// call is one call of the platform: it may fail before or after it did what it was asked, and the world goes on meanwhile. does is what it
// does; deed names what must not be done twice.
func (w *world) call(ctx context.Context, name, id, deed string, does func(c *citizen) error) error {
	if w.completing {
		if w.dead || w.completeErr != nil && !errors.Is(w.completeErr, errLost) {
			return w.completeErr
		}
		c, ok := w.citizens[id]
		if !ok || c.gone {
			return platforms.ErrGone
		}
		return does(c)
	}
	w.calls++
	if w.burn() {
		return errors.New("the process is dead")
	}
	fault := w.fault()
	if fault != nil && !errors.Is(fault, errLost) {
		return fault
	}
	w.goesOn()
	if w.dead {
		return errors.New("the process is dead")
	}
	if ctx.Err() != nil { // it was cut off before it went out
		return ctx.Err()
	}
	c, ok := w.citizens[id]
	if !ok || c.gone {
		return platforms.ErrGone
	}
	if err := does(c); err != nil {
		return err
	}
	d := w.deeds[deed]
	if d == nil {
		d = &done{}
		w.deeds[deed] = d
	}
	if d.by != w.processes {
		d.lost = d.times // with the process that had the answer, perhaps, and did not live to write it down
	}
	d.times++
	d.by = w.processes
	w.goesOn()
	if fault == nil && ctx.Err() != nil {
		fault = ctx.Err() // who was cut off writes nothing down
	}
	if w.burn() || fault != nil {
		d.lost++
		if fault == nil {
			fault = errLost
		}
	}
	return fault
}

var errLost = errors.New("the answer was lost")

// fault is what goes wrong with a call, by the weather.
func (w *world) fault() error {
	switch w.weather {
	case 1:
		switch w.pick("fault", 8) {
		case 3, 4, 5:
			return errLost
		case 6:
			return &platforms.RetryAfterError{At: w.clock.Add(30 * time.Second), Err: errors.New("throttled")}
		case 7:
			return context.DeadlineExceeded
		}
	case 2:
		return platforms.ErrTokenDead
	case 3:
		if w.pick("refused", 3) == 2 {
			return platforms.ErrNotPermitted
		}
	}
	return nil
}

// goesOn lets something happen in the middle of a call.
func (w *world) goesOn() {
	if w.depth != 1 || w.quiet {
		return
	}
	n := w.pick("meanwhile", 17)
	if n < 9 {
		return
	}
	w.calm = false
	switch n {
	case 9:
		w.edit()
	case 10:
		w.remove()
	case 11:
		w.colleague()
	case 12:
		w.deliver()
		w.inbox()
	case 13:
		w.decide()
	case 14:
		w.undo()
	case 15:
		w.stop()
	case 16:
		w.tick(time.Duration(w.pick("slow", 12)) * time.Second)
	}
}

func (w *world) Fetch(ctx context.Context, ref platforms.Ref) (found platforms.Comment, err error) {
	err = w.call(ctx, "fetch", ref.Comment, "", func(c *citizen) error { found = c.Comment; return nil })
	return found, err
}

func (w *world) FetchPost(_ context.Context, id string) (platforms.Post, error) {
	return platforms.Post{ID: id, Text: "Priset på SL-kortet höjs.", Posted: w.clock}, nil
}

func (w *world) CatchUp(ctx context.Context, since time.Time, sink func(context.Context, []platforms.Event) error) error {
	var events []platforms.Event
	for _, id := range w.names {
		if c := w.citizens[id]; !c.gone && !c.Posted.Before(since.Add(-24*time.Hour)) {
			events = append(events, platforms.Event{Kind: platforms.Added, Comment: c.Comment, At: c.Posted, Via: "backfill"})
		}
	}
	return sink(ctx, events)
}

func (w *world) Capabilities() platforms.Capabilities {
	return platforms.Capabilities{ReplyLength: 2000, PrivateReplyWindow: 7 * 24 * time.Hour, Hide: true, Delete: true, Reply: true, PrivateReply: true, Block: true, Mute: true, Report: true, CloseComments: true,
		HideEffectSV: "Döljs", HideEffectEN: "Hidden"}
}

func (w *world) Hide(ctx context.Context, r archive.Receipt) error {
	w.kept(r, "hide")
	return w.call(ctx, "hide", r.Ref().Comment, "", func(c *citizen) error {
		if w.calm && c.Revision() != r.Revision() {
			w.t.Fatalf("%s: hidden for words that it does not say", c.Ref.Comment)
		}
		if !c.Hidden {
			c.Hidden = true
			w.happened(c, platforms.Hidden, false)
		}
		return nil
	})
}

func (w *world) Delete(ctx context.Context, r archive.Receipt) error {
	w.kept(r, "delete")
	return w.call(ctx, "delete", r.Ref().Comment, "", func(c *citizen) error {
		c.gone, c.byUs = true, true
		w.happened(c, platforms.Removed, false)
		return nil
	})
}

func (w *world) Unhide(ctx context.Context, ref platforms.Ref) error {
	return w.call(ctx, "unhide", ref.Comment, "", func(c *citizen) error {
		if c.Hidden {
			c.Hidden = false
			w.happened(c, platforms.Restored, false)
		}
		return nil
	})
}

func (w *world) Reply(ctx context.Context, ref platforms.Ref, text string) (string, error) {
	deed := "reply " + text
	process := w.processes
	var id string
	err := w.call(ctx, "reply", ref.Comment, deed, func(c *citizen) error {
		if w.ownAnswer(ref.Comment, text) != "" && process == w.processes { // save by one that was stopped in the middle of it
			w.t.Fatal("an answer is said twice")
		}
		w.serial++
		id = fmt.Sprintf("r%d", w.serial)
		own := &citizen{Comment: platforms.Comment{Ref: w.ref(id), Post: c.Post, Parent: ref.Comment, Author: platforms.Author{ID: w.channel.Account}, Own: true,
			Text: text, Posted: w.clock}}
		w.citizens[id] = own
		w.names = append(w.names, id)
		w.happened(own, platforms.Added, false)
		return nil
	})
	return id, err
}

// ownAnswer finds what we said to a comment.
func (w *world) ownAnswer(comment, text string) (id string) {
	for _, name := range w.names {
		if c := w.citizens[name]; c.Own && c.Parent == comment && c.Text == text {
			id = name
		}
	}
	return id
}

func (w *world) Said(ctx context.Context, ref platforms.Ref, text string) (id string, err error) {
	err = w.call(ctx, "said", ref.Comment, "", func(*citizen) error { id = w.ownAnswer(ref.Comment, text); return nil })
	return id, err
}

func (w *world) PrivateReply(ctx context.Context, ref platforms.Ref, text string) error {
	return w.deed(ctx, "private-reply", ref.Comment, text)
}

func (w *world) Block(ctx context.Context, a platforms.Author) error {
	return w.anyOf(ctx, "block", a)
}

func (w *world) Mute(ctx context.Context, a platforms.Author) error {
	return w.anyOf(ctx, "mute", a)
}

// anyOf does something to an author, by one of the comments that are there.
func (w *world) anyOf(ctx context.Context, action string, a platforms.Author) error {
	for _, id := range w.names {
		if c := w.citizens[id]; c.Author.ID == a.ID {
			gone := c.gone
			c.gone = false
			defer func() { c.gone = c.gone || gone }()
			return w.call(ctx, action, id, "", func(*citizen) error { return nil })
		}
	}
	return platforms.ErrGone
}

func (w *world) Report(ctx context.Context, ref platforms.Ref, _, text string) error {
	return w.deed(ctx, "report", ref.Comment, text)
}

// deed is done once, save where the platform's answer was lost.
func (w *world) deed(ctx context.Context, action, id, text string) error {
	deed := action + " " + id + " " + text
	if d := w.deeds[deed]; d != nil && d.lost < d.times && d.by == w.processes {
		w.tell(id)
		w.t.Fatalf("%s: %s again, %d times, %d answers lost", id, action, d.times, d.lost)
	}
	return w.call(ctx, action, id, deed, func(*citizen) error { return nil })
}

func (w *world) CloseComments(context.Context, string, bool) error { return nil }

// kept makes sure, from the tables and not by what makes receipts, that what is to be removed is kept: the record with these words, its
// leaf, and a checkpoint over it.
func (w *world) kept(r archive.Receipt, action string) {
	n := w.number(`SELECT count(*) FROM archive_records a JOIN archive_entries e ON e.leaf = a.leaf AND e.record_id = a.record_id
		WHERE a.record_id = $1 AND a.comment_id = $2 AND a.revision = $3 AND e.leaf = $4 AND EXISTS (SELECT 1 FROM log_checkpoints WHERE size > e.leaf)`,
		r.Record(), r.Ref().Comment, r.Revision(), r.Leaf())
	if n != 1 {
		w.t.Fatalf("%s: %s without a record", r.Ref().Comment, action)
	}
	by := `TRUE`
	if action == "delete" {
		by = `d.by_kind = 'person' AND d.action = 'delete'`
	}
	if n := w.number(`SELECT count(*) FROM outbox o JOIN comments c ON c.id = o.comment LEFT JOIN decisions d ON d.id = o.decision
		WHERE c.channel = $1 AND c.comment_id = $2 AND o.action = $3 AND o.state = 'waiting' AND coalesce(d.undone_at, 0) = 0 AND `+by,
		w.channel.ID, r.Ref().Comment, action); n == 0 && w.depth == 1 && w.calm {
		w.t.Fatalf("%s: %s that nobody has decided", r.Ref().Comment, action)
	}
}

// number asks the books for a number.
func (w *world) number(query string, args ...any) (n int) {
	err := w.db.View(context.Background(), func(tx *store.Tx) error { return tx.QueryRow(query, args...).Scan(&n) })
	if err != nil {
		w.t.Fatalf("%v: %s", err, query)
	}
	return n
}
