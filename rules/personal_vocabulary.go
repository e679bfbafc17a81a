package rules

import (
	"fmt"
	"strings"

	"takhojd/rules/text"
)

// cues are what a single word tells the detectors.
type cues uint32

const (
	cueFirst    cues = 1 << iota // a first name
	cueUnsure                    // a first name that is an ordinary word as well
	cuePlace                     // a place: never somebody's surname on its own
	cueCommon                    // an ordinary word: no name, no site
	cueMe                        // jag, mig
	cueMine                      // min, mitt
	cueThird                     // han, hon
	cueTheir                     // hans, henne
	cueKin                       // granne, syster
	cuePrivate                   // privata, hemliga
	cuePnr                       // personnummer
	cueRef                       // ärende, faktura: the number after it is nobody's
	cuePhone                     // ring, mobil
	cueMail                      // mejla, e-post
	cueAccount                   // konto, clearing
	cueGiro                      // bankgiro
	cueSwish                     // swisha
	cueHome                      // bor, hemadress
	cueUnit                      // kr, personer: what stands before it is an amount
	cuePublic                    // vårdcentral, sjukhus: a house open to all
	cueDot                       // punkt
	cueAt                        // snabel
	cueCall                      // imperatives that take a person: ring, mejla, sms:a
	cueGossip                    // visst, tydligen
	cueSeen                      // såg, känner
	cueWork                      // jobbar, kör
	cueGenitive                  // a first name's genitive: Carinas
)

// cueWords are the words of each cue that belong to the language rather than to a policy. An asterisk stands for nothing here: every
// form is spelled out, since a look-up must not cost more than a hash.
var cueWords = map[cues]string{
	cueMe:    "jag mig mej ja' oss vi me us we",
	cueMine:  "min mitt mina mitt' mins vår vårt våra my our mine",
	cueThird: "han hon hen he she denne vederbörande",
	cueTheir: "honom henne hans hennes hens deras dennes dennas him his hers her their vederbörandes",
	cueKin: "granne grannen grannens grannes grannar grannarna svägerska svägerskan svåger svågern syster systern syrra syrran bror brodern " +
		"brorsa brorsan mamma mamman mor modern morsa morsan pappa pappan fadern farsa farsan mormor morfar farmor farfar son sonen " +
		"dotter dottern sonens dotterns barnbarn barnbarnet kusin kusinen moster mostern faster fastern farbror morbror " +
		"sambo sambon sambos sambons mannen frun hustru make maken maka makan partner partnern exman exmannen exmans exfru exfrun " +
		"exet pojkvän flickvän fästman fästmö vän vännen väninna väninnan kompis kompisen polare polaren kollega kollegan arbetskamrat " +
		"arbetskamraten hyresgäst hyresgästen hyresvärd hyresvärden svärmor svärfar svärson svärdotter styvfar styvmor styvson styvdotter " +
		"bonuspappa bonusmamma brorson brorsdotter systerson systerdotter lillebror lillasyster storebror storasyster tvillingbror " +
		"gudson guddotter särbo särbon bekant bekanta klasskamrat inneboende neighbour neighbor husband wife brother sister mother father " +
		"friend cousin aunt uncle daughter",
	cuePrivate: "privat privata privatnummer privatnumret privatnr privatmobil privatmejl privatmail hemlig hemliga hemligt hemnummer " +
		"private personal personliga personligt",
	cuePnr: "personnummer personnumret personnumren personnummret personnr pnr persnr p-nummer personnummers födelsenummer född födda fött " +
		"samordningsnummer samordningsnumret samordningsnr sammordningsnummer ssn identitetsnummer id-nummer legitimation legitimationen " +
		"personbeteckning personbeteckningen personid patientid patientnummer patientnumret födelsedatum persnummer perssonnummer personummer persnumret",
	cueRef: "följesedel följesedeln ärende ärendet ärendenummer ärendenr ärendenumret ärendeid diarienummer diarienr dnr diariet faktura fakturan fakturanummer fakturanr " +
		"ocr ocrnummer ocrnr felanmälan felanmälningen felanmälansnummer orgnr organisationsnummer organisationsnumret orgnummer " +
		"bokningsnummer bokningsnr bokningskod bokning ordernummer ordernr order beställning beställningsnummer referens referensnummer " +
		"referensnr ref kundnummer kundnr kundnumret biljett biljetten biljettnummer biljettnr kvitto kvittot kvittonummer kortnummer isbn issn " +
		"artikelnummer artnr serienummer serienr avtal avtalsnummer avtalet kollinummer kolli paketnummer spårningsnummer försändelse " +
		"remissnummer remissid patientavgift anmälan anmälningsnummer polisanmälan k-nummer medlemsnummer anställningsnummer journalnummer " +
		"vagn vagnen fordon tåg buss linje swedavia löpnummer målnummer mål vigselnummer fastighetsbeteckning protokoll paragraf version " +
		"case invoice ticket booking reference number' id' streckkod exempelnummer exempelnumret testnummer testnumret batch batchnummer lotnummer lot",
	cuePhone: "ring ringa ringer ringt ringde telefon telefonen telefonnummer telefonnumret tel tfn tele mobil mobilen mobilnummer mobilnumret " +
		"mobilnr telnr nummer numret nr nummret nås nå når sms smsa sms:a messa whatsapp whatsappa signal viber call phone cell mobile " +
		"number text dial slå slår lur luren hemnummer jobbnummer direktnummer facetime imo",
	cueMail: "mejl mejla mejlen mejladress mejlar mail maila mailen mailadress mailar epost e-post epostadress eposta email emaila mejladressen " +
		"mailadressen e-mail epostadressen skriv adress adressen",
	cueAccount: "konto kontot kontonummer kontonr kontonumret bankkonto bankkontot lönekonto personkonto sparkonto clearing clearingnr " +
		"clearingnummer clearingnumret iban bic insättning insättningen kontots account kortnummer kortet kontokort bankkort kreditkort visa mastercard " +
		"nordea swedbank handelsbanken seb sparbanken länsförsäkringar skandiabanken icabanken danskebank avanza",
	cueGiro:  "bankgiro bg plusgiro pg postgiro bankgironummer plusgironummer bankgirot plusgirot",
	cueSwish: "swish swisha swishar swishat swishade swisharna swishen swishnummer swishnr swisch swischa",
	cueHome: "bor bodde bo bott bosatt bosatta hemadress hemadressen adress adressen adressens hemma hem portkod portkoden folkbokförd " +
		"skriven hemsök villa villan lägenhet lägenheten flyttat flyttade flyttar lives lived living address home huset dörr dörren grind grinden stuga stugan " +
		"kåken sommarstuga sommarstället bostad bostaden bopålen",
	cueUnit: "kr kronor kronan krona tkr mkr mnkr mdkr kkr miljoner miljon miljarder miljard tusen procent st stycken personer person patienter " +
		"min minuter minut timmar timme tim dagar dag dygn veckor vecka månader månad år års åring åringar kg kilo gram mg ml liter meter m km mil cm mm grader " +
		"platser plats vårdplatser anställda tjänster sidor sida gånger gång vaccinationer doser dos resenärer resor väljare röster röst invånare " +
		"människor barn elever poäng steg mål euro eur usd dollar sek visningar följare kommentarer likes besök samtal besökare förare bussar tåg " +
		"avgångar h sek. sekunder watt volt kwh mwh gw people percent minutes hours days years",
	cuePublic: "kundtjänst kundtjänsten vårdcentral vårdcentralen vårdcentraler vc sjukhus sjukhuset mottagning mottagningen akuten akutmottagning akutmottagningen apotek apoteket " +
		"butik butiken affären kontor kontoret museum museet bibliotek biblioteket skola skolan förskola förskolan station stationen hållplats " +
		"hållplatsen restaurang restaurangen café caféet kafé hotell hotellet ab kyrka kyrkan teater teatern bio folktandvården tandläkaren " +
		"tandvård kliniken klinik bvc bup närakut närakuten ungdomsmottagning ungdomsmottagningen öppet öppettider lokal lokalen lokalerna " +
		"galleri galleriet konserthuset stadshuset landstingshuset rådhuset domstol tingsrätten ambassad ambassaden förening föreningen " +
		"salong salongen gym gymmet matbutik ica coop willys hemköp lidl pizzeria pub krog krogen arena arenan idrottsplats badhus badhuset simhall " +
		"äldreboende äldreboendet vårdboende entré entrén utgång uppgång gångtunnel bro bron vägarbete vägarbetet korsning korsningen " +
		"rondell rondellen trafikljus övergångsställe olycka olyckan påkörd brand brann branden explosion skjutning polishuset polisstation " +
		"busshållplats parkering parkeringen garage garaget byggnad byggnaden clinic hospital pharmacy library office shop",
	cueDot: "punkt dot",
	cueAt:  "snabel snabela snabla at kanelbulle",
	cueCall: "ring ringa mejla maila kontakta sms:a smsa messa fråga bombardera hälsa besök sök hör nå skriv skicka tryck call text " +
		"email contact kolla prata tala snacka",
	cueSeen:   "känner kände såg sett träffade träffat mötte stötte bredvid bemötte bemötande",
	cueWork:   "jobbar jobbade arbetar arbetade kör körde sitter satt står stod vikarierar undervisar bor bodde",
	cueGossip: "visst tydligen nämligen ryktas sägs visstnog gråt grät ledsen full",
}

// commonWords are the commonest words that may begin a sentence or stand before a full stop that lacks its space. They are neither
// surnames nor sites.
const commonWords = "och i att det som en på är av för med till den har de inte om ett han men var jag sig från vi så kan när år säger hon under " +
	"också efter eller nu sin där vid mot ska skulle kommer ut får finns vara hade alla andra mycket än här då sedan över bara in blir " +
	"upp även vad få två vill ha många hur mer går sverige kronor detta nya procent skall hela stora varit bli flera dag sina " +
	"ta gör del dem någon före bra tidigare dessa genom svenska människor mellan tre första sitt samma fick låter utan redan göra " +
	"dock lite stockholm måste nej ni ju fram ja tack hej er era ert kör kom tid var varför vilken vilka vilket dom du din ditt dina dig " +
	"mig oss själv själva hos inom bort hem hemma ingen inget inga någon något några nån nåt nåra aldrig alltid ofta sen sedan igen ännu " +
	"fast fastän eftersom medan innan tills därför alltså dessutom kanske nog väl visst säkert klart helt väldigt ganska riktigt jätte verkligen " +
	"faktiskt tyvärr äntligen snälla gärna kolla läs se titta lyssna stoppa sluta börja ge gå ring åk ta tänk vänta hoppas undrar tycker tror " +
	"vet hörde såg sa säg sagt skriv svara svarar svarade fattar förstår fråga frågan frågor svar bussen buss tåget tåg tågen pendeln pendeltåg tunnelbana " +
	"vården vård sjukvården region regionen regionens politiker personal personalen läkare läkaren sköterska mottagning patient patienter " +
	"pengar skatt skatten beslut beslutet folk alla allt annat andra bättre sämre bäst sämst dålig dåligt dåliga fel rätt mer mest mindre minst " +
	"stor liten gammal ny lång kort hög låg snabb långsam sann falsk ibland idag igår imorgon morgon kväll natt vecka månad timme minut " +
	"the and you for are this that with have not but was from they what your will one all can out there how when who which were more " +
	"god jul glad påsk kära bästa hjälp skäms grattis lycka till välkommen varsågod ursäkta förlåt hallå hejsan tjena mvh hälsningar " +
	"skönt tråkigt kul roligt synd trist sjukt galet konstigt jobbigt fantastiskt underbart härligt fint snyggt hemskt skandal katastrof " +
	"systemet appen sidan sajten kortet biljetten priset resan vägen gatan huset tiden kön listan landet staden kommunen staten världen " +
	"stan jobbet skolan barnen dagen natten året veckan livet gången sätt fall håll fart slut början mitten ena båda hela halva " +
	"varje vissa sådan sådana sånt sån likadant precis nästan ungefär cirka max minst högst utom förutom trots enligt angående gällande " +
	"covid corona vaccin vaccinet vaccinera spruta sprutan dos dosen test testet provet prover svaret tid tider tiden telefon telefonen " +
	"m s dvs osv mm etc ex t.ex bl.a tex bla fr fro tom pga iaf typ ba lr asså alltså eh öh ok okej japp nä nja jo joo jaha aha oj wow men va " +
	"dag hos öl bil bilen båt båten tur turer linje linjen spår spåret vagn dörr dörren platt hög väg tro hopp"

// offices are the words by which a role stands before a name. A compound's last part is enough ("ambulansföraren").
var offices = []string{"läkare", "läkaren", "överläkare", "doktor", "doktorn", "dr", "sköterska", "sköterskan", "syster", "syrra", "kurator", "kuratorn",
	"psykolog", "psykologen", "psykiater", "psykiatern", "barnmorska", "barnmorskan", "tandläkare", "terapeut", "terapeuten", "chef", "chefen",
	"direktör", "direktören", "kontrollant", "kontrollanten", "förare", "föraren", "chaufför", "chauffören", "vakt", "vakten", "väktare", "väktaren",
	"handläggare", "handläggaren", "lärare", "läraren", "rektor", "rektorn", "receptionist", "receptionisten", "undersköterska",
	"undersköterskan", "usk", "ordförande", "ordföranden", "ledamot", "ledamoten", "råd", "rådet", "tjänsteman", "tjänstemannen", "konsult",
	"konsulten", "upphandlare", "upphandlaren", "vd", "vd:n", "sekreterare", "sekreteraren", "biträde", "biträdet", "vårdare", "vårdaren", "polis",
	"polisen", "polismannen", "präst", "prästen", "fröken", "fru", "herr", "advokat", "advokaten", "jurist", "juristen", "assistent", "assistenten", "gynekolog",
	"gynekologen", "kirurg", "kirurgen", "ortoped", "ortopeden", "professor", "professorn", "farmaceut", "apotekare", "apotekaren", "ingenjör",
	"ingenjören", "mannen", "kvinnan", "killen", "tjejen", "personen", "gubben", "gumman", "kärringen", "tanten", "journalist", "journalisten", "nurse", "doctor", "driver", "manager", "mr",
	"mrs", "ms", "guard", "officer", "teacher", "pedagog", "pedagogen", "tränare", "tränaren", "politikern", "strateg", "strategen", "samordnare",
	"samordnaren", "koordinator", "koordinatorn", "logoped", "logopeden", "fysioterapeut", "fysioterapeuten", "sjukgymnast", "sjukgymnasten", "optiker", "optikern",
	"pojke", "pojken", "flicka", "flickan", "unge", "ungen", "föreståndare", "föreståndaren", "grannfru", "grannfrun", "skepparen", "captain", "lady",
	"entreprenören", "ägaren", "patienten", "patient", "eleven", "elev", "pensionären", "personalen", "anställde", "anställda", "värden", "värd"}

// cueTable is what find looks every word up in: a table of hashes, so that one probe or two tell what a word is. It is small enough to stay in
// the processor's cache.
type cueTable struct {
	// slots are open: one holds the upper bits of a word's hash, and in the lower ones which of kinds the word is of; 0 is empty.
	slots []uint64
	shift uint
	kinds []wordCue // all that words may be; the first is nothing special
	known []uint16  // in kinds, by the number of a word of the lexicon
	// numbers are the digits of the number words; a word's number is an index in it, plus 1.
	numbers []string
	words   map[string]wordCue // until the table is made of them
}

// wordCue is what is known of a word.
type wordCue struct {
	cues   cues
	number uint16
}

func newCueTable() *cueTable {
	v := &cueTable{words: make(map[string]wordCue)}
	for c, words := range cueWords {
		v.add(words, c)
	}
	v.add(commonWords, cueCommon)
	v.addNumbers()
	return v
}

// kindBits are how many bits of a slot say what kind of word it is.
const kindBits = 16

// look gives what is known of the word with this hash.
func (v *cueTable) look(h text.Hash) *wordCue { return &v.kinds[v.kind(h)] }

// of gives what is known of a token of letters.
func (v *cueTable) of(t *text.Token) *wordCue {
	if n := int(t.Word) - 1; n >= 0 && n < len(v.known) {
		return &v.kinds[v.known[n]]
	}
	return v.look(t.Hash)
}

func (v *cueTable) kind(h text.Hash) uint16 {
	at, _ := v.find(h)
	return uint16(v.slots[at] & (1<<kindBits - 1))
}

// know works out the words that tokens have the numbers of (see [text.Token]), the word of number 1 first.
func (v *cueTable) know(words []string) {
	v.known = make([]uint16, len(words))
	for i, w := range words {
		v.known[i] = v.kind(text.HashOf(w))
	}
}

// find gives the slot of the word with this hash, or the empty one where it would stand, and what the slot has of the hash.
func (v *cueTable) find(h text.Hash) (at int, tag uint64) {
	x, last := h.Spread(), len(v.slots)-1
	tag = x << kindBits
	for at = int(x >> v.shift); v.slots[at] != 0 && v.slots[at]&^(1<<kindBits-1) != tag; at = (at + 1) & last {
	}
	return at, tag
}

// seal makes the table of the words added, at most half full.
func (v *cueTable) seal() {
	size := 2
	for v.shift = 63; size < 2*len(v.words); v.shift-- {
		size *= 2
	}
	v.slots, v.kinds = make([]uint64, size), make([]wordCue, 1)
	kinds := make(map[wordCue]int)
	for w, k := range v.words {
		if kinds[k] == 0 {
			kinds[k] = len(v.kinds)
			v.kinds = append(v.kinds, k)
		}
		at, tag := v.find(text.HashOf(w))
		v.slots[at] = tag | uint64(kinds[k])
	}
	v.words = nil
}

// add gives words, in lower case and with spaces between, a cue.
func (v *cueTable) add(words string, c cues) {
	for _, w := range strings.Fields(words) {
		k := v.words[w]
		k.cues |= c
		v.words[w] = k
	}
}

// addNumbers adds the number words in Swedish and English: what people dictate phone and identity numbers in.
func (v *cueTable) addNumbers() {
	set := func(w, digits string) {
		v.numbers = append(v.numbers, digits)
		k := v.words[w]
		k.number = uint16(len(v.numbers))
		v.words[w] = k
	}
	ones := [10]string{"noll nolla nollan zero", "ett etta ettan one", "två tvåa tvåan two", "tre trea trean three", "fyra fyran four", "fem femma femman five",
		"sex sexa sexan six", "sju sjua sjuan seven", "åtta åttan eight", "nio nia nian nie nine"}
	teens := [10]string{"tio tia tian tie ten", "elva eleven", "tolv twelve", "tretton thirteen", "fjorton fourteen", "femton fifteen", "sexton sixteen",
		"sjutton seventeen", "arton aderton eighteen", "nitton nineteen"}
	tens := [10]string{2: "tjugo tjuge tjugi tju twenty", 3: "trettio tretti thirty", 4: "fyrtio fyrti förti forty", 5: "femtio femti fifty",
		6: "sextio sexti sixty", 7: "sjuttio sjutti seventy", 8: "åttio åtti eighty", 9: "nittio nitti ninety"}
	var below []struct{ word, digits string } // 10–99, for what is put before them
	pair := func(w, d string) {
		set(w, d)
		below = append(below, struct{ word, digits string }{w, d})
	}
	for d, words := range ones {
		for _, w := range strings.Fields(words) {
			set(w, fmt.Sprint(d))
			if d > 0 {
				set("noll"+w, "0"+fmt.Sprint(d))
			}
		}
		for _, w := range strings.Fields(teens[d]) {
			pair(w, fmt.Sprint(10+d))
		}
	}
	set("nollnoll", "00")
	for t, words := range tens {
		for _, ten := range strings.Fields(words) {
			pair(ten, fmt.Sprint(10*t))
			for o := 1; o < 10; o++ {
				pair(ten+strings.Fields(ones[o])[0], fmt.Sprint(10*t+o))
			}
		}
	}
	for _, b := range below {
		set("noll"+b.word, "0"+b.digits)
		set("nittonhundra"+b.word, "19"+b.digits)
		set("nitton"+b.word, "19"+b.digits)
	}
	for o := 1; o < 10; o++ {
		one := strings.Fields(ones[o])[0]
		set("tvåtusen"+one, "200"+fmt.Sprint(o))
		set("nittonhundra"+one, "190"+fmt.Sprint(o))
	}
	set("tvåtusen", "2000")
	set("nittonhundra", "1900")
}

func wordSet(words string) map[string]bool {
	set := make(map[string]bool)
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}
