"""Nothing secret is shown."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pipeline.extract.redact import Redactor, without_secrets


def test_what_is_secret_is_hidden_and_what_looks_like_it():
    redactor = Redactor("planted-external-id", None, "short")
    frozen = SimpleNamespace(access_key="planted-key", secret_key="planted-key-and-secret", token=None)  # noqa: S106
    redactor.add_credentials(frozen)
    shown = redactor.redact(
        "planted-external-id planted-key planted-key-and-secret\nAKIAIOSFODNN7EXAMPLE ASIAIOSFODNN7EXAMPLE "
        "X-Amz-Security-Token:FwoGZXIvYXdzE//// http://me:word@proxy:1 short"
    )
    assert shown == "*** *** *** *** *** X-Amz-Security-Token:*** http://***@proxy:1 short"
    assert len(redactor.redact("x" * 9999)) < 600


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
