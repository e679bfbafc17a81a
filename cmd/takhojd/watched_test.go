package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"takhojd/moderation"
	"takhojd/moderation/console"
	"takhojd/platforms"
)

// registrar notes what is registered with it: a metric with labels shows itself only when it has counted something.
type registrar struct{ labels map[string][]string }

var describedAs = regexp.MustCompile(`fqName: "([^"]+)".*variableLabels: \{([^}]*)\}`)

func (r *registrar) Register(c prometheus.Collector) error {
	described := make(chan *prometheus.Desc, 64)
	c.Describe(described)
	close(described)
	for d := range described {
		if m := describedAs.FindStringSubmatch(d.String()); m != nil {
			r.labels[m[1]] = strings.FieldsFunc(m[2], func(c rune) bool { return c == ',' || c == ' ' })
		}
	}
	return nil
}

func (r *registrar) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		_ = r.Register(c)
	}
}

func (r *registrar) Unregister(prometheus.Collector) bool { return false }

// metrics are the program's own, each with its labels.
func metrics(t *testing.T) map[string][]string {
	t.Helper()
	s, err := newService(context.Background(), quietConfig(t), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	r := &registrar{labels: map[string][]string{}}
	shown, err := s.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range shown {
		labels := []string{}
		for _, l := range family.Metric[0].Label {
			labels = append(labels, l.GetName())
		}
		r.labels[family.GetName()] = labels
	}
	if _, err := newWiring(Config{}, 0, zap.NewNop(), r, nil); err != nil {
		t.Fatal(err)
	}
	moderation.NewMetrics(r)
	if _, err := console.New(console.Config{DB: s.db, Desk: s.moderator, Records: s.books.archive, Log: zap.NewNop(), Metrics: r}); err != nil {
		t.Fatal(err)
	}
	return r.labels
}

// asked is one expression in PromQL, and where it stands.
type asked struct{ where, expr string }

// alertExpressions are those of deploy/prometheus/alerts.yaml.
func alertExpressions(t *testing.T) (found []asked) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/prometheus/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Record, Expr string
				Annotations         map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			found = append(found, asked{"alert " + r.Alert + r.Record, r.Expr})
			for _, name := range []string{"summary", "summary_en", "description", "description_en"} {
				if r.Alert != "" && r.Annotations[name] == "" {
					t.Errorf("alert %s has no %s: whoever is woken must be told what to do", r.Alert, name)
				}
			}
		}
	}
	return found
}

// panelExpressions are those of deploy/grafana/takhojd.json.
func panelExpressions(t *testing.T) (found []asked) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/grafana/takhojd.json")
	if err != nil {
		t.Fatal(err)
	}
	type panel struct {
		ID      int
		Title   string
		Type    string
		GridPos struct{ X, Y, W, H int }
		Targets []struct{ Expr string }
	}
	var board struct {
		UID, Title string
		Panels     []panel
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	if board.UID == "" || board.Title == "" || len(board.Panels) == 0 {
		t.Fatal("the dashboard has no name, or shows nothing")
	}
	for i, p := range board.Panels {
		for _, q := range board.Panels[:i] {
			if p.ID == q.ID {
				t.Errorf("panels %q and %q have the same id", p.Title, q.Title)
			}
			a, b := p.GridPos, q.GridPos
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("panels %q and %q lie on each other", p.Title, q.Title)
			}
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q asks for nothing", p.Title)
		}
		for _, target := range p.Targets {
			found = append(found, asked{"panel " + p.Title, target.Expr})
		}
	}
	return found
}

var (
	metricIn = regexp.MustCompile(`\b((?:takhojd|go|process)_[a-z0-9_]+)\s*(\{[^}]*\})?`)
	labelIn  = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)\s*"`)
	groupsIn = regexp.MustCompile(`\b(?:by|without|on|ignoring)\s*\(([^)]*)\)`)
)

// What Prometheus itself, or the job that reads us, puts on every series.
var added = []string{"job", "instance", "authority", "namespace", "le"}

// A panel that asks for a metric or a label that nobody has is empty, and an alert on one is silent, for ever.
func TestWhatIsWatchedIsThere(t *testing.T) {
	known := metrics(t)
	expressions := append(alertExpressions(t), panelExpressions(t)...)
	if len(expressions) < 20 {
		t.Fatalf("only %d expressions were found", len(expressions))
	}
	for _, a := range expressions {
		labels := slices.Clone(added)
		for _, m := range metricIn.FindAllStringSubmatch(a.expr, -1) {
			name := m[1]
			own, ok := known[name]
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				if base, cut := strings.CutSuffix(name, suffix); cut && !ok {
					own, ok = known[base]
				}
			}
			if !ok {
				t.Errorf("%s: no metric %s is registered", a.where, name)
			}
			labels = append(labels, own...)
			for _, l := range labelIn.FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(own, l[1]) && !slices.Contains(added, l[1]) {
					t.Errorf("%s: %s has no label %s", a.where, name, l[1])
				}
			}
		}
		for _, g := range groupsIn.FindAllStringSubmatch(a.expr, -1) {
			for l := range strings.FieldsFuncSeq(g[1], func(c rune) bool { return c == ',' || c == ' ' }) {
				if !slices.Contains(labels, l) {
					t.Errorf("%s: nothing in it has the label %s", a.where, l)
				}
			}
		}
	}
}

// An alert that no test has heard may never sound; promtool passes a test that names an alert which is not there.
func TestEachAlertIsTriedBothWays(t *testing.T) {
	text, err := os.ReadFile("../../deploy/prometheus/alerts_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Tests []struct {
			Tried []struct {
				Alert  string `yaml:"alertname"`
				Sounds []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	sounds, silent := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, tried := range test.Tried {
			if len(tried.Sounds) > 0 {
				sounds["alert "+tried.Alert] = true
			} else {
				silent["alert "+tried.Alert] = true
			}
		}
	}
	for _, a := range alertExpressions(t) {
		if !sounds[a.where] || !silent[a.where] {
			t.Errorf("%s: tried when it must sound: %v, and when it must not: %v", a.where, sounds[a.where], silent[a.where])
		}
		delete(silent, a.where)
	}
	for name := range silent {
		t.Errorf("%s is tried, and is not there", name)
	}
}

// The configuration files that deploy hands out must be ones that serve takes.
func TestDeployedConfigurationsLoad(t *testing.T) {
	for _, path := range []string{"../../deploy/takhojd.example.yaml", "../../deploy/kubernetes/takhojd.yaml"} {
		cfg, err := loadConfig(filepath.FromSlash(path))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, c := range cfg.Channels {
			if !platforms.Platform(c.Platform).Valid() || c.Purpose == "" || c.Owner == "" {
				t.Errorf("%s: channel %s is not what doctor wants to see", path, c.ID)
			}
		}
	}
}
