// Package budget lets the nodes of an authority know in common what is spent of the platforms' limits, by Redis.
//
// A channel is with one node at a time, which keeps within the channel's limits by itself. When the channel goes to another node – the first
// was stopped, died, or gave it up – that one must not begin with a full purse: X takes fifty hides in a quarter of an hour from an account,
// not from a process. So whoever has a channel tells here which calls it made ([Budget.Share]) and which calls a platform wants left alone
// ([Budget.Rest]), and whoever takes it over asks.
//
// All of it expires, and all of it may be lost at any moment: a node counts for itself what it did, tells all of that again with the next call,
// and what nobody remembers the platform says by refusing. Nothing is counted twice: a call is a member of a set. Nothing here decides
// what is hidden, only when: whoever got at Redis could hold hides back for a quarter of an hour at a time, and do nothing else.
package budget

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"takhojd/moderation"
	"takhojd/moderation/inbox"
)

const (
	// mostCalls bounds how many calls of a kind are remembered of a channel: several times the largest limit that is counted here.
	mostCalls = 500
	// restAge is for how long it is remembered that calls are to be left alone: the longest windows are a day.
	restAge = 25 * time.Hour
)

// Budget is what the nodes know in common. All methods may be called from any goroutine.
type Budget struct {
	streams *inbox.Streams
	log     *zap.Logger
	telling sync.WaitGroup

	mu   sync.Mutex
	away bool // the last call failed
}

// New makes a Budget on the Redis of streams.
func New(streams *inbox.Streams, log *zap.Logger) *Budget {
	return &Budget{streams: streams, log: log}
}

// Close waits for what is being told. The streams are closed after it.
func (b *Budget) Close() { b.telling.Wait() }

// Share tells of the calls of a kind that this node has made for a channel within a window, and returns all that any node has told of, this one's
// among them, some perhaps older than the window. It is one round trip. Two calls at the same nanosecond are one.
//
// The error says that what others made cannot be known now; what was told may then be known to others, or not.
func (b *Budget) Share(ctx context.Context, channel, call string, made []time.Time, window time.Duration) ([]time.Time, error) {
	var all *redis.StringSliceCmd
	err := b.ask(ctx, func(ctx context.Context, client redis.UniversalClient) error {
		key := b.key(channel, "spent", call)
		pipe := client.TxPipeline()
		if len(made) > 0 {
			members := make([]redis.Z, len(made))
			for i, at := range made {
				members[i] = redis.Z{Score: float64(at.UnixMilli()), Member: at.UnixNano()}
			}
			pipe.ZAdd(ctx, key, members...)
			pipe.ZRemRangeByScore(ctx, key, "-inf", strconv.FormatInt(made[len(made)-1].Add(-window).UnixMilli(), 10))
			pipe.ZRemRangeByRank(ctx, key, 0, -mostCalls-1)
			pipe.Expire(ctx, key, window)
		}
		all = pipe.ZRange(ctx, key, 0, -1)
		_, err := pipe.Exec(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	times := make([]time.Time, 0, len(all.Val()))
	for _, member := range all.Val() {
		if ns, err := strconv.ParseInt(member, 10, 64); err == nil {
			times = append(times, time.Unix(0, ns))
		}
	}
	return times, nil
}

// Rest lets the nodes know that a platform wants calls left alone until a time. It returns at once; an earlier Rest that ends later stands.
func (b *Budget) Rest(p moderation.Pause) {
	b.telling.Go(func() {
		_ = b.ask(context.Background(), func(ctx context.Context, client redis.UniversalClient) error { // ask has said it
			key := b.key(p.Channel, "rest")
			pipe := client.TxPipeline()
			pipe.ZAddGT(ctx, key, redis.Z{Score: float64(p.Until.UnixMilli()), Member: string(p.Why) + " " + p.Call})
			pipe.Expire(ctx, key, restAge)
			_, err := pipe.Exec(ctx)
			return err
		})
	})
}

// Rests lists what any node has told of some channels by Rest; what is over is among it. Nothing is what it lists while Redis is away. It is
// one round trip, on a cluster one to each server.
func (b *Budget) Rests(ctx context.Context, channels []string) (rests []moderation.Pause) {
	err := b.ask(ctx, func(ctx context.Context, client redis.UniversalClient) error {
		pipe := client.Pipeline()
		found := make([]*redis.ZSliceCmd, len(channels))
		for i, channel := range channels {
			found[i] = pipe.ZRangeWithScores(ctx, b.key(channel, "rest"), 0, -1)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return err
		}
		for i, channel := range channels {
			for _, z := range found[i].Val() {
				member, _ := z.Member.(string)
				why, call, _ := strings.Cut(member, " ")
				rests = append(rests, moderation.Pause{Channel: channel, Call: call, Until: time.UnixMilli(int64(z.Score)), Why: moderation.WaitWhy(why)})
			}
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return rests
}

// key is a key of a channel, in the slot of its shard.
func (b *Budget) key(channel string, parts ...string) string {
	return b.streams.Key(channel, strings.Join(parts, ":")+":"+url.PathEscape(channel))
}

// ask makes a call, and says once when that begins to fail, and when it works again.
func (b *Budget) ask(ctx context.Context, call func(context.Context, redis.UniversalClient) error) error {
	err := b.streams.Ask(ctx, call)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return err // it was we who ended it
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if away := err != nil; away != b.away {
		b.away = away
		if away {
			b.log.Warn("redis: what is spent of the platforms' limits is not known in common; each node counts its own", zap.Error(err))
		} else {
			b.log.Info("redis: what is spent of the platforms' limits is known in common again")
		}
	}
	return err
}
