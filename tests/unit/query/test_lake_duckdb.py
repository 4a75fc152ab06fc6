"""The lake's own lake.duckdb: when it is what would be defined now, and that queries do no more through it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace

import duckdb
import pytest
from tests.unit.load.test_warehouse_queries import OUTSIDE, QUESTIONS, SCRIPTS, WRITES

from pipeline.errors import LakeError, UsageError
from pipeline.query import answers as queries
from pipeline.query import database as warehouse
from pipeline.query import sqlfiles
from pipeline.settings import Prices
from tests.sql import lakes

HOLD = """
import sys, duckdb
con = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    root = tmp_path_factory.mktemp("built")
    (root / "outside.csv").write_text("a\n1\n")
    folder = root / "lake's [1]"
    lakes.make(folder, {"projects": [{"project_name": "p"}]}, [lakes.run_record()])
    (folder / "link").symlink_to(root)
    build(folder)
    return folder


def build(lake, **changes):
    warehouse.build(lake / warehouse.FILE, **given(lake, **changes))


def given(lake, **changes):
    """What the file is built from, and compared with."""
    return {"snapshot": next((lake / "snapshots").iterdir()), "runs": lake / "runs", "prices": Prices()} | changes


def fits(lake, **changes):
    return warehouse.fits(lake / warehouse.FILE, **given(lake, **changes))


def opened(lake):
    return warehouse.connect_read_only(lake, snapshot=next((lake / "snapshots").iterdir()), prices=Prices())


def is_built(con):
    """Whether the connection is to the file, rather than to memory."""
    return con.execute("select current_database()").fetchall() == [("lake",)]


def answers(con, text):
    results = queries.run(con, queries.parse(con, text))
    return [[row for batch in result.batches for row in batch.to_pylist()] for result in results]


def test_a_file_just_built_fits_and_is_opened(lake):
    assert fits(lake)
    with opened(lake) as con:
        assert is_built(con)
        assert con.execute("select current_setting('TimeZone')").fetchall() == [("UTC",)]
        assert con.execute("select version_count from project_summary").fetchall() == [(0,)]


@pytest.mark.parametrize(
    "change",
    [
        {"prices": Prices(training_hour=2.0)},
        {"prices": Prices(inference_unit_hour=2.0)},
        {"prices": Prices(currency="EUR")},
        {"runs": "elsewhere"},
        {"snapshot": "elsewhere"},
    ],
    ids=str,
)
def test_a_file_of_other_prices_or_places_does_not_fit(change, lake, tmp_path):
    if "elsewhere" in change.values():
        shutil.copytree(given(lake)["snapshot"], tmp_path / "elsewhere")
        change = dict.fromkeys(change, tmp_path / "elsewhere")
    assert not fits(lake, **change)


def test_a_file_of_another_reklake_or_duckdb_does_not_fit(lake, monkeypatch):
    read = sqlfiles.read
    with monkeypatch.context() as patched:
        patched.setattr(warehouse.duckdb, "__version__", "0.9")
        assert not fits(lake)
    with monkeypatch.context() as patched:
        patched.setattr(sqlfiles, "read", lambda folder: [replace(one, grain="another") for one in read(folder)])
        assert not fits(lake)
    assert fits(lake)


def test_a_file_that_somebody_changed_does_not_fit(lake):
    path, note = lake / "lake.duckdb", lake / ".lake.duckdb.built"
    for file, content in ((path, b"x" + path.read_bytes()[1:]), (path, b""), (note, b""), (note, b"[]"), (note, b"{}")):
        before = file.read_bytes()
        file.write_bytes(content)
        assert not fits(lake)
        with opened(lake) as con:
            assert not is_built(con)
        file.write_bytes(before)
    (lake / "lake.duckdb.wal").touch()  # what another client has not yet written into the file
    assert not fits(lake)
    (lake / "lake.duckdb.wal").unlink()
    assert fits(lake)


def test_without_the_file_or_its_note_nothing_fits(tmp_path):
    lakes.make(tmp_path)
    assert not fits(tmp_path)
    build(tmp_path)
    (tmp_path / ".lake.duckdb.built").rename(tmp_path / "note")
    assert not fits(tmp_path)
    (tmp_path / "note").rename(tmp_path / ".lake.duckdb.built")
    assert fits(tmp_path)
    (tmp_path / "lake.duckdb").unlink()
    assert not fits(tmp_path)


def test_a_lake_that_was_moved_or_copied_is_read_where_it_is(lake, tmp_path):
    shutil.copytree(lake, tmp_path / "copy", ignore=shutil.ignore_patterns("link"))
    assert not fits(tmp_path / "copy")
    with opened(tmp_path / "copy") as con:
        assert not is_built(con)
        assert answers(con, "select count(*) as n from projects") == [[{"n": 1}]]


def test_a_relative_lake_fits_as_well(lake, monkeypatch):
    monkeypatch.chdir(lake.parent)
    assert fits(lake.relative_to(lake.parent))


def test_a_damaged_lake_is_named_though_the_file_is_good(lake):
    file = given(lake)["snapshot"] / "datasets.parquet"
    before = file.read_bytes()
    file.write_bytes(b"PAR1")
    with pytest.raises(LakeError, match=r"datasets\.parquet: cannot be read"):
        opened(lake)
    file.write_bytes(before)


def test_a_note_that_cannot_be_written_is_told_and_no_file_fits(tmp_path):
    lakes.make(tmp_path)
    build(tmp_path)
    build(tmp_path, prices=Prices(currency="EUR"))
    (tmp_path / ".lake.duckdb.built").rename(tmp_path / "note")
    (tmp_path / ".lake.duckdb.built").mkdir()
    with pytest.raises(LakeError, match=r"lake\.duckdb: cannot be written: .*Is a directory"):
        build(tmp_path)
    assert not [*tmp_path.glob(".*.tmp")]
    (tmp_path / ".lake.duckdb.built").rmdir()
    (tmp_path / "note").rename(tmp_path / ".lake.duckdb.built")  # as it would have stayed
    assert not fits(tmp_path)
    assert not fits(tmp_path, prices=Prices(currency="EUR"))


def test_a_client_that_holds_the_file_to_write_keeps_no_query_from_the_lake(lake):
    command = [sys.executable, "-c", HOLD, str(lake / "lake.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with opened(lake) as con:
            assert not is_built(con)
            assert answers(con, "select count(*) as n from projects") == [[{"n": 1}]]
        holder.communicate()


def test_readers_share_the_file(lake):
    with duckdb.connect(lake / "lake.duckdb", read_only=True) as reader, opened(lake) as con:
        assert is_built(con)
        assert reader.execute("select count(*) from projects").fetchall() == [(1,)]


@pytest.mark.parametrize("text", [*QUESTIONS, *SCRIPTS])
def test_what_may_be_asked_is_answered_through_the_file_too(text, lake):
    with opened(lake) as con:
        assert is_built(con)
        assert answers(con, text)[-1]


def test_what_would_write_is_refused_through_the_file_too(lake):
    before = sorted(lake.parent.rglob("*"))
    with opened(lake) as con:
        assert is_built(con)
        for text in WRITES:
            with pytest.raises(UsageError):
                answers(con, text.format(lake=str(lake).replace("'", "''")))
    assert sorted(lake.parent.rglob("*")) == before


def test_files_outside_the_lake_are_not_read_through_the_file_either(lake):
    quoted = {
        "outside": str(lake.parent / "outside.csv").replace("'", "''"),
        "lake": str(lake).replace("'", "''"),
    }
    with opened(lake) as con:
        assert is_built(con)
        for source in OUTSIDE:
            with pytest.raises(UsageError):
                answers(con, f"from {source.format(**quoted)}")
        for setting in ("enable_external_access = true", "allowed_directories = ['/']", "memory_limit = '1GB'"):
            with pytest.raises(duckdb.InvalidInputException, match="locked"):
                con.execute(f"set {setting}")
