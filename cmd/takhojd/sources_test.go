package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fetchers are the files that send requests, or connect, and whose word the address is. An address that a citizen, or a platform on a citizen's
// behalf, gave is fetched by moderation.PublicClient alone (server-side request forgery). Whoever adds a file here says why that still holds.
var fetchers = map[string]string{
	"moderation/media.go":           "a comment's pictures: any address, by PublicClient, which reaches public hosts only",
	"moderation/notify/send.go":     "the configuration's",
	"platforms/client.go":           "the adapters', which follow no redirect with it",
	"platforms/facebook/client.go":  "the configuration's; of paging.next the query alone is used",
	"platforms/facebook/check.go":   "the configuration's",
	"platforms/twitter/exchange.go": "the configuration's",
	"platforms/twitter/stream.go":   "the configuration's",
	"platforms/twitter/check.go":    "the configuration's",
	"platforms/bluesky/account.go":  "the configuration's",
	"platforms/bluesky/exchange.go": "the configuration's, or https and the host in the document of our own account",
	"platforms/bluesky/check.go":    "the configuration's",
	"cmd/takhojd/doctor_house.go":   "this machine's operations address, from the configuration",
	"cmd/takhojd/health.go":         "this machine's operations address, from the configuration",
	"cmd/takhojd/load.go":           "the configuration's, and the command line's",
}

// fetching is what sends or connects; making is what is made to do so.
var (
	fetching = []string{"http.NewRequest", "http.NewRequestWithContext", "http.Get", "http.Post", "http.PostForm", "http.Head", "http.DefaultClient", "net.Dial", "net.DialTimeout", "tls.Dial"}
	making   = []string{"http.Client", "http.Transport", "net.Dialer"}
)

// everySource walks the program's own files: no tests, and no simulator.
func everySource(t *testing.T, look func(path string, file *ast.File)) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if rel = filepath.ToSlash(rel); strings.Contains(rel, "platformtest/") || strings.Contains(rel, "storetest/") || strings.HasPrefix(rel, "test/") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err == nil {
			look(rel, file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestWhoFetches: no file sends a request but those that somebody has looked at.
func TestWhoFetches(t *testing.T) {
	found := map[string]bool{}
	everySource(t, func(path string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				found[path] = found[path] || slices.Contains(fetching, types.ExprString(n))
			case *ast.CompositeLit:
				found[path] = found[path] || n.Type != nil && slices.Contains(making, types.ExprString(n.Type))
			}
			return true
		})
	})
	sends := 0
	for path, does := range found {
		if does {
			sends++
		}
		if does && fetchers[path] == "" {
			t.Errorf("%s sends requests, and nobody has said whose word the address is", path)
		}
	}
	if sends < 8 {
		t.Errorf("only %d files send requests: the test does not see what it should", sends)
	}
}

// TestSignaturesAreComparedInConstantTime: how long a comparison takes must not tell how much of a signature was right.
func TestSignaturesAreComparedInConstantTime(t *testing.T) {
	compared := 0
	everySource(t, func(path string, file *ast.File) {
		signs := slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool {
			return i.Path.Value == `"crypto/hmac"` || i.Path.Value == `"crypto/subtle"`
		})
		if !signs {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				switch name := types.ExprString(n.Fun); name {
				case "hmac.Equal", "subtle.ConstantTimeCompare":
					compared++
				case "bytes.Equal", "bytes.Compare", "bytes.HasPrefix", "strings.EqualFold", "strings.Compare", "slices.Equal", "reflect.DeepEqual":
					t.Errorf("%s: compares with %s beside signatures", path, name)
				}
			case *ast.BinaryExpr:
				text := strings.ToLower(types.ExprString(n))
				constant := types.ExprString(n.Y) == `""` || types.ExprString(n.Y) == "nil"
				if (n.Op == token.EQL || n.Op == token.NEQ) && !constant && !strings.Contains(text, "constanttime") &&
					(strings.Contains(text, "sign") || strings.Contains(text, "secret") || strings.Contains(text, "token") || strings.Contains(text, "sum(")) {
					t.Errorf("%s: compares %s", path, types.ExprString(n))
				}
			}
			return true
		})
	})
	if compared < 4 {
		t.Errorf("only %d comparisons were found: the test does not see what it should", compared)
	}
}

// TestNothingIsUnpacked: what strangers send is not decompressed, but as pictures, which package picture bounds. Exports go out, and none comes in.
func TestNothingIsUnpacked(t *testing.T) {
	everySource(t, func(path string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			x, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			switch name := types.ExprString(x); name {
			case "zip.NewReader", "zip.OpenReader", "gzip.NewReader", "zlib.NewReader", "flate.NewReader", "bzip2.NewReader", "tar.NewReader", "lzw.NewReader":
				t.Errorf("%s unpacks with %s: say how much at the most", path, name)
			}
			return true
		})
	})
}
