-- The audit's chain: each line's hash covers the line before it. Lines written before this step have
-- no hash of their own; the scope's next line covers them all.

-- +goose Up
ALTER TABLE audit ADD COLUMN hash TEXT NOT NULL DEFAULT ''; -- SHA-256 in hex; empty: written before the chain
ALTER TABLE audit_heads ADD COLUMN line BIGINT NOT NULL DEFAULT -1; -- of the scope's last line, -1: none yet
ALTER TABLE audit_heads ADD COLUMN hash TEXT NOT NULL DEFAULT '';

DELETE FROM audit_heads;
INSERT INTO audit_heads (scope, version, line)
SELECT a.scope, a.version, a.line FROM audit a
WHERE NOT EXISTS (
  SELECT 1 FROM audit b
  WHERE b.scope = a.scope AND (b.version > a.version OR b.version = a.version AND b.line > a.line));

-- A reader asks for one scope after the other, newest first.
DROP INDEX audit_at;
CREATE INDEX audit_at ON audit (scope, at);
CREATE INDEX audit_actor ON audit (scope, actor, at, version, line);
CREATE INDEX audit_action ON audit (scope, action, at, version, line);
CREATE INDEX audit_subject ON audit (scope, subject, at, version, line);

-- The days whose heads were written outside of the database.
CREATE TABLE audit_notes (
  day      TEXT NOT NULL,
  way      TEXT NOT NULL, -- syslog, mail
  noted_at BIGINT NOT NULL,
  PRIMARY KEY (day, way)
);

-- +goose Down
DROP TABLE audit_notes;
DROP INDEX audit_subject;
DROP INDEX audit_action;
DROP INDEX audit_actor;
DROP INDEX audit_at;
CREATE INDEX audit_at ON audit (at);
ALTER TABLE audit_heads DROP COLUMN hash;
ALTER TABLE audit_heads DROP COLUMN line;
ALTER TABLE audit DROP COLUMN hash;
