-- Devices and printers are found by their names.

-- +goose Up
ALTER TABLE devices ADD COLUMN folded TEXT NOT NULL DEFAULT '';  -- its name as it is searched for
ALTER TABLE printers ADD COLUMN folded TEXT NOT NULL DEFAULT ''; -- its name and address as they are searched for
UPDATE devices SET folded = lower(name);
UPDATE printers SET folded = lower(name || ' ' || uri);

-- +goose Down
ALTER TABLE printers DROP COLUMN folded;
ALTER TABLE devices DROP COLUMN folded;
