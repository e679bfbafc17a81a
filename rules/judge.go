package rules

import (
	"sort"
	"strings"

	"takhojd/platforms"
)

// judge is what a policy is compiled to.
type judge struct{ simple []simpleRule }

type simpleRule struct {
	rule *rule
	cat  *category
}

func (p *Policy) compile([]list) error {
	for i := range p.file.Categories {
		c := &p.file.Categories[i]
		for j := range c.Rules {
			p.simple = append(p.simple, simpleRule{&c.Rules[j], c})
		}
	}
	return nil
}

// Judge says what the policy says of a comment. It is pure: the same comment, facts and policy give the same verdict. Any input is
// judged; nothing panics. The authority's own comments are always allowed.
func (p *Policy) Judge(c platforms.Comment, f Facts) Verdict {
	v := Verdict{Action: Allow, Policy: p.version}
	if c.Own || f.Own {
		return v
	}
	for _, s := range p.simple {
		for _, words := range s.rule.Find {
			at := strings.Index(strings.ToLower(c.Text), words)
			if at >= 0 && at+len(words) <= len(c.Text) {
				v.add(s, f, at, at+len(words), c.Text)
			}
		}
		if s.rule.Detect == "media" && len(c.Attachments) > 0 {
			v.add(s, f, 0, 0, c.Text)
		}
	}
	sort.SliceStable(v.Findings, func(i, j int) bool {
		return p.bullets[v.Findings[i].Category].Severity > p.bullets[v.Findings[j].Category].Severity
	})
	return v
}

func (v *Verdict) add(s simpleRule, f Facts, start, end int, text string) {
	action := s.cat.Doubtful
	if s.rule.Score >= s.cat.Thresholds.Clear {
		action = s.cat.Clear
	}
	action = limit(action, s.rule.Mode)
	if m, ok := f.Modes[s.rule.ID]; ok {
		action = limit(action, m)
	}
	v.Findings = append(v.Findings, Finding{Category: s.cat.ID, Rule: s.rule.ID, Action: action, Score: s.rule.Score, Start: start,
		End: end, Text: text[start:end], Reason: s.rule.Description})
	v.Action = stronger(v.Action, action)
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
