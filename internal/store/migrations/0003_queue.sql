-- Tickets, the desks at work, and what staff stopped.

-- +goose Up
CREATE TABLE ticket_counters (
  office_id TEXT NOT NULL,
  series    TEXT NOT NULL,
  day       TEXT NOT NULL,
  last      BIGINT NOT NULL,
  PRIMARY KEY (office_id, series, day)
);

CREATE TABLE tickets (
  id             TEXT PRIMARY KEY,
  token          TEXT NOT NULL UNIQUE,
  office_id      TEXT NOT NULL,
  day            TEXT NOT NULL,
  series         TEXT NOT NULL,
  number         BIGINT NOT NULL,
  seq            BIGINT NOT NULL,      -- the office's version at issue: order of issue across series
  area_id        TEXT NOT NULL,
  service_id     TEXT NOT NULL,
  institution_id TEXT NOT NULL,        -- only desks acting for it (after a transfer), empty: any
  desk_id        TEXT NOT NULL,        -- only this desk (after a transfer), empty: any
  state          TEXT NOT NULL CHECK (state IN ('waiting', 'called', 'serving', 'served', 'parked', 'no_show', 'cancelled', 'not_served')),
  origin         TEXT NOT NULL,        -- kiosk, desk, program, appointment
  precedence     BOOLEAN NOT NULL,
  language       TEXT NOT NULL,
  request_key    TEXT,                 -- SHA-256 of who asked, the day and the key: one ticket for it
  request_hash   TEXT NOT NULL DEFAULT '', -- SHA-256 of what was asked, empty: does not matter
  appointment_at BIGINT NOT NULL,      -- start of the appointment, 0: a walk-in
  came_back      TEXT NOT NULL,        -- returned, resumed, transferred: why it waits again
  issued_at      BIGINT NOT NULL,
  due_at         BIGINT NOT NULL,
  called_at      BIGINT NOT NULL DEFAULT 0, -- last call
  started_at     BIGINT NOT NULL DEFAULT 0,
  ended_at       BIGINT NOT NULL DEFAULT 0, -- served, no-show, cancelled, not served
  calls          BIGINT NOT NULL DEFAULT 0, -- since it last waited
  why            TEXT NOT NULL DEFAULT '',  -- the rule's reason for calling it last, or chosen
  outcome        TEXT NOT NULL DEFAULT '',
  reason         TEXT NOT NULL DEFAULT '',  -- why parked, or called out of order
  served_as      TEXT NOT NULL DEFAULT '',  -- the service that was done, when it was another
  changed_at     BIGINT NOT NULL,
  undo           TEXT NOT NULL DEFAULT '',  -- JSON of what the last step changed, while it can be undone
  UNIQUE (office_id, series, day, number),
  UNIQUE (office_id, request_key)
);
CREATE INDEX tickets_open ON tickets (office_id, state, day);
CREATE INDEX tickets_ended ON tickets (office_id, ended_at);

-- A desk has at most one ticket at a time; a joint ticket has a row for each of its desks.
CREATE TABLE desk_tickets (
  office_id TEXT NOT NULL,
  desk_id   TEXT NOT NULL,
  ticket_id TEXT NOT NULL REFERENCES tickets (id),
  position  BIGINT NOT NULL, -- 0: the desk that called
  PRIMARY KEY (office_id, desk_id)
);
CREATE INDEX desk_tickets_ticket ON desk_tickets (ticket_id);

CREATE TABLE desks_at_work (
  office_id  TEXT NOT NULL,
  desk_id    TEXT NOT NULL,
  officer_id TEXT NOT NULL,
  user_id    TEXT NOT NULL UNIQUE,   -- nobody is in two places
  services   TEXT NOT NULL,          -- JSON array of service ids served now
  state      TEXT NOT NULL CHECK (state IN ('open', 'paused')),
  reason     TEXT NOT NULL DEFAULT '',
  paused_at  BIGINT NOT NULL DEFAULT 0,
  back_at    BIGINT NOT NULL DEFAULT 0,
  opened_at  BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,        -- last sign of life: a desk without one is closed after hours
  help_at    BIGINT NOT NULL DEFAULT 0,
  released   TEXT NOT NULL DEFAULT '[]', -- JSON array of tickets this desk does not wait for
  PRIMARY KEY (office_id, desk_id),
  UNIQUE (office_id, officer_id)
);

-- What was called, in order; boards show and speak it.
CREATE TABLE calls (
  office_id TEXT NOT NULL,
  version   BIGINT NOT NULL, -- the office's, when it was called
  ticket_id TEXT NOT NULL REFERENCES tickets (id),
  desks     TEXT NOT NULL,   -- JSON array of desk ids, the calling one first
  called_at BIGINT NOT NULL,
  repeat    BIGINT NOT NULL, -- 1: the first call
  withdrawn BOOLEAN NOT NULL DEFAULT FALSE, -- undone
  PRIMARY KEY (office_id, version)
);
CREATE INDEX calls_at ON calls (office_id, called_at);

CREATE TABLE service_stops (
  office_id  TEXT NOT NULL,
  service_id TEXT NOT NULL,
  day        TEXT NOT NULL,
  reason     TEXT NOT NULL,
  stopped_at BIGINT NOT NULL,
  user_id    TEXT NOT NULL,
  PRIMARY KEY (office_id, service_id, day)
);

-- +goose Down
DROP TABLE service_stops;
DROP TABLE calls;
DROP TABLE desks_at_work;
DROP TABLE desk_tickets;
DROP TABLE tickets;
DROP TABLE ticket_counters;
