package lexicon

import (
	"strings"
	"unicode/utf8"
)

// misspelt returns the usual slips in writing a word of five letters or more: a consonant doubled or not, e for ä and å for o or the other
// way, two letters in the wrong order, one left out of a long word. The first letter is always right. Generating them
// when lists are read keeps the search exact, and lets a test hold every one of them against a dictionary.
func misspelt(w string) (slips []string) {
	r := []rune(w)
	if len(r) < 5 || strings.ContainsRune(w, ' ') {
		return nil
	}
	put := func(parts ...string) { slips = append(slips, strings.Join(parts, "")) }
	for i := 1; i < len(r); i++ {
		before, here, after := string(r[:i]), string(r[i]), string(r[i+1:])
		if s := confused(r[i]); s != "" {
			put(before, s, after)
		}
		last := i+1 == len(r)
		if !isVowel(r[i]) && r[i] != r[i-1] && (last || r[i+1] != r[i]) && isVowel(r[i-1]) && (last || isVowel(r[i+1])) {
			put(before, here, here, after)
		}
		if !isVowel(r[i]) && r[i] == r[i-1] {
			put(before, after)
		} else if len(r) > 6 && !last {
			put(before, after)
		}
		if !last && r[i] != r[i+1] {
			put(before, string(r[i+1]), here, string(r[i+2:]))
		}
	}
	return slips
}

// confused returns what a letter is often written for or with, or nothing.
func confused(r rune) string {
	switch r {
	case 'ä':
		return "e"
	case 'e':
		return "ä"
	case 'å':
		return "o"
	case 'o':
		return "å"
	}
	return ""
}

func isVowel(r rune) bool { return r < utf8.MaxRune && strings.ContainsRune("aeiouyåäö", r) }
