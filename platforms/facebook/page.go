package facebook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	fb "github.com/huandu/facebook/v2"
	"go.uber.org/zap"

	"takhojd/archive"
	"takhojd/platforms"
)

// defaultVersion is the Graph API version that the adapter is written against.
const defaultVersion = "v26.0"

// callTimeout bounds one call with the client that NewPage makes, from dialling to the answer's last byte.
const callTimeout = 30 * time.Second

// Config is what a [Page] needs to know.
type Config struct {
	// BaseURL is where the Graph API is, with or without a trailing slash; "" is Meta's own.
	BaseURL string
	// Version is the Graph API's version; "" is v26.0.
	Version string
	// AppID and AppSecret are the app's. With a secret every call carries its proof; without, [Page.Check] sees less.
	AppID, AppSecret string
	// VerifyToken is the webhook's; [Page] does not use it.
	VerifyToken string
	// PageToken is a page access token. Required. A user's token gives empty lists and no errors, see [Page.CatchUp].
	PageToken string
	// Channel says which page it is: Channel.Account is the page id. Required.
	Channel platforms.Channel
	// HTTPClient makes the calls; nil is one with sane timeouts.
	HTTPClient *http.Client
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Log is nil for nowhere.
	Log *zap.Logger
	// Metrics is nil for nobody.
	Metrics *Metrics
}

// Page is one Facebook Page. It may be used from any number of goroutines; they share the page's call quota.
type Page struct {
	cfg     Config
	session *fb.Session
	app     *fb.Session // with the app's own token; nil without AppID and AppSecret
	usage   *usage
}

// NewPage makes a page. It makes no call; [Page.Check] does.
func NewPage(cfg Config) (*Page, error) {
	switch {
	case cfg.Channel.ID == "":
		return nil, errors.New("facebook: a page needs a channel id")
	case cfg.Channel.Platform != platforms.Facebook:
		return nil, fmt.Errorf("facebook: channel %s is on %q", cfg.Channel.ID, cfg.Channel.Platform)
	case checkID(cfg.Channel.Account) != nil:
		return nil, fmt.Errorf("facebook: channel %s: the account is the page's id: %w", cfg.Channel.ID, checkID(cfg.Channel.Account))
	case cfg.PageToken == "":
		return nil, fmt.Errorf("facebook: channel %s has no page access token", cfg.Channel.ID)
	}
	if cfg.BaseURL != "" {
		u, err := url.Parse(cfg.BaseURL)
		if err != nil || u.Host == "" || u.RawQuery != "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("facebook: channel %s: the base URL must be http(s)://host/, without user or query", cfg.Channel.ID)
		}
		cfg.BaseURL = strings.TrimRight(cfg.BaseURL, "/") + "/"
	}
	if cfg.Version == "" {
		cfg.Version = defaultVersion
	}
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = newHTTPClient()
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
	p := &Page{cfg: cfg, usage: &usage{page: cfg.Channel.Account}}
	p.session = newSession(cfg, cfg.PageToken)
	if cfg.AppID != "" && cfg.AppSecret != "" {
		p.app = newSession(cfg, cfg.AppID+"|"+cfg.AppSecret)
	}
	return p, nil
}

// newSession makes a session that can be copied for every call: the library works out its proof at first use, unguarded, so
// that is done here, once.
func newSession(cfg Config, token string) *fb.Session {
	s := fb.New(cfg.AppID, cfg.AppSecret).Session(token)
	s.BaseURL = cfg.BaseURL
	s.Version = cfg.Version
	s.UseAuthorizationHeader()
	if cfg.AppSecret != "" {
		_ = s.EnableAppsecretProof(true) // fails only without an app
		s.AppsecretProof()
	}
	return s
}

// newHTTPClient makes a client that gives up rather than hangs, and follows no redirects: the Graph API has none, and a
// redirect would carry the token elsewhere.
func newHTTPClient() *http.Client {
	return &http.Client{
		Timeout: callTimeout,
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: 20 * time.Second,
			MaxIdleConnsPerHost:   16,
			IdleConnTimeout:       90 * time.Second,
			ForceAttemptHTTP2:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// maxID is the most characters of an id. Meta's have about 40.
const maxID = 200

// checkID refuses what is no id of Meta's: ids become parts of addresses.
func checkID(id string) error {
	switch {
	case id == "":
		return errors.New("an id is missing")
	case len(id) > maxID:
		return fmt.Errorf("an id has at most %d characters", maxID)
	}
	for i, r := range id {
		if !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' || r == '-' && i > 0) {
			return errors.New("an id may hold only letters, digits, _ and -")
		}
	}
	return nil
}

// Channel is the channel as configured.
func (p *Page) Channel() platforms.Channel { return p.cfg.Channel }

// Capabilities says what Facebook lets a page do with others' comments.
func (p *Page) Capabilities() platforms.Capabilities {
	return platforms.Capabilities{Hide: true, Delete: true, Reply: true, PrivateReply: true, Block: true,
		HideEffectSV: "Döljs för alla utom författaren och dennes vänner",
		HideEffectEN: "Hidden from everyone but the author and the author's friends"}
}

// mine checks that ref is a comment of this page's channel before it becomes part of an address.
func (p *Page) mine(ref platforms.Ref) error {
	if ref.Platform != p.cfg.Channel.Platform || ref.Channel != p.cfg.Channel.ID {
		return fmt.Errorf("facebook: %s/%s is not channel %s", ref.Platform, ref.Channel, p.cfg.Channel.ID)
	}
	if err := checkID(ref.Comment); err != nil {
		return fmt.Errorf("facebook: the comment's id: %w", err)
	}
	return nil
}

// received checks that a removal is of this channel and stands on a receipt.
func (p *Page) received(receipt archive.Receipt) (platforms.Ref, error) {
	if !receipt.Valid() {
		return platforms.Ref{}, fmt.Errorf("facebook: channel %s: %w", p.cfg.Channel.ID, archive.ErrNoReceipt)
	}
	return receipt.Ref(), p.mine(receipt.Ref())
}

// Fetch reads a comment as it stands now. Its Post is worked out from the comment's id, which holds the post's; where a
// delivery named another post, the delivery is right. When the comment is no more the error is platforms.ErrGone.
func (p *Page) Fetch(ctx context.Context, ref platforms.Ref) (platforms.Comment, error) {
	if err := p.mine(ref); err != nil {
		return platforms.Comment{}, err
	}
	body, err := p.get(ctx, "fetch", ref.Comment, fb.Params{"fields": commentFields})
	if errors.Is(err, platforms.ErrGone) {
		// The platform answers so, too, to one who may no longer see the comment. Before anybody gives it up for gone, the token must
		// have shown that it is still the page's own.
		if tokenErr := p.belongs(ctx); tokenErr != nil {
			return platforms.Comment{}, tokenErr
		}
	}
	if err != nil {
		return platforms.Comment{}, err
	}
	c, err := p.readComment(body, "")
	if err != nil {
		return platforms.Comment{}, err
	}
	if c.Ref != ref { // the platform may know a comment by more than one id; ours is the one it is kept under
		c.Ref = ref
	}
	return c, nil
}

// Hide hides the comment that the receipt is for. Hiding what is hidden already is no error. Where the platform does not let
// the page hide this comment the error is platforms.ErrNotPermitted.
func (p *Page) Hide(ctx context.Context, receipt archive.Receipt) error {
	ref, err := p.received(receipt)
	if err != nil {
		return err
	}
	return p.setHidden(ctx, ref, "hide", true)
}

// Unhide shows a hidden comment again. Showing what is shown already is no error.
func (p *Page) Unhide(ctx context.Context, ref platforms.Ref) error {
	if err := p.mine(ref); err != nil {
		return err
	}
	return p.setHidden(ctx, ref, "unhide", false)
}

// setHidden hides or shows, and where the platform refuses without saying why, looks whether there was anything left to do.
//
// If we die after the call and before its outcome is recorded, moderation calls again, which changes nothing.
func (p *Page) setHidden(ctx context.Context, ref platforms.Ref, action string, hidden bool) error {
	body, err := p.post(ctx, action, ref.Comment, fb.Params{"is_hidden": hidden})
	if err == nil && succeeded(body) {
		return nil
	}
	var refusal *GraphError
	if err != nil && (!errors.As(err, &refusal) || outcome(err) != "fault" && outcome(err) != "not permitted") {
		return err
	}
	c, fetchErr := p.Fetch(ctx, ref)
	switch {
	case fetchErr != nil && err != nil:
		return err
	case fetchErr != nil:
		return fetchErr
	case c.Hidden == hidden:
		return nil
	case c.CannotHide:
		return fmt.Errorf("facebook: %s: can_hide is false: %w", action, platforms.ErrNotPermitted)
	case err == nil:
		return fmt.Errorf("facebook: %s: the platform answered without doing it", action)
	}
	return err
}

// Delete deletes the comment that the receipt is for. It cannot be undone. When it is gone already the error is
// platforms.ErrGone, a result.
func (p *Page) Delete(ctx context.Context, receipt archive.Receipt) error {
	ref, err := p.received(receipt)
	if err != nil {
		return err
	}
	body, err := p.remove(ctx, "delete", ref.Comment)
	if err == nil && !succeeded(body) {
		return errors.New("facebook: delete: the platform answered without doing it")
	}
	return err
}

// Reply answers a comment in public, as the page, and returns the answer's id.
func (p *Page) Reply(ctx context.Context, ref platforms.Ref, text string) (string, error) {
	if err := p.mine(ref); err != nil {
		return "", err
	}
	body, err := p.post(ctx, "reply", ref.Comment+"/comments", fb.Params{"message": text})
	if err != nil {
		return "", err
	}
	var made struct {
		ID scalar `json:"id"`
	}
	if err := json.Unmarshal(body, &made); err != nil || made.ID == "" {
		return "", errors.New("facebook: reply: the platform answered without an id")
	}
	return string(made.ID), nil
}

// PrivateReply answers a comment in a message that only its author sees. The platform allows one for each comment, within
// seven days; after that the error is platforms.ErrNotPermitted.
func (p *Page) PrivateReply(ctx context.Context, ref platforms.Ref, text string) error {
	if err := p.mine(ref); err != nil {
		return err
	}
	_, err := p.post(ctx, "private reply", p.cfg.Channel.Account+"/messages", fb.Params{
		"recipient": map[string]string{"comment_id": ref.Comment},
		"message":   map[string]string{"text": text},
	})
	return err
}

// Block keeps an author from commenting on the page. The author's id is scoped to the page, as comments carry it.
func (p *Page) Block(ctx context.Context, author platforms.Author) error {
	if err := checkID(author.ID); err != nil {
		return fmt.Errorf("facebook: block: the author's id: %w", err)
	}
	_, err := p.post(ctx, "block", p.cfg.Channel.Account+"/blocked", fb.Params{"user": author.ID})
	return err
}

// Subscribe asks the platform to deliver the page's comments to the app's webhook.
func (p *Page) Subscribe(ctx context.Context) error {
	body, err := p.post(ctx, "subscribe", p.cfg.Channel.Account+"/subscribed_apps", fb.Params{"subscribed_fields": "feed"})
	if err == nil && !succeeded(body) {
		return errors.New("facebook: subscribe: the platform answered without doing it")
	}
	return err
}

// succeeded reads the platform's two ways of saying that it did as asked.
func succeeded(body []byte) bool {
	if string(body) == "true" {
		return true
	}
	var a struct {
		Success bool `json:"success"`
	}
	return json.Unmarshal(body, &a) == nil && a.Success
}
