package lexicon

import (
	"fmt"
	"strings"
)

// Lexicon is terms made ready for finding. It is never changed, and may be used from any number of goroutines.
type Lexicon struct {
	values  []int
	words   []word
	fore    trie            // every word, and how compounds begin
	back    trie            // how compounds end, from the last byte to the first
	phrases map[step]int32  // the tree of phrases: from a node by a word to a node; node 0 is the root
	ends    map[int32][]hit // which terms end in a node of that tree
}

// word is one form, or a part of a phrase.
type word struct {
	text   string
	hits   []hit // the terms that it is a form of
	starts bool  // phrases start with it
}

// hit is a term, by way of one of its forms.
type hit struct {
	term     int32
	compound Compound
	form     string
}

type step struct{ node, word int32 }

// Compile makes a lexicon. An innocent word is left alone, whatever term it may be a form or a compound of. "skithus*" stands
// for all words that begin so, "*kalas" for all that end so: they are not taken for compounds, unless by a longer term. A term
// without forms is an error. Terms of the same value that share a form are found once, as the first of them.
func Compile(terms []Term, innocent []string) (*Lexicon, error) {
	l := &Lexicon{phrases: map[step]int32{}, ends: map[int32][]hit{}}
	ids := map[string]int32{}
	nodes := int32(1)
	for i, t := range terms {
		l.values = append(l.values, t.Value)
		if len(t.Forms) == 0 {
			return nil, fmt.Errorf("compile lexicon: term %q has no forms", t.Lemma)
		}
		for _, form := range t.Forms {
			parts := strings.Fields(form)
			if len(parts) == 0 || len(parts) > 12 {
				return nil, fmt.Errorf("compile lexicon: term %q has a form of %d words", t.Lemma, len(parts))
			}
			h := hit{int32(i), t.Compound, form}
			if len(parts) == 1 {
				w := &l.words[l.word(ids, parts[0])]
				w.hits = l.join(w.hits, h)
				continue
			}
			node := int32(0)
			for k, p := range parts {
				id := l.word(ids, p)
				if k == 0 {
					l.words[id].starts = true
				}
				s := step{node, id}
				if l.phrases[s] == 0 {
					l.phrases[s] = nodes
					nodes++
				}
				node = l.phrases[s]
			}
			l.ends[node] = l.join(l.ends[node], h)
		}
	}
	return l, l.grow(ids, innocent)
}

// join adds h to hits; terms of the same value are found once.
func (l *Lexicon) join(hits []hit, h hit) []hit {
	for i, x := range hits {
		if l.values[x.term] == l.values[h.term] {
			hits[i].compound |= h.compound
			return hits
		}
	}
	return append(hits, h)
}

func (l *Lexicon) word(ids map[string]int32, s string) int32 {
	id, ok := ids[s]
	if !ok {
		id = int32(len(l.words))
		ids[s] = id
		l.words = append(l.words, word{text: s})
	}
	return id
}

// grow builds the tries.
func (l *Lexicon) grow(ids map[string]int32, innocent []string) error {
	var fore, back []key
	for _, s := range innocent {
		if id, ok := ids[s]; ok {
			l.words[id].hits = nil
		}
	}
	for id, w := range l.words {
		k := key{text: w.text, word: int32(id) + 1}
		b := key{text: reverse(w.text), word: int32(id) + 1}
		for _, h := range w.hits {
			if h.compound&Modifier != 0 {
				k.part = begins
			}
			if h.compound&Head != 0 {
				b.part = begins
			}
		}
		fore = append(fore, k)
		if b.part != 0 {
			back = append(back, b)
		}
	}
	for _, s := range innocent {
		bare := strings.Trim(s, "*")
		if bare == "" || strings.Contains(bare, "*") {
			return fmt.Errorf("compile lexicon: %q is no innocent word", s)
		}
		switch {
		case strings.HasPrefix(s, "*"):
			back = append(back, key{text: reverse(bare), part: spares})
		case strings.HasSuffix(s, "*"):
			fore = append(fore, key{text: bare, part: spares})
		default:
			fore = append(fore, key{text: s, part: innocentWord})
		}
	}
	l.fore, l.back = newTrie(fore), newTrie(back)
	return nil
}

func reverse(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}
