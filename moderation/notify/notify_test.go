package notify_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"takhojd/moderation"
	"takhojd/moderation/notify"
	"takhojd/rules"
)

// post is an address that takes POSTs, and answers with a status.
type post struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	bodies []string
}

func newPost(t *testing.T) *post {
	p := &post{status: 200}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.status == 200 {
			p.bodies = append(p.bodies, string(b))
		}
		w.WriteHeader(p.status)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *post) answer(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}

func (p *post) got() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.bodies...)
}

// secret is in every address, and must be in no error.
const secret = "hemlig-nyckel"

func (p *post) address() string {
	return "generic+" + p.URL + "/hook/" + secret + "?template=json"
}

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// noon is a Wednesday in Stockholm, in winter.
var noon = time.Date(2026, 11, 18, 11, 0, 0, 0, time.UTC)

func alert(id int64, kind moderation.AlertKind) moderation.Alert {
	return moderation.Alert{ID: id, Kind: kind, Channel: "rs", N: 1, Words: rules.Words{SV: fmt.Sprintf("Sak %d väntar.", id), EN: fmt.Sprintf("Thing %d waits.", id)},
		Path: fmt.Sprintf("/queue/%d", id)}
}

type desk struct {
	*notify.Notifier
	t        *testing.T
	clock    *clock
	registry *prometheus.Registry
}

func open(t *testing.T, places ...notify.Place) *desk {
	t.Helper()
	d := &desk{t: t, clock: &clock{t: noon}, registry: prometheus.NewRegistry()}
	n, err := notify.New(notify.Config{Places: places, Console: "https://moderering.test/", Now: d.clock.now, Metrics: d.registry})
	if err != nil {
		t.Fatal(err)
	}
	d.Notifier = n
	return d
}

// tell hands over alerts, and returns the ids of those that are told everywhere.
func (d *desk) tell(alerts ...moderation.Alert) (ids string, err error) {
	d.t.Helper()
	told, err := d.Notify(context.Background(), alerts)
	if err != nil && strings.Contains(err.Error(), secret) {
		d.t.Errorf("the error holds the address: %v", err)
	}
	for _, a := range told {
		ids += fmt.Sprint(a.ID, " ")
	}
	return strings.TrimSpace(ids), err
}

func (d *desk) want(want string, alerts ...moderation.Alert) {
	d.t.Helper()
	if got, err := d.tell(alerts...); got != want || err != nil {
		d.t.Fatalf("told %q (%v), want %q", got, err, want)
	}
}

func quiet(t *testing.T, hours string, days ...string) notify.Quiet {
	t.Helper()
	q, err := notify.ParseQuiet(hours, days)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestAMessageSaysWhatWaitsAndWhere(t *testing.T) {
	p := newPost(t)
	d := open(t, notify.Place{Name: "jour", URL: p.address()})
	d.want("1 2", alert(1, moderation.AlertLate), alert(2, moderation.AlertEscalation))
	var message struct{ Title, Message string }
	if err := json.Unmarshal([]byte(p.got()[0]), &message); err != nil {
		t.Fatal(err)
	}
	if message.Title != "Takhöjd: allvarlig kommentar väntar på granskning (+1)" ||
		message.Message != "Sak 1 väntar.\nhttps://moderering.test/queue/1\nSak 2 väntar.\nhttps://moderering.test/queue/2" {
		t.Errorf("%+v", message)
	}
}

func TestMany(t *testing.T) {
	p := newPost(t)
	d := open(t, notify.Place{Name: "jour", URL: p.address(), Language: "en"})
	var all []moderation.Alert
	for i := range 50 {
		all = append(all, alert(int64(i+1), moderation.AlertEscalation))
	}
	if _, err := d.tell(all...); err != nil || !strings.Contains(p.got()[0], "And 30 more.") || strings.Contains(p.got()[0], "Thing 21 ") {
		t.Errorf("%v %s", err, p.got())
	}
}

func TestQuietHoursGather(t *testing.T) {
	p := newPost(t)
	d := open(t, notify.Place{Name: "jour", URL: p.address(), Quiet: quiet(t, "18:00-07:00"), Urgent: []moderation.AlertKind{moderation.AlertEscalation}})
	d.clock.move(6 * time.Hour) // 18:00 in Stockholm
	late, over, token, threat := alert(1, moderation.AlertLate), alert(2, moderation.AlertDead), alert(3, moderation.AlertToken), alert(4, moderation.AlertEscalation)
	d.want("", late, over)
	if len(p.got()) != 0 {
		t.Fatalf("disturbed: %s", p.got())
	}
	d.clock.move(5 * time.Hour)
	d.want("4", late, over, token, threat)
	if len(p.got()) != 1 || !strings.Contains(p.got()[0], "Sak 4") || strings.Contains(p.got()[0], "Sak 1") {
		t.Fatalf("a threat in the night: %s", p.got())
	}
	d.clock.move(8*time.Hour - time.Minute)
	d.want("", late, token)
	d.clock.move(time.Minute) // 07:00; what is over is not handed over any more
	d.want("1 3", late, token)
	if got := p.got(); len(got) != 2 || !strings.Contains(got[1], "Sak 1") || !strings.Contains(got[1], "Sak 3") || strings.Contains(got[1], "Sak 2") {
		t.Errorf("in the morning: %s", got)
	}
}

func TestQuietDays(t *testing.T) {
	p := newPost(t)
	d := open(t, notify.Place{Name: "jour", URL: p.address(), Quiet: quiet(t, "", "sat", "sun")})
	d.clock.move(3 * 24 * time.Hour)
	d.want("", alert(1, moderation.AlertLate))
	d.clock.move(2 * 24 * time.Hour)
	d.want("1", alert(1, moderation.AlertLate))
}

// The clock on the wall counts, in summer too.
func TestQuietHoursAreStockholms(t *testing.T) {
	p := newPost(t)
	d := open(t, notify.Place{Name: "jour", URL: p.address(), Quiet: quiet(t, "18:00-07:00")})
	d.clock.t = time.Date(2026, 7, 1, 15, 59, 0, 0, time.UTC) // 17:59
	d.want("1", alert(1, moderation.AlertLate))
	d.clock.move(2 * time.Minute)
	d.want("", alert(2, moderation.AlertLate))
}

func TestHowOftenAPlaceIsDisturbed(t *testing.T) {
	p := newPost(t)
	d := open(t, notify.Place{Name: "jour", URL: p.address(), Every: 10 * time.Minute})
	d.want("1", alert(1, moderation.AlertEscalation))
	d.clock.move(time.Minute)
	d.want("", alert(2, moderation.AlertEscalation))
	d.clock.move(time.Minute)
	d.want("", alert(2, moderation.AlertEscalation), alert(3, moderation.AlertEscalation))
	d.clock.move(8 * time.Minute)
	d.want("2 3", alert(2, moderation.AlertEscalation), alert(3, moderation.AlertEscalation))
	if len(p.got()) != 2 {
		t.Errorf("%d messages: %s", len(p.got()), p.got())
	}
}

func TestEachPlaceItsKinds(t *testing.T) {
	it, team := newPost(t), newPost(t)
	d := open(t, notify.Place{Name: "it", URL: it.address(), Alerts: []moderation.AlertKind{moderation.AlertToken}},
		notify.Place{Name: "team", URL: team.address(), Alerts: []moderation.AlertKind{moderation.AlertEscalation, moderation.AlertToken}})
	d.want("1 2 3", alert(1, moderation.AlertToken), alert(2, moderation.AlertEscalation), alert(3, moderation.AlertLate)) // the third is nobody's: it is done with
	if got := it.got(); len(got) != 1 || !strings.Contains(got[0], "Sak 1") || strings.Contains(got[0], "Sak 2") {
		t.Errorf("it: %s", got)
	}
	if got := team.got(); len(got) != 1 || !strings.Contains(got[0], "Sak 2") {
		t.Errorf("team: %s", got)
	}
}

// A place that fails is tried again with growing pauses, is seen to fail, and holds up nobody; the others are told once.
func TestAPlaceThatFails(t *testing.T) {
	good, bad := newPost(t), newPost(t)
	bad.answer(503)
	d := open(t, notify.Place{Name: "good", URL: good.address()}, notify.Place{Name: "bad", URL: bad.address()})
	failing := func(want float64) {
		t.Helper()
		families, err := d.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				to := m.GetLabel()[0].GetValue()
				if f.GetName() == "takhojd_notify_failing" && m.GetGauge().GetValue() != map[string]float64{"bad": want}[to] {
					t.Errorf("failing: %s is %v", to, m.GetGauge().GetValue())
				}
			}
		}
	}
	a := alert(1, moderation.AlertEscalation)
	for _, pause := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute} {
		if told, err := d.tell(a); told != "" || err == nil || !strings.Contains(err.Error(), "bad: it answers with status 503") {
			t.Fatalf("%q %v", told, err)
		}
		failing(1)
		d.clock.move(pause - time.Second)
		d.want("", a) // not yet
		d.clock.move(time.Second)
	}
	bad.answer(200)
	d.want("1", a)
	failing(0)
	if len(good.got()) != 1 || len(bad.got()) != 1 {
		t.Errorf("good %d, bad %d", len(good.got()), len(bad.got()))
	}
	d.clock.move(time.Hour)
	d.want("1", alert(1, moderation.AlertFull)) // the number is another kind's here
	if len(good.got()) != 2 {
		t.Error("one alert taken for another")
	}
}

// What is over and comes again is told again.
func TestAFullDiskAgain(t *testing.T) {
	p := newPost(t)
	d := open(t, notify.Place{Name: "jour", URL: p.address()})
	full := moderation.Alert{Kind: moderation.AlertFull, Words: rules.Words{SV: "Disken är full."}, Path: "/channels"}
	d.want("0", full)
	d.clock.move(time.Hour)
	d.want("")
	d.want("0", full)
	if len(p.got()) != 2 {
		t.Errorf("told %d times", len(p.got()))
	}
}

func TestNobodyAnswers(t *testing.T) {
	for name, c := range map[string]struct{ address, want string }{
		"http":     {"generic+http://127.0.0.1:1/" + secret, "nobody answers there"},
		"mail":     {"smtp://kalle:" + secret + "@127.0.0.1:1/?from=a@b.test&to=c@d.test", "nobody answers there"},
		"workflow": {"workflow+http://127.0.0.1:1/" + secret, "nobody answers there"},
		"no name":  {"workflow+http://finns-inte.invalid/" + secret, "jour: "},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, notify.Place{Name: "jour", URL: c.address})
			if told, err := d.tell(alert(1, moderation.AlertLate)); told != "" || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q %v", told, err)
			}
			if err := notify.Reach(context.Background(), c.address); err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("reach: %v", err)
			}
		})
	}
}

func TestAWorkflowInTeams(t *testing.T) {
	p := newPost(t)
	d := open(t, notify.Place{Name: "teams", URL: "workflow+" + p.URL + "/" + secret})
	d.want("1", alert(1, moderation.AlertEscalation))
	var card struct {
		Type        string
		Attachments []struct {
			ContentType string
			Content     struct{ Body []struct{ Text string } }
		}
	}
	if err := json.Unmarshal([]byte(p.got()[0]), &card); err != nil {
		t.Fatal(err)
	}
	if card.Type != "message" || card.Attachments[0].ContentType != "application/vnd.microsoft.card.adaptive" ||
		!strings.Contains(card.Attachments[0].Content.Body[1].Text, "Sak 1 väntar.\n\nhttps://moderering.test/queue/1") {
		t.Errorf("%s", p.got())
	}
	p.answer(400)
	d.clock.move(time.Hour)
	if _, err := d.tell(alert(2, moderation.AlertEscalation)); err == nil || !strings.Contains(err.Error(), "status 400") {
		t.Error(err)
	}
}

// mailServer takes one mail, or says no to it.
func mailServer(t *testing.T, refuse bool) (address string, mails <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	got := make(chan string, 4)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serveMail(conn, refuse, got)
		}
	}()
	return l.Addr().String(), got
}

func serveMail(conn net.Conn, refuse bool, got chan<- string) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	say := func(s string) { fmt.Fprint(conn, s+"\r\n") }
	say("220 mail.test")
	for {
		line, err := in.ReadString('\n')
		switch verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " "); {
		case err != nil:
			return
		case verb == "RCPT" && refuse:
			say("550 hemlig-nyckel is not here")
		case verb == "DATA":
			say("354 go on")
			var b strings.Builder
			for line != ".\r\n" && err == nil {
				if line, err = in.ReadString('\n'); line != ".\r\n" {
					b.WriteString(line)
				}
			}
			got <- b.String()
			say("250 kept")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func TestMail(t *testing.T) {
	address, mails := mailServer(t, false)
	d := open(t, notify.Place{Name: "mejl", URL: "smtp://" + address + "/?from=takhojd@region.test&to=jour@region.test"})
	d.want("1", alert(1, moderation.AlertEscalation))
	m, err := mail.ReadMessage(strings.NewReader(<-mails))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	body, _ := io.ReadAll(m.Body)
	if err != nil || subject != "Takhöjd: allvarlig kommentar väntar på granskning" || m.Header.Get("To") != "jour@region.test" ||
		!strings.Contains(string(body), "Sak 1 väntar.\r\nhttps://moderering.test/queue/1") {
		t.Errorf("%v %v %q", m.Header, err, body)
	}
	if raw := m.Header.Get("Subject"); strings.ContainsFunc(raw, func(r rune) bool { return r > 127 }) {
		t.Errorf("a header takes ASCII alone: %q", raw)
	}
	address, _ = mailServer(t, true)
	d = open(t, notify.Place{Name: "mejl", URL: "smtp://" + address + "/?from=takhojd@region.test&to=jour@region.test"})
	if _, err := d.tell(alert(1, moderation.AlertEscalation)); err == nil || !strings.Contains(err.Error(), "code 550") {
		t.Error(err)
	}
}

func TestATest(t *testing.T) {
	p := newPost(t)
	d := open(t, notify.Place{Name: "jour", URL: p.address(), Quiet: quiet(t, "00:00-23:59", "wed")},
		notify.Place{Name: "nobody", URL: "generic+http://127.0.0.1:1/" + secret})
	results := d.Test(context.Background())
	if results["jour"] != nil || results["nobody"] == nil || len(p.got()) != 1 || !strings.Contains(p.got()[0], "prov") {
		t.Errorf("%v %s", results, p.got())
	}
}

func TestWhatCannotBe(t *testing.T) {
	for name, places := range map[string][]notify.Place{
		"no address":     {{Name: "a", URL: ""}},
		"no such place":  {{Name: "a", URL: "lunarstorm://" + secret}},
		"half a mail":    {{Name: "a", URL: "smtp://kalle:" + secret + "@host/"}},
		"half a url":     {{Name: "a", URL: "slack://" + secret}},
		"no name":        {{URL: "generic://host/" + secret}},
		"the same name":  {{Name: "a", URL: "generic://host/" + secret}, {Name: "a", URL: "generic://host/" + secret}},
		"no such kind":   {{Name: "a", URL: "generic://host/" + secret, Alerts: []moderation.AlertKind{"flod"}}},
		"no such urgent": {{Name: "a", URL: "generic://host/" + secret, Urgent: []moderation.AlertKind{"flod"}}},
		"no workflow":    {{Name: "a", URL: "workflow+ftp://host/" + secret}},
	} {
		if _, err := notify.New(notify.Config{Places: places}); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, q := range [][]string{{"18"}, {"18:00-25:00"}, {"18:00-18:00"}, {"", "lördag"}} {
		if _, err := notify.ParseQuiet(q[0], q[1:]); err == nil {
			t.Errorf("%q is no quiet time", q)
		}
	}
}
