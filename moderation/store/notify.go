package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Notify tells the other processes on this database, once the transaction is committed, that it is worth looking at something again. A
// word that is told often at a time is told once. If we die after the commit and before that, they notice by themselves, within a second or two. On
// SQLite there are no other processes, and nothing is told.
func (tx *Tx) Notify(word string) {
	if tx.PostgreSQL() && !slices.Contains(tx.words, word) {
		tx.words = append(tx.words, word)
	}
}

// tellEvery is how long nothing is told after something was: a word in each transaction would have all commits of all processes wait for each other
// (NOTIFY takes a lock of the whole server), and wake everybody a thousand times a second.
const tellEvery = 10 * time.Millisecond

// telling tells words beside the writer, on a connection that may otherwise only read.
type telling struct {
	mu    sync.Mutex
	words []string
	// running is true while somebody tells.
	running bool
	ended   sync.WaitGroup
	stop    chan struct{}
}

func (p *postgres) tell(words []string) {
	t := &p.telling
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, word := range words {
		if !slices.Contains(t.words, word) {
			t.words = append(t.words, word)
		}
	}
	if len(t.words) > 0 && !t.running {
		t.running = true
		t.ended.Go(p.tellAll)
	}
}

// tellAll tells until nothing is left. What cannot be told is noticed without it.
func (p *postgres) tellAll() {
	t := &p.telling
	for {
		t.mu.Lock()
		words := t.words
		t.words = nil
		if len(words) == 0 {
			t.running = false
			t.mu.Unlock()
			return
		}
		t.mu.Unlock()
		_, _ = p.beside.Exec(`SELECT pg_notify($1, word) FROM unnest($2::text[]) AS word`, p.topic(), words)
		select {
		case <-time.After(tellEvery):
		case <-t.stop:
		}
	}
}

// Listen hands over what other processes tell by [Tx.Notify] – and what this one tells – until ctx is cancelled. What is told while the
// connection is away is lost: told is called with "" each time it is there again, so that the listener looks at everything once. On
// SQLite it only waits.
func (db *DB) Listen(ctx context.Context, told func(word string)) {
	p, ok := db.engine.(*postgres)
	if !ok {
		<-ctx.Done()
		return
	}
	for ctx.Err() == nil {
		_ = p.listen(ctx, told) // why it ended is of no use to anybody: the next attempt says whether it is over
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

func (p *postgres) topic() string { return "takhojd_" + p.schema }

func (p *postgres) listen(ctx context.Context, told func(string)) error {
	conn, err := pgx.Connect(ctx, p.address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "LISTEN "+p.topic()); err != nil {
		return err
	}
	told("")
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return errors.Join(err, ctx.Err())
		}
		told(n.Payload)
	}
}

// Clock is what the time is for everybody on this database: PostgreSQL's own clock, and where there is one process its own, which is
// given.
func (tx *Tx) Clock(own time.Time) (time.Time, error) {
	if !tx.PostgreSQL() {
		return own, nil
	}
	var us int64
	err := tx.QueryRow(`SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)`).Scan(&us)
	return FromTime(us), err
}
