"""The IAM policies that reklake needs, and no more: as data, as JSON and as Terraform.

What each action may be narrowed to is in AWS's Service Authorization Reference (Amazon Rekognition, Amazon S3, AWS
KMS, AWS STS, AWS Organizations); where it names no resource type, the resource is "*".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.errors import UsageError
from pipeline.model.operations import DEFAULT_DETAILS, OPERATIONS

PARTITIONS = ("aws", "aws-us-gov", "aws-cn")
VERSION = "2012-10-17"
"""Of the policy language; the version before has no variables such as ${*}."""

Conditions = Mapping[str, Mapping[str, Sequence[str]]]
"""Operator, then key, then the values of which one must match."""

_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_ROLE = re.compile(r"[\w+=,.@/-]{1,576}", re.ASCII)
"""A path and a name (IAM user guide, quotas): 512 and 64 characters."""
_PRINCIPAL = re.compile(r"arn:(?P<partition>[a-z-]+):(?:iam|sts)::\d{12}:[\w+=,.@/-]+", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_REGION = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d", re.ASCII)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_SUFFIXES = {"aws-cn": "amazonaws.com.cn"}
"""Where services of a partition have their names; elsewhere amazonaws.com."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement that allows: `principals` are those of a trust policy, which names no resources."""

    sid: str
    actions: Sequence[str]
    resources: Sequence[str] = ()
    conditions: Conditions = field(default_factory=dict)
    principals: Sequence[str] = ()

    @property
    def document(self) -> dict[str, object]:
        """The statement as IAM's JSON has it: a single value stands alone, several in a list."""
        found: dict[str, object] = {"Sid": self.sid, "Effect": "Allow"}
        if self.principals:
            found["Principal"] = {"AWS": _alone(self.principals)}
        found["Action"] = _alone(self.actions)
        if self.resources:
            found["Resource"] = _alone(self.resources)
        if self.conditions:
            found["Condition"] = {
                operator: {key: _alone(values) for key, values in keys.items()}
                for operator, keys in self.conditions.items()
            }
        return found


def listing(
    *,
    details: Sequence[str] = DEFAULT_DETAILS,
    evidence: bool = False,
    buckets: Sequence[str] = (),
    regions: Sequence[str] = (),
    partition: str = "aws",
) -> Iterator[Statement]:
    """Yield what listing an account needs: its projects, versions and `details`, and with `evidence` files in S3.

    Evidence is in `buckets`, or in any bucket if none are named. UsageError for impossible names.
    """
    for region in regions:
        _check_region(region, partition)
    for bucket in buckets:
        if not _BUCKET.fullmatch(bucket):
            raise UsageError(f"--bucket {bucket}: no bucket has such a name; give it without s3:// and without a key.")
    where: Conditions = {"StringEquals": {"aws:RequestedRegion": tuple(regions)}} if regions else {}
    for operation in OPERATIONS.values():
        if not operation.detail or operation.detail in details:
            resource = operation.iam_resource.format(partition=partition)
            yield Statement(operation.sid, [operation.action], [resource], where)
    if evidence:
        objects = [f"arn:{partition}:s3:::{bucket}/*" for bucket in buckets or ("*",)]
        yield Statement("ReadEvidence" if buckets else "ReadEvidenceInAnyBucket", ["s3:GetObject"], objects, where)
        through = [f"s3.{region}.{_SUFFIXES.get(partition, 'amazonaws.com')}" for region in regions or ("*",)]
        via = {"kms:ViaService": through}
        conditions = {"StringEquals": {**where["StringEquals"], **via}} if regions else {"StringLike": via}
        yield Statement("DecryptEvidence", ["kms:Decrypt"], [f"arn:{partition}:kms:*:*:key/*"], conditions)


def assuming(role: str, *, partition: str = "aws") -> Iterator[Statement]:
    """Yield what the calling identity of `sync --role` needs: `role` is a name, or an ARN with {account} in it."""
    arn = role.replace("{account}", "*") if role.startswith("arn:") else f"arn:{partition}:iam::*:role/{role}"
    prefix, _, name = arn.partition(":role/")
    if not re.fullmatch(rf"arn:{partition}:iam::(\*|\d{{12}})", prefix) or not _ROLE.fullmatch(name):
        raise UsageError(
            f"--role {role}: give a role's name, or arn:{partition}:iam::{{account}}:role/NAME as `sync` takes it."
        )
    yield Statement("AssumeRoles", ["sts:AssumeRole"], [arn])


def organization() -> Iterator[Statement]:
    """Yield what listing the accounts needs, all of them or by unit, in the management or a delegated account."""
    actions = ("ListAccounts", "ListAccountsForParent", "ListOrganizationalUnitsForParent", "ListRoots")
    yield Statement("ListAccounts", [f"organizations:{action}" for action in actions], ["*"])


def lake(bucket: str, prefix: str, *, partition: str = "aws") -> Iterator[Statement]:
    """Yield what a lake on S3 needs: list its bucket, read, write and remove its files, clear broken uploads.

    ListBucket covers the whole bucket: without it S3 answers 403, not 404, for a file that does not exist yet.
    """
    place = f"arn:{partition}:s3:::{bucket}"
    # wildcards, unless they are written as variables
    literal = re.sub(r"[*?$]", lambda found: f"${{{found[0]}}}", prefix)
    files = f"{place}/{literal}/*" if literal else f"{place}/*"
    yield Statement("ListLake", ["s3:ListBucket", "s3:ListBucketMultipartUploads"], [place])
    actions = ("GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload")
    yield Statement("KeepLake", [f"s3:{action}" for action in actions], [files])


def trust(principal: str, *, external_id: str | None = None, partition: str = "aws") -> Iterator[Statement]:
    """Yield who may assume the role: an account's principals that are allowed to, or the one of an ARN."""
    if _ACCOUNT.fullmatch(principal):
        arn = f"arn:{partition}:iam::{principal}:root"
    elif (found := _PRINCIPAL.fullmatch(principal)) and found["partition"] == partition:
        arn = principal
    else:
        raise UsageError(
            f"--trust {principal}: give an account id of 12 digits, or the ARN of a user or role such as "
            f"arn:{partition}:iam::111122223333:role/Exporter (another partition: --partition)."
        )
    conditions: Conditions = {}
    if external_id is not None:
        if not _EXTERNAL_ID.fullmatch(external_id):
            raise UsageError(
                f"--external-id {external_id!r}: 2 to 1,224 letters, digits and the characters + = , . @ : / - _"
            )
        conditions = {"StringEquals": {"sts:ExternalId": (external_id,)}}
    yield Statement("AssumeToExport", ["sts:AssumeRole"], conditions=conditions, principals=[arn])


def as_json(statements: Sequence[Statement]) -> str:
    """Return the policy document as JSON."""
    return json.dumps({"Version": VERSION, "Statement": [statement.document for statement in statements]}, indent=2)


def as_terraform(statements: Sequence[Statement], name: str = "reklake") -> str:
    """Return the policy as a Terraform data source, formatted as `terraform fmt` would."""
    blocks = "\n\n".join("\n".join(_block(statement)) for statement in statements)
    return f'data "aws_iam_policy_document" {_quoted(name)} {{\n{blocks}\n}}'


def _block(statement: Statement) -> Iterator[str]:
    yield "  statement {"
    attributes = {"sid": _quoted(statement.sid), "effect": '"Allow"', "actions": _listed(statement.actions)}
    if statement.resources:
        attributes["resources"] = _listed(statement.resources)
    yield from _attributes(attributes, 4)
    if statement.principals:
        yield from ("", "    principals {")
        yield from _attributes({"type": '"AWS"', "identifiers": _listed(statement.principals)}, 6)
        yield "    }"
    for operator, keys in statement.conditions.items():
        for key, values in keys.items():
            yield from ("", "    condition {")
            yield from _attributes({"test": _quoted(operator), "variable": _quoted(key), "values": _listed(values)}, 6)
            yield "    }"
    yield "  }"


def _attributes(attributes: Mapping[str, str], indent: int) -> Iterator[str]:
    width = max(map(len, attributes))
    for name, value in attributes.items():
        yield f"{' ' * indent}{name:<{width}} = {value}"


def _listed(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_quoted, values))}]"


def _quoted(text: str) -> str:
    """Return the text as an HCL string: JSON's escapes, and no interpolation and no directive."""
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def _check_region(region: str, partition: str) -> None:
    if not _REGION.fullmatch(region):
        raise UsageError(f"--regions {region}: no region has such a name; for every region leave the option out.")
    theirs = {"us-gov": "aws-us-gov", "cn": "aws-cn"}
    of = next((name for prefix, name in theirs.items() if region.startswith(f"{prefix}-")), "aws")
    if of != partition:
        raise UsageError(f"--regions {region}: is in the partition {of}; give --partition {of}.")


def _alone(values: Sequence[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)
