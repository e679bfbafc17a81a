-- Who may open the console, and who has it open. Times are microseconds since 1970 in UTC; 0 means never.

CREATE TABLE accounts (
    name          TEXT   PRIMARY KEY,          -- what one logs in with, and what stands in decisions
    display       TEXT   NOT NULL,
    role          TEXT   NOT NULL,             -- moderator, archivist, admin
    password      TEXT   NOT NULL,             -- argon2id with its parameters and salt; empty: only by login link
    epoch         BIGINT NOT NULL DEFAULT 1,   -- raised to end every session of the account at once
    created_at    BIGINT NOT NULL,
    logged_in_at  BIGINT NOT NULL DEFAULT 0,
    disabled_at   BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE sessions (
    token      TEXT   PRIMARY KEY,             -- SHA-256 of what the cookie holds
    data       BLOB   NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE login_links (
    token      TEXT   PRIMARY KEY,             -- SHA-256 of what the link holds
    account    TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);

-- Attempts to log in, kept only as long as they count against the next one.
CREATE TABLE login_attempts (
    id      TEXT   PRIMARY KEY,
    account TEXT   NOT NULL,
    address TEXT   NOT NULL,
    at      BIGINT NOT NULL
);
CREATE INDEX login_attempts_account ON login_attempts (account, at);
CREATE INDEX login_attempts_address ON login_attempts (address, at);
