// Package picture opens what strangers sent as a picture: it draws it anew for a page, and tells whether two look alike.
//
// What it promises, whatever the bytes are:
//
//   - Nothing of the file leaves it but its dots. A picture is decoded, turned as its EXIF orientation says, scaled and encoded again:
//     place, camera, names, comments, XMP, colour profile, preview and whatever hides behind the end of the file stay behind. The colours
//     are taken as sRGB; a picture with another profile looks somewhat paler or stronger than it did.
//   - The kind is read from the bytes, never from a name or a header. JPEG, PNG, GIF and WebP (not animated) are opened, nothing else.
//     No film is: there is no decoder here, and to copy its boxes would neither take out all that is in it nor make it safe to play.
//   - It is bounded: [MaxPixels] are counted before any is decoded, a decoder is stopped after [MaxTime], and one picture is worked on at
//     a time, so that the worst takes half a gigabyte for a moment and not for every reader. A decoder's panic is an error.
package picture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"time"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

const (
	// MaxPixels is how many dots a picture may have: 4096 × 4096, the most that any of the platforms takes.
	MaxPixels = 16 << 20
	// MaxTime is how long a picture may take to be decoded. A JPEG of a few megabytes can ask for hours.
	MaxTime = 5 * time.Second

	maxSide = 1 << 15
	quality = 85 // of JPEG, 1 to 100
)

// ErrNotDrawn says that what was sent is no picture that can be drawn within the limits; the rest of the message says why.
var ErrNotDrawn = errors.New("picture: cannot be drawn")

// turn is held by the one picture that is worked on.
var turn = make(chan struct{}, 1)

// Drawable tells whether a media type is one that this package opens.
func Drawable(mediaType string) bool {
	switch mediaType {
	case "image/jpeg", "image/png", "image/gif", "image/webp":
		return true
	}
	return false
}

// Redraw draws a picture anew, upright, within a square of side by side dots; a smaller one keeps its size. Of an animation it draws the
// first frame. It returns image/jpeg, or image/png where something is transparent. Errors are [ErrNotDrawn], or ctx's when it ended.
func Redraw(ctx context.Context, content []byte, side int) (mediaType string, drawn []byte, err error) {
	err = inTurn(ctx, func(ctx context.Context) error {
		src, err := decode(ctx, content)
		if err != nil {
			return err
		}
		upright := orient(fit(src, side), orientation(content))
		var out bytes.Buffer
		if upright.Opaque() {
			mediaType, err = "image/jpeg", jpeg.Encode(&out, upright, &jpeg.Options{Quality: quality})
		} else {
			mediaType, err = "image/png", png.Encode(&out, upright)
		}
		drawn = out.Bytes()
		return err
	})
	if err != nil {
		return "", nil, err
	}
	return mediaType, drawn, nil
}

// inTurn runs fn when no other picture is worked on. What fn panics with is an error: a decoder must not take the program along.
func inTurn(ctx context.Context, fn func(context.Context) error) (err error) {
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: the decoder failed (%T)", ErrNotDrawn, r)
		}
	}()
	limited, cancel := context.WithTimeout(ctx, MaxTime)
	defer cancel()
	err = fn(limited)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err() // nobody waits for it any longer: that says nothing of the picture
	case limited.Err() != nil:
		return fmt.Errorf("%w: it takes longer than %s", ErrNotDrawn, MaxTime)
	case errors.Is(err, ErrNotDrawn):
		return err
	}
	return fmt.Errorf("%w: %w", ErrNotDrawn, err)
}

// decode returns a picture's dots, after a look at how many there are.
func decode(ctx context.Context, content []byte) (image.Image, error) {
	kind := http.DetectContentType(content)
	read := func() io.Reader { return &stoppable{ctx, bytes.NewReader(content)} }
	var size func(io.Reader) (image.Config, error)
	var whole func(io.Reader) (image.Image, error)
	switch kind {
	case "image/jpeg":
		size, whole = jpeg.DecodeConfig, jpeg.Decode
	case "image/png":
		size, whole = png.DecodeConfig, png.Decode
	case "image/gif":
		size, whole = gif.DecodeConfig, gif.Decode
	case "image/webp":
		size, whole = webp.DecodeConfig, webp.Decode
	default:
		return nil, fmt.Errorf("%w: %s is no picture that we know", ErrNotDrawn, kind)
	}
	config, err := size(read())
	if err != nil {
		return nil, err
	}
	if err := bounded(config.Width, config.Height); err != nil {
		return nil, err
	}
	return whole(read())
}

func bounded(width, height int) error {
	if width < 1 || height < 1 || width > maxSide || height > maxSide || width*height > MaxPixels {
		return fmt.Errorf("%w: %d × %d dots", ErrNotDrawn, width, height)
	}
	return nil
}

// stoppable hands bytes to a decoder in small pieces, until time is up: between two pieces is the one place where a decoder can be
// stopped.
type stoppable struct {
	ctx context.Context
	r   *bytes.Reader
}

func (s *stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p[:min(len(p), 512)])
}

// fit scales a picture down to a square of side by side dots.
func fit(src image.Image, side int) *image.RGBA {
	b := src.Bounds()
	width, height := b.Dx(), b.Dy()
	if longest := max(width, height); longest > side {
		width, height = max(1, width*side/longest), max(1, height*side/longest)
	}
	return scale(src, width, height)
}

func scale(src image.Image, width, height int) *image.RGBA {
	dst := image.NewRGBA(image.Rect(0, 0, width, height))
	if b := src.Bounds(); b.Dx() == width && b.Dy() == height {
		draw.Draw(dst, dst.Bounds(), src, b.Min, draw.Src)
	} else {
		draw.BiLinear.Scale(dst, dst.Bounds(), src, b, draw.Src, nil)
	}
	return dst
}
