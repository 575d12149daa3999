PYTHON ?= python3
JOBS ?= 2
BIN := .venv/bin
STAMP := .venv/.installed

# Pinned in package.json; a lock file would name the registry it was made with.
node_tests = command -v node >/dev/null || { echo "these tests need Node 20 or newer" >&2; exit 1; }; \
	cd $(1) && { [ node_modules -nt package.json ] || { npm install --silent --no-audit --no-fund --no-package-lock && touch node_modules; }; } && \
	node --test $(ARGS)

MAKEFLAGS += --no-builtin-rules --no-print-directory
.PHONY: FORCE help install serve test test-clients test-browser soak check schema revision format bench lock clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

install: $(STAMP) ## make .venv from requirements.lock; PYTHON=python3.12 chooses the interpreter
	@:

serve: install ## start the server, with its own PostgreSQL; ARGS="--port 9000"
	@exec $(BIN)/abgraph serve $(ARGS)

test: install ## run the Python tests, two at once; ARGS="-k lifecycle", JOBS=4
	@$(BIN)/pytest -q -n $(JOBS) --dist loadfile $(ARGS)

test-clients: install ## run the clients of others against a real server; needs Node 20
	@$(call node_tests,tests/clients)

test-browser: install ## run tracker.js in Chromium against a real server; needs Node 20 and Chromium
	@$(call node_tests,tests/browser)

soak: install .venv/gbstats ## the long forms of the tests about faults, load and chance; needs Python 3.11
	@ABGRAPH_SOAK=1 $(BIN)/pytest -q tests/tracking tests/live tests/fuzzing tests/domain/analysis $(ARGS)

check: install ## lint, format, types, import contracts, schema.graphql and migrations
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/abgraph schema export > .venv/schema.graphql
	@diff -u schema.graphql .venv/schema.graphql || { echo "schema.graphql is not what the code says: run make schema" >&2; exit 1; }
	$(BIN)/abgraph migrate --check

schema: install ## write schema.graphql from the code
	@$(BIN)/abgraph schema export > .venv/schema.graphql
	@mv .venv/schema.graphql schema.graphql

revision: install ## write a migration from the tables; m="experiment description"
	@[ -n "$(m)" ] || { echo 'say what it does: make revision m="experiment description"' >&2; exit 1; }
	@$(BIN)/abgraph revision -m "$(m)"

format: install ## format the code and sort its imports
	@$(BIN)/ruff check --quiet --fix-only
	@$(BIN)/ruff format

.venv/gbstats: | install # of an older numpy than ours, to compare results with
	@$(BIN)/python -m venv $@ && $@/bin/pip install -qq --disable-pip-version-check gbstats==0.8.0 || { rm -rf $@; exit 1; }

bench: install ## measure; the figures of docs/performance.md
	@$(BIN)/python -m benchmarks mapping
	@$(BIN)/python -m benchmarks authentication
	@$(BIN)/python -m benchmarks tracker
	@$(BIN)/python -m benchmarks results
	@$(BIN)/python -m benchmarks funnels
	@$(BIN)/python -m benchmarks refusals
	@$(BIN)/python -m benchmarks fanout

lock: install ## write requirements.lock from pyproject.toml; ARGS=--upgrade
	@$(BIN)/pip-compile -q --extra dev --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-emit-trusted-host --strip-extras --allow-unsafe --no-header $(ARGS) -o requirements.lock pyproject.toml

clean: ## remove .venv and every cache; the data in .abgraph stays
	@rm -rf .venv build dist *.egg-info .coverage .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis tests/*/node_modules
	@find . -name .abgraph -prune -o -name __pycache__ -prune -exec rm -rf {} +

# The stamp is written last and holds the folder it was written in: an interrupted install, a copied or
# moved tree and a lost interpreter all begin again with an empty .venv.
INTACT := [ -x $(BIN)/python ] && [ "$$(cat $(STAMP) 2>/dev/null)" = "$$(pwd -P)" ]
ifneq ($(shell $(INTACT) && echo yes),yes)
$(STAMP): FORCE
endif

$(STAMP): requirements.lock pyproject.toml
	@$(INTACT) || { \
		command -v "$(PYTHON)" >/dev/null || { echo "abgraph needs Python 3.11 or newer, and there is no $(PYTHON) here; name one: make install PYTHON=/path/to/python3" >&2; exit 1; }; \
		"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "abgraph needs Python 3.11 or newer, and $(PYTHON) is $$("$(PYTHON)" -V 2>&1); name a newer one: make install PYTHON=python3.12" >&2; exit 1; }; \
		"$(PYTHON)" -c 'import ensurepip, venv; ensurepip.version()' 2>/dev/null || { echo "$(PYTHON) comes without venv and ensurepip, which make .venv; install them (Debian, Ubuntu: apt-get install python3-venv)" >&2; exit 1; }; \
		echo "Making .venv and installing the pinned packages, once"; \
		"$(PYTHON)" -m venv --clear .venv; }
	@rm -f $@
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@pwd -P > $@
