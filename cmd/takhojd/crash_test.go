package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/platforms/platformtest"
	"takhojd/rules"
)

// The test binary is the program itself when it is told so: processes that can be killed, under the race detector, without a
// separate build.
func TestMain(m *testing.M) {
	if os.Getenv("TAKHOJD_BE_THE_PROGRAM") == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

// process is a takhojd of its own.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  *bytes.Buffer
	done chan struct{}
}

// startProcess starts takhojd and returns when it has printed a line that contains ready, and that line.
func startProcess(t *testing.T, ready string, args ...string) (*process, string) {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(os.Args[0], args...), log: &bytes.Buffer{}, done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "TAKHOJD_BE_THE_PROGRAM=1")
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = in, in
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	lines := make(chan string, 1)
	go func() {
		defer close(p.done)
		defer out.Close()
		scanner := bufio.NewScanner(out)
		scanner.Buffer(nil, 1<<20)
		told := false
		for scanner.Scan() {
			p.log.WriteString(scanner.Text() + "\n")
			if !told && strings.Contains(scanner.Text(), ready) {
				told = true
				lines <- scanner.Text()
			}
		}
		_, _ = io.Copy(io.Discard, out)
		if !told {
			close(lines)
		}
	}()
	t.Cleanup(p.kill)
	select {
	case line, ok := <-lines:
		if !ok {
			_ = p.cmd.Wait()
			t.Fatalf("takhojd %v ended: %s", args, p.log)
		}
		return p, line
	case <-time.After(time.Minute):
		t.Fatalf("takhojd %v never said %q", args, ready)
	}
	return nil, ""
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	<-p.done
}

// terminate tells the process to stop, and returns how it ended.
func (p *process) terminate() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	err := p.cmd.Wait()
	<-p.done
	return err
}

// scene is a simulated platform in a process of its own, and the configuration of a bot for it.
type scene struct {
	t        *testing.T
	platform string // its address
	config   string // the bot's configuration file
	data     string
	database string // PostgreSQL's address; empty: the file in data
	webhook  string
}

var noFaults = platformtest.Faults{}

const sceneSecret = "a-secret-for-signing"

// freePort is a port that nobody listens on now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// setScene starts a platform that plays a thread of n comments at a rate, with faults.
func setScene(t *testing.T, data string, rate float64, faults platformtest.Faults) *scene {
	t.Helper()
	dir := t.TempDir()
	s := &scene{t: t, config: filepath.Join(dir, "takhojd.yaml"), data: data, webhook: freePort(t)}
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	encoded, err := json.Marshal(faults)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"simulate", "--rate", fmt.Sprint(rate), "--webhook", "http://" + s.webhook + "/webhooks/{platform}", "--app-secret", sceneSecret,
		"--faults", write("faults.json", string(encoded))}
	_, line := startProcess(t, "simulating on ", args...)
	s.platform = strings.TrimPrefix(line, "simulating on ")
	config := "data: " + data + "\norigin: takhojd.test\nlog_level: info\nconsole:\n  address: 127.0.0.1:0\nwebhooks:\n  address: " + s.webhook +
		"\noperations:\n  address: 127.0.0.1:0\nfacebook:\n  base_url: " + s.platform + "\n  app_id: \"310000000000001\"\n  app_secret:\n    file: app.secret\n  verify_token:\n    file: verify.secret\n  instagram_every: 300ms\n" +
		"x:\n  base_url: " + s.platform + "\n  consumer_key:\n    file: x-key.secret\n  consumer_secret:\n    file: x-secret.secret\n  bearer:\n    file: x-bearer.secret\n" +
		"moderation:\n  poll_every: 2s\n  backoff: 50ms\n  backoff_max: 500ms\n  media_wait: 2s\n  media_from_private_addresses: true\nchannels:\n"
	write("app.secret", sceneSecret)
	write("verify.secret", "takhojd")
	for i, page := range platformtest.DefaultAccounts() {
		name := fmt.Sprintf("page-%d.secret", i)
		write(name, page.Token)
		config += fmt.Sprintf("  - id: rs-%s\n    platform: %s\n    account: %q\n    name: %s\n    token:\n      file: %s\n", page.Plays,
			cmp.Or(page.Platform, platforms.Facebook), page.ID, page.Name, name)
		if page.Platform == platforms.X {
			keys := platformtest.KeysForX(page, sceneSecret)
			write("x-key.secret", keys.ConsumerKey)
			write("x-secret.secret", keys.ConsumerSecret)
			write("x-bearer.secret", keys.Bearer)
			write("x-half.secret", keys.AccessSecret)
			config += "    token_secret:\n      file: x-half.secret\n"
		}
	}
	write("takhojd.yaml", config)
	return s
}

// judgeQuickly lets the bot judge by a policy that hides whoever says "inte", as one in five does: it is read in a moment, and the built-in
// one, under the race detector, takes most of the time of a process that is killed again and again.
func (s *scene) judgeQuickly() {
	s.t.Helper()
	var b strings.Builder
	b.WriteString("policy: {name: Prov, source: prov, reviewed: 2026-01-01, hide_quota: 1000, strikes: {limit: 3, window: 90d}, repeat: {window: 7d, doubtful: 2, clear: 4}}\ncategories:\n")
	for _, c := range rules.Categories() {
		fmt.Fprintf(&b, "  - id: %s\n    title: {sv: %[1]s, en: %[1]s}\n    published: {sv: %[1]s, en: %[1]s}\n    explanation: {sv: %[1]s, en: %[1]s}\n"+
			"    clear: hide\n    doubtful: flag\n    thresholds: {clear: 0.8, doubtful: 0.4}\n    severity: 50\n    escalate: false\n    retention: removed\n    target: 0.9\n", c)
		if c == rules.Insult {
			b.WriteString("    rules:\n      - {id: insult/inte, description: {sv: inte, en: inte}, mode: hide, score: 0.9, find: [inte]}\n")
		}
	}
	config, err := os.ReadFile(s.config)
	if err == nil {
		err = os.WriteFile(filepath.Join(filepath.Dir(s.config), "policy.yaml"), []byte(b.String()), 0o600)
	}
	if err == nil {
		err = os.WriteFile(s.config, append([]byte("policy: policy.yaml\n"), config...), 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) state() (platformtest.State, error) {
	var state platformtest.State
	response, err := http.Get(s.platform + "/state")
	if err != nil {
		return state, err
	}
	defer response.Body.Close()
	return state, json.NewDecoder(response.Body).Decode(&state)
}

// await waits until a condition on the platform and the books holds.
func (s *scene) await(what string, limit time.Duration, holds func(platformtest.State) bool) platformtest.State {
	s.t.Helper()
	deadline := time.After(limit)
	for {
		state, err := s.state()
		if err == nil && holds(state) {
			return state
		}
		select {
		case <-deadline:
			s.t.Fatalf("never: %s (%v)", what, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// settle waits until the thread is played, and the books know every comment as the platform has it and hold nothing that is still to be
// judged or done. The books are asked for all of that in one look, after the platform: in two, what is hidden between them stands in neither,
// and is neither hidden nor waiting.
func (s *scene) settle(limit time.Duration) {
	s.t.Helper()
	s.await("all is decided and done", limit, func(state platformtest.State) (settled bool) {
		if !state.Played {
			return false
		}
		s.read(func(tx *store.Tx) (err error) {
			settled, err = settledAs(tx, state)
			return err
		})
		return settled
	})
}

func (s *scene) read(fn func(*store.Tx) error) {
	s.t.Helper()
	db, err := store.Open(context.Background(), place{folder: s.data, server: s.database}.database())
	if err != nil {
		s.t.Fatal(err)
	}
	if err := errors.Join(db.View(context.Background(), fn), db.Close()); err != nil {
		s.t.Fatal(err)
	}
}

// agree compares, comment by comment, what the platform holds with what the books say, when nobody writes in them any more.
func (s *scene) agree() {
	t := s.t
	t.Helper()
	state, err := s.state()
	if err != nil {
		t.Fatal(err)
	}
	type kept struct {
		decisions, flags int
		action, state    string
		record           string
	}
	books := map[string]kept{}
	recorded := map[string]time.Time{} // by comment: when its first record was written
	s.read(func(tx *store.Tx) error {
		rows, err := tx.Query(`SELECT c.comment_id, c.state, c.record_id, (SELECT count(*) FROM decisions d WHERE d.comment = c.id AND d.revision = c.revision
			AND d.by_kind = 'bot'), coalesce((SELECT d.action FROM decisions d WHERE d.comment = c.id AND d.revision = c.revision AND d.by_kind = 'bot'), ''),
			(SELECT count(*) FROM flags f WHERE f.comment = c.id AND f.closed_at = 0) FROM comments c`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			var k kept
			if err := rows.Scan(&id, &k.state, &k.record, &k.decisions, &k.action, &k.flags); err != nil {
				return err
			}
			books[id] = k
		}
		records, err := tx.Query(`SELECT comment_id, min(decided_at) FROM archive_records GROUP BY comment_id`)
		if err != nil {
			return err
		}
		defer records.Close()
		for records.Next() {
			var id string
			var at int64
			if err := records.Scan(&id, &at); err != nil {
				return err
			}
			recorded[id] = store.FromTime(at)
		}
		var late int
		if err := tx.QueryRow(`SELECT count(*) FROM archive_entries e WHERE NOT EXISTS (SELECT 1 FROM log_checkpoints c WHERE c.size > e.leaf)`).Scan(&late); err != nil {
			return err
		}
		if late > 0 {
			t.Errorf("%d entries stand under no checkpoint", late)
		}
		return records.Err()
	})
	hidden := 0
	for _, c := range state.Comments {
		k, known := books[c.ID]
		// What was removed by its author before anybody told us of it can't be known; everything else must be, and be decided once.
		missed := c.RemovedByAuthor && k.decisions == 0
		switch {
		case !known && !missed:
			t.Errorf("%s (%s) is not in the books", c.ID, c.Name)
		case known && !missed && k.decisions != 1:
			t.Errorf("%s (%s) was decided %d times", c.ID, c.Name, k.decisions)
		}
		if c.Hidden {
			hidden++
		}
		if c.Hidden && !c.RemovedByAuthor && k.state != "hidden" || !c.Hidden && !c.RemovedByAuthor && k.state == "hidden" {
			t.Errorf("%s (%s): hidden on the platform %v, in the books %s", c.ID, c.Name, c.Hidden, k.state)
		}
		if k.action == "hide" && !c.Hidden && !c.RemovedByAuthor && k.flags == 0 {
			t.Errorf("%s (%s) was to be hidden, and stands, and nobody is told", c.ID, c.Name)
		}
	}
	if hidden < 10 {
		t.Errorf("only %d comments are hidden: the scene tests too little", hidden)
	}
	for _, call := range state.Calls {
		if call.Action != "hide" && call.Action != "delete" {
			continue
		}
		if at, ok := recorded[call.Comment]; !ok || at.After(call.At) {
			t.Errorf("call %d: %s of %s at %s, archived %v %s", call.N, call.Action, call.Comment, call.At, ok, at)
		}
	}
	s.verify()
}

// verify runs the archive's own verification, as an archivist does.
func (s *scene) verify() {
	s.t.Helper()
	var out bytes.Buffer
	if code := run(context.Background(), []string{"archive", "verify", "--config", s.config}, nil, &out, &out); code != 0 {
		s.t.Errorf("verify: %d\n%s", code, out.String())
	}
}

// TestKillAtAnyMoment kills the bot 30 times while comments stream in and the platform fails in every way it knows.
func TestKillAtAnyMoment(t *testing.T) {
	if testing.Short() {
		t.Skip("takes most of a minute")
	}
	t.Parallel()
	for _, c := range []struct {
		name   string
		kills  int
		faults platformtest.Faults
	}{
		{"on a platform that works", 30, platformtest.Faults{WebhookDuplicate: 0.2, WebhookReorder: 0.2}},
		{"on a platform that fails", 30, platformtest.Faults{HTTP500: 0.1, HTTP429: 0.005, Timeout: 0.02, TimeoutAfter: 0.03, HalfBody: 0.03, HangMS: 200,
			WebhookDuplicate: 0.2, WebhookReorder: 0.2, WebhookDrop: 0.1, WebhookWrongSignature: 0.1, RemoveBeforeHide: 0.02,
			Errors: []platformtest.Refusal{{Code: 1, Share: 0.05}, {Code: 2, Share: 0.05}, {Code: 80001, FirstCall: 30, LastCall: 31}, {Code: 190, Subcode: 463, FirstCall: 60, LastCall: 75}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := setScene(t, filepath.Join(t.TempDir(), "data"), 12, c.faults)
			s.judgeQuickly()
			chance := rand.New(rand.NewPCG(1, 2))
			for range c.kills {
				p, _ := startProcess(t, `"listening"`, "serve", "--config", s.config)
				time.Sleep(time.Duration(chance.IntN(900)) * time.Millisecond) // a random moment: the one place where that is the point
				p.kill()
			}
			p, _ := startProcess(t, `"listening"`, "serve", "--config", s.config)
			s.settle(3 * time.Minute)
			if err := p.terminate(); err != nil {
				t.Errorf("it did not stop as told: %v\n%s", err, tail(p.log.String()))
			}
			s.agree()
			if strings.Contains(p.log.String(), "DATA RACE") {
				t.Errorf("a data race: %s", p.log)
			}
		})
	}
}

// settledAs tells whether the books know every comment as the platform has it, and nothing waits. It asks once: on PostgreSQL each question
// sees what was written before it.
func settledAs(tx *store.Tx, state platformtest.State) (bool, error) {
	rows, err := tx.Query(`SELECT comment_id, text, state, (SELECT count(*) FROM inbox) + (SELECT count(*) FROM outbox WHERE state = 'waiting') FROM comments`)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	type known struct{ text, state string }
	books := map[string]known{}
	for rows.Next() {
		var id string
		var k known
		var waiting int
		if err := rows.Scan(&id, &k.text, &k.state, &waiting); err != nil || waiting > 0 {
			return false, err
		}
		books[id] = k
	}
	for _, c := range state.Comments {
		k, ok := books[c.ID]
		if !ok || !c.RemovedByAuthor && (k.text != c.Text || c.Hidden != (k.state == "hidden")) {
			return false, rows.Err()
		}
	}
	return true, rows.Err()
}

func tail(s string) string {
	if len(s) > 3000 {
		return s[len(s)-3000:]
	}
	return s
}

// TestFullDisk fills the disk under the bot: it refuses deliveries with 503, loses nothing, and goes on when there is room.
func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=24m"); err != nil {
		t.Skipf("no small disk can be made here (it takes root): %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	s := setScene(t, filepath.Join(disk, "data"), 100, platformtest.Faults{})
	p, _ := startProcess(t, `"listening"`, "serve", "--config", s.config)
	ballast := filepath.Join(disk, "ballast")
	fill(t, ballast)
	s.await("a delivery is refused with 503", time.Minute, func(platformtest.State) bool { return s.deliver() == http.StatusServiceUnavailable })
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s.settle(time.Minute)
	if err := p.terminate(); err != nil {
		t.Errorf("it did not stop as told: %v\n%s", err, tail(p.log.String()))
	}
	s.agree()
}

// deliver posts a signed delivery of its own, large enough not to fit into what is left of a page, and returns the answer.
func (s *scene) deliver() int {
	body := fmt.Sprintf(`{"object":"page","entry":[{"id":%q,"time":1,"changes":[{"field":"feed","value":{"item":"comment","verb":"remove","comment_id":"1_%d","post_id":"1_1","from":{"id":"7","name":"x"},"note":%q}}]}]}`,
		platformtest.DefaultAccounts()[0].ID, rand.Int64(), strings.Repeat("x", 20000))
	mac := hmac.New(sha256.New, []byte(sceneSecret))
	mac.Write([]byte(body))
	request, err := http.NewRequest(http.MethodPost, "http://"+s.webhook+"/webhooks/facebook", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// fill takes all the room that a disk has left.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	for {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
