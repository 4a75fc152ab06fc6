"""The peers' own environments, made from their locks under bench/.envs when they are first wanted."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE.parent / ".envs"
NAMES = ("plain", "dlt")


def python(name: str) -> Path:
    """Return the interpreter of a peer's environment, which is made anew if its lock is another one."""
    lock, folder = HERE / f"{name}.lock", FOLDER / name
    made_from = folder / "made-from.lock"
    if not made_from.exists() or made_from.read_bytes() != lock.read_bytes():
        print(f"setting up {folder.relative_to(HERE.parent.parent)} from {lock.name}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        installing = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", lock]
        subprocess.run([folder / "bin" / "python", *installing], check=True)
        shutil.copyfile(lock, made_from)
    return folder / "bin" / "python"
