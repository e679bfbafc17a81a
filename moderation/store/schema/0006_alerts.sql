-- What people must be told of, and whether they were. A row is closed when it is over, never deleted.
CREATE TABLE alerts (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    key         TEXT    NOT NULL,            -- what it is about: "escalation:17", "token:rs-x"; at most one open row each
    kind        TEXT    NOT NULL,            -- escalation, token, expiring, late, dead, full
    channel     TEXT    NOT NULL DEFAULT '',
    comment     INTEGER NOT NULL DEFAULT 0,
    n           INTEGER NOT NULL DEFAULT 0,  -- how many it is about
    until       BIGINT  NOT NULL DEFAULT 0,  -- when what is expiring ends
    opened_at   BIGINT  NOT NULL,
    notified_at BIGINT  NOT NULL DEFAULT 0,
    closed_at   BIGINT  NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX alerts_open ON alerts (key) WHERE closed_at = 0;
