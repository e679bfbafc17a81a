// Package archive remembers: what a comment said, before it is taken from sight, and all that was done with it after.
//
// It is a ledger. An [Entry] is a record – what was said, who said it, the policy's verdict, the decision – or something added
// to a record later: its pictures, what the platform answered, what a person then decided. Each entry is committed to by one leaf
// of a hash log (golang.org/x/mod/sumdb/tlog, RFC 6962), and each transaction that adds leaves ends with a signed checkpoint of the
// whole log. So nothing that stands here can be changed by one bit without [Archive.Verify] naming it.
//
// The path: moderation calls [Archive.Append] inside the transaction that also holds its decision and its outbox row; the
// checkpoint is signed right before the commit, once for all who share it; and [Archive.Receipt], reading only what is committed,
// makes the key that opens a platform's removal call.
//
// A leaf is the hash of a salted commitment, HMAC-SHA256 under 256 random bits of its own: once body and salt are disposed
// of under a decision, the log still verifies and the leaf reveals nothing.
package archive

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"

	"takhojd/moderation/store"
	"takhojd/platforms"
)

// ErrNotFound says that the archive holds no such record.
var ErrNotFound = errors.New("the archive has no such record")

// Record is what was kept of one comment at the moment of one decision. Its RFC 8785 form is what the log commits to.
type Record struct {
	// ID is the year and the number of the record's leaf in the log: "2026-000123".
	ID  string        `json:"id"`
	Ref platforms.Ref `json:"ref"`
	// Revision identifies what the comment said; see platforms.Comment.Revision.
	Revision    string                 `json:"revision"`
	Post        Post                   `json:"post"`
	Parent      string                 `json:"parent,omitempty"`
	ParentText  string                 `json:"parent_text,omitempty"`
	Author      platforms.Author       `json:"author"`
	Text        string                 `json:"text"`
	Attachments []platforms.Attachment `json:"attachments,omitempty"`
	Permalink   string                 `json:"permalink,omitempty"`
	// Posted is by the platform's clock; Received when it became accessible to us; Captured when the record was written.
	Posted   time.Time `json:"posted"`
	Received time.Time `json:"received"`
	Captured time.Time `json:"captured"`
	// Raw is what the platform sent, byte for byte (base64 in JSON).
	Raw []byte `json:"raw,omitempty"`
	// Policy is the version of the policy that judged, Verdict what it said, with its evidence.
	Policy     string          `json:"policy"`
	Verdict    json.RawMessage `json:"verdict,omitempty"`
	Categories []string        `json:"categories"`
	Decision   Decision        `json:"decision"`
	// Message is set when the record is of what the authority itself wrote. Ref then names the channel and no comment, Author is the
	// channel's account, and Parent the comment that is answered.
	Message *Message `json:"message,omitempty"`
}

// Message is what is particular about the authority's own words. Their text is [Record.Text], who sent them and when is
// [Record.Decision], and what the platform calls them stands in the [Outcome] that follows.
type Message struct {
	// Private is true for what only the author of the answered comment is shown.
	Private bool `json:"private,omitempty"`
	// Answers is the record of the answered comment, where it has one.
	Answers string `json:"answers,omitempty"`
	// Template is the template that it was made from and its version ("tack/3"); empty: written from nothing.
	Template string `json:"template,omitempty"`
}

// Post is the authority's own post that the comment stood under.
type Post struct {
	ID   string `json:"id"`
	Text string `json:"text,omitempty"`
}

// Decision is what was decided, by whom and why. The reason is the one given at the time.
type Decision struct {
	ID     int64  `json:"id"`
	Action string `json:"action"`
	// By is "bot", "person:<account>" or "platform".
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// Kind says what an entry of the ledger is.
type Kind string

// The kinds of entries.
const (
	KindRecord   Kind = "record"   // the record itself: a Record
	KindMedia    Kind = "media"    // pictures that were kept, or why they were not: a MediaEntry
	KindOutcome  Kind = "outcome"  // what the platform answered: an Outcome
	KindDecision Kind = "decision" // a later decision on the same comment: a Decision
	KindHold     Kind = "hold"     // that it must not be disposed of, or may again: a Hold
	KindDisposal Kind = "disposal" // that records were disposed of, under an id of its own: a Disposal
)

// writtenAt reads from an entry's body when it was written.
func writtenAt(body []byte) time.Time {
	var stamps struct{ Captured, At time.Time }
	if json.Unmarshal(body, &stamps) != nil {
		return time.Time{}
	}
	if !stamps.Captured.IsZero() {
		return stamps.Captured
	}
	return stamps.At
}

// Outcome is what a platform answered to something that was done with a recorded comment.
type Outcome struct {
	Action string `json:"action"`
	// Result is "done", "already", "gone", "stale", "cancelled" or "failed".
	Result string    `json:"result"`
	At     time.Time `json:"at"`
	// Comment is the platform's own id of what we wrote, for what we say.
	Comment string `json:"comment,omitempty"`
	// Effect says truthfully what the platform does with it ("hidden from all but its author and their friends").
	Effect string `json:"effect,omitempty"`
	Error  string `json:"error,omitempty"`
}

// MediaEntry lists a comment's pictures and films as they were kept.
type MediaEntry struct {
	Media []KeptMedia `json:"media"`
	At    time.Time   `json:"at"`
}

// KeptMedia is one picture or film. SHA256 is empty, and Error says why, where it could not be had.
type KeptMedia struct {
	Place  int    `json:"place"`
	Kind   string `json:"kind"`
	URL    string `json:"url,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	Type   string `json:"type,omitempty"`
	Size   int    `json:"size,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Entry is one line of the ledger.
type Entry struct {
	Leaf   int64
	Record string
	Kind   Kind
	// At is when it was written, as its body says.
	At time.Time
	// Body is RFC 8785 JSON; empty once disposed of.
	Body json.RawMessage
}

// Archive is the ledger in one database. All methods may be called from any goroutine.
type Archive struct {
	db       *store.DB
	signer   note.Signer
	verifier note.Verifier
	public   string
	secret   []byte // what pseudonyms are made with
	now      func() time.Time
	// grew is how large this process last made the log. It is a guess at what to ask for beforehand, no more: that commit may have failed.
	grew atomic.Int64
}

// New returns the archive that lives in db and signs its checkpoints with key. It must be called before the first write to db.
func New(db *store.DB, key Key) (*Archive, error) {
	signer, err := note.NewSigner(key.private)
	if err != nil {
		return nil, fmt.Errorf("archive: signing key: %w", err)
	}
	verifier, err := note.NewVerifier(key.Public)
	if err != nil {
		return nil, fmt.Errorf("archive: verifier key: %w", err)
	}
	secret := sha256.Sum256([]byte("takhojd pseudonyms\n" + key.private))
	a := &Archive{db: db, signer: signer, verifier: verifier, public: key.Public, secret: secret[:], now: time.Now}
	db.BeforeCommit(a.checkpoint)
	return a, nil
}

var recordsTable = store.NewTable("archive_records", `leaf record_id platform channel comment_id revision author_id author_name categories action
	decided_by posted_at received_at decided_at`, entriesTable)

// Append writes a record and its leaf within the caller's transaction and returns the record's id. r.ID and r.Captured are
// filled in. The record exists only once the transaction is committed; until then no receipt can be had for it.
func (a *Archive) Append(tx *store.Tx, r Record) (string, error) {
	leaf, err := nextLeaf(tx)
	if err != nil {
		return "", err
	}
	now := a.now().UTC().Truncate(time.Microsecond)
	r.ID = fmt.Sprintf("%04d-%06d", now.Year(), leaf)
	r.Captured = now
	if r.Categories == nil {
		r.Categories = []string{}
	}
	if err := a.enter(tx, leaf, r.ID, KindRecord, r); err != nil {
		return "", err
	}
	c := columnsOf(r)
	tx.Insert(recordsTable, leaf, r.ID, c.platform, c.channel, c.comment, c.revision, c.authorID, c.authorName, c.categories, c.action,
		c.decidedBy, c.posted, c.received, c.decided)
	indexWords(tx, leaf, r.Text, r.Author.Name)
	return r.ID, nil
}

// Add writes something that belongs to a record which stands already: its pictures, an outcome, a later decision. body is
// one of MediaEntry, Outcome, Decision and Hold, as kind says.
func (a *Archive) Add(tx *store.Tx, record string, kind Kind, body any) error {
	leaf, err := nextLeaf(tx)
	if err != nil {
		return err
	}
	return a.enter(tx, leaf, record, kind, body)
}

// enter writes one line of the ledger and its leaf.
func (a *Archive) enter(tx *store.Tx, leaf int64, record string, kind Kind, body any) error {
	canonical, err := Canonical(body)
	if err != nil {
		return err
	}
	salt := make([]byte, 32)
	if _, err := rand.Read(salt); err != nil {
		return fmt.Errorf("archive: salt: %w", err)
	}
	commitment := commit(salt, record, kind, canonical)
	tx.Insert(entriesTable, leaf, record, string(kind), canonical, salt, commitment)
	if err := growLog(tx, leaf, commitment); err != nil {
		return err
	}
	tx.Mark()
	return nil
}

// commit is the salted commitment that a leaf hashes: to the body, and to which record and kind it is, so that an entry cannot be
// moved to another record either.
func commit(salt []byte, record string, kind Kind, body []byte) []byte {
	m := hmac.New(sha256.New, salt)
	m.Write([]byte(record + "\x00" + string(kind) + "\x00"))
	m.Write(body)
	return m.Sum(nil)
}

// Receipt returns the receipt of a committed record. It reads what is committed and nothing else, and makes sure that the
// record's leaf lies under a checkpoint that we signed: a record without its leaf gives no receipt.
func (a *Archive) Receipt(ctx context.Context, record string) (Receipt, error) {
	r := Receipt{record: record}
	var platform string
	var checkpoint string
	err := a.db.Look(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT r.leaf, r.platform, r.channel, r.comment_id, r.revision, c.note FROM archive_records r JOIN log_checkpoints c
			ON c.size = (SELECT max(size) FROM log_checkpoints) AND c.size > r.leaf WHERE r.record_id = $1`, record).
			Scan(&r.leaf, &platform, &r.ref.Channel, &r.ref.Comment, &r.revision, &checkpoint)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return Receipt{}, fmt.Errorf("archive: receipt for %s: %w", record, ErrNotFound)
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("archive: receipt for %s: %w", record, err)
	}
	if r.ref.Comment == "" {
		return Receipt{}, fmt.Errorf("archive: receipt for %s: it is of no comment, and removes none: %w", record, ErrNoReceipt)
	}
	if _, err := note.Open([]byte(checkpoint), note.VerifierList(a.verifier)); err != nil {
		return Receipt{}, fmt.Errorf("archive: receipt for %s: checkpoint: %w", record, err)
	}
	r.ref.Platform = platforms.Platform(platform)
	return r, nil
}

// columns is what a record is searched by.
type columns struct {
	platform, channel, comment, revision, authorID, authorName, categories, action, decidedBy string
	posted, received, decided                                                                 int64
}

func columnsOf(r Record) columns {
	return columns{platform: string(r.Ref.Platform), channel: r.Ref.Channel, comment: r.Ref.Comment, revision: r.Revision,
		authorID: r.Author.ID, authorName: r.Author.Name, categories: spaced(r.Categories), action: r.Decision.Action,
		decidedBy: r.Decision.By, posted: store.Time(r.Posted), received: store.Time(r.Received), decided: store.Time(r.Decision.At)}
}

// spaced writes words so that each can be found with LIKE '% word %'.
func spaced(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return " " + strings.Join(words, " ") + " "
}

// Begun tells whether a database holds a log: whoever opens it then needs the key that signed it.
func Begun(ctx context.Context, db *store.DB) (bool, error) {
	var n int
	err := db.View(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT count(*) FROM (SELECT 1 FROM log_checkpoints LIMIT 1) AS first`).Scan(&n)
	})
	if err != nil {
		return false, fmt.Errorf("archive: %w", err)
	}
	return n > 0, nil
}

// IndexWords makes the index of words anew for the records that it lacks, from what they say: after the books were moved to another
// database, which is then told that it is filled. progress, when given, is told how many are done.
func (a *Archive) IndexWords(ctx context.Context, progress func(done int64)) error {
	var done int64
	for {
		n, err := a.indexSome(ctx)
		if err != nil {
			return fmt.Errorf("archive: index words: %w", err)
		}
		if n == 0 {
			return a.db.Filled(ctx)
		}
		if done += int64(n); progress != nil {
			progress(done)
		}
	}
}

// indexSome indexes the next few records that are not indexed.
func (a *Archive) indexSome(ctx context.Context) (n int, err error) {
	err = a.db.Update(ctx, func(tx *store.Tx) error {
		var last int64
		if err := tx.QueryRow(`SELECT coalesce(max(rowid), -1) FROM archive_words`).Scan(&last); err != nil {
			return err
		}
		// Both must be said: PostgreSQL would go through all the entries before.
		rows, err := tx.Query(`SELECT r.leaf, r.author_name, e.body FROM archive_records r JOIN archive_entries e ON e.leaf = r.leaf
			WHERE r.leaf > $1 AND e.leaf > $1 ORDER BY r.leaf LIMIT 500`, last)
		if err != nil {
			return err
		}
		defer rows.Close()
		type words struct {
			leaf         int64
			text, author string
		}
		var found []words
		for rows.Next() {
			var w words
			var body []byte
			if err := rows.Scan(&w.leaf, &w.author, &body); err != nil {
				return err
			}
			w.text = textOf(body)
			found = append(found, w)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		for _, w := range found {
			indexWords(tx, w.leaf, w.text, w.author)
		}
		n = len(found)
		return nil
	})
	return n, err
}

var wordsTable = store.NewTable("archive_words", "rowid stems::tsvector author::tsvector", recordsTable)

// indexWords enters what a record is found by.
func indexWords(tx *store.Tx, leaf int64, text, author string) {
	textWords, authorWords := index(tx, text, author)
	tx.Insert(wordsTable, leaf, textWords, authorWords)
}
