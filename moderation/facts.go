package moderation

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

// foreseen is what can be worked out about a comment before its turn with the writer has come: how its words read, and what the policy says of
// them if nothing else is to be weighed. Judging is pure, so that where the facts turn out as they were assumed the verdict stands.
type foreseen struct {
	policy  *rules.Policy
	facts   rules.Facts
	mark    rules.Fingerprint
	verdict rules.Verdict
	encoded []byte // verdict as it is kept
}

// foresee reads a comment that has just come, on the goroutine that brought it; nil when there is nothing to read.
func (m *Moderator) foresee(e platforms.Event) *foreseen {
	if e.Kind != platforms.Added && e.Kind != platforms.Edited || e.Comment.Own {
		return nil
	}
	c := &comment{ref: e.Comment.Ref, state: Standing}
	c.say(e)
	if e.Comment.Hidden {
		c.state = Hidden
	}
	f := &foreseen{policy: m.Policy(), mark: rules.FingerprintOf(c.text)}
	if modes := m.modes.Load(); modes != nil {
		f.facts.Modes = *modes
	}
	f.verdict = m.verdict(f.policy, c.asPlatform(m), f.facts)
	f.encoded, _ = json.Marshal(f.verdict) // if it can't be, it is tried again where somebody hears of it
	return f
}

// holds tells whether the policy would say the same of a comment with these facts.
func (f *foreseen) holds(c *comment, policy *rules.Policy, facts rules.Facts) bool {
	return f != nil && c.fresh && policy == f.policy && facts.Own == f.facts.Own && facts.SameByAuthor == f.facts.SameByAuthor &&
		facts.SameByOthers == f.facts.SameByOthers && maps.Equal(facts.Modes, f.facts.Modes)
}

// facts gathers what the policy may weigh beside the comment's own words, and remembers the comment for those who come after.
func (w *walk) facts(c *comment, policy *rules.Policy) (rules.Facts, error) {
	f := rules.Facts{Own: c.own}
	var mark rules.Fingerprint
	if w.ahead != nil {
		mark = w.ahead.mark
	} else {
		mark = rules.FingerprintOf(c.text)
	}
	if mark == (rules.Fingerprint{}) {
		w.repeat(c, 0)
		if h, said := w.m.lately.unsay(c.ref.Channel, c.id); said != nil {
			w.sayings = append(w.sayings, saying{in: h, before: said})
		}
		return f, nil
	}
	since := w.now.Add(-policy.RepeatWindow())
	heard, read, err := w.m.lately.on(w.tx, c.ref.Channel, since)
	if err != nil {
		return f, err
	}
	if read {
		w.readAnew = append(w.readAnew, c.ref.Channel)
	}
	// It was said when we received it: an edit does not make it newer.
	e := &echo{comment: c.id, author: c.author.ID, mark: mark, bands: mark.Bands(), at: store.FromTime(store.Time(c.received))}
	f.SameByAuthor, f.SameByOthers = heard.count(e, c.author.ID, since)
	exact := int64(0)
	if other := heard.same(e); other != nil {
		exact, e.repeated = int64(mark.Exact), true
		if !other.repeated {
			other.repeated = true
			w.repeatedNow = append(w.repeatedNow, other)
			w.repeatLater(other.comment, exact)
		}
	}
	w.repeat(c, exact)
	w.sayings = append(w.sayings, saying{in: heard, now: e, before: heard.of[e.comment]})
	heard.remember(e)
	return f, nil
}

// repeat notes whether others have said the same as a comment.
func (w *walk) repeat(c *comment, exact int64) {
	if c.pending {
		c.repeated = exact
	} else if !c.fresh || exact != 0 {
		w.repeatLater(c.id, exact)
	}
}

// repeatLater notes it of a comment that has its row, or will have it by the end of the walk.
func (w *walk) repeatLater(comment, exact int64) {
	if w.repeated == nil {
		w.repeated = map[int64]int64{}
	}
	w.repeated[comment] = exact
}

// strikes counts the author's other comments that count as violations within the window. The cast keeps SQLite from holding
// the parameter against the index's own condition, for which it would parse the statement anew each time.
func (w *walk) strikes(c *comment, window time.Duration) (int, error) {
	if c.author.ID == "" {
		return 0, nil
	}
	if n, known := w.struck[authorKey(c.ref.Platform, c.author.ID)]; known && c.fresh {
		return n, nil
	}
	var n int
	err := w.tx.QueryRow(`SELECT count(*) FROM comments WHERE platform = $1 AND author_id = $2 AND violation_at > 0 AND violation_at > CAST($3 AS BIGINT)
		AND id <> $4`, string(c.ref.Platform), c.author.ID, w.now.Add(-window), c.id).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("strikes: %w", err)
	}
	return n, nil
}
