package rules

import (
	"bytes"
	"math/bits"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// links finds addresses of sites: with or without scheme and www, with the dot said, bracketed or spaced. What is on the allow list
// is left out; what imitates it is a lookalike.
//
// The top domains are those of the Public Suffix List's ICANN part, as golang.org/x/net/publicsuffix has it.
func (d *detectors) links(r *reading, found []detection) []detection {
	if r.dots == 0 {
		return found
	}
	for i := 0; i+1 < len(r.words) && len(found) < mostFound; i++ {
		if !r.dotAfter(i) || i > 0 && len(r.gap(i-1)) == 1 && (r.gap(i - 1)[0] == '@' || r.gap(i - 1)[0] == '.') {
			continue
		}
		first := r.labelStart(i)
		last, host, disguised := r.host(first)
		if last < 0 {
			continue
		}
		from := first
		link, ok := r.siteOf(&first, &last, host, disguised)
		if !ok {
			i = max(i, min(last, from+1)-1)
			continue
		}
		if f, ok := d.link(r, first, last, link, disguised); ok && !overlaps(found, f) {
			found = append(found, f)
		}
		i = last
	}
	return found
}

// overlaps tells whether f shares a place with one that was found before: an e-mail address is no link.
func overlaps(found []detection, f detection) bool {
	for i := len(found) - 1; i >= 0 && i >= len(found)-8; i-- {
		if found[i].start < f.end && f.start < found[i].end {
			return true
		}
	}
	return false
}

// dotAfter tells whether a dot, or what stands for one, joins word i to the next.
func (r *reading) dotAfter(i int) bool {
	gap := r.gap(i)
	switch {
	case len(gap) == 1:
		return gap[0] == '.' || gap[0] == ' ' && r.words[i+1].cues&cueDot != 0 && i+2 < len(r.words) && quiet(r.gap(i+1))
	case dotSign(gap):
		return true
	}
	return quiet(gap) && r.words[i+1].cues&cueDot != 0 && i+2 < len(r.words) && quiet(r.gap(i+1))
}

// labelStart goes back from word i to where its label begins: "1177-se", "sl-sanningen".
func (r *reading) labelStart(i int) int {
	for n := 0; i > 0 && n < 8; n++ {
		gap := r.gap(i - 1)
		if len(gap) != 0 && !(len(gap) == 1 && (gap[0] == '-' || gap[0] == '_')) {
			break
		}
		i--
	}
	return i
}

// siteOf tells whether a host that was read is meant as one, and not a full stop without its space, an abbreviation or a file. It
// takes in the scheme and path around.
func (r *reading) siteOf(first, last *int, host string, disguised bool) (string, bool) {
	scheme := r.schemeBefore(*first)
	www := strings.HasPrefix(host, "www.")
	if spaced := r.spacedWWW(*first); spaced < *first {
		*first, www = spaced, true
	}
	host = strings.Trim(host, ".-_")
	if scheme >= 0 && likeDomain(host) {
		*first = scheme
		return strings.TrimPrefix(host, "www."), true
	}
	if !publicDomain(host) {
		shorter, ok := r.dropLast(last, host)
		if !ok {
			return "", false
		}
		host = shorter
	}
	path := r.pathAfter(*last)
	if www && strings.Count(host, ".") >= 1 {
		return strings.TrimPrefix(host, "www."), true
	}
	return host, r.bareSite(*first, *last, host, path, disguised)
}

// dropLast takes words off the end of a host until its top domain exists: "example.com.Men" is example.com.
func (r *reading) dropLast(last *int, host string) (string, bool) {
	for range 2 {
		dot := strings.LastIndexByte(host, '.')
		if dot <= 0 {
			return "", false
		}
		host = host[:dot]
		*last--
		if publicDomain(host) {
			return host, true
		}
	}
	return "", false
}

// schemeBefore gives the word where "https://", "hxxp://" or "http:" before word i begins, or -1.
func (r *reading) schemeBefore(i int) int {
	if i == 0 || len(r.gap(i-1)) < 2 || r.gap(i - 1)[0] != ':' && r.gap(i - 1)[0] != '[' {
		return -1
	}
	switch string(r.bytes(i - 1)) {
	case "http", "https", "hxxp", "hxxps", "http's", "htp", "htps", "ftp", "meow", "hxtp", "hxtps":
		return i - 1
	}
	return -1
}

// spacedWWW gives the first of the words "w w w" before word i, or i.
func (r *reading) spacedWWW(i int) int {
	if i >= 3 && string(r.bytes(i-1)) == "w" && string(r.bytes(i-2)) == "w" && string(r.bytes(i-3)) == "w" {
		return i - 3
	}
	if i >= 2 && string(r.bytes(i)) == "w" && string(r.bytes(i-1)) == "w" && string(r.bytes(i-2)) == "w" {
		return i - 2
	}
	return i
}

func (r *reading) pathAfter(i int) bool {
	gap := r.gap(i)
	return len(gap) > 0 && gap[0] == '/' && (len(gap) == 1 && i+1 < len(r.words) || len(gap) > 1 && (gap[1] == ' ' || gap[1] == '?' || gap[1] == '#'))
}

// wordyTops are top domains that are Swedish or English words, units, or the ends of file names: before them a bare host must look like
// one in other ways.
var wordyTops = wordSet("ac ad ag ai al am an ar arab are art as at ax ba baby band bank bar baseball be best bet bi bil bingo bio black bo bom bot box bra by " +
	"call cat cc center city cl cm coach college cricket cv data day de delta design diet digital dj dm do dog ed eg er et expert express fan farm fast fe feedback " +
	"film final fit florist fly fm forum gal gap garden gay ge gift gifts gives glass global golf got gratis gt gu guide guru hem here hm hn hockey hospital hot how " +
	"ht hu hur id il im in int ir is it jeep je jo ke kg ki kids kim kiwi km kn kp kr la land lat lc legal li like link live lol lotto love ls lt ma man management " +
	"mc md me med media men menu mg mil min ml mm mo moe mom monster mov mp mr ms mt mu museum mv mw my na name nc ne nf ng ni no now np nr nu om one open " +
	"orange pa page pars partners party pf pg ph pin pizza pl plus pm pn post pr press prime ps pt pub py radio re red ren rent rest ro rs rugby sa sas save sc " +
	"science se sex sh shopping show si sina skin sky sl sm smart sn so social solar solutions sport sr st store studio sv sy systems tax taxi tc td team tel tennis " +
	"tg th tips tj tk tl tm tn to today top total tr trust tt tv tz us va vana vc ve vet vg vi video vig viking villas vin vip visa vision vu win ws wtf ye you yt zip")

// bareSite tells whether a host without scheme and www is one. "Läs på dn.se" is, "bra.Men", "Node.js" and "t.ex" are not.
func (r *reading) bareSite(first, last int, host string, path, disguised bool) bool {
	top := host[strings.LastIndexByte(host, '.')+1:]
	label := r.words[first]
	plain := strings.Count(host, ".") == 1 && !path && !strings.ContainsAny(host, "-_0123456789")
	if label.cues&(cueCommon|cueMe) != 0 && label.kind&wordGlued == 0 && (plain || !path && (strings.Count(host, ".") > 2 || wordyTops[top] && top != "se")) {
		return false // "bra.se till att …", "Jag.kräver.att.ni"
	}
	if r.words[last].kind&wordTitle != 0 && label.kind&wordUpper == 0 && !(label.kind&wordTitle != 0 && top == "com") {
		return false // "bra.Men": a new sentence begins
	}
	if len(host)-len(top)-1 < 2 && !path {
		return false // "a.nu"; but "t.me/kanalen" is one
	}
	if name := host[:len(host)-len(top)-1]; digitsOnly(strings.ReplaceAll(name, ".", "")) && (len(name) < 3 || strings.Contains(name, ".")) {
		return false // "9.se", "5.30.se"
	}
	if !plain && !disguised || !wordyTops[top] {
		return len(top) > 2 || len(host)-len(top)-1 > 2 || path
	}
	if disguised {
		return strongTop(top)
	}
	return strongTop(top) && !r.runsOn(first, last)
}

// strongTop tells whether a top domain is so common in Sweden that it is meant even when it is a word as well.
func strongTop(top string) bool {
	switch top {
	case "se", "nu", "no", "de", "tv", "me", "is", "it", "be", "at", "live", "link", "news", "top", "vip", "cc", "ai", "to", "us", "in", "pl", "li", "fm":
		return true
	}
	return !wordyTops[top]
}

// runsOn tells whether the text goes on after the top domain as if it were a word: "vänta.nu är det nog".
func (r *reading) runsOn(first, last int) bool {
	top := string(r.bytes(last))
	if top == "se" || top == "tv" {
		return last+1 < len(r.words) && string(r.gap(last)) == " " && isQuestionWord(r.bytes(last+1)) && r.words[first].kind&wordFirst == 0
	}
	return last+1 < len(r.words) && string(r.gap(last)) == " " && r.words[last+1].cues&(cueCommon|cueMe) != 0
}

func isQuestionWord(w []byte) bool {
	switch string(w) {
	case "vad", "hur", "till", "om", "upp", "er", "dig":
		return true
	}
	return false
}

func digitsOnly(s string) bool {
	for i := 0; i < len(s); i++ {
		if byteKinds[s[i]] != byteDigit {
			return false
		}
	}
	return true
}

// link judges a site by the lists.
func (d *detectors) link(r *reading, first, last int, host string, disguised bool) (detection, bool) {
	start, end := int(r.words[first].start), int(r.words[last].end)
	for end < len(r.low) && r.pathAfter(last) && byteKinds[r.low[end]] != byteSpace {
		end++
	}
	for end > int(r.words[last].end) && bytes.IndexByte([]byte(".,!?)];:"), r.low[end-1]) >= 0 {
		end--
	}
	f := detection{kind: kindLink, value: host, disguised: disguised || r.rewritten(int(r.words[first].start), int(r.words[last].end))}
	f.start, f.end = r.span(start, end)
	switch {
	case within(host, d.allowed):
		if !r.foreign(f.start, f.end) {
			return f, false
		}
		f.kind = kindLookalike
	case within(host, d.shortens):
		f.kind = kindShortener
	case d.lookalike(host):
		f.kind = kindLookalike
	}
	return f, true
}

// foreign tells whether the original has letters of another script there, which were read as Latin ones.
func (r *reading) foreign(start, end int) bool {
	for _, c := range r.original[start:end] {
		if 0x370 <= c && c <= 0x52F {
			return true
		}
	}
	return false
}

// lookalike tells whether a host passes for an allowed site: it holds one's whole name ("1177.se.example.net", "1177-se.com"), or its own
// name differs from one's by a letter or two ("regi0nstockholm.se", "reginstockholm.se").
func (d *detectors) lookalike(host string) bool {
	for _, label := range strings.Split(host, ".") {
		for _, part := range strings.Split(label, "-") {
			if part != label && d.names[part] {
				return true
			}
		}
	}
	for _, b := range d.imitated {
		if passesFor(host, b) {
			return true
		}
	}
	name, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return false
	}
	name, _, _ = strings.Cut(name, ".")
	bare := unleet(strings.ReplaceAll(name, "-", ""))
	letters := lettersOf(bare)
	for i := range d.brands {
		b := &d.brands[i]
		slips := len(b.label) / 7
		if near := len(bare) - len(b.looks); -slips <= near && near <= slips && bits.OnesCount32(letters^b.letters) <= 2*slips && distance(bare, b.looks) <= slips {
			return true
		}
		if len(b.label) > 6 && strings.Contains(bare, b.looks) {
			return true
		}
	}
	return false
}

// passesFor tells whether host begins with, or has after a dot, the whole name of an allowed site, with its own dots or dashes for them.
func passesFor(host, site string) bool {
	for at := 0; at+len(site) < len(host); at++ {
		if at > 0 && host[at-1] != '.' {
			continue
		}
		n := 0
		for n < len(site) && (host[at+n] == site[n] || site[n] == '.' && host[at+n] == '-') {
			n++
		}
		if next := host[at+n]; n == len(site) && (next == '.' || next == '-') {
			return true
		}
	}
	return false
}

var leetReplacer = strings.NewReplacer("0", "o", "1", "l", "i", "l", "3", "e", "4", "a", "5", "s", "7", "t", "rn", "m", "vv", "w")

// unleet writes digits that stand for letters as those letters, and i as l, so that what looks alike is alike.
func unleet(s string) string {
	return leetReplacer.Replace(s)
}

// lettersOf has a bit for each letter of s. A slip puts in one and takes out one at the most, so what differs in more than two a slip is
// further apart.
func lettersOf(s string) (letters uint32) {
	for i := 0; i < len(s); i++ {
		letters |= 1 << (s[i] & 31)
	}
	return letters
}

// distance is the number of letters that must be put in, left out, changed or swapped to make a of b (optimal string alignment), or more
// than 3 when it is more than 3. Longer names than 63 letters are no labels.
func distance(a, b string) int {
	if len(a) > 63 || len(b) > 63 || len(a) > len(b)+3 || len(b) > len(a)+3 {
		return 4
	}
	var rows [3][64]int
	for j := range len(b) + 1 {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		rows[2][0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			best := min(rows[1][j]+1, rows[2][j-1]+1, rows[1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				best = min(best, rows[0][j-2]+1)
			}
			rows[2][j] = best
		}
		rows[0], rows[1] = rows[1], rows[2]
	}
	return rows[1][len(b)]
}
