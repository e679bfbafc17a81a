package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"takhojd/moderation/store"
)

// Problem is one thing that is not as it was written.
type Problem struct {
	// Record is the record concerned; empty when it is the log itself. Leaf is -1 when it is no single leaf.
	Record string `json:"record,omitempty"`
	Leaf   int64  `json:"leaf"`
	What   string `json:"what"`
}

func (p Problem) String() string {
	where := "the log"
	if p.Record != "" {
		where = "record " + p.Record
	}
	if p.Leaf >= 0 {
		where += fmt.Sprintf(" (leaf %d)", p.Leaf)
	}
	return where + ": " + p.What
}

// Report is what a verification found.
type Report struct {
	Records    int64     `json:"records"`
	Leaves     int64     `json:"leaves"`
	Media      int64     `json:"media"`
	Checkpoint string    `json:"checkpoint"`
	Problems   []Problem `json:"problems"`
	// Disposals are what was disposed of, part by part; what they emptied is as it was written.
	Disposals []Disposal `json:"disposals,omitempty"`
}

// OK tells whether everything is as it was written.
func (r Report) OK() bool { return len(r.Problems) == 0 }

// Verify checks the whole archive: each entry against its commitment, each commitment against its leaf, the leaves against the
// root of the signed checkpoint (and of every earlier checkpoint that is kept), what records are searched by against the records, and
// kept pictures against their SHA-256. It reads one snapshot; writers are not held up. progress, when given, is told
// now and then how many of all entries are done.
//
// What it can't see: a whole log that was put back to an earlier state, with its checkpoint. For that a checkpoint must have left
// the house, in the diary; see [Archive.VerifyAgainst].
func (a *Archive) Verify(ctx context.Context, progress func(done, total int64)) (Report, error) {
	return a.VerifyAgainst(ctx, "", progress)
}

// VerifyAgainst does what Verify does, and also checks that the log has only grown since a checkpoint that was kept elsewhere.
func (a *Archive) VerifyAgainst(ctx context.Context, earlier string, progress func(done, total int64)) (Report, error) {
	v := &verification{archive: a, progress: progress, earlier: earlier}
	err := a.db.View(ctx, func(tx *store.Tx) error {
		v.tx = tx
		for _, step := range []func() error{v.entries, v.disposals, v.log, v.orphans, v.media} {
			if err := step(); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return v.report, fmt.Errorf("archive: verify: %w", err)
	}
	return v.report, nil
}

// verification is one run of Verify over one snapshot.
type verification struct {
	archive  *Archive
	tx       *store.Tx
	report   Report
	progress func(done, total int64)
	earlier  string
	built    rebuilt
	size     int64 // of the latest checkpoint
	compared bool  // the earlier checkpoint was

	// inLog is what is wrong with the log's hashes, inNotes with its checkpoints.
	inLog, inNotes []Problem
	named          map[string]named // by SHA-256: each picture that a record names
	// emptied holds the entries without a body, disposed at which leaf each record was disposed of.
	emptied  []line
	disposed map[string]int64
}

// named is a picture as a record names it.
type named struct{ record, mediaType string }

func (v *verification) problem(record string, leaf int64, format string, args ...any) {
	v.report.Problems = append(v.report.Problems, Problem{Record: record, Leaf: leaf, What: fmt.Sprintf(format, args...)})
}

// entries reads the ledger once, a part at a time, checks every line by itself, and builds the log anew: what of it is needed to go on, and to
// hold what is kept of it, and its checkpoints, against it. So it takes as much memory for ten million leaves as for ten thousand, save for what
// was disposed of, and which pictures are named.
func (v *verification) entries() error {
	var total, hashes int64
	if err := v.tx.QueryRow(`SELECT (SELECT count(*) FROM archive_entries), (SELECT count(*) FROM log_hashes)`).Scan(&total, &hashes); err != nil {
		return err
	}
	most := max(total, hashes) // no log of ours is longer: to fill the gap before a leaf beyond would take for ever
	var last int64
	if err := v.tx.QueryRow(`SELECT coalesce(max(leaf), 0) FROM archive_entries WHERE leaf < $1`, most).Scan(&last); err != nil {
		return err
	}
	v.named, v.disposed = map[string]named{}, map[string]int64{}
	for v.built.from = 0; ; v.built.next() {
		end := v.built.from + part
		if end > last {
			end = math.MaxInt64
		}
		if err := v.part(end, most, total); err != nil {
			return err
		}
		if end <= last {
			v.built.fill(end) // it goes on after this: what is missing here has been noticed, or will be
		}
		if err := v.stored(end); err != nil {
			return err
		}
		if err := v.checkpoints(end); err != nil {
			return err
		}
		if end > last {
			break
		}
	}
	if want := tlog.StoredHashIndex(0, v.report.Leaves); hashes < want {
		v.inLog = append(v.inLog, Problem{Leaf: -1, What: fmt.Sprintf("the log lacks %d of its %d hashes", want-hashes, want)})
	}
	if v.progress != nil {
		v.progress(total, total)
	}
	return nil
}

// beginning is where a part begins to be looked for: in the first there may be what is numbered below all.
func (r *rebuilt) beginning(of int64) int64 {
	if r.from == 0 {
		return math.MinInt64
	}
	return of
}

// before is the last leaf of a part that ends at another's first; the last part has no end.
func before(end int64) int64 {
	if end == math.MaxInt64 {
		return end
	}
	return end - 1
}

// part reads the entries of a part of the log, up to a leaf.
func (v *verification) part(end, most, total int64) error {
	rows, err := v.tx.Query(`SELECT e.leaf, e.record_id, e.kind, e.body, e.salt, e.commitment, r.record_id, r.platform, r.channel, r.comment_id,
		r.revision, r.author_id, r.author_name, r.categories, r.action, r.decided_by, r.posted_at, r.received_at, r.decided_at
		FROM archive_entries e LEFT JOIN archive_records r ON r.leaf = e.leaf WHERE e.leaf >= $1 AND e.leaf <= $2 ORDER BY e.leaf`,
		v.built.beginning(v.built.from), before(end))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var l line
		if err := l.scan(rows.Scan); err != nil {
			// One value of another kind than it was written with: that, too, is a record that was changed.
			v.report.Leaves = max(v.report.Leaves, v.built.from)
			v.problem("", v.report.Leaves, "the row cannot be read: %v", err)
			v.grow(nil)
			continue
		}
		if l.leaf < v.report.Leaves || l.leaf >= most {
			v.problem(l.record, l.leaf, "it does not stand at the leaf where it was written")
			continue
		}
		if l.leaf != v.report.Leaves {
			v.problem(l.record, l.leaf, "leaf %d is missing before it", v.report.Leaves)
			v.report.Leaves = l.leaf
		}
		v.line(l)
		v.grow(l.commitment)
		if v.progress != nil && v.report.Leaves%1000 == 0 {
			v.progress(v.report.Leaves, total)
		}
	}
	return rows.Err()
}

// disposals checks that what is empty was disposed of under a decision that stands in the log, and that what was is empty.
func (v *verification) disposals() error {
	for _, l := range v.emptied {
		if at, ok := v.disposed[l.record]; !ok || l.leaf > at || len(l.body)+len(l.salt) > 0 {
			v.problem(l.record, l.leaf, "its %s is gone, and no decision of disposal says why", l.kind)
		}
	}
	for record, at := range v.disposed {
		var n int
		if err := v.tx.QueryRow(`SELECT count(*) FROM archive_entries WHERE record_id = $1 AND leaf < $2 AND body IS NOT NULL`, record, at).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			v.problem(record, -1, "it was disposed of, and has come back")
		}
	}
	return nil
}

// line is one entry with what its record is searched by.
type line struct {
	leaf                   int64
	record, kind           string
	body, salt, commitment []byte
	indexed                *string
	index                  [9]*string
	times                  [3]*int64
}

func (l *line) scan(scan func(...any) error) error {
	targets := []any{&l.leaf, &l.record, &l.kind, &l.body, &l.salt, &l.commitment, &l.indexed}
	for i := range l.index {
		targets = append(targets, &l.index[i])
	}
	return scan(append(targets, &l.times[0], &l.times[1], &l.times[2])...)
}

// line checks one entry against its own commitment, and a record against what it is searched by.
func (v *verification) line(l line) {
	if len(l.body) == 0 || len(l.salt) == 0 {
		v.emptied = append(v.emptied, l)
		return
	}
	if !bytes.Equal(commit(l.salt, l.record, Kind(l.kind), l.body), l.commitment) {
		v.problem(l.record, l.leaf, "its %s is not what was written", l.kind)
	}
	switch Kind(l.kind) {
	case KindRecord:
		v.report.Records++
		v.searched(l)
	case KindDisposal:
		var d Disposal
		if err := json.Unmarshal(l.body, &d); err != nil {
			v.problem(l.record, l.leaf, "its body cannot be read: %v", err)
			return
		}
		v.report.Disposals = append(v.report.Disposals, d)
		for _, record := range d.Records {
			v.disposed[record] = l.leaf
		}
	case KindMedia:
		var m MediaEntry
		if json.Unmarshal(l.body, &m) == nil {
			for _, kept := range m.Media {
				if kept.SHA256 != "" {
					v.named[kept.SHA256] = named{l.record, kept.Type}
				}
			}
		}
	}
}

// searched checks that a record is found by what it says.
func (v *verification) searched(l line) {
	var r Record
	if err := json.Unmarshal(l.body, &r); err != nil {
		v.problem(l.record, l.leaf, "its body cannot be read: %v", err)
		return
	}
	if r.ID != l.record {
		v.problem(l.record, l.leaf, "its body belongs to record %s", r.ID)
	}
	if l.indexed == nil {
		v.problem(l.record, l.leaf, "it is not in the index that it is searched by")
		return
	}
	c := columnsOf(r)
	same := *l.indexed == r.ID
	for i, want := range []string{c.platform, c.channel, c.comment, c.revision, c.authorID, c.authorName, c.categories, c.action, c.decidedBy} {
		same = same && l.index[i] != nil && *l.index[i] == want
	}
	for i, want := range []int64{c.posted, c.received, c.decided} {
		same = same && l.times[i] != nil && *l.times[i] == want
	}
	if !same {
		v.problem(l.record, l.leaf, "what it is searched by is not what it says")
	}
}

// grow adds a leaf to the log that is built anew.
func (v *verification) grow(commitment []byte) {
	leaf := v.report.Leaves
	v.report.Leaves++
	v.built.fill(leaf)
	hashes, err := tlog.StoredHashes(leaf, commitment, &v.built)
	if err != nil {
		v.problem("", leaf, "the log cannot be built: %v", err)
		return
	}
	v.built.hashes = append(v.built.hashes, hashes...)
}

// part is how many leaves of the log are built at a time. It is a power of two, so that what a part needs of those before is what is whole there.
const part = 1 << 12

// rebuilt is a part of the log built anew, and what is needed of what came before.
type rebuilt struct {
	// from is the part's first leaf, hashes what was stored from it on, in the order of tlog.StoredHashIndex.
	from   int64
	hashes []tlog.Hash
	// before holds, by level, the whole subtrees that the leaves before from fall into: of each level one at most.
	before [64]tlog.Hash
}

// fill puts empty hashes in the place of those that are missing before a leaf.
func (r *rebuilt) fill(leaf int64) {
	if missing := tlog.StoredHashIndex(0, leaf) - tlog.StoredHashIndex(0, r.from) - int64(len(r.hashes)); missing > 0 {
		r.hashes = append(r.hashes, make([]tlog.Hash, missing)...)
	}
}

// next goes on to the next part.
func (r *rebuilt) next() {
	end := r.from + part
	var before [64]tlog.Hash
	for level := range before {
		if end>>level&1 == 1 {
			found, _ := r.ReadHashes([]int64{tlog.StoredHashIndex(level, end>>level-1)}) // it was filled up to here
			before[level] = found[0]
		}
	}
	r.from, r.before, r.hashes = end, before, r.hashes[:0]
}

// ReadHashes implements tlog.HashReader.
func (r *rebuilt) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	first := tlog.StoredHashIndex(0, r.from)
	for i, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		switch {
		case index >= first && index-first < int64(len(r.hashes)):
			found[i] = r.hashes[index-first]
		case index < first && r.from>>level&1 == 1 && n == r.from>>level-1:
			found[i] = r.before[level]
		default:
			return found, fmt.Errorf("hash %d is missing", index)
		}
	}
	return found, nil
}

// stored compares a part of the log as it is kept, up to a leaf, with the log built anew.
func (v *verification) stored(end int64) error {
	first, to := tlog.StoredHashIndex(0, v.built.from), int64(math.MaxInt64)
	if end < math.MaxInt64 {
		to = tlog.StoredHashIndex(0, end) - 1
	}
	rows, err := v.tx.Query(`SELECT idx, hash FROM log_hashes WHERE idx >= $1 AND idx <= $2 ORDER BY idx`, v.built.beginning(first), to)
	if err != nil {
		return err
	}
	defer rows.Close()
	wrong := func(what string, index int64) {
		v.inLog = append(v.inLog, Problem{Leaf: -1, What: fmt.Sprintf(what, index)})
	}
	var changed []int64 // leaves; looked up when the rows are read: a connection does one thing at a time
	for rows.Next() {
		var index int64
		var hash []byte
		if err := rows.Scan(&index, &hash); err != nil {
			return err
		}
		if index < 0 || index-first >= int64(len(v.built.hashes)) {
			wrong("hash %d of the log was never written", index)
			continue
		}
		if bytes.Equal(hash, v.built.hashes[index-first][:]) {
			continue
		}
		if level, leaf := tlog.SplitStoredHashIndex(index); level == 0 {
			changed = append(changed, leaf)
		} else {
			wrong("hash %d of the log is not the one that was written", index)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, leaf := range changed {
		v.inLog = append(v.inLog, Problem{Record: v.recordAt(leaf), Leaf: leaf, What: "its leaf in the log is not the one that was written"})
	}
	return nil
}

func (v *verification) recordAt(leaf int64) (record string) {
	_ = v.tx.QueryRow(`SELECT record_id FROM archive_entries WHERE leaf = $1`, leaf).Scan(&record)
	return record
}

// checkpoints checks the signatures, sizes and roots of the checkpoints for a part of the log, up to a leaf.
func (v *verification) checkpoints(end int64) error {
	rows, err := v.tx.Query(`SELECT size, note FROM log_checkpoints WHERE size > $1 AND size <= $2 ORDER BY size`, v.built.beginning(v.built.from), end)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var size int64
		var signed string
		if err := rows.Scan(&size, &signed); err != nil {
			return err
		}
		v.size, v.report.Checkpoint = size, signed
		v.against(signed, size)
	}
	if has, _, err := v.archive.parseCheckpoint(v.earlier); v.earlier != "" && !v.compared && (err != nil && end == math.MaxInt64 || err == nil && has <= end) {
		v.compared = true
		v.against(v.earlier, -1)
	}
	return rows.Err()
}

// log says what is wrong with the log, and whether the latest checkpoint is for all of it.
func (v *verification) log() error {
	v.report.Problems = append(append(v.report.Problems, v.inLog...), v.inNotes...)
	if v.size != v.report.Leaves {
		v.problem("", -1, "the latest checkpoint is for %d leaves, the archive has %d", v.size, v.report.Leaves)
	}
	return nil
}

// against checks one checkpoint, for leaves of the part at hand, against the log built anew. size is what it must be for, or -1.
func (v *verification) against(signed string, size int64) {
	wrong := func(format string, args ...any) {
		v.inNotes = append(v.inNotes, Problem{Leaf: -1, What: fmt.Sprintf(format, args...)})
	}
	has, root, err := v.archive.parseCheckpoint(signed)
	switch {
	case err != nil:
		wrong("the checkpoint for %d leaves is not signed by this log's key: %v", size, err)
		return
	case size >= 0 && has != size:
		wrong("the checkpoint for %d leaves says %d", size, has)
		return
	case has > v.report.Leaves:
		wrong("a checkpoint was signed for %d leaves, the archive has %d: entries are missing", has, v.report.Leaves)
		return
	}
	if built, err := tlog.TreeHash(has, &v.built); err != nil || built != root {
		wrong("the log does not lead to the checkpoint for %d leaves", has)
	}
}

// orphans finds index rows whose record is gone, and records that no words lead to.
func (v *verification) orphans() error {
	if err := v.each(`SELECT r.leaf, r.record_id FROM archive_records r LEFT JOIN archive_entries e ON e.leaf = r.leaf AND e.kind = 'record'
		WHERE e.leaf IS NULL`, "it is in the index, but not in the archive"); err != nil {
		return err
	}
	return v.each(`SELECT leaf, record_id FROM archive_records WHERE leaf NOT IN (SELECT rowid FROM archive_words)`,
		"its words are not in the index that it is searched by")
}

// each says of every record that a query finds what is wrong with it.
func (v *verification) each(query, what string) error {
	rows, err := v.tx.Query(query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var leaf int64
		var record string
		if err := rows.Scan(&leaf, &record); err != nil {
			return err
		}
		v.problem(record, leaf, "%s", what)
	}
	return rows.Err()
}

// media checks every kept picture against its name, and that every picture a record names is there.
func (v *verification) media() error {
	rows, err := v.tx.Query(`SELECT sha256, type, bytes FROM archive_media`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name, mediaType string
		var content []byte
		if err := rows.Scan(&name, &mediaType, &content); err != nil {
			return err
		}
		v.report.Media++
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != name {
			v.problem(v.named[name].record, -1, "the picture %s is not what was kept", short(name))
		}
		if by, ok := v.named[name]; ok && by.mediaType != mediaType {
			v.problem(by.record, -1, "the picture %s is said to be of another type than was kept", short(name))
		}
		delete(v.named, name)
	}
	for name, by := range v.named {
		v.problem(by.record, -1, "the picture %s is missing", short(name))
	}
	return rows.Err()
}

func short(hash string) string { return strings.ToValidUTF8(hash[:min(12, len(hash))], "?") }

// VerifyEntry checks, without any archive, that body was entered as kind under record in the log whose public key signed the
// proof's checkpoint. It is what a receiver of a disclosed record runs.
func VerifyEntry(publicKey, record string, kind Kind, body []byte, p Proof) error {
	verifier, err := note.NewVerifier(publicKey)
	if err != nil {
		return fmt.Errorf("archive: verify entry: public key: %w", err)
	}
	size, root, err := readCheckpoint(p.Checkpoint, verifier)
	if err != nil {
		return err
	}
	salt, err := hex.DecodeString(p.Salt)
	if err != nil {
		return fmt.Errorf("archive: verify entry: salt: %w", err)
	}
	path := make(tlog.RecordProof, len(p.Inclusion))
	for i, text := range p.Inclusion {
		if path[i], err = tlog.ParseHash(text); err != nil {
			return fmt.Errorf("archive: verify entry: hash %d of the proof: %w", i, err)
		}
	}
	if err := tlog.CheckRecord(path, size, root, p.Leaf, tlog.RecordHash(commit(salt, record, kind, body))); err != nil {
		return fmt.Errorf("archive: verify entry: %w", err)
	}
	return nil
}
