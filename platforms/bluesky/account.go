package bluesky

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"

	"takhojd/archive"
	"takhojd/platforms"
)

const (
	// defaultService is where most accounts are: Bluesky's own.
	defaultService = "https://bsky.social"
	// defaultListenEvery is the pause between two questions for notifications: 100 calls in the five minutes in which the network takes 3,000.
	defaultListenEvery = 3 * time.Second
)

// Config is what an [Account] needs to know.
type Config struct {
	// Service is the personal data server of the account, or what stands before it; "" is https://bsky.social.
	Service string
	// AppPassword is one of the account's app passwords (Settings, Privacy and security). Required. The account's own password works, too,
	// and should not be used.
	AppPassword string
	// Channel says which account it is: Channel.Account is its DID. Required.
	Channel platforms.Channel
	// ListenEvery is the pause between two questions for notifications; 0 is 3 s.
	ListenEvery time.Duration
	// HTTPClient makes the calls; nil is one with sane timeouts.
	HTTPClient *http.Client
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Log is nil for nowhere.
	Log *zap.Logger
	// Metrics is nil for nobody.
	Metrics *Metrics
}

// Account is one Bluesky account. It may be used from any number of goroutines; they share one session.
type Account struct {
	cfg     Config
	session *sessions
	limits  *limits
	seen    *memory
	gates   chan struct{} // holds one token: threadgates are written one at a time
}

// NewAccount makes an account. It makes no call; [Account.Check] does.
func NewAccount(cfg Config) (*Account, error) {
	switch {
	case cfg.Channel.ID == "":
		return nil, errors.New("bluesky: an account needs a channel id")
	case cfg.Channel.Platform != platforms.Bluesky:
		return nil, fmt.Errorf("bluesky: channel %s is on %q", cfg.Channel.ID, cfg.Channel.Platform)
	case checkDID(cfg.Channel.Account) != nil:
		return nil, fmt.Errorf("bluesky: channel %s: the account: %w", cfg.Channel.ID, checkDID(cfg.Channel.Account))
	case cfg.AppPassword == "":
		return nil, fmt.Errorf("bluesky: channel %s has no app password", cfg.Channel.ID)
	}
	if cfg.Service == "" {
		cfg.Service = defaultService
	}
	service, err := host(cfg.Service)
	if err != nil {
		return nil, fmt.Errorf("bluesky: channel %s: the service must be http(s)://host, without user, path or query", cfg.Channel.ID)
	}
	cfg.Service = service
	if cfg.ListenEvery <= 0 {
		cfg.ListenEvery = defaultListenEvery
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
	return &Account{cfg: cfg, session: newSessions(), limits: &limits{}, seen: &memory{}, gates: make(chan struct{}, 1)}, nil
}

// host checks an address that tokens will be sent to, and gives it without a trailing slash.
func host(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" ||
		u.Scheme != "http" && u.Scheme != "https" {
		return "", errors.New("it is no http(s)://host")
	}
	return u.Scheme + "://" + u.Host, nil
}

// Channel is the channel as configured.
func (a *Account) Channel() platforms.Channel { return a.cfg.Channel }

// replyLength is that of app.bsky.feed.post, which counts graphemes: never more than the characters that we count.
const replyLength = 300

// Capabilities says what Bluesky lets an account do with others' comments.
func (a *Account) Capabilities() platforms.Capabilities {
	return platforms.Capabilities{Hide: true, Reply: true, Block: true, Mute: true, Report: true, CloseComments: true, ReplyLength: replyLength,
		HideEffectSV: "Flyttas till ”Dolda svar” under inlägget: alla kan fortfarande läsa det där, med ett klick",
		HideEffectEN: "Moved to \"Hidden replies\" under the post: everyone can still read it there, one click away"}
}

// mine checks that ref is a comment of this channel before it becomes part of a call.
func (a *Account) mine(ref platforms.Ref) (post, error) {
	if ref.Platform != a.cfg.Channel.Platform || ref.Channel != a.cfg.Channel.ID {
		return post{}, fmt.Errorf("bluesky: %s/%s is not channel %s", ref.Platform, ref.Channel, a.cfg.Channel.ID)
	}
	p, err := parsePost(ref.Comment)
	if err != nil {
		return post{}, fmt.Errorf("bluesky: the comment's id: %w", err)
	}
	return p, nil
}

// Fetch reads a comment as it stands now. Whether it is hidden is read from the account's own server, which knows of a hide at once. When
// the comment is no more the error is platforms.ErrGone.
func (a *Account) Fetch(ctx context.Context, ref platforms.Ref) (platforms.Comment, error) {
	p, err := a.mine(ref)
	if err != nil {
		return platforms.Comment{}, err
	}
	v, err := a.read(ctx, "fetch", p)
	if err != nil {
		return platforms.Comment{}, err
	}
	c := a.comment(v)
	if root, err := parsePost(c.Post); err == nil && root.did == a.cfg.Channel.Account && v.isReply() {
		g, err := a.readGate(ctx, root)
		if err != nil {
			return platforms.Comment{}, err
		}
		c.Hidden = g.hides(c.Ref.Comment)
	}
	return c, nil
}

// FetchPost reads a post, to be shown beside a comment. It may be somebody else's, where the account was mentioned.
func (a *Account) FetchPost(ctx context.Context, id string) (platforms.Post, error) {
	p, err := parsePost(id)
	if err != nil {
		return platforms.Post{}, fmt.Errorf("bluesky: the post's id: %w", err)
	}
	v, err := a.read(ctx, "fetch post", p)
	if err != nil {
		return platforms.Post{}, err
	}
	c := a.comment(v)
	return platforms.Post{Platform: platforms.Bluesky, Channel: a.cfg.Channel.ID, ID: c.Ref.Comment, Text: c.Text, Posted: c.Posted,
		Permalink: c.Permalink}, nil
}

// read reads one post. What the network does not show to us is asked for as a record: it leaves out what stands between us and those whom we
// block, or who block us, and everybody else still sees that. Only when there is no record either the error is platforms.ErrGone.
func (a *Account) read(ctx context.Context, action string, p post) (view, error) {
	views, err := a.views(ctx, action, []string{p.String()})
	if err != nil {
		return view{}, err
	}
	if len(views) == 1 {
		return views[0], nil
	}
	record, err := a.record(ctx, action, p.did, postRecord, p.key)
	if err != nil {
		return view{}, err
	}
	v := view{URI: word(p.String()), CID: record.CID, Record: record.Value, raw: record.raw}
	v.Author.DID = word(p.did)
	// Their name is all that is missing, and no reason to give up.
	if body, err := a.query(ctx, action, "app.bsky.actor.getProfile", url.Values{"actor": {p.did}}); err == nil {
		_ = json.Unmarshal(body, &v.Author)
		v.Author.DID = word(p.did)
	}
	return v, v.check()
}

// mostViews is how many posts the network gives in one answer.
const mostViews = 25

// views reads posts as the network shows them to us. Those that it does not show are missing, and so are those that cannot be read: one of an
// unknown shape must not stand in the way of the rest.
func (a *Account) views(ctx context.Context, action string, addresses []string) ([]view, error) {
	var found []view
	for from := 0; from < len(addresses); from += mostViews {
		body, err := a.query(ctx, action, "app.bsky.feed.getPosts", url.Values{"uris": addresses[from:min(from+mostViews, len(addresses))]})
		if err != nil {
			return nil, err
		}
		var answer struct {
			Posts []json.RawMessage `json:"posts"`
		}
		if err := json.Unmarshal(body, &answer); err != nil || answer.Posts == nil {
			return nil, fmt.Errorf("bluesky: %s: the answer is no list of posts", action)
		}
		for _, raw := range answer.Posts {
			v, err := readView(raw)
			if err != nil {
				a.skip()
				continue
			}
			found = append(found, v)
		}
	}
	return found, nil
}

// skip counts what cannot be read.
func (a *Account) skip() { a.cfg.Metrics.skipped.WithLabelValues(a.cfg.Channel.ID).Inc() }

// stored is a record as its owner's server keeps it.
type stored struct {
	CID   word            `json:"cid"`
	Value json.RawMessage `json:"value"`
	raw   []byte
}

// record reads a record; platforms.ErrGone when there is none.
func (a *Account) record(ctx context.Context, action, did, collection, key string) (stored, error) {
	body, err := a.query(ctx, action, "com.atproto.repo.getRecord", url.Values{"repo": {did}, "collection": {collection}, "rkey": {key}})
	if err != nil {
		return stored{}, err
	}
	s := stored{raw: body}
	if err := json.Unmarshal(body, &s); err != nil || s.CID == "" || len(s.Value) == 0 {
		return stored{}, fmt.Errorf("bluesky: %s: the answer is no record", action)
	}
	return s, nil
}

// received checks that a removal is of this channel and stands on a receipt.
func (a *Account) received(receipt archive.Receipt) (post, error) {
	if !receipt.Valid() {
		return post{}, fmt.Errorf("bluesky: channel %s: %w", a.cfg.Channel.ID, archive.ErrNoReceipt)
	}
	return a.mine(receipt.Ref())
}
