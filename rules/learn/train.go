package learn

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"takhojd/rules/text"
)

// Example is a labelled text to learn from.
type Example struct {
	Text string
	// Categories are what it breaks; none when it is lawful.
	Categories []string
	Source     Source
	// Writer tells who wrote it from others; empty when nobody knows.
	Writer string
	// Route is where it belongs as a question; Clear that people hide it at sight, and Serious that it is a clear threat or call to crime.
	Route          string
	Clear, Serious bool
	// Classes are the signs of the word classes in it (see [Sign]).
	Classes []uint32
	// Order is the same classes token by token.
	Order Order
	// Settled is true when the rules have an opinion: the reader does not flag it, and the threshold need not heed it.
	Settled bool
}

// Source is where an example comes from, and so what it is worth.
type Source uint8

const (
	// Ours are our own comments, labelled by the published policy. They count most; the lawful ones are hard to tell from violations
	// by design.
	Ours Source = iota
	// Prose are openly licensed sentences of Swedish that break nothing.
	Prose
	// English are openly licensed comments in English, which are many, and labelled by others' policies.
	English
)

func (s Source) weight() float32 { return [...]float32{1, 0.3, 0.05}[s] }

// closeWeight is what an example is worth to the closer reading: it is to know comments, and a little prose keeps it from taking that for
// them. Most that it is asked about is what the rules have an opinion on too, so that counts twice.
func closeWeight(e *Example) float32 {
	if e.Source == Ours && e.Settled {
		return 2
	}
	return [...]float32{1, 0.05, 0}[e.Source]
}

// waryWeight is what an example is worth to the wary reading, and headWeight to the heads. They are taught harder to leave prose alone: with
// more to go by than the glance, they would else find more to doubt there.
func waryWeight(e *Example) float32 { return [...]float32{1, 25, 0.05}[e.Source] }
func headWeight(e *Example) float32 { return [...]float32{1, 6, 0.05}[e.Source] }

// Options are what one may choose in training. The zero value is how the built-in model was made.
type Options struct {
	// Bits is the size of the table: 2 to the power of Bits hashed features, a byte each. 0 is 19. That of the heads is a quarter of
	// that, with a byte for each head.
	Bits int
	// FirstNames are taken for somebody's name, whatever it is.
	FirstNames []string
}

const (
	defaultBits   = 19
	categoryBits  = 13
	maxCategories = 16

	passes, closePasses, waryPasses = 6, 25, 10
	rate                            = 0.1
	folds                           = 5
	writerFolds                     = 6
)

// Train fits a model to the examples, and sets its threshold by cross-validation. It is an error when there
// is nothing to tell apart.
func Train(examples []Example, o Options) (*Model, error) {
	if o.Bits == 0 {
		o.Bits = defaultBits
	}
	if o.Bits < minBits || o.Bits > maxBits {
		return nil, fmt.Errorf("train: %d bits; want %d to %d", o.Bits, minBits, maxBits)
	}
	ordered := inOrder(examples)
	names, err := categoriesOf(ordered)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	people := peopleOf(o.FirstNames)
	seen := see(ordered, names, people)
	heads := headsOf(ordered)
	m := &Model{names: names}
	m.violates = fit(seen, task{bits: o.Bits, passes: passes, rows: 1, target: (*seenExample).violation}).rounded()
	m.category = fit(onlyViolations(seen), task{bits: categoryBits, passes: passes, rows: len(names),
		target: func(s *seenExample) []float32 { return s.categories }}).rounded()

	look(seen, ordered, heads)
	weigh(seen, ordered, closeWeight)
	closer := task{bits: o.Bits, passes: closePasses, rows: 1, target: (*seenExample).violation}
	scores := crossValidate(seen, closer)
	m.closer = fit(seen, closer).rounded()
	weigh(seen, ordered, waryWeight)
	wary := task{bits: o.Bits, passes: waryPasses, rows: 1, target: (*seenExample).violation}
	likely := where(scores, crossValidate(seen, wary))
	m.wary = fit(seen, wary).rounded()
	m.threshold = chooseThreshold(ordered, likely)
	m.trials = trialsOf(ordered, likely, m.threshold)
	if len(heads) > 0 {
		weigh(seen, ordered, headWeight)
		m.fitHeads(seen, heads, max(o.Bits-2, minBits))
	}
	m.know(people)
	return m, nil
}

// fitHeads fits the heads, and sets the threshold of each by cross-validation.
func (m *Model) fitHeads(seen []seenExample, heads []string, bits int) {
	head := task{bits: bits, passes: passes, rows: len(heads), apart: true, target: func(s *seenExample) []float32 { return s.heads }}
	scores := crossValidate(seen, head)
	for i, name := range heads {
		may := bounds[name]
		m.heads = append(m.heads, Head{name, headThreshold(seen, scores, i, may.most, may.least)})
	}
	m.head = fit(seen, head).rounded()
}

// where is what the closer reading says where the wary one takes the comment for a violation too; 0 elsewhere.
func where(closer, wary [][]float32) []float64 {
	likely := make([]float64, len(closer))
	for i := range closer {
		if wary[i][0] >= believes {
			likely[i] = float64(closer[i][0])
		}
	}
	return likely
}

// headsOf lists what the examples may be beside violations, in sorted order.
func headsOf(examples []Example) (names []string) {
	for _, e := range examples {
		if e.Route != "" {
			names = append(names, Asks)
		}
		if e.Clear {
			names = append(names, Clear)
		}
		if e.Serious {
			names = append(names, Serious)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Trial is how the closer reading does, all alone, on the comments of a writer whom the model that read them had never read.
type Trial struct {
	Writer                              string
	Caught, Violations, Flagged, Lawful int
}

// Trials are those of the training; a model that was loaded has none.
func (m *Model) Trials() []Trial { return m.trials }

func trialsOf(examples []Example, scores []float64, threshold float64) []Trial {
	byWriter := make(map[string]*Trial)
	for i, e := range examples {
		if e.Source != Ours {
			continue
		}
		t := byWriter[e.Writer]
		if t == nil {
			t = &Trial{Writer: e.Writer}
			byWriter[e.Writer] = t
		}
		over := 0
		if scores[i] >= threshold {
			over = 1
		}
		if len(e.Categories) > 0 {
			t.Violations++
			t.Caught += over
		} else {
			t.Lawful++
			t.Flagged += over
		}
	}
	var trials []Trial
	for _, w := range slices.Sorted(maps.Keys(byWriter)) {
		trials = append(trials, *byWriter[w])
	}
	return trials
}

// bounds are the share of other comments that may be taken for what a head looks for, and under what no head is believed, however few it would
// mistake. An alarm only puts a flag first. A route removes nothing, and is not given without a topic, which more than half of those mistaken
// have not. What is taken for clear may be hidden, if a rule has found it too and the closer reading is as good as sure of a violation: nearly all that is
// mistaken is doubtful.
var bounds = map[string]struct{ most, least float64 }{Asks: {0.04, 0.2}, Serious: {0.02, 0.15}, Clear: {0.01, 0.5}}

// headThreshold finds the least threshold of a head that keeps to the share, of our own comments and, half of it, of prose. A head that
// knows nothing gets 1.
func headThreshold(seen []seenExample, scores [][]float32, head int, most, least float64) float64 {
	var ours, prose []float64
	for i := range seen {
		switch x := float64(scores[i][head]); {
		case seen[i].heads[head] != 0:
		case seen[i].source == Ours:
			ours = append(ours, x)
		case seen[i].source == Prose:
			prose = append(prose, x)
		}
	}
	return min(1, max(least, under(ours, most), under(prose, most/2)))
}

// mostOurs is the share of our own lawful comments that the reader may flag. One that the rules have settled counts as left alone.
const mostOurs = 0.015

// chooseThreshold finds the least threshold that keeps to that share. Prose has no say: the wary reading is there for it.
func chooseThreshold(examples []Example, scores []float64) float64 {
	var ours []float64
	for i, e := range examples {
		switch {
		case e.Source != Ours || len(e.Categories) > 0:
		case e.Settled:
			ours = append(ours, 0)
		default:
			ours = append(ours, scores[i])
		}
	}
	return max(0.5, under(ours, mostOurs))
}

// under is the least number such that at most this share of the scores are at it or over.
func under(scores []float64, share float64) float64 {
	if len(scores) == 0 {
		return 0
	}
	slices.Sort(scores)
	return math.Nextafter(scores[len(scores)-1-int(share*float64(len(scores)))], 1)
}

// inOrder sorts examples by a hash of their text, so that what is learnt does not depend on the order of the files.
func inOrder(examples []Example) []Example {
	ordered := slices.Clone(examples)
	slices.SortStableFunc(ordered, func(a, b Example) int {
		return cmp.Or(cmp.Compare(place(a.Text), place(b.Text)), cmp.Compare(a.Text, b.Text), cmp.Compare(a.Source, b.Source),
			slices.Compare(a.Categories, b.Categories))
	})
	return ordered
}

// place gives a text its place among others, and its fold: the same everywhere and always.
func place(text string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(text))
	x := h.Sum64()
	x ^= x >> 29
	return x * 0x9E3779B97F4A7C15 >> 8
}

func categoriesOf(examples []Example) ([]string, error) {
	var names []string
	lawful := false
	for _, e := range examples {
		if e.Source > English {
			return nil, fmt.Errorf("an example has the source %d", e.Source)
		}
		names = append(names, e.Categories...)
		lawful = lawful || len(e.Categories) == 0
	}
	slices.Sort(names)
	names = slices.Compact(names)
	switch {
	case len(names) == 0 || !lawful:
		return nil, errors.New("need both lawful examples and violations")
	case len(names) > maxCategories:
		return nil, fmt.Errorf("%d categories; at most %d", len(names), maxCategories)
	}
	return names, nil
}

// seenExample is an example as the fitting sees it.
type seenExample struct {
	features   []uint32
	values     []float32 // of the features, such that their squares sum to 1
	violates   [1]float32
	categories []float32 // shares that sum to 1; nil when lawful
	heads      []float32 // 1 for what it is, untold where that is not known
	weight     float32
	source     Source
	fold       int
	square     float32 // the sum of the squares of the values before they were scaled
}

func (s *seenExample) violation() []float32 { return s.violates[:] }

func see(examples []Example, names []string, people *people) []seenExample {
	var f text.Folded
	seen := make([]seenExample, len(examples))
	for i := range examples {
		e := &examples[i]
		f.Fold(e.Text)
		s := seenExample{weight: e.Source.weight(), source: e.Source, fold: int(place(e.Text) % folds)}
		s.take(&f, e.Classes, people)
		if len(e.Categories) > 0 {
			s.violates[0] = 1
			s.categories = make([]float32, len(names))
			for _, c := range e.Categories {
				at, _ := slices.BinarySearch(names, c)
				s.categories[at] = 1 / float32(len(e.Categories))
			}
		}
		seen[i] = s
	}
	return seen
}

// take notes the features of a text, as [table.add] sums them.
func (s *seenExample) take(f *text.Folded, classes []uint32, people *people) {
	w := walk{people: people}
	tokens := f.Tokens()
	for i := range tokens {
		features, whole := w.token(&tokens[i])
		for j, x := range features {
			s.features = append(s.features, x)
			if j < whole {
				s.values = append(s.values, ofWords)
			} else {
				s.values = append(s.values, 1)
			}
		}
	}
	for _, x := range classes {
		s.features = append(s.features, x)
		s.values = append(s.values, ofClasses)
	}
	sum := float32(0)
	for _, v := range s.values {
		sum += v * v
	}
	s.square = max(sum, 1)
	norm := float32(math.Sqrt(float64(s.square)))
	for i := range s.values {
		s.values[i] /= norm
	}
}

// look adds what the closer reading sees, and puts all comments of a writer in one fold: what is learnt of a writer's ways must not be
// taken for knowledge. Where fewer than three writers are known, folds stay as they are.
func look(seen []seenExample, examples []Example, heads []string) {
	var writers []string
	for i := range examples {
		if w := examples[i].Writer; w != "" {
			writers = append(writers, w)
		}
	}
	slices.Sort(writers)
	writers = slices.Compact(writers)
	for i := range seen {
		s, e := &seen[i], &examples[i]
		if len(writers) > 2 {
			n := min(len(writers), writerFolds) // each fold costs a training, so some hold several writers
			s.fold = int(place(e.Text) % uint64(n))
			if e.Writer != "" {
				at, _ := slices.BinarySearch(writers, e.Writer)
				s.fold = at % n
			}
		}
		s.heads = make([]float32, len(heads))
		for h, name := range heads {
			switch {
			case name == Asks && e.Source != Ours, name == Clear && e.Source == English:
				s.heads[h] = untold // nobody labelled it, and some of it are questions, or clear
			case name == Asks && e.Route != "" || name == Clear && e.Clear || name == Serious && e.Serious:
				s.heads[h] = 1
			}
		}
		s.takePairs(&e.Order)
	}
}

func weigh(seen []seenExample, examples []Example, weight func(*Example) float32) {
	for i := range seen {
		seen[i].weight = weight(&examples[i])
	}
}

// takePairs adds the pairs of an order, as [table.closely] sums them.
func (s *seenExample) takePairs(o *Order) {
	before := float32(math.Sqrt(float64(s.square)))
	n := len(s.values)
	o.pairs(func(a, b []uint32) {
		weight := pairWeight(a, b)
		s.square += ofPairs * ofPairs
		for _, x := range a {
			for _, y := range b {
				s.features, s.values = append(s.features, pairFeature(x, y)), append(s.values, weight)
			}
		}
	})
	norm := float32(math.Sqrt(float64(s.square)))
	for i := range s.values {
		if i < n {
			s.values[i] *= before
		}
		s.values[i] /= norm
	}
}

func onlyViolations(seen []seenExample) (only []seenExample) {
	for _, s := range seen {
		if s.categories != nil {
			only = append(only, s)
		}
	}
	return only
}

// fitted is a model before its weights are rounded: rows of weights for each feature, as in table.
type fitted struct {
	mask  uint32
	rows  int
	apart bool
	w     []float32
	bias  []float32
}

// untold is the target of which nothing is to be learnt.
const untold = -1

// task is what to fit: target says what the rows should be. One row is logistic, more are softmax, or logistic each if they are apart.
type task struct {
	bits, passes, rows int
	apart              bool
	target             func(*seenExample) []float32
}

// fit finds weights by stochastic gradient descent with a rate of its own for each weight (AdaGrad).
func fit(seen []seenExample, t task) *fitted {
	rows := t.rows
	m := &fitted{mask: 1<<t.bits - 1, rows: rows, apart: t.apart, w: make([]float32, rows<<t.bits), bias: make([]float32, rows)}
	squares, biasSquares := make([]float32, len(m.w)), make([]float32, rows)
	order := make([]int, len(seen))
	for i := range order {
		order[i] = i
	}
	random := rand.New(rand.NewPCG(1766, 12)) // the year and month of the first freedom of the press
	p := make([]float32, rows)
	step := func(w, square *float32, gradient, rate float32) {
		*square += gradient * gradient
		*w -= rate * gradient / (float32(math.Sqrt(float64(*square))) + 1e-4)
	}
	for range t.passes {
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, i := range order {
			s := &seen[i]
			if s.weight == 0 {
				continue
			}
			m.probabilities(s, p)
			for c, want := range t.target(s) {
				if want == untold {
					continue
				}
				d := (p[c] - want) * s.weight
				step(&m.bias[c], &biasSquares[c], d, rate/10)
				for j, x := range s.features {
					at := int(x&m.mask)*rows + c
					step(&m.w[at], &squares[at], d*s.values[j], rate)
				}
			}
		}
	}
	return m
}

func (m *fitted) probabilities(s *seenExample, p []float32) {
	copy(p, m.bias)
	for j, x := range s.features {
		at := int(x&m.mask) * m.rows
		for c, w := range m.w[at : at+m.rows] {
			p[c] += w * s.values[j]
		}
	}
	if m.rows == 1 || m.apart {
		for c := range p {
			p[c] = float32(logistic(float64(p[c])))
		}
		return
	}
	most, total := slices.Max(p), float32(0)
	for c := range p {
		p[c] = float32(math.Exp(float64(p[c] - most)))
		total += p[c]
	}
	for c := range p {
		p[c] /= total
	}
}

// rounded turns the weights into bytes. The few largest are cut off at the reach of the rest.
func (m *fitted) rounded() table {
	sizes := make([]float32, 0, len(m.w))
	for _, w := range m.w {
		if w != 0 {
			sizes = append(sizes, float32(math.Abs(float64(w))))
		}
	}
	slices.Sort(sizes)
	step := float32(1)
	if len(sizes) > 0 {
		step = sizes[len(sizes)-1-len(sizes)/10_000] / 127
	}
	t := table{mask: m.mask, step: step, bias: m.bias, weights: make([]int8, len(m.w))}
	for i, w := range m.w {
		t.weights[i] = int8(math.Round(float64(max(-127, min(127, w/step)))))
	}
	return t
}

// crossValidate tells of each example what a model says that was fitted without its fold.
func crossValidate(seen []seenExample, t task) [][]float32 {
	scores := make([][]float32, len(seen))
	last := 0
	for i := range seen {
		last = max(last, seen[i].fold)
	}
	var wait sync.WaitGroup
	limit := make(chan struct{}, 2)
	for k := range last + 1 {
		limit <- struct{}{}
		wait.Go(func() {
			defer func() { <-limit }()
			var rest []seenExample
			for _, s := range seen {
				if s.fold != k {
					rest = append(rest, s)
				}
			}
			m := fit(rest, t)
			for i := range seen {
				if seen[i].fold == k {
					scores[i] = make([]float32, t.rows)
					m.probabilities(&seen[i], scores[i])
				}
			}
		})
	}
	wait.Wait()
	return scores
}
