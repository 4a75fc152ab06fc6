"""One HTTP server: our operations of Rekognition, and moto for everything else."""

from __future__ import annotations

import os
import socket
import struct
import time
from typing import TYPE_CHECKING, Any

from werkzeug.serving import WSGIRequestHandler, make_server

from pipeline.emulator.errors import EmulatorError
from pipeline.emulator.operations import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from werkzeug.serving import BaseWSGIServer

    from pipeline.emulator.json_protocol import Answer
    from pipeline.emulator.local_aws import LocalAws
    from pipeline.emulator.service import RekognitionService

_TARGET = "RekognitionService."
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def listen(host: str, port: int, service: RekognitionService, local_aws: LocalAws) -> BaseWSGIServer:
    """Return a server that listens, with a thread per request.

    Raises:
        EmulatorError: the address cannot be used.

    """

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        operation = target.removeprefix(_TARGET)
        if operation == target or operation not in OPERATIONS:
            return local_aws(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        answer = service.answer(operation, environ.get("HTTP_AUTHORIZATION"), body)
        return _send(answer, environ, start_response)

    try:
        # werkzeug would end the process if it could not bind the socket
        listening = socket.create_server((host, port), backlog=128)
    except OSError as error:
        raise EmulatorError(
            f"cannot listen on {host}:{port}: {error}; choose another port, or 0 for a free one"
        ) from error
    with listening:
        return make_server(host, port, application, threaded=True, request_handler=_Handler, fd=listening.fileno())


def _send(answer: Answer, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if answer.seconds:
        time.sleep(answer.seconds)
    if answer.ending == "reset":
        connection: socket.socket = environ["werkzeug.socket"]
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        os.close(connection.detach())  # the usual way to close would end the connection in order
        raise ConnectionResetError
    headers = [
        ("x-amzn-RequestId", answer.request_id),
        ("Content-Type", answer.content_type),
        ("Content-Length", str(len(answer.body))),
    ]
    if answer.error is not None:
        headers.append(("x-amzn-ErrorType", answer.error))
    start_response(str(answer.status), headers)
    return [answer.body[: len(answer.body) // 2] if answer.ending == "short" else answer.body]


class _Handler(WSGIRequestHandler):
    """Handles one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are sent apart; the body would wait for the client's ACK

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing."""
