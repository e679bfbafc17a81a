package twitter

import (
	"context"
	"errors"
	"net/http"
	"slices"
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
// our calls fall into it. A restart forgets the count, and the headers of the first answer tell the rest; where there are other processes, their
// [Ledger] remembers it.
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
		if n := len(l.hides); n > 0 && !now.After(l.hides[n-1]) {
			now = l.hides[n-1].Add(1) // no two are one to others
		}
		l.hides = append(l.hides, now)
	}
	return nil
}

// Ledger tells the processes that act for an account, one after the other, what each has spent. It may forget everything at any time.
type Ledger interface {
	// Share tells of all calls of a kind that this process knows of for a channel, the earliest first, and returns all that are known, perhaps with some
	// older than the window. An error says that what others made can't be known now: this process then counts what it knows. It returns
	// within a second or so, and says itself in the log what does not work.
	Share(ctx context.Context, channel, call string, made []time.Time, window time.Duration) ([]time.Time, error)
}

// share takes in the hides that other processes made for the account, and tells them of ours. What a ledger has forgotten it is told again by it.
func (a *Account) share(ctx context.Context) {
	if a.cfg.Ledger == nil {
		return
	}
	if all, err := a.cfg.Ledger.Share(ctx, a.cfg.Channel.ID, hideLimit, a.limits.made(a.cfg.Now()), window); err == nil {
		a.limits.learn(all, a.cfg.Now())
	}
}

// made lists the hides of the last window.
func (l *limits) made(now time.Time) []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(now)
	return slices.Clone(l.hides)
}

// learn takes in hides that are not known yet. What is said of the future is no hide: clocks are not that far apart.
func (l *limits) learn(all []time.Time, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, at := range all {
		if at.After(now.Add(time.Minute)) {
			continue
		}
		if i, known := slices.BinarySearchFunc(l.hides, at, time.Time.Compare); !known {
			l.hides = slices.Insert(l.hides, i, at)
		}
	}
	l.forget(now)
}

// forget drops the hides that are older than a window, or further in the future: then the clock was set back.
func (l *limits) forget(now time.Time) {
	l.hides = slices.DeleteFunc(l.hides, func(at time.Time) bool { return !now.Before(at.Add(window)) || at.After(now.Add(window)) })
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
