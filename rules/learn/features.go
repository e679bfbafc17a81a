package learn

import (
	"math/bits"
	"slices"

	"takhojd/rules/text"
)

// The features of a comment are hashes of its words and of parts of them, and of the word classes that it has. Each word gives
// itself, itself after its neighbour, after its neighbour's neighbour, and after the signs before it; and its bytes three and four
// in a row with its edges marked, which see through inflection, compounding and misspelling. Numbers count by their length, links,
// account names and people's first names only as such: what somebody is called says nothing of what is said to them.
//
// Training and scoring walk the same way: what the one saw is what the other looks up. To change anything here is to need a model
// trained anew; TestDefaultKnowsItsFeatures tells.
const (
	shortest, longest = 3, 4 // bytes of an n-gram: å, ä and ö are two
	maxWord           = 40   // bytes of a word whose n-grams are looked at
	wholes            = 4    // features of whole words, of each token

	// How much heavier a whole word and a word class weigh than an n-gram, of which there are many more.
	ofWords, ofClasses = 4, 10

	offset, prime = 2166136261, 16777619 // of FNV-1a
)

// walk goes through a comment token by token.
type walk struct {
	people       *people
	last, before uint32 // hashes of the two tokens before this one
	buf          [wholes + (longest-shortest+1)*(maxWord+2)]uint32
}

// token returns the features of t, the next token; the first ones, so many as whole says, are of whole words. They are valid until
// the next call.
func (w *walk) token(t *text.Token) (features []uint32, whole int) {
	h := hashOf(t)
	spelt := t.Kind == text.Word || t.Kind == text.Hashtag
	if t.Kind == text.Word && w.people.has(h) {
		h, spelt = somebody, false
	}
	n := len(w.whole(h, t.Before))
	if spelt {
		n += grams(w.buf[wholes:], t.Text)
	}
	return w.buf[:n], wholes
}

// whole returns the features of the next token as a whole, by its hash and what stands before it.
func (w *walk) whole(h uint32, gap text.Gap) []uint32 {
	w.buf[0], w.buf[1], w.buf[2], w.buf[3] = h, mix(w.last, h), mix(mix(w.before, 7), h), mix(uint32(gap&^text.Space)+spaced, h)
	w.before, w.last = w.last, h
	return w.buf[:wholes]
}

// grams puts the hashes of the n-grams of s, with a space at either edge, in out, and says how many they are.
func grams(out []uint32, s string) (n int) {
	if s == "" {
		return 0
	}
	s = s[:min(len(s), maxWord)]
	last := uint32(' ')<<8 | uint32(s[0]) // the bytes so far, the latest lowest
	for i := 1; i < len(s); i++ {
		last = last<<8 | uint32(s[i])
		out[n] = finish(last & 0xFFFFFF)
		n++
		if i >= 2 {
			out[n] = finish(last)
			n++
		}
	}
	last = last<<8 | ' '
	out[n] = finish(last & 0xFFFFFF)
	n++
	if len(s) >= 2 {
		out[n] = finish(last)
		n++
	}
	return n
}

// people are the hashes of words that are first names and nothing else, and of their genitives, sorted.
type people struct {
	hashes []uint32
	// slots are at least twice as many, a power of two: each hash at its own place or the next free one after it; 0 is none.
	slots []uint32
}

// peopleOf makes the set of some first names. A short name's genitive may be another word ("Finns"), so those are left out.
func peopleOf(names []string) *people {
	var f text.Folded
	var hashes []uint32
	for _, n := range names {
		f.Fold(n)
		if t := f.Tokens(); len(t) == 1 && t[0].Kind == text.Word {
			hashes = append(hashes, hashOf(&t[0]))
			if s := t[0].Text; len(s) > 4 && s[len(s)-1] != 's' {
				hashes = append(hashes, hashOf(&text.Token{Kind: text.Word, Text: s + "s"}))
			}
		}
	}
	slices.Sort(hashes)
	return newPeople(slices.Compact(hashes))
}

func newPeople(sorted []uint32) *people {
	p := &people{sorted, make([]uint32, 2<<bits.Len(uint(len(sorted))))}
	for _, h := range sorted {
		at := p.place(h)
		for p.slots[at] != 0 {
			at = p.place(at + 1)
		}
		p.slots[at] = h
	}
	return p
}

func (p *people) place(h uint32) uint32 { return h & uint32(len(p.slots)-1) }

// has tells whether a word is somebody's name.
func (p *people) has(h uint32) bool {
	if p == nil {
		return false
	}
	for at := p.place(h); p.slots[at] != 0; at = p.place(at + 1) {
		if p.slots[at] == h {
			return true
		}
	}
	return false
}

// somebody is the hash of whoever is named.
var somebody = Sign("somebody's name")

// hashOf is the hash of a whole token.
func hashOf(t *text.Token) uint32 {
	h := uint32(offset) + 31*uint32(t.Kind)
	switch t.Kind {
	case text.Number:
		return finish(h + uint32(min(len(t.Text), 13)))
	case text.Link, text.Mention:
		return finish(h)
	}
	for i := 0; i < len(t.Text); i++ {
		h = (h ^ uint32(t.Text[i])) * prime
	}
	return finish(h)
}

// Sign is the feature of a word class, by its name.
func Sign(class string) uint32 {
	h := uint32(offset) - 1
	for i := 0; i < len(class); i++ {
		h = (h ^ uint32(class[i])) * prime
	}
	return finish(h)
}

func mix(a, b uint32) uint32 { return finish(a*31 + b*0x9E3779B1) }

// finish spreads a hash over all its bits.
func finish(h uint32) uint32 {
	h ^= h >> 15
	h *= 0x2C1B3C6D
	return h ^ h>>13
}
