"""Runs the suites and says which figures are within their limits.

    python bench/run.py [--quick] [--only SUITE ...] [--scratch FOLDER]

A full run writes bench/results.json, and docs/performance.md from it and bench/performance.template.md. With --quick
(small sizes, for which the limits are not meant) or --only, nothing is written. The exit code is 0 whatever the
figures are: the machine is noisy.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from string import Template

import commands
from suites import FULL, QUICK, SUITES, Outcome

BENCH = Path(__file__).parent
RESULTS = BENCH / "results.json"
PAGE = BENCH.parent / "docs" / "performance.md"
TEMPLATE = BENCH / "performance.template.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=SUITES, metavar="SUITE", help=", ".join(SUITES))
    parser.add_argument("--scratch", type=Path, help="a folder for lakes (default: a temporary one)")
    chosen = parser.parse_args()
    sizes = QUICK if chosen.quick else FULL
    compileall.compile_dir(BENCH.parent / "pipeline", quiet=1)  # as installing does, and did with the peers
    for name in commands.PEERS:
        commands.peer_python(name)  # not while something is measured
    facts = machine()
    outcomes: dict[str, Outcome] = {}
    for name in chosen.only or SUITES:
        started = time.monotonic()
        try:
            with tempfile.TemporaryDirectory(dir=chosen.scratch) as scratch:
                outcomes[name] = SUITES[name](sizes, Path(scratch))
        except (RuntimeError, ValueError) as error:  # a command failed, or exports differ; the other suites go on
            print(error, file=sys.stderr)
            outcomes[name] = Outcome([], note=f"The suite {name} failed: it has no figures.")
        print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
    print(f"\n{runs_table(outcomes.values())}\n\n{figures_table(outcomes.values())}")
    if chosen.quick:
        print("\nThe limits are meant for full sizes (without --quick).")
    elif not chosen.only:
        found = {name: asdict(outcome) for name, outcome in outcomes.items()}
        document = {"machine": facts, "sizes": asdict(sizes), "suites": found}
        RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(page(facts, outcomes.values()), encoding="utf-8")


def machine() -> dict[str, str]:
    """Return what a reader needs to know of the machine and of what takes part; no names and no paths."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    libraries = ("reklake", "boto3", "pyarrow", "duckdb")
    lookup = "from importlib.metadata import version as v; print(f\"dlt {v('dlt')}, boto3 {v('boto3')}\")"
    dlt = subprocess.run([commands.peer_python("dlt"), "-c", lookup], capture_output=True, text=True, check=True)
    return {
        "measured": f"{datetime.now(UTC):%F %H:%M} UTC, load {os.getloadavg()[0]:.1f} at the start",
        "machine": f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, {platform.system()}",
        "versions": ", ".join(
            [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in libraries)]
        ),
        "peers": dlt.stdout.strip(),
    }


def figures_table(outcomes: Iterable[Outcome]) -> str:
    """Return each figure beside its limit, as a Markdown table."""
    rows = []
    for outcome in outcomes:
        for figure in outcome.figures:
            limit = f"{'at least' if figure.at_least else 'at most'} {_number(figure.limit, figure.unit)}"
            within = "yes" if figure.passes else "**NO**"
            rows.append([figure.name, _spread(figure.values, figure.unit), limit, within])
        if not outcome.figures:
            rows.append([outcome.note, "", "", "**NO**"])
    return _table(["figure", "measured", "limit", "within"], rows)


def runs_table(outcomes: Iterable[Outcome]) -> str:
    """Return what each command took, as a Markdown table; questions have their figures only."""
    rows = []
    for outcome in outcomes:
        for name, taken in outcome.runs.items():
            if "seconds" in taken[0]:
                medians = {key: statistics.median(run[key] for run in taken) for key in taken[0]}
                row = [name, f"{medians['seconds']:.2f}", f"{medians['cpu_seconds']:.2f}", f"{medians['peak_mb']:.0f}"]
                rows.append([*row, str(len(taken))])
    return _table(["command", "seconds", "CPU seconds", "peak MB", "runs"], rows)


def page(facts: Mapping[str, str], outcomes: Iterable[Outcome]) -> str:
    """Return docs/performance.md."""
    outcomes = list(outcomes)
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        machine="\n".join(f"- {name.capitalize()}: {value}" for name, value in facts.items()),
        figures=figures_table(outcomes),
        runs=runs_table(outcomes),
        notes=" ".join(outcome.note for outcome in outcomes if outcome.note),
    )


def _spread(values: list[float], unit: str) -> str:
    """Return the median and, of several values, the least and the most."""
    middle = _number(statistics.median(values), unit)
    return middle if len(values) == 1 else f"{middle} ({_number(min(values))} to {_number(max(values))})"


def _number(value: float, unit: str = "") -> str:
    digits = 0 if value >= 100 or value == round(value) else 1
    return f"{value:,.{digits}f} {unit}".rstrip()


def _table(columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
