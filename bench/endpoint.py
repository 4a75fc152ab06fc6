"""A Rekognition and STS endpoint for the benches: prepared bodies over HTTP, at little CPU.

    python bench/endpoint.py --projects 100 --each 1000 [--rate 5] [--latency 0.1] [--datasets]

It prints its address as a line of JSON and serves until its standard input closes. Every region shows the same world.
No signature is checked. With --rate, each operation of each region has AWS's token bucket. `GET /sync/3` shows the
world as it is at that sync (pages.World); `GET /counts` answers with the number of calls by what came of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
import uuid
from collections import Counter, defaultdict
from typing import Any

import pages

JSON, XML = "application/x-amz-json-1.1", "text/xml"
IDENTITY = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    f"<Arn>arn:aws:iam::{pages.ACCOUNT}:user/bench</Arn><UserId>AIDA</UserId><Account>{pages.ACCOUNT}</Account>"
    "</GetCallerIdentityResult><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
).encode()
Answer = tuple[int, str, bytes]
"""HTTP status, content type and body."""


class TokenBucket:
    """Calls as the service counts them: `rate` tokens a second, and a second's worth in the bucket."""

    def __init__(self, rate: float) -> None:
        self._rate = self._tokens = rate
        self._updated = time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self._tokens = min(self._rate, self._tokens + (now - self._updated) * self._rate)
        self._updated = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Service:
    """Answers calls; `counts` says how many were answered, throttled or refused."""

    def __init__(self, world: pages.World, rate: float | None) -> None:
        self.counts: Counter[str] = Counter()
        self._world = world
        self._buckets = defaultdict(lambda: TokenBucket(rate)) if rate else None

    def answer(self, line: str, headers: dict[str, str], body: bytes) -> Answer:
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        if operation:
            # the credential's scope: key, date, region, service
            region = headers["authorization"].split("/")[2]
            return self._call(operation, region, json.loads(body))
        if b"Action=GetCallerIdentity" in body:
            return 200, XML, IDENTITY
        path = line.split()[1]
        if path.startswith("/sync/"):
            self._world.change(int(path.rpartition("/")[2]))
        return 200, JSON, json.dumps(self.counts).encode()

    def _call(self, operation: str, region: str, asked: dict[str, Any]) -> Answer:
        if self._buckets is not None and not self._buckets[operation, region].take():
            self.counts["throttled"] += 1
            return 400, JSON, b'{"__type": "ThrottlingException", "Message": "Rate exceeded"}'
        body = None
        if operation == "DescribeProjects":
            body = self._world.project_page(region, asked.get("NextToken"))
        elif operation == "DescribeProjectVersions":
            body = self._world.version_page(region, asked["ProjectArn"], asked.get("NextToken"))
        elif operation == "DescribeDataset":
            body = pages.dataset_page()
        self.counts["answered" if body else "refused"] += 1
        if body is None:
            return 400, JSON, b'{"__type": "ResourceNotFoundException", "Message": "There is no such resource here."}'
        return 200, JSON, body


class Connection(asyncio.Protocol):
    """One client's connection, which stays open; its answers leave after the latency."""

    def __init__(self, service: Service, latency: float) -> None:
        self._service, self._latency = service, latency
        self._received = bytearray()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            line, *fields = self._received[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
            whole = end + 4 + int(headers.get("content-length", 0))
            if len(self._received) < whole:
                return
            body = bytes(self._received[end + 4 : whole])
            del self._received[:whole]
            answer = _http(*self._service.answer(line, headers, body))
            if self._latency:
                asyncio.get_running_loop().call_later(self._latency, self._transport.writelines, answer)
            else:
                self._transport.writelines(answer)


def _http(status: int, content_type: str, body: bytes) -> list[bytes]:
    head = (
        f"HTTP/1.1 {status} {'OK' if status == 200 else 'Bad Request'}\r\nx-amzn-RequestId: {uuid.uuid4()}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return [head.encode(), body]


async def serve(service: Service, latency: float) -> None:
    """Serve until standard input closes."""
    loop, closed = asyncio.get_running_loop(), asyncio.Event()
    server = await loop.create_server(lambda: Connection(service, latency), "127.0.0.1", 0, backlog=512)
    print(json.dumps({"url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"}), flush=True)
    loop.add_reader(sys.stdin.fileno(), closed.set)
    await closed.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--projects", type=int, required=True)
    parser.add_argument("--each", type=int, required=True, help="versions of a project")
    parser.add_argument("--rate", type=float, help="calls a second (default: no quota)")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument("--datasets", action="store_true")
    chosen = parser.parse_args()
    world = pages.World(chosen.projects, chosen.each, datasets=chosen.datasets)
    asyncio.run(serve(Service(world, chosen.rate), chosen.latency))


if __name__ == "__main__":
    main()
