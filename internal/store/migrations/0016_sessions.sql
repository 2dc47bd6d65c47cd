-- Appointments that many share, and their seats.

-- +goose Up
ALTER TABLE appointments ADD COLUMN session BOOLEAN NOT NULL DEFAULT FALSE; -- that many share: see meetings

-- What an appointment has besides that many share. Its officers, room, time and claims are the appointment's.
CREATE TABLE meetings (
  id          TEXT PRIMARY KEY REFERENCES appointments (id) ON DELETE CASCADE,
  state       TEXT NOT NULL CHECK (state IN ('planned', 'cancelled', 'held')),
  topic       TEXT NOT NULL,
  capacity    BIGINT NOT NULL CHECK (capacity > 0),
  taken       BIGINT NOT NULL DEFAULT 0 CHECK (taken >= 0 AND taken <= capacity), -- people
  funding_tag TEXT NOT NULL -- a code: who pays for it; empty: nobody in particular
);

CREATE TABLE seats (
  id         TEXT PRIMARY KEY,
  token      TEXT NOT NULL UNIQUE,
  reference  TEXT NOT NULL UNIQUE, -- such as KX742PD, shown as KX7-42PD
  meeting_id TEXT NOT NULL REFERENCES meetings (id),
  state      TEXT NOT NULL CHECK (state IN ('waiting', 'taken', 'given_up', 'present', 'absent')),
  people     BIGINT NOT NULL CHECK (people > 0),
  language   TEXT NOT NULL,
  name       TEXT NOT NULL, -- this and the next three are empty once they are erased
  email      TEXT NOT NULL,
  phone      TEXT NOT NULL,
  note       TEXT NOT NULL,
  erased_at  BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  changed_at BIGINT NOT NULL
);
CREATE INDEX seats_meeting ON seats (meeting_id, state, created_at);

CREATE TABLE seat_persons (
  seat_id TEXT NOT NULL REFERENCES seats (id) ON DELETE CASCADE,
  kind    TEXT NOT NULL CHECK (kind IN ('email', 'phone', 'fiscal_code')),
  person  TEXT NOT NULL REFERENCES persons (person),
  PRIMARY KEY (seat_id, kind)
);
CREATE INDEX seat_persons_person ON seat_persons (person);

-- +goose Down
DROP TABLE seat_persons;
DROP TABLE seats;
DROP TABLE meetings;
DELETE FROM appointments WHERE session;
ALTER TABLE appointments DROP COLUMN session;
