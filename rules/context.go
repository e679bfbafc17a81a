package rules

import (
	"strings"
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
}

func share(f float64) *float64 { return &f }

// defaultWeights hold where neither category nor rule says otherwise: context weighs nothing.
var defaultWeights = weights{share(1), share(1), share(1), share(1), share(1)}

// over fills what w leaves open from base.
func (w weights) over(base weights) weights {
	pick := func(a, b *float64) *float64 {
		if a != nil {
			return a
		}
		return b
	}
	return weights{pick(w.Quoted, base.Quoted), pick(w.Reported, base.Reported), pick(w.Counter, base.Counter),
		pick(w.Negated, base.Negated), pick(w.Own, base.Own)}
}

// with puts what over says in the place of what w says.
func (w weights) with(over weights) weights { return over.over(w) }

// contextSets are the patterns that tell contexts apart: the policy's own, under "context".
type contextSets struct{ reported, counter, negated, own choice }

func (p *Policy) contextOfLists(v *vocabulary) error {
	c := &p.file.Context
	for _, x := range []struct {
		sources []string
		into    *choice
	}{{c.Reported, &p.context.reported}, {c.Counter, &p.context.counter}, {c.Negated, &p.context.negated}, {c.Own, &p.context.own}} {
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
