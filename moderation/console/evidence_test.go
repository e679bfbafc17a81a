package console

import (
	"strings"
	"testing"
	"unicode/utf8"

	"takhojd/rules"
)

func found(start, end int, category rules.Category, seenAs string) rules.Finding {
	return rules.Finding{Action: rules.Flag, Category: category, Start: start, End: end, SeenAs: seenAs}
}

// drawn writes marks as brackets: [idiot|insult].
func drawn(spans []span) string {
	var out strings.Builder
	for _, s := range spans {
		if !s.Marked {
			out.WriteString(s.Text)
			continue
		}
		out.WriteString("[" + s.Text)
		for _, l := range s.Ends {
			for i, c := range l.Categories {
				out.WriteString([]string{"|", ","}[min(i, 1)] + string(c))
			}
			if l.SeenAs != "" {
				out.WriteString("=" + l.SeenAs)
			}
		}
		out.WriteString("]")
	}
	return out.String()
}

func TestMark(t *testing.T) {
	for name, test := range map[string]struct {
		text     string
		findings []rules.Finding
		want     string
	}{
		"none":            {"hej", nil, "hej"},
		"one":             {"din idiot där", []rules.Finding{found(4, 9, rules.Insult, "")}, "din [idiot|insult] där"},
		"whole":           {"idiot", []rules.Finding{found(0, 5, rules.Insult, "")}, "[idiot|insult]"},
		"disguised":       {"din 1d10t", []rules.Finding{found(4, 9, rules.Insult, "idiot")}, "din [1d10t|insult=idiot]"},
		"nested":          {"din jävla idiot", []rules.Finding{found(0, 16, rules.Insult, ""), found(4, 10, rules.Profanity, "")}, "[din ][jävla|profanity][ idiot|insult]"},
		"same within":     {"fet korkad kossa", []rules.Finding{found(0, 16, rules.Insult, ""), found(4, 10, rules.Insult, "")}, "[fet ][korkad][ kossa|insult]"},
		"overlapping":     {"abcdef", []rules.Finding{found(0, 4, rules.Insult, ""), found(2, 6, rules.Threat, "")}, "[ab][cd|insult][ef|threat]"},
		"same twice":      {"din 1d10t", []rules.Finding{found(4, 9, rules.Insult, ""), found(4, 9, rules.Insult, "idiot")}, "din [1d10t|insult=idiot]"},
		"same disguise":   {"k*k", []rules.Finding{found(0, 3, rules.Insult, "kuk"), found(0, 3, rules.Profanity, "kuk")}, "[k*k|insult,profanity=kuk]"},
		"beside":          {"aabb", []rules.Finding{found(0, 2, rules.Insult, ""), found(2, 4, rules.Threat, "")}, "[aa|insult][bb|threat]"},
		"no place":        {"hej", []rules.Finding{found(0, 0, rules.UnreviewedMedia, "")}, "hej"},
		"past the end":    {"hej", []rules.Finding{found(1, 9, rules.Insult, "")}, "hej"},
		"before the text": {"hej", []rules.Finding{found(-1, 2, rules.Insult, "")}, "hej"},
		"backwards":       {"hej", []rules.Finding{found(2, 1, rules.Insult, "")}, "hej"},
		"within a letter": {"blå ö", []rules.Finding{found(3, 6, rules.Insult, "")}, "bl[å ö|insult]"},
		"allowed":         {"hej", []rules.Finding{{Action: rules.Allow, Category: rules.Insult, Start: 0, End: 3}}, "hej"},
		"broken bytes":    {"a\xffb", []rules.Finding{found(0, 3, rules.Insult, "")}, "[a\uFFFDb|insult]"},
		"direction":       {"a\u202eb", nil, "a⟦U+202E⟧b"},
		"family emoji":    {"👩‍👧", nil, "👩‍👧"},
	} {
		if got := drawn(mark(test.text, test.findings).Head); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestLongTextIsFolded(t *testing.T) {
	text := strings.Repeat("ord ", 400) + "slutet"
	m := mark(text, []rules.Finding{found(0, 3, rules.Insult, ""), found(len(text)-6, len(text), rules.Threat, "")})
	if m.RestMarks != 1 || m.Size != 1606 || len(m.Rest) == 0 {
		t.Errorf("rest has %d marks in %d spans of %d characters", m.RestMarks, len(m.Rest), m.Size)
	}
	if whole := plainOf(m.Head) + plainOf(m.Rest); whole != text {
		t.Error("folding changes the text")
	}
	if unbroken := mark(strings.Repeat("x", 60000), nil); len(unbroken.Rest) == 0 {
		t.Error("a text without spaces is not folded")
	}
}

func plainOf(spans []span) string {
	var out strings.Builder
	for _, s := range spans {
		out.WriteString(s.Text)
	}
	return out.String()
}

// FuzzMark: whatever the text and the offsets, the page shows the whole text, once, and in order.
func FuzzMark(f *testing.F) {
	f.Add("din jävla idiot", 0, 15, 4, 10)
	f.Add("å\xff\u202e", 1, 2, -5, 1<<40)
	f.Add(strings.Repeat("lång text ", 300), 1000, 2999, 5, 2000)
	f.Fuzz(func(t *testing.T, text string, a, b, c, d int) {
		m := mark(text, []rules.Finding{found(a, b, rules.Insult, "x"), found(c, d, rules.Threat, "")})
		shown := plainOf(m.Head) + plainOf(m.Rest)
		if !utf8.ValidString(shown) {
			t.Errorf("%q is shown as invalid %q", text, shown)
		}
		if utf8.ValidString(text) && shown != plain(text) {
			t.Errorf("%q is shown as %q", text, shown)
		}
	})
}
