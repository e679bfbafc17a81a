-- Disposal (gallring): what was emptied, and under which decision.

-- The leaf of the disposal that emptied the entry, which is an entry itself (kind disposal); NULL while it has its body.
ALTER TABLE archive_entries ADD COLUMN disposal BIGINT;
CREATE INDEX archive_disposals ON archive_entries (leaf) WHERE kind = 'disposal';

-- The revision whose words were disposed of; what is told of it again is known, and stays away.
ALTER TABLE comments ADD COLUMN disposed_revision TEXT NOT NULL DEFAULT '';
