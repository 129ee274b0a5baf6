# Every target works on a fresh machine: it installs what it needs into .venv first.

PYTHON ?= python3
PORT ?= 8888
BIN := .venv/bin
# pip need not compile, which takes as long as all else: Python compiles what it imports, if it may.
export PYTHONDONTWRITEBYTECODE :=
# The pip of Debian 12 takes half a minute longer to find the versions.
PIP := pip>=26

LOCK := .venv-lock/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links

.DEFAULT_GOAL := help

help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

.venv/.serves: pyproject.toml locks/ml.lock
	@echo 'Installing the server into .venv: some minutes the first time, and nothing is asked.'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet '$(PIP)'
	$(BIN)/python -m pip install --quiet --no-compile --require-hashes --requirement locks/ml.lock
	$(BIN)/python -m pip install --quiet --no-compile --no-deps --editable .
	touch $@

.venv/.installed: .venv/.serves locks/dev.lock
	@echo 'Installing the development tools into .venv: some minutes the first time.'
	$(BIN)/python -m pip install --quiet --no-compile --require-hashes --requirement locks/dev.lock
	touch $@

install: .venv/.installed ## Install the project and its tools into .venv

serve: .venv/.serves ## Serve on port 8888 (PORT=9000 moves it); the first time, print a key
	$(BIN)/projects-api serve --port $(PORT)

test: install ## Run all the tests, on SQLite and on PostgreSQL
	$(BIN)/python -m pytest

test-fast: install ## Run what needs no training, generator, browser, fuzzing, kill or PostgreSQL
	$(BIN)/python -m pytest -m 'not slow'

check: lint types contract test ## Run everything that CI runs

lint: install ## Check format and style of the code, the Dockerfile, the compose file and the manifests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions action.yml
	$(BIN)/kubernetes-validate --strict --quiet deploy/kubernetes/projects-api.yaml

fuzz: install ## Fuzz the server and its reading of tables for long: FUZZING_EXAMPLES=5000 FUZZING_SEED=1 make fuzz
	FUZZING_EXAMPLES=$${FUZZING_EXAMPLES:-2000} $(BIN)/python -m pytest tests/contract/test_fuzzing.py -n0 -s
	GENERATED_TABLES=$${GENERATED_TABLES:-100000} $(BIN)/python -m pytest tests/tables/test_generated.py

.venv-ray/.installed: pyproject.toml locks/ray.lock locks/dev.lock
	test -x .venv-ray/bin/python || $(PYTHON) -m venv .venv-ray
	.venv-ray/bin/python -m pip install --quiet '$(PIP)'
	.venv-ray/bin/python -m pip install --quiet --no-compile --require-hashes --requirement locks/ray.lock --requirement locks/dev.lock
	.venv-ray/bin/python -m pip install --quiet --no-compile --no-deps --editable .
	touch $@

test-ray: .venv-ray/.installed ## Have jobs done by a Ray of four nodes on this machine, some of which are killed
	.venv-ray/bin/python -m pytest tests/ray -n0 -rs

test-ray-short: .venv-ray/.installed ## Have one training done by a Ray of two nodes, of which one is killed
	.venv-ray/bin/python -m pytest tests/ray/test_short_run.py -n0 -rs

soak: install ## Serve under work and faults for half an hour: SOAK_MINUTES=3 SOAK_DATABASE=sqlite make soak
	$(BIN)/python -W ignore -m tests.soak

.venv-mutants/.installed: tools/mutants/requirements.txt
	test -x .venv-mutants/bin/python || $(PYTHON) -m venv .venv-mutants
	.venv-mutants/bin/python -m pip install --quiet '$(PIP)'
	.venv-mutants/bin/python -m pip install --quiet --requirement tools/mutants/requirements.txt
	touch $@

mutants: install .venv-mutants/.installed ## Plant faults in contract, access and tables, and see which the tests notice
	.venv-mutants/bin/python tools/mutants/__main__.py $(ROOMS)

.venv-quality/.installed: locks/ml.lock tools/quality/requirements.txt
	test -x .venv-quality/bin/python || $(PYTHON) -m venv .venv-quality
	.venv-quality/bin/python -m pip install --quiet '$(PIP)'
	.venv-quality/bin/python -m pip install --quiet --no-compile --require-hashes --requirement locks/ml.lock
	.venv-quality/bin/python -m pip install --quiet --no-compile --no-deps --editable . --requirement tools/quality/requirements.txt
	touch $@

quality: .venv-quality/.installed ## Measure models beside defaults on real tables: SEEDS=1 SECONDS=15 TABLES=1,2 make quality
	.venv-quality/bin/python -W ignore -m tools.quality

types: install tools/node/node_modules/.package-lock.json ## Check the types of Python and of the console
	$(BIN)/mypy
	$(BIN)/python -m tools.check_console

tools/node/node_modules/.package-lock.json: tools/node/package-lock.json
	npm ci --silent --prefix tools/node

contract: install tools/node/node_modules/.package-lock.json ## Lint the contract, and compare it with the released one
	$(BIN)/openapi-spec-validator openapi.yaml
	$(BIN)/python -m tools.lint_contract
	tools/node/node_modules/.bin/spectral lint openapi.yaml --fail-severity=hint
	tools/node/node_modules/.bin/redocly lint openapi.yaml docs/workflows.arazzo.yaml
	$(BIN)/python -m tools.check_breaks
	$(BIN)/python -m tools.describe_operations --check
	$(BIN)/python -m tools.make_schemas --check
	$(BIN)/python -m tools.draw_rooms --check
	$(BIN)/python -m tools.make_console --check

docs: install ## Write what is made from contract and imports: docs/operations.md, schemas, rooms, the console's table
	$(BIN)/python -m tools.describe_operations
	$(BIN)/python -m tools.make_schemas
	$(BIN)/python -m tools.draw_rooms
	$(BIN)/python -m tools.make_console

.venv-site/.installed: tools/site/requirements.txt
	test -x .venv-site/bin/python || $(PYTHON) -m venv .venv-site
	.venv-site/bin/python -m pip install --quiet '$(PIP)'
	.venv-site/bin/python -m pip install --quiet --requirement tools/site/requirements.txt
	touch $@

site: install .venv-site/.installed ## Build the pages as a site with search, which needs no network: build/site/index.html
	$(BIN)/python -m tools.site

screenshots: install ## Look at every page of the console: build/console/NAME-light.png, -dark, -narrow (needs Chromium)
	SCREENSHOTS=build/console $(BIN)/python -m pytest tests/console/test_pages.py -n0 -k screenshots

clients: install ## Generate clients in twelve ways, compile them, and run them
	CLIENTS=all $(BIN)/python -m pytest tests/contract/test_clients.py tests/contract/test_calls.py --numprocesses=0 -rs

.venv-bench/.installed: pyproject.toml locks/core.lock tools/bench/requirements.txt
	test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet '$(PIP)'
	.venv-bench/bin/python -m pip install --quiet --no-compile --require-hashes --requirement locks/core.lock
	.venv-bench/bin/python -m pip install --quiet --no-compile --editable . --requirement tools/bench/requirements.txt
	touch $@

bench: .venv-bench/.installed ## Measure this server beside others (needs wrk and valgrind)
	.venv-bench/bin/python -W ignore -m tools.bench $(BENCH)
	.venv-bench/bin/python -W ignore -m tools.bench.tables

bench-scale: .venv-bench/.installed ## Compare latencies with a thousand and with a million projects
	.venv-bench/bin/python -W ignore -m tools.bench.scale $(BENCH)

packages: install ## Build the packages for callers, in Python and TypeScript, into build/packages/
	$(BIN)/python -m tools.packages.build

postman: install tools/node/node_modules/.package-lock.json ## Write a Postman collection to build/
	$(BIN)/python -m tools.convert_to_postman

.venv-lock/bin/uv:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv

lock: .venv-lock/bin/uv ## Pin what pyproject.toml asks for, with hashes (UPGRADE=--upgrade takes the newest)
	$(LOCK) $(UPGRADE) --extra ml --extra dev --output-file locks/dev.lock
	$(LOCK) --constraint locks/dev.lock --extra ml --output-file locks/ml.lock
	$(LOCK) --constraint locks/dev.lock --extra ml --extra ray --output-file locks/ray.lock
	$(LOCK) --constraint locks/dev.lock --output-file locks/core.lock

migration: install ## Write a migration from what the models have and the schema has not: NAME='add a column'
	$(BIN)/python -m tools.make_migration '$(NAME)'

format: install ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove what the other targets made, but not your data
	rm -rf .venv .venv-bench .venv-ray .venv-quality .venv-site build tools/node/node_modules dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help install serve test test-fast test-ray test-ray-short fuzz soak quality check lint types contract docs site screenshots clients packages postman migration bench bench-scale format clean
