package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"takhojd/moderation"
)

// reviewEvery is how often a channel must be reviewed against law and directives: the guidelines say "continually", which we
// take as once a year.
const reviewEvery = 365 * 24 * time.Hour

func doctorCommand() *cobra.Command {
	var path string
	var offline bool
	c := &cobra.Command{
		Use:   "doctor --config FILE",
		Short: "Is everything as it must be? Each line is ok, or says what to do",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(path)
			if err != nil {
				return err
			}
			d := doctor{out: c.OutOrStdout(), now: time.Now()}
			d.guidelines(cfg)
			if !offline {
				if err := d.platforms(c.Context(), cfg); err != nil {
					return err
				}
			}
			if d.bad > 0 {
				fmt.Fprintf(d.out, "\n%d to mend.\n", d.bad)
				return errFailed
			}
			fmt.Fprintln(d.out, "\nAll well.")
			return nil
		},
	}
	c.Flags().StringVar(&path, "config", "takhojd.yaml", "the configuration file")
	c.Flags().BoolVar(&offline, "offline", false, "ask no platform")
	return c
}

// doctor prints one line for each thing that it looked at.
type doctor struct {
	out io.Writer
	now time.Time
	bad int
}

func (d *doctor) line(ok bool, where, what string) {
	mark := "ok   "
	if !ok {
		mark = "MEND "
		d.bad++
	}
	fmt.Fprintf(d.out, "%s %s: %s\n", mark, where, what)
}

// guidelines checks what the region's guidelines for digital communication (2.2, principles 1–4) demand of every channel.
func (d *doctor) guidelines(cfg Config) {
	if len(cfg.Channels) == 0 {
		d.line(false, "channels", "there are none: add one to the configuration")
	}
	for _, c := range cfg.Channels {
		said := func(what, value, how string) {
			if value == "" {
				d.line(false, c.ID, "no "+what+": "+how+" (guidelines 2.2)")
				return
			}
			d.line(true, c.ID, what+": "+value)
		}
		said("purpose", c.Purpose, "say in `purpose` what the channel is for")
		said("owner", c.Owner, "say in `owner` who answers for it")
		target := ""
		if c.ResponseTarget > 0 {
			target = time.Duration(c.ResponseTarget).String()
		}
		said("response target", target, "say in `response_target` how soon people are answered")
		d.reviewed(c.ID, c.Reviewed)
	}
}

func (d *doctor) reviewed(channel, date string) {
	when, err := time.Parse(time.DateOnly, date)
	switch {
	case date == "" || err != nil:
		d.line(false, channel, "never reviewed: go through it, and write the day in `reviewed` (guidelines 2.2)")
	case when.After(d.now):
		d.line(false, channel, "reviewed on "+date+", which is in the future")
	case d.now.Sub(when) > reviewEvery:
		d.line(false, channel, "last reviewed on "+date+", more than a year ago: go through it again, and write the day in `reviewed`")
	default:
		d.line(true, channel, "reviewed on "+date)
	}
}

// platforms asks each platform, with the real credentials.
func (d *doctor) platforms(ctx context.Context, cfg Config) error {
	policy, err := loadPolicy(cfg.Policy)
	if err != nil {
		return err
	}
	wires, err := newWiring(cfg, policy.HideQuota(), zap.NewNop(), nil)
	if err != nil {
		return err
	}
	for _, channel := range wires.channels {
		checker, ok := wires.adapters[channel.ID].(moderation.Checker)
		if !ok {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		for _, check := range checker.Check(ctx) {
			d.line(check.OK, channel.ID, check.EN)
		}
		cancel()
	}
	return nil
}
