package text

// Hash stands for a word wherever words are looked up: it is taken once, while the word is read. It is a polynomial over the word's bytes, so
// that the hash of two words in one follows from theirs. Its bits are to be spread (see [Hash.Spread]) before some are used.
type Hash uint64

const (
	factor = 0xD6E8FEB86659FD93 // of the polynomial: odd, and with no pattern in its bits
	spread = 0x9E3779B97F4A7C15 // brings all of a hash's bits to the top ones
)

// powers are factor to the power of 0, 1, 2 …
var powers = func() (p [64]Hash) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * factor
	}
	return p
}()

// HashOf is the hash of a word.
func HashOf(s string) (h Hash) {
	for i := 0; i < len(s); i++ {
		h = h.And(s[i])
	}
	return h
}

// And is the hash of the word with one more byte.
func (h Hash) And(c byte) Hash { return h*factor + Hash(c) }

// Then is the hash of the word and one after it of n bytes and hash g, written as one.
func (h Hash) Then(g Hash, n int) Hash {
	if n < len(powers) {
		return h*powers[n] + g
	}
	for range n {
		h *= factor
	}
	return h + g
}

// Spread is the hash with its bits mixed: the top ones are the best.
func (h Hash) Spread() uint64 { return uint64(h) * spread }
