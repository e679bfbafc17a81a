package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"takhojd/archive"
	"takhojd/rules"
)

func archiveCommand() *cobra.Command {
	var at dataFlags
	c := &cobra.Command{Use: "archive", Short: "The public records of what was removed"}
	at.add(c)
	c.AddCommand(archiveList(&at), archiveShow(&at), archiveVerify(&at), archiveExport(&at), archiveCheckpoint(&at),
		archiveDispose(&at), archiveDisposals(&at), archiveHold(&at, true), archiveHold(&at, false))
	return c
}

// queryFlags is a search of the archive on the command line.
type queryFlags struct {
	from, to, channel, category, author, words string
	limit                                      int
}

func (q *queryFlags) add(c *cobra.Command, limit int) {
	f := c.Flags()
	f.StringVar(&q.from, "from", "", "decided on or after this day (2026-11-22) or time (2026-11-22T09:41)")
	f.StringVar(&q.to, "to", "", "decided before this day's end, or this time")
	f.StringVar(&q.channel, "channel", "", "the channel's id")
	f.StringVar(&q.category, "category", "", "one of: "+strings.Join(categoryNames(), ", "))
	f.StringVar(&q.author, "author", "", "the author's name, words of it, or the platform's id")
	f.StringVar(&q.words, "words", "", "words in the text, in any inflection; spår* is a beginning")
	f.IntVar(&q.limit, "limit", limit, "how many at most; 0 is all")
}

func categoryNames() []string {
	var names []string
	for _, c := range rules.Categories() {
		names = append(names, string(c))
	}
	return names
}

func (q queryFlags) query() (archive.Query, error) {
	if q.category != "" && !rules.Category(q.category).Valid() {
		return archive.Query{}, usageError{fmt.Errorf("there is no category %q: there are %s", q.category, strings.Join(categoryNames(), ", "))}
	}
	from, err := parseTime(q.from, false)
	if err != nil {
		return archive.Query{}, usageError{fmt.Errorf("--from: %w", err)}
	}
	to, err := parseTime(q.to, true)
	if err != nil {
		return archive.Query{}, usageError{fmt.Errorf("--to: %w", err)}
	}
	return archive.Query{From: from, To: to, Channel: q.channel, Category: q.category, Author: q.author, Words: q.words, Limit: q.limit}, nil
}

// parseTime reads a day or a time in Swedish time; a day as an end means the whole of it.
func parseTime(text string, end bool) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	zone, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		return time.Time{}, err
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		if end {
			t = t.AddDate(0, 0, 1)
		}
		return t, nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no day like 2026-11-22 and no time like 2026-11-22T09:41", text)
}

func archiveList(at *dataFlags) *cobra.Command {
	var q queryFlags
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "Find records, newest first",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			query, err := q.query()
			if err != nil {
				return err
			}
			return at.with(c.Context(), func(b *books) error {
				if query.Limit == 0 {
					query.Limit = int(^uint32(0) >> 1)
				}
				found, err := b.archive.List(c.Context(), query)
				if err != nil {
					return err
				}
				if asJSON {
					return writeLines(c.OutOrStdout(), found)
				}
				return writeSummaries(c.OutOrStdout(), found)
			})
		},
	}
	q.add(c, 100)
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return c
}

func writeLines[T any](w io.Writer, values []T) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, v := range values {
		if err := encoder.Encode(v); err != nil {
			return err
		}
	}
	return nil
}

func writeSummaries(out io.Writer, found []archive.Summary) error {
	zone, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "RECORD\tDECIDED\tCHANNEL\tACTION\tBY\tCATEGORIES\tAUTHOR\tTEXT")
	for _, s := range found {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, s.Decided.In(zone).Format("2006-01-02 15:04:05"), s.Ref.Channel, s.Action, s.DecidedBy,
			strings.Join(s.Categories, ","), oneLine(s.AuthorName, 24), oneLine(s.Excerpt, 60))
	}
	return w.Flush()
}

// oneLine is a citizen's words made safe for a terminal: no control signs, at most n characters.
func oneLine(s string, n int) string {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, s)
	if runes := []rune(clean); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return clean
}

func archiveShow(at *dataFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "show RECORD",
		Short: "Show one record whole, with what was done later and its proof, as JSON",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return at.with(c.Context(), func(b *books) error {
				full, err := b.archive.Show(c.Context(), args[0])
				if err != nil {
					return err
				}
				encoder := json.NewEncoder(c.OutOrStdout())
				encoder.SetEscapeHTML(false)
				encoder.SetIndent("", "  ")
				return encoder.Encode(full)
			})
		},
	}
}

func archiveVerify(at *dataFlags) *cobra.Command {
	var against string
	c := &cobra.Command{
		Use:   "verify",
		Short: "Check every record against the log, and the log against its signed checkpoint",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var earlier string
			if against != "" {
				text, err := os.ReadFile(against)
				if err != nil {
					return err
				}
				earlier = string(text)
			}
			return at.with(c.Context(), func(b *books) error {
				report, err := b.archive.VerifyAgainst(c.Context(), earlier, progressOn(c.ErrOrStderr()))
				if err != nil {
					return err
				}
				return writeReport(c.OutOrStdout(), report)
			})
		},
	}
	c.Flags().StringVar(&against, "against", "", "a file with an earlier checkpoint, from the diary")
	return c
}

// progressOn shows how far a long work has come, where someone is looking.
func progressOn(w io.Writer) func(done, total int64) {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return func(done, total int64) {
		fmt.Fprintf(w, "\r%d of %d", done, total)
		if done == total {
			fmt.Fprint(w, "\r\033[K")
		}
	}
}

func writeReport(w io.Writer, r archive.Report) error {
	for _, p := range r.Problems {
		fmt.Fprintln(w, p)
	}
	fmt.Fprintf(w, "%d records, %d leaves, %d pictures and films\n", r.Records, r.Leaves, r.Media)
	for _, d := range r.Disposals {
		fmt.Fprintf(w, "%d records disposed of under decision %s on %s by %s\n", len(d.Records), oneLine(d.Decision, 80), d.At.Format("2006-01-02"), oneLine(d.By, 40))
	}
	if !r.OK() {
		fmt.Fprintf(w, "NOT as it was written: %d problems\n", len(r.Problems))
		return errFailed
	}
	fmt.Fprintln(w, "All is as it was written.")
	if r.Checkpoint != "" {
		fmt.Fprintf(w, "\n%s", r.Checkpoint)
	}
	return nil
}

func archiveExport(at *dataFlags) *cobra.Command {
	var q queryFlags
	var format, out string
	c := &cobra.Command{
		Use:   "export --format jsonl|csv",
		Short: "Write the records that a search finds, newest first",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			query, err := q.query()
			if err != nil {
				return err
			}
			return at.with(c.Context(), func(b *books) error {
				if out == "" {
					return b.archive.Export(c.Context(), query, format, c.OutOrStdout())
				}
				f, err := os.OpenFile(out, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
				if err != nil {
					return err
				}
				return errors.Join(b.archive.Export(c.Context(), query, format, f), f.Sync(), f.Close())
			})
		},
	}
	q.add(c, 0)
	c.Flags().StringVar(&format, "format", "jsonl", "jsonl or csv")
	c.Flags().StringVar(&out, "out", "", "a new file (default: standard output)")
	return c
}

func archiveCheckpoint(at *dataFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "checkpoint",
		Short: "Print the latest signed checkpoint, for the diary",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return at.with(c.Context(), func(b *books) error {
				signed, err := b.archive.Checkpoint(c.Context())
				if err != nil {
					return err
				}
				_, err = fmt.Fprint(c.OutOrStdout(), signed)
				return err
			})
		},
	}
}
