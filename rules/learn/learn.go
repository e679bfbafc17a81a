// Package learn is the second reader: a small statistical model that has learnt from labelled comments what people flag.
//
// The path through it: [ReadComments] and [ReadPublic] read labelled texts; package rules tells which classes of the policy's word
// lists are in each; [Train] fits the model, and sets its threshold on comments that it was not fitted to; [Model.Save] writes it,
// [Load] reads it, and [Default] is the one built in. [Model.Violates] then says at a glance how likely a comment is to need a person,
// [Model.Closer] by a closer reading, [Model.Category] why, and [Model.Is] what else it is.
//
// The reader is the weaker of the two, and is kept so: it puts before a person what the rules let stand, routes a question that they
// left, and moves a flag up in the queue. It never hides, and never undoes what a rule found. What it is, what it was fed and how well it does stands in MODELCARD.md.
//
// Training is deterministic: the same examples, in whatever order, give the same model on the same machine architecture. Scoring
// allocates nothing, takes time linear in the length of the text, and never panics; a Model never changes, and may be used from any
// number of goroutines.
package learn

import (
	_ "embed"
	"math"
	"sync"

	"takhojd/rules/text"
)

// Model is a trained reader.
type Model struct {
	threshold float64
	// violates has one row, and tells what needs a person from what does not; category has a row for each of names, and tells
	// what needs a person apart.
	violates, category table
	names              []string
	// closer is violates with the order of the classes; head has a row for each of heads.
	closer, head table
	heads        []Head
	trials       []Trial
	version      string
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
	return m.score(f, classes, nil)
}

func (m *Model) score(f *text.Folded, classes []uint32, known []knownWord) float64 {
	sum, scale := m.violates.sum(f, classes, known)
	return logistic(m.violates.logit(sum, scale, 0))
}

// Known is a model with some words worked out beforehand: most words of a comment are among a few thousands, and their n-grams are most
// of what there is to look up.
type Known struct {
	*Model
	words []knownWord
}

type knownWord struct {
	hash     uint32
	sum, num int32 // of the weights of its n-grams, and how many they are
}

// Know works out the words that tokens have the numbers of (see [text.Token]): the word of number 1 first.
func (m *Model) Know(words []string) *Known {
	k := &Known{m, make([]knownWord, len(words))}
	var w walk
	for i, s := range words {
		x := &k.words[i]
		x.hash = hashOf(&text.Token{Kind: text.Word, Text: s})
		x.num = int32(grams(w.buf[:], s))
		for _, g := range w.buf[:x.num] {
			x.sum += int32(m.violates.weights[g&m.violates.mask])
		}
	}
	return k
}

// Violates is what [Model.Violates] is, to the last bit.
func (k *Known) Violates(f *text.Folded, classes []uint32) float64 {
	return k.score(f, classes, k.words)
}

// Category is what a violation is most likely to be, and how likely that is among the categories that the model knows, from 0 to 1.
func (m *Model) Category(f *text.Folded, classes []uint32) (string, float64) {
	var sums [maxCategories]int32
	rows := len(m.names)
	scale := m.category.add(f, classes, sums[:rows])
	best, most, total := 0, math.Inf(-1), 0.0
	for c := range rows {
		if x := m.category.logit(sums[c], scale, c); x > most {
			best, most = c, x
		}
	}
	for c := range rows {
		total += math.Exp(m.category.logit(sums[c], scale, c) - most)
	}
	return m.names[best], 1 / total
}

// table is a linear model over hashed features, its weights rounded to a byte each: the weight of feature x for row c is
// step*weights[(x&mask)*rows+c].
type table struct {
	mask    uint32
	step    float32
	bias    []float32
	weights []int8
}

// add sums the weights of a comment's features into sums, and returns what the sums are divided by: longer comments say more, and
// not more surely.
func (t *table) add(f *text.Folded, classes []uint32, sums []int32) float64 {
	var w walk
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

// sum is add for a table of one row, which is asked of nearly every comment.
func (t *table) sum(f *text.Folded, classes []uint32, known []knownWord) (sum int32, scale float64) {
	var w walk
	weights := t.weights
	of := func(x uint32) int32 { return int32(weights[x&uint32(len(weights)-1)]) }
	grams, words, signs, n := int32(0), int32(0), int32(0), 0
	tokens := f.Tokens()
	for i := range tokens {
		var features []uint32
		if x := tokens[i].Word; x > 0 && int(x) <= len(known) && tokens[i].Kind == text.Word {
			k := &known[x-1]
			features = w.whole(k.hash, tokens[i].Before)
			grams += k.sum
			n += int(k.num)
		} else {
			features, _ = w.token(&tokens[i])
		}
		for _, x := range features[:wholes] {
			words += of(x)
		}
		for _, x := range features[wholes:] {
			grams += of(x)
		}
		n += len(features) - wholes + wholes*ofWords*ofWords
	}
	for _, x := range classes {
		signs += of(x)
	}
	n += len(classes) * ofClasses * ofClasses
	return grams + words*ofWords + signs*ofClasses, math.Sqrt(float64(max(n, 1)))
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
var Default = sync.OnceValues(func() (*Model, error) { return Load(embedded) })
