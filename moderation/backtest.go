package moderation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"time"

	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

// Judged is what a verdict comes to, for comparison: without scores, places and words.
type Judged struct {
	Action     rules.Action     `json:"action"`
	Escalate   bool             `json:"escalate,omitempty"`
	Route      rules.Route      `json:"route,omitempty"`
	Categories []rules.Category `json:"categories"`
	// Rules holds each rule that found something with what it would do alone, sorted: "insult/you hide".
	Rules []string `json:"rules"`
}

// Difference is a revision of a comment that another policy judges otherwise.
type Difference struct {
	Comment  platforms.Ref `json:"comment"`
	Revision string        `json:"revision"`
	Decided  time.Time     `json:"decided"`
	Text     string        `json:"text"`
	Was      Judged        `json:"was"`
	Is       Judged        `json:"is"`
}

// Backtested sums up a backtest.
type Backtested struct {
	// Policy is the version that was tried.
	Policy string `json:"policy"`
	// Judged counts the revisions that were judged again, Changed those judged otherwise.
	Judged  int `json:"judged"`
	Changed int `json:"changed"`
	// Actions counts the changed ones by old and new action: "allow→hide". "hide→hide" is the same for other reasons.
	Actions map[string]int `json:"actions"`
	// Own counts what turned out to be the authority's own words and was left out, Gone what is no longer kept.
	Own  int `json:"own"`
	Gone int `json:"gone"`
}

// Backtest judges again, by policy p, what the bot has judged since a time (the zero time: from the beginning), in the same order and with
// the facts as they were: what had been said before within p's window, and which rules had fallen back. It compares the verdicts, not what
// limits such as the day's quota made of them, and hands each difference to found.
//
// It reads one snapshot, changes nothing and sends nothing. progress, which may be nil, is told now and then how much is done.
func Backtest(ctx context.Context, db *store.DB, p *rules.Policy, since time.Time, progress func(done, total int64), found func(Difference) error) (Backtested, error) {
	b := backtest{policy: p, since: since, found: found, modes: map[string]rules.Mode{}, echoes: map[string]*echoes{}, sum: Backtested{Policy: p.Version(), Actions: map[string]int{}}}
	from := since
	if !since.IsZero() {
		from = since.Add(-p.RepeatWindow()) // what was said then counts as said before
	}
	err := db.View(ctx, func(tx *store.Tx) error {
		var err error
		if b.changes, err = ruleChanges(tx); err != nil {
			return err
		}
		first, err := firstSince(tx, from)
		if err != nil {
			return err
		}
		var total int64
		if err := tx.QueryRow(`SELECT count(*) FROM decisions WHERE id >= $2 AND by_kind = 'bot' AND decided_at >= $1`, from, first).Scan(&total); err != nil {
			return err
		}
		return b.replay(tx, from, first, func(done int64) {
			if progress != nil && (done%256 == 0 || done == total) {
				progress(done, total)
			}
		})
	})
	if err != nil {
		return b.sum, fmt.Errorf("moderation: backtest: %w", err)
	}
	return b.sum, nil
}

// backtest is a backtest under way.
type backtest struct {
	policy  *rules.Policy
	since   time.Time
	found   func(Difference) error
	sum     Backtested
	changes []ruleChange // those still to come
	modes   map[string]rules.Mode
	echoes  map[string]*echoes // by channel
}

// past is one of the bot's decisions, with what was decided on.
type past struct {
	decision int64
	decided  time.Time
	revision string
	was      rules.Verdict
	comment  comment
	gone     bool // the words are no longer kept
}

// backward is how far a clock may have been put back between two decisions, the later of which is then found by the time of the earlier.
const backward = 24 * time.Hour

// firstSince is a decision before which none was made since a time. Decisions are numbered as they are made: halving finds it.
func firstSince(tx *store.Tx, from time.Time) (int64, error) {
	if from.IsZero() {
		return 0, nil
	}
	var low, high int64
	if err := tx.QueryRow(`SELECT coalesce(max(id), 0) FROM decisions`).Scan(&high); err != nil {
		return 0, err
	}
	for before := store.Time(from.Add(-backward)); low < high; {
		middle, at := low+(high-low)/2, int64(0)
		if err := tx.QueryRow(`SELECT decided_at FROM decisions WHERE id >= $1 ORDER BY id LIMIT 1`, middle).Scan(&at); err != nil {
			return 0, err
		}
		if at < before {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, nil
}

func (b *backtest) replay(tx *store.Tx, from time.Time, first int64, step func(done int64)) error {
	rows, err := tx.Query(`SELECT d.id, d.decided_at, d.revision, d.verdict, c.id, c.platform, c.channel, c.comment_id, c.post_id, c.author_id, c.own,
			c.posted_at, c.received_at, r.text, r.attachments
		FROM decisions d JOIN comments c ON c.id = d.comment LEFT JOIN revisions r ON r.comment = d.comment AND r.revision = d.revision
		WHERE d.id >= $2 AND d.by_kind = 'bot' AND d.decided_at >= $1 ORDER BY d.id`, from, first)
	if err != nil {
		return err
	}
	defer rows.Close()
	for done := int64(1); rows.Next(); done++ {
		x, err := scanPast(rows.Scan)
		if err != nil {
			return err
		}
		if err := b.again(x); err != nil {
			return err
		}
		step(done)
	}
	return rows.Err()
}

func scanPast(scan func(...any) error) (past, error) {
	var x past
	c := &x.comment
	var decided, posted, received int64
	var verdict string
	var text, attachments *string
	if err := scan(&x.decision, &decided, &x.revision, &verdict, &c.id, (*string)(&c.ref.Platform), &c.ref.Channel, &c.ref.Comment, &c.post,
		&c.author.ID, &c.own, &posted, &received, &text, &attachments); err != nil {
		return x, err
	}
	x.decided, c.posted, c.received = store.FromTime(decided), store.FromTime(posted), store.FromTime(received)
	if text == nil || attachments == nil {
		x.gone = true
		return x, nil
	}
	c.text = *text
	if err := json.Unmarshal([]byte(*attachments), &c.attachments); err != nil {
		return x, fmt.Errorf("attachments of %s: %w", c.ref, err)
	}
	if err := json.Unmarshal([]byte(verdict), &x.was); err != nil {
		return x, fmt.Errorf("verdict of decision %d: %w", x.decision, err)
	}
	return x, nil
}

// again judges one revision again.
func (b *backtest) again(x past) error {
	for len(b.changes) > 0 && b.changes[0].decision < x.decision {
		change := b.changes[0]
		b.changes = b.changes[1:]
		if delete(b.modes, change.rule); change.became != rules.ModeHide {
			b.modes[change.rule] = change.became
		}
	}
	if x.gone {
		if !x.decided.Before(b.since) {
			b.sum.Gone++
		}
		return nil
	}
	facts := rules.Facts{Modes: b.modes}
	facts.SameByAuthor, facts.SameByOthers = b.hear(x)
	switch {
	case x.decided.Before(b.since):
		return nil
	case x.comment.own:
		b.sum.Own++
		return nil
	}
	b.sum.Judged++
	was, is := judged(x.was), judged(judgeAgain(b.policy, &x.comment, facts))
	if was.same(is) {
		return nil
	}
	b.sum.Changed++
	b.sum.Actions[string(was.Action)+"→"+string(is.Action)]++
	return b.found(Difference{Comment: x.comment.ref, Revision: x.revision, Decided: x.decided, Text: x.comment.text, Was: was, Is: is})
}

// judgeAgain asks the policy; a fault in a rule is a flag, as it is on the path.
func judgeAgain(p *rules.Policy, c *comment, facts rules.Facts) (v rules.Verdict) {
	defer func() {
		if recover() != nil {
			v = rules.Verdict{Action: rules.Flag, Policy: p.Version()}
		}
	}()
	return p.Judge(platforms.Comment{Ref: c.ref, Post: c.post, Author: c.author, Text: c.text, Attachments: c.attachments, Posted: c.posted}, facts)
}

func judged(v rules.Verdict) Judged {
	j := Judged{Action: v.Action, Escalate: v.Escalate, Route: v.Route, Categories: v.Categories(), Rules: []string{}}
	if j.Categories == nil {
		j.Categories = []rules.Category{}
	}
	for _, f := range v.Findings {
		j.Rules = append(j.Rules, f.Rule+" "+string(f.Action))
	}
	sort.Strings(j.Rules)
	j.Rules = slices.Compact(j.Rules)
	return j
}

func (j Judged) same(k Judged) bool {
	return j.Action == k.Action && j.Escalate == k.Escalate && j.Route == k.Route && slices.Equal(j.Categories, k.Categories) && slices.Equal(j.Rules, k.Rules)
}

// ruleChange is a rule falling back or coming back, by the decision after which it did.
type ruleChange struct {
	decision int64
	rule     string
	became   rules.Mode
}

func ruleChanges(tx *store.Tx) ([]ruleChange, error) {
	rows, err := tx.Query(`SELECT decision, rule, became FROM rule_changes ORDER BY id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []ruleChange
	for rows.Next() {
		var c ruleChange
		if err := rows.Scan(&c.decision, &c.rule, (*string)(&c.became)); err != nil {
			return nil, err
		}
		found = append(found, c)
	}
	return found, rows.Err()
}

// hear counts what was said before x that says the same, and remembers x, as the path did.
func (b *backtest) hear(x past) (byAuthor, byOthers int) {
	mark := rules.FingerprintOf(x.comment.text)
	if mark == (rules.Fingerprint{}) {
		return 0, 0
	}
	since := x.decided.Add(-b.policy.RepeatWindow())
	channel := b.echoes[x.comment.ref.Channel]
	if channel == nil {
		channel = &echoes{}
		b.echoes[x.comment.ref.Channel] = channel
	}
	now := &echo{comment: x.comment.id, author: x.comment.author.ID, mark: mark, bands: mark.Bands(), at: x.comment.received}
	channel.forget(since)
	byAuthor, byOthers = channel.count(now, x.comment.author.ID, since)
	channel.remember(now)
	return byAuthor, byOthers
}
