package moderation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"takhojd/moderation"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

// smallPolicy is a policy with two rules that hide at sight of one word each, asked to be upheld in share of cases. remark changes its
// version and nothing else.
func smallPolicy(t testing.TB, share float64, remark string) *rules.Policy {
	t.Helper()
	return load(t, smallFile(share, remark))
}

// reviewedPolicy is smallPolicy(t, 0.9, "") with something else in one place.
func reviewedPolicy(t testing.TB, old, new string) *rules.Policy {
	t.Helper()
	file := smallFile(0.9, "")
	if strings.Count(file, old) != 1 {
		t.Fatalf("%q does not stand once in the policy", old)
	}
	return load(t, strings.Replace(file, old, new, 1))
}

func load(t testing.TB, file string) *rules.Policy {
	t.Helper()
	p, err := rules.Load(fstest.MapFS{"p.yaml": {Data: []byte(file)}}, "p.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func smallFile(share float64, remark string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# %s
policy: {name: Prov, source: prov, reviewed: 2026-01-01, hide_quota: 1000, strikes: {limit: 1000, window: 90d}, repeat: {window: 7d, doubtful: 2, clear: 4}}
categories:
`, remark)
	for _, c := range rules.Categories() {
		fmt.Fprintf(&b, `  - id: %s
    title: {sv: %[1]s, en: %[1]s}
    published: {sv: %[1]s, en: %[1]s}
    explanation: {sv: %[1]s, en: %[1]s}
    clear: hide
    doubtful: flag
    thresholds: {clear: 0.8, doubtful: 0.4}
    severity: 50
    escalate: false
    retention: removed
    target: %[2]g
`, c, share)
		switch c {
		case rules.Insult:
			b.WriteString("    rules:\n" + wordRule("insult/skurk", "skurk"))
		case rules.Profanity:
			b.WriteString("    rules:\n" + wordRule("profanity/fasen", "fasen"))
		case rules.Spam:
			b.WriteString("    rules:\n      - {id: spam/again, description: {sv: upprepning, en: repetition}, mode: flag, score: 0.9, detect: repeated}\n")
		}
	}
	return b.String()
}

func wordRule(id, word string) string {
	return fmt.Sprintf("      - {id: %s, description: {sv: letar efter ord, en: looks for words}, mode: hide, score: 0.9, find: [%q]}\n", id, word)
}

// panel is a desk whose hides are reviewed by the dozen.
type panel struct {
	*desk
	n int
}

func reviewers(t *testing.T, share float64) *panel {
	t.Helper()
	return &panel{desk: sit(t, func(c *moderation.Config) {
		c.Policy, c.Metrics = smallPolicy(t, share, ""), nil
		channel := channel
		channel.HideQuota = 10_000
		c.Channels = []platforms.Channel{channel}
	})}
}

// comment lets n citizens write something with a word in it, each in other words, and returns the comments.
func (b *panel) comment(n int, word string) (ids []string) {
	b.t.Helper()
	var events []platforms.Event
	for range n {
		b.n++
		id := fmt.Sprintf("k%d", b.n)
		ids = append(ids, id)
		events = append(events, b.write(id, "Citizen"+id, word+" "+unlike(b.n)))
	}
	if err := b.Receive(context.Background(), events); err != nil {
		b.t.Fatal(err)
	}
	b.settle()
	return ids
}

// unlike gives each number a few words that no other number's are near.
func unlike(n int) string {
	var w strings.Builder
	for range 4 {
		for range 5 {
			n = n*1103515245 + 12345
			w.WriteByte(byte('a' + n>>16&15))
		}
		w.WriteByte(' ')
	}
	return w.String()
}

func (b *panel) review(action moderation.Action, ids ...string) (made moderation.Decision) {
	b.t.Helper()
	for _, id := range ids {
		made = b.decide(b.of(id), action)
	}
	if action == moderation.Delete {
		b.clock.move(time.Minute) // past the time in which it can be undone
	}
	b.settle()
	return made
}

func (b *panel) figure(rule string) moderation.RuleFigure {
	b.t.Helper()
	figures, err := b.RuleFigures(context.Background())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range figures {
		if f.Rule.ID == rule {
			return f
		}
	}
	b.t.Fatalf("no figure of %s", rule)
	return moderation.RuleFigure{}
}

func (b *panel) expect(rule string, mode rules.Mode, hides, reviewed, upheld int) moderation.RuleFigure {
	b.t.Helper()
	f := b.figure(rule)
	if f.Mode != mode || f.Hides != hides || f.Reviewed != reviewed || f.Upheld != upheld || f.FellBack.IsZero() == (mode == rules.ModeFlag) {
		b.t.Fatalf("%s: %s, %d hides, %d reviewed, %d upheld, fell back %v; want %s, %d, %d, %d", rule, f.Mode, f.Hides, f.Reviewed, f.Upheld,
			f.FellBack, mode, hides, reviewed, upheld)
	}
	if f.Why.SV == "" || f.Why.EN == "" {
		b.t.Errorf("%s: no words for why: %+v", rule, f.Why)
	}
	return f
}

// changes lists what the history says of rules, oldest first.
func (b *panel) changes() (lines []string) {
	b.t.Helper()
	err := b.db.View(context.Background(), func(tx *store.Tx) error {
		rows, err := tx.Query(`SELECT rule, was, became, reviewed, upheld, by_whom FROM rule_changes ORDER BY id`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var rule, was, became, by string
			var reviewed, upheld int
			if err := rows.Scan(&rule, &was, &became, &reviewed, &upheld, &by); err != nil {
				return err
			}
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s→%s %d/%d %s", rule, was, became, upheld, reviewed, by)))
		}
		return rows.Err()
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return lines
}

func (b *panel) expectChanges(want ...string) {
	b.t.Helper()
	if got := b.changes(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		b.t.Fatalf("history of the rules:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestARuleFallsBackAndEarnsItsWayBack(t *testing.T) {
	b := reviewers(t, 0.85)
	ids := b.comment(30, "skurk")
	b.review(moderation.Hide, ids[:28]...)
	b.review(moderation.Restore, ids[28])
	b.expect("insult/skurk", rules.ModeHide, 30, 29, 28) // not thirty yet: the policy's word
	b.review(moderation.Allow, ids[29])
	f := b.expect("insult/skurk", rules.ModeFlag, 30, 30, 28)
	if f.Rule.Mode != rules.ModeHide || f.Target != 0.85 || !(0.78 < f.Lower && f.Lower < 0.79) || !strings.Contains(f.Why.SV, "minst 78,6") ||
		!strings.Contains(f.Why.SV, "målet är 85") || !strings.Contains(f.Why.EN, "28 of 30") {
		t.Errorf("figure %+v", f)
	}
	b.expectChanges("insult/skurk hide→flag 28/30")

	// Now it flags; another rule goes on hiding; and the comment that both find is hidden by the other alone.
	probation := b.comment(1, "skurk")
	if k := b.of(probation[0]); k.State != moderation.Standing || k.Flag == nil || k.Decision.Action != moderation.Flag {
		t.Fatalf("a rule that fell back: %s, %+v", k.State, k.Decision)
	}
	if k := b.of(b.comment(1, "fasen")[0]); k.State != moderation.Hidden {
		t.Fatalf("the other rule does not hide: %s", k.State)
	}
	both := b.comment(1, "fasen skurk")
	if k := b.of(both[0]); k.State != moderation.Hidden {
		t.Fatalf("both rules: %s", k.State)
	}
	b.expect("insult/skurk", rules.ModeFlag, 32, 30, 28)
	b.expect("profanity/fasen", rules.ModeHide, 2, 0, 0)

	// What people make of what it would have hidden is what it earns its way back by: 43 of 45 have a lower bound of 85.2 %.
	b.review(moderation.Hide, append(probation, both...)...)
	more := b.comment(13, "skurk")
	b.review(moderation.Delete, more[:12]...)
	b.expect("insult/skurk", rules.ModeFlag, 45, 44, 42)
	b.review(moderation.Hide, more[12])
	b.expect("insult/skurk", rules.ModeHide, 45, 45, 43)
	b.expectChanges("insult/skurk hide→flag 28/30", "insult/skurk flag→hide 43/45")
	if k := b.of(b.comment(1, "skurk")[0]); k.State != moderation.Hidden {
		t.Fatalf("a rule that came back does not hide: %s", k.State)
	}
	b.verify()
}

func TestUndoTakesAReviewBack(t *testing.T) {
	b := reviewers(t, 0.85)
	ids := b.comment(30, "skurk")
	b.review(moderation.Hide, ids[:28]...)
	b.review(moderation.Restore, ids[28])
	last := b.review(moderation.Restore, ids[29])
	b.expect("insult/skurk", rules.ModeFlag, 30, 30, 28)
	if err := b.Undo(context.Background(), last.ID, "anna"); err != nil {
		t.Fatal(err)
	}
	b.settle()
	b.expect("insult/skurk", rules.ModeHide, 30, 29, 28)
	b.expectChanges("insult/skurk hide→flag 28/30", "insult/skurk flag→hide 28/29")
	b.review(moderation.Hide, ids[29])
	b.expect("insult/skurk", rules.ModeFlag, 30, 30, 29) // 29 of 30: 83.3 %
	b.review(moderation.Hide, ids[28])                   // a change of mind counts once, as what it is now
	b.expect("insult/skurk", rules.ModeHide, 30, 30, 30)
}

func TestARuleThatNobodyOverturnsKeepsHiding(t *testing.T) {
	b := reviewers(t, 0.95) // 30 of 30 have a lower bound of 88.6 %
	b.review(moderation.Hide, b.comment(30, "skurk")...)
	b.expect("insult/skurk", rules.ModeHide, 30, 30, 30)
	b.expectChanges()
}

func TestAColleagueOnThePlatformOverturnsToo(t *testing.T) {
	b := reviewers(t, 0.85)
	ids := b.comment(2, "skurk")
	b.clock.move(2 * time.Hour)
	b.tell(platforms.Event{Kind: platforms.Restored, Comment: platforms.Comment{Ref: ref(ids[0])}, At: b.clock.now(), Via: "webhook"})
	b.expect("insult/skurk", rules.ModeHide, 2, 1, 0)
	b.review(moderation.Opinion, ids[1])
	b.expect("insult/skurk", rules.ModeHide, 2, 1, 0) // to ask a colleague is no review
}

func TestARestartKeepsWhatRulesEarned(t *testing.T) {
	b := reviewers(t, 0.85)
	ids := b.comment(31, "skurk")
	b.review(moderation.Restore, ids[:30]...)
	fell := b.expect("insult/skurk", rules.ModeFlag, 31, 30, 0)
	b.stop()
	registry := prometheus.NewRegistry()
	b.cfg.Metrics = moderation.NewMetrics(registry)
	b.start()
	if f := b.expect("insult/skurk", rules.ModeFlag, 31, 30, 0); !f.FellBack.Equal(fell.FellBack) {
		t.Errorf("fell back at %v, after the restart at %v", fell.FellBack, f.FellBack)
	}
	if k := b.of(b.comment(1, "skurk")[0]); k.State != moderation.Standing || k.Flag == nil {
		t.Errorf("after the restart: %s", k.State)
	}
	if got := gaugeOf(t, registry, "takhojd_rule_fallen_back", "insult/skurk"); got != 1 {
		t.Errorf("the gauge says %v", got)
	}
	b.expectChanges("insult/skurk hide→flag 0/30")
}

func gaugeOf(t *testing.T, registry *prometheus.Registry, name, rule string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && len(m.GetLabel()) == 1 && m.GetLabel()[0].GetValue() == rule {
				return m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no gauge %s of %s", name, rule)
	return 0
}

func TestARecordOutlivesItsPolicyUntilItIsReset(t *testing.T) {
	b := reviewers(t, 0.85)
	b.review(moderation.Hide, b.comment(25, "skurk")...)
	b.review(moderation.Restore, b.comment(5, "skurk")...)
	old := b.comment(1, "skurk")
	b.expect("insult/skurk", rules.ModeFlag, 31, 30, 25)

	b.SetPolicy(smallPolicy(t, 0.85, "a new version"))
	b.expect("insult/skurk", rules.ModeFlag, 31, 30, 25)
	b.SetPolicy(smallPolicy(t, 0.6, "a milder target")) // 25 of 30: 66.4 %
	b.expect("insult/skurk", rules.ModeHide, 31, 30, 25)
	b.SetPolicy(smallPolicy(t, 0.85, ""))
	b.expect("insult/skurk", rules.ModeFlag, 31, 30, 25)
	b.expectChanges("insult/skurk hide→flag 25/30", "insult/skurk flag→hide 25/30", "insult/skurk hide→flag 25/30")

	ctx := context.Background()
	if err := b.ResetRule(ctx, "insult/skurk", ""); !errors.Is(err, moderation.ErrInvalid) {
		t.Errorf("a reset by nobody: %v", err)
	}
	if err := b.ResetRule(ctx, "insult/none", "berit"); !errors.Is(err, moderation.ErrNotFound) {
		t.Errorf("a reset of no rule: %v", err)
	}
	if err := b.ResetRule(ctx, "profanity/fasen", "berit"); err != nil {
		t.Errorf("a reset of a rule without a record: %v", err)
	}
	if err := b.ResetRule(ctx, "insult/skurk", "berit"); err != nil {
		t.Fatal(err)
	}
	b.expect("insult/skurk", rules.ModeHide, 0, 0, 0)
	b.review(moderation.Allow, old...) // what it did before the reset no longer counts
	b.expect("insult/skurk", rules.ModeHide, 0, 0, 0)
	b.review(moderation.Hide, b.comment(1, "skurk")...)
	b.expect("insult/skurk", rules.ModeHide, 1, 1, 1)
	if got := b.changes(); got[len(got)-1] != "insult/skurk flag→hide 25/30 berit" {
		t.Errorf("the reset is not in the history: %v", got)
	}
}

func TestHidesOfUnprovenRulesLeadTheList(t *testing.T) {
	b := reviewers(t, 0.5)
	b.review(moderation.Hide, b.comment(30, "skurk")...)
	proven := b.comment(3, "skurk")
	trial := b.comment(2, "fasen")
	newer := b.comment(1, "skurk")
	list := func() (lines []string) {
		items, err := b.BotHidden(context.Background(), 50)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range items {
			word, _, _ := strings.Cut(it.Excerpt, " ")
			lines = append(lines, strings.TrimSpace(word+" "+string(it.Why)))
		}
		return lines
	}
	want := "fasen trial, fasen trial, skurk, skurk, skurk, skurk"
	if got := strings.Join(list(), ", "); got != want {
		t.Fatalf("hidden by the bot: %s; want %s", got, want)
	}
	if n := b.counts().BotHidden; n != 6 {
		t.Errorf("the bar says %d, the list has 6", n)
	}
	items, err := b.BotHidden(context.Background(), 2)
	if err != nil || len(items) != 2 || items[0].Why != moderation.Trial || items[1].Why != moderation.Trial {
		t.Errorf("the first two: %+v %v", items, err)
	}
	b.review(moderation.Hide, trial...)
	b.review(moderation.Restore, b.comment(40, "skurk")...)
	want = "skurk fallen, skurk fallen, skurk fallen, skurk fallen"
	if got := strings.Join(list(), ", "); got != want {
		t.Fatalf("hidden by the bot: %s; want %s", got, want)
	}
	b.review(moderation.Hide, append(proven, newer...)...)
	if got := list(); len(got) != 0 {
		t.Errorf("reviewed, and still on the list: %v", got)
	}
}

// Reviews by several people at once, while comments come in: the sums are what the decisions say, and never half of it.
func TestRecordsUnderConcurrency(t *testing.T) {
	b := reviewers(t, 0.85)
	ids := b.comment(40, "skurk")
	ctx := context.Background()
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i, id := range ids[worker*10 : worker*10+10] {
				action := moderation.Hide
				if i%2 == 1 {
					action = moderation.Restore
				}
				k := b.of(id)
				r := moderation.Resolution{Comment: k.ID, Revision: k.Revision, Action: action, By: fmt.Sprintf("p%d", worker), Reason: "prövning"}
				made, err := b.Resolve(ctx, r)
				if err != nil {
					t.Errorf("resolve: %v", err)
					return
				}
				if i%5 == 4 {
					if err := b.Undo(ctx, made.ID, r.By); err != nil {
						t.Errorf("undo: %v", err)
					}
				}
				if _, err := b.RuleFigures(ctx); err != nil {
					t.Errorf("figures: %v", err)
				}
			}
		})
	}
	wg.Go(func() {
		for n := range 20 {
			e := b.write(fmt.Sprintf("w%d", n), "W", "fasen "+unlike(1000+n))
			if err := b.Receive(ctx, []platforms.Event{e}); err != nil {
				t.Errorf("receive: %v", err)
			}
		}
	})
	wg.Wait()
	b.settle()
	f := b.figure("insult/skurk")
	hides, reviewed, upheld := b.recount("insult/skurk")
	if f.Hides != hides || f.Reviewed != reviewed || f.Upheld != upheld || reviewed != 32 {
		t.Errorf("the record says %d, %d, %d; the decisions say %d, %d, %d", f.Hides, f.Reviewed, f.Upheld, hides, reviewed, upheld)
	}
	b.verify()
}

// recount reads from the decisions alone what people made of a rule's hides. It holds for rules that never fell back.
func (b *panel) recount(rule string) (hides, reviewed, upheld int) {
	b.t.Helper()
	err := b.db.View(context.Background(), func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT count(*), count(latest), count(*) FILTER (WHERE latest IN ('hide', 'delete', 'block')) FROM (SELECT (SELECT p.action
			FROM decisions p WHERE p.comment = d.comment AND p.by_kind <> 'bot' AND p.undone_at = 0 AND p.action NOT IN ('opinion', 'escalate')
			ORDER BY p.id DESC LIMIT 1) AS latest FROM decisions d WHERE d.by_kind = 'bot' AND d.action = 'hide' AND d.verdict LIKE $1) AS judged`,
			`%"`+rule+`"%`).Scan(&hides, &reviewed, &upheld)
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return hides, reviewed, upheld
}
