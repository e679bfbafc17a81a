package archive_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"takhojd/archive"
	"takhojd/moderation/store"
	"takhojd/moderation/store/storetest"
	"takhojd/platforms"
)

// fixture is an archive in a folder of its own.
type fixture struct {
	db  *store.DB
	key archive.Key
	*archive.Archive
}

func open(t testing.TB) fixture {
	t.Helper()
	dir := t.TempDir()
	db, err := store.Open(context.Background(), storetest.Where(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	key, err := archive.OpenKey(filepath.Join(dir, "log.key"), "takhojd.test")
	if err != nil {
		t.Fatal(err)
	}
	a, err := archive.New(db, key)
	if err != nil {
		t.Fatal(err)
	}
	return fixture{db, key, a}
}

func (f fixture) add(t testing.TB, name, author, text string, categories ...string) string {
	t.Helper()
	var id string
	err := f.db.Update(context.Background(), func(tx *store.Tx) (err error) {
		id, err = f.Append(tx, record(name, author, text, categories...))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

var noon = time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC)

func record(name, author, text string, categories ...string) archive.Record {
	return archive.Record{
		Ref:      platforms.Ref{Platform: platforms.Facebook, Channel: "rs-facebook", Comment: name},
		Revision: platforms.Comment{Text: text}.Revision(), Post: archive.Post{ID: "p1", Text: "Priset höjs."},
		Author: platforms.Author{ID: "a-" + author, Name: author}, Text: text, Posted: noon, Received: noon.Add(time.Second),
		Raw: []byte(`{"message":"…"}`), Policy: "0123", Categories: categories,
		Decision: archive.Decision{ID: 1, Action: "hide", By: "bot", At: noon.Add(2 * time.Second)},
	}
}

func TestReceiptOnlyForCommittedRecords(t *testing.T) {
	ctx, f := context.Background(), open(t)
	var id string
	boom := errors.New("boom")
	err := f.db.Update(ctx, func(tx *store.Tx) (err error) {
		if id, err = f.Append(tx, record("c1", "Anna", "hej")); err != nil {
			return err
		}
		if _, err := f.Receipt(ctx, id); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("a receipt before the commit: %v", err)
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatalf("Update = %v", err)
	}
	if _, err := f.Receipt(ctx, id); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("a receipt for what was rolled back: %v", err)
	}
	id = f.add(t, "c1", "Anna", "hej")
	r, err := f.Receipt(ctx, id)
	if err != nil || !r.Valid() || r.Ref().Comment != "c1" || r.Record() != id {
		t.Errorf("Receipt = %+v, %v", r, err)
	}
	if (archive.Receipt{}).Valid() {
		t.Error("the zero receipt is valid")
	}
}

func TestSearch(t *testing.T) {
	ctx, f := context.Background(), open(t)
	f.add(t, "c1", "Gun-Britt L", "Bussarna kommer aldrig i tid, era hundar", "insult")
	f.add(t, "c2", "Roger P", "köp billiga klockor", "advertising", "unreviewed-link")
	f.add(t, "c3", "Roger Ås", "tårta är gott, \"= 1+1 ' OR", "insult")
	for _, c := range []struct {
		name string
		q    archive.Query
		want string
	}{
		{"everything, newest first", archive.Query{}, "c3 c2 c1"},
		{"another inflection", archive.Query{Words: "bussen hund"}, "c1"},
		{"all words must be there", archive.Query{Words: "bussen katt"}, ""},
		{"å is a letter", archive.Query{Words: "tarta"}, ""},
		{"å is found as å", archive.Query{Words: "Tårtor"}, "c3"},
		{"a beginning", archive.Query{Words: "klock*"}, "c2"},
		{"a beginning that is a whole word", archive.Query{Words: "klockorna*"}, "c2"},
		{"signs alone", archive.Query{Words: `"' --`}, ""},
		{"FTS syntax is only words", archive.Query{Words: `OR NEAR( "x`}, ""},
		{"author by name", archive.Query{Author: "roger"}, "c3 c2"},
		{"author by id", archive.Query{Author: "a-Gun-Britt L"}, "c1"},
		{"category", archive.Query{Category: "unreviewed-link"}, "c2"},
		{"half a category", archive.Query{Category: "link"}, ""},
		{"channel", archive.Query{Channel: "rs-x"}, ""},
		{"from", archive.Query{From: noon.Add(time.Hour)}, ""},
		{"to", archive.Query{To: noon.Add(time.Hour)}, "c3 c2 c1"},
		{"limit", archive.Query{Limit: 1}, "c3"},
		{"next page", archive.Query{Before: 2}, "c2 c1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, err := f.List(ctx, c.q)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, s := range found {
				names = append(names, s.Ref.Comment)
			}
			if got := strings.Join(names, " "); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

func TestExport(t *testing.T) {
	ctx, f := context.Background(), open(t)
	id := f.add(t, "c1", "Anna", "=HYPERLINK(\"http://x\")\nrad två", "advertising")
	err := f.db.Update(ctx, func(tx *store.Tx) error {
		return f.Add(tx, id, archive.KindOutcome, archive.Outcome{Action: "hide", Result: "done", At: noon})
	})
	if err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	if err := f.Export(ctx, archive.Query{}, "jsonl", &lines); err != nil {
		t.Fatal(err)
	}
	var full struct {
		Record  archive.Record
		Entries []struct{ Kind string }
	}
	if err := json.Unmarshal(lines.Bytes(), &full); err != nil || full.Record.Text != "=HYPERLINK(\"http://x\")\nrad två" || len(full.Entries) != 2 {
		t.Errorf("JSONL: %v, %+v", err, full)
	}
	var sheet bytes.Buffer
	if err := f.Export(ctx, archive.Query{}, "csv", &sheet); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&sheet).ReadAll()
	if err != nil || len(rows) != 2 || !strings.HasPrefix(rows[1][14], "'=HYPERLINK") || !strings.HasPrefix(rows[1][17], "hide: done") {
		t.Errorf("CSV: %v, %q", err, rows)
	}
	if err := f.Export(ctx, archive.Query{}, "xml", &sheet); err == nil || !strings.Contains(err.Error(), "jsonl") {
		t.Errorf("an unknown format: %v", err)
	}
}

func TestProofStandsAlone(t *testing.T) {
	ctx, f := context.Background(), open(t)
	var ids []string
	for i := range 11 {
		ids = append(ids, f.add(t, fmt.Sprint("c", i), "Anna", fmt.Sprint("text ", i)))
	}
	for _, id := range ids {
		full, err := f.Show(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		body := full.Entries[0].Body
		if err := archive.VerifyEntry(f.key.Public, id, archive.KindRecord, body, full.Proof); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		body[len(body)/2] ^= 1
		if archive.VerifyEntry(f.key.Public, id, archive.KindRecord, body, full.Proof) == nil {
			t.Errorf("%s: changed by one bit, and still proved", id)
		}
	}
	if _, err := f.Show(ctx, "2026-999999"); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("Show of no record: %v", err)
	}
}

// TestVerifyNamesEveryChange changes one bit of one value at a time, in every column that the archive keeps, and one row at a time
// goes missing; each must be found, and where it concerns a record, the record must be named.
func TestVerifyNamesEveryChange(t *testing.T) {
	ctx := context.Background()
	picture := []byte("\x89PNG not really")
	sum := sha256.Sum256(picture)
	hash := hex.EncodeToString(sum[:])
	fill := func(t *testing.T) (fixture, []string) {
		f := open(t)
		var ids []string
		for i := range 5 {
			ids = append(ids, f.add(t, fmt.Sprint("c", i), "Anna", fmt.Sprint("kommentar nummer ", i), "insult"))
		}
		if err := f.db.Update(ctx, func(tx *store.Tx) error {
			if err := f.KeepMedia(tx, hash, "image/png", picture); err != nil {
				return err
			}
			return f.Add(tx, ids[2], archive.KindMedia, archive.MediaEntry{At: noon, Media: []archive.KeptMedia{{SHA256: hash, Type: "image/png"}}})
		}); err != nil {
			t.Fatal(err)
		}
		return f, ids
	}
	t.Run("nothing", func(t *testing.T) {
		f, _ := fill(t)
		report, err := f.Verify(ctx, nil)
		if err != nil || !report.OK() || report.Records != 5 || report.Leaves != 6 || report.Media != 1 {
			t.Errorf("Verify = %+v, %v", report, err)
		}
	})
	record2 := []string{"platform", "channel", "comment_id", "revision", "author_id", "author_name", "categories", "action", "decided_by"}
	changes := map[string]string{}
	for _, column := range record2 {
		changes["index "+column] = "UPDATE archive_records SET " + column + " = char(unicode(" + column + ") + 1) || substr(" + column + ", 2) WHERE leaf = 2"
	}
	for _, column := range []string{"posted_at", "received_at", "decided_at"} {
		changes["index "+column] = "UPDATE archive_records SET " + column + " = " + column + " + 1 WHERE leaf = 2"
	}
	changes["index gone"] = "DELETE FROM archive_records WHERE leaf = 2"
	changes["body"] = "UPDATE archive_entries SET body = replace(CAST(body AS TEXT), 'nummer 2', 'nummer 3') WHERE leaf = 2"
	changes["salt"] = "UPDATE archive_entries SET salt = randomblob(32) WHERE leaf = 2"
	changes["commitment"] = "UPDATE archive_entries SET commitment = randomblob(32) WHERE leaf = 2"
	changes["kind"] = "UPDATE archive_entries SET kind = 'outcome' WHERE leaf = 2"
	changes["emptied"] = "UPDATE archive_entries SET body = NULL, salt = NULL WHERE leaf = 2"
	changes["emptied to nothing"] = "UPDATE archive_entries SET body = x'', salt = x'' WHERE leaf = 2"
	changes["words gone"] = "DELETE FROM archive_words WHERE rowid = 2"
	changes["moved far off"] = "UPDATE archive_entries SET leaf = leaf + 1125899906842624 WHERE leaf = 5"
	changes["moved before the first"] = "UPDATE archive_entries SET leaf = -3 WHERE leaf = 5"
	changes["leaf hash"] = "UPDATE log_hashes SET hash = randomblob(32) WHERE idx = 3"
	changes["picture"] = "UPDATE archive_media SET bytes = CAST(x'00' || bytes AS BLOB)"
	changes["picture's type"] = "UPDATE archive_media SET type = 'image/jpeg'"
	changes["picture gone"] = "DELETE FROM archive_media"
	for name, statement := range changes {
		t.Run(name, func(t *testing.T) {
			f, ids := fill(t)
			tamper(t, f, statement)
			report, err := f.Verify(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			named := false
			for _, p := range report.Problems {
				named = named || p.Record == ids[2]
			}
			if !named {
				t.Errorf("%s is not named: %v", ids[2], report.Problems)
			}
		})
	}
	for name, statement := range map[string]string{
		"inner hash":       "UPDATE log_hashes SET hash = randomblob(32) WHERE idx = 2",
		"hash moved":       "UPDATE log_hashes SET idx = 9223372036854775807 WHERE idx = 2",
		"hash gone":        "DELETE FROM log_hashes WHERE idx = 2",
		"entry gone":       "DELETE FROM archive_records WHERE leaf = 1; DELETE FROM archive_entries WHERE leaf = 1",
		"last entry gone":  "DELETE FROM archive_entries WHERE leaf = 5",
		"record moved":     "UPDATE archive_entries SET record_id = '2026-000001' WHERE leaf = 5",
		"checkpoint":       "UPDATE log_checkpoints SET note = replace(note, 'test', 'tess') WHERE size = 6",
		"checkpoint gone":  "DELETE FROM log_checkpoints WHERE size = 6",
		"checkpoint moved": "UPDATE log_checkpoints SET size = 7 WHERE size = 6",
		"old checkpoint":   "UPDATE log_checkpoints SET note = (SELECT note FROM log_checkpoints WHERE size = 3) WHERE size = 4",
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := fill(t)
			tamper(t, f, statement)
			if report, err := f.Verify(ctx, nil); err != nil || report.OK() {
				t.Errorf("Verify = %+v, %v", report, err)
			}
		})
	}
	t.Run("log put back", func(t *testing.T) {
		f, _ := fill(t)
		kept, err := f.Checkpoint(ctx)
		if err != nil {
			t.Fatal(err)
		}
		tamper(t, f, "DELETE FROM archive_entries WHERE leaf = 5; DELETE FROM log_checkpoints WHERE size = 6; DELETE FROM log_hashes WHERE idx > 7;"+
			"DELETE FROM archive_media")
		if report, err := f.Verify(ctx, nil); err != nil || !report.OK() {
			t.Fatalf("the log by itself should look whole: %+v, %v", report, err)
		}
		if report, err := f.VerifyAgainst(ctx, kept, nil); err != nil || report.OK() {
			t.Errorf("against the checkpoint in the diary: %+v, %v", report, err)
		}
	})
}

// tamperings are the statements' SQLite, in PostgreSQL's words.
var tamperings = strings.NewReplacer("char(unicode(", "chr(ascii(", "randomblob(32)", "decode(repeat('ab', 32), 'hex')", "x''", "''::bytea",
	"replace(CAST(body AS TEXT), 'nummer 2', 'nummer 3')", "convert_to(replace(convert_from(body, 'UTF8'), 'nummer 2', 'nummer 3'), 'UTF8')",
	"CAST(x'00' || bytes AS BLOB)", `'\x00'::bytea || bytes`)

func tamper(t *testing.T, f fixture, statement string) {
	t.Helper()
	if f.db.PostgreSQL() {
		statement = tamperings.Replace(statement)
	}
	if err := f.db.Update(context.Background(), func(tx *store.Tx) error {
		for one := range strings.SplitSeq(statement, ";") {
			if _, err := tx.Exec(one); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestKeyIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.key")
	first, err := archive.OpenKey(path, "takhojd.test")
	if err != nil {
		t.Fatal(err)
	}
	second, err := archive.OpenKey(path, "takhojd.test")
	if err != nil || first != second {
		t.Errorf("the key changed: %v", err)
	}
}

// Several processes may begin on one folder at the same moment, as containers do: a log that two keys sign does not verify.
func TestKeyIsOneForAllThatBeginAtOnce(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "log.key")
	keys, failed := make([]archive.Key, 16), make([]error, 16)
	var begun sync.WaitGroup
	start := make(chan struct{})
	for i := range keys {
		begun.Go(func() {
			<-start
			keys[i], failed[i] = archive.OpenKey(path, "takhojd.test")
		})
	}
	close(start)
	begun.Wait()
	kept, err := archive.OpenKey(path, "takhojd.test")
	if err := errors.Join(append(failed, err)...); err != nil {
		t.Fatal(err)
	}
	for i, key := range keys {
		if key != kept {
			t.Errorf("process %d signs with another key than the one that is kept", i)
		}
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("beside the key there is something left: %v %v", left, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v %v", info.Mode(), err)
	}
}

func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			f := open(b)
			b.SetParallelism(max(1, writers/2)) // times GOMAXPROCS
			text := strings.Repeat("ord ", 30)
			if writers == 1 {
				for b.Loop() {
					f.add(b, "c", "Anna", text)
				}
			} else {
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						f.add(b, "c", "Anna", text)
					}
				})
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// The log is verified a part at a time: what is changed in any part is named, and its memory does not grow with the leaves.
func TestVerifyInParts(t *testing.T) {
	ctx := context.Background()
	f := open(t)
	id := f.add(t, "c1", "Anna", "kommentar", "insult")
	outcome := archive.Outcome{Action: "hide", Result: "done", At: time.Unix(1, 0).UTC()}
	grow := func(leaves int) {
		t.Helper()
		for range leaves / 500 {
			if err := f.db.Update(ctx, func(tx *store.Tx) error {
				for range 500 {
					if err := f.Add(tx, id, archive.KindOutcome, outcome); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	verify := func(earlier string) (report archive.Report, held uint64) {
		t.Helper()
		report, err := f.VerifyAgainst(ctx, earlier, func(done, _ int64) {
			if done%4000 != 0 {
				return
			}
			var now runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&now)
			held = max(held, now.HeapAlloc)
		})
		if err != nil {
			t.Fatal(err)
		}
		return report, held
	}
	grow(5_000)
	kept, err := f.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	few, little := verify("")
	grow(20_000)
	many, much := verify(kept)
	if !few.OK() || !many.OK() || many.Leaves != 25_001 {
		t.Fatalf("of %d leaves %v, of %d leaves %v", few.Leaves, few.Problems, many.Leaves, many.Problems)
	}
	if grown := int64(much) - int64(little); grown > 600_000 { // 64 bytes a leaf were 1,280,000
		t.Errorf("20,000 leaves more take %d bytes more", grown)
	}
	for _, change := range []struct{ statement, problem string }{
		{"UPDATE log_hashes SET hash = randomblob(32) WHERE idx = 16382", "hash 16382"}, // over the first 8,192 leaves
		{"UPDATE archive_entries SET commitment = randomblob(32) WHERE leaf = 4095", "(leaf 4095)"},
		{"UPDATE archive_entries SET commitment = randomblob(32) WHERE leaf = 4096", "(leaf 4096)"},
		{"DELETE FROM archive_entries WHERE leaf BETWEEN 12000 AND 20479", "leaf 12000 is missing before it"},
	} {
		tamper(t, f, change.statement)
		report, _ := verify("")
		if !slices.ContainsFunc(report.Problems, func(p archive.Problem) bool { return strings.Contains(p.String(), change.problem) }) {
			t.Errorf("%s: not among %v", change.statement, report.Problems[:min(5, len(report.Problems))])
		}
	}
}
