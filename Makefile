# One command each. `make run` and `make test` set themselves up; everything they make is in .venv/ and var/.

BIN := .venv/bin
FLASK := $(BIN)/flask --app wsgi
TRANSLATIONS := $(patsubst %.po,%.mo,$(wildcard app/translations/*/*/LC_MESSAGES/messages.po))
UV_LOCK = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
	--python-version 3.11 pyproject.toml

PORT ?= 8000
export PORT

# Compiled modules are kept, whatever the shell says: the platform is many processes, and so are its tests.
export PYTHONDONTWRITEBYTECODE :=

# The tests in parallel. A browser drives the application in real time and is not disturbed by other tests.
# More than the cores: many tests wait for processes that they started or killed.
WORKERS ?= 3
BROWSERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run worker totp db test sure lint types check-tests check-given isolation chromium pgbouncer fix bench audit lock reset

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup ## Run the platform with two demo hospitals: web, worker, scheduler, databases (PORT=8000)
	@exec $(BIN)/python -m app.cli.run

test: setup-dev chromium pgbouncer sure ## Set up and check everything: lint, layers, types, unit, integration, browser

setup: ## Make .venv with what running needs, and compile the translations
	@scripts/setup demo
	@$(MAKE) --no-print-directory --silent translations

setup-dev:
	@scripts/setup dev
	@$(MAKE) --no-print-directory --silent translations

.PHONY: translations
translations: $(TRANSLATIONS)

%.mo: %.po
	@$(BIN)/pybabel --quiet compile --input-file $< --output-file $@

worker: setup ## Run one more worker beside a running platform
	@exec $(BIN)/python -m app.cli.within worker

totp: setup ## Print the codes that the demo accounts' authenticator apps show now
	@$(BIN)/python -m app.cli.demo

db: setup ## Open psql on the central database of a running platform
	@exec $(BIN)/python -m app.cli.db_shell $(DATABASE)

sure: lint types check-tests check-given ## The one gate before a commit: lint, layers, types, all tests

lint: setup-dev ## Check style, templates, security findings and the layers
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/djlint --quiet --lint app/templates
	@$(BIN)/bandit --quiet --recursive --severity-level medium app
	@$(BIN)/lint-imports

types: setup-dev ## Check the types
	@$(BIN)/mypy

check-tests: setup-dev chromium pgbouncer
	@PGBOUNCER="$$(scripts/ensure-pgbouncer)" $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not browser"
	@CHROMIUM="$$(scripts/ensure-chromium)" $(BIN)/python -m pytest -n $(BROWSERS) --dist loadgroup -m browser

isolation: setup-dev ## Prove that hospitals and people are kept apart: five gates, with what they covered
	@ISOLATION_LONG=1 $(BIN)/python -m pytest tests/isolation -q -n $(WORKERS) --dist loadgroup

# The same code over the PostgreSQL and Redis that are installed here, where there are any.
check-given: setup-dev pgbouncer
	@PGBOUNCER="$$(scripts/ensure-pgbouncer)" $(BIN)/python scripts/test-given-servers

chromium:
	@scripts/ensure-chromium >/dev/null

pgbouncer:
	@scripts/ensure-pgbouncer >/dev/null

fix: setup-dev ## Put right what can be put right by itself: imports, format
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

bench: setup-dev ## Run every benchmark
	@set -e; for script in bench/*.py; do $(BIN)/python "$$script" $(ARGS); done

audit: setup-dev ## Ask whether a locked package has a known vulnerability (needs the network)
	@$(BIN)/pip-audit --strict --disable-pip --requirement requirements/dev.txt

lock: setup-dev ## Compile requirements/*.txt from pyproject.toml, keeping the versions that still fit
	@$(UV_LOCK) --group dev --output-file requirements/dev.txt $(ARGS)
	@$(UV_LOCK) --output-file requirements/app.txt $(ARGS)
	@$(UV_LOCK) --group streams --output-file requirements/streams.txt $(ARGS)
	@$(UV_LOCK) --group demo --output-file requirements/demo.txt $(ARGS)
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 --group setup --output-file requirements/setup.txt $(ARGS)
	@scripts/check-locks

reset: setup ## Remove var/ to start over: databases, queues, files, demo accounts
	@$(BIN)/python -m app.core.embedded reset
