-- Appointments, who does them, and the officers' and rooms' time that they take.

-- +goose Up
CREATE TABLE appointments (
  id           TEXT PRIMARY KEY,
  token        TEXT NOT NULL UNIQUE,
  reference    TEXT NOT NULL UNIQUE, -- such as KX742P, shown as KX7-42P
  territory_id TEXT NOT NULL,
  office_id    TEXT NOT NULL,
  service_id   TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state IN ('held', 'booked', 'arrived', 'in_service', 'served', 'cancelled', 'expired', 'no_show')),
  day          TEXT NOT NULL,        -- the office's date at its start
  start_at     BIGINT NOT NULL,
  end_at       BIGINT NOT NULL CHECK (end_at > start_at),
  people       BIGINT NOT NULL CHECK (people > 0),
  language     TEXT NOT NULL,        -- of the citizen
  must_speak   BOOLEAN NOT NULL,     -- somebody there must speak it
  channel      TEXT NOT NULL,
  hold_until   BIGINT NOT NULL,      -- while it is held, else 0
  room_id      TEXT NOT NULL,        -- empty: none
  name         TEXT NOT NULL DEFAULT '', -- this and the next three are empty once they are erased
  email        TEXT NOT NULL DEFAULT '',
  phone        TEXT NOT NULL DEFAULT '',
  note         TEXT NOT NULL DEFAULT '',
  erased_at    BIGINT NOT NULL DEFAULT 0,
  reason       TEXT NOT NULL DEFAULT '', -- a code: why it was cancelled
  sequence     BIGINT NOT NULL DEFAULT 0, -- of its changes, for calendars (RFC 5545 section 3.8.7.4)
  created_at   BIGINT NOT NULL,
  changed_at   BIGINT NOT NULL,
  arrived_at   BIGINT NOT NULL DEFAULT 0,
  started_at   BIGINT NOT NULL DEFAULT 0,
  ended_at     BIGINT NOT NULL DEFAULT 0, -- served, cancelled, expired, no-show
  CHECK ((state = 'held') = (hold_until > 0))
);
CREATE INDEX appointments_office ON appointments (office_id, day, state);
CREATE INDEX appointments_held ON appointments (state, hold_until);
CREATE INDEX appointments_end ON appointments (erased_at, end_at);

-- Who does an appointment. One officer may cover several needs.
CREATE TABLE appointment_staff (
  appointment_id TEXT NOT NULL REFERENCES appointments (id) ON DELETE CASCADE,
  need           TEXT NOT NULL, -- the institution, empty: a language mediator
  officer_id     TEXT NOT NULL, -- of the appointment's territory
  position       BIGINT NOT NULL, -- in the order of the needs
  PRIMARY KEY (appointment_id, need)
);

-- Five minutes of one officer or room, across all offices.
CREATE TABLE claims (
  resource_id    TEXT NOT NULL, -- officer:TERRITORY:ID, room:OFFICE:ID
  slot_at        BIGINT NOT NULL,
  appointment_id TEXT NOT NULL REFERENCES appointments (id) ON DELETE CASCADE,
  until          BIGINT NOT NULL, -- end of the hold, 0: booked
  PRIMARY KEY (resource_id, slot_at)
);
CREATE INDEX claims_appointment ON claims (appointment_id);
CREATE INDEX claims_slot ON claims (slot_at);

-- On which days the claims of those who work at an office changed, and when last.
CREATE TABLE diary_days (
  office_id TEXT NOT NULL,
  day       TEXT NOT NULL,
  version   BIGINT NOT NULL, -- of the office
  PRIMARY KEY (office_id, day)
);
CREATE INDEX diary_days_version ON diary_days (office_id, version);

-- Whose appointments are whose, without telling who: HMAC-SHA-256 with the installation's key.
CREATE TABLE persons (
  person  TEXT PRIMARY KEY,
  seen_at BIGINT NOT NULL
);

CREATE TABLE appointment_persons (
  appointment_id TEXT NOT NULL REFERENCES appointments (id) ON DELETE CASCADE,
  kind           TEXT NOT NULL CHECK (kind IN ('email', 'phone', 'fiscal_code')),
  person         TEXT NOT NULL REFERENCES persons (person),
  PRIMARY KEY (appointment_id, kind)
);
CREATE INDEX appointment_persons_person ON appointment_persons (person);

-- +goose Down
DROP TABLE appointment_persons;
DROP TABLE persons;
DROP TABLE diary_days;
DROP TABLE claims;
DROP TABLE appointment_staff;
DROP TABLE appointments;
