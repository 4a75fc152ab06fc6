"""The boto3 client for S3: whose credentials it uses, how long it waits, and which S3 it asks."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.exceptions as aws
import botocore.session
from botocore.config import Config

from pipeline.errors import UsageError
from pipeline.lake.s3_failures import NO_CREDENTIALS

ATTEMPTS = 5
"""Of one call by botocore, the first included."""
CONNECT_TIMEOUT, READ_TIMEOUT = 10, 60
THREADS = 16
"""Files that are fetched, or sent, at the same time."""
_CREATING = threading.Lock()
"""Making a client is not safe in several threads at once (boto3 guide, Session)."""


def make_client(where: str, profile: str | None) -> Any:
    """Return a client with the profile's credentials, or those that boto3 finds; `where` is for messages.

    The region is the session's. A bucket in another one is found all the same: botocore follows S3's redirect, and
    remembers. UsageError if there are no credentials, or the configuration cannot be used.
    """
    config = Config(
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=2 * THREADS,
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        user_agent_extra="reklake",
    )
    with _CREATING:
        try:
            session = boto3.Session(profile_name=profile)
            if session.get_credentials() is None:
                raise UsageError(f"{where}: {NO_CREDENTIALS}")
            return session.client("s3", config=config)
        except aws.ProfileNotFound as error:
            known = ", ".join(botocore.session.Session(profile="default").available_profiles) or "none"
            raise UsageError(f"{error}. Profiles on this machine: {known}.") from error
        except (aws.BotoCoreError, ValueError) as error:
            raise UsageError(f"The AWS configuration cannot be used: {str(error).rstrip('.')}.") from error


def own_endpoint(client: Any) -> str:
    """Return the URL of an endpoint that is not AWS's, else nothing: at AWS a bucket's name is enough."""
    url = str(client.meta.endpoint_url)
    host = urlsplit(url).hostname or ""
    return "" if host.endswith((".amazonaws.com", ".amazonaws.com.cn")) else url
