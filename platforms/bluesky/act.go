package bluesky

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"time"

	"takhojd/archive"
	"takhojd/platforms"
)

// Delete is none of Bluesky's functions: only its author can delete a post. It makes no call.
func (a *Account) Delete(_ context.Context, receipt archive.Receipt) error {
	if _, err := a.received(receipt); err != nil {
		return err
	}
	return fmt.Errorf("bluesky: delete: %w", platforms.ErrUnsupported)
}

// PrivateReply is none of Bluesky's functions: its messages are for those who chose to receive them. It makes no call.
func (a *Account) PrivateReply(_ context.Context, ref platforms.Ref, _ string) error {
	if _, err := a.mine(ref); err != nil {
		return err
	}
	return fmt.Errorf("bluesky: private reply: %w", platforms.ErrUnsupported)
}

// Reply answers a comment in public, as the account, and returns the answer's address. The network takes at most 300 characters as a person
// counts them; a longer answer is platforms.ErrNotPermitted.
func (a *Account) Reply(ctx context.Context, ref platforms.Ref, text string) (string, error) {
	p, err := a.mine(ref)
	if err != nil {
		return "", err
	}
	v, err := a.read(ctx, "fetch", p)
	if err != nil {
		return "", err
	}
	parent := strongRef{v.URI, v.CID}
	root := parent
	if v.isReply() {
		root = v.content.Reply.Root
	}
	record := map[string]any{"$type": postRecord, "text": text, "createdAt": a.cfg.Now().UTC().Format(time.RFC3339Nano), "langs": []string{"sv"},
		"reply": reply{Root: root, Parent: parent}}
	if links := facets(text); len(links) > 0 {
		record["facets"] = links
	}
	return a.createRecord(ctx, "reply", postRecord, record)
}

// Said returns the address of the account's answer to a comment that says text; "" where the network shows none. It costs one call.
func (a *Account) Said(ctx context.Context, ref platforms.Ref, text string) (string, error) {
	p, err := a.mine(ref)
	if err != nil {
		return "", err
	}
	shown, err := a.thread(ctx, p.String(), 1)
	if err != nil {
		return "", err
	}
	for _, n := range shown.Replies {
		v, err := readView(n.Post)
		if err == nil && string(v.Author.DID) == a.cfg.Channel.Account && string(v.content.Text) == text {
			return v.address().String(), nil
		}
	}
	return "", nil
}

// createRecord creates a record of the account's and returns its address.
func (a *Account) createRecord(ctx context.Context, action, collection string, record map[string]any) (string, error) {
	body, err := a.call(ctx, action, "com.atproto.repo.createRecord", map[string]any{"repo": a.cfg.Channel.Account, "collection": collection,
		"record": record})
	if err != nil {
		return "", err
	}
	var made struct {
		URI word `json:"uri"`
	}
	if err := json.Unmarshal(body, &made); err != nil || made.URI == "" {
		return "", fmt.Errorf("bluesky: %s: the network answered without an address", action)
	}
	return string(made.URI), nil
}

// linkShape finds web addresses in what we write; what ends a sentence is not part of them.
var linkShape = regexp.MustCompile(`https?://[^\s<>"]*[^\s<>".,;:!?()]`)

// facets make the links in our own text work: the network shows an address as mere text unless it is told.
func facets(text string) []map[string]any {
	var found []map[string]any
	for _, at := range linkShape.FindAllStringIndex(text, -1) {
		found = append(found, map[string]any{"index": map[string]int{"byteStart": at[0], "byteEnd": at[1]},
			"features": []map[string]string{{"$type": "app.bsky.richtext.facet#link", "uri": text[at[0]:at[1]]}}})
	}
	return found
}

// other checks that an author is somebody else.
func (a *Account) other(action string, author platforms.Author) error {
	if err := checkDID(author.ID); err != nil {
		return fmt.Errorf("bluesky: %s: the author's id: %w", action, err)
	}
	if author.ID == a.cfg.Channel.Account {
		return fmt.Errorf("bluesky: %s: it is the account itself: %w", action, platforms.ErrNotPermitted)
	}
	return nil
}

// Block keeps an author from answering, mentioning and quoting the account; each no longer sees the other. Blocks are public. Blocking whom
// is blocked already is no error.
func (a *Account) Block(ctx context.Context, author platforms.Author) error {
	if err := a.other("block", author); err != nil {
		return err
	}
	body, err := a.query(ctx, "profile", "app.bsky.actor.getProfile", url.Values{"actor": {author.ID}})
	if err != nil {
		return err
	}
	var profile view
	if err := json.Unmarshal(body, &profile.Author); err != nil && !typeOnly(err) {
		return errors.New("bluesky: block: the answer is no profile")
	}
	if profile.Author.Viewer.Blocking != "" {
		return nil
	}
	_, err = a.createRecord(ctx, "block", blockRecord, map[string]any{"$type": blockRecord, "subject": author.ID,
		"createdAt": a.cfg.Now().UTC().Format(time.RFC3339Nano)})
	return err
}

// Mute stops the account from hearing of an author by notifications; everybody else still sees them, and CatchUp still reads them. Nobody is told.
func (a *Account) Mute(ctx context.Context, author platforms.Author) error {
	if err := a.other("mute", author); err != nil {
		return err
	}
	_, err := a.call(ctx, "mute", "app.bsky.graph.muteActor", map[string]string{"actor": author.ID})
	return err
}

// reasons are the network's words for the categories of the policy (com.atproto.moderation.defs).
var reasons = map[string]string{
	"spam": "reasonSpam", "advertising": "reasonSpam",
	"insult": "reasonRude", "profanity": "reasonRude", "hate": "reasonRude", "defamation": "reasonRude",
	"threat": "reasonViolation", "incitement": "reasonViolation", "personal-data": "reasonViolation", "graphic": "reasonViolation",
	"disinformation": "reasonMisleading",
}

// longestReport is how many characters the network takes from us in a report.
const longestReport = 2000

// Report reports a comment to the moderators whom the account's server names, as it stands now. reason is a category of the policy; what the network
// has no word for is "other".
func (a *Account) Report(ctx context.Context, ref platforms.Ref, reason, text string) error {
	p, err := a.mine(ref)
	if err != nil {
		return err
	}
	v, err := a.read(ctx, "fetch", p)
	if err != nil {
		return err
	}
	kind, known := reasons[reason]
	if !known {
		kind = "reasonOther"
	}
	if r := []rune(text); len(r) > longestReport {
		text = string(r[:longestReport])
	}
	_, err = a.call(ctx, "report", "com.atproto.moderation.createReport", map[string]any{"reasonType": "com.atproto.moderation.defs#" + kind,
		"reason": text, "subject": map[string]string{"$type": "com.atproto.repo.strongRef", "uri": p.String(), "cid": string(v.CID)}})
	return err
}
