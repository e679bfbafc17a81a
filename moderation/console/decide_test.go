package console

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"takhojd/moderation"
	"takhojd/platforms"
	"takhojd/rules"
)

// decision is the form of a decision on a case as it stands.
func decision(c *moderation.Case, action moderation.Action, more ...string) url.Values {
	form := url.Values{"action": {string(action)}, "revision": {c.Revision}, "list": {"queue"}}
	if c.Flag != nil {
		form.Set("flag", "100"+string(rune('0'+c.ID)))
	}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return form
}

func TestDecideShowsTheNextAndOffersUndo(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	mats := h.as(t, h.open(t).base, "mats")
	if got := mats.get("/queue"); got.location() != "/queue/1" {
		t.Fatalf("the queue opens at %q, want the most serious: /queue/1", got.location())
	}
	got := mats.post("/case/2/decide", decision(d.cases[2], moderation.Hide, "next", "3"))
	if got.location() != "/queue/3" {
		t.Fatalf("after the decision: %d to %q, want /queue/3", got.status, got.location())
	}
	page := mats.follow(got)
	if !strings.Contains(page.body, "Beslutat: dölj.") || !strings.Contains(page.body, `action="/undo/101"`) {
		t.Error("the page does not say what was done, or offers no undo")
	}
	if again := mats.get("/queue/3"); strings.Contains(again.body, "Beslutat") {
		t.Error("what was done is said twice")
	}
	want := moderation.Resolution{Comment: 2, Revision: "rev-2", Flag: 1002, Action: moderation.Hide, By: "mats", Reason: "Bryter mot kommentarsreglerna: personuppgifter"}
	if len(d.resolved) != 1 || d.resolved[0] != want {
		t.Errorf("resolved %+v, want %+v", d.resolved, want)
	}
	back := mats.post("/undo/101", url.Values{"list": {"queue"}, "comment": {"2"}})
	if back.location() != "/queue/2" {
		t.Errorf("undo leads to %q", back.location())
	}
	if page := mats.follow(back); !strings.Contains(page.body, "Beslutet är ångrat.") || d.cases[2].Flag == nil {
		t.Error("the decision is not undone, or nobody is told")
	}
}

func TestEveryDecisionReachesTheDesk(t *testing.T) {
	for name, test := range map[string]struct {
		comment int64
		form    func(*moderation.Case) url.Values
		want    moderation.Resolution
	}{
		"allow": {3, func(c *moderation.Case) url.Values { return decision(c, moderation.Allow) },
			moderation.Resolution{Flag: 1003, Action: moderation.Allow, Reason: "Bryter inte mot kommentarsreglerna"}},
		"hide with a reason": {3, func(c *moderation.Case) url.Values {
			return decision(c, moderation.Hide, "reason", " Okvädningsord mot Roger ")
		},
			moderation.Resolution{Flag: 1003, Action: moderation.Hide, Reason: "Okvädningsord mot Roger"}},
		"delete": {3, func(c *moderation.Case) url.Values { return decision(c, moderation.Delete, "confirmed", "yes") },
			moderation.Resolution{Flag: 1003, Action: moderation.Delete, Reason: "Bryter mot kommentarsreglerna: kränkning"}},
		"block": {3, func(c *moderation.Case) url.Values { return decision(c, moderation.Block, "confirmed", "yes") },
			moderation.Resolution{Flag: 1003, Action: moderation.Block, Reason: "Upprepade överträdelser av kommentarsreglerna (3 stycken)"}},
		"escalate": {3, func(c *moderation.Case) url.Values { return decision(c, moderation.Escalate, "confirmed", "yes") },
			moderation.Resolution{Flag: 1003, Action: moderation.Escalate, Reason: "Anmäls till plattformen och polisen: kränkning"}},
		"second opinion": {3, func(c *moderation.Case) url.Values { return decision(c, moderation.Opinion) },
			moderation.Resolution{Flag: 1003, Action: moderation.Opinion, Reason: "En kollega behöver se kommentaren"}},
		"uphold": {7, func(c *moderation.Case) url.Values { return decision(c, moderation.Hide) },
			moderation.Resolution{Action: moderation.Hide, Reason: "Bryter mot kommentarsreglerna: kränkning"}},
		"restore": {7, func(c *moderation.Case) url.Values { return decision(c, moderation.Restore) },
			moderation.Resolution{Action: moderation.Restore, Reason: "Bryter inte mot kommentarsreglerna"}},
		"refer with a reply": {9, func(c *moderation.Case) url.Values {
			return decision(c, moderation.Route, "confirmed", "yes", "route", "transit", "reply", "Hej! Fråga SL.", "say", "yes")
		}, moderation.Resolution{Action: moderation.Route, Route: rules.Transit, Reply: "Hej! Fråga SL.", Reason: "Frågan besvaras av någon annan"}},
		"refer in silence": {9, func(c *moderation.Case) url.Values {
			return decision(c, moderation.Route, "confirmed", "yes", "route", "medical", "reply", "Hej! Fråga SL.", "say", "no")
		}, moderation.Resolution{Action: moderation.Route, Route: rules.Medical, Reason: "Frågan besvaras av någon annan"}},
		"a reply goes with no other action": {3, func(c *moderation.Case) url.Values {
			return decision(c, moderation.Allow, "reply", "Hej!", "route", "press", "say", "yes")
		}, moderation.Resolution{Flag: 1003, Action: moderation.Allow, Reason: "Bryter inte mot kommentarsreglerna"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := morning(t)
			h := newHouse(t, d)
			mats := h.as(t, h.open(t).base, "mats")
			test.want.Comment, test.want.Revision, test.want.By = test.comment, d.cases[test.comment].Revision, "mats"
			path := "/case/" + string(rune('0'+test.comment)) + "/decide"
			if got := mats.post(path, test.form(d.cases[test.comment])); got.status != http.StatusSeeOther {
				t.Fatalf("%d:\n%s", got.status, got.body)
			}
			if len(d.resolved) != 1 || d.resolved[0] != test.want {
				t.Errorf("resolved %+v\nwant     %+v", d.resolved, test.want)
			}
		})
	}
}

// Without a script the page that asks once more stands in for the dialog: it decides nothing, and its own form does.
func TestAsksOnceMoreBeforeWhatCannotBeUndone(t *testing.T) {
	for _, action := range []moderation.Action{moderation.Delete, moderation.Block, moderation.Escalate, moderation.Route} {
		d := morning(t)
		h := newHouse(t, d)
		mats := h.as(t, h.open(t).base, "mats")
		got := mats.post("/case/3/decide", decision(d.cases[3], action, "reason", "Mitt eget skäl"))
		if got.status != http.StatusOK || len(d.resolved) != 0 {
			t.Errorf("%s: %d, decided %v", action, got.status, d.resolved)
		}
		if !strings.Contains(got.body, `name="confirmed" value="yes"`) || action != moderation.Route && !strings.Contains(got.body, "Mitt eget skäl") {
			t.Errorf("%s: the page has no form to confirm with, or has lost the reason:\n%s", action, got.body)
		}
	}
}

func TestHidingOnOnesOwnInitiativeNeedsAReason(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	mats := h.as(t, h.open(t).base, "mats")
	got := mats.post("/case/9/decide", decision(d.cases[9], moderation.Hide))
	if got.status != http.StatusOK || len(d.resolved) != 0 || !strings.Contains(got.body, "Skriv varför") {
		t.Errorf("without a reason: %d, %v", got.status, d.resolved)
	}
	mats.post("/case/9/decide", decision(d.cases[9], moderation.Hide, "reason", "Reklam som boten missade"))
	if len(d.resolved) != 1 || d.resolved[0].Reason != "Reklam som boten missade" {
		t.Errorf("with a reason: %v", d.resolved)
	}
}

func TestOffersOnlyWhatThePlatformCanDo(t *testing.T) {
	base := func(state moderation.State, can platforms.Capabilities) moderation.Case {
		c := moderation.Case{State: state, Capabilities: can}
		c.Comment.Author.ID = "a"
		return c
	}
	own := base(moderation.Standing, everything)
	own.Comment.Own = true
	unhidable := base(moderation.Standing, everything)
	unhidable.Comment.CannotHide = true
	nameless := base(moderation.Standing, everything)
	nameless.Comment.Author.ID = ""
	gone := base(moderation.Removed, everything)
	gone.Flag = &moderation.Item{}
	question := base(moderation.Standing, everything)
	question.Verdict.Action, question.Verdict.Route = rules.Allow, rules.Transit
	for name, test := range map[string]struct {
		c    moderation.Case
		want string
	}{
		"standing":       {base(moderation.Standing, everything), "hide allow route delete block escalate opinion"},
		"hidden":         {base(moderation.Hidden, everything), "hide restore delete block escalate opinion"},
		"question":       {question, "route allow hide delete block escalate opinion"},
		"hide only":      {base(moderation.Standing, platforms.Capabilities{Hide: true}), "hide allow route escalate opinion"},
		"nothing":        {base(moderation.Standing, platforms.Capabilities{}), "allow route escalate opinion"},
		"cannot hide":    {unhidable, "allow route delete block escalate opinion"},
		"unknown author": {nameless, "hide allow route delete escalate opinion"},
		"gone":           {gone, "allow escalate"},
		"deleted":        {base(moderation.Deleted, everything), "escalate"},
		"our own":        {own, ""},
	} {
		var got []string
		for _, x := range choices(test.c) {
			got = append(got, string(x.Action))
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: offers %q, want %q", name, strings.Join(got, " "), test.want)
		}
	}
}

func TestHintSaysWhatThePlatformReallyDoes(t *testing.T) {
	h := newHouse(t, morning(t))
	mats := h.as(t, h.open(t).base, "mats")
	if got := mats.get("/queue/3"); !strings.Contains(got.body, everything.HideEffectSV) {
		t.Error("the button for hiding does not say what hiding does")
	}
}

func TestTwoPeopleNeverMeetOnOneComment(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	base := h.open(t).base
	mats, anna := h.as(t, base, "mats"), h.as(t, base, "anna")
	mats.get("/queue/1")
	if got := anna.get("/queue"); got.location() != "/queue/2" {
		t.Errorf("the second person is led to %q, want /queue/2", got.location())
	}
	got := anna.get("/queue/1")
	if !strings.Contains(got.body, "Tagen av mats.") || strings.Contains(got.body, `value="hide"`) {
		t.Error("a comment that a colleague holds is not said to be, or can be decided")
	}
	if got := anna.post("/claim/1001", nil); got.status != http.StatusConflict {
		t.Errorf("claiming it all the same: %d", got.status)
	}
	if got := mats.post("/claim/1001", nil); got.status != http.StatusNoContent {
		t.Errorf("renewing one's own: %d", got.status)
	}
	mats.get("/queue/3") // goes on, and lets go
	if got := anna.get("/queue/1"); !strings.Contains(got.body, `value="hide"`) {
		t.Error("a comment that was let go of cannot be decided")
	}
	mats.post("/logout", nil)
	if d.cases[3].Flag.ClaimedBy != "" {
		t.Error("a claim outlives the logout")
	}
}

func TestDecidedElsewhereIsSaid(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	mats := h.as(t, h.open(t).base, "mats")
	if _, err := d.Resolve(context.Background(), moderation.Resolution{Comment: 4, Revision: "rev-4", Action: moderation.Hide, By: "anna"}); err != nil {
		t.Fatal(err)
	}
	if got := mats.get("/queue/4"); got.status != http.StatusOK || !strings.Contains(got.body, "väntar inte längre") || !strings.Contains(got.body, "dölj, av anna") && !strings.Contains(got.body, "Dölj, av anna") {
		t.Errorf("%d: does not say who decided", got.status)
	}
}

func TestEmptyListsAreDesigned(t *testing.T) {
	h := newHouse(t, newFakeDesk(t))
	mats := h.as(t, h.open(t).base, "mats")
	for path, says := range map[string]string{"/queue": "Inget att granska", "/bot-hidden": "Inget kvar att se över", "/questions": "Inga frågor väntar"} {
		if got := mats.get(path); got.status != http.StatusOK || !strings.Contains(got.body, says) {
			t.Errorf("%s: %d, wants %q", path, got.status, says)
		}
	}
}

func TestFilterFollowsAlong(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	mats := h.as(t, h.open(t).base, "mats")
	got := mats.get("/queue?channel=instagram")
	if got.location() != "/queue/4?channel=instagram" {
		t.Fatalf("leads to %q", got.location())
	}
	page := mats.get(got.location())
	if strings.Contains(page.body, `href="/queue/1?`) || !strings.Contains(page.body, `action="/case/4/decide?channel=instagram"`) {
		t.Error("the list is not filtered, or the decision forgets the filter")
	}
	if got := mats.post("/case/4/decide?channel=instagram", decision(d.cases[4], moderation.Allow)); got.location() != "/queue?channel=instagram" {
		t.Errorf("after the last one: %q", got.location())
	}
}

var keyed = regexp.MustCompile(`data-key="([^"]+)"`)

// TestKeys holds the page against the keys that people are told of.
func TestKeys(t *testing.T) {
	h := newHouse(t, morning(t))
	mats := h.as(t, h.open(t).base, "mats")
	has := func(body string) map[string]bool {
		keys := map[string]bool{}
		for _, m := range keyed.FindAllStringSubmatch(body, -1) {
			keys[m[1]] = true
		}
		return keys
	}
	standing, hidden := has(mats.get("/queue/3").body), has(mats.get("/bot-hidden/7").body)
	for _, key := range []string{"j", "k", "a", "h", "d", "b", "e", "r", "s", "/", "?"} {
		if !standing[key] {
			t.Errorf("a comment that stands has no key %q", key)
		}
	}
	if !hidden["v"] || !hidden["h"] || hidden["a"] {
		t.Errorf("a hidden comment has the keys %v", hidden)
	}
	mats.post("/keys", url.Values{"keys": {"off"}, "next": {"/queue/3"}})
	if got := mats.get("/queue/3"); !strings.Contains(got.body, `data-keys="off"`) {
		t.Error("keys cannot be switched off")
	}
}

func TestOutsidersWordsAreEscaped(t *testing.T) {
	d := morning(t)
	evil := `<script>alert(1)</script><img src=x onerror=alert(2)> "&' ` + "\u202egnp.exe"
	c := d.add(3, 0, evil, evil, "<script>", rules.Insult)
	c.Comment.Permalink = "javascript:alert(3)"
	c.Decision = &moderation.Decision{Action: moderation.Flag, ByKind: "bot", Reason: evil, At: time.Now()}
	c.History = []moderation.HistoryEntry{{At: time.Now(), What: evil, By: evil, Detail: evil}}
	c.Decisions = []moderation.Decision{{Action: moderation.Action(evil), ByKind: "person", By: evil, Reason: evil, At: time.Now()}}
	c.Media = []moderation.Media{{Error: evil}}
	c.Post.Text = evil
	d.flag(c, moderation.Doubt, 45)
	h := newHouse(t, d)
	anna := h.as(t, h.open(t).base, "anna")
	author := "/author?platform=facebook&id=" + url.QueryEscape(c.Comment.Author.ID)
	for _, path := range []string{"/queue/3", "/case/3", author, "/archive?words=" + url.QueryEscape(evil) + "&author=" + url.QueryEscape(evil), "/login?next=" + url.QueryEscape(evil)} {
		body := anna.get(path).body
		for _, bad := range []string{"<script>alert", "<img src=x", "javascript:alert", "\u202e"} {
			if strings.Contains(body, bad) && !(bad == "\u202e" && strings.HasPrefix(path, "/archive")) { // there it is one's own search, as typed
				t.Errorf("%s lets %q through", path, bad)
			}
		}
	}
	if body := anna.get("/queue/3").body; !strings.Contains(body, "⟦U&#43;202E⟧") {
		t.Error("a turned writing direction is not shown")
	}
}
