-- What accounts, sessions, devices and programs need to stand in a building.

-- +goose Up
ALTER TABLE users ADD COLUMN folded TEXT NOT NULL DEFAULT ''; -- name and login as they are searched
UPDATE users SET folded = login;

-- Sessions last for hours at most: those of an older program end here.
DROP TABLE sessions;
CREATE TABLE sessions (
  hash       TEXT PRIMARY KEY,  -- SHA-256 of the cookie
  id         TEXT NOT NULL UNIQUE, -- what lists call it
  user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  seen_at    BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  locked     BOOLEAN NOT NULL DEFAULT FALSE,
  address    TEXT NOT NULL,     -- where it was begun
  agent      TEXT NOT NULL      -- the browser it was begun with
);
CREATE INDEX sessions_user ON sessions (user_id);

-- One-time links to set a password; a new one replaces the last.
CREATE TABLE password_links (
  user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  hash    TEXT NOT NULL UNIQUE,
  until   BIGINT NOT NULL
);

-- Failures to sign in or enrol, by what they are counted on.
CREATE TABLE failures (
  subject TEXT PRIMARY KEY,
  count   BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  until   BIGINT NOT NULL -- nothing is tried before
);

ALTER TABLE devices ADD COLUMN code_key TEXT;                        -- the part of the code that names it
ALTER TABLE devices ADD COLUMN code_tries BIGINT NOT NULL DEFAULT 0; -- how often the rest was wrong
ALTER TABLE devices ADD COLUMN enrolled_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN address TEXT NOT NULL DEFAULT '';     -- where it was seen last
ALTER TABLE devices ADD COLUMN agent TEXT NOT NULL DEFAULT '';       -- the program it was enrolled with
CREATE UNIQUE INDEX devices_code_key ON devices (code_key);
UPDATE devices SET code_hash = NULL, code_until = 0;

CREATE TABLE programs (
  id           TEXT PRIMARY KEY,
  name         TEXT NOT NULL,
  territory_id TEXT NOT NULL, -- empty: all
  offices      TEXT NOT NULL, -- JSON array; empty array: all of the territory
  scopes       TEXT NOT NULL, -- JSON array
  token_hash   TEXT UNIQUE,   -- SHA-256; NULL: revoked
  created_at   BIGINT NOT NULL,
  valid_until  BIGINT NOT NULL DEFAULT 0,
  seen_at      BIGINT NOT NULL DEFAULT 0
);

-- +goose Down
DROP TABLE programs;
DROP INDEX devices_code_key;
ALTER TABLE devices DROP COLUMN agent;
ALTER TABLE devices DROP COLUMN address;
ALTER TABLE devices DROP COLUMN enrolled_at;
ALTER TABLE devices DROP COLUMN code_tries;
ALTER TABLE devices DROP COLUMN code_key;
DROP TABLE failures;
DROP TABLE password_links;
ALTER TABLE users DROP COLUMN folded;
