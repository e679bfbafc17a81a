package console

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"takhojd/moderation"
	"takhojd/moderation/picture"
)

// Pictures reach a page only drawn anew (package picture): upright, sized for it, and without anything else that was in their files. Films
// and other files are not shown at all: they would have to be passed on as a stranger made them. The bytes that the platform sent are the
// record, and only who keeps the archive gets them, as a download.

// The sides of the squares that pictures are drawn in, in dots: beside a comment, and by themselves.
const (
	besideText = 640
	byItself   = 2048
)

var sha256Name = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (v *visit) media() error { return v.drawn("beside", drawnWithin(besideText)) }

func (v *visit) mediaLarge() error { return v.drawn("large", drawnWithin(byItself)) }

// mediaPlay plays an animation, once: nothing moves on a page until somebody asks for it.
func (v *visit) mediaPlay() error {
	return v.drawn("play", func(ctx context.Context, content []byte) (string, []byte, error) {
		animation, err := picture.Replay(ctx, content)
		return "image/gif", animation, err
	})
}

func drawnWithin(side int) draw {
	return func(ctx context.Context, content []byte) (string, []byte, error) {
		return picture.Redraw(ctx, content, side)
	}
}

// draw makes of a file what a page may show.
type draw func(ctx context.Context, content []byte) (mediaType string, drawn []byte, err error)

// drawn sends a picture in one of its forms. The picture itself is read each time: what was disposed of is not sent from memory.
func (v *visit) drawn(form string, anew draw) error {
	content, _, err := v.keptFile()
	if err != nil {
		return err
	}
	key := v.r.PathValue("sha256") + " " + form
	d, held := v.s.drawings.get(key, v.s.now())
	if !held {
		d.kind, d.content, d.err = anew(v.r.Context(), content)
		if d.err == nil || errors.Is(d.err, picture.ErrNotDrawn) {
			v.s.drawings.put(key, d, v.s.now())
		}
	}
	if d.err != nil {
		return d.err
	}
	v.file(d.kind, "inline", extensions[d.kind], d.content)
	return nil
}

// original sends a file as the platform sent it, to be saved. No browser opens it by itself.
func (v *visit) original() error {
	content, kind, err := v.keptFile()
	if err != nil {
		return err
	}
	extension, known := extensions[kind]
	if !known {
		extension = ".bin"
	}
	v.file("application/octet-stream", "attachment", extension, content)
	return nil
}

func (v *visit) keptFile() (content []byte, kind string, err error) {
	name := v.r.PathValue("sha256")
	if !sha256Name.MatchString(name) {
		return nil, "", moderation.ErrNotFound
	}
	kind, content, err = v.s.desk.Media(v.r.Context(), name)
	return content, kind, err
}

// extensions are the kinds of files that a platform's comments hold.
var extensions = map[string]string{"image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp", "video/mp4": ".mp4",
	"video/webm": ".webm"}

// file sends a file. The sandbox holds for what is opened by itself; that its kind is not guessed, secureHeaders has said.
func (v *visit) file(kind, disposition, extension string, content []byte) {
	h := v.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", fmt.Sprintf(`%s; filename="%s%s"`, disposition, v.r.PathValue("sha256")[:16], extension))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	h.Set("Content-Length", fmt.Sprint(len(content)))
	_, _ = steady{v}.Write(content)
}

// drawable tells whether a page may try to show a file of this type.
func drawable(mediaType string) bool {
	kind, _, _ := strings.Cut(mediaType, ";")
	return picture.Drawable(kind)
}

// What is held of pictures that were drawn, so that going back and forth between comments does not draw them again: in memory only, and not
// for long.
const (
	heldBytes = 32 << 20
	heldFor   = 15 * time.Minute
)

// drawing is a picture that was drawn, or why it could not be.
type drawing struct {
	kind    string
	content []byte
	err     error
	until   time.Time
}

// drawings are the latest ones. Its zero value is empty.
type drawings struct {
	mu    sync.Mutex
	held  map[string]drawing
	order []string // the oldest first
	size  int
}

func (c *drawings) get(key string, now time.Time) (drawing, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(now)
	d, held := c.held[key]
	return d, held
}

func (c *drawings) put(key string, d drawing, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, held := c.held[key]; held || len(d.content) > heldBytes {
		return // two asked at once, and both have drawn it
	}
	if c.held == nil {
		c.held = map[string]drawing{}
	}
	d.until = now.Add(heldFor)
	c.held[key] = d
	c.order = append(c.order, key)
	c.size += weight(key, d)
	c.forget(now)
}

// forget lets go of what is old, and of the oldest while there is too much.
func (c *drawings) forget(now time.Time) {
	for len(c.order) > 0 && (c.size > heldBytes || !now.Before(c.held[c.order[0]].until)) {
		key := c.order[0]
		c.order = c.order[1:]
		c.size -= weight(key, c.held[key])
		delete(c.held, key)
	}
}

// weight is what a drawing takes of memory, or a little more.
func weight(key string, d drawing) int { return len(key) + len(d.content) + 512 }
