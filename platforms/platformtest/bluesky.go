package platformtest

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"takhojd/platforms"
)

// The kinds of record that the simulated network keeps, and how long a session's access token holds there.
const (
	blueskyPost   = "app.bsky.feed.post"
	blueskyGate   = "app.bsky.feed.threadgate"
	blueskyBlock  = "app.bsky.graph.block"
	blueskyAccess = 2 * time.Hour
)

// blueskyFront is the AT Protocol as a Bluesky account meets it: its own server, and the network's view behind it. An account's Token is its app
// password, its ID a DID; an author's ID that is no DID gets one. What it holds is guarded by the world's lock.
type blueskyFront struct {
	s       *Server
	access  map[string]blueskySession
	refresh map[string]string // account by token
	tokens  int
	gates   map[string]blueskyRecord // threadgates by the address of their post
	muted   map[string]bool          // account + "/" + author
}

type blueskySession struct {
	account string
	until   time.Time
}

// blueskyRecord is a record and the name of its content.
type blueskyRecord struct {
	cid   string
	value json.RawMessage
}

func newBlueskyFront(s *Server) *blueskyFront {
	return &blueskyFront{s: s, access: map[string]blueskySession{}, refresh: map[string]string{}, gates: map[string]blueskyRecord{}, muted: map[string]bool{}}
}

func (*blueskyFront) postID(a Account, n int) string { return blueskyAddress(a.ID, firstPost+n) }

func (*blueskyFront) commentID(_ *Post, c Comment, n int) string {
	return blueskyAddress(blueskyDID(c.AuthorID), firstComment+n)
}

// blueskyAddress is the address of a post. Its key grows with n.
func blueskyAddress(did string, n int) string {
	const digits = "234567abcdefghijklmnopqrstuvwxyz"
	key := []byte("3222222222222")
	for i := len(key) - 1; n > 0; i, n = i-1, n/32 {
		key[i] = digits[n%32]
	}
	key[0] = '3'
	return "at://" + did + "/" + blueskyPost + "/" + string(key)
}

// blueskyDID is an author's id as the network has it.
func blueskyDID(author string) string {
	if strings.HasPrefix(author, "did:") {
		return author
	}
	sum := sha256.Sum256([]byte("author " + author))
	return "did:plc:" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:24]
}

// blueskyCID names a content.
func blueskyCID(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "bafyrei" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:]))
}

// happened keeps the threadgate as a colleague's app would write it. The network tells nobody of anything.
func (b *blueskyFront) happened(c *CommentState, verb string) {
	if verb != "hide" && verb != "unhide" {
		return
	}
	g := b.gateOf(c.Post)
	if slices.Contains(g.hidden, c.ID) == (verb == "hide") {
		return // our own doing: the gate was written first
	}
	if verb == "hide" {
		g.hidden = append(g.hidden, c.ID)
	} else {
		g.hidden = slices.DeleteFunc(g.hidden, func(id string) bool { return id == c.ID })
	}
	g.fields["hiddenReplies"], _ = json.Marshal(g.hidden)
	b.putGate(c.Post, g.fields)
}

func (*blueskyFront) delivery(string, time.Time, []json.RawMessage, bool) ([]byte, http.Header) {
	return nil, http.Header{}
}

func (*blueskyFront) handshake(context.Context, *http.Client, string) error {
	return errors.New("bluesky delivers to no webhook")
}

// blueskyGateState is a threadgate taken apart.
type blueskyGateState struct {
	fields map[string]json.RawMessage
	hidden []string
}

// gateOf reads a post's threadgate; where there is none, one that hides nothing.
func (b *blueskyFront) gateOf(post string) blueskyGateState {
	g := blueskyGateState{fields: map[string]json.RawMessage{}}
	if r, ok := b.gates[post]; ok {
		_ = json.Unmarshal(r.value, &g.fields)
		_ = json.Unmarshal(g.fields["hiddenReplies"], &g.hidden)
		return g
	}
	for k, v := range map[string]string{"$type": blueskyGate, "post": post, "createdAt": b.s.world.now().UTC().Format(time.RFC3339Nano)} {
		g.fields[k], _ = json.Marshal(v)
	}
	return g
}

func (b *blueskyFront) putGate(post string, fields map[string]json.RawMessage) blueskyRecord {
	value, _ := json.Marshal(fields)
	b.gates[post] = blueskyRecord{blueskyCID(string(value)), value}
	return b.gates[post]
}

// blueskyRefusal is a refusal in the network's words.
type blueskyRefusal struct {
	status        int
	name, message string
	header        http.Header
}

func (r *blueskyRefusal) answer() answer {
	body, _ := json.Marshal(object{"error": r.name, "message": r.message})
	return answer{status: r.status, header: r.header, body: body, result: "error " + r.name}
}

func blueskyInvalid(message string) *blueskyRefusal {
	return &blueskyRefusal{status: 400, name: "InvalidRequest", message: message}
}

func blueskyNoRecord() *blueskyRefusal {
	return &blueskyRefusal{status: 400, name: "RecordNotFound", message: "Could not locate record"}
}

func blueskyExpired() *blueskyRefusal {
	return &blueskyRefusal{status: 400, name: "ExpiredToken", message: "Token has expired"}
}

func blueskyWrongPassword() *blueskyRefusal {
	return &blueskyRefusal{status: 401, name: "AuthenticationRequired", message: "Invalid identifier or password"}
}

// blueskyCall is one call, taken apart.
type blueskyCall struct {
	name   string
	query  url.Values
	token  string
	body   blueskyBody
	action string
	about  string
	caller Account
}

// blueskyBody is all that the bodies of the calls may hold.
type blueskyBody struct {
	Identifier string           `json:"identifier"`
	Password   string           `json:"password"`
	Repo       string           `json:"repo"`
	Collection string           `json:"collection"`
	Key        string           `json:"rkey"`
	Record     json.RawMessage  `json:"record"`
	Swap       *json.RawMessage `json:"-"` // nil where it was not given; "null" is given
	Actor      string           `json:"actor"`
	ReasonType string           `json:"reasonType"`
	Subject    struct {
		URI string `json:"uri"`
		CID string `json:"cid"`
	} `json:"subject"`
}

// serveBluesky takes a call of the AT Protocol.
func (s *Server) serveBluesky(w http.ResponseWriter, r *http.Request) {
	b := s.world.fronts[platforms.Bluesky].(*blueskyFront)
	c, err := b.read(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.serve(w, r, exchange{
		entry: Call{Method: r.Method, Path: r.URL.Path, Action: c.action, Comment: c.about},
		answer: func(*Call) answer {
			s.world.mu.Lock()
			defer s.world.mu.Unlock()
			result, refusal := b.execute(c)
			if refusal != nil {
				return refusal.answer()
			}
			if result == nil {
				return answer{status: http.StatusOK, result: "ok"}
			}
			body, _ := json.Marshal(result)
			return answer{status: http.StatusOK, body: body, result: "ok"}
		},
		refuse: func(_ Faults, r Refusal) (answer, bool) { return b.refuse(c, r) },
		dress: func(h http.Header, f Faults) {
			h.Set("Content-Type", "application/json; charset=utf-8")
			h.Set("Ratelimit-Limit", "3000")
			h.Set("Ratelimit-Remaining", strconv.Itoa(int(3000*(1-f.UsagePercent/100))))
			h.Set("Ratelimit-Reset", strconv.FormatInt(s.world.now().Add(5*time.Minute).Unix(), 10))
			h.Set("Ratelimit-Policy", "3000;w=300")
		},
	})
}

// refuse puts a fault into the network's words.
func (b *blueskyFront) refuse(c *blueskyCall, r Refusal) (answer, bool) {
	switch r.Kind {
	case Throttled:
		minutes := r.RegainMinutes
		if minutes == 0 {
			minutes = 5
		}
		reset := b.s.world.now().Add(time.Duration(minutes) * time.Minute)
		h := http.Header{"Ratelimit-Remaining": {"0"}, "Ratelimit-Reset": {strconv.FormatInt(reset.Unix(), 10)}}
		return (&blueskyRefusal{status: 429, name: "RateLimitExceeded", message: "Rate Limit Exceeded", header: h}).answer(), true
	case TokenDead:
		if c.action == "sign_in" {
			return blueskyWrongPassword().answer(), true
		}
		return blueskyExpired().answer(), true
	case NotPermitted:
		return (&blueskyRefusal{status: 403, name: "Forbidden", message: "Forbidden"}).answer(), true
	case Broken:
		return (&blueskyRefusal{status: 502, name: "UpstreamFailure", message: "Upstream Failure"}).answer(), true
	case Gone:
		switch c.name {
		case "app.bsky.feed.getPosts":
			return answer{status: 200, body: []byte(`{"posts":[]}`), result: "gone"}, true
		case "com.atproto.repo.getRecord":
			return blueskyNoRecord().answer(), true
		case "app.bsky.feed.getPostThread":
			return (&blueskyRefusal{status: 400, name: "NotFound", message: "Post not found"}).answer(), true
		}
	}
	return answer{}, false
}

// read takes a request apart, and names what it asks for.
func (b *blueskyFront) read(r *http.Request) (*blueskyCall, error) {
	c := &blueskyCall{name: strings.TrimPrefix(r.URL.Path, "/xrpc/"), query: r.URL.Query(), token: strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")}
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 4<<20))
		if err != nil {
			return nil, err
		}
		if len(body) > 0 {
			if err := json.Unmarshal(body, &c.body); err != nil {
				return nil, err
			}
			var swap map[string]json.RawMessage
			_ = json.Unmarshal(body, &swap) // it is an object: the line above has read it
			if v, given := swap["swapRecord"]; given {
				c.body.Swap = &v
			}
		}
	}
	c.action = map[string]string{
		"GET app.bsky.feed.getPosts": "fetch", "GET app.bsky.feed.getPostThread": "comments", "GET app.bsky.feed.getAuthorFeed": "feed",
		"GET app.bsky.notification.listNotifications": "notifications", "GET app.bsky.notification.getPreferences": "preferences",
		"GET app.bsky.actor.getProfile": "profile", "POST app.bsky.graph.muteActor": "mute", "POST com.atproto.moderation.createReport": "report",
		"POST com.atproto.server.createSession": "sign_in", "POST com.atproto.server.refreshSession": "renew", "GET com.atproto.server.getSession": "me",
		"GET com.atproto.server.describeServer": "describe", "GET com.atproto.repo.getRecord": "record", "GET com.atproto.repo.listRecords": "records",
	}[r.Method+" "+c.name]
	switch {
	case r.Method == http.MethodPost && c.name == "com.atproto.repo.createRecord":
		c.action = map[string]string{blueskyPost: "reply", blueskyBlock: "block"}[c.body.Collection]
	case r.Method == http.MethodPost && c.name == "com.atproto.repo.putRecord":
		c.action, c.about = b.change(c.body)
	case c.action == "record" && c.query.Get("collection") == blueskyPost:
		c.action, c.about = "fetch", "at://"+c.query.Get("repo")+"/"+blueskyPost+"/"+c.query.Get("rkey")
	case c.action == "fetch":
		c.about = c.query.Get("uris")
	case c.action == "comments":
		c.about = c.query.Get("uri")
	case c.action == "report":
		c.about = c.body.Subject.URI
	}
	if c.action == "" {
		c.action = "unknown"
	}
	return c, nil
}

// change tells what a threadgate that is to be written changes, and about what.
func (b *blueskyFront) change(body blueskyBody) (action, about string) {
	var next struct {
		Hidden []string         `json:"hiddenReplies"`
		Allow  *json.RawMessage `json:"allow"`
	}
	_ = json.Unmarshal(body.Record, &next) // what cannot be read is refused later
	post := "at://" + body.Repo + "/" + blueskyPost + "/" + body.Key
	b.s.world.mu.Lock()
	defer b.s.world.mu.Unlock()
	was := b.gateOf(post)
	for _, id := range next.Hidden {
		if !slices.Contains(was.hidden, id) {
			return "hide", id
		}
	}
	for _, id := range was.hidden {
		if !slices.Contains(next.Hidden, id) {
			return "unhide", id
		}
	}
	if next.Allow != nil && string(*next.Allow) == "[]" {
		return "close", post
	}
	return "open", post
}

// execute does what is asked, or says why not. The world is locked.
func (b *blueskyFront) execute(c *blueskyCall) (any, *blueskyRefusal) {
	switch c.action {
	case "describe":
		return object{"did": "did:web:simulated.test", "availableUserDomains": []string{".test"}}, nil
	case "sign_in":
		return b.signIn(c)
	case "renew":
		account, ok := b.refresh[c.token]
		if !ok {
			return nil, &blueskyRefusal{status: 400, name: "ExpiredToken", message: "Token has been revoked"}
		}
		delete(b.refresh, c.token)
		return b.session(account), nil
	}
	session, ok := b.access[c.token]
	switch {
	case !ok:
		return nil, &blueskyRefusal{status: 400, name: "InvalidToken", message: "Token could not be verified"}
	case b.s.world.now().After(session.until):
		return nil, blueskyExpired()
	}
	c.caller, _ = b.s.world.account(func(a Account) bool { return a.ID == session.account })
	switch c.name {
	case "com.atproto.server.getSession":
		return object{"did": c.caller.ID, "handle": blueskyHandle(c.caller.ID), "active": true}, nil
	case "app.bsky.notification.getPreferences":
		all := object{"include": "all", "list": true, "push": true}
		return object{"preferences": object{"reply": all, "mention": all, "quote": all}}, nil
	case "com.atproto.repo.getRecord":
		return b.record(c)
	case "com.atproto.repo.listRecords":
		return b.records(c)
	case "com.atproto.repo.putRecord":
		return b.put(c)
	case "com.atproto.repo.createRecord":
		return b.create(c)
	case "app.bsky.graph.muteActor":
		b.muted[c.caller.ID+"/"+c.body.Actor] = true
		return nil, nil
	case "com.atproto.moderation.createReport":
		return b.report(c)
	}
	return b.show(c)
}

// signIn takes an app password.
func (b *blueskyFront) signIn(c *blueskyCall) (any, *blueskyRefusal) {
	account, ok := b.s.world.account(func(a Account) bool {
		return a.Platform == platforms.Bluesky && (a.ID == c.body.Identifier || blueskyHandle(a.ID) == c.body.Identifier)
	})
	if !ok || account.Token == "" || account.Token != c.body.Password {
		return nil, blueskyWrongPassword()
	}
	return b.session(account.ID), nil
}

func (b *blueskyFront) session(account string) object {
	b.tokens++
	access, refresh := fmt.Sprintf("access.%d.%s", b.tokens, blueskyCID(account)), fmt.Sprintf("refresh.%d.%s", b.tokens, blueskyCID(account))
	b.access[access] = blueskySession{account, b.s.world.now().Add(blueskyAccess)}
	b.refresh[refresh] = account
	return object{"accessJwt": access, "refreshJwt": refresh, "did": account, "handle": blueskyHandle(account), "active": true,
		"didDoc": object{"id": account, "service": []object{{"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": b.s.URL()}}}}
}

func blueskyHandle(did string) string { return did[max(0, len(did)-12):] + ".test" }

// report takes a report, and does nothing with it.
func (b *blueskyFront) report(c *blueskyCall) (any, *blueskyRefusal) {
	if !strings.HasPrefix(c.body.ReasonType, "com.atproto.moderation.defs#reason") || c.body.Subject.URI == "" || c.body.Subject.CID == "" {
		return nil, blueskyInvalid("Input/reasonType or Input/subject is invalid")
	}
	return object{"id": 1, "reasonType": c.body.ReasonType, "reportedBy": c.caller.ID, "createdAt": b.s.world.now().UTC().Format(time.RFC3339Nano)}, nil
}

// record answers for one record.
func (b *blueskyFront) record(c *blueskyCall) (any, *blueskyRefusal) {
	repo, key := c.query.Get("repo"), c.query.Get("rkey")
	address := "at://" + repo + "/" + blueskyPost + "/" + key
	if c.query.Get("collection") == blueskyGate {
		r, ok := b.gates[address]
		if !ok {
			return nil, blueskyNoRecord()
		}
		return object{"uri": "at://" + repo + "/" + blueskyGate + "/" + key, "cid": r.cid, "value": r.value}, nil
	}
	v, ok := b.view(address, "")
	if !ok || c.query.Get("collection") != blueskyPost {
		return nil, blueskyNoRecord()
	}
	return object{"uri": address, "cid": v["cid"], "value": v["record"]}, nil
}

// records lists an account's threadgates or posts, the newest first.
func (b *blueskyFront) records(c *blueskyCall) (any, *blueskyRefusal) {
	repo, collection := c.query.Get("repo"), c.query.Get("collection")
	var list []object
	for _, p := range b.s.world.posts {
		key := p.ID[strings.LastIndexByte(p.ID, '/')+1:]
		switch gate, gated := b.gates[p.ID]; {
		case p.Account != repo:
		case collection == blueskyPost:
			v, _ := b.view(p.ID, "")
			list = append(list, object{"uri": p.ID, "cid": v["cid"], "value": v["record"]})
		case collection == blueskyGate && gated:
			list = append(list, object{"uri": "at://" + repo + "/" + blueskyGate + "/" + key, "cid": gate.cid, "value": gate.value})
		}
	}
	slices.SortFunc(list, func(x, y object) int { return strings.Compare(y["uri"].(string), x["uri"].(string)) })
	return blueskyPage(c, "records", list, 100), nil
}

// blueskyPage cuts a list as the network does: a cursor where there is more.
func blueskyPage(c *blueskyCall, name string, list []object, most int) object {
	limit, err := strconv.Atoi(c.query.Get("limit"))
	if err != nil || limit < 1 {
		limit = 50
	}
	from, _ := strconv.Atoi(c.query.Get("cursor"))
	from = min(max(from, 0), len(list))
	to := min(from+min(limit, most), len(list))
	page := object{name: append([]object{}, list[from:to]...)}
	if to < len(list) {
		page["cursor"] = strconv.Itoa(to)
	}
	return page
}

// put writes a threadgate, if it is written on top of what stands there.
func (b *blueskyFront) put(c *blueskyCall) (any, *blueskyRefusal) {
	if c.body.Repo != c.caller.ID {
		return nil, &blueskyRefusal{status: 401, name: "AuthRequired", message: "Authentication Required"}
	}
	post := "at://" + c.body.Repo + "/" + blueskyPost + "/" + c.body.Key
	now, there := b.gates[post]
	if swap := c.body.Swap; swap != nil {
		var cid string
		_ = json.Unmarshal(*swap, &cid) // null leaves it empty: there must be none
		if cid != now.cid || there != (cid != "") {
			return nil, &blueskyRefusal{status: 400, name: "InvalidSwap", message: "Record was at " + now.cid}
		}
	}
	var gate struct {
		Type    string            `json:"$type"`
		Post    string            `json:"post"`
		Created time.Time         `json:"createdAt"`
		Hidden  []string          `json:"hiddenReplies"`
		Allow   []json.RawMessage `json:"allow"`
	}
	var fields map[string]json.RawMessage
	if c.body.Collection != blueskyGate || json.Unmarshal(c.body.Record, &gate) != nil || json.Unmarshal(c.body.Record, &fields) != nil ||
		gate.Type != blueskyGate || gate.Post != post || gate.Created.IsZero() || len(gate.Hidden) > 300 || len(gate.Allow) > 5 {
		return nil, blueskyInvalid("Invalid " + blueskyGate + " record")
	}
	made := b.putGate(post, fields)
	if p, ok := b.s.world.postBy[post]; ok {
		p.Closed = gate.Allow != nil && len(gate.Allow) == 0
		for _, k := range b.s.world.under[post] {
			b.s.world.setHiddenLocked(k, slices.Contains(gate.Hidden, k.ID))
		}
	}
	return object{"uri": "at://" + c.body.Repo + "/" + blueskyGate + "/" + c.body.Key, "cid": made.cid, "validationStatus": "valid"}, nil
}

// create writes a reply or a block.
func (b *blueskyFront) create(c *blueskyCall) (any, *blueskyRefusal) {
	if c.body.Repo != c.caller.ID {
		return nil, &blueskyRefusal{status: 401, name: "AuthRequired", message: "Authentication Required"}
	}
	var record struct {
		Text    string `json:"text"`
		Subject string `json:"subject"`
		Reply   struct {
			Root, Parent struct {
				URI, CID string
			}
		} `json:"reply"`
	}
	if json.Unmarshal(c.body.Record, &record) != nil {
		return nil, blueskyInvalid("Invalid record")
	}
	if c.body.Collection == blueskyBlock {
		if !strings.HasPrefix(record.Subject, "did:") {
			return nil, blueskyInvalid("Record/subject must be a valid did")
		}
		b.s.world.blocked[c.caller.ID+"/"+record.Subject] = true
		return object{"uri": "at://" + c.caller.ID + "/" + blueskyBlock + "/3" + record.Subject[len(record.Subject)-12:], "cid": blueskyCID(record.Subject)}, nil
	}
	if c.body.Collection != blueskyPost || utf8.RuneCountInString(record.Text) > 300 || record.Reply.Parent.CID == "" {
		return nil, blueskyInvalid("Invalid app.bsky.feed.post record")
	}
	parent := record.Reply.Parent.URI
	if parent == record.Reply.Root.URI {
		parent = ""
	}
	made, err := b.s.world.addCommentLocked(Comment{Post: record.Reply.Root.URI, Parent: parent, AuthorID: c.caller.ID, Author: c.caller.Name, Text: record.Text})
	if err != nil {
		return nil, blueskyInvalid("the reply cannot be written")
	}
	return object{"uri": made.ID, "cid": blueskyCID(made.ID)}, nil
}
