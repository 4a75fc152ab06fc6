"""A lake under an S3 prefix: read through a mirror on this machine, published by a conditional write of its pointer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from pipeline.errors import BusyError, LakeError, ReklakeError
from pipeline.lake.base import POINTER, Facts, Lake, NewFolder, Pointer
from pipeline.lake.bucket import Bucket, Content, Upload
from pipeline.lake.mirror import RAW, SNAPSHOTS, Mirror, check, discard
from pipeline.lake.s3_client import THREADS

MANIFEST = "manifest.json"
"""Uploaded last and deleted first: a snapshot's folder is whole when it has one."""
OURS = frozenset({SNAPSHOTS, RAW, "runs", "evidence"})
"""The lake's own folders; others may keep things of theirs in the same bucket."""
ABANDONED = timedelta(days=1)
"""Age at which an upload in parts counts as left by a writer that died."""
CONFLICT_ATTEMPTS, CONFLICT_DELAY = 6, 0.05
"""For a write of the pointer that S3 turned away though nothing has moved it; each wait is twice the one before."""


class S3Lake(Lake):
    """A lake in a bucket, under a prefix without slashes at its ends (or none).

    The mirror (`root`) holds what was fetched or written here; files are immutable, so only the pointer is asked for
    again. Snapshots and raw pages that nobody has asked for in a day leave the mirror when a newer one comes.
    """

    is_local = False

    def __init__(self, bucket: str, prefix: str = "", *, profile: str | None = None) -> None:
        self._bucket = Bucket(bucket, profile)
        self._prefix = f"{prefix}/" if prefix else ""
        self._name = f"s3://{bucket}/{prefix}".rstrip("/")
        self._mirror = Mirror(self._name.removeprefix("s3://"), lambda: f"{self._bucket.endpoint} {self._name}")

    def __str__(self) -> str:
        return self._name

    @cached_property
    def root(self) -> Path:
        """The mirror's folder; it is made when it is first asked for."""
        return self._mirror.root

    def exists(self) -> bool:
        return self._bucket.holds_any(self._prefix)

    def entries(self, folder: str = "") -> list[str]:
        found = self._bucket.listing(self._key(folder, is_folder=True))
        return sorted(filter(_is_shown, found.files.keys() | found.folders))

    def fetch(self, name: str) -> Path:
        place = self._mirror.place(name)
        if name == POINTER or not place.is_file():
            self._download(name)
        self._mirror.touch(name)
        return place

    def fetch_folder(self, folder: str) -> Path:
        """Fetch the files directly in a folder, side by side, unless they are here; forget those that went."""
        before = self._mirror.sizes(folder)
        found = self._bucket.listing(self._key(folder, is_folder=True)).files
        stored = {name: size for name, size in found.items() if _is_shown(name)}
        # what was here before the listing was in S3 once: if it is not listed, somebody has removed it since
        for name in before.keys() - stored.keys():
            self._mirror.drop(_joined(folder, name))
        wanted = [_joined(folder, name) for name, size in stored.items() if name == POINTER or before.get(name) != size]
        self._mirror.touch(folder)
        if wanted:
            with ThreadPoolExecutor(THREADS, thread_name_prefix="reklake-fetch") as pool:
                for _ in pool.map(self._download, wanted):  # on an error the rest is not begun
                    pass
            if folder.startswith(f"{SNAPSHOTS}/"):
                with suppress(LakeError):  # the snapshot is here; the mirror can wait
                    self.tidy()
        return self._mirror.place(folder) if folder else self.root

    def facts(self, name: str) -> Facts:
        def measure(content: Content) -> Facts:
            digest, size = sha256(), 0
            for chunk in content.chunks:
                digest.update(chunk)
                size += len(chunk)
            return Facts(size, digest.hexdigest())

        return self._bucket.read(self._key(name), measure)

    @contextmanager
    def new_file(self, name: str) -> Iterator[Path]:
        """Give a path in the mirror; when the block ends the file is uploaded."""
        temporary = self._mirror.temporary()
        try:
            yield temporary
            with self._undone([self._key(name)]):
                self._bucket.upload({self._key(name): temporary})
                self._mirror.give(temporary, name)
        finally:
            discard(temporary)

    @contextmanager
    def new_folder(self, name: str) -> Iterator[NewFolder]:
        """Give a folder in the mirror; when the block ends its files are uploaded, `manifest.json` after all others."""
        temporary = self._mirror.temporary()
        temporary.mkdir()
        try:
            new = NewFolder(temporary)
            yield new
            if new.is_wanted:
                files = {
                    self._key(f"{name}/{path.relative_to(temporary).as_posix()}"): path
                    for path in sorted(temporary.rglob("*"))
                    if path.is_file()
                }
                last = self._key(f"{name}/{MANIFEST}")
                with self._undone(list(files)):
                    self._bucket.upload({key: path for key, path in files.items() if key != last})
                    self._bucket.upload({key: path for key, path in files.items() if key == last})
                    self._mirror.give(temporary, name)
        finally:
            discard(temporary)

    def size(self, name: str) -> int:
        return self._bucket.size(self._key(name)) + self._bucket.size(self._key(name, is_folder=True))

    def forget(self, name: str) -> None:
        self._mirror.drop(name)

    def copy(self, old: str, new: str) -> None:
        self._bucket.copy(self._key(old), self._key(new))
        self._mirror.drop(new)

    def remove(self, name: str) -> None:
        """Remove a file, or all that is in a folder, its manifest first: half a snapshot is not taken for one."""
        keys = [self._key(name), *self._bucket.keys(self._key(name, is_folder=True))]
        last = self._key(f"{name}/{MANIFEST}")
        if last in keys:
            self._bucket.delete([last])
            keys.remove(last)
        self._bucket.delete(keys)
        self._mirror.drop(name)

    def pointer(self) -> Pointer | None:
        """Ask S3, never the mirror, what CURRENT names."""

        def read(content: Content) -> Pointer:
            return Pointer(b"".join(content.chunks).decode("utf-8", "replace").strip(), content.tag)

        try:
            return self._bucket.read(self._key(POINTER), read)
        except FileNotFoundError:
            return None

    def point(self, value: str, seen: Pointer | None) -> None:
        """Move CURRENT by a write that S3 makes only if CURRENT is as it was `seen`.

        An answer that was lost is no failure: if CURRENT names our value afterwards, the write was made.
        """
        for attempt in range(CONFLICT_ATTEMPTS):
            if self._put_pointer(value, seen):
                break
            now = self.pointer()
            if now is not None and now.value == value:
                break
            if now != seen:
                published = f"another sync published {now.value}" if now else "something removed CURRENT"
                raise BusyError(
                    f"{self}: {published} meanwhile; nothing of this run was published. Its pages are kept and the "
                    "next sync takes them."
                )
            time.sleep(CONFLICT_DELAY * 2**attempt)  # another write was under way, and was not made
        else:
            raise BusyError(
                f"{self}: S3 does not take the write of CURRENT because of others at the same time; nothing of this "
                "run was published. Its pages are kept and the next sync takes them."
            )
        self._mirror.tidy(value)

    @contextmanager
    def locked(self, run_id: str) -> Iterator[None]:  # noqa: ARG002  # there is no lock to name it in
        """Lock nothing: two syncs can run side by side, and `point` lets the first one publish and stops the other."""
        yield

    def holder(self) -> str | None:
        """Return None: an S3 lake has no lock, so nobody is seen to hold it."""
        return None

    def leftovers(self) -> list[str]:
        """Name uploads in parts that stand incomplete for a day, and what processes now gone were writing here.

        Certain without a lock. Uploads are not seen without s3:ListBucketMultipartUploads, nor removed without
        s3:AbortMultipartUpload; a lifecycle rule of the bucket (AbortIncompleteMultipartUpload) does as well.
        """
        return [self._told(upload) for upload in self._abandoned()] + [str(path) for path in self._mirror.leftovers()]

    def sweep(self) -> list[str]:
        names = [self._told(upload) for upload in self._abandoned() if self._bucket.abort(upload)]
        for path in self._mirror.leftovers():
            discard(path)
            names.append(str(path))
        return names

    def tidy(self) -> None:
        """Drop from the mirror (not from the lake) the snapshots and raw pages that nobody has asked for in a day.

        The current snapshot stays. Called when a snapshot was fetched or published; it can be called at any time.
        """
        current = self.pointer()
        self._mirror.tidy(current.value if current else None)

    def _key(self, name: str, *, is_folder: bool = False) -> str:
        if is_folder and not name:
            return self._prefix
        check(name)  # "" would be the whole lake
        return f"{self._prefix}{name}/" if is_folder else f"{self._prefix}{name}"

    def _download(self, name: str) -> None:
        temporary = self._mirror.temporary()
        try:
            self._bucket.download(self._key(name), temporary)
            self._mirror.give(temporary, name)
        finally:
            discard(temporary)

    def _put_pointer(self, value: str, seen: Pointer | None) -> bool:
        """Try the conditional write; False if it was turned away, LakeError if S3 cannot be asked what became of it."""
        try:
            return self._bucket.put_if(self._key(POINTER), f"{value}\n".encode(), seen.tag if seen else None)
        except LakeError as error:
            try:
                now = self.pointer()
            except ReklakeError:
                raise LakeError(f"{error} Whether {value} was published is not known: CURRENT tells.") from error
            if now is not None and now.value == value:
                return True
            raise

    @contextmanager
    def _undone(self, keys: list[str]) -> Iterator[None]:
        """Delete what the block may have uploaded when it does not come to its end."""
        try:
            yield
        except BaseException:
            with suppress(ReklakeError):  # the error that broke the block is the one to tell; no manifest, no snapshot
                self._bucket.delete(keys)
            raise

    def _abandoned(self) -> list[Upload]:
        before = datetime.now(UTC) - ABANDONED
        return [
            upload
            for upload in self._bucket.uploads(self._prefix)
            if upload.key.removeprefix(self._prefix).split("/")[0] in OURS and upload.begun_at < before
        ]

    def _told(self, upload: Upload) -> str:
        return f"{self._bucket.url(upload.key)} (an upload begun {upload.begun_at:%F %T} and not ended)"


def _is_shown(name: str) -> bool:
    return bool(name) and not name.startswith(".")


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
