"""Imports go one way, and the outside world is met in one place each."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "pipeline"
LAYERS = {
    "cli": {
        "run",
        "events",
        "metrics",
        "rollback",
        "pull",
        "retention",
        "doctor",
        "findings",
        "verify",
        "forecast",
        "installed",
        "policy",
        "settings",
        "record",
        "load",
        "storage",
        "model",
        "emulator",
        "errors",
    },
    "run": {
        "arrivals",
        "events",
        "extract",
        "landing",
        "memory",
        "scope",
        "tidy",
        "unchanged",
        "writing",
        "load",
        "record",
        "settings",
        "storage",
        "model",
        "errors",
    },
    "arrivals": {"events", "extract", "feed", "landing", "record", "storage", "unchanged", "model", "errors"},
    "feed": {"model"},
    "unchanged": {"flatten", "installed", "landing", "load", "record", "storage", "model", "errors"},
    "events": {"extract", "model"},
    "rollback": {"writing", "load", "record", "settings", "storage", "errors"},
    "pull": {"landing", "load", "record", "settings", "storage", "errors"},
    "retention": {"landing", "tidy", "load", "record", "settings", "storage", "errors"},
    "doctor": {
        "extract",
        "findings",
        "landing",
        "retention",
        "software",
        "tidy",
        "load",
        "record",
        "settings",
        "storage",
        "errors",
    },
    "software": {"extract", "findings", "installed"},
    "metrics": {"installed", "writing", "load", "record", "storage", "model", "errors"},
    "writing": {"load", "record", "settings", "storage", "errors"},
    "tidy": {"landing", "load", "record", "storage", "model", "errors"},
    "scope": {
        "arrivals",
        "feed",
        "flatten",
        "landed",
        "landing",
        "memory",
        "pieces",
        "revision",
        "unchanged",
        "load",
        "record",
        "model",
        "errors",
    },
    "revision": {"feed", "flatten", "landing", "pieces", "unchanged", "model"},
    "pieces": {"feed", "flatten", "parallel", "model"},
    "landed": {"feed", "flatten", "landing", "unchanged", "model"},
    "verify": {"landing", "flatten", "load", "rebuild", "storage", "model", "errors"},
    "forecast": {"extract", "record", "settings", "storage", "model"},
    "extract": {"findings", "installed", "settings", "model", "errors"},
    "landing": {"storage", "model", "errors"},
    "flatten": {"model", "errors"},
    "load": {"parallel", "storage", "settings", "model", "errors"},
    "record": {"installed", "storage", "model", "errors"},
    "rebuild": {"model"},
    "settings": {"model", "errors"},
    "storage": {"errors"},
    "policy": {"model", "errors"},
    "findings": set(),
    "memory": set(),
    "installed": set(),
    "parallel": set(),
    "model": set(),
    "errors": set(),
    "emulator": set(),
}
ONLY_IN = {
    "boto3": {"storage"},
    "botocore": {"extract", "storage", "emulator"},
    "duckdb": {"load"},
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
    if own == "__init__":
        assert imports(path) == set()
        return
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("pipeline.")}
    assert ours - {own} <= LAYERS[own]


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
