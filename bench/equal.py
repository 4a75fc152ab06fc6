"""Do exports hold the same? A checksum of each table over the columns that all have, in any order of rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

VERSIONS = (
    "project_arn", "project_version_arn", "epoch_us(created_at)", "status", "status_message", "min_inference_units",
    "billable_training_seconds::bigint", "epoch_us(training_ended_at)", "output_bucket", "output_key_prefix",
    "testing_input_auto_create", "testing_output_auto_create", "f1_score", "evaluation_summary_bucket",
    "evaluation_summary_key", "manifest_summary_bucket", "manifest_summary_key", "kms_key_id",
    "source_project_version_arn", "version_description",
)  # fmt: skip
ASSETS = ("project_version_arn", "data_result", "stage", "asset_index", "bucket", "key", "version")
DLT_VERSIONS = """
    select
        project_arn, project_version_arn, creation_timestamp as created_at, status, status_message, min_inference_units,
        billable_training_time_in_seconds as billable_training_seconds, training_end_timestamp as training_ended_at,
        output_config__s3_bucket as output_bucket, output_config__s3_key_prefix as output_key_prefix,
        testing_data_result__input__auto_create as testing_input_auto_create,
        testing_data_result__output__auto_create as testing_output_auto_create,
        evaluation_result__f1_score as f1_score,
        evaluation_result__summary__s3_object__bucket as evaluation_summary_bucket,
        evaluation_result__summary__s3_object__name as evaluation_summary_key,
        manifest_summary__s3_object__bucket as manifest_summary_bucket,
        manifest_summary__s3_object__name as manifest_summary_key,
        kms_key_id, source_project_version_arn, version_description,
    from read_parquet('{folder}/project_versions/*.parquet', union_by_name = true)
"""
DLT_ASSETS = """
    select
        versions.project_version_arn, '{data_result}' as data_result, '{stage}' as stage, _dlt_list_idx as asset_index,
        ground_truth_manifest__s3_object__bucket as bucket, ground_truth_manifest__s3_object__name as key,
        {version} as version,
    from read_parquet('{folder}/project_versions__{data_result}_data_result__{stage}__assets/*.parquet') as assets
    inner join read_parquet('{folder}/project_versions/*.parquet', union_by_name = true) as versions
        on assets._dlt_parent_id = versions._dlt_id
"""


def same(folders: Mapping[str, Path]) -> str:
    """Return what is the same in all exports, in words. ValueError, with the checksums, if something is not."""
    found = {name: checksums(folder) for name, folder in folders.items()}
    if len(set(found.values())) != 1:
        raise ValueError("the exports differ: " + "; ".join(f"{name} {sums}" for name, sums in found.items()))
    (versions, _), (assets, _) = next(iter(found.values()))
    return f"{versions:,} versions and {assets:,} assets, the same in {', '.join(found)}"


def checksums(folder: Path) -> tuple[tuple[int, int], ...]:
    """Return rows and checksum of project_versions and of version_assets, wherever in the folder they lie."""
    with duckdb.connect() as con:
        return tuple(
            con.sql(f"select count(*), sum(hash({', '.join(columns)})::hugeint) from ({query})").fetchall()[0]
            for query, columns in zip(_queries(folder), (VERSIONS, ASSETS), strict=True)
        )


def _queries(folder: Path) -> tuple[str, str]:
    """Return what reads both tables: a lake's published snapshot, dlt's folders, or files beside each other."""
    if (folder / "CURRENT").exists():
        folder = folder / "snapshots" / (folder / "CURRENT").read_text(encoding="utf-8").strip()
    if (folder / "lake").exists():
        folder = folder / "lake"
        lists = [(result, stage) for result in ("training", "testing") for stage in ("input", "output", "validation")]
        s3_version = {"input": "ground_truth_manifest__s3_object__version"}
        assets = " union all ".join(
            DLT_ASSETS.format(folder=folder, data_result=result, stage=stage, version=s3_version.get(stage, "null"))
            for result, stage in lists
        )
        return DLT_VERSIONS.format(folder=folder), assets
    return tuple(f"from read_parquet('{folder}/{name}.parquet')" for name in ("project_versions", "version_assets"))
