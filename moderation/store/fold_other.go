//go:build !linux

package store

import "sync/atomic"

// inHaste and foldingFiles: on other systems the log is folded in as SQLite does it.
var inHaste atomic.Bool

func foldingFiles() string { return "" }
