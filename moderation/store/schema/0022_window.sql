-- What was said lately is told by the comments themselves: their words are read again when a channel comes to a process (moderation/lately.go).
-- A row of fingerprints with its key and two indexes, one of them at a random page, was a fifth of what a comment took to write.

-- The fingerprint of its words (rules.Fingerprint.Exact), where another comment on the channel said exactly the same within the policy's window;
-- 0: none did, as far as is known. A case counts by it.
ALTER TABLE comments ADD COLUMN repeated BIGINT NOT NULL DEFAULT 0;
UPDATE comments SET repeated = lately.exact
    FROM fingerprints lately, (SELECT channel, exact FROM fingerprints WHERE at >= (SELECT max(at) FROM fingerprints) - 604800000000
        GROUP BY channel, exact HAVING count(*) > 1) AS again
    WHERE lately.at >= (SELECT max(at) FROM fingerprints) - 604800000000 AND lately.channel = again.channel AND lately.exact = again.exact
        AND comments.id = lately.comment;
DROP TABLE fingerprints;
CREATE INDEX comments_repeated ON comments (channel, repeated, id) WHERE repeated <> 0;
CREATE INDEX comments_lately ON comments (channel, received_at);
