package inbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"takhojd/moderation/inbox"
	"takhojd/moderation/store"
	"takhojd/moderation/store/storetest"
	"takhojd/platforms"
)

// onEach runs a test on each kind of inbox: the table alone, told by Redis, and told by a cluster.
func onEach(t *testing.T, test func(t *testing.T, db *store.DB, in *inbox.Inbox)) {
	t.Run("table", func(t *testing.T) {
		db := storetest.Open(t)
		test(t, db, inbox.New(db, config()))
	})
	for name, server := range map[string]string{"streams": "TAKHOJD_TEST_REDIS", "cluster": "TAKHOJD_TEST_REDIS_CLUSTER"} {
		t.Run(name, func(t *testing.T) {
			db := storetest.Open(t)
			test(t, db, join(t, db, t.Name(), server, "c").in)
		})
	}
}

func config() inbox.Config {
	return inbox.Config{Backoff: time.Millisecond, BackoffMax: 2 * time.Millisecond, Attempts: 3, Now: time.Now, Log: zap.NewNop()}
}

func event(id string) platforms.Event {
	return platforms.Event{Kind: platforms.Added, Via: "webhook", At: time.Unix(1, 0).UTC(),
		Comment: platforms.Comment{Ref: platforms.Ref{Platform: platforms.Facebook, Channel: "c", Comment: id}, Text: "hej", Raw: []byte("\xff\x00raw")}}
}

func TestInOrderUntilDone(t *testing.T) { onEach(t, inOrderUntilDone) }

func inOrderUntilDone(t *testing.T, db *store.DB, in *inbox.Inbox) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var want []string
	for i := range 300 {
		want = append(want, fmt.Sprint(i))
		if err := in.Put(ctx, []platforms.Event{event(fmt.Sprint(i))}, time.Unix(2, 0)); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	var got []string
	failures := 0
	done := make(chan struct{})
	go in.Run(ctx, func(_ context.Context, entries []inbox.Entry) error {
		mu.Lock()
		defer mu.Unlock()
		if failures++; failures%3 == 1 && len(entries) > 1 {
			return errors.New("the whole batch")
		}
		return db.Update(context.Background(), func(tx *store.Tx) error {
			for _, e := range entries {
				if string(e.Event.Comment.Raw) != "\xff\x00raw" || !e.Received.Equal(time.Unix(2, 0)) {
					t.Errorf("%q, %s", e.Event.Comment.Raw, e.Received)
				}
				if err := inbox.Done(tx, []inbox.Entry{e}); err != nil {
					return err
				}
				if got = append(got, e.Event.Comment.Ref.Comment); len(got) == len(want) {
					close(done)
				}
			}
			return nil
		})
	})
	<-done
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(got, want) {
		t.Errorf("handed over in another order: %v", got)
	}
}

// What turns out to be another process's is left as it is, however often.
func TestWhatIsAnothersIsNoFailure(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB, in *inbox.Inbox) {
		put(t, in, event("1"), event("2"))
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		tries := 0
		go func() {
			defer close(ended)
			in.Run(ctx, func(_ context.Context, entries []inbox.Entry) error {
				if tries++; tries <= 10 { // more than it may fail
					return fmt.Errorf("judge: %w", inbox.ErrElsewhere)
				}
				return db.Update(context.Background(), func(tx *store.Tx) error {
					for _, e := range entries {
						if e.Attempts != 0 {
							t.Errorf("%d attempts", e.Attempts)
						}
						if err := inbox.Done(tx, []inbox.Entry{e}); err != nil {
							return err
						}
					}
					return nil
				})
			})
		}()
		await(t, "it is done", func() bool {
			n := 1
			must(t, db.View(context.Background(), func(tx *store.Tx) error { return tx.QueryRow(`SELECT count(*) FROM inbox`).Scan(&n) }))
			return n == 0
		})
		cancel()
		<-ended
	})
}

func TestWhatFailsAgainAndAgainIsKeptAndHoldsUpNobody(t *testing.T) { onEach(t, poison) }

func poison(t *testing.T, db *store.DB, in *inbox.Inbox) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := in.Put(ctx, []platforms.Event{event("1"), event("poison"), event("3")}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := db.Update(ctx, func(tx *store.Tx) error { // as if written by another version
		_, err := tx.Exec(`INSERT INTO inbox (channel, event, received_at) VALUES ('c', '{"kind": 7', 1)`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		in.Run(ctx, func(_ context.Context, entries []inbox.Entry) error {
			return db.Update(context.Background(), func(tx *store.Tx) error {
				for _, e := range entries {
					if e.Event.Comment.Ref.Comment == "poison" {
						return errors.New("cannot be judged")
					}
					if err := inbox.Done(tx, []inbox.Entry{e}); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}()
	deadline := time.After(20 * time.Second)
	for {
		var dead, all int
		if err := db.View(context.Background(), func(tx *store.Tx) error {
			return tx.QueryRow(`SELECT coalesce(sum(dead), 0), count(*) FROM inbox`).Scan(&dead, &all)
		}); err != nil {
			t.Fatal(err)
		}
		if dead == 2 && all == 2 {
			break
		}
		select {
		case <-deadline:
			t.Fatalf("%d dead of %d", dead, all)
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	<-ended
}
