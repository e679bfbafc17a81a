// Package deploy holds what lies in the folder deploy against the field's own parsers and checks. It is a module of its own, so that the
// product's stays small; it knows nothing of the product but its files.
package deploy

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/opencontainers/go-digest"
)

// folder is deploy, as seen from here.
const folder = "../../deploy/"

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(folder + path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// anyImage stands in for the registry, which a check must not need.
type anyImage struct{}

func (anyImage) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	return ref, digest.FromString(ref), []byte(`{"architecture":"amd64","os":"linux","config":{}}`), nil
}

// What `docker build --check` says.
func TestDockerfileLints(t *testing.T) {
	text := read(t, "Dockerfile")
	source := llb.NewSourceMap(nil, "Dockerfile", "dockerfile", text)
	source.Definition = &llb.Definition{}
	found, err := dockerfile2llb.DockerfileLint(context.Background(), text, dockerfile2llb.ConvertOpt{MetaResolver: anyImage{}, SourceMap: source})
	if err != nil {
		t.Fatal(err)
	}
	if found.Error != nil {
		t.Errorf("it does not build: %v", found.Error)
	}
	for _, w := range found.Warnings {
		t.Errorf("%s: %s: %s", w.RuleName, w.Detail, w.Description)
	}
}

// The image that comes of it: nothing but the program, and nobody that is root.
func TestImage(t *testing.T) {
	parsed, err := parser.Parse(bytes.NewReader(read(t, "Dockerfile")))
	if err != nil {
		t.Fatal(err)
	}
	stages, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		t.Fatal(err)
	}
	last := stages[len(stages)-1]
	if last.BaseName != "scratch" {
		t.Errorf("it is made of %s", last.BaseName)
	}
	var user, health, entry string
	for _, command := range last.Commands {
		switch c := command.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.HealthCheckCommand:
			health = strings.Join(c.Health.Test, " ")
		case *instructions.EntrypointCommand:
			entry = strings.Join(c.CmdLine, " ")
		case *instructions.RunCommand, *instructions.AddCommand, *instructions.VolumeCommand, *instructions.EnvCommand:
			t.Errorf("%s has no place in the image", command.Name())
		case *instructions.CopyCommand:
			if c.From == "" {
				t.Errorf("%v is copied from the checkout: only what was built gets into the image", c.SourcePaths)
			}
		}
	}
	if !regexp.MustCompile(`^[1-9][0-9]{3,}:[1-9][0-9]{3,}$`).MatchString(user) {
		t.Errorf("the user is %q, and must be a number that is not root's", user)
	}
	if !strings.HasPrefix(health, "CMD "+entry+" health ") {
		t.Errorf("the health check is %q", health)
	}
}

// Secrets and books that lie in the checkout must not get into a layer; the code must.
func TestBuildContext(t *testing.T) {
	patterns, err := ignorefile.ReadAll(bytes.NewReader(read(t, "Dockerfile.dockerignore")))
	if err != nil {
		t.Fatal(err)
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{"go.sum": false, "cmd/takhojd/main.go": false, "rules/policies/regionstockholm.yaml": false,
		"moderation/store/schema/0001_path.sql": false, ".git/config": true, "data/log.key": true, "deploy/secrets/database": true, "takhojd.yaml": true,
		"secrets/x": true, "cmd/takhojd/crash_test.go": true, "test/deploy/go.mod": true, "bin/takhojd": true} {
		if got, err := ignored.MatchesOrParentMatches(path); err != nil || got != want {
			t.Errorf("%s: left out: %v, want %v (%v)", path, got, want, err)
		}
	}
	// A new folder of code must be copied, too.
	dockerfile := string(read(t, "Dockerfile"))
	sources, err := filepath.Glob("../../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	deeper, err := filepath.Glob("../../*/*/*.go")
	if err != nil || len(sources)+len(deeper) == 0 {
		t.Fatal("no code was found", err)
	}
	for _, path := range append(sources, deeper...) {
		top, _, _ := strings.Cut(strings.TrimPrefix(filepath.ToSlash(path), "../../"), "/")
		if top != "test" && !strings.Contains(dockerfile, "\nCOPY "+top+" "+top+"\n") {
			t.Fatalf("the Dockerfile does not copy %s", top)
		}
	}
}
