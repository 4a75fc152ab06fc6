"""What travels: the wheel works without the checkout, and the locks name no address."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (made,) = folder.glob("reklake-*.whl")
    return made


def test_the_wheel_carries_code_sql_and_samples(wheel: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, pattern, inside in (
        ("pipeline", "**/*.py", "pipeline"),
        ("sql", "**/*.sql", "pipeline/sql"),
        ("data/sample", "**/*.json", "pipeline/emulator/sample"),
    ):
        expected = {f"{inside}/{path.relative_to(ROOT / folder)}" for path in (ROOT / folder).glob(pattern)}
        assert expected
        assert expected <= names
    assert not any(name.startswith(("tests", "bench")) for name in names)


def test_the_wheel_works_away_from_the_checkout(wheel: Path, tmp_path: Path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    # -I, and a path of its own: the checkout cannot be seen
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); from pipeline.cli import main; main()"
    ran = subprocess.run(
        [sys.executable, "-I", "-c", code, "demo", "--lake", "lake"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "my-project" in ran.stdout


@pytest.mark.parametrize("path", sorted(ROOT.glob("requirements*.lock")), ids=lambda path: path.name)
def test_locks_have_hashes_and_no_addresses(path: Path):
    text = path.read_text()
    assert not re.search(r"https?://|file:|--index|--extra|--find-links", text)
    for requirement in re.findall(r"^[a-z0-9][^\n]*", text, re.MULTILINE):
        assert requirement.endswith("\\"), f"{requirement}: no hash follows"
