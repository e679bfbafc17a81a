package rules

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// weights say how much of a rule's score is left when the evidence stands in a context that changes what it means. 1 is all of it.
type weights struct {
	// Quoted: within quotation marks that do not enclose the whole comment.
	Quoted *float64 `yaml:"quoted"`
	// Reported: somebody tells what somebody else said ("han kallade mig …").
	Reported *float64 `yaml:"reported"`
	// Counter: the writer objects to what is said ("så skriver man inte", "anmält").
	Counter *float64 `yaml:"counter"`
	// Negated: "du är ingen …".
	Negated *float64 `yaml:"negated"`
	// Own: said of oneself ("jag är en …").
	Own *float64 `yaml:"own"`
	// Named: a name, a title, or a word that is spoken about ("Luder är ett efternamn").
	Named *float64 `yaml:"named"`
}

func share(f float64) *float64 { return &f }

// defaultWeights hold where neither category nor rule says otherwise: context weighs nothing.
var defaultWeights = weights{share(1), share(1), share(1), share(1), share(1), share(1)}

// over fills what w leaves open from base.
func (w weights) over(base weights) weights {
	pick := func(a, b *float64) *float64 {
		if a != nil {
			return a
		}
		return b
	}
	return weights{pick(w.Quoted, base.Quoted), pick(w.Reported, base.Reported), pick(w.Counter, base.Counter),
		pick(w.Negated, base.Negated), pick(w.Own, base.Own), pick(w.Named, base.Named)}
}

// with puts what over says in the place of what w says.
func (w weights) with(over weights) weights { return over.over(w) }

// contextSets are the patterns that tell contexts apart: the policy's own, under "context".
type contextSets struct{ reported, counter, negated, own, called, calls choice }

func (p *Policy) contextOfLists(v *vocabulary) error {
	c := &p.file.Context
	for _, x := range []struct {
		sources []string
		into    *choice
	}{{c.Reported, &p.context.reported}, {c.Counter, &p.context.counter}, {c.Negated, &p.context.negated}, {c.Own, &p.context.own},
		{c.Called, &p.context.called}, {c.Calls, &p.context.calls}} {
		compiled, err := compileAll(x.sources, v)
		if err != nil {
			return err
		}
		x.into.of = compiled
	}
	return nil
}

// contextOf is what is left of a score in the context of the evidence.
func (w *weighing) contextOf(r *compiled, e span, start, end int) float64 {
	left := 1.0
	lower := func(f *float64, is func() bool) {
		if *f < 1 && is() {
			left = min(left, *f)
		}
	}
	m, sentence := &w.s.matcher, w.s.lattice.sentenceOf(int(e.start))
	lower(r.weigh.Quoted, func() bool { return w.quoted(start, end) })
	lower(r.weigh.Reported, func() bool { return m.any(&w.p.context.reported, sentence) })
	lower(r.weigh.Counter, func() bool {
		return m.any(&w.p.context.counter, sentence) || m.any(&w.p.context.counter, sentence+1) ||
			m.any(&w.p.context.counter, sentence-1)
	})
	lower(r.weigh.Negated, func() bool { return m.endsAt(&w.p.context.negated, e.start) })
	lower(r.weigh.Own, func() bool { return m.endsAt(&w.p.context.own, e.start) })
	lower(r.weigh.Named, func() bool {
		return m.endsAt(&w.p.context.called, e.start) || m.beginsAt(&w.p.context.calls, e.end) || w.capitalName(e)
	})
	return left
}

// endsAt tells whether the first part of one of the patterns matches the words right before the word at, in the same sentence.
func (m *matcher) endsAt(c *choice, at int32) bool {
	sentence := m.l.sentenceOf(int(at))
	for k := range c.needs {
		if !m.l.all.hasFour(&c.needs[k]) {
			continue
		}
		pt := &c.of[k].parts[0]
		if !m.l.all.hasAll(pt.needs) {
			continue
		}
		for i := at - 1; i >= 0 && i >= at-8 && m.l.sentenceOf(int(i)) == sentence; i-- {
			m.part, m.sent = pt, sentence
			if m.run(0, i, 0) && m.at[len(pt.elements)] == at {
				return true
			}
		}
	}
	return false
}

// beginsAt is endsAt for the words right after.
func (m *matcher) beginsAt(c *choice, at int32) bool {
	if int(at) >= m.l.n || at == 0 || m.l.sentenceOf(int(at)) != m.l.sentenceOf(int(at)-1) {
		return false
	}
	for k := range c.needs {
		if !m.l.all.hasFour(&c.needs[k]) || !m.l.all.hasAll(c.of[k].parts[0].needs) {
			continue
		}
		m.part, m.sent = &c.of[k].parts[0], m.l.sentenceOf(int(at))
		if m.run(0, at, 0) {
			return true
		}
	}
	return false
}

// capitalName tells whether a word of the evidence is written as a name is, beside a word that is written so too and is a name or no word of the
// lists: "Peder Luder", "Bitch Lake". A word before that begins the sentence must be a known name, since all such have a capital letter. Where
// most words of a sentence have one it says nothing.
func (w *weighing) capitalName(e span) bool {
	l := &w.s.lattice
	for i := int(e.start); i < int(e.end) && i < l.n; i++ {
		if !w.capital(i) {
			continue
		}
		begin, end := l.sentence(l.sentenceOf(i))
		before, after := i > begin && w.capital(i-1), i+1 < end && w.capital(i+1)
		switch {
		case before && w.isName(i-1):
			return true
		case w.mostlyCapital(begin, end):
		case before && i-1 > begin && len(l.edgesAt(int32(i-1))) == 0, after && (w.isName(i+1) || len(l.edgesAt(int32(i+1))) == 0):
			return true
		}
	}
	return false
}

// capital tells whether a word was written with one capital letter, its first.
func (w *weighing) capital(i int) bool {
	t := &w.s.lattice.tokens[i]
	first, n := utf8.DecodeRuneInString(w.text[t.Span.Start:t.Span.End])
	second, _ := utf8.DecodeRuneInString(w.text[t.Span.Start+n : t.Span.End])
	return unicode.IsUpper(first) && unicode.IsLower(second)
}

func (w *weighing) mostlyCapital(begin, end int) bool {
	n := 0
	for i := begin; i < end; i++ {
		if w.capital(i) {
			n++
		}
	}
	return 2*n > end-begin
}

func (w *weighing) isName(i int) bool {
	for _, x := range w.s.lattice.edgesAt(int32(i)) {
		if s := &w.p.special; x.set == s.name || x.set == s.fullName || x.set == s.swedishName {
			return true
		}
	}
	return false
}

// quoted tells whether the place stands within quotation marks. Marks around the whole comment are none: they would be a way around
// every rule.
func (w *weighing) quoted(start, end int) bool {
	if !w.looked {
		w.looked = true
		w.s.quotes = quotesOf(w.text, w.s.quotes[:0])
	}
	quotes := w.s.quotes
	for i := 0; i+1 < len(quotes); i += 2 {
		open, shut := quotes[i], quotes[i+1]
		if open <= start && end <= shut+4 && start < shut {
			return strings.TrimSpace(w.text[:open]) != "" || len(strings.Trim(w.text[shut:], "\"”“»«.!? \n")) > 0
		}
	}
	return false
}

// quotesOf appends the places of the quotation marks of a text to places.
func quotesOf(s string, places []int) []int {
	for i, r := range s {
		switch r {
		case '"', '”', '“', '„', '»', '«', '″':
			places = append(places, i)
		case '\'', '’', '‘':
			before, _ := utf8.DecodeLastRuneInString(s[:i])
			after, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
			if !isLetter(before) || !isLetter(after) {
				places = append(places, i)
			}
		}
	}
	return places
}

func isLetter(r rune) bool {
	return r != utf8.RuneError && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= 0xC0 && r <= 0x24F)
}
