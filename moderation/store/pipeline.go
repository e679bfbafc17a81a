package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// pipeline is how the writer's connection is asked several things at a time: what is queued is sent in one go, and the answers come in one go. The
// server runs one after the other, each seeing what those before it did, and after the first that fails runs none of the rest.
type pipeline struct {
	queued []question
	// open is there while answers are to come, to what was sent.
	open *pgconn.Pipeline
	sent []question
	// known are the statements that were prepared here.
	known   map[string]known
	builder pgx.ExtendedQueryBuilder
}

// known is a prepared statement, and in which form each of its columns comes.
type known struct {
	*pgconn.StatementDescription
	forms []int16
}

// errNotCommitted says that COMMIT ended a transaction in which something had failed.
var errNotCommitted = errors.New("store: the transaction was rolled back: something in it had failed")

func (p *postgres) ask(ctx context.Context, s *session, q question) error {
	if s.pipeline == nil {
		return s.answer(ctx, p, q)
	}
	if _, ok := s.pipeline.known[q.query]; !ok && len(s.pipeline.known) >= mostStatements {
		if err := p.answers(ctx, s); err != nil {
			return err
		}
		return s.answer(ctx, p, q)
	}
	for i, a := range q.args {
		if ids, ok := a.([]int64); ok {
			q.args[i] = slices.Clone(ids) // the caller's own, to be used again
		}
	}
	s.written++
	s.pipeline.queued = append(s.pipeline.queued, q)
	return nil
}

func (p *postgres) answers(ctx context.Context, s *session) error {
	if s.pipeline == nil || len(s.pipeline.queued) == 0 && s.pipeline.open == nil {
		return nil
	}
	return s.conn.Raw(func(driver any) error {
		conn := driver.(*stdlib.Conn).Conn()
		sending := s.pipeline.send(ctx, s, conn)
		if err := s.pipeline.receive(conn); err != nil {
			return err // what failed before the sending did, or both for one reason
		}
		return sending
	})
}

// send sends what is queued.
func (s *session) send(ctx context.Context) error {
	return s.conn.Raw(func(driver any) error { return s.pipeline.send(ctx, s, driver.(*stdlib.Conn).Conn()) })
}

// send sends what is queued, and waits for nothing – unless one of the statements is new here.
func (l *pipeline) send(ctx context.Context, s *session, conn *pgx.Conn) error {
	s.sent++
	defer func() {
		clear(l.queued)
		l.queued = l.queued[:0]
	}()
	for _, q := range l.queued {
		statement, err := l.prepared(ctx, conn, q)
		if err != nil {
			return err
		}
		if l.open == nil {
			l.open = conn.PgConn().StartPipeline(ctx)
		}
		if err := l.builder.Build(conn.TypeMap(), statement.StatementDescription, q.args); err != nil {
			return fmt.Errorf("store: %s: %w", q, err)
		}
		l.open.SendQueryStatement(statement.StatementDescription, l.builder.ParamValues, l.builder.ParamFormats, statement.forms)
		l.sent = append(l.sent, q)
	}
	return l.open.Flush()
}

// prepared prepares a statement the first time. That asks the server by itself, when all that comes before it is answered.
func (l *pipeline) prepared(ctx context.Context, conn *pgx.Conn, q question) (known, error) {
	if k, ok := l.known[q.query]; ok {
		return k, nil
	}
	if err := l.receive(conn); err != nil {
		return known{}, err
	}
	statement, err := conn.Prepare(ctx, q.query, q.query)
	if err != nil {
		return known{}, fmt.Errorf("store: %s: %w", q, err)
	}
	k := known{StatementDescription: statement}
	for _, f := range statement.Fields {
		k.forms = append(k.forms, conn.TypeMap().FormatCodeForOID(f.DataTypeOID))
	}
	l.known[q.query] = k
	return k, nil
}

// receive takes the answers to what was sent. The first error is what went wrong: what came after it was not run.
func (l *pipeline) receive(conn *pgx.Conn) (err error) {
	if l.open == nil {
		return nil
	}
	err = l.open.Sync()
	for _, q := range l.sent {
		if err != nil {
			break
		}
		if err = l.result(conn, q); err != nil {
			err = fmt.Errorf("store: %s: %w", q, err)
		}
	}
	if ending := l.open.Close(); err == nil {
		err = ending
	}
	l.open = nil
	clear(l.sent)
	l.sent = l.sent[:0]
	return err
}

func (l *pipeline) result(conn *pgx.Conn, q question) error {
	results, err := l.open.GetResults()
	if err != nil {
		return err
	}
	reader, ok := results.(*pgconn.ResultReader)
	if !ok {
		return fmt.Errorf("the server answered with a %T", results)
	}
	if q.read == nil {
		tag, err := reader.Close()
		if err == nil && q.query == "COMMIT" && tag.String() != "COMMIT" {
			return errNotCommitted
		}
		if q.changed != nil {
			*q.changed = tag.RowsAffected()
		}
		return err
	}
	rows := pgx.RowsFromResultReader(conn.TypeMap(), reader)
	for err == nil && rows.Next() {
		err = q.read(func(into ...any) error { return scan(rows, into) })
	}
	rows.Close()
	return errors.Join(err, rows.Err())
}

// scan is as database/sql scans: a truth may be a number.
func scan(rows pgx.Rows, into []any) error {
	for i, v := range into {
		if b, ok := v.(*bool); ok {
			into[i] = (*truth)(b)
		}
	}
	return rows.Scan(into...)
}

type truth bool

// Scan implements sql.Scanner.
func (t *truth) Scan(v any) error {
	switch v := v.(type) {
	case bool:
		*t = truth(v)
	case int64:
		*t = v != 0
	default:
		return fmt.Errorf("a %T is neither true nor false", v)
	}
	return nil
}
