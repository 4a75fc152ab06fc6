"""The suites: what is measured, how large, and within which limit it should stay."""

from __future__ import annotations

import re
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import commands
import duckdb
import equal
import pages
from commands import REGIONS, endpoint
from measure import Taken, measure

RATE = 5.0
"""AWS's default quota: calls a second of each operation in each scope."""
OURS, PLAIN, DLT = "reklake", "plain boto3", "dlt"


@dataclass(frozen=True)
class Sizes:
    """How large and how often. Projects have 1,000 versions unless the suite says otherwise."""

    quota_projects: int = 100
    quota_runs: int = 3
    flatten_projects: int = 50
    export_projects: int = 100
    peer_rounds: int = 3
    memory_projects: int = 1000
    records: int = 9000
    mart_projects: int = 100
    question_runs: int = 5
    startup_runs: int = 20


FULL = Sizes()
QUICK = Sizes(20, 1, 5, 5, 1, 20, 100, 5, 2, 3)


@dataclass(frozen=True)
class Figure:
    """Something measured, some times, and its limit: the most that the median may be, or with `at_least` the least."""

    name: str
    values: list[float]
    limit: float
    unit: str
    at_least: bool = False

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def passes(self) -> bool:
        return self.median >= self.limit if self.at_least else self.median <= self.limit


@dataclass(frozen=True)
class Outcome:
    """What a suite found: its figures, and every run they come from by the name of what ran."""

    figures: list[Figure]
    runs: dict[str, list[Taken]] = field(default_factory=dict)
    note: str = ""


def quota(sizes: Sizes, scratch: Path) -> Outcome:
    """Sync ten scopes, projects of ten versions, at AWS's quota; each answer takes 0.1 s."""
    ideal = (sizes.quota_projects - RATE) / RATE
    words = ["--rate", str(RATE), "--latency", "0.1"]
    with endpoint(projects=sizes.quota_projects, each=10, words=words) as service:
        taken = []
        for _ in range(sizes.quota_runs):
            time.sleep(1)  # the quota's buckets fill up again
            taken.append(_measured(commands.sync(_empty(scratch / "lake"), regions=REGIONS, rate=RATE), service))
        throttled = service.counts().get("throttled", 0)
    name = f"sync, 10 scopes x {sizes.quota_projects * 10:,} versions at AWS's quota (ideal {ideal:.1f} s)"
    figures = [
        Figure(name, [run["seconds"] for run in taken], 1.05 * ideal + 1.5, "s"),
        Figure("calls throttled in those syncs", [float(throttled)], 0, ""),
    ]
    return Outcome(figures, {name: taken})


def flatten(sizes: Sizes, scratch: Path) -> Outcome:
    """Turn page bodies into Parquet; start-up, imports and reading from AWS are not counted."""
    file = scratch / "bodies.pages"
    pages.write(file, pages.World(sizes.flatten_projects, 1000))
    ways = {
        OURS: lambda folder: measure(commands.product("flatten", file, folder)),
        PLAIN: lambda folder: measure(commands.peer("plain", "--pages", file, folder)),
        DLT: lambda folder: measure(commands.peer("dlt", "--pages", file, folder)),
    }
    return _compared("page bodies to Parquet", sizes.flatten_projects, ways, scratch, sizes.peer_rounds, (8, 12))


def export(sizes: Sizes, scratch: Path) -> Outcome:
    """Export a scope over HTTP without quota, from the start of the process to its end."""
    with endpoint(projects=sizes.export_projects, each=1000) as service:
        ways = {
            OURS: lambda folder: _measured(commands.sync(folder), service),
            PLAIN: lambda folder: _measured(commands.peer("plain", "--endpoint", service.url, folder), service),
            DLT: lambda folder: _measured(commands.peer("dlt", "--endpoint", service.url, folder), service),
        }
        return _compared("whole export over HTTP", sizes.export_projects, ways, scratch, sizes.peer_rounds, (4.5, 7))


def memory(sizes: Sizes, scratch: Path) -> Outcome:
    """Sync ten scopes of projects with 100 versions."""
    with endpoint(projects=sizes.memory_projects, each=100) as service:
        taken = _measured(commands.sync(scratch, regions=REGIONS), service)
    return _peak(f"sync, 10 scopes x {sizes.memory_projects * 100:,} versions", taken)


def records(sizes: Sizes, scratch: Path) -> Outcome:
    """Sync a scope where little has changed, in a lake that has many run records of 100 scopes."""
    with endpoint(projects=100, each=10) as service:
        service.show_sync(0)
        _measured(commands.sync(scratch), service)
        measure(commands.product("records", scratch, str(sizes.records), "100"))
        service.show_sync(1)
        taken = _measured(commands.sync(scratch), service)
    return _peak(f"sync, {sizes.records:,} run records of 100 scopes in the lake", taken)


def questions(sizes: Sizes, scratch: Path) -> Outcome:
    """Ask the marts what analysts ask, over ten scopes and ten syncs of history; each time a new connection."""
    lake = scratch / "lake"
    with endpoint(projects=sizes.mart_projects, each=100, words=["--datasets"]) as service:
        for number in range(pages.SYNCS):
            service.show_sync(number)
            _measured(commands.sync(lake, regions=REGIONS), service)
    asked = list(_questions(lake))
    times: dict[str, list[float]] = {name: [] for name, _, _ in asked}
    for _ in range(sizes.question_runs):
        for name, _, query in asked:
            times[name].append(_ask(lake, query))
    slowest: dict[tuple[str, float], Figure] = {}
    for name, limit, _ in asked:
        figure = Figure(name, times[name], limit, "ms")
        group = name.partition(":")[0], limit
        if group not in slowest or figure.median > slowest[group].median:
            slowest[group] = figure
    versions = len(REGIONS) * sizes.mart_projects * 100
    note = f"{len(asked)} questions to {versions:,} versions after {pages.SYNCS} syncs, of which each mart's slowest."
    runs = {name: [{"ms": ms} for ms in taken] for name, taken in times.items()}
    return Outcome(list(slowest.values()), runs, note)


def startup(sizes: Sizes, scratch: Path) -> Outcome:
    """Start the commands that do next to nothing."""
    lake = scratch / "lake"
    with endpoint(projects=10, each=10) as service:
        _measured(commands.sync(lake), service)
    starts = {
        "reklake --help": (commands.reklake("--help"), 250),
        'reklake sql "select 1"': (commands.reklake("sql", "--lake", lake, "select 1"), 500),
    }
    runs: dict[str, list[Taken]] = {name: [] for name in starts}
    for _ in range(sizes.startup_runs):
        for name, (command, _) in starts.items():
            runs[name].append(measure(command))
    figures = [
        Figure(name, [1000 * run["seconds"] for run in runs[name]], limit, "ms") for name, (_, limit) in starts.items()
    ]
    return Outcome(figures, runs)


SUITES: dict[str, Callable[[Sizes, Path], Outcome]] = {
    suite.__name__: suite for suite in (quota, flatten, export, memory, records, questions, startup)
}


def _measured(command: list[str | Path], service: commands.Endpoint) -> Taken:
    return measure(command, service.environment)


def _peak(name: str, taken: Taken) -> Outcome:
    return Outcome([Figure(f"peak memory: {name}", [taken["peak_mb"]], 400, "MB")], {name: [taken]})


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _compared(
    what: str,
    projects: int,
    ways: Mapping[str, Callable[[Path], Taken]],
    scratch: Path,
    rounds: int,
    limits: tuple[float, float],
) -> Outcome:
    """Run the ways in turns, see that their exports are equal, and compare each round's seconds with ours."""
    folders = {name: scratch / name.replace(" ", "-") for name in ways}
    taken: dict[str, list[Taken]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            taken[name].append(run(_empty(folders[name])))
    note = f"Equal exports: {equal.same(folders)}."
    figures = []
    for name, limit in zip((PLAIN, DLT), limits, strict=True):
        ratios = [peer["seconds"] / ours["seconds"] for peer, ours in zip(taken[name], taken[OURS], strict=True)]
        figures.append(Figure(f"{what}: times as fast as {name}", ratios, limit, "x", at_least=True))
    runs = {f"{what}, {projects * 1000:,} versions: {name}": taken[name] for name in ways}
    return Outcome(figures, runs, note)


def _questions(lake: Path) -> Iterator[tuple[str, float, str]]:
    """Yield name, limit in ms and SQL of every question, about a project (and the like) of this lake."""
    with duckdb.connect(str(lake / "lake.duckdb"), read_only=True) as con:
        found = con.sql("""
            select project_arn, project_version_arn, key, run_id, started_at::varchar
            from version_assets, (select max(run_id) as run_id, max(started_at) as started_at from runs)
            where stage = 'input'
            order by hash(project_version_arn)
            limit 1
        """).fetchall()[0]
    subjects = dict(zip(("project_arn", "project_version_arn", "key", "run_id", "since"), found, strict=True))
    text = Path(__file__).with_name("questions.sql").read_text(encoding="utf-8")
    for name, limit, query in re.findall(r"^-- (\w+: .+?)(?: \((\d+) ms\))?\n([^;]+);", text, re.MULTILINE):
        yield name, float(limit or 300), re.sub(r"\$(\w+)", lambda match: f"'{subjects[match[1]]}'", query)


def _ask(lake: Path, query: str) -> float:
    """Return the milliseconds that a question takes on a connection that was just opened."""
    with duckdb.connect(str(lake / "lake.duckdb"), read_only=True) as con:
        started = time.perf_counter()
        con.sql(query).to_arrow_table()
        return 1000 * (time.perf_counter() - started)
