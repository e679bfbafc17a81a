package store

import (
	"context"
	"database/sql"
	"strings"
)

// engine is what differs between the databases that keep the same things by the same SQL.
type engine interface {
	// name is what the database is called in messages: no folder, no password.
	name() string
	// open opens the pool of the one writer and that of the readers.
	open(context.Context) (write, read *sql.DB, err error)
	// prepare makes what must be there before the schema can be brought forward.
	prepare(context.Context, *sql.Conn) error
	// dialect writes a schema file as the engine wants it.
	dialect(schema string) string
	// beginWriting begins a transaction that holds the writer's turn, among all processes, from its first statement on.
	beginWriting() []string
	// begin does so for the writer. It gives the transaction what the last one kept where nobody else has written since, or, where the transaction is
	// bold, sees to it that it fails if somebody has.
	begin(*Tx, *turns) error
	// beginReading begins a transaction that sees one moment and writes nothing.
	beginReading() string
	// values makes arguments into what every driver stores alike.
	values([]any) []any
	// places writes a query's $1, $2 … as the driver likes them best. order says which argument each place takes; nil: in their order.
	places(query string) (text string, order []int)
	// ask asks something of which the answer is there when answers returns, or before.
	ask(context.Context, *session, question) error
	// answers returns when all that was asked is answered.
	answers(context.Context, *session) error
	// insert writes rows by then, all of them or – then the transaction is to be taken back – none.
	insert(ctx context.Context, s *session, into *Table, rows []row) error
	// among is the condition that a column's value is one of a list's. The list is a place with its PostgreSQL type ("$3::text[]").
	among(column, list string) string
	// explain gives the errors that callers act on their names.
	explain(error) error
	// broken tells whether a connection is of no more use.
	broken(*sql.Conn) bool
	// size is a query for the bytes that the database takes on disk.
	size() string
	// numberOn lets a table's identity go on after its highest id; "" where it does so by itself.
	numberOn(table string) string
	// snapshot writes one moment of the database into a file by the engine's own means; false where it has none.
	snapshot(ctx context.Context, path string) (bool, error)
	// scrub makes sure that the bytes of deleted rows are gone from the files.
	scrub(context.Context) error
	// filled is told that many rows were written at once into the tables.
	filled(context.Context, []table) error
	// committed is called by the writer after each commit, with how many rows and statements were in it, and the words that other processes are to
	// be told.
	committed(ctx context.Context, writer *sql.Conn, written int, words []string)
	// closing is called when the writer has stopped.
	closing(*sql.DB)
}

func engineFor(where string) engine {
	if strings.HasPrefix(where, "postgres://") || strings.HasPrefix(where, "postgresql://") {
		return &postgres{address: where}
	}
	return &sqliteFile{path: where}
}

// integers turns times and truths into integers, so that no driver chooses a form for us.
func integers(args []any) []any {
	for i, a := range args {
		args[i] = asStored(a)
	}
	return args
}

// AmongTexts is the condition that a column's value is one of a list's, which is given as a []string at a place ("$3"), whatever its length.
func (tx *Tx) AmongTexts(column, place string) string {
	return tx.engine.among(column, place+"::text[]")
}

// AmongNumbers is the same of a list that is given as a []int64.
func (tx *Tx) AmongNumbers(column, place string) string {
	return tx.engine.among(column, place+"::bigint[]")
}
