package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"takhojd/moderation/store"
)

const (
	// seeded is how many comments go the real road, judged and reviewed; the rest are copies of them.
	seeded = 5000
	// todays is how many more go it when the copies are in: what of them is flagged or hidden waits for a person.
	todays = 2000
	// apart is the time between two comments: ten million of them are nearly five years.
	apart = 15 * time.Second
)

// fill makes books with n comments and today's.
//
// The first thousands go through the program itself. Their rows are then multiplied by SQL, each copy with numbers, names and times of its
// own: all of a copy is said one seed's time after the one before. What the archive holds of each is written and committed to anew, so that
// the log verifies; only its earlier checkpoints are left out, and the revision's hash is the seed's. What is in no copy: pictures, edits and
// what happened in platforms' own tools.
func fill(ctx context.Context, folder string, n int) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := seed(ctx, folder, 0, min(seeded, n), true); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	if err := multiplied(ctx, filepath.Join(folder, books), n); err != nil {
		return fmt.Errorf("multiply: %w", err)
	}
	if err := indexWords(ctx, folder); err != nil {
		return err
	}
	if err := seed(ctx, folder, n, todays, false); err != nil {
		return fmt.Errorf("today's comments: %w", err)
	}
	return verified(ctx, folder, n)
}

// counted lets the program count what its figures do not have yet, and tells how long it took.
func counted(ctx context.Context, folder string) (took time.Duration, err error) {
	h, err := enter(ctx, folder)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, h.db.Close()) }()
	began := time.Now()
	err = h.work(ctx, func() error {
		for {
			var left int64
			err := h.db.View(ctx, func(tx *store.Tx) error {
				return tx.QueryRow(`SELECT (SELECT max(id) FROM decisions) - decisions + (SELECT max(id) FROM history) - history + (SELECT max(id) FROM flags) - flags FROM figure_cursor`).Scan(&left)
			})
			if err != nil || left == 0 {
				return err
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	return time.Since(began), err
}

// seed sends comments through the program.
func seed(ctx context.Context, folder string, from, n int, reviewed bool) (err error) {
	h, err := enter(ctx, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.db.Close()) }()
	texts, err := mixed(h.desk.Policy(), n)
	if err != nil {
		return err
	}
	if err := h.deliver(ctx, from, texts); err != nil || !reviewed {
		return err
	}
	return h.review(ctx)
}

// indexWords makes the archive's index of words, which the copies lack.
func indexWords(ctx context.Context, folder string) (err error) {
	h, err := enter(ctx, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.db.Close()) }()
	return h.archive.IndexWords(ctx, nil)
}

// mostVerified is the size up to which books are verified when they are made: larger ones are made by the same code, and take long.
const mostVerified = 100_000

func verified(ctx context.Context, folder string, n int) (err error) {
	if n > mostVerified {
		return nil
	}
	h, err := enter(ctx, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.db.Close()) }()
	report, err := h.archive.Verify(ctx, nil)
	if err == nil && !report.OK() {
		err = fmt.Errorf("the archive does not verify: %v", report.Problems[0])
	}
	return err
}

// copier multiplies the seed's rows on a connection of its own, which promises nothing: if we die here the books are made anew.
type copier struct {
	tx *sql.Conn
	// n is how many comments the seed has, copies how many times it is in the books in all.
	n, copies int64
	// latest is the highest number of each numbered table of the seed, leaves the length of its log.
	latest map[string]int64
	leaves int64
}

func multiplied(ctx context.Context, path string, n int) (err error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)&_pragma=cache_size(-1000000)&_pragma=temp_store(FILE)&_pragma=locking_mode(EXCLUSIVE)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	c := &copier{tx: conn, latest: map[string]int64{}}
	if err := c.measure(ctx, n); err != nil {
		return err
	}
	ledger, err := c.ledger(ctx)
	if err != nil {
		return err
	}
	indexes, err := c.dropIndexes(ctx)
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{c.shift, c.copyRows, func(ctx context.Context) error { return ledger.write(ctx, c) }, c.sums} {
		began := time.Now()
		if err := step(ctx); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%d: a step took %s\n", n, time.Since(began).Round(time.Second))
	}
	for _, index := range indexes {
		if err := c.exec(ctx, index); err != nil {
			return err
		}
	}
	return nil
}

func (c *copier) exec(ctx context.Context, statement string, args ...any) error {
	if _, err := c.tx.ExecContext(ctx, statement, args...); err != nil {
		return fmt.Errorf("%.60s: %w", statement, err)
	}
	return nil
}

func (c *copier) number(ctx context.Context, query string) (n int64, err error) {
	err = c.tx.QueryRowContext(ctx, query).Scan(&n)
	return n, err
}

// measure finds how large the seed is.
func (c *copier) measure(ctx context.Context, n int) (err error) {
	if c.n, err = c.number(ctx, `SELECT max(id) FROM comments`); err != nil {
		return err
	}
	c.copies = int64(n) / c.n
	if c.leaves, err = c.number(ctx, `SELECT count(*) FROM archive_entries`); err != nil {
		return err
	}
	for table, query := range map[string]string{"history": `SELECT max(id) FROM history`, "decisions": `SELECT max(id) FROM decisions`,
		"flags": `SELECT max(id) FROM flags`, "outbox": `SELECT max(id) FROM outbox`, "authors": `SELECT count(DISTINCT author_id) FROM comments`,
		"posts": `SELECT count(*) FROM posts`} {
		if c.latest[table], err = c.number(ctx, query); err != nil {
			return err
		}
	}
	return nil
}

// dropIndexes drops the indexes of the tables that are filled, and returns the statements that make them again: to make an index at the end
// is many times faster.
func (c *copier) dropIndexes(ctx context.Context) (again []string, err error) {
	rows, err := c.tx.QueryContext(ctx, `SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL
		AND (tbl_name IN ('comments', 'revisions', 'history', 'decisions', 'flags', 'outbox', 'hide_rules') OR tbl_name LIKE 'archive%')`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name, sql string
		if err := rows.Scan(&name, &sql); err != nil {
			return nil, err
		}
		names, again = append(names, name), append(again, sql)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := c.exec(ctx, "DROP INDEX "+name); err != nil {
			return nil, err
		}
	}
	return again, nil
}

// dated lists the columns that hold times, by table.
var dated = map[string][]string{"comments": {"posted_at", "received_at", "revised_at", "state_at", "violation_at"}, "revisions": {"at", "received_at"},
	"history": {"at"}, "decisions": {"received_at", "decided_at"}, "flags": {"opened_at", "due_at", "closed_at"},
	"outbox": {"not_before", "created_at", "since", "settled_at"}, "unseen": {"at"}}

// shift spreads the seed, which was made in seconds, over the days that it stands for: the i-th comment comes i times apart after the first,
// and all that followed from it as long after it as it did.
func (c *copier) shift(ctx context.Context) error {
	start := time.Now().Add(-time.Duration(c.n*c.copies) * apart)
	if err := c.exec(ctx, `CREATE TEMP TABLE shifts AS SELECT id, $1 + id * $2 - received_at AS by FROM comments`, store.Time(start), apart.Microseconds()); err != nil {
		return err
	}
	if err := c.exec(ctx, `CREATE UNIQUE INDEX temp.shifts_id ON shifts (id)`); err != nil {
		return err
	}
	for table, columns := range dated {
		if known, err := c.columns(ctx, table); err != nil {
			return err
		} else if len(known) == 0 {
			continue // of a schema that has no such table
		}
		of := "comment"
		if table == "comments" {
			of = "id"
		}
		for _, column := range columns {
			if err := c.exec(ctx, fmt.Sprintf(`UPDATE %[1]s SET %[2]s = %[2]s + coalesce((SELECT by FROM shifts WHERE shifts.id = %[1]s.%[3]s), 0) WHERE %[2]s > 0`, table, column, of)); err != nil {
				return err
			}
		}
	}
	for _, column := range []string{"posted_at", "received_at", "decided_at"} {
		if err := c.exec(ctx, fmt.Sprintf(`UPDATE archive_records SET %[1]s = %[1]s + (SELECT by FROM comments c JOIN shifts s ON s.id = c.id
			WHERE c.platform = archive_records.platform AND c.channel = archive_records.channel AND c.comment_id = archive_records.comment_id)`, column)); err != nil {
			return err
		}
	}
	return nil
}

// renamed says how a copy's columns differ from the seed's; k is the number of the copy. What is not named is the same, and times move by
// themselves.
func (c *copier) renamed() map[string]string {
	by := func(column, step string) string { return fmt.Sprintf("%s + k * %s", column, step) }
	some := func(column, step string) string {
		return fmt.Sprintf("CASE WHEN %s = 0 THEN 0 ELSE %[1]s + k * %s END", column, step)
	}
	name := func(column string, step int64) string {
		return fmt.Sprintf("CASE WHEN %s = '' THEN '' ELSE substr(%[1]s, 1, 2) || (CAST(substr(%[1]s, 3) AS INTEGER) + k * %d) END", column, step)
	}
	n, posts, authors := fmt.Sprint(c.n), c.latest["posts"], c.latest["authors"]
	record := fmt.Sprintf("CASE WHEN record_id = '' THEN '' ELSE substr(record_id, 1, 5) || printf('%%06d', CAST(substr(record_id, 6) AS INTEGER) + k * %d) END", c.leaves)
	author := func(column string) string {
		return fmt.Sprintf("CAST(CAST(%s AS INTEGER) + k * %d AS TEXT)", column, authors)
	}
	step := func(table string) string { return fmt.Sprint(c.latest[table]) }
	return map[string]string{"comments.id": by("id", n), "comments.comment_id": name("comment_id", c.n), "comments.parent_id": name("parent_id", c.n),
		"comments.post_id": name("post_id", posts), "comments.author_id": author("author_id"), "comments.author_name": "author_name || ' ' || k",
		"comments.text": "text || ' " + token + "' || k", "comments.record_id": record,
		"comments.repeated": some("repeated", "1"),
		"revisions.comment": by("comment", n), "revisions.text": "text || ' " + token + "' || k",
		"history.id": by("id", step("history")), "history.comment": by("comment", n),
		"decisions.id": by("id", step("decisions")), "decisions.comment": by("comment", n), "decisions.flag": some("flag", step("flags")), "decisions.record_id": record,
		"flags.id": by("id", step("flags")), "flags.comment": by("comment", n), "flags.decision": by("decision", step("decisions")),
		"outbox.id": by("id", step("outbox")), "outbox.comment": some("comment", n), "outbox.decision": some("decision", step("decisions")), "outbox.record_id": record,
		"outbox.argument": "CASE WHEN action = 'post' THEN " + name("argument", posts) + " ELSE argument END",
		"posts.post_id":   name("post_id", posts), "hide_rules.decision": by("decision", step("decisions")),
		"unseen.comment": by("comment", n), "unseen.decision": by("decision", step("decisions")),
		"archive_records.leaf": by("leaf", fmt.Sprint(c.leaves)), "archive_records.record_id": record, "archive_records.comment_id": name("comment_id", c.n),
		"archive_records.author_id": author("author_id"), "archive_records.author_name": "author_name || ' ' || k", "archive_categories.leaf": by("leaf", fmt.Sprint(c.leaves))}
}

// token begins the word that tells one copy of a text from another.
const token = "linje"

// multipliedTables are those whose rows are multiplied, each after those that it refers to. The last two are the newest of the schema.
var multipliedTables = []string{"posts", "comments", "revisions", "history", "decisions", "flags", "outbox", "hide_rules", "archive_records", "unseen", "archive_categories"}

// perStatement is how many copies one INSERT makes.
const perStatement = 100

// copyRows multiplies the rows of each table.
func (c *copier) copyRows(ctx context.Context) error {
	if err := c.exec(ctx, `CREATE TEMP TABLE copies AS WITH RECURSIVE n (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < $1 - 1) SELECT k FROM n WHERE k < $1`, c.copies); err != nil {
		return err
	}
	if err := c.exec(ctx, `PRAGMA foreign_keys = OFF`); err != nil {
		return err
	}
	renamed := c.renamed()
	for _, table := range multipliedTables {
		columns, err := c.columns(ctx, table)
		if err != nil {
			return err
		}
		if len(columns) == 0 {
			continue // of a schema that has no such table
		}
		began := time.Now()
		if err := c.copyTable(ctx, table, columns, renamed); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%s: %s\n", table, time.Since(began).Round(time.Second))
	}
	return nil
}

func (c *copier) columns(ctx context.Context, table string) (names []string, err error) {
	rows, err := c.tx.QueryContext(ctx, `SELECT name FROM pragma_table_info($1)`, table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

func (c *copier) copyTable(ctx context.Context, table string, columns []string, renamed map[string]string) error {
	when := map[string]bool{}
	for _, column := range append(dated[table], map[string][]string{"posts": {"posted_at", "read_at"}, "archive_records": {"posted_at", "received_at", "decided_at"}}[table]...) {
		when[column] = true
	}
	values := make([]string, len(columns))
	for i, column := range columns {
		switch as, ok := renamed[table+"."+column]; {
		case ok:
			values[i] = as
		case when[column]:
			values[i] = fmt.Sprintf("CASE WHEN %s = 0 THEN 0 ELSE %[1]s + k * %d END", column, c.n*apart.Microseconds())
		default:
			values[i] = column
		}
	}
	if err := c.exec(ctx, `CREATE TEMP TABLE seed_`+table+` AS SELECT * FROM `+table+` ORDER BY rowid`); err != nil {
		return err
	}
	insert := `INSERT INTO ` + table + ` (` + strings.Join(columns, ", ") + `) SELECT ` + strings.Join(values, ", ") + ` FROM copies CROSS JOIN seed_` + table + ` WHERE k >= $1 AND k < $2`
	for k := int64(1); k < c.copies; k += perStatement {
		if err := c.exec(ctx, insert, k, k+perStatement); err != nil {
			return err
		}
	}
	return c.exec(ctx, `DROP TABLE seed_`+table)
}

// sums makes the sums of the rules those of all copies; those of the figures the program makes anew, as after an upgrade.
func (c *copier) sums(ctx context.Context) error {
	for _, statement := range []string{`DELETE FROM figure_sums`, `UPDATE figure_cursor SET decisions = 0, history = 0, flags = 0`} {
		if err := c.exec(ctx, statement); err != nil {
			return err
		}
	}
	return c.exec(ctx, `UPDATE rule_records SET hides = hides * $1, reviewed = reviewed * $1, upheld = upheld * $1`, c.copies)
}
