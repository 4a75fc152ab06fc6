"""A bucket's objects through one boto3 client: calls that are tried again, and answers that are checked."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import botocore.exceptions as aws
from boto3.s3.transfer import TransferConfig, create_transfer_manager
from urllib3.exceptions import HTTPError

from pipeline.errors import LakeError
from pipeline.lake.s3_client import THREADS, make_client, own_endpoint
from pipeline.lake.s3_failures import broken, can_pass, code_of, explain, explained, is_denied, was_turned_away

ROUNDS, ROUND_DELAY = 6, 0.5
"""Times that this is begun again, and seconds before the second, less a random part; each later wait is twice
as long. botocore's retries draw on a budget of the client, which sixteen threads use up in a second of trouble."""
BODY_ATTEMPTS = 5
"""For a body that breaks off; botocore does not try that again by itself."""
BODY_DELAY = 0.1
"""Seconds before the second of them; each later wait is twice as long."""
CHUNK = 1 << 20
BATCH = 1000
"""Keys that one DeleteObjects takes (S3's limit)."""

_TORN = (
    aws.IncompleteReadError,
    aws.ResponseStreamingError,
    aws.ReadTimeoutError,
    aws.FlexibleChecksumError,
    HTTPError,
    ConnectionError,
    TimeoutError,
)
"""What reading a body raises when it breaks off, or is not what was uploaded."""


T = TypeVar("T")
_TRANSFER = TransferConfig(max_concurrency=THREADS, preferred_transfer_client="classic")
"""The other client that boto3 may choose for transfers knows none of the settings made here."""


@dataclass(frozen=True, slots=True)
class Content:
    """An object's body while it is read: `chunks` raise when it breaks off."""

    tag: str
    chunks: Iterator[bytes]


@dataclass(slots=True)
class Listing:
    """What stands directly under a prefix: the objects' names and sizes in bytes, and the names of the "folders"."""

    files: dict[str, int] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload in parts that was begun and neither completed nor aborted."""

    key: str
    id: str
    begun_at: datetime


class _TornError(Exception):
    """The body broke off; it can be asked for again."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Bucket:
    """The calls a lake needs, on keys of one bucket.

    Raises LakeError (denied, no bucket, cannot be reached), UsageError (no credentials, no such profile), and
    FileNotFoundError for an object that is not there.
    """

    def __init__(self, name: str, profile: str | None = None) -> None:
        self.name = name
        self._profile = profile

    @cached_property
    def client(self) -> Any:
        """The client, made at first use."""
        return make_client(f"s3://{self.name}", self._profile)

    @property
    def endpoint(self) -> str:
        """The URL of an endpoint of one's own; empty for AWS, where a bucket's name is enough."""
        return own_endpoint(self.client)

    def holds_any(self, prefix: str) -> bool:
        """Whether there is any key under a prefix."""
        return "Contents" in self._ask("list_objects_v2", prefix, proof="Name", Prefix=prefix, MaxKeys=1)

    def listing(self, prefix: str) -> Listing:
        """List what stands directly under a prefix that ends with a slash (or is empty)."""
        found = Listing()
        for page in self._pages(Prefix=prefix, Delimiter="/"):
            for item in page.get("Contents", ()):
                found.files[item["Key"].removeprefix(prefix)] = int(item["Size"])
            for item in page.get("CommonPrefixes", ()):
                found.folders.add(item["Prefix"].removeprefix(prefix).removesuffix("/"))
        return found

    def keys(self, prefix: str) -> list[str]:
        """List every key that begins with the prefix."""
        return [found["Key"] for page in self._pages(Prefix=prefix) for found in page.get("Contents", ())]

    def size(self, key: str) -> int:
        """Return the bytes of an object, or of all under a prefix that ends with a slash; 0 if there is none."""
        found = (item for page in self._pages(Prefix=key) for item in page.get("Contents", ()))
        return sum(int(item["Size"]) for item in found if item["Key"] == key or key.endswith("/"))

    def read(self, key: str, take: Callable[[Content], T]) -> T:
        """Return what `take` makes of the object's body; it is called again, from the start, when a body breaks off.

        One plain GET: the length is checked and, where the upload recorded a checksum of the whole, that too. (A
        download in ranges is checked by length only.)
        """
        for attempt in range(BODY_ATTEMPTS):
            answer = self._call("get_object", key, Key=key)
            try:
                return take(Content(answer["ETag"], _chunks(answer)))
            except _TornError as error:
                if attempt == BODY_ATTEMPTS - 1:
                    raise explain(error.cause, self.url(key)) from error.cause
                time.sleep(BODY_DELAY * 2**attempt)
            finally:
                answer["Body"].close()
        raise AssertionError  # pragma: no cover

    def download(self, key: str, path: Path) -> None:
        """Write an object to a path."""

        def write(content: Content) -> None:
            with path.open("wb") as file:
                file.writelines(content.chunks)

        self.read(key, write)

    def upload(self, files: Mapping[str, Path]) -> None:
        """Upload files side by side, large ones in parts."""
        missing = dict(files)

        def send() -> None:
            with create_transfer_manager(self.client, _TRANSFER) as manager:  # on an error it cancels the others
                futures = {key: manager.upload(str(path), self.name, key) for key, path in missing.items()}
                for key, future in futures.items():
                    with explained(self.url(key)):
                        future.result()
                    del missing[key]

        if missing:
            _patiently(send)

    def put_if(self, key: str, body: bytes, tag: str | None) -> bool:
        """Write a small object if it still has this ETag, or is not there for None; False if S3 says otherwise.

        False can also mean that another write is under way, or that an earlier attempt of this very call was carried
        out and its answer lost: the caller must look.
        """
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        try:
            self._call("put_object", key, Key=key, Body=body, ContentType="text/plain", **condition)
        except LakeError as error:
            if isinstance(error.__cause__, aws.ClientError) and was_turned_away(error.__cause__):
                return False
            raise
        return True

    def copy(self, old: str, new: str) -> None:
        """Copy an object within the bucket, a large one in parts."""

        def send() -> None:
            with explained(self.url(old)), create_transfer_manager(self.client, _TRANSFER) as manager:
                manager.copy({"Bucket": self.name, "Key": old}, self.name, new).result()

        _patiently(send)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; those that are not there count as deleted. LakeError names the first that stayed."""
        for start in range(0, len(keys), BATCH):
            batch = keys[start : start + BATCH]
            wanted = {"Objects": [{"Key": key} for key in batch], "Quiet": True}
            answer = self._ask("delete_objects", batch[0], Delete=wanted)
            for stayed in answer.get("Errors", ()):
                where = self.url(str(stayed.get("Key", batch[0])))
                raise explain(aws.ClientError({"Error": stayed}, "DeleteObjects"), where)

    def uploads(self, prefix: str) -> Iterator[Upload]:
        """Yield the incomplete uploads under a prefix; none if these credentials, or this service, cannot tell.

        They are housekeeping, which a lifecycle rule of the bucket can do as well: no reason to fail.
        """
        marker: dict[str, str] = {}
        while True:
            try:
                page = self._ask("list_multipart_uploads", prefix, Prefix=prefix, **marker)
            except LakeError as error:
                if is_denied(error.__cause__):
                    return
                raise
            for found in page.get("Uploads", ()):
                yield Upload(found["Key"], found["UploadId"], found["Initiated"])
            if not page.get("IsTruncated"):
                return
            marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    def abort(self, upload: Upload) -> bool:
        """Throw an incomplete upload away, if it is still there; False if these credentials may not."""
        try:
            self._call("abort_multipart_upload", upload.key, Key=upload.key, UploadId=upload.id)
        except LakeError as error:
            if is_denied(error.__cause__):
                return False
            if not (isinstance(error.__cause__, aws.ClientError) and code_of(error.__cause__) == "NoSuchUpload"):
                raise
        return True

    def url(self, key: str) -> str:
        """Name a key, for messages."""
        return f"s3://{self.name}/{key}"

    def _pages(self, **parameters: Any) -> Iterator[dict[str, Any]]:
        token: dict[str, str] = {}
        while True:
            page = self._ask("list_objects_v2", parameters["Prefix"], proof="Name", **parameters, **token)
            yield page
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def _ask(self, operation: str, key: str, *, proof: str = "", **parameters: Any) -> dict[str, Any]:
        """Call an operation, and again when its answer is empty.

        botocore tries a body that is no XML again, but reads an empty one as an answer without members: a listing
        would seem to have come to its end. So a member that every true answer has (`proof`) must be there.
        """
        for attempt in range(BODY_ATTEMPTS):
            answer = self._call(operation, key, **parameters)
            if not proof or proof in answer:
                return answer
            time.sleep(BODY_DELAY * 2**attempt)
        raise broken(self.url(key))

    def _call(self, operation: str, key: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation; `key` is for messages."""

        def call() -> dict[str, Any]:
            with explained(self.url(key)):
                answer: dict[str, Any] = getattr(self.client, operation)(Bucket=self.name, **parameters)
                return answer

        return _patiently(call)


def _patiently(call: Callable[[], T]) -> T:
    """Call again after a while, when what botocore gave up on can pass."""
    for number in range(ROUNDS):
        try:
            return call()
        except LakeError as error:
            if number == ROUNDS - 1 or not can_pass(error.__cause__):
                raise
        time.sleep(ROUND_DELAY * 2**number * random.uniform(0.5, 1))  # noqa: S311  # spreads the threads, no secret
    raise AssertionError  # pragma: no cover


def _chunks(answer: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield an answer's body; _TornError if it breaks off or has another length than was announced."""
    size = 0
    try:
        while chunk := answer["Body"].read(CHUNK):
            size += len(chunk)
            yield chunk
    except _TORN as error:
        raise _TornError(error) from error
    expected = answer.get("ContentLength", size)
    if size != expected:
        raise _TornError(aws.IncompleteReadError(actual_bytes=size, expected_bytes=expected))
