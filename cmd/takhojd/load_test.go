package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"takhojd/platforms/platformtest"
)

// TestOpenLoop lets the first delivery stall: all that came due meanwhile must show it.
func TestOpenLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 10
		ready := make(chan delivery, n)
		for i := range n {
			ready <- delivery{due: time.Duration(i) * time.Second, comments: 1}
		}
		close(ready)
		first := true
		answers := openLoop(t.Context(), 1, time.Now(), ready, func(context.Context, delivery) error {
			if first {
				first = false
				time.Sleep(5 * time.Second) // by the bubble's clock
			}
			return nil
		})
		for i, want := range []int{5, 4, 3, 2, 1, 0, 0, 0, 0, 0} {
			if got := answers[i].after; got != time.Duration(want)*time.Second {
				t.Errorf("delivery %d took %v, want %d s", i, got, want)
			}
		}
	})
}

func TestSpread(t *testing.T) {
	var times []time.Duration
	for i := 1000; i > 0; i-- {
		times = append(times, time.Duration(i)*time.Millisecond)
	}
	if got, want := spreadOf(times), (spread{N: 1000, P50: 500, P99: 990, P999: 999, Max: 1000}); got != want {
		t.Errorf("of 1 to 1000 ms: %+v, want %+v", got, want)
	}
	if got, want := spreadOf(times[:1]), (spread{N: 1, P50: 1, P99: 1, P999: 1, Max: 1}); got != want {
		t.Errorf("of one: %+v, want %+v", got, want)
	}
	if got := spreadOf(nil); got != (spread{}) {
		t.Errorf("of none: %+v", got)
	}
}

// loadScene is a configuration whose Facebook is a free address of this machine.
func loadScene(t *testing.T, database string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"app.secret": sceneSecret, "verify.secret": "takhojd", "page.secret": "a-token", "database.secret": database} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := fmt.Sprintf(`data: data
origin: takhojd.test
log_level: info
webhooks: {address: "%s"}
operations: {address: "127.0.0.1:0"}
facebook: {base_url: "http://%s", app_id: "310000000000001", app_secret: {file: app.secret}, verify_token: {file: verify.secret}}
moderation: {poll_every: 24h}
channels: [{id: rs-facebook, platform: facebook, account: "410100000000001", token: {file: page.secret}, hide_quota: 100000000}]
`, freePort(t), freePort(t))
	if database != "" {
		config += "database: {file: database.secret}\n"
	}
	path := filepath.Join(dir, "takhojd.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	config := loadScene(t, "")
	bot, _ := startProcess(t, `"listening"`, "serve", "--config", config)
	code, out, errs := do(t, "", "load", "--config", config, "--rate", "200", "--batch", "4", "--for", "2s", "--settle", "2s", "--json")
	if code != 0 {
		t.Fatalf("load ended with %d: %s%s\nthe bot: %s", code, out, errs, bot.log)
	}
	var r loadResult
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if r.Accepted != 400 || r.Refused != 0 || r.Durable.N != 100 {
		t.Errorf("%d comments accepted and %d refused in %d deliveries, want 400, 0 and 100: %s", r.Accepted, r.Refused, r.Durable.N, r.Refusal)
	}
	if r.Hide.N == 0 || r.Hide.N > 400/insulted {
		t.Errorf("%d comments hidden, want at most %d, and some", r.Hide.N, 400/insulted)
	}
	for _, s := range []spread{r.Durable, r.Hide} {
		if s.P50 <= 0 || s.P50 > s.P99 || s.P99 > s.P999 || s.P999 > s.Max {
			t.Errorf("times are not in order: %+v", s)
		}
	}
	bot.kill()
	code, out, errs = do(t, "", "load", "--config", config, "--rate", "100", "--for", "100ms", "--settle", "1ms")
	if code != 0 || !strings.Contains(out, "0 comments accepted, 10 refused") || !strings.Contains(out, "first refusal: ") {
		t.Errorf("with nobody there load ended with %d: %s%s", code, out, errs)
	}
}

// TestLoadSparesTheRealOne keeps made-up comments away from an installation that works with Meta itself.
func TestLoadSparesTheRealOne(t *testing.T) {
	config := loadScene(t, "")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	for _, base := range []string{`""`, "https://graph.facebook.com"} {
		changed := strings.Split(string(text), "base_url: ")
		_, rest, _ := strings.Cut(changed[1], ",")
		if err := os.WriteFile(config, []byte(changed[0]+"base_url: "+base+","+rest), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, errs := do(t, "", "load", "--config", config); code != 1 || !strings.Contains(errs, "facebook.base_url") {
			t.Errorf("with Facebook at %s load ended with %d: %s", base, code, errs)
		}
	}
}

func TestLoadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "comments.jsonl")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("{\"text\":\"Hej\",\"author_id\":\"7\",\"author\":\"Eva\"}\n\n{\"text\":\"Tack\"}\n")
	next, err := openComments(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []platformtest.Comment
	for range 3 {
		got = append(got, next())
	}
	if got[0].Text != "Hej" || got[0].AuthorID != "7" || got[1].Text != "Tack" || got[1].AuthorID == "" || got[2] != got[0] {
		t.Errorf("got %+v", got)
	}
	write("{\"text\":\"Hej\"}\nhej\n")
	if _, err := openComments(path); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a line that is no comment: %v", err)
	}
}
