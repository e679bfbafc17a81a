package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"takhojd/platforms/platformtest"
)

func simulateCommand() *cobra.Command {
	var addr, posts, thread, webhook, secret, verify, faults string
	var rate float64
	var seed int64
	var batch int
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Run the simulated platform alone, and play a thread of comments on it",
		Long: "Run the simulated platforms alone: their APIs over HTTP, with signed webhooks out, public pages at /, and all it holds at /state.\n" +
			"It goes on serving after the last event, until it is told to stop.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			t, err := readThread(posts, thread)
			if err != nil {
				return err
			}
			opts := platformtest.Options{Addr: addr, AppSecret: secret, VerifyToken: verify, WebhookURL: webhook, Seed: seed, Batch: batch, Log: zap.NewNop()}
			if faults != "" {
				if opts.Faults, err = readFaults(faults); err != nil {
					return err
				}
			}
			s, err := platformtest.Start(c.Context(), opts)
			if err != nil {
				return err
			}
			defer s.Close()
			fmt.Fprintf(c.OutOrStdout(), "simulating on %s\n", s.URL())
			if err := s.Play(c.Context(), t, platformtest.PlayOptions{Rate: rate}); err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), "played")
			<-c.Context().Done()
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&addr, "addr", "127.0.0.1:0", "where to listen")
	f.StringVar(&posts, "posts", "", "posts as a JSON array (default: the demo's)")
	f.StringVar(&thread, "thread", "", "events as JSON lines (default: the demo's)")
	f.Float64Var(&rate, "rate", 0, "events a second; 0 is as fast as possible")
	f.StringVar(&webhook, "webhook", "", "where comments are delivered")
	f.StringVar(&secret, "app-secret", "", "what deliveries are signed with")
	f.StringVar(&verify, "verify-token", "takhojd", "what the webhook is asked for in the handshake")
	f.StringVar(&faults, "faults", "", "a JSON file of what is to go wrong")
	f.Int64Var(&seed, "seed", 1, "which calls and deliveries meet the faults")
	f.IntVar(&batch, "batch", 1, "the most changes in one delivery")
	return c
}

// readThread reads a thread of comments; without files it is the demo's.
func readThread(posts, thread string) (platformtest.Thread, error) {
	if posts == "" && thread == "" {
		return platformtest.DemoThread()
	}
	if posts == "" || thread == "" {
		return platformtest.Thread{}, usageError{fmt.Errorf("--posts and --thread go together")}
	}
	p, err := os.Open(posts)
	if err != nil {
		return platformtest.Thread{}, err
	}
	defer p.Close()
	t, err := os.Open(thread)
	if err != nil {
		return platformtest.Thread{}, err
	}
	defer t.Close()
	return platformtest.LoadThread(p, t)
}

func readFaults(path string) (platformtest.Faults, error) {
	f, err := os.Open(path)
	if err != nil {
		return platformtest.Faults{}, err
	}
	defer f.Close()
	return platformtest.LoadFaults(f)
}
