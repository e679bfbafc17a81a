package bluesky

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"takhojd/archive"
	"takhojd/platforms"
)

const (
	// mostHidden is how many hidden replies a threadgate has room for (its lexicon's maxLength).
	mostHidden = 300
	// swaps is how many times a threadgate is written on top of what somebody else wrote meanwhile before that becomes a fault.
	swaps = 8
	// firstSwapPause doubles with each of them.
	firstSwapPause = 20 * time.Millisecond
)

// gate is the threadgate of one of the account's posts: who may answer, and which answers are hidden. The zero gate is that of a post that
// has none.
type gate struct {
	cid    string
	fields map[string]json.RawMessage // all of the record, so that what we do not know is kept
	hidden []string
}

// parseGate reads a threadgate. One of an unknown shape is an error: it would be written over.
func parseGate(cid string, record []byte) (gate, error) {
	g := gate{cid: cid}
	if err := json.Unmarshal(record, &g.fields); err != nil || g.fields == nil {
		return gate{}, errors.New("the threadgate is no JSON object")
	}
	if list, ok := g.fields["hiddenReplies"]; ok {
		if err := json.Unmarshal(list, &g.hidden); err != nil {
			return gate{}, errors.New("the threadgate's hiddenReplies is no list of addresses")
		}
	}
	return g, nil
}

func (g gate) hides(address string) bool { return slices.Contains(g.hidden, address) }

// record is the gate as it is to be written.
func (g gate) record(p post, now time.Time) map[string]json.RawMessage {
	r := map[string]json.RawMessage{"$type": jsonText(gateRecord), "post": jsonText(p.String()), "createdAt": jsonText(now.UTC().Format(time.RFC3339Nano))}
	for k, v := range g.fields {
		r[k] = v
	}
	r["hiddenReplies"] = jsonList(g.hidden)
	return r
}

func jsonText(s string) json.RawMessage { b, _ := json.Marshal(s); return b }

func jsonList(addresses []string) json.RawMessage {
	if addresses == nil {
		addresses = []string{}
	}
	b, _ := json.Marshal(addresses)
	return b
}

// readGate reads the threadgate of one of the account's posts from the account's own server.
func (a *Account) readGate(ctx context.Context, p post) (gate, error) {
	r, err := a.record(ctx, "read threadgate", p.did, gateRecord, p.key)
	if errors.Is(err, platforms.ErrGone) {
		return gate{}, nil
	}
	if err != nil {
		return gate{}, err
	}
	g, err := parseGate(string(r.CID), r.Value)
	if err != nil {
		return gate{}, fmt.Errorf("bluesky: read threadgate: %w", err)
	}
	return g, nil
}

// changeGate reads a threadgate, lets change alter it, and writes it whole – unless change says that there is nothing to do. When somebody else
// wrote it in between, all of that is done again on top of what they wrote.
//
// If we die between reading and writing nothing has happened; if we die after writing, the next attempt finds nothing to do.
func (a *Account) changeGate(ctx context.Context, action string, p post, change func(*gate) (bool, error)) error {
	select {
	case a.gates <- struct{}{}: // so that we do not stand in our own way
		defer func() { <-a.gates }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for try := 0; ; try++ {
		g, err := a.readGate(ctx, p)
		if err != nil {
			return err
		}
		if todo, err := change(&g); err != nil || !todo {
			return err
		}
		var swap any // null: there must be none
		if g.cid != "" {
			swap = g.cid
		}
		_, err = a.call(ctx, action, "com.atproto.repo.putRecord", map[string]any{"repo": p.did, "collection": gateRecord, "rkey": p.key,
			"record": g.record(p, a.cfg.Now()), "swapRecord": swap})
		if !errors.Is(err, errSwap) || try+1 == swaps {
			return err
		}
		select {
		case <-time.After(firstSwapPause << try):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Hide moves the reply that the receipt is for among the thread's hidden replies. Hiding what is hidden already is no error. What does not
// stand under one of the account's posts, and what finds no room among the 300 hidden replies of a thread, is platforms.ErrNotPermitted.
func (a *Account) Hide(ctx context.Context, receipt archive.Receipt) error {
	p, err := a.received(receipt)
	if err != nil {
		return err
	}
	return a.setHidden(ctx, p, "hide", true)
}

// Unhide takes a reply from among the hidden ones. Showing what is shown already is no error.
func (a *Account) Unhide(ctx context.Context, ref platforms.Ref) error {
	p, err := a.mine(ref)
	if err != nil {
		return err
	}
	return a.setHidden(ctx, p, "unhide", false)
}

func (a *Account) setHidden(ctx context.Context, p post, action string, hidden bool) error {
	v, err := a.read(ctx, "fetch", p)
	if err != nil {
		return err
	}
	if a.comment(v).CannotHide {
		return fmt.Errorf("bluesky: %s: only others' replies under the account's own posts can be hidden: %w", action, platforms.ErrNotPermitted)
	}
	address := p.String()
	return a.changeGate(ctx, action, v.root(), func(g *gate) (bool, error) {
		switch {
		case g.hides(address) == hidden:
			return false, nil
		case !hidden:
			g.hidden = slices.DeleteFunc(g.hidden, func(h string) bool { return h == address })
		case len(g.hidden) >= mostHidden:
			return false, fmt.Errorf("bluesky: %s: %d replies of this thread are hidden, and there is room for no more: %w", action, mostHidden,
				platforms.ErrNotPermitted)
		default:
			g.hidden = append(g.hidden, address)
		}
		return true, nil
	})
}

// allowBefore is where the rules for who may answer stand while a post is closed. The lexicon leaves room for fields of others' making.
const allowBefore = "allowBeforeClosing"

// CloseComments closes one of the account's posts for new replies, and opens it again to those who could answer before. What stands there
// stays.
func (a *Account) CloseComments(ctx context.Context, id string, closed bool) error {
	action := "open"
	if closed {
		action = "close"
	}
	p, err := parsePost(id)
	if err != nil {
		return fmt.Errorf("bluesky: %s: the post's id: %w", action, err)
	}
	if p.did != a.cfg.Channel.Account {
		return fmt.Errorf("bluesky: %s: it is somebody else's post: %w", action, platforms.ErrNotPermitted)
	}
	return a.changeGate(ctx, action, p, func(g *gate) (bool, error) { return g.setClosed(closed), nil })
}

// setClosed closes or opens, and tells whether that changed anything.
func (g *gate) setClosed(closed bool) bool {
	var rules []json.RawMessage
	allow, limited := g.fields["allow"]
	isClosed := limited && json.Unmarshal(allow, &rules) == nil && rules != nil && len(rules) == 0
	if isClosed == closed {
		return false
	}
	if g.fields == nil {
		g.fields = map[string]json.RawMessage{}
	}
	before, kept := g.fields[allowBefore]
	switch {
	case closed && limited:
		g.fields[allowBefore] = allow
		fallthrough
	case closed:
		g.fields["allow"] = json.RawMessage("[]")
	case kept:
		g.fields["allow"] = before
		delete(g.fields, allowBefore)
	default:
		delete(g.fields, "allow") // without rules everybody may answer
	}
	return true
}
