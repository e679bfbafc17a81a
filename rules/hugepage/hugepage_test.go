package hugepage

import (
	"runtime"
	"slices"
	"testing"
	"unsafe"
)

// TestTablesAreMovedWhole: what was in the tables is in them still, they lie side by side, and the collector leaves them alone for as long as
// one of them is in use.
func TestTablesAreMovedWhole(t *testing.T) {
	small, large, none := []int8{1, -2, 3}, make([]uint64, 700_000), []int32(nil)
	for i := range large {
		large[i] = uint64(i) * 3
	}
	wantLarge := slices.Clone(large)
	var b Block
	Add(&b, &small)
	Add(&b, &none)
	Add(&b, &large)
	before := unsafe.SliceData(large)
	b.Lay()
	for range 3 {
		runtime.GC()
	}
	if !slices.Equal(small, []int8{1, -2, 3}) || none != nil || !slices.Equal(large, wantLarge) {
		t.Error("a table is not what it was")
	}
	if unsafe.SliceData(large) == before {
		t.Error("the large table was not moved")
	}
	if apart := uintptr(unsafe.Pointer(&large[0])) - uintptr(unsafe.Pointer(&small[0])); apart != line {
		t.Errorf("the tables lie %d bytes apart, want %d", apart, line)
	}
	if at := uintptr(unsafe.Pointer(&small[0])) % size; at != 0 {
		t.Errorf("the block begins %d bytes into a page", at)
	}
	new(Block).Lay() // nothing to do
}

// TestPointersAreRefused: the collector would not see them.
func TestPointersAreRefused(t *testing.T) {
	for name, add := range map[string]func(*Block){
		"strings":  func(b *Block) { Add(b, &[]string{"a"}) },
		"structs":  func(b *Block) { Add(b, &[]struct{ p *int }{{}}) },
		"arrays":   func(b *Block) { Add(b, &[][2]func(){{}}) },
		"of slice": func(b *Block) { Add(b, &[][]int{{1}}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("taken")
				}
			}()
			add(new(Block))
		})
	}
}
