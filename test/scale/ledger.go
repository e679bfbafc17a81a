package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"takhojd/archive"
	"takhojd/platforms"
)

// ledger is what the seed's archive holds, to be written once for each copy.
type ledger struct{ entries []entry }

// entry is one line of the ledger. One of the three bodies is filled in, as its kind says.
type entry struct {
	record   string
	kind     archive.Kind
	body     archive.Record
	outcome  archive.Outcome
	decision archive.Decision
	// by is how far its comment is shifted in time.
	by time.Duration
}

// ledger reads the seed's.
func (c *copier) ledger(ctx context.Context) (*ledger, error) {
	rows, err := c.tx.QueryContext(ctx, `SELECT e.record_id, e.kind, e.body FROM archive_entries e ORDER BY e.leaf`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var l ledger
	for rows.Next() {
		var e entry
		var kind string
		var body []byte
		if err := rows.Scan(&e.record, &kind, &body); err != nil {
			return nil, err
		}
		into := map[string]any{"record": &e.body, "outcome": &e.outcome, "decision": &e.decision}[kind]
		if into == nil {
			return nil, fmt.Errorf("no copies are made of entries of kind %q", kind)
		}
		if err := json.Unmarshal(body, into); err != nil {
			return nil, err
		}
		e.kind = archive.Kind(kind)
		l.entries = append(l.entries, e)
	}
	return &l, rows.Err()
}

// write writes the log anew: every copy's entries with salts, commitments and hashes of their own.
func (l *ledger) write(ctx context.Context, c *copier) error {
	if err := l.times(ctx, c); err != nil {
		return err
	}
	for _, statement := range []string{`DELETE FROM archive_entries`, `DELETE FROM log_hashes`, `DELETE FROM log_checkpoints`, `DELETE FROM archive_words`, `BEGIN`} {
		if err := c.exec(ctx, statement); err != nil {
			return err
		}
	}
	w, err := newLog(ctx, c.tx)
	if err != nil {
		return err
	}
	defer w.entry.Close()
	defer w.hash.Close()
	for k := range c.copies {
		for _, e := range l.entries {
			if err := w.add(ctx, c, e, k); err != nil {
				return err
			}
		}
	}
	return c.exec(ctx, `COMMIT`)
}

// times learns how far each entry's comment was shifted.
func (l *ledger) times(ctx context.Context, c *copier) error {
	shifts := map[string]time.Duration{}
	rows, err := c.tx.QueryContext(ctx, `SELECT r.record_id, s.by FROM archive_records r JOIN comments c ON c.platform = r.platform AND c.channel = r.channel
		AND c.comment_id = r.comment_id JOIN shifts s ON s.id = c.id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var record string
		var by int64
		if err := rows.Scan(&record, &by); err != nil {
			return err
		}
		shifts[record] = time.Duration(by) * time.Microsecond
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for i := range l.entries {
		l.entries[i].by = shifts[l.entries[i].record]
	}
	return nil
}

// logWriter appends to a log that it holds in memory, 32 bytes a hash.
type logWriter struct {
	entry, hash *sql.Stmt
	hashes      []tlog.Hash
	leaf        int64
}

func newLog(ctx context.Context, on *sql.Conn) (*logWriter, error) {
	entry, err := on.PrepareContext(ctx, `INSERT INTO archive_entries (leaf, record_id, kind, body, salt, commitment) VALUES ($1, $2, $3, $4, $5, $6)`)
	if err != nil {
		return nil, err
	}
	hash, err := on.PrepareContext(ctx, `INSERT INTO log_hashes (idx, hash) VALUES ($1, $2)`)
	return &logWriter{entry: entry, hash: hash}, err
}

// ReadHashes implements tlog.HashReader.
func (w *logWriter) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		found[i] = w.hashes[index]
	}
	return found, nil
}

// add writes the k-th copy of an entry as the archive itself would.
func (w *logWriter) add(ctx context.Context, c *copier, e entry, k int64) error {
	record, body := c.copied(e, k)
	canonical, err := archive.Canonical(body)
	if err != nil {
		return err
	}
	salt := make([]byte, 32)
	_, _ = rand.Read(salt) // never fails
	m := hmac.New(sha256.New, salt)
	m.Write([]byte(record + "\x00" + string(e.kind) + "\x00"))
	m.Write(canonical)
	commitment := m.Sum(nil)
	stmt := w.entry
	if _, err := stmt.ExecContext(ctx, w.leaf, record, string(e.kind), canonical, salt, commitment); err != nil {
		return err
	}
	hashes, err := tlog.StoredHashes(w.leaf, commitment, w)
	if err != nil {
		return err
	}
	stmt = w.hash
	for _, h := range hashes {
		if _, err := stmt.ExecContext(ctx, len(w.hashes), h[:]); err != nil {
			return err
		}
		w.hashes = append(w.hashes, h)
	}
	w.leaf++
	return nil
}

// copied is the k-th copy of an entry: the same words, by another author and at another time.
func (c *copier) copied(e entry, k int64) (record string, body any) {
	later := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return t.Add(e.by + time.Duration(k*c.n)*apart)
	}
	number := func(name string, step int64) string {
		i, err := strconv.ParseInt(name[2:], 10, 64)
		if err != nil {
			return name
		}
		return name[:2] + strconv.FormatInt(i+k*step, 10)
	}
	leaf, _ := strconv.ParseInt(e.record[5:], 10, 64) // we made it
	record = fmt.Sprintf("%s%06d", e.record[:5], leaf+k*c.leaves)
	decided := func(d archive.Decision) archive.Decision {
		d.ID, d.At = d.ID+k*c.latest["decisions"], later(d.At)
		return d
	}
	switch e.kind {
	case archive.KindOutcome:
		o := e.outcome
		o.At = later(o.At)
		return record, o
	case archive.KindDecision:
		return record, decided(e.decision)
	}
	r := e.body
	r.ID, r.Ref.Comment, r.Post.ID = record, number(r.Ref.Comment, c.n), number(r.Post.ID, c.latest["posts"])
	if r.Parent != "" {
		r.Parent = number(r.Parent, c.n)
	}
	if k > 0 {
		author, _ := strconv.ParseInt(r.Author.ID, 10, 64) // we made it
		r.Author = platforms.Author{ID: strconv.FormatInt(author+k*c.latest["authors"], 10), Name: fmt.Sprintf("%s %d", r.Author.Name, k)}
		r.Text = fmt.Sprintf("%s %s%d", r.Text, token, k)
	}
	r.Posted, r.Received, r.Captured, r.Decision = later(r.Posted), later(r.Received), later(r.Captured), decided(r.Decision)
	return record, r
}
