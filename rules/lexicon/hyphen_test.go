package lexicon

import (
	"testing"

	"takhojd/rules/text"
)

// A hyphen between words parts a text into tokens, so a term written with one must be found there; a hyphen that stands for letters
// does not make a phrase of single letters.
func TestHyphenatedTerms(t *testing.T) {
	l, err := Compile([]Term{{Lemma: "cp-folk", Forms: []string{"cp-folk"}}, {Lemma: "j-a", Forms: []string{"j-a"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[string]int{"det där cp-folket": 0, "bara cp-folk här": 1, "bara cp folk här": 1, "folk med cp": 0, "j a": 0} {
		var f text.Folded
		f.Fold(s)
		if found := l.Find(&f, nil); len(found) != want {
			t.Errorf("%q: %d found, want %d: %v", s, len(found), want, found)
		}
	}
}
