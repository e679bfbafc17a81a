package platformtest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"
)

// Faults is what goes wrong, and how often. A share is a probability from 0 to 1. The zero value is a platform that never
// fails. Its JSON is what `--faults` reads.
type Faults struct {
	// HTTP500 and HTTP429 answer so, with an empty object and without doing anything.
	HTTP500 float64 `json:"http_500,omitempty"`
	HTTP429 float64 `json:"http_429,omitempty"`
	// Timeout hangs for HangMS milliseconds (1,000 where it is 0) and closes, without doing anything; TimeoutAfter does as asked
	// first. HalfBody does as asked and breaks off in the middle of the answer.
	Timeout      float64 `json:"timeout,omitempty"`
	TimeoutAfter float64 `json:"timeout_after,omitempty"`
	HalfBody     float64 `json:"half_body,omitempty"`
	HangMS       int     `json:"hang_ms,omitempty"`
	// LatencyMS is added to every call, in milliseconds.
	LatencyMS int `json:"latency_ms,omitempty"`
	// UsagePercent is what the usage headers show.
	UsagePercent float64 `json:"usage_percent,omitempty"`
	// Errors are refusals in the platform's own words.
	Errors []Refusal `json:"errors,omitempty"`
	// RemoveBeforeHide lets the author remove the comment right before it would be hidden.
	RemoveBeforeHide float64 `json:"remove_before_hide,omitempty"`

	// WebhookDuplicate delivers twice. WebhookReorder lets a delivery be overtaken by later ones. WebhookLate holds it for
	// WebhookLateMS milliseconds. WebhookDrop never delivers. WebhookWrongSignature sends a forged copy first.
	WebhookDuplicate      float64 `json:"webhook_duplicate,omitempty"`
	WebhookReorder        float64 `json:"webhook_reorder,omitempty"`
	WebhookLate           float64 `json:"webhook_late,omitempty"`
	WebhookLateMS         int     `json:"webhook_late_ms,omitempty"`
	WebhookDrop           float64 `json:"webhook_drop,omitempty"`
	WebhookWrongSignature float64 `json:"webhook_wrong_signature,omitempty"`

	// StreamSilent lets streams say nothing, not even that they are alive, and stay open.
	StreamSilent bool `json:"stream_silent,omitempty"`
}

// The kinds of refusal that every platform has words for.
const (
	Throttled    = "throttled"
	TokenDead    = "token_dead"
	NotPermitted = "not_permitted"
	Gone         = "gone"
	Broken       = "broken" // a fault of the platform's, that passes
)

// Refusal is a refusal by the platform: of a Kind, in whatever words the platform has for it, or with a Code of the Graph API, which
// other platforms never meet.
type Refusal struct {
	Kind    string `json:"kind,omitempty"`
	Code    int    `json:"code,omitempty"`
	Subcode int    `json:"subcode,omitempty"`
	// Share is how often; where it is 0 the fault is met by every call that it is for.
	Share float64 `json:"share,omitempty"`
	// FirstCall and LastCall bound it to a window of calls, counted from 1 since the faults were set; 0 is no bound.
	FirstCall int `json:"first_call,omitempty"`
	LastCall  int `json:"last_call,omitempty"`
	// Action bounds it to one of the actions of [Call]; "" is all.
	Action string `json:"action,omitempty"`
	// RegainMinutes is what a throttled caller is told to wait.
	RegainMinutes int `json:"regain_minutes,omitempty"`
}

// LoadFaults reads faults from JSON. Unknown keys and shares outside 0 to 1 are errors.
func LoadFaults(r io.Reader) (Faults, error) {
	var f Faults
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return Faults{}, fmt.Errorf("platformtest: read faults: %w", err)
	}
	return f, f.check()
}

func (f Faults) check() error {
	shares := map[string]float64{"http_500": f.HTTP500, "http_429": f.HTTP429, "timeout": f.Timeout, "timeout_after": f.TimeoutAfter,
		"half_body": f.HalfBody, "remove_before_hide": f.RemoveBeforeHide, "webhook_duplicate": f.WebhookDuplicate,
		"webhook_reorder": f.WebhookReorder, "webhook_late": f.WebhookLate, "webhook_drop": f.WebhookDrop,
		"webhook_wrong_signature": f.WebhookWrongSignature}
	for i, e := range f.Errors {
		shares["errors["+strconv.Itoa(i)+"].share"] = e.Share
		switch e.Kind {
		case "", Throttled, TokenDead, NotPermitted, Gone, Broken:
		default:
			return fmt.Errorf("platformtest: faults: errors[%d].kind: there is no %q", i, e.Kind)
		}
	}
	for name, p := range shares {
		if !(p >= 0 && p <= 1) {
			return fmt.Errorf("platformtest: faults: %s is %v, not a share from 0 to 1", name, p)
		}
	}
	return nil
}

// chance decides which faults are met. Each throw depends on the seed, the fault and what it is about, and on nothing that
// happens beside it: that is what makes a run with many workers repeatable.
type chance struct {
	seed int64

	mu    sync.Mutex
	f     Faults
	calls int            // since f was set
	times map[string]int // how often each thing was thrown for
}

func (c *chance) set(f Faults) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.f, c.calls, c.times = f, 0, map[string]int{}
}

// call gives the faults in force for a call, its number since they were set, and a name for the n-th time that this is
// asked of this object.
func (c *chance) call(action, object string) (f Faults, n int, key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	return c.f, c.calls, c.keyLocked(action + " " + object)
}

// delivery gives the faults in force, and a name for the n-th time that this is told of this comment.
func (c *chance) delivery(verb, comment string) (f Faults, key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.f, c.keyLocked("deliver " + verb + " " + comment)
}

func (c *chance) keyLocked(what string) string {
	c.times[what]++
	return what + "#" + strconv.Itoa(c.times[what])
}

// throw tells whether a fault of this share is met.
func (c *chance) throw(share float64, fault, key string) bool {
	if share <= 0 {
		return false
	}
	sum := sha256.Sum256([]byte(strconv.FormatInt(c.seed, 10) + "|" + fault + "|" + key))
	return float64(binary.BigEndian.Uint64(sum[:8]))/(1<<64) < share
}

func (f Faults) hang() time.Duration {
	if f.HangMS <= 0 {
		return time.Second
	}
	return time.Duration(f.HangMS) * time.Millisecond
}

// hit tells whether the call-th call since the faults were set is one that e is for.
func (e Refusal) hit(call int, action string) bool {
	return (e.Action == "" || e.Action == action) && call >= e.FirstCall && (e.LastCall == 0 || call <= e.LastCall)
}
