package picture

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// scene is a picture like a photograph: hills of light at many scales, others for each seed.
func scene(seed uint64, width, height int) *image.RGBA {
	r := rand.New(rand.NewPCG(seed, 7))
	type wave struct{ fx, fy, phase, strength float64 }
	var waves [3][]wave
	for c := range waves {
		for range 24 {
			f := math.Exp(r.Float64() * 3) // 1 to 20 waves across
			angle := r.Float64() * math.Pi
			waves[c] = append(waves[c], wave{f * math.Cos(angle), f * math.Sin(angle), r.Float64() * 7, 60 / math.Sqrt(f)})
		}
	}
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			var v [3]float64
			for c := range waves {
				v[c] = 128
				for _, w := range waves[c] {
					v[c] += w.strength * math.Sin(2*math.Pi*(w.fx*float64(x)/float64(width)+w.fy*float64(y)/float64(height))+w.phase)
				}
			}
			clamp := func(f float64) uint8 { return uint8(max(0, min(255, f))) }
			light := (v[0] + v[1] + v[2]) / 3 // colours of a photograph mostly follow its light
			img.SetRGBA(x, y, color.RGBA{clamp((v[0] + 2*light) / 3), clamp((v[1] + 2*light) / 3), clamp((v[2] + 2*light) / 3), 255})
		}
	}
	return img
}

// screen is a screenshot of some lines of text.
func screen(lines ...string) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, 360, 240))
	draw.Draw(img, img.Rect, image.White, image.Point{}, draw.Src)
	d := font.Drawer{Dst: img, Src: image.Black, Face: basicfont.Face7x13}
	for i, line := range lines {
		d.Dot = fixed.P(12, 24+i*18)
		d.DrawString(line)
	}
	return img
}

func asJPEG(t testing.TB, img image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asPNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// exif is an EXIF block with an orientation and a place in GPS coordinates.
func exif(orientation byte) string {
	return "Exif\x00\x00II*\x00\x08\x00\x00\x00\x02\x00" +
		"\x12\x01\x03\x00\x01\x00\x00\x00" + string(orientation) + "\x00\x00\x00" +
		"\x0e\x01\x02\x00\x0a\x00\x00\x00\x26\x00\x00\x00\x00\x00\x00\x00" + "GPS 59.31N"
}

// segment is a JPEG segment.
func segment(marker byte, body string) string {
	return "\xff" + string([]byte{marker}) + string(binary.BigEndian.AppendUint16(nil, uint16(len(body)+2))) + body
}

// chunk is a PNG chunk.
func chunk(kind, body string) string {
	sum := crc32.ChecksumIEEE([]byte(kind + body))
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(body)))) + kind + body + string(binary.BigEndian.AppendUint32(nil, sum))
}

// burdened is a JPEG with all that a camera and a programme can hide in one.
func burdened(t testing.TB, img image.Image, orientation byte) []byte {
	plain := string(asJPEG(t, img, 90))
	return []byte(plain[:2] + segment(0xe1, exif(orientation)) + segment(0xe1, "http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta>GPS of Anna</x:xmpmeta>") +
		segment(0xe2, "ICC_PROFILE\x00\x01\x01 profile of Anna's camera") + segment(0xfe, "comment by Anna") + plain[2:] + "<script>hidden by Anna</script>")
}

func TestNothingButTheDotsIsHandedOn(t *testing.T) {
	ctx := context.Background()
	img := scene(1, 300, 200)
	var moving bytes.Buffer
	if err := gif.EncodeAll(&moving, frames(3)); err != nil {
		t.Fatal(err)
	}
	const secret = "Anna Andersson 59.3293N"
	plainPNG := string(asPNG(t, img))
	for name, test := range map[string]struct{ content, kind string }{
		"JPEG":     {string(burdened(t, img, 1)), "image/jpeg"},
		"PNG":      {plainPNG[:33] + chunk("tEXt", "Author\x00"+secret) + chunk("eXIf", exif(1)[6:]) + plainPNG[33:] + secret, "image/jpeg"},
		"GIF":      {moving.String()[:len(moving.String())-1] + "\x21\xfe" + string(byte(len(secret))) + secret + "\x00;" + secret, "image/png"},
		"no alpha": {plainPNG, "image/jpeg"},
	} {
		kind, drawn, err := Redraw(ctx, []byte(test.content), 1000)
		if err != nil || kind != test.kind && name != "GIF" {
			t.Errorf("%s: %s, %v", name, kind, err)
		}
		for _, left := range []string{"Anna", "GPS", "Exif", "eXIf", "script", "ICC", "xmp"} {
			if bytes.Contains(drawn, []byte(left)) {
				t.Errorf("%s: %q is handed on", name, left)
			}
		}
		if !Drawable(kind) {
			t.Errorf("%s becomes %s", name, kind)
		}
	}
	again, err := Replay(ctx, []byte(moving.String()[:len(moving.String())-1]+"\x21\xfe"+string(byte(len(secret)))+secret+"\x00;"+secret))
	if err != nil || bytes.Contains(again, []byte("Anna")) {
		t.Errorf("an animation hands on its comment: %v", err)
	}
	if all, err := gif.DecodeAll(bytes.NewReader(again)); err != nil || len(all.Image) != 3 || all.LoopCount != -1 {
		t.Errorf("an animation is not what it was: %v", err)
	}
}

// frames is an animation.
func frames(n int) *gif.GIF {
	g := &gif.GIF{}
	for i := range n {
		p := image.NewPaletted(image.Rect(0, 0, 40, 30), color.Palette{color.Black, color.White})
		p.SetColorIndex(i%40, i%30, 1)
		g.Image, g.Delay = append(g.Image, p), append(g.Delay, 10)
	}
	return g
}

func TestWhatIsTransparentStaysSo(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 50, 50))
	img.SetNRGBA(10, 10, color.NRGBA{255, 0, 0, 255})
	kind, drawn, err := Redraw(context.Background(), asPNG(t, img), 100)
	if err != nil || kind != "image/png" {
		t.Fatalf("%s %v", kind, err)
	}
	if again, err := png.Decode(bytes.NewReader(drawn)); err != nil || again.At(0, 0) != (color.NRGBA{}) {
		t.Errorf("%v", err)
	}
}

// TestUpright: a dark dot at the top left of what the eye saw is there again, however the camera was held.
func TestUpright(t *testing.T) {
	upright := image.NewRGBA(image.Rect(0, 0, 120, 60))
	draw.Draw(upright, upright.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(upright, image.Rect(0, 0, 40, 20), image.Black, image.Point{}, draw.Src)
	draw.Draw(upright, image.Rect(80, 0, 120, 20), image.NewUniform(color.RGBA{255, 0, 0, 255}), image.Point{}, draw.Src)
	inverse := []int{0, 1, 2, 3, 4, 5, 8, 7, 6} // how the camera turned it
	for o := 1; o <= 8; o++ {
		held := orient(upright, inverse[o])
		plain := string(asPNG(t, held))
		var webp bytes.Buffer
		webp.WriteString("RIFF\x00\x00\x00\x00WEBP")
		for name, content := range map[string][]byte{"JPEG": burdened(t, held, byte(o)), "PNG": []byte(plain[:33] + chunk("eXIf", exif(byte(o))[6:]) + plain[33:])} {
			_, drawn, err := Redraw(context.Background(), content, 1000)
			if err != nil {
				t.Fatal(err)
			}
			img, _, err := image.Decode(bytes.NewReader(drawn))
			if err != nil {
				t.Fatal(err)
			}
			dark := func(x, y int) bool { r, g, _, _ := img.At(x, y).RGBA(); return r < 0x4000 && g < 0x4000 }
			red := func(x, y int) bool { r, g, _, _ := img.At(x, y).RGBA(); return r > 0xb000 && g < 0x5000 }
			if img.Bounds().Dx() != 120 || !dark(10, 5) || !red(110, 5) || dark(10, 55) || red(110, 55) {
				t.Errorf("%s, orientation %d: %v is not upright", name, o, img.Bounds())
			}
		}
		block := exif(byte(o))
		webp.WriteString("VP8 \x03\x00\x00\x00abc\x00EXIF" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(block)))) + block)
		if got := orientation(webp.Bytes()); got != o {
			t.Errorf("WebP: orientation %d, want %d", got, o)
		}
	}
}

func TestSizes(t *testing.T) {
	for name, test := range map[string]struct{ w, h, side, toW, toH int }{
		"small stays":    {30, 20, 100, 30, 20},
		"wide":           {400, 100, 200, 200, 50},
		"tall":           {100, 400, 200, 50, 200},
		"a thread":       {2000, 1, 100, 100, 1},
		"the same":       {100, 100, 100, 100, 100},
		"one dot larger": {101, 101, 100, 100, 100},
	} {
		_, drawn, err := Redraw(context.Background(), asPNG(t, scene(3, test.w, test.h)), test.side)
		if err != nil {
			t.Fatal(err)
		}
		config, _, err := image.DecodeConfig(bytes.NewReader(drawn))
		if err != nil || config.Width != test.toW || config.Height != test.toH {
			t.Errorf("%s: %d × %d, %v", name, config.Width, config.Height, err)
		}
	}
}

func TestWhatIsNotDrawn(t *testing.T) {
	ihdr := func(w, h uint32) string {
		return "\x89PNG\r\n\x1a\n" + chunk("IHDR", string(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h))+"\x08\x06\x00\x00\x00")
	}
	var many bytes.Buffer
	if err := gif.EncodeAll(&many, frames(maxFrames+1)); err != nil {
		t.Fatal(err)
	}
	good := asJPEG(t, scene(2, 200, 200), 80)
	for name, content := range map[string]string{
		"nothing":              "",
		"a page":               "<html><script>alert(1)</script></html>",
		"a drawing that runs":  `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`,
		"a script":             "#!/bin/sh\necho hej",
		"a film":               "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom",
		"a film of another":    "\x1a\x45\xdf\xa3webm",
		"a document":           "%PDF-1.7",
		"a name of a picture":  "\x89PNG\r\n\x1a\nnot much of one",
		"half a picture":       string(good[:40]),
		"a bomb of dots":       ihdr(60000, 60000) + chunk("IDAT", "x"),
		"a bomb in one row":    ihdr(1<<31-1, 1) + chunk("IDAT", "x"),
		"one dot too wide":     ihdr(maxSide+1, 1) + chunk("IDAT", "x"),
		"no dots":              ihdr(0, 5) + chunk("IDAT", "x"),
		"a GIF bomb":           "GIF89a\xff\xff\xff\xff\x00\x00\x00;",
		"a WebP bomb":          "RIFF\xff\xff\xff\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\xff\x3f\x00\xff\x3f\x00VP8L",
		"a picture and a page": "<!doctype html>" + string(good),
	} {
		if _, drawn, err := Redraw(context.Background(), []byte(content), 100); !errors.Is(err, ErrNotDrawn) {
			t.Errorf("%s: %d bytes, %v", name, len(drawn), err)
		}
		if _, err := Of(context.Background(), []byte(content)); !errors.Is(err, ErrNotDrawn) {
			t.Errorf("the print of %s: %v", name, err)
		}
		if _, err := Replay(context.Background(), []byte(content)); !errors.Is(err, ErrNotDrawn) {
			t.Errorf("%s, played: %v", name, err)
		}
	}
	for name, content := range map[string]string{
		"too many frames": many.String(),
		"frames that are large": "GIF89a\x00\x10\x00\x10\x00\x00\x00" +
			strings.Repeat("\x2c\x00\x00\x00\x00\x00\x10\x00\x10\x00\x02\x00", 5) + ";",
		"no animation":     string(good),
		"cut in its frame": many.String()[:700],
	} {
		if _, err := Replay(context.Background(), []byte(content)); !errors.Is(err, ErrNotDrawn) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// endless is a small JPEG that asks its decoder to walk over 16 million dots for each of its scans, of which it has very many.
func endless(scans int) []byte {
	var b bytes.Buffer
	b.WriteString("\xff\xd8" + segment(0xdb, "\x00"+strings.Repeat("\x01", 64)))
	b.WriteString(segment(0xc2, "\x08\x10\x00\x10\x00\x01\x01\x11\x00"))       // progressive, 4096 × 4096, one component
	b.WriteString(segment(0xc4, "\x10\x01"+strings.Repeat("\x00", 15)+"\xe0")) // one code, "0": the next 2^14 blocks are empty, and as many more as 14 bits say
	scan := segment(0xda, "\x01\x01\x00\x01\x3f\x00") + strings.Repeat("\x00", 31)
	for range scans {
		b.WriteString(scan)
	}
	b.WriteString("\xff\xd9")
	return b.Bytes()
}

func TestADecoderIsStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	read := &stoppable{ctx, bytes.NewReader(endless(100_000))}
	first := make([]byte, 4096)
	if n, err := read.Read(first); n != 512 || err != nil {
		t.Fatalf("the first piece has %d bytes, %v", n, err)
	}
	cancel()
	if _, err := jpeg.Decode(read); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, _, err := Redraw(ctx, endless(10), 100); !errors.Is(err, context.Canceled) || errors.Is(err, ErrNotDrawn) {
		t.Errorf("that nobody waits says something of the picture: %v", err)
	}
}

func TestADecoderThatPanics(t *testing.T) {
	for range 2 { // and the turn is given back
		err := inTurn(context.Background(), func(context.Context) error { panic("index out of range") })
		if !errors.Is(err, ErrNotDrawn) {
			t.Error(err)
		}
	}
}

// changes are what people and platforms do to a picture that they pass on.
var changes = map[string]func(testing.TB, *image.RGBA) []byte{
	"the same":       func(t testing.TB, i *image.RGBA) []byte { return asPNG(t, i) },
	"JPEG at 80":     func(t testing.TB, i *image.RGBA) []byte { return asJPEG(t, i, 80) },
	"JPEG at 20":     func(t testing.TB, i *image.RGBA) []byte { return asJPEG(t, i, 20) },
	"half the size":  func(t testing.TB, i *image.RGBA) []byte { return asJPEG(t, scale(i, 240, 180), 80) },
	"twice the size": func(t testing.TB, i *image.RGBA) []byte { return asJPEG(t, scale(i, 960, 720), 80) },
	"a thumbnail":    func(t testing.TB, i *image.RGBA) []byte { return asJPEG(t, scale(i, 128, 96), 70) },
	"another shape":  func(t testing.TB, i *image.RGBA) []byte { return asJPEG(t, scale(i, 500, 500), 70) },
	"cut by 1 %":     func(t testing.TB, i *image.RGBA) []byte { return asJPEG(t, cut(i, 1), 85) },
	"cut by 2 %":     func(t testing.TB, i *image.RGBA) []byte { return asJPEG(t, cut(i, 2), 85) },
	"cut by 4 %":     func(t testing.TB, i *image.RGBA) []byte { return asJPEG(t, cut(i, 4), 85) },
	"cut at its foot": func(t testing.TB, i *image.RGBA) []byte {
		return asJPEG(t, i.SubImage(image.Rect(0, 0, i.Rect.Dx(), i.Rect.Dy()*95/100)), 85)
	},
	"brighter":       func(t testing.TB, i *image.RGBA) []byte { return asJPEG(t, lit(i, 1.1, 10), 85) },
	"darker":         func(t testing.TB, i *image.RGBA) []byte { return asJPEG(t, lit(i, .8, -5), 85) },
	"with a mark":    func(t testing.TB, i *image.RGBA) []byte { return asJPEG(t, marked(i), 85) },
	"turned by EXIF": func(t testing.TB, i *image.RGBA) []byte { return burdened(t, orient(i, 8), 6) },
	"several at once": func(t testing.TB, i *image.RGBA) []byte {
		return asJPEG(t, lit(cut(scale(i, 300, 225), 1), 1.05, 5), 60)
	},
}

func cut(src *image.RGBA, percent int) *image.RGBA {
	b := src.Rect
	dx, dy := b.Dx()*percent/100, b.Dy()*percent/100
	return src.SubImage(image.Rect(dx, dy, b.Dx()-dx, b.Dy()-dy)).(*image.RGBA)
}

func lit(src *image.RGBA, times, plus float64) *image.RGBA {
	dst := image.NewRGBA(image.Rect(0, 0, src.Rect.Dx(), src.Rect.Dy()))
	draw.Draw(dst, dst.Rect, src, src.Rect.Min, draw.Src)
	for i := range dst.Pix {
		if i%4 != 3 {
			dst.Pix[i] = uint8(max(0, min(255, float64(dst.Pix[i])*times+plus)))
		}
	}
	return dst
}

func marked(src *image.RGBA) *image.RGBA {
	dst := image.NewRGBA(src.Rect)
	draw.Draw(dst, dst.Rect, src, image.Point{}, draw.Src)
	d := font.Drawer{Dst: dst, Src: image.White, Face: basicfont.Face7x13, Dot: fixed.P(src.Rect.Dx()-180, src.Rect.Dy()-12)}
	d.DrawString("(c) delad av nyhetskoll.se")
	return dst
}

func TestKnownAgain(t *testing.T) {
	worst := map[string]int{}
	for seed := range uint64(4) {
		img := scene(seed, 480, 360)
		original := prints(t, asJPEG(t, img, 90))
		if original == nil {
			t.Fatalf("scene %d has too little in it", seed)
		}
		for name, change := range changes {
			copied := prints(t, change(t, img))
			distance, near := original.Known(copied[0])
			worst[name] = max(worst[name], distance)
			if !near || !found(original, copied[0]) {
				t.Errorf("scene %d, %s: %d bits differ", seed, name, distance)
			}
		}
	}
	t.Logf("the most that differed: %v", worst)
}

func prints(t testing.TB, content []byte) Prints {
	t.Helper()
	p, err := Of(context.Background(), content)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// found tells whether the slots of what is kept are among the probes of what is asked for.
func found(kept Prints, asked Print) bool {
	probes := map[int]bool{}
	for _, p := range asked.Probes() {
		probes[p] = true
	}
	for _, s := range kept.Slots() {
		if probes[s] {
			return true
		}
	}
	return false
}

func TestDifferentPicturesAreNotTakenForEachOther(t *testing.T) {
	all := map[string]Prints{}
	for seed := range uint64(16) {
		all[fmt.Sprint("scene ", seed)] = prints(t, asJPEG(t, scene(seed, 160, 120), 85))
	}
	for i, lines := range [][]string{
		{"Tack for ett tydligt svar, det var bra", "forklarat. Vi ses pa motet i morgon.", "", "Med vanlig halsning", "Gunnel"},
		{"Akuten i Sodertalje 08-123 45 67", "Oppet dygnet runt", "Ring 1177 om du ar osaker", "Kom i god tid"},
		{"Politikerna ljuger om allt", "Las mer pa min sida", "Dela vidare", "Nu", "Fort", "Innan de tar bort det"},
		{"Tidtabell linje 43", "07.12 07.27 07.42 07.57", "08.12 08.27 08.42 08.57", "09.12 09.27 09.42 09.57", "10.12 10.27 10.42 10.57"},
		{"Jag tycker att det ar bra att ni svarar", "pa fragor har, men nar kommer bussen", "till Norrtalje att ga oftare?", "Det har vi fragat i tre ar."},
		{"Det ar skandal hur ni behandlar oss", "som bor i Norrtalje. Bussen gar tva", "ganger om dagen och ingen bryr", "sig. Avga."},
	} {
		all[fmt.Sprint("screen ", i)] = prints(t, asPNG(t, screen(lines...)))
	}
	closest := 256
	for a, kept := range all {
		if kept == nil {
			t.Errorf("%s has too little in it", a)
		}
		for b, asked := range all {
			if a == b || asked == nil {
				continue
			}
			d, near := kept.Known(asked[0])
			closest = min(closest, d)
			if near {
				t.Errorf("%s and %s: %d bits differ", a, b, d)
			}
		}
	}
	t.Logf("of %d pictures the closest two differ in %d bits", len(all), closest)
}

func TestTooLittleToKnowAgain(t *testing.T) {
	white := image.NewRGBA(image.Rect(0, 0, 200, 200))
	draw.Draw(white, white.Rect, image.White, image.Point{}, draw.Src)
	fading := image.NewRGBA(image.Rect(0, 0, 200, 200))
	for y := range 200 {
		for x := range 200 {
			fading.SetRGBA(x, y, color.RGBA{uint8(x), uint8(x), uint8(x), 255})
		}
	}
	for name, img := range map[string]image.Image{"white": white, "fading": fading, "one word": screen("Ja"), "transparent": image.NewRGBA(white.Rect), "a dot": scene(1, 1, 1)} {
		if p := prints(t, asPNG(t, img)); p != nil {
			t.Errorf("%s has the prints %x", name, p)
		}
	}
}

// TestEverythingNearIsFound: whatever bits differ, the slots lead there.
func TestEverythingNearIsFound(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 2000 {
		var p Print
		for i := range p {
			p[i] = byte(r.Uint32())
		}
		q := p
		order := r.Perm(256)
		if round%2 == 0 { // spread as evenly as can be: the hardest
			for i := range order {
				order[i] = i%pieces*16 + i/pieces
			}
		}
		for _, bit := range order[:Near] {
			q[bit/8] ^= 1 << (bit % 8)
		}
		if d, near := (Prints{p}).Known(q); d != Near || !near || !found(Prints{p}, q) {
			t.Fatalf("%x and %x differ in %d bits and are not found", p, q, d)
		}
		q[order[Near]/8] ^= 1 << (order[Near] % 8)
		if _, near := (Prints{p}).Known(q); near {
			t.Fatalf("%x and %x are near", p, q)
		}
	}
	if n := len(Print{}.Probes()); n != ProbeCount {
		t.Errorf("%d probes", n)
	}
}

func TestPrintsAreReadAsKept(t *testing.T) {
	p := Prints{{1, 2, 255}, {3}}
	if q, err := From(p.Bytes()); err != nil || !slices.Equal(p, q) {
		t.Errorf("%x, %v", q, err)
	}
	if q, err := From(nil); q != nil || err != nil {
		t.Errorf("%x, %v", q, err)
	}
	if _, err := From(make([]byte, 33)); err == nil {
		t.Error("33 bytes are taken for prints")
	}
}

// FuzzOpen: whatever bytes come, no panic, and what is drawn is a picture of a kind that browsers cannot be made to run, within its square.
func FuzzOpen(f *testing.F) {
	img := scene(1, 20, 10)
	f.Add(burdened(f, img, 6))
	f.Add(asPNG(f, img))
	var moving bytes.Buffer
	if err := gif.EncodeAll(&moving, frames(3)); err != nil {
		f.Fatal(err)
	}
	f.Add(moving.Bytes())
	f.Add([]byte("RIFF\x24\x00\x00\x00WEBPVP8L\x17\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00"))
	f.Add([]byte("<svg>"))
	ctx := context.Background()
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 1<<16 {
			return
		}
		kind, drawn, err := Redraw(ctx, content, 64)
		if err != nil && !errors.Is(err, ErrNotDrawn) {
			t.Errorf("%v", err)
		}
		if err == nil {
			config, name, err := image.DecodeConfig(bytes.NewReader(drawn))
			if err != nil || "image/"+name != kind || config.Width > 64 || config.Height > 64 {
				t.Errorf("%s %s %v", kind, name, err)
			}
		}
		if _, err := Of(ctx, content); err != nil && !errors.Is(err, ErrNotDrawn) {
			t.Errorf("%v", err)
		}
		if again, err := Replay(ctx, content); err == nil {
			if _, err := gif.DecodeAll(bytes.NewReader(again)); err != nil {
				t.Errorf("what is replayed is broken: %v", err)
			}
		} else if !errors.Is(err, ErrNotDrawn) {
			t.Errorf("%v", err)
		}
	})
}

func BenchmarkRedraw(b *testing.B) {
	content := asJPEG(b, scene(1, 2048, 1536), 85)
	for b.Loop() {
		if _, _, err := Redraw(context.Background(), content, 640); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOf(b *testing.B) {
	content := asJPEG(b, scene(1, 2048, 1536), 85)
	for b.Loop() {
		if _, err := Of(context.Background(), content); err != nil {
			b.Fatal(err)
		}
	}
}
