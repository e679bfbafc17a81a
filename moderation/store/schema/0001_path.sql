-- The path of a comment: inbox, comments and their revisions, decisions, flags, outbox; and the archive with its log.
-- Times are microseconds since 1970 in UTC; 0 means never. States are words, the same as in the code.

-- What platforms told us and nobody has worked on yet. A row lives from the platform's 200 until the transaction that decides.
CREATE TABLE inbox (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    event       BLOB    NOT NULL,
    received_at BIGINT  NOT NULL,
    not_before  BIGINT  NOT NULL DEFAULT 0,
    attempts    INTEGER NOT NULL DEFAULT 0,
    dead        INTEGER NOT NULL DEFAULT 0,
    error       TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX inbox_waiting ON inbox (not_before, id) WHERE dead = 0;

CREATE TABLE posts (
    platform  TEXT   NOT NULL,
    channel   TEXT   NOT NULL,
    post_id   TEXT   NOT NULL,
    text      TEXT   NOT NULL DEFAULT '',
    permalink TEXT   NOT NULL DEFAULT '',
    posted_at BIGINT NOT NULL DEFAULT 0,
    read_at   BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (platform, channel, post_id)
);

-- One row a comment, as it is now.
CREATE TABLE comments (
    id           INTEGER PRIMARY KEY,
    platform     TEXT    NOT NULL,
    channel      TEXT    NOT NULL,
    comment_id   TEXT    NOT NULL,
    post_id      TEXT    NOT NULL DEFAULT '',
    parent_id    TEXT    NOT NULL DEFAULT '',
    author_id    TEXT    NOT NULL DEFAULT '',
    author_name  TEXT    NOT NULL DEFAULT '',
    own          INTEGER NOT NULL DEFAULT 0,
    text         TEXT    NOT NULL DEFAULT '',
    attachments  TEXT    NOT NULL DEFAULT '[]',
    permalink    TEXT    NOT NULL DEFAULT '',
    posted_at    BIGINT  NOT NULL DEFAULT 0,
    received_at  BIGINT  NOT NULL,
    revision     TEXT    NOT NULL DEFAULT '',
    revised_at   BIGINT  NOT NULL DEFAULT 0,
    state        TEXT    NOT NULL DEFAULT 'standing', -- standing, hidden, deleted, removed
    state_at     BIGINT  NOT NULL DEFAULT 0,
    state_by     TEXT    NOT NULL DEFAULT '',
    record_id    TEXT    NOT NULL DEFAULT '',         -- the archive record of its latest revision that has one
    violation_at BIGINT  NOT NULL DEFAULT 0,          -- when it was judged a violation that still counts; 0: it does not
    UNIQUE (platform, channel, comment_id)
);
CREATE INDEX comments_post   ON comments (platform, channel, post_id, posted_at);
CREATE INDEX comments_author ON comments (platform, author_id, posted_at);
CREATE INDEX comments_strike ON comments (platform, author_id, violation_at) WHERE violation_at > 0;
CREATE INDEX comments_hidden ON comments (state, state_at);

-- Everything a comment has said, byte for byte as the platform sent it.
CREATE TABLE revisions (
    comment     INTEGER NOT NULL REFERENCES comments (id),
    revision    TEXT    NOT NULL,
    text        TEXT    NOT NULL,
    attachments TEXT    NOT NULL DEFAULT '[]',
    raw         BLOB,
    at          BIGINT  NOT NULL,
    received_at BIGINT  NOT NULL,
    via         TEXT    NOT NULL,
    superseded  INTEGER NOT NULL DEFAULT 0, -- 1: it was already edited away when we heard of it, and was not judged
    PRIMARY KEY (comment, revision)
);

-- What happened to a comment, in the order we learnt of it.
CREATE TABLE history (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    comment INTEGER NOT NULL REFERENCES comments (id),
    at      BIGINT  NOT NULL,
    what    TEXT    NOT NULL,
    by_whom TEXT    NOT NULL DEFAULT '',
    detail  TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX history_comment ON history (comment, id);

CREATE TABLE decisions (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    comment     INTEGER NOT NULL REFERENCES comments (id),
    channel     TEXT    NOT NULL,
    revision    TEXT    NOT NULL,
    action      TEXT    NOT NULL,            -- allow, flag, hide, delete, restore, block, escalate, route, opinion
    by_kind     TEXT    NOT NULL,            -- bot, person, platform
    by_whom     TEXT    NOT NULL DEFAULT '', -- the person's account
    reason      TEXT    NOT NULL DEFAULT '',
    verdict     TEXT    NOT NULL DEFAULT '',
    policy      TEXT    NOT NULL DEFAULT '',
    categories  TEXT    NOT NULL DEFAULT '', -- " insult threat ": surrounded by spaces, to be searched with LIKE
    category    TEXT    NOT NULL DEFAULT '', -- the gravest
    route       TEXT    NOT NULL DEFAULT '',
    escalate    INTEGER NOT NULL DEFAULT 0,
    flag        INTEGER NOT NULL DEFAULT 0,  -- the flag that it closed
    record_id   TEXT    NOT NULL DEFAULT '',
    received_at BIGINT  NOT NULL DEFAULT 0,
    decided_at  BIGINT  NOT NULL,
    undone_at   BIGINT  NOT NULL DEFAULT 0
);
-- Once-only: the bot decides a revision of a comment one time, whatever the platform repeats.
CREATE UNIQUE INDEX decisions_once ON decisions (comment, revision) WHERE by_kind = 'bot';
CREATE INDEX decisions_comment ON decisions (comment, id);
CREATE INDEX decisions_time    ON decisions (decided_at);

-- What waits for a person. At most one open flag a comment.
CREATE TABLE flags (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    comment       INTEGER NOT NULL REFERENCES comments (id),
    decision      INTEGER NOT NULL,
    channel       TEXT    NOT NULL,
    why           TEXT    NOT NULL,           -- doubt, escalation, quota, edited, block, failed, opinion
    category      TEXT    NOT NULL DEFAULT '',
    severity      INTEGER NOT NULL DEFAULT 0, -- 0–100; escalations stand at 1000 and more
    opened_at     BIGINT  NOT NULL,
    due_at        BIGINT  NOT NULL,
    claimed_by    TEXT    NOT NULL DEFAULT '',
    claimed_until BIGINT  NOT NULL DEFAULT 0,
    closed_at     BIGINT  NOT NULL DEFAULT 0,
    closed_by     TEXT    NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX flags_open ON flags (comment) WHERE closed_at = 0;
CREATE INDEX flags_queue ON flags (severity DESC, due_at, id) WHERE closed_at = 0;

-- What is to be done on a platform. A row is settled (done, dead, cancelled), never deleted.
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    comment    INTEGER NOT NULL DEFAULT 0,
    channel    TEXT    NOT NULL,
    action     TEXT    NOT NULL,             -- hide, restore, delete, block, reply, private-reply, capture, post
    decision   INTEGER NOT NULL DEFAULT 0,
    record_id  TEXT    NOT NULL DEFAULT '',
    revision   TEXT    NOT NULL DEFAULT '',
    argument   TEXT    NOT NULL DEFAULT '',  -- the reply's text, the post's id
    priority   INTEGER NOT NULL DEFAULT 0,
    state      TEXT    NOT NULL DEFAULT 'waiting',
    attempts   INTEGER NOT NULL DEFAULT 0,
    not_before BIGINT  NOT NULL DEFAULT 0,
    created_at BIGINT  NOT NULL,
    since      BIGINT  NOT NULL DEFAULT 0,   -- when the platform's event was received: latency is counted from here
    settled_at BIGINT  NOT NULL DEFAULT 0,
    result     TEXT    NOT NULL DEFAULT '',
    error      TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX outbox_waiting ON outbox (not_before, priority DESC, id) WHERE state = 'waiting';
CREATE INDEX outbox_comment ON outbox (comment, id);
CREATE INDEX outbox_dead    ON outbox (id) WHERE state = 'dead';

-- What was said before, for repetition.
CREATE TABLE fingerprints (
    comment  INTEGER PRIMARY KEY REFERENCES comments (id),
    channel  TEXT    NOT NULL,
    author   TEXT    NOT NULL,
    exact    BIGINT  NOT NULL,
    sim      BIGINT  NOT NULL,
    shingles INTEGER NOT NULL,
    band0    INTEGER NOT NULL,
    band1    INTEGER NOT NULL,
    band2    INTEGER NOT NULL,
    band3    INTEGER NOT NULL,
    at       BIGINT  NOT NULL
);
CREATE INDEX fingerprints_exact ON fingerprints (channel, exact, at);
CREATE INDEX fingerprints_0 ON fingerprints (channel, band0, at);
CREATE INDEX fingerprints_1 ON fingerprints (channel, band1, at);
CREATE INDEX fingerprints_2 ON fingerprints (channel, band2, at);
CREATE INDEX fingerprints_3 ON fingerprints (channel, band3, at);

-- How many comments the bot has hidden on a channel in a day (2026-11-22, the authority's own midnight).
CREATE TABLE quotas (
    channel TEXT    NOT NULL,
    day     TEXT    NOT NULL,
    hides   INTEGER NOT NULL,
    PRIMARY KEY (channel, day)
);

-- How far back each channel has been read in full.
CREATE TABLE cursors (
    channel      TEXT   PRIMARY KEY,
    caught_up_at BIGINT NOT NULL
);

-- The archive: a ledger that only grows. An entry is a record, or something added to one later. Disposal empties body and salt;
-- the commitment and the log stay.
CREATE TABLE archive_entries (
    leaf       INTEGER PRIMARY KEY,   -- the leaf's index in the log
    record_id  TEXT   NOT NULL,
    kind       TEXT   NOT NULL,       -- record, media, outcome, decision
    body       BLOB,                  -- RFC 8785 JSON
    salt       BLOB,                  -- 256 random bits
    commitment BLOB   NOT NULL        -- HMAC-SHA256(salt, record, kind, body): what the leaf is the hash of
);
CREATE INDEX archive_entries_record ON archive_entries (record_id, leaf);

-- What the archive is searched by: taken from the record's body when it is written, and checked against it by verify.
CREATE TABLE archive_records (
    leaf        INTEGER PRIMARY KEY REFERENCES archive_entries (leaf),
    record_id   TEXT   NOT NULL UNIQUE,
    platform    TEXT   NOT NULL,
    channel     TEXT   NOT NULL,
    comment_id  TEXT   NOT NULL,
    revision    TEXT   NOT NULL,
    author_id   TEXT   NOT NULL,
    author_name TEXT   NOT NULL,
    categories  TEXT   NOT NULL,
    action      TEXT   NOT NULL,
    decided_by  TEXT   NOT NULL,
    posted_at   BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    decided_at  BIGINT NOT NULL
);
CREATE INDEX archive_records_time    ON archive_records (decided_at, leaf);
CREATE INDEX archive_records_channel ON archive_records (channel, decided_at);
CREATE INDEX archive_records_author  ON archive_records (author_id, decided_at);
CREATE INDEX archive_records_comment ON archive_records (platform, channel, comment_id);

-- Words, as Swedish stems; it holds no text of its own.
-- only sqlite
CREATE VIRTUAL TABLE archive_words USING fts5 (stems, author, content = '', contentless_delete = 1,
    tokenize = "unicode61 remove_diacritics 0");
-- end
-- only postgres
CREATE TABLE archive_words (
    rowid  BIGINT   PRIMARY KEY,
    stems  TSVECTOR NOT NULL,
    author TSVECTOR NOT NULL
);
CREATE INDEX archive_words_stems  ON archive_words USING gin (stems);
CREATE INDEX archive_words_author ON archive_words USING gin (author);
-- end

CREATE TABLE archive_media (
    sha256 TEXT PRIMARY KEY,
    type   TEXT NOT NULL,
    bytes  BLOB NOT NULL
);

-- Which picture belongs to which comment; the archive's media entries say the same, verifiably.
CREATE TABLE comment_media (
    comment  INTEGER NOT NULL,
    revision TEXT    NOT NULL,
    place    INTEGER NOT NULL,  -- its place in the row of attachments, from 0
    sha256   TEXT    NOT NULL,  -- empty when it could not be had
    type     TEXT    NOT NULL DEFAULT '',
    error    TEXT    NOT NULL DEFAULT '',
    at       BIGINT  NOT NULL,
    PRIMARY KEY (comment, revision, place)
);
CREATE INDEX comment_media_sha ON comment_media (sha256);

CREATE TABLE log_hashes (
    idx  INTEGER PRIMARY KEY,  -- tlog.StoredHashIndex
    hash BLOB NOT NULL
);
CREATE TABLE log_checkpoints (
    size BIGINT PRIMARY KEY,
    note TEXT   NOT NULL
);
