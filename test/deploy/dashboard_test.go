package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Prometheus itself reads what the panels ask: what they write is PromQL. That the metrics are there is tested beside the program.
func TestDashboardAsksInPromQL(t *testing.T) {
	promtool := os.Getenv("TAKHOJD_PROMTOOL")
	if promtool == "" {
		t.Skip("TAKHOJD_PROMTOOL does not say where promtool is; make test-deploy does")
	}
	var board struct {
		Panels []struct {
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(read(t, "grafana/takhojd.json"), &board); err != nil {
		t.Fatal(err)
	}
	var rules strings.Builder
	rules.WriteString("groups:\n- name: panels\n  rules:\n")
	asked := 0
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			asked++
			expr := strings.NewReplacer("$__rate_interval", "5m", "$authority", ".*").Replace(target.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("%s: there is no such variable", target.Expr)
			}
			fmt.Fprintf(&rules, "  - {record: \"panel:%d\", expr: %q}\n", asked, expr)
		}
	}
	path := filepath.Join(t.TempDir(), "panels.yaml")
	if err := os.WriteFile(path, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(promtool, "check", "rules", path).CombinedOutput(); err != nil || asked == 0 {
		t.Errorf("%d expressions: %v\n%s", asked, err, out)
	}
}
