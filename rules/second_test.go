package rules

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"takhojd/platforms"
	"takhojd/rules/learn"
)

// withLearnt is the built-in policy with a second reader that has learnt one thing: to frotz is a threat.
func withLearnt(t *testing.T) *Policy {
	t.Helper()
	var examples []learn.Example
	for _, who := range strings.Fields("ni vi hon han alla ingen tåget bussen kön vården läkaren chefen") {
		examples = append(examples, learn.Example{Text: who + " väntar på bussen"}, learn.Example{Text: "i går åkte " + who + " hem"},
			learn.Example{Text: "frotsa " + who + " nu", Categories: []string{"threat"}},
			learn.Example{Text: who + " blir frotsade", Categories: []string{"insult"}})
	}
	m, err := learn.Train(examples, learn.Options{Bits: 14})
	if err != nil {
		t.Fatal(err)
	}
	p := mustDefault(t).WithSecondReader(m)
	p.second.key = 0 // which is tried by itself: this reader knows nothing else
	return p
}

func TestSecondReader(t *testing.T) {
	p := withLearnt(t)
	for name, c := range map[string]struct {
		text    string
		own     bool
		facts   Facts
		action  Action
		speaks  bool
		without Action
	}{
		"flags what the rules let stand": {text: "frotsa grannarna nu", action: Flag, speaks: true, without: Allow},
		"is silent on what is lawful":    {text: "grannarna väntar på bussen", action: Allow, without: Allow},
		"leaves a hide alone":            {text: "frotsa grannarna nu, din jävla idiot", action: Hide, without: Hide},
		"is silent where a rule matched": {text: "Frotsa nu, du är ingen idiot", action: Allow, without: Allow},
		"leaves our own alone":           {text: "frotsa grannarna nu", own: true, action: Allow, without: Allow},
		"is silent on nothing":           {text: "", action: Allow, without: Allow},
		"only counts in shadow": {text: "frotsa grannarna nu", facts: Facts{Modes: map[string]Mode{SecondReader: ModeShadow}},
			action: Allow, speaks: true, without: Allow},
		"is never raised to hide": {text: "frotsa grannarna nu", facts: Facts{Modes: map[string]Mode{SecondReader: ModeHide}},
			action: Flag, speaks: true, without: Allow},
	} {
		comment := platforms.Comment{Text: c.text, Own: c.own}
		v := p.Judge(comment, c.facts)
		var said *Finding
		for i := range v.Findings {
			if v.Findings[i].Rule == SecondReader {
				said = &v.Findings[i]
			}
		}
		if v.Action != c.action || (said != nil) != c.speaks || v.Escalate {
			t.Errorf("%s: %s (escalate %t) with finding %+v; want %s", name, v.Action, v.Escalate, said, c.action)
		}
		if said != nil && (said.Score < 0.5 || said.Start != 0 || said.End != 0 || said.Reason.SV == "" || said.Reason.EN == "" ||
			!said.Category.Valid()) {
			t.Errorf("%s: finding %+v", name, said)
		}
		if v := p.WithSecondReader(nil).Judge(comment, c.facts); v.Action != c.without {
			t.Errorf("%s: %s without the second reader; want %s", name, v.Action, c.without)
		}
	}
}

// TestSecondReaderSpeaksSoonerOfWhatItGuesses: of a bullet that the policy gives a likelihood, that likelihood is enough; of another it is not.
func TestSecondReaderSpeaksSoonerOfWhatItGuesses(t *testing.T) {
	base := mustDefault(t)
	var examples []learn.Example
	for i, who := range strings.Fields("ni vi hon han alla ingen tåget bussen kön vården läkaren chefen") {
		for _, e := range []learn.Example{
			{Text: who + " väntar på bussen"}, {Text: "i går åkte " + who + " hem"},
			{Text: "frotsa " + who + " nu", Categories: []string{"threat"}}, {Text: who + " blir smorkade", Categories: []string{"insult"}},
		} {
			if strings.HasPrefix(e.Text, "frotsa") && i%6 == 0 {
				e.Categories = nil // such as make the reader want to be surer
			}
			examples = append(examples, base.Lesson(e))
		}
	}
	m, err := learn.Train(examples, learn.Options{Bits: 14})
	if err != nil {
		t.Fatal(err)
	}
	comment := platforms.Comment{Text: "frotsa grannarna nu"}
	for name, c := range map[string]struct {
		flags  map[Category]float64
		action Action
	}{
		"no bullet":       {nil, Allow},
		"the guess":       {map[Category]float64{"threat": 0.5}, Flag},
		"another bullet":  {map[Category]float64{"insult": 0.1}, Allow},
		"not that likely": {map[Category]float64{"threat": 0.99}, Allow},
	} {
		p := base.WithSecondReader(m)
		p.second.flags = c.flags
		if v := p.Judge(comment, Facts{}); v.Action != c.action {
			t.Errorf("%s: %s with %+v; want %s, from %.3f", name, v.Action, v.Findings, c.action, m.Threshold())
		}
	}
}

func TestSecondReaderIsSwitchedInTheFile(t *testing.T) {
	raw, err := os.ReadFile("policies/regionstockholm.yaml")
	if err != nil {
		t.Fatal(err)
	}
	change := func(old, line string) error {
		fsys := fstest.MapFS{"p.yaml": {Data: []byte(strings.Replace(string(raw), old, line, 1))}}
		lists, err := os.ReadDir("policies/lists")
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lists {
			list, err := os.ReadFile("policies/lists/" + l.Name())
			if err != nil {
				t.Fatal(err)
			}
			fsys["lists/"+l.Name()] = &fstest.MapFile{Data: list}
		}
		p, err := Load(fsys, "p.yaml")
		if err == nil && p.second.mode != ModeShadow {
			t.Errorf("%q: mode %s; want shadow", line, p.second.mode)
		}
		return err
	}
	load := func(line string) error { return change("second_reader: flag", line) }
	for _, line := range []string{"second_reader: shadow", ""} {
		if err := load(line); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
	for _, line := range []string{"second_reader: hide", "second_reader: 7"} {
		if err := load(line); err == nil || !strings.Contains(err.Error(), "second_reader") {
			t.Errorf("%q: %v; want a refusal that names it", line, err)
		}
	}
	for _, line := range []string{"{category: insult, likely: 1.6}", "{category: insult}", "{category: rudeness, likely: 0.6}",
		"{category: insult, likely: 0.4, clear: 0.5}", "{category: insult, likely: 0.4, clear: -1}"} {
		if err := change("{category: insult, likely: 0.4}", line); err == nil || !strings.Contains(err.Error(), "second_spares") {
			t.Errorf("%q: %v; want a refusal that names it", line, err)
		}
	}
	if err := change("{category: insult, likely: 0.75}", "{category: insult, likely: 0.75, clear: 0.2}"); err == nil || !strings.Contains(err.Error(), "second_flags") {
		t.Errorf("clear under second_flags: %v; want a refusal that names it", err)
	}
}

// TestKnownWordsChangeNothing: the words worked out beforehand give the very same likelihood.
func TestKnownWordsChangeNothing(t *testing.T) {
	p := mustDefault(t)
	m, err := learn.Default()
	if err != nil {
		t.Fatal(err)
	}
	s := p.pool.Get().(*scratch)
	for _, comment := range append(devTexts(t), "#sverige @region 112 idiot1 åäö", "") {
		p.read(s, comment)
		known, signs, classes := p.second.model, p.second.signsOf(&s.lattice.all), p.second.classesOf(&s.lattice.all, nil)
		p.second.orderOf(&s.lattice, &s.order)
		known.Read(&s.folded, &s.features)
		if got, want := known.Violates(&s.features, classes), m.Violates(&s.folded, signs); got != want {
			t.Errorf("%q: %v at a glance, want %v", comment, got, want)
		}
		var signed learn.Order
		p.second.orderOf(&s.lattice, &signed)
		signed.Sign(p.second.signs)
		if got, want := known.Closer(&s.features, classes, &s.order), m.Closer(&s.folded, signs, &signed); got != want {
			t.Errorf("%q: %v read closely, want %v", comment, got, want)
		}
		got, _ := known.Category(&s.features, classes)
		if want, _ := m.Category(&s.folded, signs); got != want {
			t.Errorf("%q: %s, want %s", comment, got, want)
		}
		if got, want := known.Seems(&s.features, classes), m.Seems(&s.folded, signs); got != want {
			t.Errorf("%q seems to ask: known words say %v, the model %v", comment, got, want)
		}
		is := known.Is(&s.features, classes, &s.order)
		if want := m.Is(&s.folded, signs, &signed); is != want {
			t.Errorf("%q is %+v; want %+v", comment, is, want)
		}
	}
}

// It takes two keys to hide an opinion; what a detector found needs one.
func TestTwoKeysToHideAnOpinion(t *testing.T) {
	withKey := func(key float64) *Policy {
		p := *mustDefault(t)
		p.second.key = key
		return &p
	}
	const insult, identity, threat, crime = "Du är en jävla idiot", "Hennes personnummer är 470612-9824", "Jag ska döda dig", "Krossa varenda biljettspärr"
	for _, c := range []struct {
		text string
		key  float64
		want Action
	}{{insult, 0, Hide}, {insult, 0.5, Hide}, {insult, 0.9999, Flag}, {identity, 0.9999, Hide}, {threat, 0.9999, Hide}, {crime, 0.9999, Flag}} {
		v := withKey(c.key).Judge(platforms.Comment{Text: c.text}, Facts{})
		if v.Action != c.want {
			t.Errorf("%q with key %v: %s, want %s", c.text, c.key, v.Action, c.want)
		}
		for _, f := range v.Findings {
			if c.want == Flag && f.Action == Hide {
				t.Errorf("%q is flagged, and its finding hides", c.text)
			}
		}
		if c.text == crime && !v.Escalate {
			t.Error("incitement that is only flagged is no longer escalated")
		}
	}
}

// TestSecondReaderSparesWhatOnlyADoubtfulPatternFound: it lets that stand and says so, under the bullets that the policy names. What is
// escalated or detected is flagged whatever it thinks.
func TestSecondReaderSparesWhatOnlyADoubtfulPatternFound(t *testing.T) {
	const insult = "Du är en jävla idiot"
	const mild, contact, threat = "Vilka clowner som styr den här regionen", "Vilka clowner som styr, mitt nummer är 070-174 06 12", "Krossa varenda biljettspärr"
	const known = "Beslutet togs bakom stängda dörrar"
	shadow := Facts{Modes: map[string]Mode{SecondReader: ModeShadow}}
	all := map[Category]float64{"insult": 0.9999, "profanity": 0.9999}
	for name, c := range map[string]struct {
		text   string
		facts  Facts
		spares map[Category]float64
		clears map[Category]float64
		action Action
	}{
		"clear, and so named": {text: insult, spares: all, clears: all, action: Allow},
		"likelier lawful":     {text: mild, spares: map[Category]float64{"insult": 0.9999}, action: Allow},
		"likelier not":        {text: mild, spares: map[Category]float64{"insult": 0.0001}, action: Flag},
		"not named":           {text: mild, spares: map[Category]float64{"hate": 0.9999}, action: Flag},
		"in shadow":           {text: mild, facts: shadow, spares: map[Category]float64{"insult": 0.9999}, action: Flag},
		"detected":            {text: contact, spares: map[Category]float64{"insult": 0.9999, "personal-data": 0.9999}, action: Flag},
		"clear, lowered":      {text: insult, spares: all, action: Flag},
		"a threat, lowered":   {text: threat, spares: map[Category]float64{"threat": 0.9999, "incitement": 0.9999}, action: Flag},
		"a known claim":       {text: known, spares: map[Category]float64{"disinformation": 0.9999}, action: Flag},
		"said once before":    {text: mild, facts: Facts{SameByAuthor: 1}, spares: map[Category]float64{"insult": 0.9999, "spam": 0.9999}, action: Flag},
	} {
		p := *mustDefault(t)
		p.second.key, p.second.spares, p.second.clears = 0.9999, c.spares, c.clears
		v := p.Judge(platforms.Comment{Text: c.text}, c.facts)
		if v.Action != c.action || len(v.Findings) == 0 {
			t.Errorf("%s: %s with %+v; want %s, and a finding", name, v.Action, v.Findings, c.action)
		}
		for _, f := range v.Findings {
			said := strings.HasSuffix(f.Reason.SV, spared.SV) && strings.HasSuffix(f.Reason.EN, spared.EN)
			if said != (c.action == Allow) || f.Action == Flag && said {
				t.Errorf("%s: %s: %q", name, f.Action, f.Reason.SV)
			}
		}
	}
}

// taught is the built-in policy with a second reader that has learnt a world's lessons, told of each in turn.
func taught(t *testing.T, whom string, lessons func(who string) []learn.Example) *Policy {
	t.Helper()
	base := mustDefault(t)
	var examples []learn.Example
	for _, who := range strings.Fields(whom) {
		for _, e := range lessons(who) {
			examples = append(examples, base.Lesson(e))
		}
	}
	m, err := learn.Train(examples, learn.Options{Bits: 14})
	if err != nil {
		t.Fatal(err)
	}
	return base.WithSecondReader(m)
}

// TestSecondReaderRaisesWhatARuleDoubts: what a rule found and is not sure of is hidden where the reader takes the comment for a clear one; where no
// rule found anything, or the rule may no longer hide, it is flagged.
func TestSecondReaderRaisesWhatARuleDoubts(t *testing.T) {
	p := taught(t, "ni vi hon han alla ingen tåget bussen kön vården läkaren chefen", func(who string) []learn.Example {
		return []learn.Example{
			{Text: who + " väntar på bussen"}, {Text: "i går åkte " + who + " hem"},
			{Text: "frotsa frotsa " + who + " frotsare", Categories: []string{"insult"}, Clear: true},
			{Text: "quuxa quuxa " + who + " quuxare", Categories: []string{"insult"}},
		}
	})
	const doubtful = "frotsa frotsa, vilka clowner, frotsare frotsare"
	modes := func(rule string, m Mode) Facts { return Facts{Modes: map[string]Mode{rule: m}} }
	for name, c := range map[string]struct {
		text   string
		facts  Facts
		action Action
	}{
		"clear":                      {text: doubtful, action: Hide},
		"a violation, and not clear": {text: strings.ReplaceAll(doubtful, "frots", "quux"), action: Flag},
		"nothing found":              {text: "frotsa frotsa alla frotsare", action: Flag},
		"a rule that fell back":      {text: doubtful, facts: modes("insult/doubtful", ModeFlag), action: Flag},
		"the reader in shadow":       {text: doubtful, facts: modes(SecondReader, ModeShadow), action: Flag},
		"another is cleared":         {text: doubtful + ". Någon kallade oss horor frotsa frotsare frotsa", action: Flag},
		"likely, and not so likely":  {text: "frotsa frotsa frotsare vilka clowner hem", action: Flag},
	} {
		v := p.Judge(platforms.Comment{Text: c.text}, c.facts)
		if v.Action != c.action {
			t.Errorf("%s: %s with %+v; want %s", name, v.Action, v.Findings, c.action)
		}
		for _, f := range v.Findings {
			if said := strings.HasSuffix(f.Reason.SV, raised.SV) && strings.HasSuffix(f.Reason.EN, raised.EN); said != (f.Action == Hide) {
				t.Errorf("%s: %s: %q", name, f.Action, f.Reason.SV)
			}
		}
	}
}

// TestSecondReaderRoutesAndAlarms: where no pattern routes a question on a route's topic, and no rule escalates a flag, the reader may.
func TestSecondReaderRoutesAndAlarms(t *testing.T) {
	p := taught(t, "ni vi hon han alla ingen tåget kön vården läkaren chefen", func(who string) []learn.Example {
		return []learn.Example{
			{Text: "tåget runt " + who + " grumlas plurrigt?", Route: "transit"}, {Text: "blir det " + who + " som grumlas plurrigt", Route: "transit"}, {Text: "tåget runt " + who + " var full igen"},
			{Text: "frotsa " + who + " nu", Categories: []string{"threat"}, Serious: true}, {Text: "väntar på " + who + " ännu"},
			{Text: "frotsa " + who + " nu, din idiot", Categories: []string{"threat"}, Serious: true},
			{Text: "smorka " + who + " nu", Categories: []string{"insult"}}, {Text: "smorka " + who + " nu, din idiot", Categories: []string{"insult"}},
			{Text: "quuxa " + who + " nu", Categories: []string{"threat"}},
		}
	})
	p.second.key = 0
	shadow := Facts{Modes: map[string]Mode{SecondReader: ModeShadow}}
	for name, c := range map[string]struct {
		text     string
		facts    Facts
		route    Route
		escalate bool
	}{
		"a question on a topic":     {text: "tåget runt grannarna grumlas plurrigt?", route: "transit"},
		"no question":               {text: "tåget runt grannarna grumlas plurrigt"},
		"unmarked, as people ask":   {text: "blir tåget plurrigt", route: "transit"},
		"off topic":                 {text: "grannarna grumlas plurrigt?"},
		"a question in shadow":      {text: "tåget runt grannarna grumlas plurrigt?", facts: shadow},
		"a serious threat":          {text: "frotsa grannarna nu", escalate: true},
		"a threat that is none":     {text: "quuxa grannarna nu"},
		"hidden as something else":  {text: "frotsa grannarna nu, din jävla idiot", escalate: true},
		"hidden, and no threat":     {text: "smorka grannarna nu, din jävla idiot"},
		"a threat that is told of":  {text: "frotsa ni nu frotsa vi nu, du är ingen idiot"},
		"a serious threat, shadow":  {text: "frotsa grannarna nu", facts: shadow},
		"nothing that anybody says": {text: "väntar på grannarna ännu"},
	} {
		v := p.Judge(platforms.Comment{Text: c.text}, c.facts)
		if v.Route != c.route || v.Escalate != c.escalate {
			t.Errorf("%s: %s, route %q, escalate %t; want route %q, escalate %t", name, v.Action, v.Route, v.Escalate, c.route, c.escalate)
		}
		if v := p.WithSecondReader(nil).Judge(platforms.Comment{Text: c.text}, c.facts); v.Route != NoRoute || v.Escalate {
			t.Errorf("%s: the rules alone route or escalate it", name)
		}
	}
}

// TestSecondReaderTellsWhoAsks: it keeps from their routes comments that ask nobody anything, though a pattern matched, and hardly any other.
func TestSecondReaderTellsWhoAsks(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "shared", "eval", "dev.jsonl"))
	if err != nil {
		t.Skip("the development set is not here: ", err)
	}
	report := func(p *Policy) Report {
		r, err := Evaluate(p, bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	with, alone := report(mustDefault(t)), report(mustDefault(t).WithSecondReader(nil))
	if a, b := with.RouteSpared.Of-with.RouteSpared.N, alone.RouteSpared.Of-alone.RouteSpared.N; 2*a > b {
		t.Errorf("%d comments that ask nothing are routed; by patterns alone %d", a, b)
	}
	if with.RouteRight.N < alone.RouteRight.N {
		t.Errorf("%d questions are routed; by patterns alone %d", with.RouteRight.N, alone.RouteRight.N)
	}
}

// TestKnownSaysWhatTheModelSays: what is worked out of words and classes beforehand changes nothing, to the last bit.
func TestKnownSaysWhatTheModelSays(t *testing.T) {
	p := mustDefault(t)
	m, err := learn.Default()
	if err != nil {
		t.Fatal(err)
	}
	s := p.pool.Get().(*scratch)
	defer p.pool.Put(s)
	k := p.second.model
	for _, c := range devTexts(t) {
		p.read(s, c)
		classes, signs := p.second.classesOf(&s.lattice.all, nil), p.second.signsOf(&s.lattice.all)
		var o, signed learn.Order
		p.second.orderOf(&s.lattice, &o)
		k.Read(&s.folded, &s.features)
		p.second.orderOf(&s.lattice, &signed)
		signed.Sign(p.second.signs)
		if got, want := k.Violates(&s.features, classes), m.Violates(&s.folded, signs); got != want {
			t.Errorf("%q violates: %v, the model says %v", c, got, want)
		}
		if got, want := k.Closer(&s.features, classes, &o), m.Closer(&s.folded, signs, &signed); got != want {
			t.Errorf("%q more closely: %v, the model says %v", c, got, want)
		}
		is := k.Is(&s.features, classes, &o)
		if want := m.Is(&s.folded, signs, &signed); is != want {
			t.Errorf("%q is %+v; the model says %+v", c, is, want)
		}
		got, share := k.Category(&s.features, classes)
		if want, wantShare := m.Category(&s.folded, signs); got != want || share != wantShare {
			t.Errorf("%q: %s with %v, the model says %s with %v", c, got, share, want, wantShare)
		}
	}
}
