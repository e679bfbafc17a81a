// Package storetest gives tests a database of their own: SQLite by default, PostgreSQL when TAKHOJD_TEST_POSTGRES says where one is. The same
// tests run on both, so that what one keeps, the other keeps, too.
package storetest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"takhojd/moderation/store"
)

// server is the address of a PostgreSQL database in which tests may make schemas; "" when tests run on SQLite.
func server() string { return os.Getenv("TAKHOJD_TEST_POSTGRES") }

// OnPostgreSQL tells whether the tests run on PostgreSQL.
func OnPostgreSQL() bool { return server() != "" }

// Where is the address of a database that belongs to a folder of the test's: the same for the same folder, so that a test can close it and
// open it again. It is gone when the test is.
func Where(t testing.TB, folder string) string {
	t.Helper()
	if !OnPostgreSQL() {
		return filepath.Join(folder, "takhojd.db")
	}
	sum := sha256.Sum256([]byte(folder))
	schema := "t_" + hex.EncodeToString(sum[:12])
	address, err := url.Parse(server())
	if err != nil {
		t.Fatal("TAKHOJD_TEST_POSTGRES is no address")
	}
	q := address.Query()
	q.Set("search_path", schema)
	address.RawQuery = q.Encode()
	t.Cleanup(func() {
		db, err := sql.Open("pgx", server())
		if err == nil {
			_, err = db.Exec("DROP SCHEMA IF EXISTS " + schema + " CASCADE")
			_ = db.Close()
		}
		if err != nil {
			t.Errorf("the test's schema is not dropped: %v", err)
		}
	})
	return address.String()
}

// Open opens a database of the test's own, closed when the test ends.
func Open(t testing.TB) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), Where(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}
