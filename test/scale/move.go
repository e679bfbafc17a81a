package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"takhojd/moderation/store"
)

// moved copies books into a schema of their own on PostgreSQL, and returns the folder that says where they are.
func moved(ctx context.Context, folder, server string, n int) (there string, err error) {
	there = folder + "-postgres"
	if err := os.MkdirAll(there, 0o700); err != nil {
		return "", err
	}
	key, err := os.ReadFile(filepath.Join(folder, keyFile))
	if err != nil {
		return "", err
	}
	for name, content := range map[string][]byte{keyFile: key, elsewhere: fmt.Appendf(nil, "%s?search_path=scale_%d", server, n)} {
		if err := os.WriteFile(filepath.Join(there, name), content, 0o600); err != nil {
			return "", err
		}
	}
	from, err := store.Open(ctx, place(folder))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := store.Open(ctx, place(there))
	if err != nil {
		return "", err
	}
	if err := errors.Join(store.Copy(ctx, from, to, nil), to.Close()); err != nil {
		return "", err
	}
	return there, indexWords(ctx, there)
}
