"""What went wrong with S3, in words: boto3's errors as ours, each with its remedy."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

import botocore.exceptions as aws
from boto3.exceptions import Boto3Error
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from pipeline.errors import LakeError, ReklakeError, UsageError

_DENIED = frozenset({"AccessDenied", "403", "Forbidden", "AllAccessDisabled", "AccountProblem", "UnauthorizedAccess"})
_NOT_FOUND = frozenset({"NoSuchKey", "404", "NotFound"})
_READS = frozenset({"GetObject", "HeadObject", "CopyObject", "UploadPartCopy"})
"""Operations on one object, whose 404 means that the object is not there."""
_CREDENTIALS = frozenset(
    {
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidToken",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
        "AuthFailure",
        "InvalidSecurity",
        "NotSignedUp",
    }
)
_REGION = frozenset(
    {"PermanentRedirect", "301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "Redirect"}
)
_THROTTLED = frozenset({"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests"})
_OVERLOADED = 500
"""HTTP statuses from here on are the service's own fault."""

_UNKNOWN = 501
"""The HTTP status of a service that does not know the operation, and will not."""

PERMISSIONS = (
    "s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject on the lake's prefix "
    "(with a KMS key also kms:Decrypt and kms:GenerateDataKey)"
)
NO_CREDENTIALS = (
    "No AWS credentials found. Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
    "or run `aws configure`; to try reklake without an account, run `reklake demo`."
)


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn what boto3 raises in the block into LakeError, UsageError or FileNotFoundError; `where` is s3://bucket/key.

    Errors of this machine's disk (OSError) and our own pass as they are.
    """
    try:
        yield
    except (aws.ClientError, aws.BotoCoreError, Boto3Error, ResponseParserError, HTTPError) as error:
        raise explain(error, where) from error
    except RecursionError as error:  # botocore follows a redirect by a call that is redirected in turn
        raise LakeError(
            f"{where}: every answer is a redirect that does not lead to S3. Check AWS_ENDPOINT_URL: http or https?"
        ) from error


def explain(error: Exception, where: str) -> ReklakeError | FileNotFoundError:  # noqa: PLR0911  # one return a kind
    """Return the error to raise in place of one of boto3's; `where` is s3://bucket/key."""
    if isinstance(error, aws.ClientError):
        return _explain_answer(error, where)
    if isinstance(error, aws.NoCredentialsError):
        return UsageError(f"{where}: {NO_CREDENTIALS}")
    if isinstance(error, aws.PartialCredentialsError | aws.CredentialRetrievalError | aws.TokenRetrievalError):
        return LakeError(f"{where}: {_sentence(error)} Renew the credentials, or check the profile and AWS_ variables.")
    if isinstance(error, aws.ParamValidationError | aws.InvalidRegionError | aws.EndpointProviderError):
        return UsageError(f"{where}: {_sentence(error)} Check the lake's name and the AWS_ variables.")
    if isinstance(error, aws.HTTPClientError | aws.ConnectionError | HTTPError | ConnectionError | TimeoutError):
        return LakeError(
            f"{where}: S3 cannot be reached: {_sentence(error)} Check the network, AWS_ENDPOINT_URL and the region; "
            "what the lake had published is as it was, and the same command can run again."
        )
    if isinstance(error, ResponseParserError):
        return broken(where)
    return LakeError(f"{where}: {type(error).__name__}: {_sentence(error)} Run the same command again.")


def broken(where: str) -> LakeError:
    """Return the error for answers that are not S3's, or not whole, in spite of retries."""
    return LakeError(
        f"{where}: the answers are not whole, or not S3's. If a proxy stands between, check it and AWS_ENDPOINT_URL; "
        "otherwise run the same command again."
    )


def code_of(error: aws.ClientError) -> str:
    """Return S3's code for an error; for an answer without a body (HEAD) that is the HTTP status."""
    return str(error.response.get("Error", {}).get("Code", ""))


def can_pass(error: BaseException | None) -> bool:
    """Whether the same call can succeed in a while. Timeouts are not among them: they have been waited for long."""
    if isinstance(error, aws.ClientError):
        return (status_of(error) >= _OVERLOADED and status_of(error) != _UNKNOWN) or code_of(error) in _THROTTLED
    return isinstance(error, aws.EndpointConnectionError | aws.ConnectionClosedError)


def is_denied(error: BaseException | None) -> bool:
    """Whether these credentials may not do this, or the service does not know how to."""
    return isinstance(error, aws.ClientError) and (code_of(error) in _DENIED or status_of(error) == _UNKNOWN)


def was_turned_away(error: aws.ClientError) -> bool:
    """Whether a conditional write was not made because of its condition, or of another write under way."""
    return status_of(error) in {409, 412} or code_of(error) == "NoSuchKey"


def status_of(error: aws.ClientError) -> int:
    """Return the HTTP status of an answer; 0 if there is none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _explain_answer(error: aws.ClientError, where: str) -> ReklakeError | FileNotFoundError:  # noqa: PLR0911  # one a kind
    code = code_of(error)
    status = status_of(error)
    if code in _NOT_FOUND and error.operation_name in _READS:
        return FileNotFoundError(errno.ENOENT, "No such object in S3", where)
    message = str(error.response.get("Error", {}).get("Message") or "no message").strip()
    said = f"{where}: {error.operation_name}: {code}: {message.rstrip('.')}."
    bucket = "/".join(where.split("/")[:3])
    if code in {"NoSuchBucket", "InvalidBucketName"}:
        return LakeError(
            f"{said} There is no bucket {bucket}: create it (aws s3 mb {bucket}), or correct the lake's name."
        )
    if code in _DENIED:
        hint = (
            " S3 also answers so for an object that is not there, when s3:ListBucket is not allowed."
            if error.operation_name in _READS
            else ""
        )
        return LakeError(f"{said} Allow {PERMISSIONS} for these credentials.{hint}")
    if code in _CREDENTIALS:
        return LakeError(f"{said} S3 does not accept these credentials: renew them, or check the profile.")
    if code == "RequestTimeTooSkewed":
        return LakeError(f"{said} Set this machine's clock.")
    if code in _REGION or status in {301, 302, 307}:
        return LakeError(
            f"{said} The bucket is in another region: set AWS_DEFAULT_REGION to the one that "
            f"`aws s3api get-bucket-location --bucket {bucket.removeprefix('s3://')}` names."
        )
    if code in {"NotImplemented", "MethodNotAllowed"} or status == _UNKNOWN:
        return LakeError(f"{said} This S3 service lacks what a lake needs (conditional writes of an object).")
    if code.isdigit() and status >= _OVERLOADED and not error.operation_name.startswith("Head"):
        return broken(where)  # not S3's XML: a gateway's page (its status is the code), or half an answer (500)
    if code in _THROTTLED or status >= _OVERLOADED:
        return LakeError(f"{said} S3 is overloaded or failing, in spite of retries: run the same command later.")
    return LakeError(f"{said} Run the same command again; if it stays, ask AWS support.")


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split()).rstrip(".") + "."
    return re.sub(r"//[^/\s]+@", "//***@", text)  # a proxy's or an endpoint's URL may hold a password
