package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"takhojd/rules"
)

// dataFlags says where the books are, for the commands that work on them beside the running bot.
type dataFlags struct{ config, data string }

func (d *dataFlags) add(c *cobra.Command) {
	c.PersistentFlags().StringVar(&d.config, "config", "", "the configuration file of `serve`")
	c.PersistentFlags().StringVar(&d.data, "data", "", "the data folder, instead of --config")
}

// with opens the books, runs fn and closes them. The books must be there already: a wrong path is an error, not a new archive.
func (d *dataFlags) with(ctx context.Context, fn func(*books) error) error {
	at, err := d.place()
	if err != nil {
		return err
	}
	if at.missing() {
		return fmt.Errorf("no books in %s: it lacks %s or %s", at.folder, keyName, databaseName)
	}
	b, err := openBooks(ctx, at)
	if err != nil {
		return err
	}
	return errors.Join(fn(b), b.db.Close())
}

// policy is the one that the flags' books are judged by.
func (d *dataFlags) policy() (*rules.Policy, error) {
	if d.config == "" {
		return loadPolicy("")
	}
	cfg, err := loadConfig(d.config)
	if err != nil {
		return nil, err
	}
	return loadPolicy(cfg.Policy)
}

// place is where the flags say that the books are.
func (d *dataFlags) place() (place, error) {
	switch {
	case d.config != "" && d.data != "":
		return place{}, usageError{errors.New("--config or --data, not both")}
	case d.config != "":
		cfg, err := loadConfig(d.config)
		if err != nil {
			return place{}, err
		}
		return cfg.place()
	case d.data == "":
		return place{}, usageError{errors.New("where are the books? --config FILE or --data DIR")}
	}
	return place{folder: d.data, origin: demoOrigin}, nil
}
