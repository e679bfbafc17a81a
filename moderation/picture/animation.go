package picture

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image/gif"
	"net/http"
)

// What an animation may hold.
const (
	maxFrames      = 500
	maxFramePixels = 64 << 20 // of all frames together; one byte each
)

// Replay writes a GIF animation anew: its frames and how long each stands, nothing else of the file. It plays once and stops at its last
// frame: nothing goes on moving beside somebody who reads. Errors are those of [Redraw].
func Replay(ctx context.Context, content []byte) (animation []byte, err error) {
	err = inTurn(ctx, func(ctx context.Context) error {
		if kind := http.DetectContentType(content); kind != "image/gif" {
			return fmt.Errorf("%w: %s is no animation that we know", ErrNotDrawn, kind)
		}
		if err := measure(content); err != nil {
			return err
		}
		all, err := gif.DecodeAll(&stoppable{ctx, bytes.NewReader(content)})
		if err != nil {
			return err
		}
		all.LoopCount = -1
		var out bytes.Buffer
		err = gif.EncodeAll(&out, all)
		animation = out.Bytes()
		return err
	})
	if err != nil {
		return nil, err
	}
	return animation, nil
}

// measure counts the frames of a GIF and their dots without decoding any (GIF89a, sections 18 to 26).
func measure(b []byte) error {
	broken := fmt.Errorf("%w: the animation is broken off", ErrNotDrawn)
	if len(b) < 13 {
		return broken
	}
	if err := bounded(int(binary.LittleEndian.Uint16(b[6:])), int(binary.LittleEndian.Uint16(b[8:]))); err != nil {
		return err
	}
	flags, b := b[10], b[13:]
	skip := func(n int) bool {
		if n > len(b) {
			return false
		}
		b = b[n:]
		return true
	}
	blocks := func() bool { // sub-blocks, up to the empty one
		for len(b) > 0 {
			n := int(b[0])
			if !skip(1 + n) {
				return false
			}
			if n == 0 {
				return true
			}
		}
		return false
	}
	if !skip(colourTable(flags)) {
		return broken
	}
	frames, pixels := 0, 0
	for len(b) > 0 {
		switch b[0] {
		case 0x3b: // the end
			return nil
		case 0x21: // an extension
			if !skip(2) || !blocks() {
				return broken
			}
		case 0x2c: // a frame
			if len(b) < 10 {
				return broken
			}
			frames++
			pixels += int(binary.LittleEndian.Uint16(b[5:])) * int(binary.LittleEndian.Uint16(b[7:]))
			if frames > maxFrames || pixels > maxFramePixels {
				return fmt.Errorf("%w: the animation has more than %d frames or %d dots", ErrNotDrawn, maxFrames, maxFramePixels)
			}
			if !skip(10+colourTable(b[9])) || !skip(1) || !blocks() {
				return broken
			}
		default:
			return broken
		}
	}
	return broken
}

// colourTable is how many bytes the colour table takes that these flags tell of.
func colourTable(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}
