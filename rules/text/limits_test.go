package text

import (
	"strings"
	"testing"
)

// hostile are texts that a careless folding would take more than linear time over, or more than a fair share of it.
var hostile = []string{"a", "a.", "a,", "a:", "a*", "*a", "a-", "1a", "a a ", "a\u0308", "a\u200b", "\u200b", "\xff", "😀", "a😀", "ж", "aж", "aé", "$a", "a@a.",
	"www.", "a.se/", "é", "𝓪", "a\n", "a_", "aa", "aab", "4", "4.", "''", "a'", "#a ", "@a ", "k*k ", "#", "(", "h*"}

// TestHostileText is cut off by the test's own time limit when folding is not linear: quadratic, it takes minutes.
func TestHostileText(t *testing.T) {
	var f Folded
	for _, piece := range hostile {
		check(t, &f, strings.Repeat(piece, 60_000/len([]rune(piece))))
	}
}

func BenchmarkHostile(b *testing.B) {
	var f Folded
	for _, piece := range hostile {
		s := strings.Repeat(piece, 60_000/len([]rune(piece)))
		b.Run(piece, func(b *testing.B) {
			for b.Loop() {
				f.Fold(s)
			}
		})
	}
}
