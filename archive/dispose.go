package archive

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"takhojd/moderation/store"
	"takhojd/platforms"
)

// Disposal (gallring) empties records under a decision: body, salt, index, words and pictures go, the commitments and the log stay, and an
// entry of its own says which decision, who, when, and what. Everything stands here that is needed to do it again in older books.

// Disposal is one part of what was disposed of under one decision. The parts of a large disposal commit one by one.
type Disposal struct {
	// ID names the disposal: the same in all its parts, and where it is done again in restored books. Part counts from 1.
	ID   string `json:"id"`
	Part int    `json:"part"`
	// Decision is the authority's reference of its decision (gallringsbeslut), By the account that carried it out.
	Decision string `json:"decision"`
	By       string `json:"by"`
	// Classes are the policy's retention classes that it was about, Before the time before which all was decided.
	Classes []string  `json:"classes"`
	Before  time.Time `json:"before"`
	At      time.Time `json:"at"`
	// Comments are the comments that it was about, by [Archive.Pseudonym].
	Comments []string `json:"comments"`
	// Records are those that were emptied, and Pictures how many pictures and films went with them. In restored books both may be fewer.
	Records  []string `json:"records"`
	Pictures int      `json:"pictures"`
}

// Pseudonym stands for a comment in a disposal: whoever has the log's key and the comment can tell that it is meant, and nobody else.
func (a *Archive) Pseudonym(ref platforms.Ref) string {
	m := hmac.New(sha256.New, a.secret)
	m.Write([]byte(string(ref.Platform) + "\x00" + ref.Channel + "\x00" + ref.Comment))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:18])
}

// Dispose empties d.Records within the caller's transaction, and enters d. If we die before the commit nothing of it has happened; after it
// only [Archive.Scrub] is left to do.
func (a *Archive) Dispose(tx *store.Tx, d Disposal) error {
	leaf, err := nextLeaf(tx)
	if err != nil {
		return err
	}
	for _, record := range d.Records {
		for _, statement := range []string{
			`DELETE FROM archive_words WHERE rowid IN (SELECT leaf FROM archive_records WHERE record_id = $1)`,
			`DELETE FROM archive_records WHERE record_id = $1`,
		} {
			if _, err := tx.Exec(statement, record); err != nil {
				return fmt.Errorf("archive: dispose of %s: %w", record, err)
			}
		}
		if _, err := tx.Exec(`UPDATE archive_entries SET body = NULL, salt = NULL, disposal = $2 WHERE record_id = $1 AND body IS NOT NULL`, record, leaf); err != nil {
			return fmt.Errorf("archive: dispose of %s: %w", record, err)
		}
	}
	return a.enter(tx, leaf, fmt.Sprintf("%04d-%06d", d.At.Year(), leaf), KindDisposal, d)
}

// DropMedia takes away a picture or film that no record names any more, with what it was recognised by.
func (a *Archive) DropMedia(tx *store.Tx, sha256 string) error {
	if _, err := tx.Exec(`DELETE FROM archive_media WHERE sha256 = $1`, sha256); err != nil {
		return fmt.Errorf("archive: drop media: %w", err)
	}
	return nil
}

// Scrub makes sure that the bytes of what was disposed of are gone from the database's files, too. It may take long, and may be repeated.
func (a *Archive) Scrub(ctx context.Context) error {
	if err := a.mergeWords(ctx); err != nil {
		return fmt.Errorf("archive: scrub: %w", err)
	}
	if err := a.db.Scrub(ctx); err != nil {
		return fmt.Errorf("archive: scrub: %w", err)
	}
	return nil
}

// mergeWords writes SQLite's index of words anew, a piece at a time: until then a deleted row's words stay in it, behind a mark.
func (a *Archive) mergeWords(ctx context.Context) error {
	if a.db.PostgreSQL() {
		return nil
	}
	const pages = 200
	for n, more := -pages, true; more; n = pages { // a negative number begins a merge of everything
		err := a.db.Update(ctx, func(tx *store.Tx) error {
			var before, after int64
			if err := tx.QueryRow(`SELECT total_changes()`).Scan(&before); err != nil {
				return err
			}
			if _, err := tx.Exec(`INSERT INTO archive_words (archive_words, rank) VALUES ('merge', $1)`, n); err != nil {
				return err
			}
			err := tx.QueryRow(`SELECT total_changes()`).Scan(&after)
			more = after-before >= 2 // as SQLite's manual has it: fewer, and there was nothing to merge
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Disposals lists what was disposed of, part by part, the first first.
func (a *Archive) Disposals(ctx context.Context) (found []Disposal, err error) {
	err = a.db.View(ctx, func(tx *store.Tx) error { found, err = disposals(tx); return err })
	if err != nil {
		return nil, fmt.Errorf("archive: disposals: %w", err)
	}
	return found, nil
}

// Disposed tells whether a part of a disposal stands in the log.
func (a *Archive) Disposed(tx *store.Tx, id string, part int) (bool, error) {
	all, err := disposals(tx)
	if err != nil {
		return false, fmt.Errorf("archive: disposals: %w", err)
	}
	return slices.ContainsFunc(all, func(d Disposal) bool { return d.ID == id && d.Part == part }), nil
}

func disposals(tx *store.Tx) (found []Disposal, err error) {
	rows, err := tx.Query(`SELECT body FROM archive_entries WHERE kind = 'disposal' ORDER BY leaf`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var body []byte
		var d Disposal
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(body, &d); err != nil {
			return nil, err
		}
		found = append(found, d)
	}
	return found, rows.Err()
}

// disposalOf is the disposal whose entry is at a leaf.
func disposalOf(tx *store.Tx, leaf int64) (*Disposal, error) {
	var body []byte
	if err := tx.QueryRow(`SELECT body FROM archive_entries WHERE leaf = $1 AND kind = 'disposal'`, leaf).Scan(&body); err != nil {
		return nil, fmt.Errorf("disposal at leaf %d: %w", leaf, err)
	}
	var d Disposal
	if err := json.Unmarshal(body, &d); err != nil {
		return nil, fmt.Errorf("disposal at leaf %d: %w", leaf, err)
	}
	return &d, nil
}

// Seal writes a disposal as a line that can be kept away from the books, and be believed: signed by the log's key, since who could write such
// a line could have records destroyed at the next restore.
func (a *Archive) Seal(d Disposal) (string, error) {
	text, err := Canonical(d)
	if err != nil {
		return "", err
	}
	signed, err := note.Sign(&note.Note{Text: sealed + string(text) + "\n"}, a.signer)
	if err != nil {
		return "", fmt.Errorf("archive: seal a disposal: %w", err)
	}
	_, signature, _ := strings.Cut(string(signed), "\n\n")
	return string(text) + "\t" + strings.TrimSuffix(signature, "\n"), nil
}

// sealed tells a disposal's signature from a checkpoint's.
const sealed = "takhojd disposal\n"

// OpenSealed reads what [Archive.Seal] wrote in the log with that public key.
func OpenSealed(publicKey, line string) (Disposal, error) {
	var d Disposal
	verifier, err := note.NewVerifier(publicKey)
	if err != nil {
		return d, fmt.Errorf("archive: public key: %w", err)
	}
	text, signature, ok := strings.Cut(line, "\t")
	if !ok {
		return d, errors.New("archive: no disposal with a signature")
	}
	if _, err := note.Open([]byte(sealed+text+"\n\n"+signature+"\n"), note.VerifierList(verifier)); err != nil {
		return d, fmt.Errorf("archive: a disposal that this log's key did not sign: %w", err)
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return d, fmt.Errorf("archive: a disposal that cannot be read: %w", err)
	}
	return d, nil
}
