package rules

import (
	"bytes"
	"strings"

	"golang.org/x/net/publicsuffix"

	"takhojd/rules/text"
)

// officials are the contact details that are nobody's own: the region's, other authorities', and the sites that comments may link to.
// They come from the lists official.txt and links.txt.
type officials struct {
	phones    map[string]bool // E.164 without plus
	dialled   map[string]bool // the Swedish ones of phones, as they are dialled in Sweden
	series    []string        // prefixes of such, for number series
	mailboxes map[string]bool // single addresses
	domains   map[string]bool // mail to these, and below them
	streets   map[string]bool // "hantverkargatan 45"
	allowed   map[string]bool // sites, and below them
	imitated  []string        // those of them that are long enough for their whole names to be imitated
	shortens  map[string]bool // link shorteners
	names     map[string]bool // what imitations of the allowed sites are put together with
	brands    []brand         // of the allowed sites that are long enough to be imitated
}

// brand is the first label of an allowed site, and what it looks like (see unleet).
type brand struct {
	label, looks string
	letters      uint32 // of looks: see lettersOf
}

func (d *detectors) officialPhone(e164 string) bool {
	if d.phones[e164] {
		return true
	}
	for _, p := range d.series {
		if strings.HasPrefix(e164, p) {
			return true
		}
	}
	return false
}

// within tells whether domain is in the set, or below one that is.
func within(domain string, set map[string]bool) bool {
	for {
		if set[domain] {
			return true
		}
		dot := strings.IndexByte(domain, '.')
		if dot < 0 {
			return false
		}
		domain = domain[dot+1:]
	}
}

// own tells whether contact details in the words from first to last are the writer's own. Where nothing tells, they are: what is not
// clearly somebody else's is for a person to look at.
func (d *detectors) own(r *reading, first, last int) bool {
	if r.mine(first, last) {
		return true
	}
	const far = 14
	sentence := r.words[first].sentence
	for i := max(0, first-far); i < min(len(r.words), last+far); i++ {
		w := r.words[i]
		if i >= first && i <= last || w.sentence < sentence-1 || w.sentence > sentence+1 {
			continue
		}
		genitive := r.low[w.end-1] == 's'
		close := i < first && i >= first-8 && w.sentence == sentence
		switch {
		case w.cues&(cueTheir|cuePrivate) != 0, w.cues&cueKin != 0 && (genitive || close), w.cues&cueThird != 0 && close,
			r.office(i) && (genitive || close):
			return false
		}
		if next := r.words[min(i+1, len(r.words)-1)]; i+1 < first && w.cues&cueCall != 0 && next.cues&cueFirst != 0 &&
			(next.cues&cueUnsure == 0 || next.kind&wordTitle != 0) {
			return false // "ring Greta på …"
		}
		if genitive && r.cue(i+1)&(cuePhone|cueMail|cueHome) != 0 && d.named(r, i) {
			return false // "Kalles nummer är …", "pappas mobil"
		}
	}
	for _, p := range r.people {
		if !p.writer {
			return false
		}
	}
	return true
}

// named tells whether word i is a first name or a kinship in the genitive.
func (d *detectors) named(r *reading, i int) bool {
	w := r.bytes(i)
	return d.cues.look(text.HashOf(w[:len(w)-1])).cues&(cueFirst|cueKin) != 0
}

// mine tells whether the words around say outright that it is the writer's: "ring mig på", "mitt nummer är", "min mejl".
func (r *reading) mine(first, last int) bool {
	const far = 10
	from, to := max(0, first-far), min(len(r.words), last+far)
	for i := from; i < to; i++ {
		if i >= first && i <= last {
			continue
		}
		if d := r.words[i].sentence - r.words[first].sentence; d < -1 || d > 1 {
			continue
		}
		next, after := r.cue(i+1), r.cue(i+2)
		switch c := r.words[i].cues; {
		case c&cueMine != 0 && next&cueKin == 0 && (next&(cuePhone|cueMail|cueHome|cueSwish) != 0 || !r.genitive(i+1)) && (next|after)&(cuePhone|cueMail|cueHome|cueSwish) != 0:
			return true
		case c&(cueCall|cuePhone) != 0 && (next&cueMe != 0 || after&cueMe != 0 && next&cueCommon != 0):
			return true
		}
		if r.mineIn(i) {
			return true
		}
	}
	return false
}

// genitive tells whether word i ends in s: "min chefs nummer" is the boss's.
func (r *reading) genitive(i int) bool {
	return i < len(r.words) && r.low[r.words[i].end-1] == 's'
}

func (r *reading) cue(i int) cues {
	if i < 0 || i >= len(r.words) {
		return 0
	}
	return r.words[i].cues
}

// mineIn knows the set phrases by which people leave their number.
func (r *reading) mineIn(i int) bool {
	is := func(n int, any ...string) bool {
		if n >= len(r.words) {
			return false
		}
		for _, w := range any {
			if string(r.bytes(n)) == w {
				return true
			}
		}
		return false
	}
	switch {
	case is(i, "nås") && is(i+1, "på", "via", "jag") && r.cuesBefore(i, 6)&(cueThird|cueKin) == 0, is(i, "jag") && is(i+1, "nås", "bor", "heter", "finns", "svarar"):
		return true
	case is(i, "hör") && is(i+1, "av") && is(i+2, "er", "dig", "dej") && !is(i+3, "till"):
		return true
	case is(i, "vi") && is(i+1, "bor", "nås"), is(i, "reach", "call", "email", "text") && is(i+1, "me", "us"):
		return true
	case is(i, "intervjua", "kontakta", "svara", "hjälpa", "nå") && is(i+1, "mig", "mej", "oss"):
		return true
	case is(i, "ringa", "ring", "höra") && is(i+1, "upp", "tillbaka", "av"):
		return true
	}
	return false
}

// office tells whether word i is an occupation or a role in the definite ("läkaren", "ambulansföraren", "chefens"): somebody in particular.
func (r *reading) office(i int) bool {
	w := r.bytes(i)
	if len(w) < 5 {
		return false
	}
	if w[len(w)-1] == 's' {
		return isOffice(w[:len(w)-1])
	}
	if !bytes.HasSuffix(w, []byte("n")) && !bytes.HasSuffix(w, []byte("t")) {
		return false
	}
	return isOffice(w)
}

// isOffice tells whether a word is an occupation or role, or a compound that ends in one.
func isOffice(w []byte) bool {
	if officeTails.of(w) == nil {
		return false
	}
	for n := 0; n < len(w)-1 && n < 40; n++ {
		if officeSet[string(w[n:])] && (n == 0 || len(w)-n > 4) {
			return true
		}
	}
	return false
}

var officeTails = newTails(offices...)

var officeSet = func() map[string]bool {
	set := make(map[string]bool)
	for _, o := range offices {
		set[o] = true
	}
	return set
}()

// mails finds e-mail addresses, plain ("a@b.se") and disguised ("a punkt b snabel-a c punkt se", "a [at] b [dot] se").
func (d *detectors) mails(r *reading, found []detection) []detection {
	if r.ats == 0 {
		return found
	}
	for i := 1; i < len(r.words) && len(found) < mostFound; i++ {
		first, domain, disguised := i, i, false
		switch at, odd := r.atBefore(i); {
		case at < 0:
			continue
		default:
			first, disguised = at, odd
		}
		last, host, odd := r.host(domain)
		if last < 0 && disguised && domain+1 < len(r.words) && string(r.gap(domain)) == " " && saidTop(r.bytes(domain+1)) {
			last, host = domain+1, string(r.bytes(domain))+"."+string(r.bytes(domain+1)) // "snabel a hotmail com"
		}
		if last < 0 || !likeDomain(host) {
			continue
		}
		if said := disguised && r.words[domain-1].end > 0 && r.low[r.words[domain-1].end-1] != '@'; said && !publicDomain(host) && !odd {
			continue
		}
		if !odd && disguised && string(r.bytes(domain-1)) == "at" && !bracketed(r.gap(domain-1)) {
			continue // "meet at example.com"
		}
		first, odd2 := r.mailbox(first)
		start, end := int(r.words[first].start), int(r.words[last].end)
		local := strings.ReplaceAll(string(r.low[start:r.words[domain].start]), " ", "")
		if within(host, d.domains) || d.mailboxes[strings.TrimSuffix(local, "@")+"@"+host] {
			i = last
			continue
		}
		f := detection{kind: kindEmail, disguised: disguised || odd || odd2 || r.rewritten(start, end), own: d.own(r, first, last),
			value: host}
		f.start, f.end = r.span(start, end)
		found = append(found, f)
		i = last
	}
	return found
}

func saidTop(w []byte) bool {
	return string(w) == "com" || string(w) == "se" || string(w) == "net" || string(w) == "org" || string(w) == "nu"
}

func bracketed(gap []byte) bool { return bytes.ContainsAny(gap, ")]}>") }

// atBefore tells whether an @, or what stands for it, is between word i and the words before: it gives the last word of the mailbox,
// or -1, and whether the sign was disguised.
func (r *reading) atBefore(i int) (mailbox int, disguised bool) {
	gap := r.gap(i - 1)
	if len(gap) > 0 && len(gap) <= 3 && bytes.IndexByte(gap, '@') >= 0 {
		if r.words[i-1].sentence != r.words[i].sentence {
			return -1, false
		}
		return i - 1, len(gap) > 1
	}
	if i < 2 {
		return -1, false
	}
	switch string(r.bytes(i - 1)) {
	case "at", "snabela", "snabel", "kanelbulle", "snabla":
		return i - 2, true
	case "a":
		// "snabel-a", "snabel a", "(a)"
		if i >= 3 && r.words[i-2].cues&cueAt != 0 {
			return i - 3, true
		}
		if g := r.gap(i - 2); bytes.ContainsAny(g, "([{") && bracketed(gap) {
			return i - 2, true
		}
	}
	return -1, false
}

// host reads a domain that begins at word i: labels with a dot, or what stands for one, between. It gives its last word, or -1.
func (r *reading) host(i int) (last int, host string, disguised bool) {
	r.before = append(r.before[:0], r.bytes(i)...)
	last = -1
	for n := i; n+1 < len(r.words) && n < i+12; {
		gap := r.gap(n)
		next := n + 1
		switch {
		case len(gap) == 1 && (gap[0] == '-' || gap[0] == '_'), len(gap) == 0:
			r.before = append(r.before, gap...)
		case len(gap) == 1 && gap[0] == '.':
			r.before = append(r.before, '.')
			last = next
		case dotSign(gap):
			r.before = append(r.before, '.')
			last, disguised = next, true
		case r.words[next].cues&cueDot != 0 && next+1 < len(r.words) && quiet(gap) && quiet(r.gap(next)):
			r.before = append(r.before, '.')
			next++
			last, disguised = next, true
		default:
			if last > 0 {
				last = n
			}
			return last, string(r.before), disguised
		}
		r.before = append(r.before, r.bytes(next)...)
		n = next
		if last > 0 {
			last = n
		}
	}
	return last, string(r.before), disguised
}

// dotSign tells whether a gap is a dot in brackets or between spaces.
func dotSign(gap []byte) bool {
	if len(gap) < 3 || len(gap) > 5 || bytes.Count(gap, []byte{'.'}) != 1 {
		return false
	}
	left, right := gap[0], gap[len(gap)-1]
	return (left == ' ' || left == '[' || left == '(' || left == '{') && (right == ' ' || right == ']' || right == ')' || right == '}')
}

// quiet tells whether a gap holds nothing but spaces, brackets and dashes.
func quiet(gap []byte) bool {
	for _, c := range gap {
		switch c {
		case ' ', '[', ']', '(', ')', '{', '}', '-':
		default:
			return false
		}
	}
	return len(gap) <= 3
}

// mailbox goes back from word i over what belongs to the part before the @.
func (r *reading) mailbox(i int) (first int, disguised bool) {
	for n := 0; i > 0 && n < 12; n++ {
		gap := r.gap(i - 1)
		switch {
		case len(gap) == 0, len(gap) == 1 && strings.IndexByte("._-+", gap[0]) >= 0:
			i--
		case i >= 2 && r.words[i-1].cues&cueDot != 0 && quiet(gap) && quiet(r.gap(i-2)), i >= 2 && isMailWord(r.bytes(i-1)):
			i -= 2
			disguised = true
		case dotSign(gap):
			i--
			disguised = true
		default:
			return i, disguised
		}
	}
	return i, disguised
}

func isMailWord(w []byte) bool {
	return string(w) == "understreck" || string(w) == "bindestreck" || string(w) == "underscore"
}

// publicDomain tells whether a host ends in a top domain that exists, and has a name before it.
func publicDomain(host string) bool {
	if !likeDomain(host) {
		return false
	}
	_, icann := publicsuffix.PublicSuffix(host[strings.LastIndexByte(host, '.')+1:])
	suffix, _ := publicsuffix.PublicSuffix(host)
	return icann && (len(suffix) < len(host) || strings.Count(host, ".") > 1)
}

// likeDomain tells whether a host has the form of one, whatever its top domain.
func likeDomain(host string) bool {
	dot := strings.LastIndexByte(host, '.')
	return dot > 0 && len(host)-dot > 2 && !strings.Contains(host, "..") && !digitsOnly(host[dot+1:])
}

// streetEnds are the last parts of Swedish street names. The second list needs a sign that it is a home: they are common words too.
var (
	streetEnds = newTails("vägen", "väg", "gatan", "gata", "gränd", "gränden", "stigen", "stig", "allén", "allé", "backen", "backe", "torget",
		"torg", "esplanaden", "promenaden", "slingan", "kroken", "brinken", "leden", "svängen", "tvärgränd", "strand", "stranden", "kajen",
		"ringen", "höjden", "berget", "dalen", "parken", "plan", "plats", "platsen", "hamnen", "gården", "ängen", "kullen", "hagen", "åsen",
		"udden", "viken", "lunden", "vreten", "tunet", "terrassen", "terrass", "street", "road", "avenue")
	notStreets = map[string]bool{"motorvägen": true, "riksvägen": true, "länsvägen": true, "järnvägen": true, "huvudvägen": true, "skolvägen": true,
		"cykelvägen": true, "gångvägen": true, "bilvägen": true, "genvägen": true, "omvägen": true, "halvvägen": true, "europaväg": true,
		"motorväg": true, "riksväg": true, "länsväg": true, "järnväg": true, "handlingsplan": true, "tidsplan": true, "tidplan": true,
		"arbetsplan": true, "regionplan": true, "budgetplan": true, "vårdplan": true, "våningsplan": true, "sjukgården": true, "vårdplats": true,
		"arbetsplats": true, "sittplats": true, "plats": true, "plan": true, "väg": true, "gata": true, "vägen": true, "gatan": true,
		"backen": true, "backe": true, "stig": true, "stigen": true, "torget": true, "torg": true, "parken": true, "berget": true, "dalen": true,
		"gården": true, "viken": true, "platsen": true, "ringen": true, "hamnen": true, "höjden": true, "leden": true, "stranden": true,
		"strand": true, "hagen": true, "åsen": true, "kullen": true, "ängen": true, "udden": true, "bostadsgatan": true, "villagatan": false}
)

// addresses finds streets with a house number where the words around say that somebody lives there.
func (d *detectors) addresses(r *reading, found []detection) []detection {
	if r.digits == 0 && r.spelled == 0 {
		return found
	}
	for i := 1; i < len(r.words) && len(found) < mostFound; i++ {
		w := r.words[i]
		digits := w.kind&wordDigits != 0 && w.end-w.start <= 3 && r.low[w.start] != '0'
		if !digits && (w.number == 0 || w.end-w.start < 3) || !r.street(i-1) && !r.flat(i) || r.amount(i) && !digits {
			continue
		}
		if g := r.gap(i - 1); len(g) > 2 || len(g) > 0 && g[len(g)-1] != ' ' {
			continue
		}
		if f, ok := d.address(r, i); ok {
			found = append(found, f)
		}
	}
	return found
}

// flat tells whether the number of a flat follows word i, so that what is before it is a street of whatever name: "Backvindeln 45 lgh 1203".
func (r *reading) flat(i int) bool {
	if i+2 >= len(r.words) || r.words[i-1].kind&wordTitle == 0 || r.words[i+2].kind&wordDigits == 0 {
		return false
	}
	next := string(r.bytes(i + 1))
	return next == "lgh" || next == "lägenhet" || next == "portkod"
}

// street tells whether word i ends as streets do.
func (r *reading) street(i int) bool {
	w := r.bytes(i)
	if streetEnds.of(w) == nil {
		return false // nor are words of notStreets without such an end
	}
	if notStreets[string(w)] {
		// "Birger Jarls gata 4"
		return i > 0 && r.words[i-1].kind&(wordTitle|wordFirst) == wordTitle && len(r.gap(i-1)) == 1
	}
	return ends(streetEnds, w, 3)
}

// address judges the street before word i, its number: an address is personal where somebody lives there.
func (d *detectors) address(r *reading, i int) (detection, bool) {
	street := i - 1
	if notStreets[string(r.bytes(street))] {
		street--
	}
	last := i
	if i+1 < len(r.words) && r.words[i+1].end-r.words[i+1].start == 1 && len(r.gap(i)) <= 1 && r.words[i+1].kind&wordDigits == 0 &&
		(len(r.gap(i)) == 0 || r.words[i+1].kind&wordTitle != 0) {
		last++ // 14B
	}
	start, end := int(r.words[street].start), int(r.words[last].end)
	if r.amount(last) || d.streets[string(r.bytes(i-1))+" "+string(r.bytes(i))] {
		return detection{}, false
	}
	around := r.cuesBefore(street, 8) | r.cuesAfter(last, 8)
	home := around&cueHome != 0 || r.livesAt(street)
	postcode := r.postcode(last)
	titled := r.words[street].kind&wordTitle != 0
	if !home && !postcode || !home && around&cuePublic != 0 || !titled && !home {
		return detection{}, false
	}
	f := detection{kind: kindAddress, value: string(r.low[start:end]), own: d.own(r, street, last)}
	f.disguised = r.words[i].kind&wordDigits == 0 || r.rewritten(start, end)
	f.start, f.end = r.span(start, end)
	return f, true
}

// livesAt tells whether somebody is put right before the street: "vi på Snöripsbacken 6", "Tyra Ek, Kaprifolgränd 2".
func (r *reading) livesAt(street int) bool {
	if street >= 2 && r.words[street-2].cues&cueMe != 0 && r.words[street-1].cues&cueCommon != 0 {
		return true
	}
	if street >= 2 && string(r.bytes(street-1)) == "at" && string(r.bytes(street-2)) == "m" {
		return true // "I'm at"
	}
	for _, p := range r.people {
		if p.full && p.last < street && p.last >= street-3 && r.words[p.last].sentence == r.words[street].sentence {
			return true
		}
	}
	return false
}

// postcode tells whether a Swedish postcode ("123 45", "12345") follows word i closely.
func (r *reading) postcode(i int) bool {
	for n := i + 1; n < len(r.words) && n <= i+4; n++ {
		w := r.words[n]
		if w.kind&wordDigits == 0 {
			continue
		}
		switch w.end - w.start {
		case 5:
			return r.low[w.start] != '0' && !r.amount(n)
		case 3:
			return n+1 < len(r.words) && r.words[n+1].kind&wordDigits != 0 && r.words[n+1].end-r.words[n+1].start == 2 && string(r.gap(n)) == " "
		}
	}
	return false
}
