-- What is known of a printer, and when a job that its printer refused is tried again.

-- +goose Up
ALTER TABLE printers ADD COLUMN state TEXT NOT NULL DEFAULT 'unknown'
  CHECK (state IN ('unknown', 'ok', 'near_end', 'out_of_paper', 'refusing', 'unreachable'));
ALTER TABLE printers ADD COLUMN checked_at BIGINT NOT NULL DEFAULT 0; -- when state was found
ALTER TABLE printers ADD COLUMN seen_at BIGINT NOT NULL DEFAULT 0;    -- when it last answered
ALTER TABLE print_jobs ADD COLUMN retry_at BIGINT NOT NULL DEFAULT 0; -- queued: not before

-- +goose Down
ALTER TABLE print_jobs DROP COLUMN retry_at;
ALTER TABLE printers DROP COLUMN seen_at;
ALTER TABLE printers DROP COLUMN checked_at;
ALTER TABLE printers DROP COLUMN state;
