package store_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// reviewed are the pieces of SQL that are no constants, by folder and as they are written, with why no stranger's words can be in them. A
// piece that is gone must go from here, too.
var reviewed = map[string]string{
	"moderation/store p.schema":                     "matched against plainName when the address is opened",
	"moderation/store query":                        "what Tx's methods are given: their callers are looked at here",
	"moderation/store q.query":                      "where a question is made is looked at here",
	"moderation/store t.name":                       "a table of the embedded schema",
	"moderation/store into.single":                  "made by NewTable of its arguments, which are looked at here",
	"moderation/store t.columns":                    "an argument of NewTable's",
	"moderation/store into.columns":                 "an argument of NewTable's",
	"moderation/store into.there":                   "made by Adding of its arguments, which are looked at here",
	"moderation/store into.casts":                   "an argument of NewTable's",
	"archive tx.AmongNumbers(…)":                    "$n: where it is given is looked at here",
	"moderation/inbox tx.AmongNumbers(…)":           "$n: where it is given is looked at here",
	"moderation tx.AmongNumbers(…)":                 "$n: where it is given is looked at here",
	"moderation w.tx.AmongNumbers(…)":               "$n: where it is given is looked at here",
	"moderation w.tx.AmongTexts(…)":                 "$n: where it is given is looked at here",
	"moderation/store rows.Columns(…)":              "the columns of a table of the embedded schema",
	"moderation/store types.Replace(…)":             "the embedded schema",
	"moderation/store only.ReplaceAllStringFunc(…)": "the embedded schema",
	"moderation/store text.String()":                "a query that was looked at itself, its $1 written as ?",
	"archive a.from":                                "the tables of a search's arm, written where arms are added",
	"archive a.conditions":                          "the conditions of a search's arm: constants and $n, written where arms are added",
	"test/scale c.n":                                "a number: how many comments the measuring tool multiplies",
	"test/scale c.latest":                           "numbers: the highest of each table that it multiplies",
}

// TestSQLIsWrittenByUs: every query in the program is put together from constants, numbers and placeholders. What anybody else wrote goes to
// the database as a parameter.
func TestSQLIsWrittenByUs(t *testing.T) {
	used := map[string]bool{}
	queries := 0
	for folder, p := range parsePackages(t) {
		for _, f := range p.functions {
			ast.Inspect(f.Body, func(n ast.Node) bool {
				query, at := queryOf(n)
				if query == nil {
					return true
				}
				queries++
				for _, piece := range (&origin{pkg: p, seen: map[string]bool{}}).strangers(query, f) {
					key := folder + " " + piece
					if _, ok := reviewed[key]; ok {
						used[key] = true
						continue
					}
					t.Errorf("%s: the query is made with %s, which is no constant of ours", p.files.Position(at), piece)
				}
				return true
			})
		}
	}
	if queries < 150 {
		t.Errorf("only %d queries were found: the test does not see what it should", queries)
	}
	for key := range reviewed {
		if !used[key] {
			t.Errorf("%s is reviewed, and used no more", key)
		}
	}
}

// TestStrangersAreSeen tries the test itself.
func TestStrangersAreSeen(t *testing.T) {
	const head = "package p\nimport (\"fmt\"; \"strings\"; \"strconv\")\nconst c = `x`\nvar v = c + `y`\nvar changed = `z`\nfunc set(s string) { changed = s }\n" +
		"func safe() (string, int) { return c, 1 }\nfunc given(q string) { tx.Exec(q) }\nfunc gives(s string) { given(`a`); given(s) }\nfunc parts(n int) []string { var all []string; for i := range n { all = append(all, `$` + strconv.Itoa(i)) }; return all }\n"
	for body, want := range map[string]string{
		"tx.Query(`a`)": "", "tx.Query(c + v)": "", "tx.QueryRow(v + name)": "name", "tx.Exec(changed)": "changed", "tx.ExecContext(ctx, `a`+name)": "name",
		"w.tx.Do(c)": "", "w.tx.Do(c+name)": "name", "tx.Ask(name, nil, nil)": "name", "ask(question{query: c, args: names})": "", "ask(question{args: names, query: name})": "name",
		"store.NewTable(c, `a b`)": "", "NewTable(c, name)": "name", "store.NewTable(c, name)": "name", "store.NewTable(name, `a`)": "name", "table.Adding(name)": "name", "table.Adding(`a`)": "", "tx.AmongTexts(c, `$1`)": "", "tx.AmongTexts(name, `$1`)": "name", "tx.AmongNumbers(c, name)": "name",
		"q := c; q += `b`; tx.Query(q)": "", "q := c; q += name; tx.Query(q)": "name", "q, n := safe(); tx.Query(q)": "",
		"tx.Query(fmt.Sprintf(`LIMIT $%d`, n))": "", "tx.Query(fmt.Sprintf(`%s`, name))": "name", "tx.Query(fmt.Sprintf(`%[2]v %[1]d`, n, name))": "name", "tx.Query(fmt.Sprintf(name))": "name",
		"tx.Query(strings.Join(parts(n), `,`))": "", "tx.Query(strings.Join(names, `,`))": "names", "for _, q := range []string{`a`, name} { tx.Exec(q) }": "name",
		"for _, q := range map[string]string{`a`: name} { tx.Exec(q) }": "name", "add := func(s string) { tx.Exec(s) }; add(`a`); add(name)": "name", "add := func(s string) { tx.Exec(s) }; add(`a`)": "", "do(func(s string) { tx.Exec(s) })": "s",
		"a := make([]string, n); a[0] = name; tx.Exec(strings.Join(a, c))": "name", "tx.Exec(func() string { return name }())": "name",
		"var b strings.Builder; fmt.Fprintf(&b, `, $%d`, n); tx.Exec(b.String()[2:])": "", "var b strings.Builder; b.WriteString(name); tx.Exec(b.String())": "name", "tx.Exec(b.String())": "b.String()", "tx.Exec(strings.ReplaceAll(c, `?`, name))": "name",
	} {
		p := newSources()
		p.parse(t, "p.go", head+"func f(name string, names []string, n int) {\n"+body+"\n}\n")
		f := p.functions[len(p.functions)-1]
		var got []string
		ast.Inspect(f.Body, func(n ast.Node) bool {
			if query, _ := queryOf(n); query != nil {
				got = (&origin{pkg: p, seen: map[string]bool{}}).strangers(query, f)
			}
			return true
		})
		if strings.Join(got, " ") != want {
			t.Errorf("%s: strangers %q, want %q", body, got, want)
		}
	}
	p := newSources()
	p.parse(t, "p.go", head)
	query := p.named("given")[0].Body.List[0].(*ast.ExprStmt).X.(*ast.CallExpr).Args[0]
	if got := (&origin{pkg: p, seen: map[string]bool{}}).strangers(query, p.named("given")[0]); !slices.Equal(got, []string{"s"}) {
		t.Errorf("a parameter's strangers are %q", got)
	}
}

// queryOf is the SQL that a call runs, and where; nil when it runs none.
func queryOf(n ast.Node) (ast.Expr, token.Pos) {
	if made, ok := n.(*ast.CompositeLit); ok && made.Type != nil && types.ExprString(made.Type) == "question" {
		for _, x := range made.Elts {
			if field, ok := x.(*ast.KeyValueExpr); ok && types.ExprString(field.Key) == "query" {
				return field.Value, made.Pos()
			}
		}
	}
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return nil, 0
	}
	if own, ok := call.Fun.(*ast.Ident); ok && own.Name == "NewTable" && len(call.Args) > 1 {
		return &ast.BinaryExpr{X: call.Args[0], Op: token.ADD, Y: call.Args[1]}, call.Pos()
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil, 0
	}
	if on := types.ExprString(method.X); on == "stmt" || on == "pipe" { // prepared already, and Redis
		return nil, 0
	}
	name, first := method.Sel.Name, 0
	switch {
	case name == "NewTable" && len(call.Args) > 1:
		return &ast.BinaryExpr{X: call.Args[0], Op: token.ADD, Y: call.Args[1]}, call.Pos()
	case name == "Adding" && len(call.Args) == 1:
		return call.Args[0], call.Pos()
	case strings.HasPrefix(name, "Among") && len(call.Args) == 2 && strings.HasSuffix(types.ExprString(method.X), "tx"):
		return &ast.BinaryExpr{X: call.Args[0], Op: token.ADD, Y: call.Args[1]}, call.Pos()
	}
	if (name == "Do" || name == "Ask" || name == "Expect") && strings.HasSuffix(types.ExprString(method.X), "tx") && len(call.Args) > 0 {
		return call.Args[0], call.Pos()
	}
	if strings.HasSuffix(name, "Context") {
		name, first = strings.TrimSuffix(name, "Context"), 1
	}
	if !slices.Contains([]string{"Exec", "Query", "QueryRow", "ForEach", "Prepare"}, name) || len(call.Args) <= first {
		return nil, 0
	}
	if _, ctx := call.Args[0].(*ast.Ident); ctx && first == 0 && types.ExprString(call.Args[0]) == "ctx" && len(call.Args) > 1 { // pgx
		first = 1
	}
	return call.Args[first], call.Pos()
}

// sources is one package as it is written.
type sources struct {
	files     *token.FileSet
	functions []*ast.FuncDecl
	constants map[string]ast.Expr // and variables, of the package
}

func newSources() *sources {
	return &sources{files: token.NewFileSet(), constants: map[string]ast.Expr{}}
}

// parsePackages reads the program, by folder.
func parsePackages(t *testing.T) map[string]*sources {
	t.Helper()
	root := filepath.Join("..", "..")
	all := map[string]*sources{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "test.go") {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		folder := filepath.ToSlash(rel)
		if all[folder] == nil {
			all[folder] = newSources()
		}
		all[folder].parse(t, path, nil)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (p *sources) parse(t *testing.T, path string, source any) {
	t.Helper()
	file, err := parser.ParseFile(p.files, path, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Body != nil {
				p.functions = append(p.functions, d)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if v, ok := s.(*ast.ValueSpec); ok && len(v.Values) == len(v.Names) {
					for i, name := range v.Names {
						p.constants[name.Name] = v.Values[i]
					}
				}
			}
		}
	}
}

func (p *sources) named(name string) (found []*ast.FuncDecl) {
	for _, f := range p.functions {
		if f.Name.Name == name {
			found = append(found, f)
		}
	}
	return found
}

// origin looks where the pieces of a string come from, by names: every value that something of a name is given in a function counts.
type origin struct {
	pkg  *sources
	seen map[string]bool // what is looked at already, so that a loop ends
}

// strangers are the pieces of x that are neither constants nor numbers.
func (o *origin) strangers(x ast.Expr, in *ast.FuncDecl) []string {
	switch x := x.(type) {
	case *ast.BasicLit:
		return nil
	case *ast.ParenExpr:
		return o.strangers(x.X, in)
	case *ast.BinaryExpr:
		return append(o.strangers(x.X, in), o.strangers(x.Y, in)...)
	case *ast.IndexExpr:
		return o.strangers(x.X, in)
	case *ast.SliceExpr:
		return o.strangers(x.X, in)
	case *ast.CompositeLit:
		return o.list(x.Elts, in)
	case *ast.KeyValueExpr:
		return append(o.strangers(x.Key, in), o.strangers(x.Value, in)...)
	case *ast.CallExpr:
		return o.called(x, 0, in)
	case *ast.Ident:
		return o.ident(x, in)
	}
	return []string{types.ExprString(x)}
}

func (o *origin) list(all []ast.Expr, in *ast.FuncDecl) (found []string) {
	for _, x := range all {
		found = append(found, o.strangers(x, in)...)
	}
	return found
}

// called follows a call to what its result is made of.
func (o *origin) called(call *ast.CallExpr, result int, in *ast.FuncDecl) []string {
	name := types.ExprString(call.Fun)
	switch name {
	case "strconv.Itoa", "strconv.FormatInt", "len", "make":
		return nil
	case "strings.Join", "strings.ReplaceAll", "strings.TrimSpace", "strings.TrimSuffix", "append", "slices.Concat", "slices.Clone":
		return o.list(call.Args, in)
	case "strings.Repeat":
		return o.strangers(call.Args[0], in)
	case "fmt.Sprintf":
		return o.formatted(call, in)
	}
	if literal, ok := call.Fun.(*ast.FuncLit); ok {
		return o.returned(literal.Body, result, &ast.FuncDecl{Name: ast.NewIdent("func"), Type: literal.Type, Body: literal.Body})
	}
	if builder, ok := strings.CutSuffix(name, ".String"); ok {
		return o.built(builder, in)
	}
	short := name[strings.LastIndex(name, ".")+1:]
	key := fmt.Sprint("call ", short, result)
	if o.seen[key] {
		return nil
	}
	o.seen[key] = true
	var found []string
	known := false
	for _, f := range o.pkg.named(short) {
		if text := resultType(f, result); takes(f, call) && (text == "string" || text == "[]string") {
			known = true
			found = append(found, o.returned(f.Body, result, f)...)
		}
	}
	if !known {
		return []string{name + "(…)"}
	}
	return found
}

// built collects the strangers in what a function writes into a strings.Builder; the builder itself, when that is nothing.
func (o *origin) built(builder string, in *ast.FuncDecl) (found []string) {
	written := false
	ast.Inspect(in.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		switch name := types.ExprString(call.Fun); {
		case name == "fmt.Fprintf" && types.ExprString(call.Args[0]) == "&"+builder:
			written = true
			found = append(found, o.formatted(&ast.CallExpr{Fun: call.Fun, Args: call.Args[1:]}, in)...)
		case name == builder+".WriteString":
			written = true
			found = append(found, o.strangers(call.Args[0], in)...)
		}
		return true
	})
	if !written {
		return []string{builder + ".String()"}
	}
	return found
}

// resultType is the type of one of a function's results, as it is written.
func resultType(f *ast.FuncDecl, result int) string {
	if f.Type.Results == nil {
		return ""
	}
	for _, field := range f.Type.Results.List {
		for range max(1, len(field.Names)) {
			if result == 0 {
				return types.ExprString(field.Type)
			}
			result--
		}
	}
	return ""
}

// returned collects the strangers in what a function returns.
func (o *origin) returned(body *ast.BlockStmt, result int, in *ast.FuncDecl) (found []string) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false // it returns for itself
		case *ast.ReturnStmt:
			if result < len(n.Results) {
				found = append(found, o.strangers(n.Results[result], in)...)
			}
		}
		return true
	})
	return found
}

var verb = regexp.MustCompile(`%(?:\[(\d+)\])?([a-z%])`)

// formatted looks at what is written by a verb that is not for numbers.
func (o *origin) formatted(call *ast.CallExpr, in *ast.FuncDecl) []string {
	format, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return o.list(call.Args, in)
	}
	next := 1
	var found []string
	for _, m := range verb.FindAllStringSubmatch(format.Value, -1) {
		if m[2] == "%" {
			continue
		}
		if m[1] != "" {
			next, _ = strconv.Atoi(m[1])
		}
		if m[2] != "d" && next < len(call.Args) {
			found = append(found, o.strangers(call.Args[next], in)...)
		}
		next++
	}
	return found
}

// ident follows a name to all that is ever given to it.
func (o *origin) ident(x *ast.Ident, in *ast.FuncDecl) []string {
	key := in.Name.Name + "." + x.Name
	if o.seen[key] || x.Name == "nil" {
		return nil
	}
	o.seen[key] = true
	given, found := o.given(x.Name, in)
	if given {
		return found
	}
	if place := parameter(in.Type, x.Name); place >= 0 {
		if found := o.passed(in, place); found != nil && !in.Name.IsExported() {
			return slices.DeleteFunc(found, func(piece string) bool { return piece == "" })
		}
		return []string{x.Name} // anybody may call it
	}
	value, ok := o.pkg.constants[x.Name]
	if !ok {
		return []string{x.Name}
	}
	for _, f := range o.pkg.functions { // a variable of the package that anything is given to is no constant
		if given, _ := o.given(x.Name, f); given && parameter(f.Type, x.Name) < 0 && !declares(f, x.Name) {
			return []string{x.Name}
		}
	}
	return o.strangers(value, in)
}

// given collects the strangers in what a function gives to a name.
func (o *origin) given(name string, in *ast.FuncDecl) (given bool, found []string) {
	ast.Inspect(in.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if element, ok := left.(*ast.IndexExpr); ok {
					left = element.X
				}
				if id, ok := left.(*ast.Ident); !ok || id.Name != name {
					continue
				}
				given = true
				if len(n.Rhs) == len(n.Lhs) {
					found = append(found, o.strangers(n.Rhs[i], in)...)
				} else if call, ok := n.Rhs[0].(*ast.CallExpr); ok {
					found = append(found, o.called(call, i, in)...)
				}
			}
		case *ast.ValueSpec:
			for i, id := range n.Names {
				if id.Name == name {
					given = true
					if i < len(n.Values) {
						found = append(found, o.strangers(n.Values[i], in)...)
					}
				}
			}
		case *ast.RangeStmt:
			for _, id := range []ast.Expr{n.Key, n.Value} {
				if id, ok := id.(*ast.Ident); ok && id.Name == name {
					given = true
					found = append(found, o.strangers(n.X, in)...)
				}
			}
		case *ast.FuncLit:
			if place := parameter(n.Type, name); place >= 0 {
				given = true
				found = append(found, o.passedTo(n, place, name, in)...)
			}
		}
		return true
	})
	return given, found
}

// passedTo collects the strangers in what is passed to a function within a function, which is called by the name that it was given.
func (o *origin) passedTo(literal *ast.FuncLit, place int, name string, in *ast.FuncDecl) (found []string) {
	called := ""
	ast.Inspect(in.Body, func(n ast.Node) bool {
		if assign, ok := n.(*ast.AssignStmt); ok && len(assign.Rhs) == 1 && assign.Rhs[0] == ast.Expr(literal) {
			called = types.ExprString(assign.Lhs[0])
		}
		return true
	})
	if called == "" {
		return []string{name}
	}
	ast.Inspect(in.Body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && types.ExprString(call.Fun) == called && place < len(call.Args) {
			found = append(found, o.strangers(call.Args[place], in)...)
		}
		return true
	})
	return found
}

// declares tells whether a function has a variable of its own with this name.
func declares(f *ast.FuncDecl, name string) (own bool) {
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, left := range n.Lhs {
				if id, ok := left.(*ast.Ident); ok && id.Name == name && n.Tok == token.DEFINE {
					own = true
				}
			}
		case *ast.ValueSpec:
			for _, id := range n.Names {
				own = own || id.Name == name
			}
		case *ast.RangeStmt:
			for _, id := range []ast.Expr{n.Key, n.Value} {
				if id, ok := id.(*ast.Ident); ok && id.Name == name {
					own = true
				}
			}
		}
		return true
	})
	return own
}

// parameter is the place of a name among a function's parameters; -1 when it is none.
func parameter(f *ast.FuncType, name string) int {
	place := 0
	for _, field := range f.Params.List {
		for _, id := range field.Names {
			if id.Name == name {
				return place
			}
			place++
		}
	}
	return -1
}

// takes tells whether a call can be one of f, and not of another function of its name.
func takes(f *ast.FuncDecl, call *ast.CallExpr) bool {
	n := f.Type.Params.NumFields()
	if n > 0 {
		if _, any := f.Type.Params.List[len(f.Type.Params.List)-1].Type.(*ast.Ellipsis); any {
			return len(call.Args) >= n-1
		}
	}
	return len(call.Args) == n
}

// passed collects the strangers in what is passed to a function at a place, wherever it is called.
// One "" stands for every call.
func (o *origin) passed(in *ast.FuncDecl, place int) (found []string) {
	for _, f := range o.pkg.functions {
		ast.Inspect(f.Body, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name := types.ExprString(call.Fun)
			if name[strings.LastIndex(name, ".")+1:] == in.Name.Name && takes(in, call) && place < len(call.Args) {
				found = append(append(found, ""), o.strangers(call.Args[place], f)...)
			}
			return true
		})
	}
	return found
}
