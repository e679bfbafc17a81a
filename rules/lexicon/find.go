package lexicon

import (
	"slices"
	"unicode/utf8"

	"takhojd/rules/text"
)

// Find appends the terms in f to into, in order of their first tokens, and returns it. A disguised stretch that may be several
// terms gives them all. In the tokens it notes their numbers in [Lexicon.Words]. Its time is linear in the
// length of the text, and it allocates nothing but what into lacks.
func (l *Lexicon) Find(f *text.Folded, into []Match) []Match {
	s := search{l: l, tokens: f.Tokens(), readings: f.Readings(), out: into}
	for i := range s.tokens { // all at once: the processor need not wait for one to begin with the next
		s.tokens[i].Word = l.look(s.tokens[i].Hash)
	}
	for i := range s.tokens {
		if k := s.tokens[i].Kind; k == text.Link || k == text.Mention || i < s.innocent {
			s.skip(i)
			continue
		}
		s.token(i)
	}
	return s.out
}

// Form is the form of the term that was found; SeenAs of [rules.Finding] when there was a disguise.
func (l *Lexicon) Form(m *Match) string { return l.hits[m.hit].form }

// search is the state of one Find.
type search struct {
	l        *Lexicon
	tokens   []text.Token
	readings []text.Reading // those whose first token has not come yet
	out      []Match
	steps    int // taken in readings, for the whole text
	innocent int // the tokens before this one are of an innocent phrase, or done
	spelt    candidates
}

func (s *search) skip(i int) {
	for len(s.readings) > 0 && s.readings[0].First <= i {
		s.readings = s.readings[1:]
	}
}

// spare takes back what was found in the tokens from first up to last, which are an innocent phrase.
func (s *search) spare(first, last int) {
	for len(s.out) > 0 && int(s.out[len(s.out)-1].First) >= first {
		s.out = s.out[:len(s.out)-1]
	}
	s.innocent = max(s.innocent, last+1)
}

// token finds what token i is, and what starts with it.
func (s *search) token(i int) {
	t := &s.tokens[i]
	id, whole, barren := t.Word, false, false
	if id > 0 {
		x := &s.l.words[id-1]
		if whole = x.n > 0; whole {
			s.emitWord(x, i, i, t.Disguise, Standalone)
		}
		barren = x.barren
		if x.start > 0 && s.leads(x, i+1) {
			s.follow(i, i+1, x.start, t.Disguise, 0)
		}
	}
	if i < s.innocent {
		s.skip(i)
		return
	}
	if id == 0 && t.Kind == text.Word {
		s.apart(i)
	}
	if !whole && !barren && id >= 0 && len(t.Text) >= 4 && t.Kind != text.Number {
		s.compound(t.Text, i)
		if t.Disguise.Has(text.Spaced|text.Punctuated) && id == 0 {
			s.segment(t, i)
		}
	}
	for len(s.readings) > 0 && s.readings[0].First == i {
		r := &s.readings[0]
		s.readings = s.readings[1:]
		if !whole || r.Last > i && len(t.Text) < 4 || r.Disguise.Has(text.Masked) {
			s.reading(r)
		}
	}
}

// apart finds the term that the tokens i and i+1 are together, when neither is one by itself: "hel vete", "puc kona". The two
// together have six bytes or more.
func (s *search) apart(i int) {
	if i+1 >= len(s.tokens) {
		return
	}
	first, t := &s.tokens[i], &s.tokens[i+1]
	if t.Word != 0 || t.Before != text.Space || t.Kind != text.Word || len(t.Text) < 2 || len(first.Text)+len(t.Text) < 6 {
		return
	}
	if id := s.l.look(text.HashOfBoth(first.Text, t.Text)); id > 0 {
		s.emitWord(&s.l.words[id-1], i, i+1, text.Spaced|first.Disguise|t.Disguise, Standalone)
	}
}

// compound finds the terms that w, which is none itself, begins and ends with; and what is between them, if that is a term.
func (s *search) compound(w string, i int) {
	rest, mod := w, s.l.modifier(w)
	for range 3 {
		at, id := s.l.ending(rest)
		if id == 0 {
			break
		}
		s.emitPart(id, i, Head, s.tokens[i].Disguise)
		rest = rest[:at]
	}
	if mod > 0 && mod <= len(rest) {
		s.modifiers(rest, mod, i)
	} else if len(rest) < len(w) && len(rest) >= 4 {
		s.rest(rest, i, Modifier)
	}
}

// modifier is how long the longest modifier is that w begins with: it must leave two bytes or more to the rest of the word.
func (l *Lexicon) modifier(w string) (mod int) {
	n, t := int32(0), &l.mods
	for k := 0; k < len(w); k++ {
		if n = t.child(n, w[k]); n == 0 {
			break
		}
		switch p := t.nodes[n].part; {
		case p&spares != 0:
			mod = 0
		case p&begins != 0 && k+3 < len(w):
			mod = k + 1
		}
	}
	return mod
}

// ending finds the longest head that w ends in, with at least two bytes before it: where it begins, and its number and 1.
func (l *Lexicon) ending(w string) (at int, id int32) {
	n, t := int32(0), &l.back
	for k := len(w) - 1; k >= 0; k-- {
		if n = t.child(n, w[k]); n == 0 {
			break
		}
		switch x := &t.nodes[n]; {
		case x.part&spares != 0:
			id = 0
		case x.part&begins != 0 && k >= 2:
			at, id = k, x.word
		}
	}
	return at, id
}

// modifiers emits the terms that w begins with, the first of which is mod bytes long, and looks at what is left.
func (s *search) modifiers(w string, mod, i int) {
	for range 4 {
		if id := s.l.id(w[:mod]); id > 0 {
			s.emitPart(id, i, Modifier, s.tokens[i].Disguise)
		}
		if w = w[mod:]; len(w) > 4 && w[0] == 's' && s.l.id(w[1:]) > 0 {
			w = w[1:]
		}
		if s.l.id(w) != 0 {
			break
		}
		if mod = s.l.modifier(w); mod == 0 {
			break
		}
	}
	if len(w) >= 4 {
		s.rest(w, i, Head)
	}
}

// rest emits the term that the rest of a compound is as a whole word.
func (s *search) rest(w string, i int, c Compound) {
	id := s.l.id(w)
	if id <= 0 && len(w) > 4 && w[len(w)-1] == 's' {
		id = s.l.id(w[:len(w)-1])
	}
	if id > 0 {
		s.emitWord(&s.l.words[id-1], i, i, s.tokens[i].Disguise, c)
	}
}

// segment takes a word that was written with spaces between all its letters, and not only between its words, for a row of terms:
// the fewest that fill it, each of two letters or more and one of four or more.
func (s *search) segment(t *text.Token, i int) {
	const most = 64
	w := t.Text
	if len(w) > most {
		return
	}
	var best [most + 1]struct{ words, from, longest int16 }
	var ids [most + 1]int32
	best[0].words = 1
	for k := range len(w) {
		if best[k].words == 0 {
			continue
		}
		n := int32(0)
		for e := k; e < len(w); e++ {
			if n = s.l.fore.child(n, w[e]); n == 0 {
				break
			}
			id := s.l.fore.nodes[n].word
			if id == 0 || e == k || s.l.words[id-1].n == 0 {
				continue
			}
			if b := &best[e+1]; b.words == 0 || b.words > best[k].words+1 {
				b.words, b.from, b.longest = best[k].words+1, int16(k), max(best[k].longest, int16(e+1-k))
				ids[e+1] = id
			}
		}
	}
	if best[len(w)].words == 0 || best[len(w)].longest < 4 {
		return
	}
	var row []int32
	for e := len(w); e > 0; e = int(best[e].from) {
		row = append(row, ids[e])
	}
	for k := len(row) - 1; k >= 0; k-- {
		s.emitWord(&s.l.words[row[k]-1], i, i, t.Disguise, Standalone)
	}
}

// emitPart emits those terms of a word that may stand in that place of a compound.
func (s *search) emitPart(id int32, i int, c Compound, d text.Disguise) {
	x := &s.l.words[id-1].entry
	for k := x.from; k < x.from+uint32(x.n); k++ {
		if s.l.hits[k].compound&c != 0 {
			s.emit(k, i, i, d, c)
		}
	}
}

// emitWord emits the terms that a word is.
func (s *search) emitWord(w *word, first, last int, d text.Disguise, c Compound) {
	if w.n == 1 { // as nearly always: nothing but the word need be looked at
		m := s.next()
		m.hit, m.Value, m.First, m.Last, m.Disguise, m.Compound = w.from, w.value, int32(first), int32(last), d, c
		return
	}
	s.emitAll(&w.entry, first, last, d, c)
}

func (s *search) emitAll(x *entry, first, last int, d text.Disguise, c Compound) {
	for k := x.from; k < x.from+uint32(x.n); k++ {
		s.emit(k, first, last, d, c)
	}
}

// emit emits hit k.
func (s *search) emit(k uint32, first, last int, d text.Disguise, c Compound) {
	m := s.next()
	m.hit, m.Value, m.First, m.Last, m.Disguise, m.Compound = k, s.l.values[k], int32(first), int32(last), d, c
}

// next makes room for a match, all of whose fields are to be set.
func (s *search) next() *Match {
	n := len(s.out)
	if n == cap(s.out) {
		s.out = slices.Grow(s.out, 1)
	}
	s.out = s.out[:n+1]
	return &s.out[n]
}

// leads tells whether a phrase that w begins may go on with token next.
func (s *search) leads(w *word, next int) bool {
	if next >= len(s.tokens) {
		return false
	}
	t := &s.tokens[next]
	switch {
	case t.Kind == text.Symbol || len(s.readings) > 0:
		return true
	case t.Word <= 0 || t.Before.Has(text.Stop|text.Newline):
		return false
	}
	return w.after>>(t.Word&63)&1 != 0
}

// follow goes on from a node of the tree of phrases, whose words so far take up the tokens from first up to next. Every phrase
// on the way is found. A phrase does not go over the end of a sentence, but over emoji.
func (s *search) follow(first, next int, node int32, d text.Disguise, depth int) {
	if depth > 0 && s.l.ended[node/64]&(1<<(node%64)) != 0 {
		x := &s.l.ends[node]
		if x.innocent {
			s.spare(first, next-1)
			return
		}
		s.emitAll(x, first, next-1, d, Standalone)
	}
	for next < len(s.tokens) && s.tokens[next].Kind == text.Symbol {
		next++
	}
	if next >= len(s.tokens) || s.tokens[next].Before.Has(text.Stop|text.Newline) {
		return
	}
	if id := s.tokens[next].Word; id > 0 {
		if n := s.l.phrases.get(node, id); n > 0 {
			s.follow(first, next+1, n, d|s.tokens[next].Disguise, depth+1)
			return
		}
	}
	for k := range s.readings {
		r := &s.readings[k]
		if r.First > next {
			break
		}
		if r.First == next {
			c := s.spellings(r)
			for _, id := range c.words[:c.n] {
				if n := s.l.phrases.get(node, id); n > 0 {
					s.follow(first, r.Last+1, n, d|r.Disguise, depth+1)
				}
			}
		}
	}
}

// Bounds on the work on readings, for one and for a whole text: past them, the rest of a hostile text is matched by its plain
// reading only.
const (
	stepsOfReading = 3_000
	stepsOfText    = 60_000
)

// candidates are the words that a reading may be.
type candidates struct {
	of       *text.Reading
	words    [12]int32 // number and 1
	mods     [4]int32
	heads    [4]int32
	n, m, h  int
	strain   int // of the words: by how many letters the gaps in them differ from what is most likely
	innocent bool
	budget   int
}

// reading emits what a disguised stretch may be: whole words, or else the parts of compounds.
func (s *search) reading(r *text.Reading) {
	c := s.spellings(r)
	for _, id := range c.words[:c.n] {
		w := &s.l.words[id-1]
		s.emitWord(w, r.First, r.Last, r.Disguise, Standalone)
		if w.start > 0 {
			s.follow(r.First, r.Last+1, w.start, r.Disguise, 0)
		}
	}
	if c.n > 0 || c.innocent || r.Last > r.First || s.steps > stepsOfText || !r.Disguise.Has(^text.Homoglyph) {
		return
	}
	c.budget = stepsOfReading
	s.endings(r.Cells, len(r.Cells)-1, 0, 0, 0, &c)
	s.steps += stepsOfReading - c.budget
	for _, id := range c.heads[:c.h] {
		s.emitPart(id, r.First, Head, r.Disguise)
	}
	for _, id := range c.mods[:c.m] {
		s.emitPart(id, r.First, Modifier, r.Disguise)
	}
}

// spellings finds the words that a reading may be. What it found last it remembers: a phrase that comes up to a reading asks, and then the
// reading itself. Either pays the steps.
func (s *search) spellings(r *text.Reading) candidates {
	if s.steps > stepsOfText {
		return candidates{}
	}
	c := &s.spelt
	if c.of != r {
		*c = candidates{of: r, budget: stepsOfReading}
		s.spell(r.Cells, 0, 0, 0, 0, 0, c)
	}
	s.steps += stepsOfReading - c.budget
	return *c
}

// spell goes down the trie from n by the cells from k on, of which the first has already stood used times. sure is by how many
// letters those that are written outnumber those that are guessed. Of the words, only those with the least strain are kept.
func (s *search) spell(cells []text.Cell, k, used, sure, strain int, n int32, c *candidates) {
	if c.budget--; c.budget < 0 {
		return
	}
	t := &s.l.fore
	x := &t.nodes[n]
	if k == len(cells) {
		c.innocent = c.innocent || x.part&innocentWord != 0
		if x.word > 0 && x.part&innocentWord == 0 && sure >= -2 {
			if strain < c.strain || c.n == 0 {
				c.n, c.strain = 0, strain
			}
			if strain == c.strain {
				c.words[c.n] = x.word
				c.n += add(c.words[:], c.n)
			}
		}
		return
	}
	if x.part&begins != 0 && sure >= 2 && len(cells)-k >= 2 {
		c.mods[c.m] = x.word
		c.m += add(c.mods[:], c.m)
	}
	cell := &cells[k]
	if used >= int(cell.Min) {
		more := 0
		if cell.N == 0 {
			more = max(used-int(cell.Max)+1, int(cell.Max)-1-used)
		}
		s.spell(cells, k+1, 0, sure, strain+more, n, c)
	}
	if used == int(cell.Max) {
		return
	}
	if cell.N == 0 {
		for m := x.first; m < x.first+int32(x.count); m++ {
			if t.labels[m] < utf8.RuneSelf {
				s.spell(cells, k, used+1, sure-1, strain, m, c)
				continue
			}
			for j := t.nodes[m].first; j < t.nodes[m].first+int32(t.nodes[m].count); j++ {
				s.spell(cells, k, used+1, sure-1, strain, j, c)
			}
		}
		return
	}
	for _, r := range cell.Alt[:cell.N] {
		if m := t.down(n, r); m > 0 {
			s.spell(cells, k, used+1, sure+1, strain, m, c)
		}
	}
}

// endings goes down the trie from behind by the cells from k down.
func (s *search) endings(cells []text.Cell, k, used, sure int, n int32, c *candidates) {
	if c.budget--; c.budget < 0 || k < 1 {
		return
	}
	t := &s.l.back
	x := &t.nodes[n]
	if x.part&begins != 0 && sure >= 2 {
		c.heads[c.h] = x.word
		c.h += add(c.heads[:], c.h)
	}
	cell := &cells[k]
	if used >= int(cell.Min) {
		s.endings(cells, k-1, 0, sure, n, c)
	}
	if used == int(cell.Max) {
		return
	}
	if cell.N == 0 {
		for m := x.first; m < x.first+int32(x.count); m++ {
			if t.labels[m] < utf8.RuneSelf {
				s.endings(cells, k, used+1, sure-1, m, c)
				continue
			}
			for j := t.nodes[m].first; j < t.nodes[m].first+int32(t.nodes[m].count); j++ {
				s.endings(cells, k, used+1, sure-1, j, c)
			}
		}
		return
	}
	for _, r := range cell.Alt[:cell.N] {
		if m := t.up(n, r); m > 0 {
			s.endings(cells, k, used+1, sure+1, m, c)
		}
	}
}

// add tells by 1 that the number just put at list[n] is kept: it is new, and there is room for another.
func add(list []int32, n int) int {
	for _, x := range list[:n] {
		if x == list[n] {
			return 0
		}
	}
	if n+1 == len(list) {
		return 0
	}
	return 1
}

// down goes down by the bytes of r, up by the same from the last to the first.
func (t *trie) down(n int32, r rune) int32 {
	if r < utf8.RuneSelf {
		return t.child(n, byte(r))
	}
	var b [4]byte
	for _, x := range b[:utf8.EncodeRune(b[:], r)] {
		if n = t.child(n, x); n == 0 {
			return 0
		}
	}
	return n
}

func (t *trie) up(n int32, r rune) int32 {
	var b [4]byte
	for k := utf8.EncodeRune(b[:], r) - 1; k >= 0; k-- {
		if n = t.child(n, b[k]); n == 0 {
			return 0
		}
	}
	return n
}
