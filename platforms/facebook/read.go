package facebook

import (
	"encoding/json"
	"fmt"
	"strings"

	"takhojd/platforms"
)

// commentFields and postFields are all that is asked of a comment and a post.
const (
	commentFields = "id,message,created_time,from,parent,is_hidden,can_hide,can_remove,can_reply_privately,permalink_url,attachment"
	postFields    = "id,message,created_time,permalink_url"
)

// readComment reads a comment as the Graph API gives it. An empty post is worked out from the comment's id.
func (p *Page) readComment(raw []byte, post string) (platforms.Comment, error) {
	var g struct {
		ID          scalar `json:"id"`
		Message     string `json:"message"`
		CreatedTime scalar `json:"created_time"`
		From        struct {
			ID   scalar `json:"id"`
			Name scalar `json:"name"`
		} `json:"from"`
		Parent struct {
			ID scalar `json:"id"`
		} `json:"parent"`
		IsHidden   bool       `json:"is_hidden"`
		CanHide    *bool      `json:"can_hide"`
		Permalink  scalar     `json:"permalink_url"`
		Attachment attachment `json:"attachment"`
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		return platforms.Comment{}, fmt.Errorf("facebook: read a comment: %w", err)
	}
	if checkID(string(g.ID)) != nil {
		return platforms.Comment{}, fmt.Errorf("facebook: read a comment: it has no id that can be used")
	}
	if post == "" {
		if number, _, found := strings.Cut(string(g.ID), "_"); found {
			post = p.cfg.Channel.Account + "_" + number
		}
	}
	c := platforms.Comment{
		Ref:       platforms.Ref{Platform: p.cfg.Channel.Platform, Channel: p.cfg.Channel.ID, Comment: string(g.ID)},
		Post:      post,
		Parent:    string(g.Parent.ID),
		Author:    platforms.Author{ID: string(g.From.ID), Name: string(g.From.Name)},
		Own:       string(g.From.ID) == p.cfg.Channel.Account,
		Text:      clean(g.Message),
		Posted:    g.CreatedTime.time(),
		Permalink: string(g.Permalink),
		Hidden:    g.IsHidden,
		// can_hide is false for what is hidden already, too
		CannotHide: g.CanHide != nil && !*g.CanHide && !g.IsHidden,
		Raw:        raw,
	}
	if a, ok := g.Attachment.comment(); ok {
		c.Attachments = []platforms.Attachment{a}
	}
	return c, nil
}

// attachment is what the Graph API shows of a picture, film or link in a comment.
type attachment struct {
	Type  scalar `json:"type"`
	URL   scalar `json:"url"`
	Media struct {
		Image struct {
			Src scalar `json:"src"`
		} `json:"image"`
		Source scalar `json:"source"`
	} `json:"media"`
}

// comment names the attachment by the word that the webhook uses, so that both roads give the same revision. A link's preview
// is none: the platform makes it from the text, and the webhook does not tell of it.
func (a attachment) comment() (platforms.Attachment, bool) {
	kind := string(a.Type)
	switch {
	case kind == "" || strings.Contains(kind, "share") && !strings.Contains(kind, "animated"):
		return platforms.Attachment{}, false
	case strings.Contains(kind, "photo"):
		kind = "photo"
	case strings.Contains(kind, "video"):
		kind = "video"
	case strings.Contains(kind, "animated"):
		kind = "animation"
	}
	for _, address := range []scalar{a.Media.Source, a.Media.Image.Src, a.URL} {
		if address != "" {
			return platforms.Attachment{Kind: kind, URL: string(address)}, true
		}
	}
	return platforms.Attachment{Kind: kind}, true
}
