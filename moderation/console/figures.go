package console

import (
	"fmt"
	"html/template"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"

	"takhojd/moderation"
	"takhojd/rules"
)

// figuresView is the page of figures: plots to look at, tables to compare in.
type figuresView struct {
	moderation.Figures
	FromDay, ToDay string // both counted in
	Bad            bool
	ByDay          []moderation.DayFigures // all channels together
	Total          moderation.DayFigures
	DayPlot        template.HTML
	HidePlot       template.HTML
	OverturnPlot   template.HTML
}

// The page of figures shows four weeks unless asked for more, and no more than ten years: a plot of a day a column has no
// room for it, and the desk must count them all.
const (
	figuresDays    = 28
	figuresDaysMax = 3660
)

func (v *visit) figuresPage() error {
	q := v.r.URL.Query()
	today, _ := v.s.dayOf(v.s.now().In(v.s.zone).Format("2006-01-02"), 0)
	from, errFrom := v.s.dayOf(q.Get("from"), 0)
	to, errTo := v.s.dayOf(q.Get("to"), 1)
	bad := errFrom != nil || errTo != nil
	if to.IsZero() {
		to = today.AddDate(0, 0, 1)
	}
	if from.IsZero() {
		from = to.AddDate(0, 0, -figuresDays)
	}
	if !from.Before(to) || to.Sub(from) > figuresDaysMax*24*time.Hour {
		bad = true
		from, to = today.AddDate(0, 0, 1-figuresDays), today.AddDate(0, 0, 1)
	}
	figures, err := v.s.desk.Figures(v.r.Context(), from, to)
	if err != nil {
		return err
	}
	view := figuresView{Figures: figures, FromDay: from.Format("2006-01-02"), ToDay: to.AddDate(0, 0, -1).Format("2006-01-02"), Bad: bad}
	view.ByDay, view.Total = byDay(figures.Days, from, to)
	v.plots(&view)
	return v.show(http.StatusOK, "figures", page{Title: "figures.title", Section: "figures", Content: view})
}

// byDay adds the channels up, with a row for each day between from and to, also the empty ones: a quiet day is a figure too.
func byDay(days []moderation.DayFigures, from, to time.Time) (rows []moderation.DayFigures, total moderation.DayFigures) {
	sums := map[string]moderation.DayFigures{}
	add := func(sum, d moderation.DayFigures) moderation.DayFigures {
		sum.Comments += d.Comments
		sum.Allowed += d.Allowed
		sum.Flagged += d.Flagged
		sum.Hidden += d.Hidden
		sum.Removed += d.Removed
		return sum
	}
	for _, d := range days {
		sums[d.Day] = add(sums[d.Day], d)
		total = add(total, d)
	}
	for t := from; t.Before(to); t = t.AddDate(0, 0, 1) {
		day := sums[t.Format("2006-01-02")]
		day.Day = t.Format("2006-01-02")
		rows = append(rows, day)
	}
	return rows, total
}

// plots draws what the tables say.
func (v *visit) plots(view *figuresView) {
	p := v.s.pages[v.lang]
	view.DayPlot = columns(p, view.ByDay)
	var hides, overturned []bar
	for _, c := range view.Categories {
		name := p.category(v.s)(c.Category)
		if c.Hidden > 0 {
			hides = append(hides, bar{name, float64(c.Hidden), p.count(int64(c.Hidden))})
		}
		if c.Reviewed > 0 {
			overturned = append(overturned, bar{name, float64(c.Overturned) / float64(c.Reviewed),
				p.say("figures.shareof", p.percent(c.Overturned, c.Reviewed), c.Reviewed)})
		}
	}
	view.HidePlot = bars(hides, 0)
	view.OverturnPlot = bars(overturned, 1)
}

// A plot is drawn in units of its own and scaled by the style sheet. It has no colours of its own either: classes say what is
// what, and light and dark follow the page.
const (
	plotWidth  = 720
	plotHeight = 240
	plotLeft   = 44 // room for the numbers of the axis
	plotBottom = 28 // and for the days
)

// columns draws a column a day: allowed, flagged and hidden upon each other.
func columns(p *pages, days []moderation.DayFigures) template.HTML {
	top := 0
	for _, d := range days {
		top = max(top, d.Allowed+d.Flagged+d.Hidden)
	}
	if top == 0 {
		return ""
	}
	step := niceStep(top)
	scale := float64(plotHeight-plotBottom-10) / float64((top+step-1)/step*step)
	base := float64(plotHeight - plotBottom)
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg class="plot" viewBox="0 0 %d %d" role="img" aria-label="%s">`, plotWidth, plotHeight,
		template.HTMLEscapeString(p.say("figures.perday")))
	for n := 0; n <= top+step-1; n += step {
		y := base - float64(n)*scale
		fmt.Fprintf(&svg, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text class="tick end" x="%d" y="%.1f">%s</text>`,
			plotLeft, plotWidth, y, y, plotLeft-8, y+4, p.count(int64(n)))
	}
	room := float64(plotWidth-plotLeft) / float64(len(days))
	wide := min(room*0.72, 40)
	for i, d := range days {
		x, y := float64(plotLeft)+room*(float64(i)+0.5)-wide/2, base
		fmt.Fprintf(&svg, `<g><title>%s</title>`, template.HTMLEscapeString(p.say("figures.column", d.Day, d.Allowed, d.Flagged, d.Hidden)))
		for _, part := range []struct {
			class string
			n     int
		}{{"allowed", d.Allowed}, {"flagged", d.Flagged}, {"hidden", d.Hidden}} {
			if part.n > 0 {
				h := float64(part.n) * scale
				y -= h
				fmt.Fprintf(&svg, `<rect class="bar %s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, part.class, x, y, wide, h)
			}
		}
		svg.WriteString(`</g>`)
		if every := (len(days) + 6) / 7; i%every == 0 {
			fmt.Fprintf(&svg, `<text class="tick" x="%.1f" y="%d">%s</text>`, x+wide/2, plotHeight-8, template.HTMLEscapeString(shortDay(d.Day)))
		}
	}
	svg.WriteString(`</svg>`)
	return template.HTML(svg.String())
}

// shortDay is 22/11 for 2026-11-22, as one writes it on an axis in Sweden.
func shortDay(day string) string {
	t, err := time.Parse("2006-01-02", day)
	if err != nil {
		return day
	}
	return strconv.Itoa(t.Day()) + "/" + strconv.Itoa(int(t.Month()))
}

// niceStep is 1, 2 or 5 times a power of ten, so that an axis up to top has about five lines.
func niceStep(top int) int {
	for unit := 1; ; unit *= 10 {
		for _, m := range []int{1, 2, 5} {
			if top <= 5*m*unit {
				return m * unit
			}
		}
	}
}

// bar is one bar of a plot that lies down.
type bar struct {
	name  string
	value float64
	text  string
}

// bars draws bars from the longest to the shortest, as a list: the words stay words, whatever the width. full is the value of a
// bar of full length; 0: the longest one's.
func bars(list []bar, full float64) template.HTML {
	if len(list) == 0 {
		return ""
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].value > list[j].value })
	if full == 0 {
		full = list[0].value
	}
	var out strings.Builder
	out.WriteString(`<ol class="bars">`)
	for _, b := range list {
		fmt.Fprintf(&out, `<li><span class="name">%s</span><span class="track"><svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">`+
			`<rect class="bar hidden" width="%.1f" height="10"/></svg></span><span class="value">%s</span></li>`,
			template.HTMLEscapeString(b.name), max(0.5, 100*b.value/full), template.HTMLEscapeString(b.text))
	}
	out.WriteString(`</ol>`)
	return template.HTML(out.String())
}

// rulesView is the policy, bullet by bullet.
type rulesView struct {
	Name, Version string
	Bullets       []bulletView
	Routes        []rules.Route
}

type bulletView struct {
	Category rules.Category
	rules.Bullet
	Rules  []moderation.RuleFigure
	Fallen int // rules that may no longer hide by themselves
}

func (v *visit) rulesPage() error {
	policy := v.s.desk.Policy()
	view := rulesView{Name: policy.Name(), Version: policy.Version()}
	figures, err := v.s.desk.RuleFigures(v.r.Context())
	if err != nil {
		return err
	}
	for _, c := range rules.Categories() {
		bullet := bulletView{Category: c, Bullet: policy.Bullet(c)}
		for _, f := range figures {
			if f.Rule.Category != c {
				continue
			}
			if bullet.Rules = append(bullet.Rules, f); !f.FellBack.IsZero() {
				bullet.Fallen++
			}
		}
		view.Bullets = append(view.Bullets, bullet)
	}
	for _, r := range []rules.Route{rules.Medical, rules.Transit, rules.Press} {
		if policy.Route(r).Name.SV != "" {
			view.Routes = append(view.Routes, r)
		}
	}
	return v.show(http.StatusOK, "rules", page{Title: "rules.title", Section: "rules", Content: view})
}
