package store

import (
	"slices"
	"strings"
)

// kept is what a transaction keeps under a key, and the tables that it was read from.
type kept struct {
	value any
	of    []string
}

// Kept returns what is kept under a key, for what would otherwise be read again and again: a zero value first, then what the caller has made of
// it. It is dropped when anything is taken back, and when one of the tables that are named is written to; beside that the caller keeps it true.
// Functions that share a transaction share it, and on SQLite also those of later ones, for as long as nobody else writes to the database.
func Kept[T any](tx *Tx, key any, of ...string) *T {
	if k, found := tx.kept[key]; found {
		return k.value.(*T)
	}
	if tx.kept == nil {
		tx.kept = map[any]kept{}
	}
	value := new(T)
	tx.kept[key] = kept{value: value, of: of}
	return value
}

// changing drops what is kept of what a statement may change.
func (tx *Tx) changing(query string) {
	if len(tx.kept) == 0 {
		return
	}
	var table string
	if stmt := tx.s.stmts[query]; stmt != nil {
		table = stmt.writes
	} else {
		table = writes(query)
	}
	if table != nothing {
		tx.wrote(table)
	}
}

// wrote drops what is kept of a table, or of any.
func (tx *Tx) wrote(table string) {
	for key, k := range tx.kept {
		if len(k.of) > 0 && (table == anything || slices.Contains(k.of, table)) {
			delete(tx.kept, key)
		}
	}
}

// What writes returns beside the name of a table.
const (
	nothing  = ""
	anything = "*"
)

// writes tells which table a statement may change.
func writes(query string) string {
	words := strings.FieldsFuncSeq(query, func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' || r == '(' || r == ';' })
	verb := ""
	for word := range words {
		switch upper := strings.ToUpper(word); {
		case verb == "":
			switch verb = upper; verb {
			case "SELECT", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE":
				return nothing
			case "INSERT", "UPDATE", "DELETE":
			default:
				return anything
			}
		case upper == "INTO", upper == "FROM", upper == "OR", upper == "IGNORE", upper == "REPLACE":
		default:
			return strings.ToLower(word)
		}
	}
	return anything
}
