"""A world made from project plans, on demand: any version can be made without the others."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Literal

from pipeline.emulator.datasets import dataset_of, dataset_summaries
from pipeline.emulator.json_protocol import JsonObject, epoch_seconds
from pipeline.emulator.random_stream import RandomStream
from pipeline.emulator.version_description import describe_version
from pipeline.emulator.world import Dataset, LazySequence, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HOUR = 3_600_000
DAY = 24 * HOUR
NOW = datetime(2026, 6, 1, tzinfo=UTC)
"""The time in every generated world, so that output stays the same from day to day."""
NOW_MS = round(NOW.timestamp() * 1000)

_FEATURE_SINCE_MS = 1_696_118_400_000  # AWS writes a project's Feature since adapters appeared in October 2023
_SCOPES_KEPT = 64
_TEAMS = ("vision-platform", "quality", "field-ops", "store-analytics")


@dataclass(frozen=True)
class Subject:
    """What a project looks at, and the labels it tells apart."""

    name: str
    labels: tuple[str, ...]
    detection: bool
    """The labels are of boxes around objects, not of whole images."""


@dataclass(frozen=True)
class Outcome:
    """What became of a version."""

    status: str
    source: tuple[ProjectPlan, int] | None = None
    """Project and number of the version that it was copied from."""


@dataclass(frozen=True)
class ProjectPlan:
    """What is fixed about a project; everything else about it follows from its ARN and the seed.

    Its versions are numbered from 0, the oldest.
    """

    account: str
    region: str
    name: str
    subject: Subject
    created_ms: int
    until_ms: int
    """The newest version is not younger."""
    versions: int
    feature: Literal["CUSTOM_LABELS", "CONTENT_MODERATION"] = "CUSTOM_LABELS"
    trained_from: Literal["datasets", "manifests"] = "datasets"
    dated_names: bool = False
    """Versions are named by date, as the console proposes; otherwise v1, v2, ..."""
    status: str = "CREATED"
    in_training: bool = False
    """The newest version is being trained."""
    outcomes: Mapping[int, Outcome] = field(default_factory=dict)
    """Outcomes other than a completed training."""

    @cached_property
    def arn(self) -> str:
        """ARN of the project."""
        return f"{self.arn_base}/{self.created_ms}"

    @cached_property
    def arn_base(self) -> str:
        """Beginning of the ARNs of the project, its versions and its datasets."""
        return f"arn:aws:rekognition:{self.region}:{self.account}:project/{self.name}"

    @property
    def has_feature_member(self) -> bool:
        """Whether descriptions of the project and its versions name the feature."""
        return self.feature == "CONTENT_MODERATION" or self.created_ms >= _FEATURE_SINCE_MS


class GeneratedWorld:
    """The World of some plans. Versions are listed newest first."""

    def __init__(self, seed: int, planned: Mapping[Scope, Sequence[ProjectPlan]]) -> None:
        self.seed = seed
        self._planned = planned
        self._projects = lru_cache(maxsize=_SCOPES_KEPT)(self._describe_projects)

    def plans(self, scope: Scope) -> Sequence[ProjectPlan]:
        """Return the plans of a scope."""
        return self._planned.get(scope, ())

    def outcome(self, plan: ProjectPlan, index: int) -> Outcome:
        """Return what became of a version."""
        return plan.outcomes.get(index, Outcome("TRAINING_COMPLETED"))

    def projects(self, account: str, region: str) -> Sequence[JsonObject]:
        """Return the ProjectDescriptions of a scope."""
        return self._projects((account, region))

    def versions(self, account: str, region: str, project_arn: str) -> Sequence[JsonObject] | None:
        """Return the ProjectVersionDescriptions of a project."""
        plan = self._plan(account, region, project_arn)
        if plan is None:
            return None
        newest = plan.versions - 1
        return LazySequence(plan.versions, lambda i: describe_version(self, plan, newest - i))

    def dataset(self, account: str, region: str, dataset_arn: str) -> Dataset | None:
        """Return a dataset."""
        for plan in self._namesakes(account, region, dataset_arn):
            for summary in dataset_summaries(self.seed, plan):
                if summary["DatasetArn"] == dataset_arn:
                    return dataset_of(self.seed, plan, summary)
        return None

    def policies(self, account: str, region: str, project_arn: str) -> Sequence[JsonObject] | None:
        """Return the ProjectPolicies; some projects let other accounts copy their models."""
        plan = self._plan(account, region, project_arn)
        if plan is None:
            return None
        count = self.random(plan, "policies").weighted(((0, 5), (1, 3), (2, 1), (7, 1)))
        return [self._policy(plan, number) for number in range(count)]

    def tags(self, account: str, region: str, resource_arn: str) -> Mapping[str, str] | None:
        """Return the tags of a project, dataset or version."""
        for plan in self._namesakes(account, region, resource_arn):
            datasets = [summary["DatasetArn"] for summary in dataset_summaries(self.seed, plan)]
            if resource_arn in (plan.arn, *datasets):
                values = self.random(plan, "tags")
                return (
                    {} if values.chance(0.3) else {"team": values.pick(_TEAMS), "stage": values.pick(("dev", "prod"))}
                )
            for index in range(plan.versions):
                if self.version_arn(plan, index) == resource_arn:
                    values = self.random(plan, index, "tags")
                    return {"cost-center": f"CC-{1000 + values.below(9000)}"} if values.chance(0.5) else {}
        return None

    def random(self, plan: ProjectPlan, *topic: object) -> RandomStream:
        """Return random values about a project."""
        return RandomStream(self.seed, plan.arn, *topic)

    def version_created_ms(self, plan: ProjectPlan, index: int) -> int:
        """Return when training or copying of a version began; later versions are later."""
        if plan.in_training and index == plan.versions - 1:
            return NOW_MS - HOUR - self.random(plan, index, "underway").below(6 * HOUR)
        step = (plan.until_ms - plan.created_ms) // (plan.versions + 1)
        jitter = self.random(plan, index, "created").below(max(1, step * 4 // 5))
        return plan.created_ms + step * (index + 1) + jitter - step // 2

    def version_name(self, plan: ProjectPlan, index: int) -> str:
        """Return the name of a version."""
        if not plan.dated_names:
            return f"v{index + 1}"
        created = datetime.fromtimestamp(self.version_created_ms(plan, index) // 1000, UTC)
        return f"{plan.name}.{created:%Y-%m-%dT%H.%M.%S}"

    def version_arn(self, plan: ProjectPlan, index: int) -> str:
        """Return the ARN of a version."""
        name, created_ms = self.version_name(plan, index), self.version_created_ms(plan, index)
        return f"{plan.arn_base}/version/{name}/{created_ms}"

    def f1_score(self, plan: ProjectPlan, index: int) -> float:
        """Return the F1 score of a version, a float32: it rises and levels off; a copy has its source's."""
        while (source := self.outcome(plan, index).source) is not None:
            plan, index = source
        talent = self.random(plan, "talent")
        first, best, pace = 0.52 + 0.22 * talent.unit(), 0.86 + 0.13 * talent.unit(), 1.5 + 4.0 * talent.unit()
        noise = 0.05 * (self.random(plan, index, "f1").unit() - 0.5)
        score = best - (best - first) * pace / (pace + index) + noise
        single: float = struct.unpack("f", struct.pack("f", min(score, 1.0)))[0]
        return single

    def _describe_projects(self, scope: Scope) -> tuple[JsonObject, ...]:
        return tuple(self._describe_project(plan) for plan in self.plans(scope))

    def _describe_project(self, plan: ProjectPlan) -> JsonObject:
        values = self.random(plan, "project")
        description: JsonObject = {
            "ProjectArn": plan.arn,
            "CreationTimestamp": epoch_seconds(plan.created_ms, exponent=values.below(12) == 0),
            "Status": plan.status,
            "Datasets": dataset_summaries(self.seed, plan),
        }
        if plan.has_feature_member:
            description["Feature"] = plan.feature
        if plan.feature == "CONTENT_MODERATION":
            description["AutoUpdate"] = values.pick(("ENABLED", "DISABLED"))
        return description

    def _policy(self, plan: ProjectPlan, number: int) -> JsonObject:
        values = self.random(plan, "policy", number)
        created_ms = plan.created_ms + values.below(20 * DAY)
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{100_000_000_000 + values.below(800_000_000_000)}:root"},
            "Action": "rekognition:CopyProjectVersion",
            "Resource": f"{plan.arn_base}/version/*",
        }
        return {
            "ProjectArn": plan.arn,
            "PolicyName": f"copy-to-partner-{number + 1}",
            "PolicyRevisionId": values.hexadecimal(32),
            "PolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
            "CreationTimestamp": epoch_seconds(created_ms),
            "LastUpdatedTimestamp": epoch_seconds(created_ms + values.below(DAY)),
        }

    def _plan(self, account: str, region: str, project_arn: str) -> ProjectPlan | None:
        return next((plan for plan in self.plans((account, region)) if plan.arn == project_arn), None)

    def _namesakes(self, account: str, region: str, arn: str) -> list[ProjectPlan]:
        """Return the projects that an ARN can belong to: a dataset's or version's ARN only has the project's name."""
        return [plan for plan in self.plans((account, region)) if arn.startswith(f"{plan.arn_base}/")]
