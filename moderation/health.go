package moderation

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"takhojd/platforms"
)

// checkTime bounds one look at a channel.
const checkTime = time.Minute

// ChannelHealth is how a channel was found when it was last looked at.
type ChannelHealth struct {
	Channel      platforms.Channel
	Capabilities platforms.Capabilities
	// Checkable is false where there is nothing to look with. Running is true while somebody looks.
	Checkable, Running bool
	// At is when the channel was last looked at, zero when it was not; Checks is what was found then.
	At     time.Time
	Checks []platforms.Check
}

// health is what is known of the channels' health. It is kept in memory, and a start looks anew; that a token is refused is kept in the
// database, too (tokens.go).
type health struct {
	wake chan struct{}

	mu       sync.Mutex
	channels map[string]ChannelHealth
	tokens   tokenNews
}

func newHealth() *health {
	return &health{wake: make(chan struct{}, 1), channels: map[string]ChannelHealth{},
		tokens: tokenNews{wake: make(chan struct{}, 1), learned: map[string]bool{}}}
}

// Health tells how each channel was found, in the order of the configuration. It asks no platform.
func (m *Moderator) Health() []ChannelHealth {
	m.health.mu.Lock()
	defer m.health.mu.Unlock()
	var all []ChannelHealth
	for _, c := range m.order {
		found := m.health.channels[c.ID]
		_, found.Checkable = m.cfg.Adapters[c.ID].(Checker)
		found.Channel, found.Capabilities = c, m.Capabilities(c.ID)
		all = append(all, found)
	}
	return all
}

// CheckNow asks for a look at all channels. It returns at once; [Moderator.Health] tells how far it has come.
func (m *Moderator) CheckNow() {
	m.health.begin(m)
	select {
	case m.health.wake <- struct{}{}:
	default:
	}
}

// begin marks every channel that can be looked at as being looked at.
func (h *health) begin(m *Moderator) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, adapter := range m.cfg.Adapters {
		if _, ok := adapter.(Checker); ok {
			found := h.channels[id]
			found.Running = true
			h.channels[id] = found
		}
	}
}

// CheckChannels looks at all channels, at the start, every Config.CheckEvery, and when it is asked to, until ctx is cancelled. [Moderator.Run]
// does so, too; by itself it is for a process that only has the console.
func (m *Moderator) CheckChannels(ctx context.Context) {
	for ctx.Err() == nil {
		m.health.begin(m)
		var wg sync.WaitGroup
		for id, adapter := range m.cfg.Adapters {
			if checker, ok := adapter.(Checker); ok {
				wg.Go(func() { m.check(ctx, id, checker) })
			}
		}
		wg.Wait()
		select {
		case <-time.After(m.cfg.CheckEvery):
		case <-m.health.wake:
		case <-ctx.Done():
		}
	}
}

// check looks at one channel. A checker that panics is a red line, and costs nothing else.
func (m *Moderator) check(ctx context.Context, id string, checker Checker) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	checks := looked(ctx, checker)
	if ctx.Err() == context.Canceled {
		return
	}
	m.health.mu.Lock()
	m.health.channels[id] = ChannelHealth{At: m.now(), Checks: checks}
	m.health.mu.Unlock()
	bad := 0
	for _, c := range checks {
		if !c.OK {
			bad++
		}
		if c.Name == checkToken {
			m.health.heard(id, c.OK)
		}
	}
	if err := m.writeTokens(ctx); err != nil {
		m.log.Warn("what is known of tokens is not written down yet", zap.Error(err))
	}
	if bad > 0 {
		m.log.Warn("a channel is not as it must be", zap.String("channel", id), zap.Int("red", bad))
	}
	m.alerts.wakeUp()
}

// checkToken is the name of the check of an access token.
const checkToken = "token"

func looked(ctx context.Context, checker Checker) (checks []platforms.Check) {
	defer func() {
		if r := recover(); r != nil {
			checks = []platforms.Check{{Name: "check", SV: "Kontrollen gick inte att göra. Felet finns i loggen.", EN: fmt.Sprintf("The check could not be made: %T.", r)}}
		}
	}()
	return checker.Check(ctx)
}
