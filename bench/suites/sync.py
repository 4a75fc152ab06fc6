"""A whole export over HTTP, in a fresh process and with its start-up: `reklake sync` and the peers."""

from __future__ import annotations

import shutil
from pathlib import Path

import equal
import served
from measure import Taken, measure
from peers import environments
from plan import Plan
from section import Section, median, peak, spread

OURS = "reklake sync"


def run(plan: Plan) -> Section:
    plain, dlt = environments.python("plain"), environments.python("dlt")
    with served.endpoint(plan.sync) as full, served.endpoint(plan.sync_peers) as fewer:
        at = ("--endpoint", fewer.url)
        peers = {
            "boto3 and pyarrow": served.peer(plain, "plain_boto3.py", *at),
            **{name: served.peer(dlt, "dlt_load.py", *words, *at) for name, words in served.DLT.items()},
        }
        folders = {name: plan.scratch / f"sync-{number}" for number, name in enumerate([OURS, *peers])}
        runs: dict[str, list[Taken]] = {name: [] for name in folders}
        _ours(folders[OURS], fewer)
        for name, command in peers.items():
            took = _peer(folders[name], command)
            if plan.sync_peer_runs == 1:
                runs[name].append(took)  # what was checked also counts, where peers are run once
        checked = equal.same(folders)
        for number in range(plan.runs):
            runs[OURS].append(_ours(folders[OURS], full))
            for name, command in peers.items():
                if len(runs[name]) <= number < plan.sync_peer_runs:
                    runs[name].append(_peer(folders[name], command))
    sizes = {name: plan.sync if name == OURS else plan.sync_peers for name in runs}
    for name, taken in runs.items():
        for one in taken:
            one["pace"] = 1000 * one["seconds"] / sizes[name]
    best = median(runs[OURS], "pace")
    rows = [
        [
            name,
            f"{sizes[name]:,}",
            spread(taken),
            f"{median(taken, 'pace'):.3f}",
            f"{median(taken, 'cpu'):,.1f}",
            f"{median(taken, 'pace') / best:.1f}",
            peak(taken),
        ]
        for name, taken in runs.items()
    ]
    columns = ["", "versions", "seconds", "ms a version", "CPU seconds", "times reklake's time a version", "peak MB"]
    about = f"Start-up is counted. Equal results: {checked}."
    if plan.sync != plan.sync_peers:
        about += " Peers took fewer versions here: their start-up weighs more in these figures than in a full bench."
    return Section("A whole export over HTTP", about, [(columns, rows)], runs)


def _ours(lake: Path, endpoint: served.Endpoint) -> Taken:
    shutil.rmtree(lake, ignore_errors=True)
    return measure(served.sync(lake), endpoint.environment)


def _peer(folder: Path, command: list[str]) -> Taken:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return measure([*command, str(folder)])
