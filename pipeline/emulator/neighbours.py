"""The services beside Rekognition (moto's S3, STS, Organizations, ...), and whose account a key is of."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import moto.iam.models as moto_iam
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import run_wsgi_app

from pipeline.emulator.accounts import account_in_key
from pipeline.emulator.wire import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

_LOG = logging.getLogger(__name__)
_ROLE = re.compile(rb"Action=AssumeRole&.*RoleArn=arn%3A[^%]*%3Aiam%3A%3A(\d{12})%3Arole")
_REFUSED = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>AccessDenied</Code>
<Message>User: arn:aws:iam::{caller}:user/emulated may not perform sts:AssumeRole in {account}</Message>
</Error><RequestId>00000000-0000-0000-0000-000000000000</RequestId>
</ErrorResponse>"""
_ASSUMED_KEY = re.compile(r"ASIA[A-Z0-9]{16}")
_LOOK_UP = "get_account_id_from"

Headers = list[tuple[str, str]]


class Neighbours:
    """moto in this process. Its state is global: `open` resets it, `close` gives it back."""

    def __init__(self, default_account: str, refused: Collection[str] = ()) -> None:
        """`refused` are accounts whose roles nobody may assume."""
        self._default_account = default_account
        self._refused = frozenset(refused)
        self._application = DomainDispatcherApplication(create_backend_app)
        self._moto_account_of: Callable[[str], str] | None = None
        self._accounts: dict[str, str] = {}

    def open(self) -> None:
        """Start from an empty moto whose callers have our accounts."""
        moto_api_backend.reset()
        self._moto_account_of = getattr(moto_iam, _LOOK_UP)
        # moto looks this function up on each request, so all its services agree with us on who calls
        setattr(moto_iam, _LOOK_UP, self.account_of)

    def close(self) -> None:
        """Leave moto empty and as it was."""
        if self._moto_account_of is not None:
            setattr(moto_iam, _LOOK_UP, self._moto_account_of)
            self._moto_account_of = None
            moto_api_backend.reset()

    def account_of(self, access_key: str) -> str:
        """Account of an access key: the one it names, moto's (users, assumed roles), or the default one."""
        known = self._accounts.get(access_key)
        if known is None:
            known = account_in_key(access_key) or self._account_in_moto(access_key)
            if _ASSUMED_KEY.fullmatch(access_key):  # a role's key never changes hands
                self._accounts[access_key] = known
        return known

    def _account_in_moto(self, access_key: str) -> str:
        for account, partitions in list(moto_iam.iam_backends.items()):
            if any(access_key in backend.access_keys for backend in list(partitions.values())):
                return str(account)
        return self._default_account

    def answer(self, environ: dict[str, Any]) -> tuple[str, Headers, Iterable[bytes]]:
        """Status line, headers and body of moto's answer."""
        if self._refused and (refusal := self._refusal(environ)):
            return refusal
        try:
            body, status, headers = run_wsgi_app(self._application, environ, buffered=True)
        except NotImplementedError as error:
            message = f"The emulator does not know this operation: {error}"
            return _failure("501 Not Implemented", message)
        except Exception as error:  # noqa: BLE001  whatever breaks in moto is the client's HTTP 500
            _LOG.exception("moto failed on %s %s", environ.get("REQUEST_METHOD"), environ.get("PATH_INFO"))
            return _failure("500 Internal Server Error", f"{type(error).__name__}: {error}")
        return status, headers.to_wsgi_list(), body

    def _refusal(self, environ: dict[str, Any]) -> tuple[str, Headers, Iterable[bytes]] | None:
        stream = environ["wsgi.input"]
        asked = _ROLE.search(stream.read())
        stream.seek(0)
        if asked is None or (account := asked[1].decode()) not in self._refused:
            return None
        said = _REFUSED.format(caller=self._default_account, account=account)
        return "403 Forbidden", [("Content-Type", "text/xml")], [said.encode()]


def _failure(status: str, message: str) -> tuple[str, Headers, Iterable[bytes]]:
    body = encode({"__type": "InternalFailure", "message": message})
    headers = [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-ErrorType", "InternalFailure")]
    return status, headers, [body]
