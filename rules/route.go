package rules

import "fmt"

// compiledRoute is a route made ready.
type compiledRoute struct {
	id           Route
	find, unless []*pattern
	topic        *pattern
}

func (p *Policy) compileRoutes(v *vocabulary) error {
	for i := range p.file.Routes {
		r := &p.file.Routes[i]
		made := compiledRoute{id: r.ID}
		var err error
		if made.find, err = compileAll(r.Find, v); err != nil {
			return fmt.Errorf("route %s: %w", r.ID, err)
		}
		if made.unless, err = compileAll(r.Unless, v); err != nil {
			return fmt.Errorf("route %s: %w", r.ID, err)
		}
		topic, err := compileAll([]string{r.Topic}, v)
		if err != nil {
			return fmt.Errorf("route %s: topic: %w", r.ID, err)
		}
		made.topic = topic[0]
		p.judge.routes = append(p.judge.routes, made)
	}
	return nil
}

// routeOf says where the comment's question belongs: of the routes that find a question of theirs, the one whose topic is
// touched most often; of equals, the first in the file.
func (p *Policy) routeOf(s *scratch) Route {
	best, most := NoRoute, 0
	for i := range p.judge.routes {
		r := &p.judge.routes[i]
		if !r.topic.possible(&s.lattice) || !s.matcher.somewhere(r.find) || s.matcher.somewhere(r.unless) {
			continue
		}
		if n := s.matcher.times(r.topic); n > most {
			best, most = r.id, n
		}
	}
	return best
}

// times counts the places where a pattern matches.
func (m *matcher) times(p *pattern) (n int) {
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
