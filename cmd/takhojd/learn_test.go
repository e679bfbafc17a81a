package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLearnMeasures(t *testing.T) {
	const public = "../../../shared/eval/public"
	if _, err := os.Stat(public); err != nil {
		t.Skip("the public sets do not lie in ../shared beside the repository")
	}
	code, out, errs := do(t, "", "learn", "--comments", "../../rules/learn/comments", "--public", public)
	if code != 0 {
		t.Fatalf("%d %s", code, errs)
	}
	for _, want := range []string{"held back", "allow cases flagged", "caught: threat", "talbanken, lawful", "HateCheck, hateful", "A reading takes "} {
		if !strings.Contains(out, want) {
			t.Errorf("the figures do not tell of %q:\n%s", want, out)
		}
	}
}

func TestLearnRefuses(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	for name, args := range map[string][]string{
		"no folders":       {"learn"},
		"no comments":      {"learn", "--comments", nowhere, "--public", nowhere},
		"none to train on": {"learn", "--comments", nowhere, "--public", nowhere, "--out", filepath.Join(t.TempDir(), "model.bin")},
	} {
		if code, _, errs := do(t, "", args...); code == 0 || errs == "" {
			t.Errorf("%s: %d %q", name, code, errs)
		}
	}
}
