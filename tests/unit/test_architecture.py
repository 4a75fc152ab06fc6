"""Imports go one way, and the outside world is met in one place each."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "pipeline"
FLOOR = {
    "cli": 6,
    "jobs": 5,
    "extract": 3,
    "landing": 3,
    "flatten": 3,
    "load": 3,
    "query": 3,
    "lake": 2,
    "settings": 2,
    "emulator": 2,
    "model": 1,
    "errors": 0,
}
"""The rooms, and the floor that each stands on: a room imports from floors below its own, never sideways."""
ONLY_IN = {
    "boto3": {"lake"},
    "botocore": {"extract", "lake", "emulator"},
    "duckdb": {"query"},
    "typer": {"cli"},
    "rich": {"cli"},
    "moto": {"emulator"},
}
MODULES = sorted(ROOT.rglob("*.py"))


def room(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Every module imported, also inside functions, but for annotations only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= (
                {f"{node.module}.{alias.name}" for alias in node.names} if node.module == "pipeline" else {node.module}
            )
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path):
    own = room(path)
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("pipeline.")} - {own}
    assert own != "__init__" or not ours
    for name in ours:
        assert FLOOR[name] < FLOOR[own], f"{own} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_library_has_its_room(path: Path):
    for name in imports(path):
        library = name.split(".")[0]
        assert room(path) in ONLY_IN.get(library, {room(path)}), f"{library} belongs in {ONLY_IN[library]}"


def test_flatten_and_the_model_touch_neither_disk_nor_network_nor_clock():
    outside = {
        "os",
        "pathlib",
        "time",
        "socket",
        "urllib",
        "http",
        "requests",
        "shutil",
        "tempfile",
        "threading",
    }
    for path in MODULES:
        if room(path) in {"flatten", "model"}:
            assert not {name.split(".")[0] for name in imports(path)} & outside, path


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_for_and_stays_readable(path: Path):
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= 350
