"""What the figures were measured on: the machine, and the versions of what takes part."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

OURS = ("reklake", "boto3", "botocore", "pyarrow", "duckdb", "msgspec", "numpy")


def describe(environments: Mapping[str, Path]) -> dict[str, str]:
    """Return name and value of what a reader needs to know; `environments` are the peers' interpreters."""
    processor = next(
        (line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    facts = {
        "measured": f"{datetime.now(UTC):%F %H:%M} UTC, load {os.getloadavg()[0]:.1f} at the start",
        "processor": f"{processor}, {os.cpu_count()} cores",
        "memory": f"{memory:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "reklake": f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in OURS),
    }
    said = "import importlib.metadata as m; print(', '.join(d.name + ' ' + d.version for d in m.distributions()))"
    for name, python in environments.items():
        listed = subprocess.run([python, "-c", said], capture_output=True, text=True, check=True).stdout.strip()
        wanted = [one for one in listed.split(", ") if one.split()[0] in {"dlt", "boto3", "botocore", "pyarrow"}]
        facts[f"peer {name}"] = ", ".join(sorted(wanted))
    return facts
