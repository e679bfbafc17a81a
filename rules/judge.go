package rules

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
	"unsafe"

	"takhojd/platforms"
	"takhojd/rules/learn"
	"takhojd/rules/lexicon"
	"takhojd/rules/text"
)

// judge is what a policy is compiled to. It never changes once compiled; what a judgement needs to write to is in scratch.
type judge struct {
	lexicon   *lexicon.Lexicon
	terms     int // how many forms the lexicon knows
	detectors *detectors
	sets      sets
	special   specialSets
	rules     []compiled
	tries     []try            // the patterns of all rules in the order in which they are tried, and those that routes look for
	triggers  []trigger        // which of them to try when a comment has a number of what is asked, by that
	first     []uint32         // the triggers of number c: triggers[first[c]:first[c+1]]
	triggered classSet         // the numbers that have such
	options   [][]option       // of the classes that stand for any one of several, which
	unused    []string         // classes that no pattern names
	byName    map[string][]int // rules by what they detect
	routes    []compiledRoute
	asking    choice // what a comment that asks without a question mark has
	context   contextSets
	second    second
	pool      *sync.Pool
}

// sets are the sets of classes that words have.
type sets struct {
	packs packs
	of    []setOf // by number
}

// setOf is one of them.
type setOf struct {
	all   packed
	asked packed // those of its classes that are asked of a comment as a whole
}

// compiled is a rule made ready.
type compiled struct {
	id     string
	says   Words // how its reason begins: what the rule finds
	under  Words // how its reason ends: the bullet that it stands under
	mode   Mode
	score  float64
	cat    *category
	find   []*pattern
	with   []*pattern
	unless []*pattern
	spare  choice // of unless
	times  int
	weigh  weights
	known  bool // it finds a claim of the register
}

// try is a pattern to try: which of a rule's it is. For a route's, rule is noRule, and find the route.
type try struct {
	pattern    *pattern
	class      int32
	rule, find int16
}

const noRule = -1

// option is one of the classes that another stands for, and its number of what is asked of a comment as a whole.
type option struct{ class, number uint16 }

// trigger says which of judge.tries to try if three more numbers are in the comment.
type trigger struct {
	at   uint16
	with [3]uint16
}

// scratch is the memory of one judgement, used again by later ones.
type scratch struct {
	folded   text.Folded
	found    []lexicon.Match
	lattice  lattice
	matcher  matcher
	reading  reading
	detected []detection
	tries    []uint16 // in judge.tries
	asked    []uint16 // in judge.tries too: what routes look for
	hits     []hit
	findings []Finding // empty: room for those of this and later comments, which become the verdicts'
	paper    []byte    // see scratch.print
	reasons  []reason
	words    []byte // see weighing.explain
	quotes   []int
	weighing weighing
	order    learn.Order
	features learn.Features
	classes  []uint16 // see weighing.classes
}

// hit is a rule that matched, before it is weighed.
type hit struct {
	class      int // the first class in the comment that the pattern was tried for
	rule, find int
	evidence   span
}

// fuelFor bounds the steps that matching may take over a whole comment, some 20 ns each: far more than any comment that people write
// needs. A comment that uses it up is flagged as "unread": a limit never turns into silence.
func fuelFor(words int) int { return 150_000 + 8*words }

// Judge says what the policy says of a comment. It is pure: the same comment, facts and policy give the same verdict. Any input is
// judged, in time linear in its length; nothing panics. The authority's own comments are always allowed.
func (p *Policy) Judge(c platforms.Comment, f Facts) Verdict {
	v := Verdict{Action: Allow, Policy: p.version}
	if c.Own || f.Own {
		return v
	}
	s := p.pool.Get().(*scratch)
	defer p.pool.Put(s)
	p.read(s, c.Text)
	p.matchRules(s)
	w := &s.weighing
	*w = weighing{p: p, s: s, text: c.Text, facts: f, findings: s.findings, reasons: s.reasons[:0], action: Allow}
	w.patterns()
	byPatterns := len(w.findings)
	w.detections()
	detected := len(w.findings) > byPatterns
	w.circumstances(c)
	w.secondKey(byPatterns, detected)
	w.secondThought(byPatterns)
	w.secondWord(byPatterns)
	w.secondOpinion()
	w.secondAlarm()
	v.Action, v.Escalate = w.action, w.escalate
	if n := len(w.findings); n > 0 {
		w.explain()
		v.Findings = w.findings[:n:n]
		if s.findings = w.findings[n:]; cap(s.findings) < 4 {
			s.findings = make([]Finding, 0, 16)
		}
		clear(w.reasons)
	}
	s.reasons = w.reasons
	if !v.Escalate { // who threatens is the police's, and is referred nowhere else
		v.Route = w.route()
	}
	*w = weighing{}
	for i := 1; i < len(v.Findings); i++ {
		if p.order(&v.Findings[i-1]) < p.order(&v.Findings[i]) { // seldom: rules stand in the order of the bullets
			slices.SortStableFunc(v.Findings, func(a, b Finding) int { return p.order(&b) - p.order(&a) })
			break
		}
	}
	return v
}

// order is how far up a finding stands: what hides before what flags, then by severity.
func (p *Policy) order(f *Finding) int {
	o := p.bullets[f.Category].Severity
	switch f.Action {
	case Hide:
		o += 2000
	case Flag:
		o += 1000
	}
	return o
}

// read folds the text and finds its words, and people, numbers and links.
func (p *Policy) read(s *scratch, text string) {
	s.folded.Fold(text)
	s.found = p.lexicon.Find(&s.folded, s.found[:0])
	s.detected = p.detectors.find(&s.reading, text, &s.folded, s.detected[:0])
	s.lattice.build(text, &s.folded, s.found, s.reading.people, &p.judge)
	s.matcher = matcher{l: &s.lattice, fuel: fuelFor(s.lattice.n)}
	s.hits = s.hits[:0]
}

// matchRules tries every pattern whose needs are in the comment. Of what is found of one rule, the first counts where two are as
// good: so hits are put in order, by class, rule and pattern, whatever way they were found.
func (p *Policy) matchRules(s *scratch) {
	p.trigger(s)
	rules := s.tries
	for len(rules) > 0 && p.tries[rules[len(rules)-1]].rule == noRule { // they stand last
		rules = rules[:len(rules)-1]
	}
	s.asked = s.tries[len(rules):]
	for _, at := range rules {
		p.try(s, &p.tries[at])
	}
	if len(s.hits) > 1 {
		slices.SortStableFunc(s.hits, func(a, b hit) int {
			return cmp.Or(a.class-b.class, a.rule-b.rule, a.find-b.find)
		})
	}
}

// trigger lists the patterns all of whose needs are in the comment, in the order in which they are tried.
func (p *Policy) trigger(s *scratch) {
	l := &s.lattice
	tries := s.tries[:0]
	for left := l.some; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		for word := l.all[i] & p.triggered[i]; word != 0; word &= word - 1 {
			c := i<<6 + bits.TrailingZeros64(word)
			triggers := p.triggers[p.first[c]:p.first[c+1]]
			for i := range triggers {
				t := &triggers[i]
				if l.all.hasThree(&t.with) && p.tries[t.at].pattern.possible(l) {
					tries = append(tries, t.at)
				}
			}
		}
	}
	if len(tries) > 1 {
		slices.Sort(tries)
	}
	s.tries = tries
}

// try notes every place where a pattern matches, up to a few.
func (p *Policy) try(s *scratch, t *try) {
	const enough = 8
	for from, n := 0, 0; n < enough && from < s.lattice.n; n++ {
		evidence, ok := s.matcher.whole(t.pattern, from)
		if !ok {
			return
		}
		s.hits = append(s.hits, hit{p.firstOf(int(t.class), &s.lattice.all), int(t.rule), int(t.find), evidence})
		from = int(max(evidence.end, int32(from)+1))
	}
}

// firstOf is the first class in the comment of those that a number stands for.
func (p *Policy) firstOf(class int, all *classSet) int {
	for _, o := range p.options[class] {
		if all.has(int(o.number)) {
			return int(o.class)
		}
	}
	return class
}

// possible tells whether all that the pattern cannot do without is in the comment.
func (p *pattern) possible(l *lattice) bool {
	return (!p.asks || l.asking) && l.all.hasFour(&p.rarest) && l.all.hasAll(p.needs)
}

// whole finds all parts of a pattern, the first one at or after the word from. Evidence goes from the first to the last part's.
func (m *matcher) whole(p *pattern, from int) (evidence span, ok bool) {
	for from < m.l.n {
		evidence, _, ok = m.find(&p.parts[0], from, -1)
		if !ok {
			return span{}, false
		}
		first := evidence
		sentence := m.l.sentenceOf(int(evidence.start))
		all := true
		for i := 1; i < len(p.parts) && all; i++ {
			only := sentence
			if p.parts[i].anywhere {
				only = -1
			}
			more, _, found := m.find(&p.parts[i], 0, only)
			if all = found; found && only >= 0 && more.end > more.start {
				evidence = span{min(evidence.start, more.start), max(evidence.end, more.end)}
			}
			if found {
				sentence = m.l.sentenceOf(int(more.start))
			}
		}
		if all {
			return evidence, true
		}
		from = int(max(first.end, int32(from)+1))
	}
	return span{}, false
}

// choice is patterns any one of which will do.
type choice struct {
	of    []*pattern
	needs [][4]uint16 // the rarest that each needs: they stand here so that most are passed over without a look at them
}

func choiceOf(patterns []*pattern) choice {
	c := choice{of: patterns}
	for _, p := range patterns {
		c.needs = append(c.needs, p.rarest)
	}
	return c
}

// any tells whether one of the patterns matches in the sentence of the evidence (or, for a part joined by &&, anywhere).
func (m *matcher) any(c *choice, sentence int32) bool {
	for i := range c.needs {
		if m.l.all.hasFour(&c.needs[i]) && m.holds(c.of[i], sentence) {
			return true
		}
	}
	return false
}

// holds tells whether a pattern matches so.
func (m *matcher) holds(p *pattern, sentence int32) bool {
	if !p.possible(m.l) {
		return false
	}
	for i := range p.parts {
		only := sentence
		if p.parts[i].anywhere {
			only = -1
		}
		if _, _, ok := m.find(&p.parts[i], 0, only); !ok {
			return false
		}
	}
	return true
}

// weighing turns hits into findings.
type weighing struct {
	p        *Policy
	s        *scratch
	text     string
	facts    Facts
	action   Action
	escalate bool
	findings []Finding
	reasons  []reason // of the findings by rules, in the same order
	cleared  bool     // something was found, and the words around it made it nothing
	looked   bool     // for quotation marks: their places are in scratch.quotes
	ordered  bool     // the second reader has the order of the classes,
	listed   bool     // their numbers,
	read     bool     // the features of the words,
	guessed  bool     // and said how likely a violation is, at a glance
	likely   float64
	reread   bool // and more closely
	closer   float64
	headed   bool // and what it is beside
	is       learn.Beside
}

// patterns weighs what the patterns found: a rule that wants more company, or less, is dropped; context lowers scores.
func (w *weighing) patterns() {
	hits := w.s.hits
	for i := range hits {
		h := &hits[i]
		r := &w.p.rules[h.rule]
		if r.times > 1 && distinct(hits, h.rule) < r.times {
			continue
		}
		sentence := w.s.lattice.sentenceOf(int(h.evidence.start))
		if !w.company(r, sentence) {
			continue
		}
		start, end := w.place(h.evidence)
		left := w.contextOf(r, h.evidence, start, end)
		w.cleared = w.cleared || left < 1
		score := r.score * left
		disguise, seen := w.disguise(h.evidence)
		if disguise.Has(text.Leet | text.Spaced | text.Punctuated | text.Homoglyph | text.Invisible | text.Styled) {
			score = min(1, score+0.1)
		}
		w.add(r, score, start, end, seen)
	}
}

// company tells whether all that the rule wants beside its evidence is there, and nothing that it does not want.
func (w *weighing) company(r *compiled, sentence int32) bool {
	for _, p := range r.with {
		if !w.s.matcher.holds(p, -1) {
			return false
		}
	}
	if w.s.matcher.any(&r.spare, sentence) {
		w.cleared = true
		return false
	}
	return true
}

// distinct counts the places where a rule matched without overlap.
func distinct(hits []hit, rule int) (n int) {
	end := int32(-1)
	for {
		next := span{1 << 30, 1 << 30}
		for i := range hits {
			if e := hits[i].evidence; hits[i].rule == rule && e.start >= end && e.start < next.start {
				next = e
			}
		}
		if next.start == 1<<30 {
			return n
		}
		n++
		end = max(next.end, next.start+1)
	}
}

// place is where words stand in the original.
func (w *weighing) place(e span) (start, end int) {
	l := &w.s.lattice
	if l.n == 0 {
		return 0, 0
	}
	first := min(int(e.start), l.n-1)
	last := max(first, int(e.end)-1)
	return l.tokens[first].Span.Start, l.tokens[last].Span.End
}

// disguise says what disguises the evidence wears, and what it was seen as.
func (w *weighing) disguise(e span) (d text.Disguise, seen string) {
	for i := e.start; i < e.end && int(i) < w.s.lattice.n; i++ {
		for _, x := range w.s.lattice.edgesAt(i) {
			if x.disguise == 0 || x.to > e.end {
				continue
			}
			d |= x.disguise
			if form := w.p.lexicon.Form(&w.s.lattice.found[x.match]); !strings.Contains(seen, form) {
				seen = strings.TrimSpace(seen + " " + form)
			}
		}
	}
	return d, seen
}

// add turns a score into a finding, if it is one: what is under the category's thresholds is nothing.
func (w *weighing) add(r *compiled, score float64, start, end int, seen string) {
	var action Action
	switch {
	case score >= r.cat.Thresholds.Clear:
		action = r.cat.Clear
	case score >= r.cat.Thresholds.Doubtful:
		action = r.cat.Doubtful
	default:
		return
	}
	clearly := action == Hide
	action = w.allowed(action, r)
	at := 0
	for ; at < len(w.findings); at++ {
		if f := &w.findings[at]; f.Rule == r.id && f.overlaps(start, end) {
			if f.Score >= score {
				return
			}
			break
		}
	}
	if at == len(w.findings) {
		w.findings, w.reasons = append(w.findings, Finding{}), append(w.reasons, reason{rule: r, evidence: w.text[start:end], seen: seen})
	}
	f := &w.findings[at]
	f.Category, f.Rule, f.Action, f.Score, f.Start, f.End, f.Text = r.cat.ID, r.id, action, score, start, end, w.text[start:end]
	f.SeenAs, f.Escalate = seen, clearly && r.cat.Escalate
	w.conclude(action, f.Escalate)
}

func (f *Finding) overlaps(start, end int) bool {
	return f.Start < end && start < f.End || f.Start == start && f.End == end
}

func (w *weighing) conclude(a Action, escalate bool) {
	w.action = stronger(w.action, a)
	w.escalate = w.escalate || escalate
}

// reason is what a finding's reason is put together from.
type reason struct {
	rule           *compiled
	evidence, seen string
	second         *Words // what the second reader has to say to it, if anything
	sv, en         int    // where its two languages end in scratch.words
}

// explain puts the findings' reasons in words: what was found, and under which bullet. All of a comment share one piece of memory: to ask
// for one each would cost more than all else about a finding.
func (w *weighing) explain() {
	said := w.s.words[:0]
	for i := range w.reasons {
		r := &w.reasons[i]
		evidence, seen := shorten(r.evidence), shorten(r.seen)
		said = say(said, r.rule.says.SV, "”", evidence, ", läst som ", seen, r.rule.under.SV)
		if r.second != nil {
			said = append(said, r.second.SV...)
		}
		r.sv = len(said)
		said = say(said, r.rule.says.EN, "“", evidence, ", read as ", seen, r.rule.under.EN)
		if r.second != nil {
			said = append(said, r.second.EN...)
		}
		r.en = len(said)
	}
	w.s.words = said
	whole, from := w.s.print(said), 0
	for i := range w.reasons {
		r := &w.reasons[i]
		w.findings[i].Reason = Words{SV: whole[from:r.sv], EN: whole[r.sv:r.en]}
		from = r.en
	}
}

// print gives what is said as a string. Several comments' strings share one piece of memory, which costs much less than to ask for one each;
// who keeps a verdict keeps such a piece, of some kilobytes.
func (s *scratch) print(said []byte) string {
	const sheet = 4 << 10
	if len(said) == 0 {
		return ""
	}
	if cap(s.paper)-len(s.paper) < len(said) {
		s.paper = make([]byte, 0, max(sheet, len(said)))
	}
	n := len(s.paper)
	s.paper = append(s.paper, said...)
	return unsafe.String(&s.paper[n], len(said))
}

// say appends a reason to those before.
func say(to []byte, says, open, evidence, readAs, seen, under string) []byte {
	to = append(to, says...)
	if evidence != "" {
		to = append(append(append(append(to, ": "...), open...), evidence...), "”"...)
		if seen != "" {
			to = append(append(append(append(to, readAs...), open...), seen...), "”"...)
		}
	}
	return append(to, under...)
}

func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return strings.ToUpper(string(r)) + s[n:]
}

// shorten cuts evidence to what a person reads at a glance.
func shorten(s string) string {
	const most = 80
	if len(s) <= most && utf8.ValidString(s) {
		return s
	}
	end, n := len(s), 0
	for i := range s {
		if n++; n > most {
			end = i
			break
		}
	}
	switch {
	case !utf8.ValidString(s[:end]):
		return shorten(strings.ToValidUTF8(s, "�"))
	case end == len(s):
		return s
	}
	return s[:end] + "…"
}

// detections weighs what the detectors found. A name that no rule detects is passed over: a policy may leave a detector out.
func (w *weighing) detections() {
	for i := range w.s.detected {
		d := &w.s.detected[i]
		for _, n := range w.p.byName[d.name()] {
			r := &w.p.rules[n]
			if !w.company(r, -1) {
				continue
			}
			w.add(r, r.score, d.start, d.end, "")
		}
	}
}

// circumstances weighs what is no text: pictures, and what was said before.
func (w *weighing) circumstances(c platforms.Comment) {
	if len(c.Attachments) > 0 {
		w.addNamed("media")
	}
	if w.s.matcher.fuel <= 0 {
		w.addNamed("unread")
	}
	if at := strings.Index(w.text, "((("); at >= 0 {
		for _, n := range w.p.byName["triple-brackets"] {
			w.add(&w.p.rules[n], w.p.rules[n].score, at, at+3, "")
		}
	}
	same := w.facts.repeated(c.Text)
	switch repeat := w.p.file.Policy.Repeat; {
	case same >= repeat.Clear:
		w.addNamed("repeated")
	case same >= repeat.Doubtful:
		w.addNamed("repeated-once")
	}
}

// allowed is what is left of an action by the rule's mode, and by the lesser one that it may have come down to.
func (w *weighing) allowed(a Action, r *compiled) Action {
	a = limit(a, r.mode)
	if m, ok := w.facts.Modes[r.id]; ok {
		a = limit(a, m)
	}
	return a
}

func (w *weighing) addNamed(name string) {
	for _, n := range w.p.byName[name] {
		w.add(&w.p.rules[n], w.p.rules[n].score, 0, 0, "")
	}
}

// limit lowers an action to what a mode lets a rule do by itself.
func limit(a Action, m Mode) Action {
	switch {
	case m == ModeShadow:
		return Allow
	case m == ModeFlag && a == Hide:
		return Flag
	}
	return a
}

func stronger(a, b Action) Action {
	if a == Hide || b == Hide {
		return Hide
	}
	if a == Flag || b == Flag {
		return Flag
	}
	return Allow
}

// Failure is an example in the policy file that did not turn out as the file says.
type Failure struct {
	// Rule is the id of the rule, claim or route whose example it is.
	Rule string
	// Text is the example.
	Text string
	// Matched is what happened: true when an example to spare was found, false when one to match was not.
	Matched bool
}

func (f Failure) String() string {
	if f.Matched {
		return fmt.Sprintf("%s: found what it must spare: %q", f.Rule, f.Text)
	}
	return fmt.Sprintf("%s: did not find: %q", f.Rule, f.Text)
}

// Test runs the examples of the policy file: each of a rule's "match" must give a finding of that rule, and none of its "spare".
func (p *Policy) Test() []Failure {
	var failures []Failure
	run := func(id string, texts []string, want bool, got func(Verdict) bool) {
		for _, t := range texts {
			if got(p.Judge(platforms.Comment{Text: t}, Facts{})) != want {
				failures = append(failures, Failure{id, t, !want})
			}
		}
	}
	for i := range p.rules {
		r := p.rules[i]
		found := func(v Verdict) bool {
			return slices.ContainsFunc(v.Findings, func(f Finding) bool { return f.Rule == r.id })
		}
		match, spare := p.examples(r.id)
		run(r.id, match, true, found)
		run(r.id, spare, false, found)
	}
	for i := range p.file.Routes {
		r := &p.file.Routes[i]
		sent := func(v Verdict) bool { return v.Route == r.ID }
		run(string(r.ID), r.Match, true, sent)
		run(string(r.ID), r.Spare, false, sent)
	}
	return failures
}
