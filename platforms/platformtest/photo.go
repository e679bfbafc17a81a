package platformtest

import (
	"crypto/sha256"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strconv"
	"strings"
)

// photoSize is a picture's width and height in pixels.
const photoSize = 96

// photoURL is where a comment's first picture is. Like the platform's it lapses in name: it differs from moment to moment.
func (s *Server) photoURL(c *CommentState) string {
	return s.URL() + "/photo/" + photoName(c.ID, 1) + "?oe=" + strconv.FormatInt(s.world.now().Unix(), 16)
}

// servePhoto draws the picture "<comment>-<number>.png".
func (s *Server) servePhoto(w http.ResponseWriter, r *http.Request) {
	name, isPNG := strings.CutSuffix(r.PathValue("file"), ".png")
	comment, number, _ := strings.Cut(name, "-")
	n, err := strconv.Atoi(number)
	s.world.mu.Lock()
	c, ok := s.world.commentBy[comment]
	there := ok && isPNG && err == nil && c.ID == comment && !c.gone() && n >= 1 && n <= c.Photos
	s.world.mu.Unlock()
	if !there {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	_ = png.Encode(w, draw(name))
}

// draw makes a small picture that is the same for the same name, and different for another: eight by eight squares in the
// colours of its hash.
func draw(name string) image.Image {
	sum := sha256.Sum256([]byte(name))
	img := image.NewRGBA(image.Rect(0, 0, photoSize, photoSize))
	for y := range photoSize {
		for x := range photoSize {
			b := sum[(y/12*8+x/12)/2%len(sum)]
			img.Set(x, y, color.RGBA{R: b, G: b ^ sum[0], B: sum[1] + byte(x/12)*16, A: 255})
		}
	}
	return img
}

// photoName is the file name of a comment's n-th picture, counted from 1.
func photoName(comment string, n int) string { return fmt.Sprintf("%s-%d.png", comment, n) }
