"""Turns boto3's errors into reklake's, by a table from S3's error codes to remedies."""

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

NO_CREDENTIALS = (
    "No AWS credentials found. Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
    "or run `aws configure`; to try reklake without an account, run `reklake demo`."
)
DENIED = (
    "Allow s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject on the lake's prefix "
    "(with a KMS key also kms:Decrypt and kms:GenerateDataKey) for these credentials."
)
UNSUPPORTED = "This S3 service lacks conditional writes, which a lake needs."
_CREDENTIALS = "S3 does not accept these credentials: renew them, or check the profile."
_NO_BUCKET = "There is no bucket s3://{bucket}: create it (aws s3 mb s3://{bucket}), or correct the lake's name."
_REGION = (
    "The bucket is in another region: set AWS_DEFAULT_REGION to the one that "
    "`aws s3api get-bucket-location --bucket {bucket}` names."
)
_OVERLOADED = "S3 is overloaded or failing despite retries: run the same command later."
_UNKNOWN = "Run the same command again; if the error stays, ask AWS support."

REMEDIES = {
    "AccessDenied": DENIED,
    "403": DENIED,
    "ExpiredToken": _CREDENTIALS,
    "ExpiredTokenException": _CREDENTIALS,
    "InvalidAccessKeyId": _CREDENTIALS,
    "InvalidClientTokenId": _CREDENTIALS,
    "InvalidSecurity": _CREDENTIALS,
    "InvalidToken": _CREDENTIALS,
    "NotSignedUp": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "TokenRefreshRequired": _CREDENTIALS,
    "RequestTimeTooSkewed": "Set this machine's clock.",
    "InvalidBucketName": _NO_BUCKET,
    "NoSuchBucket": _NO_BUCKET,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "301": _REGION,
    "302": _REGION,
    "307": _REGION,
    "405": UNSUPPORTED,
    "501": UNSUPPORTED,
    "InternalError": _OVERLOADED,
    "SlowDown": _OVERLOADED,
    "Throttling": _OVERLOADED,
    "ThrottlingException": _OVERLOADED,
    "429": _OVERLOADED,
    "500": _OVERLOADED,
    "502": _OVERLOADED,
    "503": _OVERLOADED,
    "504": _OVERLOADED,
}
"""By S3's error code, else by the HTTP status."""

_NOT_FOUND = frozenset({"NoSuchKey", "404", "NotFound"})
_READS = frozenset({"GetObject", "HeadObject", "CopyObject", "UploadPartCopy"})
"""Operations on an object, where 404 means that the object does not exist."""


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn what boto3 raises in the block into LakeError, UsageError or FileNotFoundError; `where` is s3://bucket/key.

    Errors of this machine's disk (OSError) and reklake's own pass as they are.
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
    """Return the error to raise in place of boto3's; `where` is s3://bucket/key."""
    if isinstance(error, aws.ClientError):
        return _explain_answer(error, where)
    message = " ".join(str(error).split()).rstrip(".") + "."
    message = re.sub(r"//[^/\s]+@", "//***@", message)  # the URL of a proxy or an endpoint may hold a password
    match error:
        case aws.NoCredentialsError():
            return UsageError(f"{where}: {NO_CREDENTIALS}")
        case ResponseParserError():
            return _not_s3(where)
        case aws.PartialCredentialsError() | aws.CredentialRetrievalError() | aws.TokenRetrievalError():
            return LakeError(f"{where}: {message} Renew the credentials, or check the profile and AWS_ variables.")
        case aws.ParamValidationError() | aws.InvalidRegionError() | aws.EndpointProviderError():
            return UsageError(f"{where}: {message} Check the lake's name and the AWS_ variables.")
        case aws.HTTPClientError() | aws.ConnectionError() | HTTPError():
            return LakeError(
                f"{where}: S3 cannot be reached: {message} Check the network, AWS_ENDPOINT_URL and the region, and "
                "run the same command again; what is published is unchanged."
            )
    return LakeError(f"{where}: {message} Run the same command again.")


def code_of(error: BaseException | None) -> str:
    """Return S3's error code (the HTTP status if the answer has no body); empty for errors that are not S3's."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, aws.ClientError) else ""


def status_of(error: BaseException | None) -> int:
    """Return the HTTP status of S3's answer; 0 if there is none."""
    if not isinstance(error, aws.ClientError):
        return 0
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def remedy_of(error: BaseException | None) -> str:
    """Return the remedy for S3's answer, as in REMEDIES."""
    return REMEDIES.get(code_of(error)) or REMEDIES.get(str(status_of(error)), _UNKNOWN)


def _explain_answer(error: aws.ClientError, where: str) -> ReklakeError | FileNotFoundError:
    code = code_of(error)
    is_read = error.operation_name in _READS
    if code in _NOT_FOUND and is_read:
        return FileNotFoundError(errno.ENOENT, "No such object in S3", where)
    remedy = remedy_of(error)
    if remedy == _OVERLOADED and code.isdigit() and error.operation_name != "HeadObject":
        return _not_s3(where)  # no XML of S3: a gateway's page, or a cut answer
    if remedy == DENIED and is_read:
        remedy += " S3 also answers so for an object that does not exist, if s3:ListBucket is not allowed."
    message = str(error.response.get("Error", {}).get("Message") or "no message").strip().rstrip(".")
    return LakeError(f"{where}: {error.operation_name}: {code}: {message}. {remedy.format(bucket=where.split('/')[2])}")


def _not_s3(where: str) -> LakeError:
    return LakeError(
        f"{where}: the answers are incomplete, or not S3's, despite retries. If there is a proxy in between, check it "
        "and AWS_ENDPOINT_URL; otherwise run the same command again."
    )
