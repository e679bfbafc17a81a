package rules

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"takhojd/platforms"
)

func judgeText(t testing.TB, p *Policy, text string) Verdict {
	t.Helper()
	return p.Judge(platforms.Comment{Text: text}, Facts{})
}

// TestPolicyIsItsOwnTest runs the examples that stand in the policy file.
func TestPolicyIsItsOwnTest(t *testing.T) {
	for _, f := range mustDefault(t).Test() {
		t.Error(f)
	}
}

// TestWhoIsSpokenOf holds the five things that one word can do.
func TestWhoIsSpokenOf(t *testing.T) {
	p := mustDefault(t)
	for _, tc := range []struct {
		text string
		want Action
	}{
		{"Du är en idiot", Hide},
		{"Ni är idioter hela bunten", Hide},
		{"Idiotiskt beslut av regionen", Allow},
		{"Jag är en idiot som glömde biljetten", Allow},
		{"Han kallade mig idiot i luckan", Flag},
		{"\"Du är en idiot\", sa mannen till min mamma.", Flag},
		{"Du är ingen idiot, du har rätt", Allow},
		{"Ni är inkompetenta och borde avgå", Allow},
		{"Jag ska döda dig", Hide},
		{"Skjut inte upp fler operationer", Allow},
		{"Köerna tar död på mig", Allow},
		{"Vi kom hit ni var stängda", Allow},
		{"Jag flyttade hit du vet hur det är", Allow},
		{"I'm going to hit you in the face", Hide},
		{"\"Jag ska döda dig\" skrek han åt sköterskan. Vad gör ni?", Flag},
		{"Släng ut alla blattar", Hide},
		{"Min kollega blev kallad blatte av en passagerare", Flag},
		{"Som bög och blodgivare är jag glad", Allow},
		{"Jävligt bra jobbat", Flag},
		{"Fy fan vilken jävla skitregion", Hide},
	} {
		if v := judgeText(t, p, tc.text); v.Action != tc.want {
			t.Errorf("%q: %s, want %s (%v)", tc.text, v.Action, tc.want, ResultOf("", v).Findings)
		}
	}
}

// TestNamesAreNoAbuse: a rude word that is a name, a title or a word that is spoken about is never hidden; the same word at a person is.
func TestNamesAreNoAbuse(t *testing.T) {
	p := mustDefault(t)
	for _, text := range []string{
		"Luder är ett efternamn", "Peder Luder arbetar på museet", "Herr Neger var min tysklärare", "Bitch Lake är ett fint område",
		"Mongo Jerry spelar i parken på lördag", "Slottet Kuks ligger i Böhmen", "Kuken heter ett berg i Norge", "Vad betyder ordet luder egentligen?",
		"Hans efternamn är Kukk och han är estländare", "Neger, från latinets niger, betyder svart", "Låten Fuck You av Lily Allen spelades på fritids",
		"Ebba Gröns Skjut en snut är en punklåt från 1979", "Blatte säger mina vänner om sig själva",
	} {
		if v := judgeText(t, p, text); v.Action == Hide {
			t.Errorf("%q is hidden: %v", text, ResultOf("", v).Findings)
		}
	}
	for _, text := range []string{"Du är ett luder", "Du Är En Jävla Hora", "Jävla Hora", "ut med alla Negrer"} {
		if v := judgeText(t, p, text); v.Action != Hide {
			t.Errorf("%q: %s, want hide", text, v.Action)
		}
	}
}

// TestOtherLanguages: nothing is hidden in a language that the second reader has not learnt, unless a whole sentence says it and nobody else
// said it; the harmless use of the same words is left to a person at most.
func TestOtherLanguages(t *testing.T) {
	p := mustDefault(t)
	for _, text := range []string{
		"Esperé tres horas en urgencias", "Voy a matar el tiempo", "Te voy a matar de risa", "Me dijo que eres un idiota", "Jeg skal skyde genvej gennem parken",
		"Bombe på sykehuset ble avverget i 2016, skriver avisen", "Det gikk i ett huj", "Я тебя убью своей добротой", "Он сказал мне: я тебя убью. Я подала заявление",
		"Ausländer raus stand an der Wand, ich habe Anzeige erstattet", "Zabiję czas w poczekalni", "HDP bir parti", "Seni öldüreceğim gülmekten",
		"سأكسر الرقم القياسي", "هل أنت صاحب كلب؟", "Fåglarna picka på rutan", "Koirani on narttu", "Les arabes contrôlent tout leur matériel",
	} {
		if v := judgeText(t, p, text); v.Action == Hide {
			t.Errorf("%q is hidden: %v", text, ResultOf("", v).Findings)
		}
	}
	for _, text := range []string{"Ich werde dich umbringen", "Zabiję cię", "Я тебя убью", "Hijo de puta", "Ausländer raus", "أنت غبي"} {
		if v := judgeText(t, p, text); v.Action != Hide {
			t.Errorf("%q: %s, want hide", text, v.Action)
		}
	}
}

func TestSeriousThreatsEscalate(t *testing.T) {
	p := mustDefault(t)
	for text, want := range map[string]bool{
		"Jag ska döda dig":                 true,
		"Bränn ner regionkontoret ikväll":  true,
		"Vi vet var du bor":                false,
		"Du är en idiot":                   false,
		"Ni borde avgå, allihop":           false,
		"Han hotade att döda mig, anmält.": false,
	} {
		if v := judgeText(t, p, text); v.Escalate != want {
			t.Errorf("%q: escalate is %v, want %v", text, v.Escalate, want)
		}
	}
}

// TestEvidenceStandsInTheOriginal: offsets are bytes of what was written, also behind disguises.
func TestEvidenceStandsInTheOriginal(t *testing.T) {
	p := mustDefault(t)
	for _, text := range devTexts(t) {
		for _, f := range judgeText(t, p, text).Findings {
			if f.Start < 0 || f.End > len(text) || f.Start > f.End || text[f.Start:f.End] != f.Text {
				t.Errorf("%q: finding %s stands at %d–%d and says %q", text, f.Rule, f.Start, f.End, f.Text)
			}
			if f.Reason.SV == "" || f.Reason.EN == "" {
				t.Errorf("%q: finding %s gives no reason", text, f.Rule)
			}
		}
	}
}

func TestDisguiseIsToldAndSeenThrough(t *testing.T) {
	p := mustDefault(t)
	v := judgeText(t, p, "du är en 1d10t")
	if v.Action != Hide {
		t.Fatalf("disguised insult: %s", v.Action)
	}
	if f := v.Findings[0]; !strings.Contains(f.SeenAs, "idiot") || !strings.Contains(f.Reason.SV, "läst som") {
		t.Errorf("finding is seen as %q, reason %q", f.SeenAs, f.Reason.SV)
	}
}

func TestFactsWeighIn(t *testing.T) {
	p := mustDefault(t)
	c := platforms.Comment{Text: "Rädda Löwenströmska, stoppa nedläggningen"}
	for _, tc := range []struct {
		facts Facts
		want  Action
	}{
		{Facts{}, Allow},
		{Facts{SameByAuthor: 1}, Flag},
		{Facts{SameByAuthor: 2}, Hide},
		{Facts{SameByOthers: 1}, Flag},
		{Facts{SameByAuthor: 1, SameByOthers: 1}, Hide},
		{Facts{SameByAuthor: 5, Own: true}, Allow},
	} {
		if v := p.Judge(c, tc.facts); v.Action != tc.want {
			t.Errorf("%+v: %s, want %s", tc.facts, v.Action, tc.want)
		}
	}
	picture := platforms.Comment{Attachments: []platforms.Attachment{{Kind: "photo"}}}
	if v := p.Judge(picture, Facts{}); v.Action != Flag || v.Findings[0].Category != UnreviewedMedia {
		t.Errorf("a picture: %+v", v)
	}
}

// TestModesOnlyLower: autonomy that is lost makes hide flag, and flag nothing; none is won.
func TestModesOnlyLower(t *testing.T) {
	p := mustDefault(t)
	insult := platforms.Comment{Text: "Du är en idiot"}
	lost := make(map[string]Mode)
	for _, r := range p.Rules() {
		lost[r.ID] = ModeFlag
	}
	if v := p.Judge(insult, Facts{Modes: lost}); v.Action != Flag {
		t.Errorf("all rules lowered to flag: %s", v.Action)
	}
	for id := range lost {
		lost[id] = ModeShadow
	}
	v := p.Judge(insult, Facts{Modes: lost})
	if v.Action != Allow || len(v.Findings) == 0 {
		t.Errorf("all rules in shadow: %s with %d findings; want allow, and the findings still told", v.Action, len(v.Findings))
	}
	for id := range lost {
		lost[id] = ModeHide
	}
	if v := judgeText(t, p, "Fan vad skönt"); v.Action != Flag {
		t.Fatalf("one swear word: %s", v.Action)
	}
	if v := p.Judge(platforms.Comment{Text: "Fan vad skönt"}, Facts{Modes: lost}); v.Action != Flag {
		t.Errorf("a mode raised flag to %s", v.Action)
	}
}

// TestWorstComesFirst: what hides stands before what flags, and then the severest.
func TestWorstComesFirst(t *testing.T) {
	p := mustDefault(t)
	v := judgeText(t, p, "Fan också, du är en idiot och jag ska döda dig")
	if len(v.Findings) < 2 || v.Findings[0].Category != Threat {
		t.Errorf("findings: %v", ResultOf("", v).Findings)
	}
}

// TestJudgeIsTheSameAtOnceAndAgain: many goroutines, one policy, the same verdicts.
func TestJudgeIsTheSameAtOnceAndAgain(t *testing.T) {
	p := mustDefault(t)
	texts := devTexts(t)
	want := make([]Action, len(texts))
	for i, s := range texts {
		want[i] = judgeText(t, p, s).Action
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i, s := range texts {
				if v := p.Judge(platforms.Comment{Text: s}, Facts{}); v.Action != want[i] {
					t.Errorf("%q: %s, then %s", s, want[i], v.Action)
				}
			}
		})
	}
	all.Wait()
}

// longTexts are 60,000 characters of what gives patterns most to do.
func longTexts() map[string]string {
	texts := make(map[string]string)
	for _, piece := range []string{"du är en ", "jag ska ", "idiot ", "a ", "i d i o t ", "alla borde ", "vaccin ", "😂", "å", "f*n ", "muslimer ska ",
		"\x00", "((("} {
		texts[piece] = strings.Repeat(piece, 60_000/utf8.RuneCountInString(piece))
	}
	return texts
}

// TestALimitIsNeverSilence: a threat behind 60,000 characters of padding is found, or the comment is flagged as not read to its end.
func TestALimitIsNeverSilence(t *testing.T) {
	p := mustDefault(t)
	for piece, padding := range longTexts() {
		v := judgeText(t, p, padding+". Jag ska döda dig.")
		if v.Action == Allow {
			t.Errorf("a threat behind 60,000 characters of %q was allowed", piece)
		}
	}
	unread := judgeText(t, p, strings.Repeat("jag vet var du är ", 60_000/18)+". Döda idioten och skjut alla muslimer, köp piller här.")
	if !slices.ContainsFunc(unread.Findings, func(f Finding) bool { return f.Rule == "spam/unread" }) {
		t.Error("a comment that uses up all steps does not say so")
	}
}

// BenchmarkLongest judges comments of 60,000 characters: the bound is 20 ms on one core.
func BenchmarkLongest(b *testing.B) {
	p := mustDefault(b)
	for piece, text := range longTexts() {
		b.Run(strings.TrimSpace(piece), func(b *testing.B) {
			for b.Loop() {
				p.Judge(platforms.Comment{Text: text}, Facts{})
			}
		})
	}
}

func FuzzJudge(f *testing.F) {
	for _, s := range devTexts(f) {
		f.Add(s)
	}
	f.Add("\xff\xfe du är \x00 en id\xc3iot")
	p := mustDefault(f)
	f.Fuzz(func(t *testing.T, text string) {
		v := p.Judge(platforms.Comment{Text: text}, Facts{})
		if !v.Action.Valid() || !v.Route.Valid() {
			t.Fatalf("verdict is %+v", v)
		}
		for _, x := range v.Findings {
			if x.Start < 0 || x.End > len(text) || x.Start > x.End || text[x.Start:x.End] != x.Text {
				t.Fatalf("finding %s stands at %d–%d of %d", x.Rule, x.Start, x.End, len(text))
			}
		}
	})
}

// TestAThreatIsReferredNowhere: who threatens in the form of a question is put before a person, and not told to ring somebody.
func TestAThreatIsReferredNowhere(t *testing.T) {
	for text, want := range map[string]Route{
		"The nurse who sent my dad home? I will find her and put a bullet in her head.": NoRoute,
		"Which nurse do I call about my dad, he was sent home with a fever?":            Medical,
	} {
		if v := judgeText(t, mustDefault(t), text); v.Route != want || v.Escalate != (want == NoRoute) {
			t.Errorf("%s: route %q, escalate %t", text, v.Route, v.Escalate)
		}
	}
}
