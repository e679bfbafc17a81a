package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"takhojd/rules/text"
)

// Personal data, links and people in a text. Agreed between this file's makers and the judge:
//
//	d, err := newDetectors(lists)          // once a policy; reads the lists for which detectorList(name) is true
//	var r reading                          // scratch, one a goroutine (keep it in the judge's pool); the zero value is ready
//	found = d.find(&r, comment.Text, &folded, found[:0])
//	r.people                               // after find: everybody who is named, for insults and defamation
//
// find looks at the original text itself, not at the folded one: digits in any writing (fullwidth, emoji, spelled out, with o
// for 0), invisible characters and dots said as words each need a reading of their own. It is pure, linear in the
// text, total over any bytes, and allocates nothing when nothing is found. Spans are in bytes of the original and
// do not overlap but for people within [kindHealth] and [kindCircumstance]. What is official (list official.txt) is not reported at all.
//
// detection.name() is what a rule of the policy file names under "detect", and [detectorNames] lists them all:
//
//	identity-number       personnummer or samordningsnummer, check digit right (hide, own too)
//	identity-number-like  the form of one, with a wrong check digit (flag); nothing when called a case, invoice, organisation …
//	phone, own-phone      another's (hide), the writer's own (flag)
//	email, own-email      likewise
//	address, own-address  a street with number; another's (hide), the writer's own (flag)
//	account               bank account, IBAN, card (hide, own too)
//	swish                 a request for money by Swish (hide; mostly advertising as well)
//	health                a named person with illness or treatment (hide)
//	circumstance          a named private person with a circumstance that is none of our business (flag)
//	link                  a link to a site that is not on the allow list (flag)
//	shortener             a link that hides where it leads (flag)
//	lookalike             a link that looks like an allowed site and is not (flag)
//	emoji-wall, tag-wall, laughter-wall   runs of emoji, of tags and mentions, of the same few letters (flag)
//
// A phone, e-mail or link beside an offer is the contact of an advertisement: which of the two it is, the judge weighs.

// detectionKind says what a detector found.
type detectionKind uint8

// The kinds of detection, in the order of detectorNames.
const (
	kindIdentity detectionKind = iota + 1
	kindIdentityLike
	kindPhone
	kindEmail
	kindAddress
	kindAccount
	kindSwish
	kindHealth
	kindCircumstance
	kindLink
	kindShortener
	kindLookalike
	kindEmojiWall
	kindTagWall
	kindLaughterWall
)

// detection is one thing found, and where.
type detection struct {
	kind detectionKind
	// own is true when the writer says that it is the writer's own.
	own bool
	// start and end are where it stands, in bytes of the original text.
	start, end int
	// disguised is true when it was written so as not to be read by machines: spelled out, spaced, in odd digits.
	disguised bool
	// value is what it was read as: digits of numbers, the bare host of links, the name of people. Never logged.
	value string
}

// person is somebody named in the text.
type person struct {
	start, end int
	// full is true when first name and surname both stand there: without a surname, a first name and a role or kinship ("min
	// granne Roger") still makes a person.
	full bool
	// swedish is true when the surname has the form that only Swedish surnames have.
	swedish bool
	// role is true when a title, occupation or kinship stands before the name ("doktor", "min granne", "kontrollanten").
	role bool
	// public is true for those who answer for the region's politics: list officials.txt.
	public bool
	// writer is true when the writer signs or says the own name.
	writer bool

	first, last int // words of the reading
}

// detectorNames are the names of all detections, for the policy file's check of "detect".
var detectorNames = []string{"identity-number", "identity-number-like", "phone", "own-phone", "email", "own-email", "address",
	"own-address", "account", "swish", "health", "circumstance", "link", "shortener", "lookalike", "emoji-wall", "tag-wall",
	"laughter-wall"}

// name is how the policy file calls it.
func (d detection) name() string {
	switch d.kind {
	case kindIdentity:
		return "identity-number"
	case kindIdentityLike:
		return "identity-number-like"
	case kindPhone:
		return ownName(d.own, "phone", "own-phone")
	case kindEmail:
		return ownName(d.own, "email", "own-email")
	case kindAddress:
		return ownName(d.own, "address", "own-address")
	case kindAccount:
		return "account"
	case kindSwish:
		return "swish"
	case kindHealth:
		return "health"
	case kindCircumstance:
		return "circumstance"
	case kindLink:
		return "link"
	case kindShortener:
		return "shortener"
	case kindLookalike:
		return "lookalike"
	case kindEmojiWall:
		return "emoji-wall"
	case kindTagWall:
		return "tag-wall"
	case kindLaughterWall:
		return "laughter-wall"
	}
	return ""
}

func ownName(own bool, others, owns string) string {
	if own {
		return owns
	}
	return others
}

// detectors find personal data, links and people. They never change once made.
type detectors struct {
	officials
	cues        *cueTable
	firstNames  []string        // that are no other words, in lower case
	politicians map[string]bool // full names in lower case: list officials.txt
	ill         endings
	wards       map[string]bool
	stays       map[string]bool
	ties        map[string]bool
	plan        *swedishPlan
}

// newDetectors reads the lists for which detectorList is true, and leaves the others alone.
func newDetectors(lists []list) (*detectors, error) {
	d := &detectors{cues: newCueTable(), plan: new(swedishPlan)}
	for _, l := range lists {
		if !detectorList(l.name) {
			continue
		}
		if err := d.readList(l); err != nil {
			return nil, fmt.Errorf("read list %s: %w", l.name, err)
		}
	}
	d.cues.seal()
	for e164 := range d.phones {
		if rest, swedish := strings.CutPrefix(e164, "46"); swedish {
			if n, ok := d.phone([]byte("0"+rest), false); ok && n == e164 {
				put(&d.dialled, "0"+rest)
			}
		}
	}
	return d, nil
}

// detectorList tells whether a file of the folder lists is one of the detectors' own.
func detectorList(name string) bool {
	switch name {
	case "official.txt", "links.txt", "firstnames.txt", "places.txt", "illness.txt", "officials.txt":
		return true
	}
	return false
}

// mostFound bounds what is found of one kind in one text, and with it the time: sixty-four links are as bad as a thousand.
const mostFound = 64

// find appends what it finds in s, which is folded in f, to found, in order of place.
func (d *detectors) find(r *reading, s string, f *text.Folded, found []detection) []detection {
	r.readFolded(s, f, d.cues)
	from := len(found)
	d.people(r)
	found = d.mails(r, found)
	found = d.links(r, found)
	if r.digits > 0 || r.spelled > 0 {
		found = d.ibans(r, found)
		found = d.addresses(r, found)
		found = d.numbers(r, found)
	}
	if len(r.people) > 0 {
		found = d.circumstances(r, found)
	}
	found = r.walls(found)
	if len(found)-from > 1 {
		slices.SortStableFunc(found[from:], func(a, b detection) int { return cmp.Compare(a.start, b.start) })
	}
	return found
}
