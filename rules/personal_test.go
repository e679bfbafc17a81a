package rules

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// testDetectors are the detectors with the lists of the policy that is built in.
func testDetectors(t testing.TB) *detectors {
	t.Helper()
	names, err := filepath.Glob("policies/lists/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatalf("no lists: %v", err)
	}
	var lists []list
	for _, n := range names {
		raw, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		lists = append(lists, list{filepath.Base(n), raw})
	}
	d, err := newDetectors(lists)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// shared gives the path of a file of the evaluation material, and skips the test where it is not at hand.
func shared(t testing.TB, path string) string {
	t.Helper()
	full := filepath.Join("..", "..", "shared", path)
	if _, err := os.Stat(full); err != nil {
		t.Skipf("the evaluation material is not beside the repository: %v", err)
	}
	return full
}

// sampleTexts are the comments of the development set.
func sampleTexts(t testing.TB) []string {
	f, err := os.Open(shared(t, "eval/dev.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var texts []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var c struct{ Text string }
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, c.Text)
	}
	return texts
}
