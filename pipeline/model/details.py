"""The declared tables of details: what is listed for each dataset, project or version, after the two listings."""

from __future__ import annotations

from pipeline.model.columns import (
    ACCOUNT_ID,
    DATASET_STATUSES,
    EXTRA,
    INTEGER,
    REGION,
    STATUS_CODES,
    TEXT,
    instant,
    member,
)
from pipeline.model.schema import Column, Origin, Parent, Table

DATASET_STATISTICS = Table(
    name="dataset_statistics",
    noun="dataset_statistics",
    description="What DescribeDataset says of each dataset: how many images it has, and how many of them are labeled.",
    grain="one row per dataset that was described",
    operation="DescribeDataset",
    key=("dataset_arn",),
    parent=Parent("dataset_arn", ("datasets",)),
    columns=(
        ACCOUNT_ID,
        REGION,
        Column(
            "project_arn",
            TEXT,
            "ARN of the project it belongs to.",
            Origin.REQUEST,
            "project_arn",
            is_required=True,
        ),
        Column(
            "dataset_arn",
            TEXT,
            "ARN of the dataset that was asked about (the answer does not repeat it); the key.",
            Origin.REQUEST,
            "resource_arn",
        ),
        instant("created_at", "CreationTimestamp", "When the dataset was created."),
        instant("updated_at", "LastUpdatedTimestamp", "When the dataset was last updated."),
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
        member(
            "labeled_entries",
            INTEGER,
            "DatasetStats.LabeledEntries",
            "Images of the dataset that have labels.",
            "images",
        ),
        member("total_entries", INTEGER, "DatasetStats.TotalEntries", "Images of the dataset.", "images"),
        member("total_labels", INTEGER, "DatasetStats.TotalLabels", "Labels that the dataset declares.", "labels"),
        member(
            "error_entries",
            INTEGER,
            "DatasetStats.ErrorEntries",
            "Images of the dataset that have at least one error.",
            "images",
        ),
        EXTRA,
    ),
)

RESOURCE_TAGS = Table(
    name="resource_tags",
    noun="tag",
    description="Tags that users gave to projects, datasets and model versions.",
    grain="one row per tag of a resource",
    operation="ListTagsForResource",
    key=("resource_arn", "tag_key"),
    parent=Parent("resource_arn", ("projects", "datasets", "project_versions")),
    columns=(
        ACCOUNT_ID,
        REGION,
        Column(
            "project_arn",
            TEXT,
            "ARN of the project it is or belongs to.",
            Origin.REQUEST,
            "project_arn",
            is_required=True,
        ),
        Column(
            "resource_arn",
            TEXT,
            "ARN of the project, dataset or model version that has the tag.",
            Origin.REQUEST,
            "resource_arn",
        ),
        Column(
            "resource_type",
            TEXT,
            "project, dataset or model version, as the ARN tells; null for an ARN of another form.",
            Origin.ARN,
            "resource_arn#resource_type",
        ),
        member("tag_key", TEXT, "key", "Key of the tag."),
        member("tag_value", TEXT, "value", "Value of the tag; may be the empty string."),
        Column(
            "extra",
            TEXT,
            "JSON of the value, as a member named value, where it is no text; null otherwise.",
            Origin.UNKNOWN,
        ),
    ),
)

PROJECT_POLICIES = Table(
    name="project_policies",
    noun="policy",
    description="Policies attached to projects: which accounts may copy model versions from them.",
    grain="one row per policy of a project",
    operation="ListProjectPolicies",
    key=("project_arn", "policy_name"),
    parent=Parent("project_arn", ("projects",)),
    columns=(
        ACCOUNT_ID,
        REGION,
        member("project_arn", TEXT, "ProjectArn", "ARN of the project that the policy is attached to."),
        member("policy_name", TEXT, "PolicyName", "Name of the policy."),
        member("policy_revision_id", TEXT, "PolicyRevisionId", "Id that changes with each revision of the policy."),
        member("policy_document", TEXT, "PolicyDocument", "The policy as JSON text, as it was given."),
        instant("created_at", "CreationTimestamp", "When the policy was created."),
        instant("updated_at", "LastUpdatedTimestamp", "When the policy was last updated."),
        EXTRA,
    ),
)
