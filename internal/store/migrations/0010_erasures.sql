-- What was erased or revoked, so that a restore can repeat it, and where the server shows that it
-- can write.

-- +goose Up
CREATE TABLE erasures (
  id      TEXT PRIMARY KEY,
  at      BIGINT NOT NULL,
  subject TEXT NOT NULL -- user:ID, device:ID, token:ID, print:ID, appointment:ID
);

CREATE TABLE probes (
  name TEXT PRIMARY KEY,
  at   BIGINT NOT NULL
);

CREATE INDEX print_jobs_office ON print_jobs (office_id, created_at);

-- +goose Down
DROP INDEX print_jobs_office;
DROP TABLE probes;
DROP TABLE erasures;
