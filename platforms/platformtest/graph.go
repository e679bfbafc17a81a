package platformtest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"takhojd/platforms"
)

// graphTime is how the Graph API writes a moment.
const graphTime = "2006-01-02T15:04:05-0700"

// version is the optional first part of a path.
var version = regexp.MustCompile(`^v\d+\.\d+$`)

// object is what the API writes in JSON.
type object = map[string]any

// graphError is a refusal in the API's own words.
type graphError struct {
	status, code, subcode int
	message               string
	transient             bool
	regain                int // minutes, for the usage headers
}

func (e *graphError) body() object {
	o := object{"message": e.message, "type": "OAuthException", "code": e.code, "fbtrace_id": "Simulated"}
	if e.subcode != 0 {
		o["error_subcode"] = e.subcode
	}
	if e.transient {
		o["is_transient"] = true
	}
	if e.code == 100 {
		o["type"] = "GraphMethodException"
	}
	return object{"error": o}
}

func (e *graphError) result() string { return fmt.Sprintf("error %d/%d", e.code, e.subcode) }

// The refusals that the platform knows. Throttling and dead tokens come as HTTP 400, as they do in truth.
func graphGone() *graphError {
	return &graphError{status: 400, code: 100, subcode: 33, message: "Unsupported get request. Object with ID does not exist, " +
		"cannot be loaded due to missing permissions, or does not support this operation."}
}
func graphForbidden() *graphError {
	return &graphError{status: 403, code: 200, message: "(#200) Permissions error"}
}
func graphToken() *graphError {
	return &graphError{status: 400, code: 190, subcode: 463, message: "Error validating access token: Session has expired."}
}
func graphParameter(name string) *graphError {
	return &graphError{status: 400, code: 100, message: "(#100) Invalid parameter: " + name}
}
func graphUnknown() *graphError {
	return &graphError{status: 400, code: 2500, message: "Unknown path components"}
}

// graphCall is one call, taken apart.
type graphCall struct {
	method string
	object string // the first part of the path: an id or "me"
	edge   string // the second part, or ""
	form   url.Values
	token  string
	base   string   // this server, as the caller knows it
	caller caller   // who the token says it is
	log    *Call    // its entry in the log
	fields []string // nil: the platform's own choice
	// within is what is asked of an edge among the fields, as in replies.limit(50){id,text}.
	within map[string]nested
}

// nested is an edge among the fields of a call.
type nested struct{ limit, fields string }

// caller is who a token belongs to.
type caller struct {
	page Account // a page, if page.ID is set
	user bool
	app  bool
}

// graphFront is Meta's Graph API, for pages.
type graphFront struct{ s *Server }

func (graphFront) postID(a Account, n int) string { return a.ID + "_" + strconv.Itoa(firstPost+n) }

func (graphFront) commentID(post *Post, _ Comment, n int) string {
	return post.ID[len(post.Account)+1:] + "_" + strconv.Itoa(firstComment+n)
}

// happened delivers the change to those who subscribe to the page's feed.
func (g graphFront) happened(c *CommentState, verb string) {
	if g.s.world.subs[c.Account] {
		g.s.deliver.enqueue(c, verb, g.s.graphChange(c, verb))
	}
}

func (g graphFront) delivery(account string, at time.Time, changes []json.RawMessage, forged bool) ([]byte, http.Header) {
	return g.deliveryOf("page", account, at, changes, forged)
}

func (g graphFront) deliveryOf(what, account string, at time.Time, changes []json.RawMessage, forged bool) ([]byte, http.Header) {
	body, _ := json.Marshal(object{"object": what, "entry": []object{{"id": account, "time": at.Unix(), "changes": changes}}})
	secret := g.s.opts.AppSecret
	if forged {
		secret = "not " + secret
	}
	return body, http.Header{"X-Hub-Signature-256": {sign(secret, body)}}
}

func (g graphFront) handshake(ctx context.Context, client *http.Client, webhook string) error {
	const challenge = "1158201444"
	address, err := url.Parse(webhook)
	if err != nil {
		return err
	}
	q := address.Query()
	q.Set("hub.mode", "subscribe")
	q.Set("hub.verify_token", g.s.opts.VerifyToken)
	q.Set("hub.challenge", challenge)
	address.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	if err == nil && (res.StatusCode != http.StatusOK || string(body) != challenge) {
		err = fmt.Errorf("HTTP %d, and not the challenge", res.StatusCode)
	}
	return err
}

// serveGraph takes a call of the Graph API.
func (s *Server) serveGraph(w http.ResponseWriter, r *http.Request) {
	c, err := readCall(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	unknown := s.identify(c)
	s.serve(w, r, exchange{
		entry: Call{Method: c.method, Path: r.URL.Path, Action: c.action(), Comment: c.object},
		answer: func(log *Call) answer {
			c.log = log
			result, refusal := any(nil), unknown
			if refusal == nil {
				result, refusal = s.execute(c)
			}
			if refusal != nil {
				return refusal.answer(c)
			}
			body, _ := json.Marshal(result)
			return answer{status: http.StatusOK, body: body, result: "ok"}
		},
		refuse: func(_ Faults, r Refusal) (answer, bool) {
			e, ok := r.graph()
			if !ok {
				return answer{}, false
			}
			return e.answer(c), true
		},
		dress: func(h http.Header, f Faults) { usageHeaders(h, c, f.UsagePercent, 0) },
	})
}

// graph puts a fault into the Graph API's words.
func (r Refusal) graph() (*graphError, bool) {
	code, subcode := r.Code, r.Subcode
	switch r.Kind {
	case "":
	case Throttled:
		code = 32
	case TokenDead:
		code, subcode = 190, 463
	case NotPermitted:
		code = 200
	case Gone:
		return graphGone(), true
	case Broken:
		code = 2
	}
	if code == 0 {
		return nil, false
	}
	g := &graphError{status: 400, code: code, subcode: subcode, message: fmt.Sprintf("(#%d) Simulated", code), regain: r.RegainMinutes}
	switch {
	case code == 1 || code == 2:
		g.status, g.transient = 500, true
	case code == 4:
		g.transient = true
	case code == 190:
		return &graphError{status: 400, code: 190, subcode: max(subcode, 460), message: graphToken().message}, true
	case code == 10 || code >= 200 && code <= 299:
		g.status = 403
	}
	return g, true
}

// answer says the refusal, with the usage that goes with it.
func (e *graphError) answer(c *graphCall) answer {
	body, _ := json.Marshal(e.body())
	a := answer{status: e.status, body: body, result: e.result(), header: http.Header{}}
	if e.code == 4 || e.code == 17 || e.code == 32 || e.code == 613 || e.code >= 80000 && e.code <= 80099 {
		usageHeaders(a.header, c, 100, e.regain)
	}
	return a
}

func usageHeaders(h http.Header, c *graphCall, percent float64, regain int) {
	page := c.caller.page.ID
	if page == "" {
		page = c.object
	}
	byPage, _ := json.Marshal(object{page: []object{{"type": "pages", "call_count": percent, "total_cputime": percent / 2,
		"total_time": percent / 2, "estimated_time_to_regain_access": regain}}})
	h.Set("X-Business-Use-Case-Usage", string(byPage))
	h.Set("X-App-Usage", fmt.Sprintf(`{"call_count":%v,"total_time":0,"total_cputime":0}`, percent/2))
	h.Set("Content-Type", "application/json; charset=UTF-8")
	h.Set("Facebook-Api-Version", "v26.0")
}

// readCall takes a request apart. A POST with method=DELETE is a DELETE.
func readCall(r *http.Request) (*graphCall, error) {
	r.Body = http.MaxBytesReader(nil, r.Body, 4<<20)
	if err := r.ParseForm(); err != nil {
		return nil, fmt.Errorf("the form cannot be read: %w", err)
	}
	c := &graphCall{method: r.Method, form: r.Form, base: "http://" + r.Host}
	if m := strings.ToUpper(r.Form.Get("method")); m != "" && r.Method == http.MethodPost {
		c.method = m
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if version.MatchString(parts[0]) {
		parts = parts[1:]
	}
	if len(parts) > 0 {
		c.object = parts[0]
	}
	if len(parts) > 1 {
		c.edge = strings.Join(parts[1:], "/")
	}
	c.token = r.Form.Get("access_token")
	if kind, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && (kind == "Bearer" || kind == "OAuth") {
		c.token = token
	}
	c.choices(r.Form.Get("fields"))
	return c, nil
}

// field is one of the fields that a call may ask for: a name, and for an edge how many of what.
var field = regexp.MustCompile(`([a-z_]+)(?:\.limit\((\d+)\))?(?:\{([^{}]*)\})?`)

// choices reads which fields are asked for.
func (c *graphCall) choices(fields string) {
	for _, m := range field.FindAllStringSubmatch(fields, -1) {
		c.fields = append(c.fields, m[1])
		if m[3] != "" {
			if c.within == nil {
				c.within = map[string]nested{}
			}
			c.within[m[1]] = nested{limit: m[2], fields: m[3]}
		}
	}
}

// action names what is asked, for the log and for faults.
func (c *graphCall) action() string {
	switch {
	case c.object == "debug_token":
		return "debug_token"
	case c.method == http.MethodDelete && c.edge == "":
		return "delete"
	case c.method == http.MethodPost && c.edge == "" && (c.form.Has("is_hidden") || c.form.Has("hide")):
		if c.form.Get("is_hidden") == "true" || c.form.Get("hide") == "true" {
			return "hide"
		}
		return "unhide"
	case c.method == http.MethodPost && c.edge == "" && c.form.Has("comment_enabled"):
		return "close"
	}
	name := map[string]string{
		"GET ": "fetch", "GET feed": "feed", "GET published_posts": "posts", "GET comments": "comments", "POST comments": "reply",
		"POST messages": "private_reply", "POST blocked": "block", "GET blocked": "blocked", "POST subscribed_apps": "subscribe",
		"GET media": "media", "GET replies": "replies", "POST replies": "reply", "DELETE subscribed_apps": "unsubscribe", "GET subscribed_apps": "subscriptions", "GET permissions": "permissions",
	}[c.method+" "+c.edge]
	switch {
	case name == "fetch" && c.object == "me":
		return "me"
	case name == "":
		return "unknown"
	}
	return name
}

// execute does what is asked, or says why not.
func (s *Server) execute(c *graphCall) (any, *graphError) {
	if c.object == "me" {
		c.object = c.caller.page.ID
		if c.caller.user {
			return s.asUser(c)
		}
	}
	if c.caller.app {
		if c.log.Action != "debug_token" {
			return nil, graphForbidden()
		}
		return s.debugToken(c)
	}
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	if s.onInstagram(c) {
		return s.instagramLocked(c)
	}
	if page, ok := s.world.account(func(p Account) bool { return p.ID == c.object }); ok {
		return s.pageLocked(c, page)
	}
	if post, ok := s.world.postBy[c.object]; ok && post.ID == c.object {
		return s.postLocked(c, post)
	}
	if comment, ok := s.world.commentBy[c.object]; ok && comment.ID == c.object && !comment.gone() {
		return s.commentLocked(c, comment)
	}
	return nil, graphGone()
}

// identify finds out whose token it is, and checks the proof where there is one.
func (s *Server) identify(c *graphCall) *graphError {
	page, isPage := s.world.account(func(p Account) bool { return p.Token == c.token && p.Token != "" && onGraph(p.Platform) })
	switch {
	case isPage:
		c.caller.page = page
	case c.token == UserToken:
		c.caller.user = true
	case c.token == s.opts.AppID+"|"+s.opts.AppSecret && s.opts.AppSecret != "":
		c.caller.app = true
	default:
		return graphToken()
	}
	if proof := c.form.Get("appsecret_proof"); proof != "" {
		mac := hmac.New(sha256.New, []byte(s.opts.AppSecret))
		mac.Write([]byte(c.token))
		if !hmac.Equal([]byte(proof), []byte(hex.EncodeToString(mac.Sum(nil)))) {
			return &graphError{status: 400, code: 100, message: "Invalid appsecret_proof provided in the API argument"}
		}
	}
	return nil
}

// onGraph tells whether a platform speaks the Graph API.
func onGraph(p platforms.Platform) bool { return p == platforms.Facebook || p == platforms.Instagram }

// asUser answers me for a token that is no page's.
func (s *Server) asUser(c *graphCall) (any, *graphError) {
	switch c.edge {
	case "":
		return object{"id": "510000000000001", "name": "Simulated user"}, nil
	case "permissions":
		return object{"data": []object{{"permission": "public_profile", "status": "granted"}}}, nil
	}
	return nil, graphUnknown()
}

// permissions are what the page tokens were granted.
var permissions = []string{"pages_show_list", "pages_read_engagement", "pages_read_user_content", "pages_manage_engagement",
	"pages_manage_metadata", "pages_messaging", "instagram_basic", "instagram_manage_comments"}

func (s *Server) debugToken(c *graphCall) (any, *graphError) {
	asked := &graphCall{token: c.form.Get("input_token"), form: url.Values{}}
	if e := s.identify(asked); e != nil {
		return object{"data": object{"is_valid": false, "error": object{"code": e.code, "message": e.message, "subcode": e.subcode}, "scopes": []string{}}}, nil
	}
	data := object{"app_id": s.opts.AppID, "is_valid": true, "expires_at": 0, "type": "USER", "scopes": []string{"public_profile"}}
	if id := asked.caller.page.ID; id != "" {
		data["type"], data["profile_id"], data["scopes"] = "PAGE", id, permissions
	}
	return object{"data": data}, nil
}

// pageLocked answers for a page and its edges.
func (s *Server) pageLocked(c *graphCall, page Account) (any, *graphError) {
	own := c.caller.page.ID == page.ID
	switch c.method + " " + c.edge {
	case "GET ":
		return c.choose(object{"id": page.ID, "name": page.Name}, "id", "name"), nil
	case "GET feed", "GET published_posts":
		return s.feedLocked(c, page, own), nil
	}
	if !own {
		return nil, graphForbidden()
	}
	switch c.method + " " + c.edge {
	case "POST messages":
		return s.privateReplyLocked(c, page)
	case "POST blocked":
		user := c.form.Get("user")
		if user == "" {
			return nil, graphParameter("user")
		}
		s.world.blocked[page.ID+"/"+user] = true
		return object{user: true}, nil
	case "GET blocked":
		data := []object{}
		for key := range s.world.blocked {
			if user, ok := strings.CutPrefix(key, page.ID+"/"); ok {
				data = append(data, object{"id": user})
			}
		}
		slices.SortFunc(data, func(a, b object) int { return strings.Compare(a["id"].(string), b["id"].(string)) })
		return object{"data": data}, nil
	case "POST subscribed_apps", "DELETE subscribed_apps", "GET subscribed_apps":
		return s.subscriptionsLocked(c, page, "feed")
	case "GET permissions":
		data := []object{}
		for _, p := range permissions {
			data = append(data, object{"permission": p, "status": "granted"})
		}
		return object{"data": data}, nil
	}
	return nil, graphUnknown()
}

// subscriptionsLocked begins, ends or tells of the deliveries of an account's comments to the app.
func (s *Server) subscriptionsLocked(c *graphCall, account Account, fields ...string) (any, *graphError) {
	switch c.method {
	case http.MethodPost:
		asked := strings.Split(c.form.Get("subscribed_fields"), ",")
		for _, f := range fields {
			if !slices.Contains(asked, f) {
				return nil, graphParameter("subscribed_fields")
			}
		}
		s.world.subs[account.ID] = true
		return object{"success": true}, nil
	case http.MethodDelete:
		s.world.subs[account.ID] = false
		return object{"success": true}, nil
	}
	data := []object{}
	if s.world.subs[account.ID] {
		data = append(data, object{"id": s.opts.AppID, "name": "Takhöjd", "subscribed_fields": fields})
	}
	return object{"data": data}, nil
}

func (s *Server) privateReplyLocked(c *graphCall, page Account) (any, *graphError) {
	var recipient struct {
		CommentID string `json:"comment_id"`
	}
	var message struct {
		Text string `json:"text"`
	}
	if json.Unmarshal([]byte(c.form.Get("recipient")), &recipient) != nil || recipient.CommentID == "" {
		return nil, graphParameter("recipient")
	}
	if json.Unmarshal([]byte(c.form.Get("message")), &message) != nil || message.Text == "" {
		return nil, graphParameter("message")
	}
	comment, ok := s.world.commentBy[recipient.CommentID]
	c.log.Comment = recipient.CommentID
	switch {
	case !ok || comment.gone():
		return nil, graphGone()
	case comment.Account != page.ID:
		return nil, graphForbidden()
	case comment.PrivateReply != "":
		return nil, &graphError{status: 400, code: 10900, message: "(#10900) Activity already replied to"}
	case s.world.now().Sub(comment.Posted) > 7*24*time.Hour:
		return nil, &graphError{status: 400, code: 10, subcode: 2534022, message: "(#10) This message is sent outside of allowed window."}
	}
	comment.PrivateReply = message.Text
	return object{"recipient_id": comment.AuthorID, "message_id": "m_" + comment.ID}, nil
}

// feedLocked lists a page's posts, newest first. Whoever is not the page gets an empty list.
func (s *Server) feedLocked(c *graphCall, page Account, own bool) any {
	var posts []*Post
	for _, p := range s.world.posts {
		if p.Account == page.ID && own {
			posts = append(posts, p)
		}
	}
	slices.SortStableFunc(posts, func(a, b *Post) int { return b.Posted.Compare(a.Posted) })
	return paged(c, posts, func(p *Post) string { return p.ID }, func(p *Post) object { return s.postObject(c, p) })
}

func (s *Server) postLocked(c *graphCall, post *Post) (any, *graphError) {
	own := c.caller.page.ID == post.Account
	switch c.method + " " + c.edge {
	case "GET ":
		if !own {
			return nil, graphForbidden()
		}
		return s.postObject(c, post), nil
	case "GET comments":
		if !own {
			return object{"data": []object{}}, nil
		}
		return s.commentsLocked(c, post.ID, ""), nil
	case "POST comments":
		return s.writeLocked(c, post, "")
	}
	if !own {
		return nil, graphForbidden()
	}
	return nil, graphUnknown()
}

func (s *Server) postObject(c *graphCall, p *Post) object {
	updated := p.Posted
	for _, k := range s.world.under[p.ID] {
		if k.Posted.After(updated) {
			updated = k.Posted
		}
	}
	return c.choose(object{"id": p.ID, "message": p.Text, "created_time": p.Posted.UTC().Format(graphTime), "updated_time": updated.UTC().Format(graphTime),
		"permalink_url": c.base + "/public/" + p.ID}, "id", "message", "created_time")
}

// commentsLocked lists what stands under a post, or under one of its comments.
func (s *Server) commentsLocked(c *graphCall, post, parent string) any {
	since, _ := strconv.ParseInt(c.form.Get("since"), 10, 64)
	stream := c.form.Get("filter") == "stream" && parent == ""
	var list []*CommentState
	for _, k := range s.world.under[post] {
		if !k.gone() && (stream || k.Parent == parent) && k.Posted.Unix() >= since {
			list = append(list, k)
		}
	}
	if c.form.Get("order") == "reverse_chronological" {
		slices.Reverse(list)
	}
	return paged(c, list, func(k *CommentState) string { return k.ID }, func(k *CommentState) object { return s.commentObject(c, k) })
}

// paged cuts a list as the API does: limit at most 100, a cursor always, next only where there is more. Next is an absolute
// address with the token in it, a trap that the real platform lays, too.
func paged[T any](c *graphCall, list []T, id func(T) string, show func(T) object) object {
	limit, err := strconv.Atoi(c.form.Get("limit"))
	if err != nil || limit <= 0 {
		limit = 25
	}
	limit = min(limit, 100)
	from := 0
	if after, err := base64.RawURLEncoding.DecodeString(c.form.Get("after")); err == nil && len(after) > 0 {
		from = slices.IndexFunc(list, func(t T) bool { return id(t) == string(after) }) + 1
	}
	to := min(from+limit, len(list))
	data := []object{}
	for _, t := range list[from:to] {
		data = append(data, show(t))
	}
	answer := object{"data": data}
	if len(data) == 0 {
		return answer
	}
	cursor := func(i int) string { return base64.RawURLEncoding.EncodeToString([]byte(id(list[i]))) }
	paging := object{"cursors": object{"before": cursor(from), "after": cursor(to - 1)}}
	if to < len(list) {
		q := url.Values{"access_token": {c.token}, "after": {cursor(to - 1)}, "limit": {strconv.Itoa(limit)}}
		for _, k := range []string{"fields", "filter", "order", "since"} {
			if c.form.Has(k) {
				q.Set(k, c.form.Get(k))
			}
		}
		paging["next"] = c.base + "/v26.0/" + c.object + "/" + c.edge + "?" + q.Encode()
	}
	answer["paging"] = paging
	return answer
}

// commentLocked answers for a comment that is there.
func (s *Server) commentLocked(c *graphCall, k *CommentState) (any, *graphError) {
	if c.caller.page.ID != k.Account {
		if c.method == http.MethodGet && c.edge == "comments" && c.caller.user {
			return object{"data": []object{}}, nil
		}
		return nil, graphForbidden()
	}
	switch c.method + " " + c.edge {
	case "GET ":
		return s.commentObject(c, k), nil
	case "GET comments":
		return s.commentsLocked(c, k.Post, k.ID), nil
	case "POST comments":
		return s.writeLocked(c, s.world.postBy[k.Post], k.ID)
	case "DELETE ":
		s.world.changeLocked(k, "remove", func(k *CommentState) { k.Deleted, k.DeletedAt = true, s.world.now() })
		return object{"success": true}, nil
	case "POST ":
		hidden, err := strconv.ParseBool(c.form.Get("is_hidden"))
		switch {
		case err != nil:
			return nil, graphParameter("is_hidden")
		case !canHide(k):
			return nil, graphForbidden()
		}
		s.world.setHiddenLocked(k, hidden)
		return object{"success": true}, nil
	}
	return nil, graphUnknown()
}

func canHide(k *CommentState) bool { return !k.CannotHide && k.AuthorID != k.Account }

// writeLocked writes a comment or a reply as the calling page.
func (s *Server) writeLocked(c *graphCall, post *Post, parent string) (any, *graphError) {
	page := c.caller.page
	switch {
	case page.ID != post.Account:
		return nil, graphForbidden()
	case c.form.Get("message") == "":
		return nil, graphParameter("message")
	}
	made, err := s.world.addCommentLocked(Comment{Post: post.ID, Parent: parent, AuthorID: page.ID, Author: page.Name, Text: c.form.Get("message")})
	if err != nil {
		return nil, graphGone()
	}
	return object{"id": made.ID}, nil
}

func (s *Server) commentObject(c *graphCall, k *CommentState) object {
	o := object{"id": k.ID, "message": k.Text, "created_time": k.Posted.UTC().Format(graphTime), "is_hidden": k.Hidden,
		"can_hide": canHide(k), "can_remove": true, "can_reply_privately": k.PrivateReply == "" && k.AuthorID != k.Account,
		"permalink_url": c.base + "/public/" + k.Post + "#" + k.ID}
	if k.AuthorID != "" {
		o["from"] = object{"id": k.AuthorID, "name": k.Author}
	}
	if k.Parent != "" {
		o["parent"] = object{"id": k.Parent}
	}
	if k.Photos > 0 {
		src := s.photoURL(k)
		o["attachment"] = object{"type": "photo", "url": src, "media": object{"image": object{"src": src, "width": photoSize, "height": photoSize}}}
	}
	return c.choose(o, "id", "message", "created_time", "from")
}

// choose leaves the fields that were asked for, or the platform's own choice. The id is always there.
func (c *graphCall) choose(o object, standard ...string) object {
	wanted := c.fields
	if wanted == nil {
		wanted = standard
	}
	chosen := object{"id": o["id"]}
	for _, k := range wanted {
		if v, ok := o[k]; ok {
			chosen[k] = v
		}
	}
	return chosen
}

// graphChange is what the webhook is told of a comment. It is called with the world locked.
func (s *Server) graphChange(c *CommentState, verb string) json.RawMessage {
	post := s.world.postBy[c.Post]
	value := object{"item": "comment", "verb": verb, "comment_id": c.ID, "post_id": c.Post, "parent_id": c.Post,
		"post": object{"id": c.Post, "status_type": "mobile_status_update", "is_published": true, "promotion_status": "inactive",
			"updated_time": post.Posted.UTC().Format(graphTime), "permalink_url": s.URL() + "/public/" + c.Post}}
	if c.Parent != "" {
		value["parent_id"] = c.Parent
	}
	if c.AuthorID != "" {
		value["from"] = object{"id": c.AuthorID, "name": c.Author}
	}
	if verb != "remove" {
		value["created_time"] = c.Posted.Unix()
		if c.Text != "" {
			value["message"] = c.Text
		}
		if c.Photos > 0 {
			value["photo"] = s.photoURL(c)
		}
	}
	change, _ := json.Marshal(object{"field": "feed", "value": value})
	return change
}

// sign is the Graph API's signature over a body.
func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
