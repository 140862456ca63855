# Every command of the project. Each does the set-up that it needs.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

# `yes` where there is a Node that Vite runs on. Without it GraphiQL comes from a CDN, and the tests
# that need Node are skipped.
NODE := $(shell node -p 'const [major, minor] = process.versions.node.split("."); major > 20 || (major == 20 && minor >= 19) ? "yes" : ""' 2> /dev/null)
NODE_MODULES := $(addsuffix /node_modules/.package-lock.json,tests/browser tests/http_audits web/graphiql)
GRAPHIQL := graphql_api/http/graphiql_build/index.html

.PHONY: help install run test bench check schema lock images
# A build that failed is none.
.DELETE_ON_ERROR:

help: ## Show the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1\t/' | expand -t 16

install: $(INSTALLED) $(if $(NODE),$(NODE_MODULES) $(GRAPHIQL)) ## Install everything that is locked into .venv

$(INSTALLED): requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

%/node_modules/.package-lock.json: %/package.json %/package-lock.json
	npm ci --silent --prefix $*
	touch $@

$(GRAPHIQL): web/graphiql/node_modules/.package-lock.json $(wildcard web/graphiql/*.* web/graphiql/src/*)
	npm run --silent --prefix web/graphiql build

run: install ## Serve on http://127.0.0.1:8000 with a MongoDB of its own
	$(BIN)/graphql-api serve

test: install ## Run every test, with branch coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses 3 --dist worksteal -m "not alone"
	$(BIN)/coverage run -m pytest -m alone
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

bench: install ## Measure the cost of a request beside a floor; ARGUMENTS=--help shows more
	$(BIN)/python -m benchmarks $(ARGUMENTS)

check: install ## Lint, check the types and the committed schema
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/graphql-api schema --check schema.graphql
	$(if $(NODE),npm run --silent --prefix web/graphiql check)

schema: install ## Write schema.graphql anew
	$(BIN)/graphql-api schema > schema.graphql

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade

lock: install ## Lock the newest versions of all Python packages
	$(LOCK) pyproject.toml -o requirements.txt
	$(LOCK) pyproject.toml --all-extras -o requirements-dev.txt

images: install ## Take the pictures in docs/images anew
	IMAGES=docs/images $(BIN)/pytest --quiet --numprocesses 0 tests/test_browser.py -k picture
