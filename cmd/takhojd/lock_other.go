//go:build !unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// lockBooks opens the lock's file; on systems without flock it is on its user not to start two on one folder.
func lockBooks(data string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(data, "serve.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	return f, nil
}
