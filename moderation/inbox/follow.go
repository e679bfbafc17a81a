package inbox

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"takhojd/moderation/store"
	"takhojd/platforms"
)

// lookEvery is how often the table is looked into where the streams do not work, as without them. Other processes then also tell by the
// database that something has come.
const lookEvery = time.Second

// putAndTell is Put where the streams tell of what has come. They are told after the commit, and nobody waits for them: if we die in between, or
// Redis is away, the events stand in the table, and the sweep finds them there.
func (in *Inbox) putAndTell(ctx context.Context, events []platforms.Event, encoded [][]byte, received time.Time) error {
	well := in.cfg.Streams.Well()
	rows := make([]int64, len(events))
	err := in.db.Update(ctx, func(tx *store.Tx) error {
		for i, b := range encoded {
			ref := events[i].Comment.Ref
			if err := tx.QueryRow(insert+` RETURNING id`, ref.Channel, ref.Comment, b, received).Scan(&rows[i]); err != nil {
				return err
			}
		}
		if !well {
			tx.Notify("inbox")
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("inbox: put: %w", err)
	}
	if !well {
		in.Wake()
		return nil
	}
	byShard := map[int][]int64{}
	for i, e := range events {
		shard := ShardOf(e.Comment.Ref.Channel)
		byShard[shard] = append(byShard[shard], rows[i])
	}
	for shard, rows := range byShard {
		in.cfg.Streams.add(shard, rows)
	}
	return nil
}

// follow is Run where the streams tell of what has come. What it hands over always comes from the table, by three ways that lead to one
// worker, so that nothing is in two hands at once:
//
//   - what a stream names, with what else stands there of the same comments;
//   - what the sweep finds: events that stood there at the last sweep and still do, whatever became of the streams, and those that failed
//     and whose time to be tried again has come;
//   - everything, when it is woken, and every second while Redis does not work.
func (in *Inbox) follow(ctx context.Context, work Work) {
	streams := in.cfg.Streams
	readers := streams.newReaders(ctx)
	defer readers.end()
	var mark int64 // the last event at the last sweep
	var marked time.Time
	all := false
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		readers.keep(in.cfg.Mine())
		select {
		case refs := <-readers.out:
			in.come(ctx, readers.more(refs), work)
			if in.failed {
				timer.Reset(in.pause(ctx, lookEvery))
			}
		case <-in.wake:
			all = true
			timer.Reset(0)
		case <-timer.C:
			in.failed = false
			due := time.Since(marked) >= streams.cfg.Sweep
			upTo := int64(0)
			if all || !streams.Well() {
				upTo = math.MaxInt64
			} else if due {
				upTo = mark
			}
			if in.look(ctx, upTo, work) == batch { // there is more; what the streams bring gets its turn in between
				timer.Reset(0)
				continue
			}
			all = false
			if due {
				mark, marked = in.last(ctx, mark), time.Now()
			}
			timer.Reset(in.pause(ctx, min(streams.cfg.Sweep, lookEvery)))
		case <-ctx.Done():
		}
	}
}

// look hands over a batch of what stands in the table up to an event, and of what failed and may be tried again. It returns how many.
func (in *Inbox) look(ctx context.Context, upTo int64, work Work) int {
	entries, err := in.waiting(ctx, ` AND (id <= $2 OR not_before > 0)`, upTo)
	if err != nil {
		if ctx.Err() == nil {
			in.cfg.Log.Error("inbox: cannot read what waits", zap.Error(err))
		}
		return 0
	}
	if len(entries) == 0 {
		return 0
	}
	if upTo < math.MaxInt64 {
		for _, e := range entries {
			if e.Attempts == 0 {
				in.cfg.Streams.metrics.swept.Inc()
			}
		}
	}
	in.hand(ctx, entries, work)
	return len(entries)
}

// last is the last event in the table; before where there is none, or no answer.
func (in *Inbox) last(ctx context.Context, before int64) int64 {
	var id int64
	err := in.db.View(ctx, func(tx *store.Tx) error { return tx.QueryRow(`SELECT coalesce(max(id), 0) FROM inbox`).Scan(&id) })
	if err != nil {
		return before
	}
	return max(id, before)
}

// come hands over what streams name. They are told that it is done when the table says what became of each event: when we die before, they
// name it again, to us or to whom the shard is with then, and the table no longer has it. What is another node's, because a lease is just
// moving, stays given to us until that node claims it, or until the table no longer has it.
func (in *Inbox) come(ctx context.Context, refs []reference, work Work) {
	channels := in.cfg.Mine()
	var entries []Entry
	var others map[int64]bool
	for {
		var err error
		if entries, others, err = in.named(ctx, refs, channels); err == nil {
			break
		}
		if ctx.Err() != nil {
			return
		}
		in.cfg.Log.Error("inbox: cannot read what has come", zap.Error(err))
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return
		}
	}
	settled := true
	for some := range slices.Chunk(entries, batch) {
		settled = in.hand(ctx, some, work) && settled
	}
	if settled {
		in.cfg.Streams.done(slices.DeleteFunc(refs, func(r reference) bool { return others[r.row] }))
	}
}

// named reads the events of the comments that references name, in the order in which they came: two processes that took two events of
// a comment may tell of them in the other order, and then both stand in the table. What no longer stands there was worked on. others are the
// rows that stand there and are for whoever has their channel.
//
// It asks twice, and says "dead < 1" for "dead = 0", so that PostgreSQL goes by the one index that finds a comment's events: by those of what
// is not dead it would read all that waits in a channel, which is much just when it matters.
func (in *Inbox) named(ctx context.Context, refs []reference, channels []string) (entries []Entry, others map[int64]bool, err error) {
	comments, others, err := in.comments(ctx, refs, channels)
	if err != nil || len(comments) == 0 {
		return nil, others, err
	}
	list, args := oneOf(comments, []any{in.cfg.Now()})
	mine, args := among(channels, args)
	entries, err = in.read(ctx, `SELECT id, event, received_at, attempts FROM inbox WHERE dead < 1 AND not_before <= $1 AND comment_id IN (`+list+`)`+mine+
		` ORDER BY id`, args)
	return entries, others, err
}

// comments are those of our channels that references name, and others the rows of other channels of the shard. What belongs to another shard
// never should have stood in the stream.
func (in *Inbox) comments(ctx context.Context, refs []reference, channels []string) (comments []any, others map[int64]bool, err error) {
	rows, shards := make([]any, len(refs)), make(map[int64]int, len(refs))
	for i, r := range refs {
		rows[i], shards[r.row] = r.row, r.shard
	}
	others = map[int64]bool{}
	list, args := oneOf(rows, nil)
	err = in.db.View(ctx, func(tx *store.Tx) error {
		found, err := tx.Query(`SELECT id, channel, comment_id FROM inbox WHERE id IN (`+list+`)`, args...)
		if err != nil {
			return err
		}
		defer found.Close()
		for found.Next() {
			var id int64
			var channel, comment string
			if err := found.Scan(&id, &channel, &comment); err != nil {
				return err
			}
			if !slices.Contains(channels, channel) {
				others[id] = shards[id] == ShardOf(channel)
			} else if !slices.Contains(comments, any(comment)) {
				comments = append(comments, comment)
			}
		}
		return found.Err()
	})
	return comments, others, err
}

// oneOf lists values as arguments after those given. It repeats the last of them: few lengths, few statements to prepare.
func oneOf(values, args []any) (list string, all []any) {
	size := 1
	for size < len(values) {
		size *= 8
	}
	var b strings.Builder
	for i := range size {
		args = append(args, values[min(i, len(values)-1)])
		fmt.Fprintf(&b, ", $%d", len(args))
	}
	return b.String()[2:], args
}
