package moderation_test

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"golang.org/x/image/draw"

	"takhojd/archive"
	"takhojd/moderation"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

// meme is a picture with something in it, another for each seed.
func meme(seed float64) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, 160, 120))
	for y := range 120 {
		for x := range 160 {
			light := 128.0
			for k := 1.0; k < 9; k++ {
				angle := seed * k * k
				light += 70 / math.Sqrt(k) * math.Sin(k*(math.Cos(angle)*float64(x)+math.Sin(angle)*float64(y))/20+seed*k)
			}
			v := uint8(max(0, min(255, light)))
			img.SetRGBA(x, y, color.RGBA{v, v, v / 2, 255})
		}
	}
	return img
}

func encoded(img image.Image, quality int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// passedOn is a picture as somebody else posts it: smaller, cut, brighter, compressed anew.
func passedOn(img *image.RGBA) []byte {
	cut := img.SubImage(image.Rect(2, 2, 158, 118))
	small := image.NewRGBA(image.Rect(0, 0, 120, 90))
	draw.BiLinear.Scale(small, small.Rect, cut, cut.Bounds(), draw.Src, nil)
	for i := range small.Pix {
		if i%4 != 3 {
			small.Pix[i] = uint8(min(255, int(small.Pix[i])+12))
		}
	}
	return encoded(small, 60)
}

var film = []byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom and what is seen in it")

// gallery serves the pictures of these tests, and counts nothing.
func gallery(t *testing.T) string {
	pictures := map[string][]byte{"/a": encoded(meme(1), 90), "/a-again": passedOn(meme(1)), "/a-third": encoded(meme(1), 30), "/b": encoded(meme(2), 90),
		"/film": film, "/blank": encoded(image.NewGray(image.Rect(0, 0, 50, 50)), 90)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, ok := pictures[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(content)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// words are lawful ones, other ones for each comment: what is said again and again is another matter.
var words = map[string]string{"c1": "Tack för ett tydligt svar, det var bra förklarat.", "c2": "När öppnar den nya vårdcentralen i Solna?",
	"c3": "Så här såg det ut vid hållplatsen i morse.", "c4": "Min dotter ritade den här till personalen på Sachsska.", "c9": "Vilken fin solnedgång över Riddarfjärden.",
	"first/film": "Filmen är från bussen i går.", "again/film": "Någon som känner igen platsen?", "first/blank": "Bilden blev visst tom.",
	"again/blank": "Varför syns ingenting i appen?"}

// post lets a citizen post words with a picture, and waits until it has been looked at.
func (d *desk) post(id, author, text, address string) moderation.Case {
	d.t.Helper()
	if text == fine {
		text = words[id]
	}
	e := d.write(id, author, text)
	e.Comment.Attachments = []platforms.Attachment{{Kind: "photo", URL: address}}
	d.tell(d.put(e.Comment, platforms.Added))
	d.looked()
	return d.of(id)
}

func (d *desk) number(query string, args ...any) (n int) {
	d.t.Helper()
	if err := d.db.View(context.Background(), func(tx *store.Tx) error { return tx.QueryRow(query, args...).Scan(&n) }); err != nil {
		d.t.Fatal(err)
	}
	return n
}

func (d *desk) looked() {
	d.t.Helper()
	d.eventually("every picture looked at", func() bool {
		return d.number(`SELECT count(*) FROM comment_media WHERE looked_at = 0 AND sha256 <> ''`) == 0
	})
}

// again lets a new process look at every picture once more.
func (d *desk) again() {
	d.t.Helper()
	d.exec(`UPDATE comment_media SET looked_at = 0`)
	d.stop()
	d.start()
	d.looked()
}

func (d *desk) exec(statement string) {
	d.t.Helper()
	if err := d.db.Update(context.Background(), func(tx *store.Tx) error { _, err := tx.Exec(statement); return err }); err != nil {
		d.t.Fatal(err)
	}
}

func TestARemovedPictureIsKnownAgain(t *testing.T) {
	at := gallery(t)
	d := sit(t)
	first := d.post("c1", "Bo", fine, at+"/a")
	if first.Flag == nil || first.Flag.Why != moderation.Doubt || len(first.Earlier) != 0 {
		t.Fatalf("a picture that was never removed: %+v %+v", first.Flag, first.Earlier)
	}
	removal := d.decide(first, moderation.Hide)
	d.settle()

	again := d.post("c2", "Eva", fine, at+"/a-again")
	if again.Flag == nil || again.Flag.Why != moderation.PictureWhy || again.Flag.Category != rules.UnreviewedMedia || again.State != moderation.Standing {
		t.Fatalf("slightly changed: %+v %s", again.Flag, again.State)
	}
	if d.platform.hidden("c2") {
		t.Error("a picture that looks like another is hidden by the bot")
	}
	if len(again.Earlier) != 1 {
		t.Fatalf("its history: %+v", again.Earlier)
	}
	e := again.Earlier[0]
	if e.Comment != first.ID || e.Decision.ID != removal.ID || e.Decision.By != "anna" || e.Decision.ByKind != "person" || e.Decision.Action != moderation.Hide ||
		e.Decision.Record == "" || e.Decision.At.IsZero() || e.Category != rules.UnreviewedMedia || e.Channel.ID != channel.ID || e.Same || e.Place != 0 {
		t.Errorf("its history: %+v", e)
	}
	if !slices.ContainsFunc(again.History, func(h moderation.HistoryEntry) bool { return h.What == "recognised" }) {
		t.Errorf("what happened does not say so: %+v", again.History)
	}
	if whys := d.queue(); whys[0] != "picture" {
		t.Errorf("the queue: %v", whys)
	}
	if other := d.post("c3", "Ulf", fine, at+"/b"); other.Flag == nil || other.Flag.Why != moderation.Doubt || len(other.Earlier) != 0 {
		t.Errorf("another picture: %+v %+v", other.Flag, other.Earlier)
	}

	// What was shown again is no longer held against anyone.
	d.decide(d.of("c1"), moderation.Restore)
	d.settle()
	if k := d.of("c2"); len(k.Earlier) != 0 {
		t.Errorf("after it was restored: %+v", k.Earlier)
	}
	if k := d.post("c4", "Per", fine, at+"/a-third"); k.Flag.Why != moderation.Doubt {
		t.Errorf("after it was restored: %+v", k.Flag)
	}
	d.verify()
}

func TestWhoRemovedThePicture(t *testing.T) {
	at := gallery(t)
	for name, test := range map[string]struct {
		remove func(d *desk)
		by     string
		known  bool
	}{
		"the bot":              {func(d *desk) { d.post("c1", "Bo", insult, at+"/a") }, "bot", true},
		"a person, by a block": {func(d *desk) { d.decide(d.post("c1", "Bo", fine, at+"/a"), moderation.Block) }, "person", true},
		"a colleague elsewhere": {func(d *desk) {
			k := d.post("c1", "Bo", fine, at+"/a")
			d.tell(platforms.Event{Kind: platforms.Hidden, Comment: platforms.Comment{Ref: k.Ref}, At: d.clock.now().Add(time.Second), Via: "webhook"})
		}, "platform", true},
		"the bot, and then its author": {func(d *desk) {
			d.post("c1", "Bo", insult, at+"/a")
			d.tell(d.remove("c1"))
		}, "bot", true},
		"its author alone": {func(d *desk) {
			d.post("c1", "Bo", fine, at+"/a")
			d.tell(d.remove("c1"))
		}, "", false},
		"nobody: it was let stand": {func(d *desk) { d.decide(d.post("c1", "Bo", fine, at+"/a"), moderation.Allow) }, "", false},
		"a person, who took it back": {func(d *desk) {
			k := d.post("c1", "Bo", fine, at+"/a")
			made := d.decide(k, moderation.Hide)
			if err := d.Undo(context.Background(), made.ID, "anna"); err != nil {
				t.Fatal(err)
			}
		}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			d := sit(t)
			test.remove(d)
			d.eventually("settled", func() bool {
				return d.number(`SELECT count(*) FROM outbox WHERE state = 'waiting' AND action <> 'block'`) == 0
			})
			e := d.write("c2", "Eva", words["c2"])
			e.Comment.Attachments = []platforms.Attachment{{Kind: "photo", URL: at + "/a-again"}}
			d.receive(d.put(e.Comment, platforms.Added))
			d.eventually("the picture is kept", func() bool {
				return d.number(`SELECT count(*) FROM comment_media m JOIN comments c ON c.id = m.comment WHERE c.comment_id = 'c2'`) == 1
			})
			d.looked()
			k := d.of("c2")
			if !test.known {
				if len(k.Earlier) != 0 || k.Flag.Why != moderation.Doubt {
					t.Errorf("%+v %+v", k.Flag, k.Earlier)
				}
				return
			}
			if len(k.Earlier) != 1 || k.Earlier[0].Decision.ByKind != test.by || k.Flag.Why != moderation.PictureWhy {
				t.Errorf("%+v %+v", k.Flag, k.Earlier)
			}
		})
	}
}

func TestWhatHasNoPrintIsKnownByteForByte(t *testing.T) {
	at := gallery(t)
	d := sit(t)
	for _, name := range []string{"/film", "/blank"} {
		d.decide(d.post("first"+name, "Bo", fine, at+name), moderation.Hide)
		d.settle()
		k := d.post("again"+name, "Eva", fine, at+name)
		if len(k.Earlier) != 1 || !k.Earlier[0].Same || k.Flag.Why != moderation.PictureWhy {
			t.Errorf("%s: %+v %+v", name, k.Flag, k.Earlier)
		}
	}
	if k := d.post("c9", "Per", fine, at+"/b"); len(k.Earlier) != 0 {
		t.Errorf("what has no print is near everything: %+v", k.Earlier)
	}
}

func TestARecognisedPictureChangesNothingElse(t *testing.T) {
	at := gallery(t)
	d := sit(t)
	d.decide(d.post("c1", "Bo", fine, at+"/a"), moderation.Hide)
	d.settle()
	t.Run("what waits for something graver", func(t *testing.T) {
		d.post("c2", "Eva", fine, at+"/a-again")
		d.exec(`UPDATE flags SET why = 'failed', category = 'threat', severity = 90 WHERE closed_at = 0`)
		d.again()
		if k := d.of("c2"); k.Flag.Why != moderation.Failed || k.Flag.Category != rules.Threat || k.Flag.Severity != 90 || len(k.Earlier) != 1 {
			t.Errorf("%+v %+v", k.Flag, k.Earlier)
		}
	})
	t.Run("what the bot hides", func(t *testing.T) {
		k := d.post("c3", "Ulf", insult, at+"/a-again")
		if k.State != moderation.Hidden || k.Flag != nil || len(k.Earlier) == 0 {
			t.Errorf("%s %+v %+v", k.State, k.Flag, k.Earlier)
		}
	})
	t.Run("what a person has let stand", func(t *testing.T) {
		d.decide(d.post("c4", "Per", fine, at+"/a-again"), moderation.Allow)
		d.settle()
		d.again()
		if k := d.of("c4"); k.Flag != nil {
			t.Errorf("%+v", k.Flag)
		}
	})
	t.Run("our own", func(t *testing.T) {
		e := d.write("c5", "Region Stockholm", fine)
		e.Comment.Own, e.Comment.Attachments = true, []platforms.Attachment{{Kind: "photo", URL: at + "/a"}}
		d.tell(d.put(e.Comment, platforms.Added))
		if k := d.of("c5"); k.Flag != nil || len(k.Earlier) != 0 {
			t.Errorf("%+v %+v", k.Flag, k.Earlier)
		}
	})
	d.verify()
}

// TestPicturesFromBefore: what was kept before anyone looked at pictures is looked at when the program starts, and what was being looked at
// when it died.
func TestPicturesFromBefore(t *testing.T) {
	at := gallery(t)
	d := sit(t)
	d.decide(d.post("c1", "Bo", fine, at+"/a"), moderation.Hide)
	d.settle()
	d.post("c2", "Eva", fine, at+"/a-again")
	d.stop()
	d.exec(`DELETE FROM picture_prints`)
	d.exec(`UPDATE comment_media SET looked_at = 0`)
	if n := d.number(`SELECT count(*) FROM picture_slots`); n != 0 {
		t.Fatalf("%d slots without a print", n)
	}
	d.exec(`UPDATE flags SET why = 'doubt', severity = 30 WHERE closed_at = 0`)
	d.start()
	d.looked()
	if k := d.of("c2"); k.Flag == nil || k.Flag.Why != moderation.PictureWhy || len(k.Earlier) != 1 {
		t.Errorf("%+v %+v", k.Flag, k.Earlier)
	}
	if n := d.number(`SELECT count(*) FROM picture_prints`); n != 2 {
		t.Errorf("%d prints", n)
	}
}

// TestAPrintGoesWithItsPicture: what is disposed of leaves nothing behind to know it by.
func TestAPrintGoesWithItsPicture(t *testing.T) {
	at := gallery(t)
	d := sit(t)
	k := d.post("c1", "Bo", fine, at+"/a")
	if n := d.number(`SELECT count(*) FROM picture_slots`); n < 16 {
		t.Fatalf("%d slots", n)
	}
	d.decide(k, moderation.Hide)
	d.settle()
	d.exec(`DELETE FROM archive_media`)
	if n := d.number(`SELECT (SELECT count(*) FROM picture_prints) + (SELECT count(*) FROM picture_slots)`); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	d.again() // and what is gone keeps nobody waiting
	if k := d.post("c2", "Eva", fine, at+"/a-again"); len(k.Earlier) != 0 {
		t.Errorf("%+v", k.Earlier)
	}
	if _, err := d.archive.Show(context.Background(), d.of("c1").Record); err != nil && err != archive.ErrNotFound {
		t.Error(err)
	}
}
