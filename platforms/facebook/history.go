package facebook

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"takhojd/platforms"
)

const (
	// recentPosts is how old a post may be to be read at every catching up. Citizens comment on what is new.
	recentPosts = 30 * 24 * time.Hour
	// wholeEvery is how often all posts are read, of whatever age.
	wholeEvery = 24 * time.Hour
	// oldAtATime is how many old posts are read at one catching up, when nothing more is owed: the rest waits for the next, so that new
	// posts are not kept waiting by a long history.
	oldAtATime = 50
	// reread is how far back before the asked-for time comments are read again, so that edits and hides that no webhook told
	// of are seen.
	reread = 24 * time.Hour
)

// Reread is how far before the asked-for time [Page.CatchUp] hands over again what stands on recent posts.
func (p *Page) Reread() time.Duration { return reread }

// Reread is how far before the asked-for time [Instagram.CatchUp] hands over again what stands on recent media.
func (p *Instagram) Reread() time.Duration { return reread }

// listed is a post as a list of posts shows it.
type listed struct {
	id string
	// posted is when it was published, active when last something happened under it; zero where the platform does not say.
	posted, active time.Time
	// quiet is true when the platform says that nobody has commented.
	quiet bool
}

// history follows how much of an account's posts has been read. The zero history has read none, and then all are read once. It is kept
// in memory only: a new process begins anew.
type history struct {
	mu sync.Mutex
	// since and at are of the last reading of all posts: what it went back to, and when it began.
	since, at time.Time
	// whole is the reading of all posts that is under way.
	whole *whole
}

// whole is a reading of all old posts, which may take several rounds.
type whole struct {
	since, at time.Time
	left      []listed
}

// read reads the comments of recent posts, and then those of old ones: all of them where since goes back further than any reading
// before, else a few at a time. list gives the posts that were published at or after a time, newest first; comments reads a post's
// comments back to a horizon.
//
// It returns nil only when all that was said since is handed over. When it fails midway the next call with the same since goes on with
// the old posts where this one ended.
func (h *history) read(ctx context.Context, c *client, since time.Time, list func(context.Context, time.Time) ([]listed, error),
	comments func(ctx context.Context, post string, horizon time.Time) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := c.cfg.Now()
	owed := h.since.IsZero() || since.Before(h.since)
	recent := now.Add(-recentPosts)
	begin := h.whole == nil && now.Sub(h.at) >= wholeEvery || owed && (h.whole == nil || since.Before(h.whole.since))
	back := recent
	if begin {
		back = time.Time{}
	}
	posts, err := list(ctx, back)
	if err != nil {
		return err
	}
	var old []listed
	for _, p := range posts {
		if !p.posted.IsZero() && p.posted.Before(recent) {
			old = append(old, p)
			continue
		}
		if err := readPost(ctx, p, since.Add(-reread), comments); err != nil {
			return err
		}
	}
	if begin {
		h.begin(since, now, old)
	}
	if h.whole == nil {
		return nil
	}
	if owed {
		return h.readOld(ctx, c, len(h.whole.left), comments)
	}
	var wait *platforms.RetryAfterError
	if err := h.readOld(ctx, c, oldAtATime, comments); !errors.As(err, &wait) {
		return err
	}
	return nil // what was asked for is read; the rest waits for the next time
}

// begin begins a reading of all old posts: those first where something happened of late.
func (h *history) begin(since, now time.Time, old []listed) {
	if h.since.IsZero() || since.Before(h.at) {
		h.whole = &whole{since: since, at: now}
	} else {
		h.whole = &whole{since: h.at, at: now} // nothing was read of these since then
	}
	old = slices.DeleteFunc(old, func(p listed) bool { return p.quiet })
	slices.SortStableFunc(old, func(a, b listed) int { return b.active.Compare(a.active) })
	h.whole.left = old
}

// readOld reads at most so many of the old posts that are left, as long as there is room for it in the quota.
func (h *history) readOld(ctx context.Context, c *client, most int, comments func(context.Context, string, time.Time) error) error {
	for ; most > 0 && len(h.whole.left) > 0; most-- {
		if err := c.usage.spare(c.cfg.Now()); err != nil {
			return err
		}
		if err := readPost(ctx, h.whole.left[0], h.whole.since.Add(-reread), comments); err != nil {
			return err
		}
		h.whole.left = h.whole.left[1:]
	}
	if len(h.whole.left) == 0 {
		h.since, h.at, h.whole = h.whole.since, h.whole.at, nil
	}
	return nil
}

// readPost reads one post's comments. A post that was deleted meanwhile took its comments along.
func readPost(ctx context.Context, p listed, horizon time.Time, comments func(context.Context, string, time.Time) error) error {
	if err := comments(ctx, p.id, horizon); err != nil && !errors.Is(err, platforms.ErrGone) {
		return err
	}
	return nil
}
