-- What made each comment dearer to write than it need be.

-- Near-duplicates are looked for in memory (moderation/lately.go): the table is read by channel and time, once.
DROP INDEX fingerprints_0;
DROP INDEX fingerprints_1;
DROP INDEX fingerprints_2;
DROP INDEX fingerprints_3;
CREATE INDEX fingerprints_time ON fingerprints (channel, at);

-- Of a channel and a kind of call the outbox begins the gravest.
DROP INDEX outbox_waiting;
CREATE INDEX outbox_waiting ON outbox (channel, action, priority DESC, id) WHERE state = 'waiting';
CREATE INDEX outbox_later ON outbox (not_before) WHERE state = 'waiting';
