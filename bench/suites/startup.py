"""How long the commands take that do next to nothing."""

from __future__ import annotations

import sys

import served
from measure import alternating, measure
from plan import Plan
from section import Section, peak, spread


def run(plan: Plan) -> Section:
    lake = plan.scratch / "startup"
    with served.endpoint(1000) as endpoint:
        measure(served.sync(lake), endpoint.environment)
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "reklake --help": served.reklake("--help"),
        "reklake version": served.reklake("version"),
        'reklake sql "select 1"': served.reklake("sql", "--lake", lake, "select 1"),
    }
    runs = alternating({name: (command, {}) for name, command in commands.items()}, plan.startup_runs)
    for one in (one for taken in runs.values() for one in taken):
        one["ms"] = 1000 * one["seconds"]
    rows = [[f"`{name}`", spread(taken, "ms", 0), peak(taken)] for name, taken in runs.items()]
    return Section("Start-up", f"{plan.startup_runs} runs each.", [(["", "ms", "peak MB"], rows)], runs)
