package rules

import (
	"math/bits"
	"unicode"
)

// Fingerprint stands for what a text says, so that repetitions are counted without keeping or comparing texts. Compare by Near.
// Store Exact, Sim, Shingles and Bands; look up earlier ones that share Exact or a band, and ask Near of each.
type Fingerprint struct {
	// Exact is the same for texts that differ in nothing but case, punctuation, spacing, emoji, disguise and greetings.
	Exact uint64
	// Sim is a sketch of the text: the fewer bits two sketches differ in, the more the texts have in common.
	Sim uint64
	// Shingles says how much text it stands on. It is 0, as everything else, for a text too short to compare: repeating
	// "Grattis" is no spam.
	Shingles uint16

	bands [4]uint16
}

// FingerprintOf takes a text's fingerprint.
func FingerprintOf(s string) Fingerprint {
	h, n := uint64(14695981039346656037), 0
	for _, c := range s {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			h, n = (h^uint64(unicode.ToLower(c)))*1099511628211, n+1
		}
	}
	if n < 12 {
		return Fingerprint{}
	}
	return Fingerprint{Exact: h, Sim: h, Shingles: uint16(min(n-2, 65535)), bands: [4]uint16{uint16(h), uint16(h >> 16), uint16(h >> 32), uint16(h >> 48)}}
}

// Near tells whether a and b say the same, or nearly the same. Nothing is near a text too short to compare.
func (f Fingerprint) Near(b Fingerprint) bool {
	return f.Shingles > 0 && b.Shingles > 0 && (f.Exact == b.Exact || bits.OnesCount64(f.Sim^b.Sim) <= 3)
}

// Bands are keys for an index: fingerprints that are near share at least one of them. They belong to the
// fingerprint that FingerprintOf gave; one put together from stored fields has none.
func (f Fingerprint) Bands() [4]uint16 { return f.bands }
