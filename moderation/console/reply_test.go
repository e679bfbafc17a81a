package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"takhojd/archive"
	"takhojd/moderation"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"

	"context"
)

func TestAnswersReachTheDesk(t *testing.T) {
	for name, test := range map[string]struct {
		comment int64
		form    func(*moderation.Case) url.Values
		want    moderation.Resolution
	}{
		"in private, in English": {7, func(c *moderation.Case) url.Values {
			return decision(c, moderation.Reply, "confirmed", "yes", "say", "private", "template", "dold/1", "language", "en", "reply-sv", "Hej.", "reply-en", " Hello. ")
		}, moderation.Resolution{Action: moderation.Reply, Reply: "Hello.", Private: true, Template: "dold/1", Reason: "Svar till författaren"}},
		"in public, in one's own words": {3, func(c *moderation.Case) url.Values {
			return decision(c, moderation.Reply, "confirmed", "yes", "say", "public", "reply", "Hej!\r\nTack.")
		}, moderation.Resolution{Flag: 1003, Action: moderation.Reply, Reply: "Hej!\nTack.", Reason: "Svar till författaren"}},
		"a referral, from a template": {9, func(c *moderation.Case) url.Values {
			return decision(c, moderation.Route, "confirmed", "yes", "route", "transit", "say", "public", "template", "resor/1", "language", "sv", "reply-sv", "Hej! Fråga SL.")
		}, moderation.Resolution{Action: moderation.Route, Route: rules.Transit, Reply: "Hej! Fråga SL.", Template: "resor/1", Reason: "Frågan besvaras av någon annan"}},
		"with a deletion": {3, func(c *moderation.Case) url.Values {
			return decision(c, moderation.Delete, "confirmed", "yes", "say", "private", "template", "dold/1", "language", "sv", "reply-sv", "Hej.")
		}, moderation.Resolution{Flag: 1003, Action: moderation.Delete, Reply: "Hej.", Private: true, Template: "dold/1", Reason: "Bryter mot kommentarsreglerna: kränkning"}},
		"a deletion in silence": {3, func(c *moderation.Case) url.Values {
			return decision(c, moderation.Delete, "confirmed", "yes", "template", "dold/1", "language", "sv", "reply-sv", "Hej.")
		}, moderation.Resolution{Flag: 1003, Action: moderation.Delete, Reason: "Bryter mot kommentarsreglerna: kränkning"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := morning(t)
			h := newHouse(t, d)
			mats := h.as(t, h.open(t).base, "mats")
			test.want.Comment, test.want.Revision, test.want.By = test.comment, d.cases[test.comment].Revision, "mats"
			path := "/case/" + string(rune('0'+test.comment)) + "/decide"
			got := mats.post(path, test.form(d.cases[test.comment]))
			if got.status != http.StatusSeeOther || len(d.resolved) != 1 || d.resolved[0] != test.want {
				t.Fatalf("%d: resolved %+v\nwant     %+v", got.status, d.resolved, test.want)
			}
			stays := strings.HasSuffix(got.location(), "/"+string(rune('0'+test.comment)))
			if page := mats.follow(got); (test.want.Action == moderation.Reply) != stays || stays && !strings.Contains(page.body, "Svaret skickas strax.") {
				t.Errorf("leads to %s", got.location())
			}
		})
	}
}

func TestAnswersThatAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		comment int64
		change  func(*moderation.Case)
		form    []string
	}{
		"in public under what is hidden": {7, func(*moderation.Case) {}, []string{"say", "public", "reply", "Hej"}},
		"in private, a second time":      {7, func(c *moderation.Case) { c.NoPrivate = moderation.NotAgain }, []string{"say", "private", "reply", "Hej"}},
		"where the platform has no such": {3, func(c *moderation.Case) { c.Capabilities.PrivateReply = false }, []string{"say", "private", "reply", "Hej"}},
		"without words":                  {3, func(*moderation.Case) {}, []string{"say", "public", "reply", " "}},
		"longer than the platform takes": {5, func(*moderation.Case) {}, []string{"say", "public", "reply", strings.Repeat("å", 281)}},
		"to nobody":                      {3, func(*moderation.Case) {}, []string{"reply", "Hej"}},
	} {
		d := morning(t)
		h := newHouse(t, d)
		mats := h.as(t, h.open(t).base, "mats")
		test.change(d.cases[test.comment])
		form := decision(d.cases[test.comment], moderation.Reply, append(test.form, "confirmed", "yes")...)
		got := mats.post("/case/"+string(rune('0'+test.comment))+"/decide", form)
		if got.status < 400 || len(d.resolved) != 0 {
			t.Errorf("%s: %d, %v", name, got.status, d.resolved)
		}
	}
}

func TestOnlyWhatThePlatformTakesIsOffered(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	mats := h.as(t, h.open(t).base, "mats")
	hidden := mats.get("/case/7/reply").body
	if !strings.Contains(hidden, `value="private"`) || strings.Contains(hidden, `value="public"`) || !strings.Contains(hidden, "Vi har dolt din kommentar") {
		t.Error("a hidden comment's author is to be answered in private, and told why")
	}
	standing := mats.get("/case/9/reply").body
	if !strings.Contains(standing, `value="public"`) || !strings.Contains(standing, "Fråga SL") || strings.Contains(standing, "Vi har dolt din kommentar") {
		t.Error("a question is to be referred in public")
	}
	d.cases[7].NoPrivate = moderation.NotLate
	if late := mats.get("/case/7/reply").body; strings.Contains(late, `value="private"`) || !strings.Contains(late, "äldre än sju dagar") {
		t.Error("after seven days it must be said why there is no answer")
	}
	if late := mats.get("/bot-hidden/7").body; strings.Contains(late, `value="reply"`) {
		t.Error("what cannot be done is offered")
	}
	d.cases[3].Capabilities.PrivateReply = false
	if dialog := mats.get("/queue/3").body; strings.Contains(dialog, "Berätta enskilt för författaren varför") {
		t.Error("a notice is offered where the platform has none")
	}
	if dialog := mats.get("/queue/2").body; !strings.Contains(dialog, "Berätta enskilt för författaren varför") {
		t.Error("no notice is offered with a deletion")
	}
	d.cases[3].Sent = []moderation.Sent{{Text: "Hej <b>Kenta</b>", By: "anna", Private: true, State: "dead", Error: platforms.ErrNotPermitted.Error()}}
	if page := mats.get("/case/3").body; !strings.Contains(page, "Hej &lt;b&gt;Kenta&lt;/b&gt;") || !strings.Contains(page, "gick inte att skicka") ||
		!strings.Contains(page, "Plattformen tillåter det inte. Plattformen tar emot ett enskilt svar") {
		t.Error("what was answered is not shown")
	}
}

func TestTemplatesAreWrittenHere(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	mats := h.as(t, h.open(t).base, "mats")
	form := url.Values{"version": {"2"}, "use": {"any"}, "title-sv": {"Tack"}, "title-en": {"Thanks"}, "text-sv": {"Hej från {kanal}."}, "text-en": {"Hello."}, "do": {"preview"}}
	if got := mats.post("/templates/tack", form); got.status != http.StatusOK || !strings.Contains(got.body, "Hej från Region Stockholm.") || len(d.templates["tack"]) != 2 {
		t.Errorf("preview: %d", got.status)
	}
	form.Set("do", "save")
	if got := mats.post("/templates/tack", form); got.location() != "/templates" || d.templates["tack"][0].By != "mats" || d.templates["tack"][0].Version != 3 {
		t.Errorf("save: %d, %+v", got.status, d.templates["tack"][0])
	}
	if got := mats.post("/templates/tack", form); got.status != http.StatusConflict || !strings.Contains(got.body, "nyare version") || !strings.Contains(got.body, "Hej från {kanal}.") {
		t.Errorf("on top of a colleague's: %d", got.status)
	}
	form.Set("text-sv", "Å {reggel}")
	form.Set("version", "3")
	if got := mats.post("/templates/tack", form); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "{reggel}") || !strings.Contains(got.body, "den svenska texten") {
		t.Errorf("a wrong placeholder: %d", got.status)
	}
	form.Set("text-sv", "Hej.")
	form.Set("name", "egen")
	if got := mats.post("/templates/ny", form); got.location() != "/templates" || d.templates["egen"][0].Version != 1 {
		t.Errorf("a new one: %d", got.status)
	}
	if got := mats.get("/templates"); !strings.Contains(got.body, "Hänvisa till SL") {
		t.Error("the list lacks a template")
	}
	if got := mats.get("/templates/nowhere"); got.status != http.StatusNotFound {
		t.Errorf("a template that there is not: %d", got.status)
	}
}

func TestTheRecordOfAnAnswer(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	var id string
	err := h.db.Update(context.Background(), func(tx *store.Tx) (err error) {
		id, err = h.archive.Append(tx, archive.Record{Ref: platforms.Ref{Platform: platforms.Facebook, Channel: "facebook"}, Parent: "c007", Author: platforms.Author{Name: "Region Stockholm"},
			Text: "Hej! Vi har dolt din kommentar.", Decision: archive.Decision{ID: 9, Action: "private-reply", By: "person:mats"},
			Message: &archive.Message{Private: true, Answers: "2026-000001", Template: "dold/1"}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rut := h.as(t, h.open(t).base, "rut")
	page := rut.get("/archive/record/" + id).body
	for _, says := range []string{"enskilt till författaren", `href="/archive/record/2026-000001"`, "Mall: dold/1", "Svara enskilt", "Vi har dolt din kommentar"} {
		if !strings.Contains(page, says) {
			t.Errorf("the record does not say %q", says)
		}
	}
	if list := rut.get("/archive?words=dolt").body; !strings.Contains(list, "Svara enskilt") {
		t.Error("the answer is not found")
	}
}

// The dialog covers the comment, so it says it again; the page of its own shows it already.
func TestTheAnswerIsWrittenInSightOfTheComment(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	mats := h.as(t, h.open(t).base, "mats")
	if !strings.Contains(mats.get("/queue/2").body, `class="post asked"`) || strings.Contains(mats.get("/case/2/reply").body, `class="post asked"`) {
		t.Error("the comment is not said once where it is answered")
	}
}
