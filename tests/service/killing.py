"""A process that syncs and is struck at a step of its own choosing: what it does to files, counted and interfered with.

`Workshop` starts a server that has imported everything and forks a child for each job, so that a sync costs what it
costs and not a second of imports. A step is one call that changes the lake's folder, or makes it durable: files opened
to write, text written, folders made, names given and taken, fsync, and the natural steps of what writes natively
(Parquet writers, DuckDB building lake.duckdb). Steps have names that are equal in every run, whichever thread is first:
what is done, to which file (ids and process numbers left out), the how-manieth time.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import gc
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[2]
RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]+")
HALF_WRITTEN = re.compile(r"\.\d+\.tmp")
OF_INSTANTS = re.compile(r'(?<="file": "history/)[^{}]+')
"""In a manifest, the checksum of a history, which holds the instants of its run."""
NEEDS_ROOM = frozenset(
    {"create", "write", "mkdir", "link", "pwrite", "parquet begin", "parquet write", "parquet end", "duckdb"}
)
"""Kinds of steps that a full disk refuses; it still lets names be moved and taken away."""
BUILDS = re.compile(
    r"attach|use|commit|detach|create schema if not exists marts|.* view (main.projects|marts.model_inventory)\b"
)
"""Statements that stand for the many, all alike, that build lake.duckdb."""
DIES, FULL, FAILS, STOPS, READ_ONLY = "dies", "full", "fails", "stops", "read only"
"""What happens at the step: the process is killed before it; the disk is full from then on; it fails with EIO; Ctrl-C
comes once it is done. In a lake that is read only every step fails."""


def footprint(lake: Path) -> tuple[Any, ...]:
    """What the next sync finds; from equal ones it goes on equally.

    Ids are named by their order, not by their time. What is half-written counts by its name alone: it is thrown away.
    Of lake.duckdb counts which snapshots it names.
    """
    paths = [path for path in sorted(lake.rglob("*")) if not HALF_WRITTEN.search(str(path.parent.relative_to(lake)))]
    ids = sorted({one for path in paths for one in RUN_ID.findall(path.name)})

    def plain(text: str) -> str:
        named = RUN_ID.sub(lambda found: f"<{chr(97 + ids.index(found[0]))}>" if found[0] in ids else "<?>", text)
        return HALF_WRITTEN.sub(".tmp", named)

    def content(path: Path) -> Any:
        if path.is_dir() or HALF_WRITTEN.search(path.name):
            return None
        if path.name == "CURRENT" or path.suffix == ".json":
            return re.sub(r"[\d.:TZ-]+", "", OF_INSTANTS.sub("", plain(path.read_text(encoding="utf-8"))))
        if path.suffix == ".duckdb":
            return tuple(sorted({plain(one) for one in RUN_ID.findall(path.read_bytes().decode("latin-1"))}))
        return path.stat().st_size > 0

    return tuple((plain(str(path.relative_to(lake))), content(path)) for path in paths)


class Steps:
    """Counts the steps of this process under one folder, and strikes at the one that was asked for."""

    def __init__(self, lake: Path, how: str | None, at: str | None, *, looking: bool) -> None:
        self.lake = os.path.realpath(lake)
        self.how, self.at, self.looking = how, at, looking
        self.trace: list[dict[str, str]] = []
        self.is_full = False
        self._seen: Counter[str] = Counter()
        self._ids: dict[str, str] = {}
        self._lock = threading.RLock()
        for path in sorted(lake.rglob("*")):
            for found in RUN_ID.findall(str(path)):
                self._ids.setdefault(found, f"<old{len(self._ids)}>")

    def holds(self, path: str) -> bool:
        return path == self.lake or path.startswith(self.lake + os.sep)

    def step(
        self,
        kind: str,
        path: str,
        do: Callable[[], Any],
        *,
        to: str = "",
        half: Callable[[], Any] | None = None,
        error: Callable[[OSError], Exception] = lambda error: error,
    ) -> Any:
        """Note the step, strike if it is the one, else do it; `half` is what may be seen of it if cut short."""
        with self._lock:  # of threads that write side by side, one step is done before the next begins
            name = f"{kind} {self._named(path)}" + (f" -> {self._named(to)}" if to else "")
            self._seen[name] += 1
            label = f"{name} #{self._seen[name]}"
            self.trace.append({"label": label, "kind": kind, "path": path, "to": to, "looks": self._looks()})
            if self.how == READ_ONLY:
                raise error(OSError(30, "Read-only file system", path))
            if label == self.at:
                if self.how == DIES:
                    if half:
                        half()
                    os.kill(os.getpid(), signal.SIGKILL)
                if self.how == STOPS:
                    do()
                    raise KeyboardInterrupt
                if self.how == FAILS:
                    raise error(OSError(5, "Input/output error", path))
                self.is_full = self.how == FULL
            if self.is_full and kind in NEEDS_ROOM:
                raise error(OSError(28, "No space left on device", path))
            return do()

    def _looks(self) -> str:
        """How the lake looks before the step, if that is wanted: it takes a millisecond."""
        return str(hash(footprint(Path(self.lake)))) if self.looking else ""

    def _named(self, path: str) -> str:
        short = os.path.relpath(path, self.lake).replace(f".{os.getpid()}.", ".<pid>.")
        return RUN_ID.sub(lambda found: self._ids.get(found[0], "<new>"), short)


def _path_of(path: Any, folder: int | None = None) -> str:
    if isinstance(path, int):
        return str(Path(f"/proc/self/fd/{path}").readlink())
    name = os.fsdecode(path)
    if folder is not None:
        return os.path.join(Path(f"/proc/self/fd/{folder}").readlink(), name)  # noqa: PTH118  # as the kernel puts it
    at = Path(name).absolute()
    return str(at.parent.resolve() / at.name)


def intercept(steps: Steps) -> None:
    """Put the steps between this process and its files; for good, the process is a child that ends soon."""
    _intercept_names(steps)
    _intercept_files(steps)
    _intercept_parquet(steps)
    _intercept_duckdb(steps)


def _intercept_names(steps: Steps) -> None:
    def one(function: str, kind: str, *, two_paths: bool = False) -> None:
        real = getattr(os, function)

        def instead(path: Any, *more: Any, **options: Any) -> Any:
            at = _path_of(path, options.get("dir_fd") if not two_paths else options.get("src_dir_fd"))
            to = _path_of(more[0]) if two_paths else ""
            if not steps.holds(to or at):
                return real(path, *more, **options)
            return steps.step(kind, at, lambda: real(path, *more, **options), to=to)

        setattr(os, function, instead)

    for function, kind in (
        ("mkdir", "mkdir"),
        ("unlink", "unlink"),
        ("remove", "unlink"),
        ("rmdir", "rmdir"),
        ("fsync", "fsync"),
        ("fdatasync", "fsync"),
        ("ftruncate", "truncate"),
        ("truncate", "truncate"),
        ("pwrite", "pwrite"),
    ):
        one(function, kind)
    for function, kind in (("rename", "rename"), ("replace", "rename"), ("link", "link"), ("symlink", "link")):
        one(function, kind, two_paths=True)


def _intercept_files(steps: Steps) -> None:
    real_os_open, real_open = os.open, io.open

    def os_open(path: Any, flags: int, *more: Any, **options: Any) -> int:
        at = _path_of(path, options.get("dir_fd"))
        if not steps.holds(at) or not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return real_os_open(path, flags, *more, **options)
        return int(steps.step("create", at, lambda: real_os_open(path, flags, *more, **options)))

    def opened(path: Any, mode: str = "r", *more: Any, **options: Any) -> Any:
        if isinstance(path, int) or not set(mode) & set("wax+") or not steps.holds(at := _path_of(path)):
            return real_open(path, mode, *more, **options)
        file = steps.step("create", at, lambda: real_open(path, mode, *more, **options))
        write = file.write

        def half(text: Any) -> None:
            write(text[: len(text) // 2])
            file.flush()

        file.write = lambda text: steps.step("write", at, lambda: write(text), half=lambda: half(text))
        return file

    os.open, io.open, builtins.open = os_open, opened, opened  # type: ignore[assignment]


def _intercept_parquet(steps: Steps) -> None:
    import pyarrow.parquet as pq

    class Writer(pq.ParquetWriter):  # type: ignore[misc]  # pyarrow has no types
        def __init__(self, where: Any, *more: Any, **options: Any) -> None:
            self.is_open = False
            self.at = _path_of(where)
            steps.step("parquet begin", self.at, lambda: pq_writer.__init__(self, where, *more, **options))

        def write_table(self, *more: Any, **options: Any) -> Any:
            return steps.step("parquet write", self.at, lambda: pq_writer.write_table(self, *more, **options))

        def close(self) -> None:
            if self.is_open:
                steps.step("parquet end", self.at, lambda: pq_writer.close(self))

    pq_writer = pq.ParquetWriter
    pq.ParquetWriter = Writer


class _Building:
    """A DuckDB connection: the statements that build lake.duckdb are steps, since DuckDB writes natively."""

    def __init__(self, real: Any, steps: Steps) -> None:
        self._real, self._steps = real, steps
        self._file = ""

    def execute(self, statement: str, *more: Any) -> Any:
        if found := re.match(r"attach '(?P<path>[^']+)' as building", statement):
            self._file = found["path"]
        if not (self._file and BUILDS.match(statement)):
            return self._real.execute(statement, *more)
        what = " ".join(re.sub(r"'[^']*'|[\s(]+", " ", statement).split()[:5])
        return self._steps.step(
            "duckdb", f"{self._file} {what}", lambda: self._real.execute(statement, *more), error=_as_duckdb
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._real.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def _as_duckdb(error: OSError) -> Exception:
    import duckdb

    return duckdb.IOException(f"IO Error: Could not write file: {error.strerror}")


def _intercept_duckdb(steps: Steps) -> None:
    import duckdb

    from pipeline.query import database

    class Watched:
        def connect(self, *arguments: Any, **options: Any) -> _Building:
            return _Building(duckdb.connect(*arguments, **options), steps)

        def __getattr__(self, name: str) -> Any:
            return getattr(duckdb, name)

    database.duckdb = Watched()  # type: ignore[assignment]


def _make_light() -> None:
    """Leave out what a sync only reads, comments and most of the marts' views: they make it three times as long."""
    import duckdb

    from pipeline.jobs import sync
    from pipeline.query import checks, database, sqlfiles
    from pipeline.query import views as definitions

    connect = duckdb.connect
    duckdb.connect = lambda *path, **options: connect(*path, **{"config": {"threads": 1}} | options)

    read = sqlfiles.read

    def fewer(folder: str, **options: Any) -> Any:
        return tuple(file for file in read(folder, **options) if folder != "marts" or file.name == "model_inventory")

    sqlfiles.read = fewer
    definitions._comments = lambda *_: iter(())
    checks.run_after_writing = lambda *_, **__: ()
    database.connect = lambda *_, **__: contextlib.nullcontext()
    sync.plan = functools.cache(sync.plan)  # asks STS and makes sessions: in the parent, once


def _settings(job: dict[str, Any]) -> Any:
    from pipeline import settings

    return settings.load(lake=job["lake"], environment={}, resume_within=job["resume_within"], **job["aws"])


def _child(job: dict[str, Any]) -> None:
    from pipeline.errors import ReklakeError
    from pipeline.jobs import sync

    if job["seconds"] is not None:
        signal.setitimer(signal.ITIMER_REAL, job["seconds"])  # nobody handles SIGALRM: the kernel ends the process
    steps = Steps(Path(job["lake"]), job["how"], job["at"], looking=job["looking"])
    intercept(steps)
    chosen = _settings(job)
    events: list[str] = []
    told: dict[str, Any] = {"events": events}
    try:
        result = sync.sync(chosen, lambda event: events.append(event.name))
        told |= {"outcome": result.record.outcome, "warning": result.warning, "record": result.record.document}
    except ReklakeError as error:
        told |= {"raised": type(error).__name__, "message": str(error)}
    except BaseException as error:  # noqa: BLE001  # told, whatever it is
        told |= {"raised": type(error).__name__, "message": traceback.format_exc()}
    steps.how = steps.at = None
    steps.is_full = False
    steps.lake = "/nowhere"  # what is written from here on is no step of the sync
    Path(job["told"]).write_text(json.dumps(told | {"trace": steps.trace}, default=str), encoding="utf-8")


def serve() -> None:
    """Answer a job a line with how its child ended."""
    import boto3  # noqa: F401  # for the children
    import pyarrow.dataset  # noqa: F401
    import pytz  # noqa: F401

    import pipeline.jobs.sync
    import pipeline.settings
    from tests.models import read_once

    read_once()
    _make_light()
    pipeline.extract.pacing.FIRST_DELAY = 0.001  # type: ignore[attr-defined]
    pipeline.extract.pacing.FIRST_PAUSE = 0.001  # type: ignore[attr-defined]
    gc.collect()
    gc.freeze()  # children that collect would copy every page
    print("ready", flush=True)  # noqa: T201  # the protocol
    for line in sys.stdin:
        job = json.loads(line)
        pipeline.jobs.sync.plan(_settings(job).aws, pipeline.jobs.sync.Sessions(_settings(job).aws))
        pid = os.fork()
        if pid == 0:
            try:
                _child(job)
            except BaseException:  # noqa: BLE001  # shown by the one who waits
                traceback.print_exc()
                os._exit(70)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)  # noqa: T201  # the protocol


class Workshop:
    """The server, and jobs for it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._told = folder / "told.json"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "REKLAKE_"))}
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from tests.service.killing import serve; serve()"],
            cwd=ROOT,
            env=kept | environment | {"HOME": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == "ready"

    def sync(
        self,
        lake: Path,
        how: str | None = None,
        at: str | None = None,
        *,
        looking: bool = False,
        seconds: float | None = None,
        resume_within: float = 3600,
        **aws: Any,
    ) -> dict[str, Any]:
        """Sync in a process of its own, struck at the step `at`, or killed after so many `seconds`.

        `looking`: of each step is told how the lake looks before it.

        `code` is how that ended (-9: killed), the rest is what it told. One scope is listed after the other
        (eu-west-1 is the first), so that the steps are the same each time.
        """
        self._told.unlink(missing_ok=True)
        chosen = {"regions": ["us-east-1", "eu-west-1"], "rate": 1000, "scopes": 1} | aws
        job = {
            "lake": str(lake),
            "how": how,
            "at": at,
            "looking": looking,
            "seconds": seconds,
            "resume_within": resume_within,
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job | {"told": str(self._told), "aws": chosen}) + "\n")
        self._process.stdin.flush()
        told: dict[str, Any] = {"code": int(self._answer())}
        if self._told.exists():
            told |= json.loads(self._told.read_text(encoding="utf-8"))
        return told

    def close(self) -> None:
        self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextlib.contextmanager
def workshop(folder: Path, environment: dict[str, str]) -> Iterator[Workshop]:
    made = Workshop(folder, environment)
    try:
        yield made
    finally:
        made.close()
