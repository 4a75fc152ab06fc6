from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.lake import LocalLake, open_lake

ROOT = Path(__file__).parents[3]


def test_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    lake = open_lake("~/lake")
    assert isinstance(lake, LocalLake)
    assert lake.root == tmp_path / "lake"
    assert lake.is_local
    with pytest.raises(UsageError, match="in full"):
        open_lake("~nobody-of-this-name/lake")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://bucket//", "s3://bucket"),
        ("s3://bucket/one", "s3://bucket/one"),
        ("s3://bucket//one///two//", "s3://bucket/one/two"),
        ("S3://my.bucket-1/Größe + 100% .x", "s3://my.bucket-1/Größe + 100% .x"),
    ],
)
def test_a_prefix(text: str, name: str):
    lake = open_lake(text)
    assert str(lake) == name
    assert not lake.is_local


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gs://bucket/lake", "a lake is a folder"),
        ("s3a://bucket/lake", "a lake is a folder"),
        ("s3:/bucket/lake", "is written s3://bucket/prefix"),
        ("s3:bucket", "is written s3://bucket/prefix"),
        ("s3://", "'' cannot be"),
        ("s3:///lake", "'' cannot be"),
        ("s3://ab/lake", "'ab' cannot be"),
        ("s3://My_Bucket/lake", "'My_Bucket' cannot be"),
        ("s3://bucket-/lake", "'bucket-' cannot be"),
        ("s3://a..b/lake", "'a..b' cannot be"),
        ("s3://" + "b" * 64, "cannot be"),
        ("s3://arn:aws:s3:us-east-1:123456789012:accesspoint/lake", "alias"),
        ("s3://bucket/../lake", "`..`"),
        ("s3://bucket/./lake", "cannot contain `.`"),
        ("s3://bucket/a\nb", "control"),
        ("s3://bucket/" + "é" * 401, "too long"),
    ],
)
def test_what_is_no_lake(text: str, message: str):
    with pytest.raises(UsageError) as raised:
        open_lake(text)
    assert message in str(raised.value)


def test_boto3_is_imported_for_a_lake_in_s3_only():
    code = """
import sys
from pipeline.errors import UsageError
from pipeline.lake import open_lake
open_lake("lake")
try:
    open_lake("s3://Not/valid")
except UsageError:
    pass
assert "boto3" not in sys.modules and "botocore" not in sys.modules
open_lake("s3://bucket/lake")
assert "boto3" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
