"""The emulator to start and stop: the service, its neighbours and their server behind one URL."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pipeline.emulator.accounts import DEFAULT_ACCOUNT, key_for
from pipeline.emulator.default import default_world
from pipeline.emulator.errors import EmulatorError, EmulatorUnavailableError
from pipeline.emulator.service import Call, Options, RekognitionService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from pipeline.emulator.faults import Fault
    from pipeline.emulator.neighbours import Neighbours
    from pipeline.emulator.server import EmulatorServer
    from pipeline.emulator.world import World


class Emulator:
    """Rekognition Custom Labels on a local URL, with moto's S3, STS and Organizations beside it.

    ::

        with Emulator(tps=5.0, faults=[Fault("throttle", probability=0.1)]) as endpoint:
            client = boto3.client("rekognition", endpoint_url=endpoint.url, ...)

    One at a time in a process, because moto's state is the process's. Signatures are not checked.

    Raises:
        EmulatorUnavailableError: moto is not installed.
        EmulatorError: (on start) the port is taken, or another emulator runs in this process.

    """

    _running: ClassVar[threading.Lock] = threading.Lock()

    def __init__(
        self,
        world: World | None = None,
        *,
        faults: Iterable[Fault] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        default_account: str = DEFAULT_ACCOUNT,
        refused: Iterable[str] = (),
        on_call: Callable[[Call], None] | None = None,
        **options: Any,
    ) -> None:
        """`port` 0 takes a free one; roles of `refused` accounts cannot be assumed.

        `options` are the fields of `Options` (seed, tps, latency, ...).
        """
        try:
            from pipeline.emulator import neighbours, server  # noqa: PLC0415  moto is an extra
        except ImportError as error:
            raise EmulatorUnavailableError(
                f'the emulator needs moto ({error}); install it with: pip install "reklake[emulator]"'
            ) from error
        try:
            settings = Options(**options)
        except TypeError as error:
            raise EmulatorError(f"no such option of the emulator: {error}") from error
        self._host = host
        self._port = port
        self._make_server = server.EmulatorServer
        self._neighbours: Neighbours = neighbours.Neighbours(default_account, list(refused))
        self._default_account = default_account
        self._service = RekognitionService(
            world if world is not None else default_world(),
            faults,
            settings,
            self._neighbours.account_of,
            on_call,
        )
        self._server: EmulatorServer | None = None
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def start(self) -> Self:
        """Listen, and answer from a thread of its own."""
        if not Emulator._running.acquire(blocking=False):
            raise EmulatorError("another emulator runs in this process: close it before starting this one")
        try:
            self._server = self._make_server(self._host, self._port, self._service, self._neighbours)
        except EmulatorError:
            Emulator._running.release()
            raise
        self._closed.clear()
        self._neighbours.open()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """End all connections and give the port back; without effect when it is not running."""
        if self._server is None or self._thread is None:
            return
        self._server.stop()
        self._thread.join()
        self._server = self._thread = None
        self._neighbours.close()
        Emulator._running.release()
        self._closed.set()

    def serve_forever(self) -> None:
        """Serve until `close` is called from another thread or the process is interrupted (Ctrl-C)."""
        if self._server is None:
            self.start()
        try:
            with contextlib.suppress(KeyboardInterrupt):
                self._closed.wait()
        finally:
            self.close()

    def __enter__(self) -> Self:
        return self.start() if self._server is None else self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Endpoint URL, once started."""
        if self._server is None:
            raise EmulatorError("the emulator is not running: start it, or use it as a context manager")
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def calls(self) -> list[Call]:
        """Calls of the Rekognition operations so far, oldest first (the latest 100,000)."""
        return list(self._service.calls)

    def use(self, world: World | None = None, *, faults: Iterable[Fault] | None = None) -> None:
        """Serve another world, or go by other faults, from the next call on."""
        self._service.use(world, faults)

    def environment(self, account: str | None = None, region: str = "us-east-1") -> dict[str, str]:
        """Environment variables that send any AWS client here, as a caller of `account`."""
        own = account is None or account == self._default_account
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing" if own else key_for(str(account)),
            "AWS_SECRET_ACCESS_KEY": "testing",  # no signature is checked
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
