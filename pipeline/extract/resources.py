"""What a page leads to: the ARNs on it that are asked about next, and nothing else of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pipeline.model.operations import RESULT_KEYS
from pipeline.model.page import RawPage


def projects_on(page: RawPage) -> Iterator[tuple[str, list[str]]]:
    """Yield each project on a DescribeProjects page with its datasets' ARNs; ValueError if that cannot be read."""
    for item in _items(page):
        arn = item.get("ProjectArn")
        if isinstance(arn, str) and arn:
            datasets = item.get("Datasets")
            listed = [one.get("DatasetArn") for one in _dicts(datasets)]
            yield arn, [one for one in listed if isinstance(one, str) and one]


def versions_on(page: RawPage) -> Iterator[str]:
    """Yield the ARNs on a DescribeProjectVersions page; ValueError if that cannot be read."""
    for item in _items(page):
        arn = item.get("ProjectVersionArn")
        if isinstance(arn, str) and arn:
            yield arn


def _items(page: RawPage) -> list[dict[str, Any]]:
    """Return the descriptions on a page; an item that is no object is none, as flatten will say."""
    try:
        return _dicts(json.loads(page.body)[RESULT_KEYS[page.operation]])
    except RecursionError as error:
        raise ValueError(str(error)) from error


def _dicts(listed: Any) -> list[dict[str, Any]]:
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
