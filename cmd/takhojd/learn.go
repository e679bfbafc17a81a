package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"takhojd/platforms"
	"takhojd/rules"
	"takhojd/rules/learn"
	"takhojd/rules/text"
)

func learnCommand() *cobra.Command {
	var comments, public, out string
	c := &cobra.Command{
		Use:   "learn --comments DIR --public DIR [--out FILE]",
		Short: "Train the second reader anew, and measure it",
		Long: "learn fits the statistical second reader to our own labelled comments and to the openly licensed sets, and writes it to a file, which\n" +
			"is rules/learn/model.bin in the source. Then it measures the policy's rules without it and with it, on what it has not seen: the comments held\n" +
			"back (-held- in their names) and the other half of the lawful sentences. Without --out it only measures the built-in reader.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if comments == "" || public == "" {
				return usageError{errors.New("learn needs --comments and --public")}
			}
			p, err := rules.Default()
			if err != nil {
				return err
			}
			m, err := learn.Default()
			if err != nil {
				return err
			}
			if out != "" {
				if m, err = train(c.OutOrStdout(), p, comments, public, out); err != nil {
					return err
				}
			}
			return compare(c.OutOrStdout(), p, m, comments, public)
		},
	}
	f := c.Flags()
	f.StringVar(&comments, "comments", "", "the folder of our own labelled comments (rules/learn/comments)")
	f.StringVar(&public, "public", "", "the folder of the openly licensed sets; dev.jsonl lies beside it")
	f.StringVar(&out, "out", "", "where to write the model")
	return c
}

func train(w io.Writer, p *rules.Policy, comments, public, out string) (*learn.Model, error) {
	examples, err := learn.ReadComments(comments)
	if err != nil {
		return nil, err
	}
	sets, err := learn.ReadPublic(public)
	if err != nil {
		return nil, err
	}
	examples = append(examples, sets.Train...)
	for i := range examples {
		examples[i] = p.Lesson(examples[i])
	}
	m, err := learn.Train(examples, learn.Options{FirstNames: p.FirstNames()})
	if err != nil {
		return nil, err
	}
	writeTrials(w, m)
	var file bytes.Buffer
	if err := m.Save(&file); err != nil {
		return nil, err
	}
	if err := os.WriteFile(out, file.Bytes(), 0o644); err != nil {
		return nil, fmt.Errorf("write model: %w", err)
	}
	return learn.Load(file.Bytes()) // what was written is what is measured
}

// writeTrials writes how the closer reading does on writers whom it has not read.
func writeTrials(w io.Writer, m *learn.Model) {
	fmt.Fprintf(w, "The reader alone, on the comments of each writer when trained on the others'\n%-36s %-26s %s\n", "", "violations caught", "lawful flagged")
	var caught, flagged rules.Share
	for _, t := range m.Trials() {
		a, b := rules.Share{N: t.Caught, Of: t.Violations}, rules.Share{N: t.Flagged, Of: t.Lawful}
		fmt.Fprintf(w, "%-36s %-26s %s\n", t.Writer, withInterval(a), withInterval(b))
		caught.N, caught.Of, flagged.N, flagged.Of = caught.N+a.N, caught.Of+a.Of, flagged.N+b.N, flagged.Of+b.Of
	}
	fmt.Fprintf(w, "%-36s %-26s %s\n", "all", withInterval(caught), withInterval(flagged))
	for _, h := range m.Heads() {
		fmt.Fprintf(w, "It says %q from %.3f.\n", h.Name, h.Threshold)
	}
	fmt.Fprintln(w)
}

// compare writes how the rules do alone and with the second reader.
func compare(w io.Writer, p *rules.Policy, m *learn.Model, comments, public string) error {
	alone, both := p.WithSecondReader(nil), p.WithSecondReader(m)
	fmt.Fprintf(w, "The second reader speaks from %.3f. Shares with their 95 %% confidence intervals (Wilson).\n", m.Threshold())
	for _, set := range []struct{ name, files string }{
		{"Our own comments, held back", filepath.Join(comments, "*-held-*.jsonl")},
		{"The development set", filepath.Join(filepath.Dir(public), "dev.jsonl")},
	} {
		a, err := evaluateFiles(alone, set.files)
		if err != nil {
			return err
		}
		b, err := evaluateFiles(both, set.files)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "\n%s\n%-36s %-26s %s\n", set.name, "", "rules alone", "with the second reader")
		writeComparison(w, a, b)
	}
	return compareLawful(w, alone, both, m, public)
}

func evaluateFiles(p *rules.Policy, glob string) (rules.Report, error) {
	names, err := filepath.Glob(glob)
	if err != nil || len(names) == 0 {
		return rules.Report{}, fmt.Errorf("no labelled comments like %s", filepath.Base(glob))
	}
	var all []io.Reader
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			return rules.Report{}, err
		}
		all = append(all, bytes.NewReader(append(raw, '\n')))
	}
	return rules.Evaluate(p, io.MultiReader(all...))
}

func writeComparison(w io.Writer, a, b rules.Report) {
	row := func(name string, a, b rules.Share) {
		change := ""
		if a.N != b.N {
			change = fmt.Sprintf("  %+d", b.N-a.N)
		}
		fmt.Fprintf(w, "%-36s %-26s %s%s\n", name, withInterval(a), withInterval(b), change)
	}
	row("allow cases hidden", a.AllowHidden, b.AllowHidden)
	row("allow cases flagged", a.AllowFlagged, b.AllowFlagged)
	row("hide cases caught", a.HideCaught, b.HideCaught)
	row("hide cases hidden", a.HideHidden, b.HideHidden)
	row("flag cases caught", a.FlagCaught, b.FlagCaught)
	row("flag cases hidden", a.FlagHidden, b.FlagHidden)
	row("right category of those caught", a.CategoryRight, b.CategoryRight)
	row("route right", a.RouteRight, b.RouteRight)
	row("no route where there is none", a.RouteSpared, b.RouteSpared)
	row("serious threats escalated", a.Escalated, b.Escalated)
	for _, c := range rules.Categories() {
		if x, y := a.ByCategory[c], b.ByCategory[c]; x != nil && y != nil {
			row("caught: "+string(c), *x, *y)
		}
	}
}

// withInterval is a share in per cent, with Wilson's interval at 95 %.
func withInterval(s rules.Share) string {
	if s.Of == 0 {
		return "–"
	}
	const z = 1.96
	n, p := float64(s.Of), float64(s.N)/float64(s.Of)
	mid, half := (p+z*z/(2*n))/(1+z*z/n), z/(1+z*z/n)*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return fmt.Sprintf("%.1f %% (%.1f–%.1f, %d/%d)", 100*p, 100*max(0, mid-half), 100*min(1, mid+half), s.N, s.Of)
}

// compareLawful measures on lawful prose and on HateCheck, and what a reading costs.
func compareLawful(w io.Writer, alone, both *rules.Policy, m *learn.Model, public string) error {
	sets, err := learn.ReadPublic(public)
	if err != nil {
		return err
	}
	caught := func(p *rules.Policy, texts []string) (s rules.Share) {
		for _, t := range texts {
			s.Of++
			if p.Judge(platforms.Comment{Text: t}, rules.Facts{}).Action != rules.Allow {
				s.N++
			}
		}
		return s
	}
	fmt.Fprintf(w, "\nHidden or flagged, of public texts\n")
	row := func(name string, texts []string) {
		fmt.Fprintf(w, "%-36s %-26s %s\n", name, withInterval(caught(alone, texts)), withInterval(caught(both, texts)))
	}
	var names []string
	for name := range sets.Lawful {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		row(name+", lawful", sets.Lawful[name])
	}
	hateful, not, err := hateCheck(filepath.Join(public, "en-hatecheck", "hatecheck_even_templates.csv"))
	if err != nil {
		return err
	}
	row("HateCheck, hateful", hateful)
	row("HateCheck, not hateful", not)

	folded := make([]text.Folded, len(not))
	for i, t := range not {
		folded[i].Fold(t)
	}
	signs := both.Lesson(learn.Example{Text: "Ni är helt otroliga på att ställa in bussar"}).Classes
	const readings = 100_000
	start := time.Now()
	for i := range readings {
		m.Violates(&folded[i%len(folded)], signs)
	}
	fmt.Fprintf(w, "\nA reading takes %d ns.\n", time.Since(start).Nanoseconds()/readings)
	return nil
}

func hateCheck(name string) (hateful, not []string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	text, label := slices.Index(rows[0], "test_case"), slices.Index(rows[0], "label_gold")
	if text < 0 || label < 0 {
		return nil, nil, fmt.Errorf("%s: no columns test_case and label_gold", filepath.Base(name))
	}
	for _, r := range rows[1:] {
		if r[label] == "hateful" {
			hateful = append(hateful, r[text])
		} else {
			not = append(not, r[text])
		}
	}
	return hateful, not, nil
}
