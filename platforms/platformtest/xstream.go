package platformtest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"takhojd/platforms"
)

const (
	// xKeepAlive is how often a stream that has nothing to say says that it is alive.
	xKeepAlive = 20 * time.Second
	// xBacklog is how many messages a stream holds for a reader that is slow; what is more is lost.
	xBacklog = 4096
)

// pushLocked says something on a stream, if anybody listens.
func (x *xFront) pushLocked(stream string, message []byte) {
	if to, ok := x.streams[stream]; ok {
		select {
		case to <- message:
		default:
		}
	}
}

// stream keeps a connection open until the reader leaves. There is one of each kind.
func (x *xFront) stream(w http.ResponseWriter, r *http.Request, c *xCall, call exchange) {
	s := x.s
	log := s.world.receive(call.entry)
	f, n, key := s.chance.call(call.entry.Action, "")
	call.dress(w.Header(), f)
	if s.faultBefore(w, r, call, log, f, n, key) {
		return
	}
	messages := make(chan []byte, xBacklog)
	x.mu.Lock()
	_, taken := x.streams[c.action]
	if c.app && !taken {
		x.streams[c.action] = messages
	}
	x.mu.Unlock()
	switch {
	case !c.app:
		s.say(w, log, xUnauthorized().answer())
		return
	case taken:
		s.say(w, log, (&xProblem{status: 429, kind: "streaming-connection", title: "ConnectionException",
			detail: "This stream is currently at the maximum allowed connection limit."}).answer())
		return
	}
	defer func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		delete(x.streams, c.action)
	}()
	s.world.finish(log, http.StatusOK, "ok", true)
	flush := http.NewResponseController(w)
	w.WriteHeader(http.StatusOK)
	alive := time.NewTicker(xKeepAlive)
	defer alive.Stop()
	say := func(b []byte) bool {
		if s.chance.inForce().StreamSilent {
			return true
		}
		_, err := w.Write(append(b, '\r', '\n'))
		return err == nil && flush.Flush() == nil
	}
	for ok := say(nil); ok; {
		select {
		case m := <-messages:
			ok = say(m)
		case <-alive.C:
			ok = say(nil)
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
			return
		}
	}
}

// inForce are the faults of this moment. Asking is no call.
func (c *chance) inForce() Faults {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.f
}

// subscribed are the subscriptions as the platform shows them. Where there is a webhook each account is subscribed to it.
func (x *xFront) subscribed() []xSubscription {
	subs := slices.Clone(x.subs)
	if x.s.deliver.state().URL != "" {
		for i, a := range x.s.opts.Accounts {
			for j, event := range []string{"post.reply.create", "post.mention.create", "post.quote.create"} {
				if a.Platform == platforms.X {
					subs = append(subs, xSubscription{strconv.Itoa(1700000000000000001 + 10*i + j), event, a.ID, "webhook", xWebhook})
				}
			}
		}
	}
	return subs
}

// executeApp does what the app asks for.
func (x *xFront) executeApp(c *xCall) (any, *xProblem) {
	if c.action == "make_webhook" {
		return x.makeWebhook(c)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.s.world.now()
	switch c.action {
	case "subscriptions":
		data := []object{}
		for _, s := range x.subscribed() {
			data = append(data, s.object(now))
		}
		return object{"data": data, "meta": object{"result_count": len(data)}}, nil
	case "subscribe":
		return x.subscribe(c, now)
	case "unsubscribe":
		before := len(x.subs)
		x.subs = slices.DeleteFunc(x.subs, func(s xSubscription) bool { return s.id == c.id })
		return object{"data": object{"deleted": len(x.subs) < before}}, nil
	case "webhooks":
		answer := object{"meta": object{"result_count": 0}}
		if address := x.s.deliver.state().URL; address != "" {
			answer["data"] = []object{hookObject(addressFor(address, platforms.X), now)}
			answer["meta"] = object{"result_count": 1}
		}
		return answer, nil
	case "rules":
		var data []object
		for _, r := range x.rules {
			data = append(data, object{"id": r.id, "value": r.value, "tag": r.tag})
		}
		answer := object{"meta": object{"sent": now.UTC().Format(xTime), "result_count": len(data)}}
		if data != nil {
			answer["data"] = data
		}
		return answer, nil
	}
	return x.changeRules(c, now)
}

func (s xSubscription) object(now time.Time) object {
	o := object{"subscription_id": s.id, "event_type": s.event, "filter": object{"user_id": s.user}, "tag": s.tag,
		"created_at": now.UTC().Format(xTime), "updated_at": now.UTC().Format(xTime)}
	if s.webhook != "" {
		o["webhook_id"] = s.webhook
	}
	return o
}

func hookObject(address string, now time.Time) object {
	return object{"id": xWebhook, "url": address, "valid": true, "created_at": now.UTC().Format(xTime)}
}

func (x *xFront) subscribe(c *xCall, now time.Time) (any, *xProblem) {
	sub := xSubscription{id: xID(now, 1<<19+len(x.subs))}
	var filter struct {
		UserID string `json:"user_id"`
	}
	_ = json.Unmarshal(c.body["event_type"], &sub.event)
	_ = json.Unmarshal(c.body["filter"], &filter)
	_ = json.Unmarshal(c.body["tag"], &sub.tag)
	_ = json.Unmarshal(c.body["webhook_id"], &sub.webhook)
	sub.user = filter.UserID
	if _, ok := x.own(sub.user); !ok || sub.event == "" || len(sub.tag) > 200 {
		return nil, xInvalid("$.filter: user_id must be one that the app may listen to")
	}
	if slices.ContainsFunc(x.subscribed(), func(s xSubscription) bool {
		return s.event == sub.event && s.user == sub.user && s.webhook == sub.webhook
	}) {
		return nil, &xProblem{status: 409, kind: "conflict", title: "Conflict", detail: "A subscription with the same event type and filter already exists."}
	}
	x.subs = append(x.subs, sub)
	return object{"data": object{"subscription": sub.object(now), "total_subscriptions_for_instance_id": len(x.subs)},
		"meta": object{"total_subscriptions": len(x.subs)}}, nil
}

// makeWebhook asks the webhook to prove itself before it believes in it.
func (x *xFront) makeWebhook(c *xCall) (any, *xProblem) {
	var address string
	if json.Unmarshal(c.body["url"], &address) != nil || address == "" || len(address) > 200 {
		return nil, xInvalid("$.url: is missing but it is required")
	}
	if err := x.handshake(x.s.ctx, x.s.deliver.client, address); err != nil {
		return nil, xInvalid("CrcValidationFailed: The webhook did not answer the challenge.")
	}
	x.s.deliver.setURL(address)
	return hookObject(address, x.s.world.now()), nil
}

func (x *xFront) changeRules(c *xCall, now time.Time) (any, *xProblem) {
	var add []struct{ Value, Tag string }
	var remove struct{ IDs []string }
	_ = json.Unmarshal(c.body["add"], &add)
	_ = json.Unmarshal(c.body["delete"], &remove)
	if len(add) == 0 && len(remove.IDs) == 0 {
		return nil, xInvalid("$.add: is missing but it is required")
	}
	before := len(x.rules)
	x.rules = slices.DeleteFunc(x.rules, func(r xRule) bool { return slices.Contains(remove.IDs, r.id) })
	deleted := before - len(x.rules)
	summary := object{"created": 0, "not_created": 0, "valid": 0, "invalid": 0}
	if len(remove.IDs) > 0 {
		summary = object{"deleted": deleted, "not_deleted": len(remove.IDs) - deleted}
	}
	var made []object
	for _, a := range add {
		x.number++
		r := xRule{xID(now, 1<<18+x.number), a.Value, a.Tag}
		x.rules = append(x.rules, r)
		made = append(made, object{"id": r.id, "value": r.value, "tag": r.tag})
	}
	answer := object{"meta": object{"sent": now.UTC().Format(xTime), "summary": summary}}
	if made != nil {
		summary["created"], summary["valid"] = len(made), len(made)
		answer["data"] = made
	}
	return answer, nil
}

// serveXPage leads from where X shows a comment to where we do.
func (s *Server) serveXPage(w http.ResponseWriter, r *http.Request) {
	s.world.mu.Lock()
	c, ok := s.world.commentBy[r.PathValue("id")]
	s.world.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	http.Redirect(w, r, "/public/"+c.Post+"#"+c.ID, http.StatusFound)
}
