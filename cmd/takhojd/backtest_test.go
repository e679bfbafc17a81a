package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"takhojd/moderation"
	"takhojd/platforms"
	"takhojd/rules"
)

// judgedBooks makes a data folder in which the built-in policy has judged some comments.
func judgedBooks(t *testing.T, texts ...string) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	data := t.TempDir()
	b, err := openBooks(ctx, place{folder: data, origin: demoOrigin})
	if err != nil {
		t.Fatal(err)
	}
	defer b.db.Close()
	p, err := rules.Default()
	if err != nil {
		t.Fatal(err)
	}
	channel := platforms.Channel{ID: "rs-facebook", Platform: platforms.Facebook, Name: "Region Stockholm"}
	m, err := moderation.New(moderation.Config{DB: b.db, Archive: b.archive, Policy: p, Channels: []platforms.Channel{channel}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	var events []platforms.Event
	for i, text := range texts {
		id := string(rune('a' + i))
		events = append(events, platforms.Event{Kind: platforms.Added, At: now, Via: "webhook", Comment: platforms.Comment{
			Ref: platforms.Ref{Platform: platforms.Facebook, Channel: channel.ID, Comment: id}, Author: platforms.Author{ID: id, Name: "N" + id}, Text: text, Posted: now}})
	}
	if err := m.Receive(ctx, events); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		n, err := m.Counts(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if n.Waiting == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("never judged: %+v", n)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return data
}

// watchful is a policy that hides nothing, and flags every "jävla".
func watchful(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("policy: {name: Prov, strikes: {limit: 3, window: 90d}, repeat: {window: 7d, doubtful: 1, clear: 2}}\ncategories:\n")
	for _, c := range rules.Categories() {
		fmt.Fprintf(&b, "  - {id: %s, title: {sv: %[1]s, en: %[1]s}, published: {sv: p, en: p}, explanation: {sv: p, en: p}, clear: flag, doubtful: flag, "+
			"thresholds: {clear: 0.8, doubtful: 0.4}, retention: removed, target: 0.9", c)
		if c == rules.Profanity {
			b.WriteString(`, rules: [{id: profanity/word, description: {sv: letar efter ord, en: looks for words}, mode: flag, score: 0.9, find: ["jävla"]}]`)
		}
		b.WriteString("}\n")
	}
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestBacktest(t *testing.T) {
	data := judgedBooks(t, "Du är en jävla idiot", "Tack för ett tydligt svar, det var bra förklarat.")
	backtest := func(args ...string) (int, string, string) {
		var out, errs bytes.Buffer
		code := run(context.Background(), append([]string{"backtest", "--data", data}, args...), strings.NewReader(""), &out, &errs)
		return code, out.String(), errs.String()
	}
	code, out, errs := backtest()
	if code != 0 || !strings.Contains(out, "prövat på 2 bedömningar") || !strings.Contains(out, "Inget skulle ändras.") {
		t.Fatalf("the same policy: %d %s %s", code, out, errs)
	}
	file := watchful(t)
	code, out, errs = backtest("--policy", file)
	for _, want := range []string{"facebook/rs-facebook/a  ", "\n  Du är en jävla idiot\n", "  var : döljs, ", "insult/you hide", "  blir: flaggas, profanity (profanity/word flag)\n",
		"1 skulle bli annorlunda:", "       1  döljs → flaggas\n"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("%d: no %q in\n%s%s", code, want, out, errs)
		}
	}
	if code, out, _ := backtest("--policy", file, "--en"); code != 0 || !strings.Contains(out, "       1  hidden → flagged\n") {
		t.Errorf("in English: %d %s", code, out)
	}
	if code, out, _ := backtest("--policy", file, "--since", "2999-01-01"); code != 0 || !strings.Contains(out, "prövat på 0 bedömningar") {
		t.Errorf("since a day to come: %d %s", code, out)
	}
	code, out, errs = backtest("--policy", file, "--json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var d moderation.Difference
	var last struct{ Summary moderation.Backtested }
	if code != 0 || len(lines) != 2 || json.Unmarshal([]byte(lines[0]), &d) != nil || json.Unmarshal([]byte(lines[1]), &last) != nil {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	if d.Comment.Comment != "a" || d.Was.Action != rules.Hide || d.Is.Action != rules.Flag || last.Summary.Actions["hide→flag"] != 1 || last.Summary.Judged != 2 {
		t.Errorf("%+v %+v", d, last)
	}
	for name, args := range map[string][]string{"no such file": {"--policy", "none.yaml"}, "no day": {"--since", "igår"}, "two places": {"--config", "x"}} {
		if code, out, errs := backtest(args...); code == 0 || out != "" || errs == "" {
			t.Errorf("%s: %d %q %q", name, code, out, errs)
		}
	}
}
