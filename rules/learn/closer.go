package learn

import (
	"math"
	"slices"

	"takhojd/rules/text"
)

// Order is the word classes of a comment token by token. Which class comes before which in a sentence tells who is said to do what
// to whom, in whatever words: it holds for words that no training comment had, as long as the lists know them. A Model is given the
// classes' signs, and a [Known] their numbers.
type Order struct {
	signs     []uint32
	ends      []int32 // by token: where its signs end
	sentences []int32 // by token
}

// What the closer reading looks at: so many tokens of a comment, so many classes of each, and pairs of so near tokens. It keeps time
// linear.
const (
	mostTokens, mostSigns = 300, 16
	reach                 = 16
	ofPairs               = 10 // how heavy the pairs of two tokens' classes weigh together
)

// Reset makes the order empty.
func (o *Order) Reset() { o.signs, o.ends, o.sentences = o.signs[:0], o.ends[:0], o.sentences[:0] }

// Next begins the next token. It tells whether there is room for it.
func (o *Order) Next(sentence int32) bool {
	if len(o.ends) == mostTokens {
		return false
	}
	o.ends, o.sentences = append(o.ends, int32(len(o.signs))), append(o.sentences, sentence)
	return true
}

// Add gives the token last begun some classes, none of them twice. Those that it has already it does not get again.
func (o *Order) Add(signs []uint32) {
	last := len(o.ends) - 1
	from := 0
	if last > 0 {
		from = int(o.ends[last-1])
	}
	if from == len(o.signs) { // most tokens are but one thing
		o.signs = append(o.signs, signs[:min(len(signs), mostSigns)]...)
	} else {
		for _, x := range signs {
			if had := o.signs[from:]; len(had) < mostSigns && !slices.Contains(had, x) {
				o.signs = append(o.signs, x)
			}
		}
	}
	o.ends[last] = int32(len(o.signs))
}

// Sign puts the classes' signs in the place of their numbers.
func (o *Order) Sign(signs []uint32) {
	for i, c := range o.signs {
		o.signs[i] = signs[c]
	}
}

func (o *Order) of(i int) []uint32 {
	if i == 0 {
		return o.signs[:o.ends[0]]
	}
	return o.signs[o.ends[i-1]:o.ends[i]]
}

// pairs calls do with the classes of each two tokens of a sentence that are near each other, in their order.
func (o *Order) pairs(do func(a, b []uint32)) {
	for i := 1; i < len(o.ends); i++ {
		b := o.of(i)
		if len(b) == 0 {
			continue
		}
		for j := i - 1; j >= max(0, i-reach) && o.sentences[j] == o.sentences[i]; j-- {
			if a := o.of(j); len(a) > 0 {
				do(a, b)
			}
		}
	}
}

// follows is the feature of a class after another, in two steps: the first is the same for all that follow.
func follows(a uint32) uint32          { return (a + 27) * 31 }
func pairWeight(a, b []uint32) float32 { return ofPairs / float32(math.Sqrt(float64(len(a)*len(b)))) }
func pairFeature(a, b uint32) uint32   { return finish(follows(a) + b*0x9E3779B1) }

// closely works out the logits of a comment, its order heeded.
func (t *table) closely(f *text.Folded, classes []uint32, o *Order, logits []float64) {
	var sums [maxCategories]int32
	scale := t.add(f, classes, sums[:len(logits)])
	t.ordered(o, sums[:len(logits)], scale, logits)
}

// ordered adds what the order of the classes says to the sums of a comment, and makes logits of them.
func (t *table) ordered(o *Order, sums []int32, scale float64, logits []float64) {
	var room [maxCategories]int32
	var floats [maxCategories]float32
	part := room[:len(sums)]
	n := scale * scale
	o.pairs(func(a, b []uint32) {
		clear(part)
		t.addPairs(a, b, part)
		weight := pairWeight(a, b)
		n += ofPairs * ofPairs
		for c, s := range part {
			floats[c] += weight * float32(s)
		}
	})
	t.logits(sums, floats[:], n, logits)
}

// logits makes them of what classes and words say, what their order says, and the sum of their squares.
func (t *table) logits(sums []int32, floats []float32, n float64, logits []float64) {
	for c := range logits {
		logits[c] = (float64(sums[c])+float64(floats[c]))*float64(t.step)/math.Sqrt(n) + float64(t.bias[c])
	}
}

// addPairs adds the weights of the pairs of two tokens' classes to sums.
func (t *table) addPairs(a, b []uint32, sums []int32) {
	for _, x := range a {
		for _, y := range b {
			t.row(pairFeature(x, y), 1, sums)
		}
	}
}

// Closer is what [Model.Violates] is, by a reading that heeds the order of the classes: it tells more, and costs some three times as much.
func (m *Model) Closer(f *text.Folded, classes []uint32, o *Order) float64 {
	var logit [1]float64
	m.closer.closely(f, classes, o, logit[:])
	return logistic(logit[0])
}

// Wary tells whether a closer reading that was taught harder to leave prose alone takes the comment for a violation too. What that one
// thinks of comments is worth less, and Closer, which has read next to nothing but comments, takes much for one that is none.
func (m *Model) Wary(f *text.Folded, classes []uint32, o *Order) bool {
	var logit [1]float64
	m.wary.closely(f, classes, o, logit[:])
	return logistic(logit[0]) >= believes
}

// believes is the likelihood from which the wary reading takes a comment for a violation.
const believes = 0.7

// Head is what a comment may be beside a violation: [Clear], [Serious] or [Asks].
type Head struct {
	Name string
	// Threshold is the probability from which on it is believed to be that.
	Threshold float64
}

// Heads are what the model knows beside violations.
func (m *Model) Heads() []Head { return m.heads }

// The heads: of comments that ask for help or facts which somebody else than the social media team has, wherever they belong; of what people hide at
// sight, told from what they look at twice; and of threats and incitement that are clear. That they ask is learnt from all of them together: how
// people ask has little to do with about what.
const Asks, Clear, Serious = "asks", "clear", "serious"

// Beside is what a comment is beside a violation.
type Beside struct {
	// Likely is how likely it is to ask, and Clearly to be clear, from 0 to 1; -1 when the model cannot say.
	Likely, Clearly float64
	// Asks, Clear and Serious are true where the model believes that it is what the heads of these names look for.
	Asks, Clear, Serious bool
}

// Is tells what the comment is beside a violation. A model that lacks a head believes nothing of the kind.
func (m *Model) Is(f *text.Folded, classes []uint32, o *Order) Beside {
	if len(m.heads) == 0 {
		return Beside{Likely: -1, Clearly: -1}
	}
	var logits [maxCategories]float64
	m.head.closely(f, classes, o, logits[:len(m.heads)])
	return m.beside(logits[:len(m.heads)])
}

// Seems tells how likely the comment is to ask by its words alone, whatever their order: at a quarter of what Is costs, it tells which ones
// hardly can. A model that has no such head says -1.
func (m *Model) Seems(f *text.Folded, classes []uint32) float64 {
	if len(m.heads) == 0 {
		return -1
	}
	var sums [maxCategories]int32
	scale := m.head.add(f, classes, sums[:len(m.heads)])
	for i, h := range m.heads {
		if h.Name == Asks {
			return logistic(m.head.logit(sums[i], scale, i))
		}
	}
	return -1
}

// beside tells which heads' thresholds the logits reach.
func (m *Model) beside(logits []float64) Beside {
	b := Beside{Likely: -1, Clearly: -1}
	for i, h := range m.heads {
		p := logistic(logits[i])
		switch over := p >= h.Threshold; h.Name {
		case Asks:
			b.Likely, b.Asks = p, over
		case Clear:
			b.Clearly, b.Clear = p, over
		case Serious:
			b.Serious = over
		}
	}
	return b
}
