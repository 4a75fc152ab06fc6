"""One HTTP server: our operations of Rekognition, and moto for everything else."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import socketserver
import struct
import time
from typing import TYPE_CHECKING, Any

from werkzeug.serving import WSGIRequestHandler
from werkzeug.test import run_wsgi_app

from pipeline.emulator.errors import EmulatorError
from pipeline.emulator.operations import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.emulator.json_protocol import Answer
    from pipeline.emulator.local_aws import LocalAws
    from pipeline.emulator.service import RekognitionService

_TARGET = "RekognitionService."
_NO_BODY = (204, 304)
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class HttpServer(socketserver.ThreadingTCPServer):
    """A server with a thread per connection. Raises EmulatorError if the address cannot be used."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128
    # werkzeug's handler reads these from its server
    ssl_context = None
    multithread = True
    multiprocess = False
    _server_version = "reklake-emulator"

    def __init__(self, host: str, port: int, service: RekognitionService, local_aws: LocalAws) -> None:
        self.service = service
        self.local_aws = local_aws
        self._connections: set[Any] = set()
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise EmulatorError(
                f"cannot listen on {host}:{port}: {error}; choose another port, or 0 for a free one"
            ) from error

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a new connection."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        super().shutdown_request(request)
        self._connections.discard(request)

    def server_close(self) -> None:
        """Stop listening and end all connections, so that no client is served by a closed emulator."""
        super().server_close()
        for connection in self._connections.copy():
            with contextlib.suppress(OSError):  # the client may have closed it
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(WSGIRequestHandler):
    """Handles one connection, which stays open for further requests, as those of AWS do."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: HttpServer  # type: ignore[assignment]  # it has what the base class needs

    def run_wsgi(self) -> None:
        """Answer one request; the base class calls this method, and its own closes the connection."""
        environ = self.make_environ()
        is_chunked = environ.get("wsgi.input_terminated", False)
        body = environ["wsgi.input"].read(-1 if is_chunked else int(environ.get("CONTENT_LENGTH") or 0))
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        operation = target.removeprefix(_TARGET)
        if operation != target and operation in OPERATIONS:
            self._send_answer(self.server.service.answer(operation, environ.get("HTTP_AUTHORIZATION"), body))
            return
        environ["wsgi.input"] = io.BytesIO(body)
        chunks, status, headers = run_wsgi_app(self.server.local_aws, environ, buffered=True)
        content = b"".join(chunks)
        if self.command != "HEAD" and int(status[:3]) not in _NO_BODY:
            headers["Content-Length"] = str(len(content))
        self._send(status, headers, content)

    def _send_answer(self, answer: Answer) -> None:
        if answer.seconds:
            time.sleep(answer.seconds)
        if answer.ending == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            os.close(self.connection.detach())  # the usual way to close would end the connection in order
            self.close_connection = True
            return
        body = answer.body
        if answer.ending == "short":
            body = body[: len(body) // 2]
            self.close_connection = True
        headers = [
            ("x-amzn-RequestId", answer.request_id),
            ("Content-Type", answer.content_type),
            ("Content-Length", str(len(answer.body))),
        ]
        if answer.error is not None:
            headers.append(("x-amzn-ErrorType", answer.error))
        self._send(str(answer.status), headers, body)

    def _send(self, status: str, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        code, _, phrase = status.partition(" ")
        self.send_response(int(code), phrase or None)
        for name, value in headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing."""
