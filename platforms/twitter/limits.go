package twitter

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"takhojd/platforms"
)

const (
	// hideLimit is the endpoint that hides and shows: the two are counted together.
	hideLimit = "hidden"
	// mostHides is how many calls of it the platform takes from a user in one window.
	mostHides = 50
	// window is how long the platform counts.
	window = 15 * time.Minute
	// pauseUntold is how long to stay away when the platform does not say.
	pauseUntold = time.Minute
	// longestWait bounds what we believe of a reset: the longest windows are a day.
	longestWait = 25 * time.Hour
)

// limits follows what is spent of each endpoint's limit, by the platform's headers, and of hides also by our own count: after a lost
// answer, or beside headers that are missing, the fifty-first must not leave.
//
// The platform counts in fixed windows. Ours slides, which is never less strict: whatever window the platform began, no more than fifty of
// our calls fall into it. A restart forgets the count, and the headers of the first answer tell the rest.
type limits struct {
	mu    sync.Mutex
	until map[string]time.Time // by endpoint: no calls before
	hides []time.Time          // the calls of the last window, the oldest first
}

// room tells whether a call may be made now; if not, the error is a RetryAfterError.
func (l *limits) room(endpoint string, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.roomLocked(endpoint, now)
}

func (l *limits) roomLocked(endpoint string, now time.Time) error {
	until := l.until[endpoint]
	if endpoint == hideLimit {
		l.forget(now)
		if len(l.hides) >= mostHides {
			if free := l.hides[len(l.hides)-mostHides].Add(window); free.After(until) {
				until = free
			}
		}
	}
	if now.Before(until) {
		return &platforms.RetryAfterError{At: until, Err: errors.New("the account's calls of this kind are spent for now")}
	}
	return nil
}

// take is room, and counts the call. It is counted before it leaves: one whose answer is lost is spent.
func (l *limits) take(endpoint string, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.roomLocked(endpoint, now); err != nil {
		return err
	}
	if endpoint == hideLimit {
		l.hides = append(l.hides, now)
	}
	return nil
}

// forget drops the hides that are older than a window.
func (l *limits) forget(now time.Time) {
	n := 0
	for n < len(l.hides) && !now.Before(l.hides[n].Add(window)) {
		n++
	}
	l.hides = append(l.hides[:0], l.hides[n:]...)
}

// left is how many hides may leave now.
func (l *limits) left(now time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.roomLocked(hideLimit, now) != nil {
		return 0
	}
	return mostHides - len(l.hides)
}

// block keeps calls of an endpoint back until at. It never shortens a wait.
func (l *limits) block(endpoint string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.until == nil {
		l.until = map[string]time.Time{}
	}
	if at.After(l.until[endpoint]) {
		l.until[endpoint] = at
	}
}

// told takes in an answer's headers: an endpoint whose limit is spent is left alone until it is given anew.
func (l *limits) told(endpoint string, h http.Header, now time.Time) {
	if at := spentUntil(h, now); !at.IsZero() {
		l.block(endpoint, at)
	}
}

// spentUntil reads when a spent limit is given anew; the zero time where none is spent, or nobody says.
func spentUntil(h http.Header, now time.Time) (at time.Time) {
	for _, name := range []string{"x-rate-limit", "x-user-limit-24hour", "x-app-limit-24hour"} {
		left, err := strconv.Atoi(h.Get(name + "-remaining"))
		if err != nil || left > 0 {
			continue
		}
		seconds, err := strconv.ParseInt(h.Get(name+"-reset"), 10, 64)
		if err != nil || seconds <= 0 || seconds > 1<<40 {
			continue
		}
		reset := time.Unix(seconds, 0)
		if reset.After(now) && reset.Before(now.Add(longestWait)) && reset.After(at) {
			at = reset
		}
	}
	return at
}
