package console

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
)

// clock writes times as people in Sweden do, in one language.
type clock struct {
	zone *time.Location
	now  func() time.Time
	lang string
}

// exact is 2026-11-22 kl. 09.41, Stockholm's time; in English 2026-11-22 at 09:41.
func (c clock) exact(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	if c.lang == "en" {
		return t.In(c.zone).Format("2006-01-02 at 15:04")
	}
	return t.In(c.zone).Format("2006-01-02 kl. 15.04")
}

// day is 2026-11-22.
func (c clock) day(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.In(c.zone).Format("2006-01-02")
}

// age is how long ago t was, or how long until it: "4 min", "2 h", "3 dygn".
func (c clock) age(t time.Time) string {
	d := c.now().Sub(t)
	if d < 0 {
		d = -d
	}
	return c.length(d)
}

// length is a duration in one unit, as one says it.
func (c clock) length(d time.Duration) string {
	en := c.lang == "en"
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return c.decimal(d.Seconds(), 1) + " s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	case en:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
	return fmt.Sprintf("%d dygn", int(d.Hours()/24))
}

// ago is relative: "nyss", "för 4 min sedan".
func (c clock) ago(t time.Time) string {
	switch d := c.now().Sub(t); {
	case t.IsZero():
		return "–"
	case d < 0 && c.lang == "en":
		return "in " + c.age(t)
	case d < 0:
		return "om " + c.age(t)
	case d < time.Minute && c.lang == "en":
		return "just now"
	case d < time.Minute:
		return "nyss"
	case c.lang == "en":
		return c.age(t) + " ago"
	default:
		return "för " + c.age(t) + " sedan"
	}
}

// when is the exact time as a <time> element.
func (c clock) when(t time.Time) template.HTML {
	return c.element(t, c.exact(t), "")
}

// since is the relative time as a <time> element, with the exact one in its title.
func (c clock) since(t time.Time) template.HTML {
	return c.element(t, c.ago(t), c.exact(t))
}

// waited is how long since, bare, as a <time> element for narrow lists.
func (c clock) waited(t time.Time) template.HTML {
	text := c.age(t)
	if c.now().Sub(t) < time.Minute {
		text = c.ago(t)
	}
	return c.element(t, text, c.exact(t))
}

// element writes <time>; all that goes into it is ours.
func (c clock) element(t time.Time, text, title string) template.HTML {
	if t.IsZero() {
		return "–"
	}
	if title != "" {
		title = ` title="` + template.HTMLEscapeString(title) + `"`
	}
	return template.HTML(`<time datetime="` + t.UTC().Format(time.RFC3339) + `"` + title + `>` + template.HTMLEscapeString(text) + `</time>`)
}

// decimal writes a number with n decimals: 0,99 in Swedish, 0.99 in English.
func (c clock) decimal(x float64, n int) string {
	s := strconv.FormatFloat(x, 'f', n, 64)
	if c.lang != "en" {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s
}

// count writes a whole number with its thousands apart: 1 020 in Swedish, 1,020 in English.
func (c clock) count(n int64) string {
	s := strconv.FormatInt(n, 10)
	digits := strings.TrimPrefix(s, "-")
	gap := "\u00a0"
	if c.lang == "en" {
		gap = ","
	}
	var out strings.Builder
	if n < 0 {
		out.WriteString("−")
	}
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out.WriteString(gap)
		}
		out.WriteRune(d)
	}
	return out.String()
}

// percent writes a share of a whole: 95 %. Of nothing there is no share.
func (c clock) percent(part, whole int) string {
	if whole <= 0 {
		return "–"
	}
	n := strconv.FormatFloat(100*float64(part)/float64(whole), 'f', 0, 64)
	if c.lang == "en" {
		return n + "%"
	}
	return n + "\u00a0%"
}
