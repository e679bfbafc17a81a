package rules

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFingerprintNear(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		near       bool
	}{
		{"the same", "RÄDDA LÖWENSTRÖMSKA! Stoppa nedläggningen NU!", "RÄDDA LÖWENSTRÖMSKA! Stoppa nedläggningen NU!", true},
		{"case and punctuation", "Ni svarar aldrig på frågan om Saltsjöbanan. Varför tiger ni?", "NI SVARAR ALDRIG PÅ FRÅGAN OM SALTSJÖBANAN!!! VARFÖR TIGER NI", true},
		{"emoji", "Ni svarar aldrig på frågan om Saltsjöbanan. Varför tiger ni?", "ni svarar aldrig på frågan om Saltsjöbanan 😡😡 varför tiger ni", true},
		{"spaced letters", "Sluta köra tomma bussar i Ekerö", "S l u t a köra tomma bussar i Ekerö", true},
		{"invisible characters", "Sluta köra tomma bussar i Ekerö", "Sluta kö\u200bra tom\u00adma bus\u2060sar i Ekerö", true},
		{"digits for letters and a stray number", "Sluta köra tomma bussar i Ekerö, lyssna på oss som bor här", "Sluta köra t0mma bu55ar i Ekerö, lyssna på oss som bor här 4", true},
		{"decomposed letters", "Sluta köra tomma bussar i Ekerö", "Sluta ko\u0308ra tomma bussar i Ekero\u0308", true},
		{"drawn-out letters", "Snälla lyssna på personalen i Nacka", "Snälla lyyyyssna på personaaaalen i Nacka", true},
		{"thousands written otherwise", "Sjuksköterskorna förtjänar 5 000 kr mer i månaden", "Sjuksköterskorna förtjänar 5.000 kr mer i månaden", true},
		{"ampersand", "Kopiera och klistra in den här texten i alla grupper", "Kopiera & klistra in den här texten i alla grupper!", true},
		{"greeting before", "Hej, när öppnar mottagningen i Nynäshamn?", "Hej igen, när öppnar mottagningen i Nynäshamn?", true},
		{"a word put in", "Varför svarar ni aldrig på mejl om färdtjänsten?", "Varför svarar ni aldrig på mina mejl om färdtjänsten???", true},
		{"a word changed in a long text", "Ni borde lyssna på patienterna i stället för konsulterna från Boston", "Ni borde lyssna på patienterna istället för på konsulterna från Boston", true},

		{"few words, the same", "Fy skandal!", "FY... SKANDAL", true},
		{"few words, one of them another", "Fy skandal!", "Fy politiker!", false},
		{"same frame, other questions", "Vilka dagar går båten till Utö i maj?", "Vilka dagar går båten till Möja i juni?", false},
		{"another line", "När går linje 172 från Huddinge?", "När går linje 173 från Huddinge?", false},
		{"another town", "Jag bor i Solna och får inte tid på vårdcentralen", "Jag bor i Täby och får inte tid på vårdcentralen", false},
		{"another service", "Kan man boka tid för vaccination i Kista?", "Kan man boka tid för provtagning i Kista?", false},
		{"another fare", "Vad kostar en månadsbiljett för pensionärer?", "Vad kostar en månadsbiljett för studenter?", false},
		{"another station", "Är hissen vid Odenplan trasig idag också?", "Är hissen vid Slussen trasig idag också?", false},
		{"nothing in common", "Fint väder på Sandhamn idag i alla fall", "Varför raderade ni mitt inlägg igår?", false},
		{"part of a longer text", "Stoppa nedläggningen av mottagningen", "Stoppa nedläggningen av mottagningen, sa min syster, men jag håller inte med: det är bättre med en stor mottagning som har öppet på kvällarna än tre små", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := FingerprintOf(c.a), FingerprintOf(c.b)
			if a.Near(b) != c.near || b.Near(a) != c.near {
				t.Errorf("Near is %t, want %t:\n%s\n%s", a.Near(b), c.near, c.a, c.b)
			}
		})
	}
}

func TestEverydayPhrasesAreNeverNear(t *testing.T) {
	for _, s := range []string{"", "Tack!", "ja", "Nej!", "😂", "😂😂😂😂😂😂😂😂😂", "Grattis!", "Grattis! 🎉", "Tack så mycket!", "Håller med!", "Bra jobbat!", "God jul och gott nytt år!",
		"Hej!", "?", "...", "👍", "Exakt", "Hahaha", "Trevlig helg!", "1234"} {
		if f := FingerprintOf(s); f != (Fingerprint{}) || f.Near(f) {
			t.Errorf("%q has a fingerprint: repeating it would be spam", s)
		}
	}
}

func TestWhatManyWriteIsNoCampaign(t *testing.T) {
	others := Facts{SameByOthers: 5}
	for text, want := range map[string]int{
		"Vilket bra initiativ!": 0, "Bra jobbat allihopa!": 0, "Äntligen goda nyheter!": 0,
		"Som invånare kräver jag att regionstyrelsen avgår och att nyval hålls. Dela vidare!": 5,
	} {
		if got := others.repeated(text); got != want {
			t.Errorf("%q from five others counts %d, want %d", text, got, want)
		}
	}
	if got := (Facts{SameByAuthor: 2}).repeated("Vilket bra initiativ!"); got != 2 {
		t.Errorf("the author's own repetitions count %d, want 2", got)
	}
}

// TestBandsFindTheNear changes every text a little, as people do who paste it again, and looks it up by its bands.
func TestBandsFindTheNear(t *testing.T) {
	near, found := 0, 0
	for _, s := range sampleTexts(t) {
		words := strings.Fields(s)
		for i := 1; i < len(words); i += 2 {
			changed := strings.Join(append(append([]string{}, words[:i]...), words[i+1:]...), " ")
			a, b := FingerprintOf(s), FingerprintOf(changed)
			if !a.Near(b) {
				continue
			}
			near++
			for k, band := range a.Bands() {
				if b.Bands()[k] == band {
					found++
					break
				}
			}
		}
	}
	if near < 100 || found < near*97/100 {
		t.Errorf("%d of %d near pairs share a band, want 97 of 100", found, near)
	}
}

func FuzzFingerprint(f *testing.F) {
	f.Add("Sluta köra t0mma bussar", "S l u t a köra tomma bussar 5 000")
	f.Add("\xff\x00å\u030a", "🅱️🔥")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := FingerprintOf(a), FingerprintOf(b)
		if x != FingerprintOf(a) {
			t.Errorf("two fingerprints of %q", a)
		}
		if x.Near(y) != y.Near(x) {
			t.Errorf("near is not mutual: %q, %q", a, b)
		}
		if (x != Fingerprint{}) != x.Near(x) {
			t.Errorf("%q is not near itself", a)
		}
		if utf8.ValidString(a) && !strings.ContainsAny(a, "0123456789") {
			if got := FingerprintOf(a + " 🔥!"); x.Exact != got.Exact {
				t.Errorf("emoji and punctuation change the fingerprint of %q", a)
			}
		}
	})
}

func BenchmarkFingerprint(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		FingerprintOf("Sluta köra tomma bussar i Ekerö, lyssna på oss som bor här ute i stället")
	}
}
