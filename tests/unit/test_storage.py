from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import storage


def test_a_file_appears_when_it_is_whole(tmp_path: Path):
    path = tmp_path / "new" / "file"
    with storage.whole_file(path) as beside:
        beside.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_nothing_beside(tmp_path: Path):
    path = tmp_path / "file"
    storage.write_text(path, "old")
    with pytest.raises(IsADirectoryError), storage.whole_file(path) as beside:
        beside.write_text("new")
        tmp_path.read_text()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_appears_when_it_is_whole(tmp_path: Path):
    path = tmp_path / "folder"
    with storage.whole_folder(path) as new:
        (new.path / "a").write_text("1")
        assert not path.exists()
    assert (path / "a").read_text() == "1"
    with storage.whole_folder(tmp_path / "unwanted") as new:
        new.is_wanted = False
    with pytest.raises(IsADirectoryError), storage.whole_folder(tmp_path / "other") as new:
        (new.path / "a").write_text("1")
        tmp_path.read_text()
    assert list(tmp_path.iterdir()) == [path]


def test_sha256(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"abc")
    assert storage.sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
