package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

func TestPolicyLint(t *testing.T) {
	lint := func(args ...string) (int, string, string) {
		var out, errs bytes.Buffer
		code := run(context.Background(), append([]string{"policy", "lint"}, args...), strings.NewReader(""), &out, &errs)
		return code, out.String(), errs.String()
	}
	file := watchful(t) // its one rule has no examples
	code, swedish, errs := lint(file)
	if code != 0 || errs != "" || !strings.Contains(swedish, "profanity/word: ") || !strings.Contains(swedish, " påpekanden.\n") {
		t.Errorf("%d %s %s", code, swedish, errs)
	}
	code, english, _ := lint("--en", file)
	if code != 0 || !strings.Contains(english, "profanity/word: ") || !strings.Contains(english, " hints.\n") || strings.Count(english, "\n") != strings.Count(swedish, "\n") {
		t.Errorf("in English: %d %s", code, english)
	}
	if code, out, errs := lint("none.yaml"); code != 1 || out != "" || !strings.Contains(errs, "none.yaml") {
		t.Errorf("no such file: %d %q %q", code, out, errs)
	}
}
