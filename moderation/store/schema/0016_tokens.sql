-- Channels whose token the platform has refused since it last accepted it: whichever process heard it, all know it.
CREATE TABLE refused_tokens (
    channel TEXT   PRIMARY KEY,
    since   BIGINT NOT NULL
);
