-- Where the paper of a kiosk comes out when its printer prints nothing.

-- +goose Up
ALTER TABLE devices ADD COLUMN fallback_id TEXT NOT NULL DEFAULT '';    -- printer, "" none
ALTER TABLE print_jobs ADD COLUMN fallback_id TEXT NOT NULL DEFAULT ''; -- printer that takes the job over; "" none, or it has

-- +goose Down
ALTER TABLE print_jobs DROP COLUMN fallback_id;
ALTER TABLE devices DROP COLUMN fallback_id;
