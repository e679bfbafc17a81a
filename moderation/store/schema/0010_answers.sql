-- What the authority itself answered: the list of unanswered questions looks for an answer under each.
CREATE INDEX comments_own ON comments (platform, channel, parent_id) WHERE own = 1;
