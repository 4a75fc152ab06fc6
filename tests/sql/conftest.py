"""A place for lakes that are made one after the other."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def always_there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("place")


@pytest.fixture
def place(always_there: Path) -> Path:
    """An empty folder, the same for every test, so that views over one's lake are those over the next one's."""
    for path in always_there.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return always_there
