"""Runs the suites, writes bench/results/<date>.json and the tables of docs/performance.md.

python bench/run.py [--quick] [--only flatten sync] [--runs 5] [--set sync_peers=20000] [--dry]

What is measured with `--only` takes its place among the latest results, and says when it was measured.
"""

from __future__ import annotations

import argparse
import compileall
import importlib
import json
import sys
import tempfile
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import machine
import plan as plans
import render
from measure import watched
from peers import environments
from section import Section

BENCH = Path(__file__).parent
PAGE = BENCH.parent / "docs" / "performance.md"
SUITES = ("flatten", "sync", "again", "growth", "kinds", "startup", "profile")
SCRIPTS = {
    "histories": ("Listings into histories", ["history.py"]),
    "queries": ("Questions to the marts, 1,000,000 versions", ["suites/queries.py", "1000000"]),
    "queries-10m": ("Questions to the marts, 10,000,000 versions", ["suites/queries.py", "10000000"]),
    "pace": ("The pace of calls", ["pace.py"]),
    "breadth": ("Many scopes", ["breadth.py"]),
}
"""Benches that are scripts of their own: what they print is kept as it is."""


def script(title: str, words: list[str]) -> Section:
    took, said = watched([sys.executable, BENCH / words[0], *words[1:]])
    return Section(title, runs={"process": [took]}, output=said)


def _latest(*, quick: bool) -> Path | None:
    """Return the newest results of a full bench, or of a quick one."""
    there = sorted((BENCH / "results").glob("????-??-??-quick.json" if quick else "????-??-??.json"))
    return there[-1] if there else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, the page is left alone")
    parser.add_argument("--only", nargs="+", choices=[*SUITES, *SCRIPTS])
    parser.add_argument("--runs", type=int, help="of each command, where no suite has reasons for fewer")
    parser.add_argument("--set", nargs="+", default=[], metavar="SIZE=NUMBER", help="sizes as in bench/plan.py")
    parser.add_argument("--dry", action="store_true", help="leave docs/performance.md alone")
    parser.add_argument("--scratch", type=Path, help="a folder for lakes; default: a temporary one")
    chosen = parser.parse_args()
    plan = plans.QUICK if chosen.quick else plans.FULL
    if chosen.runs:
        plan = replace(plan, runs=chosen.runs, sync_peer_runs=min(chosen.runs, plan.sync_peer_runs))
    for one in chosen.set:
        name, _, value = one.partition("=")
        numbers = tuple(int(number) for number in value.split(","))
        plan = replace(plan, **{name: numbers if isinstance(getattr(plan, name), tuple) else numbers[0]})
    wanted = chosen.only or [*SUITES, *(SCRIPTS if plan.scripts else ())]

    compileall.compile_dir(BENCH.parent / "pipeline", quiet=1)  # as installing does, and did with the peers
    facts = machine.describe({name: environments.python(name) for name in environments.NAMES})
    said = [word for word in sys.argv[1:] if word not in {"--scratch", str(chosen.scratch)}]  # a path of this machine
    facts["command"] = f"`python bench/{' '.join([Path(sys.argv[0]).name, *said])}`"
    results = BENCH / "results" / f"{datetime.now(UTC):%F}{'-quick' if chosen.quick else ''}.json"
    results.parent.mkdir(exist_ok=True)
    document: dict[str, Any] = {"machine": facts, "plan": asdict(plan), "sections": {}}
    if chosen.only and (latest := _latest(quick=chosen.quick)):
        document = json.loads(latest.read_text(encoding="utf-8"))
    for name in wanted:
        started = time.monotonic()
        print(f"{name} ...", flush=True)
        if name in SCRIPTS:
            section = script(*SCRIPTS[name])
        else:
            with tempfile.TemporaryDirectory(dir=chosen.scratch) as scratch:
                section = importlib.import_module(f"suites.{name}").run(replace(plan, scratch=Path(scratch)))
        later = {"later": f"{facts['measured']}, by {facts['command']}"} if document["machine"] != facts else {}
        document["sections"][name] = asdict(section) | later
        print("\n".join(render.of(document["sections"][name])), flush=True)
        print(f"{name} took {time.monotonic() - started:.0f} s", flush=True)
        results.write_text(json.dumps(document, indent=1, default=str) + "\n", encoding="utf-8")
    if not (chosen.quick or chosen.dry):
        render.into(PAGE, results)


if __name__ == "__main__":
    main()
