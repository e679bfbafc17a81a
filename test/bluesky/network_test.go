// Package bluesky_test proves the Bluesky adapter, and moderation on top of it, against a real network: directory, personal data server, AppView and
// Ozone, the very programs that Bluesky runs, on this machine. `make test-bluesky` installs and starts them.
package bluesky_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"takhojd/platforms"
)

// patience is how long anything may take to come about on the network.
const patience = time.Minute

// network is the network that TAKHOJD_BLUESKY names.
type network struct {
	PDS     string `json:"pds"`
	AppView string `json:"appview"`
}

func connect(t *testing.T) network {
	t.Helper()
	told := os.Getenv("TAKHOJD_BLUESKY")
	if told == "" {
		t.Skip("there is no network: `make test-bluesky` starts one")
	}
	var n network
	if err := json.Unmarshal([]byte(told), &n); err != nil || n.PDS == "" || n.AppView == "" {
		t.Fatalf("TAKHOJD_BLUESKY does not say where the network is: %v", err)
	}
	return n
}

// person is somebody with an account, acting without any of Takhöjd's code.
type person struct {
	t      *testing.T
	n      network
	DID    string `json:"did"`
	Handle string `json:"handle"`
	Token  string `json:"accessJwt"`
}

// object is what is sent as JSON.
type object = map[string]any

func (n network) join(t *testing.T, name string) *person {
	t.Helper()
	p := &person{t: t, n: n}
	handle := fmt.Sprintf("%s%d.test", name, time.Now().UnixNano()%1_000_000_000)
	p.into(p, http.MethodPost, n.PDS, "com.atproto.server.createAccount", nil,
		object{"handle": handle, "email": handle + "@example.com", "password": "correct horse battery staple"})
	p.into(nil, http.MethodPost, n.PDS, "com.atproto.repo.putRecord", nil, object{"repo": p.DID, "collection": "app.bsky.actor.profile", "rkey": "self",
		"record": object{"$type": "app.bsky.actor.profile", "displayName": strings.ToUpper(name[:1]) + name[1:]}})
	// The network forgets to notify of what the youngest accounts write.
	p.eventually("the network knows "+name, func() bool {
		var profile struct {
			DisplayName string `json:"displayName"`
		}
		return p.try(&profile, http.MethodGet, n.AppView, "app.bsky.actor.getProfile", url.Values{"actor": {p.DID}}, nil) == nil && profile.DisplayName != ""
	})
	return p
}

// try makes a call and reads the answer into result.
func (p *person) try(result any, method, host, name string, query url.Values, body any) error {
	var content io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case nil:
	case []byte:
		content, kind = bytes.NewReader(b), "image/png"
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			return err
		}
		content = bytes.NewReader(encoded)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, host+"/xrpc/"+name+"?"+query.Encode(), content)
	if err != nil {
		return err
	}
	if content != nil {
		req.Header.Set("Content-Type", kind)
	}
	if p.Token != "" && host == p.n.PDS {
		req.Header.Set("Authorization", "Bearer "+p.Token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: HTTP %d: %s", name, res.StatusCode, answer)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(answer, result)
}

// into is try for what must go well.
func (p *person) into(result any, method, host, name string, query url.Values, body any) {
	p.t.Helper()
	if err := p.try(result, method, host, name, query, body); err != nil {
		p.t.Fatal(err)
	}
}

// appPassword makes an app password.
func (p *person) appPassword() string {
	p.t.Helper()
	var made struct {
		Password string `json:"password"`
	}
	p.into(&made, http.MethodPost, p.n.PDS, "com.atproto.server.createAppPassword", nil, object{"name": fmt.Sprint("takhojd ", time.Now().UnixNano())})
	return made.Password
}

// record names a record.
type record struct {
	URI string `json:"uri"`
	CID string `json:"cid"`
}

func (r record) key() string { return r.URI[strings.LastIndexByte(r.URI, '/')+1:] }

func (p *person) create(collection string, value object) record {
	p.t.Helper()
	value["$type"], value["createdAt"] = collection, time.Now().UTC().Format(time.RFC3339Nano)
	var made record
	p.into(&made, http.MethodPost, p.n.PDS, "com.atproto.repo.createRecord", nil, object{"repo": p.DID, "collection": collection, "record": value})
	return made
}

func (p *person) post(text string) record {
	p.t.Helper()
	return p.create("app.bsky.feed.post", object{"text": text})
}

// reply answers parent in the thread that root began.
func (p *person) reply(root, parent record, text string) record {
	p.t.Helper()
	return p.create("app.bsky.feed.post", object{"text": text, "reply": object{"root": root, "parent": parent}})
}

// rewrite puts other words where a reply stands. No app does that.
func (p *person) rewrite(r, root record, text string) {
	p.t.Helper()
	p.into(nil, http.MethodPost, p.n.PDS, "com.atproto.repo.putRecord", nil, object{"repo": p.DID, "collection": "app.bsky.feed.post", "rkey": r.key(),
		"record": object{"$type": "app.bsky.feed.post", "text": text, "createdAt": time.Now().UTC().Format(time.RFC3339Nano),
			"reply": object{"root": root, "parent": root}}})
}

func (p *person) remove(r record) {
	p.t.Helper()
	p.into(nil, http.MethodPost, p.n.PDS, "com.atproto.repo.deleteRecord", nil, object{"repo": p.DID, "collection": "app.bsky.feed.post", "rkey": r.key()})
}

// picture answers a post with a picture and no words.
func (p *person) picture(root record) record {
	p.t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 16, 16))); err != nil {
		p.t.Fatal(err)
	}
	var made struct {
		Blob json.RawMessage `json:"blob"`
	}
	p.into(&made, http.MethodPost, p.n.PDS, "com.atproto.repo.uploadBlob", nil, b.Bytes())
	return p.create("app.bsky.feed.post", object{"text": "", "reply": object{"root": root, "parent": root},
		"embed": object{"$type": "app.bsky.embed.images", "images": []object{{"image": made.Blob, "alt": ""}}}})
}

// threadgate is the gate of one of p's posts, as p's own server has it.
func (p *person) threadgate(root record) (value struct {
	Hidden []string         `json:"hiddenReplies"`
	Allow  *json.RawMessage `json:"allow"`
}) {
	p.t.Helper()
	var answer struct {
		Value json.RawMessage `json:"value"`
	}
	if err := p.try(&answer, http.MethodGet, p.n.PDS, "com.atproto.repo.getRecord",
		url.Values{"repo": {p.DID}, "collection": {"app.bsky.feed.threadgate"}, "rkey": {root.key()}}, nil); err != nil {
		return value
	}
	if err := json.Unmarshal(answer.Value, &value); err != nil {
		p.t.Fatal(err)
	}
	return value
}

// viewOf is what stands between p and another, as the network shows it.
func (p *person) viewOf(other *person) (viewer struct {
	BlockedBy  bool   `json:"blockedBy"`
	FollowedBy string `json:"followedBy"`
}) {
	p.t.Helper()
	var profile struct {
		Viewer json.RawMessage `json:"viewer"`
	}
	p.into(&profile, http.MethodGet, p.n.PDS, "app.bsky.actor.getProfile", url.Values{"actor": {other.DID}}, nil)
	if err := json.Unmarshal(profile.Viewer, &viewer); err != nil {
		p.t.Fatal(err)
	}
	return viewer
}

// seen is how the public sees a reply under a post: "shown", "hidden" behind one click, or "" where it is not to be seen.
func (p *person) seen(root record, reply string) string {
	p.t.Helper()
	type thread struct {
		Thread []struct {
			URI   string `json:"uri"`
			Value struct {
				Hidden bool `json:"hiddenByThreadgate"`
			} `json:"value"`
		} `json:"thread"`
	}
	var shown, others thread
	p.into(&shown, http.MethodGet, p.n.PDS, "app.bsky.unspecced.getPostThreadV2", url.Values{"anchor": {root.URI}, "below": {"10"}}, nil)
	p.into(&others, http.MethodGet, p.n.PDS, "app.bsky.unspecced.getPostThreadOtherV2", url.Values{"anchor": {root.URI}}, nil)
	for _, e := range others.Thread {
		if e.URI == reply && e.Value.Hidden {
			return "hidden"
		}
	}
	for _, e := range shown.Thread {
		if e.URI == reply {
			return "shown"
		}
	}
	return ""
}

// sees waits until the public sees a reply as it should.
func (p *person) sees(root, reply record, want string) {
	p.t.Helper()
	got := ""
	p.eventually(fmt.Sprintf("%s is %q", reply.URI, want), func() bool { got = p.seen(root, reply.URI); return got == want })
}

// eventually waits until a condition holds.
func (p *person) eventually(what string, holds func() bool) {
	p.t.Helper()
	eventually(p.t, what, holds)
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.After(patience); !holds(); {
		select {
		case <-deadline:
			t.Fatalf("never: %s", what)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// is checks what an error means.
func is(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func ref(r record) platforms.Ref {
	return platforms.Ref{Platform: platforms.Bluesky, Channel: channelID, Comment: r.URI}
}

func sorted(list []string) []string { slices.Sort(list); return list }
