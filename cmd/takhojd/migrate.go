package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"takhojd/archive"
	"takhojd/moderation"
	"takhojd/moderation/store"
)

func migrateCommand() *cobra.Command {
	var config, from, to string
	c := &cobra.Command{
		Use:   "migrate --config FILE --to postgres://user@host/name?search_path=schema",
		Short: "Move an authority's books to another database, and verify them there",
		Long: "Move everything that an authority's database holds into an empty one: SQLite to PostgreSQL, or back. Stop `serve` first. The old books\n" +
			"are only read; the new ones are verified record by record against the log, whose signing key stays where it is. Then change\n" +
			"`database` in the configuration, and start again. A password is best left to PGPASSWORD or ~/.pgpass.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if config == "" || to == "" {
				return usageError{errors.New("--config and --to are needed")}
			}
			cfg, err := loadConfig(config)
			if err != nil {
				return err
			}
			return migrate(c.Context(), cfg, from, to, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&config, "config", "", "the configuration file of `serve`")
	c.Flags().StringVar(&from, "from", "", "sqlite:FILE or a PostgreSQL address (default: where the configuration says)")
	c.Flags().StringVar(&to, "to", "", "sqlite:FILE or a PostgreSQL address, where nothing is yet")
	return c
}

func migrate(ctx context.Context, cfg Config, from, to string, out io.Writer) (err error) {
	at, err := cfg.place()
	if err != nil {
		return err
	}
	keyFile := filepath.Join(at.folder, keyName)
	if _, err := os.Stat(keyFile); err != nil {
		return fmt.Errorf("the log's key is needed to verify the books afterwards: %w", err)
	}
	key, err := archive.OpenKey(keyFile, at.origin)
	if err != nil {
		return err
	}
	lock, err := lockBooks(cfg.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if from = strings.TrimPrefix(from, "sqlite:"); from == "" {
		from = at.database()
	}
	if !strings.HasPrefix(from, "postgres") {
		if _, err := os.Stat(from); err != nil {
			return fmt.Errorf("--from: %w", err)
		}
	}
	old, err := store.Open(ctx, from)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	defer func() { err = errors.Join(err, old.Close()) }()
	nodes, err := moderation.Nodes(ctx, old)
	if err != nil {
		return err
	}
	if len(nodes) > 0 {
		return fmt.Errorf("%d processes serve these books: stop them first; one that was killed is forgotten within a minute", len(nodes))
	}
	fresh, err := store.Open(ctx, strings.TrimPrefix(to, "sqlite:"))
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	defer func() { err = errors.Join(err, fresh.Close()) }()
	return move(ctx, old, fresh, key, out)
}

// move copies the books, and verifies that the log there has neither lost nor gained anything since the last checkpoint here.
func move(ctx context.Context, old, fresh *store.DB, key archive.Key, out io.Writer) error {
	before, err := archive.New(old, key)
	if err != nil {
		return err
	}
	checkpoint, err := before.Checkpoint(ctx)
	if err != nil {
		return err
	}
	if err := store.Copy(ctx, old, fresh, rowsOn(out)); err != nil {
		return err
	}
	after, err := archive.New(fresh, key)
	if err != nil {
		return err
	}
	report, err := indexAndVerify(ctx, after, checkpoint, out)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d records, %d leaves: moved and verified. Now say in the configuration where the database is, and start.\n", report.Records, report.Leaves)
	return nil
}

// indexAndVerify makes what a copy lacks, and checks it against the checkpoint of what it was copied from.
func indexAndVerify(ctx context.Context, a *archive.Archive, checkpoint string, out io.Writer) (archive.Report, error) {
	if err := a.IndexWords(ctx, nil); err != nil {
		return archive.Report{}, err
	}
	report, err := a.VerifyAgainst(ctx, checkpoint, progressOn(out))
	if err != nil {
		return report, err
	}
	if !report.OK() {
		for _, p := range report.Problems {
			fmt.Fprintln(out, p)
		}
		return report, fmt.Errorf("the copy does not verify: %d problems; what it was made of is as it was", len(report.Problems))
	}
	return report, nil
}

// rowsOn shows how many rows of each table are copied, where someone is looking.
func rowsOn(w io.Writer) func(table string, rows int64) {
	show := progressOn(w)
	if show == nil {
		return nil
	}
	return func(table string, rows int64) { fmt.Fprintf(w, "\r\033[K%s %d", table, rows) }
}
