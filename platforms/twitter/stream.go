package twitter

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	//lint:ignore SA1019 nobody develops it any more; its reading of streams works, within the bounds below
	gotwitter "github.com/dghubble/go-twitter/twitter"
)

const (
	// silence is how long a living stream says nothing: a keep-alive comes every 20 seconds. After it the connection is dead.
	silence = 25 * time.Second
	// maxMessage is the most bytes of one message.
	maxMessage = 4 << 20
	// maxRefusal is how much of a refusal to open a stream is read.
	maxRefusal = 64 << 10
)

// What ends a stream that nobody refused.
var (
	errSilent     = errors.New("the stream said nothing, not even that it is alive")
	errEnded      = errors.New("the platform ended the stream")
	errTooLarge   = fmt.Errorf("a message of more than %d bytes", maxMessage)
	errOneRequest = errors.New("a stream is one request")
)

// connect opens one stream, hands each message to take, and returns when it has ended: with take's error, the platform's refusal, or why the
// connection broke. heard is true when anything came at all, be it a keep-alive.
//
// It is go-twitter that asks, reads and tells messages apart. What it cannot be trusted with is kept from it by the transport that it is
// given (oneStream): it would ask a host that is no more, wait for ever on a dead connection, close Messages without a word on a 401, try
// again at once and without end when a stream ends, and turn a message into a map whose bytes are lost. Its Stop deadlocks on an error
// that nobody has read and races with its own goroutine, so it is never called: Messages is read until it closes, and it closes when the
// transport refuses a second request.
func (a *Account) connect(ctx context.Context, path string, take func([]byte) error) (heard bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t := &oneStream{account: a, ctx: ctx, cancel: cancel, address: a.cfg.BaseURL + path}
	stream, err := gotwitter.NewClient(&http.Client{Transport: t}).Streams.Filter(&gotwitter.StreamFilterParams{})
	if err != nil {
		return false, fmt.Errorf("open the stream: %w", err)
	}
	demux := gotwitter.NewSwitchDemux()
	var refused error
	demux.Other = func(message any) {
		raw, ok := unwrap(message)
		if !ok || refused != nil {
			return // go-twitter's word for an error that the transport knows better, or a message after the one that was refused
		}
		if refused = take(raw); refused != nil {
			cancel(refused)
		}
	}
	demux.HandleChan(stream.Messages)
	// Messages is closed: go-twitter's goroutine has ended, and what it wrote through the transport can be read.
	switch cause := context.Cause(ctx); {
	case refused != nil:
		return t.heard, refused
	case cause != nil:
		return t.heard, cause
	case t.err != nil:
		return t.heard, t.err
	}
	return t.heard, errEnded
}

// oneStream is the transport of one stream.
type oneStream struct {
	account *Account
	ctx     context.Context
	cancel  context.CancelCauseFunc
	address string
	// What came of it. They are written by go-twitter's goroutine.
	asked, heard bool
	err          error
}

// RoundTrip answers go-twitter's first request with the stream that was meant, and refuses all others.
func (t *oneStream) RoundTrip(*http.Request) (*http.Response, error) {
	if t.asked {
		return nil, errOneRequest
	}
	t.asked = true
	req, err := http.NewRequestWithContext(t.ctx, http.MethodGet, t.address, nil)
	if err != nil {
		t.err = withoutAddress(err)
		return nil, t.err
	}
	watch := &watch{cancel: func() { t.cancel(errSilent) }}
	watch.begin()
	res, err := t.account.stream.RoundTrip(req)
	watch.end()
	if err != nil {
		t.err = withoutAddress(err)
		return nil, t.err
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		body, _ := io.ReadAll(io.LimitReader(res.Body, maxRefusal)) // what came is enough to judge by
		if t.err = judge(res.StatusCode, res.Header, body, t.account.cfg.Now()); t.err == nil {
			t.err = &APIError{Status: res.StatusCode, Kind: "no stream"}
		}
		return nil, t.err
	}
	res.Body = &wrapping{transport: t, body: res.Body, lines: bufio.NewReader(&watched{res.Body, watch, t})}
	return res, nil
}

// watch ends a connection that says nothing for too long. It looks only while somebody waits for bytes: a sink that takes its time is no
// fault of the platform's.
type watch struct {
	cancel func()
	mu     sync.Mutex
	timer  *time.Timer
}

func (w *watch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(silence, w.cancel)
}

func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
}

// watched is a body that is watched while it is read.
type watched struct {
	body      io.Reader
	watch     *watch
	transport *oneStream
}

func (w *watched) Read(p []byte) (int, error) {
	w.watch.begin()
	n, err := w.body.Read(p)
	w.watch.end()
	if n > 0 {
		w.transport.heard = true
	}
	if err != nil && err != io.EOF {
		w.transport.err = withoutAddress(err)
	}
	return n, err
}

// wrapping is a stream's body as go-twitter is to see it: each message wrapped whole into an object that go-twitter knows nothing of, and so
// hands on as it is, with every byte that the platform sent. Keep-alives pass.
type wrapping struct {
	transport *oneStream
	body      io.Closer
	lines     *bufio.Reader
	pending   []byte
}

func (w *wrapping) Read(p []byte) (int, error) {
	if len(w.pending) == 0 {
		line, err := readMessage(w.lines)
		if err != nil {
			if w.transport.err == nil && err != io.EOF {
				w.transport.err = err
			}
			return 0, err
		}
		w.pending = wrap(line)
	}
	n := copy(p, w.pending)
	w.pending = w.pending[n:]
	return n, nil
}

func (w *wrapping) Close() error { return w.body.Close() }

// readMessage reads to the next \r\n, and returns what stands before it: nothing, for a keep-alive. A message that the connection's end cuts
// off is none.
func readMessage(lines *bufio.Reader) ([]byte, error) {
	var message []byte
	for {
		part, err := lines.ReadSlice('\n')
		if len(message)+len(part) > maxMessage {
			return nil, errTooLarge
		}
		message = append(message, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil:
			return nil, err
		case bytes.HasSuffix(message, []byte("\r\n")):
			return message[:len(message)-2], nil
		}
	}
}

// envelope is the key of a wrapped message.
const envelope = "takhojd"

func wrap(message []byte) []byte {
	if len(bytes.TrimSpace(message)) == 0 {
		return []byte("\r\n")
	}
	return []byte(`{"` + envelope + `":"` + base64.StdEncoding.EncodeToString(message) + "\"}\r\n")
}

// unwrap gives a message's bytes back.
func unwrap(message any) ([]byte, bool) {
	m, _ := message.(map[string]any)
	text, ok := m[envelope].(string)
	if !ok {
		return nil, false
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	return raw, err == nil
}
