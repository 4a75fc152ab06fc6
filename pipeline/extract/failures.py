"""What went wrong with a scope, in words: botocore's errors as ScopeError, each with its remedy."""

from __future__ import annotations

import re

import botocore.exceptions as aws

from pipeline.errors import ScopeError
from pipeline.extract.tap import THROTTLES
from pipeline.model.page import Scope

_DENIED = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"})
_CREDENTIALS = frozenset(
    {
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "ExpiredTokenException",
        "ExpiredToken",
        "IncompleteSignature",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
    }
)


def explain(error: Exception, scope: Scope, doing: str) -> ScopeError:  # noqa: PLR0911  # one return a kind
    """Turn an exception of a call into one that says where, what, and what to do; `doing` names the call."""
    where = f"account {scope.account_id}, region {scope.region}, {doing}"
    if isinstance(error, ScopeError):
        return error
    if isinstance(error, aws.ClientError):
        return _explain_answer(error, scope, where)
    if isinstance(error, aws.NoCredentialsError | aws.PartialCredentialsError | aws.CredentialRetrievalError):
        return ScopeError(f"{where}: {_sentence(error)} Check the profile or the AWS_ variables.", kind="credentials")
    if isinstance(error, aws.HTTPClientError | aws.ConnectionError):
        return ScopeError(
            f"{where}: the endpoint cannot be reached: {_sentence(error)} "
            f"Check the network, AWS_ENDPOINT_URL, and that Rekognition is offered in {scope.region}.",
            kind="unreachable",
        )
    if isinstance(error, aws.ParamValidationError):
        return bad_answer(scope, doing, f"the API does not take that ARN back: {' '.join(str(error).split())}")
    if isinstance(error, aws.PaginationError):
        return bad_answer(scope, doing, "the service sent the same page token twice, which would never end")
    return ScopeError(f"{where}: {type(error).__name__}: {_sentence(error)} Sync again.", kind="service")


def bad_answer(scope: Scope, doing: str, what: str) -> ScopeError:
    """Return the error for an answer that cannot be believed, after retries."""
    return ScopeError(
        f"account {scope.account_id}, region {scope.region}, {doing}: {what}. "
        "If a proxy stands between, check it; otherwise sync again.",
        kind="bad_answer",
    )


def _explain_answer(error: aws.ClientError, scope: Scope, where: str) -> ScopeError:
    code = error.response.get("Error", {}).get("Code", "")
    message = str(error.response.get("Error", {}).get("Message") or "no message").strip()
    said = f"{where}: {code}: {message.rstrip('.')}."
    if error.operation_name == "AssumeRole":
        return ScopeError(
            f"{said} The role must exist in account {scope.account_id} and trust these credentials.",
            kind="credentials",
        )
    if code in _DENIED:
        actions = "rekognition:DescribeProjects (on *) and rekognition:DescribeProjectVersions"
        return ScopeError(f"{said} Allow {actions} for these credentials.", kind="denied")
    if code in _CREDENTIALS:
        return ScopeError(
            f"{said} The credentials are not accepted there: renew them, or check that {scope.region} is "
            "enabled for the account.",
            kind="credentials",
        )
    if code in THROTTLES:
        return ScopeError(f"{said} Throttled in spite of retries: lower --rate, or sync later.", kind="throttled")
    return ScopeError(f"{said} Sync again; if it stays, ask AWS support.", kind="service")


def _sentence(error: Exception) -> str:
    return without_userinfo(str(error).strip().rstrip(".") + ".")


def without_userinfo(text: str) -> str:
    """Return the text with user and password taken out of the URLs in it."""
    return re.sub(r"//[^/@\s]+@", "//***@", text)
