package lexicon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lists reads word lists of the policy, or all of them, as terms without their classes.
func lists(tb testing.TB, names ...string) (terms []Term, innocent []string) {
	tb.Helper()
	if len(names) == 0 {
		all, err := filepath.Glob("../policies/lists/*.words")
		if err != nil || len(all) == 0 {
			tb.Fatal("no word lists", err)
		}
		for _, name := range all {
			names = append(names, filepath.Base(name))
		}
	}
	for _, name := range names {
		raw, err := os.ReadFile("../policies/lists/" + name)
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
		more, err := Parse(name, 1, section)
		if err != nil {
			tb.Error(err)
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
