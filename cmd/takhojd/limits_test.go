package main

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

// TestServersWaitForNobodyForLong: every listener of the service has all the limits that net/http has, none of them generous.
func TestServersWaitForNobodyForLong(t *testing.T) {
	s := listener{name: "console"}.server(zap.NewNop())
	for name, limit := range map[string]time.Duration{"header": s.ReadHeaderTimeout, "body": s.ReadTimeout, "answer": s.WriteTimeout, "idle": s.IdleTimeout} {
		if limit <= 0 || limit > 2*time.Minute {
			t.Errorf("the limit for the %s is %s", name, limit)
		}
	}
	if s.MaxHeaderBytes <= 0 || s.MaxHeaderBytes > 1<<17 || s.ErrorLog == nil {
		t.Errorf("headers of %d bytes", s.MaxHeaderBytes)
	}
}

// TestWhatIsTooLargeIsRefused sends each server of a running bot what is larger than anybody needs, or is nothing at all.
func TestWhatIsTooLargeIsRefused(t *testing.T) {
	a := newAuthority(t, "vast")
	for _, name := range []string{"console", "webhooks", "operations"} {
		at := a.service.address(name)
		if status := raw(t, at, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: "+strings.Repeat("x", 1<<18)+"\r\n\r\n"); status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%s: a header of 256 KiB: %d", name, status)
		}
		for what, request := range map[string]string{"no host": "GET / HTTP/1.1\r\n\r\n", "two lengths": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
			"length and chunks": "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "no request": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"} {
			if status := raw(t, at, request); status != http.StatusBadRequest && status != http.StatusNotImplemented {
				t.Errorf("%s: %s: %d", name, what, status)
			}
		}
	}
	for _, path := range []string{"/webhooks/facebook", "/webhooks/x"} {
		for what, body := range map[string]struct {
			content io.Reader
			status  int
		}{
			"too large":                  {bytes.NewReader(make([]byte, 5<<20)), http.StatusRequestEntityTooLarge},
			"too large, and no length":   {io.LimitReader(endless{}, 5<<20), http.StatusRequestEntityTooLarge},
			"unsigned":                   {strings.NewReader(`{"object":"page"}`), http.StatusUnauthorized},
			"nothing":                    {strings.NewReader(""), http.StatusUnauthorized},
			"deep":                       {strings.NewReader(strings.Repeat("[", 1<<20)), http.StatusUnauthorized},
			"as large as it may, though": {bytes.NewReader(make([]byte, 4<<20)), http.StatusUnauthorized},
		} {
			response, err := http.Post("http://"+a.service.address("webhooks")+path, "application/json", body.content)
			if err != nil { // the server may hang up while we send: that is a refusal, too
				continue
			}
			_ = response.Body.Close()
			if response.StatusCode != body.status {
				t.Errorf("%s %s: %d, want %d", path, what, response.StatusCode, body.status)
			}
		}
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// raw sends bytes and returns the status of what comes back; 0 when nothing does.
func raw(t *testing.T, at, request string) int {
	t.Helper()
	conn, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = fmt.Fprint(conn, request) }() // the server may answer, and hang up, before it has read all of it
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// hubSignature signs as Meta does.
func hubSignature(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
