package platformtest

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"takhojd/platforms"
)

// XKeys are what an account on the simulated X, and its app, prove themselves with.
type XKeys struct{ ConsumerKey, ConsumerSecret, Bearer, AccessToken, AccessSecret string }

// KeysForX are the keys of an account on a simulated X whose app has a secret. They follow from the account's token; with the access token as
// an OAuth 2.0 token, without a secret, it may do the same.
func KeysForX(a Account, appSecret string) XKeys {
	if appSecret == "" {
		appSecret = "simulated-consumer-secret"
	}
	return XKeys{ConsumerKey: "simulated-consumer-key", ConsumerSecret: appSecret, Bearer: "app-" + a.Token, AccessToken: a.Token,
		AccessSecret: "half-" + a.Token}
}

// An id of X's holds the moment when it was given.
const (
	xEpoch = 1288834974657
	xShift = 22
)

// xTime is how X writes a moment.
const xTime = "2006-01-02T15:04:05.000Z"

// xWebhook is the id of the one webhook that there may be.
const xWebhook = "1600000000000000001"

// xFront is X's API v2: Activity API, filtered stream, timelines, search and acts.
//
// A comment that the account cannot hide (Comment.CannotHide) is one that mentions the account in another's conversation.
type xFront struct {
	s *Server

	mu       sync.Mutex
	versions map[string][]xVersion // by comment: what it said, the first version first
	byID     map[string]string     // comments by each version's id
	nonces   map[string]bool
	spent    map[string]*xSpent // by endpoint and caller
	subs     []xSubscription
	rules    []xRule
	streams  map[string]chan []byte // the connection of each stream
	number   int                    // of what was given an id of its own
}

type xVersion struct {
	id, text string
	at       time.Time
}

type xSpent struct {
	since time.Time
	calls int
}

type xSubscription struct{ id, event, user, tag, webhook string }

type xRule struct{ id, value, tag string }

func newXFront(s *Server) *xFront {
	return &xFront{s: s, versions: map[string][]xVersion{}, byID: map[string]string{}, nonces: map[string]bool{}, spent: map[string]*xSpent{},
		streams: map[string]chan []byte{}}
}

// xLimits are how many calls of an endpoint a caller may make in xWindow.
var xLimits = map[string]int{"hidden": 50, "mentions": 300, "search": 300}

const (
	xLimitElse = 900
	xWindow    = 15 * time.Minute
)

func xID(at time.Time, n int) string {
	return strconv.FormatInt((at.UnixMilli()-xEpoch)<<xShift|int64(n)&(1<<xShift-1), 10)
}

func (x *xFront) postID(_ Account, n int) string { return xID(x.s.world.now(), n) }

func (x *xFront) commentID(_ *Post, c Comment, n int) string {
	at := c.Posted
	if at.IsZero() {
		at = x.s.world.now()
	}
	return xID(at, 1<<16+n)
}

// oneByOne: X delivers each event by itself.
func (*xFront) oneByOne() {}

// happened tells of what was written. Of what was removed X tells only the one who did, and of what was hidden nobody.
func (x *xFront) happened(c *CommentState, verb string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch verb {
	case "add":
		x.versions[c.ID] = []xVersion{{c.ID, c.Text, c.Posted}}
		x.byID[c.ID] = c.ID
	case "edited":
		x.number++
		now := x.s.world.now()
		v := xVersion{xID(now, 1<<20+x.number), c.Text, now}
		x.versions[c.ID] = append(x.versions[c.ID], v)
		x.byID[v.id] = c.ID
	case "remove":
		if c.AuthorID == c.Account {
			x.tellLocked(c, verb, "post.delete", object{"id": c.ID, "author_id": c.AuthorID}, object{})
		}
		return
	default:
		return
	}
	event, inc := "post.reply.create", object{} // X sends answers without their author, and mentions with
	if c.CannotHide || c.Parent != "" {
		event, inc = "post.mention.create", x.includes(c)
	}
	if c.Photos > 0 {
		inc = x.includes(c)
	}
	payload := x.tweet(c, nil)
	if to := x.replyTo(c); to != "" {
		payload["in_reply_to_tweet_id"] = to
	}
	x.tellLocked(c, verb, event, payload, inc)
	x.tellFilteredLocked(c)
}

// tellLocked delivers an event to the webhook, and to the activity stream where somebody subscribes to it there.
func (x *xFront) tellLocked(c *CommentState, verb, event string, payload, inc object) {
	message := func(tag string) []byte {
		x.number++
		b, _ := json.Marshal(object{"data": object{"event_uuid": xID(x.s.world.now(), 1<<21+x.number), "filter": object{"user_id": c.Account},
			"event_type": event, "tag": tag, "payload": payload, "includes": inc}})
		return b
	}
	x.s.deliver.enqueue(c, verb, message("webhook"))
	for _, sub := range x.subs {
		if sub.event == event && sub.user == c.Account && sub.webhook == "" {
			x.pushLocked("activity_stream", message(sub.tag))
		}
	}
}

func (x *xFront) tellFilteredLocked(c *CommentState) {
	var matching []object
	for _, r := range x.rules {
		if c.AuthorID != c.Account && strings.Contains(r.value, "@"+username(c.Account)) {
			matching = append(matching, object{"id": r.id, "tag": r.tag})
		}
	}
	if len(matching) > 0 {
		b, _ := json.Marshal(object{"data": x.tweet(c, nil), "includes": x.includes(c), "matching_rules": matching})
		x.pushLocked("filtered_stream", b)
	}
}

func (x *xFront) delivery(_ string, _ time.Time, changes []json.RawMessage, forged bool) ([]byte, http.Header) {
	secret := KeysForX(Account{}, x.s.opts.AppSecret).ConsumerSecret
	if forged {
		secret = "not " + secret
	}
	return changes[0], http.Header{"X-Twitter-Webhooks-Signature": {xSign(secret, changes[0])}}
}

func xSign(secret string, b []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(b)
	return "sha256=" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// handshake is the challenge-response check.
func (x *xFront) handshake(ctx context.Context, client *http.Client, webhook string) error {
	const token = "ZmVtdGlvZnlyYQ"
	address, err := url.Parse(webhook)
	if err != nil {
		return err
	}
	address.RawQuery = url.Values{"crc_token": {token}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var got struct {
		Token string `json:"response_token"`
	}
	err = json.NewDecoder(io.LimitReader(res.Body, 1<<10)).Decode(&got)
	if err == nil && (res.StatusCode != http.StatusOK || got.Token != xSign(KeysForX(Account{}, x.s.opts.AppSecret).ConsumerSecret, []byte(token))) {
		err = fmt.Errorf("HTTP %d, and not the challenge's response", res.StatusCode)
	}
	return err
}

// username is the name of an account or person: X's are at most 15 characters.
func username(id string) string {
	name := regexp.MustCompile(`[^A-Za-z0-9_]`).ReplaceAllString(id, "")
	return "u" + name[max(len(name)-14, 0):]
}

func (x *xFront) includes(c *CommentState) object {
	users := []object{x.user(c.AuthorID, c.Author)}
	if a, ok := x.s.world.account(func(a Account) bool { return a.ID == c.Account }); ok && a.ID != c.AuthorID {
		users = append(users, x.user(a.ID, a.Name))
	}
	inc := object{"users": users}
	var media []object
	for n := range c.Photos {
		media = append(media, object{"media_key": mediaKey(c, n), "type": "photo", "url": strings.Replace(x.s.photoURL(c), "-1.png", "-"+strconv.Itoa(n+1)+".png", 1)})
	}
	if media != nil {
		inc["media"] = media
	}
	return inc
}

// person is somebody's id as X's ids look: a decimal number, whatever a thread calls them.
func person(id string) string {
	if id == "" || len(id) <= 19 && strings.Trim(id, "0123456789") == "" {
		return id
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))
	return strconv.FormatUint(h.Sum64()>>4|1<<60, 10)
}

func (x *xFront) user(id, name string) object {
	id = person(id)
	if name == "" {
		name = "Okänd"
	}
	return object{"id": id, "name": name, "username": username(id)}
}

func mediaKey(c *CommentState, n int) string { return "3_" + c.ID + strconv.Itoa(n) }

// conversation is the post at the root of what a comment says; of one in another's conversation it is nobody's that we know.
func (x *xFront) conversation(c *CommentState) string {
	if c.CannotHide {
		n, _ := strconv.ParseInt(c.ID, 10, 64)
		return strconv.FormatInt(n^1<<21, 10)
	}
	return c.Post
}

func (x *xFront) replyTo(c *CommentState) string {
	if c.Parent != "" {
		return c.Parent
	}
	return x.conversation(c)
}

// tweet is a comment as X writes it: the newest version, with the fields asked for, or all.
func (x *xFront) tweet(c *CommentState, fields []string) object {
	versions := x.versions[c.ID]
	return x.version(c, len(versions)-1, fields)
}

func (x *xFront) version(c *CommentState, n int, fields []string) object {
	versions := x.versions[c.ID]
	history := make([]string, len(versions))
	for i, v := range versions {
		history[i] = v.id
	}
	answered := c.Account
	if c.Parent != "" {
		if parent, ok := x.s.world.commentBy[c.Parent]; ok {
			answered = parent.AuthorID
		}
	}
	if c.CannotHide {
		answered = xStranger
	}
	o := object{"id": versions[n].id, "edit_history_tweet_ids": history, "author_id": person(c.AuthorID), "conversation_id": x.conversation(c),
		"in_reply_to_user_id": person(answered), "created_at": versions[n].at.UTC().Format(xTime), "lang": "sv", "possibly_sensitive": false,
		"reply_settings": "everyone", "referenced_tweets": []object{{"type": "replied_to", "id": x.replyTo(c)}}}
	write(o, versions[n].text, c)
	return chosen(o, fields)
}

// postTweet is one of an account's own posts.
func (x *xFront) postTweet(p *Post, fields []string) object {
	o := object{"id": p.ID, "edit_history_tweet_ids": []string{p.ID}, "author_id": p.Account, "conversation_id": p.ID,
		"created_at": p.Posted.UTC().Format(xTime), "lang": "sv", "possibly_sensitive": false, "reply_settings": "everyone"}
	write(o, p.Text, nil)
	return chosen(o, fields)
}

// xStranger is whose the other conversations are.
const xStranger = "1500000000000000009"

func chosen(o object, fields []string) object {
	if fields == nil {
		return o
	}
	keep := object{}
	for _, k := range append([]string{"id", "text", "edit_history_tweet_ids"}, fields...) {
		if v, ok := o[k]; ok {
			keep[k] = v
		}
	}
	return keep
}

var (
	xEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	links   = regexp.MustCompile(`https?://\S+`)
)

// write puts a text into a post as X does: three characters escaped, links made short, a link added for pictures, and what is longer than 280
// characters in a note of its own.
func write(o object, text string, c *CommentState) {
	var urls []object
	shorten := func(link string) string {
		h := fnv.New64a()
		_, _ = h.Write([]byte(link))
		return "https://t.co/" + strconv.FormatUint(h.Sum64(), 36)
	}
	text = links.ReplaceAllStringFunc(text, func(link string) string {
		short := shorten(link)
		urls = append(urls, object{"start": 0, "end": len(short), "url": short, "expanded_url": link, "display_url": link})
		return short
	})
	text = xEscape.Replace(text)
	if runes := []rune(text); len(runes) > 280 {
		note := object{"text": text}
		if urls != nil {
			note["entities"] = object{"urls": slices.Clone(urls)}
		}
		o["note_tweet"] = note
		text = string(runes[:279]) + "…"
	}
	if c != nil && c.Photos > 0 {
		var keys []string
		for n := range c.Photos {
			keys = append(keys, mediaKey(c, n))
		}
		o["attachments"] = object{"media_keys": keys}
		page := "https://x.com/" + username(c.AuthorID) + "/status/" + c.ID + "/photo/1"
		short := shorten(page)
		urls = append(urls, object{"start": 0, "end": len(short), "url": short, "expanded_url": page, "display_url": "pic.x.com/a", "media_key": keys[0]})
		if text != "" {
			text += " "
		}
		text += short
	}
	o["text"] = text
	if urls != nil {
		o["entities"] = object{"urls": urls}
	}
}

// xCall is one call, taken apart.
type xCall struct {
	method, path string
	query        url.Values
	body         map[string]json.RawMessage
	action, id   string
	// What the caller proved to be: an account, or the app.
	account Account
	app     bool
	// unproven is why the caller is neither.
	unproven *xProblem
	base     string
	log      *Call
}

// xProblem is a refusal in X's words.
type xProblem struct {
	status              int
	kind, title, detail string
	header              http.Header
	// inBody is a refusal that comes with HTTP 200, in errors beside no data.
	inBody object
}

func (p *xProblem) answer() answer {
	kind := "about:blank"
	if p.kind != "" {
		kind = "https://api.twitter.com/2/problems/" + p.kind
	}
	body := object{"title": p.title, "detail": p.detail, "type": kind, "status": p.status}
	status := p.status
	header := http.Header{"Content-Type": {"application/problem+json"}}
	if p.inBody != nil {
		e := object{"title": p.title, "detail": p.detail, "type": kind}
		for k, v := range p.inBody {
			e[k] = v
		}
		body, status = object{"errors": []object{e}}, http.StatusOK
		header = http.Header{}
	}
	for k, v := range p.header {
		header[k] = v
	}
	b, _ := json.Marshal(body)
	return answer{status: status, header: header, body: b, result: fmt.Sprintf("error %d %s", p.status, p.title)}
}

func xGone(id string) *xProblem {
	return &xProblem{status: 404, kind: "resource-not-found", title: "Not Found Error", detail: "Could not find tweet with id: [" + id + "].",
		inBody: object{"resource_type": "tweet", "resource_id": id, "parameter": "id", "value": id}}
}

func xGoneForActs(id string) *xProblem { p := xGone(id); p.inBody = nil; return p }

func xForbidden(detail string) *xProblem {
	return &xProblem{status: 403, title: "Forbidden", detail: detail}
}

func xUnauthorized() *xProblem {
	return &xProblem{status: 401, title: "Unauthorized", detail: "Unauthorized"}
}

func xInvalid(detail string) *xProblem {
	return &xProblem{status: 400, kind: "invalid-request", title: "Invalid Request", detail: detail}
}

// serveX takes a call of the API v2.
func (s *Server) serveX(w http.ResponseWriter, r *http.Request) {
	x := s.world.fronts[platforms.X].(*xFront)
	c, err := x.read(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	call := exchange{
		entry: Call{Method: c.method, Path: r.URL.Path, Action: c.action, Comment: c.id},
		answer: func(log *Call) answer {
			c.log = log
			refusal := c.unproven
			header := http.Header{}
			var result any
			status := http.StatusOK
			if refusal == nil {
				refusal = x.spend(c, header)
			}
			if refusal == nil {
				result, status, refusal = x.execute(c)
			}
			var a answer
			if refusal != nil {
				a = refusal.answer()
			} else {
				b, _ := json.Marshal(result)
				a = answer{status: status, header: http.Header{}, body: b, result: "ok"}
			}
			for k, v := range header {
				a.header[k] = v
			}
			return a
		},
		refuse: func(_ Faults, r Refusal) (answer, bool) { return x.refuse(c, r) },
		dress: func(h http.Header, _ Faults) {
			h.Set("Content-Type", "application/json; charset=utf-8")
			if c.account.ID != "" {
				h.Set("x-access-level", "read-write")
			}
		},
	}
	if c.method == http.MethodGet && (c.action == "activity_stream" || c.action == "filtered_stream") {
		x.stream(w, r, c, call)
		return
	}
	s.serve(w, r, call)
}

// refuse puts a fault into X's words.
func (x *xFront) refuse(c *xCall, r Refusal) (answer, bool) {
	switch r.Kind {
	case Throttled:
		reset := x.s.world.now().Add(time.Duration(max(r.RegainMinutes, 1)) * time.Minute)
		return (&xProblem{status: 429, title: "Too Many Requests", detail: "Too Many Requests", header: http.Header{
			"X-Rate-Limit-Limit": {"50"}, "X-Rate-Limit-Remaining": {"0"}, "X-Rate-Limit-Reset": {strconv.FormatInt(reset.Unix(), 10)}}}).answer(), true
	case TokenDead:
		return xUnauthorized().answer(), true
	case NotPermitted:
		return xForbidden("You are not permitted to perform this action.").answer(), true
	case Gone:
		return xGone(c.id).answer(), true
	case Broken:
		return (&xProblem{status: 503, title: "Service Unavailable", detail: "Service Unavailable"}).answer(), true
	}
	return answer{}, false
}

// read takes a request apart, and finds out who calls.
func (x *xFront) read(r *http.Request) (*xCall, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 4<<20))
	if err != nil {
		return nil, fmt.Errorf("the body cannot be read: %w", err)
	}
	c := &xCall{method: r.Method, path: strings.TrimPrefix(r.URL.Path, "/2/"), query: r.URL.Query(), base: "http://" + r.Host}
	if len(body) > 0 && json.Unmarshal(body, &c.body) != nil {
		return nil, errors.New("the body is no JSON object")
	}
	c.action, c.id = xAction(c)
	kind, proof, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	accounts := x.s.opts.Accounts
	keys := func(a Account) XKeys { return KeysForX(a, x.s.opts.AppSecret) }
	i := -1
	switch kind {
	case "Bearer":
		if i = slices.IndexFunc(accounts, func(a Account) bool { return a.Platform == platforms.X && a.Token == proof }); i < 0 {
			c.app = slices.ContainsFunc(accounts, func(a Account) bool { return a.Platform == platforms.X && keys(a).Bearer == proof })
		}
	case "OAuth":
		i = slices.IndexFunc(accounts, func(a Account) bool { return a.Platform == platforms.X && x.signed(r, proof, keys(a)) })
	}
	switch {
	case i >= 0:
		c.account = accounts[i]
	case !c.app:
		c.unproven = xUnauthorized()
	}
	return c, nil
}

// signed checks a request's OAuth 1.0a signature (RFC 5849).
func (x *xFront) signed(r *http.Request, header string, k XKeys) bool {
	given := map[string]string{}
	params := url.Values{}
	for key, values := range r.URL.Query() {
		params[key] = append(params[key], values...)
	}
	for _, part := range strings.Split(header, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		plain, err := url.PathUnescape(strings.Trim(value, `"`))
		if !ok || err != nil {
			return false
		}
		given[key] = plain
		if key != "oauth_signature" && key != "realm" {
			params.Add(key, plain)
		}
	}
	if given["oauth_token"] != k.AccessToken || given["oauth_consumer_key"] != k.ConsumerKey || given["oauth_signature_method"] != "HMAC-SHA1" {
		return false
	}
	at, err := strconv.ParseInt(given["oauth_timestamp"], 10, 64)
	if err != nil || time.Since(time.Unix(at, 0)).Abs() > 5*time.Minute {
		return false
	}
	base := r.Method + "&" + percent("http://"+strings.ToLower(r.Host)+r.URL.EscapedPath()) + "&" + percent(normalized(params))
	mac := hmac.New(sha1.New, []byte(percent(k.ConsumerSecret)+"&"+percent(k.AccessSecret)))
	mac.Write([]byte(base))
	if !hmac.Equal([]byte(given["oauth_signature"]), []byte(base64.StdEncoding.EncodeToString(mac.Sum(nil)))) {
		return false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	again := x.nonces[given["oauth_nonce"]]
	x.nonces[given["oauth_nonce"]] = true
	return !again
}

// normalized joins parameters in the order that signatures want.
func normalized(params url.Values) string {
	var pairs []string
	for key, values := range params {
		for _, v := range values {
			pairs = append(pairs, percent(key)+"="+percent(v))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// percent encodes as RFC 3986 has it.
func percent(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// xAction names what is asked, for the log and for faults, and what it is about.
func xAction(c *xCall) (action, id string) {
	parts := strings.Split(c.path, "/")
	known := map[string]string{"GET users/me": "me", "GET tweets/search/recent": "search", "GET tweets/search/stream": "filtered_stream",
		"GET tweets/search/stream/rules": "rules", "POST tweets/search/stream/rules": "change_rules", "GET activity/stream": "activity_stream",
		"GET activity/subscriptions": "subscriptions", "POST activity/subscriptions": "subscribe", "GET webhooks": "webhooks", "POST webhooks": "make_webhook"}
	if action, ok := known[c.method+" "+c.path]; ok {
		return action, ""
	}
	switch {
	case c.method+" "+c.path == "POST tweets":
		var reply struct {
			To string `json:"in_reply_to_tweet_id"`
		}
		_ = json.Unmarshal(c.body["reply"], &reply)
		return "reply", reply.To
	case len(parts) == 2 && parts[0] == "tweets" && c.method == http.MethodGet:
		return "fetch", parts[1]
	case len(parts) == 2 && parts[0] == "users" && c.method == http.MethodGet:
		return "user", parts[1]
	case len(parts) == 3 && parts[0] == "activity" && c.method == http.MethodDelete:
		return "unsubscribe", parts[2]
	case len(parts) == 3 && parts[0] == "tweets" && parts[2] == "hidden" && c.method == http.MethodPut:
		if string(c.body["hidden"]) == "true" {
			return "hide", parts[1]
		}
		return "unhide", parts[1]
	case len(parts) == 3 && parts[0] == "users":
		if action := map[string]string{"GET tweets": "posts", "GET mentions": "mentions", "POST muting": "mute"}[c.method+" "+parts[2]]; action != "" {
			return action, parts[1]
		}
	}
	return "unknown", ""
}

// spend counts a call against its endpoint's limit, and tells how much is left in header.
func (x *xFront) spend(c *xCall, header http.Header) *xProblem {
	endpoint := c.action
	if c.action == "hide" || c.action == "unhide" {
		endpoint = "hidden"
	}
	limit := xLimits[endpoint]
	if limit == 0 {
		limit = xLimitElse
	}
	now := x.s.world.now()
	x.mu.Lock()
	defer x.mu.Unlock()
	key := endpoint + " " + c.account.ID
	spent := x.spent[key]
	if spent == nil || !now.Before(spent.since.Add(xWindow)) {
		spent = &xSpent{since: now}
		x.spent[key] = spent
	}
	spent.calls++
	header.Set("x-rate-limit-limit", strconv.Itoa(limit))
	header.Set("x-rate-limit-remaining", strconv.Itoa(max(limit-spent.calls, 0)))
	header.Set("x-rate-limit-reset", strconv.FormatInt(spent.since.Add(xWindow).Unix(), 10))
	if spent.calls > limit {
		return &xProblem{status: 429, title: "Too Many Requests", detail: "Too Many Requests"}
	}
	return nil
}
