# Everything a person does here starts with `make`; `make help` lists it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# A stamp is newer than its lock file when the environment matches it.
RUN_STAMP := $(VENV)/.locked-run
DEV_STAMP := $(VENV)/.locked-dev
# uv installs the same hash-locked files faster; pip does without it, as with `make setup UV=`.
ifeq ($(origin UV),undefined)
UV := $(shell command -v uv 2>/dev/null)
endif
ifneq ($(UV),)
INSTALL = VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet
else
INSTALL = $(BIN)/pip install --quiet --disable-pip-version-check
endif

# How many random schedules `make model` plays; the suite plays 160.
MODEL_SCHEDULES ?= 3200

# The servers of `make test-containers`; a registry's address may stand before a name.
IMAGES ?= redis:7 redis:8 valkey/valkey:8

# How long `make fuzz` tries each parser; FUZZ_MUTATIONS=100000 says how many inputs instead.
FUZZ_SECONDS ?= 600

# `make test MARKED=store` runs only what has that mark (pyproject.toml lists them).
AND_MARKED = $(if $(MARKED), and $(MARKED))

.DEFAULT_GOAL := help
.PHONY: help setup demo run verify test test-containers model fuzz history-kills chaos chaos-faults mutants crowd bench soak deploy-check observe check page format documents audit dist lock compile-locks lock-check clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(DEV_STAMP) ## make the environment (.venv), from the hash-locked files

demo: $(RUN_STAMP) ## run everything offline: embedded server, replayed market
	@STARTED_BY='make demo' exec $(BIN)/dexwire up --demo $(ARGS)

run: $(RUN_STAMP) ## run everything on the live sources
	@STARTED_BY='make run' exec $(BIN)/dexwire up $(ARGS)

verify: $(RUN_STAMP) ## audit the store of what runs here (make demo, make run)
	@$(BIN)/dexwire verify $(ARGS)

test: $(DEV_STAMP) ## the whole suite: unit, integration, end to end
	$(BIN)/python -m pytest -n auto --dist loadgroup -m "not alone$(AND_MARKED)" $(ARGS)
	$(BIN)/python -m pytest -m "alone$(AND_MARKED)" $(ARGS) || test $$? -eq 5 # 5: none

test-containers: $(DEV_STAMP) ## the store's tests on the images of IMAGES, where a Docker engine is
	@$(BIN)/python -m tests.testkit.containers $(IMAGES) -- make test MARKED=store VENV=$(VENV)

model: $(DEV_STAMP) ## the stream's model check, long: MODEL_SCHEDULES random schedules of faults
	MODEL_SCHEDULES=$(MODEL_SCHEDULES) $(BIN)/python -m pytest tests/model -n auto -rP $(ARGS)

history-kills: $(DEV_STAMP) ## kill recorder, PostgreSQL and Redis at random, 50 times each (HISTORY_KILLS), and look for what is lost
	HISTORY_KILLS=$${HISTORY_KILLS:-50} $(BIN)/python -m pytest tests/history/test_recorder.py -k kill --timeout 1800 $(ARGS)

fuzz: $(DEV_STAMP) ## damaged inputs for every parser, FUZZ_SECONDS for each; ARGS="-k cursor" for one of them
	FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_MUTATIONS=$(FUZZ_MUTATIONS) $(BIN)/python -m pytest tests/fuzz -n auto -rP $(ARGS)

chaos: $(DEV_STAMP) ## audit a whole deployment under faults: CHAOS_SECONDS (1800), CHAOS_SEED (random)
	$(BIN)/python -m tests.chaos.auditor $(ARGS)

chaos-faults: $(DEV_STAMP) ## whether the auditor catches each deliberate fault in the product
	$(BIN)/python -m tests.chaos.faults $(ARGS)

mutants: $(DEV_STAMP) ## small wrong changes of the product that tests must notice; ARGS="merge --sample 50"
	$(BIN)/python -m tests.mutants $(ARGS)

crowd: $(DEV_STAMP) ## 200 clients under kills and failovers, slow readers, 10,000 connections at once; in full
	CHAOS=full $(BIN)/python -m pytest tests/chaos/test_chaos.py tests/ws/test_crowd.py tests/limits/test_crowds.py -rP $(ARGS)

bench: $(DEV_STAMP) ## every benchmark beside its peers; writes docs/BENCHMARKS.md (ARGS="discover" runs one)
	$(BIN)/python -m bench $(ARGS)

soak: $(DEV_STAMP) ## two hours of ordinary use; what grows is named (ARGS="--hours 0.5")
	$(BIN)/python -m bench.soak $(ARGS)

observe: $(DEV_STAMP) ## a demo under load, Prometheus beside it, every panel of the dashboard with its data
	$(BIN)/python -m deploy.observe.show $(ARGS)

deploy-check: $(DEV_STAMP) ## the whole deployment on a Docker engine: build, kill, restart, under load
	deploy/check $(ARGS)

check: $(DEV_STAMP) ## format, lint, types, import contracts, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell

page: web/node_modules/.package-lock.json ## build the web page (needs Node 20 or newer); users need not
	cd web && npm test && npm run build

format: $(DEV_STAMP) ## put the code into its one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

documents: $(DEV_STAMP) ## write openapi.json, asyncapi.json, docs/schemas, the page's types, the Postman collection, docs/SETTINGS.md, .env.example
	$(BIN)/python -m dexwire.server.documents

audit: $(DEV_STAMP) ## known vulnerabilities of what the lock files name; 1: some, 3: no database answers
	$(BIN)/python -m deploy.audit

dist: $(DEV_STAMP) ## build both distributions, dexwire and dexwire-server, and their SBOMs, into dist/
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist
	cd packaging/server && $(abspath $(BIN))/python -m hatchling build -d ../../dist
	$(BIN)/python deploy/sbom.py wheels dist

# What is locked already stays, unless COMPILE_ARGS=--upgrade.
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras \
  --no-header --no-annotate $(COMPILE_ARGS) pyproject.toml packaging/server/pyproject.toml --extra cli \
  --no-emit-package dexwire --group build
LOCKS ?= .

lock: COMPILE_ARGS = --upgrade
lock: compile-locks ## renew both lock files (needs uv)

compile-locks:
	@test -n "$(UV)" || { echo "make lock needs uv: pip install uv"; exit 1; }
	$(COMPILE) -o $(LOCKS)/requirements.lock
	$(COMPILE) --group dev -c $(LOCKS)/requirements.lock -o $(LOCKS)/requirements-dev.lock

lock-check: ## whether both lock files are what the pyproject files give (needs uv)
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && cp *.lock "$$folder" \
	  && $(MAKE) --no-print-directory --silent compile-locks LOCKS="$$folder" \
	  && for lock in *.lock; do diff -u "$$lock" "$$folder/$$lock" \
	  || { echo "$$lock is not what the pyproject files give: run make lock" >&2; exit 1; }; done

clean: ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("dexwire needs Python 3.11 or newer, this is %s (set PYTHON=...)" % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@echo "Making the environment in $(VENV) (once; about a minute)"
	@$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): requirements.lock pyproject.toml packaging/server/pyproject.toml | $(VENV)/bin/python
	@echo "Installing what dexwire runs on"
	@$(INSTALL) --require-hashes -r requirements.lock
	@$(INSTALL) --no-build-isolation --no-deps -e .
	@touch $@

$(DEV_STAMP): requirements-dev.lock $(RUN_STAMP)
	@echo "Installing what the tests and checks need"
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	@command -v npm >/dev/null || { echo "make page needs Node 20 or newer with npm"; exit 1; }
	cd web && npm ci --silent
