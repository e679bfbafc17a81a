// Package text sees through disguises: it folds a comment into tokens that rules can compare, and maps every place
// back to the original, so that evidence is marked where it stands.
//
// The path through it: [Folded.Fold] cleans the text (lower case, composed letters, invisible characters and stacked
// marks gone, styled letters plain, look-alikes of other alphabets resolved where they stand among Latin letters) and
// cuts it into [Token]s. Where a stretch may say something else than its plain reading ("1d10t", "f*n", "jäääävla",
// "p.u.c.k.o"), it also offers a [Reading], which names the letters that each place may stand for. Readings cost nothing
// in ordinary text, and are only offers: "S l u t a köra" is read as "sluta köra", and no rule has anything against it.
//
// Å, ä and ö are letters, never a or o with a decoration: "höra" is not "hora", whether it is written composed or with
// combining marks.
//
// Fold takes any bytes: NULs, invalid UTF-8, 60,000 characters. Its time is linear in the length of the text. All
// offsets are bytes; spans lie within the original, on the boundaries of its characters, and in the tokens' order.
package text

// Span is a stretch of the original text, in bytes: original[Start:End].
type Span struct{ Start, End int }

// Disguise is a set of ways in which a stretch was written to be missed by a machine. It is evidence in itself, but weak:
// a soft hyphen or a doubled letter may also come from copying or joy.
type Disguise uint16

// The disguises.
const (
	Leet       Disguise = 1 << iota // digits or signs for letters: 1d10t
	Spaced                          // i d i o t
	Punctuated                      // i.d.i.o.t, id-iot
	Repeated                        // idiooot
	Homoglyph                       // letters of another alphabet that look alike: idiоt with a Cyrillic о
	Invisible                       // zero-width characters and the like inside a word
	Styled                          // fullwidth, mathematical, circled letters
	Combining                       // marks stacked on letters
	Masked                          // f*n
	Emoji                           // an emoji in a letter's place: 🅱ög, k🍆k
)

// Has tells whether any of the disguises in x is in d.
func (d Disguise) Has(x Disguise) bool { return d&x != 0 }

// Kind is what sort of token it is.
type Kind uint8

// The kinds of tokens.
const (
	Word    Kind = iota // letters, perhaps with digits or masking characters among them
	Number              // digits, also with an ending (172:an)
	Symbol              // one emoji or pictograph
	Link                // something with the look of an address on the net, e-mail included; never read as words
	Mention             // @name
	Hashtag             // #word; Text is without the #
)

// Gap is a set of what stands between two tokens.
type Gap uint16

// What may stand in a gap.
const (
	Space Gap = 1 << iota
	Newline
	Comma
	Stop // . … ; and the two below
	Question
	Exclaim
	Colon
	Quote // any double quotation mark, or a > at the start of a line
	Apostrophe
	Open  // ( [ {
	Close // ) ] }
	Hyphen
	Other
)

// Has tells whether any of x is in g.
func (g Gap) Has(x Gap) bool { return g&x != 0 }

// Token is a word, or something else that stands for itself.
type Token struct {
	// Text is the plain reading: lower case, å ä ö kept, disguises that leave no doubt taken off (see [Token.Disguise]). It is
	// valid until the next Fold.
	Text string
	// Span is where it stands in the original.
	Span Span
	Kind Kind
	// Before is what stands between the token before and this one.
	Before   Gap
	Disguise Disguise
	// Word is where whoever looked the token up last notes the number of the word that it found, from 1; 0 for none, and less for a word that is
	// known to be nothing.
	Word int32
	// Hash is the hash of Text.
	Hash Hash
	// Letters is true when the token stands in the text as nothing but ASCII letters and those of Latin-1, capital or not, and Text is
	// these in lower case.
	Letters bool
	// Upper is true for two letters or more, all capitals. Title is true when the first letter is a capital.
	Upper, Title bool
}

// Cell is one place of a [Reading]: from Min to Max times any one of the letters in Alt; any letter at all where Alt is empty.
// The first alternative is the likeliest.
type Cell struct {
	Alt      [4]rune
	N        uint8 // how many of Alt are in use; 0: any letter
	Min, Max uint8
}

// Reading is something else that the tokens First..Last together may say.
type Reading struct {
	First, Last int
	Disguise    Disguise
	Cells       []Cell // valid until the next Fold
}
