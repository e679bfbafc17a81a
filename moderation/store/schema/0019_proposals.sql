-- Disposal by two: one proposes, another approves under a decision, and what is carried out is what was listed.

CREATE TABLE disposal_proposals (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    classes     TEXT    NOT NULL,            -- retention classes, with a space between two
    before_at   BIGINT  NOT NULL,            -- all that happened to what is to go happened before
    state       TEXT    NOT NULL,            -- listing, proposed, withdrawn, approved, done
    proposed_by TEXT    NOT NULL,
    proposed_at BIGINT  NOT NULL,
    decided_by  TEXT    NOT NULL DEFAULT '', -- who approved it, or withdrew it
    decided_at  BIGINT  NOT NULL DEFAULT 0,
    reference   TEXT    NOT NULL DEFAULT '', -- the authority's own, of its decision
    disposals   TEXT    NOT NULL DEFAULT '', -- as what it stands in the archive: an id for each time that it was begun, with a space between two
    comments    BIGINT  NOT NULL DEFAULT 0,  -- what was listed
    records     BIGINT  NOT NULL DEFAULT 0,
    pictures    BIGINT  NOT NULL DEFAULT 0,
    held        BIGINT  NOT NULL DEFAULT 0,
    waiting     BIGINT  NOT NULL DEFAULT 0,
    went        BIGINT  NOT NULL DEFAULT 0,  -- what was disposed of: comments, records, pictures
    went_records  BIGINT NOT NULL DEFAULT 0,
    went_pictures BIGINT NOT NULL DEFAULT 0,
    looked      BIGINT  NOT NULL DEFAULT 0,  -- the last comment that was looked at, while it is listed and again while it is carried out
    seen_at     BIGINT  NOT NULL,            -- when somebody last worked on it
    ended_at    BIGINT  NOT NULL DEFAULT 0
);

-- What a proposal is about. The rows go when it is done or withdrawn: what went stands in the archive's log.
CREATE TABLE disposal_list (
    proposal BIGINT NOT NULL REFERENCES disposal_proposals (id),
    comment  BIGINT NOT NULL,
    kept     TEXT   NOT NULL DEFAULT '',     -- why it stays: held, waiting; empty: it goes
    PRIMARY KEY (proposal, comment)
);
