"""Runs commands in processes of their own and tells what each took.

The kernel hands a process's peak memory on to what it starts, so each command is started by a process that is small
itself: this file, run as a script, with nothing imported that is not needed.
"""

import json
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Taken = dict[str, float]
"""What one run took: `seconds` from start to end, `cpu_seconds` and `peak_mb` of memory."""


def measure(command: "list[str | Path]", environment: "Mapping[str, str] | None" = None) -> Taken:
    """Run a command once. If its last line is a JSON object, its numbers take the place of those measured.

    RuntimeError, with the end of what it printed, if it fails.
    """
    import subprocess

    read_end, write_end = os.pipe()
    words = [sys.executable, "-S", "-E", __file__, str(write_end), *map(str, command)]
    with os.fdopen(read_end) as results:
        done = subprocess.run(
            words,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=[write_end],
            check=False,
        )
        os.close(write_end)
        taken = json.loads(results.read() or '{"status": -1}')
    if taken.pop("status") != 0:
        raise RuntimeError(f"{' '.join(words[5:])}: {done.stdout[-3000:]}")
    last = done.stdout.splitlines()[-1:] or [""]
    return taken | json.loads(last[0]) if last[0].startswith("{") else taken


def _run(write_end: int, command: list[str]) -> None:
    started = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, used = os.wait4(child, 0)
    taken = {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
        "status": os.waitstatus_to_exitcode(status),
    }
    os.write(write_end, json.dumps(taken).encode())


if __name__ == "__main__":
    _run(int(sys.argv[1]), sys.argv[2:])
