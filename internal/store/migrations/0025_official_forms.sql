-- Forms as institutions publish them, in versions, and the fields that are placed on their pages.

-- +goose Up
CREATE TABLE official_forms (
  id           TEXT PRIMARY KEY,
  territory_id TEXT NOT NULL REFERENCES territories (id),
  form_key     TEXT NOT NULL,     -- as services name their form
  version      BIGINT NOT NULL CHECK (version > 0),
  institution  TEXT NOT NULL,     -- id
  names        TEXT NOT NULL,     -- JSON, by language
  folded       TEXT NOT NULL,     -- what is searched
  legal        TEXT NOT NULL,     -- the law it rests on and the institution's own mark
  state        TEXT NOT NULL CHECK (state IN ('draft', 'published', 'withdrawn')),
  rev          BIGINT NOT NULL,
  pdf          TEXT NOT NULL,     -- base64, cleaned
  sha256       TEXT NOT NULL,     -- of the file as it came
  pages        TEXT NOT NULL,     -- JSON, their sizes
  size         BIGINT NOT NULL,   -- bytes of the file as it came
  created_at   BIGINT NOT NULL,
  published_at BIGINT NOT NULL,   -- 0 never
  withdrawn_at BIGINT NOT NULL,   -- 0 not yet
  UNIQUE (territory_id, form_key, version)
);
CREATE UNIQUE INDEX official_forms_published ON official_forms (territory_id, form_key) WHERE state = 'published';
CREATE UNIQUE INDEX official_forms_draft ON official_forms (territory_id, form_key) WHERE state = 'draft';

CREATE TABLE official_fields (
  form_id   TEXT NOT NULL REFERENCES official_forms (id),
  seq       BIGINT NOT NULL,
  field_key TEXT NOT NULL,
  page      BIGINT NOT NULL CHECK (page > 0),
  x         BIGINT NOT NULL,      -- measures in hundredths of a point, from the top left corner
  y         BIGINT NOT NULL,
  width     BIGINT NOT NULL CHECK (width > 0),
  height    BIGINT NOT NULL CHECK (height > 0),
  kind      TEXT NOT NULL CHECK (kind IN ('text', 'date', 'comb', 'check')),
  type_size BIGINT NOT NULL,      -- 0 as the box allows
  cells     BIGINT NOT NULL,
  part      TEXT NOT NULL CHECK (part IN ('', 'day', 'month', 'year')),
  value     TEXT NOT NULL,        -- that a check is for, '' any
  PRIMARY KEY (form_id, seq)
);

-- +goose Down
DROP TABLE official_fields;
DROP TABLE official_forms;
