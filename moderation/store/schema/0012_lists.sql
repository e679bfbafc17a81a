-- What pages ask for is found by what it is, however much is kept: lists are kept and not looked for, and no page reads all of a table.

-- Comments that wait for a look without a flag: what the bot hid and nobody has looked at since, and questions that belong elsewhere and
-- nobody has answered. A row comes and goes in the transaction that makes it so.
CREATE TABLE unseen (
    comment  INTEGER PRIMARY KEY REFERENCES comments (id),
    list     TEXT    NOT NULL,  -- hidden, question
    decision INTEGER NOT NULL,  -- the bot's
    at       BIGINT  NOT NULL   -- by which the list is in order: when it was hidden, when the question was judged
);
CREATE INDEX unseen_list ON unseen (list, at, comment);
INSERT INTO unseen (comment, list, decision, at) SELECT c.id, 'hidden', d.id, c.state_at
    FROM comments c JOIN decisions d ON d.comment = c.id AND d.revision = c.revision AND d.by_kind = 'bot' AND d.action = 'hide'
    WHERE c.state = 'hidden' AND NOT EXISTS (SELECT 1 FROM decisions p WHERE p.comment = c.id AND p.by_kind <> 'bot' AND p.undone_at = 0 AND p.id > d.id
        AND p.action NOT IN ('reply', 'mute', 'report'));
INSERT INTO unseen (comment, list, decision, at) SELECT c.id, 'question', d.id, d.decided_at
    FROM decisions d JOIN comments c ON c.id = d.comment AND c.revision = d.revision
    WHERE d.route <> '' AND d.by_kind = 'bot' AND c.state = 'standing' AND NOT EXISTS (SELECT 1 FROM decisions p WHERE p.comment = c.id
        AND p.by_kind = 'person' AND p.undone_at = 0 AND p.id > d.id)
    AND NOT EXISTS (SELECT 1 FROM comments a WHERE a.platform = c.platform AND a.channel = c.channel AND a.own = 1 AND a.parent_id = c.comment_id);
-- Which hides of a rule nobody has looked at, the newest of one that has lost trust first.
CREATE INDEX hide_rules_unseen ON hide_rules (rule, decision) WHERE outcome = '';

-- Of what stands, which is nearly everything, nobody asks since when.
DROP INDEX comments_hidden;
CREATE INDEX comments_removed ON comments (state_at) WHERE state = 'removed';

-- Every page counts what is dead.
CREATE INDEX inbox_dead ON inbox (id) WHERE dead = 1;

-- The page of figures, by its days. The first holds all that the days are counted from: rows of decisions are large.
DROP INDEX decisions_time;
CREATE INDEX decisions_time ON decisions (decided_at, channel, by_kind, action, category, undone_at);
CREATE INDEX outbox_hides ON outbox (settled_at) WHERE action = 'hide' AND state = 'done';
CREATE INDEX flags_opened ON flags (opened_at);
CREATE INDEX flags_closed ON flags (closed_at) WHERE closed_at > 0;

-- The archive by category: the sets of categories that occur are few, and each is found by itself.
CREATE INDEX archive_records_category ON archive_records (categories, decided_at);
