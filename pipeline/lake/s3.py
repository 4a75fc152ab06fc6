"""A lake under an S3 prefix: read through a mirror on this machine, published by a conditional write of CURRENT."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from pipeline.errors import BusyError, LakeError, ReklakeError
from pipeline.lake.base import FOLDERS, MANIFEST, POINTER, SNAPSHOTS, Facts, Lake, NewFolder, Pointer
from pipeline.lake.bucket import THREADS, Bucket, Upload
from pipeline.lake.mirror import Mirror, check_name, discard

ABANDONED = timedelta(days=1)
"""Age at which an incomplete upload counts as left by a dead writer."""
CONFLICT_ATTEMPTS, CONFLICT_DELAY = 6, 0.05
"""For writes of CURRENT that S3 refuses although nothing has moved it; the delay in seconds doubles each time."""


class S3Lake(Lake):
    """A lake in a bucket, under a prefix without slashes at its ends, or under none.

    The mirror (`root`) has the files that were fetched or written here. They are immutable, so only CURRENT is fetched
    again. Snapshots and raw pages that were not used for a day leave the mirror when a newer snapshot comes.

    A snapshot's manifest is uploaded last and deleted first: a folder with a manifest is complete.
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
        """The mirror's folder, made at first use."""
        return self._mirror.root

    def exists(self) -> bool:
        return self._bucket.holds_any(self._prefix)

    def entries(self, folder: str = "") -> list[str]:
        return sorted(filter(_is_shown, self._bucket.entries(self._key(folder, is_folder=True))))

    def fetch(self, name: str) -> Path:
        path = self._mirror.path(name)
        if name == POINTER or not path.is_file():
            self._download(name)
        self._mirror.touch(name)
        return path

    def fetch_folder(self, folder: str, wanted: Callable[[str], bool] = lambda _: True) -> Path:
        """Fetch the files directly in a folder, side by side, unless they are here; drop those no longer in S3."""
        before = self._mirror.sizes(folder)
        found = self._bucket.entries(self._key(folder, is_folder=True))
        stored = {name: size for name, size in found.items() if size is not None and _is_shown(name)}
        # files that were here before the listing were in S3 once: if not listed, they have been removed since
        for name in before.keys() - stored.keys():
            self._mirror.drop(_joined(folder, name))
        missing = [
            _joined(folder, name)
            for name, size in stored.items()
            if wanted(name) and (name == POINTER or before.get(name) != size)
        ]
        self._mirror.touch(folder)
        if missing:
            with ThreadPoolExecutor(THREADS, thread_name_prefix="reklake-fetch") as pool:
                for _ in pool.map(self._download, missing):  # on an error the rest is not started
                    pass
            if folder.startswith(f"{SNAPSHOTS}/"):
                with suppress(LakeError):  # the snapshot is here; eviction can wait
                    current = self.pointer()
                    self._mirror.evict(current.value if current else None)
        return self._mirror.path(folder) if folder else self.root

    def facts(self, name: str) -> Facts:
        def measure(_: str, chunks: Iterator[bytes]) -> Facts:
            digest, size = sha256(), 0
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
            return Facts(size, digest.hexdigest())

        return self._bucket.read(self._key(name), measure)

    @contextmanager
    def new_file(self, name: str) -> Iterator[Path]:
        """Yield a path in the mirror. When the block ends, the file is uploaded."""
        temporary = self._mirror.temporary()
        try:
            yield temporary
            with self._deleted_on_error([self._key(name)]):
                self._bucket.store({self._key(name): temporary})
                self._mirror.add(temporary, name)
        finally:
            discard(temporary)

    @contextmanager
    def new_folder(self, name: str) -> Iterator[NewFolder]:
        """Yield a folder in the mirror. When the block ends, its files are uploaded, `manifest.json` last."""
        temporary = self._mirror.temporary()
        temporary.mkdir()
        try:
            new = NewFolder(temporary)
            yield new
            if new.is_wanted:
                self._upload_folder(new, name)
                for target, source in new.links.items():
                    self._mirror.link(source, temporary / target)
                self._mirror.add(temporary, name)
        finally:
            discard(temporary)

    def _upload_folder(self, new: NewFolder, name: str) -> None:
        paths = [path for path in sorted(new.path.rglob("*")) if path.is_file()]
        files = {self._key(f"{name}/{path.relative_to(new.path).as_posix()}"): path for path in paths}
        copies = {self._key(f"{name}/{target}"): self._key(source) for target, source in new.links.items()}
        manifest = self._key(f"{name}/{MANIFEST}")
        with self._deleted_on_error([*files, *copies]):
            self._bucket.store({key: path for key, path in files.items() if key != manifest}, copies)
            self._bucket.store({key: path for key, path in files.items() if key == manifest})

    def write_if_absent(self, name: str, content: bytes) -> bool:
        return self._bucket.put_if(self._key(name), content, None)

    def link(self, source: str, target: str) -> None:
        self._bucket.store({}, {self._key(target): self._key(source)})
        self._mirror.drop(target)

    def size(self, name: str) -> int:
        key = self._key(name)
        found = self._bucket.sizes(key)
        return sum(size for other, size in found.items() if other == key or other.startswith(f"{key}/"))

    def forget(self, name: str) -> None:
        self._mirror.drop(name)

    def remove(self, name: str) -> None:
        """Remove a file, or everything in a folder, its manifest first: the rest is then no snapshot."""
        keys = [self._key(name), *self._bucket.sizes(self._key(name, is_folder=True))]
        last = self._key(f"{name}/{MANIFEST}")
        if last in keys:
            self._bucket.delete([last])
            keys.remove(last)
        self._bucket.delete(keys)
        self._mirror.drop(name)

    def pointer(self) -> Pointer | None:
        """Read CURRENT from S3, never from the mirror."""

        def read(tag: str, chunks: Iterator[bytes]) -> Pointer:
            return Pointer(b"".join(chunks).decode("utf-8", "replace").strip(), tag)

        try:
            return self._bucket.read(self._key(POINTER), read)
        except FileNotFoundError:
            return None

    def point(self, value: str, seen: Pointer | None) -> None:
        """Move CURRENT by a write that S3 makes only if CURRENT is as it was `seen`.

        A lost answer is no failure: if CURRENT names our value afterwards, the write was made.
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
                    f"{self}: {published} meanwhile; nothing of this run was published. Its pages are kept for "
                    "the next sync."
                )
            time.sleep(CONFLICT_DELAY * 2**attempt)  # another write was under way, and failed
        else:
            raise BusyError(
                f"{self}: S3 refuses to write CURRENT because of other writes at the same time; nothing of this run "
                "was published. Its pages are kept for the next sync."
            )
        self._mirror.evict(value)

    @contextmanager
    def locked(self, run_id: str) -> Iterator[None]:  # noqa: ARG002  # there is no lock to put it in
        """Lock nothing: two syncs can run side by side. `point` lets the first publish and stops the other."""
        yield

    def holder(self) -> str | None:
        """Return None: a lake in S3 has no lock."""
        return None

    def leftovers(self) -> list[str]:
        """Return uploads that have been incomplete for a day, and what dead processes were writing to the mirror.

        Reliable without a lock. Listing uploads needs s3:ListBucketMultipartUploads, aborting them
        s3:AbortMultipartUpload. A lifecycle rule of the bucket (AbortIncompleteMultipartUpload) can do it instead.
        """
        return [self._description(upload) for upload in self._abandoned()] + [
            str(path) for path in self._mirror.leftovers()
        ]

    def sweep(self) -> list[str]:
        names = [self._description(upload) for upload in self._abandoned() if self._bucket.abort(upload)]
        for path in self._mirror.leftovers():
            discard(path)
            names.append(str(path))
        return names

    def _key(self, name: str, *, is_folder: bool = False) -> str:
        if is_folder and not name:
            return self._prefix
        check_name(name)  # refuses "", which would be the whole lake
        return f"{self._prefix}{name}/" if is_folder else f"{self._prefix}{name}"

    def _download(self, name: str) -> None:
        temporary = self._mirror.temporary()

        def write(_: str, chunks: Iterator[bytes]) -> None:
            with temporary.open("wb") as file:
                file.writelines(chunks)

        try:
            self._bucket.read(self._key(name), write)
            self._mirror.add(temporary, name)
        finally:
            discard(temporary)

    def _put_pointer(self, value: str, seen: Pointer | None) -> bool:
        """Try the conditional write; False if S3 refused it, LakeError if its outcome is unknown."""
        try:
            return self._bucket.put_if(self._key(POINTER), f"{value}\n".encode(), seen.tag if seen else None)
        except LakeError as error:
            try:
                now = self.pointer()
            except ReklakeError:
                raise LakeError(
                    f"{error} It is not known whether {value} was published: read CURRENT to find out."
                ) from error
            if now is not None and now.value == value:
                return True
            raise

    @contextmanager
    def _deleted_on_error(self, keys: list[str]) -> Iterator[None]:
        """Delete the keys if the block ends in an error, because it may have uploaded them."""
        try:
            yield
        except BaseException:
            with suppress(ReklakeError):  # report the block's own error; without a manifest this is no snapshot
                self._bucket.delete(keys)
            raise

    def _abandoned(self) -> list[Upload]:
        before = datetime.now(UTC) - ABANDONED
        return [
            upload
            for upload in self._bucket.uploads(self._prefix)
            if upload.key.removeprefix(self._prefix).split("/")[0] in FOLDERS and upload.begun_at < before
        ]

    def _description(self, upload: Upload) -> str:
        return f"{self._bucket.url(upload.key)} (an incomplete upload of {upload.begun_at:%F %T})"


def _is_shown(name: str) -> bool:
    return bool(name) and not name.startswith(".")


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
