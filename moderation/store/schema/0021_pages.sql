-- Fewer pages of the file for each comment: every index that a commit touches is a page in the log, and again in the file.

-- One index finds a comment's decisions and keeps the bot from deciding a revision twice.
DROP INDEX decisions_once;
DROP INDEX decisions_comment;
CREATE UNIQUE INDEX decisions_comment ON decisions (comment, revision, (CASE WHEN by_kind = 'bot' THEN 0 ELSE id END));

-- Most of what waits may be done at once: by its time only the rest is looked for.
DROP INDEX outbox_later;
CREATE INDEX outbox_later ON outbox (not_before) WHERE state = 'waiting' AND not_before > 0;

-- only sqlite
-- A BIGINT key has an index beside its table, an INTEGER one is the table's own.
CREATE TABLE checkpoints_by_size (
    size INTEGER PRIMARY KEY,
    note TEXT NOT NULL
);
INSERT INTO checkpoints_by_size (size, note) SELECT size, note FROM log_checkpoints ORDER BY size;
DROP TABLE log_checkpoints;
ALTER TABLE checkpoints_by_size RENAME TO log_checkpoints;

-- AUTOINCREMENT writes down each number given, lest one be given again after its row was deleted. Rows of these are never deleted. How rows are
-- stored is the same without it, so that the word is taken out of the table's text, as SQLite lets one (PRAGMA writable_schema); what the other
-- statements here change makes every connection read the text anew.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, ' AUTOINCREMENT', '') WHERE type = 'table' AND name IN ('history', 'decisions', 'flags', 'outbox');
PRAGMA writable_schema = RESET;
DELETE FROM sqlite_sequence WHERE name IN ('history', 'decisions', 'flags', 'outbox');
-- end
