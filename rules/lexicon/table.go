package lexicon

import "takhojd/rules/text"

// table finds words by their hash. It is open: a slot holds a word's number and 1 and some of its hash; 0 is empty.
type table struct {
	slots []uint64
	shift uint
}

// newTable makes a table that is at most two thirds full.
func newTable(words []word) table {
	size, shift := 2, uint(63)
	for 2*size < 3*len(words)+2 {
		size, shift = size*2, shift-1
	}
	t := table{make([]uint64, size), shift}
	for i := range words {
		at, tag := t.place(words[i].hash)
		for t.slots[at] != 0 {
			at = (at + 1) & (size - 1)
		}
		t.slots[at] = tag<<32 | uint64(i+1)
	}
	return t
}

// place is where a word of this hash stands, if the slot is not taken, and what its slot has of the hash.
func (t *table) place(h text.Hash) (at int, tag uint64) {
	x := h.Spread()
	return int(x >> t.shift), x & (1<<32 - 1)
}

// look gives the number and 1 of the word with this hash: -1 for an innocent one, 0 for none. The hash stands for the word: to compare letters
// too would cost a tenth of finding, and of all words that are in no list one in 2^48 has a listed one's hash.
func (l *Lexicon) look(h text.Hash) int32 {
	slots, last := l.table.slots, len(l.table.slots)-1
	for at, tag := l.table.place(h); ; at = (at + 1) & last {
		x := slots[at]
		if x == 0 {
			return 0
		}
		if x>>32 != tag {
			continue
		}
		w := &l.words[uint32(x)-1]
		if w.hash != h {
			continue
		}
		if w.innocent {
			return -1
		}
		return int32(uint32(x))
	}
}

// id gives the number and 1 of the word w: -1 for an innocent one, 0 for none.
func (l *Lexicon) id(w string) int32 { return l.look(text.HashOf(w)) }
