-- Mail to be sent.

-- +goose Up
CREATE TABLE messages (
  id         TEXT PRIMARY KEY,
  key        TEXT UNIQUE,            -- one message for it, NULL: as many as asked for
  state      TEXT NOT NULL CHECK (state IN ('queued', 'sent', 'failed')),
  code       TEXT NOT NULL DEFAULT '', -- why it was not sent yet or at all
  recipient  TEXT NOT NULL,          -- empty once it is settled, and so are subject and body
  subject    TEXT NOT NULL,
  body       TEXT NOT NULL,
  attempts   BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  next_at    BIGINT NOT NULL,        -- not to be tried before
  settled_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX messages_due ON messages (state, next_at);

-- +goose Down
DROP TABLE messages;
