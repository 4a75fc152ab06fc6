from __future__ import annotations

import pytest
from botocore.parsers import ResponseParserError

from pipeline.extract.failures import told, without_secrets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at http://me:word@proxy:1/x", "at http://***@proxy:1/x"),
        ("at http://me:w@rd@proxy:1/x", "at http://***@proxy:1/x"),
        ("at https://host/a@b", "at https://host/a@b"),
        ("POST\nx-amz-security-token:FwoGZXIv////\nhost:x", "POST\nx-amz-security-token:***\nhost:x"),
        (
            "Authorization: AWS4-HMAC-SHA256 Credential=AKIA/2026/x, SignedHeaders=host;x-amz-date, Signature=0af3",
            "Authorization: AWS4-HMAC-SHA256 *** SignedHeaders=host;x-amz-date, Signature=***",
        ),
        ("Action=AssumeRole&ExternalId=e-1&Version=2", "Action=AssumeRole&ExternalId=***&Version=2"),
        ("Authorization header requires 'Signature' parameter", "Authorization header requires 'Signature' parameter"),
    ],
)
def test_what_is_secret_is_hidden_and_the_rest_stays(text: str, expected: str):
    assert without_secrets(text) == expected


def test_of_an_answer_that_cannot_be_parsed_only_the_reason_is_told():
    error = ResponseParserError("Unable to parse response (line 1).\n<SecretAccessKey>x</SecretAccessKey>")
    assert told(error) == "Unable to parse response (line 1)."
