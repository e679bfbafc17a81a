package rules

import (
	"bytes"
	"strings"
	"sync/atomic"

	"github.com/nyaruka/phonenumbers"
)

// numberRun is a row of digits as somebody wrote it: pieces with spaces, dashes, dots or nothing between, some of them perhaps in words.
type numberRun struct {
	digits []byte
	pieces []piece
}

// piece is a part of a run that was written together.
type piece struct {
	from, to int32 // in numberRun.digits
	word     int32
	before   separator
	odd      bool // said in words, or with letters for digits
}

func (p piece) len() int { return int(p.to - p.from) }

// separator is what stands between two pieces.
type separator uint8

const (
	sepNothing separator = iota
	sepSpace
	sepDash
	sepPlus
	sepDot
	sepSlash // and parentheses
	sepLine
	sepComma // and colon: joins single digits only
	sepBreak
)

func separatorOf(gap []byte) separator {
	if len(gap) > 5 {
		return sepBreak
	}
	s := sepNothing
	for _, c := range gap {
		var is separator
		switch c {
		case ' ', '\t', '\r', '_', '*':
			is = sepSpace
		case '-':
			is = sepDash
		case '+':
			is = sepPlus
		case '.':
			is = sepDot
		case '/', '(', ')':
			is = sepSlash
		case '\n':
			is = sepLine
		case ',', ':', ';', '|', '\'':
			is = sepComma
		default:
			return sepBreak
		}
		if is > s || s == sepSpace {
			s = is
		}
	}
	return s
}

// leastDigits is how many digits a number has at the least that tells anything.
const leastDigits = 7

// numbers finds what numbers tell: identity, phone, account and card numbers.
func (d *detectors) numbers(r *reading, found []detection) []detection {
	if r.figures < leastDigits && r.spelled < 4 {
		return found
	}
	for i := 0; i < len(r.words) && len(found) < mostFound; {
		next := d.gather(r, i)
		if len(r.run.digits) >= leastDigits {
			found = d.numbersIn(r, found)
		}
		i = next
	}
	if r.digits > 1 {
		found = r.interims(r.splitIdentity(found))
	}
	return found
}

// gather collects the run that begins at word i, and gives the word after it; when none begins there the run is empty.
func (d *detectors) gather(r *reading, i int) int {
	run := &r.run
	run.digits, run.pieces = run.digits[:0], run.pieces[:0]
	for n := i; n < len(r.words); n++ {
		from := len(run.digits)
		odd, ok := d.piece(r, n)
		if !ok {
			return max(n, i+1)
		}
		p := piece{from: int32(from), to: int32(len(run.digits)), word: int32(n), odd: odd}
		if n > i {
			p.before = separatorOf(r.gap(n - 1))
			single := p.len() == 1 && run.pieces[len(run.pieces)-1].len() == 1
			if p.before == sepBreak || p.before == sepComma && !single && !odd {
				run.digits = run.digits[:from]
				return n
			}
		}
		run.pieces = append(run.pieces, p)
	}
	return len(r.words)
}

// piece appends the digits that word n stands for.
func (d *detectors) piece(r *reading, n int) (odd, ok bool) {
	w := &r.words[n]
	switch {
	case w.kind&wordDigits != 0:
		r.run.digits = append(r.run.digits, r.bytes(n)...)
		return false, true
	case w.number != 0 && r.spelled > 3:
		r.run.digits = append(r.run.digits, d.cues.numbers[w.number-1]...)
		return true, true
	case w.end-w.start > 2:
		return false, false
	}
	gluedBefore := w.kind&wordGlued != 0
	gluedAfter := n+1 < len(r.words) && r.words[n+1].kind&(wordGlued|wordDigits) == wordGlued|wordDigits
	if !gluedBefore && !gluedAfter {
		return false, false
	}
	for _, c := range r.bytes(n) {
		if c != 'o' && c != 'l' && c != 'i' {
			return false, false
		}
	}
	for _, c := range r.bytes(n) {
		if c == 'o' {
			r.run.digits = append(r.run.digits, '0')
		} else {
			r.run.digits = append(r.run.digits, '1')
		}
	}
	return true, true
}

// numbersIn tries every piece of the run as the beginning of something, longest first.
func (d *detectors) numbersIn(r *reading, found []detection) []detection {
	for i := 0; i < len(r.run.pieces) && len(found) < mostFound; {
		kind, pieces := d.numberAt(r, i)
		if pieces == 0 {
			i++
			continue
		}
		if kind != 0 {
			if f := d.numberDetection(r, kind, i, pieces); !overlaps(found, f) {
				found = append(found, f)
			}
		}
		i += pieces
	}
	return found
}

// numberAt tells what begins at piece i, and how many pieces it takes up. A kind of 0 with pieces is something known to be harmless.
func (d *detectors) numberAt(r *reading, i int) (detectionKind, int) {
	first := int(r.run.pieces[i].word)
	near := r.cuesBefore(first, 6)
	if n := r.cardAt(i, near); n > 0 {
		return kindAccount, n
	}
	if n := r.accountAt(i); n > 0 {
		return kindAccount, n
	}
	if kind, n := r.identityAt(i); n > 0 {
		return kind, n
	}
	if near&cueSwish != 0 {
		if n := r.swishAt(i); n > 0 {
			return kindSwish, n
		}
	}
	n, official := d.phoneAt(r, i)
	switch {
	case n == 0:
		return 0, 0
	case official:
		return 0, n
	case (r.cuesBefore(first, 5)|r.cuesAfter(int(r.run.pieces[i+n-1].word), 2))&cueSwish != 0:
		return kindSwish, n
	}
	return kindPhone, n
}

func (d *detectors) numberDetection(r *reading, kind detectionKind, i, pieces int) detection {
	first, last := r.run.pieces[i], r.run.pieces[i+pieces-1]
	start, end := int(r.words[first.word].start), int(r.words[last.word].end)
	if kind != kindIdentity && start > 0 && r.low[start-1] == '+' {
		start--
	}
	f := detection{kind: kind, value: string(r.run.digits[first.from:last.to]), disguised: r.rewritten(start, end)}
	for _, p := range r.run.pieces[i : i+pieces] {
		f.disguised = f.disguised || p.odd
	}
	f.disguised = f.disguised || pieces >= 8
	f.start, f.end = r.span(start, end)
	if kind == kindPhone {
		f.own = d.own(r, int(first.word), int(last.word))
	}
	return f
}

// cuesBefore joins the cues of up to n words before word i, within its sentence and the end of the one before.
func (r *reading) cuesBefore(i, n int) (c cues) {
	for j := i - 1; j >= 0 && j >= i-n && r.words[i].sentence-r.words[j].sentence <= 1; j-- {
		c |= r.words[j].cues
	}
	return c
}

// cuesAfter joins the cues of up to n words after word i in the same sentence.
func (r *reading) cuesAfter(i, n int) (c cues) {
	for j := i + 1; j < len(r.words) && j <= i+n && r.words[j].sentence == r.words[i].sentence; j++ {
		c |= r.words[j].cues
	}
	return c
}

// amount tells whether what stands right after word i makes the number an amount ("personer", "kr", "%").
func (r *reading) amount(i int) bool {
	gap := r.gap(i)
	for _, c := range gap {
		if c == '%' {
			return true
		}
		if c != ' ' {
			return false
		}
	}
	return i+1 < len(r.words) && r.words[i+1].cues&cueUnit != 0
}

// window joins pieces from i on that make up least to most digits, and calls try with every number of pieces, longest first.
func (r *reading) window(i, least, most int, try func(digits []byte, pieces []piece) bool) int {
	run, from := &r.run, r.run.pieces[i].from
	end := i
	for end < len(run.pieces) && int(run.pieces[end].to-from) <= most {
		end++
	}
	for ; end > i && int(run.pieces[end-1].to-from) >= least; end-- {
		if try(run.digits[from:run.pieces[end-1].to], run.pieces[i:end]) {
			return end - i
		}
	}
	return 0
}

// cut tells whether the pieces from i, n in number, are torn out of something longer that is joined by more than spaces.
func (r *reading) cut(i, n int) bool {
	p := r.run.pieces
	joins := func(s separator) bool { return s != sepSpace && s != sepLine && s != sepSlash }
	return i > 0 && joins(p[i].before) || i+n < len(p) && joins(p[i+n].before)
}

// identityAt finds a personal identity or coordination number at piece i.
//
// Sources: Folkbokföringslagen (1991:481) 18 §, and Skatteverket, SKV 704 and SKV 707: date of birth, three digits, a check digit after
// Luhn; coordination numbers have 60 added to the day; + instead of - from the year when somebody turns 100.
func (r *reading) identityAt(i int) (detectionKind, int) {
	var kind detectionKind
	first := int(r.run.pieces[i].word)
	n := r.window(i, 10, 12, func(digits []byte, pieces []piece) bool {
		if len(digits) != 10 && len(digits) != 12 {
			return false
		}
		last := int(pieces[len(pieces)-1].word)
		before, after := r.cuesBefore(first, 5), r.cuesAfter(last, 4)
		called := (before|after)&cuePnr != 0
		if !called && r.cut(i, len(pieces)) {
			return false
		}
		if len(pieces) == 2 && pieces[1].before == sepSpace && len(r.words) == 2 {
			return false // two numbers with nothing said of them may be anything
		}
		shaped := called || identityShape(digits, pieces)
		if !shaped && ((before|after)&(cuePhone|cueTheir) == 0 || digits[0] == '0') || !called && r.amount(last) {
			return false
		}
		date, check := identityNumber(digits)
		switch {
		case !date:
			return false
		case check && (before&cueRef != 0 || r.reference(first)) && !called:
			kind = kindIdentityLike
		case check:
			kind = kindIdentity
		case shaped && r.likely(digits, pieces, called):
			kind = kindIdentityLike
		default:
			return false
		}
		return true
	})
	return kind, n
}

// splitIdentity finds an identity number whose date of birth and last four digits stand apart: "född 850312, fyra sista 9820".
func (r *reading) splitIdentity(found []detection) []detection {
	called := false
	for i := 1; i < len(r.words) && !called; i++ {
		a, b := r.bytes(i-1), r.bytes(i)
		called = string(b) == "sista" && (string(a) == "fyra" || string(a) == "4") || string(a) == "sista" && (string(b) == "fyra" || string(b) == "4" || string(b) == "siffrorna")
	}
	if !called {
		return found
	}
	const near = 12
	var digits [12]byte
	for i, w := range r.words {
		if w.kind&wordDigits == 0 || w.end-w.start != 6 && w.end-w.start != 8 {
			continue
		}
		for j := max(0, i-near); j < min(len(r.words), i+near); j++ {
			if v := r.words[j]; v.kind&wordDigits == 0 || v.end-v.start != 4 {
				continue
			}
			d := append(append(digits[:0], r.bytes(i)...), r.bytes(j)...)
			if _, check := identityNumber(d); check {
				f := detection{kind: kindIdentity, value: string(d), disguised: true}
				f.start, f.end = r.span(int(min(w.start, r.words[j].start)), int(max(w.end, r.words[j].end)))
				return append(found, f)
			}
		}
	}
	return found
}

// likely tells whether a number that has the form of an identity number, but a wrong check digit, should be looked at: somebody miswrote
// one, or invented it. Case, invoice and order numbers begin with a date too, mostly a recent one.
func (r *reading) likely(digits []byte, pieces []piece, called bool) bool {
	if len(pieces) != 2 || pieces[1].before != sepDash && pieces[1].before != sepPlus || len(r.words) < 5 {
		return false
	}
	if first := int(pieces[0].word); (r.cuesBefore(first, 9)|r.cuesAfter(int(pieces[1].word), 2))&cueRef != 0 || r.reference(first) {
		return false
	}
	year := int(digits[len(digits)-10]-'0')*10 + int(digits[len(digits)-9]-'0')
	recent := year >= 15 && year <= 39 && (len(digits) == 10 || digits[0] == '2')
	return (called || !recent) && string(digits[len(digits)-4:len(digits)-1]) != "000"
}

// reference tells whether the word before word i calls the number that of a thing: "följesedel", "leveransnummer".
func (r *reading) reference(i int) bool {
	if i == 0 || r.words[i-1].cues&(cuePnr|cuePhone|cueAccount|cueSwish) != 0 {
		return false
	}
	w := r.bytes(i - 1)
	return ends(referenceEnds, w, 0)
}

var referenceEnds = newTails("nummer", "nr", "numret", "sedel", "sedeln", "kod", "koden", "beteckning", "kvitto", "kvittot", "ordern", "id")

// identityShape tells whether people divide identity numbers so. Others are identity numbers only where they are called so.
func identityShape(digits []byte, pieces []piece) bool {
	ones, spelled := true, false
	var lengths [6]byte
	for i, p := range pieces {
		ones = ones && p.len() == 1
		spelled = spelled || p.odd
		if i < len(lengths) {
			lengths[i] = byte(p.len()) + '0'
		}
	}
	if ones || spelled {
		return true
	}
	last := pieces[len(pieces)-1]
	switch string(lengths[:min(len(pieces), len(lengths))]) {
	case ":", "<", "64", "84", "264", "622", "61111", "642":
		return last.before != sepSlash
	case "22222", "2224":
		return last.before != sepSpace || beyondClocks(digits)
	case "4224":
		return last.before == sepDash || last.before == sepPlus
	}
	return false
}

// beyondClocks tells whether one of the pairs of digits is more than a clock shows or a lottery draws: rows of times, lines and lottery
// numbers look like dates of birth.
func beyondClocks(digits []byte) bool {
	for i := 0; i+1 < len(digits); i += 2 {
		if digits[i] >= '6' {
			return true
		}
	}
	return false
}

// identityNumber tells whether 10 or 12 digits begin with a date of birth, and whether the last one is the right check digit.
func identityNumber(d []byte) (date, check bool) {
	num := func(i int) int { return int(d[i]-'0')*10 + int(d[i+1]-'0') }
	century := 0
	if len(d) == 12 {
		century = num(0)
		d = d[2:]
		if century < 18 || century > 20 {
			return false, false
		}
	}
	year, month, day := num(0), num(2), num(4)
	coordination := day >= 60
	if coordination {
		day -= 60
	}
	// A coordination number may have month 00 and day 60: the date of birth is not known.
	if month > 12 || day > 31 || !coordination && (month == 0 || day == 0) {
		return false, false
	}
	// Nor are their days held against the calendar: Skatteverket's own have a 31 April.
	if !coordination && day > daysIn(century, year, month) {
		return false, false
	}
	serial := string(d[6:9])
	return true, luhn(d) && (serial != "000" || coordination)
}

// daysIn gives the days of a month; where the century is not known (0), of the longest it can be.
func daysIn(century, year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		full := century*100 + year
		if year%4 == 0 && (century == 0 || full%100 != 0 || full%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// luhn tells whether the last digit is the check digit of those before it (ISO/IEC 7812-1, annex B).
func luhn(d []byte) bool {
	sum := 0
	for i := range d {
		n := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}

// interims finds T numbers, which hospitals and schools give those who have no identity number yet: a letter instead of the first digit of
// the serial, counted as 1 in the check digit.
func (r *reading) interims(found []detection) []detection {
	for i := 0; i+2 < len(r.words) && len(found) < mostFound; i++ {
		date, letter, tail := &r.words[i], &r.words[i+1], &r.words[i+2]
		if tail.kind&(wordDigits|wordGlued) != wordDigits|wordGlued || tail.end-tail.start != 3 || letter.end-letter.start != 1 ||
			date.kind&wordDigits == 0 || date.end-date.start != 6 && date.end-date.start != 8 {
			continue
		}
		if sep := separatorOf(r.gap(i)); sep != sepNothing && sep != sepDash && sep != sepPlus || strings.IndexByte("trsuwxjklmn", r.low[letter.start]) < 0 {
			continue
		}
		var digits [12]byte
		d := append(append(append(digits[:0], r.bytes(i)...), '1'), r.bytes(i+2)...)
		if _, check := identityNumber(d); check {
			f := detection{kind: kindIdentity, value: string(r.low[date.start:tail.end])}
			if f.start, f.end = r.span(int(date.start), int(tail.end)); !overlaps(found, f) {
				found = append(found, f)
			}
		}
	}
	return found
}

// cardAt finds a payment card number at piece i: 15 or 16 digits of a known issuer (ISO/IEC 7812) with the right check digit.
func (r *reading) cardAt(i int, near cues) int {
	if near&(cueRef|cueGiro) != 0 {
		return 0
	}
	return r.window(i, 15, 16, func(d []byte, pieces []piece) bool {
		if !luhn(d) || r.cut(i, len(pieces)) {
			return false
		}
		two := int(d[0]-'0')*10 + int(d[1]-'0')
		if len(d) == 15 {
			return two == 34 || two == 37
		}
		four := two*100 + int(d[2]-'0')*10 + int(d[3]-'0')
		return d[0] == '4' || 51 <= two && two <= 55 || 2221 <= four && four <= 2720 || four == 6011 || two == 65
	})
}

// accountAt finds a bank account number at piece i, where the words before call it one. Giro numbers belong to organisations.
func (r *reading) accountAt(i int) int {
	first := int(r.run.pieces[i].word)
	near := r.cuesBefore(first, 5)
	called := near&cueAccount != 0 || r.accountWord(first)
	if !called && r.run.pieces[i].len() != 4 {
		return 0
	}
	giro := near&(cueGiro|cueRef|cuePhone) != 0 && r.cuesBefore(first, 2)&cueAccount == 0 || r.ofCard(first)
	return r.window(i, 7, 16, func(d []byte, pieces []piece) bool {
		last := int(pieces[len(pieces)-1].word)
		if giro || r.amount(last) || d[0] == '0' || r.cut(i, len(pieces)) {
			return false
		}
		if called {
			return true
		}
		// "6152-7 389 441 207 Handelsbanken": a clearing number first, and called an account only after.
		return len(d) >= 11 && pieces[0].len() == 4 && r.cuesAfter(last, 4)&cueAccount != 0
	})
}

// ofCard tells whether the number at word i is called that of a thing which has to do with a card, and nothing else calls it an account:
// "ordernumret för SL-kortet".
func (r *reading) ofCard(i int) bool {
	card := false
	for j := i - 1; j >= 0 && j >= i-5 && r.words[j].sentence == r.words[i].sentence; j-- {
		switch c := r.words[j].cues; {
		case string(r.bytes(j)) == "kortet":
			card = true
		case c&cueAccount != 0:
			return false
		case c&cueRef != 0 || ends(referenceEnds, r.bytes(j), 0):
			return card
		}
	}
	return false
}

// accountWord tells whether one of the words before word i is a compound that ends in "konto": "Swedbankkonto".
func (r *reading) accountWord(i int) bool {
	for j := i - 1; j >= 0 && j >= i-4; j-- {
		w := r.bytes(j)
		if len(w) > 5 && (bytes.HasSuffix(w, []byte("konto")) || bytes.HasSuffix(w, []byte("kontot"))) {
			return true
		}
	}
	return false
}

// swishAt finds a Swish number of a firm or an association: ten digits that begin with 123.
func (r *reading) swishAt(i int) int {
	return r.window(i, 10, 10, func(d []byte, pieces []piece) bool {
		return string(d[:3]) == "123" && !r.cut(i, len(pieces))
	})
}

// mostDialled is how many numbers of one text are held against the numbering plans: a text made of numbers is a list anyhow.
const mostDialled = 40

// phoneAt finds a phone number at piece i, and tells whether it is nobody's own: an authority's or a firm's.
func (d *detectors) phoneAt(r *reading, i int) (pieces int, official bool) {
	p := r.run.pieces[i]
	start := r.words[p.word].start
	abroad := start > 0 && r.low[start-1] == '+'
	if c := r.run.digits[p.from]; !abroad && c != '0' && c != '7' || r.dialled >= mostDialled {
		return 0, false
	}
	n := r.window(i, 8, 15, func(digits []byte, pieces []piece) bool {
		if !r.phoneLike(i, digits, pieces, abroad) {
			return false
		}
		if pieces[0].odd && pieces[len(pieces)-1].odd && len(pieces) > 3 {
			return true // dictated to be called: a slip does not make it harmless
		}
		r.dialled++
		if official = d.dialled[string(digits)] && !abroad; official {
			return true // no need of the numbering plans, which cost more than all else
		}
		if digits[0] == '7' && !abroad {
			digits = append([]byte{'0'}, digits...)
		}
		number, ok := d.dial(digits, abroad)
		official = ok && d.officialPhone(number)
		return ok
	})
	return n, n > 0 && official
}

// phoneLike is the cheap sieve before libphonenumber.
func (r *reading) phoneLike(i int, d []byte, pieces []piece, abroad bool) bool {
	if !abroad && d[0] == '7' && len(d) != 9 || !abroad && len(d) > 11 && d[1] != '0' {
		return false
	}
	if r.cut(i, len(pieces)) && !abroad {
		return false
	}
	first, last := int(pieces[0].word), int(pieces[len(pieces)-1].word)
	near := r.cuesBefore(first, 4) | r.cuesAfter(last, 3)
	called := near&(cuePhone|cueSwish|cuePrivate) != 0
	if r.cuesBefore(first, 2)&cueRef != 0 && r.cuesBefore(first, 2)&cuePhone == 0 || r.amount(last) {
		return false
	}
	odd := pieces[0].odd && pieces[len(pieces)-1].odd && len(pieces) > 3
	called = called || odd && r.calls(first)
	switch {
	case abroad:
		return len(d) >= 9
	case d[0] == '7':
		return called && len(d) == 9 && len(pieces) > 1
	case odd && called && len(d) >= 9 && len(d) <= 11:
		return true
	}
	if len(d) > 2 && d[1] == '0' {
		return len(d) >= 11 && len(d) <= 15
	}
	dotted, joined := false, false
	for _, p := range pieces[1:] {
		dotted = dotted || p.before == sepDot
		joined = joined || p.before == sepDash || p.before == sepSlash
	}
	if len(d) == 10 && d[1] == '7' {
		return true
	}
	if len(d) < 8 || len(d) > 10 || dotted && !called {
		return false
	}
	if len(d) == 8 && len(pieces) == 2 && pieces[0].len() == 4 && !called {
		return false // "0607-0637" are times
	}
	return called || pieces[0].len() <= 4 && (joined || len(d) >= 9 && len(pieces) >= 4 && pieces[1].len() >= 3)
}

// calls tells whether a word for calling stands anywhere in the sentences about word i.
func (r *reading) calls(i int) bool {
	for j := max(0, i-30); j < len(r.words) && j < i+30; j++ {
		if r.words[j].cues&cuePhone != 0 {
			return true
		}
	}
	return false
}

// swedishPlan is what libphonenumber said of Swedish numbers: whether one that begins with four digits, after the 0 or +46, and has so many
// can be dialled. The plan tells numbers apart by no more (TestSwedishPlan), and to ask anew costs more than to judge a comment.
type swedishPlan [10_000]atomic.Uint32 // two bits for each length: whether it has been asked, and what it said

// ask tells whether the number can be dialled. It asks libphonenumber by dialled when nobody has asked of such a number before.
func (p *swedishPlan) ask(number []byte, dialled func() bool) bool {
	at := 0
	for _, c := range number[:4] {
		at = 10*at + int(c-'0')
	}
	shift := 2 * len(number)
	said := p[at].Load() >> shift & 3
	if said == 0 {
		if said = 1; dialled() {
			said = 3
		}
		p[at].Or(said << shift)
	}
	return said == 3
}

// dial is phone, by what is remembered of Swedish numbers.
func (d *detectors) dial(digits []byte, abroad bool) (string, bool) {
	number, swedish := bytes.CutPrefix(digits, []byte("0"))
	if abroad {
		number, swedish = bytes.CutPrefix(digits, []byte("46"))
	}
	if !swedish || len(number) < 7 || len(number) > 14 || number[0] == '0' {
		return d.phone(digits, abroad)
	}
	if !d.plan.ask(number, func() bool { _, ok := d.phone(digits, abroad); return ok }) {
		return "", false
	}
	return "46" + string(number), true
}

// phone gives the number as E.164 without its plus, if it can be dialled.
func (d *detectors) phone(digits []byte, abroad bool) (string, bool) {
	s := string(digits)
	if abroad {
		s = "+" + s
	}
	n, err := phonenumbers.Parse(s, "SE")
	if err != nil || !phonenumbers.IsValidNumber(n) {
		return "", false
	}
	switch phonenumbers.GetNumberType(n) {
	case phonenumbers.TOLL_FREE, phonenumbers.SHARED_COST, phonenumbers.UAN:
		return "", false // a firm's or an authority's: nobody lives behind 020 or 0771
	}
	return phonenumbers.Format(n, phonenumbers.E164)[1:], true
}

// ibanLengths are the lengths of account numbers by country (SWIFT, IBAN Registry), for the countries where Swedes send money.
var ibanLengths = map[string]int{"se": 24, "no": 15, "dk": 18, "fi": 18, "de": 22, "gb": 22, "nl": 18, "be": 16, "fr": 27, "es": 24, "it": 27,
	"pl": 28, "ee": 20, "lv": 21, "lt": 20, "ch": 21, "at": 20, "ie": 22, "pt": 25, "is": 26, "cz": 24, "sk": 24, "hu": 28, "ro": 24, "bg": 22,
	"gr": 27, "hr": 21, "si": 19, "lu": 20, "mt": 31, "cy": 28, "tr": 26, "ua": 29, "rs": 22, "ba": 20, "al": 28, "mk": 19, "me": 22, "xk": 20}

// ibans finds international account numbers (ISO 13616).
func (d *detectors) ibans(r *reading, found []detection) []detection {
	for i := 0; i+1 < len(r.words) && len(found) < mostFound; i++ {
		w, next := &r.words[i], &r.words[i+1]
		if w.end-w.start != 2 || next.kind&wordDigits == 0 || next.kind&wordGlued == 0 && next.start != w.end+1 {
			continue
		}
		length, ok := ibanLengths[string(r.bytes(i))]
		if !ok {
			continue
		}
		if end := r.ibanEnd(int(w.start), length); end > 0 {
			f := detection{kind: kindAccount, value: string(r.low[w.start:end]), disguised: r.rewritten(int(w.start), end)}
			f.start, f.end = r.span(int(w.start), end)
			found = append(found, f)
		}
	}
	return found
}

// ibanEnd gives the end of an account number of so many letters and digits from start on whose check digits are right, or 0.
func (r *reading) ibanEnd(start, length int) int {
	var code [34]byte
	n, i := 0, start
	for ; i < len(r.low) && n < length; i++ {
		switch c := r.low[i]; byteKinds[c] {
		case byteDigit, byteLetter:
			code[n] = c
			n++
		default:
			if c != ' ' && c != '-' {
				return 0
			}
		}
	}
	if n < length || i < len(r.low) && (byteKinds[r.low[i]] == byteDigit || byteKinds[r.low[i]] == byteLetter) {
		return 0
	}
	rest := 0
	for j := range n {
		c := code[(j+4)%n]
		if c <= '9' {
			rest = (rest*10 + int(c-'0')) % 97
		} else {
			rest = (rest*100 + int(c-'a') + 10) % 97
		}
	}
	if rest != 1 {
		return 0
	}
	return i
}
