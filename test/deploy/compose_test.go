package deploy

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// project is compose.yaml as Compose itself reads it: by its schema, with what it refers to.
func project(t *testing.T) *types.Project {
	t.Helper()
	path, err := filepath.Abs(folder + "compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{WorkingDir: filepath.Dir(path),
		ConfigFiles: []types.ConfigFile{{Filename: path}}, Environment: types.Mapping{}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCompose(t *testing.T) {
	p := project(t)
	roles := map[string]bool{}
	for name, s := range p.Services {
		if !slices.ContainsFunc(s.SecurityOpt, func(o string) bool { return strings.HasPrefix(o, "no-new-privileges") }) {
			t.Errorf("%s may gain privileges", name)
		}
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s listens at %q: TLS stands in front, on the host", name, port.HostIP)
			}
		}
		if _, front := s.Networks["front"]; front && (name == "postgres" || name == "redis") {
			t.Errorf("%s is on the network that leads out", name)
		}
		for key, value := range s.Environment {
			if value != nil && strings.Contains(strings.ToLower(key), "password") && !strings.HasSuffix(key, "_FILE") {
				t.Errorf("%s has a secret in its environment: %s", name, key)
			}
		}
		if len(s.Command) > 2 && s.Command[0] == "serve" {
			roles[s.Command[2]] = true
			ofOurs(t, s)
		}
	}
	if len(roles) != 3 || !roles["ingest"] || !roles["work"] || !roles["console"] {
		t.Errorf("the roles are %v", roles)
	}
	if back := p.Networks["back"]; !bool(back.Internal) {
		t.Error("the database's network leads out")
	}
	for name, c := range p.Configs {
		if _, err := os.Stat(c.File); err != nil {
			t.Errorf("configuration %s: %v", name, err)
		}
	}
}

// ofOurs looks at one of our own services.
func ofOurs(t *testing.T, s types.ServiceConfig) {
	t.Helper()
	if !s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") || s.Privileged || s.User != "" {
		t.Errorf("%s: its root can be written to, or it keeps capabilities, or another user than the image's", s.Name)
	}
	for _, on := range []string{"postgres", "redis"} {
		if s.DependsOn[on].Condition != "service_healthy" {
			t.Errorf("%s does not wait for %s", s.Name, on)
		}
	}
	if s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) < 30*time.Second {
		t.Errorf("%s is killed before it has drained", s.Name)
	}
	var targets []string
	for _, v := range s.Volumes {
		targets = append(targets, v.Target)
	}
	if !slices.Contains(targets, "/var/lib/takhojd") || !slices.Contains(targets, "/run/secrets/takhojd") {
		t.Errorf("%s has no place for the key or the secrets: %v", s.Name, targets)
	}
}
