-- The page of figures, by sums that are kept for each day; and what no longer need be found by time when a comment is written.

-- One row a day (2026-11-22, the authority's own midnight), a kind and a name, and up to four sums of it:
--   channel   what was decided on the channel of that name: decided by the bot, of which let stand, flagged; hidden by anybody and not undone
--   category  by the day of the bot's decision, of that gravest category: flagged, hidden; looked at by a person since, of which let be seen again
--   flag      flags opened that day: opened, closed since, of which closed too late
--   hide      the bot's hides that the platform confirmed that day and that took as long as the name says (see moderation/sums.go)
--   review    flags that people closed that day, by how long they had been open
CREATE TABLE figure_sums (
    kind TEXT   NOT NULL,
    day  TEXT   NOT NULL,
    name TEXT   NOT NULL,
    n1   BIGINT NOT NULL DEFAULT 0,
    n2   BIGINT NOT NULL DEFAULT 0,
    n3   BIGINT NOT NULL DEFAULT 0,
    n4   BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, day, name)
);

-- How far they have come: the last row of each of these that is in the sums. The program goes on from here, a bounded step at a time.
-- changes grows when a row changes that may be in the sums, or in a step that is being made.
CREATE TABLE figure_cursor (
    decisions BIGINT NOT NULL,
    history   BIGINT NOT NULL,
    flags     BIGINT NOT NULL,
    changes   BIGINT NOT NULL
);
INSERT INTO figure_cursor (decisions, history, flags, changes) VALUES (0, 0, 0, 0);

-- What only the figures looked for by its time.
DROP INDEX decisions_time;
DROP INDEX outbox_hides;
DROP INDEX flags_opened;
DROP INDEX flags_closed;
-- A post's case asks whether its channel is in a storm.
CREATE INDEX decisions_severe ON decisions (channel, decided_at) WHERE by_kind = 'bot' AND action IN ('flag', 'hide');
