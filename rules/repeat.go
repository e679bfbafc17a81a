package rules

import (
	"math/bits"
	"strings"
	"sync"
)

// Fingerprint stands for what a text says, so that repetitions are counted without keeping or comparing texts. Compare by Near.
// Store Exact, Sim, Shingles and Bands; look up earlier ones that share Exact or a band, and ask Near of each.
type Fingerprint struct {
	// Exact is the same for texts that differ in nothing but case, punctuation, spacing, emoji, disguise and greetings.
	Exact uint64
	// Sim is a sketch of the text: of two sketches, the share of bits that differ is about half the share of
	// shingles (four letters in a row) that only one of the texts has. It is a 1-bit MinHash of 64 permutations
	// (Li and König, "b-Bit Minwise Hashing", WWW 2010).
	Sim uint64
	// Shingles says how much text it stands on: the number of shingles, at most 65535. It is 0, as everything else, for a text
	// too short to compare: repeating "Grattis" is no spam.
	Shingles uint16

	bands [4]uint16
}

const (
	shingle = 4
	// nearBits is in how many of its 64 bits the sketch of a text may differ that says nearly the same: 9 bits stand for 28 % of the
	// shingles. Questions that share their frame and ask of another place differ in more. In a short text a word more or less is
	// another text: nearBitsShort holds below longShingles, and below fewShingles nothing but the same words.
	nearBits, nearBitsShort   = 9, 6
	longShingles, fewShingles = 24, 12
	// leastLetters and leastWords are what a text must have, greetings and thanks apart, to be compared at all.
	leastLetters, leastWords = 8, 2
	// campaignShingles is what a text must have for the same from others to be no chance.
	campaignShingles = 18
	// mostLetters bounds the time: a longer text is compared by its beginning and its length.
	mostLetters = 4000
)

// smallWords bear so little of what a text says that it may be said with others. They are left out.
const smallWords = "och att det den som en ett är på av för till med de om så var har men vi jag du ni er oss man här där nu då också bara ju väl kan ska ner ned upp ut in " +
	"från vid hos mot under över min mitt mina din ditt dina sin sitt sina vår vårt våra er ert era istället stället the and that this is are to of in for on"

// courtesies are left out of the comparison: whoever says hello again asks the same again, and to thank twice is no disturbance.
const courtesies = "hej hejsan hallå hejhej tja tjena god gott goda morgon kväll dag jul påsk nytt år helg trevlig trevliga glad glada igen tack tackar tusen " +
	"så mycket varmt grattis snälla mvh vh hälsningar kram kramar håller med instämmer verkligen exakt precis bra jobbat ja nej hahaha haha hej! " +
	"hi hello again thanks thank you please regards"

var leftOut = func() map[uint64]bool {
	set := make(map[uint64]bool)
	for _, w := range strings.Fields(courtesies + " " + smallWords) {
		set[leftOutHash(w)] = true
	}
	return set
}()

// The hash of words to leave out, which is not [text.Hash]: what comments say exactly is stored by it (Exact), and it leaves out a word of many the same
// syllables too.
const hashSeed = 14695981039346656037

func hashByte(h uint64, c byte) uint64 { return (h<<7 | h>>57) ^ uint64(c) }

func hashEnd(h uint64) uint64 {
	h *= 0x9E3779B97F4A7C15
	return h ^ h>>32
}

func leftOutHash(w string) uint64 {
	h := uint64(hashSeed)
	for i := 0; i < len(w); i++ {
		h = hashByte(h, w[i])
	}
	return hashEnd(h)
}

// printer is scratch memory for FingerprintOf.
type printer struct {
	reading
	letters []byte
}

var (
	printers = sync.Pool{New: func() any { return new(printer) }}
	noCues   = func() *cueTable { v := new(cueTable); v.seal(); return v }()
	// permutations are the odd multipliers of the 64 hash functions.
	permutations = func() (p [64]uint64) {
		x := uint64(0x9E3779B97F4A7C15)
		for i := range p {
			x = mix(x + 0x9E3779B97F4A7C15)
			p[i] = x | 1
		}
		return p
	}()
)

// mix is the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// FingerprintOf takes a text's fingerprint. It is the zero value for a text that is too short to compare. The same text has the same
// fingerprint in every version of Takhöjd that does not say otherwise: Exact is stored, where two have said the same.
func FingerprintOf(s string) Fingerprint {
	p := printers.Get().(*printer)
	defer printers.Put(p)
	p.read(s, noCues)
	words := p.normalise()
	if words < leastWords && len(p.letters) < 2*leastLetters || len(p.letters) < leastLetters {
		return Fingerprint{}
	}
	f := Fingerprint{Shingles: uint16(min(len(p.letters)-shingle+1, 65535))}
	for _, c := range p.letters {
		f.Exact = (f.Exact ^ uint64(c)) * 1099511628211
	}
	f.Exact = mix(f.Exact)
	f.sketch(p.letters[:min(len(p.letters), mostLetters)])
	return f
}

// normalise leaves nothing of the text but the letters and digits that it says something by, and gives the number of words.
func (p *printer) normalise() (words int) {
	p.letters = p.letters[:0]
	for i := 0; i < len(p.words); {
		last, mixed := p.together(i)
		h, from := uint64(hashSeed), len(p.letters)
		for n := i; n <= last; n++ {
			for _, c := range p.bytes(n) {
				if mixed {
					c = digitLetter(c)
				}
				h = hashByte(h, c)
				if n := len(p.letters); n == from || p.letters[n-1] != c || '0' <= c && c <= '9' {
					p.letters = append(p.letters, c)
				}
			}
		}
		switch {
		case leftOut[hashEnd(h)]:
			p.letters = p.letters[:from]
		case p.words[i].kind&wordDigits != 0 && !mixed:
			p.letters = append(p.letters, p.letters[from:]...) // "linje 172" is not "linje 173"
			words++
		default:
			words++
		}
		i = last + 1
	}
	return words
}

// together gives the last word of what is one word to a reader, from word i on: "t0mma", whose digits are letters (mixed), the
// groups of "5 000", and "s l u t a".
func (p *printer) together(i int) (last int, mixed bool) {
	last = i
	for last+1 < len(p.words) && p.words[last+1].kind&wordGlued != 0 {
		last, mixed = last+1, true
	}
	if mixed {
		return last, true
	}
	if p.words[i].kind&wordDigits != 0 {
		for last+1 < len(p.words) && p.words[last+1].kind&wordDigits != 0 && len(p.gap(last)) == 1 && p.words[last+1].end-p.words[last+1].start == 3 {
			last++
		}
		return last, false
	}
	for last+1 < len(p.words) && letters(p.bytes(last)) == 1 && letters(p.bytes(last+1)) == 1 && p.words[last+1].kind&wordDigits == 0 {
		last++
	}
	return last, false
}

// sketch fills in Sim and the bands.
func (f *Fingerprint) sketch(letters []byte) {
	var least [64]uint64
	for i := range least {
		least[i] = 1<<64 - 1
	}
	for i := 0; i+shingle <= len(letters); i++ {
		h := mix(uint64(letters[i])<<24 | uint64(letters[i+1])<<16 | uint64(letters[i+2])<<8 | uint64(letters[i+3]))
		for j := range least {
			if v := h * permutations[j]; v < least[j] {
				least[j] = v
			}
		}
	}
	for j, v := range least {
		f.Sim |= mix(v) & 1 << j
	}
	for b := range f.bands {
		f.bands[b] = uint16(mix(least[2*b]+mix(least[2*b+1])) >> 16)
	}
}

// Near tells whether a and b say the same, or nearly the same. Nothing is near a text too short to compare.
func (f Fingerprint) Near(b Fingerprint) bool {
	if f.Shingles == 0 || b.Shingles == 0 {
		return false
	}
	if f.Exact == b.Exact {
		return true
	}
	short, long := min(f.Shingles, b.Shingles), max(f.Shingles, b.Shingles)
	bound := nearBits
	if short < longShingles {
		bound = nearBitsShort
	}
	return short >= fewShingles && 3*int(short) >= 2*int(long) && bits.OnesCount64(f.Sim^b.Sim) <= bound
}

// repeated is how many earlier comments make text a repetition. What many write without knowing of each other counts only where one
// author repeats it.
func (f Facts) repeated(text string) int {
	if f.SameByOthers > 0 && !FingerprintOf(text).Short() {
		return f.SameByAuthor + f.SameByOthers
	}
	return f.SameByAuthor
}

// Short tells whether the text says so little that many write it without knowing of each other ("Bra jobbat allihop"): the same from
// other authors is then no campaign, though the same from one author is repetition.
func (f Fingerprint) Short() bool { return f.Shingles < campaignShingles }

// Bands are keys for an index: fingerprints that are near share at least one of them, but for one pair in twenty at the very border of
// nearness, where a quarter of the text differs. Of texts that have nothing to do with each other one in some hundreds
// shares one. The bands belong to the fingerprint that FingerprintOf gave; one put together from stored fields has none.
func (f Fingerprint) Bands() [4]uint16 { return f.bands }
