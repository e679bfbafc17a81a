package twitter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dghubble/oauth1"
	"go.uber.org/zap"

	"takhojd/platforms"
)

const (
	// maxAnswer is the most bytes of an answer that are read: a page of 100 posts of 60,000 characters, named twice, fits.
	maxAnswer = 64 << 20
)

func transportOf(c *http.Client) http.RoundTripper {
	if c.Transport != nil {
		return c.Transport
	}
	return http.DefaultTransport
}

// authorized is base with a transport that proves who calls. It follows no redirects: the API has none, and one would carry the proof
// elsewhere.
func authorized(base *http.Client, transport http.RoundTripper) *http.Client {
	return &http.Client{Timeout: base.Timeout, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// userTransport proves that the account calls: by OAuth 1.0a, or with an OAuth 2.0 user token.
func userTransport(cfg Config) http.RoundTripper {
	base := transportOf(cfg.HTTPClient)
	if cfg.AccessSecret == "" {
		return bearer{token: cfg.AccessToken, base: base}
	}
	ctx := context.WithValue(context.Background(), oauth1.HTTPClient, &http.Client{Transport: base})
	signing := oauth1.NewConfig(cfg.ConsumerKey, cfg.ConsumerSecret)
	return signing.Client(ctx, oauth1.NewToken(cfg.AccessToken, cfg.AccessSecret)).Transport
}

// bearer shows a token with every request.
type bearer struct {
	token string
	base  http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.base.RoundTrip(r)
}

// call is what is asked of the API.
type call struct {
	// action names it in metrics and errors; limit is the endpoint that it is counted with.
	action, limit string
	method, path  string
	query         url.Values
	body          any
	// app is true where the app asks, not the account.
	app bool
	// header, where it is not nil, takes the answer's.
	header *http.Header
}

// call makes one call and returns the answer's JSON. Errors are platforms' or plain; they never hold the address, for it may hold what
// somebody wrote.
func (a *Account) call(ctx context.Context, c call) ([]byte, error) {
	if c.limit == "" {
		c.limit = c.action
	}
	err := a.limits.take(c.limit, a.cfg.Now())
	var body []byte
	if err == nil {
		if c.limit == hideLimit {
			a.share(ctx) // before it leaves: whoever goes on after us must know of it
		}
		body, err = a.exchange(ctx, c)
	}
	a.cfg.Metrics.calls.WithLabelValues(a.cfg.Channel.ID, c.action, platforms.Outcome(err)).Inc()
	if c.limit == hideLimit {
		a.cfg.Metrics.hides.WithLabelValues(a.cfg.Channel.ID).Set(float64(a.limits.left(a.cfg.Now())))
	}
	if err != nil {
		return nil, fmt.Errorf("twitter: %s: %w", c.action, err)
	}
	return body, nil
}

// exchange sends a call, reads the whole answer and judges it.
func (a *Account) exchange(ctx context.Context, c call) ([]byte, error) {
	client := a.user
	if c.app {
		client = a.app
	}
	if client == nil {
		return nil, fmt.Errorf("there is no bearer token: %w", platforms.ErrNotPermitted)
	}
	var sent atomic.Int32
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Add(1) }})
	req, err := a.request(ctx, c)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, withoutAddress(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
	}
	if err != nil {
		return nil, fmt.Errorf("read the answer (HTTP %d): %w", res.StatusCode, withoutAddress(err))
	}
	if c.header != nil {
		*c.header = res.Header
	}
	now := a.cfg.Now()
	a.limits.told(c.limit, res.Header, now)
	err = judge(res.StatusCode, res.Header, body, now)
	if errors.Is(err, platforms.ErrTokenDead) && sent.Load() > 1 {
		// net/http sends a reading call again, as it was signed, when a connection breaks. The platform takes a signature once.
		return nil, errors.New("the connection broke, and the call was sent twice with one signature")
	}
	var wait *platforms.RetryAfterError
	if errors.As(err, &wait) {
		a.limits.block(c.limit, wait.At)
		a.cfg.Log.Warn("twitter: throttled", zap.String("channel", a.cfg.Channel.ID), zap.String("action", c.action), zap.Time("until", wait.At))
	}
	return body, err
}

func (a *Account) request(ctx context.Context, c call) (*http.Request, error) {
	address := a.cfg.BaseURL + c.path
	if len(c.query) > 0 {
		address += "?" + strings.ReplaceAll(c.query.Encode(), "+", "%20")
	}
	var body io.Reader
	if c.body != nil {
		encoded, err := json.Marshal(c.body)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		body = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, c.method, address, body)
	if err != nil {
		return nil, withoutAddress(err)
	}
	req.Header.Set("Accept", "application/json")
	if c.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// withoutAddress takes an error of net/http apart: its text holds the whole address.
func withoutAddress(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		err = e.Err
	}
	return fmt.Errorf("reach the platform: %w", err)
}

// APIError is what X says when it refuses, as it says it.
type APIError struct {
	// Status is the HTTP status.
	Status int
	// Kind is the last part of the problem's type, such as resource-not-found; Title is its title. Code is the number that older parts of
	// the API give instead.
	Kind, Title string
	Code        int
}

// Error leaves out the API's detail: it quotes what was sent.
func (e *APIError) Error() string {
	return fmt.Sprintf("X says %q (%s, code %d, HTTP %d)", e.Title, e.Kind, e.Code, e.Status)
}

// problem is a refusal in X's words, in any of its shapes.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Code   int    `json:"code"`
	Reason string `json:"reason"`
}

// judge decides what an answer was: nil for what was asked for. A post that is not there is told with HTTP 200, in errors beside no data.
func judge(status int, header http.Header, body []byte, now time.Time) error {
	var a struct {
		problem
		Data   json.RawMessage `json:"data"`
		Errors []problem       `json:"errors"`
	}
	good := status >= 200 && status < 300
	if b := bytes.TrimSpace(body); len(b) == 0 || b[0] != '{' || !json.Valid(b) {
		if !good {
			return classify(&APIError{Status: status, Kind: "no JSON"}, header, now)
		}
		return fmt.Errorf("the answer is no JSON object (HTTP %d, %d bytes)", status, len(body))
	}
	// A value of a type that does not fit leaves its field empty: an error of an unknown shape is still an error.
	_ = json.Unmarshal(body, &a)
	if good && (len(a.Errors) == 0 || len(a.Data) > 0 && string(a.Data) != "null") {
		return nil
	}
	p := a.problem
	if len(a.Errors) > 0 && (good || p.Type == "" || p.Type == "about:blank") {
		p = a.Errors[0]
	}
	e := &APIError{Status: status, Kind: plain(p.Type[strings.LastIndexByte(p.Type, '/')+1:]), Title: plain(p.Title), Code: p.Code}
	return classify(e, header, now)
}

// plain keeps the platform's own words and nothing that somebody may have put into them.
func plain(word string) string {
	word = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == ':' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, word)
	return word[:min(len(word), 60)]
}

// classify gives a refusal the meaning that moderation acts on.
func classify(e *APIError, header http.Header, now time.Time) error {
	switch {
	case e.Status == http.StatusPaymentRequired, e.Kind == "usage-capped":
		// The app's credits are spent. Nothing is wrong with what was asked: it waits until somebody has paid.
		return &platforms.RetryAfterError{At: later(header, now, window), Err: e}
	case e.Status == http.StatusTooManyRequests, e.Code == 88:
		return &platforms.RetryAfterError{At: later(header, now, pauseUntold), Err: e}
	case e.Status == http.StatusUnauthorized, e.Code == 32, e.Code == 89:
		return fmt.Errorf("%w: %w", platforms.ErrTokenDead, e)
	case e.Kind == "resource-not-found", e.Code == 144, e.Code == 34:
		return fmt.Errorf("%w: %w", platforms.ErrGone, e)
	case e.Status == http.StatusForbidden, strings.HasPrefix(e.Kind, "not-authorized"):
		return fmt.Errorf("%w: %w", platforms.ErrNotPermitted, e)
	}
	return e
}

// later is when the platform takes calls again, by its headers, or after a pause where they tell nothing of use.
func later(h http.Header, now time.Time, pause time.Duration) time.Time {
	if at := spentUntil(h, now); !at.IsZero() {
		return at
	}
	if s, err := strconv.Atoi(h.Get("Retry-After")); err == nil && s > 0 && time.Duration(s)*time.Second < longestWait {
		return now.Add(time.Duration(s) * time.Second)
	}
	return now.Add(pause)
}
