package moderation

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"takhojd/moderation/inbox"
	"takhojd/moderation/store"
	"takhojd/platforms"
)

// express takes deliveries along the path in the very transaction that makes them durable: what is judged at once need not be written into
// the inbox, read, and taken off again, which costs more than the judging. Whatever can't go this way – another node's channel, a comment
// that must be read first, something before it that waits in the inbox, a fault, a stop, too much at once – goes by the inbox.
//
// If we die before the commit, the platform has no 200 and delivers again. If we die right after it, what was decided is there, and what
// the platform delivers again is known.
type express struct {
	m *Moderator

	mu      sync.Mutex
	waiting []*delivery
	running bool
	// leading is true while somebody takes what waits; rests is told when that ends.
	leading bool
	rests   sync.Cond
}

// delivery is what came in one request.
type delivery struct {
	entries []inbox.Entry
	ahead   []*foreseen
	done    chan error
}

const (
	// expressLimit is how many deliveries may wait. Those beyond are sooner durable in the inbox.
	expressLimit = 256
	// expressBatch is after how many events no further delivery joins a transaction: the first of a batch waits for all.
	expressBatch = 256
)

// errByInbox says that a delivery must go by the inbox.
var errByInbox = errors.New("moderation: not by express")

func newExpress(m *Moderator) *express {
	x := &express{m: m}
	x.rests.L = &x.mu
	return x
}

// take returns nil when what came is durable and decided, errByInbox when it is neither.
func (x *express) take(events []platforms.Event, received time.Time) error {
	if len(events) > expressBatch { // a full reading's: others wait for the writer, too
		return errByInbox
	}
	for _, e := range events {
		ref := e.Comment.Ref
		if e.Incomplete || x.m.leases.holds(context.Background(), ref.Channel) == nil {
			return errByInbox
		}
	}
	d := &delivery{done: make(chan error, 1)}
	for _, e := range events {
		d.entries = append(d.entries, inbox.Entry{Event: e, Received: received})
		d.ahead = append(d.ahead, x.m.foresee(e))
	}
	joined, lead := x.join(d)
	if !joined {
		return errByInbox
	}
	if lead {
		x.lead(d)
	}
	return <-d.done
}

// join lets a delivery wait for its turn; it says no when it had better not. Who finds nobody at work is to lead: nobody need be woken for it.
func (x *express) join(d *delivery) (joined, lead bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.running || len(x.waiting) >= expressLimit {
		return false, false
	}
	x.waiting = append(x.waiting, d)
	lead = !x.leading
	x.leading = true
	return true, lead
}

// lead takes what waits until nothing does, or until its own delivery is done: what is left then is not its caller's to wait for.
func (x *express) lead(own *delivery) {
	for {
		together := x.gather()
		if len(together) == 0 {
			return
		}
		tell := x.work(together)
		if own != nil && len(own.done) > 0 {
			go func() {
				tell()
				x.lead(nil)
			}()
			return
		}
		tell()
	}
}

// gather takes what waits; of none it ends the lead.
func (x *express) gather() (together []*delivery) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for n := 0; n < expressBatch && len(together) < len(x.waiting); {
		d := x.waiting[len(together)]
		together = append(together, d)
		n += len(d.entries)
	}
	x.waiting = slices.Delete(x.waiting, 0, len(together))
	if len(together) == 0 {
		x.leading = false
		x.rests.Broadcast()
	}
	return together
}

// run lets deliveries be taken until ctx is cancelled; those that wait then go by the inbox.
func (x *express) run(ctx context.Context) {
	x.mu.Lock()
	x.running = true
	x.mu.Unlock()
	<-ctx.Done()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.running = false // from here on nobody joins
	for _, d := range x.waiting {
		d.done <- errByInbox
	}
	x.waiting = nil
	for x.leading {
		x.rests.Wait()
	}
}

// work takes deliveries in one transaction; when that fails, each in one of its own, so that one alone is left for the inbox. What it returns is to
// be called when somebody has time for it.
func (x *express) work(together []*delivery) (tell func()) {
	var all delivery
	for _, d := range together {
		all.entries, all.ahead = append(all.entries, d.entries...), append(all.ahead, d.ahead...)
	}
	tell, err := x.m.takeUntold(context.Background(), all.entries, all.ahead)
	if err == nil {
		for _, d := range together {
			d.done <- nil
		}
		return tell
	}
	for _, d := range together {
		if !errors.Is(err, errByInbox) && len(together) > 1 {
			d.done <- x.alone(d)
		} else {
			d.done <- errByInbox
		}
	}
	return func() {}
}

func (x *express) alone(d *delivery) error {
	return byInbox(x.m.take(context.Background(), d.entries, d.ahead))
}

// byInbox lets the inbox try what failed: it alone knows how often it was tried, and it keeps what never works.
func byInbox(err error) error {
	if err != nil {
		return errByInbox
	}
	return nil
}

// first makes sure that nothing waits in the inbox that came before: what came first is judged first, as far as that can be had. What it returns
// is called when that is answered.
func (w *walk) first(entries []inbox.Entry) (first func() error) {
	asked, waits := "", false
	for _, e := range entries {
		if channel := e.Event.Comment.Ref.Channel; channel != asked {
			asked = channel
			inbox.AskWaits(w.tx, channel, w.now, &waits)
		}
	}
	return func() error {
		if waits {
			return store.Final(errByInbox)
		}
		return nil
	}
}
