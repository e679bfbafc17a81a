package moderation_test

import (
	"context"
	"testing"
	"time"

	"takhojd/archive"
	"takhojd/platforms"
)

// What is taken from sight is kept, in whatever order we hear of it.
func TestLastWordsAreKept(t *testing.T) {
	kept := func(t *testing.T, d *desk, text, action string) {
		t.Helper()
		found, err := d.archive.List(context.Background(), archive.Query{})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range found {
			if s.Excerpt == text && s.Action == action {
				d.verify()
				return
			}
		}
		t.Errorf("no record of the last words (%d records)", len(found))
	}
	t.Run("the removal is told before the comment", func(t *testing.T) {
		d := sit(t)
		added := d.write("c1", "Bo", linked)
		d.tell(d.remove("c1"), added)
		kept(t, d, linked, "removed")
		if len(d.queue()) != 0 {
			t.Error("what is gone is queued")
		}
	})
	t.Run("gone before its picture was had, and the webhook comes after", func(t *testing.T) {
		d := sit(t)
		e := d.write("c1", "Bo", linked)
		e.Comment.Attachments = []platforms.Attachment{{Kind: "photo", URL: "http://127.0.0.1:1/"}}
		gone := d.remove("c1")
		d.tell(e)
		d.tell(gone)
		kept(t, d, linked, "removed")
	})
	t.Run("edited since its record was made", func(t *testing.T) {
		d := sit(t)
		d.tell(d.write("c1", "Bo", insult))
		d.tell(d.edit("c1", fine))
		d.tell(d.remove("c1"))
		kept(t, d, fine, "removed")
	})
	t.Run("the hide is told before the comment", func(t *testing.T) {
		d := sit(t)
		added := d.write("c1", "Bo", linked)
		d.tell(platforms.Event{Kind: platforms.Hidden, Comment: platforms.Comment{Ref: ref("c1")}, At: d.clock.now(), Via: "webhook"}, added)
		kept(t, d, linked, "hide")
	})
	t.Run("found hidden after a day down", func(t *testing.T) {
		d := sit(t)
		d.stop()
		d.write("c1", "Bo", fine)
		d.platform.mu.Lock()
		c := d.platform.comments["c1"]
		c.Hidden = true
		d.platform.comments["c1"] = c
		d.platform.mu.Unlock()
		d.clock.move(24 * time.Hour)
		d.start()
		d.eventually("caught up", func() bool { return d.records() > 0 || len(d.queue()) > 0 })
		d.settle()
		kept(t, d, fine, "hide")
	})
}
