package store

import (
	"context"
	"fmt"
	"strings"
)

// To ask PostgreSQL something and to wait for the answer costs more than most answers do. What nobody waits for yet is kept, and sent with what
// somebody does wait for, at the latest with COMMIT. SQLite is in the same process, and is asked at once.

// question is a statement, and what becomes of its answer.
type question struct {
	query string
	args  []any
	// read takes each row; nil: there are none, or nobody wants them.
	read func(scan func(...any) error) error
	// changed is told how many rows were changed; nil: nobody wants to know.
	changed *int64
}

// String says which statement it is, without what was put into it.
func (q question) String() string {
	words := strings.Join(strings.Fields(q.query), " ")
	if len(words) > 60 {
		words = words[:60] + " …"
	}
	return words
}

// Ask asks something whose answer is not needed yet: read is called with each of its rows before [Tx.Answers] returns, and must ask nothing
// itself. args must stay as they are until then. If it cannot be answered, the transaction fails.
func (tx *Tx) Ask(query string, args []any, read func(scan func(...any) error) error) {
	tx.ask(question{query: query, args: args, read: read})
}

// Do runs a statement of which nobody asks what came of it, in its order among all the others. If it cannot be run, the transaction fails.
func (tx *Tx) Do(query string, args ...any) { tx.ask(question{query: query, args: args}) }

// Expect has the database refuse the commit where what a query counts is not zero, for a function that may guess (see [Tx.Guess]).
func (tx *Tx) Expect(query string, args ...any) {
	tx.ask(question{query: `SELECT CASE WHEN n = 0 THEN 0 ELSE CAST('not as was taken for granted: ' || n AS BIGINT) END FROM (` + query + `) AS guess (n)`, args: args})
}

func (tx *Tx) ask(q question) {
	if tx.flush() != nil {
		return
	}
	tx.changing(q.query)
	q.args = tx.engine.values(q.args)
	if err := tx.engine.ask(tx.ctx, tx.s, q); err != nil {
		tx.fail(fmt.Errorf("store: %s: %w", q, err))
	}
}

// Answers waits until all that was asked is answered, and all rows that were added are written.
func (tx *Tx) Answers() error {
	if err := tx.flush(); err != nil {
		return err
	}
	if err := tx.engine.answers(tx.ctx, tx.s); err != nil {
		tx.fail(err)
	}
	return tx.failed
}

// Wait is Answers where something was asked of which the answer is read, and otherwise waits for nothing.
func (tx *Tx) Wait() error {
	if tx.failed == nil && !tx.s.asked() {
		return nil
	}
	return tx.Answers()
}

// Begin has the database begin with what was asked and written so far, and waits for nothing: it works while the function goes on.
func (tx *Tx) Begin() error {
	if tx.s.pipeline == nil {
		return nil
	}
	if err := tx.flush(); err != nil {
		return err
	}
	if err := tx.s.send(tx.ctx); err != nil {
		tx.fail(err)
	}
	return tx.failed
}

// fail notes why the transaction can't be committed: nothing more is asked.
func (tx *Tx) fail(err error) {
	tx.failed = err
	tx.s.forget()
}

// answer asks at once.
func (s *session) answer(ctx context.Context, e engine, q question) error {
	s.sent++
	if q.read == nil {
		result, err := s.exec(ctx, e, q.query, q.args)
		if err == nil && q.changed != nil {
			*q.changed, err = result.RowsAffected()
		}
		return err
	}
	rows, err := s.rows(ctx, e, q.query, q.args)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := q.read(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// changed is how many rows a statement has changed: what [Tx.Exec] returns.
type changed int64

func (changed) LastInsertId() (int64, error)   { return 0, fmt.Errorf("store: ask with RETURNING") }
func (c changed) RowsAffected() (int64, error) { return int64(c), nil }
