package moderation_test

import (
	"slices"
	"testing"

	"takhojd/moderation"
)

// Whoever edits a comment away and back must not slip past the people who were to look at it.
func TestEditedAwayAndBack(t *testing.T) {
	for name, c := range map[string]struct {
		first, between string
		want           []string // why it is queued in the end
	}{
		"doubtful, harmless, doubtful": {linked, fine, []string{"doubt"}},
		"harmless, doubtful, harmless": {fine, linked, nil},
		"doubtful, other, doubtful":    {linked, "https://www.aftonbladet.se/en-annan-artikel", []string{"doubt"}},
		"hidden, harmless, hidden":     {insult, fine, nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := sit(t)
			d.tell(d.write("c1", "Bo", c.first))
			d.tell(d.edit("c1", c.between))
			d.tell(d.edit("c1", c.first))
			if got := d.queue(); !slices.Equal(got, c.want) {
				t.Errorf("queue %v, want %v", got, c.want)
			}
		})
	}
	t.Run("what a person decided holds", func(t *testing.T) {
		d := sit(t)
		d.tell(d.write("c1", "Bo", linked))
		d.decide(d.of("c1"), moderation.Allow)
		d.tell(d.edit("c1", fine))
		d.tell(d.edit("c1", linked))
		if got := d.queue(); len(got) != 0 {
			t.Errorf("asked again: %v", got)
		}
	})
	t.Run("a deletion that was outrun", func(t *testing.T) {
		d := sit(t)
		d.tell(d.write("c1", "Bo", linked))
		d.decide(d.of("c1"), moderation.Delete)
		d.receive(d.edit("c1", fine))
		d.eventually("the edit is taken", func() bool { return d.of("c1").Comment.Text == fine })
		d.clock.move(11e9)
		d.settle()
		d.tell(d.edit("c1", linked))
		if got := d.queue(); !slices.Equal(got, []string{"doubt"}) {
			t.Errorf("queue %v", got)
		}
	})
}
