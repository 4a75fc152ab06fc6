"""Each check finds what it is for, and nothing in a lake where all is as it should be."""
# ruff: noqa: E501  a table row is one line

from __future__ import annotations

import botocore.session
import pytest

from pipeline import model
from pipeline.model import TABLES
from pipeline.query import checks
from tests.sql import lakes

CLEAN = {
    "projects": """
        | project_name | status   | feature            | auto_update | created_at           |
        |--------------|----------|--------------------|-------------|----------------------|
        | p            | CREATED  |                    |             | 2024-01-01 00:00:00Z |
        | q            | CREATING | CONTENT_MODERATION | ENABLED     | 2024-07-01 20:00:00Z |
    """,
    "datasets": """
        | dataset_arn | dataset_type | status          | status_message_code | created_at           |
        |-------------|--------------|-----------------|---------------------|----------------------|
        | p/train     | TRAIN        | CREATE_COMPLETE | SUCCESS             | 2024-01-01 00:00:00Z |
        | p/test      | TEST         |                 |                     |                      |
    """,
    "project_versions": """
        | version_name | status               | created_at           | training_ended_at    | billable_training_seconds | f1_score | min_inference_units | max_inference_units | source_project_version_arn | moderation_confidence_threshold | feature            |
        |--------------|----------------------|----------------------|----------------------|---------------------------|----------|---------------------|---------------------|----------------------------|---------------------------------|--------------------|
        | v1           | TRAINING_COMPLETED   | 2024-01-01 00:00:00Z | 2024-01-01 00:00:00Z | 0                         | 0        |                     |                     |                            |                                 |                    |
        | v2           | RUNNING              | 2024-01-01 00:00:00Z | 2024-02-01 00:00:00Z | 2678400                   | 1        | 1                   | 1                   |                            |                                 | CUSTOM_LABELS      |
        | v3           | COPYING_COMPLETED    | 2024-01-02 00:00:00Z | 2020-01-01 00:00:00Z |                           |          |                     |                     | p/v1                       |                                 |                    |
        | v4           | TRAINING_IN_PROGRESS | 2024-07-01 20:00:00Z |                      |                           |          |                     |                     |                            |                                 |                    |
        | v5           | TRAINING_COMPLETED   |                      |                      |                           |          | 2                   | 5                   |                            | 0                               | CONTENT_MODERATION |
        | v6           | TRAINING_COMPLETED   |                      |                      |                           |          | 2                   |                     |                            | 100                             | CONTENT_MODERATION |
    """,
    "version_assets": """
        | project_version_arn | data_result | stage | asset_index |
        |---------------------|-------------|-------|-------------|
        | p/v1                | training    | input | 0           |
        | p/v1                | training    | input | 1           |
        | p/v1                | testing     | input | 0           |
    """,
    "dataset_statistics": """
        | dataset_arn | status          | status_message_code | labeled_entries | error_entries | total_entries | total_labels |
        |-------------|-----------------|---------------------|-----------------|---------------|---------------|--------------|
        | p/train     | UPDATE_COMPLETE | SUCCESS             | 4               | 4             | 4             | 0            |
        | p/test      |                 |                     |                 |               |               |              |
    """,
    "resource_tags": """
        | resource_arn | tag_key | tag_value |
        |--------------|---------|-----------|
        | p            | team    | vision    |
        | p/train      | team    | vision    |
        | p/v1         | team    | ''        |
        | p/v1         | ''      | vision    |
    """,
    "project_policies": """
        | policy_name | policy_document |
        |-------------|-----------------|
        | share       | {}              |
        | share-again | {}              |
    """,
}
RUNS = [lakes.run_record(scopes=[{}])]

FIRES = [
    ("projects_unique", "projects", "| project_arn |\n| p |\n| p |", 1),
    ("datasets_unique", "datasets", "| dataset_arn |\n| p/d |\n| p/d |\n| p/d |", 1),
    ("project_versions_unique", "project_versions", "| version_name |\n| v |\n| v |", 1),
    (
        "version_assets_unique",
        "version_assets",
        "| asset_index |project_version_arn|\n| 0 | p/v |\n| 0 | p/v |",
        1,
    ),
    ("projects_required", "projects", "| project_arn |\n| |\n| p |", 1),
    ("projects_required", "projects", "| account_id | region |\n| | us-east-1 |\n| 111122223333 | |", 2),
    ("datasets_required", "datasets", "| dataset_arn | project_arn |\n| | p |\n| p/d | |", 2),
    (
        "project_versions_required",
        "project_versions",
        "| project_version_arn | project_arn |\n| | p |\n| p/v | |",
        2,
    ),
    (
        "version_assets_required",
        "version_assets",
        "| project_version_arn | data_result | stage | asset_index |\n| | training | input | 0 |\n| p/v | | input | 0 |\n| p/v | training | | 0 |\n| p/v | training | input | |",
        4,
    ),
    ("dataset_statistics_unique", "dataset_statistics", "| dataset_arn |\n| p/d |\n| p/d |", 1),
    (
        "resource_tags_unique",
        "resource_tags",
        "| resource_arn | tag_key |\n| p | k |\n| p | k |\n| p | l |\n| q | k |",
        1,
    ),
    (
        "project_policies_unique",
        "project_policies",
        "| project_arn | policy_name |\n| p | a |\n| p | a |\n| q | a |",
        1,
    ),
    ("dataset_statistics_required", "dataset_statistics", "| dataset_arn | project_arn |\n| | p |\n| p/d | |", 2),
    (
        "resource_tags_required",
        "resource_tags",
        "| resource_arn | project_arn | tag_key |\n| | p | k |\n| p | | k |\n| p | p | |\n| p | p | '' |",
        3,
    ),
    (
        "project_policies_required",
        "project_policies",
        "| account_id | project_arn | policy_name |\n| | p | a |\n| 111122223333 | | a |\n| 111122223333 | p | |",
        3,
    ),
    ("dataset_statistics_orphan", "dataset_statistics", "| dataset_arn |\n| p/gone |", 1),
    ("resource_tags_orphan", "resource_tags", "| resource_arn | tag_key |\n| p/v | k |\n| p/v | l |\n| p | k |", 2),
    ("project_policies_orphan", "project_policies", "| project_arn | policy_name |\n| gone | a |\n| gone | b |", 1),
    (
        "dataset_entries_range",
        "dataset_statistics",
        "| labeled_entries | error_entries | total_entries | total_labels |\n| 2 | | 1 | |\n| 0 | 2 | 1 | |\n| -1 | | | |\n| | | | -1 |\n| | | 3 | |\n| 9 | | | 1 |",
        4,
    ),
    ("datasets_orphan", "datasets", "| project_arn |\n| gone |", 1),
    ("project_versions_orphan", "project_versions", "| project_arn |\n| gone |", 1),
    (
        "version_assets_orphan",
        "version_assets",
        "| project_version_arn | asset_index |\n| p/gone | 0 |\n| p/gone | 1 |",
        1,
    ),
    ("version_assets_orphan", "version_assets", "| project_version_arn | region |\n| p/v | eu-west-1 |", 1),
    ("version_assets_orphan", "version_assets", "| project_version_arn | account_id |\n| p/v | 999900001111 |", 1),
    ("version_assets_counted", "version_assets", "| project_version_arn |\n| p/gone |", 1),
    ("version_assets_dense", "version_assets", "| project_version_arn | asset_index |\n| p/v | 1 |", 1),
    (
        "version_assets_dense",
        "version_assets",
        "| project_version_arn | asset_index |\n| p/v | 0 |\n| p/v | 2 |",
        1,
    ),
    (
        "version_assets_counted",
        "project_versions",
        (
            "| version_name | training_input_count | training_output_count | training_validation_count "
            "| testing_input_count | testing_output_count | testing_validation_count |\n"
            "| v1 | 1 | 0 | 0 | 0 | 0 | 0 |\n| v2 | 0 | 0 | 0 | 0 | 0 | 0 |\n| v3 | | | | | | |"
        ),
        1,
    ),
    ("f1_score_range", "project_versions", "| f1_score |\n| -0.1 |\n| 1.1 |\n| nan |\n| 1 |", 3),
    (
        "moderation_confidence_threshold_range",
        "project_versions",
        "| moderation_confidence_threshold |\n| -1 |\n| 100.5 |",
        2,
    ),
    (
        "inference_units_order",
        "project_versions",
        "| min_inference_units | max_inference_units |\n| 3 | 2 |\n| 0 | |",
        2,
    ),
    (
        "training_ends_before_creation",
        "project_versions",
        "| created_at | training_ended_at |\n| 2024-01-01 00:00:01Z | 2024-01-01 00:00:00Z |",
        1,
    ),
    (
        "arn_scope",
        "projects",
        "| project_arn |\n| 111122223333:eu-west-1:p |\n| 999900001111:us-east-1:p |",
        2,
    ),
    ("arn_scope", "datasets", "| dataset_arn |\n| 111122223333:eu-west-1:p/d |", 1),
    ("arn_scope", "project_versions", "| project_version_arn |\n| 999900001111:us-east-1:p/v |", 1),
    ("arn_scope", "dataset_statistics", "| dataset_arn |\n| 111122223333:eu-west-1:p/d |", 1),
    (
        "arn_scope",
        "resource_tags",
        "| resource_arn | tag_key |\n| 999900001111:us-east-1:p | a |\n| 999900001111:us-east-1:p | b |",
        1,
    ),
    ("arn_scope", "project_policies", "| project_arn |\n| 999900001111:us-east-1:p |", 1),
    ("arn_names", "projects", "| project_name |\n| |", 1),
    ("arn_names", "project_versions", "| project_name | version_name |\n| p | |\n| | v |", 2),
    ("unknown_project_status", "projects", "| status |\n| NEW |\n| CREATED |\n| |", 1),
    ("unknown_project_feature", "projects", "| feature |\n| NEW |\n| |", 1),
    ("unknown_project_auto_update", "projects", "| auto_update |\n| NEW |\n| |", 1),
    ("unknown_dataset_type", "datasets", "| dataset_type |\n| NEW |\n| TRAIN |\n| |", 1),
    ("unknown_dataset_status", "datasets", "| status |\n| NEW |\n| |", 1),
    ("unknown_dataset_status_message_code", "datasets", "| status_message_code |\n| NEW |\n| |", 1),
    ("unknown_dataset_statistics_status", "dataset_statistics", "| status |\n| NEW |\n| UPDATE_COMPLETE |", 1),
    (
        "unknown_dataset_statistics_status_message_code",
        "dataset_statistics",
        "| status_message_code |\n| NEW |\n| SUCCESS |",
        1,
    ),
    ("unknown_version_status", "project_versions", "| status |\n| NEW |\n| RUNNING |\n| '' |", 2),
    ("unknown_version_feature", "project_versions", "| feature |\n| NEW |\n| |", 1),
    (
        "billable_training_absurd",
        "project_versions",
        "| billable_training_seconds |\n| 9223372036854775807 |\n| 2678401 |",
        2,
    ),
    (
        "training_duration_absurd",
        "project_versions",
        "| created_at | training_ended_at |\n| 2024-01-01 00:00:00Z | 2024-02-01 00:00:01Z |",
        1,
    ),
    ("created_in_future", "projects", "| created_at |\n| 2024-07-02 00:00:01Z |", 1),
    ("created_in_future", "datasets", "| created_at |\n| 2024-07-02 00:00:01Z |", 1),
    ("created_in_future", "dataset_statistics", "| created_at |\n| 2024-07-02 00:00:01Z |", 1),
    ("created_in_future", "project_policies", "| created_at |\n| 2024-07-02 00:00:01Z |", 1),
    ("created_in_future", "project_versions", "| created_at |\n| 2024-07-02 00:00:01Z |", 1),
    ("trained_without_f1", "project_versions", "| status |\n| TRAINING_COMPLETED |\n| TRAINING_FAILED |", 1),
]


EVERY = {check.name: check for check in checks.all_checks()}
HISTORY_CHECKS = [name for name in EVERY if name.startswith("history_")]


def results(lake):
    with lakes.asked(lake) as con:
        return {result.name: result for result in checks.run(con)}


def result(lake, name):
    """What one check finds; that the command runs all of them, `test_a_clean_lake_passes` shows."""
    with lakes.asked(lake) as con:
        return checks.run_check(con, EVERY[name])


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    lake = tmp_path_factory.mktemp("clean")
    lakes.make(lake, {name: lakes.rows_of(text) for name, text in CLEAN.items()}, RUNS)
    return results(lake)


@pytest.mark.parametrize("name", EVERY)
def test_a_clean_lake_passes(name, clean):
    assert clean[name].sample.to_pylist() == []
    assert clean[name].passed


@pytest.mark.parametrize(
    ("name", "table", "rows", "count"), FIRES, ids=[f"{name}-{table}" for name, table, *_ in FIRES]
)
def test_a_check_finds_what_it_is_for(name, table, rows, count, place):
    lakes.make(place, {table: lakes.rows_of(rows)})
    found = result(place, name)
    assert (found.rows, found.sample.num_rows, found.passed) == (count, count, False)


def test_a_lake_that_is_broken_in_every_way_stops_no_check(place):
    given = {}
    for _, table, rows, _ in FIRES:
        given.setdefault(table, []).extend(lakes.rows_of(rows))
    lakes.make(place, given)
    found = results(place)
    assert {name for name, *_ in FIRES} <= {name for name, result in found.items() if not result.passed}


def test_a_stale_scope_is_found(place):
    failed = {"region": "eu-west-1", "outcome": "failed", "error": "access denied"}
    lakes.make(place, runs=[lakes.run_record(outcome="partial", scopes=[{}, failed])])
    found = result(place, "scopes_stale")
    assert [(row["region"], row["error"]) for row in found.sample.to_pylist()] == [("eu-west-1", "access denied")]


def test_an_unreadable_run_record_is_found(place):
    lakes.make(place, runs=RUNS)
    for name, text in {"cut.json": '{"run_id": "r', "list.json": "[]", "empty.json": ""}.items():
        (place / "runs" / name).write_text(text)
    found = result(place, "run_records_readable")
    assert sorted(row["starts_with"] for row in found.sample.to_pylist()) == ["", "[]", '{"run_id": "r']


def test_every_check_is_made_to_fire():
    elsewhere = {"scopes_stale", "run_records_readable"} | set(HISTORY_CHECKS)  # test_history_checks.py
    assert {name for name, *_ in FIRES} | elsewhere == set(EVERY)


def test_all_rows_are_counted_and_some_are_kept(place):
    lakes.make(place, {"project_versions": [{"f1_score": "2", "version_name": f"v{i}"} for i in range(5000)]})
    found = result(place, "f1_score_range")
    assert (found.rows, found.sample.num_rows) == (5000, checks.SAMPLE_ROWS)


ENUMS = {
    ("projects", "status"): "ProjectStatus",
    ("projects", "feature"): "CustomizationFeature",
    ("projects", "auto_update"): "ProjectAutoUpdate",
    ("project_versions", "status"): "ProjectVersionStatus",
    ("project_versions", "feature"): "CustomizationFeature",
    ("datasets", "status"): "DatasetStatus",
    ("datasets", "dataset_type"): "DatasetType",
    ("datasets", "status_message_code"): "DatasetStatusMessageCode",
    ("dataset_statistics", "status"): "DatasetStatus",
    ("dataset_statistics", "status_message_code"): "DatasetStatusMessageCode",
}


@pytest.mark.parametrize(("column", "shape"), ENUMS.items(), ids=[".".join(column) for column in ENUMS])
def test_every_value_of_the_service_model_is_known(column, shape):
    service = botocore.session.get_session().get_service_model("rekognition")
    values = service.shape_for(shape).enum
    assert values
    assert set(values) <= set(model.table(column[0]).column(column[1]).one_of)


def test_what_has_known_values_is_compared_with_the_service_model():
    assert {(table.name, column.name) for table in TABLES for column in table.columns if column.one_of} == set(ENUMS)
