package bluesky

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// The kinds of record that the adapter reads and writes.
const (
	postRecord  = "app.bsky.feed.post"
	gateRecord  = "app.bsky.feed.threadgate"
	blockRecord = "app.bsky.graph.block"
)

// The syntax of the AT Protocol's identifiers: https://atproto.com/specs/did and https://atproto.com/specs/record-key.
var (
	didShape = regexp.MustCompile(`^did:[a-z]{1,32}:[a-zA-Z0-9._:%-]{0,500}[a-zA-Z0-9._-]$`)
	keyShape = regexp.MustCompile(`^[a-zA-Z0-9._:~-]{1,512}$`)
)

// checkDID refuses what is no account's id: ids become parts of calls.
func checkDID(did string) error {
	if !didShape.MatchString(did) {
		return errors.New("it is no DID such as did:plc:ewvi7nxzyoun6zhxrhs64oiz")
	}
	return nil
}

// post is the address of a post: at://did/app.bsky.feed.post/key.
type post struct{ did, key string }

// parsePost refuses every address but that of a post, by its author's DID.
func parsePost(address string) (post, error) {
	rest, ok := strings.CutPrefix(address, "at://")
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 3 || parts[1] != postRecord || checkDID(parts[0]) != nil || !keyShape.MatchString(parts[2]) ||
		parts[2] == "." || parts[2] == ".." {
		return post{}, fmt.Errorf("it is no post's address such as at://did:…/%s/…", postRecord)
	}
	return post{parts[0], parts[2]}, nil
}

func (p post) String() string { return "at://" + p.did + "/" + postRecord + "/" + p.key }

// permalink is where people see the post.
func (p post) permalink() string { return "https://bsky.app/profile/" + p.did + "/post/" + p.key }
