package facebook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	fb "github.com/huandu/facebook/v2"

	"takhojd/platforms"
)

// Page is one Facebook Page. It may be used from any number of goroutines; they share the page's call quota.
type Page struct {
	*client
	history history

	mu sync.Mutex
	// unsure are the comments whose private reply was begun, and whose outcome we never heard.
	unsure map[string]bool
}

// NewPage makes a page. It makes no call; [Page.Check] does.
func NewPage(cfg Config) (*Page, error) {
	c, err := newClient(cfg, platforms.Facebook)
	if err != nil {
		return nil, err
	}
	p := &Page{client: c, unsure: map[string]bool{}}
	c.hides, c.read = "is_hidden", p.Fetch
	return p, nil
}

// Channel is the channel as configured.
func (p *Page) Channel() platforms.Channel { return p.cfg.Channel }

// privateReplyWindow is Meta's: a comment can be answered in private within seven days, once (Messenger Platform, Private Replies).
const privateReplyWindow = 7 * 24 * time.Hour

// replyLength is ours, in characters: Facebook and Instagram take more, and nobody reads it.
const replyLength = 2000

// Capabilities says what Facebook lets a page do with others' comments.
func (p *Page) Capabilities() platforms.Capabilities {
	return platforms.Capabilities{Hide: true, Delete: true, Reply: true, PrivateReply: true, Block: true,
		ReplyLength: replyLength, PrivateReplyWindow: privateReplyWindow,
		HideEffectSV: "Döljs för alla utom författaren och dennes vänner",
		HideEffectEN: "Hidden from everyone but the author and the author's friends"}
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

// Reply answers a comment in public, as the page, and returns the answer's id. Where the page's very same words stand under the comment
// already, among the newest hundred answers, they are the answer: one whose outcome we never heard is not given twice.
func (p *Page) Reply(ctx context.Context, ref platforms.Ref, text string) (string, error) {
	if err := p.mine(ref); err != nil {
		return "", err
	}
	body, err := p.get(ctx, "replies", ref.Comment+"/comments", fb.Params{"fields": "id,message,from", "order": "reverse_chronological", "limit": pageSize})
	if err != nil {
		return "", err
	}
	var given struct {
		Data []struct {
			ID      scalar `json:"id"`
			Message string `json:"message"`
			From    struct {
				ID scalar `json:"id"`
			} `json:"from"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &given); err != nil {
		return "", errors.New("facebook: reply: what was answered before cannot be read")
	}
	for _, a := range given.Data {
		if string(a.From.ID) == p.cfg.Channel.Account && a.ID != "" && strings.TrimSpace(a.Message) == strings.TrimSpace(text) {
			return string(a.ID), nil
		}
	}
	return p.reply(ctx, ref.Comment+"/comments", text)
}

// PrivateReply answers a comment in a message that only its author sees. The platform allows one for each comment, within
// seven days; after that the error is platforms.ErrNotPermitted. So it is when somebody has answered so before, unless that was most likely
// an attempt of ours whose outcome this process never heard.
func (p *Page) PrivateReply(ctx context.Context, ref platforms.Ref, text string) error {
	if err := p.mine(ref); err != nil {
		return err
	}
	_, err := p.post(ctx, "private reply", p.cfg.Channel.Account+"/messages", fb.Params{
		"recipient": map[string]string{"comment_id": ref.Comment},
		"message":   map[string]string{"text": text},
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	var refusal *GraphError
	switch {
	case errors.As(err, &refusal) && refusal.Code == answeredBefore && p.unsure[ref.Comment]:
		err = nil
	case err != nil && refusal == nil && platforms.Outcome(err) == "fault":
		p.unsure[ref.Comment] = true
		return err
	}
	delete(p.unsure, ref.Comment)
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
func (p *Page) Subscribe(ctx context.Context) error { return p.subscribe(ctx, pageHooks...) }
