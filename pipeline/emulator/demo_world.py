"""The small world of the demo: eight projects in two regions, beside the published samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.emulator.accounts import DEFAULT_ACCOUNT
from pipeline.emulator.history import DAY, ProjectPlan, Script
from pipeline.emulator.names import family_of
from pipeline.emulator.planned import PlannedWorld
from pipeline.emulator.sample import published_samples
from pipeline.emulator.seeded import DEFAULT_NOW
from pipeline.emulator.world import LayeredWorld, Scope, World

if TYPE_CHECKING:
    from datetime import datetime

_SEED = 7


def demo_world(now: datetime = DEFAULT_NOW) -> World:
    """Return the demo's world: about sixty versions, two of them running, one model copied on three times."""
    now_ms = round(now.timestamp() * 1000)
    plans = _plans(now_ms)
    written = PlannedWorld(list(plans), plans.__getitem__, seed=_SEED, now_ms=now_ms)
    return LayeredWorld((written, published_samples()))


def _plans(now_ms: int) -> dict[Scope, tuple[ProjectPlan, ...]]:
    virginia, ireland = (DEFAULT_ACCOUNT, "us-east-1"), (DEFAULT_ACCOUNT, "eu-west-1")

    def plan(scope: Scope, name: str, family: str, days: tuple[int, int], versions: int, **more: object) -> ProjectPlan:
        return ProjectPlan(
            account=scope[0],
            region=scope[1],
            name=name,
            created_ms=now_ms - days[0] * DAY + sum(map(ord, name)) * 60_013,
            until_ms=now_ms - days[1] * DAY,
            versions=versions,
            family=family_of(family),
            is_scripted=True,
            **more,  # type: ignore[arg-type]
        )

    failed, running, stopped = (Script(status) for status in ("TRAINING_FAILED", "RUNNING", "STOPPED"))
    caps = plan(
        virginia,
        "bottle-cap-inspection",
        "bottle-cap",
        (820, 9),
        14,
        trained_from="manifests",
        script={3: failed, 9: stopped, 12: running},
    )
    caps_eu = plan(
        ireland,
        "bottle-cap-inspection-eu",
        "bottle-cap",
        (300, 60),
        4,
        trained_from="manifests",
        script={0: Script("COPYING_COMPLETED", (caps, 7)), 2: failed},
    )
    caps_pilot = plan(
        virginia,
        "bottle-cap-pilot",
        "bottle-cap",
        (180, 40),
        3,
        trained_from="manifests",
        script={
            0: Script("COPYING_COMPLETED", (caps_eu, 0)),
            1: Script("COPYING_FAILED", (caps_eu, 1)),
        },
    )
    caps_archive = plan(
        ireland,
        "bottle-cap-archive",
        "bottle-cap",
        (90, 20),
        1,
        script={0: Script("COPYING_COMPLETED", (caps_pilot, 0))},
    )
    return {
        virginia: (
            caps,
            plan(
                virginia,
                "pcb_solder_defects",
                "pcb-solder",
                (640, 2),
                13,
                dated_names=True,
                script={4: failed, 5: failed, 11: stopped, 12: Script("TRAINING_IN_PROGRESS")},
            ),
            caps_pilot,
            plan(
                virginia,
                "upload-moderation",
                "retail-shelf",
                (420, 30),
                5,
                feature="CONTENT_MODERATION",
                trained_from="manifests",
                script={0: Script("EXPIRED"), 1: Script("DEPRECATED")},
            ),
            plan(virginia, "retail_shelf_gaps", "retail-shelf", (21, 1), 0),
        ),
        ireland: (
            plan(
                ireland,
                "weld-seam-quality",
                "weld-seam",
                (500, 12),
                11,
                trained_from="manifests",
                script={2: failed, 10: running},
            ),
            plan(
                ireland,
                "leaf_disease_survey",
                "leaf-disease",
                (730, 200),
                9,
                dated_names=True,
                script={8: Script("FAILED")},
            ),
            caps_eu,
            caps_archive,
        ),
    }
