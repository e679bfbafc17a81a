package moderation_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"takhojd/archive"
	"takhojd/moderation"
	"takhojd/moderation/store"
	"takhojd/moderation/store/storetest"
	"takhojd/platforms"
)

// BenchmarkPath takes comments from received to decided on a database on disk, sent by 64 at once: one comment in four is hidden, with its record, leaf
// and outbox row. It ends when the last is decided; what is done on the platform is not in it.
func BenchmarkPath(b *testing.B) {
	for _, perDelivery := range []int{1, 50} {
		b.Run(fmt.Sprintf("comments-a-delivery=%d", perDelivery), func(b *testing.B) {
			m, db := underLoad(b)
			texts := benchTexts()
			var next atomic.Int64
			var senders sync.WaitGroup
			b.ResetTimer()
			for range 64 {
				senders.Go(func() {
					for {
						last := int(next.Add(int64(perDelivery)))
						var events []platforms.Event
						for n := last - perDelivery; n < min(last, b.N); n++ {
							events = append(events, benchEvent(n, texts[n%len(texts)]))
						}
						if len(events) == 0 {
							return
						}
						if err := m.Receive(context.Background(), events); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			senders.Wait()
			for decided := 0; decided < b.N; {
				if err := db.View(context.Background(), func(tx *store.Tx) error {
					return tx.QueryRow(`SELECT count(*) FROM decisions`).Scan(&decided)
				}); err != nil {
					b.Fatal(err)
				}
				time.Sleep(time.Millisecond)
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "comments/s")
		})
	}
}

func benchEvent(n int, text string) platforms.Event {
	return platforms.Event{Kind: platforms.Added, At: time.Unix(int64(n), 0), Via: "webhook", Comment: platforms.Comment{Ref: ref(fmt.Sprint("c", n)),
		Post: "p1", Author: platforms.Author{ID: fmt.Sprint("a", n)}, Text: text, Posted: time.Unix(int64(n), 0), Raw: []byte(`{"message":"…"}`)}}
}

// benchTexts makes comments that are not alike: one in eight an insult, as in the demo's thread, the rest everyday words in an order of their own.
func benchTexts() []string {
	words := strings.Fields("bussen tåget vården kön tiden läkaren sjukhuset priset biljetten kortet resan morgonen kvällen snön hissen " +
		"perrongen Slussen Nacka Täby Huddinge Solna kommer går väntar stänger öppnar kostar fungerar försvinner räcker saknas " +
		"idag igår alltid aldrig ofta sällan äntligen knappt nästan redan")
	chance := rand.New(rand.NewPCG(1, 2))
	texts := make([]string, 100_000) // more than are sent: what many say again is disturbance, and judged as that
	for i := range texts {
		var b strings.Builder
		for range 8 + chance.IntN(10) {
			b.WriteString(words[chance.IntN(len(words))] + " ")
		}
		if i%8 == 0 {
			b.WriteString("din jävla idiot")
		}
		texts[i] = b.String()
	}
	return texts
}

func underLoad(b *testing.B) (*moderation.Moderator, *store.DB) {
	b.Helper()
	db, err := store.Open(context.Background(), storetest.Where(b, b.TempDir()))
	if err != nil {
		b.Fatal(err)
	}
	key, err := archive.NewKey("takhojd.bench")
	if err != nil {
		b.Fatal(err)
	}
	a, err := archive.New(db, key)
	if err != nil {
		b.Fatal(err)
	}
	p, err := policy()
	if err != nil {
		b.Fatal(err)
	}
	quiet := channel
	quiet.HideQuota = 1 << 30
	m, err := moderation.New(moderation.Config{DB: db, Archive: a, Policy: p, Channels: []platforms.Channel{quiet}, Log: zap.NewNop(),
		Adapters: map[string]moderation.Adapter{quiet.ID: newPlatform()}, PollEvery: time.Hour, Backoff: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = m.Run(ctx) }()
	b.Cleanup(func() { cancel(); <-done; _ = db.Close() })
	return m, db
}

// BenchmarkGroupCommit is what the disk allows: 64 at once append 500 bytes each to a plain file, and whoever comes first syncs for all that wait.
// Held against BenchmarkPath in the same run it says how much of the path is the disk.
func BenchmarkGroupCommit(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	work := make(chan chan error, 64)
	var writers sync.WaitGroup
	go func() {
		line := make([]byte, 500)
		for first := range work {
			group := []chan error{first}
			for len(work) > 0 {
				group = append(group, <-work)
			}
			var err error
			for range group {
				_, err = f.Write(line)
			}
			if err == nil {
				err = f.Sync()
			}
			for _, done := range group {
				done <- err
			}
		}
	}()
	var next atomic.Int64
	b.ResetTimer()
	for range 64 {
		writers.Go(func() {
			for next.Add(1) <= int64(b.N) {
				done := make(chan error, 1)
				work <- done
				if err := <-done; err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
	b.StopTimer()
	close(work)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}
