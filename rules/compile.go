package rules

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"

	"takhojd/rules/hugepage"
	"takhojd/rules/lexicon"
)

// vocabulary is what the lists say: the classes, and the terms in each.
type vocabulary struct {
	numbers  map[string]int // class → number
	used     map[int]bool   // classes that a pattern names
	common   map[int]bool   // classes of words that most comments have: no pattern waits for these alone
	size     map[int]int    // how many forms each class has
	forms    map[form]*classSet
	options  map[int]classSet // of the numbers that stand for any one of several classes, which
	in       map[int][]int    // class → such numbers that it is an option of
	asked    classSet         // what is asked of a comment as a whole: the lists' own classes, and what patterns need
	own      int              // how many classes are the lists' own, which have the first numbers
	patterns []*pattern       // all that were compiled
	wide     []classSet       // the sets of classes that words have, by number, with the numbers that stand for several
}

// form is a way to write a term, and where in a compound it may stand.
type form struct {
	text     string
	compound lexicon.Compound
}

// The classes of tokens that are no words of the lists.
var specialClasses = []string{"num", "mention", "hashtag", "link", "symbol", "name", "fullname", "swedishname", "money", "line"}

func newVocabulary() *vocabulary {
	v := &vocabulary{numbers: make(map[string]int), used: make(map[int]bool), common: make(map[int]bool), size: make(map[int]int),
		forms: make(map[form]*classSet), options: make(map[int]classSet), in: make(map[int][]int)}
	for _, name := range specialClasses {
		n, _ := v.number(name)
		v.common[n] = !strings.HasSuffix(name, "name") && name != "money" && name != "line"
	}
	return v
}

// number gives a class its number, a new one if need be.
func (v *vocabulary) number(name string) (int, error) {
	if n, ok := v.numbers[name]; ok {
		return n, nil
	}
	n := len(v.numbers)
	if n >= always {
		return 0, fmt.Errorf("more than %d classes, words in patterns and choices between them", always)
	}
	if v.numbers[name] = n; !strings.HasPrefix(name, "=") {
		v.asked.add(n)
	}
	return n, nil
}

func (v *vocabulary) class(name string) (int, bool) {
	n, ok := v.numbers[name]
	if ok {
		v.used[n] = true
	}
	return n, ok
}

// unused lists the classes that no pattern names, neither by themselves nor by a class that they belong to or that belongs to them.
func (v *vocabulary) unused() (names []string) {
	var used []string
	for name, n := range v.numbers {
		if v.used[n] {
			used = append(used, name)
		}
	}
	for name := range v.numbers {
		if strings.HasPrefix(name, "=") || slices.Contains(specialClasses, name) {
			continue
		}
		kin := func(u string) bool {
			return u == name || strings.HasPrefix(name, u+".") || strings.HasPrefix(u, name+".")
		}
		if !slices.ContainsFunc(used, kin) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// words makes a class of just these words, which a pattern names one by one.
func (v *vocabulary) words(words []string) (int, error) {
	name := "=" + strings.Join(words, "|")
	if n, ok := v.numbers[name]; ok {
		return n, nil
	}
	n, err := v.number(name)
	if err != nil {
		return 0, err
	}
	for _, w := range words {
		if w == "" {
			return 0, errors.New("an alternative is empty")
		}
		v.put(strings.ReplaceAll(w, "_", " "), lexicon.Standalone, n)
	}
	return n, nil
}

// either gives a number to "any one of these classes", as if that were a class itself: a pattern's element then asks of a word
// but one bit, and of a comment whether it has a word for the element at all.
func (v *vocabulary) either(classes classSet) (int, error) {
	name, one := "=", noClass
	classes.each(func(c int) { name, one = name+"|"+strconv.Itoa(c), c })
	if classes.count() == 1 {
		return one, nil
	}
	n, err := v.number(name)
	if err != nil || v.options[n] != (classSet{}) {
		return n, err
	}
	v.options[n] = classes
	classes.each(func(c int) {
		v.in[c] = append(v.in[c], n)
		v.size[n] += v.size[c]
		v.common[n] = v.common[n] || v.common[c]
	})
	return n, nil
}

// widen adds to a set the numbers that stand for one of its classes or another.
func (v *vocabulary) widen(s classSet) classSet {
	wide := s
	s.each(func(c int) {
		for _, n := range v.in[c] {
			wide.add(n)
		}
	})
	return wide
}

func (v *vocabulary) put(text string, compound lexicon.Compound, class int) {
	add := func(c lexicon.Compound) {
		f := form{text, c}
		if v.forms[f] == nil {
			v.forms[f] = new(classSet)
		}
		v.forms[f].add(class)
	}
	add(lexicon.Standalone)
	if compound&lexicon.Head != 0 {
		add(lexicon.Head)
	}
	if compound&lexicon.Modifier != 0 {
		add(lexicon.Modifier)
	}
	v.size[class]++
}

// read takes in one file. A file is sections, each with the classes of its terms in brackets: "[insult.noun]". A class with a dot
// belongs to the class before the dot too. "common" after the classes marks words that most comments hold.
func (v *vocabulary) read(l list) error {
	var classes []int
	var section bytes.Buffer
	first := 1
	flush := func() error {
		if len(classes) == 0 && len(bytes.TrimSpace(section.Bytes())) > 0 && hasTerms(section.String()) {
			return fmt.Errorf("list %s: terms before the first [class]", l.name)
		}
		terms, err := lexicon.Parse(l.name, first, section.String())
		if err != nil {
			return fmt.Errorf("read list: %w", err)
		}
		for _, t := range terms {
			for _, f := range t.Forms {
				for _, c := range classes {
					v.put(f, t.Compound, c)
				}
			}
		}
		return nil
	}
	lines := bufio.NewScanner(bytes.NewReader(l.text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if !strings.HasPrefix(line, "[") {
			section.WriteString(lines.Text())
			section.WriteByte('\n')
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		names, ok := strings.CutSuffix(line[1:], "]")
		if !ok {
			return fmt.Errorf("list %s line %d: %q has no ]", l.name, n, line)
		}
		var err error
		if classes, err = v.section(strings.Fields(names)); err != nil {
			return fmt.Errorf("list %s line %d: %w", l.name, n, err)
		}
		section.Reset()
		first = n + 1
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read list %s: %w", l.name, err)
	}
	return flush()
}

func hasTerms(s string) bool {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return true
		}
	}
	return false
}

func (v *vocabulary) section(names []string) ([]int, error) {
	var classes []int
	common := false
	for _, name := range names {
		if name == "common" {
			common = true
			continue
		}
		for {
			n, err := v.number(name)
			if err != nil {
				return nil, err
			}
			classes = append(classes, n)
			dot := strings.LastIndexByte(name, '.')
			if dot < 0 {
				break
			}
			name = name[:dot]
		}
	}
	if len(classes) == 0 {
		return nil, errors.New("a section names no class")
	}
	if common {
		for _, c := range classes {
			v.common[c] = true
		}
	}
	return classes, nil
}

// compile builds the judge from the checked file and its lists.
func (p *Policy) compile(lists []list) error {
	v := newVocabulary()
	var innocent []string
	for _, l := range lists {
		switch {
		case detectorList(l.name):
		case l.name == "innocent.txt":
			innocent = wordsOf(l.text)
		case strings.HasSuffix(l.name, ".words"):
			if err := v.read(l); err != nil {
				return err
			}
		}
	}
	v.own = len(v.numbers)
	var err error
	if p.detectors, err = newDetectors(lists); err != nil {
		return err
	}
	if err := p.compileRules(v); err != nil {
		return err
	}
	if err := p.compileRoutes(v); err != nil {
		return err
	}
	if err := p.contextOfLists(v); err != nil {
		return err
	}
	u := v.usage(p.file.texts())
	if err := p.compileLexicon(v, innocent, &u); err != nil {
		return err
	}
	p.detectors.cues.know(p.lexicon.Words())
	numbers := p.arrange(v, &u)
	if p.second, err = newSecond(v, numbers, p.lexicon.Words(), &p.file); err != nil {
		return err
	}
	p.version = p.second.version(p.version)
	p.index(v, numbers)
	p.gather()
	p.unused = v.unused()
	p.pool = &sync.Pool{New: func() any { return new(scratch) }}
	return nil
}

// gather lays the tables that are looked into at nearly every word side by side.
func (p *Policy) gather() {
	var b hugepage.Block
	p.lexicon.Gather(&b)
	hugepage.Add(&b, &p.detectors.cues.slots)
	hugepage.Add(&b, &p.detectors.cues.kinds)
	hugepage.Add(&b, &p.detectors.cues.known)
	hugepage.Add(&b, &p.sets.of)
	hugepage.Add(&b, (*[]uint64)(&p.sets.packs))
	hugepage.Add(&b, &p.triggers)
	hugepage.Add(&b, &p.first)
	p.second.model.Gather(&b)
	b.Lay()
}

// wordsOf reads a list of plain words, one or more a line, # before a comment.
func wordsOf(text []byte) (words []string) {
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		words = append(words, strings.Fields(line)...)
	}
	return words
}

// addSet takes in a set of classes that words have, and gives its number.
func (v *vocabulary) addSet(s classSet) int {
	v.wide = append(v.wide, v.widen(s))
	return len(v.wide) - 1
}

// numberSets gives each set of classes that some form has a number, those that are used most the first ones.
func (v *vocabulary) numberSets(u *usage) map[classSet]int {
	used := make(map[classSet]int)
	for f, set := range v.forms {
		used[*set] += u.words[f.text]
	}
	sets := make([]classSet, 0, len(used))
	for set := range used {
		sets = append(sets, set)
	}
	slices.SortFunc(sets, func(a, b classSet) int { return cmp.Or(used[b]-used[a], slices.Compare(a[:], b[:])) })
	numbers := make(map[classSet]int)
	for _, set := range sets {
		numbers[set] = v.addSet(set)
	}
	return numbers
}

// compileLexicon gives each set of classes that some form has a number, and the lexicon a term for each such set.
func (p *Policy) compileLexicon(v *vocabulary, innocent []string, u *usage) error {
	type key struct {
		set      classSet
		compound lexicon.Compound
	}
	terms := make(map[key]*lexicon.Term)
	special := func(classes ...string) int32 {
		var set classSet
		for _, class := range classes {
			n, _ := v.class(class)
			set.add(n)
		}
		return int32(v.addSet(set))
	}
	p.special = specialSets{number: special("num"), money: special("money"), line: special("num", "line"), mention: special("mention"), hashtag: special("hashtag"), link: special("link"),
		symbol: special("symbol"), name: special("name"), fullName: special("name", "fullname"), swedishName: special("name", "fullname", "swedishname")}
	numbers := v.numberSets(u)
	for f, set := range v.forms {
		k := key{*set, f.compound}
		if terms[k] == nil {
			terms[k] = &lexicon.Term{Lemma: f.text, Compound: f.compound, Value: numbers[*set]}
		}
		terms[k].Forms = append(terms[k].Forms, f.text)
	}
	var all []lexicon.Term
	for _, t := range terms {
		p.terms += len(t.Forms)
		sort.Strings(t.Forms)
		t.Lemma = t.Forms[0]
		all = append(all, *t)
	}
	sort.Slice(all, func(i, j int) bool {
		if all[i].Lemma != all[j].Lemma {
			return all[i].Lemma < all[j].Lemma
		}
		return all[i].Compound < all[j].Compound
	})
	var err error
	if p.lexicon, err = lexicon.Compile(all, innocent, u.usual()...); err != nil {
		return fmt.Errorf("compile lists: %w", err)
	}
	return nil
}

func (p *Policy) compileRules(v *vocabulary) error {
	p.byName = make(map[string][]int)
	for i := range p.file.Categories {
		c := &p.file.Categories[i]
		for j := range c.Rules {
			if err := p.compileRule(v, c, &c.Rules[j]); err != nil {
				return fmt.Errorf("rule %s: %w", c.Rules[j].ID, err)
			}
		}
	}
	for i := range p.file.Claims {
		c := &p.file.Claims[i]
		r := &rule{ID: "claim/" + c.ID, Mode: ModeFlag, Score: 0.7, Find: c.Find, Unless: c.Unless,
			Description: Words{SV: "liknar det kända påståendet " + quoteSV(c.Claim.SV), EN: "resembles the known claim " + quoteEN(c.Claim.EN)}}
		if err := p.compileRule(v, p.bullets[Disinformation], r); err != nil {
			return fmt.Errorf("claim %s: %w", c.ID, err)
		}
		p.rules[len(p.rules)-1].known = true
	}
	return nil
}

func quoteSV(s string) string { return "”" + s + "”" }
func quoteEN(s string) string { return "“" + s + "”" }

func (p *Policy) compileRule(v *vocabulary, c *category, r *rule) error {
	made := compiled{id: r.ID, mode: r.Mode, score: r.Score, cat: c, times: r.Times,
		weigh: c.Context.over(defaultWeights).with(r.Context)}
	made.says = Words{SV: capital(r.Description.SV), EN: capital(r.Description.EN)}
	made.under = Words{SV: ". Punkten ”" + c.Published.SV + "” i kommentarsreglerna.",
		EN: ". The bullet “" + c.Published.EN + "” of the comment policy."}
	var err error
	if made.find, err = compileAll(r.Find, v); err != nil {
		return err
	}
	if made.with, err = compileAll(r.With, v); err != nil {
		return err
	}
	if made.unless, err = compileAll(r.Unless, v); err != nil {
		return err
	}
	for _, name := range strings.Fields(r.Detect) {
		if !detectable(name) {
			return fmt.Errorf("there is no detector %q", name)
		}
		p.byName[name] = append(p.byName[name], len(p.rules))
	}
	p.rules = append(p.rules, made)
	return nil
}

// detectable tells whether a rule may name this under "detect".
func detectable(name string) bool {
	for _, n := range detectorNames {
		if n == name {
			return true
		}
	}
	return slices.Contains([]string{"media", "repeated", "repeated-once", "triple-brackets", "unread"}, name) || name == "unread"
}

func compileAll(sources []string, v *vocabulary) (patterns []*pattern, err error) {
	for _, s := range sources {
		one, err := compilePattern(s, v)
		if err != nil {
			return nil, err
		}
		v.gate(one)
		v.patterns = append(v.patterns, one)
		patterns = append(patterns, one)
	}
	return patterns, nil
}

func compileOne(source string, v *vocabulary) (*pattern, error) {
	patterns, err := compileAll([]string{source}, v)
	if err != nil {
		return nil, err
	}
	return patterns[0], nil
}

// gate notes what a pattern needs of a comment, so that most are passed over at the first look.
func (v *vocabulary) gate(p *pattern) {
	for i := range p.parts {
		p.needs = append(p.needs, p.parts[i].needs...)
		p.asks = p.asks || slices.ContainsFunc(p.parts[i].elements, func(e element) bool { return e.kind == isQuestion })
	}
	slices.SortStableFunc(p.needs, func(a, b int) int { return v.cost(a) - v.cost(b) })
	if p.class = noClass; len(p.needs) > 0 {
		p.class = p.needs[0]
	}
	for _, c := range p.needs {
		v.asked.add(c)
	}
	p.costly = len(p.needs) > 0 && v.cost(p.needs[0]) >= commonCost
}

// commonCost is what a class of common words costs: more than any class of rare ones.
const commonCost = 100_000

// cost guesses how often a class, or one of the classes that a number stands for, is in a comment.
func (v *vocabulary) cost(class int) (cost int) {
	options, several := v.options[class]
	if !several {
		options.add(class)
	}
	options.each(func(c int) {
		cost += 10 + v.size[c]
		if v.common[c] {
			cost += commonCost
		}
	})
	return cost
}

// examples are what the file says that a rule must match and must spare.
func (p *Policy) examples(id string) (match, spare []string) {
	for i := range p.file.Categories {
		for j := range p.file.Categories[i].Rules {
			if r := &p.file.Categories[i].Rules[j]; r.ID == id {
				return r.Match, r.Spare
			}
		}
	}
	if c := p.claims[strings.TrimPrefix(id, "claim/")]; c != nil {
		return c.Match, c.Spare
	}
	return nil, nil
}
