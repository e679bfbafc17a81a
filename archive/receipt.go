package archive

import (
	"errors"

	"takhojd/platforms"
)

// ErrNoReceipt says that a removal was asked for without a receipt for the comment's record.
var ErrNoReceipt = errors.New("no receipt: a comment is removed only once its record is committed")

// Receipt proves that the record of a comment is committed: it stands in the archive with its leaf in the log, under a signed
// checkpoint. It is the only key to a platform's removal call, and names the one comment that it opens for.
//
// Only [Archive.Receipt] makes one, from what it reads back of a committed transaction. The zero Receipt is refused everywhere.
type Receipt struct {
	ref      platforms.Ref
	record   string
	revision string
	leaf     int64
}

// Valid tells whether r is a receipt at all.
func (r Receipt) Valid() bool { return r.record != "" && r.ref.Comment != "" }

// Ref is the comment that may be removed.
func (r Receipt) Ref() platforms.Ref { return r.ref }

// Record is the id of the record that was kept.
func (r Receipt) Record() string { return r.record }

// Revision is what the comment said when it was kept.
func (r Receipt) Revision() string { return r.revision }

// Leaf is the index of the record's leaf in the log.
func (r Receipt) Leaf() int64 { return r.leaf }
