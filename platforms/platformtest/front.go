package platformtest

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"takhojd/platforms"
)

// front is one platform as the outside meets it: how it names things, and how it tells of what happens. What is called with the
// world locked must not wait for anything.
type front interface {
	// postID and commentID name the n-th post and comment as the platform's ids look. The world is locked.
	postID(a Account, n int) string
	commentID(post *Post, c Comment, n int) string
	// happened is told of every change of a comment on one of the platform's accounts, by the world's verb: "add", "edited",
	// "remove", "hide" or "unhide". The world is locked.
	happened(c *CommentState, verb string)
	// delivery is what one POST to the webhook holds, signed.
	delivery(account string, at time.Time, changes []json.RawMessage, forged bool) (body []byte, header http.Header)
	// handshake asks the webhook at address to prove that it is ours.
	handshake(ctx context.Context, client *http.Client, address string) error
}

// newFronts makes the platforms that a server speaks for.
func newFronts(s *Server) map[platforms.Platform]front {
	graph := graphFront{s}
	return map[platforms.Platform]front{platforms.Facebook: graph, platforms.Instagram: instagramFront{graph}, platforms.Bluesky: newBlueskyFront(s),
		platforms.X: newXFront(s)}
}

// exchange is a call of any platform's API: what is asked, and how that platform answers and refuses.
type exchange struct {
	entry Call
	// answer does what is asked, or refuses. It is called once at most. log is the call's entry in the log.
	answer func(log *Call) answer
	// refuse puts a fault into the platform's words; ok is false where the platform has none for it.
	refuse func(f Faults, r Refusal) (refusal answer, ok bool)
	// dress adds the headers that every answer of the platform has. It may be nil.
	dress func(http.Header, Faults)
}

// answer is what the platform says to a call.
type answer struct {
	status int
	header http.Header
	body   []byte
	// result is for the log: "ok" or "error …". Only what is "ok" took effect.
	result string
}

// serve takes a call, meets its faults and executes it.
//
// The log has it before anything is done, so that what was asked is known even where we never answer.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, x exchange) {
	log := s.world.receive(x.entry)
	if s.opts.OnCall != nil {
		entry := x.entry
		entry.N, entry.At = log.N, log.At
		s.opts.OnCall(entry)
	}
	f, n, key := s.chance.call(x.entry.Action, x.entry.Comment)
	if x.dress != nil {
		x.dress(w.Header(), f)
	}
	if !s.delay(r, time.Duration(f.LatencyMS)*time.Millisecond) || s.faultBefore(w, r, x, log, f, n, key) {
		return
	}
	if x.entry.Action == "hide" && s.chance.throw(f.RemoveBeforeHide, "remove before hide", key) {
		_ = s.Remove(x.entry.Comment) // gone already is as good
	}
	a := x.answer(log)
	switch {
	case a.result != "ok":
	case s.chance.throw(f.TimeoutAfter, "timeout after", key):
		s.world.finish(log, 0, "timeout after", true)
		s.hang(r, f)
	case s.chance.throw(f.HalfBody, "half body", key):
		s.world.finish(log, a.status, "half body", true)
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body[:len(a.body)/2])
		panic(http.ErrAbortHandler) // net/http's way to break off
	}
	s.say(w, log, a)
}

// say answers, and writes into the log how the call went.
func (s *Server) say(w http.ResponseWriter, log *Call, a answer) {
	s.world.finish(log, a.status, a.result, a.result == "ok")
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// faultBefore meets the faults that keep a call from being executed, and tells whether it met one.
func (s *Server) faultBefore(w http.ResponseWriter, r *http.Request, x exchange, log *Call, f Faults, n int, key string) bool {
	switch {
	case s.chance.throw(f.HTTP500, "500", key):
		s.say(w, log, answer{status: http.StatusInternalServerError, body: []byte("{}"), result: "http 500"})
		return true
	case s.chance.throw(f.HTTP429, "429", key):
		s.say(w, log, answer{status: http.StatusTooManyRequests, body: []byte("{}"), result: "http 429"})
		return true
	case s.chance.throw(f.Timeout, "timeout", key):
		s.world.finish(log, 0, "timeout", false)
		s.hang(r, f)
	}
	for i, e := range f.Errors {
		if !e.hit(n, x.entry.Action) || e.Share != 0 && !s.chance.throw(e.Share, "error "+strconv.Itoa(i), key) {
			continue
		}
		if refusal, ok := x.refuse(f, e); ok {
			s.say(w, log, refusal)
			return true
		}
	}
	return false
}

// hang says nothing for a while and then closes the connection.
func (s *Server) hang(r *http.Request, f Faults) {
	s.delay(r, f.hang())
	panic(http.ErrAbortHandler) // net/http's way to break off
}

// delay waits, and tells whether the caller is still there.
func (s *Server) delay(r *http.Request, d time.Duration) bool {
	if d == 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
	case <-s.ctx.Done():
	}
	return false
}
