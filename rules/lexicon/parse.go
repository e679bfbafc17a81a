package lexicon

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Parse reads terms, one or more a line with commas between; # begins a comment. name and firstLine say in errors where the terms
// stand. A term is a word or several, and may say how its last word is inflected, where in compounds it is found, and
// that it is also written without dots and rings:
//
//	idiot~n     a noun of whatever declension its ending allows; ~n1 to ~n5 for just one:
//	            flicka, flickor  hund, hundar  idiot, idioter  äpple, äpplen  hus, hus; and the genitives
//	korkad~a    an adjective, with its comparison
//	döda~v      a verb of the first conjugation
//	bränna~w    a verb of the second or third: bränner, brände, bränt, bränn
//	moron~e     an English noun or verb
//	slå/slår/slog/slagit   forms of no pattern, one by one, each of which may have its ~
//	*idiot~n    also at the end of a compound (Head)
//	skit*       also at the beginning (Modifier); *fitt* both
//	jävel~n^    also javel, javlar …
//	idiot~n!    also iddiot, idoit and other slips (see misspelt)
//	dra/drar/drog åt/till helvete   a phrase: every combination of the words between slashes
func Parse(name string, firstLine int, section string) ([]Term, error) {
	var terms []Term
	n := firstLine
	for line := range strings.Lines(section) {
		bare, _, _ := strings.Cut(line, "#")
		column := 1
		for one := range strings.SplitSeq(strings.TrimRight(bare, "\r\n"), ",") {
			t, err := parseTerm(one)
			if err != nil {
				column += utf8.RuneCountInString(one) - utf8.RuneCountInString(strings.TrimLeft(one, " \t"))
				return nil, fmt.Errorf("parse list %s, line %d, column %d: %w", name, n, column, err)
			}
			if len(t.Forms) > 0 {
				terms = append(terms, t)
			}
			column += utf8.RuneCountInString(one) + 1
		}
		n++
	}
	return terms, nil
}

// mostForms bounds the combinations of a phrase: more is a slip of the pen.
const mostForms = 2000

// parseTerm reads one term; blank text is one without forms.
func parseTerm(s string) (Term, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	t := Term{Lemma: s}
	if s == "" {
		return t, nil
	}
	bare, slips := strings.CutSuffix(s, "!")
	bare, undotted := strings.CutSuffix(bare, "^")
	if !strings.Contains(bare, " ") {
		bare, t.Compound = stars(bare)
	}
	if bare == "" || strings.ContainsAny(bare, "*^!{}[]()|<>") {
		return t, fmt.Errorf("%q is no term", s)
	}
	forms := []string{""}
	for i, field := range strings.Fields(bare) {
		words, err := alternatives(field)
		if err != nil {
			return t, fmt.Errorf("%q: %w", s, err)
		}
		if len(forms)*len(words) > mostForms {
			return t, fmt.Errorf("%q has more than %d forms", s, mostForms)
		}
		var longer []string
		for _, f := range forms {
			for _, w := range words {
				if i > 0 {
					w = f + " " + w
				}
				longer = append(longer, w)
			}
		}
		forms = longer
	}
	t.Forms = unique(forms)
	if undotted {
		for _, f := range t.Forms {
			t.Forms = append(t.Forms, strings.NewReplacer("å", "a", "ä", "a", "ö", "o").Replace(f))
		}
		t.Forms = unique(t.Forms)
	}
	if slips {
		for _, f := range t.Forms {
			t.Forms = append(t.Forms, misspelt(f)...)
		}
		t.Forms = unique(t.Forms)
	}
	return t, nil
}

// stars takes the stars off a word, or off each of its alternatives, and says what they ask for.
func stars(s string) (string, Compound) {
	var c Compound
	words := strings.Split(s, "/")
	for i, w := range words {
		if inner, ok := strings.CutPrefix(w, "*"); ok {
			w, c = inner, c|Head
		}
		if inner, after, ok := strings.Cut(w, "*"); ok && (after == "" || after[0] == '~') {
			w, c = inner+after, c|Modifier
		}
		words[i] = w
	}
	return strings.Join(words, "/"), c
}

// alternatives reads "slå/slår" and "idiot~n".
func alternatives(field string) (words []string, err error) {
	for one := range strings.SplitSeq(field, "/") {
		w, paradigm, inflected := strings.Cut(one, "~")
		if w == "" {
			return nil, fmt.Errorf("%q lacks a word", field)
		}
		if !inflected {
			words = append(words, w)
			continue
		}
		inflect := paradigms[paradigm]
		if inflect == nil {
			return nil, fmt.Errorf("~%s is no inflection; there are n, n1 to n5, a, v, w and e", paradigm)
		}
		words = append(words, inflect(w)...)
	}
	return words, nil
}

func unique(words []string) []string {
	seen := make(map[string]bool, len(words))
	kept := words[:0:0]
	for _, w := range words {
		if !seen[w] {
			seen[w] = true
			kept = append(kept, w)
		}
	}
	return kept
}
