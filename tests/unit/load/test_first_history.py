"""The history of a table that has not changed since it was first listed: its own rows, and since when."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.errors import LakeError
from pipeline.lake import LocalLake, snapshot
from pipeline.load.scd2 import Merge
from pipeline.load.snapshot_writer import FEW_SCOPES, SnapshotWriter, writer
from pipeline.model import TABLES, history_of, table
from pipeline.model.page import Scope
from pipeline.query import database as warehouse
from pipeline.settings import Prices
from tests.histories import states_of

SCOPES = [Scope(f"eu-west-{number}", f"00000000000{number % 2}") for number in range(FEW_SCOPES + 1)]
DAYS = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 31)]
KEYS = {"project_arn": "", "project_version_arn": "/version/v", "dataset_arn": "/dataset/d", "resource_arn": "/r"}

Listed = dict[Scope, dict[str, str]]
"""What was seen of each scope: projects by name, each with its status."""


def rows(scope: Scope, names: dict[str, str], of: str = "projects") -> pa.Table:
    """Rows of a table, one a project: in `projects` and `project_versions` with its status."""
    place = {"account_id": scope.account_id, "region": scope.region}
    usual = {"data_result": "training", "stage": "input", "asset_index": 0, "tag_key": "k", "policy_name": "p"}
    told = []
    for name, status in sorted(names.items()):
        arns = {key: f"arn:{scope.account_id}:{scope.region}:{name}{end}" for key, end in KEYS.items()}
        told.append(place | usual | arns | ({"status": status} if of in {"projects", "project_versions"} else {}))
    return pa.Table.from_pylist(told, table(of).schema)


def publish(lake: LocalLake, name: str, listed: Listed, days: list[datetime], *tables: str) -> snapshot.Snapshot:
    """Publish what was listed of scopes, each at its day; those that were listed before and are not now are carried.

    The last scope comes first: the order in which they are told is the writer's.
    """
    before = snapshot.find(lake)
    with writer(lake, name, before) as new:
        scopes = sorted({*listed, *(before.sources if before else ())})
        for at, scope in reversed([*zip(days, scopes, strict=False)]):
            if scope not in listed:
                new.carry(scope)
                continue
            new.add({of: rows(scope, listed[scope], of) for of in tables or ("projects",)})
            new.listed(scope, name, at)
        seal(new)
    return snapshot.current(lake)


def seal(new: SnapshotWriter) -> None:
    new.seal(created_at=DAYS[-1].isoformat(), software={}, run=dict)


def files(found: snapshot.Snapshot) -> set[str]:
    folder = found.folder()
    return {str(path.relative_to(folder)) for path in folder.rglob("*.parquet")}


OWN = {f"{one.name}.parquet" for one in TABLES}


@pytest.fixture
def lake(tmp_path: Path) -> LocalLake:
    return LocalLake(tmp_path)


def written_in(lake: LocalLake, publishing: Callable[[LocalLake], Any]) -> LocalLake:
    """The same in a lake whose first histories are written."""
    beside = LocalLake(lake.root / "beside")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pipeline.load.snapshot_writer.FEW_SCOPES", 0)
        publishing(beside)
    return beside


def test_its_entry_is_its_tables_with_the_instant_of_each_scope(lake: LocalLake):
    found = publish(lake, "s1", {SCOPES[1]: {"a": "CREATED"}, SCOPES[0]: {"b": "CREATED"}}, DAYS)
    since = [
        {"account_id": "000000000000", "region": "eu-west-0", "valid_from": "2026-01-01T00:00:00.000000Z"},
        {"account_id": "000000000001", "region": "eu-west-1", "valid_from": "2026-01-02T00:00:00.000000Z"},
    ]
    for one in TABLES:
        assert found.manifest["history"][one.name] == found.manifest["tables"][one.name] | {"since": since}
        assert found.since(one.name) == {SCOPES[0]: DAYS[0], SCOPES[1]: DAYS[1]}
        assert found.file(one.name, history=True) == found.file(one.name)
    assert files(found) == OWN == set(found.files)
    assert found.manifest["format"] == 3


def test_an_older_reklake_refuses_it(lake: LocalLake, monkeypatch: pytest.MonkeyPatch):
    publish(lake, "s1", {SCOPES[0]: {"a": "CREATED"}}, DAYS)
    monkeypatch.setattr(snapshot, "FORMAT", 2)
    with pytest.raises(LakeError, match=r"newer reklake \(format 3\)"):
        snapshot.current(lake)


@pytest.mark.parametrize("count", [FEW_SCOPES, FEW_SCOPES + 1])
def test_of_many_scopes_it_is_written(lake: LocalLake, count: int):
    found = publish(lake, "s1", {scope: {"a": "CREATED"} for scope in SCOPES[:count]}, DAYS)
    is_written = count > FEW_SCOPES
    assert files(found) == OWN | ({f"history/{name}" for name in OWN} if is_written else set())
    assert {found.since(one.name) is None for one in TABLES} == {is_written}


def test_a_first_snapshot_in_which_nothing_was_listed_has_histories_without_rows(lake: LocalLake):
    with writer(lake, "s1", None) as new:
        new.carry(SCOPES[0])
        seal(new)
    assert all(states_of(snapshot.current(lake), one.name).num_rows == 0 for one in TABLES)
    with warehouse.connect(lake.root, snapshot=snapshot.current(lake).folder(), prices=Prices()) as con:
        assert con.sql("from history.projects").fetchall() == []


def test_it_stays_so_while_other_tables_change_and_is_written_when_its_own_does(lake: LocalLake):
    def run(lake: LocalLake) -> list[snapshot.Snapshot]:
        both = "projects", "project_versions"
        found = [publish(lake, "s1", {SCOPES[0]: {"a": "A"}, SCOPES[1]: {"b": "A"}}, DAYS, *both)]
        with writer(lake, "s2", found[0]) as new:  # the versions are listed again, and one is another
            new.carry(SCOPES[0])
            new.add({"projects": rows(SCOPES[1], {"b": "A"})})
            new.add({"project_versions": rows(SCOPES[1], {"b": "B"}, "project_versions")})
            new.listed(SCOPES[1], "s2", DAYS[5])
            seal(new)
        found.append(snapshot.current(lake))
        found.append(publish(lake, "s3", {SCOPES[0]: {"a": "B", "c": "A"}}, DAYS[10:]))
        return found

    told = run(lake)
    assert [files(one) - OWN for one in told] == [
        set(),
        {"history/project_versions.parquet"},
        {"history/project_versions.parquet", "history/projects.parquet"},
    ]
    assert told[1].manifest["history"]["projects"] == told[0].manifest["history"]["projects"]
    assert told[2].manifest["history"]["datasets"] == told[0].manifest["history"]["datasets"]
    beside = written_in(lake, run)
    now, then = told[2], snapshot.current(beside)
    for name in ("projects", "project_versions"):
        assert now.manifest["history"][name] == then.manifest["history"][name]  # to the byte
    assert [(one["status"], one["begins_as"], one["ends_as"]) for one in states_of(now, "projects").to_pylist()] == [
        ("A", "appeared", "changed"),
        ("B", "changed", None),
        ("A", "appeared", None),
        ("A", "appeared", None),
    ]


def test_a_scope_that_is_new_in_a_later_listing_begins_there(lake: LocalLake):
    publish(lake, "s1", {SCOPES[0]: {"a": "A"}}, DAYS)
    found = publish(lake, "s2", {SCOPES[0]: {"a": "A"}, SCOPES[1]: {}}, DAYS[2:])
    assert found.id == "s2"
    assert found.since("projects") == {SCOPES[0]: DAYS[0]}  # as no row is of the other
    found = publish(lake, "s3", {SCOPES[0]: {"a": "A"}, SCOPES[1]: {"b": "A"}}, DAYS[5:])
    assert [one["valid_from"] for one in states_of(found, "projects").to_pylist()] == [DAYS[0], DAYS[6]]


@pytest.mark.parametrize("is_replaced", [False, True])
@pytest.mark.parametrize("rows_a_range", [3, 10_000])
def test_what_is_written_at_its_first_change_is_what_would_have_been_there(
    lake: LocalLake, is_replaced: bool, rows_a_range: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipeline.load.history.RANGE_ROWS", rows_a_range)
    looked_at_only: list[int] = []
    only = Merge.only
    monkeypatch.setattr(Merge, "only", lambda merge, arns: (looked_at_only.append(len(arns)), only(merge, arns))[1])
    names = {f"p{number:03}": "A" for number in range(40)}
    after = {name: "B" if name == "p007" else "A" for name in names if name != "p013"} | {"p0135": "A", "z": "A"}

    def run(lake: LocalLake) -> None:
        publish(lake, "s1", dict.fromkeys(SCOPES[:3], names), DAYS)
        with writer(lake, "s2", snapshot.find(lake)) as new:
            new.carry(SCOPES[0])
            if is_replaced:
                gone = rows(SCOPES[1], dict.fromkeys(("p007", "p013"), ""))["project_arn"].combine_chunks()
                came = rows(SCOPES[1], {name: after[name] for name in ("p007", "p0135", "z")})
                assert new.replace(SCOPES[1], "projects", gone, came)
                new.keep(SCOPES[1], [one.name for one in TABLES if one.name != "projects"])
            else:
                new.add({"projects": rows(SCOPES[1], after)})
            new.listed(SCOPES[1], "s2", DAYS[9])
            new.carry(SCOPES[2])
            seal(new)

    run(lake)
    found, beside = (snapshot.current(one) for one in (lake, written_in(lake, run)))
    path = found.file("projects", history=True)
    assert path.parent.name == "history"
    assert path.read_bytes() == beside.file("projects", history=True).read_bytes()
    assert states_of(found, "projects").num_rows == 3 * 40 + 3
    assert looked_at_only == ([4, 4] if is_replaced else [])


def test_a_lake_in_which_all_histories_were_written_goes_on_with_them(lake: LocalLake):
    listed = {SCOPES[0]: {"a": "A", "b": "A"}}
    beside = written_in(lake, lambda one: publish(one, "s1", listed, DAYS))
    manifest = beside.root / "snapshots" / "s1" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": 2}))
    before = snapshot.current(beside)
    found = publish(beside, "s2", {SCOPES[0]: {"a": "B", "b": "A"}}, DAYS[3:])
    assert found.manifest["format"] == 3
    assert files(found) == OWN | {f"history/{name}" for name in OWN}
    assert found.manifest["history"]["datasets"] == before.manifest["history"]["datasets"]
    publish(lake, "s1", listed, DAYS)
    publish(lake, "s2", {SCOPES[0]: {"a": "B", "b": "A"}}, DAYS[3:])
    assert found.manifest["history"]["projects"] == snapshot.current(lake).manifest["history"]["projects"]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_views_over_it_are_those_over_a_written_one(lake: LocalLake, count: int):
    listed = {scope: {"a": "A", "b": "B", "it's": "A"} for scope in SCOPES[:count]}
    names = [one.name for one in TABLES]
    publish(lake, "s1", listed, DAYS, *names)
    beside = written_in(lake, lambda one: publish(one, "s1", listed, DAYS, *names))
    opened = [
        warehouse.connect(one.root, snapshot=snapshot.current(one).folder(), prices=Prices()) for one in (lake, beside)
    ]
    for one in TABLES:
        told, written = (con.sql(f"from history.{one.name}").to_arrow_table() for con in opened)
        assert told.schema.equals(written.schema)
        assert told.schema.types == [column.type for column in history_of(one).columns]
        assert told.equals(written)
        assert told.num_rows == 3 * count
        for number in range(count):
            for at, listed_then in ((DAYS[number] - timedelta(microseconds=1), number), (DAYS[number], number + 1)):
                told, written = (con.sql(f"from as_of.{one.name}('{at}')").to_arrow_table() for con in opened)
                assert told.equals(written)
                assert told.num_rows == 3 * listed_then
    for mart in ("status_history", "changes", "running_models"):
        told, written = (con.sql(f"from {mart} order by all").fetchall() for con in opened)
        assert told == written
    for con in opened:
        con.close()


@pytest.mark.parametrize("is_folder_left", [True, False])
def test_a_history_that_was_written_and_is_missing_is_an_error(lake: LocalLake, is_folder_left: bool):
    publish(lake, "s1", {SCOPES[0]: {"a": "A"}}, DAYS)
    found = publish(lake, "s2", {SCOPES[0]: {"a": "B"}}, DAYS[3:])
    missing, folder = found.file("projects", history=True), found.folder()
    missing.unlink()
    if not is_folder_left:
        missing.parent.rmdir()
    with pytest.raises(LakeError, match=rf"^{missing}: cannot be read: No such file"):
        warehouse.connect(lake.root, snapshot=folder, prices=Prices())


@pytest.mark.parametrize(
    "since",
    [
        [{"account_id": "1", "region": "r", "valid_from": "soon"}],
        [{"account_id": "1", "region": "r"}],
        [{"account_id": "1", "valid_from": DAYS[0].isoformat()}, {"region": "r", "valid_from": DAYS[1].isoformat()}],
        ["soon"],
        1,
    ],
)
def test_a_manifest_that_does_not_tell_since_when_is_named(lake: LocalLake, since: Any):
    found = publish(lake, "s1", {SCOPES[0]: {"a": "A"}}, DAYS)
    manifest = lake.root / "snapshots" / "s1" / "manifest.json"
    document = json.loads(manifest.read_text())
    document["history"]["datasets"]["since"] = since
    manifest.write_text(json.dumps(document))
    with pytest.raises(LakeError, match=rf"^{manifest}: cannot be read: .*reklake doctor"):
        warehouse.connect(lake.root, snapshot=found.folder(), prices=Prices())


def test_a_damaged_table_is_told_once(lake: LocalLake):
    found = publish(lake, "s1", {SCOPES[0]: {"a": "A"}}, DAYS)
    path = found.file("projects")
    path.write_bytes(path.read_bytes()[:-1])
    assert found.damage() == ["projects.parquet is not as it was written"]
    path.unlink()
    assert found.damage() == ["projects.parquet is missing"]
