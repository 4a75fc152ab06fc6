# Two commands on a fresh machine: `make demo` and `make test`. Everything else is for developers.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
OLD_DUCKDB := .duckdb-1.5
OLDEST_CLIENT := .duckdb-1.1
# the peers of the benches get the same boto3 and pyarrow
PEER_LOCK = uv pip compile --quiet --no-header --no-annotate --generate-hashes --universal --python-version 3.11 \
	--no-emit-index-url --constraint requirements.lock -
DUCKDB_LOCK = uv pip compile --quiet --no-header --no-annotate --no-deps --generate-hashes --universal \
	--no-emit-index-url -

.PHONY: demo test check test-duckdb-1.5 lint types lock docs bench bench-quick clean

demo: $(READY)  ## export a made-up organisation from the built-in endpoint and query it
	@$(BIN)/reklake demo --lake data/demo

test: $(READY) $(OLD_DUCKDB)/.ready $(OLDEST_CLIENT)/.ready lint types  ## run everything, on both lines of DuckDB
	$(BIN)/python -m pytest -n auto --dist worksteal --durations 10
	PYTHONPATH=$(OLD_DUCKDB) $(BIN)/python -m pytest -n auto --dist worksteal tests/sql tests/service/test_lake_duckdb.py

check: lint types  ## lint and types only

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

# beside the environment's own DuckDB: the oldest that is supported, and the oldest that reads lake.duckdb
.duckdb-%/.ready: $(READY) requirements-duckdb-%.lock
	@rm -rf $(@D)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		--target $(@D) -r requirements-duckdb-$*.lock
	@touch $@

lock:  ## write every lock again (needs uv)
	uv export --quiet --format requirements-txt --no-emit-project --all-extras --all-groups --no-header -o requirements.lock
	uv export --quiet --format requirements-txt --no-emit-project --no-default-groups --no-annotate --no-header \
		-o requirements-run.lock
	printf 'hatchling\n' | uv pip compile --quiet --no-header --no-annotate --generate-hashes \
		--universal --no-emit-index-url --constraint requirements.lock - -o requirements-build.lock
	printf 'boto3\npyarrow\n' | $(PEER_LOCK) -o bench/peers/plain.lock
	printf 'dlt[parquet]\nboto3\npyarrow\n' | $(PEER_LOCK) -o bench/peers/dlt.lock
	printf 'duckdb==1.5.5\n' | $(DUCKDB_LOCK) -o requirements-duckdb-1.5.lock
	printf 'duckdb==1.1.3\n' | $(DUCKDB_LOCK) -o requirements-duckdb-1.1.lock

docs: $(READY)  ## write docs/tables.md from the declarations
	$(BIN)/reklake tables --format markdown > docs/tables.md

bench: $(READY)  ## speed and memory beside their limits: bench/results.json and docs/performance.md (about 20 minutes)
	$(BIN)/python bench/run.py

bench-quick: $(READY)  ## the same with small sizes (about 2 minutes); writes nothing
	$(BIN)/python bench/run.py --quick

clean:
	rm -rf $(VENV) $(OLD_DUCKDB) $(OLDEST_CLIENT) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
