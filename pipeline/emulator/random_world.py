"""A random world of any size."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from pipeline.emulator.accounts import DEFAULT_ACCOUNT
from pipeline.emulator.generated_world import DAY, NOW_MS, GeneratedWorld, Outcome, ProjectPlan, Subject
from pipeline.emulator.random_stream import RandomStream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.emulator.world import Scope

SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject("bottle-cap", ("aligned", "tilted", "missing", "scratched"), detection=False),
        Subject("pcb-solder", ("bridge", "cold_joint", "insufficient", "ok"), detection=True),
        Subject("safety-vest", ("vest", "no_vest", "helmet"), detection=True),
        Subject("retail-shelf", ("gap", "misplaced", "facing", "price_tag"), detection=True),
        Subject("weld-seam", ("porosity", "undercut", "spatter", "clean"), detection=False),
        Subject("leaf-disease", ("rust", "mildew", "blight", "healthy"), detection=False),
        Subject("meter-dial", ("dial", "pointer", "digits"), detection=True),
        Subject("cafe-crockery", ("tasse", "soucoupe", "ébréché"), detection=False),
    )
}
_PURPOSES = ("inspection", "defects", "classifier", "survey", "triage")
_NEWEST = (
    ("TRAINING_COMPLETED", 47),
    ("RUNNING", 28),
    ("STOPPED", 9),
    ("TRAINING_FAILED", 9),
    ("STARTING", 3),
    ("STOPPING", 2),
    ("FAILED", 2),
)
_OLDER = (
    ("TRAINING_COMPLETED", 725),
    ("STOPPED", 105),
    ("TRAINING_FAILED", 80),
    ("RUNNING", 20),
    ("FAILED", 15),
    ("DELETING", 10),
    ("COPYING_COMPLETED", 40),
    ("COPYING_FAILED", 5),
    ("COPYING_IN_PROGRESS", 3),
)
_OLDER_ADAPTERS = (("TRAINING_COMPLETED", 70), ("DEPRECATED", 12), ("EXPIRED", 8), ("TRAINING_FAILED", 7))
_CAN_BE_COPIED = frozenset({"TRAINING_COMPLETED", "RUNNING", "STOPPED", "COPYING_COMPLETED"})
_SEARCHES = 8
_SCOPES_KEPT = 64
_MODERATION_EVERY = 9
_OLDEST_DAYS, _YOUNGEST_DAYS = 1500, 60


class RandomWorld(GeneratedWorld):
    """Random projects and versions; the same arguments give the same bytes.

    `projects` is their number in each account and region. `versions` is the mean number in a project (from none
    to twice as many), or the exact numbers of the first projects, which then repeat.
    """

    def __init__(
        self,
        seed: int = 7,
        *,
        accounts: Sequence[str] = (DEFAULT_ACCOUNT,),
        regions: Sequence[str] = ("us-east-1", "eu-west-1"),
        projects: int = 8,
        versions: int | Sequence[int] = 8,
    ) -> None:
        super().__init__(seed, {})
        self._scopes = [(account, region) for account in accounts for region in regions]
        self._project_count = projects
        self._version_counts = versions
        self._plans = lru_cache(maxsize=_SCOPES_KEPT)(self._random_plans)

    def plans(self, scope: Scope) -> Sequence[ProjectPlan]:
        """Return the plans of a scope."""
        return self._plans(scope) if scope in self._scopes else ()

    def outcome(self, plan: ProjectPlan, index: int) -> Outcome:
        """Return what became of a version."""
        is_newest = index == plan.versions - 1
        values = self.random(plan, index, "status")
        if plan.feature == "CONTENT_MODERATION":
            return Outcome("TRAINING_COMPLETED" if is_newest else values.weighted(_OLDER_ADAPTERS))
        if is_newest:
            return Outcome("TRAINING_IN_PROGRESS" if plan.in_training else values.weighted(_NEWEST))
        status = values.weighted(_OLDER)
        if not status.startswith("COPYING"):
            return Outcome(status)
        source = self._source(plan, index)
        return Outcome(status, source) if source is not None else Outcome("TRAINING_COMPLETED")

    def _source(self, plan: ProjectPlan, index: int) -> tuple[ProjectPlan, int] | None:
        """Return an older version, anywhere in the world, that a version can be a copy of.

        The source is older, so looking for the source of a source comes to an end.
        """
        values = self.random(plan, index, "source")
        created_ms = self.version_created_ms(plan, index)
        for _ in range(_SEARCHES):
            scope = (plan.account, plan.region) if values.chance(0.4) else values.pick(self._scopes)
            other = values.pick(self.plans(scope))
            if other.versions == 0 or other.feature != plan.feature or other.arn == plan.arn:
                continue
            candidate = values.below(other.versions)
            is_older = self.version_created_ms(other, candidate) < created_ms
            if is_older and self.outcome(other, candidate).status in _CAN_BE_COPIED:
                return other, candidate
        return None

    def _random_plans(self, scope: Scope) -> tuple[ProjectPlan, ...]:
        return tuple(self._random_plan(scope, index) for index in range(self._project_count))

    def _random_plan(self, scope: Scope, index: int) -> ProjectPlan:
        account, region = scope
        values = RandomStream(self.seed, "plan", account, region, index)
        is_moderation = index % _MODERATION_EVERY == _MODERATION_EVERY - 1
        subject = values.pick(tuple(SUBJECTS.values()))
        purpose = "moderation" if is_moderation else values.pick(_PURPOSES)
        age_days = _YOUNGEST_DAYS + values.below(_OLDEST_DAYS - _YOUNGEST_DAYS)
        counts = self._version_counts
        count = values.below(2 * counts + 1) if isinstance(counts, int) else counts[index % len(counts)]
        return ProjectPlan(
            account=account,
            region=region,
            name=values.pick(("-", "_")).join((*subject.name.split("-"), purpose, str(index + 1))),
            subject=subject,
            created_ms=NOW_MS - age_days * DAY + values.below(DAY),
            until_ms=NOW_MS - DAY - values.below(age_days // 3 * DAY),
            versions=count,
            feature="CONTENT_MODERATION" if is_moderation else "CUSTOM_LABELS",
            trained_from="datasets" if values.chance(0.6) else "manifests",
            dated_names=values.chance(0.4),
            status="CREATED" if count else values.weighted((("CREATED", 8), ("CREATING", 1), ("DELETING", 1))),
            in_training=not is_moderation and values.chance(0.09),
        )
