package twitter

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"takhojd/platforms"
)

const (
	// maxBody is how many bytes of a delivery are read.
	maxBody = 4 << 20
	// maxCRC is the longest challenge that is answered.
	maxCRC = 4 << 10
	// answerWithin leaves the platform's ten seconds some room: after that it takes the delivery for lost, whatever we answer.
	answerWithin = 9 * time.Second
)

// WebhookConfig is what a [Webhook] needs to know.
type WebhookConfig struct {
	// ConsumerSecret is what the platform signs its deliveries with. Required.
	ConsumerSecret string
	// Channels holds our accounts by user id. Deliveries about any other are counted, and left.
	Channels map[string]platforms.Channel
	// BaseURL is where the API is, "" for X's own. Only links to comments are made of it.
	BaseURL string
	// Sink takes what a delivery tells. It returns nil only when it is durable: its nil becomes the platform's 200, and the platform does not
	// deliver again. Its context ends in time for the platform's ten seconds.
	Sink func(context.Context, []platforms.Event) error
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Log is where odd deliveries are told of; nil is nowhere.
	Log *zap.Logger
	// Metrics counts; nil counts for nobody.
	Metrics *Metrics
}

// Webhook is the HTTP handler that the platform delivers to. It may be used from any number of goroutines.
type Webhook struct{ cfg WebhookConfig }

// NewWebhook makes a webhook. Without the consumer secret anybody could deliver, so there is no webhook without one.
func NewWebhook(cfg WebhookConfig) (*Webhook, error) {
	switch {
	case cfg.ConsumerSecret == "":
		return nil, errors.New("twitter: the webhook needs the consumer secret, to check signatures with")
	case cfg.Sink == nil:
		return nil, errors.New("twitter: the webhook has nowhere to put its events")
	}
	base, err := readBase(cfg.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("twitter: the webhook: %w", err)
	}
	cfg.BaseURL = base
	for account, c := range cfg.Channels {
		if account != c.Account || checkID(account) != nil {
			return nil, fmt.Errorf("twitter: the webhook's channel %s is listed under account %q but is account %q", c.ID, account, c.Account)
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
	return &Webhook{cfg: cfg}, nil
}

// ServeHTTP answers the platform's challenge (GET ?crc_token=), at the start and every hour after, and takes its deliveries (POST).
//
// A POST is answered 200 when its event is durable; 401 when its signature is not the platform's; 413 when it is too large; 400 when it is no
// JSON; 503 when the sink could not take it.
func (h *Webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		h.challenge(w, r)
	case http.MethodPost:
		h.deliver(w, r)
	default:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "only GET and POST", http.StatusMethodNotAllowed)
	}
}

// challenge proves to the platform that the webhook knows the consumer secret.
//
// Whoever asks may have any token signed, and a delivery is signed in the same way: so nothing is answered to a token that could be one.
// The platform's tokens are short and no JSON.
func (h *Webhook) challenge(w http.ResponseWriter, r *http.Request) {
	token := r.URL.Query().Get("crc_token")
	if token == "" || len(token) > maxCRC || strings.ContainsAny(token, "{}\"") {
		h.refuse(w, http.StatusBadRequest, "challenge refused", "crc_token must be there, and be no JSON", nil)
		return
	}
	h.cfg.Metrics.deliveries.WithLabelValues("challenge").Inc()
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_ = json.NewEncoder(w).Encode(map[string]string{"response_token": "sha256=" + base64.StdEncoding.EncodeToString(h.sum([]byte(token)))})
}

// deliver reads, checks, parses and hands on a delivery.
//
// If we die before the sink returns, the platform has no answer; if it does not deliver again, catching up finds the comment. If we die
// between the sink's nil and the 200, it delivers what we already have, which moderation's natural key makes harmless.
func (h *Webhook) deliver(w http.ResponseWriter, r *http.Request) {
	var b bytes.Buffer
	if _, err := b.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			h.refuse(w, http.StatusRequestEntityTooLarge, "too large", fmt.Sprintf("a delivery may have at most %d bytes", maxBody), nil)
			return
		}
		h.refuse(w, http.StatusBadRequest, "not read", "the delivery could not be read to its end", err)
		return
	}
	body := b.Bytes()
	if !h.signed(r.Header.Get("x-twitter-webhooks-signature"), body) {
		h.refuse(w, http.StatusUnauthorized, "bad signature", "x-twitter-webhooks-signature is not the app's over this body", nil)
		return
	}
	event, skip, err := parseActivity(body, place{channels: h.cfg.Channels, site: siteOf(h.cfg.BaseURL), via: "webhook", now: h.cfg.Now()})
	if err != nil {
		h.refuse(w, http.StatusBadRequest, "not json", "the delivery is no JSON object", nil)
		return
	}
	if skip != nil {
		tellSkipped(h.cfg.Metrics, h.cfg.Log, skip)
	}
	if event != nil {
		h.cfg.Metrics.events.WithLabelValues(event.Comment.Ref.Channel, string(event.Kind), event.Via).Inc()
		ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
		defer cancel()
		if err := h.cfg.Sink(ctx, []platforms.Event{*event}); err != nil {
			h.refuse(w, http.StatusServiceUnavailable, "not kept", "the event could not be kept; deliver again", err)
			return
		}
	}
	h.cfg.Metrics.deliveries.WithLabelValues("accepted").Inc()
	w.WriteHeader(http.StatusOK)
}

// signed tells whether header is "sha256=" and the body's HMAC in base64.
func (h *Webhook) signed(header string, body []byte) bool {
	encoded, ok := strings.CutPrefix(header, "sha256=")
	given, err := base64.StdEncoding.DecodeString(encoded)
	return ok && err == nil && hmac.Equal(given, h.sum(body))
}

func (h *Webhook) sum(b []byte) []byte {
	mac := hmac.New(sha256.New, []byte(h.cfg.ConsumerSecret))
	mac.Write(b)
	return mac.Sum(nil)
}

func (h *Webhook) refuse(w http.ResponseWriter, status int, result, message string, cause error) {
	h.cfg.Metrics.deliveries.WithLabelValues(result).Inc()
	h.cfg.Log.Warn("twitter: webhook delivery not accepted",
		zap.Int("status", status), zap.String("result", result), zap.String("why", message), zap.Error(cause))
	http.Error(w, message, status)
}

// tellSkipped counts what became no event, and logs what the platform does not send as a matter of course.
func tellSkipped(m *Metrics, log *zap.Logger, s *skipped) {
	m.ignored.WithLabelValues(s.reason).Inc()
	if !s.quiet() {
		log.Warn("twitter: a message became no event", zap.String("reason", s.reason), zap.String("detail", s.detail))
	}
}
