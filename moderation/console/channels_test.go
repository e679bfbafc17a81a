package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"takhojd/moderation"
	"takhojd/rules"
)

func TestTheChannelsPage(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	mats := h.as(t, h.open(t).base, "mats")
	page := mats.get("/channels").body
	for _, says := range []string{"Att åtgärda: 1", "Ingen prenumererar på kommentarer", "Slutar gälla", "Inte kontrollerad", "Plattformens gräns är nådd",
		"Att dölja och visa igen får vänta till", "plattformens gräns är nådd", "i kö: 50", "Utöver de här väntar 49 till", "Vad plattformarna kan"} {
		if !strings.Contains(page, says) {
			t.Errorf("the page does not say %q", says)
		}
	}
	if strings.Contains(page, "twitter: hide") || !strings.Contains(page, "Plattformen ber oss vänta.") {
		t.Error("why it waits is told in the words of the program")
	}
	if strings.Contains(page, "data-poll") {
		t.Error("it asks again although nobody is looking")
	}
	if got := mats.post("/channels/check", nil); got.location() != "/channels" || !d.checking {
		t.Errorf("check: %d", got.status)
	}
	if page := mats.get("/channels").body; !strings.Contains(page, "data-poll") || !strings.Contains(page, "Kontrollen pågår") {
		t.Error("nobody sees that it is being looked at")
	}
	if got := mats.post("/channels/retry", url.Values{"box": {"outbox"}, "id": {"5"}}); got.location() != "/channels" || len(d.dead) != 0 {
		t.Errorf("retry: %d", got.status)
	}
}

// Who comes to a comment that was decided and not yet done sees why it still stands, and until when.
func TestTheCaseTellsWhatWaits(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	mats := h.as(t, h.open(t).base, "mats")
	const says = "Väntar på plattformen: dölj."
	d.cases[2].Waiting = []moderation.Waiting{{ID: 1, Comment: 2, Action: "hide", Why: moderation.WaitUndo, NotBefore: time.Now().Add(9 * time.Second)}}
	if strings.Contains(mats.get("/case/2").body, says) {
		t.Error("the ten seconds to undo are told as a fault")
	}
	d.cases[2].Waiting[0].Why, d.cases[2].Waiting[0].NotBefore = moderation.WaitThrottled, time.Now().Add(9*time.Minute)
	for _, path := range []string{"/case/2", "/queue/2"} {
		if page := mats.get(path).body; !strings.Contains(page, says+"</strong> Plattformens gräns är nådd. Vi försöker igen <time") {
			t.Errorf("%s does not say that it waits", path)
		}
	}
}

// Facebook does not say in its deliveries where people see the comment; then the way leads to the post.
func TestTheWayToTheComment(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	mats := h.as(t, h.open(t).base, "mats")
	d.cases[2].Post.Permalink = "https://facebook.example/p/1"
	if page := mats.get("/case/2").body; !strings.Contains(page, ">Öppna på Facebook<") || strings.Contains(page, "Öppna inlägget") {
		t.Error("the comment's own address is not taken")
	}
	d.cases[2].Comment.Permalink = ""
	if page := mats.get("/case/2").body; !strings.Contains(page, `<a href="https://facebook.example/p/1" rel="noreferrer noopener" target="_blank">Öppna inlägget på Facebook</a>`) {
		t.Error("no way leads to the post")
	}
}

func TestAlertsStandAboveEveryPage(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	base := h.open(t).base
	mats, rut := h.as(t, base, "mats"), h.as(t, base, "rut")
	if page := mats.get("/rules").body; strings.Contains(page, `class="alerts"`) {
		t.Error("an alert about nothing")
	}
	threat := moderation.Alert{ID: 1, Kind: moderation.AlertEscalation, Comment: 1, Words: rules.Words{SV: "En kommentar kan vara ett hot.", EN: "A threat."}, Path: "/queue/1", Since: time.Now()}
	token := moderation.Alert{ID: 2, Kind: moderation.AlertToken, Words: rules.Words{SV: "Åtkomstnyckeln godtas inte.", EN: "A token."}, Path: "/channels"}
	d.alert = []moderation.Alert{threat, token}
	page := mats.get("/rules").body
	if !strings.Contains(page, `<a href="/queue/1">En kommentar kan vara ett hot.</a>`) || !strings.Contains(page, "Åtkomstnyckeln godtas inte.") {
		t.Error("the alerts are not shown")
	}
	d.alert = append(d.alert, moderation.Alert{ID: 3, Kind: moderation.AlertEscalation, Path: "/queue/2"})
	if page = mats.get("/rules").body; !strings.Contains(page, "väntar på granskning: 2.") || strings.Contains(page, `<a href="/queue/2">`) {
		t.Error("two threats are to be one line")
	}
	if page = rut.get("/archive").body; strings.Contains(page, `class="alerts"`) {
		t.Error("the archivist is alarmed about what is not hers")
	}
}

func TestMuteAndReportWhereTheyCanBe(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	mats := h.as(t, h.open(t).base, "mats")
	offers := func(id, action string) bool {
		return strings.Contains(mats.get("/queue/"+id).body, `name="action" value="`+action+`"`)
	}
	if offers("1", "mute") || offers("1", "report") {
		t.Error("offered where the platform can't")
	}
	for _, action := range []moderation.Action{moderation.Mute, moderation.Report} {
		if got := mats.post("/case/1/decide", decision(d.cases[1], action, "confirmed", "yes")); got.status != http.StatusConflict || len(d.resolved) != 0 {
			t.Errorf("%s, forged: %d", action, got.status)
		}
	}
	for _, id := range []int64{1, 3} {
		d.cases[id].Capabilities.Mute, d.cases[id].Capabilities.Report = true, true
	}
	if !offers("1", "mute") || !offers("1", "report") || offers("3", "report") {
		t.Error("a report is for what is escalated; muting is for all")
	}
	got := mats.post("/case/1/decide", decision(d.cases[1], moderation.Report, "confirmed", "yes"))
	want := moderation.Resolution{Comment: 1, Revision: "rev-1", Flag: 1001, Action: moderation.Report, By: "mats", Reason: "Anmäls till plattformen: grovt hot"}
	if got.location() != "/queue/1" || len(d.resolved) != 1 || !strings.EqualFold(d.resolved[0].Reason[:24], want.Reason[:24]) || d.resolved[0].Action != want.Action {
		t.Errorf("%d to %s, %+v", got.status, got.location(), d.resolved)
	}
	d.cases[1].Muted, d.cases[1].Reported = true, true
	if offers("1", "mute") || offers("1", "report") {
		t.Error("offered although it is done")
	}
}

func TestThePostBox(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	base := h.open(t).base
	mats, rut := h.as(t, base, "mats"), h.as(t, base, "rut")
	c := d.cases[3]
	c.Post.ID, c.Storm = "p1", &moderation.Storm{Hour: 34, Usual: 1}
	closing := func(action string) answer {
		return mats.post("/case/3/post", url.Values{"action": {action}, "reason": {"Hätsk ton"}, "list": {"queue"}})
	}
	page := mats.get("/queue/3").body
	if !strings.Contains(page, "den senaste timmen: 34") || strings.Contains(page, "Överväg att stänga") || strings.Contains(page, `action="/case/3/post"`) {
		t.Error("where the platform can't close, the storm is told of and no more")
	}
	if got := closing("close"); got.status != http.StatusUnprocessableEntity || len(c.PostDecisions) != 0 {
		t.Errorf("forged: %d", got.status)
	}
	c.Capabilities.CloseComments = true
	if page = mats.get("/queue/3").body; !strings.Contains(page, "Överväg att stänga") || !strings.Contains(page, `action="/case/3/post"`) {
		t.Error("closing is not offered")
	}
	got := closing("close")
	if got.location() != "/queue/3" || len(c.PostDecisions) != 1 || c.PostDecisions[0].By != "mats" || c.PostDecisions[0].Reason != "Hätsk ton" {
		t.Fatalf("%d, %+v", got.status, c.PostDecisions)
	}
	if page = mats.follow(got).body; !strings.Contains(page, "Kommentarerna stängs.") || !strings.Contains(page, "tar inte emot nya kommentarer") || !strings.Contains(page, `value="open"`) {
		t.Error("nobody sees that it is closed, or can open it")
	}
	if got = closing("open"); got.status != http.StatusSeeOther || !c.Closed.IsZero() {
		t.Errorf("open: %d", got.status)
	}
	if got = closing("hide"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("neither: %d", got.status)
	}
	if page = rut.get("/case/3").body; strings.Contains(page, `action="/case/3/post"`) {
		t.Error("the archivist is offered what she may not do")
	}
}

func TestNodesPage(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	mats := h.as(t, h.open(t).base, "mats")
	if page := mats.get("/nodes").body; !strings.Contains(page, "En enda process") || !strings.Contains(page, d.Policy().Version()) {
		t.Error("one process is not said to be one")
	}
	since := time.Date(2026, 11, 22, 8, 41, 0, 0, time.UTC)
	d.nodes = []moderation.Node{{Name: "nod-1", Roles: "work", Policy: "aaa", Started: since, Seen: time.Now(), Channels: []string{d.channels[0].ID}},
		{Name: "nod-2", Roles: "ingest", Policy: "aaa", Started: since, Seen: time.Now()}}
	page := mats.get("/nodes").body
	for _, says := range []string{"nod-1", "bedömer och utför", "tar emot", "2026-11-22 kl. 09.41", d.channels[0].Name, "Ingen process sköter:"} {
		if !strings.Contains(page, says) {
			t.Errorf("it does not say %q", says)
		}
	}
	if strings.Contains(page, "samma regelverk") {
		t.Error("the same policy is said to be two")
	}
	d.nodes[1].Policy = "bbb"
	if page := mats.get("/nodes").body; !strings.Contains(page, "Alla bedömer inte efter samma regelverk.") {
		t.Error("two policies are not seen")
	}
	if page := mats.get("/channels").body; !strings.Contains(page, `href="/nodes"`) {
		t.Error("nothing leads there")
	}
}
