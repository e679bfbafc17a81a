package learn

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ReadComments reads our own labelled comments: the files *.jsonl in a folder, a comment a line. Files with "-held-" in their name
// are held back for measuring, and not read. Comments whose violation is not in their words – a repetition, a picture, a link – are
// left out. The letters that a file's name begins with say who wrote it: p of p-abuse-01, u of u4-01.
func ReadComments(dir string) ([]Example, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("read comments: no .jsonl files in %s", dir)
	}
	var all []Example
	for _, name := range names {
		if strings.Contains(filepath.Base(name), "-held-") {
			continue
		}
		err := eachLine(name, func(line string) error {
			e, inWords, err := readComment(line)
			e.Writer = writerOf(filepath.Base(name))
			if err == nil && inWords {
				all = append(all, e)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read comments: %w", err)
		}
	}
	return all, nil
}

func writerOf(file string) string {
	end := strings.IndexFunc(file, func(r rune) bool { return r < 'a' || r > 'z' })
	return file[:max(end, 0)]
}

// readComment reads one comment, and tells whether it is lawful or breaks the policy in words.
func readComment(line string) (e Example, inWords bool, err error) {
	var c struct {
		Text, Expect, Route string
		Categories          []string
	}
	if err := json.Unmarshal([]byte(line), &c); err != nil {
		return e, false, err
	}
	lawful := c.Expect == "allow"
	if c.Expect != "hide" && c.Expect != "flag" && !lawful || lawful != (len(c.Categories) == 0) {
		return e, false, fmt.Errorf("expect is %q with %d categories", c.Expect, len(c.Categories))
	}
	e = Example{Text: c.Text, Source: Ours, Route: c.Route}
	e.Clear = c.Expect == "hide"
	e.Serious = e.Clear && (slices.Contains(c.Categories, "threat") || slices.Contains(c.Categories, "incitement"))
	for _, k := range c.Categories {
		if k != "spam" && k != "unreviewed-media" && k != "unreviewed-link" {
			e.Categories = append(e.Categories, k)
		}
	}
	return e, lawful || len(e.Categories) > 0, nil
}

// eachLine calls take with each line of a file that is not blank.
func eachLine(name string, take func(line string) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 64<<10), 4<<20)
	for n := 1; lines.Scan(); n++ {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		if err := take(lines.Text()); err != nil {
			return fmt.Errorf("%s line %d: %w", filepath.Base(name), n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	return nil
}

// Public are openly licensed texts, read where they lie. Their sources and licences stand in MODELCARD.md.
type Public struct {
	// Train is to learn from: half of the lawful Swedish sentences, and the English comments.
	Train []Example
	// Lawful is the other half of the Swedish sentences, by set, to measure on.
	Lawful map[string][]string
}

// ReadPublic reads the sets in their folders under dir.
func ReadPublic(dir string) (Public, error) {
	p := Public{Lawful: make(map[string][]string)}
	for _, set := range []struct {
		name, files string
		sentences   func(line string) []string
	}{
		{"argumentation", "sv-argumentation-sentences/*.tsv", column(3, "sentence")},
		{"sib200", "sv-sib200/*.tsv", column(2, "text")},
		{"talbanken", "sv-ud-talbanken/*.conllu", talbanken},
		{"swefaq", "sv-swefaq/*.jsonl", swefaq},
	} {
		sentences, err := readSentences(filepath.Join(dir, set.files), set.sentences)
		if err != nil {
			return p, fmt.Errorf("read public set %s: %w", set.name, err)
		}
		for _, s := range sentences {
			if place(s)%2 == 0 {
				p.Train = append(p.Train, Example{Text: s, Source: Prose})
			} else {
				p.Lawful[set.name] = append(p.Lawful[set.name], s)
			}
		}
	}
	for name, read := range map[string]func(dir string) ([]Example, error){"en-surge-toxicity": surge, "en-civil-toxic-spans": civil} {
		examples, err := read(filepath.Join(dir, name))
		if err != nil {
			return p, fmt.Errorf("read public set %s: %w", name, err)
		}
		p.Train = append(p.Train, examples...)
	}
	return p, nil
}

// readSentences reads the sentences of a set, each once, in the order of the files.
func readSentences(glob string, of func(line string) []string) ([]string, error) {
	names, err := filepath.Glob(glob)
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("no files %s", filepath.Base(glob))
	}
	had := make(map[string]bool)
	var sentences []string
	for _, name := range names {
		err := eachLine(name, func(line string) error {
			for _, s := range of(line) {
				if s = strings.TrimSpace(s); s != "" && !had[s] {
					had[s] = true
					sentences = append(sentences, s)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return sentences, nil
}

// column takes a column of a file of tab-separated values, but for its heading.
func column(n int, heading string) func(string) []string {
	return func(line string) []string {
		if cells := strings.Split(line, "\t"); n < len(cells) && cells[n] != heading {
			return cells[n : n+1]
		}
		return nil
	}
}

func talbanken(line string) []string {
	if s, ok := strings.CutPrefix(line, "# text = "); ok {
		return []string{s}
	}
	return nil
}

func swefaq(line string) (sentences []string) {
	var q struct {
		Question string
		Answers  []string `json:"candidate_answers"`
	}
	if json.Unmarshal([]byte(line), &q) != nil {
		return nil
	}
	for _, s := range append(q.Answers, q.Question) {
		sentences = append(sentences, strings.SplitAfter(s, ". ")...)
	}
	return sentences
}

func surge(dir string) (examples []Example, err error) {
	rows, err := readCSV(filepath.Join(dir, "toxicity_en.csv"), "text", "is_toxic")
	for _, r := range rows {
		e := Example{Text: r[0], Source: English}
		if r[1] == "Toxic" {
			e.Categories = []string{"insult"}
		}
		examples = append(examples, e)
	}
	return examples, err
}

// civil reads news readers' comments. A comment is lawful when most annotators found nothing toxic in it; of the others two in five
// are taken, so that neither kind outweighs the other, with the kind of toxicity that was marked most often.
func civil(dir string) ([]Example, error) {
	annotations, err := readCSV(filepath.Join(dir, "annotations.csv"), "annotation", "comment_id", "not toxic")
	if err != nil {
		return nil, err
	}
	spans, err := readCSV(filepath.Join(dir, "spans.csv"), "annotation", "type")
	if err != nil {
		return nil, err
	}
	comments, err := readCSV(filepath.Join(dir, "comments.csv"), "comment_id", "comment_text")
	if err != nil {
		return nil, err
	}
	commentOf, asked, not := make(map[string]string), make(map[string]int), make(map[string]int)
	for _, a := range annotations {
		commentOf[a[0]] = a[1]
		asked[a[1]]++
		if a[2] == "True" {
			not[a[1]]++
		}
	}
	marked := make(map[string]map[string]int)
	for _, s := range spans {
		id := commentOf[s[0]]
		if marked[id] == nil {
			marked[id] = make(map[string]int)
		}
		marked[id][civilCategory(s[1])]++
	}
	var examples []Example
	for _, c := range comments {
		e := Example{Text: c[1], Source: English}
		if 2*not[c[0]] <= asked[c[0]] {
			if place(c[1])%5 > 1 {
				continue
			}
			e.Categories = []string{mostOf(marked[c[0]])}
		}
		examples = append(examples, e)
	}
	return examples, nil
}

func civilCategory(kind string) string {
	switch kind {
	case "Profane/Obscene":
		return "profanity"
	case "Identity based Attack":
		return "hate"
	case "Threat":
		return "threat"
	}
	return "insult"
}

func mostOf(counts map[string]int) string {
	best := "insult"
	for _, c := range []string{"hate", "profanity", "threat"} {
		if counts[c] > counts[best] {
			best = c
		}
	}
	return best
}

// readCSV reads the named columns of a file.
func readCSV(name string, columns ...string) ([][]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	heading, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	var rows [][]string
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(name), err)
		}
		picked := make([]string, len(columns))
		for i, c := range columns {
			at := slices.Index(heading, c)
			if at < 0 {
				return nil, fmt.Errorf("%s: no column %q", filepath.Base(name), c)
			}
			picked[i] = row[at]
		}
		rows = append(rows, picked)
	}
}
