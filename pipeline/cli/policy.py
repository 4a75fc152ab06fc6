"""The command iam-policy, which prints what to allow reklake."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from pipeline.errors import UsageError


class Partition(StrEnum):
    """The AWS partitions."""

    aws = "aws"
    gov = "aws-us-gov"
    china = "aws-cn"


class PolicyFormat(StrEnum):
    """The form in which a policy is written."""

    json = "json"
    terraform = "terraform"


def iam_policy(
    details: Annotated[
        str | None,
        typer.Option(
            "--with",
            metavar="DETAILS",
            help="Optional data to allow, separated by commas: datasets, tags, policies; or none.  (default: datasets)",
        ),
    ] = None,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Also allow reading manifests and evaluation results in S3.")
    ] = False,
    bucket: Annotated[
        list[str] | None,
        typer.Option("--bucket", help="A bucket that holds evidence, repeatable.  (default: any bucket)"),
    ] = None,
    regions: Annotated[
        list[str] | None,
        typer.Option(
            "--regions", "--region", help="Only these regions, separated by commas or repeated.  (default: all)"
        ),
    ] = None,
    role: Annotated[
        str | None,
        typer.Option("--role", help="Instead print the policy for the calling identity, which only assumes this role."),
    ] = None,
    organization: Annotated[
        bool, typer.Option("--organization", help="Also allow finding the accounts in AWS Organizations.")
    ] = False,
    lake: Annotated[
        str | None, typer.Option("--lake", metavar="s3://BUCKET/PREFIX", help="Also allow a lake in S3.")
    ] = None,
    trust: Annotated[
        str | None,
        typer.Option(
            "--trust",
            metavar="ACCOUNT|ARN",
            help="Instead print the trust policy of the role: who may assume it.",
        ),
    ] = None,
    external_id: Annotated[
        str | None, typer.Option("--external-id", help="With --trust: the external id to require.")
    ] = None,
    partition: Annotated[Partition, typer.Option("--partition", help="The AWS partition.")] = Partition.aws,
    form: Annotated[PolicyFormat, typer.Option("--format", help="Form of the policy.")] = PolicyFormat.json,
) -> None:
    """Print the minimal IAM policy that reklake needs. Makes no calls and writes nothing.

    For one account, attach it to the identity that runs `sync`. For several accounts, attach it to the role in each of
    them; --trust prints that role's trust policy, and --role the policy for the calling identity, which only assumes
    the roles. If the lake or the evidence is encrypted with a KMS key of its own, the key's policy must allow this too.

    Examples:

        reklake iam-policy

        reklake iam-policy --with datasets,tags,policies --evidence --bucket training-data

        reklake iam-policy --trust 111122223333 --external-id x-7f3a

        reklake iam-policy --role ReadModels --organization --lake s3://bucket/prefix --format terraform
    """
    from pipeline.extract import iam_policy as policy

    if external_id is not None and trust is None:
        raise UsageError("--external-id goes with --trust: it is part of the trust policy of the role.")
    if bucket and not evidence:
        raise UsageError("--bucket goes with --evidence: it names where evidence may be read.")
    of_listing: dict[str, object] = {"--with": details, "--evidence": evidence, "--regions": regions}
    of_caller: dict[str, object] = {"--role": role, "--organization": organization, "--lake": lake}
    if trust is not None:
        _alone("--trust", "is a policy of its own", of_listing | of_caller)
        statements = [*policy.trust(trust, external_id=external_id, partition=partition)]
    else:
        statements = []
        if role is None:
            statements += policy.listing(
                details=_details(details),
                evidence=evidence,
                buckets=bucket or (),
                regions=_split(regions or []),
                partition=partition,
            )
        else:
            _alone("--role", "is for the calling identity, which only assumes the role", of_listing)
            statements += policy.assuming(role, partition=partition)
        statements += policy.organization() if organization else ()
        statements += policy.lake(*_bucket_and_prefix(lake), partition=partition) if lake else ()
    write = policy.as_json if form is PolicyFormat.json else policy.as_terraform
    typer.echo(write(statements))


def _alone(option: str, reason: str, others: dict[str, object]) -> None:
    if given := [name for name, value in others.items() if value]:
        raise UsageError(f"{option} {reason}: omit {', '.join(given)}, or run the command a second time for that.")


def _details(text: str | None) -> tuple[str, ...]:
    from pipeline.model.operations import DEFAULT_DETAILS, DETAILS

    if text is None:
        return DEFAULT_DETAILS
    named = _split([text])
    if named == ("none",):
        return ()
    if not named or not DETAILS.keys() >= set(named):
        raise UsageError(f"--with {text}: give some of {', '.join(DETAILS)}, separated by commas, or none.")
    return named


def _split(texts: list[str]) -> tuple[str, ...]:
    """Return the items separated by commas, each once."""
    from pipeline.settings.keys import split

    return tuple(dict.fromkeys(item for text in texts for item in split(text)))


def _bucket_and_prefix(lake: str) -> tuple[str, str]:
    """Return bucket and prefix of a lake in S3."""
    from pipeline.lake.opening import parts_of

    if "://" not in lake and not lake.lower().startswith("s3:"):
        raise UsageError(f"--lake {lake}: a lake in a folder needs no AWS permissions; give s3://bucket/prefix.")
    return parts_of(lake)
