-- Secret addresses from which calendar programs read appointments, and what officers were told of theirs by mail.

-- +goose Up
CREATE TABLE feeds (
  id           TEXT PRIMARY KEY,
  territory_id TEXT NOT NULL,
  kind         TEXT NOT NULL CHECK (kind IN ('office', 'desk', 'officer', 'service')),
  office_id    TEXT NOT NULL, -- the office, or that of the desk; of an officer or a service, empty: all
  subject_id   TEXT NOT NULL, -- the desk, officer or service; of an office, empty
  detail       TEXT NOT NULL CHECK (detail IN ('busy', 'code', 'full')),
  user_id      TEXT NOT NULL, -- who made it: it says what they may know
  token_hash   TEXT NOT NULL UNIQUE,
  created_at   BIGINT NOT NULL,
  etag         TEXT NOT NULL DEFAULT '', -- of what was read last, and since when it is so
  modified_at  BIGINT NOT NULL DEFAULT 0,
  read_at      BIGINT NOT NULL DEFAULT 0,
  read_by      TEXT NOT NULL DEFAULT '' -- a sort of program
);
CREATE INDEX feeds_user ON feeds (user_id);

CREATE TABLE invitations (
  appointment_id TEXT NOT NULL REFERENCES appointments (id) ON DELETE CASCADE,
  officer_id     TEXT NOT NULL,
  mail           TEXT NOT NULL,
  office_id      TEXT NOT NULL, -- this and the next two as the officer was told
  start_at       BIGINT NOT NULL,
  end_at         BIGINT NOT NULL,
  PRIMARY KEY (appointment_id, officer_id)
);

CREATE INDEX appointment_staff_officer ON appointment_staff (officer_id);

-- +goose Down
DROP INDEX appointment_staff_officer;
DROP TABLE invitations;
DROP TABLE feeds;
