"""Versions against the ranges that the package declares."""

from __future__ import annotations

import pytest

from pipeline.jobs import software
from pipeline.model.finding import Level


@pytest.mark.parametrize(
    ("version", "bounds", "is_within"),
    [
        ("1.36.0", ">=1.36", True),
        ("1.36", ">=1.36.0", True),
        ("1.35.99", ">=1.36", False),
        ("1.100.1", ">=1.36", True),
        ("2.0.0", "<2.1,>=1.5.5", True),
        ("2.1.0", "<2.1,>=1.5.5", False),
        ("2.1.dev3", "<2.1", False),
        ("1.5.4", ">=1.5.5, <2.1", False),
        ("3.11.7", ">=3.11", True),
        ("1.0", "==1.0.0", True),
        ("1.0", "!=1.0", False),
        ("1.0", "<=0.9", False),
        ("1.0", ">1.0", False),
        ("1.0", "~=9.9", True),
        ("1.0", "", True),
    ],
)
def test_a_version_is_within_its_bounds_or_not(version: str, bounds: str, is_within: bool):
    assert software.is_within(version, bounds) is is_within


def test_the_package_declares_what_it_needs_without_its_extras():
    found = software.declared()
    assert found.keys() >= {"python", "boto3", "botocore", "duckdb", "pyarrow", "msgspec"}
    assert "moto" not in found
    assert ">=" in found["boto3"]


def test_what_is_too_old_is_named_with_the_version_to_install():
    found = list(software.judged({"python": "3.10.1", "duckdb": "1.4"}, {"python": ">=3.11", "duckdb": "<2.1,>=1.5.5"}))
    assert [(one.level, one.message, one.remedy) for one in found] == [
        (Level.OK, "python 3.10.1, duckdb 1.4", ""),
        (Level.WARN, "python 3.10.1 is not >=3.11, which reklake is made for", "use Python >=3.11"),
        (Level.WARN, "duckdb 1.4 is not <2.1,>=1.5.5, which reklake is made for", 'pip install "duckdb<2.1,>=1.5.5"'),
    ]


def test_the_installed_software_is_well():
    assert {one.level for one in software.examine()} == {Level.OK}
