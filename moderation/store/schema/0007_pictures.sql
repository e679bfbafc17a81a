-- What kept pictures look like, so that one that was removed is known when it comes again, slightly changed.

-- One row a picture or film that was looked at. It goes with the picture when that is disposed of.
CREATE TABLE picture_prints (
    id     INTEGER PRIMARY KEY,
    sha256 TEXT    NOT NULL UNIQUE REFERENCES archive_media (sha256) ON DELETE CASCADE,
    prints BLOB    NOT NULL,  -- 32 bytes each, the whole picture's first; empty: a film, nothing that can be drawn, or too little to be seen in it
    at     BIGINT  NOT NULL
);

-- Pieces of the prints, by which what is near is found without a look at everything.
CREATE TABLE picture_slots (
    slot  INTEGER NOT NULL,
    print INTEGER NOT NULL REFERENCES picture_prints (id) ON DELETE CASCADE,
    PRIMARY KEY (slot, print)
);
CREATE INDEX picture_slots_print ON picture_slots (print);

ALTER TABLE comment_media ADD COLUMN looked_at BIGINT NOT NULL DEFAULT 0; -- when it was compared with what was removed before; 0: not yet
CREATE INDEX comment_media_unseen ON comment_media (at) WHERE looked_at = 0 AND sha256 <> '';
