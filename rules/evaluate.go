package rules

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"takhojd/platforms"
)

// Case is one labelled comment: a line of JSON in a set that [Evaluate] reads.
type Case struct {
	ID          string     `json:"id"`
	Lang        string     `json:"lang"`
	Text        string     `json:"text"`
	Expect      Action     `json:"expect"`
	Categories  []Category `json:"categories"`
	Route       Route      `json:"route"`
	Author      string     `json:"author"`
	Post        string     `json:"post"`
	Attachments int        `json:"attachments"`
	Test        string     `json:"test"`
	Note        string     `json:"note"`
}

// Result is what the policy said of one case, in the form that "takhojd check" writes: one JSON object a line.
type Result struct {
	ID         string     `json:"id"`
	Action     Action     `json:"action"`
	Escalate   bool       `json:"escalate"`
	Categories []Category `json:"categories"`
	Route      Route      `json:"route"`
	Findings   []Evidence `json:"findings"`
}

// Evidence is a finding without its words: place, rule and score.
type Evidence struct {
	Category Category `json:"category"`
	Rule     string   `json:"rule"`
	Score    float64  `json:"score"`
	Start    int      `json:"start"`
	End      int      `json:"end"`
	Text     string   `json:"text"`
}

// Miss is a case where verdict and label part ways.
type Miss struct {
	Case   Case
	Result Result
	// What says how: "allow hidden", "allow flagged", "hide missed", "hide flagged", "flag missed", "flag hidden", "category",
	// "route" or "escalate".
	What string
}

// Share is a count of a whole.
type Share struct{ N, Of int }

// Percent is the share in per cent; of nothing it is 0.
func (s Share) Percent() float64 {
	if s.Of == 0 {
		return 0
	}
	return 100 * float64(s.N) / float64(s.Of)
}

func (s *Share) count(hit bool) {
	s.Of++
	if hit {
		s.N++
	}
}

// Report is how a policy does on a set of labelled comments.
type Report struct {
	Results []Result
	Misses  []Miss

	AllowHidden, AllowFlagged Share // of the cases to allow; lower is better
	HideCaught, HideHidden    Share // of the cases to hide; caught is hidden or flagged
	FlagCaught, FlagHidden    Share // of the cases to flag; hidden: lower is better
	CategoryRight             Share // at least one right category, of the violations caught
	RouteRight                Share // of the cases with a route
	RouteSpared               Share // of the cases without one
	Escalated                 Share // of the cases of threat and incitement to hide
	ByCategory                map[Category]*Share
}

// Evaluate judges labelled cases in order. It remembers what it has read, as moderation would, for cases that name an author: an
// earlier text that says nearly the same is a repetition by that author, or by others. A line that is no case is an error with its
// number.
func Evaluate(p *Policy, cases io.Reader) (Report, error) {
	report := Report{ByCategory: make(map[Category]*Share)}
	var memory []remembered
	lines := bufio.NewScanner(cases)
	lines.Buffer(make([]byte, 64<<10), 4<<20)
	for n := 1; lines.Scan(); n++ {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		var c Case
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return report, fmt.Errorf("read case on line %d: %w", n, err)
		}
		if c.Expect != "" && !c.Expect.Valid() || !c.Route.Valid() || c.Attachments < 0 || c.Attachments > 100 {
			return report, fmt.Errorf("read case on line %d (%s): expect, route or attachments out of range", n, c.ID)
		}
		facts := Facts{}
		if c.Author != "" {
			now := remembered{c.Author, FingerprintOf(c.Text)}
			facts = now.among(memory)
			memory = append(memory, now)
		}
		report.count(c, p.Judge(c.comment(), facts))
	}
	if err := lines.Err(); err != nil {
		return report, fmt.Errorf("read cases: %w", err)
	}
	return report, nil
}

type remembered struct {
	author string
	print  Fingerprint
}

func (r remembered) among(memory []remembered) (f Facts) {
	for _, m := range memory {
		if !m.print.Near(r.print) {
			continue
		}
		if m.author == r.author {
			f.SameByAuthor++
		} else {
			f.SameByOthers++
		}
	}
	return f
}

func (c Case) comment() platforms.Comment {
	made := platforms.Comment{Ref: platforms.Ref{Platform: platforms.Facebook, Channel: "check", Comment: c.ID}, Post: c.Post,
		Author: platforms.Author{ID: c.Author}, Text: c.Text, Posted: time.Unix(0, 0)}
	for range c.Attachments {
		made.Attachments = append(made.Attachments, platforms.Attachment{Kind: "photo"})
	}
	return made
}

// ResultOf is a verdict in the form that "takhojd check" writes.
func ResultOf(id string, v Verdict) Result {
	r := Result{ID: id, Action: v.Action, Escalate: v.Escalate, Categories: v.Categories(), Route: v.Route, Findings: []Evidence{}}
	if r.Categories == nil {
		r.Categories = []Category{}
	}
	for _, f := range v.Findings {
		r.Findings = append(r.Findings, Evidence{f.Category, f.Rule, f.Score, f.Start, f.End, f.Text})
	}
	return r
}

func (r *Report) count(c Case, v Verdict) {
	result := ResultOf(c.ID, v)
	r.Results = append(r.Results, result)
	if c.Expect == "" {
		return // a case without a label is judged, and not counted
	}
	miss := func(what string) { r.Misses = append(r.Misses, Miss{c, result, what}) }
	caught := v.Action != Allow
	switch c.Expect {
	case Allow:
		r.AllowHidden.count(v.Action == Hide)
		r.AllowFlagged.count(v.Action == Flag)
		if caught {
			miss(map[Action]string{Hide: "allow hidden", Flag: "allow flagged"}[v.Action])
		}
	case Hide:
		r.HideCaught.count(caught)
		r.HideHidden.count(v.Action == Hide)
		if v.Action != Hide {
			miss(map[Action]string{Allow: "hide missed", Flag: "hide flagged"}[v.Action])
		}
	case Flag:
		r.FlagCaught.count(caught)
		r.FlagHidden.count(v.Action == Hide)
		if v.Action != Flag {
			miss(map[Action]string{Allow: "flag missed", Hide: "flag hidden"}[v.Action])
		}
	}
	if c.Expect != Allow && caught {
		right := shareAny(c.Categories, result.Categories)
		r.CategoryRight.count(right)
		if !right {
			miss("category")
		}
	}
	r.countRoute(c, v, miss)
	if c.Expect == Hide && shareAny(c.Categories, []Category{Threat, Incitement}) {
		r.Escalated.count(v.Escalate)
		if !v.Escalate {
			miss("escalate")
		}
	}
	for _, k := range c.Categories {
		if r.ByCategory[k] == nil {
			r.ByCategory[k] = &Share{}
		}
		r.ByCategory[k].count(caught)
	}
}

func (r *Report) countRoute(c Case, v Verdict, miss func(string)) {
	if c.Route != NoRoute {
		r.RouteRight.count(v.Route == c.Route)
	} else {
		r.RouteSpared.count(v.Route == NoRoute)
	}
	if v.Route != c.Route {
		miss("route")
	}
}

func shareAny(a, b []Category) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return true
			}
		}
	}
	return false
}

// WriteTable writes the table of the evaluation, target by target, and then what was caught in each category.
func (r Report) WriteTable(w io.Writer) error {
	rows := []struct {
		name   string
		share  Share
		target float64
		most   bool
	}{
		{"allow cases hidden", r.AllowHidden, 0, true},
		{"allow cases flagged", r.AllowFlagged, 3, true},
		{"hide cases caught", r.HideCaught, 97, false},
		{"hide cases hidden", r.HideHidden, 90, false},
		{"flag cases caught", r.FlagCaught, 88, false},
		{"flag cases hidden", r.FlagHidden, 4, true},
		{"right category of those caught", r.CategoryRight, 93, false},
		{"route right", r.RouteRight, 93, false},
		{"no route where there is none", r.RouteSpared, 93, false},
		{"serious threats and incitement escalated", r.Escalated, 95, false},
	}
	for _, row := range rows {
		sign, ok := "≥", row.share.Percent() >= row.target
		if row.most {
			sign, ok = "≤", row.share.Percent() <= row.target
		}
		verdict := "ok"
		if row.share.Of == 0 {
			verdict = "none"
		} else if !ok {
			verdict = "MISS"
		}
		if err := writeRow(w, row.name, row.share, fmt.Sprintf("%s %g %%", sign, row.target), verdict); err != nil {
			return err
		}
	}
	for _, c := range Categories() {
		if s := r.ByCategory[c]; s != nil {
			if err := writeRow(w, "caught: "+string(c), *s, "", ""); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeRow(w io.Writer, name string, s Share, target, verdict string) error {
	pad := strings.Repeat(" ", max(0, 42-utf8.RuneCountInString(name)))
	_, err := fmt.Fprintf(w, "%s%s %5.1f %%  %4d of %4d  %-8s %s\n", name, pad, s.Percent(), s.N, s.Of, target, verdict)
	if err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}
