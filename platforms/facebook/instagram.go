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

const (
	// instagramFields and mediaFields are all that is asked of a comment and of a medium, which is what Instagram calls a post.
	instagramFields = "id,text,timestamp,username,from,user,hidden,parent_id,media"
	mediaFields     = "id,caption,timestamp,permalink"
	// instagramPage is how many comments are asked for at a time: the most that Instagram gives.
	instagramPage = 50
)

// Instagram is one Instagram account. It may be used from any number of goroutines; they share the account's call quota.
//
// Its webhook tells of new comments only. Edits, hides and removals are seen by asking, which [Instagram.Listen] does every minute.
// Comments under a live broadcast can be read only while it lasts, and those of people whom the account has restricted not at all; when
// they can no longer be read they count as gone.
type Instagram struct {
	*client
	history history

	mu    sync.Mutex
	heard glimpse // what the webhook told since Listen last looked
}

// NewInstagram makes an Instagram account. It makes no call; [Instagram.Check] does.
func NewInstagram(cfg Config) (*Instagram, error) {
	c, err := newClient(cfg, platforms.Instagram)
	if err != nil {
		return nil, err
	}
	p := &Instagram{client: c}
	c.hides, c.read = "hide", p.Fetch
	return p, nil
}

// Capabilities says what Instagram lets an account do with others' comments. There is no block and no private reply.
func (p *Instagram) Capabilities() platforms.Capabilities {
	return platforms.Capabilities{Hide: true, Delete: true, Reply: true, CloseComments: true, ReplyLength: replyLength,
		HideEffectSV: "Döljs för allmänheten. Författaren kan fortfarande se den, och ingen kan svara på den",
		HideEffectEN: "Hidden from the public. Its author may still see it, and nobody can answer it"}
}

// Fetch reads a comment as it stands now. When it is no more the error is platforms.ErrGone.
func (p *Instagram) Fetch(ctx context.Context, ref platforms.Ref) (platforms.Comment, error) {
	if err := p.mine(ref); err != nil {
		return platforms.Comment{}, err
	}
	body, err := p.get(ctx, "fetch", ref.Comment, fb.Params{"fields": instagramFields})
	if errors.Is(err, platforms.ErrGone) {
		// The platform answers so, too, to one who may no longer see the comment, see Page.Fetch.
		if _, tokenErr := p.belongs(ctx); tokenErr != nil {
			return platforms.Comment{}, tokenErr
		}
	}
	if err != nil {
		return platforms.Comment{}, err
	}
	c, err := p.readComment(body, "")
	c.Ref = ref
	return c, err
}

// Reply answers a comment in public, as the account, and returns the answer's id. A hidden comment cannot be answered: the error is
// platforms.ErrNotPermitted.
//
// Where the account's very same words stand under the comment already they are the answer: one whose outcome we never heard is not given
// twice. Instagram puts what answers an answer under the first comment, where the same words may be meant for somebody else; there it may
// come twice.
func (p *Instagram) Reply(ctx context.Context, ref platforms.Ref, text string) (string, error) {
	c, err := p.Fetch(ctx, ref)
	switch {
	case err != nil:
		return "", err
	case c.Hidden:
		return "", fmt.Errorf("facebook: reply: the comment is hidden, and cannot be answered: %w", platforms.ErrNotPermitted)
	}
	if c.Parent == "" {
		given := ""
		err := p.replies(ctx, ref.Comment, c.Post, func(r platforms.Comment) {
			if r.Own && strings.TrimSpace(r.Text) == strings.TrimSpace(text) {
				given = r.Ref.Comment
			}
		})
		if err != nil || given != "" {
			return given, err
		}
	}
	return p.reply(ctx, ref.Comment+"/replies", text)
}

// PrivateReply is not to be had.
func (p *Instagram) PrivateReply(context.Context, platforms.Ref, string) error {
	return fmt.Errorf("facebook: private reply on Instagram: %w", platforms.ErrUnsupported)
}

// Block is not to be had.
func (p *Instagram) Block(context.Context, platforms.Author) error {
	return fmt.Errorf("facebook: block on Instagram: %w", platforms.ErrUnsupported)
}

// CloseComments closes a medium for new comments, or opens it again. What stands there stays.
func (p *Instagram) CloseComments(ctx context.Context, post string, closed bool) error {
	if err := checkID(post); err != nil {
		return fmt.Errorf("facebook: the medium's id: %w", err)
	}
	body, err := p.post(ctx, "close comments", post, fb.Params{"comment_enabled": !closed})
	if err == nil && !succeeded(body) {
		return errors.New("facebook: close comments: the platform answered without doing it")
	}
	return err
}

// Subscribe asks the platform to deliver the account's comments to the app's webhook.
func (p *Instagram) Subscribe(ctx context.Context) error {
	return p.subscribe(ctx, instagramHooks...)
}

// FetchPost reads a medium, to be shown beside a comment.
func (p *Instagram) FetchPost(ctx context.Context, id string) (platforms.Post, error) {
	if err := checkID(id); err != nil {
		return platforms.Post{}, fmt.Errorf("facebook: the medium's id: %w", err)
	}
	body, err := p.get(ctx, "fetch post", id, fb.Params{"fields": mediaFields})
	if err != nil {
		return platforms.Post{}, err
	}
	post, _, err := p.readMedium(body)
	return post, err
}

// readMedium reads a medium, and how many comments it has; less than 0 where that is not said.
func (p *Instagram) readMedium(raw []byte) (post platforms.Post, comments int, err error) {
	var g struct {
		ID        scalar `json:"id"`
		Caption   string `json:"caption"`
		Timestamp scalar `json:"timestamp"`
		Permalink scalar `json:"permalink"`
		Comments  *int   `json:"comments_count"`
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		return post, -1, fmt.Errorf("facebook: read a medium: %w", err)
	}
	if checkID(string(g.ID)) != nil {
		return post, -1, errors.New("facebook: read a medium: it has no id that can be used")
	}
	comments = -1
	if g.Comments != nil {
		comments = *g.Comments
	}
	return platforms.Post{Platform: p.cfg.Channel.Platform, Channel: p.cfg.Channel.ID, ID: string(g.ID), Text: clean(g.Caption),
		Posted: g.Timestamp.time(), Permalink: string(g.Permalink)}, comments, nil
}

// instagramComment is a comment as the Graph API gives it.
type instagramComment struct {
	ID        scalar `json:"id"`
	Text      string `json:"text"`
	Timestamp scalar `json:"timestamp"`
	Username  scalar `json:"username"`
	From      struct {
		ID       scalar `json:"id"`
		Username scalar `json:"username"`
	} `json:"from"`
	// User is there only for what the account itself wrote.
	User struct {
		ID scalar `json:"id"`
	} `json:"user"`
	Hidden   bool   `json:"hidden"`
	ParentID scalar `json:"parent_id"`
	Media    struct {
		ID scalar `json:"id"`
	} `json:"media"`
	Replies struct {
		Data   []json.RawMessage `json:"data"`
		Paging struct {
			Next string `json:"next"`
		} `json:"paging"`
	} `json:"replies"`
}

// readComment reads a comment. Post is where it stands, for lists, which need not say so.
func (p *Instagram) readComment(raw []byte, post string) (platforms.Comment, error) {
	var g instagramComment
	if err := json.Unmarshal(raw, &g); err != nil {
		return platforms.Comment{}, fmt.Errorf("facebook: read a comment: %w", err)
	}
	return p.comment(g, raw, post)
}

func (p *Instagram) comment(g instagramComment, raw []byte, post string) (platforms.Comment, error) {
	if checkID(string(g.ID)) != nil {
		return platforms.Comment{}, errors.New("facebook: read a comment: it has no id that can be used")
	}
	if g.Media.ID != "" {
		post = string(g.Media.ID)
	}
	c := platforms.Comment{
		Ref:    platforms.Ref{Platform: p.cfg.Channel.Platform, Channel: p.cfg.Channel.ID, Comment: string(g.ID)},
		Post:   post,
		Parent: string(g.ParentID),
		Author: platforms.Author{ID: string(g.From.ID), Name: string(g.From.Username)},
		Text:   clean(g.Text),
		Posted: g.Timestamp.time(),
		Hidden: g.Hidden,
		Raw:    raw,
	}
	if c.Author.Name == "" {
		c.Author.Name = string(g.Username)
	}
	if g.User.ID != "" && c.Author.ID == "" {
		c.Author.ID = string(g.User.ID)
	}
	c.Own = c.Author.ID == p.cfg.Channel.Account
	c.CannotHide = c.Own
	return c, nil
}

// belongs makes sure that the token reads the account, and returns how many media the account has; less than 0 where that is not said.
func (p *Instagram) belongs(ctx context.Context) (media int, err error) {
	body, err := p.get(ctx, "me", p.cfg.Channel.Account, fb.Params{"fields": "id,username,media_count"})
	if errors.Is(err, platforms.ErrGone) || errors.Is(err, platforms.ErrNotPermitted) {
		return -1, fmt.Errorf("facebook: the token does not read account %s: %w", p.cfg.Channel.Account, platforms.ErrTokenDead)
	}
	if err != nil {
		return -1, err
	}
	var g struct {
		ID    scalar `json:"id"`
		Media *int   `json:"media_count"`
	}
	if err := json.Unmarshal(body, &g); err != nil || string(g.ID) != p.cfg.Channel.Account {
		return -1, errors.New("facebook: me: the answer is not the account")
	}
	if g.Media == nil {
		return -1, nil
	}
	return *g.Media, nil
}

// CatchUp reads every comment that was posted at or after since, on media of any age, and again those of the day before that, and hands
// them to sink as Added events, a batch for each answer of the platform. It reads media in the order and with the costs of
// [Page.CatchUp], a call for each fifty comments; old media without comments cost nothing.
//
// Instagram lists a medium's comments by their own times, and an answer under a comment however old: so each medium is read to its end.
func (p *Instagram) CatchUp(ctx context.Context, since time.Time, sink func(context.Context, []platforms.Event) error) error {
	count, err := p.belongs(ctx)
	if err != nil {
		return err
	}
	list := func(ctx context.Context, since time.Time) ([]listed, error) {
		media, err := p.media(ctx, since)
		if err == nil && len(media) == 0 && since.IsZero() && count > 0 {
			return nil, fmt.Errorf("facebook: media: the list is empty although the account has %d, so the token lacks a permission: %w", count, platforms.ErrTokenDead)
		}
		return media, err
	}
	return p.history.read(ctx, p.client, since, list, func(ctx context.Context, medium string, horizon time.Time) error {
		return p.comments(ctx, medium, func(comments []platforms.Comment) error {
			var events []platforms.Event
			for _, c := range comments {
				if c.Posted.IsZero() || !c.Posted.Before(horizon) {
					events = append(events, p.event(platforms.Added, c, "backfill", firstTime(c.Posted, p.cfg.Now())))
				}
			}
			if len(events) == 0 {
				return nil
			}
			return sink(ctx, events)
		})
	})
}

func (p *Instagram) event(kind platforms.EventKind, c platforms.Comment, via string, at time.Time) platforms.Event {
	told := kind == platforms.Added || kind == platforms.Edited
	return platforms.Event{Kind: kind, Comment: c, Via: via, At: at, Raw: c.Raw, Incomplete: told && (c.Author.ID == "" || c.Text == "")}
}

// media lists what the account published at or after since, newest first.
func (p *Instagram) media(ctx context.Context, since time.Time) ([]listed, error) {
	var media []listed
	params := fb.Params{"fields": "id,timestamp,comments_count", "limit": pageSize}
	err := p.list(ctx, "media", p.cfg.Channel.Account+"/media", params, func(items []json.RawMessage) (bool, error) {
		older := false
		for _, raw := range items {
			m, comments, err := p.readMedium(raw)
			if err != nil {
				return false, err
			}
			if !m.Posted.IsZero() && m.Posted.Before(since) {
				older = true
				continue
			}
			media = append(media, listed{id: m.ID, posted: m.Posted, quiet: comments == 0})
		}
		return !older, nil
	})
	return media, err
}

// comments shows all comments of a medium with the answers to them, in batches as the platform gives them.
func (p *Instagram) comments(ctx context.Context, medium string, each func([]platforms.Comment) error) error {
	params := fb.Params{"fields": fmt.Sprintf("%s,replies.limit(%d){%s}", instagramFields, instagramPage, instagramFields), "limit": instagramPage}
	return p.list(ctx, "comments", medium+"/comments", params, func(items []json.RawMessage) (bool, error) {
		var batch []platforms.Comment
		for _, raw := range items {
			thread, err := p.thread(ctx, raw, medium)
			if err != nil {
				return false, err
			}
			batch = append(batch, thread...)
		}
		return true, each(batch)
	})
}

// thread reads a comment of a list with all answers to it. Of the answers the list holds only the first.
func (p *Instagram) thread(ctx context.Context, raw []byte, medium string) ([]platforms.Comment, error) {
	var g instagramComment
	if err := json.Unmarshal(raw, &g); err != nil {
		return nil, fmt.Errorf("facebook: read a comment: %w", err)
	}
	if g.Replies.Data != nil {
		raw = without(raw, "replies") // others' words have no place in this comment's record
	}
	c, err := p.comment(g, raw, medium)
	if err != nil {
		return nil, err
	}
	thread := []platforms.Comment{c}
	add := func(r platforms.Comment) { thread = append(thread, r) }
	if g.Replies.Paging.Next != "" {
		return thread, p.replies(ctx, c.Ref.Comment, medium, add)
	}
	for _, raw := range g.Replies.Data {
		r, err := p.readComment(raw, medium)
		if err != nil {
			return nil, err
		}
		if r.Parent == "" {
			r.Parent = c.Ref.Comment
		}
		add(r)
	}
	return thread, nil
}

// without is a JSON object without one of its members.
func without(object []byte, member string) []byte {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		return object
	}
	delete(members, member)
	rest, err := json.Marshal(members)
	if err != nil {
		return object
	}
	return rest
}

// replies shows all answers to a comment.
func (p *Instagram) replies(ctx context.Context, comment, medium string, each func(platforms.Comment)) error {
	params := fb.Params{"fields": instagramFields, "limit": instagramPage}
	return p.list(ctx, "replies", comment+"/replies", params, func(items []json.RawMessage) (bool, error) {
		for _, raw := range items {
			r, err := p.readComment(raw, medium)
			if err != nil {
				return false, err
			}
			if r.Parent == "" {
				r.Parent = comment
			}
			each(r)
		}
		return true, nil
	})
}

// parseInstagram reads one change of the account that channel is. The platform says neither what happened nor when it was posted: it
// tells only of new comments, right after; so the delivery's own time is the comment's.
func parseInstagram(raw []byte, channel platforms.Channel, told scalar, now time.Time) (platforms.Event, *skipped) {
	var c struct {
		Field string `json:"field"`
		Value struct {
			ID   scalar `json:"id"`
			Text string `json:"text"`
			From struct {
				ID       scalar `json:"id"`
				Username scalar `json:"username"`
			} `json:"from"`
			Media struct {
				ID scalar `json:"id"`
			} `json:"media"`
			ParentID scalar `json:"parent_id"`
		} `json:"value"`
	}
	err := json.Unmarshal(withoutNUL(raw), &c) // the syntax has been checked: an error is about a type
	v := &c.Value
	switch {
	case c.Field != "comments" && c.Field != "live_comments":
		return platforms.Event{}, &skipped{reason: "field", detail: quoted(c.Field)}
	case v.ID == "":
		return platforms.Event{}, &skipped{reason: "shape", detail: "a comment without id"}
	}
	at := firstTime(told.time(), now)
	k := platforms.Comment{Ref: platforms.Ref{Platform: channel.Platform, Channel: channel.ID, Comment: string(v.ID)}, Post: string(v.Media.ID),
		Parent: string(v.ParentID), Author: platforms.Author{ID: string(v.From.ID), Name: string(v.From.Username)},
		Own: string(v.From.ID) == channel.Account, Text: clean(v.Text), Posted: at, Raw: raw}
	return platforms.Event{Kind: platforms.Added, Comment: k, At: at, Via: "webhook", Raw: raw,
		Incomplete: err != nil || k.Author.ID == "" || k.Text == "" || k.Post == ""}, nil
}
