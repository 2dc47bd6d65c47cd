-- Time of officers and rooms that is not for sale although nobody booked it. It may overlap claims.

-- +goose Up
CREATE TABLE busy (
  id          TEXT PRIMARY KEY,
  source      TEXT NOT NULL, -- desk: staff blocked it; else the external calendar that says so
  resource_id TEXT NOT NULL, -- as in claims
  from_at     BIGINT NOT NULL,
  until_at    BIGINT NOT NULL CHECK (until_at > from_at),
  reason      TEXT NOT NULL, -- a code
  made_by     TEXT NOT NULL
);
CREATE INDEX busy_resource ON busy (resource_id, until_at);
CREATE INDEX busy_until ON busy (until_at);

-- +goose Down
DROP TABLE busy;
