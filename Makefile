# make serve and make test are all that a fresh machine needs; both set up what is missing.

PYTHON ?= $(firstword $(foreach v,python3.12 python3.11 python3.13 python3,$(if $(shell $(v) -c 'import sys; print(1 if (3, 11) <= sys.version_info < (3, 14) else "")' 2>/dev/null),$(v))))
VENV ?= .venv
PORT ?= 8000
DATA ?=
RUN ?= runs/latest
QUICK ?=
EXTRA ?=
MEASURE ?=
BIN = $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup serve test lint train bench lock

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' Makefile

setup: $(VENV)/.done  ## a virtual environment with the locked dependencies

$(VENV)/.done: requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "Digits needs Python 3.11, 3.12 or 3.13; none was found."; exit 1; }
	@case "$$(uname -s)-$$(uname -m)" in Linux-x86_64|Linux-aarch64|Darwin-arm64) ;; \
	  *) echo "Digits runs on Linux (x86-64, arm64) and macOS (arm64); this is $$(uname -sm)."; exit 1;; esac
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements-dev.txt
	@touch $@

serve: setup  ## serve the page and the API on http://localhost:$(PORT)
	DIGITS_PORT=$(PORT) $(BIN)/python -m service serve

test: setup  ## run all tests
	$(BIN)/python -m pytest

lint: setup  ## style, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

train: setup  ## train, verify and publish the next version (DATA=folder of IDX files, RUN=folder, QUICK=1, EXTRA=files; resumes)
	$(BIN)/python -m trainer train $(if $(DATA),--data $(DATA)) $(if $(QUICK),--quick) $(if $(EXTRA),--extra $(EXTRA)) $(if $(MEASURE),--measure $(MEASURE)) \
	  --run $(RUN) --resume \
	  --verify "$(BIN)/python -m service verify"

bench: setup  ## accuracy of a running service (DATA=folder with mnist/ and dev/, URL=http://localhost:8000)
	$(BIN)/python -m benchmarks.accuracy $(if $(DATA),--data $(DATA)) $(if $(URL),--url $(URL))

LOCK = uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --custom-compile-command "make lock" pyproject.toml

lock:  ## resolve the dependencies anew (needs uv)
	$(LOCK) --extra trainer -o requirements.txt
	$(LOCK) --extra litert -c requirements.txt -o requirements-slim.txt
	$(LOCK) --extra trainer --group dev -c requirements.txt -o requirements-dev.txt
