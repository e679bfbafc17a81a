// Package notify tells people, outside of the console, that something serious waits: by e-mail, in Teams or Slack, or at any address that
// takes a POST. It implements [moderation.Notifier].
//
// A message says what waits and where in the console, and holds no comment's text and no author's name: e-mail and chat are others' houses.
// What comes while a place is not to be disturbed is gathered, and what of it still lasts is sent in one message afterwards. A place that
// does not answer is tried again with growing pauses and holds up no other; meanwhile the metric notify_failing is 1 for it. Nothing is
// remembered here that must outlive us: moderation hands over again what was not told everywhere, so that a restart while one place fails
// may tell the others twice.
package notify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"takhojd/moderation"
)

const (
	// defaultEvery is the shortest pause between two messages to a place.
	defaultEvery = time.Minute
	// firstPause and longestPause bound the pause after a failure; it doubles from one to the other.
	firstPause   = 30 * time.Second
	longestPause = time.Hour
	// sendTime bounds one attempt.
	sendTime = 20 * time.Second
	// mostLines is how many alerts a message names; beyond them it says how many more there are.
	mostLines = 20
)

// Place is where people are told.
type Place struct {
	// Name is what the log and the metrics call it.
	Name string
	// URL is where to, in the form of github.com/nicholas-fedor/shoutrrr, or workflow+https://… for a workflow in Teams. It is a secret.
	URL string
	// Alerts are the kinds that are told here; empty is all. Urgent are those that are told in quiet hours, too.
	Alerts, Urgent []moderation.AlertKind
	Quiet          Quiet
	// Every is the shortest pause between two messages; 0 is a minute.
	Every time.Duration
	// Language is "en", or else Swedish.
	Language string
}

// Config is what a [Notifier] needs to know.
type Config struct {
	Places []Place
	// Console is where browsers find the console, without a trailing slash; "" leaves links out.
	Console string
	// Location is whose clock quiet hours go by; nil is Europe/Stockholm.
	Location *time.Location
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Metrics is nil for nobody.
	Metrics prometheus.Registerer
}

// Notifier tells people. It may be used from any number of goroutines.
type Notifier struct {
	cfg     Config
	mu      sync.Mutex // one Notify at a time
	places  []*place
	sent    *prometheus.CounterVec
	failing *prometheus.GaugeVec
}

// place is a Place, and what is known of it since the start.
type place struct {
	Place
	send  func(ctx context.Context, title, body string) error
	told  map[key]bool
	next  time.Time // no message before this
	fails int       // in a row
}

type key struct {
	kind moderation.AlertKind
	id   int64
}

func keyOf(a moderation.Alert) key { return key{a.Kind, a.ID} }

// New checks the places. It makes no call. Its errors hold no address.
func New(cfg Config) (*Notifier, error) {
	if cfg.Location == nil {
		location, err := time.LoadLocation("Europe/Stockholm")
		if err != nil {
			return nil, fmt.Errorf("notify: %w", err)
		}
		cfg.Location = location
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Console = strings.TrimRight(cfg.Console, "/")
	n := &Notifier{cfg: cfg,
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "takhojd", Subsystem: "notify", Name: "messages_total",
			Help: "Attempts to tell people at a place, by outcome: sent or failed."}, []string{"to", "outcome"}),
		failing: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "takhojd", Subsystem: "notify", Name: "failing",
			Help: "1 while the last attempt to tell people at a place failed."}, []string{"to"})}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(n.sent, n.failing)
	}
	seen := map[string]bool{}
	for _, p := range cfg.Places {
		if p.Name == "" || seen[p.Name] {
			return nil, fmt.Errorf("notify: %q: each place needs a name of its own", p.Name)
		}
		seen[p.Name] = true
		if err := kinds(p.Alerts, p.Urgent); err != nil {
			return nil, fmt.Errorf("notify: %s: %w", p.Name, err)
		}
		send, err := sender(p.URL)
		if err != nil {
			return nil, fmt.Errorf("notify: %s: %w", p.Name, err)
		}
		if p.Every == 0 {
			p.Every = defaultEvery
		}
		n.places = append(n.places, &place{Place: p, send: send, told: map[key]bool{}})
		n.failing.WithLabelValues(p.Name).Set(0)
	}
	return n, nil
}

// kinds refuses kinds of alerts that there are none of.
func kinds(lists ...[]moderation.AlertKind) error {
	for _, list := range lists {
		for _, k := range list {
			if _, ok := titles[k]; !ok {
				return fmt.Errorf("there is no alert %q: there are escalation, token, expiring, late, dead and full", k)
			}
		}
	}
	return nil
}

// Notify tells every place what is its to tell, one message each at the most, and returns what has been told wherever it is to be.
func (n *Notifier) Notify(ctx context.Context, alerts []moderation.Alert) ([]moderation.Alert, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	errs := make([]error, len(n.places))
	var wg sync.WaitGroup
	for i, p := range n.places {
		wg.Go(func() { errs[i] = n.tell(ctx, p, alerts) })
	}
	wg.Wait()
	var told []moderation.Alert
	for _, a := range alerts {
		everywhere := true
		for _, p := range n.places {
			everywhere = everywhere && (!p.wants(a) || p.told[keyOf(a)])
		}
		if everywhere {
			told = append(told, a)
		}
	}
	return told, errors.Join(errs...)
}

// tell sends a place one message with all that it was not told of and may be told of now.
func (n *Notifier) tell(ctx context.Context, p *place, alerts []moderation.Alert) error {
	now := n.cfg.Now()
	lasting := map[key]bool{}
	var news []moderation.Alert
	quiet := p.Quiet.at(now.In(n.cfg.Location))
	for _, a := range alerts {
		k := keyOf(a)
		lasting[k] = p.told[k]
		if p.wants(a) && !p.told[k] && (!quiet || has(p.Urgent, a.Kind)) {
			news = append(news, a)
		}
	}
	p.told = lasting // what is over, or written down as told, is not handed over any more
	if len(news) == 0 || now.Before(p.next) {
		return nil
	}
	title, body := n.write(news, p.Language)
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	if err := p.send(ctx, title, body); err != nil {
		p.next = now.Add(min(firstPause<<min(p.fails, 16), longestPause))
		p.fails++
		n.sent.WithLabelValues(p.Name, "failed").Inc()
		n.failing.WithLabelValues(p.Name).Set(1)
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	p.next, p.fails = now.Add(p.Every), 0
	n.sent.WithLabelValues(p.Name, "sent").Inc()
	n.failing.WithLabelValues(p.Name).Set(0)
	for _, a := range news {
		p.told[keyOf(a)] = true
	}
	return nil
}

// Test sends every place a message that says that it is a test, quiet hours or not, and tells how it went, by name.
func (n *Notifier) Test(ctx context.Context) map[string]error {
	results := map[string]error{}
	for _, p := range n.places {
		words := trial.In(p.Language)
		call, cancel := context.WithTimeout(ctx, sendTime)
		results[p.Name] = p.send(call, words, words+"\n"+n.cfg.Console)
		cancel()
	}
	return results
}

func (p *place) wants(a moderation.Alert) bool { return len(p.Alerts) == 0 || has(p.Alerts, a.Kind) }

func has(list []moderation.AlertKind, kind moderation.AlertKind) bool {
	for _, k := range list {
		if k == kind {
			return true
		}
	}
	return false
}
