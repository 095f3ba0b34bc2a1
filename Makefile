# Everything a fresh machine needs: `make site` and `make test`. `make help` lists the rest.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help setup site notebooks test smoke unit lint format doctor clean

PROFILE ?= cpu
CORES ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
VENV ?= .venv
DATA ?=
PYTHON_IN_VENV := $(VENV)/bin/python
STAMP := $(VENV)/.setup-done
SNAKEMAKE = $(VENV)/bin/snakemake --cores $(CORES) --nolock --rerun-incomplete

# What lib/proxylab/environment.py sets too: the allocator and OpenMP read it when a process starts.
export OMP_WAIT_POLICY ?= PASSIVE
export OMP_NUM_THREADS ?= 1
export HF_HUB_OFFLINE ?= 1
export HF_HUB_DISABLE_TELEMETRY ?= 1
export TOKENIZERS_PARALLELISM ?= false
export MALLOC_MMAP_THRESHOLD_ ?= 4294967296
export MALLOC_TRIM_THRESHOLD_ ?= 4294967296
export PROXYLAB_ROOT := $(CURDIR)
export VENV
ifneq ($(strip $(DATA)),)
export PROXYLAB_DATA := $(shell cd "$(DATA)" 2>/dev/null && pwd)
ifeq ($(PROXYLAB_DATA),)
$(error DATA names "$(DATA)", which is not a folder)
endif
endif

help: ## list the commands
	@echo 'make <command> [PROFILE=smoke|cpu] [CORES=n] [DATA=folder] [PYTHON=python3.11]'
	@echo
	@sed -nE 's/^([a-z]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do \
	    printf '  %-10s %s\n' "$$name" "$$text"; done
	@echo
	@echo 'PROFILE=$(PROFILE) and CORES=$(CORES) unless given; DATA is a folder of real preference data.'

setup: $(STAMP) ## create the virtual environment and install the pinned versions

$(STAMP): pyproject.toml constraints.txt scripts/setup.sh
	@scripts/setup.sh

site: notebooks ## run the batch and render the site
	@$(PYTHON_IN_VENV) -m proxylab site

notebooks: $(STAMP) ## run the batch only: every notebook that has no result yet
	@$(SNAKEMAKE) --config profile=$(PROFILE)

test: lint unit smoke ## lint, unit tests, and the smoke profile from end to end

unit: $(STAMP) ## the unit tests
	@$(PYTHON_IN_VENV) -m pytest -q

# A build folder and results of its own, both emptied first: all of it runs, and no site is replaced.
smoke: export PROXYLAB_BUILD := build/smoke
smoke: $(STAMP) ## the smoke profile from end to end, its site rendered and checked
	@rm -rf results/smoke $(PROXYLAB_BUILD)
	@$(SNAKEMAKE) --config profile=smoke
	@$(PYTHON_IN_VENV) -m proxylab site

lint: $(STAMP) ## ruff, and no file that does not belong in git
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@if git rev-parse --git-dir >/dev/null 2>&1; then \
	    git ls-files -z | xargs -0 $(PYTHON_IN_VENV) scripts/check_files.py; fi

format: $(STAMP) ## let ruff format and repair, and strip notebook outputs
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .
	@find notebooks -name '*.ipynb' -not -path '*/.ipynb_checkpoints/*' \
	    -exec $(VENV)/bin/nbstripout --extra-keys 'metadata.execution cell.metadata.execution' {} +

doctor: $(STAMP) ## say what is installed and what will be used
	@$(PYTHON_IN_VENV) -m proxylab doctor

clean: ## remove build/ and the caches; results and the environment stay
	rm -rf build .snakemake .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
