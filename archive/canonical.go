package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	jcs "github.com/gowebpki/jcs"
)

// Canonical is the RFC 8785 form of v.
func Canonical(v any) ([]byte, error) {
	var plain bytes.Buffer
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("archive: encode: %w", err)
	}
	p := canonicaliser{from: plain.Bytes(), to: make([]byte, 0, plain.Len())}
	if p.value() {
		return p.to, nil
	}
	canonical, err := jcs.Transform(plain.Bytes())
	if err != nil {
		return nil, fmt.Errorf("archive: canonical form: %w", err)
	}
	return canonical, nil
}

// canonicaliser sorts what encoding/json wrote, in one pass. Where the two forms differ in more than the order of members – a number
// that is no small integer or short fraction, a letter beyond ASCII in a name, a character that must be written otherwise – it says no,
// and the library does the whole, ten times slower: a record is mostly plain.
type canonicaliser struct {
	from []byte
	at   int
	to   []byte
}

// member is where a member of an object stands in what was written, and its name.
type member struct {
	name       []byte
	start, end int
}

// value writes the next value; false when the library must do it.
func (p *canonicaliser) value() bool {
	if p.at >= len(p.from) {
		return false
	}
	switch p.from[p.at] {
	case '{':
		return p.object()
	case '[':
		return p.array()
	case '"':
		_, ok := p.text()
		return ok
	case 't', 'f', 'n':
		return p.word("true") || p.word("false") || p.word("null")
	}
	return p.number()
}

func (p *canonicaliser) word(word string) bool {
	if !bytes.HasPrefix(p.from[p.at:], []byte(word)) {
		return false
	}
	p.to = append(p.to, word...)
	p.at += len(word)
	return true
}

// sign takes one character of the grammar, and writes it.
func (p *canonicaliser) sign(c byte) bool {
	if p.at >= len(p.from) || p.from[p.at] != c {
		return false
	}
	p.to = append(p.to, c)
	p.at++
	return true
}

func (p *canonicaliser) array() bool {
	p.sign('[')
	if p.sign(']') {
		return true
	}
	for p.value() {
		if p.sign(']') {
			return true
		}
		if !p.sign(',') {
			return false
		}
	}
	return false
}

func (p *canonicaliser) object() bool {
	p.sign('{')
	if p.sign('}') {
		return true
	}
	var few [16]member
	members := few[:0]
	begin := len(p.to)
	for {
		start := len(p.to)
		if p.at >= len(p.from) || p.from[p.at] != '"' {
			return false
		}
		name, ok := p.text()
		if !ok || !plainName(name) || !p.sign(':') || !p.value() {
			return false
		}
		members = append(members, member{name: name, start: start, end: len(p.to)})
		if p.at < len(p.from) && p.from[p.at] == ',' {
			p.at++
			continue
		}
		break
	}
	if p.at >= len(p.from) || p.from[p.at] != '}' {
		return false
	}
	p.at++
	return p.sort(begin, members)
}

// sort puts the members that were written from begin on into the order of their names, with commas between.
func (p *canonicaliser) sort(begin int, members []member) bool {
	written := string(p.to[begin:])
	slices.SortFunc(members, func(a, b member) int { return bytes.Compare(a.name, b.name) })
	p.to = p.to[:begin]
	for i, m := range members {
		if i > 0 {
			if bytes.Equal(m.name, members[i-1].name) {
				return false // twice the same name: the library says what is wrong
			}
			p.to = append(p.to, ',')
		}
		p.to = append(p.to, written[m.start-begin:m.end-begin]...)
	}
	p.to = append(p.to, '}')
	return true
}

// plainName tells whether names of this kind sort by their bytes as they do by their UTF-16 units.
func plainName(name []byte) bool {
	return !bytes.ContainsFunc(name, func(r rune) bool { return r >= 0x80 || r == '\\' })
}

// text writes a string, and returns what stands between its quotation marks.
func (p *canonicaliser) text() ([]byte, bool) {
	rest := p.from[p.at+1:]
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '"':
			p.to = append(p.to, p.from[p.at:p.at+i+2]...)
			p.at += i + 2
			return rest[:i], true
		case c == '\\':
			i++
			// Both write these alike; \u00xx, \u2028 and the like are the library's.
			if i >= len(rest) || !strings.ContainsRune(`"\bfnrt`, rune(rest[i])) {
				return nil, false
			}
		case c < 0x20:
			return nil, false
		}
	}
	return nil, false
}

// number writes an integer of at most 15 digits, or a fraction that needs no exponent: encoding/json writes the shortest form of a
// float64, as ECMAScript does.
func (p *canonicaliser) number() bool {
	end := p.at
	for end < len(p.from) && (p.from[end] >= '0' && p.from[end] <= '9' || p.from[end] == '-' || p.from[end] == '.') {
		end++
	}
	number := p.from[p.at:end]
	digits := len(bytes.TrimLeft(number, "-0."))
	fraction := bytes.IndexByte(number, '.') >= 0
	if end == p.at || end < len(p.from) && (p.from[end] == 'e' || p.from[end] == 'E') || string(number) == "-0" || !fraction && digits > 15 {
		return false
	}
	p.to = append(p.to, number...)
	p.at = end
	return true
}
