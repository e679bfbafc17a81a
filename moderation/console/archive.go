package console

import (
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"takhojd/archive"
	"takhojd/platforms"
	"takhojd/rules"
)

// recordsPage is how many records a page of the archive shows.
const recordsPage = 50

// archiveView is the archive's search and what it found.
type archiveView struct {
	Search     archiveSearch
	Found      []archive.Summary
	Total      int
	Many       int          // how far they were counted, when there are more than that; else 0
	Query      template.URL // the search as it follows along in links, encoded, without the page
	Older      int64        // the leaf to go on before; 0 when there are no more
	Channels   []platforms.Channel
	Categories []rules.Category
	Disposal   bool // it can be disposed of from here
	Hold       holdForm
}

// archiveSearch is the search form as it was filled in.
type archiveSearch struct {
	From, To                         string // days: 2026-11-22, both counted in
	Channel, Category, Author, Words string
	Bad                              string // a key of the catalogue: what could not be read
}

// searchOf reads the form. A day that is none is said, and not searched by.
func (v *visit) searchOf() (archiveSearch, archive.Query) {
	q := v.r.URL.Query()
	form := archiveSearch{From: q.Get("from"), To: q.Get("to"), Channel: q.Get("channel"), Category: q.Get("category"),
		Author: strings.TrimSpace(q.Get("author")), Words: strings.TrimSpace(q.Get("words"))}
	search := archive.Query{Channel: form.Channel, Category: form.Category, Author: form.Author, Words: form.Words}
	var err error
	if search.From, err = v.s.dayOf(form.From, 0); err != nil {
		form.Bad, form.From = "archive.badday", ""
	}
	if search.To, err = v.s.dayOf(form.To, 1); err != nil {
		form.Bad, form.To = "archive.badday", ""
	}
	return form, search
}

// dayOf is midnight in Stockholm of a day plus some days; zero for no day.
func (s *Server) dayOf(day string, plus int) (time.Time, error) {
	if day == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation("2006-01-02", day, s.zone)
	if err != nil {
		return time.Time{}, err
	}
	return t.AddDate(0, 0, plus), nil
}

func (form archiveSearch) query() string {
	q := url.Values{}
	for name, value := range map[string]string{"from": form.From, "to": form.To, "channel": form.Channel, "category": form.Category,
		"author": form.Author, "words": form.Words} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q.Encode()
}

func (v *visit) archivePage() error { return v.showArchive(http.StatusOK, holdForm{}) }

func (v *visit) showArchive(status int, hold holdForm) error {
	form, search := v.searchOf()
	view := archiveView{Hold: hold, Search: form, Query: template.URL(form.query()), Channels: v.s.desk.Channels(), Categories: rules.Categories(), Disposal: v.s.disposal != nil}
	var err error
	if view.Total, err = v.s.records.Count(v.r.Context(), search); err != nil {
		return err
	}
	if view.Total > archive.MostCounted {
		view.Many = archive.MostCounted
	}
	search.Limit = recordsPage + 1 // one more than shown tells whether there is a next page
	search.Before, _ = strconv.ParseInt(v.r.URL.Query().Get("before"), 10, 64)
	if view.Found, err = v.s.records.List(v.r.Context(), search); err != nil {
		return err
	}
	if len(view.Found) > recordsPage {
		view.Found = view.Found[:recordsPage]
		view.Older = view.Found[recordsPage-1].Leaf
	}
	return v.show(status, "archive", page{Title: "archive.title", Section: "archive", Content: view})
}

// export sends all that the search finds. It is written as it is read: an export may be larger than memory. A fault halfway
// breaks the connection off, so that no half export passes for a whole one.
func (v *visit) export() error {
	_, search := v.searchOf()
	format := v.r.URL.Query().Get("format")
	kinds := map[string]string{"jsonl": "application/jsonl; charset=utf-8", "csv": "text/csv; charset=utf-8"}
	if kinds[format] == "" {
		return fmt.Errorf("%w: format", errBadForm)
	}
	v.w.Header().Set("Content-Type", kinds[format])
	v.w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="arkiv-%s.%s"`, v.s.now().In(v.s.zone).Format("2006-01-02"), format))
	if format == "csv" {
		if _, err := v.w.Write([]byte("\ufeff")); err != nil { // without it Excel reads å, ä and ö as something else
			return err
		}
	}
	if err := v.s.records.Export(v.r.Context(), search, format, steady{v}); err != nil {
		v.s.log.Error("an export broke off", zap.String("account", v.account.Name), zap.Error(err))
		panic(http.ErrAbortHandler)
	}
	return nil
}

// recordView is one record as the page shows it.
type recordView struct {
	archive.Full
	Verdict  rules.Verdict
	Text     markedText
	Groups   []reasonGroup
	Outcomes []archive.Outcome
	Media    []archive.KeptMedia
	Later    []archive.Decision
	Holds    []archive.Hold // and their ends, the earliest first
	Held     bool
	Form     holdForm
	Raw      string // what the platform sent, when it is text
	Proof    archive.Proof
}

func (v *visit) recordPage() error { return v.showRecord(http.StatusOK, holdForm{}) }

// recordView sorts what is kept of a record into what the page shows.
func (v *visit) recordView(full archive.Full) recordView {
	view := recordView{Full: full, Proof: full.Proof}
	if len(full.Record.Verdict) > 0 {
		if err := json.Unmarshal(full.Record.Verdict, &view.Verdict); err != nil {
			// The record stands as it was written; what a later program cannot read of it is shown as it is, below.
			v.s.log.Warn("a record's verdict cannot be read", zap.String("record", full.Record.ID), zap.Error(err))
		}
	}
	view.Text = mark(full.Record.Text, view.Verdict.Findings)
	view.Groups = v.groups(view.Verdict)
	if utf8.Valid(full.Record.Raw) {
		view.Raw = plain(string(full.Record.Raw))
	}
	for _, entry := range full.Entries {
		view.add(entry)
	}
	return view
}

// add sorts one line of the ledger into what the page shows. A disposed entry has no body, and shows nothing.
func (view *recordView) add(entry archive.Entry) {
	switch entry.Kind {
	case archive.KindOutcome:
		var o archive.Outcome
		if json.Unmarshal(entry.Body, &o) == nil {
			view.Outcomes = append(view.Outcomes, o)
		}
	case archive.KindMedia:
		var m archive.MediaEntry
		if json.Unmarshal(entry.Body, &m) == nil {
			view.Media = append(view.Media, m.Media...)
		}
	case archive.KindDecision:
		var d archive.Decision
		if json.Unmarshal(entry.Body, &d) == nil {
			view.Later = append(view.Later, d)
		}
	case archive.KindHold:
		var h archive.Hold
		if json.Unmarshal(entry.Body, &h) == nil {
			view.Holds = append(view.Holds, h)
			view.Held = h.On
		} else {
			view.Held = true // as disposal takes it
		}
	}
}

// recordJSON is the record with its ledger and proof, for a machine.
func (v *visit) recordJSON() error {
	full, err := v.s.records.Show(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/json")
	v.w.Header().Set("Content-Disposition", `attachment; filename="handling-`+safeName(full.Record.ID)+`.json"`)
	encoder := json.NewEncoder(v.w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(full)
}

// safeName keeps of an id what may stand in a file's name.
func safeName(id string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' {
			return r
		}
		return -1
	}, id)
}

// verification is the one check of the archive that runs, or ran last. Two at once would only take time from each other.
type verification struct {
	mu          sync.Mutex
	running     bool
	done, total int64
	began, end  time.Time
	by          string
	report      archive.Report
	err         error
}

// verifyView is a verification as the page shows it.
type verifyView struct {
	Running, Ended, Failed bool
	Done, Total            int64
	Share                  int // percent
	Began, End             time.Time
	By                     string
	Report                 archive.Report
	OK                     bool
	Checkpoint             string
}

func (c *verification) view() verifyView {
	c.mu.Lock()
	defer c.mu.Unlock()
	view := verifyView{Running: c.running, Ended: !c.running && !c.end.IsZero(), Failed: c.err != nil, Done: c.done, Total: c.total,
		Began: c.began, End: c.end, By: c.by, Report: c.report, OK: c.err == nil && c.report.OK()}
	if c.total > 0 {
		view.Share = int(100 * c.done / c.total)
	}
	return view
}

// start begins a verification unless one is running.
func (c *verification) start(by string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running {
		return false
	}
	c.running, c.done, c.total, c.began, c.end, c.by, c.err, c.report = true, 0, 0, now, time.Time{}, by, nil, archive.Report{}
	return true
}

func (c *verification) progress(done, total int64) {
	c.mu.Lock()
	c.done, c.total = done, total
	c.mu.Unlock()
}

func (c *verification) finish(report archive.Report, err error, now time.Time) {
	c.mu.Lock()
	c.running, c.report, c.err, c.end = false, report, err, now
	c.mu.Unlock()
}

func (v *visit) verifyPage() error {
	view := v.s.check.view()
	var err error
	if view.Checkpoint, err = v.s.records.Checkpoint(v.r.Context()); err != nil {
		return err
	}
	return v.show(http.StatusOK, "verify", page{Title: "verify.title", Section: "archive", Content: view})
}

// verify starts a verification. It goes on when the page is left, and ends with the server.
func (v *visit) verify() error {
	s := v.s
	if s.check.start(v.account.Name, s.now()) {
		s.work.Go(func() {
			report, err := s.runVerify(s.ctx)
			s.check.finish(report, err, s.now())
			if err != nil {
				s.log.Error("the archive could not be verified", zap.Error(err))
			} else if !report.OK() {
				s.log.Error("the archive has been changed", zap.Int("problems", len(report.Problems)))
			}
		})
	}
	v.redirect("/archive/verify")
	return nil
}

func (s *Server) runVerify(ctx context.Context) (report archive.Report, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("verification panicked: %T", p)
		}
	}()
	return s.records.Verify(ctx, s.check.progress)
}
