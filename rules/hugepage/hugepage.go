// Package hugepage lays tables side by side in memory of large pages. A policy looks each word up in some ten tables of a few megabytes
// together, at places that have nothing to do with each other: in pages of 4 kB the processor has forgotten where most of them are when it comes back
// (judging a comment takes 1.17 times as long, measured on Linux 6 in a virtual machine). In pages of 2 MB a handful tell it all.
package hugepage

import (
	"fmt"
	"reflect"
	"unsafe"
)

// size is that of a large page in bytes: 2 MB on amd64, and on arm64 with small pages of 4 kB.
const size = 2 << 20

// line is where a table may begin: a line of the processor's cache.
const line = 64

// Block is tables that are to lie side by side. The zero value has none.
type Block struct {
	bytes uintptr
	moves []func(to unsafe.Pointer)
}

// Add adds a table to the block. Its elements must hold no pointers: the block is memory in which the garbage collector looks for none. It
// panics if they do.
func Add[T any](b *Block, table *[]T) {
	if t := reflect.TypeFor[T](); points(t) {
		panic(fmt.Sprintf("hugepage: %v holds pointers", t))
	}
	if len(*table) == 0 {
		return
	}
	at := b.bytes
	b.bytes += (uintptr(len(*table))*unsafe.Sizeof(*new(T)) + line - 1) &^ (line - 1)
	b.moves = append(b.moves, func(block unsafe.Pointer) {
		moved := unsafe.Slice((*T)(unsafe.Add(block, at)), len(*table))
		copy(moved, *table)
		*table = moved
	})
}

// Lay moves the tables to where they are to lie. What was in them is in them still; slices of them taken before are of the old ones. It must be
// called before the tables are shared with other goroutines. Where the system has no large pages to give it moves them all the same.
func (b *Block) Lay() {
	if b.bytes == 0 {
		return
	}
	whole := (b.bytes + size - 1) &^ (size - 1)
	room := make([]line64, (whole+size)/line)
	start := unsafe.Pointer(unsafe.SliceData(room))
	start = unsafe.Add(start, -uintptr(start)&(size-1))
	pages := unsafe.Slice((*byte)(start), whole)
	ask(pages)
	for _, move := range b.moves {
		move(start)
	}
	collapse(pages)
	*b = Block{}
}

// line64 has no pointers, and the size of a line.
type line64 [line / 8]uint64

// points tells whether values of a type hold pointers.
func points(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16,
		reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return false
	case reflect.Array:
		return points(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if points(t.Field(i).Type) {
				return true
			}
		}
		return false
	}
	return true
}
