"""Commands in processes of their own that need not import anything: a server has, and forks one for each command.

Most of a command's time are its imports. A forked process has all else that one has which a shell starts: its
arguments, environment and folder, files for its three streams, an exit code, and an end of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from typing import Any, Self

STREAMS = ("stdin", "stdout", "stderr")


class Server:
    """The server, as whoever wants a command run sees it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="reklake-processes-")
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from tests.cli.processes import serve; serve()"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, arguments: list[str], folder: Path, environment: dict[str, str], given: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run `reklake` with these arguments, and wait until it has ended."""
        files = {name: Path(self._folder.name) / name for name in STREAMS}
        files["stdin"].write_text(given, encoding="utf-8")
        job = {
            "arguments": arguments,
            "folder": str(folder),
            "environment": environment,
            "files": [str(files[name]) for name in STREAMS],
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        said, complained = (files[name].read_text(encoding="utf-8") for name in STREAMS[1:])
        return subprocess.CompletedProcess(arguments, code, said, complained)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.communicate()
        self._folder.cleanup()


def serve() -> None:
    """Answer a job a line with its process's exit code, as subprocess gives it."""
    import boto3  # noqa: F401  # for the children
    import moto.server  # noqa: F401
    import pyarrow.dataset  # noqa: F401
    import pytz  # noqa: F401

    import pipeline
    from pipeline.cli.app import app
    from tests.models import read_once

    read_once()
    for module in pkgutil.walk_packages(pipeline.__path__, "pipeline."):
        importlib.import_module(module.name)
    with contextlib.redirect_stdout(io.StringIO()):  # the libraries of the command line import as they go
        app(["sql", "--help"], standalone_mode=False)
        app(["tables"], standalone_mode=False)
    gc.collect()
    gc.freeze()  # children that collect would copy every page
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _be(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)  # noqa: T201  # the protocol


def _be(job: dict[str, Any]) -> None:
    """Be the process that was asked for, to its end."""
    from pipeline.cli import main

    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    for number, path in enumerate(job["files"]):
        file = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, number)
        os.close(file)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # the server had read on in its own
    sys.argv = ["reklake", *job["arguments"]]
    code: Any = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:  # noqa: BLE001  # as the interpreter would
        traceback.print_exc()
        code = 1
    # what the interpreter does at its end, but for taking every library to pieces: a quarter of a second
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code))
