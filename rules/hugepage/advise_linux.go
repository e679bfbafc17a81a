package hugepage

import "syscall"

// What the system is advised of pages (madvise, in linux/mman.h).
const (
	adviceHuge     = 14 // MADV_HUGEPAGE: what is touched first from now on may be large
	adviceCollapse = 25 // MADV_COLLAPSE, from Linux 6.1 on: what is small already may be made large at once
)

// ask asks for large pages. Advice may be refused: where they are switched off, or the kernel is too old. The memory is good either way.
func ask(pages []byte) { _ = syscall.Madvise(pages, adviceHuge) }

func collapse(pages []byte) { _ = syscall.Madvise(pages, adviceCollapse) }
