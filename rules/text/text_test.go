package text

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// show writes tokens as their texts, with / between.
func show(f *Folded) string {
	var texts []string
	for _, t := range f.Tokens() {
		texts = append(texts, t.Text)
	}
	return strings.Join(texts, "/")
}

func TestTokens(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"Höra är INTE hora, får är inte far.", "höra/är/inte/hora/får/är/inte/far"},
		{"HO\u0308RA a\u030ak A\u0308ND", "höra/åk/änd"}, // combining, as files and phones from some makers write
		{"Ａｋｕｔｅｎ 𝓲𝓭𝓲𝓸𝓽 ⓀⓊⓀ 🅱️ög", "akuten/idiot/kuk/bög"},
		{"i\u200bd\u200bi\u00adot so\u2060pa", "idiot/sopa"},
		{"i̶d̶i̶o̶t z̷̢̛̲̈a̶̧̛l̴̬̚g̵̹̓o̸̖̽", "idiot/zalgo"},
		{"Iԁiоt skrattar", "idiot/skrattar"},
		{"Ты идиот, закрой рот", "ты/идиот/закрой/рот"},
		{"Дякую лікарям", "дякую/лікарям"},
		{"p.u.c.k.o", "pucko"}, {"i d i o t", "idiot"}, {"D U  Ä R  E N  I D I O T", "du/är/en/idiot"},
		{"i_d_i_o_t", "i_d_i_o_t"}, {"k\nu\nk", "kuk"},
		{"vi å de", "vi/å/de"}, {"å i Umeå", "å/i/umeå"},
		{"172:an, SL:s, kl. 14:30, 4-6 veckor", "172/sl/kl/14/30/4/6/veckor"},
		{"don't", "don't"},
		{"Läs https://example.com/slut?a=b, eller www.sl.se.", "läs/https://example.com/slut?a=b/eller/www.sl.se"},
		{"anna@example.com och dn.se/nyheter", "anna@example.com/och/dn.se/nyheter"},
		{"bra.Men t.ex. bl.a kl.9 Node.js", "bra/men/t/ex/bl/a/kl/9/node/js"},
		{"@regionstockholm #vård #1", "regionstockholm/vård/1"},
		{"f*n, jä**a, *viktigt*, 2*3, fit**", "f*n/jä**a/viktigt/2/3/fit**"},
		{"1d10t n1 ab12 covid19 2a 10k", "idiot/n1/ab12/covid19/2a/10k"},
		{"jäääävla neeej mmm", "jävla/nej/mmm"},
		{"priset* och slut* .", "priset/och/slut"}, {"ja👍nej 😂😂", "ja/👍/nej/😂/😂"},
		{"0️⃣7️⃣0️⃣ ０７０", "070/070"},
		{"a\x00b\xff\xfec", "abc"},
		{"سأقتلك إذا", "سأقتلك/إذا"},
	} {
		var f Folded
		f.Fold(c.in)
		if got := show(&f); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestDisguises(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Disguise
	}{
		{"idiot", 0}, {"HO\u0308RA", 0}, {"Dr. Émile", 0}, {"rätt–fel", 0}, {"„citat”", 0},
		{"1d10t", Leet}, {"i d i o t", Spaced}, {"i.d.i.o.t", Punctuated}, {"idiooot", Repeated}, {"idiоt", Homoglyph},
		{"idi\u200bot", Invisible}, {"idi\u00adot", Invisible}, {"𝓲𝓭𝓲𝓸𝓽", Styled}, {"i\u0336diot", Combining},
	} {
		var f Folded
		f.Fold(c.in)
		if got := f.Tokens()[0].Disguise; got != c.want {
			t.Errorf("%q: disguise %b, want %b", c.in, got, c.want)
		}
	}
}

func TestKindsAndGaps(t *testing.T) {
	var f Folded
	f.Fold("”Du är en NOLLA”, sa @Bo till #Eva (54): \n> 🙂 sluta? t.se/x!")
	for i, want := range []struct {
		text   string
		kind   Kind
		before Gap
		up     bool
	}{
		{"du", Word, Quote, false}, {"är", Word, Space, false}, {"en", Word, Space, false}, {"nolla", Word, Space, true},
		{"sa", Word, Quote | Comma | Space, false}, {"bo", Mention, Space | Other, false}, {"till", Word, Space, false},
		{"eva", Hashtag, Space | Other, false}, {"54", Number, Space | Open, false},
		{"🙂", Symbol, Close | Colon | Space | Newline | Other | Quote, false}, {"sluta", Word, Space, false},
		{"t.se/x", Link, Stop | Question | Space, false},
	} {
		got := f.Tokens()[i]
		if got.Text != want.text || got.Kind != want.kind || got.Before != want.before || got.Upper != want.up {
			t.Errorf("token %d: %q kind %d before %b upper %v; want %+v", i, got.Text, got.Kind, got.Before, got.Upper, want)
		}
	}
	if f.After() != Stop|Exclaim {
		t.Errorf("after the last token: %b", f.After())
	}
}

// The marks of other scripts end sentences and ask as ours do.
func TestMarksOfOtherScripts(t *testing.T) {
	var f Folded
	f.Fold("أين الطبيب؟ نعم، هنا")
	for i, want := range map[int]Gap{2: Stop | Question | Space, 3: Comma | Space} {
		if got := f.Tokens()[i].Before; got != want {
			t.Errorf("before token %d: %b, want %b", i, got, want)
		}
	}
}

func TestSpans(t *testing.T) {
	for _, c := range []struct{ in, token, want string }{
		{"den där Iԁiоten!", "idioten", "Iԁiоten"},
		{"en i d i o t här", "idiot", "i d i o t"},
		{"sv\u200bart\u200b skalle", "svart", "sv\u200bart"},
		{"HO\u0308RA dåligt", "höra", "HO\u0308RA"},
		{"z̷̢̛̲̈a̶̧̛l̴̬̚g̵̹̓o̸̖̽ text", "zalgo", "z̷̢̛̲̈a̶̧̛l̴̬̚g̵̹̓o̸̖̽"},
		{"först 𝓲𝓭𝓲𝓸𝓽 sen", "idiot", "𝓲𝓭𝓲𝓸𝓽"},
		{"först 𝓲𝓭𝓲𝓸𝓽 sen", "sen", "sen"},
		{"… ”citat” – slut", "slut", "slut"},
		{"💉 \ufeffsist", "sist", "sist"},
	} {
		var f Folded
		f.Fold(c.in)
		found := false
		for _, tok := range f.Tokens() {
			if tok.Text == c.token {
				found = true
				if got := c.in[tok.Span.Start:tok.Span.End]; got != c.want {
					t.Errorf("%q: %q stands at %q, want %q", c.in, c.token, got, c.want)
				}
			}
		}
		if !found {
			t.Errorf("%q: no token %q in %s", c.in, c.token, show(&f))
		}
	}
}

// TestOrdinaryTextHasNoReadings guards the promise that plain text costs nothing extra.
func TestOrdinaryTextHasNoReadings(t *testing.T) {
	var f Folded
	f.Fold("Hej! Har väntat 9 timmar på akuten i Huddinge, kl. 14.30 idag. Buss 172 går var 10:e minut; priset är 1 020 kr (inkl. moms).")
	if n := len(f.Readings()); n != 0 {
		t.Errorf("%d readings: %+v", n, f.Readings())
	}
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"", "Höra", "HO\u0308RA", "i d i o t", "1d10t f*n", "\x00\xff", "a\u0336\u0308", "🅱️🇸🇪", "p.u.c https://x.se", "**", "k🍆k",
		strings.Repeat("a\u0308", 50), "'''", ":::a", "@@#", "\u200b\u200b", "аbс", "C\xc3", "\xc3", "a\xc3\x97b"} {
		f.Add(s)
	}
	var folded Folded
	f.Fuzz(func(t *testing.T, s string) { check(t, &folded, s) })
}

// check folds s and tests what holds for every text.
func check(t *testing.T, f *Folded, s string) {
	f.Fold(s)
	last, valid := 0, utf8.ValidString(s)
	for i, tok := range f.Tokens() {
		if tok.Span.Start < last || tok.Span.End < tok.Span.Start || tok.Span.End > len(s) {
			t.Fatalf("%q: token %d at %v, after %d", s, i, tok.Span, last)
		}
		last = tok.Span.End
		if tok.Text == "" || !utf8.ValidString(tok.Text) {
			t.Fatalf("%q: token %d is %q", s, i, tok.Text)
		}
		if tok.Span.Start == tok.Span.End {
			t.Fatalf("%q: token %d (%q) stands nowhere", s, i, tok.Text)
		}
		for _, at := range []int{tok.Span.Start, tok.Span.End} {
			if at < len(s) && valid && !utf8.RuneStart(s[at]) {
				t.Fatalf("%q: token %d at %v is not on characters' boundaries", s, i, tok.Span)
			}
		}
	}
	first := 0
	for _, r := range f.Readings() {
		if r.First < first || r.Last < r.First || r.Last >= len(f.Tokens()) {
			t.Fatalf("%q: reading of %d to %d", s, r.First, r.Last)
		}
		first = r.First
		for _, c := range r.Cells {
			if c.Max < c.Min || c.Max == 0 || int(c.N) > len(c.Alt) {
				t.Fatalf("%q: cell %+v", s, c)
			}
		}
	}
}
