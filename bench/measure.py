"""Runs commands in processes of their own and tells what each took: seconds, CPU, peak memory.

The kernel hands a process's peak on to what it starts, so each command is started by a process that is small itself:
this file, run as a script, with nothing imported that is not needed.
"""

import json
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Taken = dict[str, float]
"""What one run took: `seconds` (start-up included), `cpu` of it and of what it started, `peak_mb` of its largest."""


def measure(command: "Sequence[str | os.PathLike[str]]", environment: "Mapping[str, str] | None" = None) -> Taken:
    """Run a command once; what it prints is lost. Raises RuntimeError with the end of it if it fails."""
    return watched(command, environment)[0]


def watched(
    command: "Sequence[str | os.PathLike[str]]", environment: "Mapping[str, str] | None" = None
) -> tuple[Taken, str]:
    """Run a command once; return what it took and what it printed."""
    import subprocess

    told, tell = os.pipe()
    words = [sys.executable, "-S", "-E", __file__, str(tell), *map(str, command)]
    with os.fdopen(told) as answers:
        done = subprocess.run(
            words,
            env=None if environment is None else {**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=[tell],
            check=False,
        )
        os.close(tell)
        took = json.loads(answers.read() or '{"status": -1}')
    if took.pop("status") != 0:
        raise RuntimeError(f"{' '.join(words[5:])}: {done.stdout[-3000:]}")
    return took, done.stdout


def alternating(commands: "Mapping[str, tuple[Sequence[str], Mapping[str, str]]]", runs: int) -> dict[str, list[Taken]]:
    """Run each command so many times, in turns: what slows the machine down for a while slows all of them."""
    taken: dict[str, list[Taken]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, (command, environment) in commands.items():
            taken[name].append(measure(command, environment))
    return taken


def _run(tell: int, command: list[str]) -> None:
    started = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, used = os.wait4(child, 0)
    took = {
        "seconds": time.perf_counter() - started,
        "cpu": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
        "status": os.waitstatus_to_exitcode(status),
    }
    os.write(tell, json.dumps(took).encode())


if __name__ == "__main__":
    _run(int(sys.argv[1]), sys.argv[2:])
