# Two commands for a new user: `make demo` and `make test`. Both set up .venv first; a second call installs nothing again.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two processes with a thread each: where two threads of each wait for one another, tests take twice as long.
PYTEST := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/pytest -n 2 --dist loadfile
SOURCES := setup.py pyproject.toml $(wildcard site_packages/*) $(shell find nnunetv2_muduo -name '*.py' -o -name '*.safetensors' -o -path '*/page/*')

.PHONY: demo test test-all lint clean

demo: $(VENV)/.installed
	$(BIN)/muduo demo muduo_demo

test: $(VENV)/.installed
	$(PYTEST)

# With the full form of long harnesses.
test-all: $(VENV)/.installed
	$(PYTEST) -m "long or not long"

lint: $(VENV)/.installed
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

# What the package needs: downloaded once, and again only when setup.py asks for something else.
$(VENV)/.dependencies: setup.py
	test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@echo "Installing nnU-Net, torch and tools into $(VENV): a few minutes, once."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "setuptools>=68" wheel
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation ".[dev]"
	touch $@

# The package itself, as a user gets it (a wheel, so that nnU-Net's own commands find the trainers); again when sources change.
$(VENV)/.installed: $(VENV)/.dependencies $(SOURCES)
	rm -rf build  # or modules that are gone would be packed again
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --force-reinstall .
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info muduo_demo
