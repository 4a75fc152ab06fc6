"""Runs a reklake command and tells where its CPU time goes, stage by stage, from the kernel's own counts.

    python bench/sampler.py OUT.json sync --lake ...

Every few milliseconds each thread's CPU time since the last look is put down to the stage whose function it is in:
the innermost frame of ours. Threads that Arrow and DuckDB start for themselves have no such frame.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

EVERY = 0.01
STAGES = (
    ("pipeline.extract", "extract"),
    ("pipeline.arrivals", "landing"),
    ("pipeline.landing", "landing"),
    ("pipeline.lake", "storage"),
    ("pipeline.flatten", "flatten"),
    ("pipeline.pieces", "flatten"),
    ("pipeline.load.parallel", "flatten"),
    ("pipeline.load.sorted_file", "write tables"),
    ("pipeline.query.database", "lake.duckdb"),
    ("pipeline.query.checks", "data checks"),
    ("pipeline.load", "merge and publish"),
    ("pipeline", "run and command line"),
)
LIBRARIES = ("boto3", "botocore", "urllib3", "http", "socket", "ssl", "email")
NATIVE, IMPORTS, HTTP = "threads of Arrow and DuckDB", "imports", "extract: boto3, HTTP"
SELF = "the sampler itself"


def stage(frame: FrameType | None) -> str:
    """Return the stage of a thread that is in this frame."""
    inner = frame.f_globals.get("__name__", "").partition(".")[0] if frame else ""
    while frame:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("importlib."):
            return IMPORTS
        for prefix, name in STAGES:
            if module == prefix or module.startswith(f"{prefix}."):
                return HTTP if name == "extract" and inner in LIBRARIES else name
        frame = frame.f_back
    return "other"


class Sampler(threading.Thread):
    """Looks at all threads until it is told to stop; `seconds` is CPU time by stage."""

    def __init__(self) -> None:
        super().__init__(name="sampler", daemon=True)
        self.seconds: Counter[str] = Counter()
        self._seen: dict[str, int] = {}
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(EVERY):
            self.look()

    def stop(self) -> None:
        self._over.set()
        self.join()
        self.look()

    def look(self) -> None:
        frames = sys._current_frames()  # noqa: SLF001  # there is no other way to see them
        known = {str(one.native_id): one.ident for one in threading.enumerate()}
        for task in Path("/proc/self/task").iterdir():
            try:
                used = int((task / "schedstat").read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):  # it has ended
                continue
            spent, self._seen[task.name] = used - self._seen.get(task.name, 0), used
            ident = known.get(task.name)
            where = stage(frames.get(ident)) if ident else NATIVE
            self.seconds[SELF if ident == self.ident else where] += spent / 1e9  # type: ignore[assignment]


def main() -> None:
    out = Path(sys.argv[1])
    del sys.argv[1]
    sampler, started = Sampler(), time.perf_counter()
    sampler.start()
    try:
        from pipeline.cli import main as command

        command()
    finally:
        took = time.perf_counter() - started
        sampler.stop()
        out.write_text(json.dumps({"seconds": took, "stages": sampler.seconds}), encoding="utf-8")


if __name__ == "__main__":
    main()
