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
	"slices"
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
	// Before is for the next page: the leaf of the last record of the one before. Zero means from the newest.
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

// arm is one way to find leaves for a search: what it searches, under which conditions. A search of several arms finds what any of them does.
// Each is answered by one index, in the order of the list: so a page costs what it shows, and not what is kept.
type arm struct {
	from       string
	conditions []string
	// words is true where the index of words is searched: it knows the order of the leaves, and no other.
	words bool
}

// search is a query while it is put into SQL.
type search struct {
	q        Query
	postgres bool
	args     []any
	arms     []arm
}

// arg adds a parameter, and returns how it is written.
func (s *search) arg(value any) string {
	s.args = append(s.args, value)
	return "$" + strconv.Itoa(len(s.args))
}

// plan finds the arms of a query; none finds nothing.
func (s *search) plan(tx *store.Tx) error {
	q := s.q
	words := match("stems", q.Words, s.postgres)
	if words == "" && strings.TrimSpace(q.Words) != "" || strings.ContainsAny(q.Category, "%_\\ \x00") {
		return nil // only signs, no word; or no category, and LIKE would find others by it
	}
	var sets []string
	var err error
	if q.Category != "" && words == "" {
		if sets, err = categorySets(tx, q.Category); err != nil {
			return err
		}
	}
	common := s.common()
	if q.Author == "" {
		return s.add(tx, common, words, "", sets)
	}
	if err := s.add(tx, append(common[:len(common):len(common)], "r.author_id = "+s.arg(q.Author)), words, "", sets); err != nil {
		return err
	}
	if name := match("author", q.Author, s.postgres); name != "" {
		return s.add(tx, common, words, name, sets)
	}
	return nil
}

// common writes the conditions that each arm has.
func (s *search) common() (conditions []string) {
	if !s.q.From.IsZero() {
		conditions = append(conditions, "r.decided_at >= "+s.arg(s.q.From))
	}
	if !s.q.To.IsZero() {
		conditions = append(conditions, "r.decided_at < "+s.arg(s.q.To))
	}
	if s.q.Channel != "" {
		conditions = append(conditions, "r.channel = "+s.arg(s.q.Channel))
	}
	return conditions
}

// mostSets is how many sets of categories are searched one by one.
const mostSets = 100

// add adds the arms for what is searched by words of the text or of the author's name; without any, one for each set of categories.
func (s *search) add(tx *store.Tx, conditions []string, words, name string, sets []string) error {
	conditions = conditions[:len(conditions):len(conditions)]
	if s.q.Category != "" && (words != "" || name != "" || len(sets) > mostSets) {
		conditions, sets = append(conditions, "r.categories LIKE '% ' || "+s.arg(s.q.Category)+" || ' %'"), nil
	} else if s.q.Category != "" {
		for _, set := range sets {
			s.arms = append(s.arms, arm{from: "archive_records r", conditions: append(conditions[:len(conditions):len(conditions)], "r.categories = "+s.arg(set))})
		}
		return nil
	}
	if words == "" && name == "" {
		s.arms = append(s.arms, arm{from: "archive_records r", conditions: conditions})
		return nil
	}
	conditions = append(conditions, "r.leaf = w.rowid")
	if !s.postgres {
		if words != "" && name != "" {
			words += " AND "
		}
		conditions = append(conditions, "archive_words MATCH "+s.arg(words+name))
		// CROSS so that SQLite begins with the words.
		s.arms = append(s.arms, arm{from: "archive_words w CROSS JOIN archive_records r", conditions: conditions, words: true})
		return nil
	}
	var said []string
	if words != "" {
		said = append(said, "w.stems @@ CAST("+s.arg(words)+" AS tsquery)")
	}
	if name != "" {
		said = append(said, "w.author @@ CAST("+s.arg(name)+" AS tsquery)")
	}
	rare, err := rarely(tx, words, name)
	if err != nil {
		return err
	}
	if rare { // OFFSET keeps PostgreSQL from going through all records in the order of the list
		s.arms = append(s.arms, arm{from: "(SELECT w.rowid FROM archive_words w WHERE " + strings.Join(said, " AND ") + ` OFFSET 0) AS w
			CROSS JOIN LATERAL (SELECT * FROM archive_records s WHERE s.leaf = w.rowid OFFSET 0) AS r`, conditions: conditions, words: true})
		return nil
	}
	s.arms = append(s.arms, arm{from: "archive_words w CROSS JOIN archive_records r", conditions: append(conditions, said...), words: true})
	return nil
}

// Words are rare where fewer than rareOf of the newest records have them.
const rareOf, newest = 25, 5000

// rarely tells, on PostgreSQL, whether words are rare: then they are found by the index of words, which knows no order, and otherwise in the order of the
// list, which is soon at its end. PostgreSQL keeps no count of rare words, and takes each for one that many have: at five million comments a word that was
// said long ago took it 140 ms.
func rarely(tx *store.Tx, words, name string) (bool, error) {
	var n int
	err := tx.QueryRow(`SELECT count(*) FROM (SELECT 1 FROM (SELECT stems, author FROM archive_words ORDER BY rowid DESC LIMIT `+strconv.Itoa(newest)+`) AS newest
		WHERE ($1 = '' OR stems @@ CAST($1 AS tsquery)) AND ($2 = '' OR author @@ CAST($2 AS tsquery)) LIMIT `+strconv.Itoa(rareOf)+`) AS found`, words, name).Scan(&n)
	return n < rareOf, err
}

// categorySets lists the sets of categories that occur and have one in them. It goes from one to the next by the index.
func categorySets(tx *store.Tx, category string) (sets []string, err error) {
	rows, err := tx.Query(`WITH RECURSIVE sets (s) AS (SELECT min(categories) FROM archive_records
		UNION ALL SELECT (SELECT min(r.categories) FROM archive_records r WHERE r.categories > sets.s) FROM sets WHERE sets.s IS NOT NULL)
		SELECT s FROM sets WHERE s LIKE '% ' || $1 || ' %'`, category)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var set string
		if err := rows.Scan(&set); err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return sets, rows.Err()
}

// byWords tells whether the list is in the order of the leaves, as an index of words has it, or in that of the decisions. The two are the same
// unless a clock was put back.
func (s *search) byWords() bool {
	return slices.ContainsFunc(s.arms, func(a arm) bool { return a.words })
}

// before writes the condition that a row of the list comes after that of a leaf.
func (s *search) before(leaf int64) string {
	at := s.arg(leaf)
	if s.byWords() {
		return "r.leaf < " + at
	}
	return "(r.decided_at, r.leaf) < ((SELECT b.decided_at FROM archive_records b WHERE b.leaf <= " + at + " ORDER BY b.leaf DESC LIMIT 1), " + at + ")"
}

// order is that of the list, by the names of a leaf and of the time of its decision.
func (s *search) order(leaf, decided string) string {
	if s.byWords() {
		return " ORDER BY " + leaf + " DESC"
	}
	return " ORDER BY " + decided + " DESC, " + leaf + " DESC"
}

// leaves writes the search for the first leaves of the list, up to a limit; or for any of them, which is enough to count. The first of all arms
// are found by what their indexes hold: records are read only once it is known which of them are shown.
func (s *search) leaves(limit int, ordered bool) string {
	var more string
	if s.q.Before > 0 && ordered {
		more = s.before(s.q.Before)
	}
	found := make([]string, len(s.arms))
	for i, a := range s.arms {
		conditions := append(a.conditions[:len(a.conditions):len(a.conditions)], "1 = 1")
		if more != "" {
			conditions = append(conditions, more)
		}
		order, decided := "", "0"
		switch {
		case ordered && a.words && !s.postgres:
			order = " ORDER BY w.rowid DESC"
		case ordered:
			order = s.order("r.leaf", "r.decided_at")
		}
		if ordered && !s.byWords() {
			decided = "r.decided_at"
		}
		found[i] = "SELECT leaf, decided FROM (SELECT r.leaf, " + decided + " AS decided FROM " + a.from + " WHERE " + strings.Join(conditions, " AND ") + order +
			" LIMIT " + strconv.Itoa(limit) + ") AS arm" + strconv.Itoa(i)
	}
	all := "SELECT leaf FROM (" + strings.Join(found, " UNION ") + ") AS arms"
	if ordered {
		all += s.order("leaf", "decided")
	}
	return all + " LIMIT " + strconv.Itoa(limit)
}

// List returns the records that q finds, newest first.
func (a *Archive) List(ctx context.Context, q Query) ([]Summary, error) {
	limit := q.Limit
	if limit <= 0 {
		limit = 100
	}
	var found []Summary
	err := a.db.View(ctx, func(tx *store.Tx) error {
		s := search{q: q, postgres: tx.PostgreSQL()}
		if err := s.plan(tx); err != nil || len(s.arms) == 0 {
			return err
		}
		rows, err := tx.Query(`SELECT r.leaf, r.record_id, r.platform, r.channel, r.comment_id, r.categories, r.action, r.decided_by,
			r.author_id, r.author_name, r.posted_at, r.received_at, r.decided_at, e.body
			FROM (`+s.leaves(limit, true)+`) AS found CROSS JOIN archive_records r CROSS JOIN archive_entries e
			WHERE r.leaf = found.leaf AND e.leaf = found.leaf`+s.order("r.leaf", "r.decided_at"), s.args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		found, err = summaries(rows)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("archive: list: %w", err)
	}
	return found, nil
}

func summaries(rows *sql.Rows) (found []Summary, err error) {
	for rows.Next() {
		var s Summary
		var platform, categories string
		var body []byte
		var posted, received, decided int64
		if err := rows.Scan(&s.Leaf, &s.ID, &platform, &s.Ref.Channel, &s.Ref.Comment, &categories, &s.Action, &s.DecidedBy,
			&s.AuthorID, &s.AuthorName, &posted, &received, &decided, &body); err != nil {
			return nil, err
		}
		s.Ref.Platform, s.Categories, s.Excerpt = platforms.Platform(platform), strings.Fields(categories), excerpt(textOf(body), 160)
		s.Posted, s.Received, s.Decided = store.FromTime(posted), store.FromTime(received), store.FromTime(decided)
		found = append(found, s)
	}
	return found, rows.Err()
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

// MostCounted is how far Count counts: who searches a million records is not helped by their number, and would wait for it.
const MostCounted = 1000

// Count returns how many records q finds, whatever its Before and Limit; MostCounted + 1 where they are more than MostCounted.
func (a *Archive) Count(ctx context.Context, q Query) (int, error) {
	var n int
	err := a.db.View(ctx, func(tx *store.Tx) error {
		s := search{q: q, postgres: tx.PostgreSQL()}
		if err := s.plan(tx); err != nil || len(s.arms) == 0 {
			return err
		}
		return tx.QueryRow(`SELECT count(*) FROM (`+s.leaves(MostCounted+1, false)+`) AS counted`, s.args...).Scan(&n)
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
