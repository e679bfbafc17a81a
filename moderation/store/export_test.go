package store

import "maps"

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
