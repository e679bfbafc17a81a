package moderation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

// What the bot decided, held against what the policy says of the very words, and of what had been said before them.

// verdicts remembers what the policies say, since they always say the same.
var verdicts = map[string][]string{}

// judged looks at each decision that the bot has made since the last look.
func (w *world) judged() {
	now := w.says()
	err := w.db.View(context.Background(), func(tx *store.Tx) error {
		rows, err := tx.Query(`SELECT d.id, d.comment, d.verdict, d.decided_at, c.received_at, c.comment_id, c.author_id, r.text FROM decisions d
			JOIN comments c ON c.id = d.comment JOIN revisions r ON r.comment = d.comment AND r.revision = d.revision
			WHERE d.channel = $1 AND d.by_kind = 'bot' AND d.id > $2 ORDER BY d.id`, w.channel.ID, w.latest)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var comment, at, received int64
			var verdict, name, author, text string
			if err := rows.Scan(&w.latest, &comment, &verdict, &at, &received, &name, &author, &text); err != nil {
				return err
			}
			var v rules.Verdict
			if err := json.Unmarshal([]byte(verdict), &v); err != nil {
				return err
			}
			said := spoken{echo: echo{comment: comment, author: author, mark: rules.FingerprintOf(text), at: store.FromTime(received)}, edits: w.heard[comment].edits}
			w.rightly(name, v, said, text, store.FromTime(at), now)
		}
		return rows.Err()
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.heard = now
}

// spoken is what a comment says, and how often it had been edited by then.
type spoken struct {
	echo
	edits int
}

// says is what each comment says now, and since when it counts as said.
func (w *world) says() (now map[int64]spoken) {
	now = map[int64]spoken{}
	err := w.db.View(context.Background(), func(tx *store.Tx) error {
		var s spoken
		var text string
		var received int64
		return eachRow(tx, `SELECT id, author_id, text, received_at, (SELECT count(*) FROM history WHERE comment = comments.id AND what = 'edited') FROM comments
			WHERE channel = $1 AND own = 0`, []any{w.channel.ID}, func() {
			s.mark, s.at = rules.FingerprintOf(text), store.FromTime(received)
			now[s.comment] = s
		}, &s.comment, &s.author, &text, &received, &s.edits)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return now
}

// rightly holds a verdict against what the policy finds in the words.
func (w *world) rightly(name string, v rules.Verdict, said spoken, text string, at time.Time, now map[int64]spoken) {
	i := slices.IndexFunc(w.policies, func(p *rules.Policy) bool { return p.Version() == v.Policy })
	if i < 0 {
		w.t.Fatalf("%s: judged by no policy", name)
	}
	facts, told := w.facts(said, at.Add(-w.policies[i].RepeatWindow()), now)
	if !told {
		return
	}
	key := fmt.Sprintf("%d %d %d %s", i, facts.SameByAuthor, facts.SameByOthers, text)
	want, known := verdicts[key]
	if !known {
		want = found(w.policies[i].Judge(platforms.Comment{Text: text, Author: platforms.Author{ID: said.author}}, facts))
		verdicts[key] = want
	}
	if got := found(v); !slices.Equal(got, want) {
		w.tell(name)
		w.t.Fatalf("%s: %q (said before: %d, by others %d) was judged as %v, and the policy says %v", name, text, facts.SameByAuthor, facts.SameByOthers, got, want)
	}
	for _, f := range v.Findings {
		if f.Action == rules.Hide && w.fallen[f.Rule] {
			w.t.Fatalf("%s: %s hides, and has fallen back", name, f.Rule)
		}
	}
}

// found lists what a verdict found, and where. How far a rule may go is another matter, and so is their order.
func found(v rules.Verdict) (all []string) {
	for _, f := range v.Findings {
		all = append(all, fmt.Sprintf("%s %d-%d", f.Rule, f.Start, f.End))
	}
	slices.Sort(all)
	return all
}

// facts is what had been said before, since a time; what is said now counts for those after it. It can't be told where another comment was
// same, or did, was edited since the last look, before this was said or after: it may have said something else in between.
func (w *world) facts(said spoken, since time.Time, now map[int64]spoken) (f rules.Facts, told bool) {
	told = true
	for _, other := range w.heard {
		near := said.mark.Near(other.mark)
		if is, known := now[other.comment]; known && is.edits != other.edits {
			told = false
		}
		switch {
		case other.comment == said.comment || other.at.Before(since) || !near:
		case other.author != "" && other.author == said.author:
			f.SameByAuthor++
		default:
			f.SameByOthers++
		}
	}
	w.heard[said.comment] = said
	return f, told
}
