package facebook

import (
	"context"
	"errors"
	"maps"
	"time"

	"go.uber.org/zap"

	"takhojd/platforms"
)

const (
	// listenEvery is how often Instagram is asked for what it does not tell.
	listenEvery = time.Minute
	// listenTo is how old a medium may be for its comments to be followed so closely.
	listenTo = 7 * 24 * time.Hour
	// longestSilence is the most that Listen waits after a fault.
	longestSilence = 10 * time.Minute
)

// mostHeard is how many comments are remembered of what the webhook told. More do not come in a minute.
const mostHeard = 10_000

// glimpse is what comments said when last seen, by their ids.
type glimpse map[string]platforms.Comment

// Told takes note of what the webhook told, once it is durable. [Instagram.Listen] then finds out, too, what was edited or removed before
// it had ever seen it: most people who regret a comment do so within the minute.
func (p *Instagram) Told(events []platforms.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.heard == nil {
		p.heard = glimpse{}
	}
	for _, e := range events {
		if len(p.heard) < mostHeard && !e.Incomplete && e.Comment.Ref.Channel == p.cfg.Channel.ID {
			p.heard[e.Comment.Ref.Comment] = e.Comment
		}
	}
}

// told is what the webhook told so far; forget leaves out what has been compared.
func (p *Instagram) told() glimpse {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.heard)
}

func (p *Instagram) forget(compared glimpse) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range compared {
		delete(p.heard, id)
	}
}

// Listen asks, every minute, for the comments of media that are at most a week old, and hands over what differs from the time before:
// new comments (as Edited, for that is how they stand), edits, hides, comments shown again and removals. When it begins, every comment of
// the last day is new to it, and what happened to older ones is left to CatchUp.
//
// It costs a call, and one for each fifty comments of those media; it makes none while more than 60 percent of a quota are spent. It ends when ctx is
// cancelled, and with platforms.ErrTokenDead; after any other fault it asks again, after twice as long each time.
func (p *Instagram) Listen(ctx context.Context, sink func(context.Context, []platforms.Event) error) error {
	var seen map[string]glimpse
	pause := p.cfg.ListenEvery
	for {
		now, err := p.look(ctx, seen, sink)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, platforms.ErrTokenDead):
			return err
		case err != nil:
			pause = min(2*pause, max(longestSilence, p.cfg.ListenEvery))
			var wait *platforms.RetryAfterError
			if errors.As(err, &wait) {
				pause = max(pause, wait.At.Sub(p.cfg.Now()))
			}
			p.cfg.Log.Warn("facebook: Instagram could not be asked", zap.String("channel", p.cfg.Channel.ID), zap.Duration("again_in", pause), zap.Error(err))
		default:
			seen, pause = now, p.cfg.ListenEvery
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}

// look asks once, and hands over what differs from what was seen before.
//
// If sink fails, or we die, nothing of this time is taken for seen: the next time hands it over again.
func (p *Instagram) look(ctx context.Context, before map[string]glimpse, sink func(context.Context, []platforms.Event) error) (map[string]glimpse, error) {
	if err := p.usage.spare(p.cfg.Now()); err != nil {
		return nil, err
	}
	asked := p.cfg.Now()
	if before == nil {
		if _, err := p.belongs(ctx); err != nil {
			return nil, err
		}
	}
	media, err := p.media(ctx, asked.Add(-listenTo))
	if err != nil {
		return nil, err
	}
	seen, told := map[string]glimpse{}, p.told()
	for _, m := range media {
		comments := glimpse{}
		asked := p.cfg.Now() // what changes while we read is told next time
		err := p.comments(ctx, m.id, func(batch []platforms.Comment) error {
			for _, c := range batch {
				comments[c.Ref.Comment] = c
			}
			return nil
		})
		if errors.Is(err, platforms.ErrGone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		seen[m.id] = comments
		last := before[m.id]
		if before == nil {
			last = olderThan(comments, asked.Add(-reread))
		}
		last = last.and(told, m.id)
		events, err := p.differences(ctx, last, comments, asked)
		if err != nil {
			return nil, err
		}
		if len(events) > 0 {
			if err := sink(ctx, events); err != nil {
				return nil, err
			}
		}
	}
	p.forget(told)
	return seen, nil
}

// and is g with what was told of the medium's comments that are not in it.
func (g glimpse) and(told glimpse, medium string) glimpse {
	all := maps.Clone(g)
	if all == nil {
		all = glimpse{}
	}
	for id, c := range told {
		if _, known := all[id]; !known && c.Post == medium {
			all[id] = c
		}
	}
	return all
}

// olderThan are the comments that were posted before a time.
func olderThan(comments glimpse, at time.Time) glimpse {
	older := glimpse{}
	for id, c := range comments {
		if c.Posted.Before(at) {
			older[id] = c
		}
	}
	return older
}

// differences are what happened between two glimpses of one medium. What is missing in the later is told as removed only when the
// platform, asked for it alone, says that it is gone.
func (p *Instagram) differences(ctx context.Context, before, now glimpse, asked time.Time) ([]platforms.Event, error) {
	var events []platforms.Event
	for id, c := range now {
		last, known := before[id]
		switch {
		case !known:
			// This is how it stands now. A webhook may tell of it, too, with words that were edited since, perhaps within the same second:
			// as an edit this counts for the later of the two.
			events = append(events, p.event(platforms.Edited, c, "poll", asked))
			continue
		case last.Revision() != c.Revision():
			events = append(events, p.event(platforms.Edited, c, "poll", asked))
		}
		switch {
		case c.Hidden && !last.Hidden:
			events = append(events, p.event(platforms.Hidden, c, "poll", asked))
		case !c.Hidden && last.Hidden:
			events = append(events, p.event(platforms.Restored, c, "poll", asked))
		}
	}
	for id, c := range before {
		if _, there := now[id]; there {
			continue
		}
		_, err := p.Fetch(ctx, c.Ref)
		switch {
		case errors.Is(err, platforms.ErrGone):
			events = append(events, p.event(platforms.Removed, c, "poll", asked))
		case err != nil:
			return nil, err
		default:
			now[id] = c // it is there, though the list left it out: to be compared again next time
		}
	}
	return events, nil
}
