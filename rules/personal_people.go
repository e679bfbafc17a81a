package rules

import (
	"bytes"
	"strings"

	"takhojd/rules/text"
)

// mostPeople bounds the people of one text: a list of names is a list of names.
const mostPeople = 32

// people finds everybody who is named in the text: first names from the list with a surname, and names after a role ("läkaren",
// "min granne"). Places, houses and streets that are named for people are none.
func (d *detectors) people(r *reading) {
	for i := 0; i < len(r.words) && len(r.people) < mostPeople; i++ {
		w := &r.words[i]
		if w.kind&(wordTitle|wordUpper) == 0 && w.cues&(cueFirst|cueUnsure) != cueFirst ||
			w.cues&(cueCommon|cueFirst) == cueCommon && w.end-w.start > 1 {
			continue
		}
		if p, last := d.personAt(r, i); last >= 0 {
			r.people = append(r.people, p)
			i = last
		}
	}
}

// name is a word as a name may be written: "Anna", "M*lin", "P3rnilla", "M i k a e l".
type name struct {
	last  int // its last word
	cues  cues
	title bool
	odd   bool
}

// nameAt reads a name that begins at word i.
func (d *detectors) nameAt(r *reading, i int) (name, bool) {
	w := r.words[i]
	if w.kind&wordDigits != 0 {
		return name{}, false
	}
	n := name{last: i, cues: w.cues, title: w.kind&wordTitle != 0}
	if last := r.spelledOut(i); last > i+2 {
		n.last, n.odd, n.cues = last, true, d.cuesOf(r, i, last)
		return n, true
	}
	for n.last+1 < len(r.words) && n.last < i+6 && r.masks(n.last) {
		n.last++
		n.odd = true
	}
	if n.odd {
		n.cues = d.cuesOf(r, i, n.last)
		return n, n.title
	}
	return n, n.title || w.cues&(cueFirst|cueUnsure) == cueFirst || w.kind&wordUpper != 0
}

// masks tells whether word i goes on in the next after an asterisk or a digit that stands for a letter.
func (r *reading) masks(i int) bool {
	gap := r.gap(i)
	if len(gap) == 1 && gap[0] == '*' {
		return true
	}
	digit := r.words[i].kind&wordDigits != 0 || r.words[i+1].kind&wordDigits != 0
	return len(gap) == 0 && digit && r.words[i].end-r.words[i].start < 12
}

// spelledOut gives the last of single letters with a space between that begin at word i.
func (r *reading) spelledOut(i int) int {
	for n := i; ; n++ {
		if n >= len(r.words) || letters(r.bytes(n)) != 1 || r.words[n].kind&wordDigits != 0 || n > i+20 {
			return n - 1
		}
		if g := r.gap(n); len(g) != 1 || g[0] != ' ' && g[0] != '.' && g[0] != '-' {
			return n
		}
	}
}

func letters(w []byte) (n int) {
	for _, c := range w {
		if c&0xC0 != 0x80 {
			n++
		}
	}
	return n
}

// cuesOf looks up the words from first to last as one, digits read as the letters that they stand for.
func (d *detectors) cuesOf(r *reading, first, last int) cues {
	var room [64]byte
	whole := room[:0]
	for n := first; n <= last; n++ {
		for _, c := range r.bytes(n) {
			whole = append(whole, digitLetter(c))
		}
	}
	return d.cues.look(text.HashOf(whole)).cues
}

func digitLetter(c byte) byte {
	const as = "oizeasgtbg"
	if '0' <= c && c <= '9' {
		return as[c-'0']
	}
	return c
}

// personAt finds a person who is named from word i on, and the last word of the name; -1 when there is none.
func (d *detectors) personAt(r *reading, i int) (person, int) {
	n, ok := d.nameAt(r, i)
	if !ok || n.cues&(cuePlace|cueCommon) != 0 && n.cues&cueFirst == 0 || r.saint(i) {
		return person{}, -1
	}
	first := n.cues&cueFirst != 0 && n.cues&(cueMine|cueMe) == 0
	role, political := r.roleBefore(i)
	if !first && n.cues&cueGenitive != 0 && n.title && !d.house(r, n.last) {
		return d.alone(r, n, i, role, political)
	}
	last, surname := d.surnames(r, n)
	if role = role || r.apposed(last); !first && !(role && n.title && !r.street(i)) && !(surname && r.spokenOf(i, last, d)) {
		return person{}, -1
	}
	switch {
	case surname && d.house(r, last):
		return person{}, -1
	case surname:
	case !first && role && n.title && r.doctor(i):
		return d.alone(r, n, i, false, political) // who it is can be told; but any doctor in the news is called so
	case !first && !(role && n.title && (surnameShape(r.bytes(i)) || r.kinBefore(i))):
		return person{}, -1
	case !n.title, !role && n.cues&cueUnsure != 0:
		return person{}, -1
	}
	p := person{full: surname, role: role, public: political || r.party(last), writer: r.signature(i, last), first: i, last: last}
	p.start, p.end = r.span(int(r.words[i].start), int(r.words[last].end))
	p.swedish = surname && swedishSurname(r.bytes(last))
	if surname && within1(d.politicians, string(r.low[r.words[i].start:r.words[last].end])) {
		p.public = true
	}
	return p, last
}

// alone is a person of one word, whatever follows: in "Carinas diplom" it is what the person has, and no surname.
func (d *detectors) alone(r *reading, n name, i int, role, political bool) (person, int) {
	p := person{role: role, public: political, first: i, last: n.last}
	p.start, p.end = r.span(int(r.words[i].start), int(r.words[n.last].end))
	return p, n.last
}

// doctor tells whether word i stands after a title that a surname of whatever form follows: "doktor Wennbom".
func (r *reading) doctor(i int) bool {
	if i == 0 || r.words[i].cues&(cuePublic|cueUnsure) != 0 {
		return false
	}
	switch string(r.bytes(i - 1)) {
	case "doktor", "dr", "doctor", "mr", "mrs", "ms", "överläkare", "tandläkare":
		w := string(r.bytes(i))
		return w != "google" && w != "internet" && w != "who" && w != "ai"
	}
	return false
}

// trade tells whether a word has the form of somebody's occupation in the definite: "snickaren", "frisören".
func trade(w []byte) bool {
	return ends(tradeEnds, w, 3)
}

// party tells whether the letters of a party stand in parentheses after the name: a politician, spoken of as one.
func (r *reading) party(last int) bool {
	if g := r.gap(last); last+1 >= len(r.words) || len(g) == 0 || g[len(g)-1] != '(' {
		return false
	}
	switch string(r.bytes(last + 1)) {
	case "m", "s", "sd", "c", "v", "kd", "l", "mp", "fp", "fi":
		return true
	}
	return false
}

// apposed tells whether what follows the name says whose relation it is: "Jesper, min 19-åring", "Lena, vår granne".
func (r *reading) apposed(last int) bool {
	return last+1 < len(r.words) && string(r.gap(last)) == ", " && r.words[last+1].cues&cueMine != 0
}

// kinBefore tells whether "min granne", "vår dotter" or just "vår" stands before word i.
func (r *reading) kinBefore(i int) bool {
	return i > 0 && (r.words[i-1].cues&cueMine != 0 && r.words[i].cues&cueFirst != 0 || r.words[i-1].cues&cueKin != 0 && r.cue(i-2)&(cueMine|cueTheir) != 0)
}

// spokenOf tells whether two words with capitals, neither in the list of first names, are still somebody: the second is shaped as a surname
// and something is told of them, "Göthe Ramlösund är …".
func (r *reading) spokenOf(i, last int, d *detectors) bool {
	if last != i+1 || last+1 >= len(r.words) || r.words[i].kind&wordTitle == 0 || r.words[last].kind&wordTitle == 0 || isOffice(r.bytes(i)) ||
		!clearSurname(r.bytes(last)) {
		return false
	}
	next := r.bytes(last + 1)
	at := r.cue(last + 2)
	met := r.locates(last+1) && (at&cuePublic != 0 || at&(cuePlace|cueCommon) == cuePlace || r.counter(last+2))
	return met || d.ties[string(next)] || string(next) == "som" || r.words[last+1].cues&cueWork != 0
}

func within1(set map[string]bool, name string) bool {
	return set[name] || set[strings.TrimSuffix(name, "s")]
}

// surnames goes on from a first name over further names, and tells whether there is a surname among them.
func (d *detectors) surnames(r *reading, n name) (last int, surname bool) {
	last = n.last
	for k := 0; k < 3 && last+1 < len(r.words); k++ {
		gap := r.gap(last)
		hyphen := len(gap) == 1 && gap[0] == '-'
		if !hyphen && !(len(gap) >= 1 && len(gap) <= 2 && gap[0] == ' ' && gap[len(gap)-1] == ' ') {
			break
		}
		next, ok := d.nameAt(r, last+1)
		w := r.words[last+1]
		long := next.odd || letters(r.bytes(last+1)) > 1
		plainLower := !next.title && !next.odd
		switch {
		case !ok && !(plainLower && n.cues&cueFirst != 0 && n.cues&cueUnsure == 0 && strongSurname(r.bytes(last+1)) && w.cues&cueCommon == 0):
			return last, surname
		case !ok:
			return last + 1, true
		case next.cues&(cuePlace|cueCommon|cuePublic) != 0 && next.cues&cueFirst == 0 || r.street(last+1) || !long && !hyphen:
			return last, surname
		case plainLower && !strongSurname(r.bytes(last+1)) && w.kind&wordUpper == 0:
			return last, surname
		}
		if w.kind&wordUpper != 0 && r.words[n.last].kind&wordUpper != 0 && !surnameShape(r.bytes(last+1)) {
			return last, surname
		}
		surname = surname || !hyphen
		last = next.last
	}
	return last, surname
}

// tails are endings of words. Most words end in none of them, and their last two bytes tell that.
type tails struct {
	ends []string // of two bytes or more
	some [16]uint64
}

func newTails(ends ...string) *tails {
	t := &tails{ends: ends}
	for _, end := range ends {
		h := tailHash(end[len(end)-2], end[len(end)-1])
		t.some[h>>6] |= 1 << (h & 63)
	}
	return t
}

func tailHash(a, b byte) uint32 { return (uint32(a)*37 + uint32(b)) & 1023 }

// of lists the endings that w may have: all of them, or none.
func (t *tails) of(w []byte) []string {
	if n := len(w); n >= 2 {
		if h := tailHash(w[n-2], w[n-1]); t.some[h>>6]&(1<<(h&63)) != 0 {
			return t.ends
		}
	}
	return nil
}

// ends tells whether w ends in one of the tails, with at least so many bytes before it.
func ends(t *tails, w []byte, before int) bool {
	for _, end := range t.of(w) {
		if len(w) >= len(end)+before && string(w[len(w)-len(end):]) == end {
			return true
		}
	}
	return false
}

// The endings by which words are told.
var (
	// tradeEnds are what words for somebody of a trade end in.
	tradeEnds = newTails("aren", "ören", "isten", "erskan", "anten", "ologen")
	// strongEnds are what surnames end in that are known in lower case too.
	strongEnds = newTails("sson", "ström", "kvist", "qvist", "lund", "berg", "gren", "dahl", "stedt", "bergh")
	// clearEnds are what Swedish surnames and little else end in.
	clearEnds = newTails("sund", "sjö", "fors", "holm", "hult", "löv", "fält", "bäck", "ius", "vall", "fjord", "stedt", "torp", "skog", "mark")
	// swedishEnds are what surnames of a Swedish form end in.
	swedishEnds = newTails("blom", "hjelm", "hielm", "feldt", "hammar", "dal", "hed", "rud", "blad", "klint", "strand", "brink", "vik", "lind",
		"löf", "stam", "by", "näs", "ås", "falk", "hage", "mo", "ryd", "lid", "höök", "sten", "stén", "lén", "rén", "dén", "lin", "nell", "ander",
		"gård", "bro", "kull", "skiöld", "sköld", "stierna", "stjärna", "crona", "krona", "rot", "kärr", "rönn", "torn", "tvist", "holt", "mell", "sjöö", "röd",
		"löv", "gran", "hus", "rosén", "nér", "bom", "bladh", "wall", "qvarn", "kvarn", "stad", "bo", "ner", "lött", "löt", "bark", "fjäll", "ros", "rik", "malm", "slätt", "mar", "åker")
	// houseEnds are what the names of houses, schools, prizes and foundations end in.
	houseEnds = newTails("sjukhu", "sjukhuset", "huset", "skola", "skolan", "museum", "museet", "gymnasium", "gymnasiet", "fond", "fonden", "priset", "stiftelse",
		"stiftelsen", "kliniken", "mottagningen", "centrum", "hemmet", "kyrka", "kyrkan", "sällskapet", "institutet", "akademin", "föreningen", "gymmet", "korpen")
	// politicalEnds are what political offices, and those of people whom everybody knows, end in.
	politicalEnds = newTails("regionråd", "regionrådet", "minister", "ministern", "partiledare", "partiledaren", "borgarråd", "borgarrådet",
		"oppositionsråd", "oppositionsrådet", "statssekreterare", "kung", "kungen", "drottning", "drottningen", "president", "presidenten", "prins", "prinsessan",
		"författaren", "artisten", "statsepidemiolog", "statsepidemiologen", "landstingsråd", "landstingsrådet", "riksdagsledamot", "riksdagsledamoten", "talman", "talmannen", "guvernör",
		"guvernören", "kansler", "kanslern", "senator", "senatorn", "påven", "general", "generalen", "kongressledamoten", "parlamentsledamoten")
	// loftyEnds are what titles end in that are heard in the news.
	loftyEnds = newTails("vd", "ordförande", "ordföranden", "ledamot", "ledamoten", "direktör", "direktören", "sekreterare", "sekreteraren",
		"professor", "professorn", "fru", "herr", "mr", "mrs", "ms", "journalist", "journalisten", "advokaten", "advokat", "politikern", "stabschefen", "officer",
		"tränaren", "tränare")
)

// surnameEnds are what most Swedish surnames, and many from elsewhere, end in.
var surnameEnds = newTails("sson", "son", "berg", "bergh", "borg", "ström", "strand", "gren", "lund", "lundh", "kvist", "qvist", "quist", "stedt", "sted", "mark",
	"blad", "bladh", "dahl", "dal", "ius", "ell", "ander", "man", "pour", "zadeh", "ović", "ovic", "evic", "vic", "ski", "sky", "ska", "oglu", "nen", "lin", "lén", "lind",
	"lindh", "rot", "roth", "vall", "wall", "fors", "fält", "holm", "hult", "löv", "löf", "näs", "rud", "stam", "torp", "hammar", "stig", "stigen", "skog", "sjö",
	"bäck", "beck", "brink", "feldt", "sten", "stein", "hjelm", "sköld", "skiöld", "crona", "krona", "gård", "gårdh", "garde", "vik", "wik", "viken", "ov", "ova", "ev",
	"eva", "enko", "idis", "opoulos", "ian", "yan", "ez", "es", "dotter", "ådal", "heim", "hagen", "rup", "felt", "mann", "er", "lundius", "vist", "malm", "plog", "ås")

func surnameShape(w []byte) bool {
	if len(w) < 4 {
		return false
	}
	bare := bytes.TrimSuffix(w, []byte("s"))
	return ends(surnameEnds, bare, 2) || ends(surnameEnds, w, 2) // Solenäs
}

// strongSurname tells whether a word in lower case after a first name is a surname even so.
func strongSurname(w []byte) bool {
	w = bytes.TrimSuffix(w, []byte("s"))
	return ends(strongEnds, w, 3)
}

// clearSurname tells whether a word has the form of a Swedish surname and of little else.
func clearSurname(w []byte) bool {
	return ends(clearEnds, w, 4) || strongSurname(w)
}

// swedishSurname tells whether a surname that stands after a first name is of a Swedish form. It may be freer than clearSurname, which has
// no first name to lean on.
func swedishSurname(w []byte) bool {
	return swedishBare(w) || swedishBare(bytes.TrimSuffix(w, []byte("s")))
}

func swedishBare(w []byte) bool {
	return ends(swedishEnds, w, 2) || clearSurname(w)
}

// saint tells whether word i is the name of a saint, and so of a place, or of a stop: "S:t Göran", "Sankt Erik", "hållplatsen Ekhagen".
func (r *reading) saint(i int) bool {
	if i == 0 {
		return false
	}
	switch string(r.bytes(i - 1)) {
	case "sankt", "sankta", "st", "t", "hållplatsen", "hållplats", "stationen":
		return true
	}
	return false
}

// house tells whether what looked like a person is a house, a street or a prize: "Astrid Lindgrens barnsjukhus".
func (d *detectors) house(r *reading, last int) bool {
	if r.street(last) || r.houseEnd(last) {
		return true
	}
	if last+1 >= len(r.words) {
		return false
	}
	next := r.words[last+1]
	if string(r.gap(last)) == "-" {
		return true // "James Paget-sjukhuset"
	}
	if r.low[r.words[last].end-1] != 's' || len(r.gap(last)) != 1 {
		return false
	}
	if next.cues&(cuePlace|cuePublic) != 0 || r.street(last+1) {
		return true
	}
	return r.houseEnd(last + 1)
}

// houseEnd tells whether a word ends as the names of houses, schools, prizes and foundations do.
func (r *reading) houseEnd(i int) bool {
	w := bytes.TrimSuffix(r.bytes(i), []byte("s"))
	return ends(houseEnds, w, 0)
}

// roleBefore tells whether a role, an occupation or a kinship stands right before word i, and whether it is a political office.
func (r *reading) roleBefore(i int) (role, political bool) {
	if i == 0 || r.words[i-1].sentence != r.words[i].sentence {
		return false, false
	}
	if g := r.gap(i - 1); len(g) > 2 || len(g) > 0 && g[0] != ' ' && g[0] != ',' {
		return false, false
	}
	w := r.bytes(i - 1)
	if ends(politicalEnds, w, 0) {
		return true, true
	}
	if r.words[i-1].cues&(cueKin|cueMine) != 0 || isOffice(w) || r.words[i-1].cues&cueCommon == 0 && trade(w) {
		return true, false
	}
	if k := i - 1; k >= 2 && r.words[k].kind&wordGlued != 0 {
		var joined [48]byte
		b := joined[:0]
		for k > 0 && r.words[k].kind&wordGlued != 0 && i-k < 6 {
			k--
		}
		for ; k < i && len(b)+int(r.words[k].end-r.words[k].start) <= len(joined); k++ {
			for _, c := range r.bytes(k) {
				b = append(b, digitLetter(c))
			}
		}
		return isOffice(b), false
	}
	switch string(w) {
	case "man", "son", "dotter", "kille", "tjej", "barn", "far", "ex", "fru", "vän":
		return i >= 2 && r.words[i-2].cues&(cueMine|cueTheir) != 0, false
	case "där":
		return i >= 2 && string(r.bytes(i-2)) == "den", false
	case "heter":
		return i >= 2 && r.words[i-2].cues&cueMe == 0, false
	}
	return false, false
}

// signature tells whether the name that begins at word i is how the writer signs, or says who is writing.
func (r *reading) signature(i, last int) bool {
	if start := r.words[i].start; start > 0 && r.low[start-1] == '/' {
		return true
	}
	if i == 0 {
		return false
	}
	if last == len(r.words)-1 && r.words[i-1].kind&wordDigits != 0 {
		return true // a number, and who is to be reached at it
	}
	switch string(r.bytes(i - 1)) {
	case "mvh", "vh", "hälsningar", "hälsar", "hälsning", "undertecknad", "regards", "sincerely", "önskar":
		return true
	case "heter", "är":
		return i >= 2 && (r.words[i-2].cues&cueMe != 0 || string(r.bytes(i-2)) == "namn")
	}
	return false
}

// circumstances looks at what is said of the people named: illness with a full name, and what else is private.
func (d *detectors) circumstances(r *reading, found []detection) []detection {
	for _, p := range r.people {
		if p.writer || p.public {
			continue
		}
		kind, to := d.circumstance(r, p)
		if kind == 0 {
			continue
		}
		start, end := int(r.words[p.first].start), int(r.words[to].end)
		f := detection{kind: kind, value: string(r.low[start:r.words[p.last].end])}
		f.start, f.end = r.span(start, end)
		found = append(found, f)
	}
	return found
}

// circumstance tells whether what is said of a person is private, and the word up to which it stands. Well-known people are spoken of
// everywhere; of a private person somebody says where the person works, lives or was seen, or whose friend or doctor it is.
func (d *detectors) circumstance(r *reading, p person) (detectionKind, int) {
	ill := d.illness(r, p)
	kin := r.kinBefore(p.first)
	told := d.telling(r, p)
	private := told || p.role && !r.loftyBefore(p.first)
	located := p.last+1 < len(r.words) && r.locates(p.last+1)
	switch {
	case ill >= 0 && p.full && (private || d.ill.match(r.bytes(ill)) && (!p.role || trade(r.bytes(p.first-1)))) && !r.ownIllness(p, ill):
		return kindHealth, ill
	case ill >= 0 && (p.full || p.role):
		return kindCircumstance, ill
	case p.full && private && !r.addressed(p):
		return kindCircumstance, p.last
	case p.full || r.words[p.first].cues&cueUnsure != 0 && !p.role:
		return 0, 0
	case p.role && (told || located || kin && r.ageAfter(p)), located && (told || r.counter(p.last+2)) && !r.addressed(p):
		return kindCircumstance, p.last
	}
	return 0, 0
}

// illness gives the word that tells of an illness or treatment of p, or -1: soon after a word that ties it to p ("har", "är"), in the
// same sentence or in one that goes on with "han" or "hon".
func (d *detectors) illness(r *reading, p person) int {
	const far, close = 24, 5
	tie, stays := -1, false
	if p.first > 0 && d.stays[string(r.bytes(p.first-1))] {
		tie, stays = p.last, true // "Ligger Olle Ek kvar på avdelningen?"
	}
	sentence := r.words[p.first].sentence
	for i := p.last + 1; i < len(r.words) && i <= p.last+far; i++ {
		w := r.bytes(i)
		if r.words[i].sentence != sentence {
			if r.words[i].kind&wordFirst == 0 || r.words[i].cues&cueThird == 0 {
				return -1
			}
			sentence = r.words[i].sentence
		}
		switch {
		case bytes.HasPrefix(w, []byte("smitta")), bytes.HasPrefix(w, []byte("behandla")) && !bytes.HasSuffix(w, []byte("s")):
			return -1
		case string(w) == "att" && tie < 0 && r.cue(i+1)&cueThird == 0:
			return -1
		case (tie >= 0 && i-tie <= close || i == p.last+1 && r.low[r.words[p.last].end-1] == 's') && d.ill.match(w), stays && i-tie <= close && d.wards[string(w)]:
			return i
		case d.ties[string(w)]:
			tie = i
			stays = d.stays[string(w)]
		}
	}
	return -1
}

// ownIllness tells whether it is not p who is ill: "hjälpte mig genom min cancer", or staff who work with the illness.
func (r *reading) ownIllness(p person, ill int) bool {
	if (r.cue(ill-1)|r.cue(ill-2))&(cueMe|cueMine) != 0 && ill-2 > p.last {
		return true
	}
	if !p.role || p.first == 0 || r.words[p.first-1].cues&(cueKin|cueMine) != 0 || !isOffice(r.bytes(p.first-1)) {
		return false
	}
	switch string(r.bytes(p.first - 1)) {
	case "patienten", "patient", "eleven", "elev", "mannen", "kvinnan", "killen", "tjejen", "heter", "hyresgästen":
		return false
	}
	for i := p.last + 1; i < ill; i++ {
		switch string(r.bytes(i)) {
		case "fått", "fick", "drabbats", "drabbades", "insjuknat", "insjuknade", "lider":
			return false // "Vår lärare Camilla Ek har fått MS"
		}
	}
	return ill > p.last+2
}

// telling tells whether the sentence of p says where p is, works or is treated, spreads talk, or tells of a meeting with the writer.
func (d *detectors) telling(r *reading, p person) bool {
	sentence := r.words[p.first].sentence
	for i := max(0, p.first-8); i < len(r.words) && i < p.last+16; i++ {
		w := r.words[i]
		if w.sentence != sentence || i >= p.first && i <= p.last {
			continue
		}
		near := i >= p.first-4 && i <= p.last+7
		local := w.cues&cuePlace != 0 && w.kind&wordTitle != 0 && w.cues&cueCommon == 0
		switch {
		case near && w.cues&(cuePublic|cueGossip) != 0, r.schoolClass(i), near && (local || r.houseEnd(i) || r.street(i) && w.kind&wordTitle != 0), p.role && d.stays[string(r.bytes(i))]:
			return true
		case p.full && (near && w.cues&(cueMe|cueMine) != 0 || w.cues&cueSeen != 0 && i < p.first || w.cues&cueWork != 0 && i > p.last && i <= p.last+2):
			return true
		case p.full && i > p.last && w.end-w.start == 3 && string(r.bytes(i)) == "bor":
			return true
		case p.full && i == p.first-1 && w.cues&cueTheir != 0 && w.cues&cueFirst == 0:
			return true
		}
	}
	return false
}

// loftyBefore tells whether a title stands before word i that is heard in the news more than at the surgery: chairmen and professors are named
// for what they do in public.
func (r *reading) loftyBefore(i int) bool {
	if i == 0 || r.words[i-1].cues&(cueKin|cueMine) != 0 {
		return false
	}
	w := r.bytes(i - 1)
	if trade(w) && !isOffice(w) {
		return true
	}
	return ends(loftyEnds, w, 0)
}

// counter tells whether word i is where people who serve the public are met.
func (r *reading) counter(i int) bool {
	if i >= len(r.words) {
		return false
	}
	switch string(r.bytes(i)) {
	case "linje", "luckan", "receptionen", "kassan", "växeln", "spärren", "disken", "expeditionen", "kiosken", "tråden", "avd", "avdelning", "avdelningen", "buss", "tåget",
		"pendeln", "kundtjänst", "kundtjänsten", "bussen":
		return true
	}
	return false
}

// schoolClass tells whether word i is the number of a school class: "8C", "2 B".
func (r *reading) schoolClass(i int) bool {
	w := r.words[i]
	return w.kind&wordDigits != 0 && w.end-w.start == 1 && r.low[w.start] != '0' && i+1 < len(r.words) && r.words[i+1].kind&wordGlued != 0 &&
		r.words[i+1].end-r.words[i+1].start == 1 && 'a' <= r.low[r.words[i+1].start] && r.low[r.words[i+1].start] <= 'e'
}

// locates tells whether word i and the next say where somebody is to be found: "i Gnesta", "på linje 704", "i luckan".
func (r *reading) locates(i int) bool {
	switch string(r.bytes(i)) {
	case "i", "på", "hos", "från", "vid":
	default:
		return false
	}
	if i+1 >= len(r.words) {
		return false
	}
	next := r.words[i+1]
	return r.counter(i+1) || next.cues&cuePublic != 0 || next.kind&(wordTitle|wordUpper) != 0 && next.cues&cueCommon == 0 || next.kind&wordDigits != 0
}

// ageAfter tells whether an age follows the name: "Tindra, 9 år", "Elliot 14".
func (r *reading) ageAfter(p person) bool {
	n := p.last + 1
	return n < len(r.words) && r.words[n].kind&wordDigits != 0 && r.words[n].end-r.words[n].start <= 2
}

// addressed tells whether the name only calls somebody's attention, as people tag each other: there is next to nothing else, or the
// person is spoken to.
func (r *reading) addressed(p person) bool {
	others := len(r.words) - (p.last - p.first + 1)
	if others < 3 {
		return true
	}
	if p.last+1 < len(r.words) {
		switch string(r.bytes(p.last + 1)) {
		case "du", "ni", "dig", "kolla", "titta", "läs", "se", "hur", "vad", "har", "ska", "ja", "nej", "jag", "precis", "exakt", "håller", "instämmer", "absolut", "tack",
			"och", "vill", "kan":
			after := ""
			if p.last+2 < len(r.words) {
				after = r.word(p.last + 2)
			}
			w := r.word(p.last + 1)
			start := p.first == 0 || r.words[p.first].kind&wordFirst != 0
			if start && (w != "har" && w != "ska" && w != "vill" && w != "kan" && w != "och" || after == "du" || after == "vi" || after == "ni") {
				return true
			}
		}
	}
	if p.first > 0 {
		switch string(r.bytes(p.first - 1)) {
		case "tack", "grattis", "hej", "med", "hejsan", "kära", "snälla":
			return others < 6
		}
	}
	return false
}
