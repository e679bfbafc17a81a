package twitter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"takhojd/archive"
	"takhojd/platforms"
)

// defaultBase is X's own API.
const defaultBase = "https://api.x.com"

// Config is what an [Account] needs to know.
type Config struct {
	// BaseURL is where the API is, with or without a trailing slash; "" is X's own.
	BaseURL string
	// ConsumerKey and ConsumerSecret are the app's.
	ConsumerKey, ConsumerSecret string
	// AccessToken and AccessSecret are the account's, for OAuth 1.0a; they last until somebody withdraws them. With an AccessToken and no
	// AccessSecret it is an OAuth 2.0 user token, which is sent as it is and ends after two hours: for a gateway that renews it, or a test.
	AccessToken, AccessSecret string
	// Bearer is the app's own token, for streams and subscriptions; "" does without them.
	Bearer string
	// Channel says which account it is: Channel.Account is the user id, a decimal number. Required.
	Channel platforms.Channel
	// Stream holds the channels whose events this account's stream brings, by user id. The platform allows an app one connection, so one
	// account of the app listens for all. Empty does not listen.
	Stream map[string]platforms.Channel
	// HTTPClient makes the calls; nil is one with sane timeouts. Streams use its Transport, without its Timeout.
	HTTPClient *http.Client
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Ledger is nil where no other process acts for the account.
	Ledger Ledger
	// Log is nil for nowhere.
	Log *zap.Logger
	// Metrics is nil for nobody.
	Metrics *Metrics
}

// Account is one account on X. It may be used from any number of goroutines; they share the account's limits.
type Account struct {
	cfg    Config
	user   *http.Client // signs as the account
	app    *http.Client // carries the app's bearer token; nil without one
	stream http.RoundTripper
	limits limits

	mu    sync.Mutex
	roots map[string]bool // conversations: whether we began them
}

// NewAccount makes an account. It makes no call; [Account.Check] does.
func NewAccount(cfg Config) (*Account, error) {
	switch {
	case cfg.Channel.ID == "":
		return nil, errors.New("twitter: an account needs a channel id")
	case cfg.Channel.Platform != platforms.X:
		return nil, fmt.Errorf("twitter: channel %s is on %q", cfg.Channel.ID, cfg.Channel.Platform)
	case checkID(cfg.Channel.Account) != nil:
		return nil, fmt.Errorf("twitter: channel %s: the account is the user's id: %w", cfg.Channel.ID, checkID(cfg.Channel.Account))
	case cfg.AccessToken == "":
		return nil, fmt.Errorf("twitter: channel %s has no access token", cfg.Channel.ID)
	case cfg.AccessSecret != "" && (cfg.ConsumerKey == "" || cfg.ConsumerSecret == ""):
		return nil, fmt.Errorf("twitter: channel %s: signing takes the app's consumer key and secret", cfg.Channel.ID)
	}
	base, err := readBase(cfg.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("twitter: channel %s: %w", cfg.Channel.ID, err)
	}
	cfg.BaseURL = base
	for id, c := range cfg.Stream {
		if id != c.Account || checkID(id) != nil {
			return nil, fmt.Errorf("twitter: channel %s: the stream's channel %s is listed under account %q but is account %q", cfg.Channel.ID, c.ID, id, c.Account)
		}
	}
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = platforms.NewHTTPClient()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	a := &Account{cfg: cfg, roots: map[string]bool{}}
	a.user = authorized(cfg.HTTPClient, userTransport(cfg))
	if cfg.Bearer != "" {
		transport := bearer{token: cfg.Bearer, base: transportOf(cfg.HTTPClient)}
		a.app, a.stream = authorized(cfg.HTTPClient, transport), transport
	}
	return a, nil
}

// readBase checks the API's address, and leaves it without a trailing slash.
func readBase(base string) (string, error) {
	if base == "" {
		return defaultBase, nil
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return "", errors.New("the base URL must be http(s)://host/, without user or query")
	}
	return strings.TrimRight(base, "/"), nil
}

// checkID refuses what is no id of X's, a decimal number of at most 19 digits: ids become parts of addresses. They are never numbers to us:
// they do not fit into a float.
func checkID(id string) error {
	if id == "" {
		return errors.New("an id is missing")
	}
	if len(id) > 19 || strings.Trim(id, "0123456789") != "" {
		return errors.New("an id is a decimal number of at most 19 digits")
	}
	return nil
}

// Channel is the channel as configured.
func (a *Account) Channel() platforms.Channel { return a.cfg.Channel }

// replyLength is X's, in characters, without a subscription. An emoji counts for more, and then the platform says no.
const replyLength = 280

// Capabilities says what X lets an account do with others' posts.
func (a *Account) Capabilities() platforms.Capabilities {
	return platforms.Capabilities{Hide: true, Reply: true, Mute: true, HidesUntold: true, ReplyLength: replyLength,
		HideEffectSV: "Flyttas undan: syns ännu för den som trycker på ”Visa dolda svar”, och på författarens egen sida",
		HideEffectEN: "Moved aside: still seen by whoever opens “Show hidden replies”, and on the author's own page"}
}

// mine checks that ref is a comment of this account's channel before it becomes part of an address.
func (a *Account) mine(ref platforms.Ref) error {
	if ref.Platform != a.cfg.Channel.Platform || ref.Channel != a.cfg.Channel.ID {
		return fmt.Errorf("twitter: %s/%s is not channel %s", ref.Platform, ref.Channel, a.cfg.Channel.ID)
	}
	if err := checkID(ref.Comment); err != nil {
		return fmt.Errorf("twitter: the comment's id: %w", err)
	}
	return nil
}

// Fetch reads a comment as it stands now: of an edited one, its newest version. When it is no more the error is platforms.ErrGone; when its
// author shows it to nobody but chosen followers, platforms.ErrNotPermitted. CannotHide is true where it stands in another's conversation.
func (a *Account) Fetch(ctx context.Context, ref platforms.Ref) (platforms.Comment, error) {
	if err := a.mine(ref); err != nil {
		return platforms.Comment{}, err
	}
	c, _, err := a.read(ctx, ref)
	return c, err
}

// read is Fetch, and the id of the version that is shown now.
func (a *Account) read(ctx context.Context, ref platforms.Ref) (platforms.Comment, string, error) {
	t, raw, err := a.lookUp(ctx, "fetch", ref.Comment)
	if err != nil {
		return platforms.Comment{}, "", err
	}
	if newest := string(t.Data.newest()); newest != string(t.Data.ID) {
		if t, raw, err = a.lookUp(ctx, "fetch", newest); err != nil {
			return platforms.Comment{}, "", err
		}
	}
	c, err := t.Data.comment(a.cfg.Channel, t.Includes, siteOf(a.cfg.BaseURL), raw)
	if err != nil && !errors.Is(err, errPartial) {
		return platforms.Comment{}, "", fmt.Errorf("twitter: fetch: %w", err)
	}
	c.Ref = ref
	own, err := a.began(ctx, t.Data)
	if err != nil {
		return platforms.Comment{}, "", err
	}
	c.CannotHide = !own
	return c, string(t.Data.ID), nil
}

// lookUp reads one post with all that we want to know of it.
func (a *Account) lookUp(ctx context.Context, action string, id string) (answer, []byte, error) {
	body, err := a.call(ctx, call{action: action, limit: "tweet", method: http.MethodGet, path: "/2/tweets/" + id, query: fields()})
	if err != nil {
		return answer{}, nil, err
	}
	var t answer
	if err := lenient(body, &t); err != nil || checkID(string(t.Data.ID)) != nil {
		return answer{}, nil, fmt.Errorf("twitter: %s: the answer is no post", action)
	}
	return t, body, nil
}

// maxRoots is how many conversations are remembered. It is thousands of posts; beyond it we begin anew.
const maxRoots = 10_000

// began tells whether we began the conversation that t stands in. Who did never changes, so it is asked once.
func (a *Account) began(ctx context.Context, t tweet) (bool, error) {
	root := string(t.ConversationID)
	if checkID(root) != nil {
		return false, nil
	}
	if root == string(t.ID) || string(t.replyTo()) == root && t.InReplyToUserID != "" {
		author := t.InReplyToUserID
		if root == string(t.ID) {
			author = t.AuthorID
		}
		return string(author) == a.cfg.Channel.Account, nil
	}
	a.mu.Lock()
	own, known := a.roots[root]
	a.mu.Unlock()
	if known {
		return own, nil
	}
	first, _, err := a.lookUp(ctx, "conversation", root)
	if errors.Is(err, platforms.ErrGone) || errors.Is(err, platforms.ErrNotPermitted) {
		return true, nil // nobody can tell; the platform's answer to a hide will
	}
	if err != nil {
		return false, err
	}
	own = string(first.Data.AuthorID) == a.cfg.Channel.Account
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.roots) >= maxRoots {
		clear(a.roots)
	}
	a.roots[root] = own
	return own, nil
}

// FetchPost reads a post, to be shown beside a comment.
func (a *Account) FetchPost(ctx context.Context, postID string) (platforms.Post, error) {
	if err := checkID(postID); err != nil {
		return platforms.Post{}, fmt.Errorf("twitter: the post's id: %w", err)
	}
	t, _, err := a.lookUp(ctx, "fetch post", postID)
	if err != nil {
		return platforms.Post{}, err
	}
	return platforms.Post{Platform: platforms.X, Channel: a.cfg.Channel.ID, ID: postID, Text: t.Data.words(), Posted: t.Data.posted(),
		Permalink: permalink(siteOf(a.cfg.BaseURL), postID)}, nil
}

// Hide hides the reply that the receipt is for. Hiding what is hidden already is no error. The comment is read first: of fifty hides none is
// spent on what is gone, on an older version, or on another's conversation, for which the error is platforms.ErrNotPermitted.
//
// Beyond fifty in fifteen minutes the error is a platforms.RetryAfterError that says when the next is free.
func (a *Account) Hide(ctx context.Context, receipt archive.Receipt) error {
	if !receipt.Valid() {
		return fmt.Errorf("twitter: channel %s: %w", a.cfg.Channel.ID, archive.ErrNoReceipt)
	}
	return a.setHidden(ctx, receipt.Ref(), "hide", true)
}

// Unhide shows a hidden reply again. Showing what is shown already is no error. It is counted with the hides.
func (a *Account) Unhide(ctx context.Context, ref platforms.Ref) error {
	return a.setHidden(ctx, ref, "unhide", false)
}

// setHidden hides or shows. If we die after the call and before its outcome is recorded, moderation calls again, which changes nothing.
func (a *Account) setHidden(ctx context.Context, ref platforms.Ref, action string, hidden bool) error {
	if err := a.mine(ref); err != nil {
		return err
	}
	a.share(ctx)
	if err := a.limits.room(hideLimit, a.cfg.Now()); err != nil {
		a.cfg.Metrics.calls.WithLabelValues(a.cfg.Channel.ID, action, platforms.Outcome(err)).Inc()
		return fmt.Errorf("twitter: %s: %w", action, err) // before a read is spent on what cannot be done now
	}
	c, version, err := a.read(ctx, ref)
	if err != nil {
		return err
	}
	if c.CannotHide {
		return fmt.Errorf("twitter: %s: the conversation is another's: %w", action, platforms.ErrNotPermitted)
	}
	body, err := a.call(ctx, call{action: action, limit: hideLimit, method: http.MethodPut, path: "/2/tweets/" + version + "/hidden",
		body: map[string]bool{"hidden": hidden}})
	if err != nil {
		return err
	}
	var done struct {
		Data struct {
			Hidden *bool `json:"hidden"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &done) != nil || done.Data.Hidden == nil || *done.Data.Hidden != hidden {
		return fmt.Errorf("twitter: %s: the platform answered without doing it", action)
	}
	return nil
}

// Delete is not to be had: nobody can delete another's post on X.
func (a *Account) Delete(context.Context, archive.Receipt) error {
	return fmt.Errorf("twitter: delete another's post: %w", platforms.ErrUnsupported)
}

// Reply answers a comment in public, as the account, and returns the answer's id.
func (a *Account) Reply(ctx context.Context, ref platforms.Ref, text string) (string, error) {
	if err := a.mine(ref); err != nil {
		return "", err
	}
	body, err := a.call(ctx, call{action: "reply", limit: "write", method: http.MethodPost, path: "/2/tweets",
		body: map[string]any{"text": text, "reply": map[string]string{"in_reply_to_tweet_id": ref.Comment}}})
	if errors.Is(err, platforms.ErrNotPermitted) {
		// The platform says so, too, of what is no more.
		if _, _, lookErr := a.lookUp(ctx, "fetch", ref.Comment); errors.Is(lookErr, platforms.ErrGone) {
			return "", lookErr
		}
	}
	if err != nil {
		return "", err
	}
	var made answer
	if lenient(body, &made) != nil || checkID(string(made.Data.ID)) != nil {
		return "", errors.New("twitter: reply: the platform answered without an id")
	}
	return string(made.Data.ID), nil
}

// Said returns the id of the account's answer to a comment that says text; "" where the platform's search shows none: it reaches seven days
// back, and shows what was just said after some seconds. The platform itself refuses what repeats what the account has just said. It costs
// two calls, and one more for each hundred answers in the conversation.
func (a *Account) Said(ctx context.Context, ref platforms.Ref, text string) (id string, err error) {
	c, err := a.Fetch(ctx, ref)
	if err != nil {
		return "", err
	}
	since := c.Posted
	if oldest := a.cfg.Now().Add(-searchReach); since.Before(oldest) {
		since = oldest
	}
	query := fields()
	query.Set("query", "conversation_id:"+c.Post)
	query.Set("since_id", idBefore(since))
	told := map[word]bool{}
	err = a.list(ctx, call{action: "search", path: "/2/tweets/search/recent", query: query}, "next_token", func(items []json.RawMessage, inc includes) error {
		events, err := a.events(items, inc, told)
		for _, e := range events {
			if e.Comment.Own && e.Comment.Parent == ref.Comment && e.Comment.Text == text {
				id = e.Comment.Ref.Comment
			}
		}
		return err
	})
	return id, err
}

// PrivateReply is not to be had: a message reaches only those who let strangers write to them.
func (a *Account) PrivateReply(context.Context, platforms.Ref, string) error {
	return fmt.Errorf("twitter: reply in private: %w", platforms.ErrUnsupported)
}

// Block is not to be had: blocking by API is for Enterprise customers. See [Account.Mute].
func (a *Account) Block(context.Context, platforms.Author) error {
	return fmt.Errorf("twitter: block: %w", platforms.ErrUnsupported)
}

// Mute stops the account from seeing an author; everybody else still does, and what the author says still comes in here.
func (a *Account) Mute(ctx context.Context, author platforms.Author) error {
	if err := checkID(author.ID); err != nil {
		return fmt.Errorf("twitter: mute: the author's id: %w", err)
	}
	body, err := a.call(ctx, call{action: "mute", limit: "mute", method: http.MethodPost, path: "/2/users/" + a.cfg.Channel.Account + "/muting",
		body: map[string]string{"target_user_id": author.ID}})
	if err != nil {
		return err
	}
	var done struct {
		Data struct {
			Muting bool `json:"muting"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &done) != nil || !done.Data.Muting {
		return errors.New("twitter: mute: the platform answered without doing it")
	}
	return nil
}
