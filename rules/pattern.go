package rules

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// A pattern says, over classes of words rather than words, what a rule looks for. Patterns are data: they stand in the policy
// file, and this is their language.
//
//	{you} {be} {adv}* {det}? <{insult}>
//
// Elements stand in a row and match consecutive words of one sentence:
//
//	{a} {a|b}   a word of the class a (or b); classes are the sections of the files in lists/
//	{a|b+c|d}   a word of a or b that is of c or d too, as a compound of both
//	word        that word; (this|that) either
//	x?  x*  x+  none or one; any number; one or more (at most 6)
//	..  ..5     up to 3 (5) words of any kind
//	!x          the next word is not x (nothing is consumed)
//	^  $        the beginning, the end of a sentence
//	/           here a sentence may end and the next begin
//	_           any one word
//	< >         the evidence, if it is less than the whole
//
// Parts joined by & all stand in the same sentence, in any order; parts joined by && anywhere in the comment. {?} is a part by
// itself: the sentence is a question.
type pattern struct {
	// needs are the classes that the pattern cannot match without, the rarest first, by their numbers of what is asked of a comment as a
	// whole (see Policy.arrange).
	needs  []int
	rarest [4]uint16 // the first of needs; where there are fewer, the last more than once
	class  int       // the class of its needs that fewest words have, by which the patterns of all rules are in order
	asks   bool      // there must be a question
	parts  []part
	source string
	costly bool // no word of it is rare: it is tried on nearly every comment
}

type part struct {
	elements    []element
	needs       []int // the classes that it cannot match without, as the pattern's
	first       int16 // the class that its first word must have; noClass when it may begin in other ways
	open, close int8  // the evidence: elements[open:close]
	anywhere    bool  // joined to the part before by &&
}

type element struct {
	class    int16 // one class; several with | between them have a number of their own (see vocabulary.either)
	too      int16 // of which the word must be as well, or noClass
	kind     elementKind
	min, max uint8
	not      bool
}

// A class's number must fit.
const _ = uint(1<<15 - classWords*64)

// noClass is the number of no class.
const noClass = -1

type elementKind uint8

const (
	ofClass elementKind = iota
	anyWord
	gap
	atStart
	atEnd
	crossing
	isQuestion
)

const maxRepeat = 6

// always is the number that every comment has of what is asked of it: what a pattern needs that needs nothing.
const always = classWords*64 - 1

// classSet is a set of word classes.
type classSet [classWords]uint64

// classWords says how many numbers there are, 64 a word: for classes, for words that stand in patterns, and for what patterns put together of
// several with | between. A policy that needs more is refused.
const classWords = 64

func (s *classSet) add(c int)      { s[c>>6] |= 1 << (c & 63) }
func (s *classSet) has(c int) bool { return s[c>>6]&(1<<(c&63)) != 0 }

// hasAll tells whether s holds every one of the classes.
func (s *classSet) hasAll(classes []int) bool {
	for _, c := range classes {
		if !s.has(c) {
			return false
		}
	}
	return true
}

// hasFour is hasAll for four: without a branch for each, which the processor could but guess.
func (s *classSet) hasFour(c *[4]uint16) bool {
	bit := func(c uint16) uint64 { return s[c>>6&(classWords-1)] >> (c & 63) }
	return bit(c[0])&bit(c[1])&bit(c[2])&bit(c[3])&1 != 0
}

// hasThree is hasFour for three.
func (s *classSet) hasThree(c *[3]uint16) bool {
	bit := func(c uint16) uint64 { return s[c>>6&(classWords-1)] >> (c & 63) }
	return bit(c[0])&bit(c[1])&bit(c[2])&1 != 0
}

// packed is a set of classes without the words of it that are zero, of which most sets have few others: all that a policy's words have
// then fits in the processor's cache.
type packed struct {
	words uint64 // a bit for each word of the set that is not zero
	at    uint32 // in packs: where these words stand, one after another
}

// One bit of packed.words must stand for each word of a set.
const _ = uint(64 - classWords)

// packs are the words of many sets.
type packs []uint64

// pack takes in a set.
func (ps *packs) pack(s *classSet) packed {
	p := packed{at: uint32(len(*ps))}
	for i, w := range s {
		if w != 0 {
			p.words |= 1 << i
			*ps = append(*ps, w)
		}
	}
	return p
}

// has tells whether class c is in the set p.
func (ps packs) has(p packed, c int) bool {
	bit := uint64(1) << (c >> 6)
	return p.words&bit != 0 && ps[int(p.at)+bits.OnesCount64(p.words&(bit-1))]&(1<<(c&63)) != 0
}

// join adds the set p of ps.
func (s *classSet) join(ps packs, p *packed) {
	from := ps[p.at:]
	for i, w := 0, p.words; w != 0 && i < len(from); i, w = i+1, w&(w-1) {
		s[bits.TrailingZeros64(w)] |= from[i]
	}
}

// unite adds the set t.
func (s *classSet) unite(t *classSet) {
	for i, w := range t {
		s[i] |= w
	}
}

// each calls do with every class of the set, from the lowest number up.
func (s *classSet) each(do func(c int)) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			do(i<<6 + bits.TrailingZeros64(w))
		}
	}
}

func (s *classSet) count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// namer gives classes their numbers while patterns are compiled.
type namer interface {
	// class returns the number of a class of the lists, or false if there is none.
	class(name string) (int, bool)
	// words returns the number of the class that holds just these words.
	words(words []string) (int, error)
	// either returns the number that stands for any one of the classes.
	either(classes classSet) (int, error)
}

func compilePattern(source string, names namer) (*pattern, error) {
	p := &pattern{source: source}
	for i, whole := range strings.Split(source, "&&") {
		for j, text := range strings.Split(whole, "&") {
			one, err := compilePart(text, names)
			if err != nil {
				return nil, fmt.Errorf("pattern %q: %w", source, err)
			}
			one.anywhere = i > 0 && j == 0
			p.parts = append(p.parts, one)
		}
	}
	return p, nil
}

func compilePart(text string, names namer) (part, error) {
	made := part{open: -1, close: -1, first: noClass}
	for _, field := range strings.Fields(text) {
		if rest, ok := strings.CutPrefix(field, "<"); ok {
			made.open, field = int8(len(made.elements)), rest
		}
		closes := strings.HasSuffix(field, ">")
		e, err := compileElement(strings.TrimSuffix(field, ">"), names)
		if err != nil {
			return made, err
		}
		made.elements = append(made.elements, e)
		if closes {
			made.close = int8(len(made.elements))
		}
	}
	if len(made.elements) == 0 {
		return made, errors.New("a part is empty")
	}
	if len(made.elements) > maxElements {
		return made, fmt.Errorf("a part has more than %d elements", maxElements)
	}
	if made.open < 0 {
		made.open = 0
	}
	if made.close < 0 {
		made.close = int8(len(made.elements))
	}
	if made.open >= made.close {
		return made, errors.New("< and > enclose nothing")
	}
	made.need()
	return made, nil
}

// need works out the classes that a part cannot match without: of each element that must match.
func (pt *part) need() {
	for i := range pt.elements {
		e := &pt.elements[i]
		if e.kind != ofClass || e.not || e.min == 0 {
			continue
		}
		pt.needs = append(pt.needs, int(e.class))
		if i == 0 {
			pt.first = e.class
		}
	}
}

func compileElement(field string, names namer) (element, error) {
	e := element{class: noClass, too: noClass, min: 1, max: 1}
	switch field {
	case "^":
		e.kind = atStart
		return e, nil
	case "$":
		e.kind = atEnd
		return e, nil
	case "/":
		e.kind = crossing
		return e, nil
	case "{?}":
		e.kind = isQuestion
		return e, nil
	}
	if rest, ok := strings.CutPrefix(field, ".."); ok {
		e.kind, e.min, e.max = gap, 0, 3
		if rest != "" {
			n, err := strconv.Atoi(rest)
			if err != nil || n < 1 || n > 20 {
				return e, fmt.Errorf("the gap %q must be .. or ..1 to ..20", field)
			}
			e.max = uint8(n)
		}
		return e, nil
	}
	field, e.not = strings.CutPrefix(field, "!")
	switch {
	case strings.HasSuffix(field, "?"):
		field, e.min = field[:len(field)-1], 0
	case strings.HasSuffix(field, "*"):
		field, e.min, e.max = field[:len(field)-1], 0, maxRepeat
	case strings.HasSuffix(field, "+"):
		field, e.max = field[:len(field)-1], maxRepeat
	}
	if field == "_" {
		e.kind = anyWord
		return e, nil
	}
	return e, e.fill(field, names)
}

// fill finds the classes that an element names.
func (e *element) fill(field string, names namer) error {
	inner, braces := strings.CutPrefix(field, "{")
	if braces {
		inner, braces = strings.CutSuffix(inner, "}")
		if !braces {
			return fmt.Errorf("%q has no }", field)
		}
		inner, too, both := strings.Cut(inner, "+")
		if both {
			c, err := oneOf(too, names)
			if e.too = int16(c); err != nil {
				return err
			}
		}
		c, err := oneOf(inner, names)
		e.class = int16(c)
		return err
	}
	field = strings.TrimSuffix(strings.TrimPrefix(field, "("), ")")
	if strings.ContainsAny(field, "{}()<>") || field == "" {
		return fmt.Errorf("%q is no element", field)
	}
	c, err := names.words(strings.Split(field, "|"))
	e.class = int16(c)
	return err
}

// oneOf is the number of a list of classes with | between them.
func oneOf(list string, names namer) (int, error) {
	var classes classSet
	for _, name := range strings.Split(list, "|") {
		c, ok := names.class(name)
		if !ok {
			return noClass, fmt.Errorf("no class %q in the lists", name)
		}
		classes.add(c)
	}
	return names.either(classes)
}

const maxElements = 24

// matcher runs patterns over one comment's lattice.
type matcher struct {
	l    *lattice
	part *part
	at   [maxElements + 1]int32 // where each element began
	sent int32
	fuel int
}

// find looks for the part at or after the word from, within the sentence only (any if only < 0), and returns the words of the match
// and of the evidence.
func (m *matcher) find(pt *part, from int, only int32) (evidence, whole span, ok bool) {
	m.part = pt
	to := m.l.n
	if only >= 0 {
		begin, end := m.l.sentence(only)
		from, to = max(from, begin), end
	}
	for i := from; i < to; i++ {
		if pt.elements[0].kind == atStart {
			if i = m.l.nextBegin(i); i >= to {
				break
			}
		} else if pt.first != noClass {
			at := m.l.seek(int(pt.first), i, to)
			if m.fuel -= at - i; m.fuel <= 0 || at == to {
				break
			}
			i = at
		}
		m.sent = m.l.sentenceOf(i)
		if m.run(0, int32(i), 0) {
			end := m.at[len(pt.elements)]
			return span{m.at[pt.open], m.at[pt.close]}, span{int32(i), end}, true
		}
		if m.fuel <= 0 {
			break
		}
	}
	return span{}, span{}, false
}

// span is a stretch of words: from start up to, not including, end.
type span struct{ start, end int32 }

// run matches the elements from e on at the word pos; count is how often e has matched already.
func (m *matcher) run(e int, pos int32, count int) bool {
	if m.fuel--; m.fuel <= 0 {
		return false
	}
	if count == 0 {
		m.at[e] = pos
	}
	if e == len(m.part.elements) {
		return true
	}
	el := &m.part.elements[e]
	switch el.kind {
	case atStart:
		return (pos == 0 || m.l.sentenceOf(int(pos)) != m.l.sentenceOf(int(pos)-1)) && m.run(e+1, pos, 0)
	case atEnd:
		return (int(pos) >= m.l.n || pos > 0 && m.l.sentenceOf(int(pos)) != m.l.sentenceOf(int(pos)-1)) && m.run(e+1, pos, 0)
	case isQuestion:
		return m.l.question(m.sent) && m.run(e+1, pos, 0)
	case crossing:
		before := m.sent
		if int(pos) < m.l.n {
			m.sent = m.l.sentenceOf(int(pos))
		}
		if m.run(e+1, pos, 0) {
			return true
		}
		m.sent = before
		return false
	case gap:
		return m.runGap(e, pos, int(el.max))
	}
	if el.not {
		return !m.next(el, pos) && m.run(e+1, pos, 0)
	}
	return m.runWord(el, e, pos, count)
}

func (m *matcher) runGap(e int, pos int32, most int) bool {
	for k := 0; ; k++ {
		if m.run(e+1, pos, 0) {
			return true
		}
		if k == most || int(pos) >= m.l.n || m.l.sentenceOf(int(pos)) != m.sent {
			return false
		}
		pos++
	}
}

func (m *matcher) runWord(el *element, e int, pos int32, count int) bool {
	if count < int(el.max) && int(pos) < m.l.n && m.l.sentenceOf(int(pos)) == m.sent {
		if el.kind == anyWord {
			if m.run(e, pos+1, count+1) {
				return true
			}
		} else {
			before := m.sent
			for _, x := range m.l.edgesAt(pos) {
				if !m.l.has(&x, int(el.class)) || !m.too(el, &x) {
					continue
				}
				m.sent = m.l.sentenceOf(int(x.to) - 1)
				if m.run(e, x.to, count+1) {
					return true
				}
				m.sent = before
			}
		}
	}
	return count >= int(el.min) && m.runOn(e, pos, count)
}

// runOn goes to the next element; where e matched nothing, its place is where the next begins.
func (m *matcher) runOn(e int, pos int32, count int) bool {
	return m.run(e+1, pos, 0)
}

func (m *matcher) next(el *element, pos int32) bool {
	if int(pos) >= m.l.n || m.l.sentenceOf(int(pos)) != m.sent {
		return false
	}
	for _, x := range m.l.edgesAt(pos) {
		if m.l.has(&x, int(el.class)) && m.too(el, &x) {
			return true
		}
	}
	return false
}

// too tells whether the word that was found to be x is also what else the element asks for.
func (m *matcher) too(el *element, x *edge) bool {
	if el.too == noClass {
		return true
	}
	for _, y := range m.l.edgesAt(x.from) {
		if y.to == x.to && m.l.has(&y, int(el.too)) {
			return true
		}
	}
	return false
}
