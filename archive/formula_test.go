package archive_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"testing"

	"takhojd/archive"
)

// TestNoCellIsAFormula writes what a spreadsheet could run into the CSV, and reads it as Excel does: apart at commas, and in Sweden at semicolons.
func TestNoCellIsAFormula(t *testing.T) {
	ctx, f := context.Background(), open(t)
	for text, want := range map[string]string{
		"=1+1": "'=1+1", "+46 8": "'+46 8", "-nej": "'-nej", "@anna": "'@anna", "\t=1": "'\t'=1", "  =1": "  '=1", "＝1": "'＝1",
		"Hej;=cmd|' /C calc'!A0": "Hej;'=cmd|' /C calc'!A0", "Hej; \"=1": "Hej; \"'=1", "a\n=1\n- b": "a\n'=1\n'- b", "a\r\n@x": "a\r\n'@x",
		"Hej; bra - men": "Hej; bra - men", "1 = 1": "1 = 1", "a\r\n\r\nb": "a\r\n\r\nb", "vad@region.se": "vad@region.se", "": "",
	} {
		id := f.add(t, "c"+text, "Anna", text)
		var sheet bytes.Buffer
		if err := f.Export(ctx, archive.Query{Limit: 1}, "csv", &sheet); err != nil {
			t.Fatal(err)
		}
		reader := csv.NewReader(&sheet)
		rows, err := reader.ReadAll()
		if err != nil || rows[1][0] != id {
			t.Fatalf("%q: %v", text, err)
		}
		want = string(bytes.ReplaceAll([]byte(want), []byte("\r\n"), []byte("\n"))) // the reader's own doing
		if rows[1][14] != want {
			t.Errorf("%q is written as %q, want %q", text, rows[1][14], want)
		}
	}
}

// TestCategoryIsNoPattern: a search by what is no category finds nothing.
func TestCategoryIsNoPattern(t *testing.T) {
	ctx, f := context.Background(), open(t)
	f.add(t, "c1", "Anna", "text", "insult")
	for category, want := range map[string]int{"insult": 1, "%": 0, "_nsult": 0, "ins%": 0, "\x00": 0, "insult hate": 0, `\`: 0} {
		if n, err := f.Count(ctx, archive.Query{Category: category}); err != nil || n != want {
			t.Errorf("%q finds %d, want %d: %v", category, n, want, err)
		}
	}
}
