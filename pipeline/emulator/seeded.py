"""A world of any size from a seed."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from pipeline.emulator.accounts import DEFAULT_ACCOUNT
from pipeline.emulator.errors import EmulatorError
from pipeline.emulator.history import DAY, ProjectPlan
from pipeline.emulator.names import FAMILIES, PURPOSES, project_name
from pipeline.emulator.planned import PlannedWorld
from pipeline.emulator.random_stream import RandomStream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.emulator.world import Scope

DEFAULT_NOW = datetime(2026, 6, 1, tzinfo=UTC)
"""When a world is looked at, unless another time is given: output stays the same from day to day."""

_SCOPES_KEPT = 64
_MODERATION_EVERY = 9
_OLDEST_DAYS, _YOUNGEST_DAYS = 1500, 60


class SeededWorld(PlannedWorld):
    """Projects and versions drawn from a seed; the same arguments give the same bytes.

    `projects` is their number in each account and region. `versions` is their mean number in a project (they
    vary from none to twice that), or the exact numbers, project by project, in turn.
    """

    def __init__(
        self,
        seed: int = 7,
        *,
        accounts: Sequence[str] = (DEFAULT_ACCOUNT,),
        regions: Sequence[str] = ("us-east-1", "eu-west-1"),
        projects: int = 8,
        versions: int | Sequence[int] = 8,
        now: datetime = DEFAULT_NOW,
    ) -> None:
        if now.tzinfo is None:
            raise EmulatorError("the world's `now` needs a time zone, such as datetime.UTC")
        self._seed = seed
        self._now_ms = round(now.timestamp() * 1000)
        self._project_count = projects
        self._version_counts = versions
        scopes = [(account, region) for account in accounts for region in regions]
        super().__init__(scopes, lru_cache(maxsize=_SCOPES_KEPT)(self._draw), seed=seed, now_ms=self._now_ms)

    def _draw(self, scope: Scope) -> tuple[ProjectPlan, ...]:
        offset = RandomStream(self._seed, "names", *scope).below(len(FAMILIES) * len(PURPOSES))
        return tuple(self._draw_project(scope, index, offset) for index in range(self._project_count))

    def _draw_project(self, scope: Scope, index: int, offset: int) -> ProjectPlan:
        dice = RandomStream(self._seed, "plan", *scope, index)
        moderation = index % _MODERATION_EVERY == _MODERATION_EVERY - 1
        name, family = project_name(index, offset, moderation=moderation)
        age_days = _YOUNGEST_DAYS + dice.below(_OLDEST_DAYS - _YOUNGEST_DAYS)
        created_ms = self._now_ms - age_days * DAY + dice.below(DAY)
        count = self._count(index, dice)
        status = "CREATED"
        if count == 0:
            status = dice.weighted((("CREATED", 8), ("CREATING", 1), ("DELETING", 1)))
        return ProjectPlan(
            account=scope[0],
            region=scope[1],
            name=name,
            created_ms=created_ms,
            until_ms=self._now_ms - DAY - dice.below(age_days // 3 * DAY),
            versions=count,
            family=family,
            feature="CONTENT_MODERATION" if moderation else "CUSTOM_LABELS",
            trained_from="datasets" if dice.chance(0.6) else "manifests",
            dated_names=dice.chance(0.4),
            status=status,
        )

    def _count(self, index: int, dice: RandomStream) -> int:
        counts = self._version_counts
        if isinstance(counts, int):
            return dice.below(2 * counts + 1)
        return counts[index % len(counts)]
