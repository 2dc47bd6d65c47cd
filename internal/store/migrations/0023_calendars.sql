-- External calendars that say when officers, rooms and offices are busy, and what became of reading them.

-- +goose Up
CREATE TABLE calendar_sources (
  id            TEXT PRIMARY KEY,   -- the source of what it says in busy
  rev           BIGINT NOT NULL DEFAULT 0, -- counts the changes made by people
  kind          TEXT NOT NULL CHECK (kind IN ('ics', 'caldav')),
  name          TEXT NOT NULL,
  territory_id  TEXT NOT NULL,
  officer_id    TEXT NOT NULL,      -- whose time it is: an officer's; or
  office_id     TEXT NOT NULL,      -- an office's
  room_id       TEXT NOT NULL,      -- or that of one of its rooms
  shown         TEXT NOT NULL,      -- the address without what must stay secret
  sealed        TEXT NOT NULL,      -- address, user and secret, encrypted
  folded        TEXT NOT NULL UNIQUE, -- by which it is searched and put in order
  made_by       TEXT NOT NULL,
  created_at    BIGINT NOT NULL,
  etag          TEXT NOT NULL DEFAULT '', -- of the last good answer, as is the next
  last_modified TEXT NOT NULL DEFAULT '',
  sync_token    TEXT NOT NULL DEFAULT '',
  read_until    BIGINT NOT NULL DEFAULT 0, -- up to when the last good answer was read
  fetched_at    BIGINT NOT NULL DEFAULT 0, -- last attempt
  good_at       BIGINT NOT NULL DEFAULT 0, -- last good answer
  next_at       BIGINT NOT NULL,           -- next attempt
  failures      BIGINT NOT NULL DEFAULT 0, -- attempts in a row that failed
  problem       TEXT NOT NULL DEFAULT '',  -- code of the last of them
  CHECK ((officer_id <> '') <> (office_id <> ''))
);
CREATE INDEX calendar_sources_due ON calendar_sources (next_at);
CREATE INDEX calendar_sources_officer ON calendar_sources (officer_id);
CREATE TABLE calendar_log (
  source_id TEXT NOT NULL REFERENCES calendar_sources (id) ON DELETE CASCADE,
  seq       BIGINT NOT NULL,
  at        BIGINT NOT NULL,
  code      TEXT NOT NULL, -- ok, unchanged or the problem
  counts    TEXT NOT NULL, -- JSON, numbers by name
  PRIMARY KEY (source_id, seq)
);
CREATE INDEX busy_source ON busy (source);

-- +goose Down
DROP INDEX busy_source;
DROP TABLE calendar_log;
DROP TABLE calendar_sources;
