package lexicon

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in       string
		forms    string
		compound Compound
	}{
		{"flicka~n1", "flicka flickan flickas flickans flickor flickorna flickors flickornas", 0},
		{"hund~n2", "hund hunden hundar hundarna hunds hundens hundars hundarnas", 0},
		{"jävel~n2", "jävel jäveln jävels jävelns jävlar jävlarna jävlen jävlars jävlarnas jävlens", 0},
		{"idiot~n3", "idiot idioten idioter idioterna idiots idiotens idioters idioternas", 0},
		{"pucko~n4", "pucko puckot puckon puckona puckos puckots puckons puckonas", 0},
		{"svin~n5", "svin svinet svinen svins svinets svinens", 0},
		{"lögnare~n5", "lögnare lögnaren lögnares lögnarens lögnarna lögnarnas", 0},
		{"dum~a", "dum dumt dumma dumme dummare dummast dummaste", 0},
		{"korkad~a", "korkad korkat korkade", 0},
		{"förljugen~a", "förljugen förljuget förljugna förljugne förljugnare förljugnast förljugnaste", 0},
		{"döda~v", "döda dödar dödade dödat dödad dödas dödats dödades dödande", 0},
		{"bränna~w", "bränna bränner bränn brännas bränns brännande brännes brände bränt bränd brända bränts brändes", 0},
		{"köpa~w", "köpa köper köp köpas köps köpande köpes köpte köpt köpta köpts köptes", 0},
		{"spy~w", "spy spyr spydde spytt spydd spys spytts spyddes spyende", 0},
		{"moron~e", "moron morons moron's moroned moroning moroner moroners moronin", 0},
		{"slå/slår/slog", "slå slår slog", 0},
		{"*svin", "svin", Head}, {"skit*", "skit", Modifier}, {"*fitt*", "fitt", Both}, {"*neger/*negrer", "neger negrer", Head},
		{"kuk*~n", "kuk kuken kukar kukarna kuks kukens kukars kukarnas kuker kukerna kukers kukernas kuket kukets", Modifier},
		{"röv^", "röv rov", 0},
		{"Dra/drar åt/till helvete", "dra åt helvete|dra till helvete|drar åt helvete|drar till helvete", 0},
	} {
		terms, err := Parse("x.words", 1, c.in)
		if err != nil || len(terms) != 1 {
			t.Errorf("%q: %v, %v", c.in, terms, err)
			continue
		}
		sep := " "
		if strings.Contains(c.forms, "|") {
			sep = "|"
		}
		if got := strings.Join(terms[0].Forms, sep); got != c.forms || terms[0].Compound != c.compound {
			t.Errorf("%q: %q (%d), want %q (%d)", c.in, got, terms[0].Compound, c.forms, c.compound)
		}
	}
}

func TestParseManyAndComments(t *testing.T) {
	terms, err := Parse("x.words", 1, "a, b # c\n\n# d\n e ,,f\n")
	if err != nil {
		t.Fatal(err)
	}
	var lemmas []string
	for _, term := range terms {
		lemmas = append(lemmas, term.Lemma)
	}
	if got := strings.Join(lemmas, " "); got != "a b e f" {
		t.Errorf("got %q", got)
	}
}

func TestParseSaysWhere(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"ärlig,\nidiot~n, tj*v", "list x.words, line 8, column 10"},
		{"idiot~q", "line 7, column 1"},
		{"a/", "lacks a word"},
		{"~n", "lacks a word"},
		{"{x}", "is no term"},
		{strings.Repeat("a/b/c/d/e ", 6), "more than 2000 forms"},
	} {
		if _, err := Parse("x.words", 7, c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q in it", c.in, err, c.want)
		}
	}
}

func TestMisspelt(t *testing.T) {
	slips := misspelt("idiotpäls")
	for _, want := range []string{"iddiotpäls", "idoitpäls", "idiotpels", "idiåtpäls", "idotpäls"} {
		if !contains(slips, want) {
			t.Errorf("no slip %q in %q", want, slips)
		}
	}
	if len(misspelt("kuk")) > 0 || len(misspelt("dra åt helvete")) > 0 {
		t.Error("short words and phrases have slips")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"idiot~n", "*a/b*~n^!", "a b/c~v d", "~", "/", "*", "!", "^", "a~", "el~n", "m~n2", "en~a", "\xff~n", "d~a", "e~n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		terms, err := Parse("x.words", 1, s)
		if err != nil {
			return
		}
		if _, err := Compile(terms, nil); err != nil && !strings.Contains(err.Error(), "words") {
			t.Fatalf("%q: %v", s, err)
		}
	})
}
