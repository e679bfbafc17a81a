package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"takhojd/archive"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

const (
	channel = "rs-facebook"
	// apart is the time between two comments: ten million of them are nearly five years.
	apart = 15 * time.Second
	// perPost is how many comments a post has, perAuthor how many an author wrote.
	perPost, perAuthor = 200, 20
	hiddenEach         = 20   // one comment in so many was hidden
	flaggedEach        = 50   // one in so many went to a person
	openEach           = 1000 // one in so many waits for a person
	perTransaction     = 20000
)

// fill makes books with n comments. Indexes are made when everything is in: that is many times faster.
func fill(ctx context.Context, folder string, n int) (err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	db, err := store.Open(ctx, filepath.Join(folder, "takhojd.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	key, err := archive.OpenKey(filepath.Join(folder, "log.key"), "takhojd.scale")
	if err != nil {
		return err
	}
	a, err := archive.New(db, key)
	if err != nil {
		return err
	}
	indexes, err := dropIndexes(ctx, db)
	if err != nil {
		return err
	}
	f := filler{archive: a, chance: rand.New(rand.NewPCG(7, 7)), start: time.Now().Add(-time.Duration(n) * apart)}
	for from := 1; from <= n; from += perTransaction {
		if err := db.Update(ctx, func(tx *store.Tx) error { return f.some(tx, from, min(n, from+perTransaction-1)) }); err != nil {
			return err
		}
	}
	for _, index := range indexes {
		if err := db.Update(ctx, func(tx *store.Tx) error { _, err := tx.Exec(index); return err }); err != nil {
			return err
		}
	}
	return db.Update(ctx, func(tx *store.Tx) error { _, err := tx.Exec("ANALYZE"); return err })
}

// dropIndexes drops the indexes of the tables that are filled, and returns the statements that make them again.
func dropIndexes(ctx context.Context, db *store.DB) (again []string, err error) {
	err = db.Update(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(`SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL
			AND tbl_name IN ('comments', 'revisions', 'history', 'decisions', 'flags', 'fingerprints', 'outbox')`)
		if err != nil {
			return err
		}
		defer rows.Close()
		var names []string
		for rows.Next() {
			var name, sql string
			if err := rows.Scan(&name, &sql); err != nil {
				return err
			}
			names, again = append(names, name), append(again, sql)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		for _, name := range names {
			if _, err := tx.Exec("DROP INDEX " + name); err != nil {
				return err
			}
		}
		return nil
	})
	return again, err
}

// filler makes comments in the order in which they were written.
type filler struct {
	archive *archive.Archive
	chance  *rand.Rand
	start   time.Time
	flag    int
}

// rows gathers rows of one table, to be inserted many at a time.
type rows struct {
	into    string
	columns int
	values  []any
	// after goes in first: what these rows speak of.
	after *rows
}

// rowsAtOnce is few: the driver looks for each parameter among all of a statement's, and many rows take many times longer than few.
const rowsAtOnce = 3

func (r *rows) add(tx *store.Tx, values ...any) error {
	r.columns = len(values)
	if r.values = append(r.values, values...); len(r.values) < rowsAtOnce*r.columns {
		return nil
	}
	return r.flush(tx)
}

func (r *rows) flush(tx *store.Tx) error {
	if len(r.values) == 0 {
		return nil
	}
	if r.after != nil {
		if err := r.after.flush(tx); err != nil {
			return err
		}
	}
	var b strings.Builder
	for i := range r.values {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%r.columns == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", i+1)
	}
	_, err := tx.Exec("INSERT INTO "+r.into+" VALUES "+b.String()+")", r.values...)
	r.values = r.values[:0]
	return err
}

// some writes the comments from one number to another, with all that belongs to them.
func (f *filler) some(tx *store.Tx, from, to int) error {
	posts := rows{into: "posts (platform, channel, post_id, text, posted_at, read_at)"}
	comments := rows{into: "comments (id, platform, channel, comment_id, post_id, author_id, author_name, text, posted_at, received_at, revision, revised_at, state, state_at, state_by, record_id, violation_at)"}
	revisions := rows{into: "revisions (comment, revision, text, raw, at, received_at, via)", after: &comments}
	history := rows{into: "history (comment, at, what, by_whom)", after: &comments}
	decisions := rows{into: "decisions (id, comment, channel, revision, action, by_kind, verdict, policy, categories, category, flag, record_id, received_at, decided_at)", after: &comments}
	prints := rows{into: "fingerprints (comment, channel, author, exact, sim, shingles, band0, band1, band2, band3, at)", after: &comments}
	flags := rows{into: "flags (id, comment, decision, channel, why, category, severity, opened_at, due_at, closed_at, closed_by)", after: &comments}
	outbox := rows{into: "outbox (comment, channel, action, decision, record_id, revision, state, created_at, since, settled_at, result)"}
	for id := from; id <= to; id++ {
		c := f.comment(id)
		post := c.Post
		if id%perPost == 1 {
			if err := posts.add(tx, "facebook", channel, post, "Så påverkas trafiken av snön i veckan.", c.Posted, c.Posted); err != nil {
				return err
			}
		}
		action, state, record, category, categories, violation := "allow", "standing", "", "", "", time.Time{}
		findings := ""
		switch {
		case id%hiddenEach == 0:
			action, state, category, categories, violation = "hide", "hidden", "insult", " insult ", c.Posted
			findings = `"findings":[{"rule":"insult.strong","category":"insult","action":"hide"}],`
			var err error
			if record, err = f.archive.Append(tx, archive.Record{Ref: c.Ref, Revision: c.Revision(), Post: archive.Post{ID: post}, Author: c.Author, Text: c.Text,
				Posted: c.Posted.UTC(), Received: c.Posted.UTC(), Policy: "0000000000000000", Categories: []string{"insult"},
				Decision: archive.Decision{ID: int64(id), Action: "hide", By: "bot", At: c.Posted.UTC()}}); err != nil {
				return err
			}
		case id%flaggedEach == 1:
			action, category, categories = "flag", "profanity", " profanity "
		}
		print := rules.FingerprintOf(c.Text)
		bands := print.Bands()
		errs := []error{
			comments.add(tx, id, "facebook", channel, c.Ref.Comment, post, c.Author.ID, c.Author.Name, c.Text, c.Posted, c.Posted, c.Revision(), c.Posted, state, c.Posted, "bot", record, violation),
			revisions.add(tx, id, c.Revision(), c.Text, []byte(`{"field":"feed","value":{"message":`+fmt.Sprintf("%q", c.Text)+`}}`), c.Posted, c.Posted, "webhook"),
			history.add(tx, id, c.Posted, "added", ""),
			decisions.add(tx, id, id, channel, c.Revision(), action, "bot", `{"action":"`+action+`",`+findings+`"policy":"0000000000000000"}`, "0000000000000000", categories, category, 0, record, c.Posted, c.Posted),
			prints.add(tx, id, channel, c.Author.ID, int64(print.Exact), int64(print.Sim), int(print.Shingles), int(bands[0]), int(bands[1]), int(bands[2]), int(bands[3]), c.Posted),
		}
		switch action {
		case "hide":
			errs = append(errs, history.add(tx, id, c.Posted, "decided:hide", "bot"),
				outbox.add(tx, id, channel, "hide", id, record, c.Revision(), "done", c.Posted, c.Posted, c.Posted.Add(time.Second), "done"))
		case "flag":
			f.flag++
			closed, by := c.Posted.Add(time.Hour), "anna"
			if id%openEach == 1 {
				closed, by = time.Time{}, ""
			}
			errs = append(errs, flags.add(tx, f.flag, id, id, channel, "doubt", category, 40, c.Posted, c.Posted.Add(4*time.Hour), closed, by))
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	for _, r := range []*rows{&posts, &comments, &revisions, &history, &decisions, &prints, &flags, &outbox} {
		if err := r.flush(tx); err != nil {
			return fmt.Errorf("%s: %w", r.into, err)
		}
	}
	return nil
}

var words = strings.Fields("bussen tåget vården kön tiden läkaren sjukhuset priset biljetten kortet resan morgonen kvällen snön hissen " +
	"perrongen Slussen Nacka Täby Huddinge Solna kommer går väntar stänger öppnar kostar fungerar försvinner räcker saknas " +
	"idag igår alltid aldrig ofta sällan äntligen knappt nästan redan")

// comment makes a comment of everyday words. One in ten thousand that were hidden names a rare word, to be searched for.
func (f *filler) comment(id int) platforms.Comment {
	var b strings.Builder
	for range 8 + f.chance.IntN(10) {
		b.WriteString(words[f.chance.IntN(len(words))] + " ")
	}
	if id%hiddenEach == 0 {
		b.WriteString("din jävla idiot")
		if id/hiddenEach%500 == 1 {
			b.WriteString(" i växthuset")
		}
	}
	author := f.chance.IntN(id/perAuthor + 1)
	return platforms.Comment{Ref: platforms.Ref{Platform: platforms.Facebook, Channel: channel, Comment: fmt.Sprintf("7_%d", id)}, Post: fmt.Sprintf("1_%d", (id-1)/perPost),
		Author: platforms.Author{ID: fmt.Sprint(author), Name: fmt.Sprintf("Besökare %d", author)}, Text: strings.TrimSpace(b.String()),
		Posted: f.start.Add(time.Duration(id) * apart)}
}
