-- Autonomy that is earned: which rules hid what, what people made of it, and how far each rule may go.

-- The rules by which the bot hid a comment, or would have hidden it had they not fallen back; and what people made of it.
CREATE TABLE hide_rules (
    decision INTEGER NOT NULL REFERENCES decisions (id) ON DELETE CASCADE,
    rule     TEXT    NOT NULL,
    outcome  TEXT    NOT NULL DEFAULT '', -- upheld, overturned; empty: nobody has looked at it
    PRIMARY KEY (decision, rule)
);

-- One row a rule that ever hid: the sums of hide_rules since the rule's record was last reset.
CREATE TABLE rule_records (
    rule       TEXT    PRIMARY KEY,
    hides      INTEGER NOT NULL DEFAULT 0,
    reviewed   INTEGER NOT NULL DEFAULT 0,
    upheld     INTEGER NOT NULL DEFAULT 0,
    mode       TEXT    NOT NULL DEFAULT 'hide', -- the most that the record allows: hide, or flag once it fell back
    mode_at    BIGINT  NOT NULL DEFAULT 0,
    since      INTEGER NOT NULL DEFAULT 0       -- decisions up to this one do not count
);

-- When a rule fell back, came back or was reset, and on which figures. Only grows.
CREATE TABLE rule_changes (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at       BIGINT  NOT NULL,
    decision INTEGER NOT NULL, -- the latest decision by then: the change holds for those after it
    rule     TEXT    NOT NULL,
    was      TEXT    NOT NULL,
    became   TEXT    NOT NULL,
    reviewed INTEGER NOT NULL,
    upheld   INTEGER NOT NULL,
    bound    REAL    NOT NULL, -- the lower bound of the upheld share, 0 to 1
    target   REAL    NOT NULL, -- what the policy asked for, 0 to 1
    policy   TEXT    NOT NULL,
    by_whom  TEXT    NOT NULL DEFAULT '' -- who reset it; empty: the figures did it
);
CREATE INDEX rule_changes_rule ON rule_changes (rule, id);
