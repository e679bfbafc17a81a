package console

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"net/http"
	"strings"
	"testing"
	"time"

	"takhojd/moderation"
	"takhojd/platforms"
	"takhojd/rules"
)

// photograph is a JPEG that says where it was taken, and by whom.
func photograph(t testing.TB) []byte {
	img := image.NewRGBA(image.Rect(0, 0, 900, 600))
	for y := range 600 {
		for x := range 900 {
			img.SetRGBA(x, y, color.RGBA{uint8(x / 4), uint8(y / 3), 90, 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	const said = "Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x00 GPS 59.3293 18.0686, Annas telefon"
	return []byte("\xff\xd8\xff\xe1\x00" + string(byte(len(said)+2)) + said + b.String()[2:] + "<script>alert(1)</script>")
}

func moving(t testing.TB) []byte {
	g := &gif.GIF{}
	for i := range 4 {
		p := image.NewPaletted(image.Rect(0, 0, 30, 20), color.Palette{color.Black, color.White})
		p.SetColorIndex(i, i, 1)
		g.Image, g.Delay = append(g.Image, p), append(g.Delay, 5)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPicturesAreDrawnAnew(t *testing.T) {
	d := morning(t)
	sums := map[string]string{
		"a photograph": d.keep("image/jpeg", photograph(t)), "a picture": d.keep("image/png", aPicture()), "an animation": d.keep("image/gif", moving(t)),
		"a drawing that runs":         d.keep("image/svg+xml", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)),
		"a document":                  d.keep("application/pdf", []byte("%PDF-1.7")),
		"a page called a picture":     d.keep("image/png", []byte(`<html><script>alert(1)</script>`)),
		"a script called a picture":   d.keep("image/jpeg", []byte("alert(1)")),
		"a film":                      d.keep("video/mp4", []byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom")),
		"a picture that is broken":    d.keep("image/png", aPicture()[:60]),
		"a picture with a page in it": d.keep("text/html", append([]byte("<!doctype html>"), aPicture()...)),
		"nothing that was kept":       strings.Repeat("0", 64),
		"a name that is no SHA-256":   "..%2f..%2fetc",
	}
	h := newHouse(t, d)
	base := h.open(t).base
	mats, rut := h.as(t, base, "mats"), h.as(t, base, "rut")
	for name, test := range map[string]struct{ beside, play int }{
		"a photograph": {200, 415}, "a picture": {200, 415}, "an animation": {200, 200}, "a drawing that runs": {415, 415}, "a document": {415, 415},
		"a page called a picture": {415, 415}, "a script called a picture": {415, 415}, "a film": {415, 415}, "a picture that is broken": {415, 415},
		"a picture with a page in it": {415, 415}, "nothing that was kept": {404, 404}, "a name that is no SHA-256": {404, 404},
	} {
		for path, want := range map[string]int{"": test.beside, "/large": test.beside, "/play": test.play} {
			for range 2 { // drawn, and then from memory
				got := mats.get("/media/" + sums[name] + path)
				if got.status != want {
					t.Errorf("%s%s: %d, want %d", name, path, got.status, want)
				}
				if got.status != http.StatusOK {
					continue
				}
				kind := got.header.Get("Content-Type")
				if kind != "image/jpeg" && kind != "image/png" && kind != "image/gif" || http.DetectContentType([]byte(got.body)) != kind {
					t.Errorf("%s%s is sent as %s", name, path, kind)
				}
				for _, hidden := range []string{"GPS", "Anna", "Exif", "script"} {
					if strings.Contains(got.body, hidden) {
						t.Errorf("%s%s: %q is handed on", name, path, hidden)
					}
				}
				if csp := got.header.Get("Content-Security-Policy"); !strings.Contains(csp, "sandbox") || !strings.Contains(csp, "default-src 'none'") ||
					got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Cache-Control") != "no-store" ||
					!strings.HasPrefix(got.header.Get("Content-Disposition"), "inline; filename=") {
					t.Errorf("%s%s: %v", name, path, got.header)
				}
			}
		}
	}
	config, _, err := image.DecodeConfig(strings.NewReader(mats.get("/media/" + sums["a photograph"]).body))
	if err != nil || config.Width != besideText || config.Height != besideText*2/3 {
		t.Errorf("beside a comment it is %d × %d, %v", config.Width, config.Height, err)
	}

	got := rut.get("/archive/media/" + sums["a photograph"])
	if got.body != string(photograph(t)) || got.header.Get("Content-Type") != "application/octet-stream" ||
		got.header.Get("Content-Disposition") != `attachment; filename="`+sums["a photograph"][:16]+`.jpg"` || got.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the archivist does not get the original: %v", got.header)
	}
	if got := rut.get("/archive/media/" + sums["a drawing that runs"]); got.header.Get("Content-Type") != "application/octet-stream" ||
		!strings.HasSuffix(got.header.Get("Content-Disposition"), `.bin"`) {
		t.Errorf("a drawing that runs: %v", got.header)
	}
	if got := mats.get("/archive/media/" + sums["a photograph"]); got.status != http.StatusForbidden {
		t.Errorf("a moderator gets the original: %d", got.status)
	}

	delete(d.media, sums["a photograph"]) // disposed of
	if got := mats.get("/media/" + sums["a photograph"]); got.status != http.StatusNotFound {
		t.Errorf("what was disposed of is sent from memory: %d", got.status)
	}
}

func TestWhatIsDrawnIsHeldForAWhile(t *testing.T) {
	var c drawings
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	c.put("a", drawing{kind: "image/png", content: []byte("x")}, now)
	if d, held := c.get("a", now.Add(heldFor-1)); !held || d.kind != "image/png" {
		t.Error("not held")
	}
	if _, held := c.get("a", now.Add(heldFor)); held || c.size != 0 || len(c.held) != 0 {
		t.Errorf("held too long: %d bytes", c.size)
	}
	for i := range 100 {
		c.put(string(rune('A'+i)), drawing{content: make([]byte, 1<<20)}, now)
	}
	if c.size > heldBytes || len(c.held) != len(c.order) || len(c.held) < 20 {
		t.Errorf("%d drawings of %d bytes are held", len(c.held), c.size)
	}
	if _, held := c.get(string(rune('A'+99)), now); !held {
		t.Error("the latest is not held")
	}
	c.put("large", drawing{content: make([]byte, heldBytes+1)}, now)
	if _, held := c.get("large", now); held {
		t.Error("one takes all")
	}
}

func TestPicturesOnThePage(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	advert := d.cases[4]
	film := d.keep("video/mp4", []byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"))
	dance := d.keep("image/gif", moving(t))
	advert.Comment.Attachments = append(advert.Comment.Attachments, platforms.Attachment{Kind: "video"}, platforms.Attachment{Kind: "animation"})
	advert.Media = append(advert.Media, moderation.Media{Place: 2, SHA256: film, Type: "video/mp4"}, moderation.Media{Place: 3, SHA256: dance, Type: "image/gif"})
	base := h.open(t).base
	mats, anna := h.as(t, base, "mats"), h.as(t, base, "anna")
	page := mats.get("/queue/4").body
	for what, want := range map[string]string{
		"a picture is blurred":         `<img class="veil" src="/media/` + advert.Media[0].SHA256 + `"`,
		"it can be seen larger":        `href="/media/` + advert.Media[0].SHA256 + `/large"`,
		"an animation can be played":   `href="/media/` + dance + `/play"`,
		"an animation stands still":    `<img class="veil" src="/media/` + dance + `"`,
		"it says that a film is there": "Film eller fil 3 är sparad men visas inte här.",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%s: not so", what)
		}
	}
	if strings.Contains(page, `src="/media/`+film) || strings.Contains(page, "/archive/media/") || strings.Contains(page, "<video") {
		t.Error("a moderator's page has a film, or originals")
	}
	if !strings.Contains(anna.get("/case/4").body, `href="/archive/media/`+film+`" download`) {
		t.Error("who keeps the archive is not offered the original")
	}
}

func TestThePicturesHistoryIsTold(t *testing.T) {
	d := morning(t)
	h := newHouse(t, d)
	c := d.cases[4]
	c.Flag.Why = moderation.PictureWhy
	sum := d.keep("image/png", aPicture())
	at := time.Date(2026, 11, 20, 8, 41, 0, 0, time.UTC)
	c.Earlier = []moderation.Earlier{
		{Comment: 7, Channel: d.channels[0], SHA256: sum, Distance: 8, Category: rules.Threat,
			Decision: moderation.Decision{Action: moderation.Delete, ByKind: "person", By: "rut", Reason: "Bild av en <skadad>.", Record: "R-7", At: at}},
		{Comment: 8, Channel: d.channels[0], SHA256: sum, Same: true, Decision: moderation.Decision{Action: moderation.Hide, ByKind: "bot", At: at}}}
	base := h.open(t).base
	mats, anna := h.as(t, base, "mats"), h.as(t, base, "anna")
	page := mats.get("/queue/4").body
	for _, want := range []string{"Bilden, eller en som ser likadan ut, har tagits bort förut.", "Bilden har tagits bort förut", `href="/case/7"`, `href="/case/8"`,
		"2026-11-20 kl. 09.41", "Ser nästan likadan ut.", "Samma fil.", "Bild av en &lt;skadad&gt;.", "Handling R-7", `href="/media/` + sum + `/large"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "/archive/record/R-7") {
		t.Error("a moderator is sent to the archive")
	}
	if !strings.Contains(anna.get("/case/4").body, `href="/archive/record/R-7"`) {
		t.Error("the record is not linked for who may read it")
	}
	mats.post("/language", map[string][]string{"language": {"en"}, "next": {"/"}})
	if page := mats.get("/case/4").body; !strings.Contains(page, "The picture was removed before") || !strings.Contains(page, "Looks nearly the same.") {
		t.Error("the history is not told in English")
	}
	if page := mats.get("/case/3").body; strings.Contains(page, "earlier-title") {
		t.Error("a comment without such a picture has a history")
	}
}
