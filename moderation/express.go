package moderation

import (
	"context"
	"errors"
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
	m     *Moderator
	queue chan *delivery

	mu      sync.RWMutex
	running bool
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
	return &express{m: m, queue: make(chan *delivery, expressLimit)}
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
	if !x.join(d) {
		return errByInbox
	}
	return <-d.done
}

// join lets a delivery wait for its turn; it says no when it had better not.
func (x *express) join(d *delivery) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if !x.running {
		return false
	}
	select {
	case x.queue <- d:
		return true
	default:
		return false
	}
}

// run takes deliveries until ctx is cancelled; those that wait then go by the inbox.
func (x *express) run(ctx context.Context) {
	x.mu.Lock()
	x.running = true
	x.mu.Unlock()
	var together []*delivery
	for {
		select {
		case d := <-x.queue:
			together = x.gather(append(together[:0], d))
			x.work(ctx, together)
		case <-ctx.Done():
			x.mu.Lock()
			x.running = false // from here on nobody joins
			x.mu.Unlock()
			for {
				select {
				case d := <-x.queue:
					d.done <- errByInbox
				default:
					return
				}
			}
		}
	}
}

// gather adds what waits.
func (x *express) gather(together []*delivery) []*delivery {
	for n := len(together[0].entries); n < expressBatch; {
		select {
		case d := <-x.queue:
			together = append(together, d)
			n += len(d.entries)
		default:
			return together
		}
	}
	return together
}

// work takes deliveries in one transaction; when that fails, each in one of its own, so that one alone is left for the inbox.
func (x *express) work(ctx context.Context, together []*delivery) {
	var all delivery
	for _, d := range together {
		all.entries, all.ahead = append(all.entries, d.entries...), append(all.ahead, d.ahead...)
	}
	tell, err := x.m.takeUntold(ctx, all.entries, all.ahead)
	for _, d := range together {
		if err != nil && !errors.Is(err, errByInbox) && len(together) > 1 {
			d.done <- x.alone(ctx, d)
		} else {
			d.done <- byInbox(err)
		}
	}
	if err == nil {
		tell()
	}
}

func (x *express) alone(ctx context.Context, d *delivery) error {
	return byInbox(x.m.take(ctx, d.entries, d.ahead))
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
