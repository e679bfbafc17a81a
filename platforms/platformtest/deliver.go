package platformtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"takhojd/platforms"
)

const (
	// lanes is how many deliveries are under way at once. A comment's deliveries keep to one lane, and so keep their order.
	lanes = 8
	// firstRetry doubles up to lastRetry. The real platform is far slower; tests are not.
	firstRetry = 50 * time.Millisecond
	lastRetry  = 2 * time.Second
	// overtaken is how long a reordered delivery stands aside.
	overtaken = 200 * time.Millisecond
)

// Webhooks is what became of the deliveries, counted in changes.
type Webhooks struct {
	URL string `json:"url"`
	// Pending are those not yet accepted, held ones included.
	Pending int `json:"pending"`
	// Accepted were answered 2xx, Attempts were POSTed, Dropped never left.
	Accepted int `json:"accepted"`
	Attempts int `json:"attempts"`
	Dropped  int `json:"dropped"`
	// Duplicates were delivered a second time. Of the Forged, with a wrong signature, ForgedAccepted were answered 2xx.
	Duplicates     int `json:"duplicates"`
	Forged         int `json:"forged"`
	ForgedAccepted int `json:"forged_accepted"`
}

// told is one change on its way to the webhook.
type told struct {
	front   front
	account Account
	comment *CommentState
	at      time.Time
	change  json.RawMessage
	forged  bool
}

// deliverer POSTs changes to the webhook until they are accepted.
type deliverer struct {
	world  *world
	chance *chance
	batch  int
	log    *zap.Logger
	client *http.Client
	ctx    context.Context
	wg     sync.WaitGroup

	mu    sync.Mutex
	more  *sync.Cond
	queue [lanes][]told
	stats Webhooks
	moved chan struct{} // closed and made anew whenever something was accepted
}

func newDeliverer(ctx context.Context, w *world, c *chance, opts Options) *deliverer {
	d := &deliverer{world: w, chance: c, batch: max(opts.Batch, 1), log: opts.Log, ctx: ctx,
		client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: lanes}},
		stats:  Webhooks{URL: opts.WebhookURL}, moved: make(chan struct{})}
	d.more = sync.NewCond(&d.mu)
	context.AfterFunc(ctx, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.more.Broadcast()
	})
	for lane := range lanes {
		d.wg.Go(func() { d.run(lane) })
	}
	return d
}

// enqueue puts a change on its way, through whatever faults it meets. It is called with the world locked: the order in which
// changes happen is the order in which they leave.
func (d *deliverer) enqueue(c *CommentState, verb string, change json.RawMessage) {
	f, key := d.chance.delivery(verb, c.ID)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stats.URL == "" {
		return
	}
	if d.chance.throw(f.WebhookDrop, "drop", key) {
		d.stats.Dropped++
		return
	}
	account, _ := d.world.account(func(a Account) bool { return a.ID == c.Account })
	t := told{front: d.world.fronts[account.Platform], account: account, comment: c, at: d.world.now(), change: change}
	h := fnv.New32a()
	_, _ = h.Write([]byte(c.ID))
	lane := int(h.Sum32() % lanes)
	if d.chance.throw(f.WebhookWrongSignature, "signature", key) {
		forged := t
		forged.forged = true
		d.stats.Forged++
		d.pushLocked(lane, forged)
	}
	copies := 1
	if d.chance.throw(f.WebhookDuplicate, "duplicate", key) {
		d.stats.Duplicates++
		copies = 2
	}
	for range copies {
		switch {
		case d.chance.throw(f.WebhookLate, "late", key):
			d.holdLocked(lane, t, time.Duration(f.WebhookLateMS)*time.Millisecond)
		case d.chance.throw(f.WebhookReorder, "reorder", key):
			d.holdLocked(lane, t, overtaken)
		default:
			d.pushLocked(lane, t)
		}
	}
}

func (d *deliverer) pushLocked(lane int, t told) {
	d.stats.Pending++
	d.queue[lane] = append(d.queue[lane], t)
	d.more.Broadcast()
}

// holdLocked lets t stand aside for a while, and then join at the end of the queue.
func (d *deliverer) holdLocked(lane int, t told, wait time.Duration) {
	d.stats.Pending++
	time.AfterFunc(wait, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.stats.Pending--
		d.pushLocked(lane, t)
	})
}

// run delivers what comes to a lane, one POST at a time.
func (d *deliverer) run(lane int) {
	for {
		d.mu.Lock()
		for len(d.queue[lane]) == 0 && d.ctx.Err() == nil {
			d.more.Wait()
		}
		if d.ctx.Err() != nil {
			d.mu.Unlock()
			return
		}
		n := 1
		first := d.queue[lane][0]
		most := d.batch
		if _, alone := first.front.(interface{ oneByOne() }); alone {
			most = 1
		}
		for n < len(d.queue[lane]) && n < most && d.queue[lane][n].account.ID == first.account.ID && d.queue[lane][n].forged == first.forged {
			n++
		}
		post := d.queue[lane][:n:n]
		d.queue[lane] = d.queue[lane][n:]
		d.mu.Unlock()
		d.untilAccepted(post)
	}
}

// untilAccepted POSTs again and again. Only a forged delivery is tried once.
func (d *deliverer) untilAccepted(post []told) {
	changes := make([]json.RawMessage, len(post))
	for i, t := range post {
		changes[i] = t.change
	}
	body, header := post[0].front.delivery(post[0].account.ID, post[0].at, changes, post[0].forged)
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		ok := d.attempt(post, body, header)
		if ok || post[0].forged {
			d.done(post, ok)
			return
		}
		select {
		case <-time.After(wait):
		case <-d.ctx.Done():
			return
		}
	}
}

func (d *deliverer) attempt(post []told, body []byte, header http.Header) bool {
	d.world.mu.Lock()
	for _, t := range post {
		t.comment.WebhookAttempts++
	}
	d.world.mu.Unlock()
	d.mu.Lock()
	d.stats.Attempts += len(post)
	address := addressFor(d.stats.URL, post[0].account.Platform)
	d.mu.Unlock()
	req, err := http.NewRequestWithContext(d.ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		d.log.Warn("platformtest: the webhook's address cannot be used", zap.Error(err))
		return false
	}
	req.Header = header.Clone()
	req.Header.Set("Content-Type", "application/json")
	res, err := d.client.Do(req)
	if err != nil {
		d.log.Debug("platformtest: webhook not delivered", zap.Error(err))
		return false
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	_ = res.Body.Close()
	return res.StatusCode >= 200 && res.StatusCode < 300
}

func (d *deliverer) done(post []told, accepted bool) {
	forged := post[0].forged
	if accepted && !forged {
		d.world.mu.Lock()
		for _, t := range post {
			t.comment.WebhookAccepted++
		}
		d.world.mu.Unlock()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats.Pending -= len(post)
	switch {
	case forged && accepted:
		d.stats.ForgedAccepted += len(post)
	case accepted:
		d.stats.Accepted += len(post)
	}
	close(d.moved)
	d.moved = make(chan struct{})
}

// settled waits until nothing is pending.
func (d *deliverer) settled(ctx context.Context) error {
	for {
		d.mu.Lock()
		pending, moved := d.stats.Pending, d.moved
		d.mu.Unlock()
		if pending == 0 {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("platformtest: %d deliveries are not accepted: %w", pending, ctx.Err())
		case <-d.ctx.Done():
			return fmt.Errorf("platformtest: closed with %d deliveries not accepted", pending)
		}
	}
}

// addressFor is a platform's webhook: the platform's name stands for "{platform}" in the address.
func addressFor(address string, p platforms.Platform) string {
	return strings.ReplaceAll(address, "{platform}", string(p))
}

func (d *deliverer) setURL(address string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats.URL = address
}

func (d *deliverer) state() Webhooks {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats
}
