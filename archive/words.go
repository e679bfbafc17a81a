package archive

import (
	"strings"
	"unicode"

	"github.com/kljensen/snowball/swedish"
)

// longestWord bounds what is indexed as one word, in bytes: past it there is no word that anyone searches for.
const longestWord = 64

// stems turns a text into the stems of its words, in order, so that "bussar" is found by "bussen".
func stems(text string) string {
	var b strings.Builder
	for _, w := range words(text) {
		b.WriteString(swedish.Stem(w, true))
		b.WriteByte(' ')
	}
	return b.String()
}

// words splits a text into lower-case words of letters and digits.
func words(text string) []string {
	fields := strings.FieldsFunc(strings.ToLower(strings.ToValidUTF8(text, "\uFFFD")), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
	kept := fields[:0]
	for _, w := range fields {
		if len(w) <= longestWord {
			kept = append(kept, w)
		}
	}
	return kept
}

// match writes a search as FTS5 wants it: every word must be there, by its stem; a word that ends in * is a beginning.
// It is empty when the search holds no word.
func match(column, search string) string {
	var terms []string
	for _, field := range strings.Fields(search) {
		prefix := strings.HasSuffix(field, "*")
		for _, w := range words(field) {
			stem := swedish.Stem(w, true)
			switch {
			case column != "stems":
				terms = append(terms, column+` : "`+w+`" *`)
			case prefix: // the beginning may be longer than its own stem: "invandrare*"
				terms = append(terms, `(stems : "`+w+`" * OR stems : "`+stem+`")`)
			default:
				terms = append(terms, `stems : "`+stem+`"`)
			}
		}
	}
	return strings.Join(terms, " AND ")
}
