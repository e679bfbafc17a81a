package twitter

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"takhojd/platforms"
)

// These tests run in a bubble where time passes only when everybody waits: twenty silent seconds take none. So the platform is a
// RoundTripper here, without a network.

var testChannel = platforms.Channel{ID: "x", Platform: platforms.X, Account: "1400000000000000001"}

// streamed is a platform that plays a script of stream connections, one after the other; every other call it takes well.
type streamed struct {
	mu      sync.Mutex
	began   time.Time
	script  []connection
	opened  []time.Duration // when each connection was asked for, since the beginning
	paths   []string
	asked   []string
	changes []string
}

// connection is how the platform answers one request for a stream.
type connection struct {
	fail   error
	status int
	header http.Header
	body   string // a refusal's
	// say writes to the stream; when it returns the stream ends.
	say func(w io.Writer)
	// hang keeps the stream open, and silent, after say.
	hang bool
}

func (s *streamed) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := r.Header.Get("Authorization"); got != "Bearer the-bearer" {
		return nil, fmt.Errorf("authorized by %q", got)
	}
	answer := func(status int, body string) *http.Response {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}
	}
	if !strings.HasSuffix(r.URL.Path, "/stream") {
		s.asked = append(s.asked, r.Method+" "+r.URL.Path)
		if r.Body != nil {
			b, _ := io.ReadAll(r.Body)
			s.changes = append(s.changes, string(b))
		}
		if r.URL.Path == "/2/users/"+testChannel.Account {
			return answer(200, `{"data":{"id":"1400000000000000001","name":"Regionen","username":"regionen"}}`), nil
		}
		return answer(200, `{"data":[{"id":"77","value":"gammal","tag":"takhojd:1400000000000000001"},{"id":"78","value":"annans","tag":"annat"}],"meta":{}}`), nil
	}
	s.opened, s.paths = append(s.opened, time.Since(s.began)), append(s.paths, r.URL.Path)
	c := connection{say: alive}
	if len(s.opened) <= len(s.script) {
		c = s.script[len(s.opened)-1]
	}
	switch {
	case c.fail != nil:
		return nil, c.fail
	case c.status != 0:
		res := answer(c.status, c.body)
		if c.header != nil {
			res.Header = c.header
		}
		return res, nil
	}
	reader, writer := io.Pipe()
	go func() {
		if c.say != nil {
			c.say(writer)
		}
		if c.hang {
			<-r.Context().Done()
		}
		_ = writer.CloseWithError(io.EOF)
	}()
	context.AfterFunc(r.Context(), func() { _ = reader.CloseWithError(r.Context().Err()) })
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: reader, Request: r}, nil
}

// alive says for a day that it is alive, if anybody listens.
func alive(w io.Writer) {
	for range 24 * 180 {
		if _, err := io.WriteString(w, "\r\n"); err != nil {
			return
		}
		time.Sleep(20 * time.Second)
	}
}

func (s *streamed) times() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.opened)
}

// listening starts an account that listens to a script.
func listening(t *testing.T, sink func(context.Context, []platforms.Event) error, script ...connection) (*streamed, chan error) {
	t.Helper()
	s := &streamed{began: time.Now(), script: script}
	a, err := NewAccount(Config{AccessToken: "a", Bearer: "the-bearer", Channel: testChannel, HTTPClient: &http.Client{Transport: s},
		Stream: map[string]platforms.Channel{testChannel.Account: testChannel}})
	if err != nil {
		t.Fatal(err)
	}
	if sink == nil {
		sink = func(context.Context, []platforms.Event) error { return nil }
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Listen(ctx, sink) }()
	t.Cleanup(func() {
		cancel()
		time.Sleep(time.Minute) // of the bubble's time: what writes to streams sees that nobody listens
	})
	return s, ended
}

func reply(id, text string) string {
	b, _ := json.Marshal(map[string]any{"data": map[string]any{"event_type": "post.reply.create", "filter": map[string]string{"user_id": testChannel.Account},
		"payload": map[string]any{"id": id, "text": text, "author_id": "7", "conversation_id": "5", "created_at": "2026-11-22T10:00:00.000Z"}}})
	return string(b) + "\r\n"
}

func say(parts ...string) func(io.Writer) {
	return func(w io.Writer) {
		for _, p := range parts {
			_, _ = io.WriteString(w, p)
		}
	}
}

// TestListenPace holds the reconnects against what X asks for.
func TestListenPace(t *testing.T) {
	down := connection{fail: errors.New("connection refused")}
	busy := connection{status: 503, body: `{"title":"Service Unavailable","status":503}`}
	limited := connection{status: 429, body: `{"title":"Too Many Requests","status":429}`}
	works := connection{say: say("\r\n")}
	many := func(c connection, n int) []connection { return slices.Repeat([]connection{c}, n) }
	ms := func(n ...int) (d []time.Duration) {
		for _, n := range n {
			d = append(d, time.Duration(n)*time.Millisecond)
		}
		return d
	}
	for name, c := range map[string]struct {
		script []connection
		want   []time.Duration // the pauses between connections
	}{
		"a stream that ends, at once":   {many(works, 4), ms(0, 0, 0, 0)},
		"the network, a little more":    {many(down, 4), ms(250, 500, 750, 1000)},
		"the network, at most 16 s":     {many(down, 66), append(append(ms(), rising(64)...), 16*time.Second, 16*time.Second)},
		"HTTP errors, doubled to 320 s": {many(busy, 8), ms(5000, 10000, 20000, 40000, 80000, 160000, 320000, 320000)},
		"429, doubled from a minute":    {many(limited, 5), ms(60000, 120000, 240000, 480000, 900000)},
		"success sets back":             {[]connection{busy, busy, works, down, works, limited}, ms(5000, 10000, 0, 250, 0, 60000)},
		"an empty stream is a fault":    {many(connection{}, 3), ms(250, 500, 750)},
		"the platform hangs up":         {many(connection{say: say(`{"errors":[{"title":"operational-disconnect","type":"https://api.twitter.com/2/problems/operational-disconnect"}]}` + "\r\n")}, 2), ms(5000, 5000)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := listening(t, nil, c.script...)
				time.Sleep(3 * time.Hour) // of the bubble's time
				synctest.Wait()
				opened := s.times()
				if len(opened) != len(c.script)+1 {
					t.Fatalf("%d connections, want %d", len(opened), len(c.script)+1)
				}
				for i, want := range c.want {
					if got := opened[i+1] - opened[i]; got != want {
						t.Errorf("after connection %d it waited %v, want %v", i+1, got, want)
					}
				}
			})
		})
	}
}

func rising(n int) (d []time.Duration) {
	for i := 1; i <= n; i++ {
		d = append(d, time.Duration(i)*250*time.Millisecond)
	}
	return d
}

// TestListenSilence: a stream that says nothing is left, one that says that it lives is not, and a slow sink is no silence.
func TestListenSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tenMinutes := func(w io.Writer) {
			for range 30 {
				_, _ = io.WriteString(w, "\r\n")
				time.Sleep(20 * time.Second)
			}
		}
		s, _ := listening(t, nil, connection{say: tenMinutes, hang: true})
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := len(s.times()); n != 1 {
			t.Fatalf("%d connections while the stream was alive, want 1", n)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if opened := s.times(); len(opened) != 2 || opened[1] < 10*time.Minute || opened[1] > 10*time.Minute+10*time.Second {
			t.Errorf("connections at %v, want a second one 25 s after the last sign of life", opened)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		var heard []string
		slow := func(_ context.Context, events []platforms.Event) error {
			time.Sleep(5 * time.Minute)
			heard = append(heard, events[0].Comment.Text)
			return nil
		}
		s, _ := listening(t, slow, connection{say: func(w io.Writer) { say(reply("1", "Ett"), reply("2", "Två"))(w); alive(w) }})
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		if len(s.times()) != 1 || !slices.Equal(heard, []string{"Ett", "Två"}) {
			t.Errorf("%d connections, heard %v", len(s.times()), heard)
		}
	})
}

// TestListenGivesUp: with a dead token, and where the app may have neither stream, a person must act.
func TestListenGivesUp(t *testing.T) {
	dead := connection{status: 401, body: `{"title":"Unauthorized","type":"about:blank","status":401}`}
	forbidden := connection{status: 403, body: `{"title":"Forbidden","type":"about:blank","status":403}`}
	for name, c := range map[string]struct {
		script []connection
		want   error
		paths  []string
	}{
		"a dead token":   {[]connection{dead}, platforms.ErrTokenDead, []string{"/2/activity/stream"}},
		"neither stream": {[]connection{forbidden, forbidden}, platforms.ErrNotPermitted, []string{"/2/activity/stream", "/2/tweets/search/stream"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, ended := listening(t, nil, c.script...)
				if err := <-ended; !errors.Is(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
				if !slices.Equal(s.paths, c.paths) {
					t.Errorf("it asked for %v, want %v", s.paths, c.paths)
				}
			})
		})
	}
}

// TestListenFiltered: where the activity stream is not to be had, the filtered one is, with rules of ours and without those of old.
func TestListenFiltered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		message := `{"data":{"id":"9","text":"Hej &amp; hå","author_id":"7","conversation_id":"5","created_at":"2026-11-22T10:00:00.000Z"},` +
			`"includes":{"users":[{"id":"7","name":"Anna","username":"anna"}]},"matching_rules":[{"id":"1","tag":"takhojd:1400000000000000001"}]}` + "\r\n"
		var events []platforms.Event
		sink := func(_ context.Context, e []platforms.Event) error { events = append(events, e...); return nil }
		s, _ := listening(t, sink, connection{status: 403, body: `{"title":"Forbidden"}`}, connection{say: say(message), hang: true})
		synctest.Wait()
		if len(events) != 1 || events[0].Comment.Text != "Hej & hå" || events[0].Comment.Author.Name != "Anna" || events[0].Incomplete || events[0].Via != "stream" {
			t.Errorf("heard %+v", events)
		}
		want := []string{`{"delete":{"ids":["77"]}}`, `{"add":[{"tag":"takhojd:1400000000000000001","value":"(to:regionen OR @regionen) -is:retweet"}]}`}
		if got := s.changes[len(s.changes)-2:]; !slices.Equal(got, want) {
			t.Errorf("the rules were changed by %v, want %v", got, want)
		}
	})
}

// TestListenWhole: what the platform says arrives byte for byte, whatever go-twitter would make of it, and what is cut off does not arrive.
func TestListenWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		odd := `{"data":{"event_type":"post.reply.create","filter":{"user_id":"1400000000000000001"},"payload":{"id":"1899999999999999999",` + "\n" +
			`"text":"Hej","author_id":"7","conversation_id":"5","created_at":"2026-11-22T10:00:00.000Z","big":12345678901234567890}},"event":"x","delete":{}}`
		var events []platforms.Event
		sink := func(_ context.Context, e []platforms.Event) error { events = append(events, e...); return nil }
		s, _ := listening(t, sink, connection{say: say("\r\n", odd, "\r\n", "no json\r\n", "[1]\r\n", reply("2", "Två"), `{"data":{"event_type":"post.rep`)})
		synctest.Wait()
		if len(events) != 2 || string(events[0].Raw) != odd || events[0].Comment.Ref.Comment != "1899999999999999999" || events[1].Comment.Text != "Två" {
			t.Errorf("heard %d events, the first raw as %s", len(events), events[0].Raw)
		}
		if len(s.times()) != 2 {
			t.Errorf("%d connections, want 2", len(s.times()))
		}
	})
}

// TestListenNotKept: what the sink refuses ends the connection, and is not asked for again at once.
func TestListenNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := 0
		sink := func(context.Context, []platforms.Event) error {
			if took++; took == 1 {
				return errors.New("the disk is full")
			}
			return nil
		}
		c := connection{say: say(reply("1", "Ett"), reply("2", "Två")), hang: true}
		s, ended := listening(t, sink, c, c)
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if opened := s.times(); len(opened) != 2 || opened[1] != 5*time.Second || took != 3 {
			t.Errorf("connections at %v, %d taken; want a second after 5 s, and 3", opened, took)
		}
		if len(ended) != 0 {
			t.Error("listening ended")
		}
	})
}

// FuzzStream reads any bytes as a stream: nothing panics, and no message is larger than it may be.
func FuzzStream(f *testing.F) {
	f.Add([]byte("\r\n\r\n" + reply("1", "Ett")))
	f.Add([]byte("{\"a\":\n1}\r\n{}"))
	f.Add([]byte("\r\r\n\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		w := &wrapping{transport: &oneStream{}, lines: bufio.NewReader(bytes.NewReader(b))}
		read, err := io.ReadAll(w)
		if err != nil {
			t.Fatal(err)
		}
		var got [][]byte
		for _, line := range bytes.Split(read, []byte("\r\n")) {
			var m map[string]any
			if len(line) > 0 && json.Unmarshal(line, &m) != nil {
				t.Fatalf("go-twitter would be given %q", line)
			}
			if raw, ok := unwrap(m); ok {
				got = append(got, raw)
			}
		}
		var want [][]byte
		parts := bytes.Split(b, []byte("\r\n"))
		for _, p := range parts[:len(parts)-1] {
			if len(bytes.TrimSpace(p)) > 0 {
				want = append(want, p)
			}
		}
		if !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("%q was read as %q", b, got)
		}
	})
}
