package platformtest

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"takhojd/platforms"
)

//go:embed demo/posts.json demo/thread.jsonl
var demoFiles embed.FS

// Thread is a script: posts, and what citizens say under them as time goes by.
type Thread struct {
	Posts  []ThreadPost
	Events []ThreadEvent
}

// ThreadPost is a post of a script.
type ThreadPost struct {
	ID      string             `json:"id"`
	Channel platforms.Platform `json:"channel"`
	Text    string             `json:"text"`
	// CreatedOffset is when it was published, in seconds from the thread's start; negative is before it.
	CreatedOffset float64 `json:"created_offset"`
}

// ThreadEvent is one thing that a citizen does in a script.
type ThreadEvent struct {
	// ID names the comment: new with "add", of an earlier "add" with "edit" and "remove".
	ID       string             `json:"id"`
	Channel  platforms.Platform `json:"channel"`
	Post     string             `json:"post"`
	Parent   string             `json:"parent"`
	Author   string             `json:"author"`
	AuthorID string             `json:"author_id"`
	// OffsetSeconds is when it happens, in seconds from the thread's start.
	OffsetSeconds float64 `json:"offset_seconds"`
	Text          string  `json:"text"`
	// Event is "add", "edit" or "remove".
	Event       string      `json:"event"`
	Attachments photosCount `json:"attachments"`
}

// photosCount reads how many pictures came along: a number, or a list with one entry each. The server draws its own.
type photosCount int

func (p *photosCount) UnmarshalJSON(b []byte) error {
	var list []json.RawMessage
	if json.Unmarshal(b, &list) == nil {
		*p = photosCount(len(list))
		return nil
	}
	var n int
	if err := json.Unmarshal(b, &n); err != nil || n < 0 {
		return errors.New("attachments must be a number or a list")
	}
	*p = photosCount(n)
	return nil
}

// LoadThread reads a script: posts as a JSON array, the thread as one JSON object a line, in the order of time. Its errors
// name the line.
func LoadThread(posts, thread io.Reader) (Thread, error) {
	var t Thread
	if err := json.NewDecoder(posts).Decode(&t.Posts); err != nil {
		return Thread{}, fmt.Errorf("platformtest: read the thread's posts: %w", err)
	}
	known := map[string]string{} // posts by id: channel; comments by id: post
	for i, p := range t.Posts {
		if p.ID == "" || !p.Channel.Valid() || known["post "+p.ID] != "" {
			return Thread{}, fmt.Errorf("platformtest: the thread's post %d: it needs an id of its own and a channel", i+1)
		}
		known["post "+p.ID] = string(p.Channel)
	}
	lines := bufio.NewScanner(thread)
	lines.Buffer(nil, 4<<20)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var e ThreadEvent
		err := json.Unmarshal(lines.Bytes(), &e)
		if err == nil {
			err = e.fits(known)
		}
		if err == nil && len(t.Events) > 0 && e.OffsetSeconds < t.Events[len(t.Events)-1].OffsetSeconds {
			err = errors.New("it is before the line above it")
		}
		if err != nil {
			return Thread{}, fmt.Errorf("platformtest: the thread's line %d: %w", n, err)
		}
		t.Events = append(t.Events, e)
	}
	if err := lines.Err(); err != nil {
		return Thread{}, fmt.Errorf("platformtest: read the thread: %w", err)
	}
	return t, nil
}

// fits checks an event against what came before it.
func (e ThreadEvent) fits(known map[string]string) error {
	post := known["comment "+e.ID]
	switch {
	case e.ID == "":
		return errors.New("it has no id")
	case known["post "+e.Post] == "":
		return fmt.Errorf("there is no post %q", e.Post)
	case e.Event == "add":
		if post != "" {
			return fmt.Errorf("there is a comment %q already", e.ID)
		}
		if e.Parent != "" && known["comment "+e.Parent] != e.Post {
			return fmt.Errorf("it answers %q, which is not a comment on %q before it", e.Parent, e.Post)
		}
		known["comment "+e.ID] = e.Post
		return nil
	case e.Event == "edit" || e.Event == "remove":
		if post != e.Post {
			return fmt.Errorf("there is no comment %q on %q before it", e.ID, e.Post)
		}
		return nil
	}
	return fmt.Errorf("its event is %q, not add, edit or remove", e.Event)
}

// DemoThread is the script of the demonstration: three channels, 8 posts and 263 events in ten minutes.
func DemoThread() (Thread, error) {
	posts, err := demoFiles.ReadFile("demo/posts.json")
	if err != nil {
		return Thread{}, err
	}
	thread, err := demoFiles.ReadFile("demo/thread.jsonl")
	if err != nil {
		return Thread{}, err
	}
	return LoadThread(bytes.NewReader(posts), bytes.NewReader(thread))
}

// PlayOptions is how fast a thread is played. With neither field it is played as fast as the platform takes it.
type PlayOptions struct {
	// Rate is a steady number of events a second, whatever the thread's own times.
	Rate float64
	// Speed is how many of the thread's seconds pass in one of ours; it counts where Rate is 0.
	Speed float64
}

// Play publishes the thread's posts and lets its citizens write, edit and remove, in the thread's order. It returns when the
// last event has happened, which is before its delivery; see [Server.Settled]. What a citizen can no longer do, because the
// page deleted the comment or blocked the author, does not happen, as in life.
//
// Comments are posted at the platform's now; the thread's own ids become their names. A thread is played once on a server.
func (s *Server) Play(ctx context.Context, t Thread, opts PlayOptions) error {
	start := s.world.now()
	for _, p := range t.Posts {
		page, ok := s.world.account(func(a Account) bool { return a.Plays == p.Channel })
		if !ok {
			return fmt.Errorf("platformtest: play: no page plays the channel %q", p.Channel)
		}
		posted := start.Add(time.Duration(p.CreatedOffset * float64(time.Second)))
		if _, err := s.AddPost(Post{Name: p.ID, Account: page.ID, Text: p.Text, Posted: posted}); err != nil {
			return fmt.Errorf("platformtest: play: %w", err)
		}
	}
	began := time.Now()
	for i, e := range t.Events {
		if err := sleepUntil(ctx, began.Add(opts.due(i, e))); err != nil {
			return fmt.Errorf("platformtest: play: stopped before event %d of %d: %w", i+1, len(t.Events), err)
		}
		if err := s.happen(e); err != nil && !errors.Is(err, errNoComment) && !errors.Is(err, errAuthorBlocked) && !errors.Is(err, errClosed) {
			return fmt.Errorf("platformtest: play: event %d: %w", i+1, err)
		}
	}
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	s.world.played = true
	return nil
}

// due is how long after the start the i-th event, counted from 0, happens.
func (o PlayOptions) due(i int, e ThreadEvent) time.Duration {
	switch {
	case o.Rate > 0:
		return time.Duration(float64(i) / o.Rate * float64(time.Second))
	case o.Speed > 0:
		return time.Duration(e.OffsetSeconds / o.Speed * float64(time.Second))
	}
	return 0
}

func (s *Server) happen(e ThreadEvent) error {
	switch e.Event {
	case "add":
		_, err := s.AddComment(Comment{Name: e.ID, Post: e.Post, Parent: e.Parent, AuthorID: e.AuthorID, Author: e.Author,
			Text: e.Text, Photos: int(e.Attachments)})
		return err
	case "edit":
		return s.Edit(e.ID, e.Text)
	case "remove":
		return s.Remove(e.ID)
	}
	return fmt.Errorf("platformtest: an event cannot be %q", e.Event)
}

func sleepUntil(ctx context.Context, at time.Time) error {
	d := time.Until(at)
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
