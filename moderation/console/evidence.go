package console

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"takhojd/rules"
)

// span is a stretch of a comment's text. Marked is true for evidence; Ends lists the findings that end with it, so that each is
// named once, where it ends, also when findings overlap.
type span struct {
	Text   string
	Marked bool
	Ends   []label
}

// label names a piece of evidence in words: colour alone says nothing to many.
type label struct {
	// Categories are all that the words break when they are read in this way.
	Categories []rules.Category
	// SeenAs is what a disguise was read as; empty when it was read as written.
	SeenAs string
}

// Text as the page shows it: Head, and Rest when it is long. RestMarks counts the evidence in Rest; Size is the number of
// characters of it all.
type markedText struct {
	Head, Rest []span
	RestMarks  int
	Size       int
}

// A text longer than longText is cut for the eye at the first pause after shownText characters.
const (
	longText  = 1100
	shownText = 700
)

// mark cuts text at its evidence. Offsets that lie outside of the text, or that are none, are left out; those within a character
// are moved out to its edges: a bad offset costs a mark, never the page.
func mark(text string, findings []rules.Finding) markedText {
	found := places(text, findings)
	cuts := []int{0, len(text)}
	size := utf8.RuneCountInString(text)
	fold := len(text)
	if size > longText {
		fold = foldAt(text)
		cuts = append(cuts, fold)
	}
	for _, f := range found {
		cuts = append(cuts, f.Start, f.End)
	}
	sort.Ints(cuts)
	m := markedText{Size: size}
	for i := 1; i < len(cuts); i++ {
		from, to := cuts[i-1], cuts[i]
		if from == to {
			continue
		}
		s := span{Text: plain(text[from:to])}
		for _, f := range found {
			if f.Start <= from && to <= f.End {
				s.Marked = true
			}
			if f.End == to && f.Start < to && !withinSame(f, found) {
				s.Ends = addLabel(s.Ends, f)
			}
		}
		if from < fold {
			m.Head = append(m.Head, s)
		} else {
			m.Rest = append(m.Rest, s)
			m.RestMarks += len(s.Ends)
		}
	}
	return m
}

// maxMarks bounds how many findings are marked: a text of 60,000 characters can hold as many insults.
const maxMarks = 200

// places returns the findings that are places in text, from the first to the last.
func places(text string, findings []rules.Finding) []rules.Finding {
	var found []rules.Finding
	for _, f := range findings {
		if f.Action == rules.Allow || f.Start < 0 || f.End > len(text) || f.Start >= f.End {
			continue
		}
		for f.Start > 0 && !utf8.RuneStart(text[f.Start]) {
			f.Start--
		}
		for f.End < len(text) && !utf8.RuneStart(text[f.End]) {
			f.End++
		}
		found = append(found, f)
	}
	sort.SliceStable(found, func(i, j int) bool { return found[i].Start < found[j].Start })
	if len(found) > maxMarks {
		found = found[:maxMarks]
	}
	return found
}

// withinSame tells whether f lies within longer evidence of its own category and says nothing more: one name is enough.
func withinSame(f rules.Finding, found []rules.Finding) bool {
	if f.SeenAs != "" && !strings.EqualFold(f.SeenAs, f.Text) {
		return false
	}
	for _, g := range found {
		if g.Category == f.Category && g.Start <= f.Start && f.End < g.End {
			return true
		}
	}
	return false
}

func addLabel(labels []label, f rules.Finding) []label {
	seen := ""
	if f.SeenAs != "" && !strings.EqualFold(f.SeenAs, f.Text) {
		seen = plain(f.SeenAs)
	}
	for i, have := range labels {
		if slices.Contains(have.Categories, f.Category) && (have.SeenAs == "" || seen == "" || have.SeenAs == seen) {
			labels[i].SeenAs = max(have.SeenAs, seen) // the one that says more
			return labels
		}
	}
	for i, have := range labels {
		if seen != "" && have.SeenAs == seen { // what a disguise was read as is said once
			labels[i].Categories = append(have.Categories, f.Category)
			return labels
		}
	}
	return append(labels, label{[]rules.Category{f.Category}, seen})
}

// foldAt is where a long text is folded: at the first space after shownText characters, or right there when there is none near.
func foldAt(text string) int {
	n := 0
	for i, r := range text {
		if n >= shownText && unicode.IsSpace(r) || n >= shownText+200 {
			return i
		}
		n++
	}
	return len(text)
}

// plain makes a stranger's text safe to look at: signs that turn the writing direction, that hide, or that steer a terminal are
// shown as their code points, so that nobody is led to judge another text than the one that was written. What joins emoji
// and letters stays.
func plain(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if !strings.ContainsFunc(text, sly) {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if sly(r) {
			fmt.Fprintf(&out, "⟦U+%04X⟧", r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}

func sly(r rune) bool {
	switch {
	case r == '\n' || r == '\t' || r == '\r':
		return false
	case r < 0x20 || 0x7f <= r && r < 0xa0: // control characters
		return true
	case r == 0x00ad || r == 0x061c || r == 0x180e || r == 0x200b || r == 0x200e || r == 0x200f || r == 0xfeff:
		return true
	case 0x2028 <= r && r <= 0x202e || 0x2060 <= r && r <= 0x206f: // separators, embeddings, overrides, isolates, invisible operators
		return true
	}
	return false
}

// plainLine is plain on one line, for names and excerpts.
func plainLine(text string) string {
	return plain(strings.Join(strings.Fields(strings.ToValidUTF8(text, "\uFFFD")), " "))
}
