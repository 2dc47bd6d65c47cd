-- Printers and the jobs they owe.

-- +goose Up
CREATE TABLE printers (
  id        TEXT PRIMARY KEY,
  rev       BIGINT NOT NULL DEFAULT 1,
  office_id TEXT NOT NULL,
  name      TEXT NOT NULL,
  uri       TEXT NOT NULL -- file:FOLDER
);

CREATE TABLE print_jobs (
  id         TEXT PRIMARY KEY,
  printer_id TEXT NOT NULL REFERENCES printers (id),
  seq        BIGINT NOT NULL,  -- order within the printer
  office_id  TEXT NOT NULL,
  subject    TEXT NOT NULL,    -- what it prints: ticket:ID
  kind       TEXT NOT NULL,
  payload    TEXT NOT NULL,    -- JSON of the values; empty once settled
  state      TEXT NOT NULL CHECK (state IN ('queued', 'sent', 'printed', 'unconfirmed', 'failed', 'expired')),
  detail     TEXT NOT NULL DEFAULT '',
  attempts   BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  settled_at BIGINT NOT NULL DEFAULT 0,
  UNIQUE (printer_id, seq)
);
CREATE INDEX print_jobs_open ON print_jobs (printer_id, state, seq);
CREATE INDEX print_jobs_subject ON print_jobs (subject, created_at);

-- +goose Down
DROP TABLE print_jobs;
DROP TABLE printers;
