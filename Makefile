# Two commands on a fresh machine: `make demo` and `make test`. Everything else is for developers.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
OLD_DUCKDB := .duckdb-1.5
# what the benches compare with has the same boto3 and pyarrow
PEER_LOCK = uv pip compile --quiet --no-header --no-annotate --generate-hashes --universal --python-version 3.11 \
	--no-emit-index-url --constraint requirements.lock -

.PHONY: demo test check test-duckdb-1.5 lint types lock docs bench bench-quick clean

demo: $(READY)  ## export a made-up organisation from the built-in endpoint and query it
	@$(BIN)/reklake demo --lake data/demo

test: $(READY) $(OLD_DUCKDB)/.ready lint types  ## run everything, on both supported lines of DuckDB
	$(BIN)/python -m pytest -n auto --dist worksteal
	PYTHONPATH=$(OLD_DUCKDB) $(BIN)/python -m pytest -n auto --dist worksteal tests/sql tests/unit/load tests/cli/test_query.py \
		tests/property/test_history.py tests/service/test_replay.py

check: lint types  ## what needs no test run

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

# the environment, from the hashed lock; rebuilt when the lock changes
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "reklake needs Python 3.11 or later; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "setting up $(VENV) from requirements.lock"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# the oldest DuckDB that is supported, beside the environment's own
$(OLD_DUCKDB)/.ready: $(READY) requirements-duckdb-1.5.lock
	@rm -rf $(OLD_DUCKDB)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		--target $(OLD_DUCKDB) -r requirements-duckdb-1.5.lock
	@touch $@

lock:  ## write the locks anew (needs uv)
	uv export --quiet --format requirements-txt --no-emit-project --all-extras --all-groups --no-header -o requirements.lock
	uv export --quiet --format requirements-txt --no-emit-project --no-default-groups --no-annotate --no-header \
		-o requirements-run.lock
	printf 'hatchling\n' | uv pip compile --quiet --no-header --no-annotate --generate-hashes \
		--universal --no-emit-index-url --constraint requirements.lock - -o requirements-build.lock
	printf 'boto3\npyarrow\n' | $(PEER_LOCK) -o bench/peers/plain.lock
	printf 'dlt[parquet]\nboto3\npyarrow\n' | $(PEER_LOCK) -o bench/peers/dlt.lock
	printf 'duckdb==1.5.5\n' | uv pip compile --quiet --no-header --no-annotate --no-deps --generate-hashes \
		--universal --no-emit-index-url - -o requirements-duckdb-1.5.lock

docs: $(READY)  ## write docs/tables.md from the declarations
	$(BIN)/reklake tables --format markdown > docs/tables.md

bench: $(READY)  ## speed and memory beside their limits: bench/results.json and docs/performance.md (about 20 minutes)
	$(BIN)/python bench/run.py

bench-quick: $(READY)  ## the same with small sizes (about 2 minutes); writes nothing
	$(BIN)/python bench/run.py --quick

clean:
	rm -rf $(VENV) $(OLD_DUCKDB) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
