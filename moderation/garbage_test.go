package moderation_test

import (
	"runtime/debug"
	"testing"

	"takhojd/moderation"
)

// TestWhoRunsItSaysHowOftenGarbageIsCollected: without GOGC it is collected more seldom than Go would; with it, as it says.
func TestWhoRunsItSaysHowOftenGarbageIsCollected(t *testing.T) {
	was := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(was) })
	for _, c := range []struct {
		env  string
		want int
	}{{"50", 100}, {"", 400}} {
		t.Setenv("GOGC", c.env)
		debug.SetGCPercent(100)
		moderation.CollectSeldom()
		if got := debug.SetGCPercent(100); got != c.want {
			t.Errorf("GOGC=%q: %d %%, want %d", c.env, got, c.want)
		}
	}
}
