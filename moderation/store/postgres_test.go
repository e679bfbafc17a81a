package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"takhojd/moderation/store"
	"takhojd/moderation/store/storetest"
)

func needPostgreSQL(t *testing.T) {
	t.Helper()
	if !storetest.OnPostgreSQL() {
		t.Skip("needs PostgreSQL: `make test-postgres` runs it")
	}
}

// durable does an update again until it is told that it is there, as every caller of the store does in one way or another.
func durable(t *testing.T, db *store.DB, name string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		err := db.Update(context.Background(), func(tx *store.Tx) error {
			_, err := tx.Exec(`INSERT INTO cursors (channel, caught_up_at) VALUES ($1, 1) ON CONFLICT (channel) DO NOTHING`, name)
			return err
		})
		if err == nil {
			return
		}
	}
	t.Errorf("%s is not written after a minute", name)
}

// Connections are cut under writers and readers; what was said to be there is there, once, and nobody needs a restart.
func TestCutConnectionsLoseNothing(t *testing.T) {
	needPostgreSQL(t)
	db := open(t)
	const writers, each = 4, 50
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				durable(t, db, fmt.Sprintf("%d-%d", w, i))
			}
		})
	}
	surgeon := open(t)
	for range 10 {
		// It may cut its own reading connections, too: they are as little use to it as to the others.
		err := surgeon.Update(context.Background(), func(tx *store.Tx) error {
			_, err := tx.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'takhojd' AND pid <> pg_backend_pid()`)
			return err
		})
		if err != nil {
			t.Errorf("cut: %v", err)
		}
	}
	wg.Wait()
	if n := eventually(t, db); n != writers*each {
		t.Errorf("%d rows, want %d", n, writers*each)
	}
}

// eventually counts, on whatever connections are still broken first.
func eventually(t *testing.T, db *store.DB) (n int) {
	t.Helper()
	var err error
	for range 20 {
		if err = db.View(context.Background(), func(tx *store.Tx) error {
			return tx.QueryRow(`SELECT count(*) FROM cursors`).Scan(&n)
		}); err == nil {
			return n
		}
	}
	t.Errorf("the readers do not come back: %v", err)
	return n
}

func TestARestartedServerLosesNothing(t *testing.T) {
	needPostgreSQL(t)
	restart := os.Getenv("TAKHOJD_TEST_POSTGRES_RESTART")
	if restart == "" {
		t.Skip("needs a server that it may restart: `make test-postgres` has one")
	}
	db := open(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 300 {
			durable(t, db, fmt.Sprint(i))
		}
	}()
	if out, err := exec.Command(restart).CombinedOutput(); err != nil {
		t.Errorf("restart: %v: %s", err, out)
	}
	<-done
	if n := eventually(t, db); n != 300 {
		t.Errorf("%d rows, want 300", n)
	}
}

// Two processes on one authority's schema take turns: neither writes on what it read before the other did.
func TestWritersOfOneSchemaTakeTurns(t *testing.T) {
	where := storetest.Where(t, t.TempDir())
	var dbs []*store.DB
	for range 2 {
		db, err := store.Open(context.Background(), where)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		dbs = append(dbs, db)
	}
	if err := dbs[0].Update(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Exec(`INSERT INTO cursors (channel, caught_up_at) VALUES ('sum', 0)`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, db := range dbs {
		for range 4 {
			wg.Go(func() {
				for range 25 {
					if err := db.Update(context.Background(), func(tx *store.Tx) error {
						var n int64
						if err := tx.QueryRow(`SELECT caught_up_at FROM cursors WHERE channel = 'sum'`).Scan(&n); err != nil {
							return err
						}
						_, err := tx.Exec(`UPDATE cursors SET caught_up_at = $1 WHERE channel = 'sum'`, n+1)
						return err
					}); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	var n int64
	if err := dbs[1].View(context.Background(), func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT caught_up_at FROM cursors WHERE channel = 'sum'`).Scan(&n)
	}); err != nil || n != 200 {
		t.Errorf("%d, %v; want 200", n, err)
	}
}

// Two authorities in one database see nothing of each other's.
func TestAuthoritiesAreApart(t *testing.T) {
	needPostgreSQL(t)
	one, other := open(t), open(t)
	durable(t, one, "mine")
	if n := count(t, other); n != 0 {
		t.Errorf("another authority's schema shows %d rows", n)
	}
}

func TestStrangeTextIsKept(t *testing.T) {
	db := open(t)
	for name, text := range map[string]string{"every script": "åäö العربية 漢字 👩‍👩‍👧 z\u0301", "quotes": `'"\$1 -- ;`, "long": strings.Repeat("å", 60000)} {
		if err := db.Update(context.Background(), func(tx *store.Tx) error { return insert(tx, text) }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		n := 0
		if err := db.View(context.Background(), func(tx *store.Tx) error {
			return tx.QueryRow(`SELECT count(*) FROM cursors WHERE channel = $1`, text).Scan(&n)
		}); err != nil || n != 1 {
			t.Errorf("%s: found %d times, %v", name, n, err)
		}
	}
	for name, text := range map[string]string{"NUL": "a\x00b", "broken UTF-8": "c\xffd"} {
		if err := db.Update(context.Background(), func(tx *store.Tx) error { return insert(tx, text) }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAddressesThatCannotBe(t *testing.T) {
	needPostgreSQL(t)
	u, err := url.Parse(os.Getenv("TAKHOJD_TEST_POSTGRES"))
	if err != nil {
		t.Fatal(err)
	}
	for what, address := range map[string]string{"a schema with a quote": "?search_path=a'b", "no such database": "x?search_path=t", "no server": ""} {
		where := u.Scheme + "://takhojd:hemligt@" + u.Host + u.Path + address
		if what == "no server" {
			where = "postgres://takhojd:hemligt@127.0.0.1:1/x"
		}
		db, err := store.Open(context.Background(), where)
		if err == nil {
			_ = db.Close()
			t.Errorf("%s was opened", what)
		} else if strings.Contains(err.Error(), "hemligt") {
			t.Errorf("%s: the error holds the password: %v", what, err)
		}
		if errors.Is(err, store.ErrFull) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// The tables are counted as they fill, beside those who write, so that nothing is planned as it was when they were empty.
func TestTablesAreCountedAsTheyFill(t *testing.T) {
	if !storetest.OnPostgreSQL() {
		t.Skip("SQLite plans without counting")
	}
	db := storetest.Open(t)
	for i := range 500 {
		if err := db.Update(context.Background(), func(tx *store.Tx) error {
			_, err := tx.Exec(`INSERT INTO comments (id, platform, channel, comment_id, received_at) VALUES ($1, 'facebook', 'c', $2, 1)`, i+1, fmt.Sprint(i))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(30 * time.Second)
	for howMany(t, db, `SELECT count(*) FROM pg_stats WHERE schemaname = current_schema() AND tablename = 'comments'`) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("the table was not counted")
		}
		time.Sleep(10 * time.Millisecond)
	}
}
