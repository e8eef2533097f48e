# What one does with NotiLog; `make` alone lists it.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STATE ?= $(or $(NOTILOG_STATE_DIR),state)
MESSAGE ?=

.PHONY: help install up down test check bench lint types fix migrate migration lock

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/installed  ## everything NotiLog needs, in .venv

$(VENV)/installed: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "NotiLog needs Python 3.11 or newer; name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements-uv.lock
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements-dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	$(BIN)/python -m compileall -q notilog workers api migrations
	@touch $@

up: install  ## run the whole platform until Ctrl-C
	@exec $(BIN)/notilog up --state-dir $(STATE)

down: install  ## stop the `make up` of another terminal
	@$(BIN)/notilog down --state-dir $(STATE)

test: install  ## every test, on real servers
	@.ci/rabbitmq
	$(BIN)/pytest -n 4 --dist loadscope --no-loadscope-reorder $(ARGS)

check: lint types  ## everything that is checked without running the platform
	$(BIN)/pytest -q tests/integration/test_migrations.py

lint: install  ## style, directions between rooms, spelling
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/codespell

types: install  ## mypy, strict
	$(BIN)/mypy

fix: install  ## repair what ruff can repair
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: install  ## measure against limits and peers; ARGS="--write docs/benchmarks.md" keeps the table
	$(BIN)/python -m bench.run $(ARGS)

migrate: install  ## bring the database to the newest revision
	$(BIN)/notilog migrate --state-dir $(STATE)

migration: install  ## write the migration for changed tables: make migration MESSAGE="add x"
	@test -n "$(MESSAGE)" || { echo 'say what it does: make migration MESSAGE="add x"' >&2; exit 1; }
	$(BIN)/notilog migration "$(MESSAGE)" --state-dir $(STATE)

lock:  ## resolve the versions anew
	.ci/lock
