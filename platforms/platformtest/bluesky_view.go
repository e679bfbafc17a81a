package platformtest

import (
	"net/url"
	"slices"
	"strconv"
	"time"
)

// blueskyNotified is how many steps up a reply is told of.
const blueskyNotified = 5

// show answers for what the network shows of posts and people.
func (b *blueskyFront) show(c *blueskyCall) (any, *blueskyRefusal) {
	switch c.action {
	case "fetch":
		if len(c.query["uris"]) > 25 {
			return nil, blueskyInvalid("uris must not have more than 25 elements")
		}
		posts := []object{}
		for _, id := range c.query["uris"] {
			if v, ok := b.view(id, c.caller.ID); ok && !v.blocked() {
				posts = append(posts, object(v))
			}
		}
		return object{"posts": posts}, nil
	case "comments":
		return b.thread(c)
	case "feed":
		return b.feed(c), nil
	case "notifications":
		return blueskyPage(c, "notifications", b.notifications(c), 100), nil
	case "profile":
		did := c.query.Get("actor")
		profile := object{"did": did, "handle": blueskyHandle(did), "viewer": object{}}
		if b.s.world.blocked[c.caller.ID+"/"+did] {
			profile["viewer"] = object{"blocking": "at://" + c.caller.ID + "/" + blueskyBlock + "/1"}
		}
		return profile, nil
	}
	return nil, &blueskyRefusal{status: 501, name: "MethodNotImplemented", message: "Method Not Implemented"}
}

// blueskyView is a post as the network shows it.
type blueskyView object

func (v blueskyView) blocked() bool { return v["blocked"] == true }

// view is a post or comment as viewer sees it; ok is false for what is not there.
func (b *blueskyFront) view(id, viewer string) (v blueskyView, ok bool) {
	if p, ok := b.s.world.postBy[id]; ok && p.ID == id {
		account, _ := b.s.world.account(func(a Account) bool { return a.ID == p.Account })
		record := object{"$type": blueskyPost, "text": p.Text, "createdAt": p.Posted.UTC().Format(time.RFC3339Nano), "langs": []string{"sv"}}
		return b.viewOf(id, p.Account, account.Name, p.Posted, record, blueskyCID(id+p.Text)), true
	}
	c, ok := b.s.world.commentBy[id]
	if !ok || c.ID != id || c.gone() {
		return nil, false
	}
	did := blueskyDID(c.AuthorID)
	if viewer != "" && b.s.world.blocked[viewer+"/"+c.AuthorID] {
		return blueskyView{"$type": "app.bsky.feed.defs#blockedPost", "uri": id, "blocked": true, "author": object{"did": did}}, true
	}
	parent := c.Parent
	if parent == "" {
		parent = c.Post
	}
	record := object{"$type": blueskyPost, "text": c.Text, "createdAt": c.Posted.UTC().Format(time.RFC3339Nano), "langs": []string{"sv"},
		"reply": object{"root": object{"uri": c.Post, "cid": b.cid(c.Post)}, "parent": object{"uri": parent, "cid": b.cid(parent)}}}
	v = b.viewOf(id, did, c.Author, c.Posted, record, b.cid(id))
	var images, blobs []object
	for n := range c.Photos {
		address := b.s.URL() + "/photo/" + url.PathEscape(photoName(c.ID, n+1))
		images = append(images, object{"thumb": address, "fullsize": address, "alt": ""})
		blobs = append(blobs, object{"alt": "", "image": object{"$type": "blob", "ref": object{"$link": blueskyCID(address)}, "mimeType": "image/png", "size": 9000}})
	}
	if len(images) > 0 {
		record["embed"] = object{"$type": "app.bsky.embed.images", "images": blobs}
		v["embed"] = object{"$type": "app.bsky.embed.images#view", "images": images}
	}
	return v, true
}

func (b *blueskyFront) viewOf(id, did, name string, at time.Time, record object, cid string) blueskyView {
	replies := 0
	for _, k := range b.s.world.comments {
		if (k.Parent == id || k.Parent == "" && k.Post == id) && !k.gone() {
			replies++
		}
	}
	return blueskyView{"uri": id, "cid": cid, "author": object{"did": did, "handle": blueskyHandle(did), "displayName": name, "labels": []object{}},
		"record": record, "replyCount": replies, "repostCount": 0, "likeCount": 0, "quoteCount": 0,
		"indexedAt": at.UTC().Format("2006-01-02T15:04:05.000Z"), "labels": []object{}}
}

// cid names what a post says now.
func (b *blueskyFront) cid(id string) string {
	if c, ok := b.s.world.commentBy[id]; ok && c.ID == id {
		return blueskyCID(id + strconv.Itoa(c.RevisionCount) + c.Text)
	}
	if p, ok := b.s.world.postBy[id]; ok && p.ID == id {
		return blueskyCID(id + p.Text)
	}
	return blueskyCID(id)
}

// thread answers with what stands under a post. What answers a reply that is gone is out of reach.
func (b *blueskyFront) thread(c *blueskyCall) (any, *blueskyRefusal) {
	id := c.query.Get("uri")
	v, ok := b.view(id, c.caller.ID)
	if !ok {
		return nil, &blueskyRefusal{status: 400, name: "NotFound", message: "Post not found: " + id}
	}
	depth, err := strconv.Atoi(c.query.Get("depth"))
	if err != nil {
		depth = 6
	}
	post := id
	if k, ok := b.s.world.commentBy[id]; ok {
		post = k.Post
	}
	under := map[string][]string{}
	for _, k := range slices.Backward(b.s.world.under[post]) {
		parent := k.Parent
		if parent == "" {
			parent = post
		}
		under[parent] = append(under[parent], k.ID)
	}
	return object{"thread": b.node(v, under, c.caller.ID, depth)}, nil
}

func (b *blueskyFront) node(v blueskyView, under map[string][]string, viewer string, depth int) object {
	if v.blocked() {
		return object(v)
	}
	n := object{"$type": "app.bsky.feed.defs#threadViewPost", "post": v}
	if depth == 0 {
		return n
	}
	replies := []object{}
	for _, id := range under[v["uri"].(string)] {
		if reply, ok := b.view(id, viewer); ok {
			replies = append(replies, b.node(reply, under, viewer, depth-1))
		}
	}
	n["replies"] = replies
	return n
}

// feed lists an account's posts, the newest first.
func (b *blueskyFront) feed(c *blueskyCall) object {
	var posts []*Post
	for _, p := range b.s.world.posts {
		if p.Account == c.query.Get("actor") {
			posts = append(posts, p)
		}
	}
	slices.SortStableFunc(posts, func(x, y *Post) int { return y.Posted.Compare(x.Posted) })
	var list []object
	for _, p := range posts {
		v, _ := b.view(p.ID, c.caller.ID)
		list = append(list, object{"post": v})
	}
	return blueskyPage(c, "feed", list, 100)
}

// notifications are what was said to the caller, the newest first. What is hidden or muted is left out.
func (b *blueskyFront) notifications(c *blueskyCall) []object {
	var told []*CommentState
	for _, k := range b.s.world.comments {
		own := c.caller.ID
		if k.AuthorID == own || k.gone() || k.Hidden || b.muted[own+"/"+k.AuthorID] || b.s.world.blocked[own+"/"+k.AuthorID] || !b.reaches(k, own) {
			continue
		}
		told = append(told, k)
	}
	slices.SortStableFunc(told, func(x, y *CommentState) int { return y.Posted.Compare(x.Posted) })
	var list []object
	for _, k := range told {
		v, _ := b.view(k.ID, "")
		list = append(list, object{"uri": k.ID, "cid": v["cid"], "author": v["author"], "reason": "reply", "reasonSubject": k.Post, "record": v["record"],
			"isRead": false, "indexedAt": v["indexedAt"], "labels": []object{}})
	}
	return list
}

// reaches tells whether something of own's stands within reach above a comment.
func (b *blueskyFront) reaches(k *CommentState, own string) bool {
	for range blueskyNotified - 1 {
		parent, ok := b.s.world.commentBy[k.Parent]
		if k.Parent == "" || !ok {
			return k.Account == own
		}
		if parent.AuthorID == own {
			return true
		}
		k = parent
	}
	return false
}
