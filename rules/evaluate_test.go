package rules

import (
	"os"
	"testing"
)

// The shares that the rules must keep on the development set, in percent. The set is in testdata.
func TestDevelopmentSetKeepsItsTargets(t *testing.T) {
	f, err := os.Open("testdata/dev.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := Evaluate(mustDefault(t), f)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Results) != 832 || r.AllowHidden.Of != 321 || r.HideCaught.Of != 270 || r.FlagCaught.Of != 241 {
		t.Fatalf("%d cases: this is not the whole set", len(r.Results))
	}
	for name, c := range map[string]struct {
		share  Share
		target float64
		atMost bool
	}{
		"allow hidden":   {share: r.AllowHidden, target: 0, atMost: true},
		"allow flagged":  {share: r.AllowFlagged, target: 3, atMost: true},
		"hide caught":    {share: r.HideCaught, target: 97},
		"hide hidden":    {share: r.HideHidden, target: 90},
		"flag caught":    {share: r.FlagCaught, target: 88},
		"flag hidden":    {share: r.FlagHidden, target: 4, atMost: true},
		"right category": {share: r.CategoryRight, target: 93},
		"route right":    {share: r.RouteRight, target: 93},
		"escalated":      {share: r.Escalated, target: 95},
	} {
		percent := c.share.Percent()
		if c.atMost && percent > c.target || !c.atMost && percent < c.target {
			t.Errorf("%s: %d of %d, %.1f %%", name, c.share.N, c.share.Of, percent)
		}
	}
}
