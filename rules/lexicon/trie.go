package lexicon

import "sort"

// part is what a trie's node means for compounds.
type part uint8

const (
	begins       part = 1 << iota // a term that may begin (or, in the trie from behind, end) a compound ends here
	spares                        // innocent words begin so
	innocentWord                  // an innocent word ends here
)

// key is a word to put in a trie.
type key struct {
	text string
	word int32 // its number and 1, or 0
	part part
}

// trie is a tree of bytes. Node 0 is the root; a node's children lie side by side, in order of their bytes.
type trie struct{ nodes []node }

type node struct {
	first, last int32 // its children: nodes[first:last]
	word        int32 // number and 1 of the word that ends here, or 0
	label       byte
	part        part
}

func newTrie(keys []key) trie {
	sort.SliceStable(keys, func(i, j int) bool { return keys[i].text < keys[j].text })
	t := trie{nodes: make([]node, 1, len(keys)*4+1)}
	type todo struct {
		node, lo, hi int32
		depth        int32
	}
	queue := []todo{{0, 0, int32(len(keys)), 0}}
	for len(queue) > 0 {
		q := queue[0]
		queue = queue[1:]
		lo := q.lo
		for lo < q.hi && int32(len(keys[lo].text)) == q.depth {
			n := &t.nodes[q.node]
			if n.part |= keys[lo].part; keys[lo].word != 0 {
				n.word = keys[lo].word
			}
			lo++
		}
		t.nodes[q.node].first = int32(len(t.nodes))
		for lo < q.hi {
			b := keys[lo].text[q.depth]
			hi := lo
			for hi < q.hi && keys[hi].text[q.depth] == b {
				hi++
			}
			queue = append(queue, todo{int32(len(t.nodes)), lo, hi, q.depth + 1})
			t.nodes = append(t.nodes, node{label: b})
			lo = hi
		}
		t.nodes[q.node].last = int32(len(t.nodes))
	}
	return t
}

// child returns the child of n by b, or 0.
func (t *trie) child(n int32, b byte) int32 {
	p := &t.nodes[n]
	for c := p.first; c < p.last; c++ {
		if t.nodes[c].label == b {
			return c
		}
	}
	return 0
}
