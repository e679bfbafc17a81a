package facebook

import (
	"context"
	"errors"
	"maps"
	"slices"
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

// told is what the webhook told of a medium's comments so far. forget leaves out what has been compared.
func (p *Instagram) told(medium string) glimpse {
	p.mu.Lock()
	defer p.mu.Unlock()
	told := glimpse{}
	for id, c := range p.heard {
		if c.Post == medium {
			told[id] = c
		}
	}
	return told
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
// the last day is new to it, and what happened to older ones before that is left to CatchUp.
//
// It costs a call, and one for each fifty comments of those media; it rests while more than 60 percent of a quota are spent. It ends when
// ctx is cancelled, and with platforms.ErrTokenDead; after any other fault it asks again, after twice as long each time.
func (p *Instagram) Listen(ctx context.Context, sink func(context.Context, []platforms.Event) error) error {
	seen := map[string]glimpse{} // by medium
	pause := p.cfg.ListenEvery
	for {
		err := p.look(ctx, seen, sink)
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
			pause = p.cfg.ListenEvery
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

// look asks once, hands over what differs from what was seen before, and notes what is seen now, medium by medium.
//
// If sink fails, or we die, what was about to be handed over is not taken for seen: the next time hands it over again.
func (p *Instagram) look(ctx context.Context, seen map[string]glimpse, sink func(context.Context, []platforms.Event) error) error {
	if err := p.usage.spare(p.cfg.Now()); err != nil {
		return err
	}
	if len(seen) == 0 { // with a token that is not the account's, lists look empty
		if _, err := p.belongs(ctx); err != nil {
			return err
		}
	}
	began := p.cfg.Now()
	media, err := p.media(ctx, began.Add(-listenTo))
	if err != nil {
		return err
	}
	for i, m := range media {
		if i > 0 {
			err = p.usage.spare(p.cfg.Now())
		}
		if err == nil {
			err = p.lookAt(ctx, m.id, seen, sink)
		}
		if err != nil && !errors.Is(err, platforms.ErrGone) {
			return err
		}
	}
	followed := func(medium string) bool {
		return slices.ContainsFunc(media, func(m listed) bool { return m.id == medium })
	}
	maps.DeleteFunc(seen, func(medium string, _ glimpse) bool { return !followed(medium) })
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.heard, func(_ string, c platforms.Comment) bool { return !followed(c.Post) && c.Posted.Before(began) })
	return nil
}

// lookAt asks for the comments of one medium.
func (p *Instagram) lookAt(ctx context.Context, medium string, seen map[string]glimpse, sink func(context.Context, []platforms.Event) error) error {
	asked := p.cfg.Now() // what changes while we read is told next time
	now := glimpse{}
	if err := p.comments(ctx, medium, func(batch []platforms.Comment) error {
		for _, c := range batch {
			now[c.Ref.Comment] = c
		}
		return nil
	}); err != nil {
		return err
	}
	before, known := seen[medium]
	if !known {
		before = now.olderThan(asked.Add(-reread))
	}
	told := p.told(medium)
	events, err := p.differences(ctx, before.and(told), now, asked)
	if err == nil && len(events) > 0 {
		err = sink(ctx, events)
	}
	if err != nil {
		return err
	}
	seen[medium] = now
	p.forget(told)
	return nil
}

// and is g with those comments of told that are not in it.
func (g glimpse) and(told glimpse) glimpse {
	all := maps.Clone(told)
	maps.Copy(all, g)
	return all
}

// olderThan are the comments that were posted before a time.
func (g glimpse) olderThan(at time.Time) glimpse {
	older := glimpse{}
	for id, c := range g {
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
