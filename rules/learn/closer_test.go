package learn

import (
	"math"
	"strings"
	"testing"
)

// orderOf is an order in which each word of s has one class, its name, and a full stop ends a sentence.
func orderOf(s string) (o Order) {
	sentence := int32(0)
	for _, w := range strings.Fields(s) {
		if w == "." {
			sentence++
			continue
		}
		if !o.Next(sentence) {
			break
		}
		o.Add([]uint32{Sign(w)})
		o.Add([]uint32{Sign(w)})
	}
	return o
}

// TestCloserHeedsOrder: the same words and classes, and only their order tells who does it to whom.
func TestCloserHeedsOrder(t *testing.T) {
	var examples []Example
	put := func(words, order string, categories ...string) {
		e := Example{Text: words, Order: orderOf(order), Categories: categories}
		e.Serious = len(categories) > 0
		examples = append(examples, e)
	}
	for _, who := range strings.Fields("ni vi de hon han alla ingen någon tåget bussen kön vården läkaren chefen") {
		put(who+" frotsar quux nu", "i harm you", "threat")
		put(who+" frotsar quux igen", "you harm i")
		put(who+" frotsar quux här", "i . harm . you")
	}
	m := trained(t, examples)
	f := fold("grumlan frotsar quux")
	says := func(s string) float64 { o := orderOf(s); return m.Closer(f, nil, &o) }
	if a, b, c := says("i harm you"), says("you harm i"), says("i . harm . you"); a < 0.5 || b > 0.5 || c > 0.5 {
		t.Errorf("threat %.2f, being threatened %.2f, in sentences apart %.2f", a, b, c)
	}
	o := orderOf("i harm you")
	if b := m.Is(f, nil, &o); b != (Beside{Likely: -1, Clearly: -1, Serious: true}) {
		t.Errorf("it is %+v", b)
	}
	o = orderOf("you harm i")
	if m.Is(f, nil, &o).Serious {
		t.Error("being threatened is a serious threat")
	}
	if m, err := Load(saved(t, m)); err != nil || len(m.Heads()) != 1 || m.Heads()[0].Name != Serious {
		t.Errorf("loaded again it has the heads %v: %v", m.Heads(), err)
	}
}

// TestCloserReadsAsItWasTaught: training and scoring make the same features of an order, and weigh them the same.
func TestCloserReadsAsItWasTaught(t *testing.T) {
	m, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	f, o := fold("Jag vet var du bor. Vi ses snart"), orderOf("i know where you live . we see soon")
	classes := []uint32{Sign("i"), Sign("you")}
	var s seenExample
	s.take(f, classes, m.people)
	s.takePairs(&o)
	logit := float64(m.closer.bias[0])
	for i, x := range s.features {
		logit += float64(s.values[i] * m.closer.step * float32(m.closer.weights[x&m.closer.mask]))
	}
	if got, want := m.Closer(f, classes, &o), logistic(logit); math.Abs(got-want) > 1e-4 {
		t.Errorf("read as %.6f, taught as %.6f", got, want)
	}
}

// TestOrderHasBounds: however long the comment, so much is looked at and no more.
func TestOrderHasBounds(t *testing.T) {
	o := orderOf(strings.Repeat("a b c d e f g h ", 10_000))
	n := 0
	o.pairs(func(_, _ []uint32) { n++ })
	if n == 0 || n > mostTokens*reach {
		t.Errorf("%d pairs", n)
	}
	o.Reset()
	o.pairs(func(_, _ []uint32) { t.Error("an empty order has pairs") })
	o.Next(0)
	var many []uint32
	for i := range uint32(1000) {
		many = append(many, i)
	}
	if o.Add(many); len(o.of(0)) != mostSigns {
		t.Errorf("a token has %d classes", len(o.of(0)))
	}
}

func TestLookKeepsWritersTogether(t *testing.T) {
	var examples []Example
	for _, e := range lessons() {
		for _, w := range []string{"a", "b", "c"} {
			x := e
			x.Writer, x.Text = w, w+" "+e.Text
			examples = append(examples, x)
		}
	}
	seen := see(examples, []string{"insult", "threat"}, nil)
	look(seen, examples, nil)
	fold := make(map[string]int)
	for i, e := range examples {
		if at, had := fold[e.Writer]; had && at != seen[i].fold {
			t.Fatalf("comments of %s are in the folds %d and %d", e.Writer, at, seen[i].fold)
		}
		fold[e.Writer] = seen[i].fold
	}
	if len(fold) != 3 || fold["a"] == fold["b"] || fold["b"] == fold["c"] {
		t.Errorf("folds %v", fold)
	}
}

// TestWaryLeavesProseAlone: where prose has a word of threats, the wary reading leaves it alone; and it knows a threat.
func TestWaryLeavesProseAlone(t *testing.T) {
	var examples []Example
	for i, who := range strings.Fields("ni vi de hon han alla ingen någon tåget bussen kön vården läkaren chefen") {
		examples = append(examples, Example{Text: "frotsa " + who + " nu", Categories: []string{"threat"}}, Example{Text: who + " väntar på hjälp"})
		if i%3 == 0 {
			examples = append(examples, Example{Text: "de lät frotsa " + who + " under hela medeltiden", Source: Prose})
		}
	}
	m := trained(t, examples)
	var o Order
	prose, threat := fold("de lät frotsa grannarna under hela medeltiden"), fold("frotsa grannarna nu")
	if m.Wary(prose, nil, &o) {
		t.Error("prose with a word of threats is a violation to the wary reading")
	}
	if p := m.Closer(threat, nil, &o); p < 0.5 || !m.Wary(threat, nil, &o) {
		t.Errorf("a threat: %.2f read closely, a violation to the wary reading: %t", p, m.Wary(threat, nil, &o))
	}
}
