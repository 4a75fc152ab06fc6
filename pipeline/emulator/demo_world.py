"""The world of the demo: nine projects in two regions, and the samples that AWS has published."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from pipeline.emulator.accounts import DEFAULT_ACCOUNT
from pipeline.emulator.generated_world import DAY, NOW_MS, GeneratedWorld, Outcome, ProjectPlan
from pipeline.emulator.published_samples import published_samples
from pipeline.emulator.random_world import SUBJECTS
from pipeline.emulator.world import StaticWorld

_SEED = 7
_FAILED, _RUNNING, _STOPPED = Outcome("TRAINING_FAILED"), Outcome("RUNNING"), Outcome("STOPPED")


@cache
def demo_world() -> StaticWorld:
    """Return the demo's world: about sixty versions, two of them running, one model copied on three times."""
    plans = {(DEFAULT_ACCOUNT, region): planned for region, planned in _plans().items()}
    generated = GeneratedWorld(_SEED, plans)
    samples = published_samples()
    scopes, datasets = dict(samples.scopes), dict(samples.datasets)
    policies, tags = dict(samples.project_policies), dict(samples.resource_tags)
    for scope in plans:
        listed = []
        for project in generated.projects(*scope):
            arn = project["ProjectArn"]
            versions = list(generated.versions(*scope, arn) or ())
            listed.append((project, versions))
            policies[arn] = generated.policies(*scope, arn) or ()
            dataset_arns = [summary["DatasetArn"] for summary in project["Datasets"]]
            datasets |= {found: generated.dataset(*scope, found) for found in dataset_arns}
            resources = [arn, *dataset_arns, *(version["ProjectVersionArn"] for version in versions)]
            tags |= {resource: generated.tags(*scope, resource) or {} for resource in resources}
        scopes[scope] = [*listed, *samples.scopes.get(scope, ())]
    return StaticWorld(scopes, datasets, policies, tags)


def _plan(region: str, name: str, subject: str, days: tuple[int, int], versions: int, **more: Any) -> ProjectPlan:
    """Return a plan; `days` ago it was created, and at the latest had its newest version."""
    return ProjectPlan(
        account=DEFAULT_ACCOUNT,
        region=region,
        name=name,
        subject=SUBJECTS[subject],
        created_ms=NOW_MS - days[0] * DAY + sum(map(ord, name)) * 60_013,
        until_ms=NOW_MS - days[1] * DAY,
        versions=versions,
        **more,
    )


def _plans() -> dict[str, list[ProjectPlan]]:
    """Return the plans by region, in the order of listing."""
    virginia, ireland = partial(_plan, "us-east-1"), partial(_plan, "eu-west-1")
    manifests = {"trained_from": "manifests"}
    outcomes: dict[int, Outcome] = {3: _FAILED, 9: _STOPPED, 12: _RUNNING}
    caps = virginia("bottle-cap-inspection", "bottle-cap", (820, 9), 14, outcomes=outcomes, **manifests)
    outcomes = {0: Outcome("COPYING_COMPLETED", (caps, 7)), 2: _FAILED}
    caps_eu = ireland("bottle-cap-inspection-eu", "bottle-cap", (300, 60), 4, outcomes=outcomes, **manifests)
    outcomes = {0: Outcome("COPYING_COMPLETED", (caps_eu, 0)), 1: Outcome("COPYING_FAILED", (caps_eu, 1))}
    caps_pilot = virginia("bottle-cap-pilot", "bottle-cap", (180, 40), 3, outcomes=outcomes, **manifests)
    outcomes = {0: Outcome("COPYING_COMPLETED", (caps_pilot, 0))}
    caps_archive = ireland("bottle-cap-archive", "bottle-cap", (90, 20), 1, outcomes=outcomes)
    outcomes = {4: _FAILED, 5: _FAILED, 11: _STOPPED, 12: Outcome("TRAINING_IN_PROGRESS")}
    solder = virginia(
        "pcb_solder_defects", "pcb-solder", (640, 2), 13, outcomes=outcomes, dated_names=True, in_training=True
    )
    outcomes = {0: Outcome("EXPIRED"), 1: Outcome("DEPRECATED")}
    moderation = virginia(
        "upload-moderation",
        "retail-shelf",
        (420, 30),
        5,
        outcomes=outcomes,
        feature="CONTENT_MODERATION",
        **manifests,
    )
    shelves = virginia("retail_shelf_gaps", "retail-shelf", (21, 1), 0)
    outcomes = {2: _FAILED, 10: _RUNNING}
    welds = ireland("weld-seam-quality", "weld-seam", (500, 12), 11, outcomes=outcomes, **manifests)
    outcomes = {8: Outcome("FAILED")}
    leaves = ireland("leaf_disease_survey", "leaf-disease", (730, 200), 9, outcomes=outcomes, dated_names=True)
    return {
        "us-east-1": [caps, solder, caps_pilot, moderation, shelves],
        "eu-west-1": [welds, leaves, caps_eu, caps_archive],
    }
