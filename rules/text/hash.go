package text

import "math/bits"

// Hash stands for a word wherever words are looked up: it is taken once, while the word is read. It goes over the word's bytes eight at a time, the
// last of which may be none. No two words of seven bytes or fewer have the same. Its bits are to be spread (see [Hash.Spread]) before some are used.
type Hash uint64

const (
	factor = 0xD6E8FEB86659FD93 // odd, and with no pattern in its bits
	spread = 0x9E3779B97F4A7C15 // brings all of a hash's bits to the top ones
)

// HashOf is the hash of a word.
func HashOf[T string | []byte](s T) (h Hash) {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		h = h.and(uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 | uint64(s[i+4])<<32 | uint64(s[i+5])<<40 |
			uint64(s[i+6])<<48 | uint64(s[i+7])<<56)
	}
	last := uint64(0)
	for k := len(s) - 1; k >= i; k-- {
		last = last<<8 | uint64(s[k])
	}
	return h.and(last)
}

// HashOfBoth is the hash of two words written as one.
func HashOfBoth(a, b string) (h Hash) {
	eight, n := uint64(0), 0
	for _, s := range [2]string{a, b} {
		for i := 0; i < len(s); i++ {
			eight |= uint64(s[i]) << (8 * n)
			if n++; n == 8 {
				h, eight, n = h.and(eight), 0, 0
			}
		}
	}
	return h.and(eight)
}

// and is the hash with eight more bytes, the first of them the lowest; zeros after the last one of the word.
func (h Hash) and(eight uint64) Hash {
	return Hash(bits.RotateLeft64((uint64(h)^eight)*factor, 32))
}

// Spread is the hash with its bits mixed: the top ones are the best.
func (h Hash) Spread() uint64 { return uint64(h) * spread }
