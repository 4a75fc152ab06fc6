"""What went wrong with a call: whether to try again and, if not, in words: a ScopeError with its remedy."""

from __future__ import annotations

import re
from collections.abc import Callable

import botocore.exceptions as aws
from botocore.parsers import ResponseParserError

from pipeline.errors import ScopeError
from pipeline.model.operations import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS, DETAILS
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

HIDDEN = "***"
_SECRETS = (
    re.compile(r"(//)[^/\s]+(?=@)"),
    re.compile(r"(\b(?:Authorization|X-Amz-Security-Token)['\"]?\s*[:=]\s*(?:AWS4-\S+\s+)?)\S+", re.IGNORECASE),
    re.compile(r"(\b(?:Credential|Signature|ExternalId)=)[^\s&,]+", re.IGNORECASE),
)
"""What stands in texts that others wrote and is secret; before it, what is not."""


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
"""What the details' operations answer by their own account (botocore's model)."""


def code_of(error: Exception) -> str:
    """Return AWS's code of the error; empty if AWS did not answer."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, aws.ClientError) else ""


def is_throttle(error: Exception) -> bool:
    """Whether the service asks to be asked more slowly."""
    return code_of(error) in THROTTLES


def is_passing(error: Exception) -> bool:
    """Whether the same call may succeed in a moment: the network, or the service's own trouble.

    Not where assuming the role failed: that has been tried again already.
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
    # what asks of details must never cost the listing its good end because an endpoint has other words for "no"
    is_of_ours = code in _DENIED | _CREDENTIALS | THROTTLES | _TRANSIENT or code in _MODELED
    return error.operation_name in DETAILS.values() and _status(error) < HTTP_SERVER_ERROR and not is_of_ours


def explain(
    error: Exception, scope: Scope, doing: str, *, is_accepted_elsewhere: Callable[[], bool] = lambda: False
) -> ScopeError:
    """Turn an exception of a call into one that says where, what, and what to do; `doing` names the call.

    `is_accepted_elsewhere` asks whether the credentials are good as such.
    """
    where = f"account {scope.account_id}, region {scope.region}, {doing}"
    if isinstance(error, ScopeError):
        return error
    if isinstance(error, aws.ClientError):
        return _explain_answer(error, scope, where, is_accepted_elsewhere)
    return _explain_silence(error, scope, doing, where)


def _explain_silence(error: Exception, scope: Scope, doing: str, where: str) -> ScopeError:
    """Explain an error that is none of the service's answers."""
    if isinstance(error, aws.NoCredentialsError | aws.PartialCredentialsError | aws.CredentialRetrievalError):
        return ScopeError(f"{where}: {_sentence(error)} Check the profile or the AWS_ variables.", kind="credentials")
    if isinstance(error, aws.HTTPClientError | aws.ConnectionError | aws.IncompleteReadError):
        return ScopeError(
            f"{where}: the endpoint cannot be reached: {_sentence(error)} "
            f"Check the network, AWS_ENDPOINT_URL, and that Rekognition is offered in {scope.region}.",
            kind="unreachable",
        )
    if isinstance(error, aws.ParamValidationError):
        return bad_answer(scope, doing, f"the API does not take that ARN back: {told(error)}")
    if isinstance(error, ResponseParserError):
        return bad_answer(scope, doing, f"the answer cannot be parsed: {told(error)}"[:300])
    return ScopeError(f"{where}: {type(error).__name__}: {_sentence(error)} Sync again.", kind="service")


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
    if operation in {DESCRIBE_PROJECTS, DESCRIBE_PROJECT_VERSIONS}:
        return (
            f"Allow rekognition:{DESCRIBE_PROJECTS} (on *) and rekognition:{DESCRIBE_PROJECT_VERSIONS} for these "
            "credentials; `reklake iam-policy` prints the policy."
        )
    return f"Allow rekognition:{operation} for these credentials; `reklake iam-policy` prints the policy."


def _sentence(error: Exception) -> str:
    return told(error).rstrip(".") + "."


def told(error: Exception) -> str:
    """Return what an exception says, on one line, without anything secret."""
    text = str(error)
    if isinstance(error, ResponseParserError):
        text = text.partition("\n")[0]  # what follows is the answer: one of STS that was cut has a role's new keys
    return without_secrets(" ".join(text.split()))


def without_secrets(text: str) -> str:
    """Return the text without the users and passwords of URLs in it, and without what signs a request.

    A signature that does not match is answered with the request as AWS saw it, the session's token in it; a proxy's
    page may repeat the request, too.
    """
    for pattern in _SECRETS:
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text
