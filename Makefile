# What the project needs beside Go, its own targets install (Debian, root): chromium for the console's test, PostgreSQL and Redis for Bluesky's.
GO ?= go
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: help test fmt vet words race test-postgres test-redis test-nodes test-console test-bluesky test-x-contract test-deploy bench figures fuzz demo build pictures

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

build: ## bin/takhojd, static
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/takhojd ./cmd/takhojd

demo: ## everything at once on this machine
	$(GO) run ./cmd/takhojd demo

test: fmt vet race test-postgres test-redis ## formatting, vet, staticcheck, tidiness, every test under the race detector, and what is kept on PostgreSQL and Redis

fmt:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "gofmt these:"; echo "$$unformatted"; exit 1; fi

vet:
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) mod tidy -diff

# Debian's Swedish word list: every term is held against it. Without root and apt the test that needs it says that it skips.
words:
	@[ -f /usr/share/dict/swedish ] || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq wswedish >/dev/null; } || echo "wswedish could not be installed"

race: words
	$(GO) test -race -timeout 20m ./...

STORED = ./moderation/store/... ./moderation/inbox ./archive ./moderation ./moderation/console

test-postgres: ## what is kept, kept by a PostgreSQL of the test's own
	sh test/postgres/with sh -c "$(GO) test -timeout 10m -p 1 $(STORED) && $(GO) test -run Migrate\|Backup\|Authorities ./cmd/takhojd"

test-redis: ## what Redis tells, by a Redis and a cluster of the test's own, which are flushed, killed, stopped and filled
	sh test/redis/with $(GO) test -timeout 10m -p 1 ./moderation/inbox ./moderation/budget
	sh test/postgres/with sh test/redis/with $(GO) test -timeout 10m ./moderation/inbox

test-nodes: ## six processes on one PostgreSQL and one Redis, killed, stopped and flushed at random
	sh test/postgres/with sh test/redis/with $(GO) test -race -timeout 10m -run SeveralProcesses\|Redis ./cmd/takhojd

test-console: build ## the console in a real Chromium
	sh test/console/install
	cd test/console && TAKHOJD_BIN=$(CURDIR)/bin/takhojd node run.mjs

pictures: build ## the pictures of the README, anew, from a demo in a real Chromium
	sh test/console/install
	cd test/console && TAKHOJD_BIN=$(CURDIR)/bin/takhojd node pictures.mjs $(CURDIR)/moderation/console/pictures

test-x-contract: ## the X adapter against the simulated X, with X's own description of its API between them
	sh test/x-contract/install
	TAKHOJD_PRISM=$(CURDIR)/test/x-contract/node_modules/.bin/prism $(GO) test -count=1 -timeout 5m -run '^TestContract$$' ./platforms/twitter

test-bluesky: ## the Bluesky adapter, and moderation on it, against a real network on this machine
	sh test/bluesky/install
	sh test/bluesky/run $(GO) test -count=1 ./test/bluesky

test-deploy: build ## containers, Kubernetes, units, alerts and the dashboard, by the field's own tools
	sh test/deploy/install
	TAKHOJD_BIN=$(CURDIR)/bin/takhojd sh test/deploy/run

bench: ## judge, commit and path; figures of a machine, not a verdict
	$(GO) test -run '^$$' -bench . -benchmem ./rules/... ./archive ./moderation ./platforms/facebook

figures: ## comments a second on SQLite, and on PostgreSQL with Redis, beside the bare disk, in one run of some minutes
	TAKHOJD_TEST_POSTGRES_FSYNC=on sh test/postgres/with sh test/redis/with sh test/figures/run

fuzz: ## a minute of each fuzz target
	@for p in $$($(GO) list ./...); do for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
		echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime 60s $$p || exit 1; done; done
