package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/term"

	"takhojd/moderation"
	"takhojd/platforms"
	"takhojd/rules"
)

// reviewEvery is how often a channel must be reviewed against law and directives: the guidelines say "continually", which we
// take as once a year.
const reviewEvery = 365 * 24 * time.Hour

// askTime bounds the look at one channel.
const askTime = time.Minute

func doctorCommand() *cobra.Command {
	var path, language string
	var offline, asJSON bool
	c := &cobra.Command{
		Use:   "doctor --config FILE",
		Short: "Is everything as it must be? Each line is ok, or says what to do",
		Long: "Look at the books, the secrets, each channel with its real credentials, and those who are told, and say of each thing that it is ok or\n" +
			"what to do. Nothing is changed, and no secret is shown. Exit code 1 when something is to mend.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if language != "sv" && language != "en" {
				return usageError{fmt.Errorf("--lang: there is no %q: there are sv and en", language)}
			}
			cfg, err := loadConfig(path)
			if err != nil {
				return err
			}
			d := examine(c.Context(), cfg, offline)
			if asJSON {
				err = d.writeJSON(c.OutOrStdout(), language)
			} else {
				err = d.write(c.OutOrStdout(), language)
			}
			if err == nil && d.bad() > 0 {
				err = errFailed
			}
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&path, "config", "takhojd.yaml", "the configuration file")
	f.StringVar(&language, "lang", "sv", "sv or en")
	f.BoolVar(&offline, "offline", false, "ask nobody else: no platform, no mail server")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// doctor is what was looked at, in the order in which it is shown.
type doctor struct {
	found []finding
	now   time.Time
}

// finding is one thing that was looked at. Where is a channel's id, or a part of the house.
type finding struct {
	where string
	platforms.Check
}

// examine looks at everything.
func examine(ctx context.Context, cfg Config, offline bool) *doctor {
	d := &doctor{now: time.Now()}
	d.house(ctx, cfg, offline)
	d.guidelines(cfg)
	if !offline {
		d.channels(ctx, cfg)
	}
	d.notices(ctx, cfg, offline)
	return d
}

func (d *doctor) line(ok bool, where, name, sv, en string) {
	d.found = append(d.found, finding{where, platforms.Check{Name: name, OK: ok, SV: sv, EN: en}})
}

func (d *doctor) bad() (n int) {
	for _, f := range d.found {
		if !f.OK {
			n++
		}
	}
	return n
}

// write prints one line for each thing that was looked at, in colour on a terminal.
func (d *doctor) write(w io.Writer, language string) error {
	marks := map[string][2]string{"sv": {"ok      ", "ÅTGÄRDA "}, "en": {"ok    ", "MEND  "}}[language]
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) && os.Getenv("NO_COLOR") == "" {
		marks[0], marks[1] = "\x1b[32m"+marks[0]+"\x1b[0m", "\x1b[31m"+marks[1]+"\x1b[0m"
	}
	for _, f := range d.found {
		mark := marks[0]
		if !f.OK {
			mark = marks[1]
		}
		fmt.Fprintf(w, "%s%s: %s\n", mark, f.where, rules.Words{SV: f.SV, EN: f.EN}.In(language))
	}
	last := rules.Words{SV: "Allt är som det ska.", EN: "All well."}
	if n := d.bad(); n > 0 {
		last = rules.Words{SV: fmt.Sprintf("%d att åtgärda.", n), EN: fmt.Sprintf("%d to mend.", n)}
	}
	_, err := fmt.Fprintf(w, "\n%s\n", last.In(language))
	return err
}

// writeJSON prints {"to_mend", "checks": [{"where", "check", "ok", "says", "expires"?}]}.
func (d *doctor) writeJSON(w io.Writer, language string) error {
	type check struct {
		Where   string    `json:"where"`
		Check   string    `json:"check"`
		OK      bool      `json:"ok"`
		Says    string    `json:"says"`
		Expires time.Time `json:"expires,omitzero"`
	}
	report := struct {
		ToMend int     `json:"to_mend"`
		Checks []check `json:"checks"`
	}{ToMend: d.bad(), Checks: []check{}}
	for _, f := range d.found {
		report.Checks = append(report.Checks, check{f.where, f.Name, f.OK, rules.Words{SV: f.SV, EN: f.EN}.In(language), f.Expires})
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(report)
}

// guidelines checks what the region's guidelines for digital communication (2.2, principles 1–4) demand of every channel.
func (d *doctor) guidelines(cfg Config) {
	if len(cfg.Channels) == 0 {
		d.line(false, "channels", "channels", "Det finns inga kanaler. Lägg till en med takhojd connect.", "There are no channels. Add one with takhojd connect.")
	}
	for _, c := range cfg.Channels {
		d.said(c.ID, "purpose", c.Purpose, "Syfte", "Purpose", "Skriv i `purpose` vad kanalen är till för", "Say in `purpose` what the channel is for")
		d.said(c.ID, "owner", c.Owner, "Ansvarig", "Owner", "Skriv i `owner` vem som ansvarar för den", "Say in `owner` who answers for it")
		target := ""
		if c.ResponseTarget > 0 {
			target = time.Duration(c.ResponseTarget).String()
		}
		d.said(c.ID, "response_target", target, "Mål för svarstid", "Response target", "Skriv i `response_target` hur snart ni svarar", "Say in `response_target` how soon people are answered")
		d.reviewed(c.ID, c.Reviewed)
	}
}

func (d *doctor) said(channel, name, value, sv, en, howSV, howEN string) {
	if value == "" {
		d.line(false, channel, name, sv+" saknas. "+howSV+" (riktlinjerna 2.2).", en+" is missing. "+howEN+" (guidelines 2.2).")
		return
	}
	d.line(true, channel, name, sv+": "+value+".", en+": "+value+".")
}

func (d *doctor) reviewed(channel, date string) {
	const name = "reviewed"
	when, err := time.Parse(time.DateOnly, date)
	switch {
	case date == "" || err != nil:
		d.line(false, channel, name, "Kanalen är aldrig granskad. Gå igenom den och skriv dagen i `reviewed` (riktlinjerna 2.2).",
			"Never reviewed. Go through it, and write the day in `reviewed` (guidelines 2.2).")
	case when.After(d.now):
		d.line(false, channel, name, "Granskad "+date+", som är i framtiden.", "Reviewed on "+date+", which is in the future.")
	case d.now.Sub(when) > reviewEvery:
		d.line(false, channel, name, "Senast granskad "+date+", för mer än ett år sedan. Gå igenom den igen och skriv dagen i `reviewed`.",
			"Last reviewed on "+date+", more than a year ago. Go through it again, and write the day in `reviewed`.")
	default:
		d.line(true, channel, name, "Granskad "+date+".", "Reviewed on "+date+".")
	}
}

// channels asks each platform, with the real credentials, all at the same time.
func (d *doctor) channels(ctx context.Context, cfg Config) {
	policy, err := loadPolicy(cfg.Policy)
	if err != nil {
		d.line(false, "policy", "policy", "Regelverket går inte att läsa: "+err.Error(), "The policy cannot be read: "+err.Error())
		return
	}
	d.line(true, "policy", "policy", "Regelverket klarar sina egna exempel.", "The policy passes its own examples.")
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	looked := make([][]platforms.Check, len(cfg.Channels))
	var wg sync.WaitGroup
	for i, c := range cfg.Channels {
		wg.Go(func() { looked[i] = look(ctx, cfg, c, policy.HideQuota()) })
	}
	wg.Wait()
	for i, checks := range looked {
		for _, check := range checks {
			d.found = append(d.found, finding{cfg.Channels[i].ID, check})
		}
	}
}

// look makes one channel's adapter, and lets it look. A channel that can't be made is a red line, and the others are looked at all the same.
func look(ctx context.Context, cfg Config, c ChannelConfig, quota int) []platforms.Check {
	cfg.Channels = []ChannelConfig{c}
	wires, err := newWiring(cfg, quota, zap.NewNop(), nil, nil)
	if err != nil {
		return []platforms.Check{{Name: "configuration", SV: "Inställningarna räcker inte: " + err.Error(), EN: "The configuration does not do: " + err.Error()}}
	}
	checker, ok := wires.adapters[c.ID].(moderation.Checker)
	if !ok {
		return nil
	}
	return checker.Check(ctx)
}
