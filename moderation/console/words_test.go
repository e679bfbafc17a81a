package console

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"takhojd/moderation"
	"takhojd/platforms"
)

var verbs = regexp.MustCompile(`%(\[\d+\])?[a-z%]`)

func TestBothLanguagesAreComplete(t *testing.T) {
	for key, w := range catalogue {
		if w.SV == "" || w.EN == "" {
			t.Errorf("%s lacks a language", key)
		}
		if sv, en := verbs.FindAllString(w.SV, -1), verbs.FindAllString(w.EN, -1); strings.Join(sv, "") != strings.Join(en, "") {
			t.Errorf("%s takes %v in Swedish and %v in English", key, sv, en)
		}
		if strings.Contains(w.SV, "!") {
			t.Errorf("%s shouts: %s", key, w.SV)
		}
	}
}

var (
	literal  = regexp.MustCompile(`\{?\bt "([a-z-]+\.?[A-Za-z.-]*)"`)
	composed = regexp.MustCompile(`\(?print "([a-z]+\.)"`)
	inGo     = regexp.MustCompile(`"((?:do|hint|login|archive|channels|error|trouble|figures|category|who|second|nav|case|author|record|verify|rules|accounts|help|templates|reply|health|alert|post|storm|disposal|hold)\.[a-z0-9.-]+)"`)
)

// TestEveryWordIsThereAndUsed reads templates and code for keys: none is missing, and none is kept for nothing.
func TestEveryWordIsThereAndUsed(t *testing.T) {
	used, prefixes := map[string]bool{}, map[string]bool{"action.": true, "state.": true, "why.": true, "happened.": true, "outcome.": true,
		"via.": true, "flash.": true, "error.": true, "empty.": true, "second.": true, "nav.": true}
	names, err := fs.Glob(os.DirFS("."), "templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	sources, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, sources...) {
		if strings.HasSuffix(name, "_test.go") || name == "words.go" {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range literal.FindAllStringSubmatch(string(text), -1) {
			if _, ok := catalogue[m[1]]; !ok {
				t.Errorf("%s asks for %q, which nobody has written", name, m[1])
			}
			used[m[1]] = true
		}
		for _, m := range composed.FindAllStringSubmatch(string(text), -1) {
			prefixes[m[1]] = true
		}
		for _, m := range inGo.FindAllStringSubmatch(string(text), -1) {
			used[m[1]] = true
		}
	}
	for key := range catalogue {
		prefix := key[:strings.Index(key+".", ".")] + "."
		if !used[key] && !prefixes[prefix] {
			t.Errorf("%q is used nowhere", key)
		}
	}
}

func TestEveryStateHasWords(t *testing.T) {
	p := &pages{lang: "sv"}
	for _, a := range []moderation.Action{moderation.Allow, moderation.Flag, moderation.Hide, moderation.Delete, moderation.Restore, moderation.Block,
		moderation.Escalate, moderation.Route, moderation.Opinion, moderation.Reply, moderation.Mute, moderation.Report, moderation.Close, moderation.Open} {
		if got := p.optional("action.", string(a)); got == string(a) {
			t.Errorf("action %s has no words", a)
		}
		if a != moderation.Flag {
			if _, ok := catalogue["flash."+string(a)]; !ok {
				t.Errorf("nothing is said after %s", a)
			}
		}
	}
	for _, s := range []moderation.State{moderation.Standing, moderation.Hidden, moderation.Deleted, moderation.Removed} {
		if got := p.optional("state.", string(s)); got == string(s) {
			t.Errorf("state %s has no words", s)
		}
	}
	for _, w := range []moderation.Why{moderation.Doubt, moderation.Escalation, moderation.Quota, moderation.EditedWhy, moderation.BlockWhy, moderation.Failed,
		moderation.OpinionWhy, moderation.Trial, moderation.Fallen} {
		if got := p.optional("why.", string(w)); got == string(w) {
			t.Errorf("reason %s has no words", w)
		}
	}
	for _, k := range []platforms.EventKind{platforms.Added, platforms.Edited, platforms.Removed} {
		if got := p.happened(string(k)); got == string(k) {
			t.Errorf("%s has no words", k)
		}
	}
	for what, want := range map[string]string{"decided:hide": "Beslut: dölj", "platform:restore": "Plattformen: visa igen", "platform:hidden": "Doldes i plattformens egna verktyg",
		"failed:delete": "Gick inte: ta bort", "undone": "Ångrat", "something new": "something new"} {
		if got := p.happened(what); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	if got := p.detail("hide: " + platforms.ErrTokenDead.Error()); !strings.Contains(got, "åtkomstnyckeln") {
		t.Errorf("a dead token is said as %q", got)
	}
}

func TestTimesAsSwedesWriteThem(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 8, 45, 0, 0, time.UTC)
	sv := clock{zone: zone, now: func() time.Time { return now }, lang: "sv"}
	en := clock{zone: zone, now: func() time.Time { return now }, lang: "en"}
	for got, want := range map[string]string{
		sv.exact(time.Date(2026, 11, 22, 8, 41, 0, 0, time.UTC)): "2026-11-22 kl. 09.41",
		sv.exact(time.Date(2026, 7, 1, 22, 5, 0, 0, time.UTC)):   "2026-07-02 kl. 00.05",
		sv.exact(time.Time{}):                       "–",
		en.exact(now):                               "2026-11-22 at 09:45",
		sv.ago(now.Add(-4 * time.Minute)):           "för 4 min sedan",
		sv.ago(now.Add(-20 * time.Second)):          "nyss",
		sv.ago(now.Add(3 * time.Hour)):              "om 3 h",
		en.ago(now.Add(-72 * time.Hour)):            "3 days ago",
		sv.ago(now.Add(-72 * time.Hour)):            "för 3 dygn sedan",
		sv.length(640 * time.Millisecond):           "640 ms",
		sv.length(2300 * time.Millisecond):          "2,3 s",
		sv.decimal(0.99, 2):                         "0,99",
		en.decimal(0.99, 2):                         "0.99",
		sv.count(1020):                              "1\u00a0020",
		en.count(-1234567):                          "−1,234,567",
		sv.percent(1, 3):                            "33\u00a0%",
		sv.percent(0, 0):                            "–",
		string(sv.since(now.Add(-4 * time.Minute))): `<time datetime="2026-11-22T08:41:00Z" title="2026-11-22 kl. 09.41">för 4 min sedan</time>`,
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
