package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"takhojd/moderation"
	"takhojd/moderation/notify"
)

// notifier makes what tells people outside of the console; nil where nobody is to be told. It makes no call. registry may be nil.
func (c Config) notifier(registry prometheus.Registerer) (*notify.Notifier, error) {
	if len(c.Notify) == 0 {
		return nil, nil
	}
	cfg := notify.Config{Console: c.Console.PublicURL, Metrics: registry}
	for _, n := range c.Notify {
		place, err := n.place()
		if err != nil {
			return nil, fmt.Errorf("notify: %s: %w", n.Name, err)
		}
		cfg.Places = append(cfg.Places, place)
	}
	return notify.New(cfg)
}

func (c NotifyConfig) place() (notify.Place, error) {
	p := notify.Place{Name: c.Name, Every: time.Duration(c.Every), Language: c.Language}
	var err error
	if p.URL, err = c.URL.Read(); err != nil {
		return p, fmt.Errorf("url: %w", err)
	}
	if p.Quiet, err = notify.ParseQuiet(c.Quiet, c.QuietDays); err != nil {
		return p, err
	}
	if c.Language != "" && c.Language != "sv" && c.Language != "en" {
		return p, fmt.Errorf("language: there is no %q: there are sv and en", c.Language)
	}
	for _, kind := range c.Alerts {
		p.Alerts = append(p.Alerts, moderation.AlertKind(kind))
	}
	for _, kind := range c.Urgent {
		p.Urgent = append(p.Urgent, moderation.AlertKind(kind))
	}
	return p, nil
}

func notifyCommand() *cobra.Command {
	c := &cobra.Command{Use: "notify", Short: "Who is told, outside of the console, when something serious waits"}
	var path string
	test := &cobra.Command{
		Use:   "test --config FILE",
		Short: "Send every place under `notify` a message that says that it is a test",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(path)
			if err != nil {
				return err
			}
			n, err := cfg.notifier(nil)
			if err != nil {
				return err
			}
			if n == nil {
				return errors.New("there is nobody to tell: the configuration has no `notify`")
			}
			failed := false
			results := n.Test(c.Context())
			for _, place := range cfg.Notify {
				if err := results[place.Name]; err != nil {
					failed = true
					fmt.Fprintf(c.OutOrStdout(), "MEND  %s: %v\n", place.Name, err)
				} else {
					fmt.Fprintf(c.OutOrStdout(), "ok    %s: sent; see that it came\n", place.Name)
				}
			}
			if failed {
				return errFailed
			}
			return nil
		},
	}
	test.Flags().StringVar(&path, "config", "takhojd.yaml", "the configuration file")
	c.AddCommand(test)
	return c
}

// notices looks whether those who are told can be reached. It sends nothing.
func (d *doctor) notices(ctx context.Context, cfg Config, offline bool) {
	const name = "notify"
	if len(cfg.Notify) == 0 {
		d.line(true, name, name, "Ingen får meddelanden utanför konsolen. Lägg till `notify` om någon ska få det.",
			"Nobody is told outside of the console. Add `notify` if somebody should be.")
		return
	}
	if _, err := cfg.notifier(nil); err != nil {
		d.line(false, name, name, "Inställningarna för meddelanden räcker inte: "+err.Error(), "The configuration of messages does not do: "+err.Error())
		return
	}
	for _, n := range cfg.Notify {
		if offline {
			d.line(true, n.Name, name, "Adressen går att använda.", "The address can be used.")
			continue
		}
		place, _ := n.place() // read a moment ago
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := notify.Reach(ctx, place.URL)
		cancel()
		if err != nil {
			d.line(false, n.Name, name, "Meddelanden når inte fram: "+err.Error()+".", "Messages do not get there: "+err.Error()+".")
			continue
		}
		d.line(true, n.Name, name, "Går att nå. Kör takhojd notify test för att se att meddelanden kommer fram.", "Can be reached. Run takhojd notify test to see that messages come.")
	}
}
