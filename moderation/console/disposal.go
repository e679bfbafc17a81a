package console

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"takhojd/moderation"
	"takhojd/rules"
)

// Disposal is what the pages of disposal (gallring) need. moderation.Disposer is one. Proposing and approving take two people; List and
// CarryOut take long, go on where they were interrupted, and do nothing in any other state of the proposal than their own.
type Disposal interface {
	Classes() (names []string, categories map[string][]rules.Category)
	Propose(ctx context.Context, by string, classes []string, before time.Time) (int64, error)
	Proposals(context.Context) ([]moderation.Proposal, error)
	Proposal(ctx context.Context, id int64) (moderation.Proposal, error)
	Listed(ctx context.Context, id int64, stay bool, after int64, limit int) ([]moderation.ListedComment, error)
	List(ctx context.Context, id int64) error
	Withdraw(ctx context.Context, id int64, by string) error
	Approve(ctx context.Context, id int64, by, reference string, comments int) error
	CarryOut(ctx context.Context, id int64) error
	Sealed(ctx context.Context, id int64, w io.Writer) error
}

// working holds the proposals that this process lists or carries out: a second click begins no second time.
type working struct {
	mu sync.Mutex
	on map[int64]bool
	// unwritten holds those that stopped since what goes could not be written down beside the backups.
	unwritten map[int64]bool
}

// stopped tells whether a proposal can go on only when somebody has seen to the backups.
func (w *working) stopped(id int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.unwritten[id]
}

// note keeps whether it was the backups that stopped a proposal.
func (w *working) note(id int64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.unwritten == nil {
		w.unwritten = map[int64]bool{}
	}
	if w.unwritten[id] = errors.Is(err, moderation.ErrNotWritten); !w.unwritten[id] {
		delete(w.unwritten, id)
	}
}

func (w *working) begin(id int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.on[id] {
		return false
	}
	if w.on == nil {
		w.on = map[int64]bool{}
	}
	w.on[id] = true
	return true
}

func (w *working) end(id int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.on, id)
}

// workOn lists or carries out a proposal, whichever is its turn. It goes on when the page is left, and ends with the server; then somebody goes on
// with it by a button.
func (s *Server) workOn(id int64) {
	if !s.proposals.begin(id) {
		return
	}
	s.work.Go(func() {
		defer s.proposals.end(id)
		defer func() {
			if p := recover(); p != nil {
				s.log.Error("a disposal panicked", zap.Int64("proposal", id), zap.String("panic", fmt.Sprintf("%T", p)))
			}
		}()
		err := s.disposal.List(s.ctx, id)
		if err == nil {
			err = s.disposal.CarryOut(s.ctx, id)
		}
		s.proposals.note(id, err)
		if err != nil && s.ctx.Err() == nil {
			s.log.Error("a disposal is interrupted", zap.Int64("proposal", id), zap.Error(err))
		}
	})
}

// disposalsView is the page with all proposals, and the form for a new one.
type disposalsView struct {
	Proposals []moderation.Proposal
	Classes   []classView
	Before    string // the day as it was filled in
	Today     string
	Bad       string // a key of the catalogue: what cannot be proposed so
}

// classView is a retention class that can be chosen.
type classView struct {
	Name       string
	Categories []rules.Category
	Chosen     bool
}

func (v *visit) disposalsPage() error { return v.showDisposals(http.StatusOK, "", nil, "") }

func (v *visit) showDisposals(status int, bad string, chosen []string, before string) error {
	if v.s.disposal == nil {
		return moderation.ErrNotFound
	}
	proposals, err := v.s.disposal.Proposals(v.r.Context())
	if err != nil {
		return err
	}
	view := disposalsView{Proposals: proposals, Bad: bad, Before: before, Today: v.s.now().In(v.s.zone).Format(time.DateOnly)}
	names, categories := v.s.disposal.Classes()
	for _, name := range names {
		view.Classes = append(view.Classes, classView{name, categories[name], slices.Contains(chosen, name)})
	}
	return v.show(status, "disposals", page{Title: "disposal.title", Section: "archive", Content: view})
}

func (v *visit) propose() error {
	if v.s.disposal == nil {
		return moderation.ErrNotFound
	}
	if err := v.r.ParseForm(); err != nil {
		return fmt.Errorf("%w: %w", errBadForm, err)
	}
	classes, day := v.r.PostForm["class"], v.r.PostForm.Get("before")
	before, err := v.s.dayOf(day, 0)
	switch {
	case len(classes) == 0:
		return v.showDisposals(http.StatusUnprocessableEntity, "disposal.noclass", classes, day)
	case err != nil || before.IsZero() || before.After(v.s.now()):
		return v.showDisposals(http.StatusUnprocessableEntity, "disposal.badday", classes, "")
	}
	id, err := v.s.disposal.Propose(v.r.Context(), v.account.Name, classes, before)
	if err != nil {
		return err
	}
	v.s.workOn(id)
	v.redirect("/archive/disposal/" + strconv.FormatInt(id, 10))
	return nil
}

// disposalView is one proposal: what it is about, and what the visitor may do with it.
type disposalView struct {
	moderation.Proposal
	Classes     []classView
	Goes, Stays []moderation.ListedComment
	Next        int64  // the comment to go on after in what goes; 0 when there are no more
	Share       int    // percent
	Unwritten   bool   // it stopped: what goes cannot be written down beside the backups
	Mine        bool   // the visitor proposed it, and so cannot approve it
	Reference   string // as it was filled in
	Bad         string // a key of the catalogue: why it was not approved
}

// disposalPage is how many lines of a list the page shows.
const disposalPage = 50

func (v *visit) disposalPage() error { return v.showDisposal(http.StatusOK, "", "") }

func (v *visit) showDisposal(status int, bad, reference string) error {
	p, err := v.proposal()
	if err != nil {
		return err
	}
	view := disposalView{Proposal: p, Mine: p.ProposedBy == v.account.Name, Bad: bad, Reference: reference}
	view.Unwritten = p.State == moderation.ProposalApproved && v.s.proposals.stopped(p.ID)
	_, categories := v.s.disposal.Classes()
	for _, name := range p.Decision.Classes {
		view.Classes = append(view.Classes, classView{Name: name, Categories: categories[name]})
	}
	if p.Last > 0 {
		view.Share = int(min(100, 100*p.Looked/p.Last))
	}
	after, _ := strconv.ParseInt(v.r.URL.Query().Get("after"), 10, 64) // else from the beginning
	if view.Goes, err = v.s.disposal.Listed(v.r.Context(), p.ID, false, after, disposalPage+1); err != nil {
		return err
	}
	if len(view.Goes) > disposalPage {
		view.Goes = view.Goes[:disposalPage]
		view.Next = view.Goes[disposalPage-1].Comment
	}
	if view.Stays, err = v.s.disposal.Listed(v.r.Context(), p.ID, true, 0, disposalPage); err != nil {
		return err
	}
	return v.show(status, "disposal", page{Title: "disposal.title", Section: "archive", Content: view})
}

// proposal is the one that the path names.
func (v *visit) proposal() (moderation.Proposal, error) {
	if v.s.disposal == nil {
		return moderation.Proposal{}, moderation.ErrNotFound
	}
	id, err := v.id("proposal")
	if err != nil {
		return moderation.Proposal{}, err
	}
	return v.s.disposal.Proposal(v.r.Context(), id)
}

// approve takes the decision's reference, and the number of comments: written out, so that nobody approves what they have not looked at.
func (v *visit) approve() error {
	p, err := v.proposal()
	if err != nil {
		return err
	}
	reference := strings.TrimSpace(v.r.PostFormValue("reference"))
	n, err := strconv.Atoi(strings.Join(strings.Fields(v.r.PostFormValue("comments")), ""))
	switch {
	case p.State != moderation.ProposalProposed:
		return moderation.ErrStale
	case p.ProposedBy == v.account.Name:
		return moderation.ErrSamePerson
	case reference == "":
		return v.showDisposal(http.StatusUnprocessableEntity, "disposal.noreference", "")
	case err != nil || n != p.Listed.Comments:
		return v.showDisposal(http.StatusUnprocessableEntity, "disposal.badnumber", reference)
	}
	if err := v.s.disposal.Approve(v.r.Context(), p.ID, v.account.Name, reference, n); err != nil {
		return err
	}
	return v.carryOn(p.ID)
}

// resume begins again what somebody died of.
func (v *visit) resume() error {
	p, err := v.proposal()
	if err != nil {
		return err
	}
	return v.carryOn(p.ID)
}

func (v *visit) carryOn(id int64) error {
	v.s.workOn(id)
	v.redirect("/archive/disposal/" + strconv.FormatInt(id, 10))
	return nil
}

func (v *visit) withdraw() error {
	p, err := v.proposal()
	if err != nil {
		return err
	}
	if err := v.s.disposal.Withdraw(v.r.Context(), p.ID, v.account.Name); err != nil {
		return err
	}
	v.redirect("/archive/disposal")
	return nil
}

// disposalList sends the whole list as a table: numbers and names of our own, and nothing that a citizen wrote.
func (v *visit) disposalList() error {
	p, err := v.proposal()
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	v.w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="gallring-%d.csv"`, p.ID))
	if err := v.writeList(p.ID); err != nil {
		v.s.log.Error("a list of disposal broke off", zap.Int64("proposal", p.ID), zap.Error(err))
		panic(http.ErrAbortHandler)
	}
	return nil
}

func (v *visit) writeList(id int64) error {
	to := steady{v}
	if _, err := to.Write([]byte("\ufeff")); err != nil { // without it Excel reads å, ä and ö as something else
		return err
	}
	w := csv.NewWriter(to)
	if err := w.Write([]string{"kommentar", "kanal", "handling", "mottagen", "utfall"}); err != nil {
		return err
	}
	outcome := map[string]string{"": "gallras", "held": "gallringsstopp", "waiting": "väntar på beslut"}
	for _, stay := range []bool{false, true} {
		for after := int64(0); ; {
			found, err := v.s.disposal.Listed(v.r.Context(), id, stay, after, 500)
			if err != nil {
				return err
			}
			for _, l := range found {
				after = l.Comment
				if err := w.Write([]string{strconv.FormatInt(l.Comment, 10), l.Ref.Channel, l.Record, l.Received.In(v.s.zone).Format(time.RFC3339), outcome[l.Kept]}); err != nil {
					return err
				}
			}
			if len(found) < 500 {
				break
			}
		}
	}
	w.Flush()
	return w.Error()
}

// signedList sends what went, as the log's key has signed it.
func (v *visit) signedList() error {
	p, err := v.proposal()
	if err != nil {
		return err
	}
	if p.State != moderation.ProposalDone && p.State != moderation.ProposalApproved {
		return moderation.ErrNotFound
	}
	v.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	v.w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="gallring-%d-%s.txt"`, p.ID, safeName(p.Decision.Reference)))
	if err := v.s.disposal.Sealed(v.r.Context(), p.ID, steady{v}); err != nil {
		v.s.log.Error("a signed list broke off", zap.Int64("proposal", p.ID), zap.Error(err))
		panic(http.ErrAbortHandler) // no half list passes for a whole one
	}
	return nil
}
