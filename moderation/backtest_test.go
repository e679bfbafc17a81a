package moderation_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"takhojd/moderation"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

func (b *panel) backtest(p *rules.Policy, since time.Time) (moderation.Backtested, []moderation.Difference) {
	b.t.Helper()
	var found []moderation.Difference
	sum, err := moderation.Backtest(context.Background(), b.db, p, since, nil, func(d moderation.Difference) error {
		found = append(found, d)
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	if sum.Changed != len(found) || sum.Policy != p.Version() {
		b.t.Errorf("the summary %+v does not fit %d differences", sum, len(found))
	}
	return sum, found
}

func (b *panel) judgements(since time.Time) (n int) {
	b.t.Helper()
	err := b.db.View(context.Background(), func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT count(*) FROM decisions WHERE by_kind = 'bot' AND decided_at >= $1`, since).Scan(&n)
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// A month of what citizens do, by chance: new comments, the same again with small changes, edits, pauses; and people who overturn what is
// hidden until a rule falls back, and then uphold it until it comes back. The policy that judged all this judges it the same again.
func TestBacktestOnTheSamePolicyChangesNothing(t *testing.T) {
	b := reviewers(t, 0.3)
	random := rand.New(rand.NewPCG(1, 2))
	base := []string{"skurk", "fasen", "höj inte priset på månadskortet för oss pensionärer i höst igen", "när öppnar vårdcentralen i Farsta efter ombyggnaden i somras",
		"skurk skurk alla som styr regionen borde avgå i dag och inte i morgon", "tack"}
	var told []string
	for i := range 260 {
		if random.IntN(8) == 0 {
			b.clock.move(time.Duration(random.IntN(60)) * time.Hour)
		}
		text := base[random.IntN(len(base))]
		switch random.IntN(3) {
		case 0:
			text += " " + unlike(random.IntN(1<<30))
		case 1:
			text += "!"
		}
		var e platforms.Event
		if len(told) > 0 && random.IntN(6) == 0 {
			e = b.edit(told[random.IntN(len(told))], text)
		} else {
			id := fmt.Sprintf("s%d", i)
			e = b.write(id, fmt.Sprintf("A%d", random.IntN(4)), text)
			told = append(told, id)
		}
		if err := b.Receive(context.Background(), []platforms.Event{e}); err != nil {
			t.Fatal(err)
		}
		if i%20 == 19 {
			b.settle()
			b.reviewAll(i < 80)
		}
	}
	b.settle()
	policy := b.Policy()
	sum, found := b.backtest(policy, time.Time{})
	if len(found) > 0 || sum.Judged != b.judgements(time.Time{}) || sum.Judged < 200 {
		t.Fatalf("the same policy: %+v of %d, first %+v", sum, b.judgements(time.Time{}), found[:min(1, len(found))])
	}
	for _, ago := range []time.Duration{1, 3, 10, 100, 300} {
		since := b.clock.now().Add(-ago * time.Hour)
		if sum, found := b.backtest(policy, since); len(found) > 0 || sum.Judged != b.judgements(since) {
			t.Errorf("since %d hours: %+v of %d, first %+v", ago, sum, b.judgements(since), found[:min(1, len(found))])
		}
	}
	if got := b.changes(); !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "hide→flag") }) ||
		!slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "flag→hide") }) {
		t.Errorf("no rule fell back and came back, so this test shows too little: %v", got)
	}
	if n := b.found("spam/again"); n < 20 {
		t.Errorf("only %d repetitions, so this test shows too little", n)
	}
}

// found counts the bot's verdicts in which a rule found something.
func (b *panel) found(rule string) (n int) {
	b.t.Helper()
	err := b.db.View(context.Background(), func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT count(*) FROM decisions WHERE by_kind = 'bot' AND verdict LIKE $1`, `%"`+rule+`"%`).Scan(&n)
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// reviewAll answers all that the bot hid or flagged.
func (b *panel) reviewAll(overturn bool) {
	b.t.Helper()
	hidden, err := b.BotHidden(context.Background(), 1000)
	if err != nil {
		b.t.Fatal(err)
	}
	flagged, err := b.Queue(context.Background(), moderation.Filter{Limit: 1000})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, it := range append(hidden, flagged...) {
		k, err := b.Case(context.Background(), it.Comment)
		if err != nil {
			b.t.Fatal(err)
		}
		if k.Flag == nil && it.Flag != 0 {
			continue // answered as a hidden one
		}
		action := moderation.Hide
		if overturn {
			action = moderation.Allow
		}
		b.decide(k, action)
	}
	b.settle()
}

func TestBacktestShowsWhatWouldChange(t *testing.T) {
	b := reviewers(t, 0.9)
	b.tell(b.write("k-hide", "Anna", "Din skurk"), b.write("k-both", "Bo", "Vad fasen, din skurk"), b.write("k-fine", "Cia", fine))
	own := b.write("k-own", "Regionen", "Ingen skurk här")
	own.Comment.Own = true
	b.tell(own)
	later := b.clock.now().Add(time.Hour)
	b.clock.move(2 * time.Hour)
	b.tell(b.edit("k-hide", "Din snälla skurk"))

	milder := reviewedPolicy(t, "mode: hide, score: 0.9, find: [\"skurk\"]", "mode: flag, score: 0.9, find: [\"skurk\"]")
	before := b.judgements(time.Time{})
	sum, found := b.backtest(milder, time.Time{})
	if sum.Judged != 4 || sum.Changed != 3 || sum.Actions["hide→flag"] != 2 || sum.Actions["hide→hide"] != 1 || len(sum.Actions) != 2 {
		t.Fatalf("summary %+v", sum)
	}
	var lines []string
	for _, d := range found {
		lines = append(lines, fmt.Sprintf("%s %q: %s %v %v → %s %v %v", d.Comment.Comment, d.Text, d.Was.Action, d.Was.Categories, d.Was.Rules, d.Is.Action,
			d.Is.Categories, d.Is.Rules))
	}
	want := []string{
		`k-hide "Din skurk": hide [insult] [insult/skurk hide] → flag [insult] [insult/skurk flag]`,
		`k-both "Vad fasen, din skurk": hide [insult profanity] [insult/skurk hide profanity/fasen hide] → hide [insult profanity] [insult/skurk flag profanity/fasen hide]`,
		`k-hide "Din snälla skurk": hide [insult] [insult/skurk hide] → flag [insult] [insult/skurk flag]`,
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if sum, found := b.backtest(milder, later); sum.Judged != 1 || len(found) != 1 || found[0].Text != "Din snälla skurk" || found[0].Decided.Before(later) {
		t.Errorf("since the edit: %+v %+v", sum, found)
	}
	if b.judgements(time.Time{}) != before || b.Policy().Version() == milder.Version() {
		t.Error("a backtest has left traces")
	}
	stop := errors.New("enough")
	_, err := moderation.Backtest(context.Background(), b.db, milder, time.Time{}, nil, func(moderation.Difference) error { return stop })
	if !errors.Is(err, stop) {
		t.Errorf("an error of the reader: %v", err)
	}
}

// A rule's fall counts from the very next comment on, and not before; and nobody repeats himself by editing.
func TestBacktestKnowsTheFactsOfTheMoment(t *testing.T) {
	b := reviewers(t, 0.9)
	ids := b.comment(30, "skurk")
	b.review(moderation.Restore, ids[:29]...)
	b.comment(1, "skurk")
	b.review(moderation.Restore, ids[29])
	b.comment(1, "skurk")
	const wish = "Höj inte priset på månadskortet för oss pensionärer i höst"
	for _, who := range []string{"Anna", "Bo", "Cia"} { // one more would be a campaign
		b.tell(b.write("by"+who, who, wish))
	}
	for i := range 6 {
		text := wish + strings.Repeat("!", i)
		if i == 0 {
			b.tell(b.write("self", "Dan", text))
		} else {
			b.tell(b.edit("self", text))
		}
	}
	if k := b.of("self"); k.Decision.Action != moderation.Allow || len(k.Decisions) != 6 {
		t.Fatalf("who edits repeats himself: %+v", k.Decision)
	}
	if sum, found := b.backtest(b.Policy(), time.Time{}); sum.Judged != 41 || len(found) != 0 {
		t.Errorf("%+v %+v", sum, found)
	}
}

// A policy that remembers longer sees the repetitions that the old one had forgotten.
func TestBacktestCountsRepetitionsByTheNewWindow(t *testing.T) {
	b := reviewers(t, 0.9)
	for i := range 6 {
		b.tell(b.write(fmt.Sprintf("r%d", i), "Samma", "Höj inte priset på månadskortet för oss pensionärer i höst"))
		b.clock.move(4 * 24 * time.Hour)
	}
	if n := b.found("spam/again"); n != 0 {
		t.Fatalf("%d repetitions within the old window", n)
	}
	sum, found := b.backtest(reviewedPolicy(t, "window: 7d,", "window: 30d,"), time.Time{})
	if sum.Actions["allow→flag"] != 2 || len(found) != 2 || found[0].Comment.Comment != "r4" || found[1].Comment.Comment != "r5" {
		t.Errorf("%+v %+v", sum, found)
	}
}

// What was disposed of cannot be judged again, and is said to be missing; a comment that turned out to be our own is left out.
func TestBacktestSaysWhatItLeavesOut(t *testing.T) {
	b := reviewers(t, 0.9)
	b.tell(b.write("g1", "Anna", "Din skurk"), b.write("g2", "Bo", "Din stora skurk"), b.write("g3", "Cia", fine))
	err := b.db.Update(context.Background(), func(tx *store.Tx) error {
		if _, err := tx.Exec(`DELETE FROM revisions WHERE comment = (SELECT id FROM comments WHERE comment_id = 'g1')`); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE comments SET own = 1 WHERE comment_id = 'g2'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if sum, found := b.backtest(b.Policy(), time.Time{}); sum.Judged != 1 || sum.Own != 1 || sum.Gone != 1 || len(found) != 0 {
		t.Errorf("%+v %+v", sum, found)
	}
}
