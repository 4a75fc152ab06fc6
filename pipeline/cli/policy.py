"""What to allow reklake: the command iam-policy."""

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
    """How a policy is written."""

    json = "json"
    terraform = "terraform"


def iam_policy(
    details: Annotated[
        str | None,
        typer.Option(
            "--with",
            metavar="DETAILS",
            help="What is listed beside projects and versions: datasets, tags, policies, divided by commas, or none."
            "  (default: datasets)",
            show_default=False,
        ),
    ] = None,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Reading manifests and evaluation results in S3, too.")
    ] = False,
    bucket: Annotated[
        list[str] | None,
        typer.Option(
            "--bucket", help="A bucket that holds evidence, repeatable.  (default: any bucket)", show_default=False
        ),
    ] = None,
    regions: Annotated[
        list[str] | None,
        typer.Option(
            "--regions",
            "--region",
            help="Only in these regions; divided by commas, or repeated.  (default: in all)",
            show_default=False,
        ),
    ] = None,
    role: Annotated[
        str | None,
        typer.Option(
            "--role",
            help="The policy of the caller instead, who assumes this role in each account.",
            show_default=False,
        ),
    ] = None,
    organization: Annotated[
        bool, typer.Option("--organization", help="Finding the accounts in AWS Organizations, too.")
    ] = False,
    lake: Annotated[
        str | None,
        typer.Option("--lake", metavar="s3://BUCKET/PREFIX", help="Keeping the lake on S3, too.", show_default=False),
    ] = None,
    trust: Annotated[
        str | None,
        typer.Option(
            "--trust",
            metavar="ACCOUNT|ARN",
            help="The trust policy of the role instead: who may assume it.",
            show_default=False,
        ),
    ] = None,
    external_id: Annotated[
        str | None,
        typer.Option("--external-id", help="With --trust: the external id that must be given.", show_default=False),
    ] = None,
    partition: Annotated[Partition, typer.Option("--partition", help="The AWS partition.")] = Partition.aws,
    form: Annotated[PolicyFormat, typer.Option("--format", help="How to write it.")] = PolicyFormat.json,
) -> None:
    """Print the IAM policy that reklake needs, and no more. Asks nobody and writes nothing.

    One account: attach it to whoever runs `sync`. Several accounts: this is the policy of the role in each of them,
    --trust prints that role's trust policy, and --role the policy of the caller who assumes it. A lake or evidence
    under a KMS key of its own may need that key's policy to agree.

    Examples:

        reklake iam-policy

        reklake iam-policy --with datasets,tags,policies --evidence --bucket training-data

        reklake iam-policy --trust 111122223333 --external-id x-7f3a

        reklake iam-policy --role ReadModels --organization --lake s3://bucket/prefix --format terraform
    """
    from pipeline.extract import iam_policy as policy

    if external_id is not None and trust is None:
        raise UsageError("--external-id goes with --trust: it stands in the trust policy of the role.")
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
                regions=_divided(regions or []),
                partition=partition,
            )
        else:
            _alone("--role", "is for the caller, who lists nothing itself", of_listing)
            statements += policy.assuming(role, partition=partition)
        statements += policy.organization() if organization else ()
        statements += policy.lake(*_place(lake), partition=partition) if lake else ()
    write = policy.as_json if form is PolicyFormat.json else policy.as_terraform
    typer.echo(write(statements))


def _alone(option: str, reason: str, others: dict[str, object]) -> None:
    if given := [name for name, value in others.items() if value]:
        raise UsageError(f"{option} {reason}: leave out {', '.join(given)}, or ask for it in a second call.")


def _details(text: str | None) -> tuple[str, ...]:
    from pipeline.model.operations import DEFAULT_DETAILS, DETAILS

    if text is None:
        return DEFAULT_DETAILS
    named = _divided([text])
    if named == ("none",):
        return ()
    if not named or not DETAILS.keys() >= set(named):
        raise UsageError(f"--with {text}: give some of {', '.join(DETAILS)}, divided by commas, or none.")
    return named


def _divided(texts: list[str]) -> tuple[str, ...]:
    """Return what stands between commas, each once."""
    return tuple(dict.fromkeys(part.strip() for text in texts for part in text.split(",") if part.strip()))


def _place(lake: str) -> tuple[str, str]:
    """Return bucket and prefix of a lake on S3."""
    from pipeline.lake.opening import parts_of

    if "://" not in lake and not lake.lower().startswith("s3:"):
        raise UsageError(f"--lake {lake}: a lake in a folder needs no permissions of AWS; give s3://bucket/prefix.")
    return parts_of(lake)
