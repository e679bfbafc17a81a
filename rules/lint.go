package rules

import (
	"fmt"
	"slices"
	"strings"
)

// Hint is something in a policy that is no error, and yet is hardly meant so.
type Hint struct {
	// Where is the id of a rule, claim or route, or the name of a class.
	Where string
	// Text says what, to the policy's editor.
	Text Words
}

func (h Hint) String() string { return h.Where + ": " + h.Text.SV }

// Lint looks for what an editor of the policy should know: rules that no example tests, patterns that are tried on nearly every
// comment, texts that are both to match and to spare, rules that can never reach their mode, and classes that no rule uses.
func (p *Policy) Lint() []Hint {
	var hints []Hint
	for i := range p.rules {
		hints = append(hints, p.lintRule(&p.rules[i])...)
	}
	for i := range p.file.Routes {
		r := &p.file.Routes[i]
		hints = append(hints, lintExamples(string(r.ID), r.Match, r.Spare)...)
	}
	for _, class := range p.unused {
		hints = append(hints, Hint{class, Words{"klassen finns i listorna men ingen regel använder den", "the class is in the lists but no rule uses it"}})
	}
	return hints
}

func (p *Policy) lintRule(r *compiled) (hints []Hint) {
	match, spare := p.examples(r.id)
	if len(r.find) > 0 {
		hints = lintExamples(r.id, match, spare)
	}
	for _, pat := range r.find {
		if pat.costly {
			hints = append(hints, Hint{r.id, Words{
				fmt.Sprintf("mönstret %q prövas på nästan varje kommentar: alla dess ord är vanliga", pat.source),
				fmt.Sprintf("the pattern %q is tried on nearly every comment: all its words are common", pat.source)}})
		}
	}
	switch {
	case r.score < r.cat.Thresholds.Doubtful:
		hints = append(hints, Hint{r.id, Words{"poängen är under kategorins lägsta tröskel: regeln gör aldrig något",
			"the score is under the category's lowest threshold: the rule never does anything"}})
	case r.mode == ModeHide && (r.score < r.cat.Thresholds.Clear || r.cat.Clear != Hide):
		hints = append(hints, Hint{r.id, Words{"regeln får dölja men når aldrig dit med sin poäng i den här kategorin",
			"the rule may hide but its score never gets there in this category"}})
	}
	return hints
}

func lintExamples(id string, match, spare []string) (hints []Hint) {
	if len(match) == 0 || len(spare) == 0 {
		hints = append(hints, Hint{id, Words{"saknar exempel att träffa eller att låta vara", "lacks examples to match or to spare"}})
	}
	for _, text := range match {
		if slices.ContainsFunc(spare, func(s string) bool { return strings.EqualFold(s, text) }) {
			hints = append(hints, Hint{id, Words{fmt.Sprintf("%q ska både träffas och låtas vara", text),
				fmt.Sprintf("%q is both to match and to spare", text)}})
		}
	}
	return hints
}
