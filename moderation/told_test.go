package moderation_test

import (
	"testing"

	"takhojd/moderation/store"
	"takhojd/platforms"
)

// TestTakenAsTold: what we were told, but may not read again, is judged and kept as it was told. What we know too little of is not.
func TestTakenAsTold(t *testing.T) {
	d := sit(t)
	d.platform.hook(refuses("fetch", platforms.ErrNotPermitted), nil)
	told, untold := d.write("c1", "Anna", fine), d.write("c2", "Bo", "")
	d.remove("c1") // so that reading the channel in full does not find them
	d.remove("c2")
	told.Incomplete, untold.Incomplete = true, true
	told.Comment.Author.Name = ""
	for _, e := range []platforms.Event{told, untold} {
		if err := d.Receive(t.Context(), []platforms.Event{e}); err != nil {
			t.Fatal(err)
		}
	}
	judged := func(id string) (n int) {
		err := d.db.View(t.Context(), func(tx *store.Tx) error {
			return tx.QueryRow(`SELECT count(*) FROM decisions d JOIN comments c ON c.id = d.comment WHERE c.comment_id = $1`, id).Scan(&n)
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	d.eventually("the one that was told whole is judged", func() bool { return judged("c1") == 1 })
	if judged("c2") != 0 {
		t.Error("a comment that nobody has read was judged")
	}
}
