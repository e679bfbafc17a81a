package moderation

import "hash/maphash"

// mostFamiliar is how many keys are remembered at least, as a number each.
const mostFamiliar = 50_000

// familiar remembers what was met with lately. It answers only how likely it is that something is known; the books know. The writer alone uses it.
type familiar[K comparable] struct {
	seed         maphash.Seed
	now, earlier map[uint64]struct{}
}

func newFamiliar[K comparable]() *familiar[K] {
	return &familiar[K]{seed: maphash.MakeSeed(), now: map[uint64]struct{}{}}
}

func (f *familiar[K]) note(key K) {
	if len(f.now) >= mostFamiliar {
		f.earlier, f.now = f.now, map[uint64]struct{}{}
	}
	f.now[maphash.Comparable(f.seed, key)] = struct{}{}
}

func (f *familiar[K]) lately(key K) bool {
	n := maphash.Comparable(f.seed, key)
	_, now := f.now[n]
	_, earlier := f.earlier[n]
	return now || earlier
}
