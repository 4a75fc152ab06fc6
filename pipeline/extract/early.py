"""Does this botocore give a body away before it parses it? Tried on an answer that comes from nowhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config

_NOWHERE = "http://127.0.0.1:9"
_BODY = b'{"ProjectDescriptions": []}'


class _Raw:
    """What botocore reads a response's body from."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield _BODY


def gives_bodies_early() -> bool:
    """Whether botocore emits before-parse, which `tap` takes bodies by; without it a sync is slower."""
    # of its own: neither the profile nor a mistake in the AWS config file plays a part
    nothing = dict.fromkeys(("profile",), (None, None, None, None))
    nowhere = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    client: Any = botocore.session.Session(session_vars=nothing | nowhere).create_client(
        "rekognition",
        region_name="us-east-1",
        endpoint_url=_NOWHERE,
        aws_access_key_id="nobody",
        aws_secret_access_key="nobody",  # noqa: S106  # nothing leaves this machine
        config=Config(retries={"total_max_attempts": 1}),
    )
    seen: list[bool] = []
    client.meta.events.register(
        "before-send.rekognition",
        lambda **_: AWSResponse(_NOWHERE, 200, HTTPHeaders(), _Raw()),
    )
    client.meta.events.register("before-parse.rekognition", lambda **_: seen.append(True))
    client.describe_projects()
    return bool(seen)
