package rules

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"takhojd/platforms"
)

// public finds a file of the public sets, beside the repository.
func public(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "shared", "eval", "public", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the public sets are not here: %v", err)
	}
	return path
}

// readLines reads a text file line by line.
func readLines(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []string
	s := bufio.NewScanner(f)
	s.Buffer(nil, 8<<20)
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// benign lists the sentences of public sets in which nobody breaks a rule.
func benign(t *testing.T) map[string][]string {
	sets := make(map[string][]string)
	for _, l := range readLines(t, public(t, "sv-ud-talbanken/sv_talbanken-ud-dev.conllu")) {
		if s, ok := strings.CutPrefix(l, "# text = "); ok {
			sets["Talbanken"] = append(sets["Talbanken"], s)
		}
	}
	for _, name := range []string{"dev", "test", "train"} {
		for _, l := range readLines(t, public(t, "sv-sib200/"+name+".tsv"))[1:] {
			sets["SIB-200"] = append(sets["SIB-200"], strings.SplitN(l, "\t", 3)[2])
		}
	}
	for _, l := range readLines(t, public(t, "sv-swefaq/swefaq_dev.jsonl")) {
		var q struct {
			Question string   `json:"question"`
			Answers  []string `json:"candidate_answers"`
		}
		if err := json.Unmarshal([]byte(l), &q); err != nil {
			t.Fatal(err)
		}
		sets["swefaq"] = append(sets["swefaq"], q.Question)
		sets["swefaq"] = append(sets["swefaq"], q.Answers...)
	}
	sets["swefaq"] = once(sets["swefaq"])
	for _, name := range []string{"dev", "train"} {
		for _, l := range readLines(t, public(t, "sv-argumentation-sentences/argumentation-sentences_"+name+".tsv"))[1:] {
			sets["argumentation"] = append(sets["argumentation"], strings.SplitN(l, "\t", 4)[3])
		}
	}
	return sets
}

func once(texts []string) (kept []string) {
	seen := make(map[string]bool)
	for _, t := range texts {
		if !seen[t] {
			seen[t] = true
			kept = append(kept, t)
		}
	}
	return kept
}

func TestBenignTextIsLeftAlone(t *testing.T) {
	p := mustDefault(t)
	for name, texts := range benign(t) {
		hidden, flagged := 0, 0
		for _, s := range texts {
			v := p.Judge(platforms.Comment{Text: s}, Facts{})
			switch v.Action {
			case Hide:
				hidden++
				t.Logf("%s hidden: %s | %v", name, s, ResultOf("", v).Findings)
			case Flag:
				flagged++
				t.Logf("%s flagged: %s | %v", name, s, ResultOf("", v).Findings)
			}
		}
		t.Logf("%s: %d hidden, %d flagged of %d (%.2f %%)", name, hidden, flagged, len(texts), 100*float64(flagged)/float64(len(texts)))
		if hidden > 0 || float64(flagged) > 0.005*float64(len(texts)) {
			t.Errorf("%s: %d hidden, %d flagged of %d; want none and at most 0.5 %%", name, hidden, flagged, len(texts))
		}
	}
}

func TestHateCheck(t *testing.T) {
	f, err := os.Open(public(t, "en-hatecheck/hatecheck_even_templates.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	p := mustDefault(t)
	var caught, hidden Share
	for _, r := range rows[1:] {
		v := p.Judge(platforms.Comment{Text: r[3]}, Facts{})
		if r[4] == "hateful" {
			caught.count(v.Action != Allow)
			if v.Action == Allow {
				t.Logf("missed %s: %s", r[1], r[3])
			}
		} else {
			hidden.count(v.Action == Hide)
			if v.Action == Hide {
				t.Logf("hidden %s: %s | %v", r[1], r[3], ResultOf("", v).Findings)
			}
		}
	}
	t.Logf("hateful caught %.1f %% of %d, not hateful hidden %.1f %% of %d", caught.Percent(), caught.Of, hidden.Percent(), hidden.Of)
	if caught.Percent() < 80 || hidden.Percent() > 8 {
		t.Errorf("HateCheck: %.1f %% caught, %.1f %% of the others hidden; want at least 80 and at most 8", caught.Percent(), hidden.Percent())
	}
}
