-- The public texts that managers wrote in place of ours.

-- +goose Up
CREATE TABLE texts (
  territory_id TEXT NOT NULL REFERENCES territories (id),
  name         TEXT NOT NULL CHECK (name IN ('privacy', 'accessibility')),
  language     TEXT NOT NULL,
  rev          BIGINT NOT NULL,
  body         TEXT NOT NULL,   -- Markdown; empty: our text holds again
  changed_at   BIGINT NOT NULL,
  changed_by   TEXT NOT NULL,   -- as in the audit: user:ID
  PRIMARY KEY (territory_id, name, language)
);

-- +goose Down
DROP TABLE texts;
