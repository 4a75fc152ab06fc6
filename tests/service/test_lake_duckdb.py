"""lake.duckdb, which a sync builds anew where it would be another, as any DuckDB client reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

from pipeline import run, settings
from pipeline.emulator import default_world
from tests.service.conftest import Served
from tests.service.worlds import world

Serve = Callable[..., Served]


def test_a_new_price_reaches_lake_duckdb_even_if_nothing_changed(serve: Serve, tmp_path: Path):
    served = serve(default_world())
    served.sync()
    file = tmp_path / "reklake.toml"
    file.write_text("[prices]\ntraining_hour = 123")
    run.sync(settings.load(lake=str(served.lake), config=file, environment={}, regions=["us-east-1"], rate=1000), print)
    with duckdb.connect(str(served.lake / "lake.duckdb"), read_only=True) as con:
        assert con.sql("select training_hour from prices").fetchall() == [(123,)]


def test_lake_duckdb_stays_as_it_is_where_nothing_changed(serve: Serve):
    served = serve(world(cats=2))
    served.sync()
    file = served.lake / "lake.duckdb"
    before = file.stat().st_ino, file.read_bytes()
    served.sync()
    assert (file.stat().st_ino, file.read_bytes()) == before
    file.write_bytes(before[1][:-1])
    served.sync()
    assert file.stat().st_ino != before[0]
    with duckdb.connect(str(file), read_only=True) as con:
        assert con.sql("select count(*) from project_versions").fetchall() == [(2,)]


def test_any_client_reads_lake_duckdb_while_syncs_go_on(serve: Serve):
    served = serve(world(cats=2))
    served.sync()
    with duckdb.connect(str(served.lake / "lake.duckdb"), read_only=True) as con:
        again = serve(world(cats=5), lake=served.lake)
        again.sync()
        assert con.sql("select count(*) from project_versions").fetchall() == [(2,)]
    with duckdb.connect(str(served.lake / "lake.duckdb"), read_only=True) as con:
        assert con.sql("select count(*) from marts.model_inventory").fetchall() == [(5,)]
        assert con.sql("select outcome, stale_since from scopes").fetchall() == [("complete", None)]
