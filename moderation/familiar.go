package moderation

import (
	"hash/maphash"

	"takhojd/platforms"
)

// mostTold is how many comments are remembered at least, as a number each.
const mostTold = 50_000

// familiar remembers which comments were told of lately: a platform that tells again does so soon. It answers only how likely it is that a comment is
// known; the books know. The writer alone uses it.
type familiar struct {
	seed         maphash.Seed
	now, earlier map[uint64]struct{}
}

func newFamiliar() *familiar { return &familiar{seed: maphash.MakeSeed(), now: map[uint64]struct{}{}} }

func (t *familiar) note(ref platforms.Ref) {
	if len(t.now) >= mostTold {
		t.earlier, t.now = t.now, map[uint64]struct{}{}
	}
	t.now[maphash.Comparable(t.seed, ref)] = struct{}{}
}

func (t *familiar) lately(ref platforms.Ref) bool {
	key := maphash.Comparable(t.seed, ref)
	_, now := t.now[key]
	_, earlier := t.earlier[key]
	return now || earlier
}
