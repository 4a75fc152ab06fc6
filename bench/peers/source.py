"""Where a peer's descriptions come from: boto3's paginators over HTTP, or botocore's parser over bodies in a file."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

Described = Iterator[tuple[str, list[dict[str, Any]]]]
"""Project ARNs, each with the descriptions on a page of its versions, as boto3 returns them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--endpoint", metavar="URL")
    where.add_argument("--pages", metavar="FILE", help="as bench/pages.py writes it")
    parser.add_argument("--json", action="store_true", help="decode a file's bodies as JSON, without botocore")
    parser.add_argument("folder", help="where the Parquet files go")


def described(chosen: argparse.Namespace) -> Described:
    if chosen.endpoint:
        return over_http(chosen.endpoint)
    return as_json(chosen.pages) if chosen.json else from_file(chosen.pages)


def over_http(endpoint: str) -> Described:
    import boto3

    client = boto3.client(
        "rekognition",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",  # noqa: S106  # no signature is checked
    )
    features = ["CUSTOM_LABELS", "CONTENT_MODERATION"]
    for projects in client.get_paginator("describe_projects").paginate(Features=features):
        for project in projects["ProjectDescriptions"]:
            arn = project["ProjectArn"]
            for page in client.get_paginator("describe_project_versions").paginate(ProjectArn=arn):
                yield arn, page["ProjectVersionDescriptions"]


def from_file(path: str) -> Described:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel
    from botocore.parsers import create_parser

    shape = ServiceModel(Loader().load_service_model("rekognition", "service-2"), "rekognition")
    output = shape.operation_model("DescribeProjectVersions").output_shape
    parser = create_parser("json")
    for arn, body in bodies(path):
        answer = {"status_code": 200, "headers": {}, "body": body}
        yield arn, parser.parse(answer, output)["ProjectVersionDescriptions"]


def as_json(path: str) -> Described:
    try:
        from orjson import loads  # comes with dlt
    except ImportError:
        from json import loads
    for arn, body in bodies(path):
        listed = loads(body)["ProjectVersionDescriptions"]
        for one in listed:
            for name in ("CreationTimestamp", "TrainingEndTimestamp"):
                if name in one:
                    one[name] = datetime.fromtimestamp(one[name], UTC)
        yield arn, listed


def bodies(path: str) -> Iterator[tuple[str, bytes]]:
    with open(path, "rb") as file:  # noqa: PTH123
        while head := file.readline():
            arn, _, size = json.loads(head)
            yield arn, file.read(size)
