package moderation_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"takhojd/archive"
	"takhojd/moderation"
	"takhojd/platforms"
)

// A deletion whose answer was lost is ours, not its author's.
func TestADeletionWhoseAnswerWasLost(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Bo", linked))
	lost := false
	d.platform.hook(nil, func(name, _ string) error {
		if name == "delete" && !lost {
			lost = true
			return errors.New("the connection broke off")
		}
		return nil
	})
	d.decide(d.of("c1"), moderation.Delete)
	d.clock.move(11 * time.Second)
	d.settle()
	if k := d.of("c1"); k.State != moderation.Deleted || k.StateBy != "takhojd" {
		t.Errorf("%s by %s", k.State, k.StateBy)
	}
	if full, err := d.archive.Show(context.Background(), d.of("c1").Record); err != nil || !strings.Contains(string(full.Entries[len(full.Entries)-1].Body), `"already"`) {
		t.Errorf("%v", err)
	}
}

// A picture that was had when the comment was flagged, and is gone when a person hides it, is in the record.
func TestAPictureHadEarlierIsInTheRecord(t *testing.T) {
	there := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !there {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte("\x89PNG\r\n\x1a\nnot much of a picture"))
	}))
	defer server.Close()
	d := sit(t)
	e := d.write("c1", "Bo", linked)
	e.Comment.Attachments = []platforms.Attachment{{Kind: "photo", URL: server.URL}}
	d.tell(d.put(e.Comment, platforms.Added))
	there = false
	d.decide(d.of("c1"), moderation.Hide)
	d.settle()
	k := d.of("c1")
	full, err := d.archive.Show(context.Background(), k.Record)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range full.Entries {
		if entry.Kind == archive.KindMedia && strings.Contains(string(entry.Body), k.Media[0].SHA256) && k.Media[0].SHA256 != "" {
			d.verify()
			return
		}
	}
	t.Errorf("the record does not name the picture that we hold: %+v", k.Media)
}
