"""What a larger world and a longer history cost: seconds a page and peak memory."""

from __future__ import annotations

import shutil
from pathlib import Path

import served
from measure import Taken, measure
from plan import Plan
from section import Section, median, peak, spread


def run(plan: Plan) -> Section:
    sizes, lake = {}, plan.scratch / "growth"
    for versions in plan.growth:
        runs = plan.runs if versions <= 100_000 else min(plan.runs, 3)
        with served.endpoint(versions) as endpoint:
            sizes[versions] = [_first(lake, endpoint, versions) for _ in range(runs)]
    compared = plan.growth[min(1, len(plan.growth) - 1)]
    base = median(sizes[compared], "ms_a_page")
    rows = [
        [
            f"{versions:,}",
            spread(taken),
            spread(taken, "ms_a_page"),
            f"{median(taken, 'ms_a_page') / base:.2f}",
            peak(taken),
        ]
        for versions, taken in sizes.items()
    ]
    columns = ["versions", "seconds", "ms a page", f"times that of {compared:,}", "peak MB"]
    histories = _histories(plan)
    told = [[f"{runs:,}", spread(taken), peak(taken)] for runs, taken in histories.items()]
    about = (
        "The first table: first syncs, start-up included. The second: a sync in which 1 % has changed, in lakes "
        f"that have had so many such runs before; {plan.history_versions:,} versions."
    )
    named = {f"{size:,} versions": taken for size, taken in sizes.items()}
    named |= {f"after {number:,} runs": taken for number, taken in histories.items()}
    tables = [(columns, rows), (["runs before", "seconds", "peak MB"], told)]
    return Section("Larger worlds, longer histories", about, tables, named)


def _first(lake: Path, endpoint: served.Endpoint, versions: int) -> Taken:
    shutil.rmtree(lake, ignore_errors=True)
    took = measure(served.sync(lake), endpoint.environment)
    return {**took, "ms_a_page": 1000 * took["seconds"] / (versions / 100)}


def _histories(plan: Plan) -> dict[int, list[Taken]]:
    """Sync one lake again and again; time the syncs that come after so many."""
    lake, found, done = plan.scratch / "histories", {}, 0
    with served.endpoint(plan.history_versions) as endpoint:
        for wanted in plan.history:
            while done < wanted:
                endpoint.change(0.01 * (done % 2))
                measure(served.sync(lake), endpoint.environment)
                done += 1
            found[wanted] = []
            for _ in range(plan.runs if wanted > 1 else 1):
                endpoint.change(0.01 * (done % 2))
                found[wanted].append(measure(served.sync(lake), endpoint.environment))
                done += 1
    return found
