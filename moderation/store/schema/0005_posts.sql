-- Posts that were closed for new comments, and who closed or opened them.
ALTER TABLE posts ADD COLUMN closed_at BIGINT NOT NULL DEFAULT 0; -- since when the platform takes no new comments, as far as we did it; 0: it takes them
ALTER TABLE posts ADD COLUMN closed_by TEXT NOT NULL DEFAULT '';

CREATE TABLE post_decisions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    platform   TEXT    NOT NULL,
    channel    TEXT    NOT NULL,
    post_id    TEXT    NOT NULL,
    action     TEXT    NOT NULL,            -- close, open
    by_whom    TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    record_id  TEXT    NOT NULL,
    outbox     INTEGER NOT NULL,            -- the row that does it
    decided_at BIGINT  NOT NULL
);
CREATE INDEX post_decisions_post ON post_decisions (platform, channel, post_id, id);
