package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"os"
	"sync"
	"sync/atomic"
)

const (
	// foldEvery is after how many pages (of 4 KB) more the write-ahead log is folded into the file: 16 MB. A page that was written a hundred times
	// in between is then written once; and who reads need not look for it in the log any more.
	foldEvery = 4096
	// beginAnew is how many pages the log holds when it is begun anew, which the writer must do itself: 64 MB.
	beginAnew = 16384
	// autoCheckpoint is when SQLite does it by itself, within a commit: only if we could not.
	autoCheckpoint = "wal_autocheckpoint(131072)"
)

// checkpoints folds the write-ahead log into the file beside the writer. SQLite would do it within a commit, which then takes a hundred times as long as
// others: of a storm one comment in fifty waited for it.
//
// A connection of its own folds in what is there, part by part (foldingFiles), while the writer goes on. Once the log is long it does so again with
// what came meanwhile; the writer itself then folds in the little that has come since, and begins the log anew. If we die anywhere, the log
// holds what the file lacks.
type checkpoints struct {
	shm *os.File
	// folded is how many pages the log held when it was last folded in.
	folded  uint32
	running atomic.Bool
	// behind is true from when the log was folded in beside the writer until the writer has done the rest.
	behind atomic.Bool
	done   sync.WaitGroup
	own    *sql.DB
}

// frames is how many pages the log holds: the number of its last valid frame in the index that the processes share (the WAL-index's
// header, bytes 16–19, https://www.sqlite.org/walformat.html#the_wal_index_header); 0 where it cannot be read.
func (c *checkpoints) frames(path string) uint32 {
	if c.shm == nil {
		f, err := os.Open(path + "-shm")
		if err != nil {
			return 0
		}
		c.shm = f
	}
	var b [4]byte
	if _, err := c.shm.ReadAt(b[:], 16); err != nil {
		return 0
	}
	return binary.NativeEndian.Uint32(b[:])
}

// committed is called by the writer alone.
func (c *checkpoints) committed(ctx context.Context, f *sqliteFile, writer *sql.Conn) {
	n := c.frames(f.path)
	if c.running.Load() {
		inHaste.Store(n >= c.folded+foldEvery) // it grows as fast as it is folded in: nobody is spared any more
		return
	}
	if c.behind.Swap(false) {
		_, _ = writer.ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)") // if it fails, or somebody reads what is old, the log grows on until the next time
		return
	}
	if n < c.folded {
		c.folded = 0
	}
	if n < c.folded+foldEvery {
		return
	}
	c.folded = n
	inHaste.Store(false)
	c.running.Store(true)
	c.done.Go(func() {
		defer c.running.Store(false)
		c.fold(ctx, f, n >= beginAnew)
	})
}

// fold folds in what is there; when the log is then to be begun anew, twice: the second time finds a handful of pages, and leaves the writer fewer.
func (c *checkpoints) fold(ctx context.Context, f *sqliteFile, anew bool) {
	if c.own == nil {
		db, err := sql.Open("sqlite", f.dsnOn(foldingFiles()))
		if err != nil {
			return
		}
		c.own = db
	}
	_, err := c.own.ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)")
	if err == nil && anew {
		_, err = c.own.ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)")
		c.behind.Store(err == nil)
	}
}

func (c *checkpoints) close() {
	c.done.Wait()
	if c.own != nil {
		_ = c.own.Close()
	}
	if c.shm != nil {
		_ = c.shm.Close()
	}
}
