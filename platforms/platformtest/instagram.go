package platformtest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"takhojd/platforms"
)

// Instagram's ids are long numbers that tell nothing of each other.
const (
	firstMedium           = 18_000_000_000_000_000
	firstInstagramComment = 17_900_000_000_000_000
)

// mostInstagram is the most comments that Instagram gives at a time.
const mostInstagram = 50

// instagramFront is the Graph API as it is for Instagram accounts. Its webhook tells of new comments only.
type instagramFront struct{ graphFront }

func (instagramFront) postID(_ Account, n int) string { return strconv.Itoa(firstMedium + n) }

func (instagramFront) commentID(_ *Post, _ Comment, n int) string {
	return strconv.Itoa(firstInstagramComment + n)
}

func (g instagramFront) happened(c *CommentState, verb string) {
	if verb == "add" && g.s.world.subs[c.Account] {
		g.s.deliver.enqueue(c, verb, instagramChange(g.s, c))
	}
}

func (g instagramFront) delivery(account string, at time.Time, changes []json.RawMessage, forged bool) ([]byte, http.Header) {
	return g.deliveryOf("instagram", account, at, changes, forged)
}

// instagramChange is what the webhook is told of a comment. It is called with the world locked.
func instagramChange(s *Server, c *CommentState) json.RawMessage {
	value := object{"id": c.ID, "text": c.Text, "media": object{"id": c.Post, "media_product_type": "FEED"}}
	if c.AuthorID != "" {
		value["from"] = object{"id": c.AuthorID, "username": s.username(c)}
	}
	if root := s.rootOf(c); root != c.ID {
		value["parent_id"] = root
	}
	change, _ := json.Marshal(object{"field": "comments", "value": value})
	return change
}

// username is an author's name as Instagram has them: without spaces and capitals.
func (s *Server) username(c *CommentState) string {
	name := c.Author
	if c.AuthorID == c.Account {
		account, _ := s.world.account(func(a Account) bool { return a.ID == c.Account })
		name = account.Name
	}
	return strings.ToLower(strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r == ' ' || r == '(' || r == ')' }), "."))
}

// rootOf is the comment at the head of the thread: Instagram puts what answers an answer there. The world is locked.
func (s *Server) rootOf(c *CommentState) string {
	for c.Parent != "" {
		parent, ok := s.world.commentBy[c.Parent]
		if !ok {
			break
		}
		c = parent
	}
	return c.ID
}

// onInstagram tells whether a call is about an Instagram account or what stands there. The world is locked.
func (s *Server) onInstagram(c *graphCall) bool {
	account := c.object
	if post, ok := s.world.postBy[c.object]; ok && post.ID == c.object {
		account = post.Account
	} else if comment, ok := s.world.commentBy[c.object]; ok && comment.ID == c.object {
		account = comment.Account
	}
	a, ok := s.world.account(func(a Account) bool { return a.ID == account })
	return ok && a.Platform == platforms.Instagram
}

// instagramLocked answers for an Instagram account, a medium or a comment. Only the account's own token may ask.
func (s *Server) instagramLocked(c *graphCall) (any, *graphError) {
	if account, ok := s.world.account(func(a Account) bool { return a.ID == c.object }); ok {
		if c.caller.page.ID != account.ID {
			return nil, graphGone() // the platform tells nobody else that it is there
		}
		return s.instagramAccountLocked(c, account)
	}
	if post, ok := s.world.postBy[c.object]; ok && post.ID == c.object {
		if c.caller.page.ID != post.Account {
			return nil, graphForbidden()
		}
		return s.mediumLocked(c, post)
	}
	comment := s.world.commentBy[c.object]
	root := s.world.commentBy[s.rootOf(comment)]
	if comment.gone() || root.gone() { // answers go with what they answer
		return nil, graphGone()
	}
	if c.caller.page.ID != comment.Account {
		return nil, graphForbidden()
	}
	return s.instagramCommentLocked(c, comment)
}

func (s *Server) instagramAccountLocked(c *graphCall, account Account) (any, *graphError) {
	switch c.method + " " + c.edge {
	case "GET ":
		count := 0
		for _, p := range s.world.posts {
			if p.Account == account.ID {
				count++
			}
		}
		return c.choose(object{"id": account.ID, "username": s.username(&CommentState{Account: account.ID, Comment: Comment{AuthorID: account.ID}}),
			"name": account.Name, "media_count": count}, "id"), nil
	case "GET media":
		var media []*Post
		for _, p := range s.world.posts {
			if p.Account == account.ID {
				media = append(media, p)
			}
		}
		slices.SortStableFunc(media, func(a, b *Post) int { return b.Posted.Compare(a.Posted) })
		return paged(c, media, func(p *Post) string { return p.ID }, func(p *Post) object { return s.mediumObject(c, p) }), nil
	case "POST subscribed_apps", "DELETE subscribed_apps", "GET subscribed_apps":
		return s.subscriptionsLocked(c, account, "comments", "live_comments")
	}
	return nil, graphUnknown()
}

func (s *Server) mediumObject(c *graphCall, p *Post) object {
	n := 0
	for _, k := range s.world.under[p.ID] {
		if !k.gone() {
			n++
		}
	}
	return c.choose(object{"id": p.ID, "caption": p.Text, "timestamp": p.Posted.UTC().Format(graphTime), "permalink": c.base + "/public/" + p.ID,
		"comments_count": n, "is_comment_enabled": !p.Closed, "media_product_type": "FEED"}, "id")
}

func (s *Server) mediumLocked(c *graphCall, post *Post) (any, *graphError) {
	switch c.method + " " + c.edge {
	case "GET ":
		return s.mediumObject(c, post), nil
	case "GET comments":
		return s.instagramList(c, post.ID, ""), nil
	case "POST comments":
		return s.writeLocked(c, post, "")
	case "POST ":
		enabled, err := strconv.ParseBool(c.form.Get("comment_enabled"))
		if err != nil {
			return nil, graphParameter("comment_enabled")
		}
		post.Closed = !enabled
		return object{"success": true}, nil
	}
	return nil, graphUnknown()
}

// instagramList lists a medium's comments, newest first, or the answers to one of them, oldest first.
func (s *Server) instagramList(c *graphCall, post, root string) object {
	var list []*CommentState
	for _, k := range s.world.under[post] {
		if !k.gone() && (root == "" && k.Parent == "" || root != "" && k.ID != root && s.rootOf(k) == root) {
			list = append(list, k)
		}
	}
	if root == "" {
		slices.Reverse(list)
	}
	if n, err := strconv.Atoi(c.form.Get("limit")); err == nil && n > mostInstagram {
		c.form.Set("limit", strconv.Itoa(mostInstagram))
	}
	return paged(c, list, func(k *CommentState) string { return k.ID }, func(k *CommentState) object { return s.instagramObject(c, k) })
}

func (s *Server) instagramObject(c *graphCall, k *CommentState) object {
	o := object{"id": k.ID, "text": k.Text, "timestamp": k.Posted.UTC().Format(graphTime), "hidden": k.Hidden, "like_count": 0, "media": object{"id": k.Post}}
	if k.AuthorID != "" {
		o["username"] = s.username(k)
		o["from"] = object{"id": k.AuthorID, "username": s.username(k)}
	}
	if k.AuthorID == k.Account {
		o["user"] = object{"id": k.AuthorID}
	}
	if root := s.rootOf(k); root != k.ID {
		o["parent_id"] = root
	} else if spec, asked := c.within["replies"]; asked {
		inner := &graphCall{method: http.MethodGet, object: k.ID, edge: "replies", base: c.base, token: c.token, form: url.Values{"limit": {spec.limit}, "fields": {spec.fields}}}
		inner.choices(spec.fields)
		if replies := s.instagramList(inner, k.Post, k.ID); len(replies["data"].([]object)) > 0 {
			o["replies"] = replies
		}
	}
	return c.choose(o, "id", "text", "timestamp")
}

func (s *Server) instagramCommentLocked(c *graphCall, k *CommentState) (any, *graphError) {
	switch c.method + " " + c.edge {
	case "GET ":
		return s.instagramObject(c, k), nil
	case "GET replies":
		return s.instagramList(c, k.Post, k.ID), nil
	case "POST replies":
		if k.Hidden {
			return nil, &graphError{status: 400, code: 100, message: "(#100) The comment is hidden and cannot be replied to"}
		}
		return s.writeLocked(c, s.world.postBy[k.Post], s.rootOf(k))
	case "DELETE ":
		s.world.changeLocked(k, "remove", func(k *CommentState) { k.Deleted, k.DeletedAt = true, s.world.now() })
		return object{"success": true}, nil
	case "POST ":
		hide, err := strconv.ParseBool(c.form.Get("hide"))
		switch {
		case err != nil:
			return nil, graphParameter("hide")
		case k.CannotHide:
			return nil, graphForbidden()
		case k.AuthorID != k.Account: // the account's own comments stay visible, whatever is asked
			s.world.setHiddenLocked(k, hide)
		}
		return object{"success": true}, nil
	}
	return nil, graphUnknown()
}
