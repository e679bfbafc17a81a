package main

import (
	"os"
	"strings"
	"testing"
)

func TestDoctorLooksAtRedis(t *testing.T) {
	look := func(address string) (ok bool, said string) {
		t.Helper()
		t.Setenv("TEST_REDIS_ADDRESS", address)
		var cfg Config
		cfg.Origin, cfg.Redis.Address.Env = "takhojd.test", "TEST_REDIS_ADDRESS"
		d := &doctor{}
		d.redis(t.Context(), cfg)
		if len(d.found) != 1 {
			t.Fatalf("%d lines", len(d.found))
		}
		return d.found[0].OK, d.found[0].EN + d.found[0].SV
	}
	for _, bad := range []string{"redis://:hemligt@" + freePort(t) + "/0", "postgres://kalle:hemligt@host", "redis://:hemligt@host:port:port"} {
		if ok, said := look(bad); ok || strings.Contains(said, "hemligt") {
			t.Errorf("ok %v: %s", ok, said)
		}
	}
	if address := os.Getenv("TAKHOJD_TEST_REDIS"); address == "" {
		t.Log("without Redis; `make test-nodes` runs it with")
	} else if ok, said := look(address); !ok || !strings.Contains(said, "takes what is written") {
		t.Errorf("ok %v: %s", ok, said)
	}
}
