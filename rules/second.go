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
	clears map[Category]float64 // and for what a pattern took for clear, and the key has lowered
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
	s := second{mode: f.Policy.SecondReader, key: f.Policy.SecondKey, spares: byCategory(f.Policy.SecondSpares), clears: make(map[Category]float64), flags: byCategory(f.Policy.SecondFlags), signs: make([]uint32, v.own), class: make([]int, v.own)}
	for _, x := range f.Policy.SecondSpares {
		s.clears[x.Category] = x.Clear
	}
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

// FirstNames are the first names of the policy's lists that are no other words, in lower case: what [learn.Train] is to take for names.
func (p *Policy) FirstNames() []string { return p.detectors.firstNames }

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

// beside is what the reader takes the comment for beside a violation.
func (w *weighing) beside() learn.Beside {
	if !w.headed {
		w.headed = true
		w.is = w.p.second.model.Is(w.features(), w.classes(), w.order())
	}
	return w.is
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
// likely a violation must then be, and the second reader thinks it less likely. The findings stay, and say so. What is escalated is never spared,
// nor what resembles a known false claim, what a detector found, a picture or a repetition, and what is clear only where the key has lowered it and
// the policy says so: among many harmless words the reader overlooks a few.
func (w *weighing) secondThought(byPatterns int) {
	r := &w.p.second
	if w.action != Flag || w.escalate || r.model == nil || w.shadowed() || len(w.findings) > byPatterns {
		return
	}
	for i := range w.findings {
		f := &w.findings[i]
		rule := w.reasons[i].rule
		from := r.spares[f.Category]
		if f.Score >= rule.cat.Thresholds.Clear {
			from = r.clears[f.Category]
		}
		if f.Action == Flag && (rule.known || w.closely() >= from) {
			return
		}
	}
	for i := range w.findings {
		if w.findings[i].Action == Flag {
			w.findings[i].Action, w.reasons[i].second = Allow, &spared
		}
	}
	w.action = Allow
}

// raises is the likelihood from which the reader may be the second of two that hide: see [weighing.secondWord]. Where the words around have lowered what
// a rule found, or cleared what another did, and of what a detector takes for the writer's own, it must be as good as certain of both, the violation and
// that it is clear.
const raises, raisesUnsure, clearlyUnsure = 0.85, 0.98, 0.9

// raised ends the reason of a finding that the second reader made a clear one.
var raised = Words{
	SV: " Regeln ensam är inte säker nog. En statistisk läsare tycker att kommentaren liknar sådana som människor döljer direkt.",
	EN: " The rule alone is not sure enough. A statistical reader finds the comment like ones that people hide at sight.",
}

// secondWord raises what a rule found, and is not sure of, to what is clear, where the reader is as good as sure of a violation and takes it for one that
// people hide at sight. It never hides alone: the rule must be one that may hide. Chosen on writers ba to dd, by models that had not read them: of
// 3,900 lawful comments none would be hidden where clear need be but 0.4 likely, and two where 0.3.
func (w *weighing) secondWord(byPatterns int) {
	if w.action != Flag || w.p.second.model == nil || w.shadowed() {
		return
	}
	for i := range w.reasons {
		f, rule := &w.findings[i], w.reasons[i].rule
		if f.Action != Flag || f.Score >= rule.cat.Thresholds.Clear || w.allowed(rule.cat.Clear, rule) != Hide || !w.clearly(w.cleared || f.Score < rule.score || i >= byPatterns) {
			continue
		}
		f.Score, f.Action, f.Escalate, w.reasons[i].second = rule.cat.Thresholds.Clear, Hide, rule.cat.Escalate, &raised
		w.conclude(f.Action, f.Escalate)
	}
}

// clearly tells whether the reader takes the comment for a clear violation.
func (w *weighing) clearly(unsure bool) bool {
	from, least := raises, 0.0
	if unsure {
		from, least = raisesUnsure, clearlyUnsure
	}
	return w.closely() >= max(from, w.p.second.key) && w.beside().Clear && w.beside().Clearly >= least && w.wary() // the dearest last
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

// alarms is the likelihood of a violation under which an alarm in which nothing was found is none: "Regionrådet borde avgå i dag" sounds like one.
const alarms = 0.6

// alarmed begins the reason of what the second reader takes for a clear threat or call to crime where no rule does.
var alarmed = Words{
	SV: "En statistisk läsare tycker att kommentaren liknar grova hot och uppmaningar till brott. Punkten ”",
	EN: "A statistical reader finds the comment like serious threats and calls to crime. The bullet “",
}

// secondAlarm lets the second reader put a comment first in the queue that it is sure is a clear threat or call to crime: what a rule or it has flagged
// or hidden, under whatever bullet, and what nothing was found in that is likely to violate. Nothing is removed by that. Where a rule
// matched and context made it nothing, as of a threat that is told of, the rules know better.
func (w *weighing) secondAlarm() {
	r := &w.p.second
	if r.model == nil || w.escalate || w.shadowed() || w.s.lattice.n == 0 {
		return
	}
	if w.action == Allow && (w.cleared || w.likelihood() < glance || w.closely() < alarms) || !w.beside().Serious {
		return
	}
	for i := range w.findings {
		f := &w.findings[i]
		if b := w.p.bullets[f.Category]; f.Action != Allow && b != nil && b.Escalate {
			f.Escalate, w.escalate = true, true
			return
		}
	}
	guess, _ := r.model.Category(w.features(), w.classes())
	bullet := w.p.bullets[Category(guess)]
	if bullet == nil || !bullet.Escalate {
		bullet = w.p.bullets[Threat]
	}
	if bullet == nil || !bullet.Escalate {
		return // a policy that alarms nobody
	}
	w.findings = append(w.findings, Finding{Category: bullet.ID, Rule: SecondReader, Action: Flag, Score: w.closely(), Escalate: true,
		Reason: Words{SV: alarmed.SV + bullet.Published.SV + "” i kommentarsreglerna.", EN: alarmed.EN + bullet.Published.EN + "” of the comment policy."}})
	w.conclude(Flag, true)
}

// hardlyAsks is the likelihood under which the reader takes a comment for none that asks, though a pattern found a question in it: nobody
// wants to know "Hur svårt kan det vara?". From surelyAsks on it takes a comment for one that asks though no pattern found a question in it and
// there is no question mark; with the mark the reader's own threshold is enough. The first two were chosen on what models said of writers ba to dd whom they
// had not read: of 766 questions that a pattern found they lose 14, and of 372 other comments they keep 187 from a route that a pattern gave them.
const hardlyAsks, hardlyAsksUnmarked, surelyAsks = 0.005, 0.05, 0.2

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
	is := w.beside()
	likely, asks := is.Likely, is.Asks
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
