package moderation_test

import (
	"go/ast"
	"go/types"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// TestThereIsOneRoadToARemoval walks the types of the whole program. A platform's removal call may be reached from package moderation
// only, and only with a receipt; a receipt may be made in package archive only.
func TestThereIsOneRoadToARemoval(t *testing.T) {
	program, err := packages.Load(&packages.Config{Dir: "..", Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes |
		packages.NeedTypesInfo | packages.NeedImports}, "takhojd/...")
	if err != nil {
		t.Fatal(err)
	}
	road := newRoad(t, program)
	for _, p := range program {
		if len(p.Errors) > 0 {
			t.Fatalf("%s: %v", p.PkgPath, p.Errors[0])
		}
		for _, file := range p.Syntax {
			if conformance(p, file) {
				continue
			}
			ast.Inspect(file, func(n ast.Node) bool { road.look(p, n); return true })
		}
	}
	if road.calls == 0 || road.adapters == 0 {
		t.Errorf("found %d removals and %d adapters: the test looks in the wrong place", road.calls, road.adapters)
	}
}

// conformance tells whether a file belongs to the suite that tries every adapter: it runs under go test alone.
func conformance(p *packages.Package, file *ast.File) bool {
	name := filepath.Base(p.Fset.Position(file.Pos()).Filename)
	return p.PkgPath == "takhojd/platforms/platformtest" && strings.HasPrefix(name, "conform")
}

type road struct {
	t        *testing.T
	receipt  types.Type
	remover  *types.Interface
	calls    int
	adapters int
}

func newRoad(t *testing.T, program []*packages.Package) *road {
	t.Helper()
	r := &road{t: t}
	for _, p := range program {
		switch p.PkgPath {
		case "takhojd/archive":
			r.receipt = p.Types.Scope().Lookup("Receipt").Type()
		case "takhojd/moderation":
			r.remover = p.Types.Scope().Lookup("Remover").Type().Underlying().(*types.Interface)
		}
	}
	for i := range r.remover.NumMethods() {
		m := r.remover.Method(i)
		if !r.takesReceipt(m) {
			t.Errorf("moderation.Remover.%s takes no receipt", m.Name())
		}
	}
	for _, p := range program {
		if !strings.HasPrefix(p.PkgPath, "takhojd/platforms/") {
			continue
		}
		for _, name := range p.Types.Scope().Names() {
			r.adapter(p.Types.Scope().Lookup(name))
		}
	}
	return r
}

// adapter checks every exported method of an adapter that removes: it takes a receipt.
func (r *road) adapter(o types.Object) {
	named, ok := o.Type().(*types.Named)
	if !ok || !types.Implements(types.NewPointer(named), r.remover) {
		return
	}
	r.adapters++
	methods := types.NewMethodSet(types.NewPointer(named))
	for i := range methods.Len() {
		m := methods.At(i).Obj().(*types.Func)
		if m.Exported() && removes(m.Name()) && !r.takesReceipt(m) {
			r.t.Errorf("%s.%s removes without a receipt", o.Name(), m.Name())
		}
	}
}

// removes tells by its name whether a method takes a comment from sight. To close a post for new comments takes none.
func removes(method string) bool {
	if method == "CloseComments" {
		return false
	}
	for _, word := range []string{"Hide", "Delete", "Remove", "Close"} {
		if strings.HasPrefix(method, word) {
			return true
		}
	}
	return false
}

func (r *road) takesReceipt(f *types.Func) bool {
	parameters := f.Signature().Params()
	for i := range parameters.Len() {
		if types.Identical(parameters.At(i).Type(), r.receipt) {
			return true
		}
	}
	return false
}

// look checks one node: a call of a removal, or a receipt that is made.
func (r *road) look(p *packages.Package, n ast.Node) {
	switch n := n.(type) {
	case *ast.SelectorExpr:
		f, ok := p.TypesInfo.Uses[n.Sel].(*types.Func)
		if !ok || f.Signature().Recv() == nil || !r.takesReceipt(f) {
			return
		}
		if f.Pkg() == p.Types && !f.Exported() {
			return // an adapter's own inner step, which has the receipt
		}
		if p.PkgPath != "takhojd/moderation" {
			r.t.Errorf("%s: %s is reached from outside moderation", p.Fset.Position(n.Pos()), f.FullName())
			return
		}
		r.calls++
	case *ast.CompositeLit:
		// The zero value is harmless, and refused everywhere; one with fields can be made by archive alone, because the fields are its own.
		if types.Identical(p.TypesInfo.TypeOf(n), r.receipt) && len(n.Elts) > 0 && p.PkgPath != "takhojd/archive" {
			r.t.Errorf("%s: a receipt is made here", p.Fset.Position(n.Pos()))
		}
	case *ast.ImportSpec:
		_, near := p.Imports["takhojd/archive"]
		if near && (n.Path.Value == `"unsafe"` || n.Path.Value == `"reflect"`) {
			r.t.Errorf("%s: %s can forge a receipt", p.Fset.Position(n.Pos()), n.Path.Value)
		}
	}
}
