"""What drives the product through worlds: an endpoint that shows them, and the few places where the product is touched.

`Driver` and the functions before it are all that knows the product; it does what the commands of the same names do.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import shutil
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from pipeline import settings
from pipeline.emulator import Call, Emulator, Fault, StaticWorld
from pipeline.emulator import Dataset as ShownDataset
from pipeline.jobs.replay import replay
from pipeline.jobs.rollback import rollback
from pipeline.jobs.sync import sync
from pipeline.jobs.verify import verify
from pipeline.lake import LocalLake, snapshot
from pipeline.model import table
from pipeline.query import checks, database
from tests.property.world_model import (
    DETAILS,
    GAINED_COLUMN,
    GAINED_TABLE,
    Dataset,
    Project,
    Projects,
    Row,
    Scope,
    Version,
    dataset_description,
    policy_description,
    project_description,
    version_description,
)

PROJECTS, VERSIONS = "DescribeProjects", "DescribeProjectVersions"
OPERATION_OF = {"datasets": "DescribeDataset", "tags": "ListTagsForResource", "policies": "ListProjectPolicies"}
PRODUCT = "pipeline"
SLOW = (
    ("pipeline.extract.pacing.FIRST_DELAY", 0.001),
    ("pipeline.extract.pacing.FIRST_PAUSE", 0.001),
    ("pipeline.jobs.run_context._check", lambda *_: ()),
)
"""What takes time and is not looked at: pauses before a call is made again, comments in views, and lake.duckdb, which
nobody opens here, with the checks over it, which `Driver.check` asks. What is not there any more is left alone."""


@contextmanager
def quickly() -> Iterator[None]:
    """Let syncs take a tenth of a second; and keep the settings of this machine away from them."""
    with pytest.MonkeyPatch.context() as patched:
        for name in [name for name in os.environ if name.startswith(("AWS_", "REKLAKE_"))]:
            patched.delenv(name)
        patched.setenv("AWS_CONFIG_FILE", os.devnull)
        patched.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        for name, value in SLOW:
            module, _, attribute = name.rpartition(".")
            try:
                patched.setattr(importlib.import_module(module), attribute, value)
            except (ImportError, AttributeError):
                continue
        yield


@contextmanager
def undeclared() -> Iterator[None]:
    """Let the product be a version that does not declare the column yet which the table gains later."""
    declared = table(GAINED_TABLE)
    columns = declared.columns
    fewer = tuple(column for column in columns if column.name != GAINED_COLUMN)
    assert len(fewer) == len(columns) - 1
    try:
        _declare(declared, fewer)
        yield
    finally:
        _declare(declared, columns)


def _declare(declared: Any, columns: tuple[Any, ...]) -> None:
    """Change a declaration where it stands, whoever holds it, and have forgotten what was made of it."""
    object.__setattr__(declared, "columns", columns)
    for name in set(getattr(declared, "__dict__", ())) - set(declared.__dataclass_fields__):
        del declared.__dict__[name]
    for name, module in list(sys.modules.items()):
        if name == PRODUCT or name.startswith(f"{PRODUCT}."):
            for value in vars(module).values():
                if isinstance(value, functools._lru_cache_wrapper):
                    value.cache_clear()


# -- what a sync is asked for, and what befalls it


@dataclass(frozen=True)
class Layout:
    """Accounts and regions, each account in each region a scope; how many items a page holds."""

    accounts: tuple[str, ...]
    regions: tuple[str, ...]
    page_size: int = 2

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes, in the order in which runs go through them."""
        return tuple((account, region) for region in sorted(self.regions) for account in sorted(self.accounts))


@dataclass(frozen=True)
class Run:
    """How a sync is run, and what goes wrong in it; scopes are named by their place in the layout."""

    details: tuple[str, ...] | None = DETAILS
    """What `--with` names; None: nothing is named, so that datasets are asked about where that is permitted."""
    omitted: int | None = None
    """The region, by its place in the layout, that is not asked for."""
    denied: tuple[tuple[int, str], ...] = ()
    """Scopes, each with the operation that is denied."""
    denied_details: tuple[tuple[int, str], ...] = ()
    vanishing: tuple[tuple[int, str, int], ...] = ()
    """Projects that are listed, and then answer ResourceNotFoundException: at once, or on the page of that number."""
    begun_again: tuple[tuple[int, str], ...] = ()
    """Projects whose token expires, and that show versions until then which are gone when the listing begins again."""
    repeated: tuple[tuple[int, str], ...] = ()
    """Projects of which a version stands on two pages, first as it was; without a name, the scope's last project."""
    noise: tuple[tuple[str, int, str, int | None], ...] = ()
    """Faults that change no row: kind, scope, operation, page."""
    strict: bool = False
    resumes: bool = True
    dies: bool = False
    """Whether it stops just before it publishes."""
    is_killed: bool = False
    """Whether it then leaves no record."""

    def wanted(self) -> frozenset[str]:
        """Return the details that are asked for."""
        return frozenset(("datasets",) if self.details is None else self.details)


PLAIN = Run()
"""A sync in which nothing goes wrong."""


@dataclass(frozen=True)
class Shown(StaticWorld):
    """A world as one sync sees it; some projects show other versions until their listing begins again."""

    gone: dict[str | None, list[dict[str, Any]]] = field(default_factory=dict)
    """Those versions, by the project's ARN."""

    def versions(self, account: str, region: str, project_arn: str) -> Any:
        """ProjectVersionDescriptions of the project."""
        return self.gone.get(project_arn) or super().versions(account, region, project_arn)

    def tags(self, account: str, region: str, resource_arn: str) -> Mapping[str, str] | None:
        """Tags of the resource; what is gone had some."""
        return {"gone": "yes"} if "/gone" in resource_arn else super().tags(account, region, resource_arn)

    def begin_again(self, project_arn: str | None) -> bool:
        """Show what is there now; return whether that is something else."""
        return self.gone.pop(project_arn, None) is not None


@dataclass(frozen=True)
class Befalling:
    """What a sync will see, and what will go wrong in it that decides over rows."""

    world: Shown
    faults: list[Fault]
    failing: frozenset[Scope]
    """Scopes that are not listed to their end, if they are asked."""
    failing_details: frozenset[tuple[Scope, str]]
    vanishing: frozenset[tuple[Scope, str]]
    """Projects that are gone before the listing ends."""


def befalling(run: Run, layout: Layout, there: Mapping[Scope, Projects]) -> Befalling:
    """Return what a run sees of what is there."""
    scopes = layout.scopes
    listed = {scope: list(projects.values()) for scope, projects in there.items()}
    shown = {
        scope: [[project, list(project.versions.values())] for project in projects]
        for scope, projects in listed.items()
    }
    for at, name in run.repeated:
        _repeat(shown[scopes[at]], name, layout.page_size)
    lengths = {(scope, project.name): len(versions) for scope in scopes for project, versions in shown[scope]}
    world = _world(shown, there)
    world.gone.update(
        (there[scopes[at]][name].arn, _gone(there[scopes[at]][name], layout.page_size))
        for at, name in run.begun_again
        if name in there[scopes[at]]
    )
    faults = []
    failing = set()
    for at, operation in run.denied:
        faults.append(_fault("access_denied", scopes[at], operation))
        if operation == PROJECTS or listed[scopes[at]]:
            failing.add(scopes[at])
    failing_details = set()
    for at, detail in run.denied_details:
        faults.append(_fault("access_denied", scopes[at], OPERATION_OF[detail]))
        if any(project.datasets or detail != "datasets" for project in listed[scopes[at]]):
            failing_details.add((scopes[at], detail))
    vanishing = set()
    for at, name, page in run.vanishing:
        faults.append(_fault("vanished", scopes[at], VERSIONS, project=name, page=page if page > 1 else None))
        begins_again = (at, name) in run.begun_again
        if name in there[scopes[at]] and (
            page == 1 or begins_again or lengths[scopes[at], name] > layout.page_size * (page - 1)
        ):
            vanishing.add((scopes[at], name))
    faults += [_fault("expired_token", scopes[at], VERSIONS, project=name) for at, name in run.begun_again]
    faults += [_fault(kind, scopes[at], operation, page=page, times=1) for kind, at, operation, page in run.noise]
    return Befalling(world, faults, frozenset(failing), frozenset(failing_details), frozenset(vanishing))


def _repeat(shown: list[list[Any]], name: str, page_size: int) -> None:
    """Let the last item of a listing stand on the first page too, as it was before; where there are two pages."""
    if not name and len(shown) >= page_size:
        last: Project = shown[-1][0]
        older = Project(last.scope, last.name, last.epoch, "CREATING", datasets={"test": Dataset("test", 1)})
        shown.insert(0, [older, shown[-1][1]])
    for project, versions in shown:
        if project.name == name and len(versions) >= page_size:
            versions.insert(0, Version(versions[-1].name, versions[-1].epoch, "STOPPED", "older", manifests=("older",)))


def _gone(project: Project, page_size: int) -> list[dict[str, Any]]:
    """Versions that are gone when their listing begins again, enough of them for a second page."""
    return [version_description(project, Version(f"gone{at}", 1)) for at in range(page_size + 1)]


def _world(shown: Mapping[Scope, Collection[list[Any]]], there: Mapping[Scope, Projects]) -> Shown:
    datasets, policies, tags = {}, {}, {}
    for project in [project for projects in there.values() for project in projects.values()]:
        tags[project.arn] = project.tags
        policies[project.arn] = [policy_description(project, *policy) for policy in project.policies.items()]
        for dataset in project.datasets.values():
            if dataset.images is not None:
                datasets[project.dataset_arn(dataset)] = ShownDataset(dataset_description(dataset))
            tags[project.dataset_arn(dataset)] = dataset.tags
        tags |= {project.version_arn(version): version.tags for version in project.versions.values()}
    listed = {
        scope: [
            (project_description(project), [version_description(project, version) for version in versions])
            for project, versions in projects
        ]
        for scope, projects in shown.items()
    }
    return Shown(listed, datasets, policies, tags)


def _fault(kind: Any, scope: Scope, operation: str, **more: Any) -> Fault:
    account, region = scope
    return Fault(kind, operation=operation, account=account, region=region, **more)


# -- the product


@dataclass(frozen=True)
class Ended:
    """How a scope ended: `listed_at` is when its listing did; `resumed_from` the run that had made it."""

    outcome: str
    listed_at: datetime | None
    resumed_from: str | None


@dataclass(frozen=True)
class Ran:
    """How a run ended."""

    run_id: str
    outcome: str
    snapshot: str | None
    is_published: bool
    scopes: Mapping[Scope, Ended]


class Opened:
    """A lake that is open for queries."""

    def __init__(self, con: Any) -> None:
        self._con = con

    def rows(self, sql: str) -> list[Row]:
        """Return the rows of a query, as `reklake sql` does, without their nulls."""
        result = self._con.sql(sql)
        return [
            {name: value for name, value in zip(result.columns, row, strict=True) if value is not None}
            for row in result.fetchall()
        ]

    def check(self) -> list[tuple[str, str]]:
        """Return the name and severity of every check that finds something, as `reklake check` does."""
        return [(result.name, result.severity) for result in checks.run(self._con) if not result.passed]


class Driver:
    """A lake, and what can be done to it."""

    def __init__(self, lake: Path, layout: Layout) -> None:
        self.lake = lake
        self.layout = layout
        self._endpoint: Emulator | None = None
        self._world: Shown | None = None

    @contextmanager
    def serving(self) -> Iterator[Driver]:
        """Run the endpoint that syncs ask."""
        with (
            Emulator(page_size=self.layout.page_size, on_call=self._on_call) as self._endpoint,
            patch.dict(os.environ, self._endpoint.environment()),
        ):
            yield self

    def sync(self, run: Run, befalls: Befalling) -> Ran | None:
        """Sync, as `reklake sync` does; None if the run died."""
        assert self._endpoint is not None
        self._world = befalls.world
        self._endpoint.use(befalls.world, faults=befalls.faults)
        regions = [region for at, region in enumerate(self.layout.regions) if at != run.omitted]
        accounts = list(self.layout.accounts)
        chosen = self._settings(
            regions=regions,
            resume_within=3600 if run.resumes else 0,
            details=None if run.details is None else list(run.details) or ["none"],
            rate=1000,
            max_attempts=12,
            **({"accounts": accounts, "role": "Reader"} if len(accounts) > 1 else {}),
        )
        before = self._records()
        try:
            with _dying() if run.dies else _nothing():
                return _ran(sync(chosen, lambda _: None, strict=run.strict))
        except KeyboardInterrupt:
            for record in self._records() - before if run.is_killed else ():
                record.unlink()
            return None

    def replay(self, run_id: str) -> Ran:
        """Publish the pages that a run landed, as `reklake replay` does."""
        return _ran(replay(self._settings(), run_id, lambda _: None))

    def rollback(self, snapshot_id: str) -> None:
        """Return to an earlier snapshot, as `reklake rollback` does."""
        rollback(self._settings(), snapshot_id)

    def verify(self) -> list[str]:
        """Return the differences between tables and pages that `reklake verify` tells."""
        return list(verify(LocalLake(self.lake)).differences)

    @contextmanager
    def opened(self) -> Iterator[Opened]:
        """Open the lake as `reklake sql` and `reklake check` do."""
        chosen = self._settings()
        folder = snapshot.current(LocalLake(self.lake)).folder()
        with database.connect(self.lake, snapshot=folder, prices=chosen.prices) as con:
            yield Opened(con)

    def rebuilt(self, lake: Path) -> Driver:
        """Return an empty lake that has the landed pages of this one."""
        shutil.copytree(self.lake / "raw", lake / "raw")
        return Driver(lake, self.layout)

    def _on_call(self, call: Call) -> None:
        """Let what shows something else until its token expires go on with what is there."""
        is_over = call.fault == "expired_token" and call.operation == VERSIONS
        if is_over and self._world and self._endpoint and self._world.begin_again(call.project_arn):
            self._endpoint.use(self._world)

    def _settings(self, **chosen: Any) -> Any:
        return settings.load(lake=str(self.lake), environment={}, **chosen)

    def _records(self) -> set[Path]:
        return set((self.lake / "runs").glob("*.json"))


def _ran(result: Any) -> Ran:
    record = result.record
    scopes = {
        (one.account_id, one.region): Ended(
            str(one.outcome),
            datetime.fromisoformat(one.listed_at).astimezone(UTC) if one.listed_at else None,
            one.resumed_from,
        )
        for one in record.scopes
    }
    return Ran(record.run_id, str(record.outcome), record.snapshot, result.is_published, scopes)


@contextmanager
def _dying() -> Iterator[None]:
    """Stop the run where it would move CURRENT: all is landed, nothing is published."""

    def struck(real: Any) -> Any:
        def rename(source: Any, target: Any, *more: Any, **named: Any) -> None:
            if os.path.basename(target) == "CURRENT":  # noqa: PTH119  # it may be a text or a path
                raise KeyboardInterrupt
            real(source, target, *more, **named)

        return rename

    with patch.object(os, "rename", struck(os.rename)), patch.object(os, "replace", struck(os.replace)):
        yield


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def parsed(row: Row) -> Row:
    """Return a row with its `extra` as a mapping, as the model has it."""
    return row | {"extra": json.loads(row["extra"])} if "extra" in row else row
