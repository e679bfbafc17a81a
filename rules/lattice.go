package rules

import (
	"slices"
	"strings"

	"takhojd/rules/lexicon"
	"takhojd/rules/text"
)

// lattice is a comment as patterns see it: words in a row, each with the classes of what it was found to be. A disguised word that
// takes up several tokens ("i d i o t"), and a term of several words, is one edge from its first token to after its last.
type lattice struct {
	tokens []text.Token
	n      int
	sets   *sets // of the policy: what edge.set counts in
	found  []lexicon.Match
	edges  []edge   // by first token
	first  []int32  // edges of token i: edges[first[i]:first[i+1]]
	named  []named  // the tokens of each person named
	sent   []int32  // the sentence of each token
	begins []int32  // the first token of each sentence
	asks   []bool   // whether each sentence is a question
	asking bool     // whether one is
	all    classSet // the classes in the comment that are asked of it as a whole
	some   uint64   // a bit for each word of all that is not zero
	text   string
}

type edge struct {
	from, to int32
	set      int32
	match    int32 // in found, if it was found by the lexicon
	classes  packed
	disguise text.Disguise
}

// named is where a person is named, and whether by first name and surname: one who can be told from others, and no politician.
type named struct {
	span
	full bool
	// swedish: the surname has a Swedish form, which news from abroad and famous names seldom have.
	swedish bool
}

func (l *lattice) edgesAt(i int32) []edge { return l.edges[l.first[i]:l.first[i+1]] }

// sentenceOf is the number of the sentence of token i; past the end it is one that no token has.
func (l *lattice) sentenceOf(i int) int32 {
	if i >= len(l.sent) {
		return -2
	}
	return l.sent[i]
}

// seek is the first token from the one up to the other that begins something of the class, or the other.
func (l *lattice) seek(class, from, to int) int {
	if from >= to {
		return to
	}
	edges, packs := l.edges[l.first[from]:l.first[to]], l.sets.packs
	for i := range edges {
		if packs.has(edges[i].classes, class) {
			return int(edges[i].from)
		}
	}
	return to
}

func (l *lattice) has(x *edge, class int) bool { return l.sets.packs.has(x.classes, class) }

// sentence is where the tokens of a sentence begin and end; one that is not there has none.
func (l *lattice) sentence(n int32) (begin, end int) {
	if int(n) >= len(l.begins) {
		return l.n, l.n
	}
	if begin, end = int(l.begins[n]), l.n; int(n)+1 < len(l.begins) {
		end = int(l.begins[n+1])
	}
	return begin, end
}

// nextBegin is the first token from i on that begins a sentence.
func (l *lattice) nextBegin(i int) int {
	n := l.sent[i]
	if begin, end := l.sentence(n); i > begin {
		return end
	}
	return i
}

func (l *lattice) question(sentence int32) bool {
	return int(sentence) < len(l.asks) && sentence >= 0 && l.asks[sentence]
}

// build makes the lattice of a folded text and what the lexicon found in it.
func (l *lattice) build(s string, f *text.Folded, found []lexicon.Match, people []person, p *judge) {
	l.text, l.tokens, l.sets, l.found = s, f.Tokens(), &p.sets, found
	l.n = len(l.tokens)
	l.all = classSet{}
	l.all.add(always)
	l.some = 1 << (always >> 6)
	l.edges = l.edges[:0]
	l.first = slices.Grow(l.first[:0], l.n+1)[:l.n+1]
	l.people(people)
	l.edgesOf(&p.special)
	l.sentences(s)
}

// edgesOf lays the edges token by token. Those of one token stand in the order in which patterns try them: people, then what the lexicon
// found, the longest phrase first, then what is no word.
func (l *lattice) edgesOf(special *specialSets) {
	people, next := l.named, 0
	for i := range l.found { // all at once: the processor need not wait for one set to come before it asks for the next
		l.some |= l.sets.of[l.found[i].Value].asked.words
	}
	for i := range l.tokens {
		l.first[i] = int32(len(l.edges))
		n := 0
		for n < len(people) && int(people[n].start) == i {
			n++
		}
		for k := n - 1; k >= 0; k-- {
			l.add(people[k].start, people[k].end, special.person(&people[k]), 0, 0)
		}
		people = people[n:]
		here := next
		for next < len(l.found) && int(l.found[next].First) == i {
			next++
		}
		for k := next - 1; k >= here; k-- {
			m := &l.found[k]
			l.add(m.First, m.Last+1, m.Value, k, m.Disguise)
		}
		if s := special.of(&l.tokens[i], l.text); s >= 0 {
			l.add(int32(i), int32(i+1), s, 0, 0)
		}
	}
	l.first[l.n] = int32(len(l.edges))
}

// add lays an edge: its fields are put in place one by one, which is much quicker than to copy a whole one.
func (l *lattice) add(from, to, set int32, match int, disguise text.Disguise) {
	n := len(l.edges)
	if n == cap(l.edges) {
		l.edges = slices.Grow(l.edges, 1)
	}
	l.edges = l.edges[:n+1]
	x, of := &l.edges[n], &l.sets.of[set]
	x.from, x.to, x.set, x.match, x.disguise = from, to, set, int32(match), disguise
	x.classes.words, x.classes.at = of.all.words, of.all.at
	l.all.join(l.sets.packs, &of.asked)
	l.some |= of.asked.words
}

// people finds the tokens of those who are named.
func (l *lattice) people(people []person) {
	l.named = l.named[:0]
	i := 0
	for _, p := range people {
		for i < l.n && l.tokens[i].Span.End <= p.start {
			i++
		}
		end := i
		for end < l.n && l.tokens[end].Span.Start < p.end {
			end++
		}
		if end > i {
			l.named = append(l.named, named{span{int32(i), int32(end)}, p.full && !p.public && !p.writer, p.swedish})
		}
	}
}

// sentences numbers the sentences: a full stop, a question or exclamation mark, a line break or a colon after a word ends one. An emoji
// ends none.
func (l *lattice) sentences(s string) {
	l.sent, l.asks, l.asking = l.sent[:0], l.asks[:0], false
	now := int32(0)
	l.asks, l.begins = append(l.asks, false), append(l.begins[:0], 0)
	for i := range l.tokens {
		t := &l.tokens[i]
		if i > 0 && t.Before.Has(text.Newline|text.Stop|text.Question|text.Exclaim) && !l.abbreviated(i) {
			if t.Before.Has(text.Question) {
				l.asks[now], l.asking = true, true
			}
			now++
			l.asks, l.begins = append(l.asks, false), append(l.begins, int32(i))
		}
		l.sent = append(l.sent, now)
	}
	if l.n > 0 {
		for _, r := range s[l.tokens[l.n-1].Span.End:] {
			if r == '?' {
				l.asks[now], l.asking = true, true
				break
			}
		}
	}
}

// abbreviated tells whether the stop before token i belongs to an abbreviation ("kl. 22", "bl.a.", "ca. 5").
func (l *lattice) abbreviated(i int) bool {
	t := &l.tokens[i]
	if t.Before.Has(text.Newline | text.Question | text.Exclaim) {
		return false
	}
	switch l.tokens[i-1].Text {
	case "kl", "ca", "ev", "nr", "st", "tel", "dr", "t", "ex", "bl", "a", "d", "v", "s", "k", "fr", "o", "m", "inkl", "exkl", "mr", "mrs", "resp", "obs":
		return true
	}
	return t.Before&text.Space == 0 && t.Kind == text.Number && l.tokens[i-1].Kind == text.Number
}

// specialSets are the sets of tokens that are no words of the lists: numbers, names on the net, emoji.
type specialSets struct {
	number, money, line, mention, hashtag, link, symbol, name, fullName, swedishName int32
}

func (s *specialSets) person(n *named) int32 {
	switch {
	case n.full && n.swedish:
		return s.swedishName
	case n.full:
		return s.fullName
	}
	return s.name
}

func (s *specialSets) of(t *text.Token, whole string) int32 {
	switch t.Kind {
	case text.Word:
		if t.Text[0]-'0' <= 9 && lineName(t.Text) {
			return s.line
		}
	case text.Number:
		if t.Span.End-t.Span.Start > len(t.Text) && lineName(whole[t.Span.Start:t.Span.End]) {
			return s.line
		}
		if strings.HasSuffix(t.Text, "kr") || strings.HasSuffix(t.Text, "sek") || strings.HasSuffix(t.Text, "lax") {
			return s.money
		}
		if priced(whole, t.Span) {
			return s.money
		}
		return s.number
	case text.Mention:
		return s.mention
	case text.Hashtag:
		return s.hashtag
	case text.Link:
		return s.link
	case text.Symbol:
		return s.symbol
	}
	return -1
}

// priced tells whether a sign of money stands right before or after a number.
func priced(s string, at text.Span) bool {
	for _, sign := range []string{"$", "€", "£"} {
		if strings.HasSuffix(s[:at.Start], sign) || strings.HasPrefix(strings.TrimPrefix(s[at.End:], " "), sign) {
			return true
		}
	}
	return strings.HasPrefix(s[at.End:], ":-")
}

// lineName tells whether a number with its ending is what people call a line of buses or trains: 4:an, 43an, 172:ans. 112:an is
// whom one calls in an emergency.
func lineName(s string) bool {
	digits := 0
	for digits < len(s) && s[digits]-'0' <= 9 {
		digits++
	}
	if digits == 0 || digits > 3 || s[:digits] == "112" {
		return false
	}
	switch strings.ToLower(strings.TrimPrefix(s[digits:], ":")) {
	case "an", "ans", "ann":
		return true
	}
	return false
}
