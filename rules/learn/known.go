package learn

import (
	"math"
	"slices"

	"takhojd/rules/hugepage"
	"takhojd/rules/text"
)

// Known is a model with some words and classes worked out beforehand: most words of a comment are among some thousands, and what is to be
// looked up of a word's own is then one read. What it says is what the model says, to the last bit.
type Known struct {
	*Model
	words                                  []knownWord
	signs                                  []uint32 // of the classes, by number
	violates, closer, wary, head, category knownTable
	asks                                   knownTable // of head, the row that says whether a comment asks: one row is read quicker
}

// knownWord is a word that a token may be.
type knownWord struct {
	hash  uint32
	grams uint16 // how many n-grams it has
	sum   int16  // what violates has of it: see knownTable.words
}

// knownTable is what a table holds of the known words and classes.
type knownTable struct {
	*table
	// words has a row for each known word: the sum of its n-grams, of itself, and of itself after nothing but a space. Those of violates,
	// which is asked of every comment, stand in knownWord.
	words []int16
	// signs has a row for each class.
	signs []int8
	// pairs has for each row of the table what one class before another says.
	pairs []pairs
}

// pairs are one row's weights, and 128, of each class before each: those before a class lie side by side, so that the processor's cache has room for
// what a comment asks for. A line of nothing is the last.
type pairs struct {
	weights []uint8
	classes int
}

// spaced stands for a gap with nothing but a space in it, or nothing at all.
const spaced = 11

// Know works out the words that tokens have the numbers of (see [text.Token]), the word of number 1 first, and classes by their signs, the
// class of number 0 first.
func (m *Model) Know(words []string, signs []uint32) *Known {
	k := &Known{Model: m, words: make([]knownWord, len(words)), signs: signs}
	tables := []*knownTable{&k.violates, &k.closer, &k.wary, &k.head, &k.category, &k.asks}
	for i, t := range []*table{&m.violates, &m.closer, &m.wary, &m.head, &m.category, m.asks()} {
		*tables[i] = knownTable{table: t, words: make([]int16, len(words)*len(t.bias))}
		for _, x := range signs {
			tables[i].signs = append(tables[i].signs, t.at(x)...)
		}
	}
	k.closer.pair(signs)
	k.wary.pair(signs)
	k.head.pair(signs)
	var w walk
	for i, s := range words {
		h := hashOf(&text.Token{Kind: text.Word, Text: s})
		n := 0
		if m.people.has(h) {
			h = somebody
		} else {
			n = grams(w.buf[:], s)
		}
		for _, t := range tables {
			t.know(i, h, w.buf[:n])
		}
		k.words[i] = knownWord{h, uint16(n), k.violates.words[i]}
	}
	k.violates.words = nil
	return k
}

// Gather adds the tables that are looked into at nearly every word to a block, for them to lie side by side.
func (k *Known) Gather(b *hugepage.Block) {
	hugepage.Add(b, &k.words)
	for _, t := range []*knownTable{&k.violates, &k.closer, &k.wary, &k.head, &k.category, &k.asks} {
		hugepage.Add(b, &t.words)
		hugepage.Add(b, &t.signs)
		for c := range t.pairs {
			hugepage.Add(b, &t.pairs[c].weights)
		}
	}
	hugepage.Add(b, &k.asks.weights)
}

// asks is the row of head that says whether a comment asks, or a table of no rows.
func (m *Model) asks() *table {
	row := slices.IndexFunc(m.heads, func(h Head) bool { return h.Name == Asks })
	if row < 0 {
		return &table{}
	}
	t := &table{people: m.people, mask: m.head.mask, step: m.head.step, bias: m.head.bias[row : row+1]}
	for at := row; at < len(m.head.weights); at += len(m.heads) {
		t.weights = append(t.weights, m.head.weights[at])
	}
	return t
}

// know works out word i of a hash and n-grams.
func (t *knownTable) know(i int, h uint32, grams []uint32) {
	rows := len(t.bias)
	sums := t.words[i*rows:][:rows]
	add := func(x uint32, times int16) {
		for c, w := range t.at(x) {
			sums[c] += times * int16(w)
		}
	}
	for _, x := range grams {
		add(x, 1)
	}
	add(h, ofWords)
	add(mix(spaced, h), ofWords)
}

// pair works out the classes in their order.
func (t *knownTable) pair(signs []uint32) {
	for c := range t.bias {
		weights := make([]uint8, 0, (len(signs)+1)*len(signs))
		for _, y := range signs {
			for _, x := range signs {
				weights = append(weights, uint8(int(t.at(pairFeature(x, y))[c])+128))
			}
		}
		t.pairs = append(t.pairs, pairs{weights[:cap(weights)], len(signs)})
	}
}

// pairWeights are pairWeight by how many classes the two tokens have.
var pairWeights = func() (w [mostSigns + 1][mostSigns + 1]float32) {
	var some [mostSigns]uint32
	for a := 1; a <= mostSigns; a++ {
		for b := 1; b <= mostSigns; b++ {
			w[a][b] = pairWeight(some[:a], some[:b])
		}
	}
	return w
}()

// ordered is [table.ordered] for classes by number.
func (t *knownTable) ordered(o *Order, sums []int32, scale float64, logits []float64) {
	var floats [maxCategories]float32
	n := scale * scale
	var room [reach*mostSigns + 1]uint32
	begin := 0 // of the sentence
	for i := 1; i < len(o.ends); i++ {
		if o.sentences[i] != o.sentences[i-1] {
			begin = i
		}
		from := max(begin, i-reach)
		if len(o.of(i)) == 0 || from == i {
			continue
		}
		count := 0
		for c := range t.pairs {
			count = t.pairs[c].before(o, from, i, &room, &floats[c])
		}
		for range count {
			n += ofPairs * ofPairs
		}
	}
	t.logits(sums, floats[:], n, logits)
}

// before adds to said what the classes of the tokens from the one up to token i say before those of token i, and returns how many of the tokens have
// classes. All the classes before are gone through at once, for four classes of token i: to go through those of one token after another, of which there
// are few, would be to guess wrong at each where they end.
func (p *pairs) before(o *Order, from, i int, room *[reach*mostSigns + 1]uint32, said *float32) (count int) {
	first := int32(0)
	if from > 0 {
		first = o.ends[from-1]
	}
	signs, b := o.signs[first:o.ends[i-1]], o.of(i)
	sums := room[:len(signs)+1] // running: sums[k] is of signs[:k]
	each := sums[1:]
	p.sum(signs, b, each)
	sum := uint32(0)
	for k, x := range each {
		sum += x
		each[k] = sum
	}
	end := o.ends[i-1]
	for j := i - 1; j >= from; j-- {
		start := first
		if j > from {
			start = o.ends[j-1]
		}
		if a := end - start; a > 0 {
			*said += pairWeights[a][len(b)] * float32(int32(sums[end-first]-sums[start-first])-128*a*int32(len(b)))
			count++
		}
		end = start
	}
	return count
}

// sum puts in each, for every class of signs, the sum of the weights, and 128, that it has before those of b.
func (p *pairs) sum(signs, b []uint32, each []uint32) {
	line := func(k int) []uint8 {
		class := p.classes // of nothing
		if k < len(b) {
			class = int(b[k])
		}
		return p.weights[class*p.classes:][:p.classes]
	}
	for k := 0; k < len(b); k += 4 {
		l0, l1, l2, l3 := line(k), line(k+1), line(k+2), line(k+3)
		if k == 0 {
			for i, x := range signs {
				each[i] = uint32(l0[x]) + uint32(l1[x]) + uint32(l2[x]) + uint32(l3[x])
			}
			continue
		}
		for i, x := range signs {
			each[i] += uint32(l0[x]) + uint32(l1[x]) + uint32(l2[x]) + uint32(l3[x])
		}
	}
}

// at is the row of weights of a feature.
func (t *table) at(x uint32) []int8 {
	at := int(x&t.mask) * len(t.bias)
	return t.weights[at : at+len(t.bias)]
}

// Features are those of a comment's words and of parts of them, worked out once for all tables. The zero value is ready for use; see [Known.Read].
type Features struct {
	known []int32  // which words of those that are known
	whole []uint32 // what else whole words give
	less  []uint32 // what the rows of known words have, and these do not give
	grams []uint32 // of words that are not known
	sum   int32    // what violates has of those that are
	n     int      // the sum of the squares of how heavy they weigh
}

// Read works out the features of a comment.
func (k *Known) Read(f *text.Folded, into *Features) {
	tokens := f.Tokens()
	known, grams, sum, n := into.known[:0], into.grams[:0], int32(0), 0
	whole, less := slices.Grow(into.whole[:0], wholes*len(tokens)), slices.Grow(into.less[:0], len(tokens))
	whole, less = whole[:cap(whole)], less[:cap(less)]
	w, in, out := walk{people: k.people}, 0, 0 // how many are in whole, and in less
	for i := range tokens {
		x := &tokens[i]
		if x.Word <= 0 || int(x.Word) > len(k.words) || x.Kind != text.Word {
			features, some := w.token(x)
			in += copy(whole[in:], features[:some])
			grams = append(grams, features[some:]...)
			n += len(features) - some + some*ofWords*ofWords
			continue
		}
		word := &k.words[x.Word-1]
		h, gap, here := word.hash, uint32(x.Before&^text.Space), 0
		if gap != 0 {
			here = 1 // written in any case, and kept if there is a gap: that asks for no guess of the processor's
		}
		to := whole[in:][:3]
		to[0], to[1], to[2], less[out] = mix(w.last, h), mix(mix(w.before, 7), h), mix(gap+spaced, h), mix(spaced, h)
		in, out = in+2+here, out+here
		known, sum, n = append(known, x.Word-1), sum+int32(word.sum), n+int(word.grams)+wholes*ofWords*ofWords
		w.before, w.last = w.last, h
	}
	*into = Features{known: known, whole: whole[:in], less: less[:out], grams: grams, sum: sum, n: n}
}

// scale is what sums are divided by: see [table.add].
func (f *Features) scale(classes []uint16) float64 {
	return math.Sqrt(float64(max(f.n+len(classes)*ofClasses*ofClasses, 1)))
}

// Violates is what [Model.Violates] is; the classes are given by their numbers.
func (k *Known) Violates(f *Features, classes []uint16) float64 {
	return logistic(k.violates.logit(k.violates.sum(f, classes), f.scale(classes), 0))
}

// Closer is what [Model.Closer] is; the classes are given by their numbers, in the order too.
func (k *Known) Closer(f *Features, classes []uint16, o *Order) float64 {
	return k.closer.closely(f, classes, o)
}

// Wary is what [Model.Wary] is; the classes are given by their numbers, in the order too.
func (k *Known) Wary(f *Features, classes []uint16, o *Order) bool {
	return k.wary.closely(f, classes, o) >= believes
}

// closely is the likelihood that a table of one row and pairs gives.
func (t *knownTable) closely(f *Features, classes []uint16, o *Order) float64 {
	var logit [1]float64
	t.ordered(o, []int32{t.sum(f, classes)}, f.scale(classes), logit[:])
	return logistic(logit[0])
}

// Category is what [Model.Category] is; the classes are given by their numbers.
func (k *Known) Category(f *Features, classes []uint16) (string, float64) {
	var sums [maxCategories]int32
	rows := len(k.names)
	k.category.add(f, classes, sums[:rows])
	return k.likeliest(sums[:rows], f.scale(classes))
}

// Is is what [Model.Is] is; the classes are given by their numbers, in the order too.
func (k *Known) Is(f *Features, classes []uint16, o *Order) Beside {
	rows := len(k.heads)
	if rows == 0 {
		return Beside{Likely: -1, Clearly: -1}
	}
	var sums [maxCategories]int32
	var logits [maxCategories]float64
	k.head.add(f, classes, sums[:rows])
	k.head.ordered(o, sums[:rows], f.scale(classes), logits[:rows])
	return k.beside(logits[:rows])
}

// Seems is what [Model.Seems] is; the classes are given by their numbers.
func (k *Known) Seems(f *Features, classes []uint16) float64 {
	if len(k.asks.bias) == 0 {
		return -1
	}
	return logistic(k.asks.logit(k.asks.sum(f, classes), f.scale(classes), 0))
}

// sum is [table.add] for a table of one row.
func (t *knownTable) sum(f *Features, classes []uint16) int32 {
	weights, words, parts, signs := t.weights, int32(0), int32(0), int32(0)
	of := func(x uint32) int32 { return int32(weights[x&uint32(len(weights)-1)]) }
	for _, x := range f.whole {
		words += of(x)
	}
	for _, x := range f.less {
		words -= of(x)
	}
	for _, x := range f.grams {
		parts += of(x)
	}
	if t.words == nil {
		parts += f.sum
	} else {
		for _, i := range f.known {
			parts += int32(t.words[i])
		}
	}
	for _, c := range classes {
		signs += int32(t.signs[c])
	}
	return parts + words*ofWords + signs*ofClasses
}

// add is [table.add] for a table of several rows.
func (t *knownTable) add(f *Features, classes []uint16, sums []int32) {
	rows := len(sums)
	for _, x := range f.whole {
		t.row(x, ofWords, sums)
	}
	for _, x := range f.less {
		t.row(x, -ofWords, sums)
	}
	for _, x := range f.grams {
		t.row(x, 1, sums)
	}
	for _, i := range f.known {
		for c, s := range t.words[int(i)*rows:][:rows] {
			sums[c] += int32(s)
		}
	}
	for _, c := range classes {
		for row, s := range t.signs[int(c)*rows:][:rows] {
			sums[row] += ofClasses * int32(s)
		}
	}
}
