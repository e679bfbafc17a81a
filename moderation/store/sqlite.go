package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	sqlite "modernc.org/sqlite"
)

// sqliteFile is the embedded engine: one file, one process.
type sqliteFile struct {
	path string
	log  checkpoints
}

func (f *sqliteFile) name() string { return filepath.Base(f.path) }

func (f *sqliteFile) open(context.Context) (write, read *sql.DB, err error) {
	// SQLite would let everybody read a file that it makes, and gives its log and its index the rights of the file. An empty file is an empty
	// database: if we die here, nothing is lost.
	made, err := os.OpenFile(f.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, nil, err
	}
	if err := made.Close(); err != nil {
		return nil, nil, err
	}
	if write, err = sql.Open("sqlite", f.dsn()); err != nil {
		return nil, nil, err
	}
	write.SetMaxOpenConns(1)
	if read, err = sql.Open("sqlite", f.dsn("query_only(ON)", readerCache)); err != nil {
		_ = write.Close()
		return nil, nil, err
	}
	return write, read, nil
}

// A connection keeps pages in memory, and sorts in as much: 64 MB for the one that writes, 16 MB for each that reads. What is read again and
// again is in the system's own memory beside. So the database takes 64 + 8 × 16 MB of the process's, however large it is.
const (
	writerCache = "cache_size(-65536)"
	readerCache = "cache_size(-16384)"
)

// dsn spells out what every connection must be: WAL so that readers never wait, FULL so that a commit is on disk when it
// says so, secure_delete so that what is disposed of is gone from the file's bytes.
func (f *sqliteFile) dsn(more ...string) string { return f.dsnOn("", more...) }

// dsnOn is dsn on files other than the system's own.
func (f *sqliteFile) dsnOn(files string, more ...string) string {
	q := url.Values{}
	if files != "" {
		q.Set("vfs", files)
	}
	for _, p := range append([]string{"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "busy_timeout(10000)",
		"secure_delete(ON)", "temp_store(MEMORY)", writerCache, autoCheckpoint}, more...) {
		q.Add("_pragma", p)
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: f.path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

func (f *sqliteFile) prepare(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS schema_versions (version INTEGER PRIMARY KEY, applied_at BIGINT NOT NULL)")
	return err
}

// only finds the parts of a schema file that are for one engine alone.
var only = regexp.MustCompile(`(?s)-- only (sqlite|postgres)\n(.*?)-- end\n`)

// dialectOf leaves the parts of a schema file that are for all engines and those for this one.
func dialectOf(engine, schema string) string {
	return only.ReplaceAllStringFunc(schema, func(part string) string {
		if m := only.FindStringSubmatch(part); m[1] == engine {
			return m[2]
		}
		return ""
	})
}

func (f *sqliteFile) dialect(schema string) string { return dialectOf("sqlite", schema) }

func (f *sqliteFile) beginWriting() []string { return []string{"BEGIN IMMEDIATE"} }

// begin asks who else has written only after it has its turn.
func (f *sqliteFile) begin(tx *Tx, t *turns) error {
	for _, statement := range f.beginWriting() {
		if tx.Do(statement); tx.failed != nil {
			return tx.failed
		}
	}
	version, told := f.version(tx.ctx, tx.s)
	if told && version == t.last {
		tx.kept = t.kept
	}
	t.kept, t.last = nil, version
	if !told {
		t.last = -1 // what this transaction keeps will not be believed
	}
	return nil
}

// version is SQLite's data_version, which counts what other connections have committed: ours is the only one that writes, beside those of the
// command line.
func (f *sqliteFile) version(ctx context.Context, s *session) (version int64, ok bool) {
	err := s.conn.Raw(func(conn any) error {
		if s.version == nil {
			stmt, err := conn.(driver.ConnPrepareContext).PrepareContext(context.WithoutCancel(ctx), "PRAGMA data_version")
			if err != nil {
				return err
			}
			s.version = stmt.(driver.StmtQueryContext)
		}
		rows, err := s.version.QueryContext(ctx, nil)
		if err != nil {
			return err
		}
		value := make([]driver.Value, 1)
		if err := errors.Join(rows.Next(value), rows.Close()); err != nil {
			return err
		}
		version, ok = value[0].(int64)
		return nil
	})
	return version, ok && err == nil
}

// places makes each $n a bare "?": for a place with a name the driver looks through all arguments, so that a row of twenty columns took
// longer to bind than to write.
func (f *sqliteFile) places(query string) (string, []int) {
	var text strings.Builder
	var order []int
	inOrder, quoted := true, byte(0)
	for i := 0; i < len(query); i++ {
		c := query[i]
		switch {
		case quoted != 0:
			if c == quoted {
				quoted = 0
			}
		case c == '\'' || c == '"':
			quoted = c
		case c == '$':
			n, end := 0, i+1
			for ; end < len(query) && query[end] >= '0' && query[end] <= '9'; end++ {
				n = 10*n + int(query[end]-'0')
			}
			if n == 0 {
				return query, nil // some other dollar
			}
			inOrder = inOrder && n == len(order)+1
			order = append(order, n-1)
			text.WriteByte('?')
			i = end - 1
			continue
		}
		text.WriteByte(c)
	}
	if inOrder {
		order = nil
	}
	return text.String(), order
}

func (f *sqliteFile) beginReading() string { return "BEGIN DEFERRED" }

// values also makes lists into JSON, which SQLite can take apart.
func (f *sqliteFile) values(args []any) []any {
	for i, a := range integers(args) {
		switch a.(type) {
		case []string, []int64:
			b, _ := json.Marshal(a) // of texts and numbers it can't fail
			args[i] = string(b)
		}
	}
	return args
}

func (f *sqliteFile) among(column, list string) string {
	place, _, _ := strings.Cut(list, "::")
	return column + " IN (SELECT value FROM json_each(" + place + "))"
}

func (f *sqliteFile) ask(ctx context.Context, s *session, q question) error {
	return s.answer(ctx, f, q)
}

func (f *sqliteFile) answers(context.Context, *session) error { return nil }

// insert writes one row at a time, since a statement costs SQLite little; past database/sql, which costs it more.
func (f *sqliteFile) insert(ctx context.Context, s *session, into *Table, rows []row) error {
	return s.conn.Raw(func(conn any) error {
		stmt, _ := s.inserting[into].(driver.StmtExecContext)
		if stmt == nil {
			text, _ := f.places(into.single)
			prepared, err := conn.(driver.ConnPrepareContext).PrepareContext(context.WithoutCancel(ctx), text)
			if err != nil {
				return err
			}
			s.inserting[into] = prepared
			stmt = prepared.(driver.StmtExecContext)
		}
		for len(s.bound) < len(into.columns) {
			s.bound = append(s.bound, driver.NamedValue{Ordinal: len(s.bound) + 1})
		}
		args := s.bound[:len(into.columns)]
		defer func() {
			for i := range args {
				args[i].Value = nil // nobody's words are kept
			}
		}()
		for _, r := range rows {
			values := r.get()
			if len(values) != len(args) {
				return fmt.Errorf("%d values for %d columns", len(values), len(args))
			}
			for i, v := range values {
				args[i].Value = asStored(v)
			}
			if _, err := stmt.ExecContext(ctx, args); err != nil {
				return err
			}
		}
		s.sent++
		return nil
	})
}

func (f *sqliteFile) explain(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case 13: // SQLITE_FULL
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
		if e.Code() == 778 { // SQLITE_IOERR_WRITE: how a full disk shows itself when the WAL cannot grow
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
	}
	return err
}

// broken is never true: a file does not hang up.
func (f *sqliteFile) broken(*sql.Conn) bool { return false }

func (f *sqliteFile) size() string {
	return "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
}

func (f *sqliteFile) numberOn(string) string { return "" }

// snapshot writes a compact copy, beside readers and the writer, on a connection of its own.
func (f *sqliteFile) snapshot(ctx context.Context, path string) (bool, error) {
	db, err := sql.Open("sqlite", f.dsn())
	if err != nil {
		return true, err
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO $1", path)
	return true, errors.Join(err, db.Close())
}

// filled has nothing to do: SQLite plans by the schema alone.
func (f *sqliteFile) filled(context.Context, []table) error { return nil }

// scrub empties the write-ahead log, which still holds the pages as they were; secure_delete has overwritten them in the file. Readers may hold
// the log for a while: they are waited for.
func (f *sqliteFile) scrub(ctx context.Context) (err error) {
	db, err := sql.Open("sqlite", f.dsn())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for range 10 { // busy_timeout waits within each
		var busy, frames, done int
		if err := db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &done); err != nil {
			return err
		}
		if busy == 0 {
			return nil
		}
	}
	return errors.New("somebody goes on reading: the write-ahead log is not emptied yet")
}

func (f *sqliteFile) committed(ctx context.Context, writer *sql.Conn, _ int, _ []string) {
	f.log.committed(ctx, f, writer)
}

// closing folds the write-ahead log into the file, so that the file alone can be copied.
func (f *sqliteFile) closing(write *sql.DB) {
	f.log.close()
	_, _ = write.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
}
