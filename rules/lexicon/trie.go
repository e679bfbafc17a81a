package lexicon

import (
	"math/bits"
	"sort"
)

// part is what a trie's node means for compounds.
type part uint8

const (
	begins       part = 1 << iota // a term that may begin (or, in the trie from behind, end) a compound ends here
	spares                        // innocent words begin so
	innocentWord                  // an innocent word ends here
	wide                          // a child's byte is not in the alphabet
)

// key is a word to put in a trie.
type key struct {
	text string
	word int32 // its number and 1, or 0
	part part
}

// trie is a tree of bytes. Node 0 is the root; a node's children lie side by side, in the order of the alphabet, and those of the last of
// them right after: to go down a word's end is to go on in memory.
type trie struct {
	nodes  []node
	labels []byte // of each node
}

type node struct {
	letters uint64 // the letters of the children, a bit each
	first   int32  // nodes[first:] are the children
	word    int32  // number and 1 of the word that ends here, or 0
	count   uint8
	part    part
}

// alphabet numbers the bytes that Swedish words are made of from 1 on. Other bytes are 0.
var alphabet = func() (a [256]uint8) {
	for i, b := range []byte("abcdefghijklmnopqrstuvwxyz\xc3\xa5\xa4\xb6\xa9\xa6\xb8\xbc0123456789-'*./") {
		a[b] = uint8(i + 1)
	}
	return a
}()

func newTrie(keys []key) trie {
	sort.SliceStable(keys, func(i, j int) bool { return keys[i].text < keys[j].text })
	t := trie{nodes: make([]node, 1, len(keys)*4+1), labels: make([]byte, 1, len(keys)*4+1)}
	type todo struct{ node, lo, hi, depth int32 }
	stack := []todo{{0, 0, int32(len(keys)), 0}}
	for len(stack) > 0 {
		q := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		lo := q.lo
		for lo < q.hi && int32(len(keys[lo].text)) == q.depth {
			n := &t.nodes[q.node]
			if n.part |= keys[lo].part; keys[lo].word != 0 {
				n.word = keys[lo].word
			}
			lo++
		}
		var children []todo
		for lo < q.hi {
			b := keys[lo].text[q.depth]
			hi := lo
			for hi < q.hi && keys[hi].text[q.depth] == b {
				hi++
			}
			children = append(children, todo{0, lo, hi, q.depth + 1})
			lo = hi
		}
		label := func(c todo) byte { return keys[c.lo].text[q.depth] }
		sort.Slice(children, func(i, j int) bool { return alphabet[label(children[i])]-1 < alphabet[label(children[j])]-1 })
		t.nodes[q.node].first = int32(len(t.nodes))
		t.nodes[q.node].count = uint8(len(children))
		for _, c := range children {
			if a := alphabet[label(c)]; a == 0 {
				t.nodes[q.node].part |= wide
			} else {
				t.nodes[q.node].letters |= 1 << a
			}
			c.node = int32(len(t.nodes))
			stack = append(stack, c)
			t.nodes, t.labels = append(t.nodes, node{}), append(t.labels, label(c))
		}
	}
	return t
}

// child returns the child of n by b, or 0.
func (t *trie) child(n int32, b byte) int32 {
	p := &t.nodes[n]
	bit := uint64(1) << alphabet[b]
	if p.letters&bit != 0 {
		return p.first + int32(bits.OnesCount64(p.letters&(bit-1)))
	}
	if bit == 1 && p.part&wide != 0 {
		return t.search(p, b)
	}
	return 0
}

// search looks among the children whose bytes are not in the alphabet, which stand last.
func (t *trie) search(p *node, b byte) int32 {
	for c := p.first + int32(bits.OnesCount64(p.letters)); c < p.first+int32(p.count); c++ {
		if t.labels[c] == b {
			return c
		}
	}
	return 0
}
