"""The declared tables, as data: what each column holds and where its value stands in the API's answers.

Those of DescribeProjects stand here, those of DescribeProjectVersions in `pipeline.model.versions`, and those of what
is asked about single resources in `pipeline.model.details`.
"""

from __future__ import annotations

from types import MappingProxyType

from pipeline.model.columns import (
    ACCOUNT_ID,
    DATASET_STATUSES,
    EXTRA,
    FEATURES,
    REGION,
    STATUS_CODES,
    TEXT,
    instant,
    member,
)
from pipeline.model.details import DATASET_STATISTICS, PROJECT_POLICIES, RESOURCE_TAGS
from pipeline.model.operations import DETAILS
from pipeline.model.schema import Column, Items, Origin, Parent, Table
from pipeline.model.versions import PROJECT_VERSIONS, VERSION_ASSETS

PROJECTS = Table(
    name="projects",
    noun="project",
    description="Custom Labels projects and content moderation adapters' projects.",
    grain="one row per project",
    operation="DescribeProjects",
    key=("project_arn",),
    columns=(
        ACCOUNT_ID,
        REGION,
        member("project_arn", TEXT, "ProjectArn", "ARN of the project; the key."),
        Column(
            "project_name",
            TEXT,
            "Name of the project, parsed out of its ARN.",
            Origin.ARN,
            "ProjectArn#project_name",
        ),
        instant("created_at", "CreationTimestamp", "When the project was created."),
        member(
            "status",
            TEXT,
            "Status",
            "CREATING, CREATED or DELETING.",
            one_of=("CREATING", "CREATED", "DELETING"),
        ),
        member(
            "feature",
            TEXT,
            "Feature",
            "CUSTOM_LABELS or CONTENT_MODERATION; null means CUSTOM_LABELS.",
            one_of=FEATURES,
        ),
        member(
            "auto_update",
            TEXT,
            "AutoUpdate",
            "ENABLED or DISABLED: whether adapters are retrained by AWS (content moderation only).",
            one_of=("ENABLED", "DISABLED"),
        ),
        EXTRA,
    ),
)

DATASETS = Table(
    name="datasets",
    noun="dataset",
    description="Training and test datasets as DescribeProjects lists them.",
    grain="one row per dataset of a project",
    operation="DescribeProjects",
    key=("dataset_arn",),
    parent=Parent("project_arn", ("projects",)),
    items=(Items("Datasets"),),
    columns=(
        ACCOUNT_ID,
        REGION,
        Column("project_arn", TEXT, "ARN of the project it belongs to.", Origin.PARENT, "ProjectArn", is_required=True),
        member("dataset_arn", TEXT, "DatasetArn", "ARN of the dataset; the key."),
        member("dataset_type", TEXT, "DatasetType", "TRAIN or TEST.", one_of=("TRAIN", "TEST")),
        instant("created_at", "CreationTimestamp", "When the dataset was created."),
        member(
            "status",
            TEXT,
            "Status",
            "Status of the dataset, such as CREATE_COMPLETE.",
            one_of=DATASET_STATUSES,
        ),
        member("status_message", TEXT, "StatusMessage", "The service's words on the status."),
        member(
            "status_message_code",
            TEXT,
            "StatusMessageCode",
            "SUCCESS, SERVICE_ERROR or CLIENT_ERROR.",
            one_of=STATUS_CODES,
        ),
        EXTRA,
    ),
)

TABLES = (
    PROJECTS,
    DATASETS,
    PROJECT_VERSIONS,
    VERSION_ASSETS,
    DATASET_STATISTICS,
    RESOURCE_TAGS,
    PROJECT_POLICIES,
)
"""Every table of a snapshot, in the order people read them."""

IGNORED = MappingProxyType(
    {
        ("DescribeProjects", "NextToken"): "paging, not data",
        ("DescribeProjectVersions", "NextToken"): "paging, not data",
        ("ListProjectPolicies", "NextToken"): "paging, not data",
    }
)
"""Leaves of the output shapes that no column holds, each with its reason."""


def table(name: str) -> Table:
    """Return the declared table of that name; KeyError if there is none."""
    for candidate in TABLES:
        if candidate.name == name:
            return candidate
    raise KeyError(name)


def tables_of_detail(detail: str) -> tuple[Table, ...]:
    """Return the tables that a detail fills; the first column of their keys is the resource's ARN."""
    return tuple(candidate for candidate in TABLES if candidate.operation == DETAILS[detail])
