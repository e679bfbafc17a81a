package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"takhojd/moderation/store/storetest"
	"takhojd/platforms/platformtest"
)

// balancer stands before the ingest nodes as any load balancer does: in turn, and past those that do not answer.
func balancer(t *testing.T, nodes []string) string {
	t.Helper()
	var turn atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		target := &url.URL{Scheme: "http", Host: nodes[int(turn.Add(1))%len(nodes)]}
		proxy := httputil.NewSingleHostReverseProxy(target)
		proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// node is one of several processes that serve the same books.
type node struct {
	args    []string
	process *process
	wakes   time.Time // when it is to be woken; zero: it is not stopped
}

// stop stops it for some time, while the others go on.
func (n *node) stop(d time.Duration) {
	_ = n.process.cmd.Process.Signal(syscall.SIGSTOP)
	n.wakes = time.Now().Add(d)
}

// wake lets it go on if its time has come. What it was doing it goes on with, as if no time had passed.
func (n *node) wake(at time.Time) {
	if !n.wakes.IsZero() && !at.Before(n.wakes) {
		_ = n.process.cmd.Process.Signal(syscall.SIGCONT)
		n.wakes = time.Time{}
	}
}

func (n *node) start(t *testing.T, ready string) {
	t.Helper()
	n.process, _ = startProcess(t, ready, n.args...)
}

// harmed is a Redis to which things happen.
type harmed struct {
	t      *testing.T
	client *redis.Client
	added  int // how often something was added to a stream
}

// newHarmed finds the Redis that the test is run beside; nil where there is none.
func newHarmed(t *testing.T) *harmed {
	t.Helper()
	address := os.Getenv("TAKHOJD_TEST_REDIS")
	if address == "" {
		t.Log("without Redis; `make test-nodes` runs it with")
		return nil
	}
	o, err := redis.ParseURL(address)
	if err != nil {
		t.Fatal("TAKHOJD_TEST_REDIS is no address")
	}
	h := &harmed{t: t, client: redis.NewClient(o)}
	t.Cleanup(func() { _ = h.client.Close() })
	return h
}

func (h *harmed) control(what string) {
	h.t.Helper()
	if out, err := exec.Command(os.Getenv("TAKHOJD_TEST_REDIS_CONTROL"), what).CombinedOutput(); err != nil {
		h.t.Fatalf("redis: %s: %v %s", what, err, out)
	}
}

// count adds what was added to streams since the server started.
func (h *harmed) count() {
	h.t.Helper()
	stats, err := h.client.Info(h.t.Context(), "commandstats").Result()
	if err != nil {
		h.t.Fatal(err)
	}
	_, calls, _ := strings.Cut(stats, "cmdstat_xadd:calls=")
	n := 0
	_, _ = fmt.Sscanf(calls, "%d", &n)
	h.added += n
}

// full lets it have no room, or room again.
func (h *harmed) full(memory string) {
	h.t.Helper()
	if err := h.client.ConfigSet(h.t.Context(), "maxmemory", memory).Err(); err != nil {
		h.t.Fatal(err)
	}
}

// harm lets it forget everything, die and come back, stand still or be full for a while.
func (h *harmed) harm(chance *rand.Rand) {
	h.t.Helper()
	switch chance.IntN(5) {
	case 2:
		h.full("1")
		time.Sleep(time.Duration(chance.IntN(2000)) * time.Millisecond)
		h.full("0")
	case 0:
		h.count()
		h.control("kill")
		time.Sleep(time.Duration(chance.IntN(2000)) * time.Millisecond)
		h.control("start")
	case 1:
		h.control("pause")
		time.Sleep(time.Duration(chance.IntN(3000)) * time.Millisecond)
		h.control("resume")
	default:
		if err := h.client.FlushAll(h.t.Context()).Err(); err != nil {
			h.t.Fatal(err)
		}
	}
}

// TestSeveralProcesses serves one authority from two ingest, three work and one console process, on PostgreSQL, while they are killed,
// stopped and woken at random; and so is the Redis that tells them what has come, where there is one. In the end the platform and the books
// agree comment by comment, as with one process.
func TestSeveralProcesses(t *testing.T) {
	if !storetest.OnPostgreSQL() {
		t.Skip("needs PostgreSQL: `make test-nodes` runs it")
	}
	ingest := []string{freePort(t), freePort(t)}
	s := setScene(t, filepath.Join(t.TempDir(), "data"), 12, platformtest.Faults{HTTP500: 0.05, TimeoutAfter: 0.02, HalfBody: 0.02, HangMS: 200,
		WebhookDuplicate: 0.2, WebhookReorder: 0.2, WebhookDrop: 0.05})
	s.database = storetest.Where(t, t.TempDir())
	s.shareBooks(balancer(t, ingest))
	streams := newHarmed(t)
	rounds := 20
	if streams != nil {
		rounds = 30
		s.tellByRedis()
	}
	configFor := func(name, webhooks string) string {
		text, err := os.ReadFile(s.config)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(filepath.Dir(s.config), name+".yaml")
		if err := os.WriteFile(path, []byte(strings.Replace(string(text), s.webhook, webhooks, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var nodes []*node
	for i, address := range ingest {
		nodes = append(nodes, &node{args: []string{"serve", "--role", "ingest", "--config", configFor(fmt.Sprint("ingest-", i), address)}})
	}
	for _, role := range []string{"work", "work", "work", "console"} {
		nodes = append(nodes, &node{args: []string{"serve", "--role", role, "--config", s.config}})
	}
	for _, n := range nodes {
		n.start(t, `"listening"`)
	}
	chance := rand.New(rand.NewPCG(1, 2))
	stops := 0
	for range rounds {
		time.Sleep(time.Duration(chance.IntN(900)) * time.Millisecond) // a random moment: the one place where that is the point
		for _, n := range nodes {
			n.wake(time.Now())
		}
		if streams != nil && chance.IntN(3) == 0 {
			streams.harm(chance)
			continue
		}
		n := nodes[chance.IntN(len(nodes))]
		switch {
		case !n.wakes.IsZero():
		case chance.IntN(4) == 0: // for a lease and a half, or for four: a minute by the leases of fifteen seconds that there are in life
			n.stop(time.Duration(3+5*chance.IntN(2)) * time.Second)
			stops++
		default:
			n.process.kill()
			n.start(t, `"listening"`)
		}
	}
	for _, n := range nodes {
		n.wake(n.wakes)
	}
	if stops == 0 {
		t.Error("no process was stopped: take another seed")
	}
	s.settle(3 * time.Minute)
	if streams != nil {
		if streams.count(); streams.added == 0 {
			t.Error("nothing was ever told by Redis: the test tests nothing of it")
		}
		t.Logf("told by Redis: %d events", streams.added)
	}
	for _, n := range nodes {
		if err := n.process.terminate(); err != nil {
			t.Errorf("%v did not stop as told: %v\n%s", n.args, err, tail(n.process.log.String()))
		}
		if strings.Contains(n.process.log.String(), "DATA RACE") {
			t.Errorf("a data race in %v: %s", n.args, n.process.log)
		}
	}
	s.agree()
}

// tellByRedis lets the scene's processes tell each other by Redis what has come.
func (s *scene) tellByRedis() {
	s.t.Helper()
	text, err := os.ReadFile(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	changed := strings.Replace(string(text), "origin:", "redis: {address: {env: TAKHOJD_TEST_REDIS}, timeout: 500ms}\norigin:", 1)
	if err := os.WriteFile(s.config, []byte(changed), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// shareBooks puts the scene's books where several processes can have them, and lets the platform deliver to another address.
func (s *scene) shareBooks(webhook string) {
	s.t.Helper()
	dir := filepath.Dir(s.config)
	if err := os.WriteFile(filepath.Join(dir, "database.secret"), []byte(s.database), 0o600); err != nil {
		s.t.Fatal(err)
	}
	text, err := os.ReadFile(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	changed := strings.Replace(string(text), "origin:", "database: {file: database.secret}\norigin:", 1)
	changed = strings.Replace(changed, "moderation:\n", "moderation:\n  lease_time: 2s\n", 1)
	if err := os.WriteFile(s.config, []byte(changed), 0o600); err != nil {
		s.t.Fatal(err)
	}
	response, err := http.Post(s.platform+"/simulate/webhook", "application/json", strings.NewReader(`{"url":"http://`+webhook+`/webhooks/{platform}"}`))
	if err != nil {
		s.t.Fatal(err)
	}
	_ = response.Body.Close()
}
