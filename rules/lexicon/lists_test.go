package lexicon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lists reads all word lists of the policy, as terms without their classes.
func lists(tb testing.TB) (terms []Term, innocent []string) {
	tb.Helper()
	names, err := filepath.Glob("../policies/lists/*.words")
	if err != nil || len(names) == 0 {
		tb.Fatal("no word lists", err)
	}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		section, n := "", 0
		for line := range strings.Lines(string(raw)) {
			n++
			if strings.HasPrefix(line, "[") {
				line = "\n"
			}
			section += line
		}
		more, err := Parse(filepath.Base(name), 1, section)
		if err != nil {
			tb.Log(err)
		}
		terms = append(terms, more...)
	}
	for i := range terms {
		terms[i].Value = i
	}
	raw, err := os.ReadFile("../policies/lists/innocent.txt")
	if err != nil {
		tb.Log("no list of innocent words")
	}
	for line := range strings.Lines(string(raw)) {
		line, _, _ = strings.Cut(line, "#")
		innocent = append(innocent, strings.Fields(line)...)
	}
	return terms, innocent
}

func TestListsCompile(t *testing.T) {
	terms, innocent := lists(t)
	if _, err := Compile(terms, innocent); err != nil {
		t.Fatal(err)
	}
	forms := 0
	for _, term := range terms {
		forms += len(term.Forms)
	}
	t.Logf("%d terms, %d forms", len(terms), forms)
}
