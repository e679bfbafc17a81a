package moderation_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"takhojd/archive"
	"takhojd/moderation"
	"takhojd/moderation/store"
)

// disposer disposes of what is on the desk, and keeps what it announces.
func (d *desk) disposer(announced *[]archive.Disposal) moderation.Disposer {
	return moderation.Disposer{DB: d.db, Archive: d.archive, Policy: d.Policy(), Now: d.clock.now,
		Announce: func(part archive.Disposal) error { *announced = append(*announced, part); return nil }}
}

// under is a decision on all that was decided until now, and a year ago by now.
func (d *desk) under(classes ...string) moderation.DisposalDecision {
	before := d.clock.now().Add(time.Hour)
	d.clock.move(365 * 24 * time.Hour)
	return moderation.DisposalDecision{Reference: "HSN 2026-0123", By: "rut", Classes: classes, Before: before}
}

// kept counts the rows in which a word can still be read.
func (d *desk) kept(word string) (n int) {
	d.t.Helper()
	for table, column := range map[string]string{"comments": "text || author_name || author_id || attachments || permalink", "revisions": "text", "history": "detail", "outbox": "argument",
		"decisions": "reason || verdict", "archive_records": "author_name || author_id"} {
		n += d.number(`SELECT count(*) FROM ` + table + ` WHERE ` + column + ` LIKE '%` + word + `%'`)
	}
	found, err := d.archive.Count(context.Background(), archive.Query{Words: word})
	if err != nil {
		d.t.Fatal(err)
	}
	return n + found
}

func TestDisposal(t *testing.T) {
	ctx, at := context.Background(), gallery(t)
	d := sit(t)
	d.tell(d.write("c1", "Bo", "Du är en jävla idiot, kanelbulle"), d.write("c2", "Eva", "Du är en jävla idiot, semla"), d.write("c3", "Cia", linked), d.write("c4", "Dag", "Tack för wienerbrödet!"))
	d.post("c5", "Bo", insult+" kanelbulle", at+"/a")
	d.post("c6", "Eva", insult+" semla", at+"/film")
	held := d.of("c2").Record
	if err := d.archive.Hold(ctx, held, archive.Hold{On: true, Reason: "begäran 2026/7", By: "rut"}); err != nil {
		t.Fatal(err)
	}
	if err := d.archive.Hold(ctx, d.of("c6").Record, archive.Hold{On: true, Reason: "polisanmäld", By: "rut"}); err != nil {
		t.Fatal(err)
	}
	holds := func() (reasons []string) {
		found, err := d.archive.Holds(ctx, 0, 10)
		if err != nil {
			t.Error(err)
		}
		for _, h := range found {
			reasons = append(reasons, h.Ref.Comment+" "+h.Reason)
		}
		return reasons
	}
	if got := holds(); !slices.Equal(got, []string{"c6 polisanmäld", "c2 begäran 2026/7"}) {
		t.Errorf("held: %q", got)
	}
	again := d.write("c1", "Bo", "Du är en jävla idiot, kanelbulle")
	record, decision := d.of("c1").Record, d.under("removed", "brief")
	var announced []archive.Disposal
	disposer := d.disposer(&announced)
	sum, err := disposer.Preview(ctx, decision)
	alone := decision
	alone.Classes = []string{"removed"} // c5 and c6 repeat what was said, which is a class more
	if sum, err := disposer.Preview(ctx, alone); err != nil || sum.Comments != 1 || sum.Held != 1 {
		t.Errorf("by one of its classes: %+v %v", sum, err)
	}
	if want := (moderation.Disposable{Comments: 2, Records: 2, Pictures: 1, Held: 2}); err != nil || sum != want || d.kept("kanelbulle") == 0 {
		t.Fatalf("preview: %+v, want %+v, %v", sum, want, err)
	}
	if sum, err = disposer.Dispose(ctx, decision); err != nil || sum.Comments != 2 || sum.Pictures != 1 || len(announced) != 1 {
		t.Fatalf("%+v %v %d", sum, err, len(announced))
	}
	if n := d.kept("kanelbulle") + d.number(`SELECT count(*) FROM comments WHERE author_name = 'Bo'`); n != 0 {
		t.Errorf("%d rows still say it", n)
	}
	if d.kept("semla") == 0 || d.kept("wienerbrödet") == 0 || d.number(`SELECT count(*) FROM archive_media`) != 1 || d.number(`SELECT count(*) FROM picture_slots`) != 0 {
		t.Error("more went than was decided")
	}
	d.verify()
	report, err := d.archive.Verify(ctx, nil)
	if err != nil || len(report.Disposals) != 1 || report.Disposals[0].Decision != "HSN 2026-0123" || len(report.Disposals[0].Records) != 2 {
		t.Errorf("%+v %v", report.Disposals, err)
	}
	full, err := d.archive.Show(ctx, record)
	if err != nil || full.Disposed == nil || full.Disposed.By != "rut" || full.Record.Text != "" || full.Proof.Salt != "" {
		t.Errorf("%+v %v", full, err)
	}
	if _, err := d.archive.Receipt(ctx, record); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("a receipt of what was disposed of: %v", err)
	}

	// The platform tells of it again, and of its end: nothing comes back.
	d.tell(again)
	if err := d.Receive(ctx, nil); err != nil {
		t.Fatal(err)
	}
	d.tell(d.remove("c1"))
	if n := d.kept("kanelbulle"); n != 0 || d.records() != 2 {
		t.Errorf("%d rows say it again; %d records", n, d.records())
	}
	if sum, err := disposer.Dispose(ctx, decision); err != nil || sum.Comments != 0 || len(announced) != 1 {
		t.Errorf("twice: %+v %v", sum, err)
	}
	// What its author writes anew is a new comment; a hold that ended keeps nothing.
	d.tell(d.edit("c5", insult+" prinsesstårta"))
	if n, err := d.archive.HoldAll(ctx, []string{held, d.of("c5").Record}, archive.Hold{By: "rut"}); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if got := holds(); !slices.Equal(got, []string{"c6 polisanmäld"}) {
		t.Errorf("held: %q", got)
	}
	if sum, err := disposer.Dispose(ctx, decision); err != nil || sum.Comments != 1 || d.kept("prinsesstårta") == 0 {
		t.Errorf("%+v %v", sum, err)
	}
	d.verify()
}

func TestDisposalTakesWhatWasAnswered(t *testing.T) {
	ctx := context.Background()
	d := sit(t)
	d.tell(d.write("c1", "Bo", "När öppnar kanelbulleriet?"))
	k := d.of("c1")
	if _, err := d.Resolve(ctx, moderation.Resolution{Comment: k.ID, Revision: k.Revision, Action: moderation.Reply, By: "anna", Reply: "Kanelbulleriet öppnar klockan nio."}); err != nil {
		t.Fatal(err)
	}
	d.clock.move(time.Minute)
	d.again()
	d.eventually("answered", func() bool { return d.records() == 1 })
	d.settle()
	var announced []archive.Disposal
	disposer := d.disposer(&announced)
	if sum, err := disposer.Dispose(ctx, d.under("removed", "sensitive", moderation.ClassOther)); err != nil || sum.Comments != 0 {
		t.Fatalf("what stands went with what was removed: %+v %v", sum, err)
	}
	if sum, err := disposer.Dispose(ctx, d.under(moderation.ClassStanding)); err != nil || sum.Comments != 1 || sum.Records != 1 {
		t.Fatalf("%+v %v", sum, err)
	}
	if n := d.kept("anelbulleriet"); n != 0 || d.records() != 0 {
		t.Errorf("%d rows still say it, %d records", n, d.records())
	}
	d.verify()
}

func TestDisposalNeedsADecision(t *testing.T) {
	d := sit(t)
	good := d.under("removed")
	for name, change := range map[string]func(*moderation.DisposalDecision){
		"no reference": func(x *moderation.DisposalDecision) { x.Reference = " " },
		"nobody":       func(x *moderation.DisposalDecision) { x.By = "" },
		"no class":     func(x *moderation.DisposalDecision) { x.Classes = nil },
		"no such":      func(x *moderation.DisposalDecision) { x.Classes = []string{"everything"} },
		"no day":       func(x *moderation.DisposalDecision) { x.Before = time.Time{} },
		"to come":      func(x *moderation.DisposalDecision) { x.Before = d.clock.now().Add(time.Second) },
	} {
		bad := good
		change(&bad)
		if _, err := d.disposer(nil).Preview(context.Background(), bad); !errors.Is(err, moderation.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What was announced and not committed is finished, once; who empties a record without a decision, or puts one back, is seen.
func TestDisposalIsFinished(t *testing.T) {
	ctx := context.Background()
	d := sit(t)
	d.tell(d.write("c1", "Bo", insult+" kanelbulle"), d.write("c2", "Eva", insult2))
	decision := d.under("removed")
	var announced []archive.Disposal
	disposer := d.disposer(&announced)
	announce := disposer.Announce
	disposer.Announce = func(part archive.Disposal) error { return errors.Join(announce(part), errors.New("died")) }
	if _, err := disposer.Dispose(ctx, decision); err == nil || d.kept("kanelbulle") == 0 || len(announced) != 1 {
		t.Fatalf("%v %d", err, len(announced))
	}
	full, err := d.archive.Show(ctx, d.of("c1").Record)
	if err != nil {
		t.Fatal(err)
	}
	public := full.Proof.PublicKey
	line, err := d.archive.Seal(announced[0])
	if err != nil {
		t.Fatal(err)
	}
	part, err := archive.OpenSealed(public, line)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := archive.OpenSealed(public, strings.Replace(line, "HSN", "HSM", 1)); err == nil {
		t.Error("a line that was changed is believed")
	}
	for i, want := range []int{2, 0} {
		if n, err := disposer.Settle(ctx, []archive.Disposal{part, part}); err != nil || n != want {
			t.Errorf("settled %d: %d %v", i, n, err)
		}
	}
	if n := d.kept("kanelbulle"); n != 0 {
		t.Errorf("%d rows still say it", n)
	}
	d.verify()
	for name, statement := range map[string]string{"put back": `UPDATE archive_entries SET body = '{}', salt = 'x' WHERE leaf = 0`,
		"emptied": `UPDATE archive_entries SET body = NULL, salt = NULL, disposal = NULL WHERE kind = 'disposal'`} {
		err := d.db.Update(ctx, func(tx *store.Tx) error {
			if _, err := tx.Exec(statement); err != nil {
				return err
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		r, err := d.archive.Verify(ctx, nil)
		if err != nil || !slices.ContainsFunc(r.Problems, func(p archive.Problem) bool {
			return strings.Contains(p.What, "come back") || strings.Contains(p.What, "no decision of disposal")
		}) {
			t.Errorf("%s: %v %v", name, r.Problems, err)
		}
	}
}
