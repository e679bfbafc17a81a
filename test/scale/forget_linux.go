package main

import (
	"errors"
	"os"
	"syscall"
)

// forget asks the system to let go of what it holds of a file in memory.
func forget(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), advise(f), f.Close())
}

// willNotNeed is POSIX_FADV_DONTNEED.
const willNotNeed = 4

func advise(f *os.File) error {
	if _, _, errno := syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), 0, 0, willNotNeed, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
