"""reklake.example.toml has every key, with its default."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

import pytest

from pipeline import settings
from pipeline.extract.pacing import BURST_SECONDS
from pipeline.model.operations import DEFAULT_DETAILS
from pipeline.settings.keys import KEYS

EXAMPLE = Path(__file__).parents[2] / "reklake.example.toml"
TEXT = EXAMPLE.read_text(encoding="utf-8")
COMMENTED = re.compile(r"^#(?=(\w+) = )", re.MULTILINE)
DEFAULTS = settings.load(environment={}, config=EXAMPLE)
NO_DEFAULT = {"role", "external_id", "profile"}


def keys_in(text: str) -> list[tuple[str, str]]:
    found, section = [], ""
    for line in text.splitlines():
        if header := re.fullmatch(r"\[(\w+)\]", line):
            section = header[1]
        elif key := re.match(r"#(\w+) = ", line):
            found.append((section, key[1]))
    return found


def test_it_has_every_key_once():
    assert sorted(keys_in(TEXT)) == sorted((key.section, key.name) for key in KEYS)


def test_unchanged_it_sets_nothing():
    assert settings.Settings(lake=settings.DEFAULT_LAKE) == DEFAULTS


@pytest.mark.parametrize("at", range(len(KEYS)), ids=[".".join(key) for key in keys_in(TEXT)])
def test_each_key_can_be_set_and_has_the_default(at: int, tmp_path: Path):
    section, name = keys_in(TEXT)[at]
    start = list(COMMENTED.finditer(TEXT))[at].start()
    path = tmp_path / "reklake.toml"
    path.write_text(TEXT[:start] + TEXT[start + 1 :], encoding="utf-8")
    chosen = settings.load(environment={}, config=path)
    if name == "with":
        assert chosen.aws.details == DEFAULT_DETAILS
    elif name == "burst":
        assert chosen.aws.burst == BURST_SECONDS * settings.QUOTA
    elif name in NO_DEFAULT:
        assert asdict(chosen.aws) != asdict(DEFAULTS.aws)
    else:
        assert chosen == DEFAULTS
    if section == "aws":
        assert chosen.aws.set_by.keys() - DEFAULTS.aws.set_by.keys()


def test_all_keys_but_profile_can_be_set_together(tmp_path: Path):
    path = tmp_path / "reklake.toml"
    path.write_text(COMMENTED.sub("", TEXT).replace('profile = "default"\n', ""), encoding="utf-8")
    assert settings.load(environment={}, config=path).aws.role == "ReadModels"
