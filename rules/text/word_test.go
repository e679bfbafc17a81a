package text

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestPlainWords: words are read eight bytes at a time, and must come out as they would one by one, wherever in the eight they begin and end, with
// the letters of two bytes on the border, and with a second look at those that may say something else.
func TestPlainWords(t *testing.T) {
	letters := []rune("aaeettnnrsldzyåäöÅAIÖT")
	random := rand.New(rand.NewPCG(1, 2))
	var f Folded
	for range 20_000 {
		r := make([]rune, 3+random.IntN(20))
		for i := range r {
			r[i] = letters[random.IntN(len(letters))]
		}
		w := string(r)
		before := "abcdefgh"[:random.IntN(9)] + " "
		f.Fold(before + w + " y")
		tokens := f.Tokens()
		got, low := tokens[len(tokens)-2], strings.ToLower(w)
		title, upper := capitals(w)
		if n := len(f.Readings()); !same(low) && (n > 0) != (stretchedRunes(low) && (!title || upper || thrice(low))) {
			t.Errorf("%q: %d readings", w, n)
		}
		if stretchedRunes(low) {
			continue // what it says may be mended
		}
		if got.Text != low || got.Hash != HashOf(low) || !got.Letters || got.Title != title || got.Upper != upper || got.Kind != Word ||
			got.Span != (Span{len(before), len(before) + len(w)}) {
			t.Fatalf("%q after %q: %+v", w, before, got)
		}
	}
}

// stretchedRunes tells whether a vowel stands twice in a row, or any letter three times.
func stretchedRunes(s string) bool {
	r := []rune(s)
	for i := 1; i < len(r); i++ {
		if r[i] == r[i-1] && vowelRune(r[i]) {
			return true
		}
	}
	return thrice(s)
}

func thrice(s string) bool {
	r := []rune(s)
	for i := 2; i < len(r); i++ {
		if r[i] == r[i-1] && r[i] == r[i-2] {
			return true
		}
	}
	return false
}
