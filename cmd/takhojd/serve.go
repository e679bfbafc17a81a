package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"takhojd/moderation"
	"takhojd/platforms"
)

func serveCommand() *cobra.Command {
	var path, role string
	c := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Run the bot and its console",
		Long: "Run the bot and its console until it is told to stop. A configuration that is changed, or a token that is renewed, is taken within seconds:\n" +
			"it is checked, what is under way is finished, and serving begins anew by it. One that does not hold leaves the running one in place.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			moderation.CollectSeldom()
			for {
				again, err := serve(c.Context(), path, role, c.ErrOrStderr())
				if err != nil || !again {
					return err
				}
			}
		},
	}
	c.Flags().StringVar(&path, "config", "takhojd.yaml", "the configuration file")
	c.Flags().StringVar(&role, "role", "all", "what this process does, where the books are in PostgreSQL: all, ingest, work or console; any number of each")
	return c
}

// errChanged is why serving ends when it is to begin again.
var errChanged = errors.New("the configuration, or a secret, has changed")

// serve serves by the configuration as it stands now, until it is told to stop (false), or the configuration is another (true).
func serve(ctx context.Context, path, role string, stderr io.Writer) (again bool, err error) {
	cfg, err := loadConfig(path)
	if err != nil {
		return false, err
	}
	cfg.Role = role
	log, err := newLog(stderr, cfg.LogLevel)
	if err != nil {
		return false, err
	}
	seen := cfg.contents(path) // before the secrets are read: what changes meanwhile is taken at the next look
	s, err := newService(ctx, cfg, log)
	if err != nil {
		return false, err
	}
	serving, end := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if watchConfig(serving, path, role, seen, log) {
			end(errChanged)
		}
	}()
	err = errors.Join(s.run(serving), s.close())
	again = errors.Is(context.Cause(serving), errChanged)
	end(nil)
	<-watched
	return again && ctx.Err() == nil, err
}

// configEvery is how often a process looks whether its configuration has changed.
const configEvery = 2 * time.Second

// watchConfig returns true once the configuration has changed into another that holds; false when ctx ends.
func watchConfig(ctx context.Context, path, role string, seen [32]byte, log *zap.Logger) bool {
	tick := time.NewTicker(configEvery)
	defer tick.Stop()
	tried := seen
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
		cfg, err := loadConfig(path)
		is := cfg.contents(path)
		if is == seen || is == tried {
			tried = is
			continue
		}
		tried = is
		if err == nil {
			cfg.Role = role
			err = cfg.tryOut()
		}
		if err != nil {
			log.Error("the changed configuration is not taken; the running one goes on", zap.Error(err))
			continue
		}
		log.Info("the configuration, or a secret, has changed: serving begins anew by it")
		return true
	}
}

// contents is a sum over the configuration file and the files with secrets that it names. A file that can't be read counts as such.
func (c Config) contents(path string) [32]byte {
	h := sha256.New()
	for _, file := range append([]*string{&path}, c.secretFiles()...) {
		if *file == "" {
			continue
		}
		text, err := os.ReadFile(*file)
		fmt.Fprintf(h, "%s %d %v\n", *file, len(text), err != nil)
		h.Write(text)
	}
	return [32]byte(h.Sum(nil))
}

// tryOut does all that can fail in beginning to serve and that touches nothing: no call is made, no address is bound, no books are opened.
func (c Config) tryOut() error {
	at, err := c.place()
	if err != nil {
		return err
	}
	if _, err := c.role(at); err != nil {
		return err
	}
	policy, err := loadPolicy(c.Policy)
	if err != nil {
		return err
	}
	wires, err := newWiring(c, policy.HideQuota(), zap.NewNop(), nil, nil)
	if err != nil {
		return err
	}
	if c.Webhooks.Address != "" {
		if _, err := wires.webhooks(func(context.Context, []platforms.Event) error { return nil }); err != nil {
			return err
		}
	}
	_, err = c.notifier(nil)
	return err
}
