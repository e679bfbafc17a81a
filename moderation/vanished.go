package moderation

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"takhojd/moderation/store"
	"takhojd/platforms"
)

const (
	// vanishedPosts is how old a post may be whose comments are looked for: adapters read younger ones in full.
	vanishedPosts = 30 * 24 * time.Hour
	// mostAsked bounds how many comments are asked for after one reading; the next goes on.
	mostAsked = 50
	// askAgain is when a comment that did not come, and was there when it was asked for, is asked for again.
	askAgain = 6 * time.Hour
)

// vanished finds what was removed while nobody told us: comments that stand in the books where the channel was just read, and did not
// come. Each is asked for by itself, and only what the platform then says is gone is taken for removed.
func (m *Moderator) vanished(ctx context.Context, channel platforms.Channel, adapter Adapter, since time.Time, came map[string]bool,
	turn func(ctx context.Context, channel string) error) error {
	if r, ok := adapter.(Rereader); ok {
		since = since.Add(-r.Reread())
	}
	refs, err := m.standing(ctx, channel, since)
	if err != nil {
		return err
	}
	var gone []platforms.Event
	asked := 0
	for _, ref := range refs {
		if came[ref.Comment] || !m.mayAsk(ref) {
			continue
		}
		if asked++; asked > mostAsked {
			break
		}
		if err := turn(ctx, channel.ID); err != nil {
			return err
		}
		_, err := adapter.Fetch(ctx, ref)
		var wait *platforms.RetryAfterError
		if errors.As(err, &wait) { // hides read with the same call
			m.outbox.pause(Pause{Channel: channel.ID, Call: callRead, Until: wait.At, Why: WaitThrottled})
		}
		switch {
		case errors.Is(err, platforms.ErrGone):
			gone = append(gone, platforms.Event{Kind: platforms.Removed, Comment: platforms.Comment{Ref: ref}, At: m.now(), Via: viaBackfill})
		case err != nil:
			// What came is received; whether these are gone is seen after the next reading.
			m.log.Warn("comments that did not come are not asked for", zap.String("channel", channel.ID), zap.String("reason", reason(err)), zap.Error(err))
			return m.Receive(ctx, gone)
		default:
			m.asked.Store(ref, m.now())
		}
	}
	return m.Receive(ctx, gone)
}

// standing lists what stands or is hidden on a channel's younger posts and was posted after a time, the youngest first.
func (m *Moderator) standing(ctx context.Context, channel platforms.Channel, since time.Time) (refs []platforms.Ref, err error) {
	err = m.db.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(`SELECT c.comment_id FROM posts p JOIN comments c ON c.platform = p.platform AND c.channel = p.channel AND c.post_id = p.post_id
			WHERE p.platform = $1 AND p.channel = $2 AND (p.posted_at >= $3 OR p.posted_at = 0) AND c.posted_at >= $4
			AND c.state IN ('standing', 'hidden') ORDER BY c.posted_at DESC LIMIT 1000`,
			string(channel.Platform), channel.ID, m.now().Add(-vanishedPosts), since)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			ref := platforms.Ref{Platform: channel.Platform, Channel: channel.ID}
			if err := rows.Scan(&ref.Comment); err != nil {
				return err
			}
			refs = append(refs, ref)
		}
		return rows.Err()
	})
	return refs, err
}

// mayAsk tells whether a comment was not asked for lately.
func (m *Moderator) mayAsk(ref platforms.Ref) bool {
	at, ok := m.asked.Load(ref)
	if ok && m.now().Sub(at.(time.Time)) < askAgain {
		return false
	}
	m.asked.Delete(ref)
	return true
}
