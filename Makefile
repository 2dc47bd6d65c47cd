# make run    set up what is missing and start the demonstration on 127.0.0.1:8080
# make test   set up what is missing and pass every check
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build
export CGO_ENABLED := 1

assets := static/dist/manifest.json

.PHONY: run test test-program test-packages peers build assets lint fmt bench torture fuzz clean

run: build
	bin/sportello demo $(ARGS)

build: $(assets)
	@.ci/need go gcc
	go build -trimpath -o bin/sportello ./cmd/sportello

assets: $(assets)

$(assets): static/node_modules/.package-lock.json static/build.mjs $(shell find static/src static/messages booking/territory/demo -type f)
	cd static && npm run --silent build
	@touch $@

static/node_modules/.package-lock.json: static/package-lock.json static/.npmrc
	@.ci/need npm
	cd static && npm ci --no-fund --no-audit
	@touch $@

# The tests judge our output with other programs: a browser, poppler, zbar, espeak-ng, PostgreSQL,
# nginx, Caddy, CUPS, systemd, two readers of iCalendar, vdirsyncer and khal,
# two servers of calendars.
test: build
	@.ci/need go gcc npm chromium pdftotext zbarimg qpdf espeak-ng postgres nginx caddy cupsd systemd-analyze \
		python3-icalendar python3-vobject python3-bcrypt vdirsyncer khal radicale xandikos htpasswd
	$(MAKE) --no-print-directory lint
	.ci/with-postgres $(MAKE) --no-print-directory -j 2 test-program test-packages

# The browsers' mornings and the pages take as long as everything else, which goes on beside them.
test-program:
	go test -p 1 -timeout 25m $(ARGS) ./cmd/sportello ./kiosk

raced := internal|queue|printouts/spool

test-packages:
	go test -p 1 -timeout 25m -race $(ARGS) $$(go list ./... | grep -E '^sportello/($(raced))(/|$$)')
	go test -p 1 -timeout 25m $(ARGS) $$(go list ./... | grep -vE '^sportello/($(raced)|cmd|kiosk)(/|$$)')

# Thunderbird reads once a minute at most, so that to follow it takes some.
peers: $(assets)
	@.ci/need go gcc thunderbird
	SPORTELLO_PEERS=1 go test -count 1 -v -run Thunderbird ./kiosk

lint: $(assets)
	@test -z "$$(go tool gofumpt -l cmd kiosk booking queue printouts internal static/*.go | tee /dev/stderr)" || { echo "run make fmt"; exit 1; }
	go vet ./...
	go tool staticcheck ./...

fmt:
	go tool gofumpt -w cmd kiosk booking queue printouts internal static/*.go

bench: $(assets)
	go test -run '^$$' -bench . -benchmem $(ARGS) ./queue/... ./booking/... ./printouts/... ./kiosk/...

# The long forms of what make test runs in short: many more kills, races and touches.
torture: build
	@.ci/need go gcc postgres
	SPORTELLO_TORTURE=1 .ci/with-postgres go test -timeout 80m -race -count 5 -run 'Storm|Kill' ./queue ./cmd/sportello

fuzz: $(assets)
	go test -fuzz FuzzParse -fuzztime 60s ./booking/territory
	go test -fuzz FuzzText -fuzztime 60s ./booking/timetable
	go test -fuzz FuzzText -fuzztime 60s ./booking/ical
	go test -fuzz FuzzScan -fuzztime 60s ./booking/fiscalcode
	go test -fuzz FuzzDecode -fuzztime 60s ./booking/ical
	go test -fuzz FuzzRule -fuzztime 60s ./booking/ical
	go test -fuzz FuzzExpand -fuzztime 60s ./booking/ical

clean:
	rm -rf bin static/dist/* static/node_modules
