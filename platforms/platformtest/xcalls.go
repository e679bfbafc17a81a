package platformtest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"takhojd/platforms"
)

// execute does what is asked, or says why not.
func (x *xFront) execute(c *xCall) (any, int, *xProblem) {
	var result any
	var refusal *xProblem
	status := http.StatusOK
	switch c.action {
	case "subscriptions", "subscribe", "unsubscribe", "rules", "change_rules", "webhooks", "make_webhook":
		if !c.app {
			return nil, 0, &xProblem{status: 403, kind: "unsupported-authentication", title: "Unsupported Authentication",
				detail: "Authenticating with OAuth 1.0a User Context is forbidden for this endpoint. Supported authentication types are [OAuth 2.0 Application-Only]."}
		}
		result, refusal = x.executeApp(c)
		return result, status, refusal
	case "me", "hide", "unhide", "reply", "mute":
		if c.app {
			return nil, 0, &xProblem{status: 403, kind: "unsupported-authentication", title: "Unsupported Authentication",
				detail: "Authenticating with OAuth 2.0 Application-Only is forbidden for this endpoint."}
		}
	}
	x.s.world.mu.Lock()
	defer x.s.world.mu.Unlock()
	switch c.action {
	case "me":
		result = x.profile(c.account)
	case "user":
		result, refusal = x.lookUpUser(c)
	case "fetch":
		result, refusal = x.fetch(c)
	case "posts":
		result, refusal = x.posts(c)
	case "mentions":
		result, refusal = x.mentions(c)
	case "search":
		result, refusal = x.search(c)
	case "hide", "unhide":
		result, refusal = x.setHidden(c)
	case "mute":
		result, refusal = x.mute(c)
	case "reply":
		status = http.StatusCreated
		result, refusal = x.reply(c)
	default:
		refusal = &xProblem{status: 404, title: "Not Found", detail: "Not Found"}
	}
	return result, status, refusal
}

// own is the account that an id names, on X.
func (x *xFront) own(id string) (Account, bool) {
	return x.s.world.account(func(a Account) bool { return a.Platform == platforms.X && a.ID == id })
}

func (x *xFront) profile(a Account) object {
	u := x.user(a.ID, a.Name)
	n := 0
	for _, p := range x.s.world.posts {
		if p.Account == a.ID {
			n++
		}
	}
	u["public_metrics"] = object{"followers_count": 0, "following_count": 0, "tweet_count": n, "listed_count": 0}
	return object{"data": u}
}

func (x *xFront) lookUpUser(c *xCall) (any, *xProblem) {
	a, ok := x.own(c.id)
	if !ok {
		return nil, &xProblem{status: 404, kind: "resource-not-found", title: "Not Found Error", detail: "Could not find user with id: [" + c.id + "].",
			inBody: object{"resource_type": "user", "resource_id": c.id, "parameter": "id", "value": c.id}}
	}
	return x.profile(a), nil
}

func asked(c *xCall) []string {
	if f := c.query.Get("tweet.fields"); f != "" {
		return strings.Split(f, ",")
	}
	return []string{}
}

// find is the comment that an id, of any of its versions, names, and which version.
func (x *xFront) find(id string) (*CommentState, int, bool) {
	x.mu.Lock()
	comment, ok := x.byID[id]
	n := slices.IndexFunc(x.versions[comment], func(v xVersion) bool { return v.id == id })
	x.mu.Unlock()
	if !ok {
		return nil, 0, false
	}
	k, ok := x.s.world.commentBy[comment]
	return k, n, ok && !k.gone()
}

func (x *xFront) fetch(c *xCall) (any, *xProblem) {
	if k, n, ok := x.find(c.id); ok {
		x.mu.Lock()
		defer x.mu.Unlock()
		o := object{"data": x.version(k, n, asked(c))}
		if c.query.Has("expansions") {
			o["includes"] = x.includes(k)
		}
		return o, nil
	}
	if p, ok := x.s.world.postBy[c.id]; ok && p.ID == c.id {
		o := object{"data": x.postTweet(p, asked(c))}
		if a, ok := x.own(p.Account); ok && c.query.Has("expansions") {
			o["includes"] = object{"users": []object{x.user(a.ID, a.Name)}}
		}
		return o, nil
	}
	for _, k := range x.s.world.comments {
		if k.CannotHide && x.conversation(k) == c.id {
			return object{"data": chosen(object{"id": c.id, "text": "Någon annans inlägg", "author_id": xStranger, "conversation_id": c.id,
				"edit_history_tweet_ids": []string{c.id}, "created_at": k.Posted.UTC().Format(xTime)}, asked(c)),
				"includes": object{"users": []object{x.user(xStranger, "Någon annan")}}}, nil
		}
	}
	return nil, xGone(c.id)
}

// since reads the bounds that a list may have.
func (x *xFront) since(c *xCall) (id int64, at time.Time, bad *xProblem) {
	if s := c.query.Get("since_id"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return 0, time.Time{}, xInvalid("The 'since_id' query parameter value [" + s + "] is not valid")
		}
		id = n
	}
	if s := c.query.Get("start_time"); s != "" {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return 0, time.Time{}, xInvalid("The 'start_time' query parameter value is not valid")
		}
		at = t
	}
	return id, at, nil
}

func (x *xFront) posts(c *xCall) (any, *xProblem) {
	since, start, bad := x.since(c)
	if bad != nil {
		return nil, bad
	}
	var list []object
	for _, p := range x.s.world.posts {
		if n, _ := strconv.ParseInt(p.ID, 10, 64); p.Account == c.id && n > since && !p.Posted.Before(start) {
			list = append(list, x.postTweet(p, asked(c)))
		}
	}
	return x.page(c, list, nil, "pagination_token", 5)
}

// mentions lists what was said to an account: answers to its posts, answers to those, and what names it elsewhere. Who answers an answer
// to an answer has taken the account's name out.
func (x *xFront) mentions(c *xCall) (any, *xProblem) {
	since, _, bad := x.since(c)
	if bad != nil {
		return nil, bad
	}
	list, inc := x.matching(c, since, func(k *CommentState) bool {
		parent := x.s.world.commentBy[k.Parent]
		return k.Account == c.id && k.AuthorID != c.id && (parent == nil || parent.Parent == "")
	})
	return x.page(c, list, inc, "pagination_token", 5)
}

var conversations = regexp.MustCompile(`^conversation_id:([0-9]{1,19})( OR conversation_id:([0-9]{1,19}))*$`)

// search knows queries for conversations only.
func (x *xFront) search(c *xCall) (any, *xProblem) {
	query := c.query.Get("query")
	since, _, bad := x.since(c)
	switch {
	case bad != nil:
		return nil, bad
	case !conversations.MatchString(query) || len(query) > 512:
		return nil, xInvalid("There were errors processing your request: query")
	case since > 0 && time.UnixMilli(since>>xShift+xEpoch).Before(x.s.world.now().Add(-7*24*time.Hour)):
		return nil, xInvalid("'since_id' must be a tweet id created after 7 days ago")
	}
	wanted := map[string]bool{}
	for _, term := range strings.Split(query, " OR ") {
		wanted[strings.TrimPrefix(term, "conversation_id:")] = true
	}
	list, inc := x.matching(c, since, func(k *CommentState) bool { return wanted[x.conversation(k)] })
	return x.page(c, list, inc, "next_token", 10)
}

// matching lists the newest versions of comments, the newest first.
func (x *xFront) matching(c *xCall, since int64, match func(*CommentState) bool) (list []object, inc map[string]object) {
	x.mu.Lock()
	defer x.mu.Unlock()
	inc = map[string]object{}
	for _, k := range x.s.world.comments {
		if k.gone() || len(x.versions[k.ID]) == 0 || !match(k) {
			continue
		}
		o := x.tweet(k, asked(c))
		if n, _ := strconv.ParseInt(o["id"].(string), 10, 64); n > since {
			list = append(list, o)
			inc[o["id"].(string)] = x.includes(k)
		}
	}
	return list, inc
}

// page cuts a list as the API does. Its token is the last id in base 36.
func (x *xFront) page(c *xCall, list []object, inc map[string]object, cursor string, least int) (any, *xProblem) {
	most, err := strconv.Atoi(cmp.Or(c.query.Get("max_results"), "10"))
	if err != nil || most < least || most > 100 {
		return nil, xInvalid("The 'max_results' query parameter value is not valid")
	}
	number := func(o object) int64 { n, _ := strconv.ParseInt(o["id"].(string), 10, 64); return n }
	slices.SortFunc(list, func(a, b object) int { return cmp.Compare(number(b), number(a)) })
	if token := c.query.Get(cursor); token != "" {
		last, err := strconv.ParseInt(token, 36, 64)
		if err != nil {
			return nil, xInvalid("The '" + cursor + "' query parameter value is not valid")
		}
		list = slices.DeleteFunc(list, func(o object) bool { return number(o) >= last })
	}
	meta := object{"result_count": min(len(list), most)}
	if len(list) > most {
		list = list[:most]
		meta["next_token"] = strconv.FormatInt(number(list[most-1]), 36)
	}
	answer := object{"meta": meta}
	if len(list) == 0 {
		return answer, nil
	}
	meta["newest_id"], meta["oldest_id"] = list[0]["id"], list[len(list)-1]["id"]
	answer["data"] = list
	if inc != nil && c.query.Has("expansions") {
		answer["includes"] = merged(list, inc)
	}
	return answer, nil
}

// merged is what all posts of a page refer to, each once.
func merged(list []object, inc map[string]object) object {
	all, seen := object{}, map[string]bool{}
	for _, o := range list {
		for kind, things := range inc[o["id"].(string)] {
			for _, thing := range things.([]object) {
				name := kind
				for _, key := range []string{"id", "media_key"} {
					if id, ok := thing[key].(string); ok {
						name += " " + id
					}
				}
				if !seen[name] {
					seen[name] = true
					so, _ := all[kind].([]object)
					all[kind] = append(so, thing)
				}
			}
		}
	}
	return all
}

func (x *xFront) setHidden(c *xCall) (any, *xProblem) {
	var hidden bool
	if json.Unmarshal(c.body["hidden"], &hidden) != nil {
		return nil, xInvalid("$.hidden: is missing but it is required")
	}
	k, n, ok := x.find(c.id)
	if !ok {
		return nil, xGoneForActs(c.id)
	}
	c.log.Comment = k.ID
	x.mu.Lock()
	newest := n == len(x.versions[k.ID])-1
	x.mu.Unlock()
	switch {
	case k.Account != c.account.ID || k.CannotHide:
		return nil, xForbidden("You are not allowed to hide or unhide replies in a conversation that you did not start.")
	case !newest:
		return nil, xInvalid("This is not the newest version of the Post.")
	}
	x.s.world.setHiddenLocked(k, hidden)
	return object{"data": object{"hidden": hidden}}, nil
}

func (x *xFront) mute(c *xCall) (any, *xProblem) {
	var target string
	if json.Unmarshal(c.body["target_user_id"], &target) != nil || target == "" {
		return nil, xInvalid("$.target_user_id: is missing but it is required")
	}
	if c.id != c.account.ID {
		return nil, xForbidden("You are not permitted to perform this action.")
	}
	return object{"data": object{"muting": true}}, nil
}

func (x *xFront) reply(c *xCall) (any, *xProblem) {
	var text string
	if json.Unmarshal(c.body["text"], &text) != nil || text == "" || c.id == "" {
		return nil, xInvalid("$.text: is missing but it is required")
	}
	if utf8.RuneCountInString(text) > 280 {
		return nil, xForbidden("Your Tweet text is too long.")
	}
	post, parent := c.id, ""
	if k, _, ok := x.find(c.id); ok {
		post, parent = k.Post, k.ID
	} else if _, ok := x.s.world.postBy[c.id]; !ok {
		return nil, xForbidden("You attempted to reply to a Tweet that is deleted or not visible to you.")
	}
	made, err := x.s.world.addCommentLocked(Comment{Post: post, Parent: parent, AuthorID: c.account.ID, Author: c.account.Name, Text: text})
	if err != nil {
		return nil, xForbidden("You attempted to reply to a Tweet that is deleted or not visible to you.")
	}
	return object{"data": object{"id": made.ID, "text": xEscape.Replace(text), "edit_history_tweet_ids": []string{made.ID}}}, nil
}
