"""Where a peer's descriptions come from: boto3's paginators over HTTP, or bodies in a file that pages.write made.

All yield a project's ARN with the descriptions on one page of its versions, as boto3 returns them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

Described = Iterator[tuple[str, list[dict[str, Any]]]]


def arguments(about: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--endpoint", metavar="URL")
    where.add_argument("--pages", metavar="FILE")
    parser.add_argument("folder", help="where the Parquet files go")
    return parser.parse_args()


def over_http(endpoint: str) -> Described:
    import boto3

    client = boto3.client("rekognition", region_name="us-east-1", endpoint_url=endpoint)
    features = ["CUSTOM_LABELS", "CONTENT_MODERATION"]
    for projects in client.get_paginator("describe_projects").paginate(Features=features):
        for project in projects["ProjectDescriptions"]:
            arn = project["ProjectArn"]
            for page in client.get_paginator("describe_project_versions").paginate(ProjectArn=arn):
                yield arn, page["ProjectVersionDescriptions"]


def parsed(path: str) -> Described:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel
    from botocore.parsers import create_parser

    shape = ServiceModel(Loader().load_service_model("rekognition", "service-2"), "rekognition")
    output = shape.operation_model("DescribeProjectVersions").output_shape
    parser = create_parser("json")
    for arn, body in _bodies(path):
        answer = {"status_code": 200, "headers": {}, "body": body}
        yield arn, parser.parse(answer, output)["ProjectVersionDescriptions"]


def decoded(path: str) -> Described:
    import orjson  # comes with dlt

    for arn, body in _bodies(path):
        listed = orjson.loads(body)["ProjectVersionDescriptions"]
        for version in listed:
            for name in {"CreationTimestamp", "TrainingEndTimestamp"} & version.keys():
                version[name] = datetime.fromtimestamp(version[name], UTC)
        yield arn, listed


def _bodies(path: str) -> Iterator[tuple[str, bytes]]:
    with open(path, "rb") as file:  # noqa: PTH123
        while head := file.readline():
            arn, _, size = json.loads(head)
            yield arn, file.read(size)
