package deploy

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The threat model names the test that shows each thing, and the alert that tells of it: they must be there.
func TestThreatsAreShownByWhatIsThere(t *testing.T) {
	there := string(read(t, "prometheus/alerts.yaml"))
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".net" || d.Name() == ".git") {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, "_test.go") {
			text, err := os.ReadFile(path)
			there += string(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`((?:Test|Benchmark|Takhojd)[A-Za-z]+)`").FindAllStringSubmatch(string(read(t, "THREATS.md"))+string(read(t, "SCALE.md")), -1)
	if len(names) < 20 {
		t.Fatalf("only %d are named", len(names))
	}
	for _, name := range names {
		if !strings.Contains(there, "func "+name[1]+"(") && !strings.Contains(there, "alert: "+name[1]+"\n") {
			t.Errorf("there is no %s", name[1])
		}
	}
}
