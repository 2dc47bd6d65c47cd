-- Two may bring a calendar in step at once: who writes down what stands there has not been overtaken.

-- +goose Up
ALTER TABLE calendar_sources ADD COLUMN turn BIGINT NOT NULL DEFAULT 0; -- raised by each who wrote something down

-- +goose Down
ALTER TABLE calendar_sources DROP COLUMN turn;
