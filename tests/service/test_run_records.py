"""Run records in a lake that grows old: what a sync reads of them, and readers that count while they are compacted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import duckdb
import pytest

from pipeline.lake import DATABASE, Lake, LocalLake, open_lake, run_log, snapshot
from pipeline.lake.run_record import Outcome, RunRecord, ScopeRecord, text_of
from pipeline.query import database, run_views
from pipeline.settings import Prices
from tests.service.conftest import Served
from tests.service.s3_proxy import Proxy
from tests.service.test_s3_runs import s3, storage  # noqa: F401  # a bucket, and the process that holds it
from tests.service.worlds import world
from tests.sql import lakes

Serve = Callable[..., Served]
COUNT = "select count(distinct run_id), count(*) from main.run_scopes"
RUNS_A_DAY, SCOPES = 6, 2


def add_day(lake: Lake, days_ago: int) -> None:
    """Write the JSON records of a day on which nothing changed."""
    for number in range(RUNS_A_DAY):
        at = (datetime.now(UTC) - timedelta(days=days_ago)).replace(hour=number)
        scopes = [
            ScopeRecord("111122223333", region, Outcome.COMPLETE, listed_at=text_of(at))
            for region in ("eu-west-1", "us-east-1")
        ]
        run_id = f"{at:%Y%m%dT%H%M%SZ}-{number:08x}"
        RunRecord(run_id, "sync", text_of(at), {}, Outcome.COMPLETE, scopes=scopes).write(lake)


def test_what_a_sync_reads_of_records_does_not_grow_with_their_number(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    served = serve(world(cats=2))
    lake = LocalLake(served.lake)
    served.sync()
    fetched: list[str] = []
    fetch = LocalLake.fetch

    def counted(self: LocalLake, name: str) -> Path:
        if name.startswith("runs/"):
            fetched.append(name)
        return fetch(self, name)

    monkeypatch.setattr(LocalLake, "fetch", counted)
    recent = f"runs/{datetime.now(UTC) - timedelta(days=2):%Y%m%d}"
    for days in (range(3, 6), range(6, 40)):
        for days_ago in days:
            add_day(lake, days_ago)
        served.sync()  # makes the files of these days
        fetched.clear()
        assert served.sync().record.outcome is Outcome.COMPLETE
        assert not [name for name in fetched if name.endswith(".json") and name < recent]
        with monkeypatch.context() as a_day_later:
            a_day_later.setattr(run_log, "OVERLAP", timedelta(0))
            served.sync()
        fetched.clear()
        served.sync()
        assert fetched
        assert not [name for name in fetched if name < recent or name.endswith(".parquet")]


class Reader:
    """A thread that counts in a loop; each count must be of all records that were there when it began, and no more."""

    def __init__(self, count: Callable[[], tuple[int, int]]) -> None:
        self.written = 0
        self.counts = 0
        self._count = count
        self._is_over = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self._loop = self._pool.submit(self._run)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._pool.shutdown()
        self._loop.result()

    def take_turns(self) -> None:
        """Wait until a count has begun and ended since this was called."""
        wanted = self.counts + 2
        while self.counts < wanted and not self._loop.done():
            time.sleep(0.001)

    def _run(self) -> None:
        while not self._is_over.is_set():
            before = self.written
            runs, rows = self._count()
            assert before <= runs <= before + RUNS_A_DAY
            assert rows == runs * SCOPES
            self.counts += 1


def grow_old(lake: Lake, reader: Reader, refresh: Callable[[], object]) -> None:
    """Let days pass: records are written, compacted and, when queries of before have ended, removed as JSON."""
    for days_ago in range(20, 12, -1):
        add_day(lake, days_ago)
        reader.written += RUNS_A_DAY
        run_log.compact(lake)
        refresh()
        reader.take_turns()
        for name in [*run_log.superseded(lake, datetime.now(UTC))]:
            lake.remove(name)
    reader.take_turns()
    assert not [name for name in lake.entries("runs") if name.endswith(".json")]


def test_readers_of_a_folder_count_right_while_records_are_compacted(tmp_path: Path):
    lake = LocalLake(lakes.make(tmp_path).parents[1])
    folder = snapshot.current(lake).folder()
    database.refresh(lake.root, snapshot=folder, prices=Prices())

    def count() -> tuple[int, int]:
        with duckdb.connect(str(lake.root / DATABASE), read_only=True) as con:
            ((runs, rows),) = con.sql(COUNT).fetchall()
        return runs, rows

    with Reader(count) as reader:
        grow_old(lake, reader, lambda: database.refresh(lake.root, snapshot=folder, prices=Prices()))


def test_readers_of_s3_count_right_while_records_are_compacted(
    s3: tuple[str, Proxy],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    lake, elsewhere = open_lake(s3[0]), open_lake(s3[0])
    run_log.compact(lake)
    here = lake.root
    monkeypatch.setenv("REKLAKE_CACHE", str(tmp_path / "another machine"))
    assert elsewhere.root != here

    def count() -> tuple[int, int]:
        run_log.fetch(elsewhere)
        ((runs, rows),) = run_views.ask(elsewhere.root, COUNT, memory="96MB")
        return runs, rows

    with Reader(count) as reader:
        grow_old(lake, reader, lambda: None)


def test_of_two_writers_on_s3_the_first_makes_a_days_file(s3: tuple[str, Proxy]):  # noqa: F811
    lake = open_lake(s3[0])
    assert lake.write_if_absent("runs/2020-01-01.parquet", b"first")
    assert not lake.write_if_absent("runs/2020-01-01.parquet", b"second")
    assert lake.read("runs/2020-01-01.parquet") == b"first"
