// Package inbox hands events to workers: durable before the platform gets its 200, in order, each until it is done.
//
// What it promises: an event that [Inbox.Put] accepted is handed to the work function until that function has taken it off, in
// the same transaction in which it decided; in the order of arrival, except for those that had to wait. An event that fails again
// and again becomes a dead letter, which is shown and kept.
//
// The events stand in a table of the database. Where one process serves it, that process looks into the table. Where several do, Redis Streams
// may say which events have come for whom (streams.go); the table stays the only place where an event is.
package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"takhojd/moderation/store"
	"takhojd/platforms"
)

// batch is how many events share a transaction. Larger batches commit less often; the last of a batch waits for all.
const batch = 64

// Config is how an Inbox behaves.
type Config struct {
	// Backoff is the first pause after a failure, doubling up to BackoffMax.
	Backoff, BackoffMax time.Duration
	// Attempts is after how many failures an event becomes a dead letter.
	Attempts int
	Now      func() time.Time
	Log      *zap.Logger
	// Mine lists the channels whose events are handed over here; nil, or nil from it, is all. Others' stay for others.
	Mine func() []string
	// Streams hand over what others have put; nil: the table is looked into. They need Mine to list the channels.
	Streams *Streams
}

// errDone says that an entry was taken off before, by another process that had its channel.
var errDone = errors.New("inbox: the event was worked on before")

// ErrElsewhere is what a work function returns for entries whose channel is with another process by now: they are that one's.
var ErrElsewhere = errors.New("inbox: the channel is with another process by now")

// Inbox is a table in the database and, in each process that works, one worker.
type Inbox struct {
	db   *store.DB
	cfg  Config
	wake chan struct{}
	// failed is set when an event failed and waits for its time. Only Run's goroutine uses it.
	failed bool
}

// Entry is an event in the inbox.
type Entry struct {
	ID       int64
	Event    platforms.Event
	Received time.Time
	Attempts int
}

// Left is the error of a work function that has taken off all entries but these, by their ids, and says why.
type Left map[int64]error

func (l Left) Error() string { return fmt.Sprintf("%d events could not be worked on", len(l)) }

// Done takes entries off, within the transaction that did their work. It fails when one of them was taken off before: that transaction then
// leaves nothing, so that no event has two effects.
func Done(tx *store.Tx, entries []Entry) error {
	ids := make([]int64, len(entries))
	for i, e := range entries {
		ids[i] = e.ID
	}
	result, err := tx.Exec(`DELETE FROM inbox WHERE `+tx.AmongNumbers(`id`, `$1`), ids)
	if err != nil {
		return fmt.Errorf("inbox: done: %w", err)
	}
	if n, err := result.RowsAffected(); err == nil && n < int64(len(ids)) {
		return errDone
	}
	return nil
}

// New returns the inbox of a database.
func New(db *store.DB, cfg Config) *Inbox {
	return &Inbox{db: db, cfg: cfg, wake: make(chan struct{}, 1)}
}

// Put makes events durable, all or none.
func (in *Inbox) Put(ctx context.Context, events []platforms.Event, received time.Time) error {
	encoded := make([][]byte, len(events))
	for i, e := range events {
		b, err := encode(e)
		if err != nil {
			return err
		}
		encoded[i] = b
	}
	if in.cfg.Streams != nil {
		return in.putAndTell(ctx, events, encoded, received)
	}
	err := in.db.Update(ctx, func(tx *store.Tx) error {
		for i, b := range encoded {
			if err := put(tx, events[i].Comment.Ref, b, received); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("inbox: put: %w", err)
	}
	in.Wake()
	return nil
}

// PutWithin adds an event within a transaction; the caller calls Wake after the commit.
func (in *Inbox) PutWithin(tx *store.Tx, e platforms.Event, received time.Time) error {
	b, err := encode(e)
	if err != nil {
		return err
	}
	return put(tx, e.Comment.Ref, b, received)
}

const insert = `INSERT INTO inbox (channel, comment_id, event, received_at) VALUES ($1, $2, $3, $4)`

func put(tx *store.Tx, ref platforms.Ref, event []byte, received time.Time) error {
	_, err := tx.Exec(insert, ref.Channel, ref.Comment, event, received)
	tx.Notify("inbox")
	return err
}

// Holds tells whether an event of a comment waits, or lies here as a dead letter.
func Holds(tx *store.Tx, ref platforms.Ref) (bool, error) {
	var n int
	err := tx.QueryRow(`SELECT count(*) FROM (SELECT 1 FROM inbox WHERE channel = $1 AND comment_id = $2 LIMIT 1) AS one`, ref.Channel, ref.Comment).Scan(&n)
	return n > 0, err
}

// AskWaits asks whether an event of a channel is to be worked on by now; see [store.Tx.Ask]. Where nothing stands there at all it is not asked again
// until something is put there.
func AskWaits(tx *store.Tx, channel string, now time.Time, waits *bool) {
	empty := store.Kept[bool](tx, channelKey(channel), "inbox")
	if *empty {
		return
	}
	tx.Ask(`SELECT (SELECT count(*) FROM (SELECT 1 FROM inbox WHERE channel = $1 AND dead = 0 AND not_before <= $2 LIMIT 1) AS due),
		(SELECT count(*) FROM (SELECT 1 FROM inbox WHERE channel = $1 AND dead = 0 LIMIT 1) AS any_at_all)`, []any{channel, now}, func(scan func(...any) error) error {
		var due, any int
		err := scan(&due, &any)
		*waits = *waits || due > 0
		*empty = err == nil && any == 0
		return err
	})
}

// channelKey is the key under which it is kept that nothing waits on a channel.
type channelKey string

// stored is an event with the comment's raw bytes, which its JSON leaves out.
type stored struct {
	platforms.Event
	CommentRaw []byte `json:"comment_raw,omitempty"`
	CannotHide bool   `json:"cannot_hide,omitempty"`
}

func encode(e platforms.Event) ([]byte, error) {
	s := stored{Event: e, CommentRaw: e.Comment.Raw, CannotHide: e.Comment.CannotHide}
	if s.CommentRaw == nil {
		s.CommentRaw = e.Raw
	}
	s.Raw = nil
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("inbox: encode: %w", err)
	}
	return b, nil
}

func decode(b []byte) (platforms.Event, error) {
	var s stored
	if err := json.Unmarshal(b, &s); err != nil {
		return platforms.Event{}, fmt.Errorf("inbox: decode: %w", err)
	}
	s.Comment.Raw, s.Comment.CannotHide = s.CommentRaw, s.CannotHide
	return s.Event, nil
}

// Wake makes the worker look into the table at once.
func (in *Inbox) Wake() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// Work does the work of a batch of entries, see [Inbox.Run].
type Work func(context.Context, []Entry) error

// Run hands what waits to work until ctx is cancelled. work gets up to a batch of entries in order; it must take off those that it
// has done, and return Left for the others, or another error when it has done none of them. After such an error the entries are handed
// over one by one, so that the one that fails is found and waits, and the others go on.
func (in *Inbox) Run(ctx context.Context, work Work) {
	if in.cfg.Streams != nil {
		in.follow(ctx, work)
		return
	}
	for ctx.Err() == nil {
		entries, err := in.waiting(ctx, "")
		if err != nil && ctx.Err() == nil {
			in.cfg.Log.Error("inbox: cannot read what waits", zap.Error(err))
		}
		if len(entries) > 0 {
			in.hand(ctx, entries, work)
			continue
		}
		select {
		case <-in.wake:
		case <-time.After(in.pause(ctx, time.Second)):
		case <-ctx.Done():
		}
	}
}

// pause is how long there is nothing to look for: until the first of those that wait may be tried again, and no longer than most.
func (in *Inbox) pause(ctx context.Context, most time.Duration) time.Duration {
	next, err := in.next(ctx)
	if err != nil || next.IsZero() {
		return most
	}
	return min(most, max(next.Sub(in.cfg.Now()), time.Millisecond))
}

// hand hands over a batch, and tells whether the table now says of each entry what became of it: that it is gone, or that it failed.
func (in *Inbox) hand(ctx context.Context, entries []Entry, work Work) (settled bool) {
	err := work(ctx, entries)
	if err == nil {
		return true
	}
	settled = true
	var left Left
	for _, e := range entries {
		if ctx.Err() != nil {
			return false
		}
		if !errors.As(err, &left) {
			settled = in.one(ctx, e, work) && settled
		} else if cause, failed := left[e.ID]; failed {
			settled = in.fail(ctx, e, cause) && settled
		}
	}
	return settled
}

// one hands over a single entry.
func (in *Inbox) one(ctx context.Context, e Entry, work Work) (settled bool) {
	err := work(ctx, []Entry{e})
	if err == nil || ctx.Err() != nil {
		return err == nil
	}
	var left Left
	if errors.As(err, &left) && left[e.ID] != nil {
		err = left[e.ID]
	}
	return in.fail(ctx, e, err)
}

// waiting is a batch of what waits in the table and whose time has come, as far as a condition holds, with its arguments from $2 on.
func (in *Inbox) waiting(ctx context.Context, condition string, args ...any) ([]Entry, error) {
	mine, args, none := in.mine(append([]any{in.cfg.Now()}, args...))
	if none {
		return nil, nil
	}
	return in.read(ctx, `SELECT id, event, received_at, attempts FROM inbox WHERE dead = 0 AND not_before <= $1`+condition+mine+
		` ORDER BY id LIMIT `+strconv.Itoa(batch), args)
}

// read reads entries. One that cannot be read becomes a dead letter at once.
func (in *Inbox) read(ctx context.Context, query string, args []any) ([]Entry, error) {
	var entries, broken []Entry
	var cause error
	err := in.db.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var e Entry
			var event []byte
			var received int64
			if err := rows.Scan(&e.ID, &event, &received, &e.Attempts); err != nil {
				return err
			}
			e.Received = store.FromTime(received)
			if e.Event, err = decode(event); err != nil {
				e.Attempts = in.cfg.Attempts // trying again will not make it readable
				broken, cause = append(broken, e), err
				continue
			}
			entries = append(entries, e)
		}
		return rows.Err()
	})
	for _, e := range broken {
		in.fail(ctx, e, cause)
	}
	return entries, err
}

// mine is the condition that an event is to be handed over here, and its arguments after those given; none when nothing is.
func (in *Inbox) mine(args []any) (condition string, all []any, none bool) {
	if in.cfg.Mine == nil {
		return "", args, false
	}
	channels := in.cfg.Mine()
	if channels == nil {
		return "", args, false
	}
	if len(channels) == 0 {
		return "", nil, true
	}
	condition, all = among(channels, args)
	return condition, all, false
}

// among is the condition that an event is of one of some channels, and its arguments after those given.
func among(channels []string, args []any) (condition string, all []any) {
	var b strings.Builder
	for _, c := range channels {
		args = append(args, c)
		fmt.Fprintf(&b, ", $%d", len(args))
	}
	return " AND channel IN (" + b.String()[2:] + ")", args
}

// next is when the first of those that wait for their time may be tried again.
func (in *Inbox) next(ctx context.Context) (time.Time, error) {
	var at *int64
	mine, args, none := in.mine(nil)
	if none {
		return time.Time{}, nil
	}
	err := in.db.View(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT min(not_before) FROM inbox WHERE dead = 0 AND not_before > 0`+mine, args...).Scan(&at)
	})
	if err != nil || at == nil {
		return time.Time{}, err
	}
	return store.FromTime(*at), nil
}

// fail lets an entry wait, or makes it a dead letter when it has failed too often. What is no fault of the entry's does not count: a
// platform that is throttled, a token that must be renewed, a disk that is full. It tells whether that was written down.
func (in *Inbox) fail(ctx context.Context, e Entry, cause error) (noted bool) {
	if errors.Is(cause, errDone) {
		return true // if it is only its batch that was worked on before, it still stands, and is handed over again
	}
	if errors.Is(cause, ErrElsewhere) {
		return false
	}
	in.failed = true
	pause := in.cfg.Backoff << min(e.Attempts, 20)
	if pause <= 0 || pause > in.cfg.BackoffMax {
		pause = in.cfg.BackoffMax
	}
	pause = pause/2 + rand.N(pause/2+1)
	dead, counts := 0, 1
	var wait *platforms.RetryAfterError
	switch {
	case errors.As(cause, &wait):
		pause, counts = max(pause, wait.At.Sub(in.cfg.Now())), 0
	case errors.Is(cause, platforms.ErrTokenDead), errors.Is(cause, store.ErrFull):
		pause, counts = min(time.Minute, in.cfg.BackoffMax), 0
	case e.Attempts+1 >= in.cfg.Attempts:
		dead = 1
	}
	in.cfg.Log.Warn("inbox: an event could not be worked on", zap.Int64("entry", e.ID), zap.Stringer("comment", e.Event.Comment.Ref),
		zap.Int("attempts", e.Attempts+counts), zap.Bool("dead_letter", dead == 1), zap.Error(cause))
	err := in.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE inbox SET attempts = attempts + $5, not_before = $2, error = $3, dead = $4 WHERE id = $1`,
			e.ID, in.cfg.Now().Add(pause), cause.Error(), dead, counts)
		return err
	})
	if err != nil {
		in.cfg.Log.Error("inbox: cannot note a failure; the event is tried again", zap.Int64("entry", e.ID), zap.Error(err))
		select { // nothing can be written now: a full disk, most likely
		case <-time.After(min(pause, time.Second)):
		case <-ctx.Done():
		}
	}
	return err == nil
}
