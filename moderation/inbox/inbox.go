// Package inbox hands events to workers: durable before the platform gets its 200, in order, each until it is done.
//
// What it promises: an event that [Inbox.Put] accepted is handed to the work function until that function has taken it off, in
// the same transaction in which it decided; in the order of arrival, except for those that had to wait. An event that fails again
// and again becomes a dead letter, which is shown and kept.
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
}

// Inbox is the in-process inbox: a table in the database and one worker.
type Inbox struct {
	db   *store.DB
	cfg  Config
	wake chan struct{}
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

// Done takes the entry off, within the transaction that did its work.
func (e Entry) Done(tx *store.Tx) error {
	if _, err := tx.Exec(`DELETE FROM inbox WHERE id = $1`, e.ID); err != nil {
		return fmt.Errorf("inbox: done: %w", err)
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

func put(tx *store.Tx, ref platforms.Ref, event []byte, received time.Time) error {
	_, err := tx.Exec(`INSERT INTO inbox (channel, comment_id, event, received_at) VALUES ($1, $2, $3, $4)`, ref.Channel, ref.Comment, event, received)
	tx.Notify("inbox")
	return err
}

// Holds tells whether an event of a comment waits, or lies here as a dead letter.
func Holds(tx *store.Tx, ref platforms.Ref) (bool, error) {
	var n int
	err := tx.QueryRow(`SELECT count(*) FROM (SELECT 1 FROM inbox WHERE channel = $1 AND comment_id = $2 LIMIT 1) AS one`, ref.Channel, ref.Comment).Scan(&n)
	return n > 0, err
}

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

// Wake makes the worker look at once.
func (in *Inbox) Wake() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// Run hands what waits to work until ctx is cancelled. work gets up to a batch of entries in order; it must take off those that it
// has done, and return Left for the others, or another error when it has done none of them. After such an error the entries are handed
// over one by one, so that the one that fails is found and waits, and the others go on.
func (in *Inbox) Run(ctx context.Context, work func(context.Context, []Entry) error) {
	for ctx.Err() == nil {
		entries, err := in.waiting(ctx)
		if err != nil && ctx.Err() == nil {
			in.cfg.Log.Error("inbox: cannot read what waits", zap.Error(err))
		}
		if len(entries) == 0 {
			pause := time.Second
			if next, err := in.next(ctx); err == nil && !next.IsZero() {
				pause = min(pause, max(next.Sub(in.cfg.Now()), time.Millisecond))
			}
			select {
			case <-in.wake:
			case <-time.After(pause):
			case <-ctx.Done():
			}
			continue
		}
		err = work(ctx, entries)
		var left Left
		for _, e := range entries {
			if err == nil || ctx.Err() != nil {
				break
			}
			if !errors.As(err, &left) {
				in.one(ctx, e, work)
			} else if cause, failed := left[e.ID]; failed {
				in.fail(ctx, e, cause)
			}
		}
	}
}

// one hands over a single entry.
func (in *Inbox) one(ctx context.Context, e Entry, work func(context.Context, []Entry) error) {
	err := work(ctx, []Entry{e})
	if err == nil || ctx.Err() != nil {
		return
	}
	var left Left
	if errors.As(err, &left) && left[e.ID] != nil {
		err = left[e.ID]
	}
	in.fail(ctx, e, err)
}

func (in *Inbox) waiting(ctx context.Context) ([]Entry, error) {
	var entries, broken []Entry
	var cause error
	mine, args, none := in.mine([]any{in.cfg.Now()})
	if none {
		return nil, nil
	}
	err := in.db.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(`SELECT id, event, received_at, attempts FROM inbox WHERE dead = 0 AND not_before <= $1`+mine+
			` ORDER BY id LIMIT `+strconv.Itoa(batch), args...)
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
	var b strings.Builder
	for _, c := range channels {
		args = append(args, c)
		fmt.Fprintf(&b, ", $%d", len(args))
	}
	if b.Len() == 0 {
		return "", nil, true
	}
	return " AND channel IN (" + b.String()[2:] + ")", args, false
}

// next is when the first of those that wait for their time may be tried again.
func (in *Inbox) next(ctx context.Context) (time.Time, error) {
	var at *int64
	mine, args, none := in.mine(nil)
	if none {
		return time.Time{}, nil
	}
	err := in.db.View(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT min(not_before) FROM inbox WHERE dead = 0`+mine, args...).Scan(&at)
	})
	if err != nil || at == nil {
		return time.Time{}, err
	}
	return store.FromTime(*at), nil
}

// fail lets an entry wait, or makes it a dead letter when it has failed too often. What is no fault of the entry's does not count: a
// platform that is throttled, a token that must be renewed, a disk that is full.
func (in *Inbox) fail(ctx context.Context, e Entry, cause error) {
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
}
