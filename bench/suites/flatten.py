"""Page bodies from a file to Parquet tables: versions a second, ours and the peers'."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import equal
import pages
import served
from measure import Taken, watched
from peers import environments
from plan import Plan
from section import Section, median, peak, spread

OURS = "reklake"


def run(plan: Plan) -> Section:
    plain, dlt = environments.python("plain"), environments.python("dlt")
    few = pages.prepare(plan.flatten_peers)
    commands = {
        "plain boto3 (botocore's parser)": served.peer(plain, "plain_boto3.py", "--pages", few),
        "json and dict loops": served.peer(plain, "plain_boto3.py", "--json", "--pages", few),
        **{
            name: served.peer(dlt, "dlt_load.py", *words, "--json", "--pages", few)
            for name, words in served.DLT.items()
        },
        OURS: served.ours("flatten", pages.prepare(plan.flatten)),
    }
    folders = {name: plan.scratch / f"flatten-{at}" for at, name in enumerate(commands)}
    for name, command in commands.items():
        _once(served.ours("flatten", few) if name == OURS else command, folders[name])
    checked = equal.same(folders)
    runs: dict[str, list[Taken]] = {name: [] for name in commands}
    for _ in range(plan.runs):
        for name, command in commands.items():
            versions = plan.flatten if name == OURS else plan.flatten_peers
            took = _once(command, folders[name])
            took["rate"] = versions / took["worked"]
            took["cpu_us"] = 1e6 * took["cpu"] / versions
            took["bytes"] = sum(path.stat().st_size for path in folders[name].rglob("*.parquet")) / versions
            runs[name].append(took)
    best = median(runs[OURS], "rate")
    rows = [
        [
            name,
            f"{plan.flatten if name == OURS else plan.flatten_peers:,}",
            spread(taken, "rate", 0),
            f"{best / median(taken, 'rate'):.1f}",
            f"{median(taken, 'cpu_us'):,.0f}",
            peak(taken),
            f"{median(taken, 'bytes'):,.0f}",
        ]
        for name, taken in runs.items()
    ]
    columns = [
        "",
        "versions",
        "versions a second",
        "reklake is so many times as fast",
        "CPU µs a version",
        "peak MB",
        "bytes a version",
    ]
    about = f"Start-up and imports are not counted here, but in the CPU. Equal results: {checked}."
    return Section("Page bodies to tables", about, [(columns, rows)], runs)


def _once(command: list[str], folder: Path) -> Taken:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    took, said = watched([*command, str(folder)])
    return {**took, "worked": json.loads(said.splitlines()[-1])["seconds"]}
