package console

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"takhojd/archive"
)

// holds tells what the log says of a record's hold, the latest last.
func (h *house) holds(t *testing.T, record string) (on []string) {
	t.Helper()
	full, err := h.archive.Show(t.Context(), record)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range full.Entries {
		if e.Kind == archive.KindHold {
			on = append(on, string(e.Body))
		}
	}
	return on
}

func reason(why, reference string) url.Values {
	return url.Values{"reason": {why}, "reference": {reference}}
}

// The archivist keeps a record from disposal and lets it go again; the log says who, why and under which number, and the list says what is held.
func TestARecordIsHeldAndReleased(t *testing.T) {
	h := newHouse(t, morning(t))
	id := h.record(t, h.desk.cases[7])
	rut := h.as(t, h.open(t).base, "rut")
	at := "/archive/record/" + id
	if body := rut.get(at).body; !strings.Contains(body, "inget gallringsstopp") || !strings.Contains(body, at+"/hold") || strings.Contains(body, at+"/release") {
		t.Error("the page does not say that nothing holds the record, or does not offer it")
	}
	for name, form := range map[string]url.Values{"no reason": reason(" ", "RS 2026-7"), "no number": reason("begäran", ""), "too long": reason(strings.Repeat("å", 501), "RS 2026-7")} {
		got := rut.post(at+"/hold", form)
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, `role="alert"`) || !strings.Contains(got.body, "<details open>") {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	if got := rut.post(at+"/hold", reason("begäran <b>", "RS 2026-7")); got.status != http.StatusSeeOther || got.location() != at {
		t.Fatalf("%d %s", got.status, got.location())
	}
	if got := rut.post(at+"/hold", reason("en till", "RS 2026-8")); got.status != http.StatusConflict || !strings.Contains(got.body, "redan gjort") {
		t.Errorf("held twice: %d", got.status)
	}
	for _, page := range []string{at, "/archive/holds"} {
		if body := rut.get(page).body; !strings.Contains(body, "begäran &lt;b&gt;") || !strings.Contains(body, "RS 2026-7") || !strings.Contains(body, "Rut L") {
			t.Errorf("%s does not say why, under which number and by whom", page)
		}
	}
	log := h.holds(t, id)
	if len(log) != 1 || !strings.Contains(log[0], `"by":"rut"`) || !strings.Contains(log[0], `"on":true`) || !strings.Contains(log[0], `"reference":"RS 2026-7"`) {
		t.Errorf("the log says %s", log)
	}
	if got := rut.post(at+"/release", reason("", "")); got.status != http.StatusUnprocessableEntity {
		t.Errorf("released without a reason: %d", got.status)
	}
	if got := rut.post(at+"/release", reason("utlämnad", "")); got.status != http.StatusSeeOther {
		t.Errorf("%d", got.status)
	}
	if log := h.holds(t, id); len(log) != 2 || !strings.Contains(log[1], `"on":false`) || !strings.Contains(log[1], "utlämnad") {
		t.Errorf("the log says %s", log)
	}
	if body := rut.get("/archive/holds").body; strings.Contains(body, id) || !strings.Contains(body, "Inga handlingar") {
		t.Error("what was released is listed as held")
	}
	if report, err := h.archive.Verify(t.Context(), nil); err != nil || !report.OK() {
		t.Errorf("%v %v", err, report.Problems)
	}
	if got := rut.post("/archive/record/2026-999999/hold", reason("x", "y")); got.status != http.StatusNotFound {
		t.Errorf("no such record: %d", got.status)
	}
}

// All that a search finds is held at once, by whoever has seen how many they are; what was held already keeps its reason.
func TestWhatASearchFindsIsHeld(t *testing.T) {
	h := newHouse(t, morning(t))
	before, other := h.record(t, h.desk.cases[7]), h.record(t, h.desk.cases[8])
	after := h.record(t, h.desk.cases[7])
	rut := h.as(t, h.open(t).base, "rut")
	if got := rut.post("/archive/record/"+before+"/hold", reason("polisanmäld", "RS 2026-6")); got.status != http.StatusSeeOther {
		t.Fatal(got.status)
	}
	form := func(n string) url.Values {
		f := reason("begäran", "RS 2026-7")
		f.Set("number", n)
		return f
	}
	author := url.QueryEscape(h.desk.cases[7].Comment.Author.Name)
	search := "/archive/holds?author=" + author
	if body := html.UnescapeString(rut.get("/archive?author=" + author).body); !strings.Contains(body, `action="`+search) {
		t.Error("the search does not offer it")
	}
	if body := rut.get("/archive").body; strings.Contains(body, `action="/archive/holds`) {
		t.Error("everything there is can be held by one press")
	}
	for name, got := range map[string]answer{"another number": rut.post(search, form("3")), "no number": rut.post(search, form("")), "no search": rut.post("/archive/holds", form("3")),
		"a day that is none": rut.post("/archive/holds?from=x", form("3")), "no reason": rut.post(search, url.Values{"number": {"2"}, "reference": {"x"}})} {
		if got.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	if n := len(h.holds(t, after)) + len(h.holds(t, other)); n != 0 {
		t.Fatalf("%d held by what was refused", n)
	}
	if got := rut.post(search, form("2")); got.status != http.StatusSeeOther || got.location() != "/archive/holds" {
		t.Errorf("%d %s", got.status, got.location())
	}
	if len(h.holds(t, before)) != 1 || len(h.holds(t, after)) != 1 || len(h.holds(t, other)) != 0 {
		t.Error("held is not what was found, or anew what was held already")
	}
	if got := rut.post(search, form("2")); got.status != http.StatusConflict || !strings.Contains(got.body, "redan gallringsstopp") {
		t.Errorf("again: %d", got.status)
	}
}

func TestHoldsInPages(t *testing.T) {
	h := newHouse(t, morning(t))
	var ids []string
	for range recordsPage + 5 {
		ids = append(ids, h.record(t, h.desk.cases[7]))
	}
	if n, err := h.archive.HoldAll(t.Context(), ids, archive.Hold{On: true, Reason: "begäran", By: "rut"}); err != nil || n != len(ids) {
		t.Fatal(n, err)
	}
	rut := h.as(t, h.open(t).base, "rut")
	page := rut.get("/archive/holds").body
	i := strings.Index(page, "/archive/holds?before=")
	if n := strings.Count(page, "#hold"); n != recordsPage || i < 0 {
		t.Fatalf("%d on the first page, or it does not go on", n)
	}
	next := page[i : i+strings.Index(page[i:], `"`)]
	if n := strings.Count(rut.get(next).body, "#hold"); n != 5 {
		t.Errorf("%s: %d", next, n)
	}
}
