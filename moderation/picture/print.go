package picture

import (
	"context"
	"fmt"
	"image"
	"math/bits"
	"slices"

	"github.com/ajdnik/imghash/v2"
	"github.com/ajdnik/imghash/v2/hashtype"
	"golang.org/x/image/draw"
)

// Print is what a picture looks like, in 256 bits: after PDQ (Meta, 2019), which bit is set says which of the 16 × 16 slowest waves of
// its brightness are stronger than most. Two that differ in few bits look the same to people.
type Print [32]byte

// Near is how many bits may differ between the prints of what is the same picture to people. Measured on photographs and scenes:
// recompressed, resized, brightened, with a mark in a corner, or cut by up to five percent at one side or at all, a copy differs from one of
// the original's [Prints] in 0 to 20 bits; other pictures in 50 and more; screenshots of other texts that are set alike in 24 and more.
// Mirrored, turned, or cut by more, a picture is another one.
const Near = 20

// leastDetail is how much must be seen in a picture for its print to mean anything, in hundredths of full contrast summed over neighbouring
// dots of 64 × 64, divided by 90, as PDQ's makers measure and bound it. The prints of blank and nearly blank pictures are noise.
const leastDetail = 50

// cuts are the ways in which a picture is imagined cut, in hundredths of its width and height: left, top, right, bottom. A copy that
// somebody cut is near one of them.
var cuts = [...][4]int{{}, {2, 2, 2, 2}, {4, 4, 4, 4}, {4, 0, 0, 0}, {0, 4, 0, 0}, {0, 0, 4, 0}, {0, 0, 0, 4}}

// Prints are those of a picture as it is, which comes first, and as it would look slightly cut. There are none where too little is to be
// seen in it for it to be known again by.
type Prints []Print

// Of returns the prints of a picture. Errors are those of [Redraw].
func Of(ctx context.Context, content []byte) (prints Prints, err error) {
	err = inTurn(ctx, func(ctx context.Context) error {
		src, err := decode(ctx, content)
		if err != nil {
			return err
		}
		small := scale(src, 256, 256)
		paper := image.NewRGBA(small.Rect) // what is transparent is seen on white
		draw.Draw(paper, paper.Rect, image.White, image.Point{}, draw.Src)
		draw.Draw(paper, paper.Rect, small, image.Point{}, draw.Over)
		paper = orient(paper, orientation(content))
		if detail(scale(paper, 64, 64)) < leastDetail {
			return nil
		}
		for _, c := range cuts {
			part := image.Rect(256*c[0]/100, 256*c[1]/100, 256-256*c[2]/100, 256-256*c[3]/100)
			print, err := printOf(scale(paper.SubImage(part), 64, 64))
			if err != nil {
				return err
			}
			prints = append(prints, print)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return prints, nil
}

// Known returns in how many bits a picture's print differs from the nearest of these, and whether that is near.
func (p Prints) Known(print Print) (distance int, near bool) {
	distance = 8 * len(print)
	for _, q := range p {
		distance = min(distance, q.distance(print))
	}
	return distance, distance <= Near
}

// Bytes are the prints as they are kept.
func (p Prints) Bytes() []byte {
	kept := make([]byte, 0, len(p)*len(Print{}))
	for _, print := range p {
		kept = append(kept, print[:]...)
	}
	return kept
}

// From reads prints as they are kept.
func From(kept []byte) (Prints, error) {
	const size = len(Print{})
	if len(kept)%size != 0 {
		return nil, fmt.Errorf("picture: prints of %d bytes, which is no multiple of %d", len(kept), size)
	}
	var p Prints
	for ; len(kept) > 0; kept = kept[size:] {
		p = append(p, Print(kept[:size]))
	}
	return p, nil
}

// Slots are what the prints are found by: each print is cut into 16 pieces of 16 bits, and each number says which piece it is and what is in it.
func (p Prints) Slots() []int {
	var found []int
	for _, print := range p {
		found = append(found, print.slots()...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func printOf(small image.Image) (print Print, err error) {
	pdq, err := imghash.NewPDQ()
	if err != nil {
		return print, err
	}
	hash, err := pdq.Calculate(small)
	if err != nil {
		return print, err
	}
	binary, ok := hash.(hashtype.Binary)
	if !ok || len(binary) != len(print) {
		return print, fmt.Errorf("a print of %d bytes", hash.Len())
	}
	copy(print[:], binary)
	return print, nil
}

// detail measures how much is to be seen.
func detail(small *image.RGBA) int {
	light := func(x, y int) int {
		p := small.Pix[small.PixOffset(x, y):]
		return (299*int(p[0]) + 587*int(p[1]) + 114*int(p[2])) / 1000
	}
	step := func(a, b int) int { return max(a-b, b-a) * 100 / 255 }
	sum := 0
	for y := range 63 {
		for x := range 63 {
			sum += step(light(x, y), light(x+1, y)) + step(light(x, y), light(x, y+1))
		}
	}
	return sum / 90
}

func (p Print) distance(q Print) int {
	n := 0
	for i := range p {
		n += bits.OnesCount8(p[i] ^ q[i])
	}
	return n
}

// pieces is how many pieces of 16 bits a print has.
const pieces = 16

func (p Print) slots() []int {
	found := make([]int, pieces)
	for i := range pieces {
		found[i] = i<<16 | int(p[2*i])<<8 | int(p[2*i+1])
	}
	return found
}

// Probes lists the print's slots, each as it is and with each of its bits turned: [ProbeCount] numbers. Of every print within [Near] at
// least one slot is among them: as long as fewer than 32 bits differ in 16 pieces, there is a piece with no more than one.
func (p Print) Probes() []int {
	found := make([]int, 0, ProbeCount)
	for _, slot := range p.slots() {
		found = append(found, slot)
		for bit := range 16 {
			found = append(found, slot^1<<bit)
		}
	}
	return found
}

// ProbeCount is how many numbers [Print.Probes] lists.
const ProbeCount = pieces * 17
