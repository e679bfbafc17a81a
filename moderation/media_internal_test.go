package moderation

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"takhojd/platforms"
)

func TestPublicAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"8.8.8.8": true, "192.88.98.1": true, "172.15.255.255": true, "172.32.0.1": true, "100.63.255.255": true, "100.128.0.1": true,
		"2606:4700::1111": true, "2a00:1450:400f:80d::200e": true, "::ffff:8.8.8.8": true,

		"0.0.0.0": false, "0.1.2.3": false, "127.0.0.1": false, "127.255.255.254": false, "10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false,
		"192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "100.127.255.255": false, "192.0.0.8": false, "192.0.2.1": false,
		"198.18.0.1": false, "198.19.255.255": false, "198.51.100.1": false, "203.0.113.1": false, "224.0.0.1": false, "239.1.1.1": false,
		"240.0.0.1": false, "255.255.255.255": false, "192.88.99.1": false,

		"::": false, "::1": false, "::127.0.0.1": false, "::8.8.8.8": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false,
		"::ffff:169.254.169.254": false, "::ffff:0:127.0.0.1": false, "64:ff9b::127.0.0.1": false, "64:ff9b::8.8.8.8": false, "64:ff9b:1::1": false,
		"100::1": false, "2001::1": false, "2001:db8::1": false, "2002:7f00:1::": false, "3fff::1": false, "5f00::1": false, "fc00::1": false,
		"fd12:3456::1": false, "fe80::1": false, "fe80::1%eth0": false, "fec0::1": false, "ff02::1": false, "4000::1": false,
	} {
		at := netip.AddrPortFrom(netip.MustParseAddr(address), 443)
		if err := publicly(at); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
	for port, want := range map[uint16]bool{80: true, 443: true, 0: false, 22: false, 25: false, 3306: false, 6379: false, 8080: false, 11211: false} {
		if err := publicly(netip.AddrPortFrom(netip.MustParseAddr("8.8.8.8"), port)); (err == nil) != want {
			t.Errorf("port %d: %v", port, err)
		}
	}
}

// network is a name server whose answers are the test's, a server inside that nobody may reach, and one outside: 127.0.0.2 stands for
// every public address.
type network struct {
	names   map[string][]string // the answers to one question after another; the last one stays
	mu      sync.Mutex
	reached atomic.Int32 // how often the server inside was asked
	inside  string       // its port
	outside string       // the other's address
	fetcher *Moderator
}

const outside = "127.0.0.2"

func newNetwork(t *testing.T, names map[string][]string, answer http.HandlerFunc) *network {
	n := &network{names: names}
	inside := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.reached.Add(1)
		_, _ = w.Write([]byte("\x89PNG\r\n\x1a\nour own secrets"))
	}))
	inside.Start()
	t.Cleanup(inside.Close)
	_, n.inside, _ = net.SplitHostPort(inside.Listener.Addr().String())
	if l, err := net.Listen("tcp", "[::1]:"+n.inside); err == nil { // not every machine has IPv6
		six := &http.Server{Handler: inside.Config.Handler}
		go func() { _ = six.Serve(l) }()
		t.Cleanup(func() { _ = six.Close() })
	}
	l, err := net.Listen("tcp", outside+":"+n.inside)
	if err != nil {
		t.Skipf("the machine has no %s: %v", outside, err)
	}
	public := &http.Server{Handler: answer}
	go func() { _ = public.Serve(l) }()
	t.Cleanup(func() { _ = public.Close() })
	n.outside = l.Addr().String()
	n.fetcher = &Moderator{metrics: NewMetrics(nil), cfg: Config{MediaLimit: 1 << 16, MediaClient: mediaClient(n.resolver(t), func(at netip.AddrPort) error {
		if at.Addr() == netip.MustParseAddr(outside) {
			return nil
		}
		return publicly(netip.AddrPortFrom(at.Addr(), 443)) // the port is the test's
	})}}
	return n
}

// resolver asks a name server on this machine, and no other.
func (n *network) resolver(t *testing.T) *net.Resolver {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		question := make([]byte, 1500)
		for {
			size, from, err := server.ReadFrom(question)
			if err != nil {
				return
			}
			if answer := n.answer(question[:size]); answer != nil {
				_, _ = server.WriteTo(answer, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

func (n *network) answer(question []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(question) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	m.Response, m.Additionals = true, nil
	n.mu.Lock()
	defer n.mu.Unlock()
	name := strings.TrimSuffix(q.Name.String(), ".")
	answers, known := n.names[name]
	if !known {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, address := range strings.Fields(strings.Join(answers[:min(1, len(answers))], "")) {
		ip := netip.MustParseAddr(address)
		header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
		switch {
		case q.Type == dnsmessage.TypeA && ip.Is4():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: ip.As4()}})
		case q.Type == dnsmessage.TypeAAAA && ip.Is6():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: ip.As16()}})
		}
	}
	if q.Type == dnsmessage.TypeA && len(answers) > 1 {
		n.names[name] = answers[1:]
	}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}

func (n *network) fetch(address string) error {
	_, err := n.fetcher.download(context.Background(), address)
	return err
}

func TestOurOwnNetworkIsOutOfReach(t *testing.T) {
	n := newNetwork(t, map[string][]string{
		"there.test": {outside}, "loop.test": {"127.0.0.1"}, "loop6.test": {"::1"}, "both.test": {"127.0.0.1 ::1"}, "mapped.test": {"::ffff:127.0.0.1"},
		"lan.test": {"192.168.0.10"}, "cloud.test": {"169.254.169.254"}, "nat64.test": {"64:ff9b::7f00:1"}, "nobody.test": {},
	}, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("\x89PNG\r\n\x1a\n")) })
	p := ":" + n.inside + "/latest/meta-data"
	for _, address := range []string{
		"http://127.0.0.1" + p, "http://127.1" + p, "http://2130706433" + p, "http://0x7f000001" + p, "http://0x7f.1" + p, "http://0177.0.0.1" + p,
		"http://017700000001" + p, "http://0" + p, "http://0.0.0.0" + p, "http://127.0.0.1." + p, "http://localhost" + p, "http://LOCALHOST" + p,
		"http://localhost." + p, "http://[::1]" + p, "http://[::]" + p, "http://[0:0:0:0:0:0:0:1]" + p, "http://[::ffff:127.0.0.1]" + p,
		"http://[::ffff:7f00:1]" + p, "http://[::127.0.0.1]" + p, "http://[64:ff9b::127.0.0.1]" + p, "http://[fe80::1%25lo]" + p,
		"http://loop.test" + p, "http://loop6.test" + p, "http://both.test" + p, "http://mapped.test" + p, "http://lan.test" + p, "http://cloud.test" + p,
		"http://nat64.test" + p, "http://nobody.test" + p, "http://unknown.test" + p, "http://①②⑦.0.0.1" + p, "http://127。0。0。1" + p,
		"https://127.0.0.1" + p, "http://there.test@127.0.0.1" + p, "http://anna:hemligt@there.test" + p, "http://there.test\\@127.0.0.1" + p,
		"http://127.0.0.1" + p + "#there.test", "http://127.0.0.1%00.there.test" + p, "http://there.test:99999/",
		"file:///etc/passwd", "ftp://there.test/", "gopher://127.0.0.1" + p, "data:image/png;base64,iVBORw0KGgo=", "javascript:alert(1)", "unix:///run/docker.sock",
		"//there.test" + p, "there.test" + p, "http:///etc/passwd", "http://", "", " http://there.test" + p, "http://there.test\r\nHost: inside" + p,
	} {
		if err := n.fetch(address); err == nil {
			t.Errorf("%q is fetched", address)
		}
	}
	if got := n.reached.Load(); got != 0 {
		t.Errorf("our own network was reached %d times", got)
	}
	if err := n.fetch("http://there.test" + p); err != nil {
		t.Errorf("what is public is not fetched: %v", err)
	}
}

func TestANameThatChangesItsMind(t *testing.T) {
	n := newNetwork(t, map[string][]string{"rebind.test": {outside, "127.0.0.1"}}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close") // so that the next fetch looks the name up again
		_, _ = w.Write([]byte("\x89PNG\r\n\x1a\n"))
	})
	address := "http://rebind.test:" + n.inside + "/picture.png"
	if err := n.fetch(address); err != nil {
		t.Fatalf("while the name is public: %v", err)
	}
	if err := n.fetch(address); err == nil || n.reached.Load() != 0 {
		t.Errorf("when the name leads to us: %v, reached %d times", err, n.reached.Load())
	}
}

func TestRedirectsLeadNowhereElse(t *testing.T) {
	n := newNetwork(t, map[string][]string{"there.test": {outside}, "loop.test": {"127.0.0.1"}}, func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		if r.Header.Get("Referer") != "" {
			w.WriteHeader(http.StatusForbidden) // whoever we come to learns nothing of where we came from
			return
		}
		_, _ = w.Write([]byte("\x89PNG\r\n\x1a\n"))
	})
	start := "http://there.test:" + n.inside + "/?to="
	for _, to := range []string{"http://127.0.0.1:" + n.inside, "http://[::1]:" + n.inside, "http://loop.test:" + n.inside, "http://2130706433:" + n.inside,
		"file:///etc/passwd", "ftp://there.test/", "http://anna@there.test:" + n.inside, "//127.0.0.1:" + n.inside, "gopher://127.0.0.1:" + n.inside} {
		if err := n.fetch(start + to); err == nil {
			t.Errorf("a redirect to %s is followed", to)
		}
	}
	if n.reached.Load() != 0 {
		t.Errorf("our own network was reached %d times", n.reached.Load())
	}
	if err := n.fetch(start + "/picture.png"); err != nil {
		t.Errorf("a redirect to what is public is not followed: %v", err)
	}
	round := "http://there.test:" + n.inside + "/?to=%2F%3Fto%3D%252F%253Fto%253D%25252F%25253Fto%25253D%2525252Fpicture.png"
	if err := n.fetch(round); err == nil || !strings.Contains(err.Error(), "redirects") {
		t.Errorf("four redirects: %v", err)
	}
	secure := httptest.NewTLSServer(http.RedirectHandler("http://"+n.outside+"/", http.StatusFound))
	defer secure.Close()
	client := secure.Client()
	client.CheckRedirect = n.fetcher.cfg.MediaClient.CheckRedirect
	if _, err := client.Get(secure.URL); err == nil || !strings.Contains(err.Error(), "away from https") {
		t.Errorf("a redirect away from https: %v", err)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	begun := make(chan struct{}, 1)
	piece := bytes.Repeat([]byte("x"), 1<<12)
	n := newNetwork(t, map[string][]string{"there.test": {outside}}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/fits":
			_, _ = w.Write(bytes.Repeat([]byte("x"), 1<<16))
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(piece); err != nil {
					return
				}
			}
		case "/claims":
			w.Header().Set("Content-Length", "99999999999")
			_, _ = w.Write(piece)
		case "/slow":
			_, _ = w.Write([]byte("\x89PNG\r\n\x1a\n"))
			w.(http.Flusher).Flush()
			begun <- struct{}{}
			<-r.Context().Done()
		case "/headers":
			for i := range 2000 {
				w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("y", 100))
			}
		case "/packed":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte("\x1f\x8bnot unpacked"))
		case "/nothing":
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	base := "http://there.test:" + n.inside
	for path, want := range map[string]string{"/fits": "", "/packed": "", "/endless": "larger than", "/claims": "", "/headers": "could not be fetched", "/nothing": "empty", "/gone": "404"} {
		err := n.fetch(base + path)
		switch {
		case path == "/claims" && err == nil:
			t.Errorf("a body that is cut short is kept")
		case path != "/claims" && want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v", path, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-begun; cancel() }()
	if _, err := n.fetcher.download(ctx, base+"/slow"); err == nil {
		t.Errorf("a body that never ends: %v", err)
	}
}

// TestTheTypeIsReadFromTheBytes: whatever a server says, what is a page, a script or a drawing that runs is not kept as a picture; what may
// be a picture or a film of a kind that we do not know is.
func TestTheTypeIsReadFromTheBytes(t *testing.T) {
	bodies := map[string]struct{ body, kept string }{
		"png":    {"\x89PNG\r\n\x1a\n", "image/png"},
		"jpeg":   {"\xff\xd8\xff\xe0", "image/jpeg"},
		"film":   {"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", "video/mp4"},
		"webm":   {"\x1a\x45\xdf\xa3", "video/webm"},
		"heic":   {"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "application/octet-stream"},
		"html":   {"<!DOCTYPE html><script>alert(1)</script>", ""},
		"later":  {"\n\n   <html>", ""},
		"svg":    {`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`, ""},
		"xml":    {`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`, ""},
		"script": {"alert(document.cookie)", ""},
		"json":   {`{"error":"expired"}`, ""},
	}
	n := newNetwork(t, map[string][]string{"there.test": {outside}}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write([]byte(bodies[r.URL.Path[1:]].body))
	})
	for name, test := range bodies {
		kept, content := n.fetcher.fetchMedia(context.Background(), 0, platforms.Attachment{Kind: "photo", URL: "http://there.test:" + n.inside + "/" + name})
		if kept.Type != test.kept || (content != nil) != (test.kept != "") || (kept.Error == "") != (test.kept != "") {
			t.Errorf("%s: %+v", name, kept)
		}
	}
}
