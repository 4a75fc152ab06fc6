"""Find the ARNs on a page that further calls are about, and nothing else of it."""

from __future__ import annotations

import json
from typing import Any

from pipeline.model.operations import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS, RESULT_KEYS


def projects_on(body: bytes) -> dict[str, list[str]]:
    """Return each project on a DescribeProjects page with its datasets' ARNs; ValueError if that cannot be read."""
    return {
        arn: _arns(_objects(description.get("Datasets")), "DatasetArn")
        for description in _descriptions(body, DESCRIBE_PROJECTS)
        for arn in _arns([description], "ProjectArn")
    }


def versions_on(body: bytes) -> list[str]:
    """Return the ARNs on a DescribeProjectVersions page; ValueError if that cannot be read."""
    return _arns(_descriptions(body, DESCRIBE_PROJECT_VERSIONS), "ProjectVersionArn")


def _descriptions(body: bytes, operation: str) -> list[dict[str, Any]]:
    """Return the descriptions on a page; an item that is no object is left out here, and reported by flatten."""
    try:
        return _objects(json.loads(body)[RESULT_KEYS[operation]])
    except RecursionError as error:
        raise ValueError(str(error)) from error


def _objects(listed: Any) -> list[dict[str, Any]]:
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _arns(items: list[dict[str, Any]], member: str) -> list[str]:
    return [item[member] for item in items if isinstance(item.get(member), str) and item[member]]
