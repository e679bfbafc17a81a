package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
)

// quietConfig is a configuration of a house without channels, whose servers take any free port.
func quietConfig(t *testing.T) Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "takhojd.yaml")
	text := "data: data\norigin: takhojd.test\noperations: {address: \"127.0.0.1:0\"}\nconsole: {address: \"127.0.0.1:0\"}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := loadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestHealthAsksTheOneThatRunsHere(t *testing.T) {
	s, err := newService(context.Background(), quietConfig(t), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()
	_, port, _ := strings.Cut(s.address("operations"), ":")
	for _, address := range []string{"127.0.0.1:" + port, "0.0.0.0:" + port, "[::]:" + port, ":" + port} {
		if code, out, errs := do(t, "", "health", "--config", configAt(t, address)); code != 0 || out != "ready\n" {
			t.Errorf("%s: %d %s %s", address, code, out, errs)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	if code, _, errs := do(t, "", "health", "--config", configAt(t, "127.0.0.1:"+port)); code != 1 || errs == "" {
		t.Errorf("nobody is there: %d %q", code, errs)
	}
}

func TestHealthIsRedWhenTheDatabaseIsAway(t *testing.T) {
	there := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
		}
	}))
	defer there.Close()
	code, _, errs := do(t, "", "health", "--config", configAt(t, strings.TrimPrefix(there.URL, "http://")))
	if code != 1 || !strings.Contains(errs, "503") {
		t.Errorf("%d %q", code, errs)
	}
	if code, _, errs := do(t, "", "health", "--config", configAt(t, "")); code != 1 || !strings.Contains(errs, "operations.address") {
		t.Errorf("without an address: %d %q", code, errs)
	}
}

// configAt writes a configuration with operations at address, and returns its path.
func configAt(t *testing.T, address string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "takhojd.yaml")
	if err := os.WriteFile(path, []byte("data: data\norigin: takhojd.test\noperations: {address: \""+address+"\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
