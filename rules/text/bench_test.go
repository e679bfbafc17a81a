package text

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"
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

func BenchmarkFold(b *testing.B) {
	texts := devTexts(b)
	var f Folded
	for _, t := range texts {
		f.Fold(t)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		f.Fold(texts[i%len(texts)])
	}
}
