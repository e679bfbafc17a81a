package main

import (
	"crypto/rand"
	"fmt"
	"os"
)

// role is what a process does for its authority, alone or beside others.
type role struct {
	// name is "all", "ingest" (takes the platforms' webhooks), "work" (judges, and acts on the platforms) or "console".
	name string
	// shared is true where other processes may work on the same books; node is then this one's name.
	shared bool
	node   string
}

// does tells whether the role has a part in it.
func (r role) does(part string) bool { return r.name == "all" || r.name == part }

// role is what `serve --role` asked for. Books in a file have one process; books in PostgreSQL have as many as one likes.
func (c Config) role(at place) (role, error) {
	r := role{name: c.Role, shared: at.server != ""}
	switch r.name {
	case "":
		r.name = "all"
	case "all", "ingest", "work", "console":
	default:
		return r, usageError{fmt.Errorf("--role: there is no %q: there are all, ingest, work and console", c.Role)}
	}
	if !r.shared {
		if r.name != "all" {
			return r, usageError{fmt.Errorf("--role %s: books in a file are served by one process alone; put them into PostgreSQL (takhojd migrate)", r.name)}
		}
		return r, nil
	}
	host, err := os.Hostname()
	if err != nil {
		return r, fmt.Errorf("this node's name: %w", err)
	}
	// A process that is started again is another: what the old one held is not its own.
	r.node = fmt.Sprintf("%s-%d-%s", host, os.Getpid(), rand.Text()[:6])
	return r, nil
}
