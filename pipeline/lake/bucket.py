"""The S3 calls of a lake, through a boto3 client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import boto3
import botocore.exceptions as aws
import botocore.session
from boto3.s3.transfer import TransferConfig, create_transfer_manager
from botocore.config import Config
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from pipeline.errors import LakeError, UsageError
from pipeline.lake.s3_failures import DENIED, UNSUPPORTED, code_of, explain, explained, remedy_of, status_of

ATTEMPTS = 8
"""Attempts of a call by botocore, the first included. The waits between them add up to two minutes at most.

In botocore's standard mode the whole client shares a budget of retries, which sixteen threads use up within a second.
Its legacy mode has no such budget.
"""
BODY_DELAYS = (0.1, 0.2, 0.4, 0.8)
"""Seconds between attempts to read a body: botocore does not retry a body that breaks off after the headers."""
CONNECT_TIMEOUT, READ_TIMEOUT = 10, 60
THREADS = 16
"""Parallel downloads or uploads."""
CHUNK = 1 << 20
DELETE_BATCH = 1000
"""Keys per DeleteObjects (S3's limit)."""

_TRANSFER = TransferConfig(max_concurrency=THREADS, preferred_transfer_client="classic")
"""boto3's other transfer client ignores the settings made here."""
_TORN = (aws.HTTPClientError, aws.IncompleteReadError, aws.FlexibleChecksumError, ResponseParserError, HTTPError)
"""Raised while reading a body that breaks off, or that differs from what was uploaded."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload that was neither completed nor aborted."""

    key: str
    id: str
    begun_at: datetime


class Bucket:
    """A bucket's objects, by key.

    Methods raise LakeError (denied, no bucket, cannot be reached), UsageError (no credentials, no such profile), and
    FileNotFoundError for an object that does not exist. botocore retries the calls.
    """

    def __init__(self, name: str, profile: str | None = None) -> None:
        self.name = name
        self._profile = profile

    @cached_property
    def client(self) -> Any:
        """The boto3 client, made at first use."""
        return _make_client(self._profile)

    @property
    def endpoint(self) -> str:
        """The URL of the endpoint if it is not AWS's; empty for AWS, where the bucket's name is enough."""
        url = str(self.client.meta.endpoint_url)
        host = urlsplit(url).hostname or ""
        return "" if host.endswith((".amazonaws.com", ".amazonaws.com.cn")) else url

    def holds_any(self, prefix: str) -> bool:
        """Whether there is any key under a prefix."""
        return "Contents" in self._list(prefix, PaginationConfig={"MaxItems": 1, "PageSize": 1})[0]

    def entries(self, prefix: str) -> dict[str, int | None]:
        """Return the names directly under a prefix with their sizes in bytes, None for folders.

        The prefix is empty or ends with a slash.
        """
        found: dict[str, int | None] = {}
        for page in self._list(prefix, Delimiter="/"):
            found |= {item["Key"].removeprefix(prefix): item["Size"] for item in page.get("Contents", ())}
            found |= {item["Prefix"][len(prefix) : -1]: None for item in page.get("CommonPrefixes", ())}
        return found

    def sizes(self, prefix: str) -> dict[str, int]:
        """Return the size in bytes of every object whose key begins with the prefix."""
        return {item["Key"]: item["Size"] for page in self._list(prefix) for item in page.get("Contents", ())}

    def read(self, key: str, take: Callable[[str, Iterator[bytes]], T]) -> T:
        """Return `take` applied to the object's ETag and the chunks of its body.

        If the body breaks off, `take` is called again from the first chunk. This is a single GET, which is checked by
        length and, if the upload recorded one, by checksum. (A download in ranges is checked by length only.)
        """

        def attempt() -> T:
            answer = self._call("get_object", key, Key=key)
            with closing(answer["Body"]) as body:
                return take(answer["ETag"], iter(lambda: body.read(CHUNK), b""))

        return self._whole(key, attempt)

    def store(self, files: Mapping[str, Path] | None = None, copies: Mapping[str, str] | None = None) -> None:
        """Upload files and have S3 copy objects, by their new keys: side by side, and large ones in parts.

        On an error the remaining transfers are cancelled. What is stored already stays.
        """
        if not files and not copies:
            return
        with create_transfer_manager(self.client, _TRANSFER) as manager:
            transfers = [(key, manager.upload(str(path), self.name, key)) for key, path in (files or {}).items()]
            for key, source in (copies or {}).items():
                transfers.append((source, manager.copy({"Bucket": self.name, "Key": source}, self.name, key)))
            for key, transfer in transfers:
                with explained(self.url(key)):
                    transfer.result()

    def put_if(self, key: str, body: bytes, tag: str | None) -> bool:
        """Write a small object if it still has this ETag (None: if it does not exist); False if S3 refuses.

        False can also mean that another write is under way, or that an earlier attempt of this call succeeded and its
        answer was lost. The caller must read the object to find out.
        """
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        try:
            self._call("put_object", key, Key=key, Body=body, ContentType="text/plain", **condition)
        except LakeError as error:
            if status_of(error.__cause__) in {409, 412} or code_of(error.__cause__) == "NoSuchKey":
                return False
            raise
        return True

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects, if they exist. LakeError names the first that could not be deleted."""
        for start in range(0, len(keys), DELETE_BATCH):
            batch = keys[start : start + DELETE_BATCH]
            wanted = {"Objects": [{"Key": key} for key in batch], "Quiet": True}
            answer = self._call("delete_objects", batch[0], Delete=wanted)
            for failure in answer.get("Errors", ()):
                where = self.url(str(failure.get("Key", batch[0])))
                raise explain(aws.ClientError({"Error": failure}, "DeleteObjects"), where)

    def uploads(self, prefix: str) -> list[Upload]:
        """List the incomplete uploads under a prefix; none if the credentials or the service do not allow it.

        A lifecycle rule of the bucket can remove them as well, so this is no reason to fail.
        """
        try:
            with explained(self.url(prefix)):
                pages = self.client.get_paginator("list_multipart_uploads").paginate(Bucket=self.name, Prefix=prefix)
                found = [upload for page in pages for upload in page.get("Uploads", ())]
        except LakeError as error:
            if remedy_of(error.__cause__) in {DENIED, UNSUPPORTED}:
                return []
            raise
        return [Upload(upload["Key"], upload["UploadId"], upload["Initiated"]) for upload in found]

    def abort(self, upload: Upload) -> bool:
        """Abort an incomplete upload, if it still exists; False if the credentials do not allow it."""
        try:
            self._call("abort_multipart_upload", upload.key, Key=upload.key, UploadId=upload.id)
        except LakeError as error:
            if remedy_of(error.__cause__) in {DENIED, UNSUPPORTED}:
                return False
            if code_of(error.__cause__) != "NoSuchUpload":
                raise
        return True

    def url(self, key: str) -> str:
        """Return a key's URL, for messages."""
        return f"s3://{self.name}/{key}"

    def _list(self, prefix: str, **parameters: Any) -> list[dict[str, Any]]:
        """Return the pages of a listing, at least one.

        botocore retries a body that is not XML, but takes an empty body for an empty answer, and a truncated page
        without a token for the last. Part of a listing would pass for all of it, so each page is checked.
        """

        def attempt() -> list[dict[str, Any]]:
            with explained(self.url(prefix)):
                paginator = self.client.get_paginator("list_objects_v2")
                pages = list(paginator.paginate(Bucket=self.name, Prefix=prefix, **parameters))
            for page in pages:
                if "Name" not in page or (page.get("IsTruncated") and "NextContinuationToken" not in page):
                    raise ResponseParserError("a page of a listing is not whole")
            return pages

        return self._whole(prefix, attempt)

    def _whole(self, key: str, attempt: Callable[[], T]) -> T:
        """Return the result of `attempt`, and try again if an answer is not complete."""
        for delay in BODY_DELAYS:
            with suppress(*_TORN):
                return attempt()
            time.sleep(delay)
        with explained(self.url(key)):
            return attempt()

    def _call(self, operation: str, key: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation; `key` is for messages."""
        with explained(self.url(key)):
            answer: dict[str, Any] = getattr(self.client, operation)(Bucket=self.name, **parameters)
            return answer


def _make_client(profile: str | None) -> Any:
    """Return a client with the credentials of the profile, or those that boto3 finds.

    The region is the session's. A bucket in another region works too: botocore follows S3's redirect and remembers it.
    UsageError if the configuration cannot be used.
    """
    config = Config(
        retries={"mode": "legacy", "total_max_attempts": ATTEMPTS},
        max_pool_connections=2 * THREADS,
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        user_agent_extra="reklake",
    )
    try:
        return boto3.Session(profile_name=profile).client("s3", config=config)
    except aws.ProfileNotFound as error:
        known = ", ".join(botocore.session.Session(profile="default").available_profiles) or "none"
        raise UsageError(f"{error}. Profiles on this machine: {known}.") from error
    except (aws.BotoCoreError, ValueError) as error:
        raise UsageError(f"The AWS configuration cannot be used: {str(error).rstrip('.')}.") from error
