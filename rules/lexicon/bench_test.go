package lexicon

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"

	goaway "github.com/TwiN/go-away"

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

// BenchmarkFind is the cost of a comment of the development set when all lists of the policy are looked for.
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

// BenchmarkFoldAndFind adds the folding, for comparison with BenchmarkGoAway, which looks for the same forms.
func BenchmarkFoldAndFind(b *testing.B) {
	l, err := Compile(lists(b))
	if err != nil {
		b.Fatal(err)
	}
	texts := devTexts(b)
	var f text.Folded
	found := make([]Match, 0, 1000)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		f.Fold(texts[i%len(texts)])
		found = l.Find(&f, found[:0])
	}
}

// BenchmarkGoAway gives go-away the one-word forms of the same lists. It does not know å, ä and ö, compounds or phrases.
func BenchmarkGoAway(b *testing.B) {
	terms, innocent := lists(b)
	var forms []string
	for _, t := range terms {
		for _, f := range t.Forms {
			if !strings.Contains(f, " ") {
				forms = append(forms, f)
			}
		}
	}
	texts := devTexts(b)
	detector := goaway.NewProfanityDetector().WithCustomDictionary(unique(forms), innocent, nil)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		detector.IsProfane(texts[i%len(texts)])
	}
}

// hostile are texts that make the most of readings, compounds and phrases.
var hostile = []string{"jävla", "jävla ", "*****a ", "j****a ", "4444 ", "h0r4 ", "dra åt ", "f*n ", "skit", "idiot", "aaeeiioo ", "j ä v l a ", "a.b", "k🍆", "dra åt h*lvet ", "för i helvete ",
	"************", "a*b*c*d*", "1d10t-", "i ", "sk1t", "åäö", "fitta fitta", "hel vete "}

// TestHostileText is cut off by the test's own time limit when finding is not linear.
func TestHostileText(t *testing.T) {
	l := compiled(t)
	var f text.Folded
	var found []Match
	for _, piece := range hostile {
		s := strings.Repeat(piece, 60_000/len([]rune(piece)))
		f.Fold(s)
		found = l.Find(&f, found[:0])
	}
}

func BenchmarkHostile(b *testing.B) {
	l, err := Compile(lists(b))
	if err != nil {
		b.Fatal(err)
	}
	var f text.Folded
	var found []Match
	for _, piece := range hostile {
		s := strings.Repeat(piece, 60_000/len([]rune(piece)))
		b.Run(piece, func(b *testing.B) {
			for b.Loop() {
				f.Fold(s)
				found = l.Find(&f, found[:0])
			}
		})
	}
}
