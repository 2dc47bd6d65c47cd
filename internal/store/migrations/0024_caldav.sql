-- What stands in the collections of officers whose calendars are kept in step by CalDAV (RFC 4791).

-- +goose Up

-- Members of a collection that are not copies of the officer's appointments here.
CREATE TABLE dav_members (
  source_id TEXT NOT NULL REFERENCES calendar_sources (id) ON DELETE CASCADE,
  href      TEXT NOT NULL,
  etag      TEXT NOT NULL, -- as it was read; empty: the server has none
  spans     TEXT NOT NULL, -- its busy time: from-until in milliseconds, by commas
  PRIMARY KEY (source_id, href)
);

-- Appointments whose copy is in a collection or is to be, or was and is to go: the outbox.
CREATE TABLE dav_pushes (
  source_id      TEXT NOT NULL REFERENCES calendar_sources (id) ON DELETE CASCADE,
  appointment_id TEXT NOT NULL,
  href           TEXT NOT NULL,
  etag           TEXT NOT NULL DEFAULT '',
  there          BOOLEAN NOT NULL DEFAULT FALSE, -- something stands at href
  content        TEXT NOT NULL DEFAULT '',       -- digest of what we wrote there; empty: not what we wrote
  start_at       BIGINT NOT NULL DEFAULT 0,      -- of what we wrote there
  tries          BIGINT NOT NULL DEFAULT 0,      -- in a row that failed
  next_at        BIGINT NOT NULL,                -- next try; 0: nothing is to be done
  problem        TEXT NOT NULL DEFAULT '',       -- code of the last failure
  PRIMARY KEY (source_id, appointment_id)
);

-- What officers did to copies of appointments, for a manager to decide.
CREATE TABLE dav_requests (
  id             TEXT PRIMARY KEY,
  source_id      TEXT NOT NULL,
  appointment_id TEXT NOT NULL REFERENCES appointments (id) ON DELETE CASCADE,
  office_id      TEXT NOT NULL,
  officer_id     TEXT NOT NULL,
  kind           TEXT NOT NULL CHECK (kind IN ('move', 'cancel')),
  was_at         BIGINT NOT NULL, -- the appointment's start when it was asked
  start_at       BIGINT NOT NULL, -- where it was moved to; 0: nowhere
  asked_at       BIGINT NOT NULL,
  state          TEXT NOT NULL CHECK (state IN ('open', 'accepted', 'refused', 'moot')),
  settled_at     BIGINT NOT NULL DEFAULT 0,
  settled_by     TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX dav_requests_open ON dav_requests (appointment_id, officer_id) WHERE state = 'open';
CREATE INDEX dav_requests_office ON dav_requests (office_id, state);

-- +goose Down
DROP TABLE dav_requests;
DROP TABLE dav_pushes;
DROP TABLE dav_members;
