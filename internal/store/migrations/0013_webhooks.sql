-- Messages that wait for their time, expire, carry files or go to a gateway.

-- +goose Up
ALTER TABLE messages RENAME COLUMN created_at TO due_at; -- its time: when it was queued, or later
ALTER TABLE messages ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0; -- from then on it is not sent
ALTER TABLE messages ADD COLUMN way TEXT NOT NULL DEFAULT 'mail' CHECK (way IN ('mail', 'hook'));
ALTER TABLE messages ADD COLUMN topic TEXT; -- the first two parts of the key
ALTER TABLE messages ADD COLUMN language TEXT NOT NULL DEFAULT ''; -- empty once it is settled, and so are
ALTER TABLE messages ADD COLUMN attachments TEXT NOT NULL DEFAULT ''; -- JSON
UPDATE messages SET expires_at = due_at + 259200000;
DROP INDEX messages_due;
CREATE INDEX messages_due ON messages (state, way, next_at);
CREATE INDEX messages_topic ON messages (topic);

-- +goose Down
DELETE FROM messages WHERE way <> 'mail';
DROP INDEX messages_topic;
DROP INDEX messages_due;
ALTER TABLE messages DROP COLUMN attachments;
ALTER TABLE messages DROP COLUMN language;
ALTER TABLE messages DROP COLUMN topic;
ALTER TABLE messages DROP COLUMN way;
ALTER TABLE messages DROP COLUMN expires_at;
ALTER TABLE messages RENAME COLUMN due_at TO created_at;
CREATE INDEX messages_due ON messages (state, next_at);
