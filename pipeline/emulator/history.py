"""What happened in each project: when versions were trained, how that went, what was copied from where."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Literal

from pipeline.emulator.random_stream import RandomStream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline.emulator.names import Family
    from pipeline.emulator.world import Scope

HOUR = 3_600_000
DAY = 24 * HOUR

HAS_MODEL = frozenset({"TRAINING_COMPLETED", "RUNNING", "STOPPED", "COPYING_COMPLETED"})
"""Statuses of versions that can be copied."""

_NEWEST = (
    ("TRAINING_COMPLETED", 42),
    ("RUNNING", 26),
    ("TRAINING_IN_PROGRESS", 9),
    ("STOPPED", 8),
    ("TRAINING_FAILED", 8),
    ("STARTING", 3),
    ("STOPPING", 2),
    ("FAILED", 2),
)
_OLDER = (
    ("TRAINING_COMPLETED", 760),
    ("STOPPED", 110),
    ("TRAINING_FAILED", 85),
    ("RUNNING", 20),
    ("FAILED", 15),
    ("DELETING", 10),
)
_ADAPTER = (
    ("TRAINING_COMPLETED", 70),
    ("DEPRECATED", 12),
    ("EXPIRED", 8),
    ("TRAINING_FAILED", 7),
    ("TRAINING_IN_PROGRESS", 3),
)
_COPY = (("COPYING_COMPLETED", 80), ("RUNNING", 6), ("COPYING_FAILED", 9), ("COPYING_IN_PROGRESS", 5))

_SEARCHES = 8
_TALENTS_KEPT = 1024
_COPY_SHARE = 0.05
_SAME_SCOPE_SHARE = 0.4


@dataclass(frozen=True)
class Script:
    """What a version is meant to be, where its project is not left to the draws."""

    status: str
    copy_of: tuple[ProjectPlan, int] | None = None
    """Project and index of the version it was copied from."""


@dataclass(frozen=True)
class ProjectPlan:
    """All that is fixed about a project; everything else about it is drawn from its ARN."""

    account: str
    region: str
    name: str
    created_ms: int
    until_ms: int
    """When its newest version was asked for, at the latest."""
    versions: int
    family: Family
    feature: Literal["CUSTOM_LABELS", "CONTENT_MODERATION"] = "CUSTOM_LABELS"
    trained_from: Literal["datasets", "manifests"] = "datasets"
    dated_names: bool = False
    """Versions are called as the console proposes, by date; otherwise v1, v2, ..."""
    status: str = "CREATED"
    script: Mapping[int, Script] = field(default_factory=dict)
    """By index of the version, 0 the oldest."""
    is_scripted: bool = False
    """Go by the script: versions that it leaves out were trained and nothing else."""

    @cached_property
    def arn(self) -> str:
        """ARN of the project."""
        return f"arn:aws:rekognition:{self.region}:{self.account}:project/{self.name}/{self.created_ms}"


_AS_USUAL = Script("TRAINING_COMPLETED")


class History:
    """The events of a world. Versions are numbered from 0, the oldest; any can be asked for by itself."""

    def __init__(
        self,
        seed: int,
        now_ms: int,
        scopes: Sequence[Scope],
        plans: Callable[[Scope], Sequence[ProjectPlan]],
    ) -> None:
        self.seed = seed
        self.now_ms = now_ms
        self._scopes = scopes
        self._plans = plans
        self._talent = lru_cache(maxsize=_TALENTS_KEPT)(self._draw_talent)

    def dice(self, plan: ProjectPlan, *topic: object) -> RandomStream:
        """Draws about a project."""
        return RandomStream(self.seed, plan.arn, *topic)

    def created_ms(self, plan: ProjectPlan, index: int) -> int:
        """When training (or copying) of a version was asked for; later versions are later."""
        if self._is_underway(plan, index):
            return self.now_ms - HOUR - self.dice(plan, index, "underway").below(6 * HOUR)
        step = (plan.until_ms - plan.created_ms) // (plan.versions + 1)
        jitter = self.dice(plan, index, "created").below(max(1, step * 4 // 5))
        return plan.created_ms + step * (index + 1) + jitter - step // 2

    def version_name(self, plan: ProjectPlan, index: int, created_ms: int) -> str:
        """Name of a version."""
        if plan.dated_names:
            return f"{plan.name}.{_utc(created_ms)}"
        return f"v{index + 1}"

    def version_arn(self, plan: ProjectPlan, index: int) -> str:
        """ARN of a version."""
        created_ms = self.created_ms(plan, index)
        name = self.version_name(plan, index, created_ms)
        project = plan.arn.rpartition("/")[0]
        return f"{project}/version/{name}/{created_ms}"

    def status(self, plan: ProjectPlan, index: int) -> tuple[str, tuple[ProjectPlan, int] | None]:
        """Status of a version, and the version it was copied from, if it was."""
        if plan.is_scripted:
            scripted = plan.script.get(index, _AS_USUAL)
            return scripted.status, scripted.copy_of
        dice = self.dice(plan, index, "status")
        if plan.feature == "CONTENT_MODERATION":
            return self._adapter_status(plan, index, dice), None
        if self._is_underway(plan, index):
            return "TRAINING_IN_PROGRESS", None
        if dice.chance(_COPY_SHARE):
            source = self._source(plan, index)
            if source is not None:
                return dice.weighted(_COPY), source
        is_newest = index == plan.versions - 1
        return self._newest_status(plan) if is_newest else dice.weighted(_OLDER), None

    def f1_score(self, plan: ProjectPlan, index: int, source: tuple[ProjectPlan, int] | None) -> float:
        """F1 of a version, a float32: it rises with practice and levels off; a copy has its `source`'s."""
        while source is not None:
            plan, index = source
            source = self.status(plan, index)[1]
        first, best, pace = self._talent(plan.arn)
        noise = 0.05 * (self.dice(plan, index, "f1").unit() - 0.5)
        score = best - (best - first) * pace / (pace + index) + noise
        single: float = struct.unpack("f", struct.pack("f", min(score, 1.0)))[0]
        return single

    def _draw_talent(self, arn: str) -> tuple[float, float, float]:
        """F1 of a project's first version, the F1 it tends to, and how many versions that takes."""
        dice = RandomStream(self.seed, arn, "talent")
        return 0.52 + 0.22 * dice.unit(), 0.86 + 0.13 * dice.unit(), 1.5 + 4.0 * dice.unit()

    def _newest_status(self, plan: ProjectPlan) -> str:
        return self.dice(plan, "newest").weighted(_NEWEST)

    def _is_underway(self, plan: ProjectPlan, index: int) -> bool:
        if index != plan.versions - 1:
            return False
        if plan.is_scripted:
            return plan.script.get(index, _AS_USUAL).status == "TRAINING_IN_PROGRESS"
        if plan.feature == "CONTENT_MODERATION":
            return False
        return self._newest_status(plan) == "TRAINING_IN_PROGRESS"

    def _adapter_status(self, plan: ProjectPlan, index: int, dice: RandomStream) -> str:
        drawn = dice.weighted(_ADAPTER)
        is_newest = index == plan.versions - 1
        if is_newest == (drawn in ("DEPRECATED", "EXPIRED")) or drawn == "TRAINING_IN_PROGRESS":
            return "TRAINING_COMPLETED"  # only older adapters age
        return drawn

    def _source(self, plan: ProjectPlan, index: int) -> tuple[ProjectPlan, int] | None:
        """Return an older version, somewhere in the world, that this one can have been copied from.

        A candidate is older, so looking up whether it was copied itself comes to an end.
        """
        dice = self.dice(plan, index, "source")
        created_ms = self.created_ms(plan, index)
        home = (plan.account, plan.region)
        for _ in range(_SEARCHES):
            scope = home if dice.chance(_SAME_SCOPE_SHARE) else dice.pick(self._scopes)
            plans = self._plans(scope)
            other = dice.pick(plans)
            if other.versions == 0 or other.feature != plan.feature or other.arn == plan.arn:
                continue
            candidate = dice.below(other.versions)
            if self.created_ms(other, candidate) >= created_ms:
                continue
            if self.status(other, candidate)[0] in HAS_MODEL:
                return other, candidate
        return None


def _utc(millis: int) -> str:
    """Time as the console puts it into version names: 2020-01-21T09.10.15."""
    return datetime.fromtimestamp(millis // 1000, UTC).strftime("%Y-%m-%dT%H.%M.%S")
