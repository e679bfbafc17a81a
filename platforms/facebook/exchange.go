package facebook

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
	"time"

	fb "github.com/huandu/facebook/v2"
	"go.uber.org/zap"

	"takhojd/platforms"
)

// maxAnswer is the most bytes of an answer that are read: a page of 100 comments of 60,000 characters fits.
const maxAnswer = 32 << 20

// exchange is the HTTP client of one call. The library decodes answers into a map and looks neither at the status nor, at
// times, at the error; so the exchange reads the answer itself, decides what it was, and keeps the bytes.
//
// It implements the library's HttpClient. It serves one call and one goroutine.
type exchange struct {
	client *client
	// What came of it.
	answered bool
	body     []byte
	err      error
}

// call makes one call and returns the answer's JSON. Action names it in the metrics. Errors are platforms' or plain; they
// never hold the address, for it may hold secrets.
func (p *client) call(ctx context.Context, action, path string, method fb.Method, params fb.Params) ([]byte, error) {
	return p.callAs(ctx, p.session, action, path, method, params)
}

// callAs is call with another session's token.
func (p *client) callAs(ctx context.Context, as *fb.Session, action, path string, method fb.Method, params fb.Params) ([]byte, error) {
	x := &exchange{client: p}
	err := p.usage.wait(ctx, p.cfg.Now())
	if err == nil {
		session := as.WithContext(ctx)
		session.HttpClient = x
		_, err = session.Api(path, method, params)
		// What the library says counts only where the exchange never came about.
		if x.answered || x.err != nil {
			err = x.err
		}
	}
	p.cfg.Metrics.calls.WithLabelValues(p.cfg.Channel.ID, action, platforms.Outcome(err)).Inc()
	if err != nil {
		return nil, fmt.Errorf("facebook: %s: %w", action, err)
	}
	return x.body, nil
}

// get, post and remove are call for the methods that the Graph API knows.
func (p *client) get(ctx context.Context, action, path string, params fb.Params) ([]byte, error) {
	return p.call(ctx, action, path, fb.GET, params)
}

func (p *client) post(ctx context.Context, action, path string, params fb.Params) ([]byte, error) {
	return p.call(ctx, action, path, fb.POST, params)
}

func (p *client) remove(ctx context.Context, action, path string) ([]byte, error) {
	return p.call(ctx, action, path, fb.DELETE, fb.Params{})
}

// Do sends the request, reads the whole answer and judges it.
func (x *exchange) Do(req *http.Request) (*http.Response, error) {
	res, err := x.client.cfg.HTTPClient.Do(req)
	if err != nil {
		x.err = withoutAddress(err)
		return nil, x.err
	}
	defer res.Body.Close()
	x.body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err == nil && len(x.body) > maxAnswer {
		err = fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
	}
	if err != nil {
		x.err = fmt.Errorf("read the answer (HTTP %d): %w", res.StatusCode, err)
		return nil, x.err
	}
	x.answered = true
	now := x.client.cfg.Now()
	regain := x.client.usage.told(res.Header, now)
	x.client.cfg.Metrics.usage.WithLabelValues(x.client.cfg.Channel.ID).Set(x.client.usage.percent())
	x.err = judge(res.StatusCode, res.Header, x.body, now, regain)
	var later *platforms.RetryAfterError
	if errors.As(x.err, &later) {
		x.client.usage.block(later.At)
		x.client.cfg.Log.Warn("facebook: throttled", zap.String("channel", x.client.cfg.Channel.ID), zap.Time("until", later.At))
	}
	res.Body = io.NopCloser(bytes.NewReader(x.body))
	return res, nil
}

// Get and Post complete the library's interface; it calls neither for what we ask of it.
func (x *exchange) Get(string) (*http.Response, error) { return nil, errOnlyDo }

func (x *exchange) Post(string, string, io.Reader) (*http.Response, error) { return nil, errOnlyDo }

var errOnlyDo = errors.New("an exchange takes whole requests only")

// withoutAddress takes an error of net/http apart: its text holds the whole address.
func withoutAddress(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return fmt.Errorf("reach the platform: %w", e.Err)
	}
	return fmt.Errorf("reach the platform: %w", err)
}

// GraphError is what the Graph API says when it refuses, as it says it.
type GraphError struct {
	Code, Subcode int
	// Type is the API's own word, such as OAuthException.
	Type string
	// Trace is what Meta's support asks for.
	Trace string
	// Status is the HTTP status; it tells little.
	Status int
	// Transient is true where the API says so itself.
	Transient bool
}

// Error leaves out the API's message: it quotes what was sent.
func (e *GraphError) Error() string {
	return fmt.Sprintf("the Graph API says code %d, subcode %d (%s, HTTP %d, trace %s)", e.Code, e.Subcode, e.Type, e.Status, e.Trace)
}

// judge decides what an answer was: nil for what was asked for. Regain is when the platform expects to take calls again, the
// zero time when it does not say.
func judge(status int, header http.Header, body []byte, now, regain time.Time) error {
	var answer struct {
		Error *struct {
			Code      scalar `json:"code"`
			Subcode   scalar `json:"error_subcode"`
			Type      scalar `json:"type"`
			Trace     scalar `json:"fbtrace_id"`
			Transient bool   `json:"is_transient"`
		} `json:"error"`
	}
	if b := bytes.TrimSpace(body); !json.Valid(b) || b[0] != '{' && string(b) != "true" {
		return statusError(status, header, now, regain, fmt.Errorf("the answer is no JSON object (HTTP %d, %d bytes)", status, len(body)))
	}
	// A type that does not fit leaves its field empty: an error of an unknown shape is still an error.
	_ = json.Unmarshal(body, &answer)
	if answer.Error == nil {
		if status >= 200 && status < 300 {
			return nil
		}
		return statusError(status, header, now, regain, fmt.Errorf("HTTP %d without the Graph API's own error", status))
	}
	a := answer.Error
	e := &GraphError{Type: string(a.Type), Trace: string(a.Trace), Status: status, Transient: a.Transient}
	e.Code, _ = strconv.Atoi(string(a.Code))
	e.Subcode, _ = strconv.Atoi(string(a.Subcode))
	return classify(e, now, regain)
}

// answeredBefore is the code for a comment that was answered in private before.
const answeredBefore = 10900

// classify gives a refusal the meaning that moderation acts on.
func classify(e *GraphError, now, regain time.Time) error {
	switch c := e.Code; {
	case c == 4 || c == 17 || c == 32 || c == 613 || c >= 80000 && c <= 80099:
		return &platforms.RetryAfterError{At: later(now, regain), Err: e}
	case c == 190:
		return fmt.Errorf("%w: %w", platforms.ErrTokenDead, e)
	case c == 100 && e.Subcode == 33:
		return fmt.Errorf("%w: %w", platforms.ErrGone, e)
	case e.Transient:
		return e
	case c == 10 || c >= 200 && c <= 299:
		return fmt.Errorf("%w: %w", platforms.ErrNotPermitted, e)
	case c >= answeredBefore && c <= 10903: // a private reply that was given before, or comes too late
		return fmt.Errorf("%w: %w", platforms.ErrNotPermitted, e)
	}
	return e
}

// statusError is for answers that have only an HTTP status to go by.
func statusError(status int, header http.Header, now, regain time.Time, err error) error {
	if status != http.StatusTooManyRequests {
		return err
	}
	if s, convErr := strconv.Atoi(header.Get("Retry-After")); convErr == nil && s > 0 && regain.IsZero() {
		regain = now.Add(time.Duration(s) * time.Second)
	}
	return &platforms.RetryAfterError{At: later(now, regain), Err: err}
}
