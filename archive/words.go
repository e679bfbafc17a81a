package archive

import (
	"strings"
	"unicode"

	"github.com/kljensen/snowball/swedish"

	"takhojd/moderation/store"
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

// index is what the index of words holds of a record, as the engine wants it.
func index(tx *store.Tx, text, author string) (textWords, authorWords string) {
	if !tx.PostgreSQL() {
		return stems(text), strings.ToLower(author)
	}
	return lexemes(stems(text)), lexemes(strings.Join(words(author), " "))
}

// lexemes writes words as a tsvector, which holds each word once.
func lexemes(text string) string {
	var b strings.Builder
	for w := range strings.FieldsSeq(text) {
		b.WriteString("'" + w + "' ") // words are letters, digits and marks: there is nothing to escape
	}
	return b.String()
}

// match writes a search as the engine's full text wants it: every word must be there, by its stem; a word that ends in * is a beginning.
// It is empty when the search holds no word.
func match(column, search string, postgres bool) string {
	whole, beginning, or, and := column+` : "%s"`, column+` : "%s" *`, " OR ", " AND "
	if postgres {
		whole, beginning, or, and = `'%s'`, `'%s':*`, " | ", " & "
	}
	fill := func(form, word string) string { return strings.Replace(form, "%s", word, 1) }
	var terms []string
	for _, field := range strings.Fields(search) {
		prefix := strings.HasSuffix(field, "*")
		for _, w := range words(field) {
			stem := swedish.Stem(w, true)
			switch {
			case column != "stems":
				terms = append(terms, fill(beginning, w))
			case prefix: // the beginning may be longer than its own stem: "invandrare*"
				terms = append(terms, "("+fill(beginning, w)+or+fill(whole, stem)+")")
			default:
				terms = append(terms, fill(whole, stem))
			}
		}
	}
	return strings.Join(terms, and)
}
