// Package learn is the second reader: a small statistical model that has learnt from labelled comments what people flag.
//
// The path through it: [ReadComments] and [ReadPublic] read labelled texts; package rules tells which classes of the policy's word
// lists are in each; [Train] fits the model, and sets its threshold on comments that it was not fitted to; [Model.Save] writes it,
// [Load] reads it, and [Default] is the one built in. [Model.Violates] then says at a glance how likely a comment is to need a person,
// [Model.Closer] by a closer reading, [Model.Wary] whether a reading that knows prose better thinks so too,
// [Model.Category] why, and [Model.Is] what else it is.
//
// The reader is the weaker of the two, and is kept so: it puts before a person what the rules let stand, lets stand what only a doubtful one
// found, routes a question that they left, and moves a flag up in the queue. It never hides. What it is, what it was fed and how well it does
// stands in MODELCARD.md.
//
// Training is deterministic: the same examples, in whatever order, give the same model on the same machine architecture. Scoring
// allocates nothing, takes time linear in the length of the text, and never panics; a Model never changes, and may be used from any
// number of goroutines.
package learn

import (
	_ "embed"
	"math"
	"sync"

	"takhojd/rules/hugepage"
	"takhojd/rules/text"
)

// Model is a trained reader.
type Model struct {
	threshold float64
	// violates has one row, and tells what needs a person from what does not; category has a row for each of names, and tells
	// what needs a person apart.
	violates, category table
	names              []string
	// closer is violates with the order of the classes, and so is wary, which was taught harder to leave prose alone; head has a row for
	// each of heads.
	closer, wary, head table
	heads              []Head
	people             *people
	trials             []Trial
	version            string
}

// know tells the model and its tables what people are called.
func (m *Model) know(p *people) {
	m.people = p
	for _, t := range m.tables() {
		t.people = p
	}
}

func (m *Model) tables() []*table {
	return []*table{&m.violates, &m.closer, &m.wary, &m.head, &m.category}
}

// Version is the first 16 hexadecimal digits of the SHA-256 at the end of the file that the model was loaded from; empty when it was not.
func (m *Model) Version() string { return m.version }

// Threshold is what [Model.Closer] must say for a comment to be worth a person's look, though no rule found anything. It is set by
// [Train], on comments whose writers the model that scored them had not seen.
func (m *Model) Threshold() float64 { return m.threshold }

// Violates is the probability, from 0 to 1, that a person should look at the comment. The classes are those of the policy's word
// lists that the comment has, each as its [Sign], in any order. The probability is one among the examples trained on, where
// violations are many times more common than in a real comment field.
func (m *Model) Violates(f *text.Folded, classes []uint32) float64 {
	var sums [1]int32
	scale := m.violates.add(f, classes, sums[:])
	return logistic(m.violates.logit(sums[0], scale, 0))
}

// Category is what a violation is most likely to be, and how likely that is among the categories that the model knows, from 0 to 1.
func (m *Model) Category(f *text.Folded, classes []uint32) (string, float64) {
	var sums [maxCategories]int32
	scale := m.category.add(f, classes, sums[:len(m.names)])
	return m.likeliest(sums[:len(m.names)], scale)
}

// likeliest is the category with the highest sum, and its share of all.
func (m *Model) likeliest(sums []int32, scale float64) (string, float64) {
	best, most, total := 0, math.Inf(-1), 0.0
	for c := range sums {
		if x := m.category.logit(sums[c], scale, c); x > most {
			best, most = c, x
		}
	}
	for c := range sums {
		total += math.Exp(m.category.logit(sums[c], scale, c) - most)
	}
	return m.names[best], 1 / total
}

// table is a linear model over hashed features, its weights rounded to a byte each: the weight of feature x for row c is
// step*weights[(x&mask)*rows+c].
type table struct {
	people  *people
	mask    uint32
	step    float32
	bias    []float32
	weights []int8
}

// add sums the weights of a comment's features into sums, and returns what the sums are divided by: longer comments say more, and
// not more surely.
func (t *table) add(f *text.Folded, classes []uint32, sums []int32) float64 {
	w := walk{people: t.people}
	var n int32
	tokens := f.Tokens()
	for i := range tokens {
		features, whole := w.token(&tokens[i])
		n += int32(len(features)-whole) + int32(whole)*ofWords*ofWords
		for j, x := range features {
			times := int32(1)
			if j < whole {
				times = ofWords
			}
			t.row(x, times, sums)
		}
	}
	for _, x := range classes {
		t.row(x, ofClasses, sums)
	}
	n += int32(len(classes)) * ofClasses * ofClasses
	return math.Sqrt(float64(max(n, 1)))
}

func (t *table) row(x uint32, times int32, sums []int32) {
	at := int(x&t.mask) * len(sums)
	for c, w := range t.weights[at : at+len(sums)] {
		sums[c] += times * int32(w)
	}
}

func (t *table) logit(sum int32, scale float64, row int) float64 {
	return float64(sum)*float64(t.step)/scale + float64(t.bias[row])
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

//go:embed model.bin
var embedded []byte

// Default is the model built in.
var Default = sync.OnceValues(func() (*Model, error) {
	m, err := Load(embedded)
	if err != nil {
		return nil, err
	}
	var b hugepage.Block
	for _, t := range m.tables() {
		hugepage.Add(&b, &t.weights)
	}
	b.Lay()
	return m, nil
})
