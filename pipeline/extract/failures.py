"""What went wrong with a call: whether to retry it, and in words: a ScopeError with its remedy."""

from __future__ import annotations

from collections.abc import Callable

import botocore.exceptions as aws
from botocore.parsers import ResponseParserError

from pipeline.errors import ScopeError
from pipeline.extract.redact import without_secrets
from pipeline.model.operations import OPERATIONS
from pipeline.model.page import Scope

THROTTLES = frozenset(
    {
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "TooManyRequestsException",
        "Throttling",
        "RequestLimitExceeded",
        "SlowDown",
    }
)
HTTP_SERVER_ERROR = 500
_TRANSIENT = frozenset({"RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete"})
_DENIED = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"})
_UNKNOWN_CALLER = frozenset({"UnrecognizedClientException", "InvalidClientTokenId"})
"""What a region answers that is not enabled for the account, as every region does to keys that do not exist."""
_CREDENTIALS = frozenset(
    {
        *_UNKNOWN_CALLER,
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "ExpiredTokenException",
        "ExpiredToken",
        "IncompleteSignature",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "OptInRequired",
        "RequestExpired",
    }
)
_UNSUPPORTED = frozenset(
    {
        "UnknownOperationException",
        "UnknownOperation",
        "InvalidAction",
        "UnsupportedOperation",
        "UnsupportedOperationException",
        "NotImplemented",
        "ServiceUnavailableInRegion",
    }
)
_NO_SUCH_OPERATION = frozenset({404, 405, 501})
"""HTTP statuses of gateways and other services."""
_MODELED = frozenset(
    {
        "InvalidParameterException",
        "InvalidPaginationTokenException",
        "ResourceNotFoundException",
        "ResourceNotReadyException",
        "InternalServerError",
        "LimitExceededException",
    }
)
"""Errors that the details' operations declare (botocore's model)."""


def code_of(error: Exception) -> str:
    """Return AWS's code of the error; empty if AWS did not answer."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, aws.ClientError) else ""


def is_throttle(error: Exception) -> bool:
    """Whether the service says that it is called too often."""
    return code_of(error) in THROTTLES


def is_transient(error: Exception) -> bool:
    """Whether the same call may succeed in a moment: the network failed, or the service itself.

    Not where assuming the role failed: botocore has retried that already.
    """
    if isinstance(error, aws.ClientError):
        if error.operation_name == "AssumeRole" or _is_unknown_there(error):
            return False
        return _status(error) >= HTTP_SERVER_ERROR or code_of(error) in _TRANSIENT
    return isinstance(error, aws.HTTPClientError | aws.ConnectionError | aws.IncompleteReadError | ResponseParserError)


def _status(error: aws.ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _is_unknown_there(error: aws.ClientError) -> bool:
    """Whether the endpoint does not know the operation at all, which endpoints say in many ways."""
    code = code_of(error)
    if code in _UNSUPPORTED or (_status(error) in _NO_SUCH_OPERATION and not code.endswith("Exception")):
        return True
    # an endpoint that has another way to say that it knows no such operation must not fail a detail of the default
    operation = OPERATIONS.get(error.operation_name)
    is_known = code in _DENIED | _CREDENTIALS | THROTTLES | _TRANSIENT | _MODELED
    return bool(operation and operation.detail) and _status(error) < HTTP_SERVER_ERROR and not is_known


def explain(
    error: Exception, scope: Scope, doing: str, *, is_accepted_elsewhere: Callable[[], bool] = lambda: False
) -> ScopeError:
    """Turn an exception of a call into one that says where, what, and what to do; `doing` names the call.

    `is_accepted_elsewhere` finds out whether another region accepts the credentials.
    """
    where = f"account {scope.account_id}, region {scope.region}, {doing}"
    if isinstance(error, ScopeError):
        return error
    if isinstance(error, aws.ClientError):
        return _explain_answer(error, scope, where, is_accepted_elsewhere)
    return _explain_silence(error, scope, doing, where)


def _explain_silence(error: Exception, scope: Scope, doing: str, where: str) -> ScopeError:
    """Explain an error that the service did not answer with."""
    if isinstance(error, aws.NoCredentialsError | aws.PartialCredentialsError | aws.CredentialRetrievalError):
        return ScopeError(f"{where}: {sentence(error)} Check the profile or the AWS_ variables.", kind="credentials")
    if isinstance(error, aws.HTTPClientError | aws.ConnectionError | aws.IncompleteReadError):
        return ScopeError(
            f"{where}: the endpoint cannot be reached: {sentence(error)} "
            f"Check the network, AWS_ENDPOINT_URL, and that Rekognition is offered in {scope.region}.",
            kind="unreachable",
        )
    if isinstance(error, aws.ParamValidationError):
        return bad_answer(scope, doing, f"the API does not take that ARN back: {message_of(error)}")
    if isinstance(error, ResponseParserError):
        return bad_answer(scope, doing, f"the answer cannot be parsed: {message_of(error)}"[:300])
    return ScopeError(f"{where}: {type(error).__name__}: {sentence(error)} Sync again.", kind="service")


def bad_answer(scope: Scope, doing: str, what: str) -> ScopeError:
    """Return the error for an answer that cannot be believed, after retries."""
    return ScopeError(
        f"account {scope.account_id}, region {scope.region}, {doing}: {without_secrets(what)}. "
        "If a proxy stands between, check it; otherwise sync again.",
        kind="bad_answer",
    )


def _explain_answer(  # noqa: PLR0911  # one return a kind
    error: aws.ClientError, scope: Scope, where: str, is_accepted_elsewhere: Callable[[], bool]
) -> ScopeError:
    code = code_of(error)
    message = without_secrets(str(error.response.get("Error", {}).get("Message") or "no message").strip())
    said = f"{where}: {code}: {message.rstrip('.')}."
    if error.operation_name == "AssumeRole":
        return ScopeError(
            f"account {scope.account_id}: the role cannot be assumed: {code}: {message.rstrip('.')}. The role must "
            f"exist in account {scope.account_id} and trust these credentials (and --external-id, if it asks for one); "
            "`reklake iam-policy --trust` prints what it needs.",
            kind="credentials",
        )
    if code in _DENIED:
        return ScopeError(f"{said} {_permission(error.operation_name, message)}", kind="denied")
    if code in _UNKNOWN_CALLER and is_accepted_elsewhere():
        return ScopeError(
            f"{said} The credentials are good, so {scope.region} is not enabled for account {scope.account_id}: enable "
            f"it there, or leave it out with --exclude-region {scope.region}.",
            kind="region_not_enabled",
        )
    if code in _CREDENTIALS:
        return ScopeError(
            f"{said} The credentials are not accepted there: renew them, or check that {scope.region} is "
            "enabled for the account.",
            kind="credentials",
        )
    if _is_unknown_there(error):
        return ScopeError(
            f"{said} {error.operation_name} is not known there: Custom Labels is not offered in {scope.region} (leave "
            f"it out with --exclude-region {scope.region}), or AWS_ENDPOINT_URL leads elsewhere.",
            kind="unsupported",
        )
    if code in THROTTLES:
        return ScopeError(
            f"{said} Throttled in spite of waiting: lower --rate, find out who else calls there, or sync later.",
            kind="throttled",
        )
    return ScopeError(f"{said} Sync again; if it stays, ask AWS support.", kind="service")


def _permission(operation: str, message: str) -> str:
    if "service control policy" in message:
        return "A service control policy of the organization forbids it: allow it there, or leave the region out."
    listings = [listing for listing in OPERATIONS.values() if not listing.detail]
    if operation in {listing.name for listing in listings}:
        allowed = " and ".join(f"{listing.action}{' (on *)' * (listing.iam_resource == '*')}" for listing in listings)
    else:
        allowed = f"rekognition:{operation}"
    return f"Allow {allowed} for these credentials; `reklake iam-policy` prints the policy."


def sentence(error: Exception) -> str:
    """Return the message of an exception as a sentence, on one line, without anything secret."""
    return message_of(error).rstrip(".") + "."


def message_of(error: Exception) -> str:
    """Return the message of an exception on one line, without anything secret."""
    text = str(error)
    if isinstance(error, ResponseParserError):
        text = text.partition("\n")[0]  # the answer follows: if one of STS was cut, it holds the role's new keys
    return without_secrets(" ".join(text.split()))
