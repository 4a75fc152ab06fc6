"""The metrics of a run: read back by the format's grammar, true to the records, and written whole or not at all."""

from __future__ import annotations

import json
import os
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import LakeError, ScopeError, UsageError
from pipeline.jobs import metrics_file
from pipeline.jobs.metrics_file import LakeState
from pipeline.jobs.run_context import RunResult
from pipeline.lake import LocalLake, run_log
from pipeline.lake.run_record import DetailRecord, Outcome, RunRecord, ScopeRecord
from pipeline.lake.snapshot import FORMAT, Source
from pipeline.model.page import Scope
from pipeline.query.checks import CheckResult

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
HERE, THERE = Scope("eu-west-1", "111122223333"), Scope("us-east-1", "111122223333")

# the grammar of version 0.0.4, strictly: no blanks but the one before the value, no timestamps, one newline at the end
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^\\"\n]|\\\\|\\"|\\n)*)"'
COMMENT = re.compile(rf"# (HELP|TYPE) ({NAME}) ([^\n]+)")
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? ([^ \n]+)")
ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}

Read = dict[str, dict[frozenset[tuple[str, str]], float]]


def parse(text: str) -> Read:
    """Read the text back as Prometheus does; whatever it would refuse fails."""
    assert text.endswith("\n")
    found: Read = {}
    kinds: dict[str, str] = {}
    helped: set[str] = set()
    for line in text[:-1].split("\n"):
        if comment := COMMENT.fullmatch(line):
            word, name, rest = comment.groups()
            assert name not in found, f"{name}: its comments come before its samples"
            if word == "HELP":
                assert name not in helped
                helped.add(name)
            else:
                assert name not in kinds
                kinds[name] = rest
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample, f"no sample: {line!r}"
        name, labels = sample[1], re.findall(LABEL, sample[2] or "")
        assert name in kinds
        assert name in helped
        assert list(kinds)[-1] == name, f"{name}: the samples of a metric stand together"
        names = [label for label, _ in labels]
        assert len(names) == len(set(names))
        assert not any(label.startswith("__") for label in names)
        series = frozenset((label, re.sub(r'\\[\\"n]', lambda m: ESCAPES[m[0]], value)) for label, value in labels)
        assert series not in found.setdefault(name, {}), f"{line}: twice"
        found[name][series] = float(sample[sample.re.groups])
    assert set(kinds) == helped == set(found)
    assert set(kinds.values()) <= {"gauge", "counter", "untyped"}
    return found


def one(read: Read, name: str, **labels: str) -> float:
    return read[name][frozenset(labels.items())]


def iso(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def run_id(at: datetime) -> str:
    return f"{at:%Y%m%dT%H%M%SZ}-abcdef01"


def listed(scope: Scope, at: datetime | None, outcome: Outcome = Outcome.COMPLETE) -> ScopeRecord:
    found = ScopeRecord(scope.account_id, scope.region, outcome)
    found.listed_at = iso(at) if at else None
    return found


def ended(hours: float, *scopes: ScopeRecord, outcome: Outcome | None = None, kind: str = "sync") -> RunRecord:
    """Return the record of a run that began so many hours ago and took ten minutes."""
    began = NOW - timedelta(hours=hours)
    worst = Outcome.COMPLETE if all(scope.outcome is Outcome.COMPLETE for scope in scopes) else Outcome.PARTIAL
    run = RunRecord(run_id(began), kind, iso(began), {}, outcome or worst, iso(began + timedelta(minutes=10)))
    run.seconds = {"total": 600.0}
    run.software = {"reklake": "0.1.0", "python": "3.12.1", "boto3": "1.40.0", "pyarrow": "24.0", "duckdb": "1.5.5"}
    run.scopes = list(scopes)
    return run


def hours_ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def judged(folder: Path, sources: dict[Scope, float], *runs: RunRecord, asked: RunRecord | None = None) -> LakeState:
    """Say how a lake stands whose rows were listed so many hours ago, after these runs."""
    lake = LocalLake(folder)
    run_log.compact(lake)
    if sources:
        published(lake, sources)
    for run in runs:
        run.write(lake)
    known = metrics_file.lake_state(lake, asked)
    assert known
    return known


def found(name: str, severity: str, rows: int = 3) -> CheckResult:
    return CheckResult(name, severity, "", rows, pa.table({}), "")


def published(lake: LocalLake, listed_hours_ago: dict[Scope, float]) -> str:
    """Publish a snapshot that has nothing but a manifest."""
    at = hours_ago(min(listed_hours_ago.values()))
    rows = {"projects": 11, "project_versions": 61}
    sources = {
        scope: Source(run_id(hours_ago(hours)), hours_ago(hours), "declared", "0.1.0")
        for scope, hours in listed_hours_ago.items()
    }
    manifest = {
        "format": FORMAT,
        "id": run_id(at),
        "parent": None,
        "created_at": iso(at),
        "software": {},
        "declarations": {"declared": {}},
        "tables": {name: {"file": f"{name}.parquet", "rows": count} for name, count in rows.items()},
        "history": {},
        "scopes": [source.as_json(scope) for scope, source in sources.items()],
        "run": {},
    }
    run_log.compact(lake)
    lake.write_text(f"snapshots/{run_id(at)}/manifest.json", json.dumps(manifest))
    lake.write_text("CURRENT", run_id(at))
    return run_id(at)


def test_a_complete_run(tmp_path: Path):
    lake = LocalLake(tmp_path)
    run = ended(1, listed(HERE, hours_ago(1)), listed(THERE, hours_ago(1)))
    run.scopes[0].calls, run.scopes[1].calls, run.scopes[1].retries, run.scopes[1].throttles = 40, 2, 3, 1
    run.snapshot = published(lake, {HERE: 1, THERE: 1})
    run.write(lake)
    read = parse(metrics_file.text(RunResult(run, {"projects": 11, "project_versions": 61}, True, ()), lake))
    assert one(read, "reklake_last_run_timestamp_seconds") == (hours_ago(1) + timedelta(minutes=10)).timestamp()
    assert one(read, "reklake_last_success_timestamp_seconds") == one(read, "reklake_last_run_timestamp_seconds")
    assert one(read, "reklake_last_run_duration_seconds") == 600
    assert [one(read, "reklake_last_run_outcome", outcome=each) for each in metrics_file.RUN_OUTCOMES] == [1, 0, 0]
    assert one(read, "reklake_rows", table="projects") == 11
    assert one(read, "reklake_rows", table="project_versions") == 61
    assert {dict(labels)["outcome"]: n for labels, n in read["reklake_scopes"].items()} == {
        "complete": 2,
        "partial": 0,
        "failed": 0,
        "skipped": 0,
    }
    listed_at = one(
        read, "reklake_scope_last_complete_timestamp_seconds", account_id="111122223333", region="eu-west-1"
    )
    assert listed_at == hours_ago(1).timestamp()
    assert one(read, "reklake_scopes_stale") == 0
    calls = [one(read, f"reklake_api_{what}") for what in ("calls", "retries", "throttles")]
    assert calls == [42, 3, 1]
    assert [one(read, "reklake_checks_failed", severity=each) for each in ("error", "warn")] == [0, 0]
    versions = {"version": "0.1.0", "python": "3.12.1", "boto3": "1.40.0", "pyarrow": "24.0", "duckdb": "1.5.5"}
    assert one(read, "reklake_build_info", **versions) == 1
    assert set(metrics_file.HELP) - set(read) == {"reklake_scope_failed", "reklake_detail_failed"}


def test_what_failed_is_named():
    scope = listed(HERE, None, Outcome.FAILED)
    scope.fail(ScopeError("arn:aws:iam::111122223333:role/secret is not allowed", kind="denied"))
    other = listed(THERE, hours_ago(1), Outcome.PARTIAL)
    other.details = [
        DetailRecord("datasets", Outcome.COMPLETE),
        DetailRecord("tags", Outcome.FAILED, "throttled", "too many"),
        DetailRecord("policies", Outcome.SKIPPED, "denied"),
    ]
    run = ended(1, scope, other)
    text = metrics_file.render(run, None, checks=(found("a", "error"), found("b", "warn"), found("c", "warn")))
    read = parse(text)
    assert read["reklake_scope_failed"] == {
        frozenset({("account_id", "111122223333"), ("region", "eu-west-1"), ("error_kind", "denied")}): 1
    }
    labels = {"account_id": "111122223333", "region": "us-east-1", "detail": "tags", "error_kind": "throttled"}
    assert read["reklake_detail_failed"] == {frozenset(labels.items()): 1}
    assert one(read, "reklake_scopes", outcome="failed") == one(read, "reklake_scopes", outcome="partial") == 1
    assert [one(read, "reklake_checks_failed", severity=each) for each in ("error", "warn")] == [1, 2]
    assert one(read, "reklake_last_run_outcome", outcome="partial") == 1
    assert "secret" not in text  # messages may name more than the metrics should
    assert "reklake_rows" not in read


def test_a_run_that_could_not_begin_has_failed(tmp_path: Path):
    lake = LocalLake(tmp_path)
    published(lake, {HERE: 30})
    ended(30, listed(HERE, hours_ago(30))).write(lake)
    ended(2, outcome=Outcome.FAILED).write(lake)
    before = datetime.now(UTC)
    read = parse(metrics_file.text_of_failure(lake, before - timedelta(seconds=5)))
    assert one(read, "reklake_last_run_timestamp_seconds") >= before.timestamp()
    assert 5 <= one(read, "reklake_last_run_duration_seconds") < 60
    assert [one(read, "reklake_last_run_outcome", outcome=each) for each in metrics_file.RUN_OUTCOMES] == [0, 0, 1]
    assert one(read, "reklake_last_success_timestamp_seconds") == hours_ago(29 + 50 / 60).timestamp()
    assert one(read, "reklake_rows", table="projects") == 11
    assert one(read, "reklake_scopes_stale") == 0
    assert not {"reklake_scopes", "reklake_api_calls", "reklake_checks_failed"} & set(read)


@pytest.mark.parametrize("damage", ["no lake", "no pointer", "no snapshot", "damaged manifest"])
def test_a_lake_that_cannot_be_read_does_not_keep_the_failure_from_being_told(tmp_path: Path, damage: str):
    lake = LocalLake(tmp_path / "lake")
    if damage != "no lake":
        ended(3, outcome=Outcome.FAILED).write(lake)
    if damage == "no snapshot":
        lake.write_text("CURRENT", "gone")
    if damage == "damaged manifest":
        lake.write_text("snapshots/half/manifest.json", "{")
        lake.write_text("CURRENT", "half")
    for text in (metrics_file.text_of_failure(lake, NOW), metrics_file.text_of_failure(None, NOW)):
        read = parse(text)
        assert one(read, "reklake_last_run_outcome", outcome="failed") == 1
        assert "reklake_last_success_timestamp_seconds" not in read
        assert "reklake_rows" not in read


def test_a_result_is_told_even_if_the_lake_cannot_be_read_any_more(tmp_path: Path):
    class Unreachable(LocalLake):
        def pointer(self):
            raise LakeError("the bucket is out of reach")

    run = ended(1, listed(HERE, hours_ago(1)))
    result = RunResult(run, {"projects": 11}, True, (), warning="lake.duckdb is not up to date")
    read = parse(metrics_file.text(result, Unreachable(tmp_path)))
    assert one(read, "reklake_rows", table="projects") == 11
    assert one(read, "reklake_last_run_outcome", outcome="complete") == 1
    assert "reklake_checks_failed" not in read  # they may not have been run


def test_records_that_cannot_be_read_are_passed_over(tmp_path: Path):
    lake = LocalLake(tmp_path)
    published(lake, {HERE: 30})
    ended(30, listed(HERE, hours_ago(30))).write(lake)
    lake.write_text("runs/20261123T030000Z-00000001.json", "{")
    odd = {"outcome": "complete", "kind": "sync", "scopes": [{"region": "r"}, None], "ended_at": 7}
    lake.write_text("runs/20261123T030000Z-00000002.json", json.dumps(odd))
    read = parse(metrics_file.text_of_failure(lake, NOW))
    assert one(read, "reklake_last_success_timestamp_seconds") == hours_ago(29 + 50 / 60).timestamp()
    assert one(read, "reklake_scopes_stale") == 0


def test_success_is_a_complete_sync_and_nothing_else(tmp_path: Path):
    complete = ended(9, listed(HERE, hours_ago(9)))
    partial = ended(5, listed(HERE, None, Outcome.FAILED), listed(THERE, hours_ago(5)))
    replayed = ended(4, listed(HERE, hours_ago(9)), kind="replay")
    rolled_back = ended(3, kind="rollback")
    failed = ended(2, outcome=Outcome.FAILED)
    known = judged(tmp_path / "a", {HERE: 9, THERE: 5}, failed, rolled_back, replayed, partial, complete)
    assert known.last_success == (hours_ago(9) + timedelta(minutes=10)).timestamp()
    assert judged(tmp_path / "b", {HERE: 9}, failed, partial).last_success is None


def test_a_sync_that_found_nothing_changed_counts_as_fresh(tmp_path: Path):
    # the snapshot is that of nine hours ago, and its manifest knows nothing later
    runs = [ended(hours, listed(HERE, hours_ago(hours))) for hours in (1, 5, 9)]
    assert judged(tmp_path, {HERE: 9}, *runs).last_complete == {HERE: hours_ago(1).timestamp()}


def test_a_scope_is_stale_while_its_last_attempt_did_not_complete(tmp_path: Path):
    good = ended(9, listed(HERE, hours_ago(9)), listed(THERE, hours_ago(9)))
    bad = ended(5, listed(HERE, None, Outcome.FAILED), listed(THERE, hours_ago(5)))
    only_there = ended(1, listed(THERE, hours_ago(1)))
    known = judged(tmp_path, {HERE: 9, THERE: 5}, only_there, bad, good)
    assert known.stale == 1
    assert known.last_complete == {HERE: hours_ago(9).timestamp(), THERE: hours_ago(1).timestamp()}
    assert judged(tmp_path, {HERE: 9, THERE: 5}, ended(0.5, listed(HERE, hours_ago(0.5)))).stale == 0


def test_a_scope_that_never_completed_is_stale_while_it_is_asked_and_has_no_instant(tmp_path: Path):
    new = ended(1, listed(HERE, None, Outcome.FAILED), outcome=Outcome.FAILED)
    known = judged(tmp_path, {}, new, asked=new)
    assert (known.stale, known.last_complete) == (1, {})
    assert judged(tmp_path, {}, asked=ended(0.5)).stale == 0


def test_a_scope_whose_pages_could_not_all_be_read_is_listed_and_stale(tmp_path: Path):
    known = judged(tmp_path, {HERE: 1}, ended(1, listed(HERE, hours_ago(1), Outcome.FAILED)))
    assert (known.stale, known.last_complete) == (1, {HERE: hours_ago(1).timestamp()})


def test_after_a_rollback_the_older_listing_counts_until_the_next_sync(tmp_path: Path):
    shown = listed(HERE, hours_ago(9))
    runs = [ended(2, shown, kind="rollback"), ended(5, listed(HERE, hours_ago(5))), ended(9, shown)]
    known = judged(tmp_path, {HERE: 9}, *runs)
    assert (known.stale, known.last_complete) == (1, {HERE: hours_ago(9).timestamp()})
    known = judged(tmp_path, {HERE: 9}, ended(1, listed(HERE, hours_ago(1))))
    assert (known.stale, known.last_complete) == (0, {HERE: hours_ago(1).timestamp()})


@given(st.text(), st.text(), st.sampled_from(['"', "\\", "\n", '\\"', "\\n", "} 1\nevil 2", "\r", "\u2028", "é", ""]))
def test_label_values_come_back_whatever_they_hold(region: str, kind: str, odd: str):
    scope = ScopeRecord("111122223333", region + odd, error_kind=odd + kind or None)
    read = parse(metrics_file.render(ended(1, scope), None))
    (labels,) = read["reklake_scope_failed"]
    assert dict(labels)["region"] == (region + odd).replace("\0", "\ufffd")
    assert dict(labels)["error_kind"] == (odd + kind).replace("\0", "\ufffd") or "unknown"


def test_half_a_surrogate_pair_can_be_written(tmp_path: Path):
    scope = ScopeRecord("111122223333", "\ud800", error_kind="denied")
    metrics_file.write(tmp_path / "reklake.prom", metrics_file.render(ended(1, scope), None))
    parse((tmp_path / "reklake.prom").read_text(encoding="utf-8"))


def test_the_file_can_be_read_by_the_collector_whatever_the_umask(tmp_path: Path):
    before = os.umask(0o077)
    try:
        metrics_file.write(tmp_path / "reklake.prom", "old 1\n")
        metrics_file.write(tmp_path / "reklake.prom", "new 1\n")
    finally:
        os.umask(before)
    path = tmp_path / "reklake.prom"
    assert path.read_bytes() == b"new 1\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("broken", ["os.fsync", "os.fchmod", "pathlib.Path.replace"])
def test_the_old_file_stays_when_writing_breaks_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str):
    path = tmp_path / "reklake.prom"
    metrics_file.write(path, "old 1\n")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(broken, full)
        with pytest.raises(UsageError, match=r"reklake\.prom: cannot be written: No space left.*--metrics-file"):
            metrics_file.write(path, "new 1\n")
    assert path.read_text() == "old 1\n"
    assert [*tmp_path.iterdir()] == [path]


def test_what_is_half_written_is_no_file_of_the_collector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[str] = []
    monkeypatch.setattr("os.fsync", lambda _: seen.extend(path.name for path in tmp_path.iterdir()))
    metrics_file.write(tmp_path / "reklake.prom", "new 1\n")
    assert seen
    assert seen[0].startswith(".reklake.prom.")
    assert not seen[0].endswith(".prom")


def test_a_folder_that_is_missing_is_named_before_the_run(tmp_path: Path):
    with pytest.raises(UsageError, match=r"no folder .*/missing\. Make it"):
        metrics_file.check(tmp_path / "missing" / "reklake.prom")
    with pytest.raises(UsageError, match="no folder"):
        metrics_file.write(tmp_path / "missing" / "reklake.prom", "")


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    with pytest.raises(UsageError, match="Allow the user that runs reklake to write"):
        metrics_file.check(tmp_path / "reklake.prom")


@pytest.mark.parametrize("path", ["/dev/null", "."])
def test_a_device_or_a_folder_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="is not a file"):
        metrics_file.write(Path(path), "new 1\n")


def test_a_link_leads_to_the_file_that_is_written(tmp_path: Path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link.prom").symlink_to(tmp_path / "there" / "reklake.prom")
    metrics_file.write(tmp_path / "link.prom", "new 1\n")
    assert (tmp_path / "there" / "reklake.prom").read_text() == "new 1\n"
    assert (tmp_path / "link.prom").is_symlink()


def test_names_carry_their_units():
    assert all(name.startswith("reklake_") for name in metrics_file.HELP)
    for name in metrics_file.HELP:
        assert ("timestamp" in name or "duration" in name) == name.endswith("_seconds")
        assert not name.endswith("_total")  # that would promise a counter
