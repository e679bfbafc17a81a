package platformtest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"go.uber.org/zap"
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
	page    string
	comment *CommentState
	at      time.Time
	change  json.RawMessage
	forged  bool
}

// deliverer POSTs changes to the webhook until they are accepted.
type deliverer struct {
	world  *world
	chance *chance
	secret string
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
	d := &deliverer{world: w, chance: c, secret: opts.AppSecret, batch: max(opts.Batch, 1), log: opts.Log, ctx: ctx,
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
	t := told{page: c.Page, comment: c, at: d.world.now(), change: change}
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
		for n < len(d.queue[lane]) && n < d.batch && d.queue[lane][n].page == first.page && d.queue[lane][n].forged == first.forged {
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
	body := d.body(post)
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		ok := d.attempt(post, body)
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

// body is what the platform POSTs for these changes, all of one page.
func (d *deliverer) body(post []told) []byte {
	changes := make([]json.RawMessage, len(post))
	for i, t := range post {
		changes[i] = t.change
	}
	body, _ := json.Marshal(map[string]any{"object": "page", "entry": []any{
		map[string]any{"id": post[0].page, "time": post[0].at.Unix(), "changes": changes}}})
	return body
}

func (d *deliverer) attempt(post []told, body []byte) bool {
	d.world.mu.Lock()
	for _, t := range post {
		t.comment.WebhookAttempts++
	}
	d.world.mu.Unlock()
	d.mu.Lock()
	d.stats.Attempts += len(post)
	address := d.stats.URL
	d.mu.Unlock()
	req, err := http.NewRequestWithContext(d.ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		d.log.Warn("platformtest: the webhook's address cannot be used", zap.Error(err))
		return false
	}
	secret := d.secret
	if post[0].forged {
		secret = "not " + secret
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Hub-Signature-256", sign(secret, body))
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

func (d *deliverer) handshake(ctx context.Context, verifyToken string) error {
	const challenge = "1158201444"
	address, err := url.Parse(d.state().URL)
	if err != nil {
		return fmt.Errorf("platformtest: handshake: %w", err)
	}
	q := address.Query()
	q.Set("hub.mode", "subscribe")
	q.Set("hub.verify_token", verifyToken)
	q.Set("hub.challenge", challenge)
	address.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return fmt.Errorf("platformtest: handshake: %w", err)
	}
	res, err := d.client.Do(req)
	if err != nil {
		return fmt.Errorf("platformtest: handshake: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	if err == nil && (res.StatusCode != http.StatusOK || string(body) != challenge) {
		err = fmt.Errorf("HTTP %d, and not the challenge", res.StatusCode)
	}
	if err != nil {
		return fmt.Errorf("platformtest: handshake: %w", err)
	}
	return nil
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

// sign is the platform's signature over a body.
func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
