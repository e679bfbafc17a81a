package text

import (
	"encoding/binary"
	"math/bits"
	"unicode"
	"unicode/utf8"
	"unsafe"
)

// Folded is a text made ready for comparing. The zero value is ready for use; fold one text after another with the same Folded, so
// that its memory is used again. It is not for several goroutines at once.
type Folded struct {
	original string
	buf      []byte   // the clean text
	anchors  []anchor // where buf and original part
	tokens   []Token
	places   []place // of the tokens in buf
	after    Gap
	spare    []byte // texts of tokens that are not to be found in buf
	readings []Reading
	cells    []Cell
	from     int  // where the letters of the word now read start in buf
	linkless int  // up to where in buf a link was looked for
	singles  int  // how many single letters stand in a row at the end of tokens
	spaced   bool // three or more did somewhere
	odd      int  // how many tokens ask for a second look (see look)
	altered  bool // more than case parts buf from original
	latin    int  // words of Latin letters
	foreign  int  // words of others
}

// place is where a token stands in buf, and what there is to see in it.
type place struct {
	start, end int32
	marks      mark
}

// mark says what was seen in a word while scanning it.
type mark uint16

const (
	hasLetter mark = 1 << iota
	hasDigit
	hasMask    // * and the like
	hasRun     // the same letter three times or more
	hasDouble  // a doubled vowel
	hasVariant // a Latin letter with a decoration that is not Swedish
	hasForeign // a letter that is not Latin
	hasStar    // a star at the end: a footnote, or one letter
	hasColon   // an ending after a colon
	joined     // no space between the token before and this one
)

// anchor says that buf[out:] was made from original[in:], and that what made buf[:out] ended at original[:end].
type anchor struct {
	out, in, end int32
	disguise     Disguise
}

// Fold folds s. What the Folded gave out before is no longer valid.
func (f *Folded) Fold(s string) {
	f.original = s
	f.buf, f.anchors, f.tokens, f.places = f.buf[:0], f.anchors[:0], f.tokens[:0], f.places[:0]
	f.spare, f.readings, f.cells = f.spare[:0], f.readings[:0], f.cells[:0]
	f.linkless, f.altered = 0, false
	f.after, f.singles, f.spaced, f.odd, f.latin, f.foreign = 0, 0, false, 0, 0, 0
	f.clean(s)
	f.tokenise()
	if f.spaced {
		f.joinSpaced()
	}
	if f.odd > 0 {
		f.look()
	}
}

// Tokens are the words and signs of the text, in order. They are valid until the next Fold.
func (f *Folded) Tokens() []Token { return f.tokens }

// Readings are what some stretches may say beside the tokens' own text, in the order of their first tokens. They are valid
// until the next Fold.
func (f *Folded) Readings() []Reading { return f.readings }

// Lower is the whole text in lower case, and whether that is all that was done to it: it is then of ASCII characters and Latin-1's letters,
// has no control characters but line feeds, and a place in it is the same place in the original. It is valid until the next Fold.
func (f *Folded) Lower() (lower []byte, only bool) { return f.buf, !f.altered }

// After is what stands after the last token.
func (f *Folded) After() Gap { return f.after }

// plain maps the ASCII characters that stand for themselves to lower case, and the rest to 0.
var plain = func() (t [256]byte) {
	for c := byte(' '); c < 0x7F; c++ {
		t[c] = c
	}
	for c := byte('A'); c <= 'Z'; c++ {
		t[c] = c + 'a' - 'A'
	}
	t['\n'] = '\n'
	return t
}()

// clean fills buf: lower case, one form of each letter, nothing invisible.
func (f *Folded) clean(s string) {
	buf := f.buf
	for i := 0; i < len(s); {
		if i+8 <= len(s) {
			lower, n := lowerEight(s, i)
			buf = binary.LittleEndian.AppendUint64(buf, lower)
			buf = buf[:len(buf)-8+n]
			if i += n; n == 8 {
				continue
			}
		}
		c := s[i]
		if b := plain[c]; b != 0 {
			buf = append(buf, b)
			i++
			continue
		}
		if c == 0xC3 && i+1 < len(s) && s[i+1]&0xC0 == 0x80 { // À to ÿ, with å, ä and ö
			d := s[i+1]
			if d < 0x9F && d != 0x97 {
				d += 0x20
			}
			buf = append(buf, c, d)
			i += 2
			continue
		}
		f.buf = buf
		i += f.cleanOdd(s, i)
		buf = f.buf
	}
	f.buf = binary.LittleEndian.AppendUint64(buf, 0)[:len(buf)]
}

// lowerEight puts eight bytes from s[i] on in lower case, and tells how many of them come before the first that does not stand for itself as in
// plain, or is a line feed, or one of the two of an À to ÿ that do not both stand among the eight: only so many are right.
func lowerEight(s string, i int) (lower uint64, n int) {
	w := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 | uint64(s[i+4])<<32 | uint64(s[i+5])<<40 |
		uint64(s[i+6])<<48 | uint64(s[i+7])<<56
	low := w &^ tops
	odd := ^(low + each*(0x80-' ')) | (low + each) // control characters and DEL, without their top bits
	capitals := (low + each*(0x80-'A')) &^ (low + each*(0x7F-'Z'))
	if w&tops == 0 {
		return w | capitals&tops>>2, bits.TrailingZeros64(odd&tops) >> 3
	}
	lead := equals(w, 0xC3) & (tops >> 8) // the last byte's second is not here
	second := lead << 8 & w &^ (w << 1)   // 80 to BF
	lead = second >> 8
	high := ^(low + each*(0x80-0x1F)) &^ equals(w, 0x97) & second // 80 to 9E but for ×, which are capitals
	odd = odd&^w | w&^(lead|second)
	return w | capitals&^w&tops>>2 | high>>2, bits.TrailingZeros64(odd&tops) >> 3
}

// cleanOdd takes the character at s[i] that is neither ASCII nor Latin-1, and returns its length.
func (f *Folded) cleanOdd(s string, i int) int {
	r, w := utf8.DecodeRuneInString(s[i:])
	f.altered = true
	switch {
	case r == '\t' || r == '\r':
		f.buf = append(f.buf, ' ')
	case r >= 0x1F200 && r < 0x1F3FB || r >= 0x1F400 && r < 0x1FB00: // emoji
		f.buf = append(f.buf, s[i:i+w]...)
	case r == utf8.RuneError && w == 1 || invisible(r):
		f.anchor(i, i+w, Invisible)
	case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r):
		f.mark(r, i, w)
	case r == 0x85 || r == 0x2028 || r == 0x2029:
		f.put('\n', i, w, 0)
	case unicode.Is(unicode.Zs, r):
		f.put(' ', i, w, 0)
	default:
		if as := lookup(styled, r); as != 0 {
			var d Disguise
			if as >= 'a' && as <= 'z' || as >= '0' && as <= '9' || as >= 0x80 {
				d = Styled
			}
			f.put(as, i, w, d)
			break
		}
		if r < 0x391 || r > 0x3A9 { // capital Greek letters are resolved by their own looks
			r = unicode.ToLower(r)
		}
		f.put(r, i, w, 0)
	}
	return w
}

// put appends r, made from the w bytes at original[i].
func (f *Folded) put(r rune, i, w int, d Disguise) {
	if d != 0 {
		f.anchor(i, i, d)
	}
	f.buf = utf8.AppendRune(f.buf, r)
	if utf8.RuneLen(r) != w {
		f.anchor(i+w, i+w, 0)
	}
}

// anchor says that what follows in buf is made from original[in:], and that what is there ended at end.
func (f *Folded) anchor(end, in int, d Disguise) {
	out := int32(len(f.buf))
	if n := len(f.anchors); n > 0 && f.anchors[n-1].out == out {
		a := &f.anchors[n-1]
		a.in, a.disguise = int32(in), a.disguise|d
		if d == Combining {
			a.end = int32(end)
		}
		return
	}
	f.anchors = append(f.anchors, anchor{out, int32(in), int32(end), d})
}

// mark sets a combining mark on the letter before it: å, ä, ö and others that people write are composed; what is only stacked goes.
func (f *Folded) mark(r rune, i, w int) {
	last, n := utf8.DecodeLastRune(f.buf)
	if c := compose(last, r); c != 0 {
		f.buf = utf8.AppendRune(f.buf[:len(f.buf)-n], c)
		f.anchor(i+w, i+w, 0)
		return
	}
	switch {
	case r == 0x20E3 && last >= '0' && last <= '9': // a keycap
		f.anchor(i+w, i+w, Styled)
	case last < 0x250 || unicode.Is(unicode.Latin, last) || !unicode.IsLetter(last):
		f.anchor(i+w, i+w, Combining)
	default: // a vowel sign of Arabic, Thai …: part of the word
		f.put(r, i, w, 0)
	}
}

// compose returns the letter that people see in base and mark, or 0.
func compose(base, mark rune) rune {
	switch mark {
	case 0x30A:
		if base == 'a' {
			return 'å'
		}
	case 0x308:
		return pick(base, "aoueiy", "äöüëïÿ")
	case 0x301:
		return pick(base, "aeiouycnsz", "áéíóúýćńśź")
	case 0x300:
		return pick(base, "aeiou", "àèìòù")
	case 0x302:
		return pick(base, "aeiou", "âêîôû")
	case 0x303:
		return pick(base, "ano", "ãñõ")
	case 0x30C:
		return pick(base, "csznre", "čšžňřě")
	case 0x327:
		return pick(base, "cs", "çş")
	case 0x328:
		return pick(base, "ae", "ąę")
	case 0x306:
		return pick(base, "ga", "ğă")
	}
	return 0
}

func pick(base rune, from, to string) rune {
	for i, r := range []rune(from) {
		if r == base {
			return []rune(to)[i]
		}
	}
	return 0
}

// invisible tells whether r shows nothing, or only bends what stands beside it.
func invisible(r rune) bool {
	switch {
	case r < 0x20 || r >= 0x7F && r < 0xA0 && r != 0x85:
		return true
	case r == 0xAD, r == 0x34F, r == 0x61C, r == 0x115F, r == 0x1160, r == 0x17B4, r == 0x17B5, r == 0x180E:
		return true
	case r >= 0x180B && r <= 0x180D, r >= 0x200B && r <= 0x200F, r >= 0x202A && r <= 0x202E, r >= 0x2060 && r <= 0x206F:
		return true
	case r == 0x3164, r == 0xFFA0, r == 0xFEFF, r >= 0xFE00 && r <= 0xFE0F, r >= 0xFFF0 && r <= 0xFFFB:
		return true
	case r >= 0x1F3FB && r <= 0x1F3FF: // skin tones
		return true
	case r >= 0xE0000 && r <= 0xE0FFF:
		return true
	}
	return false
}

// span maps buf[start:end] to the original, and says by what disguises it was cleaned.
func (f *Folded) span(start, end int32) (Span, Disguise) {
	if len(f.anchors) == 0 || f.anchors[0].out > end {
		return Span{int(start), int(end)}, 0
	}
	lo, hi := 0, len(f.anchors)
	for lo < hi { // the first anchor after start
		if m := (lo + hi) / 2; f.anchors[m].out <= start {
			lo = m + 1
		} else {
			hi = m
		}
	}
	in, at := start, end
	var d Disguise
	if lo > 0 {
		a := f.anchors[lo-1]
		in, at = a.in+start-a.out, a.in+end-a.out
		if a.out == start {
			d |= a.disguise & Styled
		}
	}
	for _, a := range f.anchors[lo:] {
		switch {
		case a.out > end:
			return Span{int(in), int(at)}, d
		case a.out == end:
			return Span{int(in), int(a.end)}, d | a.disguise&Combining
		}
		d |= a.disguise
		at = a.in + end - a.out
	}
	return Span{int(in), int(at)}, d
}

// str is buf[start:end] as a string that shares buf's memory.
func (f *Folded) str(start, end int32) string {
	if start >= end {
		return ""
	}
	return unsafe.String(&f.buf[start], int(end-start))
}
