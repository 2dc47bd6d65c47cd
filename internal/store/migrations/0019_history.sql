-- What the objects of territories were, so that a manager sees what was changed, when and by whom.

-- +goose Up
CREATE TABLE territory_history (
  territory_id TEXT NOT NULL REFERENCES territories (id),
  kind         TEXT NOT NULL,   -- institution, service, need, office, officer, territory
  object_id    TEXT NOT NULL,
  rev          BIGINT NOT NULL, -- of the object from then on
  body         TEXT NOT NULL,   -- empty: it was removed
  changed_at   BIGINT NOT NULL, -- 0: before there was a history
  changed_by   TEXT NOT NULL,
  PRIMARY KEY (territory_id, kind, object_id, rev)
);
CREATE INDEX territory_history_at ON territory_history (territory_id, changed_at);

-- +goose Down
DROP TABLE territory_history;
