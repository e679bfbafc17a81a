package text

import (
	"encoding/binary"
	"math/bits"
)

// Most words are of nothing but a to z, å, ä and ö, have a space before them and a space or a mark after. These are read here, eight bytes at a
// time and with few branches; all others by scan. What is read of a word is the same either way.

const (
	each = 0x0101010101010101 // a one in each byte
	tops = 0x8080808080808080
)

// equals has the top bit of each byte of w that is c.
func equals(w uint64, c byte) uint64 {
	v := w ^ each*uint64(c)
	return ^((v&^tops + (tops - each)) | v) & tops
}

// swedish has the top bit of each byte of w that is a letter of a to z, or one of the two of å, ä or ö, and lead those of the first of such two.
func swedish(w uint64) (letters, lead uint64) {
	low := w &^ tops
	letters = (low + each*(0x80-'a')) &^ (low + each*(0x7F-'z')) &^ w & tops
	lead = equals(w, 0xC3)
	return letters | lead | equals(w|each, 0xA5) | equals(w, 0xB6), lead // A4, A5 and B6 come second
}

// plainWord adds the word at buf[start], before which there is a space or nothing, and returns where it ends; or 0 for one that is to be read with
// more care, of which nothing is noted.
func (f *Folded) plainWord(start int, gap Gap) int {
	padded := f.buf[:len(f.buf)+padding]
	end, n, hash, before := start, 8, Hash(0), byte(0)
	for n == 8 {
		w := binary.LittleEndian.Uint64(padded[end:])
		letters, lead := swedish(w)
		n = bits.TrailingZeros64(^letters&tops) >> 3
		inside := uint64(1)<<(8*n&63) - 1
		if n == 8 {
			inside = 1<<64 - 1
		}
		if twice := equals(w^(w<<8|uint64(before)), 0) & inside; twice != 0 && f.stretched(start, end, twice) {
			return 0
		}
		if end > start && lead&inside&0x8080 != 0 && (padded[end-2] == 0xC3 || padded[end-1] == 0xC3) || lead&(lead<<16)&inside != 0 {
			return 0 // åå or the like, perhaps
		}
		hash = hash.and(w & inside)
		end += n
		before = byte(w >> 56)
	}
	if end == start || padded[end-1] == 0xC3 || !f.plainAfter(end) {
		return 0
	}
	if len(f.anchors) > 0 && int(f.anchors[0].out) <= end || start > 0 && (padded[start-1] == '$' || padded[start-1] == '|') {
		return 0
	}
	t := f.next()
	t.Kind, t.Before, t.Hash, t.Letters, t.Word, t.Disguise = Word, gap, hash, true, 0, 0
	t.Title, t.Upper = false, false
	t.Span.Start, t.Span.End = start, end
	t.Text = f.str(int32(start), int32(end))
	if f.original[start]-'a' > 'z'-'a' {
		t.Title, t.Upper = capitals(f.original[start:end])
	}
	f.latin++
	if f.singles++; end-start > 2 || end-start == 2 && padded[start] < 0x80 {
		f.singles = 0
	}
	f.spaced = f.spaced || f.singles >= 3
	f.places = append(f.places, place{int32(start), int32(end), hasLetter})
	return end
}

// padding is how many bytes of nothing stand in the memory behind buf.
const padding = 8

// stretched tells whether a letter that stands twice, by the bits of buf[at:], is a vowel or stands three times.
func (f *Folded) stretched(start, at int, twice uint64) bool {
	for ; twice != 0; twice &= twice - 1 {
		i := at + bits.TrailingZeros64(twice)>>3
		if c := f.buf[i]; vowel(uint16(c)) || i-2 >= start && f.buf[i-2] == c {
			return true
		}
	}
	return false
}

// plainAfter tells whether no word goes on at buf[i], and none is part of an address or has a sign for its last letter.
func (f *Folded) plainAfter(i int) bool {
	if i == len(f.buf) {
		return true
	}
	switch c := f.buf[i]; {
	case c == ' ':
		return true
	case c >= 0x80 || !endsWord[c] || c == '@' || c == '$':
		return false
	case c == '.':
		return i+1 == len(f.buf) || f.buf[i+1] == ' ' || f.buf[i+1] == '\n'
	}
	return true
}
