-- Tickets of appointments, and joint tickets whose institutions are met one after another.

-- +goose Up
ALTER TABLE tickets ADD COLUMN appointment_id TEXT REFERENCES appointments (id); -- NULL: a walk-in
ALTER TABLE tickets ADD COLUMN part TEXT NOT NULL DEFAULT ''; -- the institution that it is called or served for alone
ALTER TABLE tickets ADD COLUMN done TEXT NOT NULL DEFAULT '[]'; -- JSON array of institutions whose part is done
CREATE UNIQUE INDEX tickets_appointment ON tickets (appointment_id);
CREATE INDEX appointments_state ON appointments (office_id, state, day);

-- +goose Down
DROP INDEX appointments_state;
DROP INDEX tickets_appointment;
ALTER TABLE tickets DROP COLUMN done;
ALTER TABLE tickets DROP COLUMN part;
ALTER TABLE tickets DROP COLUMN appointment_id;
