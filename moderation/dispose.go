package moderation

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"takhojd/archive"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

// What is disposed of (gallras) is a comment with all that was kept of it: its records and those of what was answered to it, its words in every
// revision, its author's name, its pictures. What stays is that there was a comment of that id, what was decided and when, and the log. So the
// platform may tell of it again, and nothing comes back; what its author writes anew is a new comment to us.

// Beside the policy's retention classes there are two for what the policy puts into none.
const (
	// ClassStanding is for comments that no record was ever made of: they stand, or their authors took them away.
	ClassStanding = "standing"
	// ClassOther is for records that name no category.
	ClassOther = "other"
)

// RetentionClasses lists the classes by which something can be disposed of under a policy.
func RetentionClasses(p *rules.Policy) []string {
	classes := []string{ClassStanding, ClassOther}
	for _, c := range rules.Categories() {
		if class := p.Bullet(c).Retention; class != "" && !slices.Contains(classes, class) {
			classes = append(classes, class)
		}
	}
	slices.Sort(classes)
	return classes
}

// DisposalDecision is a decision on disposal (gallringsbeslut) as a person carries it out.
type DisposalDecision struct {
	// Reference is the authority's own ("HSN 2026-0123"), By the account of who carries it out.
	Reference, By string
	// Classes names retention classes: a comment goes only when every category of it is in one of these.
	Classes []string
	// Before bounds what goes: all that happened to it happened before.
	Before time.Time

	listed int64 // the proposal whose list alone it is about; 0: all that is kept
}

// Disposable counts what a decision on disposal is about.
type Disposable struct {
	Comments, Records, Pictures int
	// Held are comments of these classes and that age that a hold keeps, Waiting those that still wait for a person or a platform.
	Held, Waiting int
}

// Disposer disposes of what is in one authority's books.
type Disposer struct {
	DB      *store.DB
	Archive *archive.Archive
	Policy  *rules.Policy
	// Announce is told of each part right before it is committed, and must have put it on stable storage, beside the backups, when it returns
	// nil: a backup that is older than the disposal must not bring anything back. If we die between the two, [Disposer.Settle] does the part.
	Announce func(archive.Disposal) error
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

const (
	// disposePart is how many comments one transaction disposes of at most.
	disposePart = 200
	// disposeReach is how far it looks for them: books in which nothing is old enough are not read in one go.
	disposeReach = 10_000
)

func (d DisposalDecision) check(p *rules.Policy, now time.Time) error {
	known := RetentionClasses(p)
	for _, class := range d.Classes {
		if !slices.Contains(known, class) {
			return fmt.Errorf("%w: there is no retention class %q: there are %s", ErrInvalid, class, strings.Join(known, ", "))
		}
	}
	switch {
	case strings.TrimSpace(d.Reference) == "":
		return fmt.Errorf("%w: disposal needs a decision, and the decision's reference", ErrInvalid)
	case strings.TrimSpace(d.By) == "":
		return fmt.Errorf("%w: who disposes?", ErrInvalid)
	case len(d.Classes) == 0:
		return fmt.Errorf("%w: disposal needs a retention class", ErrInvalid)
	case d.Before.IsZero() || d.Before.After(now):
		return fmt.Errorf("%w: disposal is of what is older than a day that has been", ErrInvalid)
	}
	return nil
}

func (s Disposer) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// Preview counts what Dispose would dispose of, and changes nothing.
func (s Disposer) Preview(ctx context.Context, d DisposalDecision) (sum Disposable, err error) {
	if err := d.check(s.Policy, s.now()); err != nil {
		return sum, err
	}
	for after, more := int64(0), true; more && err == nil; { // a View each: one snapshot of so long would keep the write-ahead log from being emptied
		err = s.DB.View(ctx, func(tx *store.Tx) error {
			var found []disposable
			if found, _, after, more, err = s.find(tx, d, after, &sum); err != nil {
				return err
			}
			n, err := picturesOf(tx, found)
			sum.Pictures += n
			return err
		})
	}
	if err != nil {
		return sum, fmt.Errorf("moderation: dispose: %w", err)
	}
	return sum, nil
}

// Dispose disposes of what d is about, a part at a time, and returns what went. If we die on the way, what was committed is disposed of, what
// was announced is finished by Settle, and to dispose again goes on with the rest.
func (s Disposer) Dispose(ctx context.Context, d DisposalDecision) (sum Disposable, err error) {
	if err := d.check(s.Policy, s.now()); err != nil {
		return sum, err
	}
	part := archive.Disposal{ID: rand.Text(), Decision: d.Reference, By: d.By, Classes: d.Classes, Before: d.Before.UTC()}
	for after, more := int64(0), true; more && err == nil; {
		err = s.DB.Update(ctx, func(tx *store.Tx) error {
			var found []disposable
			if found, _, after, more, err = s.find(tx, d, after, &sum); err != nil {
				return err
			}
			n, err := s.onePart(tx, &part, found)
			sum.Pictures += n
			return err
		})
	}
	if err != nil {
		return sum, fmt.Errorf("moderation: dispose: %w", err)
	}
	return sum, s.Archive.Scrub(ctx)
}

// onePart announces the next part of a disposal, and disposes of what was found for it; of nothing there is no part.
func (s Disposer) onePart(tx *store.Tx, part *archive.Disposal, found []disposable) (pictures int, err error) {
	if len(found) == 0 {
		return 0, nil
	}
	part.Part++
	part.At = s.now().UTC().Truncate(time.Microsecond)
	part.Comments, part.Records = nil, nil
	for _, f := range found {
		part.Comments = append(part.Comments, s.Archive.Pseudonym(f.ref))
		part.Records = append(part.Records, f.records...)
	}
	if err := s.Announce(*part); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNotWritten, err)
	}
	return s.empty(tx, *part, found)
}

// disposable is a comment that is to be disposed of, with its records; or one that stays, and why.
type disposable struct {
	comment int64
	ref     platforms.Ref
	records []string
	kept    string // held, waiting; empty: it goes
}

// find looks at the next comments for what a decision is about, and counts into sum. stays are of its classes and that age, and stay.
func (s Disposer) find(tx *store.Tx, d DisposalDecision, after int64, sum *Disposable) (found, stays []disposable, last int64, more bool, err error) {
	old, last, more, err := s.old(tx, d, after)
	if err != nil {
		return nil, nil, after, false, err
	}
	for _, f := range old {
		if ours, err := s.classed(tx, d, &f); err != nil {
			return nil, nil, after, false, err
		} else if !ours {
			continue
		}
		if f.kept, err = s.kept(tx, f); err != nil {
			return nil, nil, after, false, err
		}
		switch f.kept {
		case "held":
			sum.Held++
			stays = append(stays, f)
		case "waiting":
			sum.Waiting++
			stays = append(stays, f)
		default:
			sum.Comments++
			sum.Records += len(f.records)
			found = append(found, f)
		}
	}
	return found, stays, last, more, nil
}

// old lists the next comments that nothing happened to since d.Before, and that are not disposed of yet; how far it looked, and whether there
// is more to look at.
func (s Disposer) old(tx *store.Tx, d DisposalDecision, after int64) (found []disposable, last int64, more bool, err error) {
	const old = `own = 0 AND received_at < $2 AND revised_at < $2 AND state_at < $2 AND disposed_revision <> revision
		AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.comment = c.id AND d.decided_at >= $2)`
	query := `SELECT id, platform, channel, comment_id FROM comments c WHERE id > $1 AND id <= $4 AND ` + old + ` ORDER BY id LIMIT $3`
	reach := after + disposeReach
	args := []any{after, d.Before, disposePart, reach}
	if d.listed > 0 {
		query = `SELECT id, platform, channel, comment_id FROM disposal_list l CROSS JOIN comments c WHERE l.proposal = $4 AND l.kept = '' AND l.comment > $1
			AND c.id = l.comment AND ` + old + ` ORDER BY l.comment LIMIT $3`
		args[3] = d.listed
	}
	var f disposable
	if err := eachRow(tx, query, args, func() { found = append(found, f) }, &f.comment, &f.ref.Platform, &f.ref.Channel, &f.ref.Comment); err != nil {
		return nil, after, false, err
	}
	if len(found) == disposePart || d.listed > 0 {
		return found, max(after, f.comment), len(found) == disposePart, nil
	}
	n, err := howMany(tx, `SELECT coalesce(max(id), 0) FROM comments`)
	return found, min(reach, int64(n)), reach < int64(n), err
}

// kept tells why a comment stays: it is held, or waiting for a person or a platform; nothing when it may go.
func (s Disposer) kept(tx *store.Tx, f disposable) (string, error) {
	for _, record := range f.records {
		if held, err := s.Archive.Held(tx, record); err != nil {
			return "", err
		} else if held {
			return "held", nil
		}
	}
	n, err := howMany(tx, `SELECT (SELECT count(*) FROM flags WHERE comment = $1 AND closed_at = 0)
		+ (SELECT count(*) FROM outbox WHERE comment = $1 AND state IN ('waiting', 'dead'))
		+ (SELECT count(*) FROM inbox WHERE channel = $2 AND comment_id = $3)`, f.comment, f.ref.Channel, f.ref.Comment)
	if err != nil || n == 0 {
		return "", err
	}
	return "waiting", nil
}

// recordsOf finds a comment's records, and those of what was answered to it, which follow the comment and have no class of their own ("-").
const recordsOf = `SELECT record_id, categories, decided_at FROM archive_records WHERE platform = $1 AND channel = $2 AND comment_id = $3
	UNION SELECT r.record_id, '-', r.decided_at FROM outbox o JOIN archive_records r ON r.record_id = o.record_id
	WHERE o.comment = $4 AND o.action IN ('reply', 'private-reply')`

// gather fills in a comment's records, and returns their categories, whether any is of the comment itself, and when the latest was decided.
func (f *disposable) gather(tx *store.Tx) (categories []string, own bool, latest int64, err error) {
	rows, err := tx.Query(recordsOf, string(f.ref.Platform), f.ref.Channel, f.ref.Comment, f.comment)
	if err != nil {
		return nil, false, 0, err
	}
	defer rows.Close()
	f.records = nil
	for rows.Next() {
		var record, named string
		var decided int64
		if err := rows.Scan(&record, &named, &decided); err != nil {
			return nil, false, 0, err
		}
		f.records, latest = append(f.records, record), max(latest, decided)
		if named != "-" {
			own = true
			categories = append(categories, strings.Fields(named)...)
		}
	}
	return categories, own, latest, rows.Err()
}

// classed fills in a comment's records, and tells whether all that it is about is old enough and in d's classes.
func (s Disposer) classed(tx *store.Tx, d DisposalDecision, f *disposable) (bool, error) {
	categories, own, latest, err := f.gather(tx)
	switch {
	case err != nil || latest >= store.Time(d.Before):
		return false, err
	case !own:
		return slices.Contains(d.Classes, ClassStanding), nil
	case len(categories) == 0:
		return slices.Contains(d.Classes, ClassOther), nil
	}
	for _, c := range categories {
		if !slices.Contains(d.Classes, s.Policy.Bullet(rules.Category(c)).Retention) {
			return false, nil // what is in two classes is kept as long as the longer of them says
		}
	}
	return true, nil
}

// empty disposes of comments, under a part whose Records and Pictures it fills in.
func (s Disposer) empty(tx *store.Tx, part archive.Disposal, found []disposable) (pictures int, err error) {
	part.Records = []string{}
	var names []string
	for _, f := range found {
		part.Records = append(part.Records, f.records...)
		if names, err = forget(tx, f, names); err != nil {
			return 0, err
		}
	}
	for _, sha256 := range names {
		used, err := howMany(tx, `SELECT count(*) FROM comment_media WHERE sha256 = $1`, sha256)
		if err != nil || used > 0 {
			if err != nil {
				return 0, err
			}
			continue // another comment has the same picture
		}
		if err := s.Archive.DropMedia(tx, sha256); err != nil {
			return 0, err
		}
		pictures++
	}
	part.Pictures = pictures
	return pictures, s.Archive.Dispose(tx, part)
}

// forget takes away what our own tables keep of a comment, and adds its pictures to names.
func forget(tx *store.Tx, f disposable, names []string) ([]string, error) {
	rows, err := tx.Query(`SELECT DISTINCT sha256 FROM comment_media WHERE comment = $1 AND sha256 <> ''`, f.comment)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	for _, statement := range []string{
		`UPDATE comments SET author_id = '', author_name = '', text = '', attachments = '[]', permalink = '', repeated = 0,
			disposed_revision = revision WHERE id = $1`,
		`UPDATE revisions SET text = '', attachments = '[]', raw = NULL WHERE comment = $1`,
		`UPDATE history SET detail = '' WHERE comment = $1`,
		`UPDATE decisions SET reason = '', verdict = '' WHERE comment = $1`,
		`UPDATE outbox SET argument = '', error = '' WHERE comment = $1 AND action <> 'post'`,
		`DELETE FROM unseen WHERE comment = $1`,
		`DELETE FROM comment_media WHERE comment = $1`,
	} {
		if _, err := tx.Exec(statement, f.comment); err != nil {
			return nil, fmt.Errorf("forget comment %d: %w", f.comment, err)
		}
	}
	// Only books that were restored have any: who disposes for the first time waits for what waits.
	if _, err := tx.Exec(`DELETE FROM inbox WHERE channel = $1 AND comment_id = $2`, f.ref.Channel, f.ref.Comment); err != nil {
		return nil, fmt.Errorf("forget comment %d: %w", f.comment, err)
	}
	done, err := tx.Exec(`UPDATE flags SET closed_at = $2, closed_by = 'disposal' WHERE comment = $1 AND closed_at = 0`, f.comment, time.Now())
	if err != nil {
		return nil, fmt.Errorf("forget comment %d: %w", f.comment, err)
	}
	if n, err := done.RowsAffected(); err != nil || n > 0 {
		if err = errors.Join(err, countAnew(tx)); err != nil {
			return nil, fmt.Errorf("forget comment %d: %w", f.comment, err)
		}
	}
	return names, nil
}

func howMany(tx *store.Tx, query string, args ...any) (n int, err error) {
	err = tx.QueryRow(query, args...).Scan(&n)
	return n, err
}

// Settle does again, in books that are older than they, those of the parts that these books do not know of, and returns how many comments
// went. Holds and age are not asked for: the decision was carried out. A part that is found nothing of is entered, too, and so is known.
func (s Disposer) Settle(ctx context.Context, parts []archive.Disposal) (comments int, err error) {
	pending, err := s.unknown(ctx, parts)
	if err != nil || len(pending) == 0 {
		return 0, err
	}
	found, err := s.named(ctx, pending)
	if err != nil {
		return 0, fmt.Errorf("moderation: dispose again: %w", err)
	}
	for i, part := range pending {
		err := s.DB.Update(ctx, func(tx *store.Tx) error {
			known, err := s.Archive.Disposed(tx, part.ID, part.Part) // another process may have done it since
			if err != nil || known {
				return err
			}
			for j := range found[i] {
				if _, _, _, err := found[i][j].gather(tx); err != nil {
					return err
				}
			}
			_, err = s.empty(tx, part, found[i])
			return err
		})
		if err != nil {
			return comments, fmt.Errorf("moderation: dispose again: %w", err)
		}
		comments += len(found[i])
	}
	return comments, s.Archive.Scrub(ctx)
}

// unknown returns the parts that are not in the books' own log, each once.
func (s Disposer) unknown(ctx context.Context, parts []archive.Disposal) (pending []archive.Disposal, err error) {
	if len(parts) == 0 {
		return nil, nil
	}
	known, err := s.Archive.Disposals(ctx)
	if err != nil {
		return nil, err
	}
	type name struct {
		id   string
		part int
	}
	seen := map[name]bool{}
	for _, d := range known {
		seen[name{d.ID, d.Part}] = true
	}
	for _, d := range parts {
		if n := (name{d.ID, d.Part}); !seen[n] {
			seen[n] = true
			pending = append(pending, d)
		}
	}
	return pending, nil
}

// named finds in the books the comments of each part.
func (s Disposer) named(ctx context.Context, parts []archive.Disposal) ([][]disposable, error) {
	found, of := make([][]disposable, len(parts)), map[string][]int{}
	for i, part := range parts {
		for _, pseudonym := range part.Comments {
			of[pseudonym] = append(of[pseudonym], i)
		}
	}
	err := s.DB.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(`SELECT id, platform, channel, comment_id FROM comments ORDER BY id`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var f disposable
			if err := rows.Scan(&f.comment, &f.ref.Platform, &f.ref.Channel, &f.ref.Comment); err != nil {
				return err
			}
			for _, i := range of[s.Archive.Pseudonym(f.ref)] {
				found[i] = append(found[i], f)
			}
		}
		return rows.Err()
	})
	return found, err
}
