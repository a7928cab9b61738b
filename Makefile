# The few commands that people type: make demo, make test, make dev, make bench.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PARTS := ./kernel[embedded,testing] $(patsubst %/pyproject.toml,./%,$(wildcard drivers/*/pyproject.toml plugins/*/pyproject.toml))
TOOLS := pytest pytest-aiohttp hypothesis schemathesis mypy ruff import-linter towncrier

.PHONY: dev
dev: $(BIN)/uv  ## an environment in which the sources are used as they stand
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt $(addprefix -e ,$(PARTS)) $(TOOLS)

$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
