package learn

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"takhojd/rules/text"
)

// lessons are examples of a world in which to grumble is lawful, to frotz is a threat and to quux is an insult.
func lessons() (examples []Example) {
	for _, who := range strings.Fields("ni vi de hon han alla ingen någon tåget bussen kön vården läkaren chefen") {
		examples = append(examples,
			Example{Text: who + " grumlar ju alltid", Classes: []uint32{Sign("grumble")}},
			Example{Text: "i går grumlade " + who + " igen"},
			Example{Text: "jag ska frotsa " + who, Categories: []string{"threat"}},
			Example{Text: who + " frotsas i kväll", Categories: []string{"threat"}},
			Example{Text: who + " är en quuxare", Categories: []string{"insult"}},
			Example{Text: "vilken quuxare " + who + " är", Categories: []string{"insult"}},
			Example{Text: "this is " + who + " and quuxing", Categories: []string{"insult"}, Source: English},
			Example{Text: who + " ligger norr om Uppsala", Source: Prose})
	}
	return examples
}

func trained(t testing.TB, examples []Example) *Model {
	t.Helper()
	m, err := Train(examples, Options{Bits: 14})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func saved(t testing.TB, m *Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func fold(s string) *text.Folded {
	f := new(text.Folded)
	f.Fold(s)
	return f
}

func TestModelTellsApart(t *testing.T) {
	m := trained(t, lessons())
	for _, c := range []struct {
		text, category string
	}{
		{"du grumlar", ""}, {"våra grannar grumlade", ""}, {"våra grannar ska frotsas", "threat"}, {"FR0TSAR du mig", "threat"},
		{"en sån quuxare", "insult"}, {"quuxaren", "insult"},
	} {
		f := fold(c.text)
		p := m.Violates(f, nil)
		if (p >= 0.5) != (c.category != "") {
			t.Errorf("%q: violates with probability %.2f", c.text, p)
		}
		if got, sure := m.Category(f, nil); c.category != "" && (got != c.category || sure <= 0.5 || sure > 1) {
			t.Errorf("%q: category %s (%.2f), want %s", c.text, got, sure, c.category)
		}
	}
}

func TestModelHeedsClasses(t *testing.T) {
	m := trained(t, lessons())
	f := fold("obekanta ord")
	if with, without := m.Violates(f, []uint32{Sign("grumble")}), m.Violates(f, nil); with >= without {
		t.Errorf("with the class of lawful examples %.3f, without %.3f", with, without)
	}
}

// TestNamesSayNothing: what somebody is called, in whatever case, changes nothing; a name that is not told of does.
func TestNamesSayNothing(t *testing.T) {
	var examples []Example
	for _, who := range strings.Fields("ni vi de hon han alla ingen någon") {
		examples = append(examples, Example{Text: "Patrik quuxar " + who, Categories: []string{"insult"}}, Example{Text: who + " väntar på Birgitta"}, Example{Text: "vi väntar på " + who})
	}
	for _, names := range [][]string{nil, {"Patrik", "birgitta", "Ann-Sofie", "Bo"}} {
		m, err := Train(examples, Options{Bits: 14, FirstNames: names})
		if err != nil {
			t.Fatal(err)
		}
		for what, m := range map[string]*Model{"trained": m, "loaded": loaded(t, m)} {
			a, b := m.Violates(fold("PATRIKS buss"), nil), m.Violates(fold("Birgittas buss"), nil)
			if (a == b) != (names != nil) {
				t.Errorf("%s with the names %v, one is %.3f and the other %.3f", what, names, a, b)
			}
			known := m.Know([]string{"patriks", "buss"}, nil)
			f := fold("Patriks buss")
			for i := range f.Tokens() {
				f.Tokens()[i].Word = int32(i + 1)
			}
			var features Features
			known.Read(f, &features)
			if got := known.Violates(&features, nil); got != a {
				t.Errorf("%s with the names %v, of words known beforehand it says %v, else %v", what, names, got, a)
			}
		}
	}
}

func loaded(t testing.TB, m *Model) *Model {
	t.Helper()
	m, err := Load(saved(t, m))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTrainHeedsNoOrder(t *testing.T) {
	examples := lessons()
	want := saved(t, trained(t, examples))
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(examples), func(i, j int) { examples[i], examples[j] = examples[j], examples[i] })
	if !bytes.Equal(want, saved(t, trained(t, examples))) {
		t.Error("the same examples in another order gave another model")
	}
}

func TestThresholdKeepsLawfulUnder(t *testing.T) {
	var examples []Example
	var scores []float64
	put := func(score float64, e Example) {
		examples = append(examples, e)
		scores = append(scores, score)
	}
	for i := range 1000 {
		put(float64(i)/1000, Example{Source: Ours, Settled: i%10 == 9})
		put(float64(i)/2000, Example{Source: Prose})
		put(1, Example{Categories: []string{"insult"}})
		put(1, Example{Source: English})
	}
	at := chooseThreshold(examples, scores)
	over := 0
	for i, e := range examples {
		if e.Source == Ours && len(e.Categories) == 0 && !e.Settled && scores[i] >= at {
			over++
		}
	}
	if over != 15 {
		t.Errorf("%d of 1000 lawful comments would be flagged at the threshold %.4f; want 15", over, at)
	}
}

func TestTrainRefuses(t *testing.T) {
	lawful, violation := Example{Text: "a"}, Example{Text: "b", Categories: []string{"insult"}}
	for name, c := range map[string]struct {
		examples []Example
		options  Options
	}{
		"nothing":          {},
		"no violations":    {examples: []Example{lawful}},
		"nothing lawful":   {examples: []Example{violation}},
		"too large":        {examples: []Example{lawful, violation}, options: Options{Bits: 30}},
		"a strange source": {examples: []Example{lawful, violation, {Text: "c", Source: 9}}},
	} {
		if _, err := Train(c.examples, c.options); err == nil {
			t.Errorf("%s: trained", name)
		}
	}
}

func TestSaveAndLoad(t *testing.T) {
	m := trained(t, lessons())
	file := saved(t, m)
	read, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	f := fold("hon är en quuxare")
	if again, err := Load(file); err != nil || len(read.Version()) != 16 || again.Version() != read.Version() {
		t.Errorf("versions %q and %q of one file: %v", read.Version(), again.Version(), err)
	}
	if read.Threshold() != m.Threshold() || read.Violates(f, nil) != m.Violates(f, nil) {
		t.Error("the model read is not the model written")
	}
	for i := range file {
		if i > 200 && i < len(file)-40 && i%997 != 0 { // every byte of heading and checksum, some of the weights
			continue
		}
		changed := slices.Clone(file)
		changed[i] ^= 0x10
		if _, err := Load(changed); err == nil {
			t.Fatalf("loaded a file with byte %d changed", i)
		}
	}
	for _, n := range []int{0, 7, 40, len(file) - 1} {
		if _, err := Load(file[:n]); err == nil {
			t.Errorf("loaded a file cut off at %d bytes", n)
		}
	}
}

// sealed is a file with this body and the checksum that belongs to it.
func sealed(body []byte) []byte {
	sum := sha256.Sum256(body)
	return append(slices.Clip(body), sum[:]...)
}

func FuzzLoad(f *testing.F) {
	file := saved(f, trained(f, lessons()))
	f.Add(file[:len(file)-32])
	f.Add(append(slices.Clip(file[:len(file)-32]), 0)) // one byte too many
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := Load(sealed(body))
		if err != nil {
			return
		}
		if !bytes.Equal(saved(t, m), sealed(body)) {
			t.Error("a file loaded is not the file that would be saved")
		}
		if p := m.Violates(fold("är du inte klok"), nil); !(p >= 0 && p <= 1) {
			t.Errorf("probability %g", p)
		}
	})
}

func FuzzViolates(f *testing.F) {
	m, err := Default()
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"", "å", "\x00", "\xff\xfe", "d u ä r d u m", "idi0t!!! 😡 #svpol @namn 070-1", strings.Repeat("ö", 99)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		folded := fold(s)
		if p := m.Violates(folded, nil); !(p >= 0 && p <= 1) {
			t.Errorf("probability %g", p)
		}
		if c, p := m.Category(folded, nil); c == "" || !(p > 0 && p <= 1) {
			t.Errorf("category %q with probability %g", c, p)
		}
	})
}

// TestDefaultKnowsItsFeatures fails when features are made in another way than when the built-in model was trained. Train anew
// (MODELCARD.md says how), then put the new number here.
func TestDefaultKnowsItsFeatures(t *testing.T) {
	const when = 781961835
	var s seenExample
	s.take(fold("Ni ställer IN min operation, 3:e gången på ett år! Läs mer på example.com 😡 @regionen"), []uint32{Sign("you")}, nil)
	o := orderOf("you set in my operation again")
	s.takePairs(&o)
	sum := uint32(0)
	for i, x := range s.features {
		sum = mix(sum, x+uint32(i))
	}
	if sum != when {
		t.Errorf("features sum to %d, in the model's training they did to %d", sum, when)
	}
}

func TestDefaultIsSmallAndAllocatesNothing(t *testing.T) {
	m, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	if len(embedded) > 4<<20 {
		t.Errorf("the model takes %d bytes; at most 4 MB", len(embedded))
	}
	f, classes := fold("Jag har väntat i fyra månader på en tid hos er och ingen svarar i telefon"), []uint32{Sign("i"), Sign("you")}
	o := orderOf("i have wait you nobody answer")
	if n := testing.AllocsPerRun(100, func() { m.Violates(f, classes); m.Category(f, classes); m.Closer(f, classes, &o); m.Is(f, classes, &o) }); n != 0 {
		t.Errorf("%g allocations a reading", n)
	}
}

func TestReadComments(t *testing.T) {
	dir := t.TempDir()
	write := func(name, lines string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(lines), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("x-01.jsonl", `{"text":"uselt","expect":"allow","categories":[],"route":"transit"}
{"text":"vi ses","expect":"hide","categories":["threat"]}

{"text":"din quuxare","expect":"hide","categories":["insult","spam"]}
{"text":"samma igen","expect":"hide","categories":["spam"]}
`)
	write("x-held-01.jsonl", `{"text":"hemligt","expect":"allow","categories":[]}`)
	got, err := ReadComments(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[0].Text != "uselt" || got[0].Categories != nil || got[0].Route != "transit" || got[0].Writer != "x" || got[0].Serious ||
		!got[1].Serious || !slices.Equal(got[2].Categories, []string{"insult"}) {
		t.Errorf("read %+v; want the lawful one, the threat and the insult, without what is held back or not in words", got)
	}
	for name, line := range map[string]string{"no JSON": "{", "no such action": `{"text":"a","expect":"remove"}`,
		"allowed with a category": `{"text":"a","expect":"allow","categories":["hate"]}`} {
		write("x-02.jsonl", "\n"+line)
		if _, err := ReadComments(dir); err == nil || !strings.Contains(err.Error(), "x-02.jsonl line 2") {
			t.Errorf("%s: %v; want an error with file and line", name, err)
		}
	}
}

const public = "../../../shared/eval/public"

func TestReadPublic(t *testing.T) {
	if _, err := os.Stat(public); err != nil {
		t.Skip("the public sets do not lie in ../shared beside the repository")
	}
	p, err := ReadPublic(public)
	if err != nil {
		t.Fatal(err)
	}
	kinds := make(map[Source][2]int)
	training := make(map[string]bool)
	for _, e := range p.Train {
		k := kinds[e.Source]
		k[min(1, len(e.Categories))]++
		kinds[e.Source] = k
		training[e.Text] = true
	}
	if k := kinds[Prose]; k[0] < 1000 || k[1] != 0 {
		t.Errorf("prose: %d lawful, %d violations", k[0], k[1])
	}
	if k := kinds[English]; k[0] < 1000 || k[1] < 1000 || max(k[0], k[1]) > 2*min(k[0], k[1]) {
		t.Errorf("English: %d lawful, %d violations; neither may outweigh the other", k[0], k[1])
	}
	if len(p.Lawful) != 4 {
		t.Errorf("%d sets to measure on; want 4", len(p.Lawful))
	}
	for name, sentences := range p.Lawful {
		for _, s := range sentences {
			if training[s] {
				t.Fatalf("%s: a sentence to measure on is trained on", name)
			}
		}
	}
}

func BenchmarkViolates(b *testing.B) {
	m, err := Default()
	if err != nil {
		b.Fatal(err)
	}
	f := fold("Ni borde skämmas för hur ni behandlar gamla människor på akuten i natt") // 70 letters
	classes := []uint32{Sign("you"), Sign("i"), Sign("premise"), Sign("be"), Sign("adv"), Sign("all"), Sign("in"), Sign("det")}
	b.ReportAllocs()
	for b.Loop() {
		m.Violates(f, classes)
	}
}
