//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockBooks makes sure that one process at a time works on a data folder: two would both do what the outbox holds. The lock goes with the
// process, however it ends.
func lockBooks(data string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(data, "serve.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("data folder: another takhojd already serves %s", data)
		}
		return nil, fmt.Errorf("data folder: lock %s: %w", data, err)
	}
	return f, nil
}
