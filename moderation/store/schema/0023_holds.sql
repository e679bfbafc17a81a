-- What is held from disposal is listed: the few entries that say so, among all the others.
CREATE INDEX archive_holds ON archive_entries (leaf) WHERE kind = 'hold';
