-- Who may come in, what was done, and who does the periodic work.

-- +goose Up
CREATE TABLE users (
  id            TEXT PRIMARY KEY,
  rev           BIGINT NOT NULL DEFAULT 1,
  login         TEXT NOT NULL UNIQUE, -- folded to lower case
  name          TEXT NOT NULL,
  password      TEXT NOT NULL,        -- argon2id, PHC string; empty: cannot sign in
  role          TEXT NOT NULL CHECK (role IN ('administrator', 'manager', 'officer', 'volunteer', 'observer')),
  territory_id  TEXT NOT NULL,        -- empty: all
  officer_id    TEXT NOT NULL,        -- the officer of that territory, empty: none
  offices       TEXT NOT NULL,        -- JSON array; empty array: all of the territory
  valid_until   BIGINT NOT NULL DEFAULT 0,
  created_at    BIGINT NOT NULL
);

CREATE TABLE sessions (
  hash       TEXT PRIMARY KEY, -- SHA-256 of the cookie
  user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  seen_at    BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  locked     BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE devices (
  id         TEXT PRIMARY KEY,
  rev        BIGINT NOT NULL DEFAULT 1,
  office_id  TEXT NOT NULL,
  kind       TEXT NOT NULL CHECK (kind IN ('kiosk', 'board', 'print-agent')),
  name       TEXT NOT NULL,
  printer_id TEXT NOT NULL,           -- where its tickets come out, empty: no paper
  code_hash  TEXT UNIQUE,             -- SHA-256 of the enrolment code
  code_until BIGINT NOT NULL DEFAULT 0, -- 0 with a code: may be used again and again (demonstrations)
  token_hash TEXT UNIQUE,             -- SHA-256 of the cookie; NULL: not enrolled
  created_at BIGINT NOT NULL,
  seen_at    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX devices_office ON devices (office_id);

CREATE TABLE audit (
  scope   TEXT NOT NULL,   -- an office, or 'system'
  version BIGINT NOT NULL, -- of the scope, after the change
  line    BIGINT NOT NULL,
  at      BIGINT NOT NULL,
  actor   TEXT NOT NULL,   -- user:ID, device:ID, job:NAME, citizen
  action  TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail  TEXT NOT NULL,   -- JSON of ids and codes, never personal data
  PRIMARY KEY (scope, version, line)
);
CREATE INDEX audit_at ON audit (at);

-- The version of scopes that have none of their own.
CREATE TABLE audit_heads (
  scope   TEXT PRIMARY KEY,
  version BIGINT NOT NULL
);

CREATE TABLE leases (
  name   TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  until  BIGINT NOT NULL
);

-- +goose Down
DROP TABLE leases;
DROP TABLE audit_heads;
DROP TABLE audit;
DROP TABLE devices;
DROP TABLE sessions;
DROP TABLE users;
