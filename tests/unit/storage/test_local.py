from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import BusyError
from pipeline.lake import Facts, LocalLake, Pointer, sha256

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
ROOT = Path(__file__).parents[3]
HOLD_AND_WRITE = """
import sys, time
from pathlib import Path
from pipeline.lake import LocalLake
lake = LocalLake(Path(sys.argv[1]))
with lake.locked("20260101-first"), lake.new_folder("snapshots/one") as new, lake.new_file("runs/one.json") as path:
    (new.path / "table.parquet").write_text("half")
    path.write_text("half")
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def lake(tmp_path: Path) -> LocalLake:
    return LocalLake(tmp_path / "lake")


@pytest.fixture
def other(lake: LocalLake):
    """Another process that holds the lake and is in the middle of writing to it."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD_AND_WRITE, str(lake.root)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def names(lake: LocalLake) -> list[str]:
    """Everything in the lake, hidden or not."""
    return sorted(str(path.relative_to(lake.root)) for path in lake.root.rglob("*"))


def test_a_lake_that_is_not_there_is_empty(lake: LocalLake):
    assert not lake.exists()
    assert lake.entries() == []
    assert lake.entries("snapshots") == []
    assert lake.pointer() is None
    assert lake.holder() is None
    assert lake.leftovers() == lake.sweep() == []
    lake.remove("runs/one.json")
    for ask in (lake.fetch, lake.facts, lake.read):
        with pytest.raises(FileNotFoundError):
            ask("runs/one.json")
    assert not lake.exists()


def test_a_file_appears_when_it_is_whole(lake: LocalLake):
    with lake.new_file("runs/one.json") as path:
        path.write_text("half")
        assert not (lake.root / "runs" / "one.json").exists()
        assert lake.entries("runs") == []
    assert lake.read("runs/one.json") == b"half"
    assert names(lake) == ["runs", "runs/one.json"]


def test_an_error_leaves_the_old_file_and_nothing_beside(lake: LocalLake):
    lake.write_text("file", "old")
    with pytest.raises(IsADirectoryError), lake.new_file("file") as path:
        path.write_text("new")
        lake.root.read_text()
    assert lake.read("file") == b"old"
    assert names(lake) == ["file"]


def test_a_folder_appears_when_it_is_whole(lake: LocalLake):
    with lake.new_folder("snapshots/one") as new:
        (new.path / "history").mkdir()
        (new.path / "history" / "a").write_text("1")
        assert lake.entries("snapshots") == []
    assert lake.read("snapshots/one/history/a") == b"1"
    with lake.new_folder("snapshots/unwanted") as new:
        new.is_wanted = False
    with pytest.raises(IsADirectoryError), lake.new_folder("snapshots/other") as new:
        (new.path / "a").write_text("1")
        lake.root.read_text()
    assert names(lake) == ["snapshots", "snapshots/one", "snapshots/one/history", "snapshots/one/history/a"]


@pytest.fixture(params=["hard links", "no links"])
def has_links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """A file system with hard links, and one without."""
    if request.param == "no links":
        monkeypatch.setattr(Path, "hardlink_to", lambda *_: (_ for _ in ()).throw(PermissionError("no links here")))
    return request.param == "hard links"


def test_a_link_stays_when_the_first_is_removed(lake: LocalLake, has_links: bool):
    lake.write_text("raw/one/a", "1")
    for _ in range(2):  # a link that is there already is no error
        lake.link("raw/one/a", "raw/two/b")
    assert lake.fetch("raw/one/a").samefile(lake.fetch("raw/two/b")) == has_links
    lake.remove("raw/one")
    assert lake.read("raw/two/b") == b"1"
    with pytest.raises(FileNotFoundError):
        lake.link("raw/one/a", "raw/two/c")
    assert names(lake) == ["raw", "raw/two", "raw/two/b"]


def test_files_are_linked_into_a_folder(lake: LocalLake, has_links: bool):
    lake.write_text("snapshots/one/history/a", "1")
    with lake.new_folder("snapshots/two") as new:
        new.link("snapshots/one/history/a", "history/b")
    assert lake.fetch("snapshots/one/history/a").samefile(lake.fetch("snapshots/two/history/b")) == has_links
    lake.remove("snapshots/one")
    assert lake.read("snapshots/two/history/b") == b"1"
    with pytest.raises(FileNotFoundError), lake.new_folder("snapshots/three") as new:
        new.link("snapshots/one/history/a", "b")
    with lake.new_folder("snapshots/unwanted") as new:
        new.link("snapshots/two/history/b", "b")
        new.is_wanted = False
    assert lake.entries("snapshots") == ["two"]


def test_sizes_are_of_files_and_of_all_in_a_folder(lake: LocalLake):
    for name, text in (("raw/one/a", "1"), ("raw/one/deep/b", "22"), ("raw/two/a", "333")):
        lake.write_text(name, text)
    assert [lake.size(name) for name in ("raw/one", "raw/two/a", "raw", "none")] == [3, 3, 6, 0]


def test_files_and_folders_are_removed(lake: LocalLake):
    for name in ("raw/one/a", "raw/one/deep/b", "raw/two/a"):
        lake.write_text(name, "1")
    lake.remove("raw/one")
    lake.remove("raw/two/a")
    assert names(lake) == ["raw", "raw/two"]


def test_a_symbolic_link_is_removed_and_not_what_it_leads_to(lake: LocalLake, tmp_path: Path):
    (tmp_path / "kept").mkdir()
    lake.write_text("raw/one/a", "1")
    (lake.root / "raw" / "two").symlink_to(tmp_path / "kept")
    lake.remove("raw/two")
    assert (tmp_path / "kept").is_dir()
    assert lake.entries("raw") == ["one"]


def test_entries_are_sorted_and_not_hidden(lake: LocalLake):
    for name in ("b", "a/x", ".lock", "C"):
        lake.write_text(name, "1")
    assert lake.entries() == ["C", "a", "b"]
    assert lake.fetch_folder("a") == lake.root / "a"


def test_facts_are_of_the_bytes(lake: LocalLake):
    lake.write_text("a", "abc")
    assert lake.facts("a") == Facts(3, ABC)
    assert sha256(lake.fetch("a")) == ABC


def test_the_pointer_moves_if_it_was_seen_as_it_is(lake: LocalLake):
    lake.point("one", None)
    first = lake.pointer()
    assert first == Pointer("one", "one")
    lake.point("two", first)
    for seen in (None, first):
        with pytest.raises(BusyError, match="moved CURRENT"):
            lake.point("three", seen)
    assert lake.read("CURRENT") == b"two\n"
    assert names(lake) == ["CURRENT"]


def test_one_writer_at_a_time(lake: LocalLake, other: subprocess.Popen[str]):
    holder = rf"run 20260101-first on .*, process {other.pid}, since \d{{4}}-.*Z"
    with pytest.raises(BusyError, match=rf"is in use: {holder}\. Run again"), lake.locked("second"):
        pass
    assert lake.holder()
    assert lake.pointer() is None  # readers are not kept out
    other.terminate()
    other.wait()
    with lake.locked("second"):
        assert "run second" in str(lake.holder())
    assert lake.holder() is None


def test_looking_at_the_holder_locks_nobody_out(lake: LocalLake):
    with lake.locked("first"):
        pass
    for _ in range(2):
        assert lake.holder() is None
    with lake.locked("second"):
        pass


def test_a_lock_file_that_says_nothing(lake: LocalLake):
    with lake.locked("first"):
        (lake.root / ".lock").write_text("{")
        assert lake.holder() == "a process that has just started"


def test_the_lock_of_a_killed_process_is_no_obstacle(lake: LocalLake, other: subprocess.Popen[str]):
    lake.write_text("runs/kept.json", "{}")
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert lake.holder() is None
    with lake.locked("second"):
        left = [f"runs/.one.json.{other.pid}.tmp", f"snapshots/.one.{other.pid}.tmp"]
        assert lake.leftovers() == left
        assert lake.sweep() == left
        assert lake.leftovers() == []
    assert names(lake) == [".lock", "runs", "runs/kept.json", "snapshots"]
