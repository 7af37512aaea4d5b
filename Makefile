# The two commands of the README are `make demo` and `make test`; each does all its set-up.
.PHONY: demo test lint slow bench bench-parity bench-people bench-planted train wheel clean
.DEFAULT_GOAL := demo

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
RUNS ?= runs

$(VENV)/.demo: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --constraint constraints.txt --editable ".[demo]"
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --constraint constraints.txt --editable ".[all,dev]"
	touch $@ $(VENV)/.demo

demo: $(VENV)/.demo
	$(BIN)/imgaudit demo --runs $(RUNS)

# Tests of real models skip where their packs cannot be fetched.
test: $(VENV)/.dev
	-$(BIN)/imgaudit weights pull centerface dcgan-digiface efficientnet-lite0 explicit-content face-embedding perceived-gender-age perceived-gender-age-second
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -q -m "not slow and not gpu"

slow: $(VENV)/.dev
	$(BIN)/python -m pytest -q -m slow --timeout 3600

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

bench-parity: $(VENV)/.dev
	$(BIN)/python -m benchmarks.parity

# What is said of depicted people: faces found, labels read, skin tone, likeness, galleries, copies. Photographs: IMGAUDIT_PHOTOGRAPHS.
bench-people: $(VENV)/.dev
	$(BIN)/python -m benchmarks.people

bench-planted: $(VENV)/.dev
	$(BIN)/python -m benchmarks.planted --processes 2
	$(BIN)/python -m benchmarks.planted_matrix --processes 2

# Every weight of the phantom from nothing but its drawings, as training/phantom/README.md explains; several hours on two cores, no model more than two.
WORK ?= work
train: $(VENV)/.dev
	PYTHON=$(BIN)/python WORK=$(WORK) training/phantom/all.sh

wheel: $(VENV)/.dev
	$(BIN)/python -m build --wheel --no-isolation

clean:
	rm -rf $(VENV) dist build runs work
