package rules

import (
	"strings"
	"testing"
	"testing/fstest"

	"takhojd/platforms"
)

func mustDefault(t testing.TB) *Policy {
	t.Helper()
	p, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestBuiltInPolicyIsWhole(t *testing.T) {
	p := mustDefault(t)
	if len(p.Version()) != 16 {
		t.Errorf("version is %q; want 16 hexadecimal digits", p.Version())
	}
	for _, c := range Categories() {
		b := p.Bullet(c)
		if b.Title.SV == "" || b.Published.SV == "" || b.Explanation.EN == "" || b.Retention == "" || b.Target == 0 {
			t.Errorf("bullet %s is not whole: %+v", c, b)
		}
	}
	if n, window := p.Strikes(); n < 1 || window <= 0 {
		t.Errorf("strikes are %d in %v", n, window)
	}
}

func TestOwnCommentsAreAllowed(t *testing.T) {
	p := mustDefault(t)
	c := platforms.Comment{Text: "Dra åt helvete", Own: true}
	if v := p.Judge(c, Facts{}); v.Action != Allow || len(v.Findings) != 0 {
		t.Errorf("own comment: %+v", v)
	}
}

func TestLoadNamesThePlaceOfAFault(t *testing.T) {
	raw, err := embedded.ReadFile("policies/regionstockholm.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, old, new, want string }{
		{"unknown key", "hide_quota:", "hide_qouta:", `:3] unknown field "hide_qouta"`},
		{"wrong type", "severity: 60", "severity: high", ":15] cannot unmarshal string"},
		{"no such category", "- id: threat", "- id: threats", "no such category"},
		{"no such action", "clear: flag", "clear: delete", "clear and doubtful must be"},
		{"no length of time", "window: 90d", "window: long", "no length of time"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			broken := strings.Replace(string(raw), tc.old, tc.new, 1)
			if broken == string(raw) {
				t.Fatalf("the policy does not hold %q", tc.old)
			}
			_, err := Load(fstest.MapFS{"p.yaml": {Data: []byte(broken)}}, "p.yaml")
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is %v; want it to hold %q", err, tc.want)
			}
		})
	}
}
