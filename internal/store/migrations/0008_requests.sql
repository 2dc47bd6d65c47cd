-- What programs asked for under an Idempotency-Key, so that asking again changes nothing again.

-- +goose Up
CREATE TABLE requests (
  key_hash TEXT PRIMARY KEY, -- SHA-256 of who asked and the key
  hash     TEXT NOT NULL,    -- SHA-256 of what was asked
  status   BIGINT NOT NULL,  -- that was answered
  made     TEXT NOT NULL,    -- id of what was made or changed, never personal data
  at       BIGINT NOT NULL
);
CREATE INDEX requests_at ON requests (at);

ALTER TABLE tickets DROP COLUMN request_hash;

-- +goose Down
ALTER TABLE tickets ADD COLUMN request_hash TEXT NOT NULL DEFAULT '';
DROP TABLE requests;
