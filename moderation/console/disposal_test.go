package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"takhojd/archive"
	"takhojd/moderation"
	"takhojd/moderation/store"
)

// old keeps the comments of two years ago: a hidden one with a record, one whose record is held, and n that stand.
func (h *house) old(t testing.TB, n int) (record, held string) {
	t.Helper()
	at := time.Now().AddDate(-2, 0, 0)
	keep := func(c moderation.Case, record string) {
		err := h.db.Update(context.Background(), func(tx *store.Tx) error {
			_, err := tx.Exec(`INSERT INTO comments (platform, channel, comment_id, text, author_name, received_at, revision, record_id) VALUES ($1, $2, $3, $4, $5, $6, 'r', $7)`,
				string(c.Ref.Platform), c.Ref.Channel, c.Ref.Comment, c.Comment.Text, c.Comment.Author.Name, at, record)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	hidden, kept := *h.desk.cases[7], *h.desk.cases[8]
	hidden.Received, kept.Received = at, at
	record, held = h.record(t, &hidden), h.record(t, &kept)
	keep(hidden, record)
	keep(kept, held)
	if err := h.archive.Hold(context.Background(), held, archive.Hold{On: true, Reason: "begäran", By: "rut"}); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		c := *h.desk.cases[9]
		c.Ref.Comment = fmt.Sprint("old-", i)
		keep(c, "")
	}
	return record, held
}

// reaches asks for a page until it says something.
func (b *browser) reaches(path, says string) string {
	b.t.Helper()
	for late := time.Now().Add(20 * time.Second); time.Now().Before(late); time.Sleep(20 * time.Millisecond) {
		if body := b.get(path).body; strings.Contains(body, says) {
			return body
		}
	}
	b.t.Fatalf("%s never says %q", path, says)
	return ""
}

func TestTwoPeopleDispose(t *testing.T) {
	h := newHouse(t, morning(t))
	record, held := h.old(t, 60)
	base := h.open(t).base
	rut, anna := h.as(t, base, "rut"), h.as(t, base, "anna")
	if body := rut.get("/archive").body; !strings.Contains(body, `href="/archive/disposal"`) {
		t.Error("no way leads from the archive to disposal")
	}
	for name, form := range map[string]url.Values{"no class": {"before": {"2025-11-22"}}, "no day": {"class": {"standing"}}, "to come": {"class": {"standing"}, "before": {"2099-01-01"}}, "no day at all": {"class": {"standing"}, "before": {"x"}}} {
		if got := rut.post("/archive/disposal", form); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, `role="alert"`) {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	classes := moderation.RetentionClasses(h.desk.Policy())
	got := rut.post("/archive/disposal", url.Values{"class": classes, "before": {time.Now().AddDate(-1, 0, 0).Format(time.DateOnly)}})
	at := got.location()
	if got.status != http.StatusSeeOther || at != "/archive/disposal/1" {
		t.Fatalf("%d %s", got.status, at)
	}
	page := rut.reaches(at, "Väntar på godkännande")
	for _, says := range []string{"<dd>61</dd>", record, held, "Gallringsstopp", "Du har gjort förslaget", "after="} {
		if !strings.Contains(page, says) {
			t.Errorf("the proposal does not say %q", says)
		}
	}
	if strings.Contains(page, "/approve") || strings.Contains(page, h.desk.cases[7].Comment.Author.Name) {
		t.Error("the page offers approval to who proposed, or names an author")
	}
	if lines := strings.Count(rut.get(at+"/list.csv").body, "\n"); lines != 63 { // a head, what goes, what stays
		t.Errorf("%d lines", lines)
	}
	h.approve(t, rut, anna, at)
	page = anna.reaches(at, "Gallringen är klar")
	if !strings.Contains(page, "HSN 2026-0123") || !strings.Contains(page, at+"/signed") {
		t.Error("the page does not say under which decision, or has no signed list")
	}
	if body := rut.get("/archive/record/" + record).body; !strings.Contains(body, "HSN 2026-0123") || strings.Contains(body, h.desk.cases[7].Comment.Text) {
		t.Error("the record is not disposed of")
	}
	if body := rut.get("/archive/record/" + held).body; !strings.Contains(body, "Snabba Cash Direkt") {
		t.Error("what is held went, too")
	}
	h.signed(t, rut, at, record)
	if body := rut.get("/archive/disposal").body; !strings.Contains(body, "Klart") || !strings.Contains(body, at) {
		t.Error("the list of proposals does not name it")
	}
}

// approve tries what must be refused, and then approves.
func (h *house) approve(t *testing.T, rut, anna *browser, at string) {
	t.Helper()
	form := func(reference, n string) url.Values { return url.Values{"reference": {reference}, "comments": {n}} }
	if got := rut.post(at+"/approve", form("HSN 2026-0123", "61")); got.status != http.StatusForbidden || !strings.Contains(got.body, "En annan ska godkänna") {
		t.Errorf("who proposed approves: %d", got.status)
	}
	for name, try := range map[string]url.Values{"no decision": form(" ", "61"), "another number": form("HSN 2026-0123", "60"), "no number": form("HSN 2026-0123", "alla")} {
		if got := anna.post(at+"/approve", try); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, `role="alert"`) {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	if got := anna.get(at + "/signed"); got.status != http.StatusNotFound {
		t.Errorf("a signed list of what nobody has approved: %d", got.status)
	}
	if got := anna.post(at+"/approve", form("HSN 2026-0123", "61")); got.status != http.StatusSeeOther || got.location() != at {
		t.Fatalf("approve: %d", got.status)
	}
	if got := rut.post(at+"/withdraw", nil); got.status != http.StatusConflict {
		t.Errorf("withdrawn after it was approved: %d", got.status)
	}
}

// signed holds the list that is downloaded against the log's key.
func (h *house) signed(t *testing.T, by *browser, at, record string) {
	t.Helper()
	full, err := h.archive.Show(context.Background(), record)
	if err != nil {
		t.Fatal(err)
	}
	part, err := archive.OpenSealed(full.Proof.PublicKey, strings.TrimSpace(by.get(at+"/signed").body))
	if err != nil || len(part.Comments) != 61 || len(part.Records) != 1 || part.Records[0] != record || part.By != "anna" {
		t.Errorf("%+v %v", part, err)
	}
}

func TestAProposalIsTakenBackOrGoneOnWith(t *testing.T) {
	h := newHouse(t, morning(t))
	h.old(t, 3)
	base := h.open(t).base
	rut, anna := h.as(t, base, "rut"), h.as(t, base, "anna")
	before := time.Now().AddDate(-1, 0, 0)
	id, err := h.disposal.Propose(context.Background(), "rut", []string{moderation.ClassStanding}, before)
	if err != nil {
		t.Fatal(err)
	}
	at := fmt.Sprint("/archive/disposal/", id) // whoever was to list it is dead
	if body := anna.get(at).body; !strings.Contains(body, "data-poll") || strings.Contains(body, "Arbetet har avbrutits") {
		t.Error("it is taken for dead at once")
	}
	err = h.db.Update(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE disposal_proposals SET seen_at = $1`, time.Now().Add(-time.Hour))
		return err
	})
	if err != nil || !strings.Contains(anna.get(at).body, "Arbetet har avbrutits") {
		t.Errorf("nobody is told that it is dead: %v", err)
	}
	if got := anna.post(at+"/continue", nil); got.location() != at {
		t.Errorf("%d", got.status)
	}
	if body := anna.reaches(at, "Väntar på godkännande"); !strings.Contains(body, "/approve") {
		t.Error("who did not propose cannot approve")
	}
	if got := rut.post(at+"/withdraw", nil); got.location() != "/archive/disposal" || !strings.Contains(rut.get(at).body, "Återtaget") {
		t.Errorf("withdraw: %d", got.status)
	}
	if got := anna.post(at+"/approve", url.Values{"reference": {"HSN 1"}, "comments": {"3"}}); got.status != http.StatusConflict {
		t.Errorf("approved after it was withdrawn: %d", got.status)
	}
}

// Where nothing is disposed of from the console, there is no such page.
func TestWithoutDisposal(t *testing.T) {
	h := newHouse(t, morning(t))
	h.disposal = nil
	rut := h.as(t, h.open(t).base, "rut")
	if strings.Contains(rut.get("/archive").body, "/archive/disposal") {
		t.Error("the archive leads to a page that is not there")
	}
	for _, path := range []string{"/archive/disposal", "/archive/disposal/1", "/archive/disposal/1/signed"} {
		if got := rut.get(path); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}

// Where the backups cannot be reached nothing goes, and the page says why, what to do, and goes on when it is done.
func TestDisposalSaysThatTheBackupsAreElsewhere(t *testing.T) {
	h := newHouse(t, morning(t))
	h.old(t, 60)
	var reached atomic.Bool
	h.Server.disposal = moderation.Disposer{DB: h.db, Archive: h.archive, Policy: h.desk.Policy(), Announce: func(archive.Disposal) error {
		if !reached.Load() {
			return errors.New("the backups cannot be reached")
		}
		return nil
	}}
	base := h.open(t).base
	rut, anna := h.as(t, base, "rut"), h.as(t, base, "anna")
	at := rut.post("/archive/disposal", url.Values{"class": moderation.RetentionClasses(h.desk.Policy()), "before": {time.Now().AddDate(-1, 0, 0).Format(time.DateOnly)}}).location()
	rut.reaches(at, "Väntar på godkännande")
	h.approve(t, rut, anna, at)
	if page := anna.reaches(at, "Gallringen har stannat"); !strings.Contains(page, "--backups MAPP") || !strings.Contains(page, at+"/continue") {
		t.Error("the page does not say what to do")
	}
	reached.Store(true)
	if got := anna.post(at+"/continue", nil); got.status != http.StatusSeeOther {
		t.Fatal(got.status)
	}
	if page := anna.reaches(at, "Gallringen är klar"); strings.Contains(page, "har stannat") {
		t.Error("it went on, and is said to have stopped")
	}
}
