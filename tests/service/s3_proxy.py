"""A proxy in front of S3 that injects the faults of networks, gateways and S3 itself."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import os
import socket
import struct
import threading
from dataclasses import dataclass
from typing import Literal

import pytest

Kind = Literal["status", "reset", "lost", "cut", "stall", "garbled", "empty", "page"]
"""status: an error instead of the call. reset: no answer, and nothing done. lost: done, and no answer. cut: half of the
answer's body. stall: half of it, then silence. garbled: its last byte is another. empty: a 200 answer without a body.
page: a 200 answer that is HTML."""
CODES = {
    403: "AccessDenied",
    409: "ConditionalRequestConflict",
    500: "InternalError",
    503: "SlowDown",
    501: "NotImplemented",
}
RST_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass
class Fault:
    """What happens to the next `times` calls of a method whose path, with its query, has `on` in it.

    With `every`, to each so-many-th of them only.
    """

    kind: Kind
    method: str = ""
    on: str = ""
    times: int = 1
    status: int = 0
    code: str = ""
    every: int = 1
    seen: int = 0
    met: int = 0


class Proxy(http.server.ThreadingHTTPServer):
    """Forwards to an HTTP server; `calls` are the methods and paths so far."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target.removeprefix("http://")
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.calls: list[tuple[str, str]] = []
        self.sent = 0
        """Bytes of the bodies of requests so far."""
        self.closing = threading.Event()
        self.gate: threading.Barrier | None = None
        """Conditional writes wait here for one another, so that they are under way at the same time."""
        self.one_write = threading.Lock()
        """moto looks at the condition and writes in two steps; S3 does not."""
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def fail(
        self,
        kind: Kind,
        method: str = "",
        on: str = "",
        times: int = 1,
        *,
        status: int = 0,
        code: str = "",
        every: int = 1,
    ) -> Fault:
        fault = Fault(kind, method, on, times, status, code, every)
        self._faults.append(fault)
        return fault

    def heal(self) -> None:
        self._faults.clear()

    def count(self, method: str, on: str = "") -> int:
        return sum(called == method and on in path for called, path in self.calls)

    def next_fault(self, method: str, path: str) -> Fault | None:
        with self._lock:
            self.calls.append((method, path))
            for fault in self._faults:
                if fault.method in {"", method} and fault.on in path and fault.seen < fault.times:
                    fault.met += 1
                    if fault.met % fault.every == 0:
                        fault.seen += 1
                        return fault
        return None

    def handle_error(self, request, client_address) -> None:
        """Say nothing: clients that hang up are what is tested."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Proxy

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.sent += len(body)
        fault = self.server.next_fault(self.command, self.path)
        kind = fault.kind if fault else ""
        if kind == "status":
            self._answer(fault.status, _error(fault), "application/xml")
        elif kind == "reset":
            self._reset()
        elif kind == "empty":
            self._answer(200, b"")
        elif kind == "page":
            self._answer(200, b"<html><body><p>Please log in<br></body></html>", "text/html")
        else:
            self._forward(body, kind)

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815  # the base class's names

    def _forward(self, body: bytes, kind: str) -> None:
        is_conditional = self.command == "PUT" and bool(
            self.headers.get("If-Match") or self.headers.get("If-None-Match")
        )
        if is_conditional and self.server.gate:
            self.server.gate.wait(10)
        with self.server.one_write if is_conditional else contextlib.nullcontext():
            connection = http.client.HTTPConnection(self.server.target, timeout=30)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
        if kind == "lost":
            self._reset()
            return
        if kind == "garbled":
            content = content[:-1] + bytes([content[-1] ^ 1])
        sent = content[: len(content) // 2] if kind in {"cut", "stall"} else content
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        if kind == "cut":
            self.close_connection = True
        self.end_headers()
        self.wfile.write(sent)
        if kind == "stall":
            self.server.closing.wait(10)
            self.close_connection = True

    def _answer(self, status: int, content: bytes, kind: str = "application/xml") -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _reset(self) -> None:
        # closing with no time to linger sends RST; an orderly end would send FIN first
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
        os.close(self.connection.detach())
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name for it
        """Say nothing."""


def _error(fault: Fault) -> bytes:
    code = fault.code or CODES[fault.status]
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>Injected.</Message></Error>".encode()


def shorten_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry at once; affects clients that are made from now on."""
    monkeypatch.setattr("botocore.retryhandler.delay_exponential", lambda **_: 0.001)
    monkeypatch.setattr("pipeline.lake.bucket.BODY_DELAYS", (0.001,) * 4)
    monkeypatch.setattr("pipeline.lake.s3.CONFLICT_DELAY", 0.001)


@contextlib.contextmanager
def proxy_to(target: str):
    """Run a proxy for the block."""
    with Proxy(target) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.closing.set()
            proxy.shutdown()
            thread.join()
