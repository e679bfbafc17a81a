package moderation_test

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"takhojd/moderation"
	"takhojd/platforms"
)

// running waits until what is delivered goes by express: nothing waits in the inbox, and nothing came into it.
func (d *desk) running() {
	d.t.Helper()
	n := 0
	d.eventually("a comment is decided when Receive returns", func() bool {
		n++
		id, empty, before := fmt.Sprintf("first-%d", n), d.number(`SELECT count(*) FROM inbox WHERE dead = 0`) == 0, d.byInbox()
		if err := d.Receive(context.Background(), []platforms.Event{d.write(id, "Vera", unlike(n))}); err != nil {
			d.t.Fatal(err)
		}
		return empty && d.decided(id) == 1 && d.byInbox() == before
	})
}

// byInbox is how many events ever went by the inbox; 0 where the database does not say.
func (d *desk) byInbox() int {
	d.t.Helper()
	if d.db.PostgreSQL() {
		return 0
	}
	return d.number(`SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'inbox'`)
}

func (d *desk) decided(id string) int {
	d.t.Helper()
	return d.number(`SELECT count(*) FROM decisions d JOIN comments c ON c.id = d.comment WHERE c.comment_id = $1`, id)
}

// onSQLite skips what makes a fault in SQLite's words.
func (d *desk) onSQLite() {
	if d.db.PostgreSQL() {
		d.t.Skip("the fault is made by a trigger in SQLite's words")
	}
}

// TestExpressDecidesAtOnce: when the platform gets its answer, the comment is not only kept but decided, and was never in the inbox.
func TestExpressDecidesAtOnce(t *testing.T) {
	d := sit(t)
	d.onSQLite()
	d.running()
	before := d.byInbox()
	if err := d.Receive(context.Background(), []platforms.Event{d.write("a", "Anna", insult), d.write("b", "Bo", fine)}); err != nil {
		t.Fatal(err)
	}
	if d.decided("a") != 1 || d.decided("b") != 1 {
		t.Errorf("a was decided %d times, b %d", d.decided("a"), d.decided("b"))
	}
	if after := d.byInbox(); after != before {
		t.Errorf("%d events went by the inbox", after-before)
	}
}

// TestExpressLeavesFaultsToTheInbox: what can't be worked on spoils nothing for what came beside it, and is not lost.
func TestExpressLeavesFaultsToTheInbox(t *testing.T) {
	d := sit(t)
	d.onSQLite()
	d.running()
	d.exec(`CREATE TRIGGER fault BEFORE INSERT ON comments WHEN new.comment_id LIKE 'bad%' BEGIN SELECT RAISE(ABORT, 'a fault'); END`)
	d.tell(d.write("bad-alone", "Anna", unlike(999)))
	var senders sync.WaitGroup
	for i := range 40 {
		id := fmt.Sprintf("good-%d", i)
		if i%8 == 0 {
			id = fmt.Sprintf("bad-%d", i)
		}
		e := d.write(id, "Anna "+id, unlike(1000+i))
		senders.Go(func() {
			if err := d.Receive(context.Background(), []platforms.Event{e}); err != nil {
				t.Error(err)
			}
		})
	}
	senders.Wait()
	d.eventually("35 are decided, and six are dead letters", func() bool {
		return d.number(`SELECT count(*) FROM comments WHERE comment_id LIKE 'good%'`) == 35 && d.number(`SELECT count(*) FROM inbox WHERE dead = 1`) == 6
	})
}

// TestExpressAnswersBeforeItTells: what is durable is answered, however long the log takes to be written.
func TestExpressAnswersBeforeItTells(t *testing.T) {
	var held atomic.Bool
	var lines atomic.Int64
	release := make(chan struct{})
	slow := zap.Hooks(func(e zapcore.Entry) error {
		if e.Message == "comment" && held.Load() {
			<-release
		}
		if e.Message == "comment" {
			lines.Add(1)
		}
		return nil
	})
	d := sit(t, func(cfg *moderation.Config) {
		cfg.Log = zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(io.Discard), zapcore.InfoLevel), slow)
	})
	d.running()
	d.eventually("of those before all is told", func() bool { return int(lines.Load()) == d.number(`SELECT count(*) FROM decisions`) })
	event := d.write("a", "Anna", fine)
	held.Store(true)
	answered := make(chan error, 1)
	go func() { answered <- d.Receive(context.Background(), []platforms.Event{event}) }()
	select {
	case err := <-answered:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the answer waits for the log")
	}
	held.Store(false)
	close(release)
	d.eventually("it is decided", func() bool { return d.decided("a") == 1 })
}

// TestExpressWaitsItsTurn: what waits in the inbox is worked on before what comes after it.
func TestExpressWaitsItsTurn(t *testing.T) {
	d := sit(t)
	d.stop()
	for i := range 300 { // nobody works: it goes by the inbox
		if err := d.Receive(context.Background(), []platforms.Event{d.write(fmt.Sprintf("early-%d", i), "Anna", unlike(i))}); err != nil {
			t.Fatal(err)
		}
	}
	d.start()
	d.running()
	first := d.number(`SELECT min(d.id) FROM decisions d JOIN comments c ON c.id = d.comment WHERE c.comment_id LIKE 'first%'`)
	if early := d.number(`SELECT count(*) FROM decisions d JOIN comments c ON c.id = d.comment WHERE c.comment_id LIKE 'early%' AND d.id > $1`, first); early > 0 {
		t.Errorf("%d comments that came before were judged after", early)
	}
}

// TestWhatWasSaidIsRemembered: repetition is seen after a restart, within its window, and not of what was taken back.
func TestWhatWasSaidIsRemembered(t *testing.T) {
	const advert = "Kom till loppisen i Folkets hus på lördag, fika och fina fynd för hela familjen"
	d := sit(t)
	d.onSQLite()
	d.running()
	n := 0
	say := func(author, text string) (flagged bool) {
		n++
		id := fmt.Sprint("said-", n)
		d.tell(d.write(id, author, text))
		return d.number(`SELECT count(*) FROM decisions d JOIN comments c ON c.id = d.comment WHERE c.comment_id = $1 AND d.categories LIKE '% spam %'`, id) > 0
	}
	// What fails leaves its number to a comment that says too little to be compared.
	d.exec(`CREATE TRIGGER fault BEFORE INSERT ON decisions WHEN (SELECT comment_id FROM comments WHERE id = new.comment) LIKE 'bad%' BEGIN SELECT RAISE(ABORT, 'a fault'); END`)
	for i := range 8 {
		if err := d.Receive(context.Background(), []platforms.Event{d.write(fmt.Sprint("bad-", i), "Anna", advert)}); err != nil {
			t.Fatal(err)
		}
		d.eventually("it is a dead letter", func() bool { return d.number(`SELECT count(*) FROM inbox WHERE dead = 1`) == i+1 })
		say("Bo", "Ja")
	}
	often := 1
	for ; !say("Anna", advert); often++ {
		if often == 8 {
			t.Fatal("eight times the same is no repetition")
		}
	}
	if often == 1 {
		t.Fatal("what was taken back counts as said")
	}
	const other = "Jag säljer min cykel billigt, nästan ny och med korg, hör av er till mig här nedanför"
	for range often - 1 {
		if say("Cia", other) {
			t.Fatal("flagged too soon")
		}
	}
	d.stop()
	d.start()
	d.running()
	if !say("Cia", other) {
		t.Error("what was said before the restart is forgotten")
	}
	d.clock.move(30 * 24 * time.Hour)
	if say("Cia", other) {
		t.Error("what was said a month ago counts as said lately")
	}
}

// TestToldOnceMore: a process that has just started takes what it is told for new, where it is delivered once more with what is; the books know better.
func TestToldOnceMore(t *testing.T) {
	d := sit(t)
	d.running()
	const before = 4
	var old []platforms.Event
	for i := range before {
		old = append(old, d.write(fmt.Sprint("old-", i), "Anna", insult))
		if err := d.Receive(context.Background(), old[i:]); err != nil {
			t.Fatal(err)
		}
	}
	d.settle()
	records := d.records()
	d.stop()
	d.start()
	d.running()
	for i, e := range old {
		fresh := d.write(fmt.Sprint("fresh-", i), "Bo", unlike(100+i))
		if err := d.Receive(context.Background(), []platforms.Event{fresh, e}); err != nil {
			t.Fatal(err)
		}
		if n := d.decided(fresh.Comment.Ref.Comment); n != 1 {
			t.Errorf("what is new was decided %d times", n)
		}
	}
	for i := range old {
		if n := d.decided(fmt.Sprint("old-", i)); n != 1 {
			t.Errorf("what was known is decided %d times", n)
		}
	}
	d.settle()
	if n := d.records(); n != records {
		t.Errorf("%d records, %d before it was told once more", n, records)
	}
	d.verify()
}
