"""A world written from project plans, on demand: nothing but the plans is kept."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING

from pipeline.emulator.datasets import DatasetWriter
from pipeline.emulator.history import DAY, History, ProjectPlan
from pipeline.emulator.json_protocol import JsonObject, epoch_seconds
from pipeline.emulator.versions import VersionWriter, has_feature_member
from pipeline.emulator.world import Dataset, LazySequence, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_SCOPES_KEPT = 16
_TEAMS = ("vision-platform", "quality", "field-ops", "store-analytics")


class PlannedWorld:
    """The World of some plans. Versions are listed newest first."""

    def __init__(
        self,
        scopes: Sequence[Scope],
        plans: Callable[[Scope], Sequence[ProjectPlan]],
        *,
        seed: int,
        now_ms: int,
    ) -> None:
        self._plans = plans
        self._known_scopes = frozenset(scopes)
        self._history = History(seed, now_ms, tuple(scopes), plans)
        self._versions = VersionWriter(self._history)
        self._datasets = DatasetWriter(self._history)
        self._indexed = lru_cache(maxsize=_SCOPES_KEPT)(self._index_scope)
        self._described = lru_cache(maxsize=_SCOPES_KEPT)(self._describe_scope)

    def projects(self, account: str, region: str) -> Sequence[JsonObject]:
        """ProjectDescriptions of a scope."""
        return self._described((account, region))

    def versions(self, account: str, region: str, project_arn: str) -> Sequence[JsonObject] | None:
        """ProjectVersionDescriptions of a project, made as they are asked for."""
        plan = self._plan(account, region, project_arn)
        if plan is None:
            return None
        newest = plan.versions - 1
        return LazySequence(plan.versions, lambda i: self._versions.describe(plan, newest - i))

    def dataset(self, account: str, region: str, dataset_arn: str) -> Dataset | None:
        """Return a dataset."""
        for plan in self._namesakes(account, region, dataset_arn):
            found = self._datasets.dataset(plan, dataset_arn)
            if found is not None:
                return found
        return None

    def policies(self, account: str, region: str, project_arn: str) -> Sequence[JsonObject] | None:
        """ProjectPolicies: some projects let a neighbour copy their models."""
        plan = self._plan(account, region, project_arn)
        if plan is None:
            return None
        dice = self._history.dice(plan, "policies")
        count = dice.weighted(((0, 5), (1, 3), (2, 1), (7, 1)))
        return [self._policy(plan, number) for number in range(count)]

    def tags(self, account: str, region: str, resource_arn: str) -> Mapping[str, str] | None:
        """Tags of a project, dataset or version."""
        for plan in self._namesakes(account, region, resource_arn):
            if resource_arn == plan.arn or self._datasets.dataset(plan, resource_arn) is not None:
                dice = self._history.dice(plan, "tags")
                return {} if dice.chance(0.3) else {"team": dice.pick(_TEAMS), "stage": dice.pick(("dev", "prod"))}
            for index in range(plan.versions):
                if self._history.version_arn(plan, index) == resource_arn:
                    dice = self._history.dice(plan, index, "tags")
                    return {"cost-center": f"CC-{1000 + dice.below(9000)}"} if dice.chance(0.5) else {}
        return None

    def _describe_scope(self, scope: Scope) -> tuple[JsonObject, ...]:
        return tuple(self._describe(plan) for plan in self._scope_plans(scope))

    def _describe(self, plan: ProjectPlan) -> JsonObject:
        dice = self._history.dice(plan, "project")
        description: JsonObject = {
            "ProjectArn": plan.arn,
            "CreationTimestamp": epoch_seconds(plan.created_ms, exponent=dice.below(12) == 0),
            "Status": plan.status,
            "Datasets": self._datasets.summaries(plan),
        }
        if plan.feature == "CONTENT_MODERATION":
            description["Feature"] = "CONTENT_MODERATION"
            description["AutoUpdate"] = dice.pick(("ENABLED", "DISABLED"))
        elif has_feature_member(plan):
            description["Feature"] = "CUSTOM_LABELS"
        return description

    def _policy(self, plan: ProjectPlan, number: int) -> JsonObject:
        dice = self._history.dice(plan, "policy", number)
        created_ms = plan.created_ms + dice.below(20 * DAY)
        principal = f"arn:aws:iam::{100_000_000_000 + dice.below(800_000_000_000)}:root"
        document = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": principal},
                    "Action": "rekognition:CopyProjectVersion",
                    "Resource": f"{plan.arn.rpartition('/')[0]}/version/*",
                }
            ],
        }
        return {
            "ProjectArn": plan.arn,
            "PolicyName": f"copy-to-partner-{number + 1}",
            "PolicyRevisionId": dice.hexadecimal(32),
            "PolicyDocument": json.dumps(document),
            "CreationTimestamp": epoch_seconds(created_ms),
            "LastUpdatedTimestamp": epoch_seconds(created_ms + dice.below(DAY)),
        }

    def _scope_plans(self, scope: Scope) -> Sequence[ProjectPlan]:
        return self._plans(scope) if scope in self._known_scopes else ()

    def _plan(self, account: str, region: str, project_arn: str) -> ProjectPlan | None:
        return self._indexed((account, region)).get(project_arn)

    def _index_scope(self, scope: Scope) -> dict[str, ProjectPlan]:
        return {plan.arn: plan for plan in self._scope_plans(scope)}

    def _namesakes(self, account: str, region: str, arn: str) -> list[ProjectPlan]:
        """Projects of the name in an ARN, which for a dataset or version does not tell them apart."""
        return [
            plan
            for plan in self._scope_plans((account, region))
            if arn == plan.arn or arn.startswith(plan.arn.rpartition("/")[0] + "/")
        ]
