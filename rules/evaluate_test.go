package rules

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestMeasure writes the table of the evaluation for the sets named in TAKHOJD_MEASURE (globs), and every miss with -v.
func TestMeasure(t *testing.T) {
	glob := os.Getenv("TAKHOJD_MEASURE")
	if glob == "" {
		t.Skip("TAKHOJD_MEASURE names no set")
	}
	p := mustDefault(t)
	names, err := filepath.Glob(glob)
	if err != nil || len(names) == 0 {
		t.Fatalf("no set like %s: %v", glob, err)
	}
	var all bytes.Buffer
	for _, n := range names {
		raw, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(raw)
		all.WriteByte('\n')
	}
	report, err := Evaluate(p, &all)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range report.Misses {
		t.Logf("%s | %s | %v %s→%s %v %s→%s | %s | %v", m.What, m.Case.ID, m.Case.Categories, m.Case.Expect, m.Result.Action,
			m.Result.Categories, m.Case.Route, m.Result.Route, m.Case.Text, m.Result.Findings)
	}
	var table bytes.Buffer
	if err := report.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + table.String())
}
