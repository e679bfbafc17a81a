package console

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"takhojd/archive"
	"takhojd/moderation"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

func TestArchiveFindsShowsAndExports(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	first, second := h.record(t, d.cases[7]), h.record(t, d.cases[8])
	rut := h.as(t, h.open(t).base, "rut")
	for query, want := range map[string][]string{
		"":                       {first, second},
		"words=lögnare":          {first},
		"words=lån":              {second},
		"author=Tjorven":         {first},
		"category=advertising":   {second},
		"channel=facebook":       {first, second},
		"channel=x":              nil,
		"words=finns+inte":       nil,
		"from=2020-01-01":        {first, second},
		"to=2020-01-01":          nil,
		"from=igår":              {first, second},
		"words=jävla&author=Snå": nil,
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		page := rut.get("/archive?" + values.Encode())
		for _, id := range []string{first, second} {
			wanted := strings.Contains(strings.Join(want, " "), id)
			if has := strings.Contains(page.body, "/archive/record/"+id); has != wanted {
				t.Errorf("%s: finds %s: %v, want %v", query, id, has, wanted)
			}
		}
	}
	search := rut.get("/archive?words=" + url.QueryEscape("ditt lögnare") + "&author=" + url.QueryEscape("Tjorven M"))
	_, link, _ := strings.Cut(search.body, `download href="`)
	link, _, _ = strings.Cut(link, `"`)
	if got := rut.get(html.UnescapeString(link)); strings.Count(got.body, "\n") != 2 {
		t.Errorf("the link %s exports %q", link, got.body)
	}
	page := rut.get("/archive/record/" + first)
	for _, says := range []string{"Handling " + first, "ditt ", "Dölj: gjort", everything.HideEffectSV, "Står fast.", "Visa beviset", "Publik nyckel"} {
		if !strings.Contains(page.body, says) {
			t.Errorf("the record does not say %q", says)
		}
	}
	var full struct{ Record archive.Record }
	if got := rut.get("/archive/record/" + first + "/json"); json.Unmarshal([]byte(got.body), &full) != nil || full.Record.ID != first {
		t.Errorf("as JSON: %.200s", got.body)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(rut.get("/archive/export?format=csv&words=lögnare").body, "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Errorf("CSV of a search: %d rows, %v", len(rows), err)
	}
	if got := rut.get("/archive/export?format=jsonl"); strings.Count(got.body, "\n") != 2 || !strings.Contains(got.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("JSONL: %q", got.body)
	}
	if got := rut.get("/archive/export?format=xml"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("an unknown format: %d", got.status)
	}
	if got := rut.get("/archive/record/2026-999999"); got.status != http.StatusNotFound {
		t.Errorf("no such record: %d", got.status)
	}
}

func TestArchiveGoesOnPageByPage(t *testing.T) {
	d := newFakeDesk(t)
	h := newHouse(t, d)
	for id := int64(1); id <= recordsPage+5; id++ {
		h.record(t, d.add(id, 0, "Flitig", "Kommentar nummer", "nummer", rules.Spam))
	}
	rut := h.as(t, h.open(t).base, "rut")
	page := rut.get("/archive?words=nummer")
	if got := strings.Count(page.body, "/archive/record/"); got != recordsPage {
		t.Fatalf("the first page has %d records", got)
	}
	_, rest, _ := strings.Cut(page.body, `href="/archive?words=nummer&amp;before=`)
	leaf, _, found := strings.Cut(rest, `"`)
	if !found {
		t.Fatal("there is no way on")
	}
	if got := strings.Count(rut.get("/archive?words=nummer&before="+leaf).body, "/archive/record/"); got != 5 {
		t.Errorf("the second page has %d records, want 5", got)
	}
}

func TestVerifyShowsHowItWent(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	id := h.record(t, d.cases[7])
	rut := h.as(t, h.open(t).base, "rut")
	run := func() string {
		rut.follow(rut.post("/archive/verify", nil))
		deadline := time.Now().Add(10 * time.Second)
		for time.Now().Before(deadline) {
			if view := h.check.view(); view.Ended {
				return rut.get("/archive/verify").body
			}
			time.Sleep(time.Millisecond)
		}
		t.Fatal("the verification does not end")
		return ""
	}
	if page := run(); !strings.Contains(page, "Arkivet är oförändrat.") || !strings.Contains(page, "Startad av rut") {
		t.Error("a sound archive is not said to be")
	}
	h.exec(t, `UPDATE archive_records SET author_name = 'Tjorvem'`)
	if page := run(); !strings.Contains(page, "Något har ändrats.") || !strings.Contains(page, `href="/archive/record/`+id) {
		t.Error("a changed record is not named")
	}
}

func TestChannelsWarn(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	anna := h.as(t, h.open(t).base, "anna")
	h.now = func() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) }
	page := anna.get("/channels").body
	if strings.Count(page, "Översynen är försenad.") != 1 || !strings.Contains(page, "syfte, ägare, senast översedd.") {
		t.Error("an overdue channel, or one without purpose and owner, is not warned of")
	}
	if !strings.Contains(page, "Plattformen godtar inte längre åtkomstnyckeln") {
		t.Error("a dead letter does not say why, in Swedish")
	}
	if got := anna.post("/channels/retry", url.Values{"box": {"outbox"}, "id": {"5"}}); got.location() != "/channels" || len(d.dead) != 0 {
		t.Errorf("retry: %d, %d left", got.status, len(d.dead))
	}
	if got := anna.post("/channels/retry", url.Values{"box": {"elsewhere"}, "id": {"5"}}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("retry nonsense: %d", got.status)
	}
}

func TestFigures(t *testing.T) {
	zone, _ := time.LoadLocation("Europe/Stockholm")
	from := time.Date(2026, 10, 24, 0, 0, 0, 0, zone) // summer time ends on the 25th: that day has 25 hours
	rows, total := byDay([]moderation.DayFigures{{Day: "2026-10-25", Channel: "a", Comments: 3, Allowed: 2, Hidden: 1}, {Day: "2026-10-25", Channel: "b", Comments: 4, Allowed: 4},
		{Day: "2026-10-26", Channel: "a", Comments: 1, Flagged: 1, Removed: 1}}, from, from.AddDate(0, 0, 4))
	if len(rows) != 4 || rows[0].Day != "2026-10-24" || rows[0].Comments != 0 || rows[1].Comments != 7 || rows[3].Day != "2026-10-27" {
		t.Errorf("by day: %+v", rows)
	}
	if total.Comments != 8 || total.Allowed != 6 || total.Flagged != 1 || total.Hidden != 1 || total.Removed != 1 {
		t.Errorf("total: %+v", total)
	}
	for top, want := range map[int]int{1: 1, 5: 1, 6: 2, 12: 5, 200: 50, 1000: 200, 1001: 500} {
		if got := niceStep(top); got != want {
			t.Errorf("an axis to %d goes by %d, want %d", top, got, want)
		}
	}
	d := morning(t)
	h := newHouse(t, d)
	rut := h.as(t, h.open(t).base, "rut")
	for path, says := range map[string]string{"/figures": "<svg", "/figures?from=2026-11-01&to=2026-11-02": "2026-11-02", "/figures?from=x": "senaste fyra veckorna",
		"/figures?from=2026-11-02&to=2026-11-01": "senaste fyra veckorna", "/figures?from=0001-01-01": "senaste fyra veckorna"} {
		if got := rut.get(path); got.status != http.StatusOK || !strings.Contains(got.body, says) {
			t.Errorf("%s: %d, want %q", path, got.status, says)
		}
	}
	if strings.Contains(rut.get("/figures").body, "räknas just nu") {
		t.Error("figures that are complete say that they are not")
	}
	if d.uncounted = 31_000; !strings.Contains(rut.get("/figures").body, "minst 31\u00a0000 saknas") {
		t.Error("the page does not say what is not in its figures yet")
	}
}

func TestRulesSayWhatTheyHaveEarned(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	rut := h.as(t, h.open(t).base, "rut")
	page := rut.get("/rules").body
	for _, says := range []string{"<details open>", "<strong>flagga</strong>", "Flaggar bara sedan i går.", "<td>37</td><td>25 av 31</td>"} {
		if strings.Count(page, says) != 1 {
			t.Errorf("the page says %q %d times, want once", says, strings.Count(page, says))
		}
	}
	for _, r := range d.policy.Rules() {
		if !strings.Contains(page, ">"+r.ID+"</code>") {
			t.Errorf("rule %s is not shown", r.ID)
		}
	}
	d.fail["RuleFigures"] = context.DeadlineExceeded
	if got := rut.get("/rules"); got.status < 500 {
		t.Errorf("without figures: %d", got.status)
	}
}

func TestTheListSaysWhyAHideLeadsIt(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	anna := h.as(t, h.open(t).base, "anna")
	if page := anna.get("/bot-hidden"); strings.Contains(anna.follow(page).body, catalogue["why.trial"].SV) {
		t.Error("on trial without a reason")
	}
	d.trial = true
	if page := anna.get("/bot-hidden"); !strings.Contains(anna.follow(page).body, catalogue["why.trial"].SV) {
		t.Error("the list does not say that the rule is on trial")
	}
}

func TestEnglishByChoice(t *testing.T) {
	h := newHouse(t, morning(t))
	mats := h.as(t, h.open(t).base, "mats")
	if got := mats.post("/language", url.Values{"language": {"en"}, "next": {"/queue/3"}}); got.location() != "/queue/3" {
		t.Errorf("leads to %q", got.location())
	}
	got := mats.get("/queue/3")
	if !strings.Contains(got.body, `<html lang="en"`) || !strings.Contains(got.body, "Let it stand") || strings.Contains(got.body, "Låt stå") {
		t.Error("the page is not in English")
	}
	if got := mats.post("/language", url.Values{"language": {"tlh"}}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("an unknown language: %d", got.status)
	}
}

func TestReasonsAreSaidOnce(t *testing.T) {
	d := morning(t)
	c := d.cases[3]
	published := d.policy.Bullet(rules.Insult).Published
	c.Verdict.Findings[0].Reason = rules.Words{SV: "Förolämpar: ”1d10t”, läst som ”idiot”. Punkten ”" + published.SV + "” i kommentarsreglerna.",
		EN: "Insults: “1d10t”, read as “idiot”. The bullet “" + published.EN + "” of the comment policy."}
	h := newHouse(t, d)
	anna := h.as(t, h.open(t).base, "anna")
	page := anna.get("/queue/3").body
	if strings.Count(page, published.SV) != 1 || !strings.Contains(page, "läst som ”idiot”.<") || strings.Contains(page, `class="seen"`) {
		t.Error("the bullet's wording, or the disguise, is said again in each reason")
	}
	anna.post("/language", url.Values{"language": {"en"}})
	if page := anna.get("/queue/3").body; strings.Count(page, published.EN) != 1 {
		t.Error("the bullet's wording is said again in English")
	}
}

func TestNearestOfTheThread(t *testing.T) {
	c := moderation.Case{Ref: platforms.Ref{Comment: "here"}}
	add := func(id, parent string) {
		c.Thread = append(c.Thread, moderation.ThreadComment{Ref: platforms.Ref{Comment: id}, Parent: parent, Author: id, This: id == "here"})
	}
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		add(id, "")
	}
	add("here", "c")
	add("before", "c")
	add("reply", "here")
	add("loop1", "loop2")
	add("loop2", "loop1")
	near, all := nearest(c)
	names := func(lines []threadLine) string {
		var out []string
		for _, l := range lines {
			out = append(out, strings.Repeat(">", l.Depth)+l.Author)
		}
		return strings.Join(out, " ")
	}
	if got := names(all); got != "a b c >here >>reply >before d e loop1 loop2" {
		t.Errorf("all: %s", got)
	}
	if got := names(near); got != "c >here >>reply >before" {
		t.Errorf("near: %s", got)
	}
	c = moderation.Case{Ref: platforms.Ref{Comment: "here"}}
	for _, x := range [][2]string{{"a", ""}, {"b", ""}, {"c", ""}, {"answer", "c"}, {"here", ""}, {"d", ""}, {"e", ""}} {
		add(x[0], x[1])
	}
	near, _ = nearest(c)
	if got := names(near); got != "c here d" {
		t.Errorf("an answer stands as if it were the comment's: %s", got)
	}
	alone := moderation.Case{ID: 4, Ref: platforms.Ref{Comment: "alone"}}
	if got, _ := nearest(alone); len(got) != 1 || !got[0].This {
		t.Errorf("a case without its thread: %+v", got)
	}
}

func TestBrokenDeskGivesNoHalfPage(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	anna := h.as(t, h.open(t).base, "anna")
	d.fail["BotHidden"] = context.DeadlineExceeded
	if got := anna.get("/bot-hidden/7"); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || strings.Count(got.body, "<html") != 1 {
		t.Errorf("%d:\n%s", got.status, got.body)
	}
}

func TestADisposedRecordSaysWhy(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	id := h.record(t, d.cases[7])
	rut := h.as(t, h.open(t).base, "rut")
	err := h.db.Update(t.Context(), func(tx *store.Tx) error {
		return h.archive.Dispose(tx, archive.Disposal{ID: "x", Part: 1, Decision: "HSN 2026-0123", By: "rut", At: time.Date(2026, 11, 22, 9, 41, 0, 0, time.UTC), Records: []string{id}})
	})
	if err != nil {
		t.Fatal(err)
	}
	page := rut.get("/archive/record/" + id)
	for _, says := range []string{"Handlingen är gallrad.", "HSN 2026-0123", "2026-11-22 kl. 10.41"} {
		if page.status != http.StatusOK || !strings.Contains(page.body, says) {
			t.Errorf("%d, and does not say %q", page.status, says)
		}
	}
	if strings.Contains(page.body, "ditt ") || strings.Contains(rut.get("/archive").body, id) {
		t.Error("it is shown still")
	}
}
