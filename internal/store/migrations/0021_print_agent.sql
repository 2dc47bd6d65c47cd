-- Which run of a print agent holds a job that is sent.

-- +goose Up
ALTER TABLE print_jobs ADD COLUMN holder TEXT NOT NULL DEFAULT ''; -- '' the server itself

-- +goose Down
ALTER TABLE print_jobs DROP COLUMN holder;
