package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"takhojd/platforms/platformtest"
)

// heardLog is a log that can be read while it is written.
type heardLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *heardLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *heardLog) has(words string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), words)
}

func (l *heardLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A token that is renewed is taken without a restart, and a configuration that does not hold leaves the running one in place.
func TestARenewedTokenIsTaken(t *testing.T) {
	account := platformtest.DefaultAccounts()[0]
	platform, err := platformtest.Start(t.Context(), platformtest.Options{AppSecret: sceneSecret, Accounts: []platformtest.Account{account}})
	if err != nil {
		t.Fatal(err)
	}
	defer platform.Close()
	post, err := platform.AddPost(platformtest.Post{Account: account.ID, Text: "Nya turlistor"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := platform.AddComment(platformtest.Comment{Post: post.ID, AuthorID: "9000", Author: "Bo", Text: "Du är en jävla idiot"}); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("app.secret", sceneSecret)
	write("verify.secret", "takhojd")
	write("page.secret", "a-token-that-was-withdrawn")
	text := "data: data\norigin: takhojd.test\nlog_level: info\nfacebook: {base_url: " + platform.URL() + ", app_id: \"310000000000001\", app_secret: {file: app.secret}, verify_token: {file: verify.secret}}\n" +
		"moderation: {poll_every: 200ms, backoff: 50ms, backoff_max: 500ms}\nchannels: [{id: rs-facebook, platform: facebook, account: \"" + account.ID + "\", token: {file: page.secret}}]\n"
	config := write("takhojd.yaml", text)
	log := &heardLog{}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"serve", "--config", config}, nil, log, log) }()
	eventually := func(what string, holds func() bool) {
		t.Helper()
		for deadline := time.After(time.Minute); !holds(); {
			select {
			case <-deadline:
				t.Fatalf("never: %s\n%s", what, log)
			case code := <-ended:
				t.Fatalf("ended with %d\n%s", code, log)
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	hidden := func() bool {
		for _, c := range platform.State().Comments {
			if c.Hidden {
				return true
			}
		}
		return false
	}
	eventually("the token is refused", func() bool { return log.has("could not be read in full") })
	write("takhojd.yaml", strings.Replace(text, "platform: facebook", "platform: fejsbok", 1))
	eventually("a broken configuration is refused", func() bool { return log.has("the running one goes on") })
	if log.has("begins anew") || hidden() {
		t.Error("it was taken all the same")
	}
	write("page.secret", account.Token)
	write("takhojd.yaml", text)
	eventually("what the new token lets us hide is hidden", hidden)
	if !log.has("begins anew") || log.has(account.Token) {
		t.Error("nothing is said of it, or too much")
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("ended with %d", code)
	}
}
