package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"takhojd/platforms"
	"takhojd/platforms/platformtest"
)

// ward is a simulated platform with an account on each of the four, and a configuration in which nothing is to mend.
type ward struct {
	t        *testing.T
	platform *platformtest.Server
	dir      string
	config   string
}

// wardAccounts are an account on each platform.
func wardAccounts() []platformtest.Account {
	return append(platformtest.DefaultAccounts(), platformtest.Account{Platform: platforms.Bluesky, ID: "did:plc:takhojdwardaccount234567",
		Name: "ward.test", Token: "abcd-efgh-ijkl-mnop"})
}

// startWard starts a platform; base, unless it is "", is what stands before it.
func startWard(t *testing.T, before func(platform string) (base string)) *ward {
	t.Helper()
	w := &ward{t: t, dir: t.TempDir()}
	var err error
	if w.platform, err = platformtest.Start(context.Background(), platformtest.Options{AppSecret: sceneSecret, Accounts: wardAccounts(),
		WebhookURL: "http://127.0.0.1:1/webhooks/{platform}"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.platform.Close() })
	base := w.platform.URL()
	if before != nil {
		base = before(base)
	}
	accounts := wardAccounts()
	keys := platformtest.KeysForX(accounts[2], sceneSecret)
	for name, secret := range map[string]string{"app": sceneSecret, "verify": "takhojd", "x-key": keys.ConsumerKey, "x-secret": keys.ConsumerSecret,
		"x-bearer": keys.Bearer, "x-half": keys.AccessSecret} {
		w.write(name, secret)
	}
	config := "data: data\norigin: takhojd.test\nfacebook:\n  base_url: " + base + "\n  app_id: \"310000000000001\"\n  app_secret: {file: app}\n  verify_token: {file: verify}\n" +
		"x:\n  base_url: " + base + "\n  consumer_key: {file: x-key}\n  consumer_secret: {file: x-secret}\n  bearer: {file: x-bearer}\nbluesky:\n  service: " + base + "\nchannels:\n"
	for _, a := range accounts {
		platform := a.Platform
		if platform == "" {
			platform = platforms.Facebook
		}
		w.write("token-"+string(platform), a.Token)
		config += fmt.Sprintf("  - id: %s\n    platform: %[1]s\n    account: %q\n    purpose: Svara\n    owner: Anna\n    response_target: 4h\n    reviewed: %s\n    token: {file: token-%[1]s}\n",
			platform, a.ID, time.Now().Format(time.DateOnly))
		if platform == platforms.X {
			config += "    token_secret: {file: x-half}\n"
		}
		if _, err := w.platform.AddPost(platformtest.Post{Account: a.ID, Text: "Hej", Posted: time.Now().Add(-time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	w.config = w.write("takhojd.yaml", config)
	return w
}

func (w *ward) write(name, content string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// red runs doctor, and returns the lines that are to be mended; the exit code must agree.
func (w *ward) red(args ...string) (lines []string) {
	w.t.Helper()
	code, out, errs := do(w.t, "", append([]string{"doctor", "--lang", "en", "--config", w.config}, args...)...)
	for _, line := range strings.Split(out, "\n") {
		if rest, ok := strings.CutPrefix(line, "MEND  "); ok {
			lines = append(lines, rest)
		}
	}
	if errs != "" || (code != 0) != (len(lines) > 0) {
		w.t.Errorf("exit code %d, %d red: %s %s", code, len(lines), out, errs)
	}
	for _, secret := range []string{sceneSecret, "simulated-page-token", "simulated-token", "abcd-efgh"} {
		if strings.Contains(out, secret) {
			w.t.Errorf("it shows the secret %q:\n%s", secret, out)
		}
	}
	return lines
}

// wants fails unless exactly these lines are red, each by a part of it.
func (w *ward) wants(parts ...string) {
	w.t.Helper()
	got := w.red()
	for _, part := range parts {
		found := false
		for _, line := range got {
			found = found || strings.Contains(line, part)
		}
		if !found {
			w.t.Errorf("no red line says %q", part)
		}
	}
	if len(got) != len(parts) {
		w.t.Errorf("%d red lines, want %d:\n%s", len(got), len(parts), strings.Join(got, "\n"))
	}
}

func TestDoctorFindsNothingToMend(t *testing.T) {
	w := startWard(t, nil)
	w.wants()
	code, out, _ := do(t, "", "doctor", "--json", "--config", w.config)
	var report struct {
		ToMend int `json:"to_mend"`
		Checks []struct {
			Where, Check, Says string
			OK                 bool
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 {
		t.Fatalf("%d %v %s", code, err, out)
	}
	seen := map[string]bool{}
	for _, c := range report.Checks {
		seen[c.Where+" "+c.Check] = c.OK && c.Says != ""
	}
	for _, want := range []string{"facebook token", "facebook permissions", "facebook webhook", "facebook polling", "facebook clock", "facebook capabilities",
		"instagram webhook", "instagram polling", "x token", "x permissions", "x webhook", "x polling", "x clock", "bluesky token", "bluesky stream", "bluesky polling",
		"bluesky clock", "secrets secrets", "disk disk", "database database"} {
		if !seen[want] {
			t.Errorf("nothing is said of %s", want)
		}
	}
	if _, out, _ := do(t, "", "doctor", "--config", w.config); !strings.Contains(out, "ok      x: Klockorna går lika.") || !strings.Contains(out, "Allt är som det ska.") {
		t.Errorf("in Swedish: %s", out)
	}
	if code, _, _ := do(t, "", "doctor", "--lang", "de", "--config", w.config); code != 2 {
		t.Errorf("a language that there is none of: %d", code)
	}
}

func TestDoctorAndTokens(t *testing.T) {
	w := startWard(t, nil)
	if err := w.platform.SetFaults(platformtest.Faults{Errors: []platformtest.Refusal{{Kind: platformtest.TokenDead}}}); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(w.red(), "\n")
	for _, want := range []string{"facebook: The platform does not accept the access token. Make a new one.", "instagram: The platform does not accept",
		"x: X does not accept the keys.", "bluesky: Bluesky does not accept the app password."} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q:\n%s", want, got)
		}
	}
	if err := w.platform.SetFaults(platformtest.Faults{}); err != nil {
		t.Fatal(err)
	}
	w.wants()
	w.write("token-facebook", platformtest.UserToken)
	w.wants("facebook: The access token is not the account's own")
}

func TestDoctorAndSubscriptions(t *testing.T) {
	w := startWard(t, nil)
	w.platform.SetWebhookURL("")
	for _, a := range wardAccounts()[:2] {
		req, err := http.NewRequest(http.MethodDelete, w.platform.URL()+"/v26.0/"+a.ID+"/subscribed_apps?access_token="+a.Token, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("unsubscribe: %v %v", res, err)
		}
		_ = res.Body.Close()
	}
	w.wants("facebook: The platform does not deliver", "instagram: The platform does not deliver", "x: Subscriptions are missing")
}

func TestDoctorAndClocks(t *testing.T) {
	w := startWard(t, func(platform string) string {
		to, err := url.Parse(platform)
		if err != nil {
			t.Fatal(err)
		}
		proxy := httputil.NewSingleHostReverseProxy(to)
		proxy.ModifyResponse = func(r *http.Response) error {
			r.Header.Set("Date", time.Now().Add(-5*time.Minute).UTC().Format(http.TimeFormat))
			return nil
		}
		s := httptest.NewServer(proxy)
		t.Cleanup(s.Close)
		return s.URL
	})
	got := strings.Join(w.red(), "\n")
	for _, want := range []string{"facebook: Our clock differs from the platform's: +30", "instagram: Our clock", "x: Our clock", "bluesky: Our clock"} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q:\n%s", want, got)
		}
	}
}

func TestDoctorAndThePlatformAway(t *testing.T) {
	w := startWard(t, nil)
	if err := w.platform.Close(); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(w.red(), "\n")
	for _, want := range []string{"facebook: The platform could not be asked", "x: X could not be asked", "bluesky: Bluesky could not be asked"} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q:\n%s", want, got)
		}
	}
}

// What is on this machine: secrets, key, database, backup, and those who are told.
func TestDoctorLooksAtTheHouse(t *testing.T) {
	w := startWard(t, nil)
	if code, _, errs := do(t, "", "user", "add", "anna", "--role", "admin", "--config", w.config); code != 0 {
		t.Fatal(errs)
	}
	w.wants("backup: No backup was made.")
	to := filepath.Join(t.TempDir(), "backup")
	if code, _, errs := do(t, "", "backup", "--config", w.config, "--to", to); code != 0 {
		t.Fatal(errs)
	}
	w.wants()
	old, err := json.Marshal(lastBackup{Made: time.Now().Add(-9 * 24 * time.Hour), To: to})
	if err != nil {
		t.Fatal(err)
	}
	w.write("data/"+lastBackupName, string(old))
	if err := os.Chmod(filepath.Join(w.dir, "token-x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(w.dir, "data", keyName), 0o640); err != nil {
		t.Fatal(err)
	}
	w.wants("backup: The last backup is from", "token-x can be read by others (0644)", "key: The log's key can be read by others")
	w.write("mail", "smtp://kalle:"+sceneSecret+"@127.0.0.1:1/?from=a@b.test&to=c@d.test")
	config, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	w.write("takhojd.yaml", string(config)+"notify:\n  - name: jour\n    url: {file: mail}\n    alerts: [escalation]\n")
	w.wants("backup: ", "token-x", "key: ", "jour: Messages do not get there: nobody answers there")
	if err := os.Remove(filepath.Join(w.dir, "x-half")); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(w.red(), "\n"); !strings.Contains(got, "x-half cannot be read") || !strings.Contains(got, "x: The configuration does not do") {
		t.Errorf("without a secret:\n%s", got)
	}
	if code, out, _ := do(t, "", "notify", "test", "--config", w.config); code != 1 || !strings.Contains(out, "MEND  jour: nobody answers there") {
		t.Errorf("%d %s", code, out)
	}
}

func TestNotifyTest(t *testing.T) {
	got := make(chan string, 1)
	there := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.URL.Path }))
	defer there.Close()
	dir := t.TempDir()
	config, address := filepath.Join(dir, "takhojd.yaml"), filepath.Join(dir, "url")
	if err := os.WriteFile(address, []byte("generic+"+there.URL+"/hook\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"": "nobody to tell",
		"notify: [{name: jour, url: {file: url}, quiet: natt}]":  "natt",
		"notify: [{name: jour, url: {file: url}, alerts: [x]}]":  "no alert",
		"notify: [{name: jour, url: {file: url}, language: de}]": "no \"de\"",
		"notify: [{name: jour, url: {file: url}}]":               "ok    jour",
	} {
		if err := os.WriteFile(config, []byte("data: d\norigin: o\n"+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, errs := do(t, "", "notify", "test", "--config", config)
		if !strings.Contains(out+errs, want) || (code == 0) != strings.HasPrefix(want, "ok") {
			t.Errorf("%s: %d %s %s", text, code, out, errs)
		}
	}
	if path := <-got; path != "/hook" {
		t.Error(path)
	}
}

// The running service says whom it cannot tell.
func TestDoctorAsksTheService(t *testing.T) {
	ready, failing := http.StatusOK, "takhojd_notify_failing{to=\"it\"} 0\ntakhojd_notify_failing{to=\"jour\"} 1\n"
	there := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			w.WriteHeader(ready)
			return
		}
		fmt.Fprint(w, "# TYPE takhojd_notify_failing gauge\n"+failing)
	}))
	defer there.Close()
	w := startWard(t, nil)
	config, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	w.write("takhojd.yaml", string(config)+"operations:\n  address: "+strings.TrimPrefix(there.URL, "http://")+"\n")
	w.wants(`notify: Messages do not reach "jour"`)
	ready, failing = http.StatusServiceUnavailable, ""
	w.wants("service: The service runs, but the database takes nothing")
	there.Close()
	w.wants()
}
