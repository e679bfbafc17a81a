package moderation

import (
	"context"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"takhojd/platforms"
)

// listen lets an adapter hear of comments by itself until ctx is cancelled. What it hands over is durable before it is told so. When it
// gives up – a dead token – it is begun again after a pause; what was said meanwhile is found by catching up.
func (m *Moderator) listen(ctx context.Context, channel platforms.Channel, listener Listener) {
	for ctx.Err() == nil {
		err := listener.Listen(ctx, m.Receive)
		if ctx.Err() != nil {
			return
		}
		m.refusedToken(channel.ID, err)
		m.log.Error("a channel is not listened to", zap.String("channel", channel.ID), zap.String("reason", reason(err)), zap.Error(err))
		select {
		case <-time.After(m.cfg.BackoffMax/30 + rand.N(m.cfg.BackoffMax/30)):
		case <-ctx.Done():
		}
	}
}
