package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// do runs a command as a person would, and returns its exit code and what it printed.
func do(t *testing.T, stdin string, args ...string) (int, string, string) {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(context.Background(), args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

func TestDemoHeadlessAndItsArchive(t *testing.T) {
	data := filepath.Join(t.TempDir(), "demo")
	code, out, errs := do(t, "", "demo", "--headless", "--data", data)
	var r demoResult
	if code != 0 || json.Unmarshal([]byte(out), &r) != nil {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	if r.Comments != 255 || r.Allowed+r.Flagged+r.Hidden != r.Comments || r.Hidden < 20 || r.Flagged < 10 || !r.Verified || r.LogSize < r.Archived ||
		r.Archived < int64(r.Hidden) || r.PlatformCalls < r.Hidden || r.P50 <= 0 || r.P99 < r.P50 {
		t.Errorf("%+v", r)
	}
	if code, _, errs := do(t, "", "demo", "--headless", "--data", data); code != 1 || !strings.Contains(errs, "holds a database already") {
		t.Errorf("on the same folder: %d %s", code, errs)
	}
	code, out, errs = do(t, "", "archive", "list", "--data", data, "--words", "idioten", "--json")
	var first struct{ ID, Excerpt string }
	if err := json.Unmarshal([]byte(strings.SplitN(out, "\n", 2)[0]), &first); code != 0 || err != nil || !strings.Contains(strings.ToLower(first.Excerpt), "idiot") {
		t.Fatalf("list: %d %q %s", code, out, errs)
	}
	if code, out, _ := do(t, "", "archive", "show", "--data", data, first.ID); code != 0 || !strings.Contains(out, `"inclusion"`) {
		t.Errorf("show: %d %s", code, out)
	}
	if code, out, _ := do(t, "", "archive", "verify", "--data", data); code != 0 || !strings.Contains(out, "All is as it was written.") {
		t.Errorf("verify: %d %s", code, out)
	}
	for _, format := range []string{"jsonl", "csv"} {
		if code, out, _ := do(t, "", "archive", "export", "--data", data, "--format", format, "--category", "threat"); code != 0 || !strings.Contains(out, "slår jag ihjäl dig") {
			t.Errorf("export %s: %d %s", format, code, out)
		}
	}
	for name, args := range map[string][]string{
		"no such record":   {"archive", "show", "--data", data, "2020-000000"},
		"no such category": {"archive", "list", "--data", data, "--category", "nonsense"},
		"no such day":      {"archive", "list", "--data", data, "--from", "igår"},
		"no such format":   {"archive", "export", "--data", data, "--format", "xml"},
		"no books":         {"archive", "list", "--data", t.TempDir()},
		"nowhere":          {"archive", "list"},
	} {
		if code, _, errs := do(t, "", args...); code == 0 || errs == "" {
			t.Errorf("%s: %d %q", name, code, errs)
		}
	}
}

func TestUsers(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "takhojd.yaml")
	if err := os.WriteFile(config, []byte("data: data\norigin: takhojd.test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := do(t, "", "user", "add", "anna", "--role", "moderator", "--display", "Anna Lind", "--config", config)
	if code != 0 || !strings.Contains(out, "shown this once") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	if code, _, errs := do(t, "kort\n", "user", "add", "bea", "--role", "archivist", "--password-stdin", "--config", config); code == 0 || !strings.Contains(errs, "12") {
		t.Errorf("a short password: %d %s", code, errs)
	}
	if code, _, _ := do(t, "", "user", "add", "cia", "--role", "king", "--config", config); code == 0 {
		t.Error("a role that is none")
	}
	if code, _, errs := do(t, "", "user", "disable", "anna", "--config", config); code != 0 {
		t.Errorf("disable: %s", errs)
	}
	if code, out, _ := do(t, "", "user", "list", "--config", config); code != 0 || !strings.Contains(out, "anna  moderator  Anna Lind  closed") {
		t.Errorf("list: %d %s", code, out)
	}
}

func TestConfigurationSaysWhereItIsWrong(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":       {"data: d\norigin: o\nchanels: []\n", "3:1"},
		"unknown deep key":  {"data: d\norigin: o\nconsole:\n  adress: x\n", "4:3"},
		"wrong type":        {"data: [1]\norigin: o\n", "1:7"},
		"no time span":      {"data: d\norigin: o\nmoderation:\n  poll_every: often\n", "often"},
		"no data":           {"origin: o\n", "data:"},
		"no origin":         {"data: d\n", "origin:"},
		"a secret in place": {"data: d\norigin: o\nfacebook:\n  app_secret: hemligt\n", "4:15"},
		"no account":        {"data: d\norigin: o\nchannels:\n  - id: a\n    platform: facebook\n", "account"},
		"no such platform":  {"data: d\norigin: o\nchannels:\n  - id: a\n    platform: lunarstorm\n    account: \"1\"\n", "lunarstorm"},
		"the same id":       {"data: d\norigin: o\nchannels:\n  - {id: a, platform: facebook, account: \"1\"}\n  - {id: a, platform: facebook, account: \"2\"}\n", "taken"},
		"the same page":     {"data: d\norigin: o\nchannels:\n  - {id: a, platform: facebook, account: \"1\"}\n  - {id: b, platform: facebook, account: \"1\"}\n", "already"},
		"redis for a file":  {"data: d\norigin: o\nredis: {address: {env: R}}\n", "redis:"},
		"no date":           {"data: d\norigin: o\nchannels:\n  - {id: a, platform: facebook, account: \"1\", reviewed: nyss}\n", "nyss"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "takhojd.yaml")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			code, _, errs := do(t, "", "serve", "--config", path)
			if code != 1 || !strings.Contains(errs, c.want) {
				t.Errorf("%d %s, want it to say %s", code, errs, c.want)
			}
			if strings.Contains(errs, "hemligt") {
				t.Error("the secret is in the error")
			}
		})
	}
}

func TestOneServesAFolder(t *testing.T) {
	s := setScene(t, filepath.Join(t.TempDir(), "data"), 1000, noFaults)
	startProcess(t, `"listening"`, "serve", "--config", s.config)
	code, _, errs := do(t, "", "serve", "--config", s.config)
	if code != 1 || !strings.Contains(errs, "another takhojd already serves") {
		t.Errorf("%d %s", code, errs)
	}
	if code, _, errs := do(t, "", "archive", "verify", "--config", s.config); code != 0 {
		t.Errorf("the archivist's tools work beside it: %d %s", code, errs)
	}
}

func TestDoctorLooksAtTheGuidelines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "takhojd.yaml")
	text := "data: d\norigin: o\nchannels:\n  - {id: good, platform: facebook, account: \"1\", purpose: Svara, owner: Anna, response_target: 4h, reviewed: " +
		time.Now().Format(time.DateOnly) + "}\n  - {id: bad, platform: facebook, account: \"2\", reviewed: 2020-01-01}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := do(t, "", "doctor", "--offline", "--lang", "en", "--config", path)
	if code != 1 || errs != "" {
		t.Fatalf("%d %s", code, errs)
	}
	for _, want := range []string{"MEND  bad: Purpose is missing", "MEND  bad: Owner is missing", "MEND  bad: Response target is missing",
		"MEND  bad: Last reviewed on 2020-01-01", "ok    good: Purpose: Svara", "4 to mend"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
}

func TestCheck(t *testing.T) {
	if code, out, _ := do(t, "", "check", "Du är en jävla idiot"); code != 0 || !strings.HasPrefix(out, "Döljs.") || !strings.Contains(out, "kränkningar och förolämpningar") {
		t.Errorf("%d %s", code, out)
	}
	code, out, errs := do(t, `{"id":"1","text":"Du är en jävla idiot"}`+"\n"+`{"id":"2","text":"Tack"}`+"\n", "check", "--jsonl")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || len(lines) != 2 || !strings.Contains(lines[0], `"action":"hide"`) || !strings.Contains(lines[1], `"action":"allow"`) {
		t.Errorf("%d %s %s", code, out, errs)
	}
	if code, _, errs := do(t, "{\n", "check", "--jsonl"); code != 1 || !strings.Contains(errs, "line 1") {
		t.Errorf("%d %s", code, errs)
	}
	if code, out, _ := do(t, "", "policy", "test"); code != 0 || !strings.Contains(out, "every example holds") {
		t.Errorf("%d %s", code, out)
	}
	if code, _, _ := do(t, "", "check"); code != 2 {
		t.Errorf("nothing to check: %d", code)
	}
}

func TestNothingPrivateIsLogged(t *testing.T) {
	s := setScene(t, filepath.Join(t.TempDir(), "data"), 200, noFaults)
	p, _ := startProcess(t, `"listening"`, "serve", "--config", s.config)
	s.settle(time.Minute)
	if err := p.terminate(); err != nil {
		t.Error(err)
	}
	log := p.log.String()
	if !strings.Contains(log, `"outbox"`) {
		t.Fatalf("there is no log to look at: %s", log)
	}
	state, err := s.state()
	if err != nil {
		t.Fatal(err)
	}
	private := []string{sceneSecret, "simulated-page-token-1"}
	for _, c := range state.Comments {
		if len(c.Text) > 12 {
			private = append(private, c.Text)
		}
		if len(c.Author) > 6 {
			private = append(private, c.Author)
		}
	}
	for _, word := range private {
		if strings.Contains(log, word) {
			t.Errorf("the log holds %q", word)
		}
	}
}

// A log goes on with the key that it began with, or not at all.
func TestBooksWithoutTheirKey(t *testing.T) {
	dir := t.TempDir()
	b, err := openBooks(context.Background(), place{folder: dir, origin: demoOrigin})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, keyName)); err != nil {
		t.Fatal(err)
	}
	if b, err := openBooks(context.Background(), place{folder: dir, origin: demoOrigin}); err == nil {
		_ = b.db.Close()
		t.Error("opened with a key that signed none of it")
	}
}
