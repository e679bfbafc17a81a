package rules

import (
	"strings"
	"testing"
	"testing/fstest"
)

// TestLintTellsWhatIsHardlyMeant breaks the built-in policy in the ways that are no errors.
func TestLintTellsWhatIsHardlyMeant(t *testing.T) {
	raw, err := embedded.ReadFile("policies/regionstockholm.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{"lists/a.words": {Data: []byte("[never.used]\nord\n")}}
	entries, err := embedded.ReadDir("policies/lists")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := embedded.ReadFile("policies/lists/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		files["lists/"+e.Name()] = &fstest.MapFile{Data: text}
	}
	odd := `      - id: profanity/odd
        description: {sv: prov, en: test}
        mode: hide
        score: 0.5
        find: ["{you} {be}"]
        match: ["hej"]
        spare: ["Hej"]
      - id: profanity/mild
`
	broken := strings.Replace(string(raw), "      - id: profanity/mild\n", odd, 1)
	files["p.yaml"] = &fstest.MapFile{Data: []byte(broken)}
	p, err := Load(files, "p.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, h := range p.Lint() {
		all = append(all, h.String())
	}
	got := strings.Join(all, "\n")
	for _, want := range []string{"never.used: klassen finns", "profanity/odd: mönstret", "profanity/odd: regeln får dölja", "profanity/odd: \"hej\" ska både"} {
		if !strings.Contains(got, want) {
			t.Errorf("lint does not say %q", want)
		}
	}
	for _, h := range mustDefault(t).Lint() {
		t.Log(h)
	}
}
