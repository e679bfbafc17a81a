// Package store keeps what moderation and archive remember: one database, one transaction at a time for those who write,
// and a schema that moves forward by itself.
//
// What it promises:
//
//   - [DB.Update] returns nil only when what its function wrote is on stable storage (SQLite: WAL, synchronous FULL; PostgreSQL:
//     synchronous_commit on). Under load the functions of many callers are gathered into one commit, each in a savepoint of its
//     own: one that fails takes only its own writes with it.
//   - Functions of Update run one after another, never two at a time, and on PostgreSQL with the authority's lock in hand, whatever
//     other processes there are. What a function reads, nobody else changes before it is committed. So a function may decide on
//     what it reads; it must be quick, and must not wait for the network.
//   - [DB.View] reads a snapshot of what is committed, beside the writer and beside other readers.
//
// The SQL is written once, in the dialect that SQLite and PostgreSQL share ($1, RETURNING, ON CONFLICT), by the package
// whose knowledge it is; this package holds the schema, the transactions, and what differs between the two (engine.go).
package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed schema/*.sql
var schemaFiles embed.FS

// groupLimit bounds how many functions share a commit: past it the first to come would wait too long for the last.
const groupLimit = 256

// ErrClosed says that the database is closed or closing.
var ErrClosed = errors.New("the database is closed")

// ErrFull says that the disk has no room for more. Nothing of the refused write is kept; callers tell their own caller to
// come again.
var ErrFull = errors.New("the disk is full")

// Tx is a transaction as the functions of Update and View see it. It is not safe for use by more than one goroutine, and
// not after the function has returned.
type Tx struct {
	ctx    context.Context
	s      *session
	engine engine
	mark   bool
	words  []string // to be told at the commit
	// failed is why rows could not be written: nothing more is asked.
	failed error
	kept   map[any]kept
	// alone is true where nobody else's writes need be saved from a failure.
	alone bool
	// bold is true where the function will be run again if anything goes wrong.
	bold bool
	// undo takes back what functions have noted in memory.
	undo []func()
	// once is true where one question may be asked, asked when it was.
	once, asked bool
}

// session is a connection with the statements that were prepared on it: to parse SQL anew costs more than to run it.
type session struct {
	pool  *sql.DB
	conn  *sql.Conn
	stmts map[string]*statement
	// version is how SQLite is asked who else has written.
	version driver.StmtQueryContext
	// written counts statements, and rows that were inserted several in one.
	written int
	// waiting are the rows to be written, in the order of their tables' ranks; waits is false when there are none.
	waiting []rowsOf
	waits   bool
	// inserting is how the engine inserts into each table.
	inserting map[*Table]any
	// bound is where SQLite's arguments stand while a row is inserted, row after row.
	bound []driver.NamedValue
	// sent counts how often something was sent to the database.
	sent int
	// pipeline is there where several things may be asked at a time: on PostgreSQL, for the writer.
	pipeline *pipeline
}

// statement is a prepared query. order says which argument goes to which of its places; nil: they go as they come. writes is what table it may
// change (see writes).
type statement struct {
	*sql.Stmt
	order  []int
	writes string
}

// arguments puts arguments where the statement wants them.
func (s *statement) arguments(args []any) []any {
	if s.order == nil {
		return args
	}
	placed := make([]any, len(s.order))
	for i, n := range s.order {
		if n < len(args) { // else the driver says that there are too few
			placed[i] = args[n]
		}
	}
	return placed
}

// mostStatements bounds how many statements a connection remembers. The program's own are fewer; searches make texts of their own.
const mostStatements = 300

// statement returns the prepared statement of a query; nil when it is to be run as it is.
func (s *session) statement(ctx context.Context, e engine, query string) (*statement, error) {
	s.written++
	if stmt, ok := s.stmts[query]; ok {
		return stmt, nil
	}
	if len(s.stmts) >= mostStatements || strings.Contains(query, ";") || strings.HasPrefix(query, "PRAGMA") {
		return nil, nil
	}
	text, order := e.places(query)
	stmt, err := s.conn.PrepareContext(context.WithoutCancel(ctx), text)
	if err != nil {
		return nil, err
	}
	s.stmts[query] = &statement{Stmt: stmt, order: order, writes: writes(query)}
	return s.stmts[query], nil
}

// exec runs a statement with arguments that the engine has made into values.
func (s *session) exec(ctx context.Context, e engine, query string, args []any) (sql.Result, error) {
	stmt, err := s.statement(ctx, e, query)
	if err != nil {
		return nil, err
	}
	if stmt == nil {
		return s.conn.ExecContext(ctx, query, args...)
	}
	return stmt.ExecContext(ctx, stmt.arguments(args)...)
}

// rows runs a query with arguments that the engine has made into values.
func (s *session) rows(ctx context.Context, e engine, query string, args []any) (*sql.Rows, error) {
	stmt, err := s.statement(ctx, e, query)
	if err != nil {
		return nil, err
	}
	if stmt == nil {
		return s.conn.QueryContext(ctx, query, args...)
	}
	return stmt.QueryContext(ctx, stmt.arguments(args)...)
}

func newSession(ctx context.Context, pool *sql.DB) (*session, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &session{pool: pool, conn: conn, stmts: map[string]*statement{}, inserting: map[*Table]any{}}, nil
}

// pipes lets several things be asked at a time.
func (s *session) pipes() { s.pipeline = &pipeline{known: map[string]known{}} }

// renew replaces a connection that is broken: the server was restarted, or cut it.
func (s *session) renew(ctx context.Context, e engine) error {
	if !e.broken(s.conn) {
		return nil
	}
	s.close()
	fresh, err := newSession(ctx, s.pool)
	if err != nil {
		return err
	}
	if s.pipeline != nil {
		fresh.pipes()
	}
	*s = *fresh
	return nil
}

// close gives the connection back, to be closed with its pool.
func (s *session) close() {
	for _, stmt := range s.stmts {
		_ = stmt.Close()
	}
	for _, stmt := range s.inserting {
		if stmt, ok := stmt.(driver.Stmt); ok {
			_ = s.conn.Raw(func(any) error { return stmt.Close() })
		}
	}
	if stmt, ok := s.version.(driver.Stmt); ok {
		_ = s.conn.Raw(func(any) error { return stmt.Close() })
	}
	_ = s.conn.Close()
}

// DB is an open database. All methods may be called from any goroutine.
type DB struct {
	read  *sql.DB
	write *sql.DB
	// free holds a token for each session that no View is using. idle are these sessions, the one that was used last at the end: it is taken
	// first, since it has in memory what was read.
	free   chan struct{}
	idle   []*session
	idling sync.Mutex
	// writer is the session of the writing goroutine.
	writer *session
	// turns is whose turn it is to write.
	turns  turns
	engine engine
	before []func(*Tx) error
	// done is closed when nobody writes any more.
	done  chan struct{}
	close sync.Once

	mu      sync.Mutex
	waiting []job
	// writing is true while somebody leads; rests is told when it ends.
	writing, closing bool
	rests            sync.Cond
}

type job struct {
	ctx   context.Context
	fn    func(*Tx) error
	again bool // fn may be run twice
	done  chan error
}

// turns is what is known of who else writes.
type turns struct {
	// last is what the engine said at the last transaction.
	last int64
	// taken is how many turns a bold transaction has taken after the last: one, or none.
	taken int64
	// kept is what that transaction kept (see Kept), of use as long as nobody else has written.
	kept map[any]kept
	// steady is true where nobody else had written then, and will most likely not have the next time, either; where that can be had without waiting.
	steady bool
}

// Open opens a database and brings its schema forward. where is a file, which is made where there is none in a folder that exists; or a
// PostgreSQL database as an address, postgres://user@host/name?search_path=schema: each authority has a schema of its own, which is made
// where there is none.
func Open(ctx context.Context, where string) (*DB, error) {
	e := engineFor(where)
	fail := func(err error) (*DB, error) { return nil, fmt.Errorf("store: open %s: %w", e.name(), e.explain(err)) }
	write, read, err := e.open(ctx)
	if err != nil {
		return fail(err)
	}
	db := &DB{engine: e, read: read, write: write, free: make(chan struct{}, readers),
		done: make(chan struct{})}
	db.rests.L = &db.mu
	if err = db.migrate(ctx); err == nil {
		err = db.connect(ctx)
	}
	if err != nil {
		_ = read.Close()
		_ = write.Close()
		return fail(err)
	}
	return db, nil
}

// readers is how many Views run beside each other.
const readers = 8

func (db *DB) connect(ctx context.Context) (err error) {
	if db.writer, err = newSession(ctx, db.write); err != nil {
		return err
	}
	if _, ok := db.engine.(*postgres); ok {
		db.writer.pipes()
	}
	for range readers {
		s, err := newSession(ctx, db.read)
		if err != nil {
			return err
		}
		db.giveBack(s)
	}
	return nil
}

// take returns a session that nobody uses; there must be one.
func (db *DB) take() *session {
	db.idling.Lock()
	defer db.idling.Unlock()
	last := len(db.idle) - 1
	s := db.idle[last]
	db.idle = db.idle[:last]
	return s
}

func (db *DB) giveBack(s *session) {
	db.idling.Lock()
	db.idle = append(db.idle, s)
	db.idling.Unlock()
	db.free <- struct{}{}
}

// BeforeCommit adds a function that runs once in every transaction in which [Tx.Mark] was called, after all else and right
// before the commit. When it fails the whole group fails. The archive signs its checkpoint here: once for a group.
// It must be called before the first Update.
func (db *DB) BeforeCommit(fn func(*Tx) error) { db.before = append(db.before, fn) }

// Update runs fn in a transaction and returns when it is durable. When fn returns an error, nothing that it wrote is kept and
// the error comes back. A cancelled ctx ends the wait for a turn, never a transaction that has begun.
func (db *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	return db.turn(ctx, job{ctx: ctx, fn: fn})
}

// Attempt is Update of an fn that may be run more than once, each time as if it had not been run before: it sets its own results anew, and what it notes
// elsewhere it takes back (see [Tx.IfTakenBack]). On PostgreSQL that spares it the wait for what is most likely as it was when this process last
// wrote: fn is run on what was kept then, while the database checks it (see [Tx.Guess]); where nothing must be asked, it is all sent at once.
func (db *DB) Attempt(ctx context.Context, fn func(*Tx) error) error {
	return db.turn(ctx, job{ctx: ctx, fn: fn, again: true})
}

// turn waits for its turn, and until what was written is durable. Who finds nobody writing writes himself: to wake another goroutine, and to be woken by
// it, would take as long as many a transaction.
func (db *DB) turn(ctx context.Context, j job) error {
	j.done = make(chan error, 1)
	db.mu.Lock()
	if db.closing {
		db.mu.Unlock()
		return ErrClosed
	}
	db.waiting = append(db.waiting, j)
	lead := !db.writing
	db.writing = true
	db.mu.Unlock()
	if lead {
		db.lead(j.done)
	}
	return <-j.done
}

// lead is the one writer. It takes what waits, up to groupLimit, into a single commit, until nothing waits, or its own is done: then it lets another
// go on.
func (db *DB) lead(own chan error) {
	for {
		db.mu.Lock()
		n := min(len(db.waiting), groupLimit)
		if n == 0 {
			db.writing = false
			db.rests.Broadcast()
			db.mu.Unlock()
			return
		}
		if len(own) > 0 {
			db.mu.Unlock()
			go db.lead(nil)
			return
		}
		group := slices.Clone(db.waiting[:n])
		db.waiting = slices.Delete(db.waiting, 0, n)
		db.mu.Unlock()
		db.commit(group)
	}
}

// commit runs a group in one transaction and answers each of its callers.
//
// If we die before COMMIT returns, the write-ahead log holds no commit record and the next start finds nothing of the group; no
// caller was answered, so no platform got its 200 and no receipt exists. If we die after it, all of it is there. If the connection to
// PostgreSQL is cut while COMMIT is under way, all of it may be there or nothing: callers are told of an error, and whatever they do
// again finds what was done.
func (db *DB) commit(group []job) {
	bold := db.turns.steady && !slices.ContainsFunc(group, func(j job) bool { return !j.again })
	results, words, err := db.try(group, bold)
	if err != nil && bold && !db.engine.broken(db.writer.conn) && (len(group) > 1 || !errors.As(err, new(final))) {
		results, words, err = db.try(group, false) // whatever was wrong, it may be that something else than what was taken for granted is true
	}
	for i, j := range group {
		if results[i] == nil && err != nil {
			results[i] = db.engine.explain(err)
		}
		j.done <- results[i]
	}
	if err == nil {
		db.engine.committed(context.Background(), db.writer.conn, db.writer.written, words)
		db.writer.written = 0
	}
}

// try runs a group in one transaction. Boldly it takes for granted that nobody else has written since the last one, and marks no way back from
// one function's failure: the database refuses the commit where the former is not so, and one error takes back all.
func (db *DB) try(group []job, bold bool) (results []error, words []string, err error) {
	results = make([]error, len(group))
	tx := &Tx{ctx: context.Background(), s: db.writer, engine: db.engine, bold: bold, alone: bold || len(group) == 1}
	db.writer.forget()
	was := db.writer.conn
	if err := db.writer.renew(tx.ctx, db.engine); err != nil {
		return results, nil, err
	}
	if db.writer.conn != was {
		db.turns = turns{} // it may be another server now, that lacks what the last one had
	}
	committed := false
	defer func() {
		if !committed {
			tx.takeBack()
			tx.undone(0)
			_, _ = tx.Exec("ROLLBACK")
		}
	}()
	if err := db.engine.begin(tx, &db.turns); err != nil {
		return results, nil, err
	}
	for i, j := range group {
		if results[i] = j.ctx.Err(); results[i] != nil {
			continue
		}
		if tx.alone { // nobody else's writes to save from its failure: to mark the way back costs more than most functions
			if err := tx.run(j.fn); err != nil {
				return results, nil, err
			}
			continue
		}
		if err := tx.savepoint(j.fn, &results[i]); err != nil {
			return results, nil, err
		}
	}
	if tx.mark {
		for _, fn := range db.before {
			if err := fn(tx); err != nil {
				return results, nil, err
			}
		}
	}
	if _, err := tx.Exec("COMMIT"); err != nil {
		return results, nil, err
	}
	committed = true
	db.turns.kept = tx.kept
	return results, tx.words, nil
}

// savepoint runs fn so that its failure takes only its own writes along. An error that it returns itself concerns the whole group.
func (tx *Tx) savepoint(fn func(*Tx) error, result *error) error {
	sent, queued := tx.s.sent, tx.s.queued()
	if tx.Do("SAVEPOINT one"); tx.failed != nil {
		return tx.failed
	}
	marked, undo := tx.mark, len(tx.undo)
	err := tx.run(fn)
	if err == nil {
		tx.Do("RELEASE one")
		if err = tx.Answers(); err == nil {
			return nil
		}
	}
	*result = tx.engine.explain(err)
	tx.mark = marked
	tx.undone(undo)
	if tx.s.sent == sent { // the database has heard of nothing that fn did, nor of the savepoint
		tx.failed, tx.kept = nil, nil
		tx.s.forget()
		tx.s.unqueue(queued)
		return nil
	}
	tx.takeBack()
	if errors.Is(*result, ErrFull) {
		return err // SQLite may have rolled the whole transaction back by itself: nobody's writes can be trusted to be there
	}
	tx.Do("ROLLBACK TO one")
	tx.Do("RELEASE one")
	return tx.Answers()
}

// run runs fn and writes what rows it added; a panic in it is an error.
func (tx *Tx) run(fn func(*Tx) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("store: panic in a transaction: %v", r)
		}
	}()
	if err := fn(tx); err != nil && tx.failed == nil {
		return err
	}
	if tx.s.asked() { // whoever reads the answers may find that they won't do
		return tx.Answers()
	}
	return tx.flush()
}

// takeBack drops what was to be written, and what was kept of what is being taken back. What was written in memory is taken back by undone.
func (tx *Tx) takeBack() {
	tx.s.forget()
	tx.s.unqueue(0)
	_ = tx.engine.answers(tx.ctx, tx.s) // what was sent must have come to an end
	tx.failed, tx.kept = nil, nil
}

// IfTakenBack adds what is to be done when what the function has written so far is taken back, before any other function has its turn: for what
// it noted in memory beside.
func (tx *Tx) IfTakenBack(fn func()) { tx.undo = append(tx.undo, fn) }

// undone takes back what was noted in memory, the latest first.
func (tx *Tx) undone(from int) {
	for len(tx.undo) > from {
		last := len(tx.undo) - 1
		fn := tx.undo[last]
		tx.undo = tx.undo[:last]
		fn()
	}
}

// Final marks an error that an fn of [DB.Attempt] returns by what it was answered: whatever it took for granted, to run it again would change nothing.
func Final(err error) error { return final{err} }

type final struct{ error }

func (f final) Unwrap() error { return f.error }

// Guess tells whether the function may take something for granted instead of asking, if the database itself refuses the commit where it is not so – as
// a key does that must be no other's. Then the function is run again, and may not guess.
func (tx *Tx) Guess() bool { return tx.bold }

// View runs fn on a snapshot of what is committed. Writes by fn fail.
func (db *DB) View(ctx context.Context, fn func(*Tx) error) error {
	return db.look(ctx, fn, false)
}

// Look is View for an fn that asks one question, which needs no transaction around it. What it asks beyond that fails.
func (db *DB) Look(ctx context.Context, fn func(*Tx) error) error { return db.look(ctx, fn, true) }

func (db *DB) look(ctx context.Context, fn func(*Tx) error, once bool) error {
	select {
	case <-db.free:
	case <-db.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	s := db.take()
	defer db.giveBack(s)
	tx := &Tx{ctx: ctx, s: s, engine: db.engine, once: once}
	if err := s.renew(context.WithoutCancel(ctx), db.engine); err != nil {
		return fmt.Errorf("store: view: %w", err)
	}
	if once {
		defer s.forget() // nothing is written here
		return fn(tx)
	}
	// Told of a cancelled ctx, the driver says that BEGIN failed when it did not, and the connection would be stuck in a
	// transaction that nobody ends: every View that gets it later would fail. So only what fn reads can be cancelled.
	if _, err := s.conn.ExecContext(context.WithoutCancel(ctx), db.engine.beginReading()); err != nil {
		return fmt.Errorf("store: view: %w", err)
	}
	defer func() {
		s.forget() // nothing is written here
		_, _ = s.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	}()
	return fn(tx)
}

// Close waits for the writes that are under way and closes the database.
func (db *DB) Close() error {
	var err error
	db.close.Do(func() {
		db.mu.Lock()
		for db.closing = true; db.writing; { // what was accepted before gets its answer
			db.rests.Wait()
		}
		db.mu.Unlock()
		close(db.done)
		db.writer.close()
		for range readers { // waits for the Views that are under way
			<-db.free
			db.take().close()
		}
		db.engine.closing(db.write)
		err = errors.Join(db.read.Close(), db.write.Close())
	})
	return err
}

// Size is what the database takes on disk, in bytes.
func (db *DB) Size(ctx context.Context) (size int64, err error) {
	err = db.View(ctx, func(tx *Tx) error { return tx.QueryRow(db.engine.size()).Scan(&size) })
	return size, err
}

// Scrub makes sure that the bytes of what was deleted are gone from the database's files: SQLite's at once, PostgreSQL's as they are written
// over. It may be called beside everything else.
func (db *DB) Scrub(ctx context.Context) error {
	if err := db.engine.scrub(ctx); err != nil {
		return fmt.Errorf("store: scrub: %w", db.engine.explain(err))
	}
	return nil
}

// PostgreSQL tells whether the database is PostgreSQL, for the few statements that the two do not share: full text.
func (db *DB) PostgreSQL() bool { _, ok := db.engine.(*postgres); return ok }

// PostgreSQL tells whether the transaction is on PostgreSQL.
func (tx *Tx) PostgreSQL() bool { _, ok := tx.engine.(*postgres); return ok }

// Exec runs a statement.
func (tx *Tx) Exec(query string, args ...any) (sql.Result, error) {
	if err := tx.flush(); err != nil {
		return nil, err
	}
	tx.changing(query)
	var n int64
	q := question{query: query, args: tx.engine.values(args), changed: &n}
	if err := tx.now(q); err != nil {
		return nil, err
	}
	return changed(n), nil
}

// now asks, and waits for the answer.
func (tx *Tx) now(q question) error {
	err := tx.engine.ask(tx.ctx, tx.s, q)
	if err == nil {
		err = tx.engine.answers(tx.ctx, tx.s)
	}
	return err
}

// Query runs a query; the caller closes the rows, before it runs the same query again.
func (tx *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	if err := tx.heard(); err != nil {
		return nil, err
	}
	tx.changing(query)
	return tx.s.rows(tx.ctx, tx.engine, query, tx.engine.values(args))
}

// heard sees to it that the database has heard all that comes before a question that is asked by itself.
func (tx *Tx) heard() error {
	if err := tx.flush(); err != nil || tx.once {
		return err
	}
	if err := tx.engine.answers(tx.ctx, tx.s); err != nil {
		tx.fail(err)
	}
	return tx.failed
}

// ForEach runs a query and hands each of its rows to read, which must ask nothing itself.
func (tx *Tx) ForEach(query string, args []any, read func(scan func(...any) error) error) error {
	if err := tx.flush(); err != nil {
		return err
	}
	tx.changing(query)
	return tx.now(question{query: query, args: tx.engine.values(args), read: read})
}

// QueryRow runs a query of one row.
func (tx *Tx) QueryRow(query string, args ...any) *sql.Row {
	if err := tx.heard(); err != nil {
		return nowhere.QueryRow(query) // Scan says that it failed; why, the transaction's end
	}
	tx.changing(query)
	stmt, err := tx.s.statement(tx.ctx, tx.engine, query)
	if err != nil || stmt == nil {
		return tx.s.conn.QueryRowContext(tx.ctx, query, tx.engine.values(args)...) // an error comes again, from Scan
	}
	return stmt.QueryRowContext(tx.ctx, stmt.arguments(tx.engine.values(args))...)
}

// nowhere is a database that answers every question with an error: a row that holds one can't be had otherwise.
var nowhere = sql.OpenDB(refusing{})

type refusing struct{}

var errFailed = errors.New("store: the transaction has failed before this")

func (refusing) Connect(context.Context) (driver.Conn, error) { return nil, errFailed }
func (r refusing) Open(string) (driver.Conn, error)           { return nil, errFailed }
func (r refusing) Driver() driver.Driver                      { return r }

// Mark asks for the functions of [DB.BeforeCommit] to run before this transaction is committed.
func (tx *Tx) Mark() { tx.mark = true }

// Time is how times stand in the database: microseconds since 1970 in UTC, an integer that sorts, zero for "never".
func Time(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// FromTime reads what Time wrote.
func FromTime(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// migrate runs the schema files that the database has not seen, in the order of their numbers, each in a transaction.
func (db *DB) migrate(ctx context.Context) error {
	names, err := fs.Glob(schemaFiles, "schema/*.sql")
	if err != nil {
		return err
	}
	conn, err := db.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := db.engine.prepare(ctx, conn); err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	for _, name := range names {
		base := filepath.Base(name)
		version, err := strconv.Atoi(strings.SplitN(base, "_", 2)[0])
		if err != nil {
			return fmt.Errorf("schema file %s has no number: %w", base, err)
		}
		text, err := schemaFiles.ReadFile(name)
		if err != nil {
			return err
		}
		if err := db.apply(ctx, conn, version, db.engine.dialect(string(text))); err != nil {
			return fmt.Errorf("schema %s: %w", base, err)
		}
	}
	return nil
}

// apply runs one schema file unless it was run before. That is asked without the writer's lock: who only opens books that are served by another
// process, to back them up, must not wait for a turn that a storm never gives. The lock is taken before it is asked again, so that two
// processes that start at once do not both run it.
func (db *DB) apply(ctx context.Context, conn *sql.Conn, version int, text string) error {
	seen := func() (n int, err error) {
		err = conn.QueryRowContext(ctx, "SELECT count(*) FROM schema_versions WHERE version = $1", version).Scan(&n)
		return n, err
	}
	if n, err := seen(); err != nil || n > 0 {
		return err
	}
	rollback := func(err error) error {
		_, _ = conn.ExecContext(ctx, "ROLLBACK")
		return err
	}
	for _, statement := range db.engine.beginWriting() {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return rollback(err)
		}
	}
	if n, err := seen(); err != nil || n > 0 {
		return rollback(err)
	}
	if _, err := conn.ExecContext(ctx, text); err != nil {
		return rollback(err)
	}
	if _, err := conn.ExecContext(ctx, "INSERT INTO schema_versions (version, applied_at) VALUES ($1, $2)",
		version, Time(time.Now())); err != nil {
		return rollback(err)
	}
	_, err := conn.ExecContext(ctx, "COMMIT")
	return err
}
