"""moto's AWS services in this process, with callers in the emulator's accounts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import moto.iam.models as moto_iam
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from pipeline.emulator.accounts import DEFAULT_ACCOUNT, account_in_key
from pipeline.emulator.json_protocol import JSON_TYPE, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

_ROLE = re.compile(rb"Action=AssumeRole&.*RoleArn=arn%3A[^%]*%3Aiam%3A%3A(\d{12})%3Arole")
_REFUSED = f"""<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>AccessDenied</Code>
<Message>User: arn:aws:iam::{DEFAULT_ACCOUNT}:user/emulated may not perform sts:AssumeRole in {{account}}</Message>
</Error><RequestId>00000000-0000-0000-0000-000000000000</RequestId>
</ErrorResponse>"""
_LOOKUP = "get_account_id_from"


class LocalAws:
    """moto as a WSGI application. Its state belongs to the process: `open` and `close` empty it."""

    def __init__(self, refused: Collection[str] = ()) -> None:
        """Initialise without touching moto; roles of `refused` accounts cannot be assumed."""
        self._refused = frozenset(refused)
        self._application = DomainDispatcherApplication(create_backend_app)
        self._lookup_of_moto = getattr(moto_iam, _LOOKUP)
        self._accounts: dict[str, str] = {}

    def open(self) -> None:
        """Empty moto, and make all its services use our accounts."""
        moto_api_backend.reset()
        setattr(moto_iam, _LOOKUP, self.account_of)  # moto looks this function up for each request

    def close(self) -> None:
        """Empty moto, and give it its own accounts back."""
        setattr(moto_iam, _LOOKUP, self._lookup_of_moto)
        moto_api_backend.reset()

    def account_of(self, access_key: str) -> str:
        """Return the account of an access key: the one it names, the one moto made it in, or the default one."""
        named = account_in_key(access_key) or self._accounts.get(access_key)
        if named is not None:
            return named
        for account, partitions in list(moto_iam.iam_backends.items()):
            if any(access_key in backend.access_keys for backend in list(partitions.values())):
                # with 1,000 accounts, searching them for each call would take longer than the call
                self._accounts[access_key] = str(account)
                return str(account)
        return DEFAULT_ACCOUNT

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        account = self._refused_account(environ) if self._refused else None
        if account is not None:
            start_response("403 Forbidden", [("Content-Type", "text/xml")])
            return [_REFUSED.format(account=account).encode()]
        try:
            answer: Iterable[bytes] = self._application(environ, start_response)
        except NotImplementedError as error:
            message = f"The emulator does not know this operation: {error}"
            start_response(
                "501 Not Implemented", [("Content-Type", JSON_TYPE), ("x-amzn-ErrorType", "InternalFailure")]
            )
            return [encode({"__type": "InternalFailure", "message": message})]
        return answer

    def _refused_account(self, environ: dict[str, Any]) -> str | None:
        """Return the account whose role a request asks for, if it is a refused one."""
        body = environ["wsgi.input"]
        role = _ROLE.search(body.read())
        body.seek(0)
        account = role[1].decode() if role is not None else None
        return account if account in self._refused else None
