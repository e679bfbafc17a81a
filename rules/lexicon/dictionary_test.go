package lexicon

import (
	"os"
	"strings"
	"testing"

	"takhojd/rules/text"
)

// dictionary is Debian's word list wswedish (apt-get install wswedish): 121,000 Swedish words with their inflections, in Latin-1.
func dictionary(tb testing.TB) []string {
	raw, err := os.ReadFile("/usr/share/dict/swedish")
	if err != nil {
		tb.Skip("Debian's word list wswedish is not installed")
	}
	var words strings.Builder
	for _, b := range raw {
		words.WriteRune(rune(b))
	}
	return strings.Fields(words.String())
}

// TestDictionary looks for swear words and insults in every word of the dictionary: no word may be taken for a compound with one, or for a
// disguise of one, but those in testdata/dictionary.txt, which people have looked at.
func TestDictionary(t *testing.T) {
	reviewed := map[string]bool{}
	for _, w := range cases(t, "dictionary.txt") {
		reviewed[w] = true
	}
	l := compiled(t)
	var f text.Folded
	whole := 0
	for _, w := range dictionary(t) {
		f.Fold(w)
		for _, m := range l.Find(&f, nil) {
			if m.Compound == Standalone && m.Disguise == 0 {
				whole++
				continue
			}
			if !reviewed[w] {
				t.Errorf("%q is found as %q, part %d of a compound, disguise %b", w, l.Form(&m), m.Compound, m.Disguise)
			}
		}
	}
	t.Logf("%d forms of terms are words of the dictionary themselves", whole)
}

// BenchmarkDictionary is the cost of a word when everything is looked up, nearly nothing of it found.
func BenchmarkDictionary(b *testing.B) {
	words := dictionary(b)
	l := compiled(b)
	var f text.Folded
	var found []Match
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		f.Fold(words[i%len(words)])
		found = l.Find(&f, found[:0])
	}
}

// TestSlipsAreNoWords: a slip of the pen that is another word would hide an innocent comment.
func TestSlipsAreNoWords(t *testing.T) {
	known := map[string]bool{}
	for _, w := range dictionary(t) {
		known[strings.ToLower(w)] = true
	}
	terms, innocent := lists(t, "misspellings.words")
	for _, w := range innocent {
		delete(known, w)
	}
	slips := 0
	for _, term := range terms {
		right, err := Parse("", 1, strings.TrimSuffix(term.Lemma, "!"))
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range term.Forms {
			if contains(right[0].Forms, form) {
				continue
			}
			if slips++; known[form] && form != "käring" && !strings.HasPrefix(form, "käringa") && !strings.HasPrefix(form, "käringe") && form != "kärings" {
				t.Errorf("%s: the slip %q is a word", term.Lemma, form)
			}
		}
	}
	t.Logf("%d slips", slips)
}
