package bluesky

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"takhojd/platforms"
)

// maxAnswer is the most bytes of an answer that are read: a thread of thousands of replies fits.
const maxAnswer = 64 << 20

// pauseUntold is how long to stay away when the network does not say.
const pauseUntold = time.Minute

// request is one call, to be made once.
type request struct {
	action string // for metrics and errors
	kind   string // "session", "read" or "write": the network counts them apart
	method string
	server string
	name   string // the method's name in the protocol, such as app.bsky.feed.getPosts
	query  url.Values
	body   any // JSON; nil for none
	token  string
}

// query asks; call acts. Both sign in first where that is needed, and once more when the network refuses the session.
func (a *Account) query(ctx context.Context, action, name string, query url.Values) ([]byte, error) {
	return a.signed(ctx, request{action: action, kind: "read", method: http.MethodGet, name: name, query: query})
}

func (a *Account) call(ctx context.Context, action, name string, body any) ([]byte, error) {
	return a.signed(ctx, request{action: action, kind: "write", method: http.MethodPost, name: name, body: body})
}

func (a *Account) signed(ctx context.Context, r request) ([]byte, error) {
	var spent *session
	for {
		s, err := a.signIn(ctx, spent)
		if err != nil {
			return nil, err
		}
		r.server, r.token = s.server, s.access
		body, err := a.exchange(ctx, r)
		var refusal *XRPCError
		if spent != nil || !errors.Is(err, platforms.ErrTokenDead) || !errors.As(err, &refusal) || refusal.final() {
			return body, err
		}
		spent = s
	}
}

// exchange makes one call and returns the answer. Errors are platforms' or plain; they never hold an address, a token or what was sent.
func (a *Account) exchange(ctx context.Context, r request) ([]byte, error) {
	body, err := a.send(ctx, r)
	a.cfg.Metrics.calls.WithLabelValues(a.cfg.Channel.ID, r.action, outcome(err)).Inc()
	if err != nil {
		return nil, fmt.Errorf("bluesky: %s: %w", r.action, err)
	}
	return body, nil
}

func (a *Account) send(ctx context.Context, r request) ([]byte, error) {
	if at := a.limits.until(r.kind); a.cfg.Now().Before(at) {
		return nil, &platforms.RetryAfterError{At: at, Err: errors.New("the network's calls are spent for now")}
	}
	req, err := r.http(ctx)
	if err != nil {
		return nil, err
	}
	res, err := a.cfg.HTTPClient.Do(req)
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
	now := a.cfg.Now()
	if theirs, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		a.limits.clock(theirs.Sub(now))
	}
	a.heed(r.kind, res.Header, now)
	err = judge(r.method, res.StatusCode, res.Header, body, now)
	var later *platforms.RetryAfterError
	if errors.As(err, &later) {
		a.limits.block(r.kind, later.At)
		a.cfg.Log.Warn("bluesky: throttled", zap.String("channel", a.cfg.Channel.ID), zap.String("kind", r.kind), zap.Time("until", later.At))
	}
	return body, err
}

func (r request) http(ctx context.Context) (*http.Request, error) {
	address := r.server + "/xrpc/" + r.name
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	var content io.Reader
	if r.body != nil {
		b, err := json.Marshal(r.body)
		if err != nil {
			return nil, errors.New("what is to be sent cannot be written as JSON")
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, content)
	if err != nil {
		return nil, errors.New("the call has no address that can be used")
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	req.Header.Set("Accept", "application/json")
	return req, nil
}

// withoutAddress takes an error of net/http apart: its text holds the whole address.
func withoutAddress(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return fmt.Errorf("reach the network: %w", e.Err)
	}
	return fmt.Errorf("reach the network: %w", err)
}

// heed takes in the headers that tell how many calls are left. The personal data server counts writes by the hour; when they are spent, reading
// goes on.
func (a *Account) heed(kind string, h http.Header, now time.Time) {
	remaining, err := strconv.Atoi(h.Get("Ratelimit-Remaining"))
	if err != nil {
		return
	}
	a.cfg.Metrics.remaining.WithLabelValues(a.cfg.Channel.ID, kind).Set(float64(remaining))
	if at := resetAt(h, now); remaining <= 0 && at.After(now) {
		a.limits.block(kind, at)
	}
}

// resetAt is when the network takes calls again, the zero time where it does not say.
func resetAt(h http.Header, now time.Time) time.Time {
	if s, err := strconv.ParseInt(h.Get("Ratelimit-Reset"), 10, 64); err == nil && s > 0 && s < 1<<40 {
		return time.Unix(s, 0).UTC()
	}
	if s, err := strconv.ParseInt(h.Get("Retry-After"), 10, 64); err == nil && s > 0 && s < 1<<30 {
		return now.Add(time.Duration(s) * time.Second)
	}
	return time.Time{}
}

// limits is until when the network wants no calls of each kind, and how far its clock is from ours.
type limits struct {
	mu    sync.Mutex
	after map[string]time.Time
	ahead time.Duration
}

func (l *limits) clock(ahead time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ahead = ahead
}

// clock is the network's, as its last answer told.
func (a *Account) clock() time.Time {
	a.limits.mu.Lock()
	defer a.limits.mu.Unlock()
	return a.cfg.Now().Add(a.limits.ahead)
}

func (l *limits) until(kind string) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.after[kind]
}

// block keeps calls back until at. It never shortens a wait.
func (l *limits) block(kind string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.after == nil {
		l.after = map[string]time.Time{}
	}
	if at.After(l.after[kind]) {
		l.after[kind] = at
	}
}

// XRPCError is what the network says when it refuses.
type XRPCError struct {
	// Name is the network's own word, such as RecordNotFound; "" where it gave none.
	Name string
	// Status is the HTTP status.
	Status int
	body   []byte
}

// Error leaves out the network's message: it may quote what was sent.
func (e *XRPCError) Error() string {
	return fmt.Sprintf("the network says %s (HTTP %d)", short(e.Name), e.Status)
}

// final tells whether another sign-in would change nothing.
func (e *XRPCError) final() bool {
	switch e.Name {
	case "AccountTakedown", "AccountSuspended", "AccountDeactivated", "AuthFactorTokenRequired":
		return true
	}
	return false
}

// errSwap says that somebody else wrote the record since it was read.
var errSwap = errors.New("the record was written by somebody else meanwhile")

// judge decides what an answer was: nil for what was asked for.
func judge(method string, status int, header http.Header, body []byte, now time.Time) error {
	if status >= 200 && status < 300 {
		if method == http.MethodPost && len(bytes.TrimSpace(body)) == 0 {
			return nil // some procedures say nothing
		}
		if b := bytes.TrimSpace(body); !json.Valid(b) || b[0] != '{' {
			return fmt.Errorf("the answer is no JSON object (HTTP %d, %d bytes)", status, len(body))
		}
		return nil
	}
	var answer struct {
		Error   word `json:"error"`
		Message word `json:"message"`
	}
	_ = json.Unmarshal(body, &answer) // an error of an unknown shape is still an error
	e := &XRPCError{Name: string(answer.Error), Status: status, body: body}
	if status == http.StatusTooManyRequests || e.Name == "RateLimitExceeded" {
		at := resetAt(header, now)
		if !at.After(now) {
			at = now.Add(pauseUntold)
		}
		return &platforms.RetryAfterError{At: at, Err: e}
	}
	if meaning := classify(e, method, string(answer.Message)); meaning != nil {
		return fmt.Errorf("%w: %w", meaning, e)
	}
	return e
}

// classify gives a refusal the meaning that moderation acts on; nil where it is a fault that may pass.
func classify(e *XRPCError, method, message string) error {
	switch e.Name {
	case "RecordNotFound", "NotFound", "RepoNotFound", "RepoTakendown", "RepoDeactivated", "RepoSuspended":
		return platforms.ErrGone
	case "ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired", "AuthRequired", "AuthFactorTokenRequired",
		"AccountTakedown", "AccountSuspended", "AccountDeactivated":
		return platforms.ErrTokenDead
	case "InvalidSwap":
		return errSwap
	case "BlockedActor", "BlockedByActor":
		return platforms.ErrNotPermitted
	}
	switch {
	case e.Status == http.StatusUnauthorized:
		return platforms.ErrTokenDead
	case e.Status == http.StatusForbidden:
		return platforms.ErrNotPermitted
	case e.Name == "InvalidRequest" && method == http.MethodGet && strings.HasPrefix(message, "Could not find repo"):
		return platforms.ErrGone // the author's whole account is gone; the network has no word of its own for it
	case e.Name == "InvalidRequest" && method == http.MethodPost:
		return platforms.ErrNotPermitted // what was sent will be no better the next time
	}
	return nil
}

// outcome is an error as a metric's label.
func outcome(err error) string {
	if errors.Is(err, errSwap) {
		return "swap"
	}
	return platforms.Outcome(err)
}
