"""HTTP/1.1 with connections kept alive: Rekognition's calls go to our service, all others to moto."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import socketserver
import struct
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from werkzeug.serving import WSGIRequestHandler

from pipeline.emulator.errors import EmulatorError
from pipeline.emulator.operations import OPERATIONS

if TYPE_CHECKING:
    from pipeline.emulator.neighbours import Neighbours
    from pipeline.emulator.service import RekognitionService, Reply

_TARGET = "RekognitionService."
_NO_BODY = frozenset({204, 304})
_RST_ON_CLOSE = struct.pack("ii", 1, 0)


class EmulatorServer(socketserver.ThreadingTCPServer):
    """A thread a connection. Raises EmulatorError when the address cannot be had."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128
    # what werkzeug's handler asks of its server to build a WSGI environment
    ssl_context = None
    multithread = True
    multiprocess = False
    _server_version = "reklake-emulator"

    def __init__(self, host: str, port: int, service: RekognitionService, neighbours: Neighbours) -> None:
        self.service = service
        self.neighbours = neighbours
        self.stopping = threading.Event()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            raise EmulatorError(
                f"cannot listen on {host}:{port}: {error}; choose another port, or 0 for a free one"
            ) from error

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own, and remember both."""
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        with self._lock:
            self._connections[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection and forget it."""
        super().shutdown_request(request)
        with self._lock:
            self._connections.pop(request, None)

    def stop(self) -> None:
        """Stop listening, end all connections and wait for their threads."""
        self.stopping.set()
        self.shutdown()
        with self._lock:
            open_now = list(self._connections.items())
        for connection, thread in open_now:
            with contextlib.suppress(OSError):  # the client was faster
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()
        self.server_close()


class _Handler(WSGIRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: EmulatorServer  # type: ignore[assignment]  # it has what the base class asks for

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing: callers watch `on_call`."""

    def run_wsgi(self) -> None:
        """Answer one request; named and called by the base class."""
        target = self.headers.get("X-Amz-Target", "")
        operation = target.removeprefix(_TARGET)
        if target.startswith(_TARGET) and operation in OPERATIONS:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            reply = self.server.service.reply(operation, self.headers.get("Authorization"), body)
            self._send_reply(reply)
        else:
            self._pass_on()

    def _send_reply(self, reply: Reply) -> None:
        answer = reply.answer
        if reply.seconds:
            self.server.stopping.wait(reply.seconds)
        if answer.ending == "reset":
            self._reset()
            return
        sent = answer.body
        if answer.ending == "short":
            sent = sent[: len(sent) // 2]
            self.close_connection = True
        headers = [
            ("x-amzn-RequestId", reply.request_id),
            ("Content-Type", answer.content_type),
            ("Content-Length", str(len(answer.body))),
        ]
        if answer.error is not None:
            headers.append(("x-amzn-ErrorType", answer.error))
        self._send(f"{answer.status} {_phrase(answer.status)}", headers, sent)

    def _reset(self) -> None:
        # closing the descriptor with no time to linger sends RST; a tidy shutdown would send FIN first
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
        os.close(self.connection.detach())
        self.close_connection = True

    def _pass_on(self) -> None:
        environ = self.make_environ()
        length = None if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read() if length is None else environ["wsgi.input"].read(length)
        environ["wsgi.input"] = io.BytesIO(body)  # read to its end, so the next request starts cleanly
        status, headers, chunks = self.server.neighbours.answer(environ)
        content = b"".join(chunks)
        no_body = self.command == "HEAD" or int(status[:3]) in _NO_BODY
        headers = [
            (name, value)
            for name, value in headers
            if name.lower() != "transfer-encoding" and (no_body or name.lower() != "content-length")
        ]
        if not no_body:
            headers.append(("Content-Length", str(len(content))))
        self._send(status, headers, b"" if no_body else content)

    def _send(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        names = {name.lower() for name, _ in headers}
        if "date" not in names:
            headers.append(("Date", self.date_time_string()))
        if self.close_connection:
            headers.append(("Connection", "close"))
        lines = [
            f"{self.protocol_version} {status}",
            *(f"{name}: {value}" for name, value in headers),
            "",
            "",
        ]
        self.wfile.write("\r\n".join(lines).encode("latin-1") + body)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
