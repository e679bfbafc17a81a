package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// dataFlags says where the books are, for the commands that work on them beside the running bot.
type dataFlags struct{ config, data string }

func (d *dataFlags) add(c *cobra.Command) {
	c.PersistentFlags().StringVar(&d.config, "config", "", "the configuration file of `serve`")
	c.PersistentFlags().StringVar(&d.data, "data", "", "the data folder, instead of --config")
}

// with opens the books, runs fn and closes them. The books must be there already: a wrong path is an error, not a new archive.
func (d *dataFlags) with(ctx context.Context, fn func(*books) error) error {
	folder, origin := d.data, demoOrigin
	switch {
	case d.config != "" && d.data != "":
		return usageError{errors.New("--config or --data, not both")}
	case d.config != "":
		cfg, err := loadConfig(d.config)
		if err != nil {
			return err
		}
		folder, origin = cfg.Data, cfg.Origin
	case d.data == "":
		return usageError{errors.New("where are the books? --config FILE or --data DIR")}
	}
	for _, name := range []string{databaseName, keyName} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			return fmt.Errorf("no books in %s: %w", folder, err)
		}
	}
	b, err := openBooks(ctx, folder, origin)
	if err != nil {
		return err
	}
	return errors.Join(fn(b), b.db.Close())
}
