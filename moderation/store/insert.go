package store

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Table is what [Tx.Insert] puts rows into.
type Table struct {
	name    string
	columns []string
	casts   []string // what PostgreSQL must be told about a column ("::tsvector"); most often nothing
	rank    int
	single  string // inserts one row
	there   string // what becomes of a row whose key is there already; most often nothing: it must not be
}

// NewTable names a table and the columns that are given, separated by spaces, and the tables that its rows refer to: rows of these are
// written first. A column whose type on PostgreSQL is none of bigint, text, bytea and double precision says so ("stems::tsvector").
func NewTable(name, columns string, refersTo ...*Table) *Table {
	t := &Table{name: name}
	for column := range strings.FieldsSeq(columns) {
		column, cast, _ := strings.Cut(column, "::")
		if cast != "" {
			cast = "::" + cast
		}
		t.columns, t.casts = append(t.columns, column), append(t.casts, cast)
	}
	for _, other := range refersTo {
		t.rank = max(t.rank, other.rank+1)
	}
	t.one()
	return t
}

// Adding is a table of sums: of a row whose key is there already, every column beside the key's is added to what it holds. Of rows that are written together no
// two may have the same key.
func (t *Table) Adding(key string) *Table {
	var sums []string
	for _, column := range t.columns {
		if !slices.Contains(strings.Fields(key), column) {
			sums = append(sums, column+" = "+t.name+"."+column+" + excluded."+column)
		}
	}
	t.there = " ON CONFLICT (" + strings.Join(strings.Fields(key), ", ") + ") DO UPDATE SET " + strings.Join(sums, ", ")
	t.one()
	return t
}

func (t *Table) one() {
	places := make([]string, len(t.columns))
	for i := range places {
		places[i] = "$" + strconv.Itoa(i+1)
	}
	t.single = t.into() + " VALUES (" + strings.Join(places, ", ") + ")" + t.there
}

func (t *Table) into() string {
	return "INSERT INTO " + t.name + " (" + strings.Join(t.columns, ", ") + ")"
}

// row is what is to be inserted: its values, or what tells them when it is written.
type row struct {
	values []any
	later  func() []any
}

func (r row) get() []any {
	if r.later != nil {
		return r.later()
	}
	return r.values
}

// rowsOf are the rows that wait to be written into a table.
type rowsOf struct {
	table *Table
	rows  []row
}

// Insert adds a row, of a value for each of the table's columns: a string, an integer, bytes, a truth or a time. It is written together with
// others of its table, in the order in which they were added, before anything else is asked or written in this transaction and at
// the latest at its end: to PostgreSQL a statement costs more than a dozen rows in it. If it cannot be written, whatever is asked next
// fails, and so does the transaction.
func (tx *Tx) Insert(t *Table, values ...any) { tx.insert(t, row{values: values}) }

// InsertLater is Insert of a row that says its values only when it is written, once: what changed until then is in it.
func (tx *Tx) InsertLater(t *Table, values func() []any) { tx.insert(t, row{later: values}) }

func (tx *Tx) insert(t *Table, r row) {
	s := tx.s
	i := slices.IndexFunc(s.waiting, func(w rowsOf) bool { return w.table == t })
	if i < 0 {
		i, _ = slices.BinarySearchFunc(s.waiting, t.rank+1, func(w rowsOf, rank int) int { return w.table.rank - rank })
		s.waiting = slices.Insert(s.waiting, i, rowsOf{table: t})
	}
	s.waiting[i].rows = append(s.waiting[i].rows, r)
	s.waits = true
	tx.wrote(t.name)
}

// Flush writes what rows wait, for callers that must know whether they can be written before anybody else has a turn in this transaction.
func (tx *Tx) Flush() error {
	if tx.alone {
		return tx.flush()
	}
	return tx.Answers()
}

// errOnce says that a second question was asked where there may be one.
var errOnce = errors.New("store: one question may be asked here")

// flush writes the rows that wait, before something else is asked.
func (tx *Tx) flush() error {
	if tx.once {
		if tx.asked {
			return errOnce
		}
		tx.asked = true
		return nil
	}
	s := tx.s
	if tx.failed != nil || !s.waits {
		return tx.failed
	}
	s.waits = false
	for i := range s.waiting {
		w := &s.waiting[i]
		if len(w.rows) == 0 {
			continue
		}
		if err := tx.engine.insert(tx.ctx, s, w.table, w.rows); err != nil {
			tx.fail(fmt.Errorf("store: insert into %s: %w", w.table.name, err))
			return tx.failed
		}
		s.written += len(w.rows)
		clear(w.rows)
		w.rows = w.rows[:0]
	}
	return nil
}

// queued is how many statements wait to be sent.
func (s *session) queued() int {
	if s.pipeline == nil {
		return 0
	}
	return len(s.pipeline.queued)
}

// asked tells whether there are answers to come that somebody reads.
func (s *session) asked() bool {
	reads := func(q question) bool { return q.read != nil }
	return s.pipeline != nil && (slices.ContainsFunc(s.pipeline.queued, reads) || slices.ContainsFunc(s.pipeline.sent, reads))
}

// unqueue drops those past the first n.
func (s *session) unqueue(n int) {
	if s.pipeline != nil {
		clear(s.pipeline.queued[n:])
		s.pipeline.queued = s.pipeline.queued[:n]
	}
}

// forget drops the rows that wait.
func (s *session) forget() {
	for i := range s.waiting {
		clear(s.waiting[i].rows)
		s.waiting[i].rows = s.waiting[i].rows[:0]
	}
	s.waits = false
}

// asStored is a value as every driver stores it alike: a number, a text or bytes.
func asStored(v any) any {
	switch v := v.(type) {
	case time.Time:
		return Time(v)
	case bool:
		if v {
			return int64(1)
		}
		return int64(0)
	case int:
		return int64(v)
	}
	return v
}
