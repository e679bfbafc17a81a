package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"takhojd/moderation/store"
	"takhojd/moderation/store/storetest"
)

func open(t testing.TB) *store.DB {
	t.Helper()
	return storetest.Open(t)
}

func TestAFolderMayHaveAnyName(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a folder with ? and # and %41")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "takhojd.db")
	db, err := store.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file is not where it was asked for: %v", err)
	}
}

func count(t testing.TB, db *store.DB) (n int) {
	t.Helper()
	if err := db.View(context.Background(), func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT count(*) FROM cursors`).Scan(&n)
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func insert(tx *store.Tx, name string) error {
	_, err := tx.Exec(`INSERT INTO cursors (channel, caught_up_at) VALUES ($1, $2)`, name, time.Unix(1, 0))
	return err
}

func TestAFailureTakesOnlyItsOwnWrites(t *testing.T) {
	ctx, db := context.Background(), open(t)
	boom := errors.New("boom")
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			err := db.Update(ctx, func(tx *store.Tx) error {
				if err := insert(tx, fmt.Sprint(i)); err != nil {
					return err
				}
				switch i % 4 {
				case 1:
					return boom
				case 2:
					panic("a fault in a caller")
				case 3:
					_, err := tx.Exec(`INSERT INTO no_such_table VALUES (1)`)
					return err
				}
				return nil
			})
			if (err == nil) != (i%4 == 0) || i%4 == 1 && !errors.Is(err, boom) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if n := count(t, db); n != 50 {
		t.Errorf("%d rows, want 50", n)
	}
}

func TestWhatIsWrittenIsThereAfterwards(t *testing.T) {
	ctx := context.Background()
	path := storetest.Where(t, t.TempDir())
	for i := range 3 {
		db, err := store.Open(ctx, path)
		if err != nil {
			t.Fatal(err)
		}
		if n := count(t, db); n != i {
			t.Errorf("%d rows at start %d", n, i)
		}
		if err := db.Update(ctx, func(tx *store.Tx) error { return insert(tx, fmt.Sprint(i)) }); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if err := db.Update(ctx, func(*store.Tx) error { return nil }); !errors.Is(err, store.ErrClosed) {
			t.Errorf("a write after the end: %v", err)
		}
	}
}

func TestSeveralProcessesMayOpenAtOnce(t *testing.T) {
	path := storetest.Where(t, t.TempDir())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			db, err := store.Open(context.Background(), path)
			if err != nil {
				t.Error(err)
				return
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestBeforeCommitRunsOnceForAMarkedGroup(t *testing.T) {
	ctx, db := context.Background(), open(t)
	ran := 0
	db.BeforeCommit(func(tx *store.Tx) error { ran++; return insert(tx, fmt.Sprint("checkpoint ", ran)) })
	if err := db.Update(ctx, func(tx *store.Tx) error { return insert(tx, "unmarked") }); err != nil || ran != 0 {
		t.Fatalf("%v, ran %d times for nothing", err, ran)
	}
	if err := db.Update(ctx, func(tx *store.Tx) error { tx.Mark(); tx.Mark(); return insert(tx, "marked") }); err != nil || ran != 1 {
		t.Fatalf("%v, ran %d times", err, ran)
	}
	boom := errors.New("boom")
	if err := db.Update(ctx, func(tx *store.Tx) error { tx.Mark(); return boom }); !errors.Is(err, boom) || ran != 1 {
		t.Errorf("%v, ran %d times for what was taken back", err, ran)
	}
	db.BeforeCommit(func(*store.Tx) error { return boom })
	if err := db.Update(ctx, func(tx *store.Tx) error { tx.Mark(); return insert(tx, "lost") }); !errors.Is(err, boom) {
		t.Errorf("a checkpoint that fails: %v", err)
	}
	if n := count(t, db); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
}

func TestAViewIsASnapshotAndWritesNothing(t *testing.T) {
	ctx, db := context.Background(), open(t)
	err := db.View(ctx, func(tx *store.Tx) error {
		before := 0
		if err := tx.QueryRow(`SELECT count(*) FROM cursors`).Scan(&before); err != nil {
			return err
		}
		if err := db.Update(ctx, func(tx *store.Tx) error { return insert(tx, "new") }); err != nil {
			return err
		}
		after := 0
		if err := tx.QueryRow(`SELECT count(*) FROM cursors`).Scan(&after); err != nil {
			return err
		}
		if before != after {
			t.Errorf("the view changed from %d to %d", before, after)
		}
		if err := insert(tx, "from a view"); err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "-", ""), "readonly") {
			t.Errorf("a view wrote: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTimesKeepTheirInstant(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 41, 0, 123456000, time.FixedZone("CET", 3600))
	if got := store.FromTime(store.Time(at)); !got.Equal(at) {
		t.Errorf("%s became %s", at, got)
	}
	if !store.FromTime(store.Time(time.Time{})).IsZero() {
		t.Error("never became sometime")
	}
}

// leaving is a context that is cancelled the moment it is asked for the so-manieth time.
type leaving struct {
	context.Context
	cancel context.CancelFunc
	asks   atomic.Int32
}

func (l *leaving) Done() <-chan struct{} {
	if l.asks.Add(-1) == 0 {
		l.cancel()
	}
	return l.Context.Done()
}

// A browser that leaves while its page is made must not take a connection with it.
func TestCancelledViewsLeaveTheConnectionsUsable(t *testing.T) {
	db := open(t)
	rounds := 20000 // the moment that does harm is short
	if storetest.OnPostgreSQL() {
		rounds = 400 // each costs a connection
	}
	for round := range rounds {
		ctx, cancel := context.WithCancel(context.Background())
		l := &leaving{Context: ctx, cancel: cancel}
		l.asks.Store(int32(round%8 + 1))
		_ = db.View(l, func(tx *store.Tx) error {
			var n int
			return tx.QueryRow(`SELECT count(*) FROM decisions`).Scan(&n)
		})
		cancel()
	}
	for range 32 { // more than there are connections
		if err := db.View(context.Background(), func(*store.Tx) error { return nil }); err != nil {
			t.Fatalf("a view after others were cancelled: %v", err)
		}
	}
}

// TestOpeningWaitsForNobody: books that another process writes can be opened, to be backed up, while its transaction goes on.
func TestOpeningWaitsForNobody(t *testing.T) {
	where := storetest.Where(t, t.TempDir())
	db, err := store.Open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var other *store.DB
	err = db.Update(t.Context(), func(*store.Tx) (err error) {
		soon, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		other, err = store.Open(soon, where)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
}
