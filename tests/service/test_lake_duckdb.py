"""lake.duckdb, which a sync builds anew where it would be another, as any DuckDB client reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

from pipeline import settings
from pipeline.emulator import StaticWorld, demo_world
from pipeline.emulator.faults import Fault
from pipeline.jobs import sync
from tests.service.conftest import Served
from tests.service.worlds import ACCOUNT, OTHER, project, world

Serve = Callable[..., Served]


def test_a_new_price_reaches_lake_duckdb_even_if_nothing_changed(serve: Serve, tmp_path: Path):
    served = serve(demo_world())
    served.sync()
    file = tmp_path / "reklake.toml"
    file.write_text("[prices]\ntraining_hour = 123")
    sync.sync(
        settings.load(lake=str(served.lake), config=file, environment={}, regions=["us-east-1"], rate=1000), print
    )
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


def test_what_checks_found_is_found_again(serve: Serve):
    served = serve(world(cats=2))  # trained, and without an F1 score
    first = served.sync()
    assert [one.name for one in first.checks] == ["trained_without_f1"]
    assert [(one.name, one.rows) for one in served.sync().checks] == [("trained_without_f1", 2)]


def test_a_scope_that_fails_is_found_though_the_snapshot_stays(serve: Serve):
    listed = {(ACCOUNT, "us-east-1"): [(project("a"), [])], (OTHER, "us-east-1"): [(project("b", OTHER), [])]}
    served = serve(StaticWorld(listed))
    accounts = {"accounts": [ACCOUNT, OTHER], "role": "Reader"}
    assert served.sync(**accounts).checks == ()
    served.endpoint.use(faults=[Fault("access_denied", account=OTHER)])
    result = served.sync(**accounts)
    assert not result.is_published
    assert [one.name for one in result.checks] == ["scopes_stale"]
