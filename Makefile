# Needs Python 3.11 or newer and make; everything else goes into .venv.
# Another interpreter: make PYTHON=python3.12 demo

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
TORCH := 2.13.0
# An index that holds a build without CUDA spares gigabytes: make TORCH_INDEX=https://... demo
TORCH_INDEX ?=
WORKERS ?= 2

# One thread a process: tests and runs are parallel already, and two pools of threads fight.
export OMP_NUM_THREADS := 1
export MPLBACKEND := Agg

RUNTIME := .venv/.runtime
DEV := .venv/.dev

.PHONY: help install demo test test-all lint format bench docs lock clean

help:
	@echo "make demo      train a small sweep, fit the law, write demo/report.html"
	@echo "make test      the tests that CI runs; make test-all adds the slow ones"
	@echo "make lint      ruff, mypy, import-linter, deptry"
	@echo "make bench     side by side with peers"
	@echo "make docs      docs/_build/html/index.html, warnings are errors"
	@echo "make lock      write the lock files from what .venv holds"

# torch first and exactly: a range, or torch as somebody's dependency, takes the newest build.
$(RUNTIME): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "precocial needs Python 3.11 or newer; run: make PYTHON=python3.12 ..."; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) install --quiet $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch==$(TORCH)
	$(PIP) install --quiet --requirement requirements.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): $(RUNTIME) requirements-dev.lock
	$(PIP) install --quiet --requirement requirements-dev.lock
	@touch $@

install: $(RUNTIME)

demo: $(RUNTIME)
	$(BIN)/precocial demo --out demo

test: $(DEV)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow" -q

test-all: $(DEV)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q

lint: $(DEV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry src

format: $(DEV)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(DEV)
	@set -e; for script in benchmarks/*.py; do $(BIN)/python $$script; done

docs: $(DEV)
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo docs/_build/html/index.html

lock: $(DEV)
	$(BIN)/python .ci/lock.py

clean:
	rm -rf docs/_build .mypy_cache .ruff_cache .hypothesis dist
