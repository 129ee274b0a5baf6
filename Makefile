# Every target works on a fresh machine: it installs what it needs into .venv first.

PYTHON ?= python3
PORT ?= 8888
BIN := .venv/bin

.DEFAULT_GOAL := help

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 14

.venv/.installed: pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable '.[demo,dev]'
	touch $@

install: .venv/.installed ## Install the project and its tools into .venv

serve: install ## Serve on port 8888 (PORT=9000 moves it); the first time, print a key
	$(BIN)/projects-api serve --port $(PORT)

test: install ## Run all the tests, on SQLite and on PostgreSQL
	$(BIN)/python -m pytest

.PHONY: help install serve test
