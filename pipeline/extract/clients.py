"""Clients: one a region and profile, shared by all accounts and threads; each call is signed as its account.

A client of its own for each of a thousand scopes would take 230 MB and, with as many connections, more files than a
process may open. So a region's clients, connections and parsed models are shared, and what differs, the credentials,
is looked up when a call is signed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import botocore
import botocore.exceptions as aws
from botocore import xform_name
from botocore.config import Config
from botocore.credentials import Credentials, DeferredRefreshableCredentials
from botocore.parsers import ResponseParserError

from pipeline.extract.failures import is_passing
from pipeline.extract.response import attach
from pipeline.extract.sessions import Sessions
from pipeline.extract.targets import Caller, Target
from pipeline.extract.wire import Wire
from pipeline.lake.installed import version

CONNECT_TIMEOUT, READ_TIMEOUT = 10, 60
"""Seconds; a page takes well under one."""
CONNECTIONS = 64
"""Kept open to one region's endpoint; a call that finds none free opens one for itself."""
STS_ATTEMPTS, STS_PAUSE = 3, 5.0
"""How often STS is asked at once, and the seconds before it is asked again if it was out of reach."""

_signer: ContextVar[Signer] = ContextVar("signer")


class Signer:
    """An account's credentials: had at the first call and again when they run out.

    What the first call could not have none can: a role that is refused is refused to all its regions, without asking
    ten times. Only when STS was out of reach is it asked again, after a while.
    """

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials
        self._lock = threading.Lock()
        self._is_ready = False
        self._failure: Exception | None = None
        self._asked_at = 0.0

    def frozen(self) -> Any:
        """Return what signs a call now; raises what came of assuming the role, and the same again without trying."""
        with self._lock:
            if self._failure and not (is_passing(self._failure) and time.monotonic() - self._asked_at > STS_PAUSE):
                raise self._failure
            if not self._is_ready:
                try:
                    self._credentials.get_frozen_credentials()
                except Exception as error:
                    self._failure, self._asked_at = error, time.monotonic()
                    raise
                self._is_ready, self._failure = True, None
        return self._credentials.get_frozen_credentials()


class _OfTheCaller(Credentials):
    """What a shared client signs with: the credentials of the account that the calling thread calls for."""

    def __init__(self) -> None:
        super().__init__("of-the-caller", "of-the-caller", method="caller")

    def get_frozen_credentials(self) -> Any:
        return _signer.get().frozen()


class _Provider:
    """Gives every client of a session the caller's credentials; botocore asks its providers by this name."""

    METHOD = CANONICAL_NAME = "caller"

    def load(self) -> Credentials:
        return _OfTheCaller()


class Client:
    """How one scope is called. Thread-safe."""

    def __init__(self, clients: Clients, target: Target, signer: Signer) -> None:
        self._clients = clients
        self._target = target
        self._signer = signer

    def call(self, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Make one attempt of a Rekognition call; raises what boto3 raises."""
        profile, region = self._target.caller.profile, self._target.scope.region
        if wire := self._clients.wire(profile, region):
            return wire.call(operation, parameters, self._signer.frozen())
        token = _signer.set(self._signer)
        try:
            method = getattr(self._clients.shared("rekognition", profile, region), xform_name(operation))
            answer: Mapping[str, Any] = method(**parameters)
        finally:
            _signer.reset(token)
        return answer

    def is_accepted_at_home(self) -> bool:
        """Whether STS takes these credentials: if so, it is the region that does not."""
        token = _signer.set(self._signer)
        try:
            self._clients.shared("sts", self._target.caller.profile, self._target.caller.home).get_caller_identity()
        except (aws.ClientError, aws.BotoCoreError, ResponseParserError, ValueError):
            return False
        finally:
            _signer.reset(token)
        return True


class Clients:
    """Every client of a run, each made when it is first called."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._shared: dict[tuple[str, str | None, str], Any] = {}
        self._wires: dict[tuple[str | None, str], Wire | None] = {}
        self._of_callers: dict[str | None, Any] = {}
        self._signers: dict[Caller, Signer] = {}
        self._sts: dict[tuple[str | None, str], Any] = {}

    def of(self, target: Target) -> Client:
        """Return the way to call one scope; asks nobody anything yet."""
        with self._sessions.lock:
            if target.caller not in self._signers:
                self._signers[target.caller] = Signer(self._credentials(target.caller))
            return Client(self, target, self._signers[target.caller])

    def shared(self, service: str, profile: str | None, region: str) -> Any:
        """Return the client of that service and region, whose calls are signed as the thread's caller."""
        key = service, profile, region
        if key not in self._shared:
            with self._sessions.lock:
                if key not in self._shared:
                    self._shared[key] = self._make(service, profile, region)
        return self._shared[key]

    def wire(self, profile: str | None, region: str) -> Wire | None:
        """Return the shorter way to call Rekognition there; None where a botocore is not as those that are known."""
        key = profile, region
        if key not in self._wires:
            try:
                self._wires[key] = Wire(self.shared("rekognition", profile, region))
            except (AttributeError, LookupError, ValueError):
                self._wires[key] = None
        return self._wires[key]

    def _make(self, service: str, profile: str | None, region: str) -> Any:
        if profile not in self._of_callers:
            inner = self._sessions.inner(profile)
            inner.get_component("credential_provider").providers.insert(0, _Provider())
            self._of_callers[profile] = inner
        client = self._of_callers[profile].create_client(service, region_name=region, config=config(service))
        if service == "rekognition":
            attach(client)
        return client

    def _credentials(self, caller: Caller) -> Any:
        base: Any = self._sessions.of(caller.profile)
        if caller.role_arn is None:
            return base.get_credentials()
        key = caller.profile, caller.home
        if key not in self._sts:
            self._sts[key] = base.create_client("sts", region_name=caller.home, config=config("sts"))
        sts = self._sts[key]
        settings = self._sessions.settings
        asked = {"RoleArn": caller.role_arn, "RoleSessionName": settings.session_name}
        if settings.external_id:
            asked["ExternalId"] = settings.external_id

        def assume() -> dict[str, Any]:
            given = sts.assume_role(**asked)["Credentials"]
            return {
                "access_key": given["AccessKeyId"],
                "secret_key": given["SecretAccessKey"],
                "token": given["SessionToken"],
                "expiry_time": given["Expiration"].isoformat(),
            }

        return DeferredRefreshableCredentials(method="assume-role", refresh_using=assume)


def config(service: str) -> Config:
    """Return how a service is called: Rekognition once, as trying again is ours; STS as botocore tries again.

    The user agent is given whole: botocore's own is put together anew for each call, a sixteenth of its time.
    """
    return Config(
        retries={"mode": "standard", "total_max_attempts": 1 if service == "rekognition" else STS_ATTEMPTS},
        max_pool_connections=CONNECTIONS,
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        user_agent=f"reklake/{version('reklake')} Botocore/{botocore.__version__}",
    )
