package rules

import (
	"cmp"
	"fmt"
)

// compiledRoute is a route made ready.
type compiledRoute struct {
	id           Route
	find, unless []*pattern
	any          []*pattern // those of find that need no word; the others are in judge.tries
	topic, hint  *pattern   // hint may be nil
	weight       int
}

func (p *Policy) compileRoutes(v *vocabulary) error {
	for i := range p.file.Routes {
		r := &p.file.Routes[i]
		made := compiledRoute{id: r.ID, weight: cmp.Or(r.Weight, 1)}
		var err error
		if made.find, err = compileAll(r.Find, v); err != nil {
			return fmt.Errorf("route %s: %w", r.ID, err)
		}
		if made.unless, err = compileAll(r.Unless, v); err != nil {
			return fmt.Errorf("route %s: %w", r.ID, err)
		}
		for _, pat := range made.find {
			if len(pat.needs) == 0 {
				made.any = append(made.any, pat)
			}
		}
		if made.topic, err = compileOne(r.Topic, v); err != nil {
			return fmt.Errorf("route %s: topic: %w", r.ID, err)
		}
		if r.Hint != "" {
			if made.hint, err = compileOne(r.Hint, v); err != nil {
				return fmt.Errorf("route %s: hint: %w", r.ID, err)
			}
		}
		p.judge.routes = append(p.judge.routes, made)
	}
	var err error
	if p.judge.asking.of, err = compileAll(p.file.Policy.Asking, v); err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	return nil
}

// routeOf says where the comment's question belongs: of the routes that find a question of theirs, the one whose topic is touched most.
func (p *Policy) routeOf(s *scratch) Route {
	return p.mostTouched(s, func(route int) bool {
		return p.asks(s, route) && !s.matcher.somewhere(p.judge.routes[route].unless)
	})
}

// asks tells whether the comment asks what a route looks for.
func (p *Policy) asks(s *scratch, route int) bool {
	for _, at := range s.asked {
		if t := &p.tries[at]; int(t.find) == route {
			if _, ok := s.matcher.whole(t.pattern, 0); ok {
				return true
			}
		}
	}
	return s.matcher.somewhere(p.judge.routes[route].any)
}

// topicOf says where the comment would belong if it were a question.
func (p *Policy) topicOf(s *scratch) Route {
	return p.mostTouched(s, func(int) bool { return true })
}

// mostTouched is, of the routes that are wanted, the one whose topic and hints the comment touches most; of equals, the first in the file.
func (p *Policy) mostTouched(s *scratch, wanted func(route int) bool) Route {
	const ofTopic = 3 // how many hints a word of the topic itself is worth
	best, most := NoRoute, 0
	for i := range p.judge.routes {
		r := &p.judge.routes[i]
		if !r.touched(&s.lattice) || !wanted(i) {
			continue
		}
		n := ofTopic * s.matcher.times(r.topic)
		if r.hint != nil {
			n += s.matcher.times(r.hint)
		}
		if n *= r.weight; n > most {
			best, most = r.id, n
		}
	}
	return best
}

// touched tells whether a word of the route's topic or hints may be in the comment.
func (r *compiledRoute) touched(l *lattice) bool {
	return r.topic.possible(l) || r.hint != nil && r.hint.possible(l)
}

// mayAsk tells whether a comment on a route's topic has a question mark, or something that people ask with when they leave it out.
func (p *Policy) mayAsk(s *scratch) bool {
	touched := false
	for i := range p.judge.routes {
		touched = touched || p.judge.routes[i].touched(&s.lattice)
	}
	return touched && (s.lattice.asking || s.matcher.anywhere(&p.judge.asking))
}

// times counts the places where a pattern matches.
func (m *matcher) times(p *pattern) (n int) {
	if !p.possible(m.l) {
		return 0
	}
	for from := 0; from < m.l.n; n++ {
		evidence, ok := m.whole(p, from)
		if !ok {
			break
		}
		from = int(max(evidence.end, int32(from)+1))
	}
	return n
}

// somewhere tells whether one of the patterns matches in the comment.
func (m *matcher) somewhere(ps []*pattern) bool {
	for _, p := range ps {
		if p.possible(m.l) {
			if _, ok := m.whole(p, 0); ok {
				return true
			}
		}
	}
	return false
}

// anywhere is somewhere for a choice.
func (m *matcher) anywhere(c *choice) bool {
	for i := range c.needs {
		if m.l.all.hasFour(&c.needs[i]) && m.somewhere(c.of[i:i+1]) {
			return true
		}
	}
	return false
}
