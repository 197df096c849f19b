# Everything starts here: `make` alone lists it.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
# onnxruntime would post each use to its maker.
export ORT_DISABLE_TELEMETRY := 1

help:  ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

$(VENV)/python:
	@PYTHON="$(PYTHON)" sh requirements/python.sh $(VENV)

$(VENV)/run-ready: requirements/run.lock pyproject.toml | $(VENV)/python
	@echo "Installing what Swipr needs (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev-ready: requirements/dev.lock $(VENV)/run-ready
	@echo "Installing what the checks need (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

setup: $(VENV)/run-ready  ## install what `make run` needs

run: $(VENV)/run-ready  ## the main job on this machine; DECK=folder PHOTOS=<dir> judges your photos, ARGS for more
	@exec $(BIN)/swipr up $(if $(DECK),--deck "$(DECK)") $(if $(PHOTOS),--photos "$(PHOTOS)") $(ARGS)

test: $(VENV)/dev-ready  ## the tests (about 5 minutes from nothing on 2 cores)
	@$(BIN)/python -m pytest -q -m "not slow" -n 2 $(ARGS)

test-all: $(VENV)/dev-ready  ## the tests and the slow proofs
	@$(BIN)/python -m pytest -q -n 2 $(ARGS)

quality-quick: $(VENV)/run-ready  ## how good the whole product is on real photos; ARGS=--write puts it into README
	@$(BIN)/python bench/quality_quick.py $(ARGS)

check: $(VENV)/dev-ready  ## format, lint, types, tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy layers/common/swipr functions local cli
	@$(MAKE) --no-print-directory test

format: $(VENV)/dev-ready  ## mend format and lint
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(VENV)/python  ## choose versions anew for all supported Pythons (needs uv)
	@for set in run dev; do uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	  --no-header --no-emit-index-url --no-emit-find-links --upgrade requirements/$$set.in -o requirements/$$set.lock; done

clean:  ## remove what was installed and built; keeps .swipr/
	rm -rf $(VENV) build .aws-sam *.egg-info .mypy_cache .ruff_cache .pytest_cache

.PHONY: help setup run test test-all quality-quick check format lock clean
