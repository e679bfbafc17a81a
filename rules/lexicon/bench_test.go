package lexicon

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"

	"takhojd/rules/text"
)

// devTexts are the texts of the development set, where it lies beside the repository.
func devTexts(tb testing.TB) (texts []string) {
	file, err := os.Open("../../../shared/eval/dev.jsonl")
	if err != nil {
		tb.Skip("the development set does not lie in ../shared beside the repository")
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var c struct{ Text string }
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			tb.Fatal(err)
		}
		texts = append(texts, c.Text)
	}
	return texts
}

func BenchmarkFind(b *testing.B) {
	l, err := Compile(lists(b))
	if err != nil {
		b.Fatal(err)
	}
	texts := devTexts(b)
	folded := make([]text.Folded, len(texts))
	for i := range texts {
		folded[i].Fold(texts[i])
	}
	found := make([]Match, 0, 1000)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		found = l.Find(&folded[i%len(texts)], found[:0])
	}
}
