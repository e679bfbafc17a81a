-- only postgres
-- Who writes takes a number first: where it is the next after its own last one, nobody has written in between, and what it remembers of
-- the tables is true (store.DB.Attempt).
CREATE SEQUENCE turns;
-- end
