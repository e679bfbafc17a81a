package rules

import (
	"encoding/json"
	"io/fs"
	"os"
	"strings"
	"testing"

	goaway "github.com/TwiN/go-away"

	"takhojd/platforms"
)

// devTexts are the texts of the development set.
func devTexts(t testing.TB) []string {
	t.Helper()
	raw, err := os.ReadFile("testdata/dev.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for line := range strings.Lines(string(raw)) {
		var c Case
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, c.Text)
	}
	return texts
}

// BenchmarkJudge judges the comments of the development set, one an iteration: "all" is the whole set, three fifths of which break the
// policy, "quiet" those in which nothing is found, as most comments are. What it should cost is 5 µs a comment on one core, with next to
// no allocation when nothing is found: only where a number must be held against the numbering plans. A finding costs about 1 µs, most of
// it for the reason that is put in words.
func BenchmarkJudge(b *testing.B) {
	p := mustDefault(b)
	var all, quiet []platforms.Comment
	for _, s := range devTexts(b) {
		c := platforms.Comment{Text: s}
		all = append(all, c)
		if v := p.Judge(c, Facts{}); len(v.Findings) == 0 && v.Route == NoRoute {
			quiet = append(quiet, c)
		}
	}
	for name, set := range map[string][]platforms.Comment{"all": all, "quiet": quiet} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				p.Judge(set[i%len(set)], Facts{})
			}
		})
	}
}

// BenchmarkGoAway looks for the same terms with the usual library for profanity, for comparison: terms only, no context.
func BenchmarkGoAway(b *testing.B) {
	words := formsOf(b)
	b.Logf("%d forms", len(words))
	detector := goaway.NewProfanityDetector().WithCustomDictionary(words, nil, nil)
	texts := devTexts(b)
	b.ReportAllocs()
	for i := range b.N {
		detector.IsProfane(texts[i%len(texts)])
	}
}

// formsOf lists the forms of the built-in lists.
func formsOf(b *testing.B) []string {
	b.Helper()
	v := newVocabulary()
	sub, err := fs.Sub(embedded, "policies/lists")
	if err != nil {
		b.Fatal(err)
	}
	lists, err := readLists(sub, ".")
	if err != nil {
		b.Fatal(err)
	}
	for _, l := range lists {
		if strings.HasSuffix(l.name, ".words") {
			if err := v.read(l); err != nil {
				b.Fatal(err)
			}
		}
	}
	var words []string
	for f := range v.forms {
		words = append(words, f.text)
	}
	return words
}
