package rules

import (
	"bufio"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"takhojd/rules/text"
)

// testDetectors are the detectors with the lists of the policy that is built in.
func testDetectors(t testing.TB) *detectors {
	t.Helper()
	names, err := filepath.Glob("policies/lists/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatalf("no lists: %v", err)
	}
	var lists []list
	for _, n := range names {
		raw, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		lists = append(lists, list{filepath.Base(n), raw})
	}
	d, err := newDetectors(lists)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// shared gives the path of a file of the evaluation material, and skips the test where it is not at hand.
func shared(t testing.TB, path string) string {
	t.Helper()
	full := filepath.Join("..", "..", "shared", path)
	if _, err := os.Stat(full); err != nil {
		t.Skipf("the evaluation material is not beside the repository: %v", err)
	}
	return full
}

// sampleTexts are the comments of the development set.
func sampleTexts(t testing.TB) []string {
	f, err := os.Open(shared(t, "eval/dev.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var texts []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var c struct{ Text string }
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, c.Text)
	}
	return texts
}

// foundIn writes what is found in s as "name text", in order.
func foundIn(d *detectors, s string) []string {
	var r reading
	var got []string
	for _, f := range d.find(&r, s, folded(s), nil) {
		got = append(got, f.name()+" "+s[f.start:f.end])
	}
	return got
}

// foundTable is a table of texts and of what must be found in each: nothing, where there is nothing after the text.
type foundTable [][]string

func (table foundTable) check(t *testing.T) {
	t.Helper()
	d := testDetectors(t)
	for _, row := range table {
		if got := foundIn(d, row[0]); !slices.Equal(got, row[1:]) {
			t.Errorf("%q\n got %q\nwant %q", row[0], got, row[1:])
		}
	}
}

func TestIdentityNumbers(t *testing.T) {
	foundTable{
		{"Mitt personnummer är 850312-9820, kan ni kolla?", "identity-number 850312-9820"},
		{"Hej! Vill avboka för 5302289847, hon är sjuk", "identity-number 5302289847"},
		{"pappas pnr 194107099816.", "identity-number 194107099816"},
		{"född 19990117 9854 ligger jag i registret?", "identity-number 19990117 9854"},
		{"Farmor är över hundra, 200402+9829", "identity-number 200402+9829"},
		{"pnr är 780826–9893", "identity-number 780826–9893"},
		{"pnr 820420\n9889 ska det va", "identity-number 820420\n9889"},
		{"01.08.09.9813 är numret på killen", "identity-number 01.08.09.9813"},
		{"1972-06-19-9866", "identity-number 1972-06-19-9866"},
		{"9 3 0 6 0 5 9 8 4 2 är hennes", "identity-number 9 3 0 6 0 5 9 8 4 2"},
		{"personnummer ５８１１３０-９８７０", "identity-number ５８１１３０-９８７０"},
		{"8️⃣5️⃣0️⃣3️⃣1️⃣2️⃣9️⃣8️⃣2️⃣0️⃣", "identity-number 8️⃣5️⃣0️⃣3️⃣1️⃣2️⃣9️⃣8️⃣2️⃣0️⃣"},
		{"𝟖𝟓𝟎𝟑𝟏𝟐-𝟗𝟖𝟐𝟎", "identity-number 𝟖𝟓𝟎𝟑𝟏𝟐-𝟗𝟖𝟐𝟎"},
		{"٨٥٠٣١٢-٩٨٢٠", "identity-number ٨٥٠٣١٢-٩٨٢٠"},
		{"är 760218\u200b-\u200b98\u200b59", "identity-number 760218\u200b-\u200b98\u200b59"},
		{"pnr: 69o514-9867 (o=noll)", "identity-number 69o514-9867"},
		{"åtta fem noll nio två tre nio åtta tre nio", "identity-number åtta fem noll nio två tre nio åtta tre nio"},
		{"åttiofem noll tre tolv nittioåtta tjugo", "identity-number åttiofem noll tre tolv nittioåtta tjugo"},
		{"Elsa född 850312 sista fyra 9820", "identity-number 850312 sista fyra 9820"},
		{"mitt personnummer är 85 03 12 98 20", "identity-number 85 03 12 98 20"},
		{"68 02 21 37 82 är det jag loggar in med", "identity-number 68 02 21 37 82"},
		{"samordningsnummer 900474-9827, får man boka?", "identity-number 900474-9827"},
		{"T-nummer 000101-T220 gäller", "identity-number 000101-T220"},
		{"Patientid:850312-9820;avd:K72", "identity-number 850312-9820"},
		// Case numbers and the like that happen to be valid are for a person to look at.
		{"Mitt ärende är 850312-9820", "identity-number-like 850312-9820"},
		{"860417-9826 står det på lappen jag hittade på bussen", "identity-number-like 860417-9826"},

		{"Mitt ärende hos SL kundtjänst är 20231117-0426, har väntat i fem veckor."},
		{"Följesedel 670403-7291 saknar två kartonger handskar"},
		{"Leveransnummer 670403-7291 saknar två kartonger handskar"},
		{"Felanmälan 850230-1234 är fortfarande öppen."},
		{"Regionens organisationsnummer är 232100-0016 för den som ska fakturera"},
		{"SL:s orgnr 556013-0683 står på kvittot"},
		{"OCR 7350042219 går inte att betala, är fakturan makulerad?"},
		{"ISBN 978-91-7843-412-1 är boken"},
		{"368 417 vaccinationer på ett kvartal"},
		{"Linje 172, 173, 443 och 474, alla inställda 2023-11-07. Samma dag."},
		{"2023-11-07 1042 personer väntade"},
		{"Vecka 29 2023: 1042 överbeläggningar. Vecka 29 2024: 1266."},
		{"född 1956 eller tidigare står det, jag är född 12 januari 1957"},
		{"Bussarna gick 12 12 12 12 12 och 08 10 12 14 16"},
		{"Lottoraden blev 04 12 19 23 35, ingen vinst"},
		{"700428-9895"}, // a wrong check digit, and nothing said about it
	}.check(t)
}

func TestPhones(t *testing.T) {
	foundTable{
		{"Kan ni ringa mig på 070-174 06 65? Har försökt i flera dagar.", "own-phone 070-174 06 65"},
		{"Nås på +46701740667 efter kl 16. /Bengt", "own-phone +46701740667"},
		{"mitt nr 0️⃣7️⃣0️⃣1️⃣7️⃣4️⃣0️⃣6️⃣6️⃣6️⃣ hör av er", "own-phone 0️⃣7️⃣0️⃣1️⃣7️⃣4️⃣0️⃣6️⃣6️⃣6️⃣"},
		{"Ring mig gärna, 08-465 004 71", "own-phone 08-465 004 71"},
		{"please call me back on +46 70 174 06 95", "own-phone +46 70 174 06 95"},
		{"noll sju noll ett sju fyra noll sex sex nio, ring om ni vill intervjua mig", "own-phone noll sju noll ett sju fyra noll sex sex nio"},
		{"min grannes nummer +46 70 174 06 28, anmäl", "phone +46 70 174 06 28"},
		{"Hennes privata nummer: O7O-I74 O6 36.", "phone O7O-I74 O6 36"},
		{"Ring Greta på 08-465 004 44 hon är gammal", "phone 08-465 004 44"},
		{"ring Yngve 0 7 0 1 7 4 0 6 5 7", "phone 0 7 0 1 7 4 0 6 5 7"},
		{"Ring chefen själv på 070-174 06 10", "phone 070-174 06 10"},
		{"Nollsjuttio ett sju fyra noll sex fyra åtta, det är direktörens", "phone Nollsjuttio ett sju fyra noll sex fyra åtta"},
		{"min fd sambos mobil: noll sju sex, tre fyra, nitton, noll två, åttiofem", "phone noll sju sex, tre fyra, nitton, noll två, åttiofem"},
		{"min svåger nås på 0980-319 214", "phone 0980-319 214"},
		{"swisha 100 kr till 0701740687", "swish 0701740687"},
		{"swish 123 456 78 90 till förmån", "swish 123 456 78 90"},
		{"Kalles nr är 070-1740622", "phone 070-1740622"},
		{"ring pappas mobil 0701740622", "phone 0701740622"},
		{"min chefs nummer: 0701740622", "phone 0701740622"},
		{"mitt gamla nummer är 070-1740622", "own-phone 070-1740622"},
		{"Vill ni att jag återkommer? 0701740622 Sara", "own-phone 0701740622"},
		{"Kan läkaren ringa upp mig på 0701740622?", "own-phone 0701740622"},
		{"070.174.06.22 eller +46 (0)70-174 06 22 eller 0046701740622, ring", "own-phone 070.174.06.22", "own-phone +46 (0)70-174 06 22", "own-phone 0046701740622"},

		{"Ring 1177 dygnet runt, eller 113 13. Vid fara för livet 112!"},
		{"SL kundtjänst 08-600 10 00, vänta på knapp 3"},
		{"Giftinformationscentralen har 010-456 67 00 om nån undrar"},
		{"Karolinskas växel är 08-123 700 00 numera"},
		{"Call 1177 or +46 771 11 77 00 if you are abroad"},
		{"Öppet 08.00-17.00 vardagar, 10-14 lördag."},
		{"Avgångar 0607-0637 och 1507-1537 är struket."},
		{"08 070 personer före mig i kön"},
		{"190 kr 2019, 220 kr 2022, 250 kr 2024."},
		{"HSN 2023-1234 och LS 2016-0657"},
		{"betala med swish"},
	}.check(t)
}

func TestMailAndStreets(t *testing.T) {
	foundTable{
		{"Skicka svaret till min mejl olga.stenmyr@example.com tack!", "own-email olga.stenmyr@example.com"},
		{"jag har tappat mitt kort, mejla kim_vass@posthus.example", "own-email kim_vass@posthus.example"},
		{"klas punkt hult at example punkt com är min mejl", "own-email klas punkt hult at example punkt com"},
		{"lisbet.ohrngren [at] example [dot] org är hennes privata", "email lisbet.ohrngren [at] example [dot] org"},
		{"svante punkt lodbrok snabel-a example punkt com , skicka det till honom", "email svante punkt lodbrok snabel-a example punkt com"},
		{"mejla handläggaren privat: pernilla.askbrink@example.com", "email pernilla.askbrink@example.com"},
		{"kalle (a) gmail.com", "own-email kalle (a) gmail.com"},
		{"skriv till lena_andersson snabel a hotmail com", "own-email lena_andersson snabel a hotmail com"},
		{"min nya mejl: a.b@gmail.com", "own-email a.b@gmail.com"},
		{"begärs på registrator.rlk@regionstockholm.se"},
		{"mejla anna.ek@karolinska.se eller info@solna.se"},
		{"@linda kolla"},
		{"Vi ses @ Slussen kl. 9"},
		{"meet at example"},

		{"Jag bor på Gullvivestigen 3 i Bandhagen", "own-address Gullvivestigen 3"},
		{"Vi på Snöripsbacken 6 i Skogås har inte haft varmvatten", "own-address Snöripsbacken 6"},
		{"Kontrollanten bor på Kvarnfallsvägen 14B i Vallentuna", "address Kvarnfallsvägen 14B"},
		{"Regionrådets hemadress är Tallkottestigen 7, 3 tr", "address Tallkottestigen 7"},
		{"hon bor i Segeltorp, Lärkbacken tjugotvå, gult hus", "address Lärkbacken tjugotvå"},
		{"Landstingshuset, Hantverkargatan 45. Där håller de fullmäktige."},
		{"Olyckan på Sveavägen 44 igår"},
		{"Vårdcentralen på Odengatan 69 är stängd"},
		{"Jag bor i Farsta och åker väg 73 och motorvägen 4 mil"},
		{"Post skickas till Region Stockholm, Box 22550, 104 22 Stockholm"},
	}.check(t)
}

func TestAccounts(t *testing.T) {
	foundTable{
		{"IBAN SE45 5000 0000 0583 9825 7466, betala dit", "account SE45 5000 0000 0583 9825 7466"},
		{"se4550000000058398257466", "account se4550000000058398257466"},
		{"på mitt konto 3300-7103239849 Nordea", "account 3300-7103239849"},
		{"Clearing 8327-9, konto 904 117 205-3", "account 904 117 205-3"},
		{"till mitt Swedbankkonto 8214-9, 983 774 120-6", "account 983 774 120-6"},
		{"betala till 6152-7 389 441 207 handelsbanken", "account 6152-7 389 441 207"},
		{"mitt kort 4111 1111 1111 1111 funkar inte", "account 4111 1111 1111 1111"},
		{"mitt kort 4111 1111 1111 1112 funkar inte"},
		{"SE45 5000 0000 0583 9825 7467"},
		{"Bankgiro 5050-1055 stod det på fakturan"},
		{"konto för 5 000 000 kr i budgeten"},
		{"Mitt ordernummer för Waxholm-kortet är 871304-2259"},
		{"ta det på kortet 8713 0422 5900, bokningsnumret kommer sen", "account 8713 0422 5900"},
		{"Vagn 2143 har trasig dörr, gick från Mörby centrum 07.58"},
	}.check(t)
}

func TestLinks(t *testing.T) {
	foundTable{
		{"Läs här: https://www.svt.se/nyheter/lokalt.", "link https://www.svt.se/nyheter/lokalt"},
		{"DN har en genomgång: dn.se/sthlm/exempelartikel", "link dn.se/sthlm/exempelartikel"},
		{"Diskussion på flashback.org/t0000000", "link flashback.org/t0000000"},
		{"på min blogg: pendlarpiggen.blogspot.com, kika in!", "link pendlarpiggen.blogspot.com"},
		{"hxxps://kolla-sanningen[.]example[.]org", "link hxxps://kolla-sanningen[.]example[.]org"},
		{"w w w . exempelbloggen . example . com", "link w w w . exempelbloggen . example . com"},
		{"gå in på vardkollen punkt example punkt com så", "link vardkollen punkt example punkt com"},
		{"läs på sannin\u200bgen.exa\u200bmple.com", "link sannin\u200bgen.exa\u200bmple.com"},
		{"Skriv under på www.skrivunder.example.com/radda-bb", "link www.skrivunder.example.com/radda-bb"},
		{"bit.ly/exempel-sl", "shortener bit.ly/exempel-sl"},
		{"https://1177-se.example.com/boka", "lookalike https://1177-se.example.com/boka"},
		{"Logga in på regionstockholm.se.example.net", "lookalike regionstockholm.se.example.net"},
		{"regi0nstockholm.se", "lookalike regi0nstockholm.se"},
		{"regiоnstockholm.se", "lookalike regiоnstockholm.se"}, // a Cyrillic о
		{"reigonstockholm.se", "lookalike reigonstockholm.se"},
		{"1177.nu", "lookalike 1177.nu"},
		{"region-stockholm.se", "lookalike region-stockholm.se"},
		{"läs aftonbladet . se", "link aftonbladet . se"},
		{"aftonbladet punkt se", "link aftonbladet punkt se"},
		{"Titta på Svt.se", "link Svt.se"},
		{"betala på sl-aterbetalning.example.com", "lookalike sl-aterbetalning.example.com"},

		{"Här står det: https://www.1177.se/Stockholm/"},
		{"Kolla trafikläget på sl.se innan du går"},
		{"www.1177.se/barn--gravid/ har bra info"},
		{"läs på regionstockholm.se, innan ni skriker"},
		{"Det var bra.Men sen då? Ja.Nej.Kanske."},
		{"t.ex. bl.a. o.s.v. kl.9 kl.09.30 fr.o.m. t.o.m. m.m. p.g.a. s.k. f.d. e.g. i.e. St.Eriksplan 5.5.2024 v.40"},
		{"Node.js och rapport.pdf och bild.jpg"},
		{"vänta.nu är det nog"},
		{"Jag.kräver.att.ni.publicerar.kontrakten.med.bussbolagen"},
		{"Tack!!! ...och hej..då"},
		{"Det är 5.30.se till att det går"},
		{"Asså.men vad är detta.de är ju knäppa.jag bor i stan.nu ska vi"},
		{"Betyget är 4.5/5 och budgeten 2.260.000"},
	}.check(t)
}

func TestPeople(t *testing.T) {
	foundTable{
		{"Min granne Roger Tistelqvist har hiv", "health Roger Tistelqvist har hiv"},
		{"Grannen Sonja Örtengård har demens och fick fel medicin", "health Sonja Örtengård har demens"},
		{"Elisabet Vinterkvistare är inlagd på psyk i Huddinge", "health Elisabet Vinterkvistare är inlagd"},
		{"varför Barbro Stensjöhage inte syns: hon har fått bipolär diagnos", "health Barbro Stensjöhage inte syns: hon har fått bipolär"},
		{"My neighbour Dagmar Kvistelund has schizophrenia", "health Dagmar Kvistelund has schizophrenia"},
		{"Bengt-Åke Nordanskog på Solna vc är bäst, han hjälpte mig genom min cancer", "circumstance Bengt-Åke Nordanskog"},
		{"Ligger Olle Gunnarsheden kvar på er avdelning?", "circumstance Olle Gunnarsheden kvar på er avdelning"},
		{"Min son Elliot går på BUP", "circumstance Elliot"},
		{"Min dotter Tindra, 9 år, blev påkörd", "circumstance Tindra"},
		{"Min chef Lotta Bohlinder på Närakuten har semester", "circumstance Lotta Bohlinder"},
		{"Jag såg Jörgen Fagerspett på akuten igår", "circumstance Jörgen Fagerspett"},
		{"den där Agneta i luckan i Farsta har visst skilt sig", "circumstance Agneta"},
		{"Sköterskan M*lin Tuvstr*nd på avd 12", "circumstance M*lin Tuvstr*nd"},
		{"D0ktor P3rnilla Hagströmmer på mottagningen", "circumstance P3rnilla Hagströmmer"},

		{"Kerstin Lindgrens bröstcancer upptäcktes för sent", "health Kerstin Lindgrens bröstcancer"},
		{"Snickaren Rune Åsbergh har fått hepatit C", "health Rune Åsbergh har fått hepatit"},
		{"Doktor Svensson på Sabbatsberg är underbar", "circumstance Svensson"},
		{"Karin på SL:s kundtjänst hjälpte mig", "circumstance Karin"},
		{"Ylwina Granstedt på vårdcentralen är otrevlig", "circumstance Ylwina Granstedt"},
		{"Kalle Ek i 7B har adhd", "health Kalle Ek i 7B har adhd"},

		{"Anders Svensson (M) styr i Täby"},
		{"Han lades in på James Paget-sjukhuset igår"},
		{"Peter Andersson är en bra politiker"},
		{"Aida Hadzialic har sjukvården i kaos, jag är trött"},
		{"Ulf Kristersson borde besöka akuten i Huddinge"},
		{"Astrid Lindgrens barnsjukhus är fantastiskt, min dotter Elsa mår bra"},
		{"Sankt Göran och Södra Station, Maria Torget, Nya Karolinska Solna"},
		{"Per Ahlmarks gata i Solna är avstängd, vi bor där"},
		{"Anders Borg skötte Sveriges ekonomi bättre"},
		{"Jag har cancer och väntar på Karolinska"},
		{"Tack Anna!"},
		{"Håller med Kalle"},
		{"Anna Andersson kolla här!"},
		{"Per person kostar det 40 kr i Stockholm"},
		{"Hej! Mvh Karin Svensson"},
		{"Region Stockholm har missat cancerpatienterna i Solna"},
		{"Min mamma har demens och bor i Farsta"},
		{"Sofia i Bulgarien är fint"},
	}.check(t)
}

func TestWalls(t *testing.T) {
	foundTable{
		{strings.Repeat("🔥", 30), "emoji-wall " + strings.Repeat("🔥", 30)},
		{strings.Repeat("ha", 45), "laughter-wall " + strings.Repeat("ha", 45)},
		{strings.Repeat("a", 70), "laughter-wall " + strings.Repeat("a", 70)},
		{"@a @b @c @d @e @f @g @h @i @j @k", "tag-wall @a @b @c @d @e @f @g @h @i @j @k"},
		{"#sl #fail #a #b #c #d #e #f #g #h #i", "tag-wall #sl #fail #a #b #c #d #e #f #g #h #i"},
		{"❤️❤️❤️❤️❤️❤️❤️❤️ Grattis!"},
		{"hahahahahahahahaha så roligt"},
		{"Jag åkte 🚌 och 🚇 och 🚲 och ⛴️ hela dagen #sl #sommar"},
		{"AAAAAAAAAAAH äntligen"},
	}.check(t)
}

// TestSkatteverketNumbers finds every test number that the tax agency gives out, in several writings.
func TestSkatteverketNumbers(t *testing.T) {
	d := testDetectors(t)
	for _, name := range []string{"allPins.json", "allCoords.json"} {
		var numbers []string
		readJSON(t, "eval/public/sv-pii-personnummer/"+name, &numbers)
		missed := 0
		for _, n := range numbers {
			for _, written := range []string{n, n[:8] + "-" + n[8:], n[2:8] + "-" + n[8:], "Hennes nummer är " + n[2:] + " tror jag"} {
				if got := foundIn(d, written); len(got) != 1 || !strings.HasPrefix(got[0], "identity-number ") {
					if missed++; missed < 5 {
						t.Errorf("%s: %q gives %q", name, written, got)
					}
				}
			}
		}
		if len(numbers) < 2000 || missed > 0 {
			t.Errorf("%s: %d of %d numbers, in four writings, were missed", name, missed, len(numbers))
		}
	}
}

// TestPersonnummerLists holds the detector against the lists of personnummer.dev: valid numbers are found in every form given; the
// invalid ones, and organisation numbers, are left alone.
func TestPersonnummerLists(t *testing.T) {
	d := testDetectors(t)
	type entry struct {
		Long      string `json:"long_format"`
		Short     string `json:"short_format"`
		Separated string `json:"separated_format"`
		Full      string `json:"separated_long"`
		Valid     bool   `json:"valid"`
	}
	for _, name := range []string{"list.json", "interim.json", "orgnumber.json"} {
		var entries []entry
		readJSON(t, "eval/public/sv-pii-personnummer/"+name, &entries)
		for _, e := range entries {
			for _, written := range []string{e.Long, e.Short, e.Separated, e.Full} {
				got := foundIn(d, written)
				if written != "" && (len(got) == 1 && strings.HasPrefix(got[0], "identity-number ")) != e.Valid || !e.Valid && len(got) > 0 {
					t.Errorf("%s: %q (valid: %t) gives %q", name, written, e.Valid, got)
				}
			}
		}
	}
	var structured map[string]struct {
		String struct{ Valid, Invalid []string }
	}
	readJSON(t, "eval/public/sv-pii-personnummer/structured.json", &structured)
	for _, kind := range structured {
		for _, n := range kind.String.Valid {
			if got := foundIn(d, n); len(got) != 1 {
				t.Errorf("structured.json: %q gives %q", n, got)
			}
		}
		for _, n := range kind.String.Invalid {
			if got := foundIn(d, n); len(got) > 0 {
				t.Errorf("structured.json: %q, which is invalid, gives %q", n, got)
			}
		}
	}
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	raw, err := os.ReadFile(shared(t, path))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

// TestIdentityNumbersDemandCheckDigit takes every test number with every wrong check digit: none is called an identity number.
func TestIdentityNumbersDemandCheckDigit(t *testing.T) {
	d := testDetectors(t)
	for _, n := range []string{"850312-982", "19850312982", "450101-013", "20010229013"} {
		valid := 0
		for check := '0'; check <= '9'; check++ {
			if got := foundIn(d, n+string(check)); len(got) > 0 {
				valid++
			}
		}
		want := 1
		if strings.HasPrefix(n, "20010229") {
			want = 0 // 2001 had no 29 February
		}
		if valid != want {
			t.Errorf("%sX: %d check digits are taken for right, want %d", n, valid, want)
		}
	}
}

func TestListsAreRefusedWithTheirPlace(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"official.txt", "[phones]\n112\nring oss\n", "read list official.txt: line 3: "},
		{"links.txt", "# sites\n[allow]\nhttps://sl.se/\n", "read list links.txt: line 3: "},
		{"links.txt", "sl.se\n", "read list links.txt: line 1: "},
		{"places.txt", "[nowhere]\nFarsta\n", "read list places.txt: line 2: "},
	} {
		_, err := newDetectors([]list{{c.name, []byte(c.text)}})
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func FuzzDetectors(f *testing.F) {
	for _, s := range []string{"Mitt personnummer är 850312-9820", "a@b.se punkt (at) snabel-a x . com", "ring 070-174 06 10 kl 9.30", "Min granne Roger Tist*l har hiv",
		"hxxps://a[.]b[.]se/ w w w . a . se", "SE45 5000 0000 0583 9825 7466", "noll sju noll", "Lärkvägen 4B, 123 45", "\xff\xc3\x00å\u030a0\ufe0f\u20e3", "𝟖e\u0301", "M i k a e l"} {
		f.Add(s)
	}
	d := testDetectors(f)
	var r reading
	f.Fuzz(func(t *testing.T, s string) {
		found := d.find(&r, s, folded(s), nil)
		for i, x := range found {
			if x.start < 0 || x.start >= x.end || x.end > len(s) {
				t.Fatalf("%s at %d–%d of %d bytes: %q", x.name(), x.start, x.end, len(s), s)
			}
			if utf8.ValidString(s) && !utf8.ValidString(s[x.start:x.end]) {
				t.Errorf("%s cuts a rune: %q of %q", x.name(), s[x.start:x.end], s)
			}
			if i > 0 && x.start < found[i-1].start {
				t.Errorf("out of order in %q", s)
			}
			if !slices.Contains(detectorNames, x.name()) {
				t.Errorf("%q is no name of a detection", x.name())
			}
		}
		for _, p := range r.people {
			if p.start < 0 || p.start >= p.end || p.end > len(s) {
				t.Fatalf("person at %d–%d of %d bytes: %q", p.start, p.end, len(s), s)
			}
		}
		if again := d.find(&r, s, folded(s), nil); !slices.Equal(found, again) {
			t.Errorf("two findings in %q", s)
		}
	})
}

// TestSwedishPlan: whether a Swedish number can be dialled depends on its first four digits and its length alone, as is remembered of it, and
// not on whether it is dialled from abroad.
func TestSwedishPlan(t *testing.T) {
	d := testDetectors(t)
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		digits := []byte("0")
		for n := 7 + random.IntN(8); n > 0; n-- {
			digits = append(digits, byte('0'+random.IntN(10)))
		}
		if digits[1] == '0' {
			digits[1] = '7'
		}
		for i := range 4 {
			dialled, abroad := digits, i%2 == 1
			if abroad {
				dialled = append([]byte("46"), digits[1:]...)
			}
			number, ok := d.dial(dialled, abroad)
			if want, is := d.phone(dialled, abroad); number != want || ok != is {
				t.Fatalf("%s, abroad %t: %q, %t; want %q, %t", dialled, abroad, number, ok, want, is)
			}
			for i := 5; i < len(digits); i++ {
				digits[i] = byte('0' + random.IntN(10))
			}
		}
	}
}

// BenchmarkFind measures what the detectors cost on the comments of the development set in which they find nothing, and the worst that
// 60,000 characters can do to them.
func BenchmarkFind(b *testing.B) {
	d := testDetectors(b)
	var r reading
	var found []detection
	var quiet []string
	var folds []*text.Folded
	for _, s := range sampleTexts(b) {
		if f := folded(s); len(d.find(&r, s, f, nil)) == 0 {
			quiet, folds = append(quiet, s), append(folds, f)
		}
	}
	b.Run("quiet", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			found = d.find(&r, quiet[i%len(quiet)], folds[i%len(quiet)], found[:0])
			i++
		}
	})
	for _, unit := range []string{"0 7 0 1 7 4 0 6 2 2 ", "1-2-3-4-", "a.b.se ", "snabel a b punkt c ", "a1b2c3", "Anna Andersson ", "noll sju "} {
		s := strings.Repeat(unit, 60000/len(unit))
		f := folded(s)
		b.Run(unit, func(b *testing.B) {
			for b.Loop() {
				found = d.find(&r, s, f, found[:0])
			}
		})
	}
}

// folded is a text made ready for find.
func folded(s string) *text.Folded {
	var f text.Folded
	f.Fold(s)
	return &f
}
