package lexicon

import (
	"os"
	"strings"
	"testing"

	"takhojd/rules/text"
)

// find returns what is found in s, with the text where each stands.
func find(l *Lexicon, s string) (forms, places []string) {
	var f text.Folded
	f.Fold(s)
	for _, m := range l.Find(&f, nil) {
		forms = append(forms, l.Form(&m))
		places = append(places, placeOf(&f, s, m))
	}
	return forms, places
}

// placeOf is what stands in s where m was found.
func placeOf(f *text.Folded, s string, m Match) string {
	tokens := f.Tokens()
	return s[tokens[m.First].Span.Start:tokens[m.Last].Span.End]
}

// compiled is the lexicon of the lists of swear words and insults.
func compiled(tb testing.TB) *Lexicon {
	tb.Helper()
	terms, innocent := lists(tb, "swearing.words", "insults.words")
	l, err := Compile(terms, innocent)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// cases reads the lines of a file in testdata, less comments.
func cases(tb testing.TB, name string) (lines []string) {
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestFound(t *testing.T) {
	l := compiled(t)
	for _, line := range cases(t, "found.txt") {
		in, want, ok := strings.Cut(line, " => ")
		if !ok {
			t.Fatalf("testdata/found.txt: no arrow in %q", line)
		}
		forms, _ := find(l, in)
		if !contains(forms, want) {
			t.Errorf("%q: found %q, want %q", in, forms, want)
		}
	}
}

func TestFoundInOtherLanguagesAndLetters(t *testing.T) {
	terms, innocent := lists(t, "broad4-abroad.words")
	l, err := Compile(terms, innocent)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"kurwa mać", "хуйня"} {
		if forms, _ := find(l, want+"!"); !contains(forms, want) {
			t.Errorf("%q: found %q", want, forms)
		}
	}
}

func TestSpared(t *testing.T) {
	l := compiled(t)
	for _, line := range cases(t, "spared.txt") {
		if forms, places := find(l, line); len(forms) > 0 {
			t.Errorf("%q: found %q at %q", line, forms, places)
		}
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// TestEvidence tests where what is found stands, and how it was disguised.
func TestEvidence(t *testing.T) {
	l, err := Compile([]Term{
		{Lemma: "idiot", Forms: []string{"idiot", "idioter"}, Compound: Both, Value: 7},
		{Lemma: "dra åt helvete", Forms: []string{"dra åt helvete", "drar åt helvete"}, Value: 8},
	}, []string{"idiotsäker", "*antidiot"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		in, at, form string
		value        int
		disguise     text.Disguise
		compound     Compound
	}{
		{"en ”1d10t” här", "1d10t", "idiot", 7, text.Leet, Standalone},
		{"vilka jubelidioter.", "jubelidioter", "idioter", 7, 0, Head},
		{"idiotbeslutet", "idiotbeslutet", "idiot", 7, 0, Modifier},
		{"å i  d  i  o  t", "i  d  i  o  t", "idiot", 7, text.Spaced, Standalone},
		{"ja, drar  åt h*lvete!", "drar  åt h*lvete", "drar åt helvete", 8, text.Masked, Standalone},
	} {
		var f text.Folded
		f.Fold(c.in)
		found := l.Find(&f, nil)
		if len(found) != 1 {
			t.Errorf("%q: found %+v", c.in, found)
			continue
		}
		m := found[0]
		if at := placeOf(&f, c.in, m); at != c.at || l.Form(&m) != c.form || int(m.Value) != c.value || m.Disguise != c.disguise || m.Compound != c.compound {
			t.Errorf("%q: found %+v at %q, want %+v", c.in, m, at, c)
		}
	}
	for _, s := range []string{"idiotsäker", "antidiot", "id", "dra åt helv", "dra. Åt helvete"} {
		if forms, _ := find(l, s); len(forms) > 0 {
			t.Errorf("%q: found %q", s, forms)
		}
	}
}

func TestSegmentsOfSpacedWords(t *testing.T) {
	l, err := Compile([]Term{{Lemma: "du", Forms: []string{"du"}}, {Lemma: "är", Forms: []string{"är"}}, {Lemma: "en", Forms: []string{"en"}},
		{Lemma: "idiot", Forms: []string{"idiot"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if forms, _ := find(l, "d u ä r e n i d i o t"); strings.Join(forms, " ") != "du är en idiot" {
		t.Errorf("found %q", forms)
	}
	if forms, _ := find(l, "h u n d e n i d i o t"); len(forms) > 0 {
		t.Errorf("found %q in what is not terms through and through", forms)
	}
}

func TestInnocentPhrase(t *testing.T) {
	l, err := Compile([]Term{{Lemma: "kärring", Forms: []string{"kärring", "kärringen"}}, {Lemma: "strömmen", Forms: []string{"strömmen"}}},
		[]string{"kärringen_mot_strömmen"})
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"Se Kärringen mot strömmen på teatern, kärring": "kärring",
		"kärringen i strömmen":                          "kärringen strömmen",
		"kärringen mot":                                 "kärringen",
	} {
		if forms, _ := find(l, in); strings.Join(forms, " ") != want {
			t.Errorf("%q: found %q, want %q", in, forms, want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, c := range []struct {
		term     Term
		innocent []string
	}{
		{Term{Lemma: "x"}, nil},
		{Term{Lemma: "x", Forms: []string{" "}}, nil},
		{Term{Lemma: "x", Forms: []string{strings.Repeat("a ", 13)}}, nil},
		{Term{Lemma: "x", Forms: []string{"x"}}, []string{"*"}},
		{Term{Lemma: "x", Forms: []string{"x"}}, []string{"a*b"}},
		{Term{Lemma: "x", Forms: []string{"x"}}, []string{"*ab*"}},
	} {
		if _, err := Compile([]Term{c.term}, c.innocent); err == nil {
			t.Errorf("%+v with innocent %q was compiled", c.term, c.innocent)
		}
	}
}

func FuzzFind(f *testing.F) {
	for _, name := range []string{"found.txt", "spared.txt"} {
		for _, line := range cases(f, name) {
			f.Add(line)
		}
	}
	l := compiled(f)
	var folded text.Folded
	f.Fuzz(func(t *testing.T, s string) {
		folded.Fold(s)
		first := int32(0)
		for _, m := range l.Find(&folded, nil) {
			if m.First < first || m.Last < m.First || int(m.Last) >= len(folded.Tokens()) {
				t.Fatalf("%q: match of tokens %d to %d after %d", s, m.First, m.Last, first)
			}
			first = m.First
			if placeOf(&folded, s, m) == "" || l.Form(&m) == "" {
				t.Fatalf("%q: match %+v", s, m)
			}
		}
	})
}
