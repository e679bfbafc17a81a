package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"takhojd/archive"
	"takhojd/moderation"
	"takhojd/moderation/store"
)

// manifestName is the file in a backup that says what it is. It is written last: a backup without it was not finished.
const manifestName = "backup.json"

// manifest is what a backup says of itself.
type manifest struct {
	Authority string    `json:"authority"`
	Origin    string    `json:"origin"`
	Made      time.Time `json:"made"`
	Records   int64     `json:"records"`
	Leaves    int64     `json:"leaves"`
	// Checkpoint is the log's, signed: what is restored is held against it.
	Checkpoint string `json:"checkpoint"`
	// Files are the backup's others, by their SHA-256 in hexadecimal.
	Files map[string]string `json:"files"`
}

func backupCommand() *cobra.Command {
	var config, to string
	c := &cobra.Command{
		Use:   "backup --config FILE --to FOLDER",
		Short: "Copy everything into a new folder, while `serve` runs, and verify the copy",
		Long: "Copy the database – comments, decisions, records, pictures, accounts – at one moment, and the key that signs the log, into a new\n" +
			"folder, and verify the copy record by record. `serve` may run meanwhile. The folder holds the key and personal data: keep it as\n" +
			"the books themselves are kept. A backup of PostgreSQL is a file, too, and is restored into either.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if config == "" || to == "" {
				return usageError{errors.New("--config and --to are needed")}
			}
			cfg, err := loadConfig(config)
			if err != nil {
				return err
			}
			return backup(c.Context(), cfg, to, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&config, "config", "", "the configuration file of `serve`")
	c.Flags().StringVar(&to, "to", "", "a folder that is not there yet")
	return c
}

// backup makes the folder under another name and gives it its own when all is written and verified: whoever finds the folder finds a whole
// backup, however we died.
func backup(ctx context.Context, cfg Config, to string, out io.Writer) (err error) {
	if to, err = filepath.Abs(to); err != nil { // it is written down, and read from elsewhere
		return err
	}
	at, err := cfg.place()
	if err != nil {
		return err
	}
	if at.missing() {
		return fmt.Errorf("no books in %s", at.folder)
	}
	if _, err := os.Stat(to); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is there already: a backup is never written over", to)
	}
	b, err := openBooks(ctx, at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.db.Close()) }()
	part := to + ".unfinished"
	if err := errors.Join(os.RemoveAll(part), os.MkdirAll(part, 0o700)); err != nil {
		return err
	}
	database := filepath.Join(part, databaseName)
	if err := b.db.Snapshot(ctx, database, rowsOn(out)); err != nil {
		return err
	}
	if err := copyFile(filepath.Join(at.folder, keyName), filepath.Join(part, keyName)); err != nil {
		return err
	}
	m := manifest{Authority: cfg.Authority, Origin: cfg.Origin, Made: time.Now().UTC().Truncate(time.Second)}
	if err := m.seal(ctx, part, out); err != nil {
		return err
	}
	key, err := archive.OpenKey(filepath.Join(part, keyName), m.Origin)
	if err != nil {
		return err
	}
	if err := spreadDisposals(ctx, b.archive, key, filepath.Join(filepath.Dir(to), disposalsName)); err != nil {
		return err
	}
	if err := errors.Join(os.Rename(part, to), archive.SyncFolder(filepath.Dir(to))); err != nil {
		return err
	}
	if err := noteBackup(at.folder, lastBackup{Made: m.Made, To: to}); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d records, %d leaves, verified.\n", to, m.Records, m.Leaves)
	return nil
}

// seal verifies the copy, and writes what it is.
func (m *manifest) seal(ctx context.Context, folder string, out io.Writer) error {
	database := filepath.Join(folder, databaseName)
	key, err := archive.OpenKey(filepath.Join(folder, keyName), m.Origin)
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, database)
	if err != nil {
		return err
	}
	report, err := func() (archive.Report, error) {
		a, err := archive.New(db, key)
		if err != nil {
			return archive.Report{}, err
		}
		return indexAndVerify(ctx, a, "", out)
	}()
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	m.Records, m.Leaves, m.Checkpoint = report.Records, report.Leaves, report.Checkpoint
	m.Files = map[string]string{}
	for _, name := range []string{databaseName, keyName} {
		path := filepath.Join(folder, name)
		if err := os.Chmod(path, 0o600); err != nil {
			return err
		}
		if m.Files[name], err = sumOf(path); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, manifestName), append(text, '\n'), 0o600); err != nil {
		return err
	}
	return errors.Join(syncFile(database), syncFile(filepath.Join(folder, manifestName)), archive.SyncFolder(folder))
}

func restoreCommand() *cobra.Command {
	var config, from string
	var lists []string
	var nothing bool
	c := &cobra.Command{
		Use:   "restore --config FILE --from FOLDER",
		Short: "Put a backup where the configuration wants the books, and verify them",
		Long: "Put a backup's books where the configuration says that they are, on either engine, and verify them against the backup's checkpoint.\n" +
			"There must be none yet. What waited to be done on a platform when the backup was made may have been done, or taken back, since: it\n" +
			"is set aside for a person, under Kanaler in the console. What was disposed of since, as the file `disposals` beside the backup says, is\n" +
			"removed again before anybody sees the books.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if config == "" || from == "" {
				return usageError{errors.New("--config and --from are needed")}
			}
			cfg, err := loadConfig(config)
			if err != nil {
				return err
			}
			if beside := filepath.Join(filepath.Dir(filepath.Clean(from)), disposalsName); len(lists) == 0 && !nothing {
				if _, err := os.Stat(beside); err != nil {
					return fmt.Errorf("there is no list of what was disposed of since, in %s: say with --disposals where it is, or that nothing was with --nothing-disposed", beside)
				}
				lists = []string{beside}
			}
			return restore(c.Context(), cfg, from, lists, c.OutOrStdout())
		},
	}
	c.Flags().StringSliceVar(&lists, "disposals", nil, "the list of what was disposed of (default: the file `disposals` beside the backup)")
	c.Flags().BoolVar(&nothing, "nothing-disposed", false, "there is no such list: nothing was disposed of since the backup")
	c.Flags().StringVar(&config, "config", "", "the configuration file of `serve`")
	c.Flags().StringVar(&from, "from", "", "the backup's folder")
	return c
}

func restore(ctx context.Context, cfg Config, from string, lists []string, out io.Writer) (err error) {
	m, err := readManifest(from)
	if err != nil {
		return err
	}
	if m.Origin != cfg.Origin {
		return fmt.Errorf("the backup's log is %s, and the configuration's %s: these are not the same books", m.Origin, cfg.Origin)
	}
	at, err := cfg.place()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(at.folder, 0o700); err != nil {
		return err
	}
	keyFile := filepath.Join(at.folder, keyName)
	for _, path := range []string{keyFile, filepath.Join(at.folder, databaseName)} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s is there already: move it away first, so that nothing is written over", path)
		}
	}
	if err := copyFile(filepath.Join(from, keyName), keyFile); err != nil {
		return err
	}
	key, err := archive.OpenKey(keyFile, at.origin)
	if err != nil {
		return err
	}
	// Before the books are there: if we die anywhere from here on, whoever opens them finishes what follows from the list.
	for _, path := range lists {
		_, lines, err := readDisposals(path, key)
		if err != nil {
			return err
		}
		if err := addLines(filepath.Join(at.folder, disposalsName), lines...); err != nil {
			return err
		}
	}
	db, err := m.fill(ctx, from, at, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	a, err := archive.New(db, key)
	if err != nil {
		return err
	}
	report, err := indexAndVerify(ctx, a, m.Checkpoint, out)
	if err != nil {
		return err
	}
	if report.Checkpoint != m.Checkpoint {
		return errors.New("the restored log does not end where the backup's did")
	}
	gone, err := settleDisposals(ctx, &books{db: db, archive: a}, at.folder, key)
	if err != nil {
		return err
	}
	if gone > 0 {
		if report, err = indexAndVerify(ctx, a, m.Checkpoint, out); err != nil {
			return err
		}
		fmt.Fprintf(out, "%d comments that were disposed of since are removed again.\n", gone)
	}
	waiting, err := moderation.SetAside(ctx, db, "restored from the backup of "+m.Made.Format(time.RFC3339)+": it may have been done, or taken back, since")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d records, %d leaves: restored as of %s and verified. %d things that waited for a platform are set aside for a person.\n",
		report.Records, report.Leaves, m.Made.Format(time.RFC3339), waiting)
	return nil
}

// fill puts the backup's rows where they belong.
func (m manifest) fill(ctx context.Context, from string, at place, out io.Writer) (*store.DB, error) {
	if at.server == "" {
		if err := copyFile(filepath.Join(from, databaseName), at.database()); err != nil {
			return nil, err
		}
		return store.Open(ctx, at.database())
	}
	// Opened as a copy: opening may bring its schema forward, and a backup is never changed.
	work, err := os.MkdirTemp(at.folder, "restore-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	path := filepath.Join(work, databaseName)
	if err := copyFile(filepath.Join(from, databaseName), path); err != nil {
		return nil, err
	}
	file, err := store.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	db, err := store.Open(ctx, at.database())
	if err != nil {
		return nil, err
	}
	if err := store.Copy(ctx, file, db, rowsOn(out)); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// readManifest reads what a backup is, and holds its files against it.
func readManifest(folder string) (manifest, error) {
	var m manifest
	text, err := os.ReadFile(filepath.Join(folder, manifestName))
	if err != nil {
		return m, fmt.Errorf("%s is no finished backup: %w", folder, err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%s: %w", manifestName, err)
	}
	for _, name := range []string{databaseName, keyName} {
		sum, err := sumOf(filepath.Join(folder, name))
		if err != nil {
			return m, err
		}
		if !strings.EqualFold(sum, m.Files[name]) {
			return m, fmt.Errorf("%s is not the file that was backed up: its SHA-256 is %s", name, sum)
		}
	}
	return m, nil
}

func sumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// copyFile copies into a file that is not there yet, and returns when it is on the disk.
func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Sync(), target.Close())
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
