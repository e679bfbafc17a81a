package facebook

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"takhojd/platforms"
)

func TestPauseGrowsAsTheQuotaRunsLow(t *testing.T) {
	for level, want := range map[float64]time.Duration{0: 0, 74.9: 0, 75: 0, 80: 500 * time.Millisecond, 85: time.Second, 95: 2 * time.Second, 120: 2 * time.Second} {
		if got := pause(level); got != want {
			t.Errorf("at %v %%: %v, want %v", level, got, want)
		}
	}
}

func TestAPauseEndsWithItsContext(t *testing.T) {
	u := &usage{page: "1", level: 94.9}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := u.wait(ctx, time.Now()); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestUsageHeaders(t *testing.T) {
	now := time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		page, app string
		level     float64
		blocked   time.Duration
	}{
		"none":             {"", "", 50, 0}, // what was known stays
		"the app":          {"", `{"call_count":80,"total_time":5,"total_cputime":3}`, 80, 0},
		"the page":         {`{"1":[{"type":"pages","call_count":10,"total_cputime":20,"total_time":90,"estimated_time_to_regain_access":0}]}`, "", 90, 0},
		"another page":     {`{"2":[{"call_count":99,"estimated_time_to_regain_access":9}]}`, "", 50, 0},
		"the worst of two": {`{"1":[{"call_count":10},{"call_count":96,"estimated_time_to_regain_access":3}]}`, `{"call_count":40}`, 96, 3 * time.Minute},
		"spent, untold":    {"", `{"call_count":95}`, 95, time.Minute},
		"nonsense":         {"{", `"x"`, 50, 0},
	} {
		t.Run(name, func(t *testing.T) {
			u := &usage{page: "1", level: 50}
			h := http.Header{}
			h.Set("X-Business-Use-Case-Usage", c.page)
			h.Set("X-App-Usage", c.app)
			u.told(h, now)
			if u.percent() != c.level {
				t.Errorf("%v %%, want %v", u.percent(), c.level)
			}
			ended, cancel := context.WithCancel(context.Background())
			cancel() // so that a pause takes no time
			err := u.wait(ended, now)
			if c.blocked == 0 {
				var wait *platforms.RetryAfterError
				if errors.As(err, &wait) {
					t.Errorf("blocked: %v", err)
				}
				return
			}
			var wait *platforms.RetryAfterError
			if !errors.As(err, &wait) || !wait.At.Equal(now.Add(c.blocked)) {
				t.Fatalf("%v, want to wait %v", err, c.blocked)
			}
			if err := u.wait(context.Background(), wait.At); err != nil || u.percent() != 0 {
				t.Errorf("after the wait: %v, %v %%", err, u.percent())
			}
		})
	}
}
