package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"math/bits"
	"slices"

	"takhojd/platforms"
	"takhojd/rules/learn"
)

// SecondReader is the id by which the second reader stands in findings, and in [Facts.Modes].
const SecondReader = "second-reader"

// second is the reader that has learnt (package learn), and what it needs to know of this policy. Without a model it says nothing.
type second struct {
	model  *learn.Known
	mode   Mode
	key    float64              // how likely a violation must be to it before patterns may hide; 0: they may alone
	spares map[Category]float64 // how likely a violation must be for what a doubtful pattern finds to be flagged
	flags  map[Category]float64 // and for what no rule has found to be flagged, by its guess
	least  float64              // the least of those, and of the model's own for any other guess
	// signs are those of the lists' own classes, by their numbers of what is asked of a comment as a whole, of which they have the first. Those
	// that only a pattern has are no signs.
	signs []uint32
	class []int      // by the same: what the class is
	bySet [][]uint32 // the same numbers of the lists' own classes in each set of classes that words have
}

func newSecond(v *vocabulary, numbers []int, words []string, f *policyFile) (second, error) {
	m, err := learn.Default()
	if err != nil {
		return second{}, err
	}
	s := second{mode: f.Policy.SecondReader, key: f.Policy.SecondKey, spares: byCategory(f.Policy.SecondSpares), flags: byCategory(f.Policy.SecondFlags), signs: make([]uint32, v.own), class: make([]int, v.own)}
	for name, c := range v.numbers {
		if c < v.own {
			s.signs[numbers[c]], s.class[numbers[c]] = learn.Sign(name), c
		}
	}
	s.take(m, words)
	for i := range v.wide {
		var classes []uint32
		v.wide[i].each(func(c int) {
			if c < v.own {
				classes = append(classes, uint32(numbers[c]))
			}
		})
		s.bySet = append(s.bySet, classes)
	}
	return s, nil
}

// take makes m the reader.
func (r *second) take(m *learn.Model, words []string) {
	r.model, r.least = m.Know(words, r.signs), m.Threshold()
	for _, likely := range r.flags {
		r.least = min(r.least, likely)
	}
}

func byCategory(given []secondLikely) map[Category]float64 {
	m := make(map[Category]float64)
	for _, x := range given {
		m[x.Category] = x.Likely
	}
	return m
}

// version is a policy's version with the reader's in it: another reader may give another verdict.
func (r *second) version(policy string) string {
	sum := sha256.Sum256([]byte(policy + r.model.Version()))
	return hex.EncodeToString(sum[:8])
}

// WithSecondReader is the policy with another second reader, for measuring; nil is none.
func (p *Policy) WithSecondReader(m *learn.Model) *Policy {
	other := *p
	if other.second.model = nil; m != nil {
		other.second.take(m, p.lexicon.Words())
	}
	return &other
}

// Lesson is an example as the second reader learns from it: with the word classes that it has, and whether the rules settle it.
func (p *Policy) Lesson(e learn.Example) learn.Example {
	s := p.pool.Get().(*scratch)
	defer p.pool.Put(s)
	v := p.WithSecondReader(nil).Judge(platforms.Comment{Text: e.Text}, Facts{})
	p.read(s, e.Text)
	p.matchRules(s)
	e.Classes = p.second.signsOf(&s.lattice.all)
	e.Settled = len(v.Findings) > 0 || len(s.hits) > 0
	p.second.orderOf(&s.lattice, &e.Order)
	e.Order.Sign(p.second.signs)
	return e
}

// signsOf lists the signs of the lists' own classes in the comment, in the order of the classes.
func (r *second) signsOf(all *classSet) (signs []uint32) {
	numbers := r.classesOf(all, nil)
	slices.SortFunc(numbers, func(a, b uint16) int { return r.class[a] - r.class[b] })
	for _, n := range numbers {
		signs = append(signs, r.signs[n])
	}
	return signs
}

// classesOf appends the numbers of the lists' own classes in the comment to those in to.
func (r *second) classesOf(all *classSet, to []uint16) []uint16 {
	for i := range min(len(all), (len(r.signs)+63)>>6) {
		word := all[i]
		if left := len(r.signs) - i<<6; left < 64 {
			word &= 1<<left - 1
		}
		for ; word != 0; word &= word - 1 {
			to = append(to, uint16(i<<6+bits.TrailingZeros64(word)))
		}
	}
	return to
}

// orderOf tells the reader which classes the words have, by number, one word after another.
func (r *second) orderOf(l *lattice, o *learn.Order) {
	o.Reset()
	for i := 0; i < l.n && o.Next(l.sent[i]); i++ {
		for _, x := range l.edgesAt(int32(i)) {
			o.Add(r.bySet[x.set])
		}
	}
}

// order is the comment's, worked out when it is first asked for.
func (w *weighing) order() *learn.Order {
	if !w.ordered {
		w.ordered = true
		w.p.second.orderOf(&w.s.lattice, &w.s.order)
	}
	return &w.s.order
}

// classes are the numbers of the lists' own classes in the comment, worked out when they are first asked for.
func (w *weighing) classes() []uint16 {
	if !w.listed {
		w.listed = true
		w.s.classes = w.p.second.classesOf(&w.s.lattice.all, w.s.classes[:0])
	}
	return w.s.classes
}

// features are the comment's, worked out when they are first asked for.
func (w *weighing) features() *learn.Features {
	if !w.read {
		w.read = true
		w.p.second.model.Read(&w.s.folded, &w.s.features)
	}
	return &w.s.features
}

// shadowed tells whether the reader may only count.
func (w *weighing) shadowed() bool {
	return w.p.second.mode == ModeShadow || w.facts.Modes[SecondReader] == ModeShadow
}

// likelihood is how likely the reader thinks it at a glance that the comment violates.
func (w *weighing) likelihood() float64 {
	if !w.guessed {
		w.guessed = true
		w.likely = w.p.second.model.Violates(w.features(), w.classes())
	}
	return w.likely
}

// closely is how likely the reader thinks it by a closer reading, which is asked only where something was found or the glance has doubts.
func (w *weighing) closely() float64 {
	if !w.reread {
		w.reread = true
		w.closer = w.p.second.model.Closer(w.features(), w.classes(), w.order())
	}
	return w.closer
}

// sure is the score from which a rule hides with its own key: a threat to kill must not stand and wait for a person.
const sure = 0.95

// secondKey lowers a hide to a flag where nothing but patterns of words wants it and the second reader has its doubts: it takes two keys to
// hide an opinion. What a detector found beside it – a link under an offer, a number with its check digit – is a second key too, and
// so is a text that comes for the third time. An escalation stays: a threat that may be none still leads the queue.
func (w *weighing) secondKey(byPatterns int, detected bool) {
	r := &w.p.second
	if w.action != Hide || r.model == nil || r.key == 0 || detected {
		return
	}
	for i, f := range w.findings {
		if f.Action == Hide && (i >= byPatterns || f.Score >= sure) {
			return
		}
	}
	if w.closely() >= r.key {
		return
	}
	for i := range w.findings {
		if w.findings[i].Action == Hide {
			w.findings[i].Action = Flag
		}
	}
	w.action = Flag
}

// wary tells whether the reading that knows prose takes the comment for a violation too.
func (w *weighing) wary() bool { return w.p.second.model.Wary(w.features(), w.classes(), w.order()) }

// spared ends the reason of a finding that the second reader let stand.
var spared = Words{
	SV: " En statistisk läsare tycker att kommentaren liknar lagliga. Därför får den stå kvar.",
	EN: " A statistical reader finds the comment like lawful ones. So it stays.",
}

// secondThought lets a comment stand where nothing but patterns of words would have it flagged, under bullets for which the policy says how
// likely a violation must then be, and the second reader thinks it less likely. The findings stay, and say so. What is escalated or clear is
// never spared, nor what resembles a known false claim, what a detector found, a picture or a repetition: among many harmless words the reader overlooks a few.
func (w *weighing) secondThought(byPatterns int) {
	r := &w.p.second
	if w.action != Flag || w.escalate || r.model == nil || w.shadowed() || len(w.findings) > byPatterns {
		return
	}
	for i := range w.findings {
		f := &w.findings[i]
		rule := w.reasons[i].rule
		if f.Action == Flag && (f.Score >= rule.cat.Thresholds.Clear || rule.known || w.closely() >= r.spares[f.Category]) {
			return
		}
	}
	for i := range w.findings {
		if w.findings[i].Action == Flag {
			w.findings[i].Action, w.reasons[i].spared = Allow, true
		}
	}
	w.action = Allow
}

// glance is the likelihood by the quick reading under which the closer one is not asked for: it flags next to nothing there.
const glance = 0.5

// insists is the likelihood from which it flags although a rule matched and context made that nothing. Chosen on writers f, g, h, i and aa when it
// had not read them: of 2,500 comments 11 violations more are flagged, and none of 1,002 lawful.
const insists = 0.97

// secondOpinion lets the second reader speak where the rules have nothing to say. It never hides.
// Where a rule matched and context made it nothing ("du är ingen idiot") the rules know better, unless it is all but sure. From
// where it flags the policy says by bullet, and for any other the model.
func (w *weighing) secondOpinion() {
	r := &w.p.second
	if r.model == nil || len(w.findings) > 0 || w.s.lattice.n == 0 || w.likelihood() < glance {
		return
	}
	closer := w.closely()
	if closer < r.least || w.cleared && closer < insists {
		return
	}
	guess, _ := r.model.Category(w.features(), w.classes())
	from, ok := r.flags[Category(guess)]
	if !ok {
		from = r.model.Threshold()
	}
	if closer < from {
		return
	}
	bullet := w.p.bullets[Category(guess)]
	if bullet == nil {
		return // a model of other categories than the policy's
	}
	if !w.wary() {
		return
	}
	action := Flag
	if w.shadowed() {
		action = Allow
	}
	w.findings = append(w.findings, Finding{Category: bullet.ID, Rule: SecondReader, Action: action, Score: closer, Reason: Words{
		SV: "Ingen regel slog till, men en statistisk läsare tycker att kommentaren liknar sådana som människor har flaggat. Den gissar på punkten ”" +
			bullet.Published.SV + "” i kommentarsreglerna.",
		EN: "No rule matched, but a statistical reader finds the comment like ones that people have flagged. It guesses the bullet “" +
			bullet.Published.EN + "” of the comment policy.",
	}})
	w.conclude(action, false)
}

// secondAlarm lets the second reader put a flag first in the queue: where a rule or it has flagged a threat or a call to crime, and it is
// sure that this is a clear one. Nothing is removed by that.
func (w *weighing) secondAlarm() {
	r := &w.p.second
	if r.model == nil || w.escalate || w.action != Flag || w.shadowed() {
		return
	}
	at := slices.IndexFunc(w.findings, func(f Finding) bool {
		return f.Action == Flag && w.p.bullets[f.Category] != nil && w.p.bullets[f.Category].Escalate
	})
	if at < 0 {
		return
	}
	if _, _, serious := r.model.Is(w.features(), w.classes(), w.order()); serious {
		w.findings[at].Escalate, w.escalate = true, true
	}
}

// hardlyAsks is the likelihood under which the reader takes a comment for none that asks, though a pattern found a question in it: nobody
// wants to know "Hur svårt kan det vara?". From surelyAsks on it takes a comment for one that asks though no pattern found a question in it and
// there is no question mark; with the mark the reader's own threshold is enough. All were chosen on what a model said of writers whom it had
// not read: 822 of 894 questions went where they belong (by patterns alone 787), and 11,227 of 11,694 other comments nowhere (11,086).
const hardlyAsks, hardlyAsksUnmarked, surelyAsks = 0.0025, 0.04, 0.2

// seldomAsks is the likelihood by a comment's words alone under which the reader is not asked whether one asks in which no pattern found a question:
// of 893 such comments 645 are under it, among them 3 whom it would have taken for questions, and none of the 3 was one.
const seldomAsks = 0.015

func (w *weighing) seemsToAsk() bool {
	likely := w.p.second.model.Seems(w.features(), w.classes())
	return likely < 0 || likely >= seldomAsks
}

// route says where the comment belongs as a question. Patterns say where; the reader keeps from there what hardly asks at all, and where no
// pattern matched but some word of how people ask stands beside a route's topic, it may say that this is a question too. A route
// removes nothing.
func (w *weighing) route() Route {
	byPatterns := w.p.routeOf(w.s)
	if w.p.second.model == nil || w.shadowed() || byPatterns == NoRoute && !(w.p.mayAsk(w.s) && w.seemsToAsk()) {
		return byPatterns
	}
	likely, asks, _ := w.p.second.model.Is(w.features(), w.classes(), w.order())
	hardly := likely < hardlyAsks
	if !w.s.lattice.asking {
		hardly, asks = likely < hardlyAsksUnmarked, likely >= surelyAsks
	}
	switch {
	case likely < 0: // a model without such a head
		return byPatterns
	case byPatterns == NoRoute && asks:
		return w.p.topicOf(w.s)
	case hardly:
		return NoRoute
	}
	return byPatterns
}
