package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// ErrNotEmpty says that a database holds something already, where an empty one is needed.
var ErrNotEmpty = errors.New("the database is not empty")

// copyBatch is how many rows [Copy] writes in one transaction.
const copyBatch = 1000

// created finds the tables of a schema file, and dropped those that it takes away. The index of words is no table to be copied: it is made of what
// the archive holds.
var (
	created = regexp.MustCompile(`(?m)^CREATE TABLE (\w+) \(\n(?: +id +INTEGER +PRIMARY KEY)?`)
	dropped = regexp.MustCompile(`(?m)^DROP TABLE (\w+);`)
)

// table is one that is copied. numbered tells whether it gives its rows numbers of its own.
type table struct {
	name     string
	numbered bool
}

// tables lists what a database keeps, each after those that it refers to.
func tables() ([]table, error) {
	names, err := fs.Glob(schemaFiles, "schema/*.sql")
	if err != nil {
		return nil, err
	}
	var found []table
	for _, name := range names {
		text, err := schemaFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		shared := dialectOf("none", string(text))
		for _, m := range created.FindAllStringSubmatch(shared, -1) {
			found = append(found, table{m[1], strings.HasSuffix(m[0], "KEY")})
		}
		for _, m := range dropped.FindAllStringSubmatch(shared, -1) {
			found = slices.DeleteFunc(found, func(t table) bool { return t.name == m[1] })
		}
	}
	return found, nil
}

// Copy writes everything that from holds into to, which must be as Open made it, and tells progress of each table how many rows are there.
// The one may be SQLite and the other PostgreSQL, either way. Nobody may write to from meanwhile: what is read is one snapshot of it.
// The index of words is left to the archive.
//
// If we die in the middle, to holds a part and says so by not being empty: it is to be dropped and begun anew. from is never changed.
func Copy(ctx context.Context, from, to *DB, progress func(table string, rows int64)) error {
	all, err := tables()
	if err != nil {
		return err
	}
	if err := to.clear(ctx, all); err != nil {
		return fmt.Errorf("store: copy: %w", err)
	}
	return from.View(ctx, func(tx *Tx) error {
		for _, t := range all {
			if err := copyTable(ctx, tx, to, t, progress); err != nil {
				return fmt.Errorf("store: copy %s: %w", t.name, err)
			}
		}
		return nil
	})
}

// Snapshot writes one moment of a database into a new SQLite file, whatever engine keeps it, while others read and write. A file that was
// made of a PostgreSQL database lacks the index of words; the archive makes it anew.
func (db *DB) Snapshot(ctx context.Context, path string, progress func(table string, rows int64)) (err error) {
	if done, err := db.engine.snapshot(ctx, path); done {
		if err != nil {
			return fmt.Errorf("store: snapshot: %w", db.engine.explain(err))
		}
		return nil
	}
	file, err := Open(ctx, path)
	if err != nil {
		return err
	}
	return errors.Join(Copy(ctx, db, file, progress), file.Close())
}

// Filled tells the database that many rows were written at once, so that it looks at what its tables hold now and not when it gets round
// to it.
func (db *DB) Filled(ctx context.Context) error {
	all, err := tables()
	if err == nil {
		err = db.engine.filled(ctx, all)
	}
	if err != nil {
		return fmt.Errorf("store: count what is there: %w", db.engine.explain(err))
	}
	return nil
}

// clear takes away what the schema files put into their tables, and refuses when there is more than that.
func (db *DB) clear(ctx context.Context, all []table) error {
	return db.Update(ctx, func(tx *Tx) error {
		for _, name := range []string{"comments", "inbox", "archive_entries", "accounts"} {
			var n int
			if err := tx.QueryRow(`SELECT count(*) FROM (SELECT 1 FROM ` + name + ` LIMIT 1) AS first`).Scan(&n); err != nil {
				return err
			}
			if n > 0 {
				return fmt.Errorf("%w: %s has rows", ErrNotEmpty, name)
			}
		}
		for _, t := range slices.Backward(all) {
			if _, err := tx.Exec(`DELETE FROM ` + t.name); err != nil {
				return err
			}
		}
		return nil
	})
}

func copyTable(ctx context.Context, tx *Tx, to *DB, t table, progress func(string, int64)) error {
	rows, err := tx.Query(`SELECT * FROM ` + t.name)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	var total int64
	var batch [][]any
	filled := map[string]*Table{}
	// there is a table of the columns that a row has a value in, and the values: what is left out has none in the copy either.
	there := func(row []any) (*Table, []any) {
		var names []string
		var values []any
		for i, v := range row {
			if v != nil {
				names, values = append(names, columns[i]), append(values, v)
			}
		}
		key := strings.Join(names, " ")
		if filled[key] == nil {
			filled[key] = NewTable(t.name, key)
		}
		return filled[key], values
	}
	write := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := to.Update(ctx, func(tx *Tx) error {
			for _, row := range batch {
				into, values := there(row)
				tx.Insert(into, values...)
			}
			return tx.Flush()
		})
		total += int64(len(batch))
		batch = batch[:0]
		if progress != nil {
			progress(t.name, total)
		}
		return err
	}
	for rows.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if batch = append(batch, row); len(batch) == copyBatch {
			if err := write(); err != nil {
				return err
			}
		}
	}
	if err := errors.Join(rows.Err(), write()); err != nil {
		return err
	}
	return to.numberOn(ctx, t)
}

// numberOn lets a table's own numbers go on after the highest that was copied.
func (db *DB) numberOn(ctx context.Context, t table) error {
	statement := db.engine.numberOn(t.name)
	if !t.numbered || statement == "" {
		return nil
	}
	return db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(statement)
		return err
	})
}
