# Two commands for a newcomer: `make demo` and `make test`. Both need only Python 3.11 and pip.

PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

PROOFS := tests/privacy tests/statistical tests/leak tests/crash tests/attacks tests/fuzz tests/timing

.DEFAULT_GOAL := help
.PHONY: help demo test test-all figures lint bench clean

help:  ## what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/demo.done  ## set up, then show the whole line on real data (about a minute after the install)
	$(BIN)/sandbox demo

test: $(VENV)/dev.done lint  ## lint, types, import contracts and tests: at most 15 minutes on 2 cores
	$(BIN)/pytest -n 2 --dist loadfile

test-all: $(VENV)/dev.done lint  ## the same, and the long suites
	$(BIN)/pytest -m ''

figures: $(VENV)/dev.done  ## run the proof suites in full and write what they measured into the README
	@mkdir -p build && rm -f build/figures.jsonl
	SANDBOX_FIGURES=$(CURDIR)/build/figures.jsonl $(BIN)/pytest -m '' $(PROOFS)
	$(BIN)/python tests/write_figures.py build/figures.jsonl

lint: $(VENV)/dev.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/dev.done  ## measure; prints medians and ratios
	$(BIN)/python -m benchmarks

clean:  ## remove what was installed and cached
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/python.done: requirements/build.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes -r requirements/build.txt
	@touch $@

$(VENV)/demo.done: $(VENV)/python.done requirements/demo.txt pyproject.toml
	@echo "Installing from the hash-pinned lock (a minute or two) ..."
	$(PIP) install --require-hashes -r requirements/demo.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.done: $(VENV)/python.done requirements/dev.txt pyproject.toml
	@{ command -v strace && command -v softhsm2-util && ls /usr/lib/postgresql/*/bin/pg_ctl; } > /dev/null 2>&1 \
		|| { apt-get update -qq && apt-get install -y -qq strace softhsm2 postgresql; } \
		|| echo "The tests need more programs; as root: apt-get install strace softhsm2 postgresql" >&2
	@echo "Installing from the hash-pinned lock (a minute or two) ..."
	$(PIP) install --require-hashes -r requirements/dev.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
