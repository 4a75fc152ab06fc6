"""A static Rekognition and STS endpoint for benchmarks: prepared bodies over HTTP, at little CPU.

    python bench/endpoint.py --versions 20000 [--kind alike] [--changed 0.01] [--held-up 200] [--port 8399]

It prints its address as a line of JSON and serves until its standard input closes (`--stay`: until it is killed).
N versions (in thousands, above 200,000) stand in projects of 1,000, unless they are of another kind, 100 a page; there
is one account and one region, no signature is checked and no quota kept. A `NextToken` is another one each time it is
asked for, as at AWS.
`GET /changed/0.01` shows a world from then on in which that share of the versions, spread evenly over the pages, is
STOPPED instead of RUNNING or the other way round; `GET /counts` tells the calls of each operation and the CPU seconds
that they took.
"""

from __future__ import annotations

import argparse
import base64
import json
import mmap
import os
import selectors
import socket
import struct
import sys
import time
import uuid
from array import array
from collections import Counter, deque
from collections.abc import Iterator
from email.utils import formatdate

import pages

PAGE = 100
BASE = 200_000
"""Versions of which bodies are prepared; a larger world shows them again in projects of other names (in ARNs only)."""
PLACE = struct.Struct(">II")
STATES = (b'"Status": "RUNNING"', b'"Status": "STOPPED"')
IDENTITY = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    f"<Arn>arn:aws:iam::{pages.ACCOUNT}:user/bench</Arn><UserId>AIDA</UserId><Account>{pages.ACCOUNT}</Account>"
    "</GetCallerIdentityResult><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
).encode()
UNKNOWN = b"<ErrorResponse><Error><Code>InvalidAction</Code></Error></ErrorResponse>"
Parts = list[bytes | memoryview]


class World:
    """Prepared bodies by project and page. `changed` is the share of versions whose status is another one."""

    def __init__(self, versions: int, changed: float = 0.0, kind: str = "alike") -> None:
        self.changed = changed
        self._count = -(-versions // pages.KINDS[kind].per_project)
        prepared = min(versions, BASE)
        with pages.prepare(prepared, kind).open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._view = memoryview(self._bytes)
        self._projects: dict[str, list[tuple[int, int]]] = {}
        at = 0
        while at < len(self._bytes):
            self._bytes.seek(at)
            arn, _, size = json.loads(self._bytes.readline())
            start = self._bytes.tell()
            at = start + size
            self._projects.setdefault(arn, []).append((start, at))
        self._found: dict[int, array[int]] = {}
        self._base = list(self._projects)
        self._arns = [self._renamed(self._base[n % len(self._base)], n) for n in range(self._count)]
        self._numbers = {arn: n for n, arn in enumerate(self._arns)}
        if self._count > len(self._base):
            for base, arn in enumerate(self._base):
                for start, end in self._projects[arn]:
                    self._names(start, end, base)
        self._projects_listed = [
            json.dumps({"ProjectArn": arn, "CreationTimestamp": 1_600_000_000.125 + n, "Status": "CREATED"}).encode()
            for n, arn in enumerate(self._arns)
        ]

    def _renamed(self, text: str, number: int) -> str:
        old = number % len(self._base)
        return text.replace(f"line-{old:05}-", f"line-{number:05}-") if number != old else text

    def projects(self, token: str | None) -> Parts:
        """Return a page of DescribeProjects in pieces."""
        page = _place(token)[1] if token else 0
        listed = b", ".join(self._projects_listed[page * PAGE : (page + 1) * PAGE])
        more = (page + 1) * PAGE < self._count
        return [b'{"ProjectDescriptions": [', listed, b"]", _tail(0, page + 1) if more else b"}"]

    def versions(self, arn: str, token: str | None) -> Parts | None:
        """Return a page of DescribeProjectVersions in pieces; None for an unknown project."""
        number = self._numbers.get(arn)
        if number is None:
            return None
        base = number % len(self._base)
        ranges = self._projects[self._base[base]]
        page = _place(token)[1] if token else 0
        start, end = ranges[page]
        end -= len(_tail(0, 0))
        tail = _tail(number, page + 1) if page + 1 < len(ranges) else b"}"
        edits = self._changes(start, end)
        if number != base:
            name = b"%05d" % number
            edits += [(at, name) for at in self._names(start, end, base)]
        return [*self._edited(start, end, sorted(edits)), tail]

    def _edited(self, start: int, end: int, edits: list[tuple[int, bytes]]) -> Iterator[bytes | memoryview]:
        """Yield what stands there with some bytes replaced by as many others, and nothing copied."""
        for at, other in edits:
            yield self._view[start:at]
            yield other
            start = at + len(other)
        yield self._view[start:end]

    def _changes(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """Return the edits that give some versions of a page another status, as many as the share that has changed."""
        count, edits, at = round(self.changed * PAGE), [], start
        for n in range(count):
            after = max(at, start + n * (end - start) // count)
            found = [(self._bytes.find(one, after, end), other) for one, other in (STATES, STATES[::-1])]
            where, other = min((one for one in found if one[0] >= 0), default=(-1, b""))
            if where >= 0:
                edits.append((where, other))
                at = where + len(other)
        return edits

    def _names(self, start: int, end: int, base: int) -> array[int]:
        """Return where the project's number stands in the ARNs of a page; remembered, because finding them costs."""
        if start not in self._found:
            self._found[start] = array("Q")
            sought, at = b"project/defects-line-%05d-" % base, start
            while (at := self._bytes.find(sought, at, end)) >= 0:
                self._found[start].append(at + len(sought) - 6)
                at += len(sought)
        return self._found[start]


def _tail(project: int, page: int) -> bytes:
    """Return the end of a body: a token of 200 characters that is never the same twice."""
    return b', "NextToken": "%b"}' % base64.b64encode(PLACE.pack(project, page) + os.urandom(142))


def _place(token: str) -> tuple[int, int]:
    return PLACE.unpack_from(base64.b64decode(token[:12]))  # type: ignore[return-value]


HELD_UP_SECONDS = 0.3


class Server:
    """One thread for all connections, which stay open. Of `held_up` calls one is answered HELD_UP_SECONDS late."""

    def __init__(self, world: World, port: int = 0, held_up: int = 0) -> None:
        self.counts: Counter[str] = Counter()
        self._world = world
        self._listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self._listener.setblocking(False)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._received: dict[socket.socket, bytearray] = {}
        self._to_send: dict[socket.socket, deque[bytes | memoryview]] = {}
        self._date = (0, "")
        self._held_up = held_up
        self._late: deque[tuple[float, socket.socket, Parts]] = deque()

    def serve(self, until: int | None = None) -> None:
        """Serve until the file descriptor `until` is readable."""
        if until is not None:
            self._selector.register(until, selectors.EVENT_READ, "end")
        while True:
            for key, events in self._selector.select(self._until_late()):
                if key.data == "end":
                    self._end()
                    return
                if key.fileobj is self._listener:
                    self._accept()
                elif events & selectors.EVENT_WRITE:
                    self._send(key.fileobj)  # type: ignore[arg-type]
                else:
                    self._receive(key.fileobj)  # type: ignore[arg-type]

    def _until_late(self) -> float | None:
        """Answer what was held up for long enough; return in how many seconds the next such answer is due."""
        while self._late and self._late[0][0] <= time.monotonic():
            _, connection, parts = self._late.popleft()
            if connection in self._to_send:
                self._to_send[connection] += parts
                self._send(connection)
        return max(0.0, self._late[0][0] - time.monotonic()) if self._late else None

    def _end(self) -> None:
        for connection in list(self._received):
            self._close(connection)
        self._listener.close()
        self._selector.close()

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self._received[connection] = bytearray()
        self._to_send[connection] = deque()
        self._selector.register(connection, selectors.EVENT_READ, "connection")

    def _close(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        del self._received[connection], self._to_send[connection]
        connection.close()

    def _receive(self, connection: socket.socket) -> None:
        try:
            came = connection.recv(1 << 16)
        except ConnectionError:
            came = b""
        if not came:
            self._close(connection)
            return
        received = self._received[connection]
        received += came
        while (end := received.find(b"\r\n\r\n")) >= 0:
            line, *lines = bytes(received[:end]).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
            whole = end + 4 + int(headers.get("content-length", 0))
            if len(received) < whole:
                break
            body = bytes(received[end + 4 : whole])
            del received[:whole]
            parts = self._answer(line, headers.get("x-amz-target", ""), body)
            if self._held_up and self.counts.total() % self._held_up == 0:
                self._late.append((time.monotonic() + HELD_UP_SECONDS, connection, parts))
            else:
                self._to_send[connection] += parts
        if self._to_send[connection]:
            self._send(connection)

    def _send(self, connection: socket.socket) -> None:
        waiting = self._to_send[connection]
        try:
            while waiting:
                sent = connection.sendmsg(list(waiting)[:500])
                while waiting and sent >= len(waiting[0]):
                    sent -= len(waiting.popleft())
                if sent:
                    waiting[0] = memoryview(waiting[0])[sent:]
        except BlockingIOError:
            pass
        except ConnectionError:
            self._close(connection)
            return
        wanted = selectors.EVENT_WRITE if waiting else selectors.EVENT_READ
        if self._selector.get_key(connection).events != wanted:
            self._selector.modify(connection, wanted, "connection")

    def _answer(self, line: str, target: str, body: bytes) -> Parts:
        status, kind, parts = 200, "application/x-amz-json-1.1", None
        operation = target.rpartition(".")[2]
        if operation:
            asked = json.loads(body)
            if operation == "DescribeProjects":
                parts = self._world.projects(asked.get("NextToken"))
            elif operation == "DescribeProjectVersions":
                parts = self._world.versions(asked["ProjectArn"], asked.get("NextToken"))
            if parts is None:
                status = 400
                parts = [b'{"__type": "ResourceNotFoundException", "Message": "There is no such resource here."}']
        elif b"Action=GetCallerIdentity" in body:
            operation, kind, parts = "GetCallerIdentity", "text/xml", [IDENTITY]
        elif "/changed/" in line:
            operation = "admin"
            self._world.changed = float(line.split()[1].rpartition("/")[2])
            parts = [b"{}"]
        elif "/counts" in line:
            operation = "admin"
            parts = [json.dumps({"calls": self.counts, "cpu_seconds": time.process_time()}).encode()]
        else:
            status, kind, parts = (
                400,
                "text/xml",
                [UNKNOWN],
            )
        self.counts[operation or "other"] += 1
        now = int(time.time())
        if self._date[0] != now:
            self._date = (now, formatdate(now, usegmt=True))
        head = (
            f"HTTP/1.1 {status} {'OK' if status == 200 else 'Bad Request'}\r\nx-amzn-RequestId: {uuid.uuid4()}\r\n"
            f"Content-Type: {kind}\r\nContent-Length: {sum(map(len, parts))}\r\nDate: {self._date[1]}\r\n\r\n"
        )
        return [head.encode(), *parts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--versions", type=int, default=20_000)
    parser.add_argument("--changed", type=float, default=0.0)
    parser.add_argument("--kind", choices=pages.KINDS, default="alike")
    parser.add_argument("--held-up", type=int, default=0, help="one in so many calls is answered late")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--stay", action="store_true", help="do not stop when standard input closes")
    chosen = parser.parse_args()
    server = Server(World(chosen.versions, chosen.changed, chosen.kind), chosen.port, chosen.held_up)
    print(json.dumps({"url": server.url, "versions": chosen.versions}), flush=True)
    server.serve(None if chosen.stay else sys.stdin.fileno())


if __name__ == "__main__":
    main()
