package platformtest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"takhojd/archive"
	"takhojd/platforms"
)

// conformFaults is what may go wrong, and what must come of it.
var conformFaults = []conformTest{
	{"throttled", throttled},
	{"token dead", tokenDead},
	{"faults that pass", passingFaults},
	{"a deadline is kept", deadlineKept},
	{"listening with a dead token gives up", listeningGivesUp},
	{"a delivery that was not kept comes again", notKept},
	{"forged deliveries are not taken", forged},
	{"deliveries out of order, late and twice", outOfOrder},
}

// ask is one of the calls that every adapter has, as often as it is wanted.
type ask struct {
	name string
	do   func(context.Context, Adapter) error
	// done tells whether it took effect; nil where there is none.
	done func() bool
}

// asks are the calls that faults are tried on.
func (s *site) asks() []ask {
	c, d := s.say("Dölj mig."), s.say("Ta bort mig.")
	hide, remove := s.receipt(s.ref(c.ID)), archive.Receipt{}
	list := []ask{
		{"fetch", func(ctx context.Context, a Adapter) error { _, err := a.Fetch(ctx, s.ref(c.ID)); return err }, nil},
		{"catch up", func(ctx context.Context, a Adapter) error {
			return a.CatchUp(ctx, s.start.Add(-time.Hour), func(context.Context, []platforms.Event) error { return nil })
		}, nil},
		{"post", func(ctx context.Context, a Adapter) error { _, err := a.FetchPost(ctx, s.post.ID); return err }, nil},
	}
	can := s.adapter.Capabilities()
	if can.Hide {
		list = append(list,
			ask{"hide", func(ctx context.Context, a Adapter) error { return a.Hide(ctx, hide) }, func() bool { return s.there(c.ID).Hidden }},
			ask{"unhide", func(ctx context.Context, a Adapter) error { return a.Unhide(ctx, s.ref(c.ID)) }, func() bool { return !s.there(c.ID).Hidden }})
	}
	if can.Delete {
		remove = s.receipt(s.ref(d.ID))
		list = append(list, ask{"delete", func(ctx context.Context, a Adapter) error {
			err := a.Delete(ctx, remove)
			if errors.Is(err, platforms.ErrGone) && s.there(d.ID).Deleted {
				return nil // by the attempt whose answer was lost
			}
			return err
		}, func() bool { return s.there(d.ID).Deleted }})
	}
	return list
}

// kindOf is what an error means by package platforms.
func kindOf(err error) string {
	var wait *platforms.RetryAfterError
	switch {
	case err == nil:
		return "no error"
	case errors.As(err, &wait):
		return "RetryAfterError"
	case errors.Is(err, platforms.ErrTokenDead):
		return "ErrTokenDead"
	case errors.Is(err, platforms.ErrGone):
		return "ErrGone"
	case errors.Is(err, platforms.ErrNotPermitted):
		return "ErrNotPermitted"
	case errors.Is(err, platforms.ErrUnsupported):
		return "ErrUnsupported"
	}
	return "a fault"
}

func throttled(s *site) {
	const minutes = 7
	for _, a := range s.asks() {
		s.faults(Faults{Errors: []Refusal{{Kind: Throttled, RegainMinutes: minutes}}})
		adapter := s.another(s.subject.Account)
		err := a.do(s.soon(), adapter)
		s.discreet(err)
		var wait *platforms.RetryAfterError
		if !errors.As(err, &wait) {
			s.Errorf("%s: %v, want a RetryAfterError", a.name, err)
			continue
		}
		if d := time.Until(wait.At); d < (minutes-1)*time.Minute || d > (minutes+2)*time.Minute {
			s.Errorf("%s: told to wait %v, want %d minutes", a.name, d, minutes)
		}
		calls := s.calls()
		if err := a.do(s.soon(), adapter); kindOf(err) != "RetryAfterError" {
			s.Errorf("%s again at once: %v, want a RetryAfterError", a.name, err)
		}
		if n := s.calls() - calls; n != 0 {
			s.Errorf("%s: %d calls were made although the platform asked for none", a.name, n)
		}
		s.faults(Faults{})
		if err := a.do(s.soon(), s.another(s.subject.Account)); err != nil {
			s.Errorf("%s when there is room again: %v", a.name, err)
		}
	}
}

func tokenDead(s *site) {
	for _, a := range s.asks() {
		s.faults(Faults{Errors: []Refusal{{Kind: TokenDead}}})
		err := a.do(s.soon(), s.another(s.subject.Account))
		s.discreet(err)
		if !errors.Is(err, platforms.ErrTokenDead) {
			s.Errorf("%s with a dead token: %v, want ErrTokenDead", a.name, err)
		}
		s.faults(Faults{})
		err = a.do(s.soon(), s.another(s.wrongToken()))
		s.discreet(err)
		if !errors.Is(err, platforms.ErrTokenDead) {
			s.Errorf("%s with a wrong token: %v, want ErrTokenDead", a.name, err)
		}
		if err := a.do(s.soon(), s.another(s.subject.Account)); err != nil {
			s.Errorf("%s with the right token: %v", a.name, err)
		}
	}
}

// passingFaults meets each fault with each call, and does what moderation does: the same again.
func passingFaults(s *site) {
	for name, f := range map[string]Faults{
		"broken":            {Errors: []Refusal{{Kind: Broken}}},
		"HTTP 500":          {HTTP500: 1},
		"half a body":       {HalfBody: 1},
		"a timeout":         {Timeout: 1, HangMS: 20},
		"an answer is lost": {TimeoutAfter: 1, HangMS: 20},
	} {
		for _, a := range s.asks() {
			s.faults(f)
			err := a.do(s.soon(), s.adapter)
			s.discreet(err)
			lost := a.done != nil && a.name == "delete" && a.done() // by our own retry of what was done
			if kind := kindOf(err); kind != "a fault" && !lost {
				s.Errorf("%s: %s is taken for %s: %v", name, a.name, kind, err)
			}
			s.faults(Faults{})
			if err := a.do(s.soon(), s.adapter); err != nil {
				s.Errorf("%s: %s again: %v", name, a.name, err)
			}
			if a.done != nil && !a.done() {
				s.Errorf("%s: %s again: it was not done", name, a.name)
			}
		}
	}
	s.faults(Faults{HTTP429: 1})
	c := s.say("Hej.")
	if _, err := s.another(s.subject.Account).Fetch(s.soon(), s.ref(c.ID)); kindOf(err) != "RetryAfterError" {
		s.Errorf("HTTP 429 without a word: %v, want a RetryAfterError", err)
	}
}

func deadlineKept(s *site) {
	c := s.say("Hej.")
	s.faults(Faults{Timeout: 1, HangMS: int(patience.Milliseconds())})
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if _, err := s.adapter.Fetch(ctx, s.ref(c.ID)); !errors.Is(err, context.DeadlineExceeded) {
		s.Errorf("%v, want the deadline", err)
	}
}

func listeningGivesUp(s *site) {
	l, ok := s.another(s.wrongToken()).(listener)
	if !ok {
		s.Skip("it does not listen")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := l.Listen(ctx, s.take)
	s.discreet(err)
	if !errors.Is(err, platforms.ErrTokenDead) {
		s.Errorf("%v, want ErrTokenDead", err)
	}
}

// notKept lets the first deliveries meet a full disk.
func notKept(s *site) {
	if s.subject.Webhook == nil {
		s.Skip("it has no webhook")
	}
	var refused atomic.Int32
	full := errors.New("the disk is full")
	s.deliverTo(func(ctx context.Context, events []platforms.Event) error {
		if refused.Add(1) <= 2 {
			return full
		}
		return s.take(ctx, events)
	})
	c := s.say("Hej.")
	s.must(s.Settled(s.soon()))
	if !s.heard.knows(c.ID) || refused.Load() < 3 {
		s.Errorf("after %d deliveries the comment is not known", refused.Load())
	}
	if w := s.State().Webhooks; w.Accepted != 1 {
		s.Errorf("%d deliveries were accepted, want 1", w.Accepted)
	}
}

func forged(s *site) {
	if s.subject.Webhook == nil {
		s.Skip("it has no webhook")
	}
	s.deliverTo(s.take)
	s.faults(Faults{WebhookWrongSignature: 1})
	c := s.say("Äkta.")
	s.must(s.Settled(s.soon()))
	if w := s.State().Webhooks; w.Forged != 1 || w.ForgedAccepted != 0 {
		s.Errorf("of %d forged deliveries %d were accepted", w.Forged, w.ForgedAccepted)
	}
	if k, _ := s.heard.of(c.ID); k.events != 1 {
		s.Errorf("%d events of one comment", k.events)
	}
}

// outOfOrder lets deliveries overtake each other. What is known in the end must be how things stand, by the times that events carry.
func outOfOrder(s *site) {
	if s.subject.Webhook == nil {
		s.Skip("it has no webhook")
	}
	s.deliverTo(s.take)
	// Some are more than a second late: moderation tells events apart by the second.
	s.faults(Faults{WebhookReorder: 0.4, WebhookDuplicate: 0.4, WebhookLate: 0.3, WebhookLateMS: 1100})
	want := map[string]string{}
	removed := map[string]bool{}
	for i := range 20 {
		c := s.say(fmt.Sprint("Före ", i))
		want[c.ID] = c.Text
		if s.delivers(platforms.Edited) {
			want[c.ID] = fmt.Sprint("Efter ", i)
			s.must(s.Edit(c.ID, want[c.ID]))
		}
		if i%3 == 0 && s.delivers(platforms.Removed) {
			removed[c.ID] = true
			s.must(s.Remove(c.ID))
		}
	}
	s.must(s.Settled(s.soon()))
	for id, text := range want {
		if k, _ := s.heard.of(id); k.comment.Text != text || k.removed != removed[id] {
			s.Errorf("%q is known as %q, removed %v", text, k.comment.Text, k.removed)
		}
	}
}
