# Every command of the project. Each does the set-up that it needs.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: help install run test check schema lock

help: ## Show the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1\t/' | expand -t 16

install: $(INSTALLED) ## Install everything that is locked into .venv

# Node is for the tests that need it, where it is there.
$(INSTALLED): requirements-dev.txt pyproject.toml tests/http_audits/package-lock.json
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	! command -v npm > /dev/null || npm ci --silent --prefix tests/http_audits
	touch $@

run: install ## Serve on http://127.0.0.1:8000 with a MongoDB of its own
	$(BIN)/graphql-api serve

test: install ## Run every test, with branch coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses 3 --dist worksteal -m "not alone"
	$(BIN)/coverage run -m pytest -m alone
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# 3: what is dangerous for clients is shown, and only what is breaking fails.
check: install ## Lint, check the types, the committed schema and what has changed in it
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/graphql-api schema --check schema.graphql
	$(BIN)/graphql-api schema --diff schema.released.graphql || test $$? -eq 3

schema: install ## Write schema.graphql anew
	$(BIN)/graphql-api schema > schema.graphql

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade

lock: install ## Lock the newest versions of all dependencies
	$(LOCK) pyproject.toml -o requirements.txt
	$(LOCK) pyproject.toml --all-extras -o requirements-dev.txt
