package rules

// How long a run must be to be a wall: what people write in joy or anger is shorter. Counts of emoji, of tags, and of bytes.
const (
	wallEmoji    = 20
	wallTags     = 10
	wallLaughter = 60
)

// walls finds runs that say nothing and take up room: emoji, tags and mentions, the same few letters again and again.
func (r *reading) walls(found []detection) []detection {
	if r.emoji >= wallEmoji && r.emoji > 3*len(r.words) {
		found = append(found, detection{kind: kindEmojiWall, end: len(r.original)})
	}
	if r.tags >= wallTags && 2*r.tags >= len(r.words) {
		found = append(found, detection{kind: kindTagWall, end: len(r.original)})
	}
	if len(r.low) < wallLaughter {
		return found
	}
	for i := range r.words {
		w := &r.words[i]
		if w.end-w.start < wallLaughter || !repeats(r.low[w.start:w.end]) {
			continue
		}
		f := detection{kind: kindLaughterWall}
		f.start, f.end = r.span(int(w.start), int(w.end))
		return append(found, f)
	}
	return found
}

// repeats tells whether a long word is the same one to six bytes again and again, but for a slip here and there.
func repeats(w []byte) bool {
	for period := 1; period <= 6; period++ {
		same := 0
		for i := period; i < len(w); i++ {
			if w[i] == w[i-period] {
				same++
			}
		}
		if 10*same >= 9*(len(w)-period) {
			return true
		}
	}
	return false
}
