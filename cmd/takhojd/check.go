package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"takhojd/platforms"
	"takhojd/rules"
)

func checkCommand() *cobra.Command {
	var policy, report string
	var lines, english bool
	c := &cobra.Command{
		Use:   "check TEXT | --jsonl | --report FILE",
		Short: "What the policy says of a text, and how well it judges labelled cases",
		Long: "check TEXT explains one comment to a person. --jsonl reads cases from standard input, one JSON object a line, and writes one verdict a\n" +
			"line, in order, with memory of author and post. --report FILE measures the policy on labelled cases and lists every miss.",
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			p, err := loadPolicy(policy)
			if err != nil {
				return err
			}
			switch {
			case lines && len(args) == 0 && report == "":
				return checkLines(p, c.InOrStdin(), c.OutOrStdout())
			case report != "" && len(args) == 0 && !lines:
				return checkReport(p, report, c.OutOrStdout())
			case len(args) > 0 && !lines && report == "":
				language := "sv"
				if english {
					language = "en"
				}
				return explain(p, strings.Join(args, " "), language, c.OutOrStdout())
			}
			return usageError{errors.New("check a text, or --jsonl, or --report FILE")}
		},
	}
	f := c.Flags()
	f.StringVar(&policy, "policy", "", "the policy file (default: the built-in one)")
	f.BoolVar(&lines, "jsonl", false, "read cases from standard input, write verdicts")
	f.StringVar(&report, "report", "", "measure on a file of labelled cases")
	f.BoolVar(&english, "en", false, "explain in English")
	return c
}

func checkLines(p *rules.Policy, in io.Reader, out io.Writer) error {
	report, err := rules.Evaluate(p, in)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, r := range report.Results {
		if err := encoder.Encode(r); err != nil {
			return err
		}
	}
	return w.Flush()
}

func checkReport(p *rules.Policy, path string, out io.Writer) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	report, err := rules.Evaluate(p, f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	w := bufio.NewWriter(out)
	if err := report.WriteTable(w); err != nil {
		return err
	}
	for _, m := range report.Misses {
		fmt.Fprintf(w, "%-13s %s %v, found %v: %s\n", m.What, m.Case.ID, m.Case.Categories, m.Result.Categories, oneLine(m.Case.Text, 160))
	}
	return w.Flush()
}

// explain tells a person what was found where, under which bullet, and what would be done.
func explain(p *rules.Policy, text, language string, out io.Writer) error {
	words := explanations[language]
	v := p.Judge(platforms.Comment{Text: text}, rules.Facts{})
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "%s\n", words[string(v.Action)])
	if v.Escalate {
		fmt.Fprintf(w, "%s\n", words["escalate"])
	}
	for _, f := range v.Findings {
		b := p.Bullet(f.Category)
		fmt.Fprintf(w, "\n%s – \"%s\"\n", b.Title.In(language), b.Published.In(language))
		if f.Text != "" {
			seen := ""
			if f.SeenAs != "" {
				seen = " → " + f.SeenAs
			}
			fmt.Fprintf(w, "  [%s]%s (byte %d–%d)\n", oneLine(f.Text, 200), seen, f.Start, f.End)
		}
		fmt.Fprintf(w, "  %s\n  %s: %s, %s: %s, %s %.2f\n", f.Reason.In(language), words["rule"], f.Rule, words["alone"], f.Action, words["score"], f.Score)
	}
	if v.Route != rules.NoRoute {
		r := p.Route(v.Route)
		fmt.Fprintf(w, "\n%s %s\n  %s\n", words["route"], r.Name.In(language), r.Reply.In(language))
	}
	fmt.Fprintf(w, "\n%s %s\n", words["policy"], v.Policy)
	return w.Flush()
}

var explanations = map[string]map[string]string{
	"sv": {"allow": "Får stå kvar.", "flag": "Flaggas: en människa ska titta.", "hide": "Döljs.", "escalate": "Anmäls också till plattformen och polisen.",
		"rule": "regel", "alone": "ensam", "score": "säkerhet", "route": "Hänvisas till", "policy": "Regelverk"},
	"en": {"allow": "Stays.", "flag": "Flagged: a person should look.", "hide": "Hidden.", "escalate": "Also reported to the platform and the police.",
		"rule": "rule", "alone": "alone", "score": "score", "route": "Referred to", "policy": "Policy"},
}
