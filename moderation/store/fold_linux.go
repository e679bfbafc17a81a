package store

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// foldPart is how many pages are folded in at a stretch, and foldPause for how long the disk is then left to who commits. SQLite would write all
// of them first, some hundred, and then have the disk take them at once: commits waited up to 15 ms for that. Now they wait for one part, 256 KB.
const (
	foldPart  = 64
	foldPause = time.Millisecond
)

// inHaste lets the folding go on without pauses: the log grows faster than it is folded in.
var inHaste atomic.Bool

// foldingFiles is the name of the system's own files as SQLite has them (https://www.sqlite.org/vfs.html), but that the database itself is written
// in parts. Only the connection that folds in uses them; what it writes, when it is flushed, and every lock are SQLite's own doing as ever.
// It is empty when SQLite won't have it.
var foldingFiles = sync.OnceValue(func() string {
	tls := libc.NewTLS() // SQLite keeps what is made here for as long as the process lives
	systems := sqlite3.Xsqlite3_vfs_find(tls, 0)
	if systems == 0 {
		return ""
	}
	own := new(sqlite3.Tsqlite3_vfs)
	*own = *at[sqlite3.Tsqlite3_vfs](systems)
	const name = "takhojd-folding"
	named, err := libc.CString(name)
	if err != nil {
		return ""
	}
	folding.open = asFunction[openFile](own.FxOpen)
	own.FxOpen, own.FzName, own.FpNext = asPointer(openFolding), named, 0
	place := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(*own)))
	if place == 0 {
		return ""
	}
	*at[sqlite3.Tsqlite3_vfs](place) = *own
	if sqlite3.Xsqlite3_vfs_register(tls, place, 0) != sqlite3.SQLITE_OK {
		return ""
	}
	return name
})

// What SQLite calls, as the driver has translated it from C.
type (
	openFile  = func(tls *libc.TLS, vfs, name, file uintptr, flags int32, flagsOut uintptr) int32
	writeFile = func(tls *libc.TLS, file, from uintptr, n int32, offset int64) int32
)

// folding holds what the system's own files do, and the methods of a database that is written in parts.
var folding struct {
	open    openFile
	write   writeFile
	methods uintptr
	once    sync.Once
	written atomic.Uint32
}

func openFolding(tls *libc.TLS, vfs, name, file uintptr, flags int32, flagsOut uintptr) int32 {
	result := folding.open(tls, vfs, name, file, flags, flagsOut)
	if result != sqlite3.SQLITE_OK || flags&sqlite3.SQLITE_OPEN_MAIN_DB == 0 {
		return result
	}
	opened := at[sqlite3.Tsqlite3_file](file)
	folding.once.Do(func() {
		place := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_io_methods{})))
		if place == 0 {
			return
		}
		methods := at[sqlite3.Tsqlite3_io_methods](place)
		*methods = *at[sqlite3.Tsqlite3_io_methods](opened.FpMethods)
		folding.write = asFunction[writeFile](methods.FxWrite)
		methods.FxWrite = asPointer(writeFolding)
		folding.methods = place
	})
	if folding.methods != 0 {
		opened.FpMethods = folding.methods
	}
	return result
}

// writeFolding writes a page. What has been written when a part is full is sent to the disk, and waited for: it need not be durable there, and
// SQLite flushes it before it says so, but that flush then finds little.
func writeFolding(tls *libc.TLS, file, from uintptr, n int32, offset int64) int32 {
	result := folding.write(tls, file, from, n, offset)
	if result == sqlite3.SQLITE_OK && folding.written.Add(1)%foldPart == 0 && !inHaste.Load() {
		const all = 1 | 2 | 4 // SYNC_FILE_RANGE_WAIT_BEFORE, _WRITE and _WAIT_AFTER
		_ = syscall.SyncFileRange(int(at[sqlite3.TunixFile](file).Fh), 0, 0, all)
		time.Sleep(foldPause)
	}
	return result
}

// at is what stands at an address outside of Go's memory.
func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// asPointer and asFunction are how the driver has pointers to functions.
func asPointer[F any](function F) uintptr { return *(*uintptr)(unsafe.Pointer(&function)) }
func asFunction[F any](pointer uintptr) F { return *(*F)(unsafe.Pointer(&pointer)) }
