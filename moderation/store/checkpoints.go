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
	// checkpointEvery is how many pages (of 4 KB) the write-ahead log holds when it is begun to be folded into the file: 64 MB. While that is
	// done the disk is another's, so it should be seldom; and a page that was written a hundred times in between is then written once.
	checkpointEvery = 16384
	// autoCheckpoint is when SQLite does it by itself, within a commit: only if we could not.
	autoCheckpoint = "wal_autocheckpoint(131072)"
)

// checkpoints folds the write-ahead log into the file beside the writer. SQLite would do it within a commit, which then takes a hundred times as long as
// others: of a storm one comment in fifty waited for it.
//
// A connection of its own folds in what is there, while the writer goes on, and again what came meanwhile; the writer itself then folds in the
// little that has come since, and begins the log anew. If we die anywhere, the log holds what the file lacks.
type checkpoints struct {
	shm *os.File
	// next is how long the log may grow until it is folded in again.
	next    uint32
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
	if c.running.Load() {
		return
	}
	if c.behind.Swap(false) {
		_, _ = writer.ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)") // if it fails, the log grows on, and it is tried again
		c.next = c.frames(f.path) + checkpointEvery                      // while somebody reads what is old, it is not begun anew
		return
	}
	n := c.frames(f.path)
	if n < checkpointEvery {
		c.next = checkpointEvery
	}
	if n < max(c.next, checkpointEvery) {
		return
	}
	c.running.Store(true)
	c.done.Go(func() {
		defer c.running.Store(false)
		if c.own == nil {
			db, err := sql.Open("sqlite", f.dsn())
			if err != nil {
				return
			}
			c.own = db
		}
		var err error
		for range 2 { // the second finds a handful of pages, and leaves the writer fewer
			if err == nil {
				_, err = c.own.ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)")
			}
		}
		c.behind.Store(err == nil)
	})
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
