-- Who waits for a start to come free, and which starts they were offered.

-- +goose Up
CREATE TABLE waiting (
  id           TEXT PRIMARY KEY,
  token        TEXT NOT NULL UNIQUE,
  state        TEXT NOT NULL CHECK (state IN ('waiting', 'ended')),
  territory_id TEXT NOT NULL,
  office_id    TEXT NOT NULL, -- empty: any of the territory
  service_id   TEXT NOT NULL,
  from_day     TEXT NOT NULL,
  until_day    TEXT NOT NULL,
  people       BIGINT NOT NULL CHECK (people > 0),
  language     TEXT NOT NULL,
  name         TEXT NOT NULL, -- this and the next two are empty once it has ended
  email        TEXT NOT NULL,
  phone        TEXT NOT NULL,
  offer_id     TEXT NOT NULL DEFAULT '', -- the hold that was offered last
  reason       TEXT NOT NULL DEFAULT '', -- a code: why it ended
  created_at   BIGINT NOT NULL,
  ended_at     BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX waiting_state ON waiting (state, created_at);
CREATE INDEX waiting_offer ON waiting (offer_id);

CREATE TABLE waiting_offers (
  waiting_id TEXT NOT NULL REFERENCES waiting (id) ON DELETE CASCADE,
  office_id  TEXT NOT NULL,
  start_at   BIGINT NOT NULL,
  PRIMARY KEY (waiting_id, office_id, start_at)
);

CREATE TABLE waiting_persons (
  waiting_id TEXT NOT NULL REFERENCES waiting (id) ON DELETE CASCADE,
  kind       TEXT NOT NULL CHECK (kind IN ('email', 'phone', 'fiscal_code')),
  person     TEXT NOT NULL REFERENCES persons (person),
  PRIMARY KEY (waiting_id, kind)
);
CREATE INDEX waiting_persons_person ON waiting_persons (person);

-- +goose Down
DROP TABLE waiting_persons;
DROP TABLE waiting_offers;
DROP TABLE waiting;
