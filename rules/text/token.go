package text

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
	"unsafe"
)

// class is what a character is to the tokeniser.
type class uint8

const (
	cOther class = iota
	cLetter
	cDigit
	cMask // * _ and the like
	cSymbol
)

// classes and gaps are what each ASCII character is, and what it makes of a gap.
var classes, gaps = func() (c [128]class, g [128]Gap) {
	for i := range c {
		b := byte(i)
		switch {
		case b >= 'a' && b <= 'z':
			c[i] = cLetter
		case b >= '0' && b <= '9':
			c[i] = cDigit
		case b == '*' || b == '_' || b == '#' || b == '%':
			c[i] = cMask
		}
		g[i] = Other
	}
	for _, x := range []struct {
		chars string
		gap   Gap
	}{{" ", Space}, {"\n", Space | Newline}, {",", Comma}, {".;", Stop}, {"?", Stop | Question}, {"!", Stop | Exclaim}, {":", Colon},
		{"\"", Quote}, {"'`", Apostrophe}, {"([{", Open}, {")]}", Close}, {"-", Hyphen}} {
		for _, r := range x.chars {
			g[r] = x.gap
		}
	}
	return c, g
}()

// classOf returns the class and length of the character at buf[i].
func (f *Folded) classOf(i int) (class, int) {
	c := f.buf[i]
	if c < utf8.RuneSelf {
		return classes[c], 1
	}
	if c == 0xC3 {
		if d := f.buf[i+1]; d == 0x97 || d == 0xB7 { // × and ÷
			return cOther, 2
		}
		return cLetter, 2
	}
	r, w := utf8.DecodeRune(f.buf[i:])
	switch {
	case r >= 0x1F000 && r < 0x20000:
		return cSymbol, w
	case unicode.IsLetter(r) || unicode.IsMark(r):
		return cLetter, w
	case unicode.IsDigit(r):
		return cDigit, w
	case r == '¤' || r == '§':
		return cMask, w
	case r >= 0x2190 && unicode.Is(unicode.So, r):
		return cSymbol, w
	}
	return cOther, w
}

// tokenise cuts buf into tokens.
func (f *Folded) tokenise() {
	var gap Gap
	kind := Word // what a # or @ just before makes of the next word
	for i := 0; i < len(f.buf); {
		if f.buf[i] == ' ' {
			gap, kind = gap|Space, Word
			i++
			continue
		}
		if kind == Word && (gap.Has(Space) || len(f.tokens) == 0) {
			if end := f.plainWord(i, gap); end > 0 {
				i, gap = end, 0
				continue
			}
		}
		c, w := cLetter, 1
		if f.buf[i]-'a' > 'z'-'a' {
			c, w = f.classOf(i)
		}
		switch c {
		case cLetter, cDigit:
			i = f.word(i, i, kind, gap)
			gap, kind = 0, Word
			continue
		case cSymbol:
			f.add(Symbol, gap, place{start: int32(i), end: int32(i + w)}, 0, false)
			gap = 0
		default:
			kind = Word
			next := cOther
			if i+w < len(f.buf) {
				next, _ = f.classOf(i + w)
			}
			switch f.buf[i] {
			case '#':
				if next == cLetter && (gap != 0 || len(f.tokens) == 0) {
					kind = Hashtag
				}
			case '@':
				if next == cLetter && (gap != 0 || len(f.tokens) == 0) {
					kind = Mention
				}
			case '*':
				if next == cLetter && gap&^Space == 0 && (gap != 0 || len(f.tokens) == 0) && !f.emphasis(i+1) {
					i = f.word(i, i+1, Word, gap)
					gap = 0
					continue
				}
			}
			if f.buf[i] < utf8.RuneSelf {
				gap |= gaps[f.buf[i]]
				if f.buf[i] == '>' && (len(f.tokens) == 0 && gap == Other || gap.Has(Newline)) {
					gap |= Quote
				}
			} else {
				gap |= Other
			}
		}
		i += w
	}
	f.after = gap
}

// emphasis tells whether the word at buf[i], with a star before it, has one after it as well.
func (f *Folded) emphasis(i int) bool {
	for i < len(f.buf) {
		c, w := f.classOf(i)
		if c != cLetter && c != cDigit {
			return f.buf[i] == '*'
		}
		i += w
	}
	return false
}

// word adds the word that starts at buf[start], whose letters start at from, and returns where it ends.
func (f *Folded) word(start, from int, kind Kind, gap Gap) int {
	p := place{start: int32(start)}
	if from > start {
		p.marks |= hasMask
	}
	f.from = from
	end, hash, letters := f.scan(from, &p.marks)
	if kind == Word && end < len(f.buf) && f.buf[end] != ' ' {
		if e := f.link(start, end); e > 0 {
			end, kind = e, Link
		}
	}
	if kind == Word && p.marks&hasLetter == 0 {
		kind = Number
	}
	p.end = int32(end)
	f.add(kind, gap, p, hash, letters && kind != Link && start == from)
	return end
}

// scan goes through a word from buf[i], notes what there is to see, and returns where it ends. A word of nothing but ASCII letters and
// those of Latin-1, as nearly all are, gets its hash on the way.
func (f *Folded) scan(from int, m *mark) (end int, hash Hash, letters bool) {
	buf, seen, i := f.buf, hasLetter, from
	for last, run := uint16(0), 0; i < len(buf); {
		c, now := buf[i], uint16(0)
		if c-'a' <= 'z'-'a' {
			now = uint16(c)
			i++
		} else if c == 0xC3 && buf[i+1] != 0x97 && buf[i+1] != 0xB7 {
			if now = 0xC300 | uint16(buf[i+1]); now != 0xC3A5 && now != 0xC3A4 && now != 0xC3B6 {
				seen |= hasVariant
			}
			i += 2
		} else if c < utf8.RuneSelf && endsWord[c] {
			break
		} else {
			end = f.scanOdd(from, m)
			return end, HashOf(buf[from:i]), end == i && i > from
		}
		if now != last {
			last, run = now, 0
		} else if run++; run >= 2 {
			seen |= hasRun
		} else if vowel(now) {
			seen |= hasDouble
		}
	}
	*m |= seen
	return i, HashOf(buf[from:i]), true
}

// endsWord has the ASCII characters after which no word goes on.
var endsWord = func() (t [128]bool) {
	for c := range t {
		t[c] = classes[c] == cOther && c != '\'' && c != ':'
	}
	return t
}()

// scanOdd is scan for any word.
func (f *Folded) scanOdd(i int, m *mark) int {
	buf := f.buf
	var last, run = uint16(0), 0
	for i < len(buf) {
		c := buf[i]
		var now uint16
		if c < utf8.RuneSelf {
			switch classes[c] {
			case cLetter:
				*m |= hasLetter
			case cDigit:
				*m |= hasDigit
			default:
				if c != '\'' && c != ':' && classes[c] != cMask {
					return i
				}
				e := f.inner(i, m)
				if e == 0 {
					return i
				}
				i, last, run = e, 0, 0
				continue
			}
			now = uint16(c)
			i++
		} else if c == 0xC3 && buf[i+1] != 0x97 && buf[i+1] != 0xB7 {
			*m |= hasLetter
			now = 0xC300 | uint16(buf[i+1])
			if now != 'å'-0xE5+0xC3A5 && now != 0xC3A4 && now != 0xC3B6 {
				*m |= hasVariant
			}
			i += 2
		} else {
			k, w := f.classOf(i)
			switch k {
			case cLetter:
				*m |= hasLetter
				if r, _ := utf8.DecodeRune(buf[i:]); unicode.Is(unicode.Latin, r) {
					*m |= hasVariant
				} else {
					*m |= hasForeign
				}
			case cDigit:
				*m |= hasDigit
			case cMask:
				e := f.inner(i, m)
				if e == 0 {
					return i
				}
				i, last, run = e, 0, 0
				continue
			default:
				return i
			}
			i += w
		}
		if now != 0 && now == last {
			if run++; run >= 2 {
				*m |= hasRun
			} else if vowel(now) {
				*m |= hasDouble
			}
		} else {
			run = 0
		}
		last = now
	}
	return i
}

func vowel(c uint16) bool {
	switch c {
	case 'a', 'e', 'i', 'o', 'u', 'y', 0xC3A5, 0xC3A4, 0xC3B6:
		return true
	}
	return false
}

// inner tells whether the sign at buf[i], after a letter, belongs inside the word (an apostrophe, a colon before an ending, masking
// characters), and returns where the word goes on, or 0.
func (f *Folded) inner(i int, m *mark) int {
	if *m&(hasLetter|hasDigit) == 0 {
		return 0
	}
	if f.buf[i] == '\'' || f.buf[i] == ':' {
		if i+1 < len(f.buf) {
			if c, _ := f.classOf(i + 1); c == cLetter && (f.buf[i] == '\'' || f.ending(i+1)) {
				if f.buf[i] == ':' {
					*m |= hasColon
				}
				return i + 1
			}
		}
		return 0
	}
	n := 0
	for i < len(f.buf) {
		c, w := f.classOf(i)
		switch {
		case c == cMask && n < 8:
			n++
			i += w
			continue
		case c == cLetter && *m&hasLetter != 0:
			*m |= hasMask
			return i
		}
		return f.masksEnd(i, n, m)
	}
	return f.masksEnd(i, n, m)
}

// masksEnd tells whether n masking characters up to buf[i] end a word (fit**, sl* ihjäl): stars after two letters or more, with a
// space after a single one, and no star before the word.
func (f *Folded) masksEnd(i, n int, m *mark) int {
	if *m&hasLetter == 0 || n < 1 || f.buf[i-1] != '*' || f.from > 0 && f.buf[f.from-1] == '*' {
		return 0
	}
	if n == 1 {
		if i-f.from < 3 || i == len(f.buf) || f.buf[i] != ' ' {
			return 0
		}
		*m |= hasStar
		return i
	}
	*m |= hasMask
	return i
}

// ending tells whether at buf[i] there stand one to three letters and then no more, as in 172:an and SL:s.
func (f *Folded) ending(i int) bool {
	n := 0
	for i < len(f.buf) {
		c, w := f.classOf(i)
		if c == cDigit {
			return false
		}
		if c != cLetter {
			break
		}
		n++
		i += w
	}
	return n <= 3
}

// link tells whether buf[start:], whose first word ends at end, looks like an address on the net, and returns where it ends, or 0.
func (f *Folded) link(start, end int) int {
	if end+1 >= len(f.buf) {
		return 0
	}
	switch f.buf[end] {
	case ':':
		if end+2 < len(f.buf) && f.buf[end+1] == '/' && f.buf[end+2] == '/' {
			return f.linkEnd(end + 2)
		}
		return 0
	case '@', '.':
		if f.buf[end+1] == ' ' || f.buf[end+1] == '\n' {
			return 0
		}
	default:
		return 0
	}
	if end < f.linkless { // a part of what was no link is none
		return 0
	}
	stop := f.hostEnd(end)
	f.linkless = stop
	host := f.str(int32(start), int32(stop))
	at := strings.LastIndexByte(host, '@')
	dot := strings.LastIndexByte(host, '.')
	if dot < 1 || dot < at || dot+2 >= len(host) {
		return 0
	}
	top, _, _ := strings.Cut(host[dot+1:], ":")
	path := stop < len(f.buf) && f.buf[stop] == '/'
	if !(path || at > 0 || topDomain(top) || strings.HasPrefix(host, "www.")) || strings.Trim(top, "abcdefghijklmnopqrstuvwxyz") != "" {
		return 0
	}
	if path {
		return f.linkEnd(stop)
	}
	return stop
}

// longestHost is how far it is looked for the end of a host: a name may have 253 characters.
const longestHost = 253

// hostEnd is where the host that goes on at i ends, less the punctuation after it.
func (f *Folded) hostEnd(i int) int {
	end, most := i, min(len(f.buf), i+longestHost)
	for end < most && f.buf[end] != ' ' && f.buf[end] != '\n' && f.buf[end] != '/' && f.buf[end] != '?' {
		end++
	}
	return f.trimmed(i, end)
}

// linkEnd is where what stands at i without a space ends, less the punctuation after it.
func (f *Folded) linkEnd(i int) int {
	end := i
	for end < len(f.buf) && f.buf[end] != ' ' && f.buf[end] != '\n' {
		end++
	}
	return f.trimmed(i, end)
}

func (f *Folded) trimmed(i, end int) int {
	for end > i && strings.IndexByte(".,;:!?)\"'", f.buf[end-1]) >= 0 {
		end--
	}
	return end
}

// topDomain knows the top domains that are usual in Swedish comments; others are taken for links when they have more of a link's looks.
func topDomain(s string) bool {
	switch s {
	case "se", "com", "nu", "org", "net", "info", "eu", "io", "me", "no", "dk", "fi", "de", "uk", "ru", "biz", "app", "shop", "online",
		"site", "xyz", "club", "live", "tv", "ly", "gl", "gg", "co", "dev", "news", "blog", "link", "top", "store", "life", "cc", "to":
		return true
	}
	return false
}

// add appends a token, and notes what asks for a second look. Of a token of letters the hash is known.
func (f *Folded) add(kind Kind, gap Gap, p place, hash Hash, letters bool) {
	t := f.next()
	t.Kind, t.Before, t.Hash, t.Letters, t.Word, t.Title, t.Upper = kind, gap, hash, letters, 0, false, false
	if len(f.anchors) == 0 { // see span
		t.Span.Start, t.Span.End, t.Disguise = int(p.start), int(p.end), 0
	} else {
		t.Span, t.Disguise = f.span(p.start, p.end)
	}
	t.Text = f.str(p.start, p.end)
	if !t.Before.Has(Space) && len(f.tokens) > 1 {
		p.marks |= joined
	}
	if t.Kind == Word || t.Kind == Hashtag || t.Kind == Mention {
		if f.original[t.Span.Start]-'a' > 'z'-'a' {
			if t.Title, t.Upper = capitals(f.original[t.Span.Start:t.Span.End]); t.Title && !t.Upper {
				p.marks &^= hasDouble // names: Aas, Meena
			}
		}
		if p.marks&(hasStar|hasColon) != 0 {
			t.trim(p.marks)
		}
		if p.marks&hasForeign != 0 {
			f.foreign++
		} else {
			f.latin++
		}
	}
	if !t.Letters {
		t.Hash = HashOf(t.Text)
	}
	if (t.Kind == Word || t.Kind == Number) && (p.end-p.start == 1 || p.end-p.start == 2 && f.buf[p.start] >= utf8.RuneSelf) {
		if f.singles++; f.singles >= 3 {
			f.spaced = true
		}
	} else {
		f.singles = 0
	}
	f.places = append(f.places, p)
	if f.strange(t, &p) {
		f.odd++
	}
}

// next makes room for a token, all of whose fields are to be set: to put them there one by one is much quicker than to copy a whole token.
func (f *Folded) next() *Token {
	n := len(f.tokens)
	if n == cap(f.tokens) {
		f.tokens = slices.Grow(f.tokens, 1)
	}
	f.tokens = f.tokens[:n+1]
	return &f.tokens[n]
}

// trim takes off the star and the ending after a colon that a word was seen to have.
func (t *Token) trim(m mark) {
	if m&hasStar != 0 {
		t.Text = strings.TrimSuffix(t.Text, "*")
	}
	if m&hasColon != 0 && m&hasMask == 0 {
		t.Text = t.Text[:strings.IndexByte(t.Text, ':')]
		if strings.Trim(t.Text, "0123456789") == "" {
			t.Kind = Number
		}
	}
}

// strange tells whether a token may say something else than its text.
func (f *Folded) strange(t *Token, p *place) bool {
	if t.Kind == Link || t.Kind == Number && p.marks&joined == 0 {
		return false
	}
	if p.marks&(hasMask|hasStar|hasRun|hasDouble|hasVariant|hasForeign|joined) != 0 {
		return true
	}
	if p.marks&hasDigit != 0 && p.marks&hasLetter != 0 {
		return true
	}
	before, after := f.beside(p)
	return before != 0 || after != 0
}

// capitals tells whether a word begins with a capital, and whether it is all capitals.
func capitals(s string) (title, upper bool) {
	letters := 0
	for i, r := range s {
		if r < utf8.RuneSelf {
			if r >= 'a' && r <= 'z' {
				return title, false
			}
			if r >= 'A' && r <= 'Z' {
				letters++
				title = title || i == 0
			}
			continue
		}
		if unicode.IsLower(r) {
			return title, false
		}
		if unicode.IsUpper(r) {
			letters++
			title = title || i == 0
		}
	}
	return title, letters >= 2
}

// joinSpaced puts words together that were written with single letters: at least three in a row. A gap of another width than most
// parts words.
func (f *Folded) joinSpaced() {
	tokens, places := f.tokens[:0], f.places[:0]
	all, spots := f.tokens, f.places
	f.odd = 0
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && single(all[j], spots[j]) && (j == i || spots[j].start-spots[j-1].end <= 4) {
			j++
		}
		if j-i < 3 {
			j = i + 1
			tokens, places = append(tokens, all[i]), append(places, spots[i])
			if f.strange(&all[i], &spots[i]) {
				f.odd++
			}
			i = j
			continue
		}
		usual := usualGap(spots[i:j])
		for i < j {
			e := i + 1
			for e < j && spots[e].start-spots[e-1].end == usual && (e == i+1 || all[e].Before.Has(Space) == all[i+1].Before.Has(Space)) {
				e++
			}
			t, p := f.joinLetters(all[i:e], spots[i:e])
			tokens, places = append(tokens, t), append(places, p)
			if f.strange(&t, &p) {
				f.odd++
			}
			i = e
		}
	}
	f.tokens, f.places = tokens, places
}

// usualGap is how wide most of the gaps are; the narrowest, when several are as many.
func usualGap(places []place) int32 {
	var count [5]int
	for i := 1; i < len(places); i++ {
		count[places[i].start-places[i-1].end]++
	}
	best := 1
	for w := range count {
		if count[w] > count[best] || best == 0 && count[w] == count[best] {
			best = w
		}
	}
	return int32(best)
}

func single(t Token, p place) bool {
	if t.Kind != Word && t.Kind != Number {
		return false
	}
	return p.end-p.start == 1 || p.end-p.start == 2 && len(t.Text) == 2 && t.Text[0] >= utf8.RuneSelf
}

// joinLetters makes one token of single letters.
func (f *Folded) joinLetters(tokens []Token, places []place) (Token, place) {
	t, p := tokens[0], places[0]
	if len(tokens) == 1 {
		return t, p
	}
	start := len(f.spare)
	var m mark
	for i, x := range tokens {
		f.spare = append(f.spare, x.Text...)
		m |= places[i].marks &^ joined
		t.Disguise |= x.Disguise
		t.Upper = t.Title && x.Title
		if i > 0 {
			if x.Before.Has(Space) {
				t.Disguise |= Spaced
			}
			if x.Before&^(Space|Newline) != 0 {
				t.Disguise |= Punctuated
			}
		}
	}
	t.Text = unsafe.String(&f.spare[start], len(f.spare)-start)
	t.Hash, t.Letters = HashOf(t.Text), false
	t.Span.End = tokens[len(tokens)-1].Span.End
	if t.Kind = Word; m&hasLetter == 0 {
		t.Kind = Number
	}
	p.marks = p.marks&joined | m
	p.end = places[len(places)-1].end
	return t, p
}
