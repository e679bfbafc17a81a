package budget_test

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"takhojd/moderation"
	"takhojd/moderation/budget"
	"takhojd/moderation/inbox"
)

const plain, cluster = "TAKHOJD_TEST_REDIS", "TAKHOJD_TEST_REDIS_CLUSTER"

// onEach runs a test on a plain Redis and on a cluster.
func onEach(t *testing.T, test func(t *testing.T, variable string)) {
	for name, variable := range map[string]string{"plain": plain, "cluster": cluster} {
		t.Run(name, func(t *testing.T) { test(t, variable) })
	}
}

// join makes one node's Budget.
func join(t *testing.T, variable, node string, log *zap.Logger) *budget.Budget {
	t.Helper()
	address := os.Getenv(variable)
	if address == "" {
		t.Skip("needs Redis: `make test-redis` runs it")
	}
	streams, err := inbox.OpenStreams(inbox.StreamsConfig{Address: address, Cluster: variable == cluster, Authority: t.Name(), Node: node,
		Timeout: 300 * time.Millisecond, Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	b := budget.New(streams, log)
	t.Cleanup(func() {
		b.Close()
		_ = streams.Close()
	})
	return b
}

// client speaks to a Redis beside the nodes.
func client(t *testing.T, variable string) redis.UniversalClient {
	t.Helper()
	o, err := redis.ParseURL(os.Getenv(variable))
	if err != nil {
		t.Skip("needs Redis: `make test-redis` runs it")
	}
	c := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{o.Addr}, IsClusterMode: variable == cluster})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func flush(t *testing.T, c redis.UniversalClient) {
	t.Helper()
	every := func(ctx context.Context, one *redis.Client) error { return one.FlushAll(ctx).Err() }
	var err error
	if cluster, ok := c.(*redis.ClusterClient); ok {
		err = cluster.ForEachMaster(t.Context(), every)
	} else {
		err = c.FlushAll(t.Context()).Err()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// happens lets something happen to the plain Redis.
func happens(t *testing.T, what string) {
	t.Helper()
	if out, err := exec.Command(os.Getenv("TAKHOJD_TEST_REDIS_CONTROL"), what).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", what, err, out)
	}
}

// at makes times, in milliseconds after a moment.
func at(ms ...int) (times []time.Time) {
	for _, ms := range ms {
		times = append(times, time.UnixMilli(1_800_000_000_000+int64(ms)))
	}
	return times
}

func share(t *testing.T, b *budget.Budget, made []time.Time) []time.Time {
	t.Helper()
	all, err := b.Share(t.Context(), "x", "hidden", made, 15*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestNodesKnowWhatTheOthersSpent(t *testing.T) {
	onEach(t, func(t *testing.T, variable string) {
		one, two := join(t, variable, "one", zap.NewNop()), join(t, variable, "two", zap.NewNop())
		c := client(t, variable)
		flush(t, c)
		if all := share(t, one, nil); len(all) != 0 {
			t.Errorf("before anything: %v", all)
		}
		share(t, one, at(1, 2))
		share(t, one, at(1, 2, 3)) // told again, and counted once
		if all := share(t, two, at(4)); !slices.EqualFunc(all, at(1, 2, 3, 4), time.Time.Equal) {
			t.Errorf("both: %v", all)
		}
		flush(t, c)
		share(t, one, at(1, 2, 3))
		if all := share(t, two, at(4)); !slices.EqualFunc(all, at(1, 2, 3, 4), time.Time.Equal) {
			t.Errorf("after all was forgotten: %v", all)
		}
		later := at(15*60*1000 + 2)
		if all := share(t, two, later); !slices.EqualFunc(all, append(at(3, 4), later...), time.Time.Equal) {
			t.Errorf("a window later: %v", all)
		}
		if other, err := one.Share(t.Context(), "other", "hidden", nil, time.Minute); err != nil || len(other) != 0 {
			t.Errorf("another channel: %v %v", other, err)
		}
		keys(t, c)
	})
}

// keys checks that every key ends by itself.
func keys(t *testing.T, c redis.UniversalClient) {
	t.Helper()
	check := func(ctx context.Context, one *redis.Client) error {
		found, err := one.Keys(ctx, "*").Result()
		for _, key := range found {
			if left := one.TTL(ctx, key).Val(); left <= 0 {
				t.Errorf("%s stays for ever", key)
			}
		}
		return err
	}
	var err error
	if cluster, ok := c.(*redis.ClusterClient); ok {
		err = cluster.ForEachMaster(t.Context(), check)
	} else {
		err = check(t.Context(), c.(*redis.Client))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestNodesKnowWhatIsToBeLeftAlone(t *testing.T) {
	onEach(t, func(t *testing.T, variable string) {
		one, two := join(t, variable, "one", zap.NewNop()), join(t, variable, "two", zap.NewNop())
		c := client(t, variable)
		flush(t, c)
		until := time.UnixMilli(time.Now().Add(time.Hour).UnixMilli())
		hides := moderation.Pause{Channel: "x", Call: "hide", Until: until, Why: moderation.WaitThrottled}
		all := moderation.Pause{Channel: "page one", Until: until.Add(time.Minute), Why: moderation.WaitThrottled}
		shorter := hides
		shorter.Until = until.Add(-time.Minute)
		for _, p := range []moderation.Pause{hides, all} {
			one.Rest(p)
		}
		one.Close()
		one.Rest(shorter)
		one.Close()
		got := two.Rests(t.Context(), []string{"x", "page one", "silent"})
		if want := []moderation.Pause{hides, all}; !slices.Equal(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
		keys(t, c)
		flush(t, c)
		if got := two.Rests(t.Context(), []string{"x", "page one"}); len(got) != 0 {
			t.Errorf("after all was forgotten: %+v", got)
		}
	})
}

// A Redis that is full, stands still or is gone is an error within the time of a call, is said once, and is over when it works again.
func TestARedisThatDoesNotWorkIsSaidOnce(t *testing.T) {
	core, logged := observer.New(zap.InfoLevel)
	b := join(t, plain, "one", zap.New(core))
	c := client(t, plain)
	fails := func(what string) {
		t.Helper()
		for range 3 {
			if _, err := b.Share(t.Context(), "x", "hidden", at(1), time.Minute); err == nil {
				t.Errorf("%s: no error", what)
			}
			b.Rest(moderation.Pause{Channel: "x", Until: time.Now().Add(time.Minute), Why: moderation.WaitThrottled})
			if what != "full" && len(b.Rests(t.Context(), []string{"x"})) != 0 {
				t.Errorf("%s: an answer", what)
			}
		}
		b.Close()
	}
	works := func(what string) {
		t.Helper()
		deadline := time.After(20 * time.Second)
		for {
			if _, err := b.Share(t.Context(), "x", "hidden", at(1), time.Minute); err == nil {
				return
			}
			select {
			case <-deadline:
				t.Fatalf("%s: never works again", what)
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	works("at first")
	happens(t, "pause")
	fails("stands still")
	happens(t, "resume")
	works("goes on")
	happens(t, "kill")
	fails("gone")
	happens(t, "start")
	works("came back")
	if n := logged.FilterMessageSnippet("not known in common").Len(); n != 2 || logged.FilterMessageSnippet("known in common again").Len() != 2 {
		t.Errorf("said: %v", logged.All())
	}
	if err := c.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	defer c.ConfigSet(context.Background(), "maxmemory", "0")
	fails("full")
}
