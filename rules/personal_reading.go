package rules

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"takhojd/rules/text"
)

// reading is scratch memory for find, and what find leaves behind: the people that the text names.
//
// The text is read once into low: lower case, digits of every script as 0–9, invisible characters gone, emoji as spaces. For plain
// Swedish text low has the same length as the original, and places are the same in both; otherwise at maps them.
type reading struct {
	people []person

	original string
	low      []byte
	at       []int32 // for every byte of low, and one past it, the place in the original; empty when they are the same
	words    []word

	digits  int // words of digits
	figures int // digits in them, and letters glued to them that may be read as such
	spelled int // number words
	dots    int // dots between two letters or digits, and what stands for one
	ats     int // @ and what stands for it
	titles  int // words with a capital first letter
	emoji   int // pictures, in number
	tags    int // # and @ before a word

	run    numberRun
	before []byte // scratch for hosts

	dialled int // how many numbers were held against the numbering plans
}

// word is a run of letters, or a run of digits.
type word struct {
	start, end int32 // in low
	cues       cues
	number     uint16 // for number words: 1 + index in numberWords
	kind       wordKind
	sentence   int32
}

// wordKind is what the form of a word tells.
type wordKind uint8

const (
	wordDigits wordKind = 1 << iota // digits, not letters
	wordTitle                       // the first letter is a capital, and not every other is
	wordUpper                       // every letter is a capital, and there are more than one
	wordFirst                       // first in its sentence
	wordGlued                       // follows the word before without a gap ("69o514")
	wordMasked                      // a letter was replaced by an asterisk or a digit
)

// What a byte is to the reading.
const (
	byteSpace uint8 = iota
	byteLetter
	byteUpper
	byteDigit
	bytePunct
	byteWide // not ASCII
)

var byteKinds = func() (t [256]uint8) {
	for i := range t {
		switch c := byte(i); {
		case c >= 0x80:
			t[i] = byteWide
		case 'a' <= c && c <= 'z':
			t[i] = byteLetter
		case 'A' <= c && c <= 'Z':
			t[i] = byteUpper
		case '0' <= c && c <= '9':
			t[i] = byteDigit
		case c <= ' ' || c == 0x7f:
			t[i] = byteSpace
		default:
			t[i] = bytePunct
		}
	}
	return t
}()

// read fills the reading from s. The words' cues come from the vocabulary.
func (r *reading) read(s string, v *cueTable) {
	r.begin(s)
	if plainLatin(s) {
		r.low = append(r.low, s...)
	} else {
		r.clean(s)
	}
	r.split(v, nil)
}

// readFolded is read for a text that has been folded already: of most texts that has put all in lower case and cut it into words, which saves
// to do it again.
func (r *reading) readFolded(s string, f *text.Folded, v *cueTable) {
	lower, only := f.Lower()
	if !only {
		r.read(s, v)
		return
	}
	r.begin(s)
	r.low = append(r.low, lower...)
	r.split(v, f.Tokens())
}

func (r *reading) begin(s string) {
	r.original, r.people = s, r.people[:0]
	r.low, r.at, r.words = r.low[:0], r.at[:0], r.words[:0]
	r.figures = 0
	r.digits, r.spelled, r.dots, r.ats, r.titles, r.emoji, r.tags, r.dialled = 0, 0, 0, 0, 0, 0, 0, 0
}

// plainLatin tells whether s holds nothing but ASCII and the letters of Latin-1, so that it can be read byte by byte.
func plainLatin(s string) bool {
	const high = 0x8080808080808080
	for i := 0; i < len(s); i++ {
		for i+8 <= len(s) && (uint64(s[i])|uint64(s[i+1])<<8|uint64(s[i+2])<<16|uint64(s[i+3])<<24|uint64(s[i+4])<<32|uint64(s[i+5])<<40|
			uint64(s[i+6])<<48|uint64(s[i+7])<<56)&high == 0 {
			i += 8
		}
		if i == len(s) {
			break
		}
		if c := s[i]; c >= 0x80 {
			if c != 0xC3 || i+1 == len(s) || s[i+1]&0xC0 != 0x80 {
				return false
			}
			i++
		}
	}
	return true
}

// clean copies s into low with every rune as what it is read as.
func (r *reading) clean(s string) {
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf { // stands for itself, and changes no letter before it
			r.low, r.at = append(r.low, s[i]), append(r.at, int32(i))
			i++
			continue
		}
		c, n := utf8.DecodeRuneInString(s[i:])
		if combined := compose(r.low, c); combined != 0 {
			r.low[len(r.low)-1] = 0xC3
			r.low, r.at = append(r.low, combined), append(r.at, int32(i))
			i += n
			continue
		}
		from := len(r.low)
		switch as := readAs(c); {
		case c == utf8.RuneError && n <= 1:
			r.low = append(r.low, ' ')
		case as == 0: // invisible
		case as == emojiMark:
			r.emoji++
			r.low = append(r.low, ' ')
		case as == c:
			r.low = append(r.low, s[i:i+n]...)
		default:
			r.low = utf8.AppendRune(r.low, as)
		}
		for range len(r.low) - from {
			r.at = append(r.at, int32(i))
		}
		i += n
	}
	r.at = append(r.at, int32(len(s)))
}

// compose gives the second byte of å, ä or ö when low ends in a bare a or o and c is the ring or the dots above it.
func compose(low []byte, c rune) byte {
	if len(low) == 0 || (c != 0x30A && c != 0x308) {
		return 0
	}
	switch last := low[len(low)-1]; {
	case last == 'a' && c == 0x30A:
		return 0xA5
	case last == 'A' && c == 0x30A:
		return 0x85
	case last == 'a':
		return 0xA4
	case last == 'A':
		return 0x84
	case last == 'o' && c == 0x308:
		return 0xB6
	case last == 'O' && c == 0x308:
		return 0x96
	}
	return 0
}

// emojiMark is what readAs gives for a picture.
const emojiMark = '\U0001F600'

// readAs is what a rune is read as: itself, a plainer one, emojiMark, or 0 for what nobody sees.
func readAs(c rune) rune {
	switch {
	case c < 0x80:
		return c
	case c == 0xAD, 0x200B <= c && c <= 0x200F, 0x202A <= c && c <= 0x202E, 0x2060 <= c && c <= 0x2064, c == 0xFEFF, c == 0x180E,
		c == 0x34F, c == 0x61C, 0x115F <= c && c <= 0x1160, c == 0x3164, c == 0x20E3, 0xFE00 <= c && c <= 0xFE0F, 0xE0000 <= c && c <= 0xE0FFF:
		return 0
	case 0x300 <= c && c <= 0x36F, 0x483 <= c && c <= 0x489, 0x1AB0 <= c && c <= 0x1AFF, 0x20D0 <= c && c <= 0x20F0:
		return 0
	case 0xC0 <= c && c <= 0x24F:
		return c
	case c < 0x100:
		return readLatinSign(c)
	case 0x370 <= c && c <= 0x52F:
		return readHomoglyph(c)
	case 0x2010 <= c && c <= 0x2015, c == 0x2212, c == 0xFE58, c == 0xFE63:
		return '-'
	case c == 0x2018, c == 0x2019, c == 0x2032:
		return '\''
	case c == 0x2024, c == 0x3002, c == 0xFF61, c == 0xFE52:
		return '.'
	case c == 0x2026:
		return '!' // an ellipsis ends a sentence, and is no dot of a link
	case 0x2000 <= c && c <= 0x206F, c == 0x3000:
		return ' '
	case 0xFF01 <= c && c <= 0xFF5E:
		return c - 0xFEE0
	}
	if d := readDigit(c); d != 0 {
		return d
	}
	if l := readStyled(c); l != 0 {
		return l
	}
	if unicode.IsLetter(c) {
		return c
	}
	if unicode.In(c, unicode.So, unicode.Sk, unicode.Cn) || 0x1F000 <= c && c <= 0x1FAFF {
		return emojiMark
	}
	return ' '
}

func readLatinSign(c rune) rune {
	switch c {
	case 0xB2, 0xB3:
		return c - 0xB2 + '2'
	case 0xB9:
		return '1'
	case 0xB7:
		return '.'
	}
	return ' '
}

// readDigit gives the ASCII digit for the digits of other scripts and styles, or 0.
func readDigit(c rune) rune {
	switch {
	case 0x660 <= c && c <= 0x669:
		return c - 0x660 + '0'
	case 0x6F0 <= c && c <= 0x6F9:
		return c - 0x6F0 + '0'
	case 0x966 <= c && c <= 0x96F:
		return c - 0x966 + '0'
	case 0x2074 <= c && c <= 0x2079, c == 0x2070:
		return c - 0x2070 + '0'
	case 0x2080 <= c && c <= 0x2089:
		return c - 0x2080 + '0'
	case 0x2460 <= c && c <= 0x2468:
		return c - 0x2460 + '1'
	case 0x2776 <= c && c <= 0x277E:
		return c - 0x2776 + '1'
	case 0x2780 <= c && c <= 0x2788:
		return c - 0x2780 + '1'
	case 0x278A <= c && c <= 0x2792:
		return c - 0x278A + '1'
	case c == 0x24EA, c == 0x24FF, c == 0x1F10B, c == 0x1F10C:
		return '0'
	case 0x1D7CE <= c && c <= 0x1D7FF:
		return (c-0x1D7CE)%10 + '0'
	case 0x1FBF0 <= c && c <= 0x1FBF9:
		return c - 0x1FBF0 + '0'
	}
	return 0
}

// readStyled gives the plain letter for mathematical, circled, squared and parenthesised ones, or 0.
func readStyled(c rune) rune {
	switch {
	case 0x1D400 <= c && c <= 0x1D6A3:
		if n := (c - 0x1D400) % 52; n < 26 {
			return 'A' + n
		} else {
			return 'a' + n - 26
		}
	case 0x24B6 <= c && c <= 0x24CF:
		return c - 0x24B6 + 'A'
	case 0x24D0 <= c && c <= 0x24E9:
		return c - 0x24D0 + 'a'
	case 0x249C <= c && c <= 0x24B5:
		return c - 0x249C + 'a'
	case 0x1F130 <= c && c <= 0x1F149:
		return c - 0x1F130 + 'A'
	case 0x1F150 <= c && c <= 0x1F169:
		return c - 0x1F150 + 'A'
	case 0x1F170 <= c && c <= 0x1F189:
		return c - 0x1F170 + 'A'
	}
	return 0
}

// readHomoglyph gives the Latin letter that a Greek or Cyrillic one passes for (Unicode's confusables, UTS 39), or c.
func readHomoglyph(c rune) rune {
	const greek, greekAs = "αβεικνορτυχγΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aBeikvoptuxyABEZHIKMNOPTYX"
	const cyrillic, cyrillicAs = "авекмнорстухіјѕԁһԛԝгАВЕКМНОРСТУХІЈЅԌԚԜЗ", "aBeKMHopcTyxijsdhqwrABEKMHOPCTYXIJSGQW3"
	from, as := greek, greekAs
	if c >= 0x400 {
		from, as = cyrillic, cyrillicAs
	}
	n := 0
	for _, g := range from {
		if g == c {
			return rune(as[n])
		}
		n++
	}
	return c
}

// span gives the place in the original of low[start:end].
func (r *reading) span(start, end int) (int, int) {
	if len(r.at) == 0 {
		return start, end
	}
	return int(r.at[start]), int(r.at[end])
}

// rewritten tells whether low[start:end] was written in other characters than it is read in, case apart.
func (r *reading) rewritten(start, end int) bool {
	if len(r.at) == 0 {
		return false
	}
	s := r.original[r.at[start]:r.at[end]]
	if len(s) != end-start {
		return true
	}
	for i := 0; i < len(s); i++ {
		if s[i] != r.low[start+i] && s[i] < 0x80 && s[i]|0x20 != r.low[start+i] || (s[i] >= 0x80) != (r.low[start+i] >= 0x80) {
			return true
		}
	}
	return false
}

// split lowers low and cuts it into words, counting on the way what the detectors are gated by. Where low is in lower case already, tokens are
// those of the text.
func (r *reading) split(v *cueTable, tokens []text.Token) {
	low, words, sentence, first := r.low, r.words, int32(0), true
	last := -1 // end of the word before
	for i := 0; i < len(low); {
		if low[i] == ' ' {
			i++
			continue
		}
		if len(tokens) > 0 && tokens[0].Span.Start == i && i > last && r.isWord(&tokens[0], i) { // as nearly always
			t := &tokens[0]
			if len(words) == cap(words) {
				words = slices.Grow(words, 1)
			}
			words = words[:len(words)+1]
			w := &words[len(words)-1]
			w.start, w.end, w.sentence, w.kind = int32(i), int32(t.Span.End), sentence, 0
			r.note(w, v.of(t), t.Upper, t.Title)
			if first {
				w.kind |= wordFirst
			}
			first, last = false, t.Span.End
			i, tokens = last, tokens[1:]
			continue
		}
		kind := byteKinds[low[i]]
		if kind == byteSpace {
			if low[i] == '\n' && !first {
				sentence, first = sentence+1, true
			}
			i++
			continue
		}
		if kind == bytePunct {
			if r.punctuation(i) && !first {
				sentence, first = sentence+1, true
			}
			i++
			continue
		}
		w := word{start: int32(i), sentence: sentence}
		if kind == byteDigit {
			for i < len(low) && byteKinds[low[i]] == byteDigit {
				i++
			}
			w.kind = wordDigits
			r.digits++
			r.figures += i - int(w.start)
		} else {
			for len(tokens) > 0 && tokens[0].Span.Start < i {
				tokens = tokens[1:]
			}
			if len(tokens) > 0 && r.isWord(&tokens[0], i) {
				r.note(&w, v.of(&tokens[0]), tokens[0].Upper, tokens[0].Title)
				i = tokens[0].Span.End
			} else {
				if tokens != nil {
					r.raise(i)
				}
				i = r.letters(&w, v)
			}
		}
		w.end = int32(i)
		if int(w.start) == last {
			w.kind |= wordGlued
			if before := &words[len(words)-1]; w.kind&wordDigits == 0 {
				r.figures += int(w.end - w.start)
			} else if before.kind&wordGlued == 0 {
				r.figures += int(before.end - before.start)
			}
		}
		if first {
			w.kind |= wordFirst
		}
		words, first, last = append(words, w), false, i
	}
	r.words = words
}

// raise puts the capitals back in the word of letters that begins at i, for letters to see.
func (r *reading) raise(i int) {
	for ; i < len(r.low) && (byteKinds[r.low[i]] == byteLetter || byteKinds[r.low[i]] == byteWide); i++ {
		r.low[i] = r.original[i]
	}
}

// isWord tells whether the token t is the word that begins at i, and all of it.
func (r *reading) isWord(t *text.Token, i int) bool {
	if !t.Letters || t.Span.Start != i || r.low[i] == 0xC3 && r.low[i+1] == 0x9F { // ß looks like a capital to letters
		return false
	}
	end := t.Span.End
	return end == len(r.low) || byteKinds[r.low[end]] == byteSpace || byteKinds[r.low[end]] == bytePunct
}

// letters lowers the word of letters that w begins, looks it up, and gives its end.
func (r *reading) letters(w *word, v *cueTable) int {
	i := int(w.start)
	title := byteKinds[r.low[i]] == byteUpper || r.low[i] == 0xC3 && i+1 < len(r.low) && r.low[i+1] < 0xA0
	end, hash, upper, letters := lowerWord(r.low, i)
	r.note(w, v.look(hash), upper > 1 && upper == letters, title)
	return end
}

// note puts down what a word of letters looks like, and what is known of it.
func (r *reading) note(w *word, k *wordCue, upper, title bool) {
	w.cues, w.number = k.cues, k.number
	switch {
	case upper:
		w.kind = wordUpper
	case title:
		w.kind = wordTitle
		r.titles++
	}
	if w.number != 0 {
		r.spelled++
	}
	if w.cues&(cueDot|cueAt) != 0 {
		if w.cues&cueDot != 0 {
			r.dots++
		} else {
			r.ats++
		}
	}
}

// lowerWord lowers the word that begins at i, in place, and gives its end, its hash, and how many of its letters were capitals.
func lowerWord(low []byte, i int) (end int, h text.Hash, upper, letters int) {
	start := i
	for ; i < len(low); i++ {
		c := low[i]
		if 'a' <= c && c <= 'z' {
			letters++
			continue
		}
		switch byteKinds[c] {
		case byteUpper:
			c |= 0x20
			low[i] = c
			upper++
		case byteWide:
			if c == 0xC3 && i+1 < len(low) {
				i++
				c = low[i]
				if 0x80 <= c && c < 0x9F && c != 0x97 {
					c |= 0x20
					low[i] = c
					upper++
				}
			} else if c&0xC0 == 0x80 {
				letters-- // a further byte of the same letter
			}
		default:
			return i, text.HashOf(low[start:i]), upper, letters
		}
		letters++
	}
	return i, text.HashOf(low[start:i]), upper, letters
}

// punctuation counts what the mark at i may be the sign of, and tells whether it ends a sentence.
func (r *reading) punctuation(i int) bool {
	spaceAfter := i+1 == len(r.low) || byteKinds[r.low[i+1]] == byteSpace
	switch r.low[i] {
	case '.':
		if !spaceAfter {
			r.dots++
			return false
		}
		if i+2 < len(r.low) && i > 0 && r.low[i-1] == ' ' {
			r.dots++ // " . " as in "example . com"
			return false
		}
		return true
	case '!', '?':
		return true
	case '@':
		r.ats++
		if !spaceAfter && (i == 0 || byteKinds[r.low[i-1]] == byteSpace) {
			r.tags++
		}
	case '(', '[', '{':
		if i+2 < len(r.low) && r.low[i+1]|0x20 == 'a' && (r.low[i+2] == ')' || r.low[i+2] == ']' || r.low[i+2] == '}') {
			r.ats++ // "(a)"
		}
	case '#':
		if !spaceAfter {
			r.tags++
		}
	}
	return false
}

// text of word n in lower case.
func (r *reading) word(n int) string { return string(r.low[r.words[n].start:r.words[n].end]) }

// bytes of word n in lower case, good until the next reading.
func (r *reading) bytes(n int) []byte { return r.low[r.words[n].start:r.words[n].end] }

// gap is what stands between word n and the next.
func (r *reading) gap(n int) []byte {
	if n+1 >= len(r.words) {
		return r.low[r.words[n].end:]
	}
	return r.low[r.words[n].end:r.words[n+1].start]
}
