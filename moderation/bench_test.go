package moderation_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"go.uber.org/zap"

	"takhojd/archive"
	"takhojd/moderation"
	"takhojd/moderation/inbox"
	"takhojd/moderation/store"
	"takhojd/moderation/store/storetest"
	"takhojd/platforms"
	"takhojd/platforms/facebook"
	"takhojd/platforms/platformtest"
)

// BenchmarkPath takes comments from the webhook's door to decided on a database on disk: signed bodies as Facebook sends them, 64 deliveries at
// once, one comment in each or fifty; one comment in eight is hidden, as in the demo's thread, with its record, leaf and outbox row. When the
// webhook answers, the comments are on disk; it ends when the last is decided. What is done on the platform meanwhile is in it, the
// platform's own time is not.
func BenchmarkPath(b *testing.B) {
	for _, perDelivery := range []int{1, 50} {
		b.Run(fmt.Sprintf("comments-a-delivery=%d", perDelivery), func(b *testing.B) {
			first, bodies, comments := composed(b, b.N, perDelivery)
			door, db := underLoad(b, comments)
			warm(b, door, db, first)
			var next atomic.Int64
			var senders sync.WaitGroup
			b.ResetTimer()
			for range 64 {
				senders.Go(func() {
					for i := next.Add(1) - 1; int(i) < len(bodies); i = next.Add(1) - 1 {
						bodies[i].deliver(b, door)
					}
				})
			}
			senders.Wait()
			untilDecided(b, db, warming+b.N)
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "comments/s")
		})
	}
}

// rate is how many comments a second are delivered where it is measured how long each takes.
const rate = 1000

// BenchmarkAtRate delivers a thousand comments a second, each in a request of its own and at its own time, whatever became of those before it,
// and tells how long a body took until it was on disk. Beside it, in the same run and on the same disk, how long a bare fdatasync of 500 appended
// bytes takes while nothing else is done: a thousand a second, too, half of them before and half after, and 600 at a stretch, each right after the
// last. Those take a tenth of a second, in which not much is seen of what a shared disk does in ten.
func BenchmarkAtRate(b *testing.B) {
	var alone, stretch []time.Duration
	bare := func() {
		_, come := ticking(b, time.Second/rate)
		alone = append(alone, flushTimes(b, b.N/8+1, func() { come() })...)
		stretch = append(stretch, flushTimes(b, 300, func() {})...)
	}
	bare()
	first, bodies, comments := composed(b, b.N, 1)
	door, db := underLoad(b, comments)
	warm(b, door, db, first)
	took := make([]time.Duration, len(bodies))
	var under sync.WaitGroup
	b.ResetTimer()
	began, come := ticking(b, time.Second/rate)
	for i, passed := 0, 0; i < len(bodies); i++ {
		for passed <= i {
			passed += come()
		}
		due := began.Add(time.Duration(i+1) * time.Second / rate)
		under.Go(func() {
			bodies[i].deliver(b, door)
			took[i] = time.Since(due)
		})
	}
	under.Wait()
	untilDecided(b, db, warming+b.N)
	b.StopTimer()
	bare()
	for _, share := range []struct {
		name string
		part float64
	}{{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}} {
		b.ReportMetric(part(took, share.part), "ms-durable-"+share.name)
		b.ReportMetric(part(alone, share.part), "ms-fdatasync-"+share.name)
	}
	b.ReportMetric(part(stretch, 0.99), "ms-fdatasync-at-a-stretch-p99")
}

// ticking is a clock of the kernel's, which begins now: each call waits until it has ticked since the last, and says how many times. A sleep of
// less than a millisecond is made one by Go's runtime where nothing else goes on, so that half of it would be in what is measured.
func ticking(b *testing.B, every time.Duration) (began time.Time, come func() int) {
	b.Helper()
	const monotonic = 1 // CLOCK_MONOTONIC
	fd, _, errno := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, monotonic, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if errno != 0 {
		b.Fatal(errno)
	}
	f := os.NewFile(fd, "clock")
	b.Cleanup(func() { _ = f.Close() })
	each := syscall.NsecToTimespec(every.Nanoseconds())
	spec := [2]syscall.Timespec{each, each} // the interval, and until the first
	began = time.Now()
	if _, _, errno := syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0); errno != 0 {
		b.Fatal(errno)
	}
	return began, func() int {
		var n [8]byte
		if _, err := f.Read(n[:]); err != nil {
			b.Fatal(err)
		}
		return int(binary.NativeEndian.Uint64(n[:]))
	}
}

// part is the time in ms that a part of all did not exceed.
func part(all []time.Duration, share float64) float64 {
	slices.Sort(all)
	return float64(all[min(len(all)-1, int(share*float64(len(all))))]) / float64(time.Millisecond)
}

// flushTimes is how long the disk takes to make 500 bytes durable, n times over, each when come returns.
func flushTimes(b *testing.B, n int, come func()) []time.Duration {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	took := make([]time.Duration, n)
	for i := range took {
		come()
		began := time.Now()
		if _, err = f.Write(make([]byte, 500)); err == nil {
			err = syscall.Fdatasync(int(f.Fd()))
		}
		if err != nil {
			b.Fatal(err)
		}
		took[i] = time.Since(began)
	}
	return took
}

// warming is how many comments come before anything is measured: to a process that has its channel, and a database that has its plans.
const warming = 100

func warm(b *testing.B, door http.Handler, db *store.DB, first []post) {
	b.Helper()
	for _, p := range first {
		p.deliver(b, door)
	}
	untilDecided(b, db, warming)
}

func untilDecided(b *testing.B, db *store.DB, n int) {
	b.Helper()
	for decided := 0; decided < n; time.Sleep(time.Millisecond) {
		if err := db.View(context.Background(), func(tx *store.Tx) error {
			return tx.QueryRow(`SELECT coalesce(max(id), 0) FROM decisions`).Scan(&decided)
		}); err != nil {
			b.Fatal(err)
		}
	}
}

const (
	benchPage   = "100000000000001"
	benchSecret = "a secret of the benchmark's own"
)

// post is a delivery that was signed beforehand.
type post struct {
	body   string
	header headers
}

type headers [2]struct{ name, value string }

func (p post) deliver(b *testing.B, door http.Handler) {
	r, err := http.NewRequest(http.MethodPost, "/webhooks/facebook", strings.NewReader(p.body))
	if err != nil {
		b.Error(err)
		return
	}
	for _, h := range p.header {
		r.Header.Set(h.name, h.value)
	}
	w := httptest.NewRecorder()
	door.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		b.Errorf("HTTP %d", w.Code)
	}
}

// composed makes deliveries of n comments by n authors, first a few single ones beside, and the comments as they stand on the platform.
func composed(b *testing.B, n, perDelivery int) (first, posts []post, there written) {
	b.Helper()
	server, err := platformtest.Start(context.Background(), platformtest.Options{AppSecret: benchSecret,
		Accounts: []platformtest.Account{{Platform: platforms.Facebook, ID: benchPage, Name: "Region", Token: "t"}}})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	under, err := server.AddPost(platformtest.Post{Account: benchPage, Text: "Snön"})
	if err != nil {
		b.Fatal(err)
	}
	texts := benchTexts(warming + n)
	there.at = map[string][2]int{}
	var all strings.Builder
	compose := func(from, to int) post {
		var comments []platformtest.Comment
		for i := from; i < to; i++ {
			comments = append(comments, platformtest.Comment{Post: under.ID, AuthorID: fmt.Sprint(2000000 + i), Author: fmt.Sprint("Besökare ", i), Text: texts[i]})
		}
		body, header, composed, err := server.Compose(comments)
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range composed {
			there.write(b, &all, platforms.Comment{Ref: ref(c.ID), Post: under.ID, Author: platforms.Author{ID: c.AuthorID, Name: c.Author}, Text: c.Text, Posted: c.Posted})
		}
		p := post{body: string(body), header: headers{{"Content-Type", "application/json"}}}
		for name := range header {
			p.header[1] = struct{ name, value string }{name, header.Get(name)}
		}
		return p
	}
	for i := range warming {
		first = append(first, compose(i, i+1))
	}
	for i := warming; i < warming+n; i += perDelivery {
		posts = append(posts, compose(i, min(i+perDelivery, warming+n)))
	}
	there.all = all.String()
	return first, posts, there
}

// written are comments as they stand on a platform, in one piece: whatever is in use must be gone through each time that garbage is collected, and a
// platform's comments are not in our memory.
type written struct {
	all string
	at  map[string][2]int
}

func (w written) write(b *testing.B, all *strings.Builder, c platforms.Comment) {
	b.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		b.Fatal(err)
	}
	w.at[c.Ref.Comment] = [2]int{all.Len(), all.Len() + len(text)}
	all.Write(text)
}

// benchTexts makes comments that are not alike: one in eight an insult, as in the demo's thread, the rest everyday words in an order of their own.
func benchTexts(n int) []string {
	words := strings.Fields("bussen tåget vården kön tiden läkaren sjukhuset priset biljetten kortet resan morgonen kvällen snön hissen " +
		"perrongen Slussen Nacka Täby Huddinge Solna kommer går väntar stänger öppnar kostar fungerar försvinner räcker saknas " +
		"idag igår alltid aldrig ofta sällan äntligen knappt nästan redan")
	chance := rand.New(rand.NewPCG(1, 2))
	texts := make([]string, n) // no two alike: what many say again is disturbance, and judged as that
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

// unread is a platform whose posts cannot be read in full: the reading at the start would find what is measured, or miss it and ask for each.
type unread struct {
	*platform
	written written
}

func (u unread) Fetch(ctx context.Context, ref platforms.Ref) (found platforms.Comment, err error) {
	if at, ok := u.written.at[ref.Comment]; ok {
		var c platforms.Comment
		if err := json.Unmarshal([]byte(u.written.all[at[0]:at[1]]), &c); err != nil {
			return c, err
		}
		u.mu.Lock()
		if _, known := u.comments[ref.Comment]; !known {
			u.comments[ref.Comment] = c
		}
		u.mu.Unlock()
	}
	return u.platform.Fetch(ctx, ref)
}

func (unread) CatchUp(context.Context, time.Time, func(context.Context, []platforms.Event) error) error {
	return errors.New("not while we measure")
}

// underLoad is a webhook on a database of its own; on PostgreSQL, where TAKHOJD_TEST_REDIS says where one is, with Redis Streams beside it.
func underLoad(b *testing.B, comments written) (http.Handler, *store.DB) {
	b.Helper()
	moderation.CollectSeldom() // as serve does
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
	page := channel
	page.Account, page.HideQuota = benchPage, 1<<30
	cfg := moderation.Config{DB: db, Archive: a, Policy: p, Channels: []platforms.Channel{page}, Log: zap.NewNop(),
		Adapters: map[string]moderation.Adapter{page.ID: unread{newPlatform(), comments}}, PollEvery: time.Hour, Backoff: time.Hour}
	if address := os.Getenv("TAKHOJD_TEST_REDIS"); address != "" && storetest.OnPostgreSQL() {
		if cfg.Streams, err = inbox.OpenStreams(inbox.StreamsConfig{Address: address, Authority: "bench", Log: zap.NewNop()}); err != nil {
			b.Fatal(err)
		}
		cfg.Node = "bench"
	}
	m, err := moderation.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	door, err := facebook.NewWebhook(facebook.WebhookConfig{AppSecret: benchSecret, VerifyToken: "v", Channels: map[string]platforms.Channel{benchPage: page}, Sink: m.Receive})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = m.Run(ctx) }()
	b.Cleanup(func() { cancel(); <-done; _ = db.Close() })
	return door, db
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
