"""Clients: one a region and profile, shared by all accounts and threads; each call is signed as its account.

A client of its own for each of a thousand scopes would take 230 MB and, with as many connections, more files than a
process may open. So a region's clients, connections and parsed models are shared, and what differs, the credentials,
is looked up when a call is signed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import botocore.exceptions as aws
from botocore import xform_name
from botocore.config import Config
from botocore.credentials import Credentials, DeferredRefreshableCredentials
from botocore.parsers import ResponseParserError

from pipeline.extract.failures import is_transient
from pipeline.extract.response import Answer, answer_of, attach
from pipeline.extract.sessions import Sessions
from pipeline.extract.targets import Caller, Target
from pipeline.lake.installed import version

CONNECT_TIMEOUT, READ_TIMEOUT = 10, 60
"""Seconds; a page takes well under one."""
CONNECTIONS = 64
"""Kept open to one region's endpoint; a call that finds none free opens one for itself."""
STS_ATTEMPTS, STS_PAUSE = 3, 5.0
"""How often STS is called at once, and the seconds before it is called again if it was out of reach."""

_signer: ContextVar[Signer] = ContextVar("signer")
"""Signs what the current thread calls."""


class Signer:
    """An account's credentials: fetched at the first call, and again before they expire.

    If the first call cannot have them, none can: a role that is refused is refused in all its regions, without ten more
    attempts. Only if STS was out of reach is it called again, after STS_PAUSE.
    """

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials
        self._lock = threading.Lock()
        self._is_ready = False
        self._failure: Exception | None = None
        self._failed_at = 0.0

    def frozen(self) -> Any:
        """Return what signs a call now; raises what came of assuming the role, and the same again without a call."""
        with self._lock:
            if self._failure and not (is_transient(self._failure) and time.monotonic() - self._failed_at > STS_PAUSE):
                raise self._failure
            if not self._is_ready:
                try:
                    self._credentials.get_frozen_credentials()
                except Exception as error:
                    self._failure, self._failed_at = error, time.monotonic()
                    raise
                self._is_ready, self._failure = True, None
        return self._credentials.get_frozen_credentials()

    @contextmanager
    def signing(self) -> Iterator[None]:
        """Sign the calls that this thread makes in the block."""
        token = _signer.set(self)
        try:
            yield
        finally:
            _signer.reset(token)


class _SignersCredentials(Credentials):
    """What a shared client signs with: the credentials of the account that the current thread calls for."""

    def __init__(self) -> None:
        super().__init__("signer", "signer", method="signer")

    def get_frozen_credentials(self) -> Any:
        return _signer.get().frozen()


class _SignersCredentialProvider:
    """Stands where a botocore session looks for its credentials."""

    def load_credentials(self) -> Credentials:
        return _SignersCredentials()


class Client:
    """How one scope is called. Thread-safe."""

    def __init__(self, clients: Clients, target: Target, signer: Signer) -> None:
        self._clients = clients
        self._target = target
        self._signer = signer

    def call(self, operation: str, parameters: Mapping[str, Any]) -> Answer:
        """Make one attempt of a Rekognition call; raises what boto3 raises."""
        client = self._clients.shared("rekognition", self._target.caller.profile, self._target.scope.region)
        with self._signer.signing():
            return answer_of(getattr(client, xform_name(operation))(**parameters))

    def is_accepted_at_home(self) -> bool:
        """Whether STS accepts these credentials: if so, it is the region that does not."""
        caller = self._target.caller
        try:
            with self._signer.signing():
                self._clients.shared("sts", caller.profile, caller.home).get_caller_identity()
        except (aws.ClientError, aws.BotoCoreError, ResponseParserError, ValueError):
            return False
        return True


class Clients:
    """Every client of a run, each made when it is first called."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._shared: dict[tuple[str, str | None, str], Any] = {}
        self._signed_by_caller: dict[str | None, Any] = {}
        self._signers: dict[Caller, Signer] = {}
        self._sts: dict[tuple[str | None, str], Any] = {}

    def of(self, target: Target) -> Client:
        """Return the way to call one scope; calls nobody yet."""
        with self._sessions.lock:
            if target.caller not in self._signers:
                self._signers[target.caller] = Signer(self._credentials(target.caller))
            return Client(self, target, self._signers[target.caller])

    def shared(self, service: str, profile: str | None, region: str) -> Any:
        """Return the client of that service and region, whose calls are signed by the thread's signer."""
        key = service, profile, region
        if key not in self._shared:
            with self._sessions.lock:
                if key not in self._shared:
                    self._shared[key] = self._make(service, profile, region)
        return self._shared[key]

    def _make(self, service: str, profile: str | None, region: str) -> Any:
        if profile not in self._signed_by_caller:
            session = self._sessions.new(profile)
            session.register_component("credential_provider", _SignersCredentialProvider())
            self._signed_by_caller[profile] = session
        client = self._signed_by_caller[profile].create_client(service, region_name=region, config=config(service))
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
        parameters = {"RoleArn": caller.role_arn, "RoleSessionName": settings.session_name}
        if settings.external_id:
            parameters["ExternalId"] = settings.external_id

        def assume_role() -> dict[str, Any]:
            assumed = sts.assume_role(**parameters)["Credentials"]
            return {
                "access_key": assumed["AccessKeyId"],
                "secret_key": assumed["SecretAccessKey"],
                "token": assumed["SessionToken"],
                "expiry_time": assumed["Expiration"].isoformat(),
            }

        return DeferredRefreshableCredentials(method="assume-role", refresh_using=assume_role)


def config(service: str) -> Config:
    """Return how a service is called: Rekognition once, as retries are ours (calls.py); STS as botocore retries."""
    return Config(
        retries={"mode": "standard", "total_max_attempts": 1 if service == "rekognition" else STS_ATTEMPTS},
        max_pool_connections=CONNECTIONS,
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        user_agent_extra=f"reklake/{version('reklake')}",
    )
