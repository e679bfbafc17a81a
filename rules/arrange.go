package rules

import (
	"cmp"
	"slices"
	"strings"

	"takhojd/rules/lexicon"
	"takhojd/rules/text"
)

// usage is how often the policy's own examples use words and classes. It changes no verdict: it tells what to lay side by side in memory, and
// which class of a pattern is the rarest, so that most patterns are passed over at the first look.
type usage struct {
	words   map[string]int // how often each word is used
	classes []int          // by class: how many examples have a word of it
}

// texts are the examples in the file: those that the rules spare and the routes want are written as most comments are, and stand apart from
// those that the rules find.
func (f *policyFile) texts() (usual, found []string) {
	for i := range f.Categories {
		for j := range f.Categories[i].Rules {
			r := &f.Categories[i].Rules[j]
			usual, found = append(usual, r.Spare...), append(found, r.Match...)
		}
	}
	for i := range f.Claims {
		usual, found = append(usual, f.Claims[i].Spare...), append(found, f.Claims[i].Match...)
	}
	for i := range f.Routes {
		usual = append(append(usual, f.Routes[i].Match...), f.Routes[i].Spare...)
	}
	return usual, found
}

// ofUsual is how often a text counts that is written as most comments are: what is rare among those is what is to be looked for first.
const ofUsual = 16

// usage counts in the examples what the vocabulary knows.
func (v *vocabulary) usage(usual, found []string) usage {
	u := usage{words: make(map[string]int), classes: make([]int, len(v.numbers))}
	wide := make(map[string]*classSet)
	var f text.Folded
	for i, s := range append(slices.Clone(usual), found...) {
		times := 1
		if i < len(usual) {
			times = ofUsual
		}
		f.Fold(s)
		var all classSet
		for _, t := range f.Tokens() {
			classes, had := wide[t.Text]
			if !had {
				word := strings.Clone(t.Text)
				if set := v.forms[form{word, lexicon.Standalone}]; set != nil {
					w := v.widen(*set)
					classes = &w
				}
				wide[word] = classes
			}
			if u.words[strings.Clone(t.Text)] += times; classes != nil {
				all.unite(classes)
			}
		}
		all.each(func(c int) { u.classes[c] += times })
	}
	return u
}

// usual lists the words that are used, the commonest first.
func (u *usage) usual() []string {
	words := make([]string, 0, len(u.words))
	for w := range u.words {
		words = append(words, w)
	}
	slices.SortFunc(words, func(a, b string) int { return cmp.Or(u.words[b]-u.words[a], strings.Compare(a, b)) })
	return words
}

// arrange gives what is asked of a comment as a whole numbers of its own, by which lattice.all and patterns' needs go. The lists' own classes
// have the first, the commonest first; then come those that the commonest words have beside, each word's side by side. So a word adds little
// more than one stretch of bits, and what the second reader knows of the common classes lies close together.
func (p *Policy) arrange(v *vocabulary, u *usage) (numbers []int) {
	numbers = make([]int, len(v.numbers))
	own := make([]int, v.own)
	for c := range own {
		own[c] = c
	}
	slices.SortStableFunc(own, func(a, b int) int { return u.classes[b] - u.classes[a] })
	for n, c := range own {
		numbers[c] = n
	}
	next := v.own
	give := func(c int) {
		if v.asked.has(c) && c >= v.own && numbers[c] == 0 {
			numbers[c] = next
			next++
		}
	}
	for i := range v.wide {
		v.wide[i].each(give)
	}
	for c := range numbers {
		give(c)
	}
	for i := range v.wide {
		var asked classSet
		v.wide[i].each(func(c int) {
			if v.asked.has(c) {
				asked.add(numbers[c])
			}
		})
		p.sets.of = append(p.sets.of, setOf{p.sets.packs.pack(&v.wide[i]), p.sets.packs.pack(&asked)})
	}
	for _, pat := range v.patterns {
		pat.arrange(numbers, u)
	}
	together(v.patterns)
	for i := range p.rules {
		p.rules[i].spare = choiceOf(p.rules[i].unless)
	}
	for _, c := range []*choice{&p.context.reported, &p.context.counter, &p.judge.asking} {
		*c = choiceOf(c.of)
	}
	for _, c := range []*choice{&p.context.negated, &p.context.own, &p.context.called, &p.context.calls} { // only their first parts count: see matcher.endsAt
		for _, pat := range c.of {
			c.needs = append(c.needs, four(pat.parts[0].needs))
		}
	}
	return numbers
}

// arrange puts the numbers that are asked of a comment as a whole in the place of classes, the rarest first.
func (p *pattern) arrange(numbers []int, u *usage) {
	slices.SortStableFunc(p.needs, func(a, b int) int { return u.classes[a] - u.classes[b] })
	for i, c := range p.needs {
		p.needs[i] = numbers[c]
	}
	p.rarest = four(p.needs)
	for i := range p.parts {
		needs := p.parts[i].needs
		for k, c := range needs {
			needs[k] = numbers[c]
		}
	}
}

// four are the first of some numbers: where there are fewer, one more than once.
func four(numbers []int) [4]uint16 {
	f := [4]uint16{always, always, always, always}
	for i := range f {
		if len(numbers) > 0 {
			f[i] = uint16(numbers[min(i, len(numbers)-1)])
		}
	}
	return f
}

// together moves what patterns are made of to one place, pattern after pattern: one that is tried is then read from end to end.
func together(patterns []*pattern) {
	var parts []part
	var elements []element
	for _, p := range patterns {
		parts = append(parts, p.parts...)
		for i := range p.parts {
			elements = append(elements, p.parts[i].elements...)
		}
	}
	for _, p := range patterns {
		n := len(p.parts)
		p.parts, parts = parts[:n:n], parts[n:]
		for i := range p.parts {
			pt := &p.parts[i]
			n := len(pt.elements)
			pt.elements, elements = elements[:n:n], elements[n:]
		}
	}
}

// index notes for each number which patterns to try when a comment has it: each pattern under the rarest that it needs.
func (p *Policy) index(v *vocabulary, numbers []int) {
	for i := range p.rules {
		for j, pat := range p.rules[i].find {
			if len(pat.needs) > 0 { // a pattern that needs nothing matches nothing
				p.tries = append(p.tries, try{pattern: pat, class: int32(pat.class), rule: int16(i), find: int16(j)})
			}
		}
	}
	slices.SortStableFunc(p.tries, func(a, b try) int { return int(a.class - b.class) })
	for i := range p.judge.routes {
		for _, pat := range p.judge.routes[i].find {
			if len(pat.needs) > 0 {
				p.tries = append(p.tries, try{pattern: pat, rule: noRule, find: int16(i)})
			}
		}
	}
	byNumber := make([][]trigger, classWords*64)
	for at, t := range p.tries {
		needs := &t.pattern.rarest
		p.triggered.add(int(needs[0]))
		byNumber[needs[0]] = append(byNumber[needs[0]], trigger{uint16(at), [3]uint16(needs[1:])})
	}
	for _, triggers := range byNumber {
		p.first = append(p.first, uint32(len(p.triggers)))
		p.triggers = append(p.triggers, triggers...)
	}
	p.first = append(p.first, uint32(len(p.triggers)))
	p.options = make([][]option, len(v.numbers))
	for n, options := range v.options {
		options.each(func(c int) { p.options[n] = append(p.options[n], option{uint16(c), uint16(numbers[c])}) })
	}
}
