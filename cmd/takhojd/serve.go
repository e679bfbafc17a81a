package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func serveCommand() *cobra.Command {
	var path, role string
	c := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Run the bot and its console",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(path)
			if err != nil {
				return err
			}
			cfg.Role = role
			log, err := newLog(c.ErrOrStderr(), cfg.LogLevel)
			if err != nil {
				return err
			}
			s, err := newService(c.Context(), cfg, log)
			if err != nil {
				return err
			}
			return errors.Join(s.run(c.Context()), s.close())
		},
	}
	c.Flags().StringVar(&path, "config", "takhojd.yaml", "the configuration file")
	c.Flags().StringVar(&role, "role", "all", "what this process does, where the books are in PostgreSQL: all, ingest, work or console; any number of each")
	return c
}
