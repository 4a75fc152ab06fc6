from __future__ import annotations

import pytest

from pipeline.extract.response import examine
from pipeline.model.operations import DESCRIBE_PROJECT_VERSIONS, OPERATIONS

VERSIONS = OPERATIONS[DESCRIBE_PROJECT_VERSIONS]


@pytest.mark.parametrize(
    ("body", "token"),
    [
        (b'{"ProjectVersionDescriptions":[]}', ""),
        (b'{"ProjectVersionDescriptions":[],"NextToken":null}', ""),
        (b'{"ProjectVersionDescriptions":[],"NextToken":""}', ""),
        (b'{"NextToken":"a\\u00e9","ProjectVersionDescriptions":[{"x":1}],"Novelty":{}}', "aé"),
        (b'{"ProjectVersionDescriptions":[{"x":"half a pair \\ud83d"}],"NextToken":"t"}', "t"),
        (b' \n{"ProjectVersionDescriptions" : [ ] , "NextToken" : "t"}\n', "t"),
    ],
)
def test_a_page_gives_its_token(body: bytes, token: str):
    assert examine(body, VERSIONS)[:2] == (token, "")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"ProjectVersionDescriptions":[',
        b'{"ProjectVersionDescriptions":[]}x',
        b'{"ProjectVersionDescriptions":[{"a":NaN}]}',
        b'{"ProjectVersionDescriptions":[{"a":"\xff"}]}',
        b'{"ProjectVersionDescriptions":[],"NextToken":7}',
        b'{"message":"upstream"}',
        b'{"ProjectDescriptions":[]}',
        b'{"ProjectVersionDescriptions":null}',
        b'{"ProjectVersionDescriptions":{}}',
        b'{"ProjectVersionDescriptions":[{"x":"\\ud83d"}],"NextToken":7}',
        b'{"ProjectVersionDescriptions":[{"x":"\\ud83d","y":NaN}]}',
        b'{"ProjectVersionDescriptions":' + b"[" * 5000,
    ],
)
def test_what_is_no_page_is_not_believed(body: bytes):
    token, flaw, *_ = examine(body, VERSIONS)
    assert token == ""
    assert "no DescribeProjectVersions page" in flaw
    assert f"{len(body)} bytes" in flaw
    assert len(flaw) < 400
