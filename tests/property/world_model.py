"""A world in plain Python: what exists at AWS, what its listings hold, and what a lake must show of them.

Nothing here comes from the product: rows are written down by hand for each thing that exists, and states follow from
the rules, one row at a time.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, TypeAlias

Scope: TypeAlias = tuple[str, str]
"""Account and region."""
Row: TypeAlias = dict[str, Any]
"""A row without its nulls; `extra` is a mapping."""
Rows: TypeAlias = dict[tuple[Any, ...], Row]
"""Rows of a table by key."""

KEYS = {
    "projects": ("project_arn",),
    "datasets": ("dataset_arn",),
    "project_versions": ("project_version_arn",),
    "version_assets": ("project_version_arn", "data_result", "stage", "asset_index"),
    "dataset_statistics": ("dataset_arn",),
    "resource_tags": ("resource_arn", "tag_key"),
    "project_policies": ("project_arn", "policy_name"),
}
"""Every table, with its key; the first column names the resource that a row is about."""
DETAIL_OF = {"dataset_statistics": "datasets", "resource_tags": "tags", "project_policies": "policies"}
"""The tables that `--with` fills, each with its detail."""
DETAILS = ("datasets", "tags", "policies")
ITEMS = {
    "version_assets": lambda row: f"{row['data_result']}/{row['stage']}/{row['asset_index']}",
    "resource_tags": lambda row: row["tag_key"],
    "project_policies": lambda row: row["policy_name"],
}
"""What the mart `changes` calls a row's item, where its table has several to a resource."""
COUNTED = frozenset(
    f"{data_result}_{stage}_count"
    for data_result in ("training", "testing")
    for stage in ("input", "output", "validation")
)
"""Columns that count a version's manifests; `changes` leaves them out, because the manifests are in a table."""

GAINED_TABLE, GAINED_COLUMN, GAINED_MEMBER = "project_versions", "version_description", "VersionDescription"
"""The column that a table gains, in worlds where one does, and the member that it holds."""


# -- what exists at AWS


@dataclass(frozen=True)
class Version:
    """A model version; `novelty` is a member that no table declares."""

    name: str
    epoch: int
    status: str = "TRAINING_COMPLETED"
    description: str | None = None
    novelty: int | None = None
    f1: float = 0.5
    manifests: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Dataset:
    """A dataset; one without `images` is gone when DescribeDataset asks for it."""

    kind: str
    epoch: int
    status: str = "CREATE_COMPLETE"
    images: int | None = 7
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Project:
    """A project and all that is in it; versions and datasets by name, in the order of listing."""

    scope: Scope
    name: str
    epoch: int
    status: str = "CREATED"
    feature: str | None = None
    novelty: int | None = None
    versions: Mapping[str, Version] = field(default_factory=dict)
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    policies: Mapping[str, int] = field(default_factory=dict)

    @property
    def base(self) -> str:
        """What the ARNs of the project and of all that is in it begin with."""
        account, region = self.scope
        return f"arn:aws:rekognition:{region}:{account}:project/{self.name}"

    @property
    def arn(self) -> str:
        """ARN of the project."""
        return f"{self.base}/{self.epoch}"

    def version_arn(self, version: Version) -> str:
        """ARN of one of its versions."""
        return f"{self.base}/version/{version.name}/{version.epoch}"

    def dataset_arn(self, dataset: Dataset) -> str:
        """ARN of one of its datasets."""
        return f"{self.base}/dataset/{dataset.kind}/{dataset.epoch}"


Projects: TypeAlias = dict[str, Project]
"""The projects of a scope by name, in the order of listing."""


@dataclass(frozen=True)
class Edit:
    """Something that happens at AWS between two syncs; without effect where it cannot happen."""

    what: str
    scope: int
    project: str
    item: str = ""
    value: int = 0


STATUSES = ("TRAINING_COMPLETED", "RUNNING", "STOPPED", "STARTING")
TEXTS = (None, "first", 'größer\n"zuvor"', "second")
FIRST_EPOCH = 1690405809285


class Truth:
    """All that exists, scope by scope."""

    def __init__(self, scopes: Collection[Scope]) -> None:
        self.scopes = tuple(scopes)
        self.projects: dict[Scope, Projects] = {scope: {} for scope in scopes}
        self._deleted: dict[tuple[Scope, str], Project] = {}
        self._deleted_versions: dict[tuple[str, str], Version] = {}
        self._epoch = FIRST_EPOCH

    def apply(self, edit: Edit) -> None:
        """Let it happen."""
        scope = self.scopes[edit.scope]
        project = self.projects[scope].get(edit.project)
        if edit.what in {"make project", "return project"}:
            made = self._made_project(scope, edit) if edit.what == "make project" else None
            made = made or self._deleted.get((scope, edit.project))
            if project is None and made is not None:
                self._put(made)
        elif edit.what == "delete project":
            self._delete(scope, {edit.project})
        elif edit.what == "delete all others":
            self._delete(scope, self.projects[scope].keys() - {edit.project})
        elif project is not None:
            self._put(self._edited(project, edit))

    def listed(self, scope: Scope) -> Projects:
        """Return the projects of a scope as they are now; what happens later does not change them."""
        return dict(self.projects[scope])

    def _delete(self, scope: Scope, names: Collection[str]) -> None:
        for project in [self.projects[scope].pop(name) for name in sorted(names) if name in self.projects[scope]]:
            self._deleted[scope, project.name] = project

    def _put(self, project: Project) -> None:
        there = self.projects[project.scope]
        self.projects[project.scope] = (
            there | {project.name: project}
            if project.name in there
            else {
                project.name: project,
                **there,
            }
        )

    def _new_epoch(self) -> int:
        self._epoch += 1001
        return self._epoch

    def _made_project(self, scope: Scope, edit: Edit) -> Project:
        made = Project(scope, edit.project, self._new_epoch())
        for number in range(edit.value % 4):
            made = self._edited(made, Edit("make version", edit.scope, edit.project, f"v{number}", edit.value))
        if edit.value % 2:
            made = self._edited(made, Edit("make dataset", edit.scope, edit.project, "train"))
        return made

    def _edited(self, project: Project, edit: Edit) -> Project:
        return replace(project, **self._changes(project, edit))

    def _changes(self, project: Project, edit: Edit) -> dict[str, Any]:
        if edit.what.endswith("dataset"):
            return {"datasets": self._datasets(project, edit)}
        if edit.what.endswith("version"):
            return {"versions": self._versions(project, edit)}
        if edit.what == "tag project":
            return {"tags": _tagged(project.tags, edit.value)}
        if edit.what.endswith("policy"):
            policy = {edit.item: edit.value} if edit.what == "change policy" else {}
            return {"policies": _without(project.policies, edit.item) | policy}
        return (
            {"status": "DELETING" if project.status == "CREATED" else "CREATED"},
            {"feature": None if project.feature else "CUSTOM_LABELS"},
            {"novelty": edit.value},
        )[edit.value % 3]

    def _datasets(self, project: Project, edit: Edit) -> Mapping[str, Dataset]:
        there, value = project.datasets, edit.value
        known = there.get(edit.item)
        match edit.what:
            case "make dataset" if known is None:
                return there | {edit.item: Dataset(edit.item, self._new_epoch())}
            case "delete dataset":
                return _without(there, edit.item)
            case "change dataset" if known and value % 2:
                status = "UPDATE_COMPLETE" if known.status == "CREATE_COMPLETE" else "CREATE_COMPLETE"
                return there | {edit.item: replace(known, status=status)}
            case "change dataset" if known:
                return there | {edit.item: replace(known, images=value if value % 3 else None)}
            case "tag dataset" if known:
                return there | {edit.item: replace(known, tags=_tagged(known.tags, value))}
        return there

    def _versions(self, project: Project, edit: Edit) -> Mapping[str, Version]:
        there, value = project.versions, edit.value
        known = there.get(edit.item)
        match edit.what:
            case "make version" if known is None:  # the newest is listed first, so that all others move on
                made = Version(edit.item, self._new_epoch(), description=TEXTS[value % 4])
                return {edit.item: made, **there}
            case "return version" if known is None and (project.arn, edit.item) in self._deleted_versions:
                return there | {edit.item: self._deleted_versions[project.arn, edit.item]}
            case "delete version" if known:
                self._deleted_versions[project.arn, edit.item] = known
                return _without(there, edit.item)
            case "change version" if known:
                return there | {edit.item: _changed(known, value)}
            case "tag version" if known:
                return there | {edit.item: replace(known, tags=_tagged(known.tags, value))}
        return there


def _changed(version: Version, value: int) -> Version:
    match value % 6:
        case 0 | 1:
            return replace(version, status=STATUSES[(STATUSES.index(version.status) + 1) % len(STATUSES)])
        case 2:
            return replace(version, description=TEXTS[value // 6 % 4])
        case 3:
            return replace(version, novelty=None if version.novelty else value)
        case 4:
            return replace(version, f1=(value % 89) / 97)
        case _:
            return replace(version, manifests=tuple(f"m{value + at}" for at in range(value // 6 % 3)))


def _tagged(tags: Mapping[str, str], value: int) -> dict[str, str]:
    key = "ab"[value % 2]
    return _without(tags, key) if value % 3 == 0 else {**tags, key: str(value)}


def _without(there: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in there.items() if key != name}


# -- as the API describes it


def project_description(project: Project) -> dict[str, Any]:
    """A project as DescribeProjects lists it."""
    return _present(
        ProjectArn=project.arn,
        CreationTimestamp=project.epoch / 1000,
        Status=project.status,
        Feature=project.feature,
        Novelty=project.novelty,
        Datasets=[
            {
                "DatasetArn": project.dataset_arn(dataset),
                "DatasetType": dataset.kind.upper(),
                "CreationTimestamp": dataset.epoch / 1000,
                "Status": dataset.status,
            }
            for dataset in project.datasets.values()
        ],
    )


def version_description(project: Project, version: Version) -> dict[str, Any]:
    """A version as DescribeProjectVersions lists it."""
    assets = [{"GroundTruthManifest": {"S3Object": {"Bucket": "b", "Name": name}}} for name in version.manifests]
    return _present(
        ProjectVersionArn=project.version_arn(version),
        CreationTimestamp=version.epoch / 1000,
        Status=version.status,
        EvaluationResult={"F1Score": version.f1},
        TrainingDataResult={"Input": {"Assets": assets}} if assets else None,
        Novelty=version.novelty,
        **{GAINED_MEMBER: version.description},
    )


def dataset_description(dataset: Dataset) -> dict[str, Any]:
    """A dataset as DescribeDataset gives it."""
    return {
        "CreationTimestamp": dataset.epoch / 1000,
        "Status": dataset.status,
        "DatasetStats": {"TotalEntries": dataset.images},
    }


def policy_description(project: Project, name: str, revision: int) -> dict[str, Any]:
    """A policy as ListProjectPolicies lists it."""
    return {
        "ProjectArn": project.arn,
        "PolicyName": name,
        "PolicyRevisionId": str(revision),
        "PolicyDocument": "{}",
        "CreationTimestamp": project.epoch / 1000,
        "LastUpdatedTimestamp": project.epoch / 1000 + revision,
    }


# -- as rows


def rows_of(project: Project, *, is_declared: bool) -> Iterator[tuple[str, Row]]:
    """Yield the rows of a project and of all that is in it, each with its table.

    `is_declared` says whether the table has gained its column; until then the member stands in `extra`.
    """
    account, region = project.scope
    place = {"account_id": account, "region": region, "project_arn": project.arn}
    yield (
        "projects",
        _present(
            **place,
            project_name=project.name,
            created_at=_instant(project.epoch),
            status=project.status,
            feature=project.feature,
            extra=_present(Novelty=project.novelty) or None,
        ),
    )
    for name, revision in project.policies.items():
        updated = _instant(project.epoch) + timedelta(seconds=revision)
        policy = {"policy_name": name, "policy_revision_id": str(revision), "policy_document": "{}"}
        yield "project_policies", place | policy | {"created_at": _instant(project.epoch), "updated_at": updated}
    yield from _tag_rows(place, project.arn, "project", project.tags)
    for dataset in project.datasets.values():
        arn = project.dataset_arn(dataset)
        described = {"dataset_arn": arn, "created_at": _instant(dataset.epoch), "status": dataset.status}
        yield "datasets", place | described | {"dataset_type": dataset.kind.upper()}
        if dataset.images is not None:
            yield "dataset_statistics", place | described | {"total_entries": dataset.images}
        yield from _tag_rows(place, arn, "dataset", dataset.tags)
    for version in project.versions.values():
        arn = project.version_arn(version)
        yield "project_versions", place | _version_row(project, version, is_declared=is_declared)
        for at, name in enumerate(version.manifests):
            asset = {"project_version_arn": arn, "data_result": "training", "stage": "input", "asset_index": at}
            yield "version_assets", place | asset | {"bucket": "b", "key": name}
        yield from _tag_rows(place, arn, "model version", version.tags)


def _version_row(project: Project, version: Version, *, is_declared: bool) -> Row:
    told = {GAINED_COLUMN: version.description} if is_declared else {}
    untold = {} if is_declared else {GAINED_MEMBER: version.description}
    return _present(
        project_version_arn=project.version_arn(version),
        project_name=project.name,
        version_name=version.name,
        created_at=_instant(version.epoch),
        status=version.status,
        f1_score=version.f1,
        extra=_present(Novelty=version.novelty, **untold) or None,
        **dict.fromkeys(COUNTED, 0) | {"training_input_count": len(version.manifests)},
        **told,
    )


def _tag_rows(place: Row, arn: str, kind: str, tags: Mapping[str, str]) -> Iterator[tuple[str, Row]]:
    for key, value in tags.items():
        tag = {"resource_arn": arn, "resource_type": kind, "tag_key": key, "tag_value": value}
        yield "resource_tags", place | tag


def _instant(epoch: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=epoch)


def _present(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


# -- what a lake must show


@dataclass(frozen=True)
class Listing:
    """One scope, listed to its end: the projects that were there, and the details that were asked of all of them.

    `began` and `ended` are those of the run that listed it: the listing ended somewhere between.
    """

    scope: Scope
    projects: Projects
    details: frozenset[str]
    began: datetime
    ended: datetime


@dataclass
class State:
    """A row as it was for a while; `valid_to` is None while it lasts."""

    row: Row
    valid_from: datetime
    valid_to: datetime | None = None


class Model:
    """What a lake shows: rows, all states that they have had, and how old they are."""

    def __init__(self) -> None:
        self.rows: dict[Scope, dict[str, Rows]] = {}
        self.states: dict[str, list[State]] = {table: [] for table in KEYS}
        self.listed_at: dict[Scope, datetime] = {}
        self.is_declared: dict[Scope, bool] = {}
        """Whether a scope's rows were flattened with the column that a table gains."""
        self.has_column = True
        """Whether the table has that column, be it that it is null in scopes that were listed before."""
        self.gained_at: set[tuple[Scope, datetime]] = set()

    def copy(self) -> Model:
        """Return the same, to go on from there."""
        return copy.deepcopy(self)

    def take(self, listing: Listing, at: datetime, *, is_declared: bool = True) -> bool:
        """Take in a listing that ended at that instant; return whether a row, or the scopes, are others now."""
        scope = listing.scope
        before = self.rows.get(scope) or {table: {} for table in KEYS}
        after = self._after(listing, before, is_declared=is_declared)
        has_gained = is_declared and not self.is_declared.get(scope, True)
        if has_gained:
            self.gained_at.add((scope, at))
        for table in KEYS:
            ignored = {GAINED_COLUMN, "extra"} if has_gained and table == GAINED_TABLE else set()
            self._merge(table, before[table], after[table], at, ignored)
        is_changed = scope not in self.rows or before != after
        self.rows[scope], self.listed_at[scope], self.is_declared[scope] = after, at, is_declared
        return is_changed

    def _after(self, listing: Listing, before: dict[str, Rows], *, is_declared: bool) -> dict[str, Rows]:
        """Return the scope's rows after a listing; a detail that it does not hold keeps its last rows."""
        after: dict[str, Rows] = {table: {} for table in KEYS}
        for project in listing.projects.values():
            for table, row in rows_of(project, is_declared=is_declared):
                after[table][tuple(row[name] for name in KEYS[table])] = row
        existing = {key[0] for table in ("projects", "datasets", "project_versions") for key in after[table]}
        for table, detail in DETAIL_OF.items():
            if detail not in listing.details:
                after[table] = {key: row for key, row in before[table].items() if key[0] in existing}
        return after

    def _merge(self, table: str, before: Rows, after: Rows, at: datetime, ignored: Collection[str]) -> None:
        kept = []
        for state in self.states[table]:
            key = tuple(state.row[name] for name in KEYS[table])
            if state.valid_to is None and key in before:
                if key in after and _but(after[key], ignored) == _but(before[key], ignored):
                    state.row = after[key]
                elif state.valid_from == at:  # that instant is told anew
                    continue
                else:
                    state.valid_to = at
            kept.append(state)
        lasting = {tuple(state.row[name] for name in KEYS[table]) for state in kept if state.valid_to is None}
        self.states[table] = kept + [State(row, at) for key, row in after.items() if key not in lasting]

    def current(self, table: str) -> list[Row]:
        """Return the rows of a table."""
        return [row for tables in self.rows.values() for row in tables[table].values()]

    def as_of(self, table: str, instant: datetime) -> list[Row]:
        """Return the rows of a table as they were at an instant."""
        return [
            state.row
            for state in self.states[table]
            if state.valid_from <= instant and (state.valid_to is None or state.valid_to > instant)
        ]

    def changes(self) -> Iterator[Row]:
        """Yield what appeared, changed and went, as the mart `changes` tells it."""
        for table, states in self.states.items():
            lives: dict[tuple[Any, ...], list[State]] = {}
            for state in sorted(states, key=lambda state: state.valid_from):
                lives.setdefault(tuple(state.row[name] for name in KEYS[table]), []).append(state)
            for life in lives.values():
                yield _change(table, life[0].row, "appeared", life[0].valid_from)
                for state, following in pairwise(life):
                    if state.valid_to == following.valid_from:
                        yield from _differences(table, state, following)
                    else:
                        yield _change(table, state.row, "went", state.valid_to)
                        yield _change(table, following.row, "appeared", following.valid_from)
                if life[-1].valid_to is not None:
                    yield _change(table, life[-1].row, "went", life[-1].valid_to)

    def is_about_gaining(self, change: Row) -> bool:
        """Whether a change is one of the gained column, or of `extra`, up to when it was gained.

        That need not be told: a state that lasts gets the column's value, and the state before it, ended, never does.
        """
        scope = change["account_id"], change["region"]
        return (
            change["table_name"] == GAINED_TABLE
            and change.get("column_name") in {GAINED_COLUMN, "extra"}
            and any(scope == gained and change["changed_at"] <= at for gained, at in self.gained_at)
        )


def _but(row: Row, ignored: Collection[str]) -> Row:
    return {name: value for name, value in row.items() if name not in ignored}


def _change(table: str, row: Row, change: str, at: datetime | None) -> Row:
    return _present(
        changed_at=at,
        account_id=row["account_id"],
        region=row["region"],
        table_name=table,
        arn=row[KEYS[table][0]],
        item=ITEMS[table](row) if table in ITEMS else None,
        change=change,
    )


def _differences(table: str, before: State, after: State) -> Iterator[Row]:
    for name in sorted({*before.row, *after.row} - COUNTED):
        was, now = before.row.get(name), after.row.get(name)
        if was != now:
            values = _present(column_name=name, value_before=text(was), value_after=text(now))
            yield _change(table, after.row, "changed", after.valid_from) | values


def text(value: Any) -> str | None:
    """Return a value as the mart `changes` shows it: an instant in UTC, JSON with its members in order."""
    if isinstance(value, datetime):
        shown = value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f").rstrip("0").rstrip(".")
        return f"{shown}+00"
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True)
    return None if value is None else str(value)
