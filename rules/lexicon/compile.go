package lexicon

import (
	"fmt"
	"strings"
	"unsafe"

	"takhojd/rules/hugepage"
	"takhojd/rules/text"
)

// Lexicon is terms made ready for finding. It is never changed, and may be used from any number of goroutines.
type Lexicon struct {
	words   []word
	texts   []string
	hits    []hit    // of all words and phrases
	values  []int32  // of hits: most that is asked of one is its value, and these lie close together
	table   table    // the words by their hash: what nearly every token is looked up in
	mods    trie     // how compounds begin
	back    trie     // how compounds end, from the last byte to the first
	fore    trie     // every word, for readings that may be one of many
	phrases phrases  // the tree of phrases
	ends    []entry  // which phrases end in a node of that tree
	ended   []uint64 // a bit for each node that one ends in: most are only on the way
}

// word is one form, or a part of a phrase: 32 bytes, two of which share a line of the processor's cache.
type word struct {
	hash text.Hash
	// after has a bit for each word that may come after this one in a phrase, by its number: mostly the next word in a text does not.
	after uint64
	start int32 // the node of the tree of phrases that it leads to from the root, or 0
	value int32 // of the first of its terms, which mostly is the only one
	entry
}

// A line of the cache must have room for two.
const _ = uint(32 - unsafe.Sizeof(word{}))

// entry is what a word or a phrase is.
type entry struct {
	from uint32 // the terms that it is a form of: hits[from:from+n]
	n    uint16
	// innocent ones are left alone, whatever they look like.
	innocent bool
	// barren words are no compound of terms, though they are no term themselves.
	barren bool
}

// hit is a term, by way of one of its forms.
type hit struct {
	form     string
	value    int32
	compound Compound
}

// spared is the value of innocent phrases.
const spared = -1

// Compile makes a lexicon. An innocent word is left alone, whatever term it may be a form or a compound of. "skithus*" stands
// for all words that begin so, "*kalas" for all that end so: they are not taken for compounds, unless by a longer term.
// "kärringen_mot_strömmen" is an innocent phrase, in none of whose words anything is found. A term without forms is an error. Terms of the same value that share a form are found once, as the first of them.
//
// Usual words are those that most of a text is made of, the commonest first. They get the first numbers, and so lie side by side, where the
// processor has them at hand; what is found is the same without them.
func Compile(terms []Term, innocent []string, usual ...string) (*Lexicon, error) {
	b := builder{l: new(Lexicon), ends: make([][]hit, 1), ids: map[string]int32{}, steps: map[step]int32{}}
	b.number(terms, usual)
	for _, t := range terms {
		if len(t.Forms) == 0 {
			return nil, fmt.Errorf("compile lexicon: term %q has no forms", t.Lemma)
		}
		for _, form := range t.Forms {
			h := hit{form: form, value: int32(t.Value), compound: t.Compound}
			if err := b.add(h); err != nil {
				return nil, fmt.Errorf("compile lexicon: term %q: %w", t.Lemma, err)
			}
		}
	}
	var single []string
	for _, s := range innocent {
		if !strings.Contains(s, "_") {
			single = append(single, s)
			continue
		}
		if err := b.add(hit{value: spared, form: strings.ReplaceAll(s, "_", " ")}); err != nil {
			return nil, fmt.Errorf("compile lexicon: innocent %q: %w", s, err)
		}
	}
	if err := b.grow(single); err != nil {
		return nil, fmt.Errorf("compile lexicon: %w", err)
	}
	b.join()
	b.pack()
	return b.l, nil
}

// Words lists every word that the lexicon knows, also those that are but a part of a phrase: the word of number 1 first. Find notes the
// numbers in the tokens.
func (l *Lexicon) Words() []string { return l.texts }

// Gather adds the tables that are looked into at nearly every word to a block, for them to lie side by side.
func (l *Lexicon) Gather(b *hugepage.Block) {
	hugepage.Add(b, &l.table.slots)
	hugepage.Add(b, &l.words)
	hugepage.Add(b, &l.phrases.some)
	hugepage.Add(b, &l.phrases.branches)
	hugepage.Add(b, &l.ends)
	hugepage.Add(b, &l.ended)
	hugepage.Add(b, &l.values)
	for _, t := range []*trie{&l.mods, &l.back} {
		hugepage.Add(b, &t.nodes)
		hugepage.Add(b, &t.labels)
	}
}

// builder is a lexicon in the making.
type builder struct {
	l     *Lexicon
	words [][]hit          // the terms of each word
	ends  [][]hit          // and those of the phrases that end in each node
	ids   map[string]int32 // word → its number and 1
	steps map[step]int32
}

// step goes from a node of the tree of phrases by a word.
type step struct{ node, word int32 }

// tokensOf splits a form as a text is split into tokens: at spaces, and at hyphens between words ("cp-folk"), but not where a hyphen
// stands for letters ("j-a").
func tokensOf(form string) (parts []string) {
	for _, field := range strings.Fields(form) {
		between, words := strings.Split(field, "-"), false
		for _, p := range between {
			if words = words || len(p) > 2; p == "" {
				words = false
				break
			}
		}
		if words {
			parts = append(parts, between...)
		} else {
			parts = append(parts, field)
		}
	}
	return parts
}

// number gives the usual words among those of terms the first numbers.
func (b *builder) number(terms []Term, usual []string) {
	known := make(map[string]bool)
	for _, t := range terms {
		for _, form := range t.Forms {
			for _, part := range tokensOf(form) {
				known[part] = true
			}
		}
	}
	for _, w := range usual {
		if known[w] {
			b.word(w)
		}
	}
}

// add puts in one form of a term.
func (b *builder) add(h hit) error {
	parts := tokensOf(h.form)
	if len(parts) == 0 || len(parts) > 12 {
		return fmt.Errorf("the form %q has %d words", h.form, len(parts))
	}
	first := b.word(parts[0])
	if len(parts) == 1 {
		b.words[first-1] = join(b.words[first-1], h)
		return nil
	}
	node := int32(0)
	for _, p := range parts {
		s := step{node, b.word(p)}
		if b.steps[s] == 0 {
			b.steps[s] = int32(len(b.ends))
			b.ends = append(b.ends, nil)
		}
		if node = b.steps[s]; s.node == 0 {
			b.l.words[first-1].start = node
		}
	}
	b.ends[node] = join(b.ends[node], h)
	return nil
}

// join adds h to hits; terms of the same value are found once.
func join(hits []hit, h hit) []hit {
	for i, x := range hits {
		if x.value == h.value {
			hits[i].compound |= h.compound
			return hits
		}
	}
	return append(hits, h)
}

func (b *builder) word(s string) int32 {
	id, ok := b.ids[s]
	if !ok {
		b.l.words, b.l.texts = append(b.l.words, word{hash: text.HashOf(s)}), append(b.l.texts, s)
		b.words = append(b.words, nil)
		id = int32(len(b.l.words))
		b.ids[s] = id
	}
	return id
}

// grow builds the tries.
func (b *builder) grow(innocent []string) error {
	var fore, mods, back []key
	for _, s := range innocent {
		bare := strings.Trim(s, "*")
		switch {
		case bare == "" || strings.Contains(bare, "*") || len(bare) < len(s)-1:
			return fmt.Errorf("%q is no innocent word", s)
		case s[0] == '*':
			back = append(back, key{text: reverse(bare), part: spares})
		case bare != s:
			mods = append(mods, key{text: bare, part: spares})
		default:
			fore = append(fore, key{text: s, part: innocentWord})
			id := b.word(s) - 1
			b.words[id], b.l.words[id].innocent = nil, true
		}
	}
	for i, hits := range b.words {
		var c Compound
		for _, h := range hits {
			c |= h.compound
		}
		k := key{text: b.l.texts[i], word: int32(i) + 1}
		if c&Head != 0 {
			back = append(back, key{text: reverse(b.l.texts[i]), word: k.word, part: begins})
		}
		if c&Modifier != 0 {
			k.part = begins
			mods = append(mods, k)
		}
		fore = append(fore, k)
	}
	b.l.table = newTable(b.l.words)
	b.l.fore, b.l.mods, b.l.back = newTrie(fore), newTrie(mods), newTrie(back)
	return nil
}

// join puts together what was built apart.
func (b *builder) join() {
	l := b.l
	gather := func(x *entry, hits []hit) {
		x.from, x.n = uint32(len(l.hits)), uint16(len(hits))
		l.hits = append(l.hits, hits...)
		for _, h := range hits {
			l.values = append(l.values, h.value)
		}
	}
	for i, hits := range b.words {
		w := &l.words[i]
		if gather(&w.entry, hits); len(hits) > 0 {
			w.value = hits[0].value
		}
	}
	l.phrases, l.ended = newPhrases(b.steps), make([]uint64, len(b.ends)/64+1)
	l.ends = make([]entry, len(b.ends))
	for node, hits := range b.ends {
		if gather(&l.ends[node], hits); len(hits) > 0 {
			l.ends[node].innocent = hits[0].value == spared
			l.ended[node/64] |= 1 << (node % 64)
		}
	}
	from := make(map[int32]*word)
	for i := range l.words {
		from[l.words[i].start] = &l.words[i]
	}
	for s := range b.steps {
		if w := from[s.node]; w != nil && s.node > 0 {
			w.after |= 1 << (s.word & 63)
		}
	}
	for i := range l.words {
		s := search{l: l, tokens: make([]text.Token, 1)}
		s.compound(l.texts[i], 0)
		l.words[i].barren = len(s.out) == 0
	}
}

// pack puts all that is spelled out into one string. There are some 60,000 forms, and whatever is in use is gone through each time that garbage is
// collected: one by one they took as long as all else together.
func (b *builder) pack() {
	var all strings.Builder
	at := make(map[string]int)
	each := func(do func(*string)) {
		for i := range b.l.texts {
			do(&b.l.texts[i])
		}
		for i := range b.l.hits {
			do(&b.l.hits[i].form)
		}
	}
	each(func(s *string) {
		if _, ok := at[*s]; !ok {
			at[*s] = all.Len()
			all.WriteString(*s)
		}
	})
	packed := all.String()
	each(func(s *string) { *s = packed[at[*s]:][:len(*s)] })
}

func reverse(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

// phrases is the tree of phrases as an open hash table: from a node by a word to a node. Node 0 is the root.
type phrases struct {
	branches []branch
	shift    uint
	// some has a bit for each hash that a key has: mostly no phrase goes on so, and a few kilobytes say it.
	some []uint64
}

// branch goes to a node.
type branch struct {
	key uint64 // from which node by which word; 0 is empty, since words count from 1
	to  int32
}

const (
	someBits = 18
	spread   = 0x9E3779B97F4A7C15 // brings all of a key's bits to the top ones
)

func newPhrases(steps map[step]int32) phrases {
	size, shift := 2, uint(63)
	for size < 2*len(steps)+2 {
		size, shift = size*2, shift-1
	}
	p := phrases{branches: make([]branch, size), shift: shift, some: make([]uint64, 1<<someBits/64)}
	for s, node := range steps {
		k := uint64(s.node)<<32 | uint64(s.word)
		at := p.place(k)
		for p.branches[at].key != 0 {
			at = (at + 1) & (size - 1)
		}
		p.branches[at] = branch{k, node}
		h := k * spread >> (64 - someBits)
		p.some[h>>6] |= 1 << (h & 63)
	}
	return p
}

func (p *phrases) place(k uint64) int { return int(k * spread >> p.shift) }

// get returns the node that word leads to, or 0.
func (p *phrases) get(node, word int32) int32 {
	k := uint64(node)<<32 | uint64(word)
	if h := k * spread >> (64 - someBits); p.some[h>>6]&(1<<(h&63)) == 0 {
		return 0
	}
	for at := p.place(k); ; at = (at + 1) & (len(p.branches) - 1) {
		switch b := &p.branches[at]; b.key {
		case k:
			return b.to
		case 0:
			return 0
		}
	}
}
