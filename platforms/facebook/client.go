package facebook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// Config is what a [Page] or an [Instagram] needs to know.
type Config struct {
	// BaseURL is where the Graph API is, with or without a trailing slash; "" is Meta's own.
	BaseURL string
	// Version is the Graph API's version; "" is v26.0.
	Version string
	// AppID and AppSecret are the app's. With a secret every call carries its proof; without, Check sees less.
	AppID, AppSecret string
	// VerifyToken is the webhook's; the calls do not use it.
	VerifyToken string
	// PageToken is the page's access token, for Instagram that of the page which the account is connected to. Required. On Facebook a
	// user's token gives empty lists and no errors, see [Page.CatchUp].
	PageToken string
	// Channel says which it is: Channel.Account is the id of the page, or of the Instagram account. Required.
	Channel platforms.Channel
	// ListenEvery is how often [Instagram.Listen] asks; 0 is a minute.
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

// client makes the calls of one account: a page's, or an Instagram account's. It may be used from any number of goroutines; they share
// the account's call quota.
type client struct {
	cfg     Config
	session *fb.Session
	app     *fb.Session // with the app's own token; nil without AppID and AppSecret
	usage   *usage
	// hides is what the parameter that hides a comment is called on the platform; read reads a comment as it stands.
	hides string
	read  func(context.Context, platforms.Ref) (platforms.Comment, error)
}

// newClient checks the configuration of an account on platform. It makes no call.
func newClient(cfg Config, platform platforms.Platform) (*client, error) {
	switch {
	case cfg.Channel.ID == "":
		return nil, errors.New("facebook: an account needs a channel id")
	case cfg.Channel.Platform != platform:
		return nil, fmt.Errorf("facebook: channel %s is on %q, not %s", cfg.Channel.ID, cfg.Channel.Platform, platform)
	case checkID(cfg.Channel.Account) != nil:
		return nil, fmt.Errorf("facebook: channel %s: the account is the platform's id of it: %w", cfg.Channel.ID, checkID(cfg.Channel.Account))
	case cfg.PageToken == "":
		return nil, fmt.Errorf("facebook: channel %s has no access token", cfg.Channel.ID)
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
	if cfg.ListenEvery == 0 {
		cfg.ListenEvery = listenEvery
	}
	c := &client{cfg: cfg, usage: &usage{page: cfg.Channel.Account}}
	c.session = newSession(cfg, cfg.PageToken)
	if cfg.AppID != "" && cfg.AppSecret != "" {
		c.app = newSession(cfg, cfg.AppID+"|"+cfg.AppSecret)
	}
	return c, nil
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

// mine checks that ref is a comment of this account's channel before it becomes part of an address.
func (p *client) mine(ref platforms.Ref) error {
	if ref.Platform != p.cfg.Channel.Platform || ref.Channel != p.cfg.Channel.ID {
		return fmt.Errorf("facebook: %s/%s is not channel %s", ref.Platform, ref.Channel, p.cfg.Channel.ID)
	}
	if err := checkID(ref.Comment); err != nil {
		return fmt.Errorf("facebook: the comment's id: %w", err)
	}
	return nil
}

// received checks that a removal is of this channel and stands on a receipt.
func (p *client) received(receipt archive.Receipt) (platforms.Ref, error) {
	if !receipt.Valid() {
		return platforms.Ref{}, fmt.Errorf("facebook: channel %s: %w", p.cfg.Channel.ID, archive.ErrNoReceipt)
	}
	return receipt.Ref(), p.mine(receipt.Ref())
}

// Hide hides the comment that the receipt is for. Hiding what is hidden already is no error. Where the platform does not let the account hide
// this comment, as Instagram its own, the error is platforms.ErrNotPermitted.
func (p *client) Hide(ctx context.Context, receipt archive.Receipt) error {
	ref, err := p.received(receipt)
	if err != nil {
		return err
	}
	return p.setHidden(ctx, ref, "hide", true)
}

// Unhide shows a hidden comment again. Showing what is shown already is no error.
func (p *client) Unhide(ctx context.Context, ref platforms.Ref) error {
	if err := p.mine(ref); err != nil {
		return err
	}
	return p.setHidden(ctx, ref, "unhide", false)
}

// setHidden hides or shows, and where the platform refuses without saying why, looks whether there was anything left to do.
//
// If we die after the call and before its outcome is recorded, moderation calls again, which changes nothing.
func (p *client) setHidden(ctx context.Context, ref platforms.Ref, action string, hidden bool) error {
	body, err := p.post(ctx, action, ref.Comment, fb.Params{p.hides: hidden})
	if err == nil && succeeded(body) {
		return nil
	}
	var refusal *GraphError
	if err != nil && (!errors.As(err, &refusal) || platforms.Outcome(err) != "fault" && platforms.Outcome(err) != "not permitted") {
		return err
	}
	c, fetchErr := p.read(ctx, ref)
	switch {
	case fetchErr != nil && err != nil:
		return err
	case fetchErr != nil:
		return fetchErr
	case c.Hidden == hidden:
		return nil
	case c.CannotHide && hidden:
		return fmt.Errorf("facebook: %s: the platform does not let us hide this comment: %w", action, platforms.ErrNotPermitted)
	case err == nil:
		return fmt.Errorf("facebook: %s: the platform answered without doing it", action)
	}
	return err
}

// Delete deletes the comment that the receipt is for, on Instagram with the answers to it. It cannot be undone. When it is gone already the error
// is platforms.ErrGone, a result.
func (p *client) Delete(ctx context.Context, receipt archive.Receipt) error {
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

// reply writes message under what has the id, and returns the answer's id.
func (p *client) reply(ctx context.Context, path, message string) (string, error) {
	body, err := p.post(ctx, "reply", path, fb.Params{"message": message})
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

// subscribe asks the platform to deliver these fields of the account to the app's webhook.
func (p *client) subscribe(ctx context.Context, fields ...string) error {
	body, err := p.post(ctx, "subscribe", p.cfg.Channel.Account+"/subscribed_apps", fb.Params{"subscribed_fields": strings.Join(fields, ",")})
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

// list reads an edge to its end, which is where paging has no next, or until each says that it has seen enough.
//
// Of the address in next only the query is used: its host is whatever the platform likes, and our calls, with our token, go
// to BaseURL alone.
func (p *client) list(ctx context.Context, action, path string, params fb.Params, each func([]json.RawMessage) (more bool, err error)) error {
	seen := map[string]bool{}
	for {
		body, err := p.get(ctx, action, path, params)
		if err != nil {
			return err
		}
		var answer struct {
			Data   []json.RawMessage `json:"data"`
			Paging struct {
				Next string `json:"next"`
			} `json:"paging"`
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			return fmt.Errorf("facebook: %s: read the list: %w", action, err)
		}
		if answer.Data == nil {
			return fmt.Errorf("facebook: %s: the answer is no list", action)
		}
		more, err := each(answer.Data)
		if err != nil || !more || answer.Paging.Next == "" {
			return err
		}
		next, err := url.Parse(answer.Paging.Next)
		if err != nil {
			return fmt.Errorf("facebook: %s: paging.next is no address", action)
		}
		if seen[next.RawQuery] {
			return fmt.Errorf("facebook: %s: paging.next leads in a circle", action)
		}
		seen[next.RawQuery] = true
		params = fb.Params{}
		for k, v := range next.Query() {
			if k != "access_token" && k != "appsecret_proof" {
				params[k] = v[0]
			}
		}
	}
}
