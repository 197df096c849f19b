# Everything starts here: `make` alone lists it.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
SAM := .venv-sam
TRAIN := .venv-train
AWS := .venv-aws
# Without a hash: which build fits depends on the machine; TORCH="FILE.whl" installs another.
TORCH := torch==2.13.0
COMPILE := uv pip compile --quiet --no-python-downloads --generate-hashes --no-annotate --no-header \
  --no-emit-index-url --no-emit-find-links
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

$(SAM)/python:
	@PYTHON="$(PYTHON)" sh requirements/python.sh $(SAM)

$(SAM)/ready: requirements/sam.lock | $(SAM)/python
	@echo "Installing AWS SAM, apart from everything else (once) ..."
	@$(SAM)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/sam.lock
	@touch $@

$(SAM)/runtime/ready: requirements/lambda.lock $(VENV)/run-ready $(SAM)/ready
	@$(BIN)/python -m bundle.emulator
	@touch $@

$(TRAIN)/python:
	@PYTHON="$(PYTHON)" sh requirements/python.sh $(TRAIN)

$(TRAIN)/ready: requirements/train.lock | $(TRAIN)/python
	@echo "Installing what training needs, apart from everything else (once; PyTorch is large) ..."
	@$(TRAIN)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/train.lock
	@$(TRAIN)/bin/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	@touch $@

$(AWS)/python: | $(VENV)/run-ready
	@found="$$($(BIN)/python -m bundle.tools)" && PYTHON="$$found" sh requirements/python.sh $(AWS)

$(AWS)/ready: requirements/aws.lock | $(AWS)/python
	@echo "Installing the emulator of AWS, apart from everything else (once) ..."
	@$(AWS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/aws.lock
	@touch $@

training: $(TRAIN)/ready  ## install what `swipr train` needs, into .venv-train

setup: $(VENV)/run-ready  ## install what `make run` needs

run: $(VENV)/run-ready  ## the main job on this machine; DECK=folder PHOTOS=<dir> judges your photos, ARGS for more
	@exec $(BIN)/swipr up $(if $(DECK),--deck "$(DECK)") $(if $(PHOTOS),--photos "$(PHOTOS)") $(ARGS)

test: $(VENV)/dev-ready  ## the tests (about 8 minutes from nothing on 2 cores)
	@$(BIN)/python -m pytest -q -m "not slow and not aws" -n 2 $(ARGS)

test-all: $(VENV)/dev-ready $(AWS)/ready build emulator  ## the tests and all slow proofs: those of AWS and training too (needs python3.13)
	@SWIPR_REQUIRE_BUILD=1 SWIPR_REQUIRE_AWS=1 $(BIN)/python -m pytest -q -n 2 $(ARGS)
	@$(MAKE) --no-print-directory test-training

test-aws: $(VENV)/dev-ready $(AWS)/ready build  ## the built stack on an emulator of AWS, each function under its own role (needs python3.13)
	@SWIPR_REQUIRE_AWS=1 $(BIN)/python -m pytest -q -m "aws and not slow" -n 2 $(ARGS)

test-training: $(TRAIN)/ready  ## the proofs of training, with PyTorch (about 4 minutes)
	@SWIPR_REQUIRE_TRAINING=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(TRAIN)/bin/python -m pytest -q tests/training

faults: $(VENV)/dev-ready  ## faults and delivery at full size, a row per case; ARGS="--seed 7 --cases storm" replays
	@PYTHONPATH=.:layers/common $(BIN)/python -m tests.faults $(ARGS)

quality: $(TRAIN)/ready  ## how good it is on labelled photo sets, beside what a user would take instead (hours; bench/README.md)
	@PYTHONPATH=.:layers/common OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(TRAIN)/bin/python -m bench.quality $(ARGS)

quality-quick: $(VENV)/run-ready  ## the same through the whole product, `swipr simulate`; ARGS=--write keeps the table
	@$(BIN)/python bench/quality_quick.py $(ARGS)

build: $(VENV)/run-ready $(SAM)/ready  ## what is deployed, into .aws-sam/build (needs python3.13); ARGS="--backbone NAME" for another
	@$(BIN)/python -m bundle.build $(if $(filter build,$(MAKECMDGOALS)),$(ARGS))

deploy: $(VENV)/run-ready $(SAM)/ready  ## Swipr on AWS, guided the first time: builds, deploys, adds the first user (needs python3.13)
	@exec $(BIN)/swipr deploy $(ARGS)

permissions: $(VENV)/dev-ready  ## write docs/permissions.md anew from template.yaml
	@$(BIN)/python -m bundle.permissions

costs: $(VENV)/run-ready  ## write the README's cost table anew
	@$(BIN)/python -m bench.costs --write

emulator: $(SAM)/runtime/ready  ## what the tests of the build run it on

check: $(VENV)/dev-ready  ## format, lint, types, tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy layers/common/swipr functions local cli bundle
	@$(MAKE) --no-print-directory test

format: $(VENV)/dev-ready  ## mend format and lint
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(VENV)/python  ## choose versions anew for all supported Pythons (needs uv)
	@for set in run dev sam train; do $(COMPILE) --universal --python-version 3.11 --upgrade \
	  requirements/$$set.in -o requirements/$$set.lock; done
	@for set in lambda aws; do $(COMPILE) --python-version 3.13 --python-platform linux --upgrade \
	  requirements/$$set.in -o requirements/$$set.lock; done
	@for layer in common inference; do $(COMPILE) --python-version 3.13 --python-platform linux --upgrade \
	  -c requirements/run.lock requirements/$$layer.in -o layers/$$layer/requirements.txt; done

clean:  ## remove what was installed and built; keeps .swipr/
	rm -rf $(VENV) $(SAM) $(TRAIN) $(AWS) build .aws-sam *.egg-info .mypy_cache .ruff_cache .pytest_cache

.PHONY: help setup run faults test test-all test-aws test-training training quality quality-quick build deploy permissions costs emulator check format lock clean
