package moderation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"takhojd/moderation/inbox"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

// What the Moderator and the people do.

// inbox lets the Moderator take what waits, as the inbox's worker does: a batch at once, and one by one when that fails.
func (w *world) inbox() {
	w.completeErr = w.fault()
	w.run(func() {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		looked := 0
		once := inbox.New(w.db, inbox.Config{Backoff: 1, BackoffMax: 1, Attempts: 4, Now: w.now, Log: zap.NewNop(), Mine: func() []string {
			if looked++; looked > 1 {
				cancel()
				return []string{} // a look that was cancelled may still find something, or not
			}
			return []string{w.channel.ID}
		}})
		m, stopped := w.m, false
		once.Run(ctx, func(ctx context.Context, entries []inbox.Entry) error {
			stopped = stopped || w.mayStop() && w.stop()
			w.completing = true
			defer func() { w.completing = false }()
			if stopped {
				return w.tooLate(func() error { return m.work(ctx, entries) })
			}
			return m.work(ctx, entries)
		})
	})
}

// outbox lets the Moderator do one of the jobs that are due: several may be under way at once, in any order.
func (w *world) outbox() (did bool) {
	w.run(func() {
		jobs, _, err := w.m.outbox.due(context.Background())
		w.must(err, "due")
		jobs = w.ours(jobs)
		if len(jobs) == 0 {
			if !w.quiet && w.depth == 1 && w.pick("wait", 2) == 1 {
				w.tick(11 * time.Second) // what may be taken back waits no longer
			}
			return
		}
		j, m := jobs[w.pick("job", len(jobs))], w.m
		if begun, _ := m.outbox.begin(j); !begun {
			return
		}
		if w.depth == 1 {
			w.calm = true
		}
		do := func() error { m.outbox.do(context.Background(), j); return nil }
		if w.mayStop() && w.stop() {
			_ = w.tooLate(do)
		} else {
			_ = do()
		}
		m.outbox.end(j)
		did = true
	})
	return did
}

func (w *world) ours(jobs []job) (ours []job) {
	for _, j := range jobs {
		if j.channel == w.channel.ID {
			ours = append(ours, j)
		}
	}
	return ours
}

// row is a comment as the books have it.
type row struct {
	id       int64
	name     string
	text     string
	revision string
	state    State
	own      bool
	stateBy  string
}

func (w *world) rows() (rows []row) {
	err := w.db.View(context.Background(), func(tx *store.Tx) error {
		found, err := tx.Query(`SELECT id, comment_id, text, revision, state, own, state_by FROM comments WHERE channel = $1 ORDER BY id`, w.channel.ID)
		if err != nil {
			return err
		}
		defer found.Close()
		for found.Next() {
			var r row
			if err := found.Scan(&r.id, &r.name, &r.text, &r.revision, (*string)(&r.state), &r.own, &r.stateBy); err != nil {
				return err
			}
			rows = append(rows, r)
		}
		return found.Err()
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return rows
}

var peoplesActions = []Action{Allow, Hide, Restore, Allow, Reply, Hide, Delete, Block, Escalate, Route, Opinion, Mute, Report}

// decide lets a person decide on a comment as the books have it.
func (w *world) decide() {
	rows := w.rows()
	if len(rows) == 0 {
		return
	}
	slices.Reverse(rows) // mostly what came last
	c := rows[w.pick("which", len(rows))]
	w.serial++
	r := Resolution{Comment: c.id, Revision: c.revision, Action: peoplesActions[w.pick("action", len(peoplesActions))], By: []string{"anna", "bea"}[w.pick("who", 2)],
		Reason: "prövning"}
	if r.Action == Route {
		r.Route = rules.Medical
	}
	if answer := w.pick("answer", 3); r.Action == Reply || answer > 0 && (r.Action == Hide || r.Action == Delete || r.Action == Block || r.Action == Route) {
		r.Reply, r.Private = fmt.Sprintf("Svar %d", w.serial), answer == 2
	}
	w.run(func() {
		d, err := w.m.Resolve(context.Background(), r)
		if w.dead || errors.Is(err, ErrInvalid) || errors.Is(err, ErrClaimed) || c.revision == "" && errors.Is(err, ErrStale) {
			return
		}
		w.must(err, "decide")
		w.made = append(w.made, d)
	})
}

// regret decides, and takes it back, before or after some of it was done.
func (w *world) regret() {
	n := len(w.made)
	w.decide()
	if len(w.made) == n {
		return
	}
	for range w.pick("done", 3) {
		w.outbox()
	}
	if last := w.made[len(w.made)-1]; len(w.made) > n {
		w.takeBack(last)
	}
}

// answer answers what stands, and the platform's answer may get lost, or the process with it.
func (w *world) answer() {
	rows := slices.DeleteFunc(w.rows(), func(r row) bool { return r.own || r.state != Standing || r.revision == "" })
	if len(rows) == 0 {
		return
	}
	c := rows[w.pick("which", len(rows))]
	w.serial++
	r := Resolution{Comment: c.id, Revision: c.revision, Action: Reply, By: "anna", Reason: "svar", Reply: fmt.Sprintf("Svar %d", w.serial)}
	var made Decision
	w.run(func() {
		d, err := w.m.Resolve(context.Background(), r)
		if !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrClaimed) {
			w.must(err, "answer")
		}
		made = d
	})
	if made.ID == 0 {
		return
	}
	w.tick(11 * time.Second)
	w.weather = 1
	for range 1 + w.pick("tries", 4) {
		w.run(func() {
			jobs, _, err := w.m.outbox.due(context.Background())
			w.must(err, "due")
			for _, j := range w.ours(jobs) {
				if begun, _ := w.m.outbox.begin(j); j.decision == made.ID && begun {
					m := w.m
					m.outbox.do(context.Background(), j)
					m.outbox.end(j)
					return
				} else if begun {
					w.m.outbox.end(j)
				}
			}
		})
	}
}

// vanish lets its author take away what is about to be hidden or shown, before anybody is told.
func (w *world) vanish() {
	var name string
	_ = w.db.View(context.Background(), func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT c.comment_id FROM outbox o JOIN comments c ON c.id = o.comment WHERE o.channel = $1 AND o.state = 'waiting' AND o.not_before <= $2
			AND o.action IN ('hide', 'restore', 'delete') ORDER BY EXISTS (SELECT 1 FROM flags f WHERE f.comment = c.id AND f.closed_at = 0) DESC, o.id LIMIT 1`,
			w.channel.ID, w.clock).Scan(&name)
	})
	if c := w.citizens[name]; c != nil && !c.gone {
		c.gone = true
		w.happened(c, platforms.Removed, false)
		w.outbox()
	}
}

// undo takes back one of the latest decisions.
func (w *world) undo() {
	if len(w.made) == 0 {
		return
	}
	w.takeBack(w.made[len(w.made)-1-w.pick("decision", min(2, len(w.made)))])
}

func (w *world) takeBack(d Decision) {
	w.run(func() {
		err := w.m.Undo(context.Background(), d.ID, d.By)
		if err == nil || errors.Is(err, ErrTooLate) {
			return
		}
		w.must(err, "undo")
	})
}

// read reads the channel in full.
func (w *world) read() {
	w.run(func() {
		err := w.m.readChannel(context.Background(), w.channel, w, func(context.Context, string) error { return nil })
		w.must(err, "read")
	})
}

// retryDead lets a dead letter be tried again.
func (w *world) retryDead() {
	w.run(func() {
		dead, err := w.m.DeadLetters(context.Background())
		w.must(err, "dead letters")
		for _, d := range dead {
			if d.Channel == w.channel.ID || d.Box == "inbox" {
				w.must(w.m.Retry(context.Background(), d.Box, d.ID, "anna"), "retry")
				for deed, done := range w.deeds { // whoever tries a report again wants it told, whatever was told meanwhile
					if d.Action == "report" && strings.HasPrefix(deed, "report ") {
						done.lost = done.times
					}
				}
				return
			}
		}
	})
}

func (w *world) setPolicy() {
	w.run(func() { w.m.SetPolicy(w.policies[w.pick("policy", len(w.policies))]) })
}

// fallBack lets people have overturned a rule too often, or upheld it since.
func (w *world) fallBack() {
	upheld := 100 + 890*w.pick("upheld", 2)
	err := w.db.Update(context.Background(), func(tx *store.Tx) error {
		rows, err := tx.Query(`UPDATE rule_records SET reviewed = 1000, upheld = $1 RETURNING rule`, upheld)
		if err != nil {
			return err
		}
		defer rows.Close()
		w.fallen = map[string]bool{}
		for rows.Next() {
			var rule string
			if err := rows.Scan(&rule); err != nil {
				return err
			}
			w.fallen[rule] = upheld < 500
		}
		return rows.Err()
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) closePost() {
	rows := w.rows()
	if len(rows) == 0 {
		return
	}
	action := []Action{Close, Open}[w.pick("close", 2)]
	w.run(func() {
		err := w.m.CloseComments(context.Background(), rows[0].id, action, "anna", "")
		if !errors.Is(err, ErrInvalid) {
			w.must(err, "close")
		}
	})
}
