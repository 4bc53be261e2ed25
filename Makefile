# Everything a person needs: `make help` lists it. Each target makes its own environment first.

PYTHON ?= python3
JOBS   ?= 2

VENV  := .venv
BIN   := $(VENV)/bin
READY := $(VENV)/.ready-for-slotsolver
DEMO  := examples/thread-2014/problem.yaml

# loadfile: a file's tests share a worker, so also its hugepages, and mostly one libvirtd.
# tests/real is named beside tests so that the process that prints the summary loads its conftest too,
# which names the tests that could not run; else only the workers would.
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist loadfile tests tests/real

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test lab check fmt bench bench-quick docs exhaustive real-programs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY) ## make .venv and install the project with pinned dependencies

demo: $(READY) ## plan the guest of the 2014 thread: table, libvirt XML, QEMU arguments
	$(BIN)/slotsolver plan $(DEMO) --format table
	$(BIN)/slotsolver plan $(DEMO) --format libvirt
	$(BIN)/slotsolver plan $(DEMO) --format qemu

test: $(READY) real-programs ## run all tests but the slow ones, real QEMU, libvirtd and browser included
	$(PYTEST) -m "not exhaustive and not lab"

lab: export SLOTSOLVER_REQUIRE_REAL = 1
lab: $(READY) real-programs ## start plans on emulated hosts of four nodes (5 minutes, the first time 6)
	$(BIN)/python -m tests.lab.image
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -v --durations=10 tests/lab

exhaustive: $(READY) real-programs ## run the slow tests too
	$(PYTEST) -m "not lab"

check: $(READY) ## lint, format and strict types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fmt: $(READY) ## format the code and mend what the linter can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## run all benchmarks (15 minutes), write benchmark-results.json
	$(BIN)/python -m benchmarks

bench-quick: $(READY) ## run less of every benchmark (2 minutes)
	$(BIN)/python -m benchmarks --quick

docs: $(READY) ## write the catalogue of policies and objectives from the classes
	$(BIN)/python -m docs.generate

real-programs: ## install Debian's QEMU, libvirt and Chromium where missing and permitted
	@scripts/real-programs.sh

clean: ## remove what make and the tools made, .venv included
	rm -rf $(VENV) build dist htmlcov .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf *.egg-info

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) \
	  and "slotsolver needs Python 3.11 or newer: make PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
	  || { rm -rf $(VENV); echo "no virtual environment: is python3-venv installed?" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@
