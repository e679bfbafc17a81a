package store

import (
	"io/fs"
	"maps"
	"path/filepath"
	"strconv"
	"testing"
)

// Statements are the queries that were prepared so far on any connection.
func (db *DB) Statements() []string {
	db.idling.Lock()
	defer db.idling.Unlock()
	all := map[string]bool{}
	for _, s := range append(db.idle[:len(db.idle):len(db.idle)], db.writer) {
		for query := range s.stmts {
			all[query] = true
		}
	}
	var found []string
	for query := range maps.Keys(all) {
		found = append(found, query)
	}
	return found
}

// SchemaFile is a file of the schema in the words of an engine.
type SchemaFile struct {
	Version int
	Text    string
}

// SchemaUpTo are the files of the schema up to a version, in their order, for what keeps a database.
func SchemaUpTo(t testing.TB, where string, version int) (files []SchemaFile) {
	names, err := fs.Glob(schemaFiles, "schema/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := schemaFiles.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(filepath.Base(name)[:4])
		if err != nil {
			t.Fatal(err)
		}
		if n <= version {
			files = append(files, SchemaFile{n, engineFor(where).dialect(string(text))})
		}
	}
	return files
}
