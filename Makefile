SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PYTHON ?= python3
BEFORE ?= 49ae295
BIN := .venv/bin
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet
LOCK := $(BIN)/pip-compile --quiet --strip-extras --allow-unsafe --generate-hashes --no-header --no-emit-options \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

.PHONY: help install run test explore hostile chaos broken year lint format docs bench lock stop

help: ## list what can be done
	@echo "Referral Relay: make <target>"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: .venv/.installed .relay/kafka/classes.jsa ## put everything into .venv and .relay, and start nothing

run: install ## play a year in the life of one family on a Kafka and a PostgreSQL of its own, and stay up (PACE=1 to read along)
	@$(BIN)/relay run $(if $(PACE),--pace)

test: install ## run every test, on real servers that the tests start and end
	@$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

explore: install ## draw new values for every generated case, where tests use the same ones in every run
	@$(BIN)/pytest -n 2 --hypothesis-profile explore -m "not broker" tests/unit tests/contract

hostile: install ## go through ten times as much hostile input as the tests do, for minutes
	@HOSTILE_TIMES=10 $(BIN)/pytest -n 2 --dist loadfile tests/hostile -m "not broker"

chaos: install .relay/bin/toxiproxy ## a hundred faults of every kind under load; write docs/reliability.md from what agencies hold then
	@$(BIN)/python -m tests.chaos

broken: install ## break each mechanism of the engine once, and see whether a run under faults tells; write docs/broken.md
	@$(BIN)/python -m tests.chaos.broken

year: install ## put a national year of incidents through, judged as it goes: hours (PART=50 for one in fifty); write docs/year.md
	@$(BIN)/python -m tests.chaos.year $(if $(PART),--part $(PART))

lint: install ## check format, rules, types, imports and dependencies, and change nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry .

format: install ## format the code and mend what ruff can mend safely
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: install ## write the event catalogue, the table of situations and the drawing of imports in docs/ again
	$(BIN)/python -m services.ops.catalogue
	$(BIN)/python -m tests.support.imports
	$(BIN)/python -m tests.situations.document

bench: install .venv-bench/.installed ## measure the relay beside what people would use instead, and beside the release BEFORE: an hour (add QUICK=1 for less)
	@.venv-bench/bin/python -m tests.bench $(if $(QUICK),--quick) $(if $(BEFORE),--before $(BEFORE)) $(SECTIONS)

lock: install ## choose package versions again, within requirements*.in (add UPGRADE=1 for the newest)
	$(LOCK) $(if $(UPGRADE),--upgrade) --output-file requirements.txt requirements.in
	$(LOCK) $(if $(UPGRADE),--upgrade) --constraint requirements.txt --output-file requirements-local.txt requirements-local.in
	$(LOCK) $(if $(UPGRADE),--upgrade) --output-file requirements-dev.txt requirements-dev.in
	$(LOCK) $(if $(UPGRADE),--upgrade) --output-file requirements-bench.txt requirements-bench.in

stop: ## stop a `make run` that is still up
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m services.platform.local.running; else echo 'No `make run` with servers of its own is up.'; fi

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=<which> ...")'
	@echo "Making the virtual environment in .venv ..."
	@$(PYTHON) -m venv .venv

.venv/.installed: requirements.txt requirements-local.txt requirements-dev.txt pyproject.toml | .venv/bin/python
	@echo "Installing Python packages into .venv (the first time this takes a minute or two) ..."
	@$(PIP) --require-hashes -r requirements.txt -r requirements-local.txt -r requirements-dev.txt
	@echo "Installing the relay command ..."
	@PYTHONWARNINGS=ignore $(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# Quix Streams takes no pydantic as new as the relay's: what is measured lives apart from what is tested.
.venv-bench/.installed: requirements-bench.txt
	@echo "Installing what the relay is measured against into .venv-bench (the first time this takes a minute or two) ..."
	@$(PYTHON) -m venv .venv-bench
	@PIP_DISABLE_PIP_VERSION_CHECK=1 .venv-bench/bin/python -m pip install --quiet --require-hashes -r $<
	@touch $@

.relay/kafka/.fetched: deploy/kafka/pom.xml
	@command -v java >/dev/null || { echo "A Java runtime, 17 or newer, is needed for Kafka." >&2; exit 1; }
	@command -v mvn >/dev/null || { echo "Maven (mvn) is needed to fetch Kafka." >&2; exit 1; }
	@echo "Fetching Apache Kafka into .relay/kafka (about 45 MB) ..."
	@rm -rf .relay/kafka && mkdir -p .relay
	@mvn --batch-mode --quiet --file $< dependency:copy-dependencies \
		-DincludeScope=runtime -DoutputDirectory="$(CURDIR)/.relay/kafka" > .relay/maven.log 2>&1 || { cat .relay/maven.log >&2; exit 1; }
	@touch $@

.relay/kafka/classes.jsa: .relay/kafka/.fetched | .venv/.installed
	@echo "Starting Kafka once, to keep what Java loads for it (later it starts in a third of the time) ..."
	@$(BIN)/python -m services.platform.local.kafka_classes

.relay/bin/toxiproxy:
	@command -v go >/dev/null || { echo "Go (go) is needed to fetch toxiproxy, which cuts and slows the network." >&2; exit 1; }
	@echo "Fetching toxiproxy into .relay/bin ..."
	@GOBIN="$(CURDIR)/.relay/bin" go install "github.com/Shopify/toxiproxy/v2/cmd/server@v2.5.0" > .relay/go.log 2>&1 || { cat .relay/go.log >&2; exit 1; }
	@mv .relay/bin/server $@
