package platforms

import (
	"errors"
	"fmt"
	"time"
)

// What a platform's refusal means for the one who asked. An adapter wraps the platform's own words in one of these; any
// other error is a fault to be tried again with growing pauses.
var (
	// ErrGone says that the comment is no longer there. It is a result, not a failure.
	ErrGone = errors.New("the comment is no longer on the platform")
	// ErrTokenDead says that the credentials no longer hold: nothing will work until a person renews them.
	ErrTokenDead = errors.New("the platform no longer accepts the access token; renew it")
	// ErrNotPermitted says that the platform will not do this for this account, now or later.
	ErrNotPermitted = errors.New("the platform does not permit this")
	// ErrUnsupported says that the platform has no such function.
	ErrUnsupported = errors.New("the platform has no such function")
)

// RetryAfterError says that the platform wants no calls before At.
type RetryAfterError struct {
	At  time.Time
	Err error
}

func (e *RetryAfterError) Error() string {
	return fmt.Sprintf("the platform asks us to wait until %s: %v", e.At.UTC().Format(time.RFC3339), e.Err)
}

func (e *RetryAfterError) Unwrap() error { return e.Err }

// Outcome is what became of a call, in a word: a metric's label.
func Outcome(err error) string {
	var wait *RetryAfterError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &wait):
		return "wait"
	case errors.Is(err, ErrGone):
		return "gone"
	case errors.Is(err, ErrTokenDead):
		return "token dead"
	case errors.Is(err, ErrNotPermitted):
		return "not permitted"
	}
	return "fault"
}
