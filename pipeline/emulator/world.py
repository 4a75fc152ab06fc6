"""What the emulator serves: the World protocol, and a world of plain dicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar, overload

if TYPE_CHECKING:
    from pipeline.emulator.json_protocol import JsonObject

T = TypeVar("T")
Scope = tuple[str, str]
"""Account id and region."""


@dataclass(frozen=True)
class Dataset:
    """A dataset as DescribeDataset, ListDatasetEntries and ListDatasetLabels give it."""

    description: JsonObject
    """The DatasetDescription."""
    entries: Sequence[str] = ()
    """JSON lines, one an image."""
    labels: Sequence[JsonObject] = ()
    """The DatasetLabelDescriptions."""


class World(Protocol):
    """All that exists, in wire format. Unknown ARNs give None; sequences may be made on demand."""

    def projects(self, account: str, region: str) -> Sequence[JsonObject]:
        """ProjectDescriptions of both features, in the order of listing."""

    def versions(self, account: str, region: str, project_arn: str) -> Sequence[JsonObject] | None:
        """ProjectVersionDescriptions of a project, in the order of listing."""

    def dataset(self, account: str, region: str, dataset_arn: str) -> Dataset | None:
        """Return a dataset."""

    def policies(self, account: str, region: str, project_arn: str) -> Sequence[JsonObject] | None:
        """ProjectPolicies of a project."""

    def tags(self, account: str, region: str, resource_arn: str) -> Mapping[str, str] | None:
        """Tags of a project, dataset or version."""


class LazySequence(Sequence[T]):
    """A sequence whose items are made when they are asked for, and not kept."""

    def __init__(self, length: int, make: Callable[[int], T]) -> None:
        self._length = length
        self._make = make

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self._make(number) for number in range(self._length)[index]]
        return self._make(range(self._length)[index])


@dataclass(frozen=True)
class StaticWorld:
    """A world of plain dicts: `{(account, region): [(project, [version, ...]), ...]}`, served as they are.

    Descriptions are in wire format and may hold members and values that the service does not know.
    """

    scopes: Mapping[Scope, Sequence[tuple[JsonObject, Sequence[JsonObject]]]]
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    """By dataset ARN."""
    project_policies: Mapping[str, Sequence[JsonObject]] = field(default_factory=dict)
    """By project ARN; a project without an entry has none."""
    resource_tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By ARN; a project or version without an entry has none."""

    def projects(self, account: str, region: str) -> Sequence[JsonObject]:
        """ProjectDescriptions of the scope, as given."""
        return [project for project, _ in self.scopes.get((account, region), ())]

    def versions(self, account: str, region: str, project_arn: str) -> Sequence[JsonObject] | None:
        """ProjectVersionDescriptions of the project, as given."""
        for project, versions in self.scopes.get((account, region), ()):
            if project.get("ProjectArn") == project_arn:
                return versions
        return None

    def dataset(self, account: str, region: str, dataset_arn: str) -> Dataset | None:
        """Return the dataset, if it stands in this scope."""
        return self.datasets.get(dataset_arn) if _stands_in(dataset_arn, account, region) else None

    def policies(self, account: str, region: str, project_arn: str) -> Sequence[JsonObject] | None:
        """Policies of the project."""
        if not _stands_in(project_arn, account, region):
            return None
        known = self.versions(account, region, project_arn) is not None
        return self.project_policies.get(project_arn, () if known else None)

    def tags(self, account: str, region: str, resource_arn: str) -> Mapping[str, str] | None:
        """Tags of the resource."""
        if not _stands_in(resource_arn, account, region):
            return None
        known = resource_arn in self.datasets or any(
            resource_arn == project.get("ProjectArn")
            or any(resource_arn == version.get("ProjectVersionArn") for version in versions)
            for project, versions in self.scopes.get((account, region), ())
        )
        return self.resource_tags.get(resource_arn, {} if known else None)


def _stands_in(arn: str, account: str, region: str) -> bool:
    return arn.split(":")[3:5] == [region, account]
