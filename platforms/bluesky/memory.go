package bluesky

import "sync"

// memory is what this process has seen of the threads, so that it can tell what changed and what went away. Losing it loses no comment: after a
// restart only removals from before it go unnoticed until the comment is fetched.
type memory struct {
	mu    sync.Mutex
	posts map[string]map[string]mark // by the address of the post, and of the reply
}

// mark is how a reply stood.
type mark struct {
	cid    string
	hidden bool
}

// thread is what was last seen under a post; known is false where nothing ever was.
func (m *memory) thread(post string) (replies map[string]mark, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	seen, known := m.posts[post]
	copied := make(map[string]mark, len(seen))
	for k, v := range seen {
		copied[k] = v
	}
	return copied, known
}

// read notes a thread that was read whole. before is what was known when that began; what was heard since stays.
func (m *memory) read(post string, before, now map[string]mark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.posts == nil {
		m.posts = map[string]map[string]mark{}
	}
	for reply, v := range m.posts[post] {
		if _, old := before[reply]; !old {
			if _, there := now[reply]; !there {
				now[reply] = v
			}
		}
	}
	m.posts[post] = now
}

// rewritten tells whether a reply is known to have said something else.
func (m *memory) rewritten(post, reply, cid string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, there := m.posts[post][reply]
	return there && before.cid != cid
}

// heard notes a reply under a post that has been read before.
func (m *memory) heard(post, reply, cid string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if seen, known := m.posts[post]; known {
		seen[reply] = mark{cid: cid, hidden: seen[reply].hidden}
	}
}

// keep forgets all posts but those.
func (m *memory) keep(posts map[string]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p := range m.posts {
		if !posts[p] {
			delete(m.posts, p)
		}
	}
}
