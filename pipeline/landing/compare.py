"""Compares two landed files of one scope: they are equal if they have equal digests at equal places."""

from __future__ import annotations

from typing import TypeAlias

from pipeline.landing.files import LandedScope
from pipeline.landing.reader import Pages
from pipeline.model.operations import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS, DETAILS

Place: TypeAlias = tuple[str, str, str, int]
"""Operation, project, resource and page number. The resource counts because DescribeDataset does not repeat it."""


def are_equal(landed: LandedScope, before: LandedScope) -> bool:
    """Whether both files have the same details, and every page equals the page at its place in the other file.

    False if a listing began again, a project vanished or a page has no digest: then digests do not tell. LakeError if a
    file cannot be read.
    """
    if landed.details != before.details:
        return False
    pages = _pages(landed)
    return pages is not None and pages == _pages(before)


def _pages(landed: LandedScope) -> dict[Place, bytes] | None:
    """Return the digest of each page of the listings and complete details; None if digests do not tell."""
    wanted = {DESCRIBE_PROJECTS, DESCRIBE_PROJECT_VERSIONS, *(DETAILS[name] for name in landed.details)}
    pages: dict[Place, bytes] = {}
    for page in Pages(landed.path).heads("digest"):
        if page["operation"] in wanted:
            if page["listing"] > 1 or page["page_number"] < 1 or not page["digest"]:
                return None
            place = page["operation"], page["project_arn"], page["resource_arn"], page["page_number"]
            pages[place] = page["digest"]
    return pages
