-- Managers may write messages anew too: any text has a name.

-- +goose Up
ALTER TABLE texts RENAME TO texts_before;
CREATE TABLE texts (
  territory_id TEXT NOT NULL REFERENCES territories (id),
  name         TEXT NOT NULL,
  language     TEXT NOT NULL,
  rev          BIGINT NOT NULL,
  body         TEXT NOT NULL,   -- Markdown, of a message plain text; empty: our text holds again
  changed_at   BIGINT NOT NULL,
  changed_by   TEXT NOT NULL,   -- as in the audit: user:ID
  CONSTRAINT texts_key PRIMARY KEY (territory_id, name, language)
);
INSERT INTO texts (territory_id, name, language, rev, body, changed_at, changed_by)
SELECT territory_id, name, language, rev, body, changed_at, changed_by FROM texts_before;
DROP TABLE texts_before;

-- +goose Down
DELETE FROM texts WHERE name NOT IN ('privacy', 'accessibility');
