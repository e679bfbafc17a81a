// Package lexicon finds thousands of terms, with their inflections and compounds, in one pass over a folded text.
//
// The path through it: [Parse] reads word lists (one term a line, see there), each term with its paradigm; [Compile] makes a
// [Lexicon] of them, once; [Lexicon.Find] lists what is found in a comment, in order of place. A Lexicon is never changed
// once compiled, and may be used from any number of goroutines.
//
// A word is found as a whole word, never as a run of letters inside another one, with three exceptions that each term must
// ask for: it may end a compound ([Head]: *idiot in "jubelidiot"), begin one ([Modifier]: skit* in "skitbuss"), or both.
// Innocent words that would be caught so are named to Compile, and win.
package lexicon

import "takhojd/rules/text"

// Compound says where in a compound a term may stand and still be found.
type Compound uint8

// The places in a compound, a bit set.
const (
	Standalone Compound = 0
	Head       Compound = 1 // at the end: jubelidiot
	Modifier   Compound = 2 // at the beginning: skitbuss
	Both                = Head | Modifier
)

// Term is something to find.
type Term struct {
	// Lemma names the term to people.
	Lemma string
	// Forms are all ways to write it, in lower case: one word, or several with a space between each.
	Forms    []string
	Compound Compound
	// Value is the caller's own, as the number of a class.
	Value int
}

// Match is a term found.
type Match struct {
	hit uint32 // in Lexicon.hits
	// Value is the term's value.
	Value int32
	// First and Last are the tokens that it takes up, by their place in [text.Folded.Tokens]; whole words, also when the term is a part
	// of one.
	First, Last int32
	Disguise    text.Disguise
	// Compound says which part of a compound the term is; Standalone when it is the whole word.
	Compound Compound
}
