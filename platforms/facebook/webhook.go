package facebook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"takhojd/platforms"
)

// defaultMaxBody is how many bytes of a delivery are read when the configuration does not say.
const defaultMaxBody = 4 << 20

// announced is the most bytes that are made ready for a delivery before any of it has come.
const announced = 64 << 10

// WebhookConfig is what a [Webhook] needs to know.
type WebhookConfig struct {
	// AppSecret is what the platform signs its deliveries with. Required.
	AppSecret string
	// VerifyToken is what the platform shows when the webhook is set up, chosen by us. Required.
	VerifyToken string
	// Channels holds our pages and Instagram accounts by their ids. Deliveries about any other are counted, and left.
	Channels map[string]platforms.Channel
	// Sink takes all the events of a delivery. It returns nil only when they are durable: its nil becomes the platform's 200,
	// and the platform does not deliver again.
	Sink func(context.Context, []platforms.Event) error
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Log is where odd deliveries are told of; nil is nowhere.
	Log *zap.Logger
	// Metrics counts; nil counts for nobody.
	Metrics *Metrics
	// MaxBody is the most bytes that a delivery may have; 0 is 4 MiB.
	MaxBody int64
}

// Webhook is the HTTP handler that the platform delivers to. It may be used from any number of goroutines.
type Webhook struct{ cfg WebhookConfig }

// NewWebhook makes a webhook. Without an app secret anybody could deliver, so there is no webhook without one.
func NewWebhook(cfg WebhookConfig) (*Webhook, error) {
	switch {
	case cfg.AppSecret == "":
		return nil, errors.New("facebook: the webhook needs the app secret, to check signatures with")
	case cfg.VerifyToken == "":
		return nil, errors.New("facebook: the webhook needs a verify token, for the platform's handshake")
	case cfg.Sink == nil:
		return nil, errors.New("facebook: the webhook has nowhere to put its events")
	case cfg.MaxBody < 0:
		return nil, fmt.Errorf("facebook: the webhook cannot take bodies of at most %d bytes", cfg.MaxBody)
	}
	for account, c := range cfg.Channels {
		if account != c.Account || account == "" {
			return nil, fmt.Errorf("facebook: the webhook's channel %s is listed under %q but is %q", c.ID, account, c.Account)
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = defaultMaxBody
	}
	return &Webhook{cfg: cfg}, nil
}

// ServeHTTP answers the platform's handshake (GET) and takes its deliveries (POST).
//
// A POST is answered 200 when its events are durable; 401 when its signature is not the platform's; 413 when it is too
// large; 400 when it is no JSON; 503 when the sink could not take it. After anything but a 200 the platform delivers again,
// for about 36 hours.
func (h *Webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		h.handshake(w, r)
	case http.MethodPost:
		h.deliver(w, r)
	default:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "only GET and POST", http.StatusMethodNotAllowed)
	}
}

// handshake proves to the platform that the webhook is ours: it echoes the challenge of whoever knows the verify token.
func (h *Webhook) handshake(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	// Sums are compared, so that not even the token's length shows in the time it takes.
	given, want := sha256.Sum256([]byte(q.Get("hub.verify_token"))), sha256.Sum256([]byte(h.cfg.VerifyToken))
	if q.Get("hub.mode") != "subscribe" || subtle.ConstantTimeCompare(given[:], want[:]) != 1 {
		h.cfg.Metrics.deliveries.WithLabelValues("handshake refused").Inc()
		h.cfg.Log.Warn("facebook: webhook handshake refused: wrong mode or verify token")
		http.Error(w, "wrong mode or verify token", http.StatusForbidden)
		return
	}
	h.cfg.Metrics.deliveries.WithLabelValues("handshake").Inc()
	// Plain text that no browser may take for a page: the challenge is the caller's.
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = io.WriteString(w, q.Get("hub.challenge"))
}

// deliver reads, checks, parses and hands on a delivery.
//
// If we die before the sink returns, the platform has no answer and delivers again. If we die between the sink's nil and
// the 200, it delivers what we already have, which moderation's natural key makes harmless.
func (h *Webhook) deliver(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r, h.cfg.MaxBody)
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			h.refuse(w, http.StatusRequestEntityTooLarge, "too large",
				fmt.Sprintf("a delivery may have at most %d bytes", h.cfg.MaxBody), nil)
			return
		}
		h.refuse(w, http.StatusBadRequest, "not read", "the delivery could not be read to its end", err)
		return
	}
	if !h.signed(r.Header.Get("X-Hub-Signature-256"), body) {
		h.refuse(w, http.StatusUnauthorized, "bad signature", "X-Hub-Signature-256 is not the app's over this body", nil)
		return
	}
	events, skips, err := parse(body, h.cfg.Channels, h.cfg.Now())
	if err != nil {
		h.refuse(w, http.StatusBadRequest, "not json", err.Error(), nil)
		return
	}
	h.tell(skips)
	for i := range events {
		h.cfg.Metrics.events.WithLabelValues(events[i].Comment.Ref.Channel, string(events[i].Kind)).Inc()
	}
	if len(events) > 0 {
		if err := h.cfg.Sink(r.Context(), events); err != nil {
			w.Header().Set("Retry-After", "5")
			h.refuse(w, http.StatusServiceUnavailable, "not kept", "the events could not be kept; deliver again", err)
			return
		}
	}
	h.cfg.Metrics.deliveries.WithLabelValues("accepted").Inc()
	w.WriteHeader(http.StatusOK)
}

func readBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	var b bytes.Buffer
	if r.ContentLength > 0 && r.ContentLength <= most {
		// What is announced is not there yet: whoever announces much, on many connections, is given no memory for it.
		b.Grow(int(min(r.ContentLength, announced)) + bytes.MinRead)
	}
	_, err := b.ReadFrom(http.MaxBytesReader(w, r.Body, most))
	return b.Bytes(), err
}

// signed tells whether header is "sha256=" and the body's HMAC in hexadecimal.
func (h *Webhook) signed(header string, body []byte) bool {
	given, err := hex.DecodeString(strings.TrimPrefix(header, "sha256="))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, []byte(h.cfg.AppSecret))
	mac.Write(body)
	return hmac.Equal(given, mac.Sum(nil))
}

func (h *Webhook) refuse(w http.ResponseWriter, status int, result, message string, cause error) {
	h.cfg.Metrics.deliveries.WithLabelValues(result).Inc()
	h.cfg.Log.Warn("facebook: webhook delivery not accepted",
		zap.Int("status", status), zap.String("result", result), zap.String("why", message), zap.Error(cause))
	http.Error(w, message, status)
}

// tell counts what became no event, and logs what the platform does not send as a matter of course: one line for each
// reason in a delivery, so that a strange delivery of thousands does not drown the log.
func (h *Webhook) tell(skips []skipped) {
	logged := map[string]bool{}
	for _, s := range skips {
		h.cfg.Metrics.ignored.WithLabelValues(s.reason).Inc()
		if s.quiet() || logged[s.reason] {
			continue
		}
		logged[s.reason] = true
		h.cfg.Log.Warn("facebook: a change in a delivery became no event", zap.String("reason", s.reason),
			zap.Int("entry", s.entry), zap.Int("change", s.change), zap.String("detail", s.detail))
	}
}
