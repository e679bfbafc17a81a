package rules

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// endings is a set of words, some of which count as the last part of compounds too.
type endings struct {
	whole map[string]bool
	ends  map[string]bool
}

// match tells whether w is in the set, or ends in what counts as an end.
func (e endings) match(w []byte) bool {
	if e.whole[string(w)] {
		return true
	}
	for n := 0; n+3 <= len(w) && n < 40; n++ {
		if e.ends[string(w[n:])] {
			return true
		}
	}
	return false
}

// readList reads one of the lists: entries under [section] heads; # begins a comment. A head that the list does not know, and an entry
// that makes no sense, is an error with its line.
func (d *detectors) readList(l list) error {
	section := ""
	for n, line := range strings.Split(string(l.text), "\n") {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if head, ok := strings.CutPrefix(line, "["); ok {
			section = strings.TrimSuffix(head, "]")
			continue
		}
		if err := d.entry(l.name, section, line); err != nil {
			return fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	return nil
}

// entry takes one line of a list.
func (d *detectors) entry(list, section, line string) error {
	low := strings.ToLower(line)
	switch list + " " + section {
	case "official.txt phones":
		return d.addPhone(line)
	case "official.txt mail":
		if strings.Contains(low, "@") {
			put(&d.mailboxes, low)
			return nil
		}
		return putDomain(&d.domains, low)
	case "official.txt streets":
		put(&d.streets, lastTwo(low))
	case "links.txt allow":
		if label, _, _ := strings.Cut(low, "."); len(label) > 3 {
			looks := unleet(label)
			d.brands = append(d.brands, brand{label, looks, lettersOf(looks)})
		}
		if len(low) > 4 {
			d.imitated = append(d.imitated, low)
		}
		return putDomain(&d.allowed, low)
	case "links.txt names":
		put(&d.names, strings.Fields(low)...)
	case "links.txt shorteners":
		return putDomain(&d.shortens, low)
	case "firstnames.txt sure":
		d.addNames(low, cueFirst)
		d.firstNames = append(d.firstNames, strings.Fields(low)...)
	case "firstnames.txt unsure":
		d.addNames(low, cueFirst|cueUnsure)
	case "places.txt local":
		d.cues.add(low, cuePlace)
	case "places.txt other":
		d.cues.add(low, cuePlace|cueCommon)
	case "officials.txt ":
		put(&d.politicians, low)
	case "illness.txt ill":
		for _, w := range strings.Fields(low) {
			if end, ok := strings.CutPrefix(w, "-"); ok {
				put(&d.ill.ends, end)
			} else {
				put(&d.ill.whole, w)
			}
		}
	case "illness.txt ward":
		put(&d.wards, strings.Fields(low)...)
	case "illness.txt stay":
		put(&d.stays, strings.Fields(low)...)
	case "illness.txt link":
		put(&d.ties, strings.Fields(low)...)
	default:
		return fmt.Errorf("section [%s] is unknown", section)
	}
	return nil
}

// addNames adds first names; of a double name ("Bengt-Åke") each half is looked up alone. A short name's genitive may be another word
// ("Finns"), so those are left out.
func (d *detectors) addNames(low string, c cues) {
	for _, n := range strings.Fields(low) {
		if strings.Contains(n, "-") {
			continue
		}
		d.cues.add(n, c)
		if c == cueFirst && len(n) > 4 && n[len(n)-1] != 's' {
			d.cues.add(n+"s", cueGenitive)
		}
	}
}

// lastTwo gives the last two words of a line: the street and its number.
func lastTwo(line string) string {
	words := strings.Fields(line)
	return strings.Join(words[max(0, len(words)-2):], " ")
}

func put(set *map[string]bool, words ...string) {
	if *set == nil {
		*set = make(map[string]bool)
	}
	for _, w := range words {
		(*set)[w] = true
	}
}

func putDomain(set *map[string]bool, domain string) error {
	if strings.ContainsAny(domain, " /:@") || !strings.Contains(domain, ".") {
		return fmt.Errorf("%q is no domain", domain)
	}
	put(set, domain)
	return nil
}

// addPhone takes a number as people write it, or the beginning of a series with an asterisk after.
func (d *detectors) addPhone(line string) error {
	digits := bytes.Map(func(c rune) rune {
		if '0' <= c && c <= '9' {
			return c
		}
		return -1
	}, []byte(line))
	if len(digits) < 3 {
		return fmt.Errorf("%q is no phone number", line)
	}
	e164 := string(digits)
	if e164[0] == '0' {
		e164 = "46" + e164[1:]
	}
	if strings.HasSuffix(line, "*") {
		d.series = append(d.series, e164)
		return nil
	}
	if n, err := phonenumbers.Parse(line, "SE"); err == nil && phonenumbers.IsValidNumber(n) {
		e164 = phonenumbers.Format(n, phonenumbers.E164)[1:]
	}
	put(&d.phones, e164)
	return nil
}
