package moderation

import (
	"context"
	"sync"

	"go.uber.org/zap"

	"takhojd/moderation/store"
)

// settling writes down what came of attempts: those that end while others are being written are written together.
//
// If we die before the commit, the jobs still wait in the database; they are tried again, and found done.
type settling struct {
	m *Moderator

	mu      sync.Mutex
	waiting []*ended
	running bool
}

// ended is an attempt that came to an end.
type ended struct {
	job     job
	outcome outcome
	done    chan error
}

// settle writes down what came of an attempt: the job is settled, waits for its next try, or is a dead letter.
func (m *Moderator) settle(j job, o outcome) {
	if err := m.settling.settle(j, o); err != nil {
		m.log.Error("outbox: cannot write an outcome", zap.Int64("job", j.id), zap.Error(err))
		m.outbox.pause(Pause{Channel: j.channel, Until: m.now().Add(m.cfg.Backoff), Why: WaitFault})
	}
}

func (s *settling) settle(j job, o outcome) error {
	one := &ended{job: j, outcome: o, done: make(chan error, 1)}
	s.mu.Lock()
	s.waiting = append(s.waiting, one)
	if !s.running {
		s.running = true
		go s.run()
	}
	s.mu.Unlock()
	return <-one.done
}

// run writes until nothing waits.
func (s *settling) run() {
	for {
		s.mu.Lock()
		all := s.waiting
		s.waiting = nil
		if len(all) == 0 {
			s.running = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		s.write(all)
	}
}

// write writes all in one transaction; when that fails, each in one of its own, so that only one that can't be written is left.
func (s *settling) write(all []*ended) {
	err := s.m.updateBy(s.m.db.Attempt, context.Background(), func(w *walk) error { return w.settle(all) })
	for _, one := range all {
		if err != nil && len(all) > 1 {
			one.done <- s.m.update(context.Background(), func(w *walk) error { return w.settle([]*ended{one}) })
		} else {
			one.done <- err
		}
	}
}

func (w *walk) settle(all []*ended) error {
	var jobs, comments []int64
	for _, one := range all {
		jobs, comments = append(jobs, one.job.id), append(comments, one.job.comment)
	}
	was := askStates(w.tx, jobs)
	w.fetchIDs(comments)
	w.m.archive.Ready(w.tx)
	if err := w.tx.Answers(); err != nil {
		return err
	}
	w.finished(all)
	for _, one := range all {
		var err error
		if one.outcome.err != nil {
			err = w.postpone(one.job, one.outcome)
		} else {
			err = w.finish(one.job, one.outcome, was[one.job.id])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// askStates asks how jobs stand.
func askStates(tx *store.Tx, jobs []int64) (states map[int64]string) {
	states = map[int64]string{}
	tx.Ask(`SELECT id, state FROM outbox WHERE `+tx.AmongNumbers(`id`, `$1`), []any{jobs}, func(scan func(...any) error) error {
		var id int64
		var state string
		err := scan(&id, &state)
		states[id] = state
		return err
	})
	return states
}

// fetchIDs asks for comments by their numbers, and whether a person is asked what to do about something of theirs that failed.
func (w *walk) fetchIDs(ids []int64) {
	w.byID, w.failed = map[int64]*comment{}, map[int64]bool{}
	w.tx.Ask(`SELECT `+commentColumns+` FROM comments WHERE `+w.tx.AmongNumbers(`id`, `$1`), []any{ids}, func(scan func(...any) error) error {
		c, err := scanComment(scan)
		if err == nil {
			w.byID[c.id] = c
		}
		return err
	})
	w.tx.Ask(`SELECT comment FROM flags WHERE `+w.tx.AmongNumbers(`comment`, `$1`)+` AND closed_at = 0 AND why = 'failed'`, []any{ids},
		func(scan func(...any) error) error {
			var id int64
			err := scan(&id)
			w.failed[id] = true
			return err
		})
}

// finished settles the rows of the jobs that came to an end.
func (w *walk) finished(all []*ended) {
	by := map[string][]int64{}
	for _, one := range all {
		if one.outcome.err == nil {
			by[one.outcome.result] = append(by[one.outcome.result], one.job.id)
		}
	}
	for result, jobs := range by {
		w.tx.Do(`UPDATE outbox SET state = 'done', result = $2, error = '', attempts = attempts + 1, settled_at = $3 WHERE `+
			w.tx.AmongNumbers(`id`, `$1`), jobs, result, w.now)
	}
}
