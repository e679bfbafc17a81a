package moderation

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"takhojd/archive"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

// Disposal in the console takes two people. One proposes: classes and an age. What that is about is listed, with what stays since it is held or
// waits. Another approves the list under the authority's decision. Then what was listed goes, by the same road as from the command
// line, save what is held or waits by then. Whoever lists or carries out may die at any line: it stands in the books how far it came.

// ErrNotWritten says that a disposal could not be written down beside the backups, and so was not carried out.
var ErrNotWritten = errors.New("what is disposed of cannot be written down beside the backups")

// ErrSamePerson says that who proposed a disposal cannot approve it.
var ErrSamePerson = errors.New("another person must approve")

// ProposalState is how far a proposal has come.
type ProposalState string

// The states of a proposal.
const (
	ProposalListing   ProposalState = "listing"   // what it is about is being listed
	ProposalProposed  ProposalState = "proposed"  // it waits for another person
	ProposalWithdrawn ProposalState = "withdrawn" // nothing came of it
	ProposalApproved  ProposalState = "approved"  // it is being carried out
	ProposalDone      ProposalState = "done"
)

// Valid tells whether s is a state of a proposal.
func (s ProposalState) Valid() bool {
	return slices.Contains([]ProposalState{ProposalListing, ProposalProposed, ProposalWithdrawn, ProposalApproved, ProposalDone}, s)
}

// Proposal is a proposal to dispose of what is past its retention.
type Proposal struct {
	ID    int64
	State ProposalState
	// Decision has the reference and the account of who approved, or withdrew, once somebody has.
	Decision   DisposalDecision
	ProposedBy string
	ProposedAt time.Time
	DecidedAt  time.Time
	EndedAt    time.Time
	// Listed is what it is about, and what stays; Went what was disposed of by now.
	Listed, Went Disposable
	// Looked is the last comment that was looked at in this state, Last the last there is to look at.
	Looked, Last int64
	// Idle tells that it is being listed or carried out, and nobody has worked on it for a minute: they died, and somebody may go on.
	Idle bool

	disposals []string
}

// proposalIdle is after how long a proposal is taken to be with nobody. A part takes some hundredths of a second.
const proposalIdle = time.Minute

const proposalColumns = `id, classes, before_at, state, proposed_by, proposed_at, decided_by, decided_at, reference, disposals, comments, records, pictures, held, waiting,
	went, went_records, went_pictures, looked, seen_at, ended_at`

func (s Disposer) scanProposal(scan func(...any) error) (Proposal, error) {
	var p Proposal
	var classes, state, disposals string
	var before, proposed, decided, seen, ended int64
	err := scan(&p.ID, &classes, &before, &state, &p.ProposedBy, &proposed, &p.Decision.By, &decided, &p.Decision.Reference, &disposals,
		&p.Listed.Comments, &p.Listed.Records, &p.Listed.Pictures, &p.Listed.Held, &p.Listed.Waiting,
		&p.Went.Comments, &p.Went.Records, &p.Went.Pictures, &p.Looked, &seen, &ended)
	p.State, p.disposals = ProposalState(state), strings.Fields(disposals)
	p.Decision.Classes, p.Decision.Before = strings.Fields(classes), store.FromTime(before)
	p.ProposedAt, p.DecidedAt, p.EndedAt = store.FromTime(proposed), store.FromTime(decided), store.FromTime(ended)
	p.Idle = (p.State == ProposalListing || p.State == ProposalApproved) && s.now().Sub(store.FromTime(seen)) > proposalIdle
	return p, err
}

func (s Disposer) proposal(tx *store.Tx, id int64) (Proposal, error) {
	p, err := s.scanProposal(tx.QueryRow(`SELECT `+proposalColumns+` FROM disposal_proposals WHERE id = $1`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return p, ErrNotFound
	}
	if err != nil {
		return p, fmt.Errorf("moderation: proposal %d: %w", id, err)
	}
	last := `SELECT coalesce(max(id), 0) FROM comments`
	if p.State == ProposalApproved {
		last = `SELECT coalesce(max(comment), 0) FROM disposal_list WHERE proposal = $1 AND kept = ''`
		return p, tx.QueryRow(last, id).Scan(&p.Last)
	}
	return p, tx.QueryRow(last).Scan(&p.Last)
}

// Classes lists the retention classes that can be proposed, and for each the categories that the policy puts into it.
func (s Disposer) Classes() (names []string, categories map[string][]rules.Category) {
	categories = map[string][]rules.Category{}
	for _, c := range rules.Categories() {
		class := s.Policy.Bullet(c).Retention
		categories[class] = append(categories[class], c)
	}
	return RetentionClasses(s.Policy), categories
}

// Propose begins a proposal; nothing is listed until List is called.
func (s Disposer) Propose(ctx context.Context, by string, classes []string, before time.Time) (id int64, err error) {
	now := s.now()
	if err := (DisposalDecision{Reference: "-", By: by, Classes: classes, Before: before}).check(s.Policy, now); err != nil {
		return 0, err
	}
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(`INSERT INTO disposal_proposals (classes, before_at, state, proposed_by, proposed_at, seen_at) VALUES ($1, $2, 'listing', $3, $4, $5) RETURNING id`,
			strings.Join(classes, " "), before, by, now, now).Scan(&id)
	})
	if err != nil {
		return 0, fmt.Errorf("moderation: propose disposal: %w", err)
	}
	return id, nil
}

// List lists what a proposal is about, a part at a time, and goes on where a List before it ended. If we die here, what is listed is listed.
func (s Disposer) List(ctx context.Context, id int64) error {
	for more := true; more; {
		var p Proposal
		var sum Disposable
		var found, stays []disposable
		var last int64
		err := s.DB.View(ctx, func(tx *store.Tx) (err error) {
			if p, err = s.proposal(tx, id); err != nil || p.State != ProposalListing {
				return err
			}
			if found, stays, last, more, err = s.find(tx, p.Decision, p.Looked, &sum); err != nil {
				return err
			}
			sum.Pictures, err = picturesOf(tx, found)
			return err
		})
		if err != nil || p.State != ProposalListing {
			return err
		}
		if err := s.DB.Update(ctx, func(tx *store.Tx) error { return s.listed(tx, p, last, more, found, stays, sum) }); err != nil {
			return fmt.Errorf("moderation: list disposal %d: %w", id, err)
		}
	}
	return nil
}

// listed adds a part to the list, unless somebody else was quicker.
func (s Disposer) listed(tx *store.Tx, p Proposal, last int64, more bool, found, stays []disposable, sum Disposable) error {
	state := ProposalListing
	if !more {
		state = ProposalProposed
	}
	done, err := tx.Exec(`UPDATE disposal_proposals SET looked = $3, state = $4, seen_at = $5, comments = comments + $6, records = records + $7, pictures = pictures + $8,
		held = held + $9, waiting = waiting + $10 WHERE id = $1 AND looked = $2 AND state = 'listing'`,
		p.ID, p.Looked, last, string(state), s.now(), sum.Comments, sum.Records, sum.Pictures, sum.Held, sum.Waiting)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return err
	}
	for _, f := range append(found, stays...) {
		if _, err := tx.Exec(`INSERT INTO disposal_list (proposal, comment, kept) VALUES ($1, $2, $3)`, p.ID, f.comment, f.kept); err != nil {
			return err
		}
	}
	return nil
}

// picturesOf counts the pictures and films of comments.
func picturesOf(tx *store.Tx, found []disposable) (sum int, err error) {
	for _, f := range found {
		n, err := howMany(tx, `SELECT count(DISTINCT sha256) FROM comment_media WHERE comment = $1 AND sha256 <> ''`, f.comment)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// Proposals returns the latest hundred, the newest first.
func (s Disposer) Proposals(ctx context.Context) (found []Proposal, err error) {
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(`SELECT ` + proposalColumns + ` FROM disposal_proposals ORDER BY id DESC LIMIT 100`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			p, err := s.scanProposal(rows.Scan)
			if err != nil {
				return err
			}
			found = append(found, p)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("moderation: proposals of disposal: %w", err)
	}
	return found, nil
}

// Proposal returns one proposal, or ErrNotFound.
func (s Disposer) Proposal(ctx context.Context, id int64) (p Proposal, err error) {
	err = s.DB.View(ctx, func(tx *store.Tx) error { p, err = s.proposal(tx, id); return err })
	return p, err
}

// ListedComment is a line of a proposal's list. It has no words and no names.
type ListedComment struct {
	Comment int64
	Ref     platforms.Ref
	// Record is the comment's latest record; empty when it has none.
	Record   string
	Received time.Time
	// Kept is why it stays: "held", "waiting"; empty when it goes.
	Kept string
}

// Listed returns the next lines of a list after a comment: those that go, or those that stay.
func (s Disposer) Listed(ctx context.Context, id int64, stay bool, after int64, limit int) (found []ListedComment, err error) {
	which := `l.kept = ''`
	if stay {
		which = `l.kept <> ''`
	}
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		var l ListedComment
		var received int64
		return eachRow(tx, `SELECT c.id, c.platform, c.channel, c.comment_id, c.record_id, c.received_at, l.kept FROM disposal_list l CROSS JOIN comments c
			WHERE c.id = l.comment AND l.proposal = $1 AND l.comment > $2 AND `+which+` ORDER BY l.comment LIMIT $3`, []any{id, after, limit}, func() {
			l.Received = store.FromTime(received)
			found = append(found, l)
		}, &l.Comment, &l.Ref.Platform, &l.Ref.Channel, &l.Ref.Comment, &l.Record, &received, &l.Kept)
	})
	if err != nil {
		return nil, fmt.Errorf("moderation: list of disposal %d: %w", id, err)
	}
	return found, nil
}

// Withdraw ends a proposal that nobody has approved.
func (s Disposer) Withdraw(ctx context.Context, id int64, by string) error {
	return s.decide(ctx, id, func(tx *store.Tx, p Proposal) error {
		if p.State != ProposalListing && p.State != ProposalProposed {
			return ErrStale
		}
		if _, err := tx.Exec(`DELETE FROM disposal_list WHERE proposal = $1`, id); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE disposal_proposals SET state = 'withdrawn', decided_by = $2, decided_at = $3, ended_at = $3 WHERE id = $1`, id, by, s.now())
		return err
	})
}

// Approve lets a proposal be carried out under the authority's decision. comments is how many the person was told that it is about; nothing is
// disposed of until CarryOut is called. ErrSamePerson, ErrInvalid, or ErrStale when it no longer waits.
func (s Disposer) Approve(ctx context.Context, id int64, by, reference string, comments int) error {
	return s.decide(ctx, id, func(tx *store.Tx, p Proposal) error {
		d := p.Decision
		d.By, d.Reference = by, strings.TrimSpace(reference)
		switch {
		case p.State != ProposalProposed:
			return ErrStale
		case by == p.ProposedBy:
			return ErrSamePerson
		case comments != p.Listed.Comments:
			return fmt.Errorf("%w: %d comments are listed, not %d", ErrInvalid, p.Listed.Comments, comments)
		}
		if err := d.check(s.Policy, s.now()); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE disposal_proposals SET state = 'approved', decided_by = $2, decided_at = $3, reference = $4, looked = 0, seen_at = $3 WHERE id = $1`,
			id, by, s.now(), d.Reference)
		return err
	})
}

func (s Disposer) decide(ctx context.Context, id int64, fn func(*store.Tx, Proposal) error) error {
	return s.DB.Update(ctx, func(tx *store.Tx) error {
		p, err := s.proposal(tx, id)
		if err != nil {
			return err
		}
		return fn(tx, p)
	})
}

// CarryOut disposes of what was approved, a part at a time, and goes on where a CarryOut before it ended. If we die on the way, what was
// committed is disposed of, and what was announced is finished by Settle.
func (s Disposer) CarryOut(ctx context.Context, id int64) error {
	part := archive.Disposal{ID: rand.Text()}
	for more := true; more; {
		err := s.decide(ctx, id, func(tx *store.Tx, p Proposal) error {
			if more = p.State == ProposalApproved; !more {
				return nil
			}
			d, sum := p.Decision, Disposable{}
			d.listed = id
			found, _, last, rest, err := s.find(tx, d, p.Looked, &sum)
			if err != nil {
				return err
			}
			part.Decision, part.By, part.Classes, part.Before = d.Reference, d.By, d.Classes, d.Before.UTC()
			if sum.Pictures, err = s.onePart(tx, &part, found); err != nil {
				return err
			}
			more = rest
			return s.carried(tx, p, part, last, rest, sum)
		})
		if err != nil {
			return fmt.Errorf("moderation: carry out disposal %d: %w", id, err)
		}
	}
	return s.Archive.Scrub(ctx)
}

// carried notes that a part is done; with the last, that all is.
func (s Disposer) carried(tx *store.Tx, p Proposal, part archive.Disposal, last int64, more bool, sum Disposable) error {
	disposals := p.disposals
	if part.Part > 0 && !slices.Contains(disposals, part.ID) {
		disposals = append(disposals, part.ID)
	}
	if _, err := tx.Exec(`UPDATE disposal_proposals SET looked = $2, seen_at = $3, disposals = $4, went = went + $5, went_records = went_records + $6,
		went_pictures = went_pictures + $7 WHERE id = $1`, p.ID, last, s.now(), strings.Join(disposals, " "), sum.Comments, sum.Records, sum.Pictures); err != nil || more {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM disposal_list WHERE proposal = $1`, p.ID); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE disposal_proposals SET state = 'done', ended_at = $2 WHERE id = $1`, p.ID, s.now())
	return err
}

// Sealed writes what was disposed of under a proposal, a line for each part, signed by the log's key: what [archive.OpenSealed] reads.
func (s Disposer) Sealed(ctx context.Context, id int64, w io.Writer) error {
	p, err := s.Proposal(ctx, id)
	if err != nil {
		return err
	}
	all, err := s.Archive.Disposals(ctx)
	if err != nil {
		return err
	}
	for _, d := range all {
		if !slices.Contains(p.disposals, d.ID) {
			continue
		}
		line, err := s.Archive.Seal(d)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}
