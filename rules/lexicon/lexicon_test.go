package lexicon

import (
	"testing"

	"takhojd/rules/text"
)

func TestFind(t *testing.T) {
	l, err := Compile([]Term{
		{Lemma: "idiot", Forms: []string{"idiot", "idioten", "idioter"}, Compound: Both},
		{Lemma: "skit", Forms: []string{"skit", "skits"}, Compound: Modifier},
		{Lemma: "jävla", Forms: []string{"jävla"}, Compound: Modifier},
		{Lemma: "dra åt helvete", Forms: []string{"dra åt helvete", "drar åt helvete"}},
		{Lemma: "hora", Forms: []string{"hora", "horan"}, Compound: Both},
		{Lemma: "fan", Forms: []string{"fan"}},
		{Lemma: "pucko", Forms: []string{"pucko", "puckon"}, Compound: Head},
		{Lemma: "kuk", Forms: []string{"kuk", "kukar"}, Compound: Both},
	}, []string{"skithus*", "skitig*", "kuksås"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ in, want string }{
		{"du är en idiot", "idiot"},
		{"jubelidioten där", "idioten"},
		{"jävla-skit-idiot", "jävla skit idiot"},
		{"jävlaskitidiot", "idiot jävla skit"},
		{"skithus och skitiga händer, kuksås, assistent, Fittja", ""},
		{"jag vill höra", ""},
		{"jag vill ho\u0308ra", ""},
		{"en h0ra", "hora"},
		{"hoooooraaaaa", "hora"},
		{"dra åt h*lvete", "dra åt helvete"},
		{"D R A  Å T  H E L V E T E", "dra åt helvete"},
		{"f*n", "fan"}, {"1d10t", "idiot"}, {"p.u.c.k.o", "pucko"}, {"id-iot", "idiot"},
		{"Iԁiоt", "idiot"}, {"ｉｄｉｏｔ", "idiot"}, {"i\u200bd\u200biot", "idiot"}, {"k🍆k", "kuk"}, {"S l u t a köra", ""},
	} {
		var f text.Folded
		f.Fold(c.in)
		got := ""
		for i, m := range l.Find(&f, nil) {
			if i > 0 {
				got += " "
			}
			got += m.Form
		}
		if got != c.want {
			t.Errorf("%q: found %q, want %q", c.in, got, c.want)
		}
	}
}
