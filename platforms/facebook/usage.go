package facebook

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"takhojd/platforms"
)

const (
	// slowFrom is the share of a quota, in percent, from which calls are spread out.
	slowFrom = 75
	// spareTo is the share up to which calls that can wait are made. The rest is for decisions.
	spareTo = 60
	// spareEvery is how often one of them is made above that.
	spareEvery = 5 * time.Minute
	// stopFrom is the share from which no call is made until the platform expects to have room again.
	stopFrom = 95
	// longestPause is what a call waits right below stopFrom.
	longestPause = 2 * time.Second
	// pauseUntold is how long to stay away when the platform does not say.
	pauseUntold = time.Minute
)

// usage follows how much of the platform's quotas an account has spent, as the headers of its answers tell.
type usage struct {
	page string

	mu      sync.Mutex
	level   float64   // percent, the most spent of the quotas
	blocked time.Time // no calls before this
	spared  time.Time // no calls that can wait before this
}

// quota is one entry of the usage headers, in percent of what is allowed; regain is in minutes.
type quota struct {
	CallCount float64 `json:"call_count"`
	CPUTime   float64 `json:"total_cputime"`
	Time      float64 `json:"total_time"`
	Regain    float64 `json:"estimated_time_to_regain_access"`
}

// wait lets a call through: at once, or after a pause as the quotas run low. While they are spent it returns a
// RetryAfterError without waiting.
func (u *usage) wait(ctx context.Context, now time.Time) error {
	u.mu.Lock()
	if u.level >= stopFrom && !now.Before(u.blocked) {
		u.level = 0 // regained, as far as anybody knows; the next answer tells
	}
	level, blocked := u.level, u.blocked
	u.mu.Unlock()
	if now.Before(blocked) {
		return &platforms.RetryAfterError{At: blocked, Err: errors.New("the account's calls are spent for now")}
	}
	d := pause(level)
	if d == 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// spare tells whether there is room for a call that can wait. Where there is none it lets one through now and then, whose answer tells
// whether there is room again.
func (u *usage) spare(now time.Time) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.level < spareTo {
		return nil
	}
	if now.Before(u.spared) {
		return &platforms.RetryAfterError{At: u.spared, Err: errors.New("what is left of the account's calls is kept for decisions")}
	}
	u.spared = now.Add(spareEvery)
	return nil
}

// pause grows from nothing at slowFrom to longestPause at stopFrom.
func pause(level float64) time.Duration {
	if level < slowFrom {
		return 0
	}
	share := min((level-slowFrom)/(stopFrom-slowFrom), 1)
	return time.Duration(share * float64(longestPause))
}

// told takes in the usage headers of an answer and returns when the platform expects to take calls again, the zero time if
// it does not say.
func (u *usage) told(h http.Header, now time.Time) (regain time.Time) {
	var quotas []quota
	var app quota
	if json.Unmarshal([]byte(h.Get("X-App-Usage")), &app) == nil {
		quotas = append(quotas, app)
	}
	var byPage map[string][]quota
	if json.Unmarshal([]byte(h.Get("X-Business-Use-Case-Usage")), &byPage) == nil {
		quotas = append(quotas, byPage[u.page]...)
	}
	if len(quotas) == 0 {
		return time.Time{}
	}
	level := 0.0
	for _, q := range quotas {
		level = max(level, q.CallCount, q.CPUTime, q.Time)
		if q.Regain > 0 {
			if at := now.Add(time.Duration(q.Regain * float64(time.Minute))); at.After(regain) {
				regain = at
			}
		}
	}
	u.mu.Lock()
	u.level = level
	u.mu.Unlock()
	if level >= stopFrom {
		u.block(later(now, regain))
	}
	return regain
}

// block keeps calls back until at. It never shortens a wait.
func (u *usage) block(at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if at.After(u.blocked) {
		u.blocked = at
	}
}

func (u *usage) percent() float64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.level
}

// later is regain, or a minute from now where the platform told nothing of use.
func later(now, regain time.Time) time.Time {
	if regain.After(now) {
		return regain
	}
	return now.Add(pauseUntold)
}
