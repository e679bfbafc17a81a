package moderation

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"sync"
	"time"

	"takhojd/moderation/store"
	"takhojd/rules"
)

// mostCandidates bounds how many earlier comments one comment is compared with: in a flood a few dozen tell enough, and the flood must not
// slow down what judges it.
const mostCandidates = 64

// mostEchoes bounds what is remembered of a channel: some 10 MB, and two minutes of a storm of 200 comments a second.
const mostEchoes = 25_000

// echoes is what was said within a window on one channel, and finds what is like it.
type echoes struct {
	by     map[echoKey][]*echo // by exact text and by band, each list in the order of the comments' numbers
	of     map[int64]*echo
	oldest []*echo // in the order in which they came
}

// echoKey is an exact text (band -1) or the value of one of a fingerprint's bands.
type echoKey struct {
	band  int
	value uint64
}

// echo is one comment as it counts against those after it.
type echo struct {
	comment int64
	author  string
	mark    rules.Fingerprint
	bands   [4]uint16 // mark's
	at      time.Time
	// repeated is true when the comment's row says that others have said exactly the same.
	repeated bool
}

func (e *echo) keys() [5]echoKey {
	keys := [5]echoKey{{-1, e.mark.Exact}}
	for i, band := range e.bands {
		keys[i+1] = echoKey{i, uint64(band)}
	}
	return keys
}

// count counts the other comments since a time that say the same as e or nearly the same, those of an author apart.
func (m *echoes) count(e *echo, author string, since time.Time) (byAuthor, byOthers int) {
	for other := range m.candidates(e, since) {
		switch {
		case other.comment == e.comment || !e.mark.Near(other.mark):
		case other.author != "" && other.author == author:
			byAuthor++
		default:
			byOthers++
		}
	}
	return byAuthor, byOthers
}

// candidates are those that share the text or a band, in the order of their numbers, and of a flood the first. The lists are in that order, too:
// they are merged, and no further than is needed.
func (m *echoes) candidates(e *echo, since time.Time) iter.Seq[*echo] {
	return func(yield func(*echo) bool) {
		keys := e.keys()
		var lists [len(keys)][]*echo
		for i, key := range keys {
			lists[i] = m.by[key]
		}
		for range mostCandidates {
			var first *echo
			for i, list := range lists {
				for len(list) > 0 && list[0].at.Before(since) {
					list = list[1:]
				}
				if lists[i] = list; len(list) > 0 && (first == nil || list[0].comment < first.comment) {
					first = list[0]
				}
			}
			if first == nil || !yield(first) {
				return
			}
			for i, list := range lists {
				if len(list) > 0 && list[0] == first {
					lists[i] = list[1:]
				}
			}
		}
	}
}

// same is another comment that says exactly the same as e, nil where there is none. Where there are several, all of them know it but in books that
// were begun before they did.
func (m *echoes) same(e *echo) *echo {
	for _, other := range slices.Backward(m.by[echoKey{-1, e.mark.Exact}]) {
		if other.comment != e.comment {
			return other
		}
	}
	return nil
}

func byComment(a, b *echo) int { return cmp.Compare(a.comment, b.comment) }

func (m *echoes) remember(e *echo) {
	if m.by == nil {
		m.by, m.of = map[echoKey][]*echo{}, map[int64]*echo{}
	}
	if before := m.of[e.comment]; before != nil {
		m.remove(before)
	}
	for _, key := range e.keys() {
		list := m.by[key]
		if n := len(list); n == 0 || list[n-1].comment < e.comment {
			m.by[key] = append(list, e)
			continue
		}
		i, _ := slices.BinarySearchFunc(list, e, byComment)
		m.by[key] = slices.Insert(list, i, e)
	}
	m.of[e.comment] = e
	m.oldest = append(m.oldest, e)
}

func (m *echoes) remove(e *echo) {
	for _, key := range e.keys() {
		list := m.by[key]
		i, found := slices.BinarySearchFunc(list, e, byComment)
		switch {
		case !found || list[i] != e: // its comment was edited since, and stands there as it is now
		case len(list) == 1:
			delete(m.by, key)
		case i == 0:
			m.by[key] = list[1:] // the oldest goes first: of a long list nothing must be moved
		default:
			m.by[key] = slices.Delete(list, i, i+1)
		}
	}
	if m.of[e.comment] == e {
		delete(m.of, e.comment)
	}
}

// forget drops what is too old to count.
func (m *echoes) forget(since time.Time) {
	for len(m.oldest) > 0 && (m.oldest[0].at.Before(since) || len(m.oldest) > mostEchoes) {
		m.remove(m.oldest[0])
		m.oldest = m.oldest[1:]
	}
}

// lately remembers what was said on the channels that are with this node, so that whoever judges a comment need not ask the database five
// times what it is like. It is made of the comments' own words, which are read when a channel comes to this node. If we die, nothing is lost.
//
// What is remembered is what the writer has written: it alone looks, and when it takes back what it wrote, that is taken back, too; where nobody
// knows what is kept of it the channel is forgotten, and read anew.
type lately struct {
	mu       sync.Mutex
	channels map[string]*heard
	terms    map[string]int64 // the terms of the leases under which this node judges now
	// ahead are channels that are being read beside the writer, each with a mark of its reading.
	ahead map[string]*heard
}

// heard is what was said on one channel since a time, as it was known under one term of the channel's lease.
type heard struct {
	since time.Time
	term  int64
	echoes
}

// under says that this node judges a channel under a term of its lease. What was remembered under another is read anew: somebody else has
// judged in between.
func (l *lately) under(channel string, term int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.terms == nil {
		l.terms = map[string]int64{}
	}
	l.terms[channel] = term
}

// forget drops a channel: it is no longer with this node, or what was remembered was not kept.
func (l *lately) forget(channel string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.channels, channel)
	delete(l.ahead, channel)
}

// prepare reads what was said since a time on a channel that has come to this node under a term of its lease, beside the writer: of 25,000 comments that takes a
// quarter of a second, for which all channels would wait where the first comment's transaction did it. Nobody else judges there any more (see fence). What was read is
// dropped where this node has judged meanwhile: whoever did has read himself.
func (l *lately) prepare(ctx context.Context, db *store.DB, channel string, term int64, since time.Time) error {
	var h *heard
	mark := l.begin(channel)
	err := db.View(ctx, func(tx *store.Tx) (err error) {
		h, err = readHeard(tx, channel, since)
		return err
	})
	if err != nil {
		return fmt.Errorf("what was said lately: %w", err)
	}
	h.term = term
	l.end(channel, mark, h)
	return nil
}

// begin says that a channel is being read.
func (l *lately) begin(channel string) (mark *heard) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ahead == nil {
		l.ahead = map[string]*heard{}
	}
	mark = new(heard)
	l.ahead[channel] = mark
	return mark
}

// end remembers what was read of a channel, unless anybody has used or changed what is remembered of it since that was begun.
func (l *lately) end(channel string, mark, h *heard) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ahead[channel] != mark {
		return
	}
	delete(l.ahead, channel)
	l.keep(channel, h)
}

// keep remembers what was read. The caller holds mu.
func (l *lately) keep(channel string, h *heard) {
	if l.channels == nil {
		l.channels = map[string]*heard{}
	}
	l.channels[channel] = h
}

// unsay forgets what a comment said, and returns it: it says nothing that is compared now.
func (l *lately) unsay(channel string, comment int64) (h *heard, said *echo) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.ahead, channel)
	if h = l.channels[channel]; h == nil || h.of[comment] == nil {
		return nil, nil
	}
	said = h.of[comment]
	h.remove(said)
	return h, said
}

// remembered is what a walk has changed of what is remembered, so that it can be taken back with what it wrote.
type remembered struct {
	sayings     []saying
	repeatedNow []*echo
	// readAnew are channels that were read in the walk's own transaction, with all that it had written.
	readAnew []string
}

// saying is what a comment says now, and what it said before; nil: nothing.
type saying struct {
	in          *heard
	now, before *echo
}

// unremember takes back what the walk has changed, the latest first.
func (w *walk) unremember() {
	for _, e := range w.repeatedNow {
		e.repeated = false
	}
	for _, s := range slices.Backward(w.sayings) {
		if s.now != nil {
			s.in.remove(s.now)
		}
		if s.before != nil {
			s.in.remember(s.before)
		}
	}
	for _, channel := range w.readAnew {
		w.m.lately.forget(channel)
	}
	w.remembered = remembered{}
}

// on returns what was said on a channel since a time, and whether that had to be read.
func (l *lately) on(tx *store.Tx, channel string, since time.Time) (h *heard, read bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.ahead, channel)
	if h := l.channels[channel]; h != nil && h.term == l.terms[channel] && !since.Before(h.since) {
		h.echoes.forget(since)
		return h, false, nil
	}
	if h, err = readHeard(tx, channel, since); err != nil {
		return nil, false, fmt.Errorf("what was said lately: %w", err)
	}
	h.term = l.terms[channel]
	l.keep(channel, h)
	return h, true, nil
}

func readHeard(tx *store.Tx, channel string, since time.Time) (*heard, error) {
	rows, err := tx.Query(`SELECT id, author_id, text, received_at, repeated FROM comments WHERE channel = $1 AND received_at >= $2 AND own = 0
		ORDER BY received_at DESC, id DESC LIMIT `+strconv.Itoa(mostEchoes), channel, since)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []*echo
	for rows.Next() {
		var e echo
		var text string
		var at, repeated int64
		if err := rows.Scan(&e.comment, &e.author, &text, &at, &repeated); err != nil {
			return nil, err
		}
		if e.mark = rules.FingerprintOf(text); e.mark == (rules.Fingerprint{}) {
			continue // it says too little, or its words are no longer kept
		}
		e.bands, e.at, e.repeated = e.mark.Bands(), store.FromTime(at), repeated != 0
		all = append(all, &e)
	}
	h := &heard{since: since}
	for _, e := range slices.Backward(all) {
		h.remember(e)
	}
	return h, rows.Err()
}
