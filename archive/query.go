package archive

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"takhojd/moderation/store"
	"takhojd/platforms"
)

// Query narrows a search of the archive. Its zero value finds everything.
type Query struct {
	// From and To bound when the decision was made: From ≤ t < To. Zero means no bound.
	From, To time.Time
	Channel  string
	Category string
	// Author is the platform's id of the author, or words of the name.
	Author string
	// Words must all stand in the text, in any inflection; a word that ends in * stands for all that begin so.
	Words string
	// Before is for the next page: only records with a smaller leaf. Zero means from the newest.
	Before int64
	// Limit is how many at most; zero means 100.
	Limit int
}

// Summary is a record as it stands in a list.
type Summary struct {
	ID         string        `json:"id"`
	Leaf       int64         `json:"leaf"`
	Ref        platforms.Ref `json:"ref"`
	Categories []string      `json:"categories"`
	Action     string        `json:"action"`
	DecidedBy  string        `json:"decided_by"`
	AuthorID   string        `json:"author_id"`
	AuthorName string        `json:"author_name"`
	// Excerpt is the first 160 characters of the text.
	Excerpt  string    `json:"excerpt"`
	Posted   time.Time `json:"posted"`
	Received time.Time `json:"received"`
	Decided  time.Time `json:"decided"`
}

// Full is a record with all that belongs to it.
type Full struct {
	Record Record `json:"record"`
	Leaf   int64  `json:"leaf"`
	// Entries are the record's lines of the ledger, itself first.
	Entries []Entry `json:"entries"`
	Proof   Proof   `json:"proof"`
	// Disposed is the disposal that emptied the record, and of Record only the ID is left; nil while it stands.
	Disposed *Disposal `json:"disposed,omitempty"`
}

// where writes the conditions of q.
func (q Query) where(postgres bool) (string, []any) {
	var conditions []string
	var args []any
	add := func(condition string, arg any) {
		args = append(args, arg)
		conditions = append(conditions, strings.ReplaceAll(condition, "?", "$"+strconv.Itoa(len(args))))
	}
	if !q.From.IsZero() {
		add("r.decided_at >= ?", q.From)
	}
	if !q.To.IsZero() {
		add("r.decided_at < ?", q.To)
	}
	if q.Channel != "" {
		add("r.channel = ?", q.Channel)
	}
	switch {
	case strings.ContainsAny(q.Category, "%_\\ \x00"):
		conditions = append(conditions, "1 = 0") // no category is called so, and LIKE would find others by it
	case q.Category != "":
		add("r.categories LIKE '% ' || ? || ' %'", q.Category)
	}
	if q.Author != "" {
		if m := match("author", q.Author, postgres); m != "" {
			args = append(args, q.Author, m)
			conditions = append(conditions, fmt.Sprintf("(r.author_id = $%d OR %s)", len(args)-1, hasWords("author", len(args), postgres)))
		} else {
			add("r.author_id = ?", q.Author)
		}
	}
	if strings.TrimSpace(q.Words) != "" {
		if m := match("stems", q.Words, postgres); m != "" {
			args = append(args, m)
			conditions = append(conditions, hasWords("stems", len(args), postgres))
		} else {
			conditions = append(conditions, "1 = 0") // only signs, no word: nothing can be found by it
		}
	}
	if len(conditions) == 0 {
		return "1 = 1", args
	}
	return strings.Join(conditions, " AND "), args
}

// List returns the records that q finds, newest first.
func (a *Archive) List(ctx context.Context, q Query) ([]Summary, error) {
	limit := q.Limit
	if limit <= 0 {
		limit = 100
	}
	where, args := q.where(a.db.PostgreSQL())
	if q.Before > 0 {
		args = append(args, q.Before)
		where += fmt.Sprintf(" AND r.leaf < $%d", len(args))
	}
	args = append(args, limit)
	var found []Summary
	err := a.db.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(`SELECT r.leaf, r.record_id, r.platform, r.channel, r.comment_id, r.categories, r.action, r.decided_by,
			r.author_id, r.author_name, r.posted_at, r.received_at, r.decided_at, e.body
			FROM archive_records r JOIN archive_entries e ON e.leaf = r.leaf
			WHERE `+where+fmt.Sprintf(" ORDER BY r.leaf DESC LIMIT $%d", len(args)), args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var s Summary
			var platform, categories string
			var body []byte
			var posted, received, decided int64
			if err := rows.Scan(&s.Leaf, &s.ID, &platform, &s.Ref.Channel, &s.Ref.Comment, &categories, &s.Action, &s.DecidedBy,
				&s.AuthorID, &s.AuthorName, &posted, &received, &decided, &body); err != nil {
				return err
			}
			s.Ref.Platform, s.Categories, s.Excerpt = platforms.Platform(platform), strings.Fields(categories), excerpt(textOf(body), 160)
			s.Posted, s.Received, s.Decided = store.FromTime(posted), store.FromTime(received), store.FromTime(decided)
			found = append(found, s)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("archive: list: %w", err)
	}
	return found, nil
}

// textOf is the comment's text in a record's body; nothing when the record was disposed of.
func textOf(body []byte) string {
	var r struct {
		Text string `json:"text"`
	}
	if len(body) > 0 && json.Unmarshal(body, &r) != nil {
		return "" // verify says what is wrong with it
	}
	return r.Text
}

// Count returns how many records q finds.
func (a *Archive) Count(ctx context.Context, q Query) (int, error) {
	where, args := q.where(a.db.PostgreSQL())
	var n int
	err := a.db.View(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT count(*) FROM archive_records r WHERE `+where, args...).Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("archive: count: %w", err)
	}
	return n, nil
}

// Size is the number of records, and of leaves in the log.
func (a *Archive) Size(ctx context.Context) (records, leaves int64, err error) {
	err = a.db.View(ctx, func(tx *store.Tx) error {
		if err := tx.QueryRow(`SELECT count(*) FROM archive_records`).Scan(&records); err != nil {
			return err
		}
		var err error
		leaves, err = nextLeaf(tx)
		return err
	})
	return records, leaves, err
}

// Show returns one record with everything that belongs to it and its proof.
func (a *Archive) Show(ctx context.Context, id string) (Full, error) {
	var full Full
	err := a.db.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(`SELECT leaf, kind, body, coalesce(disposal, -1) FROM archive_entries WHERE record_id = $1 ORDER BY leaf`, id)
		if err != nil {
			return err
		}
		defer rows.Close()
		disposal := int64(-1)
		for rows.Next() {
			e := Entry{Record: id}
			var kind string
			var body []byte
			var by int64
			if err := rows.Scan(&e.Leaf, &kind, &body, &by); err != nil {
				return err
			}
			if len(full.Entries) == 0 && len(body) == 0 {
				disposal = by
			}
			e.Kind, e.Body, e.At = Kind(kind), body, writtenAt(body)
			full.Entries = append(full.Entries, e)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		if len(full.Entries) == 0 {
			return ErrNotFound
		}
		full.Leaf = full.Entries[0].Leaf
		if full.Entries[0].Kind != KindRecord {
			return errors.New("its first entry is no record")
		}
		if disposal >= 0 {
			full.Record.ID = id
			if full.Disposed, err = disposalOf(tx, disposal); err != nil {
				return err
			}
			full.Proof, err = a.prove(tx, full.Leaf)
			return err
		}
		if err := json.Unmarshal(full.Entries[0].Body, &full.Record); err != nil {
			return fmt.Errorf("its body cannot be read: %w", err)
		}
		full.Proof, err = a.prove(tx, full.Leaf)
		return err
	})
	if err != nil {
		return Full{}, fmt.Errorf("archive: record %s: %w", id, err)
	}
	return full, nil
}

// Formats are the forms that Export can write.
func Formats() []string { return []string{"jsonl", "csv"} }

// exportPage is how many records are read at a time: an export of any size takes the memory of a page.
const exportPage = 500

// Export writes every record that q finds, newest first: "jsonl", one JSON object a line, whole with all its entries; or
// "csv", one row a record, for a spreadsheet.
func (a *Archive) Export(ctx context.Context, q Query, format string, w io.Writer) error {
	buffered := bufio.NewWriter(w)
	write, flush, err := exporter(format, buffered)
	if err != nil {
		return err
	}
	left := q.Limit
	for {
		page := q
		page.Limit = exportPage
		if left > 0 && left < exportPage {
			page.Limit = left
		}
		found, err := a.List(ctx, page)
		if err != nil {
			return err
		}
		for _, s := range found {
			full, err := a.Show(ctx, s.ID)
			if err != nil {
				return err
			}
			if err := write(full); err != nil {
				return fmt.Errorf("archive: export %s: %w", s.ID, err)
			}
		}
		if left -= len(found); len(found) < page.Limit || q.Limit > 0 && left <= 0 {
			break
		}
		if q.Before = found[len(found)-1].Leaf; q.Before == 0 {
			break
		}
	}
	if err := flush(); err != nil {
		return fmt.Errorf("archive: export: %w", err)
	}
	return buffered.Flush()
}

// exporter returns the two steps of a format: write a record, and end.
func exporter(format string, w io.Writer) (write func(Full) error, flush func() error, err error) {
	switch format {
	case "jsonl":
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		return func(f Full) error { return encoder.Encode(f) }, func() error { return nil }, nil
	case "csv":
		c := csv.NewWriter(w)
		if err := c.Write(csvHead); err != nil {
			return nil, nil, err
		}
		return func(f Full) error { return c.Write(csvRow(f)) }, func() error { c.Flush(); return c.Error() }, nil
	}
	return nil, nil, fmt.Errorf("archive: no export format %q: there are %s", format, strings.Join(Formats(), " and "))
}

var csvHead = []string{"handling", "plattform", "kanal", "kommentar", "inlägg", "skrivet", "mottaget", "beslutat", "åtgärd", "beslutat av",
	"skäl", "kategorier", "författare", "författarens id", "text", "länk", "regelverk", "plattformens svar", "lövnummer"}

func csvRow(f Full) []string {
	r := f.Record
	var answers []string
	for _, e := range f.Entries {
		var o Outcome
		if e.Kind == KindOutcome && json.Unmarshal(e.Body, &o) == nil {
			answers = append(answers, strings.TrimSpace(o.Action+": "+o.Result+" "+o.At.Format(time.RFC3339)+" "+o.Comment))
		}
	}
	row := []string{r.ID, string(r.Ref.Platform), r.Ref.Channel, r.Ref.Comment, r.Post.ID, stamp(r.Posted), stamp(r.Received),
		stamp(r.Decision.At), r.Decision.Action, r.Decision.By, r.Decision.Reason, strings.Join(r.Categories, " "), r.Author.Name, r.Author.ID,
		r.Text, r.Permalink, r.Policy, strings.Join(answers, "; "), strconv.FormatInt(f.Leaf, 10)}
	for i, cell := range row {
		row[i] = harmless(cell)
	}
	return row
}

// harmless keeps a spreadsheet from reading a citizen's words as a formula: OWASP's advice is an apostrophe before the
// signs that begin one. A Swedish Excel that opens the file by itself takes a semicolon for the end of a cell, whatever the quotes say,
// and then a line's end within the quotes for the end of a row: so after those, too.
func harmless(cell string) string {
	if cell != "" && (cell[0] == '\t' || cell[0] == '\r') {
		cell = "'" + cell
	}
	return formula.ReplaceAllString(cell, "$1'$2")
}

var formula = regexp.MustCompile(`((?:^|[;\t\r\n])[ "\x{a0}]*)([=+\-@\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}])`)

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// excerpt is the first n characters of s, whole.
func excerpt(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	for i := range s {
		if n == 0 {
			return s[:i] + "…"
		}
		n--
	}
	return s
}

// MarshalJSON writes an entry with its body as JSON.
func (e Entry) MarshalJSON() ([]byte, error) {
	body := e.Body
	if len(body) == 0 {
		body = json.RawMessage("null")
	}
	return json.Marshal(struct {
		Leaf int64           `json:"leaf"`
		Kind Kind            `json:"kind"`
		At   time.Time       `json:"at"`
		Body json.RawMessage `json:"body"`
	}{e.Leaf, e.Kind, e.At, body})
}

// KeepMedia keeps the bytes of a picture or film under their SHA-256 (hexadecimal), once however often they come.
func (a *Archive) KeepMedia(tx *store.Tx, sha256, mediaType string, bytes []byte) error {
	_, err := tx.Exec(`INSERT INTO archive_media (sha256, type, bytes) VALUES ($1, $2, $3) ON CONFLICT (sha256) DO NOTHING`,
		sha256, mediaType, bytes)
	if err != nil {
		return fmt.Errorf("archive: keep media: %w", err)
	}
	return nil
}

// Media returns a kept picture or film.
func (a *Archive) Media(ctx context.Context, sha256 string) (mediaType string, bytes []byte, err error) {
	err = a.db.View(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT type, bytes FROM archive_media WHERE sha256 = $1`, sha256).Scan(&mediaType, &bytes)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil, ErrNotFound
	}
	if err != nil {
		return "", nil, fmt.Errorf("archive: media: %w", err)
	}
	return mediaType, bytes, nil
}
