package archive

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"takhojd/moderation/store"
)

// Key signs the log's checkpoints. Public is what others need to verify them.
type Key struct {
	private string
	Public  string
}

// NewKey makes a key whose name, the log's origin, stands on the first line of every checkpoint.
func NewKey(origin string) (Key, error) {
	private, public, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return Key{}, fmt.Errorf("archive: make a signing key: %w", err)
	}
	return Key{private: private, Public: public}, nil
}

// OpenKey reads the key file at path, and makes one for origin where there is none. The file is for its owner's eyes only (0600)
// and is flushed before the key signs anything: a log whose key was lost can be read, but never grown.
func OpenKey(path, origin string) (Key, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		if text, err = makeKey(path, origin); err != nil {
			return Key{}, err
		}
	}
	if err != nil {
		return Key{}, fmt.Errorf("archive: read the signing key: %w", err)
	}
	lines := strings.Fields(string(text))
	if len(lines) != 2 {
		return Key{}, fmt.Errorf("archive: %s is no signing key: want a private and a public line, have %d words", path, len(lines))
	}
	return Key{private: lines[0], Public: lines[1]}, nil
}

// makeKey makes a key at path, whole or not at all however we die, and returns what stands there: when several processes begin at once, the
// first one's key is everybody's, since a log that two keys sign would not verify.
func makeKey(path, origin string) ([]byte, error) {
	key, err := NewKey(origin)
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return nil, fmt.Errorf("archive: write the signing key: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = io.WriteString(f, key.private+"\n"+key.Public+"\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		if err = os.Link(f.Name(), path); errors.Is(err, os.ErrExist) {
			err = nil
		}
	}
	if err == nil {
		err = SyncFolder(filepath.Dir(path)) // else a power cut may take back the new name, and the key with it
	}
	if err != nil {
		return nil, fmt.Errorf("archive: write the signing key: %w", err)
	}
	return os.ReadFile(path)
}

// SyncFolder returns when the names in a folder are on the disk: without it a power cut may take back a file that was written and flushed.
func SyncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// logHashes reads the log's stored hashes within a transaction.
type logHashes struct{ tx *store.Tx }

// ReadHashes implements tlog.HashReader.
func (l logHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	grown := store.Kept[growth](l.tx, growthKey{})
	hashes := make([]tlog.Hash, len(indexes))
	var missing []int64
	for i, index := range indexes {
		h, known := grown.hashes[index]
		if hashes[i] = h; !known {
			missing = append(missing, index)
		}
	}
	if len(missing) == 0 {
		return hashes, nil
	}
	read, err := readHashes(l.tx, missing)
	if err != nil {
		return nil, err
	}
	for i, index := range indexes {
		h, found := read[index]
		if !found {
			h, found = grown.hashes[index]
		}
		if !found {
			return nil, fmt.Errorf("archive: log hash %d: %w", index, sql.ErrNoRows)
		}
		hashes[i] = h
	}
	return hashes, nil
}

func readHashes(tx *store.Tx, indexes []int64) (map[int64]tlog.Hash, error) {
	read := map[int64]tlog.Hash{}
	askHashes(tx, indexes, read)
	if err := tx.Answers(); err != nil {
		return nil, fmt.Errorf("archive: log hashes: %w", err)
	}
	return read, nil
}

// askHashes asks for stored hashes.
func askHashes(tx *store.Tx, indexes []int64, read map[int64]tlog.Hash) {
	tx.Ask(`SELECT idx, hash FROM log_hashes WHERE `+tx.AmongNumbers(`idx`, `$1`), []any{indexes}, func(scan func(...any) error) error {
		var index int64
		var b []byte
		if err := scan(&index, &b); err != nil {
			return err
		}
		if len(b) != tlog.HashSize {
			return fmt.Errorf("hash %d is %d bytes long", index, len(b))
		}
		read[index] = tlog.Hash(b)
		return nil
	})
}

// growth is what is known of the log by who adds to it, so that it is read once: its size, and the hashes that a tree of that size grows from, with
// those that were added. It is kept true by growLog alone.
type growth struct {
	begun  bool
	size   int64
	hashes map[int64]tlog.Hash
	// asked is true when last, the last leaf, was asked for; guessed are hashes that were asked for with it.
	asked   bool
	heard   bool // it was answered
	last    sql.NullInt64
	guessed map[int64]tlog.Hash
}

// growthKey is the key under which growth is kept.
type growthKey struct{}

// mostGrown is how many hashes are kept: the edge of a log of a million leaves has 20.
const mostGrown = 4096

// growing returns the log as this transaction has made it so far.
func growing(tx *store.Tx) (*growth, error) {
	g := store.Kept[growth](tx, growthKey{})
	if g.begun {
		if len(g.hashes) >= mostGrown {
			g.prune()
		}
		return g, nil
	}
	if g.askLast(tx); !g.heard {
		if err := tx.Answers(); err != nil {
			return nil, fmt.Errorf("archive: size of the log: %w", err)
		}
	}
	g.hashes = map[int64]tlog.Hash{}
	if g.guessed != nil {
		g.hashes = g.guessed
	}
	if g.last.Valid {
		g.size = g.last.Int64 + 1
		if _, err := tlog.TreeHash(g.size, gathering{logHashes{tx}, g}); err != nil {
			return nil, fmt.Errorf("archive: the log's edge: %w", err)
		}
	}
	g.begun = true
	return g, nil
}

// gathering keeps what is read.
type gathering struct {
	logHashes
	into *growth
}

func (r gathering) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes, err := r.logHashes.ReadHashes(indexes)
	for i, h := range hashes {
		r.into.hashes[indexes[i]] = h
	}
	return hashes, err
}

// askLast asks for the last leaf, unless that has been done.
func (g *growth) askLast(tx *store.Tx) {
	if !g.asked {
		g.asked = true
		tx.Ask(`SELECT max(leaf) FROM archive_entries`, nil, func(scan func(...any) error) error {
			g.heard = true
			return scan(&g.last)
		})
	}
}

// prune drops the hashes that the log does not grow from any more.
func (g *growth) prune() {
	hashes := map[int64]tlog.Hash{}
	for _, index := range edgeOf(g.size) {
		if h, known := g.hashes[index]; known {
			hashes[index] = h
		}
	}
	g.hashes = hashes
}

// Ready asks what [Archive.Append] has to know of the log (see [store.Tx.Ask]), for callers that will have rows waiting by then. The hashes are
// those of the log as it was left here; has another process let it grow since, they are asked for when they are needed.
func (a *Archive) Ready(tx *store.Tx) {
	g := store.Kept[growth](tx, growthKey{})
	if g.begun || g.asked {
		return
	}
	g.askLast(tx)
	edge := edgeOf(a.grew.Load())
	if len(edge) == 0 {
		return
	}
	read := map[int64]tlog.Hash{}
	g.guessed = read
	askHashes(tx, edge, read)
}

// edgeOf lists the hashes that a log of a size grows from.
func edgeOf(size int64) (edge []int64) {
	if size > 0 {
		_, _ = tlog.TreeHash(size, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
			edge = append(edge, indexes...)
			return make([]tlog.Hash, len(indexes)), nil
		}))
	}
	return edge
}

// nextLeaf is the index that the next leaf gets: the size of the log as this transaction sees it.
func nextLeaf(tx *store.Tx) (int64, error) {
	g, err := growing(tx)
	if err != nil {
		return 0, err
	}
	return g.size, nil
}

var (
	entriesTable = store.NewTable("archive_entries", "leaf record_id kind body salt commitment")
	hashesTable  = store.NewTable("log_hashes", "idx hash")
)

// growLog appends a leaf.
func growLog(tx *store.Tx, leaf int64, commitment []byte) error {
	g, err := growing(tx)
	if err != nil {
		return err
	}
	if leaf != g.size {
		return fmt.Errorf("archive: leaf %d is not the next of a log of %d", leaf, g.size)
	}
	hashes, err := tlog.StoredHashes(leaf, commitment, logHashes{tx})
	if err != nil {
		return fmt.Errorf("archive: grow the log: %w", err)
	}
	index := tlog.StoredHashIndex(0, leaf)
	for i, h := range hashes {
		tx.Insert(hashesTable, index+int64(i), h[:])
		g.hashes[index+int64(i)] = h
	}
	g.size++
	return nil
}

// checkpoint signs the log as this transaction leaves it. It runs right before the commit, once for all who share it.
func (a *Archive) checkpoint(tx *store.Tx) error {
	size, err := nextLeaf(tx)
	if err != nil || size == 0 {
		return err
	}
	root, err := tlog.TreeHash(size, logHashes{tx})
	if err != nil {
		return fmt.Errorf("archive: root of the log: %w", err)
	}
	signed, err := note.Sign(&note.Note{Text: checkpointText(a.signer.Name(), size, root)}, a.signer)
	if err != nil {
		return fmt.Errorf("archive: sign the checkpoint: %w", err)
	}
	tx.Do(`INSERT INTO log_checkpoints (size, note) VALUES ($1, $2) ON CONFLICT (size) DO NOTHING`, size, string(signed))
	a.grew.Store(size)
	return nil
}

// checkpointText is the C2SP tlog-checkpoint: origin, size, root.
func checkpointText(origin string, size int64, root tlog.Hash) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, size, base64.StdEncoding.EncodeToString(root[:]))
}

// parseCheckpoint reads a signed checkpoint of this log and verifies its signature.
func (a *Archive) parseCheckpoint(signed string) (size int64, root tlog.Hash, err error) {
	return readCheckpoint(signed, a.verifier)
}

func readCheckpoint(signed string, verifier note.Verifier) (size int64, root tlog.Hash, err error) {
	n, err := note.Open([]byte(signed), note.VerifierList(verifier))
	if err != nil {
		return 0, root, fmt.Errorf("archive: checkpoint: %w", err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return 0, root, errors.New("archive: checkpoint: not one of this log")
	}
	if size, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return 0, root, fmt.Errorf("archive: checkpoint: size: %w", err)
	}
	b, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(b) != tlog.HashSize {
		return 0, root, errors.New("archive: checkpoint: root is no hash")
	}
	copy(root[:], b)
	return size, root, nil
}

// Checkpoint is the latest signed checkpoint: what goes into the authority's diary, so that what stands below it can be
// proved to others later. It is empty while the log is.
func (a *Archive) Checkpoint(ctx context.Context) (string, error) {
	var signed string
	err := a.db.View(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT note FROM log_checkpoints ORDER BY size DESC LIMIT 1`).Scan(&signed)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("archive: checkpoint: %w", err)
	}
	return signed, nil
}

// Proof shows that an entry stands in the log under a checkpoint: with it, the entry and the public key anyone can check, without
// us and without the network.
type Proof struct {
	Leaf int64 `json:"leaf"`
	// Salt, hexadecimal, is the key of the commitment; Commitment is what the leaf hashes.
	Salt       string `json:"salt"`
	Commitment string `json:"commitment"`
	// Inclusion lists the hashes from the leaf up to the root, base64, as in RFC 6962 section 2.1.1.
	Inclusion  []string `json:"inclusion"`
	Checkpoint string   `json:"checkpoint"`
	PublicKey  string   `json:"public_key"`
}

// prove makes the proof of a leaf under the latest checkpoint.
func (a *Archive) prove(tx *store.Tx, leaf int64) (Proof, error) {
	p := Proof{Leaf: leaf, PublicKey: a.public}
	var salt, commitment []byte
	if err := tx.QueryRow(`SELECT salt, commitment FROM archive_entries WHERE leaf = $1`, leaf).Scan(&salt, &commitment); err != nil {
		return p, fmt.Errorf("archive: proof of leaf %d: %w", leaf, err)
	}
	if err := tx.QueryRow(`SELECT note FROM log_checkpoints ORDER BY size DESC LIMIT 1`).Scan(&p.Checkpoint); err != nil {
		return p, fmt.Errorf("archive: proof of leaf %d: %w", leaf, err)
	}
	size, _, err := a.parseCheckpoint(p.Checkpoint)
	if err != nil {
		return p, err
	}
	path, err := tlog.ProveRecord(size, leaf, logHashes{tx})
	if err != nil {
		return p, fmt.Errorf("archive: proof of leaf %d: %w", leaf, err)
	}
	p.Salt, p.Commitment = fmt.Sprintf("%x", salt), fmt.Sprintf("%x", commitment)
	for _, h := range path {
		p.Inclusion = append(p.Inclusion, base64.StdEncoding.EncodeToString(h[:]))
	}
	return p, nil
}
