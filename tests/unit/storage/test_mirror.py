from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pipeline.errors import LakeError, UsageError
from pipeline.lake.mirror import TEMPORARY, Mirror


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REKLAKE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))


def mirror(label: str = "bucket/lake", endpoint: str = "") -> Mirror:
    return Mirror(label, lambda: f"{endpoint} s3://{label}")


def age(path: Path, days: float) -> None:
    then = path.stat().st_mtime - days * 24 * 60 * 60
    os.utime(path, (then, then))


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    name = mirror().root.name
    assert name.startswith("bucket_lake-")
    assert mirror().root == tmp_path / "home" / ".cache" / "reklake" / name
    assert stat.S_IMODE(mirror().root.stat().st_mode) == 0o700
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/to/what")
    assert mirror().root == tmp_path / "home" / ".cache" / "reklake" / name
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert mirror().root == tmp_path / "xdg" / "reklake" / name
    monkeypatch.setenv("REKLAKE_CACHE", str(tmp_path / "chosen"))
    assert mirror().root == tmp_path / "chosen" / name


def test_each_lake_has_its_own():
    lakes = [mirror("b/a/b"), mirror("b/a_b"), mirror("b"), mirror("b", "http://one"), mirror("b", "http://two")]
    assert len({lake.root for lake in lakes}) == len(lakes)


def test_a_home_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "home").write_text("a file")
    root = mirror().root
    assert root.parent == tmp_path / "tmp" / f"reklake-{os.getuid()}"
    assert stat.S_IMODE(root.parent.stat().st_mode) == 0o700
    root.parent.chmod(0o777)  # a folder in which others could put files under our names
    with pytest.raises(LakeError, match=r"bucket/lake: no place .* is open to other users.* Set REKLAKE_CACHE"):
        mirror().root  # noqa: B018
    monkeypatch.setenv("REKLAKE_CACHE", str(tmp_path / "home" / "in a file"))
    with pytest.raises(UsageError, match=r"REKLAKE_CACHE=.* cannot be written"):
        mirror().root  # noqa: B018


@pytest.mark.parametrize("name", ["", "/etc/passwd", "a//b", "../a", "a/..", "a/./b", "a\0"])
def test_names_that_lead_elsewhere(name: str):
    with pytest.raises(LakeError, match="cannot be the name"):
        mirror().path(name)


def test_a_folder_takes_the_place_of_a_partial_one():
    cache = mirror()
    cache.path("snapshots/one").mkdir(parents=True)
    (cache.path("snapshots/one") / "old").write_text("1")
    new = cache.temporary()
    new.mkdir()
    (new / "new").write_text("22")
    cache.add(new, "snapshots/one")
    assert cache.sizes("snapshots/one") == {"new": 2}
    assert cache.sizes("") == cache.sizes("nothing") == {}
    assert [*(cache.root / TEMPORARY).iterdir()] == []


def test_eviction_keeps_the_current_snapshot_and_what_was_asked_for():
    cache = mirror()
    for name in ("snapshots/current", "snapshots/asked", "snapshots/old", "raw/asked", "raw/old", "runs/old"):
        cache.path(name).mkdir(parents=True)
        (cache.path(name) / "file").write_text("1")
        age(cache.path(name), 2)
    cache.touch("snapshots/asked/history/table.parquet")
    cache.touch("raw/asked")
    cache.touch("snapshots/gone/table.parquet")
    cache.evict("current")
    left = sorted(str(path.relative_to(cache.root)) for path in cache.root.glob("[!.]*/*"))
    assert left == ["raw/asked", "runs/old", "snapshots/asked", "snapshots/current"]
    cache.evict(None)
    assert not cache.path("snapshots/current").exists()


def test_what_processes_that_are_gone_were_writing():
    cache = mirror()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    ours = cache.temporary()
    machine = ours.name.split("-")[0]
    folder = ours.parent
    left = [folder / f"{machine}-{gone.pid}-00", folder / "elsewhere-1-00"]
    kept = [ours, folder / f"{machine}-1-00", folder / "elsewhere-1-01"]  # process 1 runs, and is not ours
    for path in left + kept:
        path.mkdir()
    age(left[1], 2)
    assert cache.leftovers() == sorted(left)
