package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"takhojd/archive"
	"takhojd/moderation"
)

// disposalsName is the file in which every disposal is written down before it is done: in the data folder, so that one that was begun is
// finished, and beside the backups, so that an older backup brings nothing back, even when the machine is lost. It only grows, a line signed
// by the log's key for each part.
const disposalsName = "disposals"

func archiveDispose(at *dataFlags) *cobra.Command {
	var d moderation.DisposalDecision
	var before string
	var backups []string
	var confirm int
	c := &cobra.Command{
		Use:   "dispose --decision REFERENCE --by ACCOUNT --class CLASS --before DAY",
		Short: "Dispose of records under a decision (gallring); without --confirm, say what would go",
		Long: "Dispose of comments, and of all that was kept of them, under the authority's decision (gallringsbeslut): words, pictures, names, what the\n" +
			"platform sent. The log still verifies, and says under which decision what went. Without --confirm it only counts. What is held, or waits\n" +
			"for a person or a platform, stays. A comment of several classes goes only when all of them are named. What is disposed of cannot be\n" +
			"brought back: it is written down beside the backups, and removed again when an older one is restored.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if d.Before, err = parseTime(before, false); err != nil {
				return usageError{fmt.Errorf("--before: %w", err)}
			}
			return at.with(c.Context(), func(b *books) error {
				return dispose(c.Context(), at, b, d, backups, confirm, c.OutOrStdout())
			})
		},
	}
	f := c.Flags()
	f.StringVar(&d.Reference, "decision", "", "the decision's reference, as in the diary")
	f.StringVar(&d.By, "by", "", "the account of who carries it out")
	f.StringSliceVar(&d.Classes, "class", nil, "retention classes of the policy, and `standing` for comments without a record, `other` for records without a category")
	f.StringVar(&before, "before", "", "only what all happened before this day (2024-11-22)")
	f.StringSliceVar(&backups, "backups", nil, "folders that backups lie in (default: where the last one was made)")
	f.IntVar(&confirm, "confirm", 0, "dispose, if it is this many comments")
	return c
}

func dispose(ctx context.Context, at *dataFlags, b *books, d moderation.DisposalDecision, backups []string, confirm int, out io.Writer) error {
	place, err := at.place()
	if err != nil {
		return err
	}
	policy, err := at.policy()
	if err != nil {
		return err
	}
	lists, err := disposalLists(place, backups)
	if err != nil {
		return err
	}
	disposer := moderation.Disposer{DB: b.db, Archive: b.archive, Policy: policy, Announce: func(part archive.Disposal) error {
		return announce(b.archive, lists, part)
	}}
	sum, err := disposer.Preview(ctx, d)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Decision %s, classes %s, before %s: %d comments with %d records and %d pictures and films.\n", d.Reference,
		strings.Join(d.Classes, ", "), d.Before.Format("2006-01-02 15:04"), sum.Comments, sum.Records, sum.Pictures)
	fmt.Fprintf(out, "%d more are held, and %d wait for a person or a platform: these stay.\n", sum.Held, sum.Waiting)
	switch {
	case confirm == 0:
		fmt.Fprintf(out, "Nothing is done. What is disposed of cannot be brought back. To do it, add --confirm %d\n", sum.Comments)
		return nil
	case confirm != sum.Comments:
		return fmt.Errorf("--confirm says %d comments, and there are %d by now: nothing is done", confirm, sum.Comments)
	}
	done, err := disposer.Dispose(ctx, d)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Disposed of %d comments with %d records and %d pictures and films. Written down in %s\n", done.Comments, done.Records, done.Pictures,
		strings.Join(lists, " and "))
	return nil
}

// disposalLists are the files that a disposal is written down in: in the data folder, and in each folder that backups lie in.
func disposalLists(at place, backups []string) ([]string, error) {
	lists := []string{filepath.Join(at.folder, disposalsName)}
	if len(backups) == 0 {
		last, err := readLastBackup(at.folder)
		switch {
		case errors.Is(err, os.ErrNotExist) && at.server != "":
			return nil, errors.New("a database on a server is backed up from elsewhere, and what is disposed of must be written down beside its backups: say with --backups where they are")
		case errors.Is(err, os.ErrNotExist):
			return lists, nil // no backup, nothing that could come back
		}
		if err != nil {
			return nil, err
		}
		backups = []string{filepath.Dir(last.To)}
	}
	for _, folder := range backups {
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("the backups in %s cannot be reached: an old one would bring back what is disposed of now. Say with --backups where they are", folder)
		}
		lists = append(lists, filepath.Join(folder, disposalsName))
	}
	return lists, nil
}

// announce writes a part down everywhere, and returns when it is on the disk. If we die between two files, the first to be written is the data
// folder's, and finishes the part: then the other lacks it until the next backup, which brings it up to date.
func announce(a *archive.Archive, lists []string, part archive.Disposal) error {
	line, err := a.Seal(part)
	if err != nil {
		return err
	}
	for _, path := range lists {
		if err := addLines(path, line); err != nil {
			return err
		}
	}
	return nil
}

// addLines adds lines to a file that only grows. What an earlier death left of a line at its end is cut off: that part was never done.
func addLines(path string, lines ...string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(f)
	whole := strings.LastIndexByte(string(text), '\n') + 1
	if err == nil && whole < len(text) {
		err = f.Truncate(int64(whole))
	}
	if err == nil && len(lines) > 0 {
		_, err = f.WriteAt([]byte(strings.Join(lines, "\n")+"\n"), int64(whole))
	}
	return errors.Join(err, f.Sync(), f.Close(), archive.SyncFolder(filepath.Dir(path)))
}

// readLines reads such a file; none there is none written.
func readLines(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return nil, err
	}
	lines := strings.Split(string(text), "\n")
	return lines[:len(lines)-1], nil // what stands after the last line's end was never finished
}

// readDisposals reads a list of disposals that the log's key has signed.
func readDisposals(path string, key archive.Key) (found []archive.Disposal, lines []string, err error) {
	if lines, err = readLines(path); err != nil {
		return nil, nil, err
	}
	for i, line := range lines {
		d, err := archive.OpenSealed(key.Public, line)
		if err != nil {
			return nil, nil, fmt.Errorf("%s, line %d: %w", path, i+1, err)
		}
		found = append(found, d)
	}
	return found, lines, nil
}

// settleDisposals does what is written down in the data folder and not done: by a process that died on the way, or in books that were
// restored and are older than the list. It runs before anybody gets to see the books.
func settleDisposals(ctx context.Context, b *books, folder string, key archive.Key) (int, error) {
	parts, _, err := readDisposals(filepath.Join(folder, disposalsName), key)
	if err != nil || len(parts) == 0 {
		return 0, err
	}
	return moderation.Disposer{DB: b.db, Archive: b.archive}.Settle(ctx, parts)
}

// spreadDisposals sees to it that a list beside backups names all that was disposed of in the books.
func spreadDisposals(ctx context.Context, a *archive.Archive, key archive.Key, path string) error {
	known, _, err := readDisposals(path, key)
	if err != nil {
		return err
	}
	done, err := a.Disposals(ctx)
	if err != nil {
		return err
	}
	has := map[string]bool{}
	for _, d := range known {
		has[d.ID+" "+strconv.Itoa(d.Part)] = true
	}
	var missing []string
	for _, d := range done {
		if !has[d.ID+" "+strconv.Itoa(d.Part)] {
			line, err := a.Seal(d)
			if err != nil {
				return err
			}
			missing = append(missing, line)
		}
	}
	return addLines(path, missing...)
}

func archiveDisposals(at *dataFlags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "disposals",
		Short: "List what was disposed of, and under which decisions",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return at.with(c.Context(), func(b *books) error {
				found, err := b.archive.Disposals(c.Context())
				if err != nil {
					return err
				}
				if asJSON {
					return writeLines(c.OutOrStdout(), found)
				}
				w := tabwriter.NewWriter(c.OutOrStdout(), 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "DONE\tDECISION\tBY\tCLASSES\tBEFORE\tCOMMENTS\tRECORDS\tPICTURES")
				for _, d := range found {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\n", d.At.Local().Format("2006-01-02 15:04"), oneLine(d.Decision, 40), oneLine(d.By, 24),
						strings.Join(d.Classes, ","), d.Before.Local().Format("2006-01-02"), len(d.Comments), len(d.Records), d.Pictures)
				}
				return w.Flush()
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line, with the records")
	return c
}

// archiveHold makes the commands that stop the disposal of a record, and let it go.
func archiveHold(at *dataFlags, on bool) *cobra.Command {
	h := archive.Hold{On: on}
	c := &cobra.Command{
		Use:   "hold RECORD --reason WHY --by ACCOUNT",
		Short: "Keep a record from disposal (gallringsstopp): a request, an appeal or a police report is open",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if h.Reason == "" || h.By == "" {
				return usageError{errors.New("--reason and --by are needed")}
			}
			return at.with(c.Context(), func(b *books) error { return b.archive.Hold(c.Context(), args[0], h) })
		},
	}
	if !on {
		c.Use, c.Short = "release RECORD --reason WHY --by ACCOUNT", "End a hold: the record may be disposed of again"
	}
	c.Flags().StringVar(&h.Reason, "reason", "", "why")
	c.Flags().StringVar(&h.Reference, "reference", "", "the number of the decision or the case in the diary")
	c.Flags().StringVar(&h.By, "by", "", "the account of who says so")
	return c
}
