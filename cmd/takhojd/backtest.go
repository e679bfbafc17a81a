package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"takhojd/moderation"
	"takhojd/rules"
)

func backtestCommand() *cobra.Command {
	var at dataFlags
	var policy, since string
	var asJSON, english bool
	c := &cobra.Command{
		Use:   "backtest --config F|--data DIR [--policy NEW]",
		Short: "What another policy would have done with the comments that came",
		Long: "Judges stored comments again by another policy, with what was known when they came, and shows each that would fare otherwise. It only\n" +
			"reads: nothing is decided, nothing is sent. The bot may run meanwhile.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			from, err := parseTime(since, false)
			if err != nil {
				return usageError{fmt.Errorf("--since: %w", err)}
			}
			p, err := loadPolicy(policy)
			if err != nil {
				return err
			}
			out := bufio.NewWriter(c.OutOrStdout())
			w := backtestText(out, p, english)
			if asJSON {
				w = backtestLines(out)
			}
			return at.with(c.Context(), func(b *books) error {
				sum, err := moderation.Backtest(c.Context(), b.db, p, from, progressOn(c.ErrOrStderr()), w.difference)
				if err != nil {
					return err
				}
				if err := w.sum(sum); err != nil {
					return err
				}
				return out.Flush()
			})
		},
	}
	at.add(c)
	f := c.Flags()
	f.StringVar(&policy, "policy", "", "the policy file to try (default: the built-in one)")
	f.StringVar(&since, "since", "", "what was judged on or after this day (2026-11-22) or time (2026-11-22T09:41); default: all")
	f.BoolVar(&asJSON, "json", false, "one JSON object a line: each comment that would fare otherwise, and last the summary")
	f.BoolVar(&english, "en", false, "in English")
	return c
}

// backtestWriter writes a backtest as it comes.
type backtestWriter struct {
	difference func(moderation.Difference) error
	sum        func(moderation.Backtested) error
}

func backtestLines(out io.Writer) backtestWriter {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return backtestWriter{
		difference: func(d moderation.Difference) error { return encoder.Encode(d) },
		sum: func(s moderation.Backtested) error {
			return encoder.Encode(struct {
				Summary moderation.Backtested `json:"summary"`
			}{s})
		},
	}
}

var backtestWords = map[string]rules.Words{
	"allow":    {SV: "står kvar", EN: "stays"},
	"flag":     {SV: "flaggas", EN: "flagged"},
	"hide":     {SV: "döljs", EN: "hidden"},
	"escalate": {SV: "anmäls", EN: "escalated"},
	"was":      {SV: "var ", EN: "was"},
	"is":       {SV: "blir", EN: "is "},
	"policy":   {SV: "Regelverk %s, prövat på %d bedömningar.\n", EN: "Policy %s, tried on %d judgements.\n"},
	"none":     {SV: "Inget skulle ändras.\n", EN: "Nothing would change.\n"},
	"changed":  {SV: "%d skulle bli annorlunda:\n", EN: "%d would fare otherwise:\n"},
	"reasons":  {SV: "%s, av andra skäl", EN: "%s, for other reasons"},
	"own":      {SV: "%d egna kommentarer är inte med.\n", EN: "%d comments of our own are left out.\n"},
	"gone":     {SV: "%d kommentarer är gallrade och kan inte prövas.\n", EN: "%d comments are disposed of and cannot be tried.\n"},
}

func backtestText(out io.Writer, p *rules.Policy, english bool) backtestWriter {
	language := "sv"
	if english {
		language = "en"
	}
	say := func(key string) string { return backtestWords[key].In(language) }
	zone, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		zone = time.UTC // the binary carries its own zones: cannot be
	}
	line := func(j moderation.Judged) string {
		parts := []string{say(string(j.Action))}
		if j.Escalate {
			parts = append(parts, say("escalate"))
		}
		for _, c := range j.Categories {
			parts = append(parts, p.Bullet(c).Title.In(language))
		}
		if j.Route != rules.NoRoute {
			parts = append(parts, "→ "+p.Route(j.Route).Name.In(language))
		}
		if text := strings.Join(parts, ", "); len(j.Rules) == 0 {
			return text
		} else {
			return text + " (" + strings.Join(j.Rules, ", ") + ")"
		}
	}
	return backtestWriter{
		difference: func(d moderation.Difference) error {
			_, err := fmt.Fprintf(out, "%s  %s\n  %s\n  %s: %s\n  %s: %s\n\n", d.Comment, d.Decided.In(zone).Format("2006-01-02 15:04:05"),
				oneLine(d.Text, 200), say("was"), line(d.Was), say("is"), line(d.Is))
			return err
		},
		sum: func(s moderation.Backtested) error { return writeBacktested(out, s, say) },
	}
}

func writeBacktested(out io.Writer, s moderation.Backtested, say func(string) string) error {
	fmt.Fprintf(out, say("policy"), s.Policy, s.Judged)
	if s.Changed == 0 {
		fmt.Fprint(out, say("none"))
	} else {
		fmt.Fprintf(out, say("changed"), s.Changed)
	}
	actions := []string{"allow", "flag", "hide"}
	for _, was := range actions {
		for _, is := range actions {
			n := s.Actions[was+"→"+is]
			if n == 0 {
				continue
			}
			change := say(was) + " → " + say(is)
			if was == is {
				change = fmt.Sprintf(say("reasons"), say(was))
			}
			fmt.Fprintf(out, "%8d  %s\n", n, change)
		}
	}
	for _, left := range []struct {
		key string
		n   int
	}{{"own", s.Own}, {"gone", s.Gone}} {
		if left.n > 0 {
			fmt.Fprintf(out, say(left.key), left.n)
		}
	}
	return nil
}
