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
GPUS ?= $(shell scripts/count_gpus.sh)
RERUN ?= changed
SNAKEMAKE = $(VENV)/bin/snakemake --cores $(CORES) --nolock --rerun-incomplete
# Unless it is told how many GPUs there are, Snakemake starts jobs that ask for one on every core.
# Where there is none it is told nothing, and these jobs run on the CPU.
SNAKEMAKE += $(addprefix --resources gpu=,$(filter-out 0,$(GPUS)))
# Of all triggers the one that no rule has, and no file's age: only a missing result starts a run.
# Pages are cheap, and made in any case.
SNAKEMAKE += $(if $(filter missing,$(RERUN)),--rerun-triggers software-env --forcerun page)
SNAKEMAKE += --config rerun=$(RERUN)
ifeq ($(filter changed missing,$(RERUN)),)
$(error RERUN is "$(RERUN)": say changed or missing)
endif

# What lib/proxylab/environment.py sets too: the allocator and OpenMP read it when a process starts.
export OMP_WAIT_POLICY ?= PASSIVE
export OMP_NUM_THREADS ?= 1
export HF_HUB_OFFLINE ?= 1
export HF_HUB_DISABLE_TELEMETRY ?= 1
# Where GPUs do the arithmetic, the cores are free to cut texts into tokens.
export TOKENIZERS_PARALLELISM ?= $(if $(filter-out 0,$(GPUS)),true,false)
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
	@echo 'make <command> [PROFILE=smoke|cpu|gpu|paper|paper_elephant] [CORES=n] [GPUS=n] [DATA=folder]'
	@echo '               [RERUN=missing] [PYTHON=python3.11]'
	@echo
	@sed -nE 's/^([a-z]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do \
	    printf '  %-10s %s\n' "$$name" "$$text"; done
	@echo
	@echo 'PROFILE=$(PROFILE) and CORES=$(CORES) unless given, and GPUS as many as there are; DATA is a folder'
	@echo 'of real preference data. A run is made again when its notebook, its profile or code that it can'
	@echo 'reach has changed; RERUN=missing keeps every recorded run and makes only those that are missing.'

setup: $(STAMP) ## create the virtual environment and install the pinned versions

$(STAMP): pyproject.toml constraints.txt scripts/setup.sh
	@scripts/setup.sh

site: notebooks ## run the batch and render the site
	@$(PYTHON_IN_VENV) -m proxylab site

notebooks: $(STAMP) ## run the batch only: every run that is missing or has changed
	@$(SNAKEMAKE) profile=$(PROFILE)

test: lint unit smoke ## lint, unit tests, and the smoke profile from end to end

unit: $(STAMP) ## the unit tests
	@$(PYTHON_IN_VENV) -m pytest -q

# A build folder and results of its own, both emptied first: all of it runs, and no site is replaced.
# Its jobs ask for no GPU, and would see none of those that are handed out: none are.
smoke: export PROXYLAB_BUILD := build/smoke
smoke: GPUS := 0
smoke: $(STAMP) ## the smoke profile from end to end, its site rendered and checked
	@rm -rf results/smoke $(PROXYLAB_BUILD)
	@$(SNAKEMAKE) profile=smoke
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
