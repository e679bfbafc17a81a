package moderation

import (
	"testing"
	"time"

	"takhojd/platforms"
)

// Telling people goes with the first channel of the configuration.
func TestWhoTells(t *testing.T) {
	m := &Moderator{order: []platforms.Channel{{ID: "one"}, {ID: "two"}}, cfg: Config{Node: "a", LeaseTime: time.Hour}}
	m.leases = newLeases(m)
	for _, c := range []struct {
		held string
		want bool
	}{{"", false}, {"two", false}, {"one", true}} {
		m.leases.held = map[string]*lease{}
		if c.held != "" {
			m.leases.held[c.held] = &lease{renewed: time.Now()}
		}
		if m.tells() != c.want {
			t.Errorf("with %q: %v", c.held, !c.want)
		}
	}
	m.leases.node = "" // alone
	if m.leases.held = nil; !m.tells() {
		t.Error("who is alone tells nobody")
	}
}
