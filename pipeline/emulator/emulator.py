"""The emulator, to start and stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Self

from pipeline.emulator.accounts import DEFAULT_ACCOUNT, key_for
from pipeline.emulator.demo_world import demo_world
from pipeline.emulator.errors import EmulatorError
from pipeline.emulator.service import LARGEST_PAGE, Call, RekognitionService

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from pipeline.emulator.faults import Fault
    from pipeline.emulator.http_server import HttpServer
    from pipeline.emulator.world import World


class Emulator:
    """Rekognition Custom Labels on a local URL, with moto's S3, STS and Organizations at the same address.

    ::

        with Emulator(tps=5.0, faults=[Fault("throttle", probability=0.1)]) as endpoint:
            client = boto3.client("rekognition", endpoint_url=endpoint.url, ...)

    A process can run one emulator at a time, because moto's state belongs to the process. Signatures are not checked.

    Raises:
        EmulatorError: moto is not installed; or, on start, the port is taken or another emulator runs.

    """

    _running: ClassVar[threading.Lock] = threading.Lock()

    def __init__(
        self,
        world: World | None = None,
        *,
        faults: Iterable[Fault] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        refused: Iterable[str] = (),
        seed: int = 0,
        tps: float | None = None,
        latency: float = 0.0,
        page_size: int = LARGEST_PAGE,
        on_call: Callable[[Call], None] | None = None,
    ) -> None:
        """Prepare an emulator of `world` (the demo's without one).

        Args:
            world: What exists.
            faults: What goes wrong.
            host: Address to listen on.
            port: Port to listen on; 0 takes a free one.
            refused: Accounts whose roles cannot be assumed.
            seed: For random faults, tokens and request ids.
            tps: Quota in calls a second for each operation, account and region; None is no quota.
            latency: Seconds that every answer takes at least.
            page_size: Most items on a page, whatever MaxResults allows.
            on_call: Told of each call before it is answered.

        """
        try:
            from pipeline.emulator import http_server, local_aws  # noqa: PLC0415  moto is an extra
        except ImportError as error:
            raise EmulatorError(
                f'the emulator needs moto ({error}); install it with: pip install "reklake[emulator]"'
            ) from error
        self._local_aws = local_aws.LocalAws(list(refused))
        self._service = RekognitionService(
            world if world is not None else demo_world(),
            faults,
            self._local_aws.account_of,
            seed=seed,
            tps=tps,
            latency=latency,
            page_size=page_size,
            on_call=on_call,
        )
        self._listen = partial(http_server.HttpServer, host, port, self._service, self._local_aws)
        self._server: HttpServer | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Listen, and answer from threads of its own."""
        if not Emulator._running.acquire(blocking=False):
            raise EmulatorError("another emulator runs in this process: close it before starting this one")
        try:
            self._server = self._listen()
        except BaseException:
            Emulator._running.release()
            raise
        self._local_aws.open()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """Free the port and end all connections; has no effect when it is not running."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server = self._thread = None
        self._local_aws.close()
        Emulator._running.release()

    def serve_forever(self) -> None:
        """Block until `close` is called from another thread, or the process is interrupted (Ctrl-C)."""
        if self._thread is not None:
            self._thread.join()

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
        """Serve another world, or apply other faults, from the next call on."""
        self._service.use(world, faults)

    def environment(self, account: str = DEFAULT_ACCOUNT, region: str = "us-east-1") -> dict[str, str]:
        """Return environment variables that send any AWS client here, as a caller of `account`."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing" if account == DEFAULT_ACCOUNT else key_for(account),
            "AWS_SECRET_ACCESS_KEY": "testing",  # no signature is checked
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
