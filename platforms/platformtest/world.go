package platformtest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"takhojd/platforms"
)

// Account is a page or account that a simulated platform hosts.
type Account struct {
	// Platform is which platform; "" is Facebook.
	Platform platforms.Platform `json:"platform"`
	ID       string             `json:"id"`
	Name     string             `json:"name"`
	// Token is the account's access token.
	Token string `json:"-"`
	// Plays is the channel of a [Thread] whose posts this account publishes.
	Plays platforms.Platform `json:"plays,omitempty"`
}

// DefaultAccounts are the three accounts of the demonstration: one for each channel of its thread. Ids and tokens never change.
func DefaultAccounts() []Account {
	return []Account{
		{ID: "410100000000001", Name: "Region Stockholm", Token: "simulated-page-token-1", Plays: platforms.Facebook},
		{Platform: platforms.Instagram, ID: "17841400000000002", Name: "Region Stockholm (bilder)", Token: "simulated-page-token-2", Plays: platforms.Instagram},
		{Platform: platforms.X, ID: "1400000000000000003", Name: "Region Stockholm (korta nyheter)", Token: "1400000000000000003-simulated-token",
			Plays: platforms.X},
	}
}

// Post is what a page published.
type Post struct {
	// ID is the platform's, "<page>_<number>"; the server chooses one where it is empty.
	ID string `json:"id"`
	// Name is the test's own name for the post; it may stand for the ID in calls to [Server].
	Name    string    `json:"name"`
	Account string    `json:"account"`
	Text    string    `json:"text"`
	Posted  time.Time `json:"posted_at"`
	// Closed is true while citizens cannot comment on it.
	Closed bool `json:"closed,omitempty"`
}

// Comment is what a citizen, or a page, writes.
type Comment struct {
	// ID is the platform's, "<post number>_<number>"; the server chooses one where it is empty.
	ID string `json:"id"`
	// Name is the test's own name for the comment; it may stand for the ID in calls to [Server].
	Name string `json:"name"`
	// Post is the post's ID or name, Parent the ID or name of the comment that this one answers, if any.
	Post   string `json:"post"`
	Parent string `json:"parent"`
	// AuthorID is the author as the page knows them. With no AuthorID the platform tells nobody who wrote it.
	AuthorID string `json:"author_id"`
	Author   string `json:"author,omitempty"`
	Text     string `json:"text"`
	// Photos is how many pictures came along; the server draws them. The platform tells of the first.
	Photos int `json:"photos,omitempty"`
	// Posted is now where it is zero.
	Posted time.Time `json:"posted_at"`
	// CannotHide makes the platform refuse to hide it.
	CannotHide bool `json:"cannot_hide,omitempty"`
}

// CommentState is a comment and what became of it.
type CommentState struct {
	Comment
	Account string `json:"account"`
	// RevisionCount is 1 for a comment that was never edited.
	RevisionCount int  `json:"revision_count"`
	Hidden        bool `json:"hidden"`
	// Deleted is true when the page deleted it, RemovedByAuthor when its author did.
	Deleted         bool      `json:"deleted"`
	RemovedByAuthor bool      `json:"removed_by_author"`
	HiddenAt        time.Time `json:"hidden_at,omitzero"`
	DeletedAt       time.Time `json:"deleted_at,omitzero"`
	PrivateReply    string    `json:"private_reply,omitempty"`
	// WebhookAttempts counts the POSTs that told of this comment, WebhookAccepted those that were answered 2xx.
	WebhookAttempts int `json:"webhook_attempts"`
	WebhookAccepted int `json:"webhook_accepted"`
}

func (c *CommentState) gone() bool { return c.Deleted || c.RemovedByAuthor }

// Call is one call that the platform received.
type Call struct {
	// N counts from 1 in the order of arrival.
	N      int       `json:"n"`
	At     time.Time `json:"at"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	// Action is what was asked: "hide", "unhide", "delete", "fetch", "reply", "replies", "private_reply", "block", "blocked", "close", "comments", "media",
	// "feed", "posts", "me", "subscribe", "unsubscribe", "subscriptions", "debug_token", "permissions" or "unknown".
	Action string `json:"action"`
	// Comment is the id of the comment, or other object, that it was about.
	Comment string `json:"comment,omitempty"`
	// Status is the HTTP status of the answer; 0 while there is none, and where there never was.
	Status int `json:"status"`
	// Result is "ok", "error <code>/<subcode>" or the fault that was met. Done is true when the call took effect, though its
	// answer may have been lost.
	Result string `json:"result"`
	Done   bool   `json:"done"`
}

// State is all that the platform holds.
type State struct {
	Accounts []Account      `json:"accounts"`
	Posts    []Post         `json:"posts"`
	Comments []CommentState `json:"comments"`
	Calls    []Call         `json:"calls"`
	Blocked  []string       `json:"blocked"`
	Webhooks Webhooks       `json:"webhooks"`
	// Played is true once a thread has been played to its end.
	Played bool `json:"played"`
}

// Comment finds a comment by id or name.
func (s State) Comment(idOrName string) (CommentState, bool) {
	for _, c := range slices.Backward(s.Comments) {
		if c.ID == idOrName || c.Name == idOrName {
			return c, true
		}
	}
	return CommentState{}, false
}

// Ids count up from here, so that they look like the platform's.
const (
	firstPost    = 7_000_000_000_000
	firstComment = 9_000_000_000_000
)

// errAuthorBlocked and the like are what a citizen meets, not what the API says.
var (
	errAuthorBlocked = errors.New("the page has blocked this author")
	errNoComment     = errors.New("there is no such comment any more")
	errClosed        = errors.New("the post is closed for comments")
)

// world is what the platform knows. Its methods that end in Locked want mu held.
type world struct {
	now    func() time.Time
	fronts map[platforms.Platform]front // written once, before anything happens

	mu        sync.Mutex
	accounts  []Account
	posts     []*Post
	postBy    map[string]*Post // by id and by name
	comments  []*CommentState
	commentBy map[string]*CommentState // by id and by name
	under     map[string][]*CommentState
	calls     []*Call
	blocked   map[string]bool // page + "/" + author
	subs      map[string]bool // accounts whose comments are delivered
	played    bool
}

func newWorld(accounts []Account, now func() time.Time) *world {
	return &world{now: now, accounts: accounts, postBy: map[string]*Post{}, commentBy: map[string]*CommentState{},
		under: map[string][]*CommentState{}, blocked: map[string]bool{}, subs: map[string]bool{}}
}

func (w *world) account(match func(Account) bool) (Account, bool) {
	i := slices.IndexFunc(w.accounts, match)
	if i < 0 {
		return Account{}, false
	}
	return w.accounts[i], true
}

// front is the platform that an account is on.
func (w *world) front(account string) front {
	a, _ := w.account(func(a Account) bool { return a.ID == account })
	return w.fronts[a.Platform]
}

func (w *world) addPost(p Post) (Post, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	account, ok := w.account(func(a Account) bool { return a.ID == p.Account })
	if !ok {
		return Post{}, fmt.Errorf("platformtest: add a post: there is no account %q", p.Account)
	}
	if p.ID == "" {
		p.ID = w.fronts[account.Platform].postID(account, len(w.posts)+1)
	}
	if _, taken := w.postBy[p.ID]; taken {
		return Post{}, fmt.Errorf("platformtest: add a post: there is a post %q already", p.ID)
	}
	if p.Posted.IsZero() {
		p.Posted = w.now()
	}
	stored := &p
	w.posts = append(w.posts, stored)
	w.postBy[p.ID] = stored
	if p.Name != "" {
		w.postBy[p.Name] = stored
	}
	return p, nil
}

func (w *world) addComment(c Comment) (Comment, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.addCommentLocked(c)
}

func (w *world) addCommentLocked(c Comment) (Comment, error) {
	post, ok := w.postBy[c.Post]
	if !ok {
		return Comment{}, fmt.Errorf("platformtest: add a comment: there is no post %q", c.Post)
	}
	c.Post = post.ID
	if c.Parent != "" {
		parent, ok := w.commentBy[c.Parent]
		if !ok || parent.gone() || parent.Post != post.ID {
			return Comment{}, fmt.Errorf("platformtest: add a comment: under post %s: parent %q: %w", post.ID, c.Parent, errNoComment)
		}
		c.Parent = parent.ID
	}
	switch {
	case w.blocked[post.Account+"/"+c.AuthorID]:
		return Comment{}, fmt.Errorf("platformtest: add a comment: %w", errAuthorBlocked)
	case post.Closed && c.AuthorID != post.Account:
		return Comment{}, fmt.Errorf("platformtest: add a comment: %w", errClosed)
	}
	if c.ID == "" {
		c.ID = w.front(post.Account).commentID(post, c, len(w.comments)+1)
	}
	if _, taken := w.commentBy[c.ID]; taken {
		return Comment{}, fmt.Errorf("platformtest: add a comment: there is a comment %q already", c.ID)
	}
	if c.Posted.IsZero() {
		c.Posted = w.now()
	}
	stored := &CommentState{Comment: c, Account: post.Account, RevisionCount: 1}
	w.comments = append(w.comments, stored)
	w.commentBy[c.ID] = stored
	if c.Name != "" {
		w.commentBy[c.Name] = stored
	}
	w.insertLocked(stored)
	w.front(stored.Account).happened(stored, "add")
	return c, nil
}

// insertLocked keeps a post's comments in the order of their times; tests may post into the past.
func (w *world) insertLocked(c *CommentState) {
	list := w.under[c.Post]
	i := len(list)
	for i > 0 && list[i-1].Posted.After(c.Posted) {
		i--
	}
	w.under[c.Post] = slices.Insert(list, i, c)
}

// change finds a comment that is still there, applies act and tells of it by the platform's verb.
func (w *world) change(idOrName, verb string, act func(*CommentState)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.commentBy[idOrName]
	if !ok || c.gone() {
		return fmt.Errorf("platformtest: %s %q: %w", verb, idOrName, errNoComment)
	}
	w.changeLocked(c, verb, act)
	return nil
}

func (w *world) changeLocked(c *CommentState, verb string, act func(*CommentState)) {
	act(c)
	w.front(c.Account).happened(c, verb)
}

func (w *world) setHiddenLocked(c *CommentState, hidden bool) {
	if c.Hidden == hidden {
		return
	}
	verb := "unhide"
	if hidden {
		verb = "hide"
	}
	w.changeLocked(c, verb, func(c *CommentState) {
		c.Hidden = hidden
		c.HiddenAt = time.Time{}
		if hidden {
			c.HiddenAt = w.now()
		}
	})
}

// state copies all there is, but for the webhooks, which the deliverer knows.
func (w *world) state() State {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := State{Accounts: slices.Clone(w.accounts), Posts: []Post{}, Comments: []CommentState{}, Calls: []Call{}, Blocked: []string{}, Played: w.played}
	for _, p := range w.posts {
		s.Posts = append(s.Posts, *p)
	}
	for _, c := range w.comments {
		s.Comments = append(s.Comments, *c)
	}
	for _, c := range w.calls {
		s.Calls = append(s.Calls, *c)
	}
	for b := range w.blocked {
		s.Blocked = append(s.Blocked, b)
	}
	slices.Sort(s.Blocked)
	return s
}

// receive enters a call into the log; finish tells how it went.
func (w *world) receive(c Call) *Call {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.N, c.At = len(w.calls)+1, w.now()
	stored := &c
	w.calls = append(w.calls, stored)
	return stored
}

func (w *world) finish(c *Call, status int, result string, done bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.Status, c.Result, c.Done = status, result, done
}
