# The few commands that people type: `make demo`, `make test`, `make dev`, `make bench`, `make clean`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PARTS := $(patsubst %/pyproject.toml,./%,$(wildcard drivers/*/pyproject.toml plugins/*/pyproject.toml))
SOURCES := $(shell find kernel drivers plugins \( -path '*/src/*' -o -name pyproject.toml \) -type f -not -name '*.pyc')
TESTED := './kernel[embedded,testing]' './drivers/ehr_oracle[testing]'
TOOLS := hypothesis import-linter mypy pytest pytest-aiohttp ruff schemathesis 'scim2-server[testing]' scim2-tester towncrier
# What is downloaded stays in the checkout too.
export UV_CACHE_DIR := $(CURDIR)/$(VENV)/cache
export PIP_NO_CACHE_DIR := 1
UV_PIP = $(BIN)/uv pip install --quiet --python $(BIN)/python --constraints constraints.txt

.PHONY: demo
demo: $(VENV)/installed  ## run a demo company on http://127.0.0.1:8080
	@$(BIN)/serai run -c config/demo.toml

.PHONY: test
test: $(VENV)/tools  ## everything that is checked, on this machine
	@PYTHON=$(BIN)/python BIN=$(BIN) tests/run

.PHONY: dev
dev: $(BIN)/uv  ## an environment in which the sources are used as they stand
	@echo "installing the sources, editable"
	@$(UV_PIP) $(addprefix -e ,$(TESTED) $(filter-out ./drivers/ehr_oracle,$(PARTS))) $(TOOLS)
	@touch $(VENV)/installed $(VENV)/tools

.PHONY: bench
bench: $(VENV)/tools  ## requests a second and CPU microseconds a request, beside a bare server
	@$(BIN)/python bench/requests.py

.PHONY: clean
clean:  ## forget the environment; .state keeps the demo's data
	rm -rf $(VENV) dist

# Real distributions, built from the sources as they are now: what runs is what a wheel would hold.
$(VENV)/installed: $(BIN)/uv $(SOURCES) constraints.txt
	@echo "installing the kernel, $(words $(PARTS)) plugins and drivers"
	@$(UV_PIP) $(foreach part,kernel $(PARTS),--reinstall-package serai$(if $(filter kernel,$(part)),,-$(subst _,-,$(notdir $(part))))) './kernel[embedded]' $(PARTS)
	@touch $@

$(VENV)/tools: $(VENV)/installed
	@echo "installing what the tests need"
	@$(UV_PIP) $(TESTED) $(TOOLS)
	@touch $@

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "Serai needs Python 3.11 to 3.13, $(PYTHON) is $$($(PYTHON) --version 2>&1). Say which: make PYTHON=python3.13 ..."; exit 1; }
	@echo "making the environment $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
