"""The declared tables: what each column holds and where its value is in the API's answers.

The tables of the two listings are here, those of details in `pipeline.model.details`.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from types import MappingProxyType

from pipeline.model.columns import (
    ACCOUNT_ID,
    BOOL,
    DATASET_STATUSES,
    DOUBLE,
    EXTRA,
    FEATURE,
    INTEGER,
    PROJECT_STATUSES,
    REGION,
    STATUS_CODES,
    TEXT,
    VERSION_STATUSES,
    count,
    instant,
    member,
)
from pipeline.model.details import DATASET_STATISTICS, PROJECT_POLICIES, RESOURCE_TAGS
from pipeline.model.operations import DETAILS
from pipeline.model.schema import Column, Items, Origin, Parent, Table

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
        member("status", TEXT, "Status", "CREATING, CREATED or DELETING.", one_of=PROJECT_STATUSES),
        FEATURE,
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
        member("status", TEXT, "Status", "Status of the dataset, such as CREATE_COMPLETE.", one_of=DATASET_STATUSES),
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

PROJECT_VERSIONS = Table(
    name="project_versions",
    noun="version",
    description="Model versions with every scalar of their description, nested or not.",
    grain="one row per model version",
    operation="DescribeProjectVersions",
    key=("project_version_arn",),
    parent=Parent("project_arn", ("projects",)),
    columns=(
        ACCOUNT_ID,
        REGION,
        Column(
            "project_arn",
            TEXT,
            "ARN of the project it was listed for (a version's own ARN does not hold it).",
            Origin.REQUEST,
            "project_arn",
            is_required=True,
        ),
        member(
            "project_version_arn",
            TEXT,
            "ProjectVersionArn",
            "ARN of the model version; the key.",
            is_distinct=True,
        ),
        Column(
            "project_name",
            TEXT,
            "Name of the project, parsed out of the version's ARN.",
            Origin.ARN,
            "ProjectVersionArn#project_name",
        ),
        Column(
            "version_name",
            TEXT,
            "Name of the version, parsed out of its ARN.",
            Origin.ARN,
            "ProjectVersionArn#version_name",
            is_distinct=True,
        ),
        instant("created_at", "CreationTimestamp", "When training (or copying) was asked for."),
        member(
            "status",
            TEXT,
            "Status",
            "Status of the version, such as TRAINING_COMPLETED or RUNNING.",
            one_of=VERSION_STATUSES,
        ),
        member("status_message", TEXT, "StatusMessage", "The service's words on the status."),
        member(
            "min_inference_units",
            INTEGER,
            "MinInferenceUnits",
            "Inference units the model was last started with; null if it never was.",
            "inference units",
        ),
        member(
            "max_inference_units",
            INTEGER,
            "MaxInferenceUnits",
            "Inference units the service may scale to; null if auto-scaling is off.",
            "inference units",
        ),
        member(
            "billable_training_seconds",
            INTEGER,
            "BillableTrainingTimeInSeconds",
            "Training time that was billed; parallel training makes it differ from the elapsed time.",
            "seconds",
        ),
        instant("training_ended_at", "TrainingEndTimestamp", "When training ended."),
        member("output_bucket", TEXT, "OutputConfig.S3Bucket", "Bucket the training results go to."),
        member(
            "output_key_prefix",
            TEXT,
            "OutputConfig.S3KeyPrefix",
            "Key prefix the training results go to.",
            is_distinct=True,
        ),
        member(
            "testing_input_auto_create",
            BOOL,
            "TestingDataResult.Input.AutoCreate",
            "Whether the service was asked to split a test dataset off the training one.",
        ),
        member(
            "testing_output_auto_create",
            BOOL,
            "TestingDataResult.Output.AutoCreate",
            "Whether the test dataset used was split off by the service.",
        ),
        member(
            "f1_score",
            DOUBLE,
            "EvaluationResult.F1Score",
            "Aggregate F1 over the test set, as the API gives it (float32 widened).",
            "ratio, 0 to 1",
            is_distinct=True,
            bounds=(0, 1),
        ),
        member(
            "evaluation_summary_bucket",
            TEXT,
            "EvaluationResult.Summary.S3Object.Bucket",
            "Bucket of the evaluation summary.",
        ),
        member(
            "evaluation_summary_key",
            TEXT,
            "EvaluationResult.Summary.S3Object.Name",
            "Key of the evaluation summary.",
            is_distinct=True,
        ),
        member(
            "evaluation_summary_version",
            TEXT,
            "EvaluationResult.Summary.S3Object.Version",
            "S3 object version of the evaluation summary.",
        ),
        member(
            "manifest_summary_bucket",
            TEXT,
            "ManifestSummary.S3Object.Bucket",
            "Bucket of the manifest summary (validation of all manifests).",
        ),
        member(
            "manifest_summary_key",
            TEXT,
            "ManifestSummary.S3Object.Name",
            "Key of the manifest summary.",
            is_distinct=True,
        ),
        member(
            "manifest_summary_version",
            TEXT,
            "ManifestSummary.S3Object.Version",
            "S3 object version of the manifest summary.",
        ),
        member("kms_key_id", TEXT, "KmsKeyId", "Customer-managed KMS key that encrypts training results."),
        member(
            "source_project_version_arn",
            TEXT,
            "SourceProjectVersionArn",
            "ARN of the version this one was copied from; null if it was trained here.",
        ),
        member("version_description", TEXT, "VersionDescription", "What its makers wrote of the version."),
        FEATURE,
        member("base_model_version", TEXT, "BaseModelVersion", "Base model an adapter was trained on (adapters only)."),
        member(
            "moderation_confidence_threshold",
            DOUBLE,
            "FeatureConfig.ContentModeration.ConfidenceThreshold",
            "Confidence threshold set when the adapter was trained (adapters only).",
            "percent, 0 to 100",
            bounds=(0, 100),
        ),
        # counted here, because counting in version_assets would take most of the time of a query over versions
        count("training_input_count", "TrainingDataResult.Input.Assets", "Manifests given for training."),
        count(
            "training_output_count", "TrainingDataResult.Output.Assets", "Manifests the service wrote of the training."
        ),
        count(
            "training_validation_count",
            "TrainingDataResult.Validation.Assets",
            "Training manifests with the errors found in them.",
        ),
        count("testing_input_count", "TestingDataResult.Input.Assets", "Manifests given for testing."),
        count("testing_output_count", "TestingDataResult.Output.Assets", "Manifests the service wrote of the testing."),
        count(
            "testing_validation_count",
            "TestingDataResult.Validation.Assets",
            "Testing manifests with the errors found in them.",
        ),
        EXTRA,
    ),
)

VERSION_ASSETS = Table(
    name="version_assets",
    noun="asset",
    description="Manifests that a model version was trained and tested with, and those it wrote.",
    grain="one row per manifest asset of a model version",
    operation="DescribeProjectVersions",
    key=("project_version_arn", "data_result", "stage", "asset_index"),
    parent=Parent("project_version_arn", ("project_versions",)),
    items=tuple(
        Items(
            f"{data_result.capitalize()}DataResult.{stage.capitalize()}.Assets",
            MappingProxyType({"data_result": data_result, "stage": stage}),
        )
        for data_result in ("testing", "training")
        for stage in ("input", "output", "validation")
    ),
    columns=(
        ACCOUNT_ID,
        REGION,
        Column(
            "project_arn",
            TEXT,
            "ARN of the project that the version was listed for.",
            Origin.REQUEST,
            "project_arn",
            is_required=True,
        ),
        Column("project_version_arn", TEXT, "ARN of the model version.", Origin.PARENT, "ProjectVersionArn"),
        Column("data_result", TEXT, "training or testing.", Origin.LIST, "data_result"),
        Column(
            "stage",
            TEXT,
            "input (given), output (used, with results) or validation (input with the errors found).",
            Origin.LIST,
            "stage",
        ),
        Column("asset_index", INTEGER, "Place in the list, as listed.", Origin.INDEX, unit="0-based"),
        member("bucket", TEXT, "GroundTruthManifest.S3Object.Bucket", "Bucket of the manifest."),
        member("key", TEXT, "GroundTruthManifest.S3Object.Name", "Key of the manifest.", is_distinct=True),
        member("version", TEXT, "GroundTruthManifest.S3Object.Version", "S3 object version of the manifest."),
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
"""Members of the output shapes that no column holds, each with the reason."""


def table(name: str) -> Table:
    """Return the declared table of that name; KeyError if there is none."""
    for candidate in TABLES:
        if candidate.name == name:
            return candidate
    raise KeyError(name)


def tables_of_detail(detail: str) -> tuple[Table, ...]:
    """Return the tables of a detail. The first column of their keys is the resource's ARN."""
    return tuple(candidate for candidate in TABLES if candidate.operation == DETAILS[detail])


@cache
def declaration_digest() -> str:
    """Return a SHA-256 that changes with anything that is declared of the tables: names, types, paths, words."""
    return sha256(repr(TABLES).encode()).hexdigest()


def declared_columns() -> dict[str, list[str]]:
    """Return the names of the declared columns of each table."""
    return {candidate.name: list(candidate.names) for candidate in TABLES}
