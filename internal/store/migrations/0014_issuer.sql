-- Who a ticket was issued through: that device or program may see what it is for.

-- +goose Up
ALTER TABLE tickets ADD COLUMN issued_by TEXT NOT NULL DEFAULT ''; -- as in the audit: device:ID

-- +goose Down
ALTER TABLE tickets DROP COLUMN issued_by;
