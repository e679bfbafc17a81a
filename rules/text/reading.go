package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
	"unsafe"

	"golang.org/x/text/unicode/norm"
)

// Bounds that keep a hostile text from costing more than its length: how long a stretch is read anew.
const (
	maxCells  = 48
	maxJoined = 16
)

// look goes through the tokens once more and offers readings of the strange ones.
func (f *Folded) look() {
	for i := 0; i < len(f.tokens); {
		j := i + 1
		for j < len(f.tokens) && f.places[j].marks&joined != 0 {
			j++
		}
		for k := i; k < j; k++ {
			if f.strange(&f.tokens[k], &f.places[k]) {
				f.lookAt(k)
			}
			if k == i && j-i > 1 && j-i <= maxJoined {
				f.joinedReading(i, j-1)
			}
		}
		i = j
	}
}

// lookAt mends the text of token i where there is no doubt, and offers a reading where there is.
func (f *Folded) lookAt(i int) {
	t, p := &f.tokens[i], &f.places[i]
	if t.Kind != Word && t.Kind != Hashtag {
		return
	}
	if p.marks&hasForeign != 0 && !f.latinise(t, p) {
		return
	}
	before, after := f.beside(p)
	if p.marks&(hasMask|hasStar|hasRun|hasDouble|hasVariant) != 0 || p.marks&hasDigit != 0 && leetlike(t.Text) || before != 0 || after != 0 {
		start := len(f.cells)
		var d Disguise
		d |= f.sign(before)
		d |= f.spell(t.Text)
		d |= f.sign(after)
		if p.marks&hasStar != 0 {
			f.cell(Cell{Min: 1, Max: 1})
			d |= Masked
		}
		f.reading(i, i, start, d|t.Disguise)
		f.mend(t, p)
	}
}

// beside returns the signs right before and after a word that may be letters of it: $vin, fitt@.
func (f *Folded) beside(p *place) (before, after byte) {
	if p.start > 0 && f.buf[p.start-1] != ' ' {
		if c := f.buf[p.start-1]; c == '$' || c == '|' {
			before = c
		}
	}
	if n := int(p.end); n < len(f.buf) && p.marks&hasLetter != 0 && (f.buf[n] == '@' || f.buf[n] == '$') && (n+1 == len(f.buf) || gaps[f.buf[n+1]&0x7F] != Other) {
		after = f.buf[n]
	}
	return before, after
}

// sign appends the cell of a sign that is written for a letter, if there is one.
func (f *Folded) sign(c byte) Disguise {
	if c == 0 {
		return 0
	}
	cell := Cell{Min: 1, Max: 1}
	cell.N = uint8(copy(cell.Alt[:], leet(rune(c))))
	f.cell(cell)
	return Leet
}

// leetlike tells whether digits may stand for letters in a word that has some of both: "n1" and "1d10t", but not "10k" and "2a".
func leetlike(s string) bool {
	digits, letters := 0, 0
	for _, r := range s {
		if r >= '0' && r <= '9' {
			digits++
		} else {
			letters++
		}
	}
	return digits > 0 && digits <= letters+1 && (letters > 1 || !digit(s[0]))
}

// reading offers cells[start:] as a reading of the tokens first to last.
func (f *Folded) reading(first, last, start int, d Disguise) {
	n := len(f.cells) - start
	if n < 2 || n > maxCells {
		f.cells = f.cells[:start]
		return
	}
	f.readings = append(f.readings, Reading{First: first, Last: last, Disguise: d, Cells: f.cells[start:len(f.cells):len(f.cells)]})
}

func (f *Folded) cell(c Cell) { f.cells = append(f.cells, c) }

// spell appends the cells of a word.
func (f *Folded) spell(s string) (d Disguise) {
	leets := strings.ContainsAny(s, "0134")
	for i := 0; i < len(s); {
		r, w := utf8.DecodeRuneInString(s[i:])
		double := vowelRune(r) && r != 'o' && (r != 'e' || len(s) > 5)
		n := 1
		for i+n*w < len(s) && s[i+(n-1)*w:i+n*w] == s[i+n*w:min(len(s), i+(n+1)*w)] {
			n++
		}
		c := Cell{Alt: [4]rune{r}, N: 1, Min: 1, Max: 1}
		switch {
		case r == '_': // more often between letters than for one
			c = Cell{Max: uint8(min(n, 6))}
			d |= Masked
		case r == '*' || r == '#' || r == '%' || r == '¤' || r == '§':
			c = Cell{Max: uint8(min(n+1, 6))}
			d |= Masked
		case r == '\'':
			i += n * w
			continue
		case r >= '0' && r <= '9':
			c.N = uint8(copy(c.Alt[:3], leet(r))) + 1
			c.Alt[c.N-1] = r
			d |= Leet
			if n > 2 {
				c.Min, c.Max = 1, 2
			} else {
				c.Min, c.Max = uint8(n), uint8(n)
			}
		default:
			if v := variants(r); v != "" || leets {
				if v == "" { // who writes r0vhal writes no dots either
					v = undotted(r)
				}
				if c.N = uint8(copy(c.Alt[:], []rune(v))); r >= 0x80 {
					d |= Homoglyph
				}
			}
			if n > 2 || n == 2 && double {
				c.Max = 2
				d |= Repeated
			} else {
				c.Min, c.Max = uint8(n), uint8(n)
			}
		}
		f.cell(c)
		i += n * w
	}
	return d
}

func vowelRune(r rune) bool {
	switch r {
	case 'a', 'e', 'i', 'o', 'u', 'y', 'å', 'ä', 'ö':
		return true
	}
	return false
}

// leet returns the letters that a digit or sign is written for.
func leet(r rune) []rune {
	switch r {
	case '0':
		return []rune{'o', 'ö'}
	case '1':
		return []rune{'i', 'l'}
	case '2':
		return []rune{'z'}
	case '3':
		return []rune{'e'}
	case '4':
		return []rune{'a', 'ä', 'å'}
	case '5':
		return []rune{'s'}
	case '6':
		return []rune{'g', 'b'}
	case '7':
		return []rune{'t'}
	case '8':
		return []rune{'b'}
	case '9':
		return []rune{'g', 'p'}
	case '@':
		return []rune{'a', 'ä', 'å'}
	case '$':
		return []rune{'s'}
	case '€':
		return []rune{'e'}
	case '!', '|', '¡':
		return []rune{'i', 'l'}
	case '+':
		return []rune{'t'}
	case '£':
		return []rune{'l'}
	}
	return nil
}

// variants returns what a Latin letter that is not Swedish may stand for, itself first. Å, ä and ö stand for nothing else.
func variants(r rune) string {
	switch r {
	case 'å', 'ä', 'ö':
		return ""
	case 'æ':
		return "æä"
	case 'ø':
		return "øö"
	case 'ü':
		return "üuy"
	case 'ł':
		return "łl"
	case 'đ', 'ð':
		return string(r) + "d"
	case 'ı':
		return "ıi"
	case 'ħ':
		return "ħh"
	case 'ŧ':
		return "ŧt"
	}
	if r < 0xC0 || r > 0x1EFF {
		return ""
	}
	if d := norm.NFD.PropertiesString(string(r)).Decomposition(); len(d) > 1 && d[0] >= 'a' && d[0] <= 'z' {
		return string(r) + string(d[:1])
	}
	return ""
}

// undotted returns the letters that one without ring and dots may stand for, itself first.
func undotted(r rune) string {
	switch r {
	case 'a':
		return "aäå"
	case 'o':
		return "oö"
	}
	return string(r)
}

// latinise reads look-alike letters as Latin ones: in a word that has both, and in a word of look-alikes among Latin words. It
// tells whether the token is one of Latin letters now.
func (f *Folded) latinise(t *Token, p *place) bool {
	start := len(f.spare)
	latin := false
	for _, r := range t.Text {
		switch {
		case r < 0x250:
			latin = latin || unicode.IsLetter(r)
		case unicode.IsLetter(r):
			if r = lookup(lookalikes, r); r == 0 {
				f.spare = f.spare[:start]
				return false
			}
		}
		f.spare = utf8.AppendRune(f.spare, r)
	}
	if !latin && (f.latin < 2*f.foreign || len(f.spare)-start < 3) {
		f.spare = f.spare[:start]
		return false
	}
	t.Text = unsafe.String(&f.spare[start], len(f.spare)-start)
	t.Hash, t.Letters = HashOf(t.Text), false
	t.Disguise |= Homoglyph
	return true
}

// mend takes off a disguise that leaves no doubt: a letter repeated three times or more is one, and a digit between letters is
// the letter that it looks most like.
func (f *Folded) mend(t *Token, p *place) {
	if p.marks&hasMask != 0 || p.marks&(hasRun|hasDigit) == 0 {
		return
	}
	s := t.Text
	leets := p.marks&hasDigit != 0 && between(s)
	if !leets && (p.marks&hasRun == 0 || same(s)) {
		return
	}
	start := len(f.spare)
	for i := 0; i < len(s); {
		r, w := utf8.DecodeRuneInString(s[i:])
		n := 1
		for i+n*w < len(s) && s[i:i+w] == s[i+n*w:min(len(s), i+(n+1)*w)] {
			n++
		}
		out := r
		if as := leet(r); leets && as != nil {
			out = as[0]
			t.Disguise |= Leet
		} else if n > 2 && !(r >= '0' && r <= '9') {
			i += (n - 1) * w
			t.Disguise |= Repeated
		}
		f.spare = utf8.AppendRune(f.spare, out)
		i += w
	}
	t.Text = unsafe.String(&f.spare[start], len(f.spare)-start)
	t.Hash, t.Letters = HashOf(t.Text), false
}

// between tells whether a digit, or two, stands between letters.
func between(s string) bool {
	for i := 1; i < len(s)-1; i++ {
		if digit(s[i]) && !digit(s[i-1]) && (!digit(s[i+1]) || i+2 < len(s) && !digit(s[i+2])) {
			return true
		}
	}
	return false
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// same tells whether s is one letter over and over.
func same(s string) bool {
	_, w := utf8.DecodeRuneInString(s)
	for i := w; i < len(s); i += w {
		if i+w > len(s) || s[i:i+w] != s[:w] {
			return false
		}
	}
	return true
}

// joinedReading offers the tokens first to last, with no space between them, as one word: p.ucko, id-iot, k🍆k, d!n.
func (f *Folded) joinedReading(first, last int) {
	if !f.joinable(first, last) {
		return
	}
	start := len(f.cells)
	d := Disguise(0)
	for i := first; i <= last; i++ {
		t := f.tokens[i]
		switch t.Kind {
		case Number:
			for _, r := range t.Text {
				f.cell(Cell{Alt: [4]rune{r}, N: 1, Min: 1, Max: 1})
			}
			continue
		case Symbol:
			if i > first && i < last {
				f.cell(Cell{Max: 1})
				d |= Emoji
			}
			continue
		}
		if i > first {
			d |= f.joint(i)
		}
		d |= f.spell(t.Text) | t.Disguise
		if len(f.cells)-start > maxCells {
			break
		}
	}
	if d == 0 {
		d = Punctuated
	}
	f.reading(first, last, start, d)
}

// joinable tells whether the tokens may be one word: words and emoji, or numbers only ("14/88").
func (f *Folded) joinable(first, last int) bool {
	var kinds [Hashtag + 1]int
	var between Gap
	for i := first; i <= last; i++ {
		kinds[f.tokens[i].Kind]++
		if i > first {
			between |= f.tokens[i].Before
		}
	}
	if kinds[Number] > 0 && (kinds[Number] <= last-first || between.Has(Stop|Comma|Colon)) { // a time, a date, a decimal
		return false
	}
	return kinds[Link]+kinds[Mention] == 0
}

// joint appends the cells of what stands between the tokens i-1 and i.
func (f *Folded) joint(i int) (d Disguise) {
	gap := f.buf[f.places[i-1].end:f.places[i].start]
	for len(gap) > 0 {
		r, w := utf8.DecodeRune(gap)
		gap = gap[w:]
		switch as := leet(r); {
		case as != nil:
			c := Cell{Min: 1, Max: 1}
			if r == '!' || r == '+' || r == '|' {
				c.Min = 0
			}
			c.N = uint8(copy(c.Alt[:], as))
			f.cell(c)
			d |= Leet
		case r == '-' && single(f.tokens[i-1], f.places[i-1]) && len(f.tokens[i].Text) <= 8: // j-vla, not T-centralen
			f.cell(Cell{Max: 2})
			d |= Masked
		default:
			d |= Punctuated
		}
	}
	return d
}
