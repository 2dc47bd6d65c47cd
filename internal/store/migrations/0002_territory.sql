-- What managers configure. A body is the object's form in a territory file, as JSON; rev rises with
-- every change of the row, the territory's stamp is new with every change of anything in it.

-- +goose Up
CREATE TABLE territories (
  id    TEXT PRIMARY KEY,
  rev   BIGINT NOT NULL DEFAULT 1,
  stamp TEXT NOT NULL,
  body  TEXT NOT NULL
);

CREATE TABLE institutions (
  territory_id TEXT NOT NULL REFERENCES territories (id),
  id           TEXT NOT NULL,
  position     BIGINT NOT NULL,
  rev          BIGINT NOT NULL DEFAULT 1,
  body         TEXT NOT NULL,
  PRIMARY KEY (territory_id, id)
);

CREATE TABLE services (
  territory_id TEXT NOT NULL REFERENCES territories (id),
  id           TEXT NOT NULL,
  position     BIGINT NOT NULL,
  rev          BIGINT NOT NULL DEFAULT 1,
  body         TEXT NOT NULL, -- only what differs, for a service of the built-in catalogue
  PRIMARY KEY (territory_id, id)
);

CREATE TABLE needs (
  territory_id TEXT NOT NULL REFERENCES territories (id),
  id           TEXT NOT NULL,
  position     BIGINT NOT NULL,
  rev          BIGINT NOT NULL DEFAULT 1,
  body         TEXT NOT NULL,
  PRIMARY KEY (territory_id, id)
);

CREATE TABLE offices (
  id           TEXT PRIMARY KEY, -- across territories
  territory_id TEXT NOT NULL REFERENCES territories (id),
  position     BIGINT NOT NULL,
  rev          BIGINT NOT NULL DEFAULT 1,
  body         TEXT NOT NULL
);
CREATE INDEX offices_territory ON offices (territory_id);

CREATE TABLE officers (
  territory_id TEXT NOT NULL REFERENCES territories (id),
  id           TEXT NOT NULL,
  position     BIGINT NOT NULL,
  rev          BIGINT NOT NULL DEFAULT 1,
  body         TEXT NOT NULL,
  PRIMARY KEY (territory_id, id)
);

-- Whoever changes an office's queue, diary or configuration first raises its version: that
-- serialises the office, and the version is the id of its live events.
CREATE TABLE office_state (
  office_id TEXT PRIMARY KEY REFERENCES offices (id),
  version   BIGINT NOT NULL DEFAULT 0
);

-- +goose Down
DROP TABLE office_state;
DROP TABLE officers;
DROP TABLE offices;
DROP TABLE needs;
DROP TABLE services;
DROP TABLE institutions;
DROP TABLE territories;
