"""What a first sync costs where the world is of another kind: its projects, its answers, or the way to it."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

import pages
import served
from measure import Taken, measure
from plan import Plan
from section import Section, median, peak, spread

HELD_UP = 200


def run(plan: Plan) -> Section:
    worlds = {kind.about: ["--kind", name] for name, kind in pages.KINDS.items()}
    worlds[f"one in {HELD_UP} calls is answered 0.3 s late"] = ["--held-up", str(HELD_UP)]
    taken: dict[str, list[Taken]] = {about: [] for about in worlds}
    with ExitStack() as opened:
        endpoints = {
            about: opened.enter_context(served.endpoint(plan.kinds, *words)) for about, words in worlds.items()
        }
        for about in [*worlds] * plan.kind_runs:  # in turns, because a machine's speed changes
            taken[about].append(_sync(plan.scratch / "kinds", endpoints[about]))
    base = median(taken[pages.KINDS["alike"].about])
    rows = [
        [about, spread(runs), f"{median(runs, 'cpu'):.1f}", f"{median(runs) / base:.2f}", peak(runs)]
        for about, runs in taken.items()
    ]
    columns = ["", "seconds", "CPU seconds", "times the first", "peak MB"]
    about = f"First syncs of {plan.kinds:,} versions, start-up included."
    return Section("Worlds of other kinds", about, [(columns, rows)], taken)


def _sync(lake: Path, endpoint: served.Endpoint) -> Taken:
    shutil.rmtree(lake, ignore_errors=True)
    return measure(served.sync(lake), endpoint.environment)
