package rules

import "fmt"

// compiledRoute is a route made ready.
type compiledRoute struct {
	id           Route
	find, unless []*pattern
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
		p.judge.routes = append(p.judge.routes, made)
	}
	return nil
}

// routeOf says where the comment's question belongs: the first route in the file's order that finds one.
func (p *Policy) routeOf(s *scratch) Route {
	for i := range p.judge.routes {
		r := &p.judge.routes[i]
		if !s.matcher.somewhere(r.find) || s.matcher.somewhere(r.unless) {
			continue
		}
		return r.id
	}
	return NoRoute
}

// somewhere tells whether one of the patterns matches in the comment.
func (m *matcher) somewhere(ps []*pattern) bool {
	for _, p := range ps {
		if p.possible(&m.l.all) {
			if _, ok := m.whole(p, 0); ok {
				return true
			}
		}
	}
	return false
}
