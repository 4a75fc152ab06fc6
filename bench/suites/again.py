"""The sync after the first: of a world that has not changed and of one that has by 1 %, against the listing alone."""

from __future__ import annotations

import served
from measure import Taken, measure
from plan import Plan
from section import Section, median, peak, spread

ALONE, SAME, CHANGED = "the listing alone", "nothing has changed", "1 % has changed"


def run(plan: Plan) -> Section:
    lake = plan.scratch / "again"
    runs: dict[str, list[Taken]] = {ALONE: [], SAME: [], CHANGED: []}
    with served.endpoint(plan.again) as endpoint:
        first = measure(served.sync(lake), endpoint.environment)
        for number in range(plan.runs):
            runs[ALONE].append(measure(served.ours("list"), endpoint.environment))
            runs[SAME].append(measure(served.sync(lake), endpoint.environment))
            endpoint.change(0.01 if number % 2 == 0 else 0.0)  # there and back: one in a hundred differs each time
            runs[CHANGED].append(measure(served.sync(lake), endpoint.environment))
    least = median(runs[ALONE])
    rows = [["the first sync", f"{first['seconds']:.2f}", f"{first['cpu']:.1f}", "", f"{first['peak_mb']:.0f}"]]
    rows += [
        [name, spread(taken), f"{median(taken, 'cpu'):.1f}", f"{median(taken) / least:.2f}", peak(taken)]
        for name, taken in runs.items()
    ]
    columns = [f"{plan.again:,} versions", "seconds", "CPU seconds", "times the listing", "peak MB"]
    return Section(
        "The next sync", "Each a process of its own, start-up included.", [(columns, rows)], {"first": [first], **runs}
    )
