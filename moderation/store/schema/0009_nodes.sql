-- Several processes on one database: which is there, and which of them each channel is with.

ALTER TABLE inbox ADD COLUMN channel    TEXT NOT NULL DEFAULT '';
ALTER TABLE inbox ADD COLUMN comment_id TEXT NOT NULL DEFAULT '';
CREATE INDEX inbox_channel ON inbox (channel, id) WHERE dead = 0;
CREATE INDEX inbox_comment ON inbox (channel, comment_id);

-- A channel is with one process at a time: it reads the channel, judges what comes there and does what was decided there.
CREATE TABLE leases (
    name    TEXT   PRIMARY KEY,   -- the channel
    holder  TEXT   NOT NULL,      -- the node
    term    BIGINT NOT NULL,      -- one more each time that the lease changes hands
    until   BIGINT NOT NULL       -- by the database's clock
);

CREATE TABLE nodes (
    node    TEXT   PRIMARY KEY,
    roles   TEXT   NOT NULL,      -- all, ingest, work, console
    policy  TEXT   NOT NULL,      -- the version that it judges by
    started BIGINT NOT NULL,
    seen    BIGINT NOT NULL
);
