package lexicon

import (
	"unicode/utf8"

	"takhojd/rules/text"
)

// Find appends the terms in f to into, in order of their first tokens, and returns it. A disguised stretch that may be several
// terms gives them all. It allocates nothing but what into lacks.
func (l *Lexicon) Find(f *text.Folded, into []Match) []Match {
	s := search{l: l, f: f, tokens: f.Tokens(), readings: f.Readings(), out: into}
	for i := range s.tokens {
		switch s.tokens[i].Kind {
		case text.Link, text.Mention:
			s.skip(i)
		default:
			s.token(i)
		}
	}
	return s.out
}

// search is the state of one Find.
type search struct {
	l        *Lexicon
	f        *text.Folded
	tokens   []text.Token
	readings []text.Reading // those whose first token has not come yet
	out      []Match
	steps    int // taken in readings, for the whole text
}

func (s *search) skip(i int) {
	for len(s.readings) > 0 && s.readings[0].First <= i {
		s.readings = s.readings[1:]
	}
}

// token finds what token i is, and what starts with it.
func (s *search) token(i int) {
	t := &s.tokens[i]
	id := s.lookup(t.Text, i)
	if id > 0 && s.l.words[id-1].starts {
		s.phrase(i, i+1, id, t.Disguise)
	}
	found := id > 0 && len(s.l.words[id-1].hits) > 0
	for len(s.readings) > 0 && s.readings[0].First == i {
		r := s.readings[0]
		s.readings = s.readings[1:]
		if !found || r.Last > i && len(t.Text) < 4 {
			s.reading(r)
		}
	}
}

// lookup matches a whole word or, failing that, compounds, and returns the word's number and 1, or 0.
func (s *search) lookup(w string, i int) int32 {
	id, mod := s.l.walk(w)
	if id > 0 {
		if hits := s.l.words[id-1].hits; len(hits) > 0 {
			s.emit(hits, i, i, s.tokens[i].Disguise, Standalone)
		}
		return id
	}
	if id < 0 || len(w) < 4 || s.tokens[i].Kind == text.Number {
		return 0
	}
	head := s.heads(w, i)
	if mod > 0 && mod <= head {
		s.modifiers(w[:head], mod, i)
	} else if head < len(w) && head >= 4 {
		s.rest(w[:head], i, Modifier)
	}
	return 0
}

// walk goes down the trie by w. It returns the number of the word and 1, or -1 for an innocent one; and how long the longest
// beginning is that is a modifier.
func (l *Lexicon) walk(w string) (id int32, mod int) {
	n := int32(0)
	for k := 0; k < len(w); k++ {
		if n = l.fore.child(n, w[k]); n == 0 {
			return 0, mod
		}
		switch p := l.fore.nodes[n].part; {
		case p&spares != 0:
			mod = 0
		case p&begins != 0 && k+3 < len(w):
			mod = k + 1
		}
	}
	switch x := l.fore.nodes[n]; {
	case x.word > 0:
		return x.word, mod
	case x.part&innocentWord != 0:
		return -1, 0
	}
	return 0, mod
}

// heads emits the terms that w ends in, outermost first, and returns where the first of them begins.
func (s *search) heads(w string, i int) int {
	for depth := 0; depth < 3; depth++ {
		at, id := s.l.ending(w)
		if id == 0 {
			break
		}
		s.emitPart(id, i, Head, s.tokens[i].Disguise)
		w = w[:at]
	}
	return len(w)
}

// ending finds the longest head that w ends in with at least two bytes before it: where it begins, and its number and 1.
func (l *Lexicon) ending(w string) (at int, id int32) {
	n := int32(0)
	for k := len(w) - 1; k >= 0; k-- {
		if n = l.back.child(n, w[k]); n == 0 {
			break
		}
		switch x := &l.back.nodes[n]; {
		case x.part&spares != 0:
			id = 0
		case x.part&begins != 0 && k >= 2:
			at, id = k, x.word
		}
	}
	return at, id
}

// modifiers emits the terms that w begins with, the longest of which is mod bytes long, and looks at what is left.
func (s *search) modifiers(w string, mod, i int) {
	for depth := 0; depth < 4 && mod > 0; depth++ {
		id, _ := s.l.walk(w[:mod])
		if id > 0 {
			s.emitPart(id, i, Modifier, s.tokens[i].Disguise)
		}
		w = w[mod:]
		if len(w) > 4 && w[0] == 's' {
			if id, _ := s.l.walk(w[1:]); id > 0 {
				w = w[1:]
			}
		}
		if id, mod = s.l.walk(w); id > 0 {
			break
		}
	}
	if len(w) >= 4 {
		s.rest(w, i, Head)
	}
}

// rest emits the term that the rest of a compound is as a whole word.
func (s *search) rest(w string, i int, c Compound) {
	id, _ := s.l.walk(w)
	if id == 0 && len(w) > 4 && (w[len(w)-1] == 's' || w[len(w)-1] == '-') {
		id, _ = s.l.walk(w[:len(w)-1])
	}
	if id > 0 {
		s.emit(s.l.words[id-1].hits, i, i, s.tokens[i].Disguise, c)
	}
}

// emitPart emits those terms of a word that may stand in that place of a compound.
func (s *search) emitPart(id int32, i int, c Compound, d text.Disguise) {
	hits := s.l.words[id-1].hits
	for k := range hits {
		if hits[k].compound&c != 0 {
			s.emit(hits[k:k+1], i, i, d, c)
		}
	}
}

func (s *search) emit(hits []hit, first, last int, d text.Disguise, c Compound) {
	for _, h := range hits {
		s.out = append(s.out, Match{Term: int(h.term), Value: s.l.values[h.term], First: first, Last: last, Form: h.form, Disguise: d, Compound: c,
			Span: text.Span{Start: s.tokens[first].Span.Start, End: s.tokens[last].Span.End}})
	}
}

// phrase looks for phrases whose first word, id, stands at token first; what follows is looked for from next on.
func (s *search) phrase(first, next int, id int32, d text.Disguise) {
	if node := s.l.phrases[step{0, id - 1}]; node > 0 {
		s.follow(first, next, node, d, 0)
	}
}

// follow goes on from a node of the tree of phrases. The longest phrase of each branch is found.
func (s *search) follow(first, next int, node int32, d text.Disguise, depth int) {
	if depth > 0 {
		s.emit(s.l.ends[node], first, next-1, d, Standalone)
	}
	for next < len(s.tokens) && s.tokens[next].Kind == text.Symbol {
		next++
	}
	if next >= len(s.tokens) || s.tokens[next].Before.Has(text.Stop|text.Newline) {
		return
	}
	t := &s.tokens[next]
	if id, _ := s.l.walk(t.Text); id > 0 {
		if n := s.l.phrases[step{node, id - 1}]; n > 0 {
			s.follow(first, next+1, n, d|t.Disguise, depth+1)
			return
		}
	}
	for _, r := range s.readings {
		if r.First > next || s.steps > maxSteps {
			break
		}
		if r.First == next {
			var c candidates
			s.spellings(r, &c)
			for _, id := range c.words[:c.n] {
				if n := s.l.phrases[step{node, id - 1}]; n > 0 {
					s.follow(first, r.Last+1, n, d|r.Disguise, depth+1)
				}
			}
		}
	}
}

// maxSteps bounds the work on readings in one text: past it, the rest of a hostile text is matched by its plain readings only.
const maxSteps = 200_000

// candidates are the words that a reading may be.
type candidates struct {
	words    [8]int32 // number and 1
	mods     [4]int32
	heads    [4]int32
	n, m, h  int
	innocent bool
	budget   int
}

// reading emits what a disguised stretch may be: whole words, or else the parts of compounds.
func (s *search) reading(r text.Reading) {
	var c candidates
	s.spellings(r, &c)
	for _, id := range c.words[:c.n] {
		w := &s.l.words[id-1]
		s.emit(w.hits, r.First, r.Last, r.Disguise, Standalone)
		if w.starts {
			s.phrase(r.First, r.Last+1, id, r.Disguise)
		}
	}
	if c.n > 0 || c.innocent || r.Last > r.First {
		return
	}
	c.budget = 4000
	s.endings(r.Cells, len(r.Cells)-1, 0, 0, &c)
	s.steps += 4000 - c.budget
	for _, id := range c.heads[:c.h] {
		s.emitPart(id, r.First, Head, r.Disguise)
	}
	for _, id := range c.mods[:c.m] {
		s.emitPart(id, r.First, Modifier, r.Disguise)
	}
}

func (s *search) spellings(r text.Reading, c *candidates) {
	if s.steps > maxSteps {
		return
	}
	c.budget = 4000
	s.spell(r.Cells, 0, 0, 0, c)
	s.steps += 4000 - c.budget
}

// spell goes down the trie from n by the cells from k on, of which the first has already stood used times.
func (s *search) spell(cells []text.Cell, k, used int, n int32, c *candidates) {
	if c.budget--; c.budget < 0 {
		return
	}
	t := &s.l.fore
	if k == len(cells) {
		x := t.nodes[n]
		c.innocent = c.innocent || x.part&innocentWord != 0
		if x.word > 0 {
			c.add(x.word)
		}
		return
	}
	if t.nodes[n].part&begins != 0 && len(cells)-k >= 2 && c.m < len(c.mods) {
		c.mods[c.m] = t.nodes[n].word
		c.m++
	}
	cell := &cells[k]
	if used >= int(cell.Min) {
		s.spell(cells, k+1, 0, n, c)
	}
	if used == int(cell.Max) {
		return
	}
	if cell.N == 0 {
		s.any(t, n, func(m int32) { s.spell(cells, k, used+1, m, c) })
		return
	}
	for _, r := range cell.Alt[:cell.N] {
		if m := t.step(n, r); m > 0 {
			s.spell(cells, k, used+1, m, c)
		}
	}
}

// any visits the nodes that one letter leads to, whichever.
func (s *search) any(t *trie, n int32, visit func(int32)) {
	for m := t.nodes[n].first; m < t.nodes[n].last; m++ {
		if t.nodes[m].label < utf8.RuneSelf {
			visit(m)
			continue
		}
		for k := t.nodes[m].first; k < t.nodes[m].last; k++ {
			visit(k)
		}
	}
}

// step goes down by the bytes of r.
func (t *trie) step(n int32, r rune) int32 {
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

// endings goes down the trie from behind by the cells from k down.
func (s *search) endings(cells []text.Cell, k, used int, n int32, c *candidates) {
	if c.budget--; c.budget < 0 || k < 1 {
		return
	}
	t := &s.l.back
	if x := t.nodes[n]; x.part&begins != 0 && c.h < len(c.heads) {
		c.heads[c.h] = x.word
		c.h++
	}
	cell := &cells[k]
	if used >= int(cell.Min) && (used > 0 || cell.Max > 0) {
		s.endings(cells, k-1, 0, n, c)
	}
	if used == int(cell.Max) {
		return
	}
	if cell.N == 0 {
		s.any(t, n, func(m int32) { s.endings(cells, k, used+1, m, c) })
		return
	}
	for _, r := range cell.Alt[:cell.N] {
		var b [4]byte
		m := n
		for x := utf8.EncodeRune(b[:], r) - 1; x >= 0 && (m > 0 || x == utf8.RuneLen(r)-1); x-- {
			m = t.child(m, b[x])
		}
		if m > 0 {
			s.endings(cells, k, used+1, m, c)
		}
	}
}

func (c *candidates) add(id int32) {
	for _, x := range c.words[:c.n] {
		if x == id {
			return
		}
	}
	if c.n < len(c.words) {
		c.words[c.n] = id
		c.n++
	}
}
