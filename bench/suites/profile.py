"""Where the time of a sync goes: by the clock as its record tells, and CPU by stage."""

from __future__ import annotations

import json
import sys

import served
from measure import watched
from plan import Plan
from section import Section


def run(plan: Plan) -> Section:
    lake, out = plan.scratch / "profile", plan.scratch / "profile.json"
    with served.endpoint(plan.profile) as endpoint:
        words = served.sync(lake)[1:]
        took, _ = watched([sys.executable, served.BENCH / "sampler.py", out, *words], endpoint.environment)
    (record,) = (json.loads(path.read_text()) for path in (lake / "runs").glob("*.json"))
    sampled = json.loads(out.read_text())
    rest = "start and end of the process, threads that had ended"
    stages = {**sampled["stages"], rest: max(0.0, took["cpu"] - sum(sampled["stages"].values()))}
    rows = [
        [name, f"{seconds:.2f}", f"{seconds / took['cpu']:.0%}"]
        for name, seconds in sorted(stages.items(), key=lambda one: -one[1])
    ]
    clock = [[name, f"{seconds:.2f}"] for name, seconds in record["seconds"].items()]
    clock.append(["the whole process", f"{took['seconds']:.2f}"])
    about = (
        f"One sync of {plan.profile:,} versions, {took['cpu']:.1f} CPU seconds. The first table is its run record's "
        "clock; the second is CPU time by the stage that a thread was in."
    )
    return Section(
        "Where the time goes",
        about,
        [(["by the clock", "seconds"], clock), (["stage", "CPU seconds", "share"], rows)],
        {"process": took, "record": record["seconds"], "stages": stages},
    )
