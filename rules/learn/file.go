package learn

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// A model file is, all numbers little-endian: the eight bytes of magic; a float64, the threshold; one byte
// with the number of categories, and each name as a byte of length and its bytes, in sorted order; the same of the heads, and a
// float64 for the threshold of each; the number of first names' hashes as a uint32, and each, in rising order; the tables violates, category,
// closer, wary and, if there are heads, head, each one byte of bits, a float32 step, a float32 bias for each row, and 2^bits rows of int8
// weights; and a SHA-256 over all before.
const (
	magic            = "THLEARN4"
	minBits, maxBits = 10, 21
	maxPeople        = 1 << 16
	maxName          = 40
)

// Save writes the model as a file that [Load] reads.
func (m *Model) Save(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString(magic)
	b.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(m.threshold)))
	names(&b, m.names)
	heads := make([]string, len(m.heads))
	for i, h := range m.heads {
		heads[i] = h.Name
	}
	names(&b, heads)
	for _, h := range m.heads {
		b.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(h.Threshold)))
	}
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(m.people.hashes))))
	for _, h := range m.people.hashes {
		b.Write(binary.LittleEndian.AppendUint32(nil, h))
	}
	m.violates.save(&b)
	m.category.save(&b)
	m.closer.save(&b)
	m.wary.save(&b)
	if len(heads) > 0 {
		m.head.save(&b)
	}
	sum := sha256.Sum256(b.Bytes())
	b.Write(sum[:])
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("save model: %w", err)
	}
	return nil
}

func names(b *bytes.Buffer, names []string) {
	b.WriteByte(byte(len(names)))
	for _, n := range names {
		b.WriteByte(byte(len(n)))
		b.WriteString(n)
	}
}

func (t *table) save(b *bytes.Buffer) {
	bits := 0
	for t.mask>>bits != 0 {
		bits++
	}
	b.WriteByte(byte(bits))
	for _, x := range append([]float32{t.step}, t.bias...) {
		b.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(x)))
	}
	for _, w := range t.weights {
		b.WriteByte(byte(w))
	}
}

// Load reads a model from a whole file. What is not exactly a model is refused.
func Load(file []byte) (*Model, error) {
	m, err := load(file)
	if err != nil {
		return nil, fmt.Errorf("load model: %w", err)
	}
	return m, nil
}

func load(file []byte) (*Model, error) {
	if len(file) < len(magic)+sha256.Size || string(file[:len(magic)]) != magic {
		return nil, errors.New("this is no model file")
	}
	body, sum := file[:len(file)-sha256.Size], file[len(file)-sha256.Size:]
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:]) {
		return nil, errors.New("the checksum is wrong: the file is cut off or changed")
	}
	r := reader{rest: body[len(magic):]}
	m := &Model{threshold: r.probability(), names: r.names(1), version: hex.EncodeToString(sum[:8])}
	for _, name := range r.names(0) {
		m.heads = append(m.heads, Head{Name: name})
	}
	for i := range m.heads {
		m.heads[i].Threshold = r.probability()
	}
	people := r.people()
	m.violates = r.table(1)
	m.category = r.table(len(m.names))
	m.closer = r.table(1)
	m.wary = r.table(1)
	if len(m.heads) > 0 {
		m.head = r.table(len(m.heads))
	}
	switch {
	case r.err != nil:
		return nil, r.err
	case len(r.rest) > 0:
		return nil, fmt.Errorf("%d bytes after its end", len(r.rest))
	}
	m.know(people)
	return m, nil
}

// reader takes a file apart. After its first error it gives zeros.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) take(n int) []byte {
	if r.err == nil && len(r.rest) < n {
		r.err = errors.New("it ends too soon")
	}
	if r.err != nil {
		return make([]byte, min(n, 8))
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) probability() float64 {
	p := math.Float64frombits(binary.LittleEndian.Uint64(r.take(8)))
	if !(p > 0 && p <= 1) && r.err == nil {
		r.err = fmt.Errorf("threshold %g is not over 0 and at most 1", p)
	}
	return p
}

func (r *reader) number() float32 {
	x := math.Float32frombits(binary.LittleEndian.Uint32(r.take(4)))
	if !(x > -1e6 && x < 1e6) && r.err == nil {
		r.err = fmt.Errorf("weight %g is out of range", x)
	}
	return x
}

func (r *reader) names(least int) []string {
	n := int(r.take(1)[0])
	if (n < least || n > maxCategories) && r.err == nil {
		r.err = fmt.Errorf("%d names; want %d to %d", n, least, maxCategories)
	}
	var names []string
	for range n {
		length := int(r.take(1)[0])
		if (length < 1 || length > maxName) && r.err == nil {
			r.err = fmt.Errorf("category name of %d bytes", length)
		}
		if r.err != nil {
			return nil
		}
		names = append(names, string(r.take(length)))
	}
	if r.err == nil && (!slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != n) {
		r.err = errors.New("category names are not sorted, or stand twice")
	}
	return names
}

func (r *reader) people() *people {
	n := binary.LittleEndian.Uint32(r.take(4))
	if n > maxPeople && r.err == nil {
		r.err = fmt.Errorf("%d first names; at most %d", n, maxPeople)
	}
	if r.err != nil {
		return nil
	}
	var hashes []uint32
	for range n {
		h := binary.LittleEndian.Uint32(r.take(4))
		if (h == 0 || len(hashes) > 0 && h <= hashes[len(hashes)-1]) && r.err == nil {
			r.err = errors.New("first names are not sorted, or stand twice")
		}
		if r.err != nil {
			return nil
		}
		hashes = append(hashes, h)
	}
	return newPeople(hashes)
}

func (r *reader) table(rows int) (t table) {
	bits := int(r.take(1)[0])
	if (bits < minBits || bits > maxBits) && r.err == nil {
		r.err = fmt.Errorf("table of %d bits; want %d to %d", bits, minBits, maxBits)
	}
	if t.step = r.number(); t.step <= 0 && r.err == nil {
		r.err = fmt.Errorf("step %g must be over 0", t.step)
	}
	for range rows {
		t.bias = append(t.bias, r.number())
	}
	if r.err != nil {
		return table{}
	}
	t.mask = 1<<bits - 1
	t.weights = make([]int8, 0, min(rows<<bits, len(r.rest)))
	for _, w := range r.take(rows << bits) {
		t.weights = append(t.weights, int8(w))
	}
	return t
}
