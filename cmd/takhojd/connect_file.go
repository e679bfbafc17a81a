package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"takhojd/archive"
)

// errNotEdited says that a configuration is written in a way in which nothing can be put safely: the rest is for a person.
var errNotEdited = errors.New("the file is written in a way that cannot be extended safely")

// edit is a configuration file while something is put into it, line by line: what stands there, comments and all, stays as it is.
type edit struct{ lines []string }

func newEdit(text string) *edit {
	e := &edit{}
	if text = strings.TrimRight(text, "\n"); text != "" {
		e.lines = strings.Split(text, "\n")
	}
	return e
}

func (e *edit) String() string { return strings.Join(e.lines, "\n") + "\n" }

// section finds a key at the top of the file, and the first line after what stands under it.
func (e *edit) section(key string) (begin, end int, ok bool) {
	for i, line := range e.lines {
		if strings.HasPrefix(line, key+":") {
			begin, ok = i, true
			break
		}
	}
	if !ok {
		return 0, 0, false
	}
	end = begin + 1
	for i := begin + 1; i < len(e.lines); i++ {
		line := e.lines[i]
		switch {
		case strings.TrimSpace(line) == "" || line[0] == '#':
			continue // it may belong to what follows
		case line[0] != ' ' && line[0] != '-':
			return begin, end, true
		}
		end = i + 1
	}
	return begin, end, true
}

// put adds lines under a key at the top, after what stands there, indented as that is; a key that is not there is added at the end.
func (e *edit) put(key string, lines ...string) {
	if len(lines) == 0 {
		return
	}
	begin, end, ok := e.section(key)
	if !ok {
		e.lines = append(e.lines, "", key+":")
		begin, end = len(e.lines)-1, len(e.lines)
	}
	indent := "  "
	for _, line := range e.lines[begin+1 : end] {
		if inner := strings.TrimLeft(line, " "); inner != "" && inner[0] != '#' {
			indent = line[:len(line)-len(inner)]
			break
		}
	}
	added := make([]string, 0, len(lines))
	for _, line := range lines {
		added = append(added, indent+line)
	}
	e.lines = append(e.lines[:end:end], append(added, e.lines[end:]...)...)
}

// means tells whether the edited text is a configuration that says what was meant, and nothing else.
func (e *edit) means(want Config) bool {
	got, err := decodeConfig([]byte(e.String()))
	if err != nil {
		return false
	}
	is, err1 := yaml.Marshal(got)
	meant, err2 := yaml.Marshal(want)
	return err1 == nil && err2 == nil && bytes.Equal(is, meant)
}

// decodeConfig reads a configuration as it stands, without making paths whole.
func decodeConfig(text []byte) (Config, error) {
	var c Config
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&c); err != nil {
		return Config{}, errors.New(yaml.FormatError(err, false, false))
	}
	return c, nil
}

// value writes a string so that YAML reads the same string.
func value(s string) string {
	return strconv.Quote(s)
}

// secretAt writes where a secret is.
func secretAt(file string) string { return "{file: " + value(file) + "}" }

// writeWhole replaces a file, whole or not at all, however we die.
func writeWhole(path string, content []byte, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return archive.SyncFolder(filepath.Dir(path))
}

// staged are secrets that were told but not yet taken: each lies beside its place, for its owner's eyes only, until keep moves it there. If we
// are killed meanwhile, a file is left whose name begins with a dot, and that nothing names.
type staged struct {
	folder string            // of the configuration, which relative paths start from
	files  map[string]string // by where they are to be, as the configuration says it: where they are
	made   string            // a folder that was not there before
}

// add puts a secret beside its place.
func (s *staged) add(file, secret string) error {
	to := file
	within(s.folder, &to)
	if _, err := os.Stat(filepath.Dir(to)); errors.Is(err, os.ErrNotExist) {
		s.made = filepath.Dir(to)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+"-*") // 0600
	if err != nil {
		return err
	}
	s.files[file] = f.Name()
	_, err = f.WriteString(secret + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

// at is where a secret lies at the moment.
func (s *staged) at(file string) string {
	if there, ok := s.files[file]; ok {
		return there
	}
	return file
}

// keep moves the secrets to their places. If we die in between, some are new: what the configuration names is there all the same.
func (s *staged) keep() error {
	for file, from := range s.files {
		to := file
		within(s.folder, &to)
		if err := errors.Join(os.Rename(from, to), archive.SyncFolder(filepath.Dir(to))); err != nil {
			return fmt.Errorf("keep a secret: %w", err)
		}
		delete(s.files, file)
	}
	return nil
}

// drop forgets what was not kept.
func (s *staged) drop() {
	for _, from := range s.files {
		_ = os.Remove(from)
	}
	if s.made != "" {
		_ = os.Remove(s.made) // only when it is empty
	}
}
