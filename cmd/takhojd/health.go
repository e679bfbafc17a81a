package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// healthTime bounds the question; `serve` itself gives the database five seconds.
const healthTime = 6 * time.Second

func healthCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "health --config FILE",
		Short: "Ask the `serve` on this machine whether it is ready: exit code 0 or 1",
		Long: "Ask `serve` at operations.address, from the same machine, whether it is ready. For a container's health check, where there is no\n" +
			"other program to ask with.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(path)
			if err != nil {
				return err
			}
			return askReady(c.Context(), cfg.Operations.Address, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&path, "config", "takhojd.yaml", "the configuration file")
	return c
}

// askReady asks /readyz of the process that listens on address, which may stand for all of the machine's.
func askReady(ctx context.Context, address string, out io.Writer) error {
	if address == "" {
		return errors.New("health: operations.address is not in the configuration: there is nobody to ask")
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("health: operations.address: %w", err)
	}
	switch host { // all of the machine's: by number, since an empty image knows no localhost
	case "", "0.0.0.0", "::":
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	// Not by a proxy of the environment's: it is ourselves that we ask.
	answer, err := (&http.Client{Transport: &http.Transport{}}).Do(ask)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("health: not ready: %s", answer.Status)
	}
	_, err = fmt.Fprintln(out, "ready")
	return err
}
