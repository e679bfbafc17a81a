package moderation_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"takhojd/archive"
	"takhojd/moderation"
)

// proposed are books with a comment that may go, one that is held and one that waits, and a proposal of rut's to dispose of all.
func proposed(t *testing.T, announced *[]archive.Disposal) (d *desk, s moderation.Disposer, id int64) {
	t.Helper()
	ctx := context.Background()
	d = sit(t)
	d.tell(d.write("c1", "Bo", "Du är en jävla idiot, kanelbulle"), d.write("c2", "Eva", insult2), d.write("c3", "Cia", linked), d.write("c4", "Dag", "Tack för wienerbrödet!"))
	if err := d.archive.Hold(ctx, d.of("c2").Record, archive.Hold{On: true, Reason: "begäran 2026/7", By: "rut"}); err != nil {
		t.Fatal(err)
	}
	s = d.disposer(announced)
	decision := d.under(moderation.RetentionClasses(d.Policy())...)
	id, err := s.Propose(ctx, "rut", decision.Classes, decision.Before)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.List(ctx, id); err != nil {
		t.Fatal(err)
	}
	return d, s, id
}

func byName(a, b moderation.ListedComment) int { return strings.Compare(a.Ref.Comment, b.Ref.Comment) }

func TestDisposalTakesTwo(t *testing.T) {
	ctx := context.Background()
	var announced []archive.Disposal
	d, s, id := proposed(t, &announced)
	p, err := s.Proposal(ctx, id)
	if err != nil || p.State != moderation.ProposalProposed || p.Listed != (moderation.Disposable{Comments: 2, Records: 1, Held: 1, Waiting: 1}) {
		t.Fatalf("%+v %v", p, err)
	}
	goes, err := s.Listed(ctx, id, false, 0, 10)
	slices.SortFunc(goes, byName) // in the order in which they came, which may be a full reading's
	if err != nil || len(goes) != 2 || goes[0].Ref.Comment != "c1" || goes[0].Record != d.of("c1").Record {
		t.Errorf("goes: %+v %v", goes, err)
	}
	stays, err := s.Listed(ctx, id, true, 0, 10)
	slices.SortFunc(stays, byName)
	if err != nil || len(stays) != 2 || stays[0].Kept != "held" || stays[1].Kept != "waiting" {
		t.Errorf("stays: %+v %v", stays, err)
	}
	if err := s.CarryOut(ctx, id); err != nil || len(announced) > 0 || d.kept("kanelbulle") == 0 {
		t.Errorf("carried out before anybody approved: %v %v", announced, err)
	}
	for name, try := range map[string]struct {
		by, reference string
		n             int
		want          error
	}{"same person": {"rut", "HSN 1", 2, moderation.ErrSamePerson}, "no decision": {"anna", " ", 2, moderation.ErrInvalid}, "another number": {"anna", "HSN 1", 3, moderation.ErrInvalid}} {
		if err := s.Approve(ctx, id, try.by, try.reference, try.n); !errors.Is(err, try.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Approve(ctx, id, "anna", "HSN 2026-0123", 2); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Approve(ctx, id, "bea", "HSN 7", 2), s.Withdraw(ctx, id, "rut")); !errors.Is(err, moderation.ErrStale) {
		t.Errorf("decided twice: %v", err)
	}
	if err := s.CarryOut(ctx, id); err != nil {
		t.Fatal(err)
	}
	p, err = s.Proposal(ctx, id)
	if err != nil || p.State != moderation.ProposalDone || p.Went.Comments != 2 || p.Went.Records != 1 || p.Decision.By != "anna" || p.Decision.Reference != "HSN 2026-0123" {
		t.Errorf("%+v %v", p, err)
	}
	if d.kept("kanelbulle")+d.kept("wienerbröd") > 0 || d.number(`SELECT count(*) FROM comments WHERE text = '`+insult2+`'`) != 1 || d.number(`SELECT count(*) FROM disposal_list`) > 0 {
		t.Error("other than what was listed went")
	}
	if n := d.counts().BotHidden; n != 1 { // what is held
		t.Errorf("%d comments without words wait for a look", n-1)
	}
	d.verify()
	d.sealed(s, id, len(announced))
}

// sealed holds the signed list of a proposal against the log's key.
func (d *desk) sealed(s moderation.Disposer, id int64, parts int) {
	d.t.Helper()
	var list bytes.Buffer
	if err := s.Sealed(context.Background(), id, &list); err != nil {
		d.t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(list.String()), "\n")
	if len(lines) != parts {
		d.t.Errorf("%d lines, %d parts", len(lines), parts)
	}
	full, err := d.archive.Show(context.Background(), d.of("c2").Record)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, line := range lines {
		if part, err := archive.OpenSealed(full.Proof.PublicKey, line); err != nil || part.Decision != "HSN 2026-0123" || part.By != "anna" {
			d.t.Errorf("%+v %v", part, err)
		}
	}
}

// What is held after it was listed stays, and what is disposed of is only what was listed.
func TestAHoldAfterTheListIsKept(t *testing.T) {
	ctx := context.Background()
	var announced []archive.Disposal
	d, s, id := proposed(t, &announced)
	if err := d.archive.Hold(ctx, d.of("c1").Record, archive.Hold{On: true, Reason: "begäran 2026/8", By: "rut"}); err != nil {
		t.Fatal(err)
	}
	if err := d.archive.Hold(ctx, d.of("c2").Record, archive.Hold{Reason: "lämnad ut", By: "rut"}); err != nil { // nobody has approved that it goes
		t.Fatal(err)
	}
	if err := errors.Join(s.Approve(ctx, id, "anna", "HSN 2026-0123", 2), s.CarryOut(ctx, id)); err != nil {
		t.Fatal(err)
	}
	if p, err := s.Proposal(ctx, id); err != nil || p.Went.Comments != 1 || p.State != moderation.ProposalDone {
		t.Errorf("%+v %v", p, err)
	}
	if d.kept("kanelbulle") == 0 || d.kept("wienerbröd") > 0 || d.of("c2").Comment.Text == "" {
		t.Error("other went than what was listed and may go")
	}
}

// A list and a disposal that somebody died of are gone on with, and what went is told by the signed list.
func TestAProposalIsGoneOnWith(t *testing.T) {
	ctx := context.Background()
	var announced []archive.Disposal
	d, s, id := proposed(t, &announced)
	full := errors.New("the disk is full")
	fails := s
	fails.Announce = func(archive.Disposal) error { return full }
	if err := s.Approve(ctx, id, "anna", "HSN 2026-0123", 2); err != nil {
		t.Fatal(err)
	}
	if err := fails.CarryOut(ctx, id); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	if p, err := s.Proposal(ctx, id); err != nil || p.State != moderation.ProposalApproved || p.Idle || p.Went.Comments != 0 {
		t.Errorf("%+v %v", p, err)
	}
	d.clock.move(2 * time.Minute)
	if p, err := s.Proposal(ctx, id); err != nil || !p.Idle {
		t.Errorf("nobody works on it, and it does not show: %+v %v", p, err)
	}
	if err := s.CarryOut(ctx, id); err != nil {
		t.Fatal(err)
	}
	d.sealed(s, id, 1)
}

func TestAWithdrawnProposalDoesNothing(t *testing.T) {
	ctx := context.Background()
	var announced []archive.Disposal
	d, s, id := proposed(t, &announced)
	if err := s.Withdraw(ctx, id, "rut"); err != nil {
		t.Fatal(err)
	}
	if err := s.Approve(ctx, id, "anna", "HSN 1", 2); !errors.Is(err, moderation.ErrStale) {
		t.Errorf("approved: %v", err)
	}
	if err := errors.Join(s.CarryOut(ctx, id), s.List(ctx, id)); err != nil || len(announced) > 0 || d.number(`SELECT count(*) FROM disposal_list`) > 0 {
		t.Errorf("%v %v", announced, err)
	}
	if _, err := s.Proposal(ctx, 99); !errors.Is(err, moderation.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if _, err := s.Propose(ctx, "rut", []string{"nonsense"}, d.clock.now()); !errors.Is(err, moderation.ErrInvalid) {
		t.Errorf("%v", err)
	}
}
